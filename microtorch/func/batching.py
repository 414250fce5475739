"""vmap: a function of one example, applied to all examples at once.

The function runs once, on tensors that look like one example and hold all of them (kernels/batched.py). What has no
rule for that runs once for each example: a single operation if possible, else the whole function; the results are
the same.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from microtorch import random
from microtorch.autograd import batches
from microtorch.autograd.state import Storage, TensorBase, storage_of
from microtorch.autograd.table import tensors as xp
from microtorch.functions.join import stack
from microtorch.functions.shape import select
from microtorch.kernels.batched import Batched, NotBatchable, WritesUnbatched
from microtorch.utils._pytree import TreeSpec, broadcast_prefix, tree_flatten, tree_map, tree_unflatten

Dims = Any  # int, None, or a pytree of them


def vmap(
    func: Callable[..., Any],
    in_dims: Dims = 0,
    out_dims: Dims = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that maps `func` over a dimension of its tensor arguments.

    in_dims: the dimension of each argument that is mapped over (None: every example gets the whole argument), as one
    int or a tuple with the structure of the arguments. out_dims: where that dimension is in the results.
    randomness: random functions inside are an "error", draw the "same" numbers for all examples, or "different" ones.
    chunk_size: so many examples at a time.
    Raises ValueError for dimensions that do not fit, RuntimeError where the function looks at a tensor's value.

    >>> import microtorch as torch
    >>> x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> torch.vmap(torch.dot)(x, x)
    tensor([ 5., 25.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if not (chunk_size is None or chunk_size > 0):
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        _check_out_dims(out_dims, func)
        size, dims, flat, spec = _inputs(in_dims, args, func)
        if chunk_size is None or chunk_size >= size:
            return _mapped(func, size, dims, flat, spec, out_dims, randomness, kwargs)
        parts = []
        for start in range(0, size, chunk_size):
            n = min(chunk_size, size - start)
            some = [a if d is None else a.narrow(d, start, n) for a, d in zip(flat, dims)]
            parts.append(_mapped(func, n, dims, some, spec, out_dims, randomness, kwargs))
        leaves, out_spec = [tree_flatten(p)[0] for p in parts], tree_flatten(parts[0])[1]
        where = _out_dims(out_dims, parts[0], out_spec, func)
        return tree_unflatten(
            [
                column[0] if d is None else xp.cat(list(column), d % column[0].dim())
                for column, d in zip(zip(*leaves), where)
            ],
            out_spec,
        )

    return wrapped


def name_of(func: Any) -> str:
    """The function's name for messages."""
    if hasattr(func, "__name__"):
        return str(func.__name__)
    if isinstance(func, functools.partial):
        return f"functools.partial({name_of(func.func)}, ...)"
    return repr(func)


def _check_out_dims(out_dims: Dims, func: Any) -> None:
    def check(d: Any) -> None:
        if d is not None and not isinstance(d, int):
            raise ValueError(
                f"vmap({name_of(func)}, ..., out_dims={out_dims}): `out_dims` must be an int, None or a python "
                "collection of ints representing where in the outputs the vmapped dimension should appear."
            )

    tree_map(check, out_dims)


def _inputs(in_dims: Dims, args: tuple[Any, ...], func: Any) -> tuple[int, list[int | None], list[Any], TreeSpec]:
    """The number of examples, the dimension of each tensor that is mapped over, and the arguments, flat."""
    start = f"vmap({name_of(func)}, in_dims={in_dims}, ...)(<inputs>): "
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{start}expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, "
            f"got: {type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name_of(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to "
            "vmap over a function with no inputs. The latter is unsupported."
        )
    flat, spec = tree_flatten(args)
    dims = broadcast_prefix(in_dims, spec)
    if dims is None:
        raise ValueError(
            f"{start}in_dims is not compatible with the structure of `inputs`. in_dims has structure "
            f"{tree_flatten(in_dims)[1]} but inputs has structure {spec}."
        )
    for i, (a, d) in enumerate(zip(flat, dims)):
        if d is None:
            continue
        if not isinstance(d, int):
            raise ValueError(
                f"{start}Got in_dim={d} for an input but in_dim must be either an integer dimension or None."
            )
        if not isinstance(a, TensorBase):
            raise ValueError(
                f"{start}Got in_dim={d} for an input but the input is of type {type(a)}. We cannot vmap over "
                "non-Tensor arguments, please use None as the respective in_dim"
            )
        ndim = a._data.ndim
        if not -ndim <= d < ndim:
            raise ValueError(
                f"{start}Got in_dim={d} for some input, but that input is a Tensor of dimensionality {ndim} so "
                f"expected in_dim to satisfy -{ndim} <= in_dim < {ndim}."
            )
        dims[i] = d % ndim
    sizes = [a._data.shape[d] for a, d in zip(flat, dims) if d is not None]
    if not sizes:
        raise ValueError("vmap: Expected at least one Tensor to vmap over")
    if any(n != sizes[0] for n in sizes):
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    return sizes[0], dims, flat, spec


def _out_dims(out_dims: Dims, outputs: Any, spec: TreeSpec, func: Any) -> list[int | None]:
    """The dimension for each leaf of the results."""

    def incompatible() -> NoReturn:
        raise ValueError(
            f"vmap({name_of(func)}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure "
            f"of `outputs`. out_dims has structure {tree_flatten(out_dims)[1]} but outputs has structure {spec}."
        )

    if isinstance(outputs, TensorBase):
        if isinstance(out_dims, tuple) and len(out_dims) == 1:
            return list(out_dims)
        if not (out_dims is None or isinstance(out_dims, int)):
            incompatible()
        return [out_dims]
    found = broadcast_prefix(out_dims, spec)
    if found is None:
        incompatible()
    return found


