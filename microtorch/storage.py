"""torch.Storage: the memory under a tensor, one-dimensional. Tensors are what one works with; this is for looking."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.state import TensorBase, storage_of, whole_storage, wrap
from microtorch.kernels import shared
from microtorch.size import cpu, device


class _Storage:
    """What both kinds of storage say."""

    nbytes: Callable[..., int]

    @property
    def device(self) -> device:
        """Always the CPU."""
        return cpu

    def __sizeof__(self) -> int:
        """What `sys.getsizeof` tells: its memory included."""
        return object.__sizeof__(self) + self.nbytes()


class UntypedStorage(_Storage):
    """The bytes under a tensor, shared with all of its views.

    >>> import microtorch as torch
    >>> torch.zeros(2, 3)[1].untyped_storage().nbytes()
    24
    """

    def __init__(self, tensor: TensorBase) -> None:
        self._shared = storage_of(tensor)
        self._bytes = whole_storage(tensor, np.uint8)  # keeps the memory alive

    @classmethod
    def from_file(cls, filename: Any, shared: bool = False, nbytes: int = 0) -> UntypedStorage:
        """The bytes of a file, read when they are looked at; all of them if `nbytes` is 0.

        shared: what is written into the memory is written into the file, which is made as long as need be; else it
        stays in this process. Raises RuntimeError if there is no such file, or it is too short.
        """
        path = os.fspath(filename)
        try:
            if shared and nbytes:
                with open(path, "ab") as file:
                    file.truncate(max(nbytes, os.path.getsize(path)))
            size = os.path.getsize(path)
            if nbytes > size:
                raise RuntimeError(f"file {path} has {size} bytes, not {nbytes}")
            count = nbytes or size
            mode: Any = "r+" if shared else "c"
            mapped = np.memmap(path, np.uint8, mode, shape=(count,)) if count else np.empty(0, np.uint8)
        except OSError as error:
            raise RuntimeError(f"unable to open file <{path}> in read-only mode: {error.strerror}") from error
        return cls(wrap(np.asarray(mapped)))

    def untyped(self) -> UntypedStorage:
        """The storage itself."""
        return self

    def nbytes(self) -> int:
        """Its size in bytes."""
        return self._bytes.size

    size = __len__ = nbytes

    def is_shared(self) -> bool:
        """Whether its memory is shared with other processes (Tensor.share_memory_)."""
        return shared.is_shared(self._bytes)

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return self._shared.extent()[0] if self._bytes.size else 0

    def element_size(self) -> int:
        """One byte."""
        return 1

    def tolist(self) -> list[int]:
        """The bytes as numbers."""
        return self._bytes.tolist()

    def __getitem__(self, i: Any) -> Any:
        if not isinstance(i, slice):
            return int(self._bytes[i])
        if i.step not in (None, 1):
            raise RuntimeError(f"Trying to slice with a step of {i.step}, but only a step of 1 is supported")
        return UntypedStorage(wrap(self._bytes[i]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UntypedStorage) and other._shared.shares(self._shared)

    def __hash__(self) -> int:
        return hash(self._shared.extent())


class TypedStorage(_Storage):
    """The elements under a tensor, in the order of memory, shared with all of its views."""

    def __init__(self, tensor: TensorBase) -> None:
        self._untyped = UntypedStorage(tensor)
        self.dtype = dtypes.of[tensor._data.dtype]

    @property
    def _elements(self) -> Any:
        return self._untyped._bytes.view(self.dtype.numpy)

    def untyped(self) -> UntypedStorage:
        """The same memory as bytes."""
        return self._untyped

    def size(self) -> int:
        """The number of elements."""
        return self._elements.size

    __len__ = size

    def nbytes(self) -> int:
        """Its size in bytes."""
        return self._untyped.nbytes()

    def is_shared(self) -> bool:
        """Whether its memory is shared with other processes (Tensor.share_memory_)."""
        return self._untyped.is_shared()

    def data_ptr(self) -> int:
        """The address of the first element."""
        return self._untyped.data_ptr()

    def element_size(self) -> int:
        """Bytes of one element."""
        return self.dtype.itemsize

    def tolist(self) -> list[Any]:
        """The elements as Python numbers."""
        return self._elements.tolist()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.tolist())

    def __getitem__(self, i: int) -> Any:
        return self._elements[i].item()

    def __setitem__(self, i: Any, value: Any) -> None:
        self._elements[i] = value

    def __repr__(self) -> str:
        lines = "".join(f" {v}\n" for v in self.tolist())
        return f"{lines}[torch.storage.TypedStorage(dtype={self.dtype}, device=cpu) of size {len(self)}]"


def is_storage(obj: Any) -> bool:
    """True for a storage."""
    return isinstance(obj, (TypedStorage, UntypedStorage))
