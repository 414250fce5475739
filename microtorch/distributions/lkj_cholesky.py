"""The LKJ distribution of correlation matrices, by their Cholesky factors.

D. Lewandowski, D. Kurowicka and H. Joe, "Generating random correlation matrices based on vines and extended onion
method", Journal of Multivariate Analysis 100 (2009): the density is proportional to det(R)^(concentration - 1).
"""

from __future__ import annotations

import math
from typing import Any

from microtorch.distributions import constraints
from microtorch.distributions.beta import Beta
from microtorch.distributions.distribution import Distribution
from microtorch.distributions.utils import broadcast_all
from microtorch.dtypes import finfo
from microtorch.functions.random import randn
from microtorch.functions.ranges import arange
from microtorch.functions.shape import cat, diag_embed
from microtorch.functions.special import lgamma, mvlgamma
from microtorch.size import Size


class LKJCholesky(Distribution):
    """Lower triangular factors (dim, dim) of correlation matrices; concentration 1: all matrices are equally likely.

    Raises ValueError for a dim below 2.
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky
    _batched = ("_beta",)
    _kept = ("dim",)

    def __init__(self, dim: int, concentration: Any = 1.0, validate_args: bool | None = None) -> None:
        if dim < 2:
            raise ValueError(f"Expected dim to be an integer greater than or equal to 2. Found dim={dim}.")
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        rows = arange(dim - 1, dtype=self.concentration.dtype)
        rows = cat([rows.new_zeros((1,)), rows])  # the squared length of each row left of the diagonal (section 3.2)
        self._beta = Beta(rows + 0.5, (self.concentration + 0.5 * (dim - 2)).unsqueeze(-1) - 0.5 * rows)
        super().__init__(self.concentration.size(), Size((dim, dim)), validate_args)

    def sample(self, sample_shape: Any = ()) -> Any:
        """Random factors by the onion method: each row a direction, times the root of a beta variable."""
        squared = self._beta.sample(sample_shape).unsqueeze(-1)
        normal = randn(*self._extended_shape(sample_shape), dtype=squared.dtype).tril(-1)
        direction = normal / normal.norm(dim=-1, keepdim=True)
        direction[..., 0, :].fill_(0.0)
        w = squared.sqrt() * direction
        rest = (1 - (w**2).sum(-1)).clamp(min=finfo(w.dtype).tiny).sqrt()
        return w + diag_embed(rest)

    def log_prob(self, value: Any) -> Any:
        """The logarithm of the density, with respect to the entries below the diagonal."""
        self._check(value)
        diagonal = value.diagonal(dim1=-1, dim2=-2)[..., 1:]
        powers = 2 * (self.concentration - 1).unsqueeze(-1) + self.dim - arange(2, self.dim + 1)
        n = self.dim - 1
        alpha = self.concentration + 0.5 * n
        norm = 0.5 * n * math.log(math.pi) + mvlgamma(alpha - 0.5, n) - lgamma(alpha) * n
        return (powers * diagonal.log()).sum(-1) - norm
