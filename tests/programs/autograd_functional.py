"""torch.autograd.functional: values and errors."""

import torch
from torch.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp


def t(name, f):
    try:
        print(name, "->", f())
    except Exception as e:
        print(name, "ERR", type(e).__name__, str(e).split("\n")[0][:400])


torch.manual_seed(0)
x = torch.rand(2, 2)
y = torch.rand(2)


def exp_reducer(x):
    return x.exp().sum(dim=1)


print(jacobian(exp_reducer, x))
print(jacobian(exp_reducer, x, create_graph=True))


def ea(x, y):
    return 2 * x.exp() + 3 * y


print(jacobian(ea, (x, y)))
print(jacobian(ea, (x, y), vectorize=True))
print(jacobian(ea, (x, y), vectorize=True, strategy="forward-mode"))
t("strat", lambda: jacobian(ea, (x, y), strategy="forward-mode"))
t("strat2", lambda: jacobian(ea, (x, y), strategy="foo"))
t("fwd cg", lambda: jacobian(ea, (x, y), vectorize=True, strategy="forward-mode", create_graph=True))
t("vec strict", lambda: jacobian(ea, (x, y), vectorize=True, strict=True))


def p(x):
    return x.pow(3).sum()


print(hessian(p, x))


def p2(x, y):
    return 2 * x.pow(2).sum() + 3 * y.pow(2).sum()


t("h nonscalar", lambda: hessian(lambda x: x, y))
t("h tuple", lambda: hessian(lambda x: (x.sum(), x.sum()), y))
v = torch.ones(2)
print(vjp(exp_reducer, x, v))
print(vjp(exp_reducer, x, v, create_graph=True))
print(vjp(ea, (x, y), torch.ones(2, 2)))
print(hvp(p, x, torch.ones(2, 2)))
print(vhp(p, x, torch.ones(2, 2)))
print(vhp(p, x, torch.ones(2, 2), create_graph=True))
print(hvp(p2, (y, y), (v, v)))
t("vjp nov", lambda: vjp(exp_reducer, x))
t("vjp nov scalar", lambda: vjp(p, x))
t("jvp nov", lambda: jvp(exp_reducer, x))
t("jvp scalar nov", lambda: jvp(lambda a: a * 2, torch.tensor(3.0)))
t("vjp shape", lambda: vjp(exp_reducer, x, torch.ones(3)))
t("jvp shape", lambda: jvp(exp_reducer, x, torch.ones(3)))
t("hvp nov", lambda: hvp(p, x))
t("vjp len", lambda: vjp(exp_reducer, x, (v, v)))
t("strict ind", lambda: jacobian(lambda x: torch.ones(2), y, strict=True))
t("ind", lambda: jacobian(lambda x: torch.ones(2), y))
t("strict ind2", lambda: jacobian(lambda a, b: a * 2, (y, y), strict=True))
t("ind2", lambda: jacobian(lambda a, b: a * 2, (y, y)))
t("strict h", lambda: hessian(lambda x: x.sum(), y, strict=True))
t("lin h", lambda: hessian(lambda x: x.sum(), y))
t("vjp strict", lambda: vjp(lambda x: torch.ones(2), y, v, strict=True))
t("jvp strict", lambda: jvp(lambda x: torch.ones(2), y, v, strict=True))
t("hvp strict", lambda: hvp(lambda x: x.sum(), y, v, strict=True))
t("vhp strict", lambda: vhp(lambda x: x.sum(), y, v, strict=True))
t("vjp ind", lambda: vjp(lambda x: torch.ones(2), y, v))
t("jvp ind", lambda: jvp(lambda x: torch.ones(2), y, v))
t("hvp lin", lambda: hvp(lambda x: x.sum(), y, v))
t("vhp lin", lambda: vhp(lambda x: x.sum(), y, v))
t("type", lambda: jacobian(ea, (x, 3)))
t("otype", lambda: jacobian(lambda x: 3, x))
t("otype2", lambda: jacobian(lambda x: (x, 3), x))
t("list", lambda: jacobian(ea, [x, y]))
t("otype3", lambda: hessian(lambda x: 3, x))
xr = x.clone().requires_grad_()
J = jacobian(exp_reducer, xr, create_graph=True)
J.sum().backward()
print(xr.grad, J.requires_grad, jacobian(exp_reducer, xr).requires_grad)
print(jacobian(lambda x: (x.sum(), x * 2), y))
print(jacobian(lambda a, b: (a.sum() * b, a), (y, y)))
