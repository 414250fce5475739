"""Losses, with PyTorch's signatures. The deprecated flags size_average and reduce are read as PyTorch reads them."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.modes import mode
from microtorch.autograd.state import wrap
from microtorch.dtypes import of, promoted
from microtorch.functions.arguments import need_tensor
from microtorch.functions.pointwise import same_dtype
from microtorch.functions.shape import broadcast_shapes
from microtorch.kernels import bfloat16
from microtorch.kernels.batched import as_array, everything
from microtorch.kernels.bfloat16 import cast, zeros
from microtorch.kernels.small import within_one
from microtorch.nn.functional.checks import (
    REDUCTIONS,
    as_half,
    broadcast,
    floating,
    not_implemented,
    reduced,
    reduction_of,
    single,
)
from microtorch.nn.functional.convolution import linear
from microtorch.ops import (
    activation as A,
    loss as L,
    pointwise as P,
    reduce as R,
    shape as S,
    softmax as M,
)
from microtorch.size import Size

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _pair(input: Any, target: Any, promote: bool = True) -> tuple[Any, Any]:
    """Input and target in one shape (with PyTorch's warning if they differ) and one dtype."""
    x, y = input._data, target._data
    if x.shape != y.shape:
        warnings.warn(
            f"Using a target size ({Size(y.shape)}) that is different to the input size ({Size(x.shape)}). This will "
            "likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
            stacklevel=3,
        )
        input, target = broadcast(input, target)
    if promote and x.dtype != y.dtype:
        want = promoted(x.dtype, x.ndim == 0, y.dtype, y.ndim == 0)
        input = input if x.dtype == want else P.cast(input, want)
        target = target if y.dtype == want else P.cast(target, want)
    return input, target


def _weighted(losses: Any, weight: Any, reduction: str) -> Tensor:
    """Losses times weights (None: they are already); the mean is over the sum of the weights."""
    if weight is not None:
        losses = P.mul(losses, weight)
    if reduction == "mean":
        return P.div(R.sum_all(losses, None, False), R.sum_all(weight, None, False))
    if reduction in ("none", "sum"):
        return reduced(losses, reduction)
    raise ValueError(f"Invalid reduction mode: {reduction}. Expected one of 'none', 'mean', 'sum'.")


def _check_weight_size(weight: Any, input: Any) -> None:
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")


def _check_output_shape(shape: Any, found: Any) -> None:
    """PyTorch's error where a result of `shape` is written into, and broadcasting gave another."""
    if tuple(found) != tuple(shape):
        raise RuntimeError(f"output with shape {list(shape)} doesn't match the broadcast shape {list(found)}")


# regression ----------------------------------------------------------------------------------------------------------


def mse_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Tensor:
    """The squared differences: their mean, their sum, or each.

    >>> import microtorch as torch
    >>> torch.nn.functional.mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    x, y = input._data, target._data
    if x.shape != y.shape or x.dtype != y.dtype:
        input, target = _pair(input, target)
    if size_average is not None or reduce is not None:
        reduction = reduction_of(size_average, reduce, reduction)
    if weight is not None:
        _check_weight_size(weight, input)
        return _weighted(P.square(P.sub(input, target)), weight, reduction)
    if input._data.dtype.kind != "f":
        raise not_implemented("mse_cpu", input)
    if reduction not in ("mean", "sum", "none"):
        reduction = reduction_of(None, None, reduction)
    return L.mse_loss(input, target, reduction)


def l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Tensor:
    """The absolute differences: their mean, their sum, or each."""
    if size_average is not None or reduce is not None:
        reduction = reduction_of(size_average, reduce, reduction)
    input, target = _pair(input, target, promote=False)
    if weight is not None:
        _check_weight_size(weight, input)
        return _weighted(P.abs(P.sub(input, target)), weight, reduction)
    reduction = reduction_of(None, None, reduction)
    losses = P.abs(P.sub(input, target))
    if reduction == "mean" and losses._data.dtype.kind not in "fc":
        raise RuntimeError(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: "
            f"{of[losses._data.dtype].type_name}"
        )
    return reduced(losses, reduction)


def smooth_l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Squared near 0 (differences below beta), absolute beyond (Girshick, 2015)."""
    reduction = reduction_of(size_average, reduce, reduction)
    input, target = _pair(input, target)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return reduced(P.abs(P.sub(input, target)), reduction)
    floating("smooth_l1_cpu", input)
    return L.smooth_l1_loss(input, target, reduction, beta)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None) -> Tensor:
    """Half the squared difference up to delta, linear beyond (Huber, 1964)."""
    input, target = _pair(input, target)
    if weight is not None:
        _check_weight_size(weight, input)
        losses = P.mul(L.huber_loss(input, target, "none", delta), weight)
        if reduction == "mean":  # here, other than in mse_loss and l1_loss, the mean of the weighted losses
            return R.mean_all(losses, None, False)
        return _weighted(losses, None, reduction)
    reduction = reduction_of(None, None, reduction)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    floating("huber_cpu", input)
    return L.huber_loss(input, target, reduction, delta)


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-08,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The negative log likelihood of counts `target` under Poisson rates input (log_input: exp(input)).

    full: with Stirling's approximation of log(target!).
    """
    reduction = reduction_of(size_average, reduce, reduction)
    if log_input:
        losses = P.sub(P.exp(input), P.mul(target, input))
    else:
        losses = P.sub(input, P.mul(target, P.log(P.add(input, eps))))
    if full:
        stirling = P.add(P.sub(P.mul(target, P.log(target)), target), P.mul(P.log(P.mul(target, 2 * math.pi)), 0.5))
        small = target._data <= 1
        losses = P.add(losses, P.where(small, wrap(zeros((), stirling._data.dtype)), stirling))
    return reduced(losses, reduction)


def gaussian_nll_loss(
    input: Any, target: Any, var: Any, full: bool = False, eps: float = 1e-06, reduction: str = "mean"
) -> Tensor:
    """The negative log likelihood of target under normal distributions of mean input and variance var (at least eps).

    full: with the constant log(2 pi) / 2. Raises ValueError for negative variances or shapes that do not fit.
    """
    x = input._data
    if isinstance(var, (int, float)):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = wrap(bfloat16.full(x.shape, var, x.dtype))
    elif (var._data < 0).any():
        raise ValueError("var has negative entry/entries")
    if var._data.shape != x.shape:
        if x.shape[:-1] == var._data.shape:
            var = S.unsqueeze(var, -1)
        elif x.ndim != var._data.ndim or sum(b for a, b in zip(x.shape, var._data.shape) if a != b) != 1:
            raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    var = P.clone(var)
    var._data = np.maximum(var._data, eps)  # the gradient goes through as if nothing was cut off
    losses = P.mul(P.add(P.log(var), P.div(P.square(P.sub(input, target)), var)), 0.5)
    if full:
        losses = P.add(losses, 0.5 * math.log(2 * math.pi))
    return reduced(losses, reduction)


# classification ------------------------------------------------------------------------------------------------------


def binary_cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-(t log p + (1 - t) log(1 - p)) for probabilities p = input; the logarithms are at least -100.

    Raises ValueError if the sizes differ, RuntimeError for probabilities and targets outside [0, 1].
    """
    reduction = reduction_of(size_average, reduce, reduction)
    x, t = input._data, target._data
    if x.shape != t.shape:
        raise ValueError(
            f"Using a target size ({Size(t.shape)}) that is different to the input size ({Size(x.shape)}) is "
            "deprecated. Please ensure they have the same size."
        )
    if t.dtype != x.dtype:
        raise RuntimeError(f"Found dtype {of[t.dtype].type_name} but expected {of[x.dtype].type_name}")
    if x.dtype.kind != "f":
        raise not_implemented("binary_cross_entropy", input)
    if x.size and not (within_one(x) and within_one(t)):
        inputs, targets = (~((v >= 0) & (v <= 1)).ravel() for v in (x, t))
        first = int(np.argmax(inputs | targets))
        raise RuntimeError(f"all elements of {'input' if inputs[first] else 'target'} should be between 0 and 1")
    if weight is not None:
        shape = broadcast_shapes(Size(t.shape), Size(weight._data.shape))
        _check_output_shape(x.shape, shape)
        weight = broadcast(weight, target)[0]
    return L.binary_cross_entropy(input, target, weight, reduction)


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Tensor:
    """binary_cross_entropy of sigmoid(input), without overflow; pos_weight: the weight of positive targets."""
    reduction = reduction_of(size_average, reduce, reduction)
    x, t = input._data, target._data
    if x.shape != t.shape:
        raise ValueError(f"Target size ({Size(t.shape)}) must be the same as input size ({Size(x.shape)})")
    if t.dtype.kind not in "f":
        if t.dtype.kind == "b":
            raise RuntimeError(
                "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
                "operator instead."
            )
        raise RuntimeError(
            f"result type {of[x.dtype].type_name} can't be cast to the desired output type {of[t.dtype].type_name}"
        )
    if x.dtype.kind not in "fc":
        raise not_implemented("log_sigmoid_cpu", input)
    for a, b in ((target, weight), (pos_weight, target)):
        if a is not None and b is not None:
            _check_output_shape(x.shape, broadcast(a, b)[0]._data.shape)
    if x.dtype != t.dtype:
        input, target = _pair(input, target)
    return L.binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction)


