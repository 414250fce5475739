"""Inverses, solutions, decompositions, norms of matrices: torch.linalg's functions and their older names in torch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes, return_types
from microtorch.autograd.modes import mode
from microtorch.autograd.operands import broadcast_error
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions.arguments import axis_of, need_tensor, takes_out
from microtorch.functions.complex import conj
from microtorch.functions.linalg import product
from microtorch.functions.pointwise import type_name
from microtorch.functions.shape import diagonal
from microtorch.kernels import decompositions as K
from microtorch.kernels.pointwise import unsupported
from microtorch.ops import decompositions as D, factors as F, pointwise as P, shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

# checks --------------------------------------------------------------------------------------------------------------


def need_floats(name: str, t: Any, kernel: str = "") -> None:
    """Raise PyTorch's error unless a tensor is of float32, float64 or their complex dtypes.

    kernel: which of PyTorch's kernels does not take float16, if it is that and no check that refuses it.
    """
    need_tensor(name, t)
    kind = t._data.dtype
    if kind.kind not in "fc":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {type_name(t)}")
    if kind.itemsize == 2:
        if kernel:
            raise unsupported(kernel, kind)
        raise RuntimeError(f"{name}: Low precision dtypes not supported. Got {type_name(t)}")


def need_matrix(name: str, t: Any, argument: str = "A") -> None:
    """Raise PyTorch's error unless a tensor has two dimensions or more."""
    if t._data.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor {argument} must have at least 2 dimensions.")


def need_square(name: str, t: Any, argument: str = "A") -> None:
    """Raise PyTorch's error unless a tensor is a square matrix, or a batch of them."""
    need_matrix(name, t, argument)
    m, n = t._data.shape[-2:]
    if m != n:
        raise RuntimeError(f"{name}: {argument} must be batches of square matrices, but they are {m} by {n} matrices")


def _square(name: str, t: Any, kernel: str = "") -> None:
    need_tensor(name, t)
    need_square(name, t)
    need_floats(name, t, kernel)


def _matrix(name: str, t: Any, kernel: str = "") -> None:
    need_tensor(name, t)
    need_matrix(name, t)
    need_floats(name, t, kernel)


def adjoint_of(t: Any) -> Any:
    """The last two dimensions exchanged, and conjugated."""
    return conj(S.transpose(t, t._data.ndim - 2, t._data.ndim - 1))


# inverses and determinants -------------------------------------------------------------------------------------------


