"""`python -m benchmarks`: the same workloads on PyTorch and on microtorch, and the ratio of their times.

Each measurement is a process of its own; the contenders take turns (A B C A B C ...), on the same number of threads:
PyTorch, microtorch with NumPy alone (MICROTORCH_KERNELS=numpy), and microtorch as it runs where numba is installed.
Every process times single steps and keeps their median; a contender's time is the median over its processes.
The ratio is PyTorch's time over microtorch's: above 1, microtorch is faster. The values computed are compared too.

Memory is what a process needs at most for building a workload and five steps, in private pages, beyond what it has
after its imports (numba's included) and five steps of the smallest workload, which make PyTorch start its threads and
buffers. Its ratio is microtorch's over PyTorch's: below 1, microtorch needs less. Mapped libraries are not counted.
"""

from __future__ import annotations

import argparse
import importlib.util
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
from typing import Any, NamedTuple

from benchmarks import peers, report
from benchmarks.workloads import NAMES, title

ROOT = Path(__file__).resolve().parents[1]
NOISY = 1.5  # times of one contender that differ by this factor between processes say that the machine was busy
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


class Contender(NamedTuple):
    """Who is measured: the module to import, and what MICROTORCH_KERNELS says to it."""

    label: str
    framework: str
    kernels: str | None = None


def contenders(frameworks: list[str], kernels: list[str]) -> list[Contender]:
    """The first framework, by which the others' times are divided; the second one with each choice of kernels."""
    first, second = frameworks
    if second != "microtorch":
        return [Contender(first, first), Contender(second, second)]
    words = {"numpy": "numpy", "numba": "auto"}  # auto is what users with numba get: NumPy where arrays are small
    return [Contender(first, first), *(Contender(name, second, words[name]) for name in kernels)]


def call_worker(who: Contender, workload: str, threads: int, *options: str) -> dict[str, Any]:
    """What the worker measured, or {"error": the last line of what went wrong}."""
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(threads))}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    if who.kernels is not None:
        environment["MICROTORCH_KERNELS"] = who.kernels
    command = [sys.executable, "-m", "benchmarks.worker", who.framework, workload, "--threads", str(threads), *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return {"error": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]}
    return json.loads(done.stdout.splitlines()[-1])


def median(runs: Iterable[dict[str, Any]], key: str) -> float | None:
    """The median of a key over the runs that have it."""
    values = [run[key] for run in runs if key in run]
    return statistics.median(values) if values else None


