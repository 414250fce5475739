"""How results lie in memory: PyTorch's rules for the strides of what an operation makes.

Most operations on images keep the format that their input suggests (channels last, or C order); sorting, and what goes
element by element, keeps its input's order; what picks by index sorts the axes by the strides of all that it reads.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from microtorch.kernels.shape import dense_order, empty_like

Kernel = Callable[..., Any]


def channels_last(x: Any) -> bool:
    """True if PyTorch takes x for channels-last: (N, C, H, W) with strides like those of (N, H, W, C), or 3d.

    The rule is is_channels_last_strides_2d in c10/core/MemoryFormat.h.
    """
    return x.ndim in (4, 5) and _like_last(x.shape, x.strides)


def _like_last(shape: Sequence[int], strides: Sequence[int]) -> bool:
    if 0 in shape:
        return False
    channel = strides[1]
    least = channel * shape[1]
    if channel == 0 or least > strides[-1]:  # most images leave here
        return False
    for i in range(len(shape) - 1, 1, -1):
        if strides[i] < least:
            return False
        least = strides[i] * shape[i]
    return bool(strides[0] >= least and least != channel)


def in_c_order(x: Any) -> bool:
    """True if x is C-contiguous, and its axes of size 1 have the strides that a new array's would have."""
    if not x.flags.c_contiguous:
        return False
    if 1 not in x.shape:
        return True
    step = x.itemsize
    for n, stride in zip(reversed(x.shape), reversed(x.strides)):
        if stride != step:
            return False
        step *= n
    return True


def in_order(x: Any, order: Sequence[int]) -> Any:
    """x, or a copy, with the axes from outermost to innermost in memory as listed."""
    turned = x.transpose(order)
    if turned.flags.c_contiguous:
        return x
    return np.ascontiguousarray(turned).transpose(np.argsort(order))


def in_format(x: Any, last: bool) -> Any:
    """x, or a copy, in C order or channels last."""
    if last:
        return in_order(x, (0, *range(2, x.ndim), 1))
    return x if x.flags.c_contiguous else x.copy("C")


def _laid_out(kernel: Kernel, results: int, lay: Callable[[Any, Any], Any]) -> Kernel:
    """A kernel whose first results are laid out by what its first argument is like."""

    @functools.wraps(kernel)
    def call(x: Any, *rest: Any) -> Any:
        out = kernel(x, *rest)
        if type(x) is not np.ndarray:
            return out
        if type(out) is not tuple:
            return lay(x, out)
        if results == 1:
            return (lay(x, out[0]), *out[1:])
        return (*[lay(x, r) for r in out[:results]], *out[results:])

    return call


def _suggested(x: Any, out: Any) -> Any:
    if x.ndim < 4 and out.flags.c_contiguous:
        return out
    return in_format(out, out.ndim == x.ndim and channels_last(x)) if out.ndim else out


def suggested_format(kernel: Kernel, results: int = 1) -> Kernel:
    """A kernel whose results are channels-last if its input is, and else in C order."""
    return _laid_out(kernel, results, _suggested)


def in_operands_order(kernel: Kernel, *operands: Any, first: int | None = None) -> Any:
    """kernel(*operands), a kernel that goes element by element, its result in memory as the first operand lies.

    Where that is silent, being broadcast, the next one decides (dense_order). NumPy takes C order if any operand does:
    so it is shown them with their axes turned, where one of them is not C-contiguous.
    first: the place of the operand that decides (by default the kernel's attribute `first`, or 0).
    """
    at = getattr(kernel, "first", 0) if first is None else first
    arrays = [a for a in (*operands[at:], *operands[:at]) if type(a) is np.ndarray and a.ndim]
    if not arrays:
        return kernel(*operands)
    layouts = [layout for a in arrays for layout in (a.shape, a.strides)]
    decided = _decided(first is None, arrays[0].flags.c_contiguous, *layouts)
    if decided is None:
        return kernel(*operands)
    order, back = decided
    n = len(order)
    if back is None:
        out = np.asarray(kernel(*operands))
        return out if out.ndim != n or out.flags.c_contiguous else np.ascontiguousarray(out)
    wide = {id(a): a[(None,) * (n - a.ndim)] if a.ndim < n else a for a in arrays}
    turned = [wide[id(a)].transpose(order) if id(a) in wide else a for a in operands]
    out = np.asarray(kernel(*turned))
    return np.ascontiguousarray(out).transpose(back) if out.ndim == n else out  # (a loss may be summed up)


@functools.lru_cache(1024)
def _decided(free: bool, whole: bool, *layouts: tuple[int, ...]) -> tuple[list[int], list[int] | None] | None:
    """The order of the axes in memory of what `in_operands_order` computes, and the way back from it; no way back if it
    is C order, None if NumPy's order is right.

    free: no operand was named as the one that decides. whole: the first is C-contiguous. layouts: shape, strides, shape
    and so on, of one operand after the other.
    """
    shapes, strides = layouts[::2], layouts[1::2]
    if free and len(set(shapes)) == len(set(strides)) == 1 and 0 not in strides[0]:
        return None  # (stretched arrays are laid out by other rules than NumPy's)
    try:
        shape = np.broadcast_shapes(*shapes)
    except ValueError:  # the kernel says so, too
        return None
    if free and shapes[0] == shape and whole:
        return None
    n = len(shape)
    wide = [((1,) * (n - len(have)) + have, (0,) * (n - len(have)) + steps) for have, steps in zip(shapes, strides)]
    order = dense_order(shape, *[[s if m == k else 0 for s, m, k in zip(steps, have, shape)] for have, steps in wide])
    return order, None if order == list(range(n)) else sorted(range(n), key=order.__getitem__)


