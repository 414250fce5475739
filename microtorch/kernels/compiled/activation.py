"""Activations and what they send back, each in one pass. Flat arrays in, the last argument written."""

from __future__ import annotations

from microtorch.kernels.activation import GELU_CUBIC, SQRT_2_OVER_PI
from microtorch.kernels.compiled import jit
from microtorch.kernels.compiled.math import erf, exp, expm1, log1p, sigmoid as sigmoid_of

_LINEAR, _CUBIC = SQRT_2_OVER_PI, GELU_CUBIC * SQRT_2_OVER_PI

# sigmoid and tanh ----------------------------------------------------------------------------------------------------


@jit
def sigmoid(x, out):
    for i in range(x.size):
        out[i] = sigmoid_of(x[i])


@jit
def sigmoid_backward(g, s, out):
    one = s.dtype.type(1)
    for i in range(s.size):
        out[i] = g[i] * ((one - s[i]) * s[i])


@jit
def tanh_backward(g, t, out):
    one = t.dtype.type(1)
    for i in range(t.size):
        out[i] = g[i] * (one - t[i] * t[i])


@jit
def silu(x, out):
    for i in range(x.size):
        out[i] = x[i] * sigmoid_of(x[i])


@jit
def silu_backward(g, x, out):
    one = x.dtype.type(1)
    for i in range(x.size):
        s = sigmoid_of(x[i])
        out[i] = g[i] * (s * (one + x[i] * (one - s)))


# softplus and its kin ------------------------------------------------------------------------------------------------


@jit
def log_sigmoid(x, out):
    zero = x.dtype.type(0)
    for i in range(x.size):
        v = x[i]
        out[i] = (v if v < zero else zero) - log1p(exp(-abs(v)))


@jit
def log_sigmoid_backward(g, x, out):
    for i in range(x.size):
        out[i] = g[i] * sigmoid_of(-x[i])


@jit
def softplus(x, beta, threshold, out):
    for i in range(x.size):
        z = x[i] * beta
        v = log1p(exp(z)) / beta
        out[i] = x[i] if z > threshold else v


@jit
def softplus_backward(g, x, beta, threshold, out):
    for i in range(x.size):
        z = x[i] * beta
        v = g[i] * sigmoid_of(z)
        out[i] = g[i] if z > threshold else v


@jit
def mish(x, out):
    two, limit = x.dtype.type(2), x.dtype.type(20)
    for i in range(x.size):
        v = x[i]
        e = exp(limit if v > limit else v)
        n = e * (e + two)
        out[i] = v * (n / (n + two))  # tanh(log(1 + e)) = ((1 + e)^2 - 1) / ((1 + e)^2 + 1)


@jit
def mish_backward(g, x, out):
    one, two, limit = x.dtype.type(1), x.dtype.type(2), x.dtype.type(20)
    for i in range(x.size):
        v = x[i]
        e = exp(limit if v > limit else v)
        n = e * (e + two)
        t = n / (n + two)
        out[i] = g[i] * (t + v * (one - t * t) * (e / (one + e)))


@jit
def elu(x, alpha, scale, input_scale, out):
    zero, left = x.dtype.type(0), alpha * scale
    for i in range(x.size):
        v = x[i]
        low = expm1(v * input_scale) * left
        out[i] = v * scale if v > zero else low


@jit
def elu_backward(g, x, alpha, scale, input_scale, out):
    zero, left = x.dtype.type(0), alpha * scale * input_scale
    for i in range(x.size):
        v = x[i]
        low = g[i] * left * exp(v * input_scale)
        out[i] = g[i] * scale if v > zero else low


# gelu ----------------------------------------------------------------------------------------------------------------


@jit
def gelu_float32(x, half, p, a1, a2, a3, a4, a5, out):
    """With the normal distribution function of `kernels.activation.normal_cdf`, for float32."""
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for i in range(x.size):
        v = x[i]
        t = one / (one + p * abs(v))
        tail = ((((a5 * t + a4) * t + a3) * t + a2) * t + a1) * t * exp(-half * v * v)
        out[i] = v * (tail if v < zero else one - tail)


@jit
def gelu_backward_float32(g, x, half, p, a1, a2, a3, a4, a5, density, out):
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for i in range(x.size):
        v = x[i]
        t = one / (one + p * abs(v))
        e = exp(-half * v * v)
        tail = ((((a5 * t + a4) * t + a3) * t + a2) * t + a1) * t * e
        out[i] = g[i] * ((tail if v < zero else one - tail) + v * e * density)


