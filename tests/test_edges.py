"""The edges of the mathematics: singular points, ties, NaN, infinities, empty tensors, promotion, `out=`, refusals.

Every line is evaluated by torch and by microtorch; values, gradients (for several incoming gradients), dtypes and
errors must be the same. In the tables `a | b` separates expressions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.differential import difference

nan, inf = float("nan"), float("inf")
SPECIAL = [nan, inf, -inf, 0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.0, -2.0, 2.5, 3.0, -3.0, 7.25, 100.0, -100.0, 3e38]
SEEDS = [1.0, -2.0, 0.0, inf, nan]


def lines(text: str) -> list[str]:
    return [e.strip() for line in text.strip().splitlines() for e in line.split(" | ") if e.strip()]


def backward(library: Any) -> Any:
    """The values of f(*tensors) and its gradients for each of SEEDS as incoming gradient."""

    def call(f: Any, *arrays: Any) -> Any:
        xs = [library.tensor(a) if not isinstance(a, np.ndarray) else library.from_numpy(a.copy()) for a in arrays]
        xs = [x.requires_grad_() if x.is_floating_point() or x.is_complex() else x for x in xs]
        r = f(*xs)
        rs = [r] if not isinstance(r, (tuple, list)) else list(r)
        grads = []
        for seed in SEEDS:
            outs = [t for t in rs if t.requires_grad]
            seeds = [library.full_like(t, seed).detach() for t in outs]
            found = library.autograd.grad(outs, xs, seeds, retain_graph=True, allow_unused=True) if outs else ()
            grads.append([None if g is None else g.detach().clone() for g in found])
        return [t.detach().clone() for t in rs], grads

    return call


def check(expression: str, **options: Any) -> None:
    found = difference(
        expression, strides=False, exact=False, backward=backward, nan=lambda _: nan, inf=lambda _: inf, **options
    )
    assert found is None, found[:1500]


def signs(library: Any) -> Any:
    """Where a result is negative or -0."""
    return lambda t: t.detach().signbit() & ~t.isnan()


# element by element, over a grid of special values -----------------------------------------------------------------------

UNARY = """
abs(x) | x.acos() | x.acosh() | x.asin() | x.asinh() | x.atan() | x.atanh() | x.ceil() | x.cos() | x.cosh() | x.deg2rad() | x.exp() | x.exp2() | x.expm1()
x.floor() | x.frac() | x.log() | x.log10() | x.log1p() | x.log2() | (x + 0).logit() | -x | x.rad2deg() | x.reciprocal() | x.round() | x.rsqrt() | x.sigmoid()
x.sign() | x.sgn() | x.sin() | x.sinc() | x.sinh() | x.sqrt() | x.square() | x.tan() | x.tanh() | x.trunc() | x.relu() | x.isnan() | x.isfinite() | x.isinf()
x.isposinf() | x.isneginf() | x.signbit() | x.logical_not() | x.nan_to_num() | x.nan_to_num(1.0, 2.0, 3.0) | x.erf() | x.erfc() | x.erfinv() | x.angle() | x.digamma()
torch.special.entr(x) | torch.special.ndtr(x) | x.nan_to_num().logit(1e-3)
x.clamp(-1, 1) | x.clamp(min=0) | x.clamp(max=0.5) | x.clamp_min(0.5) | x.clamp_max(-1) | x.clamp(2, -2) | x.clamp(min=nan)
x ** 0 | x ** 1 | x ** 2 | x ** 3 | x ** 4 | x ** -1 | x ** -2 | x ** -3 | x ** 0.5 | x ** -0.5 | x ** 1.5 | x ** 2.5 | x ** -1.5 | x ** inf | x ** nan | x ** -inf
0 ** x | 1 ** x | 2 ** x | 0.5 ** x | (-1.0) ** x | (-2.0) ** x | inf ** x | nan ** x | torch.float_power(x, 2) | torch.float_power(2.0, x)
x % 2 | x % -2 | x % 0.7 | x % 0.0 | x % inf | x % -inf | x % nan | x.fmod(2) | x.fmod(-2) | x.fmod(0.7) | x.fmod(0.0) | x.fmod(inf) | x.fmod(nan)
(x // 2).detach() | (x // -2).detach() | (x // 0.7).detach() | (x // 0.0).detach() | (x // inf).detach() | (2 // x).detach() | (-2 // x).detach() | (0.0 // x).detach()
(2 % x).detach() | (-2 % x).detach() | (0.7 % x).detach() | (0.0 % x).detach() | (inf % x).detach()
2 / x | 0.0 / x | inf / x | x / 2 | x / 0.0 | x / inf | x / 0 | x / 1e-50 | 3 - x | torch.xlogy(x, 2) | torch.xlogy(x, 0.0) | torch.xlogy(x, -1.0) | torch.xlogy(2, x)
torch.xlogy(0.0, x) | x.copysign(-1.0) | x.copysign(0.0) | x.round(decimals=2) | x.round(decimals=-1)
"""

BINARY = """
x + y | x - y | x * y | x / y | (x // y).detach() | x % y | x.fmod(y) | x ** y | x.atan2(y) | torch.hypot(x, y) | torch.logaddexp(x, y) | torch.xlogy(x, y)
torch.special.xlog1py(x, y) | x.copysign(y) | torch.nextafter(x, y) | x.maximum(y) | x.minimum(y) | x.fmax(y) | x.fmin(y) | x == y | x != y | x < y | x <= y | x > y
x >= y | x.logical_and(y) | x.logical_or(y) | x.logical_xor(y) | torch.heaviside(x, y).detach() | torch.max(x, y) | torch.min(x, y) | x.float_power(y)
torch.div(x, y, rounding_mode='trunc') | torch.div(x, y, rounding_mode='floor') | x.clamp(min=y) | x.clamp(max=y) | x.clamp_min(y) | x.clamp_max(y) | x.clamp(y, x)
torch.where(x > y, x, y) | torch.add(x, y, alpha=0.5) | torch.rsub(x, y) | torch.dist(x, y)
"""


def grid(dtype: str) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        x = np.array(SPECIAL).astype(dtype)
    return list(np.meshgrid(x[:-1], x[:-1]))


@pytest.mark.parametrize("expression", lines(UNARY))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_unary(expression, dtype):
    with np.errstate(all="ignore"):
        x = np.array(SPECIAL).astype(dtype)
    check(f"backward(lambda x: {expression}, a)", a=x)
    check(f"(lambda x: signs({expression}))(torch.from_numpy(a))", a=x, signs=signs)


@pytest.mark.parametrize("expression", lines(BINARY))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary(expression, dtype):
    x, y = grid(dtype)
    check(f"backward(lambda x, y: {expression}, a, b)", a=x, b=y)


# reductions, order, running sums: ties, NaN, infinities --------------------------------------------------------------

VECTORS = {
    "ties": [2.0, 1.0, 2.0, 1.0, 2.0],
    "nan": [1.0, nan, 3.0, nan, 2.0],
    "infinite": [inf, 1.0, -inf, inf, 0.0],
    "plus": [inf, 1.0, inf, -2.0],
    "zeros": [0.0, -0.0, 0.0],
    "one": [3.0],
    "one zero": [2.0, 0.0, 3.0],
    "two zeros": [0.0, 2.0, 0.0],
    "all nan": [nan, nan],
}
REDUCTIONS = """
x.sum() | x.mean() | x.prod() | x.prod(0) | x.nansum() | x.nanmean() | x.max() | x.min() | x.max(0)[0] | x.min(0)[0] | x.max(0)[1] | x.min(0)[1] | x.amax()
x.amin() | x.amax(0) | x.aminmax() | torch.aminmax(x, dim=0) | x.argmax() | x.argmin() | x.argmax(0) | x.all() | x.any() | x.count_nonzero() | x.logsumexp(0)
x.var() | x.std() | x.var(correction=0) | x.std(correction=0) | x.var(correction=3) | x.std(correction=5) | x.var(correction=9) | torch.var_mean(x)[0] | torch.std_mean(x, correction=0)[0]
x.norm() | x.norm(1) | x.norm(0) | x.norm(inf) | x.norm(-inf) | x.norm(3) | x.norm(-1) | x.norm(1.5) | x.norm(-2) | x.norm(4) | x.norm(1, 0)
torch.linalg.vector_norm(x, 2.5) | torch.dist(x, x) | torch.dist(x, x, 1) | torch.dist(x, x, inf) | torch.dist(x, 0 * x, 3)
x.cumsum(0) | x.cumprod(0) | x.cummax(0) | x.cummin(0) | x.logcumsumexp(0) | x.diff() | torch.trapezoid(x) | torch.cumulative_trapezoid(x)
x.median() | x.nanmedian() | x.sort()[0] | x.sort(descending=True)[0] | x.sort(stable=True) | x.sort(stable=True, descending=True) | torch.msort(x)
x.argsort(stable=True) | x.argsort(stable=True, descending=True) | x.quantile(0.3) | x.nanquantile(0.3) | x.quantile(0.5, interpolation='nearest')
x.quantile(1.0) | x.quantile(0.0) | x.quantile(0.7, interpolation='lower') | x.quantile(0.7, interpolation='higher') | x.quantile(0.2, interpolation='midpoint')
x.unique() | x.unique_consecutive() | torch.isin(x, x) | torch.softmax(x, 0) | torch.log_softmax(x, 0) | torch.searchsorted(x.detach().sort()[0], x.detach())
x.nanmedian(0)[0] | x.median(0)[0] | x.mode(0)[0] | x.histc(4, -5.0, 5.0) | torch.unique(x, return_counts=True)
torch.unique(x, return_inverse=True)
"""


@pytest.mark.parametrize("vector", VECTORS)
@pytest.mark.parametrize("expression", lines(REDUCTIONS))
def test_reduction(expression, vector):
    check(f"backward(lambda x: {expression}, a)", a=np.array(VECTORS[vector], np.float32))


MATRIX = """
x.sum(0) | x.mean(1) | x.prod(1) | x.max(1)[0] | x.min(1)[0] | x.max(1)[1] | x.argmax(1) | x.argmin(1) | x.amax(1) | x.amin(0) | x.amax((0, 1)) | x.std(1) | x.var(1)
x.norm(dim=1) | x.norm(1, 1) | x.norm(3, 1) | x.norm(inf, 1) | x.norm(-inf, 1) | x.cumprod(1) | x.cummax(1) | x.cummin(1) | x.logcumsumexp(1) | x.logsumexp(1)
x.median(1)[0] | x.nanmedian(1)[0] | x.quantile(0.4, 1) | x.nanquantile(0.4, 1) | x.renorm(2, 0, 1.5) | x.renorm(1, 1, 1.5) | x.all(1) | x.any(1) | x.nansum(1) | x.nanmean(1)
x.cumsum(1) | torch.cdist(x, x) | torch.cdist(x, x, 1.0)
"""
ROWS = np.array(
    [[0, 0, 0], [1, 1, 1], [nan, 1, 2], [inf, 1, inf], [-inf, 2, -1], [0, 3, 0], [-2, 2, 1], [inf, -inf, 0]], np.float32
)


@pytest.mark.parametrize("expression", lines(MATRIX))
def test_rows(expression):
    check(f"backward(lambda x: {expression}, a)", a=ROWS)


# nothing, one element, no dimension --------------------------------------------------------------------------------------

EMPTY = """
e.sum() | e.mean() | e.prod() | e.max() | e.min() | e.amax() | e.amin() | e.argmax() | e.argmin() | e.all() | e.any() | e.std() | e.var() | e.median() | e.nanmedian() | e.nansum() | e.nanmean()
e.norm() | e.norm(1) | e.norm(inf) | e.norm(0) | e.norm(-1) | e.norm(-inf) | e.logsumexp(0) | e.cumsum(0) | e.cumprod(0) | e.cummax(0) | e.logcumsumexp(0) | e.sort() | e.argsort() | e.topk(0) | e.topk(1) | e.mode()
e.kthvalue(1) | e.unique() | e.unique_consecutive() | e.quantile(0.5) | e.nanquantile(0.5) | e.histc() | e.aminmax() | torch.aminmax(e, dim=0) | e.max(0) | e.min(0) | e.amax(0) | e.argmax(0) | e.median(0) | e.nanmedian(0)
e.diff() | torch.trapezoid(e) | torch.cumulative_trapezoid(e) | torch.gradient(e) | torch.var_mean(e) | torch.std_mean(e) | e.dist(e) | e.count_nonzero() | torch.bincount(e.long()) | torch.bincount(e.long(), minlength=3)
torch.searchsorted(e, 1.0) | torch.bucketize(torch.ones(2), e) | torch.isin(e, e) | torch.equal(e, e) | torch.histogram(e, 3) | e + e | e.max(e) | e.softmax(0) | e.cov() | torch.msort(e)
m.sum(0) | m.sum(1) | m.mean(0) | m.mean(1) | m.prod(0) | m.prod(1) | m.max(0) | m.max(1) | m.amax(0) | m.amax(1) | m.argmax(0) | m.argmax(1) | m.std(0) | m.std(1) | m.median(0) | m.median(1) | m.mode(0) | m.mode(1) | m.sort(1)
m.norm(dim=0) | m.norm(dim=1) | m.norm(inf, 0) | m.norm(inf, 1) | m.logsumexp(0) | m.logsumexp(1) | m.cumsum(0) | m.cummax(1) | m.topk(0, 0) | m.kthvalue(1, 0) | m.kthvalue(1, 1) | m.quantile(0.5, 0) | m.all(0) | m.any(0) | m.count_nonzero(0)
m.unique() | m.unique(dim=0) | m.unique(dim=1) | torch.unique_consecutive(m, dim=0) | m.norm() | m.norm('nuc') | m.norm('fro') | m.argmin() | m.aminmax() | m.nansum(0) | m.var(1, correction=0) | torch.linalg.vector_norm(m, -2, 1)
s.sum(0) | s.sum(-1) | s.mean(0) | s.max(0) | s.min(-1) | s.argmax() | s.argmax(0) | s.sort() | s.sort(0, True) | s.topk(1) | s.topk(2) | s.mode() | s.median() | s.median(0) | s.kthvalue(1) | s.kthvalue(2) | s.cumsum(0) | s.cummax(0) | s.cumprod(-1)
s.std() | s.var() | s.std(correction=0) | s.norm() | s.norm(dim=0) | s.logsumexp(0) | s.unique() | s.unique(dim=0) | s.unique_consecutive() | s.quantile(0.5) | s.quantile(0.5, 0) | s.diff() | torch.trapezoid(s) | torch.msort(s) | s.argsort() | s.aminmax() | s.prod(0) | s.all(0)
s.amax(0) | s.amax((0,)) | s.logcumsumexp(0) | s.nonzero() | s.histc() | torch.gradient(s) | torch.var_mean(s) | s.count_nonzero(0) | s.renorm(2, 0, 1.0) | torch.bincount(s.long()) | torch.searchsorted(s, 1.0) | torch.bucketize(1.0, s) | s.softmax(0) | s.sum((0, -1)) | s.sum(1) | s.max(1)
torch.tensor([2.0]).std() | torch.tensor([2.0]).var() | torch.tensor([2.0]).std(correction=0) | torch.var_mean(torch.tensor([2.0])) | torch.tensor([[2.0, 3.0]]).std(0) | torch.zeros(3, 0, 2).amax(2) | torch.zeros(3, 0, 2).amax((0, 2)) | torch.zeros(3, 0, 2).max(1)
torch.zeros(0, 3).sum((0, 1)) | torch.zeros(0).long().max() | torch.zeros(0).long().sum() | torch.zeros(0).bool().all() | torch.zeros(0).bool().any() | torch.zeros(0).long().prod() | torch.zeros(0).long().median() | torch.zeros(0).bool().sum()
"""


@pytest.mark.parametrize("expression", lines(EMPTY))
def test_empty(expression):
    check(f"e, m, s = torch.zeros(0), torch.zeros(0, 3), torch.tensor(2.0)\n{expression}")


GRADIENTS_OF_NOTHING = """
x.sum() | x.mean() | x.prod() | x.norm() | x.norm(1) | x.norm(3) | x.std() | x.var() | x.logsumexp(0) | x.cumsum(0) | x.cumprod(0) | x.nansum() | x.sort()[0] | x.cummax(0)[0] | x.median() | torch.cat([x, x]).sum()
"""


@pytest.mark.parametrize("shape", [(0,), (0, 3), ()])
@pytest.mark.parametrize("expression", lines(GRADIENTS_OF_NOTHING))
def test_gradients_of_nothing(expression, shape):
    check(f"backward(lambda x: {expression}, a)", a=np.full(shape, 2, np.float32))


# integers and bools -------------------------------------------------------------------------------------------------------

WHOLE = """
a.add(b) | a - b | a * b | a / b | a // c | a % c | a.fmod(c) | a ** b.abs() if b.is_signed() else a ** b | a == b | a < b | a & b | a.__or__(b) | a ^ b | ~a | -a | abs(a) | a.sign() | a.sgn() | a.maximum(b)
torch.div(a, c, rounding_mode='trunc') | torch.div(a, c, rounding_mode='floor') | a // -3 | a % -3 | a.fmod(-3) | -3 % c | -7 // c | 7 // c | torch.div(a, -3, rounding_mode='trunc') | a // 0.3 | a % 0.3
a << 1 | a >> 1 | a << b | a >> b | a << 70 | a >> 70 | a << -1 | a >> -1 | 1 << b | torch.gcd(a, c) | torch.lcm(a, c) | a.sqrt() | a.exp() | a.sigmoid() | a.reciprocal() | a.rsqrt() | a.log() | 2 / c | a / 0 | a / -2
a + 300 | a * 300 | a - 1000 | a == 300 | a < -1 | a + 1.5 | a * True | a + 2j | 1.5 - a | a ** 2 | a ** 0.5 | a ** 2.0 | 2 ** a | 2.0 ** a | a ** -1 | a ** -1.0 | a.float_power(2) | a ** 0 | 0 ** a | (-2) ** a | a ** c
a.clamp(-1, 1) | a.clamp(0.5, 1.5) | a.clamp(min=3) | a.clamp(max=2.5) | a.clamp(min=b) | a.clamp(-300, 300) | a.round() | a.round(decimals=1) | a.floor() | a.ceil() | a.trunc() | a.frac() | a.nan_to_num()
a.sum() | a.prod() | a.mean() | a.float().mean() | a.cumsum(0) | a.cumprod(0) | a.max() | a.max(0) | a.argmax() | a.sort(stable=True) | a.median() | a.mode() | a.unique() | a.bincount() | a.std() | a.var() | a.norm() | a.logsumexp(0)
a.all() | a.any() | a.sum(0, dtype=torch.float16) | a.sum(dtype=torch.bool) | a.prod(dtype=torch.float32) | a.mean(dtype=torch.float64) | a.cumsum(0, dtype=torch.int8) | a.quantile(0.5) | a.logical_not() | a.isnan() | a.isinf()
a.lerp(b, 0.5) | torch.addcmul(a, b, c) | torch.addcmul(a, b, c, value=2.5) | torch.addcdiv(a, b, c) | torch.where(a > 2, a, 0) | torch.where(a > 2, a, 0.5) | torch.where(a > 2, 1, 2) | torch.heaviside(a, b) | a.atan2(b) | a.hypot(b) | torch.xlogy(a, b)
a.logaddexp(b) | a.nextafter(b) | a.copysign(b) | a.dist(b) | a.diff() | torch.trapezoid(a) | a.erf() | a.lgamma() | a.digamma() | a.logit() | a.sinc() | a.deg2rad() | torch.ldexp(a, b) | torch.frexp(a) | a.signbit() | a.square() | a.angle()
torch.isin(a, b) | torch.isin(a, 2) | torch.bucketize(a, b.sort()[0]) | torch.isclose(a, b) | a.aminmax() | a.kthvalue(2) | a.topk(2)[0] | a.count_nonzero() | a.nansum() | a.cummax(0) | a.amax() | a.relu()
torch.add(a, b, alpha=2) | torch.add(a, b, alpha=1.5) | torch.sub(a, b, alpha=True) | torch.rsub(a, b) | torch.rsub(a, 3) | a.true_divide(2) | a.remainder(0) | a // 0 | a % 0 | torch.div(a, 0, rounding_mode='trunc') | a.fmod(0) | a.add(1, alpha=2)
"""
VALUES = {
    "int64": ([-7, 0, 3, 8, 2], [2, -3, 3, 1, 0], [2, -3, 3, -1, 5]),
    "int32": ([-7, 0, 3, 2147483647, 2], [2, -3, 3, 1, 0], [2, -3, 3, -1, 5]),
    "int8": ([-7, 0, 3, 127, -100], [2, -3, 3, 1, 0], [2, -3, 3, -1, 5]),
    "uint8": ([7, 0, 3, 255, 128], [2, 3, 3, 1, 0], [2, 3, 3, 1, 200]),
    "bool": ([True, False, True, False, True], [True, True, False, False, False], [True] * 5),
}


@pytest.mark.parametrize("dtype", VALUES)
@pytest.mark.parametrize("expression", lines(WHOLE))
def test_whole_numbers(expression, dtype):
    a, b, c = (np.array(v, dtype) for v in VALUES[dtype])
    check(f"a, b, c = torch.from_numpy(x), torch.from_numpy(y), torch.from_numpy(z)\n{expression}", x=a, y=b, z=c)


# which dtype the result has ---------------------------------------------------------------------------------------------

OPERANDS = [
    "torch.tensor([1, 2])", "torch.tensor([1, 2], dtype=torch.uint8)", "torch.tensor([1, 2], dtype=torch.int8)", "torch.tensor([True, False])",
    "torch.tensor([1., 2.])", "torch.tensor([1., 2.], dtype=torch.float64)", "torch.tensor([1., 2.], dtype=torch.float16)", "torch.tensor([1j, 2.])",
    "torch.tensor(2)", "torch.tensor(True)", "torch.tensor(2.)", "torch.tensor(2., dtype=torch.float64)", "torch.tensor(2., dtype=torch.float16)", "torch.tensor(2j)",
    "torch.tensor(2, dtype=torch.int8)", "2", "True", "2.0", "2j", "torch.tensor([1, 2], dtype=torch.int32)",
]  # fmt: skip


@pytest.mark.parametrize(
    "form",
    [
        "{} + {}",
        "{} / {}",
        "{} * {}",
        "torch.where(torch.tensor([True, False]), {}, {})",
        "torch.result_type({}, {})",
        "{} == {}",
        "{} ** {}",
    ],
)
def test_promotion(form):
    differences = []
    for a in OPERANDS:
        for b in OPERANDS:
            if "torch" in a + b and not ("float16" in a + b and "j" in a + b):  # complex32, which NumPy lacks
                found = difference(form.format(a, b), strides=False, exact=False)
                if found is not None:
                    differences.append(found[:200])
    assert not differences, "\n".join(differences[:30])


# what a function refuses --------------------------------------------------------------------------------------------------

REFUSED = """
c.round() | c.round(decimals=1) | c.floor() | c.ceil() | c.trunc() | c.frac() | c % 2 | c.fmod(2) | c // 2 | 2 // c | 2 % c | c.maximum(c) | c.minimum(c) | c.fmax(c) | c.fmin(c) | torch.max(c, c) | torch.min(c, c)
c.clamp(0, 1) | c.clamp(min=0) | c.clamp(c, c) | c.clamp(min=c) | c.clamp_min(0) | c.clamp_min(c) | c.clamp_max(c) | c < 1 | c <= c | c > c | c.ge(1) | c.lt(c) | torch.gt(c, 1) | c.sign() | c.signbit() | c.isposinf() | c.isneginf() | c.deg2rad() | c.rad2deg()
c.atan2(c) | torch.hypot(c, c) | c.copysign(1.0) | torch.xlogy(c, c) | torch.special.xlog1py(c, c) | torch.logaddexp2(c, c) | torch.heaviside(c, c) | torch.nextafter(c, c) | c.logit() | c.erf() | c.erfc() | c.erfinv() | c.lgamma() | c.digamma() | c.i0()
c.cummax(0) | c.cummin(0) | c.amax() | c.amin(0) | c.aminmax() | c.max() | c.min() | c.max(0) | c.min(0) | c.argmax() | c.argmin(0) | c.sort() | c.argsort() | c.topk(1) | c.median() | c.nanmedian() | c.median(0) | c.mode() | c.kthvalue(1) | c.unique() | c.unique_consecutive()
c.histc() | c.nansum() | c.quantile(0.5) | c.relu() | c & 1 | c | c | c ^ c | ~c | c << 1 | torch.gcd(c, c) | c.bincount() | torch.searchsorted(f, c) | torch.bucketize(c, f) | torch.isin(c, c) | torch.complex(c, c) | torch.polar(c, c) | c.nanmean() | c.renorm(2, 0, 1.0)
f & 1 | f.__or__(1) | f ^ f | ~f | torch.bitwise_not(f) | f << 1 | f >> f | torch.bitwise_left_shift(f, 1) | torch.gcd(f, f) | torch.lcm(f, f) | f.bincount() | torch.bincount(torch.tensor([-1, 2])) | torch.bincount(torch.tensor([[1, 2]])) | f.lerp(f.double(), 0.5)
t - t | t - 1 | 1 - t | -t | t.sub(True) | torch.rsub(t, 1) | torch.sub(1, t) | f - t | t - f | +t | t.neg() | t.abs() | abs(t) | t.floor() | t.round() | t.clamp(0, 1) | t.clamp(True, True) | t % t | t // t | t.fmod(t) | t << 1 | t << True | t.topk(1) | t.median() | t.kthvalue(1) | t.argmax() | t.sort()
t.cumsum(0) | t.cumprod(0) | t.diff() | torch.trapezoid(t) | t.relu() | t.mean() | t.std() | t.frac() | t.reciprocal() | t.sqrt() | t.pow(2) | t ** t | t ** -1 | t.logcumsumexp(0) | t.unique() | t.mode() | t.histc() | torch.dist(t, t) | t.addcmul(t, t) | t.lerp(t, 0.5) | t.gcd(t)
i.mean() | i.std() | i.var() | torch.var_mean(i) | torch.std_mean(i) | i.norm() | i.nanmean() | i.quantile(0.5) | i.logcumsumexp(0) | i.histc() | i.lerp(i, 0.5) | i.frac() | i.addcdiv(i, i) | torch.hypot(i, i) | torch.logaddexp(i, i) | torch.nextafter(i, i) | i.renorm(2, 0, 1.0) | torch.dist(i, i)
i.igamma(i) | torch.complex(i, i) | torch.polar(i, i) | torch.heaviside(i, f) | torch.frexp(i) | i.true_divide(i) | i.round(decimals=1) | torch.histogram(i, 2) | torch.isclose(i, f) | torch.lerp(f, f, i) | torch.add(i, i, alpha=0.5) | torch.add(t, t, alpha=1.0) | torch.sub(i, 1, alpha=2.0)
torch.add(f, f, alpha=2j) | torch.add(f, f, alpha=True) | f + None | f + 'a' | f * [1, 2] | f - (1, 2) | 'a' + f | [1] * f | f / {} | f ** 'x' | f @ 2 | torch.add(f, 'a') | torch.mul(f, None) | torch.add(1, 2) | torch.sub(1, 2) | torch.mul(2, 3) | torch.div(1, 2) | torch.pow(2, 3) | torch.exp(1.0) | torch.sum(3)
torch.sum([1.0]) | torch.mean(2) | torch.max(3) | torch.abs(-1) | torch.sqrt('a') | torch.clamp(1, 0, 2) | f.clamp() | torch.clamp(f) | f.sum(1) | f.sum((0, 0)) | f.sum(dim=-3) | f.max(2) | f.cumsum() | f.cumsum(1) | f.sort(3) | f.topk(7)
f.topk(-1) | f.kthvalue(0) | f.kthvalue(9) | f.median(4) | f.mode(2) | f.quantile(1.5) | f.quantile(-0.1) | f.quantile(torch.tensor([0.1, 2.0])) | f.quantile(torch.tensor([0.1], dtype=torch.float64)) | f.quantile(0.5, interpolation='cubic') | f.norm('x') | f.norm(p='nuc') | f.renorm(2, 0, 1.0)
f + torch.ones(2) | torch.maximum(f, torch.ones(2)) | torch.where(f > 0, torch.ones(2), f) | torch.lerp(f, torch.ones(2), 0.5) | torch.addcmul(f, torch.ones(2), f) | torch.atan2(f, torch.ones(2)) | f.clamp(torch.ones(2)) | f == torch.ones(2) | torch.dist(f, torch.ones(2)) | torch.hypot(f, torch.ones(2))
torch.div(f, 2, rounding_mode='up') | torch.logsumexp(f) | torch.logsumexp(f, 1) | torch.diff(f, n=-1) | torch.diff(f, prepend=torch.ones(1, 1)) | torch.gradient(f, spacing=[1.0, 2.0]) | torch.gradient(f, edge_order=3)
torch.gradient(f, dim=1) | torch.gradient(f, dim=(0, 0)) | torch.gradient(f[:1]) | torch.trapezoid(f, torch.ones(2)) | torch.cumulative_trapezoid(f, torch.ones(2)) | torch.histc(f, bins=0) | torch.histc(f, bins=-1) | torch.histc(f, 3, 2, 1) | torch.histogram(f, 0) | torch.histogram(f, 3, range=(2.0, 1.0))
torch.searchsorted(f, f, side='up') | torch.searchsorted(f, f, right=True, side='left') | torch.searchsorted(torch.ones(2, 2), f) | torch.searchsorted(torch.ones(2, 2), 1.0) | torch.bucketize(f, torch.ones(2, 2)) | torch.bincount(i, torch.ones(9)) | torch.bincount(i, minlength=-1) | torch.float_power(i, -2) | torch.pow(i, -2) | i ** -2
torch.polygamma(-1, f) | torch.mvlgamma(f, 0) | torch.ldexp(f, 2) | torch.heaviside(f, 1.0) | torch.atan2(f, 1.0) | torch.maximum(f, 1.0) | torch.gcd(i, 2) | torch.logical_and(f, True) | torch.copysign(1.0, f) | torch.nextafter(f, 1.0) | torch.hypot(f, 2) | torch.fmod(2, f) | torch.remainder(2, f) | torch.eq(1, f) | torch.lt(2, f) | torch.fmax(f, 1.0)
t.clone().cumsum_(0) | t.clone().cumprod_(0) | t.cumsum(0, dtype=torch.bool) | t.index_reduce(0, torch.tensor([0, 1]), t, 'prod') | t.index_reduce(0, torch.tensor([0, 1]), t, 'prod', include_self=False) | t.index_reduce(0, torch.tensor([0, 1]), t, 'mean')
t.scatter_reduce(0, torch.tensor([0, 1]), t, 'mean') | t.scatter_reduce(0, torch.tensor([0, 1]), t, 'amax', include_self=False) | torch.trace(t) | torch.trace(f) | torch.cdist(f[None].half(), f[None].half()) | torch.nn.functional.pdist(f[None].half().expand(2, 3)) | torch.nn.functional.pdist(f[None].half())
torch.range(0, 1, dtype=torch.bool) | torch.triangular_solve(t[None], t[None, :1]) | torch.nn.functional.threshold(t, 1, 1) | torch.nn.functional.prelu(i, i[:1]) | torch.nn.functional.smooth_l1_loss(i, i) | torch.nn.functional.huber_loss(i, i) | (lambda x: x.put_(torch.tensor([0, 1]), x[:1].expand(2)))(f.clone())
torch.tensor([-0.6], dtype=torch.uint8) | torch.tensor([-1.0], dtype=torch.uint8) | torch.tensor([-1, 1.5], dtype=torch.uint8) | torch.tensor(255.5, dtype=torch.uint8) | torch.take(f, i[:1] - 3, out=f.half()) | torch.masked_select(f, t[:1], out=f.half()) | torch.diag(f, out=f.half())
torch.unravel_index(i, (2, 2)) | torch.unravel_index(f, (9,)) | torch.equal(f, 1) | torch.allclose(f, 1.0) | torch.isclose(f, f, rtol=-1.0) | torch.renorm(f[None], -1, 0, 1.0) | torch.renorm(f[None], 2, 0, -1.0) | torch.cdist(f, f) | torch.argmax(f, dim=None, keepdim=True) | f.var(dim=2)
"""


# the class is PyTorch's, the text is not: it has other positions of arguments, or the C++ signatures
REFUSED_OTHERWISE = """
f.add(None) | f.clamp('a') | f.sum('a') | f.sum(1.5) | f.max(dim=(0, 1)) | f.cumsum(None) | torch.div(f, 2, 'floor')
f.prod(dim=(0,)) | f.logsumexp('a') | torch.std(f, dim=0, unbiased=True, correction=1) | torch.var(f, 0, True, correction=0) | torch.histc(torch.tensor([inf]))
"""


NAMES = """c, f = torch.tensor([1j, 2]), torch.tensor([1.0, 2.0, 3.0])
i, t = torch.tensor([3, 1, 2]), torch.tensor([True, False])
"""


@pytest.mark.parametrize("expression", lines(REFUSED))
def test_refused(expression):
    check(NAMES + expression)


@pytest.mark.parametrize("expression", lines(REFUSED_OTHERWISE))
def test_refused_with_another_text(expression):
    check(NAMES + expression, message=False)


# out= --------------------------------------------------------------------------------------------------------------------

OUT = """
exp(x, out=f(6)) | exp(x, out=f(0)) | exp(x, out=f(3)) | exp(x, out=f(2, 3)) | exp(x, out=f(6).double()) | exp(x, out=f(6).long()) | exp(x, out=f(6).half()) | exp(x, out=f(1).expand(6)) | add(i, 1, out=f(6)) | gt(x, 2, out=f(6))
add(x, 1, out=x) | add(x[:5], 1, out=x[1:]) | mul(x[:3], x[3:], out=x[:3]) | mul(x[::2], 2, out=x[1::2]) | neg(x[:4], out=x[2:]) | sin(m, out=f(3, 2).t()) | sum(m, 0, out=f(3)) | sum(m, 0, out=f(2)) | sum(m, 0, out=f(3).double()) | sum(m, 0, out=f(3).long())
mean(m, 0, out=f(3).double()) | mean(m, 0, out=f(3).long()) | max(m, 0, out=(f(3), f(3).long())) | max(m, 0, out=(f(3), f(3))) | max(m, 0, out=(f(3).double(), f(3).long())) | sort(m, 0, out=(f(3), f(3).long())) | sort(m, 0, out=(f(2, 3), f(2, 3)))
topk(m, 2, out=(f(1), f(1).long())) | kthvalue(m, 2, out=(f(2), f(2).long())) | median(m, 1, out=(f(2), f(2).long())) | mode(m, 1, out=(f(2), f(2).long())) | cummax(m, 1, out=(f(2, 3), f(2, 3).long())) | argmax(m, 1, out=f(2).long()) | argmax(m, 1, out=f(2))
any(m, 1, out=f(2).bool()) | all(m, 1, out=f(2).to(torch.uint8)) | var(m, 1, out=f(2).double()) | std(m, 1, out=f(2)) | amax(m, 1, out=f(2)) | amax(m, 1, out=f(2).double()) | aminmax(m, dim=1, out=(f(2), f(2).double())) | aminmax(m, dim=1, out=(f(2), f(2)))
prod(m, 1, out=f(2).double()) | cumsum(m, 1, out=f(2, 3).double()) | cumprod(m, 1, out=f(2, 3).long()) | logsumexp(m, 1, out=f(2).double()) | norm(m, dim=1, out=f(2).double()) | nansum(m, 1, out=f(2).double()) | quantile(m, 0.5, 1, out=f(2).double())
searchsorted(x, x, out=f(6).long()) | searchsorted(x, x, out_int32=True, out=f(6).int()) | clamp(x, 0, 1, out=f(6).double()) | clamp(x, 0, 1, out=f(6)) | div(i, 2, out=f(6)) | div(i, 2, out=f(6).long()) | div(i, 2, rounding_mode='floor', out=f(6).long()) | pow(i, 2, out=f(6))
pow(x, 2, out=f(6).long()) | float_power(x, 2, out=f(6)) | float_power(x, 2, out=f(6).double()) | exp(x, out=[1]) | exp(x, out=f(6).numpy()) | exp(g, out=f(6)) | exp(x, out=f(6).requires_grad_()) | abs(c, out=f(1)) | exp(c, out=f(1)) | where(x > 1, x, -x, out=f(6)) | lerp(x, -x, 0.5, out=f(6))
lerp(x, -x, 0.5, out=f(6).double()) | addcmul(x, x, x, out=f(6).double()) | frexp(x, out=(f(6), f(6).int())) | diff(x, out=f(5)) | isin(x, x, out=f(6)) | logical_not(x, out=f(6)) | logical_and(x, x, out=f(6).long()) | bitwise_and(i, i, out=f(6)) | bitwise_not(i, out=f(6)) | atan2(x, x, out=f(6).double())
cat((x, x), out=x) | cat((m, m), out=m[:1]) | stack((x, x), out=x) | gather(i.clone(), 0, i[1:], out=i[:1]) | take(i.clone(), i[1:], out=i[:1])
nan_to_num(x, out=f(6).double()) | round(x, out=f(6).double()) | isposinf(x, out=f(6)) | isposinf(x, out=f(6).bool()) | msort(x, out=f(6).double()) | renorm(m, 2, 0, 1.0, out=f(2, 3)) | histc(x, 3, out=f(3)) | histogram(x, 3, out=(f(3), f(4))) | complex(x, x, out=f(6)) | complex(x, x, out=f(6) + 0j)
"""


@pytest.mark.parametrize("call", lines(OUT))
def test_out(call):
    head, target = call.rsplit("out=", 1)
    code = (
        "f, x, i, m, c = torch.zeros, torch.arange(6.0), torch.arange(6), torch.arange(6.0).reshape(2, 3), torch.tensor([1 + 1j])\n"
        "g = torch.arange(6.0, requires_grad=True)\n"
        f"o = {target[:-1]}\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        f"    r = torch.{head}out=o)\n"
        "text = [str(w.message).split('(Triggered')[0].strip() for w in caught]\n"
        "same = all(a is b for a, b in zip(r, o)) if isinstance(o, tuple) else r is o\n"
        "(tuple(o) if isinstance(o, tuple) else o, same, text, x)"
    )
    found = difference(code.replace("\nwith", "\nimport warnings\nwith"), strides=True, exact=False)
    assert found is None, found[-600:]


# beside NumPy's arrays and numbers, and what is no operand ----------------------------------------------------------------

MIXED = """
a / f | a / i | f * a | f + np.float32(2) | np.float64(2) * i | i + np.float64(1) | np.float64(2) ** f | np.float64(7) % f | torch.add(f, a) | torch.mul(f, a) | torch.maximum(f, a) | torch.exp(a) | torch.sum(a) | torch.pow(a, f)
torch.equal(f, a) | torch.sub(f, a) | 2 / f | 2 / i | [1] / f | None / f | 'a' / f | True / i | 1j / f | f + [1, 2] | f == None | f != None | f == 'a' | f < None | f + (1,) | f >> 1 | i // np.int64(2) | u / -2 | u / 300 | 300 / u | i / 2**70
"""


@pytest.mark.parametrize("expression", lines(MIXED))
def test_beside_numpy(expression):
    names = (
        "f, i, a = torch.ones(3), torch.tensor([1, 2, 3]), np.ones(3)\nu = torch.tensor([1, 200], dtype=torch.uint8)\n"
    )
    check(names + expression)


ORDER_OF_ERRORS = """
F.linear(torch.zeros(2, 0), torch.zeros(2, 0)) | F.linear(torch.zeros(3, 2, 0), torch.zeros(2, 0), torch.ones(2))
torch.zeros(2, 3).__or__(torch.zeros(2, 2)) | torch.zeros(2, dtype=torch.bool).bitwise_and_(torch.zeros(2)) | torch.zeros(2).bitwise_or_(torch.zeros(2))
torch.zeros(2, dtype=torch.long).bitwise_or_(0.5) | torch.zeros(2, dtype=torch.long).__ior__(torch.zeros(2)) | torch.zeros(2, 3).bitwise_or(torch.zeros(2, 2))
B(2, 0) @ B(0, 2) | B(0, 2) @ B(2, 2) | B() @ B() | B(2, 3) @ B(2, 3) | B(1, 2, 3) @ B(1, 2, 3) | torch.mm(B(0, 1), B(0, 2)) | torch.dot(B(0), B(0))
B(2, 2) @ B(2, 2) | torch.topk(B(0), 1, 2) | torch.topk(B(2), 3) | torch.topk(B(2), 1) | torch.topk(B(), 1) | B(2, 2) ** B(3, 3) | B(2, 2) // B(3, 3) | B(2, 2).gcd(B(3)) | B(2) % B(3) | B(2) // B(2) | B(2) ** B(2) | torch.linalg.multi_dot([B(0, 2), B(2, 2), B(2, 2)]) | torch.bucketize(B(0), torch.tensor([0., 1])) | torch.bucketize(B(1), torch.tensor([0., 1]))
torch.softmax(B(0), 0) | torch.softmax(B(1), 0) | torch.log_softmax(B(0, 2).long(), 0) | torch.log_softmax(B(0, 2).long(), 1) | torch.median(B(0), 0) | torch.median(B(1), 0)
torch.abs(torch.zeros(2), out=torch.zeros(2).double()) | torch.neg(torch.zeros(2).double(), out=torch.zeros(2).long()) | torch.sgn(torch.zeros(2), out=B(2))
torch.select_scatter(B(2, 3).long(), torch.zeros(3, requires_grad=True), 0, 1) | torch.slice_scatter(B(2, 3), torch.zeros(1, 3, requires_grad=True), 0, 1, 2)
torch.select_scatter(torch.zeros(2, 3, requires_grad=True), B(3).long(), 0, 1) | torch.tensor(3).scatter(0, torch.tensor(0), 0)._is_view()
torch.tensor(3.).scatter_add(0, torch.tensor(0), torch.tensor(1.))._is_view() | torch.tensor(3.).gather(0, torch.tensor(0))._is_view()
torch.tensor(3.).index_select(0, torch.tensor([0]))._is_view() | torch.tensor(3.).index_fill(0, torch.tensor(0), 1)._is_view()
"""


@pytest.mark.parametrize(
    "code", [e.strip() for line in ORDER_OF_ERRORS.strip().splitlines() for e in line.split(" | ")]
)
def test_which_of_two_errors_comes_first(code: str) -> None:
    """Shapes before dtypes, and of nothing no dtype is looked at."""
    setup = "F = torch.nn.functional\nB = lambda *shape: torch.zeros(shape, dtype=torch.bool)\n"
    assert (found := difference(setup + code)) is None, found


@pytest.mark.parametrize("name", ["asin_", "acos_", "atan_", "asinh_", "acosh_", "atanh_", "sinh_", "cosh_", "erf_"])
def test_derivatives_of_what_is_written_in_place(name: str) -> None:
    """Of three PyTorch has none."""
    code = f"x = torch.tensor([0.3], requires_grad=True)\ny = x * 1\ny.{name}()\n"
    assert (found := difference(code + "y", exact=False)) is None, found
    assert (found := difference(code + "torch.autograd.grad(y.sum(), x)", exact=False)) is None, found


def test_largest_where_the_gradient_is_infinite() -> None:
    code = "x = torch.tensor([[-1.06, 0.02], [-1.62, -1.36]], requires_grad=True)\n"
    code += (
        "y = x.scatter_reduce(1, torch.tensor([[1, 0], [0, 1]]), torch.tensor([[-1.93, 0.54], [0.0, 1.0]]), 'amax')\n"
    )
    assert (found := difference(code + "torch.autograd.grad(torch.asin(y).sum(), x)", exact=False)) is None, found


@pytest.mark.parametrize("dtype", ["bool", "int64", "float32"])
@pytest.mark.parametrize("call", [
    "addmm(ones(()), ones(2, 0), ones(0, 2), ", "addmv(ones(2), ones(2, 0), ones(0), ", "baddbmm(ones(()), ones(3, 2, 0), ones(3, 0, 2), ",
    "addbmm(ones(()), ones(3, 2, 0), ones(3, 0, 2), ", "addmm(ones(()), ones(0, 2), ones(2, 2), ", "addmm(ones(()), ones(2, 3), ones(3, 2), ",
])  # fmt: skip
def test_sums_with_products_of_nothing(call: str, dtype: str) -> None:
    """PyTorch multiplies the input alone then, in place: what the number makes of its dtype must fit."""
    setup = f"ones = lambda *shape: torch.ones(*shape, dtype=torch.{dtype})\n"
    for numbers in ("", "beta=0", "beta=2", "beta=.5", "beta=1.", "beta=True", "beta=0.", "alpha=2", "beta=0, alpha=3"):
        assert (found := difference(f"{setup}torch.{call}{numbers})")) is None, found


@pytest.mark.parametrize("dtype", ["bool", "int64", "float32"])
@pytest.mark.parametrize(
    "name", "leaky_relu elu selu celu silu mish hardswish hardsigmoid rrelu relu6 hardtanh".split()
)
def test_activations_written_where_elements_share_memory(name: str, dtype: str) -> None:
    code = f"x = torch.ones(2, 1, dtype=torch.{dtype}).expand(2, 3)\ntorch.nn.functional.{name}(x, inplace=True)"
    assert (found := difference(code)) is None, found


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("call", ["x ** {}", "torch.pow(x, {})", "x.clone().pow_({})", "x.clone().__ipow__({})"])
def test_powers_of_false(call: str, dtype: str) -> None:
    """Of 0, the derivative is NaN where the exponent is False, not where it is 0."""
    setup = f"x = torch.tensor([0., 2., -1.], dtype=torch.{dtype}, requires_grad=True)\n"
    for exponent in ("False", "0", "0.0", "True"):
        code = f"{setup}y = {call.format(exponent)}\ny, torch.autograd.grad(y.sum(), x)"
        assert (found := difference(code)) is None, found


@pytest.mark.parametrize("narrow", ["uint8", "int64", "float16"])
@pytest.mark.parametrize("wide", ["float32", "float64"])
@pytest.mark.parametrize(
    "call",
    [
        "pow(k, x)",
        "pow(k[0], x)",
        "xlogy(x, k)",
        "xlogy(x, k[0])",
        "special.xlog1py(x, k)",
        "pow(x + 2, k)",
        "xlogy(x, 2)",
        "xlogy(x, 2.5)",
        "special.xlog1py(x, 2)",
    ],
)
def test_derivatives_beside_a_narrower_dtype(call: str, wide: str, narrow: str) -> None:
    """Logarithms of small integers are not to be those of float16."""
    code = f"x = torch.tensor([-.63, -1.26, 2.7], dtype=torch.{wide}, requires_grad=True)\n"
    code += f"k = (torch.tensor([3., 5., 7.]) * 1.1).to(torch.{narrow})\ny = torch.{call}.sum()\n"
    code += "torch.autograd.grad(y, x, retain_graph=True), torch.autograd.grad(y, x, create_graph=True)"
    assert (found := difference(code, exact=False)) is None, found


@pytest.mark.parametrize("call", [
    "threshold(x, 0.1, 2.)", "hardtanh(x)", "hardshrink(x)", "softshrink(x)", "leaky_relu(x)", "relu(x)", "relu6(x)",
    "prelu(x, w)",
])  # fmt: skip
def test_nan_in_second_derivatives(call: str) -> None:
    """Zeros between the corners, not 0 times NaN."""
    code = "x = torch.tensor([-3., -.2, .05, .3, 4.], requires_grad=True)\nw = torch.tensor([.5], requires_grad=True)\n"
    code += f"y = torch.nn.functional.{call}\n[g] = torch.autograd.grad((y * y).sum(), x, create_graph=True)\n"
    code += "torch.autograd.grad(g, (x, w), torch.full((5,), float('nan')), allow_unused=True)"
    assert (found := difference(code)) is None, found


@pytest.mark.parametrize(
    "call", ["multi_margin_loss(x, t[0])", "multi_margin_loss(x, t[0], p=2)", "multilabel_margin_loss(x, t)"]
)
@pytest.mark.parametrize("values", ["1., nan, 2.", "nan, 1., 2."])
def test_nan_in_margins(call: str, values: str) -> None:
    """A margin that is NaN counts for nothing."""
    code = f"nan = float('nan')\nx = torch.tensor([[{values}]], requires_grad=True)\nt = torch.tensor([[0, -1, 1]])\n"
    code += f"y = torch.nn.functional.{call.replace('t[0]', 't[0, :1]')}\ny, torch.autograd.grad(y, x)"
    assert (found := difference(code, exact=False)) is None, found


RESULTS = """
F.pixel_unshuffle(x[None], 1) | F.pixel_shuffle(x[None], 1) | F.channel_shuffle(x[None], 1) | torch.quantile(x, .5, 0) | torch.quantile(x, .5) | F.max_pool1d(x, 1)
torch.nanquantile(x, .5, 0) | F.max_pool2d(x[None], 1) | F.avg_pool2d(x[None], 1) | torch.combinations(x[0]) | torch.kthvalue(x, 1)[0] | F.max_pool1d(x, 2)
"""


@pytest.mark.parametrize("code", [e.strip() for line in RESULTS.strip().splitlines() for e in line.split(" | ")])
@pytest.mark.parametrize("needs", [False, True])
def test_results_that_are_no_views(code: str, needs: bool) -> None:
    """A write into them is not seen in the input, though no element was moved or only a dimension dropped."""
    setup = f"F = torch.nn.functional\nx = torch.tensor([[1., 2.], [3., 4.]], requires_grad={needs})\ny = {code}\n"
    assert (found := difference(setup + "v = y._is_view()\ny.detach().fill_(7)\n(x.tolist(), v)")) is None, found


def test_truncated_quotients_of_float16_by_one_number() -> None:
    for y in ("torch.tensor(.02, dtype=torch.float16)", "torch.full((2,), .02, dtype=torch.float16)", "0.02"):
        for mode in ("trunc", "floor", None):
            code = f"torch.div(torch.tensor([2., 3.], dtype=torch.float16), {y}, rounding_mode={mode!r})"
            assert (found := difference(code)) is None, found


@pytest.mark.parametrize("call", [
    "x.scatter_reduce(0, torch.tensor(0), x.detach() * 2, 'prod')", "x.index_reduce(0, torch.tensor([0]), x.detach() * 2, 'prod')",
    "torch.nn.functional.max_pool2d(x.reshape(1, 1, 1), 1)", "torch.quantile(x, .5)", "x.scatter_add(0, torch.tensor(0), x * 2).exp()",
])  # fmt: skip
def test_writes_into_what_a_function_has_saved_are_noticed(call: str) -> None:
    code = (
        f"x = torch.tensor(-0.9, requires_grad=True)\ny = {call}\ny.detach().mul_(3)\ntorch.autograd.grad(y.sum(), x)"
    )
    assert (found := difference(code, message=False, exact=False)) is None, found


@pytest.mark.parametrize("shape", [(7,), (3, 7), (3, 1000), (60, 200)])
@pytest.mark.parametrize("number", [0.1, 3.3, 1234.567, 1e6])
def test_rows_of_equal_numbers_are_zeros_when_standardized(shape: tuple[int, ...], number: float, twin: str) -> None:
    """Nothing of what rounding leaves of their mean is divided by a small deviation."""
    x = f"torch.full({shape}, {number})"
    norm = f"torch.nn.functional.layer_norm(x, {shape[-1:]}), torch.nn.functional.group_norm(x.reshape(1, 1, -1), 1)"
    assert (found := difference(f"x = {x}\n[t.abs().max() for t in ({norm})]")) is None, found


@pytest.mark.parametrize("x, t", [
    ([nan, 0.5], [0.5, 0.5]), ([0.5, 0.5], [nan, 0.5]), ([0.5, 0.5], [2, 0.5]), ([0.5, 2], [0.1, 0.5]), ([0.5, 2], [-1, 0.5])
])  # fmt: skip
def test_probabilities_and_targets_outside_of_0_and_1(x: list[float], t: list[float]) -> None:
    code = f"torch.nn.functional.binary_cross_entropy(torch.tensor({x}), torch.tensor({t}))"
    assert (found := difference(code, nan=lambda _: nan)) is None, found


@pytest.mark.parametrize("index", ["0", "0, 0", "[0]", ":1", "..."])
def test_writes_where_places_share_a_number(index: str) -> None:
    assert (found := difference(f"x = torch.tensor(1.).expand(2, 3)\nx[{index}] = .25\nx")) is None, found


def test_quotients_of_float16_by_a_wide_number_overflow_step_by_step() -> None:
    code = (
        "y = torch.tensor(.06, requires_grad=True)\n"
        "(torch.tensor([1.18, 1.3]).half() / y).backward(torch.tensor([2e3, 1e3]).half())\ny.grad"
    )
    assert (found := difference(code)) is None, found


@pytest.mark.parametrize("call", lines("""
torch.hash_tensor(torch.zeros(0)) | torch.hash_tensor(torch.zeros(2, 0), 0) | torch.hash_tensor(torch.zeros(2, 0), 1) | torch.hash_tensor(torch.ones(2), 0, mode=1)
torch.hash_tensor(torch.tensor([1j])) | torch.tensor(2.).hash_tensor(keepdim=True) | (torch.arange(3) - 1).to(torch.int8).hash_tensor() | torch.hash_tensor(torch.rand(2, 3, 4), (0, 2), keepdim=True)
"""))  # fmt: skip
def test_hashes(call: str) -> None:
    assert (found := difference(call)) is None, found


@pytest.mark.parametrize("mean", [-1.0, 0.0, 1.0])
@pytest.mark.parametrize("at", [0, 5])
def test_infinite_gradients_of_group_norm(mean: float, at: int) -> None:
    code = (
        f"x = (torch.arange(12.).reshape(2, 3, 2) / 6 - 1 + {mean}).requires_grad_()\ng = torch.arange(12.).reshape(2, 3, 2).cos()\n"
        f"g.view(-1)[{at}] = inf\ntorch.nn.functional.group_norm(x, 1).backward(g)\nx.grad"
    )
    assert (found := difference(code, exact=False, inf=lambda _: inf)) is None, found


@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("weight", ["None", "torch.tensor(2.)"])
def test_gradients_of_targets_of_certain_probabilities(reduction: str, weight: str) -> None:
    code = (
        "p = torch.tensor([0., .3, 1., .5, 1e-30], requires_grad=True)\n"
        "t = torch.tensor([.2, .4, 1., 0., 1.], requires_grad=True)\n"
        f"loss = torch.nn.functional.binary_cross_entropy(p, t, {weight}, reduction={reduction!r}).sum()\n"
        "torch.autograd.grad(loss, (p, t))"
    )
    assert (found := difference(code, exact=False)) is None, found


@pytest.mark.parametrize("code", [
    "x.inner(x)", "torch.tensordot(x, x, ([0, 1], [0, 1]))", "torch.tensordot(x, x * 2, ([2], [2]))",
])  # fmt: skip
def test_contractions_save_what_they_had_to_copy(code: str) -> None:
    """A write into the input, of which they took another order, leaves the gradient as it was."""
    before = "leaf = torch.arange(12.).reshape(2, 3, 2).requires_grad_()\nx = leaf.movedim(2, 0)\n"
    after = "with torch.no_grad(): leaf[:, 0] = 1\ny.sum().backward()\nleaf.grad"
    assert (found := difference(f"{before}y = {code}\n{after}", exact=False)) is None, found


@pytest.mark.parametrize("dtype", ["bool", "int64", "float32"])
@pytest.mark.parametrize("exponent", ["True", "1", "2"])
def test_powers_lie_in_memory_as_their_bases(dtype: str, exponent: str) -> None:
    assert (found := difference(f"torch.ones(2, 3, dtype=torch.{dtype}).t().pow({exponent})")) is None, found


@pytest.mark.parametrize("code", [
    "x = torch.tensor([0.], dtype=torch.float64, requires_grad=True)\nx.float_power(False).backward()\nx.grad",
    "x = torch.ones(3, 4, dtype=torch.uint8)\nx[..., torch.tensor([False] * 3)] = torch.tensor(-1.5)",
    "x = torch.arange(6).reshape(2, 3).narrow(1, 0, 2).T\ntorch.select_scatter(x, x[0], 0, 1).as_strided((1, 5), (3, 1))",
    "x = torch.arange(9).reshape(3, 3).expand(2, -1, -1).movedim(2, 0)\nx > x",
])  # fmt: skip
def test_what_random_programs_found(code: str) -> None:
    assert (found := difference(code)) is None, found
