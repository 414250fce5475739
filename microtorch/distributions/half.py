"""What the half-normal and the half-Cauchy distribution share: the magnitude of one that is symmetric around 0."""

from __future__ import annotations

import math
from typing import Any

from microtorch.distributions import constraints
from microtorch.distributions.transformed_distribution import TransformedDistribution
from microtorch.distributions.utils import of
from microtorch.functions.creation import zeros_like


class Half(TransformedDistribution):
    """The magnitude of `base_dist`, whose probability is the same on both sides of 0."""

    arg_constraints = {"scale": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    scale = of("base_dist.scale")

    @property
    def mode(self) -> Any:
        """0."""
        return zeros_like(self.scale)

    def cdf(self, value: Any) -> Any:
        self._check(value)
        return 2 * self.base_dist.cdf(value) - 1

    def icdf(self, prob: Any) -> Any:
        return self.base_dist.icdf((prob + 1) / 2)

    def entropy(self) -> Any:
        return self.base_dist.entropy() - math.log(2)
