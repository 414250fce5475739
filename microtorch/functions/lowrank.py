"""Singular values and main components of matrices of low rank, by random directions."""

from __future__ import annotations

from typing import Any

from microtorch import dtypes
from microtorch.autograd.modes import mode
from microtorch.functions.decompositions import adjoint_of
from microtorch.functions.linalg import product
from microtorch.functions.random import randn
from microtorch.ops import decompositions as D, pointwise as P, reduce as R


def _basis(A: Any, q: int, niter: int) -> Any:
    """Orthonormal columns that nearly span A's (Halko, Martinsson and Tropp, arXiv:0909.4061, algorithm 4.4)."""
    directions = randn(A._data.shape[-1], q, dtype=dtypes.of[A._data.dtype])
    q_ = D.qr(product(A, directions), "reduced")[0]
    for _ in range(niter):
        q_ = D.qr(product(adjoint_of(A), q_), "reduced")[0]
        q_ = D.qr(product(A, q_), "reduced")[0]
    return q_


def svd_lowrank(A: Any, q: int | None = 6, niter: int | None = 2, M: Any = None) -> Any:
    """U, S, V of the q largest singular values of A - M, roughly: exact up to rank q (Halko et al., 5.1)."""
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
    """U, S, V: the q main components of A's rows (columns of V); `center`: after its column means were taken off."""
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


def lobpcg(
    A: Any, k: int | None = None, B: Any = None, X: Any = None, n: int | None = None, iK: Any = None,
    niter: int | None = None, tol: float | None = None, largest: bool | None = None, method: str | None = None,
    tracker: Any = None, ortho_iparams: Any = None, ortho_fparams: Any = None, ortho_bparams: Any = None,
) -> tuple[Any, Any]:  # fmt: skip
    """The k largest (or smallest) eigenvalues and eigenvectors of a symmetric matrix: A V = B V diag(E).

    A: (*, m, m); B: positive definite, of the same shape (None: the identity); X: a start (*, m, n) instead of a random
    one of n >= k columns; iK: a preconditioner, roughly the inverse of A; niter, tol: at most so many steps, until the
    residuals are below tol times their terms (default: the root of the dtype's precision). Returns E (*, k) and
    V (*, m, k). method, "basic" or "ortho", and the ortho_ parameters choose among ways to make a basis orthonormal in
    PyTorch; here there is one, by a QR decomposition.
    Raises ValueError if m is less than 3 n, NotImplementedError for a tracker. A gradient goes to A alone.

    >>> import microtorch as torch
    >>> torch.lobpcg(torch.diag(torch.arange(1.0, 10.0)), k=2)[0].round()
    tensor([9., 8.])
    """
    if tracker is not None:
        raise NotImplementedError("microtorch: torch.lobpcg with a tracker")
    data = A._data
    m = data.shape[-1]
    assert data.shape[-2] == m, f"A must be square, got shape {A.shape}"
    if data.dtype.char not in "fd":
        names = dtypes.c_name(data.dtype)
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {names} != float")
    k = (1 if X is None else X._data.shape[-1]) if k is None else k
    n = (k if n is None else n) if X is None else X._data.shape[-1]
    if m < 3 * n:
        raise ValueError(
            f"LOBPCG algorithm is not applicable when the number of A rows (={m}) is smaller than 3 x the number of "
            f"requested eigenpairs (={n})"
        )
    if X is None:
        X = randn(*data.shape[:-2], m, n, dtype=dtypes.of[data.dtype])
    if tol is None:
        tol = {"f": 1.2e-07, "d": 2.23e-16}[data.dtype.char] ** 0.5
    steps = 1000 if not niter else niter
    for extra in (B, iK):
        if extra is not None and mode.enabled and extra._node is not None:
            raise NotImplementedError("microtorch: the derivative of torch.lobpcg for B and iK")
    if B is not None and mode.enabled and A._node is not None:
        raise ValueError("lobpcg.backward does not support backward with B != I yet.")
    found: tuple[Any, Any] = D.lobpcg(A, X.detach(), B, iK, min(k, n), steps, tol, largest is None or bool(largest))
    return found
