"""`torch.backends.cuda`: not built. Its switches are remembered, and change nothing."""

from __future__ import annotations

_sdp = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


class _MatMul:
    """The switches of matrix products."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True
    allow_fp16_accumulation = False
    fp32_precision = "none"


matmul = _MatMul()


def is_built() -> bool:
    """False."""
    return False


def flash_sdp_enabled() -> bool:
    """Whether the switch is on."""
    return _sdp["flash"]


def enable_flash_sdp(enabled: bool) -> None:
    """Set the switch."""
    _sdp["flash"] = enabled


def mem_efficient_sdp_enabled() -> bool:
    """Whether the switch is on."""
    return _sdp["mem_efficient"]


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Set the switch."""
    _sdp["mem_efficient"] = enabled


def math_sdp_enabled() -> bool:
    """Whether the switch is on."""
    return _sdp["math"]


def enable_math_sdp(enabled: bool) -> None:
    """Set the switch."""
    _sdp["math"] = enabled


def cudnn_sdp_enabled() -> bool:
    """Whether the switch is on."""
    return _sdp["cudnn"]


def enable_cudnn_sdp(enabled: bool) -> None:
    """Set the switch."""
    _sdp["cudnn"] = enabled
