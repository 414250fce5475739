"""`torch.mtia`: an accelerator that is not used here."""

from microtorch._missing import missing_names as _missing_names
from microtorch.cuda import (
    device_count as device_count,
    is_available as is_available,
    is_initialized as is_initialized,
    manual_seed as manual_seed,
)

__getattr__ = _missing_names(__name__)
