"""A bounded run of the random programs (more: python -m tests.fuzz)."""

from __future__ import annotations

import pytest

from tests.fuzz.running import program, script, shrunk


def differences(seeds: range, views: bool, wide: bool = False) -> list[str]:
    """The programs of these seeds that differ, as scripts."""
    found = []
    for seed in seeds:
        lines, difference = program(seed, views, wide=wide)
        if difference is not None:
            lines, less = shrunk(lines, seed)
            found.append(script(lines, seed, less or difference))
    return found


@pytest.mark.parametrize("block", range(8))
def test_programs(block: int) -> None:
    assert differences(range(40 * block, 40 * block + 40), views=False) == []


@pytest.mark.parametrize("block", range(4))
def test_views_and_writes(block: int) -> None:
    assert differences(range(10_000 + 40 * block, 10_040 + 40 * block), views=True) == []


@pytest.mark.parametrize("block", range(4))
def test_wide(block: int) -> None:
    assert differences(range(20_000 + 15 * block, 20_015 + 15 * block), views=False, wide=True) == []


def test_a_difference_is_found_and_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    import microtorch

    monkeypatch.setattr(microtorch.Tensor, "sum", lambda self, *args, **kwargs: self.mean(*args, **kwargs))
    lines = ["v0 = torch.ones(3)", "v1 = v0 * 2", "v2 = v0.exp()", "v3 = v1.sum()", "v4 = v2 + 1"]
    small, found = shrunk(lines, 0)
    assert small == ["v0 = torch.ones(3)", "v1 = v0 * 2", "v3 = v1.sum()"] or small == [
        "v0 = torch.ones(3)",
        "v3 = v1.sum()",
    ]
    assert found is not None and "values 6.0, microtorch 2.0" in found
