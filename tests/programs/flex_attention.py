"""torch.nn.attention.flex_attention: causal, sliding windows, biases, documents, grouped heads."""

import warnings

import torch
from torch.nn.attention.flex_attention import and_masks, create_block_mask, create_mask, flex_attention, or_masks

warnings.simplefilter("ignore")
torch.manual_seed(0)
B, H, L, E = 2, 4, 12, 8
q, k, v = (torch.randn(B, H, L, E) for _ in range(3))
bias = torch.randn(H, 2 * L)
document = torch.tensor([0] * 5 + [1] * 4 + [2] * 3)


def causal(b, h, q_idx, kv_idx):
    return q_idx >= kv_idx


def window(b, h, q_idx, kv_idx):
    return (q_idx - kv_idx).abs() <= 2


def same_document(b, h, q_idx, kv_idx):
    return document[q_idx] == document[kv_idx]


def relative(score, b, h, q_idx, kv_idx):
    return score + bias[h, q_idx - kv_idx + L]


def alibi(score, b, h, q_idx, kv_idx):
    return score + torch.exp2(-((h + 1) * 8.0 / H)) * (kv_idx - q_idx)


def soft_cap(score, b, h, q_idx, kv_idx):
    return 5 * torch.tanh(score / 5)


def causal_score(score, b, h, q_idx, kv_idx):
    return torch.where(q_idx >= kv_idx, score, -float("inf"))


def show(name, out):
    print(name, tuple(out.shape), f"{(out * torch.arange(out.numel()).reshape(out.shape).sin()).sum().item():.4f}")


show("plain", flex_attention(q, k, v))
show("scale", flex_attention(q, k, v, scale=0.1))
for mod in (relative, alibi, soft_cap, causal_score):
    show(mod.__name__, flex_attention(q, k, v, score_mod=mod))
for mask in (causal, window, same_document, and_masks(causal, same_document), or_masks(window, same_document)):
    block = create_block_mask(mask, None, None, L, L, device="cpu", BLOCK_SIZE=4)
    print(block.shape, block.BLOCK_SIZE, f"{block.sparsity():.2f}", block.to_dense().tolist(), block.numel())
    show("mask", flex_attention(q, k, v, block_mask=block))
    show("both", flex_attention(q, k, v, score_mod=relative, block_mask=block))
print(create_mask(window, 1, 2, 3, 4, device="cpu"))

out, lse = flex_attention(q, k, v, score_mod=alibi, return_lse=True)
print(lse.shape, f"{lse.sum().item():.3f}")
none = create_block_mask(lambda b, h, q_idx, kv_idx: q_idx < 3, None, None, L, L, device="cpu", BLOCK_SIZE=4)
print(flex_attention(q, k, v, block_mask=none)[0, 0, 2:5])
few = [torch.randn(B, 2, L, E) for _ in range(2)]
print(f"{flex_attention(q, *few, enable_gqa=True).sum().item():.4f}")
try:
    flex_attention(q, *few)
except ValueError as error:
    print(error)
