"""Python numbers as operands: NumPy takes 0.4 us to make an array of a number at each call, so it is kept.

A number beside a float array takes the array's dtype (NumPy's rule and PyTorch's), so it may as well be a 0-d array of
that dtype.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["one", "operand", "zero"]

_MOST = 1024  # numbers kept for each dtype: a loop may use new ones forever
kept: dict[str, dict[Any, Any]] = {"e": {}, "f": {}, "d": {}}


def operand(number: Any, a: Any) -> Any:
    """A Python int or float as the operand beside the array `a`: a 0-d array of its dtype, if that is faster.

    >>> operand(0.5, np.ones(3, np.float32))
    array(0.5, dtype=float32)
    >>> operand(0.5, np.ones(3, np.int64))
    0.5

    Raises OverflowError for an int that no integer type has.
    """
    known = kept.get(a.dtype.char)
    if known is None or not number or type(a) is not np.ndarray:  # 0.0 and -0.0 are one key
        return number
    found = known.get(number)
    if found is None:
        if type(number) is int and not -(2**63) <= number < 2**64:
            raise OverflowError("int too big to convert")
        if len(known) >= _MOST or not -1e4 < number < 1e4:  # what may overflow is NumPy's affair
            return number
        found = known[number] = np.array(number, a.dtype)
        found.flags.writeable = False
    return found


_zeros = {kind: np.zeros((), kind) for kind in "efd"}
_ones = {kind: np.ones((), kind) for kind in "efd"}


def zero(a: Any) -> Any:
    """0 as the operand beside the array `a`."""
    return _zeros.get(a.dtype.char, 0) if type(a) is np.ndarray else 0


def one(a: Any) -> Any:
    """1 as the operand beside the array `a`."""
    return _ones.get(a.dtype.char, 1) if type(a) is np.ndarray else 1
