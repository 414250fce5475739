"""`torch.utils.swap_tensors`."""

from __future__ import annotations

import copyreg
from typing import Any

from microtorch.autograd.node import Leaf
from microtorch.autograd.state import TensorBase

_STATE = [slot for slot in TensorBase.__slots__ if slot not in ("__weakref__", "__dict__")]


def swap_tensors(t1: Any, t2: Any) -> None:
    """Exchange two tensors: class, attributes, values, gradient and graph; all who hold one see the other.

    Raises RuntimeError if their classes have different slots.

    >>> import microtorch as torch
    >>> a, b = torch.zeros(1), torch.ones(2)
    >>> swap_tensors(a, b)
    >>> a, b
    (tensor([1., 1.]), tensor([0.]))
    """
    names = [set(copyreg._slotnames(type(t))) for t in (t1, t2)]  # type: ignore[attr-defined]
    if names[0] != names[1]:
        raise RuntimeError("Cannot swap t1 and t2 if they have different slots")
    t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    t1.__dict__, t2.__dict__ = t2.__dict__, t1.__dict__
    unset = object()
    for slot in _STATE:
        values = getattr(t2, slot, unset), getattr(t1, slot, unset)
        for t, value in zip((t1, t2), values):
            if value is not unset:
                setattr(t, slot, value)
            elif hasattr(t, slot):
                delattr(t, slot)
    for t in (t1, t2):
        if isinstance(t._node, Leaf):
            t._node.collects_for(t)
