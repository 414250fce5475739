"""LSTMCell in a Python loop: 64 hidden, 40 steps, batch 16, predicts the next value of sines, Adam."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """One training step of two cells on top of each other, an output at each step."""
    nn = torch.nn
    torch.manual_seed(0)
    first, second, head = nn.LSTMCell(1, 64), nn.LSTMCell(64, 64), nn.Linear(64, 1)
    shift = torch.rand(16, 1) * 6
    waves = torch.sin(torch.arange(41) / 5 + shift)
    optimizer = torch.optim.Adam([*first.parameters(), *second.parameters(), *head.parameters()], lr=1e-3)
    loss_fn = nn.MSELoss()

    def step() -> Any:
        h = c = h2 = c2 = torch.zeros(16, 64)
        outputs = []
        for x in waves[:, :-1].split(1, dim=1):
            h, c = first(x, (h, c))
            h2, c2 = second(h, (h2, c2))
            outputs.append(head(h2))
        loss = loss_fn(torch.cat(outputs, dim=1), waves[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step
