"""Small questions that `torch` answers about objects and tensors."""

from __future__ import annotations

import importlib
from typing import Any

from microtorch._missing import torch_name
from microtorch.autograd.state import TensorBase
from microtorch.size import device as Device

_PLAIN = ("builtins", "__builtins__", "")


def typename(obj: Any, /) -> str:
    """The full name of an object's type: that of a tensor is that of its dtype.

    >>> import microtorch as torch
    >>> torch.typename(torch.ones(2)), torch.typename(3)
    ('torch.FloatTensor', 'int')
    """
    if isinstance(obj, TensorBase):
        return str(obj.type())  # type: ignore[attr-defined]
    kind = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(kind, "__module__", None) or ""
    name = getattr(kind, "__qualname__", "")
    if module == "microtorch.dtypes" and name == "dtype":
        return "torch.dtype"
    return name if module in _PLAIN else f"{torch_name(module)}.{name}"


def is_distributed(input: Any) -> bool:
    """False."""
    return False


def is_inference(input: Any) -> bool:
    """Not kept here: see Tensor.is_inference."""
    return bool(input.is_inference())


def is_vulkan_available() -> bool:
    """False."""
    return False


def compiled_with_cxx11_abi() -> bool:
    """True, as PyTorch's own builds say."""
    return True


def get_device(input: Any) -> int:
    """-1: the number of the CPU."""
    return int(input.get_device())


def get_device_module(device: Any = None) -> Any:
    """The module of a kind of device: torch.cpu, torch.cuda, ...

    Raises RuntimeError for a device without one.
    """
    kind = "cpu" if device is None else Device(device).type
    if kind not in ("cpu", "cuda", "mps", "xpu", "mtia"):
        raise RuntimeError(f"Invalid device '{kind}', device module does not exist")
    return importlib.import_module(f"microtorch.{kind}")
