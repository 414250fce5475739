"""The transformer from its parts: clones, attention by hand, label smoothing by KL divergence, the Noam rate, greedy copy."""

import copy
import math

import torch
import torch.nn as nn
from torch.autograd import Variable
from torch.nn.functional import log_softmax
from torch.optim.lr_scheduler import LambdaLR

torch.manual_seed(0)


def clones(module, N):
    return nn.ModuleList([copy.deepcopy(module) for _ in range(N)])


def subsequent_mask(size):
    attn_shape = (1, size, size)
    mask = torch.triu(torch.ones(attn_shape), diagonal=1).type(torch.uint8)
    return mask == 0


def attention(query, key, value, mask=None, dropout=None):
    d_k = query.size(-1)
    scores = torch.matmul(query, key.transpose(-2, -1)) / math.sqrt(d_k)
    if mask is not None:
        scores = scores.masked_fill(mask == 0, -1e9)
    p_attn = scores.softmax(dim=-1)
    if dropout is not None:
        p_attn = dropout(p_attn)
    return torch.matmul(p_attn, value), p_attn


class LayerNorm(nn.Module):
    def __init__(self, features, eps=1e-6):
        super(LayerNorm, self).__init__()
        self.a_2 = nn.Parameter(torch.ones(features))
        self.b_2 = nn.Parameter(torch.zeros(features))
        self.eps = eps

    def forward(self, x):
        mean = x.mean(-1, keepdim=True)
        std = x.std(-1, keepdim=True)
        return self.a_2 * (x - mean) / (std + self.eps) + self.b_2


class SublayerConnection(nn.Module):
    def __init__(self, size, dropout):
        super().__init__()
        self.norm, self.dropout = LayerNorm(size), nn.Dropout(dropout)

    def forward(self, x, sublayer):
        return x + self.dropout(sublayer(self.norm(x)))


class MultiHeadedAttention(nn.Module):
    def __init__(self, h, d_model, dropout=0.1):
        super().__init__()
        self.d_k, self.h = d_model // h, h
        self.linears, self.attn = clones(nn.Linear(d_model, d_model), 4), None
        self.dropout = nn.Dropout(p=dropout)

    def forward(self, query, key, value, mask=None):
        if mask is not None:
            mask = mask.unsqueeze(1)
        n = query.size(0)
        query, key, value = [
            lin(x).view(n, -1, self.h, self.d_k).transpose(1, 2) for lin, x in zip(self.linears, (query, key, value))
        ]
        x, self.attn = attention(query, key, value, mask=mask, dropout=self.dropout)
        x = x.transpose(1, 2).contiguous().view(n, -1, self.h * self.d_k)
        return self.linears[-1](x)


class FeedForward(nn.Module):
    def __init__(self, d_model, d_ff, dropout=0.1):
        super().__init__()
        self.w_1, self.w_2, self.dropout = nn.Linear(d_model, d_ff), nn.Linear(d_ff, d_model), nn.Dropout(dropout)

    def forward(self, x):
        return self.w_2(self.dropout(self.w_1(x).relu()))


class Layer(nn.Module):
    def __init__(self, size, self_attn, src_attn, feed_forward, dropout):
        super().__init__()
        self.self_attn, self.src_attn, self.feed_forward = self_attn, src_attn, feed_forward
        self.sublayer = clones(SublayerConnection(size, dropout), 2 if src_attn is None else 3)

    def forward(self, x, mask, memory=None, src_mask=None):
        x = self.sublayer[0](x, lambda x: self.self_attn(x, x, x, mask))
        if self.src_attn is not None:
            x = self.sublayer[1](x, lambda x: self.src_attn(x, memory, memory, src_mask))
        return self.sublayer[-1](x, self.feed_forward)


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, dropout, max_len=100):
        super().__init__()
        self.dropout = nn.Dropout(p=dropout)
        pe = torch.zeros(max_len, d_model)
        position = torch.arange(0, max_len).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2) * -(math.log(10000.0) / d_model))
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        self.register_buffer("pe", pe.unsqueeze(0))

    def forward(self, x):
        x = x + Variable(self.pe[:, : x.size(1)], requires_grad=False)
        return self.dropout(x)


