"""Large arrays a piece at a time: what a kernel of several NumPy calls needs of a piece stays in the processor's cache.

A pass over a million floats in memory takes 0.1 ms and more, and a fresh array for its result as much again; in the
cache it takes 0.03 ms. So an element-by-element kernel of several passes is run on one piece after the other.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

PIECE = 1 << 15  # elements of a piece
LARGE = 1 << 17  # elements from which pieces pay


def by_pieces(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel that computes each element from those in the same place: large arrays go through it in pieces."""

    @functools.wraps(kernel)
    def call(x: Any, *rest: Any) -> Any:
        if type(x) is not np.ndarray or x.size < LARGE:
            return kernel(x, *rest)
        return _each_piece(kernel, x, rest)

    return call


def formula_by_pieces(formula: Callable[..., Any]) -> Callable[..., Any]:
    """A derivative's formula that is element by element: on plain arrays, large gradients go through it in pieces."""

    @functools.wraps(formula)
    def call(xp: Any, g: Any, *saved: Any) -> Any:
        if type(g) is not np.ndarray or g.size < LARGE or xp.recorded:
            return formula(xp, g, *saved)
        return _each_piece(functools.partial(formula, xp), g, saved)

    return call


def _each_piece(kernel: Callable[..., Any], x: Any, rest: tuple[Any, ...]) -> Any:
    """The kernel's result (or results) from those of all pieces; whole if the arrays are not of one simple layout."""
    args = (x, *rest)
    flat: list[Any] = []
    for a in args:
        if isinstance(a, np.ndarray) and a.ndim:
            if type(a) is not np.ndarray or a.shape != x.shape or not (a.flags.c_contiguous or not any(a.strides)):
                return kernel(*args)
            flat.append(a.reshape(-1))
        else:
            flat.append(None)
    outs: list[Any] = []
    several = False
    for start in range(0, x.size, PIECE):
        piece = slice(start, start + PIECE)
        found = kernel(*[a if f is None else f[piece] for a, f in zip(args, flat)])
        if not start:
            several = isinstance(found, tuple)
            outs = [np.empty(x.size, r.dtype) for r in (found if several else (found,))]
        for out, r in zip(outs, found if several else (found,)):
            out[piece] = r
    results = tuple(out.reshape(x.shape) for out in outs)
    return results if several else results[0]
