"""Compiled twins of hot kernels (extra `fast`, numba): a module for each family, the NumPy kernels' names.

Imported by `microtorch.kernels.twins` when a kernel asks for a family, never before: importing one imports numba.

How they are written:

- Loops over whole C-contiguous arrays of float32 or float64 (`for i in range(x.size)`): LLVM does not vectorise a loop
  from an arbitrary start (NumPy's negative indices stand in its way), so parts are cut by the caller, with
  `kernels.threads.split`, and a twin sees its own part only.
- `jit` below and nothing else: it releases the interpreter's lock (parts run side by side in our own threads, which
  unlike numba's parallel loops survive a fork and calls from several threads), keeps the code on disk, and lets a
  product and a sum become one instruction; `jit_sums` also reorders sums. Neither assumes that there is no NaN.
- exp, tanh, erf, log and sigmoid come from `compiled.math`, where their error bounds are stated and tested.
- Numbers take the arrays' dtype (`one = x.dtype.type(1)`): a bare 1.0 is a float64, and what it meets becomes one.
"""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from llvmlite.binding import parse_bitcode
from numba.core.caching import CompileResultCacheImpl

F = TypeVar("F", bound=Callable[..., Any])


def jit(function: F) -> F:
    """Compile at the first call for each dtype; without the interpreter's lock. The code is kept on disk, if there is a
    place where numba can write."""
    return _compiled(function, {"contract"})


def jit_sums(function: F) -> F:
    """As `jit`, but sums in the function may be taken in another order (not in the scalar functions that it calls):
    LLVM vectorises no others. NaN and infinities stay what they are."""
    return _compiled(function, {"contract", "reassoc"})


def jit_exact(function: F) -> F:
    """As `jit`, but each operation is rounded by itself, as written: for results that are to agree bit for bit."""
    return _compiled(function, set())


def jit_strided(read: tuple[int, ...], written: int) -> Callable[[F], F]:
    """As `jit`, for functions of arrays of these ranks that are read and one that is written, with any strides: one
    code for all arrays of a dtype, which `prepare` makes before the first call."""

    def decorate(function: F) -> F:
        made: Any = _compiled(function, {"contract"})
        _strided.append((function.__module__, made, read, written))
        return cast(F, made)

    return decorate


_strided: list[tuple[str, Any, tuple[int, ...], int]] = []


def prepare(module: str, dtype: Any) -> None:
    """Make (or read from disk) the code of a module's `jit_strided` functions for arrays of a dtype."""
    scalar = numba.from_dtype(dtype)
    with _preparing:  # several threads may come to their first product at once
        for name, made, read, written in _strided:
            if name == module:
                arrays = [numba.types.Array(scalar, rank, "A", readonly=True, aligned=False) for rank in read]
                made._can_compile = True
                made.compile(numba.void(*arrays, numba.types.Array(scalar, written, "A")))
                made.disable_compile()


_preparing = threading.Lock()


def _compiled(function: F, freedoms: set[str]) -> F:
    made: Any = numba.njit(nogil=True, error_model="numpy", fastmath=freedoms)(function)
    try:
        made.enable_caching()
    except RuntimeError:  # numba found no such place
        return cast(F, made)
    made._cache._cache_file._source_stamp = _sources()
    made._cache._impl = _Lean(function)
    return cast(F, made)


class _Lean(CompileResultCacheImpl):  # type: ignore[misc]  # numba has no types
    """Reads code from disk as numba does, but keeps only what runs. The same in LLVM's language, two megabytes for a
    large function, is needed only if one that calls this one is compiled: it is read again then."""

    def rebuild(self, target_context: Any, payload: Any) -> Any:
        result = super().rebuild(target_context, payload)
        _, kind, code = payload[0]
        if kind == "object":
            result.library._shared_module.close()
            result.library._shared_module = None
            result.library._get_module_for_linking = functools.partial(parse_bitcode, code[1])
        return result


def jit_scalar(function: F) -> F:
    """A scalar function that loops of other twins take in (LLVM does), so that they are vectorised with it."""
    return cast(F, numba.njit(forceinline=True, error_model="numpy", fastmath={"contract"})(function))


def inline(function: F) -> F:
    """A scalar function that loops of other kernels take in, so that they are vectorised with it."""
    return cast(F, numba.njit(inline="always", error_model="numpy", fastmath={"contract"})(function))


@functools.cache
def _sources() -> str:
    """What all twins are made from: code kept on disk is stale when any of them has changed, not only its own file."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
