"""Which of a kernel's twins runs: NumPy's, or the compiled one of the extra `fast` (numba).

A kernel that has a compiled twin asks before it starts:

    if x.size >= twins.least and twins.takes(x) and (fast := twins.of("softmax")) is not None:
        return fast.softmax(x)

`elementwise` and `each` do that for kernels whose results have the elements of their arguments. For arrays of few
numbers, where the call costs more than the arithmetic, there are the same twins as ufuncs:

    if (fast := twins.few(x)) is not None:
        return fast.softmax(x)

The twins stand in `microtorch.kernels.compiled`, a module for each family, with the names of the NumPy kernels. The
environment variable MICROTORCH_KERNELS says which to use: `numpy` never a compiled one, `numba` the compiled ones for
every size (for tests; an error if numba is missing), nothing: the compiled ones from `least` elements on, if numba is
installed. numba is imported when the first kernel needs it; what it compiled is kept on disk for later processes.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeVar, cast

import numpy as np

from microtorch.kernels import threads
from microtorch.kernels.pieces import LARGE, each_piece

__all__ = [
    "FEWER", "MissingCompiler", "active", "at_hand", "beside", "choose", "each", "elementwise", "few", "of", "result",
    "takes",
]  # fmt: skip

F = TypeVar("F", bound=Callable[..., Any])

LEAST = 8192
"""Elements from which a compiled kernel is worth its call (1 us) and the threads' start (7 us): measured, see
docs/performance.md."""

NEVER = sys.maxsize

PART = 1 << 15
"""Elements from which a part of a compiled loop is worth a thread."""

least: int = LEAST
"""The least number of elements for which a compiled twin is taken; a kernel may ask for a multiple of it."""

FEWER = 16
"""What `least` is divided by for kernels of many passes in NumPy, whose twins are faster for any number of elements: a
program whose arrays are smaller than that is not worth the compiler's import."""

FEW = LEAST
"""Numbers up to which a twin is called as a ufunc."""

PATIENCE = 3000
"""How many small arrays are computed by NumPy before numba is imported (0.5 s) for their sake, if nothing else has:
a short program is over sooner."""

on_ufunc: list[Callable[[str, str, Any], None]] = []
"""Called with its dtype's character, its name and itself when a ufunc has been made."""

on_few: list[Callable[[bool], None]] = []
"""Called with True when the ufuncs come into use, with False when they go out: for what else is compiled for the sake
of small arrays."""

_ufuncs: dict[str, Any] = {}  # by the dtype's character; empty as long as they are not in use
_wait = 0  # small arrays still to be computed by NumPy; 0: there is nothing to wait for

_families: dict[str, ModuleType | None] = {}
_floats = (np.dtype(np.float32), np.dtype(np.float64))


class MissingCompiler(ImportError):
    """MICROTORCH_KERNELS=numba without numba."""


def choose(which: str) -> None:
    """Use `numpy`, `numba` (compiled twins whatever the size) or `auto` from now on.

    Raises ValueError for another word, MissingCompiler if it is `numba` and that is not installed.
    """
    global least, _ufuncs, _wait
    if which not in ("numpy", "numba", "auto"):
        raise ValueError(f"MICROTORCH_KERNELS is {which!r}; it can be numpy, numba or auto")
    if which == "numba" and not _installed():
        raise MissingCompiler("MICROTORCH_KERNELS=numba needs numba: pip install microtorch[fast]")
    least = {"numpy": NEVER, "numba": 0, "auto": LEAST}[which]
    if _ufuncs:
        for use in on_few:
            use(False)
    _ufuncs, _wait = {}, {"numpy": 0, "numba": 1, "auto": PATIENCE}[which]


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


def active() -> bool:
    """Whether compiled twins are used for large arrays."""
    return least < NEVER and _installed()


def at_hand(family: str, n: int) -> Any:
    """The module of that family for n elements: from `least` on, and from a few already if it has been used before, so
    that the import of numba costs no more than it gains. Else None."""
    if n >= least:
        return of(family)
    return _families.get(family) if 64 * n >= least else None


def beside(family: str, n: int) -> Any:
    """The module of that family for n elements: from `least` on, and for any number if the ufuncs are in use, since
    numba is imported then. Else None."""
    return of(family) if n >= least or _ufuncs else None


def few(x: Any) -> Any:
    """The compiled twins as ufuncs (compiled/ufuncs.py) for an array of few numbers; None if NumPy is to compute it.

    They take C-contiguous arrays only, as x then is; who calls them sees to the others.
    """
    if _wait:
        wait(1)
    if not _ufuncs or type(x) is not np.ndarray or not 0 < x.size <= FEW or not x.flags.c_contiguous or not x.ndim:
        return None
    return _ufuncs.get(x.dtype.char)


