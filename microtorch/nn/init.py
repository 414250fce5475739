"""Initial values for parameters. All functions fill their tensor in place, outside of the graph, and return it.

After `manual_seed(s)` the numbers are PyTorch's, bit for bit (but for orthogonal_, whose QR is another library's).
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch.autograd.modes import no_grad
from microtorch.autograd.node import written
from microtorch.functions import creation, pointwise as FP, random as FRandom
from microtorch.functions.arguments import named
from microtorch.kernels.random_checks import require_single_or_double

__all__ = [
    "calculate_gain",
    "uniform_",
    "normal_",
    "trunc_normal_",
    "constant_",
    "ones_",
    "zeros_",
    "eye_",
    "dirac_",
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_uniform_",
    "kaiming_normal_",
    "orthogonal_",
    "sparse_",
    "uniform",
    "normal",
    "constant",
    "eye",
    "dirac",
    "xavier_uniform",
    "xavier_normal",
    "kaiming_uniform",
    "kaiming_normal",
    "orthogonal",
    "sparse",
]

_LINEAR = ("linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


def calculate_gain(nonlinearity: str, param: Any = None) -> float:
    """The factor on the standard deviation that a nonlinearity asks for, so that activations keep their variance.

    param: the negative slope of leaky_relu (default 0.01). Raises ValueError for names that it does not know.

    >>> import microtorch as torch
    >>> torch.nn.init.calculate_gain("relu")
    1.4142135623730951
    """
    if nonlinearity in _LINEAR or nonlinearity == "sigmoid":
        return 1
    if nonlinearity == "tanh":
        return 5.0 / 3
    if nonlinearity == "relu":
        return math.sqrt(2.0)
    if nonlinearity == "leaky_relu":
        if param is not None and (isinstance(param, bool) or not isinstance(param, (int, float))):
            raise ValueError(f"negative_slope {param} not a valid number")
        return math.sqrt(2.0 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity == "selu":
        return 3.0 / 4  # found by trial: https://github.com/pytorch/pytorch/pull/50664
    raise ValueError(f"Unsupported nonlinearity {nonlinearity}")


@no_grad()
def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Any:
    """Uniform numbers in [a, b).

    >>> import microtorch as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.nn.init.uniform_(torch.empty(3))
    tensor([0.4963, 0.7682, 0.0885])
    """
    return FRandom.uniform_(tensor, a, b, generator=generator)


@no_grad()
def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Any:
    """Normal numbers of this mean and standard deviation."""
    return FRandom.normal_(tensor, mean, std, generator=generator)


def _normal_cdf(x: float) -> float:
    return (1.0 + math.erf(x / math.sqrt(2.0))) / 2.0


@no_grad()
def trunc_normal_(
    tensor: Any, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Any = None
) -> Any:
    """Normal numbers of this mean and standard deviation, those outside [a, b] drawn again.

    If [a, b] holds more than 0.3 of the distribution, by drawing normal numbers; else by drawing uniform ones in [a,
    b], each kept with a probability that is the density there over the highest density in [a, b].
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. The distribution of values may be "
            "incorrect.",
            stacklevel=3,
        )
    if _normal_cdf((b - mean) / std) - _normal_cdf((a - mean) / std) > 0.3:
        low, high = (tensor.new_tensor(bound).item() for bound in (a, b))
        FRandom.normal_(tensor, mean, std, generator=generator)
        result = tensor
        while bool((outside := (result < low) | (result > high)).any()):
            again = FRandom.normal_(creation.empty_like(result), mean, std, generator=generator)
            result = FP.where(outside, again, result)
    else:
        log_peak = -0.5 * ((max(a, min(mean, b)) - mean) / std) ** 2

        def rejected(candidates: Any) -> Any:
            """Where the log of a uniform number lies above the log of the density, relative to its peak."""
            log_density = candidates.clone().sub_(mean).div_(std).pow_(2).mul_(-0.5).sub_(log_peak)
            return FRandom.uniform_(creation.empty_like(tensor), generator=generator).log_() > log_density

        result = FRandom.uniform_(tensor, a, b, generator=generator)
        pending = rejected(result)
        while bool(pending.any()):
            again = FRandom.uniform_(creation.empty_like(tensor), a, b, generator=generator)
            result = FP.where(pending, again, result)
            pending = pending & rejected(again)
    return tensor if result is tensor else tensor.copy_(result)


@no_grad()
def constant_(tensor: Any, val: float) -> Any:
    """One number everywhere."""
    return tensor.fill_(val)


@no_grad()
def ones_(tensor: Any) -> Any:
    """Ones."""
    return tensor.fill_(1.0)


@no_grad()
def zeros_(tensor: Any) -> Any:
    """Zeros."""
    return tensor.zero_()


# PyTorch's own names for these without their checks; models take them from there for initialisations of their own
_no_grad_uniform_, _no_grad_normal_, _no_grad_trunc_normal_ = uniform_, normal_, trunc_normal_
_no_grad_fill_, _no_grad_zero_ = constant_, zeros_


