"""Normalisation, with PyTorch's signatures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.node import written
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions.arguments import need_tensor
from microtorch.functions.shape import select
from microtorch.kernels.batched import level_of
from microtorch.kernels.bfloat16 import computed
from microtorch.kernels.strides import channels_last
from microtorch.nn.functional.checks import not_implemented
from microtorch.nn.functional.pooling import mean_over_channels
from microtorch.ops import norm as N, pointwise as P, reduce as R, shape as S
from microtorch.size import Size

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def normalized_dims(name: str, input: Any, normalized_shape: Sequence[int], weight: Any, bias: Any) -> tuple[int, ...]:
    shape = tuple(normalized_shape)
    x = input._data
    if not shape:
        raise RuntimeError(
            f"Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got "
            f"normalized_shape = {list(shape)}"
        )
    for word, v in (("weight", weight), ("bias", bias)):
        if v is not None and v._data.shape != shape:
            raise RuntimeError(
                f"Expected {word} to be of same shape as normalized_shape, but got {word} of shape "
                f"{list(v._data.shape)} and normalized_shape = {list(shape)}"
            )
    if x.shape[-len(shape) :] != shape or x.ndim < len(shape):
        between = "" if name == "rms_norm" else ", "
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape "
            f"[*{between}{', '.join(map(str, shape))}], but got input of size{list(x.shape)}"
        )
    return shape


def layer_norm(
    input: Any, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-05
) -> Tensor:
    """The last dimensions, of shape `normalized_shape`, less their mean over their deviation (Ba et al., 2016).

    weight, bias: of that shape, multiplied and added. Raises RuntimeError if the shapes do not fit.

    >>> import microtorch as torch
    >>> torch.nn.functional.layer_norm(torch.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    if not isinstance(input, TensorBase):
        need_tensor("layer_norm", input)
    x = input._data
    if (
        type(normalized_shape) is not tuple
        or x.shape[-len(normalized_shape) :] != normalized_shape
        or not normalized_shape
    ):
        normalized_shape = normalized_dims("layer_norm", input, normalized_shape, weight, bias)
    elif (weight is not None and weight._data.shape != normalized_shape) or (
        bias is not None and bias._data.shape != normalized_shape
    ):
        normalized_dims("layer_norm", input, normalized_shape, weight, bias)
    if x.dtype.kind != "f":
        raise not_implemented("LayerNormKernelImpl", input)
    return N.layer_norm(input, weight, bias, normalized_shape, eps)


def rms_norm(input: Any, normalized_shape: Sequence[int], weight: Any = None, eps: float | None = None) -> Tensor:
    """The last dimensions over the root of their mean square, times weight (Zhang and Sennrich, 2019).

    eps: added to the mean square; default: the machine epsilon of the dtype.
    """
    need_tensor("rms_norm", input)
    shape = normalized_dims("rms_norm", input, normalized_shape, weight, None)
    ndim = input._data.ndim
    axes = tuple(range(ndim - len(shape), ndim))
    if eps is None:
        eps = float(np.finfo(np.float32 if input._data.itemsize == 2 else input._data.dtype).eps)
    if not input._data.flags.c_contiguous and not channels_last(input._data):
        input = P.contiguous(input)
    if input._data.flags.c_contiguous and input._data.dtype in (np.float32, np.float64):
        return N.rms_norm(input, weight, shape, eps)
    wide = P.cast(input, np.dtype(np.float32)) if input._data.itemsize == 2 else input
    out = P.mul(wide, P.rsqrt(P.add(R.mean(P.square(wide), axes, True), eps)))
    if wide is not input:
        out = P.cast(out, input._data.dtype)
    return out if weight is None else P.mul(out, weight)


def _verify_batch_size(size: Sequence[int]) -> None:
    count = size[0] * math.prod(size[2:])
    if count == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {Size(size)}")


def _check_channels(name: str, size: int, **vectors: Any) -> None:
    for word, v in vectors.items():
        if v is not None and v._data.size != size:
            raise RuntimeError(f"{word} should contain {size} elements not {v._data.size}")


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """Each channel (dimension 1) less its mean over its deviation (Ioffe and Szegedy, 2015).

    In training the statistics are the batch's, and the running ones move toward them by `momentum`, in place; else they
    are the running ones. Raises ValueError in training if there is only one value for each channel.
    """
    need_tensor("batch_norm", input)
    x = input._data
    if training:
        _verify_batch_size(x.shape)
        if eps <= 0.0:
            raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    elif eps < 0.0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    return normalized_by_batch(input, weight, bias, running_mean, running_var, training, momentum, eps)


def normalized_by_batch(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float, eps: float
) -> Tensor:
    """`batch_norm` without its checks of the batch's size and of eps."""
    x = input._data
    if not training:
        for word, v in (("running_mean", running_mean), ("running_var", running_var)):
            if v is None:
                raise RuntimeError(f"{word} must be defined in evaluation mode")
    if x.size == 0 and (x.ndim == 1 or (x.ndim > 1 and x.shape[1] == 0) or weight is None or weight._data.size):
        return _of_nothing(input, weight, bias)
    check_batch_norm(input, weight, bias, running_mean, running_var)
    _check_both(running_mean, running_var)
    if training and running_mean is not None and level_of(x) > level_of(running_mean._data):
        raise RuntimeError(
            "Batch norm got a batched tensor as input while the running_mean or running_var, which will be updated in "
            "place, were not batched.\nIf you are using a module and do not need eval mode, please set "
            "`track_running_stats` to be False.If you are using a prebuilt module and do not need eval mode, please "
            "see the functorch website for resources on how to patch your module to work with vmap"
        )
    # PyTorch does not count the update of the running statistics as a write (their version stays)
    return N.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)


