"""bfloat16: arrays of a type that NumPy lacks. Its numbers are the upper halves of float32's.

A `BFloats` looks like an array (its shape, strides and views are those of its `bits`, an array of uint16), but NumPy
computes nothing on it: whatever would read its numbers raises `Widen`. Whoever called the kernel then runs it in
float32 and rounds the result once (`widened`), as PyTorch's CPU kernels do. So no kernel knows of bfloat16, none can
take its bits for numbers, and other dtypes pay nothing.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from microtorch.kernels import narrow
from microtorch.kernels.quiet import silence

Array = Any  # ndarray or BFloats

FLOAT32 = np.dtype(np.float32)
_SIXTEEN, _ONE, _BELOW_HALF = (np.array(n, np.uint32) for n in (16, 1, 0x7FFF))  # (as arrays they are operands sooner)
_SIGN = np.array(0x8000, np.uint16)
_FEW = 4096  # numbers whose dot product takes less time than to ask each whether it is NaN


class NoRule(RuntimeError):
    """What was asked of an array that only looks like NumPy's has no rule: the caller goes another way."""


class Widen(NoRule, NotImplementedError):
    """Numbers in bfloat16 are wanted where only float32 can be computed with."""

    def __init__(self, what: str) -> None:
        super().__init__(f"microtorch: {what} is not implemented for bfloat16")


class _BFloat16:
    """The dtype, in the place of NumPy's. NumPy refuses it, so no array is made by mistake."""

    kind, itemsize, name, char, isnative = "f", 2, "bfloat16", "bfloat16", True

    @staticmethod
    def type(number: Any) -> Any:
        """A number of this dtype: one of float32 that was rounded."""
        return _kept(number) if type(number) is float and number else rounded(number).wide()[()]

    def __repr__(self) -> str:
        return "dtype(bfloat16)"

    def __reduce__(self) -> str:
        return "BF16"


BF16: Any = _BFloat16()

used: list[bool] = []
"""Not empty once a BFloats was made: the backward pass looks for them only then."""


