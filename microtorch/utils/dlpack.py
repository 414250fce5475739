"""torch.utils.dlpack: memory shared with other libraries through DLPack capsules."""

from __future__ import annotations

from typing import Any

from microtorch.functions import creation

__all__ = ["from_dlpack", "to_dlpack"]


class _Capsule:
    """A capsule as an object with the protocol's two methods. It can be consumed once."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule

    def __dlpack__(self, **options: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def to_dlpack(tensor: Any) -> Any:
    """A DLPack capsule of the tensor's memory.

    Raises BufferError for a tensor that requires a gradient.
    """
    return tensor.__dlpack__(max_version=(1, 0))  # only capsules with a version say that they may be written


def from_dlpack(ext_tensor: Any) -> Any:
    """A tensor on the memory of another library's array, or of a capsule.

    >>> import microtorch as torch
    >>> x = torch.zeros(2)
    >>> y = from_dlpack(to_dlpack(x))
    >>> y[0] = 1
    >>> x
    tensor([1., 0.])
    """
    if type(ext_tensor).__name__ == "PyCapsule":
        ext_tensor = _Capsule(ext_tensor)
    return creation.from_dlpack(ext_tensor)
