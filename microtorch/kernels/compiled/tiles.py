"""The innermost loops of convolution, written in vectors.

The sums of a tile stay in the vector registers from the first product to the last; that is what makes a matrix product
fast (Goto and van de Geijn, Anatomy of high-performance matrix multiplication, 2008).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types

from microtorch.kernels.compiled.vectors import (
    Loop,
    first_lanes,
    instructions,
    load,
    masked_load,
    masked_store,
    multiply_add,
    number,
    pointer_to,
    shuffled,
    splat,
    store_spread,
    vector_of,
)

__all__ = ["dots", "give", "interleave", "lay", "peek", "poke", "products", "take"]


@instructions
def products(
    typing: Any, rows: Any, wide: Any, a: Any, a_at: Any, b: Any, b_at: Any, offsets: Any, first: Any, count: Any,
    out: Any, out_at: Any, step: Any,
) -> tuple[Any, Callable[..., Any]]:  # fmt: skip
    """A tile of a matrix product: for i < rows and x in `wide` vectors
    out[out_at + i step + x] += sum over t < count (>= 1) of a[a_at + t rows + i] b[b_at + offsets[first + t] + x].
    """
    index = types.intp
    signature = types.void(rows, wide, a, index, b, index, offsets, index, index, out, index, index)
    m, n = rows.literal_value, wide.literal_value

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        _, _, a_array, a_start, b_array, b_start, table, t0, taps, out_array, out_start, row_step = args
        vector = vector_of(context, b.dtype)
        left, right = (
            pointer_to(context, builder, a, a_array, a_start),
            pointer_to(context, builder, b, b_array, b_start),
        )
        table = pointer_to(context, builder, offsets, table, t0)
        target = pointer_to(context, builder, out, out_array, out_start)
        loop = Loop(builder, taps, [ir.Constant(vector, None)] * (m * n))
        row = builder.gep(right, [builder.load(builder.gep(table, [loop.at]))])
        taken = [load(builder, builder.gep(row, [number(vector.count * j)]), vector) for j in range(n)]
        column = builder.gep(left, [builder.mul(loop.at, number(m))])
        totals = []
        for i in range(m):
            factor = splat(builder, builder.load(builder.gep(column, [number(i)])), vector)
            totals += [multiply_add(builder, factor, taken[j], loop.values[i * n + j]) for j in range(n)]
        loop.close(totals)
        for i in range(m):
            line = builder.gep(target, [builder.mul(row_step, number(i))])
            for j in range(n):
                pointer = builder.gep(line, [number(vector.count * j)])
                total = builder.fadd(load(builder, pointer, vector), totals[i * n + j])
                builder.store(total, builder.bitcast(pointer, vector.as_pointer())).align = 4
        return context.get_dummy_value()

    return signature, build


@instructions
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
        vector = vector_of(context, b.dtype)
        left, right = (
            pointer_to(context, builder, a, a_array, a_start),
            pointer_to(context, builder, b, b_array, b_start),
        )
        table = pointer_to(context, builder, offsets, table, t0)
        target = pointer_to(context, builder, out, out_array, out_start)
        shifts = [builder.load(builder.gep(table, [number(j)])) for j in range(n)]
        piece = Loop(builder, outer, [ir.Constant(vector, None)] * (m * n))
        at_left = builder.gep(left, [builder.mul(piece.at, a_piece)])
        at_right = builder.gep(right, [builder.mul(piece.at, b_piece)])
        lefts = [builder.gep(at_left, [builder.mul(row_step, number(i))]) for i in range(m)]
        rights = [builder.gep(at_right, [shift]) for shift in shifts]
        loop = Loop(builder, inner, piece.values)
        x = builder.mul(loop.at, number(vector.count))
        held = [load(builder, builder.gep(p, [x]), vector) for p in lefts]
        totals: list[Any] = [None] * (m * n)
        for j in range(n):
            taken = load(builder, builder.gep(rights[j], [x]), vector)
            for i in range(m):
                totals[i * n + j] = multiply_add(builder, held[i], taken, loop.values[i * n + j])
        loop.close(totals)
        piece.close(totals)
        for i in range(m):
            line = builder.gep(target, [builder.mul(out_step, number(i))])
            for k, summed in enumerate(_lane_sums(builder, totals[i * n : (i + 1) * n])):
                pointer, bits = builder.gep(line, [number(k * vector.count)]), b.dtype.bitwidth
                used = [int(k * vector.count + lane < n) for lane in range(vector.count)]
                mask = ir.Constant(ir.VectorType(ir.IntType(1), vector.count), used)
                before = masked_load(builder, pointer, mask, vector, bits)
                masked_store(builder, builder.fadd(before, summed), pointer, mask, bits)
        return context.get_dummy_value()

    return signature, build


def _lane_sums(builder: Any, vectors: list[Any]) -> list[Any]:
    """The sum of each vector's lanes: as many lanes, one after the other, of as few vectors as hold them.

    Two vectors become one whose halves are the sums of their halves; then four become one, and so on.
    """
    size = segment = vectors[0].type.count
    nothing = ir.Constant(vectors[0].type, None)
    while segment > 1:
        pairs = [(a, b) for a, b in zip(vectors[::2], [*vectors[1::2], nothing])]
        starts = range(0, 2 * size, segment)
        low = [start + lane for start in starts for lane in range(segment // 2)]
        high = [lane + segment // 2 for lane in low]
        vectors = [
            builder.fadd(shuffled(builder, a, b, low), shuffled(builder, a, b, high), flags=("reassoc",))
            for a, b in pairs
        ]
        segment //= 2
    return vectors


@instructions
def lay(typing: Any, source: Any, source_at: Any, out: Any, out_at: Any, count: Any) -> tuple[Any, Callable[..., Any]]:
    """out[out_at + x] = source[source_at + x] for x < count (>= 1) and on to the end of the last vector."""
    index = types.intp
    signature = types.void(source, index, out, index, index)

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        source_array, source_start, out_array, out_start, length = args
        vector = vector_of(context, source.dtype)
        origin = pointer_to(context, builder, source, source_array, source_start)
        target = pointer_to(context, builder, out, out_array, out_start)
        loop = Loop(builder, builder.sdiv(builder.add(length, number(vector.count - 1)), number(vector.count)), [])
        at = builder.mul(loop.at, number(vector.count))
        to = builder.bitcast(builder.gep(target, [at]), vector.as_pointer())
        builder.store(load(builder, builder.gep(origin, [at]), vector), to).align = 4
        loop.close([])
        return context.get_dummy_value()

    return signature, build


@instructions
def interleave(
    typing: Any, rows: Any, source: Any, offsets: Any, first: Any, at: Any, out: Any, out_at: Any, step: Any, count: Any
) -> tuple[Any, Callable[..., Any]]:
    """Some rows one after the other for each place: for i < rows (a power of two) and x < count (>= 1)
    out[out_at + x step + i] = source[at + offsets[first + i] + x], and 0 for x on to the end of the last vector.
    """
    index = types.intp
    signature = types.void(rows, source, offsets, index, index, out, index, index, index)
    m = rows.literal_value

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        _, source_array, table, t0, start, out_array, out_start, row_step, length = args
        vector, bits = vector_of(context, source.dtype), source.dtype.bitwidth
        size = vector.count
        table = pointer_to(context, builder, offsets, table, t0)
        places = [builder.add(start, builder.load(builder.gep(table, [number(i)]))) for i in range(m)]
        origins = [pointer_to(context, builder, source, source_array, place) for place in places]
        target = pointer_to(context, builder, out, out_array, out_start)
        loop = Loop(builder, builder.sdiv(builder.add(length, number(size - 1)), number(size)), [])
        x = builder.mul(loop.at, number(size))
        mask = first_lanes(builder, builder.sub(length, x), vector)
        held = [masked_load(builder, builder.gep(p, [x]), mask, vector, bits) for p in origins]
        # lanes of rows i and i + m / 2 in turn; after that of i, i + m / 4, i + m / 2, i + 3 m / 4; and so on
        low = [lane // 2 + lane % 2 * size for lane in range(size)]
        high = [lane + size // 2 for lane in low]
        for _ in range(m.bit_length() - 1):
            pairs = list(zip(held[: m // 2], held[m // 2 :]))
            held = [shuffled(builder, a, b, order) for a, b in pairs for order in (low, high)]
        width = min(m, size)
        for chunk in range(m * size // width):
            place, row = divmod(chunk * width, m)
            whole = held[chunk * width // size]
            lanes = [chunk * width % size + lane for lane in range(width)]
            part = whole if width == size else shuffled(builder, whole, whole, lanes)
            to = builder.gep(target, [builder.mul(builder.add(x, number(place)), row_step)])
            to = builder.bitcast(builder.gep(to, [number(row)]), part.type.as_pointer())
            builder.store(part, to).align = 4
        loop.close([])
        return context.get_dummy_value()

    return signature, build


@instructions
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
        vector, bits = vector_of(context, source.dtype), source.dtype.bitwidth
        size = vector.count
        origin = pointer_to(context, builder, source, source_array, source_start)
        target = pointer_to(context, builder, out, out_array, out_start)
        vectors = builder.sdiv(builder.add(length, number(size - 1)), number(size))
        with builder.if_else(builder.icmp_signed("==", stride, number(1))) as (alone, otherwise):
            with alone:
                loop = Loop(builder, vectors, [])
                x = builder.mul(loop.at, number(size))
                mask = first_lanes(builder, builder.sub(length, x), vector)
                value = masked_load(builder, builder.gep(origin, [x]), mask, vector, bits)
                masked_store(builder, value, builder.gep(target, [x]), mask, bits)
                loop.close([])
            with otherwise, builder.if_else(builder.icmp_signed("==", stride, number(2))) as (every_second, rest):
                with every_second:
                    loop = Loop(builder, vectors, [])
                    x = builder.mul(loop.at, number(size))
                    left = builder.sub(length, x)
                    reach = builder.sub(builder.mul(left, number(2)), number(1))  # elements from the first to the last
                    halves = []
                    for half in (0, size):
                        mask = first_lanes(builder, builder.sub(reach, number(half)), vector)
                        at = builder.add(builder.mul(x, number(2)), number(half))
                        halves.append(masked_load(builder, builder.gep(origin, [at]), mask, vector, bits))
                    value = shuffled(builder, halves[0], halves[1], list(range(0, 2 * size, 2)))
                    masked_store(builder, value, builder.gep(target, [x]), first_lanes(builder, left, vector), bits)
                    loop.close([])
                with rest:
                    loop = Loop(builder, length, [])
                    value = builder.load(builder.gep(origin, [builder.mul(loop.at, stride)]))
                    builder.store(value, builder.gep(target, [loop.at]))
                    loop.close([])
        return context.get_dummy_value()

    return signature, build


@instructions
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
        vector, bits = vector_of(context, source.dtype), source.dtype.bitwidth
        size = vector.count
        origin = pointer_to(context, builder, source, source_array, source_start)
        target = pointer_to(context, builder, out, out_array, out_start)
        vectors = builder.sdiv(builder.add(length, number(size - 1)), number(size))

        def shifted(x: Any, mask: Any) -> Any:
            value = masked_load(builder, builder.gep(origin, [x]), mask, vector, bits)
            return builder.fadd(value, splat(builder, added, vector))

        with builder.if_else(builder.icmp_signed("==", stride, number(1))) as (alone, otherwise):
            with alone:
                loop = Loop(builder, vectors, [])
                x = builder.mul(loop.at, number(size))
                mask = first_lanes(builder, builder.sub(length, x), vector)
                masked_store(builder, shifted(x, mask), builder.gep(target, [x]), mask, bits)
                loop.close([])
            with otherwise, builder.if_else(builder.icmp_signed("==", stride, number(2))) as (every_second, rest):
                with every_second:
                    loop = Loop(builder, vectors, [])
                    x = builder.mul(loop.at, number(size))
                    left = builder.sub(length, x)
                    value = shifted(x, first_lanes(builder, left, vector))
                    store_spread(builder, value, builder.gep(target, [builder.mul(x, number(2))]), left, bits)
                    loop.close([])
                with rest:
                    loop = Loop(builder, length, [])
                    value = builder.fadd(builder.load(builder.gep(origin, [loop.at])), added)
                    builder.store(value, builder.gep(target, [builder.mul(loop.at, stride)]))
                    loop.close([])
        return context.get_dummy_value()

    return signature, build


@instructions
def peek(typing: Any, array: Any, at: Any) -> tuple[Any, Callable[..., Any]]:
    """array[at] for an index that is known to be one: no negative ones, so that loops of it are vectorised."""

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        return builder.load(pointer_to(context, builder, array, *args))

    return array.dtype(array, types.intp), build


@instructions
def poke(typing: Any, array: Any, at: Any, value: Any) -> tuple[Any, Callable[..., Any]]:
    """array[at] = value, as `peek`."""

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        builder.store(args[2], pointer_to(context, builder, array, *args[:2]))
        return context.get_dummy_value()

    return types.void(array, types.intp, array.dtype), build
