"""Autograd against PyTorch: the engine, hooks, Function, higher derivatives, errors.

Most tests run one piece of PyTorch code twice, with `torch` meaning torch and microtorch, and compare what it printed.
"""

import contextlib
import gc
import io
import re
import sys
import textwrap
import threading
import weakref

import numpy as np
import pytest
import torch

import microtorch
from tests.differential import difference

torch.set_num_threads(1)


def printed(framework, code):
    """What a piece of code prints, with `torch` meaning the framework; addresses are left out."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(textwrap.dedent(code), "<code>", "exec"), {"torch": framework, "np": np, "__name__": "code"})
    return re.sub(r"0x[0-9a-f]+", "0x", out.getvalue())


def same(code):
    expected = printed(torch, code)
    assert expected, "the code must print something"
    assert printed(microtorch, code) == expected


ERRORS = """
def error(f):
    try:
        print(f())
    except Exception as e:
        print(type(e).__name__, str(e))
"""


def same_with_errors(code):
    same(ERRORS + textwrap.dedent(code))


def test_backward_accumulates_and_frees():
    same_with_errors("""
    x = torch.tensor([1., 2., 3.], requires_grad=True)
    y = (x * x * 2).sum()
    y.backward(retain_graph=True); print(x.grad)
    y.backward(); print(x.grad)
    error(lambda: y.backward())
    z = x + 1
    z.sum().backward(); z.sum().backward(); print(x.grad)
    """)


def test_backward_arguments():
    same_with_errors("""
    x = torch.tensor([1., 2.], requires_grad=True)
    w = torch.tensor([3., 4.], requires_grad=True)
    error(lambda: (x * 2).backward())
    error(lambda: torch.ones(2).sum().backward())
    error(lambda: (x * 2).sum().backward(torch.ones(2)))
    (x * w).backward(torch.tensor([1., 10.])); print(x.grad, w.grad)
    x.grad = w.grad = None
    (x * w).sum().backward(inputs=[x]); print(x.grad, w.grad)
    x.grad = None
    h = x * 3
    (h * w).sum().backward(inputs=[h]); print(h.grad, x.grad)
    a = (x * w).sum(); b = (x + w).sum()
    x.grad = w.grad = None
    torch.autograd.backward([a, b], [torch.tensor(2.), torch.tensor(3.)]); print(x.grad, w.grad)
    """)


def test_grad():
    same_with_errors("""
    x = torch.tensor([1., 2.], requires_grad=True)
    w = torch.tensor([3., 4.], requires_grad=True)
    u = torch.ones(2, requires_grad=True)
    print(torch.autograd.grad((x * w).sum(), [x, w]))
    print(x.grad)
    error(lambda: torch.autograd.grad((x * w).sum(), [x, u]))
    error(lambda: torch.autograd.grad((x * w).sum(), [torch.ones(1)]))
    print(torch.autograd.grad((x * w).sum(), [x, u], allow_unused=True))
    print(torch.autograd.grad((x * w).sum(), [x, u], materialize_grads=True))
    h = x.exp(); y = (h * w).sum()
    print(torch.autograd.grad(y, [h, x], retain_graph=True))
    print(torch.autograd.grad(y, h))
    print(torch.autograd.grad(x.sum() , x), torch.autograd.grad(x, x, torch.ones(2)))
    """)


def test_higher_derivatives():
    same("""
    x = torch.tensor(2., dtype=torch.float64, requires_grad=True)
    y = x ** 5 + x.sin() * x.exp() + (x * x).log() / x.sqrt()
    for n in range(5):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        print(n, y.item().__format__('.8f'), y.requires_grad)
    """)


def test_create_graph_accumulates_into_grad():
    same("""
    x = torch.tensor([1., 2.], requires_grad=True)
    (x ** 3).sum().backward(create_graph=True)
    print(x.grad)
    g = (x.grad ** 2).sum()
    x.grad = None
    g.backward()
    print(x.grad)
    """)


def test_hooks_and_their_order():
    same_with_errors("""
    x = torch.tensor([1., 2.], requires_grad=True)
    h = x * 2
    h.register_hook(lambda g: print('h', g))
    k = h.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: print('x', g))
    y = (h * 3).sum()
    y.register_hook(lambda g: print('y', g))
    y.backward(retain_graph=True); print(x.grad)
    k.remove()
    y.backward(); print(x.grad)
    x.register_post_accumulate_grad_hook(lambda t: print('after', t.grad))
    (x * 5).sum().backward()
    error(lambda: torch.ones(2).register_hook(print))
    error(lambda: h.register_post_accumulate_grad_hook(print))
    z = (x * 2); z.register_hook(lambda g: torch.ones(3)); error(lambda: z.sum().backward())
    """)


def test_leaf_hooks_run_as_soon_as_the_gradient_is_whole():
    same("""
    ws = [torch.full((2, 2), float(i), requires_grad=True) for i in range(4)]
    for i, w in enumerate(ws):
        w.register_hook(lambda g, i=i: print('leaf', i))
    h = torch.ones(2, 2)
    for i, w in enumerate(ws):
        h = h @ w
        h.register_hook(lambda g, i=i: print('h', i))
    h.sum().backward()
    """)


def test_retain_grad():
    same_with_errors("""
    x = torch.tensor([1., 2.], requires_grad=True)
    h = x * 2; h.retain_grad(); print(h.retains_grad, x.retains_grad)
    (h * h).sum().backward()
    print(h.grad, x.grad)
    error(lambda: torch.ones(1).retain_grad())
    h = x * 2; h.retain_grad(); h.mul_(3); (h * 2).sum().backward(); print(h.grad)
    """)


def test_node_hooks_and_graph_walk():
    same("""
    x = torch.tensor([1., 2.], requires_grad=True)
    h = x.exp()
    y = (h * x).sum()
    print(y.grad_fn.name(), [(type(n).__name__ if n is None else n.name(), i) for n, i in y.grad_fn.next_functions])
    n = y.grad_fn.next_functions[0][0]
    print(n.name(), [(m.name(), i) for m, i in n.next_functions])
    n.register_hook(lambda gi, go: print('post', gi, go))
    n.register_prehook(lambda go: print('pre', go))
    y.backward(); print(x.grad)
    print(x.is_leaf, h.is_leaf, x.grad_fn, h.requires_grad, h.output_nr)
    """)


def test_grad_modes():
    same("""
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        print((x * 2).requires_grad, torch.is_grad_enabled())
        with torch.enable_grad():
            print((x * 2).requires_grad)
    @torch.no_grad()
    def f(): return (x * 2).requires_grad
    @torch.inference_mode()
    def g(): return (x * 2).requires_grad, torch.is_inference_mode_enabled()
    print(f(), g(), torch.is_grad_enabled())
    with torch.set_grad_enabled(False): print((x * 2).requires_grad)
    torch.set_grad_enabled(False); print((x * 2).requires_grad); torch.set_grad_enabled(True)
    @torch.no_grad()
    def gen():
        for i in range(2): yield (x * i).requires_grad
    for r in gen(): print(r, torch.is_grad_enabled())
    try:
        with torch.no_grad(): raise ValueError
    except ValueError: print(torch.is_grad_enabled())
    """)


def test_the_grad_mode_is_restored_after_an_error_in_backward():
    same("""
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x): return x.clone()
        @staticmethod
        def backward(ctx, g): raise ValueError('bad')
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    for create in (False, True):
        try: (Bad.apply(y) * y).sum().backward(create_graph=create)
        except ValueError as e: print(e, torch.is_grad_enabled(), x.grad)
    """)


FUNCTIONS = """
class Exp(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp(); ctx.save_for_backward(y); return y
    @staticmethod
    def backward(ctx, g):
        y, = ctx.saved_tensors
        return g * y
class MulAdd(torch.autograd.Function):
    @staticmethod
    def forward(x, y, k): return x * y * k, x + y
    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs[:2]); ctx.k = inputs[2]
    @staticmethod
    def backward(ctx, g, h):
        x, y = ctx.saved_tensors
        print(ctx.needs_input_grad, g, h)
        return g * y * ctx.k + h, g * x * ctx.k + h, None
