"""PyTorch's own operations, `torch.ops.aten`: which microtorch function computes each, and the overloads they have.

Most are functions of ours under the same name. Here are those that only ATen has, and those whose arguments differ
from the function's (https://pytorch.org/docs/stable/torch.compiler_ir.html lists them).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import microtorch
from microtorch import linalg, special
from microtorch._ops import OpOverloadPacket
from microtorch._tensor import Tensor
from microtorch.autograd.table import tensors
from microtorch.dtypes import bool_
from microtorch.functions import creation, random
from microtorch.nn import functional as F
from microtorch.nn.functional import native

_OVERLOADS = """
    Tensor Scalar: add sub add_ sub_ mul_ rsub bitwise_and_ bitwise_or_ bitwise_xor_ floor_divide_ fmod_ remainder_
    Tensor Scalar: bucketize copysign_ float_power_ searchsorted multiply subtract true_divide true_divide_ greater less
    Tensor Scalar: mul remainder fmod ge gt le lt eq ne copysign
    Tensor Scalar Tensor_mode Scalar_mode: div div_ divide
    Tensor Scalar Scalar_Tensor: bitwise_and bitwise_or bitwise_xor
    Scalar Tensor: eq_ fill fill_ ge_ gt_ le_ lt_ ne_ lerp lerp_ masked_fill masked_fill_ pow_
    Tensor_Tensor Scalar Tensor_Scalar: pow
    default Scalar: floor_divide
    default Tensor: clamp clamp_ clamp_max clamp_max_ clamp_min clamp_min_ clip clip_ narrow
    int: log_softmax softmax transpose unbind unflatten
    default dtype: addmm baddbmm bmm mm view
    default dim dims: all any squeeze squeeze_
    default dim correction: std std_mean var var_mean
    default dim_IntList: sum count_nonzero
    default dim: mean
    default dim_int: prod
    default dim other: max min
    default dim: median nanmedian
    default values: kthvalue mode topk
    default stable: sort argsort
    default start start_step: arange
    default p Tensor: bernoulli
    float Tensor: bernoulli_
    default padding: conv1d conv2d conv3d
    default input: conv_transpose1d
    input: conv_transpose2d conv_transpose3d
    input data: gru lstm rnn_relu rnn_tanh
    self ScalarSelf ScalarOther Scalar default: where
    int: select
    Tensor: slice index
    Tensor sizes: split
    src value reduce value_reduce: scatter scatter_
    int_Tensor int_Scalar: index_fill index_fill_
    two: scatter_reduce scatter_reduce_
    self_int Tensor self_Tensor: repeat_interleave
    memory_format: empty
    low default: randint
    Tensor_Tensor Tensor_float float_Tensor float_float: normal
    default low_dtype low_dtype_out: randint_like
    default self dtype_layout device dtype other prim_Device prim_dtype: to
    using_ints using_int: flatten
    indices sections: tensor_split
    ScalarOpt_dim ScalarOpt_dim_dtype Scalar: norm
    default ord: linalg_matrix_norm
    default decimals: round round_
    vec default: upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_bilinear2d upsample_bicubic2d
    vec default: upsample_linear1d upsample_trilinear3d
    Tensor: frexp ldexp
