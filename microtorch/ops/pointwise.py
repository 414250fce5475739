"""Element by element: arithmetic, powers and exponentials, trigonometry, rounding, complex numbers, comparison.

The conventions at singular points are PyTorch's: the derivative of abs at 0 is 0, of sqrt at 0 is inf, of relu at 0
is 0, of maximum at a tie one half for each input. Activations are in ops/activation.py, special functions in
ops/special.py.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from microtorch.autograd.table import arrays, binary, handed_on, locally_constant, op, tensors, unary, view
from microtorch.kernels import pointwise as K, select
from microtorch.kernels.half import is_narrow, rounding
from microtorch.kernels.shape import clone as copied, copied_in_order
from microtorch.kernels.strides import c_order, input_order, operands_order
from microtorch.kernels.transpose import contiguous as in_c_order

arrays.is_complex = lambda x: x.dtype.kind == "c"  # type: ignore[attr-defined]
tensors.is_complex = lambda x: x._data.dtype.kind == "c"  # type: ignore[attr-defined]


def constant(t: Any) -> Any:
    """A value without gradient (indices, exponents) as an array, in either world."""
    return t if isinstance(t, np.ndarray) else t._data


def _as_kind(xp: Any, x: Any, g: Any) -> Any:
    """An operand in the gradient's dtype (what was saved is not promoted); a number as it is, and a wider operand.

    (The other operand of a write in place may be wider than what is written.)
    """
    if isinstance(x, (int, float, complex)):
        return x
    have, want = ((t._data if xp.recorded else t).dtype for t in (x, g))
    return x if have == want or (have.kind == want.kind and have.itemsize > want.itemsize) else xp.cast(x, want)


def underivable(name: str) -> Any:
    """The formula of an operation whose derivative PyTorch does not have either."""

    def formula(xp: Any, g: Any) -> Any:
        raise RuntimeError(f"derivative for aten::{name} is not implemented")

    return formula


def not_implemented(what: str) -> Any:
    """The formula of an input for which PyTorch has no derivative yet."""

    def formula(xp: Any, g: Any) -> Any:
        raise NotImplementedError(f"the derivative for '{what}' is not implemented.")

    return formula


# pieces of formulas ---------------------------------------------------------------------------------------------------
sign = unary("sign", K.sign, x=lambda xp, g: xp.zeros_like(g))
zeros_like = unary("zeros_like", np.zeros_like)
ones_like = unary("ones_like", np.ones_like)
cast_floating = unary("cast", K.cast, x=lambda xp, g: g, grad_name="ToCopyBackward0")
cast_whole = unary("cast_whole", K.cast)


def cast(input: Any, dtype: Any) -> Any:
    """A tensor in another dtype; integers and bools have no gradient."""
    return cast_floating(input, dtype) if dtype.kind in "fc" else cast_whole(input, dtype)


grad_copy = unary("grad_copy", lambda x: x.copy("K"), x=lambda xp, g: g, grad_name="CopyBackwards")
clone = unary("clone", copied, x=lambda xp, g: g)
clone_in_order = unary("clone_in_order", copied_in_order, x=lambda xp, g: g, grad_name="CloneBackward0")
to_copy_in_order = unary("to_copy_in_order", copied_in_order, x=lambda xp, g: g, grad_name="ToCopyBackward0")
contiguous = unary("contiguous", in_c_order, x=lambda xp, g: g, grad_name="CloneBackward0")
relu_backward = binary("relu_backward", K.relu_backward, grad_name="ThresholdBackwardBackward0",
                       x=lambda xp, g, y: xp.relu_backward(g, y),
                       y=lambda xp, g: xp.zeros_like(g))  # fmt: skip  # PyTorch has zeros here, and biases get them

# arithmetic ----------------------------------------------------------------------------------------------------------
neg = unary("neg", K.negative, x=lambda xp, g: -g)
add = binary("add", np.add, scalars=operator.add, x=handed_on, y=handed_on)
sub = binary("sub", K.subtract, check=K.no_bools, x=handed_on, y=lambda xp, g: -g)
rsub = binary(
    "rsub",
    lambda x, y: K.subtract(y, x),
    check=K.no_bools,
    grad_name="RsubBackward1",
    x=lambda xp, g: -g,
    y=lambda xp, g: g,
)
rsub_tensor = binary(
    "rsub_tensor",
    operands_order(lambda x, y: K.subtract(y, x), first=1),
    check=K.no_bools,
    grad_name="RsubBackward0",
    x=lambda xp, g: -g,
    y=lambda xp, g: g,
)
_divide_wide = rounding(K.divide)


def _divided_twice(xp: Any, g: Any, x: Any, y: Any) -> Any:
    """x / y / y, each quotient in the gradient's dtype; y may be a number of float32 beside 16-bit floats."""
    if xp.recorded or not is_narrow(g) or g.dtype is y.dtype:
        return (x / y) / y
    return _divide_wide(_divide_wide(x, y), y)


