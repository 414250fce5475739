"""Normalizing flows, a small diffusion model, a variational autoencoder and an ordinary differential equation."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import math
import copy
from torch.distributions import (
    Independent,
    MultivariateNormal,
    Normal,
    TransformedDistribution,
    kl_divergence,
)

torch.manual_seed(0)


class Coupling(nn.Module):
    def __init__(s, d, mask):
        super().__init__()
        s.register_buffer("mask", mask)
        s.s = nn.Sequential(nn.Linear(d, 16), nn.LeakyReLU(), nn.Linear(16, d), nn.Tanh())
        s.t = nn.Sequential(nn.Linear(d, 16), nn.LeakyReLU(), nn.Linear(16, d))

    def forward(s, z):
        z_ = s.mask * z
        sc = s.s(z_) * (1 - s.mask)
        t = s.t(z_) * (1 - s.mask)
        return z_ + (1 - s.mask) * (z * sc.exp() + t), sc.sum(1)

    def inverse(s, x):
        x_ = s.mask * x
        sc = s.s(x_) * (1 - s.mask)
        t = s.t(x_) * (1 - s.mask)
        return (1 - s.mask) * (x - t) * torch.exp(-sc) + x_, -sc.sum(1)


ms = torch.tensor([[0.0, 1.0], [1.0, 0.0]]).repeat(2, 1)
fl = nn.ModuleList([Coupling(2, m) for m in ms])
prior = MultivariateNormal(torch.zeros(2), torch.eye(2))
o = torch.optim.Adam(fl.parameters(), 1e-2)
th = torch.rand(128) * math.pi
X = torch.stack([th.cos(), th.sin()], 1) + 0.05 * torch.randn(128, 2)


def logp(x):
    ld = x.new_zeros(x.shape[0])
    for f in reversed(fl):
        x, d = f.inverse(x)
        ld = ld + d
    return prior.log_prob(x) + ld


for i in range(15):
    l = -logp(X).mean()
    o.zero_grad()
    l.backward()
    o.step()
print(f"{l.item():.3f}")
z = prior.sample((3,))
x = z
for f in fl:
    x, _ = f(x)
print(x.detach())
y = x
for f in reversed(fl):
    y, _ = f.inverse(y)
print(torch.allclose(y, z, atol=1e-4))
# planar flow by TransformedDistribution
base = Normal(torch.zeros(2), torch.ones(2))
td = TransformedDistribution(
    Independent(base, 1),
    [torch.distributions.transforms.AffineTransform(1.0, 2.0), torch.distributions.transforms.SigmoidTransform()],
)
s = td.rsample((2,))
print(s, td.log_prob(s))
print(td)
# diffusion
T = 20
beta = torch.linspace(1e-4, 0.2, T)
al = 1 - beta
ab = torch.cumprod(al, 0)


class Eps(nn.Module):
    def __init__(s):
        super().__init__()
        s.t = nn.Embedding(T, 8)
        s.a = nn.Linear(2, 8)
        s.b = nn.Linear(8, 2)
        s.n = nn.LayerNorm(8)

    def forward(s, x, t):
        return s.b(F.silu(s.n(s.a(x) + s.t(t))))


e = Eps()
ema = copy.deepcopy(e).eval().requires_grad_(False)
o = torch.optim.AdamW(e.parameters(), lr=5e-3)
for i in range(20):
    t = torch.randint(0, T, (128,))
    n = torch.randn_like(X)
    xt = ab[t].sqrt()[:, None] * X + (1 - ab[t]).sqrt()[:, None] * n
    l = F.mse_loss(e(xt, t), n)
    o.zero_grad()
    l.backward()
    o.step()
    with torch.no_grad():
        for p, q in zip(ema.parameters(), e.parameters()):
            p.lerp_(q, 0.1)
x = torch.randn(4, 2)
for t in reversed(range(T)):
    ee = ema(x, torch.full((4,), t))
    x = (x - beta[t] / (1 - ab[t]).sqrt() * ee) / al[t].sqrt() + (beta[t].sqrt() * torch.randn_like(x) if t > 0 else 0)
print(f"{l.item():.4f}", x)


# vae
class VAE(nn.Module):
    def __init__(s):
        super().__init__()
        s.e = nn.Linear(6, 8)
        s.mu = nn.Linear(8, 2)
        s.lv = nn.Linear(8, 2)
        s.d = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 6))

    def forward(s, x):
        h = F.relu(s.e(x))
        mu, lv = s.mu(h), s.lv(h)
        z = mu + torch.randn_like(mu) * (0.5 * lv).exp()
        return s.d(z), mu, lv


v = VAE()
o = torch.optim.Adam(v.parameters(), 1e-2)
B = (torch.rand(32, 6) > 0.5).float()
for i in range(15):
    r, mu, lv = v(B)
    bce = F.binary_cross_entropy_with_logits(r, B, reduction="sum")
    kld = -0.5 * torch.sum(1 + lv - mu.pow(2) - lv.exp())
    l = bce + kld
    o.zero_grad()
    l.backward()
    o.step()
print(f"{bce:.3f} {kld:.3f}", kl_divergence(Normal(mu, (0.5 * lv).exp()), Normal(0.0, 1.0)).sum())
# neural ode rk4 + adjoint-free
f = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))
y0 = torch.tensor([[1.0, 0.0]])
o = torch.optim.LBFGS(f.parameters(), max_iter=10, line_search_fn="strong_wolfe")


def rk(y, h=0.1, n=10):
    out = [y]
    for _ in range(n):
        k1 = f(y)
        k2 = f(y + h / 2 * k1)
        k3 = f(y + h / 2 * k2)
        k4 = f(y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        out.append(y)
    return torch.cat(out)


tt = torch.linspace(0, 1, 11)
tr = torch.stack([tt.cos(), tt.sin()], 1)


def clo():
    o.zero_grad()
    l = F.mse_loss(rk(y0), tr)
    l.backward()
    return l


for _ in range(3):
    l = o.step(clo)
    print(f"{l.item():.5f}")