def _check_both(running_mean: Any, running_var: Any) -> None:
    """Raises ValueError if only one of the running statistics is there."""
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")


def _of_nothing(input: Any, weight: Any, bias: Any) -> Tensor:
    """The batch norm of no elements: as empty as the input, and with zeros for the gradients."""
    out = P.clone(input)
    if weight is not None:
        out = P.mul(out, select(weight, 0, 0))
    return out if bias is None else P.add(out, select(bias, 0, 0))


def check_batch_norm(input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any) -> None:
    """PyTorch's errors for what cannot be normalized by batch: the number of dimensions, the dtype, the channels."""
    x = input._data
    if x.ndim < 2:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [-{x.ndim or 1}, {(x.ndim or 1) - 1}], but got 1)"
        )
    if x.dtype.kind != "f":
        raise not_implemented("batch_norm", input)
    _check_channels(
        "batch_norm", x.shape[1], running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-05,
) -> Tensor:
    """Each channel of each sample less its mean over its deviation (Ulyanov et al., 2016); input (N, C, ...).

    It is the batch norm of one sample with N * C channels; the running statistics move toward the mean of theirs.
    """
    need_tensor("instance_norm", input)
    x = input._data
    if use_input_stats and math.prod(x.shape[2:]) == 1:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {Size(x.shape)}")
    return normalized_by_instance(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps)


def normalized_by_instance(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, use_input_stats: bool, momentum: float,
    eps: float,
) -> Tensor:  # fmt: skip
    """`instance_norm` without its check of the sample's size."""
    x = input._data
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError("Expected running_mean and running_var to be defined when use_input_stats is false")
    n, c = x.shape[0], x.shape[1]
    _check_channels("instance_norm", c, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias)
    _check_both(running_mean, running_var)
    rows = S.reshape(input, (1, n * c, *x.shape[2:]))
    w = None if weight is None else _repeated(weight, n)
    b = None if bias is None else _repeated(bias, n)
    mean = None if running_mean is None else wrap(np.tile(running_mean._data, n))
    var = None if running_var is None else wrap(np.tile(running_var._data, n))
    out = N.batch_norm(rows, w, b, mean, var, use_input_stats, momentum, eps)
    if use_input_stats:
        for running, values in ((running_mean, mean), (running_var, var)):
            if values is not None:
                running._data[...] = computed(np.mean, values._data.reshape(n, c), 0)
                written(running)
    return S.reshape(out, x.shape)


def _repeated(v: Any, n: int) -> Any:
    return S.reshape(S.expand(v, (n, v._data.size)), (n * v._data.size,))


def group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-05) -> Tensor:
    """Each group of channels of each sample less its mean over its deviation (Wu and He, 2018); input (N, C, ...).

    Raises RuntimeError if the groups do not divide the channels.
    """
    need_tensor("group_norm", input)
    size = input._data.shape
    if len(size) >= 2:
        _verify_batch_size((size[0] * size[1] // num_groups, num_groups, *size[2:]))
    return normalized_by_group(input, num_groups, weight, bias, eps)


def normalized_by_group(input: Any, num_groups: int, weight: Any, bias: Any, eps: float) -> Tensor:
    """`group_norm` without its check of the sample's size."""
    check_groups(input, num_groups, weight, bias)
    return N.group_norm(input, weight, bias, num_groups, eps)


def check_groups(input: Any, num_groups: int, weight: Any, bias: Any) -> None:
    """PyTorch's errors for what cannot be normalized by groups of channels."""
    x = input._data
    if x.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {x.ndim}")
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    channels = x.shape[1]
    if channels % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(x.shape)} and num_groups={num_groups}"
        )
    for word, v in (("weight", weight), ("bias", bias)):
        if v is not None and v._data.shape != (channels,):
            raise RuntimeError(
                f"Expected {word} to be a vector of size equal to the number of channels in input, but got {word} of "
                f"shape {list(v._data.shape)} and input of shape {list(x.shape)}"
            )


def local_response_norm(input: Any, size: int, alpha: float = 0.0001, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """input over (k + alpha * mean square of `size` neighbouring channels)^beta (Krizhevsky et al., 2012).

    Raises ValueError for fewer than 3 dimensions.
    """
    need_tensor("local_response_norm", input)
    ndim = input._data.ndim
    if ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality                          input (got {ndim} dimensions)")
    if input._data.size == 0:
        return input
    square = P.mul(input, input)
    return P.div(input, P.pow_number(P.add(P.mul(mean_over_channels(square, size), alpha), k), beta))
