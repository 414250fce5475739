"""The sum of a flat array in PyTorch's order (see kernels/ordered.py), rounded at each step as written."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from microtorch.kernels.compiled import jit_exact

inner: Any = numba.njit(error_model="numpy", fastmath=set())  # for other compiled functions, never reordered


@jit_exact
def total(x, lanes):
    return many(x, lanes)


@inner
def many(x, lanes):
    """The groups' sums stand in `sums`: a row for each level, 4 vectors side by side."""
    zero = x.dtype.type(0)
    n, width = x.size, 4 * lanes
    whole = n // lanes
    rows = whole // 4
    sums = np.zeros((4, width), x.dtype)
    first = sums[0]
    for i in range(rows):
        row = x[i * width : (i + 1) * width]
        for k in range(width):
            first[k] += row[k]
        done, level = i + 1, 0
        while level < 3 and done & 15 == 0:
            done >>= 4
            low, high = sums[level], sums[level + 1]
            for k in range(width):
                high[k] += low[k]
                low[k] = zero
            level += 1
    for level in range(1, 4):
        for k in range(width):
            first[k] += sums[level, k]
    for i in range(rows * 4, whole):
        for k in range(lanes):
            first[k] += x[i * lanes + k]
    for part in range(1, 4):
        for k in range(lanes):
            first[k] += first[part * lanes + k]
    result = zero
    for i in range(whole * lanes, n):
        result += x[i]
    for k in range(lanes):
        result += first[k]
    return result


@inner
def few(x, lanes):
    """`total`, also of fewer numbers than `lanes` (but not of none)."""
    if x.size >= lanes:
        return many(x, lanes)
    result = x[0]  # PyTorch's order of up to 7 numbers
    for i in range(4, x.size):
        result += x[i]
    for i in range(1, min(x.size, 4)):
        result += x[i]
    return result
