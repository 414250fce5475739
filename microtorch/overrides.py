"""`torch.overrides`: classes and modes that take part in PyTorch's functions by a method `__torch_function__`.

Three kinds of them, as in PyTorch's "Extending PyTorch" (https://pytorch.org/docs/stable/notes/extending.html):
subclasses of Tensor (whose results stay of the subclass), classes of any other kind that stand in for a tensor, and
`TorchFunctionMode`, which sees every call inside a `with` block. How it works is in microtorch/_overriding.py.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from microtorch import _overriding as _o
from microtorch._missing import missing_names as _missing_names
from microtorch._overriding import local as _local
from microtorch.autograd.state import TensorBase
from microtorch.unsupported import not_supported as _not_supported

F = TypeVar("F", bound=Callable[..., Any])

_o.notice_classes()


def has_torch_function(relevant_args: Iterable[Any]) -> bool:
    """True if a function with these arguments is to call `handle_torch_function`."""
    if not _local.everything:
        return False
    return bool(_local.modes) or (_local.subclasses and bool(_o.overriding(relevant_args)))


def has_torch_function_unary(arg: Any) -> bool:
    """`has_torch_function` for one argument."""
    return has_torch_function((arg,))


def has_torch_function_variadic(*args: Any) -> bool:
    """`has_torch_function` for several arguments."""
    return has_torch_function(args)


def handle_torch_function(public_api: Any, relevant_args: Iterable[Any], *args: Any, **kwargs: Any) -> Any:
    """Call the `__torch_function__` of the arguments' classes for `public_api(*args, **kwargs)`; returns the result.

    Raises TypeError if all of them return NotImplemented.

    >>> import microtorch as torch
    >>> from microtorch.overrides import handle_torch_function, has_torch_function_unary
    >>> def twice(x):
    ...     if has_torch_function_unary(x):
    ...         return handle_torch_function(twice, (x,), x)
    ...     return 2 * x
    >>> class Logged(torch.Tensor):
    ...     @classmethod
    ...     def __torch_function__(cls, func, types, args=(), kwargs=None):
    ...         if func is twice:
    ...             print("called twice")
    ...         return super().__torch_function__(func, types, args, kwargs)
    >>> twice(torch.ones(2).as_subclass(Logged))
    called twice
    Logged([2., 2.])
    """
    given = _o.overriding(relevant_args) if _local.subclasses else []
    return _o.dispatch(public_api, given, args, kwargs)


def is_tensor_like(inp: Any) -> bool:
    """True for a tensor, and for what has a method __torch_function__."""
    return isinstance(inp, TensorBase) or hasattr(inp, "__torch_function__")


def wrap_torch_function(dispatcher: Callable[..., Iterable[Any]]) -> Callable[[F], F]:
    """Decorate a function so that classes can override it; the dispatcher returns its arguments that may do so."""

    def decorate(func: F) -> F:
        @functools.wraps(func)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            relevant = tuple(dispatcher(*args, **kwargs))
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return func(*args, **kwargs)

        return wrapped  # type: ignore[return-value]

    return decorate


class TorchFunctionMode(_o.Mode):
    """Base class of modes: inside of `with mode:` its `__torch_function__` is called for every function of PyTorch.

    Functions that it calls itself are not sent to it again.

    >>> import microtorch as torch
    >>> class Names(TorchFunctionMode):
    ...     def __torch_function__(self, func, types, args=(), kwargs=None):
    ...         print(torch.overrides.resolve_name(func))
    ...         return func(*args, **(kwargs or {}))
    >>> with Names():
    ...     x = torch.ones(2) + 1
    torch.ones
    torch.Tensor.add
    """

    inner: TorchFunctionMode

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise NotImplementedError

    def __enter__(self) -> Any:
        _o.activate()
        _local.modes = (*_local.modes, self)
        return self

    def __exit__(self, *exc: object) -> None:
        _local.modes = _local.modes[:-1]
        _o.deactivate()

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> Any:
        """An instance (an older spelling)."""
        return cls(*args, **kwargs)


class BaseTorchFunctionMode(TorchFunctionMode):
    """The mode that changes nothing."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*args, **(kwargs or {}))


@contextmanager
def enable_reentrant_dispatch() -> Iterator[None]:
    """Nothing: functions are always reentrant here."""
    yield


def get_overridable_functions() -> dict[Any, list[Any]]:
    """What can be overridden: for each module, and for Tensor, the list of functions."""
    _o.survey()
    return {where: list(functions) for where, functions in _o.namespaces.items()}


def get_ignored_functions() -> set[Any]:
    """Public functions of `torch` that cannot be overridden: they see no tensors, or only make them."""
    _o.survey()
    torch = sys.modules["microtorch"]
    found = {getattr(torch, name, None) for name in (*_o.IGNORED, *_o.FACTORIES)}
    return {f for f in found if callable(f)}


def get_default_nowrap_functions() -> set[Any]:
    """Functions whose results Tensor's own `__torch_function__` leaves of the class that they are of."""
    return _o.unwrapped()


def get_testing_overrides() -> dict[Any, Any]:
    """Raises NotImplementedError."""
    raise _not_supported("torch.overrides.get_testing_overrides", "the signatures for tests are not kept")


def redispatch_function(*args: Any, **kwargs: Any) -> Any:
    """Raises NotImplementedError."""
    raise _not_supported("torch.overrides.redispatch_function", "there is no dispatcher below")


def is_tensor_method_or_property(func: Any) -> bool:
    """True for methods of Tensor, and for the `__get__` of its properties."""
    _o.survey()
    return _o.names.get(func, "").startswith("torch.Tensor.") or getattr(func, "__name__", "") == "__get__"


def resolve_name(f: Any) -> str | None:
    """The name of a function as it is written: 'torch.Tensor.add', 'torch.nn.functional.relu'; None if unknown."""
    _o.survey()
    return _o.names.get(f)


__getattr__ = _missing_names(__name__)
