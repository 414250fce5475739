"""Normal distributions of vectors whose covariance is diagonal but for a few directions."""

from __future__ import annotations

import math
from typing import Any

from microtorch import linalg
from microtorch.distributions import constraints
from microtorch.distributions.multivariate_normal import _batch_mahalanobis, _batch_mv
from microtorch.distributions.symmetric import Symmetric
from microtorch.distributions.utils import lazy_property, standard_normal
from microtorch.functions.creation import eye
from microtorch.functions.linalg import matmul
from microtorch.functions.shape import broadcast_tensors, diag_embed


class LowRankMultivariateNormal(Symmetric):
    """The normal distribution of vectors of covariance W W^T + diag(D), W = cov_factor of few columns, D = cov_diag."""

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True
    _kept = ("_factor", "_diagonal", "_inner_tril")

    def __init__(self, loc: Any, cov_factor: Any, cov_diag: Any, validate_args: bool | None = None) -> None:
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event_shape = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError("cov_factor must be at least two-dimensional, with optional leading batch dimensions")
        if cov_factor.shape[-2:-1] != event_shape:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {event_shape[0]} x m")
        if cov_diag.shape[-1:] != event_shape:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event_shape}")
        loc_, diagonal = loc.unsqueeze(-1), cov_diag.unsqueeze(-1)
        try:
            loc_, self.cov_factor, diagonal = broadcast_tensors(loc_, cov_factor, diagonal)
        except RuntimeError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, cov_diag {cov_diag.shape}"
            ) from error
        self.loc, self.cov_diag = loc_[..., 0], diagonal[..., 0]
        self._factor, self._diagonal = cov_factor, cov_diag
        # D^-1/2 (I + W^T D^-1 W) D^-1/2 needs a matrix of m x m only (the matrix determinant and inversion lemmas)
        scaled = cov_factor.mT / cov_diag.unsqueeze(-2)
        inner = matmul(scaled, cov_factor) + eye(cov_factor.shape[-1], dtype=cov_factor.dtype)
        self._inner_tril = linalg.cholesky(inner)
        super().__init__(self.loc.shape[:-1], event_shape, validate_args=validate_args)

    @lazy_property
    def variance(self) -> Any:
        """The diagonal of the covariance."""
        squares = self._factor.pow(2).sum(-1) + self._diagonal
        return squares.expand(self._batch_shape + self._event_shape)

    def _whole(self, matrix: Any) -> Any:
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @lazy_property
    def scale_tril(self) -> Any:
        """The lower Cholesky factor of the covariance."""
        root = self._diagonal.sqrt().unsqueeze(-1)
        scaled = self._factor / root
        inner = matmul(scaled, scaled.mT) + eye(self._event_shape[0], dtype=scaled.dtype)
        return self._whole(root * linalg.cholesky(inner))

    @lazy_property
    def covariance_matrix(self) -> Any:
        """The covariance."""
        return self._whole(matmul(self._factor, self._factor.mT) + diag_embed(self._diagonal))

    @lazy_property
    def precision_matrix(self) -> Any:
        """The inverse of the covariance."""
        scaled = self._factor.mT / self._diagonal.unsqueeze(-2)
        a = linalg.solve_triangular(self._inner_tril, scaled, upper=False)
        return self._whole(diag_embed(self._diagonal.reciprocal()) - matmul(a.mT, a))

    def rsample(self, sample_shape: Any = ()) -> Any:
        """loc + W * standard normal vectors + sqrt(D) * standard normal vectors."""
        shape = self._extended_shape(sample_shape)
        few = standard_normal(shape[:-1] + self.cov_factor.shape[-1:], self.loc.dtype)
        each = standard_normal(shape, self.loc.dtype)
        return self.loc + _batch_mv(self._factor, few) + self._diagonal.sqrt() * each

    def _log_det(self) -> Any:
        return 2 * self._inner_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1) + self._diagonal.log().sum(-1)

    def _distance(self, diff: Any) -> Any:
        """diff^T (W W^T + D)^-1 diff, of vectors in the last dimension."""
        seen = _batch_mv(self._factor.mT / self._diagonal.unsqueeze(-2), diff)
        return (diff.pow(2) / self._diagonal).sum(-1) - _batch_mahalanobis(self._inner_tril, seen)

    def log_prob(self, value: Any) -> Any:
        self._check(value)
        distance = self._distance(value - self.loc)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + self._log_det() + distance)

    def entropy(self) -> Any:
        entropy = 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + self._log_det())
        return entropy if len(self._batch_shape) == 0 else entropy.expand(self._batch_shape)
