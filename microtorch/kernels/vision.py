"""Images and their like: padding, resizing, sampling at points, cutting into patches."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from microtorch.kernels.numbers import operand
from microtorch.kernels.select import kept

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]  # before and after, for each dimension; negative: cut off


def pad_constant(x: Any, pairs: Pairs, value: float) -> Any:
    """x with `value` around it; negative amounts cut off."""
    out = np.full([n + a + b for n, (a, b) in zip(x.shape, pairs)], value, x.dtype)
    inner, outer = _overlap(x.shape, pairs)
    out[inner] = x[outer]
    return out


def _overlap(shape: Ints, pairs: Pairs) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where the padded array holds elements of x, and which."""
    inner, outer = [], []
    for n, (a, b) in zip(shape, pairs):
        first, last = max(0, -a), n - max(0, -b)
        outer.append(slice(first, last))
        inner.append(slice(first + a, last + a))
    return tuple(inner), tuple(outer)


def take_axes(x: Any, sources: tuple[Any, ...]) -> Any:
    """Along the last dimensions, one after the other, the indices listed; a copy even if there are none."""
    first = x.ndim - len(sources)
    if all(index is None for index in sources):
        return x.copy()
    for i, index in enumerate(sources):
        if index is not None:
            x = _taken(x, index, first + i)
    return x


_LARGE = 1 << 14  # elements from which a long run of neighbours is copied as one


def _longest_run(index: Any) -> slice:
    """The longest part of the indices that rise by 1."""
    ends = np.concatenate((np.flatnonzero(np.diff(index) != 1), [index.size - 1])) + 1
    starts = np.concatenate(([0], ends[:-1]))
    longest = np.argmax(ends - starts)
    return slice(int(starts[longest]), int(ends[longest]))


def _taken(x: Any, index: Any, axis: int) -> Any:
    """np.take, of which padding is mostly one long run."""
    run = _longest_run(index) if x.size >= _LARGE and type(x) is np.ndarray and index.size else slice(0, 0)
    if 2 * (run.stop - run.start) < index.size or not index.size:
        return np.take(x, index, axis)
    out = np.empty((*x.shape[:axis], index.size, *x.shape[axis + 1 :]), x.dtype)
    head = (slice(None),) * axis
    from_ = int(index[run.start])
    out[(*head, run)] = x[(*head, slice(from_, from_ + run.stop - run.start))]
    for part in (slice(0, run.start), slice(run.stop, index.size)):
        out[(*head, part)] = np.take(x, index[part], axis)
    return out


def take_axes_backward(g: Any, shape: Ints, sources: tuple[Any, ...]) -> Any:
    """The transpose of take_axes: what was taken several times adds up."""
    first = len(shape) - len(sources)
    for i, index in enumerate(sources):
        if index is not None:
            g = _added_back(g, first + i, shape[first + i], index)
    return g


