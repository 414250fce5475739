"""Rows looked up in a table, and their gradient added back."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.kernels.index import add_rows


def embedding(weight: Any, index: Any, padding_idx: int, scale: bool) -> Any:
    """The rows of weight (V, ...) that index names: index.shape + (...).

    padding_idx, scale: only for the gradient (see embedding_backward).
    """
    if index.size and (index.min() < 0 or index.max() >= weight.shape[0]):
        raise IndexError("index out of range in self")
    return np.take(weight, index, 0)


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
    """The transpose of embedding_backward: rows of x looked up, zero for padding_idx, divided by their frequency if `scale`."""
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
    np.put_along_axis(out, index[..., None], 1, -1)
    return out