def _check_classes(input: Any, target: Any, weight: Any, kernel: str) -> None:
    """PyTorch's errors for class numbers that do not fit the scores; scores (N, C, *d), (C), numbers (N, *d), ()."""
    x, t = input._data, target._data
    if x.ndim < 1:
        raise ValueError(f"Expected 1 or more dimensions (got {x.ndim})")
    if x.ndim == 1:
        if t.ndim == 1 and t.shape[0] != 1:
            raise ValueError(f"For 1D input, 1D target must have size 1, but got target size: {t.shape[0]}")
        if t.ndim > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    elif not t.ndim or x.shape[0] != t.shape[0]:
        raise ValueError(
            f"Expected input batch_size ({x.shape[0]}) to match target batch_size ({t.shape[0] if t.ndim else 1})."
        )
    if x.ndim == 2:
        if t.ndim != 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    elif x.ndim > 2 and t.shape != (x.shape[0], *x.shape[2:]):
        if x.ndim == 4 and t.ndim != 3:
            raise RuntimeError(
                f"only batches of spatial targets supported (3D tensors) but got targets of dimension: {t.ndim}"
            )
        if x.ndim == 4:
            raise RuntimeError(f"size mismatch (got input: {list(x.shape)} , target: {list(t.shape)}")
        raise RuntimeError(f"Expected target size {[x.shape[0], *x.shape[2:]]}, got {list(t.shape)}")
    if weight is not None:
        classes = x.shape[1 if x.ndim > 1 else 0]
        if weight._data.shape != (classes,):
            raise RuntimeError(
                f"weight tensor should be defined either for all {classes} classes or no classes but got weight tensor "
                f"of shape: {list(weight._data.shape)}"
            )
        if weight._data.dtype != x.dtype:
            names = of[x.dtype].type_name, of[weight._data.dtype].type_name
            raise RuntimeError(f"expected scalar type {names[0]} but found {names[1]}")
    if t.dtype not in (np.int64, np.uint8):
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {of[t.dtype].type_name}")
    if x.dtype.kind != "f":
        raise not_implemented(kernel, input)


