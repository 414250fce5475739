"""One valley, many ways down: every optimizer on the same badly scaled bowl, and on a small regression."""

import torch
from torch import nn, optim

RUNS = {
    "SGD": lambda p: optim.SGD(p, lr=0.04),
    "SGD, momentum": lambda p: optim.SGD(p, lr=0.02, momentum=0.9),
    "SGD, dampening": lambda p: optim.SGD(p, lr=0.05, momentum=0.9, dampening=0.5),
    "SGD, nesterov": lambda p: optim.SGD(p, lr=0.02, momentum=0.9, nesterov=True),
    "SGD, weight decay": lambda p: optim.SGD(p, lr=0.04, weight_decay=0.1),
    "SGD, maximize": lambda p: optim.SGD(p, lr=0.001, maximize=True),
    "Adam": lambda p: optim.Adam(p, lr=0.1),
    "Adam, betas": lambda p: optim.Adam(p, lr=0.1, betas=(0.8, 0.99), eps=1e-6),
    "Adam, amsgrad": lambda p: optim.Adam(p, lr=0.1, amsgrad=True),
    "Adam, weight decay": lambda p: optim.Adam(p, lr=0.1, weight_decay=0.1),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.1),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.05),
    "RMSprop, centered": lambda p: optim.RMSprop(p, lr=0.05, centered=True, momentum=0.5, alpha=0.9),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.5),
    "Adagrad, lr decay": lambda p: optim.Adagrad(p, lr=0.5, lr_decay=0.1, initial_accumulator_value=0.1),
}

print("the bowl x^2 + 10 y^2 from (2, 1)")
for name, make in RUNS.items():
    point = torch.tensor([2.0, 1.0], requires_grad=True)
    optimizer = make([point])
    for _ in range(20):
        optimizer.zero_grad()
        loss = point[0] ** 2 + 10 * point[1] ** 2
        loss.backward()
        optimizer.step()
    x, y = point.tolist()
    print(f"{name:20s} after 20 steps x {x:7.4f}  y {y:7.4f}  loss {loss.item():8.4f}")

print("\na small regression")
torch.manual_seed(3)
inputs = torch.randn(100, 5)
targets = torch.sin(inputs @ torch.randn(5, 1)) + 0.1 * torch.randn(100, 1)
model = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 1))
start = {name: value.clone() for name, value in model.state_dict().items()}
for name, make in RUNS.items():
    if name == "SGD, maximize":
        continue
    model.load_state_dict(start)
    optimizer = make(model.parameters())
    losses = []
    for step in range(31):
        loss = nn.functional.mse_loss(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            losses.append(f"{loss.item():.3f}")
    print(f"{name:20s} {' '.join(losses)}")

# A closure, and a step without gradients.
point = torch.tensor([1.0], requires_grad=True)
optimizer = optim.SGD([point], lr=0.1)


def closure():
    optimizer.zero_grad()
    loss = (point**2).sum()
    loss.backward()
    return loss


print("\nclosure:", [round(optimizer.step(closure).item(), 4) for _ in range(3)], point)
optimizer.zero_grad()
optimizer.step()
print("no gradient, no step:", point.grad, point)
