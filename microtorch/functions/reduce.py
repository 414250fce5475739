"""Reductions and running sums, with PyTorch's signatures (`dim`, `keepdim`, `dtype`)."""

from __future__ import annotations

import builtins
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes, return_types
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions import pointwise as FP
from microtorch.functions.arguments import axes_of, axis_of, bad_call, need_tensor, numpy_dtype, takes_out
from microtorch.functions.pointwise import broadcasting, refuse_kinds, same_dtype, to_dtype, type_name
from microtorch.kernels.bfloat16 import zeros
from microtorch.kernels.pointwise import no_bools
from microtorch.ops import index as I, pointwise as P, reduce as R, shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _cast(input: Any, want: Any) -> Any:
    return input if want is None or input._data.dtype == want else P.cast(input, want)


def _floating(input: Any) -> Any:
    """The tensor as floats, if it is of integers or bools."""
    return input if input._data.dtype.kind in "fc" else P.cast(input, dtypes.default.float)


def _one_axis(name: str, input: Any, dim: Any) -> int:
    need_tensor(name, input)
    return axis_of(dim, input._data.ndim)


# sums, means, products -----------------------------------------------------------------------------------------------


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
        return _cast(_sum(_cast(input, want), dim, keepdim), want)
    return _sum(input, dim, keepdim)


def _sum(input: Any, dim: Any, keepdim: bool) -> Tensor:
    if dim is None:
        return R.sum_all(input, None, keepdim)
    return R.sum(input, axes_of(dim, input._data.ndim), keepdim)


def sum_method(self: Any, *args: Any, **options: Any) -> Tensor:
    """`Tensor.sum`: `sum`, of all elements in fewer steps."""
    return sum(self, *args, **options) if args or options else R.sum_all(self, None, False)


sum_method.__name__ = "sum"  # as overrides see it