def _added_back(g: Any, axis: int, size: int, index: Any) -> Any:
    """Along one axis, g[j] added to place index[j] of zeros."""
    if not index.size:
        return np.zeros((*g.shape[:axis], size, *g.shape[axis + 1 :]), g.dtype)
    times = index.size // size if size else 0
    if times and index.size == times * size and np.array_equal(index, np.arange(index.size) // times):
        blocks = g.reshape(*g.shape[:axis], size, times, *g.shape[axis + 1 :])  # each place was taken `times` times
        total = blocks[(slice(None),) * (axis + 1) + (0,)]
        total = total.copy() if times == 1 else total + blocks[(slice(None),) * (axis + 1) + (1,)]
        for k in range(2, times):
            total += blocks[(slice(None),) * (axis + 1) + (k,)]
        return total
    run = _longest_run(index) if g.size >= _LARGE and type(g) is np.ndarray else slice(0, 0)
    if index.size - (run.stop - run.start) <= 16:
        head = (slice(None),) * axis
        whole = np.zeros((*g.shape[:axis], size, *g.shape[axis + 1 :]), g.dtype)
        whole[(*head, slice(int(index[run.start]), int(index[run.start]) + run.stop - run.start))] = g[(*head, run)]
        for j in (*range(run.start), *range(run.stop, index.size)):
            whole[(*head, index[j])] += g[(*head, j)]
        return whole
    lead, tail = math.prod(g.shape[:axis]), math.prod(g.shape[axis + 1 :])
    out = np.zeros(lead * size * tail, g.dtype)  # np.add.at is fast for flat indices only
    places = (np.arange(lead)[:, None] * size + index)[..., None] * tail + np.arange(tail)
    np.add.at(out, places.reshape(-1), g.reshape(-1))
    return out.reshape(*g.shape[:axis], size, *g.shape[axis + 1 :])


def reflected(n: int, before: int, after: int) -> Any:
    """Indices that mirror a dimension at its ends, the ends themselves not repeated."""
    at = np.abs(np.arange(-before, n + after))
    return np.where(at >= n, 2 * (n - 1) - at, at)


def replicated(n: int, before: int, after: int) -> Any:
    """Indices that repeat a dimension's ends."""
    return np.clip(np.arange(-before, n + after), 0, n - 1)


def circular(n: int, before: int, after: int) -> Any:
    """Indices that go around a dimension (what is left of it, if an amount is negative)."""
    left = np.arange(max(-before, 0), n - max(-after, 0))
    return left[np.arange(-max(before, 0), left.size + max(after, 0)) % max(left.size, 1)]


# resizing: the source of each output place, as PyTorch computes it ---------------------------------------------------


def nearest_index(size: int, out: int, scale: float | None, exact: bool) -> Any:
    """The input place that each output place copies, in float32 as PyTorch; scale: the factor asked for, if any."""
    step = np.float32(1 / scale) if scale is not None and scale > 0 else np.float32(size) / np.float32(out)
    at = np.arange(out, dtype=np.float32)
    if exact:
        at = at + np.float32(0.5)
    return np.minimum(np.floor(at * step).astype(np.int64), size - 1)


def _step(size: int, out: int, align_corners: bool, scale: float | None, dtype: Any) -> Any:
    if align_corners:
        return dtype.type(size - 1) / dtype.type(out - 1) if out > 1 else dtype.type(0)
    return dtype.type(1 / scale) if scale is not None and scale > 0 else dtype.type(size) / dtype.type(out)


def _sources(size: int, out: int, align_corners: bool, scale: float | None, dtype: Any, cut: bool) -> tuple[Any, Any]:
    """The whole part and the rest of each output place's source."""
    step, at = _step(size, out, align_corners, scale, dtype), np.arange(out, dtype=dtype)
    source = at * step if align_corners else (at + dtype.type(0.5)) * step - dtype.type(0.5)
    if cut:
        source = np.maximum(source, 0)
    low = np.minimum(np.floor(source).astype(np.int64), size - 1)
    return low, np.clip(source - low.astype(dtype), 0, 1)


def linear_map(size: int, out: int, align_corners: bool, scale: float | None, dtype: Any) -> tuple[Any, Any, int]:
    """Linear interpolation between the two nearest places, as a map of `pool.map_axes`."""
    low, rest = _sources(size, out, align_corners, scale, dtype, True)
    return np.stack([low, np.minimum(low + 1, size - 1)]), np.stack([1 - rest, rest]), size


def _cubic_near(x: Any, a: float) -> Any:
    return ((a + 2) * x - (a + 3)) * x * x + 1


def _cubic_far(x: Any, a: float) -> Any:
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a


def cubic_weights(t: Any, a: float = -0.75) -> list[Any]:
    """The weights of the four places around, t beyond the second (Keys, 1981)."""
    return [_cubic_far(t + 1, a), _cubic_near(t, a), _cubic_near(1 - t, a), _cubic_far(2 - t, a)]


def cubic_map(size: int, out: int, align_corners: bool, scale: float | None, dtype: Any) -> tuple[Any, Any, int]:
    """Cubic interpolation between the four nearest places, as a map of `pool.map_axes`."""
    low, rest = _sources(size, out, align_corners, scale, dtype, False)
    index = np.stack([np.clip(low + k, 0, size - 1) for k in (-1, 0, 1, 2)])
    return index, np.stack(cubic_weights(rest)), size


def _triangle(x: Any) -> Any:
    return np.maximum(1 - np.abs(x), 0)


def _keys(x: Any) -> Any:
    x, a = np.abs(x), -0.5
    return np.where(x < 1, _cubic_near(x, a), np.where(x < 2, _cubic_far(x, a), 0))


def _lanczos(x: Any) -> Any:
    return np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)


