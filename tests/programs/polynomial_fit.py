"""Fit sin(x) + cos(x) / 2 with a polynomial of degree 3, five times: by NumPy, tensors, autograd, nn, and optim."""

import math

import numpy as np
import torch

STEPS, RATE = 400, 2e-3
xs = np.linspace(-math.pi, math.pi, 200)
scaled = xs / math.pi  # powers of numbers in -1..1 stay in -1..1
start = [0.1, -0.2, 0.3, -0.4]


def report(name, loss, coefficients):
    a, b, c, d = (v.item() for v in coefficients)
    print(f"{name:9s} loss {loss.item():.4f}   y = {a:.3f} + {b:.3f} x + {c:.3f} x^2 + {d:.3f} x^3")


# 1. NumPy: prediction, loss and every derivative written out.
coefficients = np.array(start)
powers = np.stack([scaled**k for k in range(4)])
target = np.sin(xs) + np.cos(xs) / 2
for _ in range(STEPS):
    difference = coefficients @ powers - target
    coefficients -= RATE * 2 * powers @ difference / 2
report("numpy", (difference**2).mean(), coefficients)

# 2. The same arithmetic with tensors.
x = torch.linspace(-math.pi, math.pi, 200) / math.pi
y = torch.sin(x * math.pi) + torch.cos(x * math.pi) / 2
X = torch.stack([x**k for k in range(4)], dim=1)
w = torch.tensor(start)
for _ in range(STEPS):
    difference = X @ w - y
    w -= RATE * (X.t() @ difference)
report("tensors", difference.pow(2).mean(), w)

# 3. autograd finds the derivatives.
a, b, c, d = (torch.tensor(v, requires_grad=True) for v in start)
for _ in range(STEPS):
    loss = (a + b * x + c * x**2 + d * x**3 - y).pow(2).sum() / 2
    loss.backward()
    with torch.no_grad():
        for p in (a, b, c, d):
            p -= RATE * p.grad
            p.grad = None
report("autograd", loss * 2 / 200, (a, b, c, d))

# 4. nn keeps the coefficients and the loss.
model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Flatten(0, 1))
features = x.unsqueeze(-1).pow(torch.tensor([1, 2, 3]))
with torch.no_grad():
    model[0].bias.fill_(start[0])
    model[0].weight.copy_(torch.tensor([start[1:]]))
loss_fn = torch.nn.MSELoss(reduction="sum")
for _ in range(STEPS):
    loss = loss_fn(model(features), y) / 2
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter -= RATE * parameter.grad
report("nn", loss * 2 / 200, [model[0].bias, *model[0].weight[0]])


# 5. optim moves them; the model is a Module of one's own.
class Polynomial3(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c, self.d = (torch.nn.Parameter(torch.tensor(v)) for v in start)

    def forward(self, x):
        return self.a + self.b * x + self.c * x**2 + self.d * x**3


model = Polynomial3()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.005)
for t in range(STEPS):
    loss = loss_fn(model(x), y)
    if t % 100 == 99:
        print(f"          step {t + 1}: loss {loss.item() / 200:.4f}")
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
report("optim", loss / 200, model.parameters())
