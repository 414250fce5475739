"""Masked and padded batches: packed sequences, attention masks, a transformer encoder, checkpointed blocks, generation."""

import math
import warnings

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.rnn import (
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
    unpack_sequence,
    unpad_sequence,
)
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

warnings.simplefilter("ignore")
torch.manual_seed(6)
torch.set_printoptions(precision=3, sci_mode=False)
seqs = [torch.randint(1, 9, (n,)) for n in (4, 2, 5)]
batch = pad_sequence(seqs, batch_first=True, padding_value=0)
lengths = torch.tensor([len(s) for s in seqs])
mask = torch.arange(batch.size(1))[None] < lengths[:, None]
print(batch, lengths, mask)
print(pad_sequence(seqs, padding_side="left", batch_first=True), unpad_sequence(batch, lengths, batch_first=True)[1])
packed = pack_padded_sequence(batch.float().unsqueeze(-1), lengths, batch_first=True, enforce_sorted=False)
print(packed)
print(
    pad_packed_sequence(packed, batch_first=True, total_length=6)[0].shape,
    [u.shape for u in unpack_sequence(packed)],
    pack_sequence(seqs, enforce_sorted=False).data,
)
emb = nn.Embedding(10, 8, padding_idx=0)
print(emb, emb.weight[0], emb(batch).shape)
for cls in (nn.RNN, nn.GRU, nn.LSTM):
    r = cls(8, 6, batch_first=True, bidirectional=True)
    out, h = r(pack_padded_sequence(emb(batch), lengths, batch_first=True, enforce_sorted=False))
    out, n = pad_packed_sequence(out, batch_first=True)
    h = h[0] if isinstance(h, tuple) else h
    print(
        cls.__name__,
        out.shape,
        h.shape,
        n,
        f"{out[~mask].abs().sum():.1f}",
        torch.allclose(out[torch.arange(3), lengths - 1, :6], h[0]),
    )
x = emb(batch)
mean = (x * mask[..., None]).sum(1) / lengths[:, None]
mx = x.masked_fill(~mask[..., None], float("-inf")).amax(1)
att = torch.softmax(torch.where(mask, x.sum(-1), -torch.inf), 1)
print(mean.shape, mx.isfinite().all(), att.sum(1).allclose(torch.ones(3)), att[1, 2:])


class PositionalEncoding(nn.Module):
    def __init__(self, d, n=50):
        super().__init__()
        pos, div = torch.arange(n).unsqueeze(1), torch.exp(torch.arange(0, d, 2) * (-math.log(10000.0) / d))
        pe = torch.zeros(n, d)
        pe[:, 0::2], pe[:, 1::2] = torch.sin(pos * div), torch.cos(pos * div)
        self.register_buffer("pe", pe)

    def forward(self, x):
        return x + self.pe[: x.size(1)]


enc = nn.TransformerEncoder(
    nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, activation="gelu"),
    2,
    norm=nn.LayerNorm(8),
    enable_nested_tensor=False,
)
pe = PositionalEncoding(8)
y = enc(pe(x), src_key_padding_mask=~mask)
short = enc(pe(x[1:2, :2]))
print(y.shape, torch.allclose(y[1, :2], short[0], atol=1e-5), nn.Transformer.generate_square_subsequent_mask(3))
causal = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
yc = enc(pe(x), mask=causal)
x2 = x.detach().clone()
x2[:, -1] += 1
print(torch.allclose(enc(pe(x2), mask=causal)[:, :-1], yc[:, :-1], atol=1e-5))
mha = nn.MultiheadAttention(8, 2, batch_first=True)
o, w = mha(x, x, x, key_padding_mask=~mask, need_weights=True, average_attn_weights=False)
print(o.shape, w.shape, w[1, :, 0, 2:].abs().sum(), w.sum(-1).allclose(torch.ones(3, 2, 5)))
o2, none = mha(x, x, x, attn_mask=torch.zeros(5, 5).masked_fill(causal, -torch.inf), need_weights=False)
print(none, o2.shape)
dec = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, dropout=0.0, batch_first=True), 1)
print(dec(x, y, tgt_mask=causal, memory_key_padding_mask=~mask).shape)
q = torch.randn(2, 2, 4, 4)
print(
    torch.allclose(
        F.scaled_dot_product_attention(q, q, q, is_causal=True),
        torch.softmax((q @ q.mT / 2).masked_fill(torch.ones(4, 4).triu(1).bool(), -torch.inf), -1) @ q,
        atol=1e-6,
    )
)
for f in (
    lambda: nn.MultiheadAttention(8, 2)(x, x, x[:, :3]),
    lambda: mha(x, x, x, key_padding_mask=mask[:, :3]),
    lambda: mha(x, x, x, attn_mask=causal[:3]),
    lambda: emb(torch.tensor([10])),
    lambda: emb(torch.tensor([1.0])),
    lambda: enc(x[..., :4]),
    lambda: pack_padded_sequence(x, lengths, batch_first=True),
    lambda: pad_sequence([]),
    lambda: F.scaled_dot_product_attention(q, q, q, attn_mask=q[0, 0] > 0, is_causal=True),
    lambda: nn.TransformerEncoderLayer(7, 2),
    lambda: pad_packed_sequence(packed, total_length=2),
    lambda: emb(batch.int()).shape,
    lambda: nn.Embedding(3, 2, padding_idx=5),
    lambda: nn.Embedding.from_pretrained(torch.eye(3))(torch.tensor([2])),
):
    try:
        print(f())
    except Exception as e:
        print(type(e).__name__, str(e).splitlines()[0])
blocks = nn.Sequential(*[nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5), nn.Tanh()) for _ in range(4)])
grads = []
for way in ("plain", "reentrant", "free", "seq"):
    torch.manual_seed(9)
    z = x.detach().clone().requires_grad_()
    if way == "plain":
        o = blocks(z)
    elif way == "seq":
        o = checkpoint_sequential(blocks, 2, z, use_reentrant=False)
    else:
        o = z
        for b in blocks:
            o = checkpoint(b, o, use_reentrant=way == "reentrant")
    o.sum().backward()
    grads.append((z.grad, blocks[0][0].weight.grad.clone(), torch.rand(1)))
    blocks.zero_grad()
print([all(torch.equal(a, b) for a, b in zip(grads[0], g)) for g in grads])
w = (x.detach()[:1] * 1).requires_grad_()
v = w * 1
o = checkpoint(lambda t: (t * 2).tanh(), v, use_reentrant=False)
v.zero_()
try:
    o.sum().backward()
except RuntimeError as e:
    print(str(e)[:90])
head = nn.Linear(8, 10)
ids = torch.tensor([[1, 2]])
g = torch.Generator().manual_seed(0)
with torch.inference_mode():
    for step in range(6):
        n = ids.size(1)
        logits = head(enc(pe(emb(ids)), mask=torch.ones(n, n).triu(1).bool()))[:, -1] / 0.8
        top = logits.topk(4).values[:, -1:]
        p = logits.masked_fill(logits < top, -torch.inf).softmax(-1)
        sp, si = p.sort(descending=True)
        keep = sp.cumsum(-1) - sp < 0.9
        p = torch.zeros_like(p).scatter(1, si, sp * keep)
        ids = torch.cat([ids, torch.multinomial(p / p.sum(-1, keepdim=True), 1, generator=g)], 1)
print(ids.shape, ids[:, :2], F.cross_entropy(head(y).flatten(0, 1), batch.flatten(), ignore_index=0).isfinite())
