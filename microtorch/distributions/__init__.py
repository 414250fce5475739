"""Probability distributions: random values, log probabilities, entropies, divergences, as in `torch.distributions`.

After the same `manual_seed` the values are PyTorch's own.
"""

from microtorch._missing import missing_names as _missing_names
from microtorch.distributions import constraints as constraints
from microtorch.distributions.bernoulli import Bernoulli as Bernoulli
from microtorch.distributions.beta import Beta as Beta
from microtorch.distributions.binomial import Binomial as Binomial
from microtorch.distributions.categorical import Categorical as Categorical
from microtorch.distributions.cauchy import Cauchy as Cauchy
from microtorch.distributions.chi2 import Chi2 as Chi2
from microtorch.distributions.constraint_registry import biject_to as biject_to, transform_to as transform_to
from microtorch.distributions.continuous_bernoulli import ContinuousBernoulli as ContinuousBernoulli
from microtorch.distributions.dirichlet import Dirichlet as Dirichlet
from microtorch.distributions.distribution import Distribution as Distribution
from microtorch.distributions.exp_family import ExponentialFamily as ExponentialFamily
from microtorch.distributions.exponential import Exponential as Exponential
from microtorch.distributions.fishersnedecor import FisherSnedecor as FisherSnedecor
from microtorch.distributions.gamma import Gamma as Gamma
from microtorch.distributions.generalized_pareto import GeneralizedPareto as GeneralizedPareto
from microtorch.distributions.geometric import Geometric as Geometric
from microtorch.distributions.gumbel import Gumbel as Gumbel
from microtorch.distributions.half_cauchy import HalfCauchy as HalfCauchy
from microtorch.distributions.half_normal import HalfNormal as HalfNormal
from microtorch.distributions.independent import Independent as Independent
from microtorch.distributions.inverse_gamma import InverseGamma as InverseGamma
from microtorch.distributions.kl import kl_divergence as kl_divergence, register_kl as register_kl
from microtorch.distributions.kumaraswamy import Kumaraswamy as Kumaraswamy
from microtorch.distributions.laplace import Laplace as Laplace
from microtorch.distributions.lkj_cholesky import LKJCholesky as LKJCholesky
from microtorch.distributions.log_normal import LogNormal as LogNormal
from microtorch.distributions.logistic_normal import LogisticNormal as LogisticNormal
from microtorch.distributions.lowrank_multivariate_normal import LowRankMultivariateNormal as LowRankMultivariateNormal
from microtorch.distributions.mixture_same_family import MixtureSameFamily as MixtureSameFamily
from microtorch.distributions.multinomial import Multinomial as Multinomial
from microtorch.distributions.multivariate_normal import MultivariateNormal as MultivariateNormal
from microtorch.distributions.negative_binomial import NegativeBinomial as NegativeBinomial
from microtorch.distributions.normal import Normal as Normal
from microtorch.distributions.one_hot_categorical import (
    OneHotCategorical as OneHotCategorical,
    OneHotCategoricalStraightThrough as OneHotCategoricalStraightThrough,
)
from microtorch.distributions.pareto import Pareto as Pareto
from microtorch.distributions.poisson import Poisson as Poisson
from microtorch.distributions.relaxed_bernoulli import RelaxedBernoulli as RelaxedBernoulli
from microtorch.distributions.relaxed_categorical import RelaxedOneHotCategorical as RelaxedOneHotCategorical
from microtorch.distributions.studentT import StudentT as StudentT
from microtorch.distributions.transformed_distribution import TransformedDistribution as TransformedDistribution
from microtorch.distributions.transforms import (
    AbsTransform as AbsTransform,
    AffineTransform as AffineTransform,
    CatTransform as CatTransform,
    ComposeTransform as ComposeTransform,
    CorrCholeskyTransform as CorrCholeskyTransform,
    CumulativeDistributionTransform as CumulativeDistributionTransform,
    ExpTransform as ExpTransform,
    IndependentTransform as IndependentTransform,
    LowerCholeskyTransform as LowerCholeskyTransform,
    PositiveDefiniteTransform as PositiveDefiniteTransform,
    PowerTransform as PowerTransform,
    ReshapeTransform as ReshapeTransform,
    SigmoidTransform as SigmoidTransform,
    SoftmaxTransform as SoftmaxTransform,
    SoftplusTransform as SoftplusTransform,
    StackTransform as StackTransform,
    StickBreakingTransform as StickBreakingTransform,
    TanhTransform as TanhTransform,
    Transform as Transform,
    identity_transform as identity_transform,
)
from microtorch.distributions.uniform import Uniform as Uniform
from microtorch.distributions.von_mises import VonMises as VonMises
from microtorch.distributions.weibull import Weibull as Weibull
from microtorch.distributions.wishart import Wishart as Wishart

__getattr__ = _missing_names(__name__)
