"""Picking and writing by index, with PyTorch's signatures: gather, scatter, index_*, masked_*, take; also in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes, indexing
from microtorch.autograd.inplace import assign, check_overlap, check_writable, fill_, old_value, warn_of_expanded, write
from microtorch.autograd.state import TensorBase, storage_of, wrap
from microtorch.functions import arguments
from microtorch.functions.arguments import axis_of, need_tensor, takes_out, write_out
from microtorch.functions.shape import as_strided, in_shape, need_matrix
from microtorch.kernels import index as K
from microtorch.kernels.batched import everything
from microtorch.kernels.bfloat16 import cast
from microtorch.kernels.small import axis_at_once, axis_of_listed, within
from microtorch.ops import index as I, pointwise as P, shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _index_of(name: str, index: Any, position: int = 3) -> Any:
    need_tensor(name, index, "index", position)
    data = index._data
    if data.size and (data.dtype.kind != "i" or data.itemsize < 4):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    return data


def _in_range(data: Any, axis: int, n: int) -> None:
    data = everything(data)
    if not within(data, n):
        bad = int(data[(data < 0) | (data >= n)].flat[0])
        raise RuntimeError(f"index {bad} is out of bounds for dimension {axis} with size {n}")


def _as_vector(t: Any) -> Any:
    """A 0-d tensor with a dimension."""
    return S.reshape(t, (1,)) if t._data.ndim == 0 else t


def _like(result: Any, shape: tuple[int, ...]) -> Any:
    return result if result._data.shape == shape else in_shape(result, shape)


# gather and scatter --------------------------------------------------------------------------------------------------


def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False, out: Any = None) -> Tensor:
    """out[i][j] = input[index[i][j]][j] (for dim 0): elements picked along a dimension."""
    if out is None and isinstance(input, TensorBase) and isinstance(index, TensorBase):
        axis = axis_at_once(input._data, dim, index._data)
        if axis >= 0:
            return I.gather(input, index, axis)
    need_tensor("gather", input)
    axis = axis_of(dim, input._data.ndim)
    data = _index_of("gather", index)
    _check_dims("Index tensor", data, input._data, axis, "input")
    if not data.size:
        result = I.gather_nothing(input, data.shape)
    elif input._data.ndim == 0 or data.ndim == 0:
        x, i = _as_vector(input), _as_vector(index)
        _in_range(i._data, 0, x._data.shape[0])
        result = _like(I.gather(x, i, 0), data.shape)
    else:
        _in_range(data, axis, input._data.shape[axis])
        result = I.gather(input, index, axis)
    _apart(out, input, index)
    return result if out is None else write_out(out, result, "gather", (input, index))


_out: Any = takes_out(lambda result: result)


def _into(out: Any, result: Any, name: str, *inputs: Any) -> Any:
    """A result of the function `name`, written into `out=` if that is given."""
    return result if out is None else write_out(out, result, name, inputs)


def _check_dims(what: str, data: Any, x: Any, axis: int, name: str) -> None:
    if not data.size:
        return
    if max(data.ndim, 1) != max(x.ndim, 1):
        raise RuntimeError(f"{what} must have the same number of dimensions as {name} tensor")
    for d in range(data.ndim):
        if d != axis and data.shape[d] > x.shape[d]:
            raise RuntimeError(
                f"{'Size does not match at dimension ' + str(d) + ' expected' if name == 'input' else 'Expected'} "
                f"index {list(data.shape)} to be no larger than self {list(x.shape)} apart from dimension {axis}"
            )


def take_along_dim(input: Any, indices: Any, dim: int | None = None, *, out: Any = None) -> Tensor:
    """Elements picked along a dimension, in the others broadcast; without dim, of the flattened input."""
    if out is None and isinstance(input, TensorBase) and isinstance(indices, TensorBase):
        axis = axis_at_once(input._data, dim, indices._data)
        if axis >= 0 and _same_but(input._data.shape, indices._data.shape, axis):
            return I.gather(input, indices, axis)
    need_tensor("take_along_dim", input)
    need_tensor("take_along_dim", indices, "indices", 2)
    if indices._data.dtype != np.int64:
        raise RuntimeError(f"torch.take_along_dim(): dtype of indices should be Long but got {indices.dtype.type_name}")
    if dim is None:
        return gather(S.reshape(input, (-1,)), 0, S.reshape(indices, (-1,)), out=out)
    if input._data.ndim != indices._data.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input._data.ndim} dimensions for input, and {indices._data.ndim} dimensions for indices"
        )
    axis = axis_of(dim, input._data.ndim)
    a, b = list(input._data.shape), list(indices._data.shape)
    n, m = a[axis], b[axis]
    a[axis] = b[axis] = 1
    shape = list(_broadcast(tuple(a), tuple(b)))
    x = S.expand(input, (*shape[:axis], n, *shape[axis + 1 :]))
    data = indices._data
    if data.size and n and not within(everything(data), n):
        indices = wrap(np.remainder(data, n))  # PyTorch counts on from the start
    return gather(x, axis, S.expand(indices, (*shape[:axis], m, *shape[axis + 1 :])), out=out)


def _same_but(a: tuple[int, ...], b: tuple[int, ...], axis: int) -> bool:
    return a[:axis] == b[:axis] and a[axis + 1 :] == b[axis + 1 :]


def _broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    if a == b:
        return a
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        i = next(i for i in range(1, min(len(a), len(b)) + 1) if a[-i] != b[-i] and 1 not in (a[-i], b[-i]))
        raise RuntimeError(
            f"The size of tensor a ({a[-i]}) must match the size of tensor b ({b[-i]}) at non-singleton dimension "
            f"{max(len(a), len(b)) - i}"
        ) from None


def _covers(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    return a == b or (len(a) == len(b) and all(m >= n for m, n in zip(a, b)))


def _scatter_arguments(name: str, x: Any, dim: int, index: Any, src: Any) -> tuple[Any, Any, Any, int]:
    """(x, index, src, axis), checked; 0-d tensors get a dimension."""
    if isinstance(x, TensorBase) and isinstance(index, TensorBase):
        a, i = x._data, index._data
        if not isinstance(src, TensorBase) or (src._data.dtype is a.dtype and _covers(src._data.shape, i.shape)):
            axis = axis_at_once(a, dim, i)
            if axis >= 0:
                return x, index, src, axis
    need_tensor(name, x)
    axis = axis_of(dim, x._data.ndim)
    data = _index_of(name, index)
    _check_dims("Index tensor", data, x._data, axis, "self")
    if isinstance(src, TensorBase):
        if data.size:
            if max(data.ndim, 1) != max(src._data.ndim, 1):
                raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
            for m, n in zip(data.shape, src._data.shape):
                if m > n:
                    raise RuntimeError(
                        f"Expected index {list(data.shape)} to be no larger than self {list(x._data.shape)} apart from "
                        f"dimension {axis} and to be no larger size than src {list(src._data.shape)}"
                    )
        if src._data.dtype != x._data.dtype:
            raise RuntimeError(f"{name.rstrip('_')}(): Expected self.dtype to be equal to src.dtype")
        src = _as_vector(src)
    x, index = _as_vector(x), _as_vector(index)
    if not data.size:
        index = wrap(np.zeros(data.shape if data.ndim == x._data.ndim else (0,) * x._data.ndim, np.int64))
    _in_range(data, axis, x._data.shape[axis])
    return x, index, src, axis


def _scattered(name: str, x: Any, dim: int, index: Any, src: Any, value: Any, reduce: Any, in_place: bool) -> Any:
    """scatter and scatter_ in all their forms."""
    if src is None and value is None:
        raise TypeError(f'{name}() missing 1 required positional arguments: "src"')
    if src is not None and not isinstance(src, TensorBase):
        src, value = None, src
    shape, own = x._data.shape, x
    x, index, src, axis = _scatter_arguments(name, x, dim, index, src)
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise RuntimeError("reduce argument must be either add or multiply.")
        brought = src if src is not None else wrap(cast(np.full(index._data.shape, value), x._data.dtype))
        entry = I.scatter_combine_in_place if in_place else I.scatter_combine
        result = entry(x, index, brought, axis, "sum" if reduce == "add" else "prod", True)
    elif src is not None:
        if in_place:
            return write(I.scatter, K.scatter_into, own if own._data.ndim else x, (index, src), (axis,))
        result = I.scatter(x, index, src, axis)
    else:
        number = dtypes.fill_number(value, x._data.dtype)
        if in_place:
            return write(I.scatter_value, K.scatter_into, own if own._data.ndim else x, (index,), (number, axis))
        result = I.scatter_value(x, index, number, axis)
    result = _like(result, shape)
    if in_place:
        check_writable(own)
        assign(own, result)
        return own
    return result


def scatter(
    input: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None, out: Any = None
) -> Tensor:
    """A copy with src[i][j] (or one number) at [index[i][j]][j] (for dim 0); reduce "add" or "multiply" combines."""
    return _into(out, _scattered("scatter", input, dim, index, src, value, reduce, False), "scatter", input, index, src)


def scatter_(
    self: Any, dim: int, index: Any, src: Any = None, *, value: Any = None, reduce: str | None = None
) -> Tensor:
    """`scatter`, in place."""
    return _returned(self, _scattered("scatter_", self, dim, index, src, value, reduce, True))


def _returned(self: Any, result: Any) -> Tensor:
    return self


def scatter_add(input: Any, dim: int, index: Any, src: Any, *, out: Any = None) -> Tensor:
    """A copy with src[i][j] added at [index[i][j]][j] (for dim 0)."""
    need_tensor("scatter_add", src, "src", 4)
    shape = input._data.shape
    x, index, src, axis = _scatter_arguments("scatter", input, dim, index, src)
    return _into(out, _like(I.scatter_add(x, index, src, axis), shape), "scatter_add", input, index, src)


def scatter_add_(self: Any, dim: int, index: Any, src: Any) -> Tensor:
    """`scatter_add`, in place."""
    need_tensor("scatter_add_", src, "src", 4)
    x, index, src, axis = _scatter_arguments("scatter", self, dim, index, src)
    write(I.scatter_add, K.scatter_add_into, x, (index, src), (axis,))
    return self


_REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")


def scatter_reduce(
    input: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True, out: Any = None
) -> Tensor:
    """A copy where each place named holds the "sum", "prod", "mean", "amax" or "amin" of what src brings it.

    The place's own value counts unless include_self is False.
    """
    if reduce not in _REDUCTIONS:
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    shape = input._data.shape
    x, index, src, axis = _scatter_arguments("scatter", input, dim, index, src)
    arguments.no_bools_reduced("scatter", x._data, index._data, reduce, include_self)
    return _out(_like(I.scatter_reduce(x, index, src, axis, reduce, include_self), shape), out=out)


def _assigned(x: Any, result: Any) -> Tensor:
    assign(x, result)
    return x


def scatter_reduce_(self: Any, dim: int, index: Any, src: Any, reduce: str, *, include_self: bool = True) -> Tensor:
    """`scatter_reduce`, in place."""
    return _assigned(self, scatter_reduce(old_value(self, src), dim, index, src, reduce, include_self=include_self))


# whole slices along one dimension ------------------------------------------------------------------------------------


def index_select(input: Any, dim: int, index: Any, *, out: Any = None) -> Tensor:
    """The indices listed, along a dimension."""
    if out is None and isinstance(input, TensorBase) and isinstance(index, TensorBase):
        axis = axis_of_listed(input._data, dim, index._data, None)
        if axis >= 0:
            return I.index_select(input, index, axis)
    need_tensor("index_select", input)
    axis = axis_of(dim, input._data.ndim)
    need_tensor("index_select", index, "index", 3)
    data = index._data
    if data.dtype not in (np.int64, np.int32):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    if data.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if input._data.ndim == 0 and data.size != 1:
        raise RuntimeError(f"index_select(): Index to scalar can have only 1 value, got {data.size} value(s)")
    x, index = _as_vector(input), _as_vector(index)
    n, data = x._data.shape[axis], everything(data)
    if data.size and (data.min() < 0 or data.max() >= n):
        if x._data.ndim > 1 and (
            axis == 1 or not x._data.size
        ):  # PyTorch has a way of its own for the second dimension
            bad = data[(data < 0) | (data >= n)].flat[0]
            raise RuntimeError(f"INDICES element is out of DATA bounds, id={bad} axis_dim={n}")
        raise IndexError("index out of range in self")
    result = I.index_select(x, index, axis)
    result = _like(result, ()) if input._data.ndim == 0 and data.size == 1 else result
    return _into(out, result, "index_select")


def _bad_index(family: str, index: Any) -> Exception:
    """The error of each function for an index of another dtype."""
    name = dtypes.of[index._data.dtype].type_name
    if family == "index_copy":
        return RuntimeError(f"index_copy_(): Expected a long tensor for index, but got {name}")
    if family == "index_fill":
        return IndexError("index_fill_(): Expected dtype int64 for index.")
    return RuntimeError(f"{family}_(): Expected dtype int32/int64 for index but got: {name}")


def _slices(family: str, x: Any, dim: int, index: Any, source: Any) -> tuple[Any, Any, Any, int]:
    """(x, index, source, axis) of index_add, index_copy, index_fill and index_reduce, checked."""
    if (
        isinstance(x, TensorBase)
        and isinstance(index, TensorBase)
        and (source is None or isinstance(source, TensorBase))
    ):
        axis = axis_of_listed(x._data, dim, index._data, None if source is None else source._data)
        if axis >= 0:
            return x, index, source, axis
    need_tensor(family, x)
    axis = axis_of(dim, x._data.ndim)
    need_tensor(family, index, "index", 3)
    data, name = index._data, f"{family}_()"
    if data.dtype not in (np.int64, np.int32):
        raise _bad_index(family, index)
    if data.ndim > 1:
        if family == "index_copy":
            raise IndexError(f"{name}: Index should have dimension 1 or 0 (got {data.ndim})")
        raise IndexError(f"{name}: Index is supposed to be a vector")
    if source is not None:
        if x._data.dtype != source._data.dtype:
            types = [dtypes.of[t._data.dtype].type_name for t in (x, source)]
            raise RuntimeError(f"{name}: self ({types[0]}) and source ({types[1]}) must have the same scalar type")
        _check_slices(family, list(x._data.shape), list(source._data.shape), axis, data.size)
        source = _as_vector(source)
    x, index = _as_vector(x), _as_vector(index)
    n, data = x._data.shape[axis], everything(data)
    bad = data[(data < (-n if family == "index_fill" else 0)) | (data >= n)] if data.size else data
    if bad.size:
        text = f"index {bad.flat[0]} is out of bounds for dimension {axis} with size {n}"
        if family == "index_copy":
            raise IndexError(f"{name}: {text}")
        if family == "index_add":
            raise RuntimeError(text) if x._data.ndim > 1 else IndexError("index out of range in self")
        raise IndexError(text)
    return x, index, source, axis


def _check_slices(family: str, want: list[int], have: list[int], axis: int, indices: int) -> None:
    """Raise if source does not bring one slice of x's shape for each index."""
    count = have[axis] if have and axis < len(have) else 1
    slices = [shape[:axis] + shape[axis + 1 :] for shape in (want, have)]
    if family == "index_copy":
        if have and want and len(have) != len(want):
            raise IndexError(
                "index_copy_(): When source and destination are not scalars, their dimensionality must match. Source "
                f"dimensionality ({len(have)}), destination dimensionality ({len(want)})"
            )
        if slices[0] != slices[1] and have and want:
            raise RuntimeError(
                "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: "
                f"{' '.join(map(str, slices[0]))} at dimension {axis} and source slice shape: "
                f"{' '.join(map(str, slices[1]))} at dimension 0."
            )
        if count != indices:
            raise IndexError(
                f"index_copy_(): Number of indices ({indices}) should be equal to source.size(dim) ({count})"
            )
        return
    if have and want and (len(have) != len(want) or slices[0] != slices[1]):
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{want} source.shape = {have}"
        )
    if count != indices:
        raise RuntimeError(
            f"{family}_(): Number of indices ({indices}) should be equal to source.size(dim): ({count}), for dim: "
            f"{axis}"
        )


