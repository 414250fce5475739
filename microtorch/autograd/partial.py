"""The gradient of an indexed tensor, before it is spread out."""

from __future__ import annotations

from typing import Any

import numpy as np


class Partial:
    """A gradient of `shape` that is `value` at the basic index `key` and zero elsewhere.

    The engine adds it in place into the buffer where the gradients meet, so a loop over x[t] costs what its parts cost,
    not a whole zero-filled array each.
    """

    __slots__ = ("value", "shape", "key")
    dtype = None  # unlike any array's: so the engine looks closer

    def __init__(self, value: Any, shape: tuple[int, ...], key: Any) -> None:
        self.value, self.shape, self.key = value, shape, key

    def whole(self) -> Any:
        """Spread out: an array of its own."""
        whole = np.zeros(self.shape, self.value.dtype)
        whole[self.key] = self.value
        return whole

    def add_to(self, buffer: Any) -> None:
        """Add it to a whole array."""
        buffer[self.key] += self.value

    def astype(self, dtype: Any) -> Partial:
        """The same in another dtype."""
        return Partial(self.value.astype(dtype), self.shape, self.key)
