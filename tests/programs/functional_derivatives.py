"""Derivatives as functions: jacobian, hessian, vjp, jvp, Newton's method, torch.func, per-sample gradients, HVP, NTK."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp
from torch.func import functional_call, grad, grad_and_value, jacfwd, jacrev, vmap

torch.manual_seed(0)
torch.set_printoptions(precision=4, sci_mode=False)


def f(x):
    return torch.stack((x[0] * x[1], x[0].sin(), x[1].exp()))


x = torch.tensor([1.0, 2.0])
print(jacobian(f, x))
print(jacfwd(f)(x).equal(jacobian(f, x)) or torch.allclose(jacfwd(f)(x), jacrev(f)(x)))
print(vjp(f, x, torch.ones(3))[1], jvp(f, x, torch.tensor([1.0, 0.0]))[1])


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


point = torch.tensor([-1.2, 1.0, 0.8], dtype=torch.float64)
H = hessian(rosenbrock, point)
print(H, torch.linalg.eigvalsh(H)[0] > 0)
v = torch.ones(3, dtype=torch.float64)
print(torch.allclose(hvp(rosenbrock, point, v)[1], H @ v), torch.allclose(vhp(rosenbrock, point, v)[1], v @ H))
print("Newton")
z = torch.tensor([1.5, 2.0], dtype=torch.float64, requires_grad=True)
for i in range(5):
    value = rosenbrock(z)
    (g,) = torch.autograd.grad(value, z, create_graph=True)
    rows = [torch.autograd.grad(g_i, z, retain_graph=True)[0] for g_i in g]
    with torch.no_grad():
        z -= torch.linalg.solve(torch.stack(rows), g)
    print(f"{i} f = {value.item():.6f} |g| = {g.norm().item():.6f}")

print("per-sample gradients")
model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
data, target = torch.randn(5, 3), torch.randint(0, 2, (5,))
params = {k: p.detach() for k, p in model.named_parameters()}


def compute_loss(params, sample, target):
    out = functional_call(model, params, (sample.unsqueeze(0),))
    return F.cross_entropy(out, target.unsqueeze(0))


per_sample = vmap(grad(compute_loss), in_dims=(None, 0, 0))(params, data, target)
print({k: tuple(g.shape) for k, g in per_sample.items()})
F.cross_entropy(model(data), target).backward()
print(
    "their mean is the batch's:",
    all(torch.allclose(per_sample[k].mean(0), p.grad, atol=1e-6) for k, p in model.named_parameters()),
)
g, value = grad_and_value(compute_loss)(params, data[0], target[0])
print(f"{value.item():.4f}", g["2.bias"])
print(vmap(torch.dot)(data, data).allclose(data.square().sum(1)), vmap(lambda a: a.sum())(data).shape)
print(
    "neural tangent kernel",
    (lambda J: (J @ J.T).shape)(
        torch.cat([j.reshape(10, -1) for j in jacrev(lambda p: functional_call(model, p, (data,)))(params).values()], 1)
    ),
)

print("physics: a pendulum's force from its energy")
q = torch.tensor([0.3], requires_grad=True)
energy = 1 - torch.cos(q)
force = -torch.autograd.grad(energy.sum(), q, create_graph=True)[0]
print(force, torch.autograd.grad(force.sum(), q)[0])
x = torch.tensor(2.0, requires_grad=True)
y = x**4
for order in range(1, 6):
    (y,) = torch.autograd.grad(y, x, create_graph=True)
    print(order, y.item(), end="; ")
print()
a = torch.randn(3, requires_grad=True)
b = a.detach().clone().requires_grad_()
for t in (a, b):
    (t * 2).relu().sum().backward()
print(torch.equal(a.grad, b.grad), a.grad.is_leaf, torch.autograd.grad((a * b).sum(), (a, b))[0].equal(b))
try:
    torch.autograd.grad(a.sum(), b)
except RuntimeError as error:
    print(str(error).split("\n")[0])
try:
    y = a.exp()
    y += 1
    y.sum().backward()
except RuntimeError as error:
    print(str(error)[:80])
with torch.autograd.set_detect_anomaly(True):
    try:
        bad = torch.tensor([-1.0], requires_grad=True)
        torch.sqrt(bad).sum().backward()
    except RuntimeError as error:
        print(error)
