"""`torch.utils._foreach_utils`: which tensors `torch._foreach_*` can take together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from microtorch._missing import missing_names as _missing_names


def _group_tensors_by_device_and_dtype(tensorlistlist: Sequence[Sequence[Any]], with_indices: bool = False) -> Any:
    """Lists of tensors side by side, in groups by the first list's devices and dtypes.

    {(device, dtype): ([a part of each list], their places in the lists if with_indices)}
    """
    groups: dict[Any, tuple[list[list[Any]], list[int]]] = {}
    for i, row in enumerate(zip(*tensorlistlist, strict=True)):
        parts, places = groups.setdefault((row[0].device, row[0].dtype), ([[] for _ in row], []))
        for part, t in zip(parts, row):
            part.append(t)
        if with_indices:
            places.append(i)
    return groups


def _device_has_foreach_support(device: Any) -> bool:
    """True for the CPU, whose lists are loops."""
    return device.type == "cpu"  # type: ignore[no-any-return]


def _has_foreach_support(tensors: Sequence[Any], device: Any) -> bool:
    """Whether the functions take such tensors."""
    return _device_has_foreach_support(device)


def _get_foreach_kernels_supported_devices() -> list[str]:
    """The devices, beside the CPU, for which PyTorch has kernels for lists."""
    return ["cuda", "xpu", "mtia", "privateuseone"]


__getattr__ = _missing_names(__name__)
