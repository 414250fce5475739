"""The passes over a block of attention's scores (rows, keys), each in one."""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np

from microtorch.kernels.compiled import jit, jit_sums
from microtorch.kernels.compiled.math import exp, from_order, log, order


@jit_sums
def softmax_rows(scores, sums, masked, first, queries):
    """Softmax in place, log(sum(exp)) of each row into `sums`; rows of -inf, if masked, become zeros with the sum inf.
    queries: if not 0, as many rows each are queries of which the i-th sees first + i + 1 keys."""
    zero, lowest, seen = scores.dtype.type(0), scores.dtype.type(-np.inf), scores.shape[1]
    for i in range(scores.shape[0]):
        if queries:
            seen = min(first + i % queries + 1, scores.shape[1])
            scores[i, seen:] = zero
        row = scores[i, :seen]
        top = order(row[0])
        for j in range(row.size):  # of whole numbers: of floats the loop is not vectorised, as NaN has no order
            top = max(top, order(row[j]))
        largest = from_order(top)
        if masked and largest == lowest:
            row[:] = zero
            sums[i] = -lowest
            continue
        total = zero
        for j in range(row.size):
            e = exp(row[j] - largest)
            row[j] = e
            total += e
        sums[i] = log(total) + largest
        for j in range(row.size):
            row[j] /= total


@jit
def weights(scores, sums, first, queries):
    """What `softmax_rows` made, again, in place of the same scores."""
    zero, seen = scores.dtype.type(0), scores.shape[1]
    for i in range(scores.shape[0]):
        if queries:
            seen = min(first + i % queries + 1, scores.shape[1])
            scores[i, seen:] = zero
        row, level = scores[i, :seen], sums[i]
        for j in range(row.size):
            row[j] = exp(row[j] - level)


@jit_sums
def slopes(p, g):
    """p (g - sum(p g)) for each row, in place of g."""
    for i in range(p.shape[0]):
        row, up = p[i], g[i]
        total = p.dtype.type(0)
        for j in range(row.size):
            total += row[j] * up[j]
        for j in range(row.size):
            up[j] = (up[j] - total) * row[j]
