"""PyTorch's own module database (its samples of arguments and inputs), run on torch and on microtorch.

For every sample, in training and evaluation: the same text, state_dict keys and initial numbers (every bit) for one
seed; the same results; the same gradients of inputs and parameters for a fixed random cotangent; the same buffers
afterwards.
"""

from __future__ import annotations

import copy
import functools
import types
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from tests.conformance import harness

OUT_OF_SCOPE: dict[str, str] = {}
"""Modules of the database that microtorch does not aim at, each with its reason."""


@functools.cache
def database() -> dict[str, Any]:
    from torch.testing._internal.common_modules import module_db

    return {m.name: m for m in module_db if m.name not in OUT_OF_SCOPE}


def samples(name: str, dtype: torch.dtype, training: bool, seed: int = harness.SEED) -> Iterator[Any]:
    """The database's samples of a module, the same in every run."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    info = database()[name]
    yield from info.module_inputs_func(info, device="cpu", dtype=dtype, requires_grad=True, training=training)


# from torch to microtorch ---------------------------------------------------------------------------------------------


def to_micro(value: Any, memo: dict[int, Any]) -> Any:
    """harness.to_micro, and modules: an object of the class of that name with the same members."""
    if isinstance(value, torch.nn.Module):
        if id(value) not in memo:
            memo[id(value)] = copied_module(value, memo)
        return memo[id(value)]
    if isinstance(value, torch.nn.Parameter):
        if id(value) not in memo:
            memo[id(value)] = microtorch.nn.Parameter(harness.to_micro(value.detach(), {}), value.requires_grad)
        return memo[id(value)]
    if type(value) in (tuple, list):
        return type(value)(to_micro(v, memo) for v in value)
    if isinstance(value, dict):
        return {k: to_micro(v, memo) for k, v in value.items()}
    if isinstance(value, types.FunctionType | types.BuiltinFunctionType):
        same = getattr(microtorch.nn.functional, value.__name__, None)
        return harness.rebound(value) if same is None else same
    return harness.to_micro(value, memo)


def copied_module(module: torch.nn.Module, memo: dict[int, Any]) -> Any:
    name = type(module).__name__
    kind = getattr(microtorch.nn, name, None) or getattr(microtorch.nn.modules.linear, name)
    same = microtorch.nn.Module.__new__(kind)
    microtorch.nn.Module.__init__(same)
    for name, value in vars(module).items():
        if name in ("_parameters", "_buffers", "_modules"):
            vars(same)[name] = {k: to_micro(v, memo) for k, v in value.items()}
        elif "hooks" not in name:
            vars(same)[name] = to_micro(value, memo)
    return same


# comparing ------------------------------------------------------------------------------------------------------------


def same_state(theirs: torch.nn.Module, ours: Any, what: str) -> None:
    """Raise unless both modules print alike and hold the same names and, bit by bit, the same numbers."""
    if repr(theirs) != repr(ours):
        raise harness.Differs(f"repr {ours!r} instead of {theirs!r}")
    want, got = theirs.state_dict(), ours.state_dict()
    if list(want) != list(got):
        raise harness.Differs(f"state_dict {list(got)} instead of {list(want)}")
    if [n for n, _ in theirs.named_modules()] != [n for n, _ in ours.named_modules()]:
        raise harness.Differs("named_modules")
    for key, value in want.items():
        if torch.nn.parameter.is_lazy(value):
            continue
        if str(value.dtype) != str(got[key].dtype) or not np.array_equal(value.numpy(), got[key].numpy()):
            raise harness.Differs(f"{what}: {key}")


def check(name: str, sample: Any, training: bool, dtype: torch.dtype) -> None:
    """Run one sample on both. Raises Differs where they disagree."""
    info = database()[name]
    made, given = sample.constructor_input, sample.forward_input
    given_args, given_kwargs = harness.fresh((tuple(given.args), given.kwargs), {})
    path = name.removeprefix("nn.")
    kind = getattr(microtorch.nn, path, None)
    if kind is None:
        raise harness.Missing(f"no torch.{name}")
    memo: dict[int, Any] = {}
    made_ = to_micro((tuple(made.args), made.kwargs), memo)
    given_ = to_micro((given_args, given_kwargs), memo)
    both = []
    for library, cls, (args, kwargs) in ((torch, info.module_cls, (made.args, made.kwargs)), (microtorch, kind, made_)):
        library.manual_seed(harness.SEED)
        both.append(cls(*args, **kwargs).to(to_micro(dtype, {}) if library is microtorch else dtype).train(training))
    theirs, ours = both
    same_state(theirs, ours, "initial value")
    for p, q in zip(theirs.parameters(), ours.parameters()):
        if p.requires_grad != q.requires_grad:
            raise harness.Differs("requires_grad")
    lazy = any(map(torch.nn.parameter.is_lazy, theirs.parameters()))
    wider = None if lazy else copy.deepcopy(theirs).double()
    wider_given = harness.widened((given_args, given_kwargs), {})
    torch.manual_seed(harness.SEED)
    microtorch.manual_seed(harness.SEED)
    try:
        want = theirs(*given_args, **given_kwargs)
    except Exception as error:
        try:
            ours(*given_[0], **given_[1])
        except type(error):
            return
        raise harness.Differs(f"no {type(error).__name__}") from None
    got = ours(*given_[0], **given_[1])
    truth, wider = None, copy.deepcopy(theirs).double() if lazy else wider
    if wider is not None:
        torch.manual_seed(harness.SEED)
        try:
            truth = wider(*wider_given[0], **wider_given[1])
        except Exception:
            wider = None  # arguments that are of float32 by name, say: then there is nothing more exact to compare with
    same_values(want, got, theirs, ours, (given_args, given_kwargs), given_, (truth, wider, wider_given))


def leaves(given: Any, module: Any, kind: type) -> list[Any]:
    """The inputs and parameters that require gradients."""
    return [t for t in [*harness.tensors_in(given, kind), *module.parameters()] if t.requires_grad and t.is_leaf]


def same_values(want: Any, got: Any, theirs: Any, ours: Any, given: Any, given_: Any, wide: Any) -> None:
    """Compare results, gradients and buffers; `wide` holds torch's own in float64, for where torch itself is off."""
    want, got = unpacked(want), unpacked(got)
    truth, wider, wider_given = unpacked(wide[0]), wide[1], wide[2]
    harness.compare(want, got, truth=truth)
    for w, g in zip(harness.tensors_in(want, torch.Tensor), harness.tensors_in(got, microtorch.Tensor)):
        if w.requires_grad != g.requires_grad:
            raise harness.Differs(f"requires_grad {g.requires_grad}")
    inputs, inputs_ = leaves(given, theirs, torch.Tensor), leaves(given_, ours, microtorch.Tensor)
    if len(inputs) != len(inputs_):
        raise harness.Differs(f"{len(inputs_)} leaves instead of {len(inputs)}")
    found = harness.torch_gradients(want, inputs, False)
    if found:
        exact = None
        if wider is not None:
            exact = harness.torch_gradients(truth, leaves(wider_given, wider, torch.Tensor), False, like=found) or None
        harness.compare_gradients(found, got, inputs_, True, exact)
    for (key, w), (_, g) in zip(theirs.named_buffers(), ours.named_buffers()):
        harness.compare(w, g, key)


