"""Special functions, with PyTorch's signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from microtorch.autograd.state import TensorBase
from microtorch.functions.arguments import need_tensor, takes_out
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
    """The multivariate log gamma function of dimension p: p (p - 1) / 4 log(pi) + the sum of lgamma(input - i / 2), i
    < p."""
    need_tensor("mvlgamma", input)
    if input._data.dtype.kind == "b":
        raise NotImplementedError("mvlgamma(): The input tensor may not be a boolean tensor.")
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    return F.mvlgamma(as_floats(input), p)


multigammaln = mvlgamma


@takes_out
def igamma(input: Any, other: Any) -> Tensor:
    """The regularised lower incomplete gamma function P(input, other); it has a gradient for `other` only. Needs
    SciPy."""
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
