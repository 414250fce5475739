"""torch.optim beside PyTorch: groups, state, hooks, errors, and what users do to parameters between steps.

The updates of every optimizer with every option are compared in tests/conformance/test_optimizers.py.
"""

from __future__ import annotations

import copy
import gc
import pickle
import warnings
import weakref
from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from microtorch.kernels import optim as kernels, twins
from tests.differential import difference

ALL = [
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "ASGD",
    "NAdam",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SGD",
]
BOTH = (torch, microtorch)


def check(code: str, **options: Any) -> None:
    found = difference(START.strip() + "\n" + code.strip(), exact=False, **options)
    assert found is None, found[-420:].replace("\n", " ; ")


START = """
O = torch.optim
def leaf(*values): return torch.tensor(values, requires_grad=True)
def stepped(make, n=3, params=None):
    params = params or [leaf(1., 2., 3.), leaf(0.5)]
    o = make(params)
    for i in range(n):
        o.zero_grad()
        sum((p * p).sum() * (k + 1) for k, p in enumerate(params)).backward()
        o.step()
    return [o, params]
def values(params): return [p.detach() for p in params]
"""


# construction and groups ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ALL, "LBFGS", "Muon", "SparseAdam"])
def test_repr_defaults_and_signature(name: str) -> None:
    params = "[torch.ones(2, 2, requires_grad=True)]"
    check(f"repr(O.{name}({params}))")
    check(f"O.{name}({params}).defaults")
    check(f"[list(g) for g in O.{name}({params}).param_groups]")
    check(f"str(__import__('inspect').signature(O.{name}.__init__)).replace(' ', '').split(':')[0]")
    check(f"[p.name for p in __import__('inspect').signature(O.{name}.__init__).parameters.values()]")
    check(f"O.{name}({params}, lr=-1.)")
    check(f"O.{name}([])")
    check(f"O.{name}({params}, lr=torch.tensor([1., 2.]))")


@pytest.mark.parametrize("code", [
    "O.SGD(leaf(1.), lr=0.1)", "O.SGD(torch.nn.Parameter(torch.ones(1)), lr=0.1)", "O.SGD([], lr=0.1)", "O.SGD(3, lr=0.1)", "O.SGD([3], lr=0.1)", "O.SGD(['a'], lr=0.1)", "O.SGD([None], lr=0.1)", "O.SGD([leaf(1.) * 2], lr=0.1)", "O.SGD({leaf(1.)}, lr=0.1)",
    "O.SGD([{'params': {leaf(1.)}}], lr=0.1)", "O.SGD([{'lr': 1}], lr=0.1)", "O.SGD([{'params': leaf(1.)}], lr=0.1).param_groups[0]['params']", "O.SGD(iter([leaf(1.)]), lr=0.1).param_groups[0]['params']",
    "O.SGD([{'params': []}], lr=0.1)", "O.SGD([leaf(1.)], lr=0.1, momentum=-1)", "O.SGD([leaf(1.)], lr=0.1, weight_decay=-1)", "O.SGD([leaf(1.)], lr=0.1, nesterov=True)", "O.SGD([leaf(1.)], lr=0.1, nesterov=True, momentum=.9, dampening=.1)",
    "O.Adam([leaf(1.)], betas=(1., .9))", "O.Adam([leaf(1.)], betas=(.9, -1.))", "O.Adam([leaf(1.)], eps=-1)", "O.Adam([leaf(1.)], weight_decay=-1)", "O.Adam([leaf(1.)], betas=(1, .9))", "O.Adam([leaf(1.)], betas=(0, .9))",
    "O.Adam([leaf(1.)], fused=True, foreach=True)", "O.Adam([leaf(1.)], fused=True, differentiable=True)", "O.RMSprop([leaf(1.)], alpha=-1)", "O.RMSprop([leaf(1.)], momentum=-1)", "O.Adagrad([leaf(1.)], lr_decay=-1)", "O.Adagrad([leaf(1.)], initial_accumulator_value=-1)",
    "O.Adadelta([leaf(1.)], rho=2)", "O.Rprop([leaf(1.)], etas=(1., 2.))", "O.Muon([leaf(1.)])", "O.Adafactor([leaf(1.)], d=.5)", "O.NAdam([leaf(1.)], momentum_decay=-1)", "O.LBFGS([{'params': leaf(1.)}, {'params': leaf(2.)}])", "O.Muon([torch.ones(2, 2, requires_grad=True)], adjust_lr_fn='x')",
    "O.Optimizer([leaf(1.)], {}).step()", "O.Optimizer([leaf(1.)], {'a': __import__('importlib').import_module(torch.__name__ + '.optim.optimizer').required})", "O.Optimizer([{'params': leaf(1.), 'b': 2}], {'a': 1}).param_groups[0]",
    "o = O.SGD([leaf(1.)], lr=0.1)\no.add_param_group({'params': [leaf(2.)], 'lr': 3.})\n[list(g.items()) for g in o.param_groups]", "o = O.SGD([leaf(1.)], lr=0.1)\no.add_param_group([leaf(2.)])", "a = leaf(1.)\no = O.SGD([a], lr=0.1)\no.add_param_group({'params': a})",
    "O.SGD([('w', leaf(1.)), ('b', leaf(2.))], lr=0.1).param_groups", "O.SGD([('w', leaf(1.)), leaf(2.)], lr=0.1)", "o = O.SGD([('w', leaf(1.))], lr=0.1)\no.add_param_group({'params': leaf(2.)})", "O.SGD([('w', leaf(1.))], lr=0.1).state_dict()",
    "O.SGD([torch.ones(2)], lr=0.1).param_groups[0]['lr']", "O.Adam([torch.ones(2, requires_grad=True).cos()])", "x = leaf(1.) * 2\nx.retain_grad()\nlen(O.SGD([x], lr=0.1).param_groups)",
])  # fmt: skip
def test_construction(code: str) -> None:
    check(code)


