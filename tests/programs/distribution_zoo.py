"""VAE with distributions and KL, normalising flow, mixture densities; what distributions print and refuse."""

import torch
import torch.nn as nn
from torch.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Dirichlet,
    Gamma,
    Independent,
    Laplace,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    OneHotCategorical,
    Poisson,
    RelaxedOneHotCategorical,
    TransformedDistribution,
    Uniform,
    kl_divergence,
    transforms as T,
    constraints,
    LogNormal,
    StudentT,
    VonMises,
    Geometric,
    Binomial,
    Multinomial,
    LowRankMultivariateNormal,
    HalfNormal,
    Cauchy,
    Weibull,
    Gumbel,
    Kumaraswamy,
    NegativeBinomial,
    ContinuousBernoulli,
    Exponential,
    Pareto,
    Wishart,
    LKJCholesky,
)

torch.manual_seed(5)


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc, self.mu, self.lv = nn.Linear(8, 16), nn.Linear(16, 2), nn.Linear(16, 2)
        self.dec = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 8))

    def forward(self, x):
        h = torch.relu(self.enc(x))
        q = Normal(self.mu(h), (0.5 * self.lv(h)).exp())
        z = q.rsample()
        return q, Bernoulli(logits=self.dec(z))


model = VAE()
x = (torch.rand(32, 8) > 0.5).float()
opt = torch.optim.Adam(model.parameters(), 1e-2)
for i in range(10):
    q, p = model(x)
    kl = kl_divergence(q, Normal(0.0, 1.0)).sum(-1).mean()
    rec = -Independent(p, 1).log_prob(x).mean()
    opt.zero_grad()
    (kl + rec).backward()
    opt.step()
    if i % 3 == 0:
        print(f"{i}: kl {kl.item():.3f} rec {rec.item():.3f}")

base = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
flow = TransformedDistribution(
    base, [T.AffineTransform(torch.tensor([1.0, -1.0]), torch.tensor([2.0, 0.5])), T.TanhTransform(cache_size=1)]
)
s = flow.sample((3,))
print(flow, s.shape, flow.log_prob(s).shape, flow.event_shape, flow.support)
print([type(t).__name__ for t in flow.transforms], T.ComposeTransform([T.ExpTransform(), T.SigmoidTransform()]))
print(
    T.AffineTransform(1.0, 2.0).inv,
    T.StickBreakingTransform()(torch.zeros(3)),
    T.SoftmaxTransform(),
    T.CorrCholeskyTransform()(torch.zeros(3)),
)
mix = MixtureSameFamily(
    Categorical(torch.tensor([0.3, 0.7])), Normal(torch.tensor([-1.0, 1.0]), torch.tensor([0.5, 0.5]))
)
print(mix, mix.mean, mix.variance, mix.log_prob(torch.tensor([0.0, 1.0])), mix.cdf(torch.tensor(0.0)))
d2, d3 = torch.tensor([0.5, 2.0]), torch.eye(2) * 2
for d in (
    Normal(0.0, 1.0),
    Normal(torch.zeros(2, 3), 1.0),
    Bernoulli(0.3),
    Bernoulli(logits=d2),
    Categorical(logits=torch.zeros(3)),
    Categorical(probs=torch.ones(2, 3)),
    Beta(d2, 1.0),
    Dirichlet(d2),
    Gamma(d2, 2.0),
    MultivariateNormal(torch.zeros(2), d3),
    LowRankMultivariateNormal(torch.zeros(2), torch.ones(2, 1), d2),
    Laplace(0.0, d2),
    Poisson(d2),
    Uniform(0.0, d2),
    LogNormal(0.0, d2),
    StudentT(d2 + 3),
    VonMises(0.0, d2),
    Geometric(d2 / 4),
    Binomial(4, d2 / 3),
    Multinomial(4, torch.ones(3)),
    HalfNormal(d2),
    Cauchy(0.0, d2),
    Weibull(d2, 1.0),
    Gumbel(0.0, d2),
    Kumaraswamy(d2, d2),
    NegativeBinomial(3, d2 / 4),
    ContinuousBernoulli(d2 / 3),
    Exponential(d2),
    Pareto(d2, 3.0),
    OneHotCategorical(torch.ones(3)),
    RelaxedOneHotCategorical(torch.tensor(0.5), torch.ones(3)),
    Independent(Normal(d2, 1.0), 1),
    LKJCholesky(2, 1.0),
    Wishart(torch.tensor(3.0), d3),
):
    torch.manual_seed(1)
    s = d.sample()
    try:
        e = d.entropy()
    except NotImplementedError as err:
        e = f"NotImplementedError({err})"
    try:
        m = d.mean
    except NotImplementedError as err:
        m = f"NotImplementedError({err})"
    print(
        d,
        d.batch_shape,
        d.event_shape,
        d.has_rsample,
        s.shape,
        f"{d.log_prob(s).sum():.3f}",
        e if isinstance(e, str) else f"{e.sum():.3f}",
        m if isinstance(m, str) else f"{m.sum():.3f}",
        d.support,
    )
