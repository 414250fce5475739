"""What a tensor is, without its methods: an array, a place in the graph, a gradient, the memory it shares.

This is the bottom of the one seam in the design: recording an op makes Tensors, and Tensor's methods call ops. Ops
know only `TensorBase` and `wrap`; `microtorch/_tensor.py` puts the methods on top and joins the two by `join(Tensor)`.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from microtorch._tensor import Tensor
    from microtorch.autograd.node import Node

Array = np.ndarray[Any, Any]


class Storage:
    """The memory that a tensor and its views share: how often it was written, when last, and who looks at it.

    A tensor gets one only when it matters: at its first view, detach or in-place write.
    """

    __slots__ = ("version", "clock", "views", "writes", "limit")

    def __init__(self) -> None:
        self.version = 0  # number of in-place writes so far (`Tensor._version`)
        self.clock = -1  # node creation number (see node.py) at the last write: a node created before holds a stale value
        self.writes: list[int] = []  # the clocks of the last writes, for the error message
        self.views: list[weakref.ref[Any]] = []  # differentiable views, whose nodes follow an in-place write
        self.limit = 8

    def add_view(self, view: TensorBase) -> None:
        """Remember a view, dropping the dead ones whenever the list has doubled (so that adding stays O(1))."""
        self.views.append(weakref.ref(view))
        if len(self.views) > self.limit:
            self.views = [r for r in self.views if r() is not None]
            self.limit = 2 * len(self.views) + 8


class TensorBase:
    """The state of a tensor. `_data` is its array; a tensor that needs a gradient has a `_node`."""

    __slots__ = ("_data", "_node", "_grad", "_base", "_storage", "__weakref__", "__dict__")

    _data: Array
    _node: Node | None  # what made it: an op's node, or a Leaf; None: needs no gradient
    _grad: Tensor | None
    _base: Tensor | None  # the tensor whose memory it views; None if it is no view
    _storage: Storage | None


tensor_class: type[Any] = TensorBase


def join(cls: type[Any]) -> None:
    """Make `cls` (microtorch.Tensor) the class of everything that ops return."""
    global tensor_class
    tensor_class = cls


_new = object.__new__


def wrap(data: Array, node: Node | None = None) -> Tensor:
    """A new tensor around an array (which is not copied)."""
    t = _new(tensor_class)
    t._data = data
    t._node = node
    t._grad = t._base = t._storage = None
    return t  # type: ignore[no-any-return]


def storage_of(t: TensorBase) -> Storage:
    """The storage of a tensor, made now if nobody has asked before.

    The node that made the tensor is told, since it may have saved its output.
    """
    storage = t._storage
    if storage is None:
        storage = t._storage = Storage()
        if t._node is not None:
            t._node.storage = storage
    return storage


def view_of(parent: TensorBase, data: Array, node: Node | None, track: bool = True) -> Tensor:
    """A tensor that views `parent`'s memory: it shares its storage, and follows in-place writes if `track`."""
    t = wrap(data, node)
    storage = parent._storage
    if storage is None:
        storage = storage_of(parent)
    t._storage = storage
    t._base = parent if parent._base is None else parent._base  # type: ignore[assignment]
    if track:
        storage.add_view(t)
    if node is not None:
        node.storage = storage
    return t
