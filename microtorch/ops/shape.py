"""Shape: views, joining and rearranging. Indexing is in ops/index.py."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.autograd.table import many, unary, view
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
