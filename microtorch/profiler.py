"""`torch.profiler`, the part that programs name: blocks marked by `record_function` are timed, operations are not.

`profile` collects the marked blocks and its steps; `schedule` says which steps are collected.
"""

from __future__ import annotations

import functools
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable
from enum import Enum
from types import TracebackType
from typing import Any, NamedTuple

from microtorch._missing import missing_name as _missing_name

__all__ = ["ProfilerAction", "ProfilerActivity", "profile", "record_function", "schedule", "tensorboard_trace_handler"]


class ProfilerActivity(Enum):
    """What is watched: only the CPU here."""

    CPU, XPU, MTIA, CUDA, HPU, PrivateUse1 = range(6)


class ProfilerAction(Enum):
    """What `profile` does with a step."""

    NONE, WARMUP, RECORD, RECORD_AND_SAVE = range(4)


def supported_activities() -> set[ProfilerActivity]:
    """The CPU."""
    return {ProfilerActivity.CPU}


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """A function from a step's number to what `profile` does with it: cycles of wait, warmup and active steps.

    >>> [schedule(wait=1, warmup=1, active=1)(i).name for i in range(4)]
    ['NONE', 'WARMUP', 'RECORD_AND_SAVE', 'NONE']
    """
    if wait < 0 or warmup < 0 or active <= 0 or repeat < 0 or skip_first < 0:
        raise AssertionError("Invalid profiler schedule arguments")

    def action(step: int) -> ProfilerAction:
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait:
            step += wait
        cycle = wait + warmup + active
        if repeat and step // cycle >= repeat:
            return ProfilerAction.NONE
        at = step % cycle
        if at < wait:
            return ProfilerAction.NONE
        if at < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD if at < cycle - 1 else ProfilerAction.RECORD_AND_SAVE

    return action


class _Event(NamedTuple):
    """A block that was timed, in nanoseconds; `inner` is the time of the blocks within it."""

    name: str
    start: int
    duration: int
    inner: int
    thread: int


_running: list[profile] = []
_local = threading.local()