FILTERS = {"bilinear": (_triangle, 2), "bicubic": (_keys, 4), "lanczos": (_lanczos, 6)}
"""Antialiasing filters and their widths, in output places."""


def filter_map(
    size: int, out: int, align_corners: bool, scale: float | None, dtype: Any, mode: str
) -> tuple[Any, Any, int]:
    """Interpolation with a filter as wide as an output place, when it is shrunk; as a map of `pool.map_axes`."""
    kernel, width = FILTERS[mode]
    step = float(_step(size, out, align_corners, scale, dtype))
    support = width * 0.5 * max(step, 1.0)
    center = step * (np.arange(out) + 0.5)
    first = np.maximum((center - support + 0.5).astype(np.int64), 0)
    end = np.minimum((center + support + 0.5).astype(np.int64), size)
    taps = np.arange(int((end - first).max(initial=1)))[:, None]
    weight = kernel((taps + first - center + 0.5) / max(step, 1.0))
    weight = np.where(taps < end - first, weight, 0)
    total = weight.sum(0)
    return np.minimum(taps + first, size - 1), weight / np.where(total == 0, 1, total), size


def fixed_point(weight: Any) -> tuple[Any, int]:
    """Weights as whole numbers, and by how many bits they were shifted to the left: as far as 16 bits hold the largest.

    The numbers are float64, in which products of bytes with them add up exactly.
    """
    largest, bits = float(weight.max(initial=0)), 0
    while bits < 22 and int(0.5 + largest * (1 << (bits + 1))) < 1 << 15:
        bits += 1
    scaled = weight * (1 << bits)
    return np.trunc(scaled + np.where(scaled < 0, -0.5, 0.5)), bits


def map_bytes(x: Any, maps: tuple[Any, ...]) -> Any:
    """`pool.map_axes` for uint8, the last dimension first: in fixed point, rounded to uint8 after each, as PyTorch."""
    for axis in range(x.ndim - 1, x.ndim - len(maps) - 1, -1):
        index, weight, size = maps[axis - x.ndim]
        matrix = np.zeros((size, index.shape[1]))
        np.add.at(matrix, (index, np.arange(index.shape[1])), weight)  # at the borders several taps are one place
        numbers, bits = fixed_point(matrix)
        total = np.matmul(np.moveaxis(x, axis, -1).astype(np.float64), numbers).astype(np.int64)
        total += 1 << (bits - 1)
        total >>= bits
        x = np.moveaxis(np.clip(total, 0, 255).astype(np.uint8), -1, axis)
    return np.ascontiguousarray(x)


# sampling at points --------------------------------------------------------------------------------------------------


def _reflect(c: Any, low: float, high: float) -> tuple[Any, Any]:
    """Coordinates mirrored into [low, high], and the derivative, 1 or -1."""
    span = high - low
    if span == 0:
        return np.zeros_like(c), np.zeros_like(c)
    d = c - low
    sign = np.where(d < 0, -1, 1).astype(c.dtype)
    d = np.abs(d)
    turns, rest = np.floor(d / span), np.fmod(d, span)
    even = turns % 2 == 0
    return np.where(even, rest, span - rest) + low, np.where(even, sign, -sign)


