"""Bessel functions of orders 0 and 1, and Airy's function, element by element.

The modified ones of the first kind are here; the others are SciPy's (extra `scipy`), computed in double precision.
Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), chapter 9; the equation numbers are theirs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.kernels.fitted import horner, in_blocks, polynomial
from microtorch.kernels.gamma import scipy_special
from microtorch.kernels.quiet import quiet


def _scaled_bessel(x: Any, n: int) -> Any:
    """exp(-x) I_n(x) for x >= 0, n = 0 or 1: the integral (9.6.19), 2 / pi times that of cosh(x cos t) or sinh(x cos t)
    cos t from 0 to pi / 2, whose trapezoidal sums converge exponentially since it is periodic; beyond 30 the
    asymptotic series (9.7.1)."""
    near, points = np.minimum(x, 30.0), 32
    total = np.zeros_like(near)
    for k in range(points):
        cosine = math.cos((k + 0.5) * math.pi / (2 * points))
        total += np.sinh(near * cosine) * cosine if n else np.cosh(near * cosine)
    total *= np.exp(-near) / points
    far = np.maximum(x, 30.0)
    term = np.ones_like(far)
    series = np.ones_like(far)
    for k in range(1, 20):
        term = term * -(4 * n * n - (2 * k - 1) ** 2) / (k * 8 * far)
        series += term
    return np.where(x <= 30, total, series / np.sqrt(2 * math.pi * far))


# x from 0 to infinity as t from -1 to 1, t = (x - K) / (x + K), and times a root, so that the limit is a number
def _fit_0(t: Any) -> Any:
    x = 4 * (1 + t) / (1 - t)
    return _scaled_bessel(x, 0) * np.sqrt(x + 0.5)


def _fit_1(t: Any) -> Any:
    x = 8 * (1 + t) / (1 - t)
    return _scaled_bessel(x, 1) / x * (x + 1) ** 1.5


def _degree(x: Any) -> int:
    return 20 if x.dtype == np.float32 else 44


def _i0e(x: Any) -> Any:
    a = np.abs(x)
    out = horner(1 - 8 / (a + 4), polynomial(_fit_0, _degree(a)))
    out /= np.sqrt(a + 0.5)
    return out


def _i1e(x: Any) -> Any:
    a = np.abs(x)
    out = horner(1 - 16 / (a + 8), polynomial(_fit_1, _degree(a)))
    a += 1
    out /= np.sqrt(a)
    out *= x
    out /= a
    return np.where(np.isinf(x), 0 * np.sign(x), out)


def i0(x: Any) -> Any:
    """The modified Bessel function of order 0."""
    return in_blocks(x, lambda x: _i0e(x) * np.exp(np.abs(x)))


def i0e(x: Any) -> Any:
    """exp(-|x|) i0(x)."""
    return in_blocks(x, _i0e)


def i1(x: Any) -> Any:
    """The modified Bessel function of order 1."""
    return in_blocks(x, lambda x: _i1e(x) * np.exp(np.abs(x)))


def i1e(x: Any) -> Any:
    """exp(-|x|) i1(x)."""
    return in_blocks(x, _i1e)


def _of_scipy(name: str) -> Any:
    """SciPy's function of that name, in double precision."""

    @quiet
    def kernel(x: Any) -> Any:
        found = getattr(scipy_special("Bessel's and Airy's functions"), name)(np.asarray(x, np.float64))
        return np.asarray(found).astype(x.dtype)

    return kernel


j0, j1, y0, y1 = _of_scipy("j0"), _of_scipy("j1"), _of_scipy("y0"), _of_scipy("y1")
k0, k1, k0e, k1e = _of_scipy("k0"), _of_scipy("k1"), _of_scipy("k0e"), _of_scipy("k1e")


@quiet
def airy_ai(x: Any) -> Any:
    """Airy's function Ai, which beyond 104 is 0 also in double precision."""
    found = scipy_special("Bessel's and Airy's functions").airy(np.minimum(np.asarray(x, np.float64), 200.0))[0]
    return np.where(np.isinf(x), np.nan, found).astype(x.dtype)


@quiet
def spherical_j0(x: Any) -> Any:
    """sin(x) / x, and 1 at 0."""
    return np.where(np.isinf(x), 0, np.where(x == 0, 1, np.sin(x) / x)).astype(x.dtype)
