"""A small residual network: convolutions without bias, BatchNorm2d, shortcuts, average pooling, cosine annealing."""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

DATA = Path(__file__).resolve().parents[2] / "docs" / "examples" / "data" / "digits.csv.gz"


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut; the shortcut is a 1x1 convolution where the shape changes."""

    def __init__(self, n_in, n_out, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(n_out)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(n_out)
        self.shortcut = nn.Sequential()
        if stride != 1 or n_in != n_out:
            self.shortcut = nn.Sequential(nn.Conv2d(n_in, n_out, 1, stride=stride, bias=False), nn.BatchNorm2d(n_out))

    def forward(self, x):
        out = F.silu(self.bn1(self.conv1(x)))
        return F.silu(self.bn2(self.conv2(out)) + self.shortcut(x))


torch.manual_seed(0)
table = np.loadtxt(DATA, delimiter=",", dtype=np.float32)[:500]
images = torch.from_numpy(table[:, :64]).view(-1, 1, 8, 8) / 8 - 1
labels = torch.from_numpy(table[:, 64]).long()
train, test = slice(0, 400), slice(400, 500)

model = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1, bias=False),
    nn.BatchNorm2d(8),
    nn.SiLU(),
    Residual(8, 8),
    Residual(8, 16, stride=2),
    nn.AvgPool2d(4),
    nn.Flatten(),
    nn.Linear(16, 10),
)
print(model[4])
print(
    sum(p.numel() for p in model.parameters()),
    "parameters,",
    sum(b.numel() for b in model.buffers()),
    "numbers in buffers",
)
x = images[:2]
for layer in model:
    x = layer(x)
    print(f"{type(layer).__name__:12s} -> {tuple(x.shape)}")

optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
for epoch in range(4):
    model.train()
    order, total = torch.randperm(400), 0.0
    for chosen in order.split(25):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images[train][chosen]), labels[train][chosen])
        loss.backward()
        optimizer.step()
        total += loss.item() * len(chosen)
    model.eval()
    with torch.no_grad():
        accuracy = (model(images[test]).argmax(1) == labels[test]).float().mean().item()
    print(
        f"epoch {epoch + 1}  lr {scheduler.get_last_lr()[0]:.4f}  loss {total / 400:.3f}  test accuracy {accuracy:.2f}"
    )
    scheduler.step()
bn = model[1]
print("channel means:", [round(v, 2) for v in bn.running_mean.tolist()], "batches:", int(bn.num_batches_tracked))

# The class activation: which pixels speak for the first test image's digit?
image = images[test][:1].clone().requires_grad_()
score = model(image)[0, labels[test][0]]
score.backward()
strength = image.grad.abs().squeeze()
print("saliency by row:", [round(v, 2) for v in (strength.sum(1) / strength.sum()).tolist()])
