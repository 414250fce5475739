"""Copies in another order: in strips, whose lines stay in the processor's cache until all of them is copied."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.kernels import threads

__all__ = ["contiguous", "transposed_into"]

STRIP = 64  # rows of a strip
LEAST = 1 << 14  # elements from which strips pay


def transposed_into(out: Any, x: Any) -> None:
    """out[...] = x.T for matrices."""
    for k in range(0, len(x), STRIP):
        out[:, k : k + STRIP] = x[k : k + STRIP].T


def contiguous(x: Any) -> Any:
    """A copy in C order."""
    if type(x) is not np.ndarray or x.size < LEAST or x.ndim < 2 or x.flags.c_contiguous:
        return x.copy("C")
    order = sorted(range(x.ndim), key=lambda i: -x.strides[i])
    memory = x.transpose(order)
    first = next((i for i, axis in enumerate(order) if i != axis), None)
    if first is None or not memory.flags.c_contiguous:
        return x.copy("C")
    turn = order[first]  # it is a stack of transposed matrices if two runs of axes have changed places
    if order != [*range(first), *range(turn, x.ndim), *range(first, turn)]:
        return x.copy("C")
    out = np.empty(x.shape, x.dtype)
    stack = int(np.prod(x.shape[:first]))
    rows, columns = int(np.prod(x.shape[turn:])), int(np.prod(x.shape[first:turn]))
    given, made = memory.reshape(stack, rows, columns), out.reshape(stack, columns, rows)
    if stack > 1:
        threads.split(_each, stack, given, made, least=-(-LEAST * stack // x.size))
    else:
        threads.split(_columns, columns, given[0].T, made[0], least=-(-LEAST // rows))
    return out


def _each(given: Any, made: Any) -> None:
    for x, out in zip(given, made):
        transposed_into(out, x)


def _columns(given: Any, made: Any) -> None:
    transposed_into(made, given.T)
