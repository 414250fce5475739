"""Shape: views, joining and rearranging. Indexing is in ops/index.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.autograd.table import many, op, unary, view
from microtorch.kernels import shape as K
from microtorch.kernels.strides import joined_format, stacked_format, suggested_format

# sums to a shape and back: what the engine and the reductions use ----------------------------------------------------
sum_to = unary("sum_to", K.sum_to, x=lambda xp, g, x_shape: g if g.shape == x_shape else xp.expand(g, x_shape))
spread = unary("spread", lambda x, shape, axis, keepdims: K.spread(x, shape, axis, keepdims),
               x=lambda xp, g, axis, keepdims: xp.sum(g, axis, keepdims), grad_name="ExpandBackward0")  # fmt: skip

# views ---------------------------------------------------------------------------------------------------------------


def _back(xp: Any, g: Any, x_shape: tuple[int, ...]) -> Any:
    """The gradient in the shape that was."""
    return xp.reshape(g, x_shape)


view_as = view("view", K.view, x=_back)
unsafe_view = unary("unsafe_view", lambda x, shape: x.reshape(shape), x=_back)
reshape_copy = unary("reshape_copy", lambda x, shape: x.reshape(shape), x=_back, grad_name="UnsafeViewBackward0")
reshape_copy.op.shown = (("CloneBackward0", 0),)  # type: ignore[attr-defined]
reshape = view("reshape", lambda x, shape: x.reshape(shape), x=_back, grad_name="ViewBackward0", copied=reshape_copy)
reshape_alias = view("reshape_alias", lambda x, shape: x.reshape(shape), x=_back, copied=reshape_copy)
transpose = view("transpose", lambda x, i, j: x.swapaxes(i, j), x=lambda xp, g, i, j: xp.transpose(g, i, j))
t = view("t", lambda x: x.T, x=lambda xp, g: xp.t(g), grad_name="TBackward0")
permute = view(
    "permute",
    lambda x, axes: x.transpose(axes),
    x=lambda xp, g, axes: xp.permute(g, tuple(sorted(range(len(axes)), key=axes.__getitem__))),
)
squeeze = view("squeeze", lambda x, axis: x.squeeze(axis), x=_back)
squeeze_one = view("squeeze_one", lambda x, axis: x.squeeze(axis), x=_back, grad_name="SqueezeBackward1")
squeeze_several = view("squeeze_several", lambda x, axis: x.squeeze(axis), x=_back, grad_name="SqueezeBackward2")
unsqueeze = view("unsqueeze", K.unsqueeze, x=_back)
expand = view("expand", K.expand, x=lambda xp, g, x_shape: xp.sum_to(g, x_shape))
diagonal = view("diagonal", K.diagonal, x=lambda xp, g, x_shape, offset, i, j: xp.diag_embed(g, x_shape, offset, i, j))
unfold = view(
    "unfold", K.windows, x=lambda xp, g, x_shape, axis, size, step: xp.fold_windows(g, x_shape, axis, size, step)
)
fold_windows = unary("fold_windows", K.fold_windows, x=lambda xp, g, axis, size, step: xp.unfold(g, axis, size, step))
diag_embed = unary("diag_embed", K.diag_embed, x=lambda xp, g, offset, i, j: xp.diagonal(g, offset, i, j))
diagonal_copy = unary(
    "diagonal_copy",
    lambda x, offset, i, j: K.diagonal(x, offset, i, j).copy(),
    grad_name="DiagonalBackward0_copy",
    x=lambda xp, g, x_shape, offset, i, j: xp.diag_embed(g, x_shape, offset, i, j),
)
narrow_copy = unary(
    "narrow_copy", lambda x, key: x[key].copy(), x=lambda xp, g, x_shape, key: xp.partial(g, x_shape, key)
)
diagonal_scatter = op("diagonal_scatter", K.diagonal_scatter, inputs="x src",
                      x=lambda xp, g, offset, i, j: xp.diagonal_without(g, offset, i, j),
                      src=lambda xp, g, offset, i, j: xp.diagonal(g, offset, i, j))  # fmt: skip
diagonal_without = unary("diagonal_without", lambda x, offset, i, j: K.diagonal_scatter(x, 0, offset, i, j),
                         x=lambda xp, g, offset, i, j: xp.diagonal_without(g, offset, i, j))  # fmt: skip

# the same in place: PyTorch gives their nodes other names ------------------------------------------------------------
t_in_place = view("t_in_place", lambda x: x.T, x=lambda xp, g: xp.t(g), grad_name="TBackward1")
transpose_in_place = view(
    "transpose_in_place",
    lambda x, i, j: x.swapaxes(i, j),
    x=lambda xp, g, i, j: xp.transpose(g, i, j),
    grad_name="TransposeBackward1",
)
squeeze_in_place = view("squeeze_in_place", lambda x, axis: x.squeeze(axis), x=_back, grad_name="SqueezeBackward3")
squeeze_one_in_place = view(
    "squeeze_one_in_place", lambda x, axis: x.squeeze(axis), x=_back, grad_name="SqueezeBackward4"
)
squeeze_several_in_place = view(
    "squeeze_several_in_place", lambda x, axis: x.squeeze(axis), x=_back, grad_name="SqueezeBackward5"
)
unsqueeze_in_place = view(
    "unsqueeze_in_place", lambda x, axis: np.expand_dims(x, axis), x=_back, grad_name="UnsqueezeBackward1"
)

# complex numbers (g is the plain cotangent: see table.py) ------------------------------------------------------------
real = view("real", lambda x: x.real, x=lambda xp, g: xp.conj(xp.to_complex(g)), grad_name="SelectBackward0")
imag = view("imag", lambda x: x.imag, x=lambda xp, g: xp.to_complex(g) * -1j, grad_name="SelectBackward0")
real.op.shown = imag.op.shown = (("ViewAsRealBackward0", 0),)  # type: ignore[attr-defined]
to_complex = unary(
    "to_complex",
    lambda x: x.astype(np.complex64 if x.dtype == np.float32 else np.complex128),
    x=lambda xp, g: xp.real(g),
)

# joining -------------------------------------------------------------------------------------------------------------


def _cat_grads(xp: Any, g: Any, needs: Any, shapes: Any, axis: int) -> list[Any]:
    grads, start = [], 0
    for need, shape in zip(needs, shapes):
        stop = start + (shape[axis] if shape != (0,) else 0)
        key = (slice(None),) * axis + (slice(start, stop), ...)
        grads.append((xp.slice(g, key) if shape != (0,) else xp.reshape(xp.slice(g, key), (0,))) if need else None)
        start = stop
    return grads


def _block_grads(xp: Any, g: Any, needs: Any, shapes: Any) -> list[Any]:
    grads, i, j = [], 0, 0
    for need, (m, n) in zip(needs, shapes):
        grads.append(xp.slice(g, (slice(i, i + m), slice(j, j + n), ...)) if need else None)
        i, j = i + m, j + n
    return grads


cat = many("cat", joined_format(K.cat), _cat_grads)
stack = many(
    "stack",
    stacked_format(K.stack),
    lambda xp, g, needs, shapes, axis: [
        xp.select(g, (slice(None),) * axis + (i, ...)) if need else None for i, need in enumerate(needs)
    ],
)
block_diag = many("block_diag", K.block_diag, _block_grads)

# rearranging ---------------------------------------------------------------------------------------------------------
flip = unary("flip", K.flip, x=lambda xp, g, axes: xp.flip(g, axes))
roll = unary("roll", suggested_format(lambda x, shifts, axes: np.roll(x, shifts, axes)),
             x=lambda xp, g, shifts, axes: xp.roll(g, tuple(-s for s in shifts), axes))  # fmt: skip
rot90 = unary("rot90", K.rot90, grad_name="Rot90Backward0",
              x=lambda xp, g, k, axes: xp.rot90(g, -k % 4, axes))  # fmt: skip
repeat = unary(
    "repeat", lambda x, times: np.tile(x, times), x=lambda xp, g, x_shape, times: xp.sum_of_tiles(g, x_shape, times)
)
sum_of_tiles = unary("sum_of_tiles", K.sum_of_tiles, x=lambda xp, g, times: xp.repeat(g, times))
roll_flat = unary(
    "roll_flat",
    lambda x, shift: np.roll(x.reshape(-1), shift).reshape(x.shape),
    grad_name="RollBackward0",
    x=lambda xp, g, shift: xp.roll_flat(g, -shift),
)
tril = unary("tril", K.tril, x=lambda xp, g, k: xp.tril(g, k))
triu = unary("triu", K.triu, x=lambda xp, g, k: xp.triu(g, k))
