"""Shapes and views, with PyTorch's signatures. Joining and splitting are in join.py, indexing is in index.py."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.modes import sees
from microtorch.autograd.state import TensorBase, element_offset, storage_bytes, storage_of, wrap
from microtorch.functions.arguments import axis_of, bad_call, infer_size, need_tensor, number_of, size_of, takes_out
from microtorch.functions.join import (
    cat as cat,
    chunk as chunk,
    split as split,
    stack as stack,
    unbind as unbind,
)
from microtorch.kernels import shape as K
from microtorch.kernels.bfloat16 import zeros
from microtorch.ops import index as I, pointwise as P, shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


# one shape into another ----------------------------------------------------------------------------------------------


def view(input: Any, *shape: Any, size: Any = None, dtype: Any = None) -> Any:
    """The same memory in another shape (one -1 is inferred); given a dtype, the same bytes in that dtype.

    Raises RuntimeError if the strides do not allow it.
    """
    if len(shape) == 1:
        first = shape[0]
        kind = type(first)
        if kind is not int:
            if isinstance(first, (tuple, list)):
                shape = first  # type: ignore[assignment]
            elif isinstance(first, dtypes.dtype):
                return view_dtype(input, first.numpy)
            elif first in (float, int, bool, complex):
                return view_dtype(input, dtypes.to_numpy(first))
            elif not hasattr(first, "__index__") or kind is bool:
                raise bad_call("view", shape, {}, ["torch.dtype dtype", "tuple of ints size"])
    elif not shape:
        if dtype is not None:
            return view_dtype(input, dtype.numpy)
        if size is None:
            raise bad_call("view", shape, {}, ["torch.dtype dtype", "tuple of ints size"])
        shape = size_of((size,), "view")
    for n in shape:
        if type(n) is not int or n < -1:
            return S.view_as(input, infer_size(size_of(shape, "view"), input._data.size))
    try:
        return S.view_as(input, shape)
    except RuntimeError:
        infer_size(tuple(shape), input._data.size)  # raises if the number of elements is the reason
        raise


def view_dtype(input: Any, dtype: Any) -> Any:
    """The same bytes read as another dtype; the last dimension grows or shrinks with the size of an element.

    As in PyTorch the result is never part of the graph, whatever the dtype.
    """
    data = input._data
    have, want = data.dtype.itemsize, dtype.itemsize
    if have != want:
        ratio = max(have, want) // min(have, want)
        where = "self.dim() cannot be 0 to view"
        names = dtypes.of[data.dtype].type_name, dtypes.of[dtype].type_name
        if data.ndim == 0:
            raise RuntimeError(f"{where} {names[0]} as {names[1]} (different element sizes)")
        if want > have:
            if data.shape[-1] % ratio:
                raise RuntimeError(
                    f"self.size(-1) must be divisible by {ratio} to view {names[0]} as {names[1]} (different element "
                    f"sizes), but got {data.shape[-1]}"
                )
            if element_offset(input) % ratio:
                raise RuntimeError(
                    f"self.storage_offset() must be divisible by {ratio} to view {names[0]} as {names[1]} (different "
                    f"element sizes), but got {element_offset(input)}"
                )
        step = data.strides[-1] // have if data.size and (data.strides[-1] or data.shape[-1] > 1) else input.stride(-1)
        if step != 1:
            raise RuntimeError(
                f"self.stride(-1) must be 1 to view {names[0]} as {names[1]} (different element sizes), but got {step}"
            )
        if want > have:
            for i, s in enumerate(data.strides[:-1]):
                if s % want:
                    raise RuntimeError(
                        f"self.stride({i}) must be divisible by {ratio} to view {names[0]} as {names[1]} (different "
                        f"element sizes), but got {s // have}"
                    )
        shape = (*data.shape[:-1], data.shape[-1] * have // want)
        out = zeros(shape, dtype) if 0 in shape else K.reinterpreted(data, shape, dtype)
    else:
        out = K.retyped(data, dtype)
    t = wrap(out)
    t._storage = storage_of(input)
    sees(t, input)
    return t


def reshape(input: Any, *shape: Any, **named: Any) -> Tensor:
    """The elements in another shape (one -1 is inferred): a view if possible, else a copy.

    >>> import microtorch as torch
    >>> torch.arange(6).reshape(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    if not isinstance(input, TensorBase):
        need_tensor("reshape", input)
    if named:
        shape = (named.pop("shape"),)
    if len(shape) == 1 and type(shape[0]) is not int:
        shape = size_of(shape, "reshape", "shape")
    for n in shape:
        if type(n) is not int or n < -1:
            shape = infer_size(size_of(shape, "reshape", "shape"), input._data.size)
            break
    try:
        if input._data.flags.c_contiguous:
            return S.view_as(input, shape)
        return S.reshape_alias(input, shape)
    except (RuntimeError, ValueError):
        infer_size(tuple(shape), input._data.size)  # raises
        raise


def torch_reshape(input: Any, shape: Any) -> Tensor:
    """The elements in another shape (one -1 is inferred): a view if possible, else a copy."""
    if not isinstance(shape, (tuple, list)):
        need_tensor("reshape", input)
        raise TypeError(f"reshape(): argument 'shape' (position 2) must be tuple of ints, not {type(shape).__name__}")
    return reshape(input, shape)


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """The dimensions from start_dim to end_dim as one."""
    if not isinstance(input, TensorBase):
        need_tensor("flatten", input)
    data = input._data
    shape = data.shape
    first, last = axis_of(start_dim, len(shape)), axis_of(end_dim, len(shape))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not shape:
        return reshape(input, 1)
    if first == last:
        return input
    whole = (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])
    return S.view_as(input, whole) if data.flags.c_contiguous else S.reshape_alias(input, whole)


