"""A variational autoencoder of handwritten digits: encode to 4 numbers and a spread, sample, decode.

After D. Kingma and M. Welling, "Auto-Encoding Variational Bayes", 2014: the noise is drawn apart, so that gradients
reach the mean and the spread; the loss is the reconstruction's error and the distance of the codes from a normal
distribution.

Plain PyTorch: `python vae_digits.py`, or `python -m microtorch run vae_digits.py`; both print the same.
"""

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

DATA = Path(__file__).resolve().parent / "data" / "digits.csv.gz"


class VAE(nn.Module):
    def __init__(self, latent=4):
        super().__init__()
        self.encoder = nn.Linear(64, 48)
        self.mean = nn.Linear(48, latent)
        self.log_variance = nn.Linear(48, latent)
        self.decoder = nn.Sequential(nn.Linear(latent, 48), nn.Tanh(), nn.Linear(48, 64), nn.Sigmoid())

    def encode(self, x):
        h = torch.tanh(self.encoder(x))
        return self.mean(h), self.log_variance(h)

    def sample(self, mean, log_variance):
        """The reparameterisation trick: the noise is drawn apart, so gradients reach mean and variance."""
        deviation = torch.exp(0.5 * log_variance)
        return mean + deviation * torch.randn_like(deviation)

    def forward(self, x):
        mean, log_variance = self.encode(x)
        return self.decoder(self.sample(mean, log_variance)), mean, log_variance


def loss_function(reconstruction, x, mean, log_variance):
    """Reconstruction error and the distance of the code's distribution from a standard normal, per image."""
    bce = F.binary_cross_entropy(reconstruction, x, reduction="sum") / len(x)
    kld = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp()) / len(x)
    return bce, kld


def draw(image):
    """An 8x8 image in characters."""
    shades = " .:-=+*#%@"
    return ["".join(shades[min(int(v * 10), 9)] for v in row) for row in image.reshape(8, 8).tolist()]


torch.manual_seed(0)
table = np.loadtxt(DATA, delimiter=",", dtype=np.float32)[:1000]
images = torch.from_numpy(table[:, :64]) / 16
loader = DataLoader(TensorDataset(images), batch_size=50, shuffle=True)
model = VAE()
optimizer = optim.Adam(model.parameters(), lr=3e-3)

for epoch in range(1, 11):
    bce_sum = kld_sum = 0.0
    for (x,) in loader:
        reconstruction, mean, log_variance = model(x)
        bce, kld = loss_function(reconstruction, x, mean, log_variance)
        optimizer.zero_grad()
        (bce + kld).backward()
        optimizer.step()
        bce_sum += bce.item()
        kld_sum += kld.item()
    print(f"epoch {epoch:2d}  reconstruction {bce_sum / len(loader):.3f}  divergence {kld_sum / len(loader):.3f}")

model.eval()
with torch.no_grad():
    mean, log_variance = model.encode(images)
    print("spread of the codes:", mean.std(dim=0))
    decoded = model.decoder(mean[:4])
    print("mean squared error of the first four:", ((decoded - images[:4]) ** 2).mean(dim=1))
    print("\nabove the digits, below their reconstructions")
    for batch in (images[:4], decoded):
        for rows in zip(*(draw(image) for image in batch)):
            print("   ".join(rows).rstrip())
        print()
