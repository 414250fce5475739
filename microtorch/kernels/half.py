"""Half precision: computed in single, as PyTorch does, and rounded once at the end."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch.kernels.bfloat16 import BFloats
from microtorch.kernels.narrow import LEAST
from microtorch.kernels.quiet import silence
from microtorch.kernels.shape import astype

_HALF = np.dtype(np.float16)


def _single(a: Any) -> Any:
    if not isinstance(a, np.ndarray) or a.dtype.kind != "f" or a.dtype == np.float32:
        return a
    if a.dtype == np.float64 and not a.ndim:  # beside half precision it counts as a number of that
        a = astype(a, np.float16)
    if a.dtype != _HALF:
        return a
    if 0 in a.strides and a.ndim > 1:  # stays stretched: layouts of results tell
        return np.broadcast_to(
            astype(a[tuple([slice(0, 1 if s == 0 else None) for s in a.strides])], np.float32), a.shape
        )
    return astype(a, np.float32)


def _half(a: Any) -> Any:
    if isinstance(a, (np.ndarray, np.floating)) and a.dtype == np.float32:
        return astype(a, _HALF) if a.size >= LEAST else a.astype(np.float16)
    return a


def is_narrow(a: Any) -> bool:
    """True for an array of 16-bit floats: float16 or bfloat16."""
    return a.dtype.itemsize == 2 and a.dtype.kind == "f"


def wide_number(number: Any) -> Any:
    """A Python number in the precision in which PyTorch computes with 16-bit floats, its opmath_t: float32."""
    with silence():
        return np.float32(number)


def rounding(kernel: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """A kernel with two operands, a float16 and a float32 that is no dimensioned array, whose result is float16."""

    def call(x: Any, y: Any) -> Any:
        if type(x) is np.ndarray and x.size >= LEAST:  # NumPy's own way to compute in float32 is by pieces of 8192
            return _half(kernel(_single(x), y))
        if type(y) is np.ndarray and y.size >= LEAST:
            return _half(kernel(x, _single(y)))
        result = kernel(x, y)
        with silence():
            return result if type(result) is BFloats else result.astype(np.float16)

    return call


def in_single(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel that, if its first array is half precision, computes in single and gives half precision again."""

    @functools.wraps(kernel)
    def call(x: Any, *rest: Any) -> Any:
        if x.dtype is not _HALF:
            return kernel(x, *rest)
        result = kernel(_single(x), *[_single(a) for a in rest])
        return type(result)(_half(r) for r in result) if isinstance(result, (tuple, list)) else _half(result)

    return call


def keeping_statistics(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """As `in_single`, but only the first result is half precision again."""

    @functools.wraps(kernel)
    def call(x: Any, *rest: Any) -> Any:
        if x.dtype is not _HALF:
            return kernel(x, *rest)
        first, *others = kernel(_single(x), *[_single(a) for a in rest])
        return _half(first), *others

    return call
