"""What our own kernels do with arrays that have a hidden batch axis: one rule each (see batched.py).

Most kernels need none: they are made of what has a rule. A kernel that looks at memory, loops, or indexes may have one
here: it calls the kernel once, with the examples in an axis that the kernel has anyway. As functorch does
(aten/src/ATen/functorch), a convolution has them among the images or the groups, a pooling among the images, and an
index is shifted to where its example begins.

`one_by_one` looks here before it runs a kernel for each example. A rule that does not fit raises NotBatchable.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from microtorch.kernels import (
    activation,
    attention as at,
    batch_norm as bn,
    conv as cv,
    embedding as em,
    fft as ff,
    index as ix,
    loss as ls,
    norm as nm,
    pool as pl,
    reduce as rd,
    shape as sh,
    sorting as so,
    vision as vi,
)
from microtorch.kernels.batched import Batched, NotBatchable, axis_of, full_of, kernel_rules, level_of, spread_of
from microtorch.kernels.quiet import silence

Array = Any
Ints = tuple[int, ...]
Kernel = Callable[..., Any]


class Batch:
    """The level at which a rule works, and how many examples there are."""

    def __init__(self, level: int, size: int) -> None:
        self.level, self.size = level, size

    def has(self, x: Any) -> bool:
        """True if x differs by example."""
        return level_of(x) == self.level

    def all(self, x: Any) -> Any:
        """All examples of x, along a first axis."""
        return spread_of(x, self.level, self.size)

    def aligned(self, x: Any, ndim: int) -> Any:
        """The same with one example as an array of so many axes; x itself if it does not differ."""
        return full_of(x, self.level, ndim)

    def among(self, x: Any) -> Any:
        """All examples side by side along the first axis that one has."""
        full = self.all(x)
        return full.reshape(full.shape[0] * full.shape[1], *full.shape[2:])

    def apart(self, x: Any) -> Batched:
        """What `among` has put side by side, as a batch again."""
        return Batched(x.reshape(self.size, x.shape[0] // self.size, *x.shape[1:]), self.level)

    def in_channels(self, x: Any) -> Any:
        """All examples side by side along the second axis that one has: (N, C, ...) -> (N, examples * C, ...)."""
        full = self.all(x)
        return np.moveaxis(full, 0, 1).reshape(full.shape[1], full.shape[0] * full.shape[2], *full.shape[3:])

    def from_channels(self, x: Any) -> Batched:
        """What `in_channels` has put side by side, as a batch again."""
        split = x.reshape(x.shape[0], self.size, x.shape[1] // self.size, *x.shape[2:])
        return Batched(np.moveaxis(split, 1, 0), self.level)

    def batch(self, result: Any) -> Any:
        """A kernel's results, each with the examples first, as batches."""
        if isinstance(result, tuple):
            return tuple(None if r is None else Batched(r, self.level) for r in result)
        return Batched(result, self.level)

    def numbers(self, ndim: int) -> Any:
        """The examples' numbers, along the first of ndim + 1 axes."""
        return np.arange(self.size).reshape(-1, *(1,) * ndim)


def _rule(*kernels: Kernel) -> Callable[[Kernel], Kernel]:
    def register(rule: Kernel) -> Kernel:
        for kernel in kernels:
            kernel_rules[kernel.__module__, kernel.__qualname__] = lambda run, level, size, *args: rule(
                Batch(level, size), run, *args
            )
        return rule

    return register


def _plain(b: Batch, *values: Any) -> None:
    """Raise if any of the values differs by example."""
    if any(b.has(v) for v in values):
        raise NotBatchable("an argument that differs by example")


# kernels whose leading axes are free, or that name theirs -----------------------------------------------------------


@_rule(activation.gelu, activation.normal_cdf, activation.normal_pdf, em.one_hot, sh.tril, sh.triu)
def _leading(b: Batch, run: Kernel, x: Any, *constants: Any) -> Any:
    """One array, of which only the last axes matter."""
    _plain(b, *constants)
    return b.batch(run(b.all(x), *constants))


