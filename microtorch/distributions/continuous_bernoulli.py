"""The continuous Bernoulli distribution.

G. Loaiza-Ganem and J. P. Cunningham, "The continuous Bernoulli: fixing a pervasive error in variational autoencoders",
NeurIPS 2019, https://arxiv.org/abs/1907.06845: the density C(p) p^x (1 - p)^(1 - x) on [0, 1], with
C(p) = (log(1 - p) - log p) / (1 - 2 p), which is 2 at p = 1/2. Near there Taylor series stand in for the quotients.
"""

from __future__ import annotations

import math
from typing import Any

from microtorch.autograd.modes import no_grad
from microtorch.distributions import constraints
from microtorch.distributions.exp_family import ExponentialFamily
from microtorch.distributions.trials import Trials
from microtorch.distributions.utils import broadcast_all, clamp_probs, lazy_property, logits_to_probs
from microtorch.functions.creation import ones_like, zeros_like
from microtorch.functions.pointwise import expm1, log, log1p, where
from microtorch.functions.random import rand
from microtorch.nn.functional import binary_cross_entropy_with_logits


class ContinuousBernoulli(Trials, ExponentialFamily):
    """Values in [0, 1] whose density is proportional to probs^x (1 - probs)^(1 - x); or `logits`, the log odds.

    lims: between these probs the series around 1/2 are used.

    >>> import microtorch as torch
    >>> torch.distributions.ContinuousBernoulli(torch.tensor(0.5)).mean
    tensor(0.5000)
    """

    _kept = ("_lims",)
    support = constraints.unit_interval
    has_rsample = True
    _mean_carrier_measure = 0

    def __init__(
        self, probs: Any = None, logits: Any = None, lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        self._set_param(probs, logits)
        if probs is not None:
            if validate_args is not None and not constraints.unit_interval.holds(self.probs):
                raise ValueError("The parameter probs has invalid values")
            self.probs = self._param = clamp_probs(self.probs)
        self._lims = lims
        super().__init__(self._param.size(), validate_args=validate_args)

    @lazy_property
    def probs(self) -> Any:
        """The parameter in (0, 1): no probability, but named as Bernoulli's."""
        return clamp_probs(logits_to_probs(self.logits, is_binary=True))

    def _far(self) -> Any:
        """Where probs is far enough from 1/2 for the quotients."""
        return (self.probs <= self._lims[0]) | (self.probs > self._lims[1])

    def _cut(self) -> Any:
        """probs, and where it is near 1/2 a value at which the quotients are finite."""
        return where(self._far(), self.probs, self._lims[0] * ones_like(self.probs))

    def _cont_bern_log_norm(self) -> Any:
        """log C(probs)."""
        p = self._cut()
        low, high = where(p <= 0.5, p, zeros_like(p)), where(p >= 0.5, p, ones_like(p))
        width = where(p <= 0.5, log1p(-2.0 * low), log(2.0 * high - 1.0))  # log |1 - 2 p|
        x = (self.probs - 0.5) ** 2
        series = math.log(2.0) + (4.0 / 3.0 + 104.0 / 45.0 * x) * x
        return where(self._far(), log((log1p(-p) - log(p)).abs()) - width, series)

    @property
    def mean(self) -> Any:
        """The mean (equation 8 of the paper)."""
        p, x = self._cut(), self.probs - 0.5
        exact = p / (2.0 * p - 1.0) + 1.0 / (log1p(-p) - log(p))
        return where(self._far(), exact, 0.5 + (1.0 / 3.0 + 16.0 / 45.0 * x**2) * x)

    @property
    def stddev(self) -> Any:
        """The root of the variance."""
        return self.variance.sqrt()

    @property
    def variance(self) -> Any:
        p, x = self._cut(), (self.probs - 0.5) ** 2
        exact = p * (p - 1.0) / (1.0 - 2.0 * p) ** 2 + 1.0 / (log1p(-p) - log(p)) ** 2
        return where(self._far(), exact, 1.0 / 12.0 - (1.0 / 15.0 - 128.0 / 945.0 * x) * x)

    def sample(self, sample_shape: Any = ()) -> Any:
        with no_grad():
            return self.rsample(sample_shape)

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Random values that pass gradients to the parameter."""
        return self.icdf(rand(self._extended_shape(sample_shape), dtype=self.probs.dtype))

    def log_prob(self, value: Any) -> Any:
        self._check(value)
        logits, value = broadcast_all(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none") + self._cont_bern_log_norm()

    def cdf(self, value: Any) -> Any:
        self._check(value)
        p = self._cut()
        exact = (p**value * (1.0 - p) ** (1.0 - value) + p - 1.0) / (2.0 * p - 1.0)
        inside = where(self._far(), exact, value)
        return where(value <= 0.0, zeros_like(value), where(value >= 1.0, ones_like(value), inside))

    def icdf(self, value: Any) -> Any:
        p = self._cut()
        exact = (log1p(-p + value * (2.0 * p - 1.0)) - log1p(-p)) / (log(p) - log1p(-p))
        return where(self._far(), exact, value)

    def entropy(self) -> Any:
        none, one = log1p(-self.probs), log(self.probs)
        return self.mean * (none - one) - self._cont_bern_log_norm() - none

    @property
    def _natural_params(self) -> Any:
        return (self.logits,)

    def _log_normalizer(self, x: Any) -> Any:
        """log((e^x - 1) / x)."""
        far = (x <= self._lims[0] - 0.5) | (x > self._lims[1] - 0.5)
        cut = where(far, x, (self._lims[0] - 0.5) * ones_like(x))
        series = 0.5 * x + x**2 / 24.0 - x**4 / 2880.0
        return where(far, log(expm1(cut).abs()) - log(cut.abs()), series)
