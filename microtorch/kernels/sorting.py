"""Order: sorting, selecting, searching, counting. NaN counts as larger than every number; indices are int64."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from microtorch.kernels import threads, twins
from microtorch.kernels.quiet import silence
from microtorch.kernels.reduce import row_starts

_SHORT = 64
"""Elements in a row up to which NumPy's stable sort takes no longer than its fast one; later it is five times."""


def argsort(x: Any, axis: int, descending: bool = False) -> Any:
    """The places of the elements in order; equal ones stay in the order they had."""
    n, kind = x.shape[axis], x.dtype.kind
    if type(x) is not np.ndarray or kind not in "iubf" or not x.size:
        return _argsort(x, axis, descending)
    alone = x.size == n
    rows = x.reshape(n) if alone else x if axis == x.ndim - 1 else x.swapaxes(axis, -1)
    if descending:  # -x falls as x grows, and so does ~x of integers
        rows = np.negative(rows) if kind == "f" else np.invert(rows)
    fast = n > _SHORT and x.itemsize > 2
    places = rows.argsort(-1, None if fast else "stable")
    if fast or (descending and kind == "f"):
        ordered = rows.take(places) if alone else np.take_along_axis(rows, places, -1)
        last = ordered[..., -1]
        if kind == "f" and not (last == last if alone else (last == last).all()):  # NaN: last here
            return _argsort(x, axis, descending)
        if fast:
            _in_first_order(ordered, places)
    return places.reshape(x.shape) if alone else places if axis == x.ndim - 1 else places.swapaxes(axis, -1)


def _in_first_order(ordered: Any, places: Any) -> None:
    """The places of equal elements, which stand in rows one after the other, in the order that they had."""
    equal = np.equal(ordered[..., 1:], ordered[..., :-1])
    if equal[equal.argmax()] if equal.ndim == 1 else equal.any():
        run = np.cumsum(~equal, -1)  # how many different elements stand before each but the first
        run *= ordered.shape[-1]
        places[..., 1:] += run
        places.sort(-1)
        places[..., 1:] -= run


def _argsort(x: Any, axis: int, descending: bool) -> Any:
    """`argsort` of any array, by NumPy's stable sort."""
    if not descending:
        return np.argsort(x, axis, kind="stable")
    flipped = (slice(None),) * axis + (slice(None, None, -1),)
    back = np.argsort(x[flipped], axis, kind="stable")  # from the end: so equal elements keep their order
    return np.subtract(x.shape[axis] - 1, back[flipped])


def sort(x: Any, axis: int, descending: bool) -> tuple[Any, Any]:
    """The elements in order along the axis, and their places."""
    if not x.ndim:
        return x.copy(), np.zeros((), np.int64)
    places = argsort(x, axis, descending)
    return _along(x, places, axis), places


def _along(x: Any, places: Any, axis: int) -> Any:
    """np.take_along_axis; of the last axis of a contiguous array by one `take`, which is faster."""
    if type(x) is not np.ndarray or axis != x.ndim - 1 or not x.flags.c_contiguous or not x.size:
        return np.take_along_axis(x, places, axis)
    if x.size == x.shape[-1]:
        return x.reshape(x.size).take(places)
    return x.reshape(-1).take(places + row_starts((*x.shape[:-1], 1), x.shape[-1]))


_A_FEW = 8  # elements of a row that are found one by one sooner than by a sort


def _first_few(x: Any, k: int, largest: bool) -> tuple[Any, Any] | None:
    """`topk` along the last axis: k times the largest (smallest) of what is left of each row. None if what stands for
    an element that has been taken is itself among the k, or a NaN that is to be last."""
    if type(x) is not np.ndarray or x.dtype.kind not in "fi":
        return None
    if x.dtype.kind == "f":
        gone = -np.inf if largest else np.inf
    else:
        gone = np.iinfo(x.dtype).min if largest else np.iinfo(x.dtype).max
    n = x.shape[-1]
    rest = x.flatten()
    rows = rest.reshape(-1, n)
    starts = row_starts((len(rows),), n)
    values, places = np.empty((k, len(rows)), x.dtype), np.empty((k, len(rows)), np.int64)
    for value, place in zip(values, places):
        (rows.argmax if largest else rows.argmin)(1, place)
        at = place + starts
        rest.take(at, out=value, mode="clip")  # (checked modes make a copy of `out`)
        rest[at] = gone
    if (values == gone).any() or (not largest and x.dtype.kind == "f" and np.isnan(values).any()):
        return None
    shape = (*x.shape[:-1], k)
    return np.ascontiguousarray(values.T).reshape(shape), np.ascontiguousarray(places.T).reshape(shape)


