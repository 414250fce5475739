"""`microtorch check` finds what differs from PyTorch, and finds nothing where nothing does; so do the helpers for tests."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch as pytorch

import microtorch as torch
import microtorch.nn.functional as F
from microtorch.autograd.table import table
from microtorch.testing import check_op, compare_with_torch, difference_from_torch
from microtorch.testing.check import _alike, check_script
from microtorch.testing.difference import Tolerance, first_difference
from microtorch.testing.tracing import Tracer

pytorch.set_num_threads(1)
pytest_plugins = ["pytester", "microtorch.testing.pytest_plugin"]
PROGRAMS = Path(__file__).parent / "programs"
ROOT = str(Path(__file__).resolve().parents[1])


# functions ------------------------------------------------------------------------------------------------------------


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g


class WrongCube(Cube):
    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return (3 if torch.__name__ == "torch" else 2) * x**2 * g


def helper(x: Any) -> Any:
    return F.gelu(x) + Cube.apply(x)


def good(x: Any, y: Any) -> Any:
    h = helper(x) @ y
    return torch.softmax(h, 1), {"sum": h.sum(), "largest": h.max(1)}


def wrong(x: Any) -> Any:
    h = torch.exp(x)
    y = WrongCube.apply(h)
    return y.sin()


def branches(x: Any) -> Any:
    h = x * 2
    if torch.__name__ == "microtorch":
        return (h + 0.5).exp()
    return (h + 0.25).exp()


def other_shape(x: Any) -> Any:
    return x.sum(0, keepdim=torch.__name__ == "torch")


def test_functions_that_are_equal() -> None:
    x, y = torch.randn(3, 4, requires_grad=True), torch.randn(4, 5, requires_grad=True)
    compare_with_torch(good, x, y)
    compare_with_torch(lambda x: torch.linalg.norm(x, dim=0), x)
    compare_with_torch(lambda torch, x: torch.nn.functional.layer_norm(x, (4,)), x)
    compare_with_torch(lambda torch, x: torch.nn.Linear(4, 2)(x), x)  # the same initial weights
    compare_with_torch(lambda x, k: torch.topk(x, k)[1], np.random.default_rng(0).normal(size=(3, 4)), k=2)
    compare_with_torch(lambda x: F.dropout(x, 0.5), x)  # the same mask
    assert x.grad is None and y.grad is None


def test_the_first_difference_is_told() -> None:
    with pytest.raises(AssertionError) as error:
        compare_with_torch(wrong, torch.randn(3, 4, requires_grad=True))
    text = str(error.value)
    assert "the gradient of the result of exp" in text and "WrongCube.apply" in text and "test_check.py:" in text
    assert "y = WrongCube.apply(h)" in text and "of shape (3, 4), float32" in text
    x = torch.zeros(2, 3, requires_grad=True)
    found = difference_from_torch(branches, x)
    assert found is not None and found.theirs.startswith("1.28402") and found.ours.startswith("1.64872")
    found = difference_from_torch(other_shape, x)
    assert found is not None and (found.theirs, found.ours) == ("shape (1, 3)", "shape (3,)")
    assert "sum" in found.what and found.where[0] == __file__


def test_a_wrong_formula_of_ours_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def softly(x: Any) -> Any:
        h = x * 2
        y = torch.tanh(h)
        return y.sum()

    x = torch.randn(4, requires_grad=True)
    compare_with_torch(softly, x)
    entry = table["tanh"]
    (formula, place, places), *_ = entry.quick
    monkeypatch.setattr(entry, "formulas", [(lambda *a: 2 * formula(*a), places)])
    monkeypatch.setattr(entry, "quick", [(lambda *a: 2 * formula(*a), place, places)])
    found = difference_from_torch(softly, x)
    assert found is not None and found.what == "the gradient of the result of mul"
    assert "it was sent back by tanh" in found.note and "y = torch.tanh(h)" in found.note


def test_operations_of_ones_own() -> None:
    check_op(Cube.apply, torch.randn(3))
    check_op(lambda x, y: x * torch.sin(y), torch.randn(3), np.ones((2, 3)))
    with pytest.raises(RuntimeError, match="Jacobian mismatch"):
        check_op(WrongCube.apply, torch.randn(3))
    with pytest.raises(AssertionError, match="the first difference is"):
        check_op(branches, torch.randn(3))  # its derivative is right
    check_op(branches, torch.randn(3), torch=False)


def test_the_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makeconftest('pytest_plugins = ["microtorch.testing.pytest_plugin"]')
    pytester.makepyfile(
        """
        import microtorch as torch
        def test_right(check_op, compare_with_torch, seeded):
            check_op(lambda x: x ** 2, seeded.randn(3))
            compare_with_torch(lambda x: x.exp(), torch.ones(2, requires_grad=True))
        def test_wrong(check_op):
            check_op(lambda x: x.detach() * x, torch.ones(2))
        """
    )
    pytester.runpytest("-p", "no:cacheprovider").assert_outcomes(passed=1, failed=1)


def test_without_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    import microtorch.testing.check as check
    import microtorch.testing.compare as compare

    monkeypatch.setattr(compare, "torch_is_there", lambda: False)
    monkeypatch.setattr(check, "torch_is_there", lambda: False)
    with pytest.raises(ModuleNotFoundError, match="pip install torch"):
        compare_with_torch(good, 1)
    with pytest.raises(ModuleNotFoundError, match="pip install torch"):
        check_script("any.py")
    with pytest.warns(UserWarning, match="not compared with PyTorch"):
        check_op(Cube.apply, torch.randn(2))


def test_tracing_leaves_nothing_behind() -> None:
    for library in (torch, pytorch):
        before = library.autograd.Function.apply, library.Tensor.__add__, library.nn.Linear.forward
        with Tracer(library) as tracer:
            x = library.ones(3, requires_grad=True)
            library.nn.Linear(3, 1)(x * 2).backward()
        kinds = [r.kind for r in tracer.records]
        assert kinds == ["call", "call", "module", "backward", "gradients", "leaves"]
        library.ones(3).exp()
        assert len(tracer.records) == len(kinds)
        after = library.autograd.Function.apply, library.Tensor.__add__, library.nn.Linear.forward
        assert [f.__code__ if hasattr(f, "__code__") else f for f in after] == [
            f.__code__ if hasattr(f, "__code__") else f for f in before
        ]


# programs -------------------------------------------------------------------------------------------------------------

TRAINING = """
import torch
from torch import nn

