"""The operators and functions of a Tensor: each is one call into ops (the table) or functions (PyTorch's signatures)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import indexing
from microtorch.autograd.inplace import assign, check_writable, in_place
from microtorch.autograd.modes import mode
from microtorch.autograd.node import written
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions import linalg as FL
from microtorch.functions import pointwise as FP
from microtorch.functions import random as FRand
from microtorch.functions import reduce as FR
from microtorch.functions import shape as FS
from microtorch.ops import pointwise as P
from microtorch.ops import shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _reversed(entry: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Any, other: Any) -> Any:
        return entry(other, self)

    return call


def _operator(entry: Callable[..., Any]) -> Callable[..., Any]:
    """An operator's method: what it cannot combine is left to the other operand's class (NotImplemented)."""

    def call(self: Any, other: Any) -> Any:
        if isinstance(other, TensorBase) or isinstance(other, (int, float, complex, np.generic)):
            return entry(self, other)
        return NotImplemented

    return call


def _old(x: Any) -> Tensor:
    """The tensor as an operand of its own in-place operation: with a copy of its value if a node may save it."""
    check_writable(x)
    return wrap(x._data.copy(), x._node) if x._node is not None and mode.enabled else wrap(x._data)


def assign_checked(x: Any, result: Any) -> Tensor:
    """Write a result into x (in place), after `_old` has checked that it may be."""
    assign(x, result)
    return x


class TensorMethods(TensorBase):
    """What can be computed with a tensor."""

    __slots__ = ()

    # operators ---------------------------------------------------------------------------------------------------------

    __add__ = _operator(P.add)
    __radd__ = _reversed(P.add)
    __sub__ = _operator(P.sub)
    __rsub__ = _reversed(P.sub)
    __mul__ = _operator(P.mul)
    __rmul__ = _reversed(P.mul)
    __truediv__ = _operator(P.div)
    __rtruediv__ = _reversed(P.div)
    __floordiv__ = _operator(P.floor_divide)
    __rfloordiv__ = _reversed(P.floor_divide)
    __mod__ = _operator(P.remainder)
    __rmod__ = _reversed(P.remainder)
    __pow__ = _operator(P.pow)
    __rpow__ = _reversed(P.pow)
    __matmul__ = FL.matmul
    __rmatmul__ = _reversed(FL.matmul)
    __neg__ = P.neg
    __abs__ = P.abs
    __eq__ = _operator(P.eq)
    __ne__ = _operator(P.ne)
    __lt__ = _operator(P.lt)
    __le__ = _operator(P.le)
    __gt__ = _operator(P.gt)
    __ge__ = _operator(P.ge)
    __and__ = _operator(P.bitwise_and)
    __rand__ = _reversed(P.bitwise_and)
    __or__ = _operator(P.bitwise_or)
    __ror__ = _reversed(P.bitwise_or)
    __xor__ = _operator(P.bitwise_xor)
    __rxor__ = _reversed(P.bitwise_xor)
    __invert__ = P.bitwise_not
    __lshift__ = _operator(P.left_shift)
    __rshift__ = _operator(P.right_shift)
    __getitem__ = indexing.getitem
    __setitem__ = indexing.setitem

    def __pos__(self) -> Tensor:
        return self  # type: ignore[return-value]

    # arithmetic and functions, element by element ------------------------------------------------------------------------

    add, sub, subtract, mul, multiply = FP.add, FP.sub, FP.sub, FP.mul, FP.mul
    div, divide, true_divide, pow = FP.div, FP.div, FP.true_divide, FP.pow
    floor_divide, remainder, fmod = P.floor_divide, P.remainder, P.fmod
    neg = negative = P.neg
    abs = absolute = P.abs
    exp, exp2, expm1, log, log2, log10, log1p = P.exp, P.exp2, P.expm1, P.log, P.log2, P.log10, P.log1p
    sqrt, rsqrt, reciprocal, square = P.sqrt, P.rsqrt, P.reciprocal, P.square
    sin, cos, tan, sinh, cosh, tanh = P.sin, P.cos, P.tan, P.sinh, P.cosh, P.tanh
    asin = arcsin = P.asin
    acos = arccos = P.acos
    atan = arctan = P.atan
    asinh = arcsinh = P.asinh
    acosh = arccosh = P.acosh
    atanh = arctanh = P.atanh
    atan2 = arctan2 = P.atan2
    sigmoid, relu = P.sigmoid, P.relu
    sign, floor, ceil, frac = P.sign, P.floor, P.ceil, P.frac
    trunc = fix = P.trunc
    round = FP.round
    clamp = clip = FP.clamp
    clamp_min, clamp_max = FP.clamp_min, FP.clamp_max
    lerp, addcmul, addcdiv = FP.lerp, FP.addcmul, FP.addcdiv
    maximum, minimum, fmax, fmin = P.maximum, P.minimum, P.fmax, P.fmin
    eq, ne, lt, le, gt, ge = P.eq, P.ne, P.lt, P.le, P.gt, P.ge
    not_equal, less, less_equal, greater, greater_equal = P.ne, P.lt, P.le, P.gt, P.ge
    logical_and, logical_or, logical_xor, logical_not = P.logical_and, P.logical_or, P.logical_xor, P.logical_not
    bitwise_and, bitwise_or, bitwise_xor, bitwise_not = P.bitwise_and, P.bitwise_or, P.bitwise_xor, P.bitwise_not
    isnan, isinf, isfinite = P.isnan, P.isinf, P.isfinite
    isclose, allclose, equal = FP.isclose, FP.allclose, FP.equal

    def where(self, condition: Any, other: Any) -> Tensor:
        """This tensor where the condition is true, `other` elsewhere."""
        return FP.where(condition, self, other)  # type: ignore[no-any-return]

    # in place ------------------------------------------------------------------------------------------------------------

    _add_, _sub_, _mul_, _div_ = in_place(P.add, np.add), in_place(P.sub, np.subtract), in_place(P.mul, np.multiply), in_place(P.div, np.true_divide)

    def add_(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """self += alpha * other."""
        return self._add_(other if alpha == 1 else other * alpha)

    def sub_(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """self -= alpha * other."""
        return self._sub_(other if alpha == 1 else other * alpha)

    mul_, multiply_ = _mul_, _mul_
    subtract_ = sub_

    def div_(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """self /= other."""
        if rounding_mode is None:
            return self._div_(other)
        assign_checked(self, FP.div(_old(self), other, rounding_mode=rounding_mode))
        return self  # type: ignore[return-value]

    __iadd__, __isub__, __imul__, __itruediv__ = _add_, _sub_, _mul_, _div_
    __ifloordiv__, __imod__, __ipow__ = in_place(P.floor_divide), in_place(P.remainder), in_place(P.pow)
    __iand__ = bitwise_and_ = in_place(P.bitwise_and)
    __ior__ = bitwise_or_ = in_place(P.bitwise_or)
    __ixor__ = bitwise_xor_ = in_place(P.bitwise_xor)
    pow_, remainder_, fmod_, floor_divide_ = __ipow__, __imod__, in_place(P.fmod), __ifloordiv__
    exp_, log_, sqrt_, rsqrt_, neg_, abs_ = (in_place(f) for f in (P.exp, P.log, P.sqrt, P.rsqrt, P.neg, P.abs))
    sin_, cos_, tan_, tanh_, sigmoid_, relu_ = (in_place(f) for f in (P.sin, P.cos, P.tan, P.tanh, P.sigmoid, P.relu))
    floor_, ceil_, round_, trunc_, frac_ = (in_place(f) for f in (P.floor, P.ceil, P.round, P.trunc, P.frac))
    square_, reciprocal_, sign_ = (in_place(f) for f in (P.square, P.reciprocal, P.sign))

    def clamp_(self, min: Any = None, max: Any = None) -> Tensor:
        """Clamp in place."""
        return assign_checked(self, FP.clamp(_old(self), min, max))

    clip_ = clamp_

    def clamp_min_(self, min: Any) -> Tensor:
        """Clamp from below, in place."""
        return self.clamp_(min=min)

    def clamp_max_(self, max: Any) -> Tensor:
        """Clamp from above, in place."""
        return self.clamp_(max=max)

    def lerp_(self, end: Any, weight: Any) -> Tensor:
        """self += weight * (end - self)."""
        return assign_checked(self, FP.lerp(_old(self), end, weight))

    def addcmul_(self, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
        """self += value * tensor1 * tensor2."""
        return assign_checked(self, FP.addcmul(_old(self), tensor1, tensor2, value=value))

    def addcdiv_(self, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
        """self += value * tensor1 / tensor2."""
        return assign_checked(self, FP.addcdiv(_old(self), tensor1, tensor2, value=value))

    def masked_fill_(self, mask: Any, value: Any) -> Tensor:
        """Write `value` where the mask is true."""
        return assign_checked(self, FS.masked_fill(_old(self), mask, value))

    def fill_(self, value: Any) -> Tensor:
        """Write one number everywhere."""
        if mode.enabled and (self._node is not None or (isinstance(value, TensorBase) and value._node is not None)):
            indexing.setitem(self, ..., value)
            return self  # type: ignore[return-value]
        check_writable(self)
        self._data[...] = value._data if isinstance(value, TensorBase) else value
        written(self)
        return self  # type: ignore[return-value]

    def zero_(self) -> Tensor:
        """Write zeros everywhere."""
        return self.fill_(0)

    def copy_(self, src: Any, non_blocking: Any = False) -> Tensor:
        """Write another tensor's values, broadcast and cast."""
        indexing.setitem(self, ..., src)
        return self  # type: ignore[return-value]

    # reductions ------------------------------------------------------------------------------------------------------------

    sum, mean, var, std = FR.sum, FR.mean, FR.var, FR.std
    max, min, amax, amin, argmax, argmin = FR.max, FR.min, FR.amax, FR.amin, FR.argmax, FR.argmin
    all, any, logsumexp = FR.all, FR.any, FR.logsumexp

    # shape -----------------------------------------------------------------------------------------------------------------

    reshape, view, flatten, transpose, permute = FS.reshape, FS.view, FS.flatten, FS.transpose, FS.permute
    swapaxes = swapdims = FS.transpose
    t, squeeze, unsqueeze, expand, repeat = FS.t, FS.squeeze, FS.unsqueeze, FS.expand, FS.repeat
    movedim = moveaxis = FS.movedim
    split, chunk, unbind, select, narrow = FS.split, FS.chunk, FS.unbind, FS.select, FS.narrow
    gather, index_select, masked_fill, masked_select = FS.gather, FS.index_select, FS.masked_fill, FS.masked_select
    tril, triu, flip, roll = FS.tril, FS.triu, FS.flip, FS.roll
    broadcast_to = FS.broadcast_to

    def view_as(self, other: Any) -> Tensor:
        """A view in the shape of another tensor."""
        return FS.view(self, other._data.shape)  # type: ignore[no-any-return]

    def reshape_as(self, other: Any) -> Tensor:
        """The elements in the shape of another tensor."""
        return FS.reshape(self, other._data.shape)

    def expand_as(self, other: Any) -> Tensor:
        """Broadcast to the shape of another tensor."""
        return S.expand(self, other._data.shape)  # type: ignore[no-any-return]

    def ravel(self) -> Tensor:
        """All elements in one dimension."""
        return FS.reshape(self, -1)

    @property
    def T(self) -> Tensor:
        """The dimensions in reverse order."""
        return S.permute(self, tuple(range(self._data.ndim))[::-1])  # type: ignore[no-any-return]

    @property
    def mT(self) -> Tensor:
        """The last two dimensions exchanged."""
        return FS.transpose(self, -2, -1)

    # random ----------------------------------------------------------------------------------------------------------------

    uniform_, normal_, random_, bernoulli_ = FRand.uniform_, FRand.normal_, FRand.random_, FRand.bernoulli_
    exponential_, cauchy_, geometric_, log_normal_ = FRand.exponential_, FRand.cauchy_, FRand.geometric_, FRand.log_normal_
    bernoulli, multinomial = FRand.bernoulli, FRand.multinomial

    # matrices -------------------------------------------------------------------------------------------------------------

    matmul, mm, bmm, mv, dot, addmm, outer, ger = FL.matmul, FL.mm, FL.bmm, FL.mv, FL.dot, FL.addmm, FL.outer, FL.outer

    # complex -------------------------------------------------------------------------------------------------------------

    def conj(self) -> Tensor:
        """The complex conjugate; a real tensor itself."""
        return P.conj(self) if self._data.dtype.kind == "c" else self  # type: ignore[no-any-return]
