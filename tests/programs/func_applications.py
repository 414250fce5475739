"""Meta learning, ensembles, Fisher matrices, Newton steps, differential equations, and vmap of many functions."""

import torch
import warnings
import copy

warnings.simplefilter("ignore")
import torch.nn as nn
import torch.nn.functional as F


def t(name, f):
    try:
        print(name, "->", f())
    except Exception as e:
        print(name, "ERR", type(e).__name__, str(e).split("\n")[0][:250])


from torch.func import functional_call, grad, grad_and_value, hessian, jacrev, stack_module_state, vmap

torch.manual_seed(0)
# MAML with functional_call and grad in grad
net = nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 1))
params = {k: v for k, v in net.named_parameters()}


def loss_fn(p, x, y):
    return F.mse_loss(functional_call(net, p, (x,)), y)


def inner(p, x, y):
    g = grad(loss_fn)(p, x, y)
    return {k: p[k] - 0.1 * g[k] for k in p}


def maml(p, x1, y1, x2, y2):
    return loss_fn(inner(p, x1, y1), x2, y2)


xs = torch.randn(4, 5, 1)
ys = torch.sin(xs)


def outer(p):
    return vmap(maml, in_dims=(None, 0, 0, 0, 0))(p, xs, ys, xs, ys).mean()


l = outer(params)
l.backward()
print(l.item(), net[0].weight.grad.flatten()[:4], net[2].bias.grad)
dp = {k: v.detach() for k, v in params.items()}
g, v = grad_and_value(outer)(dp)
print(v, torch.allclose(g["0.weight"], net[0].weight.grad, atol=1e-6))
# ensemble train
models = [nn.Linear(3, 2) for _ in range(4)]
P, B = stack_module_state(models)
base = copy.deepcopy(models[0])
x = torch.randn(6, 3)
y = torch.randint(0, 2, (6,))


def eloss(p, b, x, y):
    return F.cross_entropy(functional_call(base, (p, b), (x,)), y)


opt = torch.optim.SGD(P.values(), lr=0.5)
for i in range(3):
    opt.zero_grad()
    L = vmap(eloss, in_dims=(0, 0, None, None))(P, B, x, y)
    L.sum().backward()
    opt.step()
    print(i, L.detach())


# hessian of nn, fisher
def nll(p, x, y):
    return F.cross_entropy(functional_call(base, p, (x.unsqueeze(0),)), y.unsqueeze(0))


bp = {k: v.detach() for k, v in base.named_parameters()}
H = hessian(nll)(bp, x[0], y[0])
print({k: {j: w.shape for j, w in v.items()} for k, v in H.items()}, H["bias"]["bias"])
G = vmap(grad(nll), (None, 0, 0))(bp, x, y)
print(torch.einsum("bi,bj->ij", G["bias"], G["bias"]) / 6)
# norms clipping per-sample
norms = sum(g.flatten(1).pow(2).sum(1) for g in G.values()).sqrt()
print(norms)


# pytorch lbfgs-ish newton
def rosen(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


z = torch.tensor([-1.2, 1.0])
for i in range(6):
    z = z - torch.linalg.solve(hessian(rosen)(z), grad(rosen)(z))
print(z)
# physics-informed: derivatives wrt inputs per point
u = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))


def uf(tx):
    return u(tx).squeeze()


pts = torch.rand(5, 2)
du = vmap(grad(uf))(pts)
d2 = vmap(jacrev(grad(uf)))(pts)
lap = vmap(lambda p: torch.trace(hessian(uf)(p)))(pts)
print(
    du.shape, d2.shape, lap.shape, du.requires_grad, torch.allclose(d2.diagonal(dim1=1, dim2=2).sum(1), lap, atol=1e-6)
)
lap.pow(2).mean().backward()
print(u[0].weight.grad.shape, u[0].weight.grad.abs().sum() > 0)
# vmap of things
X = torch.randn(4, 3, 3)
for n, f in {
    "inv": torch.linalg.inv,
    "det": torch.det,
    "trace": torch.trace,
    "svd": lambda a: torch.linalg.svdvals(a),
    "eigh": lambda a: torch.linalg.eigvalsh(a + a.T),
    "norm": torch.norm,
    "topk": lambda a: a.flatten().topk(2).values,
    "triu": torch.triu,
    "flip": lambda a: a.flip(0),
    "roll": lambda a: a.roll(1, 0),
    "softmax": lambda a: a.softmax(-1),
    "argmax": lambda a: a.argmax(),
    "cumsum": lambda a: a.cumsum(0),
    "max": lambda a: a.max(1).values,
    "outer": lambda a: torch.outer(a[0], a[1]),
    "einsum": lambda a: torch.einsum("ij,jk->ik", a, a),
    "one_hot": lambda a: F.one_hot(a.argmax(1), 3),
    "mse": lambda a: F.mse_loss(a, a * 2),
    "emb": lambda a: F.embedding(a.argmax(1), torch.eye(3)),
    "scatter": lambda a: torch.zeros(3, 3).scatter(0, a.argsort(0), a),
    "chunk": lambda a: a.chunk(3)[0],
    "split": lambda a: a.split(1)[1],
    "pad": lambda a: F.pad(a, (1, 1)),
    "conv": lambda a: F.conv1d(a.unsqueeze(0), torch.ones(1, 3, 2)),
    "attn": lambda a: F.scaled_dot_product_attention(a[None], a[None], a[None]),
    "bmm": lambda a: torch.bmm(a[None], a[None]),
    "interp": lambda a: F.interpolate(a[None, None], scale_factor=2),
    "tril_idx": lambda a: a[torch.tril_indices(3, 3)[0], torch.tril_indices(3, 3)[1]],
    "clamp": lambda a: a.clamp(0, 1),
    "lerp": lambda a: torch.lerp(a, a * 2, 0.3),
    "masked_fill": lambda a: a.masked_fill(a > 0, 0.0),
    "expand": lambda a: a[0].expand(2, 3),
    "view": lambda a: a.view(9),
    "mT": lambda a: a.mT,
    "numel": lambda a: a * a.numel(),
    "new": lambda a: a.new_zeros(2),
    "type": lambda a: a.double(),
    "ge": lambda a: a >= 0,
    "kron": lambda a: torch.kron(a, torch.eye(2)),
    "cdist": lambda a: torch.cdist(a, a),
    "logsumexp": lambda a: a.logsumexp(0),
    "var": lambda a: a.var(0),
    "std_mean": lambda a: torch.std_mean(a)[0],
    "median": lambda a: a.median(),
    "unbind": lambda a: a.unbind()[0],
    "repeat": lambda a: a.repeat(2, 1),
    "tile": lambda a: a.tile(2),
    "meshgrid": lambda a: torch.meshgrid(a[0], a[1], indexing="ij")[0],
    "where": lambda a: torch.where(a > 0, a, 0.0),
}.items():
    t(n, lambda: (lambda o: (o.shape, o.dtype, round(o.float().sum().item(), 3)))(vmap(f)(X)))
