"""How a graph looks: what is written in boxes, their colours, which modules have a frame. Used by every renderer."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from microtorch.viz.graph import Edge, Graph, Kind, Node, Scope

_LONGEST = 60  # characters of a line
_DETAIL = 48  # characters of a module's settings: longer ones are left out
TIMES, DOTS = "\N{MULTIPLICATION SIGN}", "\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True)
class Style:
    """A look: fill and border colour for each kind of node, the lines of a box, and DOT's attributes."""

    lines: Callable[[Node], list[str]]
    fill: Mapping[Kind, str]
    border: Mapping[Kind, str]
    graph: Mapping[str, str]
    node: Mapping[str, str]
    edge: Mapping[str, str] = field(default_factory=dict)
    cluster: Mapping[str, str] = field(default_factory=dict)
    accumulate: bool = False  # whether a leaf is followed by the box of its AccumulateGrad
    compact: bool = False  # whether a module of a single operation goes without a frame
    constant: str = "#aaaaaa"  # arrows through which no gradient goes back


@dataclass(frozen=True, slots=True)
class Look:
    """What one box looks like."""

    lines: list[str]
    fill: str
    border: str
    dashed: bool = False  # a view
    thick: bool = False  # written in place


@dataclass(frozen=True, slots=True)
class Frame:
    """The frame around the boxes of a module call."""

    key: str
    parent: int  # the frame around it; -1: none
    label: str
    depth: int


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


def count_text(number: int) -> str:
    """A number of parameters in a few characters.

    >>> [count_text(n) for n in (7, 1200, 124_439_808)]
    ['7', '1.2k', '124M']
    """
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return str(number)


def width(text: str) -> int:
    """The number of columns of a text: East Asian wide characters take two, combining ones none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def values_text(node: Node) -> str:
    """The value and gradient of a single number, as micrograd writes them; empty for anything larger."""
    parts = []
    if node.value is not None and node.value.value is not None:
        parts.append(f"data {node.value.text}")
    if node.grad is not None and node.grad.value is not None and node.kind != "output":
        parts.append(f"grad {node.grad.text}")
    return " | ".join(parts)


def _lines(node: Node) -> list[str]:
    times = f" {TIMES}{node.times}" if node.times > 1 else ""
    values = values_text(node)
    shape = "" if values and node.shape == () else shape_text(node)  # a number needs no shape
    if node.kind in ("op", "module"):
        marks = " (in place)" if node.in_place else ""
        lines = [f"{node.label}{marks}{times}", f"{printable(node.name)} {shape}".strip()]
        if node.kind == "module" and node.count > 1:
            lines.append(f"{node.count} operations")
        if node.numbers:
            lines.append(f"{count_text(node.numbers)} parameters")
    else:
        named = node.name or node.kind not in ("leaf", "base")
        lines = [printable(node.label) + times if named else "", shape]
    lines += [values] if values else []
    for name, value in node.attrs:
        if name or len(value) <= _DETAIL:
            lines.append(printable(f"{name}: {value}" if name else value))
    return [line for line in lines if line]


def _torchviz_lines(node: Node) -> list[str]:
    if node.kind not in ("op", "module"):
        return [printable(node.name), " " + ("" if node.shape is None else f"({', '.join(map(str, node.shape))})")]
    name = f"{node.op} x{node.times}" if node.times > 1 else node.op
    if node.kind == "module":
        return [name, printable(node.name)]
    if not node.attrs:
        return [name]
    left = max(len(name) for name, _ in node.attrs)
    right = max(len(value) for _, value in node.attrs)
    rows = [printable(f"{name:<{left}}: {value:>{right}}", 200) for name, value in node.attrs]
    return [name, "-" * max(left + right + 2, len(node.op)), *rows]


MICROTORCH = Style(
    lines=_lines,
    fill={"op": "#eeeeee", "leaf": "#d3e9fb", "input": "#fff3c4", "output": "#d2efc4", "saved": "#ffe5bf",
          "module": "#e6e0f5", "base": "#a9cf95"},
    border={"op": "#b8b8b8", "leaf": "#62a0d8", "input": "#d4b13f", "output": "#67ab49", "saved": "#e0a040",
            "module": "#9a86cc", "base": "#4d8233"},
    graph={"nodesep": "0.2", "ranksep": "0.3"},
    node={"shape": "box", "style": "filled,rounded", "fontname": "Helvetica", "fontsize": "12",
          "height": "0.3", "margin": "0.13,0.06"},
    edge={"color": "#777777", "arrowsize": "0.7"},
    cluster={"style": "filled,rounded", "color": "#b9b3cf", "fontname": "Helvetica", "fontsize": "11",
             "fontcolor": "#5b4f86", "labeljust": "l", "margin": "10"},
    compact=True,
)  # fmt: skip

TORCHVIZ = Style(
    lines=_torchviz_lines,
    fill={"op": "", "leaf": "lightblue", "input": "khaki", "output": "darkolivegreen1", "saved": "orange",
          "module": "plum", "base": "darkolivegreen3"},
    border={},
    graph={},
    node={"style": "filled", "shape": "box", "align": "left", "fontsize": "10", "ranksep": "0.1", "height": "0.2",
          "fontname": "monospace"},
    cluster={"style": "rounded", "color": "grey50", "fontname": "monospace", "fontsize": "10", "labeljust": "l"},
    accumulate=True,
    constant="grey",
)  # fmt: skip

FRAMES = ("#f8f7fc", "#f0eef8", "#e8e5f3")  # the inside of a frame, by how many are around it


def prepared(graph: Graph, style: Style) -> Graph:
    """The graph as the style draws it: with AccumulateGrad boxes, or without frames around single operations."""
    if style.accumulate:
        graph = with_accumulate(graph)
    return compact(graph) if style.compact else graph


def looks(graph: Graph, style: Style, gradients: bool = False) -> list[Look]:
    """What each box looks like; with `gradients` its colour is the size of its gradient, which is written in it."""
    shades = _shades(graph) if gradients else {}
    found = []
    for node in graph.nodes:
        lines = style.lines(_shown(graph, node))
        if gradients and node.grad is not None and node.grad.value is None:
            lines = [*lines, f"grad {node.grad.text}"]
        fill = shades.get(node.id, "" if gradients and node.kind in ("op", "module") else style.fill.get(node.kind, ""))
        border = style.border.get(node.kind, "")
        found.append(Look(lines, fill or ("#ffffff" if gradients else ""), border, node.view, node.in_place))
    return found


def _shown(graph: Graph, node: Node) -> Node:
    """The node with its name as it is inside the frame around it."""
    scope = graph.scopes.get(node.scope)
    if scope is None or not scope.path or not node.name.startswith(scope.path + "."):
        return node
    return replace(node, name=node.name.removeprefix(scope.path + "."))


def _shades(graph: Graph) -> dict[int, str]:
    """From pale to deep red by the logarithm of the gradient's norm; blue for zero, magenta for NaN and infinity."""
    norms = {node.id: node.grad.norm for node in graph.nodes if node.grad is not None and node.kind != "output"}
    logs = {i: math.log10(norm) for i, norm in norms.items() if norm > 0 and math.isfinite(norm)}
    low, high = min(logs.values(), default=0.0), max(logs.values(), default=0.0)
    shades = {}
    for i, norm in norms.items():
        if i in logs:
            t = (logs[i] - low) / (high - low) if high > low else 0.5
            shades[i] = "#{:02x}{:02x}{:02x}".format(*(round(a + (b - a) * t) for a, b in _REDS))
        else:
            shades[i] = "#cfe0ff" if norm == 0 else "#ff66ff"
    return shades


