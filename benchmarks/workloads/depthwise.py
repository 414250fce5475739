"""Depthwise separable convolutions (MobileNet blocks, grouped 1x1) on 32x32 images, batch 16, SGD."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """One training step."""
    nn = torch.nn
    torch.manual_seed(0)

    def block(width_in: int, width: int, stride: int, groups: int = 1) -> Any:
        return nn.Sequential(
            nn.Conv2d(width_in, width_in, 3, stride, 1, groups=width_in, bias=False),
            nn.BatchNorm2d(width_in), nn.ReLU6(),
            nn.Conv2d(width_in, width, 1, groups=groups, bias=False), nn.BatchNorm2d(width), nn.ReLU6(),
        )  # fmt: skip

    model = nn.Sequential(
        nn.Conv2d(3, 32, 3, 1, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6(),
        block(32, 64, 1), block(64, 128, 2), block(128, 128, 1, groups=4), block(128, 256, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip
    images, labels = torch.randn(16, 3, 32, 32), torch.randint(0, 10, (16,))
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step() -> Any:
        loss = loss_fn(model(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step
