"""Look at what calls of functions get and return, for as long as somebody wants to, and at no cost otherwise.

A function is watched by giving it another `__code__` for that time: one that hands the call to a watcher. So all who
hold the function, under whatever name, call the watcher; and when nobody watches, each function is just itself again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import CodeType, FunctionType
from typing import Any


def copied(function: FunctionType) -> FunctionType:
    """Another function that does the same, and goes on doing so when the first one's code is exchanged."""
    same = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    same.__kwdefaults__, same.__doc__, same.__module__ = (
        function.__kwdefaults__, function.__doc__, function.__module__
    )  # fmt: skip
    same.__qualname__, same.__annotations__ = function.__qualname__, function.__annotations__
    same.__dict__.update(function.__dict__)
    return same


Watcher = Callable[[Any, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
"""Called as watcher(label, function, args, kwargs); it calls the function, and returns what the call is to return."""


def _template(*args: Any, **kwargs: Any) -> Any:
    watch: Any = "the watcher"  # a constant of the code, in whose place each function's own watcher is put
    return watch(args, kwargs)


class Instrument:
    """Watches functions between `start()` and `stop()`.

    functions: each with its label. Only functions written in Python can be watched.

    >>> def double(x):
    ...     return 2 * x
    >>> def watcher(label, function, args, kwargs):
    ...     result = function(*args, **kwargs)
    ...     print(label, args, result)
    ...     return result
    >>> instrument = Instrument({double: "double"}, watcher)
    >>> instrument.start()
    >>> double(4)
    double (4,) 8
    8
    >>> instrument.stop()
    >>> double(4)
    8
    """

    def __init__(self, functions: Mapping[Any, Any], watcher: Watcher) -> None:
        self.functions, self.watcher = functions, watcher
        self._own: dict[Any, tuple[CodeType, CodeType]] = {}

    def start(self) -> None:
        """Begin to watch."""
        for function, label in self.functions.items():
            own = function.__code__
            watching = self._watching(function, label)
            self._own[function] = own, watching
            function.__code__ = watching

    def stop(self) -> None:
        """Watch no more. What another instrument has put in place since stays."""
        for function, (own, watching) in self._own.items():
            if function.__code__ is watching:
                function.__code__ = own
        self._own.clear()

    def _watching(self, function: Any, label: Any) -> CodeType:
        """The code that hands a call of `function` to the watcher, together with the function as it was."""
        was, watcher = copied(function), self.watcher

        def watch(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            return watcher(label, was, args, kwargs)

        code = _template.__code__
        return code.replace(
            co_consts=tuple(watch if c == "the watcher" else c for c in code.co_consts),
            co_freevars=function.__code__.co_freevars,  # a function's code must have as many as it has cells
            co_name=function.__code__.co_name,
        )
