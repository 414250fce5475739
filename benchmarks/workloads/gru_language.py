"""GRU language model: 2 layers of 192, dropout, vocabulary 2,000, 35 steps, batch 20, clipped SGD."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """One training step of truncated backpropagation through time; the state goes from step to step."""
    nn, F = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    vocabulary, width, layers, batch, length = 2000, 192, 2, 20, 35
    embedding, gru = nn.Embedding(vocabulary, width), nn.GRU(width, width, layers, dropout=0.2)
    head = nn.Linear(width, vocabulary)
    parameters = [*embedding.parameters(), *gru.parameters(), *head.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.1)
    text = torch.randint(0, vocabulary, (length + 1, batch))
    states = [torch.zeros(layers, batch, width)]

    def step() -> Any:
        out, states[0] = gru(embedding(text[:-1]), states[0].detach())
        loss = F.cross_entropy(head(out).view(-1, vocabulary), text[1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 0.25)
        optimizer.step()
        return loss

    return step
