"""Worker processes: what runs in them, and how batches travel.

A worker has two pipes of its own: indices come in by one, batches go out by the other. Arrays travel beside the pickled
message, not in it, so that they are copied once. With pipes of its own a worker that dies leaves an end of file, and
nobody waits.
"""

from __future__ import annotations

import os
import pickle
import queue
import random as python_random
import struct
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import random

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

POLL_INTERVAL = 5.0  # seconds between a worker's looks at whether its parent lives


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker knows of itself: its number, how many there are, its seed, and its copy of the dataset."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str | None = "multiprocessing"


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """The worker that this process is; None in the main process."""
    return _worker_info


@dataclass(frozen=True)
class StreamEnded:
    """Sent by a worker whose part of an IterableDataset is over."""

    worker_id: int


@dataclass(frozen=True)
class Resume:
    """Sent to workers to start the next epoch; they send it back."""


class _KeyErrorMessage(str):
    """A text that KeyError shows as it is, not quoted."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class ExceptionWrapper:
    """An exception in a worker, to be raised again in the main process."""

    def __init__(self, where: str) -> None:
        error: Any = sys.exc_info()[1]
        self.exc_type: Any = type(error)
        self.exc_msg = "".join(traceback.format_exception(error))
        self.where = where

    def reraise(self) -> None:
        """Raise an exception of the same class with the worker's traceback in its message."""
        kind = self.exc_type
        message = f"Caught {kind.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if kind is KeyError:
            message = _KeyErrorMessage(message)
        elif getattr(kind, "message", None):
            raise kind(message=message)
        try:
            exception = kind(message)
        except Exception:  # the class wants other arguments
            raise RuntimeError(message) from None
        raise exception


def send(connection: Connection, message: Any) -> None:
    """Send a message: its pickle with the number and sizes of its arrays in front, then the arrays."""
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(message, 5, buffer_callback=buffers.append)
    raw = [b.raw() for b in buffers]
    connection.send_bytes(struct.pack(f"<{len(raw) + 1}q", len(raw), *[r.nbytes for r in raw]) + pickled)
    for r in raw:
        if r.nbytes:
            connection.send_bytes(r)


def receive(connection: Connection) -> Any:
    """Wait for a message and return it. Raises EOFError if the other end is closed."""
    head = connection.recv_bytes()
    (count,) = struct.unpack_from("<q", head)
    sizes = struct.unpack_from(f"<{count}q", head, 8)
    buffers = []
    for size in sizes:
        buffer = bytearray(size)
        if size:
            connection.recv_bytes_into(buffer)
        buffers.append(buffer)
    return pickle.loads(memoryview(head)[8 * (count + 1) :], buffers=buffers)


def numpy_seed(base_seed: int, worker_id: int) -> list[int]:
    """The seed of a worker's np.random: 128 bits mixed from both numbers, as PyTorch mixes them.

    The mixing is that of NumPy's SeedSequence (M. E. O'Neill, "Developing a seed_seq alternative", 2015).
    """
    mask, multiplier = 0xFFFFFFFF, 0x931E8875
    constant = 0x43B0D7E5

    def hashed(value: int) -> int:
        nonlocal constant
        value = (value ^ constant) & mask
        constant = constant * multiplier & mask
        value = value * constant & mask
        return value ^ value >> 16

    def mixed(x: int, y: int) -> int:
        value = (0xCA01F9DD * x - 0x4973F715 * y) & mask
        return value ^ value >> 16

    pool = [hashed(value) for value in (worker_id, base_seed & mask, base_seed >> 32, 0)]
    for i in range(4):
        for j in range(4):
            if i != j:
                pool[j] = mixed(pool[j], hashed(pool[i]))
    constant, multiplier = 0x8B51F9DD, 0x58F38DED
    return [hashed(value) for value in pool]


def _read_indices(connection: Connection, tasks: queue.SimpleQueue[Any]) -> None:
    """Take in what the main process sends, so that it never waits for a busy worker; None when it is gone."""
    try:
        while True:
            tasks.put(receive(connection))
    except (EOFError, OSError):
        tasks.put(None)


def run_worker(
    make_fetcher: Callable[[Any], Any],
    dataset: Any,
    incoming: Connection,
    outgoing: Connection,
    inherited: Sequence[Connection],
    base_seed: int,
    init_fn: Callable[[int], Any] | None,
    worker_id: int,
    num_workers: int,
) -> None:
    """The life of a worker: seeds, `init_fn`, then a batch for each message (number, indices) until None."""
    global _worker_info
    for connection in inherited:  # the main process's ends, which a fork copies: else no end of file would be seen
        connection.close()
    parent = os.getppid()
    try:
        seed = base_seed + worker_id
        python_random.seed(seed)
        random.manual_seed(seed)
        np.random.seed(numpy_seed(base_seed, worker_id))
        _worker_info = WorkerInfo(worker_id, num_workers, seed, dataset)
        where = f"in DataLoader worker process {worker_id}"
        failure: ExceptionWrapper | None = None
        fetcher: Any = None
        try:
            if init_fn is not None:
                init_fn(worker_id)
            fetcher = make_fetcher(dataset)
        except Exception:
            failure = ExceptionWrapper(where)
        tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        threading.Thread(target=_read_indices, args=(incoming, tasks), daemon=True).start()
        ended = False
        while True:
            try:
                task = tasks.get(timeout=POLL_INTERVAL)
            except queue.Empty:
                if os.getppid() != parent:
                    break
                continue
            if task is None:
                break
            if isinstance(task, Resume):
                ended = False
                send(outgoing, (task, None))
                fetcher = make_fetcher(dataset)
                continue
            if ended:
                continue
            number, indices = task
            data: Any
            if failure is not None:
                data, failure = failure, None
            else:
                try:
                    data = fetcher.fetch(indices)
                except StopIteration:
                    if hasattr(fetcher, "stream"):
                        data, ended = StreamEnded(worker_id), True
                    else:
                        data = ExceptionWrapper(where)
                except Exception:
                    data = ExceptionWrapper(where)
            try:
                send(outgoing, (number, data))
            except (BrokenPipeError, ConnectionResetError):
                break  # the main process has no more use for it
            except Exception:  # the batch cannot be pickled
                send(outgoing, (number, ExceptionWrapper(where)))
    except (KeyboardInterrupt, BrokenPipeError, ConnectionResetError):
        pass  # the main process raises it, too; or it is gone
