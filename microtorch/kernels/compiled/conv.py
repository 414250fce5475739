"""Convolution without unfolding: matrix products whose right factor is read in place, by a table of offsets.

The input is copied, with zeros around it, into rows one after the other (a *plane* for each channel). Then what a tap
reads for all places of the result is one run of numbers, from the tap's offset on, if the places are numbered along the
plane's rows; at each row's end a few places too many are computed and not copied to the result. For stride s the planes
are those of the phases x[a::s]. `kernels.conv_planes` has the geometry, `compiled.tiles` the innermost loops.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.kernels.compiled import jit
from microtorch.kernels.compiled.slides import slide, slide_dots
from microtorch.kernels.compiled.tiles import dots, give, interleave, lay, peek, poke, products, take
from microtorch.kernels.compiled.vectors import BYTES, ROWS, lanes

__all__ = [
    "COLUMNS",
    "ROWS",
    "convolve",
    "correlate",
    "lanes",
    "pack_weight",
    "slide_packed",
    "slide_planes",
    "slide_weight",
    "weigh_packed",
]

COLUMNS = 6 if BYTES == 64 else 3
"""Columns of a tile of `correlate`, which has 4 rows."""
_WIDE = 6 if BYTES != 32 else 3
"""Vectors in a row of the tiles with fewer rows than the largest."""


@jit
def _height(left: Any) -> int:
    """Of the rows that are left, how many are the next tile's."""
    height = min(ROWS, left)
    return 8 if height >= 8 else 4 if height >= 4 else 2 if height >= 2 else 1


@jit
def pack_weight(weight: Any, order: Any, groups: Any, rows: Any, group_step: Any, row_step: Any, out: Any) -> None:
    """weight[group, row, order[k]] in the order in which tiles read it: some rows, one after the other, for each k."""
    to = 0
    for group in range(groups):
        row = 0
        while row < rows:
            height = _height(rows - row)
            origin = group * group_step + row * row_step
            if height == 8:
                for k in range(order.size):
                    at = origin + peek(order, k)
                    for i in range(8):
                        poke(out, to + k * 8 + i, peek(weight, at + i * row_step))
            else:
                for k in range(order.size):
                    at = origin + peek(order, k)
                    for i in range(height):
                        poke(out, to + k * height + i, peek(weight, at + i * row_step))
            to += height * order.size
            row += height


