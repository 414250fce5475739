"""Batch and group norm of images, forward and backward. The variance is the biased one, as in PyTorch."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from microtorch.kernels import small, threads, twins
from microtorch.kernels.bfloat16 import writes
from microtorch.kernels.half import in_single, keeping_statistics
from microtorch.kernels.norm import standardize, standardize_backward
from microtorch.kernels.numbers import operand
from microtorch.kernels.pointwise import quiet
from microtorch.kernels.scratch import scratch

_add: Any = np.add.reduce
_F32 = np.dtype(np.float32)
_BLOCK = 1 << 17  # elements that passes of NumPy's take at a time
_SHORT = 64  # places of an image, up to which sums of rows do not pay
_MANY = 4  # images, from which a vector over channels is repeated for each place
_EXACT = (
    1 << 15
)  # elements up to which the variance is computed from deviations, whose last digits are PyTorch's more often
_CANCELLED = 4  # times the variance, beyond which the squared mean must not be subtracted from the mean square


def _by_channel(v: Any, x: Any) -> Any:
    """A vector over channels, to be broadcast over arrays with as many dimensions as x (N, C, ...)."""
    return v if x.ndim == 2 else v.reshape((-1,) + (1,) * (x.ndim - 2))


def _images(*arrays: Any) -> list[Any]:
    """Arrays (N, C, ...) as C-contiguous (N, C, places); (N, C) as they are."""
    if arrays[0].ndim == 2:
        return [np.ascontiguousarray(a) for a in arrays]
    return [np.ascontiguousarray(a).reshape(*a.shape[:2], math.prod(a.shape[2:])) for a in arrays]


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


def _in_cache(kernel: Any, images: Any, vectors: Any, *options: Any) -> None:
    """Calls `kernel(images, vectors, *options)` for a few channels at a time of arrays (N, C, ...) and (C,), any of
    which may be None: what one pass of NumPy's reads, the next finds in the processor's cache."""
    x = images[0]
    if x.size <= (_BLOCK if threads.count() == 1 else 2 * twins.PART):
        kernel(images, vectors, *options)
        return
    step = max(_BLOCK * x.shape[1] // x.size, 1)

    def some(channels: Any) -> None:
        for start in range(int(channels[0]), int(channels[-1]) + 1, step):
            c = slice(start, min(start + step, int(channels[-1]) + 1))
            kernel(
                [a if a is None else a[:, c] for a in images], [v if v is None else v[c] for v in vectors], *options
            )  # fmt: skip

    _by_channels(some, x)


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
    if x.size > _EXACT and x.ndim > 2:
        several, out, count = x.shape[0] * groups, np.empty(x.shape, x.dtype), x.shape[1] // groups
        images = [a.reshape(1, several, -1) for a in (flat, out)]
        mean, rstd = np.empty((2, several, 1), x.dtype)
        scale, shift = (None if v is None else np.tile(v.reshape(groups, count), (len(x), 1)) for v in (weight, bias))
        _in_cache(_group_norm, images, (scale, shift, mean, rstd), count, eps)
        return out, mean, rstd
    rows = flat.reshape(x.shape[0] * groups, x.size // (x.shape[0] * groups) if x.size else 0)
    out, mean, rstd = standardize(rows, eps)
    out = out.reshape(x.shape)
    if weight is not None:
        out *= _by_channel(weight, x)
    if bias is not None:
        out += _by_channel(bias, x)
    return out, mean, rstd


@in_single
@quiet
def group_normalized(x: Any, weight: Any, bias: Any, groups: int, eps: float) -> Any:
    """The result of `group_norm` alone, where no backward pass will come."""
    if x.ndim > 1 and _of_few(x, weight, bias) and (fast := twins.few(x)) is not None:
        split = (x.shape[0], groups, x.shape[1] // groups, -1)
        scale, shift = (_vector(v, x, value).reshape(split[1:3]) for v, value in ((weight, 1), (bias, 0)))
        return fast.group_normalized(x.reshape(split), scale, shift, operand(eps, x)).reshape(x.shape)
    return group_norm(x, weight, bias, groups, eps)[0]


def _of_few(x: Any, *vectors: Any) -> bool:
    """Whether a ufunc may take x and what there is of vectors beside it."""
    return x.size <= twins.FEW and all(v is None or v.dtype is x.dtype for v in vectors)


def _group_norm(images: Any, vectors: Any, count: int, eps: float) -> None:
    """Each row of x (1, rows, numbers of `count` channels) standardized into out, then scaled and shifted by channel;
    the vectors are matrices, a row for each of x."""
    (x, out), (weight, bias, mean, rstd) = images, vectors
    rows, to = x[0], out[0]
    n = _number(rows.shape[1], x.dtype)
    np.divide(np.matmul(rows, np.ones((rows.shape[1], 1), x.dtype)), n, mean)
    squares = mean * mean
    var = (np.vecdot(rows, rows) / n)[:, None] - squares
    if (squares <= _CANCELLED * var).all():
        np.divide(_number(1, x.dtype), np.sqrt(var + _number(eps, x.dtype)), rstd)
        scale = rstd if weight is None else rstd * weight
        shift = -mean * scale if bias is None else bias - mean * scale
        np.multiply(_along(rows, scale), scale[:, :, None], _along(to, scale))
        wide = _along(to, shift)
        wide += shift[:, :, None]
        return
    _, mean[...], rstd[...] = standardize(rows, eps, to)  # too few digits of the difference would be right
    wide = to.reshape(len(rows), count, -1)
    if weight is not None:
        wide *= weight[:, :, None]
    if bias is not None:
        wide += bias[:, :, None]


def _along(rows: Any, v: Any) -> Any:
    """Rows cut into as many parts as there are numbers for each: its channels, or the row itself."""
    return rows.reshape(*v.shape, -1)


def _group_norm_backward(images: Any, vectors: Any) -> None:
    """As `_batch_norm_backward`, of rows as `_group_norm` has them: sums over each channel's places into along and
    total; the gradient of x as PyTorch combines them, so that NaN are in the same places."""
    (x, g, out), (weight, mean, rstd, along, total) = images, vectors
    by_channel = (*along.shape, -1)
    up, wide = g[0].reshape(by_channel), x[0].reshape(by_channel)
    total[...] = np.matmul(up, np.ones(up.shape[2], x.dtype))
    dots = np.vecdot(up, wide)
    np.subtract(dots, mean * total, along)
    along *= rstd
    if out is None:
        return
    n = _number(x.shape[2], x.dtype)
    level, slope = (_add(v if weight is None else v * weight, 1)[:, None] for v in (total, dots))
    slope = (level * mean - slope) * rstd**3 / n
    to, scaled = out[0], scratch("y", g.size, x.dtype).reshape(by_channel)
    np.multiply(x[0], slope, to)
    to -= slope * mean + level * rstd / n
    scale = rstd if weight is None else rstd * weight
    np.multiply(up, scale[:, :, None], scaled)
    to += scaled.reshape(to.shape)


@keeping_statistics
@quiet
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
    if x.size > _EXACT and x.ndim > 2:
        several, count = len(mean), len(x) * x.shape[1] // len(mean)
        gx = np.empty(x.shape, x.dtype) if needs[0] else None
        images = [None if a is None else np.ascontiguousarray(a).reshape(1, several, -1) for a in (x, g, gx)]
        along, total = np.empty((2, several, count), x.dtype)
        scale = None if weight is None else np.tile(weight.reshape(-1, count), (len(x), 1))
        _in_cache(_group_norm_backward, images, (scale, mean, rstd, along, total))
        sums = [_add(a.reshape(x.shape[:2]), 0) if need else None for a, need in ((along, needs[1]), (total, needs[2]))]
        return [gx, *sums]
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
    """Sums over samples and places: rows by BLAS, which adds them three times as fast; short ones after the samples."""
    if x.ndim == 2:
        return small.ones(len(x), x.dtype).dot(x) if len(x) <= small.FEW else _add(x, 0)
    ones = np.ones(x.shape[2], x.dtype)
    return np.matmul(_add(x, 0), ones) if x.shape[2] < _SHORT else _add(np.matmul(x, ones), 0)


def _dots(x: Any, y: Any) -> Any:
    """Sums of products over samples and places."""
    return _sums(x * y) if x.ndim == 2 or x.shape[2] < _SHORT else _add(np.vecdot(x, y), 0)


def _wide(v: Any, x: Any) -> Any:
    """A vector over channels as it meets x (n, C, places) fastest: repeated for each place, if that is little work."""
    if x.ndim == 2:
        return v
    column = v[:, None]
    if len(x) < _MANY:
        return column
    wide = np.empty(x.shape[1:], v.dtype)
    wide[...] = column
    return wide


@functools.lru_cache(64)
def _number(value: float, dtype: Any) -> Any:
    """A number as NumPy's functions take it fastest."""
    return np.array(value, dtype)


