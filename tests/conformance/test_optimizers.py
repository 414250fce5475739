"""Every optimizer and option of PyTorch's optimizer database: 25 steps beside torch, with the same states at the end."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch.testing._internal.common_optimizers import optim_db

import microtorch

torch.set_num_threads(1)

STEPS = 25
NAMES = [info.optim_cls.__name__ for info in optim_db]
INFOS = {info.optim_cls.__name__: info for info in optim_db}
CONFIGS = [(name, i) for name in NAMES for i in range(len(INFOS[name].optim_inputs_func(device="cpu")))]
DTYPES = {
    "float32": (np.float32, 2e-5),
    "float64": (np.float64, 1e-12),
    "complex64": (np.complex64, 2e-5),
    "complex128": (np.complex128, 1e-12),
}
TOLERANCES = {"Muon": 2e-4, "LBFGS": 2e-4}  # Muon rounds to bfloat16; L-BFGS divides by differences of gradients


def ids(config: tuple[str, int]) -> str:
    name, i = config
    return f"{name}: {INFOS[name].optim_inputs_func(device='cpu')[i].desc}"


def converted(value: Any, made: dict[int, Any] | None = None) -> Any:
    """torch's tensors as ours; the same one stays the same."""
    made = {} if made is None else made
    if isinstance(value, torch.Tensor):
        if value.is_sparse:
            return microtorch.sparse_coo_tensor(
                converted(value._indices()), converted(value._values()), tuple(value.shape)
            )
        if id(value) not in made:
            ours = microtorch.tensor(value.detach().numpy().copy(), requires_grad=value.requires_grad)
            made[id(value)] = microtorch.nn.Parameter(ours) if isinstance(value, torch.nn.Parameter) else ours
            if value.is_leaf and value.grad is not None:
                made[id(value)].grad = converted(value.grad)
        return made[id(value)]
    if isinstance(value, dict):
        return {k: converted(v, made) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(converted(v, made) for v in value)
    return value


class Problem:
    """A quadratic valley with a ripple, in both worlds with the same arithmetic: what differs is the optimizer's."""

    def __init__(self, name: str, dtype: Any) -> None:
        rng = np.random.default_rng(3)
        shapes = (
            [(4, 3), (2, 5), (3, 3), (1, 2)]
            if name == "Muon"
            else [(4, 3), (5,), (2, 3, 2), (), (4, 3) if name == "LBFGS" else (120, 100)]
        )

        def random(shape: Any) -> Any:
            x = rng.standard_normal(shape)
            return np.array(x + 1j * rng.standard_normal(shape) if np.dtype(dtype).kind == "c" else x, dtype)

        self.start = [random(s) for s in shapes]
        self.goal = [random(s) for s in shapes]
        self.scale = [np.array(rng.uniform(0.5, 2, s), np.empty(0, dtype).real.dtype) for s in shapes]

    def gradient(self, i: int, x: Any, step: int) -> Any:
        return np.asarray(self.scale[i] * (x - self.goal[i]) + np.array(0.1 * np.cos(step + i), x.real.dtype))

    def loss(self, params: list[Any]) -> Any:
        return sum(
            float((s * np.abs(p.detach().numpy() - g) ** 2).sum()) / 2 for s, p, g in zip(self.scale, params, self.goal)
        )


def run(T: Any, name: str, kwargs: dict[str, Any], dtype: Any, groups: bool) -> tuple[list[Any], Any]:
    problem = Problem(name, dtype)
    params = [T.tensor(x, requires_grad=True) for x in problem.start]
    given: Any = [{"params": params[:2]}, {"params": params[2:], "lr": 0.003}] if groups else params
    optimizer = getattr(T.optim, name)(given, **kwargs)
    for step in range(STEPS):
        if name == "LBFGS":

            def closure() -> Any:
                for i, p in enumerate(params):
                    p.grad = T.tensor(problem.gradient(i, p.detach().numpy(), 0))
                return T.tensor(problem.loss(params))

            optimizer.step(closure)
        else:
            for i, p in enumerate(params):
                skipped = i == 1 and step % 4 == 2  # now and then one has no gradient
                p.grad = None if skipped else T.tensor(problem.gradient(i, p.detach().numpy(), step))
                if name == "SparseAdam" and not skipped:
                    p.grad = p.grad.to_sparse()
            optimizer.step()
    return params, optimizer


def relative(theirs: Any, ours: Any) -> float:
    theirs, ours = np.asarray(theirs), np.asarray(ours)
    assert theirs.dtype == ours.dtype and theirs.shape == ours.shape
    scale = max(float(np.abs(theirs).max(initial=0)), 1e-3)
    return float(np.abs(theirs - ours).max(initial=0)) / scale


def compare_states(theirs: Any, ours: Any, tolerance: float, where: str = "state") -> None:
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, microtorch.Tensor), where
        assert relative(theirs.numpy(), ours.numpy()) <= tolerance, where
    elif isinstance(theirs, dict):
        assert list(theirs) == list(ours), where
        for k in theirs:
            compare_states(theirs[k], ours[k], tolerance, f"{where}[{k!r}]")
    elif isinstance(theirs, (list, tuple)):
        assert type(theirs) is type(ours) and len(theirs) == len(ours), where
        for i, (a, b) in enumerate(zip(theirs, ours)):
            compare_states(a, b, tolerance, f"{where}[{i}]")
    elif isinstance(theirs, float):
        assert type(ours) is float and abs(theirs - ours) <= tolerance * max(abs(theirs), 1e-3), where
    else:
        assert type(theirs) is type(ours) and theirs == ours, where