_rule(rd.cdist)(lambda b, run, x, y, *constants: b.batch(run(b.all(x), b.all(y), *constants)))


@_rule(at.attention, at.attention_weights)
def _attention(b: Batch, run: Kernel, q: Any, *rest: Any) -> Any:
    arrays = [a for a in rest if isinstance(a, np.ndarray)]
    ndim = max(q.ndim, *(a.ndim for a in arrays))
    return b.batch(run(*[_widened(b, a, ndim) if isinstance(a, np.ndarray) else a for a in (q, *rest)]))


def _widened(b: Batch, x: Any, ndim: int) -> Any:
    """All examples of x, with axes of size 1 before those that one example has."""
    full = b.all(x)
    return full.reshape(full.shape[0], *(1,) * (ndim + 1 - full.ndim), *full.shape[1:])


@_rule(at.flash_attention)
def _flash_attention(b: Batch, run: Kernel, q: Any, k: Any, v: Any, *rest: Any) -> Any:
    if any(isinstance(a, np.ndarray) for a in rest):
        raise NotBatchable("a mask")
    return tuple(None if r is None else b.apart(r) for r in run(b.among(q), b.among(k), b.among(v), *rest))


@_rule(ix.masked_fill)
def _elementwise(b: Batch, run: Kernel, *values: Any) -> Any:
    """Arrays that are broadcast, the first to the result's shape."""
    ndim = max(np.ndim(v) for v in values)
    if values[0].ndim < ndim:
        raise NotBatchable("a mask of more dimensions")
    return b.batch(run(*[b.all(values[0]), *[b.aligned(v, ndim) for v in values[1:]]]))


@_rule(rd.cumsum, rd.cumprod, rd.logcumsumexp, sh.flip, rd.var, rd.std, activation.glu)
def _along(b: Batch, run: Kernel, x: Any, axis: Any, *constants: Any) -> Any:
    """One array, along an axis or several (None: all)."""
    if not x.ndim:
        raise NotBatchable("a single number")
    return b.batch(run(b.all(x), axis_of(axis, x.ndim), *constants))


@_rule(ff.fft, ff.rfft)
def _along_several(b: Batch, run: Kernel, x: Any, axes: Any, *constants: Any) -> Any:
    return b.batch(run(b.all(x), axis_of(tuple(axes), x.ndim), *constants))


_rule(ff.irfft)(lambda b, run, x, n, axis, scale: b.batch(run(b.all(x), n, axis_of(axis, x.ndim), scale)))


@_rule(rd.vector_norm)
def _vector_norm(b: Batch, run: Kernel, x: Any, ord: float, axis: Any, keepdims: bool) -> Any:
    if not x.ndim:
        raise NotBatchable("a single number")
    return b.batch(run(b.all(x), ord, axis_of(axis, x.ndim), keepdims))


@_rule(sh.diag_embed)
def _diag_embed(b: Batch, run: Kernel, x: Any, shape: Ints, offset: int, i: int, j: int) -> Any:
    return b.batch(run(b.all(x), (b.size, *shape), offset, axis_of(i, len(shape)), axis_of(j, len(shape))))


@_rule(sh.fold_windows)
def _fold_windows(b: Batch, run: Kernel, x: Any, shape: Ints, axis: int, size: int, step: int) -> Any:
    return b.batch(run(b.all(x), (b.size, *shape), axis_of(axis, len(shape)), size, step))


_rule(ix.embed)(lambda b, run, g, shape, key: b.batch(run(b.all(g), (b.size, *shape), (slice(None), *key))))
_rule(vi.pad_constant)(lambda b, run, x, pairs, value: b.batch(run(b.all(x), ((0, 0), *pairs), value)))


# convolutions: the examples are images, or groups if each has a weight of its own -------------------------------------


def _few_images(count: int) -> None:
    """Raise unless an example has so few images that one convolution for each example would cost more than groups."""
    if count > 2:
        raise NotBatchable("many images for each weight")


