"""Indexing, gathering, scattering, and the geometry of writes through views."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.autograd.partial import Partial
from microtorch.autograd.table import arrays, op, unary, view
from microtorch.kernels import index as K
from microtorch.kernels.pointwise import view_as_complex
from microtorch.kernels.shape import strided
from microtorch.ops.pointwise import underivable


def _zeros(xp: Any, g: Any) -> Any:
    """The gradient of a value that was written over."""
    return xp.zeros_like(g)


def _kind(xp: Any, g: Any) -> Any:
    """NumPy's dtype of a gradient, in either world."""
    return (g._data if xp.recorded else g).dtype


def _same(xp: Any, g: Any) -> Any:
    return g


# by a basic key (numbers, slices, None, ...): views ------------------------------------------------------------------


def _keyed(name: str, grad_name: str | None = None) -> Any:
    """A view at a basic key; every function that makes one has its own, since PyTorch names the node after it."""
    return view(
        name, lambda x, key: x[key], x=lambda xp, g, x_shape, key: xp.partial(g, x_shape, key), grad_name=grad_name
    )


select, slice_, unsqueezed = _keyed("select"), _keyed("slice"), _keyed("unsqueezed", "UnsqueezeBackward0")
split_part, sized_part = _keyed("split_part", "SplitBackward0"), _keyed("sized_part", "SplitWithSizesBackward0")
unbind_part = _keyed("unbind_part", "UnbindBackward0")
view_alias = view("alias", lambda x: x.view(), x=_same)
embed = unary("embed", K.embed, x=lambda xp, g, key: xp.slice(g, key))
partial = unary("partial", K.embed, x=lambda xp, g, key: xp.slice(g, key))
arrays.partial = Partial  # type: ignore[attr-defined]  # in plain backward passes it is not spread out at once: see its docstring


def _written_slice(name: str) -> Any:
    """A copy with another tensor at a basic key."""
    return op(name, K.put_slice, inputs="x src",
              x=lambda xp, g, key: xp.index_without(g, key), src=lambda xp, g, key: xp.slice(g, key))  # fmt: skip


select_scatter, slice_scatter = _written_slice("select_scatter"), _written_slice("slice_scatter")

# by an advanced key (arrays of numbers or bools): copies -------------------------------------------------------------
index = unary("index", K.pick, x=lambda xp, g, x_shape, key: xp.index_embed(g, x_shape, key))
index_embed = unary("index_embed", K.index_embed, x=lambda xp, g, key: xp.index(g, key))
index_without = unary("index_without", K.without, x=lambda xp, g, key: xp.index_without(g, key))
index_put = op("index_put", K.put, inputs="x value",
               x=lambda xp, g, key, accumulate: g if accumulate else xp.index_without(g, key),
               value=lambda xp, g, key: xp.index(g, key))  # fmt: skip


def _masked_select(x: Any, mask: Any) -> Any:
    return x[mask]


_masked_select.__name__ = "masked_select"
masked_select = unary(
    "masked_select", _masked_select, x=lambda xp, g, x_shape, mask: xp.index_embed(g, x_shape, (mask,))
)

# writes of whole tensors: the old value has no gradient any more -----------------------------------------------------
zero = unary("zero", np.zeros_like, x=_zeros)
fill = unary("fill", lambda x, value: np.full_like(x, value), x=_zeros, grad_name="FillBackward2")
fill_by = op("fill_by", lambda x, value: np.full_like(x, value), inputs="x value", grad_name="FillBackward3",
             x=_zeros, value=lambda xp, g: xp.sum(g, None, False))  # fmt: skip
copy = op(
    "copy",
    lambda x, src: np.broadcast_to(src, x.shape).astype(x.dtype),
    inputs="x src",
    grad_name="CopyBackwards",
    x=_zeros,
    src=_same,
)

# gather and scatter along one dimension; `index` is an input, so that a later write to it is noticed -----------------
gather = op(
    "gather",
    K.gather,
    inputs="x index",
    x=lambda xp, g, x_shape, index, axis: xp.gather_backward(g, index, x_shape, axis),
)
gather_backward = op(
    "gather_backward", K.gather_backward, inputs="x index", x=lambda xp, g, index, axis: xp.gather(g, index, axis)
)
gather_nothing = unary("gather_nothing", lambda x, shape: np.empty(shape, x.dtype), grad_name="GatherBackward0",
                       x=lambda xp, g, x_shape: xp.spread(xp.sum(g, None, False), x_shape, None, False))  # fmt: skip
gather_embed = unary("gather_embed", lambda x, shape, axis, index: K.gather_backward(x, index, shape, axis),
                     x=lambda xp, g, axis, index: xp.gather(g, index, axis))  # fmt: skip


