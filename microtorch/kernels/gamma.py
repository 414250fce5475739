"""The gamma function's family, element by element.

Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), chapters 6 and 23; the equation numbers below are
theirs.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from microtorch.kernels.fitted import horner, in_blocks, polynomial
from microtorch.kernels.pointwise import unsupported
from microtorch.kernels.quiet import quiet, silence

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


def _stirling(z: Any) -> Any:
    """log gamma(z) less its main terms (z - 1/2) log z - z + log(2 pi) / 2, for z >= 10 (6.1.41)."""
    inverse = 1 / z
    power, total = inverse, 0.0
    for j, b in enumerate(_BERNOULLI[:8]):
        total = total + b / ((2 * j + 1) * (2 * j + 2)) * power
        power = power * inverse * inverse
    return total


_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


def _fit_lgamma(t: Any) -> Any:
    """The same, times z, for z >= 1; t = 2 / z - 1."""
    z = 2 / (t + 1)
    near = [math.lgamma(v) - ((v - 0.5) * math.log(v) - v + _HALF_LOG_TAU) for v in np.minimum(z, 10).tolist()]
    return np.where(z < 10, near, _stirling(np.maximum(z, 10))) * z


def _fit_digamma(t: Any) -> Any:
    """(log z - digamma(z)) z for z >= 1; t = 2 / z - 1."""
    z = 2 / (t.astype(np.longdouble) + 1)  # (the terms below cancel)
    x, total = z, np.zeros_like(z)
    for _ in range(10):  # digamma(x + 1) = digamma(x) + 1 / x (6.3.5), up to 10
        low = x < 10
        total += np.where(low, 1 / x, 0)
        x = np.where(low, x + 1, x)
    series = 0.5 / x
    for j, b in enumerate(_BERNOULLI[:8]):  # (6.3.18)
        series = series + b / (2 * j + 2) * x ** (-2 * j - 2)
    return (np.log(z / x) + total + series) * z


def _log_gamma_positive(x: Any, degree: int) -> Any:
    """log gamma for x > 0: log gamma(z) - log(x) with z = x + 1."""
    z = x + 1
    inverse = 1 / z
    out = horner(2 * inverse - 1, polynomial(_fit_lgamma, degree))
    out *= inverse
    out += _HALF_LOG_TAU
    out -= z
    z -= 0.5
    out += z * np.log(x + 1)
    out -= np.log(x)
    return out


def _log_gamma_near_2(x: Any) -> Any:
    """log gamma around its zeros 1 and 2, where the main terms would cancel."""
    z = np.where(x < 1.5, x - 1, x - 2)  # as a distance from 2, without rounding
    return horner(z, _LOG_GAMMA_2) - np.where(x < 1.5, np.log1p(np.where(x < 1.5, z, 0)), 0)


def _lgamma(x: Any, exact: bool) -> Any:
    """Reflected for negative x: gamma(x) gamma(1 - x) = pi / sin(pi x) (6.1.17). exact: not for rounding to float32."""
    negative = x <= 0
    some = negative.any()
    out = _log_gamma_positive(np.where(negative, 1 - x, x) if some else x, 18 if exact else 12)
    from_middle = np.abs(x - 1.5)
    near = from_middle < 1 if exact else np.abs(from_middle - 0.5) < 1e-3  # (for float32 only beside the zeros)
    if near.any():
        out[near] = _log_gamma_near_2(x[near])
    if some:
        n = x[negative]
        sine = np.abs(np.sin(math.pi * (n - np.rint(n))))
        out[negative] = np.where(n == np.floor(n), np.inf, np.log(math.pi / sine) - out[negative])
    return np.where(np.isinf(x), np.inf, out)


def lgamma(x: Any) -> Any:
    """log |gamma(x)|; inf at 0, -1, -2, ..."""
    return in_blocks(x, functools.partial(_lgamma, exact=x.dtype == np.float64), np.float64)


def mvlgamma(x: Any, p: int) -> Any:
    """The multivariate log gamma function: p (p - 1) / 4 log(pi) + lgamma(x) + lgamma(x - 1 / 2) + ..."""
    parts = lgamma(x[..., None] + half_steps(p, x.dtype))
    total = np.sum(parts, -1, np.float32 if x.dtype == np.float16 else None).astype(x.dtype)
    return total + x.dtype.type(p * (p - 1) / 4 * math.log(math.pi))


def half_steps(p: int, dtype: Any) -> Any:
    """0, -1/2, -1, ...: p numbers."""
    return (np.arange(p) * -0.5).astype(dtype)


def _digamma(x: Any) -> Any:
    """digamma(z) - 1 / x with z = x + 1; reflected for negative x (6.3.7)."""
    negative = x < 0
    a = np.where(negative, 1 - x, x)
    inverse = 1 / (a + 1)
    out = horner(2 * inverse - 1, polynomial(_fit_digamma, 18))
    out *= -inverse
    out += np.log(a + 1)
    out -= 1 / a
    if negative.any():
        n = x[negative]
        found = out[negative] - math.pi / np.tan(math.pi * (n - np.trunc(n)))
        out[negative] = np.where(n == np.trunc(n), np.nan, found)
    return np.where(x == 0, np.copysign(np.inf, -x), out)


def digamma(x: Any) -> Any:
    """The derivative of log gamma; NaN at -1, -2, ..., -inf at 0."""
    return in_blocks(x, _digamma, np.float64)


def _trigamma(x: Any) -> Any:
    """The derivative of digamma: psi'(x) = psi'(x + 1) + 1 / x^2 six times, then the asymptotic series (6.4.12), to
    1e-9; reflected below 1/2 (6.4.7). Step by step as PyTorch has it, whose rounding shows near 0, -1, -2, ..."""
    low = x < 0.5
    z = np.where(low, 1 - x, x)
    out = np.zeros_like(z)
    if low.any():
        sine = np.sin(x[low] * math.pi)
        out[low] = -(x.dtype.type(math.pi) ** 2) / (sine * sine)
    for _ in range(6):
        out += 1 / (z * z)
        z += 1
    ixx = 1 / (z * z)
    out += (1 + 1 / (2 * z) + ixx * (1 / 6 - ixx * (1 / 30 - ixx * (1 / 42)))) / z
    return np.where(low, -out, out)


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


@quiet
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
        r = -(q_ + (n - 1))
        sign = np.where(np.mod(s_, 2) == 0, 1.0, -1.0)
        found = sign * (_zeta_positive(s_, r) - _zeta_positive(s_, r + n)) + _zeta_positive(s_, q_ + n)
        total = np.array(total)
        total[left] = np.where(r == 0, np.inf, found)
    undefined = (s < 1) | np.isnan(s) | np.isnan(q) | np.isinf(q) | ((q <= 0) & ~left)
    total = np.where(s == 1, np.inf, np.where(undefined, np.nan, total))
    total = np.where(~(s < 1) & (q <= 0) & (q == np.floor(q)), np.inf, total)
    return np.asarray(np.where(np.isposinf(s), np.where(q < 1, np.inf, np.where(q == 1, 1, np.nan)), total)).astype(
        dtype
    )


@quiet
def polygamma(x: Any, n: int) -> Any:
    """The n-th derivative of digamma (6.4.10)."""
    if x.dtype.kind == "c":
        raise unsupported(("digamma", "trigamma")[n] if n < 2 else "polygamma", x.dtype)
    if n == 0:
        return digamma(x)
    if n == 1:
        return in_blocks(x, _trigamma)
    wide = np.asarray(x, np.float64)
    out = zeta(np.float64(n + 1), wide).astype(x.dtype)  # rounded here, too, as PyTorch does
    with silence():
        if n == 1:  # PyTorch's trigamma has other limits, and no true poles: sin(pi x) of a rounded pi x is not 0
            sine = np.sin(x * x.dtype.type(math.pi))
            pole = (wide < 0) & (wide == np.floor(wide)) & (sine != 0)
            limit = np.where(wide > 0, 0.0, np.nan)
            out = np.where(np.isinf(wide), limit, np.where(pole, math.pi**2 / np.where(pole, sine, 1) ** 2, out))
        return (((-1.0) ** (n + 1) * math.factorial(n)) * out.astype(np.float64)).astype(x.dtype)


# incomplete gamma functions, from SciPy ------------------------------------------------------------------------------


def scipy_special(what: str) -> Any:
    """SciPy's special functions; where it is not installed, an error that says what needs it."""
    try:
        import scipy.special
    except ImportError:
        raise ModuleNotFoundError(f"{what} need SciPy: pip install microtorch[scipy]") from None
    return scipy.special


def igamma(a: Any, x: Any) -> Any:
    """The regularised lower incomplete gamma function P(a, x)."""
    return _incomplete(scipy_special("the incomplete gamma functions").gammainc, a, x, 0.0)


def igammac(a: Any, x: Any) -> Any:
    """The regularised upper incomplete gamma function Q(a, x) = 1 - P(a, x)."""
    return _incomplete(scipy_special("the incomplete gamma functions").gammaincc, a, x, 1.0)


def _incomplete(function: Any, a: Any, x: Any, at_0: float) -> Any:
    """SciPy's function, with PyTorch's values at the ends, which look at one argument before the other."""
    out = np.asarray(function(np.asarray(a, np.float64), np.asarray(x, np.float64)))
    out = np.where(np.isinf(a), np.where(np.isinf(x), np.nan, at_0), np.where(np.isinf(x), 1 - at_0, out))
    out = np.where(a == 0, np.where(x > 0, 1 - at_0, np.nan), np.where(x == 0, at_0, out))
    return np.where((x < 0) | (a < 0), np.nan, out).astype(np.result_type(a, x))
