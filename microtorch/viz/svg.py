"""A graph as SVG by our own layout: for machines without a program that draws, and graphs that are too much for one."""

from __future__ import annotations

from xml.sax.saxutils import escape

from microtorch.viz.graph import Edge, Graph
from microtorch.viz.layout import Layout, Point, curve
from microtorch.viz.nested import Group, nested
from microtorch.viz.style import FRAMES, MICROTORCH, Look, Style, frames, looks, prepared, width

FONT, LINE, CHAR = 12, 15, 7.4  # sizes in pixels; a character's width on the safe side, as no font is measured
PAD_X, PAD_Y = 11, 5
_MARGIN = 8
_FRAME_FONT, _FRAME_CHAR = 11, 6.6


def measure(lines: list[str]) -> tuple[float, float]:
    """The size of a box that holds the lines."""
    columns = max(map(width, lines), default=0)
    return max(24.0, columns * CHAR + 2 * PAD_X), max(len(lines), 1) * LINE + 2.0 * PAD_Y


def place(graph: Graph, style: Style = MICROTORCH, gradients: bool = False) -> Layout:
    """Our own layout of the boxes and frames of a graph that is `prepared`.

    Raises ValueError if it is too large for that, or has a cycle.
    """
    groups, inside = frames(graph)
    sizes = [measure(look.lines) for look in looks(graph, style, gradients)]
    edges = [(edge.source, edge.target) for edge in graph.edges]
    if groups:
        try:
            return nested(sizes, edges, [Group(g.parent, width(g.label) * _FRAME_CHAR) for g in groups], inside)
        except ValueError:
            pass  # modules that need each other's results: no frame can hold one; frames come second
    return nested(sizes, edges)


def to_svg(graph: Graph, style: Style = MICROTORCH, gradients: bool = False) -> str:
    """The graph as SVG text. Raises ValueError if it is too large for the built-in layout, or has a cycle.

    gradients: colour the boxes by the size of their gradients.

    >>> from microtorch.viz.graph import Node
    >>> to_svg(Graph([Node(0, "leaf", name="w", shape=(3,))])).count('class="node"')
    1
    """
    graph = prepared(graph, style)
    placed = place(graph, style, gradients)
    w, h = placed.width + 2 * _MARGIN, placed.height + 2 * _MARGIN
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{w:.0f}" height="{h:.0f}" viewBox="0 0 {w:.1f} {h:.1f}">\n'
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0.8 L8,4 L0,7.2 z" fill="#777777"/></marker></defs>\n'
        '<rect width="100%" height="100%" fill="white"/>\n'
        f'<g transform="translate({_MARGIN} {_MARGIN})" font-family="Helvetica,Arial,sans-serif" font-size="{FONT}">\n'
    )
    out = [head]
    for group, box in zip(frames(graph)[0], placed.frames):
        out.append(
            f'<g class="cluster"><title>{escape(group.label)}</title>'
            f'<rect x="{box.x - box.width / 2:.1f}" y="{box.y - box.height / 2:.1f}" width="{box.width:.1f}" '
            f'height="{box.height:.1f}" rx="7" fill="{FRAMES[min(group.depth, len(FRAMES) - 1)]}" stroke="#b9b3cf"/>'
            "</g>\n"
        )
    for edge, line in zip(graph.edges, placed.lines):
        out.append(
            f'<g class="edge"><title>n{edge.source}-&gt;n{edge.target}</title>'
            f'<path d="{_path(line)}" fill="none" {_stroke(edge, style)}/></g>\n'
        )
    for group, box in zip(frames(graph)[0], placed.frames):  # above the lines, that it can be read
        out.append(
            f'<text class="name" x="{box.x - box.width / 2 + 8:.1f}" y="{box.y - box.height / 2 + 14:.1f}" '
            f'font-size="{_FRAME_FONT}" fill="#5b4f86" stroke="{FRAMES[min(group.depth, len(FRAMES) - 1)]}" '
            f'stroke-width="3" paint-order="stroke">{escape(group.label)}</text>\n'
        )
    for node, look, box in zip(graph.nodes, looks(graph, style, gradients), placed.boxes):
        first = box.y - (len(look.lines) - 1) * LINE / 2 + FONT * 0.35
        out.append(
            f'<g class="node" id="n{node.id}"><title>n{node.id}</title>'
            f'<rect x="{box.x - box.width / 2:.1f}" y="{box.y - box.height / 2:.1f}" width="{box.width:.1f}" '
            f'height="{box.height:.1f}" rx="5" {_colours(look)}/>'
        )
        for i, text in enumerate(look.lines):
            out.append(f'<text x="{box.x:.1f}" y="{first + i * LINE:.1f}" text-anchor="middle">{escape(text)}</text>')
        out.append("</g>\n")
    return "".join([*out, "</g>\n</svg>\n"])


def _colours(look: Look) -> str:
    border = "#c0392b" if look.thick else look.border or "black"
    marks = ' stroke-width="2"' if look.thick else ""
    marks += ' stroke-dasharray="4 2"' if look.dashed else ""
    return f'fill="{look.fill or "lightgrey"}" stroke="{border}"{marks}'


def _stroke(edge: Edge, style: Style) -> str:
    if edge.base:
        return 'stroke="#777777" stroke-dasharray="1 3"'
    if edge.constant:
        return f'stroke="{style.constant}" stroke-dasharray="5 3" marker-end="url(#arrow)"'
    return 'stroke="#777777"' + ("" if edge.saved else ' marker-end="url(#arrow)"')


def _path(points: list[Point]) -> str:
    start, *rest = curve(points)
    parts = [f"{a[0]:.1f},{a[1]:.1f} {b[0]:.1f},{b[1]:.1f} {c[0]:.1f},{c[1]:.1f}" for a, b, c in zip(*[iter(rest)] * 3)]
    return f"M{start[0]:.1f},{start[1]:.1f} C" + " ".join(parts)
