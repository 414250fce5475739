"""`torch.multiprocessing`: Python's `multiprocessing`, and `spawn`.

Tensors go to other processes as copies, but for those in shared memory (`Tensor.share_memory_`) that a forked process
finds, or a spawned one gets as an argument.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import signal
import sys
import traceback
from collections.abc import Callable
from multiprocessing import (
    Array as Array,
    Barrier as Barrier,
    Condition as Condition,
    Event as Event,
    JoinableQueue as JoinableQueue,
    Lock as Lock,
    Manager as Manager,
    Pipe as Pipe,
    Pool as Pool,
    Process as Process,
    Queue as Queue,
    RLock as RLock,
    Semaphore as Semaphore,
    SimpleQueue as SimpleQueue,
    Value as Value,
    active_children as active_children,
    cpu_count as cpu_count,
    current_process as current_process,
    freeze_support as freeze_support,
    get_all_start_methods as get_all_start_methods,
    get_context as get_context,
    get_start_method as get_start_method,
    parent_process as parent_process,
    set_start_method as set_start_method,
)
from typing import Any

from microtorch._missing import missing_names as _missing_names


class ProcessException(Exception):
    """A process of `spawn` went wrong."""

    def __init__(self, msg: str, error_index: int, pid: int) -> None:
        super().__init__(msg)
        self.msg, self.error_index, self.pid = msg, error_index, pid


class ProcessRaisedException(ProcessException):
    """A process of `spawn` raised an exception, whose text is shown."""


class ProcessExitedException(ProcessException):
    """A process of `spawn` ended with an exit code or by a signal."""

    def __init__(self, msg: str, error_index: int, error_pid: int, exit_code: int, signal_name: str | None = None):
        super().__init__(msg, error_index, error_pid)
        self.exit_code, self.signal_name = exit_code, signal_name


class ProcessContext:
    """The processes that `spawn(join=False)` has started."""

    def __init__(self, processes: list[Any], errors: list[Any]) -> None:
        self.processes, self._errors = processes, errors
        self.sentinels = {p.sentinel: i for i, p in enumerate(processes)}

    def pids(self) -> list[int]:
        """Their numbers."""
        return [int(p.pid) for p in self.processes]

    def join(self, timeout: float | None = None, grace_period: float | None = None) -> bool:
        """Wait for at least one; True once all have ended.

        Raises ProcessException if one went wrong, after ending the others.
        """
        if not self.sentinels:
            return True
        ready = multiprocessing.connection.wait(self.sentinels.keys(), timeout=timeout)  # type: ignore[arg-type]
        wrong = None
        for sentinel in ready:
            i = self.sentinels.pop(sentinel)  # type: ignore[call-overload]
            self.processes[i].join()
            if self.processes[i].exitcode != 0:
                wrong = i
                break
        if wrong is None:
            return not self.sentinels
        for p in self.processes:
            if p.is_alive():
                p.terminate()
        for p in self.processes:
            p.join()
        raise self._error_of(wrong)

    def _error_of(self, i: int) -> ProcessException:
        process, reader = self.processes[i], self._errors[i]
        code = process.exitcode
        if reader.poll():
            text = f"\n\n-- Process {i} terminated with the following error:\n{reader.recv()}"
            return ProcessRaisedException(text, i, process.pid)
        if code < 0:
            name = signal.Signals(-code).name
            return ProcessExitedException(f"process {i} terminated with signal {name}", i, process.pid, code, name)
        return ProcessExitedException(f"process {i} terminated with exit code {code}", i, process.pid, code)


SpawnContext = ProcessContext


def _run(fn: Callable[..., Any], i: int, args: tuple[Any, ...], errors: Any) -> None:
    try:
        fn(i, *args)
    except KeyboardInterrupt:
        pass  # its parent was interrupted as well, and says so
    except Exception:
        errors.send(traceback.format_exc())
        sys.exit(1)


def start_processes(
    fn: Callable[..., Any],
    args: tuple[Any, ...] = (),
    nprocs: int = 1,
    join: bool = True,
    daemon: bool = False,
    start_method: str = "spawn",
) -> ProcessContext | None:
    """Run fn(i, *args) in `nprocs` processes, i = 0 .. nprocs - 1; wait for them unless join=False.

    Raises ProcessRaisedException with the traceback of one that failed.
    """
    context: Any = multiprocessing.get_context(start_method)
    processes, errors = [], []
    for i in range(nprocs):
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_run, args=(fn, i, args, writer), daemon=daemon)
        process.start()
        writer.close()
        processes.append(process)
        errors.append(reader)
    started = ProcessContext(processes, errors)
    if not join:
        return started
    while not started.join():
        pass
    return None


spawn = start_processes
"""By default in fresh processes, which import the program anew."""


def get_all_sharing_strategies() -> set[str]:
    """The one way that tensors go to other processes."""
    return {"file_system"}


def get_sharing_strategy() -> str:
    """The one way that tensors go to other processes."""
    return "file_system"


def set_sharing_strategy(new_strategy: str) -> None:
    """Accepts PyTorch's names; tensors are copied all the same."""
    if new_strategy not in ("file_descriptor", "file_system"):
        raise AssertionError(f"invalid sharing strategy: {new_strategy!r}")


__getattr__ = _missing_names(__name__)
