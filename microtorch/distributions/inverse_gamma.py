"""The inverse gamma distribution."""

from __future__ import annotations

import math
from typing import Any

from microtorch.distributions import constraints
from microtorch.distributions.gamma import Gamma
from microtorch.distributions.transformed_distribution import TransformedDistribution
from microtorch.distributions.transforms import PowerTransform
from microtorch.distributions.utils import of
from microtorch.functions.creation import tensor
from microtorch.functions.pointwise import where


class InverseGamma(TransformedDistribution):
    """1 / (a gamma number)."""

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, concentration: Any, rate: Any, validate_args: bool | None = None) -> None:
        base = Gamma(concentration, rate, validate_args=validate_args)
        super().__init__(base, PowerTransform(-tensor(1.0, dtype=base.rate.dtype)), validate_args=validate_args)

    concentration = of("base_dist.concentration")
    rate = of("base_dist.rate")

    @property
    def mean(self) -> Any:
        """rate / (concentration - 1), inf for concentration <= 1."""
        result = self.rate / (self.concentration - 1)
        return where(self.concentration > 1, result, math.inf)

    @property
    def mode(self) -> Any:
        """rate / (concentration + 1)."""
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Any:
        """The variance, inf for concentration <= 2."""
        result = self.rate.square() / ((self.concentration - 1).square() * (self.concentration - 2))
        return where(self.concentration > 2, result, math.inf)

    def entropy(self) -> Any:
        return (
            self.concentration
            + self.rate.log()
            + self.concentration.lgamma()
            - (1 + self.concentration) * self.concentration.digamma()
        )
