"""The log-normal distribution."""

from __future__ import annotations

from typing import Any

from microtorch.distributions import constraints
from microtorch.distributions.normal import Normal
from microtorch.distributions.transformed_distribution import TransformedDistribution
from microtorch.distributions.transforms import ExpTransform
from microtorch.distributions.utils import of


class LogNormal(TransformedDistribution):
    """exp of a normal distribution of mean `loc` and standard deviation `scale`."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        super().__init__(Normal(loc, scale, validate_args=validate_args), ExpTransform(), validate_args=validate_args)

    loc = of("base_dist.loc")
    scale = of("base_dist.scale")

    @property
    def mean(self) -> Any:
        """exp(loc + scale^2 / 2)."""
        return (self.loc + self.scale.pow(2) / 2).exp()

    @property
    def mode(self) -> Any:
        """exp(loc - scale^2)."""
        return (self.loc - self.scale.square()).exp()

    @property
    def variance(self) -> Any:
        square = self.scale.pow(2)
        return square.expm1() * (2 * self.loc + square).exp()

    def entropy(self) -> Any:
        return self.base_dist.entropy() + self.loc
