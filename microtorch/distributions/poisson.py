"""The Poisson distribution."""

from __future__ import annotations

from typing import Any

from microtorch.autograd.modes import no_grad
from microtorch.distributions import constraints
from microtorch.distributions.exp_family import ExponentialFamily
from microtorch.distributions.utils import broadcast_all, is_number
from microtorch.functions.pointwise import exp, log
from microtorch.functions.random import poisson
from microtorch.size import Size


class Poisson(ExponentialFamily):
    """How often what comes `rate` times on average comes."""

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Any, validate_args: bool | None = None) -> None:
        (self.rate,) = broadcast_all(rate)
        super().__init__(Size() if is_number(rate) else self.rate.size(), validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """rate."""
        return self.rate

    @property
    def mode(self) -> Any:
        """rate, rounded down."""
        return self.rate.floor()

    @property
    def variance(self) -> Any:
        """rate."""
        return self.rate

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distributions for a larger batch shape."""
        return self._expanded(Poisson, batch_shape, _instance, rate=self.rate.expand(Size(batch_shape)))

    def sample(self, sample_shape: Any = ()) -> Any:
        """Random numbers, outside of the graph."""
        with no_grad():
            return poisson(self.rate.expand(self._extended_shape(sample_shape)))

    def log_prob(self, value: Any) -> Any:
        """The logarithm of the probability."""
        if self._validate_args:
            self._validate_sample(value)
        rate, value = broadcast_all(self.rate, value)
        return value.xlogy(rate) - rate - (value + 1).lgamma()

    @property
    def _natural_params(self) -> Any:
        return (log(self.rate),)

    def _log_normalizer(self, x: Any) -> Any:
        return exp(x)