def unflatten(input: Any, dim: int, sizes: Any) -> Tensor:
    """A dimension as several, of these sizes (one -1 is inferred): a view."""
    need_tensor("unflatten", input)
    axis = axis_of(dim, input._data.ndim)
    parts = size_of((sizes,), "unflatten", "sizes")
    if not parts:
        raise RuntimeError("unflatten: sizes must be non-empty")
    shape = input._data.shape
    try:
        full = infer_size(parts, shape[axis])
    except RuntimeError as error:
        if "one dimension can be" in str(error):
            raise RuntimeError(f"unflatten got an unexpected error:\n{error}") from None
        raise RuntimeError(
            f"unflatten: Provided sizes {list(parts)} don't multiply up to the size of dim {axis} ({shape[axis]}) in "
            "the input tensor"
        ) from None
    return view(input, (*shape[:axis], *full, *shape[axis + 1 :]))


def ravel(input: Any) -> Tensor:
    """All elements in one dimension."""
    need_tensor("ravel", input)
    return view(input if input._data.flags.c_contiguous else P.contiguous(input), -1)


# the order of dimensions ---------------------------------------------------------------------------------------------


def transpose(input: Any, dim0: int, dim1: int) -> Tensor:
    """A view with two dimensions exchanged."""
    if not isinstance(input, TensorBase):
        need_tensor("transpose", input)
    ndim = input._data.ndim
    i = dim0 if type(dim0) is int and 0 <= dim0 < ndim else axis_of(dim0, ndim)
    j = dim1 if type(dim1) is int and 0 <= dim1 < ndim else axis_of(dim1, ndim)
    return S.transpose(input, i, j) if ndim else I.view_alias(input)


def swapaxes(input: Any, axis0: int, axis1: int) -> Tensor:
    """`transpose` with NumPy's names."""
    return transpose(input, axis0, axis1)


swapdims = transpose


