"""Exponential families: p(x; theta) = exp(<t(x), theta> - F(theta) + k(x))."""

from __future__ import annotations

from typing import Any

from microtorch.autograd.engine import grad
from microtorch.distributions.distribution import Distribution


class ExponentialFamily(Distribution):
    """Distributions whose entropy and divergences follow from the log normaliser F of their natural parameters theta.

    F. Nielsen, R. Nock, "Entropies and cross-entropies of exponential families", ICIP 2010.
    """

    _mean_carrier_measure: Any = None

    @property
    def _natural_params(self) -> Any:
        """theta, a tuple of tensors."""
        raise NotImplementedError

    def _log_normalizer(self, *natural_params: Any) -> Any:
        """F(theta)."""
        raise NotImplementedError

    def entropy(self) -> Any:
        """-E[k(x)] + F(theta) - <theta, grad F(theta)>."""
        if self._mean_carrier_measure is None:
            raise NotImplementedError
        parameters = [p.detach().requires_grad_() for p in self._natural_params]
        normaliser = self._log_normalizer(*parameters)
        gradients = grad(normaliser.sum(), parameters, create_graph=True)
        result = -self._mean_carrier_measure + normaliser
        for parameter, gradient in zip(parameters, gradients):
            result = result - (parameter * gradient).reshape(self._batch_shape + (-1,)).sum(-1)
        return result
