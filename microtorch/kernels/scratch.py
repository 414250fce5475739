"""Memory that stays from call to call, for each thread its own: fresh memory costs page faults."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

_KEPT_BYTES = 1 << 23  # what is larger is given back

_memory = threading.local()


def scratch(use: str, count: int, dtype: Any) -> Any:
    """`count` numbers of any value, valid until this thread asks again for the same use."""
    held = getattr(_memory, use, None)
    size = count * dtype.itemsize
    if held is None or held.nbytes < size:
        held = np.empty(size, np.uint8)
        if size <= _KEPT_BYTES:
            setattr(_memory, use, held)
    return held[:size].view(dtype)
