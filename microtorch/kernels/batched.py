"""Arrays with a hidden batch axis: vmap runs the kernels on them.

A `Batched` looks like one example (its shape, dtype and strides), and holds all of them. What NumPy does to it is done
to the whole batch at once, by the rules below: one for all ufuncs, one for each of the other functions and methods.
There is no rule that guesses. A function without a rule, and anything that wants to see the values of "the" array,
raises `NotBatchable`; whoever called the kernel then runs it once for each example (`one_by_one`).

Batched arrays nest (vmap of vmap): `full` may itself be Batched, of a lower level.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from microtorch.kernels import layouts
from microtorch.kernels.bfloat16 import BFloats, NoRule, widened
from microtorch.kernels.meta import Meta, no_data

Array = Any  # ndarray or Batched


used: set[int] = set()
"""The levels of all batches so far; empty as long as vmap was never called."""


class Level(NamedTuple):
    """A vmap that is running."""

    number: int
    size: int
    randomness: str  # "error", "same" or "different"
    each: bool  # one example after the other, since something has no rule


class _Running(threading.local):
    """The vmaps that run on this thread, the innermost last."""

    levels: tuple[Level, ...] = ()


running = _Running()


def check_random() -> None:
    """Called before random numbers are drawn: whether the vmaps that are running allow it, and can do it."""
    for level in running.levels:
        if level.randomness == "error":
            raise RuntimeError(
                "vmap: called random operation while in randomness error mode. Please either use the 'same' or "
                "'different' randomness flags on vmap or perform the randomness operation out of vmap"
            )
    if any(level.randomness == "different" and not level.each for level in running.levels):
        raise NotBatchable("random numbers that differ by example")


def check_random_write(x: Any) -> None:
    """Called before random numbers are written into an array: one that all examples share has room for one each."""
    mine = set()
    while type(x) is Batched:
        mine.add(x.level)
        x = x.full
    if any(r.randomness == "different" and not r.each and r.number not in mine for r in running.levels):
        raise RuntimeError(
            "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear like same "
            "randomness. If this is necessary for your usage, please file an issue with functorch."
        )


class NotBatchable(NoRule):
    """No rule does this to all examples at once."""


class WritesUnbatched(NotBatchable):
    """A value for each example is written into one array that they share."""

    def __init__(self) -> None:
        super().__init__(
            "vmap: inplace arithmetic(self, *extra_args) is not possible because there exists a Tensor `other` in "
            "extra_args that has more elements than `self`. This happened due to `other` being vmapped over but `self` "
            "not being vmapped over in a vmap. Please try to use out-of-place operators instead of inplace arithmetic. "
            "If said operator is being called inside the PyTorch framework, please file a bug report instead."
        )


ITEM = (
    "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, "
    "please try to rewrite what you're doing with other operations. If error is occurring somewhere inside PyTorch "
    "internals, please file a bug report."
)
CONTROL_FLOW = (
    "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support that "
    "yet, please file an issue at https://github.com/pytorch/pytorch/issues ."
)


def value_of(data: Any, message: str = ITEM) -> Any:
    """A tensor's array whose value the user wants to see.

    Raises RuntimeError with PyTorch's message inside vmap, where every example has a value of its own.
    """
    if type(data) is Batched:
        raise RuntimeError(message)
    if type(data) is Meta:
        raise RuntimeError("Tensor.item() cannot be called on meta tensors")
    return data


def memory_of(data: Any) -> Any:
    """A tensor's array whose elements the user wants to see."""
    message = "Cannot access data pointer of Tensor that doesn't have storage"
    if type(data) is Meta:
        raise no_data()
    if layouts.is_sparse(data):
        raise RuntimeError(message)
    return value_of(data, message)


def level_of(x: Any) -> int:
    """The level of a Batched; 0 for anything else."""
    return x.level if type(x) is Batched else 0


def max_level(values: Any) -> int:
    return max([level_of(v) for v in values], default=0)


