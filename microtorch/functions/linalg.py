"""Matrix products and what is made of them, with PyTorch's names and checks. Decompositions are in
decompositions.py."""

from __future__ import annotations

import functools
import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.inplace import check_castable
from microtorch.autograd.state import TensorBase, wrap
from microtorch.dtypes import promoted_with_number
from microtorch.functions.arguments import axis_of, need_tensor, takes_out
from microtorch.functions.complex import conj
from microtorch.functions.pointwise import broadcasting, same_dtype, type_name
from microtorch.functions.reduce import as_floats
from microtorch.ops import linalg as L, pointwise as P, reduce as R, shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def product(input: Any, other: Any) -> Tensor:
    """The matrix product of two tensors: the entry that PyTorch's name for the node belongs to."""
    m, n = input._data.ndim, other._data.ndim
    if m == 2 and n == 2:
        return L.matmul(input, other)
    if m == 1 and n == 1:
        return L.dot(input, other)
    if m == 2 and n == 1:
        return L.matvec(input, other)
    if m == 1 and n == 2:
        return L.vecmat(input, other)
    if m == 3 and n == 3 and input._data.shape[0] == other._data.shape[0]:
        return L.matmul_batched(input, other)
    return L.matmul_viewed(input, other)


@takes_out
def matmul(input: Any, other: Any) -> Tensor:
    """The matrix product of vectors, matrices or batches of them, with NumPy's broadcasting.

    >>> import microtorch as torch
    >>> torch.matmul(torch.ones(2, 3), torch.ones(3)).shape
    torch.Size([2])
    """
    need_tensor("matmul", input)
    need_tensor("matmul", other, "other", 2)
    return product(input, other)


@takes_out
def mm(input: Any, mat2: Any) -> Tensor:
    """The product of two matrices.

    >>> import microtorch as torch
    >>> torch.mm(torch.tensor([[1., 2.]]), torch.tensor([[3.], [4.]]))
    tensor([[11.]])
    """
    need_tensor("mm", input)
    need_tensor("mm", mat2, "mat2", 2)
    if input._data.ndim != 2 or mat2._data.ndim != 2:
        raise RuntimeError(f"{'mat2' if input._data.ndim == 2 else 'self'} must be a matrix")
    return L.matmul(input, mat2)


def _need_batches(a: Any, b: Any) -> None:
    m, n = a._data.shape, b._data.shape
    if len(m) != 3 or len(n) != 3:
        raise RuntimeError(f"{'batch2' if len(m) == 3 else 'batch1'} must be a 3D tensor")
    if m[0] != n[0] or m[2] != n[1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{m[0]}, {m[2]}] but got: [{n[0]}, "
            f"{n[1]}]."
        )


@takes_out
def bmm(input: Any, mat2: Any) -> Tensor:
    """The products of two batches of matrices, (b, n, m) and (b, m, p)."""
    need_tensor("bmm", input)
    need_tensor("bmm", mat2, "mat2", 2)
    _need_batches(input, mat2)
    return L.matmul_batched(input, mat2)


@takes_out
def mv(input: Any, vec: Any) -> Tensor:
    """A matrix times a vector."""
    need_tensor("mv", input)
    need_tensor("mv", vec, "vec", 2)
    if input._data.ndim != 2 or vec._data.ndim != 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got {vec._data.ndim}, {input._data.ndim}, {vec._data.ndim}"
        )
    return L.matvec(input, vec)


@takes_out
def dot(input: Any, tensor: Any) -> Tensor:
    """The sum of the products of two vectors' elements.

    >>> import microtorch as torch
    >>> torch.dot(torch.tensor([1., 2.]), torch.tensor([3., 4.]))
    tensor(11.)
    """
    return _dot("dot", input, tensor)


@takes_out
def vdot(input: Any, other: Any) -> Tensor:
    """`dot` with the first vector conjugated."""
    return _dot("vdot", conj(input), other)


def _dot(name: str, a: Any, b: Any) -> Tensor:
    need_tensor(name, a)
    need_tensor(name, b, "tensor" if name == "dot" else "other", 2)
    if a._data.ndim != 1 or b._data.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {a._data.ndim}D and {b._data.ndim}D tensors")
    if a._data.dtype != b._data.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found {type_name(a)} and {type_name(b)}"
        )
    return (L.dot if name == "dot" else L.vdot)(a, b)