def _inside(c: Any, n: int, padding: str, align: bool) -> tuple[Any, Any]:
    """Coordinates brought into the image as the padding mode says, and the derivative (None: 1)."""
    if padding == "zeros":
        return c, None
    slope = np.ones_like(c)
    if padding == "reflection":
        c, slope = _reflect(c, 0, n - 1) if align else _reflect(c, -0.5, n - 0.5)
    slope = np.where((c <= 0) | (c >= n - 1), 0, slope)
    return np.clip(c, 0, n - 1), slope.astype(c.dtype)


@functools.lru_cache(maxsize=64)
def _derived(coefficients: tuple[float, ...], order: int) -> tuple[float, ...]:
    """The coefficients of the derivative of some order of a polynomial, highest power first."""
    return tuple(np.polyder(np.array(coefficients), order).tolist()) if order < len(coefficients) else (0.0,)


def _polynomial(coefficients: tuple[float, ...], t: Any, order: int) -> Any:
    """The derivative of some order of a polynomial, highest power first, at t."""
    first, *rest = _derived(coefficients, order)
    if not rest:
        return np.full(t.shape, first, t.dtype)
    result: Any = operand(first, t)
    for c in rest:
        result = np.asarray(result * t)
        if c:
            result += operand(c, t)
    return result


def _place(c: Any, n: int, align: bool, planar: bool) -> Any:
    """A coordinate in [-1, 1] in units of n places.

    At the places themselves the gradient jumps, so this is rounded as PyTorch's (in images otherwise than in volumes).
    """
    if not planar:
        return (c + 1) / 2 * (n - 1) if align else ((c + 1) * n - 1) / 2
    c = (c + 1) * c.dtype.type((n - 1) / 2 if align else n / 2)
    return c if align else c - c.dtype.type(0.5)


def _axis_taps(c: Any, n: int, mode: str, padding: str, align: bool, order: int, planar: bool) -> list[tuple[Any, Any]]:
    """What one coordinate in [-1, 1] reads of n places: for each tap (place, derivative of its weight)."""
    scale = c.dtype.type((n - 1) / 2 if align else n / 2)
    c = _place(c, n, align, planar)
    slope: Any = None
    if mode != "bicubic":
        c, slope = _inside(c, n, padding, align)
        if not math.isfinite(np.add.reduce(c, None)):
            c = np.where(np.isfinite(c), c, -100)
    low = np.floor(c)
    if mode == "nearest":
        taps = [(np.rint(c).astype(np.int64), np.full_like(c, order == 0))]
    elif mode == "bilinear":
        t, before = c - low, low.astype(np.int64)
        taps = [(before, _polynomial((-1.0, 1.0), t, order)), (before + 1, _polynomial((1.0, 0.0), t, order))]
    else:
        t, a = c - low, -0.75  # as in cubic_weights, each a polynomial of the distance from the tap
        near, far = (a + 2, -(a + 3), 0.0, 1.0), (a, -5 * a, 8 * a, -4 * a)
        sign = (-1) ** order
        weights = [_polynomial(far, t + 1, order), _polynomial(near, t, order),
                   sign * _polynomial(near, 1 - t, order), sign * _polynomial(far, 2 - t, order)]  # fmt: skip
        taps = [
            (np.rint(_inside(low + (k - 1), n, padding, align)[0]).astype(np.int64), w) for k, w in enumerate(weights)
        ]
    factor = None if not order else scale**order if slope is None else (slope * scale) ** order
    first, last = np.array(0), np.array(n - 1)
    found = []
    for wanted, w in taps:
        index = np.maximum(wanted, first)
        np.minimum(index, last, out=index)
        weight = w if factor is None else w * factor
        found.append((index, kept(weight.astype(c.dtype, copy=False), index == wanted)))
    return found


def _taps_of_axes(grid: Any, size: Ints, orders: Ints, mode: str, padding: str, align: bool) -> list[Any]:
    """`_axis_taps` of each dimension, for grid (N, *out, d): places and weights (N, P)."""
    count = len(size)
    flat = grid.reshape(grid.shape[0], math.prod(grid.shape[1:-1]), count)
    return [
        _axis_taps(flat[..., count - 1 - i], n, mode, padding, align, orders[i], count == 2) for i, n in enumerate(size)
    ]