def full_of(x: Any, level: int, ndim: int) -> Any:
    """All examples of `x`: batch axis first, then `ndim` axes; if it has no batch of that level, itself."""
    if type(x) is not Batched or x.level != level:
        return x
    full = x.full
    missing = ndim - (full.ndim - 1)
    return full[(slice(None), *[None] * missing)] if missing > 0 else full


def spread_of(x: Any, level: int, size: int) -> Any:
    """All examples of `x` with the batch axis first, also if they are all the same."""
    if type(x) is Batched and x.level == level:
        return x.full
    x = x if type(x) is Batched else np.asarray(x)
    return np.broadcast_to(x, (size, *x.shape))


def of_all(x: Any, like: Any) -> Any:
    """New memory for each example of `like`, all with the values of x."""
    levels = []
    while type(like) is Batched:
        levels.append(like.level)
        like = like.full
    sizes = [*like.shape[: len(levels)], *x.shape]
    result: Any = np.broadcast_to(x, sizes).copy()
    for level in reversed(levels):
        result = Batched(result, level)
    return result


def axis_of(axis: Any, ndim: int) -> Any:
    """An axis of one example (or several; None: all) as that of the whole."""
    if axis is None:
        return tuple(range(1, ndim + 1))
    if isinstance(axis, (tuple, list)):
        return tuple(axis_of(a, ndim) for a in axis)
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return int(axis) % ndim + 1


