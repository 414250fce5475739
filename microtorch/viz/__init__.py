"""Pictures of computation graphs.

`graph` reads the graph behind a tensor, or of a module and its input, into plain data; `render` draws it to a file
(.svg .png .pdf .dot .html); `make_dot` gives a `graphviz.Digraph` as torchviz does; inside `recording()` a program's
graphs know their modules, source lines, values and gradients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from microtorch.viz.dot import to_dot
from microtorch.viz.fold import simplify
from microtorch.viz.graph import Edge, Graph, Node, Saved, Scope, Stats, Step
from microtorch.viz.html import to_html
from microtorch.viz.names import names_in_frames
from microtorch.viz.programs import DrawingError
from microtorch.viz.read import graph
from microtorch.viz.record import recording
from microtorch.viz.render import check, render
from microtorch.viz.svg import to_svg

if TYPE_CHECKING:
    from microtorch.viz.digraph import Digraph


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
    """The graph behind `var` as a `graphviz.Digraph`, drawn as torchviz draws it. Needs the graphviz package.

    Raises ModuleNotFoundError, naming the extra to install, if it is missing. See `microtorch.viz.digraph.make_dot`.
    """
    from microtorch.viz.digraph import make_dot as with_graphviz  # only here is the extra needed

    return with_graphviz(
        var, params, show_attrs, show_saved, max_attr_chars, depth=depth, fold=fold, values=values, gradients=gradients
    )


__all__ = [
    "DrawingError",
    "Edge",
    "Graph",
    "Node",
    "Saved",
    "Scope",
    "Stats",
    "Step",
    "check",
    "graph",
    "make_dot",
    "names_in_frames",
    "recording",
    "render",
    "simplify",
    "to_dot",
    "to_html",
    "to_svg",
]