"""
OVERLOADS: dict[str, tuple[str, ...]] = {}
for _line in _OVERLOADS.strip().splitlines():
    _names, _, _ops = _line.partition(":")
    for _op in _ops.split():
        OVERLOADS[_op] = tuple(_names.split())

_REDUCTIONS = ("none", "mean", "sum")


def _mode(reduction: Any) -> Any:
    return _REDUCTIONS[reduction] if isinstance(reduction, int) else reduction


def _loss(function: Callable[..., Any]) -> Callable[..., Any]:
    """A loss whose third argument is the number of a reduction."""

    def loss(self: Any, target: Any, reduction: int = 1, **options: Any) -> Any:
        return function(self, target, reduction=_mode(reduction), **options)

    return loss


def _softmax(self: Any, dim: int, half_to_float: bool) -> Any:
    return microtorch.softmax(self, dim)


def _log_softmax(self: Any, dim: int, half_to_float: bool) -> Any:
    return microtorch.log_softmax(self, dim)


def _nll_loss_forward(self: Any, target: Any, weight: Any, reduction: int, ignore_index: int) -> Any:
    """The loss, and the sum of the weights that it was divided by."""
    kept = target != ignore_index
    given = kept if weight is None else weight[target.clamp(min=0)] * kept
    total = given.sum().to(self.dtype) if _mode(reduction) != "none" else self.new_zeros(())
    return F.nll_loss(self, target, weight, ignore_index=ignore_index, reduction=_mode(reduction)), total


def _cross_entropy_loss(
    self: Any, target: Any, weight: Any = None, reduction: int = 1, ignore_index: int = -100,
    label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    return F.cross_entropy(
        self, target, weight, ignore_index=ignore_index, reduction=_mode(reduction), label_smoothing=label_smoothing
    )


def _slice(self: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    return self[(slice(None),) * (dim % self.dim()) + (slice(start, end, step),)]


def _index(self: Any, indices: Sequence[Any]) -> Any:
    return self[tuple(slice(None) if i is None else i for i in indices)]


def _index_put_(self: Any, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
    if accumulate or any(i is None for i in indices):
        return self.index_put_(tuple(indices), values, accumulate)
    self[tuple(indices)] = values
    return self


def _to_copy(self: Any, *, dtype: Any = None, **options: Any) -> Any:
    return self.clone() if dtype is None or dtype == self.dtype else self.to(dtype)


def _max_pool2d_with_indices(
    self: Any, kernel_size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    return F.max_pool2d(self, kernel_size, stride or None, padding, dilation, ceil_mode, return_indices=True)


def _embedding(
    weight: Any, indices: Any, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False
) -> Any:
    return F.embedding(indices, weight, None if padding_idx < 0 else padding_idx, None, 2.0, scale_grad_by_freq, sparse)


def _threshold_backward(grad_output: Any, self: Any, threshold: Any) -> Any:
    return microtorch.where(self <= threshold, 0.0, grad_output).to(grad_output.dtype)


def _sigmoid_backward(grad_output: Any, output: Any) -> Any:
    return grad_output * (output * (1 - output)).conj()


def _tanh_backward(grad_output: Any, output: Any) -> Any:
    return grad_output * (1 - output * output).conj()


def _softmax_backward_data(grad_output: Any, output: Any, dim: int, input_dtype: Any) -> Any:
    weighted = grad_output * output
    return weighted - output * weighted.sum(dim, keepdim=True)


def _log_softmax_backward_data(grad_output: Any, output: Any, dim: int, input_dtype: Any) -> Any:
    return grad_output - output.exp() * grad_output.sum(dim, keepdim=True)


def _convolution_backward(
    grad_output: Any, input: Any, weight: Any, bias_sizes: Any, stride: Any, padding: Any, dilation: Any,
    transposed: bool, output_padding: Any, groups: int, output_mask: Sequence[bool],
) -> Any:  # fmt: skip
    """The gradients of a convolution's input, weight and bias; None for those that `output_mask` leaves out."""
    steps = tuple(stride), tuple(padding), tuple(dilation), groups
    back: Any = microtorch.convolution
    to_input = to_weight = to_bias = None
    if output_mask[0] and transposed:
        to_input = back(grad_output, weight, None, *steps[:3], False, [0] * len(stride), groups)
    elif output_mask[0]:
        to_input = tensors.conv_input(grad_output, weight, tuple(input.shape), *steps)
    if output_mask[1]:
        pair = (input, grad_output) if transposed else (grad_output, input)
        to_weight = tensors.conv_weight(*pair, tuple(weight.shape), *steps)
    if output_mask[2]:
        to_bias = grad_output.sum([d for d in range(grad_output.dim()) if d != 1])
    return to_input, to_weight, to_bias


def _flash(
    query: Any, key: Any, value: Any, dropout_p: float = 0.0, is_causal: bool = False, *, attn_mask: Any = None,
    scale: Any = None,
) -> Any:  # fmt: skip
    """Attention, and the logarithms of its sums of exponentials."""
    scores = query.detach() @ key.detach().mT * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        scores = scores.masked_fill(microtorch.ones(scores.shape[-2:], dtype=bool_).triu(1), -microtorch.inf)
    if attn_mask is not None:
        scores = scores + attn_mask
    out = F.scaled_dot_product_attention(query, key, value, attn_mask, dropout_p, is_causal, scale=scale)
    return out, scores.logsumexp(-1)


def _native_dropout(input: Any, p: float, train: bool | None) -> Any:
    return native.native_dropout(input, p, train)


def _scalar_dense(self: Any) -> Any:
    return self.item()


def _normal_(self: Any, mean: float = 0, std: float = 1, *, generator: Any = None) -> Any:
    return Tensor.normal_(self, mean, std, generator=generator)


