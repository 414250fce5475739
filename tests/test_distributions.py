"""torch.distributions against PyTorch: the same samples for the same seed, the same densities, entropies, divergences,
gradients, texts and errors."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from tests.differential import difference


@pytest.fixture(autouse=True)
def arguments_are_checked() -> None:
    """As at PyTorch's start: importing torch._dynamo, as other tests of this process may, turns its checks off."""
    torch.distributions.Distribution.set_default_validate_args(True)


# constructor -> a value to score
ONE = {
    "Normal(t([0.5, -1.0]), t([1.5, 0.2]))": "t([0.1, -0.7])",
    "Normal(0.5, 2.0)": "t(0.3)",
    "Normal(t([[0.5], [1.0]]), t([1.5, 0.2, 3.0]))": "t([0.1, -0.7, 2.0])",
    "Bernoulli(t([0.3, 0.9, 0.5]))": "t([1.0, 0.0, 1.0])",
    "Bernoulli(logits=t([0.3, -2.0]))": "t([1.0, 0.0])",
    "Bernoulli(0.25)": "t(1.0)",
    "Categorical(t([0.2, 0.3, 0.5]))": "t(1)",
    "Categorical(t([[0.2, 3.0, 0.5], [1.0, 1.0, 2.0]]))": "t([1, 2])",
    "Categorical(logits=t([[0.2, -1.0], [3.0, 0.5]]))": "t([[0, 1], [1, 1]])",
    "OneHotCategorical(t([0.2, 0.3, 0.5]))": "t([0.0, 1.0, 0.0])",
    "OneHotCategorical(logits=t([[0.2, -1.0], [3.0, 0.5]]))": "t([[0.0, 1.0], [1.0, 0.0]])",
    "OneHotCategoricalStraightThrough(t([0.2, 0.3, 0.5]))": "t([0.0, 1.0, 0.0])",
    "Multinomial(7, t([0.2, 0.3, 0.5]))": "t([2.0, 1.0, 4.0])",
    "Multinomial(5, logits=t([[0.2, -1.0], [3.0, 0.5]]))": "t([[2.0, 3.0], [5.0, 0.0]])",
    "Binomial(10, t([0.3, 0.9]))": "t([3.0, 10.0])",
    "Binomial(t([4.0, 6.0]), logits=t([0.3, -2.0]))": "t([3.0, 1.0])",
    "Uniform(t([0.5, -1.0]), t([1.5, 0.2]))": "t([0.7, 0.1])",
    "Uniform(-1.0, 2.0)": "t([0.5, 1.0])",
    "Exponential(t([0.5, 3.0]))": "t([0.7, 2.0])",
    "Gamma(t([0.5, 3.0]), t([1.0, 2.0]))": "t([0.7, 2.0])",
    "Gamma(2.0, 3.0)": "t(0.5)",
    "Beta(t([0.5, 3.0]), t([1.0, 2.0]))": "t([0.7, 0.2])",
    "Beta(2.0, 3.0)": "t(0.5)",
    "Dirichlet(t([0.5, 3.0, 1.0]))": "t([0.2, 0.3, 0.5])",
    "Dirichlet(t([[0.5, 0.3], [2.0, 3.0]]))": "t([0.2, 0.8])",
    "Poisson(t([0.5, 3.0, 25.0]))": "t([0.0, 2.0, 30.0])",
    "Geometric(t([0.5, 0.1]))": "t([0.0, 12.0])",
    "Geometric(logits=t([0.5, -0.1]))": "t([1.0, 2.0])",
    "Laplace(t([0.5, -1.0]), t([1.5, 0.2]))": "t([0.7, -1.1])",
    "LogNormal(t([0.5, -1.0]), t([1.5, 0.2]))": "t([0.7, 1.1])",
    "LogNormal(0.0, 1.0)": "t([0.7, 1.1])",
    "MultivariateNormal(t([0.5, -1.0]), torch.eye(2))": "t([0.7, 1.1])",
    "MultivariateNormal(t([0.5, -1.0]), t([[2.0, 0.5], [0.5, 1.0]]))": "t([0.7, 1.1])",
    "MultivariateNormal(t([0.5, -1.0]), precision_matrix=t([[2.0, 0.5], [0.5, 1.0]]))": "t([0.7, 1.1])",
    "MultivariateNormal(torch.zeros(3, 2), scale_tril=t([[2.0, 0.0], [0.5, 1.0]]))": "t([0.7, 1.1])",
    "Independent(Normal(torch.zeros(3, 2), torch.ones(3, 2)), 1)": "t([0.7, 1.1])",
    "Independent(Bernoulli(t([0.2, 0.7])), 1)": "t([1.0, 0.0])",
    "TransformedDistribution(Normal(t([0.5]), t([2.0])), [D.ExpTransform(), D.AffineTransform(1.0, 3.0)])": "t([4.0])",
    "TransformedDistribution(Uniform(t([0.0]), t([1.0])), D.SigmoidTransform().inv)": "t([0.4])",
    "TransformedDistribution(Normal(t([0.5]), t([2.0])), [D.TanhTransform(cache_size=1)])": "t([0.4])",
    "HalfNormal(t([0.5, 2.0]))": "t([0.4, 1.0])",
    "HalfCauchy(t([0.5, 2.0]))": "t([0.4, 1.0])",
    "Cauchy(t([0.5, -1.0]), t([1.5, 0.2]))": "t([0.7, -1.1])",
    "StudentT(t([0.5, 1.5, 5.0]), t([0.5, -1.0, 0.0]), t([1.5, 0.2, 2.0]))": "t([0.7, -1.1, 1.0])",
    "StudentT(3.0)": "t(0.5)",
    "Chi2(t([0.5, 4.0]))": "t([0.7, 1.1])",
    "MixtureSameFamily(Categorical(t([0.3, 0.7])), Normal(t([0.0, 3.0]), t([1.0, 0.5])))": "t([0.7, 2.1])",
    "MixtureSameFamily(Categorical(torch.ones(2)), Independent(Normal(torch.zeros(2, 3), torch.ones(2, 3)), 1))": "t([0.7, 2.1, 0.0])",
    "Gumbel(t([0.5, -1.0]), t([1.5, 0.2]))": "t([0.7, -1.1])",
    "Gumbel(0.5, 1.0)": "t([0.7, -1.1])",
    "Weibull(t([0.5, 1.0]), t([1.5, 2.0]))": "t([0.7, 1.1])",
    "Pareto(t([0.5, 1.0]), t([1.5, 2.5]))": "t([0.7, 1.1])",
    "ContinuousBernoulli(t([0.1, 0.4995, 0.5, 0.9]))": "t([0.2, 0.5, 0.7, 0.9])",
    "ContinuousBernoulli(logits=t([-2.0, 0.0, 1.5]))": "t([0.2, 0.5, 0.9])",
    "GeneralizedPareto(t(0.5), t(2.0), t([-0.5, 0.0, 0.3, 2.0]))": "t([0.6, 1.0, 2.0, 3.0])",
    "LKJCholesky(2, t([0.5, 3.0]))": "t([[1.0, 0.0], [0.6, 0.8]])",
    "Wishart(t([3.0, 5.0]), t([[2.0, 0.5], [0.5, 1.0]]))": "t([[3.0, 0.2], [0.2, 1.5]])",
    "Wishart(4.0, precision_matrix=t([[2.0, 0.5], [0.5, 1.0]]))": "t([[3.0, 0.2], [0.2, 1.5]])",
    "InverseGamma(t([0.5, 3.0]), t([1.5, 2.5]))": "t([0.7, 1.1])",
    "Kumaraswamy(t([0.5, 3.0]), t([1.5, 2.5]))": "t([0.7, 0.1])",
    "NegativeBinomial(t([3.0, 5.0]), t([0.3, 0.6]))": "t([2.0, 4.0])",
    "FisherSnedecor(t([3.0, 5.0]), t([6.0, 2.0]))": "t([2.0, 0.4])",
    "VonMises(t([0.5, -1.0]), t([1.5, 20.0]))": "t([0.7, -1.1])",
    "VonMises(0.0, 1.0)": "t([0.7, -1.1])",
    "LowRankMultivariateNormal(t([0.5, -1.0]), t([[1.0], [2.0]]), t([0.5, 1.0]))": "t([0.7, -1.1])",
    "LowRankMultivariateNormal(torch.zeros(3, 2), t([[1.0], [2.0]]), t([0.5, 1.0]))": "t([0.7, -1.1])",
    "RelaxedBernoulli(t(0.5), t([0.3, 0.6]))": "t([0.2, 0.4])",
    "RelaxedOneHotCategorical(t(0.5), t([0.3, 0.6, 0.1]))": "t([0.2, 0.4, 0.4])",
    "LogisticNormal(t([0.5, -1.0]), t([1.5, 0.2]))": "t([0.2, 0.4, 0.4])",
}
QUESTIONS = [
    "d", "d.sample()", "d.sample((3,))", "d.sample((2, 5))", "d.rsample((4,))", "d.batch_shape", "d.event_shape", "d.mean",
    "d.variance", "d.stddev", "d.mode", "d.entropy()", "d.perplexity()", "d.log_prob(v)", "d.log_prob(v).exp()", "d.cdf(v)",
    "d.icdf(t(0.3))", "d.support", "d.has_rsample", "d.has_enumerate_support", "d.enumerate_support()",
    "d.enumerate_support(expand=False)", "d.expand((2,) + d.batch_shape)", "d.expand((2,) + d.batch_shape).sample()",
    "d.expand((2,) + d.batch_shape).log_prob(v)", "d.log_prob(torch.full((7, 3), 0.5))", "d.log_prob(v * float('nan'))",
    "d.log_prob(0.5)", "d.sample_n(2)", "getattr(d, 'probs', 0)", "getattr(d, 'logits', 0)", "d.arg_constraints",
    "getattr(d, 'covariance_matrix', 0)", "getattr(d, 'precision_matrix', 0)", "getattr(d, 'scale_tril', 0)",
    "(d.sample((20,)) - d.sample((20,))).shape", "copy.deepcopy(d).sample()", "pickle.loads(pickle.dumps(d.mean))",
]  # fmt: skip


