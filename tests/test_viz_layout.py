"""Boxes in frames in frames: nothing overlaps that does not belong together."""

from __future__ import annotations

import itertools
import random
import time
from pathlib import Path

import pytest

import microtorch as torch
from microtorch import nn, viz
from microtorch.viz.layout import Box, Layout, curve, layout
from microtorch.viz.nested import Group, nested
from microtorch.viz.style import MICROTORCH, frames, prepared
from microtorch.viz.svg import place

Graph = tuple[list[tuple[float, float]], list[tuple[int, int]], list[Group], list[int]]


def random_graph(seed: int) -> Graph:
    """Boxes in the order of execution; each group holds a stretch of them, as a module call does."""
    rng = random.Random(seed)
    count = rng.randint(1, 50)
    sizes = [(rng.uniform(20, 150), rng.choice([20.0, 40.0, 70.0])) for _ in range(count)]
    edges = [(rng.randrange(max(0, b - 12), b), b) for b in range(1, count) for _ in range(rng.randint(0, 3))]
    groups: list[Group] = []
    inside = [-1] * count

    def divide(parent: int, start: int, stop: int, depth: int) -> None:
        at = start
        while at < stop:
            end = min(stop, at + rng.randint(1, 12))
            if depth < 3 and rng.random() < 0.5:
                groups.append(Group(parent, rng.uniform(10, 200)))
                own = len(groups) - 1
                inside[at:end] = [own] * (end - at)
                divide(own, at, end, depth + 1)
            at = end

    divide(-1, 0, count, 0)
    return sizes, edges, groups, inside


def around(groups: list[Group], g: int) -> list[int]:
    found = []
    while g >= 0:
        found.append(g)
        g = groups[g].parent
    return found


def overlap(a: Box, b: Box) -> bool:
    return abs(a.x - b.x) < (a.width + b.width) / 2 - 0.01 and abs(a.y - b.y) < (a.height + b.height) / 2 - 0.01


def within(inner: Box, outer: Box) -> bool:
    return (
        abs(inner.x - outer.x) <= (outer.width - inner.width) / 2 + 0.01
        and abs(inner.y - outer.y) <= (outer.height - inner.height) / 2 + 0.01
    )


