"""A DataLoader over 60,000 small items, shuffled, batches of 64."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """One epoch of fetching and collating."""
    torch.manual_seed(0)
    data = torch.utils.data.TensorDataset(torch.rand(60_000, 16), torch.randint(0, 10, (60_000,)))
    loader = torch.utils.data.DataLoader(data, batch_size=64, shuffle=True)

    def step() -> Any:
        total = torch.zeros(())
        for x, y in loader:
            total = total + x[0, 0] + y[0]
        return total

    return step