def _names(library: Any) -> dict[str, Any]:
    import copy
    import pickle

    D = library.distributions
    names = {n: getattr(D, n) for n in ("Normal Bernoulli Categorical OneHotCategorical Multinomial Binomial Uniform "
             "Exponential Gamma Beta Dirichlet Poisson Geometric Laplace LogNormal MultivariateNormal Independent "
             "TransformedDistribution HalfNormal HalfCauchy Cauchy StudentT Chi2 MixtureSameFamily Gumbel Weibull Pareto "
             "InverseGamma Kumaraswamy NegativeBinomial FisherSnedecor VonMises LowRankMultivariateNormal RelaxedBernoulli RelaxedOneHotCategorical "
             "LogisticNormal OneHotCategoricalStraightThrough kl_divergence ContinuousBernoulli GeneralizedPareto LKJCholesky "
             "Wishart").split()}  # fmt: skip
    return {**names, "D": D, "t": library.tensor, "copy": copy, "pickle": pickle}


def differs(code: str, **options: Any) -> str | None:
    names = {n: (lambda library, n=n: _names(library)[n]) for n in _names(torch)}
    return difference(code, exact=False, **options, **names)


def _text(constraint: Any) -> str:
    return repr(constraint)


@pytest.mark.parametrize("make", ONE)
def test_one(make: str) -> None:
    wrong = []
    for question in QUESTIONS:
        if question in ("d.support", "d.arg_constraints", "d"):
            question = f"repr({question})"
        if ("inv" in make or "Gumbel" in make) and "deepcopy" in question:
            continue  # PyTorch cannot sample from a copy of these; here it can
        if question.startswith("d.expand((2,) + d.batch_shape)") and question.endswith("shape)"):
            question = f"repr({question})"
        found = differs(f"d = {make}\nv = {ONE[make]}\n{question}", strides=False)
        if found is not None:
            wrong.append(found)
    assert not wrong, "\n".join(wrong)


