"""What was timed: single events, averages over those of one name, and the table of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from microtorch.profiler.trace import write_trace


class Interval(NamedTuple):
    """From when to when, in microseconds since the profiler was started."""

    start: float
    end: float

    def elapsed_us(self) -> float:
        """How long, in microseconds."""
        return self.end - self.start


def format_time(us: float, unit: str | None = None) -> str:
    """Microseconds as text, in the unit that suits them or in `unit` ("s", "ms", "us")."""
    unit = unit or ("s" if us >= 1e6 else "ms" if us >= 1e3 else "us")
    return f"{us / {'s': 1e6, 'ms': 1e3}.get(unit, 1.0):.3f}{unit}"


def format_memory(count: int) -> str:
    """Bytes as text."""
    for size, unit in ((1024**3, "GB"), (1024**2, "MB"), (1024, "KB")):
        if abs(count) >= size:
            return f"{count / size:.2f} {unit}"
    return f"{count} B"


def _share(us: float, total: float) -> str:
    return f"{us * 100 / total:.2f}%" if total else "NaN"


class _Times:
    """What events and averages have in common. Times are in microseconds; there are no devices but the CPU."""

    count: int
    cpu_time_total: float
    self_cpu_time_total: float

    node_id = -1
    is_legacy = is_async = is_remote = False
    is_user_annotation = False
    use_device = None
    device_type = "CPU"
    overload_name = ""
    device_memory_usage = self_device_memory_usage = 0
    device_time = device_time_total = self_device_time_total = 0.0
    cuda_time = cuda_time_total = self_cuda_time_total = 0.0
    cuda_memory_usage = self_cuda_memory_usage = 0

    @property
    def cpu_time(self) -> float:
        """Of one call, on average."""
        return self.cpu_time_total / self.count if self.count else 0.0

    @property
    def cpu_time_str(self) -> str:
        """`cpu_time` as text."""
        return format_time(self.cpu_time)

    @property
    def cpu_time_total_str(self) -> str:
        """`cpu_time_total` as text."""
        return format_time(self.cpu_time_total)

    @property
    def self_cpu_time_total_str(self) -> str:
        """`self_cpu_time_total` as text."""
        return format_time(self.self_cpu_time_total)


class FunctionEvent(_Times):
    """One call: of an operation, of a step backwards, of a block with a name.

    name: `aten::mm`, `MmBackward0`, `autograd::engine::evaluate_function: MmBackward0`, a block's name.
    time_range: an Interval; cpu_time_total is its length, self_cpu_time_total without the calls inside it.
    cpu_memory_usage: bytes of tensors that were made in it and lived on, less those that were freed.
    cpu_parent, cpu_children: the call that it is inside of, and those inside it.
    scope: 0 an operation, 1 a node's backward, 7 a block. fwd_thread: of a step backwards; else None.
    sequence_nr: the number of the graph's node that it made, or (backward) ran; -1 if none.
    input_shapes: of its arguments, [] for one that is no tensor.
    stack: the Python lines that called it, innermost first.
    """

    def __init__(self, id: int, name: str, thread: int, start: int, scope: int = 0) -> None:
        self.id, self.name, self.thread, self.scope = id, name, thread, scope
        self.start_ns, self.end_ns = start, start
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] = []
        self.input_shapes: list[list[int]] = []
        self.stack: list[str] = []
        self.kernels: list[Any] = []
        self.sequence_nr, self.flops, self.self_cpu_memory_usage = -1, 0, 0
        self.fwd_thread: int | None = thread if scope == 1 else None  # of a step backwards
        self.origin = 0  # when the profiler was started
        self.is_user_annotation = scope == 7

    count = 1

    @property
    def key(self) -> str:
        """The name under which averages count it."""
        return "ProfilerStep*" if self.name.startswith("ProfilerStep#") else self.name

    @property
    def trace_name(self) -> str:
        """The name in a trace."""
        return self.name

    @property
    def time_range(self) -> Interval:
        """From when to when."""
        return Interval((self.start_ns - self.origin) / 1000, (self.end_ns - self.origin) / 1000)

    @property
    def cpu_time_total(self) -> float:  # type: ignore[override]
        """How long it took."""
        return (self.end_ns - self.start_ns) / 1000

    @property
    def self_cpu_time_total(self) -> float:  # type: ignore[override]
        """How long it took without the calls inside it."""
        return (self.end_ns - self.start_ns - sum(c.end_ns - c.start_ns for c in self.cpu_children)) / 1000

    @property
    def cpu_memory_usage(self) -> int:
        """Bytes made less bytes freed, in it and in the calls inside it."""
        total, stack = 0, [self]
        while stack:
            event = stack.pop()
            total += event.self_cpu_memory_usage
            stack += event.cpu_children
        return total

    def __repr__(self) -> str:
        return (
            f"<FunctionEvent id={self.id} name={self.name} thread={self.thread} cpu_time={self.cpu_time_str} "
            f"cpu_children={[c.id for c in self.cpu_children]} input_shapes={self.input_shapes} "
            f"cpu_memory_usage={self.cpu_memory_usage}>"
        )


class FunctionEventAvg(_Times):
    """The calls of one name (or of one name, shape and place) together: sums, and `cpu_time`, an average."""

    def __init__(self) -> None:
        self.key = ""
        self.count = self.cpu_memory_usage = self.self_cpu_memory_usage = self.flops = 0
        self.cpu_time_total = self.self_cpu_time_total = 0.0
        self.input_shapes: Any = None
        self.stack: list[str] = []
        self.scope = 0
        self.cpu_parent: FunctionEvent | None = None
        self.cpu_children: list[FunctionEvent] = []

    def add(self, other: Any) -> FunctionEventAvg:
        """Count one event, or the events of another average, too."""
        if not self.count:
            self.key, self.input_shapes, self.stack = other.key, other.input_shapes, other.stack
            self.scope, self.cpu_parent, self.cpu_children = other.scope, other.cpu_parent, other.cpu_children
            self.is_user_annotation = other.is_user_annotation
        self.count += other.count
        self.cpu_time_total += other.cpu_time_total
        self.self_cpu_time_total += other.self_cpu_time_total
        self.cpu_memory_usage += other.cpu_memory_usage
        self.self_cpu_memory_usage += other.self_cpu_memory_usage
        self.flops += other.flops
        return self

    __iadd__ = add

    def __repr__(self) -> str:
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} "
            f"cpu_time={self.cpu_time_str}  self_cpu_memory={self.self_cpu_memory_usage} input_shapes="
            f"{self.input_shapes} cpu_memory_usage={self.cpu_memory_usage}>"
        )


class EventList(list[Any]):
    """Events in the order of their beginnings, or averages; it prints as a table."""

    def __init__(self, events: Iterable[Any] = (), profile_memory: bool = False, with_flops: bool = False) -> None:
        super().__init__(events)
        self._profile_memory, self._with_flops = profile_memory, with_flops

    def __str__(self) -> str:
        return self.table()

    @property
    def self_cpu_time_total(self) -> float:
        """All events' own time together, in microseconds."""
        return sum(event.self_cpu_time_total for event in self)

    def total_average(self) -> FunctionEventAvg:
        """All events as one average, of the name "Total"."""
        total = FunctionEventAvg()
        for event in self:
            total.add(event)
        total.key = "Total"
        return total

    def key_averages(
        self, group_by_input_shapes: bool = False, group_by_stack_n: int = 0, group_by_overload_name: bool = False
    ) -> EventList:
        """The events of each name together; or of each name and shapes, or of each name and `n` innermost lines."""
        groups: dict[tuple[Any, ...], FunctionEventAvg] = {}
        for event in self:
            key: tuple[Any, ...] = (event.key, event.is_user_annotation)
            if group_by_input_shapes:
                key += (str(event.input_shapes),)
            if group_by_stack_n > 0:
                key += tuple(event.stack[:group_by_stack_n])
            groups.setdefault(key, FunctionEventAvg()).add(event)
        for average in groups.values():
            average.stack = average.stack[:group_by_stack_n]
            if not group_by_input_shapes:
                average.input_shapes = ""
        return EventList(groups.values(), self._profile_memory, self._with_flops)

    def export_chrome_trace(self, path: str) -> None:
        """Write the events to a file that chrome://tracing and ui.perfetto.dev show."""
        write_trace(path, self)

    def supported_export_stacks_metrics(self) -> list[str]:
        """What `export_stacks` can write."""
        return ["self_cpu_time_total", "self_cuda_time_total", "self_xpu_time_total", "self_privateuse1_time_total"]

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Write each event's Python stack and its own time, as tools that draw flame graphs read it.

        Raises ValueError for another metric than those of `supported_export_stacks_metrics`.
        """
        if metric not in self.supported_export_stacks_metrics():
            raise ValueError("metric should be one of: " + str(self.supported_export_stacks_metrics()))
        plain = str.maketrans(" ;\t\n", "____")
        with open(path, "w", encoding="utf-8") as file:
            for event in self:
                value = int(event.self_cpu_time_total) if metric == "self_cpu_time_total" else 0
                if event.stack and value > 0:
                    file.write(";".join(line.translate(plain) for line in reversed(event.stack)) + f" {value}\n")

    def table(
        self, sort_by: str | None = None, row_limit: int = 100, max_src_column_width: int | None = 75,
        max_name_column_width: int | None = 55, max_shapes_column_width: int | None = 80, header: str | None = None,
        top_level_events_only: bool = False, time_unit: str | None = None,
    ) -> str:  # fmt: skip
        """The events as text. "Self" is the time (or memory) of an event without those inside it.

        sort_by: "cpu_time_total", "self_cpu_time_total", "cpu_memory_usage", "count" ... (largest first).
        row_limit: at most so many (-1: all). time_unit: "s", "ms" or "us" instead of what suits each.
        """
        if not self:
            return ""
        rows = list(self)
        if sort_by is not None:
            by = sort_by.replace("cuda", "device").replace("xpu", "device").replace("privateuse1", "device")
            rows.sort(key=lambda event: getattr(event, by), reverse=True)
        total = self.self_cpu_time_total
        columns = self._columns(rows, total, time_unit, max_name_column_width, max_shapes_column_width)
        source = max((len(line) for event in rows for line in event.stack), default=0) + 4
        source = source if max_src_column_width is None else min(source, max_src_column_width)
        with_stack = any(event.stack for event in rows)

        def line(cells: Iterable[str], place: str = "") -> str:
            text = "".join(f"{cell:>{width}}  " for cell, (_, width, _) in zip(cells, columns))
            return text + (f"{place:<{source}}  " if with_stack else "")

        rule = "".join("-" * width + "  " for _, width, _ in columns) + ("-" * source + "  " if with_stack else "")
        lines = ["=" * (len(rule) - 2), header] if header is not None else []
        if top_level_events_only:
            lines += ["=" * (len(rule) - 2), "This report only display top-level ops statistics"]
        lines += [rule, line([head for head, _, _ in columns], "Source Location"), rule]
        shown = [event for event in rows if not (top_level_events_only and event.cpu_parent is not None)]
        for event in shown if row_limit < 0 else shown[:row_limit]:
            places = [_tail(place, source) for place in event.stack] or [""]
            lines.append(line([cell(event) for _, _, cell in columns], places[0]))
            if with_stack:
                lines += [line([""] * len(columns), place) for place in [*places[1:], ""]]
        lines += [rule, f"Self CPU time total: {format_time(total, time_unit)}"]
        return "\n".join(lines) + "\n"

    def _columns(
        self, rows: Sequence[Any], total: float, unit: str | None, names: int | None, shapes: int | None
    ) -> list[tuple[str, int, Callable[[Any], str]]]:
        """(heading, width, text of an event) of each column but the source's."""
        width = max(len(event.key) for event in rows) + 4
        width = width if names is None else min(width, names)

        def name(event: Any) -> str:
            key = str(event.key)
            return key if names is None or len(key) < names - 3 else key[: names - 3] + "..."

        columns: list[tuple[str, int, Callable[[Any], str]]] = [
            ("Name", width, name),
            ("Self CPU %", 12, lambda e: _share(e.self_cpu_time_total, total)),
            ("Self CPU", 12, lambda e: format_time(e.self_cpu_time_total, unit)),
            ("CPU total %", 12, lambda e: _share(e.cpu_time_total, total)),
            ("CPU total", 12, lambda e: format_time(e.cpu_time_total, unit)),
            ("CPU time avg", 12, lambda e: format_time(e.cpu_time, unit)),
        ]
        if self._profile_memory:
            columns.append(("CPU Mem", 12, lambda e: format_memory(e.cpu_memory_usage)))
            columns.append(("Self CPU Mem", 12, lambda e: format_memory(e.self_cpu_memory_usage)))
        columns.append(("# of Calls", 12, lambda e: str(e.count)))
        if any(event.input_shapes for event in rows):
            wide = max(len(str(event.input_shapes)) for event in rows) + 4
            wide = wide if shapes is None else min(wide, shapes)
            columns.append(("Input Shapes", wide, lambda e: str(e.input_shapes)[:wide]))
        counts = [event.flops for event in rows if event.flops > 0]
        if self._with_flops and counts:
            scale = max(0, min(math.floor(math.log10(min(counts)) / 3), 5))
            head = f"Total {('', 'K', 'M', 'G', 'T', 'P')[scale]}FLOPs"
            columns.append((head, 12, lambda e: f"{e.flops / 1000**scale:8.3f}" if e.flops > 0 else "--"))
        return columns


def _tail(path: str, width: int) -> str:
    """The end of a line that is too long."""
    return path if len(path) <= width else "..." + path[len(path) - width + 3 :]
