"""Linear maps and convolutions, with PyTorch's signatures."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.state import wrap
from microtorch.dtypes import of
from microtorch.functions.arguments import C_TYPES, named, need_tensor, numpy_dtype
from microtorch.kernels.bfloat16 import BF16
from microtorch.kernels.linalg import c_name
from microtorch.nn.functional.checks import not_implemented
from microtorch.ops import conv as C, linalg as L, pointwise as P, shape as S, vision as V

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

Ints = tuple[int, ...]


def linear(input: Any, weight: Any, bias: Any = None) -> Tensor:
    """input @ weight.T + bias; input (*, in), weight (out, in) or (in), bias (out).

    Raises RuntimeError if the shapes do not fit.

    >>> import microtorch as torch
    >>> torch.nn.functional.linear(torch.ones(2, 3), torch.ones(4, 3), torch.ones(4))
    tensor([[4., 4., 4., 4.],
            [4., 4., 4., 4.]])
    """
    try:
        ndim, rank = input._data.ndim, weight._data.ndim
    except AttributeError:
        need_tensor("linear", input)
        need_tensor("linear", weight, "weight", 2)
        raise
    if rank == 2:
        if bias is None:
            if ndim == 2:
                return L.linear_no_bias(input, weight)
            if ndim > 1:
                return L.linear_batched_no_bias(input, weight)
            if ndim:
                return input.matmul(weight.t())  # type: ignore[no-any-return]
        elif ndim == 2:
            return L.linear(input, weight, bias)
        elif ndim:
            return L.linear_batched(input, weight, bias)
    if ndim == 0:
        raise RuntimeError("both arguments to linear need to be at least 1D, but they are 0D and " + f"{rank}D")
    if bias is not None:
        raise RuntimeError(f"mat2 must be a matrix, got {rank}-D tensor")
    if rank == 1:
        return input.matmul(weight)
    raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {rank}D")


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Tensor:
    """input1 weight[o] input2 + bias[o] for each o; input1 (*, I1), input2 (*, I2), weight (O, I1, I2) -> (*, O).

    Raises RuntimeError if the shapes do not fit.
    """
    for argument, t, position in (("input1", input1, 1), ("input2", input2, 2), ("weight", weight, 3)):
        need_tensor("bilinear", t, argument, position)
    kinds = [t._data.dtype for t in (input1, input2, weight)]
    if not kinds[0] == kinds[1] == kinds[2]:
        words = [c_name(kind) for kind in kinds]
        raise RuntimeError(
            f"All tensors must have the same dtype, got input1: {words[0]}, input2: {words[1]}, weight: {words[2]}"
        )
    a, b, w = input1._data.shape, input2._data.shape, weight._data.shape
    if len(a) != len(b):
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {len(a)} and {len(b)}")
    for i, (m, n) in enumerate(zip(a[:-1], b[:-1])):
        if m != n:
            raise RuntimeError(f"bilinear(): input batch dimensions do not match at dim {i}: got {m} and {n}")
    for i, size in ((1, a[-1]), (2, b[-1])):
        if size != w[i]:
            raise RuntimeError(f"bilinear(): input{i} size does not match weight size: got {size} but expected {w[i]}")
    if bias is not None and bias._data.shape[0] != w[0]:
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias._data.shape[0]} but expected {w[0]}"
        )
    left, right = S.reshape(input1, (-1, w[1])), S.reshape(input2, (-1, w[2], 1))
    # (rows, I1) @ (I1, O * I2), then each (O, I2) @ (I2, 1)
    product = L.matmul(left, S.reshape(S.permute(weight, (1, 0, 2)), (w[1], w[0] * w[2])))
    rows = left._data.shape[0]
    out = L.matmul_batched(S.reshape(product, (rows, w[0], w[2])), right)
    out = S.reshape(out, (*a[:-1], w[0]))
    return out if bias is None else P.add(out, bias)


def grouped_mm(mat_a: Any, mat_b: Any, *, offs: Any = None, bias: Any = None, out_dtype: Any = None) -> Tensor:
    """Products of matrices group by group, as layers of several experts need them.

    offs: int32, where each group ends in the dimension of a 2-D matrix that is cut; None if both matrices are 3-D.
    mat_a (M, K), mat_b (G, K, N): rows of mat_a in groups, (M, N). (G, M, K), (K, N): columns of mat_b, (M, N).
    (M, K), (K, N): what is summed over in groups, (G, M, N). (G, M, K), (G, K, N): (G, M, N).
    What lies beyond the last group is zero. Raises RuntimeError if the shapes do not fit.

    >>> import microtorch as torch
    >>> ends = torch.tensor([1, 3], dtype=torch.int32)
    >>> torch.nn.functional.grouped_mm(torch.ones(4, 4), torch.ones(2, 4, 4), offs=ends)[:, 0]
    tensor([4., 4., 4., 0.])
    """
    need_tensor("_grouped_mm", mat_a, "self", 1)
    need_tensor("_grouped_mm", mat_b, "mat2", 2)
    a, b = mat_a._data, mat_b._data
    _check_groups(a, b, offs, bias, out_dtype)
    if a.ndim == b.ndim == 3:
        return L.matmul_batched(mat_a, mat_b)
    ends = offs._data.tolist()
    parts = [slice(start, end) for start, end in zip([0, *ends], ends)]
    if a.ndim == b.ndim == 2:
        return S.stack([L.matmul(mat_a[:, part], mat_b[part]) for part in parts], 0)
    if len(ends) != (b if a.ndim == 2 else a).shape[0]:
        raise RuntimeError("matrix batch sizes have to match")
    if a.ndim == 2:
        pairs = [(mat_a[part], mat_b[i]) for i, part in enumerate(parts)]
    else:
        pairs = [(mat_a[i], mat_b[:, part]) for i, part in enumerate(parts)]
    axis = 0 if a.ndim == 2 else 1
    shape = [a.shape[-2], b.shape[-1]]
    shape[axis] -= ends[-1] if ends else 0
    rest = [wrap(np.zeros(shape, a.dtype))] if shape[axis] > 0 else []
    return S.cat([*(L.matmul(left, right) for left, right in pairs), *rest], axis)


def _check_groups(a: Any, b: Any, offs: Any, bias: Any, out_dtype: Any) -> None:
    """PyTorch's errors for what `grouped_mm` does not take."""
    for word, m in (("mat_a", a), ("mat_b", b)):
        if m.dtype not in (np.float32, np.float16, BF16):
            raise RuntimeError(
                f"Expected {word} to be Float32, BFloat16 or Float16 matrix, got {of[m.dtype].type_name}"
            )
    for word, m in (("mat_a", a), ("mat_b", b)):
        if m.ndim not in (2, 3):
            raise RuntimeError(f"{word} has to be 2 or 3d")
    if (offs is None) != (a.ndim == b.ndim == 3):
        raise RuntimeError("Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d")
    if a.shape[-1] != b.shape[-2]:
        raise RuntimeError("contraction dimension of mat_a and mat_b must match")
    if (a.shape[-1] * a.itemsize) % 16 or (b.shape[-1] * b.itemsize) % 16:
        raise RuntimeError("strides should be multiple of 16 bytes")
    if a.ndim == b.ndim == 3 and a.shape[0] != b.shape[0]:
        raise RuntimeError("batched dimension has to match")
    if bias is not None:
        raise RuntimeError("Bias not supported yet")
    if out_dtype is not None and numpy_dtype(out_dtype) != a.dtype:
        raise RuntimeError("Grouped gemm output dtype must match `mat_a` dtype")
    if offs is not None and offs._data.dtype != np.int32:
        raise RuntimeError("Offsets have to be int32")


