"""Convolution by matrix products over places numbered along the input's rows, one run for all images of a block.

The input's phases (`kernels.conv_phases`) are copied channel by channel, image after image, with zeros between their
rows and between the images. Then what a tap reads for all places is one contiguous piece of memory, from the tap's
shift on. The price are places too many at each row's end, which are not copied to the result. The zeros at a row's end
are also those before the next row: they are there once.

The taps are split: the first dimensions of the kernel are *outer* ones, the others *inner*. Only the inner taps are
unfolded, into rows of a matrix U (C * inner, cells). For each outer tap the product of its part of the weight with U is
the same sum, a shift further on; so one product, with the parts below each other, does for all:

    P = [W_0; W_1; ...] U,    y = P_0 from shift 0 on + P_1 from shift 1 on + ...

The matrices are so closer to squares than O rows times all taps, which BLAS multiplies faster (48 x 48 instead of
16 x 144 for 16 channels and 3x3: half as fast again), and a third of the copies is made. The gradient of x is the
transpose: g is repeated, shifted for each outer tap, and the product added to the cells for each inner one; that of the
weight is a product of both matrices.

A block is some images and some groups, so that its matrices stay in the processor's cache.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from microtorch.kernels import blas, threads
from microtorch.kernels.conv_phases import Phase, phases
from microtorch.kernels.scratch import scratch

__all__ = ["Flat"]

Ints = tuple[int, ...]

_BLOCK_BYTES = 1 << 21  # of the unfolded matrix and the product
_PART = 1 << 21  # multiply-adds from which a part is worth a thread
_LARGEST = 1 << 23  # for one image
_FOLDING = 1.25  # times that of an unfolded matrix its transpose takes
# nanoseconds: to begin a row, to copy an element of it, to add one; a multiply-add, and a row of a product's factors
_ROW, _COPY, _ADD, _MULTIPLY, _SIDE = 4.0, 0.06, 0.08, 0.0182, 0.06


def product_time(rows: int, columns: int) -> float:
    """Nanoseconds of a product of a matrix of that size with a column (measured in products with thousands)."""
    return 1 + _MULTIPLY * rows * columns + _SIDE * (rows + columns)


class _Reads(NamedTuple):
    """Some outer taps that read the same phases, and what the inner ones read of these."""

    taps: list[int]  # numbers of the outer taps, in the order of the parts of the product
    grid: Ints  # how many there are in each dimension,
    shift: int  # what the first reads for the first cell,
    steps: Ints  # and how far apart they are
    inner: list[int]  # numbers of the inner taps, in the order of U's rows
    order: (
        Any  # numbers of all taps, those of a row of U's one after the other; None if they are all there are, in order
    )
    phases: list[tuple[int, Ints, int, Ints]]  # number of a phase, and as above of its inner taps: grid, shift, steps


class Flat:
    """The geometry of one convolution in this layout."""

    block_bytes = _BLOCK_BYTES
    work_of_product = 1  # multiply-adds of a product in the time of one here

    def __init__(
        self, x_shape: Ints, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int, out: Ints
    ) -> None:
        self.n, self.c, size = x_shape[0], x_shape[1], x_shape[2:]
        self.o, self.kernel, self.groups, self.out = w_shape[0], w_shape[2:], groups, out
        self.channels, self.rows, self.taps = self.c // groups, self.o // groups, math.prod(self.kernel)
        self.k = self.channels * self.taps  # multiply-adds of a place
        reach = tuple(d * (k - 1) // s for k, s, d in zip(self.kernel, stride, dilation))
        whole = tuple(o + r for o, r in zip(out, reach))
        self.phases, _ = phases(size, self.kernel, stride, padding, dilation, whole)
        self.period = (
            tuple(  # how far rows (planes, images) lie apart: what is behind a row's data is zero, or the next's
                max(o, *(max(p.inner[d].stop, f - p.inner[d].start) for p in self.phases))
                for d, (o, f) in enumerate(zip(out, whole))
            )
        )
        self.steps = tuple(math.prod(self.period[d + 1 :]) for d in range(len(out)))
        self.plane = math.prod(self.period)
        self.inside = [  # of each phase: where its first element is, how many there are, and where in x
            (sum(s.start * step for s, step in zip(p.inner, self.steps)), [s.stop - s.start for s in p.inner],
             (..., *p.outer))
            for p in self.phases
        ]  # fmt: skip
        cut = min(range(len(out) + 1), key=self._time)
        self.outer, self.inner = math.prod(self.kernel[:cut]), math.prod(self.kernel[cut:])
        self.high, self.wide = self.rows * self.outer, self.channels * self.inner  # of the product's left factor
        self.ahead = sum(r * s for r, s in zip(reach[:cut], self.steps))  # how far the outer taps reach,
        self.behind = sum(r * s for r, s in zip(reach, self.steps))  # and all of them
        self.reads = self._reads(stride, dilation, cut)
        self.blocks: dict[int, list[Ints]] = {}  # of each number of threads
        waste = self.plane / math.prod(out)
        # with rows as long as the result's, or large images, this layout has no use
        sensible = whole[-1] != out[-1] and 4 * (self.high + self.wide) * self.plane <= _LARGEST
        copied = self.c + self.o if math.prod(out) < 128 else 0  # by both ways: see `kernels.conv`
        flat = waste * groups * self._time(cut) + (self.c + self.o - copied) * (_ROW / out[-1] + _COPY)
        unfolded = groups * (product_time(self.rows, self.k) + self.k * (_ROW / out[-1] + _COPY))
        self.pays, self.folds = sensible and flat < unfolded, sensible and flat < _FOLDING * unfolded
        """Whether it is faster than an unfolded matrix of the places alone; for the gradient of x."""
        self.time_of_images = math.prod(out) * (min(flat, unfolded) if sensible else unfolded)
        """Nanoseconds for an image, by the faster of both."""

    def _time(self, cut: int) -> float:
        """Nanoseconds for a cell of a group if so many dimensions are outer ones."""
        high, wide = self.rows * math.prod(self.kernel[:cut]), self.channels * math.prod(self.kernel[cut:])
        return product_time(high, wide) + _COPY * wide + _ADD * (high if cut else 0)

    def _reads(self, stride: Ints, dilation: Ints, cut: int) -> list[_Reads]:
        """The phases by what they are in the outer dimensions."""

        def taps(phase: Phase, dims: slice) -> list[int]:
            """The numbers of a phase's taps in some dimensions."""
            axes = zip(self.kernel[dims], phase.start[dims], stride[dims], dilation[dims])
            lists = [[t for t in range(k) if t * d % s == start] for k, start, s, d in axes]
            kernel = self.kernel[dims]
            return [sum(t * math.prod(kernel[i + 1 :]) for i, t in enumerate(at)) for at in itertools.product(*lists)]

        def reads(phase: Phase, dims: slice) -> tuple[Ints, int, Ints]:
            """(grid, first shift, steps) there."""
            steps = self.steps[dims]
            shift = sum(s * step for s, step in zip(phase.shift[dims], steps))
            return phase.grid[dims], shift, tuple(s * step for s, step in zip(phase.step[dims], steps))

        first, last = slice(cut), slice(cut, None)
        found: dict[Ints, _Reads] = {}
        for number, phase in enumerate(self.phases):
            if phase.start[first] not in found:
                found[phase.start[first]] = _Reads(taps(phase, first), *reads(phase, first), [], None, [])
            same = found[phase.start[first]]
            same.inner.extend(taps(phase, last))
            same.phases.append((number, *reads(phase, last)))
        inner = math.prod(self.kernel[cut:])
        whole = list(range(self.taps))
        orders = [[outer * inner + i for outer in r.taps for i in r.inner] for r in found.values()]
        return [
            r._replace(order=None if order == whole else np.array(order)) for r, order in zip(found.values(), orders)
        ]

    def share(self, part: Callable[[list[Ints], Any], None]) -> None:
        """Call `part(blocks, matmul)` for shares of the blocks (first image, end, first group, end), side by side."""
        parts = min(threads.count(), self.work_of_product * self.o * self.plane * self.k * self.n // _PART)
        if parts not in self.blocks:
            self.blocks[parts] = self._blocks(parts)
        blocks = self.blocks[parts]
        if parts < 2:
            part(blocks, blas.matmul)
            return
        with threads.with_serial_blas():
            shares = [blocks[i:j] for i, j in threads.shares(len(blocks))]
            threads.run([functools.partial(part, some, np.matmul) for some in shares])

    def _blocks(self, parts: int) -> list[Ints]:
        """The blocks if they are shared by so many threads."""
        bytes_of_group = 4 * (self.wide + self.high) * self.plane
        images = max(1, min(self.n, self.block_bytes // max(bytes_of_group, 1)))
        count = max(1, min(self.groups, self.block_bytes // (bytes_of_group * images)))
        pieces = -(-self.n // images)
        if parts > 1 and -(-self.groups // count) % parts:
            pieces = -(-pieces // parts) * parts
        images = -(-self.n // pieces)
        return [
            (i, min(i + images, self.n), g, min(g + count, self.groups))
            for g in range(0, self.groups, count)
            for i in range(0, self.n, images)
        ]

    # the input --------------------------------------------------------------------------------------------------------

    def empty(self, n: int, groups: int, dtype: Any) -> Any:
        """Memory for the phases of n images, zero: (phases, channels, all cells)."""
        shape = (len(self.phases), groups * self.channels, n * self.plane + self.behind)
        memory = scratch("phases", math.prod(shape), dtype).reshape(shape)
        memory[...] = 0
        return memory

    def cells(self, memory: Any, n: int) -> list[tuple[Any, Any]]:
        """For each phase: its elements, seen as (n, channels, *places), and where they are in x."""
        size, found = memory.itemsize, []
        for part, (first, counts, outer) in zip(memory, self.inside):
            if 0 in counts:  # its taps read padding alone
                continue
            strides = (self.plane * size, part.strides[0], *[s * size for s in self.steps])
            found.append((np.ndarray((n, len(part), *counts), part.dtype, part, first * size, strides), outer))
        return found

    def filled(self, x: Any, before: Any) -> Any:
        """The phases of some images and groups; in the memory of `before`, of others, if it fits."""
        groups = x.shape[1] // self.channels
        fits = before is not None and before.shape[1:] == (x.shape[1], len(x) * self.plane + self.behind)
        memory = before if fits else self.empty(len(x), groups, x.dtype)  # if it fits the zeros are there already
        for cells, at in self.cells(memory, len(x)):
            cells[...] = x[at]
        return memory

    def unfold(self, memory: Any, reads: _Reads, ones: bool = False) -> Any:
        """U, (groups, C / groups * inner taps, cells), of what some taps read; ones: with a further row of ones."""
        length, size = memory.shape[2] - self.behind + self.ahead, memory.itemsize
        groups = memory.shape[1] // self.channels
        cols = scratch("cols", groups * (self.wide + ones) * length, memory.dtype).reshape(groups, -1, length)
        matrix = cols[:, : self.wide].reshape(groups, self.channels, self.inner, length, copy=False)
        if ones:
            cols[:, self.wide] = 1
        t, line = 0, memory.strides[1]
        for number, grid, shift, steps in reads.phases:
            source = np.ndarray(
                (groups, self.channels, *grid, length), memory.dtype, memory[number], shift * size,
                (line * self.channels, line, *[s * size for s in steps], size),
            )  # fmt: skip
            taps = math.prod(grid)
            matrix[:, :, t : t + taps].reshape(source.shape, copy=False)[...] = source
            t += taps
        return cols

    def fold(self, matrix: Any, reads: _Reads, memory: Any) -> None:
        """The transpose of `unfold`: the matrix added to the phases."""
        cols = matrix.reshape(memory.shape[1], self.inner, -1)
        t = 0
        for number, grid, first, steps in reads.phases:
            for at in np.ndindex(*grid):
                shift = first + sum(i * s for i, s in zip(at, steps))
                target = memory[number, :, shift : shift + cols.shape[2]]
                target += cols[:, t]
                t += 1

    # the result -------------------------------------------------------------------------------------------------------

    def placed(self, y: Any, n: int, first: int) -> Any:
        """Values (groups, rows, cells) in contiguous memory, from a first cell on, as (n, groups, O / groups, *out)."""
        size = y.itemsize
        strides = (self.plane * size, *y.strides[:2], *[s * size for s in self.steps])
        return np.ndarray((n, len(y), self.rows, *self.out), y.dtype, y, first * size, strides)

    def gradient(self, g: Any, groups: int) -> Any:
        """The gradients of some images and groups as (groups, O / groups, cells): zero at the places too many, and
        before and behind them as far as the outer taps reach."""
        matrix = scratch("y", groups * self.rows * (len(g) * self.plane + 2 * self.ahead), g.dtype)
        matrix = matrix.reshape(groups, self.rows, -1)
        matrix[...] = 0
        self.placed(matrix, len(g), self.ahead)[...] = g.reshape(len(g), groups, self.rows, *self.out)
        return matrix

    def shifted(self, gradient: Any, reads: _Reads) -> Any:
        """Those as each outer tap has read them, (groups, taps * O / groups, cells)."""
        groups, size = len(gradient), gradient.itemsize
        length, taps = gradient.shape[2] - self.ahead, len(reads.taps)
        matrix = scratch("shifted", groups * taps * self.rows * length, gradient.dtype)
        source = np.ndarray(
            (groups, *reads.grid, self.rows, length), gradient.dtype, gradient, (self.ahead - reads.shift) * size,
            (gradient.strides[0], *[-s * size for s in reads.steps], gradient.strides[1], size),
        )  # fmt: skip
        matrix.reshape(source.shape)[...] = source
        return matrix.reshape(groups, taps * self.rows, length)

    # weights ----------------------------------------------------------------------------------------------------------

    def matrices(self, weight: Any, bias: Any = None) -> list[Any]:
        """For each of `reads` the product's left factor, (groups, taps * O / groups, C / groups * inner taps); with a
        bias a further column, which brings it into the product of the first outer tap."""
        taps = weight.reshape(self.groups, self.rows, self.channels, self.taps)
        found = []
        for i, reads in enumerate(self.reads):
            high, wide = len(reads.taps) * self.rows, self.wide + (bias is not None)
            matrix = np.empty((self.groups, wide, high), weight.dtype)  # transposed in memory: BLAS is faster so
            target = matrix[:, : self.wide].reshape(self.groups, self.channels, self.inner, -1, self.rows, copy=False)
            some = taps if reads.order is None else taps[..., reads.order]
            some = some.reshape(*taps.shape[:3], len(reads.taps), self.inner)
            target[...] = some.transpose(0, 2, 4, 3, 1)
            if bias is not None:
                matrix[:, self.wide] = 0
                if i == 0:
                    matrix[:, self.wide, : self.rows] = bias.reshape(self.groups, -1)
            found.append(matrix.swapaxes(1, 2))
        return found

    def weight_of(self, matrices: list[Any], shape: Ints) -> Any:
        """The transpose of `matrices`."""
        out = np.empty((self.groups, self.rows, self.channels, self.taps), matrices[0].dtype)
        for reads, matrix in zip(self.reads, matrices):
            split = matrix.reshape(self.groups, len(reads.taps), self.rows, self.channels, self.inner)
            split = split.transpose(0, 2, 3, 1, 4)
            if reads.order is None:
                out.reshape(split.shape)[...] = split
            else:
                out[..., reads.order] = split.reshape(*out.shape[:3], -1)
        return out.reshape(shape)

    # a share of the blocks --------------------------------------------------------------------------------------------

    def forward(self, x: Any, weight: Any, bias: Any, out: Any) -> Callable[[list[Ints], Any], None]:
        """A function that computes some blocks of the convolution into out, by a given matmul."""
        factors = self.matrices(weight, bias)

        def part(blocks: list[Ints], matmul: Any) -> None:
            memory = None
            for i, j, g, h in blocks:
                memory = self.filled(x[i:j, g * self.channels : h * self.channels], memory)
                cells = (j - i) * self.plane
                length = cells + self.ahead
                y = scratch("y", (h - g) * self.high * length, x.dtype).reshape(h - g, self.high, length)
                at, total = 0, y[:, : self.rows, :cells]
                for reads, factor in zip(self.reads, factors):
                    cols = self.unfold(memory, reads, ones=bias is not None)
                    matmul(factor[g:h], cols, out=y[:, at : at + factor.shape[1]])
                    for index in np.ndindex(*reads.grid):
                        if at:
                            shift = reads.shift + sum(n * s for n, s in zip(index, reads.steps))
                            total += y[:, at : at + self.rows, shift : shift + cells]
                        at += self.rows
                target = out[i:j, g * self.rows : h * self.rows]
                target.reshape(j - i, h - g, self.rows, *self.out, copy=False)[...] = self.placed(y, j - i, 0)

        return part

    def backward(self, g: Any, weight: Any, out: Any) -> Callable[[list[Ints], Any], None]:
        """The same for the gradient of x."""
        factors = [factor.swapaxes(1, 2) for factor in self.matrices(weight)]

        def part(blocks: list[Ints], matmul: Any) -> None:
            for i, j, a, b in blocks:
                gradient = self.gradient(g[i:j, a * self.rows : b * self.rows], b - a)
                memory = self.empty(j - i, b - a, g.dtype)
                for reads, factor in zip(self.reads, factors):
                    matrix = self.shifted(gradient, reads)
                    cols = scratch("cols", (b - a) * self.wide * matrix.shape[2], g.dtype)
                    cols = cols.reshape(b - a, self.wide, -1)
                    matmul(factor[a:b], matrix, out=cols)
                    self.fold(cols, reads, memory)
                target = out[i:j, a * self.channels : b * self.channels]
                for cells, at in self.cells(memory, j - i):
                    target[at] = cells

        return part

    def weight(self, g: Any, x: Any, sums: dict[Ints, Any]) -> Callable[[list[Ints], Any], None]:
        """A function that puts the gradient of the weight from some blocks into sums[first of them], as `matrices`."""

        def part(blocks: list[Ints], matmul: Any) -> None:
            total = [np.zeros((self.groups, len(r.taps) * self.rows, self.wide), g.dtype) for r in self.reads]
            memory = None
            for i, j, a, b in blocks:
                memory = self.filled(x[i:j, a * self.channels : b * self.channels], memory)
                gradient = self.gradient(g[i:j, a * self.rows : b * self.rows], b - a)
                for reads, whole in zip(self.reads, total):
                    cols = self.unfold(memory, reads)
                    whole[a:b] += matmul(self.shifted(gradient, reads), cols.swapaxes(1, 2))
            sums[blocks[0]] = total

        return part
