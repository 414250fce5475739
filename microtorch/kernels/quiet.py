"""Silence about infinities and NaN (log of 0, division by 0), of which PyTorch says nothing and NumPy warns.

`quiet` marks the kernels whose ordinary use meets them. `np.errstate` makes its state anew at each entry (0.4 us);
here it is made once, and only set and reset (0.1 us); nothing is done where silence reigns already, as it does
throughout a backward pass. Where NumPy has no such state to hand, `np.errstate` itself is used.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

__all__ = ["quiet", "silence"]

F = TypeVar("F", bound=Callable[..., Any])

try:
    from numpy._core._ufunc_config import _extobj_contextvar, _make_extobj  # type: ignore[attr-defined]
except ImportError:  # another NumPy

    def quiet(kernel: F) -> F:
        """A kernel that says nothing of infinities and NaN."""
        return np.errstate(all="ignore")(kernel)

    class silence(np.errstate):
        """`with silence():` nothing is said of infinities and NaN."""

        def __init__(self) -> None:
            super().__init__(all="ignore")

else:
    _state = _make_extobj(all="ignore")
    _get, _set, _reset = _extobj_contextvar.get, _extobj_contextvar.set, _extobj_contextvar.reset

    def quiet(kernel: F) -> F:
        """A kernel that says nothing of infinities and NaN."""

        @functools.wraps(kernel)
        def call(*args: Any) -> Any:
            if _get() is _state:
                return kernel(*args)
            token = _set(_state)
            try:
                return kernel(*args)
            finally:
                _reset(token)

        return call  # type: ignore[return-value]

    class silence:  # type: ignore[no-redef]
        """`with silence():` nothing is said of infinities and NaN."""

        __slots__ = ("token",)

        def __enter__(self) -> None:
            self.token = _set(_state)

        def __exit__(self, *exc: object) -> None:
            _reset(self.token)
