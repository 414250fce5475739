"""Weight normalization: Salimans and Kingma, https://arxiv.org/abs/1602.07868."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.autograd.table import op


def _others(shape: tuple[int, ...], dim: int) -> tuple[int, ...]:
    """All dimensions but one; for dim -1 all."""
    return tuple(d for d in range(len(shape)) if d != dim)


def _length(xp: Any, v: Any, dim: int) -> Any:
    """|v| along all dimensions but one, kept as dimensions of size 1."""
    return xp.sqrt(xp.sum(v * v, _others(v.shape, dim), True))


def _weight_norm(v: Any, g: Any, dim: int) -> Any:
    length = np.sqrt(np.sum(v * v, _others(v.shape, dim), keepdims=True))
    return v * (g.reshape(length.shape) / length)


def _v(xp: Any, g: Any, v: Any, g_in: Any, dim: int) -> Any:
    """d/dv of v g / |v|: the part of the gradient across v, times g / |v| (equation 3 of the paper)."""
    length = _length(xp, v, dim)
    along = xp.sum(g * v, _others(v.shape, dim), True)
    return (xp.reshape(g_in, length.shape) / length) * (g - v * (along / (length * length)))


def _g(xp: Any, g: Any, v: Any, g_in_shape: tuple[int, ...], dim: int) -> Any:
    """d/dg of v g / |v|: the part of the gradient along v."""
    return xp.reshape(xp.sum(g * v, _others(v.shape, dim), True) / _length(xp, v, dim), g_in_shape)


weight_norm = op("weight_norm", lambda v, g_in, dim: _weight_norm(v, g_in, dim), inputs="v g_in", v=_v, g_in=_g,
                 grad_name="WeightNormInterfaceBackward0")  # fmt: skip
