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
_GAP_PORTS = 12.0  # to a row that has no boxes, only ends of lines
_LANE, _GAP_LANES = 6.0, 10.0  # the width of an arrow that passes a row, and the gap between two
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
    frames: Sequence[Box] = ()  # around the boxes of each group (nested.py)


def layout(
    sizes: Sequence[tuple[float, float]],
    edges: Sequence[tuple[int, int]],
    starts: Sequence[float] = (),
    ends: Sequence[float | None] = (),
    first: Sequence[int] = (),
) -> Layout:
    """Places for boxes of the given (width, height) joined by edges (from, to), which point down.

    A line starts below its first box, ends above its last, and is vertical wherever it passes a row.
    starts: where along its first box each line starts, from the middle. ends: the same for its last box; None for
    where there is room. first: boxes that must be in the first row (nothing leads to them).
    Raises ValueError if the edges form a cycle.

    >>> placed = layout([(40, 20), (40, 20), (60, 20)], [(0, 2), (1, 2)])
    >>> [(box.x, box.y) for box in placed.boxes]
    [(20.0, 10.0), (78.0, 10.0), (49.0, 64.0)]
    """
    starts = starts or [0.0] * len(edges)
    ends = ends or [None] * len(edges)
    rows = _rows(len(sizes), edges, first)
    members, lanes = _members(rows, edges, starts)
    up, down, shift = _neighbours(members, edges, lanes, starts, ends)
    _order(members, up, down)
    widths = [w for w, _ in sizes] + [_LANE] * (len(up) - len(sizes))
    x = _columns(members, up, down, shift, widths, len(sizes))
    heights = [max((sizes[i][1] for i in row if i < len(sizes)), default=0.0) for row in members]
    tops = [0.0]
    for row, height in enumerate(heights):
        ports = not height or (row + 1 < len(heights) and not heights[row + 1])  # a row of ports alone needs no room
        tops.append(tops[-1] + height + (_GAP_PORTS if ports else _GAP_Y))
    led_to = {target for _, target in edges}
    boxes = []
    for i, (w, h) in enumerate(sizes):  # what nothing leads to stands near to what it leads to
        spare = heights[rows[i]] - h
        boxes.append(Box(x[i], tops[rows[i]] + h / 2 + (spare / 2 if i in led_to else spare), w, h))
    lines = _lines(boxes, edges, starts, ends, rows, lanes, x, tops, heights)
    right = max((x[i] + widths[i] / 2 for row in members for i in row), default=0.0)
    return Layout(boxes, lines, right, tops[len(heights) - 1] + heights[-1] if members else 0.0)


def lanes_needed(count: int, edges: Sequence[tuple[int, int]]) -> int:
    """How many rows the edges pass on their way, all together: what a layout has to find room for.

    >>> lanes_needed(3, [(0, 1), (1, 2), (0, 2)])
    1
    """
    rows = _rows(count, edges, ())
    return sum(rows[target] - rows[source] - 1 for source, target in edges)


def _rows(count: int, edges: Sequence[tuple[int, int]], first: Sequence[int]) -> list[int]:
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
    for i in first:
        height[i] = highest
    return [highest - h for h in height]


_Lanes = dict[tuple[int, float], list[int]]  # by the box that an arrow comes from, and where along it


def _members(
    rows: list[int], edges: Sequence[tuple[int, int]], starts: Sequence[float]
) -> tuple[list[list[int]], _Lanes]:
    """Who is in each row: boxes, and lanes for arrows that pass; and the lanes of each box, from the top.

    All arrows from one place share its lanes, as far as they go the same way.
    """
    members: list[list[int]] = [[] for _ in range(max(rows, default=-1) + 1)]
    for i, row in enumerate(rows):
        members[row].append(i)
    lowest: dict[tuple[int, float], int] = {}
    for (source, target), start in zip(edges, starts):
        lowest[source, start] = max(lowest.get((source, start), 0), rows[target])
    lanes: _Lanes = {}
    count = len(rows)
    for key, row in lowest.items():
        passed = range(rows[key[0]] + 1, row)
        lanes[key] = list(range(count, count + len(passed)))
        count += len(passed)
        if count - len(rows) > _MOST_LANES:
            raise ValueError(
                "the graph has too many long arrows for the built-in layout: fold repeated blocks (fold=True), or draw "
                "modules as single boxes (depth=1)"
            )
        for lane, row_passed in zip(lanes[key], passed):
            members[row_passed].append(lane)
    return members, lanes


