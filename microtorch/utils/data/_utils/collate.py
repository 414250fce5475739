"""From a list of samples to a batch: `default_collate`; from arrays to tensors: `default_convert`."""

from __future__ import annotations

import collections.abc
import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch import dtypes
from microtorch._tensor import Tensor
from microtorch.autograd.state import wrap
from microtorch.functions.creation import as_tensor, tensor
from microtorch.functions.shape import stack
from microtorch.kernels.layouts import is_sparse

CollateMap = dict[type | tuple[type, ...], Callable[..., Any]]

_NO_NUMBERS = "SUO"  # kinds of NumPy dtypes that no tensor can hold: bytes, text, objects
default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def _like(
    original: Any, make: Callable[[], Any], change: Callable[[Any], None], plain: Callable[[], Any], mutable: type
) -> Any:
    """A container of the original's class: changed in a copy, or made anew; if the class refuses, a plain one."""
    try:
        if isinstance(original, mutable):
            clone = copy.copy(original)  # keeps what a subclass has besides
            change(clone)
            return clone
        return make()
    except TypeError:  # the class takes other arguments, or has no update or item assignment
        return plain()


def _mapping(original: Any, values: dict[Any, Any]) -> Any:
    return _like(
        original,
        lambda: type(original)(values),
        lambda clone: clone.update(values),
        lambda: values,
        collections.abc.MutableMapping,
    )


def _sequence(original: Any, values: list[Any]) -> Any:
    def change(clone: Any) -> None:
        for i, value in enumerate(values):
            clone[i] = value

    return _like(original, lambda: type(original)(values), change, lambda: values, collections.abc.MutableSequence)


def default_convert(data: Any) -> Any:
    """NumPy arrays and numbers in it as tensors, in containers too; the rest as it is.

    >>> default_convert([np.arange(2), "a"])
    [tensor([0, 1]), 'a']
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, np.ndarray):
        return data if data.dtype.kind in _NO_NUMBERS else as_tensor(data)
    if isinstance(data, np.generic) and not isinstance(data, np.str_):
        return as_tensor(data)
    if isinstance(data, collections.abc.Mapping):
        return _mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*[default_convert(d) for d in data])
    if isinstance(data, tuple):
        return [default_convert(d) for d in data]
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes)):
        return _sequence(data, [default_convert(d) for d in data])
    return data


def collate(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """The samples as one: each kind of element by its function in `collate_fn_map`, containers element by element.

    Raises TypeError for what is neither, RuntimeError for sequences of different lengths.
    """
    first = batch[0]
    kind = type(first)
    if collate_fn_map is not None:
        function = collate_fn_map.get(kind)
        if function is None:
            function = next((f for k, f in collate_fn_map.items() if isinstance(first, k)), None)
        if function is not None:
            return function(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, collections.abc.Mapping):
        return _mapping(first, {key: collate([d[key] for d in batch], collate_fn_map=collate_fn_map) for key in first})
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*[collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)])
    if isinstance(first, collections.abc.Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)]
        return columns if isinstance(first, tuple) else _sequence(first, columns)
    raise TypeError(default_collate_err_msg_format.format(kind))


def collate_tensor_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Tensors of one shape: stacked."""
    if is_sparse(batch[0]._data):
        raise RuntimeError(
            "Batches of sparse tensors are not currently supported by the default collate_fn; please provide a custom "
            "collate_fn to handle them appropriately."
        )
    arrays: list[Any] = [t._data if type(t) is Tensor and t._node is None else None for t in batch]
    first = arrays[0]
    if (
        first is None
        or not first.ndim
        or any(a is None or a.shape != first.shape or a.dtype != first.dtype for a in arrays)
    ):
        return stack(list(batch), 0)
    return wrap(np.concatenate(arrays).reshape(len(arrays), *first.shape))  # the same, in one call of NumPy


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Arrays of one shape: stacked, as a tensor."""
    if batch[0].dtype.kind in _NO_NUMBERS:
        raise TypeError(default_collate_err_msg_format.format(batch[0].dtype))
    return collate([as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """NumPy's numbers: a tensor of their dtype."""
    return as_tensor(np.array(batch))


def collate_float_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Python's floats: a float64 tensor."""
    return tensor(batch, dtype=dtypes.float64)


def collate_int_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Python's integers and bools: an int64 or bool tensor."""
    return tensor(batch)


def collate_str_fn(batch: Any, *, collate_fn_map: CollateMap | None = None) -> Any:
    """Texts: the list of them."""
    return batch


default_collate_fn_map: CollateMap = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch: Any) -> Any:
    """The samples as one batch: tensors, arrays and numbers stacked along a new first dimension, within any containers.

    Raises TypeError for elements of other kinds.

    >>> default_collate([(1, {"x": 0.5}), (2, {"x": 1.5})])
    [tensor([1, 2]), {'x': tensor([0.5000, 1.5000], dtype=torch.float64)}]
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
