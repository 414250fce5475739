"""Shape and place, with PyTorch's signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions.arguments import axis_of, infer_size, need_tensor, size_of, takes_out
from microtorch.ops import index as I
from microtorch.ops import pointwise as P
from microtorch.ops import shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def reshape(input: Any, *shape: Any) -> Tensor:
    """The elements in another shape (one -1 is inferred): a view if possible, else a copy."""
    need_tensor("reshape", input)
    return S.reshape(input, infer_size(size_of(shape), input._data.size))  # type: ignore[no-any-return]


def view(input: Any, *shape: Any) -> Any:
    """The same memory in another shape; given a dtype, the same bytes in that dtype.

    Raises RuntimeError if the strides do not allow it.
    """
    if len(shape) == 1 and hasattr(shape[0], "numpy"):
        return _view_dtype(input, shape[0].numpy)
    return S.view_as(input, infer_size(size_of(shape), input._data.size))


def _view_dtype(input: Any, dtype: Any) -> Any:
    if input._data.dtype == dtype:
        return I.view_alias(input)
    from microtorch.autograd.state import view_of

    return view_of(input, input._data.view(dtype), None, False)


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from start_dim to end_dim as one."""
    need_tensor("flatten", input)
    shape = input._data.shape
    first, last = axis_of(start_dim, len(shape)), axis_of(end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return S.reshape(input, (1,))  # type: ignore[no-any-return]
    if first == last:
        return input  # type: ignore[no-any-return]
    n = 1
    for i in shape[first : last + 1]:
        n *= i
    return S.reshape(input, (*shape[:first], n, *shape[last + 1 :]))  # type: ignore[no-any-return]


def transpose(input: Any, dim0: int, dim1: int) -> Tensor:
    """A view with two dimensions exchanged."""
    need_tensor("transpose", input)
    ndim = input._data.ndim
    i, j = axis_of(dim0, ndim), axis_of(dim1, ndim)
    return S.transpose(input, i, j) if ndim else I.view_alias(input)  # type: ignore[no-any-return]


def t(input: Any) -> Tensor:
    """A matrix transposed; a vector or number as it is."""
    need_tensor("t", input)
    if input._data.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input._data.ndim}D")
    return S.t(input)  # type: ignore[no-any-return]


def permute(input: Any, *dims: Any) -> Tensor:
    """A view with the dimensions in the order given."""
    need_tensor("permute", input)
    order = size_of(dims)
    ndim = input._data.ndim
    if len(order) != ndim:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of "
            f"dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(order)}"
        )
    axes = tuple([axis_of(d, ndim) for d in order])
    if len(set(axes)) != ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return S.permute(input, axes)  # type: ignore[no-any-return]


def movedim(input: Any, source: Any, destination: Any) -> Tensor:
    """A view with dimensions moved to other places, the rest in order."""
    ndim = input._data.ndim
    one = isinstance(source, int)
    src = [axis_of(d, ndim) for d in ([source] if one else source)]
    dst = [axis_of(d, ndim) for d in ([destination] if one else destination)]
    order = [n for n in range(ndim) if n not in src]
    for to, frm in sorted(zip(dst, src)):
        order.insert(to, frm)
    return S.permute(input, tuple(order))  # type: ignore[no-any-return]


def squeeze(input: Any, dim: Any = None) -> Tensor:
    """A view without the dimensions of size 1 (all of them, or those among `dim`)."""
    need_tensor("squeeze", input)
    shape = input._data.shape
    wanted = range(len(shape)) if dim is None else [axis_of(d, len(shape)) for d in ((dim,) if isinstance(dim, int) else dim)]
    return S.squeeze(input, tuple([i for i in wanted if i < len(shape) and shape[i] == 1]))  # type: ignore[no-any-return]


def unsqueeze(input: Any, dim: int) -> Tensor:
    """A view with a dimension of size 1 put in at `dim`."""
    need_tensor("unsqueeze", input)
    return S.unsqueeze(input, axis_of(dim, input._data.ndim + 1))  # type: ignore[no-any-return]


def expand(input: Any, *sizes: Any) -> Tensor:
    """A view broadcast to a larger shape; -1 keeps a size."""
    return S.expand(input, size_of(sizes))  # type: ignore[no-any-return]


def broadcast_to(input: Any, size: Any) -> Tensor:
    """A view broadcast to `size`."""
    return S.expand(input, size_of((size,)))  # type: ignore[no-any-return]


@takes_out
def cat(tensors: Any, dim: int = 0) -> Tensor:
    """Tensors joined along a dimension that they have.

    Raises RuntimeError if their other sizes differ.
    """
    parts = _list_of_tensors("cat", tensors)
    real = [t for t in parts if t._data.shape != (0,)] or parts
    axis = axis_of(dim, real[0]._data.ndim)
    if any(t._data.ndim == 0 for t in parts):
        at = next(i for i, t in enumerate(parts) if t._data.ndim == 0)
        raise RuntimeError(f"zero-dimensional tensor (at position {at}) cannot be concatenated")
    first = real[0]._data.shape
    for i, p in enumerate(parts):
        shape = p._data.shape
        if shape == (0,):
            continue
        if len(shape) != len(first):
            raise RuntimeError(f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}")
        for d, (m, n) in enumerate(zip(first, shape)):
            if m != n and d != axis:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {axis}. Expected size {m} but got size {n} for tensor "
                    f"number {i} in the list."
                )
    return S.cat(_one_dtype([p for p in parts if p._data.shape != (0,)] or parts, parts), axis)  # type: ignore[no-any-return]


