"""Element-by-element kernels that are more than one NumPy call. Arrays (or a number beside an array) in, arrays out."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from microtorch.dtypes import fill_number, of
from microtorch.kernels import threads, twins
from microtorch.kernels.bfloat16 import BFloats, computed
from microtorch.kernels.half import in_single, is_narrow
from microtorch.kernels.numbers import one, operand, zero
from microtorch.kernels.pieces import by_pieces
from microtorch.kernels.quiet import quiet as quiet, silence
from microtorch.kernels.select import dropped, kept
from microtorch.kernels.shape import astype, clone, empty_like

LOG2_E = 1 / math.log(2)
SIGN = np.array(-(2**31), np.int32)  # the sign's bit of a float32

log = quiet(lambda x: np.log(x))
log2 = quiet(lambda x: np.log2(x))
log10 = quiet(lambda x: np.log10(x))
log1p = quiet(lambda x: np.log1p(x))
sqrt = quiet(lambda x: np.sqrt(x))
reciprocal = quiet(lambda x: 1 / x)
divide = quiet(lambda x, y: np.true_divide(x, y))


_FEW = 1024  # float32 numbers of which the last digit is worth more than the time


@quiet
def exp(x: Any) -> Any:
    """e^x; of few float32 numbers by way of float64, since NumPy's is wrong in the last digit for 4 of 10 numbers (and
    PyTorch's for 1 of 100)."""
    if x.size <= _FEW and x.dtype == np.float32 and type(x) is np.ndarray:
        if (fast := twins.few(x)) is not None:
            return fast.exp(x)
        if not x.flags.c_contiguous:  # astype would give an expanded array another order in memory
            return np.exp(x, dtype=np.float64).astype(np.float32)
        wide = x.astype(np.float64)
        return np.exp(wide, wide).astype(np.float32) if x.ndim else np.float32(np.exp(wide))
    return np.exp(x)


exp.few = "exp"  # type: ignore[attr-defined]  # see twins.elementwise


def sign(x: Any) -> Any:
    """-1, 0 or 1; of a complex number its direction (0 at 0). NaN stays for floats only as PyTorch has it: 0."""
    if x.dtype.kind == "f":
        if (out := twins.result("pointwise", "sign", x)) is not None:
            return out
        return np.asarray(np.subtract(np.asarray(x > 0).view(np.int8), np.asarray(x < 0).view(np.int8))).astype(x.dtype)
    return np.sign(x) if x.dtype.kind != "b" else clone(x)


def cast(x: Any, dtype: Any) -> Any:
    """The array in another dtype (a copy also when it has it already)."""
    if (x.dtype.kind in "fc" and dtype.kind not in "fc") or x.dtype.kind == "c":
        with silence():
            if x.dtype.kind == "c" and dtype.kind not in "cb":
                x = x.real
            if x.dtype.kind == "f" and dtype.kind == "u":
                return astype(astype(x, np.int64), dtype)  # negative numbers wrap around, as C's cast does
            return astype(x, dtype)
    return astype(x, dtype)


def square(x: Any) -> Any:
    """x * x; of bools in int64."""
    return np.square(x) if x.dtype.kind != "b" else astype(x, np.int64)


def refusing(kinds: str, name: str, kernel: Any, half: bool = True, error: type[Exception] | None = None) -> Any:
    """A kernel that refuses dtypes of some kinds ("c" complex, "b" bool) as PyTorch's of that name does.

    half: it takes 16-bit floats; error: the class of the error, whose text is then `name`.
    """

    @functools.wraps(kernel)
    def call(x: Any, *rest: Any) -> Any:
        if x.dtype.kind in kinds or (not half and is_narrow(x)):
            raise unsupported(name, x.dtype) if error is None else error(name)
        return kernel(x, *rest)

    return call


