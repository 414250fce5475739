"""A recurrent network made of two linear layers: it learns the next value of a wave, and to count ones."""

import math

import torch
from torch import nn


class RNN(nn.Module):
    """h' = tanh(W x + U h + b); the output is read from the last h, or from each."""

    def __init__(self, n_in, n_hidden, n_out):
        super().__init__()
        self.n_hidden = n_hidden
        self.input = nn.Linear(n_in, n_hidden)
        self.recurrent = nn.Linear(n_hidden, n_hidden, bias=False)
        self.output = nn.Linear(n_hidden, n_out)

    def forward(self, x, h=None):
        """x: (N, time, n_in) -> outputs (N, time, n_out) and the last hidden state (N, n_hidden)."""
        if h is None:
            h = x.new_zeros(x.size(0), self.n_hidden)
        outputs = []
        for x_t in x.unbind(dim=1):
            h = torch.tanh(self.input(x_t) + self.recurrent(h))
            outputs.append(self.output(h))
        return torch.stack(outputs, dim=1), h


torch.manual_seed(0)
print("the next value of a wave")
time = torch.arange(0, 20, 0.2)
wave = torch.sin(time) * torch.cos(0.5 * time)
x, y = wave[:-1].reshape(1, -1, 1), wave[1:].reshape(1, -1, 1)
model = RNN(1, 16, 1)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(61):
    h, total = None, 0.0
    for start in range(0, x.size(1), 25):  # truncated backpropagation through time: 25 steps at once
        out, h = model(x[:, start : start + 25], h)
        loss = nn.functional.mse_loss(out, y[:, start : start + 25])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
        optimizer.step()
        h = h.detach()
        total += loss.item()
    if step % 15 == 0:
        print(f"step {step:2d}  loss {total / 4:.4f}")
with torch.no_grad():
    out, h = model(x[:, :50])
    value, error = out[:, -1:], []
    for t in range(50, 55):  # its own output is its next input
        error.append(abs(value.item() - wave[t].item()))
        value, h = model(value, h)
print("five steps on its own, largest error:", f"{max(error):.2f}")

print("\ncounting ones in eight bits")
bits = torch.randint(0, 2, (256, 8, 1)).float()
counts = bits.sum(dim=(1, 2)).long()
model = RNN(1, 12, 9)
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
for step in range(61):
    out, _ = model(bits)
    loss = nn.functional.cross_entropy(out[:, -1], counts)
    optimizer.zero_grad()
    loss.backward()
    norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
    optimizer.step()
    if step % 15 == 0:
        accuracy = (out[:, -1].argmax(-1) == counts).float().mean().item()
        print(f"step {step:2d}  loss {loss.item():.3f}  accuracy {accuracy:.3f}  gradient norm {norm.item():.1f}")

print("\nthe gradient of the last output fades, the further back the input")
model = RNN(1, 8, 1)
with torch.no_grad():
    model.recurrent.weight.copy_(0.5 * torch.eye(8))
    model.input.weight.fill_(1.0)
    model.input.bias.zero_()
x = torch.full((1, 6, 1), 0.1, requires_grad=True)
model(x)[0][0, -1].sum().backward()
ratios = (x.grad[0, 1:, 0] / x.grad[0, :-1, 0]).tolist()
print("each step back divides it by", [round(r, 3) for r in ratios])
print("about", round(1 / (0.5 * (1 - math.tanh(0.2) ** 2)), 2))
