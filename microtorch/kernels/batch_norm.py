"""Batch and group norm of images, forward and backward. The variance is the biased one, as in PyTorch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.kernels.half import in_single, keeping_statistics
from microtorch.kernels.norm import standardize, standardize_backward
from microtorch.kernels.pointwise import quiet

_add: Any = np.add.reduce


def _by_channel(v: Any, x: Any) -> Any:
    """A vector over channels, to be broadcast over x (N, C, ...)."""
    return v.reshape((-1,) + (1,) * (x.ndim - 2))


@keeping_statistics
@quiet
def group_norm(x: Any, weight: Any, bias: Any, groups: int, eps: float) -> tuple[Any, Any, Any]:
    """Each group of channels of each sample standardized, then scaled and shifted by channel; x (N, C, ...)."""
    flat = np.ascontiguousarray(x)
    rows = flat.reshape(x.shape[0] * groups, x.size // (x.shape[0] * groups) if x.size else 0)
    out, mean, rstd = standardize(rows, eps)
    out = out.reshape(x.shape)
    if weight is not None:
        out *= _by_channel(weight, x)
    if bias is not None:
        out += _by_channel(bias, x)
    return out, mean, rstd


@in_single
def group_norm_backward(g: Any, needs: Any, x: Any, weight: Any, mean: Any, rstd: Any) -> list[Any]:
    """The gradients of x, weight and bias."""
    if x.size == 0:
        channels = np.zeros(x.shape[1], x.dtype)
        return [np.zeros_like(x), channels, channels.copy()]
    scaled = g if weight is None else g * _by_channel(weight, x)
    gx, h = standardize_backward(scaled.reshape(mean.shape[0], -1), x.reshape(mean.shape[0], -1), mean, rstd)
    wide, flat = (x.shape[0], x.shape[1], -1), g.reshape(x.shape[0], x.shape[1], -1)
    return [
        gx.reshape(x.shape) if needs[0] else None,
        np.einsum("ncl,ncl->c", flat, h.reshape(wide)) if needs[1] else None,
        _add(flat, (0, 2)) if needs[2] else None,
    ]


# batch norm: x (N, C) or (N, C, ...), statistics over all but C ------------------------------------------------------


def reciprocal_deviation(var: Any, eps: float) -> Any:
    """1 / sqrt(var + eps)."""
    return 1 / np.sqrt(var + eps)


def _channel_sums(x: Any) -> Any:
    """Sums over samples and places."""
    return _add(x, 0) if x.ndim == 2 else _add(_add(x.reshape(*x.shape[:2], math.prod(x.shape[2:])), 2), 0)


def _channel_dots(x: Any, y: Any) -> Any:
    """Sums of products over samples and places."""
    if x.ndim == 2:
        return _add(x * y, 0)
    wide = (*x.shape[:2], math.prod(x.shape[2:]))
    return _add(np.vecdot(x.reshape(wide), y.reshape(wide)), 0)


def channel_moments(x: Any) -> tuple[Any, Any]:
    """Mean and biased variance of each channel."""
    n = x.size // x.shape[1] if x.size else 0
    mean = np.divide(_channel_sums(x), n)
    d = x - _by_channel(mean, x)
    return mean, np.divide(_channel_dots(d, d), n)


@quiet
def batch_norm(
    x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float, eps: float
) -> tuple[Any, Any, Any]:
    """x less the mean over the deviation of its channel, scaled and shifted: (result, mean, 1 / deviation).

    In training the statistics are the batch's, and the running ones, if given, move toward them in place (the variance
    toward the unbiased one); else they are the running ones, and None is returned for them.
    """
    if x.dtype == np.float16:
        weight, bias = (None if v is None else v.astype(np.float32) for v in (weight, bias))
        wide = x.astype(np.float32)
        out, mean, rstd = batch_norm(wide, weight, bias, running_mean, running_var, training, momentum, eps)
        return out.astype(np.float16), mean, rstd
    if training:
        n = x.size // x.shape[1] if x.size else 0
        mean, var = channel_moments(x)
        if running_mean is not None and n:
            running_mean *= 1 - momentum
            running_mean += momentum * mean
        if running_var is not None and n:
            running_var *= 1 - momentum
            running_var += (momentum * (n / (n - 1) if n > 1 else np.nan)) * var
    else:
        mean, var = running_mean, running_var
    rstd = reciprocal_deviation(var, eps)
    scale = rstd if weight is None else rstd * weight
    shift = -mean * scale
    if bias is not None:
        shift = shift + bias
    out = x * _by_channel(scale, x)
    out += _by_channel(shift, x)
    return (out, mean, rstd) if training else (out, None, None)


@in_single
def batch_norm_backward(g: Any, needs: Any, x: Any, weight: Any, training: bool, mean: Any, rstd: Any) -> list[Any]:
    """The gradients of x, weight and bias."""
    total = _channel_sums(g) if training or needs[2] else None
    along = None  # sum(g (x - mean))
    if training or needs[1]:
        along = _channel_dots(g, x) - mean * (total if total is not None else _channel_sums(g))
    gx = None
    if needs[0]:
        scale = rstd if weight is None else rstd * weight
        if training:  # scale (g - mean(g) - (x - mean) rstd^2 mean(g (x - mean)))
            n = x.size // x.shape[1]
            slope = along * (rstd * rstd / n)
            gx = x * _by_channel(-slope * scale, x)
            gx += g * _by_channel(scale, x)
            gx += _by_channel((slope * mean - total / n) * scale, x)
        else:
            gx = g * _by_channel(scale, x)
    return [gx, along * rstd if needs[1] else None, total if needs[2] else None]