def _class_numbers(target: Any, x: Any) -> Any:
    t = target._data
    if t.dtype != np.int64:
        t = t.astype(np.int64)
    return t.reshape(()) if x.ndim == 1 and t.ndim == 1 else t


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """-input[i, target[i]], for log probabilities input (N, C, *d) and class numbers target (N, *d).

    weight: of each class; ignore_index: a target that does not count. The mean is weighted.
    """
    if size_average is not None or reduce is not None or reduction not in ("mean", "sum", "none"):
        reduction = reduction_of(size_average, reduce, reduction)
    need_tensor("nll_loss_nd", input)
    need_tensor("nll_loss_nd", target, "target", 2)
    x, t = input._data, target._data
    if x.ndim == 2 and t.dtype == np.int64 and t.shape == x.shape[:1] and x.dtype.kind == "f" and weight is None:
        return L.nll_loss(input, target, None, ignore_index, reduction)
    _check_classes(
        input, target, weight, "nll_loss_out_frame" if input._data.ndim < 3 else "nll_loss2d_forward_out_frame"
    )
    entry = L.nll_loss2d if input._data.ndim > 2 else L.nll_loss
    w = None if weight is None else weight._data
    numbers = _class_numbers(target, input._data)
    return entry(input, target if numbers is target._data else numbers, w, ignore_index, reduction)


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """-log softmax(input) at the target class; input (N, C, *d) or (C), target class numbers (N, *d) or () or
    probabilities of input's shape.

    weight: of each class; ignore_index: a class number that does not count; label_smoothing: the part of the target
    that is spread evenly over all classes.

    >>> import microtorch as torch
    >>> torch.nn.functional.cross_entropy(torch.zeros(1, 4), torch.tensor([2]))
    tensor(1.3863)
    """
    if size_average is not None or reduce is not None or reduction not in ("mean", "sum", "none"):
        reduction = reduction_of(size_average, reduce, reduction)
    try:
        x, t = input._data, target._data
    except AttributeError:
        need_tensor("cross_entropy_loss", input)
        need_tensor("cross_entropy_loss", target, "target", 2)
        raise
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")
    if x.ndim == 2 and t.dtype == np.int64 and t.shape == x.shape[:1] and x.dtype.kind == "f" and weight is None:
        if not label_smoothing:
            return L.cross_entropy(input, target, None, ignore_index, reduction)
    elif t.shape == x.shape:
        if t.dtype.kind != "f":
            raise RuntimeError(
                f"Expected floating point type for target with class probabilities, got {of[t.dtype].type_name}"
            )
        return _cross_entropy_of_probabilities(input, target, weight, ignore_index, reduction, label_smoothing)
    if x.dtype.kind != "f":
        raise not_implemented("log_softmax_lastdim_kernel_impl" if x.ndim < 3 else "softmax_kernel_impl", input)
    _check_classes(input, target, weight, "nll_loss_out_frame")
    numbers = _class_numbers(target, x)
    classes = target if numbers is t else numbers
    w = None if weight is None else weight._data
    if label_smoothing:
        return _smoothed(input, numbers, classes, w, ignore_index, reduction, label_smoothing)
    return (L.cross_entropy2d if x.ndim > 2 else L.cross_entropy)(input, classes, w, ignore_index, reduction)


