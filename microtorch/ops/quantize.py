"""Fake quantization and its straight-through gradient: that of what the result is not clamped to."""

from __future__ import annotations

from typing import Any

from microtorch.autograd.table import unary
from microtorch.kernels import quantize as K
from microtorch.ops import activation  # noqa: F401  # where the entry `between` is


def _straight_through(xp: Any, g: Any, x: Any, scale: Any, zero: Any, low: int, high: int) -> Any:
    return xp.between(g, xp.quantized_levels(x, scale, zero), low - 0.5, high + 0.5)


quantized_levels = unary("quantized_levels", K.quantized_levels)
fake_quantize = unary(
    "fake_quantize", K.fake_quantize, x=_straight_through, grad_name="FakeQuantizePerTensorAffineCachemaskBackward0"
)
fake_quantize_by_tensors = unary(
    "fake_quantize_by_tensors", K.fake_quantize, x=_straight_through,
    grad_name="FakeQuantizePerTensorAffineCachemaskTensorQparamsBackward0",
)  # fmt: skip
fake_quantize_by_channel = unary(
    "fake_quantize_by_channel", K.fake_quantize, x=_straight_through,
    grad_name="FakeQuantizePerChannelAffineCachemaskBackward0",
)  # fmt: skip
