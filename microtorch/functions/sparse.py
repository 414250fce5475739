"""Sparse tensors: making them, their parts, and `torch.sparse`'s functions, with PyTorch's signatures and checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from microtorch import dtypes, size as layouts_
from microtorch.autograd.inplace import check_writable
from microtorch.autograd.node import require_grad, written
from microtorch.autograd.operands import type_text
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions import creation
from microtorch.functions.arguments import axis_of, need_tensor, size_of
from microtorch.functions.linalg import addmm as dense_addmm, mm as product
from microtorch.kernels import sparse as K
from microtorch.kernels.layouts import NotStrided, Sparse, is_sparse
from microtorch.kernels.sparse import COO, CSR, Pattern
from microtorch.ops import pointwise as P, reduce as R, sparse as O
from microtorch.size import require_cpu

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

_LAYOUTS = {COO: "Sparse", CSR: "SparseCsr"}


def _layout(t: Any) -> str:
    return _LAYOUTS.get(type(t._data), "Strided")


def _expect(t: Any, kind: type[Sparse], name: str) -> Any:
    """The tensor's sparse array. Raises RuntimeError if it is of another layout."""
    if type(t._data) is not kind:
        what = "sparse coordinate tensor" if kind is COO else "sparse row compressed tensor"
        raise RuntimeError(f"{name} expected {what} layout but got {_layout(t)}")
    return t._data


# making them ----------------------------------------------------------------------------------------------------------


class check_sparse_tensor_invariants:
    """Whether new sparse tensors are checked (places within the size and, if they are to be, in order): off at first.

    As a context manager (or a decorator) it is for what runs inside. Products and sums check places in any case.

    >>> import microtorch as torch
    >>> with torch.sparse.check_sparse_tensor_invariants():
    ...     torch.sparse_coo_tensor([[5]], [1.0], (2,))
    Traceback (most recent call last):
        ...
    RuntimeError: size is inconsistent with indices: for dim 0, size is 2 but found index 5
    """

    _on = False

    def __init__(self, enable: bool = True) -> None:
        self.state = enable
        self.before: list[bool] = []

    @staticmethod
    def is_enabled() -> bool:
        """True if new sparse tensors are checked."""
        return check_sparse_tensor_invariants._on

    @staticmethod
    def enable() -> None:
        """Check new sparse tensors from now on."""
        check_sparse_tensor_invariants._on = True

    @staticmethod
    def disable() -> None:
        """Check new sparse tensors no longer."""
        check_sparse_tensor_invariants._on = False

    def __enter__(self) -> None:
        self.before.append(self.is_enabled())
        check_sparse_tensor_invariants._on = self.state

    def __exit__(self, *exc: object) -> None:
        check_sparse_tensor_invariants._on = self.before.pop()

    def __call__(self, function: Any) -> Any:
        import functools

        @functools.wraps(function)
        def call(*args: Any, **named: Any) -> Any:
            with type(self)(self.state):
                return function(*args, **named)

        return call


def _values_of(name: str, values: Any, dtype: Any) -> Any:
    """The values as a tensor, in the dtype asked for."""
    if not isinstance(values, TensorBase):
        return creation.tensor(values, dtype=dtype)
    want = values._data.dtype if dtype is None else creation.dtype_argument(name, dtype)
    return values if values._data.dtype == want else P.cast(values, want)


def _numbers(index: Any) -> Any:
    """Indices as an array of our own: it is never written, and others may write theirs."""
    data = index._data if isinstance(index, TensorBase) else creation.tensor(index)._data
    return np.array(data, np.int64, order="C")


def _finished(t: Any, requires_grad: bool) -> Tensor:
    if requires_grad and t._node is None:
        if t._data.dtype.kind not in "fc":
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        require_grad(t)
    return t  # type: ignore[no-any-return]


def _numel_fits(shape: Sequence[int]) -> None:
    if any(n < 0 for n in shape):
        raise RuntimeError("numel: integer multiplication overflow")


