"""MAML: learn to adapt to a new sine wave in one step; second derivatives by create_graph, functional_call, Reptile."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import functional_call

torch.manual_seed(0)


def sample_task():
    amplitude, phase = torch.rand(1) * 4.9 + 0.1, torch.rand(1) * 3.1416
    return lambda x: amplitude * torch.sin(x - phase)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1, self.l2, self.l3 = nn.Linear(1, 20), nn.Linear(20, 20), nn.Linear(20, 1)

    def forward(self, x):
        return self.l3(torch.tanh(self.l2(torch.tanh(self.l1(x)))))


def adapt(model, params, x, y, lr, create_graph):
    loss = F.mse_loss(functional_call(model, params, (x,)), y)
    grads = torch.autograd.grad(loss, list(params.values()), create_graph=create_graph)
    return {name: p - lr * g for (name, p), g in zip(params.items(), grads)}


model = Net()
meta = torch.optim.Adam(model.parameters(), lr=1e-3)
for it in range(1, 41):
    meta_loss = 0.0
    for _ in range(4):
        f = sample_task()
        x_support, x_query = torch.rand(10, 1) * 10 - 5, torch.rand(10, 1) * 10 - 5
        fast = adapt(model, dict(model.named_parameters()), x_support, f(x_support), 0.01, True)
        meta_loss = meta_loss + F.mse_loss(functional_call(model, fast, (x_query,)), f(x_query))
    meta_loss = meta_loss / 4
    meta.zero_grad()
    meta_loss.backward()
    meta.step()
    if it % 10 == 0:
        print(f"iteration {it} meta loss {meta_loss.item():.4f}")
f = sample_task()
x = torch.linspace(-5, 5, 10).view(-1, 1)
params = {k: v.detach().requires_grad_() for k, v in model.named_parameters()}
for step in range(3):
    with torch.no_grad():
        print(f"after {step} steps: {F.mse_loss(functional_call(model, params, (x,)), f(x)).item():.4f}")
    params = adapt(model, params, x, f(x), 0.01, False)

print("Reptile")
model = Net()
for it in range(1, 31):
    before = copy.deepcopy(model.state_dict())
    inner = torch.optim.SGD(model.parameters(), lr=0.02)
    f = sample_task()
    x = torch.rand(20, 1) * 10 - 5
    for _ in range(5):
        inner.zero_grad()
        loss = nn.MSELoss()(model(x), f(x))
        loss.backward()
        inner.step()
    after = model.state_dict()
    scale = 0.5 * (1 - it / 31)
    model.load_state_dict({name: before[name] + (after[name] - before[name]) * scale for name in before})
    if it % 10 == 0:
        print(f"iteration {it} last loss {loss.item():.4f}")
