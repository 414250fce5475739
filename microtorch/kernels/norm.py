"""Normalisation of rows: layer norm, forward and backward. The variance is the biased one, as in PyTorch."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from microtorch.kernels import small, threads, twins
from microtorch.kernels.half import in_single, keeping_statistics
from microtorch.kernels.numbers import one, operand
from microtorch.kernels.pieces import PIECE
from microtorch.kernels.pointwise import quiet
from microtorch.kernels.twins import FEWER

_add: Any = np.add.reduce


def standardize(rows: Any, eps: float, out: Any = None) -> tuple[Any, Any, Any]:
    """Each row less its mean, over its standard deviation: (result, mean, 1 / deviation), the last two as columns."""
    n, first = operand(rows.shape[1], rows), rows[:, :1]
    out = np.subtract(rows, first, out)  # so that the mean of equal numbers is exactly theirs, and the result 0
    rest = (small.row_sums(out) / n)[:, None]
    out -= rest
    mean = first + rest
    rstd = np.vecdot(out, out)
    rstd /= n
    rstd += operand(eps, rows)
    np.sqrt(rstd, out=rstd)
    np.divide(one(rstd), rstd, out=rstd)
    rstd = rstd[:, None]
    out *= rstd
    return out, mean, rstd


def _few_rows(flat: Any, n: int, weight: Any, bias: Any, eps: float) -> tuple[Any, Any, Any]:
    """Layer norm of few numbers in rows of n, flattened: (result, flattened, mean and 1 / deviation as columns)."""
    size, count = operand(n, flat), flat.size // n
    first = flat[::n]
    out = flat - first.repeat(n)  # so that the mean of equal numbers is exactly theirs, and the result 0
    rows = out.reshape(count, n)
    mean = small.added(rows)
    mean /= size
    out -= mean.repeat(n)
    mean += first
    rstd = np.vecdot(rows, rows)
    rstd /= size
    rstd += operand(eps, flat)
    np.sqrt(rstd, rstd)
    np.divide(one(rstd), rstd, rstd)
    out *= rstd.repeat(n)
    if weight is not None:
        out *= small.in_each_row(weight, count)
    if bias is not None:
        out += small.in_each_row(bias, count)
    return out, mean.reshape(count, 1), rstd.reshape(count, 1)


def _one_row(row: Any, n: int, weight: Any, bias: Any, eps: float, whole: bool = True) -> tuple[Any, Any, Any]:
    """Layer norm of one short vector, by the calls that are cheapest there: (result, mean, 1 / deviation); the last two
    are of no use if not `whole`."""
    dtype = row.dtype
    first = row[0, ...]
    out = row - first  # so that the mean of equal numbers is exactly theirs, and the result 0
    mean = small.scalar(small.added(out) / n, dtype)
    np.subtract(out, mean, out)
    rstd = small.scalar(1 / math.sqrt(out.dot(out) / n + eps), dtype)
    np.multiply(out, rstd, out)
    if weight is not None:
        np.multiply(out, weight, out)
    if bias is not None:
        np.add(out, bias, out)
    if not whole:
        return out, None, None
    mean += first
    return out, mean.reshape(1, 1), rstd.reshape(1, 1)


def standardize_backward(g: Any, rows: Any, mean: Any, rstd: Any) -> tuple[Any, Any]:
    """The gradient of `standardize` and the standardized rows h: (g - mean(g) - h mean(g h)) / deviation."""
    n = operand(rows.shape[1], rows)
    h = rows - mean
    h *= rstd
    along = (np.vecdot(g, h) / n)[:, None]
    level = (small.row_sums(g) / n)[:, None]
    if not math.isfinite(_add(level, None)):  # as PyTorch combines the sums, which is NaN in other places
        slope = (level * mean - (np.vecdot(g, rows) / n)[:, None]) * rstd**3
        return g * rstd + rows * slope - (slope * mean + level * rstd), h
    result = h * along
    np.subtract(g, result, out=result)
    result -= level
    result *= rstd
    return result, h


def _alike(first: Any, *others: Any) -> bool:
    """Whether a compiled twin takes all these arrays, of which those after the first may be None."""
    return twins.takes(first, *[a for a in others if a is not None])


def _flat(v: Any, x: Any) -> Any:
    """A weight as a twin takes it: in one dimension; any such array if there is none."""
    return np.empty(1, x.dtype) if v is None else v.reshape(-1)


def _pieces(rows: int, columns: int) -> list[slice]:
    """The rows by pieces that stay in the processor's cache."""
    step = max(PIECE // columns, 1)
    return [slice(i, i + step) for i in range(0, rows, step)]


def _layer_norm(rows: Any, weight: Any, bias: Any, eps: float, out: Any = None) -> tuple[Any, Any, Any]:
    out, mean, rstd = standardize(rows, eps, out)
    if weight is not None:
        out *= weight
    if bias is not None:
        out += bias
    return out, mean, rstd


@quiet
def _layer_norm_by_pieces(weight: Any, bias: Any, eps: float, rows: Any, out: Any, mean: Any, rstd: Any) -> None:
    for piece in _pieces(*rows.shape):
        _, mean[piece], rstd[piece] = _layer_norm(rows[piece], weight, bias, eps, out[piece])


def _layer_norm_backward(needs: Any, weight: Any, g: Any, rows: Any, mean: Any, rstd: Any) -> tuple[Any, Any, Any]:
    gx, h = standardize_backward(g if weight is None else g * weight, rows, mean, rstd)
    if needs[1]:
        h *= g
    return gx, _add(h, 0) if needs[1] else 0, _add(g, 0) if needs[2] else 0


@quiet
def _layer_norm_backward_by_pieces(
    needs: Any, weight: Any, g: Any, rows: Any, mean: Any, rstd: Any, gx: Any, of_weight: Any, of_bias: Any
) -> None:
    for piece in _pieces(*rows.shape):
        arrays = [a[piece] for a in (g, rows, mean, rstd)]
        gx[piece], by_weight, by_bias = _layer_norm_backward(needs, weight, *arrays)
        of_weight += by_weight
        of_bias += by_bias


def _by_rows(twin: Any, options: Any, arrays: Any, count: int) -> Any:
    """Calls `twin(*options, *arrays, *sums)` on parts of the arrays' rows; the sums over all rows, (count, columns)."""
    n, columns = arrays[0].shape
    parts = threads.shares(n, twins.PART // columns)
    sums = np.zeros((len(parts), count, columns), arrays[0].dtype)
    threads.run([partial(twin, *options, *[a[i:j] for a in arrays], *sums[k]) for k, (i, j) in enumerate(parts)])
    return _add(sums, 0) if len(parts) > 1 else sums[0]


@keeping_statistics
@quiet
def layer_norm(x: Any, weight: Any, bias: Any, shape: tuple[int, ...], eps: float) -> tuple[Any, Any, Any]:
    """The last dimensions, of this shape, standardized together, then scaled and shifted elementwise."""
    n = 1
    for size in shape:
        n *= size
    if len(shape) == 1 and (fast := twins.few(x)) is not None:
        unit = small.ones(n, x.dtype)
        by, plus = unit if weight is None else weight, small.zeros(n, x.dtype) if bias is None else bias
        if twins.takes(by, plus) and by.dtype is x.dtype:
            out, mean, rstd = fast.layer_norm(x, by, plus, operand(eps, x), unit[:1])
            return (out, mean, rstd) if x.ndim == 2 else (out, mean.reshape(-1, 1), rstd.reshape(-1, 1))
    if len(shape) == 1 and x.size and FEWER * x.size < twins.least and small.are_rows(x, -1):
        flat = x.reshape(x.size)
        out, mean, rstd = (_one_row if x.size == n else _few_rows)(flat, n, weight, bias, eps)
        return out.reshape(x.shape), mean, rstd
    rows = np.ascontiguousarray(x).reshape(x.size // n if n else 0, n)
    if (
        FEWER * x.size >= twins.least
        and x.size
        and _alike(rows, weight, bias)
        and (fast := twins.of("norm")) is not None
    ):
        out, columns = np.empty(rows.shape, rows.dtype), np.empty((2, len(rows), 1), rows.dtype)
        mean, rstd = columns[0], columns[1]
        options = _flat(weight, x), _flat(bias, x), weight is not None, bias is not None, x.dtype.type(eps)
        threads.split(
            lambda *arrays: fast.layer_norm(*options, *arrays), len(rows), rows, out, mean, rstd, least=twins.PART // n
        )
        return out.reshape(x.shape), mean, rstd
    weight, bias = None if weight is None else weight.reshape(-1), None if bias is None else bias.reshape(-1)
    if rows.size <= PIECE or type(rows) is not np.ndarray:
        out, mean, rstd = _layer_norm(rows, weight, bias, eps)
    else:
        out, mean, rstd = np.empty_like(rows), *np.empty((2, len(rows), 1), rows.dtype)
        whole = partial(_layer_norm_by_pieces, weight, bias, eps)
        threads.split(whole, len(rows), rows, out, mean, rstd, least=PIECE // n + 1)
    return out.reshape(x.shape), mean, rstd


@in_single
@quiet
def normalized(x: Any, weight: Any, bias: Any, shape: tuple[int, ...], eps: float) -> Any:
    """The result of `layer_norm` alone, where no backward pass will come."""
    if len(shape) == 1 and weight is not None and bias is not None and (fast := twins.few(x)) is not None:
        if weight.dtype is bias.dtype is x.dtype and weight.flags.c_contiguous and bias.flags.c_contiguous:
            return fast.normalized(x, weight, bias, operand(eps, x))
    if len(shape) == 1 and small.is_row(x, shape[0]) and FEWER * x.size < twins.least:
        return _one_row(x.reshape(x.size), x.size, weight, bias, eps, False)[0].reshape(x.shape)
    return layer_norm(x, weight, bias, shape, eps)[0]


@in_single
def layer_norm_backward(
    g: Any, needs: Any, x: Any, weight: Any, shape: tuple[int, ...], mean: Any, rstd: Any
) -> list[Any]:
    """The gradients of x, weight and bias."""
    if x.size == 0:
        return [np.zeros_like(x), np.zeros(shape, x.dtype), np.zeros(shape, x.dtype)]
    rows = x.reshape(mean.shape[0], -1)
    g = g.reshape(rows.shape)
    if len(shape) == 1 and (fast := twins.few(g)) is not None:
        by = small.ones(shape[0], g.dtype) if weight is None else weight
        if twins.takes(by, rows, g):
            gx, of_weight, of_bias = fast.layer_norm_backward(by, g, rows, mean, rstd)
            return [gx.reshape(x.shape), of_weight, of_bias]
    if FEWER * x.size >= twins.least and (fast := twins.of("norm")) is not None:
        g, rows = np.ascontiguousarray(g), np.ascontiguousarray(rows)
        if _alike(rows, g, weight, mean, rstd):
            gx = np.empty(rows.shape, rows.dtype)
            options = _flat(weight, rows), weight is not None
            sums = _by_rows(fast.layer_norm_backward, options, (g, rows, mean, rstd, gx), 2)
            return [gx.reshape(x.shape), sums[0].reshape(shape), sums[1].reshape(shape)]
    by = None if weight is None else weight.reshape(-1)
    if rows.size <= PIECE or type(rows) is not np.ndarray:
        gx, *sums = _layer_norm_backward(needs, by, g, rows, mean, rstd)
    else:
        gx = np.empty(rows.shape, rows.dtype)
        whole = partial(_layer_norm_backward_by_pieces, needs, by)
        sums = _by_rows(whole, (), (g, rows, mean, rstd, gx), 2)
    return [gx.reshape(x.shape), *[s.reshape(shape) if need else None for s, need in zip(sums, needs[1:])]]


def _rms_norm(rows: Any, weight: Any, eps: float, out: Any = None) -> tuple[Any, Any]:
    rstd = np.vecdot(rows, rows)[:, None]
    rstd /= rows.shape[1]
    rstd += eps
    np.sqrt(rstd, out=rstd)
    np.divide(1, rstd, out=rstd)
    out = np.multiply(rows, rstd, out)
    if weight is not None:
        out *= weight
    return out, rstd


@quiet
def _rms_norm_by_pieces(weight: Any, eps: float, rows: Any, out: Any, rstd: Any) -> None:
    for piece in _pieces(*rows.shape):
        _, rstd[piece] = _rms_norm(rows[piece], weight, eps, out[piece])


def _rms_norm_backward(needs: Any, weight: Any, g: Any, rows: Any, rstd: Any, gx: Any = None) -> tuple[Any, Any]:
    h = rows * rstd
    u = g if weight is None else g * weight
    along = np.vecdot(u, h)[:, None]
    along /= rows.shape[1]
    gx = np.multiply(h, along, gx)
    np.subtract(u, gx, out=gx)
    gx *= rstd
    if needs[1]:
        h *= g
    return gx, _add(h, 0) if needs[1] else 0


@quiet
def _rms_norm_backward_by_pieces(
    needs: Any, weight: Any, g: Any, rows: Any, rstd: Any, gx: Any, of_weight: Any
) -> None:
    for piece in _pieces(*rows.shape):
        of_weight += _rms_norm_backward(needs, weight, g[piece], rows[piece], rstd[piece], gx[piece])[1]


@keeping_statistics
@quiet
def rms_norm(x: Any, weight: Any, shape: tuple[int, ...], eps: float) -> tuple[Any, Any]:
    """The last dimensions, of this shape, over the root of their mean square, then scaled; and 1 over those roots."""
    n = 1
    for size in shape:
        n *= size
    rows = np.ascontiguousarray(x).reshape(x.size // n if n else 0, n)
    if FEWER * x.size >= twins.least and x.size and _alike(rows, weight) and (fast := twins.of("norm")) is not None:
        out, rstd = np.empty(rows.shape, rows.dtype), np.empty((len(rows), 1), rows.dtype)
        options = _flat(weight, x), weight is not None, x.dtype.type(eps)
        threads.split(
            lambda *arrays: fast.rms_norm(*options, *arrays), len(rows), rows, out, rstd, least=twins.PART // n
        )
        return out.reshape(x.shape), rstd
    weight = None if weight is None else weight.reshape(-1)
    if rows.size <= PIECE or type(rows) is not np.ndarray:
        out, rstd = _rms_norm(rows, weight, eps)
    else:
        out, rstd = np.empty_like(rows), np.empty((len(rows), 1), rows.dtype)
        whole = partial(_rms_norm_by_pieces, weight, eps)
        threads.split(whole, len(rows), rows, out, rstd, least=PIECE // n + 1)
    return out.reshape(x.shape), rstd


@in_single
def rms_norm_backward(g: Any, needs: Any, x: Any, weight: Any, shape: tuple[int, ...], rstd: Any) -> list[Any]:
    """The gradients of x and weight: with h = x rstd and u = g weight, (u - h mean(u h)) rstd and the sum of g h."""
    if x.size == 0:
        return [np.zeros_like(x), np.zeros(shape, x.dtype)]
    rows, g = np.ascontiguousarray(x).reshape(len(rstd), -1), np.ascontiguousarray(g).reshape(len(rstd), -1)
    if FEWER * x.size >= twins.least and _alike(rows, g, weight, rstd) and (fast := twins.of("norm")) is not None:
        gx = np.empty(rows.shape, rows.dtype)
        sums = _by_rows(fast.rms_norm_backward, (_flat(weight, rows), weight is not None), (g, rows, rstd, gx), 1)
        return [gx.reshape(x.shape), sums[0].reshape(shape)]
    by = None if weight is None else weight.reshape(-1)
    if rows.size <= PIECE or type(rows) is not np.ndarray:
        gx, of_weight = _rms_norm_backward(needs, by, g, rows, rstd)
    else:
        gx = np.empty(rows.shape, rows.dtype)
        (of_weight,) = _by_rows(partial(_rms_norm_backward_by_pieces, needs, by), (), (g, rows, rstd, gx), 1)
    return [gx.reshape(x.shape), of_weight.reshape(shape) if needs[1] else None]