@_rule(cv.conv)
def _conv(b: Batch, run: Kernel, x: Any, weight: Any, bias: Any, stride: Ints, padding: Ints, dilation: Ints,
          groups: int, size: Any = None) -> Any:  # fmt: skip
    options = stride, padding, dilation
    if b.has(bias):
        out = _conv(b, run, x, weight, None, *options, groups, size) if b.has(x) or b.has(weight) else None
        if out is None:
            out = run(x, weight, None, *options, groups, size)
        return out + bias.reshape(-1, *(1,) * (x.ndim - 2))
    if not b.has(weight):
        return b.apart(run(b.among(x), weight, bias, *options, groups, size))
    _few_images(x.shape[0])
    kernels = b.among(weight)
    if not b.has(x) and groups == 1:
        out = b.from_channels(run(x, kernels, None, *options, 1, size))
    else:
        out = b.from_channels(run(b.in_channels(x), kernels, None, *options, groups * b.size, size))
    return out if bias is None else out + bias.reshape(-1, *(1,) * (x.ndim - 2))


@_rule(cv.conv_input)
def _conv_input(b: Batch, run: Kernel, g: Any, weight: Any, x_shape: Ints, *rest: Any) -> Any:
    *options, groups = rest
    n, channels, *space = x_shape
    if not b.has(weight):
        return b.apart(run(b.among(g), weight, (b.size * n, channels, *space), *options, groups))
    _few_images(n)
    shape = (n, b.size * channels, *space)
    return b.from_channels(run(b.in_channels(g), b.among(weight), shape, *options, groups * b.size))


@_rule(cv.conv_weight)
def _conv_weight(b: Batch, run: Kernel, g: Any, x: Any, w_shape: Ints, *rest: Any) -> Any:
    *options, groups = rest
    _few_images(g.shape[0])
    shape = (b.size * w_shape[0], *w_shape[1:])
    return b.apart(run(b.in_channels(g), b.in_channels(x), shape, *options, groups * b.size))


@_rule(cv.conv_transpose)
def _conv_transpose(b: Batch, run: Kernel, x: Any, weight: Any, bias: Any, shape: Ints, *rest: Any) -> Any:
    if b.has(x) or b.has(weight):
        out: Any = _conv_input(b, cv.conv_input, x, weight, shape, *rest)
    else:
        out = cv.conv_input(x, weight, shape, *rest)
    return out if bias is None else out + bias.reshape(-1, *(1,) * (len(shape) - 2))


# pooling and the rest that goes image by image ------------------------------------------------------------------------


@_rule(pl.max_pool, pl.max_pool_with_indices, pl.adaptive_max_pool_kept)
def _pool(b: Batch, run: Kernel, x: Any, *constants: Any) -> Any:
    result = run(b.among(x), *constants)
    return tuple(b.apart(r) for r in result) if isinstance(result, tuple) else b.apart(result)


@_rule(pl.max_pool_backward)
def _max_pool_backward(b: Batch, run: Kernel, g: Any, shape: Ints, tap: Any, *constants: Any) -> Any:
    return b.apart(run(b.among(g), (b.size * shape[0], *shape[1:]), b.among(tap), *constants))


_rule(pl.max_pool_take)(lambda b, run, x, tap, *constants: b.apart(run(b.among(x), b.among(tap), *constants)))
_rule(pl.take_flat)(lambda b, run, x, index: b.apart(run(b.among(x), b.among(index))))


@_rule(pl.put_flat)
def _put_flat(b: Batch, run: Kernel, g: Any, shape: Ints, index: Any, apart: bool = False) -> Any:
    return b.apart(run(b.among(g), (b.size * shape[0], *shape[1:]), b.among(index), apart))


@_rule(vi.im2col)
def _im2col(b: Batch, run: Kernel, x: Any, *constants: Any) -> Any:
    return b.apart(run(b.among(x), *constants))


_rule(vi.col2im)(_im2col)