class Batched(NDArrayOperatorsMixin):
    """All examples of an array: `full` has them along axis 0. `level` tells nested batches apart (the inner is higher).

    base: what it views, as of an ndarray.
    """

    __slots__ = ("full", "level", "base", "__weakref__")
    __array_priority__ = 2000.0
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __init__(self, full: Array, level: int, base: Any = None) -> None:
        assert level_of(full) < level
        self.full, self.level, self.base = full, level, base

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # isinstance(x, np.ndarray) holds, type(x) is np.ndarray does not
        return np.ndarray

    def _new(self, full: Array) -> Batched:
        return Batched(full, self.level)

    def _view(self, full: Array) -> Batched:
        """The result of what is a view for an ndarray, if it is one here, too."""
        return Batched(full, self.level, self if _same_memory(full, self.full) else None)

    # what one example looks like -------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.full.shape[1:])

    @property
    def strides(self) -> tuple[int, ...]:
        return tuple(self.full.strides[1:])

    @property
    def ndim(self) -> int:
        return int(self.full.ndim) - 1

    @property
    def size(self) -> int:
        return int(np.prod(self.full.shape[1:], dtype=np.int64))

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.full.dtype  # type: ignore[no-any-return]

    @property
    def itemsize(self) -> int:
        return int(self.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def batch(self) -> int:
        """How many examples."""
        return int(self.full.shape[0])

    @property
    def flags(self) -> Any:
        return self.full[0].flags

    @property
    def __array_interface__(self) -> Any:
        raise NotBatchable("the memory of one example")

    def __len__(self) -> int:
        if not self.ndim:
            raise TypeError("len() of unsized object")
        return int(self.full.shape[1])

    def __repr__(self) -> str:
        return f"Batched(level={self.level}, {self.full!r})"

    # what would need the values of one example -----------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise NotBatchable("an array of one example")

    def _refuse(self, *args: Any, **named: Any) -> Any:
        raise NotBatchable("the value of one example")

    item = tolist = tobytes = __bool__ = __int__ = __float__ = __complex__ = __index__ = __iter__ = _refuse
    nonzero = __dlpack__ = __dlpack_device__ = __contains__ = _refuse

    # NumPy's two protocols -------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        out = named.pop("out", ())
        out = out if isinstance(out, tuple) else (out,)
        level = max_level((*inputs, *out, named.get("where")))
        if method == "__call__":
            if ufunc is np.matmul:
                result = _matmul(inputs[0], inputs[1], level)
                if not out:
                    return result
                copyto(out[0], result)
                return out[0]
            if ufunc.signature is not None:
                raise NotBatchable(ufunc.__name__)
            ndim = max([getattr(x, "ndim", 0) for x in (*inputs, *out, named.get("where"))])
            if "where" in named:
                named["where"] = full_of(named["where"], level, ndim)
            for o in out:
                if o is not None and level_of(o) != level:
                    raise WritesUnbatched
                if o is not None and o.ndim != ndim:
                    raise NotBatchable(ufunc.__name__)
            if out:
                named["out"] = tuple(None if o is None else o.full for o in out)
            result = ufunc(*[full_of(x, level, ndim) for x in inputs], **named)
            if out and out[0] is not None:
                return out[0] if len(out) == 1 else out
            if isinstance(result, tuple):
                return tuple(Batched(r, level) for r in result)
            return Batched(result, level)
        x = inputs[0]
        if any(o is not None for o in out) or len(inputs) > 1 or level_of(x) != level or "where" in named:
            raise NotBatchable(f"{ufunc.__name__}.{method}")
        axis = axis_of(named.pop("axis", 0), x.ndim)
        if method == "reduce":
            return Batched(ufunc.reduce(x.full, axis=axis, **named), level)
        if method == "accumulate":
            return Batched(ufunc.accumulate(x.full, axis=axis, **named), level)
        raise NotBatchable(f"{ufunc.__name__}.{method}")

    def __array_function__(self, function: Any, types: Any, args: Any, named: Any) -> Any:
        rule = rules.get(function)
        if rule is None:
            raise NotBatchable(f"numpy.{function.__name__}")
        return rule(*args, **named)

    # methods ---------------------------------------------------------------------------------------------------------

    def astype(
        self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        return self._new(self.full.astype(dtype, casting=casting, copy=copy))

    def copy(self, order: str = "C") -> Batched:
        return self._new(self.full.copy())

    def view(self, dtype: Any = None) -> Batched:
        if dtype is not None and np.dtype(dtype).itemsize != self.itemsize and not self.ndim:
            raise NotBatchable("view of a 0-d array")
        return self._view(self.full.view() if dtype is None else self.full.view(dtype))

    def reshape(self, *shape: Any, order: str = "C") -> Batched:
        if order != "C":
            raise NotBatchable("reshape in another order")
        sizes = tuple(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
        if -1 in sizes:
            rest = int(np.prod([n for n in sizes if n != -1], dtype=np.int64))
            if rest:
                sizes = tuple(self.size // rest if n == -1 else n for n in sizes)
        return self._view(self.full.reshape(self.full.shape[0], *sizes))

    def ravel(self, order: str = "C") -> Batched:
        return self.reshape(self.size)

    def flatten(self, order: str = "C") -> Batched:
        return self._new(self.full.reshape(self.full.shape[0], self.size).copy())

    def transpose(self, *axes: Any) -> Batched:
        order = tuple(axes[0]) if len(axes) == 1 and isinstance(axes[0], (tuple, list)) else axes
        if not order or order == (None,):
            order = tuple(range(self.ndim))[::-1]
        return self._view(self.full.transpose(0, *axis_of(order, self.ndim)))

    @property
    def T(self) -> Batched:
        return self.transpose()

    @property
    def mT(self) -> Batched:
        return self.swapaxes(-1, -2)

    def swapaxes(self, i: int, j: int) -> Batched:
        return self._view(self.full.swapaxes(axis_of(i, self.ndim), axis_of(j, self.ndim)))

    def squeeze(self, axis: Any = None) -> Batched:
        if axis is None:
            axis = tuple(i for i, n in enumerate(self.shape) if n == 1)
        return self._view(self.full.squeeze(axis_of(axis, self.ndim)))

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Batched:
        return self._view(self.full.diagonal(offset, axis_of(axis1, self.ndim), axis_of(axis2, self.ndim)))

    @property
    def real(self) -> Batched:
        return self._view(self.full.real)

    @property
    def imag(self) -> Batched:
        return self._view(self.full.imag) if self.dtype.kind == "c" else self._new(np.zeros_like(self.full))

    def conj(self) -> Batched:
        return self._new(self.full.conj()) if self.dtype.kind == "c" else self

    conjugate = conj

    def fill(self, value: Any) -> None:
        copyto(self, value)

    def __getitem__(self, key: Any) -> Batched:
        keys = key if isinstance(key, tuple) else (key,)
        if any(type(k) is Batched for k in keys):
            return _getitem_each(self, keys)
        if any(isinstance(k, (np.ndarray, list)) for k in keys):
            _check_side_by_side(keys)
            return self._new(self.full[(slice(None), *keys)])
        return self._view(self.full[(slice(None), *keys)])

    def __setitem__(self, key: Any, value: Any) -> None:
        keys = key if isinstance(key, tuple) else (key,)
        if level_of(value) > self.level:
            raise WritesUnbatched
        if any(type(k) is Batched for k in keys):
            raise NotBatchable("a write at places that differ by example")
        if any(isinstance(k, (np.ndarray, list)) for k in keys):
            _check_side_by_side(keys)
        target = (slice(None), *keys)
        if level_of(value) == self.level:
            places = self.full[target]
            if value.ndim > places.ndim - 1:
                raise NotBatchable("a value of more dimensions than its place")
            value = full_of(value, self.level, places.ndim - 1)
        self.full[target] = value


def _same_memory(a: Any, b: Any) -> bool:
    """True if `a`, just made from `b`, is a view of it."""
    return a is b or (a.base is not None and (a.base is b or a.base is b.base))


def _check_side_by_side(keys: Sequence[Any]) -> None:
    """Raise unless the index arrays stand side by side: else NumPy moves their axes to the front."""
    advanced = [isinstance(k, (np.ndarray, list)) or type(k) is int for k in keys]
    first, last = advanced.index(True), len(advanced) - advanced[::-1].index(True)
    if not all(advanced[first:last]) or type(keys[first]) is int:
        raise NotBatchable("index arrays that do not stand side by side")


def _getitem_each(x: Any, keys: Sequence[Any]) -> Batched:
    """x[keys] where some keys differ by example: only index arrays, for the leading axes."""
    level = max_level((x, *keys))
    if not all(isinstance(k, np.ndarray) and k.dtype.kind in "iu" for k in keys) or level_of(x) != level:
        raise NotBatchable("an index that differs by example")
    ndim = max(k.ndim for k in keys)
    here = np.arange(x.full.shape[0]).reshape(-1, *[1] * ndim)
    return Batched(x.full[(here, *[full_of(k, level, ndim) for k in keys])], level)


def _matmul(a: Any, b: Any, level: int) -> Batched:
    """a @ b. A vector becomes a matrix first, so that the batch axis never meets the axes that are multiplied."""
    row, column = a.ndim == 1, b.ndim == 1
    if level_of(b) != level and b.ndim <= 2:
        full = a.full
        if full.ndim > 2 and b.ndim == 2:  # all examples in one product
            return Batched(np.matmul(full.reshape(-1, full.shape[-1]), b).reshape(*full.shape[:-1], b.shape[-1]), level)
        return Batched(np.matmul(full, b), level)
    ndim = max(a.ndim + row, b.ndim + column)
    if row:
        a = a[None, :]
    if column:
        b = b[:, None]
    result = np.matmul(full_of(a, level, ndim), full_of(b, level, ndim))
    if row:
        result = result[..., 0, :]
    if column:
        result = result[..., 0]
    return Batched(result, level)


rules: dict[Any, Callable[..., Any]] = {}
"""For each NumPy function that has one, its rule, with the same parameters (kernels/batched_rules.py)."""


def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    level = max_level((dst, src, where))
    if level_of(dst) != level:
        raise WritesUnbatched
    if getattr(src, "ndim", 0) > dst.ndim:
        raise NotBatchable("copyto")
    np.copyto(
        dst.full, full_of(src, level, dst.ndim), casting=casting, where=full_of(where, level, dst.ndim)
    )  # fmt: skip


rules[np.copyto] = copyto


# without a rule -------------------------------------------------------------------------------------------------------


def _any_batched(value: Any) -> int:
    """The highest level of a Batched in it."""
    if type(value) is Batched:
        return value.level
    if isinstance(value, (tuple, list)):
        return max([_any_batched(v) for v in value], default=0)
    return 0


def _example(value: Any, level: int, i: int) -> Any:
    """What the i-th example gets."""
    if type(value) is Batched:
        return value.full[i, ...] if value.level == level else value
    if isinstance(value, (tuple, list)):
        parts = [_example(v, level, i) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def _batch_of(value: Any, level: int) -> int:
    if type(value) is Batched:
        return value.full.shape[0] if value.level == level else 0
    if isinstance(value, (tuple, list)):
        return max([_batch_of(v, level) for v in value], default=0)
    return 0


def _joined(results: Sequence[Any], level: int) -> Any:
    """The results for each example as one."""
    first = results[0]
    if isinstance(first, (tuple, list)):
        parts = [_joined([r[k] for r in results], level) for k in range(len(first))]
        return type(first)(*parts) if hasattr(first, "_fields") else type(first)(parts)
    if any(isinstance(r, (np.ndarray, np.generic)) for r in results):
        if any(r.shape != first.shape for r in results):
            raise NotBatchable("results whose shape depends on the example")
        return Batched(np.stack([as_array(r) for r in results]), level)
    if all(r is first or (type(r) is type(first) and r == first) for r in results):
        return first
    raise NotBatchable("results that are no arrays")


def as_array(result: Any) -> Any:
    """A kernel's result as an array."""
    kind = type(result)
    return result if kind is Batched or kind is BFloats or issubclass(kind, layouts.Sparse) else np.asarray(result)


kernel_rules: dict[tuple[str, str], Callable[..., Any]] = {}
"""For kernels of ours that have one, by module and name, a rule that does all examples at once (batched_kernels.py)."""


def _rule_of(kernel: Any) -> Callable[..., Any] | None:
    """A kernel's rule: its own, or that of the kernel which it wraps."""
    while True:
        found = kernel_rules.get((getattr(kernel, "__module__", ""), getattr(kernel, "__qualname__", "")))
        if found is not None or not hasattr(kernel, "__wrapped__"):
            return found
        kernel = kernel.__wrapped__


def everything(x: Any) -> Any:
    """The array of all examples' values, for checks that each example's values must pass."""
    while type(x) is Batched:
        x = x.full
    return x


def one_by_one(kernel: Callable[..., Any], *args: Any) -> Any:
    """`kernel(*args)`, by its rule for all examples at once; if it has none, each example on its own.

    Call it while the exception is handled that the kernel raised: without a Batched (or bfloat16) among args it is
    raised again.
    """
    level = max([_any_batched(a) for a in args], default=0)
    if not level:
        return layouts.computed(kernel, args) if layouts.used and layouts.is_foreign(args) else widened(kernel, args)
    size = max([_batch_of(a, level) for a in args], default=0)
    if not size:
        raise NotBatchable("an empty batch")
    if type(kernel) is np.ufunc or kernel in rules:
        raise
    if any(hasattr(a, "get_state") for a in args):
        raise NotBatchable("random numbers that depend on the example")
    rule = _rule_of(kernel)
    if rule is not None:
        try:
            return rule(kernel, level, size, *args)
        except NotBatchable:
            pass
    results = []
    for i in range(size):
        values = [_example(a, level, i) for a in args]
        try:
            results.append(kernel(*values))
        except Exception:
            results.append(one_by_one(kernel, *values))  # an outer batch, or the example's own error
    return _joined(results, level)
