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
    digamma as digamma,
    entr as entr,
    erf as erf,
    erfc as erfc,
    erfcx as erfcx,
    erfinv as erfinv,
    gammainc as gammainc,
    gammaincc as gammaincc,
    gammaln as gammaln,
    i0 as i0,
    i0e as i0e,
    i1 as i1,
    i1e as i1e,
    log_ndtr as log_ndtr,
    multigammaln as multigammaln,
    ndtr as ndtr,
    ndtri as ndtri,
    polygamma as polygamma,
    psi as psi,
    xlog1py as xlog1py,
    zeta as zeta,
)
from microtorch.nn.functional.activation import log_softmax as log_softmax, softmax as softmax


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