_rule(vi.take_axes)(lambda b, run, x, sources: b.batch(run(b.all(x), sources)))
_rule(vi.take_axes_backward)(lambda b, run, g, shape, sources: b.batch(run(b.all(g), (b.size, *shape), sources)))


# classes by number ----------------------------------------------------------------------------------------------------


def _losses(b: Batch, x: Any, target: Any) -> tuple[Any, Any]:
    """All examples' classes as one batch of the loss: (B * N, C, *d), and targets (B * N, *d)."""
    if not b.has(x) and not b.has(target):
        raise NotBatchable("the weights of classes that differ by example")
    return (b.among(x), b.among(target)) if x.ndim > 1 else (b.all(x), b.all(target))


def _weights_of(b: Batch, target: Any, weight: Any, ignore_index: int, dtype: Any) -> Any:
    """The weight of each target of each example, 0 for those that are ignored; None if all are 1."""
    full = b.all(target)
    kept = full != ignore_index
    if weight is None:
        return None if kept.all() else kept.astype(dtype)
    return np.where(kept, weight[np.where(kept, full, 0)], 0)


def _mean_of(b: Batch, losses: Any, target: Any, weights: Any, reduction: str) -> Any:
    """Each example's losses (the first axis is the batch's), reduced."""
    if reduction == "none":
        return Batched(losses, b.level)
    total = losses.reshape(b.size, -1).sum(1)
    if reduction == "mean":
        count = math.prod(target.shape) if weights is None else weights.reshape(b.size, -1).sum(1)
        with silence():
            total = np.divide(total, count).astype(losses.dtype)
    return Batched(total, b.level)


