"""The functions of `torch.masked`: each is the plain function, after a neutral element is put where the mask is False.

PyTorch's words on them: https://pytorch.org/docs/stable/masked.html and pytorch/rfcs RFC-0016.
"""

from __future__ import annotations

from typing import Any

import microtorch
from microtorch._tensor import Tensor
from microtorch.dtypes import bool_, dtype as Dtype, float32, float64, iinfo, int64, uint8

inf, nan = float("inf"), float("nan")


def _mask_of(input: Tensor, mask: Any) -> Tensor:
    """The mask in the input's shape; without one all is True. Raises IndexError for one of more dimensions."""
    if mask is None:
        return microtorch.ones(input.shape, dtype=bool_)
    if mask.dim() > input.dim():
        raise IndexError("_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)")
    return microtorch.broadcast_to(mask, input.shape).to(bool_)


def _filled(name: str, input: Tensor, mask: Any, number: float | None) -> Tensor:
    """The input with the number where the mask is False; None: the least or the largest of an integer dtype."""
    if mask is None:
        return input
    dtype = input.dtype
    if number is not None and abs(number) == inf and not (dtype.is_floating_point or dtype.is_complex):
        if not (dtype.is_signed or dtype is uint8):
            raise NotImplementedError(f"identity of {name} on {dtype} input")
        number = iinfo(dtype).min if number < 0 else iinfo(dtype).max
    return microtorch.where(_mask_of(input, mask), input, microtorch.tensor(number, dtype=dtype))


def _axes(dim: Any, ndim: int) -> tuple[int, ...]:
    """The axes, all for None. Raises IndexError for one that is not there, RuntimeError for one that is there twice."""
    if dim is None:
        return tuple(range(ndim))
    n = max(ndim, 1)
    found: list[int] = []
    for d in dim if isinstance(dim, (tuple, list)) else (dim,):
        if not -n <= d < n:
            raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {d})")
        if d % n in found:
            raise RuntimeError(f"dim={d % n} appears multiple times in the list of dims")
        found.append(d % n)
    return tuple(found) or tuple(range(ndim))


def _whole(dtype: Dtype) -> bool:
    """True for integers and bools."""
    return not (dtype.is_floating_point or dtype.is_complex)


def sum(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Dtype | None = None, mask: Any = None
) -> Tensor:
    """The sum along `dim` (an axis, several, or all) of what is not masked out.

    >>> import microtorch as torch
    >>> torch.masked.sum(torch.ones(2, 3), 0, mask=torch.tensor([True, False, True]))
    tensor([2., 0., 2.])
    """
    if dtype is None:
        dtype = int64 if _whole(input.dtype) else input.dtype
    axes = _axes(dim, input.dim())
    return microtorch.sum(_filled("sum", input, mask, 0), axes, bool(keepdim), dtype=dtype)


def prod(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Dtype | None = None, mask: Any = None
) -> Tensor:
    """The product along `dim` of what is not masked out."""
    if dtype is None:
        dtype = int64 if _whole(input.dtype) else input.dtype
    result = _filled("prod", input, mask, 1)
    for axis in sorted(_axes(dim, input.dim()), reverse=True):
        result = result.prod(axis, bool(keepdim))
    return result.to(dtype)


def amax(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Dtype | None = None, mask: Any = None
) -> Tensor:
    """The largest along `dim` of what is not masked out; the least number of the dtype where all is."""
    result = microtorch.amax(_filled("amax", input, mask, -inf), _axes(dim, input.dim()), bool(keepdim))
    return result.to(input.dtype if dtype is None else dtype)


def amin(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Dtype | None = None, mask: Any = None
) -> Tensor:
    """The least along `dim` of what is not masked out; the largest number of the dtype where all is."""
    result = microtorch.amin(_filled("amin", input, mask, inf), _axes(dim, input.dim()), bool(keepdim))
    return result.to(input.dtype if dtype is None else dtype)


def argmax(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Dtype | None = None, mask: Any = None
) -> Tensor:
    """The place of `amax` along an axis, in the input's dtype as PyTorch has it."""
    result = microtorch.argmax(_filled("argmax", input, mask, -inf), dim, bool(keepdim))
    return result.to(input.dtype if dtype is None else dtype)


def argmin(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Dtype | None = None, mask: Any = None
) -> Tensor:
    """The place of `amin` along an axis, in the input's dtype as PyTorch has it."""
    result = microtorch.argmin(_filled("argmin", input, mask, inf), dim, bool(keepdim))
    return result.to(input.dtype if dtype is None else dtype)


def mean(
    input: Tensor, dim: Any = None, *, keepdim: bool | None = False, dtype: Dtype | None = None, mask: Any = None
) -> Tensor:
    """The mean along `dim` of what is not masked out; NaN where all is. Raises ValueError for integers."""
    if dtype is None:
        dtype = input.dtype
        if _whole(dtype):
            raise ValueError(
                "mean(): Could not infer output dtype. Input dtype must be either a floating point or complex dtype. "
                f"Got: {dtype}"
            )
    if _whole(dtype):
        raise ValueError(
            f"mean(): Could not infer output dtype. Optional dtype must be either a floating point or complex dtype. "
            f"Got: {dtype}"
        )
    axes = _axes(dim, input.dim())
    count = _mask_of(input, mask).sum(axes, bool(keepdim))
    return sum(input, dim, keepdim=keepdim, dtype=dtype, mask=mask) / count


def median(
    input: Tensor, dim: int = -1, *, keepdim: bool = False, dtype: Dtype | None = None, mask: Any = None
) -> Tensor:
    """The lower median along an axis of what is not masked out; NaN where all is (ValueError of integers)."""
    axis = _axes(dim, input.dim())[0]
    floating = input.dtype.is_floating_point
    x = input if floating else input.to(float32)
    output = microtorch.nanmedian(_filled("median", x, mask, nan), axis, keepdim).values
    if floating:
        return output
    if output.isnan().any():
        raise ValueError("masked median expects no fully masked out rows if dtype is not floating point")
    return output.to(input.dtype if dtype is None else dtype)


