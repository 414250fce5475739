"""Shapes: kernels that rearrange, join, cut and index arrays."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from microtorch.kernels import bfloat16, narrow, threads, twins
from microtorch.kernels.batched import Batched, as_array
from microtorch.kernels.bfloat16 import BF16, BFloats
from microtorch.kernels.reduce import sum as total

_HALF, _SINGLE = np.dtype(np.float16), np.dtype(np.float32)


def sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    """Sum over the axes along which `shape` was broadcast to x's."""
    if x.shape == shape:
        return x
    if not shape:
        return total(x, None)
    extra = x.ndim - len(shape)
    if extra == 1 and x.shape[1:] == shape:
        return total(x, (0,), False)
    axes = [*range(extra), *[i + extra for i, n in enumerate(shape) if n == 1 and x.shape[i + extra] != 1]]
    if axes:
        x = total(x, tuple(axes), True)
    return x.reshape(shape) if extra else x


def like_memory(base_shape: tuple[int, ...], base_strides: tuple[int, ...], dtype: Any) -> tuple[Any, Any]:
    """Zeros with the same shape and strides: (the flat memory, the array over it)."""
    itemsize = dtype.itemsize
    size = 1 + sum((n - 1) * s for n, s in zip(base_shape, base_strides)) // itemsize if 0 not in base_shape else 0
    flat = bfloat16.zeros(size, dtype)
    if dtype is BF16:
        return flat, strided(flat, base_shape, base_strides, 0)
    return flat, np.ndarray(base_shape, dtype, flat, 0, base_strides)


def dense_order(shape: tuple[int, ...], *strides: Sequence[int]) -> list[int]:
    """The axes from outermost to innermost in memory, by the strides of one or more arrays of this shape: the first
    that is not 0 for either of two axes decides between them.

    PyTorch's rule (infer_dense_strides in aten/src/ATen/ExpandUtils.cpp; reorder_dimensions in TensorIterator.cpp).
    """
    order = list(range(len(shape)))[::-1]  # from innermost on
    for i in range(1, len(order)):
        at = i
        for before in range(i - 1, -1, -1):
            compared = _outer(shape, strides, order[before], order[at])
            if compared < 0:
                break
            if compared > 0:
                order[before], order[at] = order[at], order[before]
                at = before
    return order[::-1]


def _outer(shape: tuple[int, ...], strides: Sequence[Sequence[int]], i: int, j: int) -> int:
    """1 if axis i lies outside axis j in memory, -1 if inside, 0 if nothing tells."""
    for s in strides:
        if s[i] == 0 or s[j] == 0:
            continue
        if s[i] != s[j]:
            return 1 if s[i] > s[j] else -1
        if shape[i] > shape[j]:
            return 1
    return 0


def empty_like(x: Any, dtype: Any) -> Any:
    """An uninitialised array of x's shape and order in memory."""
    if x.flags.c_contiguous or x.ndim < 2:
        return bfloat16.empty(x.shape, dtype)
    if 0 not in x.strides:
        return np.empty_like(x, dtype) if dtype is not BF16 else BFloats(np.empty_like(bfloat16.bits_of(x), np.uint16))
    order = dense_order(x.shape, x.strides)
    return bfloat16.empty([x.shape[i] for i in order], dtype).transpose(np.argsort(order))


def in_memory_order(kernel: Any) -> Any:
    """A kernel that goes through its array in C order, run on it as it lies in memory: its result lies likewise."""

    @functools.wraps(kernel)
    def call(x: Any, *rest: Any) -> Any:
        if x.ndim < 2 or x.flags.c_contiguous:
            return kernel(x, *rest)
        order = dense_order(x.shape, x.strides)
        return np.asarray(kernel(x.transpose(order), *rest)).transpose(np.argsort(order))

    return call


def astype(x: Any, dtype: Any) -> Any:
    """A copy in another dtype, in x's order in memory (of a broadcast array NumPy would make another)."""
    if dtype == _HALF and x.dtype.char == "d":  # PyTorch rounds twice, too
        x = astype(x, _SINGLE)
    if 0 not in x.strides or x.ndim < 2:
        if x.size >= narrow.LEAST and type(x) is np.ndarray and x.flags.c_contiguous and x.dtype.char in "fe":
            if dtype == _HALF and x.dtype.char == "f":
                return narrow.to_half(x)
            if dtype == _SINGLE and x.dtype.char == "e":
                return narrow.from_half(x)
        return x.astype(dtype) if dtype is not BF16 else bfloat16.cast(x, dtype)
    out = empty_like(x, dtype)
    np.copyto(out, x, casting="unsafe")
    return out


