"""A graph as text in the DOT language, which the `dot` program and many others read. Needs nothing installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from microtorch.viz.graph import Edge, Graph
from microtorch.viz.layout import Layout, curve
from microtorch.viz.style import FRAMES, MICROTORCH, Look, Style, frames, looks, prepared

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


def body(graph: Graph, style: Style, placed: Layout | None = None, gradients: bool = False) -> Iterator[str]:
    """The lines of the DOT text between the braces, for a graph that is `prepared`: clusters, nodes, edges."""
    look = looks(graph, style, gradients)
    groups, inside = frames(graph)
    if placed is not None:  # a program that is told all places draws no clusters
        groups, inside = [], [-1] * len(graph.nodes)
    children: list[list[int]] = [[] for _ in range(len(groups) + 1)]
    for g, group in enumerate(groups):
        children[group.parent].append(g)
    own: list[list[int]] = [[] for _ in range(len(groups) + 1)]
    for i, g in enumerate(inside):
        own[g].append(i)
    todo: list[tuple[int, int, bool]] = [(-1, 1, True)]  # group, indentation, whether it begins
    while todo:
        g, depth, begins = todo.pop()
        tab = "\t" * depth
        if not begins:
            yield f"{tab[1:]}}}\n"
            continue
        if g >= 0:
            group = groups[g]
            fill = {"fillcolor": FRAMES[min(group.depth, len(FRAMES) - 1)]} if "fill" in style.cluster["style"] else {}
            yield f"{tab[1:]}subgraph cluster_{g} {{\n"
            yield f"{tab}graph{attributes({'label': group.label, **style.cluster, **fill})}\n"
            todo.append((g, depth, False))
        for i in own[g]:
            yield f"{tab}n{graph.nodes[i].id}{attributes(_node(look[i], style) | _box(placed, i))}\n"
        todo += [(child, depth + 1, True) for child in reversed(children[g])]
    for i, edge in enumerate(graph.edges):
        yield f"\tn{edge.source} -> n{edge.target}{attributes(_edge(edge, style) | _line(placed, i, edge.saved))}\n"


def _node(look: Look, style: Style) -> dict[str, str]:
    attrs = {"label": "\n".join(look.lines), "fillcolor": look.fill, "color": look.border}
    if look.dashed:
        attrs["style"] = style.node["style"] + ",dashed"
    if look.thick:
        attrs |= {"color": "#c0392b", "penwidth": "2"}
    return attrs


def _edge(edge: Edge, style: Style) -> dict[str, str]:
    if edge.base:
        return {"style": "dotted"}
    if edge.constant:
        return {"style": "dashed", "color": style.constant}
    return {"dir": "none"} if edge.saved else {}


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


def to_dot(graph: Graph, style: Style = MICROTORCH, placed: Layout | None = None, gradients: bool = False) -> str:
    """The graph as DOT text. With `placed` it also says where everything is, for `neato -n2` to draw it there.

    gradients: colour the boxes by the size of their gradients.

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
    graph = prepared(graph, style)
    defaults = {"graph": style.graph, "node": style.node, "edge": style.edge}
    head = [f"\t{kind}{attributes(attrs)}\n" for kind, attrs in defaults.items() if attrs]
    return "".join(["digraph {\n", *head, *body(graph, style, placed, gradients), "}\n"])