def _ints(value: Any, count: int, name: str, argument: str) -> Ints:
    if type(value) is int:
        return (value,) * count
    if isinstance(value, (tuple, list)) and all(hasattr(v, "__index__") for v in value):
        found = tuple(int(v) for v in value)
        if len(found) == 1:
            return found * count
        if len(found) != count:
            raise RuntimeError(
                f"expected {argument} to be a single integer value or a list of {count} values to match the "
                f"convolution dimensions, but got {argument}={list(found)}"
            )
        return found
    if hasattr(value, "__index__") and not isinstance(value, bool):
        return (int(value),) * count
    raise TypeError(f"{name}(): argument '{argument}' must be tuple of ints, not {type(value).__name__}")


def _dtypes(name: str, input: Any, weight: Any, bias: Any) -> None:
    """Check that they are tensors, of one dtype."""
    try:
        x, w, b = input._data, weight._data, None if bias is None else bias._data
    except AttributeError:
        for argument, t, position in (("input", input, 1), ("weight", weight, 2)):
            need_tensor(name, t, argument, position)
        need_tensor(name, bias, "bias", 3)
        raise
    if b is not None and b.dtype != x.dtype:
        names = [C_TYPES.get(d.name, d.name) for d in (of[x.dtype], of[b.dtype])]
        raise RuntimeError(f"Input type ({names[0]}) and bias type ({names[1]}) should be the same")
    if x.dtype != w.dtype:
        names = [of[x.dtype].type_name, of[w.dtype].type_name]
        if names[0] not in ("Float", "BFloat16"):  # what PyTorch's fastest kernels are for checks for itself
            raise RuntimeError(f"expected scalar type {names[0]} but found {names[1]}")
        kinds = ["CPUBFloat16Type" if n == "BFloat16" else f"torch.{n}Tensor" for n in names]
        raise RuntimeError(
            f"Input type ({kinds[0]}) and weight type ({kinds[1]}) should be the same or input should be a MKLDNN "
            "tensor and weight is a dense tensor"
        )
    if x.dtype.kind == "b":
        raise not_implemented("slow_conv2d_cpu", input)


