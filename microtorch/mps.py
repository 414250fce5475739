"""`torch.mps`: Apple's GPUs are not used; seeding them and emptying their cache does nothing."""

from __future__ import annotations

from microtorch._missing import missing_names as _missing_names


def is_available() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing."""


def empty_cache() -> None:
    """Nothing."""


__getattr__ = _missing_names(__name__)
