"""Graph of 2,000 0-d tensors, built and run backward."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """A chain y = y * a + b, a thousand times over, and its backward pass: the cost of a node and nothing else."""
    a, b = torch.tensor(1.001, requires_grad=True), torch.tensor(0.001, requires_grad=True)
    x = torch.tensor(1.0, requires_grad=True)

    def step() -> Any:
        y = x
        for _ in range(1000):
            y = y * a + b
        a.grad = b.grad = x.grad = None
        y.backward()
        return y.detach() + x.grad + b.grad

    return step
