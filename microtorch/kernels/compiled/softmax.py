"""Softmax, its logarithm and what they send back, along the rows of (rows, columns); cross-entropy of such rows.

Sums may be taken in another order than written (`jit_sums`): in several partial sums, which is also more exact.
"""

from __future__ import annotations

import numpy as np

from microtorch.kernels.compiled import jit_scalar, jit_sums
from microtorch.kernels.compiled.math import exp, from_order, log, order


@jit_scalar
def _largest(row):
    """The largest of a row; NaN if there is one with a positive sign."""
    top = order(row[0])
    for j in range(row.size):  # of whole numbers: of floats the loop is not vectorised, as NaN has no order
        top = max(top, order(row[j]))
    return from_order(top)


@jit_sums
def softmax(x, out):
    for i in range(x.shape[0]):
        row, to = x[i], out[i]
        largest, total = _largest(row), x.dtype.type(0)
        for j in range(row.size):
            e = exp(row[j] - largest)
            to[j] = e
            total += e
        for j in range(row.size):
            to[j] /= total


@jit_sums
def log_softmax(x, out):
    for i in range(x.shape[0]):
        row, to = x[i], out[i]
        largest, total = _largest(row), x.dtype.type(0)
        for j in range(row.size):
            total += exp(row[j] - largest)
        level = log(total)
        for j in range(row.size):
            to[j] = (row[j] - largest) - level


@jit_sums
def logsumexp(x, out):
    """log(sum(exp(x))) along the middle one of three axes."""
    zero = x.dtype.type(0)
    for o in range(x.shape[0]):
        if x.shape[2] == 1:
            row, total = x[o].reshape(-1), zero
            largest = _largest(row)
            shift = largest if largest - largest == zero else zero  # (infinite or NaN: none)
            for j in range(row.size):
                total += exp(row[j] - shift)
            out[o, 0] = log(total) + shift
            continue
        block, to = x[o], out[o]
        largest, total = block[0].copy(), np.zeros(to.size, x.dtype)
        for j in range(1, block.shape[0]):
            row = block[j]
            for i in range(to.size):
                largest[i] = row[i] if row[i] > largest[i] or row[i] != row[i] else largest[i]
        for i in range(to.size):
            largest[i] = largest[i] if largest[i] - largest[i] == zero else zero
        for j in range(block.shape[0]):
            row = block[j]
            for i in range(to.size):
                total[i] += exp(row[i] - largest[i])
        for i in range(to.size):
            to[i] = log(total[i]) + largest[i]


@jit_sums
def softmax_backward(g, p, out):
    for i in range(p.shape[0]):
        row, up, to = p[i], g[i], out[i]
        total = p.dtype.type(0)
        for j in range(row.size):
            total += up[j] * row[j]
        for j in range(row.size):
            to[j] = (up[j] - total) * row[j]


@jit_sums
def log_softmax_backward(g, y, out):
    for i in range(y.shape[0]):
        row, up, to = y[i], g[i], out[i]
        total = y.dtype.type(0)
        for j in range(row.size):
            total += up[j]
        for j in range(row.size):
            to[j] = up[j] - exp(row[j]) * total


@jit_sums
def cross_entropy(x, target, losses, p):
    """The softmax p of the rows, and -log of it at each row's target."""
    for i in range(x.shape[0]):
        row, to = x[i], p[i]
        largest, total = _largest(row), x.dtype.type(0)
        for j in range(row.size):
            e = exp(row[j] - largest)
            to[j] = e
            total += e
        losses[i] = log(total) - (row[target[i]] - largest)
        for j in range(row.size):
            to[j] /= total


@jit_sums
def cross_entropy_backward(p, target, share, out):
    """(p - one-hot) times each row's share."""
    for i in range(p.shape[0]):
        row, to, by = p[i], out[i], share[i]
        for j in range(row.size):
            to[j] = row[j] * by
        to[target[i]] -= by
