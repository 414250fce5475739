"""Order: sorting, selecting, searching, counting, with PyTorch's signatures."""

from __future__ import annotations

import builtins
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes, return_types
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions.arguments import axis_of, need_tensor, takes_out, write_out
from microtorch.functions.pointwise import refuse_kinds, type_name
from microtorch.functions.reduce import nonempty
from microtorch.functions.shape import in_shape
from microtorch.kernels import sorting as K
from microtorch.kernels.bfloat16 import BF16, computed, full
from microtorch.kernels.quiet import silence
from microtorch.ops import index as I, pointwise as P, shape as S, sorting as O

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

# sorting and selecting -----------------------------------------------------------------------------------------------


@takes_out
def sort(input: Any, dim: Any = -1, descending: bool = False, stable: Any = None) -> Any:
    """The elements in order along `dim`, and their places. Equal elements keep their order.

    >>> import microtorch as torch
    >>> torch.sort(torch.tensor([3, 1, 2]))
    torch.return_types.sort(
    values=tensor([1, 2, 3]),
    indices=tensor([1, 2, 0]))
    """
    need_tensor("sort", input)
    _ordered("Sort", input)
    return return_types.sort(*O.sort(input, axis_of(dim, input._data.ndim), bool(descending)))


def _ordered(name: str, input: Any) -> None:
    kind = input._data.dtype.kind
    if kind == "c" or (kind == "b" and name == "topk"):
        raise RuntimeError(f" {name} does not support {'complex' if kind == 'c' else 'bool'} dtypes on CPU")


@takes_out
def argsort(input: Any, dim: int = -1, descending: bool = False, *, stable: bool = False) -> Tensor:
    """The places of the elements in order along `dim`."""
    return sort(input, dim, descending)[1]


@takes_out
def msort(input: Any) -> Tensor:
    """The elements in order along the first dimension."""
    return sort(input, 0)[0]


