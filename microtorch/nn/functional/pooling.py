"""Pooling, with PyTorch's signatures. Inputs are (N, C, *S) or, without a batch, (C, *S)."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.dtypes import of
from microtorch.functions.arguments import named, need_tensor
from microtorch.functions.shape import in_shape
from microtorch.kernels import pool as K
from microtorch.nn.functional.checks import not_implemented
from microtorch.ops import pointwise as P, pool as O, shape as S, vision as V
from microtorch.random import default_generator

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

Ints = tuple[int, ...]
_WORD = {1: "one int", 2: "two ints", 3: "three ints"}


def _ints(value: Any, count: int, name: str, argument: str, optional: bool = False) -> Ints:
    """A number for each dimension.

    Raises RuntimeError if there are neither one nor `count`, TypeError if they are no integers.
    """
    if type(value) is int:
        return (value,) * count
    if isinstance(value, (tuple, list)):
        for v in value:
            if isinstance(v, (float, str)) or not hasattr(v, "__index__"):
                raise TypeError(
                    f"{name}(): argument '{argument}' must be tuple of ints, but found element of type "
                    f"{type(v).__name__}"
                )
        if len(value) in (1, count):
            return tuple(int(v) for v in value) * (count if len(value) == 1 else 1)
        if count == 1:
            if name.startswith("avg"):
                raise RuntimeError(f"{name}() argument '{argument}' should contain one int (got {len(value)})")
            kinds = "None, an int, list of ints, or" if optional else "an int, list of ints or"
            raise RuntimeError(f"{name}() {argument} must be {kinds} tuple of ints of size 1 but got size {len(value)}")
        omitted = "either be omitted, a" if optional else "either be a"
        raise RuntimeError(f"{name}: {argument} must {omitted} single int, or a tuple of {_WORD[count]}")
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return (int(value),) * count
    position = {"kernel_size": 2, "stride": 3, "padding": 4, "dilation": 5}.get(argument, 2)
    raise TypeError(
        f"{name}(): argument '{argument}' (position {position}) must be tuple of ints, not {type(value).__name__}"
    )


def _check_windows(
    name: str,
    shape: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    ceil_mode: bool,
    average: bool = False,
) -> None:
    """PyTorch's errors for windows that make no sense, and for inputs that they do not fit."""
    count = len(kernel)
    if count == 1 and not average:
        _check_windows_1d(shape, kernel[0], stride[0], padding[0], dilation[0], ceil_mode)
        return
    ranks = f"{count + 1}D or {count + 2}D"
    if len(shape) not in (count + 1, count + 2):
        if count == 1:
            raise RuntimeError(
                f"Expected 2 to 3 dimensions, but got {len(shape)}-dimensional tensor for argument #1 'self' (while "
                f"checking arguments for {name})"
            )
        if average and count == 2 and len(shape) < 3:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-len(shape)}, {len(shape) - 1}], but got "
                f"{-count - 1})"
            )
        raise RuntimeError(f"non-empty {ranks} (batch mode) tensor expected for input")
    if any(s == 0 for s in stride):
        raise RuntimeError("stride should not be zero")
    if any(p < 0 for p in padding):
        raise RuntimeError(f"pad must be non-negative, but got pad: {min(padding)}")
    for p, k, d in zip(padding, kernel, dilation):
        if d > 0 and p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(
                f"pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and "
                f"dilation={d}"
            )
    if any(k <= 0 for k in kernel):
        raise RuntimeError("kernel size should be greater than zero, but got " + _named("k", kernel))
    if any(s <= 0 for s in stride):
        raise RuntimeError("stride should be greater than zero, but got " + _named("d", (1, *stride)[-max(count, 2) :]))
    if any(d <= 0 for d in dilation):
        raise RuntimeError("dilation should be greater than zero, but got " + _named("dilation", dilation))
    if 0 in shape[len(shape) - count - 1 :]:
        if average and count == 1:
            shape = (*shape[:-1], 1, shape[-1])  # it is a row of an image, in PyTorch
            raise RuntimeError(
                f"Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{list(shape)}"
            )
        if count == 3:
            place = "avg_pool3d" if average else "max_pool3d_with_indices_out_cpu_template"
            raise RuntimeError(
                f"{place}(): Expected input's non-batch dimensions to have positive length, but input has a shape of "
                f"{list(shape)} and non-batch dimension 0 has length zero!"
            )
        raise RuntimeError(
            f"Expected {ranks} (batch mode) tensor with optional 0 dim batch size for input, but got:{list(shape)}"
        )
    out = K.output_size(shape[-count:], kernel, stride, padding, dilation, ceil_mode)
    if any(o < 1 for o in out):
        before, after = (shape[-count:], out) if count > 1 else ((1, *shape[-1:]), (1, *out))
        channels = shape[-count - 1]
        raise RuntimeError(
            f"Given input size: ({'x'.join(map(str, (channels, *before)))}). Calculated output size: "
            f"({'x'.join(map(str, (channels, *after)))}). Output size is too small"
        )


