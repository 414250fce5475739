"""One workload on one framework in a process of its own: prints what it measured as a line of JSON.

`python -m benchmarks` starts it; by hand: `python -m benchmarks.worker torch mlp_tiny --threads 2 --seconds 1`.
The workload `import` is the import of the framework itself.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib
import importlib.util
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.workloads import CHECK_STEPS, Step, load

MIN_SAMPLES = 5  # timed steps at the least, however long one takes
WARM_UP = 0.2  # share of the seconds that goes by untimed: caches, allocator pools, compiled kernels
MEMORY_STEPS = 5
SMALLEST = "mlp_tiny"


def once(step: Step, clock: Callable[[], float]) -> tuple[float, Any]:
    """Seconds that one call of the step takes, and what it returns."""
    prepare = getattr(step, "prepare", None)
    if prepare is not None:
        prepare()
    start = clock()
    value = step()
    return clock() - start, value


def measure(steps: list[Step], seconds: float, clock: Callable[[], float]) -> list[list[float]]:
    """Times of each step, called in turn, so that what disturbs the machine disturbs all of them alike."""
    end = time.perf_counter() + seconds * WARM_UP
    while time.perf_counter() < end:
        for step in steps:
            once(step, clock)
    times: list[list[float]] = [[] for _ in steps]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < MIN_SAMPLES:
        for i, step in enumerate(steps):
            times[i].append(once(step, clock)[0])
    return times


def blas() -> str | None:
    """The processor for which NumPy's OpenBLAS chose its kernels (OPENBLAS_CORETYPE overrides it), or None."""
    numpy = importlib.import_module("numpy")
    package = Path(str(numpy.__file__)).parent
    for file in [*package.parent.glob("numpy.libs/*openblas*"), *package.glob(".dylibs/*openblas*")]:
        name = getattr(ctypes.CDLL(str(file)), "scipy_openblas_get_corename64_", None)
        if name is not None:
            name.restype = ctypes.c_char_p
            return str(name().decode())
    return None


def status(key: str) -> int:
    """A line of /proc/self/status in bytes: VmHWM is the most memory so far, VmRSS that
    of now, RssAnon the private pages of it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(key)


def memory(framework: str, workload: str, threads: int) -> dict[str, Any]:
    """The most memory, in bytes, that building the workload and some steps take beyond what the process has after its
    imports and some steps of the smallest workload (by which PyTorch has made 50 MB for itself) and a softmax (by which
    numba has made 28 MB for itself: at its first kernel, whichever that is).

    `memory` counts all resident pages, so machine code on every side: PyTorch's is mapped from its libraries when it is
    first run, numba's is read into private pages. `private` leaves out what is mapped from files.
    """
    torch = importlib.import_module(framework)
    torch.set_num_threads(threads)
    if os.environ.get("MICROTORCH_KERNELS") == "auto" and importlib.util.find_spec("numba"):
        importlib.import_module("numba")  # what compiles belongs to the imports, as PyTorch's compiled code does
    module = load(workload)
    if not Path("/proc/self/clear_refs").exists():
        return {}
    step = load(SMALLEST).build(torch)
    for _ in range(MEMORY_STEPS):
        step()
    torch.nn.functional.softmax(torch.zeros(200, 200), 1)
    del step
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    private, resident = status("RssAnon"), status("VmRSS")
    step = module.build(torch)
    for _ in range(MEMORY_STEPS):
        once(step, time.perf_counter)
    mapped = status("RssFile") + status("RssShmem")
    most = status("VmHWM")
    return {"memory": max(most - resident, 0), "private": max(most - mapped - private, 0)}


def work(framework: str, workload: str, threads: int, seconds: float, clock: Callable[[], float]) -> dict[str, Any]:
    """Check and time a workload. With seconds=0 it is only checked. Times are in seconds per unit of the workload."""
    torch = importlib.import_module(framework)
    if hasattr(torch, "set_num_threads"):
        torch.set_num_threads(threads)
    module = load(workload)
    units = getattr(module, "UNITS", 1)
    step = module.build(torch)
    for _ in range(CHECK_STEPS):
        check = once(step, clock)[1]
    result = {"version": str(torch.__version__), "check": float(check.detach().item()), "blas": blas()}
    if seconds > 0:
        steps = [step, module.build_numpy()] if hasattr(module, "build_numpy") else [step]
        names = ("time", "numpy_time")
        for name, times in zip(names, measure(steps, seconds, clock)):
            result[name] = statistics.median(times) / units
            result[name + "_samples"] = len(times)
    return result


def importing(framework: str) -> dict[str, Any]:
    """Seconds that the import takes."""
    start = time.perf_counter()
    importlib.import_module(framework)
    return {"time": time.perf_counter() - start}


def main(arguments: list[str] | None = None) -> int:
    """Read the command line, work, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.worker", description=__doc__.splitlines()[0])
    parser.add_argument("framework", help="the module to import: torch, microtorch")
    parser.add_argument("workload")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.0, help="how long to time; 0 only checks")
    parser.add_argument("--processor-time", action="store_true", help="of all threads, instead of the wall clock")
    parser.add_argument("--memory", action="store_true", help="measure peak memory instead")
    args = parser.parse_args(arguments)
    if args.workload == "import":
        result = importing(args.framework)
    elif args.memory:
        result = memory(args.framework, args.workload, args.threads)
    else:
        clock = time.process_time if args.processor_time else time.perf_counter
        result = work(args.framework, args.workload, args.threads, args.seconds, clock)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
