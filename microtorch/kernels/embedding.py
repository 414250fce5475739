"""Rows looked up in a table, and their gradient added back."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from microtorch.kernels import products, rows as R, threads, twins
from microtorch.kernels.index import PART, add_rows
from microtorch.kernels.reduce import row_starts
from microtorch.kernels.small import within


def embedding(x: Any, index: Any, padding_idx: int, scale: bool) -> Any:
    """The rows of x (V, ...) that index names: index.shape + (...).

    padding_idx, scale: only for the gradient (see embedding_backward).
    """
    if not within(index, x.shape[0]):
        raise IndexError("index out of range in self")
    return x.take(index, 0) if type(x) is np.ndarray else np.take(x, index, 0)


def embedding_backward(g: Any, shape: tuple[int, ...], index: Any, padding_idx: int, scale: bool) -> Any:
    """Zeros of `shape` with g added at the rows of index, but for the row padding_idx (-1: none).

    scale: each row's gradient is divided by how often the row was looked up.
    """
    out = np.zeros(shape, g.dtype)
    rows = index.reshape(-1)
    g = g.reshape(rows.size, *shape[1:])
    if padding_idx >= 0:
        kept = rows != padding_idx
        if not kept.all():
            rows, g = rows[kept], g[kept]
    add_rows(out, rows, g)
    if scale:
        out /= _times(rows, shape)
    return out


def embedding_spread(x: Any, index: Any, padding_idx: int, scale: bool) -> Any:
    """The transpose of embedding_backward: rows looked up, zero for padding_idx, over their frequency if `scale`."""
    if scale:
        x = x / _times(index.reshape(-1), x.shape)
    out = np.take(x, index, 0)
    if padding_idx >= 0:
        out[index == padding_idx] = 0
    return out


def _times(rows: Any, shape: tuple[int, ...]) -> Any:
    """How often each row of a table was looked up (at least 1), as a column."""
    counts = np.maximum(np.bincount(rows, minlength=shape[0]), 1)
    return counts.astype(np.float32).reshape(-1, *(1,) * (len(shape) - 1))


def limit_rows(weight: Any, index: Any, max_norm: float, norm_type: float) -> None:
    """Scale the rows looked up whose norm passes max_norm down to it, in place."""
    rows = np.unique(index)
    found = weight[rows]
    norms = np.linalg.norm(found.reshape(rows.size, -1).astype(np.float64), norm_type, 1)
    long = norms > max_norm
    factor = (max_norm / (norms[long] + 1e-7)).astype(weight.dtype)
    weight[rows[long]] = found[long] * factor.reshape(-1, *(1,) * (weight.ndim - 1))


def one_hot(index: Any, classes: int) -> Any:
    """int64 zeros with a one at each index, in a new last dimension."""
    out = np.zeros((*index.shape, classes), np.int64)
    flat = index.reshape(-1)
    out.reshape(-1)[flat + row_starts(flat.shape, classes)] = 1
    return out


# bags: sums of rows --------------------------------------------------------------------------------------------------


def bag_sum(weight: Any, scale: Any, sizes: Any, index: Any, bag: Any, count: int, by_frequency: bool) -> Any:
    """For each of `count` bags the sum of scale[i] times row index[i] of weight, over the i with bag[i] that bag.

    sizes: a column of what the bags' sums are divided by, or None. by_frequency: only for the gradient (see
    embedding_backward).
    """
    times = _occurrences(weight, scale, index, bag, count)
    if times is not None:
        out = products.matmul(times, weight)
    else:
        out = np.zeros((count, weight.shape[1]), weight.dtype)
        _add_picked(out, bag, weight, index, scale)
    if sizes is not None:
        out /= sizes
    return out


def _add_picked(out: Any, to: Any, source: Any, rows: Any, scale: Any) -> None:
    """Add scale[i] (1 if scale is None) times source[rows[i]] to out[to[i]]."""
    width = out.shape[1]
    if rows.size * width >= twins.least and twins.takes(out, source) and (fast := twins.of("index")) is not None:
        given = np.empty(0, out.dtype) if scale is None else np.ascontiguousarray(scale, out.dtype)
        columns = threads.shares(width, max(16, PART // rows.size))
        threads.run([partial(fast.add_picked, out, to, source, rows, given, a, b) for a, b in columns])
        return
    if R.add_picked(out, to, source, rows, scale):
        return
    step = max(1, _ROWS // max(width, 1))
    for start in range(0, rows.size, step):  # not all rows at once: they may be far more than the table and the bags
        part = slice(start, start + step)
        found = np.take(source, rows[part], 0)
        if scale is not None:
            found *= scale[part, None]
        add_rows(out, to[part], found)


_ROWS = 1 << 16  # elements of rows that are looked up at a time


def _occurrences(table: Any, scale: Any, index: Any, bag: Any, count: int) -> Any:
    """How often (or with which total scale) each row of a table stands in each bag, (bags, rows), if that matrix is
    small beside the rows to be added: their sums are then its product with the table. None if not, or if the table
    holds anything infinite or NaN, which 0 times would spread."""
    cells = count * table.shape[0]
    if type(table) is not np.ndarray or index.size * table.shape[1] < 1 << 20 or cells > 16 * index.size:
        return None
    if table.dtype.itemsize < 4 or not np.isfinite(table).all():
        return None
    at = bag * table.shape[0]
    at += index
    found = np.bincount(at, None if scale is None else scale, cells)
    return found.astype(table.dtype).reshape(count, table.shape[0])


def bag_sum_backward(g: Any, scale: Any, shape: tuple[int, ...], index: Any, bag: Any) -> Any:
    """The gradient of bag_sum's weight: each bag's gradient added to all its rows."""
    times = _occurrences(g, scale, bag, index, shape[0])
    if times is not None:
        return products.matmul(times, g)
    out = np.zeros(shape, g.dtype)
    _add_picked(out, index, g, bag, scale)
    return out


def bag_largest(weight: Any, index: Any, bag: Any, count: int) -> Any:
    """For each bag and column, the row of weight with the first largest element; -1 for an empty bag. bag: in order.

    As in PyTorch nothing is larger than NaN, and NaN larger than nothing.
    """
    width = weight.shape[1]
    out = np.full((count, width), -1, np.int64)
    if not index.size:
        return out
    if index.size * width >= twins.least and twins.takes(weight) and (fast := twins.of("index")) is not None:
        fast.bag_largest(weight, index, bag, np.empty(width, weight.dtype), out)
        return out
    starts = np.flatnonzero(np.concatenate(([True], bag[1:] != bag[:-1])))
    sizes = np.diff(starts, append=index.size)
    order = np.argsort(-sizes)
    starts, sizes = starts[order], sizes[order]
    for careful in (False, True):
        best = np.take(weight, index[starts], 0)
        turn = np.zeros(best.shape, np.int32)
        for k, n in enumerate(np.searchsorted(-sizes, -np.arange(1, sizes[0])).tolist(), 1):  # the k-th of n bags
            values, most = np.take(weight, index[starts[:n] + k], 0), best[:n]
            larger = values > most
            if careful:
                np.copyto(most, values, where=larger)
            else:
                np.maximum(most, values, out=most)
            np.maximum(turn[:n], np.multiply(larger, k, dtype=np.int32), out=turn[:n])
        if not np.isnan(best).any():  # (np.maximum prefers NaN)
            break
    out[bag[starts]] = index[starts[:, None] + turn]
    return out


def take_columns(weight: Any, rows: Any) -> Any:
    """weight[rows[b, d], d]; 0 where rows is -1."""
    return np.where(rows < 0, 0, np.take_along_axis(weight, np.maximum(rows, 0), 0)).astype(weight.dtype)


def put_columns(g: Any, shape: tuple[int, ...], rows: Any) -> Any:
    """The transpose of take_columns."""
    out = np.zeros(shape, g.dtype)
    at = np.nonzero(rows >= 0)
    np.add.at(out, (rows[at], at[1]), g[at])
    return out