def refusing_both(kinds: str, name: str, kernel: Any) -> Any:
    """A kernel with two operands of the same dtype, one of which may be a number, that refuses dtypes of some kinds."""

    def call(x: Any, y: Any) -> Any:
        dtype = x.dtype if isinstance(x, np.ndarray) else y.dtype
        if dtype.kind in kinds:
            raise unsupported(name, dtype)
        return kernel(x, y)

    return call


@in_single
@quiet
def rsqrt(x: Any) -> Any:
    """1 / sqrt(x)."""
    return 1 / np.sqrt(x)


@in_single
def times(x: Any, factor: float) -> Any:
    """x times a constant, to the precision of float32."""
    return x * factor


@quiet
def power(x: Any, y: Any) -> Any:
    """x ** y. Small whole exponents as products: NumPy's float power leaves the fast path for negative bases."""
    if not isinstance(y, np.ndarray) and isinstance(x, np.ndarray) and x.dtype.kind in "fc":
        if x.dtype == np.float16 and y not in (2, 1):  # one rounding
            wide = astype(x, np.float32)
            if y == 0.5:  # here no square root: of -0 it is 0, of -inf inf
                wide = np.where(np.isneginf(wide), -wide, wide + 0)
            return np.power(wide, np.float32(y)).astype(np.float16)
        if y == 2:
            return x * x
        if y == 1:
            return clone(x)
        if y == 3:
            return x * x * x
        if y == 0.5:
            return np.sqrt(x)
        if y == -1:
            return 1 / x
        if y == -2:
            return 1 / (x * x)
        if y == -0.5:
            return 1 / np.sqrt(x)
    if np.asarray(x).dtype.kind == "b" and np.asarray(y).dtype.kind == "b":
        if not isinstance(y, np.ndarray):
            return clone(x) if y else np.ones_like(x)
        raise unsupported("pow", np.dtype(bool))
    if np.asarray(x).dtype.kind in "iu" and np.asarray(y).dtype.kind in "iu":
        negative = np.less(y, 0)
        if np.any(negative):
            base = np.asarray(x)
            whole = np.power(base, np.where(negative, 0, y))  # 1/n is 0, but for 1 and -1
            odd = np.where(np.mod(y, 2) == 1, base, 1)
            return np.where(negative, np.where(base == 1, 1, np.where(base == -1, odd, 0)), whole).astype(whole.dtype)
    return np.power(x, y)


@quiet
def number_power(x: Any, base: Any) -> Any:
    """base ** x."""
    return power(np.asarray(base, x.dtype), x)


def negative(x: Any) -> Any:
    """-x; PyTorch's error for bools."""
    try:
        return np.negative(x)
    except TypeError:
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        ) from None


@quiet
def logaddexp(x: Any, y: Any) -> Any:
    """log(exp(x) + exp(y)), shifted by the larger so that nothing overflows."""
    if np.asarray(x).dtype.kind != "c":
        return _log_of_sum(x, y, np.exp, np.log1p) if _fast(x, y) else np.logaddexp(x, y)
    top = np.where(np.real(x) >= np.real(y), x, y)
    return np.log(np.exp(x - top) + np.exp(y - top)) + top


@quiet
def logaddexp2(x: Any, y: Any) -> Any:
    """log2(2^x + 2^y), shifted by the larger so that nothing overflows."""
    if not _fast(x, y):
        return np.logaddexp2(x, y)
    out = _log_of_sum(x, y, np.exp2, lambda t, out: np.multiply(np.log1p(t, out=out), LOG2_E, out=out))
    np.copyto(out, x + 1, where=np.equal(x, y))  # exactly
    return out


def _fast(x: Any, y: Any) -> bool:
    """Arrays of many float32, which are worth several fast passes: NumPy has one slow loop for them."""
    return type(x) is type(y) is np.ndarray and x.dtype == y.dtype == np.float32 and x.shape == y.shape and x.size >= 64


def _beside_number(x: Any, y: Any) -> bool:
    """Many float32 beside a number (which may be a 0-d array)."""
    if type(x) is not np.ndarray or x.dtype.char != "f" or x.size < 64:
        return False
    return not isinstance(y, np.ndarray) or (not y.ndim and type(y) is np.ndarray and y.dtype.char == "f")


