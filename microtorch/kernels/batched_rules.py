"""What NumPy's functions do to arrays with a hidden batch axis: one rule each (see batched.py)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from microtorch.kernels.batched import (
    Batched,
    NotBatchable,
    axis_of,
    copyto,
    full_of,
    level_of,
    max_level,
    rules,
    spread_of,
)


def _rule(*functions: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(rule: Callable[..., Any]) -> Callable[..., Any]:
        rules.update(dict.fromkeys(functions, rule))
        return rule

    return register


def _reduction(function: Any) -> Callable[..., Any]:
    """The rule of a function of one array and an axis that means all if left out."""

    def rule(a: Any, axis: Any = None, *args: Any, **named: Any) -> Any:
        if args or any(named.get(n) is not None for n in ("out", "where")):
            raise NotBatchable(function.__name__)
        for name in ("out", "where"):
            named.pop(name, None)
        return a._new(function(a.full, axis=axis_of(axis, a.ndim), **named))

    def method(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **named: Any
    ) -> Any:
        if dtype is not None:
            named["dtype"] = dtype
        return rule(a, axis, out=out, keepdims=keepdims, **named)

    rules[function] = rule
    if function.__name__ in ("sum", "prod", "max", "min", "mean", "any", "all", "std", "var"):
        setattr(Batched, function.__name__, method)
    return rule


_f: Any
for _f in (np.sum, np.prod, np.max, np.min, np.amax, np.amin, np.mean, np.any, np.all, np.std, np.var,
           np.count_nonzero, np.nansum, np.nanmax, np.nanmin):  # fmt: skip
    _reduction(_f)


def _along(function: Any) -> None:
    """The rule of a function of one array and one axis, which means the flattened array if it is None."""

    def rule(a: Any, axis: Any = None, *args: Any, **named: Any) -> Any:
        if type(a) is not Batched or any(type(v) is Batched for v in (*args, *named.values())):
            raise NotBatchable(function.__name__)
        if named.get("out") is not None:
            raise NotBatchable(function.__name__)
        if axis is None:
            if named.get("keepdims"):
                raise NotBatchable(function.__name__)
            a, axis = a.reshape(a.size), 0
        return a._new(function(a.full, axis_of(axis, a.ndim), *args, **named))

    rules[function] = rule
    setattr(Batched, function.__name__, rule)


for _f in (np.argmax, np.argmin, np.cumsum, np.cumprod):
    _along(_f)


def _sorting(function: Any) -> None:
    def rule(a: Any, axis: Any = -1, *args: Any, **named: Any) -> Any:
        if axis is None:
            raise NotBatchable(function.__name__)
        return a._new(function(a.full, axis_of(axis, a.ndim), *args, **named))

    rules[function] = rule


for _f in (np.sort, np.argsort):
    _sorting(_f)


def _argsort(a: Any, axis: Any = -1, **named: Any) -> Any:
    return rules[np.argsort](a, axis, **named)


Batched.argsort = _argsort  # type: ignore[attr-defined]


rules.update(
    {
        np.shape: lambda a: a.shape,
        np.ndim: lambda a: a.ndim,
        np.size: lambda a, axis=None: a.size if axis is None else a.shape[axis],
        np.iscomplexobj: lambda x: x.dtype.kind == "c",
        np.isrealobj: lambda x: x.dtype.kind != "c",
        np.result_type: lambda *values: np.result_type(*[v.dtype if type(v) is Batched else v for v in values]),
        np.real: lambda val: val.real,
        np.imag: lambda val: val.imag,
        np.copy: lambda a, order="K", subok=False: a.copy(),
        np.ravel: lambda a, order="C": a.reshape(a.size),
        np.transpose: lambda a, axes=None: a.transpose() if axes is None else a.transpose(tuple(axes)),
        np.permute_dims: lambda a, axes=None: a.transpose() if axes is None else a.transpose(tuple(axes)),
        np.matrix_transpose: lambda x: x.mT,
        np.swapaxes: lambda a, axis1, axis2: a.swapaxes(axis1, axis2),
        np.squeeze: lambda a, axis=None: a.squeeze(axis),
        np.diagonal: lambda a, offset=0, axis1=0, axis2=1: a.diagonal(offset, axis1, axis2),
        np.tril: lambda m, k=0: m._new(np.tril(m.full, k)),
        np.triu: lambda m, k=0: m._new(np.triu(m.full, k)),
        np.flip: lambda m, axis=None: m._view(np.flip(m.full, axis_of(axis, m.ndim))),
    }
)


@_rule(np.reshape)
def _reshape(a: Any, shape: Any, order: str = "C", **named: Any) -> Any:
    return a.reshape(shape if isinstance(shape, (tuple, list)) else (shape,), order=order)


@_rule(np.moveaxis)
def _moveaxis(a: Any, source: Any, destination: Any) -> Any:
    return a._view(np.moveaxis(a.full, axis_of(source, a.ndim), axis_of(destination, a.ndim)))


@_rule(np.expand_dims)
def _expand_dims(a: Any, axis: Any) -> Any:
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    return a._view(np.expand_dims(a.full, axis_of(tuple(axes), a.ndim + len(axes))))


@_rule(np.trace)
def _trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    return a.diagonal(offset, axis1, axis2).sum(-1, dtype=dtype)


@_rule(np.broadcast_to)
def _broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    full = full_of(array, array.level, len(shape))
    return array._view(np.broadcast_to(full, (full.shape[0], *shape)))


@_rule(np.roll)
def _roll(a: Any, shift: Any, axis: Any = None) -> Any:
    if axis is None:
        return _roll(a.reshape(a.size), shift, 0).reshape(a.shape)
    return a._new(np.roll(a.full, shift, axis_of(axis, a.ndim)))


@_rule(np.repeat)
def _repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    if type(repeats) is Batched or axis is None:
        raise NotBatchable("repeat")
    return a._new(np.repeat(a.full, repeats, axis_of(axis, a.ndim)))


@_rule(np.pad)
def _pad(array: Any, pad_width: Any, mode: str = "constant", **named: Any) -> Any:
    widths = np.broadcast_to(np.asarray(pad_width), (array.ndim, 2))
    return array._new(np.pad(array.full, [(0, 0), *widths.tolist()], mode, **named))  # type: ignore[call-overload]


@_rule(np.clip)
def _clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, **named: Any) -> Any:
    if a_min is None and a_max is None:
        return a.copy()
    if a_min is None or a_max is None:
        bound, f = (a_max, np.minimum) if a_min is None else (a_min, np.maximum)
        return f(a, bound) if out is None else f(a, bound, out=out)
    r = np.minimum(np.maximum(a, a_min), a_max)
    if out is None:
        return r
    copyto(out, r)
    return out


def _clip_method(a: Any, min: Any = None, max: Any = None, out: Any = None, **named: Any) -> Any:
    return _clip(a, min, max, out)


Batched.clip = _clip_method  # type: ignore[attr-defined]


@_rule(np.where)
def _where(condition: Any, *both: Any) -> Any:
    if not both:
        raise NotBatchable("where without values")
    x, y = both
    level = max_level((condition, x, y))
    ndim = max(getattr(v, "ndim", 0) for v in (condition, x, y))
    return Batched(np.where(*[full_of(v, level, ndim) for v in (condition, x, y)]), level)


def _like(function: Any) -> None:
    def rule(a: Any, *args: Any, **named: Any) -> Any:
        shape = named.pop("shape", None)
        if shape is not None or any(type(v) is Batched for v in args):
            raise NotBatchable(function.__name__)
        return a._new(function(a.full, *args, **named))

    rules[function] = rule


for _f in (np.zeros_like, np.ones_like, np.empty_like, np.full_like):
    _like(_f)


def level_and_size(values: Sequence[Any]) -> tuple[int, int]:
    level = max_level(values)
    return level, next(v.full.shape[0] for v in values if level_of(v) == level)


@_rule(np.concatenate)
def _concatenate(arrays: Any, axis: Any = 0, out: Any = None, **named: Any) -> Any:
    if out is not None or axis is None:
        raise NotBatchable("concatenate")
    level, size = level_and_size(arrays)
    ndim = arrays[0].ndim
    return Batched(np.concatenate([spread_of(a, level, size) for a in arrays], axis_of(axis, ndim), **named), level)


@_rule(np.stack)
def _stack(arrays: Any, axis: int = 0, out: Any = None, **named: Any) -> Any:
    if out is not None:
        raise NotBatchable("stack")
    level, size = level_and_size(arrays)
    ndim = arrays[0].ndim
    return Batched(np.stack([spread_of(a, level, size) for a in arrays], axis_of(axis, ndim + 1), **named), level)


@_rule(np.take_along_axis)
def _take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    if axis is None:
        raise NotBatchable("take_along_axis")
    level, size = level_and_size((arr, indices))
    full = [spread_of(a, level, size) for a in (arr, indices)]
    return Batched(np.take_along_axis(full[0], full[1], axis_of(axis, arr.ndim)), level)


@_rule(np.put_along_axis)
def _put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    level, size = level_and_size((arr, indices, values))
    if level_of(arr) != level or axis is None:
        raise NotBatchable("put_along_axis")
    values = full_of(values, level, arr.ndim)
    np.put_along_axis(arr.full, spread_of(indices, level, size), values, axis_of(axis, arr.ndim))


@_rule(np.einsum)
def _einsum(formula: Any, *operands: Any, **named: Any) -> Any:
    if not isinstance(formula, str) or "->" not in formula or "..." in formula or named.get("out") is not None:
        raise NotBatchable("einsum")
    letter = next(c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" if c not in formula)
    left, right = formula.replace(" ", "").split("->")
    level = max_level(operands)
    terms = [letter + term if level_of(x) == level else term for term, x in zip(left.split(","), operands)]
    full = [x.full if level_of(x) == level else x for x in operands]
    return Batched(np.einsum(f"{','.join(terms)}->{letter}{right}", *full, **named), level)


@_rule(np.dot)
def _dot(a: Any, b: Any, out: Any = None) -> Any:
    if out is not None or getattr(a, "ndim", 0) > 2 or getattr(b, "ndim", 0) > 2:
        raise NotBatchable("dot")
    return np.matmul(a, b) if getattr(a, "ndim", 0) and getattr(b, "ndim", 0) else a * b


@_rule(np.outer)
def _outer(a: Any, b: Any, out: Any = None) -> Any:
    if out is not None:
        raise NotBatchable("outer")
    return a.reshape(-1)[:, None] * b.reshape(-1)[None, :]


def _matrices(function: Any) -> None:
    """The rule of a function on stacks of matrices: the batch is one more axis of the stack."""

    def rule(a: Any, *args: Any, **named: Any) -> Any:
        if a.ndim < 2 or any(type(v) is Batched for v in (*args, *named.values())):
            raise NotBatchable(function.__name__)
        result = function(a.full, *args, **named)
        if isinstance(result, tuple):
            parts = [Batched(r, a.level) for r in result]
            return type(result)(*parts) if hasattr(result, "_fields") else tuple(parts)
        return Batched(result, a.level)

    rules[function] = rule


for _f in (np.linalg.inv, np.linalg.det, np.linalg.slogdet, np.linalg.cholesky, np.linalg.eigh, np.linalg.eigvalsh,
           np.linalg.svd, np.linalg.qr):  # fmt: skip
    _matrices(_f)


@_rule(np.linalg.solve)
def _solve(a: Any, b: Any) -> Any:
    level, size = level_and_size((a, b))
    if b.ndim == 1:
        return _solve(a, b[:, None])[..., 0]
    if b.ndim != a.ndim:
        raise NotBatchable("solve")
    return Batched(np.linalg.solve(spread_of(a, level, size), spread_of(b, level, size)), level)
