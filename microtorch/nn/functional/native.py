"""Functions of `torch` itself that are called otherwise than their namesakes of `nn.functional`.

They are what PyTorch's native library offers: arguments in another order (`torch.embedding(weight, indices)`) or
without defaults, reductions by number, further results, and none of the checks that `nn.functional` makes beforehand.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.state import wrap
from microtorch.functions.arguments import named, need_tensor
from microtorch.nn.functional import (
    convolution as C,
    distance as D,
    losses as L,
    noise,
    normalization as F,
    pooling as O,
    sparse as tables,
    vision as V,
)
from microtorch.nn.functional.checks import REDUCTIONS, not_implemented
from microtorch.ops import dropout as DO, norm as N, pointwise as P
from microtorch.random import default_generator

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

Three = tuple[Any, Any, Any]


def _reduction(name: str, number: Any) -> str:
    """A reduction's name by its number: 0 none, 1 mean, 2 sum."""
    if not isinstance(number, int):
        raise TypeError(f"{name}(): argument 'reduction' must be int, not {type(number).__name__}")
    return REDUCTIONS[number]


# normalisation --------------------------------------------------------------------------------------------------------


def batch_norm(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float,
    eps: float, cudnn_enabled: bool,
) -> Tensor:  # fmt: skip
    """`nn.functional.batch_norm` with its arguments in another order; cudnn_enabled counts for nothing."""
    need_tensor("batch_norm", input)
    return F.normalized_by_batch(input, weight, bias, running_mean, running_var, training, momentum, eps)


def instance_norm(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, use_input_stats: bool, momentum: float,
    eps: float, cudnn_enabled: bool,
) -> Tensor:  # fmt: skip
    """`nn.functional.instance_norm` with its arguments in another order; cudnn_enabled counts for nothing."""
    need_tensor("instance_norm", input)
    return F.normalized_by_instance(
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps
    )  # fmt: skip


def layer_norm(
    input: Any, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None, eps: float = 1e-05,
    cudnn_enable: bool = True,
) -> Tensor:  # fmt: skip
    """`nn.functional.layer_norm`; cudnn_enable counts for nothing."""
    return F.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(
    input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-05, cudnn_enabled: bool = True
) -> Tensor:
    """`nn.functional.group_norm` of any number of elements; cudnn_enabled counts for nothing."""
    need_tensor("group_norm", input)
    return F.normalized_by_group(input, num_groups, weight, bias, eps)


def native_layer_norm(input: Any, normalized_shape: Sequence[int], weight: Any, bias: Any, eps: float) -> Three:
    """`layer_norm`, and the means and reciprocal deviations that it used (input's dimensions, the last ones of size 1).

    >>> import microtorch as torch
    >>> torch.native_layer_norm(torch.tensor([[1.0, 3.0]]), [2], None, None, 0.0)
    (tensor([[-1.,  1.]]), tensor([[2.]]), tensor([[1.]]))
    """
    need_tensor("native_layer_norm", input)
    shape = F.normalized_dims("layer_norm", input, normalized_shape, weight, bias)
    if input._data.dtype.kind != "f":
        raise not_implemented("LayerNormKernelImpl", input)
    out, mean, rstd = N.native_layer_norm(input, weight, bias, shape, eps)
    return out, wrap(mean._data), wrap(rstd._data)


def native_group_norm(input: Any, weight: Any, bias: Any, N_: int, C_: int, HxW: int, group: int, eps: float) -> Three:
    """`group_norm` of an input (N, C, ...) with HxW places, and the means and reciprocal deviations (N, groups)."""
    need_tensor("native_group_norm", input)
    F.check_groups(input, group, weight, bias)
    result: Three = N.native_group_norm(input, weight, bias, group, eps)
    return result


def native_batch_norm(
    input: Any, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool, momentum: float,
    eps: float,
) -> Three:  # fmt: skip
    """`batch_norm`, and the means and reciprocal deviations of the channels (empty in evaluation)."""
    need_tensor("native_batch_norm", input)
    F.check_batch_norm(input, weight, bias, running_mean, running_var)
    result = N.native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)
    return result[0], wrap(result[1]._data), wrap(result[2]._data)


