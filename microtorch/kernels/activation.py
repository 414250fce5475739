"""Activations: element-by-element nonlinearities of networks. Float arrays in, arrays of the same dtype out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.kernels import select, threads, twins
from microtorch.kernels.half import in_single, keeping_statistics
from microtorch.kernels.numbers import one
from microtorch.kernels.pieces import PIECE
from microtorch.kernels.pointwise import SIGN, quiet, sigmoid
from microtorch.kernels.quiet import silence
from microtorch.kernels.special import erf

pieces = twins.elementwise("activation", pieces=True)

SQRT_HALF = math.sqrt(0.5)
INV_SQRT_2PI = 1.0 / math.sqrt(2 * math.pi)
SQRT_2_OVER_PI = math.sqrt(2 / math.pi)
GELU_CUBIC = 0.044715
ONE_SIXTH = float(np.float32(1 / 6))  # PyTorch's derivative of hardsigmoid has it in single precision, for float64 too


def _narrowed(out: Any, x: Any) -> Any:
    return out if out.dtype == x.dtype else out.astype(x.dtype)


@in_single
@pieces
def log_sigmoid(x: Any) -> Any:
    """log(1 / (1 + exp(-x))) = min(x, 0) - log1p(exp(-|x|))."""
    t = np.abs(x)
    t = np.log1p(np.exp(-t))
    return np.minimum(x, 0) - t


@in_single
@pieces
@quiet
def softplus(x: Any, beta: float, threshold: float) -> Any:
    """log(1 + exp(beta x)) / beta; x itself where beta x passes the threshold."""
    z = x * beta
    return select.where(z > threshold, x, np.log1p(np.exp(np.minimum(z, threshold))) / beta)


@in_single
@pieces
def leaky_relu(x: Any, negative_slope: float) -> Any:
    """x, or negative_slope x where x is not positive."""
    scaled = x * negative_slope
    if 0 <= negative_slope <= 1:
        return np.maximum(x, scaled)
    return select.where(x > 0, x, scaled)


def rrelu(x: Any, noise: Any) -> Any:
    """x times a slope for each element: 1, or drawn at random where x is not positive."""
    return x * noise


@in_single
@pieces
def leaky_relu_backward(g: Any, x: Any, negative_slope: float) -> Any:
    """g, or negative_slope g where x is not positive."""
    return select.where(x > 0, g, g * negative_slope)


@in_single
@pieces
def log_sigmoid_backward(g: Any, x: Any) -> Any:
    """g sigmoid(-x)."""
    return g * sigmoid(np.negative(x))


@in_single
@pieces
def softplus_backward(g: Any, x: Any, beta: float, threshold: float) -> Any:
    """g sigmoid(beta x), g itself where beta x passes the threshold."""
    z = x * beta
    return select.where(z > threshold, g, g * sigmoid(z))


@in_single
@pieces
def elu_backward(g: Any, x: Any, alpha: float, scale: float, input_scale: float) -> Any:
    """g scale, or g scale alpha input_scale exp(input_scale x) where x is not positive."""
    left = np.exp(np.minimum(x, 0) * input_scale)
    left *= alpha * scale * input_scale
    left *= g
    return select.where(x > 0, g * scale if scale != 1 else g, left)


@in_single
@pieces
def elu(x: Any, alpha: float, scale: float, input_scale: float) -> Any:
    """scale x, or scale alpha (exp(input_scale x) - 1) where x is not positive."""
    left = np.expm1(np.minimum(x, 0) * input_scale)
    left *= alpha * scale
    return select.where(x > 0, x * scale if scale != 1 else x, left)


@in_single
@pieces
@quiet
def silu(x: Any) -> Any:
    """x sigmoid(x), as x / (1 + exp(-x))."""
    t = np.negative(x)
    if type(t) is not np.ndarray:  # of a 0-d array NumPy makes a scalar
        return x / (1 + np.exp(t))
    np.exp(t, t)
    np.add(t, one(t), t)
    return np.divide(x, t, t)


@in_single
@pieces
def silu_backward(g: Any, x: Any) -> Any:
    """With s = sigmoid(x): g s (1 + x (1 - s))."""
    s = sigmoid(x)
    t = np.asarray(np.subtract(1, s))
    t *= x
    t += 1
    t *= s
    return np.multiply(t, g, out=t)


def softplus_tanh(x: Any) -> Any:
    """tanh(log(1 + exp(x))), Mish's factor."""
    return np.tanh(softplus(x, 1.0, 20.0))