def test_duplicate_parameters_warn_and_are_updated_twice() -> None:
    results = []
    for T in BOTH:
        a, b = T.ones(2, requires_grad=True), T.ones(3, requires_grad=True)
        with pytest.warns(UserWarning, match="duplicate parameters"):
            optimizer = T.optim.Adam([a, b, a], lr=0.1)
        for _ in range(3):
            optimizer.zero_grad()
            ((a * a).sum() + (b * b).sum()).backward()
            optimizer.step()
        results.append([a.tolist(), b.tolist(), [s["step"].item() for s in optimizer.state.values()]])
    assert (
        np.allclose(results[0][0], results[1][0], rtol=1e-6)
        and np.allclose(results[0][1], results[1][1], rtol=1e-6)
        and results[0][2] == results[1][2]
    )


def test_what_is_lacking_is_named() -> None:
    with pytest.raises(AttributeError, match=r"microtorch has no `torch.optim.Nothing`"):
        microtorch.optim.Nothing  # noqa: B018
    for T in BOTH:
        x = T.ones(1, requires_grad=True)
        x.grad = T.ones(1)
        with pytest.raises(AssertionError, match="capturable=True"):
            T.optim.Adam([x], capturable=True).step()


# steps ---------------------------------------------------------------------------------------------------------------------


def test_closures_and_losses() -> None:
    check("""
x = leaf(1., 2.)
o = O.SGD([x], lr=0.1)
def closure():
    o.zero_grad()
    loss = (x * x).sum()
    loss.backward()
    return loss
with torch.no_grad():
    losses = [o.step(closure).item() for _ in range(3)]
[losses, x.detach(), o.step(), o.step(lambda: 'loss'), torch.is_grad_enabled()]""")
    check("O.LBFGS([leaf(1.)]).step()", message=False)


