"""Hooks on modules: their handles, the hooks of all modules, and how backward hooks see gradients."""

from __future__ import annotations

import functools
import itertools
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from microtorch.autograd import node
from microtorch.autograd.function import Function
from microtorch.autograd.modes import mode
from microtorch.autograd.state import TensorBase

Hook = Callable[..., Any]

global_buffer_registration_hooks: OrderedDict[int, Hook] = OrderedDict()
global_module_registration_hooks: OrderedDict[int, Hook] = OrderedDict()
global_parameter_registration_hooks: OrderedDict[int, Hook] = OrderedDict()
global_forward_pre_hooks: OrderedDict[int, Hook] = OrderedDict()
global_forward_hooks: OrderedDict[int, Hook] = OrderedDict()
global_forward_hooks_always_called: OrderedDict[int, bool] = OrderedDict()
global_forward_hooks_with_kwargs: OrderedDict[int, bool] = OrderedDict()
global_backward_pre_hooks: OrderedDict[int, Hook] = OrderedDict()
global_backward_hooks: OrderedDict[int, Hook] = OrderedDict()


class GlobalKind:
    """Whether the backward hooks on all modules are full ones (None: there have been none)."""

    full: bool | None = None


class RemovableHandle(node.RemovableHandle):
    """What registering a module's hook returns: `remove()` takes the hook away again.

    extra: further dictionaries that hold notes on the hook under its id.
    """

    _next_id = itertools.count().__next__

    def __init__(self, hooks: dict[int, Any], *extra: dict[int, Any]) -> None:
        super().__init__(hooks, RemovableHandle._next_id())
        self.extra = extra

    def hooks_dict_ref(self) -> dict[int, Any]:
        """The dictionary that holds the hook under the handle's `id`."""
        return self.hooks

    def remove(self) -> None:
        """Take the hook away; doing it twice does nothing."""
        super().remove()
        for notes in self.extra:
            notes.pop(self.id, None)


def add_hook(
    hooks: OrderedDict[int, Hook], hook: Hook, *extra: dict[int, Any], prepend: bool = False
) -> RemovableHandle:
    """Register a hook, as the last or (`prepend`) the first to be called."""
    handle = RemovableHandle(hooks, *extra)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