@jit
def _pack(x: Any, start: Any, size: Any, first: Any, step: Any, planes: Any, to: Any, shape: Any, zeros: Any) -> None:
    """planes[to + ...] = x[first + i step] for i within shape; x has this size. What is outside becomes zero, if the
    zeros are not there already."""
    zero = x.dtype.type(0)
    s0, s1, s2 = step
    n0, n1, n2 = shape
    whole = first[0] >= 0 <= first[1] and first[0] + (n0 - 1) * s0 < size[0] and first[1] + (n1 - 1) * s1 < size[1]
    whole = whole and first[2] >= 0 and first[2] + (n2 - 1) * s2 < size[2]
    if whole and s0 == s1 == s2 == 1 and n1 == size[1] and n2 == size[2]:
        take(x, start + first[0] * n1 * n2, 1, planes, to, n0 * n1 * n2)
        return
    if zeros and not whole:
        for i in range(n0 * n1 * n2):
            poke(planes, to + i, zero)
    x0 = first[0]
    left = min(n2, max(0, -(first[2] // s2)))
    right = max(left, min(n2, (size[2] - 1 - first[2]) // s2 + 1))
    from_left = first[2] + left * s2
    for _ in range(n0):
        x1 = first[1]
        at = start + (x0 * size[1] + x1) * size[2] + from_left
        for _ in range(n1):
            if 0 <= x0 < size[0] and 0 <= x1 < size[1] and right > left:
                take(x, at, s2, planes, to + left, right - left)
            to += n2
            x1 += s1
            at += s1 * size[2]
        x0 += s0


@jit
def _unpack(
    y: Any, at: Any, s0: Any, s1: Any, shape: Any, shift: Any, out: Any, to: Any, t0: Any, t1: Any, t2: Any
) -> None:
    """out[to + i0 t0 + i1 t1 + i2 t2] = y[at + i0 s0 + i1 s1 + i2] + shift for i within shape."""
    n0, n1, n2 = shape
    if t2 == 1 and s1 == t1 == n2 and (n0 == 1 or s0 == t0 == n1 * n2):
        give(y, at, out, to, 1, n0 * n1 * n2, shift)
        return
    for i0 in range(n0):
        for i1 in range(n1):
            give(y, at + i0 * s0 + i1 * s1, out, to + i0 * t0 + i1 * t1, t2, n2, shift)


@jit
def _tile(
    height: Any, left: Any, weight: Any, w: Any, planes: Any, base: Any, offsets: Any, first: Any, taps: Any, y: Any,
    to: Any, step: Any,
) -> int:  # fmt: skip
    """Adds a tile of the product, of `height` rows (8, 4, 2 or 1), to y; how many vectors of the `left` ones it has."""
    if height == 8:
        if left >= 3 and left != 4:
            products(8, 3, weight, w, planes, base, offsets, first, taps, y, to, step)
            return 3
        if left >= 2:
            products(8, 2, weight, w, planes, base, offsets, first, taps, y, to, step)
            return 2
        products(8, 1, weight, w, planes, base, offsets, first, taps, y, to, step)
        return 1
    if height == 4:
        if left >= _WIDE:
            products(4, _WIDE, weight, w, planes, base, offsets, first, taps, y, to, step)
            return _WIDE
        if left >= 2:
            products(4, 2, weight, w, planes, base, offsets, first, taps, y, to, step)
            return 2
        products(4, 1, weight, w, planes, base, offsets, first, taps, y, to, step)
        return 1
    if height == 2:
        if left >= _WIDE:
            products(2, _WIDE, weight, w, planes, base, offsets, first, taps, y, to, step)
            return _WIDE
        products(2, 1, weight, w, planes, base, offsets, first, taps, y, to, step)
        return 1
    if left >= _WIDE:
        products(1, _WIDE, weight, w, planes, base, offsets, first, taps, y, to, step)
        return _WIDE
    products(1, 1, weight, w, planes, base, offsets, first, taps, y, to, step)
    return 1


@jit
def _strip(
    height: Any, weight: Any, w: Any, planes: Any, offsets: Any, first: Any, taps: Any, y: Any, vectors: Any
) -> None:
    """Some rows of the product, `vectors` wide, into y; w: where their weights begin."""
    n = BYTES // y.itemsize
    step = vectors * n
    y[: height * step] = 0
    v = 0
    while v < vectors and taps > 0:
        v += _tile(height, vectors - v, weight, w, planes, v * n, offsets, first, taps, y, v * n, step)


@jit
def _unfold(
    planes: Any, offsets: Any, first: Any, taps: Any, image_step: Any, images: Any, s0: Any, s1: Any, shape: Any,
    out: Any, step: Any, used: Any,
) -> None:  # fmt: skip
    """What each tap reads for the places of small images, one image after the other: a row of out, then zeros.

    Rows are copied in whole vectors; what is beyond their ends is written over by the next one, or is after the last.
    """
    zero = planes.dtype.type(0)
    n0, n1, n2 = shape
    for k in range(taps):
        to = k * step
        for image in range(images):
            at = offsets[first + k] + image * image_step
            for i0 in range(n0):
                for i1 in range(n1):
                    lay(planes, at + i0 * s0 + i1 * s1, out, to, n2)
                    to += n2
        for i in range(to, k * step + used):
            poke(out, i, zero)


@jit
def convolve(
    items: Any, x: Any, size: Any, channels: Any, weight: Any, bias: Any, out: Any, out_size: Any, rows: Any,
    groups: Any, cut: Any, plane: Any, plane_shape: Any, in_first: Any, in_step: Any, offsets: Any, phases: Any,
    out_step: Any, steps: Any, planes: Any, unfolded: Any, y: Any,
) -> None:  # fmt: skip
    """Some items (first image, end, first place, end) of the result; the places are those along dimension `cut`.

    channels, rows: in a group, of x and of out. in_first (n, 3): where each phase of x begins, in_step: how far its
    elements lie apart. phases (m, 9): of out; the first place (3), number of places (3), the first offset, the number
    of offsets, where the weights begin. An item has one image; small ones, several whole images, are unfolded: steps
    are the beginnings of the unfolded rows (none if images are not small). planes, unfolded and y: memory to work in.
    """
    small = steps.size > 0
    source, table = (unfolded, steps) if small else (planes, offsets)
    n = BYTES // y.itemsize
    parts = in_first.shape[0]
    zero = x.dtype.type(0)
    space, out_space = size[0] * size[1] * size[2], out_size[0] * out_size[1] * out_size[2]
    t2 = out_step[2]
    t1 = out_step[1] * out_size[2]
    t0 = out_step[0] * out_size[1] * out_size[2]
    begin = np.empty(3, np.int64)
    shape = np.empty(3, np.int64)
    count = np.empty(3, np.int64)
    for item in range(items.shape[0]):
        i0, i1, start, end = items[item, 0], items[item, 1], items[item, 2], items[item, 3]
        for d in range(3):
            shape[d] = plane_shape[d]
        shape[cut] += end - start  # without the places themselves, the plane's size along `cut` is what taps add
        for group in range(groups):
            to = 0
            for image in range(i0, i1):
                for c in range(channels):
                    origin = (image * groups * channels + group * channels + c) * space
                    for part in range(parts):
                        for d in range(3):
                            begin[d] = in_first[part, d]
                        begin[cut] += start * in_step[cut]
                        corner, extent = (begin[0], begin[1], begin[2]), (shape[0], shape[1], shape[2])
                        _pack(x, origin, size, corner, in_step, planes, to, extent, True)
                        to += plane
            for phase in range(phases.shape[0]):
                for d in range(3):
                    count[d] = phases[phase, 3 + d]
                count[cut] = min(end, count[cut]) - start
                if count[0] <= 0 or count[1] <= 0 or count[2] <= 0:
                    continue
                first, taps = phases[phase, 6], phases[phase, 7]
                s1 = count[2] if small else shape[2]
                s0 = s1 * (count[1] if small else shape[1])
                image_step = count[0] * s0  # of small ones
                length = image_step * (i1 - i0) if small else (count[0] - 1) * s0 + (count[1] - 1) * s1 + count[2]
                vectors = (length + n - 1) // n
                if small:
                    _unfold(
                        planes, offsets, first, taps, channels * parts * plane, i1 - i0, shape[1] * shape[2], shape[2],
                        (count[0], count[1], count[2]), unfolded, steps[1], vectors * n,
                    )  # fmt: skip
                o0 = phases[phase, 0] + (start * out_step[0] if cut == 0 else 0)
                o1 = phases[phase, 1] + (start * out_step[1] if cut == 1 else 0)
                o2 = phases[phase, 2] + (start * out_step[2] if cut == 2 else 0)
                w = phases[phase, 8] + group * rows * taps
                row = 0
                while row < rows:
                    height = _height(rows - row)
                    _strip(height, weight, w, source, table, 0 if small else first, taps, y, vectors)
                    w += height * taps
                    for i in range(height):
                        o = group * rows + row + i
                        shift = bias[o] if bias.size > 0 else -zero
                        extent = (count[0], count[1], count[2])
                        for image in range(i0, i1):
                            at = i * vectors * n + (image - i0) * image_step
                            to = (image * groups * rows + o) * out_space + (o0 * out_size[1] + o1) * out_size[2] + o2
                            _unpack(y, at, s0, s1, extent, shift, out, to, t0, t1, t2)
                    row += height


@jit
def _correlate_small(
    planes: Any, image_step: Any, images: Any, s0: Any, s1: Any, shape: Any, offsets: Any, g: Any, at: Any, g_step: Any,
    g_rows: Any, wide: Any, steps: Any, unfolded: Any, lines: Any, out: Any, out_at: Any,
) -> None:  # fmt: skip
    """Adds the gradient of the weight from small images to out (offsets.size, wide): the product of the unfolded planes
    and of g with the places first. g_rows: where g's rows begin; steps: where those of `lines` do.
    """
    n = BYTES // planes.itemsize
    n0, n1, n2 = shape
    count = n0 * n1 * n2
    for image in range(images):
        for row in range(0, g_rows.size, ROWS):
            interleave(ROWS, g, g_rows, row, at + image * g_step, lines, image * count * wide + row, wide, count)
    to = 0
    for k in range(0, offsets.size, ROWS):
        for image in range(images):
            for i0 in range(n0):
                for i1 in range(n1):
                    interleave(
                        ROWS, planes, offsets, k, image * image_step + i0 * s0 + i1 * s1, unfolded, to, ROWS, n2
                    )  # fmt: skip
                    to += n2 * ROWS
    v, vectors = 0, wide // n
    while v < vectors:
        left = vectors - v
        done = 0
        for k in range(0, offsets.size, ROWS):
            done = _tile(
                ROWS, left, unfolded, k * images * count, lines, v * n, steps, 0, images * count, out,
                out_at + k * wide + v * n, wide,
            )  # fmt: skip
        v += done


@jit
def correlate(
    items: Any, g: Any, g_size: Any, rows: Any, x: Any, size: Any, channels: Any, groups: Any, cut: Any, plane: Any,
    plane_shape: Any, in_first: Any, in_step: Any, offsets: Any, g_rows: Any, steps: Any, planes: Any, unfolded: Any,
    lines: Any, out: Any,
) -> None:  # fmt: skip
    """What some items add to the gradient of the weight: out (groups * rows, columns), or if images are small
    (groups, columns, rows), rows then a multiple of vectors.

    items: as in `convolve`, but all may have several images. offsets: of each column in planes, a multiple of COLUMNS
    of them, or of ROWS. g_rows, steps: as `_correlate_small` takes them, empty if images are not small. planes,
    unfolded and lines: memory to work in.
    """
    small = steps.size > 0
    n = BYTES // x.itemsize
    parts = in_first.shape[0]
    zero = x.dtype.type(0)
    space, g_space = size[0] * size[1] * size[2], g_size[0] * g_size[1] * g_size[2]
    columns = offsets.size
    begin = np.empty(3, np.int64)
    shape = np.empty(3, np.int64)
    g_shape = np.empty(3, np.int64)
    padded = (rows + 3) // 4 * 4
    wide = (g_rows.size + n - 1) // n * n
    image_step = channels * parts * plane
    for item in range(items.shape[0]):
        i0, i1, start, end = items[item, 0], items[item, 1], items[item, 2], items[item, 3]
        for d in range(3):
            shape[d] = plane_shape[d]
            g_shape[d] = plane_shape[d] if d > cut and not small else g_size[d]
        shape[cut] += end - start
        g_shape[cut] = end - start
        extent, g_extent = (shape[0], shape[1], shape[2]), (g_shape[0], g_shape[1], g_shape[2])
        count = g_shape[0] * g_shape[1] * g_shape[2]
        vectors = (count + n - 1) // n
        line = vectors * n
        used = shape[0] * shape[1] * shape[2]
        for group in range(groups):
            for image in range(i0, i1):
                to = (image - i0) * image_step
                for c in range(channels):
                    origin = (image * groups * channels + group * channels + c) * space
                    for part in range(parts):
                        for d in range(3):
                            begin[d] = in_first[part, d]
                        begin[cut] += start * in_step[cut]
                        _pack(x, origin, size, (begin[0], begin[1], begin[2]), in_step, planes, to, extent, True)
                        for i in range(used, plane):
                            poke(planes, to + i, zero)
                        to += plane
                if small:
                    continue
                to = (image - i0) * padded * line
                for row in range(rows):
                    origin = (image * groups * rows + group * rows + row) * g_space
                    corner = (start if cut == 0 else 0, start if cut == 1 else 0, start if cut == 2 else 0)
                    _pack(g, origin, g_size, corner, (1, 1, 1), lines, to, g_extent, True)
                    for i in range(to + count, to + line):
                        poke(lines, i, zero)
                    to += line
                for i in range(rows * line, padded * line):
                    poke(lines, (image - i0) * padded * line + i, zero)
            if small:
                _correlate_small(
                    planes, image_step, i1 - i0, shape[1] * shape[2], shape[2], g_extent, offsets, g,
                    (i0 * groups + group) * rows * g_space, groups * rows * g_space, g_rows, wide, steps, unfolded,
                    lines, out, group * columns * wide,
                )  # fmt: skip
                continue
            tiles = columns // COLUMNS
            for tile in range(tiles * (padded // 4)):
                row, column = tile // tiles * 4, tile % tiles * COLUMNS
                dots(
                    4, COLUMNS, lines, row * line, line, padded * line, planes, 0, offsets, column, image_step, i1 - i0,
                    vectors, out, (group * padded + row) * columns + column, columns,
                )  # fmt: skip


# one channel in a group (depthwise): no matrix product; the taps slide over the rows where they are -------------------


@jit
def _slide_lines(
    in_step: Any, out_step: Any, x: Any, at: Any, x_next: Any, row_step: Any, rows: Any, first: Any, between: Any,
    size: Any, weight: Any, w: Any, w_row: Any, w_column: Any, columns: Any, out: Any, to: Any, out_next: Any,
    lines: Any, count: Any, shift: Any,
) -> None:  # fmt: skip
    """`slide` for each combination of steps; the usual widths of kernels are unrolled."""
    if in_step == 1 and out_step == 1 and columns == 3:
        slide(
            1, 1, 3, x, at, x_next, row_step, rows, first, between, size, weight, w, w_row, w_column, columns, out,
            to, out_next, lines, count, shift,
        )  # fmt: skip
    elif in_step == 1 and out_step == 1 and columns == 5:
        slide(
            1, 1, 5, x, at, x_next, row_step, rows, first, between, size, weight, w, w_row, w_column, columns, out,
            to, out_next, lines, count, shift,
        )  # fmt: skip
    elif in_step == 1 and out_step == 1 and columns == 7:
        slide(
            1, 1, 7, x, at, x_next, row_step, rows, first, between, size, weight, w, w_row, w_column, columns, out,
            to, out_next, lines, count, shift,
        )  # fmt: skip
    elif in_step == 1 and out_step == 1:
        slide(
            1, 1, 0, x, at, x_next, row_step, rows, first, between, size, weight, w, w_row, w_column, columns, out,
            to, out_next, lines, count, shift,
        )  # fmt: skip
    elif in_step == 2 and columns == 3:
        slide(
            2, 1, 3, x, at, x_next, row_step, rows, first, between, size, weight, w, w_row, w_column, columns, out,
            to, out_next, lines, count, shift,
        )  # fmt: skip
    elif in_step == 2:
        slide(
            2, 1, 0, x, at, x_next, row_step, rows, first, between, size, weight, w, w_row, w_column, columns, out,
            to, out_next, lines, count, shift,
        )  # fmt: skip
    elif out_step == 2 and columns == 2:
        slide(
            1, 2, 2, x, at, x_next, row_step, rows, first, between, size, weight, w, w_row, w_column, columns, out,
            to, out_next, lines, count, shift,
        )  # fmt: skip
    elif out_step == 2 and columns == 1:
        slide(
            1, 2, 1, x, at, x_next, row_step, rows, first, between, size, weight, w, w_row, w_column, columns, out,
            to, out_next, lines, count, shift,
        )  # fmt: skip
    elif out_step == 2:
        slide(
            1, 2, 0, x, at, x_next, row_step, rows, first, between, size, weight, w, w_row, w_column, columns, out,
            to, out_next, lines, count, shift,
        )  # fmt: skip


@jit
def slide_planes(
    items: Any, x: Any, space: Any, width: Any, multiplier: Any, channels: Any, weight: Any, taps: Any, bias: Any,
    out: Any, out_space: Any, in_step: Any, out_step: Any, pieces: Any,
) -> None:  # fmt: skip
    """Convolve each plane x[item], with rows of this width, with the kernels of its channel, to planes of out.

    pieces (m, 14): of a plane of out, rows that read the same taps; the columns are named below.
    """
    zero = x.dtype.type(0)
    for k in range(items.size):
        plane = items[k]
        for j in range(multiplier):
            o = plane * multiplier + j
            kernel = plane % channels * multiplier + j
            shift = bias[kernel] if bias.size > 0 else -zero
            for piece in range(pieces.shape[0]):
                (to, out_next, lines, count, at, x_next, row_step, rows, first, between, w, w_row, w_column,
                 columns) = pieces[piece]  # fmt: skip
                to += o * out_space
                if rows == 0 or columns == 0:
                    for line in range(lines):
                        for i in range(count):
                            poke(out, to + line * out_next + i * out_step, shift + zero)
                else:
                    _slide_lines(
                        in_step, out_step, x, plane * space + at, x_next, row_step, rows, first, between, width, weight,
                        kernel * taps + w, w_row, w_column, columns, out, to, out_next, lines, count, shift,
                    )  # fmt: skip


@jit
def slide_weight(
    items: Any, n: Any, channels: Any, multiplier: Any, g: Any, g_size: Any, x: Any, size: Any, kernel: Any, step: Any,
    first: Any, between: Any, out: Any,
) -> None:  # fmt: skip
    """The gradient of the kernels of some channels (`items`), into out (channels, multiplier, *kernel)."""
    for k in range(items.size):
        c = items[k]
        for image in range(n):
            for j in range(multiplier):
                o = (image * channels + c) * multiplier + j
                for t0 in range(kernel[0]):
                    # the rows m of g for which the tap's row first + m step is inside
                    at = first[0] + t0 * between[0]
                    low = max(0, -(at // step[0]))
                    rows = min(g_size[0], (size[0] - 1 - at) // step[0] + 1) - low
                    if rows <= 0:
                        continue
                    left = (o * g_size[0] + low) * g_size[1]
                    right = ((image * channels + c) * size[0] + at + low * step[0]) * size[1]
                    down = step[0] * size[1]
                    t1 = 0
                    while t1 < kernel[1]:
                        to = ((c * multiplier + j) * kernel[0] + t0) * kernel[1] + t1
                        column = first[1] + t1 * between[1]
                        if step[1] == 1 and kernel[1] - t1 >= 3:
                            slide_dots(
                                1, 3, g, left, g_size[1], g_size[1], x, right, down, rows, column, between[1], size[1],
                                out, to,
                            )  # fmt: skip
                            t1 += 3
                        elif step[1] == 1:
                            slide_dots(
                                1, 1, g, left, g_size[1], g_size[1], x, right, down, rows, column, between[1], size[1],
                                out, to,
                            )  # fmt: skip
                            t1 += 1
                        elif kernel[1] - t1 >= 3:
                            slide_dots(
                                2, 3, g, left, g_size[1], g_size[1], x, right, down, rows, column, between[1], size[1],
                                out, to,
                            )  # fmt: skip
                            t1 += 3
                        else:
                            slide_dots(
                                2, 1, g, left, g_size[1], g_size[1], x, right, down, rows, column, between[1], size[1],
                                out, to,
                            )  # fmt: skip
                            t1 += 1


# the same for small planes: some of them are packed, and the taps slide over all rows of one as over one row ---------


@jit
def _place_planes(
    items: Any, x: Any, size: Any, in_first: Any, in_step: Any, shape: Any, plane: Any, packed: Any, planes: Any,
    to: Any,
) -> None:  # fmt: skip
    """All phases of the planes x[item] to planes[to], between zeros that are there already; packed: size of each."""
    for k in range(items.size):
        origin = items[k] * size[0] * size[1] * size[2]
        for part in range(in_first.shape[0]):
            corner = (in_first[part, 0], in_first[part, 1], in_first[part, 2])
            _pack(x, origin, size, corner, in_step, planes, to + part * plane, shape, False)
        to += packed


@jit
def slide_packed(
    items: Any, x: Any, size: Any, multiplier: Any, channels: Any, weight: Any, bias: Any, out: Any, out_size: Any,
    in_first: Any, in_step: Any, shape: Any, plane: Any, offsets: Any, block: Any, planes: Any, y: Any,
) -> None:  # fmt: skip
    """`slide_planes`, for `block` planes at a time. offsets: what each tap reads for the first place; shape: of a phase
    with its zeros; plane: from one to the next; planes and y: memory to work in, `planes` zero."""
    n = BYTES // x.itemsize
    zero = x.dtype.type(0)
    packed = in_first.shape[0] * plane
    o0, o1, o2 = out_size
    s0, s1 = shape[1] * shape[2], shape[2]
    vectors = ((o0 - 1) * s0 + (o1 - 1) * s1 + o2 + n - 1) // n
    vectors = (vectors + _WIDE - 1) // _WIDE * _WIDE
    for begin in range(0, items.size, block):
        some = items[begin : begin + block]
        _place_planes(some, x, size, in_first, in_step, shape, plane, packed, planes, 0)
        for j in range(multiplier):
            for k in range(some.size):
                kernel = some[k] % channels * multiplier + j
                at = k * vectors * n
                y[at : at + vectors * n] = bias[kernel] if bias.size > 0 else -zero
                for v in range(0, vectors, _WIDE):
                    products(
                        1, _WIDE, weight, kernel * offsets.size, planes, k * packed + v * n, offsets, 0, offsets.size,
                        y, at + v * n, 0,
                    )  # fmt: skip
            for k in range(some.size):
                to = (some[k] * multiplier + j) * o0 * o1 * o2
                for i0 in range(o0):
                    for i1 in range(o1):
                        give(y, k * vectors * n + i0 * s0 + i1 * s1, out, to, 1, o2, -zero)
                        to += o2


@jit
def weigh_packed(
    items: Any, images: Any, channels: Any, multiplier: Any, g: Any, g_size: Any, x: Any, size: Any, in_first: Any,
    in_step: Any, shape: Any, plane: Any, offsets: Any, block: Any, planes: Any, lines: Any, out: Any,
) -> None:  # fmt: skip
    """The gradient of the kernels of some channels (`items`, one after the other), into out (channels * multiplier,
    offsets.size). `block` channels of as many images at a time; planes and lines: memory to work in, zero. offsets: a
    multiple of COLUMNS of them."""
    n = BYTES // x.itemsize
    packed = in_first.shape[0] * plane
    space = g_size[0] * g_size[1] * g_size[2]
    vectors = ((g_size[0] - 1) * shape[1] * shape[2] + (g_size[1] - 1) * shape[2] + g_size[2] + n - 1) // n
    whole = (g_size[0], shape[1], shape[2])
    for a in range(0, items.size, block):
        some = items[a : a + block]  # channels, one after the other
        count = some.size * multiplier
        for begin in range(0, images, block):
            end = min(begin + block, images)
            for image in range(begin, end):
                at = (image - begin) * some.size
                _place_planes(
                    image * channels + some, x, size, in_first, in_step, shape, plane, packed, planes, at * packed
                )  # fmt: skip
                for i in range(count):
                    origin = ((image * channels + some[0]) * multiplier + i) * space
                    to = (at * multiplier + i) * vectors * n
                    _pack(g, origin, g_size, (0, 0, 0), (1, 1, 1), lines, to, whole, False)
            for i in range(count):
                for tap in range(0, offsets.size, COLUMNS):
                    dots(
                        1, COLUMNS, lines, i * vectors * n, 0, count * vectors * n, planes, i // multiplier * packed,
                        offsets, tap, some.size * packed, end - begin, vectors, out,
                        (some[0] * multiplier + i) * offsets.size + tap, 0,
                    )  # fmt: skip
