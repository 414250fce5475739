"""Small questions that `torch` answers about objects and tensors."""

from __future__ import annotations

import importlib
from typing import Any

from microtorch._missing import torch_name
from microtorch.autograd.state import TensorBase
from microtorch.dtypes import int64
from microtorch.functions.creation import tensor
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


def _shape_as_tensor(self: Any) -> Any:
    """The shape of a tensor as a tensor of int64."""
    return tensor(list(self.shape), dtype=int64)


def _cast_Long(input: Any, non_blocking: bool = False) -> Any:
    """`input.long()`; an old name that libraries still call."""
    return input.long()


def _cast_Float(input: Any, non_blocking: bool = False) -> Any:
    """`input.float()`."""
    return input.float()


def _reshape_from_tensor(self: Any, shape: Any) -> Any:
    """`self.reshape(shape)` with the shape in a tensor."""
    return self.reshape(shape.tolist())


# numbers that PyTorch's compiler may not know yet: here they are always known ----------------------------------------


class SymInt:
    """An int that PyTorch's compiler does not know yet; nothing is one here."""


class SymFloat:
    """A float that PyTorch's compiler does not know yet; nothing is one here."""


class SymBool:
    """A bool that PyTorch's compiler does not know yet; nothing is one here."""


def sym_int(a: Any) -> int:
    """The number cut to an integer, toward zero."""
    return int(a)


def sym_float(a: Any) -> float:
    """The number as a float."""
    return float(a)


def sym_not(a: Any) -> bool:
    """The contrary."""
    return not a


def sym_max(a: Any, b: Any) -> Any:
    """The larger number; a float if one of them is."""
    largest = max(a, b)
    return float(largest) if float in (type(a), type(b)) else largest


def sym_min(a: Any, b: Any) -> Any:
    """The smaller number; a float if one of them is."""
    smallest = min(a, b)
    return float(smallest) if float in (type(a), type(b)) else smallest


def sym_ite(b: Any, t: Any, f: Any) -> Any:
    """t if b, else f."""
    assert isinstance(b, bool) and type(t) is type(f)
    return t if b else f


def sym_sum(args: Any) -> Any:
    """The sum of some numbers."""
    return sum(args)


def cond(pred: Any, true_fn: Any, false_fn: Any, operands: Any = ()) -> Any:
    """`true_fn(*operands)` if pred, else `false_fn(*operands)`: PyTorch's way to keep both for its compiler.

    >>> import microtorch as torch
    >>> torch.cond(torch.tensor(True), torch.sin, torch.cos, (torch.zeros(1),))
    tensor([0.])
    """
    return (true_fn if pred else false_fn)(*operands)
