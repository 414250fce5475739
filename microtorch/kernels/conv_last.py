"""Convolution by matrix products, of images with their channels last: what a row of taps reads is one run of memory.

Unfolded from x (N, C, *S), a place of the output gets its row of taps from as many places of memory as there are taps
and channels. With the channels last, (N, *S, C), they lie side by side: the unfolded matrix, (places, taps * C), is
copied in pieces of a kernel's width times C numbers. So no place is computed that the output does not have (as in
`kernels.conv_flat`, where these are a fourth of 16x16 places for a kernel of 5x5), and short rows cost nothing. The
price is the transposition of x, the same for kernels of any size: it pays for large ones, and for small images.

The gradient of x is a convolution of g for each *residue*: the places of x that lie as far from each other as the
windows do read the same taps of the weight, turned around.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from microtorch.kernels import blas, threads
from microtorch.kernels.conv_flat import product_time
from microtorch.kernels.scratch import scratch

__all__ = ["Last"]

Ints = tuple[int, ...]

_BLOCK_BYTES = 1 << 21  # of the unfolded matrix
_PART = 1 << 21  # multiply-adds from which a part is worth a thread
_THIN = 8  # channels that are copied one by one
_FEW = 64  # places, below which images are multiplied together
# nanoseconds: to transpose an element, to begin a piece, to copy an element of it; of a result that is copied
_TRANSPOSE, _PIECE, _COPY, _PLACE = 1.0, 3.4, 0.1, 0.3


class _Axis(NamedTuple):
    """One dimension of some places of the result that read the same taps."""

    target: slice  # the places,
    places: int  # how many these are
    taps: slice
    kernel: int  # how many taps these are
    first: int  # what the first place's first tap reads,
    step: int  # how far from that is what the next place reads,
    between: int  # and the next tap


def _forward(n: int, k: int, s: int, p: int, d: int, o: int) -> list[_Axis]:
    return [_Axis(slice(0, o), o, slice(0, k), k, -p, s, d)]


def _backward(n: int, k: int, s: int, p: int, d: int, o: int) -> list[_Axis]:
    """A residue after the other; the taps from the last one on, as what they read of g begins with that."""
    if s == 1:
        return [_Axis(slice(0, n), n, slice(None, None, -1), k, p - d * (k - 1), 1, d)]
    axes = []
    for a in range(min(s, n)):
        taps = range((a + p) % s, k, s)  # (without dilation)
        last = taps[-1] if taps else 0
        turned = slice(last, None, -s) if taps else slice(0)
        axes.append(_Axis(slice(a, n, s), len(range(a, n, s)), turned, len(taps), (a + p - last) // s, 1, 1))
    return axes


class Last:
    """The geometry of one convolution, or of the gradient of its x."""

    def __init__(
        self, x_shape: Ints, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, out: Ints, backward: bool
    ) -> None:
        self.n, self.turned = x_shape[0], backward
        size, kernel = x_shape[2:], w_shape[2:]
        self.rows, self.c = (w_shape[1], w_shape[0]) if backward else w_shape[:2]  # channels of the result, and of x
        axes = [(_backward if backward else _forward)(*d) for d in zip(size, kernel, stride, padding, dilation, out)]
        self.ahead = tuple(max(0, *(-a.first for a in axis)) for axis in axes)  # zeros before x
        self.size = tuple(
            max(h + a.first + (a.places - 1) * a.step + (a.kernel - 1) * a.between + 1 for a in axis)
            for h, axis in zip(self.ahead, axes)
        )
        self.inside = [max(0, min(n, w - h)) for n, w, h in zip(out if backward else size, self.size, self.ahead)]
        self.parts = list(itertools.product(*axes))
        self.work = self.rows * self.c * sum(math.prod(a.places * a.kernel for a in part) for part in self.parts)
        self.time = _TRANSPOSE * self.c * math.prod(self.size) + sum(self._time(part) for part in self.parts)
        """Nanoseconds for an image."""

    def _time(self, part: tuple[_Axis, ...]) -> float:
        places, k = math.prod(a.places for a in part), self._wide(part)
        copied = _PLACE * self.rows if len(self.parts) > 1 or places < _FEW else 0
        piece = max(self.c * part[-1].kernel, 1)
        return places * (product_time(self.rows, k) + k * (_COPY + _PIECE / piece) + copied)

    def _wide(self, part: tuple[_Axis, ...]) -> int:
        """Columns of the unfolded matrix."""
        return self.c * math.prod(a.kernel for a in part)

    def _matrices(self, weight: Any) -> list[Any]:
        """For each part the weights of its taps, (channels of the result, taps * C)."""
        taps = tuple(range(2, weight.ndim))
        last = np.ascontiguousarray(weight.transpose(*((1, *taps, 0) if self.turned else (0, *taps, 1))))
        return [
            last[(slice(None), *(a.taps for a in part))].reshape(self.rows, self._wide(part)) for part in self.parts
        ]

    def _share(self, work: Callable[[list[tuple[int, int]], Any], None]) -> None:
        """Call `work(blocks, matmul)` for shares of the blocks of images (first, end), side by side."""
        most = max(4 * math.prod(a.places for a in part) * self._wide(part) for part in self.parts)
        count = max(1, min(threads.count(), self.n, self.work * self.n // _PART))
        pieces = -(-self.n // max(1, _BLOCK_BYTES // max(most, 1)))
        images = -(-self.n // (-(-pieces // count) * count))
        blocks = [(i, min(i + images, self.n)) for i in range(0, self.n, images)]
        if count == 1:
            work(blocks, blas.matmul)
            return
        with threads.with_serial_blas():
            threads.run([functools.partial(work, blocks[i:j], np.matmul) for i, j in threads.shares(len(blocks))])

    def _filled(self, x: Any, before: Any) -> Any:
        """x, (n, *size, C), with zeros around it; in the memory of `before`, if it fits."""
        if before is None or len(before) < len(x):
            shape = (len(x), *self.size, self.c)
            before = scratch("phases", math.prod(shape), x.dtype).reshape(shape)
            before[...] = 0
        inner = tuple(slice(h, h + n) for h, n in zip(self.ahead, self.inside))
        read = tuple(slice(0, n) for n in self.inside)
        target, source = before[(slice(0, len(x)), *inner)], x[(..., *read)]
        if self.c <= _THIN:
            for c in range(self.c):
                target[..., c] = source[:, c]
        else:
            target[...] = np.moveaxis(source, 1, -1)
        return before

    def _unfolded(self, memory: Any, n: int, part: tuple[_Axis, ...]) -> Iterator[tuple[int, int, Any]]:
        """(first row of places, end, unfolded matrix (n, places, taps * C)), a block of rows after the other."""
        strides, counts = memory.strides[1:-1], [a.places for a in part]
        k, row = self._wide(part), math.prod(counts[1:])
        high = max(1, min(counts[0], _BLOCK_BYTES // max(4 * n * k * row, 1)))
        for r in range(0, counts[0], high):
            e = min(r + high, counts[0])
            first = [h + a.first for h, a in zip(self.ahead, part)]
            first[0] += r * part[0].step
            source = np.ndarray(
                (n, e - r, *counts[1:], *(a.kernel for a in part), self.c),
                memory.dtype,
                memory,
                sum(f * s for f, s in zip(first, strides)),
                (memory.strides[0], *(a.step * s for a, s in zip(part, strides)),
                 *(a.between * s for a, s in zip(part, strides)), memory.itemsize),
            )  # fmt: skip
            matrix = scratch("cols", source.size, memory.dtype)
            matrix.reshape(source.shape)[...] = source
            yield r, e, matrix.reshape(n, (e - r) * row, k)

    def convolve(self, x: Any, weight: Any, bias: Any, out: Any) -> None:
        """The convolution of x, plus bias, into out; or, given g as x, its gradient."""
        matrices = self._matrices(weight)
        shift = None if bias is None else bias.reshape(-1, *(1,) * (out.ndim - 2))

        def work(blocks: list[tuple[int, int]], matmul: Any) -> None:
            memory = None
            for i, j in blocks:
                memory = self._filled(x[i:j], memory)
                for part, matrix in zip(self.parts, matrices):
                    places = out[(slice(i, j), slice(None), *(a.target for a in part))]
                    if not matrix.size:
                        places[...] = 0
                        continue
                    for r, e, columns in self._unfolded(memory, j - i, part):
                        target = places[:, :, r:e]
                        if len(self.parts) == 1 and columns.shape[1] >= _FEW:  # it is one piece of each channel
                            row = columns.shape[1] // (e - r)
                            y = out.reshape(*out.shape[:2], -1)[i:j, :, r * row : e * row]
                            matmul(matrix, columns.swapaxes(1, 2), out=y)
                            if shift is not None:
                                target += shift
                            continue
                        y = scratch("y", target.size, out.dtype).reshape(self.rows, -1)
                        matmul(matrix, columns.reshape(-1, columns.shape[2]).T, out=y)
                        y = y.reshape(self.rows, j - i, *target.shape[2:]).swapaxes(0, 1)
                        if shift is None:
                            target[...] = y
                        else:
                            np.add(y, shift, out=target)

        self._share(work)

    def weight(self, g: Any, x: Any, shape: Ints) -> Any:
        """The gradient of the weight."""
        (part,) = self.parts
        sums: dict[int, Any] = {}

        def work(blocks: list[tuple[int, int]], matmul: Any) -> None:
            memory, total = None, np.zeros((self.rows, self._wide(part)), g.dtype)
            for i, j in blocks:
                memory = self._filled(x[i:j], memory)
                for r, e, columns in self._unfolded(memory, j - i, part):
                    some = g[i:j, :, r:e].swapaxes(0, 1)
                    above = scratch("y", some.size, g.dtype)
                    above.reshape(some.shape)[...] = some
                    total += matmul(above.reshape(self.rows, -1), columns.reshape(-1, columns.shape[2]))
            sums[blocks[0][0]] = total

        self._share(work)
        first, *others = sorted(sums)
        for other in others:
            sums[first] += sums[other]
        return np.ascontiguousarray(np.moveaxis(sums[first].reshape(shape[0], *shape[2:], shape[1]), -1, 1))
