"""Small helpers of the modules: sizes given as one number or several, and names of types in messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

from microtorch._missing import torch_name
from microtorch.autograd.state import TensorBase

__all__ = ["consume_prefix_in_state_dict_if_present"]


def _ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple[Any, ...]]:
    """A function that makes a tuple of n equal numbers of one number, and a tuple of a sequence."""

    def parse(x: Any) -> tuple[Any, ...]:
        return tuple(x) if isinstance(x, Iterable) else (x,) * n

    parse.__name__ = name
    return parse


_single = _ntuple(1, "_single")
_pair = _ntuple(2, "_pair")
_triple = _ntuple(3, "_triple")
_quadruple = _ntuple(4, "_quadruple")


def _reverse_repeat_tuple(t: Iterable[Any], n: int) -> tuple[Any, ...]:
    """The elements in reverse order, each n times: a convolution's padding as `F.pad` wants it."""
    return tuple(x for x in tuple(t)[::-1] for _ in range(n))


def typename(obj: Any) -> str:
    """The name of an object's type as PyTorch's messages give it: torch.FloatTensor, int,
    torch.nn.modules.linear.Linear.

    A class or function is named itself.
    """
    if isinstance(obj, TensorBase):
        return str(obj.type())  # type: ignore[attr-defined]
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", "") or ""
    return named.__qualname__ if module in ("", "builtins") else f"{torch_name(module)}.{named.__qualname__}"


def class_text(cls: type) -> str:
    """How PyTorch prints one of its classes: <class 'torch.nn.modules.linear.Linear'>."""
    return f"<class '{typename(cls)}'>"


def consume_prefix_in_state_dict_if_present(state_dict: MutableMapping[str, Any], prefix: str) -> None:
    """Take the prefix ("module.") off the keys of a state_dict, in place.

    >>> import microtorch as torch
    >>> state = torch.nn.Sequential(torch.nn.Linear(1, 1)).state_dict()
    >>> torch.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "0.")
    >>> list(state)
    ['weight', 'bias']
    """
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata: Any = getattr(state_dict, "_metadata", None)
    for key in list(metadata or ()):
        if key and (key == prefix.replace(".", "") or key.startswith(prefix)):
            metadata[key[len(prefix) :]] = metadata.pop(key)
