"""Scaled dot-product attention (Vaswani et al., 2017): softmax(q k^T scale + mask) v, over the last two dimensions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.kernels.half import in_single, keeping_statistics
from microtorch.kernels.pointwise import quiet
from microtorch.kernels.softmax import softmax_backward

_add: Any = np.add.reduce
_max: Any = np.maximum.reduce


def attention_weights(q: Any, k: Any, mask: Any, scale: float, causal: bool) -> Any:
    """softmax(q k^T scale + mask) along the keys; a query that may see no key gets zeros.

    mask: None, True where a key may be seen, or added numbers. causal: query i sees the keys up to i only.
    """
    with np.errstate(all="ignore"):
        root = q.dtype.type(math.sqrt(abs(scale)))  # of both, as PyTorch: smaller products
        scores = np.matmul(q * (root if scale >= 0 else -root), (k * root).swapaxes(-1, -2))
        if causal:
            seen = np.tri(q.shape[-2], k.shape[-2], dtype=bool)
            if mask is None:
                mask = seen
            else:
                mask = mask & seen if mask.dtype.kind == "b" else np.where(seen, mask, mask.dtype.type(-np.inf))
        if mask is not None:
            if mask.dtype.kind == "b":
                scores = np.where(mask, scores, scores.dtype.type(-np.inf))
            else:
                scores = scores + mask
        if scores.size == 0:
            return scores
        top = _max(scores, -1, None, None, True)
        if mask is not None:
            top = np.where(top == -np.inf, 0, top).astype(scores.dtype)
        scores -= top
        np.exp(scores, out=scores)
        total = _add(scores, -1, None, None, True)
        if mask is not None:
            total[total == 0] = 1
        scores /= total
        return scores


@keeping_statistics
@quiet
def attention(q: Any, k: Any, v: Any, mask: Any, noise: Any, scale: float, causal: bool) -> tuple[Any, Any]:
    """The result, and the weights before dropout; noise: what dropout multiplies them by, or None."""
    p = attention_weights(q, k, mask, scale, causal)
    return np.matmul(p if noise is None else p * noise, v), p


@in_single
def attention_backward(g: Any, needs: Any, q: Any, k: Any, v: Any, noise: Any, scale: float, p: Any) -> list[Any]:
    """The gradients of q, k, v and mask."""
    dropped = p if noise is None else p * noise
    gv = np.matmul(dropped.swapaxes(-1, -2), g) if needs[2] else None
    if not (needs[0] or needs[1] or needs[3]):
        return [None, None, gv, None, None]
    gp = np.matmul(g, v.swapaxes(-1, -2))
    if noise is not None:
        gp *= noise
    scores = softmax_backward(gp, p, p.ndim - 1)
    gq = np.matmul(scores, k) if needs[0] else None
    gk = np.matmul(scores.swapaxes(-1, -2), q) if needs[1] else None
    for part in (gq, gk):
        if part is not None:
            part *= part.dtype.type(scale)
    return [gq, gk, gv, scores if needs[3] else None, None]
