"""torch.func: arguments, pytrees, nesting, vmap, errors."""

import torch
from torch.func import functional_call, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, vjp, vmap


def t(name, f):
    try:
        print(name, "->", f())
    except Exception as e:
        print(name, "ERR", type(e).__name__, str(e).split("\n")[0][:300])


torch.manual_seed(0)
x = torch.randn(3)
y = torch.randn(3)
print(
    grad(torch.sin)(torch.tensor(1.0)),
    grad(grad(torch.sin))(torch.tensor(1.0)),
    grad(grad(grad(torch.sin)))(torch.tensor(1.0)),
)
print(grad(lambda a, b: (a * b).sum(), argnums=(0, 1))(x, y))
print(grad(lambda a, b: (a * b).sum(), argnums=1)(x, y))
print(grad(lambda a, b: (a * b).sum(), argnums=-1)(x, y))
print(grad(lambda d: (d["a"] * d["b"][0]).sum())({"a": x, "b": [y]}))
print(grad(lambda a: ((a**2).sum(), a * 2), has_aux=True)(x))
print(grad_and_value(lambda a: ((a**2).sum(), a * 2), has_aux=True)(x))
t("argnum", lambda: grad(lambda a: a.sum(), argnums=2)(x))
t("argnum t", lambda: grad(lambda a: a.sum(), argnums=())(x))
t("argnum d", lambda: grad(lambda a, b: a.sum(), argnums=(0, 0))(x, y))
t("argnum s", lambda: grad(lambda a: a.sum(), argnums="x")(x))
t("aux", lambda: grad(lambda a: a.sum(), has_aux=True)(x))
out, f = vjp(lambda a, b: (a * b, a.sum()), x, y)
print(out, f((torch.ones(3), torch.tensor(2.0))))
t("ct", lambda: f(torch.ones(3)))
out, f = vjp(torch.sin, x)
print(f(torch.ones(3)), f(torch.ones(3)))
out, f, aux = vjp(lambda a: (a.sin(), a.cos()), x, has_aux=True)
print(out, aux)
t("vjp int", lambda: vjp(lambda a: a.argmax(), x))
t("vjp non", lambda: vjp(lambda a: 3, x))
t("vjp none", lambda: vjp(lambda a: None, x))
print(jvp(lambda a, b: a * b, (x, y), (torch.ones(3), torch.zeros(3))))
print(jvp(lambda a: (a.sin(), a), (x,), (y,), has_aux=True))
t("jvp prim", lambda: jvp(torch.sin, x, y))
t("jvp len", lambda: jvp(torch.sin, (x,), (y, y)))
t("jvp shape", lambda: jvp(torch.sin, (x,), (torch.ones(2),)))
t("jvp strict", lambda: jvp(lambda a: torch.ones(2), (x,), (y,), strict=True))
t("jvp ind", lambda: jvp(lambda a: torch.ones(2), (x,), (y,)))
t("jvp ty", lambda: jvp(torch.sin, (1.0,), (1.0,)))
print(jacrev(lambda a: a**2, chunk_size=1)(x))
t("chunk", lambda: jacrev(lambda a: a, chunk_size=0))
t("jcomplex", lambda: jacrev(lambda a: a)(x + 1j))
print(jacrev(lambda a: {"s": a.sum(), "v": (a, a * 2)})(x))
print(jacfwd(lambda a: {"s": a.sum(), "v": (a, a * 2)})(x))
print(jacfwd(lambda a, b: a * b, argnums=(0, 1))(x, y))
print(jacrev(lambda d: d["a"] * d["b"])({"a": x, "b": y}))
print(jacfwd(lambda a: (a * 2, a), has_aux=True)(x))
print(hessian(lambda a: (a**3).sum())(x))
print(hessian(lambda a, b: (a * b**2).sum(), argnums=(0, 1))(x, y))
w = torch.tensor(2.0, requires_grad=True)
g = grad(lambda a: (a * w).sum())(x)
print(g.requires_grad, g)
g.sum().backward()
print(w.grad)
xr = x.clone().requires_grad_()
g = grad(lambda a: (a**3).sum())(xr)
print(g.requires_grad)
g.sum().backward()
print(xr.grad)
with torch.no_grad():
    print(grad(lambda a: (a**2).sum())(xr).requires_grad)


