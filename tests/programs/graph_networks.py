"""Graph networks by hand: a GCN with a normalised adjacency, message passing by index_add_, attention by scatter."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
n, classes = 30, 3
labels = torch.arange(n) % classes
p = torch.where(labels[:, None] == labels[None, :], 0.5, 0.05)
upper = torch.triu(torch.bernoulli(p), diagonal=1)
A = upper + upper.T
src, dst = A.nonzero(as_tuple=True)
edge_index = torch.stack((src, dst))
print(edge_index.shape, "edges; degrees", torch.bincount(src, minlength=n).tolist())


def normalise(A):
    A_hat = A + torch.eye(len(A))
    d = A_hat.sum(1).pow(-0.5)
    return d[:, None] * A_hat * d[None, :]


class GCNConv(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.lin = nn.Linear(n_in, n_out, bias=False)
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, x, edge_index):
        row, col = edge_index
        loops = torch.arange(x.size(0))
        row, col = torch.cat((row, loops)), torch.cat((col, loops))
        deg = torch.zeros(x.size(0)).scatter_add_(0, col, torch.ones(col.numel()))
        norm = deg.rsqrt()[row] * deg.rsqrt()[col]
        x = self.lin(x)
        out = torch.zeros_like(x).index_add_(0, col, x[row] * norm.unsqueeze(-1))
        return out + self.bias


class GATConv(nn.Module):
    def __init__(self, n_in, n_out, heads):
        super().__init__()
        self.heads, self.n_out = heads, n_out
        self.lin = nn.Linear(n_in, heads * n_out, bias=False)
        self.att_src = nn.Parameter(torch.empty(1, heads, n_out))
        self.att_dst = nn.Parameter(torch.empty(1, heads, n_out))
        nn.init.xavier_uniform_(self.att_src)
        nn.init.xavier_uniform_(self.att_dst)

    def forward(self, x, edge_index):
        row, col = edge_index
        x = self.lin(x).view(-1, self.heads, self.n_out)
        alpha = (x * self.att_src).sum(-1)[row] + (x * self.att_dst).sum(-1)[col]
        alpha = F.leaky_relu(alpha, 0.2)
        index = col.unsqueeze(-1).expand_as(alpha)
        peak = torch.full((x.size(0), self.heads), -1e9).scatter_reduce(0, index, alpha, reduce="amax")
        alpha = (alpha - peak[col].detach()).exp()
        alpha = alpha / (torch.zeros(x.size(0), self.heads).scatter_add(0, index, alpha)[col] + 1e-16)
        out = torch.zeros(x.size(0), self.heads, self.n_out)
        return out.index_add(0, col, x[row] * alpha.unsqueeze(-1)).flatten(1)


class Net(nn.Module):
    def __init__(self, conv1, conv2):
        super().__init__()
        self.conv1, self.conv2 = conv1, conv2

    def forward(self, x, edge_index):
        x = F.dropout(F.elu(self.conv1(x, edge_index)), p=0.3, training=self.training)
        return F.log_softmax(self.conv2(x, edge_index), dim=1)


x = torch.eye(n)
conv = GCNConv(n, 4)
print("scatter is the matrix product:", torch.allclose(conv(x, edge_index), normalise(A) @ conv.lin(x), atol=1e-6))
train_mask = torch.zeros(n, dtype=torch.bool)
train_mask[:9] = True
for name, net in (("GCN", Net(GCNConv(n, 8), GCNConv(8, 3))), ("GAT", Net(GATConv(n, 4, 2), GATConv(8, 3, 1)))):
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02, weight_decay=5e-4)
    for epoch in range(41):
        net.train()
        optimizer.zero_grad()
        loss = F.nll_loss(net(x, edge_index)[train_mask], labels[train_mask])
        loss.backward()
        optimizer.step()
        if epoch % 20 == 0:
            net.eval()
            with torch.no_grad():
                pred = net(x, edge_index).argmax(dim=1)
            acc = int((pred[~train_mask] == labels[~train_mask]).sum()) / int((~train_mask).sum())
            print(f"{name} epoch {epoch:3d} loss {loss:.4f} test accuracy {acc:.4f}")

print("pooling of two graphs")
batch = (torch.arange(n) >= 12).long()
for reduce in ("sum", "mean", "amax", "amin", "prod"):
    out = torch.zeros(2, 1).scatter_reduce(
        0, batch[:, None], A.sum(1, keepdim=True) / 8, reduce=reduce, include_self=False
    )
    print(reduce, out.flatten())
