"""Norms of vectors and matrices, with PyTorch's signatures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions.arguments import axes_of, axis_of, need_tensor, numpy_dtype, takes_out
from microtorch.functions.decompositions import need_floats, need_matrix, need_square, singular_values
from microtorch.functions.pointwise import type_name
from microtorch.ops import decompositions as D, index as I, pointwise as P, reduce as R, shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _show(ord: Any) -> str:
    if isinstance(ord, str):
        return ord
    return "inf" if ord == math.inf else "-inf" if ord == -math.inf else f"{ord:g}"


def vector_norm_over(
    input: Any, ord: Any, dim: Any, keepdim: bool, dtype: Any, name: str = "linalg.vector_norm"
) -> Any:
    """The vector norm after PyTorch's checks."""
    need_tensor(name, input)
    if input._data.dtype.kind not in "fc":
        if dtype is None or name == "linalg.vector_norm":
            raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {type_name(input)}")
    want = numpy_dtype(dtype)
    if want is not None:
        if want.kind not in "fc":
            raise RuntimeError(f"{name}: dtype should be floating point or complex. Got {dtypes.of[want].type_name}")
        if (want.kind == "c") != (input._data.dtype.kind == "c"):
            kind = ("complex", "real") if input._data.dtype.kind == "c" else ("real", "complex")
            raise RuntimeError(
                f"{name}: dtype should be {kind[0]} for {kind[0]} inputs, but got {dtypes.of[want].type_name}"
            )
        if want.itemsize < input._data.dtype.itemsize:
            raise RuntimeError(
                f"{name}: the dtype of the input ({type_name(input)}) should be convertible without narrowing to the "
                f"specified dtype ({dtypes.of[want].type_name})"
            )
        input = P.cast(input, want) if input._data.dtype != want else input
    axes = axes_of(dim, input._data.ndim)
    if isinstance(ord, complex):
        raise RuntimeError(f"{name}: Expected a non-complex scalar as the order of norm.")
    if not isinstance(ord, (int, float, np.number, TensorBase)):
        given = type(ord).__name__
        raise TypeError(f"{name.replace('.', '_')}(): argument 'ord' (position 2) must be Number, not {given}")
    ord = float(ord)  # type: ignore[arg-type]
    if (ord < 0 or math.isinf(ord)) and input._data.size == 0:
        shape = input._data.shape
        if axes is None:
            raise RuntimeError(
                f"{name} cannot compute the {_show(ord)} norm on an empty tensor because the operation does not have "
                "an identity"
            )
        for a in axes:
            if shape[a] == 0:
                raise RuntimeError(
                    f"{name} cannot compute the {_show(ord)} norm on the dimension {a}because this dimension is empty "
                    "and the operation does not have an identity"
                )
    return R.vector_norm(input, ord, axes, keepdim)