def t(input: Any) -> Tensor:
    """A matrix transposed; a vector or number as it is."""
    if not isinstance(input, TensorBase):
        need_tensor("t", input)
    if input._data.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input._data.ndim}D")
    return S.t(input)


def adjoint(input: Any) -> Tensor:
    """The last two dimensions exchanged, and conjugated if complex."""
    if input._data.ndim < 2:
        raise RuntimeError(
            f"tensor.adjoint() is only supported on matrices or batches of matrices. Got {input._data.ndim}-D tensor."
        )
    out = transpose(input, -2, -1)
    return P.conj(out) if input._data.dtype.kind == "c" else out


def permute(input: Any, *dims: Any, **named: Any) -> Tensor:
    """A view with the dimensions in the order given."""
    if not isinstance(input, TensorBase):
        need_tensor("permute", input)
    if named:
        dims = (named.pop("dims"),)
    ndim = input._data.ndim
    order: Any = dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims
    if len(order) == ndim:
        for d in order:
            if type(d) is not int or not 0 <= d < ndim:
                break
        else:
            if len(set(order)) == ndim:
                return S.permute(input, tuple(order))
    order = size_of(dims, "permute", "dims")
    if len(order) != ndim:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {ndim} is not equal to len(dims) = {len(order)}"
        )
    axes = tuple([axis_of(d, ndim) for d in order])
    if len(set(axes)) != ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return S.permute(input, axes)


def movedim(input: Any, source: Any, destination: Any) -> Tensor:
    """A view with dimensions moved to other places, the rest in order."""
    need_tensor("movedim", input)
    ndim = input._data.ndim
    frm, to = ([d] if isinstance(d, int) else list(d) for d in (source, destination))
    if len(frm) != len(to):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({frm} dims) should contain the same number of dims "
            f"as destination ({to} dims)"
        )
    src, dst = [axis_of(d, ndim) for d in frm], [axis_of(d, ndim) for d in to]
    for what, given, axes in (("source", frm, src), ("destination", to, dst)):
        if len(set(axes)) != len(axes):
            raise RuntimeError(f"movedim: repeated dim in `{what}` ({given})")
    order = [n for n in range(ndim) if n not in src]
    for at, axis in sorted(zip(dst, src)):
        order.insert(at, axis)
    return S.permute(input, tuple(order)) if ndim else I.view_alias(input)


moveaxis = movedim


# dimensions of size 1, and broadcasting ------------------------------------------------------------------------------


def squeeze(input: Any, dim: Any = None, *, axis: Any = None) -> Tensor:
    """A view without the dimensions of size 1 (all of them, or those among `dim`; NumPy's name for it is `axis`)."""
    if not isinstance(input, TensorBase):
        need_tensor("squeeze", input)
    if axis is not None:
        dim = axis
    shape = input._data.shape
    if dim is None:
        return S.squeeze(input, tuple([i for i, n in enumerate(shape) if n == 1]))
    if type(dim) is int or not isinstance(dim, (tuple, list)):
        place = axis_of(dim, len(shape))
        return S.squeeze_one(input, (place,) if shape and shape[place] == 1 else ())
    axes = [axis_of(d, len(shape)) for d in dim]
    check_repeats(axes)
    return S.squeeze_several(input, tuple([i for i in axes if i < len(shape) and shape[i] == 1]))


