"""Shapes: kernels that rearrange, join, cut and index arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which `shape` was broadcast to x's."""
    if x.shape == shape:
        return x
    extra = x.ndim - len(shape)
    axes = tuple(range(extra)) + tuple(i + extra for i, n in enumerate(shape) if n == 1 and x.shape[i + extra] != 1)
    if axes:
        x = x.sum(axes, keepdims=True, dtype=x.dtype)
    return x.reshape(shape)


def like_memory(base_shape: tuple[int, ...], base_strides: tuple[int, ...], dtype: Any) -> tuple[Any, Any]:
    """Zeros with the same shape and strides: (the flat memory, the array over it)."""
    itemsize = dtype.itemsize
    size = 1 + sum((n - 1) * s for n, s in zip(base_shape, base_strides)) // itemsize if 0 not in base_shape else 0
    flat = np.zeros(size, dtype)
    return flat, np.ndarray(base_shape, dtype, flat, 0, base_strides)


def dense_order(shape: tuple[int, ...], strides: tuple[int, ...]) -> list[int]:
    """The axes from outermost to innermost in memory; broadcast ones (stride 0) stay where they are among their neighbours.

    PyTorch's rule for outputs that keep their input's order (infer_dense_strides in aten/src/ATen/ExpandUtils.cpp).
    """
    order = list(range(len(shape)))[::-1]  # from innermost on
    for i in range(1, len(order)):
        at = i
        for before in range(i - 1, -1, -1):
            a, b = order[before], order[at]
            if strides[a] == 0 or strides[b] == 0:
                continue
            if strides[a] < strides[b] or (strides[a] == strides[b] and shape[a] <= shape[b]):
                if strides[a] < strides[b]:
                    break
                continue
            order[before], order[at] = b, a
            at = before
    return order[::-1]


def empty_like(x: Any, dtype: Any) -> Any:
    """An uninitialised array of x's shape and order in memory."""
    if x.flags.c_contiguous or x.ndim < 2:
        return np.empty(x.shape, dtype)
    if 0 not in x.strides:
        return np.empty_like(x, dtype)
    order = dense_order(x.shape, x.strides)
    return np.empty([x.shape[i] for i in order], dtype).transpose(np.argsort(order))


def clone(x: Any) -> Any:
    """A copy of x in its order in memory."""
    if 0 not in x.strides:
        return x.copy("K")
    out = empty_like(x, x.dtype)
    out[...] = x
    return out


def channels_last_axes(ndim: int, name: str) -> list[int] | None:
    """The order of axes in memory of a channels-last format; None if it needs another number of dimensions."""
    if ndim != (4 if name == "channels_last" else 5):
        return None
    return [0, *range(2, ndim), 1]


def spread(x: Any, shape: tuple[int, ...], axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    """Undo a reduction: x broadcast back to `shape` along the reduced axes (a read-only view)."""
    if type(x) is not np.ndarray:
        x = np.asarray(x)
    if x.size == 1:
        return np.ndarray(shape, x.dtype, x, 0, (0,) * len(shape))
    if not keepdims and axis is not None:
        kept = list(shape)
        for i in axis:
            kept[i] = 1
        x = x.reshape(kept)
    return np.broadcast_to(x, shape)


def view(x: Any, shape: tuple[int, ...]) -> Any:
    """The same memory in another shape; PyTorch's error if that takes a copy."""
    try:
        return x.reshape(shape, copy=False)
    except ValueError:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        ) from None


def expand(x: Any, shape: tuple[int, ...]) -> Any:
    """x broadcast to shape (a read-only view); -1 keeps a dimension."""
    extra = len(shape) - x.ndim
    full = tuple(x.shape[i - extra] if n == -1 and i >= extra else n for i, n in enumerate(shape))
    if extra >= 0 and min(full, default=0) >= 0:
        try:
            return np.broadcast_to(x, full)
        except ValueError:
            for i in range(len(full) - 1, extra - 1, -1):
                if x.shape[i - extra] not in (1, full[i]):
                    raise RuntimeError(
                        f"The expanded size of the tensor ({full[i]}) must match the existing size ({x.shape[i - extra]}) at "
                        f"non-singleton dimension {i}.  Target sizes: {list(shape)}.  Tensor sizes: {list(x.shape)}"
                    ) from None
    if extra < 0:
        raise RuntimeError(
            f"expand(torch.tensor{list(x.shape)}, size={list(shape)}): the number of sizes provided ({len(shape)}) must be "
            f"greater or equal to the number of dimensions in the tensor ({x.ndim})"
        )
    raise RuntimeError(f"The expanded size of the tensor ({min(full)}) isn't allowed in a leading, non-existing dimension 0")


