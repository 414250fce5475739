"""Images and their like, with PyTorch's signatures: padding, resizing, sampling at points, patches, pixel shuffles."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.dtypes import of
from microtorch.functions.arguments import need_tensor
from microtorch.kernels import vision as K
from microtorch.kernels.ranges import linspace
from microtorch.nn.functional.checks import not_implemented
from microtorch.nn.functional.pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from microtorch.ops import pointwise as P, shape as S, vision as V
from microtorch.size import Size

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

Ints = tuple[int, ...]

# padding -------------------------------------------------------------------------------------------------------------


def pad(input: Any, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """The input with something around it; pad: before and after, last dimension first.

    mode: "constant" (`value`, 0 by default; negative amounts cut off), "reflect", "replicate" or "circular".

    >>> import microtorch as torch
    >>> torch.nn.functional.pad(torch.ones(2), (1, 2))
    tensor([0., 1., 1., 0., 0.])
    """
    need_tensor("pad", input)
    if not isinstance(pad, (tuple, list)):
        raise TypeError(f"pad(): argument 'pad' (position 2) must be tuple of ints, not {type(pad).__name__}")
    for i, n in enumerate(pad):
        if isinstance(n, (float, str)) or not hasattr(n, "__index__"):
            raise TypeError(
                "pad(): argument 'pad' (position 2) must be tuple of ints, but found element of type "
                f"{type(n).__name__} at pos {i}"
            )
    amounts = [int(n) for n in pad]
    x = input._data
    if len(amounts) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(amounts) > 2 * x.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got padding length "
            f"{len(amounts)} and input of dimension {x.ndim}"
        )
    count = len(amounts) // 2
    pairs = tuple((amounts[2 * i], amounts[2 * i + 1]) for i in reversed(range(count)))
    if mode == "constant":
        return _pad_constant(input, ((0, 0),) * (x.ndim - count) + pairs, 0 if value is None else value)
    if value is not None and value != 0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if x.ndim not in (count + 1, count + 2) or count > 3:
        raise _unsupported_padding(len(amounts), x.ndim)
    return _pad_circular(input, pairs) if mode == "circular" else _pad_copying(input, pairs, mode)


def _unsupported_padding(amounts: int, ndim: int) -> NotImplementedError:
    return NotImplementedError(
        f"Padding size {amounts} is not supported for {ndim}D input tensor.\n"
        "Supported combinations for non-constant padding:\n"
        "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
        "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
        "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
    )


def _pad_constant(input: Any, pairs: K.Pairs, value: Any) -> Tensor:
    x = input._data
    for n, (a, b) in zip(x.shape, pairs):
        if n + min(a, 0) + min(b, 0) < 0:
            raise RuntimeError("narrow(): length must be non-negative.")
        if n + a + b < 0:
            raise RuntimeError(
                f"The input size {n}, plus negative padding {a} and {b} resulted in a negative output size, which is "
                "invalid."
            )
    return V.constant_pad(input, pairs, value)


def _pad_circular(input: Any, pairs: K.Pairs) -> Tensor:
    sources: list[Any] = []
    for n, (a, b) in zip(input._data.shape[-len(pairs) :], pairs):
        if a > n or b > n:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if a + b + n < 0:
            raise RuntimeError("Negative padding value is resulting in an empty dimension")
        sources.append(None if a == b == 0 else K.circular(n, a, b))
    return V.circular_pad(input, tuple(sources))


def _pad_copying(input: Any, pairs: K.Pairs, mode: str) -> Tensor:
    x = input._data
    count = len(pairs)
    for axis in range(x.ndim - count - (x.ndim == count + 1), x.ndim):
        if x.shape[axis] == 0 and axis >= x.ndim - count - 1:
            raise RuntimeError(
                f"Expected {count + 1}D or {count + 2}D (batch mode) tensor with possibly 0 batch size and other "
                f"non-zero dimensions for input, but got: {list(x.shape)}"
            )
    sources: list[Any] = []
    size = [n + a + b for n, (a, b) in zip(x.shape[-count:], pairs)]
    if max(size) < 1 or min(size) < 0:  # a part of nothing is nothing, as long as one dimension is left
        have, left = (" ".join(f"{c}: {n}" for c, n in zip("DHW"[-count:], s)) for s in (x.shape[-count:], size))
        end = " )" if (mode, count) == ("replicate", 2) else ")"  # (as PyTorch has it)
        raise RuntimeError(f"input ({have.replace(' W', ', W')}{end} is too small. Calculated output {left}")
    for axis, (n, (a, b)) in enumerate(zip(x.shape[-count:], pairs), x.ndim - count):
        if mode == "reflect" and (a >= n or b >= n):
            raise RuntimeError(
                "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
                f"({a}, {b}) at dimension {axis} of input {list(x.shape)}"
            )
        make = K.reflected if mode == "reflect" else K.replicated
        sources.append(None if a == b == 0 else make(n, a, b))
    return V.pads[mode, count](input, tuple(sources))


# resizing ------------------------------------------------------------------------------------------------------------

_MODE_DIMS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3, "lanczos": 2}


def _output_size(
    input: Any, size: Any, scale_factor: Any, recompute: bool | None
) -> tuple[list[int], list[float | None]]:
    """The spatial size asked for, and the scale factors that count in computing sources."""
    spatial = input._data.shape[2:]
    count = len(spatial)
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        if isinstance(size, (tuple, list)):
            if len(size) != count:
                raise ValueError(
                    "Input and output must have the same number of spatial dimensions, but got input with spatial "
                    f"dimensions of {list(spatial)} and output size of {size}. Please provide input tensor in (N, C, "
                    "d1, d2, ...,dK) format and output size in (o1, o2, ...,oK) format."
                )
            if any(isinstance(n, float) or not hasattr(n, "__index__") for n in size):
                raise TypeError(
                    "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, int, int], but got "
                    f"size with types {[type(n) for n in size]}"
                )
            return [int(n) for n in size], [None] * count
        if isinstance(size, float) or not hasattr(size, "__index__"):
            raise TypeError(f"interpolate(): argument 'size' must be int or tuple of ints, not {type(size).__name__}")
        return [int(size)] * count, [None] * count
    if isinstance(scale_factor, (tuple, list)):
        if len(scale_factor) != count:
            raise ValueError(
                "Input and scale_factor must have the same number of spatial dimensions, but got input with spatial "
                f"dimensions of {list(spatial)} and scale_factor of shape {scale_factor}. Please provide input tensor "
                "in (N, C, d1, d2, ...,dK) format and scale_factor in (s1, s2, ...,sK) format."
            )
        factors = [float(s) for s in scale_factor]
    else:
        factors = [float(scale_factor)] * count
    out = [math.floor(n * s) for n, s in zip(spatial, factors)]
    return out, [None] * count if recompute else list(factors)


def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """The input (N, C, *S) resized to `size` or by `scale_factor`.

    mode: "nearest", "nearest-exact", "area", "linear" (3D), "bilinear", "bicubic", "lanczos" (4D), "trilinear" (5D).
    align_corners: the corner elements stay in place. antialias: filter when shrinking (bilinear, bicubic, lanczos).

    >>> import microtorch as torch
    >>> torch.nn.functional.interpolate(torch.tensor([[[0.0, 2.0]]]), scale_factor=2, mode="linear")
    tensor([[[0.0000, 0.5000, 1.5000, 2.0000]]])
    """
    need_tensor("interpolate", input)
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | "
                "trilinear"
            )
    x = input._data
    count = x.ndim - 2
    out, scales = _output_size(input, size, scale_factor, recompute_scale_factor)
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and x.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"
        )
    if mode == "area" and count in (1, 2, 3):
        return (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[count - 1](input, out)
    if mode in ("nearest", "nearest-exact") and count in (1, 2, 3):
        _check_sizes(input, out)
        if x.dtype.kind != "f" and x.dtype != np.uint8:
            raise not_implemented(f"upsample_{mode.replace('-', '_')}{count}d_channels_last", input)
        exact = mode == "nearest-exact"
        if count == 2 and not exact:  # a size kept, or doubled, is just that, whatever the factor was
            scales = [None if o in (n, 2 * n) else s for n, o, s in zip(x.shape[2:], out, scales)]
        return V.resizing[mode, count](
            input, tuple(K.nearest_index(n, o, s, exact) for n, o, s in zip(x.shape[2:], out, scales))
        )
    if _MODE_DIMS.get(mode) == count:
        return _resize(input, out, scales, mode, bool(align_corners), antialias)
    if mode in _MODE_DIMS and count in (1, 2, 3) and mode not in ("bicubic", "lanczos"):
        raise NotImplementedError(f"Got {x.ndim}D input, but {mode} mode needs {_MODE_DIMS[mode] + 2}D input")
    raise NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {x.ndim}D) for the modes: nearest | linear | "
        f"bilinear | bicubic | trilinear | lanczos | area | nearest-exact (got {mode})"
    )


def _check_sizes(input: Any, out: list[int]) -> None:
    spatial = input._data.shape[2:]
    if any(n <= 0 for n in (*spatial, *out)):
        letters = "DHW"[-len(out) :]
        shown = [", ".join(f"{letter}: {n}" for letter, n in zip(letters, sizes)) for sizes in (spatial, out)]
        word = "and " if len(out) == 1 else ""
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({shown[0]}) {word}output ({shown[1]})"
        )
    if not input._data.size and input._data.shape[0]:  # a batch of none is allowed
        raise RuntimeError(
            f"Non-empty {input._data.ndim}D data tensor expected but got a tensor with sizes {list(input._data.shape)}"
        )


def _resize(input: Any, out: list[int], scales: Any, mode: str, align_corners: bool, antialias: bool) -> Tensor:
    x = input._data
    if mode == "lanczos":
        if align_corners:
            raise ValueError("Lanczos mode does not support align_corners=True")
        if not antialias:
            raise ValueError("Lanczos mode requires antialias=True")
    _check_sizes(input, out)
    fixed = x.dtype == np.uint8 and len(out) == 2
    if x.dtype.kind != "f" and not fixed:
        if x.dtype == np.uint8:
            raise not_implemented("compute_indices_weights_linear", input)
        if antialias:
            raise not_implemented("compute_index_ranges_weights", input)
        raise not_implemented(f"upsample_{mode}{len(out)}d_channels_last", input)
    dtype = np.dtype(np.float64) if fixed else np.dtype(np.float32) if x.itemsize == 2 else x.dtype
    maps = []
    for n, o, s in zip(x.shape[2:], out, scales):
        if antialias:
            maps.append(K.filter_map(n, o, align_corners, s, dtype, mode))
        elif mode == "bicubic":
            maps.append(K.cubic_map(n, o, align_corners, s, dtype))
        else:
            maps.append(K.linear_map(n, o, align_corners, s, dtype))
    if fixed:
        return V.resize_bytes(input, tuple(maps))
    return V.resizing[mode + ("-aa" if antialias else ""), len(out)](input, tuple(maps))


def upsample(
    input: Any, size: Any = None, scale_factor: Any = None, mode: str = "nearest", align_corners: bool | None = None
) -> Tensor:
    """`interpolate` by its old name."""
    warnings.warn("`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2)
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Any, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with mode "nearest"."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Any, size: Any = None, scale_factor: Any = None) -> Tensor:
    """`interpolate` with mode "bilinear" and align_corners."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.", stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)


