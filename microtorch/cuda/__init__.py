"""`torch.cuda` as a PyTorch built for the CPU has it: there is no such device, and asking for one raises.

So `"cuda" if torch.cuda.is_available() else "cpu"` chooses the CPU, and seeding or emptying what does not exist does
nothing.
"""

from __future__ import annotations

import collections
import warnings
from types import TracebackType
from typing import Any, NoReturn

from microtorch._missing import missing_name as _missing_name
from microtorch.cuda import amp as amp, nccl as nccl, nvtx as nvtx
from microtorch.cuda.types import (
    BFloat16Tensor as BFloat16Tensor,
    BoolTensor as BoolTensor,
    ByteTensor as ByteTensor,
    CharTensor as CharTensor,
    DoubleTensor as DoubleTensor,
    FloatTensor as FloatTensor,
    HalfTensor as HalfTensor,
    IntTensor as IntTensor,
    LongTensor as LongTensor,
    ShortTensor as ShortTensor,
)
from microtorch.size import device as _device

default_generators: tuple[Any, ...] = ()
_initialized = False


def _none() -> NoReturn:
    raise AssertionError("Torch not compiled with CUDA enabled")


class OutOfMemoryError(RuntimeError):
    """Never raised here: a device without memory does not run out of it."""

    __module__ = "torch"


class AcceleratorError(RuntimeError):
    """Never raised here: a device that is not there does not fail."""

    __module__ = "torch"


CudaError = AcceleratorError


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False."""
    return False


def is_tf32_supported() -> bool:
    """False."""
    return False


def get_arch_list() -> list[str]:
    """Empty."""
    return []


def manual_seed(seed: int) -> None:
    """Nothing: there is no generator to seed."""
    int(seed)


def manual_seed_all(seed: int) -> None:
    """Nothing: there is no generator to seed."""
    int(seed)


def seed() -> None:
    """Nothing: there is no generator to seed."""


def seed_all() -> None:
    """Nothing: there is no generator to seed."""


def get_rng_state_all() -> list[Any]:
    """The states of no generators."""
    return []


def set_rng_state_all(new_states: Any) -> None:
    """Raises AssertionError if there is a state to set."""
    for _ in new_states:
        _none()


def empty_cache() -> None:
    """Nothing."""


def memory_allocated(device: Any = None) -> int:
    """0 bytes."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def memory_stats(device: Any = None) -> collections.OrderedDict[str, Any]:
    """Empty."""
    return collections.OrderedDict()


def init() -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def current_device() -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def initial_seed() -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def ipc_collect() -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def synchronize(device: Any = None) -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def get_device_name(device: Any = None) -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def get_device_properties(device: Any = None) -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def get_device_capability(device: Any = None) -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def get_rng_state(device: Any = "cuda") -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def set_rng_state(new_state: Any, device: Any = "cuda") -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def mem_get_info(device: Any = None) -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def current_stream(device: Any = None) -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def default_stream(device: Any = None) -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def reset_peak_memory_stats(device: Any = None) -> None:
    """Nothing: no memory was ever used."""


reset_max_memory_allocated = reset_accumulated_memory_stats = reset_peak_memory_stats


def memory_cached(device: Any = None) -> int:
    """The old name of `memory_reserved`: 0 bytes."""
    warnings.warn("`torch.cuda.memory_cached` has been renamed to `torch.cuda.memory_reserved`", FutureWarning, 2)
    return 0


def max_memory_cached(device: Any = None) -> int:
    """The old name of `max_memory_reserved`: 0 bytes."""
    message = "`torch.cuda.max_memory_cached` has been renamed to `torch.cuda.max_memory_reserved`"
    warnings.warn(message, FutureWarning, 2)
    return 0


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def can_device_access_peer(device: Any, peer_device: Any) -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def memory_summary(device: Any = None, abbreviated: bool = False) -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def utilization(device: Any = None) -> NoReturn:
    """Raises AssertionError: there is no such device."""
    _none()


def is_current_stream_capturing() -> bool:
    """False."""
    return False


def set_device(device: Any) -> None:
    """Raises AssertionError, but for a negative number, which asks for no device."""
    if _index(device) >= 0:
        _none()


def _index(which: Any) -> int:
    if isinstance(which, str):
        which = _device(which)
    if isinstance(which, _device):
        return which.index or 0
    return -1 if which is None else int(which)


class device:
    """A block in which a device is the current one.

    Raises RuntimeError when it is entered, but for a negative number, which asks for no device.
    """

    def __init__(self, device: Any) -> None:
        self.idx = _index(device)

    def __enter__(self) -> None:
        if self.idx >= 0:
            raise RuntimeError("PyTorch was compiled without CUDA support")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass


class device_of(device):
    """A block in which the device of a tensor is the current one; for a tensor on the CPU nothing changes."""

    def __init__(self, obj: Any) -> None:
        super().__init__(-1)


class StreamContext:
    """A block in which a stream is the current one; None asks for nothing."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass


def stream(stream: Any) -> StreamContext:
    """A block in which a stream is the current one; None asks for nothing."""
    return StreamContext(stream)


class Stream:
    """Raises RuntimeError: there is no such device."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("torch.cuda.Stream requires CUDA support")


class CUDAGraph:
    """Raises RuntimeError: there is no such device."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("Tried to instantiate dummy base class CUDAGraph")


class Event:
    """Raises RuntimeError: there is no such device."""

    def __init__(self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False) -> None:
        raise RuntimeError("Tried to instantiate dummy base class Event")


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