def operands_order(kernel: Kernel, first: int = 0) -> Kernel:
    """A kernel that goes element by element in several steps, its result laid out as by `in_operands_order`."""

    @functools.wraps(kernel)
    def call(*operands: Any) -> Any:
        for x in operands:
            if type(x) is np.ndarray and not x.flags.c_contiguous:
                return in_operands_order(kernel, *operands, first=first)
        return kernel(*operands)

    call.first = first  # type: ignore[attr-defined]
    return call


def _suggested_as_image(x: Any, out: Any) -> Any:
    if x.ndim == 3:
        (n, c, size), (s_n, s_c, s) = x.shape, x.strides
        if n == 1 and s_n == x.itemsize:  # as NumPy lays out an axis of size 1 in a ufunc's result: PyTorch, outermost
            s_n = size * s
        if _like_last((n, c, 1, size), (s_n, s_c, s * size, s)):
            return in_order(out, (0, 2, 1))
    return in_format(out, False)


def image_format(kernel: Kernel, results: int = 1) -> Kernel:
    """`suggested_format` for (N, C, L), which PyTorch takes for images of height 1."""
    return _laid_out(kernel, results, _suggested_as_image)


def _suggested_by_convolution(x: Any, out: Any) -> Any:
    return _suggested_as_image(x, out) if x.ndim == 3 and x.flags.c_contiguous else _suggested(x, out)


def convolution_format(kernel: Kernel) -> Kernel:
    """`suggested_format`; a contiguous (N, C, L) is taken for an image, which decides where L or C is 1."""
    return _laid_out(kernel, 1, _suggested_by_convolution)


def like_input(x: Any, out: Any) -> Any:
    """out, of x's shape, in x's order in memory."""
    if x.ndim < 2 or (x.flags.c_contiguous and out.flags.c_contiguous):
        return out
    laid = empty_like(x, out.dtype)
    if laid.strides == out.strides:
        return out
    laid[...] = out
    return laid


def input_order(kernel: Kernel, results: int = 1) -> Kernel:
    """A kernel whose results, of its input's shape, lie in memory in its input's order."""
    return _laid_out(kernel, results, like_input)


def c_order(kernel: Kernel, results: int = 1) -> Kernel:
    """A kernel whose results lie in memory in C order."""
    return _laid_out(kernel, results, lambda x, out: in_format(out, False) if out.ndim else out)


def joined_format(kernel: Kernel) -> Kernel:
    """`cat` with a result channels-last if all arrays are (cat_compute_output_memory_format in TensorShape.cpp)."""

    @functools.wraps(kernel)
    def call(arrays: Sequence[Any], axis: int) -> Any:
        out = kernel(arrays, axis)
        if out.ndim > 3 and channels_last(arrays[0]) and all(map(channels_last, arrays)):
            return in_format(out, True)
        return out

    return call


def stacked_format(kernel: Kernel) -> Kernel:
    """`stack` with a result as of `cat`, of which it is a view: the new axis just outside the one that it precedes."""

    @functools.wraps(kernel)
    def call(arrays: Sequence[Any], axis: int) -> Any:
        out = kernel(arrays, axis)
        if out.ndim < 5 or axis == out.ndim - 1 or not all(map(channels_last, arrays)):
            return out
        order = [i + (i >= axis) for i in (0, *range(2, out.ndim - 1), 1)]
        order.insert(order.index(axis + 1), axis)
        return in_order(out, order)

    return call


def in_columns(x: Any) -> Any:
    """x, or a copy, whose matrices lie in memory column by column, as LAPACK's do."""
    if type(x) is not np.ndarray or x.ndim < 2 or (x.ndim == 2 and x.flags.f_contiguous):
        return x
    turned = np.swapaxes(x, -1, -2)
    return x if turned.flags.c_contiguous else np.swapaxes(np.ascontiguousarray(turned), -1, -2)


def by_columns(kernel: Kernel, *places: int) -> Kernel:
    """A kernel whose result (or those of its results) consists of matrices that lie in memory column by column."""

    @functools.wraps(kernel)
    def call(*args: Any) -> Any:
        out = kernel(*args)
        if not places:
            return in_columns(out)
        return tuple([in_columns(r) if i in places else r for i, r in enumerate(out)])

    return call


def picked_order(x: Any, key: tuple[Any, ...], shape: tuple[int, ...]) -> list[int]:
    """The order in memory of x[key], of this shape, for a key of arrays and whole slices.

    PyTorch reads x through a view that stands still (stride 0) where an index moves, and orders the axes by the strides
    of that view, then by those of the indices (make_info in aten/src/ATen/native/TensorAdvancedIndexing.cpp).
    """
    indices: list[Any] = []
    kept: list[int] = []  # strides of the axes that no array indexes
    at = first = 0
    apart, ended = False, False
    for k in key:
        if k is Ellipsis:
            continue
        if isinstance(k, np.ndarray):
            if indices and ended:
                apart = True  # the indexed dimensions come first then
            elif not indices:
                first = len(kept)
            indices += np.nonzero(k) if k.dtype.kind == "b" else (k,)
            at += k.ndim if k.dtype.kind == "b" else 1
        else:
            ended = bool(indices)
            kept.append(x.strides[at])
            at += 1
    kept += x.strides[at:]
    first = 0 if apart else first
    none = (0,) * (len(shape) - len(kept))
    read: list[Sequence[int]] = [(*kept[:first], *none, *kept[first:])]
    ones = [int(n == 1) for n in shape]  # there an index counts with the stride that a view of it has
    for index in np.broadcast_arrays(*indices):
        outer, inner = index.shape[0] * index.strides[0], index.strides[-1]
        read.append(
            (*(outer * n for n in ones[:first]), *index.strides, *(inner * n for n in ones[first + index.ndim :]))
        )
    return dense_order(shape, *read)
