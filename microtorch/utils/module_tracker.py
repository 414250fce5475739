"""ModuleTracker: in which modules a computation is, forwards and backwards."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from microtorch._missing import missing_names as _missing_names
from microtorch.autograd.graph import register_multi_grad_hook
from microtorch.autograd.state import TensorBase
from microtorch.nn.modules.module import (
    Module,
    register_module_forward_hook,
    register_module_forward_pre_hook,
)
from microtorch.utils._pytree import tree_leaves

__all__ = ["ModuleTracker"]


class ModuleTracker:
    """Inside of `with tracker:`, `tracker.parents` is the set of names of the modules that compute now, and "Global".

    In a backward pass (`is_bw` is True) those whose gradients are being computed.

    >>> import microtorch as torch
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 2))
    >>> with ModuleTracker() as tracker:
    ...     _ = model[0].register_forward_pre_hook(lambda *_: print(sorted(tracker.parents)))
    ...     y = model(torch.ones(1, 2))
    ['Global', 'Sequential', 'Sequential.0']
    """

    parents: set[str]

    def __init__(self) -> None:
        self.parents = {"Global"}
        self._names: weakref.WeakKeyDictionary[Module, str] = weakref.WeakKeyDictionary()
        self._backward: set[str] = set()

    @property
    def is_bw(self) -> bool:
        """True in a backward pass."""
        return bool(self._backward)

    def _name(self, module: Module) -> str:
        """The module's name: its class, or its place below a module that has computed before."""
        if module not in self._names:
            root = type(module).__name__
            for name, child in module.named_modules():
                if child not in self._names:
                    self._names[child] = f"{root}.{name}" if name else root
        return self._names[module]

    def _enter(self, name: str, backward: bool) -> Callable[..., None]:
        def enter(*_: Any) -> None:
            self.parents.add(name)
            if backward:
                self._backward.add(name)

        return enter

    def _leave(self, name: str, backward: bool) -> Callable[..., None]:
        def leave(*_: Any) -> None:
            self.parents.discard(name)
            if backward:
                self._backward.discard(name)

        return leave

    def _before(self, module: Module, args: Any) -> None:
        name = self._name(module)
        self._enter(name, False)()
        tensors = _differentiable(args)
        if tensors:
            register_multi_grad_hook(tensors, self._leave(name, True))

    def _after(self, module: Module, args: Any, output: Any) -> None:
        name = self._name(module)
        self._leave(name, False)()
        tensors = _differentiable(output)
        if tensors:
            register_multi_grad_hook(tensors, self._enter(name, True), mode="any")

    def __enter__(self) -> ModuleTracker:
        self._hooks = (
            register_module_forward_pre_hook(self._before),
            register_module_forward_hook(self._after, always_call=True),
        )
        return self

    def __exit__(self, *args: object) -> None:
        for hook in self._hooks:
            hook.remove()

    def _finish_backward(self) -> None:
        """A backward pass is over: modules whose inputs need no gradient have not been left."""
        self.parents -= self._backward
        self._backward.clear()


def _differentiable(value: Any) -> list[Any]:
    return [t for t in tree_leaves(value) if isinstance(t, TensorBase) and t.requires_grad]  # type: ignore[attr-defined]


__getattr__ = _missing_names(__name__)
