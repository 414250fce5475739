"""The negative binomial distribution."""

from __future__ import annotations

from typing import Any

from microtorch.autograd.modes import no_grad
from microtorch.distributions import constraints
from microtorch.distributions.distribution import Distribution
from microtorch.distributions.gamma import Gamma
from microtorch.distributions.utils import (
    expanded_trials,
    lazy_property,
    logits_to_probs,
    probs_to_logits,
    set_trials,
)
from microtorch.functions.pointwise import exp
from microtorch.functions.random import poisson
from microtorch.functions.special import lgamma
from microtorch.nn.functional import logsigmoid
from microtorch.ops.pointwise import sigmoid
from microtorch.size import Size


class NegativeBinomial(Distribution):
    """The number of successes, of probability `probs`, before `total_count` failures."""

    total_count: Any
    _param: Any
    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self, total_count: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:  # fmt: skip
        set_trials(self, total_count, probs, logits)
        super().__init__(self._param.size(), validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distributions for a larger batch shape."""
        shape = Size(batch_shape)
        return self._expanded(NegativeBinomial, shape, _instance, **expanded_trials(self, shape))

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
    def logits(self) -> Any:
        """The log odds."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Any:
        """The probabilities of success."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter given."""
        return self._param.size()

    @lazy_property
    def _gamma(self) -> Any:
        return Gamma(concentration=self.total_count, rate=exp(-self.logits), validate_args=False)

    def sample(self, sample_shape: Any = ()) -> Any:
        """Random numbers, outside of the graph."""
        with no_grad():
            return poisson(self._gamma.sample(sample_shape=sample_shape))

    def log_prob(self, value: Any) -> Any:
        """The logarithm of the probability."""
        if self._validate_args:
            self._validate_sample(value)
        unnormalised = self.total_count * logsigmoid(-self.logits) + value * logsigmoid(self.logits)
        normaliser = -lgamma(self.total_count + value) + lgamma(1.0 + value) + lgamma(self.total_count)
        normaliser = normaliser.masked_fill(self.total_count + value == 0.0, 0.0)
        return unnormalised - normaliser
