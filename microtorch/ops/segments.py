"""Reductions of segments."""

from __future__ import annotations

from microtorch.autograd.table import op
from microtorch.kernels import segments as K
from microtorch.ops.pointwise import underivable

segment_reduce = op(
    "segment_reduce",
    K.segment_reduce,
    inputs="x",
    x=lambda xp, g, out, x, reduce, axis, ids, counts, initial: xp.segment_reduce_backward(
        g, out, x, reduce, axis, ids, counts, initial
    ),
)
_none = underivable("_segment_reduce_backward")
segment_reduce_backward = op("segment_reduce_backward", K.segment_reduce_backward, grad_name="NotImplemented",
                             g=_none, out=_none, x=_none)  # fmt: skip
