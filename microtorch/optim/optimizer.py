"""The base of all optimizers: parameter groups, state, hooks, `state_dict`; and of those whose update is an array
kernel.
"""

from __future__ import annotations

import functools
import inspect
import itertools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import Any, ClassVar, TypeAlias, TypeVar

import numpy as np

from microtorch import dtypes
from microtorch._tensor import Tensor
from microtorch.autograd.modes import enable_grad
from microtorch.autograd.node import RemovableHandle, written
from microtorch.autograd.state import wrap
from microtorch.kernels import layouts, threads
from microtorch.kernels.bfloat16 import zeros
from microtorch.kernels.quiet import quiet, silence
from microtorch.optim.blocks import Block, Plan
from microtorch.optim.recorded import RecordedBlock

StateDict: TypeAlias = dict[str, Any]
ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
Closure: TypeAlias = Callable[[], Any] | None
_O = TypeVar("_O", bound="Optimizer")


class _RequiredParameter:
    """The default of an option that every parameter group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()

_key = itertools.count().__next__
_global_optimizer_pre_hooks: dict[int, Callable[..., Any]] = OrderedDict()
_global_optimizer_post_hooks: dict[int, Callable[..., Any]] = OrderedDict()


def _register(hooks: dict[int, Any], hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
    key = _key()
    hooks[key] = hook
    if prepend:
        hooks.move_to_end(key, last=False)  # type: ignore[attr-defined]
    return RemovableHandle(hooks, key)


def register_optimizer_step_pre_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` before each step of any optimizer; it may return new (args, kwargs)."""
    return _register(_global_optimizer_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable[..., Any]) -> RemovableHandle:
    """Call `hook(optimizer, args, kwargs)` after each step of any optimizer."""
    return _register(_global_optimizer_post_hooks, hook)


def typename(value: Any) -> str:
    """The name of a value's type as PyTorch's messages give it."""
    if isinstance(value, Tensor):
        return f"torch.{value.dtype.type_name}Tensor"
    cls = value if isinstance(value, type) or inspect.isfunction(value) else type(value)
    module = "" if cls.__module__ in ("builtins", "__builtin__", None) else cls.__module__ + "."
    return module + cls.__qualname__