def _source(xp: Any, g: Any, index: Any, shape: tuple[int, ...], axis: int) -> Any:
    """The gradient of scatter's source: what was written from it; zeros for the part that the index does not cover."""
    taken = xp.gather(g, index, axis)
    return taken if taken.shape == shape else xp.embed(taken, shape, tuple(slice(n) for n in index.shape))


scatter = op("scatter", K.scatter, inputs="x index src",
             x=lambda xp, g, index, axis: xp.scatter_value(g, index, 0, axis),
             src=lambda xp, g, index, src_shape, axis: _source(xp, g, index, src_shape, axis))  # fmt: skip
scatter_value = op("scatter_value", K.scatter, inputs="x index", grad_name="ScatterBackward1",
                   x=lambda xp, g, index, axis: xp.scatter_value(g, index, 0, axis))  # fmt: skip
scatter_add = op("scatter_add", K.scatter_add, inputs="x index src", x=_same,
                 src=lambda xp, g, index, src_shape, axis: _source(xp, g, index, src_shape, axis))  # fmt: skip


def _scatter_reduce(
    xp: Any, g: Any, needs: Any, x: Any, index: Any, src: Any, out: Any, axis: int, reduce: str, include_self: bool
) -> Any:
    """sum and mean hand the gradient on, amax and amin share it among ties, prod multiplies by all the other factors.

    As PyTorch's scatter_reduce_backward (torch/csrc/autograd/FunctionsManual.cpp).
    """
    gx = gsrc = None
    if reduce == "sum":
        gx, gsrc = g, xp.gather(g, index, axis)
    elif reduce == "mean":
        ones = xp.ones_like(src) if src.shape == index.shape else xp.ones_like(xp.gather(x, index, axis))
        count = xp.scatter_add(xp.ones_like(g) if include_self else xp.zeros_like(g), index, ones, axis)
        count = xp.where(count == 0, xp.ones_like(count), count)
        gx, gsrc = g / count, xp.gather(g, index, axis) / xp.gather(count, index, axis)
    elif reduce == "prod":
        other_x = xp.where(x == 0, xp.ones_like(x), x)
        gx = g * xp.scatter_reduce(other_x, index, src, axis, reduce, include_self) / other_x
        zero = src == 0
        zeros = xp.gather(xp.scatter_add(xp.zeros_like(x), index, xp.cast(zero, _kind(xp, g)), axis), index, axis)
        only = zero & (zeros == 1)  # the product of the others is its derivative: it is computed without it
        without = xp.scatter_reduce(x, index, xp.where(only, xp.ones_like(src), src), axis, reduce, include_self)
        divided = xp.gather(g * out, index, axis) / xp.where(zero, xp.ones_like(src), src)
        gsrc = xp.where(only, xp.gather(g * without, index, axis), divided)
    else:
        mine = xp.cast(x == out, _kind(xp, g))
        theirs = xp.cast(src == xp.gather(out, index, axis), _kind(xp, g))
        count = xp.scatter_add(mine, index, theirs, axis)
        shared = g / xp.where(count == 0, xp.ones_like(count), count)
        gx, gsrc = mine * shared, theirs * xp.gather(shared, index, axis)  # (0 times inf is NaN, as in PyTorch)
    if not include_self:
        gx = xp.scatter_value(gx, index, 0, axis)
    return [gx if needs[0] else None, None, gsrc if needs[2] else None]


scatter_reduce = op("scatter_reduce", K.scatter_reduce, inputs="x index src", joint=_scatter_reduce)

scatter_combine, scatter_combine_in_place = (  # scatter(reduce=...)
    op(name, K.scatter_reduce, inputs="x index src", grad_name="NotImplemented", x=underivable(f), src=underivable(f))
    for name, f in (("scatter_combine", "scatter"), ("scatter_combine_in_place", "scatter_"))
)
index_reduce = op("index_reduce", K.scatter_reduce, inputs="x index src", joint=_scatter_reduce)

# whole slices along one dimension ------------------------------------------------------------------------------------
index_select = op("index_select", K.index_select, inputs="x index",
                  x=lambda xp, g, x_shape, index, axis: xp.index_select_backward(g, index, x_shape, axis))  # fmt: skip
index_select_backward = op("index_select_backward", K.index_select_backward, inputs="x index",
                           x=lambda xp, g, index, axis: xp.index_select(g, index, axis))  # fmt: skip
index_add = op("index_add", K.index_add, inputs="x index source", x=_same,
               source=lambda xp, g, index, axis, alpha: xp.index_select(g, index, axis) * alpha)  # fmt: skip
