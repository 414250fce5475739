"""Attention by hand: a tiny causal transformer learns to repeat a sequence that it has seen once."""

import math

import torch
from torch import nn
from torch.nn import functional as F

VOCAB, HALF, WIDTH, HEADS = 8, 5, 32, 2
LENGTH = 2 * HALF


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.register_buffer("mask", torch.tril(torch.ones(LENGTH, LENGTH)).view(1, 1, LENGTH, LENGTH))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = self.qkv(x).split(WIDTH, dim=2)
        q, k, v = (a.view(B, T, HEADS, C // HEADS).transpose(1, 2) for a in (q, k, v))  # (B, heads, T, C / heads)
        scores = q @ k.transpose(-2, -1) / math.sqrt(C // HEADS)
        scores = scores.masked_fill(self.mask[:, :, :T, :T] == 0, float("-inf"))
        self.weights = F.softmax(scores, dim=-1)
        y = self.weights @ v
        return self.out(y.transpose(1, 2).contiguous().view(B, T, C))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attention = SelfAttention()
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCAB, WIDTH)
        self.positions = nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.Sequential(Block(), Block())
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, VOCAB, bias=False)

    def forward(self, ids):
        x = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
        return self.head(self.norm(self.blocks(x)))


def batch(n):
    first = torch.randint(0, VOCAB, (n, HALF))
    return torch.cat([first, first], dim=1)


torch.manual_seed(0)
model = Transformer()
print(sum(p.numel() for p in model.parameters()), "parameters")
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
for step in range(151):
    ids = batch(32)
    logits = model(ids[:, :-1])
    targets = ids[:, 1:].clone()
    targets[:, : HALF - 1] = -100  # the first half cannot be foretold: left out of the loss
    loss = F.cross_entropy(logits.reshape(-1, VOCAB), targets.reshape(-1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    if step % 30 == 0:
        print(f"step {step:3d}  loss {loss.item():.3f}")

model.eval()
ids = batch(1)
sequence = ids[:, :HALF]
with torch.no_grad():
    for _ in range(HALF):
        sequence = torch.cat([sequence, model(sequence)[:, -1].argmax(dim=-1, keepdim=True)], dim=1)
weights = model.blocks[0].attention.weights
print("asked", ids[0, :HALF].tolist(), "answered", sequence[0, HALF:].tolist())
print("rows of the weights sum to one:", torch.allclose(weights.sum(-1), torch.ones(())))
print("weight on what is ahead:", weights[0, 0, 0, 1:].sum().item())
