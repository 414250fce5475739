"""Decompositions, inverses and solutions of (batches of) matrices: LAPACK's, as NumPy offers it, and what NumPy lacks.

G. H. Golub, C. F. Van Loan, "Matrix Computations", 4th edition (2013), where an algorithm is named without a source.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch.kernels import twins
from microtorch.kernels.quiet import quiet
from microtorch.kernels.strides import in_columns


class _LinAlgError(RuntimeError):
    """A matrix for which the result does not exist: torch.linalg.LinAlgError, under the name that PyTorch gives it."""


LinAlgError = _LinAlgError


def adjoint(x: Any) -> Any:
    """The last two axes exchanged, and conjugated."""
    return np.swapaxes(x, -1, -2).conj() if x.dtype.kind == "c" else np.swapaxes(x, -1, -2)


def _which(shape: tuple[int, ...], bad: Any) -> str:
    """PyTorch's note which matrix of a batch is meant: the first one."""
    return f"(Batch element {int(np.argmax(bad.reshape(-1)))}): " if len(shape) > 2 else ""


# inverses and solutions ----------------------------------------------------------------------------------------------


def inverse(a: Any) -> tuple[Any, Any]:
    """The inverses, and for each matrix 0, or the 1-based place of the first zero on U's diagonal."""
    try:
        return np.linalg.inv(a), np.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        flat = a.reshape(-1, *a.shape[-2:])
        out, info = np.full_like(flat, np.nan), np.zeros(len(flat), np.int32)
        for i, m in enumerate(flat):
            try:
                out[i] = np.linalg.inv(m)
            except np.linalg.LinAlgError:
                info[i] = _first_zero(m)
        return out.reshape(a.shape), info.reshape(a.shape[:-2])


def _first_zero(m: Any) -> int:
    factor, _, _ = lu_factor(m)
    return int(np.argmax(np.diagonal(factor) == 0)) + 1


def checked_inverse(name: str, a: Any) -> Any:
    """The inverses; PyTorch's error for a singular matrix."""
    out, info = inverse(a)
    if info.any():
        at = info.reshape(-1)[np.argmax(info.reshape(-1) != 0)]
        raise LinAlgError(
            f"{name}: {_which(a.shape, info != 0)}The diagonal element {at} is zero, the inversion could not be "
            "completed because the input matrix is singular."
        )
    return out


def _turned(a: Any, b: Any, left: bool, vectors: bool) -> tuple[Any, Any]:
    """The matrices of a x = b, from vectors b, or from x a = b."""
    if vectors:
        b = b[..., None]
    return (a, b) if left else (np.swapaxes(a, -1, -2), np.swapaxes(b, -1, -2))


def _turned_back(x: Any, left: bool, vectors: bool) -> Any:
    return in_columns(x[..., 0]) if vectors else in_columns(x) if left else np.swapaxes(in_columns(x), -1, -2)


def solve(a: Any, b: Any, left: bool, vectors: bool) -> Any:
    """x with a x = b (x a = b, if not left), b a matrix or a vector (of a batch)."""
    a, b = _turned(a, b, left, vectors)
    try:
        return _turned_back(np.linalg.solve(a, b), left, vectors)
    except np.linalg.LinAlgError:
        where = ""
        if a.ndim > 2:
            bad = np.array([_is_singular(m) for m in a.reshape(-1, *a.shape[-2:])])
            where = _which(a.shape, bad)
        raise LinAlgError(
            f"torch.linalg.solve: {where}The solver failed because the input matrix is singular."
        ) from None


def _is_singular(m: Any) -> bool:
    try:
        np.linalg.solve(m, m[:, :1])
    except np.linalg.LinAlgError:
        return True
    return False


def solve_ex(a: Any, b: Any, left: bool, vectors: bool) -> tuple[Any, Any]:
    """`solve` with the place of the first zero pivot instead of an error."""
    a, b = _turned(a, b, left, vectors)
    try:
        x, info = np.linalg.solve(a, b), np.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        _, info = inverse(a)
        x = np.full(np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + b.shape[-2:], np.nan, b.dtype)
    return _turned_back(x, left, vectors), info


