"""Distributions that are symmetric around a parameter."""

from __future__ import annotations

from typing import Any

from microtorch.distributions.distribution import Distribution


class Symmetric(Distribution):
    """Distributions symmetric around `loc`, and densest there."""

    loc: Any

    @property
    def mean(self) -> Any:
        """loc."""
        return self.loc

    @property
    def mode(self) -> Any:
        """loc."""
        return self.loc
