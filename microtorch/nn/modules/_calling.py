"""Calling a module: its hooks, and `forward` between them."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from microtorch.autograd.state import TensorBase
from microtorch.nn.modules import _hooks
from microtorch.nn.modules._hooks import (
    BackwardHook,
    GlobalKind,
    Hook,
    RemovableHandle,
    WrappedHook,
    add_hook,
    global_backward_hooks as _global_backward_hooks,
    global_backward_pre_hooks as _global_backward_pre_hooks,
    global_forward_hooks as _global_forward_hooks,
    global_forward_pre_hooks as _global_forward_pre_hooks,
)

_MIXED_HOOKS = (
    "Cannot use both regular backward hooks and full backward hooks on a single Module. Please use only one of them."
)


def _first_tensor(result: Any) -> Any:
    """The first tensor in a module's result."""
    while not isinstance(result, TensorBase):
        if isinstance(result, dict):
            result = next(v for v in result.values() if isinstance(v, TensorBase))
        else:
            result = result[0]
    return result


class CallableModule:
    """The part of Module that is called; `Module` inherits it."""

    forward: Callable[..., Any]
    _is_full_backward_hook: bool | None
    _forward_hooks: OrderedDict[int, Hook]
    _forward_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks_always_called: OrderedDict[int, bool]
    _forward_pre_hooks: OrderedDict[int, Hook]
    _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]
    _backward_pre_hooks: OrderedDict[int, Hook]
    _backward_hooks: OrderedDict[int, Hook]

    # hooks -----------------------------------------------------------------------------------------------------------

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_output)` before the module's backward; what it returns replaces grad_output (a
        tuple)."""
        return add_hook(self._backward_pre_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook: Hook) -> RemovableHandle:
        """Deprecated by PyTorch: call `hook(module, grad_input, grad_output)` at the node that made the module's
        output."""
        if self._is_full_backward_hook is True:
            raise RuntimeError(_MIXED_HOOKS)
        self._is_full_backward_hook = False
        return add_hook(self._backward_hooks, hook)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when the gradients of the module's inputs are there.

        Both are tuples, with None for what is no tensor; what it returns replaces grad_input.

        >>> import microtorch as torch
        >>> m = torch.nn.Linear(2, 1)
        >>> _ = m.register_full_backward_hook(lambda m, grad_in, grad_out: print(grad_in[0].shape, grad_out))
        >>> m(torch.ones(3, 2, requires_grad=True)).sum().backward()
        torch.Size([3, 2]) (tensor([[1.],
                [1.],
                [1.]]),)
        """
        if self._is_full_backward_hook is False:
            raise RuntimeError(_MIXED_HOOKS)
        self._is_full_backward_hook = True
        return add_hook(self._backward_hooks, hook, prepend=prepend)

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args)` before `forward`; what it returns replaces the arguments.

        with_kwargs: call `hook(module, args, kwargs)`, which returns None or (args, kwargs).
        """
        handle = add_hook(self._forward_pre_hooks, hook, self._forward_pre_hooks_with_kwargs, prepend=prepend)
        if with_kwargs:
            self._forward_pre_hooks_with_kwargs[handle.id] = True
        return handle

    def register_forward_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False, always_call: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, args, output)` after `forward`; what it returns, if not None, replaces the output.

        with_kwargs: call `hook(module, args, kwargs, output)`. always_call: also when `forward` raises.

        >>> import microtorch as torch
        >>> m = torch.nn.Identity()
        >>> handle = m.register_forward_hook(lambda module, args, output: output * 2)
        >>> m(torch.tensor(1.0))
        tensor(2.)
        >>> handle.remove()
        """
        notes = self._forward_hooks_with_kwargs, self._forward_hooks_always_called
        handle = add_hook(self._forward_hooks, hook, *notes, prepend=prepend)
        for note, wanted in zip(notes, (with_kwargs, always_call)):
            if wanted:
                note[handle.id] = True
        return handle

    # calling ---------------------------------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if (
            self._backward_hooks
            or self._backward_pre_hooks
            or self._forward_hooks
            or self._forward_pre_hooks
            or _global_backward_pre_hooks
            or _global_backward_hooks
            or _global_forward_hooks
            or _global_forward_pre_hooks
        ):
            return self._call_with_hooks(args, kwargs)
        return self.forward(*args, **kwargs)

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        return CallableModule.__call__(self, *args, **kwargs)

    _wrapped_call_impl = _call_impl

    def _call_with_hooks(self, args: Any, kwargs: Any) -> Any:
        state: dict[str, Any] = {"args": args, "kwargs": kwargs, "result": None, "called": set()}
        try:
            return self._run_hooks(state)
        except Exception:
            self._always_call(state)
            raise

    def _run_hooks(self, state: dict[str, Any]) -> Any:
        """Forward between its hooks; `state` is for `_always_call`, if an exception ends this."""
        full, not_full = self._get_backward_hooks()
        pre = [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]
        for key, hook in [*_global_forward_pre_hooks.items(), *self._forward_pre_hooks.items()]:
            if key in self._forward_pre_hooks_with_kwargs:
                changed = hook(self, state["args"], state["kwargs"])
                if changed is not None:
                    if not (isinstance(changed, tuple) and len(changed) == 2):
                        raise RuntimeError(
                            "forward pre-hook must return None or a tuple of (new_args, new_kwargs), but got "
                            f"{changed}."
                        )
                    state["args"], state["kwargs"] = changed
            else:
                changed = hook(self, state["args"])
                if changed is not None:
                    state["args"] = changed if isinstance(changed, tuple) else (changed,)
        backward_hook = BackwardHook(self, full, pre) if full or pre else None
        if backward_hook is not None:
            state["args"] = backward_hook.on_inputs(state["args"])
        args, kwargs = state["args"], state["kwargs"]
        result = state["result"] = self.forward(*args, **kwargs)
        for key, hook in [*_global_forward_hooks.items(), *self._forward_hooks.items()]:
            if key in self._forward_hooks_always_called or key in _hooks.global_forward_hooks_always_called:
                state["called"].add(key)
            if key in self._forward_hooks_with_kwargs or key in _hooks.global_forward_hooks_with_kwargs:
                changed = hook(self, args, kwargs, result)
            else:
                changed = hook(self, args, result)
            if changed is not None:
                result = state["result"] = changed
        if backward_hook is not None:
            if not isinstance(result, (TensorBase, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple of Tensors but "
                    "received "
                    f"{type(result)}",
                    stacklevel=4,
                )
            result = backward_hook.on_outputs(result)
        if not_full:
            grad_fn = _first_tensor(result).grad_fn
            for hook in not_full if grad_fn is not None else ():
                grad_fn.register_hook(WrappedHook(hook, self))
        return result

    def _always_call(self, state: dict[str, Any]) -> None:
        """After an exception: call the hooks that want it, if they have not been called."""
        for which, hooks, always, with_kwargs in (
            ("global module", _global_forward_hooks, _hooks.global_forward_hooks_always_called, {}),
            ("module", self._forward_hooks, self._forward_hooks_always_called, self._forward_hooks_with_kwargs),
        ):
            for key, hook in hooks.items():
                if key not in always or key in state["called"]:
                    continue
                try:
                    kwargs = (state["kwargs"],) if key in with_kwargs else ()
                    changed = hook(self, state["args"], *kwargs, state["result"])
                    if changed is not None:
                        state["result"] = changed
                except Exception as error:
                    warnings.warn(
                        f"{which} forward hook with ``always_call=True`` raised an exception that was silenced as "
                        "another "
                        f"error was raised in forward: {error}",
                        stacklevel=4,
                    )

    def _get_backward_hooks(self) -> tuple[list[Hook], list[Hook]]:
        """The backward hooks of all modules and of this one: full ones, and those of the deprecated kind."""
        lists: dict[bool, list[Hook]] = {True: [], False: []}
        if GlobalKind.full is not None:
            lists[GlobalKind.full] += _global_backward_hooks.values()
        if self._is_full_backward_hook is not None:
            lists[self._is_full_backward_hook] += self._backward_hooks.values()
        return lists[True], lists[False]
