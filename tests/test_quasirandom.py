"""Sobol's sequences, bit for bit as PyTorch's."""

from __future__ import annotations

import builtins
import pickle
from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from microtorch.kernels import sobol
from tests.differential import difference


def test_all_direction_numbers() -> None:
    theirs = torch.quasirandom.SobolEngine(sobol.DIMENSIONS).sobolstate.numpy()
    np.testing.assert_array_equal(sobol.directions(sobol.DIMENSIONS), theirs)


@pytest.mark.parametrize("dimension", [1, 2, 3, 17, 400])
@pytest.mark.parametrize("options", ["", ", scramble=True, seed=7", ", scramble=True"])
@pytest.mark.parametrize(
    "calls",
    [
        "[e.draw() for _ in range(5)]",
        "[e.draw(n) for n in (1, 2, 300, 0, 1)], e.quasi, e.shift, e.sobolstate, e.num_generated",
        "e.draw(3, dtype=torch.float64), e.draw(3, dtype=torch.float64), e.reset().draw(9), e",
        "e.fast_forward(5).draw(2), e.fast_forward(0).num_generated, e.fast_forward(1000).draw(3), e.fast_forward(1)",
        "e.draw_base2(3), e.draw_base2(3), e.draw_base2(4)",
        "e.draw(4, out=torch.empty(1)), repr(e), torch.rand(2)",
    ],
)
def test_points(dimension: int, options: str, calls: str) -> None:
    assert not (found := difference(f"e = torch.quasirandom.SobolEngine({dimension}{options})\n({calls})")), found


@pytest.mark.parametrize("dimension", [1, 3])  # PyTorch computes all the points between
def test_far_points(dimension: int) -> None:
    calls = "(e.fast_forward(1).draw(2), e.fast_forward(2**29).draw(4))"
    assert not (found := difference(f"e = torch.quasirandom.SobolEngine({dimension})\n{calls}")), found


@pytest.mark.parametrize(
    "code",
    [
        "torch.quasirandom.SobolEngine(0)",
        "torch.quasirandom.SobolEngine(21202)",
        "torch.quasirandom.SobolEngine('a')",
        "e.draw(0)",
        "e.draw(-1)",
        "e.draw(2.5)",
        "e.draw(1, dtype=torch.float16)",
        "e.draw(2, dtype=torch.float16)",
        "e.draw(2, dtype=torch.int64)",
        "(e.draw_base2(0), e.draw_base2(1))",
        "e.draw_base2(-1)",
        "torch.set_default_dtype(torch.float64)\n(e.draw(2), e.draw(2))",
    ],
)
def test_edges(code: str) -> None:
    assert not (found := difference("e = torch.quasirandom.SobolEngine(3)\n" + code)), found


def test_past_the_end() -> None:
    engine = microtorch.quasirandom.SobolEngine(2)
    engine.fast_forward(2**30 - 1)
    engine.draw(1)
    with pytest.raises(NotImplementedError, match="SobolEngine"):
        engine.draw(1)
    with pytest.raises(NotImplementedError, match="SobolEngine"):
        engine.fast_forward(1)


def test_copies_go_on() -> None:
    engine = microtorch.quasirandom.SobolEngine(3, scramble=True, seed=1)
    engine.draw(5)
    again = pickle.loads(pickle.dumps(engine))
    assert microtorch.equal(again.draw(4), engine.draw(4))


def test_without_scipy(monkeypatch: Any) -> None:
    there = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("scipy"):
            raise ImportError(name)
        return there(name, *args, **kwargs)

    sobol._table.cache_clear()
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ModuleNotFoundError, match=r"microtorch\[scipy\]"):
        microtorch.quasirandom.SobolEngine(3)
