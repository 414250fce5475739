"""Special functions, with PyTorch's signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from microtorch.autograd.state import TensorBase
from microtorch.functions.arguments import bad_call, named, need_tensor, takes_out, write_out
from microtorch.functions.pointwise import broadcasting, one, same_dtype, two, type_name
from microtorch.functions.reduce import as_floats
from microtorch.ops import pointwise as P, special as F

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

erf = one(
    F.erf,
    """The error function, 2 / sqrt(pi) times the integral of exp(-t^2) from 0 to the input.

    >>> import microtorch as torch
    >>> torch.erf(torch.tensor([0., 1.]))
    tensor([0.0000, 0.8427])
    """,
)
erfc = one(F.erfc, "1 - erf(input), exact also where erf is near 1.")
erfinv = one(F.erfinv, "The inverse of erf; NaN outside of [-1, 1].")
erfcx = one(F.erfcx, "exp(input^2) erfc(input).")
ndtr = one(F.ndtr, "The normal distribution function: the probability of a value less than the input.")
ndtri = one(F.ndtri, "The inverse of ndtr: the value below which a normal number lies with the input's probability.")
log_ndtr = one(F.log_ndtr, "log(ndtr(input)), exact also far to the left.")
entr = one(F.entr, "-input log(input); 0 at 0, -inf below.")
lgamma = gammaln = one(
    F.lgamma,
    """log |gamma(input)|.

    >>> import microtorch as torch
    >>> torch.lgamma(torch.tensor([1., 5.]))
    tensor([0.0000, 3.1781])
    """,
)
digamma = psi = one(F.digamma, "The derivative of log gamma.")
i0 = one(F.i0, "The modified Bessel function of the first kind, order 0.")
i0e = one(F.i0e, "exp(-|input|) i0(input).")
i1 = one(F.i1, "The modified Bessel function of the first kind, order 1.")
i1e = one(F.i1e, "exp(-|input|) i1(input).")
xlog1py = two(P.xlog1py, "input log(1 + other), and 0 where input is 0.", refuse="c")
zeta = two(F.zeta, "Hurwitz' zeta function: the sum of (other + k)^-input over k = 0, 1, 2, ...")


@takes_out
def polygamma(n: int, input: Any) -> Tensor:
    """The n-th derivative of digamma.

    Raises RuntimeError for negative n.
    """
    if isinstance(n, TensorBase):  # as a method: x.polygamma(n)
        n, input = input, n
    need_tensor("polygamma", input, position=2)
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return F.polygamma(input, n)


@takes_out
def mvlgamma(input: Any, p: int) -> Tensor:
    """The multivariate log gamma function: p (p - 1) / 4 log(pi) + the sum of lgamma(input - i / 2) over i < p."""
    need_tensor("mvlgamma", input)
    if input._data.dtype.kind == "b":
        raise NotImplementedError("mvlgamma(): The input tensor may not be a boolean tensor.")
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    return F.mvlgamma(as_floats(input), p)


multigammaln = mvlgamma


@takes_out
def igamma(input: Any, other: Any) -> Tensor:
    """The regularised lower incomplete gamma function P(input, other), with a gradient in `other`. Needs SciPy."""
    return _incomplete("igamma", F.igamma, input, other)


@takes_out
def igammac(input: Any, other: Any) -> Tensor:
    """The regularised upper incomplete gamma function Q(input, other) = 1 - P(input, other). Needs SciPy."""
    return _incomplete("igammac", F.igammac, input, other)


gammainc, gammaincc = igamma, igammac


def _incomplete(name: str, entry: Any, a: Any, x: Any) -> Any:
    need_tensor(name, a)
    need_tensor(name, x, "other", 2)
    a, x = same_dtype(a, x)
    if a._data.dtype.kind != "f":
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{type_name(a)}'")
    return broadcasting(entry, a, x)


bessel_j0 = one(
    F.bessel_j0,
    """The Bessel function of the first kind, order 0. Needs SciPy, as the others; without gradient, as in PyTorch.

    >>> import microtorch as torch
    >>> torch.special.bessel_j0(torch.tensor([0., 1.]))
    tensor([1.0000, 0.7652])
    """,
)
bessel_j1 = one(F.bessel_j1, "The Bessel function of the first kind, order 1.")
bessel_y0 = one(F.bessel_y0, "The Bessel function of the second kind, order 0.")
bessel_y1 = one(F.bessel_y1, "The Bessel function of the second kind, order 1.")
modified_bessel_i0 = one(F.modified_bessel_i0, "`i0` without a gradient.")
modified_bessel_i1 = one(F.modified_bessel_i1, "`i1` without a gradient.")
modified_bessel_k0 = one(F.modified_bessel_k0, "The modified Bessel function of the second kind, order 0.")
modified_bessel_k1 = one(F.modified_bessel_k1, "The modified Bessel function of the second kind, order 1.")
scaled_modified_bessel_k0 = one(F.scaled_modified_bessel_k0, "exp(input) modified_bessel_k0(input).")
scaled_modified_bessel_k1 = one(F.scaled_modified_bessel_k1, "exp(input) modified_bessel_k1(input).")
spherical_bessel_j0 = one(F.spherical_bessel_j0, "The spherical Bessel function of the first kind: sin(input) / input.")
airy_ai = one(F.airy_ai, "Airy's function Ai.")


def _polynomial(entry: Any, doc: str) -> Any:
    """The public function of a polynomial of degree n at x, either of which may be a number."""
    name = entry.__name__

    def call(x: Any, n: Any, *, out: Any = None) -> Tensor:
        if not isinstance(x, TensorBase) and not isinstance(n, TensorBase):
            kinds = (("Tensor", "Tensor"), ("Number", "Tensor"), ("Tensor", "Number"))
            raise bad_call(f"special_{name}", (x, n), {}, [f"{a} x, {b} n, *, Tensor out = None" for a, b in kinds])
        result = entry(x, n)
        return result if out is None else write_out(out, result, name, (x, n))

    return named(call, name, f"{doc} Degrees are cut to whole numbers; no gradient, as in PyTorch.")


chebyshev_polynomial_t = _polynomial(
    F.chebyshev_polynomial_t,
    """Chebyshev's polynomial of the first kind, of degree n at x: cos(n arccos x).

    >>> import microtorch as torch
    >>> torch.special.chebyshev_polynomial_t(torch.tensor([0.5, 2.]), 3)
    tensor([-1., 26.])

    """,
)
chebyshev_polynomial_u = _polynomial(F.chebyshev_polynomial_u, "Chebyshev's polynomial of the second kind.")
chebyshev_polynomial_v = _polynomial(F.chebyshev_polynomial_v, "Chebyshev's polynomial of the third kind.")
chebyshev_polynomial_w = _polynomial(F.chebyshev_polynomial_w, "Chebyshev's polynomial of the fourth kind.")
shifted_chebyshev_polynomial_t = _polynomial(F.shifted_chebyshev_polynomial_t, "chebyshev_polynomial_t(2 x - 1, n).")
shifted_chebyshev_polynomial_u = _polynomial(F.shifted_chebyshev_polynomial_u, "chebyshev_polynomial_u(2 x - 1, n).")
shifted_chebyshev_polynomial_v = _polynomial(F.shifted_chebyshev_polynomial_v, "chebyshev_polynomial_v(2 x - 1, n).")
shifted_chebyshev_polynomial_w = _polynomial(F.shifted_chebyshev_polynomial_w, "chebyshev_polynomial_w(2 x - 1, n).")
hermite_polynomial_h = _polynomial(F.hermite_polynomial_h, "The physicists' Hermite polynomial.")
hermite_polynomial_he = _polynomial(F.hermite_polynomial_he, "The probabilists' Hermite polynomial.")
laguerre_polynomial_l = _polynomial(F.laguerre_polynomial_l, "Laguerre's polynomial.")
legendre_polynomial_p = _polynomial(F.legendre_polynomial_p, "Legendre's polynomial.")
