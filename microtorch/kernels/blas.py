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

__all__ = ["matmul"]

SERIAL = 1 << 18
"""Multiply-adds up to which OpenBLAS uses one thread anyway."""
POOLED = 1 << 21
"""Multiply-adds from which a product is shared by our threads: it is worth their start."""
_PART = 32
"""Rows or columns from which a part is worth a thread."""


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
        parts = [(_cut(x, out.ndim, i, j), _cut(y, out.ndim, i, j), out[i:j]) for i, j in threads.shares(len(out))]
    elif m >= n:
        parts = [(x[..., i:j, :], y, out[..., i:j, :]) for i, j in threads.shares(m, _PART)]
    else:
        parts = [(x, y[..., i:j], out[..., i:j]) for i, j in threads.shares(n, _PART)]
    with threads.with_serial_blas():
        threads.run([functools.partial(np.matmul, a, b, out=c) for a, b, c in parts])
    return out


def _cut(a: Any, ndim: int, i: int, j: int) -> Any:
    """What the first axis of a result of so many dimensions needs of a from i to j."""
    return a if a.ndim < ndim or len(a) == 1 else a[i:j]
