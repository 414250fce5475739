"""Images and their like: padding, resizing, sampling at points, cutting into patches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch.autograd.table import op, unary
from microtorch.kernels import pool as KP
from microtorch.kernels import vision as K


def _opposite(pairs: K.Pairs) -> K.Pairs:
    return tuple((-a, -b) for a, b in pairs)


constant_pad = unary("constant_pad", K.pad_constant, grad_name="ConstantPadNdBackward0",
                     x=lambda xp, g, pairs: xp.constant_pad(g, _opposite(pairs), 0))  # fmt: skip
take_axes = unary("take_axes", K.take_axes, x=lambda xp, g, x_shape, sources: xp.take_axes_backward(g, x_shape, sources))
take_axes_backward = unary("take_axes_backward", K.take_axes_backward, x=lambda xp, g, sources: xp.take_axes(g, sources))

_taking = {"x": lambda xp, g, x_shape, sources: xp.take_axes_backward(g, x_shape, sources)}
pads = {
    ("reflect", 1): unary("reflection_pad1d", K.take_axes, grad_name="ReflectionPad1DBackward0", **_taking),
    ("reflect", 2): unary("reflection_pad2d", K.take_axes, grad_name="ReflectionPad2DBackward0", **_taking),
    ("reflect", 3): unary("reflection_pad3d", K.take_axes, grad_name="ReflectionPad3DBackward0", **_taking),
    ("replicate", 1): unary("replication_pad1d", K.take_axes, grad_name="ReplicationPad1DBackward0", **_taking),
    ("replicate", 2): unary("replication_pad2d", K.take_axes, grad_name="ReplicationPad2DBackward0", **_taking),
    ("replicate", 3): unary("replication_pad3d", K.take_axes, grad_name="ReplicationPad3DBackward0", **_taking),
}
"""The paddings that copy elements, by mode and number of dimensions."""
circular_pad = unary("circular_pad", K.take_axes, grad_name="CopySlices", **_taking)

# resizing --------------------------------------------------------------------------------------------------------------------
_mapping = {"x": lambda xp, g, maps: xp.map_axes_backward(g, maps)}
resizing = {
    ("nearest", 1): unary("upsample_nearest1d", K.take_axes, grad_name="UpsampleNearest1DBackward0", **_taking),
    ("nearest", 2): unary("upsample_nearest2d", K.take_axes, grad_name="UpsampleNearest2DBackward0", **_taking),
    ("nearest", 3): unary("upsample_nearest3d", K.take_axes, grad_name="UpsampleNearest3DBackward0", **_taking),
    ("nearest-exact", 1): unary("upsample_nearest_exact1d", K.take_axes, grad_name="UpsampleNearestExact1DBackward0", **_taking),
    ("nearest-exact", 2): unary("upsample_nearest_exact2d", K.take_axes, grad_name="UpsampleNearestExact2DBackward0", **_taking),
    ("nearest-exact", 3): unary("upsample_nearest_exact3d", K.take_axes, grad_name="UpsampleNearestExact3DBackward0", **_taking),
    ("linear", 1): unary("upsample_linear1d", KP.map_axes, grad_name="UpsampleLinear1DBackward0", **_mapping),
    ("bilinear", 2): unary("upsample_bilinear2d", KP.map_axes, grad_name="UpsampleBilinear2DBackward0", **_mapping),
    ("trilinear", 3): unary("upsample_trilinear3d", KP.map_axes, grad_name="UpsampleTrilinear3DBackward0", **_mapping),
    ("bicubic", 2): unary("upsample_bicubic2d", KP.map_axes, grad_name="UpsampleBicubic2DBackward0", **_mapping),
    ("bilinear-aa", 2): unary("upsample_bilinear2d_aa", KP.map_axes, grad_name="UpsampleBilinear2DAaBackward0", **_mapping),
    ("bicubic-aa", 2): unary("upsample_bicubic2d_aa", KP.map_axes, grad_name="UpsampleBicubic2DAaBackward0", **_mapping),
    ("lanczos-aa", 2): unary("upsample_lanczos2d_aa", KP.map_axes, grad_name="UpsampleLanczos2DAaBackward0", **_mapping),
}
"""The ways to resize, by mode and number of dimensions: elements taken, or a linear map along each dimension."""

# sampling at points: differentiable once in the grid, as in PyTorch -----------------------------------------------------------


def _grid_sample(name: str, grad_name: str) -> Callable[..., Any]:
    return op(name, K.grid_sample, inputs="x grid", grad_name=grad_name,
              x=lambda xp, g, grid, x_shape, mode, padding, align: xp.grid_sample_input(g, grid, x_shape, mode, padding, align),
              grid=lambda xp, g, x, grid, mode, padding, align: xp.grid_sample_grid(g, x, grid, mode, padding, align))  # fmt: skip


grid_sample2d = _grid_sample("grid_sample2d", "GridSampler2DBackward0")
grid_sample3d = _grid_sample("grid_sample3d", "GridSampler3DBackward0")
grid_sample_input = op("grid_sample_input", K.grid_sample_input, inputs="y grid",
                       y=lambda xp, g, grid, mode, padding, align: xp.grid_sample2d(g, grid, mode, padding, align))  # fmt: skip
grid_sample_grid = op("grid_sample_grid", K.grid_sample_grid, inputs="y x grid")
affine_grid = op("affine_grid", lambda theta, base: np.matmul(base, theta.swapaxes(1, 2)), inputs="theta base",
                 grad_name="AffineGridGeneratorBackward0",
                 theta=lambda xp, g, base: xp.matmul(xp.transpose(g, 1, 2), base))  # fmt: skip

# patches and shuffles --------------------------------------------------------------------------------------------------------
im2col = unary("im2col", K.im2col, grad_name="Im2ColBackward0",
               x=lambda xp, g, x_shape, kernel, dilation, padding, stride:
                   xp.col2im(g, x_shape[2:], kernel, dilation, padding, stride))  # fmt: skip
col2im = unary("col2im", K.col2im, grad_name="Col2ImBackward0",
               x=lambda xp, g, kernel, dilation, padding, stride: xp.im2col(g, kernel, dilation, padding, stride))  # fmt: skip
pixel_shuffle = unary("pixel_shuffle", K.pixel_shuffle, x=lambda xp, g, r: xp.pixel_unshuffle(g, r))
pixel_unshuffle = unary("pixel_unshuffle", K.pixel_unshuffle, x=lambda xp, g, r: xp.pixel_shuffle(g, r))
channel_shuffle = unary("channel_shuffle", K.channel_shuffle,
                        x=lambda xp, g, x_shape, groups: xp.channel_shuffle(g, x_shape[1] // groups))  # fmt: skip