_REDS = ((255, 240), (246, 100), (232, 74))  # from (255, 246, 232) to (240, 100, 74)


def frames(graph: Graph) -> tuple[list[Frame], list[int]]:
    """The frames, each after the one around it, and for each node the frame that it is in (-1: none)."""
    used: set[str] = set()
    for node in graph.nodes:
        if node.scope in graph.scopes and node.scope not in used:
            used.update(graph.path(node.scope))
    found: list[Frame] = []
    place: dict[str, int] = {}
    for key, scope in graph.scopes.items():
        if key in used and (scope.path or scope.times > 1):  # not around the model itself
            parent = place.get(scope.parent or "", -1)
            place[key] = len(found)
            found.append(Frame(key, parent, frame_label(graph, scope), 0 if parent < 0 else found[parent].depth + 1))
    return found, [place.get(node.scope, -1) for node in graph.nodes]


def frame_label(graph: Graph, scope: Scope) -> str:
    """What stands above a frame: the module's name, its class, how often it is there."""
    if not scope.path:
        return f"{TIMES}{scope.times}"
    name = graph.local_name(scope.key)
    if scope.times > 1 and scope.last and scope.last != name:
        name = f"{name} {DOTS} {scope.last}"
    elif scope.call > 1 and scope.times == 1:
        name = f"{name} (call {scope.call})"
    times = f" {TIMES}{scope.times}" if scope.times > 1 else ""
    return printable(f"{name}: {scope.class_name}{times}" if name != scope.class_name else f"{name}{times}", 80)


def compact(graph: Graph) -> Graph:
    """The graph with modules of a single operation as that operation alone, which has the module's name."""
    ops: dict[str, list[int]] = {}
    for node in graph.nodes:
        if node.kind in ("op", "module"):
            for key in graph.path(node.scope):
                ops.setdefault(key, []).append(node.id)
    nodes = list(graph.nodes)
    scopes = dict(graph.scopes)
    for key, scope in reversed(list(graph.scopes.items())):  # the innermost first
        own = ops.get(key, [])
        if len(own) > 1 or (scope.path == "" and scope.times == 1):
            continue
        for number in own:
            node = nodes[number]
            name = graph.local_name(key) if scope.path and scope.path != scope.class_name else ""
            name = f"{name}: {node.name}" if name and node.name else name or node.name
            if scope.times > 1 and scope.last and scope.last != graph.local_name(key):
                name = f"{name} {DOTS} {scope.last}"
            nodes[number] = replace(node, name=name, times=node.times * scope.times)
        del scopes[key]
    if len(scopes) == len(graph.scopes):
        return graph

    def home(key: str) -> str:
        while key in graph.scopes and key not in scopes:
            key = graph.scopes[key].parent or ""
        return key

    nodes = [replace(node, scope=home(node.scope)) for node in nodes]
    scopes = {
        key: scope if scope.parent is None else replace(scope, parent=home(scope.parent))
        for key, scope in scopes.items()
    }
    return replace(graph, nodes=nodes, scopes=scopes)


def with_accumulate(graph: Graph) -> Graph:
    """The graph with a box for each leaf's AccumulateGrad between the leaf and what uses it, as torchviz draws it."""
    nodes, boxes = list(graph.nodes), dict[int, int]()
    sources = {edge.source for edge in graph.edges if not edge.saved}
    made = {edge.target for edge in graph.edges}
    for node in graph.nodes:
        if node.kind in ("leaf", "output") and node.id in sources and node.id not in made:
            boxes[node.id] = len(nodes)
            nodes.append(Node(len(nodes), "op", op="AccumulateGrad", scope=node.scope))
    edges = [replace(edge, source=boxes.get(edge.source, edge.source)) for edge in graph.edges]
    return replace(graph, nodes=nodes, edges=edges + [Edge(leaf, box) for leaf, box in boxes.items()])
