"""Derivatives of matrix decompositions, inverses and solutions.

M. Giles, "An extended collection of matrix derivative results for forward and reverse mode algorithmic differentiation"
(Oxford, 2008); S. F. Walter, L. Lehmann, "Algorithmic differentiation of linear algebra functions" (arXiv:1001.1654);
for eigenvectors and complex matrices, as PyTorch has them. The formulas of the literature are for the conjugate of the
plain cotangent, so complex gradients are conjugated on the way in and out (`usual`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch.autograd.state import wrap
from microtorch.autograd.table import op, unary
from microtorch.kernels import decompositions as K, ldl as LDL
from microtorch.kernels.lobpcg import lobpcg as lobpcg_kernel
from microtorch.kernels.strides import by_columns, c_order
from microtorch.ops.pointwise import constant, not_implemented

# pieces of formulas --------------------------------------------------------------------------------------------------


def conj(xp: Any, x: Any) -> Any:
    return None if x is None else xp.conj(x) if xp.is_complex(x) else x


def usual(formula: Callable[..., Any]) -> Callable[..., Any]:
    """A formula of the literature, for conjugated cotangents, as one for plain ones."""

    @functools.wraps(formula)
    def plain(xp: Any, g: Any, *named: Any) -> Any:
        g = [conj(xp, x) for x in g] if isinstance(g, list) else conj(xp, g)
        return conj(xp, formula(xp, g, *named))

    return plain


def adjoint(xp: Any, x: Any) -> Any:
    """The adjoint: transposed and conjugated."""
    return conj(xp, xp.transpose(x, -1, -2))


def _diagonal(xp: Any, x: Any) -> Any:
    n = len(x.shape)
    return xp.diagonal(x, 0, n - 2, n - 1)


def _diag(xp: Any, x: Any) -> Any:
    """Square matrices with x on the diagonal."""
    n = len(x.shape)
    return xp.diag_embed(x, (*x.shape, x.shape[-1]), 0, n - 1, n)


def _gaps(xp: Any, values: Any) -> Any:
    """values[j] - values[i] as a matrix, with 1 on the diagonal."""
    n = values.shape[-1]
    eye = np.eye(n, dtype=bool)
    difference = xp.unsqueeze(values, -2) - xp.unsqueeze(values, -1)
    return xp.where(eye, 1, difference)


def _imaginary_only(xp: Any, x: Any) -> Any:
    """i times the imaginary part."""
    return (x - xp.conj(x)) * 0.5


def known(xp: Any, array: Any) -> Any:
    """A constant array, in either world."""
    return wrap(array) if xp.recorded else array


identity_like = unary("identity_like", K.identity_like, x=lambda xp, g: xp.zeros_like(g), grad_name="CopyBackwards")

# inverses and solutions ----------------------------------------------------------------------------------------------


@usual
def _inverse_x(xp: Any, g: Any, out: Any) -> Any:
    """d a^-1 = -a^-1 da a^-1."""
    h = adjoint(xp, out)
    return -xp.matmul(h, xp.matmul(g, h))


@usual
def _inverse_ex_x(xp: Any, g: Any, out0: Any) -> Any:
    h = adjoint(xp, out0)
    return -xp.matmul(h, xp.matmul(g, h))


inverse = unary(
    "inverse", by_columns(lambda x, name: K.checked_inverse(name, x)), x=_inverse_x, grad_name="LinalgInvExBackward0"
)
inverse_ex = op(
    "inverse_ex", by_columns(K.inverse, 0), inputs="x", outputs=2, x=_inverse_ex_x, grad_name="LinalgInvExBackward0"
)


def _solve(xp: Any, g: Any, needs: Any, x: Any, out: Any, left: bool, vectors: bool) -> list[Any]:
    """a x = b: gb = a^-H g, ga = -gb x^H; x a = b is a^T x^T = b^T."""
    if vectors:
        g, out = xp.unsqueeze(g, -1), xp.unsqueeze(out, -1)
    if not left:
        x, g, out = (xp.transpose(t, -1, -2) for t in (x, g, out))
    gb = xp.solve(adjoint(xp, x), conj(xp, g), True, False)
    ga = conj(xp, -xp.matmul(gb, adjoint(xp, out))) if needs[0] else None
    gb = conj(xp, gb) if needs[1] else None
    if not left:
        ga, gb = (None if t is None else xp.transpose(t, -1, -2) for t in (ga, gb))
    if vectors and gb is not None:
        gb = xp.reshape(gb, gb.shape[:-1])
    return [ga, gb]


solve = op("solve", K.solve, inputs="x y", joint=_solve, grad_name="LinalgSolveExBackward0")


def _solve_ex(xp: Any, g: Any, needs: Any, x: Any, out0: Any, left: bool, vectors: bool) -> list[Any]:
    return _solve(xp, g, needs, x, out0, left, vectors)


solve_ex = op("solve_ex", K.solve_ex, inputs="x y", outputs=2, joint=_solve_ex, grad_name="LinalgSolveExBackward0")


def _solve_triangular(xp: Any, g: Any, needs: Any, x: Any, out: Any, upper: bool, unitriangular: bool) -> list[Any]:
    """As of `solve`, but only of the half that is looked at."""
    gb = xp.solve_triangular(adjoint(xp, x), conj(xp, g), not upper, unitriangular)
    ga = None
    if needs[0]:
        ga = -xp.matmul(gb, adjoint(xp, out))
        k = int(unitriangular)
        ga = conj(xp, xp.triu(ga, k) if upper else xp.tril(ga, -k))
    return [ga, conj(xp, gb) if needs[1] else None]


solve_triangular = op("solve_triangular", K.solve_triangular, inputs="x y", joint=_solve_triangular,
                      grad_name="LinalgSolveTriangularBackward0")  # fmt: skip


@usual
def _pinv_x(xp: Any, g: Any, x: Any, out: Any) -> Any:
    """G. H. Golub, V. Pereyra, "The differentiation of pseudo-inverses" (1973), in the order of fewest operations."""
    h, gh = adjoint(xp, out), adjoint(xp, g)
    m = xp.matmul
    if x.shape[-2] <= x.shape[-1]:
        k = m(gh, out)
        kh = m(k, h)
        return -adjoint(xp, m(out, k)) + kh - m(m(x, out), kh) + m(m(h, out), gh - m(k, x))
    k = m(out, gh)
    hk = m(h, k)
    return -adjoint(xp, m(k, out)) + m(m(gh - m(x, k), out), h) + hk - m(m(hk, out), x)


def _lstsq(xp: Any, g: Any, needs: Any, x: Any, y: Any, out0: Any, out1: Any, relative: float) -> list[Any]:
    """Of the solution a^+ y, through the pseudoinverse; of the residuals |a s - y|^2, in which the best s is locally
    constant."""
    g_s, g_r = (conj(xp, part) for part in g[:2])
    gx: Any = None
    gy: Any = None
    if g_s is not None:
        pseudo = xp.pinv(x, 0.0, relative, False)
        gy = xp.matmul(adjoint(xp, pseudo), g_s)
        if needs[0]:
            gx = conj(xp, _pinv_x(xp, conj(xp, xp.matmul(g_s, adjoint(xp, y))), x, pseudo))
    if g_r is not None and out1.shape != (0,):
        twice = 2 * (xp.matmul(x, out0) - y) * xp.unsqueeze(g_r, -2)
        gy = -twice if gy is None else gy - twice
        if needs[0]:
            by_a = xp.matmul(twice, adjoint(xp, out0))
            gx = by_a if gx is None else gx + by_a
    return [conj(xp, gx) if needs[0] else None, conj(xp, gy) if needs[1] else None]


lstsq = op("lstsq", K.lstsq, inputs="x y", outputs=4, joint=_lstsq, grad_name="LinalgLstsqBackward0")
pinv = unary("pinv", K.pinv, x=_pinv_x, grad_name="LinalgPinvBackward0")
rank = unary("rank", K.rank)

# determinants --------------------------------------------------------------------------------------------------------


def _det_x(xp: Any, g: Any, x: Any, out: Any) -> Any:
    """det(a) a^-H; of a singular matrix its cofactors."""
    scale = conj(xp, g * out)
    if not xp.recorded and (out == 0).any():
        return conj(xp, xp.unsqueeze(xp.unsqueeze(conj(xp, g), -1), -1) * K.cofactor(x))
    n = x.shape[-1]
    diagonal = _diag(xp, xp.expand(xp.unsqueeze(scale, -1), (*scale.shape, n)))
    return conj(xp, xp.solve(adjoint(xp, x), diagonal, True, False))


det = unary("det", c_order(K.det), x=_det_x, grad_name="LinalgDetBackward0")


def _slogdet_x(xp: Any, g: Any, x: Any, out0: Any) -> Any:
    """a^-H times what comes to the logarithm; a complex sign turns with the imaginary part of tr(a^-1 da)."""
    g_sign, g_size = (conj(xp, part) for part in g)
    scale: Any
    if xp.is_complex(x):
        scale = 0 if g_size is None else g_size
        if g_sign is not None:
            scale = scale - _imaginary_only(xp, xp.conj(g_sign) * out0)
        if g_sign is None:
            scale = xp.to_complex(scale)
    elif g_size is None:
        return xp.zeros_like(x)
    else:
        scale = g_size
    n = x.shape[-1]
    diagonal = _diag(xp, xp.expand(xp.unsqueeze(scale, -1), (*scale.shape, n)))
    return conj(xp, xp.solve(adjoint(xp, x), diagonal, True, False))


slogdet = op("slogdet", c_order(K.slogdet, 2), inputs="x", outputs=2, x=_slogdet_x, grad_name="LinalgSlogdetBackward0")

# Cholesky, LU, QR ----------------------------------------------------------------------------------------------------


def _cholesky(xp: Any, g: Any, out: Any) -> Any:
    """L^-H (lower half of L^H g, diagonal halved, mirrored) L^-1 / 2 (Giles, 4.3.2; Murray, arXiv:1602.07527)."""
    phi = xp.tril(xp.matmul(adjoint(xp, out), g), 0)
    phi = phi + adjoint(xp, xp.tril(phi, -1))
    h = adjoint(xp, out)
    return 0.5 * xp.solve_triangular(h, adjoint(xp, xp.solve_triangular(h, adjoint(xp, phi), True, False)), True, False)


def _cholesky_x(xp: Any, g: Any, out: Any, upper: bool) -> Any:
    return _cholesky(xp, adjoint(xp, g), adjoint(xp, out)) if upper else _cholesky(xp, g, out)


def _checked_cholesky(x: Any, name: str, upper: bool) -> Any:
    """Of the upper half: L of the adjoint, which is the same matrix."""
    return K.adjoint(K.checked_cholesky(name, K.adjoint(x))) if upper else K.checked_cholesky(name, x)


def _cholesky_ex(x: Any, upper: bool) -> tuple[Any, Any]:
    found, info = K.cholesky(K.adjoint(x) if upper else x)
    return K.adjoint(found) if upper else found, info


cholesky = unary("cholesky", by_columns(_checked_cholesky), x=usual(_cholesky_x), grad_name="LinalgCholeskyExBackward0")
old_cholesky = unary("old_cholesky", by_columns(_checked_cholesky), x=usual(_cholesky_x), grad_name="CholeskyBackward0")
cholesky_ex = op("cholesky_ex", by_columns(_cholesky_ex, 0), inputs="x", outputs=2,
                 grad_name="LinalgCholeskyExBackward0",
                 x=usual(lambda xp, g, out0, upper: _cholesky_x(xp, g, out0, upper)))  # fmt: skip


@usual
def _cholesky_inverse_x(xp: Any, g: Any, x: Any, out: Any, upper: bool) -> Any:
    both = xp.matmul(out, xp.matmul(g + adjoint(xp, g), out))
    return -xp.matmul(x, both) if upper else -xp.matmul(both, x)


def _cholesky_solve(xp: Any, g: Any, needs: Any, x: Any, y: Any, out: Any, upper: bool) -> list[Any]:
    """y y^H s = x: gx = (y y^H)^-1 g, and with c = gx s^H + s gx^H, gy = -c y."""
    gx = xp.cholesky_solve(conj(xp, g), y, upper)
    gy = None
    if needs[1]:
        c = xp.matmul(gx, adjoint(xp, out))
        c = c + adjoint(xp, c)
        gy = conj(xp, -xp.matmul(y, c) if upper else -xp.matmul(c, y))
    return [conj(xp, gx) if needs[0] else None, gy]


cholesky_inverse = unary("cholesky_inverse", K.cholesky_inverse, x=_cholesky_inverse_x)
cholesky_solve = op("cholesky_solve", K.cholesky_solve, inputs="x y", joint=_cholesky_solve)


def rows(xp: Any, x: Any, start: int, stop: int) -> Any:
    return xp.slice(x, (..., slice(start, stop), slice(None)))


def columns(xp: Any, x: Any, start: int, stop: int) -> Any:
    return xp.slice(x, (..., slice(None), slice(start, stop)))


def _lu(xp: Any, g_l: Any, g_u: Any, lower: Any, upper: Any) -> Any:
    """For L U: L^-H (what is below the diagonal of L^H gL and above it of gU U^H) U^-H. Of a wide one, L U = L [U1 U2],
    the rest is L^-H gU2, of a tall one, [L1; L2] U, it is gL2 U^-H; what they take off the square part comes first."""
    m, n, mm = lower.shape[-2], upper.shape[-1], xp.matmul
    k = min(m, n)
    l1, u1 = rows(xp, lower, 0, k), columns(xp, upper, 0, k)
    inner: Any = 0
    if g_l is not None:
        inner = xp.tril(mm(adjoint(xp, l1), rows(xp, g_l, 0, k)), -1)
        if m > k:
            inner = inner - xp.triu(mm(adjoint(xp, rows(xp, lower, k, m)), rows(xp, g_l, k, m)), 0)
    if g_u is not None:
        inner = inner + xp.triu(mm(columns(xp, g_u, 0, k), adjoint(xp, u1)), 0)
        if n > k:
            inner = inner - xp.tril(mm(columns(xp, g_u, k, n), adjoint(xp, columns(xp, upper, k, n))), -1)

    def without_l(x: Any) -> Any:  # L1^-H x
        return xp.solve_triangular(adjoint(xp, l1), x, True, True)

    def without_u(x: Any) -> Any:  # x U1^-H
        return adjoint(xp, xp.solve_triangular(u1, adjoint(xp, x), True, False))

    core = without_u(without_l(inner))
    if m < n:
        rest = xp.zeros_like(columns(xp, upper, k, n)) if g_u is None else without_l(columns(xp, g_u, k, n))
        return xp.cat([core, rest], len(core.shape) - 1)
    if m > n:
        rest = xp.zeros_like(rows(xp, lower, k, m)) if g_l is None else without_u(rows(xp, g_l, k, m))
        return xp.cat([core, rest], len(core.shape) - 2)
    return core


def _lu_parts(x: Any) -> tuple[Any, Any, Any]:
    """L, U, P of P L U = x."""
    factor, pivots, _ = K.lu_factor(x)
    return *K.triangles(factor), K.permutation(pivots, x.shape[-2], x.dtype)


def _lu_x(xp: Any, g: Any, out0: Any, out1: Any, out2: Any) -> Any:
    found = _lu(xp, conj(xp, g[0]), conj(xp, g[1]), out0, out1)
    return conj(xp, xp.matmul(known(xp, constant(out2)), found))


lu = op("lu", _lu_parts, inputs="x", outputs=3, x=_lu_x, grad_name="LinalgLuBackward0")


def _lu_factor_x(xp: Any, g: Any, x_shape: Any, out0: Any, out1: Any) -> Any:
    """The parts of the one matrix that holds L and U."""
    m, k = x_shape[-2], min(x_shape[-2:])
    kind = constant(out0).dtype
    g = conj(xp, g)
    lower = xp.tril(columns(xp, out0, 0, k), -1) + known(xp, np.eye(m, k, dtype=kind))
    found = _lu(
        xp, xp.tril(columns(xp, g, 0, k), -1), xp.triu(rows(xp, g, 0, k), 0), lower, xp.triu(rows(xp, out0, 0, k), 0)
    )
    return conj(xp, xp.matmul(known(xp, K.permutation(constant(out1), m, kind)), found))


lu_factor = op(
    "lu_factor",
    by_columns(K.lu_factor, 0),
    inputs="x",
    outputs=3,
    x=_lu_factor_x,
    grad_name="LinalgLuFactorExBackward0",
)


def _qr_x(xp: Any, g: Any, out0: Any, out1: Any, mode: str) -> Any:
    """Walter and Lehmann, for full rank: of wide matrices only the first square part has a Q of its own."""
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, "
            "mode='reduced') if you are going to differentiate through linalg.qr."
        )
    q, r = out0, out1
    g_q, g_r = (conj(xp, part) for part in g)
    m, n = q.shape[-2], r.shape[-1]
    mm = xp.matmul
    if mode == "complete" and m > n:
        raise RuntimeError("The QR decomposition is not differentiable when mode='complete' and nrows > ncols.")
    if m >= n:
        k = 0
        if g_r is not None:
            k = xp.triu(mm(g_r, adjoint(xp, r)), 0)
        if g_q is not None:
            k = k - xp.triu(mm(adjoint(xp, q), g_q), 0)
        sym = k + adjoint(xp, xp.triu(k, 1))
        if xp.is_complex(sym):
            sym = sym - _diag(xp, _imaginary_only(xp, _diagonal(xp, sym)))
        inner = mm(q, sym) if g_q is None else g_q + mm(q, sym)
        return conj(xp, adjoint(xp, xp.solve_triangular(r, adjoint(xp, inner), True, False)))
    # wide: R = [R1 R2], a = Q R; skew part below the diagonal
    k = 0
    if g_q is not None:
        k = mm(adjoint(xp, q), g_q)
    if g_r is not None:
        k = k - mm(g_r, adjoint(xp, r))
    skew = xp.tril(k - adjoint(xp, k), 0)
    if xp.is_complex(skew):
        skew = skew - _diag(xp, 0.5 * _diagonal(xp, skew))
    r1 = xp.slice(r, (..., slice(None), slice(0, m)))
    first = adjoint(xp, xp.solve_triangular(r1, adjoint(xp, skew), True, False))
    rest = xp.zeros_like(xp.slice(r, (..., slice(None), slice(m, n))))
    inner = xp.cat([first, rest], len(r.shape) - 1)
    if g_r is not None:
        inner = inner + g_r
    return conj(xp, mm(q, inner))


qr = op("qr", by_columns(K.qr, 0, 1), inputs="x", outputs=2, x=_qr_x, grad_name="LinalgQrBackward0")
geqrf = op("geqrf", K.geqrf, inputs="x", outputs=2, x=not_implemented("geqrf"), grad_name="GeqrfBackward0")


# eigenvalues and singular values -------------------------------------------------------------------------------------


def _eigh_x(xp: Any, g: Any, out0: Any, out1: Any) -> Any:
    """V (diag(gL) + V^H gV / gaps) V^H, mirrored, since the matrix is."""
    g_l, g_v = (conj(xp, part) for part in g)
    v = out1
    if g_v is None:
        scaled = v * xp.unsqueeze(g_l, -2)
        return conj(xp, xp.matmul(scaled, adjoint(xp, v)))
    inner = xp.matmul(adjoint(xp, v), g_v) / _gaps(xp, out0)
    eye = np.eye(v.shape[-1], dtype=bool)
    diagonal = xp.zeros_like(inner) if g_l is None else _diag(xp, g_l)
    found = xp.matmul(v, xp.matmul(xp.where(eye, diagonal, inner), adjoint(xp, v)))
    return conj(xp, 0.5 * (found + adjoint(xp, found)))


eigh = op("eigh", by_columns(K.eigh, 1), inputs="x", outputs=2, x=_eigh_x, grad_name="LinalgEighBackward0")


def _lobpcg_x(xp: Any, g: Any, x: Any, k: int, largest: bool, out0: Any, out1: Any) -> Any:
    """As eigh's, for k of the eigenvectors: the others, which their change needs, are computed here."""
    g_l, g_v = g
    total = None
    if g_v is not None:
        values, vectors = xp.eigh(x, False)
        size = x.shape[-1]
        own = np.eye(size, dtype=bool)[:, ::-1][:, :k] if largest else np.eye(size, dtype=bool)[:, :k]  # of all
        gaps = xp.unsqueeze(out0, -2) - xp.unsqueeze(values, -1)
        scaled = xp.where(
            own, xp.zeros_like(gaps), xp.matmul(adjoint(xp, vectors), g_v) / xp.where(own, gaps + 1, gaps)
        )
        total = xp.matmul(xp.matmul(vectors, scaled), adjoint(xp, out1))
    if g_l is not None:
        along = xp.matmul(out1 * xp.unsqueeze(g_l, -2), adjoint(xp, out1))
        total = along if total is None else total + along
    return total


