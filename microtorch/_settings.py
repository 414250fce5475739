"""`torch.set_num_threads` and the switches that scripts set once: determinism, precision of products.

What is computed here is deterministic and in full precision always, so those switches are only remembered.
"""

from __future__ import annotations

import os
import warnings
from typing import Literal

from microtorch.kernels import threads

__all__ = [
    "are_deterministic_algorithms_enabled",
    "get_deterministic_debug_mode",
    "get_float32_matmul_precision",
    "get_num_interop_threads",
    "get_num_threads",
    "is_deterministic_algorithms_warn_only_enabled",
    "is_warn_always_enabled",
    "set_deterministic_debug_mode",
    "set_float32_matmul_precision",
    "set_flush_denormal",
    "set_num_interop_threads",
    "set_num_threads",
    "set_warn_always",
    "use_deterministic_algorithms",
]

# threads --------------------------------------------------------------------------------------------------------------


_interop_threads: int | None = None


def get_num_threads() -> int:
    """The number of threads that one operation uses."""
    return threads.count()


def set_num_threads(nthreads: int, /) -> None:
    """Use that many threads for matrix products and kernels. Raises RuntimeError for what is no positive integer."""
    if isinstance(nthreads, bool) or not isinstance(nthreads, int):
        raise RuntimeError(f"set_num_threads expects an int, but got {type(nthreads).__name__}")
    if nthreads <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    threads.set_count(nthreads)


def get_num_interop_threads() -> int:
    """The number that was set with `set_num_interop_threads`: operations run one after the other here."""
    return _interop_threads or os.cpu_count() or 1


def set_num_interop_threads(nthreads: int, /) -> None:
    """Remember a number. Raises RuntimeError for what is no positive integer, and the second time."""
    global _interop_threads
    if isinstance(nthreads, bool) or not isinstance(nthreads, int):
        raise RuntimeError(f"set_num_interop_threads expects an int, but got {type(nthreads).__name__}")
    if nthreads <= 0:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    if _interop_threads is not None:
        raise RuntimeError(
            "Error: cannot set number of interop threads after parallel work has started or set_num_interop_threads "
            "called"
        )
    _interop_threads = nthreads


def set_flush_denormal(mode: bool, /) -> bool:
    """False: NumPy cannot take the smallest numbers for 0."""
    return False


# switches -------------------------------------------------------------------------------------------------------------

_deterministic, _warn_only = False, False
_precision = "highest"
_warn_always = False


def set_warn_always(b: bool, /) -> None:
    """Remember the switch: Python's own filters decide how often a warning is shown."""
    global _warn_always
    if not isinstance(b, bool):
        raise RuntimeError(f"setWarnOnlyOnce expects a bool, but got {type(b).__name__}")
    _warn_always = b


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` was given last."""
    return _warn_always


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Remember the switch: the algorithms here are deterministic anyway."""
    global _deterministic, _warn_only
    _deterministic, _warn_only = bool(mode), bool(warn_only)


def are_deterministic_algorithms_enabled() -> bool:
    """Whether the switch is on."""
    return _deterministic


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Whether it was set with `warn_only=True`."""
    return _warn_only


def get_deterministic_debug_mode() -> int:
    """0: off, 1: only warns, 2: on."""
    return (1 if _warn_only else 2) if _deterministic else 0


def set_deterministic_debug_mode(debug_mode: int | Literal["default", "warn", "error"]) -> None:
    """Set the switch: 0 or "default": off, 1 or "warn": only warns, 2 or "error": on.

    Raises RuntimeError for other texts and numbers, TypeError for what is neither.
    """
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        if debug_mode not in ("default", "warn", "error"):
            raise RuntimeError(
                f"invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got {debug_mode}"
            )
        debug_mode = ("default", "warn", "error").index(debug_mode)
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}")
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_float32_matmul_precision() -> str:
    """What was set: "highest", "high" or "medium"."""
    return _precision


def set_float32_matmul_precision(precision: str, /) -> None:
    """Remember how precise products of float32 matrices should be; here they always have the full precision."""
    global _precision
    if precision not in ("highest", "high", "medium"):
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the currentsetFloat32MatmulPrecision call has "
            "no effect.",
            stacklevel=2,
        )
        return
    _precision = precision