def _neighbours(
    members: list[list[int]],
    edges: Sequence[tuple[int, int]],
    lanes: _Lanes,
    starts: Sequence[float],
    ends: Sequence[float | None],
) -> tuple[list[list[int]], list[list[int]], dict[tuple[int, int], float]]:
    """For each box and lane, what it is joined to in the row above and in the row below.

    And for pairs (above, below) how far right of the upper one's middle the lower one's should be, if that is not 0.
    """
    count = sum(map(len, members))
    row_of = {i: row for row, inside in enumerate(members) for i in inside}
    up: list[list[int]] = [[] for _ in range(count)]
    down: list[list[int]] = [[] for _ in range(count)]
    shift: dict[tuple[int, int], float] = {}
    pairs = []
    for (source, start), mine in lanes.items():
        pairs += [(a, b) for a, b in zip([source, *mine], mine)]
        if mine and start:
            shift[source, mine[0]] = start
    for (source, target), start, end in zip(edges, starts, ends):
        steps = row_of[target] - row_of[source] - 1
        above = lanes[source, start][steps - 1] if steps else source
        pairs.append((above, target))
        offset = (0.0 if steps else start) - (end or 0.0)
        if offset:
            shift[above, target] = offset
    for a, b in pairs:
        down[a].append(b)
        up[b].append(a)
    return up, down, shift


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
    members: list[list[int]],
    up: list[list[int]],
    down: list[list[int]],
    shift: dict[tuple[int, int], float],
    widths: list[float],
    count: int,
) -> list[float]:
    """The x of each box and lane: straight lines above all, never nearer to those beside it than the gap.

    The method is Brandes and Koepf's (2002): members are aligned with the middle one of their neighbours, upwards or
    downwards, from the left or from the right; of the four places that each gets so, the mean of the two inner ones.
    """
    crossed = _crossed_lanes(members, up, count)
    four = []
    for neighbours, rows in ((up, members), (down, members[::-1])):
        for side in (1, -1):  # from the left, from the right
            ordered = rows if side == 1 else [row[::-1] for row in rows]
            root, offset = _aligned(ordered, neighbours, shift, crossed, neighbours is up, len(widths), count)
            if side == -1:
                offset = [-value for value in offset]
            x = _compacted(ordered, root, offset, widths, count)
            four.append(x if side == 1 else [-value for value in x])
    spans = []
    for x in four:
        low = min((value - w / 2 for value, w in zip(x, widths)), default=0.0)
        high = max((value + w / 2 for value, w in zip(x, widths)), default=0.0)
        spans.append((high - low, low, high))
    _, low, high = min(spans)
    for i, (_, own_low, own_high) in enumerate(spans):
        move = low - own_low if i % 2 == 0 else high - own_high
        four[i] = [value + move for value in four[i]]
    places = []
    for values in zip(*four):
        _, second, third, _ = sorted(values)
        places.append((second + third) / 2)
    left = min((value - w / 2 for value, w in zip(places, widths)), default=0.0)
    return [value - left for value in places]


def _crossed_lanes(members: list[list[int]], up: list[list[int]], count: int) -> set[tuple[int, int]]:
    """The short arrows (above, below) that cross a piece of a lane: they must give way to it."""
    crossed = set()
    for above, below in pairwise(members):
        place = {i: n for n, i in enumerate(above)}
        left, waiting = 0, 0
        for n, i in enumerate(below):
            lane = next((j for j in up[i] if j >= count), None) if i >= count else None
            if lane is None and n < len(below) - 1:
                continue
            right = len(above) if lane is None else place[lane]
            for k in below[waiting : n + 1]:
                for j in up[k]:
                    if not left <= place[j] <= right and not (j >= count and k >= count):
                        crossed.add((j, k))
            waiting, left = n + 1, right
    return crossed