@in_single
@pieces
def mish(x: Any) -> Any:
    """x tanh(log(1 + exp(x)))."""
    return x * softplus_tanh(x)


@in_single
@pieces
def mish_backward(g: Any, x: Any) -> Any:
    """With t = tanh(softplus(x)): g (t + x (1 - t^2) sigmoid(x))."""
    t = softplus_tanh(x)
    return g * (t + x * (1 - t * t) * sigmoid(x))


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


# The normal distribution function beyond |x|, in single precision, is P(t) exp(-x^2 / 2) with t = 1 / (1 + p |x|), to
# 8e-8 (Abramowitz and Stegun, 7.1.26, where it is erf). PyTorch's float32 gelu has it from the same formula.
_TAIL_P = 0.3275911 * SQRT_HALF
_TAIL = tuple(a / 2 for a in (0.254829592, -0.284496736, 1.421413741, -1.453152027, 1.061405429))
_FOR_TWIN = tuple(np.float32(a) for a in (0.5, _TAIL_P, *_TAIL))
_IN_SINGLE_TWIN = tuple(np.array(a) for a in _FOR_TWIN)  # as ufuncs take them fastest
_DENSITY = np.array(INV_SQRT_2PI, np.float32)
_IN_SINGLE = [np.array(a, np.float32) for a in (*_TAIL, _TAIL_P, 1, -0.5, 0.5)]  # (NumPy is slower with Python's)


def _single_cdf(x: Any, cdf: Any) -> None:
    """The normal distribution function of float32, to 1e-7, written into cdf."""
    a1, a2, a3, a4, a5, p, one, minus_half, half = _IN_SINGLE
    t = np.abs(x)
    t *= p
    t += one
    np.divide(one, t, t)
    np.multiply(t, a5, cdf)
    for a in (a4, a3, a2, a1):
        cdf += a
        cdf *= t
    np.multiply(x, x, t)
    t *= minus_half
    cdf *= np.exp(t, t)
    np.subtract(half, cdf, cdf)
    signs = np.bitwise_and(x.view(np.int32), SIGN, t.view(np.int32))  # (NumPy's copysign is slow)
    whole = cdf.view(np.int32)
    whole |= signs
    cdf += half


@quiet
def _gelu_pieces(x: Any, out: Any, cdf: Any) -> None:
    for start in range(0, len(x), PIECE):
        piece = slice(start, start + PIECE)
        _single_cdf(x[piece], cdf[piece])
        np.multiply(x[piece], cdf[piece], out=out[piece])


@keeping_statistics
def gelu(x: Any) -> tuple[Any, Any]:
    """x times the normal distribution function of x (Hendrycks and Gimpel, 2016); and that factor (None where
    gelu_backward does without)."""
    if (fast := twins.few(x)) is not None:
        with silence():
            return (fast.gelu(x, SQRT_HALF) if x.dtype.char == "d" else fast.gelu_float32(x, *_IN_SINGLE_TWIN)), None
    if twins.FEWER * x.size >= twins.least and twins.takes(x) and (fast := twins.of("activation")) is not None:
        if x.dtype == np.float64:
            return twins.each(fast.gelu, x, SQRT_HALF), None
        return twins.each(fast.gelu_float32, x, *_FOR_TWIN), None
    if type(x) is np.ndarray and x.dtype == np.float32 and x.ndim and x.flags.c_contiguous:
        out, cdf = np.empty(x.shape, x.dtype), np.empty(x.shape, x.dtype)
        if x.size <= PIECE:
            with silence():
                _single_cdf(x, cdf)
                return np.multiply(x, cdf, out), cdf
        threads.split(_gelu_pieces, x.size, *[a.reshape(-1) for a in (x, out, cdf)], least=PIECE)
        return out, cdf
    cdf = normal_cdf(np.asarray(x))
    return x * cdf, cdf


