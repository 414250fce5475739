"""What factorisations are used for: solving with L and U, products of Householder's reflections.

G. H. Golub, C. F. Van Loan, "Matrix Computations", 4th edition (2013), sections 3.1 and 5.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.kernels.decompositions import adjoint, permutation, solve_triangular, triangles
from microtorch.kernels.strides import in_columns


def lu_solve(factor: Any, pivots: Any, b: Any, left: bool, adjointed: bool) -> Any:
    """x with a x = b (x a = b, if not left; with a's adjoint, if adjointed), from P L U = a."""
    if not left:
        return adjoint(lu_solve(factor, pivots, adjoint(b), True, not adjointed))
    p = permutation(pivots, factor.shape[-1], factor.dtype)
    if adjointed:
        x = solve_triangular(adjoint(factor), b, False, False)
        return in_columns(np.matmul(p, solve_triangular(adjoint(factor), x, True, True)))
    x = solve_triangular(factor, np.matmul(adjoint(p), b), False, True)
    return solve_triangular(factor, x, True, False)


def lu_unpack(factor: Any, pivots: Any) -> tuple[Any, Any, Any]:
    """P, L and U."""
    return permutation(pivots, factor.shape[-2], factor.dtype), *triangles(factor)


def triangular_solve(b: Any, a: Any, upper: bool, transpose: bool, unitriangular: bool) -> tuple[Any, Any]:
    """x with a x = b (or a's adjoint), and a copy of a, of all the batch's matrices."""
    x = solve_triangular(adjoint(a) if transpose else a, b, upper != transpose, unitriangular)
    return x, np.array(np.broadcast_to(a, (*x.shape[:-2], *a.shape[-2:])))


def reflected(a: Any, tau: Any, x: Any, inverse: bool) -> Any:
    """Q x, Q the product of the reflections 1 - tau_k v_k v_k^H, v_k in a's k-th column below a 1 on its diagonal;
    inverse: Q^H x."""
    out = np.array(x)
    count = tau.shape[-1]
    for k in range(count) if inverse else reversed(range(count)):
        v = a[..., k:, k : k + 1].copy()
        v[..., 0, :] = 1
        t = tau[..., k, None, None]
        out[..., k:, :] -= (t.conj() if inverse else t) * (v @ (adjoint(v) @ out[..., k:, :]))
    return out


def householder_product(a: Any, tau: Any) -> Any:
    """The first columns of Q."""
    m, n = a.shape[-2:]
    return reflected(a, tau, np.broadcast_to(np.eye(m, n, dtype=a.dtype), a.shape), False)


def ormqr(a: Any, tau: Any, x: Any, left: bool, transpose: bool) -> Any:
    """Q x, x Q, Q^H x or x Q^H."""
    if left:
        return reflected(a, tau, x, transpose)
    return adjoint(reflected(a, tau, adjoint(x), not transpose))
