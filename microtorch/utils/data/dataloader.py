"""`torch.utils.data.DataLoader`: batches of a dataset, in PyTorch's order and with its random numbers."""

from __future__ import annotations

import functools
import importlib
import itertools
import math
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, TypeVar

from microtorch.random import Generator
from microtorch.utils.data._utils.collate import default_collate as default_collate, default_convert as default_convert
from microtorch.utils.data._utils.fetch import IterableFetcher, MapFetcher
from microtorch.utils.data._utils.worker import (
    ExceptionWrapper,
    Resume,
    StreamEnded,
    get_worker_info as get_worker_info,
    receive,
    run_worker,
    send,
)
from microtorch.utils.data.dataset import Dataset as Dataset, IterableDataset as IterableDataset
from microtorch.utils.data.sampler import (
    BatchSampler as BatchSampler,
    RandomSampler as RandomSampler,
    Sampler as Sampler,
    SequentialSampler as SequentialSampler,
    stream_of,
)

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]

T_co = TypeVar("T_co", covariant=True)


def _multiprocessing() -> Any:
    """The module, which is imported only where worker processes are wanted: it takes two megabytes."""
    importlib.import_module("multiprocessing.connection")
    return importlib.import_module("multiprocessing")


class _DatasetKind:
    Map = 0
    Iterable = 1


class _InfiniteConstantSampler(Sampler[Any]):
    """The sampler of a stream: there is nothing to choose."""

    def __iter__(self) -> Iterator[None]:
        return itertools.repeat(None)


