"""The programs that lay out and draw DOT text, where there are any: Graphviz's `dot`, or `graphviz-pure` from PyPI."""

from __future__ import annotations

import os
import shutil
import subprocess
import sysconfig

INSTALL = (
    'install Graphviz (the `dot` program: https://graphviz.org/download/) or `pip install "microtorch[viz]"` '
    "(graphviz-pure)"
)
INSTALL_PDF = "install Graphviz (the `dot` program: https://graphviz.org/download/); graphviz-pure has no PDF"


class DrawingError(RuntimeError):
    """A picture cannot be drawn here; the message says what is missing."""


def available(suffix: str) -> dict[str, str]:
    """The programs here that can draw a format (".svg", ".png" or ".pdf"), the preferred one first: names to paths."""
    found = {"dot": shutil.which("dot")}
    if suffix != ".pdf":
        # pip puts it beside python, which need not be on PATH
        places = os.pathsep.join([os.environ.get("PATH", os.defpath), sysconfig.get_path("scripts")])
        found["graphviz-pure"] = shutil.which("graphviz-pure", path=places)
    return {name: path for name, path in found.items() if path}


def draw(path: str, dot: str, suffix: str, *, placed: bool = False) -> bytes:
    """The picture that the program at `path` draws of DOT text; with `placed` the text says where everything is.

    Raises DrawingError if it fails, or needs more than a minute.
    """
    options = ["-Gdpi=144", "-Gsize=120,120"] if suffix == ".png" else []  # 96 is too coarse for small text; inches
    options += ["-Kneato", "-n2"] if placed else []
    command = [path, f"-T{suffix[1:]}", *options]
    try:
        done = subprocess.run(command, input=dot.encode(), capture_output=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DrawingError(f"{path}: {error}") from error
    if done.returncode != 0 or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines() or [f"exit code {done.returncode}"]
        raise DrawingError(f"{path}: {said[0]}")
    return done.stdout
