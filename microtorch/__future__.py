"""`torch.__future__`: how `nn.Module`'s conversions (`to`, `half`, ...) replace parameters."""

from __future__ import annotations

_overwrite = _swap = False


def set_overwrite_module_params_on_conversion(value: bool) -> None:
    """Whether conversions make new parameters instead of changing the data of those that are there."""
    global _overwrite
    _overwrite = value


def get_overwrite_module_params_on_conversion() -> bool:
    """What `set_overwrite_module_params_on_conversion` set; False at first.

    >>> get_overwrite_module_params_on_conversion()
    False
    """
    return _overwrite


def conversion_makes_new() -> bool:
    """Whether one of the two is set."""
    return _overwrite or _swap


def set_swap_module_params_on_conversion(value: bool) -> None:
    """Whether conversions make new parameters and exchange them with the old by `torch.utils.swap_tensors`."""
    global _swap
    _swap = value


def get_swap_module_params_on_conversion() -> bool:
    """What `set_swap_module_params_on_conversion` set; False at first.

    >>> get_swap_module_params_on_conversion()
    False
    """
    return _swap
