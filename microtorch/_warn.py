"""PyTorch's warnings about names that go."""

from __future__ import annotations

import warnings


def deprecated(old: str, new: str, level: int = 3) -> None:
    """Warn (FutureWarning) the caller's caller that `new` is to be used instead of `old`."""
    message = f"`{old}` is deprecated. Please use `{new}` instead."
    warnings.warn(message, FutureWarning, stacklevel=level)
