"""Optimizers with parameter groups, and learning-rate schedulers step by step."""

import torch
from torch import nn, optim
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau, StepLR

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
x, y = torch.randn(64, 4), torch.randn(64, 1)


def decayed_and_not(model):
    """Weight decay on matrices only, as is usual: biases are left alone."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    biases = [p for p in model.parameters() if p.dim() == 1]
    return [{"params": matrices, "weight_decay": 0.1}, {"params": biases, "lr": 0.02}]


optimizer = optim.AdamW(decayed_and_not(model), lr=0.01, weight_decay=0.0)
print(optimizer)
for i, group in enumerate(optimizer.param_groups):
    print(f"group {i}: {len(group['params'])} tensors, lr {group['lr']}, weight_decay {group['weight_decay']}")

scheduler = StepLR(optimizer, step_size=3, gamma=0.5)
for epoch in range(9):
    loss = nn.functional.mse_loss(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()
    print(f"epoch {epoch}  loss {loss.item():.4f}  lr {[round(lr, 5) for lr in scheduler.get_last_lr()]}")

print("\ncosine annealing")
sgd = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True)
cosine = CosineAnnealingLR(sgd, T_max=8, eta_min=0.001)
rates = []
for _ in range(8):
    sgd.zero_grad()
    nn.functional.mse_loss(model(x), y).backward()
    sgd.step()
    rates.append(round(sgd.param_groups[0]["lr"], 4))
    cosine.step()
print(rates, round(cosine.get_last_lr()[0], 4))
print("momentum kept for", len(sgd.state), "tensors:", sorted(next(iter(sgd.state.values()))))

print("\nreduce on plateau")
plateau = ReduceLROnPlateau(sgd, mode="min", factor=0.1, patience=2, threshold=0.01)
for epoch, validation in enumerate([1.0, 0.8, 0.79, 0.795, 0.793, 0.792, 0.7, 0.71, 0.70, 0.71, 0.72]):
    plateau.step(validation)
    lr, bad = sgd.param_groups[0]["lr"], plateau.num_bad_epochs
    print(f"epoch {epoch:2d}  validation {validation:.3f}  lr {lr:.6f}  bad epochs {bad}")

print("\nstates")
state = scheduler.state_dict()
print({k: state[k] for k in ("step_size", "gamma", "base_lrs", "last_epoch")})
saved = optimizer.state_dict()
print(sorted(saved), [g["params"] for g in saved["param_groups"]], sorted(saved["state"][0]), saved["state"][0]["step"])
fresh = optim.AdamW(decayed_and_not(model), lr=1.0)
fresh.load_state_dict(saved)
print("restored learning rates:", [round(g["lr"], 5) for g in fresh.param_groups])

print("\nadding a group")
extra = nn.Parameter(torch.ones(2))
sgd.add_param_group({"params": [extra], "lr": 0.5})
print(len(sgd.param_groups), "groups;", sgd.param_groups[1]["lr"], sgd.param_groups[1]["momentum"])
for what, f in {
    "a negative learning rate": lambda: optim.SGD(model.parameters(), lr=-1),
    "no parameters": lambda: optim.Adam([]),
    "a tensor in two groups": lambda: sgd.add_param_group({"params": [extra]}),
    "a tensor that is no leaf": lambda: optim.SGD([extra * 2], lr=0.1),
}.items():
    try:
        f()
    except (ValueError, TypeError) as error:
        print(f"{what}: {type(error).__name__}")
