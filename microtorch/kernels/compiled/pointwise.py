"""Element by element: signs, division with a rest, the error function; numbers of 16 bits.

Flat arrays in, the last argument written.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.extending import intrinsic

from microtorch.kernels.compiled import jit, jit_exact
from microtorch.kernels.compiled.math import bits, erf as erf_of, erfc as erfc_of, from_bits

f32, f64, i32, i64, u64 = np.float32, np.float64, np.int32, np.int64, np.uint64


def _rounding(name: str) -> Any:
    def function(typing_context: Any, x: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            made = builder.module.declare_intrinsic(f"llvm.{name}", [arguments[0].type])
            return builder.call(made, arguments)

        return x(x), generate

    function.__name__ = function.__qualname__ = name
    return intrinsic(function)


trunc, floor = _rounding("trunc"), _rounding("floor")


@intrinsic
def _c_fmod(typing_context: Any, x: Any, y: Any) -> Any:
    """The C library's."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.frem(*arguments)

    return x(x, x), generate


@jit
def sign(x, out):
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for i in range(x.size):
        out[i] = one if x[i] > zero else (-one if x[i] < zero else zero)


@jit
def frac(x, out):
    for i in range(x.size):
        out[i] = x[i] - trunc(x[i])


@jit_exact
def nextafter(x, y, x_bits, y_bits, least, out):
    """The bits of the next float: of one sign, floats are ordered as their bits are. least: those of -0."""
    zero = x.dtype.type(0)
    for i in range(x.size):
        a, b = x[i], y[i]
        beside = x_bits[i] + (1 if (a < b) == (a > zero) else -1)
        beside = (least + 1 if y_bits[i] < 0 else 1) if a == zero else beside
        out[i] = x_bits[i] if a != a else (y_bits[i] if (a == b) | (b != b) else beside)


@jit
def outer(x, y, out):
    for i in range(x.size):
        to, factor = out[i], x[i]
        for j in range(to.size):
            to[j] = factor * y[j]


@jit
def reverse(x, out):
    """The rows, each from its end."""
    n = x.shape[1]
    for i in range(x.shape[0]):
        row, to = x[i], out[i]
        for j in range(n):
            to[j] = row[u64(n - 1 - j)]


@jit
def prelu(x, weight, out):
    """x (outer, channels, inner), a weight for each channel."""
    zero = x.dtype.type(0)
    for o in range(x.shape[0]):
        if x.shape[2] == 1:
            row, to = x[o].reshape(-1), out[o].reshape(-1)
            for j in range(to.size):
                to[j] = row[j] if row[j] > zero else row[j] * weight[j]
        else:
            for c in range(x.shape[1]):
                row, to, w = x[o, c], out[o, c], weight[c]
                for j in range(to.size):
                    to[j] = row[j] if row[j] > zero else row[j] * w


@jit_exact
def hypot(x, y, out):
    """Of float32, as `kernels.pointwise.hypot`."""
    infinite = f32(np.inf)
    for i in range(x.size):
        a, b = f64(x[i]), f64(y[i])
        root = f32(math.sqrt(a * a + b * b))
        out[i] = infinite if (abs(x[i]) == infinite) | (abs(y[i]) == infinite) else root


# division with a rest: of float32 in double precision, see `kernels.pointwise._rest`; y may be a single number --------

_BLOCK, _MOST, _INFINITE, _SIGN = 512, f64(2.0**28), f64(np.inf), i32(-(2**31))


@jit_exact
def _rest(x, y, out):
    """C's fmod of few numbers."""
    wrong = 0
    for i in range(x.size):
        a, b = f64(x[i]), f64(y[i])
        quotient = trunc(a / b)
        wrong |= 0 if (abs(quotient) < _MOST) & (abs(b) < _INFINITE) else 1
        out[i] = from_bits(i32(bits(f32(a - quotient * b)) | (bits(x[i]) & _SIGN)))
    if wrong:
        for i in range(x.size):
            out[i] = _c_fmod(x[i], y[i])


@jit_exact
def fmod(x, y, out):
    same = np.full(_BLOCK, y[0])
    for k in range(0, x.size, _BLOCK):
        a, to = x[k : k + _BLOCK], out[k : k + _BLOCK]
        _rest(a, y[k : k + _BLOCK] if y.size > 1 else same[: a.size], to)