# the NumPy twins of `compiled.batch_norm`


def _batch_norm(images: Any, vectors: Any, eps: float) -> None:
    """Standardize x into out by its own statistics, which are written, too."""
    (x, out), (weight, bias, mean, var, rstd) = images, vectors
    n = _number(x.size // max(x.shape[1], 1), x.dtype)
    deviations = x.size <= _EXACT
    np.divide(_add(_add(x, 2), 0) if deviations and x.ndim == 3 else _sums(x), n, mean)
    if not deviations:
        squares = mean * mean
        np.divide(_dots(x, x), n, var)
        var -= squares
        deviations = not (squares <= _CANCELLED * var).all()  # too few digits of the difference would be right
    if deviations:
        np.subtract(x, _by_channel(mean, x), out)
        np.divide(_dots(out, out), n, var)
    np.add(var, _number(eps, x.dtype), rstd)
    np.sqrt(rstd, rstd)
    np.divide(_number(1, x.dtype), rstd, rstd)
    scale = rstd if weight is None else rstd * weight
    shift = mean * scale
    np.negative(shift, shift) if bias is None else np.subtract(bias, shift, shift)
    _affine(images, (scale, shift))


def _affine(images: Any, vectors: Any) -> None:
    """out = x * scale + shift."""
    (x, out), (scale, shift) = images, vectors
    np.multiply(x, _wide(scale, x), out)
    out += _wide(shift, x)


def _batch_norm_backward(images: Any, vectors: Any, training: bool) -> None:
    """sum(g h), h the standardized x, into along, sum(g) into total, and into out, if there is one, the gradient of x:
    scale (g - mean(g) - h mean(g h)), without the means if not training."""
    (x, g, out), (scale, mean, rstd, along, total) = images, vectors
    n = _number(max(x.size // max(x.shape[1], 1), 1), x.dtype)
    total[...] = _sums(g)
    np.subtract(_dots(g, x), mean * total, along)
    along *= rstd
    if out is None:
        return
    if training:
        slope = along * rstd
        slope /= n
        np.multiply(x, _wide(slope, x), out)
        np.subtract(g, out, out)
        slope *= mean
        slope -= total / n
        out += _wide(slope, x)
        out *= _wide(scale, x)
    else:
        np.multiply(g, _wide(scale, x), out)


@quiet
@writes(3, 4)
def batch_norm(
    x: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float, eps: float
) -> tuple[Any, Any, Any]:
    """x less the mean over the deviation of its channel, scaled and shifted: (result, mean, 1 / deviation).

    In training the statistics are the batch's, and the running ones, if given, move toward them in place (the variance
    toward the unbiased one); else they are the running ones, and None is returned for them.
    """
    if x.dtype is not _F32 and x.dtype == np.float16:
        weight, bias = (None if v is None else v.astype(np.float32) for v in (weight, bias))
        wide = x.astype(np.float32)
        single, mean, rstd = batch_norm(wide, weight, bias, running_mean, running_var, training, momentum, eps)
        return single.astype(np.float16), mean, rstd
    if not training and _of_few(x, weight, bias, running_mean, running_var) and (ufuncs := twins.few(x)) is not None:
        scale, shift = _vector(weight, x, 1), _vector(bias, x, 0)
        wide = x.reshape(*x.shape[:2], -1)
        return ufuncs.batch_normalized(
            wide, running_mean, running_var, scale, shift, operand(eps, x)
        ).reshape(x.shape), None, None  # fmt: skip
    fast = _compiled(x, 8, weight, bias, running_mean, running_var) if x.size else None
    out: Any = np.empty(x.shape, x.dtype)
    if not training:
        rstd = reciprocal_deviation(running_var, eps)
        scale = rstd if weight is None else rstd * weight
        shift = running_mean * scale
        np.negative(shift, shift) if bias is None else np.subtract(bias, shift, shift)
        _scaled_and_shifted(fast, x, scale, shift, out)
        return out, None, None
    mean, var, rstd = np.empty((3, x.shape[1]), x.dtype)
    wide, to = _images(x, out)
    if fast is None:
        _in_cache(_batch_norm, (wide, to), (weight, bias, mean, var, rstd), eps)
    else:
        scale, shift = _vector(weight, x, 1), _vector(bias, x, 0)
        _by_channels(fast.batch_norm, x, wide, scale, shift, eps, to, mean, var, rstd)
    n = x.size // x.shape[1] if x.size else 0
    if n:
        _move(running_mean, mean, momentum, momentum)
        _move(running_var, var, momentum, momentum * (n / (n - 1) if n > 1 else np.nan))
    if any(_overlap(v, r) for v in (weight, bias) for r in (running_mean, running_var)):
        # as in PyTorch, what is scaled by has moved already
        scale = rstd * _vector(weight, x, 1)
        _scaled_and_shifted(fast, x, scale, _vector(bias, x, 0) - mean * scale, out)
    return out, mean, rstd


def _move(running: Any, batch: Any, momentum: float, factor: float) -> None:
    """running = (1 - momentum) running + factor * batch, in place, unless it is None."""
    if running is not None:
        running *= _number(1 - momentum, running.dtype)
        running += _number(factor, batch.dtype) * batch


def _overlap(v: Any, w: Any) -> bool:
    """Whether two arrays (or None) share memory; of arrays that own theirs that is soon seen."""
    if v is None or w is None:
        return False
    return v is w if v.flags.owndata and w.flags.owndata else np.may_share_memory(v, w)


def _scaled_and_shifted(fast: Any, x: Any, scale: Any, shift: Any, out: Any) -> None:
    wide, to = _images(x, out)
    if fast is None:
        _in_cache(_affine, (wide, to), (scale, shift))
    else:
        _by_channels(fast.affine, x, wide, scale, shift, to)


@keeping_statistics
@quiet
def batch_norm_backward(g: Any, needs: Any, x: Any, weight: Any, training: bool, mean: Any, rstd: Any) -> list[Any]:
    """The gradients of x, weight and bias."""
    fast = _compiled(x, 8, g, weight, mean, rstd) if x.size else None
    wide, up = _images(x, g)
    gx: Any = np.empty(x.shape, x.dtype) if needs[0] else None
    along, total = np.empty((2, x.shape[1]), x.dtype)
    scale = rstd if weight is None else rstd * weight
    to = None if gx is None else gx.reshape(wide.shape)
    if fast is None:
        _in_cache(_batch_norm_backward, (wide, up, to), (scale, mean, rstd, along, total), training)
    else:
        _by_channels(
            fast.batch_norm_backward, x, training, to is not None, up, wide, np.ascontiguousarray(scale), mean, rstd,
            np.empty((0, 0, 0), x.dtype) if to is None else to, along, total,
        )  # fmt: skip
    return [gx, along if needs[1] else None, total if needs[2] else None]
