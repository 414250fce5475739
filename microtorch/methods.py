"""The operators and functions of a Tensor: each is one call into ops (the table) or functions (PyTorch's
signatures)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import _removed, dtypes, indexing
from microtorch._warn import at_the_program
from microtorch.autograd import inplace
from microtorch.autograd.inplace import assign, in_place, old_value
from microtorch.autograd.node import written
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions import (
    compare as FC,
    complex as FX,
    copies as FCopy,
    decompositions as FD,
    directly,
    index as FI,
    join as FJ,
    linalg as FL,
    norms as FN,
    pointwise as FP,
    random as FRand,
    reduce as FR,
    relayout as FRel,
    replace as FReplace,
    shape as FS,
    softmax as FSoft,
    sorting as FO,
    special as FSp,
    spectral as FSpec,
)
from microtorch.functions.arguments import old_order
from microtorch.ops import pointwise as P, shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _reversed(entry: Callable[..., Any], commutes: bool = False) -> Callable[..., Any]:
    """The method of an operator whose left operand is no tensor.

    commutes: the tensor goes first nonetheless, as the node of `2 * x` tells in PyTorch.
    """

    def call(self: Any, other: Any) -> Any:
        if not isinstance(self, TensorBase):
            method, kind = f"__r{entry.__name__.removeprefix('bitwise_')}__", type(self).__name__
            what = f"descriptor '{method}' for 'torch._C.TensorBase' objects"
            raise TypeError(f"{what} doesn't apply to a '{kind}' object")
        if isinstance(other, (int, float, complex, np.generic, TensorBase)):
            return entry(self, other) if commutes else entry(other, self)
        return NotImplemented

    return call


def _operator(entry: Callable[..., Any]) -> Callable[..., Any]:
    """An operator's method: what it cannot combine is left to the other operand's class (NotImplemented)."""

    def call(self: Any, other: Any) -> Any:
        if isinstance(other, TensorBase) or isinstance(other, (int, float, complex, np.generic)):
            return entry(self, other)
        return NotImplemented

    return call


def _equality(entry: Callable[..., Any]) -> Callable[..., Any]:
    """`==` and `!=`, which take arrays, too."""
    operator = entry.operator  # type: ignore[attr-defined]

    def call(self: Any, other: Any) -> Any:
        result = operator(self, other)
        return operator(self, wrap(other)) if result is NotImplemented and isinstance(other, np.ndarray) else result

    return call


def _in_place_operator(method: Callable[..., Any]) -> Callable[..., Any]:
    """`+=` and its like: what they cannot combine is left to the other operand's class."""

    def call(self: Any, other: Any) -> Any:
        return (
            method(self, other) if isinstance(other, (TensorBase, int, float, complex, np.generic)) else NotImplemented
        )

    return call


def _operator_on_tensors(entry: Callable[..., Any]) -> Callable[..., Any]:
    """An operator's method that takes no numbers."""

    def call(self: Any, other: Any) -> Any:
        return entry(self, other) if isinstance(other, TensorBase) else NotImplemented

    return call


def assign_checked(x: Any, result: Any) -> Tensor:
    """Write a result into x (in place), after `old_value` has checked that it may be."""
    assign(x, result)
    return x


