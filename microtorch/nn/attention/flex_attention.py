"""`torch.nn.attention.flex_attention`: attention whose scores a function of one's own changes or masks.

J. Dong, B. Feng, D. Guessous, Y. Liang, H. He, "Flex Attention: A Programming Model for Generating Optimized Attention
Kernels", 2024 (https://arxiv.org/abs/2412.05496). PyTorch's compiler fuses such a function into a kernel; here, as in
PyTorch without its compiler, all scores are computed and changed. The function is called once, with indices that
broadcast over all scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from microtorch._missing import missing_names as _missing_names
from microtorch._tensor import Tensor
from microtorch.dtypes import bool_
from microtorch.functions.creation import zeros
from microtorch.functions.ranges import arange

_ScoreMod = Callable[[Any, Any, Any, Any, Any], Any]
_MaskMod = Callable[[Any, Any, Any, Any], Any]


class AuxRequest(NamedTuple):
    """What flex_attention shall give beside its result."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(NamedTuple):
    """What was asked for by an AuxRequest: log-sum-exp of the scores, the largest scores, (B, H, L) each."""

    lse: Any = None
    max_scores: Any = None


def _indices(shape: tuple[int, ...]) -> list[Tensor]:
    """Of each dimension of (B, H, L, S) its indices, to be broadcast."""
    return [arange(n).reshape([-1 if k == i else 1 for k in range(len(shape))]) for i, n in enumerate(shape)]


def noop_mask(batch: Any, head: Any, token_q: Any, token_kv: Any) -> Any:
    """True for every score."""
    return batch >= 0


def and_masks(*mask_mods: _MaskMod) -> _MaskMod:
    """The function that is True where all of some are. Raises RuntimeError for what cannot be called."""
    if not all(callable(m) for m in mask_mods):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")

    def both(b: Any, h: Any, q: Any, k: Any) -> Any:
        result = b.new_ones((), dtype=bool_)
        for mask in mask_mods:
            result = result & mask(b, h, q, k)
        return result

    return both


def or_masks(*mask_mods: _MaskMod) -> _MaskMod:
    """The function that is True where any of some is. Raises RuntimeError for what cannot be called."""
    if not all(callable(m) for m in mask_mods):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")

    def either(b: Any, h: Any, q: Any, k: Any) -> Any:
        result = b.new_zeros((), dtype=bool_)
        for mask in mask_mods:
            result = result | mask(b, h, q, k)
        return result

    return either


def create_mask(mod_fn: Any, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = "cpu") -> Tensor:
    """A mask (B, H, Q_LEN, KV_LEN) of bool, True where `mod_fn(b, h, q_idx, kv_idx)` is; B or H None: 1.

    >>> create_mask(lambda b, h, q, k: q >= k, None, None, 2, 3)
    tensor([[[[ True, False, False],
              [ True,  True, False]]]])
    """
    shape = (B or 1, H or 1, Q_LEN, KV_LEN)
    return mod_fn(*_indices(shape)).expand(shape).clone()  # type: ignore[no-any-return]


