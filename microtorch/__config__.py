"""`torch.__config__`: how it was built."""

from __future__ import annotations

import numpy as np

from microtorch._settings import get_num_threads
from microtorch.release import __version__


def show() -> str:
    """What computes, as text."""
    return f"microtorch {__version__} on NumPy {np.__version__}\n"


def parallel_info() -> str:
    """How many threads compute, as text."""
    return f"NumPy's BLAS:\n\tget_num_threads() : {get_num_threads()}\n"
