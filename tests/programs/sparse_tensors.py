"""Sparse tensors as programs use them: graph attention, light graph convolution for recommendations, word vectors with
sparse gradients, PageRank, conjugate gradients on a grid's Laplacian."""

import torch
import torch.nn as nn
import torch.nn.functional as F

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.manual_seed(7)

# graph attention, with a function of its own for the product (as in pyGAT) ---------------------------------------------


class SpecialSpmmFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx, indices, values, shape, b):
        assert not indices.requires_grad
        a = torch.sparse_coo_tensor(indices, values, shape)
        ctx.save_for_backward(a, b)
        ctx.N = shape[0]
        return torch.matmul(a, b)

    @staticmethod
    def backward(ctx, grad_output):
        a, b = ctx.saved_tensors
        grad_values = grad_b = None
        if ctx.needs_input_grad[1]:
            grad_a_dense = grad_output.matmul(b.t())
            edge_idx = a._indices()[0, :] * ctx.N + a._indices()[1, :]
            grad_values = grad_a_dense.view(-1)[edge_idx]
        if ctx.needs_input_grad[3]:
            grad_b = a.t().matmul(grad_output)
        return None, grad_values, None, grad_b


class SpGraphAttentionLayer(nn.Module):
    def __init__(self, inputs, outputs, alpha=0.2):
        super().__init__()
        self.W = nn.Parameter(torch.zeros(size=(inputs, outputs)))
        nn.init.xavier_normal_(self.W.data, gain=1.414)
        self.a = nn.Parameter(torch.zeros(size=(1, 2 * outputs)))
        nn.init.xavier_normal_(self.a.data, gain=1.414)
        self.leakyrelu = nn.LeakyReLU(alpha)

    def forward(self, x, adj):
        N = x.size()[0]
        edge = adj.nonzero().t()
        h = torch.mm(x, self.W)
        edge_h = torch.cat((h[edge[0, :], :], h[edge[1, :], :]), dim=1).t()
        edge_e = torch.exp(-self.leakyrelu(self.a.mm(edge_h).squeeze()))
        e_rowsum = SpecialSpmmFunction.apply(edge, edge_e, torch.Size([N, N]), torch.ones(size=(N, 1), device=device))
        h_prime = SpecialSpmmFunction.apply(edge, edge_e, torch.Size([N, N]), h)
        return F.elu(h_prime.div(e_rowsum))


adj = ((torch.rand(12, 12) < 0.3) | torch.eye(12, dtype=torch.bool)).float().to(device)
layer = SpGraphAttentionLayer(5, 3)
x, target = torch.randn(12, 5), torch.randint(3, (12,))
optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
for step in range(5):
    optimizer.zero_grad()
    loss = F.cross_entropy(layer(x, adj), target)
    loss.backward()
    optimizer.step()
    print(f"attention {step}: {loss.item():.4f}")

# light graph convolution (LightGCN): users and things as one graph -----------------------------------------------------

users, things = 8, 10
liked = torch.rand(users, things) < 0.4
rows, columns = liked.nonzero(as_tuple=True)
index = torch.stack([torch.cat([rows, columns + users]), torch.cat([columns + users, rows])])
graph = torch.sparse.FloatTensor(index, torch.ones(index.size(1)), torch.Size([users + things] * 2))
degree = torch.sparse.sum(graph, dim=1).to_dense()
degree[degree == 0.0] = 1.0
scale = degree.pow(-0.5)
graph = torch.sparse.FloatTensor(index, scale[index[0]] * scale[index[1]], torch.Size([users + things] * 2)).coalesce()
graph = graph.to(device)
print(graph)
print(graph.dtype, graph.layout, graph.shape, graph.is_sparse, graph.is_coalesced(), graph._nnz(), graph.device)


def dropped(x, keep):
    size, index, values = x.size(), x.indices().t(), x.values()
    chosen = (torch.rand(len(values)) + keep).int().bool()
    return torch.sparse.FloatTensor(index[chosen].t(), values[chosen] / keep, size)


class LightGCN(nn.Module):
    def __init__(self, graph, width=4, layers=2):
        super().__init__()
        self.graph, self.layers = graph, layers
        self.user, self.thing = nn.Embedding(users, width), nn.Embedding(things, width)
        nn.init.normal_(self.user.weight, std=0.1)
        nn.init.normal_(self.thing.weight, std=0.1)

    def computer(self):
        all_emb = torch.cat([self.user.weight, self.thing.weight])
        embs = [all_emb]
        graph = dropped(self.graph, 0.8) if self.training else self.graph
        for _ in range(self.layers):
            all_emb = torch.sparse.mm(graph, all_emb)
            embs.append(all_emb)
        return torch.split(torch.mean(torch.stack(embs, dim=1), dim=1), [users, things])

    def bpr(self, u, good, bad):
        user, thing = self.computer()
        better = torch.mul(user[u], thing[good]).sum(1)
        worse = torch.mul(user[u], thing[bad]).sum(1)
        return torch.mean(F.softplus(worse - better))


