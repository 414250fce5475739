"""Order: what was taken or moved from a place sends its gradient back to that place."""

from __future__ import annotations

from typing import Any

from microtorch.autograd.table import op, unary
from microtorch.kernels import sorting as K
from microtorch.kernels.strides import c_order, input_order
from microtorch.ops.pointwise import constant, not_implemented
from microtorch.ops.reduce import _extreme_of_all, _taken_x

put_along = unary("put_along", K.put_along, x=lambda xp, g, axis, places: xp.take_along(g, axis, places))
take_along = unary(
    "take_along", K.take_along, x=lambda xp, g, x_shape, axis, places: xp.put_along(g, x_shape, axis, places)
)


def _moved_x(xp: Any, g: Any, x_shape: Any, axis: int, out1: Any) -> Any:
    return xp.put_along(g, x_shape, axis, constant(out1))


sort = op("sort", input_order(K.sort, 2), inputs="x", outputs=2, x=_moved_x)
topk = op(
    "topk",
    lambda x, k, axis, largest, in_order: K.topk(x, k, axis, largest, in_order),
    inputs="x",
    outputs=2,
    x=_moved_x,
)
argsort = unary("argsort", input_order(K.argsort))
kthvalue = op("kthvalue", c_order(K.kthvalue, 2), inputs="x", outputs=2, x=_taken_x)
median = op("median", c_order(lambda x, axis, keepdims: K.median(x, axis, keepdims, False), 2), inputs="x", outputs=2,
            grad_name="MedianBackward1", x=_taken_x)  # fmt: skip
nanmedian = op("nanmedian", c_order(lambda x, axis, keepdims: K.median(x, axis, keepdims, True), 2), inputs="x",
               outputs=2, grad_name="NanmedianBackward1", x=_taken_x)  # fmt: skip
median_all = unary("median_all", lambda x: K.median_all(x, False), x=_extreme_of_all, grad_name="MedianBackward0")
nanmedian_all = unary(
    "nanmedian_all", lambda x: K.median_all(x, True), x=_extreme_of_all, grad_name="NanmedianBackward0"
)
mode = op("mode", c_order(K.mode, 2), inputs="x", outputs=2, x=_taken_x)
unique = op("unique", K.unique, inputs="x", outputs=3, grad_name="Unique2Backward0", x=not_implemented("_unique2"))
unique_dim = op("unique_dim", lambda x, axis: K.unique(x, axis), inputs="x", outputs=3, x=not_implemented("unique_dim"))
unique_consecutive = op(
    "unique_consecutive", K.unique_consecutive, inputs="x", outputs=3, x=not_implemented("unique_consecutive")
)
searchsorted = unary("searchsorted", lambda x, edges, right, sorter: K.searchsorted(edges, x, right, sorter))
