"""Linear algebra, as PyTorch's torch.linalg has it."""

from microtorch._missing import missing_names as _missing_names
from microtorch.functions import decompositions as _decompositions, linalg as _products, norms as _norms
from microtorch.functions.decompositions import (
    cholesky as cholesky,
    cholesky_ex as cholesky_ex,
    det as det,
    eig as eig,
    eigh as eigh,
    eigvals as eigvals,
    eigvalsh as eigvalsh,
    householder_product as householder_product,
    inv as inv,
    inv_ex as inv_ex,
    lstsq as lstsq,
    lu as lu,
    lu_factor as lu_factor,
    lu_factor_ex as lu_factor_ex,
    lu_solve as lu_solve,
    matrix_exp as matrix_exp,
    matrix_power as matrix_power,
    matrix_rank as matrix_rank,
    pinv as pinv,
    qr as qr,
    slogdet as slogdet,
    solve as solve,
    solve_ex as solve_ex,
    solve_triangular as solve_triangular,
    svd as svd,
    svdvals as svdvals,
    tensorinv as tensorinv,
    tensorsolve as tensorsolve,
)
from microtorch.functions.ldl import (
    ldl_factor as ldl_factor,
    ldl_factor_ex as ldl_factor_ex,
    ldl_solve as ldl_solve,
)
from microtorch.functions.linalg import (
    matmul as matmul,
    multi_dot as multi_dot,
    vecdot as vecdot,
)
from microtorch.functions.norms import (
    cond as cond,
    matrix_norm as matrix_norm,
    vector_norm as vector_norm,
)
from microtorch.kernels.decompositions import LinAlgError as LinAlgError

cross, vander = _products.linalg_cross, _products.linalg_vander
diagonal, norm = _decompositions.linalg_diagonal, _norms.linalg_norm


__getattr__ = _missing_names(__name__)