REPARAMETRISED = [
    "Normal(a, b)", "Laplace(a, b)", "Cauchy(a, b)", "Gumbel(a, b)", "Exponential(b)", "Uniform(a, a + b)", "LogNormal(a, b)",
    "HalfNormal(b)", "Weibull(b, b + 1)", "Pareto(b, b + 1)", "Kumaraswamy(b, b + 1)", "MultivariateNormal(a, torch.diag(b))",
    "RelaxedBernoulli(t(0.5), logits=a)", "RelaxedOneHotCategorical(t(0.5), logits=a)", "LogisticNormal(a, b)",
    "Independent(Normal(a, b), 1)", "OneHotCategoricalStraightThrough(logits=a)", "Gamma(b, b + 1)", "Beta(b, b + 1)", "Dirichlet(b)",
    "StudentT(b + 2, a, b)", "Chi2(b)", "InverseGamma(b, b)", "FisherSnedecor(b, b + 2)", "VonMises(a, b)"
]  # fmt: skip
SCORED = [*REPARAMETRISED[:16], "Bernoulli(logits=a)", "Categorical(logits=a)", "Binomial(5, logits=a)", "Geometric(logits=a)",
          "Poisson(b)", "Gamma(b, b + 1)", "Beta(b, b + 1)", "Dirichlet(b)", "StudentT(b + 2, a, b)", "Chi2(b)",
          "InverseGamma(b, b)", "NegativeBinomial(b, logits=a)", "FisherSnedecor(b, b)", "Multinomial(3, logits=a)",
          "OneHotCategorical(logits=a)", "MixtureSameFamily(Categorical(logits=a), Normal(a, b))"]  # fmt: skip
