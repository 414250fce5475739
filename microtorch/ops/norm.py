"""Normalisation. What is saved is the input and the small statistics, as in PyTorch."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from microtorch.autograd.table import Call, op, unary
from microtorch.kernels import batch_norm as KB, norm as K, reduce as KR
from microtorch.kernels.strides import c_order, suggested_format
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
                again=_layer_norm_again, unrecorded=K.normalized, grad_name="NativeLayerNormBackward0")  # fmt: skip

# rms norm ------------------------------------------------------------------------------------------------------------


def _inner(x: Any, shape: Any) -> tuple[int, ...]:
    return tuple(range(len(x.shape) - len(shape), len(x.shape)))


def _rms_norm(xp: Any, g: Any, needs: Any, x: Any, weight: Any, shape: Any, rstd: Any) -> list[Any]:
    """With h = x rstd and u = g weight: (u - h mean(u h)) rstd."""
    if not xp.recorded:
        return K.rms_norm_backward(g, needs, x, weight, shape, rstd)
    h, u = x * rstd, g if weight is None else g * weight
    return [(u - h * xp.mean(u * h, _inner(x, shape), True)) * rstd, xp.sum_to(g * h, shape)]


rms_norm = op("rms_norm", K.rms_norm, inputs="x weight", joint=_rms_norm, residuals=["rstd"], grad_name="MulBackward0",
              again=lambda xp, x, shape, eps:
                  xp.rsqrt(xp.mean(x * x, _inner(x, shape), True) + eps))  # fmt: skip

# group norm ----------------------------------------------------------------------------------------------------------


def _grouped(x: Any, groups: int) -> tuple[int, ...]:
    return (x.shape[0] * groups, math.prod(x.shape[1:]) // groups)


def _group_norm(xp: Any, g: Any, needs: Any, x: Any, weight: Any, groups: int, mean: Any, rstd: Any) -> list[Any]:
    if not xp.recorded:
        return KB.group_norm_backward(g, needs, x, weight, mean, rstd)
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


group_norm = op("group_norm", suggested_format(KB.group_norm), inputs="x weight bias", joint=_group_norm,
                residuals=["mean", "rstd"], again=_group_norm_again, unrecorded=suggested_format(KB.group_normalized),
                grad_name="NativeGroupNormBackward0")  # fmt: skip

# batch norm ----------------------------------------------------------------------------------------------------------


def _batch_norm(
    xp: Any, g: Any, needs: Any, x: Any, weight: Any, running_mean: Any, running_var: Any, training: bool, eps: float,
    mean: Any, rstd: Any,
) -> list[Any]:  # fmt: skip
    """In evaluation the statistics are what the running ones are now, as in PyTorch."""
    if not xp.recorded:
        if not training:
            mean, rstd = running_mean, KB.reciprocal_deviation(running_var, eps)
        return [*KB.batch_norm_backward(g, needs, x, weight, training, mean, rstd), None, None]
    axes = (0, *range(2, len(x.shape)))
    by_channel = (1, x.shape[1]) + (1,) * (len(x.shape) - 2)
    scaled = g if weight is None else g * xp.reshape(weight, by_channel)
    if training:
        gx, h = _standardize_backward(xp, scaled, x, axes, mean, rstd)
    else:
        gx, h = scaled * rstd, (x - mean) * rstd
    gw, gb = xp.sum(g * h, axes, False) if needs[1] else None, xp.sum(g, axes, False) if needs[2] else None
    return [gx, gw, gb, None, None]


def _batch_norm_again(
    xp: Any, x: Any, running_mean: Any, running_var: Any, training: bool, eps: float
) -> tuple[Any, Any]:
    if training:
        return _statistics(xp, x, (0, *range(2, len(x.shape))), eps)
    by_channel = (1, x.shape[1]) + (1,) * (len(x.shape) - 2)  # the running statistics are constants
    return xp.reshape(running_mean, by_channel), xp.rsqrt(xp.reshape(running_var, by_channel) + eps)


batch_norm = op("batch_norm", suggested_format(KB.batch_norm), inputs="x weight bias running_mean running_var",
                joint=_batch_norm, residuals=["mean", "rstd"], again=_batch_norm_again,
                grad_name="NativeBatchNormBackward0")  # fmt: skip


# the same with the statistics as further results --------------------------------------


def _shown(kernel: Any, shape: Any) -> Any:
    """A kernel whose residuals are results, too, of the shape that `shape` makes of its arguments (None: empty)."""

    @functools.wraps(kernel)
    def call(x: Any, *rest: Any) -> tuple[Any, ...]:
        out, mean, rstd = kernel(x, *rest)
        if mean is None:
            return out, np.empty(0, x.dtype), np.empty(0, x.dtype), mean, rstd
        size = shape(x, *rest)
        return out, mean.reshape(size).astype(x.dtype), rstd.reshape(size).astype(x.dtype), mean, rstd

    return call


def _native_layer_norm(xp: Any, g: Any, needs: Any, x: Any, weight: Any, shape: Any, mean: Any, rstd: Any) -> list[Any]:
    return [None] * 3 if g[0] is None else _layer_norm(xp, g[0], needs, x, weight, shape, mean, rstd)


def _native_group_norm(
    xp: Any, g: Any, needs: Any, x: Any, weight: Any, groups: int, mean: Any, rstd: Any
) -> list[Any]:
    """Unlike those of the others, the statistics have gradients; in PyTorch they count only all three together."""
    if g[0] is None:
        return [None] * 3
    grads = list(_group_norm(xp, g[0], needs, x, weight, groups, mean, rstd))
    if needs[0] and g[1] is not None and g[2] is not None and 0 not in x.shape:
        rows, column = xp.reshape(x, _grouped(x, groups)), (mean.shape[0], 1)
        n = rows.shape[1]
        by_rstd = xp.reshape(g[2], column) * (rstd * rstd * rstd) / n  # d rstd / dx = -rstd^3 (x - mean) / n
        grads[0] = grads[0] + xp.reshape(xp.reshape(g[1], column) / n - (rows - mean) * by_rstd, x.shape)
    return grads


def _native_batch_norm(
    xp: Any, g: Any, needs: Any, x: Any, weight: Any, running_mean: Any, running_var: Any, training: bool, eps: float,
    mean: Any, rstd: Any,
) -> list[Any]:  # fmt: skip
    if g[0] is None:
        return [None] * 5
    return _batch_norm(xp, g[0], needs, x, weight, running_mean, running_var, training, eps, mean, rstd)


def _native(name: str, inputs: str, kernel: Any, shape: Any, joint: Any, again: Any, grad_name: str) -> Call:
    return op(name, suggested_format(_shown(kernel, shape)), inputs=inputs, outputs=3, joint=joint, again=again,
              residuals=["mean", "rstd"], grad_name=grad_name)  # fmt: skip


native_layer_norm = _native(
    "native_layer_norm", "x weight bias", K.layer_norm,
    lambda x, weight, bias, shape, eps: x.shape[: x.ndim - len(shape)] + (1,) * len(shape),
    _native_layer_norm, _layer_norm_again, "NativeLayerNormBackward0",
)  # fmt: skip
native_group_norm = _native(
    "native_group_norm", "x weight bias", KB.group_norm, lambda x, weight, bias, groups, eps: (x.shape[0], groups),
    _native_group_norm, _group_norm_again, "NativeGroupNormBackward0",
)  # fmt: skip
native_batch_norm = _native(
    "native_batch_norm", "x weight bias running_mean running_var", KB.batch_norm, lambda x, *rest: (x.shape[1],),
    _native_batch_norm, _batch_norm_again, "NativeBatchNormBackward0",
)  # fmt: skip


# distances: vector_norm under the names that PyTorch prints -----------------------------------------------------------
p_norm = unary("p_norm", c_order(KR.vector_norm), x=_norm_x, grad_name="NormBackward1")


def _pdist_x(xp: Any, g: Any, x: Any, out: Any, ord: float, axis: Any, keepdims: bool) -> Any:
    return x * 0 if ord == 0 else _norm_x(xp, g, x, out, ord, axis, keepdims)


pdist = unary("pdist", c_order(KR.vector_norm), x=_pdist_x, grad_name="PdistBackward0")