def _smoothed(
    input: Any, target: Any, classes: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Tensor:
    """(1 - s) times the class's loss, plus s times the mean loss of all classes."""
    x = input._data
    axis = 1 if x.ndim > 1 else 0
    log_p = M.log_softmax(input, axis)
    nll = (L.nll_loss2d if x.ndim > 2 else L.nll_loss)(log_p, classes, weight, ignore_index, reduction)
    scored = log_p
    if weight is not None:
        scored = P.mul(log_p, wrap(weight.reshape((-1,) + (1,) * (x.ndim - axis - 1))))
    smooth = P.neg(R.sum(scored, (axis,), False))
    ignored = target == ignore_index
    if np.any(everything(ignored)):
        smooth = P.where(ignored, wrap(zeros((), x.dtype)), smooth)
    if reduction == "mean":
        if weight is None:
            count: Any = as_array(np.size(ignored) - np.count_nonzero(ignored))
        else:
            count = np.asarray(np.where(ignored, 0, weight[np.where(ignored, 0, target)]).sum())
        smooth = P.div(R.sum_all(smooth, None, False), wrap(cast(count, x.dtype)))
    elif reduction == "sum":
        smooth = R.sum_all(smooth, None, False)
    return P.add(P.mul(nll, 1 - smoothing), P.mul(smooth, smoothing / x.shape[axis]))


def _cross_entropy_of_probabilities(
    input: Any, target: Any, weight: Any, ignore_index: int, reduction: str, smoothing: float
) -> Tensor:
    x = input._data
    if x.dtype.kind != "f":
        raise not_implemented("log_softmax_lastdim_kernel_impl", input)
    axis = 1 if x.ndim > 1 else 0
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    classes = x.shape[axis]
    if weight is not None and weight._data.shape != (classes,):
        raise RuntimeError(
            f"cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but got "
            f"weight tensor of shape: {list(weight._data.shape)}"
        )
    if smoothing:
        target = P.add(P.mul(target, 1 - smoothing), smoothing / classes)
    scored = P.mul(M.log_softmax(input, axis), target)
    if weight is not None:
        scored = P.mul(scored, S.reshape(weight, (classes,) + (1,) * (x.ndim - axis - 1)))
    if reduction == "none":
        return P.neg(R.sum(scored, (axis,), False))
    total = P.neg(R.sum_all(scored, None, False))
    return L.over_number(total, x.size // classes if classes else 0) if reduction == "mean" else total


def kl_div(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """target (log target - input): the divergence of probabilities target from exp(input).

    log_target: the target is given as logarithms. reduction: also "batchmean", the sum over the batch size.
    """
    if size_average is not None or reduce is not None:
        mode = reduction_of(size_average, reduce, reduction)
    else:
        if reduction == "mean":
            warnings.warn(
                "reduction: 'mean' divides the total loss by both the batch size and the support size.'batchmean' "
                "divides only by the batch size, and aligns with the KL div math definition.'mean' will be changed to "
                "behave the same as 'batchmean' in the next major release.",
                stacklevel=2,
            )
        mode = "sum" if reduction == "batchmean" else reduction_of(None, None, reduction)
    result = divergence(input, target, mode, log_target)
    return P.div(result, input._data.shape[0]) if reduction == "batchmean" and input._data.ndim else result


def divergence(input: Any, target: Any, reduction: str, log_target: bool) -> Tensor:
    """`kl_div` with one of the usual reductions."""
    if "f" != input._data.dtype.kind or "f" != target._data.dtype.kind:
        raise RuntimeError("kl_div: Integral inputs not supported.")
    if log_target:
        return reduced(P.mul(P.exp(target), P.sub(target, input)), reduction)
    return reduced(P.sub(L.x_log_x(target), P.mul(target, input)), reduction)


def soft_margin_loss(
    input: Any, target: Any, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Tensor:
    """log(1 + exp(-target * input)), for targets 1 and -1."""
    reduction = reduction_of(size_average, reduce, reduction)
    kinds = [of[t._data.dtype].type_name for t in (input, target)]
    if target._data.dtype.kind == "b":
        P.neg(target)  # raises
    if target._node is not None and mode.enabled:
        raise RuntimeError(
            "The function 'soft_margin_loss' is not differentiable with respect to argument 'target'. This input "
            "cannot have requires_grad True."
        )
    if "f" not in (input._data.dtype.kind, target._data.dtype.kind):
        raise RuntimeError(f"result type Float can't be cast to the desired output type {kinds[0]}")
    shape = input._data.shape
    input, target = broadcast(*same_dtype(input, target))
    _check_output_shape(shape, input._data.shape)
    result = L.soft_margin_loss(input, target, reduction)
    return result if result._data.dtype == input._data.dtype else P.cast(result, input._data.dtype)


def multilabel_soft_margin_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over classes of the binary cross entropy with logits."""
    reduction = reduction_of(size_average, reduce, reduction)
    dtype = input._data.dtype
    input, target, weight = single(input), single(target), single(weight)
    positive = P.mul(target, A.log_sigmoid(input))
    negative = P.mul(P.sub(1, target), A.log_sigmoid(P.neg(input)))
    losses = P.neg(P.add(positive, negative))
    if weight is not None:
        losses = P.mul(losses, weight)
    axis = input._data.ndim - 1
    if axis < 0:
        raise IndexError("Dimension specified as -1 but tensor has no dimensions")
    return as_half(reduced(P.div(R.sum(losses, (axis,), False), input._data.shape[axis]), reduction), dtype)


def multi_margin_loss(
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """The mean over wrong classes i of max(0, margin - input[t] + input[i])^p; input (N, C) or (C)."""
    reduction = reduction_of(size_average, reduce, reduction)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight._data.ndim != 1:
        raise ValueError("weight must be one-dimensional")
    x, t = input._data, target._data
    if x.ndim == 0:
        input, x = S.reshape(input, (1,)), x.reshape(1)
    if x.ndim > 2 or 0 in x.shape[-1:]:
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(x.shape)}"
        )
    count = x.shape[0] if x.ndim == 2 else 1
    if t.ndim > 1 or t.size != count:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch "
            f"size). Expected target size [{count}], but got {list(t.shape)}. Input has shape {list(x.shape)}."
        )
    if weight is not None and weight._data.size != x.shape[-1]:
        raise RuntimeError(f"inconsistent weight size, expected {x.shape[-1]} but got {list(weight._data.shape)}")
    _need_numbers(t)
    if t.size and (t.min() < 0 or t.max() >= x.shape[-1]):
        raise RuntimeError("target out of range")
    rows = input if x.ndim == 2 else S.unsqueeze(input, 0)
    w = None if weight is None else weight._data
    out = L.multi_margin_loss(rows, target if t.ndim == 1 else t.reshape(-1), w, p, margin, reduction)
    return S.reshape(out, ()) if x.ndim == 1 and t.ndim == 0 and reduction == "none" else out


def _need_numbers(target: Any) -> None:
    if target.dtype != np.int64:
        raise RuntimeError(f"expected scalar type Long but found {of[target.dtype].type_name}")


def multilabel_margin_loss(
    input: Any, target: Any, size_average: bool | None = None, reduce: bool | None = None, reduction: str = "mean"
) -> Tensor:
    """The mean over target classes j and others i of max(0, 1 - input[j] + input[i]).

    target: for each row the list of its classes, ended by -1.
    """
    reduction = reduction_of(size_average, reduce, reduction)
    x, t = input._data, target._data
    if x.ndim > 2 or 0 in x.shape[-1:]:
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(x.shape)}"
        )
    if x.shape != t.shape:
        raise RuntimeError(f"inconsistent target size: {list(t.shape)} for input of size: {list(x.shape)}")
    _need_numbers(t)
    if t.size and t.min() < -1:
        raise RuntimeError("argument #2 'target' is out of range")
    if t.size and t.max() >= (x.shape[-1] if x.ndim else 1):
        raise RuntimeError("argument #2 'target' is out of range")
    if x.ndim == 2:
        return L.multilabel_margin_loss(input, target, reduction)
    out = L.multilabel_margin_loss(S.reshape(input, (1, x.size)), t.reshape(1, -1), reduction)
    return S.reshape(out, ()) if reduction == "none" else out


# sequences, and a fused form ------------------------------------------------------------------------------------------


def _ctc_error(text: str) -> RuntimeError:
    return RuntimeError(f"{text} (while checking arguments for ctc_loss_allocate_outputs)")


def _check_targets(x: Any, t: Any, steps: Any, sizes: Any) -> None:
    """PyTorch's errors for lengths and targets (all in one dimension, or a row each) that do not fit x (T, N, C)."""
    if (sizes < 0).any():
        raise _ctc_error(f"Expected target_lengths to have value at least 0, but got value {int(sizes[sizes < 0][0])}")
    if t.ndim not in (1, 2):
        raise _ctc_error(f"Expected 1 to 2 dimensions, but got {t.ndim}-dimensional tensor for argument #2 'targets'")
    wanted = int(sizes.sum()) if t.ndim == 1 else x.shape[1]
    if t.shape[0] != wanted:
        raise _ctc_error(
            f"Expected tensor to have size {wanted} at dimension 0, but got size {t.shape[0]} for argument #2 'targets'"
        )
    if t.ndim == 2 and t.shape[1] < sizes.max():
        raise _ctc_error(
            f"Expected tensor to have size at least {int(sizes.max())} at dimension 1, but got size {t.shape[1]} for "
            "argument #2 'targets'"
        )
    if (steps < 0).any():
        raise _ctc_error(f"Expected input_lengths to have value at least 0, but got value {int(steps[steps < 0][0])}")
    if steps.max() > x.shape[0]:
        raise _ctc_error(f"Expected input_lengths to have value at most {x.shape[0]}, but got value {int(steps.max())}")


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Tensor:
    """-log probability of label sequences, summed over all alignments (Graves et al., 2006).

    log_probs (T, N, C) or (T, C); targets (N, S), or all in one dimension; lengths (N), tensors or sequences.
    The mean divides each loss by its target's length first. zero_infinity: targets that cannot be aligned give 0.
    """
    mode = reduction_of(None, None, reduction)
    need_tensor("ctc_loss", log_probs, "log_probs", 1)
    need_tensor("ctc_loss", targets, "targets", 2)
    x = log_probs._data
    if x.dtype not in (np.float32, np.float64):
        raise not_implemented("ctc_loss_cpu", log_probs)
    batched = x.ndim == 3
    if not batched:
        log_probs = S.unsqueeze(log_probs, 1)
        if log_probs._data.ndim != 3:
            raise _ctc_error(
                f"Expected 3-dimensional tensor, but got {x.ndim + 1}-dimensional tensor for argument #1 'log_probs'"
            )
        x = log_probs._data
    lengths = []
    for argument, values in (("input_lengths", input_lengths), ("target_lengths", target_lengths)):
        array = values._data if hasattr(values, "_data") else np.asarray(values)
        if array.dtype.kind not in "iu":
            raise RuntimeError(f"{argument} must be integral")
        array = array.reshape(-1).astype(np.int64)
        if array.size != x.shape[1]:
            raise RuntimeError(f"{argument} must be of size batch_size")
        lengths.append(array)
    steps, sizes = lengths
    if not x.size:
        raise RuntimeError("log_probs tensor must not be empty")
    if not 0 <= blank < x.shape[2]:
        raise RuntimeError("blank must be in label range")
    t = targets._data.astype(np.int64)
    _check_targets(x, t, steps, sizes)
    if t.ndim == 1 and batched:  # one after the other: spread them over rows
        rows = np.full((sizes.size, int(sizes.max(initial=0))), blank, np.int64)
        rows[np.arange(rows.shape[1]) < sizes[:, None]] = t[: int(sizes.sum())]
        t = rows
    elif t.ndim == 1:
        t = t[None]
    t = np.where(np.arange(t.shape[1]) < sizes[:, None], t, blank)
    losses = L.ctc_loss(log_probs, t, steps, sizes, blank, zero_infinity)
    if zero_infinity:
        losses = P.where(np.isinf(losses._data), wrap(zeros((), x.dtype)), losses)
    if mode == "mean":
        return R.mean_all(P.div(losses, wrap(np.maximum(sizes, 1).astype(x.dtype))), None, False)
    if mode == "none":
        return losses if batched else S.squeeze_one(losses, (0,))
    return R.sum_all(losses, None, False)


def _check_options(reduction: str, label_smoothing: float, target: Any, weight: Any, bias: Any) -> None:
    """PyTorch's warning where it would not cut the product into chunks in spite of `options`."""
    out = weight.shape[1:-1]
    if out or reduction not in REDUCTIONS or label_smoothing or target._data.dtype != np.int64:
        warnings.warn(
            "linear_cross_entropy: ``options`` ignored; chunked path needs reduction in {'mean','sum','none'}, "
            "label_smoothing == 0, target.dtype == int64, out_features == (). Got "
            f"reduction={reduction!r}, label_smoothing={label_smoothing}, target.dtype={target.dtype}, "
            f"out_features={out}, tracing=False, "
            f"linear_bias.shape={None if bias is None else tuple(bias.shape)}.",
            stacklevel=3,
        )


def linear_cross_entropy(
    input: Any,
    linear_weight: Any,
    target: Any,
    *,
    linear_bias: Any = None,
    weight: Any = None,
    reduction: str = "mean",
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    options: Any = None,
) -> Tensor:
    """cross_entropy of linear(input, linear_weight, linear_bias).

    input (N, in) or (in), linear_weight (C, in) or (C, *d, in), target as cross_entropy has it.

    options, which in PyTorch choose how the product is cut into chunks, change nothing here.
    """
    x, w = input._data, linear_weight._data
    if x.ndim not in (1, 2):
        raise RuntimeError(f"expected input with dimensionality 1 or 2, got {x.ndim}")
    if w.ndim < 2:
        raise RuntimeError(f"expected linear_weight with dimensionality at least 2, got {w.ndim}")
    if x.shape[-1] != w.shape[-1]:
        raise RuntimeError(
            f"expected equal input and linear_weight last dimensions (in_features), got {x.shape[-1]} and "
            f"{w.shape[-1]}, respectively"
        )
    if linear_bias is not None and linear_bias._data.shape != w.shape[:-1]:
        raise RuntimeError(f"expected linear_bias shape {w.shape[:-1]}, got {linear_bias._data.shape}")
    if w.ndim > 2 and x.ndim == 1:
        raise RuntimeError(
            f"K-dimensional loss defined by linear_weight shape {w.shape} requires batched input, (N, {w.shape[-1]}), "
            f"got unbatched input with shape {x.shape}"
        )
    if ignore_index is not None and target._data.shape == (*x.shape[:-1], *w.shape[:-1]):
        raise RuntimeError("ignore_index cannot be specified when target contains probabilities")
    if options is not None:
        _check_options(reduction, label_smoothing, target, w, linear_bias)
    dtype = x.dtype
    input, linear_weight, linear_bias = single(input), single(linear_weight), single(linear_bias)
    rows = S.reshape(linear_weight, (-1, w.shape[-1]))
    shift = None if linear_bias is None else S.reshape(linear_bias, (-1,))
    scores = linear(input, rows, shift)
    if w.ndim > 2:
        scores = S.reshape(scores, (x.shape[0], *w.shape[:-1]))
    loss = cross_entropy(
        scores, single(target), single(weight), ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction, label_smoothing=label_smoothing,
    )  # fmt: skip
    return as_half(loss, dtype)
