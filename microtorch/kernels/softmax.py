"""Softmax and its logarithm along one axis, shifted by the largest element so that nothing overflows."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.kernels.half import in_single
from microtorch.kernels.pointwise import quiet

_max: Any = np.maximum.reduce
_add: Any = np.add.reduce


@in_single
@quiet
def softmax(x: Any, axis: int) -> Any:
    """exp(x) / sum(exp(x)) along the axis."""
    if x.ndim == 0 or x.size == 0:
        return x * 0 + 1
    out = x - _max(x, axis, None, None, True)
    np.exp(out, out=out)
    out /= _add(out, axis, None, None, True)
    return out


@in_single
@quiet
def log_softmax(x: Any, axis: int) -> Any:
    """x - log(sum(exp(x))) along the axis."""
    if x.ndim == 0 or x.size == 0:
        return x * 0
    out = x - _max(x, axis, None, None, True)
    out -= np.log(_add(np.exp(out), axis, None, None, True))
    return out


@in_single
def softmax_backward(g: Any, out: Any, axis: int) -> Any:
    """out (g - sum(g out))."""
    if not g.ndim:
        return g * 0
    product = g * out
    total = _add(product, axis, None, None, True)
    np.subtract(g, total, out=product)  # first the difference: where out is nearly 1 it is small, and exact
    product *= out
    return product


@in_single
def log_softmax_backward(g: Any, out: Any, axis: int) -> Any:
    """g - exp(out) sum(g)."""
    if not g.ndim:
        return g * 0
    result = np.exp(out)
    result *= _add(g, axis, None, None, True)
    return np.subtract(g, result, out=result)
