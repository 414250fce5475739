"""Reductions: sums, means, products, norms, extremes, running sums. `axis` is None or a tuple of non-negative numbers
(one number where something runs along an axis)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.autograd.table import op, unary
from microtorch.kernels import reduce as K
from microtorch.kernels.bfloat16 import finfo
from microtorch.kernels.small import few
from microtorch.kernels.strides import c_order
from microtorch.ops.pointwise import constant


def _kept(xp: Any, g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """A reduction's gradient or result, broadcast back over the axes reduced."""
    return xp.spread(g, x.shape, axis, keepdims)


def _conj(xp: Any, x: Any) -> Any:
    """The conjugate; a real array itself, not a copy."""
    return xp.conj(x) if xp.is_complex(x) else x


# sums and means ------------------------------------------------------------------------------------------------------


def _sum_x(xp: Any, g: Any, x_shape: Any, axis: Any, keepdims: bool) -> Any:
    return xp.spread(g, x_shape, axis, keepdims)


def _mean_x(xp: Any, g: Any, x_shape: Any, axis: Any, keepdims: bool) -> Any:
    """Recorded, the division comes last: a gradient that a program gets can then be written in place."""
    n = K.count(x_shape, axis) or math.nan
    if xp.recorded:
        return xp.over_number(xp.spread(g, x_shape, axis, keepdims), n)
    return xp.spread(g / n, x_shape, axis, keepdims)


sum = unary("sum", c_order(K.sum), x=_sum_x, grad_name="SumBackward1")
sum_all = unary(
    "sum_all",
    K.sum,
    x=lambda xp, g, x_shape: xp.spread(g, x_shape, None, True),
    grad_name="SumBackward0",
)
nansum = unary(
    "nansum",
    c_order(K.nansum),
    x=lambda xp, g, x, axis, keepdims: _kept(xp, g, x, axis, keepdims) * xp.logical_not(xp.isnan(x)),
)
mean = unary("mean", c_order(K.mean), x=_mean_x, grad_name="MeanBackward1")
mean_all = unary(
    "mean_all",
    K.mean,
    x=lambda xp, g, x_shape: _mean_x(xp, g, x_shape, None, True),
    grad_name="MeanBackward0",
)
count_nonzero = unary("count_nonzero", c_order(K.count_nonzero))
hash_tensor = unary("hash_tensor", c_order(K.hash_tensor))

# variance ------------------------------------------------------------------------------------------------------------


def _var_x(xp: Any, g: Any, x: Any, axis: Any, correction: float, keepdims: bool) -> Any:
    """2 (x - mean) / (n - correction); over all elements, if nothing is left of n, NaN at the mean and else inf."""
    left = K.count(x.shape, axis) - correction
    mean = xp.mean(x, axis, True)
    if left <= 0 and axis is None:
        return _kept(xp, g, x, axis, keepdims) * xp.where(x == mean, math.nan, math.inf)
    return _kept(xp, g * (2 / left if left else math.inf), x, axis, keepdims) * _conj(xp, x - mean)


def _std_x(xp: Any, g: Any, x: Any, out: Any, axis: Any, correction: float, keepdims: bool) -> Any:
    """Of the root of the variance; at std 0 it is 0, not 0 / 0."""
    return _var_x(xp, xp.where(out == 0, 0, g / (2 * out)), x, axis, correction, keepdims)


var = unary("var", c_order(K.var), x=_var_x)
std = unary("std", c_order(K.std), x=_std_x)


