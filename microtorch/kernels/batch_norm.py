"""Batch and group norm of images, forward and backward. The variance is the biased one, as in PyTorch."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from microtorch.kernels import threads, twins
from microtorch.kernels.bfloat16 import writes
from microtorch.kernels.half import in_single, keeping_statistics
from microtorch.kernels.norm import standardize, standardize_backward
from microtorch.kernels.pointwise import quiet

_add: Any = np.add.reduce
_BLOCK = 1 << 17  # elements that passes of NumPy's take at a time


def _by_channel(v: Any, x: Any) -> Any:
    """A vector over channels, to be broadcast over arrays with as many dimensions as x (N, C, ...)."""
    return v.reshape((-1,) + (1,) * (x.ndim - 2))


def _images(*arrays: Any) -> list[Any]:
    """Arrays (N, C, ...) as C-contiguous (N, C, places); (N, C) as they are."""
    return [
        np.ascontiguousarray(a).reshape(*a.shape[:2], *([math.prod(a.shape[2:])] if a.ndim > 2 else [])) for a in arrays
    ]


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
    least = -(-twins.PART * x.shape[1] // max(x.size, 1))
    if x.shape[1]:
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


def _sums(x: Any) -> Any:
    """Sums over samples and places."""
    return _add(x, 0) if x.ndim == 2 else _add(_add(x, 2), 0)


def _dots(x: Any, y: Any) -> Any:
    """Sums of products over samples and places."""
    return _add(x * y, 0) if x.ndim == 2 else _add(np.vecdot(x, y), 0)


def _in_cache(channels: Any, x: Any) -> Iterator[slice]:
    """Channels, a few at a time: what one pass over them reads, the next finds in the processor's cache."""
    step = max(_BLOCK * x.shape[1] // max(x.size, 1), 1)
    for c in range(int(channels[0]), int(channels[-1]) + 1, step):
        yield slice(c, min(c + step, int(channels[-1]) + 1))


# the NumPy twins of `compiled.batch_norm`


@quiet
def _batch_norm(
    channels: Any, x: Any, weight: Any, bias: Any, eps: float, out: Any, mean: Any, var: Any, rstd: Any
) -> None:  # fmt: skip
    """Standardize some channels by their own statistics, which are written, too."""
    n = x.size // x.shape[1]
    for c in _in_cache(channels, x):
        to = out[:, c]
        mean[c] = np.divide(_sums(x[:, c]), n)
        np.subtract(x[:, c], _by_channel(mean[c], x), out=to)
        var[c] = np.divide(_dots(to, to), n)
        rstd[c] = reciprocal_deviation(var[c], eps)
        to *= _by_channel(rstd[c] * weight[c], x)
        if bias.any():
            to += _by_channel(bias[c], x)


@quiet
def _affine(channels: Any, x: Any, scale: Any, shift: Any, out: Any) -> None:
    """x * scale + shift for some channels."""
    for c in _in_cache(channels, x):
        to = out[:, c]
        np.multiply(x[:, c], _by_channel(scale[c], x), out=to)
        to += _by_channel(shift[c], x)


@quiet
def _batch_norm_backward(
    channels: Any, training: bool, wanted: bool, g: Any, x: Any, scale: Any, mean: Any, rstd: Any, out: Any, along: Any,
    total: Any,
) -> None:  # fmt: skip
    """For some channels: sum(g h), h the standardized x, into along, sum(g) into total, and if that is wanted the
    gradient of x, scale (g - mean(g) - h mean(g h)), without the means if not training, into out."""
    n = max(x.size // x.shape[1], 1)
    for c in _in_cache(channels, x):
        up = g[:, c]
        total[c] = _sums(up)
        along[c] = (_dots(up, x[:, c]) - mean[c] * total[c]) * rstd[c]
        if not wanted:
            continue
        to, factor = out[:, c], scale[c]
        if training:
            slope = along[c] * rstd[c] / n
            np.multiply(x[:, c], _by_channel(-slope, x), out=to)
            to += up
            to += _by_channel(slope * mean[c] - total[c] / n, x)
            to *= _by_channel(factor, x)
        else:
            np.multiply(up, _by_channel(factor, x), out=to)


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
        single, mean, rstd = batch_norm(wide, weight, bias, running_mean, running_var, training, momentum, eps)
        return single.astype(np.float16), mean, rstd
    fast = _compiled(x, 8, weight, bias, running_mean, running_var) if x.size else None
    out: Any = np.empty(x.shape, x.dtype)
    wide, to = _images(x, out)
    if not training:
        rstd = reciprocal_deviation(running_var, eps)
        scale = rstd if weight is None else rstd * weight
        shift = -running_mean * scale if bias is None else bias - running_mean * scale
        _by_channels(_affine if fast is None else fast.affine, x, wide, scale, shift, to)
        return out, None, None
    mean, var, rstd = np.empty((3, x.shape[1]), x.dtype)
    scale, shift = _vector(weight, x, 1), _vector(bias, x, 0)
    _by_channels(_batch_norm if fast is None else fast.batch_norm, x, wide, scale, shift, eps, to, mean, var, rstd)
    n = x.size // x.shape[1] if x.size else 0
    if running_mean is not None and n:
        running_mean *= 1 - momentum
        running_mean += momentum * mean
    if running_var is not None and n:
        running_var *= 1 - momentum
        running_var += (momentum * (n / (n - 1) if n > 1 else np.nan)) * var
    running = [r for r in (running_mean, running_var) if r is not None]
    if any(np.may_share_memory(v, r) for v in (weight, bias) if v is not None for r in running):
        # as in PyTorch, what is scaled by has moved already
        scale = rstd * _vector(weight, x, 1)
        _by_channels(_affine if fast is None else fast.affine, x, wide, scale, _vector(bias, x, 0) - mean * scale, to)
    return out, mean, rstd


@in_single
def batch_norm_backward(g: Any, needs: Any, x: Any, weight: Any, training: bool, mean: Any, rstd: Any) -> list[Any]:
    """The gradients of x, weight and bias."""
    fast = _compiled(x, 8, g, weight, mean, rstd) if x.size else None
    twin = _batch_norm_backward if fast is None else fast.batch_norm_backward
    wide, up = _images(x, g)
    gx: Any = np.empty(x.shape if needs[0] else 0, x.dtype)
    along, total = np.empty((2, x.shape[1]), x.dtype)
    scale = np.ascontiguousarray(rstd if weight is None else rstd * weight)
    to = gx.reshape(wide.shape if needs[0] else (0,) * wide.ndim)
    _by_channels(twin, x, training, bool(needs[0]), up, wide, scale, mean, rstd, to, along, total)
    return [gx if needs[0] else None, along if needs[1] else None, total if needs[2] else None]
