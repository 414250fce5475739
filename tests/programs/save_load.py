"""Saving and loading: state_dict, torch.save, a checkpoint to go on from, strict and not so strict loading."""

import io
import os

import torch
from torch import nn, optim


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU())
        self.head = nn.Linear(8, 2)
        self.register_buffer("scale", torch.tensor(2.0))
        self.register_buffer("scratch", torch.zeros(3), persistent=False)

    def forward(self, x):
        return self.head(self.body(x)) * self.scale


def train(model, optimizer, steps):
    model.train()
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


torch.manual_seed(0)
x, y = torch.randn(32, 4), torch.randint(0, 2, (32,))
model = Net()
optimizer = optim.Adam(model.parameters(), lr=0.01)
print(f"loss after 10 steps {train(model, optimizer, 10):.4f}")

print("\nstate_dict")
for name, value in model.state_dict().items():
    print(f"  {name:28s} {str(tuple(value.shape)):8s} {value.dtype}")
print("batches seen:", model.body[1].num_batches_tracked)

torch.save(model.state_dict(), "weights.pt")
torch.save(
    {"epoch": 10, "model": model.state_dict(), "optimizer": optimizer.state_dict(), "note": "so far"}, "checkpoint.pt"
)
print("files written:", sorted(f for f in os.listdir(".") if f.endswith(".pt")))

torch.manual_seed(1)
other = Net()
print("\nequal before:", torch.equal(other.head.weight, model.head.weight))
print(other.load_state_dict(torch.load("weights.pt")))
model.eval()
other.eval()
print("equal outputs after:", torch.equal(model(x), other(x)))

# Going on from a checkpoint is as if there had been no pause.
checkpoint = torch.load("checkpoint.pt", weights_only=True)
print("\ncheckpoint:", sorted(checkpoint), checkpoint["epoch"], checkpoint["note"])
resumed = Net()
resumed.load_state_dict(checkpoint["model"])
resumed_optimizer = optim.Adam(resumed.parameters(), lr=1.0)
resumed_optimizer.load_state_dict(checkpoint["optimizer"])
a, b = train(model, optimizer, 10), train(resumed, resumed_optimizer, 10)
print(f"10 steps more: {a:.4f}, resumed: {b:.4f}, equal: {a == b}")

# Keys that do not fit.
state = model.state_dict()
state["tail.weight"] = state.pop("head.weight")
print("\nstrict=False:", other.load_state_dict(state, strict=False))
for what, change in {"strict": state, "wrong shape": {**model.state_dict(), "head.weight": torch.zeros(3, 3)}}.items():
    try:
        other.load_state_dict(change)
    except RuntimeError as error:
        print(f"{what}: RuntimeError\n{error}")

# Tensors, views that share memory, lists, in a buffer instead of a file.
buffer = io.BytesIO()
base = torch.arange(6.0)
torch.save(
    {"base": base, "view": base[2:4], "transposed": base.view(2, 3).t(), "more": [1, "two", torch.tensor(True)]}, buffer
)
buffer.seek(0)
loaded = torch.load(buffer)
loaded["base"][2] = 100
print("\nloaded:", loaded["view"], loaded["transposed"].tolist(), loaded["more"])
