"""VAE 784-400-20-400-784, batch 128, Adam."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """One training step of a variational autoencoder on random images."""
    nn, F = torch.nn, torch.nn.functional
    torch.manual_seed(0)
    x = torch.rand(128, 784)
    layers = nn.ModuleList(
        [nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20), nn.Linear(20, 400), nn.Linear(400, 784)]
    )
    optimizer = torch.optim.Adam(layers.parameters(), lr=1e-3)

    def step() -> Any:
        h = F.relu(layers[0](x))
        mu, logvar = layers[1](h), layers[2](h)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar)
        out = torch.sigmoid(layers[4](F.relu(layers[3](z))))
        loss = F.binary_cross_entropy(out, x, reduction="sum") - 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step
