"""Element by element, with PyTorch's signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions.arguments import need_tensor, numpy_dtype, takes_out
from microtorch.ops import pointwise as P

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


@takes_out
def add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input + alpha * other, broadcast.

    >>> import microtorch as torch
    >>> torch.add(torch.tensor([1., 2.]), 10, alpha=2)
    tensor([21., 22.])
    """
    return P.add(input, other if alpha == 1 else _scaled(input, other, alpha))  # type: ignore[no-any-return]


@takes_out
def sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """input - alpha * other, broadcast."""
    return P.sub(input, other if alpha == 1 else _scaled(input, other, alpha))  # type: ignore[no-any-return]


subtract = sub


def _scaled(input: Any, other: Any, alpha: Any) -> Any:
    kinds = [t._data.dtype.kind for t in (input, other) if isinstance(t, TensorBase)]
    if isinstance(alpha, float) and not any(k in "fc" for k in kinds):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    return P.mul(other, alpha) if isinstance(other, TensorBase) else other * alpha


def rsub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """other - alpha * input."""
    return sub(other, input, alpha=alpha)


@takes_out
def mul(input: Any, other: Any) -> Tensor:
    """input * other, broadcast."""
    return P.mul(input, other)  # type: ignore[no-any-return]


multiply = mul


@takes_out
def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """input / other; rounding_mode None (true division), "trunc" (toward zero) or "floor"."""
    if rounding_mode is None:
        return P.div(input, other)  # type: ignore[no-any-return]
    if rounding_mode == "trunc":
        return P.div_trunc(input, other)  # type: ignore[no-any-return]
    if rounding_mode == "floor":
        return P.div_floor(input, other)  # type: ignore[no-any-return]
    raise RuntimeError(
        f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
    )


divide = div


@takes_out
def true_divide(input: Any, other: Any) -> Tensor:
    """input / other as floats."""
    return P.div(input, other)  # type: ignore[no-any-return]


@takes_out
def pow(input: Any, exponent: Any) -> Tensor:
    """input ** exponent, broadcast; either may be a number."""
    return P.pow(input, exponent)  # type: ignore[no-any-return]


@takes_out
def clamp(input: Any, min: Any = None, max: Any = None) -> Tensor:
    """The input, but min where it is smaller and max where it is larger; bounds are numbers or tensors."""
    need_tensor("clamp", input)
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, TensorBase) or isinstance(max, TensorBase):
        out = input if min is None else P.maximum(input, min if isinstance(min, TensorBase) else wrap(np.asarray(min, input._data.dtype)))
        return out if max is None else P.minimum(out, max if isinstance(max, TensorBase) else wrap(np.asarray(max, out._data.dtype)))  # type: ignore[no-any-return]
    if input._data.dtype.kind in "iub" and (isinstance(min, float) or isinstance(max, float)):
        input = P.cast(input, np.dtype(np.float32))
    return P.clamp(input, min, max)  # type: ignore[no-any-return]


clip = clamp


@takes_out
def clamp_min(input: Any, min: Any) -> Tensor:
    """The input, but min where it is smaller."""
    return clamp(input, min=min)


@takes_out
def clamp_max(input: Any, max: Any) -> Tensor:
    """The input, but max where it is larger."""
    return clamp(input, max=max)


def where(condition: Any, input: Any = None, other: Any = None, *, out: Any = None) -> Any:
    """input where condition is true, other elsewhere, broadcast; with the condition alone, its nonzero places."""
    need_tensor("where", condition, "condition")
    if input is None and other is None:
        return tuple(wrap(a) for a in np.nonzero(condition._data))
    from microtorch.autograd.table import as_dtype, promote, promote_number

    a, b = (t._data if isinstance(t, TensorBase) else t for t in (input, other))
    if isinstance(input, TensorBase) and isinstance(other, TensorBase):
        want = promote(a[:0] if a.ndim else a, b[:0] if b.ndim else b)[0].dtype if a.dtype != b.dtype else a.dtype
    elif isinstance(input, TensorBase):
        want = promote_number("where", a, b)[0].dtype
    elif isinstance(other, TensorBase):
        want = promote_number("where", b, a)[0].dtype
    else:
        from microtorch.functions.creation import array_from

        want = promote(array_from(a), array_from(b))[0].dtype
    def ready(t: Any) -> Any:
        if isinstance(t, TensorBase):
            return t if t._data.dtype == want else P.cast(t, want)
        return wrap(np.asarray(t).astype(want))

    mask = condition._data if condition._data.dtype.kind == "b" else condition._data.astype(bool)
    del as_dtype
    try:
        return P.where(mask, ready(input), ready(other))
    except ValueError:
        shapes = [list(np.shape(x)) for x in (mask, a, b)]
        raise RuntimeError(
            f"The size of tensor a ({shapes[0]}) must match the size of tensor b ({shapes[1]}), ({shapes[2]}) to broadcast"
        ) from None


@takes_out
def round(input: Any, *, decimals: int = 0) -> Tensor:
    """The nearest whole number (halves to even), or the nearest with so many decimals."""
    need_tensor("round", input)
    if decimals == 0:
        return P.round(input)  # type: ignore[no-any-return]
    scale = 10.0 ** abs(decimals)
    return P.div(P.round(P.mul(input, scale)), scale) if decimals > 0 else P.mul(P.round(P.div(input, scale)), scale)  # type: ignore[no-any-return]


@takes_out
def lerp(input: Any, end: Any, weight: Any) -> Tensor:
    """input + weight * (end - input)."""
    return P.add(input, P.mul(P.sub(end, input), weight))  # type: ignore[no-any-return]


@takes_out
def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """input + value * tensor1 * tensor2."""
    return P.add(input, P.mul(P.mul(tensor1, tensor2), value))  # type: ignore[no-any-return]


@takes_out
def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
    """input + value * tensor1 / tensor2."""
    return P.add(input, P.mul(P.div(tensor1, tensor2), value))  # type: ignore[no-any-return]


def _identity_for_integers(entry: Any) -> Any:
    def call(input: Any, *, out: Any = None) -> Tensor:
        return entry(input)  # type: ignore[no-any-return]

    return call


def isclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Tensor:
    """|input - other| <= atol + rtol |other|, element by element."""
    return wrap(np.isclose(input._data, other._data, rtol, atol, equal_nan))


def allclose(input: Any, other: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> bool:
    """True if all elements are close (`isclose`)."""
    if input._data.dtype != other._data.dtype:
        from microtorch.dtypes import of

        names = of[input._data.dtype].type_name, of[other._data.dtype].type_name
        raise RuntimeError(f"{names[0]} did not match {names[1]}")
    return bool(np.isclose(input._data, other._data, rtol, atol, equal_nan).all())


def equal(input: Any, other: Any) -> bool:
    """True if both have the same shape and the same elements."""
    return input._data.shape == other._data.shape and bool(np.array_equal(input._data, other._data))


def to_dtype(input: Any, dtype: Any) -> Tensor:
    """The tensor in another dtype, itself if it has it."""
    want = numpy_dtype(dtype)
    return input if input._data.dtype == want else P.cast(input, want)  # type: ignore[no-any-return]