lobpcg = op("lobpcg", lobpcg_kernel, inputs="x start b preconditioner", outputs=2, x=_lobpcg_x,
            grad_name="LOBPCGAutogradFunctionBackward")  # fmt: skip


def _eig_x(xp: Any, g: Any, out0: Any, out1: Any) -> Any:
    """V^-H (diag(gL) + (V^H gV - V^H V diag(Re V^H gV)) / conj(gaps)) V^H: eigenvectors keep their length 1."""
    g_l, g_v = (conj(xp, part) for part in g)
    v, h = out1, adjoint(xp, out1)
    if g_v is None:
        return conj(xp, xp.solve(h, xp.unsqueeze(g_l, -1) * h, True, False))
    along = xp.matmul(h, g_v)
    inner = along - xp.matmul(h, v) * xp.unsqueeze(xp.real(_diagonal(xp, along)), -2)
    inner = inner / conj(xp, _gaps(xp, out0))
    eye = np.eye(v.shape[-1], dtype=bool)
    inner = xp.where(eye, xp.zeros_like(inner) if g_l is None else _diag(xp, g_l), inner)
    return conj(xp, xp.solve(h, xp.matmul(inner, h), True, False))


eig = op("eig", by_columns(K.eig, 1), inputs="x", outputs=2, x=_eig_x, grad_name="LinalgEigBackward0")


