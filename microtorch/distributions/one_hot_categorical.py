"""The categorical distribution in one-hot form."""

from __future__ import annotations

from typing import Any

from microtorch.distributions import constraints
from microtorch.distributions.categorical import Categorical
from microtorch.distributions.distribution import Distribution
from microtorch.functions.creation import eye
from microtorch.nn.functional import one_hot
from microtorch.size import Size


class OneHotCategorical(Distribution):
    """One-hot vectors, of which the K-th is as likely as K in `Categorical`."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        self._categorical = Categorical(probs, logits)
        super().__init__(self._categorical.batch_shape, self._categorical.param_shape[-1:], validate_args=validate_args)

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        """The same distributions for a larger batch shape."""
        shape = Size(batch_shape)
        return self._expanded(OneHotCategorical, shape, _instance, _categorical=self._categorical.expand(shape))

    def _new(self, *args: Any, **kwargs: Any) -> Any:
        return self._categorical._new(*args, **kwargs)

    @property
    def _param(self) -> Any:
        return self._categorical._param

    @property
    def probs(self) -> Any:
        """The probabilities."""
        return self._categorical.probs

    @property
    def logits(self) -> Any:
        """The logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def mean(self) -> Any:
        """probs."""
        return self._categorical.probs

    @property
    def mode(self) -> Any:
        """The likeliest vector."""
        probs = self._categorical.probs
        return one_hot(probs.argmax(dim=-1), num_classes=probs.shape[-1]).to(probs)

    @property
    def variance(self) -> Any:
        """probs * (1 - probs)."""
        return self._categorical.probs * (1 - self._categorical.probs)

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter given."""
        return self._categorical.param_shape

    def sample(self, sample_shape: Any = ()) -> Any:
        """Random vectors, outside of the graph."""
        probs = self._categorical.probs
        return one_hot(self._categorical.sample(sample_shape), self._categorical._num_events).to(probs)

    def log_prob(self, value: Any) -> Any:
        """The logarithm of the probability."""
        if self._validate_args:
            self._validate_sample(value)
        return self._categorical.log_prob(value.max(-1)[1])

    def entropy(self) -> Any:
        """The entropy, in nats."""
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Any:
        """The unit vectors."""
        n = self.event_shape[0]
        values = eye(n, dtype=self._param.dtype).view((n,) + (1,) * len(self.batch_shape) + (n,))
        return values.expand((n,) + self.batch_shape + (n,)) if expand else values


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """One-hot vectors whose gradient is that of the probabilities.

    Y. Bengio et al., "Estimating or propagating gradients through stochastic neurons", arXiv 1308.3432.
    """

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Random vectors, with the gradient of the probabilities."""
        return self.sample(sample_shape) + (self._categorical.probs - self._categorical.probs.detach())
