"""Named tuples of tensors: what functions with several results return, printed as PyTorch's `torch.return_types`."""

from __future__ import annotations

from collections import namedtuple
from typing import Any


def _named(name: str, fields: str) -> Any:
    """A tuple class of PyTorch's: `torch.return_types.sort(values=..., indices=...)`, one field a line."""
    base = namedtuple(name, fields.split())  # type: ignore[misc]

    def __repr__(self: Any) -> str:
        return f"torch.return_types.{name}(\n" + ",\n".join(f"{f}={getattr(self, f)!r}" for f in self._fields) + ")"

    return type(name, (base,), {"__slots__": (), "__repr__": __repr__, "__module__": __name__})


max = _named("max", "values indices")
min = _named("min", "values indices")
aminmax = _named("aminmax", "min max")
sort = _named("sort", "values indices")
topk = _named("topk", "values indices")
kthvalue = _named("kthvalue", "values indices")
median = _named("median", "values indices")
nanmedian = _named("nanmedian", "values indices")
mode = _named("mode", "values indices")
cummax = _named("cummax", "values indices")
cummin = _named("cummin", "values indices")
frexp = _named("frexp", "mantissa exponent")
histogram = _named("histogram", "hist bin_edges")
histogramdd = _named("histogramdd", "hist bin_edges")
qr = _named("qr", "Q R")
svd = _named("svd", "U S V")
slogdet = _named("slogdet", "sign logabsdet")
triangular_solve = _named("triangular_solve", "solution cloned_coefficient")
geqrf = _named("geqrf", "a tau")
lu_unpack = _named("lu_unpack", "P L U")
_lu_with_info = _named("_lu_with_info", "LU pivots info")
linalg_cholesky_ex = _named("linalg_cholesky_ex", "L info")
linalg_eig = _named("linalg_eig", "eigenvalues eigenvectors")
linalg_eigh = _named("linalg_eigh", "eigenvalues eigenvectors")
linalg_inv_ex = _named("linalg_inv_ex", "inverse info")
linalg_lstsq = _named("linalg_lstsq", "solution residuals rank singular_values")
linalg_lu = _named("linalg_lu", "P L U")
linalg_lu_factor = _named("linalg_lu_factor", "LU pivots")
linalg_lu_factor_ex = _named("linalg_lu_factor_ex", "LU pivots info")
linalg_qr = _named("linalg_qr", "Q R")
linalg_slogdet = _named("linalg_slogdet", "sign logabsdet")
linalg_solve_ex = _named("linalg_solve_ex", "result info")
linalg_svd = _named("linalg_svd", "U S Vh")
linalg_ldl_factor = _named("linalg_ldl_factor", "LD pivots")
linalg_ldl_factor_ex = _named("linalg_ldl_factor_ex", "LD pivots info")