def wait(arrays: int) -> None:
    """Count small arrays that NumPy has computed; after enough of them the compiled twins for few come into use."""
    global _ufuncs, _wait
    if not _wait:
        return
    _wait = max(_wait - arrays, 0)
    if not _wait or _families:  # (what is imported already need not be waited for)
        _wait = 0
        if _installed():
            _ufuncs = importlib.import_module("microtorch.kernels.compiled.ufuncs").of_dtype
            for use in on_few:
                use(True)


def takes(*inputs: Any) -> bool:
    """True if all are C-contiguous arrays of one dtype that the twins are compiled for (float32 or float64)."""
    dtype = inputs[0].dtype
    if dtype not in _floats:
        return False
    for a in inputs:
        if type(a) is not np.ndarray or a.dtype is not dtype or not a.flags.c_contiguous:
            return False
    return True


def each(twin: Any, *inputs: Any) -> Any:
    """The result of a compiled loop `twin(*inputs, out)` over arrays of one shape, C-contiguous and of the dtype of the
    first; numbers among the inputs get that dtype. Large arrays are cut for the threads."""
    first = inputs[0]
    out = np.empty(first.shape, first.dtype)
    number = first.dtype.type
    flat = [a.reshape(-1) if type(a) is np.ndarray else a if type(a) is number else number(a) for a in inputs]
    threads.split(twin, first.size, *flat, out.reshape(-1), least=PART)
    return out


def result(family: str, name: str, x: Any, *rest: Any) -> Any:
    """`each` by the compiled twin of that name, for arrays of `least` elements or more (and numbers) that it is
    compiled for; None if NumPy is to compute it."""
    if type(x) is not np.ndarray or x.size < least or (arrays := _alike(x, rest)) is None:
        return None
    return None if (fast := of(family)) is None else each(getattr(fast, name), *arrays)


def elementwise(family: str, pieces: bool = False) -> Callable[[F], F]:
    """For kernels that compute each element from those in the same place of arrays of one shape (and numbers): the
    compiled twin of that name from `least` elements on.

    family: "" if there is no twin. pieces: without one, large arrays go through the NumPy kernel in pieces that stay in
    the processor's cache with all that it makes of them, side by side on the threads.
    """

    def decorate(kernel: F) -> F:
        name = kernel.__name__
        plain = family == "activation" and set(inspect.signature(kernel).parameters) <= {"g", "x", "out"}  # no numbers
        if plain:
            kernel.few = name  # type: ignore[attr-defined]

        @functools.wraps(kernel)
        def call(x: Any, *rest: Any) -> Any:
            if plain:
                if _wait:
                    few(x)
                if _ufuncs and type(x) is np.ndarray and x.size <= FEW and (fast := _ufuncs.get(x.dtype.char)):
                    if not rest or (type(rest[0]) is np.ndarray and rest[0].dtype is x.dtype):
                        return getattr(fast, name)(x, *rest)
            elif family and (_ufuncs or _wait) and (fast := few(x)) is not None and _numbers_beside(x, rest):
                return getattr(fast, name)(x, *rest)
            if x.size >= least and family:
                arrays = _alike(x, rest)
                if arrays is not None and (fast := of(family)) is not None:
                    return each(getattr(fast, name), *arrays)
            if pieces and x.size >= LARGE and threads.count() > 1:
                arrays = _alike(x, rest)
                if arrays is not None:
                    return each_piece(kernel, arrays[0], arrays[1:], x.dtype)
            return kernel(x, *rest)

        return cast(F, call)

    return decorate


def _numbers_beside(x: Any, rest: tuple[Any, ...]) -> bool:
    """Whether the rest are numbers, and contiguous arrays of the shape and dtype of x."""
    for a in rest:
        if type(a) is not float and type(a) is not int:
            if type(a) is not np.ndarray or a.dtype is not x.dtype or a.shape != x.shape or not a.flags.c_contiguous:
                return False
    return True


def _alike(x: Any, rest: tuple[Any, ...]) -> tuple[Any, ...] | None:
    """The arguments of `each`, arrays made contiguous if one of them is; None if they are not of one shape and one
    dtype that the twins are compiled for."""
    if type(x) is not np.ndarray or x.dtype not in _floats:
        return None
    arrays, whole, shape, dtype = [x], x.flags.c_contiguous, x.shape, x.dtype
    for a in rest:
        if isinstance(a, np.ndarray):
            if type(a) is not np.ndarray or a.dtype is not dtype or a.shape != shape:
                return None
            whole |= a.flags.c_contiguous
        elif isinstance(a, (complex, np.generic)):
            return None
        arrays.append(a)
    if not whole:  # the result of arrays in another order is in that order: NumPy's way
        return None
    return tuple([np.ascontiguousarray(a) if isinstance(a, np.ndarray) and a.ndim else a for a in arrays])


@functools.cache
def _installed() -> bool:
    return importlib.util.find_spec("numba") is not None


choose(os.environ.get("MICROTORCH_KERNELS") or "auto")
