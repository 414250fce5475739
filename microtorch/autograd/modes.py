"""Grad modes: whether operations on this thread are recorded.

`no_grad`, `enable_grad`, `set_grad_enabled` and `inference_mode` are context managers and decorators, as in PyTorch.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, overload

from microtorch._warn import at_the_program
from microtorch.autograd.state import TensorBase, inferring

F = TypeVar("F", bound=Callable[..., Any])


class _Mode(threading.local):
    """This thread's modes. The class attributes are what a new thread starts with."""

    enabled = True
    inference = False
    asked = False  # in inference mode, where nothing is recorded: whether it was turned on inside
    saved_hooks: tuple[tuple[Callable[[Any], Any], Callable[[Any], Any]], ...] = ()
    hooks_disabled: str | None = None  # why saved_tensors_hooks are not allowed
    anomaly = False
    recorder: Callable[[Any, Any], None] | None = None  # is shown each new node and its array (viz.recording)
    duals: tuple[Any, ...] = ()  # the level of forward mode that is entered (forward_ad.py)
    check_nan = True


mode = _Mode()

watched: list[None] = []
"""One for each open block of anomaly mode or saved_tensors_hooks, on all threads, and for each tensor of inference mode
that lives; nodes look closer at what they save only if there is any."""


def is_grad_enabled() -> bool:
    """True if operations on this thread are recorded (in inference mode: would be, if they could)."""
    return mode.asked if mode.inference else mode.enabled


def _turn(on: bool) -> tuple[bool, bool]:
    """Turn recording on or off; returns what it was, for `_turn_back`."""
    before = (mode.enabled, mode.asked)
    mode.asked = on
    mode.enabled = on and not mode.inference
    return before


def _turn_back(before: tuple[bool, bool]) -> None:
    mode.enabled, mode.asked = before


def is_inference_mode_enabled() -> bool:
    """True inside `inference_mode()`."""
    return mode.inference


class _Context:
    """A context manager that is also a decorator of functions, generators and classes' methods."""

    def __enter__(self) -> Any:
        raise NotImplementedError

    def __exit__(self, *exc: object) -> None:
        raise NotImplementedError

    def clone(self) -> _Context:
        return type(self)()

    def __call__(self, function: F) -> F:
        if inspect.isclass(function):
            at_the_program(
                "Decorating classes is deprecated and will be disabled in future versions. You should only decorate "
                "functions or methods. To preserve the current behavior of class decoration, you can directly decorate "
                "the `__init__` method and nothing else.",
                FutureWarning,
            )
        if inspect.isgeneratorfunction(function):

            @functools.wraps(function)
            def generator(*args: Any, **kwargs: Any) -> Any:
                inner = function(*args, **kwargs)
                step: Callable[[], Any] = functools.partial(next, inner)
                while True:
                    with self.clone():
                        try:
                            item = step()
                        except StopIteration as stop:
                            return stop.value
                    try:
                        step = functools.partial(inner.send, (yield item))
                    except GeneratorExit:
                        with self.clone():
                            inner.close()
                        raise
                    except BaseException as error:  # what the caller throws is the generator's to handle
                        step = functools.partial(inner.throw, error)

            return generator  # type: ignore[return-value]

        @functools.wraps(function, updated=())
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with self.clone():
                return function(*args, **kwargs)

        return wrapper  # type: ignore[return-value]