def outer(x: Any, y: Any) -> Any:
    """x y for a column (n, 1) and a vector."""
    size = x.size * y.size
    if size < twins.least or not size or not twins.takes(x, y) or (fast := twins.of("pointwise")) is None:
        return np.multiply(x, y)
    out = np.empty((x.size, y.size), x.dtype)
    column = x.reshape(-1)
    if y.size == x.size:  # (both would be cut)
        fast.outer(column, y, out)
    else:
        threads.split(fast.outer, x.size, column, y, out, least=-(-twins.PART // y.size))
    return out


def _log_of_sum(x: Any, y: Any, exp: Any, log1p: Any) -> Any:
    """max + log(1 + exp(-|x - y|)); of two infinities of one sign (whose difference is NaN) that infinity."""
    t = np.subtract(x, y)
    np.abs(t, out=t)
    np.negative(t, out=t)
    log1p(exp(t, out=t), out=t)
    top = np.maximum(x, y)
    t += top
    if np.isnan(np.minimum.reduce(t, None)):
        np.copyto(t, top, where=np.isnan(t) & np.equal(x, y))
    return t


def _single_by_twin(kernel: Any) -> Any:
    """A kernel with a compiled twin for float32 arrays of one shape (or a number in place of the second)."""

    @functools.wraps(kernel)
    def call(x: Any, y: Any) -> Any:
        if type(x) is not np.ndarray or x.size < twins.least or x.dtype.char != "f" or not x.size:
            return kernel(x, y)
        by = y if isinstance(y, np.ndarray) else np.full(1, y, np.float32)
        if by.ndim == 0 < x.ndim:
            by = by.reshape(1)
        elif by is y and y.shape != x.shape:
            return kernel(x, y)
        if not twins.takes(x, by) or (fast := twins.of("pointwise")) is None:
            return kernel(x, y)
        out = np.empty(x.shape, x.dtype)
        flat = [a.reshape(-1) for a in (x, by, out)]
        threads.split(getattr(fast, kernel.__name__), x.size, *flat, least=twins.PART)
        return out

    return call


def _whole_division(name: str, x: Any, y: Any) -> bool:
    """True for integers, a zero among whose divisors is PyTorch's RuntimeError; bools and complex numbers have none."""
    dtype = x.dtype if isinstance(x, np.ndarray) else y.dtype
    if dtype.kind in "bc":
        raise unsupported(name, dtype)
    if dtype.kind == "f":
        return False
    plain = type(y) is np.ndarray
    if (not y.all() if plain else not y if isinstance(y, (int, np.generic)) else np.any(np.equal(y, 0))) and np.size(x):
        raise RuntimeError("ZeroDivisionError")
    return True


@_single_by_twin
@by_pieces
@quiet
def floor_divide(x: Any, y: Any) -> Any:
    """Rounded down."""
    _whole_division("div_floor_cpu", x, y)
    if not _fast(x, y) and not _beside_number(x, y):
        return np.floor_divide(x, y)
    quotient = np.divide(x, y, dtype=np.float64)  # see _rest
    np.floor(quotient, out=quotient)
    if -(2.0**22) < np.minimum.reduce(quotient, None) and np.maximum.reduce(quotient, None) < 2.0**22:
        return quotient.astype(np.float32)
    rest = np.fmod(x, y)
    quotient = np.true_divide(np.subtract(x, rest), y)  # a whole number, but for its rounding
    quotient -= (rest != 0) & ((rest < 0) != (y < 0))
    out = np.floor(quotient)
    out += np.subtract(quotient, out) > 0.5
    exact = np.true_divide(x, y)
    out = np.where(out == 0, np.copysign(np.zeros((), x.dtype), exact), out) if np.any(out == 0) else out
    return np.where(y == 0, exact, out) if np.any(y == 0) else out


@quiet
def divide_trunc(x: Any, y: Any) -> Any:
    """Rounded toward zero."""
    if _whole_division("div_trunc_cpu", x, y):
        quotient = np.floor_divide(x, y)
        return (quotient + ((quotient < 0) & (quotient * y != x))).astype(quotient.dtype)
    if type(x) is BFloats and type(y) is BFloats:  # PyTorch rounds the quotient before
        return np.trunc(computed(np.true_divide, x, y))
    if x.dtype == np.float16 and x.ndim and not y.ndim:  # by one number PyTorch divides in float32
        return np.trunc(np.true_divide(x, y, dtype=np.float32)).astype(np.float16)
    return np.trunc(np.true_divide(x, y))


@_single_by_twin
@by_pieces
@quiet
def remainder(x: Any, y: Any) -> Any:
    """Of the sign of y, as Python's %; but a remainder of 0 has the sign of x."""
    if _whole_division("remainder_cpu", x, y):
        return np.remainder(x, y)
    if (out := _rest(np.floor, x, y)) is not None:
        return out
    out = np.asarray(np.fmod(x, y))
    other_side = np.less(out, 0) != np.less(y, 0)
    other_side &= out != 0
    return np.add(out, y, out=out, where=other_side)


@_single_by_twin
@by_pieces
@quiet
def fmod(x: Any, y: Any) -> Any:
    """Of the sign of x, as C's fmod."""
    _whole_division("fmod_cpu", x, y)
    return np.fmod(x, y) if (out := _rest(np.trunc, x, y)) is None else out


def _rest(rounding: Any, x: Any, y: Any) -> Any:
    """x - rounding(x / y) y of many float32, in double precision; None if it is not exact, or something is not finite.

    It is while the quotient's whole part has 28 bits at most: if the quotient is no whole number it is then too far
    from one to be rounded to it, and the product with y and the difference from x are exact.
    """
    number = _beside_number(x, y)
    if not number and not _fast(x, y):
        return None
    wide, by = astype(x, np.float64), np.float64(np.float32(y)) if number else astype(y, np.float64)
    quotient = wide / by
    rounding(quotient, out=quotient)
    small = -(2.0**28) < np.minimum.reduce(quotient, None) and np.maximum.reduce(quotient, None) < 2.0**28
    quotient *= by
    np.subtract(wide, quotient, out=wide)
    out = wide.astype(np.float32)
    if not small or np.isnan(np.minimum.reduce(out, None)):
        return None
    if rounding is np.trunc:
        out.view(np.int32)[...] |= x.view(np.int32) & SIGN  # a remainder of 0 has the sign of x
    elif not out.all():
        np.copysign(out, x, out=out, where=out == 0)
    return out


def copysign(x: Any, y: Any) -> Any:
    """|x| with the sign of y: by their bits, as NumPy's loop takes one at a time."""
    if not _fast(x, y) or not (x.flags.c_contiguous and y.flags.c_contiguous):
        return np.copysign(x, y)
    out = np.abs(x)
    out.view(np.int32)[...] |= y.view(np.int32) & SIGN
    return out


def nextafter(x: Any, y: Any) -> Any:
    """The next float after x toward y."""
    if type(x) is not BFloats:
        if x.size < twins.least or not x.size or np.shape(y) != x.shape or not twins.takes(x, y):
            return np.nextafter(x, y)
        if (fast := twins.of("pointwise")) is None:
            return np.nextafter(x, y)
        whole = np.dtype(f"i{x.itemsize}")
        out = np.empty(x.shape, whole)
        flat = [a.reshape(-1) for a in (x, y, x.view(whole), y.view(whole))]
        threads.split(fast.nextafter, x.size, *flat, np.iinfo(whole).min, out.reshape(-1), least=twins.PART)
        return out.view(x.dtype)
    wide = x.wide(), y.wide()
    # of one sign, floats are ordered as their bits are; the smallest above 0 has the bits 1
    outward = np.where((wide[0] < wide[1]) == (wide[0] > 0), 1, -1).astype(np.int16)
    bits = x.bits + outward.view(np.uint16)
    smallest = np.where(wide[1] > 0, 1, 0x8001).astype(np.uint16)
    bits = np.where(wide[0] == 0, smallest, bits)
    bits = np.where(wide[0] == wide[1], y.bits, bits)
    return BFloats(np.where(np.isnan(wide[0]) | np.isnan(wide[1]), np.uint16(0x7FC0), bits))


def hypot(x: Any, y: Any) -> Any:
    """sqrt(x^2 + y^2)."""
    out = twins.result("pointwise", "hypot", x, y) if _fast(x, y) else None
    return _hypot(x, y) if out is None else out


@by_pieces
@quiet
def _hypot(x: Any, y: Any) -> Any:
    """Of float32 in double precision, where the squares neither overflow nor underflow."""
    if not _fast(x, y):
        return np.hypot(x, y)
    square = np.multiply(x, x, dtype=np.float64)
    square += np.multiply(y, y, dtype=np.float64)
    out = np.sqrt(square, out=square).astype(np.float32)
    if np.isnan(np.minimum.reduce(out, None)):
        np.copyto(out, np.inf, where=np.isinf(x) | np.isinf(y))  # also beside a NaN, as in C
    return out


def no_bools(x: Any, y: Any) -> None:
    """PyTorch's error for a difference with bools."""
    kinds = [v.dtype.kind if isinstance(v, np.ndarray) else "b" if isinstance(v, bool) else "" for v in (x, y)]
    if "b" in kinds:
        what, advice = ("two bool tensors", "Use the `^` or `logical_xor()` operator instead.")
        if kinds != ["b", "b"]:
            what, advice = (
                "a bool tensor",
                "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.",
            )
        raise RuntimeError(f"Subtraction, the `-` operator, with {what} is not supported. {advice}")


def subtract(x: Any, y: Any) -> Any:
    """x - y; PyTorch's error for bools."""
    try:
        return np.subtract(x, y)
    except TypeError:
        no_bools(x, y)
        raise


@in_single
@twins.elementwise("activation", pieces=True)
@quiet
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)); where exp overflows to infinity, 0."""
    t = np.negative(x)
    if type(t) is not np.ndarray:  # of a 0-d array NumPy makes a scalar
        return 1 / (1 + np.exp(t))
    np.exp(t, t)
    unit = one(t)
    np.add(t, unit, t)
    return np.divide(unit, t, t)


def relu(x: Any) -> Any:
    """x where it is positive, else 0."""
    if x.dtype.char in "fd" and x.size < 8192 and type(x) is np.ndarray:
        return np.maximum(zero(x), x)  # as below, 0.3 us sooner
    if x.dtype.kind == "c":
        raise _no_clamp("clamp_min_scalar", x)
    if type(x) is BFloats:
        return BFloats(_positive(x.bits, _INFINITE_BFLOAT))
    if x.dtype.char == "e" and type(x) is np.ndarray:
        return _positive(x.view(np.uint16), _INFINITE_HALF).view(np.float16)
    if x.size >= 8192 and x.dtype.kind == "f":
        return np.clip(x, 0, np.inf)  # much faster than np.maximum beside a number
    return larger(x, zero(x))


_INFINITE_HALF, _INFINITE_BFLOAT, _SIGN, _ONE = (np.array(n, np.uint16) for n in (0x7C00, 0x7F80, 0x8000, 1))


def _positive(bits: Any, infinite: Any) -> Any:
    """The bits of 16-bit floats where these are positive, NaN or -0, else 0: NumPy has no fast maximum for them."""
    keep = np.asarray(bits ^ _SIGN)  # of negative ones what is below: -0 becomes 0, -inf `infinite`, NaN is more
    keep -= _ONE
    kept = np.asarray(keep >= infinite).astype(np.uint16)
    kept *= bits
    return kept


def larger(x: Any, bound: Any) -> Any:
    """The larger of two; of 0 and -0 the x. (NumPy returns its second operand of those, in float16 its first.)"""
    return np.maximum(x, bound) if x.dtype.char == "e" else np.maximum(bound, x)


def smaller(x: Any, bound: Any) -> Any:
    """The smaller of two; of 0 and -0 the x."""
    return np.minimum(x, bound) if x.dtype.char == "e" else np.minimum(bound, x)


def share(g: Any, x: Any, y: Any) -> Any:
    """g where x is the larger, half of it where both are equal, 0 where y is (NaN being neither)."""
    g = np.broadcast_to(g, np.broadcast_shapes(g.shape, x.shape, y.shape))
    if x.dtype != y.dtype:  # they were compared in the result's
        x, y = x.astype(g.dtype), y.astype(g.dtype)
    out = kept(g, ~np.less(x, y))
    equal = np.broadcast_to(np.equal(x, y), out.shape)
    if equal.any():
        out[equal] *= 0.5
    return out


@twins.elementwise("activation")
def relu_backward(g: Any, out: Any) -> Any:
    """g where the output is positive or NaN, else 0."""
    return dropped(g, np.less_equal(out, zero(out)))


@in_single
@twins.elementwise("activation", pieces=True)
def sigmoid_backward(g: Any, out: Any) -> Any:
    """g out (1 - out)."""
    t = np.asarray(np.subtract(one(out), out))
    np.multiply(t, out, out=t)
    return g * t if g.shape != t.shape else np.multiply(g, t, out=t)


@in_single
@twins.elementwise("activation", pieces=True)
def tanh_backward(g: Any, out: Any) -> Any:
    """g (1 - out^2)."""
    t = np.asarray(np.multiply(out, out))
    np.subtract(one(t), t, out=t)
    return g * t if g.shape != t.shape else np.multiply(g, t, out=t)


# scaled and combined -------------------------------------------------------------------------------------------------


@in_single
@quiet
def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), and 1 at 0."""
    z = x * math.pi
    return np.where(z == 0, np.ones((), z.dtype), np.sin(z) / np.where(z == 0, np.ones((), z.dtype), z))


