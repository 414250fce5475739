"""Softmax and its logarithm along one axis, shifted by the largest element so that nothing overflows."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.kernels.pointwise import quiet

_max, _add = np.maximum.reduce, np.add.reduce


def _wide(x: Any) -> Any:
    """Half precision is computed in single."""
    return x.astype(np.float32) if x.dtype == np.float16 else x


@quiet
def softmax(x: Any, axis: int) -> Any:
    """exp(x) / sum(exp(x)) along the axis."""
    if x.ndim == 0 or x.size == 0:
        return x * 0 + 1
    wide = _wide(x)
    out = wide - _max(wide, axis, None, None, True)  # type: ignore[call-overload]
    np.exp(out, out=out)
    out /= _add(out, axis, None, None, True)  # type: ignore[call-overload]
    return out if out.dtype == x.dtype else out.astype(x.dtype)


@quiet
def log_softmax(x: Any, axis: int) -> Any:
    """x - log(sum(exp(x))) along the axis."""
    if x.ndim == 0 or x.size == 0:
        return x * 0
    wide = _wide(x)
    out = wide - _max(wide, axis, None, None, True)  # type: ignore[call-overload]
    out -= np.log(_add(np.exp(out), axis, None, None, True))  # type: ignore[call-overload]
    return out if out.dtype == x.dtype else out.astype(x.dtype)


def softmax_backward(g: Any, out: Any, axis: int) -> Any:
    """out (g - sum(g out))."""
    if not g.ndim:
        return g * 0
    product = g * out
    total = _add(product, axis, None, None, True)  # type: ignore[call-overload]
    product -= out * total
    return product


def log_softmax_backward(g: Any, out: Any, axis: int) -> Any:
    """g - exp(out) sum(g)."""
    if not g.ndim:
        return g * 0
    result = np.exp(out)
    result *= _add(g, axis, None, None, True)  # type: ignore[call-overload]
    return np.subtract(g, result, out=result)