def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1, out: Any = None) -> Tensor:
    """A copy with alpha * source's slices added at those listed."""
    shape = input._data.shape
    x, index, source, axis = _slices("index_add", input, dim, index, source)
    return _into(out, _like(I.index_add(x, index, source, axis, alpha), shape), "index_add", input, index, source)


def index_add_(self: Any, dim: int, index: Any, source: Any, *, alpha: Any = 1) -> Tensor:
    """`index_add`, in place."""
    x, index, source, axis = _slices("index_add", self, dim, index, source)
    write(I.index_add, K.index_add_into, self if self._data.ndim else x, (index, source), (axis, alpha))
    return self


def index_copy(input: Any, dim: int, index: Any, source: Any, *, out: Any = None) -> Tensor:
    """A copy with source's slices at those listed."""
    shape = input._data.shape
    x, index, source, axis = _slices("index_copy", input, dim, index, source)
    return _into(out, _like(I.index_copy(x, index, source, axis), shape), "index_copy", input, index, source)


def index_copy_(self: Any, dim: int, index: Any, source: Any) -> Tensor:
    """`index_copy`, in place."""
    x, index, source, axis = _slices("index_copy", self, dim, index, source)
    write(I.index_copy, K.index_copy_into, self if self._data.ndim else x, (index, source), (axis,))
    return self