@jit_exact
def remainder(x, y, out):
    zero, same = f32(0), np.full(_BLOCK, y[0])
    for k in range(0, x.size, _BLOCK):
        a, to = x[k : k + _BLOCK], out[k : k + _BLOCK]
        b = y[k : k + _BLOCK] if y.size > 1 else same[: a.size]
        _rest(a, b, to)
        for i in range(to.size):
            r = to[i]
            to[i] = r + b[i] if (r != zero) & ((r < zero) != (b[i] < zero)) else r


@jit_exact
def floor_divide(x, y, out):
    zero, one, half, same = f32(0), f32(1), f32(0.5), np.full(_BLOCK, y[0])
    for k in range(0, x.size, _BLOCK):
        a, to = x[k : k + _BLOCK], out[k : k + _BLOCK]
        b = y[k : k + _BLOCK] if y.size > 1 else same[: a.size]
        _rest(a, b, to)
        for i in range(to.size):
            r = to[i]
            quotient, exact = (a[i] - r) / b[i], a[i] / b[i]
            quotient -= one if (r != zero) & ((r < zero) != (b[i] < zero)) else zero
            whole = floor(quotient)
            whole += one if quotient - whole > half else zero
            none = from_bits(i32(bits(exact) & _SIGN))
            whole = none if quotient == zero else whole
            to[i] = exact if b[i] == zero else whole


# the error function ---------------------------------------------------------------------------------------------------


@jit
def erf(x, out):
    for i in range(x.size):
        out[i] = erf_of(x[i])


@jit
def erfc(x, out):
    for i in range(x.size):
        out[i] = erfc_of(x[i])


# 16 bits: x or out as unsigned numbers, the other as float32 ----------------------------------------------------------

_REST, _EXPONENT, _LEAST_NORMAL = i32(2**31 - 1), i32(0x7F800000), i32(113 << 23)
_15, _13, _16, _1I, _NAN, _MANTISSA, _NARROW = (
    i32(15 << 23),
    i32(13),
    i32(16),
    i32(1),
    i32(0x7E00),
    i32(0x3FF),
    i32(0x7C00),
)
_LOW_12, _SIGN_16, _UP, _DOWN, _SHIFT = i32(0xFFF), i32(0x8000), f32(2.0**112), f32(2.0**-110), i32(112 << 23)
_LEAST_HALF, _REST_16, _ROUND, _NAN_16 = f32(2.0**-14), i32(0x7FFF), i32(0x7FFF), i32(0x7FC0)


@jit_exact
def to_half(x, out):
    """To the nearest, ties to even: the sum with a power of two whose last place is the half's rounds."""
    for i in range(x.size):
        b = bits(x[i])
        a = i32(b & _REST)
        exponent = i32(a & _EXPONENT)
        exponent = _LEAST_NORMAL if exponent < _LEAST_NORMAL else exponent
        r = bits(from_bits(i32(exponent + _15)) + from_bits(a) * _UP * _DOWN)
        h = i32((i32(r >> _13) & _NARROW) + (r & _LOW_12))
        h = i32(_NAN | (i32(a >> _13) & _MANTISSA)) if a > _EXPONENT else h
        out[i] = i32(h | (i32(b >> _16) & _SIGN_16))


@jit_exact
def from_half(x, out):
    for i in range(x.size):
        h = i32(x[i])
        a = i32(i32(h & _REST_16) << _13)
        small = from_bits(i32(a + _LEAST_NORMAL)) - _LEAST_HALF
        v = i32(a + _SHIFT)
        v = bits(small) if (h & _NARROW) == 0 else (i32(a | _EXPONENT) if (h & _NARROW) == _NARROW else v)
        out[i] = from_bits(i32(v | i32(i32(h & _SIGN_16) << _16)))


@jit_exact
def to_bfloat(x, out):
    for i in range(x.size):
        b = bits(x[i])
        rounded = i32(i32(b + (i32(b >> _16) & _1I) + _ROUND) >> _16)
        out[i] = _NAN_16 if (b & _REST) > _EXPONENT else rounded


@jit_exact
def from_bfloat(x, out):
    for i in range(x.size):
        out[i] = from_bits(i32(i32(x[i]) << _16))