class WrappedHook:
    """A hook that gets its module as the first argument, without keeping it alive."""

    def __init__(self, hook: Hook, module: Any = None) -> None:
        self.hook = hook
        functools.update_wrapper(self, hook)
        self.with_module = module is not None
        if module is not None:
            self.module = weakref.ref(module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not self.with_module:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {"hook": self.hook, "with_module": self.with_module}
        if self.with_module:
            state["module"] = self.module()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.hook, self.with_module = state["hook"], state["with_module"]
        if self.with_module:
            if state["module"] is None:
                raise RuntimeError("You are trying to revive the hook of a dead Module!")
            self.module = weakref.ref(state["module"])


class BackwardHookFunction(Function):
    """The identity: a node through which the gradients of a module's inputs, or outputs, go together."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Any:
        ctx.mark_non_differentiable(*[a for a in args if not a.requires_grad])
        return args

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return grads


class BackwardHook:
    """Calls a module's backward hooks with the gradients of its inputs and outputs.

    The module's input tensors and output tensors each pass through one BackwardHookFunction. In a backward pass the
    outputs' node comes first: its gradients are noted, and shown to the pre-hooks. When the inputs' node has run, the
    hooks get both. If no input needs a gradient, they are called at the outputs' node, with None for the inputs.
    """

    def __init__(self, module: Any, hooks: Sequence[Hook], pre_hooks: Sequence[Hook]) -> None:
        self.module, self.hooks, self.pre_hooks = module, hooks, pre_hooks
        self.grad_outputs: tuple[Any, ...] | None = None
        self.input_places: list[int] | None = None  # where the tensors are among the inputs
        self.output_places: list[int] | None = None
        self.n_inputs = self.n_outputs = -1

    def on_inputs(self, args: Any) -> Any:
        """The module's arguments, to be used instead of the given ones."""
        self.n_inputs = len(args)
        args, self.input_places, grad_fn = self._through_node(args)
        if grad_fn is not None:
            grad_fn.register_hook(self._inputs_done)
        return args

    def on_outputs(self, result: Any) -> Any:
        """The module's result, to be used instead of the given one."""
        several = isinstance(result, tuple)
        results = result if several else (result,)
        self.n_outputs = len(results)
        results, self.output_places, grad_fn = self._through_node(results)
        if grad_fn is not None:
            grad_fn.register_hook(self._outputs_come)
        return results if several else results[0]

    def _through_node(self, values: Any) -> tuple[Any, list[int] | None, Any]:
        places = [i for i, v in enumerate(values) if isinstance(v, TensorBase)]
        if not (mode.enabled and any(values[i]._node is not None for i in places)):
            return values, None, None
        changed = list(values)
        grad_fn = None
        for i, t in zip(places, BackwardHookFunction.apply(*[values[i] for i in places])):
            changed[i] = t
            grad_fn = grad_fn or t.grad_fn
        return (tuple(changed) if type(values) is tuple else type(values)(*changed)), places, grad_fn

    def _outputs_come(self, _: Any, grads: tuple[Any, ...]) -> Any:
        assert self.output_places is not None
        self.grad_outputs = _spread(self.output_places, grads, self.n_outputs)
        for hook in self.pre_hooks:
            changed = hook(self.module, self.grad_outputs)
            if changed is None:
                continue
            if len(changed) != len(self.grad_outputs):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(changed)}, but expected {len(self.grad_outputs)}"
                )
            self.grad_outputs = changed
        local = self.grad_outputs
        if self.input_places is None:  # there is no node of the inputs whose hook would run
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module outputs since no "
                "inputs "
                "require gradients. See "
                "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html#torch.nn.Module."
                "register_full_backward_hook for more details.",
                stacklevel=5,
            )
            for hook in self.hooks:
                result = hook(self.module, (None,) * self.n_inputs, self.grad_outputs)
                if result is not None and not (isinstance(result, tuple) and all(r is None for r in result)):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should always return None or None "
                        "for all gradients."
                    )
            self.grad_outputs = None
        return tuple(local[i] for i in self.output_places)

    def _inputs_done(self, grad_inputs: tuple[Any, ...], _: Any) -> Any:
        if self.grad_outputs is None:
            return None  # the gradient came to the inputs, but not through the outputs: double backward
        assert self.input_places is not None
        grads: Any = _spread(self.input_places, grad_inputs, self.n_inputs)
        for hook in self.hooks:
            changed = hook(self.module, grads, self.grad_outputs)
            if changed is None:
                continue
            if len(changed) != len(grads):
                raise RuntimeError(
                    f"Backward hook returned an invalid number of grad_input, got {len(changed)}, but expected "
                    f"{len(grads)}"
                )
            grads = changed
        self.grad_outputs = None
        return tuple(grads[i] for i in self.input_places)


def _spread(places: Sequence[int], values: Sequence[Any], size: int) -> tuple[Any, ...]:
    """The values at their places, None elsewhere."""
    spread = [None] * size
    for i, v in zip(places, values):
        spread[i] = v
    return tuple(spread)


# hooks on all modules ------------------------------------------------------------------------------------------------


def register_module_buffer_registration_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, name, buffer)` whenever any module registers a buffer; it may return another."""
    return add_hook(global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, name, submodule)` whenever any module registers a child; it may return another."""
    return add_hook(global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, name, param)` whenever any module registers a parameter; it may return another."""
    return add_hook(global_parameter_registration_hooks, hook)


def register_module_forward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, args)` before every module's forward, before its own hooks."""
    return add_hook(global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Hook, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call `hook(module, args, output)` after every module's forward, before its own hooks."""
    notes = global_forward_hooks_with_kwargs, global_forward_hooks_always_called
    handle = add_hook(global_forward_hooks, hook, *notes)
    for note, wanted in zip(notes, (with_kwargs, always_call)):
        if wanted:
            note[handle.id] = True
    return handle


def _set_global_kind(full: bool) -> None:
    if GlobalKind.full is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a global Module hook. Please use only "
            "one of them."
        )
    GlobalKind.full = full


def register_module_backward_hook(hook: Hook) -> RemovableHandle:
    """Deprecated by PyTorch: `Module.register_backward_hook` on all modules."""
    _set_global_kind(False)
    return add_hook(global_backward_hooks, hook)


def register_module_full_backward_pre_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, grad_output)` before every module's backward."""
    return add_hook(global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Hook) -> RemovableHandle:
    """Call `hook(module, grad_input, grad_output)` when the gradients of any module's inputs are there."""
    _set_global_kind(True)
    return add_hook(global_backward_hooks, hook)