@in_single
def gelu_backward(g: Any, x: Any, cdf: Any) -> Any:
    """g (cdf + x pdf), the distribution function and density of the standard normal."""
    if x.dtype.char == "f" and g.shape == x.shape and (fast := twins.few(g)) is not None and twins.takes(g, x):
        return fast.gelu_backward_float32(g, x, *_IN_SINGLE_TWIN, _DENSITY)
    if twins.FEWER * x.size >= twins.least and x.dtype == np.float32 and type(g) is np.ndarray:
        up = np.ascontiguousarray(g)  # (a sum's gradient is one number spread over all places)
        fast = twins.of("activation") if up.shape == x.shape and twins.takes(up, x) else None
        if fast is not None:
            return twins.each(fast.gelu_backward_float32, up, x, 0.5, _TAIL_P, *_TAIL, INV_SQRT_2PI)
    return _gelu_backward(g, x, normal_cdf(x) if cdf is None else cdf)


@twins.elementwise("", pieces=True)
def _gelu_backward(g: Any, x: Any, cdf: Any) -> Any:
    slope = np.asarray(normal_pdf(x))  # of a 0-d array a number
    slope *= x
    slope += cdf
    return np.multiply(slope, g, out=slope) if g.shape == slope.shape else g * slope


@in_single
@pieces
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


@in_single
@pieces
def gelu_tanh_backward(g: Any, x: Any) -> Any:
    """With u = sqrt(2 / pi) (x + c x^3), t = tanh(u): g (1 + t + x (1 - t^2) u') / 2."""
    square = x * x
    t = np.tanh(x * (square * (GELU_CUBIC * SQRT_2_OVER_PI) + SQRT_2_OVER_PI))
    slope = square * (3 * GELU_CUBIC * SQRT_2_OVER_PI) + SQRT_2_OVER_PI
    return g * (0.5 * (1 + t + x * (1 - t * t) * slope))


@in_single
@pieces
def hardtanh(x: Any, low: float, high: float) -> Any:
    """x cut off at low and high."""
    return _narrowed(np.clip(x, low, high), x)


@in_single
@pieces
def between(g: Any, x: Any, low: float, high: float) -> Any:
    """g where low < x < high, else 0."""
    return select.kept(g, (x > low) & (x < high))


@in_single
@pieces
def outside(g: Any, x: Any, lambd: float) -> Any:
    """g where |x| > lambd, else 0."""
    return select.dropped(g, np.abs(x) <= lambd)


@in_single
@pieces
def above(g: Any, x: Any, threshold: float) -> Any:
    """g where x > threshold (or x is NaN), else 0."""
    return select.dropped(g, x <= threshold)


@in_single
@pieces
def hardsigmoid(x: Any) -> Any:
    """min(max(x + 3, 0), 6) / 6."""
    return np.clip(x + 3, 0, 6) / 6


@in_single
@pieces
def hardswish(x: Any) -> Any:
    """x min(max(x + 3, 0), 6) / 6."""
    out = np.asarray(x + 3)
    np.clip(out, 0, 6, out=out)
    out *= x
    out /= 6
    return out


@in_single
@pieces
def hardswish_backward(g: Any, x: Any) -> Any:
    """0 up to -3, then g (x / 3 + 1/2) to 3, then g."""
    return g * hardswish_slope(x)


def hardswish_slope(x: Any) -> Any:
    """The derivative of hardswish: 0 up to -3, x / 3 + 1/2 to 3, then 1."""
    return select.where(x >= 3, np.ones_like(x), select.kept(x / 3 + 0.5, ~(x <= -3)))


@in_single
@pieces
def softshrink(x: Any, lambd: float) -> Any:
    """x moved toward 0 by lambd; 0 where it is nearer than that (of few numbers, of x's sign)."""
    out = x - np.clip(x, -lambd, lambd)
    return np.copysign(out, x) if x.size < 64 else out  # (PyTorch gives 0 that sign only where it has no full vector)