class Inc(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        x.add_(1); ctx.mark_dirty(x); return x
    @staticmethod
    def backward(ctx, g): return g * 7
class Split(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        i = (x > 0); ctx.mark_non_differentiable(i); ctx.set_materialize_grads(False)
        return x * 2, i, x * 3
    @staticmethod
    def backward(ctx, g, i, h):
        print(g, i, h); return 2 * g
"""


def test_function():
    same_with_errors(
        FUNCTIONS
        + """
x = torch.tensor([1., 2.], requires_grad=True)
y = Exp.apply(x); print(y, y.grad_fn.name()); (y * 2).sum().backward(); print(x.grad)
x.grad = None
a, b = MulAdd.apply(x, torch.tensor([3., 4.]), 5.); print(a, b)
a.sum().backward(); print(x.grad)
h = x * 2; k = Inc.apply(h); print(k is h, h); h.sum().backward(); print(x.grad)
error(lambda: Inc.apply(x))
p, i, q = Split.apply(x); print(p.requires_grad, i, q.requires_grad); p.sum().backward()
e = Exp.apply(x)
(g,) = torch.autograd.grad(e.sum(), x, create_graph=True); print(g)
print(torch.autograd.grad(g.sum(), x))
with torch.no_grad(): print(Exp.apply(x).requires_grad)
print(Exp.apply(torch.ones(1)).requires_grad)
"""
    )


def test_function_errors():
    same_with_errors("""
    x = torch.ones(2, requires_grad=True)
    class Few(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y): return x + y
        @staticmethod
        def backward(ctx, g): return g
    error(lambda: Few.apply(x, x).sum().backward())
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x): return x * 2
        @staticmethod
        def backward(ctx, g): return torch.ones(3)
    error(lambda: Wrong.apply(x).sum().backward())
    class Saved(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x): ctx.save_for_backward(x); return x * 2
        @staticmethod
        def backward(ctx, g): return ctx.saved_tensors[0] * g
    y = Saved.apply(x).sum(); y.backward()
    error(lambda: y.backward())
    h = x * 1; y = Saved.apply(h); h.add_(1)
    error(lambda: y.sum().backward())
    once_differentiable = torch.autograd.function.once_differentiable
    class Once(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x): return x * 2
        @staticmethod
        @once_differentiable
        def backward(ctx, g): return g * 2
    (g,) = torch.autograd.grad((Once.apply(x) ** 2).sum(), x, create_graph=True)
    error(lambda: g.sum().backward())
    """)


def test_saved_value_modified_in_place():
    same_with_errors("""
    x = torch.ones(3, requires_grad=True)
    y = x * 2; z = y * y; y.add_(1)
    error(lambda: z.sum().backward())
    y = x.exp(); y.add_(1)
    error(lambda: y.sum().backward())
    y = x.exp(); y[0] = 1
    error(lambda: y.sum().backward())
    y = x.exp(); v = y.view(-1); v.mul_(2)
    error(lambda: y.sum().backward())
    y = x.exp(); y.detach().add_(1)
    error(lambda: y.sum().backward())
    y = x * 2; z = y + 1; y.add_(1); z.sum().backward(); print(x.grad)
    a = torch.ones(3); y = a * x; a.mul_(2); a.mul_(2)
    error(lambda: y.sum().backward())
    """)


def test_saved_tensors_hooks():
    same("""
    log = []
    x = torch.tensor([1., 2.], requires_grad=True)
    def pack(t): print('pack', t.detach()); return t.detach() * 1
    def unpack(t): print('unpack', t); return t
    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = x * x.exp()
    y.sum().backward(); print(x.grad)
    """)


def test_anomaly_mode_names_the_operation():
    code = """
    import warnings
    warnings.simplefilter('ignore')
    x = torch.zeros(1, requires_grad=True)
    try:
        with torch.autograd.detect_anomaly():
            (x.sqrt() * 0).sum().backward()
    except RuntimeError as e: print(e)
    """
    same(code)
    with pytest.warns(UserWarning, match=r"Error detected in SqrtBackward0(.|\n)*here_it_is"):
        with microtorch.autograd.detect_anomaly():

            def here_it_is():
                return (microtorch.zeros(1, requires_grad=True).sqrt() * 0).sum()

            with pytest.raises(RuntimeError):
                here_it_is().backward()


def test_functional():
    same("""
    from_ = torch.autograd.functional
    x = torch.tensor([1., 2., 3.]); y = torch.tensor([.5, .25])
    f = lambda x: x.exp() * x.sum()
    g = lambda x, y: (x.sum() * y, x * y.sum())
    print(from_.jacobian(f, x)); print(from_.jacobian(g, (x, y)))
    print(from_.hessian(lambda x: (x ** 3).sum(), x))
    print(from_.hessian(lambda x, y: (x ** 3).sum() * y.sum(), (x, y)))
    print(from_.vjp(f, x, torch.ones(3))); print(from_.jvp(f, x, torch.tensor([1., 0., 2.])))
    print(from_.vhp(lambda x: (x ** 3).sum(), x, torch.ones(3))); print(from_.hvp(lambda x: (x ** 3).sum(), x, torch.ones(3)))
    """)


def test_gradcheck_accepts_and_refuses():
    x = microtorch.tensor([[0.5, -1.5], [2.0, 0.1]], dtype=microtorch.float64, requires_grad=True)
    assert microtorch.autograd.gradcheck(lambda x: (x * x).sin() @ x, x)
    assert microtorch.autograd.gradgradcheck(lambda x: (x * x).sin() @ x, x)

    class Wrong(microtorch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    with pytest.raises(RuntimeError, match="Jacobian mismatch for output 0 with respect to input 0"):
        microtorch.autograd.gradcheck(Wrong.apply, x)
    assert not microtorch.autograd.gradcheck(Wrong.apply, x, raise_exception=False)


def test_a_million_nodes_build_run_and_are_freed():
    x = microtorch.tensor(1.0, requires_grad=True)
    y = x
    for _ in range(1_000_000):
        y = y + 1.0
    assert sys.getrecursionlimit() < 10_000
    y.backward()
    assert x.grad.item() == 1.0
    last = weakref.ref(y.grad_fn)
    del y
    assert last() is None


def test_no_garbage_is_left_for_the_collector():
    torch_like = microtorch
    w = [torch_like.rand(8, 8).requires_grad_() for _ in range(3)]

    def step():
        h = torch_like.rand(4, 8)
        for p in w:
            h = (h @ p).relu().exp().tanh()
            h = h[:, :].view(4, 8) * 2
            h = h.clone()
            h[0] = 1.0
            h.mul_(0.5)
        values, _ = h.max(1)
        loss = (values + h.std(1)).sum()
        (g,) = torch_like.autograd.grad(loss, w[0], create_graph=True)
        (loss + (g * g).sum()).backward()

    step()
    gc.collect()
    gc.disable()
    try:
        step()
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_memory_of_the_graph_goes_with_the_result():
    x = microtorch.ones(10, requires_grad=True)
    h = x.exp()
    array = weakref.ref(h._data)
    y = h.sin()
    del h
    assert array() is not None  # saved for exp's and sin's gradients
    y.sum().backward()
    assert array() is None  # freed by backward, though y lives


def test_addition_saves_nothing():
    x = microtorch.ones(10, requires_grad=True)
    h = x * 2
    array = weakref.ref(h._data)
    y = h + 1
    del h
    assert array() is None and y.requires_grad


def test_threads_have_their_own_grad_mode():
    seen = []
    with microtorch.no_grad():
        t = threading.Thread(target=lambda: seen.append(microtorch.is_grad_enabled()))
        t.start()
        t.join()
    assert seen == [True]


def test_backward_from_several_threads():
    x = microtorch.ones(3, requires_grad=True)
    errors = []

    def work(k):
        try:
            for _ in range(50):
                (g,) = microtorch.autograd.grad((x.exp() * k).sum(), x)
                assert np.allclose(g.numpy(), np.e * k)
        except Exception as e:
            errors.append(e)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not errors


def test_complex_gradients():
    same("""
    z = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
    w = torch.tensor([0.5 - 1j, 2 + 2j], requires_grad=True)
    (z * w * z.exp()).abs().sum().backward()
    print(z.grad, w.grad)
    z.grad = None
    h = z * 2; h.register_hook(lambda g: print('h', g))
    (h * h.conj()).real.sum().backward(); print(z.grad)
    """)


def test_what_was_made_in_inference_mode():
    same("""
    def attempt(f):
        try: r = f(); print(r, r.is_inference() if isinstance(r, torch.Tensor) else '')
        except RuntimeError as e: print(e)
    w, n = torch.ones(3, requires_grad=True), torch.ones(3)
    with torch.inference_mode():
        a, v, u, d = torch.ones(3) * 2, w.view(3, 1), n.view(3, 1), w.detach()
        p, q = torch.nn.Parameter(torch.ones(3)), torch.nn.Parameter(n)
        with torch.enable_grad(): attempt(lambda: w * 2)
        with torch.inference_mode(False):
            attempt(lambda: w * 2)
            attempt(lambda: w * a)
    for f in (lambda: w * a, lambda: w + a, lambda: w @ a, lambda: w / a, lambda: torch.nn.functional.mse_loss(w, a),
              lambda: a.clone() * w, lambda: w.clone().mul_(a), lambda: torch.cat([w, a]), lambda: a * 2,
              lambda: a.view(3, 1), lambda: a.detach(), lambda: a[0], lambda: a._version, lambda: v.add_(1), lambda: d,
              lambda: u.add_(1), lambda: u.add_(w.view(3, 1)), lambda: torch.nn.Parameter(a), lambda: p, lambda: q,
              lambda: a.requires_grad_(), lambda: torch.nn.functional.linear(w.view(1, 3), a.view(1, 3))):
        attempt(f)
    for f in (lambda: a.zero_(), lambda: a.fill_(1), lambda: a.__setitem__(0, 1), lambda: a.copy_(n), lambda: a[0].mul_(2),
              lambda: torch.add(n, 1, out=a), lambda: a.t_()):
        try: f()
        except RuntimeError as e: print(e)
    class Keep(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y): ctx.save_for_backward(y); return x * y
        @staticmethod
        def backward(ctx, g): return g * ctx.saved_tensors[0], None
    attempt(lambda: Keep.apply(w, a))
    """)


def test_nothing_is_looked_at_once_inference_tensors_are_gone():
    from microtorch.autograd.node import watched

    before = len(watched)
    with microtorch.inference_mode():
        a = microtorch.ones(3)
    assert len(watched) == before + 1
    del a
    assert len(watched) == before


def test_checkpoint():
    code = """
    from functools import partial
    checkpoint = partial(torch.utils.checkpoint.checkpoint, use_reentrant=False)
    x = torch.tensor([1., 2.], requires_grad=True); w = torch.tensor([3., 4.], requires_grad=True)
    calls = []
    def f(a): calls.append(1); return (a * w).tanh() * a
    y = checkpoint(f, x).sum(); print(len(calls)); y.backward(); print(len(calls), x.grad, w.grad)
    (g,) = torch.autograd.grad(checkpoint(f, x).sum(), x, create_graph=True)
    print(g, torch.autograd.grad(g.sum(), [x, w]))
    """

    same(code)


def test_grad_modes_inside_of_inference_mode():
    """is_grad_enabled() tells what was asked for; nothing is recorded all the same."""
    code = """
seen = []
def note(): seen.append((torch.is_grad_enabled(), torch.is_inference_mode_enabled(), (x * 2).requires_grad))
x = torch.ones(2, requires_grad=True)
with torch.inference_mode():
    note()
    with torch.enable_grad():
        note()
        with torch.inference_mode(False): note()
        with torch.no_grad(): note()
        torch.set_grad_enabled(False); note()
        torch.set_grad_enabled(True); note()
    note()
note()
str(seen)
"""
    assert difference(code) is None
