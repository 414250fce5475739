"""Embedding: rows looked up in a table."""

from __future__ import annotations

from microtorch.autograd.table import unary
from microtorch.kernels import embedding as K

embedding = unary("embedding", K.embedding,
                  x=lambda xp, g, x_shape, index, padding_idx, scale: xp.embedding_backward(g, x_shape, index, padding_idx, scale))  # fmt: skip
embedding_backward = unary("embedding_backward", K.embedding_backward, grad_name="EmbeddingDenseBackward0",
                           x=lambda xp, g, index, padding_idx, scale: xp.embedding_spread(g, index, padding_idx, scale))  # fmt: skip
embedding_spread = unary("embedding_spread", K.embedding_spread,
                         x=lambda xp, g, x_shape, index, padding_idx, scale: xp.embedding_backward(g, x_shape, index, padding_idx, scale))  # fmt: skip
one_hot = unary("one_hot", K.one_hot)
