"""torch.optim.lr_scheduler beside PyTorch: every rate of every schedule to the last bit, states, warnings, errors."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import pytest
import torch

import microtorch
from tests.differential import difference

BOTH = (torch, microtorch)
STEPS = 24

SCHEDULES = {
    "LambdaLR": "LambdaLR(o, lambda e: 0.9 ** e)",
    "LambdaLR, several": "LambdaLR(o, [lambda e: 0.9 ** e, lambda e: 1 / (1 + e)])",
    "MultiplicativeLR": "MultiplicativeLR(o, [lambda e: 0.9, lambda e: 0.8 if e % 2 else 1.1])",
    "StepLR": "StepLR(o, 3, 0.5)",
    "StepLR, 1": "StepLR(o, 1)",
    "MultiStepLR": "MultiStepLR(o, [2, 5, 5, 9], 0.5)",
    "ConstantLR": "ConstantLR(o, 0.5, 4)",
    "ConstantLR, 0": "ConstantLR(o, 0.5, 0)",
    "LinearLR": "LinearLR(o, 0.1, 0.7, 6)",
    "LinearLR, default": "LinearLR(o)",
    "ExponentialLR": "ExponentialLR(o, 0.9)",
    "PolynomialLR": "PolynomialLR(o, 7, 2.0)",
    "CosineAnnealingLR": "CosineAnnealingLR(o, 5, 0.01)",
    "CosineAnnealingLR, 1": "CosineAnnealingLR(o, 1)",
    "CosineAnnealingWarmRestarts": "CosineAnnealingWarmRestarts(o, 3, 2, 0.01)",
    "CosineAnnealingWarmRestarts, 1": "CosineAnnealingWarmRestarts(o, 3)",
    "OneCycleLR": "OneCycleLR(o, 1.0, total_steps=40)",
    "OneCycleLR, linear": "OneCycleLR(o, 1.0, total_steps=30, anneal_strategy='linear', pct_start=0.1)",
    "OneCycleLR, three phases": "OneCycleLR(o, [1.0, 2.0], epochs=5, steps_per_epoch=6, three_phase=True, div_factor=3, final_div_factor=7)",
    "OneCycleLR, no momentum": "OneCycleLR(o, 1.0, total_steps=40, cycle_momentum=False)",
    "CyclicLR": "CyclicLR(o, 0.1, 1.0, 4, 3)",
    "CyclicLR, 2": "CyclicLR(o, [0.1, 0.2], [1.0, 2.0], 4, mode='triangular2')",
    "CyclicLR, exp": "CyclicLR(o, 0.1, 1.0, 4, mode='exp_range', gamma=0.9, base_momentum=0.5)",
    "CyclicLR, own": "CyclicLR(o, 0.1, 1.0, 4, scale_fn=lambda x: 1 / x, cycle_momentum=False)",
    "CyclicLR, iterations": "CyclicLR(o, 0.1, 1.0, 4, scale_fn=lambda x: 0.99 ** x, scale_mode='iterations')",
    "SequentialLR": "SequentialLR(o, [L.ConstantLR(o, 0.1, 3), L.ExponentialLR(o, 0.9), L.StepLR(o, 2)], [4, 9])",
    "SequentialLR, cosine": "SequentialLR(o, [L.LinearLR(o, 0.1, total_iters=5), L.CosineAnnealingLR(o, 15)], [5])",
    "ChainedScheduler": "ChainedScheduler([L.ConstantLR(o, 0.1, 3), L.ExponentialLR(o, 0.9)])",
    "ChainedScheduler, given": "ChainedScheduler([L.LinearLR(o), L.MultiStepLR(o, [3, 6])], optimizer=o)",
    "nested": "SequentialLR(o, [L.ChainedScheduler([L.LinearLR(o, 0.1, 1.0, 3), L.ExponentialLR(o, 0.9)]), L.CosineAnnealingLR(o, 5)], [4])",
    "SWALR": "SWALR(o, 0.05, 5)",
    "SWALR, linear": "SWALR(o, [0.05, 0.5], 4, 'linear')",
    "SWALR, at once": "SWALR(o, 0.05, 0)",
}  # fmt: skip

START = """
L = torch.optim.lr_scheduler
L = type('L', (), {**{n: getattr(L, n) for n in L.__all__}, 'SWALR': torch.optim.swa_utils.SWALR})
warnings = __import__('warnings')
copy = __import__('copy')
def optimizer(kind='SGD', tensor=False):
    number = (lambda x: torch.tensor(x)) if tensor else (lambda x: x)
    groups = [{'params': [torch.zeros(2, requires_grad=True)]}, {'params': [torch.zeros(3, requires_grad=True)], 'lr': number(0.5)}]
    return getattr(torch.optim, kind)(groups, lr=number(0.1), **({'momentum': 0.9} if kind == 'SGD' else {}))