def embed(g: Any, shape: tuple[int, ...], key: tuple[Any, ...]) -> Any:
    """Zeros of `shape` with g at the basic index `key`."""
    out = np.zeros(shape, g.dtype)
    out[key] = g
    return out


def without(x: Any, key: tuple[Any, ...]) -> Any:
    """A copy of x with zeros at the index `key`."""
    out = x.copy()
    out[key] = 0
    return out


def index_embed(g: Any, shape: tuple[int, ...], key: tuple[Any, ...]) -> Any:
    """Zeros of `shape` with g added at the advanced index `key` (repeated places add up)."""
    out = np.zeros(shape, g.dtype)
    first = key[0]
    if (isinstance(first, np.ndarray) and first.dtype.kind in "iu" and len(key) <= 2 and key[-1] is Ellipsis) or len(key) == 1:
        if first.dtype.kind in "iu":
            return add_rows(out, first, g)
    if any(isinstance(k, np.ndarray) and k.dtype.kind in "iu" for k in key):
        np.add.at(out, key, g)
    else:  # masks name each place once
        out[key] = g
    return out


def add_rows(out: Any, rows: Any, g: Any) -> Any:
    """Add g[i] to out[rows[i]], in place: rows sorted, runs of equal ones summed at once."""
    flat = rows.reshape(-1)
    if flat.size == 0:
        return out
    values = g.reshape(flat.size, *out.shape[1:])
    flat = np.where(flat < 0, flat + out.shape[0], flat)
    order = np.argsort(flat, kind="stable")
    ordered = flat[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    out[ordered[starts]] += np.add.reduceat(values[order], starts, axis=0)
    return out


def index_put(x: Any, value: Any, key: tuple[Any, ...], accumulate: bool) -> Any:
    """A copy of x with `value` written (or added) at an index."""
    out = x.copy()
    if accumulate:
        np.add.at(out, key, value)
    else:
        out[key] = value
    return out


# memory of a tensor seen through a view of it: geometry = (base shape, base strides, shape, strides, offset), in bytes -------


def region(x: Any, geometry: tuple[Any, ...]) -> Any:
    """A copy of the part of x (any layout) that a view with this geometry sees of its base."""
    return _region(x, geometry)[1].copy()


def region_embed(g: Any, geometry: tuple[Any, ...]) -> Any:
    """Zeros in the shape of the base, with g added where the view sees it (an element seen twice adds up)."""
    base_shape, base_strides, shape, strides, offset = geometry
    flat, out = like_memory(base_shape, base_strides, np.dtype(g.dtype))
    part = np.ndarray(shape, g.dtype, flat, offset, strides)
    if any(s == 0 and n > 1 for s, n in zip(strides, shape)):
        places = np.ndarray(shape, np.int64, np.arange(flat.size), offset // g.itemsize * 8, [s // g.itemsize * 8 for s in strides])
        np.add.at(flat, places, g)
    else:
        part[...] = g
    return out


def region_without(x: Any, geometry: tuple[Any, ...]) -> Any:
    """A copy of x with zeros where the view sees it."""
    out, part = _region(x, geometry)
    part[...] = 0
    return out


def region_write(x: Any, value: Any, geometry: tuple[Any, ...]) -> Any:
    """A copy of x with `value` where the view sees it."""
    out, part = _region(x, geometry)
    part[...] = value
    return out


def _region(x: Any, geometry: tuple[Any, ...]) -> tuple[Any, Any]:
    base_shape, base_strides, shape, strides, offset = geometry
    x = np.asarray(x)
    flat, out = like_memory(base_shape, base_strides, x.dtype)
    out[...] = x
    return out, np.ndarray(shape, x.dtype, flat, offset, strides)