def _filling(value: Any, dtype: Any) -> Any:
    """A number for index_fill and masked_fill, as a NumPy scalar; a 0-d tensor as it is, in the dtype."""
    whole = dtype.kind in "iub"
    if not isinstance(value, TensorBase) or whole or (value._data.dtype.kind == "c" and dtype.kind != "c"):
        return dtypes.fill_number(value._data.item() if isinstance(value, TensorBase) else value, dtype)
    return value if value._data.dtype == dtype else P.cast(value, dtype)


def index_fill(input: Any, dim: int, index: Any, value: Any) -> Tensor:
    """A copy with one number in the slices listed."""
    shape = input._data.shape
    _need_scalar("index_fill_", value)
    x, index, _, axis = _slices("index_fill", input, dim, index, None)
    filler = _filling(value, x._data.dtype)
    entry = I.index_fill_by if isinstance(filler, TensorBase) else I.index_fill
    return _like(entry(x, index, filler, axis), shape)


def _need_scalar(name: str, value: Any) -> None:
    if isinstance(value, TensorBase) and value._data.ndim:
        raise RuntimeError(
            f"{name} only supports a 0-dimensional value tensor, but got tensor with {value._data.ndim} dimension(s)."
        )


def index_fill_(self: Any, dim: int, index: Any, value: Any) -> Tensor:
    """`index_fill`, in place."""
    _need_scalar("index_fill_", value)
    x, index, _, axis = _slices("index_fill", self, dim, index, None)
    filler = _filling(value, x._data.dtype)
    target = self if self._data.ndim else x
    warn_of_expanded("index_fill_", self._data, "[mask] = scalar")
    if isinstance(filler, TensorBase):
        write(I.index_fill_by, K.index_copy_into, target, (index, filler), (axis,), overlap=True)
    else:
        write(I.index_fill, K.index_copy_into, target, (index,), (filler, axis), overlap=True)
    return self


