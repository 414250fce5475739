"""Embedding: rows looked up in a table, alone or summed in bags."""

from __future__ import annotations

from typing import Any

from microtorch.autograd.table import op, unary
from microtorch.kernels import embedding as K


def _looked_up(xp: Any, g: Any, x_shape: Any, index: Any, padding_idx: int, scale: bool) -> Any:
    return xp.embedding_backward(g, x_shape, index, padding_idx, scale)


# the index is an input, too: a backward pass refuses one that was written since
embedding = op("embedding", K.embedding, inputs="x index", x=_looked_up)
embedding_spread = op("embedding_spread", K.embedding_spread, inputs="x index", x=_looked_up)
embedding_backward = op(
    "embedding_backward",
    K.embedding_backward,
    inputs="x shape index",
    x=lambda xp, g, index, padding_idx, scale: xp.embedding_spread(g, index, padding_idx, scale),
    grad_name="EmbeddingDenseBackward0",
)
one_hot = unary("one_hot", K.one_hot)

# bags ----------------------------------------------------------------------------------------------------------------


def _bag_weight(
    xp: Any, g: Any, scale: Any, sizes: Any, weight_shape: Any, index: Any, bag: Any, by_frequency: bool
) -> Any:  # fmt: skip
    if sizes is not None:
        g = g / sizes
    if not xp.recorded and not by_frequency:
        return K.bag_sum_backward(g, scale, weight_shape, index, bag)
    rows = xp.index_select(g, bag, 0)
    if scale is not None:
        rows = rows * xp.unsqueeze(scale, 1)
    return xp.embedding_backward(rows, weight_shape, index, -1, by_frequency)


bag_sum = op("bag_sum", K.bag_sum, inputs="weight scale sizes", grad_name="EmbeddingBagBackward0", weight=_bag_weight,
             scale=lambda xp, g, weight, index, bag:  # a bag with a scale is not divided by its size
                 xp.sum(xp.index_select(g, bag, 0) * xp.index_select(weight, index, 0), (1,), False))  # fmt: skip
bag_max = unary("bag_max", K.take_columns, grad_name="EmbeddingBagBackward0",
                x=lambda xp, g, x_shape, rows: xp.bag_max_backward(g, x_shape, rows))  # fmt: skip
bag_max_backward = unary("bag_max_backward", K.put_columns, x=lambda xp, g, rows: xp.bag_max(g, rows))