def unpacked(result: Any) -> Any:
    """A PackedSequence as its tensors."""
    return tuple(result) if type(result).__name__ == "PackedSequence" else result


def run(name: str, dtype: torch.dtype, training: bool, limit: int | None) -> int:
    """Check the first `limit` samples; returns how many there were."""
    count = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for i, sample in enumerate(samples(name, dtype, training)):
            if i == limit:
                break
            check(name, sample, training, dtype)
            count += 1
    return count


@pytest.mark.parametrize("name", list(database()))
def test_first_samples(name: str) -> None:
    assert run(name, torch.float32, True, 2)


@pytest.mark.slow
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", list(database()))
def test_all_samples(name: str, dtype: torch.dtype, training: bool) -> None:
    assert run(name, dtype, training, None)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n, m in database().items() if m.module_error_inputs_func is not None])
def test_errors(name: str) -> None:
    """What torch refuses, at construction or in the call, is refused with the same class and message."""
    from torch.testing._internal.common_modules import ModuleErrorEnum

    info = database()[name]
    torch.manual_seed(harness.SEED)
    errors = info.module_error_inputs_func(info, device="cpu", dtype=torch.float32, requires_grad=False, training=False)
    for case in errors:
        made, given = case.module_error_input.constructor_input, case.module_error_input.forward_input
        memo: dict[int, Any] = {}
        kind = getattr(microtorch.nn, name.removeprefix("nn."))
        args, kwargs = to_micro((tuple(made.args), made.kwargs), memo)
        if case.error_on == ModuleErrorEnum.CONSTRUCTION_ERROR:
            with pytest.raises(case.error_type, match=case.error_regex):
                kind(*args, **kwargs)
            continue
        module = kind(*args, **kwargs)
        args, kwargs = to_micro((tuple(given.args), given.kwargs), memo)
        with pytest.raises(case.error_type, match=case.error_regex):
            module(*args, **kwargs)