def _named(word: str, values: Ints) -> str:
    letters = "TDHW"[-len(values) :] if len(values) < 3 else "THW"
    return " ".join(f"{word}{letter}: {v}" for letter, v in zip(letters, values))


def _check_windows_1d(shape: Ints, k: int, s: int, p: int, d: int, ceil_mode: bool) -> None:
    if len(shape) not in (2, 3) or shape[-2] == 0 or (len(shape) == 3 and shape[-1] == 0):
        raise RuntimeError(
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but "
            f"got:{list(shape)}"
        )
    if k <= 0:
        raise RuntimeError(f"max_pool1d() kernel_size must be greater than zero, but got {k}")
    if s <= 0:
        raise RuntimeError(f"max_pool1d() stride must be greater than zero, but got {s}")
    if p < 0:
        raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {p}")
    if p > k // 2:
        raise RuntimeError(
            f"max_pool1d() padding should be at most half of kernel size, but got padding={p} and kernel_size={k}"
        )
    if d <= 0:
        raise RuntimeError(f"max_pool1d() dilation must be greater than zero, but got {d}")
    (out,) = K.output_size(shape[-1:], (k,), (s,), (p,), (d,), ceil_mode)
    if out <= 0:
        raise RuntimeError(f"max_pool1d() Invalid computed output size: {out}")


def _single_image(made: Any) -> Any:
    """What was made of a batch of one, without the batch, under the name of what made it."""
    result = in_shape(made, made._data.shape[1:])
    if result._node is not None:
        result._node.note()["name"] = made._node.name()
    return result


def _batched(input: Any, count: int, call: Callable[[Any], Any]) -> Any:
    """call(input) with a batch dimension in front, which the results lose again."""
    if input._data.ndim == count + 2:
        return call(input)
    result = call(S.unsqueeze(input, 0))
    parts = result if isinstance(result, tuple) else (result,)
    if count == 1:
        parts = tuple(S.squeeze_one(r, (0,)) for r in parts)
    else:  # in PyTorch these take a single image as it is: no view
        parts = tuple(_single_image(r) for r in parts)
    return parts if isinstance(result, tuple) else parts[0]


_MAX = {1: (O.max_pool1d, O.max_pool1d_with_indices), 2: (O.max_pool2d, O.max_pool2d_with_indices),
        3: (O.max_pool3d, O.max_pool3d_with_indices)}  # fmt: skip


def _windows(
    name: str, shape: Ints, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool, average: bool
) -> tuple[Ints, Ints, Ints, Ints]:
    """Kernel, stride, padding and dilation for each dimension, checked against the input's shape."""
    count = int(name[-2])
    kernel = _ints(kernel_size, count, name, "kernel_size")
    if stride is None or (isinstance(stride, (tuple, list)) and not stride):
        strides = kernel
    else:
        strides = _ints(stride, count, name, "stride", True)
    pads, dilations = _ints(padding, count, name, "padding"), _ints(dilation, count, name, "dilation")
    _check_windows(name, shape, kernel, strides, pads, dilations, ceil_mode, average)
    return kernel, strides, pads, dilations


_windows_cached = functools.lru_cache(maxsize=1024, typed=True)(_windows)


def _windows_of(*arguments: Any) -> tuple[Ints, Ints, Ints, Ints]:
    """`_windows`, remembered for arguments that can be."""
    try:
        return _windows_cached(*arguments)
    except TypeError:  # lists, or arguments that are wrong
        return _windows(*arguments)