mul = binary("mul", np.multiply, scalars=operator.mul, wide_number="xy",
             x=lambda xp, g, y: g * y, y=lambda xp, g, x: g * x)  # fmt: skip
outer = binary("outer", K.outer, grad_name="MulBackward0",
               x=lambda xp, g, y: g * y, y=lambda xp, g, x: g * x)  # fmt: skip
div = binary("div", K.divide, to_float=True, wide_number="y",
             x=lambda xp, g, y: g / y,
             y=lambda xp, g, x, y: -g * _divided_twice(xp, g, x, y))  # fmt: skip
floor_divide = binary("floor_divide", K.floor_divide, wide_number="y", grad_name="NotImplemented",
                      x=underivable("floor_divide"), y=underivable("floor_divide"))  # fmt: skip
div_trunc = binary("div_trunc", K.divide_trunc, wide_number="y", grad_name="DivBackward2",
                   x=lambda xp, g: xp.zeros_like(g), y=lambda xp, g: xp.zeros_like(g))  # fmt: skip
div_floor = binary("div_floor", K.floor_divide, wide_number="y", grad_name="DivBackward2",
                   x=lambda xp, g: xp.zeros_like(g), y=lambda xp, g: xp.zeros_like(g))  # fmt: skip
remainder = binary("remainder", K.remainder, grad_name="RemainderBackward1",
                   x=lambda xp, g: g,
                   y=lambda xp, g, x, y: -g * xp.div_floor(_as_kind(xp, x, g), _as_kind(xp, y, g)))  # fmt: skip
remainder_number = unary("remainder_number", K.remainder, x=lambda xp, g: g, grad_name="RemainderBackward0")
number_remainder = unary(
    "number_remainder", lambda x, number: K.remainder(number, x), x=underivable("remainder"), grad_name="NotImplemented"
)
fmod = binary("fmod", K.fmod, grad_name="FmodBackward1",
              x=lambda xp, g: g,
              y=lambda xp, g, x, y: -g * xp.div_trunc(_as_kind(xp, x, g), _as_kind(xp, y, g)))  # fmt: skip
fmod_number = unary("fmod_number", K.fmod, x=lambda xp, g: g, grad_name="FmodBackward0")
reciprocal = unary("reciprocal", K.reciprocal, to_float=True, x=lambda xp, g, out: -g * (out * out))


def _pow_number(xp: Any, g: Any, x: Any, y: float) -> Any:
    """d x^y / dx = y x^(y-1), and 0 where y is 0 (also at x = 0).

    Recorded, the derivative of x^2 is 2 x^1: it stays a power of x, which can be differentiated once more than 2 x.
    """
    if y == 0 and y is not False:  # False is no 0 to PyTorch: 0 x^-1, NaN at 0
        return xp.zeros_like(g)
    return g * (x + x) if y == 2 and not xp.recorded else g * (y * xp.pow_number(x, y - 1))


pow_number = unary("pow_number", K.power, x=_pow_number, grad_name="PowBackward0")
square = unary("square", K.square, x=lambda xp, g, x: _pow_number(xp, g, x, 2), grad_name="PowBackward0")


