"""A graph convolutional network: find the communities of a graph of which only a few nodes' are known.

The network is that of Kipf and Welling, "Semi-supervised classification with graph convolutional networks" (2017): two
layers of H = A (X W), where A is the graph's adjacency with self-loops, normalized, as a sparse matrix. The graph is
made here: nodes of one community are joined more often than others, and their features hint at it.

Plain PyTorch: `python gcn_communities.py`, or `python -m microtorch run gcn_communities.py`; both print the same.
"""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

COMMUNITIES, SIZE, WORDS = 4, 60, 40
torch.manual_seed(0)


def make_graph():
    """Edges (2, number) in both directions, features (nodes, words) and each node's community."""
    labels = torch.arange(COMMUNITIES).repeat_interleave(SIZE)
    same = labels[:, None] == labels[None, :]
    likely = torch.where(same, 0.08, 0.008)
    joined = torch.triu(torch.rand(len(labels), len(labels)) < likely, diagonal=1)
    edges = joined.nonzero().t()
    words = torch.rand(COMMUNITIES, WORDS)  # how often each word occurs in each community
    features = (torch.rand(len(labels), WORDS) < 0.2 * words[labels] + 0.1).float()
    return torch.cat([edges, edges.flip(0)], dim=1), features, labels


def normalized(edges, nodes):
    """D^-1/2 (A + I) D^-1/2 as a sparse matrix, D the degrees."""
    loops = torch.arange(nodes).expand(2, nodes)
    indices = torch.cat([edges, loops], dim=1)
    adjacency = torch.sparse_coo_tensor(indices, torch.ones(indices.shape[1]), (nodes, nodes)).coalesce()
    degrees = torch.sparse.sum(adjacency, dim=1).to_dense()
    rows, columns = adjacency.indices()
    values = adjacency.values() * (degrees[rows] * degrees[columns]).rsqrt()
    return torch.sparse_coo_tensor(adjacency.indices(), values, adjacency.shape).coalesce()


class GraphConvolution(nn.Module):
    """A (X W) + b: what the neighbours say, in the mean."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.empty(outputs))
        bound = 1 / math.sqrt(outputs)
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, x, adjacency):
        return torch.sparse.mm(adjacency, x @ self.weight) + self.bias


class GCN(nn.Module):
    """Two graph convolutions with dropout between them."""

    def __init__(self, inputs, hidden, outputs, dropout=0.5):
        super().__init__()
        self.first = GraphConvolution(inputs, hidden)
        self.second = GraphConvolution(hidden, outputs)
        self.dropout = dropout

    def forward(self, x, adjacency):
        x = F.relu(self.first(x, adjacency))
        x = F.dropout(x, self.dropout, training=self.training)
        return F.log_softmax(self.second(x, adjacency), dim=1)


edges, features, labels = make_graph()
adjacency = normalized(edges, len(labels))
print(f"{len(labels)} nodes, {edges.shape[1] // 2} edges; {adjacency._nnz()} numbers in the matrix")
print(adjacency)

known = torch.cat([torch.where(labels == c)[0][:4] for c in range(COMMUNITIES)])  # four of each community
hidden = torch.ones(len(labels), dtype=torch.bool)
hidden[known] = False

model = GCN(WORDS, 16, COMMUNITIES)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-4)
for epoch in range(1, 101):
    model.train()
    optimizer.zero_grad()
    loss = F.nll_loss(model(features, adjacency)[known], labels[known])
    loss.backward()
    optimizer.step()
    if epoch % 20 == 0:
        model.eval()
        with torch.no_grad():
            right = (model(features, adjacency).argmax(dim=1) == labels)[hidden]
        print(f"epoch {epoch:3d}  loss {loss.item():.3f}  right where unknown {right.float().mean().item():.3f}")

# A number for each edge can be learned, too: its gradient is sparse, at the edges only.
weights = adjacency.detach().requires_grad_()
model.eval()
F.nll_loss(model(features, weights)[known], labels[known]).backward()
slope = weights.grad.coalesce()
rows, columns = slope.indices()
crossing = labels[rows] != labels[columns]
inside, between = (slope.values()[which].mean().item() for which in (~crossing, crossing))
print(f"gradient by the edges' weights: {slope.values().numel()} numbers, in the mean {inside:+.5f} inside of")
print(f"communities and {between:+.5f} between them")
