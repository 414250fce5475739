"""Backward through a chain of 1,000 additions of 32x32 floats, per node."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.workloads import Step

UNITS = 1000


class Backward:
    """Builds the chain outside the clock; the backward pass alone is timed."""

    def __init__(self, torch: Any) -> None:
        torch.manual_seed(0)
        self.x = torch.rand(32, 32, requires_grad=True)
        self.b = torch.rand(32, 32)
        self.seed = torch.ones(32, 32)

    def prepare(self) -> None:
        """Record the chain y = y + b."""
        self.x.grad = None
        y = self.x
        for _ in range(UNITS):
            y = y + self.b
        self.y = y

    def __call__(self) -> Any:
        self.y.backward(self.seed)
        return self.x.grad.sum()


def build(torch: Any) -> Step:
    """The backward pass of a thousand nodes that have nothing to compute: what the engine costs a node."""
    return Backward(torch)


def build_numpy() -> Step:
    """As many additions of plain arrays, as a measure."""
    a, b = np.random.default_rng(0).random((2, 32, 32), dtype=np.float32)

    def step() -> Any:
        for _ in range(UNITS):
            c = a + b
        return c.sum()

    return step
