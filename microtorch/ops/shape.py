"""Shape and place: views, joining and cutting, indexing, and the geometry of writes through views."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.autograd.partial import Partial
from microtorch.autograd.table import arrays, many, op, unary, view
from microtorch.kernels import shape as K

# sums to a shape and back: what the engine and the reductions use ------------------------------------------------------------
sum_to = unary("sum_to", K.sum_to, x=lambda xp, g, x_shape: xp.spread(g, x_shape, None, True) if g.shape == x_shape else xp.expand(g, x_shape))
spread = unary("spread", lambda x, shape, axis, keepdims: K.spread(x, shape, axis, keepdims),
               x=lambda xp, g, axis, keepdims: xp.sum(g, axis, keepdims), grad_name="ExpandBackward0")  # fmt: skip

# views -----------------------------------------------------------------------------------------------------------------------
view_as = view("view", K.view, x=lambda xp, g, x_shape: xp.reshape(g, x_shape))
reshape = view("reshape", lambda x, shape: x.reshape(shape), x=lambda xp, g, x_shape: xp.reshape(g, x_shape), grad_name="ViewBackward0")
transpose = view("transpose", lambda x, i, j: x.swapaxes(i, j), x=lambda xp, g, i, j: xp.transpose(g, i, j))
t = view("t", lambda x: x.T, x=lambda xp, g: xp.t(g), grad_name="TBackward0")
permute = view("permute", lambda x, axes: x.transpose(axes), x=lambda xp, g, axes: xp.permute(g, tuple(np.argsort(axes).tolist())))
squeeze = view("squeeze", lambda x, axis: x.squeeze(axis), x=lambda xp, g, x_shape: xp.reshape(g, x_shape), grad_name="SqueezeBackward1")
unsqueeze = view("unsqueeze", lambda x, axis: np.expand_dims(x, axis), x=lambda xp, g, x_shape: xp.reshape(g, x_shape))
expand = view("expand", K.expand, x=lambda xp, g, x_shape: xp.sum_to(g, x_shape))
diagonal = view("diagonal", lambda x, offset, i, j: _writeable(x, x.diagonal(offset, i, j)),
                x=lambda xp, g, x_shape, offset, i, j: xp.diagonal_embed(g, x_shape, offset, i, j))  # fmt: skip
unfold = view("unfold", lambda x, axis, size, step: _windows(x, axis, size, step),
              x=lambda xp, g, x_shape, axis, size, step: xp.fold_windows(g, x_shape, axis, size, step))  # fmt: skip
real = view("real", lambda x: x.real, x=lambda xp, g: xp.to_complex(g))
imag = view("imag", lambda x: x.imag, x=lambda xp, g: xp.to_complex(g) * -1j)
to_complex = unary("to_complex", lambda x: x.astype(np.complex64 if x.dtype == np.float32 else np.complex128), x=lambda xp, g: xp.real(g))


def _writeable(x: Any, part: Any) -> Any:
    part.flags.writeable = x.flags.writeable
    return part


def _windows(x: Any, axis: int, size: int, step: int) -> Any:
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis, writeable=x.flags.writeable)
    return windows[(slice(None),) * axis + (slice(None, None, step),)]


def _diagonal_embed(x: Any, shape: tuple[int, ...], offset: int, i: int, j: int) -> Any:
    out = np.zeros(shape, x.dtype)
    _writeable(out, out.diagonal(offset, i, j))[...] = x
    return out


def _fold_windows(x: Any, shape: tuple[int, ...], axis: int, size: int, step: int) -> Any:
    """Windows added back to where they were taken from; `size` slices, whatever their number."""
    out = np.zeros(shape, x.dtype)
    count = x.shape[axis]
    for k in range(size):
        out[(slice(None),) * axis + (slice(k, k + (count - 1) * step + 1, step),)] += x[..., k]
    return out


diagonal_embed = unary("diagonal_embed", _diagonal_embed, x=lambda xp, g, offset, i, j: xp.diagonal(g, offset, i, j))
fold_windows = unary("fold_windows", _fold_windows, x=lambda xp, g, axis, size, step: xp.unfold(g, axis, size, step))

# indexing: basic keys (numbers, slices, None, ...) make views, arrays of numbers or bools make copies ---------------------------
embed = unary("embed", K.embed, x=lambda xp, g, key: xp.slice(g, key))
select = view("select", lambda x, key: x[key], x=lambda xp, g, x_shape, key: xp.partial(g, x_shape, key))
slice_ = view("slice", lambda x, key: x[key], x=lambda xp, g, x_shape, key: xp.partial(g, x_shape, key))
unsqueezed = view("unsqueezed", lambda x, key: x[key], x=lambda xp, g, x_shape, key: xp.partial(g, x_shape, key), grad_name="UnsqueezeBackward0")
split_part = view("split_part", lambda x, key: x[key], x=lambda xp, g, x_shape, key: xp.partial(g, x_shape, key), grad_name="SplitBackward0")
unbind_part = view("unbind_part", lambda x, key: x[key], x=lambda xp, g, x_shape, key: xp.partial(g, x_shape, key), grad_name="UnbindBackward0")
view_alias = view("alias", lambda x: x.view(), x=lambda xp, g: g)
partial = unary("partial", K.embed, x=lambda xp, g, key: xp.slice(g, key))
index = unary("index", lambda x, key: x[key], x=lambda xp, g, x_shape, key: xp.index_embed(g, x_shape, key))
index_embed = unary("index_embed", K.index_embed, x=lambda xp, g, key: xp.index(g, key))
index_without = unary("index_without", K.without, x=lambda xp, g, key: xp.index_without(g, key))
index_put = op("index_put", K.index_put, inputs="x value",
               x=lambda xp, g, key, accumulate: g if accumulate else xp.index_without(g, key),
               value=lambda xp, g, key: xp.index(g, key))  # fmt: skip


arrays.partial = Partial  # in plain backward passes it is not spread out at once: see its docstring


# writes through views --------------------------------------------------------------------------------------------------------
region = unary("region", K.region, x=lambda xp, g, geometry: xp.region_embed(g, geometry), grad_name="AsStridedBackward0")
region_embed = unary("region_embed", K.region_embed, x=lambda xp, g, geometry: xp.region(g, geometry))
region_without = unary("region_without", K.region_without, x=lambda xp, g, geometry: xp.region_without(g, geometry))
region_write = op("region_write", K.region_write, inputs="x value", grad_name="CopySlices",
                  x=lambda xp, g, geometry: xp.region_without(g, geometry),
                  value=lambda xp, g, geometry: xp.region(g, geometry))  # fmt: skip

# joining ---------------------------------------------------------------------------------------------------------------------


def _cat_grads(xp: Any, g: Any, needs: Any, shapes: Any, axis: int) -> list[Any]:
    grads, start = [], 0
    for need, shape in zip(needs, shapes):
        stop = start + (shape[axis] if shape != (0,) else 0)
        key = (slice(None),) * axis + (slice(start, stop), ...)
        grads.append((xp.slice(g, key) if shape != (0,) else xp.reshape(xp.slice(g, key), (0,))) if need else None)
        start = stop
    return grads


cat = many("cat", lambda arrays, axis: np.concatenate(arrays, axis), _cat_grads)
stack = many("stack", lambda arrays, axis: np.stack(arrays, axis),
             lambda xp, g, needs, shapes, axis: [
                 xp.select(g, (slice(None),) * axis + (i, ...)) if need else None for i, need in enumerate(needs)])  # fmt: skip

# rearranging -------------------------------------------------------------------------------------------------------------------
flip = unary("flip", lambda x, axes: np.flip(x, axes).copy(), x=lambda xp, g, axes: xp.flip(g, axes))
roll = unary("roll", lambda x, shifts, axes: np.roll(x, shifts, axes),
             x=lambda xp, g, shifts, axes: xp.roll(g, tuple(-s for s in shifts), axes))  # fmt: skip
tril = unary("tril", lambda x, k: np.tril(x, k), x=lambda xp, g, k: xp.tril(g, k))
triu = unary("triu", lambda x, k: np.triu(x, k), x=lambda xp, g, k: xp.triu(g, k))


# gather and scatter along one axis -----------------------------------------------------------------------------------------------


def _take_key(x_shape: tuple[int, ...], axis: int, index: Any) -> tuple[Any, ...]:
    """The advanced index that takes, along `axis`, the element that `index` names at each place."""
    key = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    key[axis] = index
    return tuple(key)


def _gather(x: Any, axis: int, index: Any) -> Any:
    return x[_take_key(x.shape, axis, index)]


def _scatter_add(x: Any, src: Any, axis: int, index: Any) -> Any:
    out = x.copy()
    np.add.at(out, _take_key(x.shape, axis, index), src[tuple(slice(n) for n in index.shape)])
    return out


def _scatter(x: Any, src: Any, axis: int, index: Any) -> Any:
    out = x.copy()
    out[_take_key(x.shape, axis, index)] = src[tuple(slice(n) for n in index.shape)] if np.ndim(src) else src
    return out


def _gather_embed(g: Any, shape: tuple[int, ...], axis: int, index: Any) -> Any:
    out = np.zeros(shape, g.dtype)
    np.add.at(out, _take_key(shape, axis, index), g)
    return out


def _gather_without(x: Any, axis: int, index: Any) -> Any:
    out = x.copy()
    out[_take_key(x.shape, axis, index)] = 0
    return out


gather = unary("gather", _gather, x=lambda xp, g, x_shape, axis, index: xp.gather_embed(g, x_shape, axis, index))
gather_embed = unary("gather_embed", _gather_embed, x=lambda xp, g, axis, index: xp.gather(g, axis, index))
gather_without = unary("gather_without", _gather_without, x=lambda xp, g, axis, index: xp.gather_without(g, axis, index))
scatter_add = op("scatter_add", _scatter_add, inputs="x src",
                 x=lambda xp, g: g,
                 src=lambda xp, g, src_shape, axis, index: _scattered(xp, g, src_shape, axis, index))  # fmt: skip
scatter = op("scatter", _scatter, inputs="x src",
             x=lambda xp, g, axis, index: xp.gather_without(g, axis, index),
             src=lambda xp, g, src_shape, axis, index: _scattered(xp, g, src_shape, axis, index))  # fmt: skip


def _scattered(xp: Any, g: Any, src_shape: tuple[int, ...], axis: int, index: Any) -> Any:
    """The gradient of scatter's source: what was written from it; zeros for the part that the index does not cover."""
    taken = xp.gather(g, axis, index)
    return taken if taken.shape == src_shape else xp.embed(taken, src_shape, tuple(slice(n) for n in index.shape))


index_select = unary("index_select", lambda x, axis, index: np.take(x, index, axis),
                     x=lambda xp, g, x_shape, axis, index: xp.index_add_zeros(g, x_shape, axis, index))  # fmt: skip


def _index_add_zeros(g: Any, shape: tuple[int, ...], axis: int, index: Any) -> Any:
    out = np.zeros(shape, g.dtype)
    K.add_rows(np.moveaxis(out, axis, 0), index, np.moveaxis(g, axis, 0) if g.ndim else g.reshape(1))
    return out


index_add_zeros = unary("index_add_zeros", _index_add_zeros, x=lambda xp, g, axis, index: xp.index_select(g, axis, index))