def summarise(workload: str, runs: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """The figures of one row: for each contender the median, the ratio to the first, its spread, the memory; whether
    the values agree."""
    row: dict[str, Any] = {"workload": workload, "title": title(workload), "runs": runs}
    errors = [run["error"] for one in runs for run in one if "error" in run]
    if errors:
        row["error"] = errors[0]
        return row
    row["checks"] = [one[0]["check"] for one in runs]
    first = row["checks"][0]
    row["agree"] = all(math.isclose(first, check, rel_tol=TOLERANCE, abs_tol=1e-6) for check in row["checks"])
    row["times"] = [median(one, "time") for one in runs]
    row["numpy_time"] = median((run for one in runs[1:] for run in one), "numpy_time")
    row["memory"] = [median(one, "memory") for one in runs]
    if row["memory"][0]:
        row["memory_ratios"] = [memory / row["memory"][0] for memory in row["memory"][1:]]
    if row["times"][0] is not None:
        row["ratios"] = [row["times"][0] / time for time in row["times"][1:]]
        timed = [[run["time"] for run in one if "time" in run] for one in runs]
        in_turn = [[a / b for a, b in zip(timed[0], times)] for times in timed[1:]]
        row["spreads"] = [[min(ratios), max(ratios)] for ratios in in_turn]
        row["noisy"] = any(max(times) > NOISY * min(times) for times in timed)
    return row


def measured(names: Iterable[str], who: list[Contender], args: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The rows of those workloads."""
    rounds = 1 if args.quick else args.rounds
    names = list(names)
    memory = [] if args.quick or args.no_memory else ["memory"]
    with tqdm(total=len(who) * (rounds + len(memory)) * len(names), unit="run", file=sys.stderr) as progress:
        for name in names:
            runs: list[list[dict[str, Any]]] = [[] for _ in who]
            for what in ["time"] * rounds + memory:
                for one, contender in zip(runs, who):
                    progress.set_postfix_str(f"{name} on {contender.label}: {what}")
                    options = (
                        ["--memory"] if what == "memory" else ["--seconds", str(0.0 if args.quick else args.seconds)]
                    )
                    options += ["--processor-time"] if args.processor_time else []
                    one.append(call_worker(contender, name, args.threads, *options))
                    progress.update()
            yield summarise(name, runs)


def machine(who: list[Contender], rows: list[dict[str, Any]], threads: int) -> dict[str, Any]:
    """Where and with what the figures were made."""
    versions: dict[str, str] = {}
    blas = None
    for row in rows:
        for contender, runs in zip(who, row["runs"]):
            versions.update((contender.framework, run["version"]) for run in runs if "version" in run)
            blas = next((run["blas"] for run in runs if run.get("blas")), blas)
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
        "blas": blas,
        "versions": versions,
    }


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("workloads", nargs="*", metavar="WORKLOAD", help=f"which ones (default: all): {', '.join(NAMES)}")
    made.add_argument("--rounds", type=int, default=5, help="processes of each contender (default: %(default)s)")
    made.add_argument("--seconds", type=float, default=1.0, help="timed in each process (default: %(default)s)")
    made.add_argument("--threads", type=int, default=2, help="for BLAS and framework (default: %(default)s)")
    made.add_argument("--quick", action="store_true", help="one process each, values only, no times")
    made.add_argument(
        "--processor-time",
        action="store_true",
        help="processor time of all threads instead of the wall clock's: for a busy machine, with --threads 1",
    )
    made.add_argument("--no-memory", action="store_true", help="do not measure peak memory")
    made.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    made.add_argument("--picture", type=Path, metavar="FILE", help="draw the ratios: .svg or .png, by matplotlib")
    made.add_argument("--markdown", action="store_true", help="print the tables of docs/performance.md")
    made.add_argument(
        "--kernels", nargs="+", choices=["numpy", "numba"], help="microtorch's kernels (default: what is installed)"
    )
    made.add_argument(
        "--frameworks", nargs=2, default=["torch", "microtorch"], metavar=("A", "B"), help="torch torch shows the noise"
    )
    made.add_argument(
        "--peers", action="store_true", help=f"compare with what is installed of {', '.join(peers.NAMES)} instead"
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line asks for. Returns 1 if a workload failed or the values differ, never for speed."""
    options = parser()
    args = options.parse_args(arguments)
    unknown = [name for name in args.workloads if name not in NAMES]
    if unknown:
        options.error(f"no such workload: {', '.join(unknown)} (there are {', '.join(NAMES)})")
    if args.picture and importlib.util.find_spec("matplotlib") is None:
        options.error("--picture needs matplotlib: pip install matplotlib")
    has_numba = importlib.util.find_spec("numba") is not None
    if args.kernels and "numba" in args.kernels and not has_numba:
        options.error("--kernels numba needs numba: pip install microtorch[fast]")
    if args.peers:
        print("\n".join(peers.table(args.seconds, args.threads)))
        return 0

    who = contenders(args.frameworks, args.kernels or (["numpy", "numba"] if has_numba else ["numpy"]))
    rows = list(measured(args.workloads or NAMES, who, args))
    imports = {}
    if not args.quick:
        for name in dict.fromkeys([*args.frameworks, "numpy"]):
            found = [call_worker(Contender(name, name), "import", args.threads) for _ in range(args.rounds)]
            imports[name] = median(found, "time")
    about = machine(who, rows, args.threads)
    labels = [contender.label for contender in who]
    figures = {"machine": about, "contenders": labels, "rows": rows, "imports": imports}
    print("\n".join(report.markdown(figures) if args.markdown else report.text(figures)))
    noisy = [row["workload"] for row in rows if row.get("noisy")]
    if noisy:
        print(f"\nThe machine was busy: a contender's times differ by more than {NOISY} for {', '.join(noisy)}.")
        print("Threads that wait for each other suffer most from that: try --threads 1 --processor-time.")
    if args.json:
        args.json.write_text(json.dumps(figures, indent=1) + "\n")
    if args.picture:
        report.draw(figures, args.picture)
    return 1 if any("error" in row or not row["agree"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
