"""What the distributions of trials share, which succeed or fail."""

from __future__ import annotations

from typing import Any

from microtorch.distributions import constraints
from microtorch.distributions.distribution import Distribution
from microtorch.distributions.utils import broadcast_all, lazy_property, logits_to_probs, probs_to_logits


class Trials(Distribution):
    """Distributions given by `probs`, the probabilities of success, or by `logits`, their log odds."""

    arg_constraints = {"probs": constraints.unit_interval, "logits": constraints.real}
    _batched = ("_param",)
    _param: Any  # the one that was given

    def _set_param(self, probs: Any, logits: Any, *others: Any) -> list[Any]:
        """Take the one that is given; the other parameters are returned as tensors of the same shape.

        Raises ValueError unless it is one of both.
        """
        if (probs is None) == (logits is None):
            raise ValueError("Either `probs` or `logits` must be specified, but not both.")
        name, given = ("logits", logits) if probs is None else ("probs", probs)
        *others_, self._param = broadcast_all(*others, given)
        setattr(self, name, self._param)
        return others_

    def _new(self, *args: Any, **kwargs: Any) -> Any:
        return self._param.new(*args, **kwargs)

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