def index_reduce(
    input: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True, out: Any = None
) -> Tensor:
    """A copy where the slices listed hold the "prod", "mean", "amax" or "amin" of what source brings them."""
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}.")
    shape = input._data.shape
    x, index, source, axis = _slices("index_reduce", input, dim, index, source)
    arguments.no_bools_reduced("index", x._data, index._data, reduce, include_self)
    wide = S.expand(S.reshape(index, (-1,) + (1,) * (x._data.ndim - axis - 1)), source._data.shape)
    return _out(_like(I.index_reduce(x, wide, source, axis, reduce, include_self), shape), out=out)


def index_reduce_(self: Any, dim: int, index: Any, source: Any, reduce: str, *, include_self: bool = True) -> Tensor:
    """`index_reduce`, in place."""
    return _assigned(self, index_reduce(old_value(self, source), dim, index, source, reduce, include_self=include_self))


# by several indices at once ------------------------------------------------------------------------------------------


def _key(x: Any, indices: Any) -> tuple[Any, ...]:
    """The advanced key of index_put: a tensor (or None) for each dimension."""
    key: list[Any] = []
    if isinstance(indices, TensorBase) or not isinstance(indices, (tuple, list)):
        kind = type(indices).__name__
        raise TypeError(f"index_put_(): argument 'indices' (position 1) must be tuple of Tensors, not {kind}")
    for i, k in enumerate(indices):
        if not isinstance(k, TensorBase):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(k).__name__}")
        key.append(k)
    _, advanced = indexing.split(x, tuple(key))
    if advanced is None:
        raise IndexError("at least one index must be provided")
    return tuple([k.copy() if isinstance(k, np.ndarray) else k for k in advanced])


