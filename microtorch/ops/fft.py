"""Discrete Fourier transforms. They are linear, and the matrix of the transform is symmetric: the derivative of a
transform is the same transform of the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.autograd.table import unary


def _c2c(x: Any, axes: tuple[int, ...], forward: bool, scale: float) -> Any:
    """The sums of x[n] exp(-+ 2 pi i k n / N) over the axes, times `scale`; of real numbers, too."""
    out = (np.fft.fftn if forward else np.fft.ifftn)(x, axes=axes, norm="backward" if forward else "forward")
    return out if scale == 1 else out * scale


def _half(x: Any, axis: int, scale: float) -> Any:
    """The first half of the transform of real numbers, from which the rest follows."""
    out = np.fft.rfft(x, axis=axis)
    return out if scale == 1 else out * scale


def _from_half(x: Any, n: int, axis: int, scale: float) -> Any:
    """The n real numbers of which x is half the transform, the other way round (times n)."""
    return np.fft.irfft(x, n, axis, "forward") * scale if scale != 1 else np.fft.irfft(x, n, axis, "forward")


def _half_x(xp: Any, g: Any, x_shape: Any, axis: int, scale: float) -> Any:
    """The transform of the gradient filled up with zeros; the engine takes the real part."""
    key = tuple(slice(n) for n in g.shape)
    whole = xp.embed(g, (*g.shape[:axis], x_shape[axis], *g.shape[axis + 1 :]), key)
    return xp.fft(whole, (axis,), True, scale)


def _from_half_x(xp: Any, g: Any, x_shape: Any, n: int, axis: int, scale: float) -> Any:
    """All but the first (and for even n the last) stand for two elements of the transform."""
    twice = np.ones(
        (x_shape[axis],) + (1,) * (len(x_shape) - axis - 1), g.dtype if isinstance(g, np.ndarray) else g._data.dtype
    )
    twice[1 : (n + 1) // 2] = 2
    return xp.conj(xp.scaled_by(xp.rfft(g, axis, scale), twice))


fft = unary(
    "fft", _c2c, x=lambda xp, g, axes, forward, scale: xp.fft(g, axes, forward, scale), grad_name="FftC2CBackward0"
)
fft_of_real = unary("fft_of_real", _c2c, x=lambda xp, g, axes, forward, scale: xp.fft(g, axes, forward, scale),
                    grad_name="FftR2CBackward0")  # fmt: skip
rfft = unary("rfft", _half, x=_half_x, grad_name="FftR2CBackward0")
irfft = unary("irfft", _from_half, x=_from_half_x, grad_name="FftC2RBackward0")
scaled_by = unary("scaled_by", lambda x, factor: x * factor, x=lambda xp, g, factor: xp.scaled_by(g, factor))
