"""`torch.nn.attention`: which kernel scaled_dot_product_attention uses. There is one here, whatever is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any

from microtorch._missing import missing_names as _missing_names
from microtorch.nn.functional.attention import refused

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(IntEnum):
    """PyTorch's kernels for scaled_dot_product_attention; here all compute the same, by MATH."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextmanager
def sdpa_kernel(backends: Any, set_priority: bool = False) -> Iterator[None]:
    """A context that asks for some kernels. Raises AssertionError for what is no SDPBackend, or a list of them.

    Inside, attention raises RuntimeError if they are none that a CPU has: neither MATH nor FLASH_ATTENTION.

    >>> import microtorch as torch
    >>> with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
    ...     torch.nn.functional.scaled_dot_product_attention(*[torch.ones(1, 2, 3)] * 3).shape
    torch.Size([1, 2, 3])
    """
    chosen = [backends] if isinstance(backends, SDPBackend) else backends
    if not isinstance(chosen, (list, tuple, set)) or not all(isinstance(b, SDPBackend) for b in chosen):
        what = f", got {type(chosen).__name__}" if not isinstance(chosen, (list, tuple, set)) else ""
        raise AssertionError("Backend must be an instance of SDPBackend or a list of SDPBackend instances" + what)
    refused.append(not {SDPBackend.MATH, SDPBackend.FLASH_ATTENTION}.intersection(chosen))
    try:
        yield
    finally:
        refused.pop()


__getattr__ = _missing_names(__name__)
