"""Reductions of consecutive segments of an axis.

A segment's place is told by `ids`, for each position along the axis the number of its segment: an array of shape (outer
axes, n), where -1 stands for no segment; `counts` are the segments' lengths, of shape (outer axes, segments).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.kernels.quiet import quiet

_UFUNCS = {"sum": np.add, "mean": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}
_START = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "max": -np.inf, "min": np.inf}


def places(edges: Any, n: int) -> tuple[Any, Any]:
    """(ids, counts) of segments between consecutive edges, which are the last axis of an array."""
    rows = edges.reshape(-1, edges.shape[-1]).clip(0, n)
    begun = np.zeros((len(rows), n + 1), np.int64)  # how many edges are at a position
    np.add.at(begun, (np.arange(len(rows))[:, None], rows), 1)
    ids = begun.cumsum(1)[:, :n] - 1
    ids[ids == rows.shape[1] - 1] = -1
    return ids.reshape(*edges.shape[:-1], n), np.diff(edges)


def _blocks(x: Any, axis: int, ids: Any, counts: Any) -> tuple[Any, Any, Any, Any]:
    """x as (outer, n, inner); rows and ids that pick each position's segment of (outer, segments + 1, inner), the last
    of which is for positions in none; counts as (outer, segments, 1)."""
    outer = int(np.prod(x.shape[:axis]))
    inner = int(np.prod(x.shape[axis + 1 :]))
    ids = np.where(ids < 0, counts.shape[-1], ids).reshape(outer, x.shape[axis])
    return x.reshape(outer, -1, inner), np.arange(outer)[:, None], ids, counts.reshape(outer, -1, 1)


def _reduced(ufunc: Any, x: Any, start: float, rows: Any, ids: Any, segments: int) -> Any:
    out = np.full((x.shape[0], segments + 1, x.shape[2]), start, x.dtype)
    ufunc.at(out, (rows, ids), x)
    return out


@quiet
def segment_reduce(x: Any, reduce: str, axis: int, ids: Any, counts: Any, initial: float | None) -> Any:
    """The sums, means, products, maxima or minima of the segments; initial: what each begins with.

    Of an empty segment the mean is NaN, unless there is an initial value, which it then is.
    """
    shape = (*x.shape[:axis], counts.shape[-1], *x.shape[axis + 1 :])
    if not x.size and not counts.size:
        return np.empty(shape, x.dtype)
    blocks, rows, ids, lengths = _blocks(x, axis, ids, counts)
    start = _START[reduce] if initial is None else initial
    out = _reduced(_UFUNCS[reduce], blocks, start, rows, ids, counts.shape[-1])[:, :-1]
    if reduce == "mean":
        empty = lengths == 0
        out = np.where(empty, np.nan if initial is None else initial, out / np.where(empty, 1, lengths))
    return np.ascontiguousarray(out, x.dtype).reshape(shape)


@quiet
def segment_reduce_backward(
    g: Any, out: Any, x: Any, reduce: str, axis: int, ids: Any, counts: Any, initial: float | None
) -> Any:
    """The gradient of x: a maximum's goes in equal parts to all that have it."""
    blocks, rows, ids, lengths = _blocks(x, axis, ids, counts)
    segments = counts.shape[-1]

    def at(values: Any) -> Any:
        """For each position what its segment has, and 0 where it is in none."""
        values = np.broadcast_to(values, (blocks.shape[0], segments, blocks.shape[2]))
        return np.concatenate([values, np.zeros_like(values[:, :1])], 1)[rows, ids]

    def total(values: Any, ufunc: Any = np.add, start: float = 0) -> Any:
        return _reduced(ufunc, values, start, rows, ids, segments)[:, :-1]

    if not x.size:
        return np.zeros_like(x)
    g, out = (v.reshape(blocks.shape[0], segments, blocks.shape[2]) for v in (g, out))
    if reduce == "sum":
        grad = at(g)
    elif reduce == "mean":
        grad = at(g / np.maximum(lengths, 1))
    elif reduce in ("max", "min"):
        hit = (blocks == at(out)) | np.isnan(blocks)
        grad = np.where(hit, at(g / np.maximum(total(hit.astype(x.dtype)), 1)), 0)
    else:
        # the product of the others: by division, or for a 0 or NaN by hand
        zero, nan = blocks == 0, np.isnan(blocks)
        plain = total(np.where(zero | nan, 1, blocks), np.multiply, 1.0 if initial is None else initial)
        zeros, nans = (at(total(v.astype(np.int64))) - v for v in (zero, nan))  # among the others
        others = np.where(nans > 0, np.nan, np.where(zeros > 0, 0, at(plain)))
        grad = np.where(zero | nan, at(g) * others, at(g) * at(out) / blocks)
    return grad.astype(x.dtype, copy=False).reshape(x.shape)
