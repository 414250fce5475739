"""Element by element, with PyTorch's signatures."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes, return_types
from microtorch.autograd.modes import mode
from microtorch.autograd.operands import broadcast_error, promote_number
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions import directly
from microtorch.functions.arguments import C_TYPES, bad_call, need_tensor, numpy_dtype, takes_out, write_out
from microtorch.kernels import half
from microtorch.kernels.pointwise import no_bools
from microtorch.ops import pointwise as P

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

# how an entry of the table becomes a public function -----------------------------------------------------------------


def one(entry: Callable[..., Any], doc: str, *, check: Callable[[Any], None] | None = None) -> Callable[..., Tensor]:
    """The public function of an entry with one tensor: `f(input, *, out=None)`."""

    def call(input: Any, *, out: Any = None) -> Tensor:
        if check is not None:
            check(input)
        result = entry(input)
        return result if out is None else write_out(out, result, entry.__name__, (input,))

    return _named(call, entry, doc)


def two(entry: Callable[..., Any], doc: str, *, numbers: str = "either", refuse: str = "") -> Callable[..., Tensor]:
    """The public function of an entry with two: `f(input, other, *, out=None)`.

    numbers: which may be a number, "either" (one of them), "both", "other" or "none"; refuse: kinds of dtypes that it
    does not take ("c" complex, "f" float, "iu" integers, "b" bool).
    """
    name = entry.__name__

    def call(input: Any, other: Any, *, out: Any = None) -> Tensor:
        if numbers == "none":
            need_tensor(name, input)
            need_tensor(name, other, "other", 2)
        elif numbers == "other":
            need_tensor_first(name, input, other)
        elif numbers == "both":
            input = number_beside_number(input, other)
        else:
            need_one_tensor(name, input, other)
        if refuse:
            refuse_kinds(name, refuse, input, other)
        result = entry(input, other)
        return result if out is None else write_out(out, result, name, (input, other))

    return _named(call, entry, doc)


def _named(call: Callable[..., Any], entry: Callable[..., Any], doc: str) -> Callable[..., Any]:
    call.__name__ = call.__qualname__ = entry.__name__
    call.__doc__ = doc
    return call


_NUMBERS = (bool, int, float, builtins.complex)


def number_beside_number(input: Any, other: Any) -> Any:
    """Of two Python numbers the first as a 0-d tensor; otherwise the input itself."""
    return number_tensor(input) if type(input) in _NUMBERS and type(other) in _NUMBERS else input


def need_one_tensor(name: str, input: Any, other: Any) -> None:
    """Raise PyTorch's error for two numbers."""
    if not isinstance(input, TensorBase) and not isinstance(other, TensorBase):
        need_tensor_first(name, input, other)


def need_tensor_first(name: str, input: Any, other: Any) -> None:
    """Raise PyTorch's error for a number in the first tensor's place."""
    if not isinstance(input, TensorBase):
        kinds = ["Tensor input, Tensor other, *, Tensor out = None", "Tensor input, Number other, *, Tensor out = None"]
        raise bad_call(name, (input, other), {}, kinds)


def type_name(t: Any) -> str:
    """What PyTorch calls a tensor's dtype in error messages: Float, Long, ..."""
    return dtypes.of[t._data.dtype].type_name


_KERNEL_NAMES = {"left_shift": "lshift_cpu", "right_shift": "rshift_cpu", "floor_divide": "div_floor_cpu"}


def refuse_kinds(name: str, kinds: str, *values: Any) -> None:
    """Raise PyTorch's error if the dtype that the values promote to is of one of these kinds."""
    kind, at = "b", None
    for v in values:
        if isinstance(v, TensorBase):
            k = v._data.dtype.kind
            if at is None or "biufc".index(k) >= "biufc".index(kind):
                kind, at = k, type_name(v)
        elif isinstance(v, float) and kind not in "fc":
            kind, at = "f", dtypes.get_default_dtype().type_name
        elif type(v) is int and kind == "b":
            kind, at = "i", "Long"
    if kind in kinds:
        if name in ("maximum", "minimum", "fmax", "fmin"):
            raise RuntimeError(f"{name} not implemented for complex tensors.")
        error = NotImplementedError(f"\"{_KERNEL_NAMES.get(name, name + '_cpu')}\" not implemented for '{at}'")
        arrays = [v._data for v in values if isinstance(v, TensorBase)]
        raise broadcast_error(arrays[0], arrays[1], error) if len(arrays) == 2 else error


