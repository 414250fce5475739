"""Special functions: the error function's and the gamma function's families, Bessel functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.autograd.state import wrap
from microtorch.autograd.table import binary, op, unary
from microtorch.kernels import bessel as B, gamma as G, orthogonal as O, special as K
from microtorch.kernels.bfloat16 import finfo
from microtorch.kernels.pointwise import refusing, unsupported
from microtorch.kernels.shape import in_memory_order
from microtorch.kernels.strides import input_order, operands_order
from microtorch.ops.pointwise import constant, not_implemented


def of_reals(kernel: Any, name: str = "", half: bool = True) -> Any:
    """A kernel that refuses complex numbers (and float16, unless `half`).

    name: how PyTorch calls it, if not NAME_vml_cpu.
    """
    return refusing("c", name or f"{kernel.__name__}_vml_cpu", in_memory_order(kernel), half)


# the error function --------------------------------------------------------------------------------------------------
_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)
_ROOT_TWO_PI = math.sqrt(2 * math.pi)

erf = unary("erf", of_reals(K.erf), to_float=True, x=lambda xp, g, x: g * (_TWO_OVER_ROOT_PI * xp.exp(-(x * x))))
erfc = unary("erfc", of_reals(K.erfc), to_float=True, x=lambda xp, g, x: g * (-_TWO_OVER_ROOT_PI * xp.exp(-(x * x))))
erfinv = unary(
    "erfinv",
    of_reals(K.erfinv),
    to_float=True,
    x=lambda xp, g, x: g * ((1 / _TWO_OVER_ROOT_PI) * xp.exp(xp.square(xp.erfinv(x)))),
)
erfcx = unary("erfcx", of_reals(K.erfcx, "erfcx_cpu", half=False), to_float=True, grad_name="SpecialErfcxBackward0",
              x=lambda xp, g, x, out: g * (2 * x * out - _TWO_OVER_ROOT_PI))  # fmt: skip
ndtr = unary("ndtr", of_reals(K.ndtr, "erf_vml_cpu"), to_float=True, grad_name="MulBackward1",
             x=lambda xp, g, x: g * (xp.exp(x * x * -0.5) / _ROOT_TWO_PI))  # fmt: skip
ndtri = unary("ndtri", of_reals(K.ndtri, "ndtri_cpu", half=False), to_float=True, grad_name="SpecialNdtriBackward0",
              x=lambda xp, g, out: g * (_ROOT_TWO_PI * xp.exp(out * out * 0.5)))  # fmt: skip
# the density / ndtr
log_ndtr = unary("log_ndtr", of_reals(K.log_ndtr, "log_ndtr_cpu", half=False), to_float=True,
                 grad_name="SpecialLogNdtrBackward0",
                 x=lambda xp, g, x, out: g * xp.exp(-(out + x * x * 0.5)) / _ROOT_TWO_PI)  # fmt: skip
entr = unary(
    "entr",
    of_reals(K.entr, "entr_cpu"),
    to_float=True,
    grad_name="SpecialEntrBackward0",
    x=lambda xp, g, x: g * (-xp.log(x) - 1),
)

# the gamma function ---------------------------------------------------------------------------------------------------
lgamma = unary("lgamma", of_reals(G.lgamma), to_float=True, x=lambda xp, g, x: g * xp.digamma(x))


def _mvlgamma_x(xp: Any, g: Any, x: Any, p: int) -> Any:
    steps = G.half_steps(p, constant(x).dtype)
    parts = xp.digamma(xp.unsqueeze(x, -1) + (wrap(steps) if xp.recorded else steps))
    return g * xp.sum(parts, (len(parts.shape) - 1,), False)


mvlgamma = unary("mvlgamma", G.mvlgamma, x=_mvlgamma_x)
digamma = unary("digamma", of_reals(G.digamma, "digamma"), to_float=True, x=lambda xp, g, x: g * xp.polygamma(x, 1))
polygamma = unary(
    "polygamma", input_order(G.polygamma), to_float=True, x=lambda xp, g, x, n: g * xp.polygamma(x, n + 1)
)
zeta = binary(
    "zeta",
    operands_order(G.zeta),
    to_float=True,
    grad_name="SpecialZetaBackward0",
    y=lambda xp, g, x, y: g * (-x * xp.zeta(x + 1, y)),
)


def _igamma_x(xp: Any, g: Any, a: Any, x: Any) -> Any:
    """d P(a, x) / dx = x^(a-1) e^-x / gamma(a)."""
    return g * xp.exp(xp.log(x) * (a - 1) - x - xp.lgamma(a))


igamma = op("igamma", G.igamma, a=not_implemented("igamma: input"), x=_igamma_x)
igammac = op("igammac", G.igammac, a=not_implemented("igammac: input"), x=lambda xp, g, a, x: -_igamma_x(xp, g, a, x))

# Bessel functions -----------------------------------------------------------------------------------------------------
i0 = unary("i0", of_reals(B.i0), to_float=True, x=lambda xp, g, x: g * xp.i1(x))
i0e = unary(
    "i0e",
    of_reals(B.i0e, "i0e_cpu"),
    to_float=True,
    grad_name="SpecialI0EBackward0",
    x=lambda xp, g, x, out: g * (xp.i1e(x) - xp.sgn(x) * out),
)


def _i1_x(xp: Any, g: Any, x: Any, out: Any) -> Any:
    """i0(x) - i1(x) / x, and near 0 (and of NaN) its limit 1/2 there."""
    plain = xp.abs(x) > _eps(x)
    safe = xp.where(plain, x, 1)
    return g * xp.where(plain, xp.i0(safe) - out / safe, 0.5)


def _i1e_x(xp: Any, g: Any, x: Any, out: Any) -> Any:
    """i0e(x) - i1e(x) (sgn(x) + 1 / x), and near 0 (and of NaN) its limit 1/2 there."""
    plain = xp.abs(x) > _eps(x)
    safe = xp.where(plain, x, 1)
    return g * xp.where(plain, xp.i0e(safe) - out * (xp.sgn(x) + 1 / safe), 0.5)


def _eps(x: Any) -> float:
    return float(finfo(constant(x).dtype).eps)


i1 = unary("i1", of_reals(B.i1, "i1_cpu"), to_float=True, grad_name="SpecialI1Backward0", x=_i1_x)
i1e = unary("i1e", of_reals(B.i1e, "i1e_cpu"), to_float=True, grad_name="SpecialI1EBackward0", x=_i1e_x)


# Without a gradient, in PyTorch, too.
def _bessel(name: str, kernel: Any) -> Any:
    return unary(name, refusing("c", f"{name}_cpu", in_memory_order(kernel), half=False), to_float=True)


bessel_j0, bessel_j1 = _bessel("bessel_j0", B.j0), _bessel("bessel_j1", B.j1)
bessel_y0, bessel_y1 = _bessel("bessel_y0", B.y0), _bessel("bessel_y1", B.y1)
modified_bessel_i0, modified_bessel_i1 = _bessel("modified_bessel_i0", B.i0), _bessel("modified_bessel_i1", B.i1)
modified_bessel_k0, modified_bessel_k1 = _bessel("modified_bessel_k0", B.k0), _bessel("modified_bessel_k1", B.k1)
scaled_modified_bessel_k0 = _bessel("scaled_modified_bessel_k0", B.k0e)
scaled_modified_bessel_k1 = _bessel("scaled_modified_bessel_k1", B.k1e)
spherical_bessel_j0 = _bessel("spherical_bessel_j0", B.spherical_j0)
airy_ai = _bessel("airy_ai", B.airy_ai)


# orthogonal polynomials, without a gradient, too ----------------------------------------------------------------------
def _polynomial(name: str, kernel: Any) -> Any:
    def checked(x: Any, n: Any) -> Any:
        dtype = (x if isinstance(x, np.ndarray) else n).dtype
        if dtype.kind == "c" or dtype.itemsize == 2:
            raise unsupported(f"{name}_cpu", dtype)
        return kernel(x, n)

    return binary(name, operands_order(checked), to_float=True)


chebyshev_polynomial_t = _polynomial("chebyshev_polynomial_t", O.chebyshev_t)
chebyshev_polynomial_u = _polynomial("chebyshev_polynomial_u", O.chebyshev_u)
chebyshev_polynomial_v = _polynomial("chebyshev_polynomial_v", O.chebyshev_v)
chebyshev_polynomial_w = _polynomial("chebyshev_polynomial_w", O.chebyshev_w)
shifted_chebyshev_polynomial_t = _polynomial("shifted_chebyshev_polynomial_t", O.shifted_chebyshev_t)
shifted_chebyshev_polynomial_u = _polynomial("shifted_chebyshev_polynomial_u", O.shifted_chebyshev_u)
shifted_chebyshev_polynomial_v = _polynomial("shifted_chebyshev_polynomial_v", O.shifted_chebyshev_v)
shifted_chebyshev_polynomial_w = _polynomial("shifted_chebyshev_polynomial_w", O.shifted_chebyshev_w)
hermite_polynomial_h = _polynomial("hermite_polynomial_h", O.hermite_h)
hermite_polynomial_he = _polynomial("hermite_polynomial_he", O.hermite_he)
laguerre_polynomial_l = _polynomial("laguerre_polynomial_l", O.laguerre_l)
legendre_polynomial_p = _polynomial("legendre_polynomial_p", O.legendre_p)