def _written(function: Callable[..., Any]) -> Callable[..., Any]:
    """The in-place form of a function: `x.lerp_(...)` from `lerp(x, ...)`."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Tensor:
        try:
            result = function(old_value(self, *args, *kwargs.values()), *args, **kwargs)
        except NotImplementedError:
            if len(args) == 1 and isinstance(args[0], (TensorBase, float)):  # PyTorch looks first whether it fits
                inplace.check_castable(dtypes.result_type(self, args[0]).numpy, self._data.dtype)
            raise
        return assign_checked(self, result)

    call.__name__ = call.__qualname__ = function.__name__ + "_"
    call.__doc__ = f"`{function.__name__}`, in place."
    return call


_warned_of_T: list[None] = []  # not empty once the program was warned


class TensorMethods(TensorBase):
    """What can be computed with a tensor."""

    __slots__ = ()

    # operators -------------------------------------------------------------------------------------------------------

    __add__ = P.add.operator  # type: ignore[attr-defined]
    __radd__ = _reversed(P.add, commutes=True)
    __sub__ = P.sub.operator  # type: ignore[attr-defined]
    __rsub__ = P.rsub.operator  # type: ignore[attr-defined]
    __mul__ = P.mul.operator  # type: ignore[attr-defined]
    __rmul__ = _reversed(P.mul, commutes=True)
    __truediv__ = P.div.operator  # type: ignore[attr-defined]

    def __rtruediv__(self, other: Any) -> Any:
        numbers = (int, float, complex, np.generic, np.ndarray, TensorBase)
        return FP.number_over(self, other) if isinstance(other, numbers) else NotImplemented

    __rdiv__ = __rtruediv__
    __floordiv__ = P.floor_divide.operator  # type: ignore[attr-defined]
    __rfloordiv__ = _reversed(P.floor_divide)
    __mod__ = _operator(FP.remainder)
    __rmod__ = _reversed(FP.remainder)
    __pow__ = _operator(FP.pow)
    __rpow__ = _reversed(FP.pow)
    __matmul__ = _operator_on_tensors(FL.product)
    __rmatmul__ = _reversed(FL.product)
    __neg__ = P.neg
    __abs__ = P.abs
    __eq__ = _equality(P.eq)
    __ne__ = _equality(P.ne)
    __lt__ = P.lt.operator  # type: ignore[attr-defined]
    __le__ = P.le.operator  # type: ignore[attr-defined]
    __gt__ = P.gt.operator  # type: ignore[attr-defined]
    __ge__ = P.ge.operator  # type: ignore[attr-defined]
    __and__ = _operator(FC.bitwise_and)
    __rand__ = _reversed(FC.bitwise_and)
    __or__ = _operator(FC.bitwise_or)
    __ror__ = _reversed(FC.bitwise_or)
    __xor__ = _operator(FC.bitwise_xor)
    __rxor__ = _reversed(FC.bitwise_xor)
    __invert__ = FC.invert
    __lshift__ = P.left_shift.operator  # type: ignore[attr-defined]
    __rshift__ = P.right_shift.operator  # type: ignore[attr-defined]
    __rlshift__ = _reversed(P.left_shift)
    __rrshift__ = _reversed(P.right_shift)
    __getitem__ = indexing.getitem
    __setitem__ = indexing.setitem

    __pos__ = FP.positive

    # arithmetic and functions, element by element --------------------------------------------------------------------

    add, sub, subtract, mul, multiply = FP.add, FP.sub, FP.sub, FP.mul, FP.mul
    div, divide, true_divide, pow, float_power = FP.div, FP.div, FP.true_divide, FP.pow, FP.float_power
    floor_divide, remainder, fmod = P.floor_divide, FP.remainder, FP.fmod
    neg = negative = P.neg
    positive = FP.positive
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
    atan2 = arctan2 = FP.atan2
    hypot, logaddexp, logaddexp2, xlogy, copysign, nextafter = (
        FP.hypot,
        FP.logaddexp,
        FP.logaddexp2,
        FP.xlogy,
        FP.copysign,
        FP.nextafter,
    )
    deg2rad, rad2deg, sinc, logit, ldexp, frexp = P.deg2rad, P.rad2deg, P.sinc, FP.logit, FP.ldexp, FP.frexp
    sigmoid, relu = P.sigmoid, FP.relu
    sign, sgn, signbit, floor, ceil, frac = FP.sign, P.sgn, P.signbit, P.floor, P.ceil, P.frac
    trunc = fix = P.trunc
    round, nan_to_num, heaviside = FP.round, FP.nan_to_num, FP.heaviside
    clamp = clip = FP.clamp
    clamp_min, clamp_max = FP.clamp_min, FP.clamp_max
    lerp, addcmul, addcdiv = FP.lerp, FP.addcmul, FP.addcdiv
    maximum, minimum, fmax, fmin, gcd, lcm = FP.maximum, FP.minimum, FP.fmax, FP.fmin, FP.gcd, FP.lcm
    eq, ne, lt, le, gt, ge = P.eq, P.ne, P.lt, P.le, P.gt, P.ge
    not_equal, less, less_equal, greater, greater_equal = P.ne, P.lt, P.le, P.gt, P.ge
    logical_and, logical_or, logical_xor, logical_not = FC.logical_and, FC.logical_or, FC.logical_xor, P.logical_not
    bitwise_and, bitwise_or, bitwise_xor, bitwise_not = FC.bitwise_and, FC.bitwise_or, FC.bitwise_xor, FC.bitwise_not
    bitwise_left_shift, bitwise_right_shift = FC.bitwise_left_shift, FC.bitwise_right_shift
    isnan, isinf, isfinite, isposinf, isneginf, isreal = P.isnan, P.isinf, P.isfinite, P.isposinf, P.isneginf, P.isreal
    erf, erfc, erfinv, lgamma, digamma, mvlgamma, polygamma = (
        FSp.erf,
        FSp.erfc,
        FSp.erfinv,
        FSp.lgamma,
        FSp.digamma,
        FSp.mvlgamma,
        FSp.polygamma,
    )
    i0, igamma, igammac = FSp.i0, FSp.igamma, FSp.igammac
    isclose, allclose, equal = FC.isclose, FC.allclose, FC.equal

    def where(self, condition: Any, other: Any) -> Tensor:
        """This tensor where the condition is true, `other` elsewhere."""
        return FP.where(condition, self, other)

    # in place --------------------------------------------------------------------------------------------------------

    _add_, _sub_, _mul_, _div_ = (
        directly.arithmetic(P.add, np.add),
        directly.arithmetic(P.sub, np.subtract),
        directly.arithmetic(P.mul, np.multiply),
        directly.arithmetic(P.div, np.true_divide),
    )

    def add_(self, other: Any, *old: Any, alpha: Any = 1) -> Tensor:
        """self += alpha * other."""
        if old:
            (_, other), scale = old_order("add", (self, other, *old))
            return self.add_(other, **scale)
        if alpha != 1:
            if type(alpha) is float and directly.add_scaled(np.add, self, other, alpha):
                return self  # type: ignore[return-value]
            if self._data.dtype.itemsize == 2 and FP.is_narrow(self):
                return assign_checked(self, FP.add(old_value(self, other), other, alpha=alpha))
            other = FP.scaled(self, other, alpha)
        return self._add_(other)

    def sub_(self, other: Any, *old: Any, alpha: Any = 1) -> Tensor:
        """self -= alpha * other."""
        if old:
            (_, other), scale = old_order("sub", (self, other, *old))
            return self.sub_(other, **scale)
        if alpha != 1:
            if type(alpha) is float and directly.add_scaled(np.subtract, self, other, alpha):
                return self  # type: ignore[return-value]
            if self._data.dtype.itemsize == 2 and FP.is_narrow(self):
                return assign_checked(self, FP.sub(old_value(self, other), other, alpha=alpha))
            other = FP.scaled(self, other, alpha)
        return self._sub_(other)

    mul_, multiply_ = _mul_, _mul_
    subtract_ = sub_

    def div_(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """self /= other."""
        if rounding_mode is None:
            return self._div_(other)
        assign_checked(self, FP.div(old_value(self, other), other, rounding_mode=rounding_mode))
        return self  # type: ignore[return-value]

    divide_ = div_
    __iadd__, __isub__, __imul__, __itruediv__ = (_in_place_operator(f) for f in (_add_, _sub_, _mul_, _div_))
    true_divide_ = _div_
    __ifloordiv__ = floor_divide_ = in_place(P.floor_divide)
    __imod__ = remainder_ = _written(FP.remainder)
    __ipow__ = pow_ = _written(FP.pow)
    __iand__ = bitwise_and_ = _written(FC.bitwise_and)
    __ior__ = bitwise_or_ = _written(FC.bitwise_or)
    __ixor__ = bitwise_xor_ = _written(FC.bitwise_xor)
    __ilshift__, __irshift__ = in_place(P.left_shift), in_place(P.right_shift)
    bitwise_left_shift_, bitwise_right_shift_, bitwise_not_ = (
        in_place(P.left_shift),
        in_place(P.right_shift),
        _written(FC.bitwise_not),
    )
    fmod_, atan2_, hypot_ = _written(FP.fmod), in_place(P.atan2, no_number=True), _written(FP.hypot)
    arctan2_, xlogy_, copysign_, nextafter_ = atan2_, _written(FP.xlogy), _written(FP.copysign), _written(FP.nextafter)
    heaviside_, gcd_, lcm_, ldexp_ = _written(FP.heaviside), _written(FP.gcd), _written(FP.lcm), _written(FP.ldexp)
    exp_, exp2_, expm1_, log_, log2_, log10_, log1p_ = (
        directly.unary(f) for f in (P.exp, P.exp2, P.expm1, P.log, P.log2, P.log10, P.log1p)
    )
    sqrt_, rsqrt_, reciprocal_, square_ = (directly.unary(f) for f in (P.sqrt, P.rsqrt, P.reciprocal, P.square))
    neg_, abs_, sign_, sgn_ = directly.unary(P.neg), FP.abs_, _written(FP.sign), directly.unary(P.sgn)
    negative_, absolute_ = neg_, abs_
    sin_, cos_, tan_, sinh_, cosh_, tanh_ = (directly.unary(f) for f in (P.sin, P.cos, P.tan, P.sinh, P.cosh, P.tanh))
    asin_, acos_, atan_, asinh_, acosh_, atanh_ = (
        directly.unary(f) for f in (P.asin, P.acos, P.atan, P.asinh_in_place, P.acosh_in_place, P.atanh_in_place)
    )
    arcsin_, arccos_, arctan_, arcsinh_, arccosh_, arctanh_ = asin_, acos_, atan_, asinh_, acosh_, atanh_
    sigmoid_, relu_, deg2rad_, rad2deg_, sinc_ = (
        directly.unary(P.sigmoid),
        directly.unary(P.relu),
        directly.unary(P.deg2rad),
        directly.unary(P.rad2deg),
        directly.unary(P.sinc),
    )
    logit_, nan_to_num_, conj_physical_ = _written(FP.logit), _written(FP.nan_to_num), _written(FX.conj_physical)
    erf_, erfc_, erfinv_, lgamma_, digamma_ = (
        _written(f) for f in (FSp.erf, FSp.erfc, FSp.erfinv, FSp.lgamma, FSp.digamma)
    )
    mvlgamma_, polygamma_, i0_, igamma_, igammac_ = (
        _written(f) for f in (FSp.mvlgamma, FSp.polygamma, FSp.i0, FSp.igamma, FSp.igammac)
    )
    floor_, ceil_, trunc_, frac_ = (directly.unary(f) for f in (P.floor, P.ceil, P.trunc, P.frac))
    fix_, round_ = trunc_, _written(FP.round)
    eq_, ne_, lt_, le_, gt_, ge_ = (in_place(f) for f in (P.eq, P.ne, P.lt, P.le, P.gt, P.ge))
    not_equal_, less_, less_equal_, greater_, greater_equal_ = ne_, lt_, le_, gt_, ge_
    logical_and_, logical_or_, logical_xor_ = (
        in_place(f, no_number=True) for f in (P.logical_and, P.logical_or, P.logical_xor)
    )
    logical_not_ = in_place(P.logical_not)

    def float_power_(self, exponent: Any) -> Tensor:
        """self **= exponent, of float64 and complex128 tensors."""
        wide = FX.is_complex(self) or isinstance(exponent, complex)
        if self._data.dtype != (np.complex128 if wide else np.float64):
            have, want = FP.type_name(self), "ComplexDouble" if wide else "Double"
            raise RuntimeError(
                f"the base given to float_power_ has dtype {have} but the operation's result requires dtype {want}"
            )
        return assign_checked(self, FP.float_power(old_value(self, exponent), exponent))

    def clamp_(self, min: Any = None, max: Any = None) -> Tensor:
        """Clamp in place."""
        if {type(min), type(max)} <= {float, int} and (data := directly.plain(self)) is not None:
            data[...] = P.clamp.op.kernel(data, min, max)  # type: ignore[attr-defined]
            written(self)
            return self  # type: ignore[return-value]
        return assign_checked(self, FP.clamp(old_value(self, min, max), min, max))

    clip_ = clamp_

    clamp_min_, clamp_max_ = _written(FP.clamp_min), _written(FP.clamp_max)
    lerp_ = directly.by_kernel(P.lerp_number, _written(FP.lerp), 2)
    addcmul_ = directly.by_kernel(P.addcmul, _written(FP.addcmul), 3)
    addcdiv_ = directly.by_kernel(P.addcdiv, _written(FP.addcdiv), 3)

    fill_, zero_, copy_ = inplace.fill_, inplace.zero_, inplace.copy_
    fill_diagonal_ = FI.fill_diagonal_

    # reductions ------------------------------------------------------------------------------------------------------

    sum, mean = FR.sum_method, FR.mean_method
    var, std, prod, nansum, nanmean = FR.var, FR.std, FR.prod, FR.nansum, FR.nanmean
    max, min, amax, amin, argmax, argmin, aminmax = FR.max, FR.min, FR.amax, FR.amin, FR.argmax, FR.argmin, FR.aminmax
    all, any, logsumexp, count_nonzero, hash_tensor, dist, renorm = (
        FR.all,
        FR.any,
        FR.logsumexp,
        FR.count_nonzero,
        FR.hash_tensor,
        FR.dist,
        FR.renorm,
    )
    cumsum, cumprod, cummax, cummin, logcumsumexp, diff = (
        FR.cumsum,
        FR.cumprod,
        FR.cummax,
        FR.cummin,
        FR.logcumsumexp,
        FR.diff,
    )
    renorm_ = _written(FR.renorm)

    def cumsum_(self, dim: int, *, dtype: Any = None) -> Tensor:
        """`cumsum`, in place."""
        kind = dtypes.of[self._data.dtype] if dtype is None else dtype
        return assign_checked(self, FR.cumsum(old_value(self), dim, dtype=kind))

    def cumprod_(self, dim: int, *, dtype: Any = None) -> Tensor:
        """`cumprod`, in place."""
        kind = dtypes.of[self._data.dtype] if dtype is None else dtype
        return assign_checked(self, FR.cumprod(old_value(self), dim, dtype=kind))

    sort, argsort, msort, topk, kthvalue, mode = FO.sort, FO.argsort, FO.msort, FO.topk, FO.kthvalue, FO.mode
    median, nanmedian, quantile, nanquantile = FO.median, FO.nanmedian, FO.quantile, FO.nanquantile
    unique, unique_consecutive, bincount, histc, histogram = (
        FO.unique,
        FO.unique_consecutive,
        FO.bincount,
        FO.histc,
        FO.histogram,
    )

    # shape -----------------------------------------------------------------------------------------------------------

    reshape, view, flatten, unflatten, ravel = FS.reshape, FS.view, FS.flatten, FS.unflatten, FS.ravel
    transpose, permute, t, adjoint = FS.transpose, FS.permute, FS.t, FS.adjoint
    swapaxes, swapdims = FS.swapaxes, FS.swapdims
    movedim = moveaxis = FS.movedim
    squeeze, unsqueeze, expand, broadcast_to = FS.squeeze, FS.unsqueeze, FS.expand, FS.broadcast_to
    split_with_sizes, chunk, unbind = FJ.split_with_sizes, FJ.chunk, FJ.unbind

    def split(self, split_size: Any, dim: Any = 0) -> tuple[Any, ...]:
        """Views of pieces along a dimension: of one size (the last may be smaller), or of the sizes listed."""
        return FJ.split(self, split_size, dim)

    tensor_split, hsplit, vsplit, dsplit = FJ.tensor_split, FJ.hsplit, FJ.vsplit, FJ.dsplit
    select, narrow, narrow_copy, diagonal, unfold = FS.select, FS.narrow, FS.narrow_copy, FS.diagonal, FS.unfold
    diag, diag_embed, diagflat, as_strided = FS.diag, FS.diag_embed, FS.diagflat, FS.as_strided
    tril, triu, flip, fliplr, flipud, rot90, roll = FS.tril, FS.triu, FS.flip, FS.fliplr, FS.flipud, FS.rot90, FS.roll
    repeat, tile, repeat_interleave = FS.repeat, FS.tile, FS.repeat_interleave
    t_, transpose_, squeeze_, unsqueeze_ = FRel.t_, FRel.transpose_, FRel.squeeze_, FRel.unsqueeze_
    swapaxes_ = swapdims_ = FRel.transpose_
    as_strided_, resize_, resize_as_, set_ = FRel.as_strided_, FRel.resize_, FRel.resize_as_, FRel.set_

    def view_as(self, other: Any) -> Tensor:
        """A view in the shape of another tensor."""
        return FS.view(self, other._data.shape)

    def reshape_as(self, other: Any) -> Tensor:
        """The elements in the shape of another tensor."""
        return FS.reshape(self, other._data.shape)

    def expand_as(self, other: Any) -> Tensor:
        """Broadcast to the shape of another tensor."""
        return S.expand(self, other._data.shape)

    @property
    def T(self) -> Tensor:
        """The dimensions in reverse order."""
        ndim = self._data.ndim
        if ndim != 2 and not _warned_of_T:
            _warned_of_T.append(None)
            at_the_program(
                "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it "
                "will throw an error in a future release. Consider `x.mT` to transpose batches of matrices or "
                "`x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the dimensions of a tensor."
            )
        return S.permute(self, (1, 0) if ndim == 2 else tuple(range(ndim))[::-1])

    @property
    def mT(self) -> Tensor:
        """The last two dimensions exchanged."""
        if not self._data.ndim:
            return S.permute(self, ())
        if self._data.ndim < 2:
            raise RuntimeError(
                f"tensor.mT is only supported on matrices or batches of matrices. Got {self._data.ndim}-D tensor."
            )
        return FS.transpose(self, -2, -1)

    @property
    def H(self) -> Tensor:
        """A matrix transposed, and conjugated if complex."""
        ndim = self._data.ndim
        if ndim not in (0, 2):
            more = " For batches of matrices, consider using tensor.mH" if ndim > 2 else ""
            raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {ndim}-D tensor.{more}")
        return FS.adjoint(self) if ndim else self  # type: ignore[return-value]

    @property
    def mH(self) -> Tensor:
        """The last two dimensions exchanged, and conjugated if complex."""
        if self._data.ndim < 2:
            raise RuntimeError(
                f"tensor.mH is only supported on matrices or batches of matrices. Got {self._data.ndim}-D tensor."
            )
        return FS.adjoint(self)

    # by index --------------------------------------------------------------------------------------------------------

    gather, take_along_dim, scatter, scatter_ = FI.gather, FI.take_along_dim, FI.scatter, FI.scatter_
    scatter_add, scatter_add_, scatter_reduce, scatter_reduce_ = (
        FI.scatter_add,
        FI.scatter_add_,
        FI.scatter_reduce,
        FI.scatter_reduce_,
    )
    index_select, index_add, index_add_, index_copy, index_copy_ = (
        FI.index_select,
        FI.index_add,
        FI.index_add_,
        FI.index_copy,
        FI.index_copy_,
    )
    index_fill, index_fill_, index_reduce, index_reduce_ = (
        FI.index_fill,
        FI.index_fill_,
        FI.index_reduce,
        FI.index_reduce_,
    )
    index_put, index_put_, take, put, put_ = FI.index_put, FI.index_put_, FI.take, FI.put, FI.put_
    masked_fill, masked_fill_, masked_select = FI.masked_fill, FI.masked_fill_, FI.masked_select
    masked_scatter, masked_scatter_ = FI.masked_scatter, FI.masked_scatter_
    nonzero, argwhere, nonzero_static = FI.nonzero, FI.argwhere, FI.nonzero_static
    select_scatter, slice_scatter = FReplace.select_scatter, FReplace.slice_scatter
    diagonal_scatter, as_strided_scatter = FReplace.diagonal_scatter, FReplace.as_strided_scatter
    tril_, triu_ = FI.tril_, FI.triu_

    # random ----------------------------------------------------------------------------------------------------------

    uniform_, normal_, random_, bernoulli_ = FRand.uniform_, FRand.normal_, FRand.random_, FRand.bernoulli_
    exponential_, cauchy_, geometric_, log_normal_ = (
        FRand.exponential_,
        FRand.cauchy_,
        FRand.geometric_,
        FRand.log_normal_,
    )
    bernoulli, multinomial = FRand.bernoulli, FRand.multinomial

    softmax, log_softmax = FSoft.softmax, FSoft.log_softmax

    # matrices --------------------------------------------------------------------------------------------------------

    matmul, mm, bmm, mv, dot, vdot, outer, ger, inner = (
        FL.matmul,
        FL.mm,
        FL.bmm,
        FL.mv,
        FL.dot,
        FL.vdot,
        FL.outer,
        FL.outer,
        FL.inner,
    )
    addmm, addmv, addr, baddbmm, addbmm = FL.addmm, FL.addmv, FL.addr, FL.baddbmm, FL.addbmm
    addmm_, addmv_, addr_, baddbmm_ = (_written(f) for f in (FL.addmm, FL.addmv, FL.addr, FL.baddbmm))

    def addbmm_(self, *batches: Any, **factors: Any) -> Tensor:
        """`addbmm`, in place; unlike its kin it takes on the shape of the result."""
        result = FL.addbmm(old_value(self, *batches), *batches, **factors)
        if result._data.shape != self._data.shape and self._base is None:
            self._data = np.empty(result._data.shape, self._data.dtype)
        return assign_checked(self, result)

    kron, trace, cross, cov, corrcoef = FL.kron, FL.trace, FL.cross, FL.cov, FL.corrcoef
    norm, det, logdet, slogdet, inverse, pinverse = FN.norm, FD.det, FD.logdet, FD.old_slogdet, FD.inverse, FD.pinverse
    cholesky, cholesky_inverse, cholesky_solve = FD.old_cholesky, FD.cholesky_inverse, FD.cholesky_solve
    qr, geqrf, orgqr, ormqr, svd = FD.old_qr, FD.geqrf, FD.orgqr, FD.ormqr, FD.old_svd
    lu, lu_solve, triangular_solve = FD.old_lu, FD.old_lu_solve, FD.triangular_solve
    matrix_power, matrix_exp = FD.matrix_power, FD.matrix_exp
    stft, istft = FSpec.stft, FSpec.istft

    # complex ---------------------------------------------------------------------------------------------------------

    conj, conj_physical, resolve_conj, resolve_neg, angle = (
        FX.conj,
        FX.conj_physical,
        FX.resolve_conj,
        FX.resolve_neg,
        P.angle,
    )

    unsafe_chunk, unsafe_split, unsafe_split_with_sizes = (
        FCopy.unsafe_chunk,
        FCopy.unsafe_split,
        FCopy.unsafe_split_with_sizes,
    )
    eig, lstsq, solve, symeig = _removed.eig, _removed.lstsq, _removed.solve, _removed.symeig

    @property
    def real(self) -> Tensor:
        """The real part, a view; a real tensor itself."""
        return FX.real(self)

    @real.setter
    def real(self, value: Any) -> None:
        FX.real(self).copy_(value)

    @property
    def imag(self) -> Tensor:
        """The imaginary part, a view."""
        return FX.imag(self)

    @imag.setter
    def imag(self, value: Any) -> None:
        FX.imag(self).copy_(value)