class Optimizer:
    """The base class of all optimizers.

    params: tensors; or (name, tensor) pairs; or dictionaries with the tensors under "params" and options of their own.
    defaults: the options for groups that do not give their own.

    `param_groups` are the groups with all their options, `state` what the optimizer keeps for each parameter.
    Raises TypeError for what is no tensor, ValueError for an empty list, a tensor that is no leaf or is in two groups.
    """

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self._make_hooks()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, but got "
                + typename(params)
            )
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups: list[Any] = list(params)
        if len(groups) == 0:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    # hooks ------------------------------------------------------------------------------------------------------------

    def _make_hooks(self) -> None:
        """The dictionaries of hooks, where they are missing, and the step that calls them."""
        for name in (
            "step_pre",
            "step_post",
            "state_dict_pre",
            "state_dict_post",
            "load_state_dict_pre",
            "load_state_dict_post",
        ):
            self.__dict__.setdefault(f"_optimizer_{name}_hooks", OrderedDict())
        self._patch_step_function()

    def _patch_step_function(self) -> None:
        """Have the class's step call the hooks; optimizers around another, without `__init__`, call it themselves."""
        cls: Any = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = self.profile_hook_step(cls.step)
            cls.step.hooked = True

    @staticmethod
    def profile_hook_step(func: Callable[..., Any]) -> Callable[..., Any]:
        """A step that calls the hooks before and after."""

        @functools.wraps(func)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            self = args[0]
            own = self.__dict__
            for hook in (*_global_optimizer_pre_hooks.values(), *own["_optimizer_step_pre_hooks"].values()):
                result = hook(self, args, kwargs)
                if result is not None:
                    if not (isinstance(result, tuple) and len(result) == 2):
                        raise RuntimeError(
                            f"{func} must return None or a tuple of (new_args, new_kwargs), but got {result}."
                        )
                    args, kwargs = result
            out = func(*args, **kwargs)
            for hook in (*own["_optimizer_step_post_hooks"].values(), *_global_optimizer_post_hooks.values()):
                hook(self, args, kwargs)
            return out

        return wrapper

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` before each step; it may return new (args, kwargs)."""
        return _register(self.__dict__["_optimizer_step_pre_hooks"], hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(optimizer, args, kwargs)` after each step."""
        return _register(self.__dict__["_optimizer_step_post_hooks"], hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` before each `state_dict()`."""
        return _register(self.__dict__["_optimizer_state_dict_pre_hooks"], hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` after each `state_dict()`; what it returns, if not None, replaces it."""
        return _register(self.__dict__["_optimizer_state_dict_post_hooks"], hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer, state_dict)` before each `load_state_dict`; what it returns, if not None, is loaded."""
        return _register(self.__dict__["_optimizer_load_state_dict_pre_hooks"], hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> RemovableHandle:
        """Call `hook(optimizer)` after each `load_state_dict`."""
        return _register(self.__dict__["_optimizer_load_state_dict_post_hooks"], hook, prepend)

    # groups -----------------------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add parameters with options of their own: `{"params": [...], "lr": 0.1}`; options not given are the defaults.

        Raises TypeError and ValueError as the class does.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the ordering of tensors in sets "
                "will change between runs. Please use a list instead."
            )
        given = [params] if isinstance(params, Tensor) else list(params)
        names = [item[0] for item in given if isinstance(item, tuple)]
        param_group["params"] = tensors = [item[1] if isinstance(item, tuple) else item for item in given]
        if names:
            if len(names) != len(tensors):
                raise ValueError("all optimizer params should be with/without names. Some param names are missing")
            param_group["param_names"] = names
        for p in tensors:
            if not isinstance(p, Tensor):
                raise TypeError("optimizer can only optimize Tensors, but one of the params is " + typename(p))
            if not self.defaults.get("differentiable") and not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        ids = {id(p) for p in tensors}
        if len(ids) != len(tensors):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will cause an error; "
                "see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=3,
            )
        for group in self.param_groups:
            if ("param_names" in param_group) != ("param_names" in group):
                how = "with" if "param_names" in param_group else "without"
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {how} names to the optimizer"
                )
        if any(id(p) in ids for group in self.param_groups for p in group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")
        self.param_groups.append(param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget all gradients (or, with `set_to_none=False`, fill them with zeros)."""
        for group in self.param_groups:
            for p in group["params"]:
                grad = p._grad
                if grad is not None:
                    if set_to_none:
                        p._grad = None
                    else:
                        if grad.grad_fn is not None:
                            grad.detach_()
                        else:
                            grad.requires_grad_(False)
                        grad.zero_()

    def step(self, closure: Closure = None) -> Any:
        """Change the parameters along their gradients. closure: computes the loss and its gradients anew, and returns
        it.
        """
        raise NotImplementedError

    # state ------------------------------------------------------------------------------------------------------------

    def state_dict(self) -> StateDict:
        """The state and the options, with numbers in the parameters' places:

        {"state": {0: {...}, 1: {...}}, "param_groups": [{"lr": 0.1, ..., "params": [0, 1]}]}
        """
        own = self.__dict__
        for pre_hook in own["_optimizer_state_dict_pre_hooks"].values():
            pre_hook(self)
        numbers: dict[int, int] = {}
        start, groups = 0, []
        for group in self.param_groups:
            for i, p in enumerate(group["params"], start):
                numbers.setdefault(id(p), i)
            start += len(group["params"])
            packed = {k: v for k, v in group.items() if k != "params"}
            packed["params"] = [numbers[id(p)] for p in group["params"]]
            groups.append(packed)
        state = {(numbers[id(k)] if isinstance(k, Tensor) else k): v for k, v in self.state.items()}
        result: StateDict = {"state": state, "param_groups": groups}
        for post_hook in own["_optimizer_state_dict_post_hooks"].values():
            changed = post_hook(self, result)
            if changed is not None:
                result = changed
        return result

    def load_state_dict(self, state_dict: StateDict) -> None:
        """Take over a `state_dict()`: state (in the dtypes of the parameters here) and options.

        Raises ValueError if the groups differ in number or size.
        """
        own = self.__dict__
        state_dict = state_dict.copy()
        for pre_hook in own["_optimizer_load_state_dict_pre_hooks"].values():
            changed = pre_hook(self, state_dict)
            if changed is not None:
                state_dict = changed
        saved = deepcopy(state_dict["param_groups"])
        if len(saved) != len(self.param_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(new["params"]) != len(old["params"]) for new, old in zip(saved, self.param_groups)):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )
        params: dict[Any, Tensor] = {}
        groups_of: dict[Any, dict[str, Any]] = {}
        for new, old in zip(saved, self.param_groups):
            for number, p in zip(new["params"], old["params"]):
                params[number] = p
                groups_of.setdefault(number, new)
        state: defaultdict[Any, Any] = defaultdict(dict)
        for k, v in state_dict["state"].items():
            if k in params:
                state[params[k]] = _cast(params[k], v, groups_of[k])
            else:
                state[k] = v
        for new, old in zip(saved, self.param_groups):
            new["params"] = old["params"]
            if "param_names" in old and "param_names" not in new:
                new["param_names"] = old["param_names"]
        self.__setstate__({"state": state, "param_groups": saved})
        for post_hook in own["_optimizer_load_state_dict_post_hooks"].values():
            post_hook(self)

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._make_hooks()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        lines = [type(self).__name__ + " ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"\nParameter Group {i}" if i else "Parameter Group 0")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join(lines) + "\n)"