model = LightGCN(graph)
optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
for step in range(20):
    loss = model.bpr(rows, columns, torch.randint(things, rows.shape))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 4:
        print(f"ranking {step}: {loss.item():.4f}")
with torch.no_grad():
    model.eval()
    user, thing = model.computer()
    print((user @ thing.t())[0])

# word vectors by skip-grams, with sparse gradients ---------------------------------------------------------------------


class SkipGram(nn.Module):
    def __init__(self, words, width):
        super().__init__()
        self.u = nn.Embedding(words, width, sparse=True)
        self.v = nn.Embedding(words, width, sparse=True)
        bound = 1.0 / width
        nn.init.uniform_(self.u.weight.data, -bound, bound)
        nn.init.constant_(self.v.weight.data, 0)

    def forward(self, center, context, negative):
        emb_u, emb_v, emb_neg = self.u(center), self.v(context), self.v(negative)
        score = torch.clamp(torch.sum(torch.mul(emb_u, emb_v), dim=1), max=10, min=-10)
        neg = torch.clamp(torch.bmm(emb_neg, emb_u.unsqueeze(2)).squeeze(2), max=10, min=-10)
        return torch.mean(-F.logsigmoid(score) - torch.sum(F.logsigmoid(-neg), dim=1))


for kind in (torch.optim.SparseAdam, torch.optim.Adagrad, torch.optim.SGD):
    torch.manual_seed(1)
    words = SkipGram(20, 6)
    optimizer = kind(list(words.parameters()), lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
    for _ in range(10):
        center = torch.randint(20, (16,))
        loss = words(center, (center + 1) % 20, torch.randint(20, (16, 3)))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    print(
        kind.__name__, f"{loss.item():.4f}", words.u.weight.grad.coalesce().indices().shape, words.u.weight[3].detach()
    )
try:
    torch.optim.Adam(words.parameters()).step()
except RuntimeError as error:
    print("RuntimeError:", error)

# PageRank, and conjugate gradients -------------------------------------------------------------------------------------

links = torch.tensor([[0, 0, 1, 2, 3, 3, 4], [1, 2, 2, 0, 0, 2, 3]])
out = torch.bincount(links[0], minlength=5).float()
M = torch.sparse_coo_tensor(links.flip(0), 1 / out[links[0]], (5, 5))
rank = torch.full((5, 1), 0.2)
for _ in range(50):
    rank = 0.85 * torch.sparse.mm(M, rank) + 0.15 / 5
print("rank", rank.squeeze(), rank.sum())
print(M.t().to_dense())

n = 8
line = torch.sparse.spdiags(
    torch.stack([-torch.ones(n), 2 * torch.ones(n), -torch.ones(n)]), torch.tensor([-1, 0, 1]), (n, n)
)
laplacian = (line + torch.eye(n).to_sparse() * 0.1).coalesce()
A = laplacian.to_dense().to_sparse_csr()
b = torch.arange(1.0, n + 1)
solution, residual = torch.zeros(n), b.clone()
direction, square = residual.clone(), residual @ residual
for _ in range(n):
    along = A @ direction
    step = square / (direction @ along)
    solution = solution + step * direction
    residual = residual - step * along
    square, before = residual @ residual, square
    direction = residual + square / before * direction
print("solved", bool(torch.allclose(A @ solution, b, atol=1e-3)), A.values()[:4], A.crow_indices())

# what a sparse parameter learns ------------------------------------------------------------------------------------------

mask = torch.rand(6, 4) < 0.5
sparse = torch.randn(6, 4).mul(mask).to_sparse().requires_grad_()
optimizer = torch.optim.SGD([sparse], lr=0.1)
wanted = torch.randn(6, 2)
inputs = torch.randn(4, 2)
for _ in range(3):
    optimizer.zero_grad()
    loss = (torch.sparse.mm(sparse, inputs) - wanted).pow(2).mean()
    loss.backward()
    print(f"sparse weights: {loss.item():.4f}, gradient {sparse.grad.coalesce().values()[:3]}")
    with torch.no_grad():
        sparse = (sparse - 0.1 * sparse.grad).coalesce().requires_grad_()
print(sparse.shape, sparse.requires_grad, sparse.is_leaf)
for call in (lambda: sparse + 1, lambda: torch.exp(sparse), lambda: sparse.values().numpy(), lambda: sparse[0:2]):
    try:
        call()
    except (RuntimeError, NotImplementedError, TypeError) as error:
        print(type(error).__name__, str(error).split(" with")[0])
