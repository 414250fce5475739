"""`torch.mtia`: an accelerator that is not used here."""

from microtorch._missing import missing_name as _missing_name


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


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
