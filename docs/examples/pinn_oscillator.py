"""Networks that solve differential equations: the loss is how far the equation is from being true.

A damped oscillator (u'' + 4 u' + 400 u = 0) and the heat equation. The derivatives of the network's output are taken by
`torch.autograd.grad(..., create_graph=True)`, so that the loss, which contains second derivatives, can be
differentiated itself. After M. Raissi et al., "Physics-informed neural networks", 2019.

Plain PyTorch: `python pinn_oscillator.py`, or `python -m microtorch run pinn_oscillator.py`; both print the same.
"""

import math

import torch
import torch.nn as nn

torch.manual_seed(123)
torch.set_default_dtype(torch.float64)


class FCN(nn.Module):
    def __init__(self, N_INPUT, N_OUTPUT, N_HIDDEN, N_LAYERS):
        super().__init__()
        activation = nn.Tanh
        self.fcs = nn.Sequential(*[nn.Linear(N_INPUT, N_HIDDEN), activation()])
        self.fch = nn.Sequential(
            *[nn.Sequential(*[nn.Linear(N_HIDDEN, N_HIDDEN), activation()]) for _ in range(N_LAYERS - 1)]
        )
        self.fce = nn.Linear(N_HIDDEN, N_OUTPUT)

    def forward(self, x):
        return self.fce(self.fch(self.fcs(x)))


def derivative(y, x, order=1):
    for _ in range(order):
        y = torch.autograd.grad(y, x, torch.ones_like(y), create_graph=True)[0]
    return y


print("damped oscillator: u'' + 4 u' + 400 u = 0")
d, w0 = 2, 20
pinn = FCN(1, 1, 16, 2)
t_boundary = torch.tensor(0.0).view(-1, 1).requires_grad_(True)
t_physics = torch.linspace(0, 0.5, 20).view(-1, 1).requires_grad_(True)
optimiser = torch.optim.Adam(pinn.parameters(), lr=1e-3)
for i in range(101):
    optimiser.zero_grad()
    u = pinn(t_boundary)
    loss1 = (torch.squeeze(u) - 1) ** 2
    dudt = torch.autograd.grad(u, t_boundary, torch.ones_like(u), create_graph=True)[0]
    loss2 = (torch.squeeze(dudt) - 0) ** 2
    u = pinn(t_physics)
    dudt = torch.autograd.grad(u, t_physics, torch.ones_like(u), create_graph=True)[0]
    d2udt2 = torch.autograd.grad(dudt, t_physics, torch.ones_like(dudt), create_graph=True)[0]
    loss3 = torch.mean((d2udt2 + 2 * d * dudt + w0**2 * u) ** 2)
    loss = loss1 + 1e-1 * loss2 + 1e-4 * loss3
    loss.backward()
    optimiser.step()
    if i % 25 == 0:
        print(f"{i}: {loss.item():.6f} = {loss1.item():.6f} + {loss2.item():.6f} + {loss3.item():.6f}")

print("heat equation on a line, with LBFGS")
net = FCN(2, 1, 10, 2)
x = torch.rand(40, 1).requires_grad_()
t = torch.rand(40, 1).requires_grad_()
x0 = torch.linspace(0, 1, 20).view(-1, 1)
optimizer = torch.optim.LBFGS(net.parameters(), lr=1.0, max_iter=15, history_size=10, line_search_fn="strong_wolfe")
calls = 0


def closure():
    global calls
    calls += 1
    optimizer.zero_grad()
    u = net(torch.cat([x, t], 1))
    residual = derivative(u, t) - 0.1 * derivative(u, x, 2)
    initial = net(torch.cat([x0, torch.zeros_like(x0)], 1)) - torch.sin(math.pi * x0)
    loss = residual.square().mean() + initial.square().mean()
    loss.backward()
    return loss


for epoch in range(3):
    loss = optimizer.step(closure)
    print(f"epoch {epoch}: {loss.item():.6f} after {calls} calls")
z = torch.tensor(0.3, requires_grad=True)
print([round(derivative(torch.sin(z) * z**3, z, n).item(), 10) for n in range(5)])
