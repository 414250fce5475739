"""Clusters and principal components by tensor arithmetic alone, on handwritten digits; no gradients anywhere."""

from pathlib import Path

import numpy as np
import torch

DATA = Path(__file__).resolve().parents[2] / "docs" / "examples" / "data" / "digits.csv.gz"
table = np.loadtxt(DATA, delimiter=",", dtype=np.float64)[:600]
X, labels = torch.from_numpy(table[:, :64]), torch.from_numpy(table[:, 64]).long()
print("data:", X.shape, X.dtype, "range", X.min().item(), X.max().item(), "mean", f"{X.mean().item():.4f}")
print("images of each digit:", torch.bincount(labels, minlength=10).tolist())

print("\nk-means")
torch.manual_seed(0)
centres = X[torch.randperm(len(X))[:10]].clone()
for iteration in range(8):
    # |x - c|^2 = |x|^2 - 2 x.c + |c|^2
    distance = (X**2).sum(1, keepdim=True) - 2 * X @ centres.t() + (centres**2).sum(1)
    nearest, cluster = distance.min(dim=1)
    one_hot = (cluster.unsqueeze(1) == torch.arange(10)).double()
    sizes = one_hot.sum(0)
    centres = (one_hot.t() @ X) / sizes.unsqueeze(1)
    print(f"iteration {iteration}: mean squared distance {nearest.mean().item():.4f}, sizes {sizes.int().tolist()}")
overlap = torch.zeros(10, 10, dtype=torch.int64)
overlap.index_put_((cluster, labels), torch.ones_like(labels), accumulate=True)
majority = overlap.argmax(dim=1)
print("each cluster's most frequent digit:", majority.tolist())
print(f"right if that digit is guessed: {(majority[cluster] == labels).double().mean().item():.4f}")

print("\nprincipal components by power iteration")
centred = X - X.mean(0)
covariance = centred.t() @ centred / (len(X) - 1)
total = covariance.diagonal().sum().item()
components, shares = [], []
remaining = covariance.clone()
for k in range(3):
    v = torch.ones(64, dtype=torch.float64)
    for _ in range(2000):
        v = remaining @ v
        v = v / v.norm()
    variance = v @ remaining @ v
    components.append(v)
    shares.append(variance.item() / total)
    remaining -= variance * torch.outer(v, v)
W = torch.stack(components)
print("share of the variance:", [round(s, 4) for s in shares])
print("orthogonal:", torch.allclose(W @ W.t(), torch.eye(3, dtype=torch.float64), atol=1e-6))
projected = centred @ W.t()
print("variance along them:", [round(v, 3) for v in projected.var(dim=0).tolist()])

print("\nnearest neighbour in the plane of the first two and in all 64 dimensions")
for name, points in {"2": projected[:, :2], "64": X}.items():
    train, test = points[:500], points[500:]
    distance = (test.unsqueeze(1) - train.unsqueeze(0)).pow(2).sum(-1)
    guess = labels[:500][distance.argmin(dim=1)]
    print(f"{name:>2s} dimensions: {(guess == labels[500:]).sum().item()} of {len(test)} right")
mean_images = torch.stack([X[labels == d].mean(0) for d in range(10)])
print("mean ink of each digit:", [round(v, 2) for v in mean_images.mean(1).tolist()])
