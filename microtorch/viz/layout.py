"""A layered layout in plain Python: boxes and arrows get their places, top to bottom, where no program can do it.

The method is Sugiyama, Tagawa and Toda's (1981), as in Graphviz: put every box in a row, order the rows so that few
arrows cross, then choose the columns. An arrow that passes a row gets a place of its own there, so it crosses no box.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]

_GAP_X, _GAP_Y = 18.0, 34.0  # between boxes of a row, and between rows
_LANE = 6.0  # the width of an arrow that passes a row
_SWEEPS = 8
_MOST_LANES = 200_000


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle by its centre."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Layout:
    """The boxes in the order given, the points of each edge's line in the order given, and the size of the whole."""

    boxes: list[Box]
    lines: list[list[Point]]
    width: float
    height: float


def layout(sizes: Sequence[tuple[float, float]], edges: Sequence[tuple[int, int]]) -> Layout:
    """Places for boxes of the given (width, height) joined by edges (from, to), which point down.

    A line starts below its first box, ends above its last, and is vertical wherever it passes a row.
    Raises ValueError if the edges form a cycle.

    >>> placed = layout([(40, 20), (40, 20), (60, 20)], [(0, 2), (1, 2)])
    >>> [(box.x, box.y) for box in placed.boxes]
    [(20.0, 10.0), (78.0, 10.0), (49.0, 64.0)]
    """
    rows = _rows(len(sizes), edges)
    members, lanes = _members(rows, edges)
    up, down = _neighbours(members, edges, lanes)
    _order(members, up, down)
    widths = [w for w, _ in sizes] + [_LANE] * (len(up) - len(sizes))
    x = _columns(members, up, down, widths, len(sizes))
    heights = [max((sizes[i][1] for i in row if i < len(sizes)), default=0.0) for row in members]
    tops = [0.0]
    for height in heights:
        tops.append(tops[-1] + height + _GAP_Y)
    boxes = [Box(x[i], tops[rows[i]] + heights[rows[i]] / 2, *size) for i, size in enumerate(sizes)]
    lines = _lines(boxes, edges, rows, lanes, x, tops, heights)
    right = max((x[i] + widths[i] / 2 for row in members for i in row), default=0.0)
    return Layout(boxes, lines, right, tops[-1] - _GAP_Y if members else 0.0)


def lanes_needed(count: int, edges: Sequence[tuple[int, int]]) -> int:
    """How many rows the edges pass on their way, all together: what a layout has to find room for.

    >>> lanes_needed(3, [(0, 1), (1, 2), (0, 2)])
    1
    """
    rows = _rows(count, edges)
    return sum(rows[target] - rows[source] - 1 for source, target in edges)


