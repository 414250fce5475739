"""Running sums and products along the rows of (rows, columns), in float64 and rounded as they are stored.

Each element waits for the one before it, for as long as an addition takes; so four rows go side by side.
"""

from __future__ import annotations

from microtorch.kernels.compiled import jit_exact


@jit_exact
def cumsum(x, out):
    n = x.shape[0]
    for i in range(0, n - n % 4, 4):
        a, b, c, d = 0.0, 0.0, 0.0, 0.0
        row, to = x[i : i + 4], out[i : i + 4]
        for j in range(x.shape[1]):
            a += row[0, j]
            b += row[1, j]
            c += row[2, j]
            d += row[3, j]
            to[0, j], to[1, j], to[2, j], to[3, j] = a, b, c, d
    for i in range(n - n % 4, n):
        a = 0.0
        for j in range(x.shape[1]):
            a += x[i, j]
            out[i, j] = a


@jit_exact
def cumprod(x, out):
    n = x.shape[0]
    for i in range(0, n - n % 4, 4):
        a, b, c, d = 1.0, 1.0, 1.0, 1.0
        row, to = x[i : i + 4], out[i : i + 4]
        for j in range(x.shape[1]):
            a *= row[0, j]
            b *= row[1, j]
            c *= row[2, j]
            d *= row[3, j]
            to[0, j], to[1, j], to[2, j], to[3, j] = a, b, c, d
    for i in range(n - n % 4, n):
        a = 1.0
        for j in range(x.shape[1]):
            a *= x[i, j]
            out[i, j] = a
