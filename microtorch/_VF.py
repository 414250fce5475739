"""`torch._VF`: PyTorch's functions as its modules call them, such as `_VF.lstm`; those of `torch`."""

from __future__ import annotations

from typing import Any

import microtorch
from microtorch._missing import missing_name as _missing_name


def __getattr__(name: str) -> Any:
    if name.startswith("__") or not hasattr(microtorch, name):
        raise _missing_name(__name__, name)
    return getattr(microtorch, name)
