"""Underfitting, overfitting and what helps: 20 noisy points of a curve, and networks too small or too large for them.

In float64: hundreds of steps along such a curve would let float32's last digits grow until they show in the log.
"""

import copy
import math

import torch
from torch import nn

torch.manual_seed(0)
x = torch.linspace(-1, 1, 60, dtype=torch.float64).unsqueeze(1)
y = torch.sin(math.pi * x) + 0.3 * torch.randn(60, 1)
order = torch.randperm(60)
x_train, y_train = x[order[:20]], y[order[:20]]
x_val, y_val = x[order[20:]], y[order[20:]]
loss_fn = nn.MSELoss()


def network(width, dropout=0.0):
    return nn.Sequential(
        nn.Linear(1, width),
        nn.Tanh(),
        nn.Dropout(dropout),
        nn.Linear(width, width),
        nn.Tanh(),
        nn.Linear(width, 1),
    ).to(torch.float64)


def validate(model):
    model.eval()
    with torch.no_grad():
        return loss_fn(model(x_val), y_val).item()


def fit(name, model, epochs, weight_decay=0.0, patience=None):
    """Train; with `patience`, stop after that many epochs without a better validation loss and go back to the best."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=weight_decay)
    best, best_epoch, best_state = float("inf"), 0, None
    for epoch in range(1, epochs + 1):
        model.train()
        loss = loss_fn(model(x_train), y_train)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        val = validate(model)
        if val < best:
            best, best_epoch, best_state = val, epoch, copy.deepcopy(model.state_dict())
        elif patience is not None and epoch - best_epoch >= patience:
            model.load_state_dict(best_state)
            break
    model.eval()
    with torch.no_grad():
        train = loss_fn(model(x_train), y_train).item()
    print(f"{name:24s} epochs {epoch:3d} (best {best_epoch:3d})  train {train:.3f}  validation {validate(model):.3f}")


class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(1, dtype=torch.float64))
        self.b = nn.Parameter(torch.zeros(1, dtype=torch.float64))

    def forward(self, x):
        return self.w * x + self.b


def square_of_weights(model):
    return sum((p**2).sum() for p in model.parameters()).item()


fit("a line (underfits)", Line(), 200)
torch.manual_seed(1)
large = network(64)
start = copy.deepcopy(large.state_dict())
fit("64 units (overfits)", large, 400)
print(f"{'':24s} sum of squared weights {square_of_weights(large):.2f}")

large.load_state_dict(start)
fit("... stopped early", large, 400, patience=30)

large.load_state_dict(start)
fit("... with weight decay", large, 400, weight_decay=0.5)
print(f"{'':24s} sum of squared weights {square_of_weights(large):.2f}")

torch.manual_seed(2)
fit("... with dropout", network(64, dropout=0.3), 400)