@jit
def gelu(x, sqrt_half, out):
    half, one = x.dtype.type(0.5), x.dtype.type(1)
    for i in range(x.size):
        out[i] = x[i] * (half * (one + erf(x[i] * sqrt_half)))


@jit
def gelu_tanh(x, out):
    """(1 + tanh u) / 2 is the sigmoid of 2 u."""
    linear, cubic = x.dtype.type(2 * _LINEAR), x.dtype.type(2 * _CUBIC)
    for i in range(x.size):
        v = x[i]
        out[i] = v * sigmoid_of(v * (linear + cubic * v * v))


@jit
def gelu_tanh_backward(g, x, out):
    zero, one, three = x.dtype.type(0), x.dtype.type(1), x.dtype.type(3)
    linear, cubic = x.dtype.type(2 * _LINEAR), x.dtype.type(2 * _CUBIC)
    for i in range(x.size):
        v = x[i]
        square = cubic * v * v
        w = v * (linear + square)
        e = exp(-abs(w))
        r = one / (one + e)
        slope = (e * r * r) * (linear + three * square)
        out[i] = g[i] * ((e * r if w < zero else r) + v * slope)


# choices between two values ------------------------------------------------------------------------------------------


@jit
def relu_backward(g, y, out):
    zero = y.dtype.type(0)
    for i in range(y.size):
        out[i] = zero if y[i] <= zero else g[i]


@jit
def leaky_relu(x, slope, out):
    zero = x.dtype.type(0)
    for i in range(x.size):
        out[i] = x[i] if x[i] > zero else x[i] * slope


@jit
def leaky_relu_backward(g, x, slope, out):
    zero = x.dtype.type(0)
    for i in range(x.size):
        out[i] = g[i] if x[i] > zero else g[i] * slope


@jit
def between(g, x, low, high, out):
    zero = x.dtype.type(0)
    for i in range(x.size):
        out[i] = g[i] if (x[i] > low) & (x[i] < high) else zero


@jit
def outside(g, x, lambd, out):
    zero = x.dtype.type(0)
    for i in range(x.size):
        out[i] = zero if abs(x[i]) <= lambd else g[i]


@jit
def above(g, x, threshold, out):
    zero = x.dtype.type(0)
    for i in range(x.size):
        out[i] = zero if x[i] <= threshold else g[i]


@jit
def hardtanh(x, low, high, out):
    for i in range(x.size):
        v = low if x[i] < low else x[i]
        out[i] = high if v > high else v


@jit
def hardsigmoid(x, out):
    zero, three, six = x.dtype.type(0), x.dtype.type(3), x.dtype.type(6)
    for i in range(x.size):
        v = x[i] + three
        v = zero if v < zero else v
        out[i] = (six if v > six else v) / six


@jit
def hardswish(x, out):
    zero, three, six = x.dtype.type(0), x.dtype.type(3), x.dtype.type(6)
    for i in range(x.size):
        v = x[i] + three
        v = zero if v < zero else v
        out[i] = x[i] * (six if v > six else v) / six


@jit
def hardswish_backward(g, x, out):
    zero, three, half = x.dtype.type(0), x.dtype.type(3), x.dtype.type(0.5)
    for i in range(x.size):
        v = x[i]
        slope = g[i] * (v / three + half)
        slope = zero if v <= -three else slope
        out[i] = g[i] if v >= three else slope


@jit
def softshrink(x, lambd, out):
    zero = x.dtype.type(0)
    for i in range(x.size):
        v = x[i]
        shrunk = v - lambd if v > lambd else (v + lambd if v < -lambd else v * zero)
        out[i] = shrunk


@jit
def threshold(x, limit, value, out):
    for i in range(x.size):
        out[i] = value if x[i] <= limit else x[i]


# two halves: x (outer, 2, inner) -------------------------------------------------------------------------------------


@jit
def glu(x, out):
    for o in range(x.shape[0]):
        first, second, to = x[o, 0], x[o, 1], out[o]
        for i in range(to.size):
            to[i] = first[i] * sigmoid_of(second[i])


@jit
def glu_backward(g, x, out):
    one = x.dtype.type(1)
    for o in range(x.shape[0]):
        first, second, up, to_first, to_second = x[o, 0], x[o, 1], g[o], out[o, 0], out[o, 1]
        for i in range(up.size):  # three loops: with all the arrays in one, LLVM gives up
            to_second[i] = sigmoid_of(second[i])
        for i in range(up.size):
            to_first[i] = up[i] * to_second[i]
        for i in range(up.size):
            to_second[i] = to_first[i] * (first[i] * (one - to_second[i]))
