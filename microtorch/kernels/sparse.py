"""Sparse arrays: coordinates with values (COO), compressed rows (CSR), and what is computed on them.

A `Pattern` is where the numbers stand; arrays with the same places share it, and what was found out about them (their
order, a plan for products) is kept there. Sums over equal places and over rows are NumPy's; there are no Python loops
over elements.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from microtorch.kernels import layouts
from microtorch.kernels.index import add_rows
from microtorch.kernels.layouts import NotInPlace, NotStrided, Sparse, is_sparse
from microtorch.kernels.quiet import silence
from microtorch.kernels.sparse_product import Rows, in_order

Array = Any


class Pattern:
    """The places of the numbers: `indices` (sparse dimensions, count) into an array of `sizes`. Never written."""

    __slots__ = ("indices", "sizes", "_flat", "_merged", "_rows", "_swapped")

    def __init__(self, indices: Array, sizes: tuple[int, ...]) -> None:
        self.indices, self.sizes = indices, sizes
        indices.flags.writeable = False
        self._flat: Array = None
        self._merged: Any = None
        self._rows: Rows | None = None
        self._swapped: Pattern | None = None

    @property
    def count(self) -> int:
        return int(self.indices.shape[1])

    def flat(self) -> Array:
        """Each place as one number, in C order. Raises RuntimeError for a place outside of the sizes."""
        if self._flat is None:
            check_places(self.indices, self.sizes)
            step, total = 1, np.zeros(self.count, np.int64)
            for index, n in zip(self.indices[::-1], self.sizes[::-1]):
                total += index if step == 1 else index * step
                step *= n
            self._flat = total
        return self._flat

    def merged(self) -> tuple[Array, Array, Pattern]:
        """What makes places unique and sorted: (order, where each group of equal ones begins, the new pattern).

        The order is None if they are sorted, the beginnings are None if none are equal.
        """
        if self._merged is None:
            flat, order = self.flat(), None
            steps = np.diff(flat)
            if (steps < 0).any():
                order = in_order(flat, math.prod(self.sizes))
                steps = np.diff(flat[order])
            if (steps > 0).all():
                starts, chosen = None, order
            else:
                starts = np.concatenate([[0], np.flatnonzero(steps) + 1])
                chosen = starts if order is None else order[starts]
            unique = self if chosen is None else Pattern(self.indices[:, chosen], self.sizes)
            self._merged = order, starts, unique
        return self._merged  # type: ignore[no-any-return]

    def in_order(self) -> bool:
        """True if the places are unique and sorted."""
        order, starts, _ = self.merged()
        return order is None and starts is None

    def rows(self) -> Rows:
        """The plan for products of the matrix."""
        if self._rows is None:
            check_places(self.indices, self.sizes)
            self._rows = Rows(self.indices[0], self.indices[1], self.sizes[0])
        return self._rows

    def swapped(self) -> Pattern:
        """The places of the transposed matrix."""
        if self._swapped is None:
            self._swapped = Pattern(np.ascontiguousarray(self.indices[::-1]), self.sizes[::-1])
        return self._swapped

    def same(self, other: Pattern) -> bool:
        return self is other or (self.sizes == other.sizes and np.array_equal(self.indices, other.indices))


def check_places(indices: Array, sizes: tuple[int, ...]) -> None:
    """Raise RuntimeError for indices outside of the sizes."""
    if not indices.shape[1]:
        return
    for d, (index, n) in enumerate(zip(indices, sizes)):
        low, high = int(index.min()), int(index.max())
        if low < 0:
            raise RuntimeError(f"found negative index {low} for dim {d}")
        if high >= n:
            raise RuntimeError(f"size is inconsistent with indices: for dim {d}, size is {n} but found index {high}")


class COO(Sparse):
    """Numbers at coordinates; those at equal places count together. coalesced: places are unique and sorted.

    values: (count, *dense dimensions). The pattern's sizes are the first of the shape, the values' are the rest.
    """

    __slots__ = ("pattern", "coalesced")
    layout, backend = "sparse_coo", "SparseCPU"

    def __init__(self, pattern: Pattern, values: Array, coalesced: bool) -> None:
        self.pattern, self.values, self.coalesced = pattern, values, coalesced
        self.shape = (*pattern.sizes, *values.shape[1:])
        if not layouts.used:
            layouts.used.append(True)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _coo, (np.array(self.indices), self.pattern.sizes, self.values, self.coalesced)

    @property
    def indices(self) -> Array:
        return self.pattern.indices

    @property
    def count(self) -> int:
        return self.pattern.count

    @property
    def sparse_dim(self) -> int:
        return len(self.pattern.sizes)

    @property
    def dense_dim(self) -> int:
        return int(self.values.ndim) - 1

    def with_values(self, values: Array) -> COO:
        """Other numbers in the same places."""
        return COO(self.pattern, values, self.coalesced)

    def gradient(self) -> COO:
        """A copy for a leaf's `.grad`, where PyTorch does not keep that its places are in order."""
        return COO(self.pattern, self.values.copy(), False)

    def become(self, other: COO) -> None:
        """Take over what another holds (a write in place)."""
        values = other.values if other.dtype == self.dtype else other.values.astype(self.dtype)
        self.pattern, self.values, self.coalesced, self.shape = other.pattern, values, other.coalesced, other.shape

    def cleared(self, dtype: Any = None) -> COO:
        """One of the same size with no numbers."""
        none = np.zeros((self.sparse_dim, 0), np.int64)
        values = np.zeros((0, *self.values.shape[1:]), self.dtype if dtype is None else dtype)
        return COO(Pattern(none, self.pattern.sizes), values, True)

    def fill(self, value: Any) -> None:
        if value != 0:
            raise NotStrided("fill_.Scalar")
        self.become(self.cleared())

    # as arrays have them ----------------------------------------------------------------------------------------------

    def copy(self, order: Any = "C") -> COO:
        return self.with_values(self.values.copy())

    def astype(self, dtype: Any, *args: Any, **named: Any) -> COO:
        x = coalesce(self) if self.values.dtype.kind == "b" else self  # (True + True is True, but 1 + 1 is 2)
        return x.with_values(x.values.astype(dtype))

    def view(self) -> COO:
        return self.with_values(self.values)

    def conj(self) -> COO:
        return self.with_values(self.values.conj())

    conjugate = conj

    @property
    def real(self) -> COO:
        return self.with_values(self.values.real)

    @property
    def T(self) -> COO:
        if self.sparse_dim > 2 or self.dense_dim:
            raise RuntimeError(
                f"t() expects a tensor with <= 2 sparse and 0 dense dimensions, but got {self.sparse_dim} sparse and "
                f"{self.dense_dim} dense dimensions"
            )
        return COO(self.pattern.swapped(), self.values, False) if self.sparse_dim == 2 else self

    mT = T

    def swapaxes(self, i: int, j: int) -> COO:
        n = self.ndim
        order = list(range(n))
        i, j = range(n)[i], range(n)[j]
        order[i], order[j] = j, i
        return self.transpose(order)

    def transpose(self, *axes: Any) -> COO:
        order = list(axes[0] if len(axes) == 1 else axes or range(self.ndim)[::-1])
        n = self.sparse_dim
        if order == list(range(self.ndim)):
            return self.view()
        if any((place < n) != (axis < n) for place, axis in enumerate(order)):
            raise RuntimeError("transpose(): sparse dimensions and dense dimensions do not change places")
        values = self.values.transpose(0, *[a - n + 1 for a in order[n:]])
        if order[:n] == [1, 0]:
            return COO(self.pattern.swapped(), values, False)
        if order[:n] == list(range(n)):
            return COO(self.pattern, values, self.coalesced)
        return COO(Pattern(self.indices[order[:n]], tuple(self.pattern.sizes[a] for a in order[:n])), values, False)

    def __getitem__(self, key: Any) -> Any:
        """Numbers (`x[1, 0]`, `x[:, 2]`), and new dimensions of size 1."""
        key = key if isinstance(key, tuple) else (key,)
        given = sum(k is not None and k is not Ellipsis for k in key)
        if Ellipsis in [k for k in key if k is None or k is Ellipsis]:
            at = next(i for i, k in enumerate(key) if k is Ellipsis)
            key = (*key[:at], *(slice(None),) * (self.ndim - given), *key[at + 1 :])
        x: Any = self
        axis = 0
        for k in key:
            if k is None:
                x = unsqueezed(x, axis) if is_sparse(x) else np.expand_dims(x, axis)
                axis += 1
            elif isinstance(k, (int, np.integer)):
                x = selected(x, axis, int(k)) if is_sparse(x) else x[(slice(None),) * axis + (k,)]
            elif isinstance(k, slice) and k == slice(None) and len(key) > 1:
                axis += 1
            else:
                raise NotStrided("as_strided" if isinstance(k, slice) else "index.Tensor")
        return x

    def __setitem__(self, key: Any, value: Any) -> None:
        if key is not Ellipsis or not is_sparse(value):
            super().__setitem__(key, value)
        self.become(value)

    # arithmetic -------------------------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        """What gradients are made with, and the entries whose kernels are these ufuncs."""
        rule, out = _UFUNCS.get(ufunc), named.pop("out", None)
        named.pop("casting", None)
        if method != "__call__" or named or (rule is None and out is None):
            raise NotStrided(ufunc.__name__)
        if out is None:
            return rule(*inputs)  # type: ignore[misc]
        (to,) = out
        if not is_sparse(to):
            if ufunc in (np.add, np.subtract) and to is inputs[0]:
                return add_into(to, inputs[1] if ufunc is np.add else -inputs[1])
            raise NotStrided(f"{ufunc.__name__}.out")
        if rule is None:
            raise NotInPlace(ufunc.__name__)
        to.become(rule(*inputs))
        return to

    def __neg__(self) -> COO:
        return self.with_values(np.negative(self.values))

    def __add__(self, other: Any) -> Any:
        """The engine's sum of gradients: a dense one takes the sparse one in."""
        return add(self, other) if is_sparse(other) else add(other, self)

    def __sub__(self, other: Any) -> Any:
        return self + -other

    def __mul__(self, other: Any) -> Any:
        return multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return multiply(self, other)

    def __truediv__(self, other: Any) -> Any:
        return divide(self, other)

    def __matmul__(self, other: Any) -> Any:
        return matmul(self, other)