def _pow_x(xp: Any, g: Any, x: Any, y: Any) -> Any:
    """d x^y / dx = y x^(y-1), and 0 where y is 0 (also at x = 0)."""
    return xp.where(y == 0, 0, g * (y * xp.pow(x, y - 1)))


def _pow_y(xp: Any, g: Any, x: Any, y: Any, out: Any) -> Any:
    """d x^y / dy = x^y log x, and 0 where x is 0 and y is not negative."""
    return g * xp.where((x == 0) & _not_negative(xp, y), 0, out * xp.log(_as_kind(xp, x, g)))


def _not_negative(xp: Any, y: Any) -> Any:
    return (xp.imag(y) == 0) & (xp.real(y) >= 0) if xp.is_complex(y) else y >= 0


pow = binary("pow", K.power, x=_pow_x, y=_pow_y, grad_name="PowBackward1")


def _number_pow(xp: Any, g: Any, x: Any, out: Any, base: Any) -> Any:
    """d b^x / dx = b^x log b; for b = 0 it is 0 where x is not negative."""
    if base == 0:
        return g * xp.where(_not_negative(xp, x), 0, out * -math.inf)
    if isinstance(base, complex) or (base < 0 and xp.is_complex(out)):
        return g * (out * complex(np.log(complex(base))))
    return g * (out * (math.log(base) if base > 0 else math.nan))


number_pow = unary("number_pow", c_order(lambda x, base: K.number_power(x, base)), x=_number_pow,
                   grad_name="PowBackward2")  # fmt: skip

# exponentials and roots ----------------------------------------------------------------------------------------------
exp = unary("exp", K.exp, to_float=True, x=lambda xp, g, out: g * out)
exp2 = unary("exp2", np.exp2, to_float=True, x=lambda xp, g, out: g * out * math.log(2))
expm1 = unary("expm1", np.expm1, to_float=True, x=lambda xp, g, out: g * (out + 1))
log = unary("log", K.log, to_float=True, x=lambda xp, g, x: g / x)
log2 = unary("log2", K.log2, to_float=True, x=lambda xp, g, x: g / (x * math.log(2)))
log10 = unary("log10", K.log10, to_float=True, x=lambda xp, g, x: g / (x * math.log(10)))
log1p = unary("log1p", K.log1p, to_float=True, x=lambda xp, g, x: g / (x + 1))
sqrt = unary("sqrt", K.sqrt, to_float=True, x=lambda xp, g, out: g / (2 * out))
rsqrt = unary("rsqrt", K.rsqrt, to_float=True, x=lambda xp, g, out: -0.5 * g * (out * out * out))
logaddexp = binary("logaddexp", K.logaddexp, to_float=True,
                   x=lambda xp, g, x, y: g / (1 + xp.exp(y - x)),
                   y=lambda xp, g, x, y: g / (1 + xp.exp(x - y)))  # fmt: skip
logaddexp2 = binary("logaddexp2", K.logaddexp2, to_float=True,
                    x=lambda xp, g, x, y: g / (1 + xp.exp2(y - x)),
                    y=lambda xp, g, x, y: g / (1 + xp.exp2(x - y)))  # fmt: skip
sigmoid_backward = op("sigmoid_backward", K.sigmoid_backward, grad_name="SigmoidBackwardBackward0",
                      u=lambda xp, g, s: xp.sigmoid_backward(g, s),
                      s=lambda xp, g, u, s: g * u * (1 - 2 * s))  # fmt: skip
sigmoid = unary("sigmoid", K.sigmoid, to_float=True, x=lambda xp, g, out: xp.sigmoid_backward(g, out))
relu = unary("relu", K.relu, x=lambda xp, g, out: xp.relu_backward(g, out))


def _logit_x(xp: Any, g: Any, x: Any, eps: float | None) -> Any:
    """1 / (x (1 - x)); outside of [eps, 1 - eps] 0, and without eps NaN outside of [0, 1]."""
    low, beyond = (0.0, math.nan) if eps is None else (eps, 0.0)
    return xp.where((x >= low) & (x <= 1 - low), g / (x * (1 - x)), beyond)


