"""Convolution with kernels of 3x3 by fewer products, as Lavin and Gray do it (Fast Algorithms for Convolutional Neural
Networks, 2016, section 4; the identity is Winograd's, Arithmetic Complexity of Computations, 1980).

The result is cut into tiles of 2x2 places, each of which depends on 4x4 places d of the input. With

          [1  0 -1  0]          [ 1    0    0 ]
    B^T = [0  1  1  0]      G = [1/2  1/2  1/2]      A^T = [1  1  1  0]
          [0 -1  1  0]          [1/2 -1/2  1/2]            [0  1 -1 -1]
          [0  1  0 -1]          [ 0    0    1 ]

a tile is A^T [(G w G^T) * (B^T d B)] A, with 16 products instead of 36, summed over the channels before A is applied:
16 matrix products. The gradient of the weight is the transpose of that in w.

Tiles lie two places apart, so the input is kept as its four *phases* (even and odd rows and columns). What B^T adds are
then whole phases and the same ones a row or a place further on: each is one pass over contiguous memory. At the end of
each phase's rows there are values that belong to no tile; they are not copied to the result.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from microtorch.kernels import threads
from microtorch.kernels.pointwise import quiet
from microtorch.kernels.scratch import scratch

__all__ = ["convolve", "correlate", "pays"]

Ints = tuple[int, ...]

_G = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]]) / 2
_BOTH = np.kron(_G, _G)  # (16, 9): w to G w G^T

_BLOCK = 3 << 13  # elements of one of the 16 matrices; twice as many if it has few rows
# nanoseconds: a multiply-add; all passes over a channel's place; the same if all products are made (`conv_flat`)
_MULTIPLY, _PASS, _PASS_ALL = 0.0185, 0.48, 0.8


@functools.lru_cache(maxsize=512)
def pays(x_shape: Ints, w_shape: Ints, stride: Ints, dilation: Ints, groups: int, out: Ints) -> bool:
    """Whether this convolution can be done so, and has enough channels and places for it, by the times of each."""
    if w_shape[2:] != (3, 3) or groups != 1 or stride != (1, 1) or dilation != (1, 1) or min(out) < 4:
        return False
    o, c = w_shape[:2]
    products = 16 * -(-out[0] // 2) * (-(-out[1] // 2) + 1) / (out[0] * out[1])  # for a place and two channels
    all_products = 9 * (1 + 1 / out[0]) * (1 + 1 / out[1])
    saved = (all_products - products) * o * c * _MULTIPLY
    lost = (products * _PASS - _PASS_ALL) * (o + c)
    return min(o, c) >= 16 and saved > lost and x_shape[0] * math.prod(out) >= 256


class _Tiles:
    """How a convolution is cut: blocks of some images and some rows of tiles."""

    def __init__(self, images: int, out: Ints, rows: int) -> None:
        """rows: of the larger one of the matrices."""
        self.out = out
        high, self.width = -(-out[0] // 2), -(-out[1] // 2) + 1  # of a phase, which has a column more than tiles
        fitting = (_BLOCK if rows > 64 else 2 * _BLOCK) // rows
        blocks = -(-high // max(2, min(high, fitting // self.width)))
        self.high = -(-high // blocks)  # rows of tiles
        self.images = max(1, min(images, fitting // (self.high * self.width))) if blocks == 1 else 1

    def blocks(self, first: int, end: int) -> Iterator[tuple[int, int, int]]:
        """(first image, end, first row of the result)"""
        for i in range(first, end, self.images):
            for row in range(0, self.out[0], 2 * self.high):
                yield i, min(i + self.images, end), row

    def phases(self, a: Any, rows: int, first: Ints, use: str) -> Any:
        """(2, 2, channels, rows * images * width): the elements of a from `first` on, zero where there are none."""
        shape = (2, 2, a.shape[1], rows, a.shape[0], self.width)
        memory = scratch(use, math.prod(shape), a.dtype).reshape(shape)
        for row in (0, 1):
            for column in (0, 1):
                inside, to_rows = _inside(first[0] + row, a.shape[2], rows)
                along, to_columns = _inside(first[1] + column, a.shape[3], self.width)
                part = memory[row, column]
                if to_rows != slice(0, rows) or to_columns != slice(0, self.width):
                    part[...] = 0
                part[:, to_rows, :, to_columns] = a[:, :, inside, along].transpose(1, 2, 0, 3)
        return memory.reshape(2, 2, a.shape[1], -1)

    def spread(self, x: Any, padding: Ints, row: int) -> Any:
        """B^T d B of the tiles of some images from a row of the result on, (16, channels, all)."""
        phases = self.phases(x, self.high + 1, (row - padding[0], -padding[1]), "phases")
        channels, n = phases.shape[2:]
        phases = phases.reshape(2, 2, -1)
        half = scratch("half", 4 * phases.size // 2, x.dtype).reshape(4, 2, -1)
        full = scratch("tiles", 4 * phases.size, x.dtype).reshape(4, 4, -1)
        _differences(phases[0], phases[1], len(x) * self.width, half)
        _differences(half[:, 0], half[:, 1], 1, full.swapaxes(0, 1))
        return full.reshape(16, channels, n)[:, :, : self.high * len(x) * self.width]


def _inside(at: int, size: int, n: int) -> tuple[slice, slice]:
    """Which of `size` elements are among the n ones two apart from `at` on, and which of the n those are."""
    low = min(n, max(0, -(at // 2)))
    high = max(low, min(n, (size - 1 - at) // 2 + 1))
    return slice(at + 2 * low, at + 2 * high, 2) if high > low else slice(0, 0), slice(low, high)


def _differences(even: Any, odd: Any, step: int, out: Any) -> None:
    """B^T along one dimension, for all tiles: of d = (even, odd, even `step` further, odd `step` further)."""
    n = even.shape[-1] - step
    next_even = even[..., step:]
    np.subtract(even[..., :n], next_even, out=out[0, ..., :n])
    np.add(odd[..., :n], next_even, out=out[1, ..., :n])
    np.subtract(next_even, odd[..., :n], out=out[2, ..., :n])
    np.subtract(odd[..., :n], odd[..., step:], out=out[3, ..., :n])
    out[..., n:] = 0


def _sums(m: Any, out: Any) -> None:
    """A^T along the first dimension."""
    np.add(m[0], m[1], out=out[0])
    out[0] += m[2]
    np.subtract(m[1], m[2], out=out[1])
    out[1] -= m[3]


def _transposed_sums(y: Any, out: Any) -> None:
    """A along the first dimension."""
    out[0] = y[0]
    np.add(y[0], y[1], out=out[1])
    np.subtract(y[0], y[1], out=out[2])
    np.negative(y[1], out=out[3])


def _transformed_weight(w: Any, turned: bool) -> Any:
    """G w G^T, (16, O, C); turned: of the weight turned around, channels exchanged."""
    both = _BOTH[:, ::-1] if turned else _BOTH
    with threads.with_serial_blas():
        u = np.matmul(both.astype(w.dtype), w.reshape(-1, 9).T).reshape(16, *w.shape[:2])
    return u.swapaxes(1, 2) if turned else u


def _weight_gradient(u: Any) -> Any:
    """G^T u G of (16, O, C): (O, C, 3, 3)."""
    with threads.with_serial_blas():
        return np.matmul(u.reshape(16, -1).T, _BOTH.astype(u.dtype)).reshape(*u.shape[1:], 3, 3)


def convolve(
    x: Any, weight: Any, bias: Any, padding: Ints, out: Any, turned: bool = False
) -> Callable[[int, int, Any], None]:
    """A function that computes the images from a first to an end of the convolution into out, by a given matmul.

    turned: with the weight turned around, its channels exchanged: the gradient of a convolution's x, for g as x.
    """
    u = _transformed_weight(weight, turned)
    o, c = u.shape[1:]
    tiles = _Tiles(len(x), out.shape[2:], max(o, c))
    shift = None if bias is None else bias.reshape(-1, 1, 1)

    @quiet
    def part(first: int, end: int, matmul: Any) -> None:
        for i, j, row in tiles.blocks(first, end):
            v = tiles.spread(x[i:j], padding, row)
            n = o * v.shape[-1]
            m = scratch("products", 16 * n, x.dtype).reshape(16, o, -1)
            matmul(u, v, out=m)
            half = scratch("half", 8 * n, x.dtype).reshape(2, 4, n)
            y = scratch("tiles", 4 * n, x.dtype).reshape(2, 2, n)
            _sums(m.reshape(4, 4, n), half)
            _sums(half.swapaxes(0, 1), y.swapaxes(0, 1))
            y = y.reshape(2, 2, o, tiles.high, j - i, tiles.width).transpose(0, 1, 4, 2, 3, 5)
            for a in (0, 1):
                for b in (0, 1):
                    target = out[i:j, :, row + a : row + 2 * tiles.high : 2, b::2]
                    source = y[a, b, :, :, : target.shape[2], : target.shape[3]]
                    if shift is None:
                        target[...] = source
                    else:
                        np.add(source, shift, out=target)

    return part


def correlate(g: Any, x: Any, padding: Ints, sums: dict[int, Any]) -> Callable[[int, int, Any], None]:
    """A function that puts the gradient of the weight from some images into sums[first image], by a given matmul."""
    o, c = g.shape[1], x.shape[1]
    tiles = _Tiles(len(x), g.shape[2:], max(o, c))

    @quiet
    def part(first: int, end: int, matmul: Any) -> None:
        total = np.zeros((16, o, c), x.dtype)
        product = np.empty_like(total)
        for i, j, row in tiles.blocks(first, end):
            v = tiles.spread(x[i:j], padding, row)
            y = tiles.phases(g[i:j, :, row : row + 2 * tiles.high], tiles.high, (0, 0), "phases").reshape(2, 2, -1)
            half = scratch("half", 2 * y.size, g.dtype).reshape(4, 2, -1)
            m = scratch("products", 4 * y.size, g.dtype).reshape(4, 4, -1)
            _transposed_sums(y, half)
            _transposed_sums(half.swapaxes(0, 1), m.swapaxes(0, 1))
            matmul(m.reshape(16, o, -1), v.swapaxes(1, 2), out=product)
            total += product
        sums[first] = _weight_gradient(total)

    return part
