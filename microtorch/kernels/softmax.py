"""Softmax and its logarithm along one axis, shifted by the largest element so that nothing overflows."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.kernels import small, threads, twins
from microtorch.kernels.half import in_single
from microtorch.kernels.pointwise import quiet
from microtorch.kernels.reduce import row_starts
from microtorch.kernels.twins import FEWER

_reduce_max: Any = np.maximum.reduce
_reduce_sum: Any = np.add.reduce


def _in_short_rows(x: Any, axis: int) -> bool:
    """Whether the axis is the last of contiguous numbers, and short: NumPy's reductions are then the slowest step."""
    return (
        axis in (-1, x.ndim - 1)
        and 0 < x.size
        and x.shape[axis] <= small.FEW
        and type(x) is np.ndarray
        and x.dtype.char in "fd"
        and x.flags.c_contiguous
    )


def row_max(x: Any, axis: int) -> Any:
    """The largest along the axis (NaN if there is one), which is kept."""
    if not _in_short_rows(x, axis):
        return _reduce_max(x, axis, None, None, True)
    n = x.shape[-1]
    places = x.reshape(-1, n).argmax(1)
    places += row_starts(places.shape, n)
    return x.reshape(x.size).take(places).reshape(*x.shape[:-1], 1)


def _sum(x: Any, axis: int) -> Any:
    """The sum along the axis, which is kept."""
    if not _in_short_rows(x, axis):
        return _reduce_sum(x, axis, None, None, True)
    return small.added(x.reshape(-1, x.shape[-1])).reshape(*x.shape[:-1], 1)