logit = unary("logit", K.refusing("c", "logit_cpu", K.logit), to_float=True, x=_logit_x)
xlogy = binary("xlogy", K.xlogy, to_float=True,
               x=lambda xp, g, x, y: xp.where((x == 0) & (y <= 0), 0, xp.xlogy(g, _as_kind(xp, y, g))),
               y=lambda xp, g, x, y: g * x / y)  # fmt: skip
xlog1py = binary("xlog1py", K.xlog1py, to_float=True, grad_name="SpecialXlog1PyBackward0",
                 x=lambda xp, g, x, y: xp.where((x == 0) & (y <= -1), 0, xp.xlog1py(g, _as_kind(xp, y, g))),
                 y=lambda xp, g, x, y: g * x / (y + 1))  # fmt: skip

# trigonometry --------------------------------------------------------------------------------------------------------
sin = unary("sin", np.sin, to_float=True, x=lambda xp, g, x: g * xp.cos(x))
cos = unary("cos", np.cos, to_float=True, x=lambda xp, g, x: g * -xp.sin(x))
tan = unary("tan", np.tan, to_float=True, x=lambda xp, g, out: g * (1 + out * out))
asin = unary("asin", K.quiet(lambda x: np.arcsin(x)), to_float=True, x=lambda xp, g, x: g * xp.rsqrt(1 - x * x))
acos = unary("acos", K.quiet(lambda x: np.arccos(x)), to_float=True, x=lambda xp, g, x: g * -xp.rsqrt(1 - x * x))
atan = unary("atan", np.arctan, to_float=True, x=lambda xp, g, x: g / (x * x + 1))
sinh = unary("sinh", np.sinh, to_float=True, x=lambda xp, g, x: g * xp.cosh(x))
cosh = unary("cosh", np.cosh, to_float=True, x=lambda xp, g, x: g * xp.sinh(x))
tanh_backward = op("tanh_backward", K.tanh_backward, grad_name="TanhBackwardBackward0",
                   u=lambda xp, g, t: xp.tanh_backward(g, t),
                   t=lambda xp, g, u, t: g * u * (-2 * t))  # fmt: skip
tanh = unary("tanh", np.tanh, to_float=True, x=lambda xp, g, out: xp.tanh_backward(g, out))
asinh = unary("asinh", np.arcsinh, to_float=True, x=lambda xp, g, x: g * xp.rsqrt(x * x + 1))
_acosh, _atanh = K.quiet(lambda x: np.arccosh(x)), K.quiet(lambda x: np.arctanh(x))
acosh = unary(
    "acosh",
    _acosh,
    to_float=True,
    x=lambda xp, g, x: g * (xp.rsqrt(x - 1) * xp.rsqrt(x + 1) if xp.is_complex(x) else xp.rsqrt(x * x - 1)),
)
atanh = unary("atanh", _atanh, to_float=True, x=lambda xp, g, x: g / (1 - x * x))
# written in place, these three have no derivative in PyTorch
asinh_in_place = unary("asinh_in_place", np.arcsinh, to_float=True, grad_name="AsinhBackward1",
                       x=not_implemented("inplace version of asinh"))  # fmt: skip
acosh_in_place = unary("acosh_in_place", _acosh, to_float=True, grad_name="AcoshBackward1",
                       x=not_implemented("inplace version of acosh"))  # fmt: skip
atanh_in_place = unary("atanh_in_place", _atanh, to_float=True, grad_name="AtanhBackward1",
                       x=not_implemented("inplace version of atanh"))  # fmt: skip


def _over_square(xp: Any, x: Any, y: Any) -> Any:
    """1 / (x^2 + y^2), and 0 at the origin."""
    s = x * x + y * y
    return xp.where(s == 0, 0, 1 / s)


atan2 = binary("atan2", K.refusing_both("c", "atan2_cpu", np.arctan2), to_float=True,
               x=lambda xp, g, x, y: g * y * _over_square(xp, x, y),
               y=lambda xp, g, x, y: g * xp.neg(x) * _over_square(xp, x, y))  # fmt: skip
