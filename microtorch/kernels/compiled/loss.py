"""Losses that take NumPy several passes. Flat arrays in, the last one written."""

from __future__ import annotations

from microtorch.kernels.compiled import jit


@jit
def picked(x, target, out):
    """The negative of each row's number of a class; False if a class does not exist."""
    for i in range(target.size):
        place = target[i]
        if place < 0 or place >= x.shape[1]:
            return False
        out[i] = -x[i, place]
    return True


@jit
def placed(share, target, out):
    """In each row, zero but for this, the negative of a share at the class; False if a class does not exist. share: of
    each row, or one for all."""
    for i in range(target.size):
        place = target[i]
        if place < 0 or place >= out.shape[1]:
            return False
        out[i, place] = -share[i if share.size > 1 else 0]
    return True


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
