"""Spectral norm, weight norm, SWA, EMA, freezing and transfer, orthogonal parametrisation, parameter groups with rates."""

import copy

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils import parametrizations, parametrize, spectral_norm, weight_norm
from torch.optim.swa_utils import SWALR, AveragedModel, get_ema_multi_avg_fn, update_bn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(128, 8)
y = (x[:, 0] * x[:, 1] > 0).long()
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)


def net():
    return nn.Sequential(nn.Linear(8, 24, bias=False), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 2))


print("stochastic weight averaging")
model = net()
optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)
swa_model, ema_model = AveragedModel(model), AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10)
swa_scheduler = SWALR(optimizer, swa_lr=0.05, anneal_epochs=3, anneal_strategy="linear")
for epoch in range(10):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(xb), yb)
        loss.backward()
        optimizer.step()
        ema_model.update_parameters(model)
    if epoch > 5:
        swa_model.update_parameters(model)
        swa_scheduler.step()
    else:
        scheduler.step()
    print(f"epoch {epoch} lr {optimizer.param_groups[0]['lr']:.4f} loss {loss.item():.3f}")
update_bn(loader, swa_model)
swa_model.eval()
print("n_averaged", swa_model.n_averaged, f"loss {F.cross_entropy(swa_model(x), y).item():.3f}")
print("ema", sorted(ema_model.state_dict())[:3])

print("spectral norm")
layer = spectral_norm(nn.Linear(8, 6), n_power_iterations=3)
for _ in range(10):
    layer(x)
print(
    layer,
    f"largest singular value {torch.linalg.svdvals(layer.weight.detach())[0].item():.3f}",
    sorted(layer.state_dict()),
)
modern = parametrizations.spectral_norm(nn.Conv2d(1, 3, 3))
print(modern, parametrize.is_parametrized(modern, "weight"))
print("weight norm")
layer = weight_norm(nn.Linear(8, 2), name="weight")
print([(n, tuple(p.shape)) for n, p in layer.named_parameters()])
optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
for _ in range(5):
    loss = F.cross_entropy(layer(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(
    f"{loss.item():.4f}",
    torch.allclose(
        layer.weight_v * (layer.weight_g / layer.weight_v.norm(dim=1, keepdim=True)), layer.weight, atol=1e-6
    ),
)
print("orthogonal")
square = parametrizations.orthogonal(nn.Linear(4, 4, bias=False))
optimizer = torch.optim.SGD(square.parameters(), lr=0.1)
for _ in range(3):
    loss = F.mse_loss(square(x[:, :4]), x[:, [1, 0, 3, 2]])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
W = square.weight.detach()
print(torch.allclose(W @ W.T, torch.eye(4), atol=1e-5))


class Symmetric(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).transpose(-1, -2)

    def right_inverse(self, A):
        return A.triu()


layer = nn.Linear(3, 3)
parametrize.register_parametrization(layer, "weight", Symmetric())
print(torch.allclose(layer.weight, layer.weight.T), layer)
parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
print(layer)

print("transfer learning")
backbone = copy.deepcopy(model)
for param in backbone.parameters():
    param.requires_grad = False
num_ftrs = backbone[3].in_features
backbone[3] = nn.Linear(num_ftrs, 3)
y3 = torch.bucketize(x[:, 2], torch.tensor([-0.4, 0.4]))
trainable = [n for n, p in backbone.named_parameters() if p.requires_grad]
print(trainable, sum(p.numel() for p in backbone.parameters() if p.requires_grad))
optimizer = torch.optim.SGD(filter(lambda p: p.requires_grad, backbone.parameters()), lr=0.1)
for step in range(10):
    backbone.train()
    backbone[1].eval()
    loss = F.cross_entropy(backbone(x), y3)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"head only {loss.item():.4f}", backbone[0].weight.grad)
for param in backbone.parameters():
    param.requires_grad_(True)
optimizer.add_param_group({"params": [p for n, p in backbone.named_parameters() if not n.startswith("3")], "lr": 0.01})
lambdas = [lambda e: 0.9**e, lambda e: 1.0 if e < 2 else 0.5]
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lr_lambda=lambdas)
for step in range(5):
    loss = F.cross_entropy(backbone(x), y3)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    print(f"all {loss.item():.4f}", [f"{lr:.4f}" for lr in scheduler.get_last_lr()])
print(optimizer)
