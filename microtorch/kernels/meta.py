"""Arrays without numbers: what a tensor on the device "meta" holds. They have a shape, a dtype and strides.

What is done to a `Meta` is done to zeros in its place, whose memory is never touched before it is read; of the result
the shape, the dtype and the strides are kept. So every kernel is its own rule, and shapes that do not fit raise what
they always raise. A number is never given out: where the result's shape would depend on numbers, or they would have to
be written to memory, the same error is raised that says so in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.lib.stride_tricks import as_strided

from microtorch.kernels import layouts
from microtorch.kernels.bfloat16 import BF16, BFloats, NoRule, widened
from microtorch.kernels.layouts import NotInPlace, NotStrided, Sparse

NO_DATA = "Cannot copy out of meta tensor; no data!"
ELSEWHERE = "Tensor on device cpu is not on the expected device meta!"

_BY_VALUE = {
    "nonzero", "argwhere", "flatnonzero", "unique", "unique_all", "unique_consecutive", "unique_sorted", "bincount",
    "masked_select", "compress", "extract", "equal", "array_equal", "allclose", "item", "tolist", "tobytes", "tofile",
    "dump", "dumps", "trim_zeros", "select_where",
}  # fmt: skip
"""What would look at the numbers: the result itself, or its shape, depends on them."""

_ALIKE = {"concatenate", "cat", "stack", "where", "matmul"}
"""Besides ufuncs, what combines operands of one device only."""

_INDEXING = {"__getitem__", "pick", "index_without"}
"""What selects by a mask as many elements as there are Trues."""


def no_data(name: str = "") -> NotImplementedError:
    """The error that the numbers of a tensor without numbers are asked for (by an operation of that name)."""
    text = f"aten::{name}: attempted to run this operator with Meta tensors, whose numbers it would need"
    return NotImplementedError(text if name else NO_DATA)


class _Order:
    """The flags of an array of that order."""

    writeable = owndata = aligned = True

    def __init__(self, x: Meta) -> None:
        flags = stand_in(x).flags
        self.c_contiguous, self.f_contiguous = flags.c_contiguous, flags.f_contiguous


class Meta(NDArrayOperatorsMixin, Sparse):
    """An array that has no numbers."""

    __slots__ = ("_dtype", "_strides")
    layout, backend = "strided", "Meta"

    def __init__(self, shape: tuple[int, ...], dtype: Any, strides: tuple[int, ...] | None = None) -> None:
        self.shape, self._dtype = tuple(shape), dtype
        if strides is None:
            steps, step = [], int(dtype.itemsize)
            for n in reversed(self.shape):
                steps.append(step)
                step *= max(n, 1)
            strides = tuple(reversed(steps))
        self._strides = strides
        if not layouts.used:
            layouts.used.append(True)

    @property
    def dtype(self) -> Any:
        return self._dtype

    @property
    def itemsize(self) -> int:
        return int(self._dtype.itemsize)

    @property
    def strides(self) -> tuple[int, ...]:
        return self._strides

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def flags(self) -> Any:  # type: ignore[override]
        return _Order(self)

    @property
    def T(self) -> Meta:
        return Meta(self.shape[::-1], self._dtype, self._strides[::-1])

    @property
    def mT(self) -> Meta:
        return Meta((*self.shape[:-2], *self.shape[:-3:-1]), self._dtype, (*self._strides[:-2], *self._strides[:-3:-1]))

    @property
    def real(self) -> Any:
        return evaluated(np.real, (self,))

    @property
    def imag(self) -> Any:
        return evaluated(np.imag, (self,))

    def __repr__(self) -> str:
        return f"Meta({self.shape}, {self._dtype})"

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise RuntimeError("Tensor.item() cannot be called on meta tensors")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise no_data()

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, out: Any = None, **named: Any) -> Any:
        if any(type(a) in (np.ndarray, BFloats) and a.ndim for a in args) and (out is None or type(out[0]) is not Meta):
            raise NotStrided(ufunc.__name__, "Meta")  # (the kernel that meets both knows whether it may)
        if out is not None and any(type(o) is not Meta for o in out):
            raise NotInPlace(ufunc.__name__, "Meta")
        result = evaluated(getattr(ufunc, method), args, named)
        if out is None:
            return result
        for o, r in zip(out, result if isinstance(result, tuple) else (result,)):
            if np.broadcast_shapes(o.shape, r.shape) != o.shape:
                raise ValueError(
                    f"non-broadcastable output operand with shape {o.shape} doesn't match the broadcast shape {r.shape}"
                )
        return out[0] if len(out) == 1 else out

    def __array_function__(self, function: Any, types: Any, args: Any, named: Any) -> Any:
        if function is np.copyto:
            if type(args[0]) is not Meta:
                raise no_data()
            np.broadcast_shapes(args[0].shape, np.shape(args[1]))
            return None
        if named.get("out") is not None:
            raise NotInPlace(function.__name__, "Meta")
        if any(type(a) in (np.ndarray, BFloats) and a.ndim for a in _flat(args)):
            raise NotStrided(function.__name__, "Meta")
        return evaluated(function, args, named)

    def __getitem__(self, key: Any) -> Any:
        return evaluated(np.ndarray.__getitem__ if self._dtype is not BF16 else BFloats.__getitem__, (self, key))

    def __setitem__(self, key: Any, value: Any) -> None:
        stand_in(self)[stand_in(key)] = stand_in(value)

    def astype(self, dtype: Any, *args: Any, **named: Any) -> Meta:
        dtype = dtype if dtype is BF16 else np.dtype(dtype)
        size = dtype.itemsize
        return Meta(self.shape, dtype, tuple(s // self.itemsize * size for s in self._strides))

    def fill(self, value: Any) -> None:
        pass

    def copy(self, order: str = "C") -> Meta:
        return evaluated(np.copy, (self, order))  # type: ignore[no-any-return]


def _done_to_zeros(name: str) -> Any:
    def method(self: Any, *args: Any, **named: Any) -> Any:
        def call(x: Any, *rest: Any, **more: Any) -> Any:
            return getattr(x, name)(*rest, **more)

        call.__name__ = name
        return evaluated(call, (self, *args), named)

    return method


for _name in dir(np.ndarray):
    if not _name.startswith("_") and _name not in vars(Meta) and _name not in ("shape", "ndim", "size", "base", "flat"):
        setattr(Meta, _name, _done_to_zeros(_name))


def stand_in(value: Any) -> Any:
    """Zeros in the place of each array without numbers."""
    if type(value) is Meta:
        extent = sum((n - 1) * s for n, s in zip(value.shape, value.strides)) // value.itemsize + 1 if value.size else 0
        if value.dtype is BF16:
            memory = np.zeros(max(extent, 1), np.uint16)
            return BFloats(as_strided(memory, value.shape, value.strides))
        return as_strided(np.zeros(max(extent, 1), value.dtype), value.shape, value.strides)
    if type(value) in (tuple, list):
        return type(value)(stand_in(v) for v in value)
    return value


def without_numbers(value: Any) -> Any:
    """A result of zeros as one without numbers."""
    if isinstance(value, (tuple, list)):
        parts = [without_numbers(v) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, np.generic):
        value = np.asarray(value)
    if type(value) in (np.ndarray, BFloats):
        return Meta(value.shape, value.dtype, value.strides)
    return value


def evaluated(function: Callable[..., Any], args: Any, named: dict[str, Any] | None = None) -> Any:
    """The result of a function, of which only what it looks like is kept.

    Raises NotImplementedError if that depends on the numbers.
    """
    name = getattr(function, "__name__", "")
    if name in _BY_VALUE:
        raise no_data(name)
    if name in _INDEXING and any(type(k) is Meta and k.dtype.kind == "b" for k in _flat(args[1:])):
        raise no_data("nonzero")
    given = stand_in(tuple(args))
    with np.errstate(all="ignore"):
        try:
            result = function(*given, **{k: stand_in(v) for k, v in (named or {}).items()})
        except NoRule:
            result = widened(function, given)
        return without_numbers(result)


def computed(kernel: Any, args: Any) -> Any:
    """What an operation's kernel makes of tensors of which one is without numbers.

    Raises RuntimeError if another of them has numbers, and is more than one, where they are combined one by one.
    (Elsewhere it may be an array that the operation itself made.)
    """
    alike = isinstance(kernel, np.ufunc) or getattr(kernel, "__name__", "") in _ALIKE
    if alike and any(type(a) in (np.ndarray, BFloats) and a.ndim for a in _flat(args)):
        raise RuntimeError(ELSEWHERE) from None
    return evaluated(kernel, args)


def _flat(args: Any) -> list[Any]:
    return [v for a in args for v in (_flat(a) if type(a) in (tuple, list) else (a,))]


def has(args: Any) -> bool:
    """Whether an array without numbers is among them."""
    return any(type(v) is Meta for v in _flat(args))


layouts.without_numbers.append((Meta, has, computed))
