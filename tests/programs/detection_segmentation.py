"""Vision's losses and tools: anchors, IoU, NMS, focal and dice loss, super-resolution, a spatial transformer, capsules."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


def box_iou(a, b):
    area = lambda t: (t[:, 2] - t[:, 0]) * (t[:, 3] - t[:, 1])  # noqa: E731
    lt, rb = torch.max(a[:, None, :2], b[:, :2]), torch.min(a[:, None, 2:], b[:, 2:])
    wh = (rb - lt).clamp(min=0)
    inter = wh[:, :, 0] * wh[:, :, 1]
    return inter / (area(a)[:, None] + area(b) - inter)


def nms(boxes, scores, threshold):
    order, keep = scores.argsort(descending=True), []
    while order.numel() > 0:
        i = order[0]
        keep.append(i.item())
        if order.numel() == 1:
            break
        iou = box_iou(boxes[i].unsqueeze(0), boxes[order[1:]])[0]
        order = order[1:][iou <= threshold]
    return keep


corners = torch.rand(12, 2) * 8
boxes, scores = torch.cat((corners, corners + 2 + torch.rand(12, 2)), 1), torch.rand(12)
print("kept", nms(boxes, scores, 0.3), "mean IoU", f"{box_iou(boxes, boxes).mean():.4f}")
grid = torch.stack(torch.meshgrid(torch.arange(3), torch.arange(4), indexing="ij"), -1)
anchors = (grid[:, :, None, :] * 4 + torch.tensor([[1, 1], [2, 3]])).reshape(-1, 2)
print(anchors.shape, anchors[-1])


def focal_loss(logits, targets, alpha=0.25, gamma=2.0):
    ce = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    p_t = torch.exp(-ce)
    return (alpha * (1 - p_t) ** gamma * ce).mean()


class DiceLoss(nn.Module):
    def forward(self, inputs, targets, smooth=1):
        inputs, targets = torch.sigmoid(inputs).view(-1), targets.view(-1)
        intersection = (inputs * targets).sum()
        return 1 - (2.0 * intersection + smooth) / (inputs.sum() + targets.sum() + smooth)


def circles(n):
    yy, xx = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    c, r = torch.rand(n, 2, 1, 1) * 8 + 4, torch.rand(n, 1, 1) * 3 + 2
    mask = ((yy - c[:, 0]) ** 2 + (xx - c[:, 1]) ** 2 < r**2).to(c.dtype)
    return (mask + 0.4 * torch.randn(n, 16, 16)).unsqueeze(1), mask.unsqueeze(1)


print("segmentation")
net = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, padding=2, dilation=2), nn.ReLU(),
    nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False), nn.Conv2d(8, 1, 1),
)  # fmt: skip
optimizer, dice = torch.optim.Adam(net.parameters(), lr=0.02), DiceLoss()
for step in range(21):
    x, y = circles(8)
    out = net(x)
    loss = focal_loss(out, y) + dice(out, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        pred = out > 0
        iou = (pred & y.bool()).sum() / (pred | y.bool()).sum()
        print(f"step {step} loss {loss.item():.3f} IoU {iou.item():.3f}")

print("super-resolution")
sr = nn.Sequential(nn.Conv2d(1, 12, 5, padding=2), nn.Tanh(), nn.Conv2d(12, 9, 3, padding=1), nn.PixelShuffle(3))
for m in sr:
    if isinstance(m, nn.Conv2d):
        nn.init.orthogonal_(m.weight, nn.init.calculate_gain("tanh"))
optimizer = torch.optim.Adam(sr.parameters(), lr=5e-3)
for step in range(16):
    _, high = circles(4)
    high = F.interpolate(high, size=(18, 18), mode="bicubic", align_corners=True).clamp(0, 1)
    low = F.avg_pool2d(high, 3)
    loss = F.mse_loss(sr(low), high)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        psnr = 10 * np.log10(1 / loss.item())
        print(
            f"step {step} PSNR {psnr:.2f} dB, bicubic {10 * torch.log10(1 / F.mse_loss(F.interpolate(low, scale_factor=3, mode='bicubic'), high)).item():.2f} dB"
        )

print("a spatial transformer, in double precision: the steps at the circles' edges enlarge rounding")
torch.set_default_dtype(torch.float64)


class STN(nn.Module):
    def __init__(self):
        super().__init__()
        self.localization = nn.Sequential(
            nn.Conv2d(1, 4, 5), nn.MaxPool2d(2, stride=2), nn.ReLU(True), nn.Flatten(), nn.Linear(144, 6)
        )
        self.localization[-1].weight.data.zero_()
        self.localization[-1].bias.data.copy_(torch.tensor([0.9, 0.1, 0.05, -0.1, 0.9, 0.03]))
        self.fc = nn.Linear(256, 2)

    def forward(self, x):
        theta = self.localization(x).view(-1, 2, 3)
        grid = F.affine_grid(theta, x.size(), align_corners=False)
        x = F.grid_sample(x, grid, align_corners=False, padding_mode="border")
        return self.fc(x.flatten(1)), theta


stn = STN()
optimizer = torch.optim.SGD(stn.parameters(), lr=0.02)
for step in range(16):
    x, mask = circles(16)
    y = (mask.sum((1, 2, 3)) > 35).long()
    out, theta = stn(x)
    loss = F.cross_entropy(out, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        print(f"step {step} loss {loss.item():.3f} theta {[f'{v:.3f}' for v in theta.mean(0).flatten().tolist()]}")

torch.set_default_dtype(torch.float32)
print("capsules")


def squash(s, dim=-1):
    norm = s.norm(dim=dim, keepdim=True)
    return norm**2 / (1 + norm**2) * s / (norm + 1e-8)


W, u = torch.randn(3, 6, 4, 2, requires_grad=True), torch.randn(5, 6, 2)
u_hat = torch.einsum("jiab,nib->njia", W, u)
b = torch.zeros(5, 3, 6)
for _ in range(3):
    c = b.softmax(1)
    v = squash((c[..., None] * u_hat).sum(2))
    b = b + torch.einsum("njia,nja->nji", u_hat.detach(), v.detach())
margin = (F.relu(0.9 - v.norm(dim=-1)) ** 2).sum(1).mean()
margin.backward()
print(f"{margin.item():.4f} {W.grad.norm().item():.4f}", v.norm(dim=-1).max().item() < 1)
points = torch.randn(4, 3, 20)
pointnet = nn.Sequential(
    nn.Conv1d(3, 8, 1), nn.BatchNorm1d(8), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 2)
).eval()
print("permutation invariant:", torch.allclose(pointnet(points), pointnet(points[:, :, torch.randperm(20)]), atol=1e-6))
