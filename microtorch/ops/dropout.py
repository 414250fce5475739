"""Dropout with its mask as a result of its own; the usual dropout is a product with noise (nn/functional/noise.py)."""

from __future__ import annotations

from microtorch.autograd.table import unary
from microtorch.kernels import activation as K

native_dropout_backward = unary("native_dropout_backward", K.kept_and_scaled,
                                x=lambda xp, g, mask, scale: xp.native_dropout_backward(g, mask, scale))  # fmt: skip
native_dropout = unary("native_dropout", K.kept_and_scaled,
                       x=lambda xp, g, mask, scale: xp.native_dropout_backward(g, mask, scale))  # fmt: skip
