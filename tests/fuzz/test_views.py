"""A bounded run of the random programs of views and in-place writes (more: python -m tests.fuzz.views)."""

from __future__ import annotations

import pytest

from tests.fuzz.views import differs


@pytest.mark.parametrize("block", range(8))
def test_programs(block: int) -> None:
    assert [found for seed in range(40 * block, 40 * block + 40) if (found := differs(seed)) is not None] == []