@takes_out
def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The k largest (smallest) elements along `dim`, in order, and their places.

    >>> import microtorch as torch
    >>> torch.topk(torch.tensor([1., 4., 2., 3.]), 2)
    torch.return_types.topk(
    values=tensor([4., 3.]),
    indices=tensor([1, 3]))
    """
    need_tensor("topk", input)
    axis = axis_of(dim, input._data.ndim)
    k = int(k)
    if not 0 <= k <= (input._data.shape[axis] if input._data.ndim else 1):
        raise RuntimeError("selected index k out of range")
    _ordered("topk", input)
    return return_types.topk(*O.topk(input, k, axis, bool(largest), bool(sorted)))


@takes_out
def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The k-th smallest element along `dim`, and its place."""
    need_tensor("kthvalue", input)
    axis = axis_of(dim, input._data.ndim)
    nonempty("kthvalue", input, axis)
    if input._data.ndim:  # of a single number PyTorch does not look at the dtype
        refuse_kinds("kthvalue", "bc", input)
    if not 1 <= k <= (input._data.shape[axis] if input._data.ndim else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {axis}")
    return return_types.kthvalue(*O.kthvalue(input, int(k), axis, keepdim))


@takes_out
def median(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The middle element (of an even number the lower); along `dim` with its place.

    >>> import microtorch as torch
    >>> torch.median(torch.tensor([4., 1., 3., 2.]))
    tensor(2.)
    """
    need_tensor("median", input)
    if dim is None:
        _median_of_reals(input, dim)
        return O.median_all(input)
    axis = axis_of(dim, input._data.ndim)
    nonempty("median", input, axis)
    _median_of_reals(input, dim)
    return return_types.median(*O.median(input, axis, keepdim))


def _median_of_reals(input: Any, dim: Any) -> None:
    if input._data.dtype.kind in "bc" and input._data.size:
        kernel = "median_cpu" if dim is None else "median_out"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{type_name(input)}'")


@takes_out
def nanmedian(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
    """The median of what is not NaN."""
    need_tensor("nanmedian", input)
    _median_of_reals(input, dim)
    if dim is None:
        return O.nanmedian_all(input)
    axis = axis_of(dim, input._data.ndim)
    nonempty("median", input, axis)
    return return_types.nanmedian(*O.nanmedian(input, axis, keepdim))


@takes_out
def mode(input: Any, dim: int = -1, keepdim: bool = False) -> Any:
    """The most frequent element along `dim` (the smallest such), and its last place."""
    need_tensor("mode", input)
    refuse_kinds("mode", "c", input)
    axis = axis_of(dim, input._data.ndim)
    nonempty("mode", input, axis)
    return return_types.mode(*O.mode(input, axis, keepdim))


@takes_out
def quantile(input: Any, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear") -> Tensor:
    """The q-th quantiles, 0 <= q <= 1, over all elements or along `dim`; several q make a first dimension.

    interpolation: linear, lower, higher, midpoint or nearest, of the two elements next to it.

    >>> import microtorch as torch
    >>> torch.quantile(torch.tensor([0., 1., 2., 4.]), torch.tensor([0.5, 1.]))
    tensor([1.5000, 4.0000])
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@takes_out
def nanquantile(input: Any, q: Any, dim: Any = None, keepdim: bool = False, *, interpolation: str = "linear") -> Tensor:
    """The quantiles of what is not NaN."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)


def _quantile(name: str, input: Any, q: Any, dim: Any, keepdim: bool, interpolation: str, ignore_nan: bool) -> Tensor:
    need_tensor(name, input)
    if isinstance(q, (int, float)):
        if not 0 <= q <= 1:
            raise RuntimeError(f"quantile() q must be in the range [0, 1] but got {q}")
        q = wrap(np.asarray(q, np.float64 if input._data.dtype == np.float64 else np.float32))
    kind = input._data.dtype
    if not input._data.size:
        raise RuntimeError("quantile() input tensor must be non-empty")
    if kind not in (dtypes.F32, dtypes.F64):
        raise RuntimeError("quantile() input tensor must be either float or double dtype")
    if q._data.ndim > 1:
        raise RuntimeError("quantile() q must be a scalar or 1D tensor")
    if q._data.dtype != kind:
        raise RuntimeError("quantile() q tensor must be same dtype as the input tensor")
    if interpolation not in ("linear", "lower", "higher", "midpoint", "nearest"):
        raise RuntimeError(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got "
            f"{interpolation}"
        )
    if not ((q._data >= 0) & (q._data <= 1)).all():
        raise RuntimeError("quantile() q values must be in the range [0, 1]")
    ndim = input._data.ndim
    axis = None if dim is None else axis_of(dim, ndim)
    if axis is None or not ndim:
        rows, shape = S.reshape(input, (-1,)), (1,) * ndim
    else:
        order = tuple(i for i in range(ndim) if i != axis)
        rows = S.permute(input, (*order, axis))
        shape = tuple(1 if i == axis else n for i, n in enumerate(input._data.shape))
    ordered = O.sort(rows if rows._data.flags.c_contiguous else P.contiguous(rows), rows._data.ndim - 1, False)[0]
    data = ordered._data
    n = data.shape[-1]
    with_nan = np.isnan(data)
    points = S.reshape(q, (-1,))
    if ignore_nan:
        count = n - np.count_nonzero(with_nan, -1, keepdims=True)
        rank = P.mul(points, wrap(np.maximum(count - 1, 0).astype(kind)))
    else:
        rank = P.where(wrap(with_nan.any(-1, keepdims=True)), float(n - 1), P.mul(points, n - 1))
    if interpolation in ("lower", "higher", "nearest"):
        rank = {"lower": P.floor, "higher": P.ceil, "nearest": P.round}[interpolation](rank)
    below = np.floor(rank._data)
    last = data.ndim - 1
    values = I.gather(ordered, wrap(below.astype(np.int64)), last)
    if interpolation in ("linear", "midpoint"):
        weight = wrap(np.full(rank._data.shape, 0.5, kind)) if interpolation == "midpoint" else P.sub(rank, wrap(below))
        above = I.gather(ordered, wrap(np.ceil(rank._data).astype(np.int64)), last)
        values = P.lerp(values, above, weight)
    if q._data.ndim == 0:
        return in_shape(values, shape if keepdim else values._data.shape[:-1])
    m = values._data.ndim
    values = S.permute(values, (m - 1, *range(m - 1)))
    return S.reshape(values, (q._data.size, *shape)) if keepdim else values


# searching -----------------------------------------------------------------------------------------------------------


def _side(right: bool, side: str | None) -> bool:
    if side is None:
        return right
    if side not in ("left", "right"):
        raise RuntimeError(f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}")
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True"
        )
    return side == "right"


@takes_out
def searchsorted(
    sorted_sequence: Any,
    input: Any,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: Any = None,
    sorter: Any = None,
) -> Tensor:
    """Where the inputs would go into a sorted sequence (row by row, if it has more dimensions); int64.

    >>> import microtorch as torch
    >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 6]))
    tensor([1, 3])
    """
    need_tensor("searchsorted", sorted_sequence, "sorted_sequence")
    if not isinstance(input, TensorBase) or input._data.size:  # of nothing PyTorch does not look at the dtype
        common = dtypes.result_type(sorted_sequence, input)
        if common.numpy.kind in "bc":
            raise NotImplementedError(f"\"searchsorted_out_cpu\" not implemented for '{common.type_name}'")
    x = input if isinstance(input, TensorBase) else wrap(full((), input, _kind_of_number(input, sorted_sequence)))
    edges, values = sorted_sequence._data, x._data
    if edges.ndim == 0:
        raise RuntimeError(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got "
            f"boundaries tensor dim(0) and input value's dim({values.ndim}) numel({values.size})"
        )
    if not isinstance(input, TensorBase) or values.ndim == 0:
        if edges.ndim != 1:
            raise RuntimeError(
                "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we "
                f"got boundaries tensor dim({edges.ndim}) and input value's dim({values.ndim}) numel({values.size})"
            )
    elif edges.ndim != 1 and edges.shape[:-1] != values.shape[:-1]:
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries "
            f"tensor and input value tensor must match, but we got boundaries tensor {list(edges.shape)} and input "
            f"value tensor {list(values.shape)}"
        )
    if sorter is not None:
        if sorter._data.shape != edges.shape:
            raise RuntimeError(
                "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor "
                f"{list(edges.shape)}and got sorter tensor {list(sorter._data.shape)}"
            )
        if sorter._data.dtype != np.int64:
            raise RuntimeError(
                f"torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {type_name(sorter)}"
            )
        if sorter._data.size and (sorter._data.min() < 0 or sorter._data.max() >= edges.shape[-1]):
            raise RuntimeError("torch.searchsorted(): sorter index out of range")
    if values.ndim == 0 and values.dtype != edges.dtype and values.dtype.kind == edges.dtype.kind:
        values = P.cast(wrap(values), edges.dtype)._data  # one number takes their dtype
    found = computed(K.searchsorted, edges, values, _side(right, side), None if sorter is None else sorter._data)
    return wrap(np.asarray(found, np.int32 if out_int32 else np.int64))


def _kind_of_number(number: Any, t: Any) -> Any:
    return t._data.dtype if t._data.dtype.kind == "f" or isinstance(number, int) else dtypes.default.float


@takes_out
def bucketize(input: Any, boundaries: Any, *, out_int32: bool = False, right: bool = False) -> Tensor:
    """The bucket of each element among increasing boundaries: `searchsorted` the other way round."""
    if boundaries._data.ndim != 1:
        raise RuntimeError(f"boundaries tensor must be 1 dimension, but got dim({boundaries._data.ndim})")
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


def unique(
    input: Any, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False, dim: Any = None
) -> Any:
    """The different elements (slices along `dim`) in order; if asked, where each input element is among them and how
    often.

    >>> import microtorch as torch
    >>> torch.unique(torch.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    entry = O.unique if dim is None else O.unique_dim
    return _unique("unique", entry, input, return_inverse, return_counts, dim)


def unique_consecutive(input: Any, return_inverse: bool = False, return_counts: bool = False, dim: Any = None) -> Any:
    """The input without repetitions of the element (slice along `dim`) before."""
    return _unique("unique_consecutive", O.unique_consecutive, input, return_inverse, return_counts, dim)


def _unique(name: str, entry: Any, input: Any, return_inverse: bool, return_counts: bool, dim: Any) -> Any:
    need_tensor(name, input)
    x = input._data
    if x.dtype.kind == "c":
        raise NotImplementedError(f"\"unique\" not implemented for '{type_name(input)}'")
    axis = None if dim is None else axis_of(dim, x.ndim)
    if axis is not None and not x.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    if axis is not None and x.size == 0:
        if x.shape[axis]:
            raise RuntimeError("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied")
        empty = wrap(np.zeros(0, np.int64))
        results = [wrap(x.copy()), empty, empty]
    else:
        results = entry(input, axis)
    kept = [results[0], *([results[1]] if return_inverse else []), *([results[2]] if return_counts else [])]
    return kept[0] if len(kept) == 1 else tuple(kept)


# counting ------------------------------------------------------------------------------------------------------------


def bincount(input: Any, weights: Any = None, minlength: int = 0) -> Tensor:
    """How often (with what weight) each of 0, 1, 2, ... occurs.

    Raises RuntimeError unless the input is one-dimensional, of integers, none negative.

    >>> import microtorch as torch
    >>> torch.bincount(torch.tensor([0, 2, 2]))
    tensor([1, 0, 2])
    """
    x = input._data
    if x.dtype.kind not in "iu":
        raise NotImplementedError(f"\"bincount_cpu\" not implemented for '{type_name(input)}'")
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if x.ndim == 1 and not x.size:
        return wrap(np.zeros(minlength, np.int64))
    if x.ndim != 1 or x.min() < 0:
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return wrap(np.bincount(x, minlength=minlength).astype(np.int64))
    if weights._data.shape != x.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    counted = np.bincount(x, weights._data, minlength)
    return wrap(counted.astype(dtypes.F32 if weights._data.dtype == dtypes.F32 else dtypes.F64))


def _range(name: str, x: Any, low: Any, high: Any) -> tuple[Any, Any]:
    """The range of a histogram: that of the data if none is given, widened if it is one point."""
    if x.dtype is BF16:
        x = x.wide()
    if low > high:
        raise RuntimeError(f"{name}: max must be larger than min")
    if low == high and x.size:
        low, high = x.min(), x.max()
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"{name}: range of [{low}, {high}] is not finite")
    if low == high:
        low, high = low - 1, high + 1
    return low, high


