"""Products of matrices by BLAS, shared by our own threads: np.matmul cut along a side of the result.

The threads of OpenBLAS wait for the next product by spinning, for 30 milliseconds, on the cores where our threads
(`kernels.threads`) are to run by then: a convolution after a product took twice its time. So each part is
multiplied by one thread of BLAS, and so is a product that is too small to be shared.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from microtorch.kernels import threads

__all__ = ["affine", "matmul"]

SERIAL = 1 << 18
"""Multiply-adds up to which OpenBLAS uses one thread anyway."""
POOLED = 1 << 22
"""Multiply-adds from which a product is shared by our threads: it is worth their start."""
_PART = 32
"""Rows or columns from which a part is worth a thread."""


def _affine(x: Any, y: Any, bias: Any, out: Any) -> None:
    np.matmul(x, y, out=out)
    out += bias


def affine(x: Any, y: Any, bias: Any) -> Any:
    """x @ y + bias for matrices x and y and a vector of y's columns, if the threads share it; else None."""
    if x.size * y.shape[1] < POOLED or threads.count() == 1:
        return None
    out = np.empty((len(x), y.shape[1]), x.dtype)
    with threads.with_serial_blas():
        threads.run([functools.partial(_affine, *part) for part in _parts(x, y, bias, out)])
    return out


def _parts(x: Any, y: Any, *rest: Any) -> list[tuple[Any, ...]]:
    """x, y and the rest, of which the last is the result and others are vectors of its columns, cut along the longer
    side of the result."""
    *columns, out = rest
    m, n = out.shape[-2:]
    if m >= n:
        return [(x[..., i:j, :], y, *columns, out[..., i:j, :]) for i, j in threads.shares(m, _PART)]
    return [(x, *[a[..., i:j] for a in (y, *columns, out)]) for i, j in threads.shares(n, _PART)]


def matmul(x: Any, y: Any, out: Any = None) -> Any:
    """np.matmul(x, y) for arrays with two or more dimensions; a new result is C-contiguous.

    >>> x, y = np.ones((600, 700), np.float32), np.ones((700, 800), np.float32)
    >>> matmul(x, y)[0, :3]
    array([700., 700., 700.], dtype=float32)
    """
    m, n = x.shape[-2], y.shape[-1]
    stack = x.size // max(m * x.shape[-1], 1) if x.ndim > 2 else 1
    work = stack * m * n * x.shape[-1]
    if work <= SERIAL or threads.count() == 1 or x.dtype.char not in "fdFD":
        return np.matmul(x, y, order="C") if out is None else np.matmul(x, y, out=out)
    if work < POOLED:
        with threads.with_serial_blas():
            return np.matmul(x, y, order="C") if out is None else np.matmul(x, y, out=out)
    if out is None:
        shape = x.shape[:-2] if x.ndim >= y.ndim else y.shape[:-2]
        if x.ndim > 2 < y.ndim and x.shape[:-2] != y.shape[:-2]:
            shape = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
        out = np.empty((*shape, m, n), np.result_type(x, y))
    if out.ndim > 2 and len(out) >= threads.count():
        shares = threads.shares(len(out))
        parts: list[tuple[Any, ...]] = [(_cut(x, out.ndim, i, j), _cut(y, out.ndim, i, j), out[i:j]) for i, j in shares]
    else:
        parts = _parts(x, y, out)
    with threads.with_serial_blas():
        threads.run([functools.partial(np.matmul, *part) for part in parts])
    return out


def _cut(a: Any, ndim: int, i: int, j: int) -> Any:
    """What the first axis of a result of so many dimensions needs of a from i to j."""
    return a if a.ndim < ndim or len(a) == 1 else a[i:j]
