"""`torch.jit`: programs are run as the Python that they are, so that scripting and tracing return what they were given.

Compiled programs in files (`torch.jit.load`, `torch.jit.save`) are not supported.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final as Final, NamedTuple, NoReturn, TypeVar

from microtorch._missing import missing_names as _missing_names
from microtorch.futures import Future as Future
from microtorch.nn.modules.module import Module
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


freeze = optimize_for_inference = trace_module


def run_frozen_optimizations(mod: Any, optimize_numerics: bool = True, preserved_methods: Any = None) -> None:
    """Nothing to do."""


def ignore(drop: Any = False, **kwargs: Any) -> Any:
    """Decorator, with or without arguments: the function itself."""
    return drop if callable(drop) else lambda fn: fn


def export(fn: T, _rcb: Any = None) -> T:
    """Decorator: the function, method or class itself."""
    return fn


unused = interface = script_method = script_if_tracing = _script_if_tracing = _overload = _overload_method = export


def annotate(the_type: Any, the_value: T) -> T:
    """The value itself."""
    return the_value


def isinstance(obj: Any, target_type: Any) -> bool:
    """Python's isinstance, of plain types only."""
    return builtins.isinstance(obj, target_type)


def is_scripting() -> bool:
    """False."""
    return False


is_tracing = is_scripting


def fork(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
    """Call the function now; the result waits in a Future."""
    future: Future[Any] = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future: Any) -> Any:
    """The result of `fork`."""
    return future.wait()


@contextmanager
def optimized_execution(*options: Any, **named: Any) -> Iterator[None]:
    """A block; nothing changes."""
    yield


fuser = optimized_execution


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


class Attribute(NamedTuple):
    """A value and its type in TorchScript; in a ScriptModule the attribute is the value."""

    value: Any
    type: Any


class ScriptModule(Module):
    """A module whose `forward` is a `script_method`: written in TorchScript, run as the Python that it is.

    >>> import microtorch as torch
    >>> class Double(ScriptModule):
    ...     @script_method
    ...     def forward(self, x):
    ...         return x * 2
    >>> Double()(torch.ones(2))
    tensor([2., 2.])
    """

    def __setattr__(self, name: str, value: Any) -> None:
        """Attributes are as in other modules; of an `Attribute`, its value."""
        super().__setattr__(name, value.value if type(value) is Attribute else value)


ScriptFunction = _absent(__name__, "ScriptFunction", _WHY)
TracerWarning = type("TracerWarning", (Warning,), {"__doc__": "A warning of PyTorch's tracer; it is never given."})


__getattr__ = _missing_names(__name__)