def with_number(entry: Callable[..., Any], input: Any, number: Any) -> Any:
    """An entry with a tensor and a constant number, the tensor in the dtype that both promote to."""
    need_tensor(entry.__name__, input)
    kind = input._data.dtype
    if kind.char not in "fd" or type(number) not in (float, int):
        array, number = promote_number(entry.__name__, input._data, number)
        if array.dtype != kind:
            input = P.cast(input, array.dtype)
    return entry(input, number)


def same_dtype(*values: Any) -> list[Any]:
    """Tensors (None and numbers stay) in the dtype that they promote to together."""
    kinds = [v._data for v in values if isinstance(v, TensorBase)]
    want, scalar = kinds[0].dtype, kinds[0].ndim == 0
    for k in kinds[1:]:
        if k.dtype != want:
            want = dtypes.promoted(want, scalar, k.dtype, k.ndim == 0)
        scalar = scalar and k.ndim == 0
    return [P.cast(v, want) if isinstance(v, TensorBase) and v._data.dtype != want else v for v in values]


def broadcasting(entry: Callable[..., Any], *args: Any) -> Any:
    """Call an entry; where shapes do not broadcast, PyTorch's error."""
    try:
        return entry(*args)
    except ValueError as error:
        arrays = [a._data for a in args if isinstance(a, TensorBase)]
        for a in arrays:
            for b in arrays:
                found = broadcast_error(a, b, error)
                if found is not error:
                    raise found from None
        raise


# arithmetic ----------------------------------------------------------------------------------------------------------


@takes_out
def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input + alpha * other, broadcast.

    >>> import microtorch as torch
    >>> torch.add(torch.tensor([1., 2.]), 10, alpha=2)
    tensor([21., 22.])
    """
    if _is_one(alpha):
        return P.add(number_beside_number(input, other), other)
    return _with_alpha(P.add, P.add_scaled, input, other, alpha)


@takes_out
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input - alpha * other, broadcast.

    >>> import microtorch as torch
    >>> torch.sub(torch.tensor([1., 2.]), torch.tensor([1., 1.]), alpha=2)
    tensor([-1.,  0.])
    """
    no_bools(*(v._data if isinstance(v, TensorBase) else v for v in (input, other)))
    if _is_one(alpha):
        return P.sub(number_beside_number(input, other), other)
    return _with_alpha(P.sub, P.sub_scaled, input, other, alpha)


subtract = sub


def _is_one(alpha: Any) -> bool:
    return type(alpha) is int and alpha == 1


def _with_alpha(entry: Callable[..., Any], scaling: Callable[..., Any], input: Any, other: Any, alpha: Any) -> Any:
    """A sum (`entry`) of input and alpha * other: of floats by the entry `scaling`, which has the factor in it."""
    given = (input, other)
    tensors = [t for t in given if isinstance(t, TensorBase)]
    if len(tensors) == 1 and is_narrow(tensors[0]) and builtins.any(isinstance(v, (int, float)) for v in given):
        dtype = tensors[0]._data.dtype
        tensors = [v if isinstance(v, TensorBase) else P.cast(number_tensor(v), dtype) for v in given]
    if len(tensors) == 2 and isinstance(alpha, (int, float)):
        x, y = same_dtype(*tensors)
        if x._data.dtype.kind == "f":
            check_alpha(alpha, input, other)
            factor = x._data.dtype.type(alpha) if is_narrow(x) else alpha
            return broadcasting(scaling, x, y, factor, for_narrow(x, alpha))
    return entry(number_beside_number(input, other), scaled(input, other, alpha))


def scaled(input: Any, other: Any, alpha: Any) -> Any:
    """alpha * other, for a sum with input."""
    if type(alpha) is float and isinstance(other, TensorBase) and isinstance(input, TensorBase):
        kind = input._data.dtype
        if kind.char in "fd" and other._data.dtype is kind:
            return P.mul.operator(other, alpha)  # type: ignore[attr-defined]
    kinds = check_alpha(alpha, input, other)
    if isinstance(other, TensorBase) and (isinstance(input, TensorBase) or isinstance(alpha, float)):
        other = same_dtype(input, other)[1]
    both = kinds.count("b") + isinstance(other, bool) == 2  # the result stays a bool
    if isinstance(other, TensorBase):
        return P.mul(other, bool(alpha) if both else alpha)
    return bool(other * alpha) if both else other * alpha


