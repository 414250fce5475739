"""`torch.profiler`: how long operations take, forwards and backwards, and how much memory.

>>> import microtorch as torch
>>> from microtorch.profiler import profile, record_function
>>> x = torch.ones(4, 3, requires_grad=True)
>>> with profile(profile_memory=True) as prof:
...     with record_function("loss"):
...         loss = (x @ x.T).sum()
...     loss.backward()
>>> [row.key for row in prof.key_averages() if row.key.startswith("aten::m")]
['aten::matmul', 'aten::mm']
>>> print(prof.key_averages().table(sort_by="cpu_time_total", row_limit=5))  # doctest: +SKIP
"""

from __future__ import annotations

import functools
import json
import os
import socket
import time
from collections.abc import Callable, Iterable
from enum import Enum
from types import TracebackType
from typing import Any

from microtorch._missing import missing_names as _missing_names
from microtorch.profiler import recording
from microtorch.profiler.events import EventList as _EventList, FunctionEvent as _FunctionEvent
from microtorch.profiler.trace import write_trace as _write_trace

__all__ = [
    "ProfilerAction",
    "ProfilerActivity",
    "kineto_available",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]


class ProfilerActivity(Enum):
    """What is watched: only the CPU here."""

    CPU, XPU, MTIA, CUDA, HPU, PrivateUse1 = range(6)


class ProfilerAction(Enum):
    """What `profile` does with a step."""

    NONE, WARMUP, RECORD, RECORD_AND_SAVE = range(4)


def supported_activities() -> set[ProfilerActivity]:
    """The CPU."""
    return {ProfilerActivity.CPU}


def kineto_available() -> bool:
    """True: traces can be written."""
    return True


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0
) -> Callable[[int], ProfilerAction]:
    """A function from a step's number to what `profile` does with it: cycles of wait, warmup and active steps.

    >>> [schedule(wait=1, warmup=1, active=1)(i).name for i in range(4)]
    ['NONE', 'WARMUP', 'RECORD_AND_SAVE', 'NONE']
    """
    if wait < 0 or warmup < 0 or active <= 0 or repeat < 0 or skip_first < 0:
        raise AssertionError(
            f"Invalid profiler schedule arguments. Got wait={wait} (need >= 0), warmup={warmup} (need >= 0), "
            f"active={active} (need > 0), repeat={repeat} (need >= 0), skip_first={skip_first} (need >= 0)."
        )

    def action(step: int) -> ProfilerAction:
        if step < 0:
            raise AssertionError(f"Step must be non-negative. Got {step}.")
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


class record_function:
    """A block, or a decorated function, that profiles show under a name. It costs nothing while none runs.

    >>> with profile() as prof, record_function("forward"):
    ...     pass
    >>> [(row.key, row.count) for row in prof.key_averages()]
    [('forward', 1)]
    """

    def __init__(self, name: str, args: str | None = None) -> None:
        self.name, self.args = name, args
        self._event: _FunctionEvent | None = None

    def __enter__(self) -> record_function:
        self._event = recording.begin(self.name, recording.USER) if recording.recorders else None
        return self

    def __exit__(self, *error: Any) -> None:
        event, self._event = self._event, None
        if event is not None:
            recording.end(event)

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def inside(*args: Any, **named: Any) -> Any:
            with record_function(self.name):
                return func(*args, **named)

        return inside