def _add_product(entry: Any, input: Any, a: Any, b: Any, shape: tuple[int, ...], beta: Any, alpha: Any) -> Tensor:
    """beta * input + alpha * (a product of that shape), after PyTorch's check that the input expands to it."""
    need_tensor(entry.__name__, input)
    have = input._data.shape
    if len(have) > len(shape):
        raise RuntimeError(
            f"expand(torch.{type_name(input)}Tensor{{{list(have)}}}, size={list(shape)}): the number of sizes provided "
            f"({len(shape)}) must be greater or equal to the number of dimensions in the tensor ({len(have)})"
        )
    for i in range(1, len(have) + 1):
        if have[-i] not in (1, shape[-i]):
            raise RuntimeError(
                f"The expanded size of the tensor ({shape[-i]}) must match the existing size ({have[-i]}) at "
                f"non-singleton dimension {len(shape) - i}.  Target sizes: {list(shape)}.  Tensor sizes: {list(have)}"
            )
    for t in (input, b):
        if t._data.dtype != a._data.dtype:
            raise RuntimeError(f"self and mat2 must have the same dtype, but got {type_name(input)} and {type_name(b)}")
    dtype = a._data.dtype
    if dtype.kind not in "fc":
        if not a._data.shape[-1] and 0 not in shape and entry is not L.addmv:
            factors = (beta, 1) if entry is L.addbmm and a._data.shape[0] > 1 else (beta,)  # (from the second batch: 1)
            for factor in filter(None, factors):  # products of nothing: only the input is multiplied, in place
                check_castable(promoted_with_number(dtype, factor), dtype)
        number = bool if dtype.kind == "b" else int
        beta, alpha = number(beta), number(alpha)
    return entry(input, a, b, beta, alpha)


@takes_out
def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat1 @ mat2).

    >>> import microtorch as torch
    >>> torch.addmm(torch.ones(2), torch.eye(2), torch.eye(2), alpha=3)
    tensor([[4., 1.],
            [1., 4.]])
    """
    a, b = mat1._data.shape, mat2._data.shape
    if len(a) != 2 or len(b) != 2:
        name, n = ("mat1", len(a)) if len(a) != 2 else ("mat2", len(b))
        raise RuntimeError(f"{name} must be a matrix, got {n}-D tensor")
    if a[1] != b[0]:
        raise RuntimeError(f"mat1 and mat2 shapes cannot be multiplied ({a[0]}x{a[1]} and {b[0]}x{b[1]})")
    return _add_product(L.addmm, input, mat1, mat2, (a[0], b[1]), beta, alpha)


@takes_out
def addmv(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * (mat @ vec)."""
    x, m, v = input._data.shape, mat._data.shape, vec._data.shape
    if len(m) != 2 or len(v) != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got {len(x)}, {len(m)}, {len(v)}")
    if m[1] != v[0] or x not in ((), (1,), (m[0],)):
        raise RuntimeError(f"size mismatch, got input ({x[0] if x else 1}), mat ({m[0]}x{m[1]}), vec ({v[0]})")
    return _add_product(L.addmv, input, mat, vec, (m[0],), beta, alpha)