class CSR(Sparse):
    """A matrix by its rows: the numbers of row i are those from starts[i] to starts[i + 1], in these columns."""

    __slots__ = ("starts", "columns", "_pattern")
    layout, backend = "sparse_csr", "SparseCsrCPU"

    def __init__(self, starts: Array, columns: Array, values: Array, shape: tuple[int, ...]) -> None:
        self.starts, self.columns, self.values, self.shape = starts, columns, values, shape
        self._pattern: Pattern | None = None
        starts.flags.writeable = columns.flags.writeable = False
        if not layouts.used:
            layouts.used.append(True)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return _csr, (np.array(self.starts), np.array(self.columns), self.values, self.shape)

    @property
    def pattern(self) -> Pattern:
        """The same places by coordinates."""
        if self._pattern is None:
            rows = np.repeat(np.arange(self.shape[0]), np.diff(self.starts))
            self._pattern = Pattern(np.stack([rows, self.columns.astype(np.int64)]), self.shape)
        return self._pattern

    @property
    def count(self) -> int:
        return int(self.columns.shape[0])

    def with_values(self, values: Array) -> CSR:
        """Other numbers in the same places."""
        other = CSR(self.starts, self.columns, values, self.shape)
        other._pattern = self._pattern
        return other

    def coo(self) -> COO:
        """The same by coordinates, sharing the numbers."""
        return COO(self.pattern, self.values, self.pattern.in_order())

    def copy(self, order: Any = "C") -> CSR:
        return self.with_values(self.values.copy())

    gradient = copy

    def astype(self, dtype: Any, *args: Any, **named: Any) -> CSR:
        return self.with_values(self.values.astype(dtype))

    def view(self) -> CSR:
        return self.with_values(self.values)

    def conj(self) -> CSR:
        return self.with_values(self.values.conj())

    @property
    def T(self) -> COO:
        """By coordinates: there are no compressed columns."""
        return self.coo().T

    mT = T

    def swapaxes(self, i: int, j: int) -> Any:
        return self if i % 2 == j % 2 else self.T

    def __getitem__(self, key: Any) -> Any:
        return self.coo()[key]

    def cleared(self, dtype: Any = None) -> CSR:
        """One of the same size with no numbers."""
        none = np.zeros(0, self.values.dtype if dtype is None else dtype)
        return CSR(np.zeros_like(self.starts), np.zeros(0, self.columns.dtype), none, self.shape)

    def fill(self, value: Any) -> None:
        self.values.fill(value)

    def become(self, other: CSR) -> None:
        """Take over what another holds (a write in place)."""
        self.starts, self.columns, self._pattern = other.starts, other.columns, other._pattern
        self.values, self.shape = other.values.astype(self.dtype, copy=False), other.shape

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        if method == "__call__" and not named:
            if ufunc is np.matmul and all(type(x) is CSR for x in inputs):
                return csr(matmul(*[x.coo() for x in inputs]))
            if ufunc is np.matmul:
                return matmul(*[x.coo() if type(x) is CSR else x for x in inputs])
            x, y = inputs if len(inputs) == 2 else (inputs[0], 1)
            if ufunc in (np.multiply, np.divide) and type(x) is CSR and np.ndim(y) == 0:
                return x.with_values(ufunc(x.values, y))
            if ufunc is np.negative:
                return x.with_values(-x.values)
            if ufunc is np.add and type(x) is type(y) is CSR:
                return csr(add(x.coo(), y.coo()))
            if ufunc is np.add and type(y) is CSR and type(x) is np.ndarray:
                return add(x, y.coo())
        raise NotStrided(ufunc.__name__, self.backend)

    def __neg__(self) -> CSR:
        return self.with_values(-self.values)

    def __add__(self, other: Any) -> Any:
        return np.add(self, other) if is_sparse(other) else add(other, self.coo())

    def __sub__(self, other: Any) -> Any:
        return self + -other

    def __mul__(self, other: Any) -> Any:
        return np.multiply(self, other)

    def __truediv__(self, other: Any) -> Any:
        return np.divide(self, other)


