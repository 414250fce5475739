"""MLP 1024-2048-2048-10 with GELU, batch 256, AdamW."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """One training step of a classifier of random vectors."""
    nn = torch.nn
    torch.manual_seed(0)
    x, labels = torch.randn(256, 1024), torch.randint(0, 10, (256,))
    model = nn.Sequential(
        nn.Linear(1024, 2048), nn.GELU(), nn.Linear(2048, 2048), nn.GELU(), nn.Linear(2048, 10)
    )  # fmt: skip
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)

    def step() -> Any:
        loss = loss_fn(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step
