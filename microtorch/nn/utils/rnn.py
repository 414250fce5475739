"""Sequences of several lengths: padded to one, or packed one time step after another."""

from __future__ import annotations

import builtins
from collections.abc import Iterable
from typing import Any, NamedTuple, Self

import numpy as np

from microtorch import dtypes
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions.creation import as_tensor, full
from microtorch.functions.shape import cat
from microtorch.functions.sorting import argsort

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]


_NOT_POSITIVE = "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"


class _Fields(NamedTuple):
    data: Any
    batch_sizes: Any
    sorted_indices: Any
    unsorted_indices: Any


class PackedSequence(_Fields):
    """Sequences packed for a recurrent network: the first elements of all, then the second ones, and so on.

    data (total length, *); batch_sizes: how many sequences have each step; sorted_indices: where each, by falling
    length, stood before (None if they were sorted), unsorted_indices the way back. Made by `pack_sequence` and
    `pack_padded_sequence`.
    """

    def __new__(
        cls, data: Any, batch_sizes: Any = None, sorted_indices: Any = None, unsorted_indices: Any = None
    ) -> Self:
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is None:
            if not (isinstance(data, (list, tuple)) and len(data) == 2):
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def pin_memory(self) -> Self:
        """There is no accelerator to pin memory for: RuntimeError."""
        return type(self)(self.data.pin_memory(), self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """The data in another dtype: see Tensor.to."""
        data = self.data.to(*args, **kwargs)
        if data is self.data:
            return self
        return type(self)(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def cuda(self, *args: Any, **kwargs: Any) -> Self:
        """There is no CUDA here: AssertionError."""
        return self.to("cuda")

    def cpu(self, *args: Any, **kwargs: Any) -> Self:
        """The same: it is there already."""
        return self

    def double(self) -> Self:
        """The data as float64."""
        return self.to(dtype=dtypes.float64)

    def float(self) -> Self:
        """The data as float32."""
        return self.to(dtype=dtypes.float32)

    def bfloat16(self) -> Self:
        """The data as bfloat16."""
        return self.to(dtype=dtypes.bfloat16)

    def half(self) -> Self:
        """The data as float16."""
        return self.to(dtype=dtypes.float16)

    def long(self) -> Self:
        """The data as int64."""
        return self.to(dtype=dtypes.int64)

    def int(self) -> Self:
        """The data as int32."""
        return self.to(dtype=dtypes.int32)

    def short(self) -> Self:
        """The data as int16."""
        return self.to(dtype=dtypes.int16)

    def char(self) -> Self:
        """The data as int8."""
        return self.to(dtype=dtypes.int8)

    def byte(self) -> Self:
        """The data as uint8."""
        return self.to(dtype=dtypes.uint8)

    @property
    def is_cuda(self) -> bool:
        """Always False."""
        return False

    def is_pinned(self) -> bool:
        """Always False."""
        return False


def invert_permutation(permutation: Any) -> Any:
    """The permutation that undoes the given one; None of None.

    >>> import microtorch as torch
    >>> torch.nn.utils.rnn.invert_permutation(torch.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    if permutation is None:
        return None
    inverse = np.empty_like(permutation._data)
    inverse[permutation._data] = np.arange(len(inverse))
    return wrap(inverse)


def pack_padded_sequence(
    input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack sequences (length, batch, *), or (batch, length, *) with batch_first, of these lengths.

    enforce_sorted: they must come by falling length; else they are sorted here. Raises RuntimeError if they are not,
    or for a length that is not positive.

    >>> import microtorch as torch
    >>> padded = torch.tensor([[1, 2, 0], [3, 0, 0], [4, 5, 6]])
    >>> torch.nn.utils.rnn.pack_padded_sequence(padded, [2, 1, 3], batch_first=True, enforce_sorted=False).data
    tensor([4, 1, 3, 5, 2, 6])
    """
    if isinstance(lengths, TensorBase):
        lengths = lengths.to(dtype=dtypes.int64)  # type: ignore[attr-defined]
    else:
        lengths = as_tensor(lengths, dtype=dtypes.int64)
    if enforce_sorted and lengths._data.ndim != 1:
        raise RuntimeError(
            f"'lengths' argument should be a 1D CPU int64 tensor, but got {lengths._data.ndim}D cpu Long tensor"
        )
    sorted_indices = None
    if not enforce_sorted:
        sorted_indices = argsort(lengths, descending=True)
        lengths = lengths[sorted_indices]
        input = input.index_select(0 if batch_first else 1, sorted_indices)
    sizes = lengths._data
    batch = input.shape[0 if batch_first else 1]
    if not sizes.size:
        raise RuntimeError(_NOT_POSITIVE)
    if len(sizes) != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {len(sizes)} (batch_size={batch})"
        )
    if sizes[-1] <= 0:
        raise RuntimeError(_NOT_POSITIVE)
    if (np.diff(sizes) > 0).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass "
            "`enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you "
            "do not need ONNX exportability."
        )
    if not input._data.size:
        raise RuntimeError("Cannot pack empty tensors.")
    x = input.transpose(0, 1) if batch_first else input
    batch_sizes = (sizes[:, None] > np.arange(sizes[0])).sum(0)
    step, sequence = _places(batch_sizes[: x.shape[0]])  # steps beyond the input's have no data, as in PyTorch
    return PackedSequence(x[step, sequence], wrap(batch_sizes), sorted_indices, None)