@takes_out
def addr(input: Any, vec1: Any, vec2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * outer(vec1, vec2)."""
    for name, v in (("vec1", vec1), ("vec2", vec2)):
        if v._data.ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {v._data.ndim}-D")
    input, vec1, vec2 = same_dtype(input, vec1, vec2)
    return _add_product(L.addr, input, vec1, vec2, (vec1._data.shape[0], vec2._data.shape[0]), beta, alpha)


@takes_out
def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * bmm(batch1, batch2)."""
    _need_batches(batch1, batch2)
    a, b = batch1._data.shape, batch2._data.shape
    return _add_product(L.baddbmm, input, batch1, batch2, (a[0], a[1], b[2]), beta, alpha)


@takes_out
def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Tensor:
    """beta * input + alpha * the sum of bmm(batch1, batch2) over the batch."""
    for name, t in (("batch1", batch1), ("batch2", batch2)):
        if t._data.ndim != 3:
            raise RuntimeError(f"{name} must be a 3D tensor")
    a, b = batch1._data.shape, batch2._data.shape
    if a[0] != b[0]:
        raise RuntimeError(f"batch1 and batch2 must have same number of batches, got {a[0]} and {b[0]}")
    if a[2] != b[1]:
        raise RuntimeError(f"Incompatible matrix sizes for bmm ({a[1]}x{a[2]} and {b[1]}x{b[2]})")
    return _add_product(L.addbmm, input, batch1, batch2, (a[1], b[2]), beta, alpha)


@takes_out
def outer(input: Any, vec2: Any) -> Tensor:
    """The products of every element of one vector with every element of another."""
    for name, v in (("self", input), ("vec2", vec2)):
        if v._data.ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {v._data.ndim}-D")
    return P.outer(S.reshape(input, (input._data.shape[0], 1)), vec2)


ger = outer


@takes_out
def inner(input: Any, other: Any) -> Tensor:
    """The sums of products over the last dimension of both: (.., n) and (.., n)."""
    a, b = input._data.shape, other._data.shape
    if not a or not b:
        return P.mul(input, other)
    if a[-1] != b[-1]:
        raise RuntimeError(
            f"inner() the last dimension must match on both input tensors but got shapes {list(a)} and {list(b)}"
        )
    return tensordot(input, other, dims=([len(a) - 1], [len(b) - 1]))


@takes_out
def tensordot(a: Any, b: Any, dims: Any = 2) -> Tensor:
    """The sums of products over several dimensions: the last `dims` of a with the first of b, or those in two lists.

    >>> import microtorch as torch
    >>> torch.tensordot(torch.ones(2, 3, 4), torch.ones(3, 4, 5)).shape
    torch.Size([2, 5])
    """
    m, n = a._data.ndim, b._data.ndim
    if isinstance(dims, TensorBase):
        dims = dims._data.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(m, n):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        dims_a, dims_b = list(range(-dims, 0)), list(range(dims))
    else:
        dims_a, dims_b = ([d] if isinstance(d, int) else list(d) for d in dims)
        if len(dims_a) != len(dims_b):
            raise RuntimeError("both dimension lists should have same length")
    if a._data.dtype != b._data.dtype:
        raise RuntimeError("both inputs should have same dtype")
    for i, j in zip(dims_a, dims_b):
        one, other = a._data.shape[i], b._data.shape[j]
        if other == 1:  # broadcast: so the first is summed (by PyTorch also if it is as short)
            a = P.cast(R.sum(a, (axis_of(i, m),), True), a._data.dtype)
        elif one == 1:
            b = P.cast(R.sum(b, (axis_of(j, n),), True), b._data.dtype)
        elif one != other:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {a._data.shape[i]} in dim {i} and second has "
                f"size {b._data.shape[j]} in dim {j}"
            )
    summed_a, summed_b = [axis_of(i, m) for i in dims_a], [axis_of(j, n) for j in dims_b]
    rows, columns = [i for i in range(m) if i not in summed_a], [j for j in range(n) if j not in summed_b]
    x, y = S.permute(a, (*rows, *summed_a)), S.permute(b, (*summed_b, *columns))
    shape = *x._data.shape[: len(rows)], *y._data.shape[len(summed_b) :]
    inner = math.prod(x._data.shape[len(rows) :])
    x = S.reshape(x, (math.prod(shape[: len(rows)]), inner))
    y = S.reshape(y, (inner, math.prod(shape[len(rows) :])))
    return S.reshape(L.matmul(x, y), shape)


@takes_out
def kron(input: Any, other: Any) -> Tensor:
    """Kronecker's product: every element of the input times all of the other."""
    n = max(input._data.ndim, other._data.ndim)
    a, b = ((1,) * (n - t._data.ndim) + t._data.shape for t in (input, other))
    x = S.reshape(input, tuple(m for i in a for m in (i, 1)))
    y = S.reshape(other, tuple(m for i in b for m in (1, i)))
    return S.unsafe_view(P.mul(x, y), tuple(i * j for i, j in zip(a, b)))


@takes_out
def chain_matmul(*matrices: Any) -> Tensor:
    """The product of several matrices."""
    if len(matrices) == 1 and isinstance(matrices[0], (list, tuple)):
        matrices = tuple(matrices[0])
    for m in matrices:
        if m._data.ndim != 2:
            raise RuntimeError(f"Tensor dimension is {m._data.ndim}, expected 2 instead.")
    return matrices[0] if len(matrices) == 1 else multi_dot(matrices)


