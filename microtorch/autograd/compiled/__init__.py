"""The core compiled (extra `fast`): the calls of the table's entries and the backward pass as machine code.

What an operation on few numbers costs is hardly its arithmetic: it is Python's steps around it. Here they are
written in the part of Python that numba compiles, with Python's objects as addresses (`objects.py`). Each function does
what its namesake in `table.py` or `engine.py` does for the ordinary case, and leaves all others to it.
"""

from __future__ import annotations

from microtorch.autograd.compiled import backward, calls, objects

__all__ = ["install", "remove"]


def install() -> None:
    """From now on calls and backward passes try their compiled form first."""
    if objects.usable():
        calls.install()
        backward.install()


def remove() -> None:
    """From now on all goes Python's way."""
    calls.remove()
    backward.remove()