@quiet
def logit(x: Any, eps: float | None) -> Any:
    """log(x / (1 - x)), the inverse of sigmoid; with eps, x is first clamped to [eps, 1 - eps]."""
    z = x if eps is None else clamp(x, eps, 1 - eps)
    return np.log(z / (1 - z))


@quiet
def xlogy(x: Any, y: Any) -> Any:
    """x log(y), and 0 where x is 0 (unless y is NaN)."""
    x, y = _arrays(x, y)
    return np.where(np.equal(x, 0) & ~np.isnan(y), _zero(x, y), x * np.log(y))


@quiet
def xlog1py(x: Any, y: Any) -> Any:
    """x log(1 + y), and 0 where x is 0 (unless y is NaN)."""
    x, y = _arrays(x, y)
    return np.where(np.equal(x, 0) & ~np.isnan(y), _zero(x, y), x * np.log1p(y))


def _arrays(x: Any, y: Any) -> tuple[Any, Any]:
    """Both as arrays, a number in the dtype of the other."""
    if isinstance(x, (np.ndarray, np.generic)):
        return x, y if isinstance(y, (np.ndarray, np.generic)) else np.asarray(y, x.dtype)
    return np.asarray(x, y.dtype), y


def _zero(x: Any, y: Any) -> Any:
    return np.zeros((), np.result_type(x, y))