# dropout --------------------------------------------------------------------------------------------------------------


def _both(drop: Callable[..., Tensor]) -> tuple[Callable[..., Tensor], Callable[..., Tensor]]:
    """`torch.<name>`, of which `train` has no default, and `torch.<name>_`, the same in place."""

    def with_inplace(name: str, inplace: bool) -> Callable[..., Tensor]:
        def call(input: Any, p: float, train: bool) -> Tensor:
            if not 0 <= p <= 1:
                raise RuntimeError(f"dropout probability has to be between 0 and 1, but got {p:g}")
            return drop(input, p, train, inplace=inplace)

        return named(call, name, drop.__doc__)

    name = drop.__name__
    return with_inplace(name, False), with_inplace(f"{name}_", True)


dropout, dropout_ = _both(noise.dropout)
alpha_dropout, alpha_dropout_ = _both(noise.alpha_dropout)
feature_dropout, feature_dropout_ = _both(noise.feature_dropout)
feature_alpha_dropout, feature_alpha_dropout_ = _both(noise.feature_alpha_dropout)


def native_dropout(input: Any, p: float, train: bool | None) -> tuple[Any, Any]:
    """`dropout`, and the mask of what was kept."""
    need_tensor("native_dropout", input)
    x = input._data
    if train is False:
        return P.clone(input), wrap(np.ones(x.shape, bool))
    mask = np.empty(x.shape, bool)
    default_generator.stream.fill(mask, "bernoulli", 1 - p)
    return DO.native_dropout(input, mask, 0.0 if p == 1 else 1 / (1 - p)), wrap(mask)


def native_dropout_backward(grad_output: Any, mask: Any, scale: float) -> Tensor:
    """The gradient of `native_dropout`: grad_output where the mask is, times scale."""
    need_tensor("native_dropout_backward", grad_output, "grad_output", 1)
    if grad_output._data.dtype.kind not in "fc":
        return P.mul(P.mul(grad_output, mask), scale)
    return DO.native_dropout_backward(grad_output, mask._data, scale)


# convolution and pooling ----------------------------------------------------------------------------------------------


