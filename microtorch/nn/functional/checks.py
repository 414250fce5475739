"""What several functional families check or read: dtypes, reductions, sizes given as one number or several."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.inplace import check_writable
from microtorch.autograd.operands import broadcast_error
from microtorch.kernels.bfloat16 import BF16
from microtorch.ops import pointwise as P, reduce as R, shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

REDUCTIONS = ("none", "mean", "sum")


def floating(kernel: str, *inputs: Any, inplace: bool = False) -> None:
    """Raise PyTorch's NotImplementedError, naming its kernel, if a tensor is integer or bool.

    inplace: that it may not be written comes first.
    """
    for t in inputs:
        if t._data.dtype.kind not in "fc":
            if inplace:
                check_writable(t)
            raise not_implemented(kernel, t)


def not_implemented(kernel: str, t: Any) -> NotImplementedError:
    """PyTorch's error for a dtype that a kernel of its lacks."""
    return NotImplementedError(f"\"{kernel}\" not implemented for '{dtypes.of[t._data.dtype].type_name}'")


def reduction_of(size_average: bool | None, reduce: bool | None, reduction: str) -> str:
    """The reduction meant: by name, or by the deprecated flags if one is given.

    Raises ValueError for an unknown name.
    """
    if size_average is not None or reduce is not None:
        average = size_average is None or size_average
        reduction = ("mean" if average else "sum") if reduce is None or reduce else "none"
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{reduction}' instead.",
            stacklevel=3,
        )
    elif reduction not in REDUCTIONS:
        if reduction == "elementwise_mean":
            warnings.warn(
                "reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.", stacklevel=3
            )
            return "mean"
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def sizes(value: Any, count: int, function: str, argument: str) -> tuple[int, ...]:
    """A number for all of `count` dimensions, or one each.

    Raises RuntimeError if there are neither one nor `count`, TypeError if they are no integers.
    """
    if type(value) is int:
        return (value,) * count
    if isinstance(value, (tuple, list)):
        found = tuple([v if type(v) is int else _index(v, function, argument) for v in value])
        if len(found) == count:
            return found
        if len(found) == 1:
            return found * count
        raise RuntimeError(
            f"{function}: {argument} must either be a single int, or a tuple of {'two' if count == 2 else 'three'} ints"
            if count > 1
            else f"expected {argument} to have {count} elements, but got {len(found)}"
        )
    return (_index(value, function, argument),) * count


def _index(value: Any, function: str, argument: str) -> int:
    if isinstance(value, (float, str, bool)) or not hasattr(value, "__index__"):
        raise TypeError(f"{function}(): argument '{argument}' must be tuple of ints, not {type(value).__name__}")
    return int(value)


def reduced(losses: Any, reduction: str) -> Tensor:
    """The losses, their mean or their sum."""
    if reduction == "mean":
        return R.mean_all(losses, None, False)
    return R.sum_all(losses, None, False) if reduction == "sum" else losses


_HALVES, _SINGLE = (np.dtype(np.float16), BF16), np.dtype(np.float32)


def single(t: Any) -> Any:
    """A half precision tensor in single precision, for computations of several steps; all else as it is."""
    return P.cast(t, _SINGLE) if t is not None and t._data.dtype in _HALVES else t


def as_half(t: Any, dtype: Any) -> Any:
    """The tensor in half precision if that is the dtype asked for, else as it is."""
    return P.cast(t, dtype) if dtype in _HALVES else t


def broadcast(*inputs: Any) -> tuple[Any, ...]:
    """The tensors expanded to their common shape."""
    shape = inputs[0]._data.shape
    for t in inputs[1:]:
        try:
            shape = np.broadcast_shapes(shape, t._data.shape)
        except ValueError as error:
            raise broadcast_error(np.broadcast_to(np.zeros(()), shape), t._data, error) from None
    return tuple(t if t._data.shape == shape else S.expand(t, shape) for t in inputs)
