"""Uniform, normal, integer and yes-or-no numbers of PyTorch's CPU generator, from the words of the engine.

Each public method makes an array and has it filled by the private one of that name, which takes a flat contiguous one.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from microtorch.kernels import random_checks as checks, twins
from microtorch.kernels.bfloat16 import empty
from microtorch.kernels.quiet import silence
from microtorch.kernels.random_boxmuller import box_muller32, box_muller64
from microtorch.kernels.random_engine import BLOCK, F32, F64, FEW, LOW24, NO_WORDS, SMALL, Engine
from microtorch.kernels.random_libm import fma64, fma64_as_float32
from microtorch.kernels.random_permutation import shuffled, shuffled_inside_out

Array = NDArray[Any]
Shape = int | tuple[int, ...]
# From here PyTorch takes two words for an integer, and below one: the remainder is then at most 6 % uneven.
_WIDE_RANGE = 1 << 28
_LARGEST_32_BIT_SHUFFLE = 0xFFFF_FFFF // 20
# A range below this could underflow where exact products are counted on.
_TINY = 2.0**-60

# u = k / 2**53; 2u - 1 = (k - 2**52) / 2**52
_HALF, _HALF53 = np.array(0.5, np.float32), np.array(1 << 52, np.int64)


class BasicStream(Engine):
    """What most programs draw: `rand`, `randn`, `randint`, `randperm`, `bernoulli` and dropout's masks."""

    __slots__ = ("_normals",)

    def _begin(self, ahead: NDArray[np.uint32] = NO_WORDS, place: int = 0) -> None:
        super()._begin(ahead, place)
        # by a place's last four bits: a place among the words ahead, the standard normals of all words from there on
        self._normals: dict[int, tuple[int, Array]] = {}

    # ---- uniform and normal ----

    def uniform(self, shape: Shape, low: float = 0.0, high: float = 1.0, dtype: DTypeLike = F32) -> Array:
        """Uniform numbers in [low, high): `Tensor.uniform_`, and `rand` with the default bounds.

        >>> BasicStream(1).uniform((2,), -1, 1).tolist()
        [0.5152631998062134, -0.44137823581695557]
        """
        out = empty(shape, dtype)
        self._uniform(out.reshape(-1), low, high)
        return out

    def normal(self, shape: Shape, mean: float = 0.0, std: float = 1.0, dtype: DTypeLike = F32) -> Array:
        """Normal numbers: `Tensor.normal_`, and `randn` by default; 16 and more by the Box-Muller transform in blocks.

        Fewer than 16 are made one pair at a time in float64; the second of a pair waits in the generator for the next.

        >>> BasicStream(0).normal((2,)).tolist()
        [1.5409960746765137, -0.293428897857666]
        """
        out = empty(shape, dtype)
        self._normal(out.reshape(-1), mean, std)
        return out

    def _uniform(self, out: Array, low: float = 0.0, high: float = 1.0) -> None:
        dtype = out.dtype
        if dtype is F32 and low == 0.0 and high == 1.0 and out.size <= BLOCK:  # what is drawn most
            self.uniform24(out)
            return
        if dtype.kind == "c":
            out = parts(out)
            dtype = out.dtype
        if low != 0.0 or high != 1.0:
            checks.check_uniform(low, high, dtype)
        if dtype == F32:
            self._uniform32(out, low, high)
        elif dtype == F64:
            self._uniform64(out, low, high)
        else:
            checks.require_floating("check_uniform_bounds", dtype)
            wide = np.empty(out.size, np.float32)
            self._uniform32(wide, low, high)
            out[...] = wide
            replace(out, dtype.type(high), dtype.type(low))

    def _uniform32(self, out: Array, low: float, high: float) -> None:
        """fused(u * (high - low) + low) in float32, u a multiple of 2**-24."""
        first, past = np.float32(low), np.float32(high)
        width = past - first
        for start in range(0, out.size, BLOCK):
            part = out[start : start + BLOCK] if out.size > BLOCK else out
            if low == 0.0 and width > _TINY:
                self.uniform24(part)
                if high != 1.0:
                    part *= np.array(width)
            elif low == -high and width > _TINY:
                self.uniform24(part)
                part -= _HALF  # the sum is (u - 1/2) * width, whose factors are exact: one rounding, without float64
                part *= np.array(width)
            else:
                exact = self.bits24(part.size).astype(
                    np.float64
                )  # the product of two float32 is exact here, the sum rounds
                exact *= np.float64(width) * 2.0**-24
                exact += np.float64(first)
                part[...] = exact
                replace(part, past, first)

    def _uniform64(self, out: Array, low: float, high: float) -> None:
        """fused(u * (high - low) + low) in float64, u a multiple of 2**-53."""
        width = high - low
        for start in range(0, out.size, BLOCK):
            part = out[start : start + BLOCK]
            bits = self.bits53(part.size)
            if low == 0.0 and width > _TINY:
                part[...] = bits
                part *= np.array(width * 2.0**-53)
            elif low == -high and width > _TINY:
                bits -= _HALF53
                part[...] = bits
                part *= np.array(high * 2.0**-52)
            else:
                part[...] = bits
                part *= 2.0**-53
                part[...] = fma64(part, width, low)
                replace(part, np.float64(high), np.float64(low))

    def _normal(self, out: Array, mean: float = 0.0, std: float = 1.0, contiguous: bool = True) -> None:
        if not std >= 0.0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
        n = out.size
        if n == 0:
            return
        if out.dtype is F32 and mean == 0.0 and std == 1.0 and n <= SMALL and contiguous:  # what is drawn most
            whole = n & -16
            if whole:
                out[:whole] = self._standard_blocks(whole)
                if whole < n:
                    self.words32(n - whole)
                    out[-16:] = self._standard_blocks(16)
            else:
                out[...] = self._standard_normals(n)
            return
        if out.dtype.kind == "c":
            out, std = parts(out), std / math.sqrt(2.0)
        checks.require_floating("normal_kernel_cpu", out.dtype)
        with silence():
            if out.size < 16 or not contiguous:
                self._normal_by_pairs(out, mean, std)
            elif out.dtype == F64:
                self._normal64(out, mean, std)
            else:
                self._normal32(out, mean, std)

    def _normal32(self, out: Array, mean: float, std: float) -> None:
        """By blocks of 16, of which the last overlaps the one before if it must. 16-bit floats are made in float32."""
        whole = out.size & -16
        for start in range(0, whole, BLOCK):
            part = out[start : min(start + BLOCK, whole)]
            scaled(self._standard_blocks(part.size), mean, std, part)
        if whole < out.size:
            # PyTorch has drawn for the float32 numbers that fill no block as well, before it draws for the last 16
            if out.dtype == F32:
                self.words32(out.size - whole)
            scaled(self._standard_blocks(16), mean, std, out[-16:])

    def _standard_blocks(self, n: int) -> NDArray[np.float32]:
        """n standard normals, a multiple of 16, not to be written.

        For a small draw all are made that the words ahead give, in blocks that begin where its own does: most of its
        time is that of NumPy's calls, of which Box and Muller's transform takes seventy.
        """
        if n <= SMALL:
            with self._lock:
                ahead, place = self._ahead, self._place
                end = place + n
                if end <= ahead.size:
                    found = self._normals.get(place & 15)
                    if found is None:
                        words = ahead[place : ahead.size - (ahead.size - place & 15)]
                        found = self._normals[place & 15] = place, box_muller32((words & LOW24).view(np.int32))
                    first, normals = found
                    self._place = end
                    return normals[place - first : end - first]
        return box_muller32(self.bits24(n))

    def _normal64(self, out: Array, mean: float, std: float) -> None:
        out[...] = self.uniform64(out.size)
        whole = out.size & -16
        box_muller64(out[:whole].reshape(-1, 16), mean, std)
        if whole < out.size:
            out[-16:] = self.uniform64(16)
            box_muller64(out[-16:].reshape(1, 16), mean, std)

    def _normal_by_pairs(self, out: Array, mean: float, std: float) -> None:
        normals = self._standard_normals(out.size)
        if mean == 0.0:
            normals = [x * std + 0.0 for x in normals]  # (-0 becomes 0)
        values = np.array(normals)
        if mean == 0.0:
            store(out, values)
        elif out.dtype == F64:
            out[...] = fma64(values, std, mean)
        else:
            out[...] = fma64_as_float32(values, std, mean)

    def _standard_normals(self, n: int) -> list[float]:
        """n float64 normals by pairs (Box and Muller, 1958), beginning with the one that waits, if one does."""
        values = [] if self._cached_normal is None or n == 0 else [self._cached_normal]
        missing = n - len(values)
        uniforms = iter(self.uniforms(missing + missing % 2))
        for u, v in zip(uniforms, uniforms):
            radius, angle = math.sqrt(-2.0 * math.log1p(-v)), 2.0 * math.pi * u
            values.append(radius * math.cos(angle))
            values.append(radius * math.sin(angle))
        if n:
            self._cached_normal = values.pop() if missing % 2 else None
        return values

    def next_normal(self) -> float:
        """The next float64 standard normal, one of a pair."""
        return self._standard_normals(1)[0]

    # ---- integers ----

    def randint(self, shape: Shape, low: int, high: int | None, dtype: DTypeLike = np.int64) -> Array:
        """Integers from low to high - 1, as any real dtype: `torch.randint`; high None is the greatest of the dtype.

        >>> BasicStream(0).randint((5,), 0, 10).tolist()
        [4, 9, 3, 0, 3]
        """
        out = empty(shape, dtype)
        self._randint(out.reshape(-1), low, high)
        return out

    def random(self, shape: Shape, dtype: DTypeLike = np.int64) -> Array:
        """Integers from 0 to the greatest that the dtype holds exactly: `Tensor.random_()`.

        >>> BasicStream(0).random((3,), np.uint8).tolist()
        [172, 47, 117]
        """
        out = empty(shape, dtype)
        self._random(out.reshape(-1))
        return out

    def randperm(self, n: int, dtype: DTypeLike = np.int64) -> Array:
        """A permutation of 0 .. n-1: `torch.randperm`.

        >>> BasicStream(0).randperm(6).tolist()
        [2, 5, 3, 0, 1, 4]
        """
        dtype = np.dtype(dtype)
        checks.check_permutation(n, dtype)
        if n < 2:
            return np.zeros(n, dtype)
        wide = n >= _LARGEST_32_BIT_SHUFFLE
        order = shuffled_inside_out(self.words64(n)) if wide else shuffled(self.words32(n - 1))
        return order.astype(dtype, copy=False)

    def _randint(self, out: Array, low: int, high: int | None) -> None:
        first, count = checks.integer_range(low, high, out.dtype)
        for start in range(0, out.size, BLOCK):
            part = out[start : start + BLOCK]
            values: Array
            if count < _WIDE_RANGE:
                words = self.words32(part.size)
                if part.size <= FEW:
                    store(part, np.array([word % count + first for word in words.tolist()]))
                    continue
                if (fast := twins.at_hand("random", part.size)) is not None:
                    values = np.empty(part.size, np.int64)
                    fast.remainders(words, np.int64(count), np.int64(first), values)
                    store(part, values)
                    continue
                values = (words % np.uint32(count)).astype(np.int64)
            else:
                wide = self.words64(part.size)
                if count < 1 << 64:
                    wide %= np.uint64(count)
                values = wide.view(np.int64)
            if first and count < 1 << 64:
                values += np.int64(first)
            store(part, values)

    def _random(self, out: Array) -> None:
        dtype = out.dtype
        if (dtype.kind not in "iub" and not checks.is_floating(dtype)) or (dtype.kind == "u" and dtype.itemsize > 1):
            raise checks.not_implemented("random_kernel_cpu", dtype)
        if checks.is_floating(dtype):
            count = (1 << checks.significand_bits(dtype)) + 1
        else:
            count = 2 if dtype.kind == "b" else int(np.iinfo(dtype).max) + 1
        for start in range(0, out.size, BLOCK):
            part = out[start : start + BLOCK]
            words: Array = self.words64(part.size) if dtype.itemsize == 8 else self.words32(part.size)
            store(part, words % words.dtype.type(count))

    # ---- yes or no ----

    def bernoulli(self, shape: Shape, p: float = 0.5, dtype: DTypeLike = F32) -> Array:
        """1 with probability p, else 0: `Tensor.bernoulli_(p)`, two words each.

        >>> BasicStream(0).bernoulli((6,), 0.5).tolist()
        [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]
        """
        out = empty(shape, dtype)
        self._bernoulli(out.reshape(-1), p)
        return out

    def bernoulli_array(self, p: Array) -> Array:
        """1 with the probability that stands in its place in p, else 0, in p's dtype: `torch.bernoulli(p)`.

        >>> BasicStream(0).bernoulli_array(np.array([0.0, 1.0, 0.5], np.float32)).tolist()
        [0.0, 1.0, 1.0]
        """
        out = np.empty(p.shape, p.dtype)
        self._bernoulli_array(out.reshape(-1), p.reshape(-1))
        return out

    def dropout_mask(self, shape: Shape, p: float, dtype: DTypeLike = F32) -> Array:
        """What dropout multiplies by: 0 with probability p, else 1 / (1 - p), for 0 < p < 1.

        >>> BasicStream(0).dropout_mask((6,), 0.2).tolist()
        [0.0, 1.25, 1.25, 0.0, 1.25, 1.25]
        """
        out = empty(shape, dtype)
        self._dropout(out.reshape(-1), p)
        return out

    def _bernoulli(self, out: Array, p: float, scale: Array | None = None) -> None:
        """Fill with 1 or 0, or that times a scale of the same dtype."""
        if not 0.0 <= p <= 1.0:
            raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
        if out.dtype.kind == "c" or (out.dtype.kind == "u" and out.dtype.itemsize > 1):
            raise checks.not_implemented("bernoulli_scalar_cpu_", out.dtype)
        limit = math.ceil(p * 2.0**53)  # u < p exactly if the 53 bits of u are below this
        for start in range(0, out.size, BLOCK):
            part = out[start : start + BLOCK]
            below = self.below53(part.size, limit)
            if scale is None:
                part[...] = below
            else:
                np.multiply(below, scale, part)
        self.stock_up(2 * out.size)

    def _bernoulli_array(self, out: Array, p: Array) -> None:
        if out.size == 0:
            return
        checks.require_floating("bernoulli_tensor_cpu_p_", p.dtype)
        few = p.size <= FEW and p.dtype.kind == "f" and type(p) is np.ndarray
        if not (all(0 <= chance <= 1 for chance in p.tolist()) if few else p.min() >= 0 and p.max() <= 1):
            raise RuntimeError(
                "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  "
                "(Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"
            )
        for start in range(0, out.size, BLOCK):
            part, chance = out[start : start + BLOCK], p[start : start + BLOCK]
            if p.dtype == F64:
                part[...] = self.uniform64(part.size) < chance
            else:
                uniforms = np.empty(part.size, np.float32)
                self.uniform24(uniforms)
                part[...] = uniforms < chance.astype(np.float32, copy=False)

    def _dropout(self, out: Array, p: float) -> None:
        scale = np.array(1.0 / (1.0 - p) if out.dtype == F64 else np.float32(1.0) / np.float32(1.0 - p))
        if out.dtype == scale.dtype:
            self._bernoulli(out, 1.0 - p, scale)
        else:
            self._bernoulli(out, 1.0 - p)
            out *= out.dtype.type(scale)