def _coo(indices: Array, sizes: tuple[int, ...], values: Array, coalesced: bool) -> COO:
    return COO(Pattern(indices, sizes), values, coalesced)


def _csr(*parts: Any) -> CSR:
    return CSR(*parts)


# between layouts ------------------------------------------------------------------------------------------------------


def coalesce(x: COO) -> COO:
    """The same with unique, sorted places: the numbers of equal ones are summed."""
    if x.coalesced:
        return x
    order, starts, unique = x.pattern.merged()
    values = x.values.copy() if order is None else x.values[order]
    if starts is not None:
        values = _group_sums(values, starts)
    return COO(unique, values, True)


def _group_sums(values: Array, starts: Array) -> Array:
    if values.ndim == 1 or values.dtype.char not in "fd":
        return np.add.reduceat(values, starts, axis=0, dtype=values.dtype)
    out = np.zeros((len(starts), *values.shape[1:]), values.dtype)
    sizes = np.diff(np.append(starts, len(values)))
    add_rows(out, np.repeat(np.arange(len(starts)), sizes), values)
    return out


def unique(pattern: Pattern) -> Pattern:
    """The pattern's places, each once and sorted."""
    return pattern.merged()[2]


def dense(x: Sparse) -> Array:
    """The whole as an array of NumPy's."""
    if isinstance(x, CSR):
        x = x.coo()
    x = coalesce(x)  # type: ignore[arg-type]
    out = np.zeros(x.shape, x.dtype)
    sizes = x.pattern.sizes
    out.reshape(math.prod(sizes), *x.shape[len(sizes) :])[x.pattern.flat()] = x.values
    return out


