"""Batch normalisation: what it computes in training, what it remembers, and what it does in evaluation."""

import torch
from torch import nn

torch.manual_seed(0)
x = torch.randn(64, 3) * torch.tensor([1.0, 5.0, 0.1]) + torch.tensor([0.0, 10.0, -1.0])
bn = nn.BatchNorm1d(3)
print(bn)
print("before:", bn.running_mean, bn.running_var, bn.num_batches_tracked)

y = bn(x)
print("in training, mean of the output is zero:", bool(y.mean(0).abs().max() < 1e-5))
print("and its standard deviation:", y.std(0, unbiased=False).detach())
by_hand = (x - x.mean(0)) / torch.sqrt(x.var(0, unbiased=False) + bn.eps)
print("by hand:", torch.allclose(y, by_hand, atol=1e-4))
print("after one batch:", bn.running_mean, bn.running_var, bn.num_batches_tracked)
print("momentum by hand:", 0.9 * torch.zeros(3) + 0.1 * x.mean(0), 0.9 * torch.ones(3) + 0.1 * x.var(0))

for _ in range(50):
    bn(torch.randn(64, 3) * 2 + 1)
print("after 50 more of mean 1, variance 4:", bn.running_mean, bn.running_var)

bn.eval()
one = torch.ones(1, 3)
print("evaluation, one row:", bn(one).detach())
print("the running numbers rest:", bn.num_batches_tracked.item())
bn.train()
try:
    bn(one)
except ValueError as error:
    print("training with one row:", type(error).__name__, "-", error)

# Gradients go through the mean and the variance too: their sum over the batch is zero.
bn = nn.BatchNorm1d(3, affine=False)
inputs = x.clone().requires_grad_()
(bn(inputs) ** 3).sum().backward()
print("\ngradient sums over the batch are near zero:", bool(inputs.grad.sum(0).abs().max() < 1e-2))
print("no weights without affine:", list(bn.parameters()), bn.weight)

# BatchNorm2d: one mean and variance a channel.
images = torch.randn(8, 2, 4, 4) * 3 + 5
bn2 = nn.BatchNorm2d(2, momentum=0.5, eps=1e-3)
out = bn2(images)
print("\n2d:", out.shape, "channel deviation", out.std(dim=(0, 2, 3)).detach())
print(bn2.running_mean, bn2.running_var)
stateless = nn.BatchNorm2d(2, track_running_stats=False)
print(
    "without running numbers:",
    stateless.running_mean,
    torch.allclose(stateless(images).mean(), torch.zeros(()), atol=1e-5),
)

# A network with and without it, from inputs of very different sizes.
features = torch.randn(200, 4) * torch.tensor([0.01, 0.1, 1.0, 10.0])
labels = (features / torch.tensor([0.01, 0.1, 1.0, 10.0])).sum(1) > 0
print()
for name, norm in {"plain": nn.Identity(), "batch norm": nn.BatchNorm1d(4)}.items():
    torch.manual_seed(1)
    model = nn.Sequential(
        norm, nn.Linear(4, 16), nn.Tanh(), nn.BatchNorm1d(16) if name != "plain" else nn.Identity(), nn.Linear(16, 2)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for step in range(41):
        loss = nn.functional.cross_entropy(model(features), labels.long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 10 == 0:
            losses.append(f"{loss.item():.4f}")
    model.eval()
    with torch.no_grad():
        right = (model(features).argmax(1) == labels).float().mean().item()
    print(f"{name:10s} losses {' '.join(losses)}  accuracy in evaluation {right:.3f}")