class BlockMask:
    """A mask for flex_attention, known by its function; `create_block_mask` makes it."""

    def __init__(self, mask_mod: _MaskMod, shape: tuple[int, int, int, int], block: tuple[int, int]) -> None:
        self.mask_mod = mask_mod
        self.shape = shape
        self.seq_lengths = shape[2:]
        self.BLOCK_SIZE = block

    def numel(self) -> int:
        """How many scores it is for."""
        return math.prod(self.shape)

    def to_dense(self) -> Tensor:
        """1 for each block (B, H, rows, columns) that has a True, else 0."""
        (rows, columns), (b, h, q, k) = self.BLOCK_SIZE, self.shape
        up, along = -(-q // rows), -(-k // columns)
        wide = zeros((b, h, up * rows, along * columns), dtype=bool_)
        wide[:, :, :q, :k] = create_mask(self.mask_mod, *self.shape)
        return wide.reshape(b, h, up, rows, along, columns).any(5).any(3).int()

    def sparsity(self) -> float:
        """How many of a hundred blocks need no scores."""
        blocks = int(self.to_dense().sum()) * math.prod(self.BLOCK_SIZE)
        return 100 * (1 - blocks / self.numel())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotImplementedError(f"BlockMask.{name} is not supported by microtorch: a mask is kept as its function")


def create_block_mask(
    mask_mod: _MaskMod, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = None,
    BLOCK_SIZE: int | tuple[int, int] = 128, _compile: bool = False,
) -> BlockMask:  # fmt: skip
    """The BlockMask of a function `mask_mod(b, h, q_idx, kv_idx)`, True for the scores that count."""
    block = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else BLOCK_SIZE
    return BlockMask(mask_mod, (B or 1, H or 1, Q_LEN, KV_LEN), block)


def flex_attention(
    query: Any, key: Any, value: Any, score_mod: _ScoreMod | None = None, block_mask: BlockMask | None = None,
    scale: float | None = None, enable_gqa: bool = False, return_lse: bool = False, kernel_options: Any = None, *,
    return_aux: AuxRequest | None = None,
) -> Any:  # fmt: skip
    """softmax(score_mod(query @ key.T * scale)) @ value, of (B, H, L, E), (B, H, S, E), (B, H, S, Ev): (B, H, L, Ev).

    score_mod(score, b, h, q_idx, kv_idx) gives the new scores. block_mask: which scores count; a query that has none
    gets zeros. scale: 1 / sqrt(E) by default. enable_gqa: key and value may have fewer heads, which are repeated.
    return_lse: also the log-sum-exp of the scores, (B, H, L).
    Raises ValueError where heads or lengths do not fit.

    >>> import microtorch as torch
    >>> x = torch.eye(2).reshape(1, 1, 2, 2)
    >>> flex_attention(x, x, x, lambda s, b, h, q, k: torch.where(q >= k, s, -float("inf")))
    tensor([[[[1.0000, 0.0000],
              [0.3302, 0.6698]]]])
    """
    heads, of_keys = query.shape[1], key.shape[1]
    if heads != of_keys:
        if not enable_gqa:
            raise ValueError(
                f"Expect query and key/value to have the same number of heads but got Hq={heads} and Hkv={of_keys}. "
                "Try setting enable_gqa=True for GQA."
            )
        if heads % of_keys:
            raise ValueError(
                f"Expect number of query heads to be a multiple of kv heads for GQA but got Hq={heads} and "
                f"Hkv={of_keys}."
            )
        key, value = (t.repeat_interleave(heads // of_keys, 1) for t in (key, value))
    scores = query @ key.transpose(-2, -1) * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    if scores.dtype.itemsize < 4:
        scores = scores.float()
    where = _indices(scores.shape)
    if score_mod is not None:
        scores = score_mod(scores, *where).expand(scores.shape)
    if block_mask is not None:
        have = tuple(scores.shape[2:])
        if have != tuple(block_mask.seq_lengths):
            raise ValueError(
                f"block_mask was created for block_mask.shape={block_mask.shape} but got q_len={have[0]} and "
                f"kv_len={have[1]}. As the block mask was created for a smaller length than you're using it for, you "
                "likely need to create a new block mask."
            )
        scores = scores.masked_fill(~block_mask.mask_mod(*where), -float("inf"))
    nothing = (scores == -float("inf")).all(-1, keepdim=True)
    weights = scores.softmax(-1).masked_fill(nothing, 0.0)
    out = weights.to(query.dtype) @ value
    if not return_lse and return_aux is None:
        return out
    lse = scores.logsumexp(-1)
    if return_aux is None:
        return out, lse
    largest = scores.amax(-1) if return_aux.max_scores else None
    return out, AuxOutput(lse if return_aux.lse else None, largest)


__getattr__ = _missing_names(__name__)