def _rows(name: str, x: Any, axis: int, *others: Any) -> Any:
    """The result of the compiled twin of that name on the rows of the arrays; None if it does not take them."""
    if axis not in (-1, x.ndim - 1) or not x.size or type(x) is not np.ndarray:
        return None
    x = np.ascontiguousarray(x) if others else x
    if not twins.takes(x, *others):
        return None
    fast = twins.of("softmax")
    if fast is None:
        return None
    out = np.empty(x.shape, x.dtype)
    n = x.shape[-1]
    rows = [a.reshape(-1, n) for a in (x, *others, out)]
    threads.split(getattr(fast, name), x.size // n, *rows, least=twins.PART // n)
    return out


_BLOCK = 1 << 15  # elements that NumPy's passes go over at a time, so that they stay in the processor's cache


def _in_blocks(kernel: Any, axis: int, *arrays: Any) -> Any:
    """Calls `kernel(axis, *arrays, out)` on blocks of them along the first axis, on the threads; the result."""
    x = arrays[0]
    plain = type(x) is type(arrays[-1]) is np.ndarray
    out = np.empty(x.shape, x.dtype) if plain else np.add(x, arrays[-1])  # (any memory for batched ones)
    if x.size < 2 * _BLOCK or axis in (0, -x.ndim) or not plain:
        kernel(axis, *arrays, out)
        return out
    step = max(1, _BLOCK // (x.size // len(x)))

    @quiet
    def part(*arrays: Any) -> None:
        for start in range(0, len(arrays[0]), step):
            kernel(axis, *[a[start : start + step] for a in arrays])

    threads.split(part, len(x), *arrays, out, least=step)
    return out


@in_single
@quiet
def softmax(x: Any, axis: int) -> Any:
    """exp(x) / sum(exp(x)) along the axis."""
    if x.ndim == 0 or x.size == 0:
        return x * 0 + 1
    if (fast := twins.few(x)) is not None and axis in (-1, x.ndim - 1):
        return fast.softmax(x) if x.ndim > 1 else fast.softmax(x[None])[0]
    if FEWER * x.size >= twins.least and (out := _rows("softmax", x, axis)) is not None:
        return out
    if small.is_row(x, x.shape[axis]):
        row = x.reshape(x.size)
        out = np.exp(row if small.may_exp(row) else row - small.largest(row))
        out /= small.scalar(small.added(out))
        return out.reshape(x.shape)
    if small.are_rows(x, axis):
        n, flat = x.shape[axis], x.reshape(x.size)
        if not small.may_exp(flat):
            flat = flat - small.row_maxima(flat, n).repeat(n)
        out = np.exp(flat)
        out /= small.added(out.reshape(-1, n)).repeat(n)
        return out.reshape(x.shape)
    return _in_blocks(_softmax, axis, x)


_MOST = 60.0
"""The largest number of which no row of at most `small.FEW` has exponentials whose sum overflows."""
_LEAST = 1e-8
"""The least sum of exponentials that are taken as they are: what is lost below it is less than 1e-37 of the row's."""


def _unshifted(axis: int, x: Any, out: Any) -> bool:
    """Whether `softmax` has been computed without taking off the largest of each row, which takes longest in NumPy
    where rows are short: no number is so large, no row's are all so small, that exp of it must not be taken."""
    if not _in_short_rows(x, axis) or not out.flags.c_contiguous:
        return False
    flat, rows = x.reshape(x.size), out.reshape(-1, x.shape[axis])
    if not flat[flat.argmax()] < _MOST:
        return False
    np.exp(x, out)
    total = small.added(rows)
    if not total[total.argmin()] > _LEAST:
        return False
    rows /= total[:, None]
    return True


def _softmax(axis: int, x: Any, out: Any) -> None:
    if _unshifted(axis, x, out):
        return
    np.subtract(x, row_max(x, axis), out=out)
    np.exp(out, out=out)
    out /= _sum(out, axis)


@in_single
@quiet
def log_softmax(x: Any, axis: int) -> Any:
    """x - log(sum(exp(x))) along the axis."""
    if x.ndim == 0 or x.size == 0:
        return x * 0
    if (fast := twins.few(x)) is not None and axis in (-1, x.ndim - 1):
        return fast.log_softmax(x) if x.ndim > 1 else fast.log_softmax(x[None])[0]
    if FEWER * x.size >= twins.least and (out := _rows("log_softmax", x, axis)) is not None:
        return out
    if small.is_row(x, x.shape[axis]):
        row = x.reshape(x.size)
        out = row - small.largest(row)
        out -= small.scalar(np.log(small.added(np.exp(out))))
        return out.reshape(x.shape)
    if small.are_rows(x, axis):
        n = x.shape[axis]
        flat = x.reshape(x.size)
        out = flat - small.row_maxima(flat, n).repeat(n)
        out -= np.log(small.added(np.exp(out).reshape(-1, n))).repeat(n)
        return out.reshape(x.shape)
    return _in_blocks(_log_softmax, axis, x)


def _log_softmax(axis: int, x: Any, out: Any) -> None:
    np.subtract(x, row_max(x, axis), out=out)
    out -= np.log(_sum(np.exp(out), axis))


@in_single
def softmax_backward(g: Any, out: Any, axis: int) -> Any:
    """out (g - sum(g out))."""
    if not g.ndim:
        return g * 0
    if (fast := twins.few(out)) is not None and axis in (-1, g.ndim - 1) and g.dtype is out.dtype:
        rows = np.ascontiguousarray(g)
        return fast.softmax_backward(rows, out) if g.ndim > 1 else fast.softmax_backward(rows[None], out[None])[0]
    if FEWER * g.size >= twins.least and (found := _rows("softmax_backward", g, axis, out)) is not None:
        return found
    return _in_blocks(_softmax_backward, axis, out, g)


def _softmax_backward(axis: int, out: Any, g: Any, result: Any) -> None:
    np.multiply(g, out, out=result)
    total = _sum(result, axis)
    np.subtract(g, total, out=result)  # first the difference: where out is nearly 1 it is small, and exact
    result *= out


@in_single
def log_softmax_backward(g: Any, out: Any, axis: int) -> Any:
    """g - exp(out) sum(g)."""
    if not g.ndim:
        return g * 0
    if (fast := twins.few(out)) is not None and axis in (-1, g.ndim - 1) and g.dtype is out.dtype:
        rows = np.ascontiguousarray(g)
        return (
            fast.log_softmax_backward(rows, out) if g.ndim > 1 else fast.log_softmax_backward(rows[None], out[None])[0]
        )
    if FEWER * g.size >= twins.least and (found := _rows("log_softmax_backward", g, axis, out)) is not None:
        return found
    return _in_blocks(_log_softmax_backward, axis, out, g)


def _log_softmax_backward(axis: int, out: Any, g: Any, result: Any) -> None:
    np.exp(out, out=result)
    result *= _sum(g, axis)
    np.subtract(g, result, out=result)