@takes_out
def histc(input: Any, bins: int = 100, min: Any = 0, max: Any = 0) -> Tensor:
    """How many elements lie in each of `bins` equal parts of [min, max] (of the data's range, if both are equal)."""
    x = input._data
    if x.dtype.kind != "f":
        kernel = {"c": "aminmax_cpu", "b": "linspace_cpu"}.get(x.dtype.kind, "histogram_cpu")
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{type_name(input)}'")
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    low, high = _range("torch.histc", x, min, max)
    return wrap(computed(K.histc, x, bins, low, high))


def histogram(
    input: Any, bins: Any = 100, *, range: Any = None, weight: Any = None, density: bool = False, out: Any = None
) -> Any:
    """How many elements (what weight) lie in each bin, and the edges; bins is a number or a tensor of edges."""
    x = input._data
    if x.dtype not in (dtypes.F32, dtypes.F64):
        raise NotImplementedError(f"\"histogramdd\" not implemented for '{type_name(input)}'")
    if isinstance(bins, TensorBase):
        edges = bins._data
        if edges.ndim != 1:
            raise RuntimeError(
                f"torch.histogramdd(): bins tensor should have one dimension, but got {edges.ndim} dimensions in the "
                "bins tensor for dimension 0"
            )
        if edges.dtype != x.dtype:
            raise RuntimeError(
                "torch.histogramdd(): input tensor and bins tensors should have the same dtype, but got input with "
                f"dtype {type_name(input)} and bins for dimension 0 with dtype {type_name(bins)}"
            )
    else:
        if bins <= 0:
            raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
        low, high = _edges(x, range)
        with silence():
            edges = np.linspace(low, high, bins + 1, dtype=x.dtype)
    if weight is not None and weight._data.shape != x.shape:
        raise RuntimeError(
            "torch.histogramdd(): if weight tensor is provided it should have the same shape as the input tensor "
            f"excluding its innermost dimension, but got input with shape {list(x.shape)} and weight with shape "
            f"{list(weight._data.shape)}"
        )
    counts = K.histogram(x, edges, None if weight is None else weight._data, x.dtype)
    if density:
        counts = counts / (counts.sum() * np.diff(edges))
    result = return_types.histogram(wrap(counts.astype(x.dtype)), wrap(edges.copy()))
    return result if out is None else write_out(out, result, "histogram")


