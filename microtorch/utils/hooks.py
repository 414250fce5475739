"""`torch.utils.hooks`: the handles of hooks."""

from __future__ import annotations

from microtorch.autograd.node import RemovableHandle as RemovableHandle
from microtorch.nn.modules._hooks import BackwardHook as BackwardHook

__all__ = ["BackwardHook", "RemovableHandle"]
