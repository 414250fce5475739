"""Arithmetic that NumPy does not have: fused multiply-add, and the bits of the C library's functions.

PyTorch's random kernels hold multiply-adds with a single rounding, and call the C library's log, sin, exp. NumPy's
vectorised functions differ from these in the last bit, so where that bit shows, Python's `math` (the same C library) is
asked; where the result is float32 it seldom shows, and NumPy's speed is kept.

References: Dekker, "A floating-point technique for extending the available precision" (1971); Boldo and Melquiond,
"Emulation of FMA and correctly rounded sums" (2008), https://doi.org/10.1109/TC.2007.70819.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microtorch.kernels.quiet import silence

Array = NDArray[Any]
Floats = NDArray[np.float64]


def fma64(x: Floats, y: float, z: Any) -> Floats:
    """round(x * y + z), z a number or of x's shape: one rounding, by exact product, exact sums and a rounding to odd
    (Boldo and Melquiond, 2008).

    >>> float(fma64(np.array([1 + 2.0**-30]), 1 - 2.0**-30, -1.0)[0]) == -(2.0**-60)
    True
    """
    if np.ndim(z) == 0 and z == 0.0:
        return x * y + 0.0  # adding +0 turns -0 into +0, as the fused operation does
    if not (math.isfinite(y) and np.isfinite(z).all()):
        return x * y + z
    product, product_low = _two_product(x, y)
    z_high, z_low = _two_sum(np.float64(z), product_low)
    high, high_low = _two_sum(product, z_high)
    low, error = _two_sum(z_low, high_low)
    bits = low.view(np.int64)  # low + error rounded to odd: towards the error, if a bit was lost and low is even
    away = np.where((error > 0) == (low > 0), 1, -1)
    bits += away * ((error != 0) & (bits & 1 == 0))
    result: Floats = high + low
    return result


def fma64_as_float32(x: Floats, y: float, z: float) -> NDArray[np.float32]:
    """float32(fma64(x, y, z)), fast: the plain sum decides, unless it lies next to a float32 rounding boundary."""
    product = x * y
    if z == 0.0:
        return (product + 0.0).astype(np.float32)
    total = product + z
    margin = (np.abs(product) + abs(z)) * 2.0**-51
    result = (total - margin).astype(np.float32)
    if np.array_equal(result, (total + margin).astype(np.float32)):
        return result
    return fma64(x, y, z).astype(np.float32)


def _two_sum(x: Any, y: Any) -> tuple[Any, Any]:
    """x + y rounded, and its exact error (Knuth)."""
    total = x + y
    part = total - x
    return total, (x - (total - part)) + (y - part)


def _two_product(x: Any, y: Any) -> tuple[Any, Any]:
    """x * y rounded, and its exact error (Dekker)."""
    product = x * y
    x_high, y_high = _upper_half(x), _upper_half(y)
    x_low, y_low = x - x_high, y - y_high
    return product, ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low


def _upper_half(x: Any) -> Any:
    """The upper 26 bits of x (Veltkamp's splitting)."""
    scaled = 134217729.0 * x
    return scaled - (scaled - x)


def _exp(x: float) -> float:
    """exp(x), infinite where it overflows, as in C."""
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


_LIBM: dict[str, Callable[[float], float]] = {
    "cos": math.cos,
    "exp": _exp,
    "log": math.log,
    "log1p": math.log1p,
    "sin": math.sin,
    "tan": math.tan,
}


_FEW = 16  # elements up to which the C library is asked at once
_MARGIN = np.array(2.0**-48)


def libm(name: str, x: Floats) -> Floats:
    """The C library's function of that name, for each element: PyTorch's bits."""
    return np.fromiter(map(_LIBM[name], x.tolist()), np.float64, x.size)


def libm_as_float32(name: str, x: Floats, scale: float = 1.0) -> NDArray[np.float32]:
    """float32(scale * f(x)) with the C library's f, at NumPy's speed.

    NumPy's float64 f is within a few ulp, which float32 does not show unless the value is next to a rounding boundary:
    about one element in ten million, and those are asked from the C library.
    """
    if x.size <= _FEW and name != "log":  # (of 0 Python has none)
        return (libm(name, x) * scale).astype(np.float32)
    with silence():
        value = getattr(np, name)(x)
        value *= scale
        margin = value * _MARGIN
        result = (value - margin).astype(np.float32)
        value += margin
        doubtful = np.not_equal(result, value.astype(np.float32)).nonzero()[0]
        if doubtful.size:
            result[doubtful] = libm(name, x[doubtful]) * scale
    return result
