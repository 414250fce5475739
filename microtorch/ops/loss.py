"""Losses. A reduced loss's gradient g is a scalar; `_share` makes of it what falls to each element."""

from __future__ import annotations

import math
from typing import Any

from microtorch.autograd.table import op, unary
from microtorch.kernels import ctc as KC, loss as K
from microtorch.kernels.strides import operands_order


def _share(g: Any, x: Any, reduction: str) -> Any:
    return g / math.prod(x.shape) if reduction == "mean" and 0 not in x.shape else g


# regression ----------------------------------------------------------------------------------------------------------


def _mse(xp: Any, g: Any, x: Any, y: Any, reduction: str, sign: float) -> Any:
    scale = 2 * sign / math.prod(x.shape) if reduction == "mean" and 0 not in x.shape else 2 * sign
    if not xp.recorded:
        return K.mse_slope(x, y, g, scale)
    return (x - y) * (g * scale)


mse_loss = op("mse_loss", operands_order(K.mse_loss),
              x=lambda xp, g, x, y, reduction: _mse(xp, g, x, y, reduction, 1.0),
              y=lambda xp, g, x, y, reduction: _mse(xp, g, x, y, reduction, -1.0))  # fmt: skip


def _huber(xp: Any, g: Any, x: Any, y: Any, reduction: str, delta: float, beta: float) -> Any:
    """The difference, cut off at delta on both sides, over beta."""
    if xp.recorded or reduction == "none" or g.shape or x.shape != y.shape or x.dtype != y.dtype or not x.shape:
        return _share(g, x, reduction) * xp.clamp((x - y) / beta, -delta / beta, delta / beta)
    return K.huber_slope(x, y, delta, float(_share(g, x, reduction)) / beta)


smooth_l1_loss = op("smooth_l1_loss", operands_order(K.smooth_l1_loss),
                    x=lambda xp, g, x, y, reduction, beta: _huber(xp, g, x, y, reduction, beta, beta),
                    y=lambda xp, g, x, y, reduction, beta: _huber(xp, g, y, x, reduction, beta, beta))  # fmt: skip
huber_loss = op("huber_loss", operands_order(K.huber_loss),
                x=lambda xp, g, x, y, reduction, delta: _huber(xp, g, x, y, reduction, delta, 1.0),
                y=lambda xp, g, x, y, reduction, delta: _huber(xp, g, y, x, reduction, delta, 1.0))  # fmt: skip

# binary classification -----------------------------------------------------------------------------------------------


def _weighted(g: Any, x: Any, weight: Any, reduction: str) -> Any:
    share = _share(g, x, reduction)
    return share if weight is None else share * weight


binary_cross_entropy = op(
    "binary_cross_entropy", operands_order(K.binary_cross_entropy), inputs="x target weight",
    x=lambda xp, g, x, target, weight, reduction:
        _weighted(g, x, weight, reduction) * ((x - target) / xp.clamp((1 - x) * x, 1e-12, None)),
    target=lambda xp, g, x, weight, reduction: _weighted(g, x, weight, reduction) * -xp.logit(x, None),
)  # fmt: skip


