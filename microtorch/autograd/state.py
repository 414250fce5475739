"""What a tensor is, without its methods: an array, a place in the graph, a gradient, the memory it shares.

This is the bottom of the one seam in the design: recording an op makes Tensors, and Tensor's methods call ops. Ops
know only `TensorBase` and `wrap`; `microtorch/_tensor.py` puts the methods on top and joins the two by `join(Tensor)`.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.kernels.bfloat16 import BF16, address, bits_of, empty, zeros
from microtorch.kernels.shape import strided

if TYPE_CHECKING:
    from microtorch._tensor import Tensor
    from microtorch.autograd.node import Node

Array = np.ndarray[Any, Any]


class Storage:
    """The memory that a tensor and its views share: how often it was written, when last, and who looks at it.

    A tensor gets one only when it matters: at its first view, detach or in-place write. What most storages never change
    is a default of the class, so that making one costs little.
    """

    version = 0  # number of in-place writes so far (`Tensor._version`)
    clock = -1  # node creation number (see node.py) at the last write: a node created before holds a stale value
    writes: Sequence[int] = ()  # the clocks of the last writes, for the error message
    views: Sequence[weakref.ref[Any]] = ()  # differentiable views, whose nodes follow an in-place write
    limit = 8

    def __init__(self, memory: Array) -> None:
        self._memory = _ref(memory)
        self._extent = None if memory.base is None else extent(memory)

    def hold(self, memory: Array) -> None:
        """Make an array's memory this storage's. It is not kept alive: a node keeps its output's storage.

        Arrays keep the array that owns their memory alive, but not another that only views it: its place is noted now.
        """
        self.__init__(memory)  # type: ignore[misc]

    def extent(self) -> tuple[int, int]:
        """Where its memory begins (`storage_offset` counts from there), and its size in bytes.

        To be asked while a tensor of this storage lives.
        """
        if self._extent is None:
            memory = self._memory()
            assert memory is not None, "no tensor of this storage lives"
            return extent(memory)
        return self._extent

    def is_of(self, array: Array) -> bool:
        """True if it was made for this very array."""
        return self._memory() is array

    def shares(self, other: Storage) -> bool:
        """True if both are of the same memory."""
        if self is other or self._memory is other._memory:
            return True
        if self._extent is None and other._extent is None:
            return False
        return self.extent() == other.extent()

    def sibling(self) -> Storage:
        """Another storage of the same memory, which counts writes of its own."""
        other = object.__new__(Storage)
        other._memory, other._extent = self._memory, self._extent
        return other

    def add_views(self, more: Sequence[TensorBase]) -> None:
        """Remember more views. The dead are dropped whenever the list has doubled, so that adding stays O(1)."""
        views = self.views
        views.extend(map(_ref, more))  # type: ignore[attr-defined]
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


def extent(a: Any) -> tuple[int, int]:
    """The address of an array's first element, and the number of bytes from there to its end."""
    a = bits_of(a)
    if a.flags.c_contiguous:
        size = a.nbytes
    else:
        size = sum((n - 1) * s for n, s in zip(a.shape, a.strides)) + a.itemsize if a.size else 0
    return a.__array_interface__["data"][0], size


class TensorBase:
    """The state of a tensor. `_data` is its array; a tensor that needs a gradient has a `_node`."""

    __slots__ = ("_data", "_node", "_grad", "_base", "_storage", "_made", "_inference", "__weakref__", "__dict__")

    _data: Array
    _node: Node | None  # what made it: an op's node, or a Leaf; None: needs no gradient
    _grad: Tensor | None
    _base: Tensor | None  # the tensor whose memory it views; None if it is no view
    _storage: Storage | None
    _made: str | None  # of views: how they were made, if that forbids to write them in place (see inplace.py)
    _inference: object  # the mark of a tensor made in inference mode (see modes.py); else not set


tensor_class: type[Any] = TensorBase
parameter_class: type[Any] = TensorBase  # the other class whose tensors are like any (nn.Parameter)


