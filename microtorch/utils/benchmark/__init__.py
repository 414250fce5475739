"""`torch.utils.benchmark`: time a statement."""

from __future__ import annotations

import textwrap
import timeit
from collections.abc import Callable
from typing import Any

from microtorch._missing import missing_names as _missing_names
from microtorch._settings import get_num_threads, set_num_threads
from microtorch.utils.benchmark.common import (
    Measurement as Measurement,
    TaskSpec as TaskSpec,
    select_unit as select_unit,
    trim_sigfig as trim_sigfig,
)
from microtorch.utils.benchmark.compare import Compare as Compare


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
        stmt, setup = textwrap.dedent(stmt).strip(), textwrap.dedent(setup).strip()
        self._task_spec = TaskSpec(stmt, setup, global_setup, label, sub_label, description, env, num_threads)
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
        return Measurement(number, raw, self._task_spec)

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
        return self._until(lambda m: True, callback, min_run_time, min_run_time)

    def adaptive_autorange(
        self, threshold: float = 0.1, *, min_run_time: float = 0.01, max_run_time: float = 10.0, callback: Any = None
    ) -> Measurement:
        """As many measurements as it takes until their spread is below `threshold` times the median."""
        return self._until(lambda m: m.meets_confidence(threshold), callback, min_run_time, max_run_time)

    def _until(
        self, enough: Callable[[Measurement], bool], callback: Any, min_run_time: float, max_run_time: float
    ) -> Measurement:
        """Measurements for `min_run_time` seconds, and on until they are enough or `max_run_time` has passed."""
        number = 1

        def run() -> list[float]:
            nonlocal number
            number = self._block(min_run_time / 1000)
            raw: list[float] = []
            while sum(raw) < min_run_time or (sum(raw) < max_run_time and not enough(self._measurement(number, raw))):
                raw.append(self._timer.timeit(number))
                if callback is not None:
                    callback(number, raw[-1])
            return raw

        raw = self._within(run)
        return self._measurement(number, raw)


__getattr__ = _missing_names(__name__)