def _svd_x(xp: Any, g: Any, out0: Any, out1: Any, out2: Any) -> Any:
    """U ((skew(U^H gU) / E) S + S (skew(V^H gV) / E) + gS) V^H, E = s_j^2 - s_i^2, and what of gU, gV is outside of U
    and V."""
    g_u, g_s, g_vh = (conj(xp, part) for part in g)
    k = out1.shape[-1]
    u = xp.slice(out0, (..., slice(None), slice(0, k)))
    vh = xp.slice(out2, (..., slice(0, k), slice(None)))
    if g_u is not None:
        g_u = xp.slice(g_u, (..., slice(None), slice(0, k)))
    if g_vh is not None:
        g_vh = xp.slice(g_vh, (..., slice(0, k), slice(None)))
    s, mm = out1, xp.matmul
    m, n = u.shape[-2], vh.shape[-1]
    if g_u is None and g_vh is None:
        scaled = u * xp.unsqueeze(g_s, -2)
        return conj(xp, mm(scaled, vh))
    gaps = _gaps(xp, s * s)
    inner = 0
    along = None
    if g_u is not None:
        along = mm(adjoint(xp, u), g_u)
        inner = ((along - adjoint(xp, along)) / gaps) * xp.unsqueeze(s, -2)
    if g_vh is not None:
        back = mm(vh, adjoint(xp, g_vh))
        inner = inner + xp.unsqueeze(s, -1) * ((back - adjoint(xp, back)) / gaps)
    eye = np.eye(k, dtype=bool)
    diagonal = 0 if g_s is None else _diag(xp, g_s)
    if along is not None and xp.is_complex(along):  # U and V turn together: their common phase is free
        diagonal = diagonal + _diag(xp, _imaginary_only(xp, _diagonal(xp, along)) / s)
    inner = xp.where(eye, diagonal, inner)
    result = mm(u, mm(inner, vh))
    if m > k and g_u is not None:
        part = g_u / xp.unsqueeze(s, -2)
        result = result + mm(part - mm(u, mm(adjoint(xp, u), part)), vh)
    if n > k and g_vh is not None:
        part = g_vh / xp.unsqueeze(s, -1)
        result = result + mm(u, part - mm(mm(part, adjoint(xp, vh)), vh))
    return conj(xp, result)


