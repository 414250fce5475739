"""Half precision: computed in single, as PyTorch does, and rounded once at the end."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch.kernels.shape import astype

_HALF = np.dtype(np.float16)


def _single(a: Any) -> Any:
    return astype(a, np.float32) if isinstance(a, np.ndarray) and a.dtype == _HALF else a


def _half(a: Any) -> Any:
    return a.astype(np.float16) if isinstance(a, (np.ndarray, np.floating)) and a.dtype == np.float32 else a


def in_single(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel that, if its first array is half precision, computes in single and gives half precision again."""

    @functools.wraps(kernel)
    def call(x: Any, *rest: Any) -> Any:
        if x.dtype is not _HALF:
            return kernel(x, *rest)
        result = kernel(_single(x), *[_single(a) for a in rest])
        return type(result)(_half(r) for r in result) if isinstance(result, (tuple, list)) else _half(result)

    return call


def keeping_statistics(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """As `in_single`, but only the first result is half precision again."""

    @functools.wraps(kernel)
    def call(x: Any, *rest: Any) -> Any:
        if x.dtype is not _HALF:
            return kernel(x, *rest)
        first, *others = kernel(_single(x), *[_single(a) for a in rest])
        return _half(first), *others

    return call