class BFloats(NDArrayOperatorsMixin):
    """An array of bfloat16. base: the BFloats whose memory it views, as of an ndarray."""

    __slots__ = ("bits", "base", "__weakref__")
    __array_priority__ = 1000.0
    __hash__ = object.__hash__  # type: ignore[assignment]
    dtype = BF16
    itemsize = 2

    def __init__(self, bits: Any, base: Any = None) -> None:
        self.bits, self.base = bits, base
        if not used:
            used.append(True)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # isinstance(x, np.ndarray) holds, type(x) is np.ndarray does not
        return np.ndarray

    def _view(self, bits: Any) -> BFloats:
        """The result of what is a view for an ndarray, if it is one here, too."""
        mine = self.bits
        shared = bits is mine or (bits.base is not None and (bits.base is mine or bits.base is mine.base))
        return BFloats(bits, (self if self.base is None else self.base) if shared else None)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return BFloats, (self.bits,)

    # what it looks like ----------------------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return self.bits.shape  # type: ignore[no-any-return]

    @property
    def strides(self) -> tuple[int, ...]:
        return self.bits.strides  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        return self.bits.ndim  # type: ignore[no-any-return]

    @property
    def size(self) -> int:
        return self.bits.size  # type: ignore[no-any-return]

    @property
    def nbytes(self) -> int:
        return self.bits.nbytes  # type: ignore[no-any-return]

    @property
    def flags(self) -> Any:
        return self.bits.flags

    def __len__(self) -> int:
        return len(self.bits)

    def __repr__(self) -> str:
        return f"BFloats({self.wide()!r})"

    # its numbers -----------------------------------------------------------------------------------------------------

    def wide(self) -> Any:
        """The same numbers in float32, in the same order in memory."""
        bits = self.bits
        if 0 in bits.strides and bits.ndim > 1:  # each number once: NumPy would lay out the copy as PyTorch does not
            bits = bits[tuple([slice(0, 1) if stride == 0 else slice(None) for stride in bits.strides])]
        elif bits.size >= narrow.LEAST and (found := narrow.convert("from_bfloat", bits, FLOAT32)) is not None:
            return found
        words = bits.astype(np.uint32)
        words <<= _SIXTEEN
        if bits is not self.bits:
            return np.broadcast_to(words.view(FLOAT32), self.bits.shape)
        return words.view(FLOAT32)

    def item(self, *args: Any) -> float:
        return float(self.wide().item(*args))

    def tolist(self) -> Any:
        return self.wide().tolist()

    def __float__(self) -> float:
        return float(self.wide())

    def __int__(self) -> int:
        return int(self.wide())

    def __complex__(self) -> complex:
        return complex(self.wide())

    def __bool__(self) -> bool:
        return bool(self.wide())

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise Widen("an array of NumPy's")

    @property
    def __array_interface__(self) -> Any:
        raise Widen("an array of NumPy's")

    # NumPy's two protocols -------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        """Into a BFloats as `out=` (an in-place operation, an optimizer's) it computes, and rounds at once."""
        out = named.pop("out", None)
        if out is None and method == "__call__":
            if ufunc in _ANSWERS:
                return ufunc(*[_wide(x, False) for x in inputs], **named)
            if ufunc in _BITWISE and not named:
                return BFloats(_BITWISE[ufunc](self.bits))
            if ufunc in _EXACT and not any(type(x) is np.ndarray for x in inputs):
                wide = ufunc(*[_wide(x, False) for x in inputs], **named)
                return _upper_halves(wide) if all(type(x) is BFloats for x in inputs) else rounded(wide)
            if ufunc is np.add and all(type(x) is BFloats for x in inputs):  # the engine adds gradients
                return rounded(ufunc(*[_wide(x, False) for x in inputs], **named))
        if out is None or method != "__call__" or len(out) != 1 or type(out[0]) is not BFloats:
            raise Widen(ufunc.__name__)
        with silence():
            out[0][...] = ufunc(*[_wide(x, False) for x in inputs], **named)
        return out[0]

    def __array_function__(self, function: Any, types: Any, args: Any, named: Any) -> Any:
        rule = _rules.get(function)
        if rule is None:
            raise Widen(f"numpy.{function.__name__}")
        return rule(*args, **named)

    # methods ---------------------------------------------------------------------------------------------------------

    def astype(
        self, dtype: Any, order: str = "K", casting: str = "unsafe", subok: bool = True, copy: bool = True
    ) -> Any:
        if dtype is BF16:
            return BFloats(self.bits.astype(np.uint16, order))
        return self.wide().astype(dtype, order, copy=False)

    def copy(self, order: Any = "C") -> BFloats:
        return BFloats(self.bits.copy(order))

    def view(self, dtype: Any = None) -> Any:
        if dtype is None or dtype is np.ndarray or dtype is BF16:
            return self._view(self.bits.view())
        return self.bits.view(dtype)

    def reshape(self, *shape: Any, **named: Any) -> BFloats:
        return self._view(self.bits.reshape(*shape, **named))

    def ravel(self, order: Any = "C") -> BFloats:
        return self._view(self.bits.ravel(order))

    def flatten(self, order: Any = "C") -> BFloats:
        return BFloats(self.bits.flatten(order))

    def transpose(self, *axes: Any) -> BFloats:
        return self._view(self.bits.transpose(*axes))

    @property
    def T(self) -> BFloats:
        return self._view(self.bits.T)

    @property
    def mT(self) -> BFloats:
        return self._view(self.bits.mT)

    def swapaxes(self, i: int, j: int) -> BFloats:
        return self._view(self.bits.swapaxes(i, j))

    def squeeze(self, axis: Any = None) -> BFloats:
        return self._view(self.bits.squeeze(axis))

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> BFloats:
        return self._view(self.bits.diagonal(offset, axis1, axis2))

    @property
    def real(self) -> BFloats:
        return self

    def conj(self) -> BFloats:
        return self

    conjugate = conj

    def min(self, **named: Any) -> BFloats:
        if named:
            raise Widen("min")
        return rounded(self.wide().min())

    def max(self, **named: Any) -> BFloats:
        if named:
            raise Widen("max")
        return rounded(self.wide().max())

    def fill(self, value: Any) -> None:
        self[...] = value

    def __getitem__(self, key: Any) -> BFloats:
        return self._view(np.asarray(self.bits[key]))

    def __setitem__(self, key: Any, value: Any) -> None:
        self.bits[key] = value.bits if type(value) is BFloats else rounded(value).bits


