"""The optimizers' steps as functions of lists (torch.optim._functional), beside PyTorch."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import numpy as np
import pytest
import torch
import torch.optim._functional

import microtorch
from tests.differential import difference

TENSORS = dict(
    adadelta="square_avgs acc_deltas",
    adagrad="state_sums",
    adam="exp_avgs exp_avg_sqs max_exp_avg_sqs",
    adamw="exp_avgs exp_avg_sqs max_exp_avg_sqs",
    adamax="exp_avgs exp_infs",
    asgd="axs",
    nadam="exp_avgs exp_avg_sqs",
    radam="exp_avgs exp_avg_sqs",
    rmsprop="square_avgs grad_avgs momentum_buffer_list",
    rprop="prevs step_sizes",
    sgd="momentum_buffer_list",
)
SCALARS = dict(asgd=dict(mus=1.0, etas=0.1, state_steps=0.0), nadam=dict(mu_products=1.0, state_steps=0.0), sgd={})
ADAM = dict(lr=0.1, beta1=0.9, beta2=0.99, eps=1e-8, weight_decay=0.1)
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("adadelta", dict(lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.1, maximize=False)),
    ("adagrad", dict(lr=0.1, lr_decay=0.01, eps=1e-10, weight_decay=0.1, maximize=True)),
    ("adam", dict(ADAM, amsgrad=False, maximize=False)),
    ("adam", dict(ADAM, amsgrad=True, maximize=True)),
    ("adam", dict(ADAM, amsgrad=False, maximize=False, decoupled_weight_decay=True)),
    ("adamw", dict(ADAM, amsgrad=True, maximize=False)),
    ("adamax", dict(ADAM)),
    ("asgd", dict(lr=0.1, lambd=0.01, t0=1.0, alpha=0.75, weight_decay=0.1)),
    ("nadam", dict(ADAM, momentum_decay=4e-3)),
    ("nadam", dict(ADAM, momentum_decay=4e-3, decoupled_weight_decay=True)),
    ("radam", dict(ADAM)),
    ("rmsprop", dict(lr=0.1, alpha=0.9, eps=1e-8, weight_decay=0.1, momentum=0.0, centered=False)),
    ("rmsprop", dict(lr=0.1, alpha=0.9, eps=1e-8, weight_decay=0.0, momentum=0.9, centered=True)),
    ("rprop", dict(step_size_min=1e-6, step_size_max=50.0, etaminus=0.5, etaplus=1.2)),
    ("sgd", dict(lr=0.1, momentum=0.0, dampening=0.0, weight_decay=0.1, nesterov=False, maximize=False)),
    ("sgd", dict(lr=0.1, momentum=0.9, dampening=0.1, weight_decay=0.0, nesterov=False, maximize=True)),
    ("sgd", dict(lr=0.1, momentum=0.9, dampening=0.0, weight_decay=0.1, nesterov=True, maximize=False)),
]
SHAPES = [(3, 4), (), (0,), (5,)]
PLAIN = dict(lr=0.1, momentum=0.9, dampening=0, weight_decay=0, nesterov=False, maximize=False)


def steps(library: Any, name: str, options: dict[str, Any], dtype: str, strided: bool) -> list[Any]:
    """All lists after eight steps, as arrays."""
    random = np.random.default_rng(0)

    def values(shape: tuple[int, ...]) -> Any:
        a = random.standard_normal(shape) + (1j * random.standard_normal(shape) if dtype == "complex64" else 0)
        t = library.tensor(np.asarray(a)).to(getattr(library, dtype))
        return t.mT if strided and len(shape) == 2 else t

    params = [values(s) for s in SHAPES]
    start = 0.1 if name == "rprop" else 0.0
    lists: dict[str, list[Any]] = {}
    for which in TENSORS[name].split():
        fill = start if which == "step_sizes" else 0.0
        lists[which] = [library.full_like(p, complex(fill, fill) if p.is_complex() else fill) for p in params]
    if name == "sgd":
        lists["momentum_buffer_list"] = [None] * len(params)
    for which, value in SCALARS.get(name, dict(state_steps=0.0)).items():
        lists[which] = [library.tensor(value) for _ in params]
    step = getattr(library.optim._functional, name)
    for _ in range(8):
        grads = [values(s) for s in SHAPES]
        extra = {"has_complex": True} if dtype == "complex64" and name != "sgd" else {}
        step(params, grads, **lists, **options, **extra)
    found = [params, *lists.values()]
    return [None if t is None else t.detach().numpy() for some in found for t in some]


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize("case", OPTIONS, ids=lambda c: c[0])
def test_lists(case: Any, dtype: str, strided: bool) -> None:
    name, options = case
    theirs, ours = (steps(library, name, options, dtype, strided) for library in (torch, microtorch))
    tolerance = 1e-12 if dtype == "float64" else 2e-5
    for t, o in zip(theirs, ours, strict=True):
        assert (t is None) == (o is None)
        if t is not None:
            assert t.dtype == o.dtype
            np.testing.assert_allclose(o, t, tolerance, tolerance)


@pytest.mark.parametrize("name", sorted(TENSORS))
def test_homes_and_signatures(name: str) -> None:
    theirs = getattr(importlib.import_module(f"torch.optim.{name}"), name)
    ours = getattr(importlib.import_module(f"microtorch.optim.{name}"), name)
    assert ours is getattr(microtorch.optim._functional, name)
    wanted, found = inspect.signature(theirs).parameters.values(), inspect.signature(ours).parameters.values()
    assert [(p.name, p.kind, p.default) for p in found] == [(p.name, p.kind, p.default) for p in wanted]


SETUP = """\
adam = torch.optim._functional.adam
sgd = torch.optim._functional.sgd
make = lambda n=2, **k: torch.arange(1.0, n + 1).requires_grad_(k.get("grad", False))
options = dict(lr=0.1, beta1=0.9, beta2=0.99, eps=1e-8, weight_decay=0.1, amsgrad=False, maximize=False)
step = torch.tensor(0.0)
"""


@pytest.mark.parametrize(
    "code",
    [
        "adam([make()], [make()], [make()], [make()], [], [0], **options)",
        "adam([make()], [make()], [make()], [make()], [], [step])",
        "adam([make()], [make()], [make()], [make()], [], [step], grad_scale=step, **options)",
        "adam([make()], [make()], [make()], [make()], [], [step], capturable=True, **options)",
        "adam([make(grad=True)], [make()], [make()], [make()], [], [step], **options)",
        "p = make(grad=True)\nwith torch.no_grad(): adam([p], [make()], [make()], [make()], [], [step], **options)\np",
        # a step that is recorded: the parameters after it depend on those before, and on the gradients
        "w, g = make(grad=True), make(grad=True)\np, m, v = w * 2, torch.zeros(2), torch.zeros(2)\n"
        "adam([p], [g * 3], [m], [v], [], [step], differentiable=True, **options)\n"
        "(p ** 2).sum().backward()\n(w.grad, g.grad, p.detach(), m.detach(), step)",
        "w, g = make(grad=True), make(grad=True)\np, b = w * 2, [None]\n"
        "sgd([p], [g * 3], b, lr=0.1, momentum=0.9, dampening=0, weight_decay=0.1, nesterov=True, maximize=False)\n"
        "(p ** 2).sum().backward()\n(w.grad, g.grad, p.detach(), b[0].requires_grad)",
        "p, s = make(), make()\nversion = p._version\nsgd([p], [s], [None], **plain)\np._version > version",
        "torch.optim._functional.nothing",
    ],
)  # fmt: skip
def test_details(code: str) -> None:
    assert not (found := difference(SETUP + code, exact=False, message="nothing" not in code, plain=PLAIN)), found


def test_what_is_missing_says_so() -> None:
    with pytest.raises(NotImplementedError, match="sgd of a gradient that is torch.float64"):
        microtorch.optim._functional.sgd([microtorch.ones(2)], [microtorch.ones(2).double()], [None], **PLAIN)
