"""The logistic normal distribution."""

from __future__ import annotations

from typing import Any

from microtorch.distributions import constraints
from microtorch.distributions.normal import Normal
from microtorch.distributions.transformed_distribution import TransformedDistribution
from microtorch.distributions.transforms import StickBreakingTransform
from microtorch.distributions.utils import of


class LogisticNormal(TransformedDistribution):
    """Points of the simplex whose log ratios are normal."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        base = Normal(loc, scale, validate_args=validate_args)
        if not base.batch_shape:
            base = base.expand([1])
        super().__init__(base, StickBreakingTransform(), validate_args=validate_args)

    loc = of("base_dist.base_dist.loc")
    scale = of("base_dist.base_dist.scale")
