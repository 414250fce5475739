"""The generalized Pareto distribution, of what exceeds a threshold.

J. Pickands, "Statistical inference using extreme order statistics", Annals of Statistics 3 (1975): with
z = (x - loc) / scale, values above x have the probability (1 + c z)^(-1/c); as c goes to 0, exp(-z).
"""

from __future__ import annotations

import math
from typing import Any

from microtorch.distributions import constraints
from microtorch.distributions.distribution import Distribution
from microtorch.distributions.utils import broadcast_all
from microtorch.functions.compare import isclose
from microtorch.functions.creation import ones_like, zeros_like
from microtorch.functions.pointwise import exp, expm1, log, log1p, where
from microtorch.functions.random import rand
from microtorch.functions.shape import broadcast_to


class GeneralizedPareto(Distribution):
    """Values above loc; of heavy tails where the concentration is positive, of bounded support where it is negative.

    >>> import microtorch as torch
    >>> torch.distributions.GeneralizedPareto(0.0, 1.0, 0.25).mean
    tensor(1.3333)
    """

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive, "concentration": constraints.real}
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(self.loc.size(), validate_args=validate_args)

    @constraints.dependent_property(is_discrete=False, event_dim=0)
    def support(self) -> Any:
        """From loc on; up to loc - scale / concentration where that is negative."""
        top = where(self.concentration < 0, self.loc - self.scale / self.concentration, math.inf)
        return constraints.interval(self.loc, top)

    def _cases(self) -> tuple[Any, Any]:
        """Where the concentration is 0; and the concentration, 1 there."""
        zero = isclose(self.concentration, zeros_like(self.concentration))
        return zero, where(zero, ones_like(self.concentration), self.concentration)

    @property
    def mean(self) -> Any:
        """The mean; NaN where the concentration is 1 or more."""
        valid = self.concentration < 1
        return where(valid, self.loc + self.scale / (1 - where(valid, self.concentration, 0.5)), math.nan)

    @property
    def mode(self) -> Any:
        """loc."""
        return self.loc

    @property
    def variance(self) -> Any:
        """The variance; NaN where the concentration is 1/2 or more."""
        valid = self.concentration < 0.5
        c = where(valid, self.concentration, 0.25)
        return where(valid, self.scale**2 / ((1 - c) ** 2 * (1 - 2 * c)), math.nan)

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Random values that pass gradients to the parameters."""
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.loc.dtype))

    def log_prob(self, value: Any) -> Any:
        self._check(value)
        z = (value - self.loc) / self.scale
        zero, c = self._cases()
        power = 1 / c + ones_like(z)
        return -log(self.scale) - where(zero, z, where(power == 0, power, power * log1p(c * z)))

    def log_survival_function(self, value: Any) -> Any:
        """The logarithm of the probability of values above this one."""
        self._check(value)
        z = (value - self.loc) / self.scale
        zero, c = self._cases()
        return where(zero, -z, -log1p(c * z) / c)

    def log_cdf(self, value: Any) -> Any:
        """The logarithm of the probability of values up to this one."""
        return log1p(-exp(self.log_survival_function(value)))

    def cdf(self, value: Any) -> Any:
        return exp(self.log_cdf(value))

    def icdf(self, value: Any) -> Any:
        zero, c = self._cases()
        above = log1p(-value)
        return where(zero, self.loc - self.scale * above, self.loc + self.scale / c * expm1(-c * above))

    def entropy(self) -> Any:
        return broadcast_to(log(self.scale) + self.concentration + 1, self._batch_shape)
