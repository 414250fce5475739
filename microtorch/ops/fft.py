"""Discrete Fourier transforms. They are linear, and the matrix of the transform is symmetric: the derivative of a
transform is the same transform of the gradient."""

from __future__ import annotations

from typing import Any

from microtorch.autograd.table import unary
from microtorch.kernels import fft as K
from microtorch.ops.pointwise import constant


def _half_x(xp: Any, g: Any, x_shape: Any, axes: tuple[int, ...], scale: float) -> Any:
    """The transform of the gradient filled up with zeros; the engine takes the real part."""
    axis = axes[-1]
    key = tuple(slice(n) for n in g.shape)
    whole = xp.embed(g, (*g.shape[:axis], x_shape[axis], *g.shape[axis + 1 :]), key)
    return xp.fft(whole, axes, True, scale)


def _from_half_x(xp: Any, g: Any, x_shape: Any, n: int, axis: int, scale: float) -> Any:
    weights = K.weights_of_half(n, x_shape[axis], axis, len(x_shape), constant(g).dtype)
    return xp.conj(xp.scaled_by(xp.rfft(g, (axis,), scale), weights))


fft = unary(
    "fft", K.fft, x=lambda xp, g, axes, forward, scale: xp.fft(g, axes, forward, scale), grad_name="FftC2CBackward0"
)
fft_of_real = unary("fft_of_real", K.fft_of_real, x=lambda xp, g, axes, forward, scale: xp.fft(g, axes, forward, scale),
                    grad_name="FftR2CBackward0")  # fmt: skip
rfft = unary("rfft", K.rfft, x=_half_x, grad_name="FftR2CBackward0")
irfft = unary("irfft", K.irfft, x=_from_half_x, grad_name="FftC2RBackward0")
scaled_by = unary("scaled_by", lambda x, factor: x * factor, x=lambda xp, g, factor: xp.scaled_by(g, factor))
