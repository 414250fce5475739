"""Max pooling of planes, forward and backward: the place of each window's largest element is found with its value."""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types

from microtorch.kernels.compiled import jit
from microtorch.kernels.compiled.tiles import peek, poke
from microtorch.kernels.compiled.vectors import (
    Edged,
    Loop,
    first_lanes,
    instructions,
    masked_store,
    number,
    pointer_to,
    splat,
    vector_of,
)

__all__ = ["max_pool", "max_pool_backward"]


@instructions
def largest(
    typing: Any, step: Any, unrolled: Any, x: Any, x_at: Any, x_next: Any, row_step: Any, rows: Any, column: Any,
    column_step: Any, columns: Any, width: Any, tap: Any, row_of_taps: Any, out: Any, code: Any, out_at: Any,
    lines: Any, count: Any,
) -> tuple[Any, Callable[..., Any]]:  # fmt: skip
    """Rows of windows: for i < lines and m < count, out[out_at + i count + m] is the largest of
    x[x_at + i x_next + r row_step + c] over r < rows and t < columns, c = column + m step + t column_step from 0 to
    width - 1 (each window has one such), and code[out_at + i count + m] is its tap + r row_of_taps + t, below 256. NaN
    is larger than all. step is 1 or 2. unrolled: the number of columns, if it is a constant, or 0.
    """
    index = types.intp
    signature = types.void(
        step, unrolled, x, index, index, index, index, index, index, index, index, index, index, out, code, index,
        index, index,
    )  # fmt: skip
    stride, constant = step.literal_value, unrolled.literal_value

    def build(context: Any, builder: Any, _: Any, args: Any) -> Any:
        (_, _, x_array, x_start, x_line, x_row, n_rows, first, between, n_columns, limit, first_tap, tap_row, out_array,
         codes, out_start, n_lines, length) = args  # fmt: skip
        vector, bits = vector_of(context, x.dtype), x.dtype.bitwidth
        size, byte = vector.count, ir.IntType(8)
        names, flags = ir.VectorType(byte, size), ir.VectorType(ir.IntType(1), size)
        origin = pointer_to(context, builder, x, x_array, x_start)
        target = pointer_to(context, builder, out, out_array, out_start)
        named = pointer_to(context, builder, code, codes, out_start)
        vectors = builder.sdiv(builder.add(length, number(size - 1)), number(size))
        loop = Loop(builder, vectors, [])
        at = builder.mul(loop.at, number(size))
        start = builder.add(first, builder.mul(at, number(stride)))

        def edged(t: Any) -> Edged:
            return Edged(builder, builder.add(start, builder.mul(t, between)), stride, limit, vector, bits)

        def compared(element: Edged, row: Any, this: Any, values: list[Any]) -> list[Any]:
            best, name, found = values
            value = element.load(row)
            larger = builder.or_(builder.fcmp_ordered(">", value, best), builder.fcmp_unordered("uno", value, value))
            larger = builder.and_(builder.or_(larger, builder.not_(found)), element.inside)
            best = builder.select(larger, value, best)
            name = builder.select(larger, splat(builder, builder.trunc(this, byte), names), name)
            return [best, name, builder.or_(found, element.inside)]

        fixed = [edged(number(t)) for t in range(constant)]
        mask = first_lanes(builder, builder.sub(length, at), vector)
        every = Loop(builder, n_lines, [])
        line = builder.gep(origin, [builder.mul(every.at, x_line)])
        down = Loop(builder, n_rows, [ir.Constant(t, None) for t in (vector, names, flags)])
        row = builder.gep(line, [builder.mul(down.at, x_row)])
        this = builder.add(first_tap, builder.mul(down.at, tap_row))
        values = down.values
        if constant:
            for t, element in enumerate(fixed):
                values = compared(element, row, builder.add(this, number(t)), values)
        else:
            along = Loop(builder, n_columns, values)
            values = compared(edged(along.at), row, builder.add(this, along.at), along.values)
            along.close(values)
        down.close(values)
        to = builder.add(builder.mul(every.at, length), at)
        masked_store(builder, values[0], builder.gep(target, [to]), mask, bits)
        masked_store(builder, values[1], builder.gep(named, [to]), mask, 8)
        every.close([])
        loop.close([])
        return context.get_dummy_value()

    return signature, build


@jit
def max_pool(planes, x, size, kernel, stride, padding, dilation, out_size, pieces, out, code):
    """Some planes (their numbers) of x, which has planes of this size; code: the tap of each largest element.

    pieces (m, 4): rows of windows that begin alike; the first one, how many, their first row of taps and its end.
    """
    column, between, columns, width, count = -padding[1], dilation[1], kernel[1], size[1], out_size[1]
    down = dilation[0] * width
    for k in range(planes.size):
        plane = planes[k]
        for piece in range(pieces.shape[0]):
            m, lines, low, high = pieces[piece]
            at = (plane * size[0] + m * stride[0] - padding[0] + low * dilation[0]) * width
            to = (plane * out_size[0] + m) * count
            following, rows, tap = stride[0] * width, high - low, low * columns
            if stride[1] == 2 and columns == 2:
                largest(
                    2, 2, x, at, following, down, rows, column, between, columns, width, tap, columns, out, code, to,
                    lines, count,
                )  # fmt: skip
            elif stride[1] == 2 and columns == 3:
                largest(
                    2, 3, x, at, following, down, rows, column, between, columns, width, tap, columns, out, code, to,
                    lines, count,
                )  # fmt: skip
            elif stride[1] == 2:
                largest(
                    2, 0, x, at, following, down, rows, column, between, columns, width, tap, columns, out, code, to,
                    lines, count,
                )  # fmt: skip
            elif stride[1] == 1 and columns == 3:
                largest(
                    1, 3, x, at, following, down, rows, column, between, columns, width, tap, columns, out, code, to,
                    lines, count,
                )  # fmt: skip
            elif stride[1] == 1:
                largest(
                    1, 0, x, at, following, down, rows, column, between, columns, width, tap, columns, out, code, to,
                    lines, count,
                )  # fmt: skip
            else:
                for line in range(lines):
                    for i in range(count):
                        found = False
                        best, name = x.dtype.type(0), 0
                        for r in range(rows):
                            for t in range(columns):
                                c = i * stride[1] + column + t * between
                                if 0 <= c < width:
                                    value = peek(x, at + line * following + r * down + c)
                                    if value > best or np.isnan(value) or not found:
                                        best, name, found = value, (low + r) * columns + t, True
                        poke(out, to + line * count + i, best)
                        poke(code, to + line * count + i, np.uint8(name))


@jit
def max_pool_backward(planes, g, size, stride, padding, out_size, code, offsets, out):
    """Add g to zeros where its windows' largest elements are; offsets: of each tap from its window's first."""
    zero = g.dtype.type(0)
    space = size[0] * size[1]
    for k in range(planes.size):
        plane = planes[k]
        start = plane * space
        for i in range(space):
            poke(out, start + i, zero)
        at = plane * out_size[0] * out_size[1]
        for m in range(out_size[0]):
            corner = start + (m * stride[0] - padding[0]) * size[1] - padding[1]
            for i in range(out_size[1]):
                to = corner + i * stride[1] + peek(offsets, np.int64(peek(code, at)))
                poke(out, to, peek(out, to) + peek(g, at))
                at += 1
