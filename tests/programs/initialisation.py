"""How layers start: default initialisations, nn.init, the same seed twice, and what a bad start does to activations."""

import torch
from torch import nn

# The first weights of every layer, from one seed.
for make in (
    lambda: nn.Linear(3, 2),
    lambda: nn.Linear(4, 2, bias=False),
    lambda: nn.Conv2d(1, 2, kernel_size=2),
    lambda: nn.Conv2d(2, 2, kernel_size=1, groups=2),
    lambda: nn.Embedding(3, 2),
    lambda: nn.Embedding(3, 2, padding_idx=0),
    lambda: nn.BatchNorm1d(2),
    lambda: nn.LayerNorm(3),
    lambda: nn.PReLU(2),
):
    torch.manual_seed(0)
    layer = make()
    print(layer)
    for name, parameter in layer.named_parameters():
        print(f"  {name}: {[round(v, 4) for v in parameter.flatten().tolist()]}")

# nn.init, from one seed each.
print()
for name, initialise in {
    "uniform_": lambda w: nn.init.uniform_(w, -0.1, 0.1),
    "normal_": lambda w: nn.init.normal_(w, mean=1.0, std=0.5),
    "constant_": lambda w: nn.init.constant_(w, 0.3),
    "ones_": nn.init.ones_,
    "zeros_": nn.init.zeros_,
    "eye_": nn.init.eye_,
    "xavier_uniform_": nn.init.xavier_uniform_,
    "xavier_normal_": lambda w: nn.init.xavier_normal_(w, gain=nn.init.calculate_gain("tanh")),
    "kaiming_uniform_": lambda w: nn.init.kaiming_uniform_(w, a=5**0.5),
    "kaiming_normal_": lambda w: nn.init.kaiming_normal_(w, mode="fan_out", nonlinearity="relu"),
    "trunc_normal_": lambda w: nn.init.trunc_normal_(w, std=0.02),
}.items():
    torch.manual_seed(1)
    weight = torch.empty(20, 30)
    initialise(weight)
    row = [round(v, 4) for v in weight[0, :4].tolist()]
    print(f"{name:17s} mean {weight.mean().item():7.4f}  deviation {weight.std().item():.4f}  {row}")
print("gains:", [round(nn.init.calculate_gain(f), 4) for f in ("linear", "relu", "tanh", "sigmoid")])

# Random numbers that layers share a stream with.
torch.manual_seed(7)
first = nn.Linear(10, 10).weight.sum().item(), torch.rand(1).item()
torch.manual_seed(7)
second = nn.Linear(10, 10).weight.sum().item(), torch.rand(1).item()
print("the same seed, the same numbers:", first == second)

# Signals through ten layers: too small a start fades, too large explodes, Kaiming's stays.
print("\ndeviation of the activations after layers 1, 4, 7, 10; of the gradient at the input")
for name, std in {"std 0.05": 0.05, "std 0.5": 0.5, "kaiming": None}.items():
    torch.manual_seed(2)
    layers = [nn.Linear(64, 64) for _ in range(10)]
    x = torch.randn(100, 64, requires_grad=True)
    h, deviations = x, []
    for layer in layers:
        if std is None:
            nn.init.kaiming_normal_(layer.weight)
        else:
            nn.init.normal_(layer.weight, std=std)
        nn.init.zeros_(layer.bias)
        h = torch.relu(layer(h))
        deviations.append(h.std().item())
    h.sum().backward()
    print(f"{name:9s}", *(f"{deviations[i]:.3e}" for i in (0, 3, 6, 9)), f"  {x.grad.std().item():.3e}")
