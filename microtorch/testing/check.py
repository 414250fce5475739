"""Run a program under PyTorch and under microtorch, and find the first thing that differs: `microtorch check`."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib.machinery import PathFinder
from typing import NamedTuple

from microtorch.release import __version__
from microtorch.testing import tracing
from microtorch.testing.difference import DEFAULT, Difference, Tolerance, first_difference

NO_TORCH = "comparing needs PyTorch, which is not installed for this Python: pip install torch"


class Report(NamedTuple):
    """What `check_script` found: the first difference, or None; and how much was compared."""

    difference: Difference | None
    counts: dict[str, int]

    def __str__(self) -> str:
        if self.difference is not None:
            return str(self.difference)
        return f"all is equal under PyTorch and microtorch {__version__}: " + ", ".join(
            f"{count} {what}" for what, count in self.counts.items()
        )


class _Run(NamedTuple):
    records: list[tracing.Record]
    out: str
    err: str
    code: int


def torch_is_there() -> bool:
    """Whether a PyTorch is installed. (`import torch` may mean microtorch.)"""
    return PathFinder.find_spec("torch") is not None


def check_script(
    script: str, args: Sequence[str] = (), steps: int = 3, tolerance: Tolerance = DEFAULT, seed: int = 0,
    text: bool = True, progress: Callable[[str], AbstractContextManager[object]] | None = None,
) -> Report:  # fmt: skip
    """Run the file `script` under PyTorch, then under microtorch, both from the same seed, and compare the traces.

    steps: so many backward passes are compared call by call; the later ones by losses, gradients and parameters.
    text: compare what is printed, too (numbers within 0.1 %). progress: shown while a program runs.
    Raises ModuleNotFoundError if there is no PyTorch, OSError if the script cannot be read.
    """
    if not torch_is_there():
        raise ModuleNotFoundError(NO_TORCH, name="torch")
    with open(script, "rb"):
        pass
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        for library in ("torch", "microtorch"):
            shown = "PyTorch" if library == "torch" else library
            with nullcontext() if progress is None else progress(f"running {script} under {shown}"):
                runs.append(_run(library, os.path.join(folder, library), steps, seed, [script, *args]))
    theirs, ours = runs
    difference = first_difference(theirs.records, ours.records, tolerance)
    if difference is None and (theirs.code or ours.code) and theirs.code != ours.code:
        difference = Difference("how the program ends", _end(theirs), _end(ours), ("", 0))
    if difference is None and text:
        difference = _text_difference(theirs.out, ours.out)
    kinds = Counter(r.kind for r in ours.records)
    counts = {
        "calls": kinds["call"], "module outputs": kinds["module"], "backward passes": kinds["backward"],
        "optimizer steps": kinds["step"], "printed lines": len(ours.out.splitlines()) if text else 0,
    }  # fmt: skip
    return Report(difference, counts)


def _run(library: str, file: str, steps: int, seed: int, command: Sequence[str]) -> _Run:
    with open(file + ".out", "w+b") as out, open(file + ".err", "w+b") as err:
        program = [sys.executable, tracing.__file__, library, file, str(steps), str(seed), *command]
        done = subprocess.run(program, stdin=subprocess.DEVNULL, stdout=out, stderr=err, check=False)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read().decode(errors="replace"))
    records = tracing.read(file) if os.path.exists(file) else []
    return _Run(records, texts[0], texts[1], done.returncode)


def _end(run: _Run) -> str:
    """How a program ended, in a line."""
    if not run.code:
        return "it ends well"
    lines = run.err.strip().splitlines()
    return f"exit code {run.code}" + (f", {lines[-1]}" if lines else "")


_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_TIME = re.compile(r"\d+:\d\d(:\d\d)?(\.\d+)?|[\d.]+ ?(s|ms|us|µs|ns|sec|secs|seconds|minutes|min|it/s|s/it)\b")


def _text_difference(theirs: str, ours: str) -> Difference | None:
    """The first printed line that differs, but for durations and rounding."""
    a, b = theirs.splitlines(), ours.splitlines()
    for i in range(max(len(a), len(b))):
        x, y = (lines[i] if i < len(lines) else "(nothing more)" for lines in (a, b))
        if x != y and not _alike(x, y):
            return Difference(f"line {i + 1} of what is printed", x, y, ("", 0))
    return None


def _alike(x: str, y: str) -> bool:
    x, y = (_TIME.sub("", text) for text in (x, y))
    if [part.split() for part in _NUMBER.split(x)] != [part.split() for part in _NUMBER.split(y)]:
        return False
    for m, n in zip(_NUMBER.findall(x), _NUMBER.findall(y)):
        if m != n and ((_whole(m) and _whole(n)) or abs(float(m) - float(n)) > 1e-3 * abs(float(m)) + 2 * _last(m)):
            return False
    return True


def _whole(number: str) -> bool:
    return number.lstrip("+-").isdigit()


def _last(number: str) -> float:
    """The value of a number's last digit."""
    digits, _, exponent = number.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