def _rows(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """The row of each box, counted from the top: as low as it can be above everything that it leads to."""
    sources: list[list[int]] = [[] for _ in range(count)]
    left = [0] * count
    for source, target in edges:
        sources[target].append(source)
        left[source] += 1
    height = [0] * count  # the longest way down to an end
    ready = [i for i in range(count) if not left[i]]
    done = 0
    while ready:
        target = ready.pop()
        done += 1
        for source in sources[target]:
            height[source] = max(height[source], height[target] + 1)
            left[source] -= 1
            if not left[source]:
                ready.append(source)
    if done < count:
        raise ValueError("the edges form a cycle: there is no top and bottom to draw")
    highest = max(height, default=0)
    return [highest - h for h in height]


def _members(rows: list[int], edges: Sequence[tuple[int, int]]) -> tuple[list[list[int]], dict[int, list[int]]]:
    """Who is in each row: boxes, and lanes for arrows that pass; and the lanes of each box, from the top.

    All arrows from one box share its lanes, as far as they go the same way.
    """
    members: list[list[int]] = [[] for _ in range(max(rows, default=-1) + 1)]
    for i, row in enumerate(rows):
        members[row].append(i)
    lowest: dict[int, int] = {}
    for source, target in edges:
        lowest[source] = max(lowest.get(source, 0), rows[target])
    lanes: dict[int, list[int]] = {}
    count = len(rows)
    for source, row in lowest.items():
        passed = range(rows[source] + 1, row)
        lanes[source] = list(range(count, count + len(passed)))
        count += len(passed)
        if count - len(rows) > _MOST_LANES:
            raise ValueError("the graph has too many long arrows for the built-in layout")
        for lane, row_passed in zip(lanes[source], passed):
            members[row_passed].append(lane)
    return members, lanes


def _neighbours(
    members: list[list[int]], edges: Sequence[tuple[int, int]], lanes: dict[int, list[int]]
) -> tuple[list[list[int]], list[list[int]]]:
    """For each box and lane, what it is joined to in the row above and in the row below."""
    count = sum(map(len, members))
    row_of = {i: row for row, inside in enumerate(members) for i in inside}
    up: list[list[int]] = [[] for _ in range(count)]
    down: list[list[int]] = [[] for _ in range(count)]
    pairs = [(a, b) for source, mine in lanes.items() for a, b in zip([source, *mine], mine)]
    for source, target in edges:
        steps = row_of[target] - row_of[source] - 1
        pairs.append((lanes[source][steps - 1] if steps else source, target))
    for a, b in pairs:
        down[a].append(b)
        up[b].append(a)
    return up, down


def _order(members: list[list[int]], up: list[list[int]], down: list[list[int]]) -> None:
    """Order every row, in place: each member moves to the mean place of its neighbours, a row at a time."""
    best, fewest = [list(row) for row in members], _crossings(members, down)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        downwards = sweep % 2 == 0
        order, joined = (members[1:], up) if downwards else (members[-2::-1], down)
        before = members[0] if downwards else members[-1]
        for row in order:
            place = {i: n for n, i in enumerate(before)}
            own = {i: n for n, i in enumerate(row)}
            # one without neighbours stays where it is
            mean = {i: sum(place[j] for j in joined[i]) / len(joined[i]) if joined[i] else own[i] for i in row}
            row.sort(key=lambda i: mean[i])
            before = row
        crossings = _crossings(members, down)
        if crossings < fewest:
            best, fewest = [list(row) for row in members], crossings
    members[:] = best


def _crossings(members: list[list[int]], down: list[list[int]]) -> int:
    """How many pairs of arrows cross between neighbouring rows."""
    crossings = 0
    for above, below in pairwise(members):
        place = {i: n for n, i in enumerate(below)}
        ends: list[int] = []  # of the arrows that start further left, sorted
        for i in above:
            new = [place[j] for j in down[i]]
            crossings += sum(len(ends) - bisect_right(ends, end) for end in new)
            for end in new:
                insort(ends, end)
    return crossings


def _columns(
    members: list[list[int]], up: list[list[int]], down: list[list[int]], widths: list[float], count: int
) -> list[float]:
    """The x of each box and lane: near the mean of its neighbours, never nearer to those beside it than the gap."""
    x = [0.0] * len(widths)
    for row in members:
        right = 0.0
        for i in row:
            x[i] = right + widths[i] / 2
            right += widths[i] + _GAP_X
    both = [a + b for a, b in zip(up, down)]
    pull = [1.0 if len(joined) > 1 else 0.1 for joined in both]  # what hangs on one arrow follows, and does not drag
    rounds = [(members, up), (members[::-1], down)] * (_SWEEPS // 2) + [(members, both)]
    for order, joined in rounds:
        for row in order:
            pulls = [sum(pull[j] for j in joined[i]) for i in row]
            wanted = [sum(x[j] * pull[j] for j in joined[i]) / p if p else x[i] for i, p in zip(row, pulls)]
            weights = [1.0 if i < count else 4.0 for i in row]  # a bent lane looks worse than a box off its middle
            for i, place in zip(row, _apart(wanted, weights, [widths[i] for i in row])):
                x[i] = place
    left = min((x[i] - widths[i] / 2 for row in members for i in row), default=0.0)
    return [value - left for value in x]


def curve(points: Sequence[Point]) -> list[Point]:
    """A line as cubic Bezier curves: its start, then two control points and an end for every piece.

    A piece that is not vertical leaves and arrives vertically.

    >>> curve([(0, 0), (0, 10), (8, 20)])
    [(0, 0), (0, 5.0), (0, 5.0), (0, 10), (0, 15.0), (8, 15.0), (8, 20)]
    """
    result = [points[0]]
    for x, y in points[1:]:
        before, above = result[-1]
        if (before, above) != (x, y):  # a piece without length has no direction for an arrow head to take
            middle = (above + y) / 2
            result += [(before, middle), (x, middle), (x, y)]
    return result


def _apart(wanted: list[float], weights: list[float], widths: list[float]) -> list[float]:
    """The places nearest to the wanted ones (least squares) that keep order and gaps: pooling adjacent violators."""
    offsets = [0.0]  # from the first in the row, if all stood as close as they may
    for a, b in pairwise(widths):
        offsets.append(offsets[-1] + (a + b) / 2 + _GAP_X)
    pools: list[tuple[float, float, int]] = []  # mean, weight, number: a run that stands close together
    for want, weight, offset in zip(wanted, weights, offsets):
        mean, number = want - offset, 1
        while pools and pools[-1][0] > mean:
            other, mass, others = pools.pop()
            mean, weight, number = (mean * weight + other * mass) / (weight + mass), weight + mass, number + others
        pools.append((mean, weight, number))
    means = [mean for mean, _, number in pools for _ in range(number)]
    return [mean + offset for mean, offset in zip(means, offsets)]


def _lines(
    boxes: list[Box],
    edges: Sequence[tuple[int, int]],
    rows: list[int],
    lanes: dict[int, list[int]],
    x: list[float],
    tops: list[float],
    heights: list[float],
) -> list[list[Point]]:
    """The points of each edge: down from its box, through the lanes of the rows that it passes, to its end."""
    lines: list[list[Point]] = []
    arriving: list[list[int]] = [[] for _ in boxes]
    for number, (source, target) in enumerate(edges):
        box, row = boxes[source], rows[source]
        line = [(box.x, box.y + box.height / 2), (box.x, tops[row] + heights[row])]
        passed = lanes.get(source, [])[: rows[target] - row - 1]
        for r, lane in enumerate(passed, row + 1):
            line += [(x[lane], tops[r]), (x[lane], tops[r] + heights[r])]
        lines.append(line)
        arriving[target].append(number)
    for target, numbers in enumerate(arriving):  # spread the ends over the box's top, in the order that they come from
        box = boxes[target]
        step = min(12.0, box.width / (len(numbers) + 1))
        for n, number in enumerate(sorted(numbers, key=lambda number: lines[number][-1][0])):
            end = box.x + (n - (len(numbers) - 1) / 2) * step
            lines[number] += [(end, tops[rows[target]]), (end, box.y - box.height / 2)]
    return lines
