"""PyTorch's warnings: about names that go, and at the line of the program that calls us."""

from __future__ import annotations

import os
import sys
import warnings
from types import FrameType

_PACKAGE = os.path.dirname(__file__) + os.sep


def deprecated(old: str, new: str, level: int = 3) -> None:
    """Warn (FutureWarning) the caller's caller that `new` is to be used instead of `old`."""
    message = f"`{old}` is deprecated. Please use `{new}` instead."
    warnings.warn(message, FutureWarning, stacklevel=level)


def at_the_program(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the innermost line that is not this package's, however deep inside we are."""
    frame: FrameType | None = sys._getframe()
    level = 1
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