def test_zero_grad() -> None:
    check("""
a, b, c = leaf(1.), leaf(2.), leaf(3.)
o = O.SGD([a, b, c], lr=0.1)
(a * b).sum().backward()
held = a.grad
o.zero_grad(set_to_none=False)
first = [held.tolist(), a.grad is held, b.grad.tolist(), c.grad]
o.zero_grad()
first + [a.grad, held.tolist()]""")
    check("""
a = leaf(2.)
(g,) = torch.autograd.grad((a ** 3).sum(), a, create_graph=True)
a.grad = g
O.SGD([a], lr=0.1).zero_grad(set_to_none=False)
[a.grad, a.grad.requires_grad, a.grad.grad_fn]""")


def test_parameters_without_a_gradient_are_left_alone() -> None:
    for name in ALL:
        check(f"""
a, b = leaf(1., 2.), leaf(3.)
o = O.{name}([a, b], lr=0.1)
for i in range(6):
    o.zero_grad()
    (a * a if i % 3 else b * b * b).sum().backward()
    o.step()
[values([a, b]), {{k: [(n, v) for n, v in s.items()] for k, s in o.state_dict()['state'].items()}}]""")


def test_lr_as_a_tensor_and_changed_options() -> None:
    for name in (
        "SGD",
        "Adam",
        "AdamW",
        "RMSprop",
        "Adagrad",
        "NAdam",
        "RAdam",
        "ASGD",
        "Adamax",
        "Adadelta",
        "Rprop",
        "Adafactor",
    ):
        check(f"o, p = stepped(lambda p: O.{name}(p, lr=torch.tensor(0.1)))\n[values(p), o.param_groups[0]['lr']]")
        check(f"o, p = stepped(lambda p: O.{name}(p, lr=torch.tensor([0.1], dtype=torch.float64)))\nvalues(p)")
    check("""
o, p = stepped(lambda p: O.SGD(p, lr=0.1))
o.param_groups[0]['lr'] = 0.01
o.param_groups[0]['momentum'] = 0.9
o.step()
o.step()
o.param_groups[0]['lr'] *= 0.5
o.step()
[values(p), o.state_dict()['state']]""")
    check("o, p = stepped(lambda p: O.Adam(p, lr=0.1, betas=(torch.tensor(0.9), torch.tensor(0.99))))\nvalues(p)")


def test_groups_have_their_own_options() -> None:
    for name in ALL:
        check(f"""
a, b, c = leaf(1., 2.), leaf(3.), leaf(4.)
o = O.{name}([{{'params': [a]}}, {{'params': [b, c], 'lr': 0.5, 'weight_decay': 0.1}}], lr=0.1) if '{name}' != 'Rprop' else O.Rprop([{{'params': [a]}}, {{'params': [b, c], 'lr': .5}}])
for _ in range(4):
    o.zero_grad()
    (a.sum() * b + (c ** 3)).sum().backward()
    o.step()
[values([a, b, c]), repr(o), o.state_dict()['param_groups']]""")


def test_shapes_layouts_and_dtypes() -> None:
    for name in ALL:
        check(f"""
torch.manual_seed(0)
params = [torch.rand(3, 4).t().requires_grad_(), torch.rand(()).requires_grad_(), torch.zeros(0, 3).requires_grad_(), torch.rand(2, 3, 4, dtype=torch.float64).requires_grad_(), torch.rand(100, 120).requires_grad_(),
          torch.rand(300, 60).t().requires_grad_(), torch.rand(8193).requires_grad_(), torch.rand(8192).requires_grad_(), torch.rand(20, 20)[::2, 1:5].requires_grad_()]
o = O.{name}(params, lr=0.1)
def closure():
    o.zero_grad()
    loss = sum((p ** 2 * (1 + k)).sum() + p.sum() for k, p in enumerate(params))
    loss.backward()
    return loss
for _ in range(3): o.step(closure)
values(params)""", strides=False)  # fmt: skip


