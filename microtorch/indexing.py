"""x[key] and x[key] = value, as PyTorch reads keys.

Numbers, slices, None and ... are applied first, as a view; tensors, lists and masks then index what is left. (NumPy
instead counts a number beside an array as an array, which moves dimensions elsewhere.)
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.inplace import (
    SHARED_MEMORY,
    check_overlap,
    check_writable,
    copy_into,
    expand_error,
    one_mask,
    outside,
    warn_of_expanded,
    write,
)
from microtorch.autograd.modes import mode
from microtorch.autograd.node import written
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions.creation import array_from
from microtorch.kernels import select
from microtorch.kernels.batched import Batched, WritesUnbatched, level_of
from microtorch.kernels.bfloat16 import address, cast
from microtorch.kernels.index import put_into
from microtorch.ops import index as I, pointwise as P, shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

ndarray = np.ndarray
_ALL = slice(None)
_SCALAR = (
    "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim "
    "tensor to a number"
)


def getitem(x: Any, key: Any) -> Tensor:
    """x[key].

    Raises IndexError for a key that is out of bounds, too long, or no index.

    >>> import microtorch as torch
    >>> x = torch.arange(6).reshape(2, 3)
    >>> x[0, 1:], x[:, [2, 0]], x[x > 3]
    (tensor([1, 2]), tensor([[2, 0],
            [5, 3]]), tensor([4, 5]))
    """
    if type(key) is int:
        try:
            return I.select(x, (key, ...))
        except IndexError as error:
            raise index_error(error, x, (key,)) from None
    if isinstance(key, TensorBase):
        if x._data.ndim and _is_number(key):
            return getitem(x, key._data.item())
    elif key is None:
        return I.unsqueezed(x, (None, ...))
    if type(key) is slice and x._data.ndim:
        return I.slice_(x, (checked_slice(key), ...))
    if type(key) is tuple:
        entry = _plain(x._data, key)
        if entry is not None:
            try:
                return entry(x, key if key and key[0] is Ellipsis else (*key, ...))
            except IndexError as error:
                raise index_error(error, x, split(x, key)[0], key) from None
        if (given := _with_ints(key)) is not key:
            try:
                return getitem(x, given)
            except IndexError:
                pass  # said below, in the words for the key that was given
    basic: Any = None
    advanced: Any
    if isinstance(key, TensorBase) and 0 < key._data.ndim <= x._data.ndim and key._data.dtype.char in "?li":
        advanced = (key._data,)
    elif type(key) is tuple and (advanced := _arrays(x._data, key)) is not None:
        count = len(key) - len(advanced)
        basic = (*key[:count], ...) if count else None
    else:
        basic, advanced = split(x, key)
    if basic is not None:
        x = viewed(x, basic, key)
    elif advanced is None:
        return I.view_alias(x)
    if advanced is None:
        return x
    if x._node is not None and mode.enabled:  # the node keeps the key: a later write to an index must not reach it
        advanced = tuple([k.copy() if isinstance(k, ndarray) else k for k in advanced])
    try:
        return I.index(x, advanced)
    except IndexError as error:
        raise index_error(error, x, advanced) from None


def _plain(data: Any, key: tuple[Any, ...]) -> Callable[..., Any] | None:
    """The entry for a key of ints, None and slices of step 1, perhaps after an Ellipsis, as NumPy takes it, too.

    None for other keys, and for those that ask for all there is.
    """
    if type(data) is not ndarray:
        return None
    entry: Any = None
    shape, at, items = data.shape, 0, key
    if key and key[0] is Ellipsis:
        at, items = len(shape) + 1 - len(key), key[1:]
        if at < 0:
            return None
    for k in items:
        kind = type(k)
        if kind is int:
            entry = I.select
            at += 1
        elif kind is slice:
            start, stop = k.start, k.stop
            if start is not None or stop is not None or k.step is not None:
                if (
                    (start is not None and type(start) is not int)
                    or (stop is not None and type(stop) is not int)
                    or k.step is not None
                    or at >= len(shape)
                ):
                    return None
                if start or (stop is not None and stop < shape[at]):
                    entry = I.slice_
            at += 1
        elif k is None and items is key:
            entry = I.unsqueezed
        else:
            return None
    return entry if at <= len(shape) else None


def _arrays(data: Any, key: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """The arrays and whole slices of a key that has nothing else, but for ints in front; None for other keys."""
    arrays: list[Any] = []
    found = False
    for k in key:
        kind = type(k)
        if kind is int and not arrays:
            continue
        if kind is slice and k == _ALL:
            arrays.append(k)
        elif isinstance(k, TensorBase) and k._data.ndim and k._data.dtype.char == "l":
            arrays.append(k._data)
            found = True
        else:
            return None
    return tuple(arrays) if found and len(key) <= data.ndim else None


def _check_key(x: Any, basic: Any, key: Any, advanced: Any) -> None:
    """Raise PyTorch's error if the key does not fit."""
    target = x._data if basic is None else _sliced(x, basic, key)  # raises for a number out of bounds
    try:
        target[advanced]
    except IndexError as error:
        if "out of bounds" not in str(error) or "size 0" in str(error):  # other bounds are seen later
            raise index_error(error, wrap(target), advanced) from None


