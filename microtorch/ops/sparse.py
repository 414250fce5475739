"""Sparse tensors in the table: entries of their own, and what the other entries do with sparse arrays.

An entry's inputs and results may be sparse (COO or CSR in the place of the array); where the numbers stand is a
constant, so a formula speaks of the numbers alone, and derivatives of any order come from the same few entries:
`sparse_coo` puts numbers at places, `sparse_pick` takes them from there, each the other's derivative.
As in PyTorch, the gradient of a sparse tensor may be sparse or dense.

The entries of the other files know nothing of this. Their kernels raise on a sparse array, and the rules at the end say
what is computed instead; without one the operation raises NotImplementedError.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.autograd.table import op, table, unary
from microtorch.kernels import layouts, sparse as K
from microtorch.kernels.index import add_rows
from microtorch.kernels.layouts import NotStrided, Sparse, is_sparse
from microtorch.kernels.sparse import COO, CSR, Pattern
from microtorch.ops import embedding, index, linalg, reduce, shape, special
from microtorch.ops.pointwise import constant

__all__ = ["embedding", "index", "linalg", "reduce", "shape", "special"]  # (the entries below have rules here)

# numbers and places ---------------------------------------------------------------------------------------------------


def _is_sparse(xp: Any, g: Any) -> bool:
    return issubclass(type(g._data if xp.recorded else g), Sparse)


def _at(xp: Any, g: Any, pattern: Pattern) -> Any:
    """The numbers of a gradient, sparse or dense, at the places of a pattern."""
    return xp.sparse_take(g, pattern) if _is_sparse(xp, g) else xp.sparse_pick(g, pattern)


def _whole(xp: Any, g: Any) -> Any:
    """A gradient that is dense."""
    return xp.sparse_dense(g) if _is_sparse(xp, g) else g


def _alike(xp: Any, numbers: Any, x: Any) -> Any:
    """Numbers at the (unique) places of a sparse array, in its layout."""
    if isinstance(x, CSR):
        return xp.sparse_csr(numbers, x.starts, x.columns, x.shape)
    return xp.sparse_coo(numbers, K.unique(x.pattern), True)


def _places(x: Any) -> Pattern:
    return x.pattern if isinstance(x, CSR) else K.unique(x.pattern)


sparse_coo = unary("sparse_coo", lambda values, pattern, coalesced: COO(pattern, values, coalesced),
                   x=lambda xp, g, pattern: _at(xp, g, pattern),
                   grad_name="SparseCooTensorWithDimsAndTensorsBackward0")  # fmt: skip
sparse_csr = unary("sparse_csr", lambda values, starts, columns, shape: CSR(starts, columns, values, shape),
                   x=lambda xp, g, out: _at(xp, g, constant(out).pattern),
                   grad_name="SparseCompressedTensorBackward0")  # fmt: skip
sparse_pick = unary("sparse_pick", K.gathered, grad_name="GatherBackward0",
                    x=lambda xp, g, pattern: xp.sparse_dense(xp.sparse_coo(g, pattern, False)))  # fmt: skip
sparse_take = unary("sparse_take", K.gathered, grad_name="GatherBackward0",
                    x=lambda xp, g, pattern: xp.sparse_coo(g, pattern, False))  # fmt: skip
sparse_values = unary("sparse_values", lambda x: x.values, grad_name="ValuesBackward0",
                      x=lambda xp, g, x: _values_x(xp, g, constant(x)))  # fmt: skip
sparse_values.__doc__ = "The numbers of a coalesced tensor."


def _values_x(xp: Any, g: Any, x: Any) -> Any:
    return _alike(xp, g, x) if isinstance(x, CSR) else xp.sparse_coo(g, x.pattern, True)


coalesce = unary("coalesce", K.coalesce, x=lambda xp, g: g)
sparse_dense = unary("sparse_dense", K.dense, grad_name="ToDenseBackward0",
                     x=lambda xp, g, x: _alike(xp, _at(xp, g, _places(constant(x))), constant(x)))  # fmt: skip
sparse_dense_whole = unary(
    "sparse_dense_whole",
    K.dense,
    x=lambda xp, g, x: xp.to_sparse(_whole(xp, g), constant(x).sparse_dim),
    grad_name="ToDenseBackward0",
)
to_sparse = unary("to_sparse", K.sparse, x=lambda xp, g: _whole(xp, g), grad_name="ToSparseBackward1")
to_sparse_dims = unary("to_sparse_dims", K.sparse, x=lambda xp, g: _whole(xp, g), grad_name="ToSparseBackward0")


def _to_csr(x: Any) -> CSR:
    return K.csr(x if is_sparse(x) else K.sparse(x, 2))


def _to_csr_x(xp: Any, g: Any, x: Any) -> Any:
    """A gradient of what a matrix by rows was made of, in its layout."""
    g = _whole(xp, g)
    return xp.to_sparse(g, 2) if issubclass(type(constant(x)), Sparse) else g


to_sparse_csr = unary("to_sparse_csr", _to_csr, x=_to_csr_x)
csr_to_coo = unary(
    "csr_to_coo",
    lambda x: x.coo(),
    x=lambda xp, g, x: _alike(xp, _at(xp, g, _places(constant(x))), constant(x)),
    grad_name="ToSparseBackward1",
)
sparse_mask = unary(
    "sparse_mask",
    lambda x, pattern, coalesced: COO(pattern, K.gathered(x, pattern), coalesced),
    x=lambda xp, g, pattern: xp.sparse_dense(xp.sparse_coo(_at(xp, g, pattern), pattern, False)),
)

# products -------------------------------------------------------------------------------------------------------------

sparse_sampled = op("sparse_sampled", lambda a, b, pattern: COO(pattern, K.sampled(a, b, pattern), True),
                    inputs="a b", grad_name="SparseSampledAddmmBackward0",
                    a=lambda xp, g, b: xp.matmul(g, xp.t(b)),
                    b=lambda xp, g, a: xp.matmul(xp.t(a), g))  # fmt: skip


def _mm_s(xp: Any, g: Any, s: Any, d: Any) -> Any:
    """d(s @ d)/ds = g @ d^T, at the places of s only."""
    s = constant(s)
    product = xp.sparse_sampled(g, xp.t(d), _places(s))
    return (
        xp.sparse_csr(xp.sparse_take(product, s.pattern), s.starts, s.columns, s.shape) if type(s) is CSR else (product)
    )


sparse_mm = op("sparse_mm", K.matmul, grad_name="SparseAddmmBackward0", s=_mm_s,
               d=lambda xp, g, s: xp.matmul(xp.t(s), g))  # fmt: skip
sparse_addmm = op("sparse_addmm", lambda x, s, d, beta, alpha: x * beta + K.matmul(s, d) * alpha,
                  inputs="x s d",
                  x=lambda xp, g, beta: g * beta,
                  s=lambda xp, g, s, d, alpha: _mm_s(xp, g * alpha, s, d),
                  d=lambda xp, g, s, alpha: xp.matmul(xp.t(s), g * alpha))  # fmt: skip


def _within(xp: Any, product: Any, x: Any) -> Any:
    """A sparse product's numbers at the places of x only."""
    return _alike(xp, _at(xp, product, _places(constant(x))), constant(x))