def test_float16() -> None:
    for name in ("SGD", "Adagrad", "Adamax", "ASGD"):
        for T, U in (BOTH,):
            results = []
            for W in (T, U):
                x = W.tensor(np.linspace(-1, 1, 20).astype("f2"), requires_grad=True)
                optimizer = getattr(W.optim, name)([x], lr=0.05)
                for _ in range(5):
                    x.grad = x.detach().clone() * 2 + 1
                    optimizer.step()
                results.append(x.detach().numpy())
                assert x.dtype is W.float16
            assert np.allclose(*[r.astype("f4") for r in results], atol=4e-3), name


def test_gradients_of_any_layout() -> None:
    results = []
    for T in BOTH:
        x = T.arange(6.0).reshape(2, 3).requires_grad_()
        optimizer = T.optim.Adam([x], lr=0.1)
        for g in (T.ones(3, 2).t(), T.ones(1, 1).expand(2, 3), T.arange(6.0).reshape(2, 3)):
            x.grad = g
            optimizer.step()
            assert x.grad is g
        results.append(x.tolist())
    assert np.allclose(*results, rtol=1e-6)


def test_gradients_are_not_written() -> None:
    for name in ALL:
        for size in (3, 20_000):
            x = microtorch.ones(size, requires_grad=True)
            x.grad = microtorch.full((size,), 0.5)
            options = {"weight_decay": 0.1} if name != "Rprop" else {}
            optimizer = getattr(microtorch.optim, name)([x], maximize=True, **options)
            for _ in range(2):
                optimizer.step()
            assert bool((x.grad == 0.5).all()), name


def test_nan_and_infinite_gradients() -> None:
    for name in ("SGD", "Adam", "RMSprop", "Adagrad", "Adamax", "Rprop", "NAdam"):
        check(f"""
x = leaf(1., 1., 1., 1.)
o = O.{name}([x], lr=0.1)
for g in ([float('nan'), float('inf'), -float('inf'), 0.], [1., 1., 1., 1.]):
    x.grad = torch.tensor(g)
    o.step()
x.detach()""")


# between steps -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["SGD, momentum=0.9", "Adam", "Adagrad", "NAdam", "ASGD", "Rprop"])
@pytest.mark.parametrize("change", [
    "p[0].data = torch.tensor([5., 6., 7.])", "p[0].data = torch.ones(3, dtype=torch.float64); p[0].grad = None; o.state[p[0]].clear()", "p[0].data.mul_(2)", "with torch.no_grad(): p[0].add_(1)",
    "[s[n].fill_(0.5) for s in o.state.values() for n in s]", "o.state[p[0]]['step'] = torch.tensor(7.) if 'step' in o.state[p[0]] else 0", "[s.update({n: s[n].clone() for n in s}) for s in o.state.values()]",
    "o.state.clear()", "del o.state[p[0]]", "[s.update({n: (s[n] * 2).detach() for n in s}) for s in o.state.values()]", "o.state[p[0]].update({n: o.state[p[0]][n] + 1 for n in ('step',) if n in o.state[p[0]]})", "p.append(leaf(3., 4.)); o.add_param_group({'params': [p[-1]]})",
    "p.reverse(); o.param_groups[0]['params'].reverse()", "p.append(leaf(9.)); o.param_groups[0]['params'].append(p[-1])", "o = pickle.loads(pickle.dumps(o)); p = o.param_groups[0]['params']", "o = copy.deepcopy(o); p = o.param_groups[0]['params']",
    "o.load_state_dict(o.state_dict())", "o.load_state_dict(copy.deepcopy(o.state_dict()))", "other = O.Adam([leaf(1.)]); o.zero_grad()", "p[1].requires_grad_(False); p[1].requires_grad_(True)",
])  # fmt: skip
def test_what_users_do_between_steps(name: str, change: str) -> None:
    kind, _, options = name.partition(", ")
    check(f"""
import copy, pickle
warnings = __import__('warnings'); warnings.simplefilter('ignore')
o, p = stepped(lambda p: O.{kind}(p, lr=0.1{", " + options if options else ""}))
{change}
for _ in range(2):
    o.zero_grad()
    sum((q * q * q).sum() for q in p).backward()
    o.step()
[values(p), [[v for v in s.values()] for s in o.state.values()]]""")


