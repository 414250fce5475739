"""What the C library's allocator does with freed arrays.

A training step frees its activations and makes them again. By default glibc hands large blocks back to the system at
once, and each of their pages (4 KB) then costs a fault when it is first written to: up to a quarter of a step of a
small transformer, more than the arithmetic of its pointwise operations. So importing microtorch tells the allocator
to keep freed memory for the next step. The peak stays what it was; memory that the process once needed stays its own.

MICROTORCH_KEEP_MEMORY=0 leaves the allocator alone, as do settings of the user's own (MALLOC_TRIM_THRESHOLD_,
MALLOC_MMAP_THRESHOLD_, GLIBC_TUNABLES), and C libraries other than glibc.
"""

from __future__ import annotations

import ctypes
import os

__all__ = ["keep_freed"]

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # mallopt(3)
KEPT = 1 << 30
"""Free bytes at the end of the heap from which on they go back to the system."""
MAPPED = 1 << 26
"""Blocks of so many bytes or more are mapped one by one, and go back when they are freed: no holes in the heap."""


def keep_freed() -> bool:
    """Keep freed memory for later arrays. Returns whether the allocator took the settings."""
    own = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")
    if os.environ.get("MICROTORCH_KEEP_MEMORY") == "0" or any(name in os.environ for name in own):
        return False
    if "CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", ()) or not os.confstr("CS_GNU_LIBC_VERSION"):
        return False
    library = ctypes.CDLL(None)
    return bool(library.mallopt(MMAP_THRESHOLD, MAPPED) and library.mallopt(TRIM_THRESHOLD, KEPT))
