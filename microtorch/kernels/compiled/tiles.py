"""What LLVM does not find by itself: the innermost loops of convolution, written in vectors.

Each function here is an instruction sequence that compiled kernels take in (numba's intrinsics): it reads and writes
flat arrays from a given index on, without bounds. The sums of a tile stay in the vector registers from the first
product to the last; that is what makes a matrix product fast (Goto and van de Geijn, Anatomy of high-performance matrix
multiplication, 2008). Where rows end within a vector, masks keep what lies behind untouched.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["BYTES", "ROWS", "dots", "give", "lanes", "poke", "products", "slide", "slide_dots", "take"]


def _instructions(function: Callable[..., Any]) -> Any:
    """What compiled kernels call: `function` gives its signature and builds its instructions."""
    return intrinsic(prefer_literal=True)(function)


_features = binding.get_host_cpu_features()
BYTES = 64 if _features.get("avx512f") else 32 if _features.get("avx") else 16
"""Bytes of a vector register."""
ROWS = 8 if BYTES != 32 else 4
"""Rows of the largest tile: with 3 vectors in each, its sums and what they are made of fill the registers."""

_FUSED = ("contract",)  # a product and a sum may become one instruction
_int = ir.IntType(64)


def lanes(itemsize: int) -> int:
    """How many numbers of that size a vector has."""
    return BYTES // itemsize


def _number(value: int) -> Any:
    return ir.Constant(_int, value)


def _vector(context: Any, dtype: Any) -> Any:
    return ir.VectorType(context.get_value_type(dtype), BYTES * 8 // dtype.bitwidth)


def _at(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    """A pointer to array[index]."""
    return builder.gep(context.make_array(array_type)(context, builder, array).data, [index])


def _load(builder: Any, pointer: Any, vector: Any) -> Any:
    loaded = builder.load(builder.bitcast(pointer, vector.as_pointer()))
    loaded.align = 4
    return loaded


def _splat(builder: Any, value: Any, vector: Any) -> Any:
    """A vector of copies."""
    undefined, index = ir.Constant(vector, ir.Undefined), ir.IntType(32)
    first = builder.insert_element(undefined, value, ir.Constant(index, 0))
    zeros = ir.Constant(ir.VectorType(index, vector.count), [0] * vector.count)
    return builder.shuffle_vector(first, undefined, zeros)


def _multiply_add(builder: Any, a: Any, b: Any, total: Any) -> Any:
    return builder.fadd(builder.fmul(a, b, flags=_FUSED), total, flags=_FUSED)


def _sum(builder: Any, value: Any, bits: int) -> Any:
    """The sum of a vector's lanes, in any order."""
    scalar = value.type.element
    kind = ir.FunctionType(scalar, [scalar, value.type])
    total = cgutils.get_or_insert_function(builder.module, kind, f"llvm.vector.reduce.fadd.v{value.type.count}f{bits}")
    return builder.call(total, [ir.Constant(scalar, 0.0), value], fastmath=("reassoc",))


class _Loop:
    """`for at in range(count)`, at least once, with values that each round replaces by others."""

    def __init__(self, builder: Any, count: Any, values: list[Any]) -> None:
        self.builder, self.count = builder, count
        before = builder.block
        self.body, self.end = builder.append_basic_block("body"), builder.append_basic_block("end")
        builder.branch(self.body)
        builder.position_at_end(self.body)
        self.at = builder.phi(_int)
        self.at.add_incoming(_number(0), before)
        self.values = [builder.phi(v.type) for v in values]
        for phi, v in zip(self.values, values):
            phi.add_incoming(v, before)

    def close(self, values: list[Any]) -> None:
        """The end of the loop's body, which found these values."""
        block, following = self.builder.block, self.builder.add(self.at, _number(1))
        self.at.add_incoming(following, block)
        for phi, v in zip(self.values, values):
            phi.add_incoming(v, block)
        self.builder.cbranch(self.builder.icmp_signed("<", following, self.count), self.body, self.end)
        self.builder.position_at_end(self.end)


