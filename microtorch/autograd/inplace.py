"""Writes into tensors that are part of a graph.

A write gives the tensor a new place in the graph: `x.add_(y)` computes `x + y` as always, copies it into x's memory, counts the
storage's version up, and makes the sum's node x's own. If x is a view, the base's new value is "the old base with the region of
the view replaced" (`region_write`, PyTorch's CopySlices), and every living view of that memory sees its region of the new base.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.modes import mode
from microtorch.autograd.node import Leaf, Node, OpNode, next_number, written
from microtorch.autograd.state import TensorBase, wrap
from microtorch.ops import shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def check_writable(x: TensorBase) -> None:
    """Raise PyTorch's errors for tensors that may not be written in place."""
    if mode.enabled:
        if type(x._node) is Leaf:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place operation."
                if x._base is not None
                else "a leaf Variable that requires grad is being used in an in-place operation."
            )
        base = x._base
        if base is not None:
            if type(base._node) is Leaf:
                raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
            if "_view_made_in_no_grad" in x.__dict__:
                raise RuntimeError(
                    "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this "
                    "use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view "
                    "and the inplace either both inside the no_grad block (if you don't want the inplace to be tracked) or both "
                    "outside (if you want the inplace to be tracked)."
                )
            several = x.__dict__.get("_one_of_several")
            if several is not None and (x._node is not None or base._node is not None):
                raise RuntimeError(
                    f"Output {several[1]} of {several[0]} is a view and is being modified inplace. This view is the output of a "
                    "function that returns multiple views. Such functions do not allow the output views to be modified "
                    "inplace. You should replace the inplace operation by an out-of-place one."
                )
    data = x._data
    if not data.flags.writeable and 0 in data.strides and data.size > 1:
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. Please "
            "clone() the tensor before performing the operation."
        )


def check_castable(have: Any, want: Any) -> None:
    """Raise if a result of dtype `have` may not be written into a tensor of dtype `want` (float into integer, say)."""
    ranks = dtypes._RANK
    if ranks[have.kind] > ranks[want.kind]:
        raise RuntimeError(
            f"result type {dtypes.of[have].type_name} can't be cast to the desired output type {dtypes.of[want].type_name}"
        )


def assign(x: TensorBase, result: TensorBase) -> None:
    """Make `result` the value of x: in memory, and in the graph."""
    data, new = x._data, result._data
    if new.dtype != data.dtype:
        check_castable(new.dtype, data.dtype)
    if new.shape != data.shape:
        raise RuntimeError(f"output with shape {list(data.shape)} doesn't match the broadcast shape {list(new.shape)}")
    with np.errstate(all="ignore"):
        np.copyto(data, new, casting="unsafe")
    written(x)
    if mode.enabled and (result._node is not None or x._node is not None):
        if new.dtype != data.dtype:
            from microtorch.ops.pointwise import cast

            result = cast(result, data.dtype)
        place(x, result._node)


def place(x: TensorBase, node: Node | None) -> None:
    """Give x, whose memory was just written, the node of its new value."""
    storage = x._storage
    assert storage is not None
    old = x._node
    if isinstance(node, OpNode) and node.op.saves_outputs and len(node.op.inputs) == 1:
        node.storage, node.seq = storage, next_number()  # what it saved is x's value as of now
    if old is not None and old.hooks is not None and old.hooks.retain is not None and node is not None:
        node._hooks().retain, old.hooks.retain = old.hooks.retain, None
    base = x._base
    if base is None:
        x._node = node
        base = x
    else:
        geometry = geometry_of(base, x)
        edges = (base._node, node)
        saved = tuple(geometry if name == "geometry" else None for name in _WRITE.saved_names)
        base._node = OpNode(_WRITE, edges, saved, base._data)
        base._node.storage = storage
        x._node = _region_node(base, x)
    if storage.views:
        for ref in storage.views:
            other = ref()
            if other is not None and other is not x and other is not base:
                other._node = _region_node(base, other)


_WRITE = S.region_write.op  # type: ignore[attr-defined]
_REGION = S.region.op  # type: ignore[attr-defined]


def _region_node(base: TensorBase, view: TensorBase) -> Node | None:
    """The node of a view of the base as it is now."""
    if base._node is None:
        return None
    saved = tuple(geometry_of(base, view) if name == "geometry" else None for name in _REGION.saved_names)
    node = OpNode(_REGION, (base._node,), saved, view._data)
    node.storage = view._storage
    return node


def geometry_of(base: TensorBase, view: TensorBase) -> tuple[Any, ...]:
    """Where a view lies in its base: (base shape, base strides, shape, strides, offset), in bytes."""
    b, v = base._data, view._data
    offset = v.__array_interface__["data"][0] - b.__array_interface__["data"][0]
    return b.shape, b.strides, v.shape, v.strides, offset


def in_place(entry: Callable[..., Any], ufunc: Any = None) -> Callable[..., Any]:
    """The in-place form of a table entry: `x.exp_()` from `exp`. With a `ufunc`, unrecorded writes go straight to memory."""
    op = entry.op  # type: ignore[attr-defined]

    def call(self: Any, *args: Any) -> Tensor:
        check_writable(self)
        recording = mode.enabled and (
            self._node is not None or any(isinstance(a, TensorBase) and a._node is not None for a in args)
        )
        if not recording:
            data = self._data
            if ufunc is not None and len(args) == 1:
                other = args[0]
                if isinstance(other, TensorBase):
                    other = other._data
                    direct = other.dtype == data.dtype or (other.ndim == 0 and other.dtype.kind == data.dtype.kind)
                else:
                    direct = type(other) in (int, float) and data.dtype.kind == "f"
                if direct:
                    try:
                        with np.errstate(all="ignore"):
                            ufunc(data, other, out=data, casting="same_kind")
                    except ValueError:
                        pass  # shapes that do not fit: the general way below raises PyTorch's error
                    else:
                        written(self)
                        return self  # type: ignore[no-any-return]
            assign(self, entry(self, *args))
            return self  # type: ignore[no-any-return]
        source = self
        if "x" in op.saved_names:  # it must keep the old value
            source = wrap(self._data.copy(), self._node)
        assign(self, entry(source, *args))
        return self  # type: ignore[no-any-return]

    call.__name__ = call.__qualname__ = op.name + "_"
    return call
