"""Activations. At a corner the derivative is PyTorch's: relu 0 at 0, hardtanh 0 at its bounds, leaky_relu the left."""

from __future__ import annotations

import functools
from functools import partial
from typing import Any

import numpy as np

from microtorch.autograd.table import op, unary
from microtorch.kernels import activation as K
from microtorch.kernels.strides import c_order, input_order
from microtorch.ops import pointwise as P


def _in_one_pass(kernel: Any, formula: Any) -> Any:
    """The formula, but of plain arrays by the kernel that computes it with all its parts at once."""

    @functools.wraps(formula)
    def either(xp: Any, *values: Any) -> Any:
        return formula(xp, *values) if xp.recorded else kernel(*values)

    return either


# pieces of formulas: linear in g, and between their corners constant in x --------------------------------------------
_flat = lambda xp, g: xp.zeros_like(g)  # zeros even of NaN, as PyTorch's
between = op("between", K.between, inputs="g x", x=_flat, g=lambda xp, g, x, low, high: xp.between(g, x, low, high))
outside = op("outside", K.outside, inputs="g x", x=_flat, g=lambda xp, g, x, lambd: xp.outside(g, x, lambd))
above = op("above", K.above, inputs="g x", x=_flat, g=lambda xp, g, x, threshold: xp.above(g, x, threshold))
leaky_relu_backward = op(
    "leaky_relu_backward",
    K.leaky_relu_backward,
    inputs="g x",
    x=_flat,
    g=lambda xp, g, x, negative_slope: xp.leaky_relu_backward(g, x, negative_slope),
)

# rectifiers -----------------------------------------------------------------------------------------------------------


def _leaky_relu(name: str, grad_name: str, kernel: Any = K.leaky_relu) -> Any:
    return unary(
        name,
        kernel,
        x=lambda xp, g, x, negative_slope: xp.leaky_relu_backward(g, x, negative_slope),
        grad_name=grad_name,
    )


leaky_relu = _leaky_relu("leaky_relu", "LeakyReluBackward0")
leaky_relu_in_place = _leaky_relu("leaky_relu_in_place", "LeakyReluBackward1")  # PyTorch prints another name then
rrelu_mean = _leaky_relu("rrelu_mean", "RreluWithNoiseBackward0", c_order(K.leaky_relu))
rrelu_mean_in_place = _leaky_relu("rrelu_mean_in_place", "RreluWithNoiseBackward1")
prelu = op("prelu", K.prelu, inputs="x weight", grad_name="PreluKernelBackward0",
           x=lambda xp, g, x, weight: xp.prelu_input(g, x, weight),
           weight=lambda xp, g, x: xp.prelu_weight(g, x))  # fmt: skip
prelu_input = op("prelu_input", K.prelu_input, inputs="up x weight", x=_flat, grad_name="PreluKernelBackwardBackward0",
                 up=lambda xp, g, x, weight: xp.where(x >= 0, g, g * weight),  # (at 0 as PyTorch: not the slope itself)
                 weight=lambda xp, g, up, x: xp.where(x >= 0, 0, g * up))  # fmt: skip
prelu_weight = op("prelu_weight", K.prelu_weight, inputs="up x", grad_name="PreluKernelBackwardBackward0",
                  up=lambda xp, g, x: xp.where(x >= 0, 0, g * x),
                  x=lambda xp, g, up, x: xp.where(x >= 0, 0, g * up))  # fmt: skip
rrelu = op("rrelu", c_order(K.rrelu), inputs="x noise", grad_name="RreluWithNoiseBackward0",
           x=lambda xp, g, x, noise: g * noise)  # fmt: skip  # PyTorch saves x, too: it must not be written to
rrelu_in_place = op("rrelu_in_place", K.rrelu, inputs="x noise", grad_name="RreluWithNoiseBackward1",
                    x=lambda xp, g, noise: g * noise)  # fmt: skip
threshold = unary("threshold", K.threshold, x=lambda xp, g, x, threshold: xp.above(g, x, threshold))
threshold_in_place = unary("threshold_in_place", K.threshold, grad_name="ThresholdBackward1",
                           x=lambda xp, g, x, threshold: xp.above(g, x, threshold))  # fmt: skip
hardtanh = unary("hardtanh", K.hardtanh, x=lambda xp, g, x, low, high: xp.between(g, x, low, high))
hardsigmoid = unary("hardsigmoid", K.hardsigmoid, x=lambda xp, g, x: xp.between(g * K.ONE_SIXTH, x, -3, 3))
hardswish_slope = unary("hardswish_slope", K.hardswish_slope, x=lambda xp, g, x: xp.between(g / 3, x, -3, 3))
hardswish = unary(
    "hardswish", K.hardswish, x=_in_one_pass(K.hardswish_backward, lambda xp, g, x: g * xp.hardswish_slope(x))
)
hardshrink = unary("hardshrink", K.hardshrink, x=lambda xp, g, x, lambd: xp.outside(g, x, lambd))
softshrink = unary("softshrink", K.softshrink, x=lambda xp, g, x, lambd: xp.outside(g, x, lambd))

