"""A neural ODE by Euler and Runge-Kutta steps, and a normalising flow of affine coupling layers."""

import math

import torch
import torch.nn as nn

torch.manual_seed(0)


class ODEFunc(nn.Module):
    def __init__(self):
        super(ODEFunc, self).__init__()
        self.net = nn.Sequential(nn.Linear(2, 20), nn.Tanh(), nn.Linear(20, 2))
        for m in self.net.modules():
            if isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, mean=0, std=0.1)
                nn.init.constant_(m.bias, val=0)

    def forward(self, t, y):
        return self.net(y**3)


def euler(f, y, t0, t1):
    return y + (t1 - t0) * f(t0, y)


def rk4(f, y, t0, t1):
    h = t1 - t0
    k1 = f(t0, y)
    k2 = f(t0 + h / 2, y + h * k1 / 2)
    k3 = f(t0 + h / 2, y + h * k2 / 2)
    k4 = f(t1, y + h * k3)
    return y + h * (k1 + 2 * k2 + 2 * k3 + k4) / 6


def odeint(f, y0, t, step):
    ys = [y0]
    for t0, t1 in zip(t[:-1], t[1:]):
        ys.append(step(f, ys[-1], t0, t1))
    return torch.stack(ys)


true_A = torch.tensor([[-0.1, 2.0], [-2.0, -0.1]])
t = torch.linspace(0.0, 2.0, 21)
with torch.no_grad():
    true_y = odeint(lambda t, y: torch.mm(y**3, true_A), torch.tensor([[2.0, 0.0]]), t, rk4)
print("the true path ends at", [f"{v:.3f}" for v in true_y[-1, 0].tolist()])
for name, step in (("euler", euler), ("rk4", rk4)):
    func = ODEFunc()
    optimizer = torch.optim.RMSprop(func.parameters(), lr=1e-2)
    for itr in range(1, 21):
        s = torch.randint(0, 16, (8,))
        batch_y0, batch_t = true_y[s], t[:5]
        batch_y = torch.stack([true_y[s + i] for i in range(5)], dim=0)
        optimizer.zero_grad()
        pred_y = odeint(func, batch_y0, batch_t, step)
        loss = torch.mean(torch.abs(pred_y - batch_y))
        loss.backward()
        optimizer.step()
        if itr % 10 == 0:
            print(f"{name} iter {itr:02d} | total loss {loss.item():.4f}")


class Coupling(nn.Module):
    def __init__(self, mask):
        super().__init__()
        self.register_buffer("mask", mask)
        self.s = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2), nn.Tanh())
        self.t = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x):
        kept = x * self.mask
        s, t = self.s(kept) * (1 - self.mask), self.t(kept) * (1 - self.mask)
        return kept + (1 - self.mask) * (x * torch.exp(s) + t), s.sum(-1)

    def inverse(self, y):
        kept = y * self.mask
        s, t = self.s(kept) * (1 - self.mask), self.t(kept) * (1 - self.mask)
        return kept + (1 - self.mask) * (y - t) * torch.exp(-s)


class RealNVP(nn.Module):
    def __init__(self, layers=4):
        super().__init__()
        masks = [torch.tensor([float(i % 2), float(1 - i % 2)]) for i in range(layers)]
        self.layers = nn.ModuleList(Coupling(mask) for mask in masks)

    def log_prob(self, x):
        log_det = torch.zeros(x.shape[0])
        for layer in self.layers:
            x, ld = layer(x)
            log_det += ld
        return -0.5 * (x**2).sum(-1) - math.log(2 * math.pi) + log_det

    @torch.no_grad()
    def sample(self, n):
        z = torch.randn(n, 2)
        for layer in reversed(self.layers):
            z = layer.inverse(z)
        return z


def moons(n):
    angle = torch.rand(n) * math.pi
    upper = torch.stack((angle.cos(), angle.sin()), 1)
    lower = torch.stack((1 - angle.cos(), 0.5 - angle.sin()), 1)
    choice = (torch.rand(n, 1) < 0.5).float()
    return choice * upper + (1 - choice) * lower + 0.05 * torch.randn(n, 2)


flow = RealNVP()
optimizer = torch.optim.Adam(flow.parameters(), lr=5e-3)
for step in range(61):
    loss = -flow.log_prob(moons(64)).mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"flow step {step} nll {loss.item():.3f}")
samples = flow.sample(200)
print("samples' mean", [f"{v:.2f}" for v in samples.mean(0).tolist()])
z = torch.randn(5, 2)
y, _ = flow.layers[0](z)
print("the inverse undoes a layer:", torch.allclose(flow.layers[0].inverse(y), z, atol=1e-5))