class profile:
    """Time the operations inside a block, forwards and backwards, and the blocks that `record_function` names.

    schedule: which steps (see `step`) are recorded; on_trace_ready(profile) is called at the end of each cycle of it,
    or at the end. record_shapes: of the operations' arguments; profile_memory: what tensors take and give back;
    with_stack: the lines of Python that called; with_flops: multiplications and additions.
    limit: so many calls are kept at most.
    acc_events: keep the events of earlier cycles. activities may name more than the CPU: there is nothing else here.
    """

    def __init__(
        self, *, activities: Iterable[Any] | None = None, schedule: Callable[[int], ProfilerAction] | None = None,
        on_trace_ready: Callable[[profile], Any] | None = None, record_shapes: bool = False,
        profile_memory: bool = False, with_stack: bool = False, with_flops: bool = False, with_modules: bool = False,
        experimental_config: Any = None, execution_trace_observer: Any = None, acc_events: bool = False,
        use_cuda: bool | None = None, custom_trace_id_callback: Any = None, post_processing_timeout_s: Any = None,
        limit: int | None = None,
    ) -> None:  # fmt: skip
        self.activities = set(activities) if activities else supported_activities()
        self.schedule, self.on_trace_ready = schedule, on_trace_ready
        self.record_shapes, self.profile_memory = record_shapes, profile_memory
        self.with_stack, self.with_flops, self.acc_events = with_stack, with_flops, acc_events
        self.limit = limit
        self.step_num = 0
        self.current_action = ProfilerAction.NONE
        self._step: record_function | None = None
        self._recorder: recording.Recorder | None = None
        self._events: _EventList | None = None
        self._metadata: dict[str, Any] = {}

    # steps -----------------------------------------------------------------------------------------------------------

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin."""
        self._change(self._planned())
        self._begin_step()

    def stop(self) -> None:
        """End, and call `on_trace_ready` if something was recorded since its last call."""
        self._end_step()
        self._change(None)

    def step(self) -> None:
        """One step of the schedule is done."""
        self._end_step()
        self.step_num += 1
        self._change(self._planned())
        self._begin_step()

    def _planned(self) -> ProfilerAction:
        return ProfilerAction.RECORD if self.schedule is None else self.schedule(self.step_num)

    def _begin_step(self) -> None:
        if self.schedule is not None:
            self._step = record_function(f"ProfilerStep#{self.step_num}")
            self._step.__enter__()

    def _end_step(self) -> None:
        step, self._step = self._step, None
        if step is not None:
            step.__exit__()

    def _change(self, new: ProfilerAction | None) -> None:
        """From what was done with the last step to what is done with the next (None: there is none)."""
        old, self.current_action = self.current_action, new or ProfilerAction.NONE
        ready = old is ProfilerAction.RECORD_AND_SAVE or (new is None and old is ProfilerAction.RECORD)
        recorded = old in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        if recorded and (ready or self.current_action in (ProfilerAction.NONE, ProfilerAction.WARMUP)):
            self._collect()
            if ready and self.on_trace_ready is not None:
                self.on_trace_ready(self)
        if self.current_action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE) and self._recorder is None:
            self._recorder = recording.Recorder(
                self.record_shapes or self.with_flops,
                self.profile_memory,
                self.with_stack,
                self.with_flops,
                self.limit,
            )
            self._recorder.start()

    def _collect(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.stop()
            before: list[Any] = list(self._events or []) if self.acc_events else []
            self._events = _EventList([*before, *recorder.finished()], self.profile_memory, self.with_flops)

    # results ---------------------------------------------------------------------------------------------------------

    def _found(self, what: str) -> _EventList:
        if self._events is None:
            raise AssertionError(f"Profiler must be initialized before {what}")
        return self._events

    def events(self) -> _EventList:
        """The calls, in the order of their beginnings: see `FunctionEvent`."""
        return self._found("accessing events")

    def key_averages(
        self, group_by_input_shape: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> _EventList:
        """The calls of each name together: a list that prints as a table, see `EventList.table`.

        group_by_input_shape: of each name and shapes of arguments; group_by_stack_n: of each name and the `n` innermost
        lines that called.
        """
        found = self._found("getting key averages")
        return found.key_averages(group_by_input_shape, group_by_stack_n, group_by_overload_name)

    def export_chrome_trace(self, path: str, use_python_export: bool = False) -> None:
        """Write a file that chrome://tracing, ui.perfetto.dev and TensorBoard show (compressed if it ends in .gz).

        Arrows lead from operations to their steps backwards.
        """
        _write_trace(path, self._found("exporting chrome trace"), self._metadata)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write each call's Python stack and its own time, as tools that draw flame graphs read it (`with_stack`)."""
        self._found("exporting stacks").export_stacks(path, metric)

    def add_metadata(self, key: str, value: str) -> None:
        """Put a text into the trace."""
        self._metadata[key] = value

    def add_metadata_json(self, key: str, value: str) -> None:
        """Put a value, given as JSON, into the trace."""
        self._metadata[key] = json.loads(value)

    preset_metadata_json = add_metadata_json


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False, use_python_export: bool = False
) -> Callable[[profile], None]:
    """An `on_trace_ready` that writes each trace into a folder, under the names TensorBoard looks for."""

    def write(prof: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        name = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        prof.export_chrome_trace(os.path.join(dir_name, f"{name}.{time.time_ns()}.pt.trace.json{'.gz' * use_gzip}"))

    return write


__getattr__ = _missing_names(__name__)