# sampling at points --------------------------------------------------------------------------------------------------


def grid_sample(
    input: Any, grid: Any, mode: str = "bilinear", padding_mode: str = "zeros", align_corners: bool | None = None
) -> Tensor:
    """The input (N, C, *S) at the points of grid (N, *out, 2 or 3), (x, y) or (x, y, z) in [-1, 1].

    mode: "bilinear", "nearest", "bicubic" (4D); padding_mode, for points outside: "zeros", "border", "reflection".
    align_corners: -1 and 1 are the centres of the corner elements, not their edges.
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            f"nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: "
            f"'{padding_mode}'"
        )
    if align_corners is None:
        _warn_align_corners()
        align_corners = False
    need_tensor("grid_sampler", input)
    need_tensor("grid_sampler", grid, "grid", 2)
    x, points = input._data, grid._data
    if x.shape[:1] != points.shape[:1]:
        raise RuntimeError(
            "grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
            f"{list(x.shape)} and grid with sizes {list(points.shape)}"
        )
    if points.shape[-1:] != (x.ndim - 2,):
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {x.ndim - 2} in last dimension, but got grid with sizes "
            f"{list(points.shape)}"
        )
    for axis in range(2, x.ndim):
        if x.shape[axis] == 0:
            raise RuntimeError(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
                f"{list(x.shape)} with dimension {axis} being empty"
            )
    if x.ndim not in (4, 5) or points.ndim != x.ndim:
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes "
            f"{list(x.shape)} and grid with sizes {list(points.shape)}"
        )
    if x.ndim == 5 and mode == "bicubic":
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")
    if x.dtype != points.dtype:
        names = of[x.dtype].type_name, of[points.dtype].type_name
        raise RuntimeError(f"expected scalar type {names[0]} but found {names[1]}")
    return (V.grid_sample2d if x.ndim == 4 else V.grid_sample3d)(input, grid, mode, padding_mode, align_corners, None)


def _warn_align_corners() -> None:
    warnings.warn(
        "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. Please specify "
        "align_corners=True if the old behavior is desired. See the documentation of grid_sample for details.",
        stacklevel=3,
    )


def affine_grid(theta: Any, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The grid that `grid_sample` needs for affine maps theta (N, 2, 3) or (N, 3, 4) and an output of `size`."""
    if align_corners is None:
        _warn_align_corners()
        align_corners = False
    matrices = theta._data
    if matrices.dtype.kind != "f":
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    if len(size) not in (4, 5):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size "
            f"{size}."
        )
    count = len(size) - 2
    if matrices.ndim != 3 or matrices.shape[1:] != (count, count + 1):
        raise ValueError(
            f"Expected a batch of {count}D affine matrices of shape Nx{count}x{count + 1} for size {size}. Got "
            f"{Size(matrices.shape)}."
        )
    if align_corners and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when align_corners=True. This "
            "is not an intended use case of affine_grid. See the documentation of affine_grid for details.",
            stacklevel=2,
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    if len(matrices) != size[0]:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: [{size[0]}, {count + 1}] but got: "
            f"[{len(matrices)}, {count + 1}]."
        )
    base = np.ones((*size[2:], count + 1), matrices.dtype)
    for i, n in enumerate(size[2:]):
        line = linspace(-1, 1, n, matrices.dtype) if n > 1 else np.zeros(1, matrices.dtype)
        if not align_corners:  # rounded twice, as in PyTorch: a pixel's centre is where its samplers jump
            line = line * matrices.dtype.type(n - 1) / matrices.dtype.type(n)
        base[..., count - 1 - i] = line.reshape((-1,) + (1,) * (count - 1 - i))
    return V.affine_grid(theta, base.reshape(-1, count + 1), tuple(size[2:]))


