"""Images and their like: padding, resizing, sampling at points, cutting into patches."""

from __future__ import annotations

from typing import Any

from microtorch.autograd.table import op, unary
from microtorch.kernels import pool as KP, vision as K
from microtorch.kernels.strides import suggested_format


def _opposite(pairs: K.Pairs) -> K.Pairs:
    return tuple((-a, -b) for a, b in pairs)


constant_pad = unary("constant_pad", suggested_format(K.pad_constant), grad_name="ConstantPadNdBackward0",
                     x=lambda xp, g, pairs: xp.constant_pad(g, _opposite(pairs), 0))  # fmt: skip
take_axes = unary(
    "take_axes", K.take_axes, x=lambda xp, g, x_shape, sources: xp.take_axes_backward(g, x_shape, sources)
)
take_axes_backward = unary(
    "take_axes_backward", K.take_axes_backward, x=lambda xp, g, sources: xp.take_axes(g, sources)
)

_take, _map = suggested_format(K.take_axes), suggested_format(KP.map_axes)
_taking: Any = {"x": lambda xp, g, x_shape, sources: xp.take_axes_backward(g, x_shape, sources)}
pads = {
    ("reflect", 1): unary("reflection_pad1d", _take, grad_name="ReflectionPad1DBackward0", **_taking),
    ("reflect", 2): unary("reflection_pad2d", _take, grad_name="ReflectionPad2DBackward0", **_taking),
    ("reflect", 3): unary("reflection_pad3d", _take, grad_name="ReflectionPad3DBackward0", **_taking),
    ("replicate", 1): unary("replication_pad1d", _take, grad_name="ReplicationPad1DBackward0", **_taking),
    ("replicate", 2): unary("replication_pad2d", _take, grad_name="ReplicationPad2DBackward0", **_taking),
    ("replicate", 3): unary("replication_pad3d", _take, grad_name="ReplicationPad3DBackward0", **_taking),
}
"""The paddings that copy elements, by mode and number of dimensions."""
circular_pad = unary("circular_pad", K.take_axes, grad_name="torch::autograd::CopySlices", **_taking)

# resizing -------------------------------------------------------------------------------------------------------------
_mapping: Any = {"x": lambda xp, g, maps: xp.map_axes_backward(g, maps)}
resizing = {
    ("nearest", 1): unary("upsample_nearest1d", _take, grad_name="UpsampleNearest1DBackward0", **_taking),
    ("nearest", 2): unary("upsample_nearest2d", _take, grad_name="UpsampleNearest2DBackward0", **_taking),
    ("nearest", 3): unary("upsample_nearest3d", _take, grad_name="UpsampleNearest3DBackward0", **_taking),
    ("nearest-exact", 1): unary(
        "upsample_nearest_exact1d",
        _take,
        grad_name="UpsampleNearestExact1DBackward0",
        **_taking,
    ),
    ("nearest-exact", 2): unary(
        "upsample_nearest_exact2d",
        _take,
        grad_name="UpsampleNearestExact2DBackward0",
        **_taking,
    ),
    ("nearest-exact", 3): unary(
        "upsample_nearest_exact3d",
        _take,
        grad_name="UpsampleNearestExact3DBackward0",
        **_taking,
    ),
    ("linear", 1): unary("upsample_linear1d", _map, grad_name="UpsampleLinear1DBackward0", **_mapping),
    ("bilinear", 2): unary("upsample_bilinear2d", _map, grad_name="UpsampleBilinear2DBackward0", **_mapping),
    ("trilinear", 3): unary("upsample_trilinear3d", _map, grad_name="UpsampleTrilinear3DBackward0", **_mapping),
    ("bicubic", 2): unary("upsample_bicubic2d", _map, grad_name="UpsampleBicubic2DBackward0", **_mapping),
    ("bilinear-aa", 2): unary(
        "upsample_bilinear2d_aa",
        _map,
        grad_name="UpsampleBilinear2DAaBackward0",
        **_mapping,
    ),
    ("bicubic-aa", 2): unary(
        "upsample_bicubic2d_aa",
        _map,
        grad_name="UpsampleBicubic2DAaBackward0",
        **_mapping,
    ),
    ("lanczos-aa", 2): unary(
        "upsample_lanczos2d_aa",
        _map,
        grad_name="UpsampleLanczos2DAaBackward0",
        **_mapping,
    ),
}
"""The ways to resize, by mode and number of dimensions: elements taken, or a linear map along each dimension."""