class no_grad(_Context):
    """Operations inside are not recorded: their results need no gradient.

    >>> import microtorch as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> with torch.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    @overload
    def __new__(cls) -> no_grad: ...
    @overload
    def __new__(cls, function: F) -> F: ...  # type: ignore[misc]
    def __new__(cls, function: Any = None) -> Any:
        self = super().__new__(cls)
        return self if function is None else self(function)  # @no_grad without parentheses

    def __enter__(self) -> None:
        self._before = mode.enabled
        mode.enabled = False
        if mode.inference:
            self._asked, mode.asked = mode.asked, False

    def __exit__(self, *exc: object) -> None:
        mode.enabled = self._before
        if mode.inference:
            mode.asked = self._asked


class enable_grad(_Context):
    """Operations inside are recorded, also within `no_grad`."""

    def __new__(cls, function: Any = None) -> Any:
        self = super().__new__(cls)
        return self if function is None else self(function)

    def __enter__(self) -> None:
        self._before = _turn(True)

    def __exit__(self, *exc: object) -> None:
        _turn_back(self._before)


class set_grad_enabled(_Context):
    """Turn recording on or off: at once as a call, or for a `with` block."""

    def __init__(self, mode_: bool = True, **named: bool) -> None:
        self._wanted = bool(named.get("mode", mode_))
        self._before = _turn(self._wanted)

    def __call__(self, function: F) -> F:
        _turn_back(self._before)  # used as a decorator: nothing changes until the function runs
        return super().__call__(function)

    def __enter__(self) -> None:
        _turn(self._wanted)

    def __exit__(self, *exc: object) -> None:
        _turn_back(self._before)

    def clone(self) -> _Context:
        return set_grad_enabled(self._wanted)


class set_multithreading_enabled(_Context):
    """Nothing changes: a backward pass runs on the thread that asks for it."""

    def __init__(self, mode: bool = True) -> None:
        self._wanted = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass

    def clone(self) -> _Context:
        return set_multithreading_enabled(self._wanted)


def is_multithreading_enabled() -> bool:
    """True, as PyTorch says by default."""
    return True


class inference_mode(_Context):
    """Like `no_grad`, for code whose results never enter a graph."""

    def __new__(cls, mode: Any = True) -> Any:
        self = super().__new__(cls)
        if callable(mode):
            self.__init__(True)  # type: ignore[misc]
            return self(mode)
        return self

    def __init__(self, mode: bool = True) -> None:
        self._wanted = mode

    def clone(self) -> _Context:
        fresh: _Context = inference_mode(self._wanted)
        return fresh

    def __enter__(self) -> None:
        self._before = (mode.enabled, mode.asked, mode.inference)
        mode.enabled, mode.asked, mode.inference = not self._wanted, not self._wanted, self._wanted
        inferring.append(_mark)
        if not _ever:
            _ever.append(None)

    def __exit__(self, *exc: object) -> None:
        mode.enabled, mode.asked, mode.inference = self._before
        inferring.pop()


_ever: list[None] = []  # not empty once there can be a tensor made in inference mode


class _Mark:
    """The mark of a tensor made in inference mode: as long as there is one, nodes look at what they save."""

    __slots__ = ()

    def __init__(self) -> None:
        watched.append(None)

    def __del__(self, forget: Callable[[], None] = watched.pop) -> None:
        forget()


def _mark(t: TensorBase) -> None:
    """A tensor was made while some thread is in inference mode."""
    if mode.inference:
        t._inference = _Mark()


def is_inference(t: TensorBase) -> bool:
    """True for a tensor made in inference mode, and its views."""
    return bool(_ever) and (hasattr(t, "_inference") or (t._base is not None and hasattr(t._base, "_inference")))


def sees(t: TensorBase, other: TensorBase) -> None:
    """Note that `t` was just made to see the memory of `other`: one of inference mode only if the other is."""
    if _ever:
        if is_inference(other):
            t._inference = _Mark()
        elif hasattr(t, "_inference"):
            del t._inference


UNSAVED = (
    "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
    "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it in "
    "autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`."
)


def check_saved(values: Iterable[Any]) -> None:
    """Raise RuntimeError if one of the values that a node saves is a tensor made in inference mode."""
    if _ever and any(isinstance(v, TensorBase) and is_inference(v) for v in values):
        raise RuntimeError(UNSAVED)


def check_update(t: TensorBase) -> None:
    """Raise RuntimeError if `t` was made in inference mode and may not be written outside of it."""
    if _ever and not mode.inference and is_inference(t):
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a "
            "normal tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
        )