class record_function:
    """A block, or a decorated function, that profiles show under a name.

    >>> with profile() as prof, record_function("forward"):
    ...     pass
    >>> [(row.key, row.count) for row in prof.key_averages()]
    [('forward', 1)]
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args

    def __enter__(self) -> record_function:
        if not hasattr(_local, "inner"):
            _local.inner = []
        _local.inner.append(0)
        self._start = time.perf_counter_ns()
        return self

    def __exit__(self, *error: Any) -> None:
        duration = time.perf_counter_ns() - self._start
        inner = _local.inner.pop()
        if _local.inner:
            _local.inner[-1] += duration
        for each in _running:
            if each.recording:
                each._events.append(_Event(self.name, self._start, duration, inner, threading.get_ident()))

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def inside(*args: Any, **named: Any) -> Any:
            with record_function(self.name):
                return func(*args, **named)

        return inside


class Average:
    """The blocks of one name together; times are in microseconds."""

    def __init__(self, key: str, events: list[_Event]) -> None:
        self.key, self.count = key, len(events)
        self.cpu_time_total = sum(e.duration for e in events) / 1000
        self.self_cpu_time_total = sum(e.duration - e.inner for e in events) / 1000
        self.cpu_time = self.cpu_time_total / self.count
        self.device_time = self.device_time_total = self.self_device_time_total = 0.0
        self.cpu_memory_usage = self.self_cpu_memory_usage = self.flops = 0


def _time(microseconds: float) -> str:
    if microseconds >= 1e6:
        return f"{microseconds / 1e6:.3f}s"
    return f"{microseconds / 1e3:.3f}ms" if microseconds >= 1e3 else f"{microseconds:.3f}us"


class Averages(list[Average]):
    """What `key_averages` gives: a list that prints as a table."""

    def total_average(self) -> float:
        """All of their own time together, in microseconds."""
        return sum(row.self_cpu_time_total for row in self)

    def table(
        self, sort_by: str | None = None, row_limit: int = 100, max_src_column_width: int = 75,
        max_name_column_width: int = 55, max_shapes_column_width: int = 80, header: str | None = None,
        top_level_events_only: bool = False, time_unit: str | None = None,
    ) -> str:  # fmt: skip
        """The table as text; the time of a block without those within it is called its own ("Self")."""
        rows = self if sort_by is None else sorted(self, key=lambda row: -float(getattr(row, sort_by, 0.0)))
        total = self.total_average()
        heads = ("Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls")
        width = min(max([len(row.key) for row in self], default=4) + 4, max_name_column_width)
        widths = [width] + [max(12, len(head)) for head in heads[1:]]
        rule = "  ".join("-" * w for w in widths) + "  "
        lines = [rule, "  ".join(head.rjust(w) for head, w in zip(heads, widths)) + "  ", rule]
        for row in rows[: None if row_limit == -1 else row_limit]:
            name = row.key if len(row.key) <= width else row.key[: width - 3] + "..."
            share = 100 / total if total else 0.0
            cells = (name, f"{row.self_cpu_time_total * share:.2f}%", _time(row.self_cpu_time_total),
                     f"{row.cpu_time_total * share:.2f}%", _time(row.cpu_time_total), _time(row.cpu_time),
                     str(row.count))  # fmt: skip
            lines.append("  ".join(cell.rjust(w) for cell, w in zip(cells, widths)) + "  ")
        return "\n".join([*lines, rule, f"Self CPU time total: {_time(total)}", ""])

    def __str__(self) -> str:
        return self.table()


class profile:
    """Collect what `record_function` marks within a block.

    schedule: which steps (see `step`) are collected; on_trace_ready(profile) is called at the end of each cycle.
    The other arguments are accepted and change nothing.
    """

    def __init__(
        self,
        *,
        activities: Iterable[Any] | None = None,
        schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None,
        **options: Any,
    ) -> None:
        self.activities = set(activities) if activities else supported_activities()
        self.schedule, self.on_trace_ready = schedule, on_trace_ready
        self.step_num = 0
        self._events: list[_Event] = []
        self._action = ProfilerAction.NONE

    @property
    def recording(self) -> bool:
        """Whether the current step is collected."""
        return self._action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)

    def _choose(self) -> None:
        self._action = ProfilerAction.RECORD if self.schedule is None else self.schedule(self.step_num)

    def start(self) -> None:
        """Begin to collect."""
        self._choose()
        _running.append(self)

    def stop(self) -> None:
        """Collect no more, and call `on_trace_ready` if something was collected since its last call."""
        if self in _running:
            _running.remove(self)
        if self.recording and self.on_trace_ready is not None:
            self.on_trace_ready(self)
        self._action = ProfilerAction.NONE

    def step(self) -> None:
        """One step of the schedule is done."""
        before = self._action
        self.step_num += 1
        self._choose()
        if before is ProfilerAction.RECORD_AND_SAVE:
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
            if self.recording:
                self._events = []
        elif before in (ProfilerAction.NONE, ProfilerAction.WARMUP) and self.recording:
            self._events = []

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def events(self) -> list[Any]:
        """The blocks that were timed: tuples (name, start, duration, inner, thread), in nanoseconds."""
        return list(self._events)

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> Averages:
        """The blocks of each name together."""
        names = dict.fromkeys(e.name for e in self._events)
        return Averages(Average(name, [e for e in self._events if e.name == name]) for name in names)

    def export_chrome_trace(self, path: str) -> None:
        """Write a file that chrome://tracing and ui.perfetto.dev show."""
        events = [
            {"name": e.name, "ph": "X", "cat": "user_annotation", "ts": e.start / 1000, "dur": e.duration / 1000,
             "pid": os.getpid(), "tid": e.thread}
            for e in self._events
        ]  # fmt: skip
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": events, "displayTimeUnit": "ms"}, file)

    def add_metadata(self, key: str, value: str) -> None:
        """Accepted; not written."""

    add_metadata_json = add_metadata


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """An `on_trace_ready` that writes each trace into a folder, under the names TensorBoard looks for."""
    os.makedirs(dir_name, exist_ok=True)
    name = worker_name or f"{socket.gethostname()}_{os.getpid()}"

    def write(prof: profile) -> None:
        prof.export_chrome_trace(os.path.join(dir_name, f"{name}.{time.time_ns()}.pt.trace.json"))

    return write


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
