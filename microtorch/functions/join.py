"""Tensors joined and taken apart, with PyTorch's signatures."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.inplace import SHARED_MEMORY, check_overlap
from microtorch.autograd.state import TensorBase
from microtorch.functions.arguments import axis_of, bad_call, need_tensor, write_out
from microtorch.ops import index as I, pointwise as P, shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _check_apart(out: Any, parts: Any) -> None:
    """Raise PyTorch's error if `out` shares memory with one of the tensors that are joined in it."""
    for p in parts:
        if p is out:
            raise RuntimeError(SHARED_MEMORY)
        if isinstance(out, TensorBase):
            check_overlap(out, p, whole=True)


def _list_of_tensors(name: str, tensors: Any) -> Any:
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    if not tensors:
        if name == "stack":
            raise RuntimeError("stack expects a non-empty TensorList")
        if name == "cat":
            raise ValueError("torch.cat(): expected a non-empty list of Tensors")
        raise RuntimeError(f"{name} expects a non-empty TensorList")
    for i, t in enumerate(tensors):
        if not isinstance(t, TensorBase):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(t).__name__}")
    return tensors


def _one_dtype(parts: Any) -> Any:
    """The tensors in the dtype they promote to."""
    want = parts[0]._data.dtype
    for p in parts:
        if p._data.dtype is not want and p._data.dtype != want:
            break
    else:
        return parts
    for p in parts[1:]:
        want = dtypes.promoted(want, False, p._data.dtype, False)
    return [p if p._data.dtype == want else P.cast(p, want) for p in parts]


def _alike(tensors: Any, shapes: bool = False) -> bool:
    """True for a list or tuple of tensors of one dtype and as many dimensions, not 0; or (shapes) of one shape."""
    kind: Any = None
    if not isinstance(tensors, (list, tuple)):
        return False
    for t in tensors:
        if not isinstance(t, TensorBase):
            return False
        data = t._data
        if kind is None:
            kind, like = data.dtype, data
        elif data.dtype is not kind or (data.shape != like.shape if shapes else data.ndim != like.ndim):
            return False
    return kind is not None and (shapes or like.ndim > 0)


def cat(tensors: Any, dim: Any = 0, *, out: Any = None, axis: Any = None) -> Tensor:
    """Tensors joined along a dimension that they have.

    Raises RuntimeError if their other sizes differ.
    """
    if axis is not None:
        dim = axis
    if out is None and type(dim) is int and _alike(tensors):
        try:
            return S.cat(tensors, axis_of(dim, tensors[0]._data.ndim))
        except ValueError:
            pass  # sizes that differ: the errors are below
    parts = _one_dtype(_list_of_tensors("cat", tensors))
    dims = [p._data.ndim for p in parts]
    if 0 in dims:
        raise RuntimeError(f"zero-dimensional tensor (at position {dims.index(0)}) cannot be concatenated")
    dims = [p._data.ndim for p in parts if p._data.shape != (0,)] or [1]  # an empty vector goes with anything
    axis = axis_of(dim, dims[0])
    for ndim in dims:
        if ndim != dims[0]:
            raise RuntimeError(f"Tensors must have same number of dimensions: got {dims[0]} and {ndim}")
    try:
        result = S.cat(parts, axis)
    except ValueError:
        first = next(p._data.shape for p in parts if p._data.shape != (0,))
        for i, p in enumerate(parts):
            if p._data.shape == (0,):
                continue
            for d, (m, n) in enumerate(zip(first, p._data.shape)):
                if m != n and d != axis:
                    raise RuntimeError(
                        f"Sizes of tensors must match except in dimension {axis}. Expected size {m} but got size {n} "
                        f"for tensor number {i} in the list."
                    ) from None
        raise
    if out is None:
        return result
    return _into(out, result, parts)


def _into(out: Any, result: Any, parts: Any) -> Tensor:
    """What was joined, written into `out=`."""
    if not dtypes.can_cast(result.dtype, out.dtype):
        raise TypeError(f"torch.cat(): input types can't be cast to the desired output type {out.dtype.type_name}")
    _check_apart(out, parts)
    return write_out(out, result)


concat = concatenate = cat


def stack(tensors: Any, dim: int = 0, *, out: Any = None, axis: int | None = None) -> Tensor:
    """Tensors of one shape joined along a new dimension (`axis` is NumPy's name for it)."""
    if axis is not None:
        dim = axis
    if out is None and type(dim) is int and _alike(tensors, shapes=True):
        return S.stack(tensors, axis_of(dim, tensors[0]._data.ndim + 1))
    parts = _one_dtype(_list_of_tensors("stack", tensors))
    first = parts[0]._data.shape
    axis = axis_of(dim, len(first) + 1)
    for i, p in enumerate(parts):
        if p._data.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(p._data.shape)} at entry {i}"
            )
    result = S.stack(parts, axis)
    if out is None:
        return result
    return _into(out, result, tensors)