def clone(x: Any) -> Any:
    """A copy of x in its order in memory."""
    if 0 not in x.strides:
        out = x.copy("K")
        if 1 in x.shape and type(x) is np.ndarray and out.strides != x.strides:
            if all(n == 1 or s == kept for n, s, kept in zip(x.shape, out.strides, x.strides)):
                return strided(out, x.shape, x.strides, 0)  # axes of size 1 keep theirs, too
        return out
    out = empty_like(x, x.dtype)
    out[...] = x
    return out


def copy_with_gaps(x: Any) -> Any:
    """A copy of x with the very strides of x, and of what lies between its elements, unless elements share memory
    (PyTorch's clone_preserve_strides)."""
    if x.flags.c_contiguous or not x.size or any(s == 0 and n > 1 for s, n in zip(x.strides, x.shape)):
        return clone(x)
    size = sum((n - 1) * s for n, s in zip(x.shape, x.strides)) // x.itemsize + 1
    return strided(strided(x, (size,), (x.itemsize,), 0).copy(), x.shape, x.strides, 0)


def copied_in_order(x: Any, order: tuple[int, ...]) -> Any:
    """A copy with the axes from outermost to innermost in memory as listed."""
    copy = bfloat16.empty(tuple(x.shape[i] for i in order), x.dtype)
    copy = copy.transpose(sorted(range(x.ndim), key=order.__getitem__))
    copy[...] = x
    return copy


def channels_last_axes(ndim: int, name: str) -> list[int] | None:
    """The order of axes in memory of a channels-last format; None if it needs another number of dimensions."""
    if ndim != (4 if name == "channels_last" else 5):
        return None
    return [0, *range(2, ndim), 1]


def spread(x: Any, shape: tuple[int, ...], axis: tuple[int, ...] | None, keepdims: bool) -> Any:
    """Undo a reduction: x broadcast back to `shape` along the reduced axes (a read-only view)."""
    if type(x) is not np.ndarray:
        x = as_array(x)
    if x.size == 1 and type(x) is np.ndarray:
        return np.ndarray(shape, x.dtype, x, 0, (0,) * len(shape))
    if not keepdims and axis is not None:
        kept = list(shape)
        for i in axis:
            kept[i] = 1
        x = x.reshape(kept)
    if type(x) is np.ndarray and x.flags.c_contiguous and 0 not in shape:  # as np.broadcast_to, 1 us sooner
        strides = [s if m == n else 0 for m, n, s in zip(x.shape, shape, x.strides)]
        return np.ndarray(shape, x.dtype, x, 0, strides)
    return np.broadcast_to(x, shape)


def unsqueeze(x: Any, axis: int) -> Any:
    """x with a new axis of one element."""
    if axis >= 0:
        return x[(slice(None),) * axis + (None,)]
    return x[..., None] if axis == -1 else np.expand_dims(x, axis)


def view(x: Any, shape: tuple[int, ...]) -> Any:
    """The same memory in another shape; PyTorch's error if that takes a copy."""
    try:
        return x.reshape(shape) if x.flags.c_contiguous else x.reshape(shape, copy=False)
    except ValueError:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        ) from None


def expand(x: Any, shape: tuple[int, ...]) -> Any:
    """x broadcast to shape, as a view whose strides are 0 along what was broadcast; -1 keeps a dimension.

    Elements of the view share memory: whoever writes to it must know.
    """
    have, steps = x.shape, x.strides
    extra = len(shape) - len(have)
    if extra < 0:
        raise RuntimeError(
            f"expand(torch.{_type_name(x)}{{{list(have)}}}, size={list(shape)}): the number of sizes provided "
            f"({len(shape)}) must be greater or equal to the number of dimensions in the tensor ({len(have)})"
        )
    full, strides = list(shape), [0] * len(shape)
    for i in range(len(shape) - 1, -1, -1):
        n = shape[i]
        if i < extra:
            if n < 0:
                raise RuntimeError(
                    f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing dimension {i}"
                )
            if n == 1:
                strides[i] = full[i + 1] * strides[i + 1] if i + 1 < len(shape) else x.itemsize
            continue
        m = have[i - extra]
        if n == m or n == -1:
            full[i], strides[i] = m, steps[i - extra]
        elif m != 1 or n < -1:
            raise RuntimeError(
                f"The expanded size of the tensor ({n}) must match the existing size ({m}) at non-singleton dimension "
                f"{i}.  Target sizes: {list(shape)}.  Tensor sizes: {list(have)}"
            )
    if x.flags.c_contiguous and type(x) is np.ndarray:
        return np.ndarray(full, x.dtype, x, 0, strides)
    return strided(x, tuple(full), tuple(strides), 0)