class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)
    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return g * (s + {term})

model = nn.Sequential(nn.Linear(5, 8), nn.LayerNorm(8))
head = nn.Linear(8, 1)
optimizer = torch.optim.Adam([*model.parameters(), *head.parameters()], lr=0.01)
inputs, targets = torch.randn(32, 5), torch.randn(32, 1)
for step in range(6):
    h = Swish.apply(model(inputs))
    loss = nn.functional.mse_loss(head(h), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    {more}
    print(f"step {{step}}: loss {{loss.item():.4f}} in {seconds} s")
"""


def program(path: Path, term: str = "x * s * (1 - s)", more: str = "pass", seconds: str = "0.5") -> str:
    script = path / "train.py"
    script.write_text(TRAINING.format(term=term, more=more, seconds=seconds))
    return str(script)


OURS = "(torch.__name__ == 'microtorch')"


@pytest.mark.parametrize(
    "changes, what, more",
    [
        ({}, None, ""),
        ({"seconds": "{{0.1 if " + OURS + " else 0.7}}"}, None, ""),
        (
            {"term": f"x * s * (1 - s) * (1 + 0.01 * {OURS})"},
            "the gradient of the output of module Sequential",
            "it was sent back by Swish.apply, {script}:21: h = Swish.apply(model(inputs))",
        ),
        ({"more": f"head.weight.data.mul_(1 + 0.01 * {OURS})"}, "the result of mul_", "{script}:26"),
        ({"more": f"inputs = inputs * (1 - 0.1 * {OURS})"}, "the result of mul", "inputs = inputs * (1"),
        ({"more": f"print('ours' if {OURS} else 'theirs')"}, "line 1 of what is printed", "theirs"),
        ({"more": f"if {OURS} and step == 2: raise ValueError('here')"}, "how the program ends", "ValueError: here"),
    ],
)
def test_programs(tmp_path: Path, changes: dict[str, str], what: str | None, more: str) -> None:
    script = program(tmp_path, **changes)
    report = check_script(script)
    if what is None:
        assert report.difference is None, report
        assert "all is equal" in str(report) and "6 backward passes, 6 optimizer steps, 6 printed lines" in str(report)
    else:
        assert report.difference is not None and report.difference.what == what
        assert more.format(script=script) in str(report), str(report)


def test_a_patched_formula_in_a_program_is_found(tmp_path: Path) -> None:
    patch = """
        import torch
        if torch.__name__ == "microtorch":
            from microtorch.autograd.table import table
            entry = table["sigmoid"]
            formula, place, places = entry.quick[0]
            twice = lambda *args: 2 * formula(*args)
            entry.formulas, entry.quick = [(twice, places)], [(twice, place, places)]
        x = torch.randn(4, requires_grad=True)
        y = torch.cos(x)
        z = torch.sigmoid(y)
        z.sum().backward()
        print(x.grad)
        """
    script = tmp_path / "patched.py"
    script.write_text(textwrap.dedent(patch))
    difference = check_script(str(script)).difference
    assert difference is not None and difference.what == "the gradient of the result of cos"
    assert "it was sent back by sigmoid" in difference.note and "z = torch.sigmoid(y)" in difference.note


def test_the_command(tmp_path: Path) -> None:
    def command(*args: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": ROOT}
        line = [sys.executable, "-m", "microtorch", "check", *args]
        return subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, env=env, timeout=120, check=False)

    (tmp_path / "args.py").write_text("import sys, torch\nprint(sys.argv, torch.rand(2), __name__, __file__[-7:])")
    done = command("args.py", "--lr", "3")
    assert done.returncode == 0 and done.stdout.startswith("all is equal") and not done.stderr, done
    (tmp_path / "args.py").write_text("import torch\nprint(torch.ones(2) * (1 + (torch.__name__ == 'microtorch')))")
    done = command("args.py")
    assert done.returncode == 1 and "the result of mul" in done.stdout and "args.py:2" in done.stdout
    assert command("--rtol", "2", "--no-text", "args.py").returncode == 0
    done = command("nowhere.py")
    assert done.returncode == 2 and "can't open nowhere.py" in done.stderr and "Traceback" not in done.stderr
    assert command(".").returncode == 2 and command().returncode == 2


@pytest.mark.parametrize("name", ["autograd_tutorials", "batchnorm_modes", "attention_tiny", "autograd_function"])
@pytest.mark.slow
def test_programs_of_the_tests_are_equal(name: str) -> None:
    report = check_script(str(PROGRAMS / f"{name}.py"))
    assert report.difference is None, report


# comparing ------------------------------------------------------------------------------------------------------------


def traced(code: str, **names: Any) -> Any:
    scope = {"torch": pytorch, **names}
    with Tracer(pytorch) as tracer:
        exec(compile(code, "program.py", "exec"), scope)
    return tracer.records


def test_rounding_is_no_difference_and_more_is() -> None:
    code = "x = torch.ones(1000, requires_grad=True)\ny = x * f\n(y * y).mean().backward()"
    assert first_difference(traced(code, f=1.0), traced(code, f=1.0 + 1e-5)) is None
    found = first_difference(traced(code, f=1.0), traced(code, f=1.01))
    assert found is not None and found.what == "the result of mul" and found.where == ("program.py", 2)
    assert first_difference(traced(code, f=1.0), traced(code, f=1.01), Tolerance(0.1)) is None


def test_what_cancels_out_is_not_compared() -> None:
    code = "x = torch.linspace(-1, 1, 1001) * f\ny = x.sum() + add\nz = y.abs()"
    assert first_difference(traced(code, f=100.0, add=0), traced(code, f=100.001, add=0)) is None
    assert first_difference(traced(code, f=100.0, add=0), traced(code, f=100.0, add=1.0)) is not None


def test_large_tensors_are_compared_as_a_whole() -> None:
    code = "x = torch.ones(200, 200)\nx[7, k] = 50.0\ny = x * 1"
    assert first_difference(traced(code, k=3), traced(code, k=3)) is None
    code = "x = torch.zeros(200, 200)\nx[7, 3] = k\ny = x * 1"  # not among the elements that are kept
    found = first_difference(traced(code, k=1.0), traced(code, k=2.0))
    assert found is not None and "sum of sizes 1 of shape (200, 200)" in found.theirs


@pytest.mark.parametrize(
    "a, b, alike",
    [
        ("loss 0.1234", "loss 0.1234", True),
        ("loss 0.12340", "loss 0.12341", True),
        ("loss 0.12", "loss 0.15", False),
        ("epoch 3 of 10", "epoch 4 of 10", False),
        ("took 3.1 s", "took 8.9 s", True),
        ("12.3 it/s at 00:01:02", "99 it/s at 00:03:04", True),
        ("tensor([1.0000, nan])", "tensor([1.0001, nan])", True),
        ("accuracy 91%", "accuracy 90%", False),
        ("a", "b", False),
        ("1.2e-07", "1.3e-07", True),
        ("1.2e-07", "9.3e-06", False),
    ],
)
def test_printed_lines(a: str, b: str, alike: bool) -> None:
    assert _alike(a, b) is alike
