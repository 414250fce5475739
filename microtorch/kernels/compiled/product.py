"""Matrix products of two-dimensional arrays, and of stacks of them, with any strides.

A block of columns of the right factor is packed, some vectors wide, so that it stays in the nearest cache while all
rows of the left one pass by; the sums of a tile of the result stay in the vector registers meanwhile (Goto and van de
Geijn, Anatomy of high-performance matrix multiplication, 2008). Each element is summed in the order of k, in
blocks of `_depth(k)`, whatever the shapes around it.

Addresses and distances are in bytes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types

from microtorch.kernels.compiled import jit, jit_strided, prepare as _prepare
from microtorch.kernels.compiled.vectors import (
    BYTES,
    INT,
    ROWS,
    Loop,
    first_lanes,
    instructions,
    load,
    masked_load,
    masked_store,
    multiply_add,
    number,
    shuffled,
    splat,
    vector_of,
)

__all__ = [
    "FASTER",
    "address",
    "by_packed",
    "multiplied",
    "pack_whole",
    "packed_room",
    "prepare",
    "product",
    "products",
    "space",
]

FASTER = BYTES == 64
"""Whether these products take less time than BLAS: with vectors of 64 bytes half of it (where it uses such vectors
itself, the same for large ones and less for small ones), with shorter ones about the same, for which they are not used.
"""
prepare = functools.partial(_prepare, __name__)

DEPTH = 384
"""The most rows of the right factor that are packed at a time: 72 KB in columns of three vectors."""
_MKL_DEPTH = 192
"""What MKL's kernels for AVX2 take at a time."""
_PASSING = 1024
"""Rows of the left factor that pass by a packed block of columns."""


def _at(builder: Any, address: Any, kind: Any) -> Any:
    return builder.inttoptr(address, kind.as_pointer())


@instructions
def _tile(
    typing: Any, rows: Any, wide: Any, like: Any, a: Any, a_row: Any, a_column: Any, packed: Any, count: Any,
    start: Any, start_row: Any, out: Any, out_row: Any, height: Any, left: Any,
) -> tuple[Any, Callable[..., Any]]:  # fmt: skip
    """out[i, x] = start[i, x] + sum over t < count (>= 1) of a[i, t] packed[t, x]; i < height (<= rows), x in `wide`
    vectors, of which the last has `left` elements. start: address 0 for zeros.
    """
    index = types.intp
    signature = types.void(rows, wide, like, *[index] * 11)
    m, n = rows.literal_value, wide.literal_value

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        left_at, row_step, step, right_at, taps, from_at, from_step, out_at, out_step, heights, lanes = args[3:]
        vector = vector_of(context, like.dtype)
        bits, scalar, size = like.dtype.bitwidth, vector.element, like.dtype.bitwidth // 8 * vector.count
        mask = first_lanes(builder, lanes, vector)
        last = builder.sub(heights, number(1))
        # rows beyond the last are the last once more
        which = [
            builder.select(builder.icmp_signed("<", number(i), heights), number(i), last) if i else number(0)
            for i in range(m)
        ]
        origins = [builder.add(left_at, builder.mul(w, row_step)) for w in which]
        loop = Loop(builder, taps, [ir.Constant(vector, None)] * (m * n))
        at = builder.add(right_at, builder.mul(loop.at, number(n * size)))
        taken = [load(builder, _at(builder, builder.add(at, number(size * j)), scalar), vector) for j in range(n)]
        along = builder.mul(loop.at, step)
        totals = []
        for i in range(m):
            factor = splat(builder, builder.load(_at(builder, builder.add(origins[i], along), scalar)), vector)
            totals += [multiply_add(builder, factor, taken[j], loop.values[i * n + j]) for j in range(n)]
        loop.close(totals)

        def place(base: Any, distance: Any, i: int, j: int) -> Any:
            row = builder.add(base, builder.mul(which[i], distance))
            return _at(builder, builder.add(row, number(size * j)), scalar)

        before = builder.block
        with builder.if_then(builder.icmp_signed("!=", from_at, number(0))):
            added = []
            for i in range(m):
                for j in range(n):
                    pointer = place(from_at, from_step, i, j)
                    if j == n - 1:
                        taken_from = masked_load(builder, pointer, mask, vector, bits)
                    else:
                        taken_from = load(builder, pointer, vector)
                    added.append(builder.fadd(totals[i * n + j], taken_from))
            begun = builder.block
        results = []
        for total, more in zip(totals, added):
            phi = builder.phi(vector)
            phi.add_incoming(total, before)
            phi.add_incoming(more, begun)
            results.append(phi)
        for i in range(m):
            for j in range(n):
                pointer, result = place(out_at, out_step, i, j), results[i * n + j]
                if j == n - 1:
                    masked_store(builder, result, pointer, mask, bits)
                else:
                    builder.store(result, builder.bitcast(pointer, vector.as_pointer())).align = 4
        return context.get_dummy_value()

    return signature, build