def join(cls: type[Any]) -> None:
    """Make `cls` (microtorch.Tensor) the class of everything that ops return."""
    global tensor_class
    tensor_class = cls


_new = object.__new__
_ref = weakref.ref

inferring: list[Callable[[TensorBase], None]] = []
"""While any thread is in inference mode: what marks the tensors that it makes (modes.py)."""


def wrap(data: Array, node: Node | None = None) -> Tensor:
    """A new tensor around an array (which is not copied)."""
    t = _new(tensor_class)
    t._data = data
    t._node = node
    t._grad = t._base = t._storage = None
    if inferring:
        inferring[0](t)
    return t


def storage_of(t: TensorBase) -> Storage:
    """The storage of a tensor, made now if nobody has asked before.

    The node that made the tensor is told, since it may have saved its output.
    """
    storage = t._storage
    if storage is None:
        storage = t._storage = Storage(t._data)
        if t._node is not None and t._node.storage is None:  # (another tensor may stand in for the one it made)
            t._node.storage = storage
    return storage


def element_offset(t: TensorBase) -> int:
    """Where in its storage a tensor begins, in elements."""
    storage = t._storage
    if storage is None or storage.is_of(t._data):
        return 0
    return int((address(t._data) - storage.extent()[0]) // t._data.itemsize)


def storage_bytes(t: TensorBase) -> int:
    """The size of a tensor's storage."""
    return storage_of(t).extent()[1]


def whole_storage(t: TensorBase, dtype: Any = None) -> Array:
    """All of a tensor's storage as a one-dimensional array, of the tensor's dtype unless told otherwise."""
    start, size = storage_of(t).extent()
    kind = t._data.dtype if dtype is None else dtype if dtype is BF16 else np.dtype(dtype)
    if not size:
        return empty(0, kind)
    offset = start - address(t._data)
    return strided(t._data, (size // kind.itemsize,), (kind.itemsize,), offset, kind)


def resize(t: TensorBase, shape: tuple[int, ...], strides: tuple[int, ...] | None = None) -> None:
    """Give a tensor another shape on the same storage, contiguous unless told otherwise.

    A storage that is too small grows, by zeros.
    """
    data = t._data
    item = data.itemsize
    steps = empty(shape, data.dtype).strides if strides is None else strides
    storage, offset = storage_of(t), element_offset(t) * item
    memory = whole_storage(t)
    needed = offset + sum((n - 1) * s for n, s in zip(shape, steps)) + item if 0 not in shape else 0
    if needed > memory.nbytes:
        grown = zeros(needed // item, data.dtype)
        grown[: memory.size] = memory
        if storage.is_of(data) and not storage.views:
            storage.hold(grown)
        else:  # others see the old memory, and go on doing so
            t._storage = Storage(grown)
            t._storage.version, t._storage.clock = storage.version, storage.clock
        memory = grown
    t._data = strided(memory, shape, steps, offset) if memory.size else empty(shape, data.dtype)


def share(parent: TensorBase, t: TensorBase, track: bool) -> None:
    """Make `t` a view of its parent: of one storage, following in-place writes if `track`."""
    t._storage = storage = parent._storage or storage_of(parent)
    base, made = parent._base, None
    if base is None:
        t._base = parent  # type: ignore[assignment]
    else:
        t._base, made = base, parent._made
        if made is not None and made != "no_grad" and made != "inference":
            made = "0"
    t._made = made
    if track:
        views = storage.views
        if not views:
            storage.views = [_ref(t)]
        elif views[-1]() is None:  # most views do not live long
            views[-1] = _ref(t)  # type: ignore[index]
        elif len(views) < storage.limit:
            views.append(_ref(t))  # type: ignore[attr-defined]
        else:
            storage.add_views((t,))
    if inferring and hasattr(t, "_inference"):
        del t._inference  # a view is of inference mode if its base is
    node = t._node
    if node is not None:
        node.storage = storage