def _place_of(axes: list[Any], at: Ints, size: Ints, first: Any) -> Any:
    """The place in the flattened images of a combination of taps, first being that of each image."""
    index: Any = 0
    for taps, k, n in zip(axes, at, size):
        index = index * n + taps[k][0]
    return index + first


def _weight_of(axes: list[Any], at: Ints) -> Any:
    """The product of the weights of a combination of taps; possibly one of them."""
    return functools.reduce(np.multiply, [taps[k][1] for taps, k in zip(axes, at)])


def _first_places(shape: Ints) -> Any:
    """Where each image of (N, C, *S) begins."""
    return np.arange(0, math.prod(shape), math.prod(shape[1:]))[:, None]


def affine_grid(theta: Any, base: Any, size: Ints) -> Any:
    """Points base (P, d + 1) of a grid of `size`, mapped by matrices theta (N, d, d + 1): (N, *size, d)."""
    return np.matmul(base, theta.swapaxes(1, 2)).reshape(theta.shape[0], *size, theta.shape[1])


def grid_sample(x: Any, grid: Any, mode: str, padding: str, align: bool, orders: Ints | None = None) -> Any:
    """x (N, C, *S) at the points of grid (N, *out, len(S)), last dimension first, in [-1, 1]: (N, C, *out).

    orders: derive so often by the coordinate of each of the dimensions S.
    """
    (n, c), size, places = x.shape[:2], x.shape[2:], math.prod(grid.shape[1:-1])
    out = np.zeros((n, c, places), x.dtype)
    if x.size and out.size:
        flat, image, first = np.ascontiguousarray(x).reshape(-1), math.prod(size), _first_places(x.shape)
        axes = _taps_of_axes(grid, size, orders or (0,) * len(size), mode, padding, align)
        for at in np.ndindex(*(len(a) for a in axes)):
            index, weight = _place_of(axes, at, size, first), _weight_of(axes, at)
            for channel in range(c):
                read = flat[channel * image :].take(index)
                read *= weight
                out[:, channel] += read
    return out.reshape(n, c, *grid.shape[1:-1])


def grid_sample_input(
    g: Any, grid: Any, shape: Ints, mode: str, padding: str, align: bool, orders: Ints | None = None
) -> Any:
    """The transpose of grid_sample in x: zeros of `shape` with g added where it was read."""
    (n, c), size, out = shape[:2], shape[2:], np.zeros(math.prod(shape), g.dtype)
    g = g.reshape(n, c, math.prod(g.shape[2:]))
    if g.size and out.size:
        image, first = math.prod(size), _first_places(shape)
        axes = _taps_of_axes(grid, size, orders or (0,) * len(size), mode, padding, align)
        for at in np.ndindex(*(len(a) for a in axes)):
            index, weight = _place_of(axes, at, size, first).reshape(-1), _weight_of(axes, at)
            for channel in range(c):
                np.add.at(out[channel * image :], index, (g[:, channel] * weight).reshape(-1))
    return out.reshape(shape)


def grid_sample_grid(
    g: Any, x: Any, grid: Any, mode: str, padding: str, align: bool, orders: Ints | None = None
) -> Any:  # fmt: skip
    """The gradient of the grid, given g: for each coordinate the sum over channels of g and the sample's derivative.

    What is read, and its sum with g over the channels, is the same for all coordinates.
    """
    (n, c), size, count = x.shape[:2], x.shape[2:], x.ndim - 2
    out = np.zeros((*grid.shape[:-1], count), x.dtype)
    if not (x.size and out.size):
        return out
    parts = out.reshape(n, -1, count)
    g, orders = g.reshape(n, c, -1), orders or (0,) * count
    flat, image, first = np.ascontiguousarray(x).reshape(-1), math.prod(size), _first_places(x.shape)
    axes = _taps_of_axes(grid, size, orders, mode, padding, align)
    raised = _taps_of_axes(grid, size, tuple(o + 1 for o in orders), mode, padding, align)
    for at in np.ndindex(*(len(a) for a in axes)):
        index, total = _place_of(axes, at, size, first), np.zeros(parts.shape[:2], x.dtype)
        for channel in range(c):
            read = flat[channel * image :].take(index)
            read *= g[:, channel]
            total += read
        for e in range(count):
            derived = [raised[i] if i == e else axes[i] for i in range(count)]
            parts[..., count - 1 - e] += total * _weight_of(derived, at)
    return out