hypot = binary("hypot", K.refusing_both("biuc", "hypot_cpu", K.hypot), to_float=True,
               x=lambda xp, g, x, out: g * (x / out),
               y=lambda xp, g, y, out: g * (y / out))  # fmt: skip
deg2rad = unary(
    "deg2rad",
    K.refusing(
        "c", "deg2rad is not supported for complex tensors.", lambda x: K.times(x, math.pi / 180), error=RuntimeError
    ),
    to_float=True,
    x=lambda xp, g: g * (math.pi / 180),
    grad_name="Deg2RadBackward0",
)
rad2deg = unary(
    "rad2deg",
    K.refusing(
        "c", "rad2deg is not supported for complex tensors.", lambda x: K.times(x, 180 / math.pi), error=RuntimeError
    ),
    to_float=True,
    x=lambda xp, g: g * (180 / math.pi),
    grad_name="Rad2DegBackward0",
)


def _sinc_x(xp: Any, g: Any, x: Any) -> Any:
    """(pi x cos(pi x) - sin(pi x)) / (pi x^2), and 0 at 0."""
    z = math.pi * x
    zx = z * x
    return xp.where(zx == 0, 0, g * ((z * xp.cos(z) - xp.sin(z)) / zx))


sinc = unary("sinc", K.sinc, to_float=True, x=_sinc_x)

# complex numbers -----------------------------------------------------------------------------------------------------
conj = unary("conj", np.conj, x=lambda xp, g: xp.conj(g))
conj_physical = unary("conj_physical", np.conj, x=lambda xp, g: xp.conj(g))
complex_from = op("complex", K.complex_from, inputs="real imag",
             real=lambda xp, g: xp.real(g), imag=lambda xp, g: -xp.imag(g))  # fmt: skip
# of the two gradients the engine takes the real part, since length and angle are real
polar = op("polar", operands_order(K.polar), inputs="length angle",
           length=lambda xp, g, out: g * xp.sgn(out), angle=lambda xp, g, out: g * (1j * out))  # fmt: skip
angle = unary(
    "angle", K.angle, x=lambda xp, g, x: xp.where(x == 0, 0, g * (-1j / x)) if xp.is_complex(x) else xp.zeros_like(g)
)
view_as_real = view("view_as_real", K.view_as_real, x=lambda xp, g: xp.conj(xp.view_as_complex(xp.contiguous(g))))
view_as_complex = view("view_as_complex", K.view_as_complex, x=lambda xp, g: xp.view_as_real(xp.contiguous(xp.conj(g))))


def _sgn_x(xp: Any, g: Any, x: Any, out: Any) -> Any:
    """Of z / |z|: what of g is at right angles to the direction of z, divided by |z|; 0 at 0."""
    if not xp.is_complex(x):
        return xp.zeros_like(g)
    along = xp.real(g * out) * xp.conj(out)
    return xp.where(x == 0, 0, (g - along) / xp.abs(x))


sgn = unary("sgn", K.sgn, x=_sgn_x)
abs = unary("abs", K.absolute, x=lambda xp, g, x: g * xp.conj(xp.sgn(x)) if xp.is_complex(x) else g * xp.sign(x))


def _at_least(xp: Any, g: Any, x: Any, y: Any) -> Any:
    """x >= y, compared in the result's dtype, as the forward pass did."""
    return _as_kind(xp, x, g) >= _as_kind(xp, y, g)


# extremes, rounding, replacing ----------------------------------------------------------------------------------------
share = op(
    "share", K.share, inputs="g x y", g=lambda xp, g, x, y: xp.share(g, x, y), x=locally_constant, y=locally_constant
)
maximum = binary(
    "maximum", np.maximum, x=lambda xp, g, x, y: xp.share(g, x, y), y=lambda xp, g, x, y: xp.share(g, y, x)
)
minimum = binary(
    "minimum", np.minimum, x=lambda xp, g, x, y: xp.share(g, y, x), y=lambda xp, g, x, y: xp.share(g, x, y)
)
fmax = binary("fmax", K.refusing_both("c", "fmax_cpu", lambda x, y: np.fmax(y, x)),  # (of 0 and -0 the first)
              x=lambda xp, g, x, y: xp.where(_at_least(xp, g, x, y) | xp.isnan(y), g, 0),
              y=lambda xp, g, x, y: xp.where(_at_least(xp, g, x, y) | xp.isnan(y), 0, g))  # fmt: skip