svd = op("svd", by_columns(K.svd, 0, 2), inputs="x", outputs=3, x=_svd_x, grad_name="LinalgSvdBackward0")

# functions of matrices -----------------------------------------------------------------------------------------------


@usual
def _matrix_exp_x(xp: Any, g: Any, x: Any) -> Any:
    """The upper right of exp [[a^H, g], [0, a^H]] (R. Mathias, "A chain rule for matrix functions", 1996)."""
    n, last = x.shape[-1], len(x.shape) - 1
    h = adjoint(xp, x)
    block = xp.cat([xp.cat([h, g], last), xp.cat([xp.zeros_like(g), h], last)], last - 1)
    return xp.slice(xp.matrix_exp(block), (..., slice(0, n), slice(n, 2 * n)))


matrix_exp = unary("matrix_exp", K.matrix_exp, x=_matrix_exp_x, grad_name="LinalgMatrixExpBackward0")

# L D L^T -------------------------------------------------------------------------------------------------------------


def _no_derivative(name: str) -> Callable[..., Any]:
    def formula(xp: Any, g: Any) -> Any:
        raise NotImplementedError(f"derivative for aten::{name} is not implemented")  # nor does PyTorch have one

    return formula


ldl_factor = op("ldl_factor", by_columns(LDL.ldl_factor, 0), inputs="x", outputs=3,
                x=_no_derivative("linalg_ldl_factor_ex"), grad_name="NotImplemented")  # fmt: skip
ldl_solve = op("ldl_solve", by_columns(LDL.ldl_solve), inputs="x pivots y", x=_no_derivative("linalg_ldl_solve"),
               y=_no_derivative("linalg_ldl_solve"), grad_name="NotImplemented")  # fmt: skip
