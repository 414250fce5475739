"""Indexing: kernels that pick, write and add elements by index, along one dimension or over all memory.

None of them writes into its inputs, but those whose name ends in `_into`, which write into their first.
"""

from __future__ import annotations

import math
from functools import lru_cache, partial
from typing import Any

import numpy as np

from microtorch.kernels import select, threads, twins
from microtorch.kernels.quiet import silence
from microtorch.kernels.rows import reduce_rows
from microtorch.kernels.shape import clone, copy_with_gaps, empty_like
from microtorch.kernels.small import FEW, repeated_columns, within
from microtorch.kernels.strides import in_c_order, in_format, in_order, picked_order

_INT64 = np.dtype(np.int64)

# a basic key: numbers, slices, None, ... -----------------------------------------------------------------------------


def embed(g: Any, shape: tuple[int, ...], key: tuple[Any, ...]) -> Any:
    """Zeros of `shape` with g at the basic index `key`."""
    out = np.zeros(shape, g.dtype)
    out[key] = g
    return out


def without(x: Any, key: tuple[Any, ...]) -> Any:
    """A copy of x with zeros at the index `key`."""
    out = clone(np.asarray(x))
    out[key] = 0
    return out


def put_slice(x: Any, value: Any, key: tuple[Any, ...]) -> Any:
    """A copy of x with `value` at the index `key`."""
    out = copy_with_gaps(x)
    out[key] = value
    return out


# an advanced key: arrays of numbers or bools -------------------------------------------------------------------------


def index_embed(g: Any, shape: tuple[int, ...], key: tuple[Any, ...]) -> Any:
    """Zeros of `shape` with g added at the advanced index `key` (repeated places add up)."""
    out = np.zeros(shape, g.dtype)
    if len(key) == 1 and type(key[0]) is np.ndarray and key[0].dtype.kind != "b":
        return add_rows(out, key[0], g)
    for k in key:
        if isinstance(k, np.ndarray) and k.dtype.kind != "b":
            _add_into(out, g, key)
            return out
    out[key] = g  # masks name a place once
    return out


def places(x: Any) -> Any:
    """The places of all nonzero elements, (n, dimensions), one dimension after the other in memory as in PyTorch."""
    found = np.nonzero(x) if x.ndim else ()
    count = len(found[0]) if x.ndim else int(np.count_nonzero(x))
    return np.array(found, np.int64).reshape(x.ndim, count).T


def pick(x: Any, key: tuple[Any, ...]) -> Any:
    """x[key], in the order in memory that PyTorch gives it (C order but for arrays of another order)."""
    at = -1
    if len(key) == 1 and type(x) is type(key[0]) is np.ndarray and x.flags.c_contiguous and 1 not in x.shape:
        rows = key[0]  # (an axis of size 1 may have any stride)
        if rows.dtype.kind != "b" and (rows.ndim == 1 or rows.flags.c_contiguous):
            return x.take(rows, 0)
    for i, k in enumerate(key):
        if isinstance(k, np.ndarray):
            if at >= 0 or k.dtype.kind == "b":
                out = x[key]
                break
            at = i
    else:
        out = x.take(key[at], at) if type(x) is np.ndarray else np.take(x, key[at], at)
    if in_c_order(x) and all(k.flags.c_contiguous for k in key if isinstance(k, np.ndarray)):
        return out if out.flags.c_contiguous else np.ascontiguousarray(out)
    if type(x) is not np.ndarray or out.ndim < 2 or not out.size:
        return out
    return in_order(out, picked_order(x, key, out.shape))


def put(x: Any, value: Any, key: tuple[Any, ...], accumulate: bool) -> Any:
    """A copy of x with `value` written (or added) at an index."""
    out = clone(np.asarray(x))
    put_into(out, value, key, accumulate)
    return out


def put_into(x: Any, value: Any, key: tuple[Any, ...], accumulate: bool) -> None:
    """x[key] = value, or += with repeated places adding up."""
    if not accumulate:
        x[key] = value
        return
    _add_into(x, value, key)


