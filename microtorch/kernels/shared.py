"""Arrays in memory that several processes share: those forked from this one, and those that it spawns."""

from __future__ import annotations

import mmap
import os
import sys
from typing import Any

import numpy as np

__all__ = ["array", "for_sending", "is_shared"]


class _File(mmap.mmap):
    """The memory of a file that has no name; its number stays open, for processes that are yet to be spawned."""

    number: int

    def __new__(cls, number: int, size: int) -> _File:
        made = super().__new__(cls, number, size)
        made.number = number
        return made

    def __del__(self) -> None:
        os.close(self.number)


def array(like: Any) -> Any:
    """A copy of a C-contiguous array in shared memory."""
    size = like.nbytes or 1
    memory: mmap.mmap
    if hasattr(os, "memfd_create"):
        number = os.memfd_create("microtorch")
        os.ftruncate(number, size)
        memory = _File(number, size)
    else:  # such memory is found by forked processes only
        memory = mmap.mmap(-1, size)
    made = np.ndarray(like.shape, like.dtype, memory)
    made[...] = like
    return made


def _memory(x: Any) -> Any:
    """What an array, or what it is a view of, has its memory from."""
    while x is not None and not isinstance(x, mmap.mmap):
        x = getattr(x, "base", None) if isinstance(x, np.ndarray) else getattr(x, "owner", None)
    return x


def is_shared(x: Any) -> bool:
    """Whether an array's memory is shared."""
    return _memory(x) is not None


class _Sent:
    """An array that a spawned process is to find in the same memory."""

    def __init__(self, x: Any, memory: _File) -> None:
        from multiprocessing.reduction import DupFd

        start = np.frombuffer(memory, np.uint8).__array_interface__["data"][0]
        place = x.__array_interface__["data"][0] - start
        self.told = DupFd(memory.number), len(memory), x.shape, x.dtype.str, place, x.strides

    def __reduce__(self) -> Any:
        return _found, self.told


def _found(handle: Any, size: int, shape: Any, dtype: str, place: int, strides: Any) -> Any:
    """The array, in the process that was spawned."""
    return np.ndarray(shape, dtype, _File(handle.detach(), size), place, strides)


def for_sending(x: Any) -> Any:
    """What to pickle for an array: while a process is being spawned, its place in shared memory; else None."""
    context = sys.modules.get("multiprocessing.context")
    popen = None if context is None else context.get_spawning_popen()
    if popen is None or not hasattr(popen, "duplicate_for_child"):
        return None
    memory = _memory(x)
    return _Sent(x, memory) if isinstance(memory, _File) else None
