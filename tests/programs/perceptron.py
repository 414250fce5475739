"""Perceptrons by hand: the step function, the logic gates, and why XOR takes two layers."""

import torch


def step(x):
    """The step function of the first perceptrons: 1 above zero, else 0."""
    return (x > 0).to(torch.float32)


print("step:   ", step(torch.tensor([-2.0, -0.1, 0.0, 0.1, 2.0])))
print("sigmoid:", torch.sigmoid(torch.tensor([-2.0, -0.1, 0.0, 0.1, 2.0])))
print("relu:   ", torch.relu(torch.tensor([-2.0, -0.1, 0.0, 0.1, 2.0])))

X = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=torch.float32)
gates = {
    "AND": (torch.tensor([0.5, 0.5]), -0.7),
    "NAND": (torch.tensor([-0.5, -0.5]), 0.7),
    "OR": (torch.tensor([0.5, 0.5]), -0.2),
}


def gate(name, x):
    w, b = gates[name]
    return step(torch.sum(w * x, dim=-1) + b)


def xor(x):
    """NAND and OR, joined by AND: no single line separates it."""
    hidden = torch.stack([gate("NAND", x), gate("OR", x)], dim=-1)
    return gate("AND", hidden)


print("\n x1  x2 | AND NAND  OR XOR")
for x in X:
    values = [int(gate(name, x).item()) for name in gates] + [int(xor(x).item())]
    print("{:3d} {:3d} | {:3d} {:4d} {:3d} {:3d}".format(*x.int().tolist(), *values))


def train(targets, epochs=10):
    """Rosenblatt's rule: move the weights by the error times the input. No gradient is needed."""
    w, b = torch.zeros(2), torch.zeros(1)
    for epoch in range(1, epochs + 1):
        errors = 0
        for x, t in zip(X, targets):
            error = t - step(w @ x + b)
            w += error * x
            b += error
            errors += int(error.abs().item())
        if errors == 0:
            return w, b, f"learned in {epoch} epochs"
    return w, b, f"{errors} errors left after {epochs} epochs"


print()
for name, targets in {
    "AND": torch.tensor([0.0, 0.0, 0.0, 1.0]),
    "OR": torch.tensor([0.0, 1.0, 1.0, 1.0]),
    "NAND": torch.tensor([1.0, 1.0, 1.0, 0.0]),
    "XOR": torch.tensor([0.0, 1.0, 1.0, 0.0]),
}.items():
    w, b, verdict = train(targets)
    print(f"{name:4s} w = {w.tolist()}, b = {b.item()}: {verdict}")

# The step function has no slope to follow: its gradient is cut off. A sigmoid has one.
w = torch.tensor([0.3, -0.2], requires_grad=True)
print("\nstep keeps the graph:   ", step(X @ w).requires_grad)
torch.sigmoid(X @ w).sum().backward()
print("sigmoid gives gradients:", w.grad)

# Three layers forward, as matrix products.
x = torch.tensor([1.0, 0.5])
W1, b1 = torch.tensor([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]), torch.tensor([0.1, 0.2, 0.3])
W2, b2 = torch.tensor([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]]), torch.tensor([0.1, 0.2])
z1 = torch.sigmoid(x @ W1 + b1)
y = torch.softmax(z1 @ W2 + b2, dim=0)
print("hidden:", z1)
print("output:", y, "sum:", round(y.sum().item(), 6))