@in_single
@quiet
def lerp(x: Any, end: Any, weight: Any) -> Any:
    """x + weight (end - x), computed from the nearer end, so that weight 1 gives `end` exactly."""
    if x.dtype.kind not in "fc":
        raise unsupported(f"lerp_kernel_{'tensor' if isinstance(weight, np.ndarray) else 'scalar'}", x.dtype)
    d = np.asarray(end - x)
    if not isinstance(weight, np.ndarray):
        near, step = (x, weight) if abs(weight) < 0.5 else (end, weight - 1)
        d *= step
        return np.add(d, near, out=d)
    near_x = np.abs(weight) < 0.5
    return np.where(near_x, x, end) + np.where(near_x, weight, weight - 1) * d


@in_single
def add_scaled(x: Any, y: Any, factor: Any, exact: Any) -> Any:
    """x + factor y; exact: the factor before it was rounded to x's dtype, for the gradient."""
    return _onto(x, y * factor)


@in_single
def sub_scaled(x: Any, y: Any, factor: Any, exact: Any) -> Any:
    """x - factor y."""
    return _onto(x, y * -factor)


@in_single
def addcmul(x: Any, a: Any, b: Any, value: Any) -> Any:
    """x + value a b."""
    if x.dtype.kind == "b":
        raise unsupported("addcmul_cpu_out", x.dtype)
    out = a * b if value == 1 else (a * value) * b
    return _onto(x, out)