# patches -------------------------------------------------------------------------------------------------------------


def patches_size(size: Ints, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> Ints:
    """How many patches there are along each dimension."""
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, d, p, s in zip(size, kernel, dilation, padding, stride)
    )


def _patch_slices(at: Ints, out: Ints, dilation: Ints, stride: Ints) -> list[slice]:
    return [slice(k * d, k * d + (o - 1) * s + 1, s) for k, o, d, s in zip(at, out, dilation, stride)]


def im2col(x: Any, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> Any:
    """All patches of x (N, C, H, W) as columns: (N, C * kh * kw, number of patches)."""
    n, c, size = x.shape[0], x.shape[1], x.shape[2:]
    out = patches_size(size, kernel, dilation, padding, stride)
    if any(padding):
        x = pad_constant(x, ((0, 0), (0, 0), *((p, p) for p in padding)), 0)
    cols = np.empty((n, c, *kernel, *out), x.dtype)
    for at in np.ndindex(*kernel):
        cols[(slice(None), slice(None), *at)] = x[(..., *_patch_slices(at, out, dilation, stride))]
    return cols.reshape(n, c * math.prod(kernel), math.prod(out))


def col2im(cols: Any, size: Ints, kernel: Ints, dilation: Ints, padding: Ints, stride: Ints) -> Any:
    """The transpose of im2col: columns added back to where they were cut, (N, C, *size)."""
    out = patches_size(size, kernel, dilation, padding, stride)
    n, c = cols.shape[0], cols.shape[1] // math.prod(kernel)
    cols = cols.reshape(n, c, *kernel, *out)
    wide: Any = np.zeros((n, c, *(m + 2 * p for m, p in zip(size, padding))), cols.dtype)
    for at in np.ndindex(*kernel):
        wide[(..., *_patch_slices(at, out, dilation, stride))] += cols[(slice(None), slice(None), *at)]
    if any(padding):
        wide = np.ascontiguousarray(wide[(..., *(slice(p, p + m) for m, p in zip(size, padding)))])
    return wide


def pixel_shuffle(x: Any, r: int) -> Any:
    """(*, C r^2, H, W) -> (*, C, H r, W r)."""
    *lead, c, h, w = x.shape
    blocks = x.reshape(*lead, c // (r * r), r, r, h, w)
    k = len(lead)
    out = blocks.transpose(*range(k + 1), k + 3, k + 1, k + 4, k + 2).reshape(*lead, c // (r * r), h * r, w * r)
    return out.copy() if np.may_share_memory(out, x) else out


def pixel_unshuffle(x: Any, r: int) -> Any:
    """(*, C, H r, W r) -> (*, C r^2, H, W)."""
    *lead, c, h, w = x.shape
    blocks = x.reshape(*lead, c, h // r, r, w // r, r)
    k = len(lead)
    out = blocks.transpose(*range(k + 1), k + 2, k + 4, k + 1, k + 3).reshape(*lead, c * r * r, h // r, w // r)
    return out.copy() if np.may_share_memory(out, x) else out


def channel_shuffle(x: Any, groups: int) -> Any:
    """Channels (g, C / g) in the order (C / g, g)."""
    return x.reshape(x.shape[0], groups, x.shape[1] // groups, *x.shape[2:]).swapaxes(1, 2).reshape(x.shape).copy()
