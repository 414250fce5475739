"""A part of a tensor replaced, in a copy: select_scatter, slice_scatter, diagonal_scatter, as_strided_scatter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from microtorch import dtypes
from microtorch.autograd.modes import mode
from microtorch.autograd.state import storage_bytes
from microtorch.functions.arguments import axis_of, number_of, size_of
from microtorch.kernels.shape import Geometry
from microtorch.ops import index as I, shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _need_shape(src: Any, shape: tuple[int, ...]) -> None:
    if src._data.shape != shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src._data.shape)}, slice size = {list(shape)}"
        )


def _need_floating(input: Any, src: Any) -> None:
    """PyTorch's refusal to put what requires a gradient into integers."""
    if src._node is not None and mode.enabled and input._data.dtype.kind not in "fc":
        raise RuntimeError(f"Autograd not support dtype: {dtypes.of[input._data.dtype].type_name}")


def select_scatter(input: Any, src: Any, dim: int, index: int) -> Tensor:
    """A copy with src at one index of a dimension."""
    axis = axis_of(dim, input._data.ndim)
    n = input._data.shape[axis]
    if not -n <= index < n:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input._data.shape)} at dimension {axis}"
        )
    key = (slice(None),) * axis + (index, ...)
    _need_shape(src, input._data[key].shape)
    _need_floating(input, src)
    return I.select_scatter(input, src, key)


def slice_scatter(
    input: Any, src: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1
) -> Tensor:
    """A copy with src at a slice of a dimension."""
    axis = axis_of(dim, input._data.ndim)
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    key = (slice(None),) * axis + (slice(start, end, step), ...)
    shape = input._data[key].shape
    if src._data.shape != shape:
        src = S.expand(src, shape)
    _need_floating(input, src)
    return I.slice_scatter(input, src, key)


def diagonal_scatter(input: Any, src: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A copy with src on a diagonal."""
    i, j = axis_of(dim1, input._data.ndim), axis_of(dim2, input._data.ndim)
    _need_shape(src, input._data.diagonal(offset, i, j).shape)
    return S.diagonal_scatter(input, src, offset, i, j)


def as_strided_scatter(input: Any, src: Any, size: Any, stride: Any, storage_offset: Any = None) -> Tensor:
    """A copy with src where `as_strided` would see it."""
    shape, steps = size_of((size,), "as_strided_scatter"), size_of((stride,), "as_strided_scatter", "stride")
    offset = (
        0 if storage_offset is None else number_of("as_strided_scatter", storage_offset, "storage_offset", 5, "int")
    )
    _need_shape(src, shape)
    item = input._data.itemsize
    needed = (1 + sum((n - 1) * s for n, s in zip(shape, steps)) + offset if 0 not in shape else 0) * item
    if needed > storage_bytes(input):
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(steps)}, storage offset {offset}, and itemsize {item} "
            f"requiring a storage size of {needed} are out of bounds for storage of size {storage_bytes(input)}"
        )
    geometry = Geometry(input._data.shape, input._data.strides, shape, tuple([s * item for s in steps]), offset * item)
    return I.as_strided_scatter(input, src, geometry)