def _places(batch_sizes: Any) -> tuple[Any, Any]:
    """For each element of packed data its time step, and its sequence."""
    step = np.repeat(np.arange(len(batch_sizes)), batch_sizes)
    start = np.cumsum(batch_sizes) - batch_sizes
    return wrap(step), wrap(np.arange(len(step)) - start[step])


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: builtins.float = 0.0, total_length: Any = None
) -> tuple[Any, Any]:
    """The sequences padded (length, batch, *), or (batch, length, *) with batch_first, and their lengths.

    total_length: pad to this length. Raises ValueError if it is less than the longest sequence's.

    >>> import microtorch as torch
    >>> packed = torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2]), torch.tensor([3])])
    >>> torch.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True)
    (tensor([[1, 2],
            [3, 0]]), tensor([2, 1]))
    """
    batch_sizes = sequence.batch_sizes._data
    longest = len(batch_sizes)
    if total_length is not None:
        if total_length < longest:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got "
                f"total_length={total_length} and max sequence length being {longest}"
            )
        longest = total_length
    data = sequence.data
    padded = full((longest, int(batch_sizes[0]), *data.shape[1:]), padding_value, dtype=data.dtype)
    step, rows = _places(batch_sizes)
    padded[step, rows] = data
    lengths = wrap((batch_sizes[:, None] > np.arange(batch_sizes[0])).sum(0))
    if batch_first:
        padded = padded.transpose(0, 1)
    if sequence.unsorted_indices is not None:
        padded = padded.index_select(0 if batch_first else 1, sequence.unsorted_indices)
        lengths = lengths[sequence.unsorted_indices]
    return padded, lengths


def pad_sequence(
    sequences: Any, batch_first: bool = False, padding_value: builtins.float = 0.0, padding_side: str = "right"
) -> Any:
    """Sequences (length, *) padded to the longest one: (length, batch, *), or (batch, length, *) with batch_first.

    >>> import microtorch as torch
    >>> torch.nn.utils.rnn.pad_sequence([torch.tensor([1, 2]), torch.tensor([3])], batch_first=True)
    tensor([[1, 2],
            [3, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    given = list(sequences)
    if not given:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    longest = max(t.shape[0] for t in given)
    shape = (len(given), longest) if batch_first else (longest, len(given))
    padded = full((*shape, *given[0].shape[1:]), padding_value, dtype=given[0].dtype)
    lengths = [t.shape[0] for t in given]
    offsets = [longest - n if padding_side == "left" else 0 for n in lengths]
    step = wrap(np.concatenate([np.arange(n) + offset for n, offset in zip(lengths, offsets)]))
    row = wrap(np.repeat(np.arange(len(given)), lengths))
    padded[(row, step) if batch_first else (step, row)] = cat(given).to(padded.dtype)
    return padded


def unpad_sequence(padded_sequences: Any, lengths: Any, batch_first: bool = False) -> list[Any]:
    """Copies of the sequences of these lengths, out of padded ones (which, time first, are transposed in place)."""
    if not batch_first:
        padded_sequences.transpose_(0, 1)
    steps = wrap(np.arange(padded_sequences.shape[1]))
    return [sequence[steps < n] for sequence, n in zip(padded_sequences, lengths)]


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences (length, *); enforce_sorted: they must come by falling length.

    >>> import microtorch as torch
    >>> packed = torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2, 3]), torch.tensor([4, 5])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 5, 3]), tensor([2, 2, 1]))
    """
    lengths = as_tensor([t.shape[0] for t in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Any]:
    """The sequences, out of a packed one."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
