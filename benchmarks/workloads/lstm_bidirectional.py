"""Bidirectional LSTM: 2 layers of 96 with dropout over packed sequences of 20 to 60 words, batch 24, Adam."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """One training step of a tagger: a label for each word."""
    nn, F = torch.nn, torch.nn.functional
    from_list, pack, pad = torch.tensor, nn.utils.rnn.pack_padded_sequence, nn.utils.rnn.pad_packed_sequence
    torch.manual_seed(0)
    vocabulary, width, tags, batch = 1000, 96, 17, 24
    lengths = [20 + 40 * i // (batch - 1) for i in range(batch)]
    text = torch.randint(0, vocabulary, (batch, max(lengths)))
    inside = torch.arange(max(lengths)) < from_list(lengths)[:, None]
    labels = torch.randint(0, tags, text.shape).masked_fill(~inside, -100)
    embedding = nn.Embedding(vocabulary, width)
    lstm = nn.LSTM(width, width, 2, batch_first=True, bidirectional=True, dropout=0.3)
    head = nn.Linear(2 * width, tags)
    optimizer = torch.optim.Adam([*embedding.parameters(), *lstm.parameters(), *head.parameters()], lr=1e-3)

    def step() -> Any:
        packed = pack(embedding(text), lengths, batch_first=True, enforce_sorted=False)
        out, _ = pad(lstm(packed)[0], batch_first=True)
        loss = F.cross_entropy(head(out).flatten(0, 1), labels.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step
