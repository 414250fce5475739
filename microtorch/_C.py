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
from microtorch.autograd import engine as _engine, modes as _modes
from microtorch.autograd.modes import is_grad_enabled as is_grad_enabled
from microtorch.dtypes import dtype as dtype, get_default_dtype as get_default_dtype
from microtorch.kernels.batched import running as _running
from microtorch.linalg import LinAlgError as _LinAlgError
from microtorch.nn.modules.utils import parse_to as _parse_to
from microtorch.overrides import (
    has_torch_function as _has_torch_function,
    has_torch_function_unary as _has_torch_function_unary,
    has_torch_function_variadic as _has_torch_function_variadic,
)
from microtorch.random import Generator as Generator, default_generator as default_generator
from microtorch.size import (
    Size as Size,
    device as device,
    layout as layout,
    memory_format as memory_format,
)
from microtorch.unsupported import absent as _absent


class _Functions(ModuleType):
    """Functions of another module under the names that PyTorch's C++ module has for them."""

    def __init__(self, name: str, home: str, prefix: str = "") -> None:
        super().__init__(name)
        self._home, self._prefix = home, prefix

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__"):
            found = getattr(importlib.import_module(self._home), name.removeprefix(self._prefix), None)
            if found is not None:
                return found
        raise AttributeError(f"module '{self.__name__}' has no attribute '{name}'")


_nn = _Functions("torch._C._nn", "microtorch.nn.functional")
_nn._parse_to = _parse_to  # type: ignore[attr-defined]
_linalg = _Functions("torch._C._linalg", "microtorch.linalg", "linalg_")
_fft = _Functions("torch._C._fft", "microtorch.fft", "fft_")
_special = _Functions("torch._C._special", "microtorch.special", "special_")
_VariableFunctions = _Functions("torch._C._VariableFunctions", "microtorch")
_has_cuda = _has_mps = has_mkl = has_openmp = False
_GLIBCXX_USE_CXX11_ABI = True

Graph, Node, Value = (
    _absent(__name__, name, "nothing is compiled to PyTorch's graphs") for name in ("Graph", "Node", "Value")
)

__all__ = [
    "_LinAlgError",
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


def _set_grad_enabled(mode: bool, /) -> None:
    """Switch recording on or off."""
    _modes.set_grad_enabled(mode)


def _jit_set_profiling_executor(mode: bool, /) -> bool:
    """True: what the compiler does is not kept, since there is none."""
    return True


_jit_set_profiling_mode = _jit_set_profiling_executor


def _log_api_usage_once(name: str, /) -> None:
    """Nothing is logged here."""


def __getattr__(name: str) -> Any:
    raise _missing_name(__name__, name)
