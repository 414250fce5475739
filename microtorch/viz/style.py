"""How a graph looks: what is written in the boxes, and their colours. Used by every renderer."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from microtorch.viz.graph import Edge, Graph, Kind, Node

_LONGEST = 60  # characters of a line


@dataclass(frozen=True)
class Style:
    """A look: fill and border colour for each kind of node, the lines of a box, and DOT's attributes."""

    lines: Callable[[Node], list[str]]
    fill: Mapping[Kind, str]
    border: Mapping[Kind, str]
    graph: Mapping[str, str]
    node: Mapping[str, str]
    edge: Mapping[str, str] = field(default_factory=dict)
    accumulate: bool = False  # whether a leaf is followed by the box of its AccumulateGrad


def printable(text: str, limit: int = _LONGEST) -> str:
    """`text` in one line that every format can hold: control characters escaped, the middle of a long one left out.

    >>> printable("a\\nb")
    'a\\\\nb'
    """
    text = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    half = (limit - 3) // 2
    return text if len(text) <= limit else f"{text[:half]}...{text[-half:]}"


def shape_text(node: Node) -> str:
    """Shape and dtype: `(64, 10)`, and the dtype unless it is the usual float32."""
    shape = "" if node.shape is None else str(node.shape)
    return shape if node.dtype in ("", "float32") else f"{shape} {node.dtype}".strip()


def width(text: str) -> int:
    """The number of columns of a text: East Asian wide characters take two, combining ones none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _lines(node: Node) -> list[str]:
    if node.kind == "op":
        lines = [node.label, f"{printable(node.name)} {shape_text(node)}".strip()]
    else:
        lines = [printable(node.label) if node.name or node.kind != "leaf" else "", shape_text(node)]
    return [line for line in lines if line] + [printable(f"{name}: {value}") for name, value in node.attrs]


def _torchviz_lines(node: Node) -> list[str]:
    if node.kind != "op":
        return [printable(node.name), " " + ("" if node.shape is None else f"({', '.join(map(str, node.shape))})")]
    if not node.attrs:
        return [node.op]
    left = max(len(name) for name, _ in node.attrs)
    right = max(len(value) for _, value in node.attrs)
    rows = [printable(f"{name:<{left}}: {value:>{right}}", 200) for name, value in node.attrs]
    return [node.op, "-" * max(left + right + 2, len(node.op)), *rows]


MICROTORCH = Style(
    lines=_lines,
    fill={"op": "#eeeeee", "leaf": "#d3e9fb", "output": "#d2efc4", "saved": "#ffe5bf"},
    border={"op": "#b8b8b8", "leaf": "#62a0d8", "output": "#67ab49", "saved": "#e0a040"},
    graph={"nodesep": "0.2", "ranksep": "0.3"},
    node={"shape": "box", "style": "filled,rounded", "fontname": "Helvetica", "fontsize": "12",
          "height": "0.3", "margin": "0.13,0.06"},
    edge={"color": "#777777", "arrowsize": "0.7"},
)  # fmt: skip

TORCHVIZ = Style(
    lines=_torchviz_lines,
    fill={"op": "", "leaf": "lightblue", "output": "darkolivegreen1", "saved": "orange"},
    border={"op": "", "leaf": "", "output": "", "saved": ""},
    graph={},
    node={"style": "filled", "shape": "box", "align": "left", "fontsize": "10", "ranksep": "0.1", "height": "0.2",
          "fontname": "Courier"},
    accumulate=True,
)  # fmt: skip


def with_accumulate(graph: Graph) -> Graph:
    """The graph with a box for each leaf's AccumulateGrad between the leaf and what uses it, as torchviz draws it."""
    nodes, boxes = list(graph.nodes), dict[int, int]()
    sources = {edge.source for edge in graph.edges if not edge.saved}
    made = {edge.target for edge in graph.edges}
    for node in graph.nodes:
        if node.kind in ("leaf", "output") and node.id in sources and node.id not in made:
            boxes[node.id] = len(nodes)
            nodes.append(Node(len(nodes), "op", op="AccumulateGrad"))
    edges = [Edge(boxes.get(edge.source, edge.source), edge.target, edge.index, edge.saved) for edge in graph.edges]
    return Graph(nodes, edges + [Edge(leaf, box) for leaf, box in boxes.items()])
