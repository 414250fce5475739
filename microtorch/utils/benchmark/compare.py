"""`Compare`: many measurements as a table, a row for each sub_label and a column for each description."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from microtorch.utils.benchmark.common import UNIT_WORDS, Measurement, select_unit, trim_sigfig

_END = "\033[0m\033[0m"
_COLORS = ((1.01, "\033[92m\033[1m"), (1.1, "\033[34m\033[1m"), (2.0, ""), (5.0, "\033[2m\033[91m"))
_WORST = "\033[31m\033[1m"


class Compare:
    """A table of measurements, as text.

    >>> from microtorch.utils.benchmark import Compare, Measurement, TaskSpec
    >>> times = {"mm": 5e-6, "einsum": 8e-6}
    >>> tasks = {k: TaskSpec(stmt="", setup="", label="product", sub_label="4x4", description=k) for k in times}
    >>> table = Compare([Measurement(1, [t], tasks[name]) for name, t in times.items()])
    >>> print("\\n".join(line.rstrip() for line in str(table).split("\\n")[:4]))
    [-------- product ---------]
               |   mm  |  einsum
    1 threads: -----------------
          4x4  |  5.0  |   8.0
    """

    def __init__(self, results: Iterable[Measurement]) -> None:
        self._results: list[Measurement] = []
        self.extend_results(results)
        self._trim, self._warn, self._rowwise, self._color = False, False, False, False

    def extend_results(self, results: Iterable[Measurement]) -> None:
        """Add more. Raises ValueError for what is no Measurement."""
        for r in results:
            if not isinstance(r, Measurement):
                raise ValueError(f"Expected an instance of `Measurement`, got {type(r)} instead.")
            self._results.append(r)

    def trim_significant_figures(self) -> None:
        """Show no more digits than mean something."""
        self._trim = True

    def colorize(self, rowwise: bool = False) -> None:
        """Color times by how they compare with the best of their column (or row)."""
        self._color, self._rowwise = True, rowwise

    def highlight_warnings(self) -> None:
        """Mark measurements that vary much."""
        self._warn = True

    def print(self) -> None:
        """Print the table."""
        print(str(self))

    def __str__(self) -> str:
        merged = Measurement.merge(self._results)
        labels = dict.fromkeys(m.label for m in merged)
        return "\n".join(self._table(label, [m for m in merged if m.label == label]) for label in labels)

    def _table(self, label: str | None, results: Sequence[Measurement]) -> str:
        unit, scale = select_unit(min(r.median for r in results))
        columns = list(dict.fromkeys(r.description for r in results))
        rows: dict[tuple[Any, ...], dict[Any, Measurement]] = {}
        for r in results:
            rows.setdefault((r.num_threads, r.env, r.as_row_name), {})[r.description] = r
        order = sorted(rows, key=lambda key: (key[0], key[1] or ""))
        with_env = len({r.env for r in results}) > 1
        env_width = max(len(str(r.env)) for r in results) if with_env else 0
        texts = {c: self._column([rows[key].get(c) for key in order], scale) for c in columns}
        lines: list[list[str]] = [["", *(str(c) for c in columns)]]
        before: tuple[Any, ...] = (None, None)
        for i, (threads, env, name) in enumerate(order):
            new = threads != before[0] or env != before[1]
            shown = f"({env})" if with_env and new else ""
            lines.append(["  " + shown.ljust(env_width + 4) + name, *(texts[c][i] for c in columns)])
            before = threads, env
        widths = [max(len(line[j]) for line in lines) for j in range(len(lines[0]))]
        found = ["  |  ".join(text.center(width) for text, width in zip(lines[0], widths))]
        whole = len(found[0])
        previous = None
        for key, line in zip(order, lines[1:]):
            if key[0] != previous:
                found.append(f"{key[0]} threads: ".ljust(whole, "-"))
                previous = key[0]
            cells = [line[0].ljust(widths[0])]
            for c, text, width in zip(columns, line[1:], widths[1:]):
                m = rows[key].get(c)
                group = [rows[k][c] for k in order if k[0] == key[0] and c in rows[k]]
                near = [n.median for n in (rows[key].values() if self._rowwise else group)]
                text = text.center(width)
                cells.append(text if m is None or not self._color else _colored(text, m, near))
            found.append("  |  ".join(cells))
        head = f"[{f' {label or str()} '.center(whole - 2, '-')}]"
        text = "\n".join([head, *found, "", f"Times are in {UNIT_WORDS[unit]}s ({unit}).", ""])
        if self._warn and any(r.has_warnings for r in results):
            text += "(! XX%) Measurement has high variance, where XX is the IQR / median * 100.\n"
        return text

    def _column(self, cells: Sequence[Measurement | None], scale: float) -> list[str]:
        """The texts of one column, all with as many decimals as the least exact needs."""
        known = [m for m in cells if m is not None]
        warn = self._warn and any(m.has_warnings for m in known)
        leading = [math.ceil(math.log10(m.median / scale)) for m in known]
        decimals = 1
        if self._trim:
            decimals = min(max(m.significant_figures - digits, 0) for m, digits in zip(known, leading))
        length = max(leading) + decimals + (1 if decimals else 0)

        def text(m: Measurement | None) -> str:
            if m is None:
                return " " * len(f"{1.0:>{length}.{decimals}f}{'':>{7 if warn else 0}}")
            value = m.median / scale
            value = trim_sigfig(value, m.significant_figures) if self._trim else value
            spread = f" (! {m.iqr / m.median * 100:.0f}%)" if warn and m.has_warnings else ""
            return f"{value:>{length}.{decimals}f}{spread:>{7 if warn else 0}}"

        return [text(m) for m in cells]


def _colored(text: str, m: Measurement, others: Sequence[float]) -> str:
    best = min(others)
    if m.median <= best + 100e-9:
        return _COLORS[0][1] + text + _END
    for limit, color in _COLORS:
        if m.median <= best * limit:
            return color + text + _END if color else text
    return _WORST + text + _END
