"""Special functions that NumPy lacks, element by element.

The error function: W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of Computation
23 (1969), 631-637: three intervals, in each a quotient of two polynomials. In float32 it is tanh of a polynomial, a few
fast passes over blocks that stay in the processor's cache.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_BLOCK = 32768  # elements at a time

# erf(x) = tanh(x + x c(x^2)) for |x| <= 4.1: the polynomial c, fitted so that erf's largest relative error is 1e-8
# (0.2 of a float32's last place). Beyond 4 erf rounds to 1. Coefficients of the highest power first, here and below.
_TANH_C = (1.78636899e-10, -8.465695e-09, 1.56116664e-07, -1.28870583e-06, 1.32548737e-06, 6.93234107e-05,
           -5.95311126e-04, -2.06651402e-04, 1.02772164e-01, 1.28379178e-01)  # fmt: skip
# |x| <= 0.477 (Cody: 0.46875; up to here erf is below 1/2): erf(x) = x P(x^2) / Q(x^2) = x + x (P - Q) / Q.
_NEAR = 0.477
_ERF_P = (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2,
          3.20937758913846947e3)  # fmt: skip
_ERF_Q = (1.0, 2.36012909523441209e1, 2.44024637934444173e2, 1.28261652607737228e3, 2.84423683343917062e3)
_ERF_P_MINUS_Q = tuple(p - q for p, q in zip(_ERF_P, _ERF_Q))
# 0.477 < |x| <= 4: erfc(x) = exp(-x^2) P(x) / Q(x).
_MIDDLE_P = (2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594e0, 6.61191906371416295e1,
             2.98635138197400131e2, 8.81952221241769090e2, 1.71204761263407058e3, 2.05107837782607147e3,
             1.23033935479799725e3)  # fmt: skip
_MIDDLE_Q = (1.0, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3,
             3.29079923573345963e3, 4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3)  # fmt: skip
# 4 < |x|: erfc(x) = exp(-x^2) / x (1 / sqrt(pi) - y P(y) / Q(y)), y = 1 / x^2.
_FAR_P = (1.63153871373020978e-2, 3.05326634961232344e-1, 3.60344899949804439e-1, 1.25781726111229246e-1,
          1.60837851487422766e-2, 6.58749161529837803e-4)  # fmt: skip
_FAR_Q = (1.0, 2.56852019228982242e0, 1.87295284992346725e0, 5.27905102951428412e-1, 6.05183413124413191e-2,
          2.33520497626869185e-3)  # fmt: skip


def _quotient(x: Any, p: tuple[float, ...], q: tuple[float, ...]) -> Any:
    """P(x) / Q(x) by Horner's rule."""
    above, below = np.full_like(x, p[0]), np.full_like(x, q[0])
    for c in p[1:]:
        above *= x
        above += c
    for c in q[1:]:
        below *= x
        below += c
    above /= below
    return above


def _exp_minus_square(x: Any) -> Any:
    """exp(-x^2), with x^2 in two parts so that the rounding of a large square does not grow in exp."""
    rounded = np.trunc(x * 16) / 16
    return np.exp(-rounded * rounded) * np.exp(-(x - rounded) * (x + rounded))


def _erfc_of_large(x: Any) -> Any:
    """erfc for x > 0.46."""
    out = np.empty_like(x)
    middle = x <= 4
    far = ~middle
    m = x[middle]
    out[middle] = _exp_minus_square(m) * _quotient(m, _MIDDLE_P, _MIDDLE_Q)
    if far.any():
        f = np.minimum(x[far], 30.0)  # exp(-900) is 0 in float64
        y = 1 / (f * f)
        out[far] = _exp_minus_square(f) / f * (1 / math.sqrt(math.pi) - y * _quotient(y, _FAR_P, _FAR_Q))
    return out


def _in_blocks(x: Any, function: Any) -> Any:
    """function(block in float64) for all elements; the result in x's dtype."""
    out = np.empty(x.shape, x.dtype)
    flat, results = x.reshape(-1), out.reshape(-1)
    with np.errstate(all="ignore"):
        for start in range(0, flat.size, _BLOCK):
            results[start : start + _BLOCK] = function(flat[start : start + _BLOCK].astype(np.float64, copy=False))
    return out


def _erf32(x: Any) -> Any:
    """erf in float32, block by block in the same scratch memory."""
    out = np.empty(x.shape, np.float32)
    flat, results = x.reshape(-1), out.reshape(-1)
    scratch = np.empty((3, min(flat.size, _BLOCK)), np.float32)
    coefficients = [np.float32(k) for k in _TANH_C]
    for start in range(0, flat.size, _BLOCK):
        block, t = flat[start : start + _BLOCK], results[start : start + _BLOCK]
        a, s, c = scratch[:, : block.size]
        np.clip(block, -4.1, 4.1, out=a)  # there it rounds to 1
        np.multiply(a, a, out=s)
        np.multiply(s, coefficients[0], out=c)
        for k in coefficients[1:-1]:
            c += k
            c *= s
        c += coefficients[-1]
        c *= a
        u = np.add(a, c, out=s)
        a -= u  # what rounding u lost: a + c - u
        a += c
        np.tanh(u, out=t)
        np.multiply(t, t, out=s)
        np.subtract(1, s, out=s)
        a *= s  # d tanh(u) = (1 - tanh(u)^2) du
        t += a
        np.copysign(t, block, out=t)  # of -0
    return out


def _erf64(x: Any) -> Any:
    a = np.abs(x)
    near = a <= _NEAR
    s = np.where(near, x, 0)
    s *= s
    out = x + x * _quotient(s, _ERF_P_MINUS_Q, _ERF_Q)
    large = ~near & (a == a)
    out[large] = np.copysign(1 - _erfc_of_large(a[large]), x[large])
    return out