def check_repeats(axes: Sequence[int]) -> None:
    """Raise RuntimeError if an axis is listed twice."""
    if len(set(axes)) != len(axes):
        twice = next(a for a in axes if axes.count(a) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")


def unsqueeze(input: Any, dim: Any = None, *, axis: Any = None) -> Tensor:
    """A view with a dimension of size 1 put in at `dim` (NumPy's name for it is `axis`)."""
    if not isinstance(input, TensorBase):
        need_tensor("unsqueeze", input)
    if dim is None:
        if axis is None:
            raise TypeError('unsqueeze() missing 1 required positional arguments: "dim"')
        dim = axis
    ndim = input._data.ndim
    return S.unsqueeze(input, dim if type(dim) is int and 0 <= dim <= ndim else axis_of(dim, ndim + 1))


def expand(input: Any, *sizes: Any, size: Any = None, implicit: bool = False) -> Tensor:
    """A view broadcast to a larger shape; -1 keeps a size."""
    if size is not None:
        sizes = (size,)
    for n in sizes:
        if type(n) is not int:
            sizes = size_of(sizes, "expand")
            break
    return S.expand(input, sizes)


def broadcast_to(input: Any, size: Any) -> Tensor:
    """A view broadcast to `size`."""
    need_tensor("broadcast_to", input)
    return S.expand(input, size_of((size,), "broadcast_to"))


def broadcast_shapes(*shapes: Any) -> Any:
    """The shape that these broadcast to together.

    Raises RuntimeError if they do not.
    """
    from microtorch.size import Size

    given = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    out = [1] * max((len(s) for s in given), default=0)
    for shape in given:
        for i in range(-1, -1 - len(shape), -1):
            if shape[i] < 0:
                raise ValueError("Attempting to broadcast a dimension with negative length!")
            if shape[i] in (1, out[i]):
                continue
            if out[i] != 1:
                at = given.index(shape)
                whole = shape if isinstance(shapes[at], int) else shapes[at]
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {shape[i]} at {i}! Mismatching argument at index "
                    f"{at} had {whole}; but expected shape should be broadcastable to {out}"
                )
            out[i] = shape[i]
    return Size(out)


def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    """Views of all tensors in the shape that they broadcast to."""
    parts = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else list(tensors)
    shape: tuple[int, ...] = ()
    for i, p in enumerate(parts):
        if not isinstance(p, TensorBase):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(p).__name__}")
        have = p._data.shape
        for i in range(1, min(len(shape), len(have)) + 1):
            if shape[-i] != have[-i] and 1 not in (shape[-i], have[-i]):
                raise RuntimeError(
                    f"The size of tensor a ({shape[-i]}) must match the size of tensor b ({have[-i]}) at non-singleton "
                    f"dimension {max(len(shape), len(have)) - i}"
                )
        if have != shape:
            long, short = (shape, have) if len(shape) > len(have) else (have, shape)
            more = len(long) - len(short)
            shape = (*long[:more], *[n if m == 1 else m for m, n in zip(long[more:], short)])
    return tuple([p if p._data.shape == shape else S.expand(p, shape) for p in parts])


def _atleast(name: str, ndim: int, tensors: tuple[Any, ...]) -> Any:
    if len(tensors) == 1:
        if isinstance(tensors[0], (list, tuple)):
            return tuple(_atleast(name, ndim, (p,)) for p in tensors[0])
        (x,) = tensors
        need_tensor(name, x)
        have = x._data.ndim
        if have >= ndim:
            return x
        if ndim == 3 and have == 2:
            return unsqueeze(x, -1)
        if ndim == 3 and have == 1:
            return unsqueeze(unsqueeze(x, 0), -1)
        if ndim == 2 and have == 1:
            return unsqueeze(x, 0)
        return reshape(x, (1,) * ndim)
    return tuple(_atleast(name, ndim, (p,)) for p in tensors)


def atleast_1d(*tensors: Any) -> Any:
    """The tensors with at least one dimension."""
    return _atleast("atleast_1d", 1, tensors)


def atleast_2d(*tensors: Any) -> Any:
    """The tensors with at least two dimensions; vectors become rows."""
    return _atleast("atleast_2d", 2, tensors)


def atleast_3d(*tensors: Any) -> Any:
    """The tensors with at least three dimensions; vectors become (1, n, 1), matrices (m, n, 1)."""
    return _atleast("atleast_3d", 3, tensors)


# parts ---------------------------------------------------------------------------------------------------------------


