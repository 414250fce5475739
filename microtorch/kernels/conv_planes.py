"""The geometry of the compiled convolution (`kernels.compiled.conv`, where its idea stands), in three dimensions.

One and two dimensions get leading ones of size 1. Images are cut into *items*, along the first dimension that has more
than one place, so that an item's planes stay in the processor's second cache; threads share the items.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np

from microtorch.kernels import threads
from microtorch.kernels.scratch import scratch

Ints = tuple[int, ...]

_BLOCK_BYTES = 3 << 17  # of an item's planes
_LINE = 4096  # places of an item along all its rows
_UNFOLDING = 16  # what unfolding an element costs, in products
_SMALL = 16  # vectors of places up to which the gradient of the weight is that of unfolded images
_UNFOLDED_BYTES = 1 << 19  # of an item's unfolded matrix
_PART = 1 << 19  # products from which a part is worth a thread


def _three(values: Ints, filling: int) -> Ints:
    return (filling,) * (3 - len(values)) + tuple(values)


def _flat(index: Ints, shape: Ints) -> int:
    return (index[0] * shape[1] + index[1]) * shape[2] + index[2]


class _Planes:
    """How many places an item has and where its planes' elements are.

    count: places in each dimension; halo: by how much more of them a plane has; channels: of which an item has planes.
    """

    def __init__(self, n: int, count: Ints, halo: Ints, channels: int, itemsize: int, vector: int, parts: int) -> None:
        self.cut = next((d for d in range(3) if count[d] + halo[d] > 1), 2)
        along = count[self.cut]
        full = [c + h for c, h in zip(count, halo)]
        row = math.prod(full[self.cut + 1 :])
        fitting = _BLOCK_BYTES // (channels * itemsize * row) - halo[self.cut]
        # at least as many places as the halo, four rows, and for several threads four items each
        rows = max(1, min(fitting, _LINE // row), min(4, _LINE // row), halo[self.cut])
        if parts > 1 and n < 4 * parts:
            rows = max(min(rows, -(-along // -(-4 * parts // n))), min(4, along))
        blocks = -(-along // min(rows, along))
        self.rows = -(-along // blocks)
        full[self.cut] = halo[self.cut]
        self.shape = tuple(full)  # the plane's, of an item without places
        full[self.cut] += self.rows
        self.full = tuple(full)
        # what is read in whole vectors ends up to one vector and the halo of the later dimensions behind the plane
        behind = _flat(tuple(h if d > self.cut else 0 for d, h in enumerate(halo)), self.full) + vector
        self.plane = -(-(math.prod(full) + behind) // 16) * 16
        self.line = -(-math.prod((*full[: self.cut], self.rows, *full[self.cut + 1 :])) // vector) * vector
        self.edges = [(i * self.rows, min((i + 1) * self.rows, along)) for i in range(blocks)]


class _Small:
    """Images so small that whole vectors of places waste much: several are unfolded into one matrix.

    images: in an item; line: of the matrix, in elements; steps: where its lines begin, one for each tap. If images are
    not small, `steps` is empty and there is one image in an item.
    """

    def __init__(
        self, planes: _Planes, n: int, counts: list[Ints], taps: int, rows: int, most: int, itemsize: int, vector: int,
        parts: int,
    ) -> None:  # fmt: skip
        """counts: the places of each phase; taps: the most that one has; most: vectors in a line, about."""
        places = max(math.prod(c) for c in counts)
        most = max(1, min(most, _UNFOLDED_BYTES // (taps * itemsize * vector))) * vector // places

        def line(images: int) -> int:
            return -(-images * places // vector) * vector

        images = min(range(1, max(2, min(-(-n // parts), most) + 1)), key=lambda i: (line(i) / i, -i))
        self.images, self.line, self.steps = 1, planes.line, np.empty(0, np.int64)
        if len(planes.edges) == 1 and taps > 1 and (planes.line * images / line(images) - 1) * rows >= _UNFOLDING:
            self.images, self.line = images, line(images)
            # an odd number of vectors apart, so that a column's elements do not share a few places of the cache
            self.steps = np.arange(taps) * ((self.line // vector | 1) * vector)


class _Forward:
    """The geometry of `conv` and of `conv_weight`."""

    def __init__(
        self, x_shape: Ints, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int, out: Ints,
        itemsize: int, vector: int, parts: int,
    ) -> None:  # fmt: skip
        self.size, kernel, self.count = _three(x_shape[2:], 1), _three(w_shape[2:], 1), _three(out, 1)
        stride, padding, dilation = _three(stride, 1), _three(padding, 0), _three(dilation, 1)
        self.step = stride
        self.n, self.groups = x_shape[0], groups
        self.channels, self.rows = x_shape[1] // groups, w_shape[0] // groups
        halo = tuple(d * (k - 1) // s for k, s, d in zip(kernel, stride, dilation))
        starts = [sorted({t * d % s for t in range(k)}) for k, s, d in zip(kernel, stride, dilation)]
        phases = list(itertools.product(*starts))
        self.first = np.array([[a - p for a, p in zip(phase, padding)] for phase in phases])
        self.parts = len(phases)
        planes = self.planes = _Planes(
            self.n, self.count, halo, self.channels * self.parts, itemsize, vector, parts
        )  # fmt: skip
        at = []
        for tap in np.ndindex(*kernel):
            places = [t * d for t, d in zip(tap, dilation)]
            phase = phases.index(tuple(p % s for p, s in zip(places, stride)))
            at.append(phase * planes.plane + _flat(tuple(p // s for p, s in zip(places, stride)), planes.full))
        steps = np.arange(self.channels)[:, None] * (self.parts * planes.plane)
        self.offsets = (steps + np.array(at)).reshape(-1)
        self.phases = np.array([[0, 0, 0, *self.count, 0, self.offsets.size, 0]])
        columns = self.offsets.size + -self.offsets.size % 6  # as `correlate` takes them
        self.small = _Small(planes, self.n, [self.count], columns, self.rows, 12, itemsize, vector, parts)
        self.items = _items(planes, self.n, self.small.images)
        # for the weight: several images at once, so that sums of many products begin and end rarely
        self.of_weight = len(planes.edges) == 1 and math.prod(self.count) <= _SMALL * vector and self.rows >= vector
        channels, most = self.channels * self.parts * planes.plane, max(1, self.n // parts)
        held = 2 * _BLOCK_BYTES // (itemsize * (channels + self.rows * planes.line))
        if self.of_weight:
            held = _UNFOLDED_BYTES // (itemsize * columns * math.prod(self.count))
        self.pieces = max(1, min(held, most)) if len(planes.edges) == 1 else 1
        self.groups_of_images = _items(planes, self.n, self.pieces)


class _Backward:
    """The geometry of `conv_input`: for each phase of x the taps that read it, as a convolution of g."""

    def __init__(
        self, x_shape: Ints, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int, out: Ints,
        itemsize: int, vector: int, parts: int,
    ) -> None:  # fmt: skip
        self.size, kernel, count = _three(out, 1), _three(w_shape[2:], 1), _three(x_shape[2:], 1)
        self.step, padding, dilation = _three(stride, 1), _three(padding, 0), _three(dilation, 1)
        self.out_size = count
        self.n, self.groups = x_shape[0], groups
        self.channels, self.rows = w_shape[0] // groups, x_shape[1] // groups
        # for each dimension and phase: (its places, [(tap, how far in g from the place that tap reads)])
        phases = []
        for n, k, s, p, d in zip(count, kernel, self.step, padding, dilation):
            reading: list[tuple[int, list[tuple[int, int]]]] = [(len(range(a, n, s)), []) for a in range(min(s, n))]
            for tap in range(k):
                a = (tap * d - p) % s
                if a < len(reading):
                    reading[a][1].append((tap, (a + p - tap * d) // s))
            phases.append(reading)
        shifts = [[shift for _, taps in reading for _, shift in taps] or [0] for reading in phases]
        left = tuple(max(0, -min(s)) for s in shifts)
        halo = tuple(low + max(0, *s) for low, s in zip(left, shifts))
        most = tuple(reading[0][0] for reading in phases)
        planes = self.planes = _Planes(self.n, most, halo, self.channels, itemsize, vector, parts)
        self.first = np.array([[-low for low in left]])
        taps = math.prod(kernel)
        offsets: list[Any] = []
        table, self.orders, weights = [], [], 0
        filters = np.arange(self.channels)[:, None]
        for choice in itertools.product(*(enumerate(reading) for reading in phases)):
            chosen = list(itertools.product(*(taps for _, (_, taps) in choice)))
            order = [int(np.ravel_multi_index([tap for tap, _ in c], kernel)) for c in chosen]
            at = [_flat(tuple(low + shift for low, (_, shift) in zip(left, c)), planes.full) for c in chosen]
            self.orders.append((filters * (self.rows * taps) + np.array(order, np.int64)).reshape(-1))
            starts, counts = [a for a, _ in choice], [n for _, (n, _) in choice]
            table.append([*starts, *counts, sum(len(o) for o in offsets), len(order) * self.channels, weights])
            offsets.append((filters * planes.plane + np.array(at, np.int64)).reshape(-1))
            weights += len(order) * self.channels * self.rows * groups
        self.phases, self.offsets, self.taps = np.array(table), np.concatenate(offsets), taps
        places: list[Ints] = [tuple(row[3:6]) for row in table]
        most_taps = max(row[7] for row in table)
        self.small = _Small(planes, self.n, places, most_taps, self.rows, 12, itemsize, vector, parts)
        self.items = _items(planes, self.n, self.small.images)


def _items(planes: _Planes, n: int, images: int) -> Any:
    """(first image, end, first place, end)"""
    return np.array([(i, min(i + images, n), *edge) for i in range(0, n, images) for edge in planes.edges])


_forward = functools.lru_cache(maxsize=512)(_Forward)
_backward = functools.lru_cache(maxsize=512)(_Backward)
_nothing = {np.dtype(t): np.empty(0, t) for t in (np.float32, np.float64)}
_whole: Ints = (1, 1, 1)


def _flat_array(a: Any) -> Any:
    return np.ascontiguousarray(a).reshape(-1)


def _pointwise(kernel: Ints, stride: Ints, padding: Ints) -> bool:
    """Whether each place of the result is one of x: all its dimensions are then one long row."""
    return len(kernel) > 1 and all(k == s == 1 for k, s in zip(kernel, stride)) and not any(padding)


_ROW = (1,), (0,), (1,)  # stride, padding and dilation of one long row


def conv(
    fast: Any, x: Any, weight: Any, bias: Any, stride: Ints, padding: Ints, dilation: Ints, groups: int, size: Ints
) -> Any:
    """`kernels.conv.conv` by compiled code; nothing is empty."""
    dtype = x.dtype
    vector = fast.lanes(dtype.itemsize)
    if slides(x.shape, weight.shape, stride, groups):
        out_shape = (len(x), len(weight), *size)
        if _packs(size, weight.shape[2:], dilation, vector) and all(s == 1 for s in stride):
            return _slide_packed(fast, x, weight, bias, stride, padding, dilation, out_shape)
        return _slide(fast, x, weight, bias, stride, padding, dilation, out_shape, False)
    if _pointwise(weight.shape[2:], stride, padding) and x.shape[2:] == size:
        row, places = x.reshape(*x.shape[:2], -1), (math.prod(size),)
        out = conv(fast, row, weight.reshape(*weight.shape[:2], 1), bias, *_ROW, groups, places)
        return out.reshape(*out.shape[:2], *size)
    plan = _forward(
        x.shape, weight.shape, stride, padding, dilation, groups, size, dtype.itemsize, vector, threads.count()
    )
    out = np.empty((plan.n, len(weight), *size), dtype)
    packed = scratch("weights", weight.size, dtype)
    taps = plan.offsets.size
    fast.pack_weight(_flat_array(weight), _counting(taps), groups, plan.rows, plan.rows * taps, taps, packed)
    shift = _nothing[dtype] if bias is None else _flat_array(bias)
    _convolve(fast, plan, _flat_array(x), packed, shift, out.reshape(-1), plan.count, plan.step, _whole, plan.parts)
    return out


def conv_input(
    fast: Any, g: Any, weight: Any, x_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Any:
    """`kernels.conv.conv_input` by compiled code; nothing is empty."""
    dtype = g.dtype
    vector = fast.lanes(dtype.itemsize)
    if slides(x_shape, weight.shape, stride, groups) and len(weight) == groups:
        pads = tuple(d * (k - 1) - p for d, k, p in zip(dilation, weight.shape[2:], padding))
        if _packs(x_shape[2:], weight.shape[2:], dilation, vector) and all(s == 1 for s in stride) and min(pads) >= 0:
            turned = np.flip(weight, tuple(range(2, weight.ndim)))
            return _slide_packed(fast, g, turned, None, stride, pads, dilation, x_shape)
        return _slide(fast, g, weight, None, stride, padding, dilation, x_shape, True)
    if _pointwise(weight.shape[2:], stride, padding) and g.shape[2:] == x_shape[2:]:
        row, shape = g.reshape(*g.shape[:2], -1), (*x_shape[:2], math.prod(x_shape[2:]))
        return conv_input(fast, row, weight.reshape(*weight.shape[:2], 1), shape, *_ROW, groups).reshape(x_shape)
    plan = _backward(
        x_shape, weight.shape, stride, padding, dilation, groups, g.shape[2:], dtype.itemsize, vector, threads.count()
    )
    out = np.empty(x_shape, dtype)
    packed = scratch("weights", weight.size, dtype)
    flat, taps = _flat_array(weight), plan.taps
    for order, phase in zip(plan.orders, plan.phases):
        if order.size:
            step = plan.channels * plan.rows * taps
            fast.pack_weight(flat, order, groups, plan.rows, step, taps, packed[phase[8] :])
    _convolve(fast, plan, _flat_array(g), packed, _nothing[dtype], out.reshape(-1), plan.out_size, _whole, plan.step, 1)
    return out


@functools.lru_cache(maxsize=512)
def _counting(n: int) -> Any:
    return np.arange(n)


def _convolve(
    fast: Any, plan: Any, x: Any, packed: Any, bias: Any, out: Any, out_size: Ints, step: Ints, out_step: Ints,
    parts: int,
) -> None:  # fmt: skip
    planes, small = plan.planes, plan.small

    def work(items: Any) -> None:
        memory = scratch("planes", small.images * plan.channels * parts * planes.plane, x.dtype)
        unfolded = scratch("unfolded", small.steps.size * (small.line + fast.BYTES), x.dtype)
        y = scratch("y", fast.ROWS * small.line, x.dtype)
        fast.convolve(
            items, x, plan.size, plan.channels, packed, bias, out, out_size, plan.rows, plan.groups, planes.cut,
            planes.plane, planes.shape, plan.first, step, plan.offsets, plan.phases, out_step, small.steps,
            memory, unfolded, y,
        )  # fmt: skip

    threads.split(
        work, len(plan.items), plan.items, least=-(-_PART * len(plan.items) // max(out.size * plan.offsets.size, 1))
    )


def conv_weight(
    fast: Any, g: Any, x: Any, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Any:
    """`kernels.conv.conv_weight` by compiled code; nothing is empty."""
    dtype = x.dtype
    vector = fast.lanes(dtype.itemsize)
    if slides(x.shape, w_shape, stride, groups):
        if _packs(g.shape[2:], w_shape[2:], dilation, vector):
            return _slide_weight_packed(fast, g, x, w_shape, stride, padding, dilation)
        return _slide_weight(fast, g, x, w_shape, stride, padding, dilation)
    if _pointwise(w_shape[2:], stride, padding) and g.shape[2:] == x.shape[2:]:
        g, x = (a.reshape(*a.shape[:2], -1) for a in (g, x))
        return conv_weight(fast, g, x, (*w_shape[:2], 1), *_ROW, groups).reshape(w_shape)
    plan = _forward(
        x.shape, w_shape, stride, padding, dilation, groups, g.shape[2:], dtype.itemsize, vector, threads.count()
    )
    planes, taps, rows = plan.planes, plan.offsets.size, plan.rows
    small = plan.of_weight  # whether images are small
    places = math.prod(plan.count) * plan.pieces if small else 0
    multiple, height = (fast.ROWS, max(fast.ROWS, vector)) if small else (fast.COLUMNS, 4)
    columns, padded = -(-taps // multiple) * multiple, -(-rows // height) * height
    offsets = np.zeros(columns, np.int64)
    offsets[:taps] = plan.offsets
    g_rows, steps = np.empty(0, np.int64), np.empty(0, np.int64)
    if small:
        g_rows = np.minimum(_counting(-(-rows // fast.ROWS) * fast.ROWS), rows - 1) * math.prod(plan.count)
        steps = _counting(places) * padded
    g, x = _flat_array(g), _flat_array(x)
    sums: list[Any] = []

    def work(items: Any) -> None:
        memory = scratch("planes", plan.pieces * plan.channels * plan.parts * planes.plane + vector, dtype)
        unfolded = scratch("unfolded", (places + vector) * columns if small else 0, dtype)
        lines = scratch("lines", padded * (places + vector if small else plan.pieces * planes.line), dtype)
        out = np.zeros(groups * padded * columns, dtype)
        fast.correlate(
            items, g, plan.count, rows, x, plan.size, plan.channels, groups, planes.cut, planes.plane,
            planes.shape, plan.first, plan.step, offsets, g_rows, steps, memory, unfolded, lines, out,
        )  # fmt: skip
        sums.append((items[0, 0], items[0, 2], out))

    items = plan.groups_of_images
    threads.split(work, len(items), items, least=-(-_PART * len(items) // (g.size * taps)))
    sums.sort(key=lambda s: s[:2])
    total = sums[0][2]
    for _, _, more in sums[1:]:
        total += more
    if small:
        total = total.reshape(groups, columns, padded).swapaxes(1, 2)
    total = total.reshape(groups, padded, columns)[:, :rows, :taps]
    return np.ascontiguousarray(total).reshape(w_shape)


# one channel in a group ----------------------------------------------------------------------------------------------


def slides(x_shape: Ints, w_shape: Ints, stride: Ints, groups: int) -> bool:
    """Whether there is no matrix product to make of it: one channel in a group, and few kernels for it."""
    return w_shape[1] == 1 and groups > 1 and w_shape[0] <= 2 * groups and len(stride) <= 2 and stride[-1] <= 2


def _two(values: Ints, filling: int) -> Ints:
    return (filling,) * (2 - len(values)) + tuple(values)


@functools.lru_cache(maxsize=512)
def _pieces(size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, out: Ints, backward: bool) -> Any:
    """The rows of a plane of the result, as `slide_planes` takes them; backward: of x, given g.

    In each dimension a phase is (first place, places, first tap, the next's distance, taps, what the first tap reads
    for the first place, how far from that is what the next reads).
    """
    axes = []
    for n, o, k, s, p, d in zip(size, out, kernel, stride, padding, dilation):
        if not backward:
            axes.append([(0, o, 0, 1, k, -p, d)])
            continue
        phases = []
        for a in range(min(s, n)):  # the taps t of phase a, for which a + p - t d is a multiple of s
            taps = [t for t in range(k) if (a + p - t * d) % s == 0]
            shifts = [(a + p - t * d) // s for t in taps] or [0]
            tap_step, shift_step = (taps[1] - taps[0], shifts[1] - shifts[0]) if len(taps) > 1 else (1, 1)
            phases.append((a, len(range(a, n, s)), taps[0] if taps else 0, tap_step, len(taps), shifts[0], shift_step))
        axes.append(phases)
    in_size, out_size = (out, size) if backward else (size, out)
    in_step, out_step = ((1, 1), stride) if backward else (stride, (1, 1))
    pieces = []
    for (a0, n0, t0, d0, k0, r0, e0), (a1, n1, t1, d1, k1, r1, e1) in itertools.product(*axes):
        inside = [[t for t in range(k0) if 0 <= r0 + m * in_step[0] + t * e0 < in_size[0]] for m in range(n0)]
        for taps, places in itertools.groupby(range(n0), key=lambda m: inside[m]):
            lines = list(places)
            m, low = lines[0], taps[0] if taps else 0
            to = (a0 + m * out_step[0]) * out_size[1] + a1
            at = (r0 + m * in_step[0] + low * e0) * in_size[1]
            w = (t0 + low * d0) * kernel[1] + t1
            pieces.append(
                (to, out_step[0] * out_size[1], len(lines), n1, at, in_step[0] * in_size[1], e0 * in_size[1], len(taps),
                 r1, e1, w, d0 * kernel[1], d1, k1)
            )  # fmt: skip
    return np.array(pieces)


def _slide(
    fast: Any, x: Any, weight: Any, bias: Any, stride: Ints, padding: Ints, dilation: Ints, out_shape: Ints,
    backward: bool,
) -> Any:  # fmt: skip
    """The result (backward False), or given g instead of x its transpose."""
    channels, kernel, step = x.shape[1], _two(weight.shape[2:], 1), _two(stride, 1)
    out = np.empty(out_shape, x.dtype)
    in_size, out_size = _two(x.shape[2:], 1), _two(out_shape[2:], 1)
    sizes = (out_size, in_size) if backward else (in_size, out_size)
    pieces = _pieces(sizes[0], kernel, step, _two(padding, 0), _two(dilation, 1), sizes[1], backward)
    in_step, out_step = (1, step[1]) if backward else (step[1], 1)
    planes, multiplier = _counting(x.shape[0] * channels), len(weight) // channels
    shift = _nothing[x.dtype] if bias is None else _flat_array(bias)
    x, weight, flat = _flat_array(x), _flat_array(weight), out.reshape(-1)

    def work(items: Any) -> None:
        fast.slide_planes(
            items, x, math.prod(in_size), in_size[1], multiplier, channels, weight, math.prod(kernel), shift, flat,
            math.prod(out_size), in_step, out_step, pieces,
        )  # fmt: skip

    threads.split(work, len(planes), planes, least=-(-_PART * len(planes) // (out.size * math.prod(kernel))))
    return out


def _slide_weight(fast: Any, g: Any, x: Any, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Any:
    n, channels = x.shape[:2]
    size, g_size = _two(x.shape[2:], 1), _two(g.shape[2:], 1)
    kernel, step, between = _two(w_shape[2:], 1), _two(stride, 1), _two(dilation, 1)
    first = tuple(-p for p in _two(padding, 0))
    out = np.zeros(w_shape, g.dtype)
    g, x, flat = _flat_array(g), _flat_array(x), out.reshape(-1)

    def work(items: Any) -> None:
        fast.slide_weight(
            items, n, channels, len(out) // channels, g, g_size, x, size, kernel, step, first, between, flat
        )  # fmt: skip

    threads.split(work, channels, _counting(channels), least=-(-_PART * channels // (g.size * math.prod(kernel))))
    return out


_PACKED_BYTES = 1 << 15  # of some planes' memory
_TOGETHER = 8  # channels, and images, whose gradients of the weight are summed at a time


def _packs(places: Ints, kernel: Ints, dilation: Ints, vector: int) -> bool:
    """Whether planes are so small that the masks at their rows' edges cost more than copies with zeros around them."""
    around = math.prod(n + d * (k - 1) for n, k, d in zip(places, kernel, dilation))
    return len(places) > 1 and places[-1] < vector and around <= _LINE // 4


