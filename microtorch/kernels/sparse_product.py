"""The product of a sparse matrix and a dense one, many rows at a time.

The k-th numbers of all rows that have so many are taken together: their columns name rows of the dense matrix, which
are gathered, scaled and added to the rows' sums in three calls of NumPy. With the rows sorted by their counts, the
rows that have a k-th number are the first ones, so every sum is over a slice (the jagged diagonal storage of Saad,
"Iterative Methods for Sparse Linear Systems", 2nd ed., section 3.4). What a few long rows have beyond the others is
left to BLAS, row by row.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.kernels import threads, twins

Array = Any

_FEW = 16  # so many rows or fewer are done one by one
_CACHED = 1 << 19  # bytes of the sums that are worked on at a time


def in_order(numbers: Array, bound: int) -> Array:
    """`argsort` of whole numbers from 0 to below `bound`, equal ones in their order.

    By digits of 16 bits, the lowest first: NumPy sorts those in linear time.
    """
    digits = (max(int(bound) - 1, 1).bit_length() + 15) // 16
    if digits > 3 or len(numbers) < 1000:
        return np.argsort(numbers, kind="stable")
    order = np.argsort(numbers.astype(np.uint16), kind="stable")  # (the cast keeps the lowest digit)
    for digit in range(1, digits):
        order = order[np.argsort((numbers >> 16 * digit).astype(np.uint16)[order], kind="stable")]
    return order


class Rows:
    """The order of work for a matrix with numbers at (rows, columns): made once, used for each product.

    starts: where each row's numbers begin (and the last ones end) once they are ordered by rows; by_row: which number
    comes when, None if they are in order; columns: theirs.
    """

    __slots__ = ("height", "starts", "by_row", "columns", "_plan")

    def __init__(self, rows: Array, columns: Array, height: int) -> None:
        self.height = height
        self.starts = np.zeros(height + 1, np.int64)
        np.cumsum(np.bincount(rows, minlength=height), out=self.starts[1:])
        self.by_row = in_order(rows, height) if (rows[1:] < rows[:-1]).any() else None
        # (a copy: of arrays that cannot be written numba would compile another twin)
        self.columns = columns.copy() if self.by_row is None else columns[self.by_row]
        self._plan: Plan | None = None

    def times(self, values: Array, dense: Array) -> Array:
        """The product with a dense matrix, in its dtype; float16 is computed in float32 and rounded once."""
        dtype = dense.dtype
        if dtype == np.float16:
            values, dense = values.astype(np.float32), dense.astype(np.float32)
        dense, values = np.ascontiguousarray(dense), values if self.by_row is None else values.take(self.by_row)
        width = dense.shape[1]
        if len(values) * width >= twins.least and twins.takes(dense) and (fast := twins.of("sparse")) is not None:
            out = np.empty((self.height, width), dense.dtype)
            values, columns = np.ascontiguousarray(values), self.columns
            threads.split(
                lambda begins, ends, out: fast.rows_times(begins, ends, columns, values, dense, out),
                self.height, self.starts[:-1], self.starts[1:], out,
                least=1 + twins.PART * self.height // max(len(values) * width, 1),
            )  # fmt: skip
        else:
            if self._plan is None:
                self._plan = Plan(self.starts, self.columns)
            out = self._plan.times(values, dense)
        return out if out.dtype == dtype else out.astype(dtype)


class Plan:
    """How NumPy does the products of a matrix whose numbers are ordered by rows.

    lengths: how many rows have a k-th number; order: the numbers in the order of work; columns: theirs.
    by_count: the rows that have any, those with the most first; long: (row, its numbers beyond the k-th).
    """

    __slots__ = ("height", "lengths", "order", "columns", "by_count", "long")

    def __init__(self, starts: Array, columns: Array) -> None:
        self.height = len(starts) - 1
        counts = np.diff(starts)
        most = int(counts.max(initial=0))
        ranks = in_order(most - counts, most + 1)
        rank = np.empty(self.height, np.int64)
        rank[ranks] = np.arange(self.height)
        place = np.arange(len(columns)) - np.repeat(starts[:-1], counts)  # which of its row's numbers it is
        lengths = np.bincount(place)
        passes = int(np.searchsorted(-lengths, -_FEW, "right"))  # those of more than a few rows
        order = np.empty(len(columns), np.int64)  # the k-th number of the row of rank r is the r-th of the k-th pass
        order[(np.cumsum(lengths) - lengths)[place] + np.repeat(rank, counts)] = np.arange(len(columns))
        self.lengths: list[int] = lengths[:passes].tolist()
        self.order = order[: sum(self.lengths)]
        self.columns = columns[self.order]
        self.by_count = ranks[: self.lengths[0]] if passes else ranks[:0]
        self.long: list[tuple[int, slice, Array]] = []
        for row in np.flatnonzero(counts > passes).tolist():
            which = slice(int(starts[row]) + passes, int(starts[row + 1]))
            self.long.append((row, which, columns[which]))

    def times(self, values: Array, dense: Array) -> Array:
        """The product with a dense matrix."""
        out = np.zeros((self.height, dense.shape[1]), dense.dtype)
        if self.lengths and dense.size:
            out[self.by_count] = self._sums(values.take(self.order), dense)
        for row, which, columns in self.long:
            out[row] += values[which] @ dense.take(columns, 0)
        return out

    def _sums(self, values: Array, dense: Array) -> Array:
        """The sums of the rows, those with the most numbers first: as many at a time as the cache holds."""
        width, height = dense.shape[1], self.lengths[0]
        sums = np.empty((height, width), dense.dtype)
        step = max(_FEW, _CACHED // (width * dense.itemsize))
        values = values[:, None]

        def some(lows: Array) -> None:
            scratch = np.empty((min(step, height), width), dense.dtype)
            for low in lows.tolist():
                begin = low
                for k, length in enumerate(self.lengths):
                    n = min(length - low, step)
                    if n <= 0:
                        break
                    part = slice(begin, begin + n)
                    to = sums[low : low + n] if k == 0 else scratch[:n]
                    np.take(dense, self.columns[part], 0, out=to, mode="clip")  # (clip: unlike raise it needs no copy)
                    to *= values[part]
                    if k:
                        sums[low : low + n] += to
                    begin += length

        lows = np.arange(0, height, step)
        threads.split(some, len(lows), lows)
        return sums
