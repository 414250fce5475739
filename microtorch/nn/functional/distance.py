"""Distances, and the losses made of them, with PyTorch's signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.operands import broadcast_error
from microtorch.autograd.state import wrap
from microtorch.dtypes import of, promoted
from microtorch.functions.arguments import axis_of, need_tensor
from microtorch.kernels import bfloat16
from microtorch.kernels.reduce import cosines
from microtorch.nn.functional.checks import broadcast, not_implemented, reduced, reduction_of
from microtorch.ops import index as I, norm as N, pointwise as P, reduce as R

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _float_pair(name: str, x1: Any, x2: Any) -> tuple[Any, Any]:
    a, b = x1._data, x2._data
    want = a.dtype if a.dtype == b.dtype else promoted(a.dtype, a.ndim == 0, b.dtype, b.ndim == 0)
    if want.kind != "f":
        raise RuntimeError(f"expected common dtype to be floating point, yet common dtype is {of[want].type_name}")
    pair = [t if t._data.dtype == want else P.cast(t, want) for t in (x1, x2)]
    return broadcast(*pair)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors along `dim`; each norm is at least eps."""
    need_tensor("cosine_similarity", x1, "x1")
    need_tensor("cosine_similarity", x2, "x2", 2)
    if x1._node is None and x2._node is None and x1._data.dtype is x2._data.dtype:
        out = cosines(x1._data, x2._data, dim, eps)
        if out is not None:
            return wrap(out)
    x1, x2 = _float_pair("cosine_similarity", x1, x2)
    axis = axis_of(dim, x1._data.ndim)
    units = []
    for x in (x1, x2):
        norm = P.clone(N.p_norm(x, 2.0, (axis,) if x._data.ndim else (), True))
        norm._data = np.maximum(norm._data, eps)  # the gradient goes through as if nothing was cut off
        units.append(P.div(x, norm))
    return R.sum(P.mul(*units), (axis,) if x1._data.ndim else None, False)


def pairwise_distance(x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last dimension."""
    need_tensor("pairwise_distance", x1, "x1")
    need_tensor("pairwise_distance", x2, "x2", 2)
    d = P.add(P.sub(x1, x2), eps)
    return N.p_norm(d, float(p), (d._data.ndim - 1,) if d._data.ndim else (), keepdim)


def pdist(input: Any, p: float = 2) -> Tensor:
    """The p-norm distances of all pairs of rows of a matrix (N, D): N (N - 1) / 2 of them."""
    if input._data.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input._data.ndim}D")
    if input._data.dtype.kind not in "fV":
        raise RuntimeError("pdist only supports floating-point dtypes")
    if not p >= 0:
        raise RuntimeError("pdist only supports non-negative p values")
    if input._data.dtype.itemsize == 2 and input._data.shape[0] > 1 and input._data.size:
        raise not_implemented("pdist", input)
    first, second = np.triu_indices(input._data.shape[0], 1)
    d = P.sub(I.index_select(input, first, 0), I.index_select(input, second, 0))
    return N.pdist(d, float(p), (1,), False)


def cosine_embedding_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """1 - cos for pairs with target 1, max(0, cos - margin) for those with target -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    t = target._data
    if t.ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    ranks = input1._data.ndim, input2._data.ndim
    if t.ndim == 1 and ranks != (2, 2):
        raise RuntimeError(
            f"1D target tensor expects 2D input tensors, but found inputs with sizes {list(input1._data.shape)} and "
            f"{list(input2._data.shape)}."
        )
    if t.ndim == 0 and ranks != (1, 1):
        raise RuntimeError(
            f"0D target tensor expects 1D input tensors, but found inputs with sizes {list(input1._data.shape)} and "
            f"{list(input2._data.shape)}."
        )
    axis = t.ndim
    product = R.sum(P.mul(input1, input2), (axis,), False)
    squares = [P.add(R.sum(P.mul(x, x), (axis,), False), 1e-12) for x in (input1, input2)]
    cos = P.div(product, P.sqrt(P.mul(*squares)))
    zeros = wrap(bfloat16.zeros((), cos._data.dtype))
    if cos._data.shape != t.shape and t.ndim:
        raise broadcast_error(t, cos._data, RuntimeError("shapes differ"))
    alike = P.where(t == 1, P.sub(1, cos), zeros)
    unlike = P.where(t == -1, P.clamp_min(P.sub(cos, margin), 0, None), zeros)
    return reduced(P.add(alike, unlike), reduction)


def margin_ranking_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, -target * (input1 - input2) + margin), for targets 1 and -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    if not input1._data.ndim == input2._data.ndim == target._data.ndim:
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    losses = P.clamp_min(P.add(P.mul(P.neg(target), P.sub(input1, input2)), margin), 0, None)
    return reduced(losses, reduction)


def hinge_embedding_loss(
    input: Any,
    target: Any,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """input where target is 1, max(0, margin - input) where it is -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    input, target = broadcast(input, target)
    t = target._data
    zeros = wrap(bfloat16.zeros((), input._data.dtype))
    margins = P.clamp_min(P.sub(margin, input), 0, None)
    losses = P.add(P.where(t != 1, margins, zeros), P.where(t != -1, input, zeros))
    return reduced(losses, reduction)


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-06,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the pairwise distance (Balntas et al., 2016).

    swap: the distance of positive and negative counts if it is the smaller.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    ranks = [t._data.ndim for t in (anchor, positive, negative)]
    if len(set(ranks)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {ranks[0]}D, positive {ranks[1]}D, and negative {ranks[2]}D inputs"
        )
    return _triplet(lambda a, b: pairwise_distance(a, b, p, eps), anchor, positive, negative, margin, swap, reduction)


def _triplet(
    distance: Callable[[Any, Any], Any],
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float,
    swap: bool,
    reduction: str,
) -> Tensor:
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = P.minimum(far, distance(positive, negative))
    return reduced(P.clamp_min(P.sub(P.add(near, margin), far), 0, None), reduction)


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """`triplet_margin_loss` with any distance function."""
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not a valid value for reduction")
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    ranks = [t._data.ndim for t in (anchor, positive, negative)]
    if len(set(ranks)) > 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {ranks[0]}D, positive {ranks[1]}D, and negative {ranks[2]}D inputs"
        )
    return _triplet(distance_function or pairwise_distance, anchor, positive, negative, margin, swap, reduction)