@takes_out
def inv(A: Any) -> Tensor:
    """The inverse of square matrices (.., n, n).

    Raises LinAlgError if one is singular.

    >>> import microtorch as torch
    >>> torch.linalg.inv(torch.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    _square("linalg.inv", A)
    return D.inverse(A, "linalg.inv")


@takes_out
def inverse(input: Any) -> Tensor:
    """The inverse of square matrices: `linalg.inv`."""
    return inv(input)


@takes_out
def inv_ex(A: Any, *, check_errors: bool = False) -> Any:
    """The inverse, and 0 for each matrix that has one."""
    _square("linalg.inv", A)
    if check_errors:
        K.checked_inverse("linalg.inv_ex", A._data)
    return return_types.linalg_inv_ex(*D.inverse_ex(A))


@takes_out
def pinv(A: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = None, atol: Any = None) -> Tensor:
    """The pseudoinverse of matrices (.., m, n); singular values up to max(atol, rtol times the largest) count as 0."""
    need_tensor("linalg.pinv", A)
    if A._data.ndim < 2 or A._data.dtype.kind not in "fc":
        raise RuntimeError(
            f"linalg.pinv({type_name(A)}{{{list(A._data.shape)}}}): expected a tensor with 2 or more dimensions of "
            "float, double, cfloat or cdouble types"
        )
    if hermitian:
        need_square("linalg.pinv", A)
    absolute, relative = _tolerances(A, atol, rcond if rtol is None else rtol)
    return D.pinv(A, absolute, relative, hermitian)


def pinverse(input: Any, rcond: float = 1e-15) -> Tensor:
    """The pseudoinverse: `linalg.pinv`."""
    return pinv(input, rcond)


def _tolerances(A: Any, atol: Any, rtol: Any) -> tuple[Any, Any]:
    """What counts as 0: by default eps times the larger side, relative to the largest singular value."""

    def ready(t: Any) -> Any:
        return t._data[..., None] if isinstance(t, TensorBase) else t

    if rtol is None:
        given = atol is not None and bool(np.any(ready(atol) > 0))
        rtol = (
            0.0 if given and not isinstance(atol, TensorBase) else np.finfo(A._data.dtype).eps * max(A._data.shape[-2:])
        )
        if given and isinstance(atol, TensorBase):
            rtol = np.where(ready(atol) > 0, 0.0, rtol)
    return 0.0 if atol is None else ready(atol), ready(rtol)


@takes_out
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None) -> Tensor:
    """How many singular values of matrices are not nearly 0 (`pinv`); int64."""
    need_tensor("linalg.matrix_rank", A)
    need_matrix("torch.linalg.matrix_rank", A, "input")
    need_floats("linalg.matrix_rank", A)
    if hermitian:
        need_square("linalg.matrix_rank", A)
    if tol is not None:  # an absolute tolerance, as NumPy has it
        atol, rtol = tol, 0.0
    absolute, relative = _tolerances(A, atol, rtol)
    return D.rank(A.detach(), absolute, relative, hermitian)


@takes_out
def det(A: Any) -> Tensor:
    """The determinant of square matrices (.., n, n).

    >>> import microtorch as torch
    >>> torch.linalg.det(torch.tensor([[1., 2.], [3., 5.]]))
    tensor(-1.)
    """
    _square("linalg.det", A, "lu_cpu")
    return D.det(A)


@takes_out
def slogdet(A: Any) -> Any:
    """The sign of the determinant and the logarithm of its absolute value."""
    _square("linalg.slogdet", A)
    return return_types.linalg_slogdet(*D.slogdet(A))


@takes_out
def old_slogdet(input: Any) -> Any:
    """`linalg.slogdet`, under its older name torch.slogdet."""
    return return_types.slogdet(*slogdet(input))


def logdet(input: Any) -> Tensor:
    """The logarithm of the determinant; NaN where that is negative."""
    _square("logdet", input)
    sign, size = D.slogdet(input)
    if input._data.dtype.kind == "c":
        return P.add(P.log(sign), size)
    return P.where(wrap(sign._data == -1), math.nan, size)


# solving -------------------------------------------------------------------------------------------------------------


def _is_vectors(a: Any, b: Any) -> bool:
    """PyTorch's rule: B is one vector, or a batch of vectors for A's batch of matrices."""
    return b._data.ndim == 1 or (a._data.ndim - 1 == b._data.ndim and b._data.shape == a._data.shape[:-1])


def _same_kind(name: str, a: Any, b: Any) -> None:
    if a._data.dtype != b._data.dtype:
        raise RuntimeError(
            f"{name}: Expected A and B to have the same dtype, but found A of type {type_name(a)} and B of type "
            f"{type_name(b)} instead"
        )


def _fitting(name: str, a: Any, b: Any, left: bool) -> None:
    m, n = a._data.shape[-2:], b._data.shape[-2:]
    if (m[-1] if left else m[0]) != (n[0] if left else n[1]):
        _misfit(name, m, n, left)


def _misfit(name: str, m: Any, n: Any, left: bool) -> None:
    raise RuntimeError(
        f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} ({m[0]}x{m[1]} "
        f"and {n[0]}x{n[1]})"
    )


def _solving(name: str, entry: Any, A: Any, B: Any, left: bool) -> Any:
    need_tensor(name, A)
    need_tensor(name, B, "B", 2)
    need_square(name, A)
    need_floats(name, A)
    _same_kind(name, A, B)
    vectors = _is_vectors(A, B)
    if vectors:
        if not left and B._data.ndim == 1:
            _misfit(name, A._data.shape, (B._data.shape[0], 1), left)
        if not left:
            raise RuntimeError(
                f"{name}: Vector broadcasting of the left hand side is not supported for left=False. In this case "
                "linalg.solve is equivalent to B / A.squeeze(-1)"
            )
        if A._data.shape[-1] != B._data.shape[-1]:
            _misfit(name, A._data.shape[-2:], (B._data.shape[-1], 1), left)
    else:
        need_matrix(name, B, "B")
        _fitting(name, A, B, left)
    return entry(A, B, left, vectors)


def _turned(t: Any) -> Any:
    return S.transpose(t, t._data.ndim - 2, t._data.ndim - 1)


@takes_out
def solve(A: Any, B: Any, *, left: bool = True) -> Tensor:
    """X with A X = B (or X A = B, if not `left`); A (.., n, n), B (.., n, k) or a vector.

    Raises LinAlgError if a matrix is singular.

    >>> import microtorch as torch
    >>> torch.linalg.solve(torch.tensor([[2., 0.], [0., 4.]]), torch.tensor([2., 2.]))
    tensor([1.0000, 0.5000])
    """
    return _solving("linalg.solve", D.solve, A, B, left)


@takes_out
def solve_ex(A: Any, B: Any, *, left: bool = True, check_errors: bool = False) -> Any:
    """`solve`, and 0 for each matrix that is not singular."""
    if check_errors:
        solve(A, B, left=left)
    return return_types.linalg_solve_ex(*_solving("linalg.solve", D.solve_ex, A, B, left))


@takes_out
def solve_triangular(A: Any, B: Any, *, upper: bool, left: bool = True, unitriangular: bool = False) -> Tensor:
    """X with A X = B (or X A = B), A triangular: its other half is not looked at, nor, if unitriangular, its
    diagonal."""
    name = "linalg.solve_triangular"
    need_tensor(name, A)
    _same_kind(name, A, B)
    need_square(name, A)
    need_matrix(name, B, "B")
    _fitting(name, A, B, left)
    if left:
        return D.solve_triangular(A, B, upper, unitriangular)
    return _turned(D.solve_triangular(_turned(A), _turned(B), not upper, unitriangular, True))


def triangular_solve(b: Any, A: Any, upper: bool = True, transpose: bool = False, unitriangular: bool = False) -> Any:
    """X with A X = b for triangular A, and a copy of A."""
    for t in (b, A):
        if t._data.ndim < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {'b' if t is b else 'A'} to have at least 2 dimensions, but it has "
                f"{t._data.ndim} dimensions instead"
            )
    if b._data.dtype.kind not in "fc" or b._data.dtype.itemsize == 2:
        raise unsupported("triangular_solve_cpu", b._data.dtype)
    return return_types.triangular_solve(*F.triangular_solve(b, A, upper, transpose, unitriangular))


@takes_out
def lstsq(A: Any, B: Any, rcond: Any = None, *, driver: Any = None) -> Any:
    """X that makes the norm of A X - B least; also the residuals, the rank and the singular values, as the driver
    gives them."""
    name = "torch.linalg.lstsq"
    if A._data.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if B._data.ndim < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    if A._data.dtype != B._data.dtype:
        raise RuntimeError(
            f"{name}: Expected input and other to have the same dtype, but got input's dtype {type_name(A)} and "
            f"other's dtype {type_name(B)}"
        )
    drivers = ("gels", "gelsy", "gelsd", "gelss")
    if driver is None:
        driver = "gelsy"
    if driver not in drivers:
        raise RuntimeError(f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    vectors = _is_vectors(A, B)
    if vectors:
        if A._data.shape[-2] != B._data.shape[-1]:
            raise RuntimeError(f"{name}: input.size(-2) should match other.size(-1)")
        B = S.reshape(B, (*B._data.shape, 1))
    elif A._data.shape[-2] != B._data.shape[-2]:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size(-2)")
    m, n = A._data.shape[-2:]
    relative = float(np.finfo(A._data.dtype).eps) * max(m, n) if rcond is None else rcond
    x, residuals, rank, values = D.lstsq(A, B, relative, driver)
    if vectors:
        x = S.reshape(x, x._data.shape[:-1])
    return return_types.linalg_lstsq(x, residuals, rank, values.detach())


# Cholesky ------------------------------------------------------------------------------------------------------------


@takes_out
def cholesky(A: Any, *, upper: bool = False) -> Tensor:
    """Lower triangular L with L L^H = A (upper: its adjoint), for positive-definite matrices.

    Raises LinAlgError if one is not.

    >>> import microtorch as torch
    >>> torch.linalg.cholesky(torch.tensor([[4., 2.], [2., 5.]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    _square("linalg.cholesky", A, "cholesky_cpu")
    return D.cholesky(A, "linalg.cholesky", upper)


@takes_out
def old_cholesky(input: Any, upper: bool = False) -> Tensor:
    """`linalg.cholesky`, under its older name torch.cholesky."""
    _square("cholesky", input, "cholesky_cpu")
    return D.old_cholesky(input, "cholesky", upper)


@takes_out
def cholesky_ex(A: Any, *, upper: bool = False, check_errors: bool = False) -> Any:
    """`cholesky`, and 0 for each matrix that is positive-definite."""
    _square("linalg.cholesky_ex", A, "cholesky_cpu")
    if check_errors:
        K.checked_cholesky("linalg.cholesky_ex", A._data)
    return return_types.linalg_cholesky_ex(*D.cholesky_ex(A, upper))


@takes_out
def cholesky_solve(B: Any, L: Any, upper: bool = False) -> Tensor:
    """X with L L^H X = B."""
    for t, what in ((B, "b"), (L, "u")):
        if t._data.ndim < 2:
            raise RuntimeError(f"{what} should have at least 2 dimensions, but has {t._data.ndim} dimensions instead")
    b, u = B._data.shape, L._data.shape
    if u[-1] != u[-2]:
        raise RuntimeError(f"A must be batches of square matrices, but they are {u[-2]} by {u[-1]} matrices")
    if b[-2] != u[-1]:
        raise RuntimeError(
            f"Incompatible matrix sizes for cholesky_solve: each A matrix is {u[-2]} by {u[-1]} but each b matrix is "
            f"{b[-2]} by {b[-1]}"
        )
    try:
        np.broadcast_shapes(b[:-2], u[:-2])
    except ValueError as error:
        raise broadcast_error(np.empty(b[:-2]), np.empty(u[:-2]), error) from None
    return D.cholesky_solve(B, L, upper)


@takes_out
def cholesky_inverse(L: Any, upper: bool = False) -> Tensor:
    """The inverse of L L^H."""
    need_square("cholesky_inverse", L)
    return D.cholesky_inverse(L, upper)


# LU ------------------------------------------------------------------------------------------------------------------


def _need_lu(name: str, A: Any, pivot: bool) -> None:
    need_tensor(name, A)
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    if A._data.ndim < 2:
        raise RuntimeError(
            f"{name}: Expected tensor with 2 or more dimensions. Got size: {list(A._data.shape)} instead"
        )


@takes_out
def lu(A: Any, *, pivot: bool = True) -> Any:
    """P, L, U with P L U = A: a permutation, a lower triangle with ones on its diagonal, an upper triangle."""
    _need_lu("linalg.lu", A, pivot)
    need_floats("linalg.lu", A, "lu_cpu")
    lower, upper, p = D.lu(A)
    return return_types.linalg_lu(p.detach(), lower, upper)


@takes_out
def lu_factor(A: Any, *, pivot: bool = True) -> Any:
    """L and U in one matrix, and the rows exchanged (from 1)."""
    _need_lu("torch.lu_factor", A, pivot)
    need_floats("torch.lu_factor", A, "lu_cpu")
    factor, pivots, info = D.lu_factor(A)
    K.check_pivots("torch.linalg.lu_factor", info._data)
    return return_types.linalg_lu_factor(factor, pivots)


@takes_out
def lu_factor_ex(A: Any, *, pivot: bool = True, check_errors: bool = False) -> Any:
    """`lu_factor`, and 0 for each matrix whose U has no zero on its diagonal."""
    _need_lu("torch.lu_factor_ex", A, pivot)
    need_floats("torch.lu_factor_ex", A, "lu_cpu")
    factor, pivots, info = D.lu_factor(A)
    if check_errors:
        K.check_pivots("torch.linalg.lu_factor_ex", info._data)
    return return_types.linalg_lu_factor_ex(factor, pivots, info)


def old_lu(A: Any, pivot: bool = True, get_infos: bool = False, out: Any = None) -> Any:
    """`linalg.lu_factor`, under its older name torch.lu."""
    _need_lu("torch.lu_factor", A, pivot)
    found = D.lu_factor(A)
    return return_types._lu_with_info(*found) if get_infos else tuple(found[:2])


@takes_out
def lu_unpack(LU_data: Any, LU_pivots: Any, unpack_data: bool = True, unpack_pivots: bool = True) -> Any:
    """P, L, U of what `lu_factor` gave."""
    if LU_pivots._data.dtype != np.int32 and unpack_pivots:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\nNote: this "
            "function is intended to be used with the output produced by torch.linalg.lu_factor"
        )
    p, lower, upper = F.lu_unpack(LU_data, LU_pivots) if unpack_data else (None, None, None)
    kind = LU_data._data.dtype
    if not unpack_pivots:
        p = wrap(np.zeros(0, kind))
    elif p is None:
        p = wrap(K.permutation(LU_pivots._data, LU_data._data.shape[-2], kind))
    if not unpack_data:
        lower = upper = wrap(np.zeros(0, kind))
    return return_types.lu_unpack(p.detach(), lower, upper)


@takes_out
def lu_solve(LU: Any, pivots: Any, B: Any, *, left: bool = True, adjoint: bool = False) -> Tensor:
    """X with A X = B (or X A = B; adjoint: with A's adjoint), from what `lu_factor` gave for A."""
    name = "linalg.lu_solve"
    _same_kind(name.replace("A", "LU"), LU, B)
    need_square(name, LU, "LU")
    need_matrix(name, B, "B")
    _fitting(name, LU, B, left)
    return F.lu_solve(LU, pivots, B, left, adjoint)


@takes_out
def old_lu_solve(b: Any, LU_data: Any, LU_pivots: Any) -> Tensor:
    """`linalg.lu_solve`, under its older name torch.lu_solve."""
    return lu_solve(LU_data, LU_pivots, b)


# QR ------------------------------------------------------------------------------------------------------------------


@takes_out
def qr(A: Any, mode: str = "reduced") -> Any:
    """Q with orthonormal columns and upper triangular R, with Q R = A; mode "reduced", "complete" or "r" (R alone)."""
    _matrix("linalg.qr", A, "geqrf_cpu")
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    return return_types.linalg_qr(*D.qr(A, mode))


@takes_out
def old_qr(input: Any, some: bool = True) -> Any:
    """`linalg.qr`, under its older name torch.qr."""
    _matrix("linalg.qr", input, "geqrf_cpu")
    return return_types.qr(*D.qr(input, "reduced" if some else "complete"))


@takes_out
def geqrf(input: Any) -> Any:
    """The Householder vectors below and R above the diagonal, and their factors tau."""
    if input._data.ndim < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    return return_types.geqrf(*D.geqrf(input))


@takes_out
def householder_product(input: Any, tau: Any) -> Tensor:
    """The first columns of the product of the Householder reflections 1 - tau_k v_k v_k^H, v_k below the diagonal."""
    name = "torch.linalg.householder_product"
    if input._data.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    m, n = input._data.shape[-2:]
    if m < n:
        raise RuntimeError(f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")
    if n < tau._data.shape[-1]:
        raise RuntimeError(f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    if tau._data.ndim != input._data.ndim - 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal to {tau._data.ndim} "
            f"and input.ndim is equal to {input._data.ndim}"
        )
    if tau._data.shape[:-1] != input._data.shape[:-2]:
        raise RuntimeError(
            f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got "
            f"{list(tau._data.shape[:-1])}"
        )
    if tau._data.dtype != input._data.dtype:
        raise RuntimeError(
            f"{name}: tau dtype {dtypes.of[tau._data.dtype]} does not match input dtype {dtypes.of[input._data.dtype]}"
        )
    return F.householder_product(input, tau)


orgqr = householder_product


@takes_out
def ormqr(input: Any, tau: Any, other: Any, left: bool = True, transpose: bool = False) -> Tensor:
    """Q @ other, other @ Q, or with Q's adjoint, for the whole Q of the Householder vectors in `input`."""
    if input._data.ndim < 2 or other._data.ndim < 2:
        which = "input" if input._data.ndim < 2 else "other"
        raise RuntimeError(f"torch.ormqr: {which} must have at least 2 dimensions.")
    size = other._data.shape[-2 if left else -1]
    if size < tau._data.shape[-1]:
        raise RuntimeError(
            f"torch.ormqr: other.shape[{-2 if left else -1}] must be greater than or equal to tau.shape[-1]"
        )
    if tau._data.shape[-1] > min(size, input._data.shape[-1]):
        raise RuntimeError("torch.ormqr: tau.shape[-1] must be equal to min(other.shape[-2], input.shape[-1])")
    if size != input._data.shape[-2]:
        raise RuntimeError(f"torch.ormqr: other.shape[{-2 if left else -1}] must be equal to input.shape[-2]")
    return F.ormqr(input, tau, other, left, transpose)


# eigenvalues and singular values -------------------------------------------------------------------------------------


@takes_out
def eigh(A: Any, UPLO: str = "L") -> Any:
    """Eigenvalues (rising, real) and orthonormal eigenvectors of symmetric or Hermitian matrices, from their lower
    half."""
    _square("linalg.eigh", A, "linalg_eigh_cpu")
    return return_types.linalg_eigh(*D.eigh(A, _upper(UPLO)))


def _upper(UPLO: str) -> bool:
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return UPLO.upper() == "U"


@takes_out
def eigvalsh(A: Any, UPLO: str = "L") -> Tensor:
    """The eigenvalues of symmetric or Hermitian matrices, rising."""
    _square("linalg.eigvalsh", A, "linalg_eigh_cpu")
    upper = _upper(UPLO)
    return D.eigh(A, upper)[0] if wants_gradient(A) else wrap(K.eigvalsh(A._data, upper))


@takes_out
def eig(A: Any) -> Any:
    """Eigenvalues and eigenvectors (columns of length 1) of square matrices, complex."""
    _square("linalg.eig", A, "linalg_eig_out_cpu")
    _finite("torch.linalg.eig", A)
    return return_types.linalg_eig(*D.eig(A))


def _finite(name: str, A: Any) -> None:
    if not np.isfinite(A._data).all():
        raise RuntimeError(f"{name}: input tensor should not contain infs or NaNs.")


@takes_out
def eigvals(A: Any) -> Tensor:
    """The eigenvalues of square matrices, complex."""
    _square("linalg.eigvals", A, "linalg_eig_out_cpu")
    _finite("torch.linalg.eig", A)
    return D.eig(A)[0] if wants_gradient(A) else wrap(K.eigvals(A._data))


@takes_out
def svd(A: Any, full_matrices: bool = True, *, driver: Any = None) -> Any:
    """U, S, Vh with U diag(S) Vh = A; the singular values S fall.

    >>> import microtorch as torch
    >>> torch.linalg.svd(torch.tensor([[3., 0.], [0., 4.]])).S
    tensor([4., 3.])
    """
    _matrix("linalg.svd", A, "linalg_svd_cpu")
    _no_driver(driver)
    return return_types.linalg_svd(*D.svd(A, full_matrices))


@takes_out
def svdvals(A: Any, *, driver: Any = None) -> Tensor:
    """The singular values, falling."""
    _matrix("linalg.svd", A, "linalg_svd_cpu")
    _no_driver(driver)
    return singular_values(A)


def _no_driver(driver: Any) -> None:
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER backend."
        )


def wants_gradient(A: Any) -> bool:
    """True if what is computed from a tensor now is recorded."""
    return A._node is not None and mode.enabled


def singular_values(A: Any) -> Any:
    """The singular values alone where no gradient needs the vectors."""
    return D.svd(A, False)[1] if wants_gradient(A) else wrap(K.svdvals(A._data))


@takes_out
def old_svd(input: Any, some: bool = True, compute_uv: bool = True) -> Any:
    """U, S, V with U diag(S) V^H = input: `linalg.svd`, under its older name torch.svd."""
    if input._data.ndim < 2:
        raise RuntimeError("linalg.svd: The input tensor A must have at least 2 dimensions.")
    need_floats("linalg.svd", input, "linalg_svd_cpu")
    m, n = input._data.shape[-2:]
    if not compute_uv:
        values = singular_values(input)
        batch = input._data.shape[:-2]
        return return_types.svd(
            *(wrap(np.zeros((*batch, k, k), input._data.dtype)) if i != 1 else values for i, k in enumerate((m, 0, n)))
        )
    u, s, vh = D.svd(input, not some)
    return return_types.svd(u, s, adjoint_of(vh))


# functions and shapes ------------------------------------------------------------------------------------------------


@takes_out
def matrix_power(A: Any, n: int) -> Tensor:
    """A @ A @ ... n times, by repeated squaring; the inverse's power if n is negative."""
    need_tensor("linalg.matrix_power", A)
    if not isinstance(n, (int, np.integer)):
        raise TypeError(f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}")
    need_square("linalg.matrix_power", A)
    if n == 0:
        return D.identity_like(A)
    if n == -1:
        return inv(A)  # which lies in memory by columns
    if n < 0:
        return matrix_power(inv(A), -n)
    if n == 1:
        return P.clone(A) if A._data.flags.c_contiguous else P.contiguous(A)
    if n == 2:
        return product(A, A)
    if n == 3:
        return product(product(A, A), A)
    result, square = None, A
    while n:
        n, odd = divmod(n, 2)
        if odd:
            result = square if result is None else product(result, square)
        if n:
            square = product(square, square)
    return result  # type: ignore[return-value]


@takes_out
def matrix_exp(A: Any) -> Tensor:
    """The matrix exponential 1 + A + A^2 / 2 + A^3 / 6 + ..."""
    need_square("linalg.matrix_exp", A)
    if A._data.dtype.kind not in "fc":
        need_floats("linalg.matrix_exp", A)
    return D.matrix_exp(A)


@takes_out
def tensorinv(A: Any, ind: int = 2) -> Tensor:
    """The inverse of A as a map from its last dimensions to its first `ind`."""
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    shape = A._data.shape
    first, last = shape[:ind], shape[ind:]
    m, n = math.prod(first), math.prod(last)
    if m != n:
        raise RuntimeError(
            f"Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {n} "
            f"!= {m}"
        )
    found = D.inverse_ex(S.reshape(A, (m, n)))
    if found[1]._data.any():
        raise K.LinAlgError("Failed to invert the input tensor, because it is singular.")
    return S.reshape_alias(found[0], (*last, *first))


@takes_out
def tensorsolve(A: Any, B: Any, dims: Any = None) -> Tensor:
    """X with tensordot(A, X) = B; dims: dimensions of A that are moved to its end first."""
    n = A._data.ndim
    if dims is not None:
        moved = [axis_of(d, n) for d in dims]
        A = S.permute(A, (*(a for a in range(n) if a not in moved), *moved))
    shape = A._data.shape
    b = B._data.ndim
    left, right = math.prod(shape[:b]), math.prod(shape[b:])
    if left != right:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
            f"but got {right} != {left}"
        )
    x = solve(S.reshape(A, (left, right)), S.reshape(B, (left,)))
    return S.reshape(x, shape[b:])


def linalg_diagonal(A: Any, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The diagonal of matrices, as a view."""
    return diagonal(A, offset, dim1, dim2)
