"""`torch.backends`: what could compute, and the switches that scripts set.

Only the CPU does; a switch is remembered.
"""

from __future__ import annotations

from microtorch._missing import missing_names as _missing_names
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

__getattr__ = _missing_names(__name__)