def sparse(x: Array, sparse_dim: int) -> COO:
    """The nonzero entries of an array; with dense dimensions, the parts that hold any."""
    found = x != 0
    if sparse_dim < x.ndim:
        found = found.any(tuple(range(sparse_dim, x.ndim)))
    where = np.nonzero(found) if x.ndim else (np.zeros(int(found), np.int64),) * 0
    if not x.ndim:
        return COO(Pattern(np.zeros((0, int(found)), np.int64), ()), x.reshape(1)[: int(found)].copy(), True)
    return COO(Pattern(np.stack(where).astype(np.int64), x.shape[:sparse_dim]), x[where], True)


def csr(x: COO) -> CSR:
    """A matrix by its rows."""
    x = coalesce(x)
    check_places(x.indices, x.pattern.sizes)
    counts = np.bincount(x.indices[0], minlength=x.shape[0])
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return CSR(starts, np.array(x.indices[1]), x.values, x.shape)


def gathered(x: Array, pattern: Pattern) -> Array:
    """The numbers of x, dense or sparse, at the places of a pattern: (count, *dense dimensions)."""
    if isinstance(x, CSR):
        x = x.coo()
    if not is_sparse(x):
        if x.flags.c_contiguous:
            return x.reshape(math.prod(pattern.sizes), *x.shape[len(pattern.sizes) :]).take(pattern.flat(), 0)
        check_places(pattern.indices, pattern.sizes)
        return x[tuple(pattern.indices)]
    x = coalesce(x)
    if x.pattern is pattern:
        return x.values.copy()
    out = np.zeros((pattern.count, *x.values.shape[1:]), x.dtype)
    if x.count:
        mine, wanted = x.pattern.flat(), pattern.flat()
        places = np.minimum(np.searchsorted(mine, wanted), len(mine) - 1)
        found = mine[places] == wanted
        out[found] = x.values[places[found]]
    return out


