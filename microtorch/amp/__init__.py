"""Mixed precision, as in `torch.amp`: `autocast` and `GradScaler`.

On the CPU autocast computes in bfloat16 or float16 as PyTorch does. A GPU is not here: `autocast("cuda")` and
`GradScaler("cuda")` warn and do nothing, as in a PyTorch built for the CPU.
"""

from __future__ import annotations

from microtorch._missing import missing_names as _missing_names
from microtorch.amp.autocast_mode import (
    autocast as autocast,
    custom_bwd as custom_bwd,
    custom_fwd as custom_fwd,
    is_autocast_available as is_autocast_available,
)
from microtorch.amp.grad_scaler import GradScaler as GradScaler

__getattr__ = _missing_names(__name__)