fmin = binary("fmin", K.refusing_both("c", "fmin_cpu", lambda x, y: np.fmin(y, x)),
              x=lambda xp, g, x, y: xp.where(_at_least(xp, g, y, x) | xp.isnan(y), g, 0),
              y=lambda xp, g, x, y: xp.where(_at_least(xp, g, y, x) | xp.isnan(y), 0, g))  # fmt: skip


def _inside(xp: Any, x: Any, low: Any, high: Any) -> Any:
    """Where clamp lets its input through; the bounds themselves belong to it."""
    if low is None:
        return x <= high
    return x >= low if high is None else (x >= low) & (x <= high)


def _clamp_x(xp: Any, g: Any, x: Any, low: Any, high: Any) -> Any:
    return xp.where(_inside(xp, x, low, high), g, 0)


clamp = unary("clamp", K.clamp, x=_clamp_x, grad_name="ClampBackward1")
clamp_min = unary("clamp_min", K.clamp, x=_clamp_x)
clamp_max = unary("clamp_max", K.clamp, x=_clamp_x)
clamp_tensors = op(
    "clamp_tensors",
    operands_order(K.clamp_tensors),
    inputs="x low high",
    grad_name="ClampBackward0",
    x=_clamp_x,
    low=lambda xp, g, x, low, high: xp.where(x < low if high is None else (x < low) & (low < high), g, 0),
    high=lambda xp, g, x, low, high: xp.where(x > high if low is None else (x > high) | (high < low), g, 0),
)
clamp_min_tensor = binary(
    "clamp_min_tensor",
    K.refusing_both("c", "maximum_cpu", np.maximum),
    grad_name="ClampMinBackward1",
    x=lambda xp, g, x, y: xp.where(_at_least(xp, g, x, y), g, 0),
    y=lambda xp, g, x, y: xp.where(_as_kind(xp, x, g) < _as_kind(xp, y, g), g, 0),
)
clamp_max_tensor = binary(
    "clamp_max_tensor",
    K.refusing_both("c", "minimum_cpu", np.minimum),
    grad_name="ClampMaxBackward1",
    x=lambda xp, g, x, y: xp.where(_at_least(xp, g, y, x), g, 0),
    y=lambda xp, g, x, y: xp.where(_as_kind(xp, x, g) > _as_kind(xp, y, g), g, 0),
)
where = op("where", operands_order(select.where), inputs="condition x y",
           x=lambda xp, g, condition: xp.where(condition, g, 0),
           y=lambda xp, g, condition: xp.where(condition, 0, g))  # fmt: skip
lerp_number = op("lerp_number", operands_order(K.lerp), inputs="x end", grad_name="LerpBackward0",
                 x=lambda xp, g, weight: g * (1 - weight), end=lambda xp, g, weight: g * weight)  # fmt: skip
lerp = op("lerp", operands_order(K.lerp), inputs="x end weight", grad_name="LerpBackward1",
          x=lambda xp, g, weight: g * (1 - weight), end=lambda xp, g, weight: g * weight,
          weight=lambda xp, g, x, end: g * (end - x))  # fmt: skip
add_scaled = op("add_scaled", operands_order(K.add_scaled), inputs="x y", grad_name="AddBackward0",
                x=lambda xp, g: g, y=lambda xp, g, exact: g * exact)  # fmt: skip
sub_scaled = op("sub_scaled", operands_order(K.sub_scaled), inputs="x y", grad_name="SubBackward0",
                x=lambda xp, g: g, y=lambda xp, g, exact: g * -exact)  # fmt: skip
