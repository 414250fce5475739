"""The tools of a training loop: clipping, gradient accumulation, freezing, averaging weights, anomalies, modes."""

import copy

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(0)
x, y = torch.randn(64, 6), torch.randint(0, 3, (64,))


def network():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(6, 12), nn.Tanh(), nn.Linear(12, 3))


print("clipping")
model = network()
(F.cross_entropy(model(x), y) * 100).backward()
norm = torch.sqrt(sum(p.grad.pow(2).sum() for p in model.parameters()))
returned = nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
after = torch.sqrt(sum(p.grad.pow(2).sum() for p in model.parameters()))
print(f"norm {norm.item():.3f}, returned {returned.item():.3f}, afterwards {after.item():.3f}")
nn.utils.clip_grad_value_(model.parameters(), clip_value=0.1)
print("largest gradient after clipping by value:", f"{max(p.grad.abs().max().item() for p in model.parameters()):.3f}")

print("\naccumulation: four small batches are one large one")
whole, parts = network(), network()
F.cross_entropy(whole(x), y).backward()
for chunk_x, chunk_y in zip(x.chunk(4), y.chunk(4)):
    (F.cross_entropy(parts(chunk_x), chunk_y) / 4).backward()
pairs = zip(whole.parameters(), parts.parameters())
print("gradients agree:", all(torch.allclose(a.grad, b.grad, atol=1e-6) for a, b in pairs))

print("\nfreezing the first layer")
model = network()
for parameter in model[0].parameters():
    parameter.requires_grad = False
optimizer = torch.optim.Adam((p for p in model.parameters() if p.requires_grad), lr=0.05)
before = copy.deepcopy(model.state_dict())
for step in range(20):
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    optimizer.step()
changed = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
print("changed:", changed, f"loss {loss.item():.4f}")
print("gradients of the first layer:", model[0].weight.grad)

print("\nan exponential average of the weights")
model = network()
average = copy.deepcopy(model).requires_grad_(False)
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
for step in range(41):
    rows = torch.randint(0, 64, (16,))
    loss = F.cross_entropy(model(x[rows]), y[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(average.parameters(), model.parameters()):
            slow.mul_(0.9).add_(fast, alpha=0.1)
    if step % 20 == 0:
        losses = [F.cross_entropy(net(x), y).item() for net in (model, average)]
        print(f"step {step:2d}  weights {losses[0]:.4f}  average {losses[1]:.4f}")

print("\nweights as one vector")
flat = nn.utils.parameters_to_vector(model.parameters())
print(flat.shape, f"norm {flat.norm().item():.4f}")
nn.utils.vector_to_parameters(torch.zeros_like(flat), model.parameters())
print("after zeros, the loss is log 3:", f"{F.cross_entropy(model(x), y).item():.4f}")

print("\nmodes")
with torch.inference_mode():
    out = model(x)
print("inference:", out.requires_grad, torch.is_inference_mode_enabled())
with torch.set_grad_enabled(False):
    print("set_grad_enabled(False):", model(x).requires_grad)
dropout = nn.Dropout(0.5)
torch.manual_seed(3)
print("dropout in training:  ", dropout(torch.ones(8)).tolist())
print("dropout in evaluation:", dropout.eval()(torch.ones(8)).tolist())

try:
    with torch.autograd.detect_anomaly(check_nan=True):
        v = torch.tensor([0.0, 1.0], requires_grad=True)
        (torch.sqrt(v) * torch.tensor([0.0, 1.0])).sum().backward()
except RuntimeError as error:
    print("anomaly:", str(error).split(",")[0])
