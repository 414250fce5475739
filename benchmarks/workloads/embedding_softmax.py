"""Embedding bag of 20 words, softmax over a vocabulary of 10,000, batch 128, SGD."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """One step of a continuous bag of words model."""
    nn = torch.nn
    torch.manual_seed(0)
    words, target = torch.randint(0, 10_000, (128, 20)), torch.randint(0, 10_000, (128,))
    bag, head = nn.EmbeddingBag(10_000, 64), nn.Linear(64, 10_000)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD([*bag.parameters(), *head.parameters()], lr=0.1)

    def step() -> Any:
        loss = loss_fn(head(bag(words)), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step
