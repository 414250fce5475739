"""What the user's program calls its tensors: found in the variables of the functions that are running."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from types import FrameType
from typing import Any

from microtorch.viz.graph import is_tensor

_PACKAGE = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "")
_LIMIT = 1000  # items of a list or dict that are looked at


def names_in_frames(frame: FrameType | None) -> dict[str, Any]:
    """Tensors by name, from the variables of `frame` and of its callers, and from the globals that they see.

    Modules give the names of their parameters (`model.fc1.weight`), lists and dicts those of their items (`layers[0]`).
    The first finder of a tensor names it, from the innermost function outwards; frames of microtorch are left out.

    >>> import sys
    >>> import microtorch as torch
    >>> w = torch.ones(3, requires_grad=True)
    >>> "w" in names_in_frames(sys._getframe())
    True
    """
    modules: dict[str, Any] = {}
    tensors: dict[str, Any] = {}
    scopes: list[Mapping[str, Any]] = []
    while frame is not None:
        if not frame.f_code.co_filename.startswith(_PACKAGE):
            scopes += [frame.f_locals, frame.f_globals] if frame.f_locals is not frame.f_globals else [frame.f_globals]
        frame = frame.f_back
    seen = set()
    for scope in scopes:
        if id(scope) not in seen:
            seen.add(id(scope))
            for name, value in _variables(scope):
                if _is_module(value):
                    modules.setdefault(name, value)
                elif is_tensor(value):
                    tensors.setdefault(name, value)
    return {**_parameters(modules), **tensors}


def name_of_module(module: Any, frame: FrameType | None) -> str:
    """The variable that holds a module in the innermost function outside of microtorch; else its class's name."""
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    if frame is not None:
        for scope in (frame.f_locals, frame.f_globals):
            for name, value in _variables(scope):
                if value is module and name != "self":
                    return name
    return type(module).__name__


def _variables(scope: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The variables of a scope, the items of its lists and dicts, and the attributes of `self`."""
    for name, value in list(scope.items()):
        if name.startswith("_"):
            continue
        yield name, value
        if isinstance(value, (list, tuple)) and len(value) <= _LIMIT:
            yield from ((f"{name}[{i}]", item) for i, item in enumerate(value))
        elif type(value) is dict and len(value) <= _LIMIT:
            yield from ((f"{name}[{key!r}]", item) for key, item in value.items())
        elif name == "self" and not _is_module(value):  # the model of a Trainer
            yield from ((key, item) for key, item in getattr(value, "__dict__", {}).items())


def _is_module(thing: Any) -> bool:
    return callable(getattr(type(thing), "named_parameters", None))  # of the class: a mock has every attribute


def _parameters(modules: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of modules; one that is a part of another is named as that part."""
    parts = set()
    for module in modules.values():
        parts |= {id(part) for part in module.modules() if part is not module}
    found: dict[str, Any] = {}
    seen: set[int] = set()
    for name, module in modules.items():
        if id(module) in parts or id(module) in seen:
            continue
        seen.add(id(module))
        prefix = "" if name == "self" else f"{name}."
        for path, tensor in module.named_parameters():
            found.setdefault(prefix + path, tensor)
    return found
