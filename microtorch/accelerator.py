"""`torch.accelerator`: there is none."""

from __future__ import annotations

from typing import Any, NoReturn

from microtorch._missing import missing_names as _missing_names
from microtorch.size import device


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def current_accelerator(check_available: bool = False) -> device | None:
    """None."""
    return None


def _none(*args: Any, **named: Any) -> NoReturn:
    """Raises RuntimeError: there is no accelerator."""
    raise RuntimeError("Cannot access accelerator device when none is available.")


current_device_index = current_device_idx = set_device_index = set_device_idx = synchronize = _none
current_stream = set_stream = empty_cache = memory_stats = memory_allocated = max_memory_allocated = _none
memory_reserved = max_memory_reserved = reset_peak_memory_stats = reset_accumulated_memory_stats = _none
get_memory_info = get_device_capability = _none


class device_index:
    """A block in which another accelerator is the current one.

    Raises RuntimeError when it is entered, but for None, which asks for none.
    """

    def __init__(self, device: int | None) -> None:
        self.idx = device

    def __enter__(self) -> None:
        if self.idx is not None:
            _none()

    def __exit__(self, *error: object) -> None:
        pass


__getattr__ = _missing_names(__name__)