def _strides(name: str, count: int, x: Ints, w: Ints, stride: Any, dilation: Any, groups: int) -> tuple[Ints, Ints]:
    """Check what ordinary and transposed convolutions check alike; the stride and the dilation of each dimension."""
    if len(x) not in (count + 1, count + 2):
        raise RuntimeError(
            f"Expected {count + 1}D (unbatched) or {count + 2}D (batched) input to {name}, but got input of size: "
            f"{list(x)}"
        )
    if len(w) < 3:
        raise RuntimeError("weight should have at least three dimensions")
    strides = _ints(stride, len(w) - 2, name, "stride")
    dilations = _ints(dilation, len(w) - 2, name, "dilation")
    if len(w) != count + 2:
        raise RuntimeError(
            f"expected stride to be a single integer value or a list of {len(w) - 2} values to match the convolution "
            f"dimensions, but got stride={[stride] * count if isinstance(stride, int) else list(stride)}"
        )
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if any(d <= 0 for d in dilations):
        raise RuntimeError(_bad_dilation(name, dilations, x, w[2:], groups))
    if any(s <= 0 for s in strides):
        raise RuntimeError("non-positive stride is not supported")
    return strides, dilations


def _bad_dilation(name: str, dilations: Ints, x: Ints, kernel: Ints, groups: int) -> str:
    """PyTorch's message for a dilation that is not positive: oneDNN's for what it computes, else its own."""
    message = "dilation should be greater than zero"
    if groups == 1 and any(d < 0 for d in dilations):
        return message
    large = len(kernel) > 1 and min(kernel[-2:]) > 3
    if groups > 1 or large or (len(x) == len(kernel) + 2 and x[0] > 1) or math.prod(x[:4]) > 20480:
        return "non-positive dilation is not supported"
    shown = (1, *dilations) if len(dilations) == 1 else dilations  # PyTorch takes one dimension as two
    if "transpose" not in name:
        return f"{message}, but got {list(shown)}"
    words = ("depth", "height", "width")[-len(shown) :]
    return f"{message}, but got " + ", ".join(f"dilation_{word}: {d}" for word, d in zip(words, shown))


