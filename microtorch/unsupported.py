"""Names of PyTorch's that microtorch knows but has not: they can be imported, and raise NotImplementedError when used.

A program that imports them for a case that does not arise (several processes, say) runs as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any, NoReturn

from microtorch._missing import missing_name, torch_name


def not_supported(name: str, why: str) -> NotImplementedError:
    """The error for using a name that microtorch has not."""
    return NotImplementedError(f"{torch_name(name)} is not supported by microtorch: {why}")


class Absent(type):
    """The class of such names: classes that can be named and subclassed, but neither called nor looked into."""

    why: str

    def __call__(cls, *args: Any, **named: Any) -> NoReturn:
        raise not_supported(f"{cls.__module__}.{cls.__qualname__}", cls.why)

    def __getattr__(cls, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        raise not_supported(f"{cls.__module__}.{cls.__qualname__}.{name}", cls.why)


def absent(module: str, name: str, why: str) -> Any:
    """A stand-in for `module.name`, of which calls, instances and attributes raise NotImplementedError.

    >>> Graph = absent("microtorch.fx", "Graph", "there is no tracing")
    >>> Graph()
    Traceback (most recent call last):
        ...
    NotImplementedError: torch.fx.Graph is not supported by microtorch: there is no tracing
    """
    return Absent(name, (), {"__module__": module, "__doc__": f"Not supported: {why}.", "why": why})


class AbsentModule(ModuleType):
    """A module of such names; it is loaded under its own name, so that it can be imported like any other."""

    def __init__(self, name: str, names: Iterable[str], why: str) -> None:
        super().__init__(name, f"Not supported by microtorch: {why}.")
        self.__path__: list[str] = []
        for each in names:
            setattr(self, each, absent(name, each, why))
        sys.modules[name] = self
        parent, _, last = name.rpartition(".")
        setattr(sys.modules[parent], last, self)

    def __getattr__(self, name: str) -> NoReturn:
        raise missing_name(self.__name__, name)
