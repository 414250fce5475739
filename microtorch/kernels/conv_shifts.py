"""Convolution with one channel in a group (depthwise): no product of matrices, but a pass over the cells for each tap.

The cells are those of `kernels.conv_flat`, where what a tap reads for all places is one run of numbers. The result is
the sum of these runs, each times its weight; the gradient of x adds the same runs of g where they were read; that of a
weight is the scalar product of a run with g. A block is so small that all passes find it in the processor's cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch.kernels.conv_flat import Flat
from microtorch.kernels.scratch import scratch

__all__ = ["Shifts"]

Ints = tuple[int, ...]

_BLOCK_BYTES = 1 << 20  # of the cells, a run of them, and the result
# nanoseconds of a cell: for each tap, and for the copies; of a row; of a place for each further phase
_TAP, _CELL, _ROW, _PHASE = 0.16, 0.35, 8.0, 1.2
_BACKWARD, _WEIGHT = 1.15, 1.0  # times as long as forward the gradients take


class Shifts(Flat):
    """The geometry of one convolution, all of whose groups have one channel."""

    block_bytes, work_of_product = _BLOCK_BYTES, 4

    def __init__(
        self, x_shape: Ints, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int, out: Ints
    ) -> None:
        super().__init__(x_shape, w_shape, stride, padding, dilation, groups, out)
        self.high, self.wide = 2 * self.rows, len(self.phases)  # lines of a group in a block
        self.time = self.plane / math.prod(out) * (_TAP * self.taps + _CELL) + _ROW / out[-1]
        self.time += _PHASE * (len(self.phases) - 1)
        """Nanoseconds for a place of the result, forward,"""
        self.time_backward, self.time_weight = _BACKWARD * self.time, _WEIGHT * self.time
        """and for the gradients of x and of the weight."""
        self.runs = [  # (number of the tap, phase, where it begins)
            (reads.taps[i] * self.inner + reads.inner[at], *where)
            for reads in self.reads
            for i, outer in enumerate(_shifts(reads.grid, reads.shift, reads.steps))
            for at, where in enumerate(
                (number, outer + inner)
                for number, grid, shift, steps in reads.phases
                for inner in _shifts(grid, shift, steps)
            )
        ]

    def _read(self, memory: Any, n: int) -> Any:
        """(tap, what it reads of the cells as (groups, 1, cells)) of all taps."""
        for tap, phase, start in self.runs:
            yield tap, memory[phase, :, None, start : start + n * self.plane]

    def forward(self, x: Any, weight: Any, bias: Any, out: Any) -> Callable[[list[Ints], Any], None]:
        """A function that computes some blocks of the convolution into out."""
        factors = weight.reshape(self.groups, self.rows, 1, self.taps)

        def part(blocks: list[Ints], _: Any) -> None:
            memory = None
            for i, j, g, h in blocks:
                memory = self.filled(x[i:j, g:h], memory)
                lines = scratch("y", 2 * (h - g) * self.rows * (j - i) * self.plane, x.dtype)
                y, run = lines.reshape(2, h - g, self.rows, -1)
                for nth, (tap, cells) in enumerate(self._read(memory, j - i)):
                    np.multiply(cells, factors[g:h, :, :, tap], out=run if nth else y)
                    if nth:
                        y += run
                target = out[i:j, g * self.rows : h * self.rows]
                target = target.reshape(j - i, h - g, self.rows, *self.out, copy=False)
                if bias is None:
                    target[...] = self.placed(y, j - i, 0)
                else:
                    shift = bias.reshape(self.groups, self.rows, *(1,) * len(self.out))[g:h]
                    np.add(self.placed(y, j - i, 0), shift, out=target)

        return part

    def backward(self, g: Any, weight: Any, out: Any) -> Callable[[list[Ints], Any], None]:
        """The same for the gradient of x."""
        factors = weight.reshape(self.groups, self.rows, 1, self.taps)

        def part(blocks: list[Ints], _: Any) -> None:
            for i, j, a, b in blocks:
                gradient = self._gradient(g[i:j, a * self.rows : b * self.rows], b - a)
                memory = self.empty(j - i, b - a, g.dtype)
                run = scratch("cols", gradient.size, g.dtype).reshape(gradient.shape)
                for tap, cells in self._read(memory, j - i):
                    np.multiply(gradient, factors[a:b, :, :, tap], out=run)
                    cells += run if self.rows == 1 else run.sum(1, keepdims=True)
                for cells, at in self.cells(memory, j - i):
                    out[i:j, a:b][at] = cells

        return part

    def weight(self, g: Any, x: Any, sums: dict[Ints, Any]) -> Callable[[list[Ints], Any], None]:
        """A function that puts the gradient of the weight from some blocks into sums[first of them]."""

        def part(blocks: list[Ints], _: Any) -> None:
            total = np.zeros((self.groups, self.rows, self.taps), g.dtype)
            memory = None
            for i, j, a, b in blocks:
                memory = self.filled(x[i:j, a:b], memory)
                gradient = self._gradient(g[i:j, a * self.rows : b * self.rows], b - a)
                for tap, cells in self._read(memory, j - i):
                    total[a:b, :, tap] += np.vecdot(gradient.conj(), cells)  # (which conjugates its first)
            sums[blocks[0]] = [total]

        return part

    def weight_of(self, matrices: list[Any], shape: Ints) -> Any:
        """The gradient of the weight from the sum of what `weight` has found."""
        return matrices[0].reshape(shape)

    def _gradient(self, g: Any, groups: int) -> Any:
        """The gradients of some images and groups as (groups, O / groups, cells), zero at the places too many."""
        matrix = scratch("y", groups * self.rows * len(g) * self.plane, g.dtype).reshape(groups, self.rows, -1)
        matrix[...] = 0
        self.placed(matrix, len(g), 0)[...] = g.reshape(len(g), groups, self.rows, *self.out)
        return matrix


def _shifts(grid: Ints, first: int, steps: Ints) -> list[int]:
    """Where each of a grid of taps begins to read."""
    return [first + sum(i * s for i, s in zip(at, steps)) for at in np.ndindex(*grid)]
