"""Shapes and memory changed in place: t_, squeeze_, resize_, set_ and their like."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.inplace import Invalid, check_writable
from microtorch.autograd.modes import check_update, mode
from microtorch.autograd.node import Leaf, OpNode, written
from microtorch.autograd.state import Storage, TensorBase, resize, storage_of, wrap
from microtorch.functions.arguments import axis_of, number_of, size_of
from microtorch.functions.creation import check_sizes, in_format
from microtorch.functions.shape import as_strided, check_repeats
from microtorch.kernels.bfloat16 import address, empty
from microtorch.ops import index as I, shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _relaid(self: Any, entry: Callable[..., Any], *constants: Any) -> Tensor:
    """Give the tensor the array that a view entry makes of its own, and the entry's node."""
    op = entry.op  # type: ignore[attr-defined]
    check_writable(self, overlap=True)
    before, node = self._data, self._node
    storage_of(self)  # remembers the memory as it is: offsets are counted from its beginning
    self._data = data = op.kernel(before, *constants)
    written(self)
    if node is not None and mode.enabled:
        new = OpNode(op, (node,), op.plan_all(op.collect((wrap(before), *constants), (data,), ())), data)
        new.storage = self._storage
        self._node = new  # a retained gradient stays that of the shape before, as in PyTorch
    elif type(node) is Leaf:
        node.shape = data.shape
    return self


def t_(self: Any) -> Tensor:
    """`t`, in place."""
    if self._data.ndim > 2:
        raise RuntimeError(f"t_() expects a tensor with <= 2 dimensions, but self is {self._data.ndim}D")
    return _relaid(self, S.t_in_place)


def transpose_(self: Any, dim0: int, dim1: int) -> Tensor:
    """`transpose`, in place."""
    ndim = self._data.ndim
    i, j = axis_of(dim0, ndim), axis_of(dim1, ndim)
    if not ndim:
        return _relaid(self, S.t_in_place)
    return _relaid(self, S.transpose_in_place, i, j)


def squeeze_(self: Any, dim: Any = None) -> Tensor:
    """`squeeze`, in place."""
    shape = self._data.shape
    if dim is None:
        return _relaid(self, S.squeeze_in_place, tuple([i for i, n in enumerate(shape) if n == 1]))
    if isinstance(dim, int):
        axis = axis_of(dim, len(shape))
        return _relaid(self, S.squeeze_one_in_place, (axis,) if shape and shape[axis] == 1 else ())
    axes = [axis_of(d, len(shape)) for d in dim]
    check_repeats(axes)
    return _relaid(self, S.squeeze_several_in_place, tuple([i for i in axes if i < len(shape) and shape[i] == 1]))


def unsqueeze_(self: Any, dim: int) -> Tensor:
    """`unsqueeze`, in place."""
    return _relaid(self, S.unsqueeze_in_place, axis_of(dim, self._data.ndim + 1))


def as_strided_(self: Any, size: Any, stride: Any, storage_offset: Any = None) -> Tensor:
    """`as_strided`, in place."""
    seen = as_strided(self.detach(), size, stride, storage_offset)._data
    data = self._data
    start = address(seen) - address(data)
    return _relaid(self, I.as_strided_in_place, (data.shape, data.strides, seen.shape, seen.strides, start))


def resize_(self: Any, *sizes: Any, size: Any = None, memory_format: Any = None) -> Tensor:
    """Change the size in place: contiguous on the same storage, which grows (by zeros) if it is too small.

    Raises RuntimeError for a tensor that requires a gradient.
    """
    if self._node is not None:
        raise RuntimeError("cannot resize variables that require grad")
    check_update(self)
    shape = size_of(sizes if size is None else (size,), "resize_")
    check_sizes(shape)
    have = self._data
    if have.shape == shape and memory_format is None:
        return self
    resize(self, shape, in_format(empty(shape, have.dtype), memory_format).strides)
    written(self)
    return self


def resize_as_(self: Any, the_template: Any, *, memory_format: Any = None) -> Tensor:
    """Change the size in place to that of another tensor."""
    return resize_(self, the_template._data.shape, memory_format=memory_format)


def set_(self: Any, source: Any = None, storage_offset: Any = 0, size: Any = None, stride: Any = None) -> Tensor:
    """Make this tensor see the memory of another (or of its storage, with an offset, size and strides in elements)."""
    check_writable(self, overlap=True)
    if source is None:
        memory, shared = np.empty(0, self._data.dtype), None
    elif isinstance(source, TensorBase):
        if source._data.dtype != self._data.dtype:
            raise RuntimeError("Could not set tensor of one dtype to memory of another")
        memory, shared = source._data, storage_of(source)
    else:
        untyped = getattr(source, "_untyped", source)
        shared, memory = untyped._shared, untyped._bytes.view(self._data.dtype)
    if size is not None:
        shape = size_of((size,), "set_")
        whole: Any = wrap(memory)
        whole._storage = shared
        steps = (
            size_of((stride,), "set_", "stride")
            if stride
            else tuple(s // memory.itemsize for s in np.empty(shape, memory.dtype).strides)
        )
        memory = as_strided(whole, shape, steps, number_of("set_", storage_offset, "storage_offset", 2, "int"))._data
    version = self._version
    self._data = memory
    self._storage = shared if shared is not None else Storage(memory)
    self._storage.version = max(self._storage.version, version)
    written(self)
    node = self._node
    if node is not None and mode.enabled:
        self._node = Invalid(self, node, "the derivative for 'set_' is not implemented")
    elif type(node) is Leaf:
        self._node = Leaf(self)  # what was computed from the old memory has no gradient here
        self._node.storage = self._storage
    return self