SLOW = pytest.mark.slow


@pytest.mark.parametrize("groups", [False, pytest.param(True, marks=SLOW)], ids=["", "groups"])
@pytest.mark.parametrize("dtype", [d if d == "float32" else pytest.param(d, marks=SLOW) for d in DTYPES])
@pytest.mark.parametrize("config", CONFIGS, ids=ids)
def test_25_steps(config: tuple[str, int], dtype: str, groups: bool) -> None:
    name, i = config
    info = INFOS[name]
    if (dtype.startswith("complex") and not info.supports_complex) or (groups and not info.supports_param_groups):
        pytest.skip("PyTorch does not support it")
    kwargs = info.optim_inputs_func(device="cpu")[i].kwargs
    kind, tolerance = DTYPES[dtype]
    tolerance = max(tolerance, TOLERANCES.get(name, 0))
    theirs, their_optimizer = run(torch, name, kwargs, kind, groups)
    ours, our_optimizer = run(microtorch, name, converted(kwargs), kind, groups)
    for a, b in zip(theirs, ours):
        assert relative(a.detach().numpy(), b.detach().numpy()) <= tolerance
    assert repr(their_optimizer) == repr(our_optimizer)
    if name != "LBFGS":  # its state is the history of its search
        compare_states(their_optimizer.state_dict(), our_optimizer.state_dict(), 10 * tolerance)
    else:
        a, b = (o.state_dict()["state"][0] for o in (their_optimizer, our_optimizer))
        assert list(a) == list(b)
        for key in a:
            assert type(a[key]).__name__ == type(b[key]).__name__, key


@pytest.mark.parametrize("name", NAMES)
def test_errors(name: str) -> None:
    for given in INFOS[name].optim_error_inputs_func("cpu", torch.float32):
        case = given.optimizer_error_input
        ours, kwargs = converted(case.params), converted(case.kwargs)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if issubclass(given.error_type, Warning):
                getattr(microtorch.optim, name)(ours, **kwargs)
                assert any(
                    issubclass(w.category, given.error_type) and re.search(given.error_regex, str(w.message))
                    for w in caught
                ), case.desc
                continue
            with pytest.raises(given.error_type, match=given.error_regex):
                getattr(microtorch.optim, name)(ours, **kwargs).step()


def test_the_comparison_can_fail() -> None:
    theirs, optimizer = run(torch, "Adam", {"lr": 0.01}, np.float32, False)
    ours, other = run(microtorch, "Adam", {"lr": 0.0101}, np.float32, False)
    assert any(relative(a.detach().numpy(), b.detach().numpy()) > 2e-4 for a, b in zip(theirs, ours))
    with pytest.raises(AssertionError):
        compare_states(optimizer.state_dict(), other.state_dict(), 1e-6)


DIFFERENTIABLE = [
    (name, i) for name, i in CONFIGS if name not in ("LBFGS", "Adafactor", "Muon", "SparseAdam", "Adamax")
]


def differentiated(T: Any, name: str, kwargs: dict[str, Any]) -> list[Any]:
    """What three recorded steps make of a parameter, and its gradients by where it began and by a weight."""
    rng = np.random.default_rng(5)
    start = T.tensor(rng.standard_normal((3, 2)), requires_grad=True)
    weight = T.tensor(rng.standard_normal((3, 2)), requires_grad=True)
    p = start.clone()
    optimizer = getattr(T.optim, name)([p], **{**kwargs, "differentiable": True})
    for _ in range(3):
        p.grad = p.clone() * weight + 1.5
        optimizer.step()
    return [p.detach(), *T.autograd.grad((p.sin() * weight).sum(), [start, weight])]


@pytest.mark.parametrize("config", DIFFERENTIABLE, ids=ids)
def test_recorded_steps(config: tuple[str, int]) -> None:
    name, i = config
    kwargs = INFOS[name].optim_inputs_func(device="cpu")[i].kwargs
    if any(isinstance(v, torch.Tensor) for v in kwargs.values()):
        pytest.skip("a tensor among the options")
    ours = differentiated(microtorch, name, kwargs)
    try:
        theirs = differentiated(torch, name, kwargs)
    except RuntimeError as error:
        assert "modified by an inplace operation" in str(error)  # PyTorch overwrites what it needs (amsgrad, Rprop)
        assert all(np.isfinite(b.numpy()).all() for b in ours)
        return
    for a, b in zip(theirs, ours):
        assert relative(a.numpy(), b.numpy()) <= 1e-6  # PyTorch computes with its step count in float32 then


def test_recorded_steps_name_what_they_lack() -> None:
    p = microtorch.ones(2, requires_grad=True).clone()
    optimizer = microtorch.optim.SGD([p], lr=microtorch.tensor(0.1, requires_grad=True), differentiable=True)
    p.grad = microtorch.ones(2)
    with pytest.raises(NotImplementedError, match="no derivative by lr"):
        optimizer.step()