def select(input: Any, dim: int, index: Any) -> Tensor:
    """A view of one index along a dimension."""
    need_tensor("select", input)
    if not input._data.ndim:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis = axis_of(dim, input._data.ndim)
    n, index = input._data.shape[axis], int(index)
    if not -n <= index < n:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input._data.shape)} at dimension {axis}"
        )
    return I.select(input, (slice(None),) * axis + (index, ...))


def narrow(input: Any, dim: int, start: Any, length: int) -> Tensor:
    """A view of `length` indices from `start` along a dimension."""
    need_tensor("narrow", input)
    return I.slice_(input, _narrow_key(input, dim, start, length))


def _narrow_key(input: Any, dim: int, start: Any, length: int) -> tuple[Any, ...]:
    if not input._data.ndim:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    axis = axis_of(dim, input._data.ndim)
    if isinstance(start, TensorBase) and (start._data.ndim or start._data.dtype.kind not in "iu"):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    n, start = input._data.shape[axis], int(start)
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start = start + n if start < 0 else start
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return (slice(None),) * axis + (slice(start, start + length), ...)


@takes_out
def narrow_copy(input: Any, dim: int, start: Any, length: int) -> Tensor:
    """`narrow` as a copy."""
    if type(dim) is int and dim >= max(input._data.ndim, 1):
        raise RuntimeError(
            "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.  (Could this error "
            "message be improved?  If so, please report an enhancement request to PyTorch.)"
        )
    return S.narrow_copy(input, _narrow_key(input, dim, start, length))


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Tensor:
    """A view of the diagonal of two dimensions, as the last dimension."""
    need_tensor("diagonal", input)
    ndim = input._data.ndim
    i, j = axis_of(dim1, ndim), axis_of(dim2, ndim)
    if i == j:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return S.diagonal(input, offset, i, j)