def rates(o, s): return [[g['lr'] for g in o.param_groups], [g.get('momentum', g.get('betas')) for g in o.param_groups], s.get_last_lr()]
def plain(state): return {k: v for k, v in state.items() if not callable(v)}
"""


def check(code: str, **options: Any) -> None:
    found = difference(START.strip() + "\n" + code.strip(), **options)
    assert found is None, found[-500:]


@pytest.mark.parametrize("tensor", [False, True], ids=["", "tensor"])
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", list(SCHEDULES))
def test_rates_and_states(name: str, kind: str, tensor: bool) -> None:
    check(f"""
o = optimizer({kind!r}, {tensor})
s = L.{SCHEDULES[name]}
got = [rates(o, s)]
for i in range({STEPS}):
    o.step(); s.step()
    got.append(copy.deepcopy(rates(o, s)))
def state(s): return {{k: [state(x) for x in v] if k == '_schedulers' else v for k, v in s.items()}}
[got, state(s.state_dict()), [list(g) for g in o.param_groups]]""")


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_going_on_from_a_state(name: str) -> None:
    check(f"""
o = optimizer()
s = L.{SCHEDULES[name]}
for i in range(7):
    o.step(); s.step()
saved, options = copy.deepcopy(s.state_dict()), copy.deepcopy(o.state_dict())
o = optimizer()
s = L.{SCHEDULES[name]}

s.load_state_dict(saved)
o.load_state_dict(options)
got = []
for i in range(7):
    o.step(); s.step()
    got.append(rates(o, s))
got""")


@pytest.mark.parametrize(
    "name", [n for n in SCHEDULES if not any(k in n for k in ("Sequential", "Chained", "nested", "SWALR"))]
)
def test_epochs_given(name: str) -> None:
    check(f"""
warnings.simplefilter('ignore')
o = optimizer()
s = L.{SCHEDULES[name]}
got = []
for epoch in (0, 1, 5, 5, 2, 9, 12, 20, 3):
    o.step(); s.step(epoch)
    got.append(rates(o, s))
got""")


@pytest.mark.parametrize(
    "name",
    [
        "LambdaLR",
        "StepLR",
        "MultiStepLR",
        "ConstantLR",
        "LinearLR",
        "ExponentialLR",
        "PolynomialLR",
        "CosineAnnealingLR",
        "CosineAnnealingWarmRestarts",
        "OneCycleLR",
        "CyclicLR",
    ],
)
def test_last_epoch(name: str) -> None:
    for before in (
        "",
        "[g.setdefault('initial_lr', g['lr']) for g in o.param_groups]; [g.update(max_lr=1., min_lr=.01, max_momentum=.9, base_momentum=.8) for g in o.param_groups]; ",
    ):
        check(
            f"o = optimizer()\n{before}s = L.{SCHEDULES[name][:-1]}, last_epoch=4)\ngot = [rates(o, s)]\nfor _ in range(4): o.step(); s.step(); got.append(rates(o, s))\ngot"
        )


@pytest.mark.parametrize("options", [
    "", "patience=1", "mode='max', patience=0", "patience=0, cooldown=2", "patience=1, min_lr=0.03", "patience=0, min_lr=[0.05, 0.2]", "patience=0, threshold=0.5", "patience=0, threshold=0.3, threshold_mode='abs'",
    "mode='max', patience=0, threshold_mode='abs', threshold=0.1", "patience=0, eps=0.04", "factor=0.5, patience=0",
])  # fmt: skip
def test_reduce_on_plateau(options: str) -> None:
    for values in (
        "[1, .8, .79, .795, .793, .792, .7, .71, .70, .71, .72, .5]",
        "[float('nan')] * 4 + [1., float('inf')]",
        "[torch.tensor(1.), torch.tensor(.9), 2, 2, 2]",
        "[0.1, 0.2, 0.3, 0.2, 0.1, 0.1]",
    ):
        for tensor in (False, True):
            check(f"""
o = optimizer(tensor={tensor})
s = L.ReduceLROnPlateau(o, {options})
got = []
for v in {values}:
    o.step(); s.step(v)
    got.append(copy.deepcopy([rates(o, s), s.num_bad_epochs, s.best, s.in_cooldown]))