def _add_into(x: Any, value: Any, key: tuple[Any, ...]) -> None:
    """x[key] += value, repeated places adding up."""
    at = rank = 0
    rows: Any = None  # of x with the axes from `at` on, `rank` of them, made one
    for i, k in enumerate(key):
        if isinstance(k, np.ndarray):
            if k.dtype.kind == "b" or (rank and (at + rank != i or type(x) is not np.ndarray)):
                break
            if not rank:
                at, rows = i, k
            else:
                if rank == 1 and not within(rows, x.shape[at]):
                    break
                if not within(k, x.shape[i]):
                    break
                rows = rows * x.shape[i] + k  # (they broadcast)
            rank += 1
        elif k is not Ellipsis and k != slice(None):
            break
        elif k is Ellipsis and i + 1 < len(key):
            break
    else:
        if rank == 1 or (rank and x.flags.c_contiguous):
            shape = x.shape[:at] + rows.shape + x.shape[at + rank :]
            if value.shape != shape:
                value = np.broadcast_to(value, shape)
            table = x if rank == 1 else x.reshape(*x.shape[:at], -1, *x.shape[at + rank :])
            add_along(table, rows.reshape(-1), value.reshape(*x.shape[:at], rows.size, *x.shape[at + rank :]), at)
            return
    np.add.at(x, key, value)


def add_rows(out: Any, rows: Any, g: Any) -> Any:
    """Add g[i] to out[rows[i]], in place, one after the other; g and rows may have more dimensions for the i."""
    return add_along(out, rows.reshape(-1), g.reshape(rows.size, *out.shape[1:]), 0)


