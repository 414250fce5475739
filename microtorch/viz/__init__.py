"""Pictures of computation graphs.

`graph` reads the graph behind a tensor into plain data, `render` draws it to a file (.svg .png .pdf .dot .html),
`make_dot` gives a `graphviz.Digraph` as torchviz does. What they read are `grad_fn` and `next_functions`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from microtorch.viz.dot import to_dot
from microtorch.viz.graph import Edge, Graph, Node, graph
from microtorch.viz.html import to_html
from microtorch.viz.names import names_in_frames
from microtorch.viz.programs import DrawingError
from microtorch.viz.render import check, render
from microtorch.viz.svg import to_svg

if TYPE_CHECKING:
    from microtorch.viz.digraph import Digraph


def make_dot(
    var: Any, params: Any = None, show_attrs: bool = False, show_saved: bool = False, max_attr_chars: int = 50
) -> Digraph:
    """The graph behind `var` as a `graphviz.Digraph`, drawn as torchviz draws it. Needs the graphviz package.

    Raises ModuleNotFoundError, naming the extra to install, if it is missing. See `microtorch.viz.digraph.make_dot`.
    """
    from microtorch.viz.digraph import make_dot as with_graphviz  # only here is the extra needed

    return with_graphviz(var, params, show_attrs, show_saved, max_attr_chars)


__all__ = [
    "DrawingError",
    "Edge",
    "Graph",
    "Node",
    "check",
    "graph",
    "make_dot",
    "names_in_frames",
    "render",
    "to_dot",
    "to_html",
    "to_svg",
]