def check(graph: Graph, placed: Layout) -> None:
    sizes, edges, groups, inside = graph
    assert [(box.width, box.height) for box in placed.boxes] == sizes
    assert not [pair for pair in itertools.combinations(placed.boxes, 2) if overlap(*pair)]
    whole = Box(placed.width / 2, placed.height / 2, placed.width, placed.height)
    used = {g for own in inside for g in around(groups, own)}
    for box, own in zip(placed.boxes, inside, strict=True):
        mine = around(groups, own)
        assert within(box, whole)
        for g in used:
            assert within(box, placed.frames[g]) if g in mine else not overlap(box, placed.frames[g])
    for a, b in itertools.combinations(sorted(used), 2):
        if a in around(groups, b):
            assert within(placed.frames[b], placed.frames[a])
        else:
            assert not overlap(placed.frames[a], placed.frames[b])
    for g in used:
        assert placed.frames[g].width >= groups[g].label
    for (source, target), line in zip(edges, placed.lines, strict=True):
        first, last = placed.boxes[source], placed.boxes[target]
        assert line[0] == pytest.approx((first.x, first.y + first.height / 2))
        assert line[-1][1] == pytest.approx(last.y - last.height / 2)
        assert abs(line[-1][0] - last.x) < last.width / 2
        assert all(above[1] <= below[1] + 1e-6 for above, below in itertools.pairwise(line))
        foreign = used - set(around(groups, inside[source])) - set(around(groups, inside[target]))
        obstacles = [*placed.boxes, *(placed.frames[g] for g in foreign)]
        points = curve(line)
        for i in range(0, len(points) - 1, 3):  # a curve stays inside the box of its control points
            xs, ys = zip(*points[i : i + 4], strict=True)
            piece = Box((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, max(xs) - min(xs), max(ys) - min(ys))
            assert not [box for box in obstacles if overlap(piece, box)]


@pytest.mark.parametrize("seed", range(40))
def test_frames_hold_what_is_theirs_and_nothing_else(seed: int) -> None:
    graph = random_graph(seed)
    placed = nested(*graph)
    check(graph, placed)
    assert nested(*graph) == placed


def test_lines_into_and_out_of_frames_are_joined() -> None:
    """A line enters a frame where its outer part ends."""
    graph: Graph = ([(40, 20)] * 4, [(0, 1), (1, 3), (0, 2), (0, 1)], [Group(-1, 10), Group(0, 10)], [-1, 1, 0, -1])
    placed = nested(*graph)
    check(graph, placed)
    for line in placed.lines:
        jumps = [(a, b) for a, b in itertools.pairwise(line) if a[1] == b[1] and a[0] != b[0]]
        assert not jumps
    assert placed.lines[0] == placed.lines[3] or placed.lines[0][-1] != placed.lines[3][-1]


def test_straight_lines() -> None:
    """A chain stands in a column, and a long arrow beside it has no bends on its way."""
    count = 12
    edges = [(i, i + 1) for i in range(count - 1)] + [(0, count - 1)]
    placed = layout([(60.0, 20.0)] * count, edges)
    assert len({round(box.x, 3) for box in placed.boxes[1:-1]}) == 1
    assert len({round(x, 3) for x, _ in placed.lines[-1][2:-2]}) == 1


def test_groups_without_boxes_take_no_room() -> None:
    placed = nested([(40, 20)], [], [Group(-1, 30), Group(0, 30)], [-1])
    assert (placed.width, placed.height) == (40, 20)


def test_modules_that_need_each_other_go_without_frames() -> None:
    nodes = [viz.Node(i, "op", op="AddBackward0", scope=s, order=i) for i, s in enumerate("abab")]
    scopes = {s: viz.Scope(s, s, "M") for s in "ab"}
    graph = viz.Graph(nodes, [viz.Edge(i, i + 1) for i in range(3)], scopes)
    svg = viz.to_svg(graph)
    assert svg.count('class="node"') == 4
    assert 'class="cluster"' not in svg


def test_frames_of_a_model() -> None:
    net = nn.Sequential(nn.Sequential(nn.Linear(2, 3), nn.ReLU()), nn.Sequential(nn.Linear(3, 1), nn.Tanh()))
    graph = prepared(viz.graph(net, torch.ones(1, 2)), MICROTORCH)
    groups, inside = frames(graph)
    assert [group.label for group in groups] == ["0: Sequential", "1: Sequential"]
    assert {graph.nodes[i].label for i, g in enumerate(inside) if g == 1} == {
        "Linear",
        "Tanh",
        "1.0.weight",
        "1.0.bias",
    }
    svg = viz.to_svg(graph)
    assert svg.count('class="cluster"') == 2
    assert "0.weight" in svg and "1.0.weight" not in svg  # inside its frame the shorter name is enough
    assert len(place(graph).frames) == 2


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["chain", "blocks", "unrolled"])
def test_2000_nodes_are_drawn_in_five_seconds(kind: str, tmp_path: Path) -> None:
    x = torch.ones(2, 8, requires_grad=True)
    if kind == "chain":
        y = x
        for _ in range(2000):
            y = y + 2
        graph = viz.graph(y)
    elif kind == "blocks":
        blocks = [nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(60)]
        graph = viz.graph(nn.Sequential(*blocks), torch.ones(1, 3, 8))
    else:
        w, h = torch.ones(8, 8, requires_grad=True), x
        for _ in range(480):
            h = torch.tanh(h @ w + x) * w[0]
        graph = viz.graph(h)
    assert len(graph.nodes) >= 1800
    start = time.perf_counter()
    svg = viz.render(graph, tmp_path / "x.svg", fold=False).read_text()  # by the best means here
    assert time.perf_counter() - start < 5
    assert svg.count('class="node"') == len(graph.nodes)