sparse_sparse_mm = op(
    "sparse_sparse_mm",
    K.matmul,
    grad_name="SparseSparseMatmulBackward0",
    x=lambda xp, g, x, y: _within(xp, xp.matmul(g, xp.t(y)), x),
    y=lambda xp, g, x, y: _within(xp, xp.matmul(xp.t(x), g), y),
)

# sums -----------------------------------------------------------------------------------------------------------------


def _sum_x(xp: Any, g: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """Each number of x gets the gradient of the sum that it went into."""
    x = constant(x)
    n, pattern = x.sparse_dim, K.unique(x.pattern)
    rest = tuple(a for a in range(n) if a not in axes)
    if rest:
        numbers = _at(xp, g, pattern if len(rest) == n else K.kept(pattern, rest))
    else:
        numbers = xp.unsqueeze(g, 0)
    for a in sorted(a for a in axes if a >= n):
        numbers = xp.unsqueeze(numbers, a - n + 1)
    return xp.sparse_coo(xp.expand(numbers, (pattern.count, *x.shape[n:])), pattern, True)


sparse_sum = unary("sparse_sum", K.sum_over, x=_sum_x)


def _softmax(x: COO, axis: int) -> COO:
    """exp(x) / sum(exp(x)) along an axis; what has no place counts as -inf."""
    x = K.coalesce(x)
    shifted, groups, n = _shifted(x, axis)
    np.exp(shifted, out=shifted)
    return x.with_values(shifted / _sums(shifted, groups, n, axis - x.sparse_dim + 1))


def _log_softmax(x: COO, axis: int) -> COO:
    x = K.coalesce(x)
    shifted, groups, n = _shifted(x, axis)
    return x.with_values(shifted - np.log(_sums(np.exp(shifted), groups, n, axis - x.sparse_dim + 1)))


def _shifted(x: COO, axis: int) -> tuple[Any, Any, int]:
    """The numbers less the largest of their group, which group each belongs to (None: along a dense axis), how many."""
    if axis >= x.sparse_dim:
        return x.values - x.values.max(axis - x.sparse_dim + 1, keepdims=True), None, 0
    groups, n = _groups(x.pattern, axis)
    largest = np.full((n, *x.values.shape[1:]), -np.inf, x.dtype)
    np.maximum.at(largest, groups, x.values)
    return x.values - largest[groups], groups, n


def _groups(pattern: Pattern, axis: int) -> tuple[Any, int]:
    """Which numbers differ in their place along one sparse axis only: a group's number for each, and how many."""
    rest = tuple(a for a in range(len(pattern.sizes)) if a != axis)
    if not rest:
        return np.zeros(pattern.count, np.int64), 1
    found, groups = np.unique(K.kept(pattern, rest).flat(), return_inverse=True)
    return groups, len(found)


def _sums(values: Any, groups: Any, n: int, axis: int) -> Any:
    """For each number the sum over its group."""
    if groups is None:
        return values.sum(axis, keepdims=True)
    sums = np.zeros((n, *values.shape[1:]), values.dtype)
    add_rows(sums, groups, values)
    return sums[groups]


def _group_sum(xp: Any, numbers: Any, x: Any, axis: int) -> Any:
    """`_sums` as a formula."""
    if axis >= x.sparse_dim:
        return xp.sum(numbers, (axis - x.sparse_dim + 1,), True)
    groups, n = _groups(x.pattern, axis)
    return xp.index_select(xp.embedding_backward(numbers, (n, *numbers.shape[1:]), groups, -1, False), groups, 0)


def _softmax_x(xp: Any, g: Any, out: Any, axis: int) -> Any:
    """y (g - sum(g y)) along the axis."""
    x, y = constant(out), xp.sparse_values(out)
    numbers = _at(xp, g, x.pattern)
    return xp.sparse_coo(y * (numbers - _group_sum(xp, y * numbers, x, axis)), x.pattern, True)


def _log_softmax_x(xp: Any, g: Any, out: Any, axis: int) -> Any:
    """g - exp(y) sum(g) along the axis."""
    x, y = constant(out), xp.sparse_values(out)
    numbers = _at(xp, g, x.pattern)
    return xp.sparse_coo(numbers - xp.exp(y) * _group_sum(xp, numbers, x, axis), x.pattern, True)


sparse_softmax = unary("sparse_softmax", _softmax, x=_softmax_x)
sparse_log_softmax = unary("sparse_log_softmax", _log_softmax, x=_log_softmax_x)

# tables whose gradient is sparse --------------------------------------------------------------------------------------


def _rows(g: Any, index: Any, height: int, padding_idx: int, by_frequency: bool) -> COO:
    """The gradient of a table: the rows of g at those that were looked up."""
    if by_frequency:
        raise RuntimeError("embedding_backward: scale_grad_by_freq not supported with sparse gradients")
    rows, values = index.reshape(-1), g.reshape(index.size, g.shape[-1])
    if padding_idx >= 0 and not (kept := rows != padding_idx).all():
        rows, values = rows[kept], values[kept]
    return COO(Pattern(np.array(rows, np.int64)[None], (height,)), np.array(values), False)


embedding_rows = op(
    "embedding_rows",
    _rows,
    inputs="x index",
    x=lambda xp, g, index, padding_idx, by_frequency: xp.embedding_spread(
        _whole(xp, g), index, padding_idx, by_frequency
    ),
    grad_name="EmbeddingSparseBackward0",
)
embedding_sparse = op(
    "embedding_sparse",
    table["embedding"].kernel,
    inputs="x index",
    grad_name="EmbeddingBackward0",
    x=lambda xp, g, x_shape, index, padding_idx, scale: xp.embedding_rows(g, index, x_shape[0], padding_idx, scale),
)


def _bag_rows(
    xp: Any, g: Any, scale: Any, sizes: Any, weight_shape: Any, index: Any, bag: Any, by_frequency: bool
) -> Any:  # fmt: skip
    rows = xp.index_select(g if sizes is None else g / sizes, bag, 0)
    if scale is not None:
        rows = rows * xp.unsqueeze(scale, 1)
    return xp.embedding_rows(rows, index, weight_shape[0], -1, by_frequency)


bag_sum_sparse = op(
    "bag_sum_sparse",
    table["bag_sum"].kernel,
    inputs="weight scale sizes",
    grad_name="EmbeddingBagBackward0",
    weight=_bag_rows,
    scale=table["bag_sum"].source["scale"],
)

# what the other entries do with sparse arrays -------------------------------------------------------------------------


_ATEN = {
    "slice": "as_strided", "squeeze": "as_strided", "squeeze_one": "as_strided", "squeeze_several": "as_strided",
    "index": "index.Tensor", "mean_all": "mean.dim", "max_all": "max", "min_all": "min", "prod_all": "prod",
    "gt": "gt.Scalar", "ge": "ge.Scalar", "lt": "lt.Scalar", "le": "le.Scalar", "ne": "ne.Scalar", "eq": "eq.Tensor",
    "index_select_backward": "index_add_", "embed": "select_backward", "partial": "select_backward",
}  # fmt: skip
"""What PyTorch's errors call an entry that has another name here."""


def _name_of(kernel: Any) -> str:
    """PyTorch's name for a kernel's entry."""
    name = next((name for name, entry in table.items() if entry.kernel is kernel), layouts.kernel_name(kernel))
    return _ATEN.get(name, name)


layouts.name_of[0] = _name_of


def _rule(names: str, rule: Any) -> None:
    for name in names.split():
        layouts.rules[table[name].kernel] = rule


def _on_numbers(kernel: Any) -> Any:
    """The rule of a function with f(0) = 0: on the numbers of the coalesced array."""

    def rule(x: Any, *constants: Any) -> Any:
        if not is_sparse(x) or is_sparse(constants):
            raise NotStrided(_name_of(kernel))
        if isinstance(x, COO):
            x = K.coalesce(x)
        return x.with_values(np.asarray(kernel(x.values, *constants)))

    return rule


for _name in """abs asin asinh atan atanh ceil deg2rad erf erfinv expm1 floor frac isinf isnan isneginf isposinf log1p
        nan_to_num rad2deg relu round sgn sign signbit sin sinh sqrt square tan tanh trunc""".split():
    _rule(_name, _on_numbers(table[_name].kernel))


def _power(x: Any, exponent: Any) -> Any:
    if exponent == 0:
        raise RuntimeError("pow: cannot raise to zeroth power on sparse tensor; it would make the result tensor dense")
    return _on_numbers(table["pow_number"].kernel)(x, exponent)


def _floor_divide(x: Any, y: Any) -> Any:
    if np.ndim(y) or not is_sparse(x):
        return K.divide(x, y)
    return _on_numbers(table["floor_divide"].kernel)(x, y)


def _relu_backward(g: Any, out: Any) -> Any:
    return K.multiply(g, out.with_values((out.values > 0).astype(out.dtype)))


def _sum(x: Any, axis: Any, keepdims: Any) -> Any:
    if isinstance(x, CSR):
        out = _sum(x.coo(), axis, keepdims)
        return K.csr(out) if is_sparse(out) and keepdims else out
    wide = x.astype(np.int64) if x.dtype.kind in "biu" else x
    axes = tuple(range(x.ndim)) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    axes = tuple(a % x.ndim for a in axes) or tuple(range(x.ndim))
    out = K.sum_over(wide, axes)
    for a in sorted(axes) if keepdims else ():
        out = K.unsqueezed(out, a) if is_sparse(out) else np.expand_dims(out, a)
    return out


def _sum_to(x: Any, shape: tuple[int, ...]) -> Any:
    extra = x.ndim - len(shape)
    if all(n == 1 for n in shape):
        return _sum(x, None, False).reshape(shape)
    if extra:
        raise NotStrided("view")
    return _sum(x, [a for a, (n, m) in enumerate(zip(shape, x.shape)) if n != m], True)


def _norm(x: Any, p: Any = 2, axis: Any = None, keepdims: Any = False, *rest: Any) -> Any:
    if axis is not None and len(axis) != x.ndim:
        raise NotStrided("norm")
    return table["vector_norm"].kernel(K.coalesce(x).values.reshape(-1), p, None, False, *rest)


def _any(x: Any, axis: Any, keepdims: Any) -> Any:
    if axis is not None:
        raise NotStrided("any.dim")
    return table["any"].kernel(K.coalesce(x).values, None, False)


def _narrow_copy(x: Any, key: tuple[Any, ...]) -> Any:
    if key and key[0] is Ellipsis:
        key = (*(slice(None),) * (x.ndim - len(key) + 1), *key[1:])
    for axis, part in enumerate(key):
        if part is not Ellipsis and part != slice(None):
            x = K.narrow_copy(x, axis, part.start, part.stop - part.start)
    return x


def _angle(x: Any) -> Any:
    if type(x) is not CSR:
        raise NotStrided("angle")
    return x.with_values(table["angle"].kernel(x.values))


def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    out = K.matmul(x, weight.T)
    return out if bias is None else out + bias


def _stack(parts: Any, axis: int) -> Any:
    axis = axis + parts[0].ndim + 1 if axis < 0 else axis
    return K.cat([K.unsqueezed(p, axis) for p in parts], axis)


def _bmm(x: Any, y: Any) -> Any:
    if x.ndim == y.ndim == 3 and isinstance(x, COO) and not is_sparse(y):
        return np.stack([K.matmul(K.selected(x, 0, i), y[i]) for i in range(len(x))])
    raise NotStrided("bmm")


def _matmul(x: Any, y: Any) -> Any:
    return _bmm(x, y) if x.ndim > 2 or y.ndim > 2 else K.matmul(x, y)


def _copy_into(to: Any, new: Any, casting: str = "") -> None:
    if type(to) is type(new):
        to.become(new)
    elif is_sparse(to):
        raise RuntimeError("copy_() between dense and sparse Tensors is not implemented!")
    else:
        to[...] = K.dense(new)


_rule("pow_number", _power)
_rule("floor_divide div_floor", _floor_divide)
_rule("relu_backward", _relu_backward)
_rule("sum sum_all", _sum)
_rule("sum_to", _sum_to)
_rule("any", _any)
_rule("angle", _angle)
_rule("narrow_copy", _narrow_copy)
_rule("zeros_like zero", lambda x: x.cleared())
_rule("clone grad_copy", lambda x: x.copy())
_rule("neg", lambda x: -x)
_rule("conj conj_physical", lambda x: x.conj())
_rule("add", K.add)
_rule("sub", K.subtract)
_rule("rsub rsub_tensor", lambda x, y: K.add(np.asarray(y) if not is_sparse(y) else y, -x))
_rule("mul", K.multiply)
_rule("div", K.divide)
_rule("add_scaled", lambda x, y, factor, exact: K.add(x, y * factor))
_rule("sub_scaled", lambda x, y, factor, exact: K.add(x, y * -factor))
_rule("matmul matvec matmul_batched matmul_viewed", _matmul)
_rule("linear linear_no_bias", _linear)
_rule("addmm", lambda x, a, b, beta, alpha: x * beta + K.matmul(a, b) * alpha)
_rule("index_select", lambda x, index, axis: K.index_select(x, index, axis))
_rule("cat", K.cat)
_rule("stack", _stack)
_rule("vector_norm", _norm)
_rule("unsqueeze unsqueezed", lambda x, axis: K.unsqueezed(x, axis))
layouts.rules[np.copyto] = _copy_into
