"""Element by element: arithmetic, powers and exponentials, trigonometry, activations, rounding, comparison.

The conventions at singular points are PyTorch's: the derivative of abs at 0 is 0, of sqrt at 0 is inf, of relu at 0 is 0,
of maximum at a tie one half for each input.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.autograd.table import binary, op, unary
from microtorch.kernels import pointwise as K

# pieces of formulas -----------------------------------------------------------------------------------------------------
sign = unary("sign", K.sign, x=lambda xp, g: g * 0)
zeros_like = unary("zeros_like", np.zeros_like)
ones_like = unary("ones_like", np.ones_like)
cast = unary("cast", K.cast, x=lambda xp, g: g, grad_name="ToCopyBackward0")
grad_copy = unary("grad_copy", lambda x: x.copy("K"), x=lambda xp, g: g, grad_name="CopyBackwards")
clone = unary("clone", lambda x: x.copy("K"), x=lambda xp, g: g)
contiguous = unary("contiguous", lambda x: x.copy("C"), x=lambda xp, g: g, grad_name="CloneBackward0")
relu_backward = binary("relu_backward", K.relu_backward, x=lambda xp, g, y: xp.relu_backward(g, y))

# arithmetic --------------------------------------------------------------------------------------------------------------
neg = unary("neg", np.negative, x=lambda xp, g: -g)
add = binary("add", np.add, x=lambda xp, g: g, y=lambda xp, g: g)
sub = binary("sub", K.subtract, x=lambda xp, g: g, y=lambda xp, g: -g)
mul = binary("mul", np.multiply, x=lambda xp, g, y: g * y, y=lambda xp, g, x: g * x)
div = binary("div", K.divide, to_float=True,
             x=lambda xp, g, y: g / y,
             y=lambda xp, g, x, y: -g * ((x / y) / y))  # fmt: skip
floor_divide = binary("floor_divide", K.floor_divide)
div_trunc = binary("div_trunc", K.divide_trunc, grad_name="DivBackward1",
                   x=lambda xp, g: g * 0, y=lambda xp, g: g * 0)  # fmt: skip
div_floor = binary("div_floor", K.floor_divide, grad_name="DivBackward1",
                   x=lambda xp, g: g * 0, y=lambda xp, g: g * 0)  # fmt: skip
remainder = binary("remainder", K.remainder,
                   x=lambda xp, g: g,
                   y=lambda xp, g, x, y: -g * xp.div_floor(x, y))  # fmt: skip
fmod = binary("fmod", K.fmod,
              x=lambda xp, g: g,
              y=lambda xp, g, x, y: -g * xp.div_trunc(x, y))  # fmt: skip
reciprocal = unary("reciprocal", K.reciprocal, to_float=True, x=lambda xp, g, out: -g * (out * out))
square = unary("square", np.square, x=lambda xp, g, x: g * (2 * x), grad_name="PowBackward0")


def _pow_x(xp: Any, g: Any, x: Any, y: Any) -> Any:
    """d x^y / dx = y x^(y-1), and 0 where y is 0 (also at x = 0)."""
    if isinstance(y, (int, float)):
        if y == 0:
            return g * 0
        return g * x * 2 if y == 2 else g * (y * xp.pow(x, y - 1))
    return xp.where(y == 0, g * 0, g * (y * xp.pow(x, y - 1)))


def _pow_y(xp: Any, g: Any, x: Any, y: Any, out: Any) -> Any:
    """d x^y / dy = x^y log x, and 0 where x is 0 and y is not negative."""
    if isinstance(x, (int, float)):
        return xp.where(y >= 0, g * 0, g * (out * -math.inf)) if x == 0 else g * (out * _log_number(x))
    return xp.where((x == 0) & (y >= 0), g * 0, g * (out * xp.log(x)))


def _log_number(x: float) -> float:
    return math.log(x) if x > 0 else math.nan


pow = binary("pow", K.power, x=_pow_x, y=_pow_y)

# exponentials and roots ----------------------------------------------------------------------------------------------------
exp = unary("exp", np.exp, to_float=True, x=lambda xp, g, out: g * out)
exp2 = unary("exp2", np.exp2, to_float=True, x=lambda xp, g, out: g * out * math.log(2))
expm1 = unary("expm1", np.expm1, to_float=True, x=lambda xp, g, out: g * (out + 1))
log = unary("log", K.log, to_float=True, x=lambda xp, g, x: g / x)
log2 = unary("log2", K.log2, to_float=True, x=lambda xp, g, x: g / (x * math.log(2)))
log10 = unary("log10", K.log10, to_float=True, x=lambda xp, g, x: g / (x * math.log(10)))
log1p = unary("log1p", K.log1p, to_float=True, x=lambda xp, g, x: g / (x + 1))
sqrt = unary("sqrt", K.sqrt, to_float=True, x=lambda xp, g, out: g / (2 * out))
rsqrt = unary("rsqrt", K.rsqrt, to_float=True, x=lambda xp, g, out: -0.5 * g * (out * out * out))
logaddexp = binary("logaddexp", np.logaddexp, to_float=True,
                   x=lambda xp, g, x, y: g / (1 + xp.exp(y - x)),
                   y=lambda xp, g, x, y: g / (1 + xp.exp(x - y)))  # fmt: skip

# trigonometry --------------------------------------------------------------------------------------------------------------
sin = unary("sin", np.sin, to_float=True, x=lambda xp, g, x: g * xp.cos(x))
cos = unary("cos", np.cos, to_float=True, x=lambda xp, g, x: g * -xp.sin(x))
tan = unary("tan", np.tan, to_float=True, x=lambda xp, g, out: g * (1 + out * out))
asin = unary("asin", K.quiet(lambda x: np.arcsin(x)), to_float=True, x=lambda xp, g, x: g * xp.rsqrt(1 - x * x))
acos = unary("acos", K.quiet(lambda x: np.arccos(x)), to_float=True, x=lambda xp, g, x: g * -xp.rsqrt(1 - x * x))
atan = unary("atan", np.arctan, to_float=True, x=lambda xp, g, x: g / (x * x + 1))
sinh = unary("sinh", np.sinh, to_float=True, x=lambda xp, g, x: g * xp.cosh(x))
cosh = unary("cosh", np.cosh, to_float=True, x=lambda xp, g, x: g * xp.sinh(x))
tanh = unary("tanh", np.tanh, to_float=True, x=lambda xp, g, out: g * (1 - out * out))
asinh = unary("asinh", np.arcsinh, to_float=True, x=lambda xp, g, x: g * xp.rsqrt(x * x + 1))
acosh = unary("acosh", K.quiet(lambda x: np.arccosh(x)), to_float=True, x=lambda xp, g, x: g * xp.rsqrt(x * x - 1))
atanh = unary("atanh", K.quiet(lambda x: np.arctanh(x)), to_float=True, x=lambda xp, g, x: g / (1 - x * x))
atan2 = binary("atan2", np.arctan2, to_float=True,
               x=lambda xp, g, x, y: g * (y / (x * x + y * y)),
               y=lambda xp, g, x, y: g * (-x / (x * x + y * y)))  # fmt: skip

# absolute value, extremes, rounding ------------------------------------------------------------------------------------------
conj = unary("conj", np.conj, x=lambda xp, g: xp.conj(g))
abs_complex = unary("abs_complex", np.abs, x=lambda xp, g, x: g * xp.conj(xp.sign(x)), grad_name="AbsBackward0")
abs = unary("abs", np.abs, x=lambda xp, g, x: g * xp.conj(xp.sign(x)))
maximum = binary("maximum", np.maximum,
                 x=lambda xp, g, x, y: xp.where(x == y, g / 2, xp.where(x > y, g, g * 0)),
                 y=lambda xp, g, x, y: xp.where(x == y, g / 2, xp.where(y > x, g, g * 0)))  # fmt: skip
minimum = binary("minimum", np.minimum,
                 x=lambda xp, g, x, y: xp.where(x == y, g / 2, xp.where(x < y, g, g * 0)),
                 y=lambda xp, g, x, y: xp.where(x == y, g / 2, xp.where(y < x, g, g * 0)))  # fmt: skip
fmax = binary("fmax", np.fmax,
              x=lambda xp, g, x, y: xp.where((x >= y) | xp.isnan(y), g, g * 0),
              y=lambda xp, g, x, y: xp.where((x >= y) | xp.isnan(y), g * 0, g))  # fmt: skip
fmin = binary("fmin", np.fmin,
              x=lambda xp, g, x, y: xp.where((x <= y) | xp.isnan(y), g, g * 0),
              y=lambda xp, g, x, y: xp.where((x <= y) | xp.isnan(y), g * 0, g))  # fmt: skip


def _clamp(x: Any, low: Any, high: Any) -> Any:
    return np.clip(x, low, high).astype(x.dtype, copy=False)


def _inside(xp: Any, x: Any, low: Any, high: Any) -> Any:
    """Where clamp lets its input through; the bounds themselves belong to it."""
    if low is None:
        return x <= high
    return x >= low if high is None else (x >= low) & (x <= high)


clamp = unary("clamp", _clamp, x=lambda xp, g, x, low, high: xp.where(_inside(xp, x, low, high), g, g * 0), grad_name="ClampBackward1")
where = op("where", lambda condition, x, y: np.where(condition, x, y), inputs="condition x y",
           x=lambda xp, g, condition: xp.where(condition, g, g * 0),
           y=lambda xp, g, condition: xp.where(condition, g * 0, g))  # fmt: skip
floor = unary("floor", np.floor, x=lambda xp, g: g * 0)
ceil = unary("ceil", np.ceil, x=lambda xp, g: g * 0)
trunc = unary("trunc", np.trunc, x=lambda xp, g: g * 0)
round = unary("round", np.round, x=lambda xp, g: g * 0)
frac = unary("frac", lambda x: x - np.trunc(x), x=lambda xp, g: g)

# activations ---------------------------------------------------------------------------------------------------------------
relu = unary("relu", lambda x: np.maximum(x, 0), x=lambda xp, g, out: xp.relu_backward(g, out))
sigmoid = unary("sigmoid", K.sigmoid, to_float=True, x=lambda xp, g, out: g * (out * (1 - out)))

# comparison and logic --------------------------------------------------------------------------------------------------------
eq = binary("eq", np.equal)
ne = binary("ne", np.not_equal)
lt = binary("lt", np.less)
le = binary("le", np.less_equal)
gt = binary("gt", np.greater)
ge = binary("ge", np.greater_equal)
logical_and = binary("logical_and", np.logical_and)
logical_or = binary("logical_or", np.logical_or)
logical_xor = binary("logical_xor", np.logical_xor)
logical_not = unary("logical_not", np.logical_not)
bitwise_and = binary("bitwise_and", np.bitwise_and)
bitwise_or = binary("bitwise_or", np.bitwise_or)
bitwise_xor = binary("bitwise_xor", np.bitwise_xor)
bitwise_not = unary("bitwise_not", np.invert)
left_shift = binary("left_shift", np.left_shift)
right_shift = binary("right_shift", np.right_shift)
isnan = unary("isnan", np.isnan)
isinf = unary("isinf", np.isinf)
isfinite = unary("isfinite", np.isfinite)
