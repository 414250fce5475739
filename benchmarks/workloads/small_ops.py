"""Twenty small operations on 16 numbers, in a loop of 50, and backward."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """What a program of small tensors spends on each operation."""
    torch.manual_seed(0)
    a = torch.randn(16, requires_grad=True)
    b = torch.randn(16, requires_grad=True)

    def step() -> Any:
        a.grad = b.grad = None
        x = a
        for _ in range(50):
            y = x * b + 0.5
            y = torch.tanh(y) - y / 3
            y = torch.relu(y) + torch.sigmoid(x) * 2
            y = y - y.mean()
            z = torch.exp(-y * y)
            z = z / (z.sum() + 1e-3)
            x = (y + z.view(4, 4).t().reshape(16)).clamp(-2, 2)
        loss = x.pow(2).sum()
        loss.backward()
        return loss.detach() + a.grad.sum()

    return step