def sparse_coo_tensor(
    indices: Any = None,
    values: Any = None,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    is_coalesced: bool | None = None,
    layout: Any = None,
) -> Tensor:
    """A sparse tensor of `values` (n, ...) at the places `indices` (sparse dimensions, n); zero elsewhere.

    Values at equal places count together. size: at least as large as the indices ask for (default: just so large).
    Values that require a gradient get one; `requires_grad` makes a new leaf, whose gradient may be sparse.
    check_invariants: raise RuntimeError for places outside of the size.

    >>> import microtorch as torch
    >>> torch.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
    tensor(indices=tensor([[0, 1],
                           [2, 0]]),
           values=tensor([3., 4.]),
           size=(2, 3), nnz=2, layout=torch.sparse_coo)
    """
    if device is not None:
        require_cpu(device)
    if values is None:  # only a size
        shape = tuple(size_of((indices if indices is not None else size,), "sparse_coo_tensor"))
        _numel_fits(shape)
        kind = dtypes.default.float if dtype is None else creation.dtype_argument("sparse_coo_tensor", dtype)
        return _finished(wrap(_empty(shape, len(shape), (), kind)), requires_grad)
    numbers = _values_of("sparse_coo_tensor", values, dtype)
    if not numbers._data.ndim:
        numbers = numbers.reshape(1)
    index = _numbers(indices)
    if index.ndim == 1 and size is not None:
        index = index.reshape(index.shape[0], 1) if index.size else index.reshape(0, 0)
    if index.ndim != 2:
        raise RuntimeError(f"indices must be sparse_dim x nnz, but got: {list(index.shape)}")
    n, rest = index.shape[0], numbers._data.shape[1:]
    if size is None:
        if index.size and (index < 0).any():
            raise RuntimeError(f"found negative index {index.min()} for dim {int(np.argmin(index.min(1)))}")
        sizes = tuple(int(i.max()) + 1 if i.size else 0 for i in index)
        shape = (*sizes, *rest)
    else:
        shape = tuple(size_of((size,), "sparse_coo_tensor"))
        _numel_fits(shape)
        if len(shape) != n + len(rest):
            raise RuntimeError(
                f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(shape)}, sparse_dim = {n}, "
                f"dense_dim = {len(rest)}"
            )
    if index.shape[1] != numbers._data.shape[0]:
        raise RuntimeError(
            f"indices and values must have same nnz, but got nnz from indices: {index.shape[1]}, nnz from values: "
            f"{numbers._data.shape[0]}"
        )
    if shape[n:] != rest:
        want, have = [index.shape[1], *shape[n:]], list(numbers._data.shape)
        raise RuntimeError(f"values has incorrect size, expected {want}, got {have}")
    pattern = Pattern(index, shape[:n])
    checked = check_sparse_tensor_invariants.is_enabled() if check_invariants is None else check_invariants
    if checked:
        K.check_places(index, shape[:n])
        if is_coalesced and not pattern.in_order():
            raise RuntimeError("cannot set is_coalesced to true if indices correspond to uncoalesced COO tensor")
    ordered = index.shape[1] < 2 if is_coalesced is None else bool(is_coalesced)
    return _finished(O.sparse_coo(numbers, pattern, ordered), requires_grad)


def sparse_csr_tensor(
    crow_indices: Any,
    col_indices: Any,
    values: Any,
    size: Any = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
    check_invariants: bool | None = None,
    layout: Any = None,
) -> Tensor:
    """A sparse matrix by its rows: those of row i are the values from crow_indices[i] to crow_indices[i + 1].

    Raises NotImplementedError for batches of matrices and for dense dimensions.

    >>> import microtorch as torch
    >>> torch.sparse_csr_tensor([0, 1, 2], [2, 0], [3.0, 4.0], (2, 3)).to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 0.]])
    """
    if device is not None:
        require_cpu(device)
    numbers = _values_of("sparse_csr_tensor", values, dtype)
    parts = []
    for given in (crow_indices, col_indices):
        data = given._data if isinstance(given, TensorBase) else creation.tensor(given)._data
        parts.append(np.array(data, data.dtype if data.dtype == np.int32 else np.int64))
    starts, columns = parts
    if starts.ndim != 1 or columns.ndim != 1 or numbers._data.ndim != 1:
        raise NotImplementedError("microtorch: sparse_csr_tensor of several matrices, or with dense dimensions")
    if size is None:
        shape: tuple[int, ...] = (len(starts) - 1, int(columns.max()) + 1 if columns.size else 0)
    else:
        shape = tuple(size_of((size,), "sparse_csr_tensor"))
    _check_rows(starts, columns, numbers._data, shape)
    return _finished(O.sparse_csr(numbers, starts, columns, shape), requires_grad)


