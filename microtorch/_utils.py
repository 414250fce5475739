"""`torch._utils`: the few of its functions that programs use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from microtorch._missing import missing_names as _missing_names
from microtorch.functions.join import cat as _cat


def _flatten_dense_tensors(tensors: Sequence[Any]) -> Any:
    """All the elements of some tensors of one dtype, in one vector.

    >>> import microtorch as torch
    >>> _flatten_dense_tensors([torch.ones(2), torch.zeros(1, 2)])
    tensor([1., 1., 0., 0.])
    """
    return _cat([t.reshape(-1) for t in tensors])


def _unflatten_dense_tensors(flat: Any, tensors: Sequence[Any]) -> tuple[Any, ...]:
    """The vector's parts in the shapes of some tensors: views of it."""
    parts, start = [], 0
    for t in tensors:
        parts.append(flat[start : start + t.numel()].view(t.shape))
        start += t.numel()
    return tuple(parts)


__getattr__ = _missing_names(__name__)
