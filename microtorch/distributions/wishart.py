"""The Wishart distribution of positive definite matrices: of the scatter X^T X of normal vectors.

Samples by Bartlett's decomposition, (L A)(L A)^T with normal numbers below A's diagonal and roots of chi-squared ones
on it: P. L. Odell and A. H. Feiveson, "A numerical procedure to generate a sample covariance matrix", JASA 61 (1966).
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from microtorch import linalg
from microtorch.distributions import constraints
from microtorch.distributions.chi2 import Chi2
from microtorch.distributions.exp_family import ExponentialFamily
from microtorch.distributions.multivariate_normal import _precision_to_scale_tril
from microtorch.distributions.utils import is_number, lazy_property
from microtorch.dtypes import finfo
from microtorch.functions.creation import eye, tensor
from microtorch.functions.decompositions import cholesky_solve
from microtorch.functions.linalg import matmul
from microtorch.functions.random import randn
from microtorch.functions.ranges import arange, tril_indices
from microtorch.functions.shape import broadcast_shapes
from microtorch.functions.special import digamma, mvlgamma
from microtorch.size import Size

_NAMES = ("covariance_matrix", "precision_matrix", "scale_tril")


class Wishart(ExponentialFamily):
    """Symmetric positive definite matrices with df degrees of freedom and mean df * covariance_matrix.

    Given by one of covariance, precision, and lower Cholesky factor (..., p, p); df is above p - 1. Raises ValueError
    otherwise.
    """

    support = constraints.positive_definite
    has_rsample = True
    _mean_carrier_measure = 0
    _batched = ("_dist_chi2",)
    _kept = ("_unbroadcasted_scale_tril",)

    def __init__(
        self, df: Any, covariance_matrix: Any = None, precision_matrix: Any = None, scale_tril: Any = None,
        validate_args: bool | None = None,
    ) -> None:  # fmt: skip
        given = {n: v for n, v in zip(_NAMES, (covariance_matrix, precision_matrix, scale_tril)) if v is not None}
        if len(given) != 1:
            raise AssertionError("Exactly one of covariance_matrix or precision_matrix or scale_tril may be specified.")
        ((name, matrix),) = given.items()
        if matrix.dim() < 2:
            raise ValueError("scale_tril must be at least two-dimensional, with optional leading batch dimensions")
        if is_number(df):
            shape = Size(matrix.shape[:-2])
            self.df = tensor(df, dtype=matrix.dtype)
        else:
            shape = broadcast_shapes(matrix.shape[:-2], df.shape)
            self.df = df.expand(shape)
        p = matrix.shape[-1]
        if self.df.le(p - 1).any():
            raise ValueError(f"Value of df={df} expected to be greater than ndim - 1 = {p - 1}.")
        setattr(self, name, matrix.expand((*shape, -1, -1)))
        if self.df.lt(p).any():
            warnings.warn(
                "Low df values detected. Singular samples are highly likely to occur for ndim - 1 < df < ndim.",
                stacklevel=2,
            )
        super().__init__(shape, matrix.shape[-2:], validate_args=validate_args)
        factors = {"scale_tril": lambda m: m, "covariance_matrix": linalg.cholesky}
        self._unbroadcasted_scale_tril = factors.get(name, _precision_to_scale_tril)(matrix)
        self._dist_chi2 = self._diagonal(shape)

    def _diagonal(self, shape: Any) -> Any:
        """The squares on the diagonal of Bartlett's matrix: chi-squared, with one degree less in each row."""
        rows = arange(self._event_shape[-1], dtype=self._unbroadcasted_scale_tril.dtype)
        return Chi2(df=self.df.unsqueeze(-1) - rows.expand((*shape, -1)))

    @property
    def arg_constraints(self) -> Any:  # type: ignore[override]
        """Positive definite matrices, and df above p - 1."""
        return {
            "covariance_matrix": constraints.positive_definite,
            "precision_matrix": constraints.positive_definite,
            "scale_tril": constraints.lower_cholesky,
            "df": constraints.greater_than(self.event_shape[-1] - 1),
        }

    @lazy_property
    def scale_tril(self) -> Any:
        """The lower Cholesky factor of the covariance."""
        return self._unbroadcasted_scale_tril.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def covariance_matrix(self) -> Any:
        """The scale matrix."""
        factor = self._unbroadcasted_scale_tril
        return matmul(factor, factor.transpose(-2, -1)).expand(self._batch_shape + self._event_shape)

    @lazy_property
    def precision_matrix(self) -> Any:
        """Its inverse."""
        factor = self._unbroadcasted_scale_tril
        identity = eye(self._event_shape[-1], dtype=factor.dtype)
        return cholesky_solve(identity, factor).expand(self._batch_shape + self._event_shape)

    def _each(self, number: Any) -> Any:
        """A number for each matrix, to multiply it by."""
        return number.view((*self._batch_shape, 1, 1))

    @property
    def mean(self) -> Any:
        """df * covariance."""
        return self._each(self.df) * self.covariance_matrix

    @property
    def mode(self) -> Any:
        """(df - p - 1) * covariance; NaN where that is not positive."""
        factor = self.df - self.covariance_matrix.shape[-1] - 1
        factor[factor <= 0] = math.nan
        return self._each(factor) * self.covariance_matrix

    @property
    def variance(self) -> Any:
        """df * (v_ij^2 + v_ii v_jj)."""
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self._each(self.df) * (v.pow(2) + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def _bartlett_sampling(self, sample_shape: Any = ()) -> Any:
        p = self._event_shape[-1]
        diagonal = self._dist_chi2.rsample(sample_shape).sqrt()
        noise = diagonal.clamp(min=finfo(diagonal.dtype).eps).diag_embed(dim1=-2, dim2=-1)
        i, j = tril_indices(p, p, offset=-1)
        noise[..., i, j] = randn(*Size(sample_shape), *self._batch_shape, p * (p - 1) // 2, dtype=noise.dtype)
        factor = matmul(self._unbroadcasted_scale_tril, noise)
        return matmul(factor, factor.transpose(-2, -1))

    def rsample(self, sample_shape: Any = (), max_try_correction: int | None = None) -> Any:
        """Random matrices that pass gradients to the parameters.

        As in PyTorch the first draw is replaced, with a warning, where it is positive definite; where the next is not,
        up to `max_try_correction` times more.
        """
        sample = self._bartlett_sampling(Size(sample_shape))
        again = self._any_of_batch(self.support.check(sample))
        if again.any():
            warnings.warn("Singular sample detected.", stacklevel=2)
            for _ in range(10 if max_try_correction is None else max_try_correction):
                fresh = self._bartlett_sampling(again[again].shape)
                sample[again] = fresh
                again[again.clone()] = self._any_of_batch(~self.support.check(fresh))
                if not again.any():
                    break
        return sample

    def _any_of_batch(self, where: Any) -> Any:
        """Whether it holds for any matrix of the batch."""
        return where.amax(tuple(range(-len(self._batch_shape), 0))) if self._batch_shape else where

    def _log_det(self) -> Any:
        """p/2 log 2 and half of the covariance's log determinant."""
        p = self._event_shape[-1]
        return p * math.log(2) / 2 + self._unbroadcasted_scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)

    def log_prob(self, value: Any) -> Any:
        self._check(value)
        nu, p = self.df, self._event_shape[-1]
        trace = cholesky_solve(value, self._unbroadcasted_scale_tril).diagonal(dim1=-2, dim2=-1).sum(dim=-1)
        determinant = (nu - p - 1) / 2 * linalg.slogdet(value).logabsdet
        return -nu * self._log_det() - mvlgamma(nu / 2, p=p) + determinant - trace / 2

    def entropy(self) -> Any:
        nu, p = self.df, self._event_shape[-1]
        digammas = digamma((nu / 2).unsqueeze(-1) - arange(p, dtype=nu.dtype).div(2)).sum(-1)
        return (p + 1) * self._log_det() + mvlgamma(nu / 2, p=p) - (nu - p - 1) / 2 * digammas + nu * p / 2

    @property
    def _natural_params(self) -> Any:
        return -self.precision_matrix / 2, (self.df - self._event_shape[-1] - 1) / 2

    def _log_normalizer(self, x: Any, y: Any) -> Any:
        p = self._event_shape[-1]
        nu = y + (p + 1) / 2
        return nu * (-linalg.slogdet(-2 * x).logabsdet + math.log(2) * p) + mvlgamma(nu, p=p)
