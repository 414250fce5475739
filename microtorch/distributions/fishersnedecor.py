"""The Fisher-Snedecor distribution."""

from __future__ import annotations

import math
from typing import Any

from microtorch import dtypes
from microtorch.distributions import constraints
from microtorch.distributions.distribution import Distribution
from microtorch.distributions.gamma import Gamma
from microtorch.distributions.utils import broadcast_all
from microtorch.functions.pointwise import log, log1p


class FisherSnedecor(Distribution):
    """The ratio of two gamma numbers: the F distribution of `df1` and `df2` degrees of freedom."""

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True
    _batched = ("_gamma1", "_gamma2")

    def __init__(self, df1: Any, df2: Any, validate_args: bool | None = None) -> None:
        self.df1, self.df2 = broadcast_all(df1, df2)
        self._gamma1 = Gamma(self.df1 * 0.5, self.df1)
        self._gamma2 = Gamma(self.df2 * 0.5, self.df2)
        super().__init__(self.df1.size(), validate_args=validate_args)

    @property
    def mean(self) -> Any:
        """df2 / (df2 - 2), NaN for df2 <= 2."""
        df2 = self.df2.clone().contiguous()
        df2[df2 <= 2] = math.nan
        return df2 / (df2 - 2)

    @property
    def mode(self) -> Any:
        """The value of the highest density."""
        mode = (self.df1 - 2) / self.df1 * self.df2 / (self.df2 + 2)
        mode[self.df1 <= 2] = math.nan
        return mode

    @property
    def variance(self) -> Any:
        """The variance, NaN for df2 <= 4."""
        df2 = self.df2.clone().contiguous()
        df2[df2 <= 4] = math.nan
        return 2 * df2.pow(2) * (self.df1 + df2 - 2) / (self.df1 * (df2 - 2).pow(2) * (df2 - 4))

    def rsample(self, sample_shape: Any = ()) -> Any:
        """Random values as functions of the parameters."""
        shape = self._extended_shape(sample_shape)
        x1 = self._gamma1.rsample(sample_shape).view(shape)
        x2 = self._gamma2.rsample(sample_shape).view(shape)
        x2.clamp_(min=dtypes.finfo(x2.dtype).tiny)
        y = x1 / x2
        y.clamp_(min=dtypes.finfo(x2.dtype).tiny)
        return y

    def log_prob(self, value: Any) -> Any:
        self._check(value)
        ct1, ct2, ct3 = self.df1 * 0.5, self.df2 * 0.5, self.df1 / self.df2
        t1 = (ct1 + ct2).lgamma() - ct1.lgamma() - ct2.lgamma()
        t2 = ct1 * ct3.log() + (ct1 - 1) * log(value)
        t3 = (ct1 + ct2) * log1p(ct3 * value)
        return t1 + t2 - t3