concat = concatenate = cat


@takes_out
def stack(tensors: Any, dim: int = 0) -> Tensor:
    """Tensors of one shape joined along a new dimension."""
    parts = _list_of_tensors("stack", tensors)
    first = parts[0]._data.shape
    for i, p in enumerate(parts):
        if p._data.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and {list(p._data.shape)} at entry {i}"
            )
    return S.stack(_one_dtype(parts, parts), axis_of(dim, len(first) + 1))  # type: ignore[no-any-return]


def _list_of_tensors(name: str, tensors: Any) -> list[Any]:
    if isinstance(tensors, TensorBase) or not isinstance(tensors, (list, tuple)):
        raise TypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}")
    if not tensors:
        raise RuntimeError(f"{name} expects a non-empty TensorList" if name == "stack" else
                           "torch.cat(): expected a non-empty list of Tensors")  # fmt: skip
    for i, t in enumerate(tensors):
        if not isinstance(t, TensorBase):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")
    return list(tensors)


def _one_dtype(parts: list[Any], all_parts: list[Any]) -> list[Any]:
    from microtorch.dtypes import promoted

    want = all_parts[0]._data.dtype
    for p in all_parts[1:]:
        if p._data.dtype != want:
            want = promoted(want, False, p._data.dtype, False)
    return [p if p._data.dtype == want else P.cast(p, want) for p in parts]


