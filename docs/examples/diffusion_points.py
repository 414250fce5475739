"""A diffusion model learns where the points of a spiral lie, and draws new ones out of noise.

The network sees points with noise and the time, and says what the noise was; running that backwards turns noise into
points. After J. Ho et al., "Denoising Diffusion Probabilistic Models", 2020, with the cosine schedule of A. Nichol and
P. Dhariwal, 2021, and an average of the weights.

Plain PyTorch: `python diffusion_points.py`, or `python -m microtorch run diffusion_points.py`; both print the same.
"""

import copy
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
T = 40


def cosine_beta_schedule(timesteps, s=0.008):
    x = torch.linspace(0, timesteps, timesteps + 1, dtype=torch.float64)
    alphas_cumprod = torch.cos(((x / timesteps) + s) / (1 + s) * math.pi * 0.5) ** 2
    alphas_cumprod = alphas_cumprod / alphas_cumprod[0]
    betas = 1 - (alphas_cumprod[1:] / alphas_cumprod[:-1])
    return torch.clip(betas, 0, 0.999)


def extract(a, t, x_shape):
    out = a.gather(-1, t)
    return out.reshape(t.shape[0], *((1,) * (len(x_shape) - 1)))


class SinusoidalPosEmb(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, t):
        half = self.dim // 2
        emb = torch.exp(torch.arange(half, device=t.device) * -(math.log(10000) / (half - 1)))
        emb = t[:, None] * emb[None, :]
        return torch.cat((emb.sin(), emb.cos()), dim=-1)


class Denoiser(nn.Module):
    def __init__(self, dim=32):
        super().__init__()
        self.time_mlp = nn.Sequential(SinusoidalPosEmb(16), nn.Linear(16, dim), nn.SiLU(), nn.Linear(dim, 2 * dim))
        self.inp, self.mid, self.out = nn.Linear(2, dim), nn.Linear(dim, dim), nn.Linear(dim, 2)
        self.norm = nn.GroupNorm(4, dim)

    def forward(self, x, t):
        scale, shift = self.time_mlp(t).chunk(2, dim=1)
        h = F.silu(self.norm(self.inp(x)) * (scale + 1) + shift)
        return self.out(F.silu(self.mid(h)) + h)


class Diffusion:
    def __init__(self, model):
        self.model = model
        betas = cosine_beta_schedule(T).float()
        alphas = 1.0 - betas
        self.alphas_cumprod = torch.cumprod(alphas, dim=0)
        prev = F.pad(self.alphas_cumprod[:-1], (1, 0), value=1.0)
        self.betas, self.sqrt_recip_alphas = betas, torch.sqrt(1.0 / alphas)
        self.sqrt_ac, self.sqrt_om = self.alphas_cumprod.sqrt(), (1 - self.alphas_cumprod).sqrt()
        self.posterior_variance = betas * (1.0 - prev) / (1.0 - self.alphas_cumprod)

    def q_sample(self, x0, t, noise):
        return extract(self.sqrt_ac, t, x0.shape) * x0 + extract(self.sqrt_om, t, x0.shape) * noise

    def loss(self, x0):
        t = torch.randint(0, T, (x0.shape[0],)).long()
        noise = torch.randn_like(x0)
        return F.smooth_l1_loss(self.model(self.q_sample(x0, t, noise), t), noise)

    @torch.no_grad()
    def p_sample(self, model, x, i):
        t = torch.full((x.shape[0],), i, dtype=torch.long)
        mean = extract(self.sqrt_recip_alphas, t, x.shape) * (
            x - extract(self.betas, t, x.shape) * model(x, t) / extract(self.sqrt_om, t, x.shape)
        )
        if i == 0:
            return mean
        return mean + torch.sqrt(extract(self.posterior_variance, t, x.shape)) * torch.randn_like(x)


class EMA:
    def __init__(self, beta):
        self.beta = beta

    def update_model_average(self, ma_model, current_model):
        for current_params, ma_params in zip(current_model.parameters(), ma_model.parameters()):
            ma_params.data = ma_params.data * self.beta + (1 - self.beta) * current_params.data


def spiral(n):
    a = torch.rand(n).sqrt() * 3 * math.pi
    return torch.stack((a * a.cos(), a * a.sin()), 1) / 8 + 0.02 * torch.randn(n, 2)


model = Denoiser()
ema_model, ema = copy.deepcopy(model).eval().requires_grad_(False), EMA(0.95)
diffusion = Diffusion(model)
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=6e-3, total_steps=101)
print("betas", diffusion.betas[:3], diffusion.betas[-1])
for step in range(101):
    loss = diffusion.loss(spiral(128))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    scheduler.step()
    ema.update_model_average(ema_model, model)
    if step % 25 == 0:
        print(f"step {step} loss {loss.item():.3f} lr {scheduler.get_last_lr()[0]:.5f}")
x = torch.randn(256, 2)
for i in reversed(range(T)):
    x = diffusion.p_sample(ema_model, x, i)
radius = x.norm(dim=1)
print(f"samples: mean radius {radius.mean():.2f}, within 1.5: {(radius < 1.5).float().mean():.2f}")
grid = torch.zeros(13, 27, dtype=torch.long)
at = ((x + 1.3) / 2.6 * torch.tensor([26, 12])).round().long()
inside = ((at >= 0) & (at < torch.tensor([27, 13]))).all(1)
grid.index_put_((at[inside, 1], at[inside, 0]), torch.tensor(1), accumulate=True)
print(
    f"{inside.sum().item()} of {len(x)} points lie within the picture, on {(grid > 0).float().mean().item():.0%} of it"
)
