"""`torch.utils.benchmark`: time a statement."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch._missing import missing_name as _missing_name
from microtorch._settings import get_num_threads, set_num_threads

_UNITS = (("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3), ("s", 1.0))


class Measurement:
    """Times of a statement: `times` are seconds for one run each."""

    def __init__(
        self, number_per_run: int, raw_times: list[float], title: str, num_threads: int,
        label: str | None = None, sub_label: str | None = None, description: str | None = None,
    ) -> None:  # fmt: skip
        self.number_per_run, self.raw_times = number_per_run, raw_times
        self.title, self.num_threads = title, num_threads
        self.label, self.sub_label, self.description = label, sub_label, description

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

    @property
    def iqr(self) -> float:
        """The distance between their quartiles."""
        return float(np.subtract(*np.quantile(self.times, [0.75, 0.25])))

    def __repr__(self) -> str:
        unit, scale = next(((u, s) for u, s in reversed(_UNITS) if self.median >= s), _UNITS[0])
        count = len(self.times)
        lines = [object.__repr__(self), self.title]
        if count > 1:
            lines.append(f"  Median: {self.median / scale:.2f} {unit}")
            lines.append(f"  IQR:    {self.iqr / scale:.2f} {unit}")
        else:
            lines.append(f"  {self.median / scale:.2f} {unit}")
        many, each = ("s", "per measurement") if count > 1 else ("", "")
        threads = f"{self.num_threads} thread" + ("s" if self.num_threads > 1 else "")
        lines.append(f"  {count} measurement{many}, {self.number_per_run} runs {each}, {threads}")
        return "\n".join(lines)


class Timer:
    """Time a statement, with a number of threads for NumPy's BLAS.

    >>> Timer("x + 1", globals={"x": 1}).timeit(3).number_per_run
    3
    """

    def __init__(
        self, stmt: str = "pass", setup: str = "pass", global_setup: str = "",
        timer: Callable[[], float] = timeit.default_timer, globals: dict[str, Any] | None = None,
        label: str | None = None, sub_label: str | None = None, description: str | None = None, env: str | None = None,
        num_threads: int = 1, language: Any = "python",
    ) -> None:  # fmt: skip
        if str(language).lower() not in ("python", "py", "language.python"):
            raise NotImplementedError("torch.utils.benchmark.Timer of C++ is not supported by microtorch")
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        self._title = label or stmt.strip()
        self._about = (label, sub_label, description)
        self._num_threads = num_threads
        self._timer = timeit.Timer(stmt, setup, timer, globals)

    def _within(self, run: Callable[[], list[float]]) -> list[float]:
        before = get_num_threads()
        set_num_threads(self._num_threads)
        try:
            return run()
        finally:
            set_num_threads(before)

    def _measurement(self, number: int, raw: list[float]) -> Measurement:
        return Measurement(number, raw, self._title, self._num_threads, *self._about)

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """One measurement of `number` runs."""

        def run() -> list[float]:
            self._timer.timeit(max(number // 100, 2))
            return [self._timer.timeit(number)]

        return self._measurement(number, self._within(run))

    def _block(self, least: float) -> int:
        """How many runs take at least so many seconds together."""
        number = 1
        while self._timer.timeit(number) < least and number < 10**9:
            number *= 10
        return number

    def blocked_autorange(self, callback: Any = None, min_run_time: float = 0.2) -> Measurement:
        """As many measurements as fit into `min_run_time` seconds."""
        number = 1

        def run() -> list[float]:
            nonlocal number
            number = self._block(min_run_time / 1000)
            raw: list[float] = []
            while sum(raw) < min_run_time:
                raw.append(self._timer.timeit(number))
                if callback is not None:
                    callback(number, raw[-1])
            return raw

        raw = self._within(run)
        return self._measurement(number, raw)

    adaptive_autorange = blocked_autorange


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
