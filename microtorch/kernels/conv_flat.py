"""Convolution by matrix products over places numbered along the input's rows, one run for all images of a block.

The input's phases (`kernels.conv_phases`) are copied channel by channel, image after image, with zeros between their
rows and between the images. Then what a tap reads for all places is one contiguous piece of memory, from the tap's
shift on: a row of the unfolded matrix is one long copy. The price are places too many at each row's end, which are not
copied to the result. The zeros at a row's end are also those before the next row: they are there once.

A block is some images and some groups, so that its unfolded matrix stays in the processor's cache.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch.kernels import blas, threads
from microtorch.kernels.conv_phases import phases
from microtorch.kernels.scratch import scratch

__all__ = ["Flat"]

Ints = tuple[int, ...]

_BLOCK_BYTES = 1 << 21  # of the unfolded matrix and the product
_PART = 1 << 21  # multiply-adds from which a part is worth a thread
_FOLD_ROW, _FOLD = 10.0, 0.15  # to begin a row that is added to another, to add an element
_LARGEST = 1 << 23  # for one image
_ROW, _COPY = 4.0, 0.06  # nanoseconds: to begin a row, to copy an element of it
_MULTIPLY, _LEAST = 0.022, 0.055  # to multiply an element by a channel of the result, and by all of them at least


class Flat:
    """The geometry of one convolution in this layout."""

    def __init__(
        self, x_shape: Ints, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int, out: Ints
    ) -> None:
        self.n, self.c, size = x_shape[0], x_shape[1], x_shape[2:]
        self.o, kernel, self.groups, self.out = w_shape[0], w_shape[2:], groups, out
        self.channels, self.rows, self.taps = self.c // groups, self.o // groups, math.prod(kernel)
        self.k = self.channels * self.taps  # rows of the unfolded matrix, in each group
        reach = tuple(d * (k - 1) // s for k, s, d in zip(kernel, stride, dilation))
        whole = tuple(o + r for o, r in zip(out, reach))
        found, self.order = phases(size, kernel, stride, padding, dilation, whole)
        self.period = (
            tuple(  # how far rows (planes, images) lie apart: what is behind a row's data is zero, or the next's
                max(o, *(max(p.inner[d].stop, f - p.inner[d].start) for p in found))
                for d, (o, f) in enumerate(zip(out, whole))
            )
        )
        self.steps = tuple(math.prod(self.period[d + 1 :]) for d in range(len(out)))
        self.plane = math.prod(self.period)
        self.reads = [  # of each phase: its taps, what the first reads for the first place, and how far apart they are
            (p.grid, sum(map(operator.mul, p.shift, self.steps)), tuple(map(operator.mul, p.step, self.steps)))
            for p in found
        ]
        self.inside = [  # and its elements: where the first is, how many there are, and where in x
            (sum(s.start * step for s, step in zip(p.inner, self.steps)), [s.stop - s.start for s in p.inner],
             (..., *p.outer))
            for p in found
        ]  # fmt: skip
        self.behind = sum(r * s for r, s in zip(reach, self.steps))
        waste = self.plane / math.prod(out)
        # with rows as long as the result's, or large images, this layout has no use
        sensible = whole[-1] != out[-1] and 4 * self.k * self.plane <= _LARGEST
        copied = self.c + self.o if math.prod(out) < 128 else 0  # by both ways: see `kernels.conv`
        product = max(_LEAST, self.rows * _MULTIPLY)
        flat = waste * self.c * self.taps * (_COPY + product) + (self.c + self.o - copied) * (_ROW / out[-1] + _COPY)
        self.pays = sensible and flat < self.c * self.taps * (_ROW / out[-1] + _COPY + product)
        """Whether it is faster than an unfolded matrix of the places alone."""
        self.folds = sensible and waste * (_FOLD + product) < _FOLD + product + _FOLD_ROW / out[-1]
        """The same for the gradient of x."""

    def share(self, part: Callable[[list[Ints], Any], None]) -> None:
        """Call `part(blocks, matmul)` for shares of the blocks (first image, end, first group, end), side by side."""
        bytes_of_group = 4 * (self.k + self.rows) * self.plane
        images = max(1, min(self.n, _BLOCK_BYTES // max(bytes_of_group, 1)))
        count = max(1, min(self.groups, _BLOCK_BYTES // (bytes_of_group * images)))
        pieces, work = -(-self.n // images), self.o * self.plane * self.k * self.n
        if (parts := min(threads.count(), work // _PART)) > 1 and -(-self.groups // count) % parts:
            pieces = -(-pieces // parts) * parts
        images = -(-self.n // pieces)
        blocks: list[Ints] = [
            (i, min(i + images, self.n), g, min(g + count, self.groups))
            for g in range(0, self.groups, count)
            for i in range(0, self.n, images)
        ]
        if parts < 2:
            part(blocks, blas.matmul)
            return
        with threads.with_serial_blas():
            shares = [blocks[i:j] for i, j in threads.shares(len(blocks))]
            threads.run([functools.partial(part, some, np.matmul) for some in shares])

    # the input --------------------------------------------------------------------------------------------------------

    def empty(self, n: int, groups: int, dtype: Any) -> Any:
        """Memory for the phases of n images, zero: (phases, channels, all cells)."""
        shape = (len(self.reads), groups * self.channels, n * self.plane + self.behind)
        memory = scratch("phases", math.prod(shape), dtype).reshape(shape)
        memory[...] = 0
        return memory

    def cells(self, memory: Any, n: int) -> list[tuple[Any, Any]]:
        """For each phase: its elements, seen as (n, channels, *places), and where they are in x."""
        size, found = memory.itemsize, []
        for part, (first, counts, outer) in zip(memory, self.inside):
            strides = (self.plane * size, part.strides[0], *[s * size for s in self.steps])
            found.append((np.ndarray((n, len(part), *counts), part.dtype, part, first * size, strides), outer))
        return found

    def unfold(self, memory: Any, n: int, groups: int, ones: bool = False) -> Any:
        """The unfolded matrix, (groups, C / groups * taps, n * plane); ones: with a further row of ones."""
        places, size = n * self.plane, memory.itemsize
        cols = scratch("cols", groups * (self.k + ones) * places, memory.dtype).reshape(groups, -1, places)
        matrix = cols[:, : self.k].reshape(groups, self.channels, self.taps, places, copy=False)
        if ones:
            cols[:, self.k] = 1
        t, line = 0, memory.strides[1]
        for part, (grid, shift, steps) in zip(memory, self.reads):
            source = np.ndarray(
                (groups, self.channels, *grid, places), memory.dtype, part, shift * size,
                (line * self.channels, line, *[s * size for s in steps], size),
            )  # fmt: skip
            taps = math.prod(grid)
            matrix[:, :, t : t + taps].reshape(source.shape, copy=False)[...] = source
            t += taps
        return cols

    def fold(self, matrix: Any, memory: Any) -> None:
        """The transpose of `unfold`: the matrix added to the phases."""
        cols = matrix.reshape(memory.shape[1], self.taps, -1)
        t = 0
        for part, (grid, first, steps) in zip(memory, self.reads):
            for at in np.ndindex(*grid):
                shift = first + sum(i * s for i, s in zip(at, steps))
                target = part[:, shift : shift + cols.shape[2]]
                target += cols[:, t]
                t += 1

    # the result -------------------------------------------------------------------------------------------------------

    def placed(self, y: Any, n: int) -> Any:
        """Values (groups, O / groups, n * plane) seen as (n, groups * O / groups, *out)."""
        seen = y.reshape(-1, n, *self.period).swapaxes(0, 1)
        return seen[(..., *(slice(o) for o in self.out))]

    def gradient(self, g: Any, groups: int) -> Any:
        """The gradients of some images and groups as (groups, O / groups, n * plane), zero at the places too many."""
        matrix = scratch("y", groups * self.rows * len(g) * self.plane, g.dtype).reshape(groups, self.rows, -1)
        matrix[...] = 0
        self.placed(matrix, len(g))[...] = g
        return matrix

    # a share of the blocks --------------------------------------------------------------------------------------------

    def forward(self, x: Any, w: Any, out: Any) -> Callable[[list[Ints], Any], None]:
        """A function that computes some blocks of the convolution into out, by a given matmul.

        w (groups, O / groups, k), the taps in the order of the phases; with a further column if there is a bias.
        """

        def part(blocks: list[Ints], matmul: Any) -> None:
            held: tuple[Ints, Any] = (), None
            for i, j, g, h in blocks:
                if held[0] != (j - i, h - g):  # else the zeros are there already
                    held = (j - i, h - g), self.empty(j - i, h - g, x.dtype)
                memory = held[1]
                for cells, at in self.cells(memory, j - i):
                    cells[...] = x[i:j, g * self.channels : h * self.channels][at]
                cols = self.unfold(memory, j - i, h - g, ones=w.shape[2] > self.k)
                y = scratch("y", (h - g) * self.rows * cols.shape[2], x.dtype).reshape(h - g, self.rows, -1)
                matmul(w[g:h], cols, out=y)
                out[i:j, g * self.rows : h * self.rows] = self.placed(y, j - i)

        return part

    def backward(self, g: Any, w: Any, out: Any) -> Callable[[list[Ints], Any], None]:
        """The same for the gradient of x; w (groups, O / groups, k)."""
        turned = w.swapaxes(1, 2)

        def part(blocks: list[Ints], matmul: Any) -> None:
            for i, j, a, b in blocks:
                matrix = self.gradient(g[i:j, a * self.rows : b * self.rows], b - a)
                cols = scratch("cols", (b - a) * self.k * matrix.shape[2], g.dtype).reshape(b - a, self.k, -1)
                matmul(turned[a:b], matrix, out=cols)
                memory = self.empty(j - i, b - a, g.dtype)
                self.fold(cols, memory)
                target = out[i:j, a * self.channels : b * self.channels]
                for cells, at in self.cells(memory, j - i):
                    target[at] = cells

        return part

    def weight(self, g: Any, x: Any, sums: dict[Ints, Any]) -> Callable[[list[Ints], Any], None]:
        """A function that puts the gradient of the weight from some blocks into sums[first of them], as `w` above."""

        def part(blocks: list[Ints], matmul: Any) -> None:
            total = np.zeros((self.groups, self.rows, self.k), g.dtype)
            held: tuple[Ints, Any] = (), None
            for i, j, a, b in blocks:
                if held[0] != (j - i, b - a):
                    held = (j - i, b - a), self.empty(j - i, b - a, x.dtype)
                memory = held[1]
                for cells, at in self.cells(memory, j - i):
                    cells[...] = x[i:j, a * self.channels : b * self.channels][at]
                matrix = self.gradient(g[i:j, a * self.rows : b * self.rows], b - a)
                total[a:b] += matmul(matrix, self.unfold(memory, j - i, b - a).swapaxes(1, 2))
            sums[blocks[0]] = total

        return part
