"""exp, log, tanh, sigmoid, erf and kin for one float32 or float64, as loops of other twins take them in.

Without branches or tables, so that LLVM vectorises the loop around them. Largest errors, in units of the last place
(tests/test_compiled.py measures them): exp and log 1; expm1, log1p, tanh, erf 2; sigmoid 2.5 while exp(-x) is finite,
then 0 as PyTorch's; erfc 5. NaN, infinities, signed zeros and denormal
numbers come out as in the C library.

exp, expm1: x = n log 2 + r with |r| <= log(2) / 2 (Cody and Waite's reduction: log 2 in two parts, so that the product
with n is exact), then e^x = 2^n e^r. Muller, "Elementary Functions", 3rd edition, 11.1.
log: x = 2^k m with sqrt(1/2) <= m < sqrt(2), then log m by a polynomial of m - 1 (float32, Cephes' logf) or of
s = (m - 1) / (m + 1) (float64, K. C. Ng's in fdlibm's e_log.c).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.extending import intrinsic, overload

from microtorch.kernels import special as S
from microtorch.kernels.compiled import jit_scalar
from microtorch.kernels.fitted import polynomial

f32, f64, i32, i64 = np.float32, np.float64, np.int32, np.int64


def _cast(name: str, pairs: dict[Any, Any]) -> Any:
    """A function of that name that sees a number's bits as one of another type."""

    def function(typing_context: Any, x: Any) -> Any:
        if x not in pairs:
            return None

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(pairs[x]))

        return pairs[x](x), generate

    function.__name__ = function.__qualname__ = name
    return intrinsic(function)


bits = _cast("bits", {types.float32: types.int32, types.float64: types.int64})
from_bits = _cast("from_bits", {types.int32: types.float32, types.int64: types.float64})


def _by_dtype(name: str, single: Any, double: Any) -> Any:
    """The function for a float32 or a float64, chosen as the loop that calls it is compiled for one."""

    def function(x):  # (numba wants the same signature in all three, annotations included)
        raise AssertionError("for compiled loops only")

    function.__name__ = function.__qualname__ = name

    @overload(function, jit_options={"forceinline": True})
    def choose(x):
        chosen = {types.float32: single, types.float64: double, types.int32: single, types.int64: double}.get(x)
        return None if chosen is None else lambda x: chosen(x)

    return function


# exp -----------------------------------------------------------------------------------------------------------------
# Adding 1.5 * 2^23 (2^52) rounds to a whole number, which then stands in the low bits.

_ROUND32, _ROUND64 = f32(1.5 * 2**23), f64(1.5 * 2**52)
_ROUND_BITS32, _ROUND_BITS64 = i32(_ROUND32.view(i32)), i64(_ROUND64.view(i64))
_LOG2E32, _LOG2E64 = f32(1 / math.log(2)), f64(1 / math.log(2))
_LN2_HIGH32, _LN2_LOW32 = f32(0.693359375), f32(-2.12194440e-4)
_LN2_HIGH64, _LN2_LOW64 = f64(6.93147180369123816490e-1), f64(1.90821492927058770002e-10)
_MOST32, _LEAST32, _MOST64, _LEAST64 = f32(89.0), f32(-104.0), f64(710.0), f64(-746.0)
_BIAS32, _BIAS64, _PLACE32, _PLACE64, _BIT32, _BIT64 = i32(127), i64(1023), i32(23), i64(52), i32(1), i64(1)
_0F, _1F, _2F, _HALF_F = f32(0), f32(1), f32(2), f32(0.5)
_0D, _1D, _2D, _HALF_D = f64(0), f64(1), f64(2), f64(0.5)

# (e^r - 1 - r) / r^2 for |r| <= log(2) / 2: Cephes' expf; in float64 the Taylor series
_E0, _E1, _E2, _E3, _E4, _E5 = map(f32, (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2,
                                         1.6666665459e-1, 5.0000001201e-1))  # fmt: skip
_T13, _T12, _T11, _T10, _T9, _T8, _T7, _T6, _T5, _T4, _T3 = (f64(1 / math.factorial(k)) for k in range(13, 2, -1))


@jit_scalar
def _expm1_reduced32(r):
    """e^r - 1 for |r| <= log(2) / 2."""
    p = ((((_E0 * r + _E1) * r + _E2) * r + _E3) * r + _E4) * r + _E5
    return p * (r * r) + r


@jit_scalar
def _expm1_reduced64(r):
    """e^r - 1 for |r| <= log(2) / 2."""
    p = _T13
    p = (((((p * r + _T12) * r + _T11) * r + _T10) * r + _T9) * r + _T8) * r + _T7
    p = ((((p * r + _T6) * r + _T5) * r + _T4) * r + _T3) * r + _HALF_D
    return p * (r * r) + r


