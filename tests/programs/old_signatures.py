"""Factors before tensors, `x.add_(alpha, y)`: the order of arguments that optimizers of years ago are written in."""

import math
import warnings

import torch
from torch import nn

warnings.simplefilter("ignore")


class OldAdam(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-2, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.1):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay))

    def step(self, closure=None):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                grad, state = p.grad.data, self.state[p]
                if not state:
                    state["step"], state["m"], state["v"] = 0, torch.zeros_like(p.data), torch.zeros_like(p.data)
                m, v = state["m"], state["v"]
                state["step"] += 1
                m.mul_(beta1).add_(1 - beta1, grad)
                v.mul_(beta2).addcmul_(1 - beta2, grad, grad)
                denom = v.sqrt().add_(group["eps"])
                size = group["lr"] * math.sqrt(1 - beta2 ** state["step"]) / (1 - beta1 ** state["step"])
                p.data.add_(-group["weight_decay"] * group["lr"], p.data)
                p.data.addcdiv_(-size, m, denom)


torch.manual_seed(0)
model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = OldAdam(model.parameters())
x = torch.randn(32, 3)
y = x[:, :1] * x[:, 1:2]
for step in range(30):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        print(step, f"{loss.item():.4f}")

a, b, v = torch.arange(4.0).reshape(2, 2), torch.full((2, 2), 3.0), torch.tensor([1.0, -1.0])
batch = torch.stack([a, b])
print(torch.add(a, 2, b), a.add(0.5, b), a.clone().add_(2, b), a.add(2, 3), torch.add(a, torch.tensor(2.0), b))
print(torch.sub(a, 2, b), a.sub(0.5, b), a.clone().sub_(2, b), torch.sub(a, 2, b, out=torch.empty(2, 2)))
print(torch.addcmul(a, 2, b, a), a.addcmul(0.5, b, a), a.clone().addcmul_(-2, b, a))
print(torch.addcdiv(a, 2, a, b), a.addcdiv(0.5, a, b), a.clone().addcdiv_(-2, a, b))
print(torch.addmm(0.5, a, 2, a, b), torch.addmm(0.5, a, a, b), a.addmm(0.5, 2, a, b), a.clone().addmm_(0.5, a, b))
print(torch.addmv(0.5, v, 2, a, v), torch.addmv(0.5, v, a, v), v.addmv(0.5, 2, a, v), v.clone().addmv_(0.5, a, v))
print(torch.addr(0.5, a, 2, v, v), torch.addr(0.5, a, v, v), a.addr(0.5, 2, v, v), a.clone().addr_(0.5, v, v))
print(torch.addbmm(0.5, a, 2, batch, batch), a.addbmm(0.5, batch, batch), a.clone().addbmm_(0.5, 2, batch, batch))
print(torch.baddbmm(0.5, batch, 2, batch, batch), batch.clone().baddbmm_(0.5, batch, batch))
w = torch.ones(2, requires_grad=True)
torch.add(v, 3, w).add(2, w * w).sum().backward()
print(w.grad)
for attempt in (
    lambda: a.add(b, b),
    lambda: a.sub(b, 2),
    lambda: a.addcmul(b, b, 2),
    lambda: torch.addmm(b, b, b, 2, 3),
):
    try:
        print(attempt())
    except TypeError:
        print("TypeError")
print(a.add(2, other=b), torch.add(a, 2, other=b), a.sub(2, other=b), torch.addcmul(a, 2, b, tensor2=b))
print(
    torch.addmm(2, torch.ones(2, 2), torch.ones(2, 3), mat2=torch.ones(3, 2)),
    torch.addmm(2, torch.ones(2, 2), 3, torch.ones(2, 3), mat2=torch.ones(3, 2)),
)
