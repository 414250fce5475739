"""Images and their like: padding, resizing, sampling at points, cutting into patches."""

from __future__ import annotations

from typing import Any

import numpy as np

Ints = tuple[int, ...]
Pairs = tuple[tuple[int, int], ...]  # before and after, for each dimension; negative: cut off


def pad_constant(x: Any, pairs: Pairs, value: float) -> Any:
    """x with `value` around it; negative amounts cut off."""
    out = np.full([n + a + b for n, (a, b) in zip(x.shape, pairs)], value, x.dtype)
    inner, outer = _overlap(x.shape, pairs)
    out[inner] = x[outer]
    return out


def _overlap(shape: Ints, pairs: Pairs) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Where the padded array holds elements of x, and which."""
    inner, outer = [], []
    for n, (a, b) in zip(shape, pairs):
        first, last = max(0, -a), n - max(0, -b)
        outer.append(slice(first, last))
        inner.append(slice(first + a, last + a))
    return tuple(inner), tuple(outer)


def take_axes(x: Any, sources: tuple[Any, ...]) -> Any:
    """Along the last dimensions, one after the other, the indices listed."""
    first = x.ndim - len(sources)
    for i, index in enumerate(sources):
        if index is not None:
            x = np.take(x, index, first + i)
    return x


def take_axes_backward(g: Any, shape: Ints, sources: tuple[Any, ...]) -> Any:
    """The transpose of take_axes: what was taken several times adds up."""
    first = len(shape) - len(sources)
    for i, index in enumerate(sources):
        if index is not None:
            axis = first + i
            out = np.zeros((*g.shape[:axis], shape[axis], *g.shape[axis + 1 :]), g.dtype)
            np.add.at(np.moveaxis(out, axis, 0), index, np.moveaxis(g, axis, 0))
            g = out
    return g


def reflected(n: int, before: int, after: int) -> Any:
    """Indices that mirror a dimension at its ends, the ends themselves not repeated."""
    at = np.abs(np.arange(-before, n + after))
    return np.where(at >= n, 2 * (n - 1) - at, at)


def replicated(n: int, before: int, after: int) -> Any:
    """Indices that repeat a dimension's ends."""
    return np.clip(np.arange(-before, n + after), 0, n - 1)


def circular(n: int, before: int, after: int) -> Any:
    """Indices that go around a dimension."""
    return np.arange(-before, n + after) % n