def logsumexp(
    input: Tensor, dim: Any = None, *, keepdim: bool = False, dtype: Dtype | None = None, mask: Any = None
) -> Tensor:
    """The logarithm of the sum of exponentials along `dim` of what is not masked out; -inf where all is."""
    result = microtorch.logsumexp(_filled("logsumexp", input, mask, -inf), _axes(dim, input.dim()), keepdim)
    return result.to(input.dtype if dtype is None else dtype)


def norm(
    input: Tensor, ord: float | None = 2.0, dim: Any = None, *, keepdim: bool | None = False,
    dtype: Dtype | None = None, mask: Any = None,
) -> Tensor:  # fmt: skip
    """The vector norm along `dim` of what is not masked out."""
    order = 2.0 if ord is None else ord
    x = _filled("norm", input, mask, inf if order == -inf else 0)
    return microtorch.linalg.vector_norm(x, order, _axes(dim, input.dim()), bool(keepdim), dtype=dtype)


def var(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, *, correction: float | None = None,
    keepdim: bool | None = False, dtype: Dtype | None = None, mask: Any = None,
) -> Tensor:  # fmt: skip
    """The variance along `dim` of what is not masked out; divided by its number less `correction` (1)."""
    assert unbiased is None or correction is None, "Only one of unbiased and correction may be given"
    if unbiased is not None:
        correction = 1.0 if unbiased else 0.0
    less = 1.0 if correction is None else float(correction)
    if dtype is None:
        dtype = float32 if _whole(input.dtype) else input.dtype
    working = float32 if _whole(dtype) else dtype
    axes = _axes(dim, input.dim())
    count = _mask_of(input, mask).sum(axes, keepdim=True)
    centred = input - sum(input, dim, keepdim=True, dtype=dtype, mask=mask) / count
    total = sum(centred * centred.conj(), dim, keepdim=keepdim, dtype=working, mask=mask)
    number: Tensor = count.reshape(total.shape)
    if less:
        real = number.to(_real(working)) - less
        number = microtorch.maximum(real, real.new_zeros([]))
    return (total / number).to(dtype)


def _real(dtype: Dtype) -> Dtype:
    if not dtype.is_complex:
        return dtype
    return float64 if dtype.itemsize == 16 else float32


def std(
    input: Tensor, dim: Any = None, unbiased: bool | None = None, *, correction: float | None = None,
    keepdim: bool | None = False, dtype: Dtype | None = None, mask: Any = None,
) -> Tensor:  # fmt: skip
    """The square root of `var`."""
    return microtorch.sqrt(var(input, dim, unbiased, correction=correction, keepdim=keepdim, dtype=dtype, mask=mask))


# results of the input's shape -----------------------------------------------------------------------------------------


def softmax(input: Tensor, dim: int, *, dtype: Dtype | None = None, mask: Any = None) -> Tensor:
    """Softmax along an axis: what is masked out gets 0, and NaN where all is."""
    axis = _axes(dim, input.dim())[0]
    return microtorch.softmax(_filled("amax", input, mask, -inf), axis, dtype=dtype or input.dtype)


def log_softmax(input: Tensor, dim: int, *, dtype: Dtype | None = None, mask: Any = None) -> Tensor:
    """The logarithm of `softmax`."""
    axis = _axes(dim, input.dim())[0]
    return microtorch.log_softmax(_filled("amax", input, mask, -inf), axis, dtype=dtype or input.dtype)


def softmin(input: Tensor, dim: int, *, dtype: Dtype | None = None, mask: Any = None) -> Tensor:
    """Softmax of the negated input."""
    axis = _axes(dim, input.dim())[0]
    return microtorch.softmax(-_filled("amin", input, mask, inf), axis, dtype=dtype or input.dtype)


def normalize(
    input: Tensor, ord: float, dim: int, *, eps: float = 1e-12, dtype: Dtype | None = None, mask: Any = None
) -> Tensor:
    """The input over its `norm` along an axis, or over `eps` where that is larger; 0 where it is masked out."""
    axis = _axes(dim, input.dim())[0] if isinstance(dim, int) else dim
    x = input if dtype is None else input.to(dtype)
    length = norm(input, ord, axis, keepdim=True, dtype=dtype, mask=mask)
    return _filled("sum", x, mask, 0) / microtorch.maximum(length, length.new_full((), eps))


def cumsum(input: Tensor, dim: int, *, dtype: Dtype | None = None, mask: Any = None) -> Tensor:
    """Running sums along an axis of what is not masked out."""
    axis = _axes(dim, input.dim())[0]
    return microtorch.cumsum(_filled("cumsum", input, mask, 0), axis, dtype=dtype or input.dtype)


def cumprod(input: Tensor, dim: int, *, dtype: Dtype | None = None, mask: Any = None) -> Tensor:
    """Running products along an axis of what is not masked out."""
    axis = _axes(dim, input.dim())[0]
    return microtorch.cumprod(_filled("cumprod", input, mask, 1), axis, dtype=dtype or input.dtype)


def logaddexp(
    input: Tensor, other: Tensor, *, dtype: Dtype | None = None, input_mask: Any = None, other_mask: Any = None
) -> Tensor:
    """log(exp(input) + exp(other)), -inf taken for what a mask leaves out of one of them."""
    result = microtorch.logaddexp(
        _filled("logaddexp", input, input_mask, -inf), _filled("logaddexp", other, other_mask, -inf)
    )
    return result.to(input.dtype if dtype is None else dtype)
