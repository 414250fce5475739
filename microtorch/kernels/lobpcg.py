"""A few extreme eigenvalues of a large symmetric matrix (A. Knyazev, "Toward the optimal preconditioned eigensolver:
locally optimal block preconditioned conjugate gradient method", SIAM J. Sci. Comput. 23(2), 2001)."""

from __future__ import annotations

from typing import Any

import numpy as np


def lobpcg(
    a: Any, x: Any, b: Any, preconditioner: Any, k: int, niter: int, tol: float, largest: bool
) -> tuple[Any, Any]:
    """k eigenvalues (k) and eigenvectors (m, k) of a v = b v e, the outermost first, from the start x (m, n), n >= k.

    b: positive definite, or None for the identity. Stops when each residual is below tol times what its terms are, or
    after niter steps. Of more matrices at once, with leading axes: one after the other.
    """
    if a.ndim > 2:
        matrices = a.reshape(-1, *a.shape[-2:])
        b, preconditioner = (
            [None] * len(matrices) if v is None else np.broadcast_to(v, a.shape).reshape(matrices.shape)
            for v in (b, preconditioner)
        )
        starts = x.reshape(-1, *x.shape[-2:])
        found = [
            lobpcg(*parts, k, niter, tol, largest) for parts in zip(matrices, starts, b, preconditioner, strict=True)
        ]
        values, vectors = (np.stack(parts) for parts in zip(*found))
        return values.reshape(*a.shape[:-2], k), vectors.reshape(*a.shape[:-1], k)
    root = None if b is None else np.linalg.cholesky(b)
    n = x.shape[-1]
    a_norm = np.linalg.norm(a @ x) / np.linalg.norm(x)
    b_norm = 1.0 if b is None else np.linalg.norm(b @ x) / np.linalg.norm(x)
    x = _orthonormal(x, root)
    values, turn = _ritz(a, x, n, largest)
    x, before = x @ turn, None
    for _ in range(niter):
        residual = a @ x - (x if b is None else b @ x) * values
        size = np.linalg.norm(x, axis=0) * (a_norm + np.abs(values) * b_norm)
        if (np.linalg.norm(residual, axis=0)[:k] < tol * size[:k]).all():
            break
        search = residual if preconditioner is None else preconditioner @ residual
        basis = _orthonormal(np.concatenate([x, search] if before is None else [x, search, before], 1), root)
        values, turn = _ritz(a, basis, n, largest)
        before = basis[:, n:] @ turn[n:]  # what the step added: the next search goes on from there
        x = basis @ turn
    return np.ascontiguousarray(values[:k]), np.ascontiguousarray(x[:, :k])


def _orthonormal(x: Any, root: Any) -> Any:
    """Columns that span the same, in the scalar product of b = root root^T."""
    if root is None:
        return np.linalg.qr(x)[0]
    return np.linalg.solve(root.T, np.linalg.qr(root.T @ x)[0])


def _ritz(a: Any, basis: Any, n: int, largest: bool) -> tuple[Any, Any]:
    """The n outermost eigenvalues of a within what the basis spans, and the combinations of it that they have."""
    values, vectors = np.linalg.eigh(basis.T @ a @ basis)
    return (values[::-1][:n], vectors[:, ::-1][:, :n]) if largest else (values[:n], vectors[:, :n])