a, b = Gamma(d2, 1.0), Gamma(1.0, d2)
print(
    kl_divergence(a, b),
    kl_divergence(Beta(d2, d2), Beta(1.0, d2)),
    kl_divergence(Dirichlet(d2), Dirichlet(d2 * 2)),
    kl_divergence(Categorical(d2), Categorical(torch.ones(2))),
    kl_divergence(MultivariateNormal(torch.zeros(2), d3), MultivariateNormal(torch.ones(2), torch.eye(2))),
)
for f in (
    lambda: Normal(0.0, -1.0),
    lambda: Normal(torch.tensor(float("nan")), 1.0),
    lambda: Categorical(torch.tensor([-1.0, 2.0])),
    lambda: Bernoulli(),
    lambda: Bernoulli(0.5, 0.5),
    lambda: Normal(0.0, 1.0).log_prob("x"),
    lambda: Bernoulli(0.5).log_prob(torch.tensor(0.5)),
    lambda: MultivariateNormal(torch.zeros(2), -torch.eye(2)),
    lambda: kl_divergence(Normal(0.0, 1.0), Gamma(1.0, 1.0)),
    lambda: Poisson(d2).rsample(),
    lambda: Dirichlet(torch.tensor(1.0)),
    lambda: Normal(torch.zeros(2), torch.ones(3)),
    lambda: Uniform(1.0, 0.0),
    lambda: Normal(0.0, 1.0).expand((2, 3)),
    lambda: Categorical(torch.ones(3)).log_prob(torch.tensor(5)),
    lambda: Independent(Normal(0.0, 1.0), 1),
    lambda: Beta(1.0, 1.0).log_prob(torch.tensor(2.0)),
    lambda: T.AffineTransform(0.0, 1.0, event_dim=-1) and T.ExpTransform().inv(torch.tensor(-1.0)),
    lambda: Normal(0.0, 1.0, validate_args=False).log_prob(torch.tensor(float("inf"))),
    lambda: Categorical(torch.ones(3)).enumerate_support(),
    lambda: Normal(0.0, 1.0).enumerate_support(),
    lambda: Normal(0.0, 1.0).icdf(torch.tensor([0.1, 0.5])),
    lambda: Categorical(probs=torch.ones(2, 3)).perplexity(),
):
    try:
        print(f())
    except Exception as e:
        print(type(e).__name__, e)
print(
    constraints.positive,
    constraints.interval(0, 1),
    constraints.simplex.check(torch.tensor([0.5, 0.5])),
    constraints.dependent,
    constraints.lower_cholesky,
    constraints.integer_interval(0, 3),
)
from torch.distributions import biject_to, transform_to

print(
    biject_to(constraints.positive),
    transform_to(constraints.interval(0.0, 2.0))(torch.zeros(2)),
    transform_to(constraints.simplex),
)