START = """a = t([0.3, -0.8], requires_grad=True)
b = t([0.7, 2.0], requires_grad=True)
"""


@pytest.mark.parametrize("make", REPARAMETRISED)
def test_gradient_of_sample(make: str) -> None:
    code = START + f"x = {make}.rsample((3,))\n(x * x).sum().backward()\n(x, a.grad, b.grad)"
    assert differs(code, strides=False) is None


@pytest.mark.parametrize("make", SCORED)
def test_gradient_of_score(make: str) -> None:
    code = START + f"d = {make}\nv = d.sample((3,))\nd.log_prob(v).sum().backward()\n(a.grad, b.grad)"
    assert differs(code, strides=False) is None


@pytest.mark.parametrize("make", SCORED)
def test_gradient_of_entropy(make: str) -> None:
    code = START + f"{make}.entropy().sum().backward()\n(a.grad, b.grad)"
    assert differs(code, strides=False) is None


FAMILIES = {
    "Normal": "Normal(t([0.5, -1.0]), t([1.5, 0.2]))", "Bernoulli": "Bernoulli(t([0.3, 0.9]))",
    "Categorical": "Categorical(t([0.2, 0.3, 0.5]))", "OneHotCategorical": "OneHotCategorical(t([0.2, 0.3, 0.5]))",
    "Binomial": "Binomial(10, t([0.3, 0.9]))", "Uniform": "Uniform(t([0.1, 0.4]), t([0.5, 0.9]))",
    "Exponential": "Exponential(t([0.5, 3.0]))", "Gamma": "Gamma(t([0.5, 3.0]), t([1.0, 2.0]))",
    "Beta": "Beta(t([0.5, 3.0]), t([1.0, 2.0]))", "Dirichlet": "Dirichlet(t([0.5, 3.0, 1.0]))",
    "Poisson": "Poisson(t([0.5, 3.0]))", "Geometric": "Geometric(t([0.5, 0.1]))",
    "Laplace": "Laplace(t([0.5, -1.0]), t([1.5, 0.2]))", "LogNormal": "LogNormal(t([0.5, -1.0]), t([1.5, 0.2]))",
    "MultivariateNormal": "MultivariateNormal(t([0.5, -1.0]), t([[2.0, 0.5], [0.5, 1.0]]))",
    "Independent": "Independent(Normal(t([0.5, -1.0]), t([1.5, 0.2])), 1)", "HalfNormal": "HalfNormal(t([0.5, 2.0]))",
    "Cauchy": "Cauchy(t([0.5, -1.0]), t([1.5, 0.2]))", "Gumbel": "Gumbel(t([0.5, -1.0]), t([1.5, 0.2]))",
    "Pareto": "Pareto(t([0.5, 1.0]), t([1.5, 2.5]))", "Chi2": "Chi2(t([0.5, 4.0]))",
    "LowRank": "LowRankMultivariateNormal(t([0.5, -1.0]), t([[1.0], [0.5]]), t([1.0, 3.0]))",
    "StudentT": "StudentT(t([3.0, 4.0]))", "ContinuousBernoulli": "ContinuousBernoulli(t([0.3, 0.5]))",
}  # fmt: skip


