"""Reductions: sums, means, extremes, their places. `axis` is None or a tuple of non-negative numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.autograd.table import op, unary
from microtorch.kernels import reduce as K

sum = unary("sum", K.sum, x=lambda xp, g, x_shape, axis, keepdims: xp.spread(g, x_shape, axis, keepdims))
mean = unary("mean", K.mean, x=lambda xp, g, x_shape, axis, keepdims: xp.spread(g / K.count(x_shape, axis), x_shape, axis, keepdims))


def _kept(xp: Any, g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """A reduction's gradient or result, broadcast back over the axes reduced."""
    return xp.spread(g, x.shape, axis, keepdims)


def _var_x(xp: Any, g: Any, x: Any, axis: Any, correction: float, keepdims: bool) -> Any:
    left = K.count(x.shape, axis) - correction
    scale = 2 / left if left > 0 else float("nan")
    return _kept(xp, g * scale, x, axis, keepdims) * (x - xp.mean(x, axis, True))


def _std_x(xp: Any, g: Any, x: Any, out: Any, axis: Any, correction: float, keepdims: bool) -> Any:
    # At std 0 the gradient is 0, not 0 / 0.
    safe = xp.where(out == 0, g * 0, g / (2 * out))
    return _var_x(xp, safe, x, axis, correction, keepdims)


var = unary("var", K.var, x=_var_x)
std = unary("std", K.std, x=_std_x)


def _extreme_x(xp: Any, g: Any, x: Any, out: Any, axis: Any, keepdims: bool) -> Any:
    """Shared evenly among the elements that attain the extreme."""
    attained = xp.cast(x == _kept(xp, out, x, axis, keepdims), x.dtype if isinstance(x, np.ndarray) else x._data.dtype)
    return _kept(xp, g / xp.sum(attained, axis, keepdims), x, axis, keepdims) * attained


amax = unary("amax", K.amax, x=_extreme_x)
amin = unary("amin", K.amin, x=_extreme_x)
max_all = unary("max_all", lambda x: np.maximum.reduce(x, None), x=lambda xp, g, x, out: _extreme_x(xp, g, x, out, None, False), grad_name="MaxBackward1")
min_all = unary("min_all", lambda x: np.minimum.reduce(x, None), x=lambda xp, g, x, out: _extreme_x(xp, g, x, out, None, False), grad_name="MinBackward1")
take_embed = unary("take_embed", K.take_embed, x=lambda xp, g, axis, keepdims, places: xp.take_places(g, axis, keepdims, places))
take_places = unary("take_places", K.take_places, x=lambda xp, g, x_shape, axis, keepdims, places: xp.take_embed(g, x_shape, axis, keepdims, places))
max_along = op("max_along", K.max_with_index, inputs="x", outputs=2, grad_name="MaxBackward0",
               x=lambda xp, g, x_shape, axis, keepdims, out1: xp.take_embed(g, x_shape, axis, keepdims, _array(out1)))  # fmt: skip
min_along = op("min_along", K.min_with_index, inputs="x", outputs=2, grad_name="MinBackward0",
               x=lambda xp, g, x_shape, axis, keepdims, out1: xp.take_embed(g, x_shape, axis, keepdims, _array(out1)))  # fmt: skip
argmax = unary("argmax", lambda x, axis, keepdims: np.argmax(x, axis, keepdims=keepdims))
argmin = unary("argmin", lambda x, axis, keepdims: np.argmin(x, axis, keepdims=keepdims))
all = unary("all", lambda x, axis, keepdims: np.logical_and.reduce(x, axis, None, None, keepdims))
any = unary("any", lambda x, axis, keepdims: np.logical_or.reduce(x, axis, None, None, keepdims))
logsumexp = unary("logsumexp", K.logsumexp, x=lambda xp, g, x, out, axis, keepdims: _kept(xp, g, x, axis, keepdims)
                  * xp.exp(x - _kept(xp, out, x, axis, keepdims)))  # fmt: skip


def _array(t: Any) -> Any:
    """Indices as an array, in either world: they have no gradient."""
    return t if isinstance(t, np.ndarray) else t._data