def _max_pool(count: int, doc: str) -> Callable[..., Any]:
    """The function `max_pool<count>d`."""
    name = f"max_pool{count}d"

    def call(
        input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:  # fmt: skip
        need_tensor(name, input)
        x = input._data
        as_2d = count == 1 and bool(return_indices)
        windows = _windows_of(name, x.shape, kernel_size, stride, padding, dilation, ceil_mode, as_2d)
        if x.dtype.kind not in "fiu" or (count == 1 and x.dtype.kind != "f"):
            raise not_implemented("max_pool1d_impl" if count == 1 else name, input)
        entry = _MAX[count][bool(return_indices)]
        if x.ndim != count + 2:
            result = _batched(input, count, lambda t: entry(t, *windows, ceil_mode))
        else:
            result = entry(input, *windows, ceil_mode)
        if count == 1 and not return_indices and result._node is None:  # PyTorch takes another way then
            shape = result._data.shape
            return in_shape(result if result._data.flags.c_contiguous else P.contiguous(result), shape)
        return result

    return named(call, name, doc)


max_pool1d = _max_pool(1, "The largest element of each window of (N, C, L); as `max_pool2d`.")
max_pool2d = _max_pool(
    2,
    """The largest element of each window of (N, C, H, W); stride: kernel_size by default.

    return_indices: also its place in the flattened H * W. Raises RuntimeError for windows that do not fit.

    >>> import microtorch as torch
    >>> torch.nn.functional.max_pool2d(torch.arange(16.0).reshape(1, 1, 4, 4), 2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """,
)
max_pool3d = _max_pool(3, "The largest element of each window of (N, C, D, H, W); as `max_pool2d`.")


_MAX_POOLS = {1: max_pool1d, 2: max_pool2d, 3: max_pool3d}


# averages ------------------------------------------------------------------------------------------------------------

_AVG = {1: O.avg_pool1d, 2: O.avg_pool2d, 3: O.avg_pool3d}


def _avg_pool(
    count: int,
    input: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_padding: bool,
    override: Any,
) -> Tensor:
    name = f"avg_pool{count}d"
    need_tensor(name, input)
    x = input._data
    if override == 0:
        raise RuntimeError("divisor must be not zero")
    windows = _windows_of(name, x.shape, kernel_size, stride, padding, 1, ceil_mode, True)[:3]
    if x.dtype.kind not in "fc" and x.dtype != np.int64:
        raise not_implemented("avg_pool3d_out_frame" if count == 3 else "avg_pool2d", input)
    if count == 3 and any(n < k for n, k in zip(x.shape[-3:], windows[0])):  # however wide the padding is
        said = [" ".join(f"{p}{a}: {n}" for a, n in zip("THW", v)) for p, v in (("", x.shape[-3:]), ("k", windows[0]))]
        raise RuntimeError(f"input image ({said[0]}) smaller than kernel size ({said[1]})")
    entry = _AVG[count]
    if x.ndim == count + 2:
        return entry(input, *windows, ceil_mode, count_padding, override)
    return _batched(input, count, lambda t: entry(t, *windows, ceil_mode, count_padding, override))


def avg_pool1d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """The mean of each window of (N, C, L); as `avg_pool2d`."""
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


def avg_pool2d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of (N, C, H, W); stride: kernel_size by default.

    count_include_pad: the padding's zeros count. divisor_override: by what the sum is divided instead.

    >>> import microtorch as torch
    >>> torch.nn.functional.avg_pool2d(torch.arange(16.0).reshape(1, 1, 4, 4), 2)
    tensor([[[[ 2.5000,  4.5000],
              [10.5000, 12.5000]]]])
    """
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window of (N, C, D, H, W); as `avg_pool2d`."""
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _lp_pool(count: int, shape: str) -> Callable[..., Tensor]:
    """The function `lp_pool<count>d`."""
    name = f"lp_pool{count}d"

    def call(input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Tensor:
        # (sum of x^p over the window)^(1/p), from the average; the largest |x| for p = inf, the smallest for -inf
        kernel = _ints(kernel_size, count, name, "kernel_size")
        if norm_type == math.inf:
            return _MAX_POOLS[count](P.abs(input), kernel, stride, 0, 1, ceil_mode)
        if norm_type == -math.inf:
            return P.neg(_MAX_POOLS[count](P.neg(P.abs(input)), kernel, stride, 0, 1, ceil_mode))
        out = _avg_pool(count, P.pow_number(input, norm_type), kernel, stride, 0, ceil_mode, True, None)
        out = P.where(out._data != 0, out, 0)  # at 0 the root's infinite slope counts as 0
        out = P.mul(out, math.prod(kernel))
        return P.pow_number(out, 1.0 / norm_type)

    return named(call, name, f"The p-norm of each window of {shape}, p = norm_type.")


lp_pool1d = _lp_pool(1, "(N, C, L)")
lp_pool2d = _lp_pool(2, "(N, C, H, W)")
lp_pool3d = _lp_pool(3, "(N, C, D, H, W)")


def mean_over_channels(x: Any, size: int) -> Any:
    """At each channel the mean of `size` neighbouring ones, zeros outside (for local_response_norm); x (N, C, ...)."""
    shape = x._data.shape
    rows = S.reshape(x, (shape[0], 1, shape[1], -1))
    before = size // 2
    padded = V.constant_pad(rows, ((0, 0), (0, 0), (before, (size - 1) // 2), (0, 0)), 0)
    return S.reshape(O.avg_pool2d(padded, (size, 1), (1, 1), (0, 0), False, True, None), shape)


# adaptive ------------------------------------------------------------------------------------------------------------


def _adaptive_size(name: str, count: int, x: Any, output_size: Any, colon: str, largest: bool = False) -> Ints:
    if count > 1 and isinstance(output_size, (tuple, list)) and x.ndim <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    if x.ndim not in (count + 1, count + 2):
        if count == 1:
            raise RuntimeError(
                f"Expected 2 to 3 dimensions, but got {x.ndim}-dimensional tensor for argument #1 'self' (while "
                f"checking arguments for {name})"
            )
        raise RuntimeError(f"{name}(): Expected {count + 1}D or {count + 2}D tensor, but got{colon} {list(x.shape)}")
    if isinstance(output_size, int):
        out = (output_size,) * count
    else:
        if len(output_size) != count:
            if count == 1:
                raise RuntimeError(f"{name}() argument 'output_size' should contain one int (got {len(output_size)})")
            if largest:
                raise RuntimeError(f"{name}(): internal error: output_size.size() must be {count}")
            raise RuntimeError(f"{name}: output_size must be {count}")
        out = tuple(x.shape[i - count] if n is None else int(n) for i, n in enumerate(output_size))
    if any(n < 0 for n in out):
        asked = (1, *out) if count == 1 else out  # PyTorch pools one dimension as two
        if largest:
            negative = next(n for n in out if n < 0)
            shape = [*x.shape[: x.ndim - count], *asked]
            raise RuntimeError(f"Trying to create tensor with negative dimension {negative}: {shape}")
        raise RuntimeError(
            f"{name.replace('1d', '2d')}: elements of output_size must be greater than or equal to 0 but received "
            f"{{{', '.join(map(str, asked))}}}"
        )
    for i in range(x.ndim - count, x.ndim):
        if x.shape[i] == 0:
            raise RuntimeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                f"{list(x.shape)} with dimension {i} being empty"
            )
    return out


_ADAPTIVE_AVG = {1: O.adaptive_avg_pool1d, 2: O.adaptive_avg_pool2d, 3: O.adaptive_avg_pool3d}
_ADAPTIVE_MAX = {1: O.adaptive_max_pool1d, 2: O.adaptive_max_pool2d, 3: O.adaptive_max_pool3d}


def _adaptive_avg_pool(count: int, shape: str, pooled: str) -> Callable[..., Tensor]:
    """The function `adaptive_avg_pool<count>d`."""
    name = f"adaptive_avg_pool{count}d"

    def call(input: Any, output_size: Any) -> Tensor:
        need_tensor(name, input)
        x = input._data
        out = _adaptive_size(name, count, x, output_size, "")
        if x.dtype.kind != "f":
            raise not_implemented(name if count != 1 else "adaptive_avg_pool2d", input)
        if all(n == 1 for n in out):
            return (O.mean_of_axes if count > 1 else O.mean_of_axis)(input, tuple(range(x.ndim - count, x.ndim)), True)
        maps = tuple(None if n == o else K.adaptive_map(n, o) for n, o in zip(x.shape[-count:], out))
        return _ADAPTIVE_AVG[count](input, maps)

    return named(call, name, f"Means of windows so chosen that {shape} becomes {pooled}.")


adaptive_avg_pool1d = _adaptive_avg_pool(1, "(N, C, L)", "(N, C, output_size)")
adaptive_avg_pool2d = _adaptive_avg_pool(2, "(N, C, H, W)", "(N, C, *output_size); None keeps a size")
adaptive_avg_pool3d = _adaptive_avg_pool(3, "(N, C, D, H, W)", "(N, C, *output_size); None keeps a size")


def _adaptive_max_pool(count: int, shape: str, pooled: str) -> Callable[..., Any]:
    """The function `adaptive_max_pool<count>d`."""
    name = f"adaptive_max_pool{count}d"

    def call(input: Any, output_size: Any, return_indices: bool = False) -> Any:
        need_tensor(name, input)
        x = input._data
        out = _adaptive_size(name, count, x, output_size, ":", largest=True)
        if x.dtype.kind != "f":
            raise not_implemented(name if count != 1 else "adaptive_max_pool2d", input)
        both = _batched(input, count, lambda t: _ADAPTIVE_MAX[count](t, out))
        return both if return_indices else both[0]

    return named(call, name, f"Largest elements of windows so chosen that {shape} becomes {pooled}.")


adaptive_max_pool1d = _adaptive_max_pool(1, "(N, C, L)", "(N, C, output_size)")
adaptive_max_pool2d = _adaptive_max_pool(2, "(N, C, H, W)", "(N, C, *output_size); None keeps a size")
adaptive_max_pool3d = _adaptive_max_pool(3, "(N, C, D, H, W)", "(N, C, *output_size); None keeps a size")


# unpooling -----------------------------------------------------------------------------------------------------------


def _unpooled_size(input: Any, kernel: Ints, stride: Ints, padding: Ints, output_size: Any) -> Ints:
    count = len(kernel)
    default = tuple((n - 1) * s + k - 2 * p for n, k, s, p in zip(input._data.shape[-count:], kernel, stride, padding))
    if output_size is None:
        size = default
    else:
        asked = tuple(output_size)
        if len(asked) == count + 2:
            asked = asked[2:]
        if len(asked) != count:
            raise ValueError(
                f"output_size should be a sequence containing {count} or {count + 2} elements, but it has a length of "
                f"'{len(output_size)}'"
            )
        for d, (n, middle, s) in enumerate(zip(asked, default, stride)):
            if not middle - s < n < middle + s:
                raise ValueError(
                    f'invalid output_size "{asked}" (dim {d} must be between {middle - s} and {middle + s})'
                )
        size = asked
    for d, n in enumerate(size):
        if n < 0:
            raise ValueError(
                f"max_unpooling: output_size must contain non-negative spatial dimensions, but got output_size[{d}]={n}"
            )
    return size


def _max_unpool(count: int, what: str) -> Callable[..., Tensor]:
    """The function `max_unpool<count>d`."""
    name = f"max_unpool{count}d"

    def call(
        input: Any, indices: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, output_size: Any = None
    ) -> Tensor:
        need_tensor(name, input)
        need_tensor(name, indices, "indices", 2)
        kernel = _ints(kernel_size, count, name, "kernel_size")
        strides = kernel if stride is None else _ints(stride, count, name, "stride")
        size = _unpooled_size(input, kernel, strides, _ints(padding, count, name, "padding"), output_size)
        x, index = input._data, indices._data
        if index.dtype != np.int64:
            raise RuntimeError(f"elements in indices should be type int64 but got: {of[index.dtype].type_name}")
        if x.ndim not in (count + 1, count + 2):
            raise RuntimeError(
                f"Input to {name} should be a {count + 1}d or {count + 2}d Tensor, but got a tensor with {x.ndim} "
                "dimensions."
            )
        if index.shape != x.shape:
            raise RuntimeError(
                f"Expected shape of indices to be same as that of the input tensor ({list(x.shape)}) but got indices "
                f"tensor with shape: {list(index.shape)}"
            )
        bad = (index < 0) | (index >= math.prod(size))
        if bad.any():
            shown = size if count > 1 else (*size, 1)
            raise RuntimeError(
                f"Found an invalid max index: {int(index[bad][0])} (output volumes are of size "
                f"{'x'.join(map(str, shown))})"
            )
        entry = (O.max_unpool1d, O.max_unpool2d, O.max_unpool3d)[count - 1]
        if x.ndim == count + 2:
            return entry(input, index, size)
        return S.squeeze_one(entry(S.unsqueeze(input, 0), index[None], size), (0,))

    return named(call, name, f"The elements of {what} put where max_pool{count}d's indices say, zeros elsewhere.")


max_unpool1d = _max_unpool(1, "(N, C, L)")
max_unpool2d = _max_unpool(2, "(N, C, H, W)")
max_unpool3d = _max_unpool(3, "(N, C, D, H, W)")


# fractional ----------------------------------------------------------------------------------------------------------


def _fractional_max_pool(count: int, doc: str) -> Callable[..., Any]:
    """The function `fractional_max_pool<count>d`."""
    name = f"fractional_max_pool{count}d"

    def call(
        input: Any, kernel_size: Any, output_size: Any = None, output_ratio: Any = None, return_indices: bool = False,
        _random_samples: Any = None,
    ) -> Any:  # fmt: skip
        need_tensor(name, input)
        x = input._data
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
        if output_size is None:
            if count == 2 and len(output_ratio) > 2:  # a number has no length: PyTorch takes one in 3D only
                raise ValueError(f"{name} requires output_ratio to either be a single Int or tuple of Ints.")
            ratios = (output_ratio,) * count if isinstance(output_ratio, (int, float)) else tuple(output_ratio)
            output_size = [int(n * r) for n, r in zip(x.shape[-count:], ratios)]
        kernel, out = _ints(kernel_size, count, name, "kernel_size"), _ints(output_size, count, name, "output_size")
        if x.ndim not in (count + 1, count + 2):
            raise RuntimeError(f"{name}(): Expected {count + 1}D or {count + 2}D tensor, but got: {list(x.shape)}")
        for word, n, k, o in zip(("time", "height", "width")[-count:], x.shape[-count:], kernel, out):
            if o + k - 1 > n:
                place = name if count == 2 else f"{name}_out"
                raise RuntimeError(f"{place}(): pool {word} {k} too large relative to input {word} {n}")
        if _random_samples is None:
            lead = (x.shape[0] if x.ndim == count + 2 else 1, x.shape[-count - 1])
            draws = default_generator.stream.uniform((*lead, count), dtype=x.dtype)
        else:
            draws = _random_samples._data
        entry = O.fractional_max_pool2d if count == 2 else O.fractional_max_pool3d
        both = _batched(input, count, lambda t: entry(t, kernel, out, draws))
        return both if return_indices else both[0]

    return named(call, name, doc)


fractional_max_pool2d = _fractional_max_pool(
    2, "The largest elements of windows placed at random, so that the output has the size asked for (Graham, 2014)."
)
fractional_max_pool3d = _fractional_max_pool(3, "As `fractional_max_pool2d`, for (N, C, D, H, W).")


# with the places -----------------------------------------------------------------------------------------------------


def _with_indices(pool: Callable[..., Any]) -> Any:
    """`pool`, with `return_indices` always true."""
    signature = inspect.signature(pool)

    @functools.wraps(pool)
    def call(*args: Any, **named: Any) -> Any:
        given = signature.bind(*args, **named)
        given.arguments["return_indices"] = True
        return pool(*given.args, **given.kwargs)

    return named(call, f"{pool.__name__}_with_indices", f"`{pool.__name__}`, and the places.")


max_pool1d_with_indices = _with_indices(max_pool1d)
max_pool2d_with_indices = _with_indices(max_pool2d)
max_pool3d_with_indices = _with_indices(max_pool3d)
adaptive_max_pool1d_with_indices = _with_indices(adaptive_max_pool1d)
adaptive_max_pool2d_with_indices = _with_indices(adaptive_max_pool2d)
adaptive_max_pool3d_with_indices = _with_indices(adaptive_max_pool3d)
fractional_max_pool2d_with_indices = _with_indices(fractional_max_pool2d)
fractional_max_pool3d_with_indices = _with_indices(fractional_max_pool3d)