addcmul = op("addcmul", operands_order(K.addcmul), inputs="x a b", x=lambda xp, g: g,
             a=lambda xp, g, b, value: g * (b * value), b=lambda xp, g, a, value: g * (a * value))  # fmt: skip
addcdiv = op(
    "addcdiv",
    operands_order(K.addcdiv),
    inputs="x a b",
    x=lambda xp, g: g,
    a=lambda xp, g, b, value: g * (value / b),
    b=lambda xp, g, a, b, value: -g * ((a * value) / (b * b)),
)
floor = unary("floor", K.whole(np.floor, "floor_vml_cpu"), x=lambda xp, g: xp.zeros_like(g))
ceil = unary("ceil", K.whole(np.ceil, "ceil_vml_cpu"), x=lambda xp, g: xp.zeros_like(g))
trunc = unary("trunc", K.whole(np.trunc, "trunc_vml_cpu"), x=lambda xp, g: xp.zeros_like(g))
round = unary("round", K.whole(np.rint, "round_vml_cpu"), x=lambda xp, g: xp.zeros_like(g))
round_decimals = unary("round_decimals", K.round_decimals, x=lambda xp, g: xp.zeros_like(g), grad_name="RoundBackward1")
frac = unary("frac", K.frac, x=lambda xp, g: g)
copysign = binary(
    "copysign",
    K.refusing_both("c", "copysign_cpu", K.copysign),
    to_float=True,
    x=lambda xp, g, x, out: g * xp.where(x == 0, 0, out / x),
    y=lambda xp, g: xp.zeros_like(g),
)
nan_to_num = unary("nan_to_num", K.nan_to_num, x=lambda xp, g, x: g * xp.isfinite(x))
times_power_of_two = unary(
    "times_power_of_two", lambda x, e: np.ldexp(x, e), x=lambda xp, g, e: xp.times_power_of_two(g, e)
)
frexp = op("frexp", np.frexp, inputs="x", outputs=2, x=lambda xp, g, out1: xp.times_power_of_two(g, -constant(out1)))
nextafter = binary(
    "nextafter", K.nextafter, x=lambda xp, g, x, y: xp.where(x == y, 0, g), y=lambda xp, g: xp.zeros_like(g)
)
heaviside = binary("heaviside", K.heaviside, grad_name="NotImplemented",
                   x=underivable("heaviside"), y=underivable("heaviside"))  # fmt: skip


# comparison, logic, bits ---------------------------------------------------------------------------------------------
eq = binary("eq", np.equal)
ne = binary("ne", np.not_equal)
lt = binary("lt", K.refusing_both("c", "lt_cpu", np.less))
le = binary("le", K.refusing_both("c", "le_cpu", np.less_equal))
gt = binary("gt", K.refusing_both("c", "gt_cpu", np.greater))
ge = binary("ge", K.refusing_both("c", "ge_cpu", np.greater_equal))
logical_and = binary("logical_and", np.logical_and)
logical_or = binary("logical_or", np.logical_or)
logical_xor = binary("logical_xor", np.logical_xor)
logical_not = unary("logical_not", np.logical_not)
bitwise_and = binary("bitwise_and", np.bitwise_and)
bitwise_or = binary("bitwise_or", np.bitwise_or)
bitwise_xor = binary("bitwise_xor", np.bitwise_xor)
bitwise_not = unary("bitwise_not", np.invert)
left_shift = binary("left_shift", K.shift(np.left_shift, "lshift_cpu"))
right_shift = binary("right_shift", K.shift(np.right_shift, "rshift_cpu"))
gcd = binary("gcd", np.gcd)
lcm = binary("lcm", lambda x, y: np.abs(np.lcm(x, y)))
isnan = unary("isnan", np.isnan)
isinf = unary("isinf", np.isinf)
isfinite = unary("isfinite", np.isfinite)
isposinf = unary("isposinf", K.infinite("isposinf", math.inf))
isneginf = unary("isneginf", K.infinite("isneginf", -math.inf))
isreal = unary("isreal", input_order(np.isreal))
signbit = unary("signbit", K.signbit)