def _need_one_dtype(x: Any, values: Any) -> None:
    if not isinstance(values, TensorBase):
        kind = type(values).__name__
        raise TypeError(f"index_put_(): argument 'values' (position 2) must be Tensor, not {kind}")
    if values._data.dtype != x._data.dtype:
        names = dtypes.of[x._data.dtype].type_name, dtypes.of[values._data.dtype].type_name
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {names[0]} for the destination and "
            f"{names[1]} for the source."
        )


def index_put(input: Any, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """A copy with `values` written (or added, repeated places adding up) at x[indices]."""
    _need_one_dtype(input, values)
    try:
        return I.index_put(input, values, _key(input, indices), accumulate)
    except ValueError:
        raise _put_error(input, values, indices) from None


def _put_error(x: Any, values: Any, indices: Any) -> RuntimeError:
    return RuntimeError(
        f"shape mismatch: value tensor of shape {list(values._data.shape)} cannot be broadcast to indexing result of "
        f"shape {list(x._data[_key(x, indices)].shape)}"
    )


def index_put_(self: Any, indices: Any, values: Any, accumulate: bool = False) -> Tensor:
    """`index_put`, in place."""
    _need_one_dtype(self, values)
    warn_of_expanded("index_put_", self._data)
    key = _key(self, indices)
    try:
        return write(I.index_put, K.put_into, self, (values,), (key, accumulate), overlap=True)
    except IndexError as error:
        raise indexing.index_error(error, self, key) from None
    except ValueError:
        raise _put_error(self, values, indices) from None


# over the flattened tensor -------------------------------------------------------------------------------------------


def take(input: Any, index: Any, *, out: Any = None) -> Tensor:
    """The elements at these places of the flattened input, in the shape of index."""
    need_tensor("take", input)
    if index._data.dtype != np.int64:
        raise RuntimeError(
            f"take(): Expected a long tensor for index, but got {dtypes.of[index._data.dtype].type_name}"
        )
    _flat_in_range("take", input, index)
    _apart(out, input, index)
    return _into(out, I.take(input, index), "take")


def _apart(out: Any, *others: Any) -> None:
    """Raise PyTorch's error if `out=` shares memory with an input."""
    if out is not None:
        for t in others:
            if t is out or (t._storage is not None and out._storage is not None):
                storage_of(t)
                check_overlap(out, t, whole=True)


def _flat_in_range(name: str, x: Any, index: Any) -> None:
    n, data = x._data.size, index._data
    if data.size and n == 0:
        raise IndexError(f"{name}(): tried to take from an empty tensor")
    if data.size and (data.min() < -n or data.max() >= n):
        bad = int(data[(data < -n) | (data >= n)].flat[0])
        raise IndexError(f"out of range: tried to access index {bad} on a tensor of {n} elements.")


def _check_put(x: Any, index: Any, source: Any) -> None:
    if index._data.dtype != np.int64:
        raise RuntimeError(
            f"put_(): Expected a long tensor for index, but got {dtypes.of[index._data.dtype].type_name}"
        )
    if x._data.dtype != source._data.dtype:
        names = dtypes.of[x._data.dtype].type_name, dtypes.of[source._data.dtype].type_name
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = {names[0]} and "
            f"source.dtype = {names[1]}"
        )
    if index._data.size != source._data.size:
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source._data.size}, index.numel() = {index._data.size}"
        )
    _flat_in_range("put_", x, index)


