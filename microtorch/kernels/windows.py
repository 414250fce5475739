"""Window functions: tapers that fall to (nearly) nothing at both ends of n samples.

F. J. Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform", Proceedings of the IEEE
66 (1978), 51-83. All are symmetric; a periodic window of n samples is a symmetric one of n + 1 without its last.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.kernels.bessel import i0


def bartlett(n: int, dtype: Any) -> Any:
    """A triangle from 0 up to 1 and down to 0."""
    out = np.arange(n).astype(dtype)
    out *= dtype.type(2.0 / (n - 1))
    falling = out[(n + 1) // 2 :]
    np.subtract(2, falling, out=falling)
    return out


def cosines(n: int, weights: tuple[float, ...], dtype: Any) -> Any:
    """weights[0] - weights[1] cos(t) + weights[2] cos(2 t), t from 0 to 2 pi: Hann's, Hamming's, Blackman's window."""
    t = np.arange(n).astype(dtype)
    t *= dtype.type(2 * math.pi / (n - 1))
    out = np.zeros_like(t)
    for k in range(len(weights) - 1, 0, -1):  # the smallest first, as PyTorch adds them
        out += np.cos(t * dtype.type(k)) * dtype.type((-1) ** k * weights[k])
    out += dtype.type(weights[0])
    return out


def kaiser(n: int, beta: float, dtype: Any) -> Any:
    """i0(beta sqrt(1 - t^2)) / i0(beta), t from -1 to 1; the larger beta, the narrower."""
    half = (n - 1) / 2
    t = (np.arange(n) - half) / half
    root = np.sqrt(np.maximum(1 - t * t, 0))
    return (i0(beta * root) / i0(np.asarray(float(beta)))).astype(dtype)
