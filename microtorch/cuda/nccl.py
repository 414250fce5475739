"""NVIDIA's library for several devices: not here."""

from __future__ import annotations

from typing import Any, NoReturn


def version() -> NoReturn:
    """Raises RuntimeError: there is no NCCL."""
    raise RuntimeError("NCCL is not available: microtorch runs on the CPU only")


def is_available(tensors: Any) -> bool:
    """False."""
    return False
