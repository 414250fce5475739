"""What scripts print on the way: modules, optimizers, schedulers, tensors, shapes, errors, types, summaries by hooks."""

from collections import OrderedDict

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

print(torch.zeros(2, 3), torch.ones(2, dtype=torch.int32), torch.tensor([1.5, float("nan"), float("inf")]))
print(torch.arange(24.0).reshape(2, 3, 4))
print(torch.tensor([1e-8, 1.0, 1e8]), torch.tensor([0.1, 12345.678]), torch.tensor(3), torch.tensor([True, False]))
print(torch.tensor([[1 + 2j, 0.5j]]), torch.empty(0), torch.empty(2, 0), torch.rand(2, requires_grad=True).shape)
print(torch.linspace(0, 1, 5), torch.logspace(0, 3, 4), torch.eye(2), torch.full((2,), 7), torch.arange(10000))
print(
    torch.tensor([1.0], requires_grad=True),
    (torch.tensor([1.0], requires_grad=True) * 2),
    torch.zeros(2, dtype=torch.float64),
)
x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
print(
    x.T,
    x.dtype,
    x.device,
    x.size(),
    x.type(),
    x.layout,
    x.stride(),
    x.is_contiguous(),
    x.numel(),
    x.ndim,
    x.element_size(),
)
print(
    f"{x.mean()} {x.mean():.3f} {x.sum().item()}",
    str(x.shape),
    list(x.shape),
    x.tolist(),
    x.numpy(),
    repr(torch.float32),
)
print(x.max(), x.max(dim=1), x.sort(descending=True), torch.topk(x, 1), x.std(), x.var(dim=0), x.norm(), x.argmax())
for a, b in (((2, 3), (3, 2)), ((2, 3), (3,)), ((4, 1), (1, 5))):
    print(a, b, torch.broadcast_shapes(a, b) if a != (2, 3) or b == (3,) else "no")
for bad in (
    lambda: torch.zeros(2, 3) + torch.zeros(2, 2),
    lambda: torch.zeros(2, 3) @ torch.zeros(2, 3),
    lambda: torch.zeros(2, 3).view(4),
    lambda: torch.zeros(2)[5],
    lambda: torch.cat([torch.zeros(2, 2), torch.zeros(3, 3)]),
    lambda: torch.stack([torch.zeros(2), torch.zeros(3)]),
    lambda: torch.zeros(2).squeeze(3),
    lambda: torch.tensor([1, 2]).mean(),
    lambda: torch.zeros(2, requires_grad=True).numpy(),
    lambda: torch.zeros(2).backward(),
    lambda: torch.zeros(2, 2).item(),
    lambda: nn.Linear(2, 3)(torch.zeros(1, 4)),
    lambda: nn.Conv2d(3, 4, 3)(torch.zeros(1, 1, 8, 8)),
    lambda: nn.Conv2d(1, 4, 9)(torch.zeros(1, 1, 8, 8)),
    lambda: nn.BatchNorm1d(3)(torch.zeros(1, 3)),
    lambda: nn.BatchNorm2d(3)(torch.zeros(2, 3)),
    lambda: F.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 5])),
    lambda: F.cross_entropy(torch.zeros(2, 3), torch.tensor([0, 1, 2])),
    lambda: nn.Embedding(3, 2)(torch.tensor([4])),
    lambda: nn.LSTM(2, 3)(torch.zeros(1, 1, 1, 1)),
    lambda: F.mse_loss(torch.zeros(2), torch.zeros(2, 1)).item() + [][0],
    lambda: torch.optim.SGD([], lr=0.1),
    lambda: torch.optim.SGD([torch.zeros(1)], lr=-1),
    lambda: torch.zeros(2, dtype=torch.long).requires_grad_(),
    lambda: nn.Module().foo,
    lambda: torch.zeros(2).to("cuda"),
    lambda: torch.manual_seed("x"),
    lambda: torch.arange(3).reshape(2, -1),
    lambda: nn.MultiheadAttention(5, 2),
    lambda: torch.from_numpy([1]),
    lambda: torch.einsum("ij,jk->ik", torch.zeros(2, 3), torch.zeros(2, 3)),
    lambda: bool(torch.zeros(2)),
    lambda: torch.nonexistent,
    lambda: torch.zeros(2).nonexistent,
    lambda: nn.Sequential(nn.Linear(1, 1))[3],
    lambda: torch.load("missing.pt"),
):
    try:
        print("no error", bad())
    except Exception as error:
        text = str(error).split("\n")[0]
        print(type(error).__name__, "|", text if "microtorch" not in text and "nonexistent" not in text else "names it")