@in_single
@quiet
def addcdiv(x: Any, a: Any, b: Any, value: Any) -> Any:
    """x + value a / b."""
    return _onto(x, np.true_divide(a if value == 1 else a * value, b))


def _onto(x: Any, out: Any) -> Any:
    """x + out, in the memory of the fresh `out` if it has the shape."""
    if type(out) is np.ndarray and (
        out.shape == x.shape or (out.ndim >= x.ndim and np.broadcast_shapes(x.shape, out.shape) == out.shape)
    ):
        return np.add(x, out, out=out)
    return x + out


def clamp(x: Any, low: Any, high: Any) -> Any:
    """x, but low where it is smaller and high where it is larger than that; where low > high, high. NaN stays."""
    if x.dtype.char in "fd" and x.size < 8192 and type(x) is np.ndarray:  # as below, 0.5 us sooner
        out = x if low is None else np.maximum(operand(low, x), x)
        return out if high is None else np.minimum(operand(high, x), out)
    if x.dtype.kind in "bc":
        raise _no_clamp(
            "clamp_min_scalar" if high is None else "clamp_max_scalar" if low is None else "clamp_scalar", x
        )
    if x.dtype.kind in "iu":
        low, high = (None if b is None else fill_number(int(b), x.dtype) for b in (low, high))
    elif x.size >= 8192:
        return np.clip(x, -np.inf if low is None else low, np.inf if high is None else high)  # in one pass
    if low is None:
        return smaller(x, operand(high, x))
    out = larger(x, operand(low, x))
    return out if high is None else smaller(out, operand(high, x))