def test_stale_graphs_are_noticed() -> None:
    for name in ("SGD", "Adam", "Adafactor", "LBFGS"):
        x = microtorch.ones(2, requires_grad=True)
        optimizer = getattr(microtorch.optim, name)([x], lr=0.1)
        loss = (x * x).sum()
        loss.backward(retain_graph=True)
        before = x._version
        optimizer.step(lambda loss=loss: loss)
        assert x._version > before
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


def test_the_state_is_seen_by_who_holds_it() -> None:
    """State tensors stay the same objects, with the present values."""
    a, b = microtorch.ones(3, requires_grad=True), microtorch.ones(2, requires_grad=True)
    optimizer = microtorch.optim.Adam([a, b], lr=0.1)
    held = None
    for i in range(5):
        optimizer.zero_grad()
        (a.sum() + (b * b).sum() if i % 2 else a.sum()).backward()
        optimizer.step()
        held = held or optimizer.state[a]
    assert (
        held is optimizer.state[a] and held["step"].item() == 5 and abs(held["exp_avg"][0].item() - (1 - 0.9**5)) < 1e-6
    )


def test_two_optimizers_of_the_same_parameters() -> None:
    check("""
p = [leaf(1., 2.), leaf(3.)]
a, b = O.Adam(p, lr=0.1), O.SGD(p, lr=0.01, momentum=0.9)
for _ in range(3):
    for o in (a, b):
        o.zero_grad()
        sum((q * q).sum() for q in p).backward()
        o.step()
[values(p), a.state_dict()['state'], b.state_dict()['state']]""")
    check("""
p = [leaf(1., 2.), leaf(3.)]
a, b = O.Adam(p, lr=0.1), O.Adam(p, lr=0.1)
sum((q * q).sum() for q in p).backward()
a.step()
b.load_state_dict(a.state_dict())
for _ in range(3):
    a.step()
    b.step()
[values(p), b.state_dict()['state']]""")


def test_memory_is_freed() -> None:
    gc.collect()
    gc.disable()
    try:
        x = microtorch.ones(10, requires_grad=True)
        optimizer = microtorch.optim.Adam([x])
        x.grad = microtorch.ones(10)
        optimizer.step()
        refs = [weakref.ref(optimizer), weakref.ref(x), weakref.ref(optimizer.state[x]["exp_avg"])]
        del optimizer, x
        assert [r() for r in refs] == [None] * 3
    finally:
        gc.enable()


# state ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ALL, "LBFGS"])
def test_states_travel(name: str) -> None:
    """state_dict has PyTorch's layout, and training goes on from one library's state in the other."""
    check(
        f"[(k, list(s)) for k, s in stepped(lambda p: O.{name}(p))[0].state_dict()['state'].items()]"
        if name != "LBFGS"
        else "1"
    )

    def make(T: Any) -> tuple[Any, list[Any]]:
        params = [T.tensor([1.0, 2.0, 3.0], requires_grad=True), T.tensor([[0.5, 1.5]], requires_grad=True)]
        return getattr(T.optim, name)(params, lr=0.05), params

    def train(T: Any, optimizer: Any, params: list[Any], n: int) -> None:
        def closure() -> Any:
            optimizer.zero_grad()
            loss = sum((p**2).sum() + p.sum() for p in params)
            loss.backward()
            return loss

        for _ in range(n):
            optimizer.step(closure)

    def convert(value: Any, T: Any) -> Any:
        if isinstance(value, (torch.Tensor, microtorch.Tensor)):
            return T.tensor(value.numpy().copy())
        if isinstance(value, dict):
            return {k: convert(v, T) for k, v in value.items()}
        return type(value)(convert(v, T) for v in value) if isinstance(value, (list, tuple)) else value

    results = []
    for first, second in ((torch, torch), (microtorch, microtorch), (torch, microtorch), (microtorch, torch)):
        optimizer, params = make(first)
        train(first, optimizer, params, 4)
        other, others = make(second)
        other.load_state_dict(convert(optimizer.state_dict(), second))
        for p, q in zip(params, others):
            q.data.copy_(second.tensor(p.detach().numpy().copy()))
        train(second, other, others, 4)
        results.append(np.concatenate([p.detach().numpy().reshape(-1) for p in others]))
    for r in results[1:]:
        assert np.allclose(results[0], r, rtol=1e-5, atol=1e-6), results