@takes_out
def nansum(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The sum of what is not NaN."""
    need_tensor("nansum", input)
    if input._data.dtype.kind == "c":
        raise RuntimeError("nansum on CPU does not support complex inputs")
    want = numpy_dtype(dtype)
    return _cast(R.nansum(_cast(input, want), axes_of(dim, input._data.ndim), keepdim), want)


@takes_out
def mean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean over all elements, or over `dim`.

    Raises RuntimeError for integer and bool tensors.

    >>> import microtorch as torch
    >>> torch.mean(torch.tensor([[1., 2.], [3., 5.]]), dim=0)
    tensor([2.0000, 3.5000])
    """
    need_tensor("mean", input)
    if dtype is not None:
        input = _cast(input, numpy_dtype(dtype))
    if input._data.dtype.kind not in "fc":
        asked = "Input" if dtype is None else "Optional"
        raise RuntimeError(
            f"mean(): could not infer output dtype. {asked} dtype must be either a floating point or complex dtype. "
            f"Got: {type_name(input)}"
        )
    if dim is None:
        return R.mean_all(input, None, keepdim)
    return R.mean(input, axes_of(dim, input._data.ndim), keepdim)


def mean_method(self: Any, *args: Any, **options: Any) -> Tensor:
    """`Tensor.mean`: `mean`, of all elements in fewer steps."""
    if args or options or self._data.dtype.kind != "f":
        return mean(self, *args, **options)
    return R.mean_all(self, None, False)


mean_method.__name__ = "mean"


@takes_out
def nanmean(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of what is not NaN.

    Raises RuntimeError for integer and bool tensors.
    """
    need_tensor("nanmean", input)
    if input._data.dtype.kind not in "fc":
        raise RuntimeError(
            f"nanmean(): expected input to have floating point or complex dtype but got {type_name(input)}"
        )
    total = nansum(input, dim, keepdim, dtype=dtype)
    return P.div(total, R.sum(P.logical_not(P.isnan(input)), axes_of(dim, input._data.ndim), keepdim))


@takes_out
def prod(input: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The product of all elements, or along `dim`; integers and bools give int64.

    >>> import microtorch as torch
    >>> torch.prod(torch.tensor([[1., 2.], [3., 4.]]), 1)
    tensor([ 2., 12.])
    """
    need_tensor("prod", input)
    want = numpy_dtype(dtype)
    input = _cast(input, want)
    if dim is None:
        return _cast(R.prod_all(input, None, keepdim), want)
    return _cast(R.prod(input, axes_of(axis_of(dim, input._data.ndim), input._data.ndim), keepdim), want)


# variance ------------------------------------------------------------------------------------------------------------


def _variance(name: str, entry: Any, input: Any, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> Any:
    """PyTorch's ways to say it: var(unbiased), var(dim, unbiased), var(dim, correction=)."""
    need_tensor(name, input)
    if input._data.dtype.kind not in "fc":
        raise RuntimeError(f"{name if '_' in name else 'std and var'} only support floating point and complex dtypes")
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None and correction is not None:
        kinds = ["Tensor input, bool unbiased = True", "Tensor input, tuple of ints dim, *, Number correction = 1"]
        raise bad_call(name, (input, dim), {"unbiased": unbiased, "correction": correction}, kinds)
    if correction is None:
        correction = 1 if unbiased is None or unbiased else 0
    axes = axes_of(dim, input._data.ndim)
    shape = input._data.shape
    if (math.prod(shape) if axes is None else math.prod([shape[i] for i in axes])) <= correction:
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor "
            "(input numel divided by output numel).",
            UserWarning,
            stacklevel=4,
        )
    return entry(input, axes, correction, keepdim)


@takes_out
def var(input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Tensor:
    """The variance, divided by n - correction (default 1).

    >>> import microtorch as torch
    >>> torch.var(torch.tensor([1., 2., 3.])), torch.var(torch.tensor([1., 2., 3.]), correction=0)
    (tensor(1.), tensor(0.6667))
    """
    return _variance("var", R.var, input, dim, unbiased, keepdim, correction)


@takes_out
def std(input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None) -> Tensor:
    """The standard deviation: the root of `var`."""
    return _variance("std", R.std, input, dim, unbiased, keepdim, correction)


@takes_out
def var_mean(
    input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> Any:
    """Variance and mean."""
    return _variance("var_mean", R.var_mean, input, dim, unbiased, keepdim, correction)


@takes_out
def std_mean(
    input: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = None
) -> Any:
    """Standard deviation and mean."""
    return _variance("std_mean", R.std_mean, input, dim, unbiased, keepdim, correction)


# extremes ------------------------------------------------------------------------------------------------------------


def nonempty(name: str, input: Any, dim: Any, all_message: str | None = None) -> None:
    """Raise PyTorch's error for an extreme of nothing."""
    if input._data.size == 0:
        shape = input._data.shape
        if dim is None:
            if name in ("argmax", "argmin"):
                raise IndexError(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.")
            raise RuntimeError(
                all_message
                or f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction "
                "dim with the 'dim' argument."
            )
        for d in dim if isinstance(dim, tuple) else (axis_of(dim, len(shape)),):
            if shape[d] == 0:
                call = name if name in ("aminmax", "hash_tensor") else f"{name}()"
                raise IndexError(f"{call}: Expected reduction dim {d} to have non-zero size.")


def no_complex(name: str, input: Any) -> None:
    """Raise PyTorch's error for what has no order."""
    if input._data.dtype.kind == "c":
        raise RuntimeError(f"{name}(): does not support complex input")


@takes_out
def max(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The largest element; along `dim` a pair (values, indices); of two tensors, the larger at each place.

    >>> import microtorch as torch
    >>> torch.max(torch.tensor([[1., 5.], [7., 2.]]), dim=1)
    torch.return_types.max(
    values=tensor([5., 7.]),
    indices=tensor([1, 0]))
    """
    return _extreme("max", input, dim, keepdim, other)


@takes_out
def min(input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    """The smallest element; along `dim` a pair (values, indices); of two tensors, the smaller at each place."""
    return _extreme("min", input, dim, keepdim, other)


def _extreme(name: str, input: Any, dim: Any, keepdim: bool, other: Any) -> Any:
    if not isinstance(input, TensorBase):
        need_tensor(name, input)
    largest = name == "max"
    if dim is None and other is None and input._data.dtype.kind == "f" and input._data.size:
        return (R.max_all if largest else R.min_all)(input)
    if other is not None or isinstance(dim, TensorBase):
        return (FP.maximum if largest else FP.minimum)(input, dim if other is None else other)
    if input._data.dtype.kind == "c":
        if dim is None:
            raise NotImplementedError(f"\"{name}_all\" not implemented for '{type_name(input)}'")
        raise RuntimeError(f"{name}(): does not support complex input")
    if dim is None:
        nonempty(name, input, None)
        return (R.max_all if largest else R.min_all)(input)
    axis = axis_of(dim, input._data.ndim)
    nonempty(name, input, axis)
    values_indices = (R.max_along if largest else R.min_along)(input, axis, keepdim)
    return (return_types.max if largest else return_types.min)(*values_indices)


@takes_out
def amax(input: Any, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The largest elements over `dim`; the gradient is shared evenly among ties."""
    return _amax("amax", R.amax, input, dim, keepdim)


@takes_out
def amin(input: Any, dim: Any = (), keepdim: bool = False) -> Tensor:
    """The smallest elements over `dim`; the gradient is shared evenly among ties."""
    return _amax("amin", R.amin, input, dim, keepdim)


def _amax(name: str, entry: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    need_tensor(name, input)
    if input._data.dtype.kind == "c":
        raise NotImplementedError(
            f"\"{'max' if name == 'amax' else 'min'}_values_cpu\" not implemented for '{type_name(input)}'"
        )
    axes = axes_of(dim, input._data.ndim)
    nonempty(name, input, axes)
    return entry(input, axes, keepdim)


@takes_out
def aminmax(input: Any, *, dim: Any = None, keepdim: bool = False) -> Any:
    """The smallest and the largest element, over all or along `dim`."""
    need_tensor("aminmax", input)
    refuse_kinds("aminmax", "c", input)
    axes = None if dim is None else axes_of(axis_of(dim, input._data.ndim), input._data.ndim)
    nonempty(
        "aminmax",
        input,
        axes,
        "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.",
    )
    return return_types.aminmax(*R.aminmax(input, axes, keepdim))


@takes_out
def argmax(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The place of the largest element (of the flattened tensor without `dim`); int64."""
    return _arg("argmax", R.argmax, input, dim, keepdim)


@takes_out
def argmin(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """The place of the smallest element (of the flattened tensor without `dim`); int64."""
    return _arg("argmin", R.argmin, input, dim, keepdim)


def _arg(name: str, entry: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    need_tensor(name, input)
    if input._data.dtype.kind == "b":
        raise RuntimeError(f"{name}(): does not support bool input")
    no_complex(name, input)
    axis = None if dim is None else axis_of(dim, input._data.ndim)
    nonempty(name, input, axis)
    if input._data.ndim == 0:
        return wrap(np.zeros((), np.int64))
    return entry(input, axis, keepdim)


@takes_out
def all(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """True where all elements over `dim` are nonzero."""
    need_tensor("all", input)
    return _bytes(input, R.all(input, axes_of(dim, input._data.ndim), keepdim))


@takes_out
def any(input: Any, dim: Any = None, keepdim: bool = False) -> Tensor:
    """True where any element over `dim` is nonzero."""
    need_tensor("any", input)
    return _bytes(input, R.any(input, axes_of(dim, input._data.ndim), keepdim))


def _bytes(input: Any, result: Any) -> Tensor:
    """Of uint8, PyTorch's all and any are uint8."""
    return P.cast(result, np.dtype(np.uint8)) if input._data.dtype == np.uint8 else result


def count_nonzero(input: Any, dim: Any = None, *, axis: Any = None) -> Tensor:
    """How many elements are not 0; int64."""
    need_tensor("count_nonzero", input)
    return R.count_nonzero(input, axes_of(dim if axis is None else axis, input._data.ndim))


@takes_out
def hash_tensor(input: Any, dim: Any = None, *, keepdim: bool = False, mode: int = 0) -> Tensor:
    """A number, uint64, for the elements over `dim`: their bits, widened to 64, combined by exclusive or (mode 0).

    >>> microtorch.hash_tensor(microtorch.tensor([1, 2, 4]))
    tensor(7, dtype=torch.uint64)
    """
    need_tensor("hash_tensor", input)
    axes = axes_of(None if dim == () else dim, input._data.ndim)
    unclear = "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim "
    nonempty("hash_tensor", input, axes, unclear + "with the 'dim' argument.")
    if mode != 0:
        raise RuntimeError(f"Unknown hash_tensor mode: {mode}")
    if input._data.dtype.kind == "c":
        raise NotImplementedError(f"\"xor_sum_cpu\" not implemented for '{type_name(input)}'")
    return R.hash_tensor(input, axes, keepdim)


@takes_out
def logsumexp(input: Any, dim: Any, keepdim: bool = False) -> Tensor:
    """log(sum(exp(input))) over `dim`, without overflow."""
    need_tensor("logsumexp", input)
    return R.logsumexp(_floating(input), axes_of(dim, input._data.ndim), keepdim)


# norms and distances -------------------------------------------------------------------------------------------------


@takes_out
def dist(input: Any, other: Any, p: float = 2) -> Tensor:
    """The p-norm of input - other, broadcast."""
    need_tensor("dist", input)
    need_tensor("dist", other, "other", 2)
    no_bools(input._data, other._data)
    x, y = same_dtype(input, other)
    if x._data.dtype.kind in "iu":
        raise RuntimeError(
            f"norm(): input dtype should be either floating point or complex. Got {type_name(x)} instead."
        )
    return broadcasting(R.dist, x, y, float(p))


def cdist(x1: Any, x2: Any, p: float = 2.0, compute_mode: Any = "use_mm_for_euclid_dist_if_necessary") -> Tensor:
    """The p-norm distances of each pair of rows: x1 (.., P, M) and x2 (.., R, M) give (.., P, R).

    >>> import microtorch as torch
    >>> torch.cdist(torch.tensor([[0., 0.], [3., 4.]]), torch.tensor([[0., 0.]]))
    tensor([[0.],
            [5.]])
    """
    a, b = x1._data, x2._data
    for name, t in (("X1", a), ("X2", b)):
        if t.dtype.kind != "f":
            raise RuntimeError(f"cdist only supports floating-point dtypes, {name} got: {dtypes.of[t.dtype].type_name}")
        if t.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {t.ndim}D")
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(f"X1 and X2 must have the same number of columns. X1: {a.shape[-1]} X2: {b.shape[-1]}")
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    modes = {None: 0, 0: 0, 1: 1, 2: 2, "use_mm_for_euclid_dist_if_necessary": 0, "use_mm_for_euclid_dist": 1,
             "donot_use_mm_for_euclid_dist": 2}  # fmt: skip
    if compute_mode not in modes:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")
    for t in (x1, x2):
        if t._data.dtype.itemsize == 2 and t._data.size:
            raise NotImplementedError(f"\"cdist\" not implemented for '{type_name(t)}'")
    mode = modes[compute_mode]
    by_product = mode == 1 or (mode == 0 and (a.shape[-2] > 25 or b.shape[-2] > 25))
    if a.ndim != b.ndim or a.shape[:-2] != b.shape[:-2]:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        x1, x2 = S.expand(x1, (*batch, *a.shape[-2:])), S.expand(x2, (*batch, *b.shape[-2:]))
    return R.cdist(x1, x2, float(p), by_product)


@takes_out
def renorm(input: Any, p: float, dim: int, maxnorm: float) -> Tensor:
    """The slices along `dim`, each scaled down to norm `maxnorm` if its p-norm is larger."""
    if input._data.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {input._data.ndim} dimensions")
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    axis = axis_of(dim, input._data.ndim)
    if input._data.dtype.kind not in "fc":
        kind = dtypes.of[input._data.dtype].type_name
        raise RuntimeError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {kind}")
    return R.renorm(input, float(p), axis, float(maxnorm))


# running along a dimension -------------------------------------------------------------------------------------------


def _running(name: str, entry: Any, input: Any, dim: int, dtype: Any) -> Tensor:
    axis, want = _one_axis(name, input, dim), numpy_dtype(dtype)
    if want is not None and want.kind == "b" and input._data.ndim:
        raise NotImplementedError(f"\"{name}_out_cpu\" not implemented for 'Bool'")
    return _cast(entry(_cast(input, want), axis), want)  # type: ignore[no-any-return]


@takes_out
def cumsum(input: Any, dim: int, *, dtype: Any = None) -> Tensor:
    """The sums of the first 1, 2, 3, ... elements along `dim`; integers and bools give int64.

    >>> import microtorch as torch
    >>> torch.cumsum(torch.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """
    return _running("cumsum", R.cumsum, input, dim, dtype)


@takes_out
def cumprod(input: Any, dim: int, *, dtype: Any = None) -> Tensor:
    """The products of the first 1, 2, 3, ... elements along `dim`; integers and bools give int64."""
    return _running("cumprod", R.cumprod, input, dim, dtype)


@takes_out
def cummax(input: Any, dim: int) -> Any:
    """The largest so far along `dim`, and its place."""
    refuse_kinds("cummax", "c", input)
    return return_types.cummax(*R.cummax(input, _one_axis("cummax", input, dim)))


@takes_out
def cummin(input: Any, dim: int) -> Any:
    """The smallest so far along `dim`, and its place."""
    refuse_kinds("cummin", "c", input)
    return return_types.cummin(*R.cummin(input, _one_axis("cummin", input, dim)))


@takes_out
def logcumsumexp(input: Any, dim: int) -> Tensor:
    """log of the running sums of exp(input) along `dim`."""
    axis = _one_axis("logcumsumexp", input, dim)
    if input._data.dtype.kind not in "fc":
        raise NotImplementedError(f"\"logcumsumexp_out_cpu\" not implemented for '{type_name(input)}'")
    return R.logcumsumexp(input, axis)


@takes_out
def diff(input: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Tensor:
    """The differences of neighbours along `dim`, n times over; prepend and append are joined to the input first.

    >>> import microtorch as torch
    >>> torch.diff(torch.tensor([1, 3, 2]))
    tensor([ 2, -1])
    """
    need_tensor("diff", input)
    if not input._data.ndim:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    axis = axis_of(dim, input._data.ndim)
    if n == 0:
        return P.clone(input)
    for part in (prepend, append):
        if part is not None and part._data.ndim != input._data.ndim:
            raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    if prepend is not None or append is not None:
        parts = same_dtype(*(p for p in (prepend, input, append) if p is not None))
        for p in parts:
            for d in range(p._data.ndim):
                if d != axis and p._data.shape[d] != input._data.shape[d]:
                    raise RuntimeError(
                        "diff expects the shape of tensor to prepend or append to match that of input except along the "
                        f"differencing dimension; input.size({d}) = {input._data.shape[d]}, but got tensor.size({d}) = "
                        f"{p._data.shape[d]}"
                    )
        input = S.cat(parts, axis)
    for _ in range(builtins.min(n, input._data.shape[axis])):
        input = R.diff(input, axis)
    return input


def _no_bool_samples(name: str, y: Any, x: Any) -> None:
    if y._data.dtype.kind == "b" or (x is not None and x._data.dtype.kind == "b"):
        which = "`y`" if x is None else "`x` or `y`"
        raise RuntimeError(f"{name}: received a bool input for {which}, but bool is not supported")


def _trapezoids(name: str, y: Any, x: Any, dx: Any, dim: int) -> tuple[Any, Any, int]:
    """The sums of neighbours of y along `dim`, the distances between them, and the axis."""
    axis = axis_of(dim, y._data.ndim)
    n = y._data.shape[axis]
    left, right = (I.slice_(y, (slice(None),) * axis + (s, ...)) for s in (slice(None, -1), slice(1, None)))
    if x is None:
        return P.add(left, right), dx, axis
    if x._data.ndim == 0 or y._data.ndim == 0:
        raise RuntimeError(f"{name}: received a scalar")
    if x._data.ndim == 1:
        if x._data.shape[0] != n:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        x = S.reshape(x, tuple(n if i == axis else 1 for i in range(y._data.ndim)))
    at = axis_of(axis - y._data.ndim, x._data.ndim) if x._data.ndim < y._data.ndim else axis
    return P.add(left, right), R.diff(x, at), axis


def trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The integral of y along `dim` by the trapezoidal rule; x are the sample points, or dx their distance (1).

    >>> import microtorch as torch
    >>> torch.trapezoid(torch.tensor([1., 5., 10.]))
    tensor(10.5000)
    """
    if dx is not None and not isinstance(dx, (int, float, builtins.complex)):
        raise RuntimeError("trapezoid: Currently, we only support dx as a real number.")
    if not y._data.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    _no_bool_samples("trapezoid", y, x)
    axis = axis_of(dim, y._data.ndim)
    if y._data.shape[axis] == 0:
        return wrap(zeros(y._data.shape[:axis] + y._data.shape[axis + 1 :], y._data.dtype))
    if x is None:
        head = (slice(None),) * axis
        ends = P.add(I.select(y, (*head, 0, ...)), I.select(y, (*head, -1, ...)))
        return P.mul(P.sub(R.sum(y, (axis,), False), P.mul(ends, 0.5)), 1 if dx is None else dx)
    pairs, width, axis = _trapezoids("trapezoid", y, x, 1, dim)
    return P.div(R.sum(P.mul(pairs, width), (axis,), False), 2.0)


trapz = trapezoid


def cumulative_trapezoid(y: Any, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """The running integrals of y along `dim` by the trapezoidal rule."""
    _no_bool_samples("cumulative_trapezoid", y, x)
    pairs, width, axis = _trapezoids("cumulative_trapezoid", y, x, 1 if dx is None else dx, dim)
    return R.cumsum(P.div(P.mul(pairs, width), 2.0), axis)


def gradient(input: Any, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> tuple[Tensor, ...]:
    """Estimated derivatives along each dimension (or those in `dim`), by central differences, of second order inside.

    spacing: the distance of the samples, one number for all dimensions or one for each, or their coordinates as
    tensors. edge_order: 1 or 2, the order of the one-sided differences at both ends.
    """
    ndim = input._data.ndim
    dims = list(range(ndim)) if dim is None else [dim] if isinstance(dim, int) else list(dim)
    axes = [axis_of(d, ndim) for d in dims]
    if spacing is None:
        spacing = 1
    spacings = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(axes)
    if len(spacings) != len(axes):
        many = "'self.dim() = {}', since dim argument was not given" if dim is None else "{}"
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to "
            f"{many.format(len(axes))}, but got a list of length {len(spacings)}"
        )
    if len(set(axes)) != len(axes):
        double = next(a for a in axes if axes.count(a) > 1)
        raise RuntimeError(f"dim {double} appears multiple times in the list of dims")
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    for a in axes:
        if input._data.shape[a] < edge_order + 1:
            raise RuntimeError("torch.gradient expected each dimension size to be at least edge_order+1")
    return tuple([_gradient_along(input, a, h, edge_order) for a, h in zip(axes, spacings)])


def _gradient_along(y: Any, axis: int, h: Any, edge_order: int) -> Any:
    head, n = (slice(None),) * axis, y._data.shape[axis]

    def at(start: int | None, stop: int | None) -> Any:
        return I.slice_(y, (*head, slice(start, stop), ...))

    if not (isinstance(h, TensorBase) and h._data.ndim):  # equal distances
        inner = (at(2, None) - at(None, -2)) / (h * 2)
        if edge_order == 1:
            first, last = (at(1, 2) - at(0, 1)) / h, (at(-1, None) - at(-2, -1)) / h
        else:
            first = (at(0, 1) * -1.5 + at(1, 2) * 2 - at(2, 3) * 0.5) / h
            last = (at(-1, None) * 1.5 - at(-2, -1) * 2 + at(-3, -2) * 0.5) / h
        return S.cat([first, inner, last], axis)
    steps: Any = S.reshape(R.diff(h, 0), (n - 1,) + (1,) * (y._data.ndim - axis - 1))
    a, b = steps[:-1], steps[1:]  # distances to the left and to the right
    inner = at(None, -2) * -(b / (a * (a + b))) + at(1, -1) * ((b - a) / (a * b)) + at(2, None) * (a / (b * (a + b)))
    if edge_order == 1:
        first, last = (at(1, 2) - at(0, 1)) / steps[:1], (at(-1, None) - at(-2, -1)) / steps[-1:]
    else:
        first = _one_sided(at(0, 1), at(1, 2), at(2, 3), steps[:1], steps[1:2])
        last = -_one_sided(at(-1, None), at(-2, -1), at(-3, -2), steps[-1:], steps[-2:-1])
    return S.cat([first, inner, last], axis)


def _one_sided(y0: Any, y1: Any, y2: Any, a: Any, b: Any) -> Any:
    """The derivative at y0 of the parabola through three samples at distances a and b."""
    total = a + b
    return y0 * -((a * 2 + b) / (a * total)) + y1 * (total / (a * b)) - y2 * (a / (b * total))


def as_floats(input: Any) -> Any:
    """The tensor as floats in the default dtype, if it is of integers or bools."""
    return to_dtype(input, dtypes.get_default_dtype()) if input._data.dtype.kind not in "fc" else input
