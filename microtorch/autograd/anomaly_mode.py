"""Anomaly mode: find the operation whose backward makes NaN, or fails."""

from __future__ import annotations

import warnings
from typing import Any

from microtorch.autograd.modes import mode
from microtorch.autograd.node import watched


class set_detect_anomaly:
    """Turn anomaly mode on or off, at once or for a `with` block; check_nan: a NaN in a gradient is an error."""

    def __init__(self, mode_: bool = True, check_nan: bool = True, **named: bool) -> None:
        self._before = (mode.anomaly, mode.check_nan)
        self._set(bool(named.get("mode", mode_)), check_nan)

    @staticmethod
    def _set(on: bool, check_nan: bool) -> None:
        if on and not mode.anomaly:
            watched.append(None)
        elif mode.anomaly and not on:
            watched.pop()
        mode.anomaly, mode.check_nan = on, check_nan

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        self._set(*self._before)


class detect_anomaly:
    """Inside the block every operation notes where it was called, and a NaN in a gradient is an error that says so.

    >>> import microtorch as torch
    >>> x = torch.zeros(1, requires_grad=True)
    >>> import warnings
    >>> with warnings.catch_warnings(action="ignore"), torch.autograd.detect_anomaly():
    ...     (x.sqrt() * 0).sum().backward()
    Traceback (most recent call last):
    RuntimeError: Function 'SqrtBackward0' returned nan values in its 0th output.
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should only be enabled for "
            "debugging.",
            stacklevel=2,
        )

    def __enter__(self) -> None:
        self._inner = set_detect_anomaly(True, self.check_nan)

    def __exit__(self, *exc: Any) -> None:
        self._inner.__exit__()


def is_anomaly_enabled() -> bool:
    """True in anomaly mode."""
    return mode.anomaly


def is_anomaly_check_nan_enabled() -> bool:
    """True if a NaN in a gradient is an error in anomaly mode."""
    return mode.check_nan
