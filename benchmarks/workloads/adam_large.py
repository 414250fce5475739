"""Adam on ten million parameters."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """The optimizer's step alone."""
    torch.manual_seed(0)
    parameters = [torch.randn(1000, 1000, requires_grad=True) for _ in range(10)]
    for p in parameters:
        p.grad = torch.randn(1000, 1000)
    optimizer = torch.optim.Adam(parameters, lr=1e-3)

    def step() -> Any:
        optimizer.step()
        return parameters[0].detach()[0].sum()

    return step