def _of_one_row(x: Any, k: int, largest: bool) -> tuple[Any, Any] | None:
    """`topk` of a single row: those that are not below (above) the k-th of them, in order. None if there is a NaN."""
    n = x.size
    row = x.reshape(n)
    at = n - k if largest else k - 1
    parted = row.copy()
    parted.partition(at)
    if row.dtype.kind == "f":  # NaN are behind all others
        behind = parted[at:]
        if (top := behind[behind.argmax()]) != top:
            return None
    among = (np.greater_equal if largest else np.less_equal)(row, parted[at]).nonzero()[0]
    places = among.take(argsort(row.take(among), 0, largest)[:k])
    shape = (*x.shape[:-1], k)
    return row.take(places).reshape(shape), places.reshape(shape)


_KEPT = 32
"""Elements of a row that the compiled twin keeps in order as it finds them."""


def _by_twin(x: Any, k: int, largest: bool) -> tuple[Any, Any] | None:
    """`topk` along the last axis by the compiled twin; None if it does not take the array."""
    if type(x) is not np.ndarray or x.dtype.char not in "fdl" or not x.size or not x.flags.c_contiguous:
        return None
    twins.few(x)  # (counts the small arrays)
    if (fast := twins.beside("sorting", twins.FEWER * x.size)) is None:
        return None
    shape, n = (*x.shape[:-1], k), x.shape[-1]
    values, places = np.empty(shape, x.dtype), np.empty(shape, np.int64)
    rows, best, at = x.reshape(-1, n), values.reshape(-1, k), places.reshape(-1, k)
    threads.split(partial(fast.topk, largest), len(rows), rows, best, at, least=max(1, twins.PART // n))
    return values, places


def topk(x: Any, k: int, axis: int, largest: bool, in_order: bool) -> tuple[Any, Any]:
    """The k largest (smallest) elements along the axis in order, and their places."""
    if not x.ndim:
        return x[None][:k].reshape(() if k else (0,)).copy(), np.zeros(() if k else (0,), np.int64)
    n = x.shape[axis]
    if 0 < k <= _KEPT and axis == x.ndim - 1 and (found := _by_twin(x, k, largest)) is not None:
        return found
    if x.size == n > 128 and 0 < 4 * k < n and type(x) is np.ndarray and x.dtype.kind in "fiu" and x.itemsize > 2:
        if x.shape[-1] == n and (found := _of_one_row(x, k, largest)) is not None:
            return found
    elif 0 < k <= _A_FEW and x.size >= 512 and axis == x.ndim - 1 and (found := _first_few(x, k, largest)) is not None:
        return found
    head = (slice(None),) * axis
    if 8 * k >= n or n <= 64 or not k:
        places = argsort(x, axis, largest)[(*head, slice(k))].copy()
    else:  # only the part that is wanted is put in order
        cut = n - k if largest else k
        part = np.argpartition(x, cut if largest else cut - 1, axis)
        part = np.sort(part[(*head, slice(cut, None) if largest else slice(cut))], axis)
        among = argsort(np.take_along_axis(x, part, axis), axis, largest)
        places = np.take_along_axis(part, among, axis)
    return _along(x, places, axis), places


def kthvalue(x: Any, k: int, axis: int, keepdims: bool) -> tuple[Any, Any]:
    """The k-th smallest element along the axis, and its place."""
    if not x.ndim:
        return x.copy(), np.zeros((), np.int64)
    rank = np.full([1 if i == axis else m for i, m in enumerate(x.shape)], k - 1)
    return _taken(x, _place_of_rank(x, rank, axis), axis, keepdims)


def _place_of_rank(x: Any, rank: Any, axis: int) -> Any:
    """Where the element stands that would come to the place `rank` (of length 1 along the axis) in a stable sort.

    Long rows are sorted by value alone, which is much faster than with their places; then the value is looked for.
    """
    if x.shape[axis] <= 64 or type(x) is not np.ndarray or not rank.size:
        return np.take_along_axis(argsort(x, axis), rank, axis)
    first = rank.flat[0]
    if (rank == first).all():
        values = np.take(np.partition(x, first, axis), [first], axis)
    else:
        values = np.take_along_axis(np.sort(x, axis), rank, axis)
    equal = np.equal(x, values)
    before = np.count_nonzero(np.less(x, values), axis, keepdims=True)
    if x.dtype.kind == "f" and np.isnan(values).any():  # NaN come last
        missing = np.isnan(x)
        equal |= missing & np.isnan(values)
        before = np.where(np.isnan(values), x.shape[axis] - np.count_nonzero(missing, axis, keepdims=True), before)
    further = rank - before  # how many equal ones stand before it
    if further.any():
        equal = np.cumsum(equal, axis) > further
    return np.argmax(equal, axis, keepdims=True)


def _taken(x: Any, places: Any, axis: int, keepdims: bool) -> tuple[Any, Any]:
    values = np.take_along_axis(x, places, axis)
    return (values, places) if keepdims else (values.squeeze(axis), places.squeeze(axis))


def median(x: Any, axis: int, keepdims: bool, ignore_nan: bool) -> tuple[Any, Any]:
    """The middle element (of an even number the lower) along the axis, and its place; NaN if there is one."""
    if not x.ndim:
        return x.copy(), np.zeros((), np.int64)
    n = x.shape[axis]
    if x.dtype.kind == "f":
        real = n - np.count_nonzero(np.isnan(x), axis, keepdims=True)
        middle = np.maximum(real - 1, 0) // 2 if ignore_nan else np.where(real < n, real, (n - 1) // 2)
    else:
        middle = np.full([1 if i == axis else m for i, m in enumerate(x.shape)], (n - 1) // 2)
    return _taken(x, _place_of_rank(x, middle, axis), axis, keepdims)


def median_all(x: Any, ignore_nan: bool) -> Any:
    """The middle of all elements; of none NaN."""
    if not x.size:
        return np.asarray(np.nan if x.dtype.kind == "f" else np.iinfo(x.dtype).min, x.dtype)
    return median(x.reshape(-1), 0, False, ignore_nan)[0]


def mode(x: Any, axis: int, keepdims: bool) -> tuple[Any, Any]:
    """The most frequent element along the axis (the smallest such), and the last place where it stands."""
    if not x.ndim:
        return x.copy(), np.zeros((), np.int64)
    rows = np.moveaxis(x, axis, -1)
    if x.shape[axis] <= _KEPT and type(x) is np.ndarray and x.dtype.char in "fdl" and x.size:
        twins.few(x)  # (counts the small arrays)
        if (fast := twins.beside("sorting", twins.FEWER * x.size)) is not None:
            shape = rows.shape[:-1]
            lines = np.ascontiguousarray(rows).reshape(-1, x.shape[axis])
            found = np.empty(len(lines), x.dtype), np.empty(len(lines), np.int64)
            threads.split(fast.mode, len(lines), lines, *found, least=max(1, twins.PART // _KEPT // _KEPT))
            values, places = found[0].reshape(shape), found[1].reshape(shape)
            return (np.expand_dims(values, axis), np.expand_dims(places, axis)) if keepdims else (values, places)
    order = np.argsort(rows, -1, kind="stable")
    ordered = np.take_along_axis(rows, order, -1)
    n = rows.shape[-1]
    starts = np.ones(ordered.shape, bool)
    starts[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    at = np.arange(n)
    first = np.maximum.accumulate(np.where(starts, at, 0), -1)
    best = np.argmax(at - first, -1)[..., None]  # the end of the longest run, the first if several
    places = np.take_along_axis(order, best, -1)
    values = np.take_along_axis(rows, places, -1)
    values, places = np.moveaxis(values, -1, axis), np.moveaxis(places, -1, axis)
    return (values, places) if keepdims else (values.squeeze(axis), places.squeeze(axis))


def put_along(g: Any, shape: tuple[int, ...], axis: int, places: Any) -> Any:
    """Zeros of `shape` with g at the places (no two the same) along the axis."""
    if not shape:
        return np.asarray(g).reshape(())
    out = np.zeros(shape, g.dtype)
    if axis == len(shape) - 1 and type(g) is np.ndarray and out.size:
        out.reshape(-1)[places + row_starts((*shape[:-1], 1), shape[-1])] = g
    else:
        np.put_along_axis(out, places, g, axis)
    return out


def take_along(x: Any, axis: int, places: Any) -> Any:
    """What stands at the places along the axis."""
    return _along(x, places, axis) if x.ndim else x.copy()


# searching -----------------------------------------------------------------------------------------------------------


def searchsorted(edges: Any, x: Any, right: bool, sorter: Any = None) -> Any:
    """Where the x would go into the sorted edges; edges of more dimensions: row by row, all rows at once.

    right: behind equal edges instead of before them.
    """
    if edges.dtype != x.dtype:
        common = np.result_type(edges, x)
        edges, x = edges.astype(common), x.astype(common)
    if edges.ndim == 1 and not (edges.dtype.kind == "f" and np.isnan(edges).any()):
        return np.searchsorted(edges, x, "right" if right else "left", sorter).astype(np.int64)
    if sorter is not None:
        edges = np.take_along_axis(edges, sorter, -1)
    n = edges.shape[-1]
    low, high = np.zeros(x.shape, np.int64), np.full(x.shape, n, np.int64)
    for _ in range(n.bit_length()):  # bisection: each step halves what is left between low and high
        middle = (low + high) // 2
        at = np.minimum(middle, n - 1)
        here = edges[at] if edges.ndim == 1 else np.take_along_axis(edges, at, -1)
        above = ~(here > x if right else here >= x)  # PyTorch's comparisons: beside a NaN it goes on to the right
        above &= low < high
        low, high = np.where(above, middle + 1, low), np.where(above | (low >= high), high, middle)
    return low


_NEAR = 1024
"""How far apart integers may be that are counted instead of sorted, however few."""


def unique(x: Any, axis: int | None) -> tuple[Any, Any, Any]:
    """The different elements (slices along an axis) in order, for each element which one it is, and how often each
    occurs."""
    if axis is None and type(x) is np.ndarray and x.size and x.dtype.kind == "i":
        flat = x.reshape(-1)
        least = flat.item(flat.argmin())
        if flat.item(flat.argmax()) - least <= max(_NEAR, 4 * x.size):  # near each other: they are counted
            numbers = flat.astype(np.int64) - least if least else flat
            times = np.bincount(numbers)
            present = times.nonzero()[0]
            which = (times != 0).cumsum()
            which -= 1
            values = (present + least).astype(x.dtype, copy=False)
            return values, which.take(numbers).reshape(x.shape), times.take(present)
    if axis is None:
        values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True, equal_nan=False)
        return values, inverse.reshape(x.shape).astype(np.int64), counts.astype(np.int64)
    values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True, axis=axis, equal_nan=False)
    return values, inverse.reshape(-1).astype(np.int64), counts.astype(np.int64)


def unique_consecutive(x: Any, axis: int | None) -> tuple[Any, Any, Any]:
    """`unique`, of neighbours only and in the order they have."""
    rows = x.reshape(-1) if axis is None else np.moveaxis(x, axis, 0)
    n = len(rows)
    new = np.ones(n, bool)
    if n > 1:
        new[1:] = (rows[1:] != rows[:-1]).reshape(n - 1, -1).any(1)
    inverse = (np.cumsum(new) - 1).astype(np.int64)
    values = rows[new] if axis is None else np.moveaxis(np.ascontiguousarray(rows[new]), 0, axis)
    counts = np.diff(np.append(np.flatnonzero(new), n)).astype(np.int64)
    return values, inverse.reshape(x.shape) if axis is None else inverse, counts


# counting ------------------------------------------------------------------------------------------------------------


def bins_of(x: Any, edges: Any) -> tuple[Any, Any]:
    """In which bin each x lies, and where it lies in any; the last edge belongs to the last bin."""
    places = np.searchsorted(edges, x, "right") - 1
    places[x == edges[-1]] = len(edges) - 2
    return places, (x >= edges[0]) & (x <= edges[-1])


def histogram(x: Any, edges: Any, weight: Any, dtype: Any) -> Any:
    """How many elements (what weight) lie between neighbouring edges."""
    x = x.reshape(-1)
    places, inside = bins_of(x, edges)
    w = None if weight is None else weight.reshape(-1)[inside]
    return np.bincount(places[inside], w, len(edges) - 1).astype(dtype)


def histc(x: Any, bins: int, low: Any, high: Any) -> Any:
    """How many elements lie in each of `bins` equal parts of [low, high], found by arithmetic in the dtype of x."""
    low, high = x.dtype.type(low), x.dtype.type(high)
    x = x[(x >= low) & (x <= high)]
    with silence():
        places = ((x - low) * x.dtype.type(bins) / (high - low)).astype(np.int64)
    return np.bincount(np.minimum(places, bins - 1), minlength=bins).astype(x.dtype)


def histogramdd(points: Any, edges: list[Any], weight: Any) -> Any:
    """How many points (rows) lie in each cell of a grid, in float64."""
    found = [bins_of(points[:, i], e) for i, e in enumerate(edges)]
    inside = np.logical_and.reduce([f[1] for f in found])
    shape = tuple(len(e) - 1 for e in edges)
    cells = np.ravel_multi_index([f[0][inside] for f in found], shape)
    w = None if weight is None else weight[inside]
    return np.bincount(cells, w, int(np.prod(shape))).astype(np.float64).reshape(shape)