def solve_triangular(a: Any, b: Any, upper: bool, unitriangular: bool, rows: bool = False) -> Any:
    """x with a x = b, a triangular; its other half is not looked at. A zero on the diagonal gives infinities.

    rows: it lies in memory row by row, not column by column.
    """
    x = _substituted(a, b, upper, unitriangular)
    return x if rows else in_columns(x)


@quiet
def _substituted(a: Any, b: Any, upper: bool, unitriangular: bool) -> Any:
    n = a.shape[-1]
    a = np.triu(a) if upper else np.tril(a)
    if unitriangular:
        every = np.arange(n)
        a = a.copy()
        a[..., every, every] = 1
    if not n or not b.size:
        return np.zeros(np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + b.shape[-2:], b.dtype)
    try:
        return np.linalg.solve(a, b)
    except np.linalg.LinAlgError:
        shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) + b.shape[-2:]
        x = np.array(np.broadcast_to(b, shape))
        for i in range(n - 1, -1, -1) if upper else range(n):  # substitution, a row at a time
            x[..., i, :] /= a[..., i, i, None]
            rest = slice(0, i) if upper else slice(i + 1, n)
            x[..., rest, :] -= a[..., rest, i, None] * x[..., None, i, :]
        return x


def identity_like(x: Any) -> Any:
    """Matrices of x's shape with ones on the diagonal."""
    out = np.zeros_like(x, order="C")
    i = np.arange(min(x.shape[-2:]))
    out[..., i, i] = 1
    return out


# Cholesky, LU, QR ----------------------------------------------------------------------------------------------------


def cholesky(a: Any) -> tuple[Any, Any]:
    """L with L L^H = a, from a's lower half, and for each matrix 0, or the order of the first minor that is not
    positive."""
    if not a.size:
        return np.zeros_like(a), np.zeros(a.shape[:-2], np.int32)
    try:
        return np.linalg.cholesky(a), np.zeros(a.shape[:-2], np.int32)
    except np.linalg.LinAlgError:
        flat = a.reshape(-1, *a.shape[-2:])
        out, info = np.tril(flat), np.zeros(len(flat), np.int32)
        for i, m in enumerate(flat):
            try:
                out[i] = np.linalg.cholesky(m)
            except np.linalg.LinAlgError:
                info[i] = _bad_minor(m)
        return out.reshape(a.shape), info.reshape(a.shape[:-2])


def _bad_minor(m: Any) -> int:
    for k in range(1, len(m)):
        try:
            np.linalg.cholesky(m[:k, :k])
        except np.linalg.LinAlgError:
            return k
    return len(m)


def checked_cholesky(name: str, a: Any) -> Any:
    """L with L L^H = a; PyTorch's error for a matrix that is not positive-definite."""
    out, info = cholesky(a)
    if info.any():
        at = info.reshape(-1)[np.argmax(info.reshape(-1) != 0)]
        raise LinAlgError(
            f"{name}: {_which(a.shape, info != 0)}The factorization could not be completed because the input is not "
            f"positive-definite (the leading minor of order {at} is not positive-definite)."
        )
    return out


def cholesky_solve(b: Any, factor: Any, upper: bool) -> Any:
    """x with L L^H x = b, L or its adjoint being given."""
    lower = adjoint(factor) if upper else factor
    return solve_triangular(adjoint(lower), solve_triangular(lower, b, False, False), True, False)


def cholesky_inverse(factor: Any, upper: bool) -> Any:
    """(L L^H)^-1, L or its adjoint being given."""
    return cholesky_solve(identity_like(factor), factor, upper)


_PANEL = 32  # columns that are eliminated one by one before the rest of the matrix is brought up to date


