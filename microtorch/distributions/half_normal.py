"""The half-normal distribution."""

from __future__ import annotations

import math
from typing import Any

from microtorch.distributions.half import Half
from microtorch.distributions.normal import Normal
from microtorch.distributions.transforms import AbsTransform
from microtorch.functions.pointwise import where


class HalfNormal(Half):
    """The magnitude of a normal distribution around 0 of `scale`."""

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """scale sqrt(2 / pi)."""
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Any:
        """scale^2 (1 - 2 / pi)."""
        return self.scale.pow(2) * (1 - 2 / math.pi)

    def log_prob(self, value: Any) -> Any:
        """The logarithm of the density: -inf below 0."""
        self._check(value)
        log_prob = self.base_dist.log_prob(value) + math.log(2)
        return where(value >= 0, log_prob, -math.inf)
