"""The Laplace distribution."""

from __future__ import annotations

from typing import Any

from microtorch import dtypes
from microtorch.distributions import constraints
from microtorch.distributions.symmetric import Symmetric
from microtorch.distributions.utils import broadcast_all
from microtorch.functions.pointwise import abs, expm1, log, log1p


class Laplace(Symmetric):
    """The Laplace distribution: exponential to both sides of `loc`."""

    arg_constraints = {"loc": constraints.real, "scale": constraints.positive}
    support = constraints.real
    has_rsample = True

    def __init__(self, loc: Any, scale: Any, validate_args: bool | None = None) -> None:
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(self.loc.size(), validate_args=validate_args)

    @property
    def variance(self) -> Any:
        """2 scale^2."""
        return 2 * self.scale.pow(2)

    @property
    def stddev(self) -> Any:
        """sqrt(2) scale."""
        return (2**0.5) * self.scale

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Random values as functions of the parameters."""
        shape = self._extended_shape(sample_shape)
        u = self.loc.new(shape).uniform_(dtypes.finfo(self.loc.dtype).eps - 1, 1)
        return self.loc - self.scale * u.sign() * log1p(-u.abs())

    def log_prob(self, value: Any) -> Any:
        self._check(value)
        return -log(2 * self.scale) - abs(value - self.loc) / self.scale

    def cdf(self, value: Any) -> Any:
        self._check(value)
        side = (value - self.loc).sign()
        return 0.5 - 0.5 * side * expm1(-(value - self.loc).abs() / self.scale)

    def icdf(self, value: Any) -> Any:
        term = value - 0.5
        return self.loc - self.scale * term.sign() * log1p(-2 * term.abs())

    def entropy(self) -> Any:
        return 1 + log(2 * self.scale)