@quiet
def lu_factor(a: Any) -> tuple[Any, Any, Any]:
    """L (below the diagonal, where it is 1) and U in one matrix, the row exchanged with each row (1-based), and which
    diagonal element of U is the first to be 0. Gaussian elimination by blocks of columns (3.4.1, 3.4.7), of all the
    batch's matrices at a time."""
    *batch, m, n = a.shape
    k = min(m, n)
    if 0 < a.size <= _FEW and a.size == m * n:
        return _lu_of_few(a, k)
    flat = np.array(a).reshape(math.prod(batch), m, n)
    pivots = np.tile(np.arange(1, k + 1, dtype=np.int32), (len(flat), 1))
    for start in range(0, k, _PANEL):
        stop = min(start + _PANEL, k)
        _eliminate(flat, pivots, start, stop)
        if stop < n:
            corner = np.tril(flat[:, start:stop, start:stop], -1) + np.eye(stop - start, dtype=a.dtype)
            flat[:, start:stop, stop:] = np.linalg.solve(corner, flat[:, start:stop, stop:])
            flat[:, stop:, stop:] -= flat[:, stop:, start:stop] @ flat[:, start:stop, stop:]
    zero = np.diagonal(flat, 0, 1, 2)[:, :k] == 0
    info = np.where(zero.any(1), np.argmax(zero, 1) + 1, 0) if k else np.zeros(len(flat))
    return flat.reshape(a.shape), pivots.reshape(*batch, k), info.astype(np.int32).reshape(batch)


_FEW = 64  # elements of a matrix up to which Python's arithmetic takes less time than NumPy's calls


def _lu_of_few(a: Any, k: int) -> tuple[Any, Any, Any]:
    """`lu_factor` of one small matrix, in double precision."""
    rows, pivots, first_zero = a.reshape(a.shape[-2:]).tolist(), [], 0
    for j in range(k):
        column = [abs(row[j].real) + abs(row[j].imag) for row in rows[j:]]
        at = j + column.index(max(column))
        pivots.append(at + 1)
        rows[j], rows[at] = rows[at], rows[j]
        head = rows[j]
        if head[j] == 0:
            first_zero = first_zero or j + 1
            continue
        for row in rows[j + 1 :]:
            row[j] = factor = row[j] / head[j]
            row[j + 1 :] = [x - factor * y for x, y in zip(row[j + 1 :], head[j + 1 :])]
    batch = a.shape[:-2]
    found = np.array(rows, a.dtype).reshape(a.shape)
    return found, np.array(pivots, np.int32).reshape(*batch, k), np.full(batch, first_zero, np.int32)


def _eliminate(flat: Any, pivots: Any, start: int, stop: int) -> None:
    """Eliminates below the diagonal in columns start to stop, and brings these columns, no others, up to date; whole
    rows are exchanged."""
    if (
        flat.size >= _FEW
        and twins.takes(flat)
        and (fast := twins.at_hand("decompositions", 64 * flat.size)) is not None
    ):
        fast.eliminate(flat, pivots, start, stop)
        return
    if len(flat) == 1:
        _eliminate_one(flat[0], pivots[0], start, stop)
        return
    every = np.arange(len(flat))
    for j in range(start, stop):
        column = flat[:, j:, j]
        size = np.abs(column.real) + np.abs(column.imag) if flat.dtype.kind == "c" else np.abs(column)
        row = j + np.argmax(size, 1)
        pivots[:, j] = row + 1
        flat[every, j], flat[every, row] = flat[every, row], flat[every, j].copy()
        head = flat[:, j, j]
        flat[:, j + 1 :, j] /= np.where(head == 0, np.ones((), flat.dtype), head)[:, None]
        flat[:, j + 1 :, j + 1 : stop] -= flat[:, j + 1 :, j, None] * flat[:, j, None, j + 1 : stop]


def _eliminate_one(a: Any, pivots: Any, start: int, stop: int) -> None:
    """`_eliminate` of one matrix."""
    for j in range(start, stop):
        column = a[j:, j]
        row = j + int((np.abs(column.real) + np.abs(column.imag) if a.dtype.kind == "c" else np.abs(column)).argmax())
        pivots[j] = row + 1
        if row != j:
            upper = a[j].copy()
            a[j] = a[row]
            a[row] = upper
        head, below = a[j, j], a[j + 1 :, j]
        if head != 0:
            below /= head
        a[j + 1 :, j + 1 : stop] -= below[:, None] * a[j, j + 1 : stop]


