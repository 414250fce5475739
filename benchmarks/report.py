"""What `python -m benchmarks` shows: its figures as lines of text, as Markdown, as a picture."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Figures = dict[str, Any]


def duration(seconds: float | None) -> str:
    """A time in the unit that fits: ns, us, ms, s."""
    if seconds is None:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def megabytes(count: float | None) -> str:
    """A number of bytes in MB."""
    return "" if count is None else f"{count / 1e6:.3g} MB"


def mean(values: list[float]) -> float | None:
    """The geometric mean; None of nothing."""
    positive = [v for v in values if v > 0]
    return math.exp(sum(map(math.log, positive)) / len(positive)) if positive else None


def means(figures: Figures, key: str = "ratios") -> list[float | None]:
    """The geometric mean of each contender's ratios."""
    given = [row[key] for row in figures["rows"] if key in row]
    return [mean(list(column)) for column in zip(*given)]


def where(figures: Figures) -> str:
    """One line: versions, machine, threads."""
    about = figures["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in about["versions"].items())
    blas = f", OpenBLAS kernels for {about['blas']}" if about.get("blas") else ""
    return f"{versions}; Python {about['python']}, {about['cpus']} CPUs, {about['threads']} threads{blas}"


def text(figures: Figures) -> Iterator[str]:
    """The table for a terminal."""
    labels = figures["contenders"]
    yield where(figures)
    timed = any("ratios" in row for row in figures["rows"])
    if timed:
        yield f"ratio = {labels[0]}'s time / that of {' or '.join(labels[1:])}; above 1: faster than {labels[0]}"
    yield ""
    columns = "{:18} {:>10} " + "{:>9} {:>6} {:>13} " * (len(labels) - 1) + "{:>13}  {:>9}  {}"
    heads = [word for label in labels[1:] for word in (label, "ratio", "spread")]
    yield columns.format("workload", labels[0], *heads, "memory", "NumPy", "value")
    for row in figures["rows"]:
        if "error" in row:
            yield f"{row['workload']:18} failed: {row['error']}"
            continue
        cells: list[str] = []
        for i in range(len(labels) - 1):
            ratio = f"{row['ratios'][i]:.2f}" if "ratios" in row else ""
            spread = "{:.2f} .. {:.2f}".format(*row["spreads"][i]) if "spreads" in row else ""
            cells += [duration(row["times"][i + 1]), ratio, spread]
        memory = " ".join(f"x{r:.2f}" for r in row.get("memory_ratios", []))
        value = (
            f"{row['checks'][-1]:.6g}" if row["agree"] else "DIFFERS: " + ", ".join(f"{c:.6g}" for c in row["checks"])
        )
        yield columns.format(
            row["workload"], duration(row["times"][0]), *cells, memory, duration(row["numpy_time"]), value
        )
    for label, ratio, needed in zip(labels[1:], means(figures), means(figures, "memory_ratios") or [None] * 9):
        yield f"geometric mean, {label}: {ratio:.2f}" + (f", memory x{needed:.2f}" if needed else "")
    for label, seconds in figures["imports"].items():
        yield f"import, {label}: {duration(seconds)}"


def markdown(figures: Figures) -> Iterator[str]:
    """The table of docs/performance.md."""
    labels = figures["contenders"]
    yield f"{where(figures)}."
    yield ""
    heads = [word for label in labels[1:] for word in (f"microtorch, {label}", "ratio", "spread", "memory")]
    yield f"| workload (training step unless it says otherwise) | {labels[0]} | {' | '.join(heads)} |"
    yield "|---|" + "---|" * (len(heads) + 1)
    for row in figures["rows"]:
        if "error" in row:
            yield f"| {row['title']} | failed: {row['error']} |" + " |" * len(heads)
            continue
        cells = [duration(row["times"][0])]
        for i in range(len(labels) - 1):
            cells += [duration(row["times"][i + 1])]
            cells += [f"{row['ratios'][i]:.2f}" if "ratios" in row else ""]
            cells += ["{:.2f} .. {:.2f}".format(*row["spreads"][i]) if "spreads" in row else ""]
            cells += [f"{row['memory_ratios'][i]:.2f}" if "memory_ratios" in row else ""]
        yield f"| {row['title']} | {' | '.join(cells)} |"
    cells = [""]
    for ratio, needed in zip(means(figures), means(figures, "memory_ratios") or [None] * 9):
        cells += ["", f"**{ratio:.2f}**", "", f"{needed:.2f}" if needed else ""]
    yield f"| geometric mean | {' | '.join(cells)} |"
    yield ""
    named = ", ".join(f"{label} {duration(seconds)}" for label, seconds in figures["imports"].items())
    if named:
        yield f"Time of the import: {named}."


def draw(figures: Figures, file: Path) -> None:
    """A bar for each workload and contender, on a logarithmic axis on which 1 is the first contender's speed."""
    from matplotlib import pyplot

    rows = [row for row in figures["rows"] if "ratios" in row][::-1]
    labels = figures["contenders"]
    count = len(labels) - 1
    figure, axes = pyplot.subplots(figsize=(8, 0.8 + 0.34 * len(rows)))
    for i, label in enumerate(labels[1:]):
        places = [y + (count - 1 - 2 * i) * 0.4 / count for y in range(len(rows))]
        widths = [row["ratios"][i] - 1 for row in rows]
        axes.barh(places, widths, 0.8 / count, left=1, label=f"microtorch, {label}")
    axes.set_xscale("log", base=2)
    axes.set_yticks(range(len(rows)), [row["workload"] for row in rows])
    axes.axvline(1, color="black", linewidth=1)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:g}")
    axes.set_xlabel(f"{labels[0]}'s time / microtorch's: to the right of 1 microtorch is faster")
    axes.legend(loc="lower right")
    figure.tight_layout()
    figure.savefig(file)
    pyplot.close(figure)
