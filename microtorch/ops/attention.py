"""Scaled dot-product attention as one entry. The kernel keeps what its backward pass needs: kernels/attention.py."""

from __future__ import annotations

from typing import Any

from microtorch.autograd.table import op
from microtorch.kernels import attention as K


def _attention(
    xp: Any, g: Any, needs: Any, q: Any, k: Any, v: Any, mask: Any, noise: Any, scale: float, causal: bool, p: Any,
    sums: Any,
) -> list[Any]:  # fmt: skip
    """With d = (g v^T) noise, the gradient of the weights p: of the scores it is p (d - sum(d p))."""
    if not xp.recorded:
        return K.attention_backward(g, needs, q, k, v, mask, noise, scale, causal, p, sums)
    p = xp.attention_weights(q, k, mask, scale, causal)
    dropped = p if noise is None else p * noise
    d = xp.matmul(g, xp.transpose(v, -1, -2))
    if noise is not None:
        d = d * noise
    scores = p * (d - xp.sum(d * p, (len(p.shape) - 1,), True))
    return [
        xp.matmul(scores, k) * scale,
        xp.matmul(xp.transpose(scores, -1, -2), q) * scale,
        xp.matmul(xp.transpose(dropped, -1, -2), g),
        scores if needs[3] else None,
        None,
    ]


def _weights_backward(xp: Any, g: Any, needs: Any, q: Any, k: Any, out: Any, scale: float) -> list[Any]:
    scores = out * (g - xp.sum(g * out, (len(out.shape) - 1,), True))
    return [
        xp.matmul(scores, k) * scale,
        xp.matmul(xp.transpose(scores, -1, -2), q) * scale,
        scores if needs[2] else None,
    ]


def _no_residuals(xp: Any) -> tuple[None, None]:
    """Where the backward pass is recorded, its formula computes the weights as Tensors."""
    return None, None


attention_weights = op("attention_weights", K.attention_weights, inputs="q k mask", joint=_weights_backward,
                       grad_name="SoftmaxBackward0")  # fmt: skip
attention = op("attention", K.attention, inputs="q k v mask noise", joint=_attention, residuals=["p", "sums"],
               again=_no_residuals, unrecorded=K.attended, grad_name="UnsafeViewBackward0")  # fmt: skip
flash_attention = op("flash_attention", K.flash_attention, inputs="q k v mask noise", joint=_attention,
                     residuals=["p", "sums"], again=_no_residuals, unrecorded=K.flash_attended,
                     grad_name="ScaledDotProductFlashAttentionForCpuBackward0")  # fmt: skip
multi_head_attention = op("multi_head_attention", K.multi_head, outputs=None,
                          inputs="query key value w_in b_in w_out b_out mask padding")  # fmt: skip
