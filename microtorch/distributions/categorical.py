"""The categorical distribution."""

from __future__ import annotations

import math
from typing import Any

from microtorch import dtypes
from microtorch.autograd.modes import no_grad
from microtorch.distributions import constraints
from microtorch.distributions.distribution import Distribution
from microtorch.distributions.utils import lazy_property, logits_to_probs, of, probs_to_logits
from microtorch.functions.creation import full
from microtorch.functions.pointwise import clamp
from microtorch.functions.random import multinomial
from microtorch.functions.ranges import arange
from microtorch.functions.shape import broadcast_tensors
from microtorch.size import Size


class Categorical(Distribution):
    """The numbers 0 .. K-1 with probabilities `probs` (made to sum to 1) or softmax(logits), in the last dimension.

    >>> import microtorch as torch
    >>> Categorical(torch.tensor([1.0, 3.0])).probs
    tensor([0.2500, 0.7500])
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True
    _batched = ("_param",)
    _kept = ("_num_events",)

    def __init__(self, probs: Any = None, logits: Any = None, validate_args: bool | None = None) -> None:
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        if probs is not None:
            if probs.dim() < 1:
                raise ValueError("`probs` parameter must be at least one-dimensional.")
            self.probs = probs / probs.sum(-1, keepdim=True)
        else:
            if logits.dim() < 1:
                raise ValueError("`logits` parameter must be at least one-dimensional.")
            self.logits = logits - logits.logsumexp(dim=-1, keepdim=True)
        self._param = self.probs if probs is not None else self.logits
        self._num_events = self._param.size()[-1]
        shape = self._param.size()[:-1] if self._param.ndimension() > 1 else Size()
        super().__init__(shape, validate_args=validate_args)

    def _new(self, *args: Any, **kwargs: Any) -> Any:
        return self._param.new(*args, **kwargs)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:
        """0 .. K-1."""
        return constraints.integer_interval(0, self._num_events - 1)

    @lazy_property
    def logits(self) -> Any:
        """The logarithms of the probabilities."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self) -> Any:
        """The probabilities."""
        return logits_to_probs(self.logits)

    @property
    def param_shape(self) -> Any:
        """The shape of the parameter given."""
        return self._param.size()

    @property
    def mean(self) -> Any:
        """NaN: the numbers are names."""
        return full(self._extended_shape(), math.nan, dtype=self.probs.dtype)

    @property
    def mode(self) -> Any:
        """The likeliest number."""
        return self.probs.argmax(dim=-1)

    @property
    def variance(self) -> Any:
        """NaN: the numbers are names."""
        return full(self._extended_shape(), math.nan, dtype=self.probs.dtype)

    def sample(self, sample_shape: Any = ()) -> Any:
        if not isinstance(sample_shape, Size):
            sample_shape = Size(sample_shape)
        probs, count = self.probs, sample_shape.numel()
        with no_grad():
            rows = probs if probs.dim() == 2 else probs.reshape(-1, self._num_events)
            drawn = multinomial(rows, count, True)
            return (drawn if count == 1 else drawn.T).reshape(self._extended_shape(sample_shape))

    def log_prob(self, value: Any) -> Any:
        self._check(value)
        value, shape = value.long().unsqueeze(-1), self.logits.shape
        if value.dim() == len(shape) and value.shape[:-1] == shape[:-1]:
            return self.logits.gather(-1, value).squeeze(-1)
        value, log_pmf = broadcast_tensors(value, self.logits)
        return log_pmf.gather(-1, value[..., :1]).squeeze(-1)

    def entropy(self) -> Any:
        logits = clamp(self.logits, min=dtypes.finfo(self.logits.dtype).min)
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Any:
        """0 .. K-1."""
        values = arange(self._num_events, dtype=dtypes.int64).view((-1,) + (1,) * len(self._batch_shape))
        return values.expand((-1,) + self._batch_shape) if expand else values


class OfCategorical(Distribution):
    """Distributions with the parameters of a `Categorical`, which make up an event's last dimension."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    _batched = ("_categorical",)
    _categorical: Categorical

    def _new(self, *args: Any, **kwargs: Any) -> Any:
        return self._categorical._new(*args, **kwargs)

    _param = of("_categorical._param")
    logits = of("_categorical.logits")
    probs = of("_categorical.probs")
    param_shape = of("_categorical.param_shape")
