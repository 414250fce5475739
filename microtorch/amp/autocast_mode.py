"""`torch.autocast`: blocks that would compute in a lower precision, where there is one."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any

from microtorch import dtypes
from microtorch.size import device

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available", "is_autocast_enabled"]


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """False: in no block here are operations cast."""
    if device_type is not None:
        device(device_type)
    return False


def is_autocast_cpu_enabled() -> bool:
    """False."""
    return False


def is_autocast_cache_enabled() -> bool:
    """True, as in PyTorch at first."""
    return True


def get_autocast_dtype(device_type: str) -> dtypes.dtype:
    """What autocast would cast to on that kind of device."""
    return dtypes.bfloat16 if device(device_type).type == "cpu" else dtypes.float16


def get_autocast_gpu_dtype() -> dtypes.dtype:
    """What autocast would cast to on CUDA."""
    return dtypes.float16


def get_autocast_cpu_dtype() -> dtypes.dtype:
    """What autocast would cast to on the CPU."""
    return dtypes.bfloat16


def is_autocast_available(device_type: str) -> bool:
    """Whether PyTorch has autocast for a kind of device."""
    return device(device_type).type in ("cpu", "cuda", "xpu", "hpu", "mtia", "mps", "xla", "ipu", "privateuseone")


class autocast:
    """A block (or decorator) in which a GPU would compute matrix products in half precision.

    Without a GPU it warns, and changes nothing. Raises NotImplementedError for the CPU's own autocast (bfloat16 or
    float16) unless `enabled=False`, TypeError for a device type that is no text, RuntimeError for one unknown.

    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"), autocast("cuda", enabled=True) as context:
    ...     context._enabled
    False
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.device = device(device_type).type
        self.fast_dtype = dtype if dtype is not None else dtypes.float16
        if enabled and self.device == "cuda":
            warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=2)
            enabled = False
        elif enabled and self.device == "cpu":
            if dtype is not None and str(dtype) not in ("torch.bfloat16", "torch.float16"):
                warnings.warn(
                    "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                    "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                    stacklevel=2,
                )
                enabled = False
            else:
                raise NotImplementedError("microtorch has no autocast on the CPU: NumPy has no bfloat16")
        elif enabled:
            warnings.warn(f"{self.device.upper()} is not available. Disabling autocast.", stacklevel=2)
            enabled = False
        self._enabled = enabled

    def __enter__(self) -> autocast:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return decorated


def custom_fwd(fwd: Any = None, *, device_type: str, cast_inputs: Any = None) -> Any:
    """A decorator for `forward` of an autograd.Function under autocast: without one, the function itself."""
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)
    return fwd


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """A decorator for `backward` of an autograd.Function under autocast: without one, the function itself."""
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)
    return bwd
