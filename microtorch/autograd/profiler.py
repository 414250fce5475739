"""`torch.autograd.profiler`: the older names of `torch.profiler`."""

from __future__ import annotations

from typing import Any

from microtorch import profiler as _profiler
from microtorch._missing import missing_names as _missing_names
from microtorch.profiler import record_function as record_function
from microtorch.profiler.events import EventList as _EventList, FunctionEventAvg as _FunctionEventAvg


class profile(_profiler.profile):
    """`torch.profiler.profile` that always records, and has its results' methods itself.

    >>> import microtorch as torch
    >>> with torch.autograd.profiler.profile() as prof:
    ...     _ = torch.ones(2).exp()
    >>> [event.name for event in prof.function_events]
    ['aten::ones', 'aten::exp']
    """

    def __init__(
        self, enabled: bool = True, *, use_cuda: bool = False, use_device: str | None = None,
        record_shapes: bool = False, with_flops: bool = False, profile_memory: bool = False, with_stack: bool = False,
        with_modules: bool = False, use_kineto: bool = False, use_cpu: bool = True, acc_events: bool = False,
        **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(
            record_shapes=record_shapes, with_flops=with_flops, profile_memory=profile_memory, with_stack=with_stack
        )
        self.enabled = enabled

    def start(self) -> None:
        """Begin, if enabled."""
        if self.enabled:
            super().start()

    def stop(self) -> None:
        """End."""
        if self.enabled:
            super().stop()

    @property
    def function_events(self) -> _EventList:
        """The calls, in the order of their beginnings."""
        return self.events()

    @property
    def self_cpu_time_total(self) -> float:
        """All calls' own time together, in microseconds."""
        return self.events().self_cpu_time_total

    def table(self, *args: Any, **named: Any) -> str:
        """The calls as text: see `EventList.table`."""
        return self.events().table(*args, **named)

    def total_average(self) -> _FunctionEventAvg:
        """All calls as one average."""
        return self.events().total_average()

    def __str__(self) -> str:
        return "<unfinished torch.autograd.profile>" if self._events is None else str(self.events())

    __repr__ = __str__


__getattr__ = _missing_names(__name__)
