"""Parameters that are computed from others: constraints, as modules that are applied whenever the parameter is read."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from microtorch.autograd.modes import no_grad
from microtorch.autograd.state import TensorBase
from microtorch.nn.modules.container import ModuleDict, ModuleList
from microtorch.nn.modules.module import Module
from microtorch.nn.parameter import Parameter, is_parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_cache: dict[tuple[int, str], Any] = {}
_cache_users: list[None] = []


@contextmanager
def cached() -> Iterator[None]:
    """Inside, each parametrized tensor is computed once, when it is first read.

    >>> import microtorch as torch
    >>> m = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(2, 3))
    >>> with torch.nn.utils.parametrize.cached():
    ...     print(m.weight is m.weight)
    True
    """
    _cache_users.append(None)
    try:
        yield
    finally:
        _cache_users.pop()
        if not _cache_users:
            _cache.clear()


def _register(module: Module, name: str, value: Any) -> None:
    if is_parameter(value):
        module.register_parameter(name, value)
    else:
        module.register_buffer(name, value)


def _set(dest: Any, src: Any) -> None:
    """Give one tensor the memory of another."""
    dest.data = src.detach()


def _check_same(kind: str, old: Any, new: Any, names: tuple[str, str], message: str) -> None:
    if getattr(old, kind) != getattr(new, kind):
        raise ValueError(f"{message}\n{names[0]}: {getattr(old, kind)}\n{names[1]}: {getattr(new, kind)}")


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, and what it is computed from: `original`, or `original0`, `original1`, ..."""

    original: Any

    def __init__(self, modules: Sequence[Module], original: Any, unsafe: bool = False) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        before = original.detach()
        with no_grad():
            new: Any = original
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        new = module.right_inverse(new)
                    except NotImplementedError:
                        pass  # the parametrization cannot be assigned to: the tensor itself is the original
        if not isinstance(new, (TensorBase, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self._keep(original, new)
        if not self.unsafe:
            self._check_result(before)

    def _keep(self, original: Any, new: Any) -> None:
        """Register what the tensor is computed from."""
        self.is_tensor = isinstance(new, TensorBase)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            if original.dtype != new.dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {original.dtype}\nright_inverse(original).dtype: {new.dtype}"
                )
            _set(original, new)
            _register(self, "original", original)
        else:
            for i, part in enumerate(new):
                if not isinstance(part, TensorBase):
                    raise ValueError(
                        "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                        f"Got element {i} of the sequence with type {type(part).__name__}."
                    )
                if is_parameter(original):
                    part = Parameter(part, original.requires_grad)
                part.requires_grad_(original.requires_grad)
                _register(self, f"original{i}", part)

    def _check_result(self, before: Any) -> None:
        result = self()
        if not isinstance(result, TensorBase):
            raise ValueError(f"A parametrization must return a tensor. Got {type(result).__name__}.")
        for kind in ("dtype", "shape"):
            _check_same(
                kind, before, result, (f"unparametrized {kind}", f"parametrized {kind}"),
                f"Registering a parametrization may not change the {kind} of the tensor, unless `unsafe` flag is "
                "enabled.",
            )  # fmt: skip

    def right_inverse(self, value: Any) -> None:
        """Change what the tensor is computed from, so that it becomes `value`."""
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
        if self.is_tensor:
            if not isinstance(value, TensorBase):
                raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
            given: Any = value
            if given.dtype != self.original.dtype:
                raise ValueError(
                    f"The tensor returned by `right_inverse` has dtype {given.dtype} while `original` has dtype "
                    f"{self.original.dtype}"
                )
            _set(self.original, value)
            return
        if not isinstance(value, Sequence):
            raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(value).__name__}.")
        if len(value) != self.ntensors:
            raise ValueError(
                f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got a sequence of "
                "length "
                f"{len(value)}."
            )
        for i, part in enumerate(value):
            original = getattr(self, f"original{i}")
            if not isinstance(part, TensorBase):
                raise ValueError(
                    "'right_inverse' must return a sequence of tensors or reference-type opaques. Got element "
                    f"{i} of type {type(part).__name__}."
                )
            if original.dtype != part.dtype:  # type: ignore[attr-defined]
                raise ValueError(
                    f"Tensor {i} returned by `right_inverse` has dtype {part.dtype} "  # type: ignore[attr-defined]
                    f"while `original{i}` has dtype {original.dtype}"
                )
            _set(original, part)

    def forward(self) -> Any:
        """The parametrized tensor."""
        if self.is_tensor:
            x = self[0](self.original)
        else:
            x = self[0](*[getattr(self, f"original{i}") for i in range(self.ntensors)])
        index = 1  # not `list(self)[1:]`: a list whose original is parametrized itself has one more submodule
        while str(index) in self._modules:
            x = self[index](x)
            index += 1
        return x