@pytest.mark.parametrize("code", [
    "o = O.Adam([leaf(1.), leaf(2.)])\no.load_state_dict(O.Adam([leaf(1.)]).state_dict())", "o = O.Adam([leaf(1.)])\no.load_state_dict(O.Adam([{'params': leaf(1.)}, {'params': leaf(2.)}]).state_dict())",
    "o = O.Adam([torch.ones(2, dtype=torch.float64, requires_grad=True)])\no.load_state_dict(stepped(lambda p: O.Adam(p[:1]))[0].state_dict())\no.state_dict()['state']",
    "s = O.Adam([leaf(1.)]).state_dict()\ns['state'] = {0: {'step': 3, 'exp_avg': torch.ones(1), 'exp_avg_sq': torch.ones(1)}, 'more': 5}\no = O.Adam([leaf(1.)])\no.load_state_dict(s)\n[o.state_dict()['state']]",
    "s = O.AdamW([leaf(1.)]).state_dict()\ns['param_groups'][0] = {'lr': .1, 'betas': (.9, .99), 'eps': 1e-8, 'weight_decay': 0., 'params': [0]}\no = O.AdamW([leaf(1.)])\no.load_state_dict(s)\no.param_groups", "o = O.AdamW([leaf(1.)])\no.load_state_dict(O.Adam([leaf(1.)]).state_dict())\no.param_groups[0]['decoupled_weight_decay']",
    "o = O.SGD([leaf(1.)], lr=.1)\ns = o.state_dict()\ns['param_groups'][0]['lr'] = 7.\n[o.param_groups[0]['lr'], o.load_state_dict(s), o.param_groups[0]['lr'], s]", "o = O.SGD([leaf(1.)], lr=.1)\no.load_state_dict({})",
    "o = O.SGD([('a', leaf(1.))], lr=.1)\no.load_state_dict(O.SGD([leaf(1.)], lr=.2).state_dict())\no.param_groups[0]['param_names']", "a, b = leaf(1.), leaf(2.)\no = O.SGD([{'params': [a, b]}, {'params': leaf(3.)}], lr=.1)\no.state_dict()",
    "o = stepped(lambda p: O.Adagrad(p))[0]\n[type(o.state).__name__, o.state[0] if False else len(o.state), list(o.__getstate__())]", "O.Adam([leaf(1.)]).state_dict()",
    "o = O.Rprop([leaf(1.)])\no.__setstate__({'param_groups': [{'params': [], 'lr': 1}]})\no.param_groups", "o = stepped(lambda p: O.SGD(p, momentum=.9))[0]\no.load_state_dict(o.state_dict())\no.state_dict()['state']",
])  # fmt: skip
def test_state_dict(code: str) -> None:
    check(code)


# hooks ---------------------------------------------------------------------------------------------------------------------


