"""`torch.backends.cuda`: not built. Its switches are remembered, and change nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_sdp = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


class _MatMul:
    """The switches of matrix products."""

    allow_tf32 = False
    allow_fp16_reduced_precision_reduction = True
    allow_bf16_reduced_precision_reduction = True
    allow_fp16_accumulation = False
    fp32_precision = "none"


class _PlanCache:
    """The plans of CUDA's Fourier transforms: none."""

    size, max_size = 0, 0

    def clear(self) -> None:
        """Nothing to forget."""


matmul, cufft_plan_cache = _MatMul(), _PlanCache()


def is_built() -> bool:
    """False."""
    return False


def _switch(name: str) -> tuple[Callable[[], bool], Callable[[bool], None]]:
    """The functions that read and set one of the switches of attention."""

    def is_enabled() -> bool:
        """Whether the switch is on."""
        return _sdp[name]

    def enable(enabled: bool) -> None:
        """Set the switch."""
        _sdp[name] = enabled

    return is_enabled, enable


flash_sdp_enabled, enable_flash_sdp = _switch("flash")
mem_efficient_sdp_enabled, enable_mem_efficient_sdp = _switch("mem_efficient")
math_sdp_enabled, enable_math_sdp = _switch("math")
cudnn_sdp_enabled, enable_cudnn_sdp = _switch("cudnn")


@contextmanager
def _switched(**switches: bool) -> Iterator[dict[str, Any]]:
    before = dict(_sdp)
    _sdp.update(switches)
    try:
        yield {}
    finally:
        _sdp.update(before)


def sdp_kernel(
    enable_flash: bool = True, enable_math: bool = True, enable_mem_efficient: bool = True, enable_cudnn: bool = True
) -> Any:
    """A block with other switches (deprecated by PyTorch)."""
    message = (
        "`torch.backends.cuda.sdp_kernel()` is deprecated. In the future, this context manager will be removed. "
        "Please see `torch.nn.attention.sdpa_kernel()` for the new context manager, with updated signature."
    )
    warnings.warn(message, FutureWarning, stacklevel=2)
    return _switched(flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn)