def setitem(x: Any, key: Any, value: Any) -> None:
    """x[key] = value, recorded if x or the value is part of a graph.

    Raises TypeError for a value that is neither a number nor a tensor.
    """
    if written_at_once(x, key, value):
        return
    kind, kind_of_key = type(value), type(key)
    is_tensor = isinstance(value, TensorBase)
    if (
        not is_tensor
        and kind is not int
        and kind is not float
        and not isinstance(value, (int, float, complex, np.integer))
    ):
        module = "" if kind.__module__ == "builtins" else kind.__module__ + "."
        raise TypeError(f"can't assign a {module}{kind.__name__} to a torch.{dtypes.of[x._data.dtype].type_name}Tensor")
    if kind_of_key is bool:  # a copy into x[None], or into nothing
        if key:
            setitem(x, None, value)
        return
    basic, advanced = split(x, key)
    recorded = (
        mode.enabled and x._data.dtype.kind in "fc" and (x._node is not None or (is_tensor and value._node is not None))
    )
    taken = is_tensor and value._node is not None and mode.enabled
    if not is_tensor:
        value = dtypes.fill_number(value if isinstance(value, (int, float, complex)) else int(value), x._data.dtype)
    elif advanced is not None and value._data.size == 1 and _fills(x, key, advanced):  # whatever its dtype is
        if value._data.dtype != x._data.dtype:
            try:
                dtypes.fill_number(value._data.item(), x._data.dtype)
            except RuntimeError:
                _check_key(x, basic, key, advanced)  # a key that does not fit is told of first
                raise
            value = P.cast(value, x._data.dtype)
    elif advanced is not None and value._data.dtype != x._data.dtype:
        if basic is not None:
            _sliced(x, basic, key)  # numbers that do not fit are told of first
        check_writable(x, taken, overlap=True)
        _check_key(x, basic, key, advanced)
        names = dtypes.of[x._data.dtype].type_name, dtypes.of[value._data.dtype].type_name
        raise RuntimeError(
            f"Index put requires the source and destination dtypes match, got {names[0]} for the destination and "
            f"{names[1]} for the source."
        )
    if advanced is not None:
        place = x._data if basic is None else _sliced(x, basic, key)
        fills = (not is_tensor or value._data.size == 1) and _fills(x, key, advanced)
        if 0 in place.strides:
            warn_of_expanded("index_put_", place)
            if fills:
                warn_of_expanded("masked_fill_", place, "[mask] = scalar")
        for k in key if kind_of_key is tuple else (key,):
            if isinstance(k, TensorBase) and (k is x or k._storage is not None) and k._data.ndim:
                _check_index(x, place, k, fills)
    if recorded:
        part = x if basic is None else viewed(x, basic, key)
        if advanced is not None:
            advanced = tuple([k.copy() if isinstance(k, ndarray) else k for k in advanced])
            write(I.index_put, _put_into, part, (value,), (advanced, False), overlap=True)
        elif part._data.ndim and (not is_tensor or value._data.ndim == 0):
            write(I.fill_by, _fill_into, part, (value if is_tensor else wrap(np.asarray(value)),))
        else:
            source = _leading_ones_dropped(value, part._data.shape) if is_tensor else wrap(np.asarray(value))
            write(I.copy, copy_into, part, (source,))
        return
    target = x._data if basic is None else _sliced(x, basic, key)
    raw = value._data if is_tensor else value
    check_writable(x, taken and (advanced is not None or raw.ndim == 0 < target.ndim), overlap=True)
    filled = is_tensor and (
        raw.ndim == 0 < target.ndim if advanced is None else raw.size == 1 and one_mask((advanced,))
    )
    stretched = advanced is None and raw.size != target.size  # which PyTorch takes for memory that it cannot judge
    if is_tensor and value._storage is not None and x._storage is not None and not filled and not stretched:
        part = x if basic is None else wrap(target)
        part._storage = x._storage
        check_overlap(part, value, advanced is not None, True)
    if advanced is not None:
        _put_into(target, raw, advanced, False)
        written(x)
        return
    if 0 in target.strides:
        check_writable(wrap(target))
    if not is_tensor or raw.ndim == 0:
        _fill_into(target, raw)
    else:
        copy_into(target, _leading_ones_dropped(raw, target.shape))
    written(x)