index_copy = op("index_copy", K.index_copy, inputs="x index source",
                x=lambda xp, g, index, axis: xp.index_fill(g, index, 0, axis),
                source=lambda xp, g, index, axis: xp.index_select(g, index, axis))  # fmt: skip
index_fill = op(
    "index_fill", K.index_fill, inputs="x index", x=lambda xp, g, index, axis: xp.index_fill(g, index, 0, axis)
)
index_fill_by = op(
    "index_fill_by",
    K.index_fill,
    inputs="x index value",
    grad_name="IndexFillBackward1",
    x=lambda xp, g, index, axis: xp.index_fill(g, index, 0, axis),
    value=lambda xp, g, index, axis: xp.sum(g - xp.index_fill(g, index, 0, axis), None, False),
)

# over the flattened tensor -------------------------------------------------------------------------------------------
take = op("take", K.take, inputs="x index", x=lambda xp, g, x_shape, index: xp.take_backward(g, index, x_shape))
take_backward = op("take_backward", K.take_backward, inputs="x index", x=lambda xp, g, index: xp.take(g, index))
put = op("put", K.put_flat, inputs="x index source",
         x=lambda xp, g, index, accumulate: g if accumulate else xp.put(g, index, _zeros(xp, xp.take(g, index)), False),
         source=lambda xp, g, index, source_shape: xp.reshape(xp.take(g, index), source_shape))  # fmt: skip
masked_fill = op("masked_fill", K.masked_fill, inputs="x mask",
                 x=lambda xp, g, mask: xp.where(mask, _zeros(xp, g), g))  # fmt: skip
masked_fill_by = op("masked_fill_by", K.masked_fill, inputs="x mask value", grad_name="MaskedFillBackward1",
                    x=lambda xp, g, mask: xp.where(mask, _zeros(xp, g), g),
                    value=lambda xp, g, mask: xp.sum(xp.where(mask, g, _zeros(xp, g)), None, False))  # fmt: skip
masked_scatter = op(
    "masked_scatter",
    K.masked_scatter,
    inputs="x mask source",
    x=lambda xp, g, mask: xp.where(mask, _zeros(xp, g), g),
    source=lambda xp, g, mask, source_shape: xp.masked_scatter_backward(g, mask, source_shape),
)
masked_scatter_backward = op("masked_scatter_backward", K.masked_scatter_backward, inputs="x mask",
                             x=lambda xp, g, x_shape, mask: xp.masked_embed(g, mask, x_shape))  # fmt: skip
masked_embed = op("masked_embed", K.masked_embed, inputs="x mask",
                  x=lambda xp, g, x_shape, mask: xp.masked_scatter_backward(g, mask, x_shape))  # fmt: skip

# memory seen through a view: geometry = (base shape, base strides, shape, strides, offset), in bytes -----------------
as_strided = view(
    "as_strided", lambda x, geometry: strided(x, *geometry[2:]), x=lambda xp, g, geometry: xp.region_embed(g, geometry)
)
as_strided_in_place = view(
    "as_strided_in_place",
    lambda x, geometry: strided(x, *geometry[2:]),
    grad_name="AsStridedBackward1",
    x=lambda xp, g, geometry: xp.region_embed(g, geometry),
)
region = unary(
    "region", K.region, x=lambda xp, g, geometry: xp.region_embed(g, geometry), grad_name="AsStridedBackward0"
)
region_embed = unary("region_embed", K.region_embed, x=lambda xp, g, geometry: xp.region(g, geometry))
region_without = unary("region_without", K.region_without, x=lambda xp, g, geometry: xp.region_without(g, geometry))


region_write = op("region_write", K.region_write, inputs="x value", grad_name="torch::autograd::CopySlices",
                  x=lambda xp, g, geometry: xp.region_without(g, geometry),
                  value=lambda xp, g, geometry: xp.region(g, geometry))  # fmt: skip
# complex numbers of which a part was written, from the pairs of reals that they are
region_write_pairs = unary("region_write_pairs", view_as_complex, grad_name="torch::autograd::CopySlices",
                           x=lambda xp, g: xp.view_as_real(xp.contiguous(xp.conj(g))))  # fmt: skip
# PyTorch hands x the gradient of what was written over, and none of the rest (as_strided_scatter_backward in
# torch/csrc/autograd/FunctionsManual.cpp): we do as it does
as_strided_scatter = op("as_strided_scatter", K.region_write, inputs="x value", grad_name="AsStridedScatterBackward0",
                        x=lambda xp, g, geometry: g - xp.region_without(g, geometry),
                        value=lambda xp, g, geometry: xp.region(g, geometry))  # fmt: skip
