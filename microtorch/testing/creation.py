"""`make_tensor`: random tensors to test on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.node import require_grad
from microtorch.autograd.state import wrap
from microtorch.functions.random import randint
from microtorch.random import default_generator
from microtorch.size import require_cpu


def make_tensor(
    *shape: Any, dtype: Any, device: Any, low: Any = None, high: Any = None, requires_grad: bool = False,
    noncontiguous: bool = False, exclude_zero: bool = False, memory_format: Any = None,
) -> Any:  # fmt: skip
    """A tensor of random numbers between `low` and `high`: -9 and 9, for integers 9 included, for bools 0 and 1.

    noncontiguous: every second element of a larger one. exclude_zero: zeros become 1, or the least positive number.
    Raises ValueError for low >= high, NaN bounds, and gradients of integers.

    >>> make_tensor(2, 3, dtype=dtypes.int64, device="cpu").shape
    torch.Size([2, 3])
    """
    require_cpu(device)
    sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    exact = not (dtype.is_floating_point or dtype.is_complex)
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, "
            f"but got {noncontiguous=} and {memory_format=}"
        )
    if requires_grad and exact:
        raise ValueError(f"`requires_grad=True` is not supported for boolean and integral dtypes, but got {dtype=}")
    noncontiguous = noncontiguous and math.prod(sizes) > 1
    if noncontiguous:
        sizes = (*sizes[:-1], 2 * sizes[-1])
    t: Any
    if exact:
        if dtype is dtypes.bool_:
            least, most, usual = 0, 2, (0, 2)
        else:
            info = dtypes.iinfo(dtype)
            least, most, usual = info.min, info.max + (dtype is not dtypes.int64), (-9, 10)
        low, high = (math.ceil(x) for x in _bounds(low, high, least, most, usual))
        t = randint(low, high, sizes, dtype=dtype)
    else:
        limits = dtypes.finfo(dtype)
        low, high = _bounds(low, high, limits.min, limits.max, (-9, 9))
        data = np.empty(sizes, dtype.numpy)
        real = data.view(data.real.dtype) if dtype.is_complex else data
        if high - low > limits.max:  # the width alone would overflow
            default_generator.stream.fill(real, "uniform", low / 2, high / 2)
            real *= 2
        else:
            default_generator.stream.fill(real, "uniform", low, high)
        t = wrap(data)
    if noncontiguous:
        t = t[..., 1::2]
    elif memory_format is not None:
        t = t.clone(memory_format=memory_format)
    if exclude_zero:
        t[t == 0] = 1 if exact else dtypes.finfo(dtype).tiny
    if requires_grad:
        require_grad(t)
    return t


def _bounds(low: Any, high: Any, least: Any, most: Any, usual: tuple[int, int]) -> tuple[Any, Any]:
    """The bounds to draw between: the usual ones where none are given, and none that the dtype cannot hold."""
    low_, high_ = (usual[i] if x is None else x for i, x in enumerate((low, high)))
    if any(isinstance(x, float) and math.isnan(x) for x in (low_, high_)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got {low=} and {high=}")
    if low_ >= high_:
        raise ValueError(f"`low` must be less than `high`, but got {low_} >= {high_}")
    if high_ < least or low_ >= most:
        raise ValueError(
            f"The value interval specified by `low` and `high` is [{low_}, {high_}), but the dtype holds "
            f"[{least}, {most}) only"
        )
    return min(max(low_, least), most), min(max(high_, least), most)
