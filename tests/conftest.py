"""What several test files share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from microtorch.kernels import twins

needs_numba = pytest.mark.skipif(not twins._installed(), reason="numba is not installed")


@pytest.fixture(params=["numpy", pytest.param("numba", marks=needs_numba)])
def twin(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each of the twins of kernels, NumPy's and the compiled one, for all sizes; afterwards what was chosen before."""
    least = twins.least
    twins.choose(request.param)
    yield request.param
    twins.least = least