# arithmetic -----------------------------------------------------------------------------------------------------------


def add(x: Any, y: Any) -> Any:
    """x + y: sparse + sparse is sparse, dense + sparse is dense."""
    if not is_sparse(y):
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    if not is_sparse(x):
        return _onto(x, y)
    if x.shape != y.shape:
        raise RuntimeError(
            f"add: expected sizes of 'self' and 'other' to match, but {list(x.shape)} != {list(y.shape)}"
        )
    if x.sparse_dim != y.sparse_dim:
        raise RuntimeError(
            f"add: expected 'self' and 'other' to have same density, but 'self' has {x.sparse_dim} sparse dimensions "
            f"while 'other' has {y.sparse_dim} sparse dimensions"
        )
    if x.pattern.same(y.pattern):
        return COO(x.pattern, x.values + y.values, x.coalesced and y.coalesced)
    joined = Pattern(np.concatenate([x.indices, y.indices], 1), x.pattern.sizes)
    values = np.concatenate([x.values, y.values])
    if not (x.pattern.in_order() and y.pattern.in_order()):  # the k-th numbers at a place are summed, where they are k
        flats = x.pattern.flat(), y.pattern.flat()
        if any((f[1:] < f[:-1]).any() for f in flats):
            return COO(joined, values, False)
        which = np.concatenate([np.arange(len(f)) - np.searchsorted(f, f) for f in flats])
        joined = Pattern(np.vstack([joined.indices, which]), (*joined.sizes, len(values)))
    total = coalesce(COO(joined, values, False))
    indices = np.array(total.indices[: x.sparse_dim])
    return COO(Pattern(indices, x.pattern.sizes), total.values, x.coalesced and y.coalesced)


def subtract(x: Any, y: Any) -> Any:
    """x - y, as `add` has it."""
    return add(x, -y)


def _onto(x: Any, y: COO) -> Any:
    """dense + sparse."""
    if np.shape(x) != y.shape:
        raise RuntimeError(
            f"add: expected 'self' and 'other' to have same size, but self has size {list(np.shape(x))} while other "
            f"has size {list(y.shape)} (FYI: dense-sparse addition does not currently support broadcasting)"
        )
    return add_into(np.array(x, np.result_type(x.dtype, y.dtype), order="C"), y)


def add_into(x: Array, y: Sparse) -> Array:
    """x += y."""
    if is_sparse(x):
        x.become(x + y)
        return x
    y = y.coo() if isinstance(y, CSR) else y
    if x.shape != y.shape:
        return _onto(x, y)  # type: ignore[arg-type]  # raises
    y = coalesce(y)  # type: ignore[arg-type]
    sizes = y.pattern.sizes
    places = y.pattern.flat()
    if x.flags.c_contiguous:
        x.reshape(math.prod(sizes), *x.shape[len(sizes) :])[places] += y.values
    else:
        x[tuple(y.indices)] += y.values
    return x


