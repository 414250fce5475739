"""Convolution. It, its transpose in the input and its transpose in the weight are linear in two arguments each, and
every derivative of one of the three is another of the three."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.autograd.table import op
from microtorch.kernels import conv as K
from microtorch.kernels.strides import convolution_format


def _bias(xp: Any, g: Any) -> Any:
    """The sum over samples and places."""
    if not xp.recorded and type(g) is np.ndarray:
        return K.conv_bias(g)
    return xp.sum(g, (0, *range(2, len(g.shape))), False)


conv = op("conv", convolution_format(K.conv), inputs="x weight bias", grad_name="ConvolutionBackward0",
          x=lambda xp, g, weight, x_shape, stride, padding, dilation, groups:
              xp.conv_input(g, weight, x_shape, stride, padding, dilation, groups),
          weight=lambda xp, g, x, weight_shape, stride, padding, dilation, groups:
              xp.conv_weight(g, x, weight_shape, stride, padding, dilation, groups),
          bias=_bias)  # fmt: skip
conv_input = op("conv_input", K.conv_input, inputs="y weight", grad_name="ConvolutionBackward0",
                y=lambda xp, g, weight, y_shape, stride, padding, dilation, groups:
                    xp.conv(g, weight, None, stride, padding, dilation, groups, y_shape[2:]),
                weight=lambda xp, g, y, weight_shape, stride, padding, dilation, groups:
                    xp.conv_weight(y, g, weight_shape, stride, padding, dilation, groups))  # fmt: skip
conv_weight = op("conv_weight", K.conv_weight, inputs="y x", grad_name="ConvolutionBackward0",
                 y=lambda xp, g, x, y_shape, stride, padding, dilation, groups:
                     xp.conv(x, g, None, stride, padding, dilation, groups, y_shape[2:]),
                 x=lambda xp, g, y, x_shape, stride, padding, dilation, groups:
                     xp.conv_input(y, g, x_shape, stride, padding, dilation, groups))  # fmt: skip
conv_transpose = op("conv_transpose", convolution_format(K.conv_transpose), inputs="x weight bias",
                    grad_name="ConvolutionBackward0",
                    x=lambda xp, g, weight, x_shape, stride, padding, dilation, groups:
                        xp.conv(g, weight, None, stride, padding, dilation, groups, x_shape[2:]),
                    weight=lambda xp, g, x, weight_shape, stride, padding, dilation, groups:
                        xp.conv_weight(x, g, weight_shape, stride, padding, dilation, groups),
                    bias=_bias)  # fmt: skip