@takes_out
def vector_norm(x: Any, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """(sum |x|^ord)^(1/ord) over all elements or `dim`; inf: the largest |x|, -inf: the smallest, 0: how many are not
    0.

    >>> import microtorch as torch
    >>> torch.linalg.vector_norm(torch.tensor([3., 4.]))
    tensor(5.)
    """
    return vector_norm_over(x, ord, dim, keepdim, dtype)


@takes_out
def matrix_norm(A: Any, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """A norm of matrices: "fro", "nuc", or by ord 1, -1 (columns), inf, -inf (rows), 2, -2 (singular values)."""
    name = "linalg.matrix_norm"
    need_tensor(name, A)
    need_matrix(name, A)
    if A._data.dtype.kind not in "fc":
        raise RuntimeError(f"{name}: Expected a floating point or complex tensor as input. Got {type_name(A)}")
    if len(dim) != 2:
        raise RuntimeError(f"{name}: dim must be a 2-tuple. Got {' '.join(map(str, dim))}")
    i, j = (axis_of(d, A._data.ndim) for d in dim)
    if i == j:
        raise RuntimeError(f"{name}: dims must be different. Got ({dim[0]}, {dim[1]})")
    if ord == "fro":
        return vector_norm_over(A, 2, (i, j), keepdim, dtype, name)
    if ord not in ("nuc", 1, -1, 2, -2, math.inf, -math.inf):
        raise RuntimeError(f"{name}: Order {_show(ord)} not supported.")
    if dtype is not None:
        A = P.cast(A, dtype.numpy)
    if ord in ("nuc", 2, -2):
        rest = tuple(a for a in range(A._data.ndim) if a not in (i, j))
        s = singular_values(S.permute(A, (*rest, i, j)))
        last = s._data.ndim - 1
        none = s._data.shape[-1] == 0
        if none and ord == -2:
            raise IndexError("amin(): Expected reduction dim -1 to have non-zero size.")
        found = (
            R.sum(s, (last,), False) if ord == "nuc" or none else (R.amax if ord == 2 else R.amin)(s, (last,), False)
        )
    else:
        first, second = (i, j) if abs(ord) == 1 else (j, i)
        at, none = second - (second > first), A._data.shape[second] == 0
        if none and ord < 0:
            raise IndexError(f"amin(): Expected reduction dim {at} to have non-zero size.")
        sums = R.vector_norm(A, 1.0, (first,), False)
        found = (R.sum if none else R.amax if ord > 0 else R.amin)(sums, (at,), False)
    if keepdim:
        return S.reshape(found, tuple(1 if a in (i, j) else n for a, n in enumerate(A._data.shape)))
    return found


@takes_out
def linalg_norm(A: Any, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """A vector norm, or with a two-dimensional input (or two `dim`) and an `ord` a matrix norm."""
    need_tensor("linalg.norm", A)
    n = A._data.ndim
    if dim is not None:
        dim = (dim,) if isinstance(dim, int) else tuple(dim)
        if ord is not None and len(dim) not in (1, 2):
            raise RuntimeError(f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}")
    elif ord is not None and n not in (1, 2):
        raise RuntimeError(f"linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {n}D.")
    if isinstance(ord, str) or (ord is not None and (len(dim) == 2 if dim is not None else n == 2)):
        if (dim is None and n != 2) or (dim is not None and len(dim) != 2):
            count = n if dim is None else len(dim)
            raise RuntimeError(f"linalg.matrix_norm: dim must be a 2-tuple. Got {count}")
        return matrix_norm(A, ord, (0, 1) if dim is None else dim, keepdim, dtype=dtype)
    return vector_norm_over(A, 2 if ord is None else ord, dim, keepdim, dtype)


@takes_out
def norm(input: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Tensor:
    """The p-norm over all elements or `dim`; "fro" is 2, "nuc" the sum of the singular values.

    >>> import microtorch as torch
    >>> torch.norm(torch.tensor([3., 4.]))
    tensor(5.)
    """
    need_tensor("norm", input)
    if isinstance(p, str) and p not in ("fro", "nuc"):
        raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
    if p == "nuc" or (isinstance(p, str) and p != "fro"):
        dims = tuple(dim) if dim is not None and not isinstance(dim, int) else (0, 1) if dim is None else (dim,)
        return matrix_norm(input, p, dims, keepdim, dtype=dtype)
    return vector_norm_over(input, 2 if p in ("fro", None) else p, dim, keepdim, dtype)


@takes_out
def frobenius_norm(input: Any, dim: Any, keepdim: bool = False) -> Tensor:
    """The 2-norm of all elements over `dim`."""
    return vector_norm_over(input, 2, dim or None, keepdim, None)


@takes_out
def nuclear_norm(input: Any, dim: Any = (0, 1), keepdim: bool = False) -> Tensor:
    """The sum of the singular values."""
    return matrix_norm(input, "nuc", dim, keepdim)


@takes_out
def cond(A: Any, p: Any = None) -> Tensor:
    """The condition number: the norm of A times that of its inverse, for 2 and -2 a quotient of singular values."""
    name = "linalg.cond"
    need_tensor(name, A)
    if A._data.ndim < 2:
        raise RuntimeError(f"{name}: The input tensor must have at least 2 dimensions.")
    if p not in (None, 2, -2, 1, -1, math.inf, -math.inf, "fro", "nuc"):
        raise RuntimeError(f"{name} got an invalid norm type: {p}")
    batch = A._data.shape[:-2]
    if p in (None, 2, -2):
        if not A._data.size and 0 in A._data.shape[-2:]:
            return wrap(np.zeros(batch, A._data.real.dtype))
        need_floats(name, A, "linalg_svd_cpu")
        s = singular_values(A)
        most, least = (I.slice_(s, (..., slice(i, i + 1 or None))) for i in (0, -1))
        return S.squeeze_one(P.div(least, most) if p == -2 else P.div(most, least), (len(batch),))
    need_square(name + f"(ord={_show(p)})", A)
    if not A._data.size:
        return wrap(np.zeros(batch, A._data.real.dtype))
    inverse = D.inverse_ex(A)
    singular = wrap(inverse[1]._data != 0)
    if not singular._data.any():
        return P.mul(matrix_norm(A, p), matrix_norm(inverse[0], p))
    norm = matrix_norm(A, p)
    regular = P.where(S.reshape(singular, (*batch, 1, 1)), 0.0, inverse[0])
    infinite = P.mul(norm, math.inf) if p == "nuc" else math.inf  # (a matrix of zeros: NaN for "nuc" alone)
    return P.where(singular, infinite, P.mul(norm, matrix_norm(regular, p)))
