"""Convolution in any number of dimensions, by matrix products (BLAS) over unfolded blocks of the input.

x (N, C, *S), weight (O, C / groups, *K), result (N, O, *out). A *tap* is one place of the kernel. The input is cut, for
stride s, into s phases per dimension (x[a::s]); in its phase a tap then reads the output's places one after the other,
from a fixed shift on. So the unfolded matrix (C * taps, places) is filled tap by tap, a few long copies each, never
element by element. Two ways to lay out the places:

- exact: the output's places, row by row;
- flat: rows as long as the phase's rows. Every tap is then one contiguous piece of memory, at the price of computing some
  places too many at each row's end, which are cut off. It is chosen where copying costs more than computing (few channels).

The three functions are each other's derivatives: forward, its transpose in x, its transpose in weight.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

Ints = tuple[int, ...]

_BLOCK_BYTES = 1 << 21  # of the unfolded matrix: larger ones leave the cache, smaller ones are many short copies
_COPY_COST = 40.0  # output channels for which multiplying one unfolded element costs as much as copying it in short rows


def output_size(size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints) -> Ints:
    """The spatial size of a convolution's result."""
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in zip(size, kernel, stride, padding, dilation)
    )


class _Plan:
    """Where each tap reads: the geometry of one convolution."""

    def __init__(
        self, x_shape: Ints, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int, out: Ints | None = None
    ) -> None:
        self.n, self.c, self.size = x_shape[0], x_shape[1], x_shape[2:]
        self.o, self.kernel = w_shape[0], w_shape[2:]
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups
        self.out = output_size(self.size, self.kernel, stride, padding, dilation) if out is None else out
        reach = [d * (k - 1) for k, d in zip(self.kernel, dilation)]
        self.phase_size = tuple(o + r // s for o, r, s in zip(self.out, reach, stride))
        # the input is its only phase
        self.direct = self.phase_size == self.size and all(s == 1 for s in stride) and not any(padding)
        # each tap: (phase in each dimension, shift in each dimension)
        self.taps = [
            (tuple(k * d % s for k, d, s in zip(at, dilation, stride)), tuple(k * d // s for k, d, s in zip(at, dilation, stride)))
            for at in np.ndindex(*self.kernel)
        ]
        self.phases = sorted({phase for phase, _ in self.taps})
        self.k = self.c // groups * len(self.taps)  # rows of the unfolded matrix, for each group
        waste = math.prod(self.phase_size[1:]) / max(math.prod(self.out[1:]), 1) - 1
        self.flat = waste * self.o / groups < _COPY_COST and waste < 1
        self.row = math.prod(self.phase_size[1:]) if self.flat else math.prod(self.out[1:])  # places in one row
        one_row = 4 * self.k * groups * self.row
        self.rows = max(1, min(self.out[0], _BLOCK_BYTES // max(one_row, 1)))  # rows at a time
        per_image = one_row * self.rows
        self.images = max(1, _BLOCK_BYTES // max(per_image, 1)) if self.rows == self.out[0] else 1  # images at a time

    def blocks(self) -> Any:
        """(first image, end, first row, end) of each block."""
        for i in range(0, self.n, self.images):
            for r in range(0, self.out[0], self.rows):
                yield i, min(i + self.images, self.n), r, min(r + self.rows, self.out[0])

    def split(self, x: Any) -> dict[Ints, Any]:
        """The phases of some images, each (n, C, *phase_size)."""
        if self.direct:
            return {self.phases[0]: x}
        found = {}
        for phase in self.phases:
            part = np.zeros((x.shape[0], x.shape[1], *self.phase_size), x.dtype)
            inner, outer = self._overlap(phase)
            part[(..., *inner)] = x[(..., *outer)]
            found[phase] = part
        return found

    def _overlap(self, phase: Ints) -> tuple[list[slice], list[slice]]:
        """Which elements of a phase lie inside the input, and where there."""
        inner, outer = [], []
        for a, s, p, n, f in zip(phase, self.stride, self.padding, self.size, self.phase_size):
            first = max(0, -((a - p) // s))  # the smallest i with i * s + a - p >= 0
            last = min(f, (n - 1 + p - a) // s + 1)
            last = max(last, first)
            inner.append(slice(first, last))
            outer.append(slice(first * s + a - p, max((last - 1) * s + a - p + 1, 0), s) if last > first else slice(0, 0))
        return inner, outer

    def join(self, parts: dict[Ints, Any], out: Any) -> None:
        """The transpose of `split`: phases added back into `out` (their elements do not overlap)."""
        out[...] = 0
        for phase, part in parts.items():
            inner, outer = self._overlap(phase)
            out[(..., *outer)] = part[(..., *inner)]

    def windows(self, parts: dict[Ints, Any], first: int, end: int) -> Any:
        """For each tap, what it reads for the rows first..end of the output: (C, n, places) or (C, n, *places)."""
        rows = end - first
        for phase, shift in self.taps:
            part = parts[phase]
            if self.flat:
                offset = first * self.row
                offset += _flat_index(shift, self.phase_size)
                length = self.length(rows)
                yield part.reshape(part.shape[0], part.shape[1], -1)[:, :, offset : offset + length].swapaxes(0, 1)
            else:
                key = [slice(shift[0] + first, shift[0] + end)]
                key += [slice(s, s + o) for s, o in zip(shift[1:], self.out[1:])]
                yield part[(..., *key)].swapaxes(0, 1)

    def length(self, rows: int) -> int:
        """In the flat layout: places from the first to the last of some rows, without the tail of the last."""
        return (rows - 1) * self.row + _flat_index(tuple(o - 1 for o in self.out[1:]), self.phase_size[1:]) + 1

    def unfold(self, parts: dict[Ints, Any], first: int, end: int, buffer: Any) -> Any:
        """The unfolded matrix of a block: (groups, C / groups * taps, n * places)."""
        n = next(iter(parts.values())).shape[0]
        places = (end - first) * self.row
        cols = buffer[: self.c * len(self.taps) * n * places].reshape(self.c, len(self.taps), n, places)
        if self.flat:
            length = self.length(end - first)
            for t, source in enumerate(self.windows(parts, first, end)):
                cols[:, t, :, :length] = source
            if length < places:
                cols[..., length:] = 0
        else:
            spread = cols.reshape(self.c, len(self.taps), n, end - first, *self.out[1:])
            for t, source in enumerate(self.windows(parts, first, end)):
                spread[:, t] = source
        return cols.reshape(self.groups, self.k, n * places)

    def fold(self, cols: Any, parts: dict[Ints, Any], first: int, end: int) -> None:
        """The transpose of `unfold`: the matrix added into the phases."""
        n = next(iter(parts.values())).shape[0]
        cols = cols.reshape(self.c, len(self.taps), n, -1)
        if self.flat:
            length = self.length(end - first)
            for t, target in enumerate(self.windows(parts, first, end)):
                target += cols[:, t, :, :length]
        else:
            cols = cols.reshape(self.c, len(self.taps), n, end - first, *self.out[1:])
            for t, target in enumerate(self.windows(parts, first, end)):
                target += cols[:, t]

    def placed(self, a: Any, first: int, end: int) -> Any:
        """Values (O, n * places) seen as (n, O, rows, *out[1:]), without what the flat layout computes too much."""
        wide = self.phase_size[1:] if self.flat else self.out[1:]
        seen = a.reshape(self.o, -1, end - first, *wide).swapaxes(0, 1)
        return seen[(..., *(slice(o) for o in self.out[1:]))] if self.flat else seen

    def buffer(self, rows_of_matrix: int, dtype: Any) -> Any:
        """Memory for the largest block."""
        return np.empty(rows_of_matrix * min(self.images, self.n) * self.rows * self.row, dtype)


def _flat_index(at: Ints, shape: Ints) -> int:
    index = 0
    for i, n in zip(at, shape):
        index = index * n + i
    return index


def _single_for_half(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """Half precision is computed in single."""

    @functools.wraps(kernel)
    def call(x: Any, y: Any, *rest: Any) -> Any:
        if x.dtype == np.float16:
            rest = tuple(a.astype(np.float32) if isinstance(a, np.ndarray) else a for a in rest)
            return kernel(x.astype(np.float32), y.astype(np.float32), *rest).astype(np.float16)
        return kernel(x, y, *rest)

    return call


@_single_for_half
def conv(
    x: Any, weight: Any, bias: Any, stride: Ints, padding: Ints, dilation: Ints, groups: int, size: Ints | None = None
) -> Any:
    """The convolution (cross-correlation) of x with weight, plus bias; `size`: of the result, if it is not all that fits."""
    plan = _Plan(x.shape, weight.shape, stride, padding, dilation, groups, size)
    out = np.empty((plan.n, plan.o, *plan.out), x.dtype)
    if out.size == 0:
        return out
    if plan.k == 0:
        out[...] = 0
    elif plan.direct and len(plan.taps) == 1 and groups == 1 and math.prod(plan.out) >= 64:
        flat = out.reshape(plan.n, plan.o, -1)
        np.matmul(weight.reshape(plan.o, plan.c), x.reshape(plan.n, plan.c, -1), out=flat)
        if bias is not None:
            flat += bias[:, None]
        return out
    x = np.ascontiguousarray(x)
    # transposed in memory: BLAS is a fifth faster so
    w = np.ascontiguousarray(weight.reshape(groups, plan.o // groups, plan.k).swapaxes(1, 2)).swapaxes(1, 2)
    cols_buffer, y_buffer = plan.buffer(plan.k * groups, x.dtype), plan.buffer(plan.o, x.dtype)
    parts: dict[Ints, Any] = {}
    at = -1
    shift = None if bias is None else bias.reshape(-1, *(1,) * len(plan.out))
    for i, j, r, e in plan.blocks():
        if at != i:
            parts, at = plan.split(x[i:j]), i
        cols = plan.unfold(parts, r, e, cols_buffer)
        y = y_buffer[: plan.o * cols.shape[2]].reshape(groups, plan.o // groups, cols.shape[2])
        np.matmul(w, cols, out=y)
        target = out[i:j, :, r:e]
        if shift is None:
            target[...] = plan.placed(y, r, e)
        else:
            np.add(plan.placed(y, r, e), shift, out=target)
    return out


def _gradient_matrix(plan: _Plan, g: Any, buffer: Any, i: int, j: int, r: int, e: int) -> Any:
    """g's block as (groups, O / groups, n * places), zero where the flat layout has places too many."""
    places = (j - i) * (e - r) * plan.row
    matrix = buffer[: plan.o * places].reshape(plan.o, places)
    if plan.flat and plan.row != math.prod(plan.out[1:]):
        matrix[...] = 0
    plan.placed(matrix, r, e)[...] = g[i:j, :, r:e]
    return matrix.reshape(plan.groups, plan.o // plan.groups, places)


@_single_for_half
def conv_input(g: Any, weight: Any, x_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> Any:
    """The gradient of x, given g, that of the result; linear in g and in weight."""
    plan = _Plan(x_shape, weight.shape, stride, padding, dilation, groups, g.shape[2:])
    if 0 in x_shape or g.size == 0 or plan.k == 0:
        return np.zeros(x_shape, g.dtype)
    if plan.direct and len(plan.taps) == 1 and groups == 1 and math.prod(plan.out) >= 64:
        return np.matmul(weight.reshape(plan.o, plan.c).T, g.reshape(plan.n, plan.o, -1)).reshape(x_shape)
    w = weight.reshape(groups, plan.o // groups, plan.k).swapaxes(1, 2)
    out = np.zeros(x_shape, g.dtype) if plan.direct else np.empty(x_shape, g.dtype)
    g_buffer, cols_buffer = plan.buffer(plan.o, g.dtype), plan.buffer(plan.k * groups, g.dtype)
    parts: dict[Ints, Any] = {}
    for i, j, r, e in plan.blocks():
        if r == 0:
            if plan.direct:
                parts = {plan.phases[0]: out[i:j]}
            else:
                parts = {phase: np.zeros((j - i, plan.c, *plan.phase_size), g.dtype) for phase in plan.phases}
        matrix = _gradient_matrix(plan, g, g_buffer, i, j, r, e)
        cols = cols_buffer[: groups * plan.k * matrix.shape[2]].reshape(groups, plan.k, matrix.shape[2])
        np.matmul(w, matrix, out=cols)
        plan.fold(cols, parts, r, e)
        if e == plan.out[0] and not plan.direct:
            plan.join(parts, out[i:j])
    return out


@_single_for_half
def conv_weight(g: Any, x: Any, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int) -> Any:
    """The gradient of weight, given g, that of the result; linear in g and in x."""
    plan = _Plan(x.shape, w_shape, stride, padding, dilation, groups, g.shape[2:])
    out = np.zeros((groups, plan.o // groups, plan.k), g.dtype)
    if out.size == 0 or g.size == 0:
        return out.reshape(w_shape)
    x = np.ascontiguousarray(x)
    g_buffer, cols_buffer = plan.buffer(plan.o, g.dtype), plan.buffer(plan.k * groups, g.dtype)
    part = np.empty_like(out)
    parts: dict[Ints, Any] = {}
    for i, j, r, e in plan.blocks():
        if r == 0:
            parts = plan.split(x[i:j])
        matrix = _gradient_matrix(plan, g, g_buffer, i, j, r, e)
        cols = plan.unfold(parts, r, e, cols_buffer)
        np.matmul(matrix, cols.swapaxes(1, 2), out=part)
        out += part
    return out.reshape(w_shape)


def conv_transpose(
    x: Any, weight: Any, bias: Any, shape: Ints, stride: Ints, padding: Ints, dilation: Ints, groups: int
) -> Any:
    """`conv_input` of x to a result of this shape (N, C, *S), plus bias."""
    out = conv_input(x, weight, shape, stride, padding, dilation, groups)
    if bias is not None:
        out += bias.reshape(-1, *(1,) * (len(shape) - 2))
    return out
