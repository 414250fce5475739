"""How two operands get one dtype, and PyTorch's errors for those that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch import dtypes
from microtorch.kernels.quiet import silence
from microtorch.kernels.shape import astype

__all__ = [
    "NUMBERS", "as_float", "broadcast_error", "no_loop", "not_a_tensor", "promote", "promote_number", "type_text",
]  # fmt: skip


def not_a_tensor(name: str, position: int, value: Any) -> TypeError:
    """PyTorch's error for something else in a tensor's place."""
    return TypeError(f"{name}(): argument 'input' (position {position}) must be Tensor, not {type_text(value)}")


def type_text(value: Any) -> str:
    """The name of a value's class as PyTorch's messages have it: `str`, but `numpy.ndarray`."""
    kind = type(value)
    return f"numpy.{kind.__name__}" if kind.__module__ == "numpy" else kind.__name__


def broadcast_error(a: Any, b: Any, error: Exception) -> Exception:
    """PyTorch's error for shapes that do not broadcast; `error` itself if they do."""
    for i in range(1, min(np.ndim(a), np.ndim(b)) + 1):
        m, n = a.shape[-i], b.shape[-i]
        if m != n and m != 1 and n != 1:
            axis = max(a.ndim, b.ndim) - i
            return RuntimeError(
                f"The size of tensor a ({m}) must match the size of tensor b ({n}) at non-singleton dimension {axis}"
            )
    return error


def no_loop(name: str, a: Any, error: TypeError) -> Exception:
    """PyTorch's error for a dtype that a ufunc does not take; `error` itself if it is about something else."""
    if not str(error).startswith("ufunc"):
        return error
    return NotImplementedError(f"\"{name}_cpu\" not implemented for '{dtypes.of[a.dtype].type_name}'")


# how inputs become arrays of one dtype --------------------------------------------------------------------------------


def as_dtype(a: Any, dtype: Any) -> Any:
    """The array in that dtype, itself if it has it."""
    return a if a.dtype is dtype or a.dtype == dtype else astype(a, dtype)


def as_float(a: Any) -> Any:
    """Integers and bools in the default float dtype; other arrays and Python numbers as they are."""
    return (
        astype(a, dtypes.default.float) if isinstance(a, (np.ndarray, np.generic)) and a.dtype.kind not in "fc" else a
    )


def promote(a: Any, b: Any) -> tuple[Any, Any]:
    """Two arrays in the dtype that PyTorch's promotion gives them."""
    dtype = dtypes.promoted(a.dtype, a.ndim == 0, b.dtype, b.ndim == 0)
    return as_dtype(a, dtype), as_dtype(b, dtype)


NUMBERS = (int, float, complex, np.number, np.bool_)
"""Classes of what may stand beside a tensor."""


def promote_number(name: str, a: Any, number: Any) -> tuple[Any, Any]:
    """An array and a Python number, the number as a scalar of the dtype that both get."""
    if not isinstance(number, NUMBERS):
        raise TypeError(f"{name}(): argument 'other' (position 2) must be Tensor, not {type_text(number)}")
    if isinstance(number, np.generic):
        number = number.item()
    dtype = dtypes.promoted_with_number(a.dtype, number)
    a = as_dtype(a, dtype)
    if type(number) is int and not -(2**63) <= number < 2**64:
        raise OverflowError("int too big to convert")
    if dtype.kind in "iu":
        number = np.array(number).astype(dtype)[()]  # wraps around, as PyTorch's cast does
    else:
        with silence():
            number = dtype.type(number)
    return a, number