class Geometry(NamedTuple):
    """Where a view lies in its base, in bytes: (base's shape and strides, the view's, the way to its first element)."""

    base_shape: tuple[int, ...]
    base_strides: tuple[int, ...]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int

    def in_float32(self) -> Geometry:
        """The same for elements of twice the size: what holds for bfloat16, for float32."""
        twice = (tuple([2 * s for s in steps]) for steps in (self.base_strides, self.strides))
        return Geometry(self.base_shape, next(twice), self.shape, next(twice), 2 * self.offset)


def strided(x: Any, shape: tuple[int, ...], strides: tuple[int, ...], offset: int, dtype: Any = None) -> Any:
    """A view of the memory of x with these strides, `offset` bytes from its first element (which may lie before it)."""
    if type(x) is Batched:
        whole = strided(x.full, (x.batch, *shape), (x.full.strides[0], *strides), offset, dtype)
        return Batched(whole, x.level, x)
    if type(x) is BFloats:
        whole = strided(x.bits, shape, strides, offset, None if dtype is BF16 else dtype)
        return BFloats(whole, x if x.base is None else x.base) if dtype is None or dtype is BF16 else whole
    if dtype is BF16:
        return BFloats(strided(x, shape, strides, offset, np.dtype(np.uint16)), x)
    interface = dict(x.__array_interface__)
    address, read_only = interface["data"]
    interface.update(data=(address + offset, read_only), shape=shape, strides=strides)
    if dtype is not None:
        interface.update(typestr=dtype.str, descr=[("", dtype.str)])
    return np.asarray(_Memory(interface, x))


