"""PyTorch's CPU random numbers on NumPy arrays, bit for bit: `manual_seed(0); rand(3)` gives what PyTorch gives.

`Stream` is the generator. Its drawing methods return fresh C-contiguous arrays; `fill` writes into a given array of any
strides. Which words each number takes, and every rounding on the way, follow PyTorch 2.7 and later (ATen's
DistributionTemplates.h, DistributionsHelper.h and TransformationHelper.h), so that the two streams stay in step.

Where PyTorch calls the C library (float64 normals and their like), so do we, by Python's `math`; float32 uniforms and
normals and all integers need IEEE basic operations only and do not depend on the machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike, NDArray

from microtorch.kernels import random_checks as checks, random_samplers as samplers
from microtorch.kernels.bfloat16 import empty, ones
from microtorch.kernels.meta import Meta
from microtorch.kernels.quiet import silence
from microtorch.kernels.random_basic import BasicStream, store
from microtorch.kernels.random_engine import BLOCK, DEFAULT_SEED, F32, F64, FEW
from microtorch.kernels.random_libm import fma64, libm, libm_as_float32
from microtorch.kernels.shape import empty_like

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

_LARGEST_CATEGORY_COUNT = 1 << 24


class Stream(BasicStream):
    """PyTorch's CPU generator and all that it draws.

    >>> Stream(0).uniform((3,)).tolist()
    [0.49625658988952637, 0.7682217955589294, 0.08847743272781372]
    """

    __slots__ = ()

    # ---- into a given array ----

    def fill(self, array: Array, kind: Kind, *args: Any) -> None:
        """Fill the array in place, of any strides, with what the method of that name draws from these arguments.

        Numbers go in the order of memory, not of indices, as PyTorch's in-place methods place them; and normal numbers
        are made by pairs unless the array is C-contiguous. `bernoulli_array` takes probabilities that broadcast to the
        array; "dropout" makes `dropout_mask`.

        >>> columns = np.empty((2, 2), np.float32, order="F")
        >>> Stream(0).fill(columns, "randint", 0, 10)
        >>> columns.tolist()
        [[4.0, 3.0], [9.0, 0.0]]
        """
        kind_of: Any = type(array)
        if kind_of is Meta:
            return
        draw = _FILLS[kind]
        contiguous = array.flags.c_contiguous
        if contiguous and kind != "bernoulli_array":
            draw(self, array.reshape(-1), *args)
            return
        if any(stride == 0 and size > 1 for stride, size in zip(array.strides, array.shape, strict=True)):
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory "
                "location. Please clone() the tensor before performing the operation."
            )
        axes = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
        in_memory_order = array.transpose(axes)
        dense = in_memory_order.flags.c_contiguous
        flat = in_memory_order.reshape(-1) if dense else empty(array.size, array.dtype)
        if kind == "normal":
            self._normal_scattered(flat, *args)
        elif kind == "bernoulli_array":
            draw(self, flat, np.broadcast_to(args[0], array.shape).transpose(axes).reshape(-1))
        else:
            draw(self, flat, *args)
        if not dense:
            in_memory_order[...] = flat.reshape(in_memory_order.shape)

    # ---- other distributions ----

    def exponential(self, shape: Shape, lambd: float = 1.0, dtype: DTypeLike = F32) -> Array:
        """Exponential numbers of rate lambd, -log(1 - u) / lambd: `Tensor.exponential_`.

        >>> Stream(0).exponential((2,), dtype=np.float64).round(6).tolist()
        [3.508326, 1.230385]
        """
        out = empty(shape, dtype)
        self._exponential(out.reshape(-1), lambd)
        return out

    def cauchy(self, shape: Shape, median: float = 0.0, sigma: float = 1.0, dtype: DTypeLike = F32) -> Array:
        """Cauchy numbers, median + sigma tan(pi (u - 1/2)): `Tensor.cauchy_`.

        >>> Stream(0).cauchy((2,), dtype=np.float64).round(4).tolist()
        [10.5977, 0.7648]
        """
        out = empty(shape, dtype)
        self._cauchy(out.reshape(-1), median, sigma)
        return out

    def geometric(self, shape: Shape, p: float, dtype: DTypeLike = F32) -> Array:
        """The number of trials up to the first success, ceil(log u / log(1 - p)): `Tensor.geometric_`.

        >>> Stream(0).geometric((4,), 0.2).tolist()
        [1.0, 2.0, 4.0, 1.0]
        """
        out = empty(shape, dtype)
        self._geometric(out.reshape(-1), p)
        return out

    def log_normal(self, shape: Shape, mean: float = 1.0, std: float = 2.0, dtype: DTypeLike = F32) -> Array:
        """exp of normal numbers of that mean and deviation: `Tensor.log_normal_`.

        >>> Stream(0).log_normal((2,), 0.0, 1.0, np.float64).round(4).tolist()
        [4.6692, 0.7457]
        """
        out = empty(shape, dtype)
        self._log_normal(out.reshape(-1), mean, std)
        return out

    def multinomial(self, p: Array, num_samples: int, replacement: bool = False) -> NDArray[np.int64]:
        """Indices drawn with the weights p, (n,) or (rows, n): `torch.multinomial`, of shape (..., num_samples).

        One sample, and samples without replacement, are those of the largest p / q with exponential q, in one draw for
        all; among equal p / q PyTorch's order is not defined and may differ.

        >>> Stream(0).multinomial(np.array([0.1, 0.2, 0.7]), 4, replacement=True).tolist()
        [2, 2, 2, 2]
        """
        if p.ndim not in (1, 2):
            raise RuntimeError("prob_dist must be 1 or 2 dim")
        if not checks.is_floating(p.dtype):
            name = str(checks.not_implemented("", p.dtype)).split("'")[1]
            raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {name}")
        if num_samples <= 0:
            raise RuntimeError("cannot sample n_sample <= 0 samples")
        if not replacement and num_samples > p.shape[-1]:
            raise RuntimeError("cannot sample n_sample > prob_dist.size(-1) samples without replacement")
        if p.shape[-1] > _LARGEST_CATEGORY_COUNT:
            raise RuntimeError("number of categories cannot exceed 2^24")
        if p.ndim == 2 and len(p) == 0:
            return np.empty((0, num_samples), np.int64)
        by_sums = replacement and num_samples > 1
        checks.check_distribution(p, by_sums)
        if not by_sums:
            return self._largest_ratios(p, num_samples)
        rows: Any = p.reshape(-1, p.shape[-1])
        with silence():
            sums: Any = np.add.accumulate(rows, 1, F64 if p.dtype == F64 else F32)  # one by one, as PyTorch adds them
            sums /= sums[:, -1:].copy()
        sums[:, -1] = 1
        drawn = self.uniform64(len(rows) * num_samples).reshape(len(rows), num_samples)
        out = np.empty(drawn.shape, np.int64)
        for row, uniforms, indices in zip(sums.astype(np.float64), drawn, out, strict=True):
            indices[...] = row.searchsorted(uniforms)
        return out.reshape(*p.shape[:-1], num_samples)

    def poisson(self, rate: Array) -> Array:
        """Poisson numbers of these rates, in their dtype: `torch.poisson`.

        >>> Stream(0).poisson(np.array([1.0, 5.0, 50.0])).tolist()
        [2.0, 6.0, 49.0]
        """
        checks.require_floating("poisson_cpu", rate.dtype)
        with self.uniforms_one_by_one(4 * rate.size) as uniform:
            values = [samplers.poisson(r, uniform) for r in rate.reshape(-1).tolist()]
        return _stored(values, rate.shape, rate.dtype)

    def binomial(self, count: Array, probability: Array) -> Array:
        """Successes in `count` trials, of the dtype of count: `torch.binomial`; the two have one shape.

        >>> Stream(0).binomial(np.array([10.0, 1000.0]), np.array([0.5, 0.5])).tolist()
        [7.0, 504.0]
        """
        checks.require_single_or_double("binomial_cpu", count.dtype)
        pairs = zip(count.reshape(-1).tolist(), probability.reshape(-1).tolist(), strict=True)
        with self.uniforms_one_by_one(4 * count.size) as uniform:
            values = [samplers.binomial(n, p, uniform) for n, p in pairs]
        return _stored(values, count.shape, count.dtype)

    def gamma(self, alpha: Array) -> Array:
        """Gamma numbers of shape alpha and scale 1, in alpha's dtype: `torch._standard_gamma`.

        >>> Stream(0).gamma(np.array([0.5, 3.0])).round(6).tolist()
        [0.000789, 1.272843]
        """
        checks.require_single_or_double("gamma_cpu", alpha.dtype)
        return np.fmax(self._gammas(alpha).astype(alpha.dtype), np.finfo(alpha.dtype).tiny)

    def dirichlet(self, alpha: Array) -> Array:
        """Points of the simplex, along the last axis: `torch._sample_dirichlet`, as `torch.distributions.Dirichlet`.

        In float64 and for long axes the last bit may differ: PyTorch adds up the gammas in another order.

        >>> Stream(0).dirichlet(np.array([0.5, 3.0])).round(6).tolist()
        [0.00062, 0.99938]
        """
        checks.require_single_or_double("dirichlet", alpha.dtype)
        limits = np.finfo(alpha.dtype)
        values = np.fmax(self._gammas(alpha.astype(np.float64)), np.finfo(np.float64).tiny)
        shares = (values / values.sum(axis=-1, keepdims=True)).astype(alpha.dtype)
        return np.clip(shares, limits.tiny, 1 - limits.epsneg)

    def rrelu_noise(self, x: Array, lower: float, upper: float) -> Array:
        """The slopes of rrelu in training: uniform in [lower, upper) where x <= 0, elsewhere 1 and nothing drawn.

        >>> Stream(0).rrelu_noise(np.array([1.0, -1.0]), 0.1, 0.3).tolist()
        [1.0, 0.2940106003613106]
        """
        if x.dtype == np.float16:
            raise checks.not_implemented("rrelu_with_noise_out_cpu", x.dtype)
        low, high = (lower, upper) if x.dtype == F64 else (float(np.float32(lower)), float(np.float32(upper)))
        noise = ones(x.shape, x.dtype)
        negative = x <= 0
        noise[negative] = self.uniform64(int(negative.sum())) * (high - low) + low
        return noise

    def _exponential(self, out: Array, lambd: float = 1.0) -> None:
        if not lambd > 0.0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")
        checks.require_continuous("Exponential", out.dtype, cpp_name=False)
        for start in range(0, out.size, BLOCK):
            part = out[start : start + BLOCK]
            if part.size <= FEW:
                store(part, np.array([math.log1p(-u) * (-1.0 / lambd) for u in self.uniforms(part.size)]))
                continue
            minus_u = self.uniform64(part.size)
            np.negative(minus_u, out=minus_u)
            if out.dtype == F64:
                part[...] = libm("log1p", minus_u) * (-1.0 / lambd)
            else:
                store(part, libm_as_float32("log1p", minus_u, -1.0 / lambd))

    def _cauchy(self, out: Array, median: float = 0.0, sigma: float = 1.0) -> None:
        if not sigma > 0.0:
            raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
        checks.require_continuous("Cauchy", out.dtype, cpp_name=True)
        for start in range(0, out.size, BLOCK):
            part = out[start : start + BLOCK]
            if part.size <= FEW and median == 0.0:
                store(part, np.array([math.tan(math.pi * (u - 0.5)) * sigma for u in self.uniforms(part.size)]))
                continue
            angle = math.pi * (self.uniform64(part.size) - 0.5)
            if median == 0.0 and out.dtype != F64:
                store(part, libm_as_float32("tan", angle, sigma))
            else:
                store(part, fma64(libm("tan", angle), sigma, median))

    def _geometric(self, out: Array, p: float) -> None:
        if not 0.0 < p < 1.0:
            raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
        if out.dtype.kind in "bc" or (out.dtype.kind == "u" and out.dtype.itemsize > 1):
            raise checks.not_implemented("geometric_cpu", out.dtype)
        log_failure = math.log1p(-p)
        for start in range(0, out.size, BLOCK):
            part = out[start : start + BLOCK]
            u = self.uniform64(part.size)
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.log(u) / log_failure
                close = np.abs(ratio - np.rint(ratio)) <= ratio * 2.0**-48
            for i in np.flatnonzero(close & (u > 0)):  # only next to an integer can the last bit of the log matter
                ratio[i] = math.log(u[i]) / log_failure
            store(part, np.ceil(ratio))

    def _log_normal(self, out: Array, mean: float = 1.0, std: float = 2.0) -> None:
        if not std > 0.0:
            raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
        checks.require_floating("log_normal_cpu", out.dtype)
        values = fma64(np.array(self._standard_normals(out.size)), std, mean)
        store(out, libm("exp", values) if out.dtype == F64 else libm_as_float32("exp", values))

    def _normal_scattered(self, out: Array, mean: float = 0.0, std: float = 1.0) -> None:
        self._normal(out, mean, std, contiguous=False)

    def _largest_ratios(self, p: Array, num_samples: int) -> NDArray[np.int64]:
        q = empty_like(p, p.dtype)  # in the same order in memory, in which it is filled
        self.fill(q, "exponential")
        with silence():
            np.divide(p, q, out=q)
        ratios = q.astype(F64 if q.dtype == F64 else F32, copy=False)  # (bfloat16 has no order of its own)
        if num_samples == 1:
            places: NDArray[np.int64] = ratios.argmax(-1, keepdims=True)
            return places
        order: NDArray[np.int64] = np.argsort(-ratios, axis=-1, kind="stable")[..., :num_samples]
        return np.ascontiguousarray(order)

    def _gammas(self, alpha: Array) -> NDArray[np.float64]:
        with silence(), self.uniforms_one_by_one(4 * alpha.size) as uniform:
            normal = partial(self._normal_from, uniform)
            constants = samplers.gamma_constants(alpha.reshape(-1))
            values = [samplers.gamma(*numbers, uniform, normal) for numbers in constants]
        return np.array(values, np.float64).reshape(alpha.shape)

    def _normal_from(self, uniform: Callable[[], float]) -> float:
        """`next_normal` from the given uniforms."""
        if self._cached_normal is not None:
            value, self._cached_normal = self._cached_normal, None
            return value
        angle = 2.0 * math.pi * uniform()
        radius = math.sqrt(-2.0 * math.log1p(-uniform()))
        self._cached_normal = radius * math.sin(angle)
        return radius * math.cos(angle)


_FILLS: dict[str, Callable[..., None]] = {
    "uniform": Stream._uniform,
    "normal": Stream._normal,
    "randint": Stream._randint,
    "random": Stream._random,
    "bernoulli": Stream._bernoulli,
    "bernoulli_array": Stream._bernoulli_array,
    "dropout": Stream._dropout,
    "exponential": Stream._exponential,
    "cauchy": Stream._cauchy,
    "geometric": Stream._geometric,
    "log_normal": Stream._log_normal,
}


def _stored(values: list[Any], shape: tuple[int, ...], dtype: Any) -> Array:
    out = empty(shape, dtype)
    store(out.reshape(-1), np.array(values, np.float64))
    return out
