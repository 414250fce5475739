"""Comparison, logic and bits, element by element, with PyTorch's signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.operands import broadcast_error
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions.arguments import need_tensor, number_of, takes_out
from microtorch.functions.pointwise import one, refuse_kinds, two, type_name
from microtorch.kernels.bfloat16 import BF16
from microtorch.kernels.quiet import silence
from microtorch.kernels.strides import operands_order
from microtorch.ops import pointwise as P

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


eq = two(P.eq, "input == other, element by element.", numbers="other")
ne = not_equal = two(P.ne, "input != other, element by element.", numbers="other")
lt = less = two(P.lt, "input < other, element by element.", numbers="other", refuse="c")
le = less_equal = two(P.le, "input <= other, element by element.", numbers="other", refuse="c")
gt = greater = two(P.gt, "input > other, element by element.", numbers="other", refuse="c")
ge = greater_equal = two(P.ge, "input >= other, element by element.", numbers="other", refuse="c")
logical_and = two(P.logical_and, "True where both are nonzero.", numbers="none")
logical_or = two(P.logical_or, "True where either is nonzero.", numbers="none")
logical_xor = two(P.logical_xor, "True where exactly one is nonzero.", numbers="none")
logical_not = one(P.logical_not, "True where the input is 0.")
bitwise_and = two(P.bitwise_and, "The bits that both have.", refuse="fc")
bitwise_or = two(P.bitwise_or, "The bits that either has.", refuse="fc")
bitwise_xor = two(P.bitwise_xor, "The bits that exactly one has.", refuse="fc")
bitwise_not = one(P.bitwise_not, "All bits inverted.", check=lambda t: refuse_kinds("bitwise_not", "fc", t))
bitwise_left_shift = two(P.left_shift, "input * 2^other, as bits.")
bitwise_right_shift = two(P.right_shift, "input / 2^other, as bits.")
isnan = one(P.isnan, "True where NaN.")
isinf = one(P.isinf, "True where infinite.")
isfinite = one(P.isfinite, "True where neither infinite nor NaN.")
isposinf = one(P.isposinf, "True where inf.")
isneginf = one(P.isneginf, "True where -inf.")
isreal = one(P.isreal, "True where the imaginary part is 0.")


def invert(input: Any) -> Tensor:
    """~input, of integers and bools."""
    if input._data.dtype.kind in "fc":
        raise TypeError("~ (operator.invert) is only implemented on integer and Boolean-type tensors")
    return P.bitwise_not(input)


@takes_out
def isin(elements: Any, test_elements: Any, *, assume_unique: bool = False, invert: bool = False) -> Tensor:
    """Where an element is one of `test_elements` (is none of them, if `invert`).

    >>> import microtorch as torch
    >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2, 3]))
    tensor([False,  True,  True])
    """
    a, b = (v._data if isinstance(v, TensorBase) else np.asarray(v) for v in (elements, test_elements))
    for v in (elements, test_elements):
        if isinstance(v, TensorBase) and v._data.dtype.kind in "bc":
            raise RuntimeError(f"Unsupported input type encountered for isin(): {type_name(v)}")
    return wrap(np.asarray(np.isin(a, b, invert=invert)))


_equal = operands_order(np.equal)


def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """|input - other| <= atol + rtol |other|, element by element.

    Raises RuntimeError if the dtypes differ.
    """
    need_tensor("isclose", input)
    need_tensor("isclose", other, "other", 2)
    a, b = input._data, other._data
    if a.dtype != b.dtype:
        raise RuntimeError(f"{type_name(input)} did not match {type_name(other)}")
    rtol, atol = number_of("isclose", rtol, "rtol", 3), number_of("isclose", atol, "atol", 4)
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance < 0:
            raise RuntimeError(f"{name} must be greater than or equal to zero, but got {tolerance:g}")
    if equal_nan and a.dtype.kind not in "fc":
        equal_nan = False
    try:
        close = np.asarray(_equal(a, b))
    except ValueError as error:
        raise broadcast_error(a, b, error) from None
    if equal_nan:
        close |= np.isnan(a) & np.isnan(b)
    if rtol == 0 and atol == 0:
        return wrap(np.asarray(close))
    wide = np.float64 if a.dtype.kind in "iub" else np.float32 if a.dtype is BF16 else a.dtype
    with silence():
        a, b = a.astype(wide), b.astype(wide)
        gap = np.abs(a - b)
        close |= np.isfinite(gap) & (gap <= atol + np.abs(rtol * b))
    return wrap(np.asarray(close))


def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """True if all elements are close (`isclose`)."""
    need_tensor("allclose", input)
    need_tensor("allclose", other, "other", 2)
    return bool(isclose(input, other, rtol, atol, equal_nan)._data.all())


def equal(input: Any, other: Any) -> bool:
    """True if both have the same shape and the same elements."""
    need_tensor("equal", input)
    need_tensor("equal", other, "other", 2)
    return input._data.shape == other._data.shape and bool(np.array_equal(input._data, other._data))