def put(input: Any, index: Any, source: Any, accumulate: bool = False) -> Tensor:
    """A copy with the elements of source written (or added) at these places of the flattened input."""
    _check_put(input, index, source)
    return I.put(input, index, source, accumulate)


def put_(self: Any, index: Any, source: Any, accumulate: bool = False) -> Tensor:
    """`put`, in place."""
    _check_put(self, index, source)
    check_overlap(self, source)
    return _assigned(self, I.put(old_value(self, source), index, source, accumulate))


# by masks ------------------------------------------------------------------------------------------------------------


_C_NAMES = {
    "int64": "long int",
    "int32": "int",
    "int16": "short int",
    "int8": "signed char",
    "uint8": "unsigned char",
    "float32": "float",
    "float64": "double",
}


def _need_mask(name: str, mask: Any) -> Any:
    need_tensor(name, mask, "mask", 2)
    if mask._data.dtype.kind != "b":
        raise RuntimeError(
            f"{name}_ only supports boolean masks, but got mask with dtype "
            f"{_C_NAMES.get(mask._data.dtype.name, mask._data.dtype.name)}"
        )
    return mask


def masked_fill(input: Any, mask: Any, value: Any) -> Tensor:
    """The input with `value` where the mask is true, broadcast."""
    need_tensor("masked_fill", input)
    _need_mask("masked_fill", mask)
    _need_scalar("masked_fill_", value)
    _broadcast(mask._data.shape, input._data.shape)
    filler = _filling(value, input._data.dtype)
    if isinstance(filler, TensorBase):
        return I.masked_fill_by(input, mask, filler)
    return I.masked_fill(input, mask, filler)