@takes_out
def multi_dot(tensors: Any) -> Tensor:
    """The product of several matrices in the order of least work; the first and the last may be vectors."""
    n = len(tensors)
    if n < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {n}")
    shapes = [t._data.shape for t in tensors]
    for i, (t, s) in enumerate(zip(tensors, shapes)):
        where = "first" if i == 0 else "last" if i == n - 1 else f"{i}"
        if i in (0, n - 1):
            if len(s) not in (1, 2):
                raise RuntimeError(f"multi_dot(): the {where} tensor must be 1D or 2D but got {len(s)}D")
        elif len(s) != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {len(s)}D")
        if t._data.dtype != tensors[0]._data.dtype:
            raise RuntimeError(
                f"multi_dot(): all tensors must have be the same dtype but tensor 0 is {type_name(tensors[0])} and "
                f"tensor {i} {type_name(t)}"
            )
    for i in range(n - 1):
        if shapes[i][-1] != (shapes[i + 1][0]):
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(shapes[i])} and {list(shapes[i + 1])} cannot "
                "be multiplied"
            )
    if n == 2:
        return S.reshape(found := product(*tensors), found._data.shape)
    sizes = [
        shapes[0][0] if len(shapes[0]) == 2 else 1,
        *(s[0] for s in shapes[1:]),
        shapes[-1][-1] if len(shapes[-1]) == 2 else 1,
    ]
    cuts = best_order(sizes)

    def run(i: int, j: int) -> Any:
        return tensors[i] if i == j else product(run(i, cuts[i, j]), run(cuts[i, j] + 1, j))

    return S.reshape(found := run(0, n - 1), found._data.shape)


def best_order(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to cut each run of matrices so that the products cost least (Cormen et al., chapter 15.2)."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    cuts = {}
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length - 1
            cost[i, j], cuts[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )
    return cuts


def trace(input: Any) -> Tensor:
    """The sum of a matrix's diagonal."""
    if input._data.dtype.kind == "b":
        raise NotImplementedError("\"trace\" not implemented for 'Bool'")
    if input._data.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input._data.ndim}")
    return L.trace(input)


@functools.lru_cache(1)
def _advise_dim() -> None:
    warnings.warn(
        "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass the dim explicitly or "
        "simply use torch.linalg.cross.\nThe default value of dim will change to agree with that of linalg.cross in a "
        "future release.",
        UserWarning,
        stacklevel=4,
    )


@takes_out
def cross(input: Any, other: Any, dim: Any = None) -> Tensor:
    """The vector product along `dim`, of size 3 (default: the first such dimension)."""
    if dim is None:
        shape = (
            np.broadcast_shapes(input._data.shape, other._data.shape)
            if input._data.ndim == other._data.ndim
            else input._data.shape
        )
        if 3 not in shape:
            raise RuntimeError("no dimension of size 3 in input")
        dim = shape.index(3)
        _advise_dim()
    return linalg_cross(input, other, dim=dim)


@takes_out
def linalg_cross(input: Any, other: Any, *, dim: int = -1) -> Tensor:
    """The vector product along `dim`, of size 3."""
    a, b = input._data, other._data
    if a.ndim != b.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    axis = axis_of(dim, a.ndim)
    if a.shape[axis] != 3 or b.shape[axis] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {a.shape[axis]} and {b.shape[axis]}"
        )
    return broadcasting(L.cross, *same_dtype(input, other), axis)


@takes_out
def vecdot(x: Any, y: Any, *, dim: int = -1) -> Tensor:
    """The sums of conj(x) y along `dim`, broadcast."""
    x, y = same_dtype(x, y)
    if x._data.ndim == 1 and x._data.shape == y._data.shape:
        axis_of(dim, 1)
        return L.vdot(conj(x), y)
    product = P.mul(conj(x), y)
    return R.sum(product, (axis_of(dim, product._data.ndim),), False)


def vander(x: Any, N: Any = None, increasing: bool = False) -> Tensor:
    """The powers of a vector's elements as rows, the highest first (unless `increasing`)."""
    if x._data.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x._data.shape[0] if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    rows = _powers(x, n)
    return rows if increasing else S.flip(rows, (1,))