def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Views of pieces along a dimension: of one size (the last may be smaller), or of the sizes listed."""
    need_tensor("split", tensor)
    axis = axis_of(dim, tensor._data.ndim)
    n = tensor._data.shape[axis]
    sizes = split_size_or_sections
    if isinstance(sizes, int):
        if sizes < 0 or (sizes == 0 and n):
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={sizes}")
        sizes = [min(sizes, n - i) for i in range(0, n, sizes)] if n else [0]
    elif sum(sizes) != n:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {axis}), but got "
            f"split_sizes={list(sizes)}"
        )
    return pieces(tensor, sizes, axis, "SplitBackward0")


def pieces(tensor: Any, sizes: Any, axis: int, name: str) -> tuple[Any, ...]:
    """Consecutive views of the sizes given along an axis."""
    head = (slice(None),) * axis
    out, start = [], 0
    for i, n in enumerate(sizes):
        part = I.split_part(tensor, (*head, slice(start, start + n), ...))
        if part._node is not None or True:
            part._made = str(i)
        out.append(part)
        start += n
    return tuple(out)


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """At most `chunks` views of equal size along a dimension (the last may be smaller)."""
    need_tensor("chunk", input)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    n = input._data.shape[axis_of(dim, input._data.ndim)]
    size = -(-n // chunks)
    return split(input, size, dim) if size else pieces(input, [0] * chunks, axis_of(dim, input._data.ndim), "SplitBackward0")


def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """A view for each index along a dimension."""
    need_tensor("unbind", input)
    axis = axis_of(dim, input._data.ndim)
    head = (slice(None),) * axis
    out = []
    for i in range(input._data.shape[axis]):
        part = I.unbind_part(input, (*head, i, ...))
        if part._node is not None or True:
            part._made = str(i)
        out.append(part)
    return tuple(out)


def select(input: Any, dim: int, index: int) -> Tensor:
    """A view of one index along a dimension."""
    axis = axis_of(dim, input._data.ndim)
    n = input._data.shape[axis]
    if not -n <= index < n:
        raise IndexError(f"select(): index {index} out of range for tensor of size {list(input._data.shape)} at dimension {axis}")
    return I.select(input, (slice(None),) * axis + (int(index), ...))  # type: ignore[no-any-return]


def narrow(input: Any, dim: int, start: Any, length: int) -> Tensor:
    """A view of `length` indices from `start` along a dimension."""
    axis = axis_of(dim, input._data.ndim)
    n, start = input._data.shape[axis], int(start)
    if not -n <= start <= n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start = start + n if start < 0 else start
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return I.slice_(input, (slice(None),) * axis + (slice(start, start + length), ...))  # type: ignore[no-any-return]


def _index_data(name: str, index: Any) -> Any:
    need_tensor(name, index, "index", 3)
    if index._data.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")
    return index._data


def _checked_index(index: Any, axis: int, n: int) -> Any:
    if index.size and (index.min() < 0 or index.max() >= n):
        bad = int(index[(index < 0) | (index >= n)].flat[0])
        raise RuntimeError(f"index {bad} is out of bounds for dimension {axis} with size {n}")
    return index


@takes_out
def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Tensor:
    """out[i][j] = input[index[i][j]][j] (for dim 0): elements picked along a dimension."""
    axis = axis_of(dim, input._data.ndim)
    data = _index_data("gather", index)
    if data.ndim != input._data.ndim and data.size and not (data.ndim <= 1 and input._data.ndim <= 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for d in range(min(data.ndim, input._data.ndim)):
        if d != axis and data.shape[d] > input._data.shape[d]:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(data.shape)} to be no larger than self "
                f"{list(input._data.shape)} apart from dimension {axis}"
            )
    if input._data.ndim == 0 or data.ndim == 0:
        return S.reshape(I.index_select(S.reshape(input, (-1,)), data.reshape(-1), 0), data.shape)  # type: ignore[no-any-return]
    return I.gather(input, _checked_index(data, axis, input._data.shape[axis]), axis)  # type: ignore[no-any-return]


@takes_out
def index_select(input: Any, dim: int, index: Any) -> Tensor:
    """The indices listed, along a dimension."""
    axis = axis_of(dim, input._data.ndim)
    data = _index_data("index_select", index)
    if data.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    n = input._data.shape[axis] if input._data.ndim else 1
    if data.size and (data.min() < 0 or data.max() >= n):
        raise IndexError("index out of range in self")
    if input._data.ndim == 0:
        return S.reshape(I.index_select(S.reshape(input, (1,)), data.reshape(-1), 0), ())  # type: ignore[no-any-return]
    return I.index_select(input, data.reshape(-1), axis)  # type: ignore[no-any-return]


def masked_fill(input: Any, mask: Any, value: Any) -> Tensor:
    """The input with `value` where the mask is true, broadcast."""
    if not isinstance(mask, TensorBase) or mask._data.dtype.kind != "b":
        raise RuntimeError("masked_fill_ only supports boolean masks, but got mask with dtype " + str(getattr(mask, "dtype", type(mask))))
    if isinstance(value, TensorBase):
        if value._data.ndim:
            raise RuntimeError(
                f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value._data.ndim} dimension(s)."
            )
        filler: Any = value if value._data.dtype == input._data.dtype else P.cast(value, input._data.dtype)
    else:
        if isinstance(value, float) and input._data.dtype.kind in "iub" and not value.is_integer():
            raise RuntimeError(f"value cannot be converted to type {input.dtype.name} without overflow")
        filler = wrap(np.asarray(value).astype(input._data.dtype))
    return P.where(mask._data, filler, input)  # type: ignore[no-any-return]


@takes_out
def masked_select(input: Any, mask: Any) -> Tensor:
    """The elements where the mask is true, as a vector."""
    if mask._data.dtype.kind != "b":
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    shape = np.broadcast_shapes(input._data.shape, mask._data.shape)
    source = input if shape == input._data.shape else S.expand(input, shape)
    return I.index(source, (np.broadcast_to(mask._data, shape),))  # type: ignore[no-any-return]


@takes_out
def tril(input: Any, diagonal: int = 0) -> Tensor:
    """The lower triangle of the last two dimensions, zeros above."""
    return S.tril(input, diagonal)  # type: ignore[no-any-return]


@takes_out
def triu(input: Any, diagonal: int = 0) -> Tensor:
    """The upper triangle of the last two dimensions, zeros below."""
    return S.triu(input, diagonal)  # type: ignore[no-any-return]


def flip(input: Any, *dims: Any) -> Tensor:
    """The order reversed along dimensions (a copy)."""
    return S.flip(input, tuple(axis_of(d, input._data.ndim) for d in size_of(dims)))  # type: ignore[no-any-return]


def roll(input: Any, shifts: Any, dims: Any = None) -> Tensor:
    """Elements shifted around along dimensions; without dims, of the flattened tensor."""
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    if dims is None or dims == ():
        return S.reshape(S.roll(S.reshape(input, (-1,)), shifts, (0,)), input._data.shape)  # type: ignore[no-any-return]
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(dims) != len(shifts):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    return S.roll(input, shifts, tuple(axis_of(d, input._data.ndim) for d in dims))  # type: ignore[no-any-return]


def repeat(input: Any, *sizes: Any) -> Tensor:
    """The tensor tiled so many times along each dimension (new ones in front)."""
    times = size_of(sizes)
    shape = input._data.shape
    if len(times) < len(shape):
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor"
        )
    shape = (1,) * (len(times) - len(shape)) + shape
    pairs = tuple(n for pair in zip(times, shape) for n in pair)
    wide = S.expand(S.reshape(input, tuple(n for s in shape for n in (1, s))), pairs)
    return P.contiguous(wide).reshape(tuple(r * s for r, s in zip(times, shape)))  # type: ignore[no-any-return]


def numel(input: Any) -> int:
    """The number of elements."""
    return int(input._data.size)


def is_tensor(obj: Any) -> bool:
    """True for a Tensor."""
    return isinstance(obj, TensorBase)
