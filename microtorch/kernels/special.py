"""The error function and its kin, element by element.

In float32 erf is tanh of a polynomial. The rest is made of erfcx(x) = exp(x^2) erfc(x), a smooth function that falls as
1 / x: a polynomial of t = (x - 2) / (x + 2), fitted when first used (kernels/fitted.py).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.kernels.fitted import BLOCK, horner, in_blocks, numbers, polynomial

# erf(x) = tanh(x + x c(x^2)) for |x| <= 4.1: the polynomial c, fitted so that erf's largest relative error is 1e-8
# (0.2 of a float32's last place). Beyond 4 erf rounds to 1. Coefficients of the highest power first, here and below.
_TANH_C = (1.78636899e-10, -8.465695e-09, 1.56116664e-07, -1.28870583e-06, 1.32548737e-06, 6.93234107e-05,
           -5.95311126e-04, -2.06651402e-04, 1.02772164e-01, 1.28379178e-01)  # fmt: skip


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


def _fit_erf(t: Any) -> Any:
    """erf(x) / x, a function of x^2, which goes from 0 to 1."""
    x = np.sqrt((t + 1) / 2)
    return np.array([math.erf(v) / v for v in x.tolist()])


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


def _erf(x: Any) -> Any:
    """Near 0 x times a polynomial of x^2, so that small numbers keep their digits."""
    s = np.minimum(x * x, 1)
    near = horner(2 * s - 1, polynomial(_fit_erf, 18)) * x
    return np.where(s < 1, near, np.copysign(1 - _erfc(np.abs(x)), x))


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
    return in_blocks(x, _erf) if x.dtype == np.float64 else _erf32_of(x)


def erfc(x: Any) -> Any:
    """1 - erf(x), without cancellation for large x."""
    return in_blocks(x, _erfc)


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
        miss = np.where(a < 0.5, _erf(y) - a, c - _erfc(y))
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


@np.errstate(all="ignore")
def entr(x: Any) -> Any:
    """-x log(x), 0 at 0, -inf for negative x."""
    positive = x > 0
    inner = -x * np.log(np.where(positive, x, np.ones((), x.dtype)))
    return np.where(
        positive | np.isnan(x), inner, np.where(x == 0, np.zeros((), x.dtype), np.asarray(-np.inf, x.dtype))
    )
