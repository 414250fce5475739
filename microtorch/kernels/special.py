"""Special functions that NumPy lacks, element by element.

The error function: W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of Computation 23
(1969), 631-637: three intervals, in each a quotient of two polynomials. In float32 it is tanh of a polynomial, a few fast
passes over blocks that stay in the processor's cache.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_BLOCK = 8192  # elements at a time

# erf(x) = tanh(x + x c(x^2)) for |x| <= 4: the polynomial c, fitted so that erf's largest relative error is 1e-8 (0.2 of a
# float32's last place). Beyond 4 erf rounds to 1. Coefficients of the highest power first, here and below.
_TANH_C = (1.78636899e-10, -8.465695e-09, 1.56116664e-07, -1.28870583e-06, 1.32548737e-06, 6.93234107e-05,
           -5.95311126e-04, -2.06651402e-04, 1.02772164e-01, 1.28379178e-01)  # fmt: skip
# |x| <= 0.477 (Cody: 0.46875; up to here erf is below 1/2): erf(x) = x P(x^2) / Q(x^2) = x + x (P - Q) / Q.
_NEAR = 0.477
_ERF_P = (1.85777706184603153e-1, 3.16112374387056560e0, 1.13864154151050156e2, 3.77485237685302021e2, 3.20937758913846947e3)
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


def _in_blocks(x: Any, function: Any, dtype: Any) -> Any:
    """function(block in dtype) for all elements; the result in x's dtype."""
    out = np.empty(x.shape, x.dtype)
    flat, results = x.reshape(-1), out.reshape(-1)
    with np.errstate(all="ignore"):
        for start in range(0, flat.size, _BLOCK):
            results[start : start + _BLOCK] = function(flat[start : start + _BLOCK].astype(dtype, copy=False))
    return out


def _erf32(x: Any) -> Any:
    x = np.clip(x, -4, 4)
    s = x * x
    c = s * np.float32(_TANH_C[0])
    for k in _TANH_C[1:-1]:
        c += np.float32(k)
        c *= s
    c += np.float32(_TANH_C[-1])
    c *= x
    u = x + c
    lost = x - u  # what rounding u lost: x + c - u
    lost += c
    out = np.tanh(u)
    np.multiply(out, out, out=s)
    np.subtract(1, s, out=s)
    lost *= s  # d tanh(u) = (1 - tanh(u)^2) du
    out += lost
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
    return _in_blocks(x, _erf64, np.float64) if x.dtype == np.float64 else _in_blocks(x, _erf32, np.float32)


def erfc(x: Any) -> Any:
    """1 - erf(x), without cancellation for large x."""
    return _in_blocks(x, _erfc64, np.float64)