class Model(nn.Module):
    def __init__(self, vocab, N=2, d_model=32, d_ff=64, h=4, dropout=0.1):
        super().__init__()
        c = copy.deepcopy
        attn, ff = MultiHeadedAttention(h, d_model), FeedForward(d_model, d_ff, dropout)
        self.encoder = clones(Layer(d_model, c(attn), None, c(ff), dropout), N)
        self.decoder = clones(Layer(d_model, c(attn), c(attn), c(ff), dropout), N)
        self.embed = nn.Sequential(nn.Embedding(vocab, d_model), PositionalEncoding(d_model, dropout))
        self.norms, self.proj, self.d_model = clones(LayerNorm(d_model), 2), nn.Linear(d_model, vocab), d_model
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.xavier_uniform_(p)

    def encode(self, src, src_mask):
        x = self.embed(src)
        for layer in self.encoder:
            x = layer(x, src_mask)
        return self.norms[0](x)

    def decode(self, memory, src_mask, tgt, tgt_mask):
        x = self.embed(tgt)
        for layer in self.decoder:
            x = layer(x, tgt_mask, memory, src_mask)
        return log_softmax(self.proj(self.norms[1](x)), dim=-1)

    def forward(self, src, tgt, src_mask, tgt_mask):
        return self.decode(self.encode(src, src_mask), src_mask, tgt, tgt_mask)


class LabelSmoothing(nn.Module):
    def __init__(self, size, padding_idx, smoothing=0.0):
        super().__init__()
        self.criterion = nn.KLDivLoss(reduction="sum")
        self.padding_idx, self.confidence, self.smoothing, self.size = padding_idx, 1.0 - smoothing, smoothing, size
        self.true_dist = None

    def forward(self, x, target):
        assert x.size(1) == self.size
        true_dist = x.data.clone()
        true_dist.fill_(self.smoothing / (self.size - 2))
        true_dist.scatter_(1, target.data.unsqueeze(1), self.confidence)
        true_dist[:, self.padding_idx] = 0
        mask = torch.nonzero(target.data == self.padding_idx)
        if mask.dim() > 0:
            true_dist.index_fill_(0, mask.squeeze(), 0.0)
        self.true_dist = true_dist
        return self.criterion(x, true_dist.clone().detach())


def rate(step, model_size, factor, warmup):
    if step == 0:
        step = 1
    return factor * (model_size ** (-0.5) * min(step ** (-0.5), step * warmup ** (-1.5)))


V = 11
criterion = LabelSmoothing(size=V, padding_idx=0, smoothing=0.1)
model = Model(V)
print(sum(p.numel() for p in model.parameters()), "parameters", subsequent_mask(4)[0].int())
optimizer = torch.optim.Adam(model.parameters(), lr=0.5, betas=(0.9, 0.98), eps=1e-9)
scheduler = LambdaLR(optimizer=optimizer, lr_lambda=lambda step: rate(step, 32, 0.5, 20))
for step in range(61):
    data = torch.randint(1, V, size=(24, 8))
    data[:, 0] = 1
    src = data.requires_grad_(False).clone().detach()
    tgt, tgt_y = src[:, :-1], src[:, 1:]
    tgt_mask = (tgt != 0).unsqueeze(-2)
    tgt_mask = tgt_mask & subsequent_mask(tgt.size(-1)).type_as(tgt_mask.data)
    ntokens = (tgt_y != 0).data.sum()
    out = model(src, tgt, (src != 0).unsqueeze(-2), tgt_mask)
    loss = criterion(out.contiguous().view(-1, V), tgt_y.contiguous().view(-1)) / ntokens
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    scheduler.step()
    if step % 20 == 0:
        print(
            f"Epoch Step: {step:6d} | Loss: {loss.item():6.2f} | Learning Rate: {optimizer.param_groups[0]['lr']:6.1e}"
        )
model.eval()
src = torch.LongTensor([[1, 2, 3, 4, 5, 6, 7, 8]])
src_mask = torch.ones(1, 1, 8)
memory = model.encode(src, src_mask)
ys = torch.zeros(1, 1).fill_(1).type_as(src.data)
for _ in range(7):
    prob = model.decode(memory, src_mask, ys, subsequent_mask(ys.size(1)).type_as(src.data))[:, -1]
    _, next_word = torch.max(prob, dim=1)
    ys = torch.cat([ys, torch.zeros(1, 1).type_as(src.data).fill_(next_word.data[0])], dim=1)
print(ys.shape, model.decoder[0].src_attn.attn.shape)