def written_at_once(x: Any, key: Any, value: Any) -> bool:
    """Whether x[key] = value has been done, which it is where nothing is recorded and nothing can be wrong: for numbers
    that x can hold and tensors of its dtype, at numbers, slices, or tensors of them or of bools."""
    data, raw = x._data, value
    if type(data) is not ndarray or not data.flags.c_contiguous:  # (not all places need be apart)
        return False
    kind, same = type(key), False
    if type(value) is float or type(value) is int:
        if not (-3e38 < value < 3e38 or value in _INFINITE) or data.dtype.char not in "fd":
            return False
    elif not isinstance(value, TensorBase):
        return False
    else:
        raw = value._data
        if raw.dtype is not data.dtype or type(raw) is not ndarray or (value._node is not None and mode.enabled):
            return False
        if not _apart(x, value):
            if raw.size != 1:
                return False
            same = True  # perhaps, as in x[key] += 1, which ends by writing x[key] into itself
    if not outside(x):
        return False
    shape: Any = ()  # of a tensor that is written
    if kind is tuple:
        key = _with_ints(key)
    place: Any = (key, ...)
    if kind is int:
        shape = data.shape[1:]
    elif kind is slice or (kind is tuple and key and not isinstance(key[0], TensorBase)):
        keys = (key,) if kind is slice else key
        if _plain(data, keys) is None:
            return False
        place = keys if keys[0] is Ellipsis else (*keys, ...)
        if raw is not value and (raw.ndim or same):
            try:
                target = data[place]
            except IndexError:
                return False  # said below
            if same:
                if target.size != 1 or address(target) != address(raw):
                    return False
                written(x)
                return True
            shape = target.shape
    elif same:
        return False
    else:
        tensors = key if kind is tuple else (key,)
        if not tensors:
            return False
        for t in tensors:
            if not isinstance(t, TensorBase) or not t._data.ndim or type(t._data) is not ndarray or not _apart(x, t):
                return False
            if t._data.dtype.char != "l" and (t._data.dtype.char != "?" or t is not key):
                return False
        place = tuple([t._data for t in tensors])
        first = place[0].shape
        for k in place:
            if k.shape != first:
                return False
        masked = place[0].dtype.char == "?"
        if raw is not value and raw.ndim:
            shape = raw.shape[:1] + data.shape[len(first) :] if masked else first + data.shape[len(place) :]
        elif masked and first == data.shape:
            select.fill(data, place[0], raw)
            written(x)
            return True
    if raw is not value and raw.ndim and shape != raw.shape:
        return False
    try:
        data[place] = raw
    except (IndexError, ValueError):
        return False  # said below
    written(x)
    return True


_INFINITE = (math.inf, -math.inf)