def check_alpha(alpha: Any, input: Any, other: Any) -> list[str]:
    """The kinds of the dtypes of the tensors among the two.

    Raises RuntimeError for an alpha that they do not take.
    """
    kinds = [t._data.dtype.kind for t in (input, other) if isinstance(t, TensorBase)]
    if isinstance(alpha, bool) and kinds.count("b") != len(kinds):
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    number = isinstance(other, (float, builtins.complex)) or isinstance(input, (float, builtins.complex))
    if isinstance(alpha, float) and not number and not builtins.any(k in "fc" for k in kinds):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if isinstance(alpha, builtins.complex) and "c" not in kinds:
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")
    return kinds


def is_narrow(input: Any) -> bool:
    """True for a tensor of 16-bit floats."""
    return half.is_narrow(input._data)


def for_narrow(input: Any, number: Any) -> Any:
    """A Python number that is a factor in an operation on the tensor: for 16-bit floats it is one of float32."""
    return half.wide_number(number) if half.is_narrow(input._data) and type(number) in (int, float) else number


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha * input."""
    need_tensor_first("rsub", input, other)
    if alpha == 1:
        return (P.rsub_tensor if isinstance(other, TensorBase) else P.rsub)(input, other)
    return sub(other, input, alpha=alpha)


mul = multiply = two(
    P.mul,
    """input * other, broadcast.

    >>> import microtorch as torch
    >>> torch.mul(torch.tensor([1., 2.]), 3)
    tensor([3., 6.])
    """,
    numbers="both",
)


@takes_out
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other; rounding_mode None (true division), "trunc" (toward zero) or "floor".

    >>> import microtorch as torch
    >>> torch.div(torch.tensor([-7, 7]), 2, rounding_mode="floor")
    tensor([-4,  3])
    """
    input = number_beside_number(input, other)
    if rounding_mode is None:
        return P.div(input, other)
    if rounding_mode == "trunc":
        return P.div_trunc(input, other)
    if rounding_mode == "floor":
        return P.div_floor(input, other)
    raise RuntimeError(f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'")


divide = div


@takes_out
def true_divide(input: Any, other: Any) -> Tensor:
    """input / other as floats."""
    return P.div(number_beside_number(input, other), other)


def number_over(input: Any, other: Any) -> Any:
    """other / input for a number `other`: the reciprocal times the number, as PyTorch computes it."""
    return input.reciprocal() * other


floor_divide = two(P.floor_divide, "input / other, rounded down; it has no gradient.", numbers="both", refuse="bc")


@takes_out
def remainder(input: Any, other: Any) -> Tensor:
    """The remainder of input / other with the sign of `other`, as Python's %.

    >>> import microtorch as torch
    >>> torch.remainder(torch.tensor([-3., 3.]), 2)
    tensor([1., 1.])
    """
    need_one_tensor("remainder", input, other)
    refuse_kinds("remainder", "bc", input, other)
    if not isinstance(input, TensorBase):
        return with_number(P.number_remainder, other, input)
    return P.remainder(input, other) if isinstance(other, TensorBase) else with_number(P.remainder_number, input, other)


@takes_out
def fmod(input: Any, other: Any) -> Tensor:
    """The remainder of input / other with the sign of `input`, as C's fmod.

    >>> import microtorch as torch
    >>> torch.fmod(torch.tensor([-3., 3.]), 2)
    tensor([-1.,  1.])
    """
    need_tensor_first("fmod", input, other)
    refuse_kinds("fmod", "bc", input, other)
    if not isinstance(other, TensorBase):
        return with_number(P.fmod_number, input, other)
    return P.fmod(input, other)


_abs_ = directly.unary(P.abs)


def abs_(self: Any) -> Tensor:
    """`abs`, in place.

    Raises RuntimeError for complex tensors, whose absolute values are real.
    """
    if self._data.dtype.kind == "c":
        raise RuntimeError("In-place abs is not supported for complex tensors.")
    return _abs_(self)  # type: ignore[no-any-return]


def pow(input: Any, exponent: Any, *, out: Any = None) -> Tensor:
    """input ** exponent, broadcast; either may be a number.

    Raises RuntimeError for integers to a negative integer power.

    >>> import microtorch as torch
    >>> torch.pow(torch.tensor([1., 2., 3.]), 2)
    tensor([1., 4., 9.])
    """
    kind = type(exponent)
    if (
        (kind is int or kind is float)
        and isinstance(input, TensorBase)
        and out is None
        and input._data.dtype.char in "fd"
    ):
        return P.pow_number(input, exponent)
    if exponent is False and isinstance(input, TensorBase) and out is None and input._data.dtype.kind == "f":
        return P.pow_number(input, exponent)  # as it is: its derivative is not that of 0
    if not builtins.any(isinstance(v, TensorBase) for v in (input, exponent)) or not builtins.all(
        isinstance(v, (TensorBase, *_NUMBERS, np.number)) for v in (input, exponent)
    ):
        raise bad_call("pow", (input, exponent), {}, ["Tensor input, Tensor exponent, *, Tensor out = None"])
    if not isinstance(exponent, TensorBase):
        result = with_number(P.pow_number, input, _whole_power(input, exponent))
    elif isinstance(input, TensorBase):
        result = P.pow(input, exponent)
    else:
        result = with_number(P.number_pow, exponent, input)
    return result if out is None else write_out(out, result, "pow", (input, exponent))


def _whole_power(input: Any, exponent: Any) -> Any:
    """The exponent; PyTorch's error for integers to a negative integer power."""
    if type(exponent) is int and exponent < 0 and isinstance(input, TensorBase) and input._data.dtype.kind in "iub":
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return exponent


@takes_out
def float_power(input: Any, exponent: Any) -> Tensor:
    """input ** exponent in float64 (complex128 for complex numbers)."""
    is_complex = builtins.any(
        isinstance(v, builtins.complex) or (isinstance(v, TensorBase) and v._data.dtype.kind == "c")
        for v in (input, exponent)
    )
    want = dtypes.C128 if is_complex else dtypes.F64
    base, power = (
        to_dtype(v, dtypes.of[want]) if isinstance(v, TensorBase) else float(v) if isinstance(v, bool) else v
        for v in (input, exponent)
    )
    return pow(base, power)


neg = negative = one(P.neg, "-input.")
reciprocal = one(P.reciprocal, "1 / input.")
square = one(P.square, "input * input.")


def positive(input: Any) -> Tensor:
    """The input itself.

    Raises RuntimeError for bools.
    """
    need_tensor("positive", input)
    if input._data.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


# exponentials, roots, trigonometry -----------------------------------------------------------------------------------

exp = one(
    P.exp,
    """e to the power of each element.

    >>> import microtorch as torch
    >>> torch.exp(torch.tensor([0., 1.]))
    tensor([1.0000, 2.7183])
    """,
)
exp2 = one(P.exp2, "2 to the power of each element.")
expm1 = one(P.expm1, "exp(input) - 1, exact also near 0.")
log = one(
    P.log,
    """The natural logarithm; -inf at 0, NaN below.

    >>> import microtorch as torch
    >>> torch.log(torch.tensor([1., 10.]))
    tensor([0.0000, 2.3026])
    """,
)
log2 = one(P.log2, "The logarithm to base 2.")
log10 = one(P.log10, "The logarithm to base 10.")
log1p = one(P.log1p, "log(1 + input), exact also near 0.")
sqrt = one(P.sqrt, "The square root; NaN for negative numbers.")
rsqrt = one(P.rsqrt, "1 / sqrt(input).")
sin = one(P.sin, "The sine (radians).")
cos = one(P.cos, "The cosine (radians).")
tan = one(P.tan, "The tangent (radians).")
asin = arcsin = one(P.asin, "The inverse sine, in [-pi/2, pi/2].")
acos = arccos = one(P.acos, "The inverse cosine, in [0, pi].")
atan = arctan = one(P.atan, "The inverse tangent, in [-pi/2, pi/2].")
sinh = one(P.sinh, "The hyperbolic sine.")
cosh = one(P.cosh, "The hyperbolic cosine.")
tanh = one(P.tanh, "The hyperbolic tangent.")
asinh = arcsinh = one(P.asinh, "The inverse hyperbolic sine.")
acosh = arccosh = one(P.acosh, "The inverse hyperbolic cosine.")
atanh = arctanh = one(P.atanh, "The inverse hyperbolic tangent.")
sigmoid = expit = one(
    P.sigmoid,
    """1 / (1 + exp(-input)).

    >>> import microtorch as torch
    >>> torch.sigmoid(torch.tensor([0., 2.]))
    tensor([0.5000, 0.8808])
    """,
)
relu = one(P.relu, "The input where it is positive, else 0.", check=lambda t: _no_bools("relu", t))
deg2rad = one(P.deg2rad, "Degrees as radians.")
rad2deg = one(P.rad2deg, "Radians as degrees.")
sinc = one(P.sinc, "sin(pi input) / (pi input), and 1 at 0.")


def _no_bools(name: str, t: Any) -> None:
    need_tensor(name, t)
    if t._data.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")


def _no_complex_sign(t: Any) -> None:
    need_tensor("sign", t)
    if t._data.dtype.kind == "c":
        raise NotImplementedError(
            "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead."
        )


atan2 = arctan2 = two(P.atan2, "The angle of the point (other, input), in [-pi, pi].", numbers="none")
hypot = two(P.hypot, "sqrt(input^2 + other^2).", numbers="none", refuse="biuc")
logaddexp = two(P.logaddexp, "log(exp(input) + exp(other)), without overflow.", numbers="none", refuse="biu")
logaddexp2 = two(P.logaddexp2, "log2(2^input + 2^other), without overflow.", numbers="none", refuse="biuc")
xlogy = two(P.xlogy, "input log(other), and 0 where input is 0.", refuse="c")
copysign = two(P.copysign, "The magnitude of input with the sign of other.", numbers="other", refuse="c")
nextafter = two(P.nextafter, "The next float after input toward other.", numbers="none", refuse="biuc")


@takes_out
def logit(input: Any, eps: float | None = None) -> Tensor:
    """log(input / (1 - input)); with eps, the input is first clamped to [eps, 1 - eps]."""
    need_tensor("logit", input)
    return P.logit(input, None if eps is None or eps < 0 else eps)


@takes_out
def ldexp(input: Any, other: Any) -> Tensor:
    """input * 2^other."""
    need_tensor("ldexp", input)
    need_tensor("ldexp", other, "other", 2)
    return P.mul(input, pow(2.0, other))


def frexp(input: Any, *, out: Any = None) -> Any:
    """Mantissa in [0.5, 1) and exponent (int32) with input = mantissa * 2^exponent.

    >>> import microtorch as torch
    >>> torch.frexp(torch.tensor([8., 0.75]))
    torch.return_types.frexp(
    mantissa=tensor([0.5000, 0.7500]),
    exponent=tensor([4, 0], dtype=torch.int32))
    """
    need_tensor("frexp", input)
    if input._data.dtype.kind != "f":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    result = return_types.frexp(*P.frexp(input))
    return result if out is None else write_out(out, result)


# extremes, rounding, replacing ---------------------------------------------------------------------------------------

abs = absolute = one(
    P.abs,
    """The absolute value; of complex numbers the modulus.

    >>> import microtorch as torch
    >>> torch.abs(torch.tensor([-1, 2]))
    tensor([1, 2])
    """,
)
sign = one(P.sign, "-1, 0 or 1.", check=_no_complex_sign)
sgn = one(P.sgn, "-1, 0 or 1; of complex numbers the direction.")
signbit = one(P.signbit, "True for negative numbers and -0.")
floor = one(P.floor, "The next whole number below.")
ceil = one(P.ceil, "The next whole number above.")
trunc = fix = one(P.trunc, "The next whole number toward 0.")
frac = one(P.frac, "What stands behind the point.")
maximum = two(P.maximum, "The larger of two at each place; NaN if either is.", numbers="none", refuse="c")
minimum = two(P.minimum, "The smaller of two at each place; NaN if either is.", numbers="none", refuse="c")
fmax = two(P.fmax, "The larger of two; of a number and NaN the number.", numbers="none", refuse="c")
fmin = two(P.fmin, "The smaller of two; of a number and NaN the number.", numbers="none", refuse="c")
gcd = two(P.gcd, "The greatest common divisor.", numbers="none", refuse="fcb")
lcm = two(P.lcm, "The least common multiple.", numbers="none", refuse="fcb")


@takes_out
def heaviside(input: Any, values: Any) -> Tensor:
    """0 where the input is negative, 1 where it is positive, `values` where it is 0."""
    need_tensor("heaviside", input)
    need_tensor("heaviside", values, "values", 2)
    if input._data.dtype.kind == "c" or values._data.dtype.kind == "c":
        raise RuntimeError("heaviside is not yet implemented for complex tensors.")
    if input._data.dtype != values._data.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    return P.heaviside(input, values)


@takes_out
def clamp(input: Any, min: Any = None, max: Any = None) -> Tensor:
    """The input, but min where it is smaller and max where it is larger; bounds are numbers or tensors.

    >>> import microtorch as torch
    >>> torch.clamp(torch.tensor([-2., 0.5, 3.]), 0, 1)
    tensor([0.0000, 0.5000, 1.0000])
    """
    return _clamp(P.clamp, input, min, max)


clip = clamp


_PLAIN = (float, int)


def _clamp(entry: Any, input: Any, low: Any, high: Any) -> Any:
    if (type(low) in _PLAIN and (high is None or type(high) in _PLAIN)) or (low is None and type(high) in _PLAIN):
        if isinstance(input, TensorBase) and input._data.dtype.kind == "f":
            return entry(input, low, high)
    allowed = (TensorBase, *_NUMBERS, np.number, type(None))
    if not (isinstance(input, TensorBase) and isinstance(low, allowed) and isinstance(high, allowed)):
        kinds = ["Tensor input, Tensor min = None, Tensor max = None, *, Tensor out = None",
                 "Tensor input, Number min = None, Number max = None, *, Tensor out = None"]  # fmt: skip
        raise bad_call(entry.__name__, (input, *(b for b in (low, high) if b is not None)), {}, kinds)
    if low is None and high is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(low, TensorBase) or isinstance(high, TensorBase):
        bounds = [b if b is None or isinstance(b, TensorBase) else wrap(np.asarray(b)) for b in (low, high)]
        return broadcasting(P.clamp_tensors, *same_dtype(input, *bounds))
    for bound in (low, high):
        if bound is not None and input._data.dtype.kind in "iub":
            array, _ = promote_number("clamp", input._data, bound)
            input = to_dtype(input, dtypes.of[array.dtype])
    return entry(input, low, high)


@takes_out
def clamp_min(input: Any, min: Any) -> Tensor:
    """The input, but min where it is smaller."""
    need_tensor_first("clamp_min", input, min)
    if isinstance(min, TensorBase):
        return broadcasting(P.clamp_min_tensor, input, min)
    return _clamp(P.clamp_min, input, min, None)


@takes_out
def clamp_max(input: Any, max: Any) -> Tensor:
    """The input, but max where it is larger."""
    need_tensor_first("clamp_max", input, max)
    if isinstance(max, TensorBase):
        return broadcasting(P.clamp_max_tensor, input, max)
    return _clamp(P.clamp_max, input, None, max)


@takes_out
def round(input: Any, *, decimals: int = 0) -> Tensor:
    """The nearest whole number (halves to even), or the nearest with so many decimals.

    >>> import microtorch as torch
    >>> torch.round(torch.tensor([0.5, 1.5, 2.567]), decimals=1)
    tensor([0.5000, 1.5000, 2.6000])
    """
    need_tensor("round", input)
    if decimals == 0:
        return P.round(input)
    return P.round_decimals(input, decimals)


@takes_out
def nan_to_num(
    input: Any, nan: float | None = None, posinf: float | None = None, neginf: float | None = None
) -> Tensor:
    """NaN, inf and -inf replaced: by 0 and the dtype's largest and smallest numbers unless told otherwise."""
    need_tensor("nan_to_num", input)
    if input._node is not None and input._data.dtype.kind == "c" and mode.enabled:
        raise RuntimeError("nan_to_num does not support automatic differentiation for outputs with complex dtype.")
    return P.nan_to_num(input, nan, posinf, neginf)


def where(condition: Any, input: Any = None, other: Any = None, *, out: Any = None) -> Any:
    """input where condition is true, other elsewhere, broadcast; with the condition alone, its nonzero places.

    >>> import microtorch as torch
    >>> torch.where(torch.tensor([True, False]), torch.tensor([1., 2.]), 0.)
    tensor([1., 0.])
    """
    need_tensor("where", condition, "condition")
    if input is None and other is None:
        data = condition._data if condition._data.ndim else condition._data.reshape(1)
        return tuple([wrap(np.ascontiguousarray(a)) for a in np.nonzero(data)])
    kind = condition._data.dtype
    if kind.kind != "b" and kind != np.uint8:
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype {type_name(condition)}"
        )
    mask = condition if kind.kind == "b" else wrap(condition._data.astype(bool))
    if out is None and isinstance(input, TensorBase) and isinstance(other, TensorBase):
        if input._data.dtype is other._data.dtype:
            return broadcasting(P.where, mask, input, other)
    a, b = (v if isinstance(v, TensorBase) else number_tensor(v) for v in (input, other))
    if a._data.dtype != b._data.dtype:
        if not isinstance(input, TensorBase):
            a = P.cast(a, promote_number("where", b._data, input)[0].dtype)
        elif not isinstance(other, TensorBase):
            b = P.cast(b, promote_number("where", a._data, other)[0].dtype)
        a, b = same_dtype(a, b)
    result = broadcasting(P.where, mask, a, b)
    return result if out is None else write_out(out, result, "where", (condition, input, other))