def _reshaped(t: Any, shape: tuple[int, ...]) -> Any:
    return S.reshape(t, shape)


def hstack(tensors: Any, *, out: Any = None) -> Tensor:
    """Joined side by side: along the second dimension, vectors along their only one."""
    parts = [_reshaped(t, (1,)) if t._data.ndim == 0 else t for t in _list_of_tensors("hstack", tensors)]
    return cat(parts, 0 if parts[0]._data.ndim == 1 else 1, out=out)


def vstack(tensors: Any, *, out: Any = None) -> Tensor:
    """Joined one below the other; vectors are rows."""
    parts = [_reshaped(t, (1, t._data.size)) if t._data.ndim < 2 else t for t in _list_of_tensors("vstack", tensors)]
    return cat(parts, 0, out=out)


row_stack = vstack


def dstack(tensors: Any, *, out: Any = None) -> Tensor:
    """Joined along the third dimension; vectors are (1, n, 1), matrices (m, n, 1)."""
    parts = []
    for t in _list_of_tensors("dstack", tensors):
        if t._data.ndim < 3:
            shape = (*t._data.shape, 1) if t._data.ndim == 2 else (1, t._data.size, 1)
            t = _reshaped(t, shape)
        parts.append(t)
    return cat(parts, 2, out=out)


def column_stack(tensors: Any, *, out: Any = None) -> Tensor:
    """Joined side by side; vectors are columns."""
    parts = [
        _reshaped(t, (t._data.size, 1)) if t._data.ndim < 2 else t for t in _list_of_tensors("column_stack", tensors)
    ]
    return cat(parts, 1, out=out)


def block_diag(*tensors: Any) -> Tensor:
    """Matrices (vectors are rows) along the diagonal of one matrix, zeros elsewhere."""
    parts = list(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else list(tensors)
    for i, p in enumerate(parts):
        if p._data.ndim > 2:
            raise RuntimeError(
                f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {p._data.ndim} "
                "dimensions"
            )
    parts = [_reshaped(p, (1, p._data.size)) if p._data.ndim < 2 else p for p in parts]
    return S.block_diag(_one_dtype(parts))


# taken apart ---------------------------------------------------------------------------------------------------------


@functools.lru_cache(64)
def _keys(sizes: tuple[int, ...], axis: int) -> list[Any]:
    """The keys of consecutive pieces of the sizes given along an axis."""
    ends = itertools.accumulate(sizes)
    return [(*(slice(None),) * axis, slice(end - n, end), ...) for n, end in zip(sizes, ends)]


def _pieces(tensor: Any, sizes: Sequence[int], axis: int, entry: Any) -> tuple[Any, ...]:
    """Consecutive views of the sizes given along an axis."""
    keys = _keys(tuple(sizes), axis) if len(sizes) <= 64 else _keys.__wrapped__(sizes, axis)  # type: ignore[arg-type]
    return entry.several(tensor, keys)  # type: ignore[no-any-return]


def split(tensor: Any, split_size_or_sections: Any, dim: Any = 0) -> tuple[Any, ...]:
    """Views of pieces along a dimension: of one size (the last may be smaller), or of the sizes listed."""
    if not isinstance(tensor, TensorBase):
        need_tensor("split", tensor)
    size = split_size_or_sections
    if type(size) is not int:
        if isinstance(size, (list, tuple)):
            return split_with_sizes(tensor, size, dim)
        if isinstance(size, TensorBase):
            size = int(size)  # type: ignore[call-overload]
        if not hasattr(size, "__index__") or isinstance(size, bool):
            kind = type(size).__name__
            raise TypeError(
                f"split_with_sizes(): argument 'split_sizes' (position 2) must be tuple of ints, not {kind}"
            )
    if not tensor._data.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    axis = axis_of(dim, tensor._data.ndim)
    n = tensor._data.shape[axis]
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0 and n:
        raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}")
    if not n:
        return _pieces(tensor, [0], axis, I.split_part)
    return _pieces(tensor, (size,) * (n // size) + (n % size,) * (n % size > 0), axis, I.split_part)


def split_with_sizes(input: Any, split_sizes: Any, dim: Any = 0) -> tuple[Any, ...]:
    """Views of pieces of the sizes listed along a dimension."""
    need_tensor("split_with_sizes", input)
    if not input._data.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    axis = axis_of(dim, input._data.ndim)
    n = input._data.shape[axis]
    sizes = [int(s) for s in split_sizes]
    if any(s < 0 for s in sizes):
        raise RuntimeError(
            f"split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={sizes}"
        )
    if sum(sizes) != n:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {axis}), "
            f"but got split_sizes={sizes}"
        )
    return _pieces(input, sizes, axis, I.sized_part)


