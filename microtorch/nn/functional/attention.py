"""Attention, with PyTorch's signatures."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.modes import mode
from microtorch.autograd.operands import broadcast_error
from microtorch.autograd.state import TensorBase, wrap
from microtorch.dtypes import of
from microtorch.functions.arguments import need_tensor
from microtorch.functions.shape import cat
from microtorch.kernels.bfloat16 import cast, empty
from microtorch.nn.functional.activation import softmax
from microtorch.nn.functional.checks import as_half, single
from microtorch.nn.functional.convolution import linear
from microtorch.nn.functional.noise import dropout
from microtorch.nn.functional.vision import pad
from microtorch.ops import attention as A, pointwise as P, reduce as R, shape as S
from microtorch.random import default_generator

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


refused: list[bool] = []
"""Inside of `torch.nn.attention.sdpa_kernel` blocks: whether each of them leaves no kernel that a CPU has."""


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query key^T scale + mask) value; query (*, L, E), key (*, S, E), value (*, S, Ev) -> (*, L, Ev).

    attn_mask: True where a key may be seen, or numbers that are added, broadcast to (*, L, S). dropout_p: of weights.
    is_causal: query i sees the keys up to i. scale: 1 / sqrt(E) by default. enable_gqa: fewer heads of keys and values.
    A query that may see no key gets zeros.
    """
    if refused and refused[-1]:
        raise RuntimeError(
            "No viable backend for scaled_dot_product_attention was found. This is likely due to turning off both the "
            "math kernel and the fused kernels."
        )
    if not (isinstance(query, TensorBase) and isinstance(key, TensorBase) and isinstance(value, TensorBase)):
        for argument, t, position in (("query", query, 1), ("key", key, 2), ("value", value, 3)):
            need_tensor("scaled_dot_product_attention", t, argument, position)
    if is_causal is not False and is_causal is not True:
        raise TypeError(
            f"scaled_dot_product_attention(): argument 'is_causal' must be bool, not {type(is_causal).__name__}"
        )
    q, k, v = query._data, key._data, value._data
    if attn_mask is None and dropout_p == 0 and _plain(q, k, v):
        return A.flash_attention(
            query, key, value, None, None, 1 / math.sqrt(q.shape[3]) if scale is None else scale, is_causal
        )
    if not (q.dtype is k.dtype is v.dtype or q.dtype == k.dtype == v.dtype):
        words = [of[a.dtype].type_name.lower() for a in (q, k, v)]
        raise RuntimeError(
            f"Expected query, key, and value to have the same dtype, but got query.dtype: {words[0]} key.dtype: "
            f"{words[1]} and value.dtype: {words[2]} instead."
        )
    if min(q.ndim, k.ndim, v.ndim) < 2:
        raise RuntimeError(
            f"Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {q.ndim} key.dim: "
            f"{k.ndim} and value.dim: {v.ndim} instead."
        )
    if attn_mask is not None and hasattr(attn_mask, "_attention_arguments"):  # a CausalBias
        attn_mask, is_causal = attn_mask._attention_arguments(is_causal)
    if attn_mask is not None:
        m = attn_mask._data
        if m.dtype.kind not in "b" and m.dtype != q.dtype and m.dtype != np.float32:
            raise RuntimeError(
                "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
                f"{'long int' if m.dtype == np.int64 else of[m.dtype].type_name.lower()} and  query.dtype: "
                f"{of[q.dtype].type_name.lower()} instead."
            )
    if enable_gqa and q.ndim >= 3 and k.shape[-3] != q.shape[-3]:
        key, value = (
            S.reshape(_repeat_heads(t, q.shape[-3]), (*t._data.shape[:-3], q.shape[-3], *t._data.shape[-2:]))
            for t in (key, value)
        )
        k, v = key._data, value._data
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        _misfit(q, k, v)
    if attn_mask is not None:
        _check_mask(q, k, attn_mask._data)
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None and q.shape[-1] else 1.0 if scale is None else scale
    noise = None
    if dropout_p > 0:
        lead = np.broadcast_shapes(q.shape[:-2], k.shape[:-2])
        noise = wrap(empty((*lead, q.shape[-2], k.shape[-2]), q.dtype))
        if dropout_p == 1:
            noise._data[...] = 0
        else:
            default_generator.stream.fill(noise._data, "dropout", dropout_p)
    fits = q.ndim == k.ndim == v.ndim == 4 and q.shape[-1] == v.shape[-1] and noise is None
    fits = fits and q.shape[:2] == k.shape[:2] == v.shape[:2] and (attn_mask is None or attn_mask._node is None)
    # PyTorch's fused kernel takes no rows that lie apart
    fits = fits and (q.shape[-1] == 1 or q.strides[-1] == k.strides[-1] == v.strides[-1] == q.itemsize)
    if is_causal and attn_mask is not None and not fits:
        raise RuntimeError("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True")
    if fits:
        return A.flash_attention(query, key, value, attn_mask, noise, scale, is_causal)
    if query._node is not None or key._node is not None:  # PyTorch then saves the scaled ones: both may be written
        half = query._data.dtype  # computed in float32, as PyTorch does
        query, key, value, attn_mask = single(query), single(key), single(value), single(attn_mask)
        root = math.sqrt(abs(scale))
        query, key, scale = P.mul(query, root if scale >= 0 else -root), P.mul(key, root), 1.0
        return as_half(A.attention(query, key, value, attn_mask, single(noise), scale, is_causal), half)
    return A.attention(query, key, value, attn_mask, noise, scale, is_causal)