@pytest.mark.parametrize("p", FAMILIES)
def test_divergences(p: str) -> None:
    wrong = []
    for q in FAMILIES:
        other = FAMILIES[q].replace("0.5", "0.45", 1).replace("3.0", "2.5", 1)
        if q in ("Categorical", "OneHotCategorical"):
            other = other.replace("0.45, 0.3", "0.5, 0.3")
        found = differs(f"kl_divergence({FAMILIES[p]}, {other})", strides=False)
        if found is not None:
            wrong.append(f"{q}: {found}")
    assert not wrong, "\n".join(wrong)


BAD = [
    "Normal(0.0, -1.0)", "Normal(t([0.0, 1.0]), t([1.0, -1.0]))", "Normal(t(float('nan')), 1.0)", "Normal('a', 1.0)",
    "Normal(torch.zeros(2), torch.ones(3))", "Bernoulli(1.5)", "Bernoulli()", "Bernoulli(0.5, 0.5)", "Bernoulli(t([0.1, 2.0]))",
    "Categorical()", "Categorical(t(0.5))", "Categorical(t([-1.0, 2.0]))", "Categorical(logits=t([float('nan')]))",
    "Categorical(t([0.5, 0.5])).log_prob(t(2))", "Categorical(t([0.5, 0.5])).log_prob(t(0.5))", "Uniform(1.0, 0.0)",
    "Uniform(0.0, 1.0).log_prob(t(2.0))", "Exponential(-1.0)", "Exponential(1.0).log_prob(t(-1.0))", "Gamma(0.0, 1.0)",
    "Beta(1.0, -1.0)", "Beta(1.0, 1.0).log_prob(t(1.5))", "Dirichlet(t(1.0))", "Dirichlet(t([1.0, -1.0]))",
    "Dirichlet(t([1.0, 1.0])).log_prob(t([0.5, 0.6]))", "Geometric(0.0)", "Poisson(-1.0)", "Poisson(1.0).log_prob(t(0.5))",
    "Multinomial(t([1.0]), t([0.5, 0.5]))", "Multinomial(2, t([0.5, 0.5])).log_prob(t([1.0, 2.0]))",
    "MultivariateNormal(t(0.0), torch.eye(1))", "MultivariateNormal(t([0.0, 0.0]))", "MultivariateNormal(torch.zeros(2), t([[1.0, 2.0], [2.0, 1.0]]))",
    "MultivariateNormal(torch.zeros(2), scale_tril=t([[1.0, 2.0], [2.0, 1.0]]))", "MultivariateNormal(torch.zeros(2), t([1.0]))",
    "Independent(Normal(0.0, 1.0), 1)", "TransformedDistribution(Normal(0.0, 1.0), 3)", "MixtureSameFamily(Normal(0.0, 1.0), Normal(0.0, 1.0))",
    "MixtureSameFamily(Categorical(torch.ones(3)), Normal(torch.zeros(2), torch.ones(2)))", "Binomial(-1, 0.5)", "Binomial(3, 0.5).log_prob(t(4.0))",
    "StudentT(-1.0)", "LogNormal(0.0, -1.0)", "HalfNormal(-1.0)", "OneHotCategorical(t([0.5, 0.5])).log_prob(t([1.0, 1.0]))",
    "Normal(0.0, 1.0).log_prob(t(float('nan')))", "Normal(0.0, -1.0, validate_args=False)", "Normal(0.0, 1.0, validate_args=False).log_prob(2.0)",
    "kl_divergence(Normal(0.0, 1.0), Bernoulli(0.5))", "D.biject_to(D.constraints.boolean)",
    "MultivariateNormal(torch.zeros(1), scale_tril=t([1.0]))", "MixtureSameFamily(Categorical(torch.ones(3)), 3)",
    "StackTransform([ExpTransform()])(torch.ones(2, 3))", "CatTransform([ExpTransform()], lengths=[2])(torch.ones(3))",
    "D.biject_to(D.constraints.positive)", "D.transform_to(D.constraints.nonnegative)",
    "D.utils.tril_matrix_to_vec(torch.rand(3, 6))",
    "kl_divergence(LowRankMultivariateNormal(t([0.5]), t([[1.0]]), t([1.0])), MultivariateNormal(torch.zeros(2), torch.eye(2)))",
    "Normal(0.0, 1.0).enumerate_support()", "Bernoulli(0.5).icdf(t(0.5))", "Bernoulli(0.5).rsample()", "Categorical(t([1.0])).cdf(t(0))",
]  # fmt: skip


