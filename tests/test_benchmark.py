"""`torch.utils.benchmark`: measurements and tables of them print what PyTorch's print."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch.utils.benchmark as theirs
from torch.utils.benchmark.utils.common import TaskSpec

import microtorch.utils.benchmark as ours


def measurements(library: Any) -> list[Any]:
    task = TaskSpec if library is theirs else library.TaskSpec
    found = []
    for threads in (1, 2):
        for sub, base in (("4x4", 5e-6), ("128x128 big", 3.3e-4), ("x", 2.2e-6)):
            for description, factor in (("mm", 1.0), ("einsum product", 1.7), ("other", 2.9)):
                if (sub, description) != ("x", "other"):  # an empty cell
                    spread = 0.01 if description == "mm" else 0.2
                    times = [10 * base * factor * (1 + k * spread) for k in range(6)]
                    spec = task("f(x)", "import y\nz", "", "product", sub, description, None, threads)
                    found.append(library.Measurement(10, times, spec))
    return found


@pytest.mark.parametrize("color", [None, False, True])
@pytest.mark.parametrize("trim", [False, True])
@pytest.mark.parametrize("warn", [False, True])
def test_tables(color: bool | None, trim: bool, warn: bool) -> None:
    texts = []
    for library in (theirs, ours):
        table = library.Compare(measurements(library))
        if color is not None:
            table.colorize(rowwise=color)
        if trim:
            table.trim_significant_figures()
        if warn:
            table.highlight_warnings()
        texts.append(str(table))
    assert texts[1] == texts[0]


def test_measurements() -> None:
    def told(m: Any) -> Any:
        numbers = m.significant_figures, m.has_warnings, m.as_row_name, m.title, m.num_threads, m.meets_confidence(0.3)
        return re.sub("<.*?>", "", repr(m)), numbers, pytest.approx(m.median), pytest.approx(m.iqr)

    for a, b in zip(measurements(theirs), measurements(ours)):
        assert told(b)[:2] == told(a)[:2] and b.median == told(a)[2] and b.iqr == told(a)[3]
    for stmt, setup, label in (("a\nb", "pass", None), ("a", "c\nd", None), ("a", "", "name")):
        specs = [kind(stmt, setup, label=label, sub_label="sub") for kind in (TaskSpec, ours.TaskSpec)]
        assert specs[1].summarize() == specs[0].summarize()


def test_timers() -> None:
    for library in (theirs, ours):
        timer = library.Timer("y = x + 1", "z = 1", globals={"x": 1}, label="sum", description="plain")
        m = timer.timeit(50)
        assert (m.number_per_run, len(m.times), m.title, m.stmt, m.setup) == (50, 1, "sum", "y = x + 1", "z = 1")
        assert re.sub(r"[\d.]+ [nu]s", "TIME", repr(m).split("\n", 1)[1]) == (
            "sum\nplain\nsetup: z = 1\n  TIME\n  1 measurement, 50 runs , 1 thread"
        )
        assert len(timer.blocked_autorange(min_run_time=0.1).times) > 1