def _with_ints(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """A key with Python's numbers for tensors of one, if there are any; else the key itself."""
    for k in key:
        if _is_number(k):
            return tuple([k._data.item() if _is_number(k) else k for k in key])
    return key


def _is_number(k: Any) -> bool:
    return isinstance(k, TensorBase) and not k._data.ndim and k._data.dtype.char == "l" and type(k._data) is ndarray


def _apart(x: Any, t: Any) -> bool:
    """Whether two tensors certainly share no memory."""
    return t._storage is None or x._storage is None or not t._storage.shares(x._storage)


def _check_index(x: Any, place: Any, index: Any, fills: bool) -> None:
    """Raise PyTorch's error if an index shares memory with the place that is written with it.

    A mask may be the very place if it is filled with one value.
    """
    if index is x:
        if not fills:
            raise RuntimeError(SHARED_MEMORY)
        return
    target = wrap(place)
    target._storage = x._storage
    check_overlap(target, index, not fills, True)


def _fills(x: Any, key: Any, advanced: tuple[Any, ...]) -> bool:
    """True if PyTorch fills x[key], a mask, with one value; for a single bool it does not."""
    return one_mask((advanced,)) and not (isinstance(key, bool) or (isinstance(key, TensorBase) and not key._data.ndim))


def _fill_into(target: Any, value: Any) -> None:
    if type(value) is Batched and value.level > level_of(target):
        raise WritesUnbatched
    target[...] = value if value.dtype == target.dtype else cast(value, target.dtype)


def _put_into(target: Any, value: Any, key: Any, accumulate: bool) -> None:
    try:
        if value.size == 1 and value.ndim > 1:  # NumPy's masks take no more dimensions than there are
            value = value.reshape(())
        put_into(target, value, key, accumulate)
    except (IndexError, ValueError) as error:
        value, where = np.asarray(value), key  # a value that does not fit is told of first
        if 0 not in target.shape:
            where = tuple([k * 0 if isinstance(k, ndarray) and k.dtype.kind != "b" else k for k in key])
        if type(error) is IndexError:
            if "out of bounds" not in str(error) or 0 in target.shape or _broadcasts(value.shape, target[where].shape):
                raise index_error(error, wrap(target), key) from None
        result = target[where].shape
        if value.ndim > len(result) and value.shape[: value.ndim - len(result)] == (1,) * (value.ndim - len(result)):
            _put_into(target, value.reshape(value.shape[value.ndim - len(result) :]), key, accumulate)
            return
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(value.shape)} cannot be broadcast to indexing result of "
            f"shape {list(result)}"
        ) from None