def clamp_tensors(x: Any, low: Any, high: Any) -> Any:
    """`clamp` with arrays for bounds, either of which may be None."""
    if x.dtype.kind == "c" or (x.dtype.kind == "b" and low is not None and high is not None):
        raise _no_clamp("clamp", x)
    out = x if low is None else np.maximum(x, low)
    return out if high is None else np.minimum(out, high)


def _no_clamp(name: str, x: Any) -> NotImplementedError:
    if x.dtype.kind == "c":
        return NotImplementedError("clamp is not supported for complex types")
    return unsupported(name + "_cpu", x.dtype)


def nan_to_num(x: Any, nan: float | None, posinf: float | None, neginf: float | None) -> Any:
    """NaN and infinities replaced: by 0 and the dtype's largest and smallest numbers unless told otherwise."""
    if x.dtype.kind not in "fc":
        return clone(x)
    if type(x) is np.ndarray and np.isfinite(x).all():
        return clone(x)
    return np.nan_to_num(clone(x), copy=False, nan=nan or 0.0, posinf=posinf, neginf=neginf)


@in_single
def round_decimals(x: Any, decimals: int) -> Any:
    """The nearest number with so many decimals (tens, hundreds, ... if negative)."""
    if x.dtype.kind != "f":
        raise unsupported("round_cpu", x.dtype)
    scale = 10.0 ** abs(decimals)
    return np.rint(x * scale) / scale if decimals > 0 else np.rint(x / scale) * scale


def frac(x: Any) -> Any:
    """What stands behind the point, with the sign of x."""
    if x.dtype.kind in "iubc":
        raise unsupported("frac_cpu", x.dtype)
    if (out := twins.result("pointwise", "frac", x)) is not None:
        return out
    return x - np.trunc(x)