@instructions
def _pack_rows(
    typing: Any, wide: Any, like: Any, b: Any, row: Any, count: Any, packed: Any, left: Any
) -> tuple[Any, Callable[..., Any]]:
    """packed[t, x] = b[t, x] for t < count (>= 1) and x in `wide` vectors of which the last has `left` elements, zeros
    behind; b's columns lie side by side."""
    index, n = types.intp, wide.literal_value
    signature = types.void(wide, like, *[index] * 5)

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        source, step, rows, target, lanes = args[2:]
        vector = vector_of(context, like.dtype)
        bits, scalar, size = like.dtype.bitwidth, vector.element, like.dtype.bitwidth // 8 * vector.count
        mask = first_lanes(builder, lanes, vector)
        loop = Loop(builder, rows, [])
        at = builder.add(source, builder.mul(loop.at, step))
        to = builder.add(target, builder.mul(loop.at, number(n * size)))
        for j in range(n):
            pointer = _at(builder, builder.add(at, number(size * j)), scalar)
            if j == n - 1:
                taken = masked_load(builder, pointer, mask, vector, bits)
            else:
                taken = load(builder, pointer, vector)
            builder.store(taken, _at(builder, builder.add(to, number(size * j)), vector)).align = 4
        loop.close([])
        return context.get_dummy_value()

    return signature, build


def _transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """The square matrix of these vectors, transposed: by exchange of ever larger blocks across the diagonal."""
    size, distance = len(rows), 1
    rows = list(rows)
    while distance < size:
        upper = [lane if not lane & distance else size + lane - distance for lane in range(size)]
        lower = [lane + distance if not lane & distance else size + lane for lane in range(size)]
        for i in range(size):
            if not i & distance:
                a, b = rows[i], rows[i + distance]
                rows[i], rows[i + distance] = shuffled(builder, a, b, upper), shuffled(builder, a, b, lower)
        distance *= 2
    return rows


@instructions
def _pack_turned(
    typing: Any, like: Any, b: Any, column: Any, count: Any, packed: Any, row: Any, left: Any
) -> tuple[Any, Callable[..., Any]]:
    """packed[t, x] = b[t, x] for t < count (>= 1) and x < left in one vector; b's rows lie side by side. Writes whole
    squares: to the next multiple of a vector's length of t, and to the end of the vector."""
    index = types.intp
    signature = types.void(like, *[index] * 6)

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        source, step, rows, target, row_step, lanes = args[1:]
        vector = vector_of(context, like.dtype)
        bits, scalar, count_of = like.dtype.bitwidth, vector.element, vector.count
        size, last = bits // 8 * count_of, builder.sub(lanes, number(1))
        squares = builder.sdiv(builder.add(rows, number(count_of - 1)), number(count_of))
        columns = []
        for c in range(count_of):
            which = builder.select(builder.icmp_signed("<", number(c), lanes), number(c), last)
            columns.append(builder.add(source, builder.mul(which, step)))
        loop = Loop(builder, squares, [])
        mask = first_lanes(builder, builder.sub(rows, builder.mul(loop.at, number(count_of))), vector)
        along = builder.mul(loop.at, number(size))
        taken = [masked_load(builder, _at(builder, builder.add(c, along), scalar), mask, vector, bits) for c in columns]
        to = builder.add(target, builder.mul(builder.mul(loop.at, number(count_of)), row_step))
        for t, turned in enumerate(_transposed(builder, taken)):
            place = builder.add(to, builder.mul(number(t), row_step))
            builder.store(turned, _at(builder, place, vector)).align = 4
        loop.close([])
        return context.get_dummy_value()

    return signature, build


@instructions
def _copy(
    typing: Any, like: Any, source: Any, step: Any, count: Any, target: Any, target_step: Any
) -> tuple[Any, Callable[..., Any]]:
    """target[t] = source[t] for t < count (>= 1), element by element."""

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        scalar = context.get_value_type(like.dtype)
        loop = Loop(builder, args[3], [])
        taken = builder.load(_at(builder, builder.add(args[1], builder.mul(loop.at, args[2])), scalar))
        builder.store(taken, _at(builder, builder.add(args[4], builder.mul(loop.at, args[5])), scalar))
        loop.close([])
        return context.get_dummy_value()

    return types.void(like, *[types.intp] * 5), build


