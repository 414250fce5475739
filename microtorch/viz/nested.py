"""A layout of boxes in groups in groups: each group is laid out by itself, and is then one box of the group around it.

A line that goes into a group enters it by a port in its top edge; one that leaves it, by a port in its bottom edge. So
nothing overlaps that does not belong together. (Simpler than Sander's compound layout of 1996, which lays out all at
once.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from microtorch.viz.layout import Box, Layout, Point, layout

_PAD, _HEAD = 12.0, 22.0  # inside a group: at its sides and bottom, and at its top, where its name stands


class Group(NamedTuple):
    """A group: the group around it (-1: none), and the width of its name."""

    parent: int
    label: float


class _Level:
    """What is laid out together: the boxes, groups and ports directly inside one group."""

    def __init__(self) -> None:
        self.members: list[tuple[str, int]] = []  # ("box" or "group", which), ("in" or "out" port, of which source box)
        self.place: dict[tuple[str, int], int] = {}
        self.edges: list[tuple[int, int]] = []
        self.sources: list[int] = []  # of each edge: the box where its line begins
        self.known: dict[tuple[int, int, int], int] = {}
        self.laid: Layout | None = None

    def member(self, kind: str, which: int) -> int:
        """The place of a member, which is new if it was not there."""
        key = (kind, which)
        if key not in self.place:
            self.place[key] = len(self.members)
            self.members.append(key)
        return self.place[key]

    def edge(self, source: int, a: int, b: int, own: int) -> int:
        """The number of the edge from a to b that carries the lines of the box `source`; `own` tells apart two lines
        between the same boxes, where neither is a port or a group."""
        key = (source, b, own)
        if key not in self.known:
            self.known[key] = len(self.edges)
            self.edges.append((a, b))
            self.sources.append(source)
        return self.known[key]


def nested(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    groups: Sequence[Group] = (),
    inside: Sequence[int] = (),
) -> Layout:
    """Places for boxes as `layout` finds them, with a frame around the boxes of each group.

    inside: the group of each box (-1: none). A group comes after the one around it.
    Raises ValueError if the edges form a cycle, also among groups.

    >>> placed = nested([(40, 20)] * 2, [(0, 1)], [Group(-1, 30)], [-1, 0])
    >>> placed.frames[0]
    Box(x=32.0, y=87.0, width=64.0, height=66.0)
    """
    inside = inside or [-1] * len(sizes)
    levels = [_Level() for _ in range(len(groups) + 1)]  # the last, levels[-1], is the whole
    for i in range(len(sizes)):
        levels[inside[i]].member("box", i)
    used = set(inside)
    for g in range(len(groups) - 1, -1, -1):
        if g in used:
            used.add(groups[g].parent)
    for g, group in enumerate(groups):
        if g in used:
            levels[group.parent].member("group", g)
    routes = [_route(levels, groups, inside, source, target, n) for n, (source, target) in enumerate(edges)]

    size = [(0.0, 0.0)] * len(groups)
    for g in range(len(groups) - 1, -1, -1):  # the innermost first
        if g in used:
            _place(levels[g], sizes, size, levels)
            laid = levels[g].laid
            assert laid is not None
            size[g] = (max(laid.width, groups[g].label) + 2 * _PAD, laid.height + _HEAD + _PAD)
    whole = levels[-1]
    _place(whole, sizes, size, levels)
    assert whole.laid is not None

    corner: list[Point] = [(0.0, 0.0)] * (len(groups) + 1)  # of what is inside each group
    frames = [Box(0.0, 0.0, 0.0, 0.0)] * len(groups)
    for g, group in enumerate(groups):
        if g in used:
            level, (left, top) = levels[group.parent], corner[group.parent]
            assert level.laid is not None
            box = level.laid.boxes[level.place["group", g]]
            frames[g] = Box(box.x + left, box.y + top, box.width, box.height)
            corner[g] = (left + box.x + _slack(levels[g], box), top + box.y - box.height / 2 + _HEAD)
    boxes = []
    for i, own in enumerate(inside):
        level, (left, top) = levels[own], corner[own]
        assert level.laid is not None
        box = level.laid.boxes[level.place["box", i]]
        boxes.append(Box(box.x + left, box.y + top, box.width, box.height))
    lines = []
    for route in routes:
        line: list[Point] = []
        for g, number in route:
            laid, (left, top) = levels[g].laid, corner[g]
            assert laid is not None
            line += [(x + left, y + top) for x, y in laid.lines[number]]
        lines.append(line)
    return Layout(boxes, lines, whole.laid.width, whole.laid.height, frames)


def _slack(level: _Level, box: Box) -> float:
    """From the middle of a group's frame to the left of what is inside."""
    assert level.laid is not None
    return -level.laid.width / 2


def _route(
    levels: list[_Level], groups: Sequence[Group], inside: Sequence[int], source: int, target: int, number: int
) -> list[tuple[int, int]]:
    """The edges (group, which) of which the line from one box to another is made, from its start."""
    out, into = _around(groups, inside[source]), _around(groups, inside[target])
    while len(out) > 1 and len(into) > 1 and out[-2] == into[-2]:
        out.pop()
        into.pop()
    route = []
    at = ("box", source)
    for g in out[:-1]:
        level = levels[g]
        route.append((g, level.edge(source, level.member(*at), level.member("out", source), -1)))
        at = ("group", g)
    chain: list[int | None] = [*into[-2::-1], None]  # the groups to enter, the outermost first
    level_at = into[-1]
    for group in chain:
        level = levels[level_at]
        end = ("box", target) if group is None else ("group", group)
        own = number if group is None and at == ("box", source) else -1
        route.append((level_at, level.edge(source, level.member(*at), level.member(*end), own)))
        if group is not None:
            at, level_at = ("in", source), group
    return route


def _around(groups: Sequence[Group], g: int) -> list[int]:
    """A group and all around it, the outermost (-1, the whole) last."""
    found = [g]
    while g >= 0:
        g = groups[g].parent
        found.append(g)
    return found


def _place(
    level: _Level, sizes: Sequence[tuple[float, float]], group_size: list[tuple[float, float]], levels: list[_Level]
) -> None:
    """Lay out one group, all groups inside of which are laid out."""
    measures: list[tuple[float, float]] = []
    first = []
    for n, (kind, which) in enumerate(level.members):
        measures.append(sizes[which] if kind == "box" else group_size[which] if kind == "group" else (0.0, 0.0))
        if kind == "in":
            first.append(n)
    starts: list[float] = []
    ends: list[float | None] = []
    for (a, b), source in zip(level.edges, level.sources):
        starts.append(_port(level, a, "out", source, levels) or 0.0)
        ends.append(0.0 if level.members[b][0] == "out" else _port(level, b, "in", source, levels))
    level.laid = layout(measures, level.edges, starts, ends, first)


def _port(level: _Level, n: int, side: str, source: int, levels: list[_Level]) -> float | None:
    """Where along a group's edge the port of the box `source` is, from the middle; None if member n is no group."""
    kind, which = level.members[n]
    if kind != "group":
        return None
    inner = levels[which]
    assert inner.laid is not None
    return inner.laid.boxes[inner.place[side, source]].x - inner.laid.width / 2
