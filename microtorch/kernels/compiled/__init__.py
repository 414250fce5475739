"""Compiled twins of hot kernels (extra `fast`, numba): a module for each family, the NumPy kernels' names.

Imported by `microtorch.kernels.twins` when a kernel asks for a family, never before: importing one imports numba.

How they are written:

- Loops over whole C-contiguous arrays of float32 or float64 (`for i in range(x.size)`): LLVM does not vectorise a loop
  from an arbitrary start (NumPy's negative indices stand in its way), so parts are cut by the caller, with
  `kernels.threads.split`, and a twin sees its own part only.
- `jit` below and nothing else: it releases the interpreter's lock (parts run side by side in our own threads, which
  unlike numba's parallel loops survive a fork and calls from several threads), keeps the code on disk, and lets a
  product and a sum become one instruction, but never reorders sums or assumes that there is no NaN.
- exp, tanh, erf, log and sigmoid come from `compiled.math`, where their error bounds are stated and tested.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def jit(function: F) -> F:
    """Compile at the first call for each dtype; cached on disk, without the interpreter's lock."""
    return cast(F, numba.njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})(function))


def inline(function: F) -> F:
    """A scalar function that loops of other kernels take in, so that they are vectorised with it."""
    return cast(F, numba.njit(inline="always", error_model="numpy", fastmath={"contract"})(function))
