"""L D L^T of symmetric (Hermitian) matrices that need not be positive, as LAPACK's sytrf and sytrs have it.

J. R. Bunch, L. Kaufman, "Some stable methods for calculating inertia and solving symmetric linear systems", Mathematics
of Computation 31 (1977), 163-179. D has blocks of one and two rows on its diagonal. L (below the diagonal) and D share
one matrix; pivots[k] = r + 1: row k was exchanged with row r; two equal ones -(r + 1) in rows k, k + 1: a block of two,
for which row k + 1 was exchanged with row r.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.kernels.quiet import quiet

_ALPHA = (1 + math.sqrt(17)) / 8  # bounds the growth of elements equally for both kinds of blocks


def _size(x: Any) -> Any:
    """LAPACK's cheap size of complex numbers."""
    return np.abs(x.real) + np.abs(x.imag) if x.dtype.kind == "c" else np.abs(x)


def _pivot(a: Any, k: int) -> tuple[int, int]:
    """Which row becomes the (last) row of the block at k, and how many rows the block has."""
    here, below = _size(a[k, k]), _size(a[k + 1 :, k])
    if not below.size:
        return k, 1
    r = k + 1 + int(np.argmax(below))
    largest = below[r - k - 1]
    if here >= _ALPHA * largest:
        return k, 1
    others = _size(a[r, k:])
    others[r - k] = 0
    row_largest = others.max()
    if here >= _ALPHA * largest * (largest / row_largest):
        return k, 1
    if _size(a[r, r]) >= _ALPHA * row_largest:
        return r, 1
    return r, 2


def _factor(a: Any, pivots: Any, hermitian: bool) -> int:
    """Factors the full matrix a in place; returns the (1-based) place of D's first zero, or 0."""
    n, k, info = len(a), 0, 0
    while k < n:
        if _size(a[k:, k]).max() == 0 or np.isnan(a[k, k]):
            info, pivots[k] = info or k + 1, k + 1
            k += 1
            continue
        row, count = _pivot(a, k)
        last = k + count - 1
        if row != last:
            rest, i, j = a[k:, k:], last - k, row - k
            rest[[i, j]] = rest[[j, i]]
            rest[:, [i, j]] = rest[:, [j, i]]
        end = k + count
        column = a[end:, k:end].copy()
        if count == 1:
            a[end:, k:end] /= a[k, k]
        else:
            a[end:, k:end] = np.linalg.solve(a[k:end, k:end].T, column.T).T
        a[end:, end:] -= a[end:, k:end] @ (column.conj().T if hermitian else column.T)
        pivots[k:end] = row + 1 if count == 1 else -(row + 1)
        k = end
    return info


@quiet
def ldl_factor(a: Any, hermitian: bool) -> tuple[Any, Any, Any]:
    """L and D in one matrix (from a's lower half), the pivots, and for each matrix 0 or where D's first zero is."""
    n = a.shape[-1]
    hermitian = hermitian and a.dtype.kind == "c"
    flat = np.tril(a).reshape(math.prod(a.shape[:-2]), n, n)
    pivots, info = np.zeros((len(flat), n), np.int32), np.zeros(len(flat), np.int32)
    for i, m in enumerate(flat):
        upper = np.tril(m, -1).T
        m += upper.conj() if hermitian else upper
        if hermitian:
            m[range(n), range(n)] = np.diagonal(m).real
        info[i] = _factor(m, pivots[i], hermitian)
    return np.tril(flat).reshape(a.shape), pivots.reshape(a.shape[:-1]), info.reshape(a.shape[:-2])


def _solve(ld: Any, pivots: Any, x: Any, hermitian: bool) -> None:
    """Solves with one factored matrix, x in place."""
    n, k = len(ld), 0
    blocks = []
    while k < n:  # forwards through L, a block at a time, and its block of D
        end = k + (1 if pivots[k] > 0 else 2)
        row, last = abs(int(pivots[k])) - 1, end - 1
        if row != last:
            x[[last, row]] = x[[row, last]]
        x[end:] -= ld[end:, k:end] @ x[k:end]
        block = ld[k:end, k:end].copy()
        if end - k == 1:
            x[k] /= block[0, 0]
        else:
            block[0, 1] = block[1, 0].conj() if hermitian else block[1, 0]
            x[k:end] = np.linalg.solve(block, x[k:end])
        blocks.append((k, end, row))
        k = end
    for k, end, row in reversed(blocks):  # and back through its transpose
        part = ld[end:, k:end]
        x[k:end] -= (part.conj().T if hermitian else part.T) @ x[end:]
        if row != end - 1:
            x[[end - 1, row]] = x[[row, end - 1]]


@quiet
def ldl_solve(ld: Any, pivots: Any, b: Any, hermitian: bool) -> Any:
    """x with L D L^T x = b, from what `ldl_factor` gave."""
    n = ld.shape[-1]
    batch = np.broadcast_shapes(ld.shape[:-2], b.shape[:-2])
    out = np.array(np.broadcast_to(b, (*batch, *b.shape[-2:])))
    ld = np.broadcast_to(ld, (*batch, n, n)).reshape(-1, n, n) if out.size else ld[:0]
    pivots = np.broadcast_to(pivots, (*batch, n)).reshape(-1, n) if out.size else pivots[:0]
    if out.size:
        for m, p, x in zip(ld, pivots, out.reshape(-1, *out.shape[-2:])):
            _solve(m, p, x, hermitian and ld.dtype.kind == "c")
    return out
