"""Products of matrices and of stacks of them: `matmul` is np.matmul, by the compiled twin where that is faster."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from microtorch.kernels import blas, threads, twins

__all__ = ["affine", "matmul"]

_F32, _F64 = np.dtype(np.float32), np.dtype(np.float64)
_NOTHING = {_F32: np.empty(0, np.float32), _F64: np.empty(0, np.float64)}

LEAST = 16
"""Multiply-adds, in units of `twins.least`, from which a product is the compiled twin's. Below a quarter of that BLAS
is faster; between, the gain is not worth the compiler's import. It depends on shapes alone, never on what was used
before: the same product has the same bits throughout a program."""
POOLED = blas.POOLED

_ready: dict[Any, Any] = {}


def matmul(x: Any, y: Any, out: Any = None) -> Any:
    """np.matmul(x, y) for arrays of one dtype; the result is C-contiguous where `out` is not given.

    `out` shares no memory with x and y.

    >>> x, y = np.ones((4, 16), np.float32), np.ones((16, 16), np.float32)
    >>> matmul(x, y)[0, :3]
    array([16., 16., 16.], dtype=float32)
    """
    dtype = x.dtype
    if (dtype is _F32 or dtype is _F64) and y.dtype is dtype and type(x) is type(y) is np.ndarray:
        if x.ndim == 2 == y.ndim:
            (m, k), (rows, n) = x.shape, y.shape
            if m > 2 and n > 5 and rows == k and (fast := _fast(m * k * n, dtype)) is not None and _takes(out, (m, n)):
                if out is None:
                    out = np.empty((m, n), dtype)
                _product(fast, x, y, _NOTHING[dtype], out, m * k * n)
                return out
            if m * k * n > blas.SERIAL and rows == k and threads.count() > 1:
                return blas.matmul(x, y, out)
            if x.size != 1 != y.size and (out is None or (out.flags.c_contiguous and out.dtype is dtype)):
                return x.dot(y, out)  # the same product, 0.5 us sooner than np.matmul (see kernels.linalg.matmul)
        elif x.ndim > 1 < y.ndim:
            work = max(x.size * y.shape[-1], y.size * x.shape[-2])
            if work >= LEAST * twins.least and (done := _stacks(x, y, out)) is not None:
                return done
            if work > blas.SERIAL:
                return blas.matmul(x, y, out)
    return np.matmul(x, y, order="C") if out is None else np.matmul(x, y, out=out)


def affine(x: Any, y: Any, bias: Any, lead: tuple[int, ...] = ()) -> Any:
    """x @ y + bias for matrices x and y and a vector of y's columns, if the compiled twin is faster or the threads
    share it; else None. lead: the axes that the rows stand for, in the result's shape."""
    dtype = x.dtype
    if (dtype is not _F32 and dtype is not _F64) or x.ndim != 2 or y.ndim != 2:
        return None
    (m, k), (rows, n) = x.shape, y.shape
    if (
        m < 3
        or n < 6
        or rows != k
        or not type(x) is type(y) is type(bias) is np.ndarray
        or bias.shape != (n,)
        or not (y.dtype is bias.dtype is dtype)
        or not bias.flags.c_contiguous
    ):
        return None
    if (fast := _fast(3 * m * k * n, dtype)) is None:  # BLAS's way has two calls
        out = blas.affine(x, y, bias)
        return out.reshape(*lead, n) if lead and out is not None else out
    out = np.empty((*lead, n) if lead else (m, n), dtype)
    _product(fast, x, y, bias, out.reshape(m, n), m * k * n)
    return out


def _fast(work: int, dtype: Any) -> Any:
    """The compiled twins for products of so many multiply-adds; None if BLAS is to be taken."""
    if work < LEAST * twins.least or not work:
        return None
    try:
        return _ready[dtype]
    except KeyError:
        fast = twins.of("product")
        if fast is not None:
            if twins.least and not fast.FASTER:
                fast = None
            else:
                fast.prepare(dtype)
            _ready[dtype] = fast
        return fast


def _takes(out: Any, shape: tuple[int, int]) -> bool:
    return out is None or (out.shape == shape and out.strides[1] == out.itemsize and type(out) is np.ndarray)


def _product(fast: Any, x: Any, y: Any, bias: Any, out: Any, work: int) -> None:
    if work < POOLED or threads.count() == 1:
        fast.product(x, y, bias, out)
        return
    m, n = out.shape
    if m >= n:
        parts = [(x[i:j], y, bias, out[i:j]) for i, j in threads.shares(m, 8)]
    else:
        parts = [(x, y[:, i:j], bias[i:j], out[:, i:j]) for i, j in threads.shares(n, 48)]
    threads.run([functools.partial(fast.product, *part) for part in parts])


def _stacks(x: Any, y: Any, out: Any) -> Any:
    """The products of stacks of matrices, None if they are to be NumPy's."""
    if x.ndim > 4 or y.ndim > 4 or x.size == 0:
        return None
    m, k = x.shape[-2:]
    n, dtype = y.shape[-1], x.dtype
    if m < 3 or n < 6 or y.shape[-2] != k:
        return None
    a = x if x.ndim == 4 else x[None] if x.ndim == 3 else x[None, None]
    b = y if y.ndim == 4 else y[None] if y.ndim == 3 else y[None, None]
    (i, j), (u, v) = a.shape[:2], b.shape[:2]
    if (i != u and i != 1 != u) or (j != v and j != 1 != v):
        return None
    shape = (max(i, u) if i and u else 0, max(j, v) if j and v else 0, m, n)
    work = shape[0] * shape[1] * m * k * n
    if (fast := _fast(work, dtype)) is None:
        return None
    ndim = max(x.ndim, y.ndim)
    if out is None:
        out = np.empty(shape[4 - ndim :], dtype)
    elif out.shape != shape[4 - ndim :] or out.strides[-1] != out.itemsize or type(out) is not np.ndarray:
        return None
    c = out if ndim == 4 else out[None]
    if work < POOLED or threads.count() == 1:
        fast.products(a, b, c)
    else:
        axis = 0 if shape[0] > 1 else 1
        threads.run(
            [
                functools.partial(fast.products, *[_cut(array, axis, i, j) for array in (a, b, c)])
                for i, j in threads.shares(shape[axis])
            ]
        )
    return out


def _cut(array: Any, axis: int, i: int, j: int) -> Any:
    if array.shape[axis] == 1:
        return array
    return array[i:j] if axis == 0 else array[:, i:j]
