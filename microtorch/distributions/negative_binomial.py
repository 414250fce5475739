"""The negative binomial distribution."""

from __future__ import annotations

from typing import Any

from microtorch.autograd.modes import no_grad
from microtorch.distributions import constraints
from microtorch.distributions.gamma import Gamma
from microtorch.distributions.trials import Trials
from microtorch.distributions.utils import lazy_property
from microtorch.functions.pointwise import exp
from microtorch.functions.random import poisson
from microtorch.functions.special import lgamma
from microtorch.nn.functional import logsigmoid
from microtorch.ops.pointwise import sigmoid


class NegativeBinomial(Trials):
    """The number of successes, of probability `probs`, before `total_count` failures."""

    total_count: Any
    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:  # fmt: skip
        (count,) = self._set_param(probs, logits, total_count)
        self.total_count = count.type_as(self._param)
        super().__init__(self._param.size(), validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """total_count * exp(logits)."""
        return self.total_count * exp(self.logits)

    @property
    def mode(self) -> Any:
        """The likeliest number."""
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Any:
        """mean / (1 - probs)."""
        return self.mean / sigmoid(-self.logits)

    @lazy_property
    def _gamma(self) -> Any:
        return Gamma(concentration=self.total_count, rate=exp(-self.logits), validate_args=False)

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            return poisson(self._gamma.sample(sample_shape=sample_shape))

    def log_prob(self, value: Any) -> Any:
        self._check(value)
        unnormalised = self.total_count * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        normaliser = -lgamma(self.total_count + value) + lgamma(1.0 + value) + lgamma(self.total_count)
        normaliser = normaliser.masked_fill(self.total_count + value == 0.0, 0.0)
        return unnormalised - normaliser
