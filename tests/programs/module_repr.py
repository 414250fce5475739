"""Modules: how they print, how to walk over their parts, containers, adding and removing layers, freezing."""

import torch
from torch import nn


class Block(nn.Module):
    def __init__(self, width, p=0.0):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, width, bias=False)
        self.act = nn.GELU()
        self.drop = nn.Dropout(p)

    def forward(self, x):
        return x + self.drop(self.act(self.linear(self.norm(x))))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(3, 8)
        self.blocks = nn.ModuleList([Block(8), Block(8, 0.5)])
        self.heads = nn.ModuleDict({"big": nn.Linear(8, 4), "small": nn.Linear(8, 1)})
        self.temperature = nn.Parameter(torch.tensor(1.5))
        self.register_buffer("offset", torch.zeros(8))

    def forward(self, x, head="big"):
        x = self.stem(x) + self.offset
        for block in self.blocks:
            x = block(x)
        return self.heads[head](x) / self.temperature


class Forgetful(nn.Module):
    def __init__(self):
        self.layer = nn.Linear(1, 1)


torch.manual_seed(0)
net = Net()
print(net)
print(nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, bias=False), nn.BatchNorm2d(8), nn.LeakyReLU(0.2), nn.AvgPool2d(2)))
print(
    nn.Sequential(nn.Embedding(10, 3), nn.Flatten(), nn.PReLU(), nn.ELU(), nn.SiLU(), nn.Softmax(dim=1), nn.Softplus())
)
print(nn.CrossEntropyLoss(), nn.MSELoss(), nn.ReLU(inplace=True), nn.LogSoftmax(dim=-1), nn.Identity())

print([name for name, _ in net.named_children()])
print([name for name, _ in net.named_modules()][:7], "...")
print([(name, tuple(p.shape)) for name, p in net.named_parameters()])
print([name for name, _ in net.named_buffers()], len(list(net.modules())), len(net.blocks), list(net.heads.keys()))

for parameter in net.blocks.parameters():
    parameter.requires_grad_(False)
print("trainable:", sum(p.requires_grad for p in net.parameters()), "of", len(list(net.parameters())))
net.double()
print(net.stem.weight.dtype, net.offset.dtype, net.float().offset.dtype)

net.extra = nn.Linear(1, 1)
net.blocks.append(nn.Identity())
del net.heads["small"]
net.stem = nn.Identity()
print([name for name, _ in net.named_children()], "stem.weight" in net.state_dict(), list(net.heads), len(net.blocks))
net.extra.weight = None
print([name for name, _ in net.extra.named_parameters()], net.extra.weight)

layers = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
layers.append(nn.Linear(3, 1))
print(layers[1], layers[-1].out_features, len(layers), layers[:2])
for what, f in {
    "no such attribute": lambda: net.nothing,
    "wrong input": lambda: nn.Linear(2, 1)(torch.ones(1, 3)),
    "a tensor is no parameter": lambda: setattr(layers[0], "weight", torch.ones(3, 2)),
    "before Module.__init__": Forgetful,
}.items():
    try:
        f()
    except (AttributeError, RuntimeError, TypeError) as error:
        print(f"{what}: {type(error).__name__}: {error}")