def diag_embed(input: Any, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The last dimension as the diagonal of two dimensions, zeros elsewhere."""
    need_tensor("diag_embed", input)
    shape = input._data.shape
    if not shape:
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    i, j = axis_of(dim1, len(shape) + 1), axis_of(dim2, len(shape) + 1)
    if i == j:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    n = shape[-1] + abs(offset)
    full = list(shape[:-1])
    for axis in sorted((i, j)):
        full.insert(axis, n)
    return S.diag_embed(input, tuple(full), offset, i, j)


@takes_out
def diag(input: Any, diagonal: int = 0) -> Tensor:
    """A vector as a diagonal matrix; of a matrix, its diagonal (a copy)."""
    need_tensor("diag", input)
    ndim = input._data.ndim
    if ndim not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {ndim}D")
    if ndim == 1:
        return diag_embed(input, diagonal)
    return S.diagonal_copy(input, diagonal, 0, 1)


def diagflat(input: Any, offset: int = 0) -> Tensor:
    """The flattened tensor as a diagonal matrix."""
    return diag_embed(P.contiguous(input).view(-1), offset)


def unfold(input: Any, dimension: int, size: int, step: int) -> Tensor:
    """A view of all slices of length `size` along a dimension, `step` apart, as a new last dimension."""
    ndim = input._data.ndim
    axis = axis_of(dimension, ndim)
    n = input._data.shape[axis] if ndim else 1
    if size > n:
        raise RuntimeError(f"maximum size for tensor at dimension {axis} is {n} but size is {size}")
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if not ndim:
        return reshape(input, 1) if size else reshape(input, 1)[:0]
    return S.unfold(input, axis, size, step)


def as_strided(input: Any, size: Any, stride: Any, storage_offset: Any = None) -> Tensor:
    """A view of the storage with these sizes and strides, from `storage_offset` on (all in elements).

    Raises RuntimeError if that reaches beyond the storage.
    """
    need_tensor("as_strided", input)
    shape, steps = size_of((size,), "as_strided"), size_of((stride,), "as_strided", "stride")
    if len(shape) != len(steps):
        raise RuntimeError("mismatch in length of strides and shape")
    if storage_offset is not None and not isinstance(storage_offset, TensorBase) and storage_offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {storage_offset}")
    if steps and min(steps) < 0:
        raise RuntimeError(f"as_strided: Negative strides are not supported at the moment, got strides: {list(steps)}")
    data = input._data
    offset = (
        element_offset(input)
        if storage_offset is None
        else number_of("as_strided", storage_offset, "storage_offset", 4, "int")
    )
    needed = (1 + sum((n - 1) * s for n, s in zip(shape, steps)) + offset if 0 not in shape else 0) * data.itemsize
    whole = storage_bytes(input)
    if needed > whole:
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(steps)}, storage offset {offset}, and itemsize "
            f"{data.itemsize} requiring a storage size of {needed} are out of bounds for storage of size {whole}"
        )
    strides = tuple(s * data.itemsize for s in steps)
    geometry = K.Geometry(data.shape, data.strides, shape, strides, (offset - element_offset(input)) * data.itemsize)
    return I.as_strided(input, geometry)


# copies in another order ---------------------------------------------------------------------------------------------


@takes_out
def tril(input: Any, diagonal: int = 0) -> Tensor:
    """The lower triangle of the last two dimensions, zeros above."""
    need_matrix("tril", input)
    return S.tril(input, diagonal)


@takes_out
def triu(input: Any, diagonal: int = 0) -> Tensor:
    """The upper triangle of the last two dimensions, zeros below."""
    need_matrix("triu", input)
    return S.triu(input, diagonal)


def need_matrix(name: str, input: Any) -> None:
    """Raise PyTorch's error unless there are two dimensions or more."""
    need_tensor(name, input)
    if input._data.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")


def flip(input: Any, *dims: Any, **named: Any) -> Tensor:
    """The order reversed along dimensions (a copy)."""
    need_tensor("flip", input)
    if "dims" not in named and not dims:
        raise TypeError('flip() missing 1 required positional arguments: "dims"')
    axes = tuple(axis_of(d, input._data.ndim) for d in size_of((named["dims"],) if named else dims, "flip", "dims"))
    check_repeats(axes)
    return S.flip(input, axes if input._data.ndim else ())


def fliplr(input: Any) -> Tensor:
    """The columns in reverse order (a copy)."""
    if input._data.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, 1)


def flipud(input: Any) -> Tensor:
    """The rows in reverse order (a copy)."""
    if input._data.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, 0)


