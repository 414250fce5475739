"""The von Mises distribution."""

from __future__ import annotations

import math
from typing import Any

from microtorch import dtypes, special
from microtorch.autograd.modes import no_grad
from microtorch.distributions import constraints
from microtorch.distributions.symmetric import Symmetric
from microtorch.distributions.utils import broadcast_all, lazy_property
from microtorch.functions.creation import zeros
from microtorch.functions.pointwise import cos, log, where
from microtorch.functions.random import rand
from microtorch.size import Size


def _log_i0(x: Any) -> Any:
    """log I0(x), by the scaled Bessel function, which does not overflow."""
    return log(special.i0e(x)) + x


class VonMises(Symmetric):
    """The von Mises distribution of angles: the normal distribution on a circle, around `loc`."""

    arg_constraints = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real
    has_rsample = False

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, Size(), validate_args)

    def log_prob(self, value: Any) -> Any:
        self._check(value)
        return self.concentration * cos(value - self.loc) - math.log(2 * math.pi) - _log_i0(self.concentration)

    def sample(self, sample_shape: Any = ()) -> Any:
        """Random angles in [-pi, pi), outside of the graph.

        D. Best, N. Fisher, "Efficient simulation of the von Mises distribution", Applied Statistics 28, 1979.
        """
        shape = self._extended_shape(sample_shape)
        with no_grad():
            loc, kappa = self.loc.double(), self.concentration.double()
            tau = 1 + (1 + 4 * kappa**2).sqrt()
            rho = (tau - (2 * tau).sqrt()) / (2 * kappa)
            r = where(kappa < 1e-5, 1 / kappa + kappa, (1 + rho**2) / (2 * rho))
            x = zeros(shape, dtype=loc.dtype)
            done = zeros(shape, dtype=dtypes.bool_)
            while not done.all():
                u1, u2, u3 = rand((3, *shape), dtype=loc.dtype).unbind()
                z = cos(math.pi * u1)
                f = (1 + r * z) / (r + z)
                c = kappa * (r - f)
                accept = ((c * (2 - c) - u2) > 0) | ((c / u2).log() + 1 - c >= 0)
                x = where(accept, (u3 - 0.5).sign() * f.acos(), x)
                done = done | accept
            return ((x + math.pi + loc) % (2 * math.pi) - math.pi).to(self.loc.dtype)

    @lazy_property
    def variance(self) -> Any:
        """The circular variance: 1 - I1(concentration) / I0(concentration)."""
        return 1 - special.i1e(self.concentration) / special.i0e(self.concentration)