def chunk(input: Any, chunks: int, dim: Any = 0, *, axis: Any = None) -> tuple[Any, ...]:
    """At most `chunks` views of equal size along a dimension (the last may be smaller)."""
    if axis is not None:
        dim = axis
    if not isinstance(input, TensorBase):
        need_tensor("chunk", input)
    if not input._data.ndim:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    axis = axis_of(dim, input._data.ndim)
    n = input._data.shape[axis]
    size = -(-n // chunks)
    return split(input, size, axis) if size else _pieces(input, [0] * chunks, axis, I.sized_part)


def tensor_split(
    input: Any, indices_or_sections: Any = None, dim: Any = 0, *, indices: Any = None, sections: Any = None
) -> tuple[Any, ...]:
    """Views of pieces along a dimension: so many nearly equal ones, or cut at the indices listed."""
    need_tensor("tensor_split", input)
    if not input._data.ndim:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    given: Any = next(g for g in (indices_or_sections, indices, sections) if g is not None)
    axis = axis_of(dim, input._data.ndim)
    n = input._data.shape[axis]
    if isinstance(given, TensorBase):
        if given._data.dtype != np.int64:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to have dtype of long, but got "
                f"{dtypes.of[given._data.dtype].type_name}"
            )
        if given._data.ndim > 1:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, "
                f"but got a tensor with {given._data.ndim} dims"
            )
        given = given._data.tolist()
    if isinstance(given, int):
        if given <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {given}")
        least, more = divmod(n, given)
        starts = [i * least + min(i, more) for i in range(given)]
        bounds = list(zip(starts, [*starts[1:], n]))
    else:
        cuts = [int(i) for i in given]
        bounds = list(zip([0, *cuts], [*cuts, n]))
    head = (slice(None),) * axis
    return tuple([I.slice_(input, (*head, slice(a, b), ...)) for a, b in bounds])


def _split_at(name: str, input: Any, given: Any, dim: int, least: int) -> tuple[Any, ...]:
    need_tensor(name, input)
    if not isinstance(given, (int, list, tuple, TensorBase)):
        raise bad_call(name, (input, given), {}, ["Tensor input, int sections", "Tensor input, tuple of ints indices"])
    shape = input._data.shape
    if len(shape) < least:
        raise RuntimeError(
            f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {len(shape)} "
            "dimensions!"
        )
    if isinstance(given, int):
        if given <= 0 or shape[dim] % given:
            raise RuntimeError(
                f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension {shape[dim]} is "
                f"not divisible by the split_size {given}!"
            )
    return tensor_split(input, given, dim)


def hsplit(
    input: Any, indices_or_sections: Any = None, *, indices: Any = None, sections: Any = None
) -> tuple[Any, ...]:
    """`tensor_split` along the second dimension (of a vector: its only one); equal parts only."""
    given = next(g for g in (indices_or_sections, indices, sections) if g is not None)
    return _split_at("hsplit", input, given, 0 if input._data.ndim == 1 else 1, 1)


def vsplit(
    input: Any, indices_or_sections: Any = None, *, indices: Any = None, sections: Any = None
) -> tuple[Any, ...]:
    """`tensor_split` along the first dimension; equal parts only."""
    return _split_at("vsplit", input, next(g for g in (indices_or_sections, indices, sections) if g is not None), 0, 2)


def dsplit(
    input: Any, indices_or_sections: Any = None, *, indices: Any = None, sections: Any = None
) -> tuple[Any, ...]:
    """`tensor_split` along the third dimension; equal parts only."""
    return _split_at("dsplit", input, next(g for g in (indices_or_sections, indices, sections) if g is not None), 2, 3)


def unbind(input: Any, dim: Any = 0, *, axis: Any = None) -> tuple[Any, ...]:
    """A view for each index along a dimension."""
    if axis is not None:
        dim = axis
    need_tensor("unbind", input)
    if not input._data.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    axis = axis_of(dim, input._data.ndim)
    head = (slice(None),) * axis
    return I.unbind_part.several(input, [(*head, i, ...) for i in range(input._data.shape[axis])])  # type: ignore[no-any-return]
