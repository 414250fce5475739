"""Normalisation. What is saved is the input and the small statistics, as in PyTorch."""

from __future__ import annotations

import math
from typing import Any

from microtorch.autograd.state import wrap
from microtorch.autograd.table import op, unary
from microtorch.kernels import norm as K, reduce as KR
from microtorch.ops.reduce import _norm_x


def _statistics(xp: Any, rows: Any, axes: tuple[int, ...], eps: float) -> tuple[Any, Any]:
    """Mean and 1 / deviation over the axes (kept), as Tensors."""
    mean = xp.mean(rows, axes, True)
    d = rows - mean
    return mean, xp.rsqrt(xp.mean(d * d, axes, True) + eps)


def _standardize_backward(xp: Any, g: Any, x: Any, axes: tuple[int, ...], mean: Any, rstd: Any) -> tuple[Any, Any]:
    """(g - mean(g) - h mean(g h)) / deviation, and h, the standardized x."""
    h = (x - mean) * rstd
    return (g - xp.mean(g, axes, True) - h * xp.mean(g * h, axes, True)) * rstd, h


# layer norm ----------------------------------------------------------------------------------------------------------


def _layer_norm(xp: Any, g: Any, needs: Any, x: Any, weight: Any, shape: Any, mean: Any, rstd: Any) -> list[Any]:
    if not xp.recorded:
        return K.layer_norm_backward(g, needs, x, weight, shape, mean, rstd)
    outer = tuple(range(len(x.shape) - len(shape)))
    inner = tuple(range(len(outer), len(x.shape)))
    gx, h = _standardize_backward(xp, g if weight is None else g * weight, x, inner, mean, rstd)
    return [gx, xp.sum_to(g * h, shape), xp.sum_to(g, shape)]


def _layer_norm_again(xp: Any, x: Any, shape: Any, eps: float) -> tuple[Any, Any]:
    return _statistics(xp, x, tuple(range(len(x.shape) - len(shape), len(x.shape))), eps)


layer_norm = op("layer_norm", K.layer_norm, inputs="x weight bias", joint=_layer_norm, residuals=["mean", "rstd"],
                again=_layer_norm_again, grad_name="NativeLayerNormBackward0")  # fmt: skip

# group norm ----------------------------------------------------------------------------------------------------------


def _grouped(x: Any, groups: int) -> tuple[int, ...]:
    return (x.shape[0] * groups, math.prod(x.shape[1:]) // groups)


def _group_norm(xp: Any, g: Any, needs: Any, x: Any, weight: Any, groups: int, mean: Any, rstd: Any) -> list[Any]:
    if not xp.recorded:
        return K.group_norm_backward(g, needs, x, weight, mean, rstd)
    by_channel = (1, x.shape[1]) + (1,) * (len(x.shape) - 2)
    scaled = g if weight is None else g * xp.reshape(weight, by_channel)
    rows = _grouped(x, groups)
    gx, h = _standardize_backward(xp, xp.reshape(scaled, rows), xp.reshape(x, rows), (1,), mean, rstd)
    channels = (x.shape[1],)
    return [
        xp.reshape(gx, x.shape),
        xp.reshape(xp.sum_to(g * xp.reshape(h, x.shape), by_channel), channels) if needs[1] else None,
        xp.reshape(xp.sum_to(g, by_channel), channels) if needs[2] else None,
    ]


def _group_norm_again(xp: Any, x: Any, groups: int, eps: float) -> tuple[Any, Any]:
    return _statistics(xp, xp.reshape(x, _grouped(x, groups)), (1,), eps)


group_norm = op("group_norm", K.group_norm, inputs="x weight bias", joint=_group_norm, residuals=["mean", "rstd"],
                again=_group_norm_again, grad_name="NativeGroupNormBackward0")  # fmt: skip

# batch norm ----------------------------------------------------------------------------------------------------------


def _batch_norm(xp: Any, g: Any, needs: Any, x: Any, weight: Any, training: bool, mean: Any, rstd: Any) -> list[Any]:
    if not xp.recorded:
        return K.batch_norm_backward(g, needs, x, weight, training, mean, rstd)
    axes = (0, *range(2, len(x.shape)))
    by_channel = (1, x.shape[1]) + (1,) * (len(x.shape) - 2)
    scaled = g if weight is None else g * xp.reshape(weight, by_channel)
    if training:
        gx, h = _standardize_backward(xp, scaled, x, axes, mean, rstd)
    else:
        gx, h = scaled * rstd, (x - mean) * rstd
    return [gx, xp.sum(g * h, axes, False) if needs[1] else None, xp.sum(g, axes, False) if needs[2] else None]


def _batch_norm_again(xp: Any, x: Any, training: bool, eps: float, mean: Any, rstd: Any) -> tuple[Any, Any]:
    if training:
        return _statistics(xp, x, (0, *range(2, len(x.shape))), eps)
    by_channel = (1, x.shape[1]) + (1,) * (len(x.shape) - 2)  # the running statistics are constants
    return wrap(mean.reshape(by_channel)), wrap(rstd.reshape(by_channel))


batch_norm = op("batch_norm", K.batch_norm, inputs="x weight bias", joint=_batch_norm, residuals=["mean", "rstd"],
                again=_batch_norm_again, grad_name="NativeBatchNormBackward0")  # fmt: skip


# distances: vector_norm under the names that PyTorch prints -----------------------------------------------------------
p_norm = unary("p_norm", KR.vector_norm, x=_norm_x, grad_name="NormBackward1")


def _pdist_x(xp: Any, g: Any, x: Any, out: Any, ord: float, axis: Any, keepdims: bool) -> Any:
    return x * 0 if ord == 0 else _norm_x(xp, g, x, out, ord, axis, keepdims)


pdist = unary("pdist", KR.vector_norm, x=_pdist_x, grad_name="PdistBackward0")