class DataLoader(Generic[T_co]):
    """Goes through a dataset in batches: `for batch in DataLoader(dataset, batch_size=32, shuffle=True)`.

    batch_size: None for single samples. shuffle: in a new random order each time. sampler: gives the indices instead;
    batch_sampler: gives lists of them. drop_last: leave out a last batch that is not full. collate_fn: makes a batch
    from a list of samples (`default_collate`; with batch_size=None from a sample, `default_convert`). generator: draws
    the order and the workers' seeds (the default generator if None). num_workers: processes that load ahead,
    prefetch_factor batches each (2); 0: load here. worker_init_fn(worker_id) runs first in each. persistent_workers:
    keep them for the next time. timeout: seconds to wait for a batch, 0 for ever. in_order: False gives the batches as
    they come. pin_memory: for accelerators; does nothing here but warn.

    Raises ValueError for arguments that exclude each other, RuntimeError if a worker dies or takes too long; an
    exception in a worker is raised here with its traceback in the message.

    >>> for batch in DataLoader(range(5), batch_size=2):
    ...     print(batch)
    tensor([0, 1])
    tensor([2, 3])
    tensor([4])
    """

    dataset: Any
    __initialized = False

    def __init__(
        self,
        dataset: Any,
        batch_size: int | None = 1,
        shuffle: bool | None = None,
        sampler: Sampler[Any] | Iterable[Any] | None = None,
        batch_sampler: Sampler[list[Any]] | Iterable[list[Any]] | None = None,
        num_workers: int = 0,
        collate_fn: Callable[[Any], Any] | None = None,
        pin_memory: bool = False,
        drop_last: bool = False,
        timeout: float = 0,
        worker_init_fn: Callable[[int], Any] | None = None,
        multiprocessing_context: Any = None,
        generator: Generator | None = None,
        *,
        prefetch_factor: int | None = None,
        persistent_workers: bool = False,
        pin_memory_device: str = "",
        in_order: bool = True,
    ) -> None:
        if num_workers < 0:
            raise ValueError("num_workers option should be non-negative; use num_workers=0 to disable multiprocessing.")
        if timeout < 0:
            raise ValueError("timeout option should be non-negative")
        if num_workers == 0 and prefetch_factor is not None:
            raise ValueError(
                "prefetch_factor option could only be specified in multiprocessing."
                "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
            )
        if num_workers > 0 and prefetch_factor is None:
            prefetch_factor = 2
        elif prefetch_factor is not None and prefetch_factor < 0:
            raise ValueError("prefetch_factor option should be non-negative")
        if persistent_workers and num_workers == 0:
            raise ValueError("persistent_workers option needs num_workers > 0")
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order

        is_stream = isinstance(dataset, IterableDataset)
        self._dataset_kind = _DatasetKind.Iterable if is_stream else _DatasetKind.Map
        if is_stream:
            for name, value, allowed in (
                ("shuffle", shuffle, shuffle is None or shuffle is False),
                ("sampler", sampler, sampler is None),
                ("batch_sampler", batch_sampler, batch_sampler is None),
            ):
                if not allowed:
                    raise ValueError(
                        f"DataLoader with IterableDataset: expected unspecified {name} option, but got {name}={value}"
                    )
        else:
            shuffle = bool(shuffle)
        if sampler is not None and shuffle:
            raise ValueError("sampler option is mutually exclusive with shuffle")
        if batch_sampler is not None:
            if batch_size != 1 or shuffle or sampler is not None or drop_last:
                raise ValueError(
                    "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last"
                )
            batch_size, drop_last = None, False
        elif batch_size is None and drop_last:
            raise ValueError("batch_size=None option disables auto-batching and is mutually exclusive with drop_last")
        if sampler is None:
            if is_stream:
                sampler = _InfiniteConstantSampler()
            elif shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            else:
                sampler = SequentialSampler(dataset)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        if collate_fn is None:
            collate_fn = default_collate if self._auto_collation else default_convert
        self.collate_fn = collate_fn
        self.persistent_workers = persistent_workers
        self.__initialized = True
        self._IterableDataset_len_called: int | None = None
        self._iterator: _MultiProcessingDataLoaderIter | None = None
        self.check_worker_number_rationality()

    @property
    def multiprocessing_context(self) -> Any:
        """How workers are started: a context of multiprocessing, None for "fork" where there is fork."""
        return self.__multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context: Any) -> None:
        if context is not None:
            if self.num_workers <= 0:
                raise ValueError(
                    "multiprocessing_context can only be used with multi-process loading (num_workers > 0), but got "
                    f"num_workers={self.num_workers}"
                )
            if isinstance(context, str):
                methods = _multiprocessing().get_all_start_methods()
                if context not in methods:
                    raise ValueError(
                        f"multiprocessing_context option should specify a valid start method in {methods!r}, but got "
                        f"multiprocessing_context={context!r}"
                    )
                context = _multiprocessing().get_context(context)
            if not isinstance(context, _multiprocessing().context.BaseContext):
                raise TypeError(
                    "multiprocessing_context option should be a valid context object or a string specifying the start "
                    f"method, but got multiprocessing_context={context}"
                )
        self.__multiprocessing_context = context

    def __setattr__(self, attr: str, val: Any) -> None:
        fixed = ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
        if self.__initialized and attr in fixed:
            raise ValueError(f"{attr} attribute should not be set after {self.__class__.__name__} is initialized")
        super().__setattr__(attr, val)

    @property
    def _auto_collation(self) -> bool:
        return self.batch_sampler is not None

    @property
    def _index_sampler(self) -> Any:
        return self.batch_sampler if self._auto_collation else self.sampler

    def __iter__(self) -> Iterator[Any]:
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        if not self.persistent_workers:
            self.check_worker_number_rationality()
            return _MultiProcessingDataLoaderIter(self)
        if self._iterator is None:
            self.check_worker_number_rationality()
            self._iterator = _MultiProcessingDataLoaderIter(self)
        else:
            self._iterator._reset(self)
        return self._iterator

    def __len__(self) -> int:
        """The number of batches (of a stream: as far as its own `__len__` tells)."""
        if self._dataset_kind != _DatasetKind.Iterable:
            return len(self._index_sampler)
        n = self._IterableDataset_len_called = len(self.dataset)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else math.ceil(n / self.batch_size)

    def check_worker_number_rationality(self) -> None:
        """Warn of more workers than processors."""
        affinity = getattr(os, "sched_getaffinity", None)
        processors = len(affinity(0)) if affinity else os.cpu_count()
        if not self.num_workers or (processors is not None and self.num_workers <= processors):
            return
        if processors is None:
            suggested = "DataLoader is not able to compute a suggested max number of worker in current system."
        else:
            suggested = (
                "Our suggested max number of worker in current system is "
                f"{processors}{'' if affinity else ' (`cpuset` is not taken into account)'}, which is smaller than "
                "what this DataLoader is going to create."
            )
        warnings.warn(
            f"This DataLoader will create {self.num_workers} worker processes in total. {suggested} Please be aware "
            "that excessive worker creation might get DataLoader running slow or even freeze, lower the worker number "
            "to avoid potential slowness/freeze if necessary.",
            stacklevel=2,
        )