def triangles(factor: Any) -> tuple[Any, Any]:
    """L, with ones on its diagonal, and U of the matrices that hold both."""
    m, n = factor.shape[-2:]
    k = min(m, n)
    zero, every = np.zeros((), factor.dtype), np.arange(k)
    lower = np.where(_below(m, k), factor[..., :k], zero)
    lower[..., every, every] = 1
    return lower, np.where(_below(k, n), zero, factor[..., :k, :])


@functools.lru_cache(16)
def _below(m: int, n: int) -> Any:
    """True below the diagonal."""
    return np.tri(m, n, -1, dtype=bool)


def check_pivots(name: str, info: Any) -> None:
    """PyTorch's error if a U has a zero on its diagonal."""
    if info.any():
        at = info.reshape(-1)[np.argmax(info.reshape(-1) != 0)]
        batch = _which((*info.shape, 0, 0), info != 0)
        raise RuntimeError(
            f"{name}: {batch}U[{at},{at}] is zero and using it on lu_solve would result in a division by zero. If you "
            "still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
            "linalg.lu_factor_ex(A, pivot)"
        )


def permutation(pivots: Any, m: int, dtype: Any) -> Any:
    """The matrix P with P L U = a, from the row exchanges."""
    *batch, k = pivots.shape
    flat = pivots.reshape(math.prod(batch), k)
    if len(flat) == 1:
        rows = list(range(m))
        for j, at in enumerate(flat[0].tolist()):
            rows[j], rows[at - 1] = rows[at - 1], rows[j]
        one = np.zeros((m, m), dtype)
        one[rows, np.arange(m)] = 1
        return one.reshape(*batch, m, m)
    order = np.tile(np.arange(m), (len(flat), 1))
    every = np.arange(len(flat))
    for j in range(k):
        row = flat[:, j] - 1
        order[every, j], order[every, row] = order[every, row], order[every, j].copy()
    out = np.zeros((len(flat), m, m), dtype)
    out[every[:, None], order, np.arange(m)[None]] = 1
    return out.reshape(*batch, m, m)


def qr(a: Any, mode: str) -> tuple[Any, Any]:
    """Q with orthonormal columns and upper triangular R with Q R = a; mode "r" leaves Q empty."""
    if mode == "r":
        return np.zeros((0,), a.dtype), np.linalg.qr(a, "r")
    *batch, m, n = a.shape
    if not a.size:
        k = m if mode == "complete" else min(m, n)
        q = np.zeros((*batch, m, k), a.dtype)
        i = np.arange(min(m, k))
        q[..., i, i] = 1
        return q, np.zeros((*batch, k, n), a.dtype)
    q, r = np.linalg.qr(a, "complete" if mode == "complete" else "reduced")
    return q, r


def geqrf(a: Any) -> tuple[Any, Any]:
    """R above and the Householder vectors below the diagonal, and their factors tau."""
    if not a.size:
        return a.copy(), np.zeros((*a.shape[:-2], min(a.shape[-2:])), a.dtype)
    h, tau = np.linalg.qr(a, "raw")
    return in_columns(np.swapaxes(h, -1, -2)), tau


# eigenvalues and singular values -------------------------------------------------------------------------------------


def eigh(a: Any, upper: bool) -> tuple[Any, Any]:
    """Eigenvalues in rising order and orthonormal eigenvectors (columns) of a Hermitian matrix, from one of its halves;
    NaN of NaN."""
    try:
        values, vectors = np.linalg.eigh(a, "U" if upper else "L")
    except np.linalg.LinAlgError:
        bad = ~np.isfinite(a).all((-1, -2))
        values, vectors = np.linalg.eigh(np.where(bad[..., None, None], 0, a), "U" if upper else "L")
        values[bad], vectors[bad] = np.nan, np.nan
    return values, vectors


