"""Reductions over axes. Float16 is summed in float32, integers and bools in int64, as PyTorch does."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np

from microtorch.kernels import ordered, small, threads, twins
from microtorch.kernels.narrow import LEAST, from_half
from microtorch.kernels.quiet import quiet, silence
from microtorch.kernels.transpose import transposed_into

Axis = tuple[int, ...] | None

# NumPy's reductions, called by position (x, axis, dtype, out, keepdims), which is the fastest way
_add: Any = np.add.reduce
_multiply: Any = np.multiply.reduce
_maximum: Any = np.maximum.reduce
_minimum: Any = np.minimum.reduce
_and: Any = np.logical_and.reduce
_or: Any = np.logical_or.reduce


def count(shape: tuple[int, ...], axis: Axis) -> int:
    """How many elements each result of a reduction comes from."""
    n = 1
    for i in range(len(shape)) if axis is None else axis:
        n *= shape[i]
    return n


_FEW = 512  # elements up to which the choice of a way takes longer than NumPy's own


def largest_along(x: Any, axis: int) -> Any:
    """The largest elements along an axis that stays, NaN if there is one; of rows by NumPy's argmax, which takes a
    third to a tenth of the time of its maximum."""
    if x.size < _FEW or type(x) is not np.ndarray or axis not in (-1, x.ndim - 1) or not x.flags.c_contiguous:
        return _maximum(x, axis, None, None, True)
    places = x.argmax(axis, keepdims=True)
    return x.reshape(-1).take(places + row_starts(places.shape, x.shape[-1]))


def row_starts(shape: tuple[int, ...], n: int) -> Any:
    """Where the rows of a flattened array of rows of n elements begin, in that shape."""
    return _few_row_starts(shape, n) if math.prod(shape) <= 4096 else _row_starts(shape, n)


def _row_starts(shape: tuple[int, ...], n: int) -> Any:
    return np.arange(0, math.prod(shape) * n, n).reshape(shape)


_few_row_starts = functools.lru_cache(64)(_row_starts)


@functools.lru_cache(64)
def _line_starts(outer: int, n: int, inner: int) -> Any:
    """Where the lines along the middle axis of a flattened (outer, n, inner) begin."""
    return np.add.outer(np.arange(0, outer * n * inner, n * inner), np.arange(inner)).reshape(-1)


_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def _by_products(x: Any, axis: Axis, keepdims: bool) -> Any:
    """The sum of a small array of floats by products with ones, which take a third of the time of NumPy's sums; None
    where they would not be as exact (no more than 1024 numbers are added in a row), or there is another layout."""
    if x.size > 1 << 16 or x.dtype not in _FLOATS or type(x) is not np.ndarray or not x.flags.c_contiguous:
        return None
    n = x.ndim
    if axis is None or len(axis) == n:
        columns = x.shape[-1] if n else 1
        rows = x.size // columns
        if x.size < 8192 or columns > small.FEW or rows > small.FEW:
            return None
        out: Any = x.reshape(rows, columns) if rows > 1 else x.reshape(columns)
        if rows > 1:
            out = small.ones(rows, x.dtype).dot(out)
        out = small.added(out)
        return np.full((1,) * n, out, x.dtype) if keepdims else out
    if axis == (n - 1,) and x.shape[-1] <= small.FEW:
        out = small.added(x)
        return out[..., None] if keepdims else out
    if axis[0] == 0 and n == 2 and len(x) <= small.FEW:
        out = small.ones(len(x), x.dtype).dot(x)
        return out[None] if keepdims else out
    return None


_LARGE = 1 << 15  # elements from which another way to add them pays


def _total(x: Any, axis: Axis, keepdims: bool) -> Any:
    """The sum of floats or complex numbers in their own dtype.

    NumPy adds a long contiguous run in pairs, which is exact but slow. So a large array is first added up in (at least
    256) rows of 4096 or more, all columns at a time, and short rows are dot products with ones.
    """
    if x.size < _FEW:
        return _add(x, axis, None, None, keepdims)
    if (out := _by_products(x, axis, keepdims)) is not None:
        return out
    if x.size < _LARGE or x.dtype.kind != "f" or not x.flags.c_contiguous:
        return _add(x, axis, None, None, keepdims)
    if axis is None or len(axis) == x.ndim:
        flat = x.reshape(-1)
        width = max(4096, flat.size >> 8)
        whole = flat.size // width * width
        columns = _add(flat[:whole].reshape(-1, width), 0)
        columns[: flat.size - whole] += flat[whole:]
        out = _add(columns)
        return np.full((1,) * x.ndim, out, x.dtype) if keepdims else out
    n = x.shape[-1]
    if axis == (x.ndim - 1,) and 16 <= n <= 1024:
        out = np.vecdot(x, np.ones(n, x.dtype))
        return out[..., None] if keepdims else out
    return _add(x, axis, None, None, keepdims)


def _single(x: Any) -> Any:
    """A large array of float16 in float32, which NumPy would make of it number by number."""
    return from_half(x) if x.size >= LEAST and type(x) is np.ndarray and x.flags.c_contiguous else x


def sum(x: Any, axis: Axis, keepdims: bool = False) -> Any:
    if (axis is None or len(axis) == x.ndim) and (total := ordered.total(x)) is not None:
        return np.array(total, x.dtype, ndmin=x.ndim) if keepdims else total
    if x.size < _FEW and x.dtype.char in "fdFD":
        return _add(x, axis, None, None, keepdims)
    kind = x.dtype.kind
    if kind in "iub":
        return _add(x, axis, np.int64, None, keepdims)
    if x.dtype.char == "e":
        return np.asarray(_add(_single(x), axis, np.float32, None, keepdims)).astype(np.float16)
    return _total(x, axis, keepdims)


def mean(x: Any, axis: Axis, keepdims: bool = False) -> Any:
    n = x.size if axis is None else count(x.shape, axis)
    if n and (axis is None or len(axis) == x.ndim) and (whole := ordered.total(x)) is not None:
        return np.array(whole / n, x.dtype, ndmin=x.ndim) if keepdims else whole / n
    if n and x.size < _FEW and x.dtype.char in "fdFD":
        return _add(x, axis, None, None, keepdims) / n
    if x.dtype.char == "e":
        return np.asarray(np.divide(_add(_single(x), axis, np.float32, None, keepdims), n)).astype(np.float16)
    total = _total(x, axis, keepdims)
    if n == 0:
        with silence():
            return np.divide(total, n)
    return total / n


def var(x: Any, axis: Axis, correction: float, keepdims: bool) -> Any:
    """Mean squared distance from the mean, divided by n - correction instead of n; NaN if nothing is left."""
    n = count(x.shape, axis)
    if type(x) is np.ndarray and x.ndim and 0 < x.size < _FEW and x.dtype in _FLOATS and n > correction:  # as below
        with silence():
            d = x - _add(x, axis, None, None, True) / n
            d *= d
            return _add(d, axis, None, None, keepdims) / (n - correction)
    with silence():
        wide = x.astype(np.float32) if x.dtype.char == "e" else x
        d = wide - _total(wide, axis, True) / n
        d = (d * d.conj()).real if d.dtype.kind == "c" else np.multiply(d, d, d) if d.ndim else d * d
        left = n - correction
        total = _total(d, axis, keepdims)
        result = np.divide(total, left if left > 0 else 0.0)
    return np.asarray(result).astype(x.real.dtype, copy=False)


def std(x: Any, axis: Axis, correction: float, keepdims: bool) -> Any:
    if x.dtype == np.float16:
        return np.sqrt(var(x.astype(np.float32), axis, correction, keepdims)).astype(np.float16)
    return np.sqrt(var(x, axis, correction, keepdims))


def amax(x: Any, axis: Axis, keepdims: bool) -> Any:
    if x.size >= _FEW and type(x) is np.ndarray and x.dtype in _FLOATS and x.flags.c_contiguous:
        if axis is None or len(axis) == x.ndim:
            out: Any = x.reshape(-1)[x.argmax()]
            return np.full((1,) * x.ndim, out) if keepdims else out
        if axis == (x.ndim - 1,):
            out = largest_along(x, -1)
            return out if keepdims else out[..., 0]
    return _maximum(x, axis, None, None, keepdims)


def amin(x: Any, axis: Axis, keepdims: bool) -> Any:
    return _minimum(x, axis, None, None, keepdims)


def max_with_index(x: Any, axis: int, keepdims: bool) -> tuple[Any, Any]:
    """Values and first places of the largest elements along one axis (NaN counts as largest)."""
    if type(x) is np.ndarray and 0 < x.size <= 4096 and x.ndim and x.flags.c_contiguous:
        return _taken_few(x, axis, x.argmax(axis), keepdims)
    places = x.argmax(axis, keepdims=True)
    return _taken(x, axis, places, keepdims)


def min_with_index(x: Any, axis: int, keepdims: bool) -> tuple[Any, Any]:
    """Values and first places of the smallest elements along one axis (NaN counts as smallest)."""
    if type(x) is np.ndarray and 0 < x.size <= 4096 and x.ndim and x.flags.c_contiguous:
        return _taken_few(x, axis, x.argmin(axis), keepdims)
    places = x.argmin(axis, keepdims=True)
    return _taken(x, axis, places, keepdims)


def _taken_few(x: Any, axis: int, places: Any, keepdims: bool) -> tuple[Any, Any]:
    """What stands in a contiguous array at the places along the axis, and these places."""
    if x.ndim == 1:
        values, places = x[places, ...].copy(), np.asarray(places)
    else:
        step, starts = _few_line_starts(x.shape, axis)
        values = x.reshape(-1).take((places * step if step != 1 else places) + starts)
    if keepdims:
        shape = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
        return values.reshape(shape), places.reshape(shape)
    return values, places


@functools.lru_cache(64)
def _few_line_starts(shape: tuple[int, ...], axis: int) -> tuple[int, Any]:
    """How far apart the places along an axis are, and where each of its lines begins, in the shape of the others."""
    first = (slice(None),) * axis + (0,)
    return math.prod(shape[axis + 1 :]), np.arange(math.prod(shape)).reshape(shape)[first].copy()


def _taken(x: Any, axis: int, places: Any, keepdims: bool) -> tuple[Any, Any]:
    if x.ndim == 0:
        return x.copy(), np.zeros((), np.int64)
    if axis == x.ndim - 1 and type(x) is np.ndarray and x.flags.c_contiguous and x.size:  # 3 us sooner
        values = x.reshape(-1).take(places + row_starts(places.shape, x.shape[axis]))
    elif type(x) is np.ndarray and x.flags.c_contiguous and 0 < x.size <= 4096:
        inner = math.prod(x.shape[axis + 1 :])
        starts = _line_starts(places.size // inner, x.shape[axis], inner).reshape(places.shape)
        values = x.reshape(-1).take(places * inner + starts)
    else:
        values = np.take_along_axis(x, places, axis)
    if not keepdims:
        values, places = values.squeeze(axis), places.squeeze(axis)
    return values, places


def argmax(x: Any, axis: int | None, keepdims: bool) -> Any:
    return x.argmax(axis, keepdims=keepdims)


def argmin(x: Any, axis: int | None, keepdims: bool) -> Any:
    return x.argmin(axis, keepdims=keepdims)


def all(x: Any, axis: Axis, keepdims: bool) -> Any:
    return _and(x, axis, np.bool_, None, keepdims)


def any(x: Any, axis: Axis, keepdims: bool) -> Any:
    return _or(x, axis, np.bool_, None, keepdims)


def take_embed(g: Any, shape: tuple[int, ...], axis: int, keepdims: bool, places: Any) -> Any:
    """Zeros of `shape` with g at the places taken along `axis`."""
    if not shape:
        return np.asarray(g).reshape(())
    out = np.zeros(shape, g.dtype)
    if axis == len(shape) - 1 and type(g) is np.ndarray:
        places = places.reshape(-1)
        out.reshape(-1)[places + row_starts(places.shape, shape[-1])] = g.reshape(-1)
        return out
    if not keepdims:
        g, places = np.expand_dims(g, axis), np.expand_dims(places, axis)
    np.put_along_axis(out, places, g, axis)
    return out


def take_places(x: Any, axis: int, keepdims: bool, places: Any) -> Any:
    """What stands at the places along `axis`."""
    if not x.ndim:
        return x
    if keepdims:
        return np.take_along_axis(x, places, axis)
    return np.take_along_axis(x, np.expand_dims(places, axis), axis).squeeze(axis)


@quiet
def _logsumexp_of_lines(x: Any, axis: int) -> Any:
    """`logsumexp` along one axis by the compiled twin, or of few numbers without NumPy's reductions; else None."""
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    twins.few(x)  # (counts the small arrays)
    if x.flags.c_contiguous and (fast := twins.beside("softmax", twins.FEWER * x.size)) is not None:
        inner = math.prod(x.shape[axis + 1 :])
        outer, out = x.size // (x.shape[axis] * inner), np.empty(shape, x.dtype)
        blocks = x.reshape(outer, x.shape[axis], inner), out.reshape(outer, inner)
        threads.split(fast.logsumexp, outer, *blocks, least=-(-twins.PART * outer // x.size))
        return out
    if x.size > small.FEW:
        return None
    rows = x if axis == x.ndim - 1 else np.moveaxis(x, axis, -1)
    flat, n = rows.reshape(x.size), x.shape[axis]
    top = small.row_maxima(flat, n)
    if top.dot(small.zeros(top.size, x.dtype)) != 0:  # one of them is infinite or NaN
        return None
    out = np.log(small.added(np.exp(flat - top.repeat(n)).reshape(-1, n)))
    out += top
    return out.reshape(shape)


def logsumexp(x: Any, axis: Axis, keepdims: bool) -> Any:
    """log(sum(exp(x))), shifted by the largest so that nothing overflows."""
    if axis is not None and len(axis) == 1 and type(x) is np.ndarray and x.size and x.dtype in _FLOATS:
        if (found := _logsumexp_of_lines(x, axis[0])) is not None:
            return np.expand_dims(found, axis) if keepdims else found
    with silence():
        top = _maximum(x.real, axis, None, None, True, initial=-np.inf)
        top = np.where(np.isfinite(top), top, np.zeros((), top.dtype))
        out = np.log(_total(np.exp(x - top), axis, True)) + top
    return out if keepdims else out.squeeze(axis)


def nansum(x: Any, axis: Axis, keepdims: bool) -> Any:
    """The sum of what is not NaN."""
    if x.dtype.kind in "fc" and type(x) is np.ndarray:  # most have none, which the sum shows
        total = sum(x, axis, keepdims)
        if not np.isnan(total).any():
            return total
    return sum(np.where(np.isnan(x), np.zeros((), x.dtype), x) if x.dtype.kind in "fc" else x, axis, keepdims)


def _products(rows: Any) -> Any:
    """The product of each row (of a vector: of all). NumPy multiplies one at a time: here half a row by the other."""
    if rows.ndim == 1:
        rows = rows[None]
    n = rows.shape[1]
    if rows.size >= twins.least and (fast := twins.of("reduce")) is not None:
        out = np.empty(len(rows), rows.dtype)
        threads.split(fast.prod, len(rows), rows, out, least=max(1, twins.PART // n))
        return out
    out = np.empty(len(rows), rows.dtype)
    step = max(1, 8 * _LARGE // n)
    for k in range(0, len(rows), step):
        part = rows[k : k + step]
        while (n := part.shape[1]) > 128:
            half = n // 2
            folded = part[:, :half] * part[:, half : 2 * half]
            if n % 2:
                folded[:, 0] *= part[:, -1]
            part = folded
        _multiply(np.ascontiguousarray(part.T), 0, out=out[k : k + step])
    return out


def prod(x: Any, axis: Axis, keepdims: bool) -> Any:
    """The product; of integers and bools in int64."""
    if x.size >= 4096 and type(x) is np.ndarray and x.dtype in _FLOATS and x.flags.c_contiguous:
        if axis is None or len(axis) == x.ndim:
            out = _products(_products(x.reshape(1, -1) if x.size % 1024 else x.reshape(-1, 1024)))
            return np.full((1,) * x.ndim, out[0]) if keepdims else out[0]
        if axis == (x.ndim - 1,):
            out = _products(x.reshape(-1, x.shape[-1])).reshape(x.shape[:-1])
            return out[..., None] if keepdims else out
    kind = np.int64 if x.dtype.kind in "iub" else np.float32 if x.dtype == np.float16 else None
    out = _multiply(x, axis, kind, None, keepdims)
    return np.asarray(out).astype(np.float16) if x.dtype == np.float16 else out


def var_mean(x: Any, axis: Axis, correction: float, keepdims: bool) -> tuple[Any, Any]:
    return var(x, axis, correction, keepdims), mean(x, axis, keepdims)


def std_mean(x: Any, axis: Axis, correction: float, keepdims: bool) -> tuple[Any, Any]:
    return std(x, axis, correction, keepdims), mean(x, axis, keepdims)


def aminmax(x: Any, axis: Axis, keepdims: bool) -> tuple[Any, Any]:
    return amin(x, axis, keepdims), amax(x, axis, keepdims)


def count_nonzero(x: Any, axis: Axis) -> Any:
    return np.asarray(np.count_nonzero(x, axis), np.int64)


def hash_tensor(x: Any, axis: Axis, keepdims: bool) -> Any:
    """The bits of all elements, as float64 or int64, combined by exclusive or; uint64."""
    wide = x.astype(np.float64 if x.dtype.kind == "f" else np.uint64 if x.dtype.kind == "u" else np.int64)
    exclusive_or: Any = np.bitwise_xor.reduce
    return np.asarray(exclusive_or(wide.view(np.uint64), axis, keepdims=keepdims))


# norms ---------------------------------------------------------------------------------------------------------------


def _sum_of_squares(x: Any, axis: Axis, keepdims: bool) -> Any:
    if (axis is None or len(axis) == x.ndim) and x.size >= 4096 and x.flags.c_contiguous:
        flat = x.reshape(-1)
        whole = flat.size // 4096 * 4096
        rows = flat[:whole].reshape(-1, 4096)
        out = _add(np.vecdot(rows, rows)) + np.vecdot(flat[whole:], flat[whole:])
        return np.full((1,) * x.ndim, out, x.dtype) if keepdims else out
    return _total(x * x, axis, keepdims)


@quiet
def vector_norm(x: Any, ord: float, axis: Axis, keepdims: bool) -> Any:
    """(sum |x|^ord)^(1/ord); the largest (smallest) |x| for inf (-inf), the number of nonzero elements for 0."""
    real = x.real.dtype
    if real == np.float16:
        x = x.astype(np.float32)
    if ord == 2 and x.dtype.kind == "f":
        out = np.sqrt(_sum_of_squares(x, axis, keepdims))
    elif ord == 0:
        out = _add(x != 0, axis, real, None, keepdims)
    else:
        a = np.abs(x)
        if ord == np.inf:
            out = _maximum(a, axis, None, None, keepdims)
        elif ord == -np.inf:
            out = _minimum(a, axis, None, None, keepdims)
        elif ord == 1:
            out = _add(a, axis, None, None, keepdims)
        elif ord == 2:
            out = np.sqrt(_add(a * a, axis, None, None, keepdims))
        else:
            out = _add(a**ord, axis, None, None, keepdims) ** (1 / ord)
    return np.asarray(out).astype(real, copy=False)


def renorm(x: Any, ord: float, axis: int, most: float) -> Any:
    """The slices along the axis, each scaled down to the norm `most` if its norm is larger."""
    norm = vector_norm(x, ord, tuple(i for i in range(x.ndim) if i != axis), True)
    with silence():
        factor = np.where(norm > most, most / (norm + 1e-7), 1).astype(norm.dtype)
    return np.multiply(x, factor, order="C")


def dist(x: Any, y: Any, ord: float) -> Any:
    """The norm of x - y."""
    return vector_norm(np.asarray(np.subtract(x, y)), ord, None, False)


@quiet
def cdist(x: Any, y: Any, ord: float, by_product: bool) -> Any:
    """Distances of each of (.., P, M) points from each of (.., R, M), as (.., P, R).

    by_product: Euclidean ones as sqrt(x^2 - 2 x y + y^2), by one matrix product: faster, less exact.
    """
    if ord == 2 and by_product:
        xx, yy = _add(x * x, -1, None, None, True), _add(y * y, -1, None, None, True)
        squares = np.matmul(x, np.swapaxes(y, -1, -2))
        squares *= -2
        squares += xx
        squares += np.swapaxes(yy, -1, -2)
        np.maximum(squares, 0, out=squares)
        return np.sqrt(squares, out=squares)
    return vector_norm(x[..., :, None, :] - y[..., None, :, :], ord, (-1,), False)


@quiet
def cosines(a: Any, b: Any, axis: int, eps: float) -> Any:
    """`cosine_similarity` of C-contiguous arrays along their last axis, without gradients; None for others."""
    n = a.ndim
    if n == 0 or n != b.ndim or type(a) is not np.ndarray or type(b) is not np.ndarray or a.dtype.char not in "fd":
        return None
    if axis not in (-1, n - 1) or a.shape[-1] != b.shape[-1] or not a.size or not b.size:
        return None
    if not (a.flags.c_contiguous and b.flags.c_contiguous):  # (the result lies in memory as they do)
        return None
    units = []
    for x in (a, b):
        norm = np.sqrt(np.vecdot(x, x))[..., None]
        units.append(x / np.maximum(norm, eps, out=norm))
    try:
        return np.asarray(np.vecdot(*units))
    except ValueError:  # shapes that do not broadcast have their error elsewhere
        return None


# running along one axis ----------------------------------------------------------------------------------------------


def _running(ufunc: Any, x: Any, axis: int) -> Any:
    if x.dtype.kind in "iub":
        x = x.astype(np.int64)
    if not x.ndim:
        return x.copy()
    if x.dtype.char == "e":
        return np.ascontiguousarray(ufunc.accumulate(x, axis, np.float32).astype(np.float16))
    return _scanned(ufunc, x, axis, np.float64 if x.dtype.char == "f" else None)


_MANY = 256
"""Rows from which it pays to go through all of them at once, between two transposed copies."""


def _stepwise(ufunc: Any, kind: Any, given: Any, out: Any) -> None:
    """ufunc.accumulate along the rows, computed in a dtype."""
    n = given.shape[1]
    block = max(_MANY, (1 << 20) // n)
    for i in range(0, len(given), block):
        rows = given[i : i + block]
        steps = np.empty((n, len(rows)), kind)
        transposed_into(steps, rows)
        for before, here in itertools.pairwise(steps):
            ufunc(before, here, out=here)
        transposed_into(out[i : i + block], steps)


def _scanned(ufunc: Any, x: Any, axis: int, wide: Any = None) -> Any:
    """ufunc.accumulate along the axis, contiguous; of many rows at once by steps along the axis, unless they are long,
    since NumPy takes row after row, in which each element waits for the one before it. wide: the dtype to compute in.
    """
    n = x.shape[axis]
    if x.size == n and type(x) is np.ndarray:
        sums = ufunc.accumulate(x.reshape(n), 0, wide).reshape(x.shape)
        return sums if wide is None else sums.astype(x.dtype)
    if type(x) is np.ndarray and x.size >= _LARGE and n >= 64 and axis in (-1, x.ndim - 1) and x.flags.c_contiguous:
        out, rows = np.empty(x.shape, x.dtype), max(1, _LARGE // n)
        if x.size // n >= _MANY and (x.dtype.kind == "f" or ufunc not in (np.add, np.multiply)):
            pair = x.reshape(-1, n), out.reshape(-1, n)
            threads.split(functools.partial(_stepwise, ufunc, wide or x.dtype), x.size // n, *pair, least=_MANY)
            return out

        def some(given: Any, result: Any) -> None:
            room = np.empty((min(rows, len(given)), n), wide or x.dtype)  # stays in the processor's cache
            for i in range(0, len(given), rows):
                part = room[: len(given[i : i + rows])]
                part[...] = given[i : i + rows]
                ufunc.accumulate(part, 1, out=part)
                result[i : i + rows] = part

        threads.split(some, x.size // n, x.reshape(-1, n), out.reshape(-1, n), least=rows)
        return out
    if type(x) is not np.ndarray or x.size < _LARGE or x.size < 256 * n:
        if wide is None:
            return ufunc.accumulate(x, axis, out=np.empty(x.shape, x.dtype) if type(x) is np.ndarray else None)
        return np.ascontiguousarray(ufunc.accumulate(x, axis, wide).astype(x.dtype))
    steps = np.array(np.moveaxis(x, axis, 0), wide, order="C")
    for before, here in itertools.pairwise(steps):
        ufunc(before, here, out=here)
    return np.ascontiguousarray(np.moveaxis(steps, 0, axis), x.dtype)


_NUMBERS = (*_FLOATS, np.dtype(np.int64))


def _by_twin(name: str, x: Any, axis: int, start: Any, *kinds: Any) -> Any:
    """The results (of these dtypes) of the compiled twin of that name along the rows; None if it does not take them."""
    if axis not in (-1, x.ndim - 1) or not x.size or type(x) is not np.ndarray or not x.flags.c_contiguous:
        return None
    if twins.FEWER * x.size < twins.least or x.dtype not in _NUMBERS or (fast := twins.of("reduce")) is None:
        return None
    out = [np.empty(x.shape, kind) for kind in kinds]
    n = x.shape[-1]
    given = [x.reshape(-1, n), *([] if start is None else [start])]
    rows = [a.reshape(-1, n) for a in out]
    threads.split(getattr(fast, name), x.size // n, *given, *rows, least=max(4, twins.PART // n))
    return out


@quiet
def cumsum(x: Any, axis: int) -> Any:
    """Sums of the first 1, 2, 3, ... elements along the axis; of float32 in float64, as in PyTorch."""
    if _are_few(x):
        return np.add.accumulate(x.astype(np.float64), axis).astype(np.float32)
    out = _by_twin("cumsum", x, axis, _wide(x).type(0), x.dtype)
    return _running(np.add, x, axis) if out is None else out[0]


@quiet
def cumprod(x: Any, axis: int) -> Any:
    """Products of the first 1, 2, 3, ... elements along the axis; of float32 in float64, as in PyTorch."""
    if _are_few(x):
        return np.multiply.accumulate(x.astype(np.float64), axis).astype(np.float32)
    out = _by_twin("cumprod", x, axis, _wide(x).type(1), x.dtype)
    return _running(np.multiply, x, axis) if out is None else out[0]


def _are_few(x: Any) -> bool:
    """Whether to choose a way would take longer than NumPy's own."""
    return x.dtype.char == "f" and 0 < x.size < _FEW and x.ndim > 0 and type(x) is np.ndarray and x.flags.c_contiguous


def _wide(x: Any) -> Any:
    """The dtype in which sums and products of floats or integers run."""
    return np.dtype(np.float64 if x.dtype.kind == "f" else np.int64)


def _running_extreme(x: Any, axis: int, ufunc: Any) -> tuple[Any, Any]:
    """Running extremes and the last places where they were met (NaN wins)."""
    if not x.ndim:
        return x.copy(), np.zeros((), np.int64)
    name = "cummax" if ufunc is np.maximum else "cummin"
    if (found := _by_twin(name, x, axis, None, x.dtype, np.int64)) is not None:
        return found[0], found[1]
    values = _scanned(ufunc, x, axis)
    met = x == values
    if x.dtype.kind == "f":
        met |= np.isnan(x)
    if axis in (-1, x.ndim - 1) and type(met) is np.ndarray and met.flags.c_contiguous and x.size:
        found = np.flatnonzero(met)  # also the first of each row
        times = np.diff(found, append=x.size)
        return values, np.repeat(found % x.shape[-1], times).reshape(x.shape)
    shape = [1] * x.ndim
    shape[axis] = x.shape[axis]
    places = np.multiply(met, np.arange(x.shape[axis], dtype=np.int32).reshape(shape))
    return values, _scanned(np.maximum, places, axis).astype(np.int64)


def cummax(x: Any, axis: int) -> tuple[Any, Any]:
    return _running_extreme(x, axis, np.maximum)


def cummin(x: Any, axis: int) -> tuple[Any, Any]:
    return _running_extreme(x, axis, np.minimum)


def logaddexp_complex(a: Any, b: Any) -> Any:
    """log(exp(a) + exp(b)) = a + log(1 + exp(b - a)), a the one with the larger real part; infinite ones as their real
    part says."""
    first = np.isnan(a.real) | (a.real >= b.real)
    large, small = np.where(first, a, b), np.where(first, b, a)
    out = large + np.log1p(np.exp(small - large))
    both = np.isinf(large.real) & (small.real == large.real)
    return np.where(both, np.where(large.real > 0, np.log(np.exp(a) + np.exp(b)), large), out)


@quiet
def logcumsumexp(x: Any, axis: int) -> Any:
    """log of the running sums of exp(x)."""
    if not x.ndim:
        return x.copy()
    if x.dtype.kind != "c":
        return np.logaddexp.accumulate(x, axis, out=np.empty(x.shape, x.dtype))
    out = x.copy()
    y = np.moveaxis(out, axis, 0)
    for k in range(1, len(y)):
        y[k] = logaddexp_complex(y[k - 1], y[k])
    return out


@quiet
def cumprod_backward(g: Any, x: Any, axis: int, out: Any) -> Any:
    """The gradient of cumprod: sum over j >= k of g[j] out[j] / x[k] before the first zero; at it by the products of
    the elements after it, up to the second; beyond that 0."""
    axis_first = [np.moveaxis(a, axis, 0) for a in (g, x, out)]
    g, x, out = axis_first
    zero = x == 0
    if not zero.any():
        return np.moveaxis(np.cumsum((g * out)[::-1], 0)[::-1] / x, 0, axis)
    zeros_so_far = np.cumsum(zero, 0)
    before, until_second = zeros_so_far == 0, zeros_so_far == 1
    weighted = np.where(before, g * out, 0)
    result = np.where(before, np.cumsum(weighted[::-1], 0)[::-1] / np.where(before, x, 1), 0)
    first = zero & until_second
    after = np.cumprod(np.where(until_second & ~first, x, 1), 0)
    at_first = np.sum(after * np.where(until_second, g, 0), 0) * np.prod(np.where(before, x, 1), 0)
    return np.moveaxis(np.where(first, at_first, result), 0, axis).astype(g.dtype, copy=False)


def linear_scan(a: Any, b: Any, axis: int) -> Any:
    """The recurrence y[k] = a[k] y[k-1] + b[k] along the axis, from y[-1] = 0."""
    out = np.array(b)
    a_, y = np.moveaxis(a, axis, 0), np.moveaxis(out, axis, 0)
    for k in range(1, len(y)):
        y[k] += a_[k] * y[k - 1]
    return out


def shift(x: Any, axis: int, first: float) -> Any:
    """Every element one place further along the axis: the last falls out, `first` comes in."""
    out = np.empty_like(x)
    o, i = np.moveaxis(out, axis, 0), np.moveaxis(x, axis, 0)
    o[1:], o[:1] = i[:-1], first
    return out


def diff(x: Any, axis: int) -> Any:
    """Each element less the one before it (of bools: whether they differ)."""
    head = (slice(None),) * axis
    later, earlier = x[(*head, slice(1, None))], x[(*head, slice(None, -1))]
    return later ^ earlier if x.dtype.kind == "b" else later - earlier