def _check_weight(w: Ints, x: Ints, channels: int, groups: int, transposed: str = "") -> None:
    if w[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size "
            f"{list(w)} instead"
        )
    if w[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of "
            f"size [{list(w)}] instead"
        )
    if x[-len(w) + 1] != channels:
        raise RuntimeError(
            f"Given {transposed or f'groups={groups}'}, weight of size {list(w)}, expected input{list(x)} to have "
            f"{channels} channels, but got {x[-len(w) + 1]} channels instead"
        )


def _check_bias(bias: Ints | None, w: Ints, channels: int, transposed: str = "") -> None:
    if bias is not None and bias != (channels,):
        raise RuntimeError(
            f"Given {transposed}weight of size {list(w)}, expected bias to be 1-dimensional with {channels} elements, "
            f"but got bias of size {list(bias)} instead"
        )


def _geometry(
    name: str, count: int, x: Ints, w: Ints, bias: Ints | None, stride: Any, padding: Any, dilation: Any, groups: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """Stride, padding and dilation for each dimension, and what "same" adds at the end; checked against the shapes."""
    strides, dilations = _strides(name, count, x, w, stride, dilation, groups)
    extra = (0,) * count
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise RuntimeError(f"Invalid padding string: '{padding}'")
        totals = [d * (k - 1) if padding == "same" else 0 for d, k in zip(dilations, w[2:])]
        if padding == "same" and any(s != 1 for s in strides):
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        pads, extra = tuple(t // 2 for t in totals), tuple(t % 2 for t in totals)
    else:
        pads = _ints(padding, count, name, "padding")
        if any(p < 0 for p in pads):
            raise RuntimeError("negative padding is not supported")
    _check_weight(w, x, w[1] * groups, groups)
    _check_bias(bias, w, w[0])
    sizes = [n + e for n, e in zip(x[-count:], extra)]
    if any(n + 2 * p < d * (k - 1) + 1 for n, k, p, d in zip(sizes, w[2:], pads, dilations)):
        padded = " x ".join(str(n + 2 * p) for n, p in zip(sizes, pads))
        reach = " x ".join(str(d * (k - 1) + 1) for k, d in zip(w[2:], dilations))
        raise RuntimeError(
            f"Calculated padded input size per channel: ({padded}). Kernel size: ({reach}). Kernel size can't be "
            "greater than actual input size"
        )
    return strides, pads, dilations, extra


_geometry_cached = functools.lru_cache(maxsize=1024, typed=True)(_geometry)


def _conv(count: int, doc: str) -> Callable[..., Tensor]:
    """The function `conv<count>d`."""
    name = f"conv{count}d"

    def call(
        input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
    ) -> Tensor:
        _dtypes(name, input, weight, bias)
        shape = input._data.shape
        b = None if bias is None else bias._data.shape
        arguments = (name, count, shape, weight._data.shape, b, stride, padding, dilation, groups)
        try:
            strides, pads, dilations, extra = _geometry_cached(*arguments)
        except TypeError:  # lists, or arguments that are wrong
            strides, pads, dilations, extra = _geometry(*arguments)
        if any(extra):
            input = V.constant_pad(input, ((0, 0),) * (len(shape) - count) + tuple((0, e) for e in extra), 0)
        if len(shape) == count + 2:
            return C.conv(input, weight, bias, strides, pads, dilations, groups)
        return S.squeeze_one(C.conv(S.unsqueeze(input, 0), weight, bias, strides, pads, dilations, groups), (0,))

    return named(call, name, doc)


conv1d = _conv(1, "Convolution over (N, C, L) or (C, L); weight (O, C / groups, K). As `conv2d`.")
conv2d = _conv(
    2,
    """Convolution (cross-correlation) over (N, C, H, W) or (C, H, W); weight (O, C / groups, KH, KW), bias (O).

    padding: zeros on both sides, or "valid" (none) or "same" (so that the size stays, for stride 1).
    Raises RuntimeError if the shapes do not fit.

    >>> import microtorch as torch
    >>> torch.nn.functional.conv2d(torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """,
)
conv3d = _conv(3, "Convolution over (N, C, D, H, W) or (C, D, H, W); weight (O, C / groups, KD, KH, KW). As `conv2d`.")


_AXES = {1: ("width",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def _conv_transpose(count: int, doc: str) -> Callable[..., Tensor]:
    """The function `conv_transpose<count>d`."""
    name = f"conv_transpose{count}d"

    def call(
        input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0,
        groups: int = 1, dilation: Any = 1,
    ) -> Tensor:  # fmt: skip
        _dtypes(name, input, weight, bias)
        x, w = input._data, weight._data
        strides, dilations = _strides(name, count, x.shape, w.shape, stride, dilation, groups)
        pads = _ints(padding, count, name, "padding")
        extra = _ints(output_padding, count, name, "output_padding")
        if any(p < 0 for p in pads):
            raise RuntimeError("negative padding is not supported")
        if any(p < 0 for p in extra):
            raise RuntimeError("negative output_padding is not supported")
        _check_weight(w.shape, x.shape, w.shape[0], groups, "transposed=1")
        channels = w.shape[1] * groups
        _check_bias(None if bias is None else bias._data.shape, w.shape, channels, "transposed=1, ")
        if any(e >= s and e >= d for e, s, d in zip(extra, strides, dilations)):
            said = []
            for word, values in (("output_padding", extra), ("stride", strides), ("dilation", dilations)):
                said += [f"{word}_{axis}: {v}" for axis, v in zip(_AXES[count], values)]
            raise RuntimeError(
                "output padding must be smaller than either stride or dilation, but got " + " ".join(said)
            )
        size = tuple(
            (n - 1) * s - 2 * p + d * (k - 1) + e + 1
            for n, k, s, p, d, e in zip(x.shape[-count:], w.shape[2:], strides, pads, dilations, extra)
        )
        if any(n <= 0 for n in size):
            one = "1 x " if count == 1 else ""  # PyTorch's in one dimension is that in two
            raise RuntimeError(
                f"Given input size per channel: ({one}{' x '.join(map(str, x.shape[-count:]))}). Calculated output "
                f"size per channel: ({one}{' x '.join(map(str, size))}). Output size is too small"
            )
        batched = x.ndim == count + 2
        if not batched:
            input = S.unsqueeze(input, 0)
        shape = (input._data.shape[0], channels, *size)
        out = C.conv_transpose(input, weight, bias, shape, strides, pads, dilations, groups)
        return out if batched else S.squeeze_one(out, (0,))

    return named(call, name, doc)


conv_transpose1d = _conv_transpose(
    1, "The transpose of conv1d, (N, C, L) or (C, L); weight (C, O / groups, K). As `conv_transpose2d`."
)
conv_transpose2d = _conv_transpose(
    2,
    """The gradient of conv2d with respect to its input, as a layer; input (N, C, H, W), weight (C, O / groups, KH, KW).

    output_padding: added to one side of the output's size. Raises RuntimeError if the shapes do not fit.
    """,
)
conv_transpose3d = _conv_transpose(
    3, "The transpose of conv3d, (N, C, D, H, W); weight (C, O / groups, KD, KH, KW). As `conv_transpose2d`."
)


def conv_tbc(input: Any, weight: Any, bias: Any, pad: int = 0) -> Tensor:
    """Convolution over (L, N, C), time first; weight (K, C, O)."""
    out = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return out.permute(2, 0, 1).contiguous()
