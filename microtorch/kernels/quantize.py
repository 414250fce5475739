"""Fake quantization: numbers rounded to those that an integer times a scale can be.

B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018
(https://arxiv.org/abs/1712.05877), section 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.kernels.quiet import quiet


@quiet
def quantized_levels(x: Any, scale: Any, zero: Any) -> Any:
    """The integers, as floats, that stand for x before they are clamped: round(x / scale) + zero."""
    single = x if x.dtype.char == "d" else x.astype(np.float32, copy=False)
    return np.rint(single * (np.float32(1) / np.asarray(scale, np.float32))) + np.asarray(zero, single.dtype)


@quiet
def fake_quantize(x: Any, scale: Any, zero: Any, low: int, high: int) -> Any:
    """(clamp(level, low, high) - zero) * scale; what is not a number gets the lowest level."""
    levels = quantized_levels(x, scale, zero)
    np.fmin(np.fmax(levels, low, levels), high, levels)
    levels -= np.asarray(zero, levels.dtype)
    levels *= np.asarray(scale, np.float32)
    return levels.astype(x.dtype, copy=False)