@_instructions
def products(
    typing: Any, rows: Any, wide: Any, a: Any, a_at: Any, b: Any, b_at: Any, offsets: Any, first: Any, count: Any,
    out: Any, out_at: Any, step: Any,
) -> tuple[Any, Callable[..., Any]]:  # fmt: skip
    """A tile of a matrix product: for i < rows and x in `wide` vectors
    out[out_at + i step + x] = sum over t < count (>= 1) of a[a_at + t rows + i] b[b_at + offsets[first + t] + x].
    """
    index = types.intp
    signature = types.void(rows, wide, a, index, b, index, offsets, index, index, out, index, index)
    m, n = rows.literal_value, wide.literal_value

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        _, _, a_array, a_start, b_array, b_start, table, t0, taps, out_array, out_start, row_step = args
        vector = _vector(context, b.dtype)
        left, right = _at(context, builder, a, a_array, a_start), _at(context, builder, b, b_array, b_start)
        table = _at(context, builder, offsets, table, t0)
        target = _at(context, builder, out, out_array, out_start)
        loop = _Loop(builder, taps, [ir.Constant(vector, None)] * (m * n))
        row = builder.gep(right, [builder.load(builder.gep(table, [loop.at]))])
        taken = [_load(builder, builder.gep(row, [_number(vector.count * j)]), vector) for j in range(n)]
        column = builder.gep(left, [builder.mul(loop.at, _number(m))])
        totals = []
        for i in range(m):
            factor = _splat(builder, builder.load(builder.gep(column, [_number(i)])), vector)
            totals += [_multiply_add(builder, factor, taken[j], loop.values[i * n + j]) for j in range(n)]
        loop.close(totals)
        for i in range(m):
            line = builder.gep(target, [builder.mul(row_step, _number(i))])
            for j in range(n):
                pointer = builder.gep(line, [_number(vector.count * j)])
                builder.store(totals[i * n + j], builder.bitcast(pointer, vector.as_pointer())).align = 4
        return context.get_dummy_value()

    return signature, build


@_instructions
def dots(
    typing: Any, rows: Any, columns: Any, a: Any, a_at: Any, a_step: Any, a_next: Any, b: Any, b_at: Any,
    offsets: Any, first: Any, b_next: Any, pieces: Any, count: Any, out: Any, out_at: Any, step: Any,
) -> tuple[Any, Callable[..., Any]]:  # fmt: skip
    """A tile of sums of products of rows: for i < rows, j < columns, over p < pieces and x in `count` vectors (>= 1)
    out[out_at + i step + j] += sum of a[a_at + i a_step + p a_next + x] b[b_at + offsets[first + j] + p b_next + x].
    """
    index = types.intp
    signature = types.void(
        rows, columns, a, index, index, index, b, index, offsets, index, index, index, index, out, index, index
    )
    m, n = rows.literal_value, columns.literal_value

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        (_, _, a_array, a_start, row_step, a_piece, b_array, b_start, table, t0, b_piece, outer, inner, out_array,
         out_start, out_step) = args  # fmt: skip
        vector = _vector(context, b.dtype)
        left, right = _at(context, builder, a, a_array, a_start), _at(context, builder, b, b_array, b_start)
        table = _at(context, builder, offsets, table, t0)
        target = _at(context, builder, out, out_array, out_start)
        shifts = [builder.load(builder.gep(table, [_number(j)])) for j in range(n)]
        piece = _Loop(builder, outer, [ir.Constant(vector, None)] * (m * n))
        at_left = builder.gep(left, [builder.mul(piece.at, a_piece)])
        at_right = builder.gep(right, [builder.mul(piece.at, b_piece)])
        lefts = [builder.gep(at_left, [builder.mul(row_step, _number(i))]) for i in range(m)]
        rights = [builder.gep(at_right, [shift]) for shift in shifts]
        loop = _Loop(builder, inner, piece.values)
        x = builder.mul(loop.at, _number(vector.count))
        held = [_load(builder, builder.gep(p, [x]), vector) for p in lefts]
        totals: list[Any] = [None] * (m * n)
        for j in range(n):
            taken = _load(builder, builder.gep(rights[j], [x]), vector)
            for i in range(m):
                totals[i * n + j] = _multiply_add(builder, held[i], taken, loop.values[i * n + j])
        loop.close(totals)
        piece.close(totals)
        for i in range(m):
            line = builder.gep(target, [builder.mul(out_step, _number(i))])
            for j in range(n):
                pointer = builder.gep(line, [_number(j)])
                summed = _sum(builder, totals[i * n + j], b.dtype.bitwidth)
                builder.store(builder.fadd(builder.load(pointer), summed), pointer)
        return context.get_dummy_value()

    return signature, build


def _masked(builder: Any, left: Any, vector: Any) -> Any:
    """Which lanes are among the first `left` ones."""
    short = ir.IntType(32)
    ramp = ir.Constant(ir.VectorType(short, vector.count), list(range(vector.count)))
    return builder.icmp_signed("<", ramp, _splat(builder, builder.trunc(left, short), ramp.type))


