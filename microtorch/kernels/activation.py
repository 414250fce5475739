"""Activations: element-by-element nonlinearities of networks. Float arrays in, arrays of the same dtype out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.kernels import select
from microtorch.kernels.pointwise import quiet, sigmoid
from microtorch.kernels.special import erf

SQRT_HALF = math.sqrt(0.5)
INV_SQRT_2PI = 1.0 / math.sqrt(2 * math.pi)
SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715
ONE_SIXTH = float(np.float32(1 / 6))  # PyTorch's derivative of hardsigmoid has it in single precision, for float64 too


def _narrowed(out: Any, x: Any) -> Any:
    return out if out.dtype == x.dtype else out.astype(x.dtype)


def log_sigmoid(x: Any) -> Any:
    """log(1 / (1 + exp(-x))) = min(x, 0) - log1p(exp(-|x|))."""
    t = np.abs(x)
    t = np.log1p(np.exp(-t))
    return np.minimum(x, 0) - t


@quiet
def softplus(x: Any, beta: float, threshold: float) -> Any:
    """log(1 + exp(beta x)) / beta; x itself where beta x passes the threshold."""
    z = x * beta
    return select.where(z > threshold, x, np.log1p(np.exp(np.minimum(z, threshold))) / beta)


def leaky_relu(x: Any, negative_slope: float) -> Any:
    """x, or negative_slope x where x is not positive."""
    scaled = x * negative_slope
    if 0 <= negative_slope <= 1:
        return np.maximum(x, scaled)
    return select.where(x > 0, x, scaled)


def rrelu(x: Any, noise: Any) -> Any:
    """x times a slope for each element: 1, or drawn at random where x is not positive."""
    return x * noise


def leaky_relu_backward(g: Any, x: Any, negative_slope: float) -> Any:
    """g, or negative_slope g where x is not positive."""
    return select.where(x > 0, g, g * negative_slope)


def elu(x: Any, alpha: float, scale: float, input_scale: float) -> Any:
    """scale x, or scale alpha (exp(input_scale x) - 1) where x is not positive."""
    left = np.expm1(np.minimum(x, 0) * input_scale)
    left *= alpha * scale
    return select.where(x > 0, x * scale if scale != 1 else x, left)


def silu(x: Any) -> Any:
    """x sigmoid(x)."""
    return x * sigmoid(x)


def softplus_tanh(x: Any) -> Any:
    """tanh(log(1 + exp(x))), Mish's factor."""
    return np.tanh(softplus(x, 1.0, 20.0))


def mish(x: Any) -> Any:
    """x tanh(log(1 + exp(x)))."""
    return x * softplus_tanh(x)


def normal_cdf(x: Any) -> Any:
    """The distribution function of the standard normal, (1 + erf(x / sqrt 2)) / 2."""
    c = erf(x * SQRT_HALF)
    c += 1
    c *= 0.5
    return c


def normal_pdf(x: Any) -> Any:
    """The density of the standard normal, exp(-x^2 / 2) / sqrt(2 pi)."""
    d = np.asarray(x * x)
    d *= -0.5
    d = np.exp(d)
    d *= INV_SQRT_2PI
    return d


def gelu(x: Any) -> tuple[Any, Any]:
    """x times the normal distribution function of x (Hendrycks and Gimpel, 2016); and that factor."""
    cdf = normal_cdf(np.asarray(x))
    return x * cdf, cdf


def gelu_tanh(x: Any) -> Any:
    """GELU with the distribution function approximated by tanh."""
    t = x * x
    t *= GELU_CUBIC * SQRT_2_OVER_PI
    t += SQRT_2_OVER_PI
    t *= x
    t = np.tanh(t)
    t += 1
    t *= 0.5
    t *= x
    return t


def hardtanh(x: Any, low: float, high: float) -> Any:
    """x cut off at low and high."""
    return _narrowed(np.clip(x, low, high), x)


def between(g: Any, x: Any, low: float, high: float) -> Any:
    """g where low < x < high, else 0."""
    return select.kept(g, (x > low) & (x < high))


def outside(g: Any, x: Any, lambd: float) -> Any:
    """g where |x| > lambd, else 0."""
    return select.kept(g, ~(np.abs(x) <= lambd))


def above(g: Any, x: Any, threshold: float) -> Any:
    """g where x > threshold (or x is NaN), else 0."""
    return select.kept(g, ~(x <= threshold))


def hardsigmoid(x: Any) -> Any:
    """min(max(x + 3, 0), 6) / 6."""
    return np.clip(x + 3, 0, 6) / 6


def hardswish(x: Any) -> Any:
    """x min(max(x + 3, 0), 6) / 6."""
    return x * np.clip(x + 3, 0, 6) / 6


def hardswish_slope(x: Any) -> Any:
    """The derivative of hardswish: 0 up to -3, x / 3 + 1/2 to 3, then 1."""
    return select.where(x < 3, select.kept(x / 3 + 0.5, ~(x <= -3)), np.ones_like(x))


def softshrink(x: Any, lambd: float) -> Any:
    """x moved toward 0 by lambd; 0, of x's sign, where it is nearer than that."""
    return np.copysign(x - np.clip(x, -lambd, lambd), x)


def hardshrink(x: Any, lambd: float) -> Any:
    """x, or 0 where |x| <= lambd."""
    return select.kept(x, ~(np.abs(x) <= lambd))


def threshold(x: Any, threshold: float, value: float) -> Any:
    """x, or `value` where x <= threshold."""
    return select.where(x <= threshold, np.full_like(x, value), x)


def prelu(x: Any, weight: Any) -> Any:
    """x, or weight x where x is not positive; weight broadcast."""
    return select.where(x > 0, x, x * weight)


def glu(x: Any, axis: int) -> Any:
    """The first half along the axis times the sigmoid of the second."""
    a, b = np.split(x, 2, axis)
    return a * sigmoid(b)


def kept_and_scaled(x: Any, mask: Any, scale: float) -> Any:
    """x times scale where the mask is, else 0 (dropout's mask, and 1 over the probability that it keeps)."""
    return x * mask * scale
