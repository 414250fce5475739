"""Fake quantization: `torch.fake_quantize_per_tensor_affine` and `_per_channel_affine`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from microtorch.autograd.state import TensorBase
from microtorch.dtypes import of
from microtorch.ops import quantize as Q

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _check(x: Any, low: int, high: int) -> None:
    if low > high:
        raise RuntimeError("`quant_min` should be less than or         equal to `quant_max`.")
    if x.dtype.kind != "f" and of[x.dtype].name != "bfloat16":
        name = of[x.dtype].type_name
        raise NotImplementedError(
            f"\"fake_quantize_tensor_cachemask_kernel_type_handling\" not implemented for '{name}'"
        )


def fake_quantize_per_tensor_affine(
    input: Any, scale: Any, zero_point: Any, quant_min: int, quant_max: int
) -> Tensor:  # fmt: skip
    """What an integer of quant_min .. quant_max, less zero_point, times scale, can be that is nearest to input.

    scale, zero_point: numbers, or tensors of one. The gradient passes where the result is not clamped.
    Raises RuntimeError for a zero point out of range.

    >>> import microtorch as torch
    >>> torch.fake_quantize_per_tensor_affine(torch.tensor([0.26, 1.0, -2.0]), 0.1, 0, -8, 7)
    tensor([ 0.3000,  0.7000, -0.8000])
    """
    _check(input._data, quant_min, quant_max)
    entry = Q.fake_quantize_by_tensors if isinstance(scale, TensorBase) else Q.fake_quantize
    scale, zero = (v.item() if isinstance(v, TensorBase) else v for v in (scale, zero_point))  # type: ignore[attr-defined]
    if not quant_min <= zero <= quant_max:
        raise RuntimeError("`zero_point` must be between `quant_min` and `quant_max`.")
    return entry(input, scale, zero, quant_min, quant_max)  # type: ignore[no-any-return]


def fake_quantize_per_channel_affine(
    input: Any, scale: Any, zero_point: Any, axis: int, quant_min: int, quant_max: int
) -> Tensor:  # fmt: skip
    """`fake_quantize_per_tensor_affine` with a scale and a zero point for each index of a dimension.

    Raises RuntimeError for vectors that do not fit it, or a zero point out of range.

    >>> import microtorch as torch
    >>> scale, zero = torch.tensor([0.5, 1.0]), torch.zeros(2, dtype=torch.int32)
    >>> torch.fake_quantize_per_channel_affine(torch.full((2, 2), 0.7), scale, zero, 0, -8, 7)
    tensor([[0.5000, 0.5000],
            [1.0000, 1.0000]])
    """
    kind = of[zero_point._data.dtype].type_name
    if kind not in ("Int", "Float", "Half"):
        raise RuntimeError(f"Zero-point must be Int32, Float or Half, found {kind}")
    x, s, z = input._data, scale._data, zero_point._data
    if s.ndim != 1 or z.ndim != 1 or s.size != z.size or s.size != x.shape[axis]:
        raise RuntimeError("dimensions of scale and zero-point are not consistent with input tensor")
    _check(x, quant_min, quant_max)
    if z.size and not (quant_min <= z.min() and z.max() <= quant_max):
        raise RuntimeError("`zero_point` must be between `quant_min` and `quant_max`.")
    shape = [1] * x.ndim
    shape[axis] = -1
    return Q.fake_quantize_by_channel(  # type: ignore[no-any-return]
        input, s.reshape(shape), z.reshape(shape), quant_min, quant_max
    )
