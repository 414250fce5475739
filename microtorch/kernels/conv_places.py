"""Convolution of images of a few places: one matrix product for each place of the result, channels last.

On an image of 4x4 a kernel of 3x3 lies partly outside at 12 of 16 places: of 9 taps a place has 6.25 on average, on one
of 2x2 it has 4. Here only they are multiplied. What a place reads is a rectangle of the image, (rows, columns, C), and
as many taps of the weight, (rows, columns, C, O), of which the former is a row of the product's left factor.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from microtorch.kernels import products, threads

__all__ = ["Places"]

Ints = tuple[int, ...]

_PART = 1 << 14  # elements whose copy is worth a thread
_MOST = 64  # places of the result
_LEAST = 1 << 10  # channels of the input times those of the result, and
_IMAGES = 32  # images, below which copies take the time;
_USED, _USED_BY_MORE = 0.8, 0.92  # of the taps at most, the latter if there are twice as many images and channels


class _Place(NamedTuple):
    """One place of the result, the rectangle of the input that it reads, and its taps."""

    at: tuple[int, int]
    read: tuple[slice, slice]
    taps: tuple[slice, slice]


class Places:
    """The geometry of a convolution in two dimensions."""

    def __init__(self, x_shape: Ints, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, out: Ints) -> None:
        self.n, self.c, *self.size = x_shape
        self.pays = False
        self.o, self.kernel, self.out = w_shape[0], w_shape[2:], out
        if self.n < _IMAGES or self.c * self.o < _LEAST or math.prod(out) > _MOST or dilation != (1, 1):
            return
        axes = []
        for n, k, s, p, o in zip(self.size, self.kernel, stride, padding, out):
            first = [i * s - p for i in range(o)]
            taps = [slice(max(0, -f), max(0, -f, min(k, n - f))) for f in first]
            axes.append([(i, slice(f + t.start, f + t.stop), t) for i, (f, t) in enumerate(zip(first, taps))])
        self.places = [_Place((i, j), (a, b), (t, u)) for i, a, t in axes[0] for j, b, u in axes[1]]
        used = sum((t.stop - t.start) * (u.stop - u.start) for _, _, (t, u) in self.places)
        fraction = used / (math.prod(self.kernel) * len(self.places))
        more = self.n >= 2 * _IMAGES and self.c * self.o >= 2 * _LEAST
        self.pays = fraction <= (_USED_BY_MORE if more else _USED)

    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        """The convolution."""
        image, taps = _last(x), _taps(weight)
        out = np.empty((self.n, *self.out, self.o), x.dtype)

        def part(first: int, end: int) -> None:
            for place in self.places[first:end]:
                products.matmul(self._read(image, place), self._part(taps, place), out[:, *place.at])

        self._share(part)
        if bias is not None:
            out += bias
        return _first(out)

    def backward(self, g: Any, weight: Any) -> Any:
        """The gradient of x."""
        up, taps = _last(g), _taps(weight)
        sums: dict[int, Any] = {}

        def part(first: int, end: int) -> None:
            out = np.zeros((self.n, *self.size, self.c), g.dtype)
            for place in self.places[first:end]:
                target = out[:, *place.read]
                target += products.matmul(up[:, *place.at], self._part(taps, place).T).reshape(target.shape)
            sums[first] = out

        self._share(part)
        return _first(_total(sums))

    def weight(self, g: Any, x: Any) -> Any:
        """The gradient of the weight."""
        up, image = _last(g), _last(x)
        sums: dict[int, Any] = {}

        def part(first: int, end: int) -> None:
            out = np.zeros((*self.kernel, self.c, self.o), g.dtype)
            for place in self.places[first:end]:
                target = out[place.taps]
                target += products.matmul(self._read(image, place).T, up[:, *place.at]).reshape(target.shape)
            sums[first] = out

        self._share(part)
        return _laid(_total(sums), (3, 2, 0, 1))

    def _share(self, part: Callable[[int, int], None]) -> None:
        """Call `part(first, end)` for shares of the places, side by side."""
        with threads.with_serial_blas():
            threads.run([functools.partial(part, *share) for share in threads.shares(len(self.places))])

    def _read(self, image: Any, place: _Place) -> Any:
        return image[:, *place.read].reshape(self.n, -1)

    def _part(self, taps: Any, place: _Place) -> Any:
        return taps[place.taps].reshape(-1, self.o)


def _total(sums: dict[int, Any]) -> Any:
    """What the threads have summed, from the first place on."""
    first, *others = sorted(sums)
    for other in others:
        sums[first] += sums[other]
    return sums[first]


def _laid(x: Any, order: tuple[int, ...]) -> Any:
    """A copy with the dimensions in that order, C-contiguous; the threads share it."""
    turned = x.transpose(order)
    if turned.flags.c_contiguous:
        return turned
    out = np.empty(turned.shape, x.dtype)
    threads.split(np.copyto, len(out), out, turned, least=-(-_PART * len(out) // out.size))
    return out


def _last(x: Any) -> Any:
    """x (N, C, H, W) as (N, H, W, C)."""
    return _laid(x, (0, 2, 3, 1))


def _first(x: Any) -> Any:
    """The transpose of `_last`."""
    return _laid(x, (0, 3, 1, 2))


def _taps(weight: Any) -> Any:
    """The weight as (rows, columns, C, O)."""
    return _laid(weight, (2, 3, 1, 0))
