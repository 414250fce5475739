"""PyTorch's CPU random numbers on NumPy arrays, bit for bit: `manual_seed(0); rand(3)` gives what PyTorch gives.

`Stream` is the generator. Its drawing methods return fresh C-contiguous arrays; `fill` writes into a given array of any
strides. Which words each number takes, and every rounding on the way, follow PyTorch 2.7 and later (ATen's
DistributionTemplates.h, DistributionsHelper.h and TransformationHelper.h), so that the streams stay in step for ever.

Where PyTorch calls the C library (float64 normals and their like), so do we, by Python's `math`; all float32 uniforms,
normals and integers need IEEE basic operations only and do not depend on the machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from microtorch.kernels import random_checks as checks
from microtorch.kernels import random_samplers as samplers
from microtorch.kernels.random_boxmuller import box_muller32, box_muller64
from microtorch.kernels.random_engine import BLOCK, DEFAULT_SEED, F32, F64, Engine
from microtorch.kernels.random_libm import fma64, fma64_as_float32, libm, libm_as_float32
from microtorch.kernels.random_permutation import shuffled, shuffled_inside_out

__all__ = ["DEFAULT_SEED", "Kind", "Stream"]

Array = NDArray[Any]
Shape = int | tuple[int, ...]
Kind = Literal[
    "uniform",
    "normal",
    "randint",
    "random",
    "bernoulli",
    "bernoulli_array",
    "dropout",
    "exponential",
    "cauchy",
    "geometric",
    "log_normal",
]

# From here PyTorch takes two words for an integer, and below one: the remainder is then at most 6 % uneven.
_WIDE_RANGE = 1 << 28
_LARGEST_32_BIT_SHUFFLE = 0xFFFF_FFFF // 20
_LARGEST_CATEGORY_COUNT = 1 << 24
# Below this, float32 results of std * x + 0 could underflow and need the fused path.
_TINY = 2.0**-60


class Stream(Engine):
    """PyTorch's CPU generator and all that it draws.

    >>> Stream(0).uniform((3,)).tolist()
    [0.49625658988952637, 0.7682217955589294, 0.08847743272781372]
    """

    __slots__ = ()

    # ---- uniform and normal ----

    def uniform(self, shape: Shape, low: float = 0.0, high: float = 1.0, dtype: DTypeLike = F32) -> Array:
        """Uniform numbers in [low, high): `Tensor.uniform_`, and `rand` with the default bounds.

        >>> Stream(1).uniform((2,), -1, 1).tolist()
        [0.515267014503479, -0.44137823581695557]
        """
        out = np.empty(shape, dtype)
        self._uniform(out.reshape(-1), low, high)
        return out

    def normal(self, shape: Shape, mean: float = 0.0, std: float = 1.0, dtype: DTypeLike = F32) -> Array:
        """Normal numbers: `Tensor.normal_`, and `randn` by default; 16 and more by the Box-Muller transform in blocks.

        Fewer than 16 are made one pair at a time in float64; the second of a pair waits in the generator for the next.

        >>> Stream(0).normal((2,)).tolist()
        [1.5409960746765137, -0.293428897857666]
        """
        out = np.empty(shape, dtype)
        self._normal(out.reshape(-1), mean, std)
        return out

    def _uniform(self, out: Array, low: float = 0.0, high: float = 1.0) -> None:
        if out.dtype.kind == "c":
            out = _parts(out)
        if low != 0.0 or high != 1.0:
            checks.check_uniform(low, high, out.dtype)
        if out.dtype == F32:
            self._uniform32(out, low, high)
        elif out.dtype == F64:
            self._uniform64(out, low, high)
        else:
            checks.require_floating("check_uniform_bounds", out.dtype)
            wide = np.empty(out.size, np.float32)
            self._uniform32(wide, low, high)
            out[...] = wide
            _replace(out, out.dtype.type(high), out.dtype.type(low))

    def _uniform32(self, out: Array, low: float, high: float) -> None:
        """fused(u * (high - low) + low) in float32, u = k / 2**24, k an integer."""
        first, past = np.float32(low), np.float32(high)
        width = past - first
        # u (h - l) + l is h (2u - 1) if l = -h: a float32 product of exact factors, as is u h if l = 0
        symmetric = low == -high
        plain = (symmetric or low == 0.0) and (width == 0.0 or width > _TINY)
        scale = np.array((past if symmetric else width) * np.float32(2.0**-23 if symmetric else 2.0**-24))
        for start in range(0, out.size, BLOCK):
            part = out[start : start + BLOCK]
            bits = self.bits24(part.size)
            if plain:
                if symmetric:
                    bits -= np.int32(1 << 23)
                part[...] = bits
                part *= scale
                continue
            exact = bits.astype(np.float64)  # 24 bits times 24 bits: the product is exact, the sum rounds
            exact *= np.float64(width) * 2.0**-24
            exact += np.float64(first)
            part[...] = exact
            _replace(part, past, first)

    def _uniform64(self, out: Array, low: float, high: float) -> None:
        width = high - low
        for start in range(0, out.size, BLOCK):
            part = out[start : start + BLOCK]
            bits = self.bits53(part.size)
            if low == -high:
                bits *= 2
                bits -= 1 << 53
                part[...] = bits
                part *= high * 2.0**-53
                continue
            part[...] = bits
            part *= 2.0**-53
            if low == 0.0:
                part *= width
            else:
                part[...] = fma64(part, width, low)
                _replace(part, np.float64(high), np.float64(low))

    def _normal(self, out: Array, mean: float = 0.0, std: float = 1.0, contiguous: bool = True) -> None:
        if not std >= 0.0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
        if out.size == 0:
            return
        if out.dtype.kind == "c":
            out, std = _parts(out), std / math.sqrt(2.0)
        checks.require_floating("normal_kernel_cpu", out.dtype)
        if out.size < 16 or not contiguous:
            self._normal_by_pairs(out, mean, std)
        elif out.dtype == F64:
            self._normal64(out, mean, std)
        elif out.dtype == F32:
            self._normal32(out, mean, std)
        else:
            wide = np.empty(out.size, np.float32)
            self._normal32(wide, mean, std)
            out[...] = wide

    def _normal32(self, out: Array, mean: float, std: float) -> None:
        if 0.0 < std < _TINY and mean == 0.0:
            mean = -0.0
        whole = out.size & -16
        for start in range(0, whole, BLOCK):
            part = out[start : min(start + BLOCK, whole)].reshape(-1, 16)
            box_muller32(self.bits24(part.size).reshape(-1, 16), mean, std, part)
        if whole < out.size:
            self.skip(out.size - whole)  # PyTorch made uniforms of these, and now makes the last 16 anew
            box_muller32(self.bits24(16).reshape(1, 16), mean, std, out[-16:].reshape(1, 16))
