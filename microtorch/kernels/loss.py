"""Losses. `reduction` is "none", "mean" or "sum"."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.kernels import small, threads, twins
from microtorch.kernels.pieces import PIECE
from microtorch.kernels.pointwise import quiet
from microtorch.kernels.quiet import silence
from microtorch.kernels.reduce import largest_along, row_starts, sum as sums

_add: Any = np.add.reduce
_INT64 = np.dtype(np.int64)
_FEW = 8192  # numbers up to which a sum is PyTorch's to the last digit


def reduced(losses: Any, reduction: str) -> Any:
    """The losses, their mean or their sum."""
    if reduction == "none":
        return losses
    if losses.dtype.char == "e":
        return reduced(losses.astype(np.float32), reduction).astype(np.float16)
    total = sums(losses, None)
    if reduction == "sum":
        return total
    return total / losses.size if losses.size else np.asarray(np.nan, losses.dtype)


def mse_loss(x: Any, y: Any, reduction: str) -> Any:
    """(x - y)^2."""
    d = np.subtract(x, y)
    if reduction == "none" or d.size == 0 or d.dtype.kind != "f" or d.dtype == np.float16:
        return reduced(d * d, reduction)
    flat = d.reshape(-1)
    total = np.dot(flat, flat) if d.size > _FEW else sums(np.multiply(flat, flat, flat), None)
    return total / d.size if reduction == "mean" else total


def mse_slope(x: Any, y: Any, g: Any, scale: float) -> Any:
    """scale * g * (x - y), in one array."""
    d = np.subtract(x, y)
    return np.multiply(d, g * scale, out=d) if type(d) is np.ndarray else d * (g * scale)


def smooth_l1_loss(x: Any, y: Any, reduction: str, beta: float) -> Any:
    """(x - y)^2 / (2 beta) where |x - y| < beta, else |x - y| - beta / 2."""
    if beta == 0:
        return reduced(np.abs(x - y), reduction)
    losses = huber(x, y, beta)
    losses /= beta
    return reduced(losses, reduction)


@twins.elementwise("loss", pieces=True)
def huber(x: Any, y: Any, delta: float) -> Any:
    """With d = |x - y| and m = min(d, delta): m (d - m / 2)."""
    d = np.abs(x - y)
    near = np.clip(d, 0, delta)
    d -= near * 0.5
    d *= near
    return d


@twins.elementwise("loss", pieces=True)
def huber_slope(x: Any, y: Any, delta: float, scale: float) -> Any:
    """scale (x - y), x - y cut off at delta on both sides."""
    return np.clip(x - y, -delta, delta) * scale


def huber_loss(x: Any, y: Any, reduction: str, delta: float) -> Any:
    """(x - y)^2 / 2 where |x - y| <= delta, else delta (|x - y| - delta / 2)."""
    return reduced(huber(x, y, delta), reduction)


# binary classification -----------------------------------------------------------------------------------------------


@quiet
def binary_cross_entropy(x: Any, target: Any, weight: Any, reduction: str) -> Any:
    """-(t log x + (1 - t) log(1 - x)), the logarithms at least -100."""
    losses = (target - 1) * np.maximum(np.log1p(-x), -100) - target * np.maximum(np.log(x), -100)
    if weight is not None:
        losses *= weight
    return reduced(losses, reduction)


def bce_with_logits(x: Any, target: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    """(1 - t) x + (1 + (p - 1) t) log(1 + exp(-x)), p the weight of positive targets; without overflow."""
    tail = np.abs(x)
    np.negative(tail, out=tail) if tail.ndim else None
    tail = np.exp(tail if tail.ndim else -tail)
    tail = np.log1p(tail) - np.minimum(x, 0)  # log(1 + exp(-x))
    if pos_weight is not None:
        tail = tail * ((pos_weight - 1) * target + 1)
    losses = (1 - target) * x + tail
    if weight is not None:
        losses = losses * weight
    return reduced(losses, reduction)


def soft_margin_loss(x: Any, y: Any, reduction: str) -> Any:
    """log(1 + exp(-y x))."""
    with silence():
        return reduced(np.log1p(np.exp(-x * y)), reduction)


def x_log_x(x: Any) -> Any:
    """x log x, 0 at 0."""
    with silence():
        return np.where(x == 0, 0, x * np.log(x)).astype(x.dtype)


@quiet
def over_number(x: Any, n: int) -> Any:
    """x / n."""
    return x / x.dtype.type(n)


# classes by number ---------------------------------------------------------------------------------------------------


def _weights(target: Any, classes: int, weight: Any, ignore_index: int, dtype: Any) -> tuple[Any, Any]:
    """The targets with ignored ones made 0, and the weight of each (None: all 1).

    Raises IndexError for a class that does not exist.
    """
    w = None
    if target.size:
        ignored = target == ignore_index
        if ignored.any():
            target = np.where(ignored, 0, target)
            w = (~ignored).astype(dtype)
        if target.min() < 0 or target.max() >= classes:
            bad = target[(target < 0) | (target >= classes)].flat[0]
            raise IndexError(f"Target {int(bad)} is out of bounds.")
    if weight is not None:
        w = weight[target] if w is None else weight[target] * w
    return target, w


def _picked(x: Any, target: Any) -> Any:
    """x (N, C, *d) at the classes target (N, *d); x (C) at one class."""
    if x.ndim == 1:
        return x[target]
    if x.ndim == 2:
        return x[np.arange(target.size), target]
    return np.take_along_axis(x, target[:, None], 1)[:, 0]


def _places(shape: tuple[int, ...], target: Any) -> Any:
    """Where in the flattened array of rows the classes are; None if one does not exist, or there are none."""
    return target + row_starts(target.shape, shape[1]) if _all_exist(shape, target) else None


def _by_twin(x: Any, target: Any) -> Any:
    """The compiled twins for rows and the number of a class for each, if they take such; else None."""
    twins.few(x)  # (counts the small arrays)
    if (fast := twins.beside("loss", x.size)) is None or x.ndim != 2 or not twins.takes(x) or not x.size:
        return None
    return fast if target.dtype is _INT64 and target.shape == x.shape[:1] and target.flags.c_contiguous else None


def _all_exist(shape: tuple[int, ...], target: Any) -> bool:
    """Whether there are rows, and of each the class is one of its columns."""
    if len(shape) != 2 or target.dtype is not _INT64 or not target.size or target.shape != shape[:1]:
        return False
    number = target.view(np.uint64)  # negative ones are very large
    return bool(number.item(number.argmax()) < shape[1])


@quiet
def nll_loss(x: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    """-weight[t] x[t]; the mean divides by the sum of the weights."""
    if weight is None and ignore_index < 0:
        if (fast := _by_twin(x, target)) is not None:
            losses = np.empty(target.size, x.dtype)
            if fast.picked(x, target, losses):
                return reduced(losses, reduction)
        elif (places := _places(x.shape, target)) is not None:
            return reduced(np.negative(x.reshape(-1).take(places)), reduction)
    target, w = _weights(target, x.shape[1 if x.ndim > 1 else 0], weight, ignore_index, x.dtype)
    return _averaged(np.negative(_picked(x, target)), w, reduction)


def _averaged(losses: Any, w: Any, reduction: str) -> Any:
    """The losses times their weights, reduced; the mean divides by the sum of the weights."""
    if w is not None:
        losses = np.where(w == 0, 0, losses * w).astype(losses.dtype)
    if reduction != "mean" or w is None:
        return reduced(np.asarray(losses), reduction)
    return reduced(np.asarray(losses), "sum") / _add(w, None)


def _whole(target: Any) -> Any:
    return np.ascontiguousarray(target, np.int64)


@quiet
def nll_loss_grad(g: Any, shape: tuple[int, ...], target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    """The gradient of nll_loss, linear in g: zeros of `shape` but for the targets' places."""
    out = np.zeros(shape, g.dtype)
    if weight is None and ignore_index < 0:
        if (fast := _by_twin(out, target)) is not None and g.flags.c_contiguous:
            share = _share(g, None, target.size, reduction)
            if fast.placed(np.array(share, ndmin=1), target, out):
                return out
        elif (places := _places(shape, target)) is not None:
            out.reshape(-1)[places] = -_share(g, None, target.size, reduction)
            return out
    target, w = _weights(target, shape[1 if len(shape) > 1 else 0], weight, ignore_index, g.dtype)
    share = -_share(g, w, target.size, reduction)
    if len(shape) == 1:
        out[target] = share
    elif len(shape) == 2:
        out[np.arange(target.size), target] = share
    else:
        np.put_along_axis(out, target[:, None], np.broadcast_to(share, target.shape)[:, None], 1)
    return out


