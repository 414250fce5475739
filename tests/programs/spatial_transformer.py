"""A network that turns its own input: affine_grid and grid_sample, from the identity on, where the gradient jumps."""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)


class Turned(nn.Module):
    def __init__(self):
        super().__init__()
        self.locate = nn.Sequential(nn.Conv2d(1, 4, 7), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 9, 6))
        self.classify = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(150, 3))
        self.locate[-1].weight.data.zero_()
        self.locate[-1].bias.data.copy_(torch.tensor([1, 0, 0, 0, 1, 0], dtype=torch.float))

    def forward(self, x):
        theta = self.locate(x).view(-1, 2, 3)
        self.grid = F.affine_grid(theta, x.size(), align_corners=False)
        self.grid.retain_grad()
        return self.classify(F.grid_sample(x, self.grid, align_corners=False))


net = Turned()
opt = torch.optim.SGD(net.parameters(), lr=0.05)
x, y = torch.rand(32, 1, 12, 12), torch.randint(3, (32,))
for step in range(8):
    loss = F.cross_entropy(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(step, f"{loss.item():.4f} {net.grid.grad.abs().sum().item():.3f}", net.locate[-1].bias.grad)

# the identity, in images and in volumes
for n in (12, 17, 28, 32):
    for align in (False, True):
        images = torch.rand(2, 1, n, n)
        grid = F.affine_grid(torch.eye(2, 3).expand(2, 2, 3), images.size(), align_corners=align).requires_grad_()
        sampled = F.grid_sample(images, grid, align_corners=align)
        sampled.pow(2).sum().backward()
        nearest = F.grid_sample(images, grid, mode="nearest", align_corners=align)
        print(n, align, f"{grid.grad.sum().item():.1f} {grid.grad.abs().sum().item():.1f} {nearest.sum().item():.1f}")
for align in (False, True):
    volume = torch.rand(1, 1, 6, 7, 8)
    grid = F.affine_grid(torch.eye(3, 4)[None], volume.size(), align_corners=align).requires_grad_()
    F.grid_sample(volume, grid, align_corners=align).pow(2).sum().backward()
    print(align, f"{grid.grad.sum().item():.1f} {grid.grad.abs().sum().item():.1f}")
