"""The sum of all numbers of an array, added in PyTorch's order: what programs print of it agrees to the last digit.

PyTorch adds a contiguous run in vectors of 32 bytes, four of them side by side, which gives four vectors of partial
sums. Their rows are added in groups of 16, the groups' sums in groups of 16 and so on for four levels, so that errors
grow slowly. Last the four vectors are added; the elements of their sum are added one after the other to the numbers
that filled no vector. (The order is that of `cascade_sum` in ATen's SumKernel.cpp; on errors of such sums see N.
Higham, The accuracy of floating point summation, 1993.)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.kernels import twins
from microtorch.kernels.quiet import quiet

__all__ = ["takes", "total"]

_add: Any = np.add.reduce
_running: Any = np.add.accumulate
_GROUP, _SIDE_BY_SIDE, _LEVELS = 16, 4, 4
_FEW = (0, 4, 5, 6, 1, 2, 3)  # the order of up to 7 numbers that fill no vector: four partial sums
_ORDERS = [np.array([k for k in _FEW if k < n]) for n in range(8)]
_MOST = 8192  # elements up to which NumPy adds in this order at little cost
_LARGEST = 1 << 24  # of more rows PyTorch makes larger groups
_floats = (np.dtype(np.float32), np.dtype(np.float64))


def takes(x: Any) -> bool:
    """Whether `total` adds that array: C-contiguous, of float32 or float64, and not too large for it."""
    return (
        x.dtype in _floats
        and (x.size <= _MOST or (twins.least <= x.size < _LARGEST and twins.active()))
        and type(x) is np.ndarray
        and x.flags.c_contiguous
    )


@quiet
def total(x: Any) -> Any:
    """The sum of an array that it takes, as a number of its dtype.

    >>> total(np.float32([1, 2, 3]))
    np.float32(6.0)
    """
    n = x.size
    if n < 5:
        return _add(x, None)
    flat, lanes = x.reshape(-1), 32 // x.itemsize
    if n >= lanes and (fast := twins.at_hand("ordered", n)) is not None:
        return x.dtype.type(fast.total(flat, lanes))
    if n < lanes:
        return _add(flat.take(_ORDERS[n]))  # (NumPy adds up to 7 numbers in their order)
    whole = n // lanes
    rows, left = divmod(whole, _SIDE_BY_SIDE)
    width = _SIDE_BY_SIDE * lanes
    if rows:
        parts = _cascade(flat[: rows * width].reshape(rows, width)).reshape(_SIDE_BY_SIDE, lanes)
        for k in range(rows * _SIDE_BY_SIDE, whole):
            parts[0] += flat[k * lanes : (k + 1) * lanes]
        vector = _add(parts, 0)
    elif left > 1:
        vector = _add(flat[: whole * lanes].reshape(left, lanes), 0)
    else:
        vector = flat[:lanes]
    if whole * lanes < n:
        vector = np.concatenate((flat[whole * lanes :], vector))
    return _running(vector)[-1] if vector.size > 7 else _add(vector)


def _cascade(rows: Any) -> Any:
    """The sum of rows (a new array): groups of 16 of them, groups of 16 of their sums, ..."""
    if len(rows) < _GROUP:
        return _add(rows, 0)
    found = None
    for level in range(_LEVELS):
        whole = len(rows) // _GROUP * _GROUP if level < _LEVELS - 1 else 0
        if whole < len(rows):
            rest = _add(rows[whole:], 0)
            found = rest if found is None else found + rest
        if not whole:
            break
        rows = _add(rows[:whole].reshape(-1, _GROUP, rows.shape[1]), 1)
    return found
