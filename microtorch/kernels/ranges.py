"""Evenly spaced numbers, to the last bit as PyTorch makes them.

PyTorch's vector kernels (aten/src/ATen/native/cpu/RangeFactoriesKernel.cpp) round in their own way: arange takes every
vector's first number from the index and the rest from that number, linspace counts each half from its own end, and
products are added with a single rounding (fused multiply-add).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.kernels.bfloat16 import cast, empty
from microtorch.kernels.quiet import silence
from microtorch.kernels.random_libm import fma64

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
_FEW = 16  # numbers up to which Python's arithmetic takes less time than NumPy's calls


def arange(start: Any, step: Any, n: int, dtype: Any) -> Any:
    """start, start + step, ... : n numbers of a real dtype."""
    if dtype.kind in "iu":
        return (int(start) + int(step) * np.arange(n, dtype=np.int64)).astype(dtype)
    start, step = float(start), float(step)
    if n < _FEW and (dtype is F32 or (dtype is F64 and start == 0.0)):
        return np.array([start + step * k for k in range(n)], dtype)
    i = np.arange(n, dtype=np.float64)
    if dtype == F64:
        return _by_vectors(fma64(i, step, start), 4, lambda k, base: fma64(np.full(base.shape, float(k)), step, base))
    if dtype == F32:
        out = (start + step * i).astype(dtype)
        vectors = out[: n // 16 * 16].reshape(-1, 8)
        vectors[:, 1:] = vectors[:, :1].astype(np.float64) + step * i[1:8]
        return out
    wide = np.float32(start) + np.float32(step) * i.astype(np.float32)
    return _by_vectors(
        cast(wide, dtype), 16, lambda k, base: base.astype(np.float32) + np.float32(k) * np.float32(step)
    )


def _by_vectors(out: Any, width: int, later: Any) -> Any:
    """The numbers of whole pairs of vectors, each from the first of its vector; the rest stay as they are."""
    whole = out.size // (2 * width) * (2 * width)
    vectors = out[:whole].reshape(-1, width)
    first = vectors[:, 0].astype(np.float64)
    for k in range(1, width):
        vectors[:, k] = later(k, first)
    return out


def linspace(start: Any, end: Any, n: int, dtype: Any) -> Any:
    """n numbers from start to end, both included."""
    if n < 2:
        return cast(np.array([start] * n), dtype)
    if dtype.kind == "c":
        part = np.float32 if dtype.itemsize == 8 else np.float64
        out = empty(n, dtype)
        out.real, out.imag = (
            linspace(a, b, n, np.dtype(part)) for a, b in ((start.real, end.real), (start.imag, end.imag))
        )
        return out
    if dtype.kind in "iu":
        start, end = int(start), int(end)
        low, high, step = float(start), float(end), (float(end) - float(start)) / (n - 1)
    else:
        kind = dtype.type
        with silence():
            low, high = kind(start), kind(end)
            step = float(kind((high - low) / kind(n - 1)))
        low, high = float(low), float(high)
    half = n // 2
    if n < _FEW and dtype is F32:
        first = [low + step * k for k in range(half)]
        with silence():
            return np.array(first + [high - step * (n - 1 - k) for k in range(half, n)], dtype)
    i = np.arange(n, dtype=np.float64)
    out = empty(n, dtype)
    with silence():
        if dtype == F64:
            out[:half] = fma64(i[:half], step, low)
            out[half:] = fma64(i[half:] - (n - 1), step, high)
        else:  # the float64 products are exact enough for one rounding to the narrower dtype
            out[:half] = low + step * i[:half]
            out[half:] = high - step * (n - 1 - i[half:])
    return out


def logspace(start: Any, end: Any, n: int, base: float, dtype: Any) -> Any:
    """n powers of base, the exponents evenly spaced from start to end: the C library's `pow` of float64 exponents."""
    if dtype.kind == "c":
        return np.power(base, linspace(start, end, n, dtype)).astype(dtype)
    if n == 1:
        with silence():
            return cast(np.array([_pow(base, start)]), dtype)
    low: Any
    high: Any
    step: Any
    one: Any
    i: Any = np.arange(n, dtype=np.float64)
    half = n // 2
    if dtype.kind in "iu":  # PyTorch counts the exponents of integers in float32
        low, high, i = np.float32(int(start)), np.float32(int(end)), i.astype(np.float32)
        step = (high - low) / np.float32(max(n - 1, 1))
        one = np.float32(n - 1)
    else:
        kind = dtype.type
        low, high = float(kind(start)), float(kind(end))
        step = float(kind(kind(end) - kind(start))) / max(n - 1, 1)
        one = n - 1
    exponents = low + step * i
    exponents[half:] = high - step * (one - i[half:])
    powers = np.array([_pow(base, e) for e in exponents.tolist()])
    with silence():
        return cast(powers.astype(np.float32) if dtype.itemsize == 2 and dtype.kind == "f" else powers, dtype)


def _pow(base: float, exponent: float) -> float:
    """base ** exponent, inf and NaN as in C."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf
    except ValueError:
        return math.nan