def _check_output(value: Any, dim: int | None, func: Any, batched: bool) -> None:
    name = name_of(func)
    if dim is None:
        if batched:
            raise ValueError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
        return
    if not isinstance(value, TensorBase):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(value)}. Did you mean to set "
            "out_dims= to None for output?"
        )
    ndim = value._data.ndim
    if not -ndim - 1 <= dim <= ndim:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-ndim - 1}, {ndim}], but got {dim})")


def has_level(t: Any, level: int) -> bool:
    """True if the tensor holds a value for each example of that vmap."""
    data: Any = t._data if isinstance(t, TensorBase) else None
    while type(data) is Batched:
        if data.level == level:
            return True
        data = data.full
    return False


class _Notes(threading.local):
    """The storages that were written on this thread, for each vmap that runs."""

    logs: tuple[list[weakref.ref[Storage]], ...] = ()


_notes = _Notes()
_wrote = Storage.wrote
_lock = threading.Lock()
_count = 0


def _noting(self: Storage, clock: int) -> None:
    for log in _notes.logs:
        log.append(weakref.ref(self))
    _wrote(self, clock)


@contextmanager
def _noted_writes() -> Iterator[list[weakref.ref[Storage]]]:
    """Inside, every write in place is noted. (Only while a vmap runs: writes are frequent elsewhere.)"""
    global _count
    log: list[weakref.ref[Storage]] = []
    with _lock:
        _count += 1
        Storage.wrote = _noting  # type: ignore[method-assign]
    _notes.logs = (*_notes.logs, log)
    try:
        yield log
    finally:
        _notes.logs = _notes.logs[:-1]
        with _lock:
            _count -= 1
            if not _count:
                Storage.wrote = _wrote  # type: ignore[method-assign]


def _linked(t: Any, source: Any) -> Any:
    """t with the storage of `source`, whose memory it shares: writes to either are writes to both."""
    t._storage = storage_of(source)
    if t._node is not None and t._node.storage is None:
        t._node.storage = t._storage
    return t


def _mapped(
    func: Any,
    size: int,
    dims: Sequence[int | None],
    flat: Sequence[Any],
    spec: TreeSpec,
    out_dims: Dims,
    randomness: str,
    kwargs: dict[str, Any],
) -> Any:
    """All examples at once; one after the other if something inside cannot do that."""
    inside: list[Any] = []
    try:
        with _noted_writes() as writes, batches.running(size, randomness) as level:
            inside += [a if d is None else _linked(batches.batch(a, d, level), a) for a, d in zip(flat, dims)]
            outputs = func(*tree_unflatten(inside, spec), **kwargs)
            leaves, out_spec = tree_flatten(outputs)
            where = _out_dims(out_dims, outputs, out_spec, func)
            results = []
            for t, d in zip(leaves, where):
                _check_output(t, d, func, has_level(t, level))
                result = t if d is None else batches.unbatch(t, d, level, size)
                if d is not None and t._storage is None and has_level(t, level):
                    _linked(t, result)
                results.append(result)
        return tree_unflatten(results, out_spec)
    except WritesUnbatched as error:
        raise RuntimeError(str(error)) from None
    except NotBatchable as error:
        reason = str(error)
    # The function runs again, for each example, and must find everything as it was. What it made itself is gone by now.
    if any(ref() is not None for ref in writes):
        raise NotImplementedError(
            "microtorch: vmap of a function that writes in place to its inputs, or to a tensor from outside, and uses "
            f"something that can only be done for one example at a time ({reason})"
        )
    return _one_by_one(func, size, dims, flat, spec, out_dims, randomness, kwargs)


def _one_by_one(
    func: Any,
    size: int,
    dims: Sequence[int | None],
    flat: Sequence[Any],
    spec: TreeSpec,
    out_dims: Dims,
    randomness: str,
    kwargs: dict[str, Any],
) -> Any:
    """The function called for each example, and the results stacked."""
    generator = random.default_generator
    state = generator._state_array()
    columns: list[list[Any]] = []
    out_spec: TreeSpec | None = None
    where: list[int | None] = []
    for i in range(size):
        if randomness == "same" and i:
            generator._set_state_array(state)
        with batches.running(size, randomness, each=True):
            outputs = func(
                *tree_unflatten([a if d is None else select(a, d, i) for a, d in zip(flat, dims)], spec), **kwargs
            )
        leaves, out_spec = tree_flatten(outputs)
        if not i:
            where = _out_dims(out_dims, outputs, out_spec, func)
            columns = [[] for _ in leaves]
        for column, t in zip(columns, leaves):
            column.append(t)
    if out_spec is None:
        raise NotImplementedError("microtorch: vmap over a dimension of size 0 of a function without a rule for it")
    results = []
    for column, d in zip(columns, where):
        first = column[0]
        _check_output(first, d, func, isinstance(first, TensorBase) and any(t is not first for t in column))
        if d is None:
            results.append(first)
            continue
        if any(t._data.shape != first._data.shape for t in column):
            raise RuntimeError(
                "vmap: We do not support batching operators that can output dynamic shape. The function's results for "
                f"different examples have shapes {sorted({tuple(t._data.shape) for t in column})}."
            )
        results.append(stack(column, d % (first._data.ndim + 1)))
    return tree_unflatten(results, out_spec)


__all__ = ["has_level", "name_of", "np", "vmap"]
