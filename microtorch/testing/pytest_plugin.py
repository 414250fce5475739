"""Fixtures for the tests of one's own operations: in a conftest.py

    pytest_plugins = ["microtorch.testing.pytest_plugin"]

Then a test takes what it wants:

    def test_swish(check_op):
        check_op(Swish.apply, torch.randn(3, 4))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import microtorch


@pytest.fixture
def check_op() -> Callable[..., None]:
    """`microtorch.testing.check_op`: derivatives by finite differences, second ones, and PyTorch's."""
    from microtorch.testing.compare import check_op

    return check_op


@pytest.fixture
def compare_with_torch() -> Callable[..., None]:
    """`microtorch.testing.compare_with_torch`: results and gradients are PyTorch's."""
    from microtorch.testing.compare import compare_with_torch

    return compare_with_torch


@pytest.fixture
def seeded() -> Any:
    """microtorch with random numbers from seed 0."""
    microtorch.manual_seed(0)
    return microtorch
