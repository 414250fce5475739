"""Gradients kept from growing too big."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np

from microtorch.autograd.modes import no_grad
from microtorch.autograd.node import written
from microtorch.autograd.state import TensorBase, wrap
from microtorch.kernels.bfloat16 import BF16, BFloats, rounded
from microtorch.kernels.quiet import silence

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _as_list(tensors: Any) -> list[Any]:
    return [tensors] if isinstance(tensors, TensorBase) else list(tensors)


@no_grad()
def get_total_norm(
    tensors: Any, norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Any:
    """The norm of all the tensors together, as if they were joined into one vector.

    >>> import microtorch as torch
    >>> torch.nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([4.0])])
    tensor(5.)
    """
    arrays = [t._data for t in _as_list(tensors)]
    if not arrays:
        return wrap(np.zeros((), np.float32))
    norms = np.stack([_norm(a, float(norm_type)) for a in arrays])
    norm = np.asarray(_norm(norms, float(norm_type)))
    total: Any = wrap(norm if any(a.dtype is not BF16 for a in arrays) else rounded(norm))  # type: ignore[arg-type]
    if error_if_nonfinite and not np.isfinite(total._data):
        raise RuntimeError(
            f"The total norm of order {float(norm_type)} for gradients from `parameters` is non-finite, so it cannot "
            "be clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


def _norm(a: Any, p: float) -> Any:
    """The p-norm of an array's elements, in its dtype."""
    if type(a) is BFloats:
        return BF16.type(_norm(a.wide(), p))
    flat = a.reshape(-1)
    with silence():
        if p == 2:
            return np.sqrt(np.dot(flat, flat.conj()).real).astype(a.real.dtype)
        magnitudes = np.abs(flat)
        if math.isinf(p):
            if not magnitudes.size:
                return magnitudes.dtype.type(0)
            return magnitudes.max() if p > 0 else magnitudes.min()
        if p == 0:
            return magnitudes.dtype.type(np.count_nonzero(magnitudes))
        return (magnitudes**p).sum() ** magnitudes.dtype.type(1 / p)


@no_grad()
def clip_grads_with_norm_(parameters: Any, max_norm: float, total_norm: Any, foreach: bool | None = None) -> None:
    """Multiply the gradients by max_norm / (total_norm + 1e-6), if that is less than 1."""
    total = total_norm._data
    if total.dtype is BF16:
        factor = np.minimum(BF16.type(max_norm / BF16.type(total.wide() + 1e-6)), 1.0)
    else:
        factor = np.minimum(float(max_norm) / (total + 1e-6), 1.0)
    for p in _as_list(parameters):
        if p.grad is not None:
            g = p.grad._data
            np.multiply(g, factor.astype(np.float32 if g.dtype is BF16 else g.dtype), out=g)
            written(p.grad)


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """Scale the gradients of the parameters, in place, so that their norm together is at most max_norm.

    Returns that norm as it was before. Raises RuntimeError if it is not finite, with error_if_nonfinite.

    >>> import microtorch as torch
    >>> p = torch.nn.Parameter(torch.zeros(2))
    >>> p.grad = torch.tensor([3.0, 4.0])
    >>> torch.nn.utils.clip_grad_norm_([p], 1.0)
    tensor(5.)
    >>> p.grad
    tensor([0.6000, 0.8000])
    """
    params = _as_list(parameters)
    if not isinstance(parameters, TensorBase) and not params and isinstance(parameters, Iterable):
        warnings.warn("`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2)
    total = get_total_norm([p.grad for p in params if p.grad is not None], norm_type, error_if_nonfinite)
    clip_grads_with_norm_(params, max_norm, total)
    return total


def clip_grad_norm(parameters: Any, max_norm: float, norm_type: float = 2.0, error_if_nonfinite: bool = False,
                   foreach: bool | None = None) -> Any:  # fmt: skip
    """Deprecated: clip_grad_norm_."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@no_grad()
def clip_grad_value_(parameters: Any, clip_value: float, foreach: bool | None = None) -> None:
    """Clamp each element of the gradients, in place, to at least -clip_value and at most clip_value.

    >>> import microtorch as torch
    >>> p = torch.nn.Parameter(torch.zeros(2))
    >>> p.grad = torch.tensor([3.0, -0.5])
    >>> torch.nn.utils.clip_grad_value_(p, 1.0)
    >>> p.grad
    tensor([ 1.0000, -0.5000])
    """
    bound = float(clip_value)
    for p in _as_list(parameters):
        if p.grad is not None:
            np.clip(p.grad._data, -bound, bound, out=p.grad._data)
            written(p.grad)
