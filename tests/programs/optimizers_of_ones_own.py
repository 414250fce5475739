"""Optimizers, schedulers, samplers of one's own; sharpness-aware steps, gradient centralisation, SGLD, hooks of optimizers, param groups."""

import copy
import math

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, SequentialLR, LinearLR, CosineAnnealingLR, MultiplicativeLR

torch.manual_seed(0)
X, y = torch.randn(64, 5), torch.randn(64, 1)


class Lion(Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0):
        if lr <= 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if len(state) == 0:
                    state["exp_avg"] = torch.zeros_like(p, memory_format=torch.preserve_format)
                m, (b1, b2) = state["exp_avg"], group["betas"]
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(m.mul(b1).add(p.grad, alpha=1 - b1).sign_(), alpha=-group["lr"])
                m.mul_(b2).add_(p.grad, alpha=1 - b2)
        return loss


class SAM(Optimizer):
    def __init__(self, params, base, rho=0.05, **kw):
        super().__init__(params, dict(rho=rho, **kw))
        self.base = base(self.param_groups, **kw)
        self.param_groups = self.base.param_groups
        self.defaults.update(self.base.defaults)

    @torch.no_grad()
    def first_step(self):
        norm = torch.norm(
            torch.stack([p.grad.norm(p=2) for g in self.param_groups for p in g["params"] if p.grad is not None]), p=2
        )
        for g in self.param_groups:
            for p in g["params"]:
                self.state[p]["old"] = p.data.clone()
                p.add_(p.grad * (g["rho"] / (norm + 1e-12)))
        self.zero_grad()

    @torch.no_grad()
    def second_step(self):
        for g in self.param_groups:
            for p in g["params"]:
                p.data = self.state[p]["old"]
        self.base.step()
        self.zero_grad()


class WarmupPoly(LRScheduler):
    def __init__(self, opt, warmup, total, last_epoch=-1):
        self.warmup, self.total = warmup, total
        super().__init__(opt, last_epoch)

    def get_lr(self):
        e = self.last_epoch
        f = (e + 1) / self.warmup if e < self.warmup else max(0.0, (self.total - e) / (self.total - self.warmup)) ** 0.9
        return [b * f for b in self.base_lrs]


def make():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 1))


m = make()
opt = Lion(m.parameters(), lr=1e-2, weight_decay=0.01)
print(opt, opt.defaults)
sch = WarmupPoly(opt, 3, 10)
for i in range(8):

    def closure():
        opt.zero_grad()
        l = F.mse_loss(m(X), y)
        l.backward()
        return l

    l = opt.step(closure)
    sch.step()
    print(f"{i} {l.item():.3f} {sch.get_last_lr()[0]:.5f}")
sd = opt.state_dict()
print(sorted(sd["state"]), {k: v for k, v in sd["param_groups"][0].items()}, sch.state_dict())
m2 = copy.deepcopy(m)
o2 = Lion(m2.parameters(), lr=5.0)
o2.load_state_dict(sd)
print(
    o2.param_groups[0]["lr"] == opt.param_groups[0]["lr"],
    torch.equal(o2.state[m2[0].weight]["exp_avg"], opt.state[m[0].weight]["exp_avg"]),
)
m = make()
sam = SAM(m.parameters(), torch.optim.SGD, rho=0.1, lr=0.1, momentum=0.9)
for i in range(4):
    F.mse_loss(m(X), y).backward()
    sam.first_step()
    l = F.mse_loss(m(X), y)
    l.backward()
    sam.second_step()
    print(f"sam {l.item():.3f}")
print(sam)
# hooks, groups, freezing
m = make()
opt = torch.optim.SGD([{"params": m[0].parameters(), "lr": 0.01}, {"params": m[2].parameters()}], lr=0.1, momentum=0.5)
h1 = opt.register_step_pre_hook(lambda o, a, k: print("pre", len(o.param_groups), a, k))
h2 = opt.register_step_post_hook(lambda o, a, k: print("post", [len(s) for s in o.state.values()]))
h3 = opt.register_state_dict_post_hook(lambda o, d: {**d, "extra": 1})
for p in m[0].parameters():
    p.register_hook(lambda g: g - g.mean(0, keepdim=True) if g.ndim > 1 else g)
F.mse_loss(m(X), y).backward()
print(m[0].weight.grad.mean(0).abs().max() < 1e-6)
opt.step()
print(sorted(opt.state_dict()))
for h in (h1, h2, h3):
    h.remove()
for p in m[0].parameters():
    p.requires_grad_(False)
opt.zero_grad()
F.mse_loss(m(X), y).backward()
before = m[0].weight.clone()
opt.step()
print(torch.equal(before, m[0].weight), m[0].weight.grad, len(list(filter(lambda p: p.requires_grad, m.parameters()))))
opt.add_param_group({"params": [nn.Parameter(torch.ones(2))], "lr": 1e-4, "name": "late"})
print(opt)
base = torch.optim.AdamW(m.parameters(), lr=1.0)
s = SequentialLR(base, [LinearLR(base, 0.1, total_iters=3), CosineAnnealingLR(base, 4)], milestones=[3])
lrs = []
for _ in range(8):
    base.step()
    lrs.append(round(s.get_last_lr()[0], 4))
    s.step()
print(lrs, sorted(s.state_dict()))
l = LambdaLR(torch.optim.SGD(m.parameters(), lr=2.0), [lambda e: 0.5**e])
l.optimizer.step()
l.step()
l.step()
print(
    l.get_last_lr(),
    l.last_epoch,
    l._step_count,
    MultiplicativeLR(torch.optim.SGD(m.parameters(), lr=2.0), lambda e: 0.5).state_dict(),
)
# Langevin samples of a Gaussian, and a tensor's own momentum by functional updates
theta, samples = torch.tensor([3.0, -3.0], requires_grad=True), []
g = torch.Generator().manual_seed(1)
for i in range(200):
    U = 0.5 * (theta**2).sum()
    (grad,) = torch.autograd.grad(U, theta)
    theta = (theta - 0.05 * grad + math.sqrt(0.1) * torch.randn(2, generator=g)).detach().requires_grad_()
    samples.append(theta.detach())
S = torch.stack(samples[50:])
print(f"{S.mean():.2f} {S.std():.2f}", S.shape)
for f in (
    lambda: Lion(m.parameters(), lr=-1),
    lambda: Lion([]),
    lambda: opt.load_state_dict(sd),
    lambda: Optimizer([torch.ones(1, requires_grad=True)], {}).step(),
    lambda: torch.optim.SGD([torch.ones(1)], 0.1).param_groups[0]["params"],
    lambda: torch.optim.SGD({torch.ones(1)}, 0.1),
    lambda: torch.optim.SGD([{"lr": 1}], 0.1),
    lambda: LambdaLR(opt, 3),
    lambda: WarmupPoly("x", 1, 2),
    lambda: torch.optim.Adam([torch.ones(1, requires_grad=True)], lr=torch.tensor(0.1)),
    lambda: torch.optim.Adam([torch.ones(1, requires_grad=True)], foreach=True, fused=True),
    lambda: torch.optim.SGD([torch.ones(1, requires_grad=True)], 0.1, maximize=True),
    lambda: type(WarmupPoly(base, 1, 2, last_epoch=3)),
):
    try:
        print(f())
    except Exception as e:
        print(type(e).__name__, str(e).split("\n")[0][:160])
