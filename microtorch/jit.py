"""`torch.jit`: nothing is compiled. `script` and `trace` hand back what they are given, which runs as Python.

Files of compiled programs are neither written nor read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from microtorch._missing import missing_name as _missing_name

T = TypeVar("T")
Final = Any


def script(obj: T, *args: Any, **kwargs: Any) -> T:
    """The function, class or Module itself."""
    return obj


def trace(func: T, *args: Any, **kwargs: Any) -> T:
    """The function or Module itself, so that a branch is taken anew in each call."""
    return func


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """A decorator that changes nothing."""
    return drop if callable(drop) else (lambda function: function)


def export(fn: T) -> T:
    """A decorator that changes nothing."""
    return fn


unused = interface = script_if_tracing = export


def freeze(mod: T, *args: Any, **kwargs: Any) -> T:
    """The Module itself."""
    return mod


optimize_for_inference = freeze


def annotate(the_type: Any, the_value: T) -> T:
    """The value itself."""
    return the_value


def is_scripting() -> bool:
    """False."""
    return False


def is_tracing() -> bool:
    """False."""
    return False


def save(*args: Any, **kwargs: Any) -> NoReturn:
    """Raises NotImplementedError."""
    raise NotImplementedError("microtorch has no torch.jit.save; save the state_dict with torch.save")


def load(*args: Any, **kwargs: Any) -> NoReturn:
    """Raises NotImplementedError."""
    raise NotImplementedError("microtorch has no torch.jit.load; load a state_dict with torch.load")


def __getattr__(name: str) -> Callable[..., Any]:
    raise _missing_name(__name__, name)
