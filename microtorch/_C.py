"""The few names of PyTorch's C++ module that its documentation has programs use."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from microtorch._missing import missing_name as _missing_name
from microtorch._overriding import (
    DisableTorchFunction as DisableTorchFunction,
    DisableTorchFunctionSubclass as DisableTorchFunctionSubclass,
    disabled_torch_function as _disabled_torch_function_impl,
    local as _local,
)
from microtorch._tensor import Tensor as TensorBase
from microtorch.autograd import engine as _engine
from microtorch.kernels.batched import running as _running
from microtorch.overrides import (
    has_torch_function as _has_torch_function,
    has_torch_function_unary as _has_torch_function_unary,
    has_torch_function_variadic as _has_torch_function_variadic,
)
from microtorch.unsupported import absent as _absent


class _Functions(ModuleType):
    """`torch._C._nn`: functions of torch.nn.functional under the names that traced code has."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(importlib.import_module("microtorch.nn.functional"), name, None)
        if found is None or name.startswith("__"):
            raise AttributeError(f"module 'torch._C._nn' has no attribute '{name}'")
        return found


_nn = _Functions("torch._C._nn")

Graph, Node, Value = (
    _absent(__name__, name, "nothing is compiled to PyTorch's graphs") for name in ("Graph", "Node", "Value")
)

__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "TensorBase",
    "_disabled_torch_function_impl",
    "_has_torch_function",
    "_has_torch_function_unary",
    "_has_torch_function_variadic",
]


def _is_torch_function_enabled() -> bool:
    """True unless it is switched off here for subclasses, or altogether."""
    return _local.everything and _local.subclasses


def _is_torch_function_mode_enabled() -> bool:
    """True inside of a TorchFunctionMode."""
    return bool(_local.modes)


def _are_functorch_transforms_active() -> bool:
    """True inside of a transform of torch.func: vmap, grad, jvp."""
    return bool(_running.levels or _engine.transforms.stack)


def _get_tracing_state() -> None:
    """None: nothing is traced here."""


def _is_tracing() -> bool:
    """False."""
    return False


def _log_api_usage_once(name: str, /) -> None:
    """Nothing is logged here."""


def __getattr__(name: str) -> Any:
    raise _missing_name(__name__, name)
