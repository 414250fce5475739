"""Matrix products."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.autograd.table import op, unary
from microtorch.kernels import linalg as K
from microtorch.kernels.quiet import quiet
from microtorch.kernels.strides import like_input


def _matmul_x(xp: Any, g: Any, x_shape: tuple[int, ...], y: Any) -> Any:
    """d(x @ y)/dx = g @ y^T; a vector is a matrix of one row (left) or one column (right)."""
    if len(y.shape) == 1:
        return g * y if len(x_shape) == 1 else xp.unsqueeze(g, -1) * y
    if len(x_shape) == 1:
        return xp.reshape(xp.matmul(y, xp.unsqueeze(g, -1)), y.shape[:-1])
    return xp.matmul(g, xp.transpose(y, -1, -2))


def _matmul_y(xp: Any, g: Any, x: Any, y_shape: tuple[int, ...]) -> Any:
    """d(x @ y)/dy = x^T @ g."""
    if len(x.shape) == 1:
        return g * x if len(y_shape) == 1 else xp.unsqueeze(x, -1) * xp.unsqueeze(g, -2)
    if len(y_shape) == 1:
        return xp.reshape(xp.matmul(xp.transpose(x, -1, -2), xp.unsqueeze(g, -1)), (*x.shape[:-2], x.shape[-1]))
    if len(y_shape) == 2 and len(x.shape) > 2:  # the batch is one long matrix
        rows = math.prod(x.shape[:-1])
        return xp.matmul(xp.t(xp.reshape(x, (rows, x.shape[-1]))), xp.reshape(g, (rows, g.shape[-1])))
    return xp.matmul(xp.transpose(x, -1, -2), g)


matmul = op("matmul", K.matmul, x=_matmul_x, y=_matmul_y, grad_name="MmBackward0")
matmul_batched = op("matmul_batched", K.matmul, x=_matmul_x, y=_matmul_y, grad_name="BmmBackward0")
matvec = op("matvec", K.matmul, x=_matmul_x, y=_matmul_y, grad_name="MvBackward0")
vecmat = op("vecmat", K.matmul, x=_matmul_x, y=_matmul_y, grad_name="SqueezeBackward4")
dot = op("dot", K.matmul, x=_matmul_x, y=_matmul_y)
vdot = op("vdot", K.matmul, x=_matmul_x, y=_matmul_y)
matmul_viewed = op("matmul_viewed", K.matmul, x=_matmul_x, y=_matmul_y, grad_name="UnsafeViewBackward0")


def _linear_weight(xp: Any, g: Any, x: Any, weight_shape: tuple[int, ...]) -> Any:
    """d(x @ w^T)/dw = g^T @ x, over all rows of the batch."""
    if len(x.shape) != 2:
        x, g = xp.reshape(x, (-1, weight_shape[-1])), xp.reshape(g, (-1, weight_shape[0]))
    return xp.matmul(xp.t(g), x)


def _linear_bias(xp: Any, g: Any) -> Any:
    """d(x @ w^T + b)/db: the sum over all rows of the batch."""
    if len(g.shape) == 2 and g.shape[0] == 1 and not xp.recorded:
        return g.reshape(g.shape[1])
    return xp.sum(g, tuple(range(len(g.shape) - 1)), False)


_linear: dict[str, Any] = {
    "x": lambda xp, g, weight: xp.matmul(g, weight),
    "weight": _linear_weight,
    "bias": _linear_bias,
}
linear = op("linear", K.linear, inputs="x weight bias", grad_name="AddmmBackward0", **_linear)
linear_no_bias = op("linear_no_bias", K.linear, grad_name="MmBackward0", x=_linear["x"], weight=_linear["weight"])
linear_batched = op("linear_batched", K.linear, inputs="x weight bias", grad_name="ViewBackward0", **_linear)
linear_batched_no_bias = op(
    "linear_batched_no_bias",
    K.linear,
    grad_name="UnsafeViewBackward0",
    x=_linear["x"],
    weight=_linear["weight"],
)
_weight = ("TBackward0", 1)
linear.op.shown = (2, 0, _weight)  # type: ignore[attr-defined]
linear_no_bias.op.shown = (0, _weight)  # type: ignore[attr-defined]
linear_batched.op.shown = (("AddmmBackward0", 2, ("ViewBackward0", 0), _weight),)  # type: ignore[attr-defined]
linear_batched_no_bias.op.shown = (("MmBackward0", ("ViewBackward0", 0), _weight),)  # type: ignore[attr-defined]

# sums of products ----------------------------------------------------------------------------------------------------

_add_product: dict[str, Any] = {
    "x": lambda xp, g, beta: g * beta,
    "a": lambda xp, g, a_shape, b, alpha: _matmul_x(xp, g * alpha, a_shape, b),
    "b": lambda xp, g, a, b_shape, alpha: _matmul_y(xp, g * alpha, a, b_shape),
}
addmm = op("addmm", K.addmm, **_add_product)
addmv = op("addmv", K.addmm, **_add_product)
baddbmm = op("baddbmm", K.addmm, **_add_product)
addbmm = op("addbmm", K.addbmm, x=_add_product["x"],
            a=lambda xp, g, b, alpha: xp.matmul(g * alpha, xp.transpose(b, -1, -2)),
            b=lambda xp, g, a, alpha: xp.matmul(xp.transpose(a, -1, -2), g * alpha))  # fmt: skip


def _addr(x: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
    out = K.addr(x, a, b, beta, alpha)
    return like_input(x, out) if type(x) is np.ndarray and x.shape == out.shape else out


addr = op("addr", _addr, x=_add_product["x"],
          a=lambda xp, g, b, alpha: xp.matmul(g, b) * alpha,
          b=lambda xp, g, a, alpha: xp.matmul(xp.t(g), a) * alpha)  # fmt: skip


def _contract_x(xp: Any, g: Any, y: Any, x_labels: str, y_labels: str, out_labels: str) -> Any:
    return xp.contract(g, y, out_labels, y_labels, x_labels)


def _contract_y(xp: Any, g: Any, x: Any, x_labels: str, y_labels: str, out_labels: str) -> Any:
    return xp.contract(g, x, out_labels, x_labels, y_labels)


contract = op("contract", K.contract, grad_name="BmmBackward0", x=_contract_x, y=_contract_y)
multiply = op("multiply", K.multiply, grad_name="MulBackward0", x=_contract_x, y=_contract_y)  # without sums
cross = op("cross", K.cross, grad_name="LinalgCrossBackward0",
           x=lambda xp, g, y, axis: xp.cross(y, g, axis), y=lambda xp, g, x, axis: xp.cross(g, x, axis))  # fmt: skip
trace = unary(
    "trace",
    quiet(lambda x: K.trace(x)),
    x=lambda xp, g, x_shape: xp.diag_embed(xp.expand(g, (min(x_shape),)), x_shape, 0, 0, 1),
)