def multiply(x: Any, y: Any) -> Any:
    """x * y: by a number, by a dense array at the sparse one's places, or where both have a place."""
    if not is_sparse(x):
        x, y = y, x
    if is_sparse(y):
        return csr(_both(x.coo(), y.coo())) if isinstance(x, CSR) and isinstance(y, CSR) else _both(x, y)
    if np.ndim(y) == 0:
        return x.with_values(np.multiply(x.values, y))
    if isinstance(x, CSR):
        return csr(multiply(x.coo(), y))
    shape = np.broadcast_shapes(x.shape, y.shape)
    if shape != x.shape:
        x = expanded(coalesce(x), shape)  # type: ignore[arg-type]
    if y.shape != shape:
        y = np.broadcast_to(y, shape)
    return x.with_values(x.values * gathered(y, x.pattern))


def _both(x: COO, y: COO) -> COO:
    """x * y of two sparse arrays: where both have a place if they are coalesced, else at the places of one of them."""
    if x.pattern.sizes != y.pattern.sizes:
        raise RuntimeError(
            "sparse_binary_op_intersection_cpu(): expects sparse inputs with equal dimensionality, number of sparse "
            "dimensions, and shape of sparse dimensions"
        )
    if x.coalesced and y.coalesced:
        if x.pattern.same(y.pattern):
            return x.with_values(x.values * y.values)
        less, more = (y, x) if x.count >= y.count else (x, y)
        mine = more.pattern.flat()
        places = np.searchsorted(mine, less.pattern.flat()).clip(0, max(len(mine) - 1, 0))
        found = mine[places] == less.pattern.flat() if len(mine) else np.zeros(less.count, bool)
        pattern = Pattern(less.indices[:, found], less.pattern.sizes)
        return COO(pattern, less.values[found] * more.values[places[found]], True)
    if x.coalesced != y.coalesced:
        source, other = (x, y) if y.coalesced else (y, x)
    else:
        source, other = (y, x) if x.count >= y.count else (x, y)
    return source.with_values(source.values * gathered(other, source.pattern))


def divide(x: Any, y: Any) -> Any:
    """x / a number."""
    if is_sparse(y) or np.ndim(y):
        shape = list(np.shape(y)) if not is_sparse(y) else list(y.shape)
        raise RuntimeError(
            f"Sparse division requires a scalar or zero-dim dense tensor divisor (got shape {shape} for divisor)"
        )
    with silence():
        return x.with_values(np.divide(x.values, y))


def expanded(x: COO, shape: tuple[int, ...]) -> COO:
    """x broadcast to a shape: each number once for each place that it goes to."""
    extra = len(shape) - x.ndim
    indices, values = x.indices, x.values
    dense_shape = shape[extra + x.sparse_dim :]
    values = np.broadcast_to(values, (values.shape[0], *dense_shape))
    sizes = (*(1,) * extra, *x.pattern.sizes)
    indices = np.concatenate([np.zeros((extra, indices.shape[1]), np.int64), indices])
    for axis, (have, want) in enumerate(zip(sizes, shape)):
        if have != want:
            n = indices.shape[1]
            indices = np.tile(indices, want)
            indices[axis] = np.repeat(np.arange(want), n)
            values = np.tile(values, (want, *(1,) * (values.ndim - 1)))
    return COO(Pattern(indices, shape[: len(sizes)]), np.ascontiguousarray(values), False)


# products -------------------------------------------------------------------------------------------------------------


