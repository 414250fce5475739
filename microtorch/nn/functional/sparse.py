"""Tables looked up: embedding, embedding_bag, one_hot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.node import written
from microtorch.dtypes import of
from microtorch.functions.arguments import need_tensor
from microtorch.ops import embedding as E

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _need_indices(index: Any, name: str, argument: str, position: int) -> None:
    if index._data.dtype.kind != "i" or index._data.itemsize < 4:
        word = of[index._data.dtype].type_name
        raise RuntimeError(
            f"Expected tensor for argument #{position} '{argument}' to have one of the following scalar types: Long, Int; but got "
            f"torch.{word}Tensor instead (while checking arguments for {name})"
        )


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """The rows of weight (V, D) that the integers of input name: input.shape + (D,).

    padding_idx: the row that gets no gradient. max_norm: rows looked up are first scaled down to this norm, in place.
    scale_grad_by_freq: a row's gradient is divided by how often it occurs in input.
    Raises IndexError for a number outside the table.

    >>> import microtorch as torch
    >>> torch.nn.functional.embedding(torch.tensor([1, 0]), torch.eye(2))
    tensor([[0., 1.],
            [1., 0.]])
    """
    need_tensor("embedding", input, "indices", 2)
    need_tensor("embedding", weight, "weight", 1)
    rows = weight._data.shape[0] if weight._data.ndim else 0
    if padding_idx is None:
        padding_idx = -1
    else:
        if padding_idx >= rows or padding_idx < -rows:
            raise AssertionError("Padding_idx must be within num_embeddings")
        if padding_idx < 0:
            padding_idx += rows
    if sparse and weight._node is not None:
        raise NotImplementedError("embedding: sparse gradients (sparse=True) are not supported by microtorch")
    if weight._data.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    index = input._data
    if index.dtype != np.int64:
        _need_indices(input, "embedding", "indices", 1)
    if max_norm is not None:
        renorm(weight, index, max_norm, norm_type)
    return E.embedding(weight, index, padding_idx, scale_grad_by_freq)


def renorm(weight: Any, index: Any, max_norm: float, norm_type: float) -> None:
    """Scale the rows looked up down to max_norm, in place and unrecorded."""
    if index.size and (index.min() < 0 or index.max() >= weight._data.shape[0]):
        raise IndexError("index out of range in self")
    E.K.limit_rows(weight._data, index, max_norm, norm_type)
    written(weight)


def one_hot(tensor: Any, num_classes: int = -1) -> Tensor:
    """int64 zeros with a one at each number of the tensor, in a new last dimension of `num_classes` (default: as many as needed).

    Raises RuntimeError for numbers that are negative or too large.
    """
    need_tensor("one_hot", tensor)
    index = tensor._data
    if index.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if index.size == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return E.one_hot(tensor, num_classes)
    if index.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(index.max()) + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    elif index.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return E.one_hot(tensor, num_classes)
