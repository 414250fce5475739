"""The error function and its kin, element by element.

In float32 erf is tanh of a polynomial; in float64 erf and erfc are Cody's quotients. The rest is made of
erfcx(x) = exp(x^2) erfc(x), a smooth function that falls as 1 / x: a polynomial of t = (x - 2) / (x + 2), fitted when
first used (kernels/fitted.py).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.kernels import twins
from microtorch.kernels.fitted import BLOCK, horner, in_blocks, numbers, polynomial
from microtorch.kernels.quiet import quiet

# erf(x) = tanh(x + x c(x^2)) for |x| <= 4.1: the polynomial c, fitted so that erf's largest relative error is 1e-8
# (0.2 of a float32's last place). Beyond 4 erf rounds to 1. Coefficients of the highest power first, here and below.
_TANH_C = (1.78636899e-10, -8.465695e-09, 1.56116664e-07, -1.28870583e-06, 1.32548737e-06, 6.93234107e-05,
           -5.95311126e-04, -2.06651402e-04, 1.02772164e-01, 1.28379178e-01)  # fmt: skip


# Float64: W. J. Cody, "Rational Chebyshev approximations for the error function", Math. Comp. 23 (1969), three ranges.
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


_SIGN = np.array(-(2**31), np.int32)  # the sign's bit of a float32


def _erfcx_defined(x: float) -> float:
    """exp(x^2) erfc(x) for one x >= 0: from the standard library, beyond 3 by the continued fraction (Abramowitz and
    Stegun, 7.1.14), from its 100th term back."""
    if x < 3:
        return math.exp(x * x) * math.erfc(x)
    below = x
    for k in range(100, 0, -1):
        below = x + k / 2 / below
    return 1 / (math.sqrt(math.pi) * below)


def _fit_erfcx(t: Any) -> Any:
    x = 2 * (1 + t) / (1 - t)
    return np.array([_erfcx_defined(v) for v in x.tolist()]) * (1 + x)


def _erfcx_positive(a: Any) -> Any:
    """erfcx for a >= 0."""
    out = horner(1 - 4 / (a + 2), polynomial(_fit_erfcx, 12 if a.dtype == np.float32 else 26))
    out /= a + 1
    return out


def _exp_of_square(a: Any, sign: int) -> Any:
    """exp(sign a^2): the square in two parts, so that its rounding does not grow in exp."""
    if a.dtype == np.float32:
        high = (a.view(np.int32) & -4096).view(np.float32)  # 12 bits, whose square is exact
    else:
        high = (a.view(np.int64) & -(2**27)).view(np.float64)
    square = high * (sign * high)
    out = np.exp(square, out=square)
    rest = a - high
    rest *= sign * (a + high)
    out *= np.exp(rest, out=rest)
    return out


def _erfc(x: Any) -> Any:
    a = np.minimum(np.abs(x), 30)  # beyond, it is 0
    out = _erfcx_positive(a)
    out *= _exp_of_square(a, -1)
    return np.subtract(2, out, out=out, where=x < 0)


def _quotient(x: Any, p: tuple[float, ...], q: tuple[float, ...]) -> Any:
    """P(x) / Q(x)."""
    above = horner(x, p)
    above /= horner(x, q)
    return above


def _erfc_beyond(x: Any) -> Any:
    """erfc for x > 0.477, in float64."""
    out = np.empty_like(x)
    middle = x <= 4
    m = x[middle]
    out[middle] = _exp_of_square(m, -1) * _quotient(m, _MIDDLE_P, _MIDDLE_Q)
    f = np.minimum(x[~middle], 30.0)  # exp(-900) is 0 in float64
    if f.size:
        y = 1 / (f * f)
        out[~middle] = _exp_of_square(f, -1) / f * (1 / math.sqrt(math.pi) - y * _quotient(y, _FAR_P, _FAR_Q))
    return out


def _erf64_near(x: Any, near: Any) -> Any:
    """erf where x is near 0."""
    s = np.where(near, x, 0)
    s *= s
    return x + x * _quotient(s, _ERF_P_MINUS_Q, _ERF_Q)


def _erf64(x: Any) -> Any:
    a = np.abs(x)
    near = a <= _NEAR
    out = _erf64_near(x, near)
    large = ~near & (a == a)
    out[large] = np.copysign(1 - _erfc_beyond(a[large]), x[large])
    return out


def _erfc64(x: Any) -> Any:
    a = np.abs(x)
    near = a <= _NEAR
    out = 1 - _erf64_near(x, near)
    large = ~near & (a == a)
    c = _erfc_beyond(a[large])
    out[large] = np.where(x[large] < 0, 2 - c, c)
    return out


def _erf32(x: Any) -> Any:
    """erf in float32, block by block in the same scratch memory."""
    out = np.empty(x.shape, np.float32)
    flat, results = x.reshape(-1), out.reshape(-1)
    scratch = np.empty((3, min(flat.size, BLOCK)), np.float32)
    coefficients = numbers(_TANH_C, x.dtype)
    for start in range(0, flat.size, BLOCK):
        block, t = flat[start : start + BLOCK], results[start : start + BLOCK]
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
        signs = np.bitwise_and(block.view(np.int32), _SIGN, out=s.view(np.int32))
        t.view(np.int32)[...] |= signs  # of -0, whose sign is lost on the way
    return out


def _erf32_of(x: Any) -> Any:
    return _erf32(x.astype(np.float32, copy=False)).astype(x.dtype, copy=False)


def erf(x: Any) -> Any:
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x; x a float array."""
    if (out := twins.result("pointwise", "erf", x)) is not None:
        return out
    return in_blocks(x, _erf64) if x.dtype == np.float64 else _erf32_of(x)


