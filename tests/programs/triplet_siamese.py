"""Metric learning: a siamese network with a contrastive loss, triplets, SimCLR's NT-Xent, CLIP's symmetric loss."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(7)
centres = torch.randn(4, 10) * 2


def draw(n):
    labels = torch.randint(0, 4, (n,))
    return centres[labels] + torch.randn(n, 10), labels


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(10, 24, bias=False), nn.BatchNorm1d(24), nn.PReLU(), nn.Linear(24, 4, bias=False)
        )

    def forward(self, x, normalize=False):
        z = self.net(x)
        return F.normalize(z, p=2, dim=-1) if normalize else z


class ContrastiveLoss(nn.Module):
    def __init__(self, margin=2.0):
        super().__init__()
        self.margin = margin

    def forward(self, output1, output2, label):
        d = F.pairwise_distance(output1, output2, keepdim=True)
        return torch.mean((1 - label) * d.pow(2) + label * torch.clamp(self.margin - d, min=0.0).pow(2))


class TripletSet(Dataset):
    def __init__(self, n):
        self.x, self.y = draw(n)
        self.by_class = {c.item(): (self.y == c).nonzero().flatten() for c in self.y.unique()}

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        c = self.y[i].item()
        pos = self.by_class[c][torch.randint(len(self.by_class[c]), (1,))].item()
        others = (self.y != c).nonzero(as_tuple=True)[0]
        neg = others[torch.randint(len(others), ())]
        return self.x[i], self.x[pos], self.x[neg]


print("contrastive")
net, criterion = Embedder(), ContrastiveLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(3):
    total = 0.0
    for _ in range(10):
        (a, la), (b, lb) = draw(32), draw(32)
        loss = criterion(net(a), net(b), (la != lb).float().unsqueeze(1))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / 10:.4f}")

print("triplet")
net = Embedder()
optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)
losses = {
    "euclidean": nn.TripletMarginLoss(margin=1.0, p=2),
    "cosine": nn.TripletMarginWithDistanceLoss(
        distance_function=lambda x, y: 1.0 - F.cosine_similarity(x, y), margin=0.5
    ),
}
for name, criterion in losses.items():
    for epoch in range(2):
        total = 0.0
        for anchor, positive, negative in DataLoader(TripletSet(64), batch_size=16, shuffle=True):
            loss = criterion(net(anchor), net(positive), net(negative))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        print(f"{name} epoch {epoch} loss {total / 4:.4f}")

print("SimCLR")


def nt_xent(z1, z2, temperature=0.5):
    n = z1.size(0)
    z = torch.cat([z1, z2])
    sim = torch.mm(z, z.t().contiguous()) / temperature
    sim.masked_fill_(torch.eye(2 * n, dtype=torch.bool), float("-inf"))
    targets = torch.cat((torch.arange(n, 2 * n), torch.arange(n)))
    return F.cross_entropy(sim, targets)


net = Embedder()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
for step in range(21):
    x, _ = draw(32)
    loss = nt_xent(net(x + 0.1 * torch.randn_like(x), True), net(x + 0.1 * torch.randn_like(x), True))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 5 == 0:
        print(f"step {step} loss {loss.item():.4f}")

print("CLIP")
image, text = nn.Linear(10, 6, bias=False), nn.Embedding(4, 6)
logit_scale = nn.Parameter(torch.ones([]) * torch.tensor(1 / 0.07).log())
params = [
    {"params": image.parameters()},
    {"params": text.parameters(), "lr": 0.1},
    {"params": [logit_scale], "lr": 1e-3},
]
optimizer = torch.optim.Adam(params, lr=0.02)
labels = torch.arange(4)
for step in range(21):
    x = centres + torch.randn(4, 10)
    i, t = F.normalize(image(x), dim=1), F.normalize(text(labels), dim=1)
    logits = logit_scale.exp() * i @ t.t()
    loss = (F.cross_entropy(logits, labels) + F.cross_entropy(logits.t(), labels)) / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    logit_scale.data.clamp_(0, 4.6052)
    if step % 10 == 0:
        print(f"step {step} loss {loss.item():.4f} scale {logit_scale.exp().item():.3f}")
print(F.cosine_similarity(torch.tensor([[1.0, 0.0]]), torch.tensor([[1.0, 1.0]])), torch.cdist(centres, centres).shape)