def _slide_packed(
    fast: Any, x: Any, weight: Any, bias: Any, stride: Ints, padding: Ints, dilation: Ints, out_shape: Ints
) -> Any:
    dtype, channels = x.dtype, x.shape[1]
    shape = (len(x), channels, *x.shape[2:])
    plan = _forward(
        shape, weight.shape, stride, padding, dilation, channels, out_shape[2:], dtype.itemsize,
        fast.lanes(dtype.itemsize), 1,
    )  # fmt: skip
    out = np.empty(out_shape, dtype)
    beyond = 12 * fast.lanes(dtype.itemsize)  # elements that are read or computed beyond the last place, at most
    size = plan.parts * plan.planes.plane
    block = max(1, _PACKED_BYTES // (dtype.itemsize * size))
    planes, shift = _counting(len(x) * channels), _nothing[dtype] if bias is None else _flat_array(bias)
    x, weight, flat = _flat_array(x), _flat_array(weight), out.reshape(-1)
    multiplier = out_shape[1] // channels

    def work(items: Any) -> None:
        memory = scratch("planes", block * size + beyond, dtype)
        y = scratch("y", block * (plan.planes.line + beyond), dtype)
        memory[...] = 0
        fast.slide_packed(
            items, x, plan.size, multiplier, channels, weight, shift, flat, plan.count, plan.first, plan.step,
            plan.planes.full, plan.planes.plane, plan.offsets, block, memory, y,
        )  # fmt: skip

    threads.split(work, len(planes), planes, least=-(-_PART * len(planes) // (out.size * plan.offsets.size)))
    return out


def _slide_weight_packed(fast: Any, g: Any, x: Any, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Any:
    dtype, (n, channels) = x.dtype, x.shape[:2]
    plan = _forward(
        x.shape, w_shape, stride, padding, dilation, channels, g.shape[2:], dtype.itemsize,
        fast.lanes(dtype.itemsize), 1,
    )  # fmt: skip
    multiplier, taps = w_shape[0] // channels, plan.offsets.size
    beyond = 12 * fast.lanes(dtype.itemsize)
    columns = -(-taps // fast.COLUMNS) * fast.COLUMNS
    offsets = np.zeros(columns, np.int64)
    offsets[:taps] = plan.offsets
    out = np.zeros((w_shape[0], columns), dtype)
    g, x, flat = _flat_array(g), _flat_array(x), out.reshape(-1)
    held = min(n, _TOGETHER) * min(channels, _TOGETHER)

    def work(items: Any) -> None:
        memory = scratch("planes", held * plan.parts * plan.planes.plane + beyond, dtype)
        lines = scratch("lines", held * multiplier * plan.planes.line + beyond, dtype)
        memory[...] = 0
        lines[...] = 0
        fast.weigh_packed(
            items, n, channels, multiplier, g, plan.count, x, plan.size, plan.first, plan.step,
            plan.planes.full, plan.planes.plane, offsets, _TOGETHER, memory, lines, flat,
        )  # fmt: skip

    threads.split(work, channels, _counting(channels), least=-(-_PART * channels // (g.size * taps)))
    return np.ascontiguousarray(out[:, :taps]).reshape(w_shape)