@instructions
def address(typing: Any, array: Any) -> tuple[Any, Callable[..., Any]]:
    """Where an array's elements begin."""

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        return builder.ptrtoint(context.make_array(array)(context, builder, args[0]).data, INT)

    return types.intp(array), build


_HALF = ROWS // 2


@jit
def _columns(vectors: Any) -> Any:
    """How many vectors wide the next block of columns is, if so many vectors are left: two of two for four."""
    return 3 if vectors == 3 or vectors > 4 else min(vectors, 2)


@jit
def _depth(like: Any, k: Any) -> Any:
    """How many products are summed before the sum is added to the result. For float32 as many as in MKL's kernels for
    AVX2: then results with 4 rows and 12 columns or more equal PyTorch's, where that uses them, to the last bit."""
    if like.itemsize == 8 or k <= _MKL_DEPTH:
        return min(k, DEPTH)
    return k // 2 if k <= 2 * _MKL_DEPTH else _MKL_DEPTH


@jit
def _pack(like: Any, at: Any, wide: Any, left: Any, depth: Any, b: Any, b_row: Any, b_column: Any) -> None:
    """Some columns of b to the address `at`, as tiles read them."""
    size = like.itemsize
    lanes = BYTES // size
    if b_column == size:
        if wide == 3:
            _pack_rows(3, like, b, b_row, depth, at, left)
        elif wide == 2:
            _pack_rows(2, like, b, b_row, depth, at, left)
        else:
            _pack_rows(1, like, b, b_row, depth, at, left)
        return
    for v in range(wide):
        there = left if v == wide - 1 else lanes
        source, to = b + v * lanes * b_column, at + v * BYTES
        if b_row == size:
            _pack_turned(like, source, b_column, depth, to, wide * BYTES, there)
        else:
            for x in range(there):
                _copy(like, source + x * b_column, b_row, depth, to + x * size, wide * BYTES)


@jit
def _pass(
    like: Any, at: Any, wide: Any, left: Any, m: Any, depth: Any, a: Any, a_row: Any, a_column: Any,
    start: Any, start_row: Any, out: Any, out_row: Any,
) -> None:  # fmt: skip
    """All rows of a with the columns packed at that address."""
    for i in range(0, m, ROWS):
        height = min(ROWS, m - i)
        row, first, to = a + i * a_row, start + i * start_row if start else 0, out + i * out_row
        if height > _HALF:
            if wide == 3:
                _tile(ROWS, 3, like, row, a_row, a_column, at, depth, first, start_row, to, out_row, height, left)
            elif wide == 2:
                _tile(ROWS, 2, like, row, a_row, a_column, at, depth, first, start_row, to, out_row, height, left)
            else:
                _tile(ROWS, 1, like, row, a_row, a_column, at, depth, first, start_row, to, out_row, height, left)
        elif height == 1 and wide == 3:
            _tile(1, 3, like, row, a_row, a_column, at, depth, first, start_row, to, out_row, height, left)
        elif wide == 3:
            _tile(_HALF, 3, like, row, a_row, a_column, at, depth, first, start_row, to, out_row, height, left)
        elif wide == 2:
            _tile(_HALF, 2, like, row, a_row, a_column, at, depth, first, start_row, to, out_row, height, left)
        else:
            _tile(_HALF, 1, like, row, a_row, a_column, at, depth, first, start_row, to, out_row, height, left)


@jit
def _block(
    packed: Any, m: Any, depth: Any, n: Any, a: Any, a_row: Any, a_column: Any, b: Any, b_row: Any, b_column: Any,
    start: Any, start_row: Any, out: Any, out_row: Any,
) -> None:  # fmt: skip
    """out = start + a @ b for a depth of at most DEPTH."""
    size = packed.itemsize
    lanes = BYTES // size
    at = address(packed)
    column, vectors = 0, (n + lanes - 1) // lanes
    while vectors:
        wide = _columns(vectors)
        left = min(lanes, n - column - (wide - 1) * lanes)
        _pack(packed, at, wide, left, depth, b + column * b_column, b_row, b_column)
        begun = start + column * size if start else 0
        _pass(packed, at, wide, left, m, depth, a, a_row, a_column, begun, start_row, out + column * size, out_row)
        column += wide * lanes
        vectors -= wide


