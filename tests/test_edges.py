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
            grads.append([None if g is None else g.clone() for g in found])
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
torch.special.entr(x) | torch.special.i1(x) | torch.special.ndtr(x) | x.nan_to_num().logit(1e-3)
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