def number_tensor(value: Any) -> Any:
    if not isinstance(value, (bool, int, float, builtins.complex, np.generic)):
        raise TypeError(f"where(): argument 'input' must be Tensor, not {type(value).__name__}")
    kind = {bool: dtypes.BOOL, int: dtypes.I64, float: dtypes.default.float, builtins.complex: dtypes.default.complex}
    return wrap(np.asarray(value, kind.get(type(value))))


@takes_out
def lerp(input: Any, end: Any, weight: Any) -> Tensor:
    """input + weight * (end - input); weight a number or a tensor.

    >>> import microtorch as torch
    >>> torch.lerp(torch.tensor([1., 2.]), torch.tensor([3., 4.]), 0.5)
    tensor([2., 3.])
    """
    for name, t in (("end", end), ("weight", weight)):
        if isinstance(t, TensorBase) and t._data.dtype != input._data.dtype:
            names = [C_TYPES.get(d.name, d.name) for d in (dtypes.of[x._data.dtype] for x in (input, t))]
            raise RuntimeError(f"expected dtype {names[0]} for `{name}` but got dtype {names[1]}")
    entry = P.lerp if isinstance(weight, TensorBase) else P.lerp_number
    return broadcasting(entry, input, end, for_narrow(input, weight))


@takes_out
def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""
    parts = _parts(input, tensor1, tensor2)
    whole = parts[0]._data.dtype.kind in "iub"
    return broadcasting(P.addcmul, *parts, int(value) if whole else for_narrow(parts[0], value))


@takes_out
def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """input + value * tensor1 / tensor2.

    Raises RuntimeError if tensor1 and tensor2 are both of integers.
    """
    if tensor1._data.dtype.kind in "iub" and tensor2._data.dtype.kind in "iub":
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a "
            "true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value "
            "* torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / "
            "tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: (input + value "
            "* tensor1 / tensor2), for all dtypes."
        )
    parts = _parts(input, tensor1, tensor2)
    return broadcasting(P.addcdiv, *parts, for_narrow(parts[0], value))


def _parts(input: Any, tensor1: Any, tensor2: Any) -> list[Any]:
    """`same_dtype`, but 0-d tensors beside a float16 stay as they are: a gradient needs what would overflow there."""
    given = (input, tensor1, tensor2)
    parts = same_dtype(*given)
    if input._data.dtype.char != "e" or not input._data.ndim:
        return parts
    return [t if not t._data.ndim and t._data.dtype.kind == "f" else p for t, p in zip(given, parts)]


def to_dtype(input: Any, dtype: Any) -> Tensor:
    """The tensor in another dtype, itself if it has it."""
    want = numpy_dtype(dtype)
    return input if input._data.dtype == want else P.cast(input, want)
