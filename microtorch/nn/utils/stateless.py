"""Modules called with other parameters than their own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from microtorch.autograd.state import TensorBase
from microtorch.nn.modules.module import Module

__all__ = ["functional_call"]

_MISSING = object()


def _tied(module: Module, given: dict[str, Any]) -> dict[str, Any]:
    """The given tensors also under the other names that their parameters have in the module.

    Raises ValueError if two names of one parameter are given different tensors.
    """
    members = dict(module.named_parameters(remove_duplicate=False))
    members.update(module.named_buffers(remove_duplicate=False))
    names_of: dict[Any, list[str]] = {}
    for name, tensor in members.items():
        names_of.setdefault(tensor, []).append(name)
    result = dict(given)
    for names in names_of.values():
        values = {given[name] for name in names if name in given}
        if len(names) > 1 and len(values) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(names)}, which are tied. Consider using "
                "tie_weights=False"
            )
        for value in values:
            result.update(dict.fromkeys(names, value))
    return result


def _submodule(module: Module, path: str) -> Module:
    """What `Module.get_submodule` finds; a TypeError says that what is there is no module."""
    owner: Any = module
    for name in path.split(".") if path else ():
        if not hasattr(owner, name):
            raise AttributeError(f"{owner._get_name()} has no attribute `{name}`")
        owner = getattr(owner, name)
        if not isinstance(owner, Module):
            raise TypeError(f"submodule `{path}`: {owner} is not an instance of torch.nn.Module")
    return owner  # type: ignore[no-any-return]


def _swap(module: Module, path: str, value: Any) -> Any:
    """Put a tensor at a dotted name, and return what was there; _MISSING stands for nothing."""
    prefix, _, name = path.rpartition(".")
    owner = _submodule(module, prefix)
    if not (value is _MISSING or value is None or isinstance(value, TensorBase)):
        raise TypeError(f"{value} is not an instance of torch.Tensor")
    if not name:
        raise KeyError('tensor name can\'t be empty string ""')
    for members in (owner._parameters, owner._buffers):
        if name in members:
            old, members[name] = members[name], value
            return old
    old = getattr(owner, name, _MISSING)
    if not (old is _MISSING or old is None or isinstance(old, TensorBase)):
        raise TypeError(f"attribute `{name}`: {old} is not an instance of torch.Tensor")
    if value is _MISSING:
        del owner.__dict__[name]
    else:
        owner.__dict__[name] = value
    return old


def _check_keys(module: Module, given: Mapping[str, Any]) -> None:
    """Raise RuntimeError unless the module has exactly these parameters and buffers."""
    own = {name for name, _ in module.named_parameters(remove_duplicate=False)}
    own |= {name for name, _ in module.named_buffers(remove_duplicate=False)}
    problems = [
        f"{kind} key(s): {', '.join(map(repr, keys))}."
        for kind, keys in (("Unexpected", given.keys() - own), ("Missing", own - given.keys()))
        if keys
    ]
    if problems:
        raise RuntimeError(
            "Error(s) in reparametrizing for {}:\n\t{}".format(module._get_name(), "\n\t".join(problems))
        )


@contextmanager
def _reparametrize_module(
    module: Module, parameters_and_buffers: dict[str, Any], tie_weights: bool = False, strict: bool = False
) -> Iterator[None]:
    """Inside, the module has these parameters and buffers; writes to them in place are seen in the dictionary."""
    given = _tied(module, parameters_and_buffers) if tie_weights else dict(parameters_and_buffers)
    if strict:
        _check_keys(module, given)
    before: dict[str, Any] = {}
    try:
        for name, value in given.items():
            before[name] = _swap(module, name, value)
        yield
    finally:
        after = {name: _swap(module, name, value) for name, value in before.items()}
        parameters_and_buffers.update((k, after[k]) for k in list(parameters_and_buffers) if k in after)


def call_with(
    module: Module,
    parameters_and_buffers: dict[str, Any] | Sequence[dict[str, Any]],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other parameters and buffers, by name: `torch.func.functional_call`.

    args: a tuple, or one argument. tie_weights: a parameter under several names is replaced under all. strict: all
    must be given. Raises ValueError for a key in several of the dictionaries.

    >>> import microtorch as torch
    >>> m = torch.nn.Linear(2, 1)
    >>> call_with(m, {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}, torch.tensor([1.0, 2.0]))
    tensor([3.])
    """
    if isinstance(parameters_and_buffers, dict):
        given = parameters_and_buffers
    elif not isinstance(parameters_and_buffers, (tuple, list)):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(parameters_and_buffers)}"
        )
    else:
        given = {}
        for part in parameters_and_buffers:
            if not isinstance(part, dict):
                raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
            repeated = [name for name in part if name in given]
            if repeated:
                raise ValueError(
                    f"{repeated} appeared in multiple dictionaries; behavior of functional call is ambiguous"
                )
            given.update(part)
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with _reparametrize_module(module, given, tie_weights=tie_weights, strict=strict):
        return module(*arguments, **(kwargs or {}))


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Any],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Deprecated: torch.func.functional_call."""
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be removed in a future "
        "version of PyTorch. Please use `torch.func.functional_call` instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return call_with(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)