def _share(g: Any, w: Any, count: int, reduction: str) -> Any:
    """The part of g that falls to each loss: g weight, for the mean divided by the sum of the weights."""
    if w is None:
        return g / count if reduction == "mean" and count else g
    return np.where(w == 0, 0, g * w / _add(w, None) if reduction == "mean" else g * w).astype(g.dtype)


@quiet
def cross_entropy(x: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> tuple[Any, Any]:
    """nll_loss of log_softmax along the classes, and softmax."""
    axis = 1 if x.ndim > 1 else 0
    plain = weight is None and ignore_index < 0
    if plain and (fast := twins.few(x)) is not None and _all_exist(x.shape, target):
        losses, p = fast.cross_entropy(x, _whole(target))
        return reduced(losses, reduction), p
    if x.dtype == np.float16:
        loss, p = cross_entropy(x.astype(np.float32), target, weight, ignore_index, reduction)
        return np.asarray(loss).astype(x.dtype), p.astype(x.dtype)
    if x.size == 0:
        return nll_loss(x, target, weight, ignore_index, reduction), x
    if x.size >= twins.least and x.ndim == 2 and twins.takes(x) and (fast := twins.of("softmax")) is not None:
        target, w = _weights(target, x.shape[1], weight, ignore_index, x.dtype)
        losses, p = np.empty(x.shape[0], x.dtype), np.empty(x.shape, x.dtype)
        threads.split(fast.cross_entropy, len(x), x, _whole(target), losses, p, least=twins.PART // x.shape[1])
        return _averaged(losses, w, reduction), p
    if plain and small.are_rows(x, 1) and (places := _places(x.shape, target)) is not None:
        n = x.shape[1]
        z = x.reshape(x.size)
        z = z - small.row_maxima(z, n).repeat(n)
        p = np.exp(z)
        total = small.added(p.reshape(-1, n))
        losses = np.log(total)
        losses -= z.take(places)
        p /= total.repeat(n)
        return reduced(losses, reduction), p.reshape(x.shape)
    if plain and x.size >= 2 * PIECE and type(x) is np.ndarray and _all_exist(x.shape, target):
        losses, p = np.empty(len(x), x.dtype), np.empty(x.shape, x.dtype)
        threads.split(_cross_entropy_by_pieces, len(x), x, target, losses, p, least=PIECE // x.shape[1] + 1)
        return reduced(losses, reduction), p
    z = x - largest_along(x, axis)
    p = np.exp(z)
    total = sums(p, (axis,), True)
    if plain and (places := _places(x.shape, target)) is not None:
        losses = np.log(total).reshape(-1)
        losses -= z.reshape(-1).take(places)
        p /= total
        return reduced(losses, reduction), p
    z -= np.log(total)
    p /= total
    return nll_loss(z, target, weight, ignore_index, reduction), p


@quiet
def _cross_entropy_by_pieces(x: Any, target: Any, losses: Any, p: Any) -> None:
    step = max(PIECE // x.shape[1], 1)
    for start in range(0, len(x), step):
        piece = slice(start, start + step)
        z = np.subtract(x[piece], largest_along(x[piece], 1), out=p[piece])
        loss = np.negative(z[np.arange(len(z)), target[piece]], out=losses[piece])
        np.exp(z, out=z)
        total = sums(z, (1,), True)
        loss += np.log(total)[:, 0]
        z /= total


@quiet
def cross_entropy_backward(g: Any, p: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    """(softmax - one-hot) times each loss's share of g."""
    plain = weight is None and ignore_index < 0
    if plain and g.dtype is p.dtype and (fast := twins.few(p)) is not None and _all_exist(p.shape, target):
        share = g / target.size if reduction == "mean" else g
        each = share if reduction == "none" else share * small.ones(target.size, p.dtype)
        return fast.cross_entropy_backward(p, _whole(target), np.ascontiguousarray(each))
    if p.size >= twins.least and p.ndim == 2 and p.size and twins.takes(p) and g.dtype == p.dtype:
        fast = twins.of("softmax")
        if fast is not None:
            target, w = _weights(target, p.shape[1], weight, ignore_index, p.dtype)
            share = np.ascontiguousarray(np.broadcast_to(_share(g, w, target.size, reduction), target.shape))
            out = np.empty(p.shape, p.dtype)
            threads.split(
                fast.cross_entropy_backward, len(p), p, _whole(target), share, out, least=twins.PART // p.shape[1]
            )
            return out
    if plain and (places := _places(p.shape, target)) is not None:
        share = g / target.size if reduction == "mean" else g
        by = share if reduction != "none" else share[:, None]
        if p.size < 2 * PIECE or type(p) is not np.ndarray:
            out = np.multiply(p, by, order="C")
        else:
            out = np.empty(p.shape, p.dtype)
            threads.split(np.multiply, len(p), p, by, out, least=PIECE // p.shape[1] + 1)
        out.reshape(-1)[places] -= share
        return out
    axis = 1 if p.ndim > 1 else 0
    out = nll_loss_grad(g, p.shape, target, weight, ignore_index, reduction)
    return out - p * _add(out, axis, None, None, True)


# margins -------------------------------------------------------------------------------------------------------------


def multi_margin_loss(x: Any, target: Any, weight: Any, p: int, margin: float, reduction: str) -> Any:
    """sum over the wrong classes i of max(0, margin - x[t] + x[i])^p weight[t] / C."""
    z = _margins(x, target, margin)
    losses = _add(z**p, 1)
    if weight is not None:
        losses = losses * weight[target]
    return reduced(losses / x.shape[1], reduction)


def _margins(x: Any, target: Any, margin: float) -> Any:
    rows = np.arange(x.shape[0])
    z = np.fmax(margin - x[rows, target][:, None] + x, 0)  # NaN counts for nothing, as in PyTorch
    z[rows, target] = 0
    return z


def multi_margin_backward(g: Any, x: Any, target: Any, weight: Any, p: int, margin: float, reduction: str) -> Any:
    """The gradient of multi_margin_loss, linear in g."""
    z = _margins(x, target, margin)
    slope = (z > 0).astype(x.dtype) if p == 1 else 2 * z
    rows = np.arange(x.shape[0])
    slope[rows, target] = -_add(slope, 1)
    if weight is not None:
        slope *= weight[target][:, None]
    share = g / x.shape[0] if reduction == "mean" else g
    return slope / x.shape[1] * (share[:, None] if reduction == "none" else share)


def multi_margin_apply(v: Any, x: Any, target: Any, weight: Any, p: int, margin: float, reduction: str) -> Any:
    """The transpose of multi_margin_backward in g."""
    rows = _add(multi_margin_backward(np.ones(x.shape[0], x.dtype), x, target, weight, p, margin, "none") * v, 1)
    return reduced(rows, reduction)


def multilabel_targets(target: Any, classes: int) -> Any:
    """How often each class is listed before the first -1 of each row."""
    listed = np.cumsum(target < 0, 1) == 0
    counts = np.zeros((target.shape[0], classes), np.int64)
    rows = np.broadcast_to(np.arange(target.shape[0])[:, None], target.shape)
    np.add.at(counts, (rows[listed], target[listed]), 1)
    return counts


def multilabel_margin_loss(x: Any, target: Any, reduction: str) -> Any:
    """sum over targets j and other classes i of max(0, 1 - x[j] + x[i]) / C; target lists classes, ended by -1."""
    z, pairs = _label_margins(x, target)
    losses = _add(z * pairs, (1, 2)) / max(x.shape[1], 1)
    return reduced(losses.astype(x.dtype), reduction)


def _label_margins(x: Any, target: Any) -> tuple[Any, Any]:
    """The margin of each target over each other class, (N, C, C), and how often each pair counts."""
    counts = multilabel_targets(target, x.shape[1])
    pairs = counts[:, :, None] * (counts == 0)[:, None, :]
    return np.fmax(1 - x[:, :, None] + x[:, None, :], 0), pairs


def multilabel_margin_slope(x: Any, target: Any) -> Any:
    """The derivative of each row's loss."""
    z, pairs = _label_margins(x, target)
    active = (z > 0) * pairs
    return (_add(active, 1) - _add(active, 2)).astype(x.dtype) / max(x.shape[1], 1)
