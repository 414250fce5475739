"""Multi-head attention: Vaswani et al., https://arxiv.org/abs/1706.03762."""

from __future__ import annotations

import math
import warnings
from typing import Any

from microtorch.functions.creation import empty, zeros_like
from microtorch.nn import functional as F, init
from microtorch.nn.modules.linear import NonDynamicallyQuantizableLinear
from microtorch.nn.modules.module import Module
from microtorch.nn.parameter import Parameter

__all__ = ["MultiheadAttention"]


def canonical_masks(dtype: Any, padding: Any, padding_name: str, mask: Any, mask_name: str) -> tuple[Any, Any]:
    """Two masks as numbers that are added to the scores: -inf where a bool mask is True.

    Raises AssertionError for masks of integers. Masks of two kinds are deprecated.
    """
    for t, name in ((padding, padding_name), (mask, mask_name)):
        if t is not None and t._data.dtype.kind not in "bf":
            raise AssertionError(f"only bool and floating types of {name} are supported")
    if padding is not None and mask is not None and padding.dtype != mask.dtype:
        warnings.warn(
            f"Support for mismatched {padding_name} and {mask_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )

    def numbers(t: Any) -> Any:
        if t is None or t._data.dtype.kind == "f":
            return t
        return zeros_like(t, dtype=dtype).masked_fill_(t, -math.inf)

    return numbers(padding), numbers(mask)


class MultiheadAttention(Module):
    """softmax(Q K^T / sqrt(head_dim)) V for each of num_heads parts of the projected inputs, joined and projected.

    Inputs (L, N, embed_dim), with batch_first (N, L, embed_dim), or without a batch (L, embed_dim). kdim, vdim: sizes
    of the keys and values, if not embed_dim. add_bias_kv: learned vectors join keys and values; add_zero_attn: zeros
    do.

    >>> import microtorch as torch
    >>> m = torch.nn.MultiheadAttention(8, 2)
    >>> x = torch.zeros(5, 1, 8)
    >>> out, weights = m(x, x, x)
    >>> out.shape, weights.shape
    (torch.Size([5, 1, 8]), torch.Size([1, 5, 5]))
    """

    in_proj_weight: Any
    in_proj_bias: Any
    q_proj_weight: Any
    k_proj_weight: Any
    v_proj_weight: Any
    bias_k: Any
    bias_v: Any
    out_proj: Any

    def __init__(
        self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True, add_bias_kv: bool = False,
        add_zero_attn: bool = False, kdim: int | None = None, vdim: int | None = None, batch_first: bool = False,
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} "
                "instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = kdim if kdim is not None else embed_dim
        self.vdim = vdim if vdim is not None else embed_dim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != self.embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")

        def parameter(*shape: int) -> Any:
            return Parameter(empty(shape, device=device, dtype=dtype))

        if not self._qkv_same_embed_dim:
            self.q_proj_weight = parameter(embed_dim, embed_dim)
            self.k_proj_weight = parameter(embed_dim, self.kdim)
            self.v_proj_weight = parameter(embed_dim, self.vdim)
            self.register_parameter("in_proj_weight", None)
        else:
            self.in_proj_weight = parameter(3 * embed_dim, embed_dim)
            for name in ("q_proj_weight", "k_proj_weight", "v_proj_weight"):
                self.register_parameter(name, None)
        if bias:
            self.in_proj_bias = parameter(3 * embed_dim)
        else:
            self.register_parameter("in_proj_bias", None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        if add_bias_kv:
            self.bias_k = parameter(1, 1, embed_dim)
            self.bias_v = parameter(1, 1, embed_dim)
        else:
            self.bias_k = self.bias_v = None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        if self.bias_k is not None:
            init.xavier_normal_(self.bias_k)
        if self.bias_v is not None:
            init.xavier_normal_(self.bias_v)

    def forward(
        self, query: Any, key: Any, value: Any, key_padding_mask: Any = None, need_weights: bool = True,
        attn_mask: Any = None, average_attn_weights: bool = True, is_causal: bool = False,
    ) -> tuple[Any, Any]:  # fmt: skip
        """The attended values, and the weights (N, L, S) (for each head without average_attn_weights), or None.

        key_padding_mask (N, S): True for keys to ignore, or numbers to add; attn_mask (L, S) or (N * num_heads, L, S):
        the same for each query. is_causal: a hint that attn_mask is the causal one.
        """
        batched, added = query.dim() == 3, False
        if key_padding_mask is not None or attn_mask is not None:
            added = any(m is not None and m._data.dtype.kind == "f" for m in (key_padding_mask, attn_mask))
            key_padding_mask, attn_mask = canonical_masks(
                query.dtype, key_padding_mask, "key_padding_mask", attn_mask, "attn_mask"
            )
        transposed = self.batch_first and batched
        if transposed:  # what was one tensor stays one, so that it is projected once
            same_key, same_value = query is key, key is value
            query = query.transpose(1, 0)
            key = query if same_key else key.transpose(1, 0)
            value = key if same_value else value.transpose(1, 0)
        own, last = self._parameters, self._modules["out_proj"]  # where `self.` looks at last: 0.3 us sooner
        w_in, b_in = (own[n] if n in own else getattr(self, n) for n in ("in_proj_weight", "in_proj_bias"))
        others = {} if self._qkv_same_embed_dim else {
            "q_proj_weight": self.q_proj_weight, "k_proj_weight": self.k_proj_weight,
            "v_proj_weight": self.v_proj_weight, "use_separate_proj_weight": True,
        }  # fmt: skip
        out, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, w_in, b_in, self.bias_k, self.bias_v,
            self.add_zero_attn, self.dropout, last.weight, last.bias, self.training, key_padding_mask, need_weights,
            attn_mask, average_attn_weights=average_attn_weights, is_causal=is_causal, **others,
        )  # fmt: skip
        if added:  # numbers as masks are not for PyTorch's fast way, whose result lies by batches
            out = out.contiguous()
        return (out.transpose(1, 0) if transposed else out), weights