def eigvalsh(a: Any, upper: bool) -> Any:
    """The eigenvalues of a Hermitian matrix in rising order."""
    try:
        return np.linalg.eigvalsh(a, "U" if upper else "L")
    except np.linalg.LinAlgError:
        return eigh(a, upper)[0]


def _complex_kind(a: Any) -> Any:
    return np.complex128 if a.dtype in (np.float64, np.complex128) else np.complex64


def eig(a: Any) -> tuple[Any, Any]:
    """Eigenvalues and eigenvectors (columns, of length 1), always complex."""
    kind = _complex_kind(a)
    if not a.size:
        return np.zeros(a.shape[:-1], kind), np.zeros(a.shape, kind)
    values, vectors = np.linalg.eig(a)
    return values.astype(kind), vectors.astype(kind)


def eigvals(a: Any) -> Any:
    """The eigenvalues, always complex."""
    kind = _complex_kind(a)
    return np.linalg.eigvals(a).astype(kind) if a.size else np.zeros(a.shape[:-1], kind)


def _converged(a: Any, values: Callable[[], Any]) -> Any:
    """NumPy's singular values, with PyTorch's error."""
    try:
        return values()
    except np.linalg.LinAlgError:
        bad = ~np.isfinite(a).all((-1, -2))
        raise LinAlgError(
            f"linalg.svd: {_which(a.shape, bad)}The algorithm failed to converge because the input matrix contained "
            "non-finite values."
        ) from None


def _infinite(a: Any) -> Any:
    """Which matrices have an infinity, with which LAPACK may never end; None if none has. A NaN is PyTorch's error."""
    if type(a) is not np.ndarray or np.isfinite(a).all():
        return None
    if np.isnan(a).any():
        _converged(a, _no_svd)
    return ~np.isfinite(a).all((-1, -2))


def _no_svd() -> Any:
    raise np.linalg.LinAlgError


def svd(a: Any, full_matrices: bool) -> tuple[Any, Any, Any]:
    """U, S, V^H with U S V^H = a; the singular values S fall. Of a matrix with an infinity all are NaN."""
    if a.size:
        infinite = _infinite(a)
        if infinite is not None:
            a = np.where(infinite[..., None, None], 0, a)
        u, s, vh = _converged(a, lambda: np.linalg.svd(a, full_matrices))
        if infinite is not None:
            for part in (u, s, vh):
                part[infinite] = np.nan
        return u, s, vh
    *batch, m, n = a.shape
    k = min(m, n)
    u, s, vh = (
        np.zeros((*batch, m, m if full_matrices else k), a.dtype),
        np.zeros((*batch, k), a.real.dtype),
        np.zeros((*batch, n if full_matrices else k, n), a.dtype),
    )
    for x in (u, vh):
        i = np.arange(min(x.shape[-2:]))
        x[..., i, i] = 1
    return u, s, vh


def svdvals(a: Any) -> Any:
    """The singular values, falling."""
    if a.size:
        if _infinite(a) is not None:
            return svd(a, False)[1]
        return _converged(a, lambda: np.linalg.svd(a, compute_uv=False))
    return np.zeros((*a.shape[:-2], min(a.shape[-2:])), a.real.dtype)


