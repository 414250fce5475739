"""Sobol's sequences of points that fill a cube evenly (Sobol 1967), with Joe and Kuo's direction numbers (2008).

Point number n is the exclusive or of direction numbers, one for each bit that is set in the Gray code of n; from one
point to the next a single bit of that code changes, and so a single direction number is applied (Antonov and Saleev
1979). Points are kept as integers of BITS bits: divided by 2**BITS they are in [0, 1).
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.int64]

BITS = 30
DIMENSIONS = 21201  # as many as the table has


@functools.cache
def _table() -> tuple[Array, Array]:
    """Each dimension's primitive polynomial, as bits, and the first direction numbers: the table that SciPy carries."""
    try:
        import scipy.stats
    except ImportError:
        raise ModuleNotFoundError(
            "the direction numbers of Sobol's sequences need SciPy: pip install microtorch[scipy]"
        ) from None
    with np.load(Path(scipy.stats.__file__).parent / "_sobol_direction_numbers.npz") as file:
        return file["poly"], file["vinit"]


def directions(dimension: int) -> Array:
    """The direction numbers (dimension, BITS) of the first dimensions.

    After the first ones of the table, v[j] = v[j-m] ^ 2^m v[j-m] ^ the sum over the inner coefficients a_k of 2^k a_k
    v[j-k], for a polynomial of degree m (Bratley and Fox 1988, equation 2). All dimensions of a degree go together.
    """
    polynomials, first = (a[:dimension] for a in _table())
    degrees = np.array([int(p).bit_length() - 1 for p in polynomials])
    v = np.ones((dimension, BITS), np.int64)  # dimension 0 stays so: van der Corput's sequence
    for m in np.unique(degrees[1:]).tolist():
        rows = np.flatnonzero(degrees == m)
        rows = rows[rows > 0]
        p, some = polynomials[rows], v[rows]
        some[:, :m] = first[rows, :m]
        for j in range(m, BITS):
            new = some[:, j - m].copy()
            for k in range(1, m + 1):
                new ^= (((p >> (m - k)) & 1) * some[:, j - k]) << k
            some[:, j] = new
        v[rows] = some
    v <<= np.arange(BITS - 1, -1, -1)
    return v


def scramble(v: Array, lower: Array) -> None:
    """Multiply the bits of each direction number, in place, by its dimension's random matrix (Matousek 1998).

    lower: bits (dimension, BITS, BITS), of which those below the diagonal count; on it are ones.
    """
    bits = np.tril(lower, -1) | np.eye(BITS, dtype=np.int64)
    rows = bits @ (np.int64(1) << np.arange(BITS - 1, -1, -1))
    result = np.zeros_like(v)
    for i in range(BITS):  # a product of bits is a parity
        parity = np.bitwise_count(rows[:, i, None] & v).astype(np.int64) & 1
        result |= parity << (BITS - 1 - i)
    v[...] = result


def advance(v: Array, start: int, n: int, point: Array) -> Array:
    """The n points (n, dimension) after `point`, which is number `start`. Raises NotImplementedError past 2**BITS."""
    if start + n >= 1 << BITS:
        raise NotImplementedError(f"microtorch: torch.quasirandom.SobolEngine has 2**{BITS} points")
    numbers = np.arange(start, start + n)
    lowest_zero = np.bitwise_count(numbers & ~(numbers + 1))  # the bits below the lowest zero are ones
    steps: Any = v.T[lowest_zero]
    steps[0] ^= point
    return np.bitwise_xor.accumulate(steps, axis=0, out=steps)


def skip(v: Array, start: int, n: int, point: Array) -> Array:
    """The last of the points that `advance` gives, by the Gray codes of both ends."""
    if start + n >= 1 << BITS:
        raise NotImplementedError(f"microtorch: torch.quasirandom.SobolEngine has 2**{BITS} points")
    end = start + n
    changed = (start ^ start >> 1) ^ (end ^ end >> 1)
    chosen = [i for i in range(BITS) if changed >> i & 1]
    return point ^ np.bitwise_xor.reduce(v[:, chosen], axis=1)