@jit_scalar
def _power_of_two32(k):
    """2^k, -126 <= k <= 127."""
    return from_bits(i32(i32(k + _BIAS32) << _PLACE32))


@jit_scalar
def _power_of_two64(k):
    """2^k, -1022 <= k <= 1023."""
    return from_bits(i64(i64(k + _BIAS64) << _PLACE64))


@jit_scalar
def exp32(x):
    x = _MOST32 if x > _MOST32 else x  # (a NaN stays)
    x = _LEAST32 if x < _LEAST32 else x
    rounded = x * _LOG2E32 + _ROUND32
    n = rounded - _ROUND32
    y = _expm1_reduced32((x - n * _LN2_HIGH32) - n * _LN2_LOW32) + _1F
    k = i32(bits(rounded) - _ROUND_BITS32)
    half = i32(k >> _BIT32)  # in two steps: 2^k itself may be no float
    return y * _power_of_two32(half) * _power_of_two32(i32(k - half))


@jit_scalar
def exp64(x):
    x = _MOST64 if x > _MOST64 else x
    x = _LEAST64 if x < _LEAST64 else x
    rounded = x * _LOG2E64 + _ROUND64
    n = rounded - _ROUND64
    y = _expm1_reduced64((x - n * _LN2_HIGH64) - n * _LN2_LOW64) + _1D
    k = i64(bits(rounded) - _ROUND_BITS64)
    half = i64(k >> _BIT64)
    return y * _power_of_two64(half) * _power_of_two64(i64(k - half))


# e^x - 1 = ((e^r - 1) + (1 - 2^-n)) 2^n ------------------------------------------------------------------------------

_NEAR_MINUS_ONE32, _NEAR_MINUS_ONE64 = f32(-20.0), f64(-40.0)  # from there on it is -1


@jit_scalar
def expm1_32(x):
    z = _MOST32 if x > _MOST32 else x
    z = _NEAR_MINUS_ONE32 if z < _NEAR_MINUS_ONE32 else z
    rounded = z * _LOG2E32 + _ROUND32
    n = rounded - _ROUND32
    y = _expm1_reduced32((z - n * _LN2_HIGH32) - n * _LN2_LOW32)
    k = i32(bits(rounded) - _ROUND_BITS32)
    half = i32(k >> _BIT32)
    up, down = _power_of_two32(half), _power_of_two32(i32(k - half))
    inverse = _power_of_two32(i32(-half)) * _power_of_two32(i32(half - k))
    y = (y + (_1F - inverse)) * up * down
    return x if x == _0F else y  # -0 stays


@jit_scalar
def expm1_64(x):
    z = _MOST64 if x > _MOST64 else x
    z = _NEAR_MINUS_ONE64 if z < _NEAR_MINUS_ONE64 else z
    rounded = z * _LOG2E64 + _ROUND64
    n = rounded - _ROUND64
    y = _expm1_reduced64((z - n * _LN2_HIGH64) - n * _LN2_LOW64)
    k = i64(bits(rounded) - _ROUND_BITS64)
    half = i64(k >> _BIT64)
    up, down = _power_of_two64(half), _power_of_two64(i64(k - half))
    inverse = _power_of_two64(i64(-half)) * _power_of_two64(i64(half - k))
    y = (y + (_1D - inverse)) * up * down
    return x if x == _0D else y


# tanh: x + x^3 P(x^2) near 0 (Cephes' tanhf and tanh), else 1 - 2 / (e^(2 |x|) + 1); sigmoid -------------------------

_NEAR_F, _NEAR_D = f32(0.625), f64(0.625)
_H0, _H1, _H2, _H3, _H4 = map(f32, (-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1,
                                    -3.33332819422e-1))  # fmt: skip
_HP0, _HP1, _HP2 = map(f64, (-9.64399179425052238628e-1, -9.92877231001918586564e1, -1.61468768441708447952e3))
_HQ1, _HQ2, _HQ3 = map(f64, (1.12811678491632931402e2, 2.23548839060100448583e3, 4.84406305325125486048e3))


@jit_scalar
def tanh32(x):
    a = abs(x)
    z = x * x
    near = ((((_H0 * z + _H1) * z + _H2) * z + _H3) * z + _H4) * (z * a) + a
    far = _1F - _2F / (exp32(a + a) + _1F)
    return math.copysign(near if a < _NEAR_F else far, x)


@jit_scalar
def tanh64(x):
    a = abs(x)
    z = x * x
    near = a + a * (z * (((_HP0 * z + _HP1) * z + _HP2) / (((z + _HQ1) * z + _HQ2) * z + _HQ3)))
    far = _1D - _2D / (exp64(a + a) + _1D)
    return math.copysign(near if a < _NEAR_D else far, x)