def _check_rows(starts: Any, columns: Any, values: Any, shape: tuple[int, ...]) -> None:
    """Raise RuntimeError unless the parts make a matrix by rows."""
    if len(shape) != 2:
        raise RuntimeError(f"size of compressed sparse tensor must be 2 here, but got {len(shape)} dimensions")
    if len(starts) != shape[0] + 1:
        raise RuntimeError(
            f"crow_indices.shape[-1] must be equal to the number of rows + 1 (={shape[0] + 1}), but got {len(starts)}"
        )
    if len(columns) != len(values):
        raise RuntimeError(f"number of col_indices, {len(columns)}, must be equal to that of values, {len(values)}")
    if starts[0] != 0:
        raise RuntimeError("`crow_indices[..., 0] == 0` is not satisfied.")
    if starts[-1] != len(columns):
        raise RuntimeError("`crow_indices[..., -1] == nnz` is not satisfied.")
    if (np.diff(starts) < 0).any():
        raise RuntimeError("`0 <= crow_indices[..., 1:] - crow_indices[..., :-1] <= ncols` is not satisfied.")
    if columns.size and (columns.min() < 0 or columns.max() >= shape[1]):
        raise RuntimeError("`0 <= col_indices < ncols` is not satisfied.")


def _empty(shape: tuple[int, ...], sparse_dims: int, dense: tuple[int, ...], dtype: Any) -> Any:
    return COO(Pattern(np.zeros((sparse_dims, 0), np.int64), shape), np.zeros((0, *dense), dtype), True)


def spdiags(diagonals: Any, offsets: Any, shape: Any, layout: Any = None) -> Tensor:
    """A sparse matrix whose diagonal number offsets[i] (0: the main one, above 0: to the right) is row i of diagonals.

    A number stands in the column of its place in the row, as in SciPy.

    >>> import microtorch as torch
    >>> torch.sparse.spdiags(torch.ones(1, 2), torch.tensor([0]), (2, 2)).to_dense()
    tensor([[1., 0.],
            [0., 1.]])
    """
    rows, which = diagonals._data, offsets._data
    rows = rows[None] if rows.ndim == 1 else rows
    which = which.reshape(1) if which.ndim == 0 else which
    if rows.ndim != 2:
        raise RuntimeError("Diagonals must be vector or matrix")
    if which.ndim != 1:
        raise RuntimeError("Offsets must be scalar or vector")
    if len(which) != len(rows):
        raise RuntimeError(f"Number of diagonals ({len(rows)}) does not match the number of offsets ({len(which)})")
    if len(np.unique(which)) != len(which):
        raise RuntimeError("Offset tensor contains duplicate values")
    height, width = tuple(shape)
    indices, places = [], []
    for k, offset in enumerate(which.tolist()):
        columns = np.arange(max(offset, 0), min(width, height + offset, rows.shape[1]))
        indices.append(np.stack([columns - offset, columns]))
        places.append(k * rows.shape[1] + columns)
    pattern = Pattern(np.ascontiguousarray(np.concatenate(indices, 1)), (height, width))
    made = O.sparse_coo(diagonals.reshape(-1).index_select(0, wrap(np.concatenate(places))), pattern, False)
    return made if layout is None else to_sparse(made, layout=layout)


# their parts ----------------------------------------------------------------------------------------------------------


def indices(x: Any) -> Tensor:
    """The places of a coalesced tensor's values."""
    data = _expect(x, COO, "indices")
    if not data.coalesced:
        raise RuntimeError("Cannot get indices on an uncoalesced tensor, please call .coalesce() first")
    return wrap(data.indices)


def _indices(x: Any) -> Tensor:
    if type(x._data) is not COO:
        raise NotStrided("_indices", "CPU")
    return wrap(x._data.indices)


