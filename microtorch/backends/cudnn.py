"""`torch.backends.cudnn`: not there. `cudnn.deterministic = True` and its like are remembered, and change nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

enabled = True
benchmark = False
benchmark_limit: int | None = None
deterministic = False
allow_tf32 = True
fp32_precision = "none"


def is_available() -> bool:
    """False."""
    return False


def version() -> int | None:
    """None."""
    return None


@contextmanager
def flags(
    enabled: bool = False,
    benchmark: bool = False,
    benchmark_limit: int = 10,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
) -> Iterator[None]:
    """A block with other switches."""
    names = ("enabled", "benchmark", "deterministic", "allow_tf32", "fp32_precision")
    here: dict[str, Any] = globals()
    before = {name: here[name] for name in names}
    here.update(zip(names, (enabled, benchmark, deterministic, allow_tf32, fp32_precision)))
    try:
        yield
    finally:
        here.update(before)
