"""The gamma function's family and the modified Bessel functions, element by element, computed in float64.

Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), chapters 6 and 9; the equation numbers below are
theirs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.kernels.pointwise import unsupported

_EULER = 0.57721566490153286061

# Bernoulli numbers B_2, B_4, ..., B_20
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330)


def _zeta_less_1(s: int) -> float:
    """zeta(s) - 1 for a whole s > 1, by Euler-Maclaurin summation (23.2.3) from 10 on."""
    n = 10
    head = math.fsum(k**-s for k in range(2, n))
    tail = n ** (1 - s) / (s - 1) + 0.5 * n**-s
    factor = s * n ** (-s - 1) / 2
    for j, b in enumerate(_BERNOULLI):
        tail += b * factor
        factor *= (s + 2 * j + 1) * (s + 2 * j + 2) / ((2 * j + 3) * (2 * j + 4) * n * n)
    return head + tail


# log gamma(2 + z) = (1 - euler) z + sum over k >= 2 of (-1)^k (zeta(k) - 1) z^k / k (6.1.33); highest power first
_LOG_GAMMA_2 = tuple((-1) ** k * _zeta_less_1(k) / k for k in range(28, 1, -1)) + (1 - _EULER, 0.0)


def _in_float64(x: Any, function: Any) -> Any:
    with np.errstate(all="ignore"):
        return function(np.asarray(x, np.float64)).astype(x.dtype)


def _log_gamma_positive(x: Any) -> Any:
    """log gamma for x > 0: brought near 2 by gamma(x + 1) = x gamma(x), or up to Stirling's series."""
    small = x < 8
    z = np.where(small, x, 2.0)
    shift = np.zeros_like(z)
    factor = np.ones_like(z)
    for _ in range(6):  # down to below 2.5
        high = z > 2.5
        z = np.where(high, z - 1, z)
        factor *= np.where(high, z, 1)
    shift += np.log(factor)
    low = z < 0.5
    shift -= np.where(low, np.log(np.where(low, z, 1)), 0)
    z = np.where(low, z + 1, z)
    near_one = z < 1.5
    shift -= np.where(near_one, np.log1p(np.where(near_one, z - 1, 0)), 0)
    z = np.where(near_one, z - 1, z - 2)  # as a distance from 2, without rounding near 1
    series = np.full_like(z, _LOG_GAMMA_2[0])
    for c in _LOG_GAMMA_2[1:]:
        series *= z
        series += c
    big = np.where(small, 8.0, x)
    inverse = 1 / big
    stirling = (big - 0.5) * np.log(big) - big + 0.5 * math.log(2 * math.pi)  # (6.1.41)
    power = inverse
    for j, b in enumerate(_BERNOULLI[:8]):
        stirling += b / ((2 * j + 1) * (2 * j + 2)) * power
        power = power * inverse * inverse
    return np.where(small, series + shift, np.where(np.isinf(x), np.inf, stirling))


def _lgamma(x: Any) -> Any:
    """Reflected for negative x: gamma(x) gamma(1 - x) = pi / sin(pi x) (6.1.17)."""
    positive = x > 0
    direct = _log_gamma_positive(np.where(positive, x, 1 - x))
    sine = np.abs(np.sin(math.pi * (x - np.rint(x))))
    reflected = np.log(math.pi / sine) - direct
    return np.where(positive | np.isnan(x), direct + 0 * x, np.where((x == np.floor(x)), np.inf, reflected))


def lgamma(x: Any) -> Any:
    """log |gamma(x)|; inf at 0, -1, -2, ..."""
    return np.where(np.isinf(x), np.asarray(np.inf, x.dtype), _in_float64(x, _lgamma))


def _digamma_positive(x: Any) -> Any:
    """psi(x + 1) = psi(x) + 1 / x up to 10, then the asymptotic series (6.3.18)."""
    total = np.zeros_like(x)
    for _ in range(10):
        low = x < 10
        total -= np.where(low, 1 / x, 0)
        x = np.where(low, x + 1, x)
    square = 1 / (x * x)
    total += np.log(x) - 0.5 / x
    power = square
    for j, b in enumerate(_BERNOULLI[:8]):
        total -= b / (2 * j + 2) * power
        power = power * square
    return total


def _digamma(x: Any) -> Any:
    positive = x > 0
    direct = _digamma_positive(np.where(positive, x, 1 - x))
    reflected = direct - math.pi / np.tan(math.pi * (x - np.trunc(x)))  # (6.3.7)
    pole = np.where(x == 0, np.copysign(np.inf, -x), np.nan)
    return np.where(
        positive | np.isnan(x), direct + 0 * np.where(np.isinf(x), 0, x), np.where(x == np.trunc(x), pole, reflected)
    )


def digamma(x: Any) -> Any:
    """The derivative of log gamma; NaN at -1, -2, ..., -inf at 0."""
    return _in_float64(x, _digamma)


def _zeta_positive(s: Any, q: Any) -> Any:
    """Euler-Maclaurin summation (23.2.9) from q + 10 on, for q > 0."""
    total, a = np.zeros(np.broadcast_shapes(s.shape, q.shape)), q + 0.0
    for _ in range(10):
        total += a**-s
        a = a + 1
    total += a ** (1 - s) / (s - 1) + 0.5 * a**-s
    factor = s * a ** (-s - 1) / 2
    for j, b in enumerate(_BERNOULLI):
        total += b * factor
        factor = factor * (s + 2 * j + 1) * (s + 2 * j + 2) / ((2 * j + 3) * (2 * j + 4)) / (a * a)
    return total