def whole(ufunc: Any, name: str) -> Any:
    """A rounding function, under which integers stay as they are and bools are PyTorch's error."""

    def kernel(x: Any) -> Any:
        if x.dtype.kind in "iu":
            return clone(x)
        if x.dtype.kind == "c" and name != "round_vml_cpu":
            raise NotImplementedError(f"{ufunc.__name__} is not supported for complex inputs")
        if x.dtype.kind in "bc":
            raise unsupported(name, x.dtype)
        return ufunc(x)

    return kernel


def signbit(x: Any) -> Any:
    """True for negative numbers and -0."""
    if x.dtype.kind == "c":
        raise NotImplementedError("signbit is not implemented for complex tensors.")
    return np.signbit(x) if x.dtype.kind == "f" else np.less(x, 0)


def infinite(name: str, value: float) -> Any:
    """Where a real array is infinite on one side."""
    return refusing("c", f"{name} does not support complex inputs.", lambda x: np.equal(x, value), error=RuntimeError)


@quiet
def sgn(x: Any) -> Any:
    """The sign; of a complex number its direction x / |x| (of an infinite one NaN)."""
    if x.dtype.kind != "c":
        return sign(x)
    size = np.abs(x)
    return np.where(size == 0, x.dtype.type(0), x / size)


def angle(x: Any) -> Any:
    """The argument of a complex number; pi for negative numbers, else 0."""
    if x.dtype.kind == "c":
        return np.arctan2(x.imag, x.real, order="C")
    x = x if x.dtype.kind == "f" else astype(x, np.float32)
    return np.where(np.isnan(x), x, np.where(x < 0, np.asarray(math.pi, x.dtype), np.zeros((), x.dtype)))


def complex_from(real: Any, imag: Any) -> Any:
    """real + i imag."""
    shape = np.broadcast_shapes(np.shape(real), np.shape(imag))
    kind = np.dtype(np.complex128 if real.dtype == np.float64 else np.complex64)
    out = empty_like(real, kind) if real.shape == shape else np.empty(shape, kind)
    out.real, out.imag = real, imag
    return out


def polar(length: Any, angle: Any) -> Any:
    """length (cos angle + i sin angle)."""
    return complex_from(length * np.cos(angle), length * np.sin(angle))


def view_as_real(z: Any) -> Any:
    """Complex numbers as pairs (real, imaginary) along one more axis, in the same memory."""
    return z[..., None].view(z.real.dtype)


def view_as_complex(x: Any) -> Any:
    """Pairs (real, imaginary) along the last axis as complex numbers, in the same memory."""
    if x.dtype.itemsize == 2:
        raise NotImplementedError(
            "microtorch: complex32 (complex numbers of halves) is not implemented: NumPy has none"
        )
    return x.view(np.complex128 if x.dtype == np.float64 else np.complex64)[..., 0]


def heaviside(x: Any, values: Any) -> Any:
    """0 for negative, 1 for positive x, `values` at 0."""
    return np.where(x == 0, values, (x > 0).astype(x.dtype))


def shift(ufunc: Any, name: str) -> Any:
    """A bit shift, of integers only."""

    def kernel(x: Any, y: Any) -> Any:
        kind = x.dtype if isinstance(x, np.ndarray) else y.dtype
        if kind.kind not in "iu":
            raise unsupported(name, kind)
        return ufunc(x, y)

    return kernel


def unsupported(name: str, dtype: Any) -> NotImplementedError:
    """PyTorch's error for a dtype that a kernel does not take."""
    return NotImplementedError(f"\"{name}\" not implemented for '{of[dtype].type_name}'")


def absolute(x: Any) -> Any:
    """|x|; PyTorch has it for no bools."""
    if x.dtype.kind == "b":
        raise NotImplementedError("\"abs_cpu\" not implemented for 'Bool'")
    return np.abs(x)
