"""Reductions over axes. Float16 is summed in float32, integers and bools in int64, as PyTorch does."""

from __future__ import annotations

from typing import Any

import numpy as np

Axis = tuple[int, ...] | None

_add = np.add.reduce


def count(shape: tuple[int, ...], axis: Axis) -> int:
    """How many elements each result of a reduction comes from."""
    n = 1
    for i in range(len(shape)) if axis is None else axis:
        n *= shape[i]
    return n


def sum(x: Any, axis: Axis, keepdims: bool = False) -> Any:
    kind = x.dtype.kind
    if kind in "iub":
        return _add(x, axis, np.int64, None, keepdims)
    if x.dtype == np.float16:
        return np.asarray(_add(x, axis, np.float32, None, keepdims)).astype(np.float16)
    return _add(x, axis, None, None, keepdims)


def mean(x: Any, axis: Axis, keepdims: bool = False) -> Any:
    n = count(x.shape, axis)
    if x.dtype == np.float16:
        return np.asarray(np.divide(_add(x, axis, np.float32, None, keepdims), n)).astype(np.float16)
    total = _add(x, axis, None, None, keepdims)
    if n == 0:
        with np.errstate(all="ignore"):
            return np.divide(total, n)
    return total / n


def var(x: Any, axis: Axis, correction: float, keepdims: bool) -> Any:
    """Mean squared distance from the mean, divided by n - correction instead of n; NaN if nothing is left."""
    n = count(x.shape, axis)
    with np.errstate(all="ignore"):
        wide = x.astype(np.float32) if x.dtype == np.float16 else x
        d = wide - _add(wide, axis, None, None, True) / n
        d = (d * d.conj()).real if d.dtype.kind == "c" else d * d
        left = n - correction
        total = _add(d, axis, None, None, keepdims)
        result = np.divide(total, left if left > 0 else 0.0)
    return np.asarray(result).astype(x.real.dtype)


def std(x: Any, axis: Axis, correction: float, keepdims: bool) -> Any:
    return np.sqrt(var(x, axis, correction, keepdims))


def amax(x: Any, axis: Axis, keepdims: bool) -> Any:
    return np.maximum.reduce(x, axis, None, None, keepdims)


def amin(x: Any, axis: Axis, keepdims: bool) -> Any:
    return np.minimum.reduce(x, axis, None, None, keepdims)


def max_with_index(x: Any, axis: int, keepdims: bool) -> tuple[Any, Any]:
    """Values and first places of the largest elements along one axis (NaN counts as largest)."""
    places = np.argmax(x, axis, keepdims=True)
    return _taken(x, axis, places, keepdims)


def min_with_index(x: Any, axis: int, keepdims: bool) -> tuple[Any, Any]:
    """Values and first places of the smallest elements along one axis (NaN counts as smallest)."""
    places = np.argmin(x, axis, keepdims=True)
    return _taken(x, axis, places, keepdims)


def _taken(x: Any, axis: int, places: Any, keepdims: bool) -> tuple[Any, Any]:
    if x.ndim == 0:
        return x.copy(), np.zeros((), np.int64)
    values = np.take_along_axis(x, places, axis)
    if not keepdims:
        values, places = values.squeeze(axis), places.squeeze(axis)
    return values, places


def take_embed(g: Any, shape: tuple[int, ...], axis: int, keepdims: bool, places: Any) -> Any:
    """Zeros of `shape` with g at the places taken along `axis`."""
    if not shape:
        return np.asarray(g).reshape(())
    if not keepdims:
        g, places = np.expand_dims(g, axis), np.expand_dims(places, axis)
    out = np.zeros(shape, g.dtype)
    np.put_along_axis(out, places, g, axis)
    return out


def take_places(x: Any, axis: int, keepdims: bool, places: Any) -> Any:
    """What stands at the places along `axis`."""
    if not x.ndim:
        return x
    if keepdims:
        return np.take_along_axis(x, places, axis)
    return np.take_along_axis(x, np.expand_dims(places, axis), axis).squeeze(axis)


def logsumexp(x: Any, axis: Axis, keepdims: bool) -> Any:
    """log(sum(exp(x))), shifted by the largest so that nothing overflows."""
    with np.errstate(all="ignore"):
        top = np.maximum.reduce(x, axis, None, None, True, initial=-np.inf)
        top = np.where(np.isfinite(top), top, np.zeros((), x.dtype))
        out = np.log(_add(np.exp(x - top), axis, None, None, True)) + top
    return out if keepdims else out.squeeze(axis)
