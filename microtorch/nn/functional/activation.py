"""Activations, softmax and its kin, with PyTorch's signatures."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.inplace import in_place
from microtorch.autograd.state import TensorBase, wrap
from microtorch.dtypes import of
from microtorch.functions.arguments import axes_of, axis_of, named, need_tensor, write_out
from microtorch.functions.softmax import softmax_along
from microtorch.kernels.bfloat16 import cast, finfo
from microtorch.nn.functional.checks import floating, not_implemented
from microtorch.ops import activation as A, norm as N, pointwise as P, softmax as S
from microtorch.random import default_generator

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946

_relu_, _leaky_relu_, _rrelu_mean_ = in_place(A.relu), in_place(A.leaky_relu_in_place), in_place(A.rrelu_mean_in_place)
_elu_, _celu_, _rrelu_ = in_place(A.elu_in_place), in_place(A.celu_in_place), in_place(A.rrelu_in_place)
_hardtanh_, _threshold_ = in_place(A.hardtanh), in_place(A.threshold_in_place)


def relu(input: Any, inplace: bool = False) -> Tensor:
    """max(input, 0), element by element.

    >>> import microtorch as torch
    >>> torch.nn.functional.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    if inplace:
        return relu_(input)
    if type(input._data) is np.ndarray and input._data.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return A.relu(input)


def relu_(input: Any) -> Tensor:
    """`relu` in place."""
    need_tensor("relu_", input)
    if input._data.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return _relu_(input)


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """input, or negative_slope * input where it is negative."""
    need_tensor("leaky_relu", input)
    floating("leaky_relu_cpu", input, inplace=inplace)
    if inplace:
        if negative_slope < 0 and input._node is not None:
            raise RuntimeError(
                "In-place leakyReLu backward calculation is triggered with a negative slope which is not supported. "
                "This is caused by calling in-place forward function with a negative slope, please call out-of-place "
                "version instead. File an issue at https://github.com/pytorch/pytorch if you do require supporting "
                "in-place leakRelu backward calculation with negative slope"
            )
        return _leaky_relu_(input, negative_slope)
    return A.leaky_relu(input, negative_slope)


def leaky_relu_(input: Any, negative_slope: float = 0.01) -> Tensor:
    """`leaky_relu` in place."""
    return leaky_relu(input, negative_slope, inplace=True)


def prelu(input: Any, weight: Any) -> Tensor:
    """input, or weight * input where it is negative; one weight, or one for each channel (dimension 1).

    Raises RuntimeError if the number of weights is neither.
    """
    need_tensor("prelu", input)
    need_tensor("prelu", weight, "weight", 2)
    x, w = input._data, weight._data
    if x.dtype != w.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {of[x.dtype].type_name} and {of[w.dtype].type_name}"
        )
    if w.size != 1:
        if x.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = x.shape[1] if x.ndim >= 2 else 1
        if channels != w.size:
            raise RuntimeError(
                f"Mismatch of parameter numbers and input channel size. Found parameter numbers = {w.size} and channel "
                f"size = {channels}."
            )
    if w.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w.ndim}")
    if x.ndim >= 2:
        weight = weight.reshape((1, w.size) + (1,) * (x.ndim - 2))
    elif w.ndim != x.ndim:
        weight = weight.reshape((w.size,) * x.ndim)
    if x.size:
        floating("prelu_cpu", input)
    return A.prelu(input, weight)


def rrelu(
    input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False, inplace: bool = False
) -> Tensor:
    """leaky_relu with slopes drawn from [lower, upper] in training, with their mean otherwise."""
    need_tensor("rrelu", input)
    floating("rrelu_with_noise_out_cpu" if training else "leaky_relu_cpu", input, inplace=inplace)
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        return (_rrelu_mean_ if inplace else A.rrelu_mean)(input, (lower + upper) / 2)
    noise = default_generator.stream.rrelu_noise(input._data, lower, upper)
    return (_rrelu_ if inplace else A.rrelu)(input, wrap(noise))


def rrelu_(input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False) -> Tensor:
    """`rrelu` in place."""
    return rrelu(input, lower, upper, training, inplace=True)


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """input where it is greater than threshold, else value."""
    need_tensor("threshold", input)
    if input._data.dtype.kind == "b" and input._data.size:
        raise not_implemented("threshold_cpu", input)
    return (_threshold_ if inplace else A.threshold)(input, threshold, value)


