"""`torch.xpu`: Intel's GPUs are not used; seeding them and emptying their cache does nothing."""

from __future__ import annotations

from microtorch._missing import missing_name as _missing_name


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing."""


def manual_seed_all(seed: int) -> None:
    """Nothing."""


def empty_cache() -> None:
    """Nothing."""


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
