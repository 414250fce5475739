"""Small helpers of the modules: sizes given as one number or several, and names of types in messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

from microtorch import dtypes
from microtorch._missing import torch_name
from microtorch.autograd.state import TensorBase
from microtorch.functions.arguments import bad_call
from microtorch.size import device as _device, memory_format as _memory_format

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


_TO = (
    "torch.device device = None, torch.dtype dtype = None, bool non_blocking = False, bool copy = False, *, "
    "torch.memory_format memory_format = None",
    "torch.dtype dtype, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None",
    "Tensor tensor, bool non_blocking = False, bool copy = False, *, torch.memory_format memory_format = None",
)


def parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, bool, Any]:
    """What `to(...)` of a module was given, in any of its forms: device, dtype, non_blocking, memory_format.

    Raises TypeError for arguments that fit none of the forms, RuntimeError for `copy`: modules are changed in place.
    """
    first = args[0] if args else None
    if isinstance(first, TensorBase) or "tensor" in kwargs:
        names = ["tensor", "non_blocking", "copy"]
    elif isinstance(first, dtypes.dtype):
        names = ["dtype", "non_blocking", "copy"]
    else:
        names = ["device", "dtype", "non_blocking", "copy"]
    given = dict(zip(names, args))
    fits = len(args) <= len(names) and not given.keys() & kwargs.keys() and {*names, "memory_format"} >= kwargs.keys()
    given |= kwargs
    kinds = {"tensor": TensorBase, "dtype": dtypes.dtype | None, "device": str | int | _device | None,
             "non_blocking": bool, "copy": bool, "memory_format": _memory_format | None}  # fmt: skip
    if not fits or not all(isinstance(value, kinds[name]) for name, value in given.items()):
        raise bad_call("to", args, kwargs, _TO)
    if "copy" in given:
        raise RuntimeError(".to() does not accept copy argument")
    device, dtype = given.get("device"), given.get("dtype")
    if "tensor" in given:
        device, dtype = given["tensor"].device, given["tensor"].dtype
    device = device if device is None or isinstance(device, _device) else _device(device)
    return device, dtype, given.get("non_blocking", False), given.get("memory_format")
