"""A graph as SVG by our own layout: for machines without a program that draws, and graphs that are too much for one."""

from __future__ import annotations

from xml.sax.saxutils import escape

from microtorch.viz.graph import Graph
from microtorch.viz.layout import Layout, Point, curve, layout
from microtorch.viz.style import MICROTORCH, Style, width

_FONT, _LINE, _CHAR = 12, 15, 7.4  # sizes in pixels; a character's width on the safe side, as no font is measured
_PAD_X, _PAD_Y, _MARGIN = 11, 5, 8


def place(graph: Graph, style: Style = MICROTORCH) -> Layout:
    """Our own layout of the graph's boxes. Raises ValueError if it is too large for that, or has a cycle."""
    sizes = []
    for node in graph.nodes:
        lines = style.lines(node)
        columns = max(map(width, lines), default=0)
        sizes.append((max(24.0, columns * _CHAR + 2 * _PAD_X), max(len(lines), 1) * _LINE + 2.0 * _PAD_Y))
    return layout(sizes, [(edge.source, edge.target) for edge in graph.edges])


def to_svg(graph: Graph, style: Style = MICROTORCH) -> str:
    """The graph as SVG text. Raises ValueError if it is too large for the built-in layout, or has a cycle.

    >>> from microtorch.viz.graph import Node
    >>> to_svg(Graph([Node(0, "leaf", name="w", shape=(3,))])).count('class="node"')
    1
    """
    placed = place(graph, style)
    w, h = placed.width + 2 * _MARGIN, placed.height + 2 * _MARGIN
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w:.0f}" height="{h:.0f}" viewBox="0 0 {w:.1f} {h:.1f}">\n'
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0.8 L8,4 L0,7.2 z" fill="#777777"/></marker></defs>\n'
        '<rect width="100%" height="100%" fill="white"/>\n'
        f'<g transform="translate({_MARGIN} {_MARGIN})" font-family="Helvetica,Arial,sans-serif" font-size="{_FONT}">\n'
    )
    out = [head]
    for edge, line in zip(graph.edges, placed.lines):
        arrow = "" if edge.saved else ' marker-end="url(#arrow)"'
        out.append(
            f'<g class="edge"><title>n{edge.source}-&gt;n{edge.target}</title>'
            f'<path d="{_path(line)}" fill="none" stroke="#777777"{arrow}/></g>\n'
        )
    for node, box in zip(graph.nodes, placed.boxes):
        lines = style.lines(node)
        colours = f'fill="{style.fill[node.kind] or "lightgrey"}" stroke="{style.border[node.kind] or "black"}"'
        first = box.y - (len(lines) - 1) * _LINE / 2 + _FONT * 0.35
        out.append(
            f'<g class="node" id="n{node.id}"><title>n{node.id}</title>'
            f'<rect x="{box.x - box.width / 2:.1f}" y="{box.y - box.height / 2:.1f}" width="{box.width:.1f}" '
            f'height="{box.height:.1f}" rx="5" {colours}/>'
        )
        for i, text in enumerate(lines):
            out.append(f'<text x="{box.x:.1f}" y="{first + i * _LINE:.1f}" text-anchor="middle">{escape(text)}</text>')
        out.append("</g>\n")
    return "".join([*out, "</g>\n</svg>\n"])


def _path(points: list[Point]) -> str:
    start, *rest = curve(points)
    parts = [f"{a[0]:.1f},{a[1]:.1f} {b[0]:.1f},{b[1]:.1f} {c[0]:.1f},{c[1]:.1f}" for a, b, c in zip(*[iter(rest)] * 3)]
    return f"M{start[0]:.1f},{start[1]:.1f} C" + " ".join(parts)
