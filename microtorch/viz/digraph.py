"""`make_dot`: the graph as a `graphviz.Digraph`, as torchviz draws it. Alone in needing the graphviz package."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from microtorch.viz.dot import body
from microtorch.viz.fold import simplify
from microtorch.viz.graph import Graph, Node
from microtorch.viz.programs import available
from microtorch.viz.read import graph
from microtorch.viz.style import TORCHVIZ, prepared, values_text

try:
    import graphviz
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        'make_dot returns a graphviz.Digraph: pip install "microtorch[viz]". (viz.render needs no extra.)',
        name="graphviz",
    ) from error
from graphviz.backend import dot_command


class Digraph(graphviz.Digraph):  # type: ignore[misc]
    """A graphviz.Digraph that draws itself with graphviz-pure where there is no `dot`, and never breaks a notebook."""

    def pipe(self, *args: Any, **kwargs: Any) -> Any:
        """As graphviz.Digraph.pipe: the picture as bytes or text."""
        with _some_program():
            return super().pipe(*args, **kwargs)

    def render(self, *args: Any, **kwargs: Any) -> str:
        """As graphviz.Digraph.render: the picture in a file."""
        with _some_program():
            return str(super().render(*args, **kwargs))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, bytes | str]:
        try:
            pictures: dict[str, bytes | str] = super()._repr_mimebundle_(include, exclude)
        except (graphviz.ExecutableNotFound, graphviz.CalledProcessError, OSError):
            pictures = {}
        return {**pictures, "text/plain": str(self.source)}


def make_dot(
    var: Any,
    params: Any = None,
    show_attrs: bool = False,
    show_saved: bool = False,
    max_attr_chars: int = 50,
    *,
    depth: int | None = None,
    fold: bool = False,
    values: bool = False,
    gradients: bool = False,
) -> Digraph:
    """The graph behind `var` as torchviz draws it: leaves blue, operations grey, outputs green, saved tensors orange.

    `var` is a tensor, or several in a tuple or dictionary, or what `viz.graph` has read; `params` names the leaves:
    `dict(model.named_parameters())`. `show_attrs` lists in each operation what it keeps besides tensors, `show_saved`
    draws the tensors that it keeps. What torchviz has not: a box around each module, if the graph knows them
    (`viz.graph(model, x)`, `viz.recording()`), modules below `depth` as one node, `fold` for repeated blocks drawn
    once, `values` for the values and gradients of single numbers as micrograd's draw_dot has them, `gradients` for
    colours by the size of gradients.

    >>> import microtorch as torch
    >>> w = torch.ones(3, requires_grad=True)
    >>> dot = make_dot((w * 2).sum(), params={"w": w})
    >>> print("".join(dot.body).expandtabs(4), end="")
        n0 [label="\\n ()" fillcolor="darkolivegreen1"]
        n1 [label="SumBackward0"]
        n2 [label="MulBackward0"]
        n3 [label="w\\n (3)" fillcolor="lightblue"]
        n4 [label="AccumulateGrad"]
        n1 -> n0
        n2 -> n1
        n4 -> n2
        n3 -> n4
    """
    if isinstance(var, Graph):
        read = var
    else:
        chars = max(max_attr_chars, 3)
        read = graph(
            var,
            params=params,
            show_attrs=show_attrs,
            show_saved=show_saved,
            max_attr_chars=chars,
            steps=True,
            bases=True,
        )
    style = replace(TORCHVIZ, lines=_with_values) if values else TORCHVIZ
    lines = list(body(prepared(simplify(read, depth, fold), style), style, gradients=gradients))
    size = max(12, len(lines) * 0.15)  # inches; torchviz's rule
    dot = Digraph(graph_attr={"size": f"{size:g},{size:g}"}, node_attr=dict(TORCHVIZ.node))
    dot.body.extend(lines)
    return dot


def _with_values(node: Node) -> list[str]:
    text = values_text(node)
    return TORCHVIZ.lines(node) + ([text] if text else [])


@contextlib.contextmanager
def _some_program() -> Iterator[None]:
    """Let the graphviz package call graphviz-pure if there is no `dot`."""
    programs = available(".svg")
    before = dot_command.DOT_BINARY
    if "dot" not in programs and programs:
        dot_command.DOT_BINARY = Path(programs["graphviz-pure"])
    try:
        yield
    finally:
        dot_command.DOT_BINARY = before
