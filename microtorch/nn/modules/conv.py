"""Convolutions and transposed convolutions in one, two and three dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from microtorch.autograd.modes import no_grad
from microtorch.functions.creation import empty
from microtorch.nn import functional as F, init
from microtorch.nn.modules.lazy import LazyModuleMixin
from microtorch.nn.modules.module import Module
from microtorch.nn.modules.utils import _pair, _reverse_repeat_tuple, _single, _triple
from microtorch.nn.parameter import Parameter, UninitializedParameter

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]


class _ConvNd(Module):
    """What all convolutions share; the sizes are tuples of one number a dimension."""

    in_channels: int
    out_channels: int
    weight: Any
    bias: Any
    _tuple = staticmethod(_single)
    _convolve: Any

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any, padding: Any, dilation: Any,
        transposed: bool, output_padding: Any, groups: int, bias: bool, padding_mode: str, device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(f"Invalid padding string {padding!r}, should be one of { {'same', 'valid'} }")
            if padding == "same" and any(s != 1 for s in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        modes = {"zeros", "reflect", "replicate", "circular"}
        if padding_mode not in modes:
            raise ValueError(f"padding_mode must be one of {modes}, but got padding_mode='{padding_mode}'")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._padding_for_pad()
        shape = (in_channels, out_channels // groups) if transposed else (out_channels, in_channels // groups)
        self.weight = Parameter(empty((*shape, *kernel_size), device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _padding_for_pad(self) -> Any:
        """The padding as F.pad wants it: two numbers a dimension, the last dimension first."""
        if not isinstance(self.padding, str):
            return _reverse_repeat_tuple(self.padding, 2)
        both = []
        for d, k in zip(self.dilation[::-1], self.kernel_size[::-1]):
            total = d * (k - 1) if self.padding == "same" else 0
            both += [total // 2, total - total // 2]
        return both

    def reset_parameters(self) -> None:
        """Draw the weight and the bias anew: uniform in +-1/sqrt(fan_in)."""
        if self.weight.is_contiguous():
            init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        else:  # the same numbers in every memory format
            drawn = init.kaiming_uniform_(empty(self.weight.shape, dtype=self.weight.dtype), a=math.sqrt(5))
            with no_grad():
                self.weight.copy_(drawn)
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
            init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != (0,) * len(self.padding):
            text += f", padding={self.padding}"
        if self.dilation != (1,) * len(self.dilation):
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * len(self.output_padding):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text


class _PlainConv(_ConvNd):
    """A convolution that is not transposed; `_tuple` makes the sizes tuples."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        tuple_ = self._tuple
        super().__init__(
            in_channels, out_channels, tuple_(kernel_size), tuple_(stride),
            padding if isinstance(padding, str) else tuple_(padding), tuple_(dilation), False, tuple_(0), groups, bias,
            padding_mode, device=device, dtype=dtype,
        )  # fmt: skip

    def _conv_forward(self, input: Any, weight: Any, bias: Any) -> Any:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = self._tuple(0)
        return self._convolve(input, weight, bias, self.stride, padding, self.dilation, self.groups)

    def forward(self, input: Any) -> Any:
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_PlainConv):
    """(N, C_in, L) -> (N, C_out, L_out), with L_out = (L + 2 padding - dilation (kernel_size - 1) - 1) // stride + 1.

    weight (C_out, C_in/groups, kernel_size) and bias start uniform in +-1/sqrt(C_in/groups * kernel_size). padding: a
    number, "same" or "valid"; padding_mode: zeros, reflect, replicate or circular. groups: channels in that many
    separate parts.

    >>> import microtorch as torch
    >>> torch.nn.Conv1d(16, 33, 3, stride=2)(torch.zeros(20, 16, 50)).shape
    torch.Size([20, 33, 24])
    """

    _convolve = staticmethod(F.conv1d)


class Conv2d(_PlainConv):
    """(N, C_in, H, W) -> (N, C_out, H_out, W_out); sizes are one number or two. See Conv1d.

    >>> import microtorch as torch
    >>> m = torch.nn.Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2))
    >>> m
    Conv2d(16, 33, kernel_size=(3, 5), stride=(2, 1), padding=(4, 2))
    >>> m(torch.zeros(2, 16, 10, 20)).shape
    torch.Size([2, 33, 8, 20])
    """

    _tuple = staticmethod(_pair)
    _convolve = staticmethod(F.conv2d)


class Conv3d(_PlainConv):
    """(N, C_in, D, H, W) -> (N, C_out, D_out, H_out, W_out); sizes are one number or three. See Conv1d.

    >>> import microtorch as torch
    >>> torch.nn.Conv3d(2, 3, 3)(torch.zeros(1, 2, 5, 6, 7)).shape
    torch.Size([1, 3, 3, 4, 5])
    """

    _tuple = staticmethod(_triple)
    _convolve = staticmethod(F.conv3d)


