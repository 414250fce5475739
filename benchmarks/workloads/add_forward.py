"""Recorded a + b on 32x32 floats, per op."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workloads import Step

UNITS = 1000


def build(torch: Any) -> Step:
    """A thousand additions, each recorded for a backward pass and then dropped."""
    torch.manual_seed(0)
    a, b = torch.rand(32, 32, requires_grad=True), torch.rand(32, 32, requires_grad=True)

    def step() -> Any:
        for _ in range(UNITS):
            c = a + b
        return c.sum()

    return step


def build_numpy() -> Step:
    """The same additions of plain arrays."""
    a, b = np.random.default_rng(0).random((2, 32, 32), dtype=np.float32)

    def step() -> Any:
        for _ in range(UNITS):
            c = a + b
        return c.sum()

    return step
