"""What is short for arrays of few numbers, where NumPy's calls cost more than the arithmetic.

A ufunc of arrays of one shape, or of an array and a 0-d array, takes 0.25 us. One that broadcasts takes 0.7, one with
a Python number 0.55, a reduction 0.8 to 1.5 us. A product with a vector of ones sums in 0.3, `argmax` finds the largest
in 0.2 us. So a number for each row is repeated (0.25), and a number for each column taken by index (0.25), rather than
broadcast.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from microtorch.kernels.meta import Meta

__all__ = [
    "FEW",
    "added",
    "are_rows",
    "axis_at_once",
    "axis_of_listed",
    "few",
    "in_each_row",
    "is_row",
    "largest",
    "may_exp",
    "ones",
    "repeated_columns",
    "row_maxima",
    "row_sums",
    "scalar",
    "within",
    "within_one",
    "zeros",
]

FEW = 1024
"""Numbers in a row up to which a product sums as exactly as is needed."""

_EXPONENTS = 6400
"""The sum of squares below which no |x| is 80 or more, so that exp(x) is neither 0 nor infinite."""

_INT64, _UINT64 = np.dtype(np.int64), np.dtype(np.uint64)

scalar = np.array  # scalar(value, dtype): a 0-d array


def is_row(x: Any, n: int) -> bool:
    """Whether x is but one row of n numbers, few enough, of float32 or float64."""
    return x.size == n <= FEW and type(x) is np.ndarray and x.dtype.char in "fd" and x.flags.c_contiguous


def are_rows(x: Any, axis: int) -> bool:
    """Whether x consists of rows along its last axis, which that axis is: few numbers of float32 or float64."""
    return (
        x.size <= FEW
        and (axis == -1 or axis == x.ndim - 1)
        and type(x) is np.ndarray
        and x.dtype.char in "fd"
        and x.flags.c_contiguous
    )


@functools.lru_cache(64)
def ones(n: int, dtype: Any) -> Any:
    """A vector of ones: v.dot(ones) is the sum."""
    v = np.ones(n, dtype)
    v.flags.writeable = False
    return v


@functools.lru_cache(64)
def zeros(n: int, dtype: Any) -> Any:
    """A vector of zeros, to be read only."""
    v = np.zeros(n, dtype)
    v.flags.writeable = False
    return v


def added(x: Any) -> Any:
    """The sums along the last axis, by a product with ones."""
    return x.dot(ones(x.shape[-1], x.dtype))


def row_sums(rows: Any) -> Any:
    """The sum of each row, by a product if that is as exact."""
    if rows.shape[1] <= FEW and rows.dtype.char in "fd" and type(rows) is np.ndarray:
        return added(rows)
    return np.add.reduce(rows, 1)


def may_exp(x: Any) -> bool:
    """Whether exp of none of a few numbers overflows or underflows, so that none need be taken off first."""
    if x.size > FEW or not x.flags.c_contiguous:
        return False
    flat = x.reshape(x.size)
    return bool(flat.dot(flat) < _EXPONENTS)


def few(x: Any) -> bool:
    """Whether x is an array of some, but not many numbers that lie in a row."""
    return type(x) is np.ndarray and 0 < x.size <= FEW and x.flags.c_contiguous


def within(index: Any, n: int) -> bool:
    """Whether all numbers of an integer array are in 0..n-1: read without their signs, the negative are the largest."""
    if 0 < index.size <= 8 and type(index) is np.ndarray:  # as Python's numbers: half the time
        numbers = index.ravel().tolist()
        return min(numbers) >= 0 and max(numbers) < n  # type: ignore[no-any-return]
    if index.dtype == _INT64 and type(index) is np.ndarray and index.size:
        if 0 in index.strides:  # what is repeated is looked at once
            index = index[tuple([slice(None if s else 1) for s in index.strides])]
        places = index.view(_UINT64)
        return bool((places.item(places.argmax()) if index.flags.c_contiguous else places.max()) < n)
    return not index.size or type(index) is Meta or bool(index.min() >= 0 and index.max() < n)


def axis_at_once(x: Any, dim: Any, index: Any) -> int:
    """The axis, for arrays of which all is well: int64 indices, all within, and no more of them than x has elsewhere.
    Else -1: what is wrong, or unusual, is seen to by slower checks."""
    if type(dim) is not int or type(x) is not np.ndarray or type(index) is not np.ndarray or index.dtype is not _INT64:
        return -1
    shape, sizes = x.shape, index.shape
    n = len(shape)
    if len(sizes) != n or not -n <= dim < n or not index.size:
        return -1
    axis = dim + n if dim < 0 else dim
    if sizes != shape:
        for d in range(n):
            if sizes[d] > shape[d] and d != axis:
                return -1
    return axis if within(index, shape[axis]) else -1


def axis_of_listed(x: Any, dim: Any, index: Any, source: Any) -> int:
    """The axis, for arrays of which all is well: a vector of int64 indices, all within, and in a source (or None) as
    many slices of x. Else -1."""
    if type(dim) is not int or type(x) is not np.ndarray or type(index) is not np.ndarray or index.dtype is not _INT64:
        return -1
    shape = x.shape
    n = len(shape)
    if index.ndim != 1 or not -n <= dim < n:
        return -1
    axis = dim + n if dim < 0 else dim
    if source is not None:
        if source.dtype is not x.dtype or source.shape != shape[:axis] + index.shape + shape[axis + 1 :]:
            return -1
    return axis if within(index, shape[axis]) else -1


def within_one(x: Any) -> bool:
    """Whether all of some numbers are between 0 and 1, and none is NaN."""
    if few(x):
        flat = x.reshape(x.size)
        return bool(flat[flat.argmin()] >= 0 and flat[flat.argmax()] <= 1)
    return bool(x.min() >= 0 and x.max() <= 1)


def largest(row: Any) -> Any:
    """The largest of a vector's numbers, or its first NaN, as a 0-d array."""
    return row[row.argmax(), ...]


@functools.lru_cache(64)
def _starts(count: int, n: int) -> Any:
    """The first place of each row of a flattened (count, n)."""
    return np.arange(0, count * n, n)


def row_maxima(flat: Any, n: int) -> Any:
    """The largest number of each row of a flattened (count, n), or its first NaN: half the time of NumPy's maximum."""
    places = flat.reshape(-1, n).argmax(1)
    places += _starts(len(places), n)
    return flat.take(places)


@functools.lru_cache(64)
def repeated_columns(count: int, n: int) -> Any:
    """The column of each element of a flattened (count, n)."""
    return np.tile(np.arange(n), count)


def in_each_row(v: Any, count: int) -> Any:
    """The numbers of a vector `count` times, one after the other: few in all."""
    return v if count == 1 else v.take(repeated_columns(count, v.size))
