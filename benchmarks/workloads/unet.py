"""UNet of two levels with batch norm and transposed convolutions on 64x64 images, batch 4, Adam."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """One training step of a segmentation in two classes."""
    nn = torch.nn
    torch.manual_seed(0)

    def double(inputs: int, outputs: int) -> Any:
        layers = []
        for n in (inputs, outputs):
            layers += [nn.Conv2d(n, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
        return nn.Sequential(*layers)

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down1, self.down2, self.bottom = double(3, 16), double(16, 32), double(32, 64)
            self.pool = nn.MaxPool2d(2)
            self.up2, self.up1 = nn.ConvTranspose2d(64, 32, 2, stride=2), nn.ConvTranspose2d(32, 16, 2, stride=2)
            self.merge2, self.merge1, self.out = double(64, 32), double(32, 16), nn.Conv2d(16, 1, 1)

        def forward(self, x: Any) -> Any:
            first = self.down1(x)
            second = self.down2(self.pool(first))
            x = self.up2(self.bottom(self.pool(second)))
            x = self.up1(self.merge2(torch.cat([second, x], dim=1)))
            return self.out(self.merge1(torch.cat([first, x], dim=1)))

    model, loss_fn = UNet(), nn.BCEWithLogitsLoss()
    images = torch.randn(4, 3, 64, 64)
    masks = (torch.rand(4, 1, 64, 64) > 0.5).float()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step() -> Any:
        loss = loss_fn(model(images), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step
