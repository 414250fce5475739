"""Hooks on tensors, nodes and saved tensors; edges; grad modes; inference mode."""

import torch
import warnings
from torch.autograd import graph as gr

warnings.simplefilter("ignore")


def t(name, f):
    try:
        print(name, "->", f())
    except Exception as e:
        print(name, "ERR", type(e).__name__, str(e).split("\n")[0][:400])


x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = torch.tensor([4.0, 5.0, 6.0], requires_grad=True)
# node hooks
z = x * y
n = z.grad_fn
h1 = n.register_prehook(lambda g: print("pre", g))
h2 = n.register_hook(lambda gi, go: print("post", gi, go))
z.sum().backward()
h1.remove()
h2.remove()
(x * y).sum().backward()
z = x * y
z.grad_fn.register_prehook(lambda g: (g[0] * 2,))
z.grad_fn.register_hook(lambda gi, go: (gi[0], gi[1] * 10))
x.grad = y.grad = None
z.sum().backward()
print(x.grad, y.grad)
z = x * y
t("prehook bad", lambda: (z.grad_fn.register_prehook(lambda g: (g[0], g[0])), z.sum().backward()))
z = x * y
t("hook bad", lambda: (z.grad_fn.register_hook(lambda gi, go: (gi[0],)), z.sum().backward()))
acc = (x * 1).grad_fn.next_functions[0][0]
hh = acc.register_hook(lambda *a: print("acc hook", a))
(x * 2).sum().backward()
hh.remove()
hh = acc.register_prehook(lambda *a: print("acc prehook", a))
(x * 2).sum().backward()
hh.remove()
# order of tensor hooks
x.grad = None
w = x * 2
w.register_hook(lambda g: print("h1", g))
w.retain_grad()
w.register_hook(lambda g: g * 3)
w.sum().backward()
print(w.grad, x.grad)
x.register_post_accumulate_grad_hook(lambda p: print("pah", p.grad))
(x * 2).sum().backward()
# multi grad
a = torch.ones(2, requires_grad=True)
b = torch.ones(2, requires_grad=True)
c = torch.ones(2)
t("mgc", lambda: gr.register_multi_grad_hook((a, b, c), lambda gs: 0))
h = gr.register_multi_grad_hook((a, b), lambda gs: print("multi", gs))
(a * 2 + b * 3).sum().backward()
h.remove()
h = gr.register_multi_grad_hook((a, b), lambda g: print("any", g), mode="any")
(a * 2 + b * 3).sum().backward()
h.remove()
h = gr.register_multi_grad_hook((a, b, a * b), lambda gs: print("some", [g is not None for g in gs]))
(a * b).sum().backward(inputs=(a,))
h.remove()
h = gr.register_multi_grad_hook((a, b), lambda gs: print("multi", gs))
(a * 2).sum().backward()
h.remove()
t("badmode", lambda: gr.register_multi_grad_hook((a, b), lambda gs: None, mode="foo") and None)
# edges
e = gr.get_gradient_edge(x)
print(type(e).__name__, e.output_nr, e.node.name())
t("edge grad", lambda: torch.autograd.grad((x * 3).sum(), [gr.get_gradient_edge(x)]))
s = (x * 2).sum()
t("edge root", lambda: torch.autograd.grad(gr.get_gradient_edge(s), x))
s = (x * 2).sum()
t("edge bw", lambda: (torch.autograd.backward(gr.get_gradient_edge(s)), x.grad))
t("edge noreq", lambda: gr.get_gradient_edge(torch.ones(1)))


# saved hooks
def pack(t):
    print("pack", t.shape, t.requires_grad)
    return t.clone()


def unpack(t):
    print("unpack")
    return t


with gr.saved_tensors_hooks(pack, unpack):
    q = (x * y).exp()
q.sum().backward()
with gr.save_on_cpu():
    q = x * y * x
x.grad = None
q.sum().backward()
print(x.grad)


def dis():
    with gr.disable_saved_tensors_hooks("no hooks"):
        with gr.saved_tensors_hooks(pack, unpack):
            return x * y


t("disabled", dis)


def dis2():
    with gr.saved_tensors_hooks(pack, unpack):
        with gr.disable_saved_tensors_hooks("no hooks"):
            return x * y


t("disabled2", dis2)
with gr.saved_tensors_hooks(lambda t: t, lambda t: 3):
    q = x * y
t("bad unpack", lambda: q.sum().backward())


def inpl():
    with gr.saved_tensors_hooks(lambda t: t.mul_(2), lambda t: t):
        return x * y


t("pack inplace", inpl)
with gr.allow_mutation_on_saved_tensors():
    a = torch.ones(2, 3, requires_grad=True)
    b = a.clone()
    out = (b**2).sum()
    b.sin_()
    out.sum().backward()
    print(a.grad)
v = torch.ones(2)
print(v._version)
gr.increment_version(v)
print(v._version)
gr.increment_version([v, v])
print(v._version)
t("node isinstance", lambda: isinstance((x * 2).grad_fn, gr.Node))
# modes
print(torch.is_grad_enabled())
with torch.no_grad():
    print((x * 2).requires_grad)
with torch.no_grad():
    with torch.enable_grad():
        print((x * 2).requires_grad)


@torch.no_grad()
def f(x):
    return x * 2


print(f(x).requires_grad, f.__name__)


@torch.set_grad_enabled(False)
def f2(x):
    return x * 2


print(f2(x).requires_grad, torch.is_grad_enabled())
torch.set_grad_enabled(False)
print(torch.is_grad_enabled())
torch.set_grad_enabled(True)
with torch.set_grad_enabled(False):
    print(torch.is_grad_enabled())
with torch.inference_mode():
    i = torch.ones(2)
    j = x * 2
    print(i.is_inference(), j.requires_grad, torch.is_inference_mode_enabled(), x.is_inference())
print(i.is_inference(), j.is_inference(), (i * 2).is_inference(), x.is_inference())
t("inf rg", lambda: i.requires_grad_())
t("inf add", lambda: (i[0] + x).sum())
t("inf inplace", lambda: i.add_(1))
t("inf inplace2", lambda: j.mul_(2))
t("inf version", lambda: i._version)
t("clone", lambda: i.clone().is_inference())
t("view", lambda: i.view(-1).is_inference())


@torch.inference_mode()
def g(x):
    return x * 2


print(g(x).is_inference())
with torch.inference_mode(False):
    print(torch.is_inference_mode_enabled())
with torch.inference_mode():
    t("normal inplace", lambda: torch.zeros(2).add_(1))


def lin():
    m = torch.nn.Linear(2, 2)
    with torch.inference_mode():
        o = m(torch.ones(1, 2))
    return o.sum().backward()


t("inf backward", lin)
