"""L D L^T of symmetric or Hermitian matrices, under torch.linalg's names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from microtorch import return_types
from microtorch.functions.arguments import need_tensor, takes_out
from microtorch.functions.decompositions import need_matrix, need_square
from microtorch.functions.pointwise import type_name
from microtorch.kernels.pointwise import unsupported
from microtorch.ops import decompositions as D

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _checked(name: str, A: Any) -> None:
    need_tensor(name, A)
    need_square(name, A)
    if A._data.dtype.kind not in "fc":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {type_name(A)}")
    if A._data.itemsize == 2:
        raise unsupported("ldl_factor_kernel_cpu", A._data.dtype)


def _need_no_zero(name: str, info: Any) -> None:
    bad = info._data[info._data != 0]
    if bad.size:
        raise RuntimeError(f"{name}: Unknown error code: {bad[0]}.")


@takes_out
def ldl_factor(A: Any, *, hermitian: bool = False) -> Any:
    """L and D with L D L^T = A in one matrix, and the rows exchanged, of symmetric matrices (.., n, n).

    hermitian: complex matrices are Hermitian, L D L^H = A. Only the lower half of A is looked at. It has no gradient.

    >>> import microtorch as torch
    >>> torch.linalg.ldl_factor(torch.tensor([[0., 4.], [4., 0.]])).pivots
    tensor([-2, -2], dtype=torch.int32)
    """
    _checked("torch.linalg.ldl_factor_ex", A)
    factor, pivots, info = D.ldl_factor(A, hermitian)
    _need_no_zero("torch.linalg.ldl_factor", info)
    return return_types.linalg_ldl_factor(factor, pivots)


@takes_out
def ldl_factor_ex(A: Any, *, hermitian: bool = False, check_errors: bool = False) -> Any:
    """`ldl_factor`, and for each matrix 0, or the place of the first zero on D's diagonal."""
    _checked("torch.linalg.ldl_factor_ex", A)
    factor, pivots, info = D.ldl_factor(A, hermitian)
    if check_errors:
        _need_no_zero("torch.linalg.ldl_factor_ex", info)
    return return_types.linalg_ldl_factor_ex(factor, pivots, info)


@takes_out
def ldl_solve(LD: Any, pivots: Any, B: Any, *, hermitian: bool = False) -> Tensor:
    """X with A X = B, from what `ldl_factor` gave for A. It has no gradient."""
    name = "torch.linalg.ldl_solve"
    _checked(name, LD)
    if B._data.ndim < 2:
        raise RuntimeError(f"{name}: Expected B to have at least 2 dimensions, but it has {B._data.ndim} dimensions "
                           "instead")  # fmt: skip
    need_matrix(name, B, "B")
    if LD._data.shape[:-1] != pivots._data.shape:
        raise RuntimeError(
            f"{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape "
            f"{list(pivots._data.shape)} instead"
        )
    if pivots._data.dtype.kind not in "iu":
        raise RuntimeError(f"{name}: Expected pivots to be integers. Got {type_name(pivots)}")
    if LD._data.dtype != B._data.dtype:
        raise RuntimeError(f"Expected b and A to have the same dtype, but found b of type {type_name(B)} and A of type "
                           f"{type_name(LD)} instead.")  # fmt: skip
    m, n = LD._data.shape[-2:], B._data.shape[-2:]
    if m[1] != n[0]:
        raise RuntimeError(f"Incompatible matrix sizes for {name}: each A matrix is {m[0]} by {m[1]} but each b matrix "
                           f"is {n[0]} by {n[1]}")  # fmt: skip
    return D.ldl_solve(LD, pivots, B, hermitian)
