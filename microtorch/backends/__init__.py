"""`torch.backends`: what could compute, and the switches that scripts set.

Only the CPU does; a switch is remembered.
"""

from __future__ import annotations

from microtorch._missing import missing_name as _missing_name
from microtorch.backends import (
    cpu as cpu,
    cuda as cuda,
    cudnn as cudnn,
    mkl as mkl,
    mkldnn as mkldnn,
    mps as mps,
    openmp as openmp,
    opt_einsum as opt_einsum,
    quantized as quantized,
)


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
