"""Between float32 and the two formats of 16 bits, for large arrays: by compiled loops, or by NumPy on all threads.

NumPy converts float16 one number at a time; there are only 65,536 of them, so that a table is faster.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from microtorch.kernels import threads, twins
from microtorch.kernels.quiet import quiet

__all__ = ["LEAST", "convert", "from_half", "to_half"]

LEAST = 1 << 12
"""Numbers from which it pays."""
_PIECE = 1 << 13  # numbers at a time: the table's lines stay in the cache, and what is checked as well


def convert(name: str, x: Any, dtype: Any) -> Any:
    """A C-contiguous array x in a dtype, by the compiled loop of that name; None if there is none, or x is small."""
    if x.size < max(twins.least, LEAST) or not x.flags.c_contiguous or (fast := twins.of("pointwise")) is None:
        return None
    out = np.empty(x.shape, dtype)
    threads.split(getattr(fast, name), x.size, x.reshape(-1), out.reshape(-1), least=twins.PART)
    return out


def to_half(x: Any) -> Any:
    """A C-contiguous float32 array as float16, to the nearest, ties to even."""
    if (found := convert("to_half", x, np.uint16)) is not None:
        return found.view(np.float16)
    out = np.empty(x.shape, np.float16)
    threads.split(_copy, x.size, x.reshape(-1), out.reshape(-1), least=twins.PART)
    return out


def from_half(x: Any) -> Any:
    """A C-contiguous float16 array as float32."""
    if (found := convert("from_half", x.view(np.uint16), np.float32)) is not None:
        return found
    out = np.empty(x.shape, np.float32)
    threads.split(_look_up, x.size, x.view(np.uint16).reshape(-1), out.reshape(-1), least=twins.PART)
    return out


@quiet
def _copy(x: Any, out: Any) -> None:
    np.copyto(out, x, casting="unsafe")


@functools.cache
def _table() -> Any:
    with np.errstate(invalid="ignore"):
        return np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)


def _look_up(x: Any, out: Any) -> None:
    for k in range(0, x.size, _PIECE):
        _table().take(x[k : k + _PIECE], out=out[k : k + _PIECE], mode="wrap")
