"""`torch.cuda` as a PyTorch built for the CPU has it: there is no such device, and asking for one raises.

So `"cuda" if torch.cuda.is_available() else "cpu"` chooses the CPU, and seeding or emptying what does not exist does
nothing.
"""

from __future__ import annotations

import collections
import warnings
from typing import Any, NoReturn

from microtorch._missing import missing_names as _missing_names
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


def _none(*args: Any, **named: Any) -> NoReturn:
    """Raises AssertionError: there is no such device."""
    raise AssertionError("Torch not compiled with CUDA enabled")


init = current_device = initial_seed = ipc_collect = synchronize = get_device_name = get_device_properties = _none
get_device_capability = get_rng_state = set_rng_state = mem_get_info = current_stream = default_stream = _none
set_per_process_memory_fraction = can_device_access_peer = memory_summary = utilization = _none


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


is_initialized = is_tf32_supported = is_current_stream_capturing = is_available


def device_count() -> int:
    """0."""
    return 0


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """False."""
    return False


def get_arch_list() -> list[str]:
    """Empty."""
    return []


def manual_seed(seed: int) -> None:
    """Nothing: there is no generator to seed."""
    int(seed)


manual_seed_all = manual_seed


def seed() -> None:
    """Nothing: there is no generator to seed."""


seed_all = seed


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

    def __exit__(self, *error: object) -> None:
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

    def __exit__(self, *error: object) -> None:
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


__getattr__ = _missing_names(__name__)