# smooth ones ---------------------------------------------------------------------------------------------------------
log_sigmoid = unary(
    "log_sigmoid",
    c_order(K.log_sigmoid),
    x=_in_one_pass(K.log_sigmoid_backward, lambda xp, g, x: g * xp.sigmoid(-x)),
    grad_name="LogSigmoidBackward0",
)
softplus = unary(
    "softplus",
    K.softplus,
    x=_in_one_pass(
        K.softplus_backward,
        lambda xp, g, x, beta, threshold: xp.where(x * beta > threshold, g, g * xp.sigmoid(x * beta)),
    ),
)


@partial(_in_one_pass, K.elu_backward)
def _elu_x(xp: Any, g: Any, x: Any, alpha: float, scale: float, input_scale: float) -> Any:
    # (not clamp: the second derivative at 0 is that of the right side)
    left = g * (alpha * scale * input_scale) * xp.exp(xp.where(x < 0, x, 0) * input_scale)
    return xp.where(x > 0, g * scale, left)


elu = unary("elu", K.elu, x=_elu_x)
celu = unary("celu", K.elu, x=_elu_x)
elu_in_place = unary("elu_in_place", K.elu, x=_elu_x, grad_name="EluBackward1")
celu_in_place = unary("celu_in_place", K.elu, x=_elu_x, grad_name="CeluBackward1")


@partial(_in_one_pass, K.silu_backward)
def _silu_x(xp: Any, g: Any, x: Any) -> Any:
    s = xp.sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


@partial(_in_one_pass, K.mish_backward)
def _mish_x(xp: Any, g: Any, x: Any) -> Any:
    """With t = tanh(softplus(x)): t + x (1 - t^2) sigmoid(x)."""
    t = xp.softplus_tanh(x)
    return g * (t + x * (1 - t * t) * xp.sigmoid(x))


silu = unary("silu", K.silu, x=_silu_x)
softplus_tanh = unary("softplus_tanh", K.softplus_tanh, x=lambda xp, g, x, out: g * ((1 - out * out) * xp.sigmoid(x)))
mish = unary("mish", K.mish, x=_mish_x)

normal_pdf = unary("normal_pdf", K.normal_pdf, x=lambda xp, g, x, out: -g * (x * out))
normal_cdf = unary("normal_cdf", K.normal_cdf, x=lambda xp, g, x: g * xp.normal_pdf(x))


def _gelu_x(xp: Any, g: Any, needs: Any, x: Any, cdf: Any) -> list[Any]:
    """The distribution function and x times its derivative, the density."""
    return [g * (cdf + x * xp.normal_pdf(x)) if xp.recorded else K.gelu_backward(g, x, cdf)]


gelu = op(
    "gelu", input_order(K.gelu), inputs="x", residuals=["cdf"], joint=_gelu_x, again=lambda xp, x: xp.normal_cdf(x)
)


@partial(_in_one_pass, K.gelu_tanh_backward)
def _gelu_tanh_x(xp: Any, g: Any, x: Any) -> Any:
    """With u = sqrt(2 / pi) (x + c x^3), t = tanh(u): (1 + t + x (1 - t^2) u') / 2."""
    square = x * x
    t = xp.tanh(x * (square * (K.GELU_CUBIC * K.SQRT_2_OVER_PI) + K.SQRT_2_OVER_PI))
    slope = square * (3 * K.GELU_CUBIC * K.SQRT_2_OVER_PI) + K.SQRT_2_OVER_PI
    return g * (0.5 * (1 + t + x * (1 - t * t) * slope))


gelu_tanh = unary("gelu_tanh", K.gelu_tanh, x=_gelu_tanh_x, grad_name="GeluBackward0")


def _glu_x(xp: Any, g: Any, x: Any, axis: int) -> Any:
    if not xp.recorded and type(x) is type(g) is np.ndarray:
        return K.glu_backward(g, x, axis)
    half = x.shape[axis] // 2
    head = (slice(None),) * axis
    a = xp.slice(x, (*head, slice(0, half), ...))
    s = xp.sigmoid(xp.slice(x, (*head, slice(half, 2 * half), ...)))
    left = g * s
    return xp.cat([left, left * (a * (1 - s))], axis)


glu = unary("glu", K.glu, x=_glu_x)

relu, sigmoid, tanh = P.relu, P.sigmoid, P.tanh