@jit_scalar
def sigmoid32(x):
    return _1F / (_1F + exp32(-x))


@jit_scalar
def sigmoid64(x):
    return _1D / (_1D + exp64(-x))


# log -----------------------------------------------------------------------------------------------------------------

_SQRT_HALF32, _SQRT_HALF64 = i32(f32(0.70710678).view(i32)), i64(f64(math.sqrt(0.5)).view(i64))
_TINY32, _TINY64 = f32(2.0**-126), f64(2.0**-1022)
_LIFT32, _LIFT64, _DROP32, _DROP64 = f32(2.0**25), f64(2.0**54), f32(25), f64(54)
_INF32, _INF64, _NAN32, _NAN64 = f32(np.inf), f64(np.inf), f32(np.nan), f64(np.nan)
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7, _L8 = map(f32, (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
    2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1))  # fmt: skip
_N1, _N2, _N3, _N4, _N5, _N6, _N7 = map(f64, (
    6.666666666666735130e-1, 3.999999999940941908e-1, 2.857142874366239149e-1, 2.222219843214978396e-1,
    1.818357216161805012e-1, 1.531383769920937332e-1, 1.479819860511658591e-1))  # fmt: skip


@jit_scalar
def log32(x):
    small = x < _TINY32
    z = x * _LIFT32 if small else x
    b = bits(z)
    k = i32(i32(b - _SQRT_HALF32) >> _PLACE32)
    m = from_bits(i32(b - i32(k << _PLACE32))) - _1F
    e = f32(k) - (_DROP32 if small else _0F)
    y = ((((((((_L0 * m + _L1) * m + _L2) * m + _L3) * m + _L4) * m + _L5) * m + _L6) * m + _L7) * m + _L8) * m
    square = m * m
    y = (y * square + e * _LN2_LOW32) - _HALF_F * square
    y = (m + y) + e * _LN2_HIGH32
    y = x if x == _INF32 else y
    y = -_INF32 if x == _0F else y
    return y if x >= _0F else _NAN32


@jit_scalar
def log64(x):
    small = x < _TINY64
    z = x * _LIFT64 if small else x
    b = bits(z)
    k = i64(i64(b - _SQRT_HALF64) >> _PLACE64)
    m = from_bits(i64(b - i64(k << _PLACE64))) - _1D
    e = f64(k) - (_DROP64 if small else _0D)
    s = m / (_2D + m)
    w = s * s
    r = ((((((_N7 * w + _N6) * w + _N5) * w + _N4) * w + _N3) * w + _N2) * w + _N1) * w
    half = _HALF_D * m * m
    y = e * _LN2_HIGH64 - ((half - (s * (half + r) + e * _LN2_LOW64)) - m)
    y = x if x == _INF64 else y
    y = -_INF64 if x == _0D else y
    return y if x >= _0D else _NAN64


# log(1 + x) = log u + (x - (u - 1)) / u, u the rounded 1 + x: what the rounding lost is added again ------------------


@jit_scalar
def log1p32(x):
    u = _1F + x
    y = log32(u) + (x - (u - _1F)) / u
    y = -_INF32 if x == -_1F else y
    return x if x == _0F or x == _INF32 else y


@jit_scalar
def log1p64(x):
    u = _1D + x
    y = log64(u) + (x - (u - _1D)) / u
    y = -_INF64 if x == -_1D else y
    return x if x == _0D or x == _INF64 else y


# erf(x) = tanh(x + x c(x^2)), see kernels/special.py; 1 from 4.1 on --------------------------------------------------

_W0, _W1, _W2, _W3, _W4, _W5, _W6, _W7, _W8, _W9 = map(f32, S._TANH_C)
_FAR32 = f32(4.1)


@jit_scalar
def erf32(x):
    a = abs(x)
    a = _FAR32 if a > _FAR32 else a
    w = a * a
    c = ((((((((_W0 * w + _W1) * w + _W2) * w + _W3) * w + _W4) * w + _W5) * w + _W6) * w + _W7) * w + _W8) * w + _W9
    return math.copysign(tanh32(a + a * c), x)


# erfc, and erf of float64: kernels/special.py has the formulas --------------------------------------------------------

_X0, _X1, _X2, _X3, _X4, _X5, _X6, _X7, _X8, _X9, _X10, _X11, _X12 = map(f32, polynomial(S._fit_erfcx, 12))
_4F, _MOST_F, _12_BITS = f32(4), f32(30), i32(-4096)


