"""Tables looked up: embedding, embedding_bag, one_hot."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.node import written
from microtorch.autograd.state import TensorBase, wrap
from microtorch.dtypes import of
from microtorch.functions.arguments import need_tensor
from microtorch.kernels import embedding as K
from microtorch.kernels.batched import everything, value_of
from microtorch.kernels.bfloat16 import cast, computed
from microtorch.kernels.small import within
from microtorch.ops import embedding as E, index as I, shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _need_indices(index: Any, name: str, argument: str, position: int) -> None:
    if index._data.dtype.kind != "i" or index._data.itemsize < 4:
        word = of[index._data.dtype].type_name
        raise RuntimeError(
            f"Expected tensor for argument #{position} '{argument}' to have one of the following scalar types: Long, "
            f"Int; but got torch.{word}Tensor instead (while checking arguments for {name})"
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
    sparse: weight's gradient is a sparse tensor of the rows looked up (for SGD, Adagrad and SparseAdam).
    Raises IndexError for a number outside the table.

    >>> import microtorch as torch
    >>> torch.nn.functional.embedding(torch.tensor([1, 0]), torch.eye(2))
    tensor([[0., 1.],
            [1., 0.]])
    """
    if not (isinstance(input, TensorBase) and isinstance(weight, TensorBase)):
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
    if weight._data.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    index = input._data
    if index.dtype != np.int64:
        _need_indices(input, "embedding", "indices", 1)
    if max_norm is not None:
        renorm(weight, index, max_norm, norm_type)
    entry = _of_sparse_gradient("embedding_sparse") if sparse and weight._node is not None else E.embedding
    return entry(weight, input, padding_idx, scale_grad_by_freq)


def _of_sparse_gradient(name: str) -> Any:
    """An entry whose gradient for the table is a sparse tensor of the rows that were looked up."""
    from microtorch.ops import sparse  # with all of its kernels: most programs never need it

    return getattr(sparse, name)


def renorm(weight: Any, index: Any, max_norm: float, norm_type: float) -> None:
    """Scale the rows looked up down to max_norm, in place and unrecorded."""
    if index.size and (index.min() < 0 or index.max() >= weight._data.shape[0]):
        raise IndexError("index out of range in self")
    K.limit_rows(weight._data, index, max_norm, norm_type)
    written(weight)


def one_hot(tensor: Any, num_classes: int = -1) -> Tensor:
    """int64 zeros with a one at each number of the tensor, in a new last dimension of num_classes (-1: as needed).

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
    if num_classes == -1:
        message = "When vmap-ing torch.nn.functional.one_hot, please provide an explicit positive num_classes argument."
        index = value_of(index, message)
    index = everything(index)
    if num_classes < 1 or not within(index, num_classes):
        if index.min() < 0:
            raise RuntimeError("Class values must be non-negative.")
        if num_classes == -1:
            num_classes = int(index.max()) + 1
        elif num_classes < 1:
            raise RuntimeError("num_classes should be positive")
        else:
            raise RuntimeError("Class values must be smaller than num_classes.")
    return E.one_hot(tensor, num_classes)


def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Rows of weight (V, D) looked up and, in each bag, summed, averaged or maximised: (bags, D).

    input: (bags, n), or one dimension with `offsets`, where each bag begins. per_sample_weights: factors, for "sum".
    padding_idx: a row that does not count. Empty bags give zeros.
    """
    need_tensor("embedding_bag", weight, "weight", 1)
    if weight._data.dtype == np.int64 and input._data.dtype.kind == "f":
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage `embedding_bag(weight, input, ...)` is "
            "deprecated, and should now be `embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        weight, input = input, weight
    index, table = input._data, weight._data
    if per_sample_weights is not None and per_sample_weights._data.shape != index.shape:
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, then it must have the "
            f"same shape as the input ({input.shape})"
        )
    if table.ndim != 2:
        raise ValueError(f"weight has to be a 2D Tensor, but got Tensor of dimension {table.ndim}")
    starts = _bag_starts(input, offsets)
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if sparse and mode == "max":
        raise ValueError("max mode does not support sparse weights")
    if per_sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got "
            f"mode='{mode}'). Please open a feature request on GitHub."
        )
    index = index.reshape(-1).astype(np.int64)
    if max_norm is not None:
        renorm(weight, index, max_norm, norm_type)
    if not within(index, table.shape[0]):
        bad = np.flatnonzero((index < 0) | (index >= table.shape[0]))
        raise RuntimeError(
            f"Index {bad[0]} of input takes value {index[bad[0]]} which is not in the valid range [0, {table.shape[0]})"
        )
    if starts.size and starts[0] != 0:
        raise RuntimeError(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, "
            f"got {starts[0]}"
        )
    if starts.size and starts[-1] > index.size:
        raise RuntimeError(
            f"offsets[-1] can not be greater than input's length({index.size}) but got offsets[-1] of {starts[-1]}"
        )
    if include_last_offset and input._data.ndim == 1:
        if starts.size < 1:
            raise RuntimeError("include_last_offset: number of offset should be at least 1")
        starts = starts[:-1]
    sizes = np.diff(starts, append=index.size)
    if sizes.size and sizes.min() >= 0:
        bag = np.repeat(np.arange(starts.size), sizes)
    else:
        bag = np.searchsorted(starts, np.arange(index.size), side="right") - 1
    scale = None if per_sample_weights is None else S.reshape(per_sample_weights, (-1,))
    if padding_idx is not None:
        kept = np.flatnonzero(index != (padding_idx + table.shape[0] if padding_idx < 0 else padding_idx))
        index, bag = index[kept], bag[kept]
        scale = None if scale is None else I.index_select(scale, kept, 0)
    if mode == "max":
        return E.bag_max(weight, computed(K.bag_largest, table, index, bag, starts.size))
    sizes = None
    if mode == "mean":
        sizes = wrap(cast(np.maximum(np.bincount(bag, minlength=starts.size), 1)[:, None], table.dtype))
    entry = _of_sparse_gradient("bag_sum_sparse") if sparse and weight._node is not None else E.bag_sum
    return entry(weight, scale, sizes, index, bag, starts.size, scale_grad_by_freq)


def _bag_starts(input: Any, offsets: Any) -> Any:
    """Where each bag begins in the flattened input."""
    index = input._data
    if index.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length "
                f"sequences. However, found offsets of type {type(offsets)}"
            )
        return np.arange(0, index.size, index.shape[1]) if index.shape[1] else np.zeros(index.shape[0], np.int64)
    if index.ndim != 1:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {index.ndim}")
    if offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets._data.ndim != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    return offsets._data.astype(np.int64)
