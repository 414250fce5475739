"""Bernoulli values relaxed to the interval (0, 1)."""

from __future__ import annotations

from typing import Any

from microtorch.distributions import constraints
from microtorch.distributions.transformed_distribution import TransformedDistribution
from microtorch.distributions.transforms import SigmoidTransform
from microtorch.distributions.trials import Trials
from microtorch.distributions.utils import broadcast_all, clamp_probs, of
from microtorch.functions.random import rand


class LogitRelaxedBernoulli(Trials):
    """The log odds of `RelaxedBernoulli`."""

    support = constraints.real
    _kept = ("temperature",)

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:  # fmt: skip
        self.temperature = temperature
        self._set_param(probs, logits)
        super().__init__(self._param.size(), validate_args=validate_args)

    def rsample(self, sample_shape: Any = ()) -> Any:
        """(logit(a uniform number) + logits) / temperature."""
        shape = self._extended_shape(sample_shape)
        probs = clamp_probs(self.probs.expand(shape))
        uniforms = clamp_probs(rand(shape, dtype=probs.dtype))
        return (uniforms.log() - (-uniforms).log1p() + probs.log() - (-probs).log1p()) / self.temperature

    def log_prob(self, value: Any) -> Any:
        self._check(value)
        logits, value = broadcast_all(self.logits, value)
        diff = logits - value.mul(self.temperature)
        return self.temperature.log() + diff - 2 * diff.exp().log1p()


class Relaxed(TransformedDistribution):
    """A transformed distribution with the parameters of its base."""

    has_rsample = True

    temperature = of("base_dist.temperature")
    logits = of("base_dist.logits")
    probs = of("base_dist.probs")


class RelaxedBernoulli(Relaxed):
    """Bernoulli values relaxed to (0, 1), the more the higher the temperature.

    C. Maddison et al., "The Concrete distribution", arXiv 1611.00712.
    """

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    support = constraints.unit_interval

    def __init__(
        self, temperature: Any, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:  # fmt: skip
        base = LogitRelaxedBernoulli(temperature, probs, logits)
        super().__init__(base, SigmoidTransform(), validate_args=validate_args)