def threshold_(input: Any, threshold: float, value: float) -> Tensor:
    """`threshold` in place."""
    return _threshold_(input, threshold, value)


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Tensor:
    """input cut off at min_val and max_val.

    Raises ValueError if min_val is greater than max_val.
    """
    need_tensor("hardtanh", input)
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    kind = input._data.dtype.kind
    if kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh")
    if kind in "iu":
        if kind == "u" and (min_val < 0 or max_val < 0):
            raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
        min_val, max_val = int(min_val), int(max_val)
    if kind == "c":
        raise NotImplementedError("clamp is not supported for complex types")
    return (_hardtanh_ if inplace else A.hardtanh)(input, min_val, max_val)


def hardtanh_(input: Any, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """`hardtanh` in place."""
    return hardtanh(input, min_val, max_val, inplace=True)


def relu6(input: Any, inplace: bool = False) -> Tensor:
    """min(max(input, 0), 6)."""
    return hardtanh(input, 0.0, 6.0, inplace)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input, or alpha * (exp(input) - 1) where it is negative (Clevert et al., 2015)."""
    need_tensor("elu", input)
    floating("elu_cpu", input, inplace=inplace)
    return (_elu_ if inplace else A.elu)(input, alpha, 1.0, 1.0)


def elu_(input: Any, alpha: float = 1.0) -> Tensor:
    """`elu` in place."""
    return elu(input, alpha, inplace=True)


def selu(input: Any, inplace: bool = False) -> Tensor:
    """The scaled elu that keeps mean 0 and variance 1 (Klambauer et al., 2017)."""
    need_tensor("selu", input)
    floating("elu_cpu", input, inplace=inplace)
    return (_elu_ if inplace else A.elu)(input, SELU_ALPHA, SELU_SCALE, 1.0)


def selu_(input: Any) -> Tensor:
    """`selu` in place."""
    return selu(input, inplace=True)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """input, or alpha * (exp(input / alpha) - 1) where it is negative (Barron, 2017)."""
    need_tensor("celu", input)
    floating("elu_cpu", input, inplace=inplace)
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return (_celu_ if inplace else A.celu)(input, alpha, 1.0, 1.0 / alpha)


def celu_(input: Any, alpha: float = 1.0) -> Tensor:
    """`celu` in place."""
    return celu(input, alpha, inplace=True)


def gelu(input: Any, *, approximate: str = "none") -> Tensor:
    """input times its normal distribution function (Hendrycks and Gimpel, 2016).

    approximate: "none", or "tanh" for the approximation by tanh.
    """
    if not isinstance(input, TensorBase):
        need_tensor("gelu", input)
    if input._data.dtype.kind != "f":
        floating("GeluKernelImpl", input)
    if approximate == "none":
        return A.gelu(input)
    if approximate == "tanh":
        return A.gelu_tanh(input)
    raise RuntimeError("approximate argument must be either none or tanh.")


def _smooth(entry: Any, doc: str) -> Callable[..., Tensor]:
    """The public function of an entry of floating numbers that also works in place."""
    name, kernel, write = entry.__name__, f"{entry.__name__}_cpu", in_place(entry)

    def call(input: Any, inplace: bool = False) -> Tensor:
        need_tensor(name, input)
        floating(kernel, input, inplace=inplace)
        return (write if inplace else entry)(input)  # type: ignore[no-any-return]

    return named(call, name, doc)


silu = _smooth(A.silu, "input * sigmoid(input), also called swish.")
mish = _smooth(A.mish, "input * tanh(softplus(input)) (Misra, 2019).")
hardsigmoid = _smooth(A.hardsigmoid, "min(max(input + 3, 0), 6) / 6.")
hardswish = _smooth(A.hardswish, "input * min(max(input + 3, 0), 6) / 6 (Howard et al., 2019).")


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """log(1 + exp(beta * input)) / beta; input itself where beta * input passes the threshold."""
    need_tensor("softplus", input)
    floating("softplus_cpu", input)
    return A.softplus(input, beta, threshold)


def softsign(input: Any) -> Tensor:
    """input / (1 + |input|)."""
    if input._data.dtype.kind == "b":
        raise not_implemented("abs_cpu", input)
    return P.div(input, P.add(P.abs(input), 1))


def sigmoid(input: Any) -> Tensor:
    """1 / (1 + exp(-input))."""
    return P.sigmoid(input)


def tanh(input: Any) -> Tensor:
    """The hyperbolic tangent."""
    return P.tanh(input)


def logsigmoid(input: Any) -> Tensor:
    """log(sigmoid(input)), without overflow."""
    need_tensor("log_sigmoid", input)
    floating("log_sigmoid_cpu", input)
    return A.log_sigmoid(input)


def tanhshrink(input: Any) -> Tensor:
    """input - tanh(input)."""
    return P.sub(input, P.tanh(input))


def softshrink(input: Any, lambd: float = 0.5) -> Tensor:
    """input moved toward 0 by lambd, 0 where it is nearer.

    Raises RuntimeError if lambd is negative.
    """
    need_tensor("softshrink", input)
    floating("softshrink_check", input)
    if not lambd >= 0:
        raise RuntimeError(
            f"lambda must be in range [0, {finfo(input._data.dtype).max:g}] for input dtype "
            f"{of[input._data.dtype].type_name}, but found {lambd:g}"
        )
    return A.softshrink(input, lambd)


def hardshrink(input: Any, lambd: float = 0.5) -> Tensor:
    """input, or 0 where its absolute value is at most lambd."""
    need_tensor("hardshrink", input)
    floating("hardshrink_cpu", input)
    return A.hardshrink(input, lambd)


def glu(input: Any, dim: int = -1) -> Tensor:
    """The first half along `dim` times the sigmoid of the second half (Dauphin et al., 2016).

    Raises RuntimeError for a scalar or an odd size.
    """
    need_tensor("glu", input)
    if input._data.ndim == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    axis = axis_of(dim, input._data.ndim)
    size = input._data.shape[axis]
    if size % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {axis} is size {size}")
    floating("glu_cpu", input)
    return A.glu(input, axis)


# softmax and its kin -------------------------------------------------------------------------------------------------


def _implicit_dim(name: str, ndim: int, stacklevel: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include dim=X as an argument.",
        stacklevel=stacklevel + 1,
    )
    return 0 if ndim in (0, 1, 3) else 1


def _softmax_of(name: str, entry: Any, input: Any, dim: Any, stacklevel: int, dtype: Any) -> Tensor:
    need_tensor(name, input)
    if dim is None:
        dim = _implicit_dim(name, input._data.ndim, stacklevel + 1)
    return softmax_along(name, entry, input, dim, dtype)


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """exp(input) / sum(exp(input)) along `dim`, computed in `dtype` if given.

    >>> import microtorch as torch
    >>> torch.nn.functional.softmax(torch.zeros(1, 4), dim=1)
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """
    return _softmax_of("softmax", S.softmax, input, dim, _stacklevel, dtype)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """The logarithm of softmax, computed without its overflow and underflow."""
    return _softmax_of("log_softmax", S.log_softmax, input, dim, _stacklevel, dtype)


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Tensor:
    """softmax of -input."""
    need_tensor("softmin", input)
    if input._data.dtype.kind == "b":
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )
    if dim is None:
        dim = _implicit_dim("softmin", input._data.ndim, _stacklevel)
    return _softmax_of("softmax", S.softmax, P.neg(input), dim, _stacklevel, dtype)


def gumbel_softmax(logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Tensor:
    """softmax((logits + Gumbel noise) / tau): a differentiable sample of a category (Jang et al., 2016).

    hard: the result is one-hot, with the gradient of the soft sample.
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    x = logits._data
    draws = default_generator.stream.exponential(x.shape, 1.0, dtype=x.dtype)
    gumbels = P.neg(P.log(wrap(draws)))
    axis = axis_of(dim, x.ndim)
    y_soft = S.softmax(P.div(P.add(logits, gumbels), tau), axis)
    if not hard:
        return y_soft
    places = np.argmax(y_soft._data.astype(np.float64), axis, keepdims=True)
    y_hard = np.zeros(x.shape, np.float32)
    if x.ndim:
        np.put_along_axis(y_hard, places, 1, axis)
    else:
        y_hard[...] = 1
    return P.add(P.sub(wrap(cast(y_hard, x.dtype)), wrap(y_soft._data)), y_soft)


def normalize(input: Any, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Any = None) -> Tensor:
    """input divided by its p-norm along `dim` (at least eps)."""
    need_tensor("normalize", input)
    if input._data.dtype.kind not in "fc":
        word = of[input._data.dtype].type_name
        raise RuntimeError(f"linalg.vector_norm: Expected a floating point or complex tensor as input. Got {word}")
    norm = N.p_norm(input, p, axes_of(dim, input._data.ndim) or (), True)
    result = P.div(input, P.clamp(norm, eps, None))
    if out is None:
        return result
    return write_out(out, result)
