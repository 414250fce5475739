"""Pooling over windows, in any number of trailing dimensions: x (N, C, *S) -> (N, C, *out).

Maximum and sum over a window are taken one dimension after the other, the last first: kh + kw passes over whole arrays
instead of kh * kw. A *tap* is one place of the window; taps are numbered row by row.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any, NamedTuple

import numpy as np

from microtorch.kernels import small, threads, twins

Ints = tuple[int, ...]


def output_size(size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool) -> Ints:
    """The spatial size of the result; a window of ceil_mode's must begin inside the input or its left padding."""
    found = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation):
        reach = n + 2 * p - d * (k - 1) - 1
        o = (-(-reach // s) if ceil_mode else reach // s) + 1
        if ceil_mode and (o - 1) * s >= n + p:
            o -= 1
        found.append(o)
    return tuple(found)


def _lowest(dtype: Any) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _padded(x: Any, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, value: Any) -> Any:
    """x with `value` around it, as far as windows reach."""
    size = x.shape[-len(kernel) :]
    reach = [(o - 1) * s + d * (k - 1) + 1 for o, k, s, d in zip(out, kernel, stride, dilation)]
    if not any(padding) and all(r <= n for r, n in zip(reach, size)):
        return x
    whole = [max(r, n + p) for r, n, p in zip(reach, size, padding)]
    wide: Any = np.full((*x.shape[: x.ndim - len(kernel)], *whole), value, x.dtype)
    wide[(..., *(slice(p, p + n) for p, n in zip(padding, size)))] = x
    return wide


def _taps(x: Any, axis: int, out: int, kernel: int, stride: int, dilation: int) -> list[Any]:
    """For each tap of one dimension, the elements that the windows have there."""
    head = (slice(None),) * axis
    return [x[(*head, slice(k * dilation, k * dilation + (out - 1) * stride + 1, stride))] for k in range(kernel)]


def max_pool(x: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool) -> tuple[Any, Any]:
    """The largest element of each window, and the number of its tap (the first of equal ones; NaN is largest)."""
    out = output_size(x.shape[-len(kernel) :], kernel, stride, padding, dilation, ceil_mode)
    if (fast := _compiled(x, kernel)) is not None:
        geometry = _planes(x.shape[-len(kernel) :], kernel, stride, padding, dilation, out)
        if geometry.filled:
            return _max_pool_compiled(fast, x, geometry, out)
    elif (found := _max_pool_gathered(x, kernel, stride, padding, dilation, out)) is not None:
        return found
    whole = (out, kernel, stride, padding, dilation)
    if x.size < 2 * twins.PART or 0 in out:
        return _max_pool_by_taps(x, *whole)
    best = np.empty((*x.shape[: x.ndim - len(kernel)], *out), x.dtype)
    code = np.empty(best.shape, _code_type(kernel))

    def some(x: Any, best: Any, code: Any) -> None:
        best[...], code[...] = _max_pool_by_taps(x, *whole)

    _by_planes(some, len(kernel), np.ascontiguousarray(x), best, code)
    return best, code


def max_pool_values(x: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool) -> Any:
    """The largest element of each window, where no backward pass will ask for its place."""
    out = output_size(x.shape[-len(kernel) :], kernel, stride, padding, dilation, ceil_mode)
    if _compiled(x, kernel) is not None or x.dtype.kind != "f" or type(x) is not np.ndarray:
        return max_pool(x, kernel, stride, padding, dilation, ceil_mode)[0]  # (which is one pass there)
    if (picked := _picked(x, out, kernel, stride, padding, dilation)) is not None:
        return np.maximum.reduce(picked[0], 2).reshape(*x.shape[: x.ndim - len(kernel)], *out)
    best = np.empty((*x.shape[: x.ndim - len(kernel)], *out), x.dtype)
    if not best.size:
        return best

    def some(x: Any, best: Any) -> None:
        values = _padded(x, out, kernel, stride, padding, dilation, _lowest(x.dtype))
        for i in range(len(kernel)):  # the first dimension first: there, what is compared lies in runs
            first, *rest = _taps(values, 2 + i, out[i], kernel[i], stride[i], dilation[i])
            whole = i == len(kernel) - 1
            values = best if whole else first if not rest else np.empty(first.shape, x.dtype)
            if whole and not rest:
                best[...] = first
            for value in rest:
                np.maximum(first, value, out=values)
                first = values

    _by_planes(some, len(kernel), np.ascontiguousarray(x), best)
    return best


def _by_planes(kernel: Any, dims: int, *arrays: Any) -> None:
    """Calls `kernel` with some images at a time of arrays (*lead, *places), as (images, 1, *places), among threads."""
    planes = [a.reshape(-1, 1, *a.shape[a.ndim - dims :]) for a in arrays]
    step = max(1, _BLOCK * len(planes[0]) // arrays[0].size)

    def some(*arrays: Any) -> None:
        for start in range(0, len(arrays[0]), step):
            kernel(*(a[start : start + step] for a in arrays))

    threads.split(some, len(planes[0]), *planes, least=-(-twins.PART * len(planes[0]) // arrays[0].size))


def _code_type(kernel: Ints) -> Any:
    """The smallest type for the numbers of taps."""
    count = math.prod(kernel)
    return np.uint8 if count <= 256 else np.uint32 if count <= 2**32 else np.int64


def _max_pool_by_taps(x: Any, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> tuple[Any, Any]:
    """`max_pool`, a pass over all windows for each tap of a dimension."""
    wide = _padded(x, out, kernel, stride, padding, dilation, _lowest(x.dtype))
    best, code = _max_taps(wide, out, kernel, stride, dilation, False)
    if x.dtype.kind == "f" and best.size and np.isnan(np.maximum.reduce(best, None)):
        best, code = _max_taps(wide, out, kernel, stride, dilation, True)
    if any(padding) and best.size and not np.minimum.reduce(best, None) > _lowest(x.dtype):  # or NaN
        code = _inside(code, kernel, stride, padding, dilation)
    return (best.copy() if best.base is not None or best is x else best), code


_BLOCK = 1 << 16  # elements that passes of NumPy's take at a time
_GATHERED = 1 << 14  # elements of all windows up to which they are picked together


def _max_pool_gathered(
    x: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, out: Ints
) -> tuple[Any, Any] | None:
    """`max_pool` of few windows in as few of NumPy's calls as there can be; None if there are many, a window is empty,
    or there is a NaN."""
    if (found := _picked(x, out, kernel, stride, padding, dilation)) is None:
        return None
    picked, taps, inside = found
    tap = picked.argmax(2)
    best = picked.reshape(-1).take(tap + _starts(*picked.shape))
    if (largest := best.item(best.argmax())) != largest:
        return None
    if inside is not None:
        tap = inside.take(tap + _starts(1, *inside.shape))
    shape = (*x.shape[: x.ndim - len(kernel)], *out)
    return best.reshape(shape), tap.astype(np.uint8 if taps <= 256 else np.uint32).reshape(shape)


def _picked(
    x: Any, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[Any, int, Any] | None:
    """The elements of all windows (images, windows, taps), how many taps there are, and the second of `_elements`; None
    if there are many, or a window is empty."""
    windows, taps = math.prod(out), math.prod(kernel)
    size = x.shape[-len(kernel) :]
    pixels = math.prod(size)
    if type(x) is not np.ndarray or not pixels or not 0 < x.size // pixels * windows * taps <= _GATHERED:
        return None
    elements = _elements(out, size, kernel, stride, padding, dilation)
    return None if elements is None else (x.reshape(-1, pixels).take(elements[0], 1), taps, elements[1])


@functools.lru_cache(maxsize=256)
def _elements(
    out: Ints, size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> tuple[Any, Any] | None:
    """For each window and tap its place in the flattened spatial dimensions, in the padding that of the window's first
    element; and that element's tap, or the tap itself (None: nothing lies in the padding). None if a window is empty.
    """
    n = len(kernel)
    at = [  # (windows of a dimension, its taps), among the other dimensions' windows and taps
        (np.arange(o)[:, None] * s - p + np.arange(k) * d).reshape([o if i == j else 1 for i in range(n)]
         + [k if i == j else 1 for i in range(n)])
        for j, (o, s, p, k, d) in enumerate(zip(out, stride, padding, kernel, dilation))
    ]  # fmt: skip
    valid: Any = True
    places: Any = 0
    for a, size_ in zip(at, size):
        valid = valid & (a >= 0) & (a < size_)
        places = places * size_ + a
    places = places.reshape(math.prod(out), -1)
    valid = np.broadcast_to(valid, (*out, *kernel)).reshape(places.shape)
    if valid.all():
        return places, None
    if not valid.any(1).all():
        return None
    taps = np.where(valid, np.arange(places.shape[1]), valid.argmax(1)[:, None])
    return np.take_along_axis(places, taps, 1), taps


@functools.lru_cache(maxsize=64)
def _starts(lead: int, windows: int, taps: int) -> Any:
    """Where in an array (lead, windows, taps) each window begins."""
    return np.arange(0, lead * windows * taps, taps).reshape(lead, windows)


class _Planes(NamedTuple):
    """Windows in two dimensions (one gets a first one of size 1), as compiled twins take them."""

    size: Ints
    kernel: Ints
    stride: Ints
    padding: Ints
    dilation: Ints
    out: Ints
    filled: bool  # each window has an element
    pieces: Any  # rows of windows that begin alike: the first one, how many, the first tap inside and the end


@functools.lru_cache(maxsize=256)
def _planes(size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, out: Ints) -> _Planes:
    wide = [(f,) * (2 - len(v)) + tuple(v) for v, f in zip((size, kernel, stride, padding, dilation, out), _FILLING)]
    filled = all(any(0 <= i * s - p + t * d < n for t in range(k)) for n, k, s, p, d, o in zip(*wide) for i in range(o))
    pieces = []
    n, k, s, p, d, o = (v[0] for v in wide)
    inside = [[t for t in range(k) if 0 <= m * s - p + t * d < n] for m in range(o)]
    for taps, rows in itertools.groupby(range(o), key=lambda m: inside[m]):
        lines = list(rows)
        pieces.append((lines[0], len(lines), taps[0] if taps else 0, taps[-1] + 1 if taps else 0))
    return _Planes._make([*wide, filled, np.array(pieces)])


_FILLING = (1, 1, 1, 0, 1, 1)


def _compiled(x: Any, kernel: Ints) -> Any:
    """The compiled twins, if they take this: up to two dimensions of float32 or float64, up to 256 taps."""
    if x.size < twins.least or not x.size or x.dtype.char not in "fd" or len(kernel) > 2 or math.prod(kernel) > 256:
        return None
    return twins.of("pool")


def _max_pool_compiled(fast: Any, x: Any, windows: _Planes, out: Ints) -> tuple[Any, Any]:
    shape = (*x.shape[: x.ndim - len(out)], *out)
    best, code = np.empty(shape, x.dtype), np.empty(shape, np.uint8)
    planes = np.arange(math.prod(shape[: -len(out)]))
    flat, values, taps = np.ascontiguousarray(x).reshape(-1), best.reshape(-1), code.reshape(-1)

    def work(part: Any) -> None:
        fast.max_pool(part, flat, *windows[:6], windows.pieces, values, taps)

    threads.split(work, len(planes), planes, least=-(-twins.PART * len(planes) // x.size))
    return best, code


def _inside(code: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Any:
    """Taps that lie in the padding (their whole window is -inf) moved to their window's first element."""
    rest: Any = code.astype(np.int64)
    result: Any = 0
    base = 1
    for i in range(len(kernel) - 1, -1, -1):
        at, rest = rest % kernel[i], rest // kernel[i]
        corner = (np.arange(code.shape[i - len(kernel)]) * stride[i] - padding[i]).reshape(
            (-1,) + (1,) * (len(kernel) - 1 - i)
        )
        first = -(np.minimum(corner, 0) // dilation[i])
        result = result + np.maximum(at, first) * base
        base *= kernel[i]
    return result.astype(code.dtype)


def _max_taps(best: Any, out: Ints, kernel: Ints, stride: Ints, dilation: Ints, with_nan: bool) -> tuple[Any, Any]:
    """The largest elements and their taps' numbers, one dimension after the other."""
    code_type = _code_type(kernel)
    code: Any = None
    base = 1
    for axis in range(best.ndim - 1, best.ndim - len(kernel) - 1, -1):
        i = axis - best.ndim
        values = _taps(best, axis, out[i], kernel[i], stride[i], dilation[i])
        codes = None if code is None else _taps(code, axis, out[i], kernel[i], stride[i], dilation[i])
        best, code = _largest(values, codes, base, code_type, with_nan)
        base *= kernel[i]
    return best, code


def _largest(values: list[Any], codes: list[Any] | None, base: int, code_type: Any, with_nan: bool) -> tuple[Any, Any]:
    """The elementwise largest of some arrays, and its code: base * (which array), plus the code it had there."""
    best = values[0]
    code: Any = None if codes is None else codes[0]
    for k in range(1, len(values)):
        value = values[k]
        larger = np.greater(value, best)
        if with_nan:
            larger |= np.isnan(value)
        best = np.maximum(best, value) if k == 1 else np.maximum(best, value, out=best)
        if codes is None and k == 1 and base == 1 and code_type is np.uint8:
            code = larger.view(np.uint8)
            continue
        if code is None:
            code = np.zeros(best.shape, code_type)
        # where larger, the new code, by bits: faster than a masked copy
        change = np.bitwise_xor(code, code_type(base * k) if codes is None else codes[k] + code_type(base * k))
        change &= (
            np.negative(larger.view(np.int8)).view(np.uint8) if code_type is np.uint8 else -larger.astype(code_type)
        )
        code = np.bitwise_xor(code, change, out=change)
    return best, np.zeros(best.shape, code_type) if code is None else code


def max_pool_backward(g: Any, shape: Ints, tap: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Any:
    """Zeros of `shape` with g added where the windows' largest elements are."""
    if g.size and tap.dtype == np.uint8 and (fast := _compiled(g, kernel)) is not None:
        size, out = shape[-len(kernel) :], np.empty(shape, g.dtype)
        windows = _planes(size, kernel, stride, padding, dilation, g.shape[-len(kernel) :])
        offsets = _geometry(windows.out, windows.size, *windows[1:5])[1]
        planes = np.arange(math.prod(shape[: -len(kernel)]))
        flat, code, to = np.ascontiguousarray(g).reshape(-1), np.ascontiguousarray(tap).reshape(-1), out.reshape(-1)

        def work(part: Any) -> None:
            fast.max_pool_backward(
                part, flat, windows.size, windows.stride, windows.padding, windows.out, code, offsets, to
            )  # fmt: skip

        threads.split(work, len(planes), planes, least=-(-twins.PART * len(planes) // out.size))
        return out
    size = shape[-len(kernel) :]
    apart = all(s >= d * (k - 1) + 1 for k, s, d in zip(kernel, stride, dilation))  # windows do not overlap
    if g.size < twins.PART or type(g) is not np.ndarray:
        return put_flat(g, shape, places(tap, size, kernel, stride, padding, dilation), apart)
    out = np.empty(shape, g.dtype)

    def some(g: Any, tap: Any, out: Any) -> None:
        out[...] = put_flat(g, out.shape, places(tap, size, kernel, stride, padding, dilation), apart)

    _by_planes(some, len(kernel), g, tap, out)
    return out


def max_pool_take(x: Any, tap: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Any:
    """The element of each window that `tap` names: the transpose of max_pool_backward."""
    return take_flat(x, places(tap, x.shape[-len(kernel) :], kernel, stride, padding, dilation))


def places(tap: Any, size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Any:
    """Where in the flattened spatial dimensions the taps are."""
    corners, offsets = _geometry(tap.shape[-len(kernel) :], size, kernel, stride, padding, dilation)
    return np.take(offsets, tap) + corners


@functools.lru_cache(maxsize=256)
def _geometry(out: Ints, size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> tuple[Any, Any]:
    """In the flattened spatial dimensions: the place of each window's first tap, and how far from it the others are."""
    n = len(kernel)
    steps = [math.prod(size[i + 1 :]) for i in range(n)]
    corners: Any = 0
    for i, (o, s, p, e) in enumerate(zip(out, stride, padding, steps)):
        corners = corners + ((np.arange(o) * s - p) * e).reshape((-1,) + (1,) * (n - 1 - i))
    at = np.indices(kernel).reshape(n, -1)
    return corners, sum(a * d * e for a, d, e in zip(at, dilation, steps))


def max_pool_with_indices(
    x: Any, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool
) -> tuple[Any, Any, Any]:
    """Values, their places in the flattened spatial dimensions, and the taps."""
    values, tap = max_pool(x, kernel, stride, padding, dilation, ceil_mode)
    return values, places(tap, x.shape[-len(kernel) :], kernel, stride, padding, dilation), tap


# elements named by their place in the flattened spatial dimensions: adaptive and fractional max pooling, unpooling ---


def take_flat(x: Any, index: Any) -> Any:
    """x (*lead, *S) at places of its flattened S: index (*lead, *out)."""
    lead = _lead(x.shape, index)
    if not index.size:
        return np.zeros(index.shape, x.dtype)
    return np.take_along_axis(x.reshape(lead, -1), index.reshape(lead, -1), 1).reshape(index.shape)


def put_flat(g: Any, shape: Ints, index: Any, apart: bool = False) -> Any:
    """Zeros of `shape` with g added at the places: the transpose of take_flat. apart: no place is named twice."""
    lead = _lead(shape, index)
    if not index.size:
        return np.zeros(shape, g.dtype)
    size = math.prod(shape) // lead
    out = np.zeros(lead * size, g.dtype)
    rows = index.reshape(lead, -1)
    rows = rows + np.arange(lead).reshape(-1, 1) * size
    if apart:
        out[rows.reshape(-1)] = g.reshape(-1)
    else:
        np.add.at(out, rows.reshape(-1), g.reshape(-1))
    return out.reshape(shape)


def _lead(shape: Ints, index: Any) -> int:
    """How many separate images there are: the dimensions, up to two, that shape and index share at the front."""
    return math.prod(shape[: min(2, index.ndim)])


def unpool(x: Any, index: Any, size: Ints) -> Any:
    """Zeros (N, C, *size) with x written at the places."""
    shape = (*x.shape[: x.ndim - len(size)], *size)
    lead = _lead(shape, index)
    if not index.size:
        return np.zeros(shape, x.dtype)
    out = np.zeros((lead, math.prod(size)), x.dtype)
    np.put_along_axis(out, index.reshape(lead, -1), x.reshape(lead, -1), 1)
    return out.reshape(shape)


def adaptive_windows(size: int, out: int) -> list[tuple[int, int]]:
    """First and end of each of `out` windows that cover `size` elements."""
    return [(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]


def adaptive_max_pool_kept(x: Any, out: Ints) -> tuple[Any, Any, Any]:
    """`adaptive_max_pool`, with the places once more, for the backward pass."""
    best, places = adaptive_max_pool(x, out)
    return best, places, places


def adaptive_max_pool(x: Any, out: Ints) -> tuple[Any, Any]:
    """The largest element of each adaptive window, and its place in the flattened spatial dimensions."""
    n = len(out)
    size = x.shape[-n:]
    if x.size and math.prod(out) == 1 and x.dtype.kind == "f":
        flat = np.ascontiguousarray(x).reshape(*x.shape[:-n], -1)
        index = np.argmax(flat, -1)[..., None]
        best = np.take_along_axis(flat, index, -1)
        if not np.isnan(best).any():  # of several NaN the last one's place is wanted
            return best.reshape(*x.shape[:-n], *out), index.reshape(*x.shape[:-n], *out)
    if x.size and 0 not in out and not any(m % o for m, o in zip(size, out)):  # windows of one size
        kernel = tuple(m // o for m, o in zip(size, out))
        return max_pool_with_indices(x, kernel, kernel, (0,) * n, (1,) * n, False)[:2]
    best, index = x, None
    for axis in range(x.ndim - 1, x.ndim - n - 1, -1):
        i = axis - x.ndim
        windows = adaptive_windows(size[i], out[i])
        length = max((e - s for s, e in windows), default=0)
        step = math.prod(size[i + 1 :]) if i < -1 else 1
        taken, codes = [], []
        for k in range(length):
            at = np.array([min(s + k, e - 1) for s, e in windows])
            taken.append(np.take(best, at, axis))
            offset = (at * step).reshape((-1,) + (1,) * (x.ndim - 1 - axis))
            codes.append(
                np.broadcast_to(offset, taken[-1].shape) if index is None else np.take(index, at, axis) + offset
            )
        if not taken:
            return np.zeros((*x.shape[:-n], *out), x.dtype), np.zeros((*x.shape[:-n], *out), np.int64)
        best, index = taken[0], codes[0].astype(np.int64)
        for value, code in zip(taken[1:], codes[1:]):
            larger = (value > best) | np.isnan(value)
            index = np.where(larger, code, index)
            best = np.where(larger, value, best)
    return (best.copy() if best is x else best), index


# averages ------------------------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=256)
def divisors(
    size: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints, count_padding: bool, override: Any
) -> Any:
    """By what each window's sum is divided: a number, or an array over the output's places."""
    if override is not None:
        return float(override)
    counts = []
    for n, o, k, s, p in zip(size, out, kernel, stride, padding):
        first = np.arange(o) * s - p
        end = np.minimum(first + k, n + p)
        if not count_padding:
            first, end = np.maximum(first, 0), np.minimum(end, n)
        counts.append(end - first)
    if all((c == k).all() for c, k in zip(counts, kernel)):
        return float(math.prod(kernel))
    total: Any = np.ones((), np.int64)
    for c in counts:
        total = total[..., None] * c
    return total


def avg_pool(
    x: Any, kernel: Ints, stride: Ints, padding: Ints, ceil_mode: bool, count_padding: bool, override: int | None
) -> Any:
    """The mean of each window; outside the input there are zeros, which count or not (count_padding)."""
    ones = (1,) * len(kernel)
    size = x.shape[-len(kernel) :]
    out = output_size(size, kernel, stride, padding, ones, ceil_mode)
    if (picked := _picked(x, out, kernel, stride, padding, ones)) is not None and x.dtype.char in "fd":
        windows, taps, inside = picked
        if inside is None:
            sums: Any = small.added(windows)
            sums /= np.array(override or taps, x.dtype)
            return sums.reshape(*x.shape[: x.ndim - len(kernel)], *out)
    wide = x.astype(np.float32) if x.dtype == np.float16 else x
    total = _padded(wide, out, kernel, stride, padding, ones, 0)
    for axis in range(x.ndim - 1, x.ndim - len(kernel) - 1, -1):
        i = axis - x.ndim
        values = _taps(total, axis, out[i], kernel[i], stride[i], 1)
        if len(values) == 1:
            total = values[0]
            continue
        total = values[0] + values[1]
        for value in values[2:]:
            total += value
    by = divisors(size, out, kernel, stride, padding, count_padding, override)
    if x.dtype.kind in "iu":
        return (np.sign(total) * np.sign(by) * (np.abs(total) // np.abs(by))).astype(x.dtype)  # toward zero
    result = total / (by if isinstance(by, float) else by.astype(wide.dtype))
    return result if result.dtype == x.dtype else result.astype(x.dtype)


def avg_pool_backward(
    g: Any,
    shape: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    ceil_mode: bool,
    count_padding: bool,
    override: int | None,
) -> Any:
    """The transpose of avg_pool: each window's elements get an equal share of its g."""
    n = len(kernel)
    out = g.shape[-n:]
    by = divisors(shape[-n:], out, kernel, stride, padding, count_padding, override)
    g = g / (by if isinstance(by, float) else by.astype(g.dtype))
    for axis in range(g.ndim - n, g.ndim):
        i = axis - g.ndim
        k, s = kernel[i], stride[i]
        if k == s and k > 1:
            g = np.repeat(g, k, axis)
            continue
        if k == s == 1:
            continue
        wide = np.zeros((*g.shape[:axis], (out[i] - 1) * s + k, *g.shape[axis + 1 :]), g.dtype)
        for target in _taps(wide, axis, out[i], k, s, 1):
            target += g
        g = wide
    size = shape[-n:]
    if g.shape[-n:] == size and not any(padding):
        return g
    # cut the padding off; what the windows did not reach stays zero
    result: Any = np.zeros(shape, g.dtype)
    inside = [min(m, r - p) for m, r, p in zip(size, g.shape[-n:], padding)]
    result[(..., *(slice(m) for m in inside))] = g[(..., *(slice(p, p + m) for p, m in zip(padding, inside)))]
    return result


# linear maps along dimensions: adaptive averages, resizing -----------------------------------------------------------

Map = tuple[Any, Any, int]  # indices (taps, out), weights (taps, out), size of the input

_DENSE = 1 << 22  # elements up to which such a map is applied as a matrix


def adaptive_map(size: int, out: int) -> Map:
    """The averages over adaptive windows."""
    windows = adaptive_windows(size, out)
    length = max((e - s for s, e in windows), default=1)
    index, weight = np.zeros((length, out), np.int64), np.zeros((length, out))
    for j, (s, e) in enumerate(windows):
        index[: e - s, j] = np.arange(s, e)
        weight[: e - s, j] = 1 / (e - s)
    return index, weight, size


def _matrix(m: Map, dtype: Any) -> Any:
    index, weight, size = m
    matrix = np.zeros((size, index.shape[1]), dtype)
    for at, w in zip(index, weight):
        matrix[at, np.arange(index.shape[1])] += w.astype(dtype)
    return matrix


def map_axes(x: Any, maps: tuple[Map | None, ...]) -> Any:
    """Along each of the last dimensions a linear map: out[j] = sum over taps t of weight[t, j] x[index[t, j]]."""
    first = x.ndim - len(maps)
    if all(m is None for m in maps):
        return x.copy()
    dtype = x.dtype
    x = x.astype(np.float32) if dtype == np.float16 else x
    for i, m in enumerate(maps):
        if m is not None:
            x = _mapped(x, m, first + i, transposed=False)
    return x if x.dtype == dtype else x.astype(dtype)


def map_axes_backward(g: Any, maps: tuple[Map | None, ...]) -> Any:
    """The transpose of map_axes."""
    first = g.ndim - len(maps)
    dtype = g.dtype
    g = g.astype(np.float32) if dtype == np.float16 else g
    for i, m in enumerate(maps):
        if m is not None:
            g = _mapped(g, m, first + i, transposed=True)
    return g if g.dtype == dtype else g.astype(dtype)


def _mapped(x: Any, m: Map, axis: int, transposed: bool) -> Any:
    index, weight, size = m
    if index.shape[1] * size <= _DENSE:
        matrix = _matrix(m, x.dtype)
        if transposed:
            matrix = matrix.T
        lead, tail = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
        out = matrix.shape[1]
        if tail == 1:
            y = x.reshape(lead, x.shape[axis]) @ matrix
        else:
            y = np.matmul(matrix.T, x.reshape(lead, x.shape[axis], tail))
        return y.reshape(*x.shape[:axis], out, *x.shape[axis + 1 :])
    by_tap = (-1,) + (1,) * (x.ndim - 1 - axis)
    if transposed:
        result = np.zeros((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype)
        for at, w in zip(index, weight):
            np.add.at(np.moveaxis(result, axis, 0), at, np.moveaxis(x * w.astype(x.dtype).reshape(by_tap), axis, 0))
        return result
    return sum(np.take(x, at, axis) * w.astype(x.dtype).reshape(by_tap) for at, w in zip(index, weight))


# fractional max pooling (Graham, 2014) -------------------------------------------------------------------------------


def fractional_starts(sample: Any, size: int, out: int, kernel: int) -> Any:
    """Where the windows begin, given a random number in [0, 1) for each image: (images, out)."""
    if out == 1:
        return np.full((sample.size, 1), size - kernel, np.int64)
    u = sample.reshape(-1, 1)
    alpha = u.dtype.type(size - kernel) / u.dtype.type(out - 1)
    at = np.arange(out, dtype=u.dtype)
    starts = ((at + u) * alpha).astype(np.int64) - (u * alpha).astype(np.int64)
    starts[:, -1] = size - kernel
    return starts


def fractional_max_pool(x: Any, kernel: Ints, out: Ints, samples: Any) -> tuple[Any, Any]:
    """The largest element of each randomly placed window, and its place; samples (N, C, dimensions): x before y in two
    dimensions, z, y, x in three, as in PyTorch."""
    n = len(kernel)
    size = x.shape[2:]
    images = x.shape[0] * x.shape[1]
    if not images:
        return np.zeros((*x.shape[:2], *out), x.dtype), np.zeros((*x.shape[:2], *out), np.int64)
    flat = x.reshape(images, -1)
    index: Any = np.zeros((images,) + (1,) * (2 * n), np.int64)
    for i in range(n):
        starts = fractional_starts(samples.reshape(-1, n)[:images, 1 - i if n == 2 else i], size[i], out[i], kernel[i])
        at = starts[:, :, None] + np.arange(kernel[i])
        spread = [images] + [1] * (2 * n)
        spread[1 + i], spread[1 + n + i] = out[i], kernel[i]
        index = index * size[i] + at.reshape(spread)
    index = index.reshape(images, math.prod(out), math.prod(kernel))
    values = flat[np.arange(images)[:, None, None], index]
    best = np.argmax(values, 2)[..., None]
    shape = (*x.shape[:2], *out)
    return np.take_along_axis(values, best, 2).reshape(shape), np.take_along_axis(index, best, 2).reshape(shape)
