"""`torch.jit`: programs are run as the Python that they are, so that scripting and tracing return what they were given.

Compiled programs in files (`torch.jit.load`, `torch.jit.save`) are not supported.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final as Final, NoReturn, TypeVar

from microtorch._missing import missing_name as _missing_name
from microtorch.futures import Future as Future
from microtorch.unsupported import absent as _absent, not_supported as _not_supported

T = TypeVar("T")

_WHY = "programs are not compiled, so that there are no files of them"


def script(
    obj: T, optimize: Any = None, _frames_up: int = 0, _rcb: Any = None, example_inputs: Any = None
) -> T:  # fmt: skip
    """The function, class or module itself.

    >>> script(len)("abc")
    3
    """
    return obj


def trace(func: T, example_inputs: Any = None, *args: Any, **named: Any) -> T:
    """The function or module itself; it is not run with the example."""
    return func


def trace_module(mod: T, inputs: Any = None, *args: Any, **named: Any) -> T:
    """The module itself."""
    return mod


def freeze(mod: T, preserved_attrs: Any = None, optimize_numerics: bool = True) -> T:
    """The module itself."""
    return mod


def optimize_for_inference(mod: T, other_methods: Any = None) -> T:
    """The module itself."""
    return mod


def run_frozen_optimizations(mod: Any, optimize_numerics: bool = True, preserved_methods: Any = None) -> None:
    """Nothing to do."""


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Decorator, with or without arguments: the function itself."""
    return drop if callable(drop) else lambda fn: fn


def export(fn: T) -> T:
    """Decorator: the function itself."""
    return fn


def unused(fn: T) -> T:
    """Decorator: the function itself."""
    return fn


def _script_if_tracing(fn: T) -> T:
    """Decorator: the function itself."""
    return fn


def _overload(func: T) -> T:
    """Decorator of a function's signatures for the compiler: the function itself."""
    return func


def _overload_method(func: T) -> T:
    """Decorator of a method's signatures for the compiler: the method itself."""
    return func


def script_method(fn: T, _rcb: Any = None) -> T:
    """Decorator: the method itself."""
    return fn


def interface(obj: T) -> T:
    """Decorator: the class itself."""
    return obj


def annotate(the_type: Any, the_value: T) -> T:
    """The value itself."""
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Python's isinstance, of plain types only."""
    return builtins.isinstance(obj, target_type)


def is_scripting() -> bool:
    """False."""
    return False


def is_tracing() -> bool:
    """False."""
    return False


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
    """Call the function now; the result waits in a Future."""
    future: Future[Any] = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future: Any) -> Any:
    """The result of `fork`."""
    return future.wait()


@contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """A block; nothing changes."""
    yield


@contextmanager
def fuser(name: str) -> Iterator[None]:
    """A block; nothing changes."""
    yield


def enable_onednn_fusion(enabled: bool) -> None:
    """Nothing changes."""


def set_fusion_strategy(strategy: Any) -> list[Any]:
    """Nothing changes."""
    return []


def load(*args: Any, **named: Any) -> NoReturn:
    """Raises NotImplementedError."""
    raise _not_supported("torch.jit.load", _WHY)


def save(*args: Any, **named: Any) -> NoReturn:
    """Raises NotImplementedError."""
    raise _not_supported("torch.jit.save", _WHY + "; torch.save(module.state_dict(), file) keeps the parameters")


ScriptModule = _absent(__name__, "ScriptModule", _WHY)
ScriptFunction = _absent(__name__, "ScriptFunction", _WHY)
TracerWarning = type("TracerWarning", (Warning,), {"__doc__": "A warning of PyTorch's tracer; it is never given."})


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