@jit_scalar
def erfc32(x):
    a = abs(x)
    a = _MOST_F if a > _MOST_F else a
    t = _1F - _4F / (a + _2F)
    c = (((((_X0 * t + _X1) * t + _X2) * t + _X3) * t + _X4) * t + _X5) * t + _X6
    c = (((((c * t + _X7) * t + _X8) * t + _X9) * t + _X10) * t + _X11) * t + _X12
    high = from_bits(i32(bits(a) & _12_BITS))
    c = c / (a + _1F) * (exp32(-high * high) * exp32((high - a) * (a + high)))
    return _2F - c if x < _0F else c


_AN0, _AN1, _AN2, _AN3, _AN4 = S._ERF_P_MINUS_Q
_BN0, _BN1, _BN2, _BN3, _BN4 = S._ERF_Q
_AM0, _AM1, _AM2, _AM3, _AM4, _AM5, _AM6, _AM7, _AM8 = S._MIDDLE_P
_BM0, _BM1, _BM2, _BM3, _BM4, _BM5, _BM6, _BM7, _BM8 = S._MIDDLE_Q
_AF0, _AF1, _AF2, _AF3, _AF4, _AF5 = S._FAR_P
_BF0, _BF1, _BF2, _BF3, _BF4, _BF5 = S._FAR_Q
_NEAR, _FAR, _MOST_D, _SIXTH = f64(S._NEAR), f64(4), f64(30), f64(1 / 6)
_INV_SQRT_PI, _27_BITS = f64(1 / math.sqrt(math.pi)), i64(-(2**27))


@jit_scalar
def _erf_or_rest(x):
    """erf(|x|) where that is small, else 1 - erf(|x|): Cody's three quotients in one."""
    a = abs(x)
    a = _MOST_D if a > _MOST_D else a
    near, far = a <= _NEAR, a > _FAR
    inverse = _1D / (_1D if near else a)
    s, y = a * a, inverse * inverse
    p = (((_AN0 * s + _AN1) * s + _AN2) * s + _AN3) * s + _AN4
    q = (((_BN0 * s + _BN1) * s + _BN2) * s + _BN3) * s + _BN4
    p_middle = (
        (((((((_AM0 * a + _AM1) * a + _AM2) * a + _AM3) * a + _AM4) * a + _AM5) * a + _AM6) * a + _AM7) * a
    ) + _AM8
    q_middle = (
        (((((((_BM0 * a + _BM1) * a + _BM2) * a + _BM3) * a + _BM4) * a + _BM5) * a + _BM6) * a + _BM7) * a
    ) + _BM8
    p_far = ((((_AF0 * y + _AF1) * y + _AF2) * y + _AF3) * y + _AF4) * y + _AF5
    q_far = ((((_BF0 * y + _BF1) * y + _BF2) * y + _BF3) * y + _BF4) * y + _BF5
    r = (p if near else (p_far if far else p_middle)) / (q if near else (q_far if far else q_middle))
    high = from_bits(i64(bits(a) & _27_BITS))
    d = (a - high) * (a + high)
    e = exp64(-high * high) * (_1D - d * (_1D - d * (_HALF_D - d * _SIXTH)))
    beyond = e * (inverse * (_INV_SQRT_PI - y * r) if far else r)
    return a + a * r if near else beyond


@jit_scalar
def erf64(x):
    v = _erf_or_rest(x)
    return math.copysign(v if abs(x) <= _NEAR else _1D - v, x)


@jit_scalar
def erfc64(x):
    v = _erf_or_rest(x)
    near = abs(x) <= _NEAR
    return (_1D - math.copysign(v, x)) if near else (_2D - v if x < _0D else v)


# floats as whole numbers in the same order (of NaN, those with a positive sign are the largest) -----------------------

_SIGN32, _SIGN64, _REST32, _REST64 = i32(31), i64(63), i32(2**31 - 1), i64(2**63 - 1)


@jit_scalar
def _turned32(b):
    return i32(b ^ i32(i32(b >> _SIGN32) & _REST32))


@jit_scalar
def _turned64(b):
    return i64(b ^ i64(i64(b >> _SIGN64) & _REST64))


@jit_scalar
def order32(x):
    return _turned32(bits(x))


@jit_scalar
def order64(x):
    return _turned64(bits(x))


@jit_scalar
def from_order32(k):
    return from_bits(_turned32(k))


@jit_scalar
def from_order64(k):
    return from_bits(_turned64(k))


exp = _by_dtype("exp", exp32, exp64)
expm1 = _by_dtype("expm1", expm1_32, expm1_64)
log = _by_dtype("log", log32, log64)
log1p = _by_dtype("log1p", log1p32, log1p64)
tanh = _by_dtype("tanh", tanh32, tanh64)
sigmoid = _by_dtype("sigmoid", sigmoid32, sigmoid64)
erf = _by_dtype("erf", erf32, erf64)
erfc = _by_dtype("erfc", erfc32, erfc64)
order = _by_dtype("order", order32, order64)
from_order = _by_dtype("from_order", from_order32, from_order64)