# patches and shuffles ------------------------------------------------------------------------------------------------


def _two(value: Any, argument: str) -> Ints:
    if isinstance(value, int):
        return (value, value)
    found = tuple(int(v) for v in value)
    if len(found) == 1:
        return found * 2
    if len(found) != 2:
        raise RuntimeError(f"It is expected {argument} equals to 2, but got size {len(found)}")
    return found


def _patch_arguments(kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> tuple[Ints, Ints, Ints, Ints]:
    kernel, dilations = _two(kernel_size, "kernel_size"), _two(dilation, "dilation")
    pads, strides = _two(padding, "padding"), _two(stride, "stride")
    for word, key, values in (
        ("kernel size", "kernel", kernel),
        ("dilation", "dilation", dilations),
        ("stride", "stride", strides),
    ):
        if min(values) <= 0:
            raise RuntimeError(
                f"{word} should be greater than zero, but got {key}_height: {values[0]} {key}_width: {values[1]}"
            )
    if min(pads) < 0:
        raise RuntimeError(f"padding should be non-negative, but got pad_height: {pads[0]} pad_width: {pads[1]}")
    return kernel, dilations, pads, strides


def unfold(input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Tensor:
    """All patches of (N, C, H, W) or (C, H, W), as columns: (N, C * kh * kw, number of patches).

    Raises RuntimeError if no patch fits.
    """
    need_tensor("im2col", input)
    x = input._data
    kernel, dilations, pads, strides = _patch_arguments(kernel_size, dilation, padding, stride)
    if x.ndim < 3:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-x.ndim}, {x.ndim - 1}], but got 2)")
    if x.ndim > 4 or 0 in x.shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, "
            f"but got: {list(x.shape)}"
        )
    count = K.patches_size(x.shape[-2:], kernel, dilations, pads, strides)
    if min(count) < 1:
        raise RuntimeError(
            f"Given input with spatial size ({x.shape[-2]}, {x.shape[-1]}), kernel_size={kernel}, "
            f"dilation={dilations}, padding={pads}, calculated shape of the array of sliding blocks as {count}, but "
            "its components must be at least one."
        )
    if x.dtype.kind not in "fcb":
        raise not_implemented("im2col_out_cpu", input)
    if x.ndim == 4:
        return V.im2col(input, kernel, dilations, pads, strides)
    return S.squeeze_one(V.im2col(S.unsqueeze(input, 0), kernel, dilations, pads, strides), (0,))


