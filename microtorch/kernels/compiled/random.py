"""The words of the Mersenne Twister, and the normal numbers, integers and shuffles that are made of them, bit for bit.

See `kernels.random_engine` (words), `kernels.random_boxmuller` (normals) and `kernels.random_permutation` (shuffle)
for what they compute and where it comes from.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba.extending import intrinsic

from microtorch.kernels import random_boxmuller as B
from microtorch.kernels.compiled import jit_exact, jit_scalar
from microtorch.kernels.compiled.math import bits, from_bits

f32, f64, i32, u32, i64, u64 = np.float32, np.float64, np.int32, np.uint32, np.int64, np.uint64


@intrinsic
def fma(typing_context: Any, x: Any, y: Any, z: Any) -> Any:
    """x y + z, rounded once."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return x(x, x, x), generate


# words ---------------------------------------------------------------------------------------------------------------

_UPPER, _LOWER, _MATRIX, _ONE = u32(0x80000000), u32(0x7FFFFFFF), u32(0x9908B0DF), u32(1)
_ZERO = u32(0)


@jit_scalar
def _next_state(key):
    for k in range(227):
        y = u32((key[k] & _UPPER) | (key[k + 1] & _LOWER))
        key[k] = key[k + 397] ^ u32(y >> _ONE) ^ (_MATRIX if y & _ONE else _ZERO)
    for k in range(227, 623):
        y = u32((key[k] & _UPPER) | (key[k + 1] & _LOWER))
        key[k] = key[k - 227] ^ u32(y >> _ONE) ^ (_MATRIX if y & _ONE else _ZERO)
    y = u32((key[623] & _UPPER) | (key[0] & _LOWER))
    key[623] = key[396] ^ u32(y >> _ONE) ^ (_MATRIX if y & _ONE else _ZERO)


_11, _7, _15, _18, _B, _C = u32(11), u32(7), u32(15), u32(18), u32(0x9D2C5680), u32(0xEFC60000)


@jit_exact
def words(state, out):
    """The next words, from NumPy's state of the generator: 624 words and the place of the next."""
    key, place, done = state[:624], i64(state[624]), 0
    while done < out.size:
        if place == 624:
            _next_state(key)
            place = 0
        count = min(624 - place, out.size - done)
        source, to = key[place : place + count], out[done : done + count]
        for i in range(to.size):
            y = source[i]
            y = u32(y ^ u32(y >> _11))
            y = u32(y ^ (u32(y << _7) & _B))
            y = u32(y ^ (u32(y << _15) & _C))
            to[i] = u32(y ^ u32(y >> _18))
        place += count
        done += count
    state[624] = place


# integers ------------------------------------------------------------------------------------------------------------


@jit_exact
def remainders(words, count, first, out):
    """words % count + first; quotients of 32-bit numbers are exact enough in float64 to be cut off."""
    divisor = f64(count)
    for i in range(words.size):
        word = i64(words[i])
        out[i] = word - i64(f64(word) / divisor) * count + first


@jit_exact
def shuffle(words, out):
    n = out.size
    for i in range(n):
        out[i] = i
    for i in range(n - 1):
        place = i + i64(words[i] % u32(n - i))
        out[i], out[place] = out[place], out[i]


# normal numbers ------------------------------------------------------------------------------------------------------

_0F, _1F, _HALF_F, _MINUS_2, _MINUS_HALF = f32(0), f32(1), f32(0.5), f32(-2), f32(-0.5)
_UNIT, _TURN, _HALF_PI = f32(-(2.0**-24)), f32(B._TWO_PI_FROM_24_BITS), f64(B._HALF_PI)
_P0, _P1, _P2, _P3, _P4, _P5, _P6, _P7, _P8 = (f32(c) for c in B._LOG_P)
_LN2_HIGH, _LN2_LOW, _SQRT_HALF = f32(B._LOG2_HIGH), f32(B._LOG2_LOW), i32(B._SQRT_HALF_BITS)
_S0, _S1, _S2, _C0, _C1, _C2 = (f32(c) for c in (B._S0, B._S1, B._S2, B._C0, B._C1, B._C2))
_EIGHTH, _QUARTER_AND_EIGHTH, _SIGN = i32(B._EIGHTH), i32(B._QUARTER_AND_EIGHTH), i32(B._SIGN_BIT)
_8, _22, _23, _BIT_22 = i32(8), i32(22), i32(23), i32(1 << 22)


@jit_exact
def normals(source, out):
    """Box and Muller's pairs from blocks of 16 integers below 2^24: their cosines in 8 places, their sines in 8."""
    n = source.size // 2
    first, second = np.empty(n, i32), np.empty(n, i32)
    sines, cosines = np.empty(n, f32), np.empty(n, f32)
    for block in range(n // 8):
        part, a, b = source[16 * block : 16 * block + 16], first[8 * block :], second[8 * block :]
        for k in range(8):
            a[k], b[k] = part[k], part[k + 8]
    for i in range(n):
        # the radius: the root of -2 log(1 - u)
        x = f32(first[i]) * _UNIT + _1F
        b = bits(x)
        k = i32(i32(b - _SQRT_HALF) >> _23)
        e = f32(k)
        m = from_bits(i32(b - i32(k << _23))) - _1F
        y = fma(fma(fma(fma(_P0, m, _P1), m, _P2), m, _P3), m, _P4)
        y = fma(fma(fma(fma(y, m, _P5), m, _P6), m, _P7), m, _P8)
        z = m * m
        y = fma(y * m, z, e * _LN2_LOW) - z * _HALF_F
        radius = math.sqrt((m + y + e * _LN2_HIGH) * _MINUS_2)
        # sine and cosine of the angle
        angle = second[i]
        sin_turns, cos_turns = i32(angle + _EIGHTH), i32(angle + _QUARTER_AND_EIGHTH)
        r = f32(f64(f32(angle) * _TURN) - f64(i32(sin_turns >> _22)) * _HALF_PI)
        z = r * r
        s = fma(fma(z, _S0, _S1), z, _S2) * z
        c = fma(fma(z, _C0, _C1), z, _C2) * z
        s = fma(s, r, r)
        c = fma(c, z, z * _MINUS_HALF) + _1F
        odd = (sin_turns & _BIT_22) != 0
        sine, cosine = (c if odd else s), (s if odd else c)
        sine = from_bits(i32(bits(sine) ^ (i32(sin_turns << _8) & _SIGN)))
        cosine = from_bits(i32(bits(cosine) ^ (i32(cos_turns << _8) & _SIGN)))
        sines[i] = sine * radius + _0F  # -0 becomes +0
        cosines[i] = cosine * radius + _0F
    for block in range(n // 8):
        part, a, b = out[16 * block : 16 * block + 16], cosines[8 * block :], sines[8 * block :]
        for k in range(8):
            part[k], part[k + 8] = a[k], b[k]