def _broadcasts(have: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether what has a shape broadcasts to another."""
    return len(have) <= len(shape) and all(n in (1, m) for n, m in zip(have[::-1], shape[::-1]))


def _leading_ones_dropped(value: Any, shape: tuple[int, ...]) -> Any:
    """A value without the dimensions of size 1 in front that its place does not have.

    Raises RuntimeError if it does not broadcast to the place.
    """
    have = value.shape if isinstance(value, ndarray) else value._data.shape
    if have == shape:
        return value
    extra = len(have) - len(shape)
    if extra > 0 and have[:extra] == (1,) * extra:
        have = have[extra:]
        value = value.reshape(have) if isinstance(value, ndarray) else S.reshape(value, have)
    if not _broadcasts(have, shape):
        raise expand_error(have, shape)
    return value


def split(x: Any, key: Any) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]:
    """A key as (basic key or None, key of arrays or None). The basic key ends with an Ellipsis."""
    alone: str | None = None  # what is said of a key that is no tuple, for a tensor without dimensions
    if type(key) is tuple:
        for k in key:
            if type(k) is not int:
                break
        else:
            if len(key) <= x._data.ndim:
                return ((*key, ...) if key else None), None
    else:
        if type(key) is slice:
            alone = "slice() cannot be applied to a 0-dim tensor."
        elif not isinstance(key, TensorBase) and hasattr(key, "__index__"):
            alone = _SCALAR
        key = tuple(key) if isinstance(key, (list, tuple)) and _is_tuple(key) else (key,)
    items = []
    used = 0
    plain = True
    for k in key:
        kind = type(k)
        if kind is int:
            used += 1
        elif kind is slice:
            start, stop, step = k.start, k.stop, k.step
            if (start is not None and type(start) is not int) or (stop is not None and type(stop) is not int):
                k = checked_slice(k)
            elif step is not None and (type(step) is not int or step <= 0):
                k = checked_slice(k)
            used += 1
        elif k is None or k is Ellipsis:
            plain = plain and k is None
        else:
            plain = False
            k = _read(k)
            if type(k) is ndarray:
                used += k.ndim if k.dtype.kind == "b" else 1
            elif type(k) is int:
                used += 1
        items.append(k)
    ndim = x._data.ndim
    if used > ndim:
        if ndim == 0 and alone is not None:
            raise IndexError(alone)
        raise IndexError(f"too many indices for tensor of dimension {ndim}")
    if not plain:
        return _sorted_out(items, ndim - used, x._data.shape)
    basic = _without_whole(items, x._data.shape)
    return (None if basic is None else (*basic, ...)), None


def _without_whole(basic: list[Any], shape: tuple[int, ...]) -> list[Any] | None:
    """A basic key with slices that cover their dimension as `:`; None if there is nothing else in it."""
    at, simple = 0, True
    for i, k in enumerate(basic):
        if type(k) is slice:
            start, stop, step = k.start, k.stop, k.step
            if (start is None or start == 0) and (stop is None or stop >= shape[at]) and (step is None or step == 1):
                basic[i] = _ALL
            else:
                simple = False
        else:
            simple = False
        at += k is not None
    return None if simple else basic


def _sorted_out(
    items: list[Any], left: int, shape: tuple[int, ...]
) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]:
    """Both keys of `split`; `left` dimensions are not named by any item."""
    basic: list[Any] = []
    arrays: list[Any] = []
    ellipsis_seen = found = False
    for k in items:
        if type(k) is int:
            basic.append(k)
        elif type(k) is slice:
            basic.append(k)
            arrays.append(_ALL)
        elif k is None:
            basic.append(None)
            arrays.append(_ALL)
        elif k is Ellipsis:
            if ellipsis_seen:  # a second one counts as a full slice
                continue
            ellipsis_seen = True
            basic += [_ALL] * left
            arrays += [_ALL] * left
        elif type(k) is bool:
            basic.append(None)
            arrays.append(np.asarray([k]))
            found = True
        else:
            basic += [_ALL] * (k.ndim if k.dtype.kind == "b" else 1)
            arrays.append(k)
            found = True
    whole = _without_whole(basic, shape)
    return (None if whole is None else (*whole, ...)), (tuple(arrays) if found else None)


def _is_tuple(key: Any) -> bool:
    """PyTorch reads a short list as a tuple if anything in it is no number."""
    if isinstance(key, tuple):
        return True
    return len(key) < 32 and any(
        k is None or k is Ellipsis or isinstance(k, (TensorBase, slice, list, tuple, ndarray)) for k in key
    )


def _read(k: Any) -> Any:
    """An item of a key as an int, a bool or an array of integers or bools.

    Raises IndexError for anything else.
    """
    if isinstance(k, TensorBase):
        a = k._data
        if a.dtype.kind == "b" or a.dtype == np.uint8:
            return bool(a) if a.ndim == 0 else a.astype(bool, copy=False)
        if a.dtype.kind != "i" or (a.dtype.itemsize < 4 and a.ndim):
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        return int(a) if a.ndim == 0 else a
    if isinstance(k, (bool, np.bool_)):
        return bool(k)
    if isinstance(k, (list, tuple, range, ndarray)):
        if isinstance(k, ndarray):
            a = k
        else:
            a = array_from(k)
            a = a.astype(np.int64) if a.size == 0 and a.dtype.kind == "f" else a
        return _read(wrap(a)) if a.ndim or not isinstance(k, ndarray) or a.dtype.kind in "iub" else _refused(k)
    if hasattr(k, "__index__"):
        return int(k.__index__())
    if isinstance(k, str):
        raise TypeError("new(): invalid data type 'str'")
    return _refused(k)


def _refused(k: Any) -> Any:
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
        f"(got {type(k).__name__})"
    )


def checked_slice(s: slice) -> slice:
    """A slice whose bounds are integers.

    Raises ValueError for a step that is not positive, TypeError for bounds that are no integers.
    """
    start, stop, step = s.start, s.stop, s.step
    if start is not None and type(start) is not int:
        start = _bound(start)
    if stop is not None and type(stop) is not int:
        stop = _bound(stop)
    if step is None:
        return slice(start, stop)
    step = step if type(step) is int else _bound(step)
    if step is not None and step <= 0:
        raise ValueError("step must be greater than zero" if step else "slice step cannot be zero")
    return slice(start, stop, step)


def _bound(v: Any) -> int:
    if not hasattr(v, "__index__"):
        raise TypeError("slice indices must be integers or None or have an __index__ method")
    return int(v)


def _entry_for(basic: tuple[Any, ...]) -> Callable[..., Any]:
    """The entry by the last thing that the key does, which names the node as PyTorch does."""
    for k in reversed(basic[:-1]):
        if type(k) is int:
            return I.select
        if k is None:
            return I.unsqueezed
        if k != _ALL:
            break
    return I.slice_


def viewed(x: Any, key: tuple[Any, ...], given: Any = None) -> Any:
    """x at a basic key, as a view; `given` is the key as the user wrote it."""
    try:
        return _entry_for(key)(x, key)
    except IndexError as error:
        raise index_error(error, x, key, given) from None


def _sliced(x: Any, key: tuple[Any, ...], given: Any = None) -> Any:
    try:
        return x._data[key]
    except IndexError as error:
        raise index_error(error, x, key, given) from None


def index_error(error: Exception, x: Any, key: Any, given: Any = None) -> IndexError:
    """PyTorch's words for NumPy's IndexError."""
    data = x._data
    if data.ndim == 0:
        return IndexError(_SCALAR)
    text = str(error)
    if text.startswith("cannot do a non-empty take"):
        return IndexError("index is out of bounds for dimension with size 0")
    if "out of bounds" in text:  # PyTorch counts the items of a tuple, or the tensors among them, not the dimensions
        places = (
            [i for i, k in enumerate(given) if k is None or k is Ellipsis or isinstance(k, int)]
            if isinstance(given, tuple)
            else []
        )
        at = arrays = 0
        for i, k in enumerate(key):
            if type(k) is int:
                if not -data.shape[at] <= k < data.shape[at]:
                    place = next(
                        (
                            p
                            for p in places
                            if given[p] == k and type(given[p]) is int and p >= len(given) - (len(key) - i)
                        ),
                        i,
                    )
                    return IndexError(f"index {k} is out of bounds for dimension {place} with size {data.shape[at]}")
            elif isinstance(k, ndarray) and k.dtype.kind != "b":
                bad = k[(k < -data.shape[at]) | (k >= data.shape[at])]
                if bad.size:
                    return IndexError(
                        f"index {bad.flat[0]} is out of bounds for dimension {arrays} with size {data.shape[at]}"
                    )
                arrays += 1
            elif isinstance(k, ndarray):
                arrays, at = arrays + k.ndim, at + k.ndim - 1
            at += k is not None and k is not Ellipsis
    text = str(error).replace("axis", "dimension")
    if text.startswith("boolean index did not match"):
        at = 0
        for k in key:
            if isinstance(k, ndarray) and k.dtype.kind == "b":
                for i, n in enumerate(k.shape):
                    if n != data.shape[at + i]:
                        text = (
                            f"The shape of the mask {list(k.shape)} at index {i} does not match the shape of the "
                            f"indexed tensor {list(data.shape)} at index {at + i}"
                        )
                        return IndexError(text)
                at += k.ndim
            else:
                at += k is not None
    if text.startswith("shape mismatch"):
        each = [k.nonzero() if k.dtype.kind == "b" else (k,) for k in key if isinstance(k, ndarray)]
        shapes = ", ".join(str(list(k.shape)) for indices in each for k in indices)
        text = f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
    return IndexError(text)
