"""MAML with create_graph, evolution strategies, torch.func jacobians, hessians, per-sample gradients, ensembles."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import (
    functional_call,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    stack_module_state,
    vjp,
    vmap,
)
from torch.nn.utils import parameters_to_vector, vector_to_parameters

torch.manual_seed(11)
torch.set_printoptions(precision=3, sci_mode=False)
net = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1))
meta = torch.optim.Adam(net.parameters(), 1e-2)


def task():
    a, ph = torch.rand(2).mul(torch.tensor([2.0, 3.14]))
    f = lambda x: (a + 0.5) * torch.sin(x + ph)
    xs, xq = torch.rand(2, 6, 1) * 6 - 3
    return xs, f(xs), xq, f(xq)


for it in range(4):
    meta.zero_grad()
    outer = 0.0
    for _ in range(3):
        xs, ys, xq, yq = task()
        fast = dict(net.named_parameters())
        for _ in range(2):
            inner = F.mse_loss(functional_call(net, fast, (xs,)), ys)
            gs = torch.autograd.grad(inner, list(fast.values()), create_graph=True)
            fast = {k: p - 0.05 * g for (k, p), g in zip(fast.items(), gs)}
        outer = outer + F.mse_loss(functional_call(net, fast, (xq,)), yq) / 3
    outer.backward()
    meta.step()
    print(f"it {it} outer {outer.item():.3f} grad {torch.cat([p.grad.flatten() for p in net.parameters()]).norm():.3f}")

params = {k: v.detach() for k, v in net.named_parameters()}
xs, ys = torch.linspace(-1, 1, 5)[:, None], torch.linspace(0, 1, 5)[:, None]
loss = lambda p, x, y: F.mse_loss(functional_call(net, p, (x,)), y)
per_sample = vmap(grad(loss), (None, 0, 0))(params, xs, ys)
print({k: tuple(v.shape) for k, v in per_sample.items()})
full = grad(loss)(params, xs, ys)
print({k: torch.allclose(v.mean(0), full[k], atol=1e-6) for k, v in per_sample.items()})
print(torch.stack([v.flatten(1).norm(dim=1) for v in per_sample.values()]).norm(dim=0))
g, (value, aux) = grad_and_value(lambda p: (loss(p, xs, ys), xs.sum()), has_aux=True)(params)
print(f"{value:.3f}", aux, list(g))
f = lambda x: torch.stack([x.prod(), (x**2).sum(), x[0].sin() * x[1]])
x = torch.tensor([1.0, 2.0, 3.0])
print(jacrev(f)(x), torch.allclose(jacrev(f)(x), jacfwd(f)(x)))
print(hessian(lambda x: (x**3).sum() * x[0])(x))
print(jvp(f, (x,), (torch.ones(3),)))
out, pull = vjp(f, x)
print(out, pull(torch.ones(3)))
out, lin = linearize(f, x)
print(lin(torch.eye(3)[0]))
models = [nn.Linear(3, 2) for _ in range(4)]
ps, bs = stack_module_state(models)
base = nn.Linear(3, 2).to("meta")
print({k: (tuple(v.shape), v.requires_grad) for k, v in ps.items()}, bs, base.weight.device, base)
print(vmap(lambda p, b, x: functional_call(base, (p, b), (x,)), (0, 0, None))(ps, bs, x).shape)
print(
    vmap(lambda a, b: a @ b, in_dims=(0, 1), out_dims=-1)(
        torch.arange(6.0).reshape(2, 3), torch.arange(6.0).reshape(3, 2)
    )
)
print(vmap(lambda x: x + torch.rand(()), randomness="different")(torch.zeros(3)).unique().numel())
for call in (
    lambda: vmap(lambda x: x + torch.rand(()))(torch.zeros(3)),
    lambda: vmap(lambda x: x.item())(torch.zeros(3)),
    lambda: vmap(torch.add)(torch.ones(2), torch.ones(3)),
    lambda: vmap(lambda x: x, in_dims=2)(torch.ones(2)),
    lambda: grad(lambda x: x)(x),
    lambda: jacrev(lambda x: 3)(x),
    lambda: grad(lambda x: x.sum().item())(x),
    lambda: vmap(lambda x: 1 if x > 0 else 2)(x),
    lambda: functional_call(net, {"nope": x}, (xs,)).shape,
    lambda: vmap(lambda: 1)(),
    lambda: grad(f, argnums=3)(x),
):
    try:
        print(call())
    except Exception as e:
        print(type(e).__name__, str(e)[:160])

# evolution strategies on the parameters as one vector
policy = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
theta = parameters_to_vector(policy.parameters()).detach()
data = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
want = torch.tensor([[0.0], [1], [1], [0]])


@torch.no_grad()
def fitness(t):
    vector_to_parameters(t, policy.parameters())
    return -F.mse_loss(policy(data), want)


gen = torch.Generator().manual_seed(0)
for step in range(30):
    eps = torch.randn(16, theta.numel(), generator=gen)
    fit = torch.stack([fitness(theta + 0.3 * e) - fitness(theta - 0.3 * e) for e in eps])
    rank = fit.argsort().argsort().float() / 15 - 0.5
    theta = theta + 0.3 * (rank[:, None] * eps).mean(0)
    if step % 10 == 0:
        print(f"step {step} fitness {fitness(theta):.3f}")
print(theta.shape, [p.shape for p in policy.parameters()])
from torch.autograd.functional import hvp, jacobian

print(jacobian(f, x, create_graph=False), hvp(lambda x: (x**3).sum(), x, torch.ones(3)))
