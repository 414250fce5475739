"""CTC loss with both twins: losses and gradients as PyTorch's, for targets and inputs of all lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import microtorch


def _run(framework: Any, case: int, dtype: str, reduction: str, zero_infinity: bool) -> list[Any]:
    rng = np.random.default_rng(case)
    steps, count, classes, longest = (int(rng.integers(*bounds)) for bounds in ((1, 25), (1, 5), (2, 8), (1, 7)))
    blank = int(rng.integers(classes))
    targets = rng.integers(0, classes, (count, longest))
    targets[targets == blank] = (blank + 1) % classes
    lengths = rng.integers(case % 3 > 0, steps + 1, count), rng.integers(0, longest + 1, count)
    x = framework.tensor(rng.standard_normal((steps, count, classes)), dtype=getattr(framework, dtype))
    x = x.log_softmax(2).detach().requires_grad_()
    given = [framework.tensor(a) for a in (targets, *lengths)]
    loss = framework.nn.functional.ctc_loss(x, *given, blank, reduction, zero_infinity)
    (loss * framework.arange(1, loss.numel() + 1).reshape(loss.shape)).sum().backward()
    return [loss.detach().numpy(), x.grad.numpy()]


@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_as_in_pytorch(twin: str, dtype: str, reduction: str, zero_infinity: bool) -> None:
    """Targets too long for their input too: an infinite loss, and gradients that are NaN or 0."""
    tolerance = 2e-5 if dtype == "float32" else 1e-12
    infinite = 0
    for case in range(12):
        theirs, ours = (_run(T, case, dtype, reduction, zero_infinity) for T in (torch, microtorch))
        for a, b in zip(theirs, ours):
            assert a.dtype == b.dtype and a.shape == b.shape
            np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance)
        infinite += bool(np.isinf(theirs[0]).any() or np.isnan(theirs[1]).any())
    assert infinite or zero_infinity