def values(x: Any) -> Tensor:
    """A coalesced tensor's values, in the graph."""
    if type(x._data) is CSR:
        return O.sparse_values(x)
    if type(x._data) is not COO:
        raise RuntimeError("values expected sparse tensor layout but got Strided")
    if not x._data.coalesced:
        raise RuntimeError("Cannot get values on an uncoalesced tensor, please call .coalesce() first")
    return O.sparse_values(x)


def _values(x: Any) -> Tensor:
    if not is_sparse(x._data):
        raise NotStrided("_values", "CPU")
    return wrap(x._data.values)


def _nnz(x: Any) -> int:
    if not is_sparse(x._data):
        raise NotStrided("_nnz", "CPU")
    return int(x._data.count)


def coalesce(x: Any) -> Tensor:
    """The same with each place once, in order."""
    return x if _expect(x, COO, "coalesce").coalesced else O.coalesce(x)


def is_coalesced(x: Any) -> bool:
    """True if each place is there once, in order."""
    return bool(_expect(x, COO, "is_coalesced").coalesced)


def _coalesced_(x: Any, coalesced: bool) -> Tensor:
    _expect(x, COO, "_coalesced_").coalesced = coalesced
    return x  # type: ignore[no-any-return]


def crow_indices(x: Any) -> Tensor:
    """Where each row's values begin."""
    return wrap(_expect(x, CSR, "crow_indices").starts)


def col_indices(x: Any) -> Tensor:
    """The columns of the values."""
    return wrap(_expect(x, CSR, "col_indices").columns)


def sparse_dim(x: Any) -> int:
    """How many dimensions are sparse."""
    data = x._data
    return data.sparse_dim if type(data) is COO else 2 if type(data) is CSR else 0


def dense_dim(x: Any) -> int:
    """How many dimensions are dense."""
    data = x._data
    return data.dense_dim if type(data) is COO else 0 if type(data) is CSR else data.ndim


# to other layouts -----------------------------------------------------------------------------------------------------


def to_sparse(x: Any, sparse_dim: int | None = None, *, layout: Any = None, blocksize: Any = None,
              dense_dim: int | None = None) -> Tensor:  # fmt: skip
    """The tensor as numbers at coordinates; layout=torch.sparse_csr: by compressed rows."""
    if layout is layouts_.sparse_csr:
        return to_sparse_csr(x, dense_dim)
    if layout is not None and layout is not layouts_.sparse_coo:
        raise NotImplementedError(f"microtorch: to_sparse(layout={layout})")
    if type(x._data) is COO:
        return x  # type: ignore[no-any-return]
    if type(x._data) is CSR:
        return O.csr_to_coo(x)
    n = x._data.ndim
    if sparse_dim is None:
        return O.to_sparse(x, n)
    if sparse_dim < 0 or sparse_dim > n:
        raise RuntimeError(f"dense_to_sparse: sparse_dim argument must be in [0,{n}] range, but {sparse_dim} is given")
    if sparse_dim == 0 and n:
        raise RuntimeError("dense_to_sparse: sparse_dim argument must be in >0 when self.dim()>0")
    return O.to_sparse_dims(x, sparse_dim)


def to_sparse_coo(x: Any) -> Tensor:
    """The tensor as numbers at coordinates."""
    return to_sparse(x)


def to_sparse_csr(x: Any, dense_dim: int | None = None) -> Tensor:
    """The matrix by compressed rows."""
    if type(x._data) is CSR:
        return x  # type: ignore[no-any-return]
    if x._data.ndim != 2 or dense_dim:
        raise NotImplementedError("microtorch: to_sparse_csr of anything but a matrix")
    return O.to_sparse_csr(x)


