"""The multinomial distribution."""

from __future__ import annotations

import math
from typing import Any

from microtorch.distributions import constraints
from microtorch.distributions.binomial import Binomial
from microtorch.distributions.categorical import Categorical, OfCategorical
from microtorch.distributions.utils import broadcast_all
from microtorch.functions.creation import ones_like, tensor
from microtorch.functions.pointwise import exp
from microtorch.functions.special import lgamma
from microtorch.size import Size


class Multinomial(OfCategorical):
    """How often each of K categories comes in `total_count` draws."""

    total_count: int
    _kept = ("total_count",)

    def __init__(
        self, total_count: int = 1, probs: Any = None, logits: Any = None, validate_args: bool | None = None
    ) -> None:  # fmt: skip
        if not isinstance(total_count, int):
            raise NotImplementedError("inhomogeneous total_count is not supported")
        self.total_count = total_count
        self._categorical = Categorical(probs=probs, logits=logits)
        self._binomial = Binomial(total_count=total_count, probs=self.probs)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """probs * total_count."""
        return self.probs * self.total_count

    @property
    def variance(self) -> Any:
        """total_count * probs * (1 - probs)."""
        return self.total_count * self.probs * (1 - self.probs)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        """Counts of at most total_count."""
        return constraints.multinomial(self.total_count)

    def sample(self, sample_shape: Any = ()) -> Any:
        """Random counts, outside of the graph."""
        sample_shape = Size(sample_shape)
        drawn = self._categorical.sample(Size((self.total_count,)) + sample_shape)
        drawn = drawn.permute(*range(1, drawn.dim()), 0)  # the draws last
        counts = drawn.new(self._extended_shape(sample_shape)).zero_()
        counts.scatter_add_(-1, drawn, ones_like(drawn))
        return counts.type_as(self.probs)

    def entropy(self) -> Any:
        n = tensor(self.total_count)
        support = self._binomial.enumerate_support(expand=False)[1:]
        weights = exp(self._binomial.log_prob(support))
        return (
            self.total_count * self._categorical.entropy()
            - lgamma(n + 1)
            + (weights * lgamma(support + 1)).sum([0, -1])
        )

    def log_prob(self, value: Any) -> Any:
        self._check(value)
        logits, value = broadcast_all(self.logits, value)
        logits = logits.clone().contiguous()
        log_factorial_n = lgamma(value.sum(-1) + 1)
        log_factorial_xs = lgamma(value + 1).sum(-1)
        logits[(value == 0) & (logits == -math.inf)] = 0
        return log_factorial_n - log_factorial_xs + (logits * value).sum(-1)