def masked_fill_(self: Any, mask: Any, value: Any) -> Tensor:
    """`masked_fill`, in place."""
    if type(value) is float and isinstance(mask, TensorBase) and mask._data.shape == self._data.shape:
        if mask._data.dtype.kind == "b" and mask._data.ndim and indexing.written_at_once(self, mask, value):
            return self  # type: ignore[no-any-return]
    _need_mask("masked_fill", mask)
    _need_scalar("masked_fill_", value)
    shape = _broadcast(mask._data.shape, self._data.shape)
    if shape != self._data.shape:
        raise RuntimeError(
            f"output with shape {list(self._data.shape)} doesn't match the broadcast shape {list(shape)}"
        )
    filler = _filling(value, self._data.dtype)
    warn_of_expanded("masked_fill_", self._data, "[mask] = scalar")
    if (
        mask._storage is not None and mask is not self
    ):  # `write` lets single elements pass: those of the value may share
        check_overlap(self, mask)
    if isinstance(filler, TensorBase):
        return write(I.masked_fill_by, K.masked_fill_into, self, (mask, filler), overlap=True)
    return write(I.masked_fill, K.masked_fill_into, self, (mask,), (filler,), overlap=True)


def masked_scatter(input: Any, mask: Any, source: Any) -> Tensor:
    """A copy with the elements of source, in order, where the mask (broadcast) is true."""
    _check_masked_scatter(input, mask, source)
    shape = _broadcast(input._data.shape, mask._data.shape)
    return I.masked_scatter(input if input._data.shape == shape else S.expand(input, shape), mask, source)


def _check_masked_scatter(x: Any, mask: Any, source: Any) -> None:
    if x._data.dtype != source._data.dtype:
        names = dtypes.of[x._data.dtype].type_name, dtypes.of[source._data.dtype].type_name
        raise RuntimeError(
            f"masked_scatter_: expected self and source to have same dtypes but got {names[0]} and {names[1]}"
        )
    if mask._data.dtype.kind != "b":
        raise RuntimeError(
            "masked_scatter_ only supports boolean masks, but got mask with dtype "
            f"{dtypes.of[mask._data.dtype].type_name}"
        )
    shape = _broadcast(x._data.shape, mask._data.shape)
    if int(np.count_nonzero(np.broadcast_to(mask._data, shape))) > source._data.size:
        raise RuntimeError("Number of elements of source < number of ones in mask")