[got, s.state_dict()]""")
    check(f"""
o = optimizer()
s = L.ReduceLROnPlateau(o, {options})
[s.step(1.) for _ in range(4)]
t = L.ReduceLROnPlateau(optimizer())
t.load_state_dict(s.state_dict())
t.step(2.)
t.state_dict()""")


@pytest.mark.parametrize("code", [
    "L.StepLR(3, 1)", "L.CyclicLR(3, 1, 2)", "L.OneCycleLR(3, 1)", "L.ReduceLROnPlateau(3)", "L.StepLR(optimizer(), 1, last_epoch=3)", "L.LambdaLR(optimizer(), [lambda e: 1])", "L.MultiplicativeLR(optimizer(), 3)", "L.MultiplicativeLR(optimizer(), [lambda e: 1])",
    "L.ConstantLR(optimizer(), 2)", "L.ConstantLR(optimizer(), -1)", "L.LinearLR(optimizer(), 0)", "L.LinearLR(optimizer(), 2)", "L.LinearLR(optimizer(), end_factor=2)", "L.CosineAnnealingWarmRestarts(optimizer(), 0)", "L.CosineAnnealingWarmRestarts(optimizer(), 2, 0)",
    "L.CosineAnnealingWarmRestarts(optimizer(), 2., 1)", "L.CosineAnnealingWarmRestarts(optimizer(), 2, eta_min='a')", "L.CosineAnnealingWarmRestarts(optimizer(), 2).step(-1)", "L.OneCycleLR(optimizer(), 1.)", "L.OneCycleLR(optimizer(), 1., total_steps=0)", "L.OneCycleLR(optimizer(), 1., epochs=1)",
    "L.OneCycleLR(optimizer(), 1., epochs=0, steps_per_epoch=1)", "L.OneCycleLR(optimizer(), 1., epochs=1, steps_per_epoch=-1)", "L.OneCycleLR(optimizer(), 1., total_steps=5, pct_start=2.)", "L.OneCycleLR(optimizer(), 1., total_steps=5, pct_start=1)", "L.OneCycleLR(optimizer(), 1., total_steps=5, anneal_strategy='x')",
    "L.OneCycleLR(optimizer(), [1.], total_steps=5)", "L.OneCycleLR(optimizer('Adagrad'), 1., total_steps=5)", "L.CyclicLR(optimizer(), .1, 1., mode='x')", "L.CyclicLR(optimizer(), [.1], 1.)", "L.CyclicLR(optimizer('Adagrad'), .1, 1.)", "L.ReduceLROnPlateau(optimizer(), factor=1)",
    "L.ReduceLROnPlateau(optimizer(), mode='x')", "L.ReduceLROnPlateau(optimizer(), threshold_mode='x')", "L.ReduceLROnPlateau(optimizer(), min_lr=[1])", "L.SequentialLR(optimizer(), [], [])", "L.ChainedScheduler([])", "L.SequentialLR(optimizer(), [3], [])", "L.ChainedScheduler([3], optimizer())",
    "o = optimizer()\nL.SequentialLR(o, [L.StepLR(o, 1), L.StepLR(o, 2)], [1, 2])", "o = optimizer()\nL.SequentialLR(o, [L.StepLR(optimizer(), 1)], [])", "o = optimizer()\nL.ChainedScheduler([L.StepLR(o, 1), L.StepLR(optimizer(), 1)])", "o = optimizer()\nL.ChainedScheduler([L.ReduceLROnPlateau(o)])",
    "o = optimizer()\nL.SequentialLR(o, [L.ReduceLROnPlateau(o)], [])", "o = optimizer()\ns = L.OneCycleLR(o, 1., total_steps=2)\nfor _ in range(5): o.step(); s.step()\n1", "o = optimizer()\ns = L.ReduceLROnPlateau(o, min_lr=[.1, .1], patience=0)\no.add_param_group({'params': torch.zeros(1, requires_grad=True)})\ns.step(1.); s.step(2.)",
    "o = optimizer()\ns = L.ReduceLROnPlateau(o, min_lr=.1, patience=0)\no.add_param_group({'params': torch.zeros(1, requires_grad=True)})\n[s.step(1.), s.step(2.), rates(o, s)]", "L.LRScheduler(optimizer())", "torch.optim.swa_utils.SWALR(optimizer(), .1, anneal_strategy='x')", "torch.optim.swa_utils.SWALR(optimizer(), .1, -1)",
    "L._LRScheduler" if False else "1", "o = optimizer()\ns = L.StepLR(o, 1)\no.add_param_group({'params': torch.zeros(1, requires_grad=True)})\n[o.step(), s.step(), rates(o, s)]", "torch.optim.swa_utils.SWALR(optimizer(), [.1])",
])  # fmt: skip
def test_errors(code: str) -> None:
    check(code)


def messages(T: Any, run: Any) -> list[tuple[str, str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run(T)
    return [(w.category.__name__, str(w.message)) for w in caught]


def test_warnings() -> None:
    def make(T: Any) -> tuple[Any, Any]:
        o = T.optim.SGD([T.zeros(1, requires_grad=True)], lr=0.1)
        return o, T.optim.lr_scheduler.StepLR(o, 1)

    def too_early(T: Any) -> None:
        o, s = make(T)
        s.step()
        s.step()

    def in_order(T: Any) -> None:
        o, s = make(T)
        o.step()
        s.step()

    def replaced(T: Any) -> None:
        o, s = make(T)
        o.step = lambda: None
        o.step()
        s.step()

    def epoch(T: Any) -> None:
        o, s = make(T)
        o.step()
        s.step(3)
        p = T.optim.lr_scheduler.ReduceLROnPlateau(o)
        p.step(1.0, epoch=3)

    def get_lr(T: Any) -> None:
        make(T)[1].get_lr()

    for run in (too_early, in_order, replaced, epoch, get_lr):
        theirs, ours = messages(torch, run), messages(microtorch, run)
        assert theirs == ours and bool(ours) == (run is not in_order), run.__name__


def test_warnings_point_to_the_callers_line() -> None:
    o = microtorch.optim.SGD([microtorch.zeros(1, requires_grad=True)], lr=0.1)
    s = microtorch.optim.lr_scheduler.StepLR(o, 1)
    with pytest.warns(UserWarning) as caught:
        s.step()
        s.get_lr()
    assert {w.filename for w in caught} == {__file__}


def test_the_optimizer_can_still_be_copied_and_pickled() -> None:
    for T in BOTH:
        o = T.optim.SGD([T.zeros(1, requires_grad=True)], lr=0.1, momentum=0.9)
        T.optim.lr_scheduler.StepLR(o, 1)
        for again in (copy.deepcopy(o), pickle.loads(pickle.dumps(o))):
            again.param_groups[0]["params"][0].grad = T.ones(1)
            again.step()
            assert abs(again.param_groups[0]["params"][0].item() + 0.1) < 1e-6
        assert o.param_groups[0]["params"][0].item() == 0


def test_a_users_own_schedule() -> None:
    check("""