def matmul(x: Any, y: Any) -> Any:
    """The product of two matrices, or a matrix and a vector, of which one is sparse; of two sparse ones, sparse."""
    x, y = (a.coo() if isinstance(a, CSR) else a for a in (x, y))
    for a in (x, y):
        if is_sparse(a) and (a.sparse_dim != 2 or a.dense_dim):
            raise RuntimeError(f"addmm: matrices expected, got {a.sparse_dim}D tensor")
    if x.dtype != y.dtype:
        names = {"float32": "Float", "float64": "Double", "int64": "Long", "int32": "Int", "float16": "Half"}
        a, b = (names.get(d.name, d.name) for d in ((x if is_sparse(x) else y).dtype, y.dtype))
        raise RuntimeError(f"expected scalar type {a} but found {b}")
    if is_sparse(x) and is_sparse(y):
        return _of_sparse(x, y)  # type: ignore[arg-type]
    if not is_sparse(x):
        return np.ascontiguousarray(matmul(y.T, x.T).T)
    if y.shape[0] != x.shape[1]:
        if y.ndim == 1:
            raise RuntimeError(f"mv: Expected dim 0 size {x.shape[1]}, got {y.shape[0]}")
        raise RuntimeError(f"addmm: Argument #3 (dense): Expected dim 0 size {x.shape[1]}, got {y.shape[0]}")
    if y.ndim == 1:
        return x.pattern.rows().times(x.values, y[:, None])[:, 0]
    return x.pattern.rows().times(x.values, y)


def _of_sparse(x: COO, y: COO) -> COO:
    """The product of two sparse matrices: each number of x meets the row of y that its column names."""
    if x.shape[1] != y.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({x.shape[0]}x{x.shape[1]} and {y.shape[0]}x{y.shape[1]})"
        )
    x, y = coalesce(x), coalesce(y)
    check_places(x.indices, x.shape)
    check_places(y.indices, y.shape)
    starts = np.searchsorted(y.indices[0], np.arange(y.shape[0] + 1))
    columns = x.indices[1]
    times = starts[columns + 1] - starts[columns]
    left = np.repeat(np.arange(x.count), times)
    right = np.arange(len(left)) - np.repeat(np.cumsum(times) - times, times) + starts[columns[left]]
    indices = np.stack([x.indices[0][left], y.indices[1][right]])
    return coalesce(COO(Pattern(indices, (x.shape[0], y.shape[1])), x.values[left] * y.values[right], False))