@np.errstate(all="ignore")
def zeta(s: Any, q: Any) -> Any:
    """Hurwitz' zeta function: the sum of (q + k)^-s over k = 0, 1, 2, ...; for negative q only whole s have one."""
    dtype = np.result_type(s, q)
    if dtype.kind == "c" or dtype == np.float16:
        raise unsupported("zeta_cpu", dtype)
    s, q = np.broadcast_arrays(np.asarray(s, np.float64), np.asarray(q, np.float64))
    total = _zeta_positive(s, np.where(q > 0, q, 1.0))
    left = (q <= 0) & np.isfinite(q) & (s == np.floor(s))
    if left.any():  # the n terms left of 0 are those of (-1)^s sum (r + k)^-s, r in (0, 1], counted from the other side
        s_, q_ = s[left], q[left]
        n = np.floor(-q_) + 1
        r = -(q_ + n - 1)
        sign = np.where(np.mod(s_, 2) == 0, 1.0, -1.0)
        found = sign * (_zeta_positive(s_, r) - _zeta_positive(s_, r + n)) + _zeta_positive(s_, q_ + n)
        total = np.array(total)
        total[left] = np.where(r == 0, np.inf, found)
    undefined = (s < 1) | np.isnan(s) | np.isnan(q) | np.isinf(q) | ((q <= 0) & ~left)
    total = np.where(s == 1, np.inf, np.where(undefined, np.nan, total))
    total = np.where(~(s < 1) & (q <= 0) & (q == np.floor(q)), np.inf, total)
    return np.asarray(np.where(np.isposinf(s) & (q > 0), np.where(q < 1, np.inf, np.nan), total)).astype(dtype)


@np.errstate(all="ignore")
def polygamma(x: Any, n: int) -> Any:
    """The n-th derivative of digamma (6.4.10)."""
    if x.dtype.kind == "c":
        raise unsupported(("digamma", "trigamma")[n] if n < 2 else "polygamma", x.dtype)
    if n == 0:
        return digamma(x)
    wide = np.asarray(x, np.float64)
    out = zeta(np.float64(n + 1), wide).astype(x.dtype)  # rounded here, too, as PyTorch does
    with np.errstate(all="ignore"):
        if n == 1:  # PyTorch's trigamma has other limits, and no true poles: sin(pi x) of a rounded pi x is not 0
            sine = np.sin(x * x.dtype.type(math.pi))
            pole = (wide < 0) & (wide == np.floor(wide)) & (sine != 0)
            limit = np.where(wide > 0, 0.0, np.nan)
            out = np.where(np.isinf(wide), limit, np.where(pole, math.pi**2 / np.where(pole, sine, 1) ** 2, out))
        return (((-1.0) ** (n + 1) * math.factorial(n)) * out.astype(np.float64)).astype(x.dtype)


# modified Bessel functions -------------------------------------------------------------------------------------------


def _bessel_i(x: Any, n: int) -> Any:
    """exp(-|x|) I_n(x), n = 0 or 1: the integral (9.6.19), 2 / pi times that of cosh(x cos t) or sinh(x cos t) cos t
    from 0 to pi / 2, whose trapezoidal sums converge exponentially since it is periodic; beyond 30 the asymptotic
    series (9.7.1)."""
    a = np.abs(x)
    near, points = np.minimum(a, 30.0), 32
    total = np.zeros_like(near)
    for k in range(points):
        cosine = math.cos((k + 0.5) * math.pi / (2 * points))
        total += np.sinh(near * cosine) * cosine if n else np.cosh(near * cosine)
    total *= np.exp(-near) / points
    far = np.maximum(a, 30.0)
    term = np.ones_like(far)
    series = np.ones_like(far)
    for k in range(1, 20):
        term = term * -(4 * n * n - (2 * k - 1) ** 2) / (k * 8 * far)
        series += term
    out = np.where(a <= 30, total, series / np.sqrt(2 * math.pi * far))
    out = np.where(np.isinf(a), 0.0, np.where(np.isnan(x), x, out))
    return np.where(x < 0, -out, out) if n else out


def i0(x: Any) -> Any:
    """The modified Bessel function of order 0."""
    return _in_float64(x, lambda x: _bessel_i(x, 0) * np.exp(np.abs(x)))


def i0e(x: Any) -> Any:
    """exp(-|x|) i0(x)."""
    return _in_float64(x, lambda x: _bessel_i(x, 0))


def i1(x: Any) -> Any:
    """The modified Bessel function of order 1."""
    return _in_float64(x, lambda x: _bessel_i(x, 1) * np.exp(np.abs(x)))


def i1e(x: Any) -> Any:
    """exp(-|x|) i1(x)."""
    return _in_float64(x, lambda x: _bessel_i(x, 1))


# incomplete gamma functions, from SciPy ------------------------------------------------------------------------------


def _scipy_special() -> Any:
    try:
        import scipy.special
    except ImportError:
        raise ModuleNotFoundError("the incomplete gamma functions need SciPy: pip install microtorch[scipy]") from None
    return scipy.special


def igamma(a: Any, x: Any) -> Any:
    """The regularised lower incomplete gamma function P(a, x)."""
    return np.asarray(_scipy_special().gammainc(np.asarray(a, np.float64), np.asarray(x, np.float64))).astype(
        np.result_type(a, x)
    )


def igammac(a: Any, x: Any) -> Any:
    """The regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x)."""
    return np.asarray(_scipy_special().gammaincc(np.asarray(a, np.float64), np.asarray(x, np.float64))).astype(
        np.result_type(a, x)
    )