class Half(torch.optim.lr_scheduler.LRScheduler):
    def get_lr(self): return [g['lr'] / 2 if self.last_epoch else g['lr'] for g in self.optimizer.param_groups]
class Older(torch.optim.lr_scheduler._LRScheduler):
    def __init__(self, o, by): self.by = by; super().__init__(o)
    def get_lr(self): return [base * self.by ** self.last_epoch for base in self.base_lrs]
got = []
for make in (Half, lambda o: Older(o, 0.5)):
    o = optimizer()
    s = make(o)
    for _ in range(3): o.step(); s.step(); got.append(rates(o, s))
    got.append(s.state_dict())
got""")


def test_a_callable_objects_attributes_are_in_the_state() -> None:
    check("""
class Decay:
    def __init__(self, by): self.by = by
    def __call__(self, epoch): return self.by ** epoch
o = optimizer()
s = L.LambdaLR(o, [Decay(0.5), lambda e: 1])
state = s.state_dict()
t = L.LambdaLR(optimizer(), [Decay(0.9), lambda e: 1])
t.load_state_dict(state)
u = L.CyclicLR(optimizer(), 0.1, 1., scale_fn=Decay(0.3))
v = L.CyclicLR(optimizer(), 0.1, 1., scale_fn=Decay(0.4))
v.load_state_dict(u.state_dict())
[state, t.lr_lambdas[0].by, u.state_dict(), v._scale_fn_custom.by]""")


def test_names() -> None:
    assert set(torch.optim.lr_scheduler.__all__) == set(microtorch.optim.lr_scheduler.__all__)
    for name in torch.optim.lr_scheduler.__all__:
        assert hasattr(microtorch.optim.lr_scheduler, name)
    with pytest.raises(AttributeError, match=r"microtorch has no `torch.optim.lr_scheduler.WarmupLR`"):
        microtorch.optim.lr_scheduler.WarmupLR  # noqa: B018
