"""Normalisation of rows: layer norm, forward and backward. The variance is the biased one, as in PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.kernels.half import in_single, keeping_statistics
from microtorch.kernels.pointwise import quiet

_add: Any = np.add.reduce


def standardize(rows: Any, eps: float) -> tuple[Any, Any, Any]:
    """Each row less its mean, over its standard deviation: (result, mean, 1 / deviation), the last two as columns."""
    n = rows.shape[1]
    mean = _add(rows, 1, None, None, True)
    mean /= n
    out = rows - mean
    rstd = np.vecdot(out, out)[:, None]
    rstd /= n
    rstd += eps
    np.sqrt(rstd, out=rstd)
    np.divide(1, rstd, out=rstd)
    out *= rstd
    return out, mean, rstd


def standardize_backward(g: Any, rows: Any, mean: Any, rstd: Any) -> tuple[Any, Any]:
    """The gradient of `standardize` and the standardized rows h: (g - mean(g) - h mean(g h)) / deviation."""
    n = rows.shape[1]
    h = rows - mean
    h *= rstd
    along = np.vecdot(g, h)[:, None]
    along /= n
    level = _add(g, 1, None, None, True)
    level /= n
    result = h * along
    np.subtract(g, result, out=result)
    result -= level
    result *= rstd
    return result, h


@keeping_statistics
@quiet
def layer_norm(x: Any, weight: Any, bias: Any, shape: tuple[int, ...], eps: float) -> tuple[Any, Any, Any]:
    """The last dimensions, of this shape, standardized together, then scaled and shifted elementwise."""
    n = 1
    for size in shape:
        n *= size
    rows = np.ascontiguousarray(x).reshape(x.size // n if n else 0, n)
    out, mean, rstd = standardize(rows, eps)
    if weight is not None:
        out *= weight.reshape(-1)
    if bias is not None:
        out += bias.reshape(-1)
    return out.reshape(x.shape), mean, rstd


@in_single
def layer_norm_backward(
    g: Any, needs: Any, x: Any, weight: Any, shape: tuple[int, ...], mean: Any, rstd: Any
) -> list[Any]:
    """The gradients of x, weight and bias."""
    if x.size == 0:
        return [np.zeros_like(x), np.zeros(shape, x.dtype), np.zeros(shape, x.dtype)]
    rows = x.reshape(mean.shape[0], -1)
    g = g.reshape(rows.shape)
    gx, h = standardize_backward(g if weight is None else g * weight.reshape(-1), rows, mean, rstd)
    return [
        gx.reshape(x.shape) if needs[0] else None,
        np.einsum("ij,ij->j", g, h).reshape(shape) if needs[1] else None,
        _add(g, 0).reshape(shape) if needs[2] else None,
    ]
