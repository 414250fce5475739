"""GPT of 4 layers, 128 wide, 4 heads, 64 tokens, batch 12, AdamW."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """One training step of a language model of 65 characters, on random ones."""
    nn, F = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    vocabulary, length, width, heads, layers = 65, 64, 128, 4, 4

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

        def forward(self, x: Any) -> Any:
            batch, time, _ = x.shape
            q, k, v = self.qkv(x).split(width, dim=2)
            q, k, v = (t.view(batch, time, heads, width // heads).transpose(1, 2) for t in (q, k, v))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.out(y.transpose(1, 2).contiguous().view(batch, time, width))

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln1, self.ln2, self.attention = nn.LayerNorm(width), nn.LayerNorm(width), Attention()
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x: Any) -> Any:
            x = x + self.attention(self.ln1(x))
            return x + self.mlp(self.ln2(x))

    class GPT(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token, self.position = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
            self.blocks = nn.ModuleList([Block() for _ in range(layers)])
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

        def forward(self, index: Any) -> Any:
            x = self.token(index) + self.position(torch.arange(index.shape[1]))
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x))

    model = GPT()
    text = torch.randint(0, vocabulary, (12, length + 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4)

    def step() -> Any:
        logits = model(text[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, vocabulary), text[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step
