"""A first lesson: fit random targets with a small network and watch the loss fall."""

import torch
from torch import nn, optim


class MLP(nn.Module):
    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(n_in, n_hidden),
            nn.ReLU(),
            nn.Linear(n_hidden, n_out),
        )

    def forward(self, x):
        return self.net(x)


torch.manual_seed(0)
inputs = torch.randn(128, 32)
targets = torch.randn(128, 1)

model = MLP(32, 64, 1)
loss_fn = nn.MSELoss()
optimizer = optim.Adam(model.parameters(), lr=1e-3)

for step in range(100):
    predictions = model(inputs)
    loss = loss_fn(predictions, targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step:3d} | loss {loss.item():.4f}")
