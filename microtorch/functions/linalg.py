"""Matrix products, with PyTorch's names and checks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from microtorch.functions.arguments import need_tensor, takes_out
from microtorch.ops import linalg as L
from microtorch.ops import pointwise as P

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _product(input: Any, other: Any) -> Tensor:
    m, n = input._data.ndim, other._data.ndim
    if m == 2 and n == 2:
        return L.matmul(input, other)  # type: ignore[no-any-return]
    if m == 1 and n == 1:
        return L.dot(input, other)  # type: ignore[no-any-return]
    if m == 2 and n == 1:
        return L.matvec(input, other)  # type: ignore[no-any-return]
    if m == 3 and n == 3 and input._data.shape[0] == other._data.shape[0]:
        return L.matmul_batched(input, other)  # type: ignore[no-any-return]
    return L.matmul_viewed(input, other)  # type: ignore[no-any-return]


@takes_out
def matmul(input: Any, other: Any) -> Tensor:
    """The matrix product of vectors, matrices or batches of them, with NumPy's broadcasting.

    >>> import microtorch as torch
    >>> torch.matmul(torch.ones(2, 3), torch.ones(3)).shape
    torch.Size([2])
    """
    need_tensor("matmul", input)
    need_tensor("matmul", other, "other", 2)
    return _product(input, other)


@takes_out
def mm(input: Any, mat2: Any) -> Tensor:
    """The product of two matrices."""
    need_tensor("mm", input)
    need_tensor("mm", mat2, "mat2", 2)
    for name, t in (("self", input), ("mat2", mat2)):
        if t._data.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix")
    return L.matmul(input, mat2)  # type: ignore[no-any-return]


@takes_out
def bmm(input: Any, mat2: Any) -> Tensor:
    """The products of two batches of matrices, (b, n, m) and (b, m, p)."""
    for name, t in (("batch1", input), ("batch2", mat2)):
        if t._data.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor")
    a, b = input._data.shape, mat2._data.shape
    if a[0] != b[0] or a[2] != b[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{a[0]}, {a[2]}] but got: [{b[0]}, {b[1]}]."
        )
    return L.matmul_batched(input, mat2)  # type: ignore[no-any-return]


@takes_out
def mv(input: Any, vec: Any) -> Tensor:
    """A matrix times a vector."""
    if input._data.ndim != 2 or vec._data.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {vec._data.ndim}, {input._data.ndim}, {vec._data.ndim}")
    return L.matvec(input, vec)  # type: ignore[no-any-return]


@takes_out
def dot(input: Any, tensor: Any) -> Tensor:
    """The sum of the products of two vectors' elements."""
    if input._data.ndim != 1 or tensor._data.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {input._data.ndim}D and {tensor._data.ndim}D tensors")
    return L.dot(input, tensor)  # type: ignore[no-any-return]


@takes_out
def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2)."""
    product = L.matmul(mat1, mat2)
    if alpha != 1:
        product = P.mul(product, alpha)
    return P.add(input if beta == 1 else P.mul(input, beta), product)  # type: ignore[no-any-return]


@takes_out
def outer(input: Any, vec2: Any) -> Tensor:
    """The products of every element of one vector with every element of another."""
    return P.mul(input.unsqueeze(-1), vec2)  # type: ignore[no-any-return]


ger = outer
