"""Singular values and main components of matrices of low rank, by random directions."""

from __future__ import annotations

from typing import Any

from microtorch import dtypes
from microtorch.functions.decompositions import adjoint_of
from microtorch.functions.linalg import product
from microtorch.functions.random import randn
from microtorch.ops import decompositions as D, pointwise as P, reduce as R


def _basis(A: Any, q: int, niter: int) -> Any:
    """Orthonormal columns that nearly span A's columns (N. Halko, P.-G. Martinsson, J. Tropp, arXiv:0909.4061,
    algorithm 4.4)."""
    directions = randn(A._data.shape[-1], q, dtype=dtypes.of[A._data.dtype])
    q_ = D.qr(product(A, directions), "reduced")[0]
    for _ in range(niter):
        q_ = D.qr(product(adjoint_of(A), q_), "reduced")[0]
        q_ = D.qr(product(A, q_), "reduced")[0]
    return q_


def svd_lowrank(A: Any, q: int | None = 6, niter: int | None = 2, M: Any = None) -> Any:
    """U, S, V of the q largest singular values of A - M, roughly: exact for matrices of rank q or less (Halko et al.,
    5.1)."""
    q, niter = 6 if q is None else q, 2 if niter is None else niter
    if M is not None:
        A = P.sub(A, M)
    m, n = A._data.shape[-2:]
    if m < n:
        A = adjoint_of(A)
    basis = _basis(A, q, niter)
    u, s, vh = D.svd(product(adjoint_of(basis), A), False)
    u, v = product(basis, u), adjoint_of(vh)
    return (v, s, u) if m < n else (u, s, v)


def pca_lowrank(A: Any, q: int | None = None, center: bool = True, niter: int = 2) -> Any:
    """U, S, V: the q main components of the rows of A (columns of V), after its column means were taken off, if
    `center`."""
    m, n = A._data.shape[-2:]
    if q is None:
        q = min(6, m, n)
    elif not 0 <= q <= min(m, n):
        raise ValueError(f"q(={q}) must be non-negative integer and not greater than min(m, n)={min(m, n)}")
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if center:
        A = P.sub(A, R.mean(A, (A._data.ndim - 2,), True))
    return svd_lowrank(A, q, niter)
