"""Picking, writing and adding by index, in one pass, without tables of places.

x (outer, n, inner), index and the rest (outer, m, inner): the axis of the index is the middle one. Each returns whether
all indices are within -n .. n-1 (all that come before one that is not may have been written).
"""

from __future__ import annotations

from microtorch.kernels.compiled import jit


@jit
def gather(x, index, out):
    n = x.shape[1]
    for o in range(x.shape[0]):
        source, places, to = x[o], index[o], out[o]
        for k in range(places.shape[0]):
            for i in range(places.shape[1]):
                place = places[k, i]
                if place < -n or place >= n:
                    return False
                to[k, i] = source[place + n if place < 0 else place, i]
    return True


@jit
def scatter(x, index, source):
    n = x.shape[1]
    for o in range(x.shape[0]):
        to, places, values = x[o], index[o], source[o]
        for k in range(places.shape[0]):
            for i in range(places.shape[1]):
                place = places[k, i]
                if place < -n or place >= n:
                    return False
                to[place + n if place < 0 else place, i] = values[k, i]
    return True


@jit
def scatter_add(x, index, source):
    n = x.shape[1]
    for o in range(x.shape[0]):
        to, places, values = x[o], index[o], source[o]
        for k in range(places.shape[0]):
            for i in range(places.shape[1]):
                place = places[k, i]
                if place < -n or place >= n:
                    return False
                to[place + n if place < 0 else place, i] += values[k, i]
    return True


@jit
def within(index, n):
    """Whether all indices are within -n .. n-1."""
    least, most = index[0], index[0]
    for i in range(index.size):
        least, most = min(least, index[i]), max(most, index[i])
    return least >= -n and most < n


@jit
def add_rows(out, rows, values, start, stop):
    """Add values[i] to out[rows[i]], in columns from start to stop; the rows are `within`."""
    n = out.shape[0]
    for i in range(rows.size):
        place = rows[i]
        to, row = out[place + n if place < 0 else place, start:stop], values[i, start:stop]
        for j in range(to.size):
            to[j] += row[j]