def to_dense(x: Any, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
    """The tensor with all of its zeros; a dense tensor itself."""
    if not is_sparse(x._data):
        return x if dtype is None else x.to(dtype)  # type: ignore[no-any-return]
    if dtype is not None:
        raise RuntimeError("dtype argument is not supported by sparse_to_dense")
    return O.sparse_dense(x) if masked_grad is not False else O.sparse_dense_whole(x)


def sparse_mask(x: Any, mask: Any) -> Tensor:
    """The values of a tensor at the places of a sparse one."""
    need_tensor("sparse_mask", mask, "mask", 1)
    if type(mask._data) is not COO:
        raise NotStrided("sparse_mask", "CPU")
    if x._data.shape != mask._data.shape:
        raise RuntimeError(
            f"sparse_mask(): operands have incompatible sizes; self has size {list(x._data.shape)} but mask has size "
            f"{list(mask._data.shape)}"
        )
    return O.sparse_mask(x, mask._data.pattern, mask._data.coalesced)


# in place -------------------------------------------------------------------------------------------------------------


def sparse_resize_(x: Any, size: Any, sparse_dim: int, dense_dim: int) -> Tensor:
    """Give it another size of the same dimensions, no smaller, with the places that it has.

    Raises NotImplementedError for other numbers of dimensions.
    """
    data = _expect(x, COO, "sparse_resize_")
    if (sparse_dim, dense_dim) != (data.sparse_dim, data.dense_dim):
        raise NotImplementedError("microtorch: sparse_resize_ to another number of dimensions")
    sizes = tuple(size)
    if any(n < m for n, m in zip(sizes, data.shape)) and data.count:
        raise RuntimeError(
            f"shrinking the size of sparse dimensions (from {list(data.shape[:sparse_dim])} to "
            f"{list(sizes[:sparse_dim])}) on a non-empty sparse tensor is not supported."
        )
    if sizes[sparse_dim:] != data.shape[sparse_dim:]:
        raise NotImplementedError("microtorch: sparse_resize_ of dense dimensions")
    check_writable(x)
    data.become(COO(Pattern(np.array(data.indices), sizes[:sparse_dim]), data.values, data.coalesced))
    written(x)
    return x  # type: ignore[no-any-return]


def sparse_resize_and_clear_(x: Any, size: Any, sparse_dim: int, dense_dim: int) -> Tensor:
    """Give it another size and no values."""
    data, sizes = _expect(x, COO, "sparse_resize_and_clear_"), tuple(size)
    if len(sizes) != sparse_dim + dense_dim:
        raise RuntimeError(
            f"'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = {len(sizes)}, sparse_dim = "
            f"{sparse_dim}, dense_dim = {dense_dim}"
        )
    check_writable(x)
    data.become(_empty(sizes[:sparse_dim], sparse_dim, sizes[sparse_dim:], data.dtype))
    written(x)
    return x  # type: ignore[no-any-return]


# torch.sparse ---------------------------------------------------------------------------------------------------------


def _dense(*given: Any) -> bool:
    return not any(is_sparse(t._data) for t in given)


def _matrix(t: Any) -> None:
    if t._data.ndim < 2:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 1)")


def mm(mat1: Any, mat2: Any, reduce: str | None = None) -> Tensor:
    """The product of a sparse matrix and a dense one, dense; of two sparse ones, sparse.

    The gradient of a sparse matrix is sparse, at its own places. Raises NotImplementedError for `reduce`.

    >>> import microtorch as torch
    >>> torch.sparse.mm(torch.eye(2).to_sparse(), torch.ones(2, 3))
    tensor([[1., 1., 1.],
            [1., 1., 1.]])
    """
    need_tensor("_sparse_mm", mat1, "sparse", 1)
    need_tensor("_sparse_mm", mat2, "dense", 2)
    if reduce is not None:
        raise NotImplementedError(f"microtorch: torch.sparse.mm(reduce={reduce!r})")
    if _dense(mat1, mat2):
        return product(mat1, mat2)
    _matrix(mat1)
    _matrix(mat2)
    if _dense(mat2):
        return O.sparse_mm(mat1, mat2)
    if _dense(mat1):
        return O.sparse_mm(mat2.t(), mat1.t()).t()
    return O.sparse_sparse_mm(mat1, mat2)


def addmm(mat: Any, mat1: Any, mat2: Any, *, beta: Any = 1.0, alpha: Any = 1.0) -> Tensor:
    """beta * mat + alpha * (mat1 @ mat2), mat1 sparse and mat2 dense; the gradient of mat1 is sparse."""
    if _dense(mat1, mat2):
        return dense_addmm(mat, mat1, mat2, beta=beta, alpha=alpha)
    return O.sparse_addmm(mat, mat1, mat2, beta, alpha)


