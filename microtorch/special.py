"""Special functions, as PyTorch's torch.special has them."""

from microtorch._missing import missing_name as _missing_name
from microtorch.functions.pointwise import (
    exp2 as exp2,
    expit as expit,
    expm1 as expm1,
    log1p as log1p,
    logit as logit,
    round as round,
    sinc as sinc,
    xlogy as xlogy,
)
from microtorch.functions.reduce import logsumexp as logsumexp
from microtorch.functions.special import (
    airy_ai as airy_ai,
    bessel_j0 as bessel_j0,
    bessel_j1 as bessel_j1,
    bessel_y0 as bessel_y0,
    bessel_y1 as bessel_y1,
    chebyshev_polynomial_t as chebyshev_polynomial_t,
    chebyshev_polynomial_u as chebyshev_polynomial_u,
    chebyshev_polynomial_v as chebyshev_polynomial_v,
    chebyshev_polynomial_w as chebyshev_polynomial_w,
    digamma as digamma,
    entr as entr,
    erf as erf,
    erfc as erfc,
    erfcx as erfcx,
    erfinv as erfinv,
    gammainc as gammainc,
    gammaincc as gammaincc,
    gammaln as gammaln,
    hermite_polynomial_h as hermite_polynomial_h,
    hermite_polynomial_he as hermite_polynomial_he,
    i0 as i0,
    i0e as i0e,
    i1 as i1,
    i1e as i1e,
    laguerre_polynomial_l as laguerre_polynomial_l,
    legendre_polynomial_p as legendre_polynomial_p,
    log_ndtr as log_ndtr,
    modified_bessel_i0 as modified_bessel_i0,
    modified_bessel_i1 as modified_bessel_i1,
    modified_bessel_k0 as modified_bessel_k0,
    modified_bessel_k1 as modified_bessel_k1,
    multigammaln as multigammaln,
    ndtr as ndtr,
    ndtri as ndtri,
    polygamma as polygamma,
    psi as psi,
    scaled_modified_bessel_k0 as scaled_modified_bessel_k0,
    scaled_modified_bessel_k1 as scaled_modified_bessel_k1,
    shifted_chebyshev_polynomial_t as shifted_chebyshev_polynomial_t,
    shifted_chebyshev_polynomial_u as shifted_chebyshev_polynomial_u,
    shifted_chebyshev_polynomial_v as shifted_chebyshev_polynomial_v,
    shifted_chebyshev_polynomial_w as shifted_chebyshev_polynomial_w,
    spherical_bessel_j0 as spherical_bessel_j0,
    xlog1py as xlog1py,
    zeta as zeta,
)
from microtorch.nn.functional.activation import log_softmax as log_softmax, softmax as softmax


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