@pytest.mark.parametrize("code", BAD)
def test_errors(code: str) -> None:
    assert differs(f"repr({code})") is None


TRANSFORMS = ["ExpTransform()", "PowerTransform(2.0)", "SigmoidTransform()", "TanhTransform()", "SoftplusTransform()",
              "AffineTransform(1.0, -3.0)", "AffineTransform(t([1.0, 2.0]), t([3.0, -1.0]), event_dim=1)",
              "StickBreakingTransform()", "SoftmaxTransform()", "ComposeTransform([D.ExpTransform(), D.AffineTransform(0.0, 2.0)])",
              "IndependentTransform(D.ExpTransform(), 1)", "ReshapeTransform((2,), (2, 1))", "ExpTransform().inv",
              "CatTransform([D.ExpTransform(), D.TanhTransform()], dim=0)", "StackTransform([D.ExpTransform(), D.TanhTransform()], dim=0)",
              "CumulativeDistributionTransform(D.Normal(0.0, 1.0))", "CorrCholeskyTransform()"]  # fmt: skip


@pytest.mark.parametrize("make", TRANSFORMS)
def test_transforms(make: str) -> None:
    x = "t([0.3, 0.6])" if "Corr" not in make else "t([0.3, 0.6, -0.2])"
    wrong = []
    for question in ("f(x)", "f.inv(f(x))", "f.log_abs_det_jacobian(x, f(x))", "f.bijective", "f.sign", "repr(f)", "repr(f.domain)",
                     "repr(f.codomain)", "f == f", "f.inv.inv is f", "f.domain.event_dim", "f.forward_shape(x.shape)",
                     "f.with_cache(1)(x)"):  # fmt: skip
        found = differs(f"f = D.{make}\nx = {x}\n{question}", strides=False)
        if found is not None:
            wrong.append(found)
    assert not wrong, "\n".join(wrong)