def _refusal(name: str) -> Any:
    def refuse(self: Any, *args: Any, **named: Any) -> Any:
        raise Widen(name)

    return refuse


for _name in dir(np.ndarray):  # sum, sort, argmax and the rest: no method may see the bits
    if not _name.startswith("__") and not hasattr(BFloats, _name):
        setattr(BFloats, _name, _refusal(_name))


# to and from float32 --------------------------------------------------------------------------------------------------


def rounded(x: Any) -> BFloats:
    """Numbers of any dtype as bfloat16: by way of float32, to the nearest, ties to even."""
    if type(x) is BFloats:
        return x
    x = np.asarray(x)
    if x.dtype is not FLOAT32:
        with silence():
            x = (x.real if x.dtype.kind == "c" else x).astype(FLOAT32, copy=False)
    if x.size >= narrow.LEAST and (found := narrow.convert("to_bfloat", x, np.uint16)) is not None:
        return BFloats(found)
    words = x.view(np.uint32)
    carry = words >> _SIXTEEN if x.ndim else np.asarray(words >> _SIXTEEN)
    carry &= _ONE
    carry += _BELOW_HALF
    carry += words
    carry >>= _SIXTEEN
    bits = carry.astype(np.uint16)
    if x.size <= _FEW and x.flags.c_contiguous:
        flat = x.reshape(x.size)
        with silence():
            square = flat.dot(flat)
        if square == square:  # no NaN among them
            return BFloats(bits)
    none = np.isnan(x)
    if none.any():
        bits[none] = 0x7FC0
    return BFloats(bits)


def _upper_halves(x: Any) -> BFloats:
    """Numbers of float32 that are of bfloat16 already."""
    return BFloats(np.asarray(np.asarray(x).view(np.uint32) >> _SIXTEEN).astype(np.uint16))


@functools.lru_cache(256)
def _kept(number: float) -> Any:
    """A number rounded, as one of float32 (but for zeros: 0.0 and -0.0 are one key)."""
    return rounded(number).wide()[()]


def _wide(value: Any, lists: bool = True) -> Any:
    """What a kernel gets in place of an argument: float32 for bfloat16."""
    if type(value) is BFloats:
        return value.wide()
    if value is BF16:
        return FLOAT32
    if lists and isinstance(value, (tuple, list)):
        if hasattr(value, "in_float32"):
            return value.in_float32()
        parts = [_wide(v) for v in value]
        if all(p is v for p, v in zip(parts, value)):
            return value
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


def is_any(value: Any) -> bool:
    """Whether it is, or holds, bfloat16."""
    return type(value) is BFloats or (isinstance(value, (tuple, list)) and any(is_any(v) for v in value))


def in_float32(value: Any) -> Any:
    """A value in float32 if it is bfloat16, or what is in it."""
    return _wide(value)