def _plain(q: Any, k: Any, v: Any) -> bool:
    """Whether q (N, H, L, E), k and v (N, H, S, E) are what most programs have: nothing more need be asked of them."""
    shape = k.shape
    if len(shape) != 4 or shape != v.shape or len(q.shape) != 4 or not (q.dtype is k.dtype is v.dtype):
        return False
    n, heads, _, size = q.shape
    return (
        n == shape[0]
        and heads == shape[1]
        and size == shape[3]
        and size > 1
        and q.strides[3] == k.strides[3] == v.strides[3] == q.itemsize
    )


def _repeat_heads(t: Any, heads: int) -> Any:
    """Each head of (*, h, S, E) repeated, so that there are `heads`."""
    shape = t._data.shape
    times = heads // shape[-3]
    wide = S.unsqueeze(t, len(shape) - 2)
    return S.expand(wide, (*shape[:-2], times, *shape[-2:]))


def _check_mask(q: Any, k: Any, mask: Any) -> None:
    """Raise PyTorch's error for a mask that does not broadcast with the scores."""
    if q.shape[:-2] == k.shape[:-2] and mask.ndim <= q.ndim:
        wanted = (*q.shape[:-1], k.shape[-2])[q.ndim - mask.ndim :]
        if all(m in (1, n) for m, n in zip(mask.shape, wanted)):
            return
    scores = (*np.broadcast_shapes(q.shape[:-2], k.shape[:-2]), q.shape[-2], k.shape[-2])
    try:
        shape = np.broadcast_shapes(scores, mask.shape)
    except ValueError as error:
        raise broadcast_error(np.broadcast_to(np.zeros((), bool), scores), mask, error) from None
    if shape != scores:
        raise RuntimeError(f"output with shape {list(scores)} doesn't match the broadcast shape {list(shape)}")


def _misfit(q: Any, k: Any, v: Any) -> None:
    batch = math.prod(q.shape[:-2])
    if q.shape[-1] != k.shape[-1]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{batch}, {q.shape[-1]}] but got: "
            f"[{batch}, {k.shape[-1]}]."
        )
    raise RuntimeError(
        f"Expected size for first two dimensions of batch2 tensor to be: [{batch}, {k.shape[-2]}] but got: [{batch}, "
        f"{v.shape[-2]}]."
    )


# multi-head attention ------------------------------------------------------------------------------------------------


