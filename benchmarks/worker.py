"""One workload on one framework in a process of its own: prints what it measured as a line of JSON.

`python -m benchmarks` starts it; by hand: `python -m benchmarks.worker torch mlp_tiny --threads 2 --seconds 1`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import statistics
import sys
import time
from typing import Any

from benchmarks.workloads import CHECK_STEPS, Step, load

MIN_SAMPLES = 5  # timed steps at the least, however long one takes
WARM_UP = 0.2  # share of the seconds that goes by untimed: caches, allocator pools, compiled kernels


def once(step: Step) -> tuple[float, Any]:
    """Seconds that one call of the step takes, and what it returns."""
    prepare = getattr(step, "prepare", None)
    if prepare is not None:
        prepare()
    start = time.perf_counter()
    value = step()
    return time.perf_counter() - start, value


def measure(steps: list[Step], seconds: float) -> list[list[float]]:
    """Times of each step, called in turn, so that what disturbs the machine disturbs all of them alike."""
    end = time.perf_counter() + seconds * WARM_UP
    while time.perf_counter() < end:
        for step in steps:
            once(step)
    times: list[list[float]] = [[] for _ in steps]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < MIN_SAMPLES:
        for i, step in enumerate(steps):
            times[i].append(once(step)[0])
    return times


def work(framework: str, workload: str, threads: int, seconds: float) -> dict[str, Any]:
    """Check and time a workload. With seconds=0 it is only checked. Times are in seconds per unit of the workload."""
    torch = importlib.import_module(framework)
    if hasattr(torch, "set_num_threads"):
        torch.set_num_threads(threads)
    module = load(workload)
    units = getattr(module, "UNITS", 1)
    step = module.build(torch)
    for _ in range(CHECK_STEPS):
        check = once(step)[1]
    result = {"version": str(torch.__version__), "check": float(check.item())}
    if seconds > 0:
        steps = [step, module.build_numpy()] if hasattr(module, "build_numpy") else [step]
        names = ("time", "numpy_time")
        for name, times in zip(names, measure(steps, seconds)):
            result[name] = statistics.median(times) / units
            result[name + "_samples"] = len(times)
    return result


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, work, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker", description=__doc__.splitlines()[0])
    parser.add_argument("framework", help="the module to import: torch, microtorch")
    parser.add_argument("workload")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long to time; 0 only checks")
    args = parser.parse_args(arguments)
    print(json.dumps(work(args.framework, args.workload, args.threads, args.seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
