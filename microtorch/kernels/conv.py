"""Convolution in any number of dimensions, by matrix products (BLAS) over unfolded blocks of the input.

x (N, C, *S), weight (O, C / groups, *K), result (N, O, *out). The input is cut
into phases (`kernels.conv_phases`), of which a tap reads the output's places one after the other, from some shift on.
The unfolded matrix (C * taps, places) of a few images is so a strided view of a phase, copied at once.

Three ways to lay out the places:

- by image: the output's places, row by row, a matrix for each image; the product is written where it belongs at once;
- merged: the same, but one matrix for several (small) images;
- flat (`kernels.conv_flat`): as merged, but with rows as long as the phase's rows. What a tap reads is then one piece
  of memory for all images, at the price of computing some places too many at each row's end, which are cut off.

Images of few places are multiplied place by place (`kernels.conv_places`), depthwise ones by bands of rows
(`kernels.conv_bands`). Kernels of 3x3 with many channels do with half the products: `kernels.winograd`.

The three functions are each other's derivatives: forward, its transpose in x, its transpose in weight.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from microtorch.kernels import (
    blas,
    conv_bands,
    conv_flat,
    conv_last,
    conv_places,
    conv_planes,
    conv_shifts,
    products,
    reduce,
    threads,
    twins,
    winograd,
)
from microtorch.kernels.conv_phases import phases
from microtorch.kernels.half import in_single
from microtorch.kernels.pointwise import quiet
from microtorch.kernels.scratch import scratch

Ints = tuple[int, ...]

_BLOCK_BYTES = 1 << 21  # of the unfolded matrix and the product
_FEW = 63  # places of an image, up to which they are no rows of a matrix of their own
_PART = 1 << 21  # products from which a part is worth a thread
_RUN = 4096  # numbers whose squares are summed at a time
_FOLDING = 1.08  # times that of the convolution the gradient of x takes


def output_size(size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Ints:
    """The spatial size of a convolution's result."""
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(size, kernel, stride, padding, dilation)
    )