def scaled(normals: NDArray[np.float32], mean: float, std: float, out: Array) -> None:
    """out = fused(normals * std + mean) in float32."""
    if mean == 0.0 and (std == 0.0 or std > _TINY):  # the product does not underflow, so it rounds as the fused sum
        if std == 1.0:
            out[...] = normals
        elif out.dtype == F32:
            np.multiply(normals, np.array(std, np.float32), out)
        else:
            out[...] = normals * np.array(std, np.float32)
        if std == 0.0:
            out[...] = 0.0  # not -0
    else:
        wide = normals.astype(np.float64)
        wide *= np.float64(np.float32(std))
        wide += np.float64(np.float32(mean))
        out[...] = wide if out.dtype == F32 else wide.astype(np.float32)


def parts(complex_numbers: Array) -> Array:
    """Real and imaginary parts by turns, as one float array on the same memory."""
    return complex_numbers.view(np.float64 if complex_numbers.dtype.itemsize == 16 else np.float32)


def replace(values: Array, old: Any, new: Any) -> None:
    places = values == old
    if places.any():
        values[places] = new


def store(out: Array, values: Array) -> None:
    """out = values; 16-bit floats get them by way of float32, as in PyTorch."""
    if out.dtype.itemsize == 2 and checks.is_floating(out.dtype):
        values = values.astype(np.float32)
    with silence():
        out[...] = values