def rot90(input: Any, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Turned k times by 90 degrees in the plane of two dimensions, from the first to the second (a copy)."""
    need_tensor("rot90", input)
    ndim = input._data.ndim
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    if dims[0] == dims[1] or abs(dims[0] - dims[1]) == ndim:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    for name, d in zip(("0", "1"), dims):
        if not -ndim <= d < ndim:
            raise RuntimeError(f"Rotation dim{name} out of range, dim{name} = {d}")
    return S.rot90(input, k % 4, (axis_of(dims[0], ndim), axis_of(dims[1], ndim)))


def roll(input: Any, shifts: Any, dims: Any = None) -> Tensor:
    """Elements shifted around along dimensions; without dims, of the flattened tensor."""
    need_tensor("roll", input)
    shifts = (shifts,) if isinstance(shifts, int) else size_of((shifts,), "roll", "shifts")
    dims = () if dims is None else (dims,) if isinstance(dims, int) else tuple(dims)
    if not shifts:
        raise RuntimeError("`shifts` required")
    if not input._data.size and len(shifts) == 1:
        return P.clone(input)
    if not dims and len(shifts) == 1:
        return S.roll_flat(input, shifts[0])
    if len(dims) != len(shifts):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}")
    axes = tuple(axis_of(d, input._data.ndim) for d in dims)
    if not input._data.ndim:
        raise IndexError(f"Dimension specified as {dims[0]} but tensor has no dimensions")
    return S.roll(input, shifts, axes)


def repeat(input: Any, *sizes: Any, **named: Any) -> Tensor:
    """The tensor tiled so many times along each dimension (new ones in front): a copy."""
    if not (sizes or named):
        raise TypeError('repeat() missing 1 required positional arguments: "repeats"')
    times = size_of((named["repeats"],) if named else sizes, "repeat", "repeats")
    if len(times) < input._data.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    if times and min(times) < 0:
        full = [a * b for a, b in zip(times, (1,) * (len(times) - input._data.ndim) + input._data.shape)]
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(full)}: {full}")
    return S.repeat(input, times)


def tile(input: Any, *dims: Any, **named: Any) -> Tensor:
    """`repeat`, with ones put in front if fewer numbers than dimensions are given."""
    need_tensor("tile", input)
    times = size_of((named["dims"],) if named else dims, "tile", "dims")
    return repeat(input, (1,) * (input._data.ndim - len(times)) + times)


def in_shape(made: Any, shape: tuple[int, ...]) -> Tensor:
    """What a function made, in the shape that it returns: no view of it, but writes into its memory are noticed."""
    result = S.unsafe_view(made, shape)
    if type(result._data) is np.ndarray and np.may_share_memory(result._data, made._data):
        result._storage = storage_of(made)
        if result._node is not None:
            result._node.storage = result._storage
    return result


def repeat_interleave(
    input: Any, repeats: Any = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Each element (or slice along `dim`) repeated; `repeats` is a number or one for each.

    repeat_interleave(repeats) lists each index as often as its number says.
    """
    need_tensor("repeat_interleave", input)
    if repeats is None:
        counts = input._data
        if counts.ndim != 1:
            raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
        if counts.dtype not in (np.int64, np.int32):
            raise RuntimeError("repeats has to be Long or Int tensor")
        _need_counts(counts)
        return wrap(np.repeat(np.arange(counts.size, dtype=counts.dtype), counts))
    x = input
    if dim is None:
        x, dim = reshape(input, -1), 0
    axis = axis_of(dim, x._data.ndim)
    if not x._data.ndim:
        if isinstance(repeats, TensorBase):
            raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 1)")
    n = x._data.shape[axis]
    if isinstance(repeats, TensorBase):
        counts = repeats._data
        if counts.dtype not in (np.int64, np.int32):
            raise RuntimeError("repeats has to be Long or Int tensor")
        if counts.ndim == 0 or counts.shape == (1,):
            counts = np.broadcast_to(counts.reshape(-1), (n,))
        elif counts.ndim != 1:
            raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
        elif counts.size != n:
            raise RuntimeError(
                f"repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} and "
                f"input.size({axis}) = {n}"
            )
    else:
        count = number_of("repeat_interleave", repeats, "repeats", 2, "int")
        if count < 0:
            raise RuntimeError("Repeats must be non-negative")
        if output_size is None:
            shape = x._data.shape
            wide = S.expand(S.unsqueeze(x, axis + 1), (*shape[: axis + 1], count, *shape[axis + 1 :]))
            return S.view_as(P.contiguous(wide), (*shape[:axis], n * count, *shape[axis + 1 :]))  # a view, as PyTorch's
        counts = np.broadcast_to(np.int64(count), (n,))
    _need_counts(counts)
    if output_size is not None and int(counts.sum()) != output_size:
        raise RuntimeError("allocated size does not match required size")
    return I.index_select(x, np.repeat(np.arange(n), counts), axis)


def _need_counts(counts: Any) -> None:
    if counts.size and counts.min() < 0:
        raise RuntimeError("repeats can not be negative")


def numel(input: Any) -> int:
    """The number of elements."""
    need_tensor("numel", input)
    return int(input._data.size)


def is_tensor(obj: Any) -> bool:
    """True for a Tensor."""
    return isinstance(obj, TensorBase)
