"""torch.autograd.grad and backward: arguments and errors; tensors' and nodes' attributes."""

import torch
import warnings

warnings.simplefilter("ignore")


def t(name, f):
    try:
        print(name, "->", f())
    except Exception as e:
        print(name, "ERR", type(e).__name__, str(e).split("\n")[0][:300])


x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
G = torch.autograd.grad
t("unused", lambda: G((x * 2).sum(), y))
t("unused ok", lambda: G((x * 2).sum(), [x, y], allow_unused=True))
t("mat", lambda: G((x * 2).sum(), [x, y], materialize_grads=True))
t("mat2", lambda: G((x * 2).sum(), [x, y], materialize_grads=True, allow_unused=False))
t("noreq", lambda: G((x * 2).sum(), torch.ones(1)))
t("noreq out", lambda: G(torch.ones(1), x))
t("nonscalar", lambda: G(x * 2, x))
t("gradouts", lambda: G(x * 2, x, torch.ones(3)))
t("gradouts shape", lambda: G(x * 2, x, torch.ones(2)))
t("gradouts type", lambda: G(x * 2, x, 1.0))
t("gradouts count", lambda: G([x * 2, x * 3], x, [torch.ones(3)]))
t("empty inputs", lambda: G((x * 2).sum(), []))
t("empty outputs", lambda: G([], [x]))
t("batched", lambda: G(x**2, x, torch.eye(3), is_grads_batched=True))
t("batched2", lambda: G([x**2, x * y], [x, y], [torch.eye(3), torch.ones(3, 3)], is_grads_batched=True))
t("batched shape", lambda: G(x**2, x, torch.ones(3), is_grads_batched=True))
t("batched none", lambda: G(x**2, x, None, is_grads_batched=True))
t("int out", lambda: G(x.argmax(), x))
t("complex", lambda: G((x * 1j).sum(), x))
t("bw nonscalar", lambda: (x * 2).backward())
t("bw twice", lambda: (lambda z: (z.backward(), z.backward()))((x * x).sum()))
t("bw noreq", lambda: torch.ones(1).backward())
t("bw inputs empty", lambda: (x * 2).sum().backward(inputs=[]))
t("bw inputs", lambda: ((x * y).sum().backward(inputs=[x]), x.grad, y.grad))
x.grad = None
t("bw inputs nonleaf", lambda: (lambda z: ((z * 2).sum().backward(inputs=[z]), z.grad))(x * 2))
t("bw inputs tensor", lambda: ((x * y).sum().backward(inputs=y), y.grad))
t("bw inputs noreq", lambda: (x * y).sum().backward(inputs=[torch.ones(1)]))
t("bw inputs unused", lambda: (x.sum().backward(inputs=[y]), y.grad))
t("autograd.backward", lambda: (torch.autograd.backward([x.sum(), (y * 2).sum()]), x.grad, y.grad))
t("autograd.backward2", lambda: torch.autograd.backward([x * 2, y * 2], [torch.ones(3), None]))
t("autograd.backward3", lambda: torch.autograd.backward([x * 2, y * 2], [torch.ones(3)]))
t("autograd.backward4", lambda: (torch.autograd.backward((x * 2,), grad_tensors=(torch.ones(3),)), x.grad))
t("gradient dtype", lambda: (x * 2).backward(torch.ones(3, dtype=torch.float64)))
t("gradient noncontig", lambda: (x * 2).backward(torch.ones(1).expand(3)))
t("gradient list", lambda: (x * 2).backward([1, 1, 1]))
z = x * 2
t("retain", lambda: (z.retain_grad(), z.sum().backward(), z.grad, z.retains_grad, x.retains_grad))
t("retain noreq", lambda: torch.ones(1).retain_grad())
t("hook noreq", lambda: torch.ones(1).register_hook(lambda g: g))
t("nonleaf grad", lambda: (x * 2).grad)
t("set rg", lambda: setattr(x * 2, "requires_grad", False))
t("int rg", lambda: torch.ones(2, dtype=torch.int64).requires_grad_())
t("int rg2", lambda: torch.ones(2, dtype=torch.int64, requires_grad=True))
t("hook shape", lambda: (lambda z: (z.register_hook(lambda g: g[:1]), z.sum().backward()))(x * 2))
t("hook type", lambda: (lambda z: (z.register_hook(lambda g: 3), z.sum().backward()))(x * 2))


def h(g):
    return g * 2


t("hook", lambda: (lambda z: (z.register_hook(h), setattr(x, "grad", None), z.sum().backward(), x.grad))(x * 2)[-1])
t("pah", lambda: (lambda z: z.register_post_accumulate_grad_hook(lambda p: None))(x * 2))
t(
    "fn",
    lambda: [(type(f).__name__, f.name(), f.next_functions[0][1]) for f in [(x * 2).grad_fn, (x + 1).exp().grad_fn]],
)
t("acc", lambda: (x * 2).grad_fn.next_functions[0][0].variable is x)
t("acc name", lambda: (x * 2).grad_fn.next_functions[0][0].name())
t("meta", lambda: (lambda n: (n.metadata.__setitem__("a", 1), n.metadata))((x * 2).grad_fn))
t("saved", lambda: [a for a in dir((x * y).grad_fn) if a.startswith("_saved")])
t("saved val", lambda: ((x * y).grad_fn._saved_self, (x * y).grad_fn._saved_other))
t("saved exp", lambda: x.exp().grad_fn._saved_result)
