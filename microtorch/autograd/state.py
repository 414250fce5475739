"""What a tensor is, without its methods: an array, a place in the graph, a gradient, the memory it shares.

This is the bottom of the one seam in the design: recording an op makes Tensors, and Tensor's methods call ops. Ops
know only `TensorBase` and `wrap`; `microtorch/_tensor.py` puts the methods on top and joins the two by `join(Tensor)`.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from microtorch._tensor import Tensor
    from microtorch.autograd.node import Node

Array = np.ndarray[Any, Any]


class Storage:
    """The memory that a tensor and its views share: how often it was written, when last, and who looks at it.

    A tensor gets one only when it matters: at its first view, detach or in-place write. What most storages never
    change is
    a default of the class, so that making one costs little.
    """

    version = 0  # number of in-place writes so far (`Tensor._version`)
    clock = -1  # node creation number (see node.py) at the last write: a node created before holds a stale value
    writes: Sequence[int] = ()  # the clocks of the last writes, for the error message
    views: Sequence[weakref.ref[Any]] = ()  # differentiable views, whose nodes follow an in-place write
    limit = 8

    def __init__(self, memory: Array) -> None:
        self.memory = memory  # the array of the tensor that owns it; `storage_offset` counts from its first element

    def add_view(self, view: TensorBase) -> None:
        """Remember a view, in the place of the last one if that is dead (most views do not live long).

        The dead among the others are dropped whenever the list has doubled, so that adding stays O(1).
        """
        views = self.views
        if not views:
            self.views = [weakref.ref(view)]
        elif views[-1]() is None:
            views[-1] = weakref.ref(view)  # type: ignore[index]
        else:
            views.append(weakref.ref(view))  # type: ignore[attr-defined]
            if len(views) > self.limit:
                self.views = [r for r in views if r() is not None]
                self.limit = 2 * len(self.views) + 8

    def wrote(self, clock: int) -> None:
        """Count one more in-place write."""
        self.version += 1
        self.clock = clock
        if self.writes:
            self.writes.append(clock)  # type: ignore[attr-defined]
            if len(self.writes) > 64:  # enough for the error message to name the version expected
                self.writes = list(self.writes[32:])
        else:
            self.writes = [clock]


class TensorBase:
    """The state of a tensor. `_data` is its array; a tensor that needs a gradient has a `_node`."""

    __slots__ = ("_data", "_node", "_grad", "_base", "_storage", "_made", "__weakref__", "__dict__")

    _data: Array
    _node: Node | None  # what made it: an op's node, or a Leaf; None: needs no gradient
    _grad: Tensor | None
    _base: Tensor | None  # the tensor whose memory it views; None if it is no view
    _storage: Storage | None
    _made: str  # of some views, how they were made, which forbids to write them in place (see inplace.py); else not set


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
    return t


def storage_of(t: TensorBase) -> Storage:
    """The storage of a tensor, made now if nobody has asked before.

    The node that made the tensor is told, since it may have saved its output.
    """
    storage = t._storage
    if storage is None:
        storage = t._storage = Storage(t._data)
        if t._node is not None:
            t._node.storage = storage
    return storage


def view_of(parent: TensorBase, data: Array, node: Node | None, track: bool = True) -> Tensor:
    """A tensor that views `parent`'s memory: it shares its storage, and follows in-place writes if `track`."""
    t = _new(tensor_class)
    t._data = data
    t._node = node
    t._grad = None
    storage = parent._storage
    if storage is None:
        storage = parent._storage = Storage(parent._data)
        if parent._node is not None:
            parent._node.storage = storage
    t._storage = storage
    base = parent._base
    if base is None:
        t._base = parent
    else:
        t._base = base
        made = getattr(parent, "_made", None)
        if made is not None:
            t._made = made if made == "no_grad" else "0"
    if track:
        storage.add_view(t)
    if node is not None:
        node.storage = storage
    return t