class _BaseDataLoaderIter:
    """One way through a DataLoader."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        self._dataset = loader.dataset
        self._dataset_kind = loader._dataset_kind
        self._IterableDataset_len_called = loader._IterableDataset_len_called
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        if loader.pin_memory:
            if loader.pin_memory_device:
                warnings.warn(
                    "pin_memory_device is deprecated, the current accelerator will be used as the device,"
                    f"ignore pin_memory_device='{loader.pin_memory_device}'.",
                    stacklevel=2,
                )
            warnings.warn(
                "'pin_memory' argument is set as true but no accelerator is found, then device pinned memory won't be "
                "used.",
                stacklevel=2,
            )
        self._timeout = loader.timeout
        fetcher: Any = IterableFetcher if loader._dataset_kind == _DatasetKind.Iterable else MapFetcher
        self._make_fetcher = functools.partial(
            fetcher, auto_collation=loader._auto_collation, collate_fn=loader.collate_fn, drop_last=loader.drop_last
        )
        self._sampler_iter = iter(self._index_sampler)
        self._base_seed = stream_of(loader.generator).random_scalar63()  # drawn even if nobody needs it, as in PyTorch
        self._persistent_workers = loader.persistent_workers
        self._num_yielded = 0

    def __iter__(self) -> Iterator[Any]:
        return self

    def _reset(self, loader: DataLoader[Any], first_iter: bool = False) -> None:
        self._sampler_iter = iter(self._index_sampler)
        self._num_yielded = 0
        self._IterableDataset_len_called = loader._IterableDataset_len_called

    def _next_data(self) -> Any:
        raise NotImplementedError

    def __next__(self) -> Any:
        data = self._next_data()
        self._num_yielded += 1
        expected = self._IterableDataset_len_called
        if expected is not None and self._num_yielded > expected and self._dataset_kind == _DatasetKind.Iterable:
            message = (
                f"Length of IterableDataset {self._dataset} was reported to be {expected}(when accessing "
                f"len(dataloader)), but {self._num_yielded} samples have been fetched. "
            )
            if self._num_workers > 0:
                message += (
                    "For multiprocessing data-loading, this could be caused by not properly configuring the "
                    "IterableDataset replica at each worker. Please see "
                    "https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for examples."
                )
            warnings.warn(message, stacklevel=2)
        return data

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __getstate__(self) -> Any:
        raise NotImplementedError("{} cannot be pickled", self.__class__.__name__)


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """Loads each batch when it is asked for."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        if self._timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        self._fetcher = self._make_fetcher(self._dataset)

    def _next_data(self) -> Any:
        return self._fetcher.fetch(next(self._sampler_iter))


