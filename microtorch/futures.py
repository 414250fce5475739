"""`torch.futures.Future`: a result that may come later. Here it has come when the Future is handed out."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any, Generic, TypeVar

from microtorch._missing import missing_names as _missing_names

T = TypeVar("T")


class Future(Generic[T]):
    """Something that will have a result, or an error.

    >>> future = Future()
    >>> doubled = future.then(lambda f: 2 * f.value())
    >>> future.set_result(21)
    >>> doubled.wait()
    42
    """

    def __init__(self, *, devices: Any = None) -> None:
        self._come = Event()
        self._value: Any = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Future[T]], Any]] = []

    def done(self) -> bool:
        """Whether the result is there."""
        return self._come.is_set()

    def wait(self) -> Any:
        """The result, waited for; raises the error if there was one."""
        self._come.wait()
        return self.value()

    def value(self) -> Any:
        """The result, which must be there."""
        if not self.done():
            raise RuntimeError("Future must be complete before value() is called")
        if self._error is not None:
            raise self._error
        return self._value

    def then(self, callback: Callable[[Future[T]], Any]) -> Future[Any]:
        """A Future of what callback(this one) gives, called once this one is done."""
        follower: Future[Any] = Future()

        def run(done: Future[T]) -> None:
            try:
                follower.set_result(callback(done))
            except Exception as error:  # it belongs to who waits for the follower
                follower.set_exception(error)

        self.add_done_callback(run)
        return follower

    def add_done_callback(self, callback: Callable[[Future[T]], Any]) -> None:
        """Call callback(this one) once it is done."""
        if self.done():
            callback(self)
        else:
            self._callbacks.append(callback)

    def set_result(self, result: Any) -> None:
        """Give the result. Raises RuntimeError if it is there already."""
        self._finish(result, None)

    def set_exception(self, result: BaseException) -> None:
        """Give an error instead of a result."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._finish(None, result)

    def _finish(self, value: Any, error: BaseException | None) -> None:
        if self.done():
            raise RuntimeError("Attempting to mark a completed Future as complete again.")
        self._value, self._error = value, error
        self._come.set()
        for callback in self._callbacks:
            callback(self)


def collect_all(futures: list[Future[Any]]) -> Future[Any]:
    """A Future of the list of all the futures, done when they are."""
    every: Future[Any] = Future()
    waiting = [f for f in futures if not f.done()]
    left = len(waiting)

    def one_more(_: Future[Any]) -> None:
        nonlocal left
        left -= 1
        if not left:
            every.set_result(futures)

    for f in waiting:
        f.add_done_callback(one_more)
    if not waiting:
        every.set_result(futures)
    return every


def wait_all(futures: list[Future[Any]]) -> list[Any]:
    """The results of all; raises the first error."""
    return [f.wait() for f in collect_all(futures).wait()]


__getattr__ = _missing_names(__name__)