def _check_shapes(query: Any, key: Any, value: Any, key_padding_mask: Any, attn_mask: Any, num_heads: int) -> bool:
    """True for batched input; raises AssertionError for shapes that do not fit."""
    ndim = query.dim()
    if ndim not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {ndim}-D query tensor")
    word = "3-D" if ndim == 3 else "2-D"
    kind = "batched" if ndim == 3 else "unbatched"
    if key.dim() != ndim or value.dim() != ndim:
        raise AssertionError(
            f"For {kind} ({word}) `query`, expected `key` and `value` to be {word} but found {key.dim()}-D and "
            f"{value.dim()}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.dim() != ndim - 1:
        raise AssertionError(
            f"For {kind} ({word}) `query`, expected `key_padding_mask` to be `None` or {ndim - 1}-D but found "
            f"{key_padding_mask.dim()}-D tensor instead"
        )
    if attn_mask is not None and attn_mask.dim() not in (2, 3):
        raise AssertionError(
            f"For {kind} ({word}) `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.dim()}-D "
            "tensor instead"
        )
    if attn_mask is not None and ndim == 2 and attn_mask.dim() == 3:
        expected = (num_heads, query.shape[0], key.shape[0])
        if tuple(attn_mask.shape) != expected:
            raise AssertionError(f"Expected `attn_mask` shape to be {expected} but got {attn_mask.shape}")
    return ndim == 3


def _added(mask: Any, name: str, other: Any, other_name: str, dtype: Any, check_other: bool = True) -> Any:
    """A mask as numbers to add: -inf where a bool mask is True."""
    if mask is None:
        return None
    kind = mask._data.dtype.kind
    if kind not in "bf":
        raise AssertionError(f"only bool and floating types of {name} are supported")
    if kind == "b":
        return wrap(np.where(mask._data, dtype.type(-np.inf), dtype.type(0)))
    return mask


def _projected(query: Any, key: Any, value: Any, weight: Any, bias: Any) -> tuple[Any, Any, Any]:
    """q, k and v by the packed weight (3E, E): one product if they are the same tensor."""
    size = query.shape[-1]
    if key is value and query is key:
        q, k, v = linear(query, weight, bias).split(size, -1)
        return q, k, v
    weights = weight.split(size, 0)
    biases = (None,) * 3 if bias is None else bias.split(size, 0)
    return tuple(linear(t, w, b) for t, w, b in zip((query, key, value), weights, biases))  # type: ignore[return-value]


def multi_head_attention_forward(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Any, Any]:
    """Attention in several heads between projections (Vaswani et al., 2017).

    query (L, N, E) or (L, E), key and value (S, N, E) or (S, E).

    Returns the output, of query's shape, and the weights (N, L, S), averaged over the heads, or None.
    key_padding_mask (N, S), attn_mask (L, S) or (N * heads, L, S): True, or -inf added, where a key must not be seen.
    """
    weights: Any
    batched = _check_shapes(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        same_kv, same_qk = key is value, query is key
        query = query.unsqueeze(1)
        key = query if same_qk else key.unsqueeze(1)
        value = key if same_kv else value.unsqueeze(1)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, batch, size = query.shape
    sources = key.shape[0]
    dtype = query._data.dtype
    key_padding_mask = _added(key_padding_mask, "key_padding_mask", attn_mask, "attn_mask", dtype)
    if is_causal and attn_mask is None:
        raise RuntimeError(
            "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
            "`generate_square_subsequent_mask` to create this mask."
        )
    if is_causal and key_padding_mask is None and not need_weights:
        attn_mask = None  # is_causal says it all
    else:
        attn_mask = _added(attn_mask, "attn_mask", None, "", dtype, False)
        if key_padding_mask is not None:
            is_causal = False
    if size != embed_dim_to_check:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim_to_check}, but got {size}")
    head = size // num_heads
    if head * num_heads != size:
        raise AssertionError(f"embed_dim {size} not divisible by num_heads {num_heads}")
    p = dropout_p if training else 0.0
    inputs = (query, key, value, in_proj_weight, in_proj_bias, out_proj_weight, out_proj_bias)
    plain = bias_k is None and static_k is None and static_v is None and not add_zero_attn and p == 0
    if plain and not use_separate_proj_weight and key._data.shape == value._data.shape:
        masks = attn_mask, key_padding_mask
        if _unrecorded(*inputs, *masks) and _fit(masks, length, sources, batch, num_heads):
            causal = is_causal and attn_mask is None
            out, *weights = A.multi_head_attention(
                *inputs, *masks, num_heads, causal, need_weights, average_attn_weights
            )
            if batched:
                return out, weights[0] if weights else None
            return out.squeeze(1), weights[0].squeeze(0) if weights else None
    if use_separate_proj_weight:
        if tuple(key.shape[:2]) != tuple(value.shape[:2]):
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's {value.shape[:2]}"
            )
        matrices = (q_proj_weight, k_proj_weight, v_proj_weight)
        biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
        q, k, v = (linear(t, w, b) for t, w, b in zip((query, key, value), matrices, biases))
    else:
        if key.shape != value.shape:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias)
    if attn_mask is not None:
        attn_mask = _checked_mask(attn_mask, length, sources, batch, num_heads)
    if bias_k is not None and bias_v is not None:
        if static_k is not None or static_v is not None:
            raise AssertionError("bias cannot be added to static key or value.")
        k, v = cat([k, bias_k.repeat(1, batch, 1)]), cat([v, bias_v.repeat(1, batch, 1)])
        attn_mask = None if attn_mask is None else pad(attn_mask, (0, 1))
        key_padding_mask = None if key_padding_mask is None else pad(key_padding_mask, (0, 1))
    q = q.reshape(length, batch * num_heads, head).transpose(0, 1)
    k = static_k if static_k is not None else k.reshape(k.shape[0], batch * num_heads, head).transpose(0, 1)
    v = static_v if static_v is not None else v.reshape(v.shape[0], batch * num_heads, head).transpose(0, 1)
    if add_zero_attn:
        zeros = wrap(cast(np.zeros((batch * num_heads, 1, head), np.float32), dtype))
        k, v = cat([k, zeros], 1), cat([v, zeros], 1)
        attn_mask = None if attn_mask is None else pad(attn_mask, (0, 1))
        key_padding_mask = None if key_padding_mask is None else pad(key_padding_mask, (0, 1))
    sources = k.shape[1]
    if key_padding_mask is not None:
        for d, wanted in enumerate((batch, sources)):
            if key_padding_mask.shape[d] != wanted:
                raise AssertionError(
                    f"Expected key_padded_mask.shape[{d}] to be {wanted}, but got {key_padding_mask.shape[d]}"
                )
        wide = key_padding_mask.view(batch, 1, 1, sources).expand(-1, num_heads, -1, -1)
        wide = wide.reshape(batch * num_heads, 1, sources)
        attn_mask = wide if attn_mask is None else attn_mask + wide
    weights = None
    if need_weights:
        scores = P.mul(q, math.sqrt(1.0 / head)).matmul(k.transpose(-2, -1))
        weights = softmax(scores if attn_mask is None else scores + attn_mask, dim=-1)
        if p > 0:
            weights = dropout(weights, p)
        out = weights.matmul(v)
    else:
        if attn_mask is not None:
            attn_mask = (
                attn_mask.unsqueeze(0)
                if attn_mask.shape[0] == 1 and attn_mask.dim() == 3
                else attn_mask.reshape(batch, num_heads, attn_mask.shape[1], sources)
            )
        q, k, v = (t.reshape(batch, num_heads, t.shape[1], head) for t in (q, k, v))
        out = scaled_dot_product_attention(q, k, v, attn_mask, p, is_causal and attn_mask is None)
        out = out.reshape(batch * num_heads, length, head)
    out = out.transpose(0, 1).reshape(length * batch, size)
    out = linear(out, out_proj_weight, out_proj_bias)
    out = out.reshape(length, batch, out.shape[-1])
    if weights is not None:
        weights = weights.reshape(batch, num_heads, length, sources)
        if average_attn_weights:
            weights = R.mean(weights, (1,), False)
        if not batched:
            weights = weights.squeeze(0)
    return (out if batched else out.squeeze(1)), weights