def _inject_new_class(module: Module) -> None:
    """Give the module a class of its own, which gets the parametrized tensors as properties."""
    cls = type(module)

    def deepcopied(self: Any, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        replica = memo[id(self)] = self.__new__(type(self))
        replica.__dict__ = copy.deepcopy(self.__dict__, memo)
        return replica

    def getstate(self: Any) -> Any:
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(). See:\n"
            "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
            "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
        )

    members: dict[str, Any] = {"__getstate__": getstate, "__module__": ParametrizationList.__module__}
    if not hasattr(cls, "__deepcopy__"):
        members["__deepcopy__"] = deepcopied
    module.__class__ = type(f"Parametrized{cls.__name__}", (cls,), members)


def _inject_property(module: Module, name: str) -> None:
    """Make the tensor a property of the module's class."""

    def get(self: Any) -> Any:
        parametrization = self.parametrizations[name]
        if not _cache_users:
            return parametrization()
        key = (id(self), name)
        if key not in _cache:
            _cache[key] = parametrization()
        return _cache[key]

    def set_original(self: Any, value: Any) -> None:
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(get, set_original))


def register_parametrization(module: Any, tensor_name: str, parametrization: Any, *, unsafe: bool = False) -> Any:
    """Let a parameter or buffer be `parametrization(original)`, whenever it is read.

    A parametrization may have a method `right_inverse(value)`, which makes the first original, and makes assignment
    possible; it may return several tensors, which are then the parametrization's arguments. Several parametrizations
    of one tensor are applied one after another. unsafe: do not check that dtype and shape stay.

    >>> import microtorch as torch
    >>> class Symmetric(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).transpose(-1, -2)
    >>> m = torch.nn.utils.parametrize.register_parametrization(torch.nn.Linear(3, 3), "weight", Symmetric())
    >>> torch.equal(m.weight, m.weight.T)
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_appended(module, tensor_name, parametrization)
        module.parametrizations[tensor_name].append(parametrization)
        module.parametrizations[tensor_name].unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        parametrizations = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _inject_new_class(module)
            module.parametrizations = ModuleDict()
        _inject_property(module, tensor_name)
        module.parametrizations[tensor_name] = parametrizations
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name "
            f"'{tensor_name}'"
        )
    return module


def _check_appended(module: Any, name: str, parametrization: Any) -> None:
    """Raise ValueError if one more parametrization of a tensor would change its dtype or shape."""
    before = getattr(module, name)
    after = parametrization(before)
    if not isinstance(after, TensorBase):
        raise ValueError(f"A parametrization must return a tensor. Got {type(after).__name__}.")
    for kind in ("dtype", "shape"):
        _check_same(
            kind, before, after, (f"module.{name}.{kind}", f"parametrization(module.{name}).{kind}"),
            f"Registering a parametrization may not change the {kind} of the tensor, unless the `unsafe` flag is "
            "enabled.",
        )  # fmt: skip
    if not hasattr(parametrization, "right_inverse"):
        return
    try:
        back = parametrization.right_inverse(after)
    except NotImplementedError:
        return  # it cannot be assigned to
    if not isinstance(back, TensorBase):
        raise ValueError(f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}")
    for kind in ("dtype", "shape"):
        _check_same(
            kind, before, back, (f"module.{name}.{kind}", f"returned {kind}"),
            f"The tensor returned by parametrization.right_inverse must have the same {kind} as module.{name}, unless "
            "the "
            "`unsafe` flag is enabled.",
        )  # fmt: skip


def is_parametrized(module: Any, tensor_name: str | None = None) -> bool:
    """Whether a module has parametrized tensors, or one of this name."""
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module: Any, tensor_name: str, leave_parametrized: bool = True) -> Any:
    """Make a parametrized tensor an ordinary one, with its present value, or (leave_parametrized=False) its original
    one."""
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    parametrizations = module.parametrizations[tensor_name]
    if parametrizations.is_tensor:
        original = parametrizations.original
        if leave_parametrized:
            with no_grad():
                _set(original, getattr(module, tensor_name))
    elif leave_parametrized:
        t = getattr(module, tensor_name)
        original = Parameter(t) if t.requires_grad else t
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a "
            "sequence of "
            "tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Any) -> type:
    """The class of a module as it was before its tensors were parametrized."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(from_module: Any, to_module: Any, tensor_name: str | None = None) -> Any:
    """Parametrize the tensors of a module (or one of them) as those of another are, sharing what they are computed
    from."""
    if not is_parametrized(from_module):
        return to_module
    for name in list(from_module.parametrizations) if tensor_name is None else [tensor_name]:
        source = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for function in source:
            register_parametrization(to_module, name, function)
        target = to_module.parametrizations[name]
        for key in ["original"] if source.is_tensor else [f"original{i}" for i in range(source.ntensors)]:
            setattr(target, key, getattr(source, key))
    return to_module
