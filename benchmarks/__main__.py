"""`python -m benchmarks`: the same workloads on PyTorch and on microtorch, and the ratio of their times.

Each measurement is a process of its own; the two frameworks take turns (A B A B ...), on the same number of threads.
Every process times single steps and keeps their median; a framework's time is the median over its processes.
The ratio is PyTorch's time over microtorch's: above 1, microtorch is faster. The values computed are compared too.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.workloads import NAMES, title

ROOT = Path(__file__).resolve().parents[1]
NOISY = 1.5  # times of one framework that differ by this factor between processes say that the machine was busy
TOLERANCE = 1e-4  # relative; float32 sums differ by their order
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

try:
    from tqdm import tqdm
except ImportError:  # the progress bar is a convenience

    class tqdm:
        """Says on stderr what is being measured, where tqdm is not installed."""

        def __init__(self, **options: Any) -> None: ...

        def __enter__(self) -> tqdm:
            return self

        def __exit__(self, *details: object) -> None: ...

        def set_postfix_str(self, text: str) -> None:
            print(text, file=sys.stderr)

        def update(self) -> None: ...


def call_worker(framework: str, workload: str, threads: int, seconds: float) -> dict[str, Any]:
    """What the worker measured, or {"error": the last line of what went wrong}."""
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-m", "benchmarks.worker", framework, workload]
    command += ["--threads", str(threads), "--seconds", str(seconds)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return {"error": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def median(runs: Iterable[dict[str, Any]], key: str) -> float | None:
    """The median of a key over the runs that have it."""
    values = [run[key] for run in runs if key in run]
    return statistics.median(values) if values else None


def summarise(workload: str, theirs: list[dict[str, Any]], ours: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of one row: medians, ratio, spread, whether the values agree."""
    row: dict[str, Any] = {"workload": workload, "title": title(workload), "runs": [theirs, ours]}
    errors = [run["error"] for run in theirs + ours if "error" in run]
    if errors:
        row["error"] = errors[0]
        return row
    checks = [theirs[0]["check"], ours[0]["check"]]
    row["checks"], row["agree"] = checks, math.isclose(*checks, rel_tol=TOLERANCE, abs_tol=1e-6)
    row["times"] = [median(theirs, "time"), median(ours, "time")]
    row["numpy_time"] = median(ours, "numpy_time")
    if row["times"][0] is not None:
        row["ratio"] = row["times"][0] / row["times"][1]
        in_turn = [a["time"] / b["time"] for a, b in zip(theirs, ours)]
        row["spread"] = [min(in_turn), max(in_turn)]
        of_one = [[run["time"] for run in runs] for runs in (theirs, ours)]
        row["noisy"] = any(max(times) > NOISY * min(times) for times in of_one)
    return row


def duration(seconds: float | None) -> str:
    """A time in the unit that fits: ns, us, ms, s."""
    if seconds is None:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"


def table(rows: list[dict[str, Any]], frameworks: list[str]) -> Iterator[str]:
    """The lines of the table."""
    line = "{:13} {:>6}  {:>12} {:>11} {:>11} {:>9}  {:12}  {}"
    head = line.format("workload", "ratio", "spread", *frameworks, "numpy", "value", "what is timed")
    yield head
    yield "-" * (len(head) + 20)
    for row in rows:
        if "error" in row:
            yield f"{row['workload']:13} failed: {row['error']}"
            continue
        ratio = f"{row['ratio']:.2f}" if "ratio" in row else ""
        spread = "{:.2f} .. {:.2f}".format(*row["spread"]) if "spread" in row else ""
        times = [duration(time) for time in (*row["times"], row["numpy_time"])]
        value = "{1:.6g}" if row["agree"] else "DIFFERS: {0:.6g}, {1:.6g}"
        yield line.format(row["workload"], ratio, spread, *times, value.format(*row["checks"]), row["title"])


def machine(frameworks: list[str], rows: list[dict[str, Any]], threads: int) -> dict[str, Any]:
    """Where and with what the figures were made."""
    versions: dict[str, str] = {}
    for row in rows:
        for framework, runs in zip(frameworks, row["runs"]):
            versions.update((framework, run["version"]) for run in runs if "version" in run)
    for package in ("numpy", "numba"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            pass
    return {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "threads": threads,
        "versions": versions,
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line asks for. Returns 1 if a workload failed or the values differ, never for speed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "workloads", nargs="*", metavar="WORKLOAD", help=f"which ones (default: all): {', '.join(NAMES)}"
    )
    parser.add_argument("--rounds", type=int, default=5, help="processes of each framework (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="timed in each process (default: %(default)s)")
    parser.add_argument("--threads", type=int, default=2, help="for BLAS and framework (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="one process each, values only, no times")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument(
        "--frameworks", nargs=2, default=["torch", "microtorch"], metavar=("A", "B"), help="torch torch shows the noise"
    )
    args = parser.parse_args(arguments)
    unknown = [name for name in args.workloads if name not in NAMES]
    if unknown:
        parser.error(f"no such workload: {', '.join(unknown)} (there are {', '.join(NAMES)})")
    rounds, seconds = (1, 0.0) if args.quick else (args.rounds, args.seconds)

    rows = []
    names = args.workloads or NAMES
    with tqdm(total=2 * rounds * len(names), unit="run", file=sys.stderr) as progress:
        for name in names:
            runs: list[list[dict[str, Any]]] = [[], []]
            for _ in range(rounds):
                for i, framework in enumerate(args.frameworks):
                    progress.set_postfix_str(f"{name} on {framework}")
                    runs[i].append(call_worker(framework, name, args.threads, seconds))
                    progress.update()
            rows.append(summarise(name, *runs))

    about = machine(args.frameworks, rows, args.threads)
    print(", ".join(f"{name} {number}" for name, number in about["versions"].items()), end="; ")
    print(f"Python {about['python']}, {about['cpus']} CPUs, {args.threads} threads")
    if not args.quick:
        print(
            f"ratio = {args.frameworks[0]} time / {args.frameworks[1]} time, above 1: {args.frameworks[1]} is faster\n"
        )
    print("\n".join(table(rows, args.frameworks)))
    noisy = [row["workload"] for row in rows if row.get("noisy")]
    if noisy:
        print(f"\nThe machine was busy: a framework's times differ by more than {NOISY} for {', '.join(noisy)}.")
        print("Threads that wait for each other suffer most from that: try --threads 1, or an idle machine.")
    if args.json:
        args.json.write_text(
            json.dumps({"machine": about, "frameworks": args.frameworks, "rows": rows}, indent=1) + "\n"
        )
    return 1 if any("error" in row or not row["agree"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