def fnog(a):
    with torch.no_grad():
        c = a**2
    return (a**2 - c).sum()


print(grad(fnog)(x))
r = grad(lambda a: (a**2).sum())(x)
print(r.requires_grad, r.grad_fn)
print(grad(lambda a: a.sum() * 0 + 3)(x), grad(lambda a: torch.tensor(3.0))(x))
# vmap
B = torch.randn(4, 3)
print(vmap(torch.dot)(B, B))
print(vmap(torch.dot, (0, None))(B, x))
print(vmap(torch.dot, in_dims=(1, 1))(B, B))
print(vmap(lambda a: a * 2, out_dims=1)(B).shape, vmap(lambda a: (a, a.sum()), out_dims=(1, 0))(B)[0].shape)
print(
    vmap(vmap(torch.mul))(torch.ones(2, 3, 4), torch.ones(2, 3, 4)).shape,
    vmap(lambda d: d["x"] + d["y"], in_dims=({"x": 0, "y": None},))({"x": B, "y": x}),
)
print(vmap(lambda a, k: a * k, in_dims=(0, None))(B, 3))
print(vmap(lambda a, *, k: a * k)(B, k=3))
print(vmap(lambda a: torch.where(a > 0, a, torch.zeros(())))(B))
print(vmap(lambda a: a.sort().values)(B))
print(vmap(lambda a: a[0])(B))
print(vmap(lambda a, i: a[i])(B, torch.tensor([0, 1, 2, 0])))
print(vmap(lambda a, i: a.gather(0, i))(B, torch.tensor([[0], [1], [2], [0]])))
print(vmap(lambda a: torch.cat([a, torch.zeros(1)]))(B))
print(vmap(lambda a: torch.zeros(3))(B).shape)
print(vmap(torch.linalg.det)(torch.randn(3, 2, 2)).shape)
torch.manual_seed(0)
print(vmap(lambda a: a + torch.rand(1), randomness="same")(torch.zeros(3)))
print(vmap(lambda a: a + torch.rand(1), randomness="different")(torch.zeros(3)))
torch.manual_seed(0)
print(vmap(lambda a: torch.nn.functional.dropout(a), randomness="different")(torch.ones(3, 4)))
print(vmap(lambda a: torch.nn.functional.dropout(a), randomness="same")(torch.ones(3, 4)))
torch.manual_seed(0)
print(vmap(lambda a: a + torch.randn(2), randomness="different")(torch.zeros(3, 2)))


def inp(a):
    b = a.clone()
    b[0] = 5
    b.mul_(2)
    b += a
    return b


print(vmap(inp)(B))
print(vmap(lambda a: torch.stack([grad(lambda z: z.sin())(v) for v in a]))(B))
print(vmap(grad(lambda a: (a**2).sum()))(B))
print(vmap(jacrev(torch.sin))(B).shape, vmap(hessian(lambda a: a.sin().sum()))(B)[0])
print(grad(lambda a: vmap(lambda b: (b * a).sum())(B).sum())(x), B.sum(0))
print(jacrev(lambda a: vmap(lambda b: (b * a).sum())(B))(x))
print(jacfwd(lambda a: vmap(lambda b: (b * a).sum())(B))(x))
print(hessian(lambda a: vmap(lambda b: (b * a).sum() ** 2)(B).sum())(x))
t("cond", lambda: vmap(lambda a: a if a.sum() > 0 else -a)(B))
t("tolist", lambda: vmap(lambda a: a.tolist())(B))
t("for", lambda: vmap(lambda a: sum(v for v in a))(B))
t("len", lambda: vmap(lambda a: a * len(a))(B))
t("max", lambda: vmap(lambda a: a.max(0))(B))
t("unpack", lambda: vmap(lambda a: torch.stack([*a.unbind()]))(B).shape)
print(torch.vmap is vmap, torch.func.vmap is vmap)
bn = torch.nn.BatchNorm1d(3)
t("bn", lambda: vmap(lambda a: bn(a))(torch.randn(2, 4, 3)))
bn2 = torch.nn.BatchNorm1d(3, track_running_stats=False)
print(vmap(lambda a: bn2(a))(torch.randn(2, 4, 3)).shape)
t("fc", lambda: functional_call(bn, {"foo": x}, x))