@_rule(ls.nll_loss)
def _nll_loss(b: Batch, run: Kernel, x: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    _plain(b, weight)
    losses = run(*_losses(b, x, target), weight, ignore_index, "none").reshape(b.size, *target.shape)
    weights = _weights_of(b, target, weight, ignore_index, x.dtype)
    return _mean_of(b, losses, target, weights, reduction)


@_rule(ls.cross_entropy)
def _cross_entropy(b: Batch, run: Kernel, x: Any, target: Any, weight: Any, ignore_index: int, reduction: str) -> Any:
    _plain(b, weight)
    losses, p = run(*_losses(b, x, target), weight, ignore_index, "none")
    weights = _weights_of(b, target, weight, ignore_index, x.dtype)
    loss = _mean_of(b, losses.reshape(b.size, *target.shape), target, weights, reduction)
    return loss, Batched(p.reshape(b.size, *x.shape), b.level)


@_rule(ls.nll_loss_grad)
def _nll_loss_grad(b: Batch, run: Kernel, g: Any, shape: Ints, target: Any, weight: Any, ignore_index: int,
                   reduction: str) -> Any:  # fmt: skip
    _plain(b, weight)
    share = b.all(g)
    if reduction != "none":
        if reduction == "mean":
            weights = _weights_of(b, target, weight, ignore_index, share.dtype)
            count = math.prod(target.shape) if weights is None else weights.reshape(b.size, -1).sum(1)
            with silence():
                share = np.divide(share, count).astype(share.dtype)
        share = np.broadcast_to(share.reshape(-1, *(1,) * target.ndim), (b.size, *target.shape))
    if len(shape) == 1:
        out = run(share, (b.size, *shape), b.all(target), weight, ignore_index, "none")
        return Batched(out, b.level)
    share = share.reshape(-1, *share.shape[2:])
    out = run(share, (b.size * shape[0], *shape[1:]), b.among(target), weight, ignore_index, "none")
    return b.apart(out)


# norms ----------------------------------------------------------------------------------------------------------------

RUNNING = (
    "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated in place, "
    "were not batched.\nIf you are using a module and do not need eval mode, please set `track_running_stats` to be "
    "False.If you are using a prebuilt module and do not need eval mode, please see the functorch website for "
    "resources on how to patch your module to work with vmap"
)


@_rule(bn.batch_norm)
def _batch_norm(b: Batch, run: Kernel, x: Any, weight: Any, bias: Any, mean: Any, var: Any, training: bool,
                momentum: float, eps: float) -> Any:  # fmt: skip
    if training and mean is not None and b.has(x) and not (b.has(mean) and b.has(var)):
        raise RuntimeError(RUNNING)
    if not training and not any(b.has(v) for v in (weight, bias, mean, var)):
        out, *rest = run(b.among(x), weight, bias, mean, var, False, momentum, eps)
        return b.apart(out), *rest
    if training and mean is not None:
        raise NotBatchable("running statistics that differ by example")
    per_channel = [None if v is None else np.ascontiguousarray(b.all(v)).reshape(-1) for v in (weight, bias, mean, var)]
    out, *rest = run(b.in_channels(x), *per_channel, training, momentum, eps)  # (native_batch_norm has more results)
    return b.from_channels(out), *(None if v is None else Batched(v.reshape(b.size, -1), b.level) for v in rest)


def _scaled(out: Any, weight: Any, bias: Any) -> Any:
    if weight is not None:
        out = out * weight
    return out if bias is None else out + bias


@_rule(bn.group_norm)
def _group_norm(b: Batch, run: Kernel, x: Any, weight: Any, bias: Any, groups: int, eps: float) -> Any:
    own = b.has(weight) or b.has(bias)
    out, *rest = run(b.among(x), *((None, None) if own else (weight, bias)), groups, eps)
    result: Any = b.apart(out)
    if own:
        shape = (-1, *(1,) * (x.ndim - 2))
        result = _scaled(result, *[None if v is None else v.reshape(shape) for v in (weight, bias)])
    return result, *[b.apart(v) for v in rest]


@_rule(nm.layer_norm)
def _layer_norm(b: Batch, run: Kernel, x: Any, weight: Any, bias: Any, shape: Ints, eps: float) -> Any:
    own = b.has(weight) or b.has(bias)
    out, *shown, mean, rstd = run(b.all(x), *((None, None) if own else (weight, bias)), shape, eps)
    result: Any = Batched(out, b.level)  # (of native_layer_norm, so are the statistics that it shows)
    statistics = *[Batched(v, b.level) for v in shown], b.apart(mean), b.apart(rstd)
    return _scaled(result, weight, bias) if own else result, *statistics


@_rule(nm.rms_norm)
def _rms_norm(b: Batch, run: Kernel, x: Any, weight: Any, shape: Ints, eps: float) -> Any:
    own = b.has(weight)
    out, rstd = run(b.all(x), None if own else weight, shape, eps)
    result: Any = Batched(out, b.level)
    return _scaled(result, weight, None) if own else result, b.apart(rstd)


# indices: all examples' arrays as one, each index moved to where its example begins -----------------------------------


def check_all(index: Any, size: int, error: Exception) -> None:
    """Raise the error unless the indices of all examples are within the size."""
    if index.size and (index.min() < 0 or index.max() >= size):
        raise error


def _shifted(b: Batch, index: Any, size: int) -> Any:
    return b.all(index) + b.numbers(index.ndim) * size


@_rule(em.embedding)
def _embedding(b: Batch, run: Kernel, weight: Any, index: Any, *constants: Any) -> Any:
    if not b.has(weight):
        return b.batch(run(weight, b.all(index), *constants))
    check_all(b.all(index), weight.shape[0], IndexError("index out of range in self"))
    return b.batch(run(b.among(weight), _shifted(b, index, weight.shape[0]), *constants))


@_rule(em.embedding_backward)
def _embedding_backward(b: Batch, run: Kernel, g: Any, shape: Ints, index: Any, padding: int, scale: bool) -> Any:
    full = b.all(g)
    if padding >= 0:
        found = np.asarray(b.all(index) == padding)
        full = np.where(found.reshape(*found.shape, *(1,) * (full.ndim - found.ndim)), 0, full).astype(full.dtype)
    out = run(full, (b.size * shape[0], *shape[1:]), _shifted(b, index, shape[0]), -1, scale)
    return b.apart(out)


def _key(b: Batch, key: Sequence[Any], first: bool) -> tuple[tuple[Any, ...], int, int]:
    """A key for all examples (with their numbers if an array's `first` axis is theirs), and how the result's axes lie.

    (key, axes that the index arrays give each example, axes that stand before those; -1: NumPy moves them to the
    front).
    """
    arrays = [i for i, k in enumerate(key) if isinstance(k, np.ndarray)]
    if (
        not arrays
        or any(isinstance(k, np.ndarray) and k.dtype.kind == "b" for k in key)
        or Ellipsis in [k for k in key if not isinstance(k, np.ndarray)][:-1]
    ):
        raise NotBatchable("a mask as index")
    ndim = max(key[i].ndim for i in arrays)
    whole = tuple(b.aligned(k, ndim) if isinstance(k, np.ndarray) else k for k in key)
    together = arrays[-1] - arrays[0] + 1 == len(arrays)
    return ((b.numbers(ndim), *whole) if first else whole), ndim, arrays[0] if together else -1


@_rule(ix.pick)
def _pick(b: Batch, run: Kernel, x: Any, key: Sequence[Any]) -> Any:
    whole, ndim, before = _key(b, key, b.has(x))
    out = b.all(x)[whole] if b.has(x) else x[whole]
    if b.has(x):  # (examples, index axes, the others)
        if before > 0:
            out = np.moveaxis(out, tuple(range(1, ndim + 1)), tuple(range(before + 1, before + ndim + 1)))
    elif before > 0:
        out = np.moveaxis(out, before, 0)
    return Batched(np.ascontiguousarray(out), b.level)


@_rule(ix.index_embed)
def _index_embed(b: Batch, run: Kernel, g: Any, shape: Ints, key: Sequence[Any]) -> Any:
    whole, ndim, before = _key(b, key, True)
    full = b.all(g)
    if before > 0:
        full = np.moveaxis(full, tuple(range(before + 1, before + ndim + 1)), tuple(range(1, ndim + 1)))
    out = np.zeros((b.size, *shape), full.dtype)
    if before == 0 and ndim and len([k for k in key if isinstance(k, np.ndarray)]) == 1:  # whole rows: quicker
        rows = _shifted(b, key[0], shape[0])
        ix.add_rows(out.reshape(-1, *shape[1:]), rows, full.reshape(rows.shape + shape[1:]))
    else:
        np.add.at(out, whole, full)
    return Batched(out, b.level)


@_rule(ix.put)
def _put(b: Batch, run: Kernel, x: Any, value: Any, key: Sequence[Any], accumulate: bool) -> Any:
    whole, ndim, before = _key(b, key, True)
    out = b.all(x).copy()
    target = out[whole].shape[1:]
    if b.has(value):
        value = b.aligned(value, len(target))
        if before > 0:
            value = np.broadcast_to(value, (b.size, *_example_shape(target, ndim, before)))
            value = np.moveaxis(value, tuple(range(before + 1, before + ndim + 1)), tuple(range(1, ndim + 1)))
    elif before > 0 and np.ndim(value):
        raise NotBatchable("a value between the index's axes")
    if accumulate:
        np.add.at(out, whole, value)
    else:
        out[whole] = value
    return Batched(out, b.level)


def _example_shape(target: Ints, ndim: int, before: int) -> Ints:
    """The shape that one example's key selects, from that with the index axes first."""
    index, rest = target[:ndim], target[ndim:]
    return (*rest[:before], *index, *rest[before:])


_rule(ix.gather)(lambda b, run, x, index, axis: b.batch(run(b.all(x), b.all(index), axis + 1)))


@_rule(ix.gather_backward)
def _gather_backward(b: Batch, run: Kernel, g: Any, index: Any, shape: Ints, axis: int) -> Any:
    return b.batch(run(b.all(g), b.all(index), (b.size, *shape), axis + 1))


@_rule(ix.scatter, ix.scatter_add, ix.scatter_reduce)
def _scatter(b: Batch, run: Kernel, x: Any, index: Any, src: Any, axis: int, *constants: Any) -> Any:
    if isinstance(src, np.ndarray):
        src = b.all(src)
    elif np.ndim(src):
        raise NotBatchable("a source of another kind")
    return b.batch(run(b.all(x), b.all(index), src, axis + 1, *constants))


@_rule(so.take_along)
def _take_along(b: Batch, run: Kernel, x: Any, axis: int, places: Any) -> Any:
    if not x.ndim:
        raise NotBatchable("a single number")
    return b.batch(run(b.all(x), axis_of(axis, x.ndim), b.all(places)))


@_rule(so.put_along)
def _put_along(b: Batch, run: Kernel, g: Any, shape: Ints, axis: int, places: Any) -> Any:
    if not shape:
        raise NotBatchable("a single number")
    return b.batch(run(b.all(g), (b.size, *shape), axis_of(axis, len(shape)), b.all(places)))


@_rule(rd.take_embed)
def _take_embed(b: Batch, run: Kernel, g: Any, shape: Ints, axis: int, keepdims: bool, places: Any) -> Any:
    if not shape or axis is None:
        raise NotBatchable("all elements")
    return b.batch(run(b.all(g), (b.size, *shape), axis_of(axis, len(shape)), keepdims, b.all(places)))


@_rule(rd.take_places)
def _take_places(b: Batch, run: Kernel, x: Any, axis: int, keepdims: bool, places: Any) -> Any:
    if not x.ndim or axis is None:
        raise NotBatchable("all elements")
    return b.batch(run(b.all(x), axis_of(axis, x.ndim), keepdims, b.all(places)))


def _slices(b: Batch, full: Any, axis: int) -> Any:
    """All examples' slices along an axis as rows: (examples * n, the rest)."""
    return np.moveaxis(full, axis + 1, 1).reshape(full.shape[0] * full.shape[axis + 1], -1)


@_rule(ix.index_select)
def _index_select(b: Batch, run: Kernel, x: Any, index: Any, axis: int) -> Any:
    if not b.has(index):
        return b.batch(run(b.all(x), index, axis + 1))
    full = b.all(x)
    places = b.all(index).reshape(b.size, *(1,) * axis, -1, *(1,) * (x.ndim - axis - 1))
    return b.batch(np.take_along_axis(full, places, axis + 1))


@_rule(ix.index_select_backward)
def _index_select_backward(b: Batch, run: Kernel, g: Any, index: Any, shape: Ints, axis: int) -> Any:
    return _index_add(b, ix.index_add, Batched(np.zeros((b.size, *shape), g.dtype), b.level), index, g, axis, 1)


@_rule(ix.index_add)
def _index_add(b: Batch, run: Kernel, x: Any, index: Any, source: Any, axis: int, alpha: Any) -> Any:
    if not b.has(index):
        return b.batch(run(b.all(x), index, b.all(source), axis + 1, alpha))
    out = b.all(x).copy()
    moved = np.ascontiguousarray(np.moveaxis(out, axis + 1, 1))
    rows = moved.reshape(b.size * x.shape[axis], -1)
    added = _slices(b, b.all(source), axis)
    if alpha != 1:
        added = added * np.asarray(alpha).astype(added.dtype)
    ix.add_rows(rows, _shifted(b, index, x.shape[axis]).reshape(-1), added)
    return b.batch(np.ascontiguousarray(np.moveaxis(moved, 1, axis + 1)))


@_rule(ix.index_copy)
def _index_copy(b: Batch, run: Kernel, x: Any, index: Any, source: Any, axis: int) -> Any:
    if not b.has(index):
        return b.batch(run(b.all(x), index, b.all(source), axis + 1))
    moved = np.moveaxis(b.all(x), axis + 1, 1).copy()
    moved.reshape(b.size * x.shape[axis], -1)[_shifted(b, index, x.shape[axis]).reshape(-1)] = _slices(
        b, b.all(source), axis
    )
    return b.batch(np.ascontiguousarray(np.moveaxis(moved, 1, axis + 1)))
