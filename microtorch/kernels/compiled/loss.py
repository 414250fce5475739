"""Losses that take NumPy several passes. Flat arrays in, the last one written."""

from __future__ import annotations

from microtorch.kernels.compiled import jit


@jit
def huber(x, y, delta, out):
    half = x.dtype.type(0.5)
    for i in range(x.size):
        d = abs(x[i] - y[i])
        near = delta if d > delta else d
        out[i] = (d - near * half) * near


@jit
def huber_slope(x, y, delta, scale, out):
    for i in range(x.size):
        d = x[i] - y[i]
        d = delta if d > delta else d
        out[i] = (-delta if d < -delta else d) * scale