class _ConvTransposeNd(_ConvNd):
    """A transposed convolution; `_tuple` makes the sizes tuples."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros",
        device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        tuple_ = self._tuple
        super().__init__(
            in_channels, out_channels, tuple_(kernel_size), tuple_(stride), tuple_(padding), tuple_(dilation), True,
            tuple_(output_padding), groups, bias, padding_mode, device=device, dtype=dtype,
        )  # fmt: skip

    def _output_padding(
        self, input: Any, output_size: Sequence[int] | None, stride: Sequence[int], padding: Sequence[int],
        kernel_size: Sequence[int], num_spatial_dims: int, dilation: Sequence[int] | None = None,
    ) -> Any:  # fmt: skip
        """What to add at one end so that the output has the wanted size."""
        if output_size is None:
            return self.output_padding
        others = 2 if input.dim() == num_spatial_dims + 2 else 1
        if len(output_size) == others + num_spatial_dims:
            output_size = output_size[others:]
        if len(output_size) != num_spatial_dims:
            raise ValueError(
                f"ConvTranspose{num_spatial_dims}D: for {input.dim()}D input, output_size must have {num_spatial_dims} "
                f"or {others + num_spatial_dims} elements (got {len(output_size)})"
            )
        dilation = dilation or (1,) * num_spatial_dims
        sizes = input.shape[others:]
        smallest = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(sizes, stride, padding, dilation, kernel_size)
        ]
        largest = [n + s - 1 for n, s in zip(smallest, stride)]
        if any(not low <= n <= high for n, low, high in zip(output_size, smallest, largest)):
            raise ValueError(
                f"requested an output size of {output_size}, but valid sizes range from {smallest} to {largest} (for "
                f"an input of {input.size()[2:]})"
            )
        return [n - low for n, low in zip(output_size, smallest)]

    def forward(self, input: Any, output_size: Sequence[int] | None = None) -> Any:
        """The transposed convolution; output_size chooses among the sizes that a stride > 1 allows."""
        output_padding = self._output_padding(
            input, output_size, self.stride, self.padding, self.kernel_size, len(self.kernel_size), self.dilation
        )
        return self._convolve(
            input, self.weight, self.bias, self.stride, self.padding, output_padding, self.groups, self.dilation
        )


class ConvTranspose1d(_ConvTransposeNd):
    """The gradient of Conv1d with respect to its input, as a layer: (N, C_in, L) -> (N, C_out, L_out).

    L_out = (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.
    weight (C_in, C_out/groups, kernel_size) and bias start uniform in +-1/sqrt(C_out/groups * kernel_size).

    >>> import microtorch as torch
    >>> torch.nn.ConvTranspose1d(16, 33, 3, stride=2)(torch.zeros(20, 16, 50)).shape
    torch.Size([20, 33, 101])
    """

    _convolve = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """(N, C_in, H, W) -> (N, C_out, H_out, W_out); sizes are one number or two. See ConvTranspose1d.

    >>> import microtorch as torch
    >>> torch.nn.ConvTranspose2d(4, 2, 3, stride=2, padding=1)(torch.zeros(1, 4, 6, 6), output_size=(12, 12)).shape
    torch.Size([1, 2, 12, 12])
    """

    _tuple = staticmethod(_pair)
    _convolve = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """(N, C_in, D, H, W) -> (N, C_out, D_out, H_out, W_out); sizes are one number or three. See ConvTranspose1d."""

    _tuple = staticmethod(_triple)
    _convolve = staticmethod(F.conv_transpose3d)


class _LazyConvXdMixin(LazyModuleMixin):
    """in_channels is the number of channels of the first input."""

    weight: Any
    bias: Any
    in_channels: int
    out_channels: int

    def _become_lazy(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw the parameters, once they have shapes."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self: Any, input: Any, *args: Any, **kwargs: Any) -> None:
        """Take in_channels from the input."""
        if not self.has_uninitialized_params():
            return
        self.in_channels = self._get_in_channels(input)
        if self.in_channels % self.groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        into, out = self.in_channels, self.out_channels
        shape = (into, out // self.groups) if self.transposed else (out, into // self.groups)
        with no_grad():
            self.weight.materialize((*shape, *self.kernel_size))
            if self.bias is not None:
                self.bias.materialize((out,))
            self.reset_parameters()

    def _get_in_channels(self, input: Any) -> int:
        n = self._get_num_spatial_dims()
        if input.dim() not in (n + 1, n + 2):
            raise RuntimeError(
                f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {type(self).__name__}, but got input of "
                f"size: {input.shape}"
            )
        return int(input.shape[1] if input.dim() == n + 2 else input.shape[0])

    def _get_num_spatial_dims(self: Any) -> int:
        return len(self.kernel_size)


class _LazyPlainConv(_LazyConvXdMixin, _PlainConv):
    def __init__(
        self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1,
        groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device: Any = None, dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode, device, dtype)
        self._become_lazy(out_channels, bias, device, dtype)


class LazyConv1d(_LazyPlainConv, Conv1d):
    """A Conv1d whose in_channels is the number of channels of its first input.

    >>> import microtorch as torch
    >>> m = torch.nn.LazyConv1d(8, 3)
    >>> _ = m(torch.zeros(1, 2, 5))
    >>> m
    Conv1d(2, 8, kernel_size=(3,), stride=(1,))
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyPlainConv, Conv2d):
    """A Conv2d whose in_channels is the number of channels of its first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyPlainConv, Conv3d):
    """A Conv3d whose in_channels is the number of channels of its first input."""

    cls_to_become = Conv3d


class _LazyConvTranspose(_LazyConvXdMixin, _ConvTransposeNd):
    def __init__(
        self, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
        groups: int = 1, bias: bool = True, dilation: Any = 1, padding_mode: str = "zeros", device: Any = None,
        dtype: Any = None,
    ) -> None:  # fmt: skip
        super().__init__(
            0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation, padding_mode, device, dtype
        )
        self._become_lazy(out_channels, bias, device, dtype)


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """A ConvTranspose1d whose in_channels is the number of channels of its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """A ConvTranspose2d whose in_channels is the number of channels of its first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """A ConvTranspose3d whose in_channels is the number of channels of its first input."""

    cls_to_become = ConvTranspose3d