def sampled(a: Array, b: Array, pattern: Pattern) -> Array:
    """The numbers of a @ b at the places of a pattern only."""
    check_places(pattern.indices, pattern.sizes)
    rows, columns = pattern.indices
    a, b = np.ascontiguousarray(a), np.ascontiguousarray(b.T)
    out = np.empty(len(rows), a.dtype)
    step = max(16, (1 << 19) // max(a.shape[1] * a.itemsize, 1))
    for i in range(0, len(rows), step):  # so few at a time that what is gathered stays in the cache
        part = slice(i, i + step)
        np.einsum("ij,ij->i", a.take(rows[part], 0), b.take(columns[part], 0), out=out[part])
    return out


# parts ----------------------------------------------------------------------------------------------------------------


def selected(x: COO, axis: int, i: int) -> Any:
    """x[..., i, ...] along one axis: dense where no sparse dimension is left."""
    n = x.shape[axis]
    if not -n <= i < n:
        raise IndexError(f"index {i} is out of bounds for dimension {axis} with size {n}")
    i %= n
    if axis >= x.sparse_dim:
        return x.with_values(x.values.take(i, axis - x.sparse_dim + 1))
    found = x.indices[axis] == i
    if x.sparse_dim == 1:
        return np.asarray(x.values[found].sum(0, dtype=x.dtype))
    rest = [a for a in range(x.sparse_dim) if a != axis]
    sizes = tuple(x.pattern.sizes[a] for a in rest)
    return COO(Pattern(x.indices[rest][:, found], sizes), x.values[found], x.coalesced)


def unsqueezed(x: COO, axis: int) -> COO:
    """A new dimension of size 1."""
    axis = axis + x.ndim + 1 if axis < 0 else axis
    if axis > x.sparse_dim:
        return x.with_values(np.expand_dims(x.values, axis - x.sparse_dim + 1))
    indices = np.insert(x.indices, axis, 0, axis=0)
    sizes = (*x.pattern.sizes[:axis], 1, *x.pattern.sizes[axis:])
    return COO(Pattern(indices, sizes), x.values, x.coalesced)


def index_select(x: COO, index: Array, axis: int) -> COO:
    """The parts along an axis that `index` names, in its order."""
    axis %= x.ndim
    n = x.shape[axis]
    wrong = index[(index < -n) | (index >= n)]
    if wrong.size:
        raise IndexError(
            f"index_select(): index contains {wrong[0]} that is out of range for tensor of size {list(x.shape)} at "
            f"dimension {axis}"
        )
    index = np.where(index < 0, index + n, index)
    if axis >= x.sparse_dim:
        return x.with_values(x.values.take(index, axis - x.sparse_dim + 1))
    mine = x.indices[axis]
    order = np.argsort(mine, kind="stable")
    ordered = mine[order]
    first, last = np.searchsorted(ordered, index), np.searchsorted(ordered, index, "right")
    times = last - first
    which = order[np.arange(times.sum()) - np.repeat(np.cumsum(times) - times, times) + np.repeat(first, times)]
    indices = x.indices[:, which]
    indices[axis] = np.repeat(np.arange(len(index)), times)
    sizes = (*x.pattern.sizes[:axis], len(index), *x.pattern.sizes[axis + 1 :])
    return COO(Pattern(indices, sizes), x.values[which], x.coalesced and axis == 0)


def narrow_copy(x: COO, axis: int, start: int, length: int) -> COO:
    """The parts from `start` on, `length` of them, along an axis."""
    if axis >= x.sparse_dim:
        key = (slice(None),) * (axis - x.sparse_dim + 1) + (slice(start, start + length),)
        return x.with_values(x.values[key].copy())
    found = (x.indices[axis] >= start) & (x.indices[axis] < start + length)
    indices = x.indices[:, found]
    indices[axis] -= start
    sizes = (*x.pattern.sizes[:axis], length, *x.pattern.sizes[axis + 1 :])
    return COO(Pattern(indices, sizes), x.values[found], x.coalesced)


def cat(parts: Sequence[Any], axis: int) -> COO:
    """Sparse arrays one behind the other along an axis."""
    for i, p in enumerate(parts):
        if not is_sparse(p):
            raise RuntimeError(f"Concatenating sparse tensors, but a dense tensor was found at position {i}.")
    first = parts[0]
    axis %= first.ndim
    n = first.sparse_dim
    for i, p in enumerate(parts):
        if [*p.shape[:axis], *p.shape[axis + 1 :]] != [*first.shape[:axis], *first.shape[axis + 1 :]]:
            raise RuntimeError(
                f"All tensors must have the same shape: {list(first.shape)} (except in the concatenating dimension), "
                f"but found shape: {list(p.shape)} at position {i}."
            )
    if axis >= n:
        raise NotStrided("cat")
    shifts = np.cumsum([0, *[p.shape[axis] for p in parts]])
    indices = np.concatenate([p.indices for p in parts], 1)
    indices[axis] += np.repeat(shifts[:-1], [p.count for p in parts])
    sizes = (*first.pattern.sizes[:axis], int(shifts[-1]), *first.pattern.sizes[axis + 1 :])
    return COO(Pattern(indices, sizes), np.concatenate([p.values for p in parts]), False)


def sum_over(x: COO, axes: Sequence[int]) -> Any:
    """The sum over some dimensions: sparse if a sparse dimension is left, else dense."""
    n = x.sparse_dim
    values = (
        x.values.sum(tuple(a - n + 1 for a in axes if a >= n), dtype=x.dtype)
        if any(a >= n for a in axes)
        else (x.values)
    )
    rest = [a for a in range(n) if a not in axes]
    if len(rest) == n:
        return COO(x.pattern, values, x.coalesced)
    if not rest:
        return np.asarray(values.sum(0, dtype=x.dtype))
    pattern = kept(x.pattern, tuple(rest))
    return coalesce(COO(pattern, values, False))


def kept(pattern: Pattern, rest: tuple[int, ...]) -> Pattern:
    """The places in some of the sparse dimensions only."""
    return Pattern(pattern.indices[list(rest)], tuple(pattern.sizes[a] for a in rest))


_UFUNCS: dict[Any, Any] = {
    np.add: add,
    np.subtract: subtract,
    np.multiply: multiply,
    np.divide: divide,
    np.matmul: matmul,
    np.negative: lambda x: -x,
    np.conjugate: lambda x: x.conj(),
}
