"""Translation by a GRU encoder and an attending GRU decoder: 96 hidden, 15 and 12 words, batch 32, Adam."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """One training step with additive attention (Bahdanau et al., 2014), the decoder in a Python loop."""
    nn, F = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    vocabulary, width, batch = 500, 96, 32

    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding, self.dropout = nn.Embedding(vocabulary, width), nn.Dropout(0.1)
            self.query, self.key, self.energy = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, 1)
            self.gru, self.out = nn.GRU(2 * width, width, batch_first=True), nn.Linear(width, vocabulary)

        def forward(self, keys: Any, hidden: Any, words: Any) -> Any:
            outputs = []
            for t in range(words.shape[1]):
                embedded = self.dropout(self.embedding(words[:, t : t + 1]))
                query = self.query(hidden.permute(1, 0, 2))
                scores = self.energy(torch.tanh(query + self.key(keys))).squeeze(2).unsqueeze(1)
                context = torch.bmm(F.softmax(scores, dim=-1), keys)
                out, hidden = self.gru(torch.cat((embedded, context), dim=2), hidden)
                outputs.append(self.out(out))
            return torch.cat(outputs, dim=1)

    embedding, encoder, decoder = nn.Embedding(vocabulary, width), nn.GRU(width, width, batch_first=True), Decoder()
    source, target = torch.randint(0, vocabulary, (batch, 15)), torch.randint(0, vocabulary, (batch, 13))
    parameters = [*embedding.parameters(), *encoder.parameters(), *decoder.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3)

    def step() -> Any:
        keys, hidden = encoder(embedding(source))
        logits = decoder(keys, hidden, target[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, vocabulary), target[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step
