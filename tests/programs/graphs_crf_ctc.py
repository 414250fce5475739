"""A graph network by index_add and scatter_reduce, a CRF, CTC training, segment means; shapes refused."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(2)


class GCNLayer(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.lin = nn.Linear(i, o, bias=False)
        self.bias = nn.Parameter(torch.zeros(o))

    def forward(self, x, edge_index):
        n = x.size(0)
        loops = torch.arange(n).repeat(2, 1)
        src, dst = torch.cat([edge_index, loops], dim=1)
        deg = torch.zeros(n).index_add_(0, dst, torch.ones(dst.numel()))
        norm = deg.rsqrt()[src] * deg.rsqrt()[dst]
        h = self.lin(x)
        return torch.zeros(n, h.size(1)).index_add(0, dst, h[src] * norm[:, None]) + self.bias


class GAT(nn.Module):
    def __init__(self, i, o, heads=2):
        super().__init__()
        self.w = nn.Parameter(torch.empty(heads, i, o))
        self.a = nn.Parameter(torch.empty(heads, 2 * o))
        nn.init.xavier_uniform_(self.w, gain=nn.init.calculate_gain("relu"))
        nn.init.kaiming_normal_(self.a, mode="fan_out", nonlinearity="leaky_relu")

    def forward(self, x, ei):
        h = torch.einsum("ni,hio->nho", x, self.w)
        src, dst = ei
        e = F.leaky_relu((torch.cat([h[src], h[dst]], -1) * self.a).sum(-1), 0.2)
        m = torch.full((x.size(0), e.size(1)), float("-inf")).scatter_reduce(0, dst[:, None].expand_as(e), e, "amax")
        ex = (e - m[dst]).exp()
        z = torch.zeros_like(m).scatter_add(0, dst[:, None].expand_as(ex), ex)
        alpha = ex / z[dst]
        return torch.zeros_like(h).index_add(0, dst, alpha[..., None] * h[src]).flatten(1), alpha


ei = torch.tensor([[0, 1, 1, 2, 3, 4, 4, 5], [1, 0, 2, 1, 4, 3, 5, 4]])
ei = torch.cat([ei, torch.arange(6).repeat(2, 1)], 1)
x = torch.eye(6)
labels = torch.tensor([0, 0, 0, 1, 1, 1])
gcn, gat, head = GCNLayer(6, 4), GAT(6, 3), nn.Linear(10, 2)
opt = torch.optim.Adam([*gcn.parameters(), *gat.parameters(), *head.parameters()], lr=0.05, weight_decay=5e-4)
for epoch in range(30):
    h, alpha = gat(x, ei)
    logits = head(torch.cat([F.relu(gcn(x, ei[:, :8])), F.elu(h)], 1))
    loss = F.cross_entropy(logits[[0, 5]], labels[[0, 5]])
    opt.zero_grad()
    loss.backward()
    opt.step()
    if epoch % 10 == 0:
        print(f"epoch {epoch} loss {loss:.3f} alpha sum {alpha.sum().item():.2f}")
print("accuracy", (logits.argmax(1) == labels).float().mean())
src = torch.tensor([1.0, 4.0, 2.0, 8.0])
idx = torch.tensor([0, 0, 1, 2])
for r in ("sum", "prod", "mean", "amax", "amin"):
    print(
        r,
        torch.ones(4).scatter_reduce(0, idx, src, r),
        torch.ones(4).scatter_reduce(0, idx, src, r, include_self=False),
        torch.ones(4).index_reduce(0, idx, src, {"sum": "prod"}.get(r, r)),
    )
adj = torch.sparse_coo_tensor(ei, torch.ones(ei.size(1)), (6, 6)).coalesce()
print(adj)
print(
    torch.sparse.sum(adj, 1).to_dense(),
    (adj @ x)[0],
    adj.to_sparse_csr().crow_indices(),
    adj._nnz(),
    adj.is_coalesced(),
)
for f in (
    lambda: torch.zeros(3).index_add(0, torch.tensor([5]), torch.ones(1)),
    lambda: torch.zeros(3).scatter_add(0, torch.tensor([[0]]), torch.ones(1)),
    lambda: torch.zeros(3).scatter_reduce(0, idx, src, "median"),
    lambda: torch.zeros(3).index_add(0, idx, torch.ones(2)),
    lambda: torch.zeros(3).scatter(0, torch.tensor([0.0]), 1.0),
    lambda: x[torch.tensor([7])],
    lambda: x[:, 9],
    lambda: x[[0, 1], [0, 1, 2]],
    lambda: x.gather(1, torch.zeros(7, 1).long()),
    lambda: torch.bincount(torch.tensor([-1])),
    lambda: F.one_hot(torch.tensor([3]), 2),
    lambda: F.nll_loss(logits, labels.float()),
    lambda: F.cross_entropy(logits, torch.tensor([2] * 6)),
):
    try:
        print(f())
    except Exception as e:
        print(type(e).__name__, str(e).splitlines()[0])


class CRF(nn.Module):
    def __init__(self, k):
        super().__init__()
        self.t = nn.Parameter(torch.randn(k, k) * 0.1)
        self.start = nn.Parameter(torch.zeros(k))

    def score(self, em, tags, mask):
        b = torch.arange(em.size(0))
        s = self.start[tags[:, 0]] + em[b, 0, tags[:, 0]]
        for i in range(1, em.size(1)):
            s = s + (self.t[tags[:, i - 1], tags[:, i]] + em[b, i, tags[:, i]]) * mask[:, i]
        return s

    def partition(self, em, mask):
        a = self.start + em[:, 0]
        for i in range(1, em.size(1)):
            n = torch.logsumexp(a.unsqueeze(2) + self.t + em[:, i].unsqueeze(1), dim=1)
            a = torch.where(mask[:, i].unsqueeze(1).bool(), n, a)
        return a.logsumexp(1)

    @torch.no_grad()
    def decode(self, em):
        a, back = self.start + em[:, 0], []
        for i in range(1, em.size(1)):
            best, at = (a.unsqueeze(2) + self.t).max(1)
            a = best + em[:, i]
            back.append(at)
        path = [a.argmax(1)]
        for at in reversed(back):
            path.append(at.gather(1, path[-1][:, None]).squeeze(1))
        return torch.stack(path[::-1], 1)


em = torch.randn(3, 5, 4, requires_grad=True)
tags = torch.randint(4, (3, 5))
mask = (torch.arange(5) < torch.tensor([5, 3, 4])[:, None]).float()
crf = CRF(4)
nll = (crf.partition(em, mask) - crf.score(em, tags, mask)).mean()
nll.backward()
print(f"nll {nll:.4f}", crf.decode(em), crf.t.grad.sum().abs() < 1e-5, em.grad.sum(-1).abs().max() < 1e-6)

# CTC: a recurrent recogniser
lstm, proj = nn.LSTM(4, 8, bidirectional=True, batch_first=True, num_layers=2, dropout=0.0), nn.Linear(16, 5)
print(lstm)
inp, targets = torch.randn(2, 12, 4), torch.tensor([[1, 2, 2, 3], [4, 1, 0, 0]])
in_len, t_len = torch.tensor([12, 9]), torch.tensor([4, 2])
opt = torch.optim.RMSprop([*lstm.parameters(), *proj.parameters()], 0.005, alpha=0.9)
ctc = nn.CTCLoss(blank=0, zero_infinity=True)
print(ctc, opt.defaults)
for i in range(40):
    packed = nn.utils.rnn.pack_padded_sequence(inp, in_len, batch_first=True)
    out, (h, c) = lstm(packed)
    out, lens = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
    lp = proj(out).log_softmax(-1).transpose(0, 1)
    loss = ctc(lp, targets, lens, t_len)
    opt.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(lstm.parameters(), 1.0)
    opt.step()
    if i % 13 == 0:
        print(f"ctc {i}: {loss.item():.2f}", h.shape, c.shape, lens)
greedy = lp.argmax(-1).T
for seq, n in zip(greedy, lens):
    s = torch.unique_consecutive(seq[:n])
    print([int(v) for v in s if v != 0])
print(packed.batch_sizes, packed.sorted_indices)
for f in (
    lambda: nn.utils.rnn.pack_padded_sequence(inp, torch.tensor([9, 12]), batch_first=True),
    lambda: nn.utils.rnn.pack_padded_sequence(inp, torch.tensor([0, 12]), batch_first=True, enforce_sorted=False),
    lambda: lstm(torch.ones(2, 3, 5)),
    lambda: lstm(inp, (torch.zeros(1, 2, 8), torch.zeros(4, 2, 8))),
    lambda: ctc(lp, targets, torch.tensor([20, 9]), t_len),
    lambda: nn.LSTM(3, 4, dropout=2.0),
    lambda: nn.GRU(3, 4)(torch.ones(2, 3, 3, 3)),
    lambda: nn.LSTM(3, 4, proj_size=4),
    lambda: nn.utils.rnn.pack_sequence([torch.ones(2), torch.ones(3)]),
):
    try:
        print(f())
    except Exception as e:
        print(type(e).__name__, str(e).splitlines()[0])
