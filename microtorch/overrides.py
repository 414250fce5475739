"""`torch.overrides`: functions do not ask their arguments' classes here, so that nothing is overridden."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from microtorch._missing import missing_name as _missing_name
from microtorch.autograd.state import TensorBase
from microtorch.unsupported import absent as _absent, not_supported as _not_supported

_WHY = "functions do not call __torch_function__"

TorchFunctionMode = _absent(__name__, "TorchFunctionMode", _WHY)


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """False."""
    return False


def has_torch_function_unary(arg: Any) -> bool:
    """False."""
    return False


def has_torch_function_variadic(*args: Any) -> bool:
    """False."""
    return False


def is_tensor_like(inp: Any) -> bool:
    """True for a tensor, and for what has a method __torch_function__."""
    return isinstance(inp, TensorBase) or hasattr(inp, "__torch_function__")


def handle_torch_function(public_api: Any, relevant_args: Iterable[Any], *args: Any, **kwargs: Any) -> NoReturn:
    """Raises NotImplementedError."""
    raise _not_supported("torch.overrides.handle_torch_function", _WHY)


def get_ignored_functions() -> set[Any]:
    """None of them."""
    return set()


def get_overridable_functions() -> dict[Any, Any]:
    """None of them."""
    return {}


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