def add_along(out: Any, rows: Any, values: Any, axis: int) -> Any:
    """Add the slices of values along an axis to those of out that the vector `rows` lists, in place; one after the
    other, so that a slice listed twice gets both."""
    n = out.shape[axis]
    if values.size == 0:
        return out
    if type(out) is np.ndarray and 0 in out.strides:  # elements that share memory: a copy would lose what adds up
        np.add.at(out, (slice(None),) * axis + (rows,), values)
        return out
    if type(out) is not np.ndarray or not out.flags.c_contiguous:
        whole = np.array(out, order="C")
        out[...] = add_along(whole, rows, values, axis)
        return out
    if values.dtype is not out.dtype or not values.flags.c_contiguous:
        values = np.ascontiguousarray(values, out.dtype)
    if axis == 0:
        outer, inner = 1, values.size // rows.size
    else:
        outer, inner = math.prod(out.shape[:axis]), math.prod(out.shape[axis + 1 :])
    if (fast := twins.beside("index", values.size)) is not None and out.dtype.char in "fd":
        if _add_compiled(fast, out.reshape(outer, n, inner), rows, values.reshape(outer, rows.size, inner)):
            return out
    if out.ndim == 1:
        np.add.at(out, rows, values)
        return out
    if not within(rows, n):
        if int(rows.min()) < -n or int(rows.max()) >= n:
            raise IndexError("index out of range in self")
        rows = np.where(rows < 0, rows + n, rows)
    if outer == 1 and values.size <= FEW:
        at = rows if inner == 1 else (rows * inner).repeat(inner) + repeated_columns(rows.size, inner)
        np.add.at(out.reshape(-1), at, values.reshape(-1))
        return out
    table, values = out.reshape(outer, n, inner), values.reshape(outer, rows.size, inner)
    step = max(1, _PLACES // (rows.size * inner))
    for start in range(0, outer, step):
        if step == 1 and reduce_rows(np.add, table[start], rows, values[start]):
            continue
        # np.add.at is fast for flat places, slow for rows
        part, value = table[start : start + step], values[start : start + step]
        at = rows * inner if inner > 1 else rows
        if inner > 1:
            at = (at[:, None] + np.arange(inner)).reshape(-1)
        if len(part) > 1:
            at = (np.arange(0, part.size, n * inner)[:, None] + at).reshape(-1)
        np.add.at(part.reshape(-1), at, value.reshape(-1))
    return out


PART = 1 << 18
"""Elements to add from which a part is worth a thread: an addition takes a tenth of a nanosecond or two."""
_PLACES = 1 << 16  # places of elements that are listed at a time


def _add_compiled(fast: Any, table: Any, rows: Any, values: Any) -> bool:
    """Whether the compiled twin has added values (outer, m, inner) to the rows of a table (outer, n, inner)."""
    if rows.dtype is not _INT64 or not rows.flags.c_contiguous:
        rows = np.ascontiguousarray(rows, np.int64)
    outer, n, inner = table.shape
    if not fast.within(rows, n):
        return False
    if values.size < PART:
        fast.add_along(table, rows, values, 0, inner)
    elif outer > 1:
        parts = threads.shares(outer, -(-PART * outer // values.size))
        threads.run([partial(fast.add_along, table[i:j], rows, values[i:j], 0, inner) for i, j in parts])
    else:
        parts = threads.shares(inner, max(16, PART // rows.size))
        threads.run([partial(fast.add_along, table, rows, values, i, j) for i, j in parts])
    return True


# along one dimension: gather and scatter -----------------------------------------------------------------------------


def along(index: Any, axis: int) -> tuple[Any, ...]:
    """The key that takes, along `axis`, the element that `index` names at each place."""
    key = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    key[axis] = index
    return tuple(key)


def _places(index: Any, shape: tuple[int, ...], axis: int) -> Any:
    """`along`, as places in the flattened memory of a C-contiguous array of this shape: NumPy is fast at those."""
    few = index.size <= FEW  # (then all places are kept, since adding arrays of one shape takes half the time)
    step, offset = _few_offsets(shape, index.shape, axis, True) if few else _offsets(shape, index.shape, axis, False)
    at = index * step if step != 1 else index
    return at if offset is None else at + offset


def _offsets(shape: tuple[int, ...], sizes: tuple[int, ...], axis: int, whole: bool) -> tuple[int, Any]:
    """How far apart the places along an axis are, and where those along the other axes begin (None: all at 0); as an
    array of these sizes (whole), or one that broadcasts to them."""
    step, offset, along_axis = 1, None, 1
    for i in range(len(shape) - 1, -1, -1):
        if i == axis:
            along_axis = step
        elif sizes[i] > 1:
            part = np.arange(0, sizes[i] * step, step).reshape((-1,) + (1,) * (len(shape) - 1 - i))
            offset = part if offset is None else offset + part
        step *= shape[i]
    return along_axis, offset if offset is None or not whole else np.broadcast_to(offset, sizes).copy()


_few_offsets = lru_cache(64)(_offsets)


def _compiled(name: str, x: Any, index: Any, other: Any, axis: int) -> bool:
    """Whether the compiled twin of that name has done it: for an index of x's shape but for the axis, if all are
    within. (If not, NumPy's way follows, which says so.)"""
    if type(x) is not np.ndarray or index.size < twins.least or not x.ndim or not twins.takes(x, other):
        return False
    axis %= x.ndim
    if index.shape != x.shape[:axis] + index.shape[axis : axis + 1] + x.shape[axis + 1 :] or not index.size:
        return False
    if index.dtype != np.int64 or not index.flags.c_contiguous or other.shape != index.shape:
        return False
    fast = twins.of("index")
    if fast is None:
        return False
    outer, inner = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    if not fast.within(index.reshape(-1), x.shape[axis]):
        return False
    cut = [a.reshape(outer, a.shape[axis], inner) for a in (x, index, other)]
    threads.split(getattr(fast, name), outer, *cut, least=-(-twins.PART * outer // index.size))
    return True


def _flat(x: Any, index: Any) -> bool:
    """Whether `_places` can be used."""
    return type(x) is np.ndarray and type(index) is np.ndarray and x.flags.c_contiguous and index.size > 0


def _slices(index: Any, shape: tuple[int, ...], axis: int) -> Any:
    """The vector of an index that is the same along all other axes (one that was expanded), and covers all of `shape`
    there: it names whole slices. Else None."""
    if type(index) is not np.ndarray or index.ndim < 2 or 0 in index.shape:
        return None
    axis %= index.ndim
    for i in range(index.ndim):
        if i != axis and (index.shape[i] != shape[i] or (index.strides[i] and index.shape[i] > 1)):
            return None
    return index[(0,) * axis + (slice(None),) + (0,) * (index.ndim - 1 - axis)]


def _first(index: Any) -> tuple[slice, ...]:
    """The key of the part of a source that an index covers."""
    return tuple(slice(n) for n in index.shape)


def _one_row(x: Any, axis: int) -> bool:
    """Whether the axis is all that x has."""
    return x.size == x.shape[axis] and type(x) is np.ndarray and x.flags.c_contiguous


def gather(x: Any, index: Any, axis: int) -> Any:
    """out[i][j] = x[index[i][j]][j] for axis 0."""
    if type(x) is np.ndarray and not x.flags.c_contiguous and 4 * index.size >= x.size:
        x = np.ascontiguousarray(x)  # a copy takes less time than all dimensions' places
    if index.size <= FEW and _flat(x, index):
        return x.reshape(-1).take(_places(index, x.shape, axis))
    if x.size and index.size >= twins.least:
        out = np.empty(index.shape, x.dtype)
        if _compiled("gather", x, index, out, axis):
            return out
    if (rows := _slices(index, x.shape, axis)) is not None:
        return np.take(x, rows, axis)
    if _flat(x, index):
        return x.reshape(-1).take(_places(index, x.shape, axis))
    out = x[along(index, axis)]
    return in_format(out, False) if type(x) is np.ndarray else out


def gather_backward(g: Any, index: Any, shape: tuple[int, ...], axis: int) -> Any:
    """Zeros of `shape` with g added where `gather` took it from."""
    out = np.zeros(shape, g.dtype)
    if type(g) is np.ndarray and not g.flags.c_contiguous:  # a sum's, which is stretched
        g = np.ascontiguousarray(g)
    once = index.size and index.shape[axis] == 1  # no place is named twice
    if not (once and index.size <= FEW):
        if _compiled("scatter_add", out, index, g, axis):
            return out
        if (rows := _slices(index, shape, axis)) is not None:
            return add_along(out, rows, g, axis % len(shape))
    if once:
        if _flat(out, index):
            out.reshape(-1)[_places(index, shape, axis)] = g
        else:
            out[along(index, axis)] = g
    elif _flat(g, index):
        np.add.at(out.reshape(-1), _places(index, shape, axis).reshape(-1), g.reshape(-1))
    else:
        np.add.at(out, along(index, axis), g)
    return out


def scatter(x: Any, index: Any, src: Any, axis: int) -> Any:
    """A copy of x with src[i][j] at [index[i][j]][j] (axis 0); src is an array or a number."""
    out = x.copy()
    scatter_into(out, index, src, axis)
    return out


def scatter_into(x: Any, index: Any, src: Any, axis: int) -> None:
    """`scatter`, in place."""
    value = src[_first(index)] if isinstance(src, np.ndarray) and src.ndim and src.shape != index.shape else src
    if index.size <= FEW and _flat(x, index):
        x.reshape(-1)[_places(index, x.shape, axis)] = value
        return
    if isinstance(value, np.ndarray) and _compiled("scatter", x, index, value, axis):
        return
    if (rows := _slices(index, x.shape, axis)) is not None:
        x[(slice(None),) * (axis % x.ndim) + (rows,)] = value
        return
    if _flat(x, index):
        x.reshape(-1)[_places(index, x.shape, axis)] = value
    else:
        x[along(index, axis)] = value


def scatter_add(x: Any, index: Any, src: Any, axis: int) -> Any:
    """A copy of x with src[i][j] added at [index[i][j]][j] (axis 0)."""
    out = x.copy()
    scatter_add_into(out, index, src, axis)
    return out


def scatter_add_into(x: Any, index: Any, src: Any, axis: int) -> None:
    """`scatter_add`, in place."""
    value = src if src.shape == index.shape else src[_first(index)]
    if _compiled("scatter_add", x, index, value, axis):
        return
    if x.dtype.kind != "b" and (rows := _slices(index, x.shape, axis)) is not None:
        add_along(x, rows, value, axis % x.ndim)
        return
    if _flat(x, index) and type(value) is np.ndarray:
        np.add.at(x.reshape(-1), _places(index, x.shape, axis).reshape(-1), value.reshape(-1))
    else:
        np.add.at(x, along(index, axis), value)


_REDUCE = {"sum": np.add, "add": np.add, "mean": np.add, "prod": np.multiply, "multiply": np.multiply,
           "amax": np.maximum, "amin": np.minimum}  # fmt: skip


def _neutral(reduce: str, dtype: Any) -> Any:
    """What changes nothing when reduced with."""
    if reduce in ("amax", "amin"):
        if dtype.kind == "f":
            return -np.inf if reduce == "amax" else np.inf
        if dtype.kind == "b":
            return reduce == "amin"
        info = np.iinfo(dtype)
        return info.min if reduce == "amax" else info.max
    return 1 if reduce in ("prod", "multiply") else 0


def scatter_reduce(x: Any, index: Any, src: Any, axis: int, reduce: str, include_self: bool) -> Any:
    """A copy of x where each place that `index` names holds the sum, prod, mean, amax or amin of what src brings it.

    The place's own value counts with include_self.
    """
    out = x.copy("C")
    src = src[_first(index)]
    with silence():
        _reduce_into(_REDUCE[reduce], out, index, src, axis, None if include_self else _neutral(reduce, x.dtype))
        if reduce == "mean":
            floating = x.dtype.kind in "fc"
            count = np.full(x.shape, include_self, x.dtype if floating else np.int64)
            if (rows := _slices(index, x.shape, axis)) is not None:
                times = np.bincount(np.where(rows < 0, rows + x.shape[axis], rows), minlength=x.shape[axis])
                count += times.astype(count.dtype).reshape(-1, *(1,) * (x.ndim - 1 - axis % x.ndim))
            else:
                _reduce_into(np.add, count, index, np.broadcast_to(count.dtype.type(1), index.shape), axis, None)
            np.maximum(count, 1, out=count)
            out = (out / count if floating else out // count).astype(x.dtype, copy=False)
    return out


def _reduce_into(ufunc: Any, out: Any, index: Any, src: Any, axis: int, start: Any) -> None:
    """ufunc.at along an axis; start: what the places named hold before it, None for what they do."""
    rows = _slices(index, out.shape, axis)
    if rows is not None and axis % out.ndim == 0 and type(out) is np.ndarray:
        rows = np.where(rows < 0, rows + len(out), rows)
        if start is not None:
            out[rows] = start
        width = out.size // len(out)
        if reduce_rows(ufunc, out.reshape(-1, width), rows, src.reshape(-1, width)):
            return
    elif start is not None:
        out[along(index, axis)] = start
    if _flat(out, index) and type(src) is np.ndarray:
        ufunc.at(out.reshape(-1), _places(index, out.shape, axis).reshape(-1), src.reshape(-1))
    else:
        ufunc.at(out, along(index, axis), src)


# along one dimension: whole slices -----------------------------------------------------------------------------------


def index_select(x: Any, index: Any, axis: int) -> Any:
    """The slices that the vector `index` lists."""
    return np.take(x, index, axis)


def index_select_backward(g: Any, index: Any, shape: tuple[int, ...], axis: int) -> Any:
    """Zeros of `shape` with g's slices added where they came from."""
    out = np.zeros(shape, g.dtype)
    return add_along(out, index.reshape(-1), g, axis % len(shape)) if shape else np.add(out, g.sum(), out=out)


def index_add(x: Any, index: Any, source: Any, axis: int, alpha: Any) -> Any:
    """A copy of x with alpha * source's slices added at those listed."""
    out = x.copy()
    index_add_into(out, index, source, axis, alpha)
    return out


def index_add_into(x: Any, index: Any, source: Any, axis: int, alpha: Any) -> None:
    """`index_add`, in place."""
    if alpha != 1:
        source = source * np.asarray(alpha).astype(x.dtype)
    if x.dtype.kind == "b":
        np.logical_or.at(x, (slice(None),) * axis + (index,), source)
        return
    if x.ndim and type(x) is type(source) is type(index) is np.ndarray and source.shape[axis] == index.size:
        add_along(x, index.reshape(-1), source, axis % x.ndim)
    else:
        np.add.at(x, (slice(None),) * axis + (index,), source)


def index_copy(x: Any, index: Any, source: Any, axis: int) -> Any:
    """A copy of x with source's slices at those listed."""
    out = x.copy()
    index_copy_into(out, index, source, axis)
    return out


def index_copy_into(x: Any, index: Any, source: Any, axis: int) -> None:
    """`index_copy`, in place."""
    x[(slice(None),) * axis + (index,)] = source


def index_fill(x: Any, index: Any, value: Any, axis: int) -> Any:
    """A copy of x with one number in the slices listed."""
    out = clone(x)
    inner = math.prod(out.shape[axis + 1 :]) if out.ndim else 1
    if type(out) is np.ndarray and out.ndim and inner < 16 and 8 * index.size >= out.shape[axis]:
        listed = np.zeros(out.shape[axis], bool)  # a mask is faster than many single elements by index
        listed[index] = True
        np.copyto(out, value, where=listed.reshape(-1, *(1,) * (out.ndim - 1 - axis)))
    else:
        out[(slice(None),) * axis + (index,)] = value
    return out


# over all elements, in the order of the indices ----------------------------------------------------------------------


def take(x: Any, index: Any) -> Any:
    """The elements at these places of the flattened array, in the shape of index."""
    return x.reshape(-1)[np.asarray(index, order="C")]


def take_backward(g: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with g added at the places of the flattened array."""
    out = np.zeros(shape, g.dtype)
    np.add.at(out.reshape(-1), index.reshape(-1), g.reshape(-1))
    return out


def put_flat(x: Any, index: Any, source: Any, accumulate: bool) -> Any:
    """A copy of x with the elements of source written (or added) at these places of the flattened array."""
    flat = x.reshape(-1).copy()
    if accumulate:
        np.add.at(flat, index.reshape(-1), source.reshape(-1))
    else:
        flat[index.reshape(-1)] = source.reshape(-1)
    out = empty_like(x, x.dtype)
    out[...] = flat.reshape(x.shape)
    return out


def masked_fill(x: Any, mask: Any, value: Any) -> Any:
    """A copy of x with one number where the mask is true, both broadcast."""
    if type(x) is type(mask) is np.ndarray and x.shape == mask.shape and x.flags.c_contiguous:
        out = x.copy()
        select.fill(out, mask, value)
        return out
    shape = x.shape if x.shape == mask.shape else np.broadcast_shapes(x.shape, mask.shape)
    out = np.array(x if x.shape == shape else np.broadcast_to(x, shape), order="C")
    np.copyto(out, np.array(value) if isinstance(value, np.generic) else value, where=mask)  # (0-d arrays are faster)
    return out


def masked_fill_into(x: Any, mask: Any, value: Any) -> None:
    """`masked_fill`, in place."""
    if type(x) is type(mask) is np.ndarray and x.shape == mask.shape:
        select.fill(x, mask, value)
    else:
        np.copyto(x, value, where=mask)


def masked_scatter(x: Any, mask: Any, source: Any) -> Any:
    """A copy of x with the elements of source, in order, where the mask is true."""
    out = np.array(np.broadcast_to(x, np.broadcast_shapes(x.shape, mask.shape)), order="C")
    masked_scatter_into(out, mask, source)
    return out


def masked_scatter_into(x: Any, mask: Any, source: Any) -> None:
    """`masked_scatter`, in place."""
    where = np.broadcast_to(mask, x.shape)
    x[where] = source.reshape(-1)[: np.count_nonzero(where)]


def masked_scatter_backward(g: Any, mask: Any, shape: tuple[int, ...]) -> Any:
    """What source's elements became, in its shape; zeros for those left over."""
    out = np.zeros(shape, g.dtype)
    taken = g[np.broadcast_to(mask, g.shape)]
    out.reshape(-1)[: taken.size] = taken
    return out


def masked_embed(source: Any, mask: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` with the elements of source, in order, where the mask is true."""
    out = np.zeros(shape, source.dtype)
    masked_scatter_into(out, mask, source)
    return out


# memory of a tensor seen through a view of it: geometry = (base shape, base strides, shape, strides, offset), in bytes


def _extent(shape: tuple[int, ...], strides: tuple[int, ...]) -> int:
    """From the first element to the last, in bytes."""
    return sum((n - 1) * s for n, s in zip(shape, strides))


def _memory(geometry: tuple[Any, ...], dtype: Any) -> tuple[Any, Any, Any]:
    """Zeros that hold base and view: (flat, seen as the base, seen as the view)."""
    base_shape, base_strides, shape, strides, offset = geometry
    start = max(0, -offset)
    if 0 in base_shape or 0 in shape:
        size = (
            max(start, start + offset) + sum(np.multiply(base_shape, base_strides)) + sum(np.multiply(shape, strides))
        )
    else:
        size = max(start + _extent(base_shape, base_strides), start + offset + _extent(shape, strides))
    flat = np.zeros(int(size) // dtype.itemsize + 1, dtype)
    return (
        flat,
        np.ndarray(base_shape, dtype, flat, start, base_strides),
        np.ndarray(shape, dtype, flat, start + offset, strides),
    )


def _overlaps(shape: tuple[int, ...], strides: tuple[int, ...]) -> bool:
    """Whether elements may share memory (never wrongly False)."""
    reach = 0
    for s, n in sorted((s, n) for s, n in zip(strides, shape) if n > 1):
        if s <= reach:
            return True
        reach += (n - 1) * s
    return False


def _add_region(flat: Any, part: Any, g: Any) -> None:
    """Add g to the part of flat memory; elements that share memory add up."""
    if _overlaps(part.shape, part.strides):
        size = flat.itemsize
        first = (part.__array_interface__["data"][0] - flat.__array_interface__["data"][0]) // size
        places = np.ndarray(
            part.shape, np.int64, np.arange(flat.size), first * 8, [s // size * 8 for s in part.strides]
        )
        np.add.at(flat, places.reshape(-1), np.broadcast_to(g, part.shape).reshape(-1))
    else:
        part += g


def region(x: Any, geometry: tuple[Any, ...]) -> Any:
    """A copy of the part of x (any layout) that a view with this geometry sees of its base."""
    x = np.asarray(x)
    _, base, part = _memory(geometry, x.dtype)
    base[...] = x
    return part.copy()


def region_embed(g: Any, geometry: tuple[Any, ...]) -> Any:
    """Zeros in the shape of the base, with g added where the view sees it (an element seen twice adds up)."""
    g = np.asarray(g)
    flat, base, part = _memory(geometry, g.dtype)
    _add_region(flat, part, g)
    if not _overlaps(base.shape, base.strides):
        return base
    counts, counted, _ = _memory(geometry, g.dtype)  # elements of the base that share memory share its gradient
    _add_region(counts, counted, np.ones((), g.dtype))
    return base / counted


def region_without(x: Any, geometry: tuple[Any, ...]) -> Any:
    """A copy of x with zeros where the view sees it."""
    return region_write(x, 0, geometry)


def region_write(x: Any, value: Any, geometry: tuple[Any, ...]) -> Any:
    """A copy of x with `value` where the view sees it."""
    x = np.asarray(x)
    _, base, part = _memory(geometry, x.dtype)
    base[...] = x
    part[...] = value
    return base
