"""Functions of one variable by polynomials: fitted once, when first asked for, then a few fast passes per block.

A function that is smooth in t from -1 to 1 is interpolated at Chebyshev's points, where the error falls geometrically
with the degree (L. N. Trefethen, "Approximation Theory and Approximation Practice" (2013), chapter 8). Its definition
may be slow: it is computed at a few dozen points only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch.kernels.quiet import silence

BLOCK = 16384  # elements at a time: what a function needs of them stays in the processor's cache


@functools.cache
def polynomial(function: Callable[[Any], Any], degree: int) -> tuple[float, ...]:
    """The coefficients, of the highest power first, of the polynomial that interpolates `function` on [-1, 1]."""
    n = degree + 1
    odd = 2 * np.arange(n) + 1
    turns = np.outer(np.arange(n), odd) % (4 * n)  # in whole numbers: the cosine of a large angle would lose digits
    weights = np.cos(turns * (np.pi / (2 * n))) @ function(np.cos(odd * (np.pi / (2 * n)))) * (2 / n)
    weights[0] /= 2
    total, last, this = np.zeros(n), np.zeros(n), np.zeros(n)
    this[0] = 1
    for k in range(n):  # Chebyshev's polynomials by powers: T(k + 1) = 2 t T(k) - T(k - 1)
        total += weights[k] * this
        last, this = this, (1 if k == 0 else 2) * np.roll(this, 1) - last
    return tuple(total[::-1].tolist())


@functools.cache
def numbers(values: tuple[float, ...], dtype: Any) -> list[Any]:
    """The numbers as 0-d arrays: a Python number or a NumPy scalar is converted anew in each call."""
    return [np.array(v, dtype) for v in values]


def horner(t: Any, coefficients: tuple[float, ...]) -> Any:
    """The polynomial, its highest power's coefficient first."""
    head, following, *rest = numbers(coefficients, t.dtype)
    out = np.asarray(t * head)
    out += following
    for c in rest:
        out *= t
        out += c
    return out


def in_blocks(x: Any, function: Callable[[Any], Any], dtype: Any = None) -> Any:
    """function(block) for all elements, the blocks being in `dtype` (default: x's; float16 is computed in float32).

    The result has x's dtype.
    """
    kind = np.dtype(dtype or (np.float32 if x.dtype == np.float16 else x.dtype))
    with silence():
        if x.size <= BLOCK:
            found = function(x.astype(kind, copy=False).reshape(-1))
            return found.astype(x.dtype, copy=False).reshape(x.shape)
        out = np.empty(x.shape, x.dtype)
        flat, results = x.reshape(-1), out.reshape(-1)
        for start in range(0, flat.size, BLOCK):
            results[start : start + BLOCK] = function(flat[start : start + BLOCK].astype(kind, copy=False))
    return out
