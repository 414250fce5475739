"""`torch.mtia`: an accelerator that is not used here."""

from microtorch._missing import missing_names as _missing_names


def is_available() -> bool:
    """False."""
    return False


def is_initialized() -> bool:
    """False."""
    return False


def device_count() -> int:
    """0."""
    return 0


def manual_seed(seed: int) -> None:
    """Nothing to seed."""


__getattr__ = _missing_names(__name__)