def linalg_vander(x: Any, *, N: Any = None) -> Tensor:
    """The powers 0, 1, ..., N - 1 of the elements along one more dimension."""
    if not x._data.ndim and N is None:
        raise RuntimeError("N must be greater than 1.")
    n = x._data.shape[-1] if N is None else N
    if n <= 1:
        raise RuntimeError("N must be greater than 1.")
    return _powers(x if x._data.ndim else S.reshape(x, (1,)), n)


def _powers(x: Any, n: int) -> Any:
    if x._data.dtype.kind in "iub":
        x = P.cast(x, np.dtype(np.int64))
    shape = x._data.shape
    column = S.reshape(x, (*shape, 1))
    ones = wrap(np.ones((*shape, min(n, 1)), x._data.dtype))
    if n <= 1:
        return ones
    powers = R.cumprod(S.expand(column, (*shape, n - 1)), len(shape))
    return S.cat([ones, powers], len(shape))


def cov(input: Any, *, correction: int = 1, fweights: Any = None, aweights: Any = None) -> Tensor:
    """The covariances of variables (rows) over observations (columns), divided by n - correction.

    fweights: how often each observation occurred; aweights: its importance.
    """
    if input._data.ndim > 2:
        raise RuntimeError(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input._data.ndim} dimensions"
        )
    if input._data.dtype.kind == "b":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    shape = input._data.shape
    rows = S.reshape(input, (1, math.prod(shape))) if len(shape) < 2 else input
    n = rows._data.shape[1]
    rows = as_floats(rows)
    weight = None
    for name, w, kinds, wanted in (
        ("fweights", fweights, "iu", "integral"),
        ("aweights", aweights, "f", "floating point"),
    ):
        if w is None:
            continue
        if w._data.ndim > 1:
            raise RuntimeError(
                f"cov(): expected {name} to have one or fewer dimensions but got {name} with {w._data.ndim} dimensions"
            )
        if w._data.dtype.kind not in kinds:
            raise RuntimeError(
                f"cov(): expected {name} to have {wanted} dtype but got {name} with {type_name(w)} dtype"
            )
        if w._data.size != n:
            raise RuntimeError(
                f"cov(): expected {name} to have the same numel as there are observations in the input but got "
                f"{w._data.size} != {n}"
            )
        if w._data.size and w._data.min() < 0:
            raise RuntimeError(f"cov(): {name} cannot be negative")
        weight = w if weight is None else P.mul(weight, w)
    if n and weight is not None and weight._data.sum() == 0:
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    if weight is None:
        mean, norm = R.sum(rows, (1,), True) if n == 0 else R.mean(rows, (1,), True), float(n - correction)
        centred = P.sub(rows, mean)
        scaled = centred
    else:
        total = R.sum_all(weight, None, False)
        mean = P.div(R.sum(P.mul(rows, weight), (1,), True), total)
        centred = P.sub(rows, mean)
        scaled = P.mul(centred, weight)
        if aweights is not None and correction != 0:
            left = P.sub(total, P.mul(P.div(R.sum_all(P.mul(weight, aweights), None, False), total), correction))
        else:
            left = P.sub(total, correction)
        norm = P.clamp_min(left, 0, None)
    product = L.matmul(scaled, conj(S.t(centred)))
    result = P.div(product, norm if weight is not None else max(norm, 0.0))
    return (
        S.squeeze(result, tuple(i for i in (0, 1) if result._data.shape[i] == 1))
        if rows._data.shape[0] == 1
        else result
    )


def corrcoef(input: Any) -> Tensor:
    """The correlation coefficients of variables (rows) over observations (columns)."""
    if input._data.ndim > 2:
        raise RuntimeError(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input._data.ndim} "
            "dimensions"
        )
    c = cov(input)
    if not c._data.ndim:
        return P.div(c, c)
    d = S.diagonal(c, 0, 0, 1)
    spread = P.sqrt(S.real(d) if c._data.dtype.kind == "c" else d)
    n = spread._data.shape[0]
    c = P.div(P.div(c, S.reshape(spread, (n, 1))), S.reshape(spread, (1, n)))
    if c._data.dtype.kind == "c":
        return P.complex_from(P.clamp(S.real(c), -1, 1), P.clamp(S.imag(c), -1, 1))
    return P.clamp(c, -1, 1)