def summary(model, size):
    rows = OrderedDict()
    hooks = []

    def register(module):
        def hook(module, inp, out):
            name = f"{module.__class__.__name__}-{len(rows) + 1}"
            params = sum(p.numel() for p in module.parameters(recurse=False))
            rows[name] = (list(out.size()), params)

        if not isinstance(module, (nn.Sequential, nn.ModuleList)) and module is not model:
            hooks.append(module.register_forward_hook(hook))

    model.apply(register)
    model(torch.zeros(2, *size))
    for h in hooks:
        h.remove()
    print("-" * 50)
    for name, (shape, params) in rows.items():
        print(f"{name:>20} {str(shape):>20} {params:>8,}")
    print(f"Total params: {sum(p for _, p in rows.values()):,}")


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, (3, 5), stride=(1, 2), padding=(1, 2), padding_mode="circular"),
            nn.GroupNorm(2, 4),
            nn.SELU(),
            nn.MaxPool2d(2, ceil_mode=True),
        )
        self.pool = nn.AdaptiveAvgPool2d((2, None))
        self.head = nn.ModuleDict({"drop": nn.Dropout2d(0.1), "out": nn.LazyLinear(3)})
        self.scale = nn.Parameter(torch.ones(1))
        self.register_buffer("steps", torch.tensor(0))

    def extra_repr(self):
        return "scale=1"

    def forward(self, x):
        x = self.head["drop"](self.pool(self.features(x)))
        return self.head["out"](x.flatten(1)) * self.scale


model = Net()
print(model)
model(torch.zeros(2, 1, 8, 8))
summary(model, (1, 8, 8))
print(model.head, [n for n, _ in model.named_modules()], [n for n, _ in model.named_buffers()])
print({k: tuple(v.shape) for k, v in model.state_dict().items()})
optimizer = torch.optim.AdamW([{"params": [model.scale], "lr": 1e-4}, {"params": model.features.parameters()}], lr=1e-2)
print(optimizer)
print(torch.optim.lr_scheduler.StepLR(optimizer, 2).state_dict())
print(
    nn.TransformerEncoderLayer(8, 2).self_attn,
    nn.LSTM(3, 4, 2, bidirectional=True),
    nn.CrossEntropyLoss(weight=torch.ones(2)),
    nn.Embedding(4, 2, padding_idx=0),
)
print(
    nn.ConvTranspose1d(1, 2, 3, output_padding=1, stride=2),
    nn.Bilinear(1, 2, 3),
    nn.Upsample(scale_factor=2, mode="nearest"),
    nn.PixelShuffle(2),
    nn.Softmax(dim=1),
    nn.Identity(),
)
print(nn.ParameterList([nn.Parameter(torch.zeros(2, 3))]), nn.ParameterDict({"a": nn.Parameter(torch.zeros(1))}))
print(
    nn.Parameter(torch.tensor([1.0, 2.0])),
    torch.Generator().manual_seed(3).initial_seed(),
    torch.Size([1, 2]) + (3,),
    torch.device("cuda", 1),
    torch.finfo(torch.float32),
    torch.iinfo(torch.int8),
)
print(
    torch.is_tensor(x),
    isinstance(x, torch.FloatTensor),
    torch.is_floating_point(x),
    x.type(torch.int64).type(),
    torch.get_default_dtype(),
    torch.result_type(x, 1),
)
print(
    np.asarray(x),
    np.sum(x.numpy()),
    x.numpy().dtype,
    torch.tensor(np.float32(2)),
    np.float64(2) * x,
    torch.as_tensor(np.arange(3)),
)
torch.set_printoptions(precision=2, linewidth=60, threshold=20, edgeitems=2)
print(torch.arange(100.0) / 7, torch.rand(0, 3), torch.arange(12).reshape(3, 4) * 1000)
