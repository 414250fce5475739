"""Attention of short sequences as a whole; and the passes over a block of scores (rows, keys), each in one."""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import functools

import numpy as np

from microtorch.kernels.compiled import jit, jit_strided, jit_sums, prepare as _prepare
from microtorch.kernels.compiled.math import exp, from_order, log, order
from microtorch.kernels.compiled.product import FASTER as FASTER, address, multiplied, space

prepare = functools.partial(_prepare, __name__)


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


@jit
def _scale(scores, scale, bound, masked, hides):
    """scores * scale + bound in place; with `hides` the lesser of both, which hides even a NaN."""
    for i in range(scores.shape[0]):
        row, limit = scores[i], bound[i]
        if not masked:
            for j in range(row.size):
                row[j] *= scale
        elif hides:
            for j in range(row.size):
                row[j] = row[j] * scale if limit[j] > 0 else limit[j]
        else:
            for j in range(row.size):
                row[j] = row[j] * scale + limit[j]


@jit_strided((4, 4, 4, 4, 1), 4)
def attend(q, k, v, bound, options, out):
    """out = softmax(q k^T scale + bound) v for stacks of matrices of one length each, of which bound may be shorter.

    bound: a mask as numbers, or empty. options: the scale; not 0 if bound hides keys (-inf) or shows them (inf); not 0
    if the i-th query sees i + 1 keys.
    """
    length, sources, masked = q.shape[2], k.shape[2], bound.size > 0
    hides, causal = options[1] != 0, options[2] != 0
    packed = space(out, max(q.shape[3], sources))
    scores, sums = np.empty((length, sources), q.dtype), np.empty(length, q.dtype)
    limits, filled = np.empty((length, sources if masked else 0), q.dtype), (-1, -1)
    for a in range(q.shape[0]):
        for b in range(q.shape[1]):
            multiplied(
                packed, length, q.shape[3], sources, address(q) + a * q.strides[0] + b * q.strides[1], q.strides[2],
                q.strides[3], address(k) + a * k.strides[0] + b * k.strides[1], k.strides[3], k.strides[2], 0, 0,
                address(scores), scores.strides[0],
            )  # fmt: skip
            at = min(a, bound.shape[0] - 1), min(b, bound.shape[1] - 1)
            if masked and at != filled:
                filled = at
                for i in range(length):
                    for j in range(sources):
                        limits[i, j] = bound[at[0], at[1], min(i, bound.shape[2] - 1), min(j, bound.shape[3] - 1)]
            _scale(scores, options[0], limits, masked, hides)
            softmax_rows(scores, sums, masked or causal, 0, length if causal else 0)
            multiplied(
                packed, length, sources, v.shape[3], address(scores), scores.strides[0], scores.itemsize,
                address(v) + a * v.strides[0] + b * v.strides[1], v.strides[2], v.strides[3], 0, 0,
                address(out) + a * out.strides[0] + b * out.strides[1], out.strides[2],
            )  # fmt: skip