def convolution(
    input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, transposed: bool,
    output_padding: Any, groups: int,
) -> Tensor:  # fmt: skip
    """The convolution, or transposed convolution, in as many dimensions as input has behind the channels."""
    need_tensor("convolution", input)
    count = input._data.ndim - 2
    if transposed:
        up = (C.conv_transpose1d, C.conv_transpose2d, C.conv_transpose3d)[count - 1]
        return up(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return (C.conv1d, C.conv2d, C.conv3d)[count - 1](input, weight, bias, stride, padding, dilation, groups)


def max_pool1d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Tensor:
    """`nn.functional.max_pool1d`, values only."""
    return O.max_pool1d(input, kernel_size, stride or None, padding, dilation, ceil_mode)


def max_pool2d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Tensor:
    """`nn.functional.max_pool2d`, values only."""
    return O.max_pool2d(input, kernel_size, stride or None, padding, dilation, ceil_mode)


def max_pool3d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Tensor:
    """`nn.functional.max_pool3d`, values only."""
    return O.max_pool3d(input, kernel_size, stride or None, padding, dilation, ceil_mode)


def max_pool1d_with_indices(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> tuple[Any, Any]:
    """`max_pool1d`, and the places of the largest elements."""
    return O.max_pool1d_with_indices(input, kernel_size, stride or None, padding, dilation, ceil_mode)


def adaptive_max_pool1d(input: Any, output_size: Any) -> tuple[Any, Any]:
    """`nn.functional.adaptive_max_pool1d`, and the places of the largest elements."""
    return O.adaptive_max_pool1d_with_indices(input, output_size)


# images ---------------------------------------------------------------------------------------------------------------

_MODES, _PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


def constant_pad_nd(input: Any, pad: Sequence[int], value: Any = 0) -> Tensor:
    """`nn.functional.pad` with a constant."""
    if len(pad) % 2:
        raise RuntimeError(f"Length of pad must be even but instead it equals {len(pad)}")
    return V.pad(input, pad, "constant", value)


def grid_sampler(input: Any, grid: Any, interpolation_mode: int, padding_mode: int, align_corners: bool) -> Tensor:
    """`nn.functional.grid_sample` with its modes by number: (bilinear, nearest, bicubic), (zeros, border, reflection).

    Raises IndexError for other numbers.
    """
    return V.grid_sample(input, grid, _MODES[interpolation_mode], _PADDINGS[padding_mode], align_corners)


grid_sampler_2d = grid_sampler_3d = grid_sampler


def affine_grid_generator(theta: Any, size: Sequence[int], align_corners: bool) -> Tensor:
    """`nn.functional.affine_grid`, where `align_corners` has no default."""
    return V.affine_grid(theta, size, align_corners)


# tables ---------------------------------------------------------------------------------------------------------------


def embedding(
    weight: Any, indices: Any, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Tensor:
    """`nn.functional.embedding` with the table first; padding_idx -1: none.

    >>> import microtorch as torch
    >>> torch.embedding(torch.eye(2), torch.tensor([1]))
    tensor([[0., 1.]])
    """
    padding = None if padding_idx == -1 else padding_idx
    return tables.embedding(indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)


def embedding_renorm_(input: Any, indices: Any, max_norm: float, norm_type: float) -> Tensor:
    """Scale the rows of a table that the indices name down to a norm of at most max_norm, in place."""
    need_tensor("embedding_renorm_", input)
    tables.renorm(input, indices._data, max_norm, norm_type)
    renormed: Tensor = input
    return renormed


# losses: the reduction by number, by default none as in PyTorch (whatever its documentation says)


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, pos_weight: Any = None, reduction: int = 0
) -> Tensor:
    """`nn.functional.binary_cross_entropy_with_logits` with its reduction by number."""
    name = _reduction("binary_cross_entropy_with_logits", reduction)
    return L.binary_cross_entropy_with_logits(input, target, weight, reduction=name, pos_weight=pos_weight)


def kl_div(input: Any, target: Any, reduction: int = 0, *, log_target: bool = False) -> Tensor:
    """`nn.functional.kl_div` with its reduction by number."""
    mode = _reduction("kl_div", reduction)
    return L.divergence(input, target, mode, log_target)


def poisson_nll_loss(input: Any, target: Any, log_input: bool, full: bool, eps: float, reduction: int) -> Tensor:
    """`nn.functional.poisson_nll_loss` with its reduction by number."""
    mode = _reduction("poisson_nll_loss", reduction)
    return L.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=mode)


def ctc_loss(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int = 0, reduction: int = 0,
    zero_infinity: bool = False,
) -> Tensor:  # fmt: skip
    """`nn.functional.ctc_loss` with its reduction by number."""
    mode = _reduction("ctc_loss", reduction)
    return L.ctc_loss(log_probs, targets, input_lengths, target_lengths, blank, mode, zero_infinity)


def cosine_embedding_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: int = 0) -> Tensor:
    """`nn.functional.cosine_embedding_loss` with its reduction by number."""
    mode = _reduction("cosine_embedding_loss", reduction)
    return D.cosine_embedding_loss(input1, input2, target, margin, reduction=mode)


def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, reduction: int = 0) -> Tensor:
    """`nn.functional.hinge_embedding_loss` with its reduction by number."""
    return D.hinge_embedding_loss(input, target, margin, reduction=_reduction("hinge_embedding_loss", reduction))


def margin_ranking_loss(input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: int = 0) -> Tensor:
    """`nn.functional.margin_ranking_loss` with its reduction by number."""
    mode = _reduction("margin_ranking_loss", reduction)
    return D.margin_ranking_loss(input1, input2, target, margin, reduction=mode)


def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: float = 1.0, p: float = 2.0, eps: float = 1e-06,
    swap: bool = False, reduction: int = 0,
) -> Tensor:  # fmt: skip
    """`nn.functional.triplet_margin_loss` with its reduction by number."""
    mode = _reduction("triplet_margin_loss", reduction)
    return D.triplet_margin_loss(anchor, positive, negative, margin, p, eps, swap, reduction=mode)
