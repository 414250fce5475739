"""Every operator of PyTorch's database: a few samples in float32; all samples, dtypes, second derivatives and errors
when slow."""

from __future__ import annotations

import pytest

from tests.conformance import harness

NAMES = list(harness.in_scope())


def check(name: str, mode: str, samples: int | None, known: dict[str, str]) -> None:
    result = harness.run(name, mode, samples, stop=name not in known)
    if name in known:
        if samples is None:
            assert not result.fine, f"{name} passes: take it out of known_{mode}.txt"
        return
    assert result.fine, result.line()


@pytest.mark.parametrize("name", NAMES)
def test_first_samples(name: str) -> None:
    check(name, "float32", 2, harness.known_failures("float32"))


@pytest.mark.slow
@pytest.mark.parametrize("mode", harness.MODES)
@pytest.mark.parametrize("name", NAMES)
def test_all_samples(name: str, mode: str) -> None:
    check(name, mode, None, harness.known_failures(mode))


def test_lists_name_operators() -> None:
    """The lists hold only operators that the database has, and none twice or out of scope."""
    for mode in harness.MODES:
        assert set(harness.known_failures(mode)) <= set(NAMES), mode
