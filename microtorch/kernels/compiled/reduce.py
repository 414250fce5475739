"""Products of the rows of (rows, columns); running sums, products and extremes along them.

In a running one each element waits for the one before it, for as long as an addition takes; so four rows go side by
side. `start` says what is computed in: float64 for floats, rounded as they are stored.
"""

from __future__ import annotations

from microtorch.kernels.compiled import jit_exact, jit_sums


@jit_sums
def prod(x, out):
    for i in range(x.shape[0]):
        row, total = x[i], x.dtype.type(1)
        for j in range(row.size):
            total *= row[j]
        out[i] = total


@jit_exact
def cumsum(x, start, out):
    n = x.shape[0]
    for i in range(0, n - n % 4, 4):
        a, b, c, d = start, start, start, start
        row, to = x[i : i + 4], out[i : i + 4]
        for j in range(x.shape[1]):
            a += row[0, j]
            b += row[1, j]
            c += row[2, j]
            d += row[3, j]
            to[0, j], to[1, j], to[2, j], to[3, j] = a, b, c, d
    for i in range(n - n % 4, n):
        a = start
        for j in range(x.shape[1]):
            a += x[i, j]
            out[i, j] = a


@jit_exact
def cumprod(x, start, out):
    n = x.shape[0]
    for i in range(0, n - n % 4, 4):
        a, b, c, d = start, start, start, start
        row, to = x[i : i + 4], out[i : i + 4]
        for j in range(x.shape[1]):
            a *= row[0, j]
            b *= row[1, j]
            c *= row[2, j]
            d *= row[3, j]
            to[0, j], to[1, j], to[2, j], to[3, j] = a, b, c, d
    for i in range(n - n % 4, n):
        a = start
        for j in range(x.shape[1]):
            a *= x[i, j]
            out[i, j] = a


@jit_exact
def cummax(x, values, places):
    """The largest so far and the last place where it was met; a NaN stays."""
    n = x.shape[0]
    for i in range(0, n - n % 4, 4):
        row, to, at = x[i : i + 4], values[i : i + 4], places[i : i + 4]
        a, b, c, d = row[0, 0], row[1, 0], row[2, 0], row[3, 0]
        p, q, r, s = 0, 0, 0, 0
        for j in range(x.shape[1]):
            v, w, y, z = row[0, j], row[1, j], row[2, j], row[3, j]
            met = (v >= a) | (v != v)
            a, p = (v if met else a), (j if met else p)
            met = (w >= b) | (w != w)
            b, q = (w if met else b), (j if met else q)
            met = (y >= c) | (y != y)
            c, r = (y if met else c), (j if met else r)
            met = (z >= d) | (z != z)
            d, s = (z if met else d), (j if met else s)
            to[0, j], to[1, j], to[2, j], to[3, j] = a, b, c, d
            at[0, j], at[1, j], at[2, j], at[3, j] = p, q, r, s
    for i in range(n - n % 4, n):
        a, p = x[i, 0], 0
        for j in range(x.shape[1]):
            v = x[i, j]
            met = (v >= a) | (v != v)
            a, p = (v if met else a), (j if met else p)
            values[i, j], places[i, j] = a, p


@jit_exact
def cummin(x, values, places):
    """As `cummax`, the smallest."""
    n = x.shape[0]
    for i in range(0, n - n % 4, 4):
        row, to, at = x[i : i + 4], values[i : i + 4], places[i : i + 4]
        a, b, c, d = row[0, 0], row[1, 0], row[2, 0], row[3, 0]
        p, q, r, s = 0, 0, 0, 0
        for j in range(x.shape[1]):
            v, w, y, z = row[0, j], row[1, j], row[2, j], row[3, j]
            met = (v <= a) | (v != v)
            a, p = (v if met else a), (j if met else p)
            met = (w <= b) | (w != w)
            b, q = (w if met else b), (j if met else q)
            met = (y <= c) | (y != y)
            c, r = (y if met else c), (j if met else r)
            met = (z <= d) | (z != z)
            d, s = (z if met else d), (j if met else s)
            to[0, j], to[1, j], to[2, j], to[3, j] = a, b, c, d
            at[0, j], at[1, j], at[2, j], at[3, j] = p, q, r, s
    for i in range(n - n % 4, n):
        a, p = x[i, 0], 0
        for j in range(x.shape[1]):
            v = x[i, j]
            met = (v <= a) | (v != v)
            a, p = (v if met else a), (j if met else p)
            values[i, j], places[i, j] = a, p
