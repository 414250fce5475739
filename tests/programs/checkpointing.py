"""torch.utils.checkpoint both ways; anomaly mode."""

import torch
import warnings
import torch.nn as nn
from torch.utils.checkpoint import checkpoint, checkpoint_sequential
from torch.utils.checkpoint import set_checkpoint_early_stop


def t(name, f):
    try:
        print(name, "->", f())
    except Exception as e:
        print(name, "ERR", type(e).__name__, str(e).split("\n")[0][:300])


warnings.simplefilter("always")


def showw(m, c, *a, **k):
    print("WARN", c.__name__, str(m).split("\n")[0][:140])


warnings.showwarning = showw
torch.manual_seed(0)
x = torch.randn(2, 3, requires_grad=True)
lin = nn.Linear(3, 3)
n = 0


def f(x):
    global n
    n += 1
    return torch.dropout(lin(x).tanh(), 0.5, True)


for re in (True, False):
    x.grad = None
    n = 0
    y = checkpoint(f, x, use_reentrant=re)
    y.sum().backward()
    print(re, n, y, x.grad)
t("none", lambda: checkpoint(f, x).grad_fn is not None)
t("nograd re", lambda: checkpoint(f, x.detach(), use_reentrant=True).requires_grad)
t("nograd non", lambda: checkpoint(f, x.detach(), use_reentrant=False).requires_grad)
t("grad re", lambda: torch.autograd.grad(checkpoint(f, x, use_reentrant=True).sum(), x))
t("grad non", lambda: torch.autograd.grad(checkpoint(f, x, use_reentrant=False).sum(), x))
t("kw re", lambda: checkpoint(lambda x, k: x * k, x, use_reentrant=True, k=2))
t("kw", lambda: checkpoint(lambda x, k: x * k, x, use_reentrant=False, k=2).sum().backward())
t("multi", lambda: [o.shape for o in checkpoint(lambda x: (x * 2, x + 1), x, use_reentrant=True)])
t("name re", lambda: checkpoint(f, x, use_reentrant=True).grad_fn.name())
t("name non", lambda: checkpoint(f, x, use_reentrant=False).grad_fn.name())
t("nontensor out", lambda: checkpoint(lambda x: (x * 2, 3), x, use_reentrant=True)[1])
m = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 1))
for re in (True, False):
    x.grad = None
    o = checkpoint_sequential(m, 2, x, use_reentrant=re)
    o.sum().backward()
    print(o, x.grad, m[0].weight.grad.sum())
    m.zero_grad()
cnt = [0]


def bad(x):
    cnt[0] += 1
    return x.sin().cos() if cnt[0] == 1 else x.sin()


t("mismatch", lambda: checkpoint(bad, x, use_reentrant=False).sum().backward())
cnt[0] = 0


def bad2(x):
    cnt[0] += 1
    return (x * x).sum() if cnt[0] == 1 else (x[:1] * x[:1]).sum()


t("mismatch2", lambda: checkpoint(bad2, x, use_reentrant=False).backward())


class C:
    def __init__(s, n):
        s.n = n

    def __enter__(s):
        print("enter", s.n)

    def __exit__(s, *a):
        print("exit", s.n)


t(
    "ctx",
    lambda: (
        checkpoint(lambda x: x.sin(), x, use_reentrant=False, context_fn=lambda: (C("fwd"), C("re"))).sum().backward()
    ),
)
t("ctx re", lambda: checkpoint(lambda x: x.sin(), x, use_reentrant=True, context_fn=lambda: (C("fwd"), C("re"))))
t("early", lambda: (checkpoint(lambda x: (x * 2).exp(), x, use_reentrant=False, early_stop=False)).sum().backward())
y = checkpoint(f, x, use_reentrant=False)
t("twice", lambda: (y.sum().backward(retain_graph=True), y.sum().backward()))
t(
    "dbl",
    lambda: torch.autograd.grad(
        torch.autograd.grad(checkpoint(lambda x: x**3, x, use_reentrant=False).sum(), x, create_graph=True)[0].sum(), x
    ),
)
torch.manual_seed(1)
a = checkpoint(f, x, use_reentrant=False, preserve_rng_state=False)
print(torch.rand(1))


# nested
def inner(x):
    return x.sin()


def outer(x):
    return checkpoint(inner, x.exp(), use_reentrant=False).cos()


x.grad = None
checkpoint(outer, x, use_reentrant=False).sum().backward()
print(x.grad)

with set_checkpoint_early_stop(False):
    checkpoint(outer, x, use_reentrant=False).sum().backward()
# anomaly
with torch.autograd.detect_anomaly():
    z = torch.tensor([0.0], requires_grad=True)
    t("nan", lambda: (z.sqrt() * 0).sum().backward())
with torch.autograd.set_detect_anomaly(True, check_nan=False):
    print(torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled())
    t("nonan", lambda: (z.sqrt() * 0).sum().backward())
print(torch.is_anomaly_enabled())


class F(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, g):
        raise RuntimeError("oops")


with torch.autograd.detect_anomaly():
    t("raise", lambda: F.apply(x).sum().backward())
torch.autograd.set_detect_anomaly(True)
print(torch.is_anomaly_enabled())
torch.autograd.set_detect_anomaly(False)