def _with_mean(xp: Any, g: Any, of_spread: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The gradient of a spread (None if not used) and that of the mean, added up."""
    of_mean = None if g[1] is None else _mean_x(xp, g[1], x.shape, axis, keepdims)
    if of_spread is None or of_mean is None:
        return of_mean if of_spread is None else of_spread
    return of_spread + of_mean


def _var_mean_x(xp: Any, g: Any, x: Any, axis: Any, correction: float, keepdims: bool) -> Any:
    of_var = None if g[0] is None else _var_x(xp, g[0], x, axis, correction, keepdims)
    return _with_mean(xp, g, of_var, x, axis, keepdims)


def _std_mean_x(xp: Any, g: Any, x: Any, out0: Any, axis: Any, correction: float, keepdims: bool) -> Any:
    of_std = None if g[0] is None else _std_x(xp, g[0], x, out0, axis, correction, keepdims)
    return _with_mean(xp, g, of_std, x, axis, keepdims)


var_mean = op("var_mean", c_order(K.var_mean, 2), inputs="x", outputs=2, x=_var_mean_x)
std_mean = op("std_mean", c_order(K.std_mean, 2), inputs="x", outputs=2, x=_std_mean_x)

# extremes ------------------------------------------------------------------------------------------------------------


def _extreme_x(xp: Any, g: Any, x: Any, out: Any, axis: Any, keepdims: bool) -> Any:
    """Shared evenly among the elements that attain the extreme; of a NaN, which equals nothing, NaN for all."""
    attained = xp.cast(x == _kept(xp, out, x, axis, keepdims), constant(out).dtype)
    return _kept(xp, g / xp.sum(attained, axis, keepdims), x, axis, keepdims) * attained


def _extreme_of_all(xp: Any, g: Any, x: Any, out: Any) -> Any:
    """Shared evenly among the elements that attain it (of a NaN: that are NaN)."""
    a, top = constant(x), constant(out)
    attained = np.asarray(np.isnan(a) if np.isnan(top) else a == top)
    return xp.where(attained, g / max(np.count_nonzero(attained), 1), 0)


amax = unary("amax", c_order(K.amax), x=_extreme_x)
amin = unary("amin", c_order(K.amin), x=_extreme_x)
max_all = unary(
    "max_all",
    lambda x: x.reshape(-1)[x.argmax()] if few(x) else K.amax(x, None, False),
    x=_extreme_of_all,
    grad_name="MaxBackward1",
)
min_all = unary(
    "min_all",
    lambda x: x.reshape(-1)[x.argmin()] if few(x) else K.amin(x, None, False),
    x=_extreme_of_all,
    grad_name="MinBackward1",
)


def _aminmax_x(xp: Any, g: Any, x: Any, out0: Any, out1: Any, axis: Any, keepdims: bool) -> Any:
    parts = [_extreme_x(xp, gi, x, out, axis, keepdims) for gi, out in zip(g, (out0, out1)) if gi is not None]
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


aminmax = op("aminmax", c_order(K.aminmax, 2), inputs="x", outputs=2, x=_aminmax_x)
take_embed = unary(
    "take_embed", K.take_embed, x=lambda xp, g, axis, keepdims, places: xp.take_places(g, axis, keepdims, places)
)
take_places = unary(
    "take_places",
    K.take_places,
    x=lambda xp, g, x_shape, axis, keepdims, places: xp.take_embed(g, x_shape, axis, keepdims, places),
)


def _taken_x(xp: Any, g: Any, x_shape: Any, axis: int, keepdims: bool, out1: Any) -> Any:
    """The gradient goes to the one element that was taken."""
    return xp.take_embed(g, x_shape, axis, keepdims, constant(out1))


max_along = op("max_along", K.max_with_index, inputs="x", outputs=2, grad_name="MaxBackward0", x=_taken_x)
min_along = op("min_along", K.min_with_index, inputs="x", outputs=2, grad_name="MinBackward0", x=_taken_x)
argmax = unary("argmax", K.argmax)
argmin = unary("argmin", K.argmin)
all = unary("all", c_order(K.all))
any = unary("any", c_order(K.any))
logsumexp = unary("logsumexp", c_order(K.logsumexp),
                  x=lambda xp, g, x, out, axis, keepdims: _kept(xp, g, x, axis, keepdims)
                  * xp.exp(x - _kept(xp, out, x, axis, keepdims)))  # fmt: skip

# norms ---------------------------------------------------------------------------------------------------------------


def _norm_x(xp: Any, g: Any, x: Any, out: Any, ord: float, axis: Any, keepdims: bool) -> Any:
    """d (sum |x|^p)^(1/p) = sgn(x) (|x| / norm)^(p-1), and 0 where the norm is 0 (the subgradient of least norm)."""
    if ord == 0:
        return None  # a number of elements: locally constant
    if 1 < ord < math.inf and ord != 2:  # where the norm is 0, so is the gradient
        g = xp.where(out == 0, 0, g / xp.pow_number(out, ord - 1))
    if ord == 2 and type(x) is type(out) is np.ndarray and out.size == 1 and x.dtype.kind == "f" and out.item():
        return x / out.reshape(()) * np.asarray(g).reshape(())  # as below, without what stretches
    g, norm = _kept(xp, g, x, axis, keepdims), _kept(xp, out, x, axis, keepdims)
    if ord == 2:
        return g * xp.where(norm == 0, 0, _conj(xp, x) / norm)
    sign = _conj(xp, xp.sgn(x))
    if ord == 1:
        return g * sign
    size = xp.abs(x)
    if math.isinf(ord):
        attained = xp.cast((size == norm) | xp.isnan(x), constant(out).dtype)
        count = xp.spread(xp.sum(attained, axis, True), x.shape, axis, True)
        return g * (attained / count) * sign
    if ord < 1:
        return xp.where(x == 0, 0, sign * xp.pow_number(size, ord - 1)) * g * xp.pow_number(norm, 1 - ord)
    if ord < 2:
        return g * (sign * xp.pow_number(size, ord - 1))
    return g * (_conj(xp, x) * xp.pow_number(size, ord - 2))


vector_norm = unary("vector_norm", c_order(K.vector_norm), x=_norm_x, grad_name="LinalgVectorNormBackward0")


def _renorm_x(xp: Any, g: Any, x: Any, ord: float, axis: int, most: float) -> Any:
    """Where a slice is scaled by most / norm: most / norm (g - (g . x) / norm d norm / dx)."""
    rest = tuple(i for i in range(len(x.shape)) if i != axis)
    norm = xp.vector_norm(x, ord, rest, True)
    along = xp.sum(g * x, rest, True)
    if xp.is_complex(along):
        along = xp.real(along)
    inverse = xp.reciprocal(norm + 1e-7)
    scaled = most * inverse * (g - inverse * _norm_x(xp, along, x, norm, ord, rest, True))
    return xp.where(norm > most, scaled, g)


renorm = unary("renorm", K.renorm, x=_renorm_x)
dist = op("dist", K.dist, x=lambda xp, g, x, y, out, ord: _norm_x(xp, g, x - y, out, ord, None, False),
          y=lambda xp, g, x, y, out, ord: -_norm_x(xp, g, x - y, out, ord, None, False))  # fmt: skip


def _cdist(xp: Any, g: Any, needs: Any, x: Any, y: Any, out: Any, ord: float) -> list[Any]:
    """Of each distance; Euclidean ones by matrix products, without an array of all the differences."""
    if ord == 0:
        return [xp.zeros_like(x), xp.zeros_like(y)]
    if ord == 2:
        w = xp.where(out == 0, 0, g / xp.where(out == 0, 1, out))
        to_x = xp.sum(w, (-1,), True) * x - xp.matmul(w, y) if needs[0] else None
        wt = xp.transpose(w, -1, -2)
        return [to_x, xp.sum(wt, (-1,), True) * y - xp.matmul(wt, x) if needs[1] else None]
    d = xp.unsqueeze(x, -2) - xp.unsqueeze(y, -3)
    if ord == 1:
        d = xp.unsqueeze(g, -1) * xp.where(xp.isnan(d), d, xp.sign(d))
    else:
        d = _norm_x(xp, g, d, out, ord, (len(d.shape) - 1,), False)
    return [xp.sum(d, (-2,), False) if needs[0] else None, -xp.sum(d, (-3,), False) if needs[1] else None]


cdist = op("cdist", c_order(K.cdist), inputs="x y", joint=_cdist)

# products ------------------------------------------------------------------------------------------------------------


def _prod_x(xp: Any, g: Any, x: Any, out: Any, axis: Any, keepdims: bool) -> Any:
    """The product of the others: out / x, or with zeros about (and for higher derivatives) what is left times what is
    right."""
    if not xp.recorded:
        zeros = x.size - np.count_nonzero(x)
        if not zeros:
            return (
                g * (out / x)
                if axis is None
                else _kept(xp, g, x, axis, keepdims) * (_kept(xp, out, x, axis, keepdims) / x)
            )
        if zeros > 1 and axis is None:
            return np.zeros_like(x)
    if axis is not None:
        return _kept(xp, g, x, axis, keepdims) * _product_of_others(xp, x, axis[0])
    flat = xp.reshape(x, (-1,))
    return g * xp.reshape(_product_of_others(xp, flat, 0), x.shape)


def _product_of_others(xp: Any, x: Any, axis: int) -> Any:
    left = xp.shift(xp.cumprod(x, axis), axis, 1.0)
    back = xp.shift(xp.cumprod(xp.flip(x, (axis,)), axis), axis, 1.0)
    return left * xp.flip(back, (axis,))


prod = unary("prod", c_order(K.prod), x=_prod_x, grad_name="ProdBackward1")
prod_all = unary("prod_all", K.prod, x=_prod_x, grad_name="ProdBackward0")

# running along one axis ----------------------------------------------------------------------------------------------


def _scan_back(xp: Any, g: Any, a: Any, axis: int) -> Any:
    """s[k] = g[k] + a[k+1] s[k+1], from the end: what a later element's gradient sends back."""
    back = (axis,)
    return xp.flip(xp.linear_scan(xp.shift(xp.flip(a, back), axis, 0.0), xp.flip(g, back), axis), back)


def _cumprod_x(xp: Any, g: Any, x: Any, axis: int, out: Any) -> Any:
    """x[k] stands in every product from the k-th on; the same with zeros about."""
    if not x.shape or x.shape[axis] == 1:
        return g
    if not xp.recorded:
        return K.cumprod_backward(g, x, axis, out)
    return xp.shift(out, axis, 1.0) * _scan_back(xp, g, x, axis)


def _logcumsumexp_x(xp: Any, g: Any, x: Any, axis: int, out: Any) -> Any:
    """exp(x[k]) times the sum of g[j] exp(-out[j]) over j >= k, positive and negative g apart, as logarithms."""
    if not x.shape:
        return g

    def later(size: Any) -> Any:
        return xp.exp(xp.flip(xp.logcumsumexp(xp.flip(size - out, (axis,)), axis), (axis,)) + x)

    if xp.is_complex(x):
        return later(xp.log(g))
    least = float(finfo(constant(g).dtype).min)  # as good as log 0, but its differences are no NaN
    return later(xp.where(g > 0, xp.log(g), least)) - later(xp.where(g < 0, xp.log(-g), least))


def _met_x(xp: Any, g: Any, x_shape: Any, axis: int, out1: Any) -> Any:
    """To where each running extreme was met, from every place that it holds for."""
    return xp.gather_embed(g, x_shape, axis, constant(out1)) if x_shape else g


cumsum = unary(
    "cumsum", K.cumsum, x=lambda xp, g, axis: xp.flip(xp.cumsum(xp.flip(g, (axis,)), axis), (axis,)) if g.shape else g
)
cumprod = unary("cumprod", K.cumprod, x=_cumprod_x)
cummax = op("cummax", K.cummax, inputs="x", outputs=2, x=_met_x)
cummin = op("cummin", K.cummin, inputs="x", outputs=2, x=_met_x)
logcumsumexp = unary("logcumsumexp", K.logcumsumexp, x=_logcumsumexp_x)
linear_scan = op("linear_scan", K.linear_scan, inputs="a b",
                 a=lambda xp, g, a, axis, out: _scan_back(xp, g, a, axis) * xp.shift(out, axis, 0.0),
                 b=lambda xp, g, a, axis: _scan_back(xp, g, a, axis))  # fmt: skip
shift = unary("shift", K.shift, x=lambda xp, g, axis: xp.flip(xp.shift(xp.flip(g, (axis,)), axis, 0.0), (axis,)))
diff = unary("diff", K.diff, x=lambda xp, g, x_shape, axis: _diff_x(xp, g, x_shape, axis), grad_name="SubBackward0")


def _diff_x(xp: Any, g: Any, x_shape: Any, axis: int) -> Any:
    """Each element is added to the difference before it and taken from the one after it."""
    if x_shape[axis] == 0:
        return xp.reshape(g, x_shape)
    edge = list(g.shape)
    edge[axis] = 1
    none = xp.expand(xp.zeros_like(xp.sum(g, None, False)), tuple(edge))
    return xp.cat([none, g], axis) - xp.cat([g, none], axis)
