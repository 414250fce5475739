"""Imports go downward only: kernels know no graph, the graph knows no operations, operations know no public functions."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "microtorch"
LAYERS = ("kernels", "autograd", "ops", "functions", "nn", "optim")  # each may import those before it
ABOVE_ALL = {"methods", "_tensor", "conversion", "serialization", "viz", "cli", "func", "distributions", "utils"}
# autograd's tools for users, which are written with Tensors as any program is: nothing of the engine imports them
TOOLS = {
    "forward_ad",
    "functional",
    "gradcheck",
    "graph",
    "profiler",
    "variable",
    "anomaly_mode",
    "function",
    "__init__",
}


def imported(path: Path) -> set[str]:
    """The parts of microtorch that a file imports when it is loaded, or later in a function; not for types only."""
    found = set()

    class Visitor(ast.NodeVisitor):
        def visit_If(self, node: ast.If) -> None:
            if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
                self.generic_visit(node)

        def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
            if node.module == "microtorch":
                found.update(alias.name for alias in node.names)
            elif node.module and node.module.startswith("microtorch."):
                found.add(node.module.split(".")[1])

    Visitor().visit(ast.parse(path.read_text()))
    return found


FILES = [p for layer in LAYERS for p in sorted((ROOT / layer).rglob("*.py"))]


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_downward(path: Path) -> None:
    layer = path.relative_to(ROOT).parts[0]
    if layer == "autograd" and path.stem in TOOLS:
        return
    higher = set(LAYERS[LAYERS.index(layer) + 1 :])
    if LAYERS.index(layer) < LAYERS.index("nn"):
        higher |= ABOVE_ALL
    assert not imported(path) & higher


def test_no_kernel_names_tensors() -> None:
    for path in (ROOT / "kernels").rglob("*.py"):
        assert "TensorBase" not in path.read_text(), path
        assert not imported(path) - {"kernels", "dtypes"}, path