def reinterpreted(x: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """A view of the bytes of x as another dtype; only the last dimension may differ."""
    if type(x) is BFloats:
        return reinterpreted(x.bits, shape, dtype)
    if dtype is BF16:
        return BFloats(reinterpreted(x, shape, np.dtype(np.uint16)), x)
    interface = {
        **x.__array_interface__,
        "typestr": dtype.str,
        "shape": shape,
        "strides": (*x.strides[:-1], dtype.itemsize),
    }
    interface["descr"] = [("", dtype.str)]
    return np.asarray(_Memory(interface, x))


def retyped(x: Any, dtype: Any) -> Any:
    """A view of the bytes of x as another dtype of the same size."""
    return BFloats(x.view(np.uint16)) if dtype is BF16 and type(x) is not BFloats else x.view(dtype)


class _Memory:
    """What NumPy makes an array from, keeping its owner alive."""

    def __init__(self, interface: dict[str, Any], owner: Any) -> None:
        self.__array_interface__ = interface
        self.owner = owner


def _type_name(x: Any) -> str:
    return _TYPE_NAMES.get(x.dtype.name, "") + "Tensor"


# fmt: off
_TYPE_NAMES = {"float32": "Float", "float64": "Double", "float16": "Half", "int64": "Long", "int32": "Int",
               "int16": "Short", "int8": "Char", "uint8": "Byte", "bool": "Bool",
               "complex64": "ComplexFloat", "complex128": "ComplexDouble", "bfloat16": "BFloat16"}
# fmt: on


def cat(arrays: list[Any], axis: int) -> Any:
    """The arrays joined along an axis, contiguous; among arrays of more dimensions, empty vectors are left out."""
    try:
        out = np.concatenate(arrays, axis)
    except ValueError:
        rest = [a for a in arrays if a.shape != (0,)]
        if len(rest) in (0, len(arrays)):
            raise
        out = np.concatenate(rest, axis)
    return out if out.flags.c_contiguous else np.ascontiguousarray(out)


def stack(arrays: list[Any], axis: int) -> Any:
    """Arrays of one shape joined along a new axis, contiguous."""
    first = arrays[0]
    out = np.empty((*first.shape[:axis], len(arrays), *first.shape[axis:]), first.dtype)
    if axis == 0:
        for i, a in enumerate(arrays):
            out[i] = a
        return out
    head: tuple[Any, ...] = (slice(None),) * axis
    for i, a in enumerate(arrays):
        out[(*head, i)] = a
    return out


def flip(x: Any, axes: tuple[int, ...]) -> Any:
    """A copy of x with the order along axes reversed, in x's order in memory."""
    out = empty_like(x, x.dtype)
    if x.size >= twins.least and x.size and type(x) is np.ndarray and x.flags.c_contiguous and x.itemsize in (4, 8):
        if axes in ((x.ndim - 1,), (-1,)) and (fast := twins.of("pointwise")) is not None:
            rows = [a.view(f"i{x.itemsize}").reshape(-1, x.shape[-1]) for a in (x, out)]
            threads.split(fast.reverse, len(rows[0]), *rows, least=-(-twins.PART // x.shape[-1]))
            return out
    out[...] = np.flip(x, axes)
    return out


def rot90(x: Any, k: int, axes: tuple[int, int]) -> Any:
    """A copy of x turned k times by 90 degrees, laid out as PyTorch does: flipped in x's order, then transposed."""
    if k == 1:
        return flip(x, (axes[1],)).swapaxes(*axes)
    if k == 3:
        return flip(x, (axes[0],)).swapaxes(*axes)
    return flip(x, axes) if k == 2 else clone(x)


def block_diag(blocks: list[Any]) -> Any:
    """Matrices along the diagonal of one, zeros elsewhere."""
    out = np.zeros((sum(b.shape[0] for b in blocks), sum(b.shape[1] for b in blocks)), blocks[0].dtype)
    i = j = 0
    for b in blocks:
        out[i : i + b.shape[0], j : j + b.shape[1]] = b
        i, j = i + b.shape[0], j + b.shape[1]
    return out


def sum_of_tiles(g: Any, shape: tuple[int, ...], times: tuple[int, ...]) -> Any:
    """Undo np.tile: the sum of all tiles."""
    shape = (1,) * (len(times) - len(shape)) + shape
    if 0 in times:
        return np.zeros(shape, g.dtype)
    return g.reshape([n for pair in zip(times, shape) for n in pair]).sum(
        tuple(range(0, 2 * len(times), 2)), dtype=g.dtype
    )


def windows(x: Any, axis: int, size: int, step: int) -> Any:
    """All slices of length `size` along an axis, `step` apart, as a new last axis: a view."""
    count = (x.shape[axis] - size) // step + 1
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :], size)
    strides = (*x.strides[:axis], x.strides[axis] * step, *x.strides[axis + 1 :], x.strides[axis])
    return strided(x, shape, strides, 0)


def fold_windows(x: Any, shape: tuple[int, ...], axis: int, size: int, step: int) -> Any:
    """Windows added back to where they were taken from: in parts of `step` elements, which do not overlap."""
    out = np.zeros(shape, x.dtype)
    reach = (x.shape[axis] - 1) * step
    for k in range(0, size, step):
        part = x[..., k : k + step]
        width = part.shape[-1]
        places = windows(out[(slice(None),) * axis + (slice(k, k + reach + width),)], axis, width, step)
        places += part
    return out


def diagonal(x: Any, offset: int, i: int, j: int) -> Any:
    """A writable view of the diagonal of two axes, as the last axis."""
    out = x.diagonal(offset, i, j)
    out.flags.writeable = x.flags.writeable
    return out


def _lower(m: int, n: int, k: int) -> Any:
    """Which places of a matrix are on or below the k-th diagonal; not to be written."""
    return np.tri(m, n, k, dtype=bool)


def _upper(m: int, n: int, k: int) -> Any:
    """Which places of a matrix are on or above the k-th diagonal; not to be written."""
    return ~np.tri(m, n, k - 1, dtype=bool)


_kept = functools.lru_cache(16)
_kept_lower, _kept_upper = _kept(_lower), _kept(_upper)
_MOST_KEPT = 1 << 16
"""Places of the largest matrix whose triangle is kept for the next time: programs ask for few shapes."""


def _part(x: Any, inside: Any) -> Any:
    out = np.zeros(x.shape, x.dtype)
    np.copyto(out, x, where=inside)
    return out


def tril(x: Any, k: int) -> Any:
    """x with zeros above the k-th diagonal of its last two axes."""
    if type(x) is not np.ndarray or x.ndim < 2:
        return np.ascontiguousarray(np.tril(x, k))
    m, n = x.shape[-2:]
    return _part(x, (_kept_lower if m * n <= _MOST_KEPT else _lower)(m, n, k))


def triu(x: Any, k: int) -> Any:
    """x with zeros below the k-th diagonal of its last two axes."""
    if type(x) is not np.ndarray or x.ndim < 2:
        return np.ascontiguousarray(np.triu(x, k))
    m, n = x.shape[-2:]
    return _part(x, (_kept_upper if m * n <= _MOST_KEPT else _upper)(m, n, k))


def diag_embed(x: Any, shape: tuple[int, ...], offset: int, i: int, j: int) -> Any:
    """Zeros of `shape` with x on the diagonal of two axes."""
    out = np.zeros(shape, x.dtype)
    diagonal(out, offset, i, j)[...] = x
    return out


def diagonal_scatter(x: Any, src: Any, offset: int, i: int, j: int) -> Any:
    """A copy of x with src on the diagonal of two axes."""
    out = copy_with_gaps(x)
    diagonal(out, offset, i, j)[...] = src
    return out
