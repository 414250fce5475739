"""Batch and group norm of images, forward and backward. The variance is the biased one, as in PyTorch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.kernels import threads, twins
from microtorch.kernels.bfloat16 import writes
from microtorch.kernels.half import in_single, keeping_statistics
from microtorch.kernels.norm import standardize, standardize_backward
from microtorch.kernels.pointwise import quiet

_add: Any = np.add.reduce


def _by_channel(v: Any, x: Any) -> Any:
    """A vector over channels, to be broadcast over x (N, C, ...)."""
    return v.reshape((-1,) + (1,) * (x.ndim - 2))


def _images(*arrays: Any) -> list[Any]:
    """Arrays (N, C, ...) as C-contiguous (N, C, places)."""
    return [np.ascontiguousarray(a).reshape(*a.shape[:2], -1) for a in arrays]


def _compiled(x: Any, places: int, *others: Any) -> Any:
    """The compiled twins, if they take x (N, C, ...), with rows of `places` numbers or more, and others of its kind."""
    if x.size < twins.least or x.ndim < 3 or x.size < places * x.shape[0] * x.shape[1]:
        return None
    if x.dtype.char not in "fd" or any(a is not None and a.dtype is not x.dtype for a in others):
        return None
    return twins.of("batch_norm")


def _vector(v: Any, x: Any, value: float) -> Any:
    """A vector over channels, or that value for each if there is none."""
    return np.full(x.shape[1], value, x.dtype) if v is None else np.ascontiguousarray(v)


def _by_channels(twin: Any, x: Any, *rest: Any) -> None:
    """Calls `twin(channels, *rest)` for parts of the channels."""
    least = -(-twins.PART * x.shape[1] // x.size)
    threads.split(lambda channels: twin(channels, *rest), x.shape[1], np.arange(x.shape[1]), least=least)


@keeping_statistics
@quiet
def group_norm(x: Any, weight: Any, bias: Any, groups: int, eps: float) -> tuple[Any, Any, Any]:
    """Each group of channels of each sample standardized, then scaled and shifted by channel; x (N, C, ...)."""
    if x.size and (fast := _compiled(x, 8, weight, bias)) is not None:
        split = (x.shape[0], groups, x.shape[1] // groups, -1)
        wide, out = np.ascontiguousarray(x).reshape(split), np.empty(x.shape, x.dtype)
        mean, rstd = np.empty((2, *split[:2]), x.dtype)
        scale, shift = (_vector(v, x, value).reshape(split[1:3]) for v, value in ((weight, 1), (bias, 0)))
        threads.split(
            lambda *parts: fast.group_norm(parts[0], scale, shift, eps, *parts[1:]), len(x), wide, out.reshape(split),
            mean, rstd, least=-(-twins.PART * len(x) // x.size),
        )  # fmt: skip
        return out, mean.reshape(-1, 1), rstd.reshape(-1, 1)
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
    if (fast := _compiled(x, 8, g, weight, mean)) is not None:
        n, groups = len(x), len(mean) // len(x)
        split = (n, groups, x.shape[1] // groups, -1)
        wide, up = (np.ascontiguousarray(a).reshape(split) for a in (x, g))
        gx: Any = np.empty(x.shape if needs[0] else (n, 0, *x.shape[2:]), x.dtype)
        along, total = np.empty((2, *split[:3]), x.dtype)
        scale, wanted = _vector(weight, x, 1).reshape(split[1:3]), bool(needs[0])
        threads.split(
            lambda *parts: fast.group_norm_backward(wanted, scale, *parts), n, up, wide, mean.reshape(n, -1),
            rstd.reshape(n, -1), gx.reshape(split if wanted else (n, 0, 0, 0)), along, total,
            least=-(-twins.PART * n // x.size),
        )  # fmt: skip
        sums = [_add(a, 0).reshape(-1) if need else None for a, need in ((along, needs[1]), (total, needs[2]))]
        return [gx if wanted else None, *sums]
    scaled = g if weight is None else g * _by_channel(weight, x)
    gx, h = standardize_backward(scaled.reshape(mean.shape[0], -1), x.reshape(mean.shape[0], -1), mean, rstd)
    shape, flat = (x.shape[0], x.shape[1], -1), g.reshape(x.shape[0], x.shape[1], -1)
    return [
        gx.reshape(x.shape) if needs[0] else None,
        np.einsum("ncl,ncl->c", flat, h.reshape(shape)) if needs[1] else None,
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


@quiet
@writes(3, 4)
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
    fast = _compiled(x, 8, weight, bias, running_mean, running_var) if x.size else None
    out, rstd = np.empty(x.shape, x.dtype), None
    if not training:
        rstd = reciprocal_deviation(running_var, eps)
        scale = rstd if weight is None else rstd * weight
        shift = -running_mean * scale if bias is None else bias - running_mean * scale
        if fast is not None:
            wide, to = _images(x, out)
            _by_channels(fast.affine, x, wide, scale, shift, to)
        else:
            np.multiply(x, _by_channel(scale, x), out=out)
            out += _by_channel(shift, x)
        return out, None, None
    if fast is not None:
        mean, var, rstd = np.empty((3, x.shape[1]), x.dtype)
        wide, to = _images(x, out)
        _by_channels(
            fast.batch_norm, x, wide, _vector(weight, x, 1), _vector(bias, x, 0), eps, to, mean, var, rstd
        )  # fmt: skip
    else:
        n = x.size // x.shape[1] if x.size else 0
        mean = np.divide(_channel_sums(x), n)
        np.subtract(x, _by_channel(mean, x), out=out)
        var = np.divide(_channel_dots(out, out), n)
        rstd = reciprocal_deviation(var, eps)
        out *= _by_channel(rstd if weight is None else rstd * weight, x)
        if bias is not None:
            out += _by_channel(bias, x)
    n = x.size // x.shape[1] if x.size else 0
    if running_mean is not None and n:
        running_mean *= 1 - momentum
        running_mean += momentum * mean
    if running_var is not None and n:
        running_var *= 1 - momentum
        running_var += (momentum * (n / (n - 1) if n > 1 else np.nan)) * var
    return out, mean, rstd


@in_single
def batch_norm_backward(g: Any, needs: Any, x: Any, weight: Any, training: bool, mean: Any, rstd: Any) -> list[Any]:
    """The gradients of x, weight and bias."""
    if x.size and (fast := _compiled(x, 8, g, weight, mean, rstd)) is not None:
        wide, up = _images(x, g)
        gx: Any = np.empty(x.shape if needs[0] else (len(x), 0, 1), x.dtype)
        along, total = np.empty((2, x.shape[1]), x.dtype)
        scale = np.ascontiguousarray(rstd if weight is None else rstd * weight)
        _by_channels(
            fast.batch_norm_backward, x, training, bool(needs[0]), up, wide, scale, mean, rstd,
            gx.reshape(wide.shape if needs[0] else gx.shape), along, total,
        )  # fmt: skip
        return [gx if needs[0] else None, along if needs[1] else None, total if needs[2] else None]
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