def smm(input: Any, mat: Any) -> Tensor:
    """The product of a sparse matrix and a dense one, as a sparse one."""
    return to_sparse(O.sparse_mm(input, mat))


def hspmm(mat1: Any, mat2: Any) -> Tensor:
    """The product of a sparse matrix and a dense one, sparse in its rows."""
    return to_sparse(O.sparse_mm(mat1, mat2), 1)


def sum(input: Any, dim: Any = None, dtype: Any = None) -> Tensor:
    """The sum of all values, or over some dimensions: sparse if one of the sparse dimensions is left.

    >>> import microtorch as torch
    >>> torch.sparse.sum(torch.eye(3).to_sparse(), 0).to_dense()
    tensor([1., 1., 1.])
    """
    if type(input._data) is not COO:
        raise NotStrided("_indices", "CPU")
    want = None if dtype is None else creation.dtype_argument("sum", dtype)
    if dim is None:
        total = R.sum_all(values(coalesce(input)), None, False)
        return total if want is None else P.cast(total, want)
    if want is not None and input._data.dtype != want:
        input = P.cast(input, want)
    axes = [axis_of(d, input._data.ndim) for d in (dim if isinstance(dim, (tuple, list)) else [dim])]
    if len(set(axes)) != len(axes):
        raise RuntimeError("dim appears multiple times in the list of dims")
    return O.sparse_sum(input, tuple(axes))


def softmax(input: Any, dim: int, *, dtype: Any = None) -> Tensor:
    """exp(x) / sum(exp(x)) along a dimension; a place without a value counts as minus infinity.

    >>> import microtorch as torch
    >>> torch.sparse.softmax(torch.tensor([[0.0, 2.0], [3.0, 3.0]]).to_sparse(), 1).to_dense()
    tensor([[0.0000, 1.0000],
            [0.5000, 0.5000]])
    """
    return _softmax(O.sparse_softmax, "_sparse_softmax", input, dim, dtype)


def log_softmax(input: Any, dim: int, *, dtype: Any = None) -> Tensor:
    """The logarithm of `softmax`."""
    return _softmax(O.sparse_log_softmax, "_sparse_log_softmax", input, dim, dtype)


def _softmax(entry: Any, name: str, input: Any, dim: int, dtype: Any) -> Tensor:
    if type(input._data) is not COO:
        raise NotStrided(name, "CPU")
    axis = axis_of(dim, input._data.ndim)
    if dtype is not None and input._data.dtype != (want := creation.dtype_argument("softmax", dtype)):
        input = P.cast(input, want)
    return entry(input, axis)  # type: ignore[no-any-return]


# names of old ---------------------------------------------------------------------------------------------------------


class _Legacy(type):
    """The class of torch.sparse.FloatTensor and its like: called they make a tensor, and isinstance asks the dtype."""

    dtype: dtypes.dtype

    def __call__(cls, *args: Any, **named: Any) -> Tensor:
        if not args or all(isinstance(a, int) for a in args):
            return sparse_coo_tensor(args or (0,), dtype=cls.dtype)
        if len(args) == 1:
            return sparse_coo_tensor(tuple(args[0]), dtype=cls.dtype)
        if not all(isinstance(a, TensorBase) for a in args[:2]):
            raise TypeError(f"new(): argument 'indices' (position 1) must be Tensor, not {type_text(args[0])}")
        return sparse_coo_tensor(args[0], args[1], *args[2:3], dtype=cls.dtype)

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, TensorBase) and _layout(value) == "Sparse" and value._data.dtype == cls.dtype.numpy


def legacy(name: str, dtype: dtypes.dtype) -> Any:
    """A class such as torch.sparse.FloatTensor."""
    return _Legacy(name, (), {"dtype": dtype, "__module__": "torch.sparse", "layout": layouts_.sparse_coo})


def unsupported(name: str) -> Any:
    """A maker of tensors of a layout that there is not."""

    def raises(*args: Any, **named: Any) -> NoReturn:
        """Raises NotImplementedError."""
        raise NotImplementedError(f"torch.{name} is not supported by microtorch: there are coordinates and rows")

    raises.__name__ = raises.__qualname__ = name
    return raises
