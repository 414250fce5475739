"""Whole programs: each script prints the same text under PyTorch and under `python -m microtorch run`.

The scripts are plain PyTorch, in the manner of well-known tutorials: `tests/programs/*.py`, and the examples of the
documentation. Nothing is compared with a tolerance: what they print (4 decimals of a loss, whole tensors, error
classes, reprs) was chosen so that it does not hang on the order in which a sum was added up. Where that order shows all
the same (an optimizer that divides noise by noise), the program prints fewer digits, and says so.

    pytest tests/test_programs.py -k lesson     # one program
"""

import difflib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))
PROGRAMS = [*sorted((ROOT / "tests" / "programs").glob("*.py")), *EXAMPLES]
LONG = {  # programs that take more than a few seconds
    "annotated_transformer",
    "control_sac_ddpg",
    "diffusion_points",
    "gpt_text",
    "maml_sine",
    "policy_gradient",
    "reinforce_cartpole",
    "resnet_digits",
    "word_language_model",
}
MICROTORCH = [sys.executable, "-m", "microtorch", "run"]
SECONDS = 120  # far above what any of them takes: a program that hangs fails instead of stopping the run


def environment() -> dict[str, str]:
    """One thread: sums then have one order, and no thread waits for another."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **threads, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8", "MPLBACKEND": "Agg"}


class Torch:
    """`python program` for many programs, with one import of torch (see torch_server.py)."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "tests" / "torch_server.py")],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
        """Run a program in a new folder."""
        folder.mkdir()
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps({"command": command, "folder": str(folder), "seconds": SECONDS}) + "\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        out, err = (folder.with_name(f"{folder.name}.{e}").read_text("utf-8") for e in ("out", "err"))
        return subprocess.CompletedProcess(command, code, out, err)


@pytest.fixture(scope="module")
def torch_server() -> Iterator[Torch]:
    """The process that runs programs under PyTorch."""
    pytest.importorskip("torch")
    server = Torch()
    yield server
    server.process.communicate()


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command in a new folder."""
    folder.mkdir()
    return subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, encoding="utf-8", timeout=SECONDS, check=False
    )


def assert_exit_0(name: str, done: subprocess.CompletedProcess[str]) -> None:
    """Fail with what the program printed last if it did not end well."""
    if done.returncode != 0:
        tail = "\n".join(done.stderr.splitlines()[-30:])
        pytest.fail(
            f"{name} ended with {done.returncode}\nlast of its stdout:\n{done.stdout[-500:]}\nstderr:\n{tail}", False
        )


@pytest.mark.parametrize(
    "program",
    [pytest.param(path, id=path.stem, marks=[pytest.mark.slow] * (path.stem in LONG)) for path in PROGRAMS],
)
def test_prints_the_same(program: Path, tmp_path: Path, torch_server: Torch) -> None:
    """The whole of stdout is equal, and so are the names of the files that the program leaves behind."""
    theirs = torch_server.run([str(program)], tmp_path / "torch")
    assert_exit_0("torch", theirs)
    ours = run([*MICROTORCH, str(program)], tmp_path / "microtorch")
    assert_exit_0("microtorch", ours)

    assert theirs.stdout.strip(), "the program printed nothing to compare"
    if ours.stdout != theirs.stdout:
        lines = difflib.unified_diff(
            theirs.stdout.splitlines(), ours.stdout.splitlines(), "torch", "microtorch", lineterm=""
        )
        pytest.fail(f"{program.name} prints otherwise than under torch:\n" + "\n".join(lines), False)
    files = [sorted(path.name for path in (tmp_path / side).rglob("*")) for side in ("torch", "microtorch")]
    assert files[0] == files[1]


def test_the_two_sides_are_two(tmp_path: Path, torch_server: Torch) -> None:
    """The comparison is not of PyTorch with itself: under `microtorch run` no PyTorch is imported."""
    torch = pytest.importorskip("torch")
    script = tmp_path / "which.py"
    script.write_text(
        "import sys, torch, torch.nn\nprint(torch.__file__)\nprint(any('torch._C' in m for m in sys.modules))\n"
    )
    theirs, ours = torch_server.run([str(script)], tmp_path / "a"), run([*MICROTORCH, str(script)], tmp_path / "b")
    assert_exit_0("torch", theirs)
    assert_exit_0("microtorch", ours)
    assert theirs.stdout.splitlines() == [torch.__file__, "True"]
    assert ours.stdout.splitlines() == [str(ROOT / "microtorch" / "__init__.py"), "False"]
