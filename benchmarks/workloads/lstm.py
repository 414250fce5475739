"""LSTM, 128 hidden, 50 steps, batch 32, Adam."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """One training step of a sequence classifier."""
    nn = torch.nn
    torch.manual_seed(0)
    x, labels = torch.randn(32, 50, 64), torch.randint(0, 10, (32,))
    lstm, head = nn.LSTM(64, 128, batch_first=True), nn.Linear(128, 10)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam([*lstm.parameters(), *head.parameters()], lr=1e-3)

    def step() -> Any:
        out, _ = lstm(x)
        loss = loss_fn(head(out[:, -1]), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step
