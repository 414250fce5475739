"""The innermost loops of convolutions of one channel, written in vectors: taps slide over rows where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types

from microtorch.kernels.compiled.vectors import (
    Edged,
    Loop,
    first_lanes,
    instructions,
    lane_sum,
    masked_load,
    masked_store,
    multiply_add,
    number,
    pointer_to,
    splat,
    store_spread,
    vector_of,
)

__all__ = ["slide", "slide_dots"]


@instructions
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
        vector, bits = vector_of(context, x.dtype), x.dtype.bitwidth
        origin, factors = (
            pointer_to(context, builder, x, x_array, x_start),
            pointer_to(context, builder, weight, w_array, w_start),
        )
        target = pointer_to(context, builder, out, out_array, out_start)
        vectors = builder.sdiv(builder.add(length, number(vector.count - 1)), number(vector.count))
        loop = Loop(builder, vectors, [])
        at = builder.mul(loop.at, number(vector.count))
        start = builder.add(first, builder.mul(at, number(stride)))

        def edged(t: Any) -> Edged:
            return Edged(builder, builder.add(start, builder.mul(t, between)), stride, limit, vector, bits)

        def added_tap(element: Edged, row: Any, factor_row: Any, t: Any, total: Any) -> Any:
            factor = builder.load(builder.gep(factor_row, [builder.mul(t, w_along)]))
            return multiply_add(builder, element.load(row), splat(builder, factor, vector), total)

        fixed = [edged(number(t)) for t in range(constant)]
        left = builder.sub(length, at)
        every = Loop(builder, n_lines, [])
        line = builder.gep(origin, [builder.mul(every.at, x_line)])
        down = Loop(builder, n_rows, [splat(builder, added, vector)])
        row = builder.gep(line, [builder.mul(down.at, x_row)])
        factor_row = builder.gep(factors, [builder.mul(down.at, w_down)])
        total = down.values[0]
        if constant:
            for t, element in enumerate(fixed):
                total = added_tap(element, row, factor_row, number(t), total)
        else:
            along = Loop(builder, n_columns, [total])
            total = added_tap(edged(along.at), row, factor_row, along.at, along.values[0])
            along.close([total])
        down.close([total])
        to = builder.gep(target, [builder.add(builder.mul(every.at, out_line), builder.mul(at, number(spread)))])
        if spread == 1:
            masked_store(builder, total, to, first_lanes(builder, left, vector), bits)
        else:
            store_spread(builder, total, to, left, bits)
        every.close([])
        loop.close([])
        return context.get_dummy_value()

    return signature, build


@instructions
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
        vector, bits = vector_of(context, x.dtype), x.dtype.bitwidth
        size = vector.count
        left, right = (
            pointer_to(context, builder, g, g_array, g_start),
            pointer_to(context, builder, x, x_array, x_start),
        )
        target = pointer_to(context, builder, out, out_array, out_start)
        vectors = builder.sdiv(builder.add(length, number(size - 1)), number(size))
        along = Loop(builder, vectors, [ir.Constant(vector, None)] * taps)
        at = builder.mul(along.at, number(size))
        mask = first_lanes(builder, builder.sub(length, at), vector)
        start = builder.add(first, builder.mul(at, number(stride)))
        columns_at = [builder.add(start, builder.mul(number(t), between)) for t in range(taps)]
        elements = [Edged(builder, c, stride, limit, vector, bits) for c in columns_at]
        down = Loop(builder, n_rows, along.values)
        place = builder.add(builder.mul(down.at, g_down), at)
        held = masked_load(builder, builder.gep(left, [place]), mask, vector, bits)
        row = builder.gep(right, [builder.mul(down.at, x_down)])
        totals = [multiply_add(builder, held, elements[t].load(row), down.values[t]) for t in range(taps)]
        down.close(totals)
        along.close(totals)
        for t in range(taps):
            pointer = builder.gep(target, [number(t)])
            builder.store(builder.fadd(builder.load(pointer), lane_sum(builder, totals[t], bits)), pointer)
        return context.get_dummy_value()

    return signature, build
