"""Dropout in its forms. The numbers drawn, and so the masks, are PyTorch's for the same seed."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.inplace import in_place
from microtorch.autograd.state import wrap
from microtorch.dtypes import of
from microtorch.functions.arguments import need_tensor
from microtorch.kernels.bfloat16 import BF16, empty, rounded, zeros
from microtorch.kernels.meta import Meta, without_numbers
from microtorch.kernels.shape import empty_like
from microtorch.ops import pointwise as P, shape as S
from microtorch.random import default_generator

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

_mul_, _add_ = in_place(P.mul, np.multiply), in_place(P.add, np.add)

_ALPHA = 1.7580993408473766  # of SELU, times its scale


def _check(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _noise_like(x: Any, shape: tuple[int, ...] | None) -> Any:
    """Memory for the noise: like x with its strides, or of `shape`."""
    if x.dtype.kind not in "fc":
        raise RuntimeError(f"result type Float can't be cast to the desired output type {of[x.dtype].type_name}")
    noise = empty_like(x, x.dtype) if shape is None else empty(shape, x.dtype)
    return without_numbers(noise) if type(x) is Meta else noise


def _apply(input: Any, p: float, inplace: bool, shape: tuple[int, ...] | None = None) -> Tensor:
    """input times noise that is 0 with probability p, else 1 / (1 - p)."""
    x = input._data
    if p == 1:
        noise = zeros((), x.dtype)
    else:
        noise = _noise_like(x, shape)
        default_generator.stream.fill(noise, "dropout", p)
    return (_mul_ if inplace else P.mul)(input, wrap(noise))


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """In training: elements set to 0 with probability p, the rest over 1 - p (Hinton et al., 2012). Else the input.

    Raises ValueError for p outside [0, 1].

    >>> import microtorch as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.nn.functional.dropout(torch.ones(6), p=0.2)
    tensor([0.0000, 1.2500, 1.2500, 0.0000, 1.2500, 1.2500])
    """
    if p < 0.0 or p > 1.0:
        _check(p)
    need_tensor("dropout", input)
    if not training or p == 0 or input._data.size == 0:
        return input
    return _apply(input, p, inplace)


def _feature_shape(x: Any) -> tuple[int, ...]:
    if x.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    return (*x.shape[:2], *(1,) * (x.ndim - 2))


def feature_dropout(input: Any, p: float, training: bool, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, ...) set to 0 with probability p."""
    if not training or p == 0 or input._data.size == 0:
        return input
    return _apply(input, p, inplace, _feature_shape(input._data))


def _unbatched(input: Any, p: float, training: bool, inplace: bool) -> Tensor:
    """Channel-wise dropout of one sample: put a batch dimension in front and take it away again."""
    result = feature_dropout(S.unsqueeze(input, 0), p, training, inplace)
    return S.squeeze_one(result, (0,))


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, L) or (C, L) set to 0 with probability p.

    Raises RuntimeError for other dimensions.
    """
    _check(p)
    need_tensor("dropout1d", input)
    ndim = input._data.ndim
    if ndim not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {ndim}D input. Note that dropout1d exists to provide "
            "channel-wise dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch "
            "dimension (i.e. 2D or 3D inputs)."
        )
    return (_unbatched if ndim == 2 else feature_dropout)(input, p, training, inplace)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, H, W) set to 0 with probability p (a 3D input is taken as (N, C, L), with a warning)."""
    _check(p)
    need_tensor("dropout2d", input)
    ndim = input._data.ndim
    if ndim not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {ndim}-D input to dropout2d, which is deprecated and will result in an error in a "
            "future release. To retain the behavior and silence this warning, please use dropout instead. Note that "
            "dropout2d exists to provide channel-wise dropout on inputs with 2 spatial dimensions, a channel "
            "dimension, and an optional batch dimension (i.e. 3D or 4D inputs).",
            stacklevel=2,
        )
    if ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout behavior is desired "
            "- input is interpreted as shape (N, C, L), where C is the channel dim. This behavior will change in a "
            "future release to interpret the input as one without a batch dimension, i.e. shape (C, H, W). To maintain "
            "the 1D channel-wise dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return feature_dropout(input, p, training, inplace)


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Whole channels of (N, C, D, H, W) or (C, D, H, W) set to 0 with probability p."""
    _check(p)
    need_tensor("dropout3d", input)
    ndim = input._data.ndim
    if ndim not in (4, 5):
        warnings.warn(
            f"dropout3d: Received a {ndim}-D input to dropout3d, which is deprecated and will result in an error in a "
            "future release. To retain the behavior and silence this warning, please use dropout instead. Note that "
            "dropout3d exists to provide channel-wise dropout on inputs with 3 spatial dimensions, a channel "
            "dimension, and an optional batch dimension (i.e. 4D or 5D inputs).",
            stacklevel=2,
        )
    return (feature_dropout if ndim == 5 else _unbatched)(input, p, training, inplace)


def _alpha(input: Any, p: float, training: bool, inplace: bool, feature: bool) -> Tensor:
    """Elements set to SELU's lower limit with probability p, then all scaled and shifted to keep mean and variance."""
    x = input._data
    if not training or p == 0 or x.size == 0:
        return input
    if p == 1:
        return (_mul_ if inplace else P.mul)(input, wrap(zeros((), x.dtype)))
    kept = _noise_like(x, _feature_shape(x) if feature else None)
    default_generator.stream.fill(kept, "bernoulli", 1 - p)
    if x.dtype is BF16:
        kept = kept.wide()
    a = 1.0 / math.sqrt((_ALPHA * _ALPHA * p + 1) * (1 - p))
    shift = (kept - 1) * (_ALPHA * a) + _ALPHA * a * p
    kept *= a
    if x.dtype is BF16:
        kept, shift = rounded(kept), rounded(shift)
    if inplace:
        return _add_(_mul_(input, wrap(kept)), wrap(shift))
    return P.add(P.mul(input, wrap(kept)), wrap(shift))


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps the mean and variance of inputs of SELU networks (Klambauer et al., 2017)."""
    _check(p)
    need_tensor("alpha_dropout", input)
    return _alpha(input, p, training, inplace, feature=False)


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """`alpha_dropout` of whole channels, (N, C, ...)."""
    _check(p)
    need_tensor("feature_alpha_dropout", input)
    return _alpha(input, p, training, inplace, feature=True)
