"""`torch.accelerator`: there is none."""

from __future__ import annotations

from microtorch._missing import missing_name as _missing_name
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


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