resize_bytes = unary("resize_bytes", K.map_bytes)

# sampling at points: derivatives by the grid's coordinates are samples with derived weights --------------------------


def _by_grid(xp: Any, g: Any, x: Any, grid: Any, mode: str, padding: str, align: bool, orders: Any) -> Any:
    """The gradient of the grid: for each coordinate (the last dimension's first) the sum over channels of g dsample."""
    if not xp.recorded:
        return K.grid_sample_grid(g, x, grid, mode, padding, align, orders)
    count = len(x.shape) - 2
    orders = orders or (0,) * count
    parts = []
    for e in reversed(range(count)):
        raised = tuple(o + (i == e) for i, o in enumerate(orders))
        parts.append(xp.sum(g * xp.grid_sample_derived(x, grid, mode, padding, align, raised), (1,), False))
    return xp.stack(parts, count + 1)


_sampling: Any = {
    "x": lambda xp, g, grid, x_shape, mode, padding, align, orders:
        xp.grid_sample_input(g, grid, x_shape, mode, padding, align, orders),
    "grid": lambda xp, g, x, grid, mode, padding, align, orders: _by_grid(xp, g, x, grid, mode, padding, align, orders),
}  # fmt: skip
grid_sample2d = op("grid_sample2d", K.grid_sample, inputs="x grid", grad_name="GridSampler2DBackward0", **_sampling)
grid_sample3d = op("grid_sample3d", K.grid_sample, inputs="x grid", grad_name="GridSampler3DBackward0", **_sampling)
grid_sample_derived = op("grid_sample_derived", K.grid_sample, inputs="x grid", **_sampling)
grid_sample_input = op(
    "grid_sample_input", K.grid_sample_input, inputs="y grid", grad_name="GridSampler2DBackwardBackward0",
    y=lambda xp, g, grid, mode, padding, align, orders: xp.grid_sample_derived(g, grid, mode, padding, align, orders),
    grid=lambda xp, g, y, grid, mode, padding, align, orders: _by_grid(xp, y, g, grid, mode, padding, align, orders),
)  # fmt: skip
affine_grid = op("affine_grid", K.affine_grid, inputs="theta base", grad_name="AffineGridGeneratorBackward0",
                 theta=lambda xp, g, base: xp.matmul(
                     xp.transpose(g.reshape((g.shape[0], -1, g.shape[-1])), 1, 2), base))  # fmt: skip

# patches and shuffles ------------------------------------------------------------------------------------------------
im2col = unary("im2col", K.im2col, grad_name="Im2ColBackward0",
               x=lambda xp, g, x_shape, kernel, dilation, padding, stride:
                   xp.col2im(g, x_shape[2:], kernel, dilation, padding, stride))  # fmt: skip
col2im = unary(
    "col2im",
    K.col2im,
    grad_name="Col2ImBackward0",
    x=lambda xp, g, kernel, dilation, padding, stride: xp.im2col(g, kernel, dilation, padding, stride),
)
pixel_shuffle = unary("pixel_shuffle", suggested_format(K.pixel_shuffle), x=lambda xp, g, r: xp.pixel_unshuffle(g, r))
pixel_unshuffle = unary(
    "pixel_unshuffle", suggested_format(K.pixel_unshuffle), x=lambda xp, g, r: xp.pixel_shuffle(g, r)
)
channel_shuffle = unary("channel_shuffle", suggested_format(K.channel_shuffle),
                        x=lambda xp, g, x_shape, groups: xp.channel_shuffle(g, x_shape[1] // groups))  # fmt: skip