@no_grad()
def eye_(tensor: Any) -> Any:
    """Ones on the diagonal of a matrix, zeros elsewhere: a Linear layer is then the identity."""
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    tensor._data[...] = np.eye(*tensor._data.shape)
    written(tensor)
    return tensor


@no_grad()
def dirac_(tensor: Any, groups: int = 1) -> Any:
    """The weight (C_out, C_in/groups, k, ...) of a convolution that hands as many channels through as it can.

    >>> import microtorch as torch
    >>> torch.nn.init.dirac_(torch.empty(1, 2, 3))
    tensor([[[0., 1., 0.],
             [0., 0., 0.]]])
    """
    if tensor.ndimension() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    out, within, *kernel = tensor._data.shape
    if out % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    channel = np.arange(min(out // groups, within))
    tensor.zero_()
    for group in range(groups):
        tensor._data[(group * (out // groups) + channel, channel, *[k // 2 for k in kernel])] = 1
    return tensor


def _calculate_fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    """How many inputs each output has, and how many outputs each input, by a weight (out, in, k, ...)."""
    if tensor.dim() < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    out, within, *kernel = tensor.shape
    receptive = math.prod(kernel)
    return within * receptive, out * receptive


def _calculate_correct_fan(tensor: Any, mode: str) -> int:
    mode = mode.lower()
    valid_modes = ["fan_in", "fan_out"]
    if mode not in valid_modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {valid_modes}")
    return _calculate_fan_in_and_fan_out(tensor)[valid_modes.index(mode)]


def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Uniform numbers of standard deviation gain * sqrt(2 / (fan_in + fan_out)).

    Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks (2010).
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    bound = math.sqrt(3.0) * (gain * math.sqrt(2.0 / float(fan_in + fan_out)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Normal numbers of standard deviation gain * sqrt(2 / (fan_in + fan_out)): Glorot and Bengio (2010)."""
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / float(fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Any:
    """Uniform numbers of standard deviation gain / sqrt(fan), for layers followed by a nonlinearity.

    a: the negative slope of leaky_relu. mode: "fan_in" keeps the variance forwards, "fan_out" backwards.
    He et al., Delving deep into rectifiers (2015).
    """
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    std = calculate_gain_over_fan(tensor, a, mode, nonlinearity)
    bound = math.sqrt(3.0) * std
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Any, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Any:
    """Normal numbers of standard deviation gain / sqrt(fan): He et al. (2015). See kaiming_uniform_."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=2)
        return tensor
    return normal_(tensor, 0, calculate_gain_over_fan(tensor, a, mode, nonlinearity), generator)


def calculate_gain_over_fan(tensor: Any, a: float, mode: str, nonlinearity: str) -> float:
    """The standard deviation of kaiming initialisation."""
    fan = _calculate_correct_fan(tensor, mode)
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


@no_grad()
def orthogonal_(tensor: Any, gain: float = 1, generator: Any = None) -> Any:
    """A matrix (rows, all other dimensions) whose rows or columns are orthonormal, times gain.

    The Q of the QR decomposition of a normal matrix, its signs fixed so that Q is uniformly distributed (Mezzadri 2006,
    https://arxiv.org/abs/math-ph/0609050). Saxe et al., Exact solutions to the nonlinear dynamics of learning (2013).
    """
    if tensor.ndimension() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor._data.shape[0]
    drawn = FRandom.normal_(tensor.new_empty((rows, tensor.numel() // rows)), 0, 1, generator=generator)._data
    require_single_or_double("geqrf_cpu", drawn.dtype)
    wide = rows < drawn.shape[1]
    q, r = np.linalg.qr(drawn.T if wide else drawn)
    q *= np.sign(np.diag(r))
    tensor._data[...] = (q.T if wide else q).reshape(tensor._data.shape)
    tensor._data *= gain
    written(tensor)
    return tensor


@no_grad()
def sparse_(tensor: Any, sparsity: float, std: float = 0.01, generator: Any = None) -> Any:
    """Normal numbers, a fraction `sparsity` of each column zeros: Martens, Hessian-free optimization (2010)."""
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor._data.shape
    zeros = math.ceil(sparsity * rows)
    FRandom.normal_(tensor, 0, std, generator=generator)
    for column in range(columns):
        tensor._data[FRandom.randperm(rows)._data[:zeros], column] = 0  # from the default generator, as in PyTorch
    written(tensor)
    return tensor


def _deprecated(function: Callable[..., Any]) -> Callable[..., Any]:
    """The old name of a function, without the underscore."""
    new = function.__name__
    old = new[:-1]

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        warnings.warn(f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.", FutureWarning, stacklevel=2)
        return function(*args, **kwargs)

    return named(call, old, f"Deprecated: use `{new}`.")


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)
