"""torch.autograd.forward_ad."""

import torch
import warnings
import torch.autograd.forward_ad as fwAD

warnings.simplefilter("ignore")


def t(name, f):
    try:
        print(name, "->", f())
    except Exception as e:
        print(name, "ERR", type(e).__name__, str(e).split("\n")[0][:300])


p = torch.tensor([1.0, 2.0, 3.0])
v = torch.tensor([1.0, 1.0, 2.0])


def fn(x, y):
    return x**2 + y**2


with fwAD.dual_level():
    d = fwAD.make_dual(p, v)
    print(fwAD.unpack_dual(d).tangent is v)
    print(d)
    o = fn(d, p)
    print(fwAD.unpack_dual(o))
    print(fwAD.unpack_dual(o).tangent)
    pr, ta = fwAD.unpack_dual(d.sin())
    print(pr, ta)
    print(fwAD.unpack_dual(p).tangent)
    print(o.requires_grad, d.requires_grad)
    t("shape", lambda: fwAD.make_dual(p, torch.ones(2)))
    t("dtype", lambda: fwAD.make_dual(p, v.double()))
    t("int", lambda: fwAD.make_dual(torch.ones(2, dtype=torch.int64), torch.ones(2)))
    t("nontensor", lambda: fwAD.make_dual(1.0, torch.ones(2)))
    print(fwAD.unpack_dual(d.clone().mul_(3)).tangent)
    print(fwAD.unpack_dual(d[0] * d[1]).tangent, fwAD.unpack_dual((d > 1).float()).tangent)
print(fwAD.unpack_dual(o).tangent)
t("nolevel", lambda: fwAD.make_dual(p, v))
t("nested", lambda: [fwAD.dual_level().__enter__(), fwAD.dual_level().__enter__()])
