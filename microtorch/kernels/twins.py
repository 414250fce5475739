"""Which of a kernel's twins runs: NumPy's, or the compiled one of the extra `fast` (numba).

A kernel that has a compiled twin asks before it starts:

    if x.size >= twins.least and (fast := twins.of("softmax")) is not None and twins.takes(x):
        return fast.softmax(x)

The twins stand in `microtorch.kernels.compiled`, a module for each family, with the names of the NumPy kernels. The
environment variable MICROTORCH_KERNELS says which to use: `numpy` never a compiled one, `numba` the compiled ones for
every size (for tests; an error if numba is missing), nothing: the compiled ones from `least` elements on, if numba is
installed. numba is imported when the first kernel needs it; what it compiled is kept on disk for later processes.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from types import ModuleType
from typing import Any

import numpy as np

__all__ = ["MissingCompiler", "choose", "of", "takes"]

LEAST = 8192
"""Elements from which a compiled kernel is worth its call (1 us) and the threads' start (7 us): measured, see
docs/performance.md."""

NEVER = sys.maxsize

least: int = LEAST
"""The least number of elements for which a compiled twin is taken; a kernel may ask for a multiple of it."""

_families: dict[str, ModuleType | None] = {}
_floats = (np.dtype(np.float32), np.dtype(np.float64))


class MissingCompiler(ImportError):
    """MICROTORCH_KERNELS=numba without numba."""


def choose(which: str) -> None:
    """Use `numpy`, `numba` (compiled twins whatever the size) or `auto` from now on.

    Raises ValueError for another word, MissingCompiler if it is `numba` and that is not installed.
    """
    global least
    if which not in ("numpy", "numba", "auto"):
        raise ValueError(f"MICROTORCH_KERNELS is {which!r}; it can be numpy, numba or auto")
    if which == "numba" and not _installed():
        raise MissingCompiler("MICROTORCH_KERNELS=numba needs numba: pip install microtorch[fast]")
    least = {"numpy": NEVER, "numba": 0, "auto": LEAST}[which]


def of(family: str) -> Any:
    """The module of compiled twins of that family (`softmax`, `conv`); None if numba is not installed."""
    global least
    try:
        return _families[family]
    except KeyError:
        pass
    if not _installed():
        least = NEVER
        return None
    _families[family] = importlib.import_module(f"microtorch.kernels.compiled.{family}")
    return _families[family]


def takes(*inputs: Any) -> bool:
    """True if all are C-contiguous arrays of one dtype that the twins are compiled for (float32 or float64)."""
    dtype = inputs[0].dtype
    if dtype not in _floats:
        return False
    for a in inputs:
        if type(a) is not np.ndarray or a.dtype is not dtype or not a.flags.c_contiguous:
            return False
    return True


def _installed() -> bool:
    return importlib.util.find_spec("numba") is not None


choose(os.environ.get("MICROTORCH_KERNELS") or "auto")