CONSTRAINTS = ["boolean", "one_hot", "nonnegative_integer", "positive_integer", "integer_interval(0, 2)", "real", "real_vector",
               "positive", "nonnegative", "greater_than(0.5)", "greater_than_eq(0.5)", "less_than(0.5)", "unit_interval",
               "interval(-1.0, 1.0)", "half_open_interval(0.0, 1.0)", "simplex", "lower_triangular", "lower_cholesky",
               "symmetric", "square", "positive_definite", "positive_semidefinite", "corr_cholesky", "multinomial(3)",
               "cat([D.constraints.positive, D.constraints.real])", "stack([D.constraints.positive, D.constraints.real])",
               "independent(D.constraints.positive, 1)"]  # fmt: skip
VALUES = [
    "t([[1.0, 0.0], [0.5, 2.0]])",
    "t([[1.0, 0.0], [0.0, 1.0]])",
    "t([[-1.0, float('nan')], [0.3, 0.7]])",
    "torch.eye(2)",
]


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_constraints(name: str) -> None:
    wrong = []
    for question in (
        "c.check(v)",
        "repr(c)",
        "c.event_dim",
        "c.is_discrete",
        "D.biject_to(c)(v)",
        "D.transform_to(c)(v)",
    ):
        for value in VALUES:
            found = differs(f"c = D.constraints.{name}\nv = {value}\n{question}", strides=False)
            if found is not None:
                wrong.append(found)
    assert not wrong, "\n".join(wrong)


def test_samples_are_bit_for_bit() -> None:
    """The streams stay in step over many draws of the distributions that draw by kernels of their own."""
    for make in ("Normal(t([0.5] * 40), t([1.5] * 40))", "Uniform(t([0.5] * 40), t([1.5] * 40))", "Exponential(t([0.5] * 40))",
                 "Gamma(t([0.5, 2.0] * 20), t([1.5] * 40))", "Beta(t([0.5, 2.0] * 20), t([1.5] * 40))", "Poisson(t([0.5, 20.0] * 20))",
                 "Categorical(t([0.5, 2.0] * 20))", "Bernoulli(t([0.5, 0.1] * 20))", "Geometric(t([0.5, 0.1] * 20))",
                 "Binomial(30, t([0.5, 0.1] * 20))", "Dirichlet(t([0.5, 2.0] * 20))",
                 "Cauchy(t([0.5] * 40), t([1.5] * 40))", "Multinomial(20, t([0.5, 2.0] * 20))"):  # fmt: skip
        names = {n: (lambda library, n=n: _names(library)[n]) for n in _names(torch)}
        assert (
            difference(f"d = {make}\n(d.sample((50,)), d.sample((3,)), torch.rand(3))", strides=False, **names) is None
        ), make


def test_own_distribution_and_divergence() -> None:
    D = microtorch.distributions

    class Mine(D.Normal):
        pass

    a, b = Mine(0.0, 1.0), Mine(1.0, 1.0)
    assert D.kl_divergence(a, b).item() == pytest.approx(0.5)

    @D.register_kl(Mine, Mine)
    def one(p: Any, q: Any) -> Any:
        return microtorch.tensor(1.0)

    assert D.kl_divergence(a, b).item() == 1.0
    assert a.expand((3,)).batch_shape == (3,) and type(a.expand((3,))) is Mine


def test_names_are_there() -> None:
    missing = [n for n in torch.distributions.__all__ if not hasattr(microtorch.distributions, n)]
    assert missing == []
    assert inspect.isclass(microtorch.distributions.categorical.Categorical)
    assert math.isfinite(np.float32(microtorch.distributions.Normal(0.0, 1.0).log_prob(microtorch.tensor(0.0)).item()))