def _aligned(
    rows: list[list[int]],
    neighbours: list[list[int]],
    shift: dict[tuple[int, int], float],
    crossed: set[tuple[int, int]],
    downwards: bool,
    size: int,
    count: int,
) -> tuple[list[int], list[float]]:
    """Blocks of members that stand above each other: for each member the first of its block, and how far right of it.

    Every row may look back at the one before it; a member joins the block of its middle neighbour there, a lane that
    of the lane that it continues.
    """
    root, offset = list(range(size)), [0.0] * size
    before: dict[int, int] = {}
    for row in rows:
        taken = -1
        for i in row:
            near = [j for j in neighbours[i] if j >= count] if i >= count else []
            near = near or sorted(neighbours[i], key=before.__getitem__)
            for j in near[(len(near) - 1) // 2 : len(near) // 2 + 1] if near else ():
                pair = (j, i) if downwards else (i, j)
                if root[i] == i and taken < before[j] and pair not in crossed:
                    root[i], taken = root[j], before[j]
                    offset[i] = offset[j] + (shift.get(pair, 0.0) if downwards else -shift.get(pair, 0.0))
        before = {i: n for n, i in enumerate(row)}
    return root, offset


def _compacted(
    rows: list[list[int]], root: list[int], offset: list[float], widths: list[float], count: int
) -> list[float]:
    """The places of the blocks, as far left as they can be, and then as near to the next block as they can be."""
    after: dict[int, dict[int, float]] = {i: {} for i in range(len(widths)) if root[i] == i}
    waiting = dict.fromkeys(after, 0)
    for row in rows:
        for a, b in pairwise(row):
            gap = _GAP_LANES if a >= count and b >= count else _GAP_X
            apart = (widths[a] + widths[b]) / 2 + gap + offset[a] - offset[b]
            known = after[root[a]].get(root[b])
            if known is None:
                waiting[root[b]] += 1
            if known is None or known < apart:
                after[root[a]][root[b]] = apart
    x = dict.fromkeys(after, 0.0)
    order: list[int] = []
    ready = [block for block, number in waiting.items() if not number]
    while ready:
        block = ready.pop()
        order.append(block)
        for other, apart in after[block].items():
            x[other] = max(x[other], x[block] + apart)
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    for block in reversed(order):
        if after[block]:
            x[block] = max(x[block], min(x[other] - apart for other, apart in after[block].items()))
    return [x[root[i]] + offset[i] for i in range(len(widths))]


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


def _lines(
    boxes: list[Box],
    edges: Sequence[tuple[int, int]],
    starts: Sequence[float],
    ends: Sequence[float | None],
    rows: list[int],
    lanes: _Lanes,
    x: list[float],
    tops: list[float],
    heights: list[float],
) -> list[list[Point]]:
    """The points of each edge: down from its box, through the lanes of the rows that it passes, to its end."""
    lines: list[list[Point]] = []
    arriving: list[list[int]] = [[] for _ in boxes]
    trunks: dict[tuple[int, float], tuple[list[Point], list[int]]] = {}
    for number, (source, target) in enumerate(edges):
        box, row, start = boxes[source], rows[source], starts[number]
        mine = lanes.get((source, start), [])
        if (source, start) not in trunks:
            trunks[source, start] = _trunk((box.x + start, box.y + box.height / 2), row, mine, x, tops, heights)
        points, counts = trunks[source, start]
        passed = rows[target] - row - 1
        end = (x[mine[passed - 1]] if passed else box.x + start, tops[row + passed] + heights[row + passed])
        lines.append([*points[: counts[passed]], end])
        arriving[target].append(number)
    for target, numbers in enumerate(arriving):  # spread the ends over the box's top, in the order that they come from
        box = boxes[target]
        step = min(12.0, box.width / (len(numbers) + 1))
        for n, number in enumerate(sorted(numbers, key=lambda number: lines[number][-1][0])):
            own = ends[number]
            across = box.x + ((n - (len(numbers) - 1) / 2) * step if own is None else own)
            lines[number] += [(across, tops[rows[target]]), (across, box.y - box.height / 2)]
    return lines


def _trunk(
    start: Point, row: int, mine: list[int], x: list[float], tops: list[float], heights: list[float]
) -> tuple[list[Point], list[int]]:
    """What all lines from one place share: the points where they bend, and how many those are after so many lanes."""
    points, counts = [start], [1]
    at = start[0]
    for r, lane in enumerate(mine, row + 1):
        if x[lane] != at:
            points += [(at, tops[r - 1] + heights[r - 1]), (x[lane], tops[r])]
            at = x[lane]
        counts.append(len(points))
    return points, counts