@jit
def multiplied(
    packed: Any, m: Any, k: Any, n: Any, a: Any, a_row: Any, a_column: Any, b: Any, b_row: Any, b_column: Any,
    start: Any, start_row: Any, out: Any, out_row: Any,
) -> None:  # fmt: skip
    """out = start + a @ b. start: address 0 for zeros."""
    depth = _depth(packed, k)
    for i in range(0, m, _PASSING):
        for t in range(0, k, depth):
            _block(
                packed, min(_PASSING, m - i), min(depth, k - t), n, a + i * a_row + t * a_column, a_row, a_column,
                b + t * b_row, b_row, b_column,
                (start + i * start_row if start else 0) if t == 0 else out + i * out_row,
                start_row if t == 0 else out_row, out + i * out_row, out_row,
            )  # fmt: skip


@jit
def space(like: Any, k: Any) -> Any:
    """Room for packed columns."""
    lanes = BYTES // like.itemsize
    return np.empty((min(k, DEPTH) + lanes) * 3 * lanes, like.dtype)


@jit
def packed_room(like: Any, k: Any, n: Any) -> Any:
    """Room for a right factor that `pack_whole` packs."""
    lanes = BYTES // like.itemsize
    return np.empty((k + lanes) * 3 * lanes * ((n + 3 * lanes - 1) // lanes), like.dtype)


@jit
def pack_whole(packed: Any, k: Any, n: Any, b: Any, b_row: Any, b_column: Any) -> None:
    """The right factor (k, n) at that address, for products with many left ones by `by_packed`."""
    lanes = BYTES // packed.itemsize
    at, most = address(packed), _depth(packed, k)
    for t in range(0, k, most):
        depth, column, vectors = min(most, k - t), 0, (n + lanes - 1) // lanes
        while vectors:
            wide = _columns(vectors)
            left = min(lanes, n - column - (wide - 1) * lanes)
            _pack(packed, at, wide, left, depth, b + t * b_row + column * b_column, b_row, b_column)
            at += depth * wide * BYTES
            column += wide * lanes
            vectors -= wide


@jit
def by_packed(
    packed: Any, m: Any, k: Any, n: Any, a: Any, a_row: Any, a_column: Any, start: Any, start_row: Any, out: Any,
    out_row: Any,
) -> None:  # fmt: skip
    """out = start + a @ b, where b is packed. start: address 0 for zeros."""
    size = packed.itemsize
    lanes = BYTES // size
    at, most = address(packed), _depth(packed, k)
    for t in range(0, k, most):
        depth, column, vectors = min(most, k - t), 0, (n + lanes - 1) // lanes
        begun, step = (start, start_row) if t == 0 else (out, out_row)
        while vectors:
            wide = _columns(vectors)
            left = min(lanes, n - column - (wide - 1) * lanes)
            _pass(
                packed, at, wide, left, m, depth, a + t * a_column, a_row, a_column,
                begun + column * size if begun else 0, step, out + column * size, out_row,
            )  # fmt: skip
            at += depth * wide * BYTES
            column += wide * lanes
            vectors -= wide


@jit_strided((2, 2, 1), 2)
def product(a: Any, b: Any, bias: Any, out: Any) -> None:
    """out = a @ b (+ bias in each row, if it is not empty): (m, k) and (k, n) with any strides, none of these 0. The
    columns of out and the elements of bias lie side by side."""
    packed = space(out, a.shape[1])
    multiplied(
        packed, a.shape[0], a.shape[1], b.shape[1], address(a), a.strides[0], a.strides[1],
        address(b), b.strides[0], b.strides[1], address(bias) if bias.size else 0, 0, address(out), out.strides[0],
    )  # fmt: skip


@jit_strided((4, 4), 4)
def products(a: Any, b: Any, out: Any) -> None:
    """out[i, j] = a[i, j] @ b[i, j] for stacks of matrices; where one has length 1 in i or j, it is used for all."""
    packed = space(out, a.shape[3])
    a_i, a_j = a.strides[0] if a.shape[0] > 1 else 0, a.strides[1] if a.shape[1] > 1 else 0
    b_i, b_j = b.strides[0] if b.shape[0] > 1 else 0, b.strides[1] if b.shape[1] > 1 else 0
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            multiplied(
                packed, a.shape[2], a.shape[3], b.shape[3],
                address(a) + i * a_i + j * a_j, a.strides[2], a.strides[3],
                address(b) + i * b_i + j * b_j, b.strides[2], b.strides[3], 0, 0,
                address(out) + i * out.strides[0] + j * out.strides[1], out.strides[2],
            )  # fmt: skip