def _var(self: Any, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> Any:
    return microtorch.var(self, dim, correction=1 if correction is None else correction, keepdim=keepdim)


def _std(self: Any, dim: Any = None, *, correction: Any = None, keepdim: bool = False) -> Any:
    return microtorch.std(self, dim, correction=1 if correction is None else correction, keepdim=keepdim)


def _upsample(kind: str) -> Callable[..., Any]:
    def upsample(input: Any, output_size: Any = None, *rest: Any, scale_factors: Any = None) -> Any:
        align = {"align_corners": rest[0]} if rest and kind != "nearest" else {}
        size = None if output_size is None else list(output_size)
        return F.interpolate(input, size, scale_factors, kind, **align)

    return upsample


_OWN: dict[str, Callable[..., Any]] = {
    "_softmax": _softmax,
    "_log_softmax": _log_softmax,
    "_softmax_backward_data": _softmax_backward_data,
    "_log_softmax_backward_data": _log_softmax_backward_data,
    "_local_scalar_dense": _scalar_dense,
    "_native_batch_norm_legit": native.native_batch_norm,
    "_scaled_dot_product_flash_attention_for_cpu": _flash,
    "_to_copy": _to_copy,
    "_unsafe_view": Tensor.view,
    "_reshape_alias": microtorch.as_strided,
    "alias": Tensor.view_as,
    "binary_cross_entropy": lambda self, target, weight=None, reduction=1: F.binary_cross_entropy(
        self, target, weight, reduction=_mode(reduction)
    ),
    "convolution": native.convolution,
    "convolution_backward": _convolution_backward,
    "cross_entropy_loss": _cross_entropy_loss,
    "elu": F.elu,
    "embedding": _embedding,
    "huber_loss": lambda self, target, reduction=1, delta=1.0: F.huber_loss(
        self, target, reduction=_mode(reduction), delta=delta
    ),
    "index": _index,
    "index_put_": _index_put_,
    "l1_loss": _loss(F.l1_loss),
    "lift_fresh": lambda self: self,
    "lift_fresh_copy": lambda self: self.clone(),
    "linear": F.linear,
    "log_sigmoid": F.logsigmoid,
    "max_pool2d_with_indices": _max_pool2d_with_indices,
    "mse_loss": _loss(F.mse_loss),
    "native_dropout": _native_dropout,
    "nll_loss_forward": _nll_loss_forward,
    "normal_": _normal_,
    "sigmoid_backward": _sigmoid_backward,
    "slice": _slice,
    "smooth_l1_loss": lambda self, target, reduction=1, beta=1.0: F.smooth_l1_loss(
        self, target, reduction=_mode(reduction), beta=beta
    ),
    "soft_margin_loss": _loss(F.soft_margin_loss),
    "std": _std,
    "tanh_backward": _tanh_backward,
    "threshold_backward": _threshold_backward,
    "upsample_bicubic2d": _upsample("bicubic"),
    "upsample_bilinear2d": _upsample("bilinear"),
    "upsample_linear1d": _upsample("linear"),
    "upsample_nearest1d": _upsample("nearest"),
    "upsample_nearest2d": _upsample("nearest"),
    "upsample_nearest3d": _upsample("nearest"),
    "upsample_trilinear3d": _upsample("trilinear"),
    "var": _var,
    "view": lambda self, size: self.view(size),
}
_GROUPS = {"linalg": linalg, "special": special}


def _found(name: str) -> Callable[..., Any] | None:
    """What computes an operation; None for one that is not here."""
    if name in _OWN:
        return _OWN[name]
    head, _, tail = name.partition("_")
    if head in _GROUPS and hasattr(_GROUPS[head], tail):
        return getattr(_GROUPS[head], tail)
    if head == "fft" and hasattr(microtorch.fft, tail):
        return getattr(microtorch.fft, tail)
    if name.endswith("_") or not hasattr(microtorch, name):
        method = getattr(Tensor, name, None)
        if callable(method):
            return method
    for home in (microtorch, native, F, creation, random):
        function = getattr(home, name, None)
        if callable(function) and not isinstance(function, type):
            return function
    return None


def packet(name: str) -> OpOverloadPacket | None:
    """The operation `torch.ops.aten.<name>`; None if microtorch has none of that name."""
    found = _found(name)
    return None if found is None else OpOverloadPacket("aten", name, found, OVERLOADS.get(name, ("default",)))
