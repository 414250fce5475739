"""Traces: events as a file in the Trace Event Format, which chrome://tracing, ui.perfetto.dev and TensorBoard show.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from microtorch.profiler.events import FunctionEvent

_CATEGORY = {0: "cpu_op", 1: "cpu_op", 7: "user_annotation"}


def trace_events(events: Iterable[FunctionEvent]) -> list[dict[str, Any]]:
    """The events as dictionaries: one with a duration for each, and an arrow from each operation of the forward pass
    to its step backwards."""
    found: list[dict[str, Any]] = []
    process = os.getpid()
    threads: dict[int, int] = {}
    maker: dict[int, FunctionEvent] = {}  # node -> the operation that made it
    events = list(events)
    for event in events:
        threads.setdefault(event.thread, len(threads) + 1)
        if event.fwd_thread is None and event.sequence_nr >= 0:
            kept = maker.get(event.sequence_nr)
            if kept is None or event.start_ns >= kept.start_ns:
                maker[event.sequence_nr] = event  # the innermost
    for event in events:
        if event.name == "[memory]":
            continue
        place = {"pid": process, "tid": event.thread}
        args: dict[str, Any] = {"External id": event.id}
        if event.sequence_nr >= 0:
            args["Sequence number"] = event.sequence_nr
        if event.fwd_thread is not None:
            args["Fwd thread id"] = event.fwd_thread
        if event.input_shapes:
            args["Input Dims"] = event.input_shapes
        if event.stack:
            args["Call stack"] = ";".join(event.stack)
        if event.self_cpu_memory_usage:
            args["Bytes"] = event.cpu_memory_usage
        start, end = event.time_range
        found.append(
            {"ph": "X", "cat": _CATEGORY[event.scope], "name": event.trace_name, **place, "ts": start,
             "dur": end - start, "args": args}
        )  # fmt: skip
        source = maker.get(event.sequence_nr) if _is_step(event) else None
        if source is not None:
            arrow = {"cat": "fwdbwd", "name": "fwdbwd", "id": event.sequence_nr, "pid": process}
            found.append({"ph": "s", **arrow, "tid": source.thread, "ts": source.time_range.start})
            found.append({"ph": "f", "bp": "e", **arrow, "tid": event.thread, "ts": start})
    names: list[dict[str, Any]] = [
        {"ph": "M", "name": "process_name", "pid": process, "tid": 0, "args": {"name": "python"}}
    ]
    for thread, number in threads.items():
        name = {"name": f"thread {number}"}
        names.append({"ph": "M", "name": "thread_name", "pid": process, "tid": thread, "args": name})
    return names + found


def _is_step(event: FunctionEvent) -> bool:
    """Whether it is the outer of the two events that a step backwards has."""
    return event.fwd_thread is not None and event.scope == 0


def write_trace(path: str, events: Iterable[FunctionEvent], metadata: Mapping[str, Any] | None = None) -> None:
    """Write a trace; compressed if the file's name ends in .gz."""
    trace = {"schemaVersion": 1, **(metadata or {}), "traceEvents": trace_events(events), "displayTimeUnit": "ms"}
    opened = gzip.open(path, "wt", encoding="utf-8") if path.endswith(".gz") else open(path, "w", encoding="utf-8")
    with opened as file:
        json.dump(trace, file)
