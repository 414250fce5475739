"""The benchmark program: its figures, its table, its errors; workloads that compute the same in both frameworks."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import __main__ as program, peers, report, worker
from benchmarks.workloads import NAMES, load, title


def runs(times: list[float], check: float = 1.0, memory: float = 1e6) -> list[dict[str, Any]]:
    """What processes of one contender found."""
    return [*({"time": t, "check": check, "version": "1"} for t in times), {"memory": memory}]


def figures() -> dict[str, Any]:
    """Of one workload, in which microtorch is twice and four times as fast."""
    row = program.summarise("mlp_tiny", [runs([4e-3, 4e-3]), runs([2e-3, 2e-3], memory=5e5), runs([1e-3, 1e-3])])
    about = {"versions": {"torch": "2"}, "python": "3", "cpus": 2, "threads": 1, "blas": "Haswell"}
    return {"machine": about, "contenders": ["torch", "numpy", "numba"], "rows": [row], "imports": {"torch": 1.0}}


def test_a_row_and_its_tables() -> None:
    """Ratios by medians, spreads by turns, memory; and what the tables say of them."""
    found = figures()
    row = found["rows"][0]
    assert row["ratios"] == [2.0, 4.0] and row["spreads"] == [[2.0, 2.0], [4.0, 4.0]]
    assert row["memory_ratios"] == [0.5, 1.0] and row["agree"] and not row["noisy"]
    text, table = "\n".join(report.text(found)), "\n".join(report.markdown(found))
    assert "2.00 .. 2.00" in text and "geometric mean, numba: 4.00, memory x1.00" in text
    assert "| 4 ms | 2 ms | 2.00 | 2.00 .. 2.00 | 0.50 | 1 ms | 4.00 |" in table and "**2.00**" in table
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1


def test_what_differs_or_fails_is_said() -> None:
    """Other values are shown; an error is a row that says so."""
    found = figures()
    found["rows"] = [
        program.summarise("gpt", [runs([1.0]), runs([1.0], check=1.1)]),
        program.summarise("lstm", [runs([1.0]), [{"error": "no such thing"}]]),
    ]
    found["contenders"] = ["torch", "numpy"]
    text = "\n".join(report.text(found))
    assert "DIFFERS: 1, 1.1" in text and "failed: no such thing" in text


def test_picture(tmp_path: Path) -> None:
    """An SVG that names the workloads."""
    pytest.importorskip("matplotlib")
    report.draw(figures(), tmp_path / "ratios.svg")
    assert "<svg" in (tmp_path / "ratios.svg").read_text()


def test_errors_of_the_command_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown workload, and extras that are not installed."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for arguments, message in (
        (["no_such"], "no such workload: no_such"),
        (["--picture", "x.svg"], "--picture needs matplotlib"),
        (["--kernels", "numba"], "--kernels numba needs numba"),
    ):
        with pytest.raises(SystemExit):
            program.main(arguments)
        assert message in capsys.readouterr().err


@pytest.mark.parametrize("name", NAMES)
def test_workloads_have_a_title(name: str) -> None:
    """Each says in its first line what it is."""
    assert title(name) and callable(load(name).build)


@pytest.mark.parametrize("name", ["mlp_tiny", "dqn", "generate", "lstm_cells"])
def test_workloads_agree(name: str) -> None:
    """The value after some steps is the same in both frameworks (all workloads: python -m benchmarks --quick)."""
    import time

    values = [worker.work(f, name, 1, 0.0, time.perf_counter)["check"] for f in ("torch", "microtorch")]
    np.testing.assert_allclose(values[1], values[0], rtol=program.TOLERANCE)


def test_peers_agree() -> None:
    """The workloads of the peers in both frameworks, and in NumPy's way where that is installed."""
    names = [n for n in ("torch", "microtorch", "autograd") if importlib.util.find_spec(n)]
    for workload in peers.WORKLOADS:
        values = []
        for name in names:
            step = peers.build(name, workload)
            values.append([step() for _ in range(3)][-1])
        np.testing.assert_allclose(values, values[0], rtol=1e-4)


@pytest.mark.slow
def test_program_writes_json(tmp_path: Path) -> None:
    """The whole program on one workload."""
    file = tmp_path / "figures.json"
    arguments = ["mlp_tiny", "--rounds", "1", "--seconds", "0.05", "--threads", "1", "--kernels", "numpy"]
    assert program.main([*arguments, "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    assert found["rows"][0]["ratios"][0] > 0 and found["rows"][0]["memory"][0] > 0 and found["imports"]["numpy"] > 0