def _logits_x(xp: Any, g: Any, x: Any, target: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    """sigmoid(x) - t, with the weight p of positive targets (1 + (p - 1) t) sigmoid(x) - p t."""
    s = xp.sigmoid(x)
    slope = s - target if pos_weight is None else ((pos_weight - 1) * target + 1) * s - pos_weight * target
    return _weighted(g, x, weight, reduction) * slope


def _logits_target(xp: Any, g: Any, x: Any, weight: Any, pos_weight: Any, reduction: str) -> Any:
    slope = -x if pos_weight is None else -x - (pos_weight - 1) * xp.log_sigmoid(x)
    return _weighted(g, x, weight, reduction) * slope


binary_cross_entropy_with_logits = op(
    "binary_cross_entropy_with_logits",
    operands_order(K.bce_with_logits, first=1),
    x=_logits_x,
    target=_logits_target,
    inputs="x target weight pos_weight",
)


def _soft_margin_x(xp: Any, g: Any, x: Any, y: Any, reduction: str) -> Any:
    """-y exp(-y x) / (1 + exp(-y x)); NaN where the exponential overflows, as in PyTorch."""
    z = xp.exp(-y * x)
    return _share(g, x, reduction) * (-y * z / (z + 1))


soft_margin_loss = op("soft_margin_loss", operands_order(K.soft_margin_loss), inputs="x y", x=_soft_margin_x)
x_log_x = unary("x_log_x", K.x_log_x, x=lambda xp, g, x: g * (xp.log(x) + 1))

over_number = unary("over_number", K.over_number, x=lambda xp, g, n: xp.over_number(g, n), grad_name="DivBackward1")

# classes by number (an input, too: a backward pass refuses numbers that were written since) ---------------------------


def _nll_loss(name: str, grad_name: str) -> Any:
    return op(name, K.nll_loss, inputs="x target", grad_name=grad_name,
                 x=lambda xp, g, x_shape, target, weight, ignore_index, reduction:
                     xp.nll_loss_grad(g, x_shape, target, weight, ignore_index, reduction))  # fmt: skip


nll_loss = _nll_loss("nll_loss", "NllLossBackward0")
nll_loss2d = _nll_loss("nll_loss2d", "NllLoss2DBackward0")
nll_loss_grad = op("nll_loss_grad", K.nll_loss_grad, inputs="g shape target",
                      g=lambda xp, g, target, weight, ignore_index, reduction:
                          xp.nll_loss(g, target, weight, ignore_index, reduction))  # fmt: skip


def _cross_entropy(
    xp: Any, g: Any, needs: Any, p: Any, target: Any, weight: Any, ignore_index: int, reduction: str
) -> tuple[Any, None]:
    """(softmax - one-hot) times each loss's share of g."""
    if not xp.recorded:
        return K.cross_entropy_backward(g, p, target, weight, ignore_index, reduction), None
    picked = xp.nll_loss_grad(g, p.shape, target, weight, ignore_index, reduction)
    return picked - p * xp.sum(picked, (1 if len(p.shape) > 1 else 0,), True), None


def _cross_entropy_entry(name: str, grad_name: str) -> Any:
    return op(name, K.cross_entropy, inputs="x target", residuals=["p"], joint=_cross_entropy, grad_name=grad_name,
              again=lambda xp, x: xp.softmax(x, 1 if len(x.shape) > 1 else 0))  # fmt: skip


cross_entropy = _cross_entropy_entry("cross_entropy", "NllLossBackward0")
cross_entropy2d = _cross_entropy_entry("cross_entropy2d", "NllLoss2DBackward0")

# margins: piecewise linear or quadratic; the slopes count as constant, as in PyTorch ---------------------------------


def _no_slope(xp: Any, g: Any, x: Any) -> Any:
    return x * 0


multi_margin_loss = op("multi_margin_loss", K.multi_margin_loss, inputs="x target",
                          x=lambda xp, g, x, target, weight, p, margin, reduction:
                              xp.multi_margin_backward(g, x, target, weight, p, margin, reduction))  # fmt: skip
multi_margin_backward = op("multi_margin_backward", K.multi_margin_backward, inputs="g x target", x=_no_slope,
                           g=lambda xp, g, x, target, weight, p, margin, reduction:
                               xp.multi_margin_apply(g, x, target, weight, p, margin, reduction))  # fmt: skip
multi_margin_apply = op("multi_margin_apply", K.multi_margin_apply, inputs="v x target", x=_no_slope,
                        v=lambda xp, g, x, target, weight, p, margin, reduction:
                            xp.multi_margin_backward(g, x, target, weight, p, margin, reduction))  # fmt: skip
multilabel_margin_slope = op(
    "multilabel_margin_slope", K.multilabel_margin_slope, inputs="x target", x=lambda xp, g: g * 0
)
multilabel_margin_loss = op("multilabel_margin_loss", K.multilabel_margin_loss, inputs="x target",
                               x=lambda xp, g, x, target, reduction: xp.multilabel_margin_slope(x, target)
                               * _rows(xp, g, x, reduction))  # fmt: skip


def _rows(xp: Any, g: Any, x: Any, reduction: str) -> Any:
    """Each row's share of g."""
    if reduction == "none":
        return xp.reshape(g, (x.shape[0], 1))
    return g / x.shape[0] if reduction == "mean" else g


# sequences ------------------------------------------------------------------------------------------------------------
ctc_loss = op(
    "ctc_loss",
    KC.ctc_loss,
    inputs="log_probs",
    residuals=["alpha"],
    grad_name="CtcLossBackward0",
    log_probs=lambda xp, g, log_probs, out, alpha, targets, input_lengths, target_lengths, blank, zero_infinity: (
        xp.ctc_loss_backward(g, log_probs, out, alpha, targets, input_lengths, target_lengths, blank, zero_infinity)
    ),
)
ctc_loss_backward = op(
    "ctc_loss_backward", KC.ctc_loss_backward, inputs="g log_probs losses"
)  # not differentiable, as in PyTorch