def hardshrink(x: Any, lambd: float) -> Any:
    """x, or 0 where |x| <= lambd."""
    return outside(x, x, lambd)


@in_single
@pieces
def threshold(x: Any, threshold: float, value: float) -> Any:
    """x, or `value` where x <= threshold."""
    if value == 0 and math.copysign(1, value) > 0:
        return select.dropped(x, x <= threshold)
    return select.where(x <= threshold, np.full_like(x, value), x)


def prelu(x: Any, weight: Any) -> Any:
    """x, or weight x where x is not positive; weight broadcast."""
    if x.size >= twins.least and x.ndim and x.size and (done := _prelu_compiled(x, weight)) is not None:
        return done
    if x.size < 4096 or not np.isfinite(weight).all():
        return select.where(x > 0, x, x * weight)
    out = np.minimum(x, 0) if x.dtype.char == "e" else np.clip(x, -np.inf, 0)  # faster
    out *= weight
    out += np.maximum(x, 0) if x.dtype.char == "e" else np.clip(x, 0, np.inf)
    return out


def prelu_input(up: Any, x: Any, weight: Any) -> Any:
    """The gradient of prelu's x, given that of its result."""
    return select.where(x > 0, up, up * weight)


def prelu_weight(up: Any, x: Any) -> Any:
    """The gradient of prelu's weight at each place, given that of its result."""
    return select.where(x > 0, 0, up * x)


def _prelu_compiled(x: Any, weight: Any) -> Any:
    """By the compiled twin, if there is one and the weights belong to a dimension of x; else None."""
    axes = [i for i, n in enumerate(np.shape(weight)) if n > 1]
    axis = axes[0] + x.ndim - weight.ndim if axes else 0
    if len(axes) > 1 or not twins.takes(x) or weight.dtype != x.dtype or (fast := twins.of("pointwise")) is None:
        return None
    out = np.empty(x.shape, x.dtype)
    shape = (math.prod(x.shape[:axis]), x.shape[axis], -1) if axes else (1, 1, -1)
    weights = np.array(weight).reshape(-1)
    fast.prelu(x.reshape(shape), weights, out.reshape(shape))
    return out


@in_single
def glu(x: Any, axis: int) -> Any:
    """The first half along the axis times the sigmoid of the second."""
    axis %= x.ndim
    shape = (*x.shape[:axis], x.shape[axis] // 2, *x.shape[axis + 1 :])
    if x.size >= twins.least and x.size and twins.takes(x) and (fast := twins.of("activation")) is not None:
        out, outer = np.empty(shape, x.dtype), math.prod(shape[:axis])
        least = twins.PART * outer // x.size + 1
        threads.split(fast.glu, outer, x.reshape(outer, 2, -1), out.reshape(outer, -1), least=least)
        return out
    a, b = np.split(x, 2, axis)
    return a * sigmoid(b)


def glu_backward(g: Any, x: Any, axis: int) -> Any:
    """With s the sigmoid of the second half b: g s, and g s a (1 - s)."""
    axis %= x.ndim
    out = np.empty_like(x, order="C")
    if x.size >= twins.least and x.size and twins.takes(x) and (fast := twins.of("activation")) is not None:
        outer = math.prod(x.shape[:axis])
        parts = [np.ascontiguousarray(g, x.dtype).reshape(outer, -1), *(a.reshape(outer, 2, -1) for a in (x, out))]
        threads.split(fast.glu_backward, outer, *parts, least=twins.PART * outer // x.size + 1)
        return out
    a, b = np.split(x, 2, axis)
    first, second = np.split(out, 2, axis)
    s = sigmoid(b)
    np.multiply(g, s, out=first)
    np.subtract(1, s, out=second)
    second *= a
    second *= first
    return out


def kept_and_scaled(x: Any, mask: Any, scale: float) -> Any:
    """x times scale where the mask is, else 0 (dropout's mask, and 1 over the probability that it keeps)."""
    return x * mask * scale
