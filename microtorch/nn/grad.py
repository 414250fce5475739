"""`torch.nn.grad`: the gradients of convolutions, as functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from microtorch.functions.arguments import named, need_tensor
from microtorch.nn.functional.checks import sizes
from microtorch.ops import conv as C

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

Ints = int | Sequence[int]

_WORDS = ("stride", "padding", "dilation")


def _input(count: int) -> Any:
    """The gradient of the convolution in `count` dimensions in its input."""
    name = f"conv{count}d_input"

    def call(
        input_size: Sequence[int], weight: Any, grad_output: Any, stride: Ints = 1, padding: Ints = 0,
        dilation: Ints = 1, groups: int = 1,
    ) -> Tensor:  # fmt: skip
        need_tensor(name, weight, "weight", 2)
        need_tensor(name, grad_output, "grad_output", 3)
        steps = [sizes(v, count, name, word) for word, v in zip(_WORDS, (stride, padding, dilation))]
        gradient: Tensor = C.conv_input(grad_output, weight, tuple(input_size), *steps, groups)
        return gradient

    return named(
        call, name, f"The gradient of `conv{count}d` in its input, of shape `input_size`, given that of its result."
    )


def _weight(count: int) -> Any:
    """The gradient of the convolution in `count` dimensions in its weight."""
    name = f"conv{count}d_weight"

    def call(
        input: Any, weight_size: Sequence[int], grad_output: Any, stride: Ints = 1, padding: Ints = 0,
        dilation: Ints = 1, groups: int = 1,
    ) -> Tensor:  # fmt: skip
        need_tensor(name, input)
        need_tensor(name, grad_output, "grad_output", 3)
        steps = [sizes(v, count, name, word) for word, v in zip(_WORDS, (stride, padding, dilation))]
        gradient: Tensor = C.conv_weight(grad_output, input, tuple(weight_size), *steps, groups)
        return gradient

    return named(
        call, name, f"The gradient of `conv{count}d` in its weight, of shape `weight_size`, given that of its result."
    )


conv1d_input, conv2d_input, conv3d_input = _input(1), _input(2), _input(3)
conv1d_weight, conv2d_weight, conv3d_weight = _weight(1), _weight(2), _weight(3)