def pinv(a: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    """The pseudoinverse: singular values up to max(atol, rtol times the largest) count as 0."""
    if not a.size:
        return np.zeros((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)
    if hermitian:
        values, u = np.linalg.eigh(a)
        s, vh = np.abs(values), adjoint(u)
        inverse = 1 / np.where(values == 0, 1, values)
    else:
        u, s, vh = svd(a, False)
        inverse = 1 / np.where(s == 0, 1, s)
    limit = np.maximum(atol, rtol * np.max(s, -1, keepdims=True))
    inverse = np.where(s > limit, inverse, 0).astype(s.dtype)
    return (adjoint(vh) * inverse[..., None, :]) @ adjoint(u)


def lstsq(a: Any, b: Any, relative: float, driver: str) -> tuple[Any, Any, Any, Any]:
    """The x that makes |a x - b| least; its squared residuals, the rank and the singular values, where LAPACK's driver
    gives them."""
    m, n = a.shape[-2:]
    exact = driver == "gels"  # taken to be of full rank
    x = pinv(a, 0.0, 0.0 if exact else relative, False) @ b
    if type(x) is np.ndarray:  # LAPACK's is where b was
        memory = np.zeros((*x.shape[:-2], x.shape[-1], max(m, n)), x.dtype)
        memory[..., :n] = np.swapaxes(x, -1, -2)
        x = np.swapaxes(memory, -1, -2)[..., :n, :]
    found = np.zeros(0, np.int64) if exact else rank(a, 0.0, relative, False)
    residuals = np.zeros(0, a.real.dtype)
    if m > n and driver != "gelsy" and (exact or (found == n).all()):
        residuals = np.sum(np.abs(a @ x - b) ** 2, -2)
    values = svdvals(a) if driver in ("gelsd", "gelss") else np.zeros(0, a.real.dtype)
    return x, residuals, found, values


def rank(a: Any, atol: Any, rtol: Any, hermitian: bool) -> Any:
    """How many singular values exceed max(atol, rtol times the largest)."""
    if not a.size:
        return np.zeros(a.shape[:-2], np.int64)
    s = np.abs(np.linalg.eigvalsh(a)) if hermitian else svdvals(a)
    limit = np.maximum(atol, rtol * np.max(s, -1, keepdims=True))
    return np.asarray(np.count_nonzero(s > limit, -1), np.int64)


# functions of matrices -----------------------------------------------------------------------------------------------


@quiet
def det(a: Any) -> Any:
    """The determinants."""
    return np.linalg.det(a)


@quiet
def slogdet(a: Any) -> tuple[Any, Any]:
    """The sign of the determinant (for complex ones a number of length 1) and the logarithm of its size."""
    sign, size = np.linalg.slogdet(a)
    return np.asarray(sign, a.dtype), np.asarray(size, a.real.dtype)


def cofactor(a: Any) -> Any:
    """The gradient of the determinant, also of singular matrices: from a = U S V^H, det(U V^H) U (products of the
    others of S) V^H."""
    u, s, vh = svd(a, True)
    n = s.shape[-1]
    others = np.stack([np.prod(np.delete(s, i, -1), -1) for i in range(n)], -1) if n else s
    factor = np.linalg.det(u @ vh)
    return factor[..., None, None].conj() * ((u * others[..., None, :]) @ vh)


# Pade's coefficients of degree 13 for exp, and the norm up to which they are exact (N. J. Higham, "The scaling and
# squaring method for the matrix exponential revisited", SIAM J. Matrix Anal. Appl. 26 (2005), table 2.3)
_PADE_13 = (64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000, 10559470521600,
            670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1)  # fmt: skip
_THETA_13 = 5.371920351148152


@quiet
def matrix_exp(a: Any) -> Any:
    """1 + a + a^2 / 2 + a^3 / 6 + ..., by scaling, Pade's quotient of degree 13, and squaring; in float64."""
    if not a.size:
        return a.copy()
    wide = a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)
    norm = float(np.max(np.sum(np.abs(wide), -2)))
    squarings = max(0, math.ceil(math.log2(norm / _THETA_13))) if norm > 0 and math.isfinite(norm) else 0
    wide = wide / 2**squarings
    b, one = _PADE_13, np.eye(a.shape[-1])
    a2 = wide @ wide
    a4 = a2 @ a2
    a6 = a4 @ a2
    u = wide @ (a6 @ (b[13] * a6 + b[11] * a4 + b[9] * a2) + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * one)
    v = a6 @ (b[12] * a6 + b[10] * a4 + b[8] * a2) + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * one
    out = np.linalg.solve(v - u, v + u)
    for _ in range(squarings):
        out = out @ out
    return out.astype(a.dtype)
