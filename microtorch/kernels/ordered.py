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

__all__ = ["total"]

_add: Any = np.add.reduce
_running: Any = np.add.accumulate
_GROUP, _SIDE_BY_SIDE, _LEVELS = 16, 4, 4
_LANES = {4: np.array(8), 8: np.array(4)}  # numbers in a vector, by their bytes
_FEW = (0, 4, 5, 6, 1, 2, 3)  # the order of up to 7 numbers that fill no vector: four partial sums
_ORDERS = [np.array([k for k in _FEW if k < n]) for n in range(8)]
_MOST = 8192  # elements up to which NumPy adds in this order at little cost
_LARGEST = 1 << 24  # of more rows PyTorch makes larger groups


def total(x: Any) -> Any:
    """The sum of an array as a number of its dtype; None if it is not C-contiguous, of float32 or float64, or if it is
    too large to be added in this order at little cost.

    >>> total(np.float32([1, 2, 3]))
    np.float32(6.0)
    """
    if type(x) is not np.ndarray or x.dtype.char not in "fd" or not x.flags.c_contiguous:
        return None
    n = x.size
    if n > _MOST and not (twins.least <= n < _LARGEST and twins.active()):
        return None
    if (fast := twins.few(x)) is not None:
        return fast.total(x.reshape(n), _LANES[x.itemsize]) or x.dtype.type(0)  # (-0 becomes 0)
    return _total(x.reshape(-1), n)


@quiet
def _total(flat: Any, n: int) -> Any:
    """The sum of a contiguous run of n floats (a running sum takes half the time of NumPy's sum)."""
    lanes = 8 if flat.itemsize == 4 else 4
    if n < lanes:
        if n < 5:
            return (n and _running(flat)[-1]) or flat.dtype.type(0)  # (-0 becomes 0)
        return _running(flat.take(_ORDERS[n]))[-1] or flat.dtype.type(0)
    if 64 * n >= twins.least and (fast := twins.at_hand("ordered", n)) is not None:
        return flat.dtype.type(fast.total(flat, lanes))
    whole = n // lanes
    rows, left = divmod(whole, _SIDE_BY_SIDE)
    width = _SIDE_BY_SIDE * lanes
    if n == width:
        vector = _add(flat.reshape(_SIDE_BY_SIDE, lanes), 0)
    elif rows:
        if rows == 1:
            parts = flat[:width]
        elif rows == 2:
            parts = flat[:width] + flat[width : 2 * width]
        else:
            parts = _cascade(flat[: rows * width].reshape(rows, width))
        parts = parts.reshape(_SIDE_BY_SIDE, lanes)
        if left:
            parts = parts.copy() if rows == 1 else parts
            for k in range(rows * _SIDE_BY_SIDE, whole):
                parts[0] += flat[k * lanes : (k + 1) * lanes]
        vector = _add(parts, 0)
    elif left > 1:
        vector = _add(flat[: whole * lanes].reshape(left, lanes), 0)
    else:
        vector = flat[:lanes]
    if whole * lanes < n:
        vector = np.concatenate((flat[whole * lanes :], vector))
    return _running(vector)[-1] or flat.dtype.type(0)


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