class _Worker:
    """A worker process and our ends of its pipes."""

    def __init__(self, context: Any, others: list[_Worker], args: dict[str, Any]) -> None:
        incoming, self.indices = context.Pipe(duplex=False)
        self.results, outgoing = context.Pipe(duplex=False)
        forked = context.get_start_method() == "fork"
        inherited = [c for w in (*others, self) for c in (w.indices, w.results)] if forked else []
        target_args = {**args, "incoming": incoming, "outgoing": outgoing, "inherited": inherited}
        self.process = context.Process(target=run_worker, kwargs=target_args, daemon=True)
        self.process.start()
        incoming.close()
        outgoing.close()
        self.active = True  # takes tasks: its part of a stream is not over
        self.tasks = 0  # that it has got and not answered

    def put(self, message: Any) -> None:
        """Send a task; a worker that is dead is noticed when its answer is waited for."""
        try:
            send(self.indices, message)
        except (BrokenPipeError, ConnectionResetError):
            pass

    def stop(self) -> None:
        """Let it end."""
        self.put(None)
        self.indices.close()
        self.results.close()


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Has worker processes load batches ahead: tasks go to the workers in turn, results are put in order."""

    def __init__(self, loader: DataLoader[Any]) -> None:
        super().__init__(loader)
        self._workers: list[_Worker] = []
        self._shutdown = False
        self._pid = os.getpid()
        self._prefetch_factor: Any = loader.prefetch_factor
        self._in_order = loader.in_order
        if loader.prefetch_factor <= 0:  # type: ignore[operator]
            raise AssertionError("prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter")
        context = loader.multiprocessing_context
        if context is None:
            methods = _multiprocessing().get_all_start_methods()
            context = _multiprocessing().get_context("fork" if "fork" in methods else None)
        for i in range(self._num_workers):
            args = {
                "make_fetcher": self._make_fetcher,
                "dataset": self._dataset,
                "base_seed": self._base_seed,
                "init_fn": loader.worker_init_fn,
                "worker_id": i,
                "num_workers": self._num_workers,
            }
            self._workers.append(_Worker(context, self._workers, args))
        self._reset(loader, first_iter=True)

    def _reset(self, loader: DataLoader[Any], first_iter: bool = False) -> None:
        super()._reset(loader, first_iter)
        self._send_idx = 0  # number of the next task
        self._rcvd_idx = 0  # number of the task whose batch is given out next
        self._at: dict[int, _Worker] = {}  # who has which task
        self._ready: dict[int, Any] = {}  # batches that came before their turn
        if not first_iter:
            for worker in self._workers:
                worker.put(Resume())
            waiting = set(self._workers)
            while waiting:  # what is left of the last epoch is passed over
                worker, (number, _) = self._receive(waiting)
                if isinstance(number, Resume):
                    waiting.discard(worker)
        for worker in self._workers:
            worker.active, worker.tasks = True, 0
        self._turn = itertools.cycle(self._workers)
        for _ in range(self._prefetch_factor * self._num_workers):
            self._put_task()

    def _put_task(self) -> None:
        """Give the next indices to the next worker that has a stream to read, if there are any."""
        try:
            indices = next(self._sampler_iter)
        except StopIteration:
            return
        active = sum(w.active for w in self._workers)
        for worker in itertools.islice(self._turn, self._num_workers):
            fair = self._in_order or worker.tasks < self._prefetch_factor * self._num_workers // max(active, 1)
            if worker.active and fair:
                break
        else:
            return
        worker.put((self._send_idx, indices))
        self._at[self._send_idx] = worker
        worker.tasks += 1
        self._send_idx += 1

    def _receive(self, workers: Iterable[_Worker]) -> tuple[_Worker, Any]:
        """Wait for the next message of any of these workers.

        Raises RuntimeError if one has died, or after the timeout.
        """
        by_connection: dict[Any, _Worker] = {w.results: w for w in workers}
        ready = _multiprocessing().connection.wait(by_connection, self._timeout or None)
        if not ready:
            raise RuntimeError(f"DataLoader timed out after {self._timeout} seconds")
        worker = by_connection[ready[0]]
        try:
            return worker, receive(worker.results)
        except (EOFError, OSError) as error:
            worker.process.join(1)
            dead = [w.process.pid for w in self._workers if not w.process.is_alive()] or [worker.process.pid]
            self._shutdown_workers()
            raise RuntimeError(f"DataLoader worker (pid(s) {', '.join(map(str, dead))}) exited unexpectedly") from error

    def _next_data(self) -> Any:
        if self._shutdown:
            raise StopIteration
        while True:
            while self._rcvd_idx < self._send_idx:
                worker = self._at.get(self._rcvd_idx)
                if self._rcvd_idx in self._ready or (worker is not None and worker.active):
                    break
                self._at.pop(self._rcvd_idx, None)  # its stream was over: no batch will come
                self._rcvd_idx += 1
            else:
                if not self._persistent_workers:
                    self._shutdown_workers()
                raise StopIteration
            if self._rcvd_idx in self._ready:
                number, data = self._rcvd_idx, self._ready.pop(self._rcvd_idx)
            else:
                _, (number, data) = self._receive({w for w in self._workers if w.active and w.tasks})
                if isinstance(data, StreamEnded):
                    worker = self._workers[data.worker_id]
                    worker.active = False
                    if not self._persistent_workers:
                        worker.put(None)
                    self._put_task()
                    continue
                if number != self._rcvd_idx and self._in_order:
                    self._ready[number] = data
                    continue
            self._at.pop(number).tasks -= 1
            if number == self._rcvd_idx:
                self._rcvd_idx += 1
            self._put_task()
            if isinstance(data, ExceptionWrapper):
                data.reraise()
            return data

    def _shutdown_workers(self) -> None:
        """End all workers: kindly, and after a second by force."""
        if self._shutdown or self._pid != os.getpid():  # in a worker there are copies of other loaders' iterators
            return
        self._shutdown = True
        for worker in self._workers:
            worker.stop()
        for worker in self._workers:
            worker.process.join(1)
        for worker in self._workers:
            if worker.process.is_alive():
                worker.process.terminate()
                worker.process.join(1)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()

    def __del__(self) -> None:
        if "_pid" in self.__dict__:
            self._shutdown_workers()