def _narrow(value: Any) -> Any:
    """A kernel's result in float32 as bfloat16."""
    if isinstance(value, (tuple, list)):
        parts = [_narrow(v) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return rounded(value) if isinstance(value, (np.ndarray, np.generic)) and value.dtype == FLOAT32 else value


def _floating(args: Sequence[Any]) -> Any:
    """The dtype of the first floating array."""
    for a in args:
        if isinstance(a, (tuple, list)):
            found = _floating(a)
            if found is not None:
                return found
        elif isinstance(a, np.ndarray) and a.dtype.kind == "f":
            return a.dtype
    return None


outputs: dict[Callable[..., Any], int] = {}
"""Of kernels that return more than their results: how many results come first. The rest stays in float32."""


def writes(*places: int) -> Callable[[Any], Any]:
    """Mark a kernel that writes into the arguments at these places."""

    def mark(kernel: Any) -> Any:
        kernel.writes = places
        return kernel

    return mark


def widened(kernel: Callable[..., Any], args: Sequence[Any]) -> Any:
    """`kernel(*args)` in float32, rounded at the end; unless a dtype among the arguments says that it is to stay.

    Call it while the exception is handled that the kernel raised: it is raised again if it is an error of PyTorch's,
    or there is no bfloat16 among args.
    """
    error = sys.exc_info()[1]
    if isinstance(error, (RuntimeError, ValueError, IndexError)) and not isinstance(error, NoRule):
        raise
    wide = [_wide(a) for a in args]
    if all(w is a for w, a in zip(wide, args)):
        raise
    result = kernel(*wide)
    for i in getattr(kernel, "writes", ()):
        if type(args[i]) is BFloats:
            args[i][...] = wide[i]
    stated = [a for a in args if a is BF16 or isinstance(a, np.dtype)]
    if (stated[0] if stated else _floating(args)) is not BF16:
        return result
    count = outputs.get(kernel)
    return _narrow(result) if count is None else (*_narrow(result[:count]), *result[count:])


def computed(kernel: Callable[..., Any], *args: Any) -> Any:
    """`kernel(*args)`, in float32 where it must be."""
    try:
        return kernel(*args)
    except NoRule:
        return widened(kernel, args)


def written(kernel: Callable[..., None], x: Any, args: Sequence[Any]) -> None:
    """`kernel(x, *args)`, which writes into x, in float32. Call it while the kernel's exception is handled."""
    if type(x) is not BFloats:
        if not any(type(a) is BFloats for a in args):
            raise
        kernel(x, *[_wide(a) for a in args])
        return
    wide = x.wide()
    kernel(wide, *[_wide(a) for a in args])
    x[...] = wide


# making arrays --------------------------------------------------------------------------------------------------------


def zeros(shape: Any, dtype: Any) -> Array:
    """An array of zeros."""
    return BFloats(np.zeros(shape, np.uint16)) if dtype is BF16 else np.zeros(shape, dtype)


def empty(shape: Any, dtype: Any) -> Array:
    """An array that is not set."""
    return BFloats(np.empty(shape, np.uint16)) if dtype is BF16 else np.empty(shape, dtype)


def full(shape: Any, value: Any, dtype: Any) -> Array:
    """An array of one number."""
    if dtype is BF16:
        return BFloats(np.full(shape, rounded(value).bits))
    out = np.empty(shape, dtype)
    out.fill(value)
    return out


def ones(shape: Any, dtype: Any) -> Array:
    """An array of ones."""
    return full(shape, 1, dtype) if dtype is BF16 else np.ones(shape, dtype)


class _Limits:
    """np.finfo's for bfloat16."""

    bits, eps, max, min, tiny, precision = 16, 2.0**-7, 3.3895313892515355e38, -3.3895313892515355e38, 2.0**-126, 2
    dtype = BF16


def finfo(dtype: Any) -> Any:
    """The limits of a floating dtype."""
    return _Limits if dtype is BF16 else np.finfo(dtype)


def cast(x: Any, dtype: Any) -> Array:
    """A copy of x in another dtype."""
    return rounded(x) if dtype is BF16 and type(x) is not BFloats else x.astype(dtype)


def bits_of(x: Any) -> Any:
    """An array of NumPy's on the same memory, of another dtype if there is no other way: to look where it lies."""
    while type(x) is not np.ndarray:
        x = x.bits if type(x) is BFloats else x.full
    return x


def address(x: Any) -> int:
    """Where the first element lies in memory."""
    return bits_of(x).__array_interface__["data"][0]  # type: ignore[no-any-return]


# NumPy's functions that only move, by their own arguments -------------------------------------------------------------


def _copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    if type(dst) is BFloats:
        np.copyto(dst.bits, rounded(src).bits, where=where)
    else:
        np.copyto(dst, src.wide(), casting, where)


def _like(make: Callable[..., Any]) -> Callable[..., Any]:
    def call(a: Any, dtype: Any = None, order: Any = "K", subok: bool = True, shape: Any = None) -> Any:
        if dtype is None or dtype is BF16:
            if make is np.empty_like:
                raise Widen("empty_like")  # what a kernel wants to fill with steps of its own
            return BFloats(np.full_like(a.bits, 0x3F80 if make is np.ones_like else 0, shape=shape))
        return make(a.bits, dtype, order, subok, shape)

    return call


def _moved(function: Any) -> Callable[..., Any]:
    def call(a: Any, *args: Any, **named: Any) -> Any:
        return a._view(function(a.bits, *args, **named))

    return call


def _concatenate(arrays: Any, axis: int = 0, out: Any = None, **named: Any) -> Any:
    if out is None:
        if not all(type(a) is BFloats for a in arrays):
            raise Widen("concatenate")
        return BFloats(np.concatenate([a.bits for a in arrays], axis))
    np.concatenate([rounded(a).bits for a in arrays], axis, out=out.bits)
    return out


def _answer(function: Any) -> Callable[..., Any]:
    def call(*args: Any, **named: Any) -> Any:
        return function(*[_wide(a) for a in args], **named)

    return call


def _fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    np.fill_diagonal(a.bits, rounded(val).bits, wrap)


# Results that are no numbers of ours (and ufuncs that need no rounding) can be had wherever they are asked for.
_ANSWERS = {
    np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal, np.isnan, np.isinf, np.isfinite,
    np.signbit, np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
}  # fmt: skip
_EXACT = {
    np.negative, np.absolute, np.sign, np.maximum, np.minimum, np.fmax, np.fmin, np.floor, np.ceil, np.trunc, np.rint,
}  # fmt: skip

_BITWISE: dict[Any, Callable[[Any], Any]] = {
    np.negative: lambda bits: np.asarray(bits ^ _SIGN),
    np.absolute: lambda bits: np.asarray(bits & ~_SIGN),
}


def _stack(arrays: Any, axis: int = 0) -> Any:
    if not all(type(a) is BFloats for a in arrays):
        raise Widen("stack")
    return BFloats(np.stack([a.bits for a in arrays], axis))


_SEEN = (
    np.nonzero, np.flatnonzero, np.argwhere, np.count_nonzero, np.isin, np.array_equal, np.any, np.all, np.argmax,
    np.argmin, np.isneginf, np.isposinf,
)  # fmt: skip
_MOVED = (
    np.tile, np.repeat, np.roll, np.flip, np.ascontiguousarray, np.take, np.broadcast_to, np.moveaxis, np.expand_dims,
    np.squeeze, np.swapaxes, np.transpose, np.reshape,
)  # fmt: skip

_rules: dict[Any, Callable[..., Any]] = {
    np.fill_diagonal: _fill_diagonal,
    np.copyto: _copyto,
    np.concatenate: _concatenate,
    np.stack: _stack,
    np.ndim: lambda a: a.ndim,
    np.shape: lambda a: a.shape,
    np.size: lambda a: a.size,
    np.shares_memory: lambda a, b: np.shares_memory(bits_of(a), bits_of(b)),
    np.may_share_memory: lambda a, b: np.may_share_memory(bits_of(a), bits_of(b)),
    **{f: _like(f) for f in (np.zeros_like, np.ones_like, np.empty_like)},
    **{f: _answer(f) for f in _SEEN},
    **{f: _moved(f) for f in _MOVED},
}
