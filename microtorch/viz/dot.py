"""A graph as text in the DOT language, which the `dot` program and many others read. Needs nothing installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from microtorch.viz.graph import Graph
from microtorch.viz.layout import Layout, curve
from microtorch.viz.style import MICROTORCH, Style, with_accumulate

_HEAD = 7.0  # the length of an arrow's head in points, at the arrowsize of MICROTORCH


def quote(text: str) -> str:
    r"""A string of the DOT language that is shown as `text`, whatever is in it; a newline starts a new line.

    >>> print(quote('say "hi" & <b>'))
    "say \"hi\" &amp; <b>"
    """
    # "&" first: in a label &lt; would be read as an entity
    text = text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def attributes(attrs: Mapping[str, str]) -> str:
    """`[a="1" b="2"]`; nothing if there are none."""
    items = " ".join(f"{name}={quote(value)}" for name, value in attrs.items() if value)
    return f" [{items}]" if items else ""


def body(graph: Graph, style: Style, placed: Layout | None = None) -> Iterator[str]:
    """The lines of the DOT text between the braces: one for each node and edge."""
    if style.accumulate:
        graph = with_accumulate(graph)
    for i, node in enumerate(graph.nodes):
        attrs = {"label": "\n".join(style.lines(node))}
        attrs |= {"fillcolor": style.fill[node.kind], "color": style.border[node.kind]}
        yield f"\tn{node.id}" + attributes(attrs | _box(placed, i)) + "\n"
    for i, edge in enumerate(graph.edges):
        attrs = {"dir": "none"} if edge.saved else {}
        yield f"\tn{edge.source} -> n{edge.target}" + attributes(attrs | _line(placed, i, edge.saved)) + "\n"


def _box(placed: Layout | None, i: int) -> dict[str, str]:
    if placed is None:
        return {}
    box = placed.boxes[i]
    size = {"width": f"{box.width / 72:.4f}", "height": f"{box.height / 72:.4f}", "fixedsize": "true"}  # inches
    return {"pos": f"{box.x:.1f},{-box.y:.1f}", **size}  # points; DOT's y goes up


def _line(placed: Layout | None, i: int, saved: bool) -> dict[str, str]:
    if placed is None:
        return {}
    points = curve(placed.lines[i])
    if saved:
        return {"pos": " ".join(f"{x:.1f},{-y:.1f}" for x, y in points)}
    x, y = points[-1]
    points[-1] = (x, y - _HEAD)
    return {"pos": f"e,{x:.1f},{-y:.1f} " + " ".join(f"{x:.1f},{-y:.1f}" for x, y in points)}


def to_dot(graph: Graph, style: Style = MICROTORCH, placed: Layout | None = None) -> str:
    """The graph as DOT text. With `placed` it also says where everything is, for `neato -n2` to draw it there.

    >>> from microtorch.viz.graph import Edge, Graph, Node
    >>> graph = Graph([Node(0, "output", shape=()), Node(1, "op", op="SumBackward0")], [Edge(1, 0)])
    >>> print(to_dot(graph).expandtabs(4), end="")
    digraph {
        graph [nodesep="0.2" ranksep="0.3"]
        node [shape="box" style="filled,rounded" fontname="Helvetica" fontsize="12" height="0.3" margin="0.13,0.06"]
        edge [color="#777777" arrowsize="0.7"]
        n0 [label="output\\n()" fillcolor="#d2efc4" color="#67ab49"]
        n1 [label="Sum" fillcolor="#eeeeee" color="#b8b8b8"]
        n1 -> n0
    }
    """
    defaults = {"graph": style.graph, "node": style.node, "edge": style.edge}
    head = [f"\t{kind}{attributes(attrs)}\n" for kind, attrs in defaults.items() if attrs]
    return "".join(["digraph {\n", *head, *body(graph, style, placed), "}\n"])