def _masked_load(builder: Any, pointer: Any, mask: Any, vector: Any, bits: int) -> Any:
    """A vector, zero where the mask is not; nothing else is read."""
    pointer, short = builder.bitcast(pointer, vector.as_pointer()), ir.IntType(32)
    kind = ir.FunctionType(vector, [pointer.type, short, mask.type, vector])
    load = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.load.v{vector.count}f{bits}.p0")
    return builder.call(load, [pointer, ir.Constant(short, bits // 8), mask, ir.Constant(vector, None)])


def _masked_store(builder: Any, value: Any, pointer: Any, mask: Any, bits: int) -> None:
    """Store the lanes where the mask is; nothing else is written."""
    vector, short = value.type, ir.IntType(32)
    pointer = builder.bitcast(pointer, vector.as_pointer())
    kind = ir.FunctionType(ir.VoidType(), [vector, pointer.type, short, mask.type])
    store = cgutils.get_or_insert_function(builder.module, kind, f"llvm.masked.store.v{vector.count}f{bits}.p0")
    builder.call(store, [value, pointer, ir.Constant(short, bits // 8), mask])


def _shuffled(builder: Any, a: Any, b: Any, order: list[int]) -> Any:
    """The lanes of a and, counted on, those of b in this order."""
    return builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(ir.IntType(32), len(order)), order))


def _store_spread(builder: Any, value: Any, pointer: Any, left: Any, bits: int) -> None:
    """Store the first `left` lanes two places apart."""
    size = value.type.count
    even = ir.Constant(ir.VectorType(ir.IntType(1), size), [1, 0] * (size // 2))
    for half in (0, size):
        spread = _shuffled(builder, value, value, [(half + lane) // 2 for lane in range(size)])
        reach = _masked(builder, builder.sub(builder.mul(left, _number(2)), _number(half)), value.type)
        _masked_store(builder, spread, builder.gep(pointer, [_number(half)]), builder.and_(reach, even), bits)


@_instructions
def take(
    typing: Any, source: Any, source_at: Any, step: Any, out: Any, out_at: Any, count: Any
) -> tuple[Any, Callable[..., Any]]:
    """out[out_at + x] = source[source_at + x step] for x < count (>= 1); no other elements of out are written.

    Whole vectors where step is 1 or 2.
    """
    index = types.intp
    signature = types.void(source, index, index, out, index, index)

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        source_array, source_start, stride, out_array, out_start, length = args
        vector, bits = _vector(context, source.dtype), source.dtype.bitwidth
        size = vector.count
        origin = _at(context, builder, source, source_array, source_start)
        target = _at(context, builder, out, out_array, out_start)
        vectors = builder.sdiv(builder.add(length, _number(size - 1)), _number(size))
        with builder.if_else(builder.icmp_signed("==", stride, _number(1))) as (alone, otherwise):
            with alone:
                loop = _Loop(builder, vectors, [])
                x = builder.mul(loop.at, _number(size))
                mask = _masked(builder, builder.sub(length, x), vector)
                value = _masked_load(builder, builder.gep(origin, [x]), mask, vector, bits)
                _masked_store(builder, value, builder.gep(target, [x]), mask, bits)
                loop.close([])
            with otherwise, builder.if_else(builder.icmp_signed("==", stride, _number(2))) as (every_second, rest):
                with every_second:
                    loop = _Loop(builder, vectors, [])
                    x = builder.mul(loop.at, _number(size))
                    left = builder.sub(length, x)
                    reach = builder.sub(
                        builder.mul(left, _number(2)), _number(1)
                    )  # elements from the first to the last
                    halves = []
                    for half in (0, size):
                        mask = _masked(builder, builder.sub(reach, _number(half)), vector)
                        at = builder.add(builder.mul(x, _number(2)), _number(half))
                        halves.append(_masked_load(builder, builder.gep(origin, [at]), mask, vector, bits))
                    value = _shuffled(builder, halves[0], halves[1], list(range(0, 2 * size, 2)))
                    _masked_store(builder, value, builder.gep(target, [x]), _masked(builder, left, vector), bits)
                    loop.close([])
                with rest:
                    loop = _Loop(builder, length, [])
                    value = builder.load(builder.gep(origin, [builder.mul(loop.at, stride)]))
                    builder.store(value, builder.gep(target, [loop.at]))
                    loop.close([])
        return context.get_dummy_value()

    return signature, build


@_instructions
def give(
    typing: Any, source: Any, source_at: Any, out: Any, out_at: Any, step: Any, count: Any, shift: Any
) -> tuple[Any, Callable[..., Any]]:
    """out[out_at + x step] = source[source_at + x] + shift for x < count (>= 1); no other elements are written.

    Whole vectors where step is 1 or 2. A shift of -0.0 changes no number.
    """
    index = types.intp
    signature = types.void(source, index, out, index, index, index, source.dtype)

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        source_array, source_start, out_array, out_start, stride, length, added = args
        vector, bits = _vector(context, source.dtype), source.dtype.bitwidth
        size = vector.count
        origin = _at(context, builder, source, source_array, source_start)
        target = _at(context, builder, out, out_array, out_start)
        vectors = builder.sdiv(builder.add(length, _number(size - 1)), _number(size))

        def shifted(x: Any, mask: Any) -> Any:
            value = _masked_load(builder, builder.gep(origin, [x]), mask, vector, bits)
            return builder.fadd(value, _splat(builder, added, vector))

        with builder.if_else(builder.icmp_signed("==", stride, _number(1))) as (alone, otherwise):
            with alone:
                loop = _Loop(builder, vectors, [])
                x = builder.mul(loop.at, _number(size))
                mask = _masked(builder, builder.sub(length, x), vector)
                _masked_store(builder, shifted(x, mask), builder.gep(target, [x]), mask, bits)
                loop.close([])
            with otherwise, builder.if_else(builder.icmp_signed("==", stride, _number(2))) as (every_second, rest):
                with every_second:
                    loop = _Loop(builder, vectors, [])
                    x = builder.mul(loop.at, _number(size))
                    left = builder.sub(length, x)
                    value = shifted(x, _masked(builder, left, vector))
                    _store_spread(builder, value, builder.gep(target, [builder.mul(x, _number(2))]), left, bits)
                    loop.close([])
                with rest:
                    loop = _Loop(builder, length, [])
                    value = builder.fadd(builder.load(builder.gep(origin, [loop.at])), added)
                    builder.store(value, builder.gep(target, [builder.mul(loop.at, stride)]))
                    loop.close([])
        return context.get_dummy_value()

    return signature, build


@_instructions
def poke(typing: Any, array: Any, at: Any, value: Any) -> tuple[Any, Callable[..., Any]]:
    """array[at] = value for an index that is known to be one: no negative ones, so that loops of it are vectorised."""

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        builder.store(args[2], _at(context, builder, array, *args[:2]))
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), build


class _Edged:
    """Elements row[column + lane * step] of a row of some width, zero where that is outside; step is 1 or 2."""

    def __init__(self, builder: Any, column: Any, step: int, width: Any, vector: Any, bits: int) -> None:
        self.builder, self.vector, self.bits = builder, vector, bits
        size, short = vector.count, ir.IntType(32)
        ramp = ir.Constant(ir.VectorType(short, size), list(range(size)))
        bound = _splat(builder, builder.trunc(width, short), ramp.type)
        self.columns = [builder.add(column, _number(half * size)) for half in range(step)]
        self.masks = []
        for at in self.columns:
            places = builder.add(ramp, _splat(builder, builder.trunc(at, short), ramp.type))
            self.masks.append(builder.icmp_unsigned("<", places, bound))  # unsigned: what is negative is large

    def load(self, row: Any) -> Any:
        builder = self.builder
        parts = [
            _masked_load(builder, builder.gep(row, [at]), mask, self.vector, self.bits)
            for at, mask in zip(self.columns, self.masks)
        ]
        if len(parts) == 1:
            return parts[0]
        return _shuffled(builder, parts[0], parts[1], list(range(0, 2 * self.vector.count, 2)))


@_instructions
def slide(
    typing: Any, in_step: Any, out_step: Any, unrolled: Any, x: Any, x_at: Any, x_next: Any, row_step: Any, rows: Any,
    column: Any, column_step: Any, width: Any, weight: Any, w_at: Any, w_row: Any, w_column: Any, columns: Any,
    out: Any, out_at: Any, out_next: Any, lines: Any, count: Any, shift: Any,
) -> tuple[Any, Callable[..., Any]]:  # fmt: skip
    """Some rows of a convolution of one channel: for i < lines and m < count, over r < rows and t < columns
    out[out_at + i out_next + m out_step] = shift + sum of weight[w_at + r w_row + t w_column]
    * x[x_at + i x_next + r row_step + c], c = column + m in_step + t column_step, where c is from 0 to width - 1.
    The steps are 1 or 2. unrolled: the number of columns, if it is a constant, or 0.
    """
    index = types.intp
    signature = types.void(
        in_step, out_step, unrolled, x, index, index, index, index, index, index, index, weight, index, index, index,
        index, out, index, index, index, index, x.dtype,
    )  # fmt: skip
    stride, spread, constant = in_step.literal_value, out_step.literal_value, unrolled.literal_value

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        (_, _, _, x_array, x_start, x_line, x_row, n_rows, first, between, limit, w_array, w_start, w_down, w_along,
         n_columns, out_array, out_start, out_line, n_lines, length, added) = args  # fmt: skip
        vector, bits = _vector(context, x.dtype), x.dtype.bitwidth
        origin, factors = _at(context, builder, x, x_array, x_start), _at(context, builder, weight, w_array, w_start)
        target = _at(context, builder, out, out_array, out_start)
        vectors = builder.sdiv(builder.add(length, _number(vector.count - 1)), _number(vector.count))
        loop = _Loop(builder, vectors, [])
        at = builder.mul(loop.at, _number(vector.count))
        start = builder.add(first, builder.mul(at, _number(stride)))

        def edged(t: Any) -> _Edged:
            return _Edged(builder, builder.add(start, builder.mul(t, between)), stride, limit, vector, bits)

        def added_tap(element: _Edged, row: Any, factor_row: Any, t: Any, total: Any) -> Any:
            factor = builder.load(builder.gep(factor_row, [builder.mul(t, w_along)]))
            return _multiply_add(builder, element.load(row), _splat(builder, factor, vector), total)

        fixed = [edged(_number(t)) for t in range(constant)]
        left = builder.sub(length, at)
        every = _Loop(builder, n_lines, [])
        line = builder.gep(origin, [builder.mul(every.at, x_line)])
        down = _Loop(builder, n_rows, [_splat(builder, added, vector)])
        row = builder.gep(line, [builder.mul(down.at, x_row)])
        factor_row = builder.gep(factors, [builder.mul(down.at, w_down)])
        total = down.values[0]
        if constant:
            for t, element in enumerate(fixed):
                total = added_tap(element, row, factor_row, _number(t), total)
        else:
            along = _Loop(builder, n_columns, [total])
            total = added_tap(edged(along.at), row, factor_row, along.at, along.values[0])
            along.close([total])
        down.close([total])
        to = builder.gep(target, [builder.add(builder.mul(every.at, out_line), builder.mul(at, _number(spread)))])
        if spread == 1:
            _masked_store(builder, total, to, _masked(builder, left, vector), bits)
        else:
            _store_spread(builder, total, to, left, bits)
        every.close([])
        loop.close([])
        return context.get_dummy_value()

    return signature, build


@_instructions
def slide_dots(
    typing: Any, in_step: Any, columns: Any, g: Any, g_at: Any, g_row: Any, count: Any, x: Any, x_at: Any, x_row: Any,
    rows: Any, column: Any, column_step: Any, width: Any, out: Any, out_at: Any,
) -> tuple[Any, Callable[..., Any]]:  # fmt: skip
    """What rows of one channel add to the gradient of a row of the kernel: for t < columns, over r < rows and m < count
    out[out_at + t] += sum of g[g_at + r g_row + m] x[x_at + r x_row + c], c as in `slide`.
    """
    index = types.intp
    signature = types.void(
        in_step, columns, g, index, index, index, x, index, index, index, index, index, index, out, index
    )
    stride, taps = in_step.literal_value, columns.literal_value

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        (_, _, g_array, g_start, g_down, length, x_array, x_start, x_down, n_rows, first, between, limit, out_array,
         out_start) = args  # fmt: skip
        vector, bits = _vector(context, x.dtype), x.dtype.bitwidth
        size = vector.count
        left, right = _at(context, builder, g, g_array, g_start), _at(context, builder, x, x_array, x_start)
        target = _at(context, builder, out, out_array, out_start)
        vectors = builder.sdiv(builder.add(length, _number(size - 1)), _number(size))
        along = _Loop(builder, vectors, [ir.Constant(vector, None)] * taps)
        at = builder.mul(along.at, _number(size))
        mask = _masked(builder, builder.sub(length, at), vector)
        start = builder.add(first, builder.mul(at, _number(stride)))
        columns_at = [builder.add(start, builder.mul(_number(t), between)) for t in range(taps)]
        elements = [_Edged(builder, c, stride, limit, vector, bits) for c in columns_at]
        down = _Loop(builder, n_rows, along.values)
        place = builder.add(builder.mul(down.at, g_down), at)
        held = _masked_load(builder, builder.gep(left, [place]), mask, vector, bits)
        row = builder.gep(right, [builder.mul(down.at, x_down)])
        totals = [_multiply_add(builder, held, elements[t].load(row), down.values[t]) for t in range(taps)]
        down.close(totals)
        along.close(totals)
        for t in range(taps):
            pointer = builder.gep(target, [_number(t)])
            builder.store(builder.fadd(builder.load(pointer), _sum(builder, totals[t], bits)), pointer)
        return context.get_dummy_value()

    return signature, build
