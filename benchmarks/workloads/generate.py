"""Generation: 32 tokens one by one from a GPT of 4 layers of 128 with a cache of keys and values, per token."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step

UNITS = 32


def build(torch: Any) -> Step:
    """Greedy decoding of one sequence, without gradients."""
    nn, F = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    vocabulary, width, heads, layers = 256, 128, 4, 4

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

        def forward(self, x: Any, cache: dict[str, Any]) -> Any:
            batch, time, _ = x.shape
            q, k, v = self.qkv(self.ln1(x)).chunk(3, dim=-1)
            q, k, v = (t.view(batch, time, heads, width // heads).transpose(1, 2) for t in (q, k, v))
            if cache:
                k, v = torch.cat([cache["k"], k], dim=2), torch.cat([cache["v"], v], dim=2)
            cache["k"], cache["v"] = k, v
            y = F.scaled_dot_product_attention(q, k, v, is_causal=time > 1)
            x = x + self.out(y.transpose(1, 2).reshape(batch, time, width))
            return x + self.mlp(self.ln2(x))

    token, position = nn.Embedding(vocabulary, width), nn.Embedding(64, width)
    blocks, norm, head = nn.ModuleList([Block() for _ in range(layers)]), nn.LayerNorm(width), nn.Linear(width, 256)
    prompt = torch.randint(0, vocabulary, (1, 8))

    @torch.no_grad()
    def step() -> Any:
        caches: list[dict[str, Any]] = [{} for _ in blocks]
        index, start, total = prompt, 0, 0.0
        for _ in range(UNITS):
            x = token(index) + position(torch.arange(start, start + index.shape[1]))
            for block, cache in zip(blocks, caches):
                x = block(x, cache)
            logits = head(norm(x[:, -1]))
            start += index.shape[1]
            index = logits.argmax(dim=-1, keepdim=True)
            total += logits.max().item()
        return torch.tensor(total)

    return step
