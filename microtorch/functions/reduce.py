"""Reductions, with PyTorch's signatures (`dim`, `keepdim`, `dtype`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from microtorch.autograd.state import wrap
from microtorch.functions.arguments import axes_of, axis_of, need_tensor, numpy_dtype, takes_out, write_out
from microtorch.ops import pointwise as P
from microtorch.ops import reduce as R

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


@takes_out
def sum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum over all elements, or over the dimensions `dim`; integers and bools give int64.

    >>> import microtorch as torch
    >>> torch.ones(2, 3).sum(dim=1)
    tensor([3., 3.])
    """
    need_tensor("sum", input)
    if dtype is not None:
        want = numpy_dtype(dtype)
        return P.cast(R.sum(_cast(input, want), axes_of(dim, input._data.ndim), keepdim), want)  # type: ignore[no-any-return]
    return R.sum(input, axes_of(dim, input._data.ndim), keepdim)  # type: ignore[no-any-return]


def _cast(input: Any, want: Any) -> Any:
    return input if input._data.dtype == want else P.cast(input, want)


@takes_out
def mean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over all elements, or over `dim`.

    Raises RuntimeError for integer and bool tensors.
    """
    need_tensor("mean", input)
    if dtype is not None:
        input = _cast(input, numpy_dtype(dtype))
    if input._data.dtype.kind not in "fc":
        from microtorch.dtypes import of

        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
            f"{of[input._data.dtype].type_name}"
        )
    return R.mean(input, axes_of(dim, input._data.ndim), keepdim)  # type: ignore[no-any-return]


def _correction(dim: Any, unbiased: Any, correction: Any) -> tuple[Any, float]:
    """PyTorch's two ways to say it: var(unbiased), var(dim, unbiased), var(dim, correction=)."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    return dim, correction


@takes_out
def var(input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Tensor:
    """The variance, divided by n - correction (default 1)."""
    need_tensor("var", input)
    _float_only("var", input)
    dim, correction = _correction(dim, unbiased, correction)
    return R.var(input, axes_of(dim, input._data.ndim), correction, keepdim)  # type: ignore[no-any-return]


@takes_out
def std(input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Tensor:
    """The standard deviation: the root of `var`."""
    need_tensor("std", input)
    _float_only("std", input)
    dim, correction = _correction(dim, unbiased, correction)
    return R.std(input, axes_of(dim, input._data.ndim), correction, keepdim)  # type: ignore[no-any-return]


def _float_only(name: str, input: Any) -> None:
    if input._data.dtype.kind not in "fc":
        raise RuntimeError(f"{name} and std only support floating point and complex dtypes" if name == "var" else
                           "std and var only support floating point and complex dtypes")  # fmt: skip


def var_mean(input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> tuple[Tensor, Tensor]:
    """Variance and mean."""
    return var(input, dim, unbiased, keepdim, correction=correction), mean(input, None if isinstance(dim, bool) else dim, keepdim)


def std_mean(input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> tuple[Tensor, Tensor]:
    """Standard deviation and mean."""
    return std(input, dim, unbiased, keepdim, correction=correction), mean(input, None if isinstance(dim, bool) else dim, keepdim)


class ValuesIndices(NamedTuple):
    """A pair of tensors that prints as PyTorch prints it."""

    values: Any
    indices: Any

    def __repr__(self) -> str:
        return f"torch.return_types.{type(self).__name__}(\nvalues={self.values!r},\nindices={self.indices!r})"


def return_type(name: str) -> Any:
    """A named pair (values, indices), as torch.return_types has one for each function that returns it."""
    return type(name, (ValuesIndices,), {"__slots__": ()})


_max, _min = return_type("max"), return_type("min")


def _nonempty(name: str, input: Any, dim: Any) -> None:
    if input._data.size == 0 and (dim is None or input._data.shape[axis_of(dim, input._data.ndim)] == 0):
        if dim is None:
            raise RuntimeError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the "
                "'dim' argument."
            )
        raise IndexError(f"{name}(): Expected reduction dim {axis_of(dim, input._data.ndim)} to have non-zero size.")


def max(input: Any, dim: Any = None, keepdim: bool = False, *, out: Any = None, other: Any = None) -> Any:
    """The largest element; along `dim` a pair (values, indices); of two tensors, the larger at each place."""
    need_tensor("max", input)
    if other is not None or hasattr(dim, "_data"):
        return P.maximum(input, dim if other is None else other)
    _nonempty("max", input, dim)
    result = R.max_all(input) if dim is None else _max(*R.max_along(input, axis_of(dim, input._data.ndim), keepdim))
    return result if out is None else write_out(out, result)


def min(input: Any, dim: Any = None, keepdim: bool = False, *, out: Any = None, other: Any = None) -> Any:
    """The smallest element; along `dim` a pair (values, indices); of two tensors, the smaller at each place."""
    need_tensor("min", input)
    if other is not None or hasattr(dim, "_data"):
        return P.minimum(input, dim if other is None else other)
    _nonempty("min", input, dim)
    result = R.min_all(input) if dim is None else _min(*R.min_along(input, axis_of(dim, input._data.ndim), keepdim))
    return result if out is None else write_out(out, result)


@takes_out
def amax(input: Any, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The largest elements over `dim`; the gradient is shared evenly among ties."""
    return R.amax(input, axes_of(dim, input._data.ndim), keepdim)  # type: ignore[no-any-return]


@takes_out
def amin(input: Any, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The smallest elements over `dim`; the gradient is shared evenly among ties."""
    return R.amin(input, axes_of(dim, input._data.ndim), keepdim)  # type: ignore[no-any-return]


@takes_out
def argmax(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The place of the largest element (of the flattened tensor without `dim`); int64."""
    need_tensor("argmax", input)
    _nonempty("argmax", input, dim)
    if input._data.ndim == 0:
        return wrap(np.zeros((), np.int64))
    return R.argmax(input, None if dim is None else axis_of(dim, input._data.ndim), keepdim)  # type: ignore[no-any-return]


@takes_out
def argmin(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The place of the smallest element (of the flattened tensor without `dim`); int64."""
    need_tensor("argmin", input)
    _nonempty("argmin", input, dim)
    if input._data.ndim == 0:
        return wrap(np.zeros((), np.int64))
    return R.argmin(input, None if dim is None else axis_of(dim, input._data.ndim), keepdim)  # type: ignore[no-any-return]


@takes_out
def all(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """True where all elements over `dim` are nonzero."""
    return R.all(input, axes_of(dim, input._data.ndim), keepdim)  # type: ignore[no-any-return]


@takes_out
def any(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """True where any element over `dim` is nonzero."""
    return R.any(input, axes_of(dim, input._data.ndim), keepdim)  # type: ignore[no-any-return]


@takes_out
def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) over `dim`, without overflow."""
    if input._data.dtype.kind not in "fc":
        input = P.cast(input, np.dtype(np.float32))
    return R.logsumexp(input, axes_of(dim, input._data.ndim), keepdim)  # type: ignore[no-any-return]