def _edges(x: Any, range: Any) -> tuple[Any, Any]:
    if range is not None:
        if len(range) != 2:
            raise RuntimeError(
                f"torch.histogramdd(): for a 1-dimensional histogram range should have 2 elements, but got {len(range)}"
            )
        low, high = range
        if low > high:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} for dimension 0"
            )
    else:
        low, high = (x.min(), x.max()) if x.size else (0.0, 1.0)
    return (low - 0.5, high + 0.5) if low == high else (low, high)


def histogramdd(input: Any, bins: Any, *, range: Any = None, weight: Any = None, density: bool = False) -> Any:
    """How many of the points (.., N) lie in each cell of a grid in N dimensions, and the edges along each."""
    x = input._data
    if x.ndim < 2:
        raise RuntimeError(f"torch.histogramdd(): input tensor should have at least 2 dimensions, but got {x.ndim}")
    n = x.shape[-1]
    points = x.reshape(-1, n)
    parts = list(bins) if isinstance(bins, (tuple, list)) else [bins] * n
    if len(parts) != n:
        raise RuntimeError(
            "torch.histogramdd(): the size of bins should be equal to the innermost dimension of the input tensor"
        )
    edges = []
    for i, b in enumerate(parts):
        if isinstance(b, TensorBase):
            edges.append(b._data)
        else:
            low, high = _edges(points[:, i], None if range is None else range[2 * i : 2 * i + 2])
            with silence():
                edges.append(np.linspace(low, high, b + 1, dtype=x.dtype))
    counts = K.histogramdd(points, edges, None if weight is None else weight._data.reshape(-1))
    if density:
        counts /= counts.sum()
        for i, e in enumerate(edges):
            counts /= np.diff(e).reshape([-1 if j == i else 1 for j in builtins.range(n)])
    return return_types.histogramdd(wrap(counts.astype(x.dtype)), tuple(wrap(e.copy()) for e in edges))
