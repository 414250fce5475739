"""`torch._check` and its kin: assertions that PyTorch's compilers keep, and libraries use for their arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from microtorch._tensor import Tensor

_UNSAID = (
    "Expected cond to be {}, but got {}. (Could this error message be improved? If so, please report an enhancement "
    "request to PyTorch.)"
)
_Message = Callable[[], object] | None


def _check_with(error_type: type[Exception], cond: Any, message: _Message = None) -> None:
    """Raise an error of that class, with the text that `message()` gives, unless cond is True.

    Raises TypeError for a condition that is no bool, or a message that cannot be called.
    """
    if not isinstance(cond, bool):
        if isinstance(cond, Tensor):
            raise TypeError(
                "cond must be a bool, but got a Tensor. For tensor conditions, use torch._check_tensor_all() to assert "
                "that all elements are true."
            )
        raise TypeError(f"cond must be a bool, but got {type(cond)}")
    if not cond:
        _raise(error_type, message)


def _raise(error_type: type[Exception], message: _Message) -> None:
    if message is not None and not callable(message):
        raise TypeError("message must be a callable")
    raise error_type(_UNSAID.format(True, False) if message is None else str(message()))


def _check(cond: Any, message: _Message = None) -> None:
    """Raise RuntimeError unless cond is True; `message()` gives its text.

    >>> import microtorch as torch
    >>> torch._check(1 < 2, lambda: "never said")
    """
    _check_with(RuntimeError, cond, message)


def _check_value(cond: Any, message: _Message = None) -> None:
    """Raise ValueError unless cond is True."""
    _check_with(ValueError, cond, message)


def _check_index(cond: Any, message: _Message = None) -> None:
    """Raise IndexError unless cond is True."""
    _check_with(IndexError, cond, message)


def _check_type(cond: Any, message: _Message = None) -> None:
    """Raise TypeError unless cond is True."""
    _check_with(TypeError, cond, message)


def _check_not_implemented(cond: Any, message: _Message = None) -> None:
    """Raise NotImplementedError unless cond is True."""
    _check_with(NotImplementedError, cond, message)


def _check_tensor_all(cond: Any, message: _Message = None) -> None:
    """Raise RuntimeError unless every element of a tensor of bool is True."""
    if not isinstance(cond, Tensor):
        raise TypeError(f"cond must be a tensor, but got {type(cond)}")
    if cond.dtype.name != "bool":
        raise TypeError(f"cond tensor must have dtype torch.bool, but got {cond.dtype}")
    if not cond.all().item():
        _raise(RuntimeError, message)


def _check_is_size(i: Any, message: _Message = None, *, max: Any = None) -> None:
    """Raise RuntimeError for a number that is no size: below 0, or above `max`."""
    _check(i >= 0, message)
    if max is not None:
        _check(i <= max, message)


def _assert(condition: Any, message: str) -> None:
    """`assert condition, message`, which also keeps a traced condition."""
    assert condition, message


def _assert_async(input: Any, assert_msg: str | None = None) -> None:
    """Raise RuntimeError if the one element of a tensor is zero."""
    if not bool(input):
        raise RuntimeError(assert_msg or "Expected Tensor with single nonzero value, but got zero")