def erfc(x: Any) -> Any:
    """1 - erf(x), without cancellation for large x."""
    if (out := twins.result("pointwise", "erfc", x)) is not None:
        return out
    return in_blocks(x, _erfc64 if x.dtype == np.float64 else _erfc)


def _erfcx(x: Any) -> Any:
    out = _erfcx_positive(np.abs(x))
    negative = x < 0
    if negative.any():
        a = x[negative]
        out[negative] = 2 * _exp_of_square(a, 1) - out[negative]
        out = np.where(np.isneginf(x), np.inf, out)
    return out


def erfcx(x: Any) -> Any:
    """exp(x^2) erfc(x), which neither underflows nor overflows for large x."""
    return in_blocks(x, _erfcx)


def _inverse_defined(w: float) -> float:
    """y / a with erf(y) = a, for one w = -log(1 - a^2): S. Winitzki's approximation (2008), then Newton's method."""
    a = math.sqrt(-math.expm1(-w))
    c = math.exp(-w) / (1 + a)  # 1 - a
    half = 2 / (math.pi * 0.147) - w / 2
    y = math.sqrt(math.sqrt(half * half + w / 0.147) - half)
    for _ in range(6):
        y += (math.log(math.erfc(y)) - math.log(c)) * (math.sqrt(math.pi) / 2) * _erfcx_defined(y)
    return y / a


def _fit_inverse_centre(t: Any) -> Any:
    """w from 0 to 5."""
    return np.array([_inverse_defined(2.5 * (v + 1)) for v in t.tolist()])


def _fit_inverse_tail(t: Any) -> Any:
    """The root of w from 2 to 4."""
    return np.array([_inverse_defined((v + 3) ** 2) for v in t.tolist()])


def _inverse(a: Any, c: Any) -> Any:
    """y >= 0 with erf(y) = a and erfc(y) = c = 1 - a. It is a times a smooth function of w = -log(1 - a^2), as M. Giles
    saw ("Approximating the erfinv function", GPU Computing Gems, Jade Edition (2012), chapter 10); in float64 a step of
    Halley's method follows, which triples the exact digits."""
    w = -np.log(c * (1 + a))
    y = horner(0.4 * w - 1, polynomial(_fit_inverse_centre, 10))
    tail = w >= 5
    if tail.any():
        y[tail] = horner(np.sqrt(w[tail]) - 3, polynomial(_fit_inverse_tail, 10))
    y *= a
    far = w > 16
    if far.any():
        wide = np.asarray(c[far], np.float64)
        log_c = np.log(wide)
        z = np.sqrt(-log_c - 0.5 * np.log(-math.pi * log_c))  # erfc(z) = exp(-z^2) / (z sqrt(pi)), solved roughly
        for _ in range(4):  # Newton's method on log erfc(z) = log c
            e = _erfcx_positive(z)
            z += (np.log(e) - z * z - log_c) * (math.sqrt(math.pi) / 2) * e
        y[far] = np.where(wide > 0, z, np.inf)
    if a.dtype == np.float64:
        miss = np.where(a < 0.5, _erf64(y) - a, c - _erfc64(y))
        u = miss * (math.sqrt(math.pi) / 2) * _exp_of_square(np.where(far, 0, y), 1)
        y = np.where(far, y, y - u / (1 + y * u))
    return y


def _erfinv(x: Any) -> Any:
    a = np.abs(x)
    return np.copysign(_inverse(a, 1 - a), x)  # the logarithm of a negative number is NaN


def erfinv(x: Any) -> Any:
    """The inverse of erf, on [-1, 1]; NaN outside."""
    return in_blocks(x, _erfinv)


def ndtr(x: Any) -> Any:
    """The normal distribution function, the probability of less than x: (1 + erf(x / sqrt(2))) / 2, as PyTorch has
    it."""
    out = erf(x / math.sqrt(2.0))
    out += 1
    out *= 0.5
    return out


def _log_ndtr(x: Any) -> Any:
    t = x * math.sqrt(0.5)
    c = _erfcx_positive(np.abs(t))
    low = np.log(0.5 * c) - t * t
    c *= _exp_of_square(np.minimum(np.abs(t), 30), -1)  # now erfc(|t|)
    return np.where(x < -1, low, np.log1p(-0.5 * np.where(t < 0, 2 - c, c)))


def log_ndtr(x: Any) -> Any:
    """log(ndtr(x)), exact also far to the left."""
    return in_blocks(x, _log_ndtr)


def _ndtri(p: Any) -> Any:
    """ndtr(x) = erfc(-x / sqrt(2)) / 2."""
    tail = np.minimum(p, 1 - p)
    y = math.sqrt(2) * _inverse(1 - 2 * tail, 2 * tail)
    return np.where((p >= 0) & (p <= 1), np.copysign(y, p - 0.5), np.nan)


def ndtri(p: Any) -> Any:
    """The inverse of ndtr, on [0, 1]; NaN outside."""
    return in_blocks(p, _ndtri)


@quiet
def entr(x: Any) -> Any:
    """-x log(x), 0 at 0, -inf for negative x."""
    positive = x > 0
    inner = -x * np.log(np.where(positive, x, np.ones((), x.dtype)))
    return np.where(
        positive | np.isnan(x), inner, np.where(x == 0, np.zeros((), x.dtype), np.asarray(-np.inf, x.dtype))
    )
