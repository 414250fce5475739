"""nn.Transformer: 2 encoder and 2 decoder layers of 128, masks and padding, 48 and 40 words, batch 16, Adam."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """One training step of a translator on random words."""
    nn, F = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    vocabulary, width, batch = 600, 128, 16
    source, target = torch.randint(1, vocabulary, (batch, 48)), torch.randint(1, vocabulary, (batch, 41))
    source[:, 40:] *= torch.arange(batch)[:, None] % 2  # every other sentence is padded with 0
    embedding, head = nn.Embedding(vocabulary, width), nn.Linear(width, vocabulary)
    model = nn.Transformer(width, 4, 2, 2, 4 * width, dropout=0.1, batch_first=True)
    mask = nn.Transformer.generate_square_subsequent_mask(40)
    parameters = [*embedding.parameters(), *model.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-4)

    def step() -> Any:
        hidden = source == 0
        out = model(embedding(source), embedding(target[:, :-1]), tgt_mask=mask, src_key_padding_mask=hidden,
                    memory_key_padding_mask=hidden)  # fmt: skip
        loss = F.cross_entropy(head(out).flatten(0, 1), target[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step
