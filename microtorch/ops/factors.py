"""Derivatives of what factorisations are used for: solving with L and U, products of Householder's reflections.

Written for conjugated cotangents, as in the literature (see ops/decompositions.py): <g, dx> = Re tr(g^H dx).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.autograd.table import op
from microtorch.kernels import factors as K
from microtorch.kernels.decompositions import permutation
from microtorch.kernels.strides import by_columns
from microtorch.ops.decompositions import adjoint, columns, conj, known
from microtorch.ops.pointwise import constant

# L and U -------------------------------------------------------------------------------------------------------------


def _lu_solve(
    xp: Any, g: Any, needs: Any, x: Any, pivots: Any, y: Any, out: Any, left: bool, adjointed: bool
) -> list[Any]:
    """a s = y: gy = a^-H g; with m = gy s^H (for the other three forms its factors exchanged), -m is the gradient of a,
    and of a = P L U: gL = P^T ga U^H below the diagonal, gU = L^H P^T ga on and above it."""
    g = conj(xp, g)
    gy = xp.lu_solve(x, pivots, g, left, not adjointed)
    gx = None
    if needs[0]:
        one, other = (gy, out) if left else (out, gy)
        if adjointed:
            one, other = other, one
        m = xp.matmul(one, adjoint(xp, other)) if left else xp.matmul(adjoint(xp, one), other)
        n = x.shape[-1]
        kind = constant(x).dtype
        p = known(xp, permutation(constant(pivots), n, kind))
        turned = xp.matmul(xp.transpose(p, -1, -2), m)
        lower = xp.tril(x, -1) + known(xp, np.eye(n, dtype=kind))
        below = xp.tril(xp.matmul(turned, adjoint(xp, xp.triu(x, 0))), -1)
        gx = conj(xp, -(below + xp.triu(xp.matmul(adjoint(xp, lower), turned), 0)))
    return [gx, None, conj(xp, gy) if needs[2] else None]


lu_solve = op("lu_solve", K.lu_solve, inputs="x pivots y", joint=_lu_solve, grad_name="LinalgLuSolveBackward0")


def _lu_unpack_x(xp: Any, g: Any, x_shape: tuple[int, ...]) -> Any:
    """Every part comes from its own place."""
    k = min(x_shape[-2:])
    batch = tuple(slice(None) for _ in x_shape[:-2])
    found = None
    if g[1] is not None:
        found = xp.embed(xp.tril(g[1], -1), x_shape, (*batch, slice(None), slice(0, k)))
    if g[2] is not None:
        upper = xp.embed(xp.triu(g[2], 0), x_shape, (*batch, slice(0, k), slice(None)))
        found = upper if found is None else found + upper
    return found


lu_unpack = op("lu_unpack", K.lu_unpack, inputs="x pivots", outputs=3, x=_lu_unpack_x)


def _triangular_solve(
    xp: Any, g: Any, needs: Any, y: Any, x: Any, out0: Any, upper: bool, transpose: bool, unitriangular: bool
) -> list[Any]:
    """As of `solve_triangular`; the second result is a copy of x."""
    gx = g[1] if needs[1] else None
    if g[0] is None:
        return [None, gx]
    a, above = (adjoint(xp, x) if transpose else x), upper != transpose
    gy = xp.solve_triangular(adjoint(xp, a), conj(xp, g[0]), not above, unitriangular)
    if needs[1]:
        ga = -xp.matmul(gy, adjoint(xp, out0))
        k = int(unitriangular)
        ga = xp.triu(ga, k) if above else xp.tril(ga, -k)
        ga = conj(xp, adjoint(xp, ga) if transpose else ga)
        gx = ga if gx is None else gx + ga
    return [conj(xp, gy) if needs[0] else None, gx]


triangular_solve = op(
    "triangular_solve", by_columns(K.triangular_solve, 0, 1), inputs="y x", outputs=2, joint=_triangular_solve
)

# Householder's reflections -------------------------------------------------------------------------------------------


def _reflections(xp: Any, g: Any, x: Any, tau: Any, start: Any, inverse: bool) -> tuple[Any, Any, Any]:
    """The gradients of x, tau and start, where each reflection makes p - t v v^H p of p."""
    m, n = x.shape[-2:]
    count = tau.shape[-1]
    lower, kind = xp.tril(x, -1), constant(x).dtype
    steps, p = [], start
    for k in range(count) if inverse else reversed(range(count)):
        v = columns(xp, lower, k, k + 1) + known(xp, np.eye(m, dtype=kind)[:, k : k + 1])
        t = xp.unsqueeze(xp.slice(tau, (..., slice(k, k + 1))), -1)
        t = conj(xp, t) if inverse else t
        w = xp.matmul(adjoint(xp, v), p)
        steps.append((k, v, t, p, w))
        p = p - t * xp.matmul(v, w)
    of_v: dict[int, Any] = {}
    of_t: dict[int, Any] = {}
    for k, v, t, p, w in reversed(steps):
        along = xp.matmul(adjoint(xp, v), g)
        back = adjoint(xp, w)
        gt = -xp.matmul(along, back)
        of_t[k] = conj(xp, gt) if inverse else gt
        of_v[k] = -(conj(xp, t) * xp.matmul(g, back)) - t * xp.matmul(p, adjoint(xp, along))
        g = g - conj(xp, t) * xp.matmul(v, along)
    if not count:
        return xp.zeros_like(x), xp.zeros_like(tau), g
    last = len(x.shape) - 1
    rest = [xp.zeros_like(columns(xp, lower, count, n))] if count < n else []
    gx = xp.tril(xp.cat([*(of_v[k] for k in range(count)), *rest], last), -1)
    gtau = xp.reshape(xp.cat([of_t[k] for k in range(count)], last), tau.shape)
    return gx, gtau, g


def _householder_product(xp: Any, g: Any, needs: Any, x: Any, tau: Any) -> list[Any]:
    if not tau.shape[-1]:
        return [None, None]
    start = known(xp, np.broadcast_to(np.eye(*x.shape[-2:], dtype=constant(x).dtype), x.shape))
    gx, gtau, _ = _reflections(xp, conj(xp, g), x, tau, start, False)
    return [conj(xp, gx) if needs[0] else None, conj(xp, gtau) if needs[1] else None]


householder_product = op("householder_product", by_columns(K.householder_product), inputs="x tau",
                         joint=_householder_product, grad_name="LinalgHouseholderProductBackward0")  # fmt: skip


def _ormqr(xp: Any, g: Any, needs: Any, x: Any, tau: Any, y: Any, left: bool, transpose: bool) -> list[Any]:
    g = conj(xp, g)
    if left:
        found = _reflections(xp, g, x, tau, y, transpose)
    else:
        gx, gtau, gy = _reflections(xp, adjoint(xp, g), x, tau, adjoint(xp, y), not transpose)
        found = gx, gtau, adjoint(xp, gy)
    return [conj(xp, part) if need else None for part, need in zip(found, needs)]


ormqr = op("ormqr", by_columns(K.ormqr), inputs="x tau y", joint=_ormqr)
