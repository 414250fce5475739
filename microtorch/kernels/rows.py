"""Rows brought together in the rows of a table: sums, products, maxima and minima by index.

ufunc.at does that an element at a time. Here the rows that each row of the table gets are put side by side by sorting
their numbers, and what all rows of the table get first is added by one call, then what all get second, and so on (rows
of the table that get very many have a call of their own). Each row of the table is summed in the order of the list, as
by ufunc.at: the bits are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["add_picked", "ordered", "reduce_rows"]

_LEAST = 3 << 14
"""Elements from which it is worth to sort the rows."""
_CALLS = 3000
"""Elements for which ufunc.at takes as long as the calls of a round."""
_NARROW = 24
"""Columns below which sorting costs as much as it gains."""
_BLOCK = 1 << 16
"""Elements of the table at a time: they stay in the processor's cache while what belongs to them is brought."""

Pick = Callable[[Any, Any], Any]


def ordered(rows: Any) -> tuple[Any, Any]:
    """The numbers `rows` (0 or more) in order, and the place from which each comes; equal ones keep their order.

    >>> ordered(np.array([5, 2, 5, 0]))
    (array([0, 2, 5, 5]), array([3, 1, 0, 2]))
    """
    n = len(rows)
    keys = rows * np.int64(n)  # sorting numbers is several times faster than sorting places by numbers
    keys += np.arange(n)
    keys.sort()
    first = keys // n
    keys -= first * n
    return first, keys


def reduce_rows(ufunc: Any, out: Any, rows: Any, values: Any) -> bool:
    """out[rows[i]] = ufunc(out[rows[i]], values[i]) for all i, one after the other, if this is the faster way; else
    False, and nothing has been done.

    out (n, width), C-contiguous; values (m, width) of its dtype; rows (m,) from 0 to n - 1.
    """
    if not _fits(out, values.dtype, values.size):
        return False
    groups, places = ordered(rows)
    targets, starts, counts = _runs(groups)
    if not _pays(counts, values.size, out.shape[1]):
        return False

    def pick(at: Any, room: Any) -> Any:
        return values.take(places.take(at), 0, room, "clip")

    _in_rounds(ufunc, out, targets, starts, counts, pick)
    return True


def add_picked(out: Any, to: Any, source: Any, rows: Any, scale: Any = None) -> bool:
    """out[to[i]] += scale[i] * source[rows[i]] for all i, as `reduce_rows`, without an array of all these rows.

    to: in any order; sorted already is faster.
    """
    if not _fits(out, source.dtype, rows.size * out.shape[1]):
        return False
    groups, places = (to, None) if bool((to[1:] >= to[:-1]).all()) else ordered(to)
    targets, starts, counts = _runs(groups)
    if not _pays(counts, rows.size * out.shape[1], out.shape[1]):
        return False
    if places is not None:
        rows, scale = rows.take(places), None if scale is None else scale.take(places)

    def pick(at: Any, room: Any) -> Any:
        found = source.take(rows.take(at), 0, room, "clip")
        if scale is not None:
            found *= scale.take(at)[:, None]
        return found

    _in_rounds(np.add, out, targets, starts, counts, pick)
    return True


def _fits(out: Any, dtype: Any, size: int) -> bool:
    return bool(
        type(out) is np.ndarray
        and size >= _LEAST
        and out.shape[1] >= _NARROW
        and out.flags.c_contiguous
        and out.dtype == dtype
        and out.itemsize >= 4
    )


def _runs(groups: Any) -> tuple[Any, Any, Any]:
    """Of sorted numbers: the different ones, where each begins, how many there are; the most frequent first."""
    starts = np.flatnonzero(np.concatenate(([True], groups[1:] != groups[:-1])))
    counts = np.diff(starts, append=len(groups))
    order = np.argsort(-counts)
    starts = starts[order]
    return groups[starts], starts, counts[order]


def _alone(counts: Any) -> int:
    """How many of the most frequent rows are better done one by one: as many as make the calls fewest."""
    calls = np.arange(len(counts) + 1)
    calls[:-1] += counts
    return int(np.argmin(calls))


def _pays(counts: Any, size: int, width: int) -> bool:
    """Whether rounds are faster than ufunc.at."""
    alone = _alone(counts)
    return bool(_CALLS * (alone + counts[alone :: max(1, _BLOCK // width)].sum()) < size)


def _in_rounds(ufunc: Any, out: Any, targets: Any, starts: Any, counts: Any, pick: Pick) -> None:
    """Into row targets[j] of out the rows starts[j] to starts[j] + counts[j] that `pick(places, room)` finds."""
    width, alone = out.shape[1], _alone(counts)
    block = max(1, _BLOCK // width)
    room = np.empty((min(block, int(counts.sum())), width), out.dtype)
    for target, start, count in zip(targets[:alone].tolist(), starts[:alone].tolist(), counts[:alone].tolist()):
        to = out[target]
        for begin in range(start, start + count, block):
            at = np.arange(begin, min(begin + block, start + count))
            found = pick(at, room[: len(at)])
            ufunc(to, found[0], out=found[0])
            ufunc.reduce(found, 0, out=to)
    held = np.empty((min(block, len(targets) - alone), width), out.dtype)
    for begin in range(alone, len(targets), block):
        to, at, times = (a[begin : begin + block] for a in (targets, starts.copy(), counts))
        sums = out.take(to, 0, held[: len(to)], "clip")
        for n in np.searchsorted(-times, -np.arange(times[0])).tolist():  # rows that have so many
            ufunc(sums[:n], pick(at[:n], room[:n]), out=sums[:n])
            at += 1
        out[to] = sums
