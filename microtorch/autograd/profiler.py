"""`torch.autograd.profiler`: the older names of `torch.profiler`."""

from __future__ import annotations

from typing import Any

from microtorch import profiler as _profiler
from microtorch._missing import missing_name as _missing_name
from microtorch.profiler import record_function as record_function


class profile(_profiler.profile):
    """`torch.profiler.profile` that always collects."""

    def __init__(self, enabled: bool = True, **options: Any) -> None:
        super().__init__()
        self._enabled = enabled

    def start(self) -> None:
        """Begin to collect, if enabled."""
        if self._enabled:
            super().start()

    def table(self, *args: Any, **named: Any) -> str:
        """The blocks of each name together, as text."""
        return self.key_averages().table(*args, **named)

    def total_average(self) -> float:
        """The time of all blocks, in microseconds."""
        return self.key_averages().total_average()


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
