"""Three spiral arms: a linear classifier cannot part them, a small network can."""

import math

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(12345)
N, K = 60, 3  # points in each arm, arms
t = torch.linspace(0, 1, N)
arms = []
for k in range(K):
    angle = 2 * math.pi * (t * 0.8 + k / K) + torch.randn(N) * 0.1
    arms.append(torch.stack([t * torch.sin(angle), t * torch.cos(angle)], dim=1))
X = torch.cat(arms)
y = torch.arange(K).repeat_interleave(N)
print("points", X.shape, "labels", y.shape, "in each class", torch.bincount(y).tolist())


def train(name, model, lr, steps):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, weight_decay=1e-4)
    for step in range(steps + 1):
        scores = model(X)
        loss = F.cross_entropy(scores, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % (steps // 4) == 0:
            accuracy = (scores.argmax(dim=1) == y).float().mean().item()
            print(f"{name}  step {step:4d}  loss {loss.item():.4f}  accuracy {accuracy:.4f}")
    return model


train("linear", nn.Linear(2, K), lr=0.05, steps=100)
model = train("MLP", nn.Sequential(nn.Linear(2, 48), nn.Tanh(), nn.Linear(48, K)), lr=0.03, steps=200)

# The cross-entropy and its gradient by hand: softmax minus one-hot, over the number of points.
scores = model(X).detach().requires_grad_()
loss = F.cross_entropy(scores, y)
loss.backward()
log_p = scores.detach() - scores.detach().exp().sum(dim=1, keepdim=True).log()
by_hand = -log_p[torch.arange(len(y)), y].mean()
print("loss by hand equals:", torch.allclose(loss, by_hand, atol=1e-5))
gradient = (log_p.exp() - F.one_hot(y, K).float()) / len(y)
print("gradient by hand equals:", torch.allclose(scores.grad, gradient, atol=1e-6))

# The map of the plane that the network has learned.
print()
with torch.no_grad():
    axis = torch.linspace(-1, 1, 31)
    gy, gx = torch.meshgrid(axis.flip(0)[::2], axis, indexing="ij")
    best = model(torch.stack([gx, gy], dim=-1).reshape(-1, 2)).argmax(dim=1).reshape(gx.shape)
for row in best.tolist():
    print("".join("o.x"[k] for k in row))
