"""What PyTorch's engine does where it is looked at closely: who runs, in which order, with which gradients and errors.

Each program runs with torch and with microtorch; its last line is the value to compare.
"""

import warnings

import pytest
import torch

import microtorch
from tests.differential import difference

FUNCTION = """
class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x * 2
    @staticmethod
    def backward(ctx, g): return g * 2
"""

PROGRAMS = {
    # accumulation
    "accumulation is in place also where the gradient has a graph": """
x = torch.tensor([1.0, 2.0], requires_grad=True)
(x**3).sum().backward(create_graph=True)
first, value = x.grad, x.grad.detach().clone()
x.grad.sum().backward()
(first is x.grad, value, x.grad.detach(), x.grad.requires_grad)
""",
    "a gradient of a non-leaf that was asked for is retained from then on": """
x = torch.ones(2, requires_grad=True).clone(); seen = []
for _ in range(2): x.clone().sum().backward(inputs=(x,)); seen.append(x.grad.clone())
x.clone().sum().backward(inputs=(torch.autograd.graph.get_gradient_edge(x),))
(seen, x.grad, x.retains_grad)
""",
    "the retained gradient of a recorded backward is a copy": """
x = torch.ones(2, requires_grad=True); y = x * 1
(y**2).sum().backward(inputs=[x, y], create_graph=True)
(type(y.grad.grad_fn).__name__, y.grad.detach())
""",
    # hooks
    "tensor hooks, then retained gradients, then the node's own": """
a = torch.tensor(1.0, requires_grad=True); b = a.clone(); log = []
b.grad_fn.register_prehook(lambda g: (log.append("node"), (g[0] * 2,))[1]); b.register_hook(lambda g: (log.append("tensor"), g * 3)[1])
b.retain_grad()
b.sum().backward(inputs=(b,))
(log, b.grad, a.grad)
""",
    "grad() runs tensor hooks where it ends, and no hooks of nodes": """
a = torch.tensor(1.0, requires_grad=True); b = a * 2; c = b * 2; log = []
a.register_hook(lambda g: log.append("a")); b.register_hook(lambda g: log.append("b"))
leaf = b.grad_fn.next_functions[0][0]
leaf.register_prehook(lambda g: log.append("pre a")); leaf.register_hook(lambda g, h: log.append("post a"))
b.grad_fn.register_prehook(lambda g: log.append("pre b")); b.grad_fn.register_hook(lambda g, h: log.append("post b"))
seen = []
for run in (lambda: torch.autograd.grad(c, b, retain_graph=True), lambda: torch.autograd.grad(c, (a, b), retain_graph=True), lambda: c.backward(retain_graph=True), lambda: c.backward(inputs=(b,), retain_graph=True)): log.clear(); run(); seen.append(list(log))
seen
""",
    "grad() of what lies on the way gives what came, before hooks": """
a = torch.tensor(1.0, requires_grad=True); b = a * 2; b.register_hook(lambda g: g * 10); c = b * 3
(torch.autograd.grad(c, (a, b), retain_graph=True), torch.autograd.grad(c, b))
""",
    "hooks on a view are not for what is written over it": """
x = torch.ones(2, requires_grad=True).clone(); v = x[:]; w = x[:]; log = []
v.register_hook(lambda g: log.append("old")); v.mul_(2); w.grad_fn; w.register_hook(lambda g: log.append("new"))
(v + w).sum().backward()
log
""",
    "a node's hook returns a tuple": "x = torch.ones(2, requires_grad=True); y = x * 2; y.grad_fn.register_prehook(lambda g: g[0])\ny.sum().backward()",
    "a node's later hook returns a tuple": "x = torch.ones(2, requires_grad=True); y = x * 2; y.grad_fn.register_hook(lambda g, h: 'a')\ny.sum().backward()",
    "a hook does not fill in": "x = torch.ones(2, requires_grad=True); y = x * 2; y.grad_fn.register_hook(lambda g, h: (g[0], g[0]))\ny.sum().backward()",
    "a hook may leave a gradient out": "x = torch.ones(2, requires_grad=True); y = x * 2; y.grad_fn.register_prehook(lambda g: (None,)); y.sum().backward()\nx.grad",
    "a hook keeps the dtype": "x = torch.ones(2, requires_grad=True); y = x * 2; y.register_hook(lambda g: g.double())\ny.sum().backward()",
    "a hook keeps the dtype, complex": "x = torch.ones(2, requires_grad=True); y = x * 2; y.register_hook(lambda g: g * 1j)\ny.sum().backward()",
    "post accumulate hooks return None": "x = torch.ones(2, requires_grad=True); x.register_post_accumulate_grad_hook(lambda t: t.grad)\nx.sum().backward()",
    "post accumulate hooks need a gradient": "torch.ones(2).register_post_accumulate_grad_hook(print)",
    # nodes
    "a node can be called": """
x = torch.tensor([3.0, 4.0], requires_grad=True); y = x * x.detach().sum()
((x**2).grad_fn(x.detach()), y.grad_fn(torch.ones(2))[0], (x * 2).sum().grad_fn(torch.tensor(2.0)), (x.expand(3, 2)).grad_fn(torch.ones(3, 2)))
""",
    "a node counts its gradients": "x = torch.ones(2, requires_grad=True)\n(x**2).grad_fn(x, x)",
    "a node wants tensors": "x = torch.ones(2, requires_grad=True)\n(x**2).grad_fn(3)",
    "a node wants no names": "x = torch.ones(2, requires_grad=True)\n(x**2).grad_fn(x, g=x)",
    "what a node expects": "m = (torch.ones(2, 3, requires_grad=True) * 2).grad_fn._input_metadata[0]\n(tuple(m.shape), str(m.dtype), str(m.device), m.is_nested_tensor)",
    "the old memory has no gradient after set_": """
x = torch.rand(2, requires_grad=True); edge = torch.autograd.graph.get_gradient_edge(x); y = x * 2
with torch.no_grad(): x.set_(torch.rand(2))
(torch.autograd.grad(y.sum(), x, allow_unused=True, retain_graph=True), torch.autograd.grad(y.sum(), edge))
""",
    # arguments
    "no zeros for an edge": """
x = torch.ones(2, requires_grad=True).clone(); y = torch.ones(2, requires_grad=True).clone()
torch.autograd.grad(x.clone().sum(), (x, torch.autograd.graph.get_gradient_edge(y)), materialize_grads=True)
""",
    "an edge that was reached": """
x = torch.ones(2, requires_grad=True).clone(); y = torch.ones(2, requires_grad=True).clone()
[g.sum() for g in torch.autograd.grad(x.clone().sum(), (torch.autograd.graph.get_gradient_edge(x), y), materialize_grads=True)]
""",
    "roots first": "x = torch.ones(1)\ntorch.autograd.grad(x * 2, x)",
    "only tensors": "x = torch.ones(1, requires_grad=True)\ntorch.autograd.grad(x * 2, 'x')",
    "old name": "x = torch.ones(1, requires_grad=True); torch.autograd.backward(x * 2, grad_variables=torch.tensor([3.0]))\nx.grad",
    "old name twice": "x = torch.ones(1, requires_grad=True)\ntorch.autograd.backward(x * 2, torch.ones(1), grad_variables=torch.ones(1))",
    "complex result, real weight": "x = torch.ones(1, requires_grad=True)\ntorch.autograd.backward(x * 1j, torch.ones(1))",
    "real result, complex weight": "x = torch.ones(1, requires_grad=True)\ntorch.autograd.backward(x * 2, torch.ones(1) * 1j)",
    "an index is freed": "x = torch.ones(3, requires_grad=True); y = x[torch.tensor([0, 2])]; y.sum().backward()\ny.sum().backward()",
    "a slice is not": "x = torch.ones(3, requires_grad=True); y = x[0:2]; y.sum().backward(); y.sum().backward()\nx.grad",
    "requires_grad is a bool": "torch.ones(2).__setattr__('requires_grad', 2)",
    "no tensor is its own gradient": "x = torch.ones(2)\nx.__setattr__('grad', x)",
    "an older view of what is a leaf now": "x = torch.ones(2, 3); y = x[:]; x.requires_grad = True\ny.add_(5)",
    # modes
    "a class is decorated": """
@torch.no_grad()
class A:
    def __init__(self): self.seen = [torch.is_grad_enabled()]
    def call(self): self.seen.append(torch.is_grad_enabled()); return self.seen
A().call()
""",
    "a generator is closed and thrown into": """
log = []
@torch.no_grad()
def steps():
    try:
        for i in range(3):
            try: log.append((yield i)); log.append(torch.is_grad_enabled())
            except KeyError: log.append(("caught", torch.is_grad_enabled()))
    finally: log.append(("closed", torch.is_grad_enabled()))
g = steps(); next(g); g.send(5); g.throw(KeyError); log.append(torch.is_grad_enabled()); g.close(); log.append(torch.is_grad_enabled())
log
""",
}
CUSTOM = {
    "a list is one gradient": "T.backward = staticmethod(lambda ctx, g: [g])\nT.apply(x).sum().backward()",
    "a complex gradient of a real input": "T.backward = staticmethod(lambda ctx, g: g * 1j)\nT.apply(x).sum().backward()",
    "a list is no tuple of results": "T.forward = staticmethod(lambda ctx, x: [x * 2, x * 3])\n[type(T.apply(x)).__name__, T.apply(x)[0].requires_grad]",
    "a result twice is one tensor": "T.forward = staticmethod(lambda ctx, x: (lambda y: (y, y))(x * 2)); T.backward = staticmethod(lambda ctx, a, b: a * 3 + b * 5); a, b = T.apply(x); (a + 2 * b).sum().backward()\n(a is b, a.output_nr, x.grad)",
    "backward runs although nothing came": "T.backward = staticmethod(lambda ctx, g: None); S = type('S', (T,), dict(backward=staticmethod(lambda ctx, g: g + 1))); T.apply(S.apply(x)).sum().backward()\nx.grad",
    "forward(ctx, x) beside setup_context": "T.setup_context = staticmethod(lambda ctx, inputs, output: None)\nT.apply(x)",
    "only tensors are dirty": "T.forward = staticmethod(lambda ctx, x: ctx.mark_dirty(3))\nT.apply(x)",
    "a view written has one result": "T.forward = staticmethod(lambda ctx, x: (ctx.mark_dirty(x.mul_(2)), (x, x))[1])\nT.apply(x.clone()[0:1])",
    "zeros for what has no gradient, or not": "S = []; T.forward = staticmethod(lambda ctx, x: (lambda a, b: (ctx.mark_non_differentiable(b), setattr(ctx, '_materialize_non_diff_grads', False), (a, b))[2])(x * 2, x * 3)); T.backward = staticmethod(lambda ctx, a, b: (S.append(b), a)[1]); T.apply(x)[0].sum().backward()\n(S, x.grad)",
    "no rule for vmap": "T.vmap(None, None)",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_engine(name: str) -> None:
    assert difference(PROGRAMS[name], strides=False) is None


@pytest.mark.parametrize("name", CUSTOM)
def test_function(name: str) -> None:
    before = FUNCTION.replace("Twice", "T") + "x = torch.ones(2, requires_grad=True)\n"
    assert difference(before + CUSTOM[name], strides=False) is None


def test_warnings() -> None:
    """Who decorates a class, makes an instance of a Function or reads saved_variables is warned, with PyTorch's words."""
    code = FUNCTION + (
        "class Old(torch.autograd.Function):\n"
        "    @staticmethod\n    def forward(ctx, x): ctx.save_for_backward(x); return x * 2\n"
        "    @staticmethod\n    def backward(ctx, g): ctx.saved_variables; return g\n"
        "Twice(); torch.no_grad()(Old); x = torch.ones(2, requires_grad=True); Old.apply(x).sum().backward()\n"
        "torch.autograd.backward(x.sum(), grad_variables=torch.tensor(1.0))\n"
    )
    found = []
    for library in (torch, microtorch):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            exec(code, {"torch": library, "__name__": "program"})
        found.append([(w.category.__name__, str(w.message)) for w in caught])
    assert len(found[0]) == 4
    assert found[0] == found[1]
