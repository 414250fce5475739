"""PyTorch's normal numbers for 16 elements and more: the Box-Muller transform on blocks of 16 uniforms.

Of each 16 uniforms x the pairs (x[j], x[j+8]) become
    radius = sqrt(-2 log(1 - x[j])),  angle = 2 pi x[j+8],  (radius cos(angle), radius sin(angle)) * std + mean.

For float32 PyTorch evaluates log, sin and cos by the Cephes single-precision polynomials (S. L. Moshier,
https://www.netlib.org/cephes/; vectorised by J. Pommier, avx_mathfun.h), where the compiler fused some multiply-adds.
A fused one is made here in float64: the product of two float32 is exact there, and one rounding back follows the sum.
Everything else rounds to float32 after each operation. Only IEEE basic operations occur, hence the same bits anywhere.

Reference: Box and Muller, "A note on the generation of random normal deviates" (1958).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microtorch.kernels import twins
from microtorch.kernels.random_libm import fma64, libm

Array = NDArray[Any]


def _f32(value: float | np.float32) -> Array:
    """A float32 constant; 0-d arrays go through a ufunc at half the cost of scalars."""
    return np.array(value, np.float32)


def _f64(value: float) -> Array:
    """A float32 constant as an operand of float64 arithmetic."""
    return np.array(np.float32(value), np.float64)


def _i32(value: int) -> Array:
    return np.array(value, np.int32)


_ZERO, _HALF, _ONE, _MINUS_TWO = _f32(0.0), _f32(0.5), _f32(1.0), _f32(-2.0)
_MINUS_HALF, _MINUS_FROM_24_BITS = _f64(-0.5), _f32(-(2.0**-24))

# log(1 + m) = m - m^2/2 + m^3 P(m); log(2) = high + low
_LOG_P = [
    _f64(7.0376836292e-2),
    _f64(-1.1514610310e-1),
    _f64(1.1676998740e-1),
    _f64(-1.2420140846e-1),
    _f64(1.4249322787e-1),
    _f64(-1.6668057665e-1),
    _f64(2.0000714765e-1),
    _f64(-2.4999993993e-1),
    _f64(3.3333331174e-1),
]
_LOG2_HIGH, _LOG2_LOW = _f32(0.693359375), _f32(-2.12194440e-4)
_SQRT_HALF_BITS, _MANTISSA_BITS = _i32(0x3F3504F3), _i32(23)

# sin r = r + r^3 S(r^2), cos r = 1 - r^2/2 + r^4 C(r^2)
_S0, _S1, _S2 = _f64(-1.9515295891e-4), _f64(8.3321608736e-3), _f64(-1.6666654611e-1)
_C0, _C1, _C2 = _f64(2.443315711809948e-5), _f64(-1.388731625493765e-3), _f64(4.166664568298827e-2)
_TWO_PI_FROM_24_BITS = _f32(np.float32(2.0 * math.pi) * np.float32(2.0**-24))
# pi/2 in the three parts of Cephes, whose sum and its multiples by 1 to 4 are exact in float64
_HALF_PI = np.array(2.0 * (0.78515625 + 2.4187564849853515625e-4 + float(np.float32(3.77489497744594108e-8))))
# A 24-bit angle: adding an eighth of a turn puts the nearest quadrant into bits 22 and up. Bit 23 is then the sign of
# the sine; a quarter turn further it is that of the cosine. Bit 22 tells whether sine and cosine change places.
_EIGHTH, _QUARTER_AND_EIGHTH = _i32(1 << 21), _i32((1 << 22) + (1 << 21))
_TO_QUADRANT, _BIT_22_TO_SIGN, _BIT_23_TO_SIGN = _i32(22), _i32(9), _i32(8)
_SIGN_BIT, _SIGN_TO_MASK = _i32(-(1 << 31)), _i32(31)

# Eight elements as one item: half a block of 16 is moved at once.
_EIGHT = np.dtype("V32")


class Scratch:
    """The working arrays for n pairs, used again for each block of elements, and their views by other names."""

    def __init__(self, n: int) -> None:
        self.i = np.empty(n, np.int32)
        self.i_eights = self.i.view(_EIGHT)
        self.x, self.m, self.e, self.y, self.z = (np.empty(n, np.float32) for _ in range(5))
        self.x_bits, self.m_bits = self.x.view(np.int32), self.m.view(np.int32)
        self.normals = np.empty((2, n), np.float32)
        self.sin, self.cos = self.normals
        self.bits = self.normals.view(np.int32)
        self.sin_bits, self.cos_bits = self.bits
        self.sin_eights, self.cos_eights = self.normals.view(_EIGHT)
        self.turns = np.empty((2, n), np.int32)
        self.sin_turns, self.cos_turns = self.turns
        self.t, self.last, self.z64 = np.empty((2, n)), np.empty((2, n)), np.empty((2, n))
        (self.t0, self.t1), (self.last0, self.last1), (self.z64_0, self.z64_1) = self.t, self.last, self.z64


_idle: dict[int, Scratch] = {}

_KEPT = 2048  # pairs of the largest scratch that is kept for the next call; to make one takes 6 us


def box_muller32(bits: NDArray[np.int32]) -> NDArray[np.float32]:
    """Standard normals of integers below 2**24, by blocks of 16.

    >>> box_muller32(np.arange(16, dtype=np.int32) << 20)[[1, 9]].tolist()
    [-0.3319249153137207, -0.13748781383037567]
    """
    out = np.empty(bits.size, np.float32)
    if (fast := twins.at_hand("random", bits.size)) is not None:
        fast.normals(bits, out)
        return out
    pairs = bits.size // 2
    work = _idle.pop(pairs, None) or Scratch(pairs)  # one at a time has it: pop is atomic
    _transform(bits.reshape(-1, 16), out.reshape(-1, 16), work)
    if pairs <= _KEPT and len(_idle) < 4:
        _idle[pairs] = work
    return out


def _transform(bits: Array, out: Array, work: Scratch) -> None:
    halves, sin, cos, normals = bits.view(_EIGHT), work.sin, work.cos, work.normals
    work.i_eights[...] = halves[:, 0]
    radius = _log_one_minus(work)
    radius *= _MINUS_TWO
    np.sqrt(radius, radius)
    work.i_eights[...] = halves[:, 1]
    _sin_and_cos(work)
    sin *= radius
    cos *= radius
    normals += _ZERO  # -0 becomes +0, as in std * x + 0
    places = out.view(_EIGHT)
    places[:, 0] = work.cos_eights
    places[:, 1] = work.sin_eights


# Below, each line is one NumPy call into an array that is there: small draws pay for calls, large ones for memory.


def _log_one_minus(work: Scratch) -> NDArray[np.float32]:
    """log(1 - i / 2**24) by Cephes' logf, where i = `work.i` is overwritten; the result is `work.m`."""
    i, x, m, e, y, z, m64, t = work.i, work.x, work.m, work.e, work.y, work.z, work.z64_0, work.t0
    x[...] = i
    x *= _MINUS_FROM_24_BITS
    x += _ONE
    # x = (1 + m) * 2**e with sqrt(1/2) <= 1 + m < sqrt(2), taken from the bits of x
    np.subtract(work.x_bits, _SQRT_HALF_BITS, i)
    i >>= _MANTISSA_BITS
    e[...] = i
    i <<= _MANTISSA_BITS
    np.subtract(work.x_bits, i, work.m_bits)
    m -= _ONE
    # y = P(m), each step fused
    m64[...] = m
    np.multiply(m64, _LOG_P[0], t)
    t += _LOG_P[1]
    for coefficient in _LOG_P[2:]:
        y[...] = t
        t[...] = y
        t *= m64
        t += coefficient
    y[...] = t
    # y = fused(m^3 P(m) + low e), in which m^2 (m P(m)) is the product
    y *= m
    np.multiply(m, m, z)
    m64[...] = z
    t[...] = y
    t *= m64
    np.multiply(e, _LOG2_LOW, x)
    m64[...] = x
    t += m64
    y[...] = t
    # m + (y - m^2 / 2) + high e
    z *= _HALF
    y -= z
    m += y
    e *= _LOG2_HIGH
    m += e
    return m


