"""Softmax and its logarithm along one axis."""

from __future__ import annotations

from typing import Any

from microtorch.autograd.table import unary
from microtorch.kernels import softmax as K


def _softmax_x(xp: Any, g: Any, out: Any, axis: int) -> Any:
    """The Jacobian is diag(p) - p p^T."""
    if not xp.recorded:
        return K.softmax_backward(g, out, axis)
    return out * (g - xp.sum(g * out, (axis,) if len(g.shape) else None, True))


def _log_softmax_x(xp: Any, g: Any, out: Any, axis: int) -> Any:
    """The Jacobian is 1 - p 1^T."""
    if not xp.recorded:
        return K.log_softmax_backward(g, out, axis)
    return g - xp.exp(out) * xp.sum(g, (axis,) if len(g.shape) else None, True)


softmax = unary("softmax", K.softmax, x=_softmax_x)
log_softmax = unary("log_softmax", K.log_softmax, x=_log_softmax_x)