def test_hooks() -> None:
    check("""
optimizer = __import__('importlib').import_module(torch.__name__ + '.optim.optimizer')
log = []
x = leaf(1.)
o = O.SGD([x], lr=0.1)
x.grad = torch.ones(1)
handles = [
    o.register_step_pre_hook(lambda opt, args, kwargs: log.append(['pre', opt is o, len(args), kwargs])),
    o.register_step_post_hook(lambda opt, args, kwargs: log.append(['post', opt is o, len(args), kwargs])),
    o.register_state_dict_pre_hook(lambda opt: log.append('state pre')),
    o.register_state_dict_pre_hook(lambda opt: log.append('state pre first'), prepend=True),
    o.register_state_dict_post_hook(lambda opt, s: {**s, 'more': 1}),
    o.register_load_state_dict_pre_hook(lambda opt, s: log.append(sorted(s))),
    o.register_load_state_dict_post_hook(lambda opt: log.append('loaded')),
    optimizer.register_optimizer_step_pre_hook(lambda opt, args, kwargs: log.append('all pre')),
    optimizer.register_optimizer_step_post_hook(lambda opt, args, kwargs: log.append('all post')),
]
o.step()
o.step(closure=None)
s = o.state_dict()
o.load_state_dict(s)
[h.remove() for h in handles]
o.step()
[log, sorted(s), x.detach()]""")
    check("""
x = leaf(1.)
o = O.SGD([x], lr=0.1)
o.register_step_pre_hook(lambda opt, args, kwargs: ((args[0], lambda: 'changed'), {}))
o.step(lambda: 'loss')""")
    for T in BOTH:
        optimizer = T.optim.SGD([T.ones(1, requires_grad=True)], lr=0.1)
        optimizer.register_step_pre_hook(lambda o, a, k: 5)
        with pytest.raises(RuntimeError, match="must return None or a tuple of"):
            optimizer.step()


def test_a_users_own_optimizer() -> None:
    check("""
class Sign(O.Optimizer):
    def __init__(self, params, lr=0.1): super().__init__(params, dict(lr=lr))
    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group['params']:
                if p.grad is None: continue
                state = self.state[p]
                state['n'] = state.get('n', 0) + 1
                p.add_(p.grad.sign(), alpha=-group['lr'])
log = []
o, p = stepped(Sign)
o.register_step_post_hook(lambda *a: log.append(1))
o.step()
s = torch.optim.lr_scheduler.StepLR(o, 1)
o.step(); s.step()
[values(p), o.state_dict(), log, repr(o)]""")
    check("""
class Noisy(O.Adam):
    def step(self, closure=None):
        super().step(closure)
        return 'done'
o, p = stepped(Noisy)
[values(p), o.step()]""")


# L-BFGS, averages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        "",
        "line_search_fn='strong_wolfe'",
        "lr=0.5, history_size=2",
        "max_iter=1",
        "max_eval=3, line_search_fn='strong_wolfe'",
        "tolerance_grad=1e3",
        "tolerance_change=1.",
    ],
)
def test_lbfgs_in_the_valley_of_rosenbrock(options: str) -> None:
    check(f"""
x = torch.tensor([-1.2, 1.], dtype=torch.float64, requires_grad=True)
y = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
o = O.LBFGS([x, y], {options})
losses = []
def closure():
    o.zero_grad()
    loss = 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2 + (y - x[0]) ** 2
    loss.backward()
    losses.append(loss.item())
    return loss
for _ in range(3): o.step(closure)
[torch.tensor(losses[:12]), len(losses), x.detach(), y.detach(), o.state_dict()['state'][0]['n_iter'], o.state_dict()['state'][0]['func_evals']]""")
    check("O.LBFGS([leaf(1.)], line_search_fn='x').step(lambda: (_ for _ in ()).throw(ValueError('no')))")


def test_averaged_models() -> None:
    for options in ("", ", use_buffers=True", ", avg_fn=U.get_ema_avg_fn(0.9)", ", multi_avg_fn=U.get_ema_multi_avg_fn(0.9)", ", avg_fn=U.get_swa_avg_fn()", ", multi_avg_fn=U.get_swa_multi_avg_fn()", ", multi_avg_fn=U.get_ema_multi_avg_fn(0.9), use_buffers=True",
                    ", avg_fn=U.get_ema_avg_fn(), multi_avg_fn=U.get_ema_multi_avg_fn()", ", device='cpu'"):  # fmt: skip
        check(f"""
U = torch.optim.swa_utils
torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 1))
average = U.AveragedModel(model{options})
o = O.SGD(model.parameters(), lr=0.1)
for i in range(4):
    o.zero_grad()
    model(torch.randn(8, 3)).square().mean().backward()
    o.step()
    average.update_parameters(model)
U.update_bn([torch.randn(8, 3), (torch.randn(8, 3), 1)], average)
[list(average.state_dict().items()), average.training, average.eval()(torch.ones(2, 3)).detach()]""")
    for code in ("get_ema_avg_fn(2)", "get_ema_multi_avg_fn(-1)"):
        check(f"torch.optim.swa_utils.{code}")


