"""Images and their like: padding, resizing, sampling at points, cutting into patches."""

from __future__ import annotations

from microtorch.autograd.table import unary
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
