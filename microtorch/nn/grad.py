"""`torch.nn.grad`: the gradients of convolutions, as functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from microtorch.functions.arguments import need_tensor
from microtorch.nn.functional.checks import sizes
from microtorch.ops import conv as C

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

Ints = int | Sequence[int]


def _input(
    count: int, input_size: Any, weight: Any, grad_output: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    name = f"conv{count}d_input"
    need_tensor(name, weight, "weight", 2)
    need_tensor(name, grad_output, "grad_output", 3)
    steps = [sizes(v, count, name, word) for word, v in zip(_WORDS, (stride, padding, dilation))]
    gradient: Tensor = C.conv_input(grad_output, weight, tuple(input_size), *steps, groups)
    return gradient


def _weight(
    count: int, input: Any, weight_size: Any, grad_output: Any, stride: Any, padding: Any, dilation: Any, groups: int
) -> Tensor:
    name = f"conv{count}d_weight"
    need_tensor(name, input)
    need_tensor(name, grad_output, "grad_output", 3)
    steps = [sizes(v, count, name, word) for word, v in zip(_WORDS, (stride, padding, dilation))]
    gradient: Tensor = C.conv_weight(grad_output, input, tuple(weight_size), *steps, groups)
    return gradient


_WORDS = ("stride", "padding", "dilation")


def conv1d_input(
    input_size: Sequence[int], weight: Any, grad_output: Any, stride: Ints = 1, padding: Ints = 0, dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """The gradient of `conv1d` in its input, of shape `input_size`, given that of its result."""
    return _input(1, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv1d_weight(
    input: Any, weight_size: Sequence[int], grad_output: Any, stride: Ints = 1, padding: Ints = 0, dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """The gradient of `conv1d` in its weight, of shape `weight_size`, given that of its result."""
    return _weight(1, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv2d_input(
    input_size: Sequence[int], weight: Any, grad_output: Any, stride: Ints = 1, padding: Ints = 0, dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """The gradient of `conv2d` in its input, of shape `input_size`, given that of its result."""
    return _input(2, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv2d_weight(
    input: Any, weight_size: Sequence[int], grad_output: Any, stride: Ints = 1, padding: Ints = 0, dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """The gradient of `conv2d` in its weight, of shape `weight_size`, given that of its result."""
    return _weight(2, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv3d_input(
    input_size: Sequence[int], weight: Any, grad_output: Any, stride: Ints = 1, padding: Ints = 0, dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """The gradient of `conv3d` in its input, of shape `input_size`, given that of its result."""
    return _input(3, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv3d_weight(
    input: Any, weight_size: Sequence[int], grad_output: Any, stride: Ints = 1, padding: Ints = 0, dilation: Ints = 1,
    groups: int = 1,
) -> Tensor:  # fmt: skip
    """The gradient of `conv3d` in its weight, of shape `weight_size`, given that of its result."""
    return _weight(3, input, weight_size, grad_output, stride, padding, dilation, groups)
