"""`torch.autocast`: blocks in which PyTorch chooses the precision of each operation."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any

import numpy as np

from microtorch import dtypes
from microtorch.amp.casting import eligible, install, state
from microtorch.autograd.state import TensorBase
from microtorch.size import device

__all__ = ["autocast", "custom_bwd", "custom_fwd", "is_autocast_available", "is_autocast_enabled"]

_fast: dict[str, dtypes.dtype] = {}
"""What `set_autocast_dtype` has set for devices that are not here."""


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Whether operations are cast on that kind of device (by default CUDA: False)."""
    return device_type is not None and device(device_type).type == "cpu" and state.enabled


def set_autocast_enabled(device_type: str, enabled: bool) -> None:
    """Switch autocast on or off, outside of blocks; on devices that are not here nothing changes."""
    if device(device_type).type == "cpu":
        if enabled:
            install()
        state.enabled = bool(enabled)


def _deprecated(call: str, instead: str) -> None:
    warnings.warn(f"torch.{call} is deprecated. Please use torch.{instead} instead.", DeprecationWarning, stacklevel=3)


def is_autocast_cpu_enabled() -> bool:
    """Deprecated: is_autocast_enabled("cpu")."""
    _deprecated("is_autocast_cpu_enabled()", "is_autocast_enabled('cpu')")
    return state.enabled


def set_autocast_cpu_enabled(enabled: bool) -> None:
    """Deprecated: set_autocast_enabled("cpu", enabled)."""
    _deprecated("set_autocast_cpu_enabled(enabled)", "set_autocast_enabled('cpu', enabled)")
    set_autocast_enabled("cpu", enabled)


def set_autocast_cpu_dtype(dtype: dtypes.dtype) -> None:
    """Deprecated: set_autocast_dtype("cpu", dtype)."""
    _deprecated("set_autocast_cpu_dtype(dtype)", "set_autocast_dtype('cpu', dtype)")
    set_autocast_dtype("cpu", dtype)


def is_autocast_cache_enabled() -> bool:
    """Whether a parameter is cast only once in a block."""
    return state.cache_enabled


def set_autocast_cache_enabled(enabled: bool) -> None:
    """Cast a parameter only once in a block, or at each use."""
    state.cache_enabled = bool(enabled)


def clear_autocast_cache() -> None:
    """Forget what parameters were cast to."""
    state.cached.clear()


def autocast_increment_nesting() -> int:
    """Count one more block."""
    state.nesting += 1
    return state.nesting


def autocast_decrement_nesting() -> int:
    """Count one block less."""
    state.nesting -= 1
    return state.nesting


def get_autocast_dtype(device_type: str) -> dtypes.dtype:
    """What autocast casts to on that kind of device."""
    kind = device(device_type).type
    if kind == "cpu":
        return state.dtype
    return _fast.get(kind, dtypes.float16)


def set_autocast_dtype(device_type: str, dtype: dtypes.dtype) -> None:
    """Set what autocast casts to on that kind of device."""
    kind = device(device_type).type
    if kind == "cpu":
        state.dtype = dtype
    else:
        _fast[kind] = dtype


def get_autocast_gpu_dtype() -> dtypes.dtype:
    """What autocast would cast to on CUDA."""
    return get_autocast_dtype("cuda")


def get_autocast_cpu_dtype() -> dtypes.dtype:
    """Deprecated: get_autocast_dtype("cpu")."""
    _deprecated("get_autocast_cpu_dtype()", "get_autocast_dtype('cpu')")
    return state.dtype


def is_autocast_available(device_type: str) -> bool:
    """Whether PyTorch has autocast for a kind of device."""
    return device(device_type).type in ("cpu", "cuda", "xpu", "hpu", "mtia", "mps", "xla", "ipu", "privateuseone")


class autocast:
    """A block (or decorator) in which matrix products and convolutions of float32 are computed in lower precision.

    On the CPU in bfloat16 (or float16): the lists are in microtorch/amp/casting.py. Losses and what needs the range is
    computed in float32, the rest in the dtype that it is given. Without CUDA `autocast("cuda")` warns, and changes
    nothing. Raises ValueError for a device type that is no text, RuntimeError for one unknown.

    >>> import microtorch as torch
    >>> with torch.autocast("cpu"):
    ...     y = torch.ones(2, 2) @ torch.ones(2, 2)
    >>> y.dtype, torch.is_autocast_enabled("cpu")
    (torch.bfloat16, False)
    """

    def __init__(
        self, device_type: str, dtype: Any = None, enabled: bool = True, cache_enabled: bool | None = None
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self.device = device(device_type).type
        self._cache_enabled = state.cache_enabled if cache_enabled is None else cache_enabled
        name = self.device.upper()
        if enabled and self.device == "cuda":
            warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=2)
            enabled = False
        elif enabled and self.fast_dtype not in (dtypes.bfloat16, dtypes.float16):
            warnings.warn(
                f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"{name} Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                stacklevel=2,
            )
            enabled = False
        self._enabled = enabled

    def __enter__(self) -> autocast:
        self.prev_cache_enabled, self.prev = state.cache_enabled, is_autocast_enabled(self.device)
        self.prev_fastdtype = get_autocast_dtype(self.device)
        set_autocast_enabled(self.device, self._enabled)
        set_autocast_dtype(self.device, self.fast_dtype)
        autocast_increment_nesting()
        state.cache_enabled = self._cache_enabled
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if autocast_decrement_nesting() == 0:
            clear_autocast_cache()
        set_autocast_enabled(self.device, self.prev)
        set_autocast_dtype(self.device, self.prev_fastdtype)
        state.cache_enabled = self.prev_cache_enabled

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        if not callable(func):
            raise TypeError(
                f"autocast()(func) requires a callable, but got {type(func).__name__}. Did you mean to use autocast as "
                "a context manager? For example:\n    with torch.autocast(device_type=...):\n"
                "        output = model(input)"
            )

        @functools.wraps(func)
        def decorated(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return decorated


def _cast(value: Any, device_type: str, dtype: dtypes.dtype) -> Any:
    """Arguments of a Function's forward, with floating tensors on that device in another dtype."""
    if isinstance(value, TensorBase):
        return value.to(dtype) if eligible(value) and device_type == "cpu" else value  # type: ignore[attr-defined]
    if isinstance(value, (str, bytes, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {_cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, Iterable):
        parts = (_cast(v, device_type, dtype) for v in value)
        return type(value)(parts) if isinstance(value, (list, tuple)) else parts
    return value


def custom_fwd(fwd: Any = None, *, device_type: str, cast_inputs: Any = None) -> Any:
    """A decorator for `forward` of an autograd.Function: under autocast its operations are cast, too.

    cast_inputs: instead cast the arguments to that dtype, and compute with autocast off.
    """
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        context, inside = args[0], is_autocast_enabled(device_type)
        context._dtype = get_autocast_dtype(device_type)
        context._fwd_used_autocast = inside and cast_inputs is None
        if cast_inputs is None or not inside:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(*_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs))

    return decorated


def custom_bwd(bwd: Any = None, *, device_type: str) -> Any:
    """A decorator for `backward` of an autograd.Function: its operations are cast if those of `forward` were."""
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        context = args[0]
        with autocast(device_type, dtype=context._dtype, enabled=context._fwd_used_autocast):
            return bwd(*args, **kwargs)

    return decorated
