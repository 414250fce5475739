"""Threads for kernels: one pool of our own beside the BLAS's, and one number that governs both.

`split` runs a kernel on equal parts of its arrays, one part a thread. The kernels release the interpreter's lock
(NumPy's products, compiled loops). A call that comes while the pool is at work (from another thread, or from inside a
part) runs where it is, undivided; after a fork the child starts a pool of its own.
"""

from __future__ import annotations

import ctypes
import functools
import os
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np

__all__ = ["beside", "count", "run", "set_count", "shares", "split", "with_serial_blas"]

_count: int | None = None


@functools.cache
def blas() -> tuple[Any, Any] | None:
    """The functions that read and set the number of threads of the BLAS that NumPy brings; None if it has none."""
    package = Path(np.__file__).parent
    for file in [*package.parent.glob("numpy.libs/*openblas*"), *package.glob(".dylibs/*openblas*")]:
        try:
            library = ctypes.CDLL(str(file))  # loaded by NumPy already: this is the same one
        except OSError:
            continue
        for name in ("scipy_openblas_{}_num_threads64_", "openblas_{}_num_threads64_", "openblas_{}_num_threads"):
            if hasattr(library, name.format("set")):
                return getattr(library, name.format("get")), getattr(library, name.format("set"))
    return None


def count() -> int:
    """The number of threads that one operation may use: what was set, else what the BLAS was told at its start."""
    global _count
    if _count is None:
        functions = blas()
        _count = int(functions[0]()) if functions else os.cpu_count() or 1
    return _count


def set_count(threads: int) -> None:
    """Let matrix products and kernels use that many threads."""
    global _count
    functions = blas()
    if functions:
        functions[1](threads)
    _count = threads


_serial = 0
_serial_lock = threading.Lock()


class _SerialBlas:
    """What `with_serial_blas` enters. (A generator's context manager takes twice the time.)"""

    __slots__ = ()

    def __enter__(self) -> None:
        global _serial
        with _serial_lock:
            _serial += 1
            if _serial == 1 and count() > 1 and (functions := blas()):
                functions[1](1)

    def __exit__(self, *_: object) -> None:
        global _serial
        with _serial_lock:
            _serial -= 1
            if _serial == 0 and count() > 1 and (functions := blas()):  # nobody else is inside
                functions[1](count())


_serial_blas = _SerialBlas()


def with_serial_blas() -> _SerialBlas:
    """Matrix products inside use one thread each, as parts that run side by side need."""
    return _serial_blas


class _Pool:
    """Threads that wait for work; the caller does the first part itself."""

    def __init__(self) -> None:
        self.busy = threading.Lock()
        self.queues: list[SimpleQueue[tuple[Callable[[], None], SimpleQueue[BaseException | None]]]] = []

    def _serve(self, queue: SimpleQueue[tuple[Callable[[], None], SimpleQueue[BaseException | None]]]) -> None:
        while True:
            work, done = queue.get()
            try:
                work()
            except BaseException as error:  # it is raised again in the thread that asked
                done.put(error)
            else:
                done.put(None)
            del work, done

    def run(self, parts: list[Callable[[], None]]) -> None:
        """Call all of them, side by side."""
        while len(self.queues) < len(parts) - 1:
            self.queues.append(SimpleQueue())
            threading.Thread(target=self._serve, args=(self.queues[-1],), daemon=True, name="microtorch").start()
        done: SimpleQueue[BaseException | None] = SimpleQueue()
        for queue, part in zip(self.queues, parts[1:]):
            queue.put((part, done))
        error: BaseException | None = None
        try:
            parts[0]()
        except BaseException as raised:
            error = raised
        for _ in parts[1:]:  # none may still write when this call ends
            error = done.get() or error
        if error is not None:
            raise error


_pool = _Pool()


class _Beside:
    """One more thread, for work that nobody waits for yet."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.queue: SimpleQueue[Callable[[], None]] | None = None

    def _serve(self, queue: SimpleQueue[Callable[[], None]]) -> None:
        while True:
            queue.get()()

    def start(self, work: Callable[[], Any]) -> Callable[[], Any]:
        done: SimpleQueue[tuple[Any, BaseException | None]] = SimpleQueue()

        def call() -> None:
            try:
                done.put((work(), None))
            except BaseException as error:  # it is raised in the thread that asks for the result
                done.put((None, error))

        def result() -> Any:
            value, error = done.get()
            if error is not None:
                raise error
            return value

        with self.lock:
            if self.queue is None:
                self.queue = SimpleQueue()
                threading.Thread(target=self._serve, args=(self.queue,), daemon=True, name="microtorch beside").start()
            self.queue.put(call)
        return result

    def finish(self) -> None:
        """Wait for all that was started, and let nothing start until the lock is given back."""
        self.lock.acquire()
        if self.queue is not None:
            done: SimpleQueue[None] = SimpleQueue()
            self.queue.put(lambda: done.put(None))
            done.get()


_beside = _Beside()


def beside(work: Callable[[], Any]) -> Callable[[], Any]:
    """Start `work()` on a thread of its own; what is returned, called once, waits for its result.

    >>> result = beside(lambda: 6 * 7)
    >>> result()
    42
    """
    return _beside.start(work)


def _after_fork() -> None:
    global _pool, _serial_lock, _beside
    _pool = _Pool()  # a fork copies the pool, but not its threads
    _serial_lock = threading.Lock()  # nor the thread that may have held it
    _beside = _Beside()


if hasattr(os, "register_at_fork"):
    # what is under way is finished first: its thread would not be there to do so in the child
    os.register_at_fork(
        before=lambda: _beside.finish(), after_in_parent=lambda: _beside.lock.release(), after_in_child=_after_fork
    )


def run(parts: list[Callable[[], None]]) -> None:
    """Call all parts (at most `count()` of them), side by side if the pool is free. Raises what a part raises."""
    pool = _pool
    if len(parts) > 1 and pool.busy.acquire(blocking=False):
        try:
            pool.run(parts)
        finally:
            pool.busy.release()
        return
    for part in parts:
        part()


def shares(rows: int, least: int = 1) -> list[tuple[int, int]]:
    """The beginnings and ends of as many equal parts of some rows as there are threads, each of `least` or more."""
    n = max(min(count(), rows // max(least, 1)), 1)
    return [(rows * i // n, rows * (i + 1) // n) for i in range(n)]


def split(kernel: Callable[..., Any], rows: int, *arrays: Any, least: int = 1) -> None:
    """`kernel(*arrays)` by parts: arrays with `rows` rows are cut along their first axis, all else is given whole.

    The kernel writes into its arguments. Parts have `least` rows or more; with one thread it is a plain call.

    >>> x, out = np.arange(6.0), np.empty(6)
    >>> split(lambda a, b: np.multiply(a, 2, out=b), 6, x, out)
    >>> out
    array([ 0.,  2.,  4.,  6.,  8., 10.])
    """
    if rows < 2 * least or _count == 1 or len(parts := shares(rows, least)) == 1:
        kernel(*arrays)
        return

    def part(start: int, stop: int) -> Callable[[], None]:
        cut = [a[start:stop] if isinstance(a, np.ndarray) and a.ndim and len(a) == rows else a for a in arrays]
        return lambda: kernel(*cut)

    run([part(start, stop) for start, stop in parts])