def _sin_and_cos(work: Scratch) -> None:
    """sin and cos of 2 pi i / 2**24 by Cephes' sincosf, where i = `work.i` is overwritten."""
    i, x, r, z, t, last, z64 = work.i, work.x, work.e, work.z, work.t, work.last, work.z64
    sin, cos, result, bits = work.sin, work.cos, work.normals, work.bits
    # r = angle - quadrant * pi / 2
    np.add(i, _EIGHTH, work.sin_turns)
    np.add(i, _QUARTER_AND_EIGHTH, work.cos_turns)
    x[...] = i
    x *= _TWO_PI_FROM_24_BITS
    np.right_shift(work.sin_turns, _TO_QUADRANT, i)
    angle, back = work.last0, work.last1
    angle[...] = x
    back[...] = i
    back *= _HALF_PI
    angle -= back
    r[...] = angle
    # S(z) and C(z) of z = r^2, each step fused but the product with z
    s, c, z64_0, z64_1 = work.t0, work.t1, work.z64_0, work.z64_1
    np.multiply(r, r, z)
    z64[...] = z
    np.multiply(z64_0, _S0, s)
    np.multiply(z64_1, _C0, c)
    s += _S1
    c += _C1
    result[...] = t
    t[...] = result
    t *= z64
    s += _S2
    c += _C2
    result[...] = t
    sin *= z
    cos *= z
    # fused(r S + r), fused(z C - z / 2) + 1
    t[...] = result
    last[0] = r
    np.multiply(z64_1, _MINUS_HALF, work.last1)
    z64[0] = r
    t *= z64
    t += last
    result[...] = t
    cos += _ONE
    # exchange the two in odd quadrants, then set the signs: all on the bits
    sin_bits, cos_bits, difference, turns = work.sin_bits, work.cos_bits, work.x_bits, work.turns
    np.left_shift(work.sin_turns, _BIT_22_TO_SIGN, i)
    i >>= _SIGN_TO_MASK
    np.bitwise_xor(sin_bits, cos_bits, difference)
    difference &= i
    sin_bits ^= difference
    cos_bits ^= difference
    turns <<= _BIT_23_TO_SIGN
    turns &= _SIGN_BIT
    bits ^= turns


def box_muller64(uniforms: NDArray[np.float64], mean: float, std: float) -> None:
    """Turn the uniforms (B, 16) into normals in place, with the C library's log, cos and sin."""
    radius = np.sqrt(-2.0 * libm("log", (1.0 - uniforms[:, :8]).reshape(-1)))
    angle = (2.0 * math.pi * uniforms[:, 8:]).reshape(-1)
    uniforms[:, :8] = fma64(radius * libm("cos", angle), std, mean).reshape(-1, 8)
    uniforms[:, 8:] = fma64(radius * libm("sin", angle), std, mean).reshape(-1, 8)
