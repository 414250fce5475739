"""x[key] and x[key] = value, as PyTorch reads keys.

Numbers, slices, None and ... are applied first, as a view; tensors, lists and masks then index what is left. (NumPy instead
counts a number beside an array as an array, which moves dimensions elsewhere.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.inplace import assign, check_writable, place
from microtorch.autograd.modes import mode
from microtorch.autograd.node import written
from microtorch.autograd.state import TensorBase, wrap
from microtorch.ops import index as I
from microtorch.ops import pointwise as P
from microtorch.ops import shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

_BASIC = (int, slice, type(None), type(Ellipsis), np.integer)


def getitem(x: Any, key: Any) -> Tensor:
    """x[key].

    >>> import microtorch as torch
    >>> x = torch.arange(6).reshape(2, 3)
    >>> x[0, 1:], x[:, [2, 0]], x[x > 3]
    (tensor([1, 2]), tensor([[2, 0],
            [5, 3]]), tensor([4, 5]))
    """
    kind = type(key)
    if kind is int:
        return _viewed(I.select, x, (key, ...))
    if kind is slice:
        return _viewed(I.slice_, x, (_checked_slice(key), ...))
    basic, advanced = split(x, key)
    if basic is not None:
        x = _viewed(_entry_for(basic), x, basic)
    elif advanced is None:
        return I.view_alias(x)
    if advanced is None:
        return x  # type: ignore[no-any-return]
    try:
        return I.index(x, advanced)  # type: ignore[no-any-return]
    except IndexError as error:
        raise _index_error(error, x, advanced) from None


def setitem(x: Any, key: Any, value: Any) -> None:
    """x[key] = value, recorded if x or the value is part of a graph."""
    check_writable(x)
    basic, advanced = split(x, key)
    recorded = mode.enabled and (x._node is not None or (isinstance(value, TensorBase) and value._node is not None))
    target = x._data
    if not recorded:
        if basic is not None:
            target = _sliced(target, basic)
        raw = value._data if isinstance(value, TensorBase) else value
        try:
            with np.errstate(all="ignore"):
                if advanced is not None:
                    target[advanced] = _fitted(raw, target.dtype)
                else:
                    target[...] = _fitted(raw, target.dtype)
        except ValueError as error:
            raise _value_error(error, raw, target, advanced) from None
        except IndexError as error:
            raise _index_error(error, x, advanced) from None
        written(x)
        return
    if not isinstance(value, TensorBase):
        value = wrap(np.asarray(value, target.dtype))
    elif value._data.dtype != target.dtype:
        value = P.cast(value, target.dtype)
    part = _viewed(_entry_for(basic), x, basic) if basic is not None else x
    if advanced is None:
        extra = value._data.ndim - part._data.ndim
        if extra > 0 and value._data.shape[:extra] == (1,) * extra:
            value = S.reshape(value, value._data.shape[extra:])
        try:
            full = S.expand(value, part._data.shape)
        except RuntimeError as error:
            raise _value_error(error, value._data, part._data, None) from None
        np.copyto(part._data, full._data)
        written(part)
        place(part, full._node)
    else:
        assign(part, I.index_put(wrap(part._data.copy(), part._node), value, advanced, False))


def split(x: Any, key: Any) -> tuple[tuple[Any, ...] | None, tuple[Any, ...] | None]:
    """A key as (basic key or None, key of arrays or None). The basic key ends with an Ellipsis."""
    parts = key if type(key) is tuple else (key,)
    basic: list[Any] = []
    arrays: list[Any] = []
    ndim = x._data.ndim
    used = 0
    for k in parts:
        if (isinstance(k, TensorBase) and k._data.dtype.kind == "b") or (isinstance(k, np.ndarray) and k.dtype.kind == "b"):
            used += k._data.ndim if isinstance(k, TensorBase) else k.ndim
        elif isinstance(k, list) and k and np.asarray(k).dtype.kind == "b":
            used += np.asarray(k).ndim
        elif k is not None and k is not Ellipsis and not isinstance(k, (bool, np.bool_)):
            used += 1
    if used > ndim:
        raise IndexError(f"too many indices for tensor of dimension {ndim}")
    ellipsis_seen = False
    simple = True
    for k in parts:
        if type(k) is slice:
            k = _checked_slice(k)
            basic.append(k)
            arrays.append(slice(None))
            simple = simple and k == slice(None)
        elif k is None:
            basic.append(None)
            arrays.append(slice(None))
            simple = False
        elif k is Ellipsis:
            if ellipsis_seen:
                raise IndexError("an index can only have a single ellipsis ('...')")
            ellipsis_seen = True
            fill = [slice(None)] * (ndim - used)
            basic += fill
            arrays += fill
        elif isinstance(k, (bool, np.bool_)):
            basic.append(None)
            arrays.append(np.asarray([k]))
            simple = False
        elif isinstance(k, (int, np.integer)):
            basic.append(int(k))
            simple = False
        elif isinstance(k, TensorBase) and k._data.ndim == 0 and k._data.dtype.kind in "iu":
            basic.append(int(k._data))
            simple = False
        else:
            a = _index_array(k)
            basic += [slice(None)] * (a.ndim if a.dtype.kind == "b" else 1)
            arrays.append(a)
    key_arrays = tuple(arrays) if any(isinstance(a, np.ndarray) for a in arrays) else None
    return (None if simple else (*basic, ...)), key_arrays


def _index_array(k: Any) -> Any:
    if isinstance(k, TensorBase):
        a = k._data
    elif isinstance(k, (list, tuple, range, np.ndarray)):
        a = np.asarray([int(e) if isinstance(e, TensorBase) else e for e in k] if isinstance(k, list) else k)
        if a.size == 0 and a.dtype.kind == "f":
            a = a.astype(np.int64)
    elif hasattr(k, "__index__"):
        a = np.asarray(k.__index__())
    else:
        a = np.asarray(None)
    if a.dtype == np.uint8:
        a = a.astype(bool)
    if a.dtype.kind not in "iub":
        if isinstance(k, TensorBase):
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
            f"(got {type(k).__name__})"
        )
    return a


def _checked_slice(s: slice) -> slice:
    if s.step is not None and s.step <= 0:
        raise ValueError("step must be greater than zero")
    if isinstance(s.start, TensorBase) or isinstance(s.stop, TensorBase) or isinstance(s.step, TensorBase):
        return slice(*(int(v) if isinstance(v, TensorBase) else v for v in (s.start, s.stop, s.step)))
    return s


def _entry_for(basic: tuple[Any, ...]) -> Any:
    """The entry by the last thing that the key does, which names the node as PyTorch does."""
    for k in reversed(basic[:-1]):
        if type(k) is int:
            return I.select
        if k is None:
            return I.unsqueezed
        if k != slice(None):
            return I.slice_
    return I.slice_


def _viewed(entry: Any, x: Any, key: tuple[Any, ...]) -> Any:
    try:
        return entry(x, key)
    except IndexError as error:
        raise _index_error(error, x, key) from None


def _sliced(a: Any, key: tuple[Any, ...]) -> Any:
    try:
        return a[key]
    except IndexError as error:
        raise _index_error(error, wrap(a), key) from None


def _index_error(error: Exception, x: Any, key: Any) -> IndexError:
    data = x._data
    if data.ndim == 0:
        return IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a 0-dim "
            "tensor to a number"
        )
    text = str(error).replace("axis", "dimension")
    if text.startswith("boolean index did not match"):
        mask = next(k for k in key if isinstance(k, np.ndarray) and k.dtype.kind == "b")
        at = next((i for i in range(min(mask.ndim, data.ndim)) if mask.shape[i] != data.shape[i]), 0)
        text = (
            f"The shape of the mask {list(mask.shape)} at index {at} does not match the shape of the indexed tensor "
            f"{list(data.shape)} at index {at}"
        )
    if text.startswith("shape mismatch"):
        shapes = ", ".join(str(list(k.shape)) for k in key if isinstance(k, np.ndarray))
        text = f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
    return IndexError(text)


def _value_error(error: Exception, raw: Any, target: Any, advanced: Any) -> RuntimeError:
    shape = list(np.shape(raw))
    if advanced is not None:
        return RuntimeError(
            f"shape mismatch: value tensor of shape {shape} cannot be broadcast to indexing result of shape "
            f"{list(target[advanced].shape)}"
        )
    if len(shape) > target.ndim and any(n != 1 for n in shape[: len(shape) - target.ndim]):
        return RuntimeError(
            f"expand(torch.FloatTensor{{{shape}}}, size={list(target.shape)}): the number of sizes provided ({target.ndim}) must "
            f"be greater or equal to the number of dimensions in the tensor ({len(shape)})"
        )
    for i in range(1, min(len(shape), target.ndim) + 1):
        if shape[-i] not in (1, target.shape[-i]):
            return RuntimeError(
                f"The expanded size of the tensor ({target.shape[-i]}) must match the existing size ({shape[-i]}) at "
                f"non-singleton dimension {target.ndim - i}.  Target sizes: {list(target.shape)}.  Tensor sizes: {shape}"
            )
    return RuntimeError(str(error))


def _fitted(raw: Any, dtype: Any) -> Any:
    """A value as it is written into memory of that dtype (floats are cut to integers, as PyTorch's copy does)."""
    if isinstance(raw, np.ndarray):
        return raw if raw.dtype == dtype else raw.astype(dtype)
    if isinstance(raw, (bool, int, float, complex, np.generic)):
        return np.asarray(raw).astype(dtype)
    raise TypeError(f"can't assign a {type(raw).__name__} to a torch tensor")
