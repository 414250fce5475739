"""`torch.xpu`: Intel's GPUs are not used; seeding them and emptying their cache does nothing."""

from microtorch._missing import missing_names as _missing_names
from microtorch.cuda import (
    device_count as device_count,
    empty_cache as empty_cache,
    is_available as is_available,
    manual_seed as manual_seed,
    manual_seed_all as manual_seed_all,
)

__getattr__ = _missing_names(__name__)