def _unrecorded(*tensors: Any) -> bool:
    """Whether no backward pass will come, and all of them are arrays of one dtype of float32 and float64."""
    recording, dtype = mode.enabled, tensors[0]._data.dtype
    for t in tensors:
        if t is not None:
            a = t._data
            if type(a) is not np.ndarray or a.dtype is not dtype or not a.size or (recording and t._node is not None):
                return False
    return dtype.char in "fd"


def _fit(masks: tuple[Any, Any], length: int, sources: int, batch: int, heads: int) -> bool:
    """Whether an attention mask and a padding mask have a shape that they may have."""
    mask, padding = masks
    return (mask is None or mask._data.shape in ((length, sources), (batch * heads, length, sources))) and (
        padding is None or padding._data.shape == (batch, sources)
    )


def _checked_mask(mask: Any, length: int, sources: int, batch: int, heads: int) -> Any:
    if mask.dim() == 2:
        if tuple(mask.shape) != (length, sources):
            raise RuntimeError(f"The shape of the 2D attn_mask is {mask.shape}, but should be {(length, sources)}.")
        return mask.unsqueeze(0)
    if mask.dim() == 3:
        if tuple(mask.shape) != (batch * heads, length, sources):
            raise RuntimeError(
                f"The shape of the 3D attn_mask is {mask.shape}, but should be {(batch * heads, length, sources)}."
            )
        return mask
    raise RuntimeError(f"attn_mask's dimension {mask.dim()} is not supported")


def _none_or_dtype(mask: Any) -> Any:
    """A mask's dtype; None for no mask."""
    return None if mask is None else mask.dtype


def _canonical_mask(
    mask: Any, mask_name: str, other_type: Any, other_name: str, target_type: Any, check_other: bool = True
) -> Any:
    """A mask as numbers to add to the scores: -inf where a bool mask is True."""
    if mask is not None and check_other and other_type is not None and mask.dtype is not other_type:
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. Use same type for both instead.",
            stacklevel=3,
        )
    return _added(mask, mask_name, None, "", target_type.numpy)
