"""Probabilistic programs: a VAE by kl_divergence, Bayes by backprop, mixtures, transformed distributions, Gumbel, SVI."""

import torch
import torch.distributions as D
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import (
    Bernoulli,
    Beta,
    Categorical,
    Dirichlet,
    Gamma,
    Independent,
    MixtureSameFamily,
    MultivariateNormal,
    Normal,
    kl_divergence,
)

torch.manual_seed(0)

print("Bayes by backprop")


class BayesianLinear(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.mu = nn.Parameter(torch.zeros(n_out, n_in).normal_(0, 0.1))
        self.rho = nn.Parameter(torch.full((n_out, n_in), -3.0))

    def forward(self, x):
        posterior = Normal(self.mu, F.softplus(self.rho))
        self.kl = kl_divergence(posterior, Normal(torch.zeros_like(self.mu), torch.ones_like(self.mu))).sum()
        return F.linear(x, posterior.rsample())


x = torch.linspace(-2, 2, 40).unsqueeze(1)
y = x**3 / 4 + 0.1 * torch.randn_like(x)
net = nn.Sequential(BayesianLinear(1, 16), nn.Tanh(), BayesianLinear(16, 1))
optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
for step in range(101):
    nll = -Normal(net(x), 0.1).log_prob(y).sum()
    kl = sum(m.kl for m in net if isinstance(m, BayesianLinear))
    loss = (nll + 0.1 * kl) / len(x)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 25 == 0:
        print(f"step {step} nll {nll.item() / len(x):.3f} kl {kl.item():.2f}")

print("a mixture fitted by its log-likelihood")
data = torch.cat((torch.randn(60) * 0.5 - 2, torch.randn(40) + 2))
logits, loc, log_scale = (t.requires_grad_() for t in (torch.zeros(2), torch.tensor([-1.0, 1.0]), torch.zeros(2)))
optimizer = torch.optim.Adam([logits, loc, log_scale], lr=0.05)
for step in range(81):
    mixture = MixtureSameFamily(Categorical(logits=logits), Normal(loc, log_scale.exp()))
    loss = -mixture.log_prob(data).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 40 == 0:
        print(f"step {step} nll {loss.item():.4f}")
print(
    "weights",
    [f"{p:.2f}" for p in mixture.mixture_distribution.probs.tolist()],
    "means",
    [f"{m:.2f}" for m in loc.tolist()],
)
print(f"mean {mixture.mean.item():.2f} variance {mixture.variance.item():.2f}", mixture.sample((3,)).shape)

print("a normalising flow by transforms")
base = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
flow = D.TransformedDistribution(
    base, [D.AffineTransform(torch.tensor([1.0, -1.0]), torch.tensor([2.0, 0.5])), D.ExpTransform()]
)
sample = flow.sample((4,))
print(
    sample.shape,
    flow.log_prob(sample).shape,
    torch.allclose(
        flow.log_prob(sample), D.LogNormal(torch.tensor([1.0, -1.0]), torch.tensor([2.0, 0.5])).log_prob(sample).sum(-1)
    ),
)

print("conjugate updates")
prior = Beta(torch.tensor(2.0), torch.tensor(2.0))
flips = Bernoulli(0.7).sample((20,))
posterior = Beta(prior.concentration1 + flips.sum(), prior.concentration0 + (1 - flips).sum())
print(
    f"heads {int(flips.sum())}, posterior mean {posterior.mean:.4f} sd {posterior.stddev:.4f} KL {kl_divergence(posterior, prior):.4f}"
)
rate = Gamma(3.0, 1.0)
counts = D.Poisson(4.0).sample((10,))
print(counts.tolist(), Gamma(rate.concentration + counts.sum(), rate.rate + 10))
print(Dirichlet(torch.tensor([1.0, 2.0, 3.0])).mean, Categorical(probs=torch.tensor([0.2, 0.8])).entropy())

print("a multivariate normal")
cov = torch.tensor([[2.0, 0.8], [0.8, 1.0]])
mvn = MultivariateNormal(torch.tensor([1.0, -1.0]), covariance_matrix=cov)
draws = mvn.sample((2000,))
print(mvn.log_prob(torch.zeros(2)), mvn.entropy(), (torch.cov(draws.T) - cov).abs().max() < 0.3, mvn.precision_matrix)
print(kl_divergence(mvn, MultivariateNormal(torch.zeros(2), torch.eye(2))))

print("discrete latent variables")
logits = torch.zeros(3, requires_grad=True)
reward = torch.tensor([0.1, 0.5, 1.0])
optimizer = torch.optim.SGD([logits], lr=0.5)
for step in range(40):
    choice = D.OneHotCategorical(logits=logits).sample((16,))
    log_prob = D.OneHotCategorical(logits=logits).log_prob(choice)
    r = choice @ reward
    loss = -(log_prob * (r - r.mean())).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print("REINFORCE ends at", [f"{p:.2f}" for p in logits.softmax(0).tolist()])
relaxed = D.RelaxedOneHotCategorical(torch.tensor(0.5), logits=logits.detach())
z = relaxed.rsample((2,))
print(torch.allclose(z.sum(-1), torch.ones(2)), relaxed.log_prob(z).shape)
for name in (
    "Normal",
    "Uniform",
    "Laplace",
    "Gumbel",
    "Cauchy",
    "LogNormal",
    "Exponential",
    "HalfNormal",
    "Weibull",
    "StudentT",
):
    args = {"Exponential": (1.5,), "HalfNormal": (1.5,), "StudentT": (5.0,), "Uniform": (0.0, 2.0)}.get(
        name, (0.5, 1.5)
    )
    d = getattr(D, name)(*(torch.tensor(a) for a in args))
    print(name, d, f"{d.log_prob(torch.tensor(0.7)).item():.5f}", f"{d.sample().item():.5f}")
for bad in (
    lambda: Normal(0.0, -1.0),
    lambda: Categorical(torch.tensor([-1.0, 2.0])),
    lambda: Normal(0.0, 1.0).log_prob(torch.tensor(float("nan"))),
):
    try:
        bad()
    except ValueError as error:
        print("ValueError:", str(error)[:60])


class Shifted(torch.distributions.Normal):
    """A distribution of one's own: it expands as its base does."""


for made in (torch.distributions.Normal(torch.zeros(3), 1.0), Shifted(torch.zeros(3), 2.0)):
    wide = made.expand((2, 3))
    print(type(wide).__name__, wide.batch_shape, wide.scale, wide.log_prob(torch.ones(3)).sum())
