"""The half-Cauchy distribution."""

from __future__ import annotations

import math
from typing import Any

from microtorch.distributions.cauchy import Cauchy
from microtorch.distributions.half import Half
from microtorch.distributions.transforms import AbsTransform
from microtorch.functions.creation import as_tensor, full
from microtorch.functions.pointwise import where


class HalfCauchy(Half):
    """The magnitude of a Cauchy distribution around 0 of `scale`."""

    def __init__(self, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Cauchy(0, scale, validate_args=False), AbsTransform(), validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """inf."""
        return full(self._extended_shape(), math.inf, dtype=self.scale.dtype)

    @property
    def variance(self) -> Any:
        """inf."""
        return self.base_dist.variance

    def log_prob(self, value: Any) -> Any:
        """The logarithm of the density: -inf below 0."""
        self._check(value)
        value = as_tensor(value, dtype=self.base_dist.scale.dtype)
        log_prob = self.base_dist.log_prob(value) + math.log(2)
        return where(value >= 0, log_prob, -math.inf)
