"""Depthwise convolution of small images by matrix products with banded matrices.

With one channel in a group there is no product of matrices to make of the taps alone: BLAS would read nine numbers for
nine multiply-adds. But some rows of the result, seen as one vector of a few rows of the input, are a linear function
of it: a matrix, most of whose elements are zero, that is the same for all images. So the batch is the product's third
side, and x and the result are read and written where they are. For rows of 16 places that is five times the necessary
multiply-adds, and faster still.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch.kernels.pointwise import quiet

__all__ = ["Bands"]

Ints = tuple[int, ...]

_CALL, _COLUMN, _ELEMENT, _FILL = 0.4, 0.028, 12.0, 0.15  # nanoseconds, as `_cost` adds them up
_BACKWARD, _WEIGHT = 1.5, 1.25  # times as long as forward the gradients take: more for the passes over the matrices


class Bands:
    """The geometry: bands of `high` rows of the result, and the rows of x that they read."""

    def __init__(self, x_shape: Ints, w_shape: Ints, stride: Ints, padding: Ints, dilation: Ints, out: Ints) -> None:
        self.n, self.c, height, width = x_shape
        self.many = w_shape[0] // self.c  # kernels of a channel
        self.kernel, self.out = w_shape[2:], out
        (self.step, _), (between, _) = stride, dilation
        self.reach = between * (self.kernel[0] - 1) + 1
        self.high = min(range(1, out[0] + 1), key=lambda high: self._cost(high, width))
        rows = self.step * (self.high - 1) + self.reach  # of x, in a band
        self.shape = (rows * width, self.high * out[1])  # of the matrix
        # [tap, place of the band] of the matrix: whether it reads an element of x, and which
        t, u, i, j = (index.reshape(-1) for index in np.indices((*self.kernel, self.high, out[1])))
        column = j * stride[1] - padding[1] + u * dilation[1]
        inside = (column >= 0) & (column < width)
        element = (i * self.step + t * between) * width + column
        self.at = (element * self.shape[1] + i * out[1] + j)[inside]
        self.tap = (t * self.kernel[1] + u)[inside]
        self.bands = []  # (elements of x, rows of the matrix, columns, places of the result)
        for first in range(0, out[0], self.high):
            end, origin = min(first + self.high, out[0]), first * self.step - padding[0]
            low = max(origin, 0)
            high = max(low, min(origin + rows, height))
            self.bands.append(
                (
                    slice(low * width, high * width),
                    slice((low - origin) * width, (high - origin) * width),
                    slice((end - first) * out[1]),
                    slice(first * out[1], end * out[1]),
                )
            )
        self.work = self.many * self.n * out[0] * out[1] * self.shape[0]  # multiply-adds of a channel
        self.time = self._cost(self.high, width) if self.n >= 8 else math.inf
        """Nanoseconds for a place of the result, forward,"""
        self.time_backward, self.time_weight = _BACKWARD * self.time, _WEIGHT * self.time
        """and for the gradients of x and of the weight."""

    def _cost(self, high: int, width: int) -> float:
        """Nanoseconds for a place of the result, by bands of so many rows."""
        elements = (self.step * (high - 1) + self.reach) * width
        return _CALL + _COLUMN * elements + _ELEMENT / (high * self.out[1]) + _FILL * elements * high / (
            self.n * self.out[0]
        )  # fmt: skip

    def matrices(self, weight: Any) -> Any:
        """(channels, kernels of each, *shape)"""
        found = np.zeros((weight.shape[0], math.prod(self.shape)), weight.dtype)
        found[:, self.at] = weight.reshape(len(weight), -1)[:, self.tap]
        return found.reshape(-1, self.many, *self.shape)

    def _images(self, x: Any, channels: slice) -> Any:
        """x as (channels, 1, n, places)"""
        return x.reshape(self.n, self.c, 1, -1)[:, channels].transpose(1, 2, 0, 3)

    def _results(self, y: Any, channels: slice) -> Any:
        """y as (channels, kernels of each, n, places)"""
        return y.reshape(self.n, self.c, self.many, -1)[:, channels].transpose(1, 2, 0, 3)

    def forward(self, x: Any, weight: Any, shift: Any, out: Any) -> Callable[[int, int, Any], None]:
        """A function that computes the channels from a first to an end of the convolution into out."""

        @quiet
        def part(first: int, end: int, _: Any) -> None:
            channels = slice(first, end)
            matrices = self.matrices(weight[first * self.many : end * self.many])
            images, results = self._images(x, channels), self._results(out, channels)
            for elements, rows, columns, places in self.bands:
                np.matmul(images[..., elements], matrices[:, :, rows, columns], out=results[..., places])
            if shift is not None:
                results += shift.reshape(self.c, self.many, 1, 1)[channels]

        return part

    def backward(self, g: Any, weight: Any, out: Any) -> Callable[[int, int, Any], None]:
        """The same for the gradient of x."""

        @quiet
        def part(first: int, end: int, _: Any) -> None:
            channels = slice(first, end)
            matrices = self.matrices(weight[first * self.many : end * self.many])
            images, results = self._images(out, channels), self._results(g, channels)
            images[...] = 0
            for elements, rows, columns, places in self.bands:
                product = np.matmul(results[..., places], matrices[:, :, rows, columns].swapaxes(2, 3))
                images[..., elements] += product if self.many == 1 else product.sum(1, keepdims=True)

        return part

    def weight(self, g: Any, x: Any, out: Any) -> Callable[[int, int, Any], None]:
        """The same for the gradient of the weight."""

        @quiet
        def part(first: int, end: int, _: Any) -> None:
            channels = slice(first, end)
            images, results = self._images(x, channels).swapaxes(2, 3), self._results(g, channels)
            total = np.zeros((end - first, self.many, *self.shape), g.dtype)
            for elements, rows, columns, places in self.bands:
                total[:, :, rows, columns] += np.matmul(images[:, :, elements], results[..., places])
            read = total.reshape(-1, math.prod(self.shape))[:, self.at]
            for tap in range(math.prod(self.kernel)):
                read[:, self.tap == tap].sum(1, out=out[first * self.many : end * self.many, tap])

        return part