def fold(
    input: Any, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Columns (N, C * kh * kw, L) or (C * kh * kw, L) added back to where `unfold` cut them: (N, C, *output_size).

    Raises RuntimeError if the numbers of rows and columns do not fit.
    """
    need_tensor("col2im", input)
    x = input._data
    kernel, dilations, pads, strides = _patch_arguments(kernel_size, dilation, padding, stride)
    size = _two(output_size, "output_size")
    if x.ndim not in (2, 3) or 0 in x.shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for "
            f"input, but got: {list(x.shape)}"
        )
    rows, product = x.shape[-2], kernel[0] * kernel[1]
    if rows % product:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)="
            f"{rows} and kernel_size={kernel}."
        )
    count = K.patches_size(size, kernel, dilations, pads, strides)
    if min(count) < 1:
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={dilations}, padding={pads}, stride={strides}, "
            f"calculated shape of the array of sliding blocks as {count}, which is too small (non-positive)"
        )
    if x.shape[-1] != count[0] * count[1]:
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={kernel}, dilation={dilations}, padding={pads}, stride={strides}, "
            f"expected size of input's dimension 2 to match the calculated number of sliding blocks {count[0]} * "
            f"{count[1]} = {count[0] * count[1]}, but got input.size(2)={x.shape[-1]}."
        )
    if x.dtype.kind not in "fcb":
        raise not_implemented("col2im_out_cpu", input)
    if x.ndim == 3:
        return V.col2im(input, size, kernel, dilations, pads, strides)
    return S.squeeze_one(V.col2im(S.unsqueeze(input, 0), size, kernel, dilations, pads, strides), (0,))


def pixel_shuffle(input: Any, upscale_factor: int) -> Tensor:
    """(*, C r^2, H, W) to (*, C, H r, W r), r = upscale_factor (Shi et al., 2016)."""
    need_tensor("pixel_shuffle", input)
    x = input._data
    if x.ndim < 3:
        raise RuntimeError(
            f"pixel_shuffle expects input to have at least 3 dimensions, but got input with {x.ndim} dimension(s)"
        )
    if upscale_factor <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {upscale_factor}")
    if x.shape[-3] % upscale_factor**2:
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, "
            f"but input.size(-3)={x.shape[-3]} is not divisible by {upscale_factor**2}"
        )
    return V.pixel_shuffle(input, upscale_factor)


def pixel_unshuffle(input: Any, downscale_factor: int) -> Tensor:
    """(*, C, H r, W r) to (*, C r^2, H, W), r = downscale_factor."""
    need_tensor("pixel_unshuffle", input)
    x = input._data
    if x.ndim < 3:
        raise RuntimeError(
            f"pixel_unshuffle expects input to have at least 3 dimensions, but got input with {x.ndim} dimension(s)"
        )
    if downscale_factor <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {downscale_factor}")
    for word, axis in (("height", -2), ("width", -1)):
        if x.shape[axis] % downscale_factor:
            raise RuntimeError(
                f"pixel_unshuffle expects {word} to be divisible by downscale_factor, but "
                f"input.size({axis})={x.shape[axis]} is not divisible by {downscale_factor}"
            )
    return V.pixel_unshuffle(input, downscale_factor) if x.size else P.clone(input)


def channel_shuffle(input: Any, groups: int) -> Tensor:
    """The channels of (N, C, *) regrouped: from (groups, C / groups) to (C / groups, groups)."""
    need_tensor("channel_shuffle", input)
    x = input._data
    if x.ndim <= 2:
        raise RuntimeError(f"channel_shuffle expects input with > 2 dims, but got input with sizes {list(x.shape)}")
    if groups <= 0:
        raise RuntimeError(f"Number of groups to divide channels in must be positive. Value of groups:{groups}")
    if x.shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {x.shape[1]} channels and {groups} groups."
        )
    return V.channel_shuffle(input, groups)


native_channel_shuffle = channel_shuffle