# kernels -------------------------------------------------------------------------------------------------------------------


def test_lerp_is_torchs() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(1000).astype("f4"), rng.standard_normal(1000).astype("f4")
    for weight in (0.0, 0.1, 0.4999, 0.5, 0.9, 1.0):
        ours = a.copy()
        kernels.lerp(ours, b, weight, np.empty_like(a))
        assert np.abs(ours - torch.lerp(torch.tensor(a), torch.tensor(b), weight).numpy()).max() <= 2.4e-7


def test_to_bfloat16_is_torchs() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [rng.standard_normal(10000).astype("f4"), np.float32([0, -0.0, np.inf, 1e38, 1.00390625, 1.01171875])]
    )
    assert np.array_equal(kernels.to_bfloat16(x), torch.tensor(x).bfloat16().float().numpy())


def test_orthogonalized_singular_values_are_near_one() -> None:
    rng = np.random.default_rng(0)
    for shape in ((6, 4), (4, 6), (5, 5)):
        s = np.linalg.svd(
            kernels.orthogonalized(rng.standard_normal(shape).astype("f4"), (3.4445, -4.775, 2.0315), 8, 1e-7),
            compute_uv=False,
        )
        assert s.min() > 0.6 and s.max() < 1.3


@pytest.mark.parametrize("which", ["numpy", "numba"])
def test_large_and_small_parameters_are_updated_alike(which: str, monkeypatch: Any) -> None:
    """The same numbers, gathered with others, alone, or in pieces, go the same way, to the bit."""
    if which == "numba":
        pytest.importorskip("numba")
    monkeypatch.setattr(twins, "least", twins.NEVER if which == "numpy" else 0)
    rng = np.random.default_rng(0)
    start, grad = rng.standard_normal(20_000).astype("f4"), rng.standard_normal(20_000).astype("f4")
    for name in ALL:
        results = []
        for cut in ([20_000], [100, 8000, 11_900], [1] * 100 + [19_900]):
            ends = np.cumsum([0, *cut])
            params = [microtorch.tensor(start[a:b].copy(), requires_grad=True) for a, b in zip(ends, ends[1:])]
            optimizer = getattr(microtorch.optim, name)(params, lr=0.1)
            for _ in range(4):
                for p, a, b in zip(params, ends, ends[1:]):
                    p.grad = microtorch.tensor(grad[a:b].copy())
                optimizer.step()
            results.append(np.concatenate([p.detach().numpy() for p in params]))
        if name != "Adafactor":  # its steps depend on the parameter as a whole
            assert np.array_equal(results[0], results[1]) and np.array_equal(results[0], results[2]), name


def test_no_warnings() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ALL:
            x = microtorch.zeros(3, requires_grad=True)
            x.grad = microtorch.zeros(3)
            optimizer = getattr(microtorch.optim, name)([x])
            optimizer.step()
            pickle.dumps(optimizer)
            copy.deepcopy(optimizer)


def test_views_of_the_state_follow_it() -> None:
    check("""
a, b = leaf(1., 2.), leaf(3.)
o = O.Adam([a, b], lr=0.1)
def go(*used):
    o.zero_grad()
    sum((p * p).sum() for p in used).backward()
    o.step()
go(a, b)
held, part = o.state[a]['exp_avg'].detach(), o.state[a]['exp_avg_sq'][1:]
go(a, b)
go(a)
go(b, a)
[held, part, o.state[a]['exp_avg'], [t.storage_offset() for t in (held, part)]]""")
