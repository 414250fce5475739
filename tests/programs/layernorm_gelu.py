"""A residual MLP with LayerNorm and GELU, as inside a transformer; other activations in its place."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class ResidualMLP(nn.Module):
    def __init__(self, n_in, width, depth, activation):
        super().__init__()
        self.stem = nn.Linear(n_in, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * width), activation(), nn.Linear(2 * width, width))
            for _ in range(depth)
        )
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x)


# LayerNorm by hand.
torch.manual_seed(0)
x = torch.randn(2, 5) * 3 + 1
mean, variance = x.mean(-1, keepdim=True), x.var(-1, unbiased=False, keepdim=True)
print("LayerNorm by hand:", torch.allclose(F.layer_norm(x, (5,)), (x - mean) / torch.sqrt(variance + 1e-5), atol=1e-6))
print(F.layer_norm(x, (5,)))
print("over two dimensions:", nn.LayerNorm((2, 5))(x).shape, nn.LayerNorm(5, elementwise_affine=False))

# GELU exactly and by its tanh formula.
z = torch.tensor([-2.5, -1.0, -0.5, 0.5, 1.0, 2.5])
print("gelu:     ", F.gelu(z))
print("by erf:   ", z * 0.5 * (1 + torch.erf(z / math.sqrt(2))))
print("tanh form:", F.gelu(z, approximate="tanh"))

print("\nactivations and their slopes at", z.tolist())
for name, f in {
    "relu": F.relu,
    "leaky_relu": lambda v: F.leaky_relu(v, 0.1),
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "softplus": F.softplus,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}.items():
    v = z.clone().requires_grad_()
    out = f(v)
    out.sum().backward()
    print(f"{name:10s}", [round(a, 4) for a in out.tolist()], [round(a, 4) for a in v.grad.tolist()])

print("\nlearning x0 * x1 + sin(x2)")
points = torch.rand(256, 3) * 4 - 2
targets = points[:, :1] * points[:, 1:2] + torch.sin(points[:, 2:])
for activation in (nn.GELU, nn.SiLU, nn.Tanh, nn.Softplus, nn.ELU):
    torch.manual_seed(1)
    model = ResidualMLP(3, 16, 2, activation)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)
    losses = []
    for step in range(81):
        loss = F.mse_loss(model(points), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 20 == 0:
            losses.append(f"{loss.item():.3f}")
    print(f"{activation.__name__:10s} {' '.join(losses)}  head norm gain {model.head[0].weight.mean().item():.3f}")
