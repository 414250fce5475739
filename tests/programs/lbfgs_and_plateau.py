"""L-BFGS closures, a learning rate finder, early stopping with a bit-identical resume, ReduceLROnPlateau."""

import copy
import io
import math

import torch
from torch import nn, optim

torch.manual_seed(1)
x = torch.linspace(-3, 3, 40).unsqueeze(1)
y = torch.sin(2 * x) + 0.1 * torch.randn_like(x)


def make():
    torch.manual_seed(7)
    return nn.Sequential(nn.Linear(1, 12), nn.Tanh(), nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 1))


# 1. Rosenbrock by L-BFGS with strong Wolfe line search
p = torch.tensor([-1.2, 1.0], dtype=torch.float64, requires_grad=True)
opt = optim.LBFGS([p], lr=1, max_iter=10, history_size=5, line_search_fn="strong_wolfe")
calls = 0


def closure():
    global calls
    calls += 1
    opt.zero_grad()
    loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
    loss.backward()
    return loss


for step in range(5):
    loss = opt.step(closure)
    print(f"{step}: {loss.item():.6f} calls {calls} p {[round(v, 5) for v in p.tolist()]}")
print(opt)
state = opt.state_dict()["state"][0]
print(sorted(state), state["func_evals"], state["n_iter"])
try:
    optim.LBFGS([{"params": [p]}, {"params": [torch.zeros(1, requires_grad=True)]}])
except ValueError as e:
    print("ValueError:", e)
try:
    optim.LBFGS([p], line_search_fn="armijo").step(closure)
except RuntimeError as e:
    print("RuntimeError:", e)

# 2. learning rate finder
model = make()
start = copy.deepcopy(model.state_dict())
o = optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, nesterov=True)
sch = optim.lr_scheduler.LambdaLR(o, lambda i: 10 ** (i / 8))
history = []
best = math.inf
for i in range(40):
    o.zero_grad()
    l = nn.functional.mse_loss(model(x), y)
    l.backward()
    o.step()
    history.append((sch.get_last_lr()[0], l.item()))
    sch.step()
    best = min(best, l.item())
    if l.item() > 4 * best:
        print("diverged at", i)
        break
for lr, l in history[::6]:
    print(f"lr {lr:.2e} loss {l:.3f}")
model.load_state_dict(start)

# 3. plateau and early stopping
o = optim.Adam(model.parameters(), lr=0.02, amsgrad=True)
plateau = optim.lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=3, threshold=1e-2, cooldown=1, min_lr=1e-3)


class EarlyStopping:
    def __init__(self, patience, delta=0.0):
        self.patience, self.delta, self.bad, self.best = patience, delta, 0, None

    def __call__(self, value):
        if self.best is None or value < self.best - self.delta:
            self.best, self.bad = value, 0
        else:
            self.bad += 1
        return self.bad >= self.patience


stop = EarlyStopping(8, 1e-3)


def train(model, o, plateau, first, last, stop=None, log=True):
    out = []
    for epoch in range(first, last):
        o.zero_grad()
        loss = nn.functional.smooth_l1_loss(model(x), y, beta=0.5)
        loss.backward()
        o.step()
        plateau.step(loss)
        out.append(loss.item())
        if log and epoch % 20 == 0:
            print(f"epoch {epoch:3d} loss {loss:.3f} lr {plateau.get_last_lr()} bad {plateau.num_bad_epochs}")
        if stop is not None and stop(round(loss.item(), 3)):
            print("stopped early")
            break
    return out


train(model, o, plateau, 0, 60, stop)
buffer = io.BytesIO()
torch.save(
    {
        "model": model.state_dict(),
        "optim": o.state_dict(),
        "plateau": plateau.state_dict(),
        "rng": torch.get_rng_state(),
        "epoch": 60,
    },
    buffer,
)
rest = train(model, o, plateau, 60, 80, log=False)
noise = torch.rand(2)
buffer.seek(0)
ck = torch.load(buffer, weights_only=True)
print(sorted(ck), ck["epoch"], ck["rng"].dtype, ck["rng"].shape)
again = make()
print(again.load_state_dict(ck["model"]))
o2 = optim.Adam(again.parameters(), lr=1.0)
o2.load_state_dict(ck["optim"])
p2 = optim.lr_scheduler.ReduceLROnPlateau(o2)
p2.load_state_dict(ck["plateau"])
torch.set_rng_state(ck["rng"])
resumed = train(again, o2, p2, 60, 80, log=False)
print(
    "identical:",
    rest == resumed,
    torch.equal(noise, torch.rand(2)),
    all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters())),
)
print({k: v for k, v in o2.state_dict()["param_groups"][0].items()})
print({k: v for k, v in p2.state_dict().items() if k not in ("best", "_last_lr")})
print([(k, tuple(v.shape), v.dtype) for k, v in o2.state_dict()["state"][1].items()])
