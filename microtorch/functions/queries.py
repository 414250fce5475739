"""Questions about tensors, as functions; and a few of Tensor's in-place methods that PyTorch has as functions, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.state import TensorBase
from microtorch.functions.arguments import need_tensor
from microtorch.functions.relayout import resize_as_
from microtorch.kernels.bfloat16 import cast
from microtorch.ops import index as I

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

__all__ = ["fill", "is_nonzero", "is_same_size", "is_signed", "numel", "resize_as_"]


def numel(input: Any) -> int:
    """The number of elements."""
    need_tensor("numel", input)
    return int(input._data.size)


def is_nonzero(input: Any) -> bool:
    """True if the only element is not 0."""
    need_tensor("is_nonzero", input)
    return bool(input)


def is_signed(input: Any) -> bool:
    """True unless bool or unsigned."""
    need_tensor("is_signed", input)
    return input._data.dtype.kind not in "bu"


def is_same_size(input: Any, other: Any) -> bool:
    """True if both have the same shape."""
    return bool(input._data.shape == other._data.shape)


def fill(input: Any, value: Any) -> Tensor:
    """A tensor of the same shape and dtype filled with one number (or a 0-d tensor's)."""
    need_tensor("fill", input)
    if isinstance(value, TensorBase):
        return I.fill_by(input, value)
    return I.fill(input, cast(np.asarray(value), input._data.dtype)[()])
