"""Picking, writing and adding by index, in one pass, without tables of places.

x (outer, n, inner), index and the rest (outer, m, inner): the axis of the index is the middle one. The indices are
`within`; those below 0 count from the end.
"""

from __future__ import annotations

from microtorch.kernels.compiled import jit


@jit
def within(index, n):
    """Whether all indices are within -n .. n-1."""
    least, most = index[0], index[0]
    for i in range(index.size):
        least, most = min(least, index[i]), max(most, index[i])
    return least >= -n and most < n


@jit
def gather(x, index, out):
    n, inner = x.shape[1], x.shape[2]
    for o in range(x.shape[0]):
        source, places, to = x[o], index[o], out[o]
        if inner == 1:
            flat, at, other = source.reshape(-1), places.reshape(-1), to.reshape(-1)
            for k in range(at.size):
                place = at[k]
                other[k] = flat[place + n if place < 0 else place]
        else:
            for k in range(places.shape[0]):
                for i in range(inner):
                    place = places[k, i]
                    to[k, i] = source[place + n if place < 0 else place, i]


@jit
def scatter(x, index, values):
    n, inner = x.shape[1], x.shape[2]
    for o in range(x.shape[0]):
        to, places, source = x[o], index[o], values[o]
        if inner == 1:
            flat, at, other = to.reshape(-1), places.reshape(-1), source.reshape(-1)
            for k in range(at.size):
                place = at[k]
                flat[place + n if place < 0 else place] = other[k]
        else:
            for k in range(places.shape[0]):
                for i in range(inner):
                    place = places[k, i]
                    to[place + n if place < 0 else place, i] = source[k, i]


@jit
def scatter_add(x, index, values):
    n, inner = x.shape[1], x.shape[2]
    for o in range(x.shape[0]):
        to, places, source = x[o], index[o], values[o]
        if inner == 1:
            flat, at, other = to.reshape(-1), places.reshape(-1), source.reshape(-1)
            for k in range(at.size):
                place = at[k]
                flat[place + n if place < 0 else place] += other[k]
        else:
            for k in range(places.shape[0]):
                for i in range(inner):
                    place = places[k, i]
                    to[place + n if place < 0 else place, i] += source[k, i]


@jit
def add_along(out, rows, values, start, stop):
    """Add values[:, i] to out[:, rows[i]], in columns from start to stop."""
    n = out.shape[1]
    for o in range(out.shape[0]):
        if out.shape[2] == 1:
            flat, other = out[o].reshape(-1), values[o].reshape(-1)
            for i in range(rows.size):
                place = rows[i]
                flat[place + n if place < 0 else place] += other[i]
        else:
            table, source = out[o], values[o]
            for i in range(rows.size):
                place = rows[i]
                to, row = table[place + n if place < 0 else place, start:stop], source[i, start:stop]
                for j in range(to.size):
                    to[j] += row[j]


@jit
def add_picked(out, to, source, rows, scale, start, stop):
    """Add scale[i] (1 if scale is empty) times source[rows[i]] to out[to[i]], in columns from start to stop."""
    for i in range(rows.size):
        sums, row = out[to[i], start:stop], source[rows[i], start:stop]
        if scale.size:
            factor = scale[i]
            for j in range(sums.size):
                sums[j] += factor * row[j]
        else:
            for j in range(sums.size):
                sums[j] += row[j]


@jit
def bag_largest(weight, index, bag, best, out):
    """For each bag and column the row of weight with the first largest element."""
    for i in range(index.size):
        row, place = weight[index[i]], out[bag[i]]
        if i == 0 or bag[i] != bag[i - 1]:
            for j in range(best.size):
                best[j] = row[j]
                place[j] = index[i]
        else:
            for j in range(best.size):
                larger = row[j] > best[j]
                best[j] = row[j] if larger else best[j]
                place[j] = index[i] if larger else place[j]