def masked_scatter_(self: Any, mask: Any, source: Any) -> Tensor:
    """`masked_scatter`, in place."""
    _check_masked_scatter(self, mask, source)
    shape = _broadcast(self._data.shape, mask._data.shape)
    if shape != self._data.shape:
        raise RuntimeError(
            f"output with shape {list(self._data.shape)} doesn't match the broadcast shape {list(shape)}"
        )
    return write(I.masked_scatter, K.masked_scatter_into, self, (mask, source))


def masked_select(input: Any, mask: Any, *, out: Any = None) -> Tensor:
    """The elements where the mask is true (both broadcast), as a vector."""
    need_tensor("masked_select", input)
    need_tensor("masked_select", mask, "mask", 2)
    if mask._data.dtype.kind != "b":
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    shape = _broadcast(input._data.shape, mask._data.shape)
    source = input if shape == input._data.shape else S.expand(input, shape)
    keep = mask._data if mask._data.shape == shape else np.broadcast_to(mask._data, shape)
    if source._node is not None:
        keep = keep.copy()
    _apart(out, input, mask)
    return _into(out, I.masked_select(source, keep), "masked_select")


def nonzero(input: Any, *, out: Any = None, as_tuple: bool = False) -> Any:
    """The places of all nonzero elements: (n, dimensions), or a tuple of vectors, one for each dimension."""
    need_tensor("nonzero", input)
    data = input._data
    if as_tuple:
        return tuple([wrap(np.ascontiguousarray(a)) for a in np.nonzero(data if data.ndim else data.reshape(1))])
    return _into(out, wrap(K.places(data)), "nonzero")


def argwhere(input: Any) -> Tensor:
    """The places of all nonzero elements: (n, dimensions)."""
    need_tensor("argwhere", input)
    return wrap(K.places(input._data))


def nonzero_static(input: Any, *, size: int, fill_value: int = -1, out: Any = None) -> Tensor:
    """`nonzero` cut or filled up to `size` rows."""
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    found = np.argwhere(input._data)[:size]
    rows = np.full((size, input._data.ndim), fill_value, np.int64)
    rows[: len(found)] = found
    return _out(wrap(rows), out=out)


def fill_diagonal_(self: Any, fill_value: Any, wrap: bool = False) -> Tensor:
    """One number on the main diagonal, in place; in a tall matrix `wrap` begins it anew after each block of rows."""
    shape, steps = self._data.shape, self.stride()
    if len(shape) < 2:
        raise RuntimeError("dimensions must larger than 1")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    size, offset = min(shape), self.storage_offset()
    fill_(as_strided(self, (size,), (sum(steps),), offset), fill_value)
    if wrap and len(shape) == 2 and shape[0] > shape[1] + 1:
        rows, columns = shape
        for start in range(columns + 1, rows, columns + 1):
            count = min(columns, rows - start)
            fill_(as_strided(self, (count,), (sum(steps),), offset + start * steps[0]), fill_value)
    return self


def tril_(self: Any, diagonal: int = 0) -> Tensor:
    """`tril`, in place."""
    need_matrix("tril", self)
    return write(S.tril, _keep_lower, self, (), (diagonal,), overlap=_one_batch(self._data))


def triu_(self: Any, diagonal: int = 0) -> Tensor:
    """`triu`, in place."""
    need_matrix("triu", self)
    return write(S.triu, _keep_upper, self, (), (diagonal,), overlap=_one_batch(self._data))


def _one_batch(x: Any) -> bool:
    """True for what tril_ and triu_ write where it lies, though elements share memory; the rest is copied back."""
    return x.ndim < 4 or x[0].flags.c_contiguous


def _keep_lower(x: Any, diagonal: int) -> None:
    np.copyto(x, 0, where=~np.tri(x.shape[-2], x.shape[-1], diagonal, dtype=bool))


def _keep_upper(x: Any, diagonal: int) -> None:
    np.copyto(x, 0, where=np.tri(x.shape[-2], x.shape[-1], diagonal - 1, dtype=bool))
