"""`torch.nn.attention.bias`: causal masks for scaled_dot_product_attention that are not made before they are needed."""

from __future__ import annotations

import warnings
from enum import IntEnum, auto
from typing import Any

import microtorch
from microtorch._missing import missing_names as _missing_names
from microtorch._overriding import disabled_torch_function
from microtorch._tensor import Tensor
from microtorch.dtypes import bool_

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(IntEnum):
    """Where the triangle of a causal mask lies, if there are more keys than queries or fewer."""

    UPPER_LEFT = auto()
    LOWER_RIGHT = auto()

    __str__ = IntEnum.__repr__


class CausalBias(Tensor):
    """A causal mask for `seq_len_q` queries and `seq_len_kv` keys: the `attn_mask` of scaled_dot_product_attention.

    Made by `causal_upper_left` and `causal_lower_right`. As a tensor it has no numbers of its own (they are NaN); it is
    printed as the mask that it stands for.
    """

    # the attention asks for it by name, so that no other function has to look for subclasses
    __torch_function__ = disabled_torch_function  # type: ignore[assignment]

    variant: CausalVariant
    seq_len_q: int
    seq_len_kv: int

    def __new__(cls, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> CausalBias:
        if not isinstance(variant, CausalVariant):
            raise AssertionError(f"variant must be a CausalVariant, got {type(variant)}")
        if seq_len_q > seq_len_kv and variant is CausalVariant.LOWER_RIGHT:
            warnings.warn(
                "Lower right causal bias will produce NaNs in the output when seq_len_q > seq_len_kv!", stacklevel=3
            )
        made: CausalBias = microtorch.full((int(variant), seq_len_q, seq_len_kv), float("nan")).as_subclass(cls)
        made.variant, made.seq_len_q, made.seq_len_kv = variant, seq_len_q, seq_len_kv
        return made

    def __init__(self, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> None:
        pass

    def _materialize(self, device: Any = None) -> Tensor:
        """The mask as a tensor of bools: True where a query sees a key."""
        ahead = self.seq_len_kv - self.seq_len_q if self.variant is CausalVariant.LOWER_RIGHT else 0
        return microtorch.tril(microtorch.ones(self.seq_len_q, self.seq_len_kv, dtype=bool_), diagonal=ahead)

    def _attention_arguments(self, is_causal: bool) -> tuple[Tensor | None, bool]:
        """What scaled_dot_product_attention is given in its place: `attn_mask` and `is_causal`.

        Raises ValueError if it was told to be causal besides.
        """
        if is_causal:
            raise ValueError("CausalBias should not be used with causal=True")
        if self.variant is CausalVariant.UPPER_LEFT or self.seq_len_q == self.seq_len_kv:
            return None, True
        return self._materialize(), False

    def __repr__(self, *, tensor_contents: str | None = None) -> str:  # type: ignore[override]
        return repr(self._materialize())


def causal_upper_left(*size: int) -> CausalBias:
    """The causal mask in which query i sees the keys up to i: (queries, keys).

    >>> causal_upper_left(2, 3)
    tensor([[ True, False, False],
            [ True,  True, False]])
    """
    if len(size) != 2:
        raise AssertionError("causal_upper_left only supports 2D tensors")
    return CausalBias(CausalVariant.UPPER_LEFT, *size)


def causal_lower_right(*size: int) -> CausalBias:
    """The causal mask in which the last query sees all keys, as with a cache of earlier ones: (queries, keys).

    >>> causal_lower_right(2, 3)
    tensor([[ True,  True, False],
            [ True,  True,  True]])
    """
    if len(size) != 2:
        raise AssertionError("causal_lower_right only supports 2D tensors")
    return CausalBias(CausalVariant.LOWER_RIGHT, *size)


__getattr__ = _missing_names(__name__)