def _erfc64(x: Any) -> Any:
    a = np.abs(x)
    near = a <= _NEAR
    s = np.where(near, x, 0)
    s *= s
    out = 1 - (x + x * _quotient(s, _ERF_P_MINUS_Q, _ERF_Q))
    large = ~near & (a == a)
    c = _erfc_of_large(a[large])
    out[large] = np.where(x[large] < 0, 2 - c, c)
    return out


def erf(x: Any) -> Any:
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x; x a float array."""
    return _in_blocks(x, _erf64) if x.dtype == np.float64 else _erf32(x).astype(x.dtype, copy=False)


def erfc(x: Any) -> Any:
    """1 - erf(x), without cancellation for large x."""
    return _in_blocks(x, _erfc64)


def _erfcx64(x: Any) -> Any:
    a = np.abs(x)
    out = np.exp(x * x) * (1 - _erf64(x))
    large = (a > _NEAR) & (a == a)
    c = _erfcx_of_large(a[large])
    out[large] = np.where(x[large] < 0, 2 * np.exp(x[large] ** 2) - c, c)
    return out


def _erfcx_of_large(x: Any) -> Any:
    """exp(x^2) erfc(x) for x > 0.46: Cody's quotients without their factor exp(-x^2)."""
    y = 1 / (x * x)
    middle = _quotient(np.minimum(x, 4), _MIDDLE_P, _MIDDLE_Q)
    far = (1 / math.sqrt(math.pi) - y * _quotient(np.minimum(y, 1), _FAR_P, _FAR_Q)) / x
    return np.where(x <= 4, middle, far)


def erfcx(x: Any) -> Any:
    """exp(x^2) erfc(x), which neither underflows nor overflows for large x."""
    return _in_blocks(x, _erfcx64)


# M. Giles, "Approximating the erfinv function", GPU Computing Gems, Jade Edition (2012), chapter 10: single precision.
_GILES_CENTRE = (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
                 -0.00417768164, 0.246640727, 1.50140941)  # fmt: skip
_GILES_TAIL = (-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
               0.00943887047, 1.00167406, 2.83297682)  # fmt: skip


def _horner(x: Any, coefficients: tuple[float, ...]) -> Any:
    """The polynomial, its highest power's coefficient first."""
    out = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        out *= x
        out += c
    return out


def _erfinv64(x: Any) -> Any:
    """Giles' approximation (far out erfc(y) = exp(-y^2) / (y sqrt(pi)), solved roughly), then two steps of Halley's
    method, each of which triples the exact digits."""
    a = np.abs(x)
    w = -np.log((1 - a) * (1 + a))
    far = -np.log(1 - a)
    far = np.sqrt(far - 0.5 * np.log(math.pi * np.maximum(far, 1)))
    y = a * np.where(w < 5, _horner(w - 2.5, _GILES_CENTRE), _horner(np.sqrt(w) - 3, _GILES_TAIL))
    y = np.where(w > 15, far, y)
    for _ in range(2):
        miss = np.where(a < 0.5, _erf64(y) - a, (1 - a) - _erfc64(y))
        u = miss * (math.sqrt(math.pi) / 2) * np.exp(y * y)
        y -= u / (1 + y * u)
    return np.copysign(np.where(a < 1, y, np.where(a == 1, np.inf, np.nan)), x)


def erfinv(x: Any) -> Any:
    """The inverse of erf, on [-1, 1]; NaN outside."""
    return _in_blocks(x, _erfinv64)


def _ndtr64(x: Any) -> Any:
    return 0.5 * _erfc64(x * -math.sqrt(0.5))


def ndtr(x: Any) -> Any:
    """The normal distribution function: the probability of less than x."""
    return _in_blocks(x, _ndtr64)


def _log_ndtr64(x: Any) -> Any:
    t = x * math.sqrt(0.5)
    low = np.log(0.5 * _erfcx64(-np.minimum(t, 0))) - t * t
    return np.where(x < -1, low, np.log1p(-0.5 * _erfc64(t)))


def log_ndtr(x: Any) -> Any:
    """log(ndtr(x)), exact also far to the left."""
    return _in_blocks(x, _log_ndtr64)


def _ndtri64(p: Any) -> Any:
    """Newton's method on log erfc(y) = log(2 p) in the tails, erfinv between them."""
    tail = np.minimum(p, 1 - p)
    log_q = np.log(2 * tail)
    y = np.sqrt(np.maximum(-log_q - 0.5 * np.log(np.pi * np.maximum(-log_q, 1)), 0.1))
    for _ in range(5):
        c = _erfcx64(y)
        y += (np.log(c) - y * y - log_q) * (math.sqrt(math.pi) / 2) * c
    far = np.copysign(math.sqrt(2) * y, p - 0.5)
    out = np.where(tail < 0.1, far, math.sqrt(2) * _erfinv64(2 * p - 1))
    return np.where(p == 0, -np.inf, np.where(p == 1, np.inf, np.where((p < 0) | (p > 1), np.nan, out)))


def ndtri(p: Any) -> Any:
    """The inverse of ndtr, on [0, 1]; NaN outside."""
    return _in_blocks(p, _ndtri64)


@np.errstate(all="ignore")
def entr(x: Any) -> Any:
    """-x log(x), 0 at 0, -inf for negative x."""
    positive = x > 0
    inner = -x * np.log(np.where(positive, x, np.ones((), x.dtype)))
    return np.where(
        positive | np.isnan(x), inner, np.where(x == 0, np.zeros((), x.dtype), np.asarray(-np.inf, x.dtype))
    )
