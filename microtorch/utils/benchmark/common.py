"""What was timed, and how long it took: `TaskSpec` and `Measurement`, which print as PyTorch's do."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import indent
from typing import Any

import numpy as np

_UNITS = {-3: ("ns", 1e-9), -2: ("us", 1e-6), -1: ("ms", 1e-3)}
UNIT_WORDS = {"ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second"}
_SHORTEST = 25e-9  # no confidence interval is narrower, in seconds
_DIGITS = 4


def select_unit(seconds: float) -> tuple[str, float]:
    """The unit that suits a time, and its seconds.

    >>> select_unit(3e-5)
    ('us', 1e-06)
    """
    return _UNITS.get(int(math.log10(seconds) // 3), ("s", 1.0)) if seconds > 0 else ("s", 1.0)


def trim_sigfig(x: float, n: int) -> float:
    """`x` with `n` significant digits.

    >>> trim_sigfig(3141.0, 2)
    3100.0
    """
    scale = 10 ** (math.ceil(math.log10(abs(x))) - n)
    return float(round(x / scale) * scale)


@dataclass(frozen=True)
class TaskSpec:
    """What a Timer times, without the variables."""

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self) -> str:
        """Its label, or the statement."""
        sub = self.sub_label
        if self.label is not None or "\n" not in self.stmt:
            return (self.stmt if self.label is None else self.label) + (f": {sub}" if sub else "")
        return f"stmt:{f' ({sub})' if sub else ''}\n{indent(self.stmt, '  ')}"

    def setup_str(self) -> str:
        """The setup, if there is any."""
        if self.setup == "pass" or not self.setup:
            return ""
        return f"setup:\n{indent(self.setup, '  ')}" if "\n" in self.setup else f"setup: {self.setup}"

    def summarize(self) -> str:
        """Title, description and setup, as a Measurement prints them."""
        parts = [self.title, self.description or "", self.setup_str()]
        return "\n".join(f"{p}\n" if "\n" in p else p for p in parts if p)


@dataclass(repr=False)
class Measurement:
    """Times of a statement: `times` are seconds for one run each. It has the fields of its TaskSpec, too."""

    number_per_run: int
    raw_times: list[float]
    task_spec: TaskSpec
    metadata: dict[Any, Any] | None = None

    def __getattr__(self, name: str) -> Any:
        if name in TaskSpec.__dataclass_fields__:
            return getattr(self.task_spec, name)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    @property
    def times(self) -> list[float]:
        """Seconds for one run, of each measurement."""
        return [t / self.number_per_run for t in self.raw_times]

    @property
    def mean(self) -> float:
        """Their mean."""
        return float(np.mean(self.times))

    @property
    def median(self) -> float:
        """Their median."""
        return float(np.median(self.times))

    def _quartiles(self) -> tuple[float, float]:
        low, high = np.quantile(self.times, [0.25, 0.75])
        return float(low), float(high)

    @property
    def iqr(self) -> float:
        """The distance between their quartiles."""
        low, high = self._quartiles()
        return high - low

    @property
    def significant_figures(self) -> int:
        """How many digits of the median mean something, from the spread between the quartiles (at most 4)."""
        n = len(self.raw_times)
        inner = sorted(self.times)[n // 4 : math.ceil(np.float32(3 * n / 4))]
        interval = max(1.645 * float(np.std(inner)) / math.sqrt(len(inner)), _SHORTEST)
        return min(max(math.floor(math.log10(self.median / interval)), 1), _DIGITS)

    def meets_confidence(self, threshold: float = 0.1) -> bool:
        """Whether the distance between the quartiles is less than so much of the median."""
        return self.iqr / self.median < threshold

    def _warnings(self) -> str:
        if self.meets_confidence():
            return ""
        large = not self.meets_confidence(0.25)
        why = "suggests significant environmental influence" if large else "could indicate system fluctuation"
        share = self.iqr / self.median * 100
        return f"  WARNING: Interquartile range is {share:.1f}% of the median measurement.\n           This {why}."

    @property
    def has_warnings(self) -> bool:
        """Whether the times vary by more than a tenth."""
        return not self.meets_confidence()

    @property
    def title(self) -> str:
        """The label, or the statement."""
        return self.task_spec.title

    @property
    def as_row_name(self) -> str:
        """What its row in a table of `Compare` is called."""
        return self.task_spec.sub_label or self.task_spec.stmt or "[Unknown]"

    @staticmethod
    def merge(measurements: Iterable[Measurement]) -> list[Measurement]:
        """Measurements of the same task as one."""
        groups: dict[TaskSpec, list[float]] = {}
        for m in measurements:
            groups.setdefault(m.task_spec, []).extend(m.times)
        return [Measurement(1, times, task) for task, times in groups.items()]

    def __repr__(self) -> str:
        n = len(self.raw_times)
        unit, scale = select_unit(self.median)
        low, high = (q / scale for q in self._quartiles())
        lines = [object.__repr__(self), self.task_spec.summarize()]
        lines.append(f"  {'Median: ' if n > 1 else ''}{self.median / scale:.2f} {unit}")
        if n >= 4:
            lines.append(f"  IQR:    {self.iqr / scale:.2f} {unit} ({low:.2f} to {high:.2f})")
        threads = f"{self.num_threads} thread{'s' if self.num_threads > 1 else ''}"
        each = "per measurement," if n > 1 else ","
        lines.append(f"  {n} measurement{'s' if n > 1 else ''}, {self.number_per_run} runs {each} {threads}")
        return "\n".join([*lines, self._warnings()]).strip()