def _cast(p: Tensor, value: Any, group: dict[str, Any], key: Any = None) -> Any:
    """A value of a loaded state, its tensors in the dtype of the parameter (but for step counts)."""
    if isinstance(value, Tensor):
        if key == "step":
            return value.to(dtypes.float32) if group.get("capturable") or group.get("fused") else value
        return value.to(p.dtype) if p.is_floating_point() else value
    if isinstance(value, dict):
        return {k: _cast(p, v, group, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return type(value)(_cast(p, v, group) for v in value)  # type: ignore[call-arg]
    return value


MODES = {"foreach": None, "maximize": False, "differentiable": False, "capturable": False}
"""Options that most optimizers have, and their values where they are not given."""

ADAM_MODES = {"maximize": False, "foreach": None, "capturable": False, "differentiable": False}
"""The same, in the order in which PyTorch's Adam, NAdam and RAdam add them."""


class KernelOptimizer(Optimizer):
    """An optimizer whose update is an array kernel (kernels/optim.py) on blocks of parameters (blocks.py).

    A subclass says what state it keeps and calls its kernel:

    state_names: the state tensors that are shaped like the parameter, in the kernel's order, for a group's options.
    new_state: the state of one parameter before its first step.
    scalars: names of the state tensors that hold one number. count: what becomes of them in a step; what it returns is
    the block's `count` (for most, the number of the step).
    update: the kernel's call for one block.
    """

    late_options: ClassVar[dict[str, Any]] = {}  # options that states saved by older versions lack, and their values
    scalars: ClassVar[tuple[str, ...]] = ("step",)
    _plans: dict[tuple[int, int], Plan]

    def state_names(self, group: dict[str, Any]) -> Sequence[str]:
        raise NotImplementedError

    def new_state(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        return {"step": step_tensor(0.0, group), **{name: zeros_like(p) for name in self.state_names(group)}}

    def count(self, group: dict[str, Any], scalars: list[Any]) -> Any:
        steps = scalars[0]
        steps += 1
        return steps.item(0)

    def update(self, group: dict[str, Any], block: Block, p: Any, g: Any) -> None:
        raise NotImplementedError

    def complete(self, state: dict[str, Any]) -> bool:
        """Whether a state that is not empty has all it needs."""
        return True

    def __init__(self, params: ParamsT, defaults: dict[str, Any]) -> None:
        self._plans = {}
        check_modes(type(self).__name__, defaults)
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._plans = {}
        for group in self.param_groups:
            for name, value in self.late_options.items():
                group.setdefault(name, value)
            for p in group["params"]:
                kept: dict[str, Any] = self.state.get(p) or {}
                for name in self.scalars:
                    if name in kept and not isinstance(kept[name], Tensor):
                        kept[name] = step_tensor(float(kept[name]), group)

    def step(self, closure: Closure = None) -> Any:
        """Change the parameters along their gradients; those without a gradient stay as they are.

        closure: computes the loss and its gradients anew, and returns the loss, which `step` returns then.
        """
        loss = loss_of(closure)
        with silence():
            for group in self.param_groups:
                check_capturable(group)
                params = [p for p in group["params"] if p._grad is not None]
                if layouts.used:
                    params = self._without_sparse(group, params)
                if group.get("differentiable"):
                    self._step_recorded(group, params)
                    continue
                for i, some in enumerate(_rounds(params)):
                    self._step_params(group, i, some)
        return loss

    def _without_sparse(self, group: dict[str, Any], params: list[Tensor]) -> list[Tensor]:
        """Change the parameters whose gradients are sparse; the others, in order."""
        rest = []
        for p in params:
            if layouts.is_sparse(p._grad._data):  # type: ignore[union-attr]
                self.update_sparse(group, p)
                written(p)
            else:
                rest.append(p)
        return rest

    def update_sparse(self, group: dict[str, Any], p: Tensor) -> None:
        """Change one parameter whose gradient is sparse. Raises RuntimeError: few optimizers can."""
        raise RuntimeError(f"{type(self).__name__} does not support sparse gradients")

    def _step_recorded(self, group: dict[str, Any], params: list[Tensor]) -> None:
        """Change the parameters one by one, by operations that are recorded."""
        check_constant(type(self).__name__, group)
        names = self.state_names(group)
        with enable_grad():
            for p in params:
                check_dense(type(self).__name__, p)
                state = self.state[p] if names or self.scalars else {}
                fresh = bool(names or self.scalars) and (not state or not self.complete(state))
                if fresh:
                    state.update(self.new_state(group, p))
                scalars = [state[n]._data.reshape(-1) for n in self.scalars]
                block: Any = RecordedBlock(
                    p, [state.get(n) for n in names], self.count(group, scalars) if scalars else None, fresh
                )
                self.update(group, block, block.p, block.g)
                block.store()

    def _step_params(self, group: dict[str, Any], i: int, params: list[Tensor]) -> None:
        names = self.state_names(group)
        states: list[dict[str, Any]] = []
        fresh: list[bool] | None = None
        if names or self.scalars:
            all_states = self.state
            for p in params:
                state = all_states[p]
                if not state or not self.complete(state):
                    if fresh is None:
                        fresh = [False] * len(params)
                    fresh[len(states)] = True
                    check_dense(type(self).__name__, p)
                    state.update(self.new_state(group, p))
                states.append(state)
        key = (id(group), i)
        plan = self._plans.get(key)
        if plan is None or fresh is not None or not plan.holds(params, states, names):
            for p in params:
                check_dense(type(self).__name__, p)
            n = len(params)
            plan = Plan(params, states or [{}] * n, names, self.scalars, fresh or [False] * n)
            self._plans[key] = plan
        shares = plan.advance(lambda scalars: self.count(group, scalars))
        if len(shares) == 1:
            self._update_all(group, shares[0])
        else:
            threads.run([quiet(functools.partial(self._update_all, group, share)) for share in shares])
        plan.done()

    def _update_all(self, group: dict[str, Any], blocks: list[Block]) -> None:
        for block in blocks:
            p_flat, g_flat = block.load()
            self.update(group, block, p_flat, g_flat)
            block.store()
            block.fresh = False


def loss_of(closure: Closure) -> Any:
    """What the closure returns, computed with gradients; None without a closure."""
    if closure is None:
        return None
    with enable_grad():
        return closure()


def _rounds(params: list[Tensor]) -> list[list[Tensor]]:
    """The parameters; one that is in the list twice is updated again in a second round."""
    if len(set(map(id, params))) == len(params):
        return [params] if params else []
    first: list[Tensor] = []
    again: list[Tensor] = []
    seen: set[int] = set()
    for p in params:
        (again if id(p) in seen else first).append(p)
        seen.add(id(p))
    return [first, *_rounds(again)]


def check_dense(name: str, p: Tensor) -> None:
    """Raise if a gradient does not fit its parameter's memory."""
    grad: Any = p._grad
    if grad.is_sparse:
        raise RuntimeError(f"{name} does not support sparse gradients")
    if grad._data.shape != p._data.shape or grad._data.dtype != p._data.dtype:
        raise RuntimeError(
            f"{name}: the gradient is {grad.dtype} of shape {tuple(grad.shape)}, its parameter {p.dtype} of shape "
            f"{tuple(p.shape)}"
        )


def check_capturable(group: dict[str, Any]) -> None:
    """Raise for a mode that needs a graph of a device's kernels."""
    if group.get("capturable"):
        raise AssertionError(
            "If capturable=True, params and state_steps must be on supported devices: "
            "['cuda', 'xpu', 'hpu', 'privateuseone', 'xla']."
        )


def check_constant(name: str, group: dict[str, Any]) -> None:
    """Raise for a recorded step whose options want gradients."""
    for option in ("lr", "betas", "weight_decay"):
        for value in group[option] if isinstance(group.get(option), tuple) else [group.get(option)]:
            if isinstance(value, Tensor) and value.requires_grad:
                raise NotImplementedError(f"microtorch: {name}(differentiable=True) has no derivative by {option}")


def check_modes(name: str, options: dict[str, Any]) -> None:
    """Raise for modes that exclude each other."""
    if options.get("fused"):
        if options.get("differentiable"):
            raise RuntimeError("`fused` does not support `differentiable`")
        if options.get("foreach"):
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


# what subclasses use --------------------------------------------------------------------------------------------------


def check_lr(lr: Any) -> None:
    """Raise ValueError for a learning rate that is negative or a tensor of several elements."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    if not 0.0 <= lr:
        raise ValueError(f"Invalid learning rate: {lr}")


def check_not_negative(**values: Any) -> None:
    """Raise ValueError, in PyTorch's words, for the first value that is negative."""
    for name, value in values.items():
        if not 0.0 <= value:
            raise ValueError(f"Invalid {name} value: {value}")


def check_betas(betas: Any) -> None:
    """Raise ValueError unless both are in [0, 1)."""
    for i in (0, 1):
        if not 0.0 <= betas[i] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")


def number(x: Any) -> Any:
    """A hyperparameter for arithmetic: a tensor's value in its own precision, a number itself."""
    return x._data.reshape(-1)[0] if isinstance(x, Tensor) else x


def chosen(values: dict[str, Any], *names: str) -> dict[str, Any]:
    """Some of a group's options, or of a function's own arguments (`locals()`), in this order."""
    return {name: values[name] for name in names}


def step_tensor(value: float, group: dict[str, Any] | None = None) -> Tensor:
    """A step count as the state keeps it: 0-d, float32 unless the default dtype is float64."""
    single = dtypes.default.float != dtypes.F64 or bool(group and group.get("fused"))
    return wrap(np.array(value, dtypes.F32 if single else dtypes.F64))


def zeros_like(p: Tensor) -> Tensor:
    """Zeros for the state of a parameter, outside of the graph."""
    return wrap(zeros(p._data.shape, p._data.dtype))