class _Plan:
    """The geometry of one convolution."""

    def __init__(
        self, x_shape: Ints, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int, out: Ints | None
    ) -> None:  # fmt: skip
        self.n, self.c, size = x_shape[0], x_shape[1], x_shape[2:]
        self.o, kernel, self.groups = w_shape[0], w_shape[2:], groups
        self.out = output_size(size, kernel, stride, padding, dilation) if out is None else out
        self.phase_size = tuple(o + d * (k - 1) // s for o, k, d, s in zip(self.out, kernel, dilation, stride))
        self.taps = math.prod(kernel)
        self.k = self.c // groups * self.taps  # rows of the unfolded matrix, in each group
        self.phases, self.order = phases(size, kernel, stride, padding, dilation, self.phase_size)
        inside = sum(math.prod(len(range(*s.indices(n))) for s, n in zip(p.outer, size)) for p in self.phases)
        self.covers = inside == math.prod(size)  # every element of the input is in some phase
        # the input is its only phase
        self.direct = self.phase_size == size and all(s == 1 for s in stride) and not any(padding)
        pointwise = self.direct and self.taps == 1
        self.pointwise = pointwise and math.prod(self.out) > _FEW and (groups == 1 or w_shape[1] > 1)
        self.few = pointwise and math.prod(self.out) <= _FEW and groups == 1
        self.by_image = math.prod(self.out) >= 128
        self.row = math.prod(self.out[1:])  # places in one row
        self.strides = tuple(math.prod(self.phase_size[i + 1 :]) for i in range(len(size)))  # of a phase, in elements
        self.flat: conv_flat.Flat | None = None
        self.folding: conv_flat.Flat | None = None
        self.last: conv_last.Last | None = None
        self.last_backward: conv_last.Last | None = None
        self.shifts: conv_shifts.Shifts | None = None
        several = self.n * self.o * self.k > 0 and math.prod(self.out) > 1
        if several:
            flat = conv_flat.Flat(x_shape, w_shape, stride, padding, dilation, groups, self.out)
            self.flat, self.folding = flat if flat.pays else None, flat if flat.folds else None
            if groups == 1 and self.taps > 1:
                self._last(x_shape, w_shape, stride, padding, dilation, flat.time_of_images)
        self.by_place: conv_places.Places | None = None
        if groups == 1 and len(size) == 2 and several:
            places = conv_places.Places(x_shape, w_shape, stride, padding, dilation, self.out)
            self.by_place = places if places.pays else None
        self.bands: conv_bands.Bands | None = None
        self.bands_backward, self.bands_weight = self.bands, self.bands
        if w_shape[1] == 1 < groups and several:
            self.shifts = conv_shifts.Shifts(x_shape, w_shape, stride, padding, dilation, groups, self.out)
            if len(size) == 2:
                bands = conv_bands.Bands(x_shape, w_shape, stride, padding, dilation, self.out)
                self.bands = bands if bands.time < self.shifts.time else None
                self.bands_backward = bands if bands.time_backward < self.shifts.time_backward else None
                self.bands_weight = bands if bands.time_weight < self.shifts.time_weight else None
        row_bytes = 4 * (self.k * groups + (0 if self.by_image else self.o)) * self.row
        self.rows = max(1, min(self.out[0], _BLOCK_BYTES // max(row_bytes, 1)))  # rows of the output at a time
        whole = self.rows == self.out[0]
        self.images = max(1, min(self.n, _BLOCK_BYTES // max(row_bytes * self.rows, 1))) if whole else 1  # and images

    def _last(
        self, x_shape: Ints, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, time: float
    ) -> None:  # fmt: skip
        """Take images channels last if that is faster than what another way is estimated to take, which it exceeds on
        short rows."""
        time *= 1.05 + 2 / self.out[-1]
        last = conv_last.Last(x_shape, w_shape, stride, padding, dilation, self.out, False)
        self.last = last if last.time < time else None
        if all(s == 1 or d == 1 for s, d in zip(stride, dilation)):
            last = conv_last.Last(x_shape, w_shape, stride, padding, dilation, self.out, True)
            self.last_backward = last if last.time < _FOLDING * time else None

    def blocks(self, first: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """(first image, end, first row, end) of each block of some images."""
        for i in range(first, end, self.images):
            for r in range(0, self.out[0], self.rows):
                yield i, min(i + self.images, end), r, min(r + self.rows, self.out[0])

    def share(self, part: Callable[[int, int, Any], None]) -> None:
        """Call `part(first, end, matmul)` for shares of the images, side by side."""
        _share(self.n, self.o * math.prod(self.out) * self.k, part)

    # phases -----------------------------------------------------------------------------------------------------------

    def empty_phases(self, n: int, dtype: Any) -> list[Any]:
        """Memory for the phases of n images, zero."""
        shape = (len(self.phases), n, self.c, *self.phase_size)
        memory = scratch("phases", math.prod(shape), dtype).reshape(shape)
        memory[...] = 0
        return list(memory)

    def split(self, x: Any, before: list[Any]) -> list[Any]:
        """The phases of some images, zero where the padding is; in the memory of `before`, of others, if it fits."""
        if self.direct:
            return [x]
        fits = bool(before) and len(before[0]) == len(x)  # then the zeros are there already
        parts = before if fits else self.empty_phases(len(x), x.dtype)
        for phase, part in zip(self.phases, parts):
            part[(..., *phase.inner)] = x[(..., *phase.outer)]
        return parts

    def join(self, parts: list[Any], out: Any) -> None:
        """The transpose of `split`: phases put back into `out` (their elements do not overlap)."""
        if not self.covers:
            out[...] = 0
        for phase, part in zip(self.phases, parts):
            out[(..., *phase.outer)] = part[(..., *phase.inner)]

    def unfold(self, parts: list[Any], first: int, end: int, ones: bool = False) -> Any:
        """The unfolded matrix of a block, (groups, C / groups * taps, n * places); by image (n, groups, ..., places).

        ones: with a further row of ones in each group (by image only).
        """
        n, rows, groups = parts[0].shape[0], end - first, self.groups
        count = rows * self.row
        dtype, size = parts[0].dtype, parts[0].dtype.itemsize
        image = math.prod(self.phase_size) * size  # bytes of one channel
        channels = self.c // groups
        if self.by_image:
            matrix = scratch("cols", n * groups * (self.k + ones) * count, dtype).reshape(
                n, groups, self.k + ones, count
            )
            cols = matrix[:, :, : self.k].reshape(n, groups, channels, self.taps, count).transpose(1, 2, 3, 0, 4)
            if ones:
                matrix[:, :, self.k] = 1
        else:
            matrix = scratch("cols", groups * self.k * n * count, dtype).reshape(groups, self.k, n * count)
            cols = matrix.reshape(groups, channels, self.taps, n, count)
        shape = (rows, *self.out[1:])
        strides = tuple(s * size for s in self.strides)
        t = 0
        for phase, part in zip(self.phases, parts):
            taps = math.prod(phase.grid)
            offset = sum(s * e for s, e in zip((phase.shift[0] + first, *phase.shift[1:]), self.strides))
            steps = [p * e * size for p, e in zip(phase.step, self.strides)]
            source = np.ndarray(
                (groups, channels, *phase.grid, n, *shape),
                dtype,
                part,
                offset * size,
                (image * channels, image, *steps, image * self.c, *strides),
            )
            target = cols[:, :, t : t + taps]
            if target.shape != source.shape:
                target = target.reshape(source.shape, copy=False)
            target[...] = source
            t += taps
        return matrix

    def fold(self, cols: Any, parts: list[Any], first: int, end: int) -> None:
        """The transpose of `unfold`: the matrix added into the phases."""
        n, rows = parts[0].shape[0], end - first
        if self.by_image:
            cols = cols.reshape(n, self.c, self.taps, -1).transpose(1, 2, 0, 3)
        else:
            cols = cols.reshape(self.c, self.taps, n, -1)
        t = 0
        for phase, part in zip(self.phases, parts):
            for at in np.ndindex(*phase.grid):
                shift = [s + a * p for s, a, p in zip(phase.shift, at, phase.step)]
                shift[0] += first
                key = [slice(s, s + o) for s, o in zip(shift, (rows, *self.out[1:]))]
                target = part[(..., *key)].swapaxes(0, 1)
                target += cols[:, t].reshape(target.shape)
                t += 1

    def placed(self, a: Any, first: int, end: int) -> Any:
        """Values (O, n * places) seen as (n, O, rows, *out[1:])."""
        return a.reshape(self.o, -1, end - first, *self.out[1:]).swapaxes(0, 1)

    def by_groups(self, a: Any) -> Any:
        """x, or the result, as (n, groups, channels of a group, places)."""
        return a.reshape(len(a), self.groups, a.shape[1] // self.groups, -1)

    # weights ----------------------------------------------------------------------------------------------------------

    def matrix_of(self, weight: Any) -> Any:
        """The weight as (groups, O / groups, C / groups * taps), the taps in the order of the phases."""
        if self.order is None:
            return weight.reshape(self.groups, self.o // self.groups, self.k)
        return weight.reshape(self.o, -1, self.taps)[:, :, self.order].reshape(self.groups, -1, self.k)

    def weight_of(self, matrix: Any, shape: Ints) -> Any:
        """The transpose of `matrix_of`."""
        if self.order is None:
            return matrix.reshape(shape)
        out = np.empty((self.o, shape[1], self.taps), matrix.dtype)
        out[:, :, self.order] = matrix.reshape(out.shape)
        return out.reshape(shape)


_plan = functools.lru_cache(maxsize=512)(_Plan)


def _share(count: int, work: int, part: Callable[[int, int, Any], None]) -> None:
    """Call `part(first, end, matmul)` for shares of `count` things, each of so many multiply-adds, side by side."""
    shares = threads.shares(count, -(-_PART // max(work, 1)))
    if len(shares) == 1:
        part(0, count, blas.matmul)
        return
    with threads.with_serial_blas():
        threads.run([functools.partial(part, *share, np.matmul) for share in shares])


@quiet
def _finite(a: Any) -> bool:
    """Whether there is no infinity and no NaN; no, too, if the squares overflow: it is asked to look closer."""
    if a.size < _RUN or not a.flags.c_contiguous or a.dtype.char not in "fd":
        return bool(np.isfinite(np.add.reduce(a, None)))
    flat = a.reshape(-1)
    runs = flat[: a.size // _RUN * _RUN].reshape(-1, _RUN)  # each is short enough to be added by one thread of BLAS
    rest = flat[runs.size :]
    squares = np.empty(len(runs), a.dtype)
    threads.split(_squares, len(runs), runs, squares, least=_PART // 8 // _RUN)
    return bool(np.isfinite(np.add.reduce(squares) + rest.dot(rest)))


@quiet
def _squares(runs: Any, out: Any) -> None:
    np.vecdot(runs, runs, out=out)


def _compiled(a: Any, b: Any, products: int) -> Any:
    """The compiled twins, if they do this: up to three dimensions of float32 or float64."""
    if products < twins.least or a.dtype is not b.dtype or a.dtype.char not in "fd" or a.ndim > 5:
        return None
    return twins.of("conv")


def _one_place(x_shape: Ints, w_shape: Ints, padding: Ints, dilation: Ints, groups: int) -> bool:
    """Whether the kernel is as large as the input: then the result has one place, and is a product of two matrices."""
    return x_shape[2:] == w_shape[2:] and groups == 1 and not any(padding) and all(d == 1 for d in dilation)


def _by_place(x: Any) -> Any:
    """x (N, C, *S) as a matrix whose rows are the channels of each place."""
    return np.ascontiguousarray(x.reshape(*x.shape[:2], -1).swapaxes(1, 2)).reshape(-1, x.shape[1])


def _by_channel(rows: Any, out: Any) -> Any:
    """The transpose of `_by_place`, into out."""
    n, c = out.shape[:2]
    out.reshape(n, c, -1)[...] = rows.reshape(n, -1, c).swapaxes(1, 2)
    return out


@in_single
def conv(
    x: Any, weight: Any, bias: Any, stride: Ints, padding: Ints, dilation: Ints, groups: int, size: Ints | None = None
) -> Any:
    """The convolution (cross-correlation) of x with weight, plus bias; size: of the result, if not all that fits."""
    plan = _plan(x.shape, weight.shape, stride, padding, dilation, groups, size)
    out = np.empty((plan.n, plan.o, *plan.out), x.dtype)
    if out.size == 0:
        return out
    if plan.k == 0:
        out[...] = 0 if bias is None else bias.reshape(-1, *(1,) * len(plan.out))
        return out
    if _one_place(x.shape, weight.shape, padding, dilation, groups):
        out = products.matmul(x.reshape(plan.n, -1), weight.reshape(plan.o, -1).T)
        if bias is not None:
            out += bias
        return out.reshape(plan.n, plan.o, *plan.out)
    if plan.by_place is not None:
        return plan.by_place.forward(x, weight, bias)
    if plan.few:
        rows = products.matmul(_by_place(x), weight.reshape(plan.o, -1).T)
        if bias is not None:
            rows += bias
        return _by_channel(rows, out)
    if (fast := _compiled(x, weight, out.size * plan.k)) is not None:
        return conv_planes.conv(fast, x, weight, bias, stride, padding, dilation, groups, plan.out)
    if winograd.pays(x.shape, weight.shape, stride, dilation, groups, plan.out):
        plan.share(winograd.convolve(x, weight, bias, padding, out))
        if _finite(out):
            return out
    if not x.flags.c_contiguous:
        x = np.ascontiguousarray(x)
    if (bands := plan.bands) is not None:
        _share(plan.c, bands.work, bands.forward(x, weight, bias, out))
        if _finite(out):
            return out
    if plan.pointwise:
        blas.matmul(plan.matrix_of(weight), plan.by_groups(x), out=plan.by_groups(out))
        if bias is not None:
            flat = out.reshape(plan.n, plan.o, -1)
            flat += bias[:, None]
        return out
    if plan.last is not None:
        plan.last.convolve(x, weight, bias, out)
        return out
    if (cells := plan.shifts or plan.flat) is not None:
        cells.share(cells.forward(x, weight, bias, out))
        return out
    w = plan.matrix_of(weight)
    if bias is not None and plan.by_image:  # a row of ones brings the bias into the product
        w = np.concatenate((w, bias.reshape(groups, -1, 1)), 2)
    # transposed in memory: BLAS is a fifth faster so
    w = np.ascontiguousarray(w.swapaxes(1, 2)).swapaxes(1, 2)
    shift = None if bias is None else bias.reshape(-1, *(1,) * len(plan.out))
    whole = out.reshape(plan.n, groups, plan.o // groups, -1)

    def part(first: int, end: int, matmul: Any) -> None:
        parts: list[Any] = []
        for i, j, r, e in plan.blocks(first, end):
            if r == 0:
                parts = plan.split(x[i:j], parts)
            if plan.by_image:
                cols = plan.unfold(parts, r, e, ones=bias is not None)
                matmul(w, cols, out=whole[i:j, :, :, r * plan.row : e * plan.row])
                continue
            cols = plan.unfold(parts, r, e)
            y = scratch("y", plan.o * cols.shape[2], x.dtype).reshape(groups, plan.o // groups, cols.shape[2])
            matmul(w, cols, out=y)
            target = out[i:j, :, r:e]
            if shift is None:
                target[...] = plan.placed(y, r, e)
            else:
                np.add(plan.placed(y, r, e), shift, out=target)

    plan.share(part)
    return out


def _gradient_matrix(plan: _Plan, g: Any, i: int, j: int, r: int, e: int) -> Any:
    """g's block as (groups, O / groups, n * places); or by image."""
    if plan.by_image:
        whole = g.reshape(plan.n, plan.groups, plan.o // plan.groups, -1)
        return whole[i:j, :, :, r * plan.row : e * plan.row]
    places = (j - i) * (e - r) * plan.row
    matrix = scratch("y", plan.o * places, g.dtype).reshape(plan.o, places)
    plan.placed(matrix, r, e)[...] = g[i:j, :, r:e]
    return matrix.reshape(plan.groups, plan.o // plan.groups, places)


@in_single
def conv_input(g: Any, weight: Any, x_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> Any:
    """The gradient of x, given g, that of the result; linear in g and in weight."""
    plan = _plan(x_shape, weight.shape, stride, padding, dilation, groups, g.shape[2:])
    if 0 in x_shape or g.size == 0 or plan.k == 0:
        return np.zeros(x_shape, g.dtype)
    if _one_place(x_shape, weight.shape, padding, dilation, groups):
        return products.matmul(g.reshape(plan.n, plan.o), weight.reshape(plan.o, -1)).reshape(x_shape)
    if plan.by_place is not None:
        return plan.by_place.backward(g, weight)
    if plan.few:
        return _by_channel(products.matmul(_by_place(g), weight.reshape(plan.o, -1)), np.empty(x_shape, g.dtype))
    if (fast := _compiled(g, weight, g.size * plan.k)) is not None:
        return conv_planes.conv_input(fast, g, weight, x_shape, stride, padding, dilation, groups)
    if plan.pointwise:
        return blas.matmul(plan.matrix_of(weight).swapaxes(1, 2), plan.by_groups(g)).reshape(x_shape)
    if (bands := plan.bands_backward) is not None:
        out = np.empty(x_shape, g.dtype)
        _share(plan.c, bands.work, bands.backward(np.ascontiguousarray(g), weight, out))
        if _finite(out):
            return out
    pads = tuple(d * (k - 1) - p for d, k, p in zip(dilation, weight.shape[2:], padding))
    once = (1,) * len(stride)
    flat, last = plan.shifts or plan.folding, plan.last_backward
    if (flat or last) is not None and not _finite(weight):  # infinities must not meet zeros that stand for nothing
        flat = last = None
    by_fewer = winograd.pays(g.shape, (plan.c, plan.o, *weight.shape[2:]), stride, dilation, groups, x_shape[2:])
    if by_fewer and min(pads) >= 0:
        out = np.empty(x_shape, g.dtype)
        plan.share(winograd.convolve(g, weight, None, pads, out, turned=True))
        if _finite(out):
            return out
    if last is not None:
        out = np.empty(x_shape, g.dtype)
        last.convolve(g, weight, None, out)
        return out
    if min(pads) >= 0 and flat is None and _turning_is_faster(x_shape, groups, stride):
        return conv(_spread(g, stride), _turned(weight, groups), None, once, pads, dilation, groups, x_shape[2:])
    if flat is not None:
        out = np.empty(x_shape, g.dtype) if plan.covers else np.zeros(x_shape, g.dtype)
        flat.share(flat.backward(g, weight, out))
        return out
    w = plan.matrix_of(weight).swapaxes(1, 2)
    out = np.zeros(x_shape, g.dtype) if plan.direct else np.empty(x_shape, g.dtype)

    def part(first: int, end: int, matmul: Any) -> None:
        parts: list[Any] = []
        for i, j, r, e in plan.blocks(first, end):
            if r == 0:
                parts = [out[i:j]] if plan.direct else plan.empty_phases(j - i, g.dtype)
            matrix = _gradient_matrix(plan, g, i, j, r, e)
            shape = (*matrix.shape[:-2], plan.k, matrix.shape[-1])
            cols = scratch("cols", math.prod(shape), g.dtype).reshape(shape)
            matmul(w, matrix, out=cols)
            plan.fold(cols, parts, r, e)
            if e == plan.out[0] and not plan.direct:
                plan.join(parts, out[i:j])

    plan.share(part)
    return out


def _turning_is_faster(x_shape: Ints, groups: int, stride: Ints) -> bool:
    """Whether unfolding g is faster than folding the product (measured): if there is one channel in a group, where
    products cost little; else not for few channels or small images, nor for strides."""
    channels = x_shape[1] // groups
    if groups == x_shape[1] > 1:
        return True
    return math.prod(x_shape[2:]) >= 256 and channels >= 16 and all(s == 1 for s in stride)


def _spread(g: Any, stride: Ints) -> Any:
    """g with zeros between its elements, as far apart as the windows are."""
    if all(s == 1 for s in stride):
        return g
    out: Any = np.zeros((*g.shape[:2], *((n - 1) * s + 1 for n, s in zip(g.shape[2:], stride))), g.dtype)
    out[(..., *(slice(None, None, s) for s in stride))] = g
    return out


def _turned(weight: Any, groups: int) -> Any:
    """The weight whose convolution is the transpose of this one's, for stride 1: turned around, channels exchanged."""
    o, c, *kernel = weight.shape
    w = weight.reshape(groups, o // groups, c, *kernel).swapaxes(1, 2).reshape(groups * c, o // groups, *kernel)
    return np.flip(w, tuple(range(2, w.ndim)))


@in_single
@quiet
def conv_weight(g: Any, x: Any, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> Any:
    """The gradient of weight, given g, that of the result; linear in g and in x."""
    plan = _plan(x.shape, w_shape, stride, padding, dilation, groups, g.shape[2:])
    if 0 in w_shape or g.size == 0:
        return np.zeros(w_shape, g.dtype)
    if _one_place(x.shape, w_shape, padding, dilation, groups):
        return products.matmul(g.reshape(plan.n, plan.o).T, x.reshape(plan.n, -1)).reshape(w_shape)
    if plan.by_place is not None:
        return plan.by_place.weight(g, x)
    if plan.few:
        return products.matmul(_by_place(g).T, _by_place(x)).reshape(w_shape)
    sums: dict[int, Any] = {}
    if (fast := _compiled(g, x, g.size * plan.k)) is not None:
        out = conv_planes.conv_weight(fast, g, x, w_shape, stride, padding, dilation, groups)
    elif winograd.pays(x.shape, w_shape, stride, dilation, groups, plan.out):
        plan.share(winograd.correlate(g, x, padding, sums))
        out = _total(sums)
    elif (bands := plan.bands_weight) is not None:
        out = np.empty((plan.o, plan.taps), g.dtype)
        _share(plan.c, bands.work, bands.weight(np.ascontiguousarray(g), np.ascontiguousarray(x), out))
        return out.reshape(w_shape)
    elif plan.last is not None:
        return plan.last.weight(g, x, w_shape)
    elif (cells := plan.shifts or plan.flat) is not None:
        by_block: dict[Ints, Any] = {}
        cells.share(cells.weight(g, x, by_block))
        out = cells.weight_of(_total(by_block), w_shape)
    else:
        return _weight_by_blocks(plan, g, x, w_shape)
    # zeros that stand for g at the places too many must not meet infinities
    return out if _finite(out) else _weight_by_blocks(plan, g, x, w_shape)


def _weight_by_blocks(plan: _Plan, g: Any, x: Any, w_shape: Ints) -> Any:
    """The gradient of weight by matrix products."""
    shape = (plan.groups, plan.o // plan.groups, plan.k)
    if not x.flags.c_contiguous:
        x = np.ascontiguousarray(x)
    sums: dict[int, Any] = {}

    def part(first: int, end: int, matmul: Any) -> None:
        parts: list[Any] = []
        total = np.zeros(shape, g.dtype)
        if plan.pointwise:
            for above, image in zip(plan.by_groups(g[first:end]), plan.by_groups(x[first:end])):
                total += matmul(above, image.swapaxes(1, 2))
            sums[first] = total
            return
        for i, j, r, e in plan.blocks(first, end):
            if r == 0:
                parts = plan.split(x[i:j], parts)
            matrix = _gradient_matrix(plan, g, i, j, r, e)
            cols = plan.unfold(parts, r, e)
            product = matmul(matrix, cols.swapaxes(-1, -2))
            total += product.sum(0) if plan.by_image else product
        sums[first] = total

    plan.share(part)
    return plan.weight_of(_total(sums), w_shape)


def _total(sums: dict[Any, Any]) -> Any:
    """What the threads have summed, from the first image on."""
    first, *others = sorted(sums)
    for other in others:
        for total, more in zip(sums[first], sums[other]):
            total += more
    return sums[first]


@quiet
def _row_sum(rows: Any, out: Any) -> None:
    np.matmul(rows, np.ones(rows.shape[1], rows.dtype), out=out)


def _row_sums(rows: Any) -> Any:
    """The sum of each row, by BLAS, which adds faster."""
    sums = np.empty(len(rows), rows.dtype)
    with threads.with_serial_blas():
        threads.split(_row_sum, len(rows), rows, sums, least=-(-_PART // 16 // rows.shape[1]))
    return sums


def conv_bias(g: Any) -> Any:
    """The gradient of bias, given g, that of the result: sums over samples and places, which BLAS adds faster."""
    axes = (0, *range(2, g.ndim))
    if g.dtype.char not in "fd" or not g.flags.c_contiguous or g.size < _PART // 64:
        return reduce.sum(g, axes)
    sums = _row_sums(g.reshape(g.shape[0] * g.shape[1], -1))
    return np.add.reduce(sums.reshape(g.shape[:2]), 0)


def conv_transpose(
    x: Any, weight: Any, bias: Any, shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Any:
    """`conv_input` of x to a result of this shape (N, C, *S), plus bias."""
    out = conv_input(x, weight, shape, stride, padding, dilation, groups)
    if bias is not None:
        out += bias.reshape(-1, *(1,) * (len(shape) - 2))
    return out
