"""Leaves, graph walks, hooks, optimizers in the backward pass, double backward: PyTorch's autograd tutorials."""

import warnings

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
# leaf tutorial
x = torch.tensor([1.0, 2.0], requires_grad=True)
y = x * 3
z = y.mean()
print(x.is_leaf, y.is_leaf, z.is_leaf, x.grad_fn, y.grad_fn.name(), z.grad_fn.next_functions[0][0].name())
y.retain_grad()
z.backward()
print(x.grad, y.grad)

with warnings.catch_warnings(record=True) as w:
    warnings.simplefilter("always")
    q = x * 2
    print(q.grad)
    print(len(w), w and str(w[0].message)[:120])


# graph walk
def walk(fn, d=0):
    if fn is None:
        return
    print("  " * d + type(fn).__name__)
    for n, _ in fn.next_functions:
        walk(n, d + 1)


m = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
walk(F.mse_loss(m(torch.randn(4, 2)), torch.zeros(4, 1)).grad_fn)
# hooks tutorial
grads = []


def hook_forward(name, grads, hook_backward):
    def hook(module, args, output):
        output.register_hook(hook_backward(name, grads))

    return hook


def hook_backward(name, grads):
    def hook(grad):
        grads.append((name, grad.clone()))

    return hook


for n, l in m.named_modules():
    if not list(l.children()):
        l.register_forward_hook(hook_forward(n, grads, hook_backward))
m(torch.randn(4, 2)).sum().backward()
print([(n, g.shape, round(g.abs().mean().item(), 4)) for n, g in grads])
# optimizer in backward
opts = {p: torch.optim.SGD([p], lr=0.1) for p in m.parameters()}


def oh(p):
    opts[p].step()
    opts[p].zero_grad()


for p in m.parameters():
    p.register_post_accumulate_grad_hook(oh)
for i in range(3):
    l = m(torch.ones(4, 2)).pow(2).mean()
    l.backward()
    print(i, round(l.item(), 5), [p.grad for p in m.parameters()][0])


# double backward custom function
class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**2

    @staticmethod
    def backward(ctx, go):
        (x,) = ctx.saved_tensors
        return go * 2 * x


x = torch.rand(3, 3, requires_grad=True, dtype=torch.double)
print(torch.autograd.gradcheck(Square.apply, x), torch.autograd.gradgradcheck(Square.apply, x))


class Sinh(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        expx = torch.exp(x)
        expnegx = torch.exp(-x)
        ctx.save_for_backward(expx, expnegx)
        return (expx - expnegx) / 2, expx, expnegx

    @staticmethod
    def backward(ctx, go, _a, _b):
        ex, en = ctx.saved_tensors
        gi = go * (ex + en) / 2
        gi += _a * ex
        gi -= _b * en
        return gi


def sinh(x):
    return Sinh.apply(x)[0]


print(torch.autograd.gradcheck(sinh, x), torch.autograd.gradgradcheck(sinh, x))


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return cube_forward(x)

    @staticmethod
    def backward(ctx, go):
        (x,) = ctx.saved_tensors
        return CubeBackward.apply(go, x)


class CubeBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, go, x):
        ctx.save_for_backward(x, go)
        return cube_backward(go, x)

    @staticmethod
    def backward(ctx, sav):
        x, go = ctx.saved_tensors
        return cube_backward_backward_grad_out(sav, go, x), cube_backward_backward(sav, go, x)


def cube_forward(x):
    return x**3


def cube_backward(go, x):
    return go * 3 * x**2


def cube_backward_backward(s, go, x):
    return s * go * 6 * x


def cube_backward_backward_grad_out(s, go, x):
    return s * 3 * x**2


print(torch.autograd.gradcheck(Cube.apply, x), torch.autograd.gradgradcheck(Cube.apply, x))
# forward-mode / saved tensors tutorial
y = torch.randn(5, requires_grad=True)
z = y * y
print(z.grad_fn._saved_self is y, torch.equal(z.grad_fn._saved_other, y))
e = y.exp()
print(e.grad_fn._saved_result is e, e.equal(e.grad_fn._saved_result))
s = torch.sin(y)
print(s.grad_fn._saved_self.equal(y))
z.sum().backward()
try:
    z.grad_fn._saved_self
except RuntimeError as ex:
    print(str(ex)[:80])
# in-place on saved
a = torch.randn(3, requires_grad=True)
b = a.exp()
b += 1
try:
    b.sum().backward()
except RuntimeError as ex:
    print(str(ex)[:170])
# grad accumulation, zero_grad set_to_none
w = torch.ones(2, requires_grad=True)
(w * 2).sum().backward()
g = w.grad
(w * 2).sum().backward()
print(g is w.grad, w.grad)
w.grad = None
w.grad = torch.zeros(2)
print(w.grad)
try:
    w.grad = torch.zeros(3)
except RuntimeError as ex:
    print(ex)
# higher order
x = torch.tensor(2.0, requires_grad=True)
f = x**4
for i in range(4):
    (f,) = torch.autograd.grad(f, x, create_graph=True)
    print(i, f)
# meta learning style
w = torch.tensor([1.0, 2.0], requires_grad=True)
xb = torch.tensor([3.0, 4.0])
inner = ((w * xb).sum() - 1) ** 2
(g,) = torch.autograd.grad(inner, w, create_graph=True)
w2 = w - 0.01 * g
outer = ((w2 * xb).sum() - 2) ** 2
outer.backward()
print(w.grad)
# hvp
v = torch.ones(2)
l = (w**3).sum()
(g,) = torch.autograd.grad(l, w, create_graph=True)
print(torch.autograd.grad((g * v).sum(), w))
# detach/no_grad/clone
d = w.detach()
print(d.requires_grad, d.data_ptr() == w.data_ptr())
c = w.clone()
print(c.grad_fn.name())
with torch.no_grad():
    w.add_(1)
print(w)
try:
    w.add_(1)
except RuntimeError as ex:
    print(ex)
print(torch.autograd.grad((w * w).sum(), w, retain_graph=False))


def backward_hook(module, gi, go):
    print(type(module).__name__, [None if g is None else tuple(g.shape) for g in gi], [tuple(g.shape) for g in go])


l = nn.Linear(2, 2)
l.register_full_backward_hook(backward_hook)
l(torch.ones(3, 2, requires_grad=True)).sum().backward()
l.register_full_backward_pre_hook(lambda m, go: (go[0] * 2,))
l.zero_grad()
l(torch.ones(3, 2, requires_grad=True)).sum().backward()
print(l.bias.grad)
print(torch.autograd.Variable(torch.ones(1), requires_grad=True))
x = torch.ones(2, requires_grad=True)
with torch.autograd.graph.saved_tensors_hooks(lambda t: (t.shape, t.tolist()), lambda p: torch.tensor(p[1])):
    y = x.pow(3).sum()
y.backward()
print(x.grad)
