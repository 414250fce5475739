"""The optimizers' updates for sparse gradients: of the rows (or elements) that have a gradient alone.

p: the parameter, an array that is written; g: its gradient, a COO. State is as the optimizers describe it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from microtorch.kernels.sparse import COO, add_into, coalesce, gathered

Array = Any


def sgd(p: Array, g: COO, velocity: COO | None, *, lr: float, momentum: float, dampening: float, weight_decay: float,
        nesterov: bool, maximize: bool) -> COO | None:  # fmt: skip
    """p -= lr v, v = momentum v + (1 - dampening) g; returns v, which is sparse (None without momentum)."""
    if maximize:
        g = -g
    if weight_decay:
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    if momentum:
        velocity = g.copy() if velocity is None else velocity * momentum + g * (1 - dampening)
        if velocity.count > velocity.shape[0]:
            velocity = coalesce(velocity)
        g = g + velocity * momentum if nesterov else velocity
    add_into(p, g * -lr)
    return velocity


def adagrad(p: Array, g: COO, total: Array, *, step: int, lr: float, lr_decay: float, eps: float, weight_decay: float,
            maximize: bool) -> None:  # fmt: skip
    """total += g^2; p -= lr / (1 + (step - 1) lr_decay) g / (sqrt(total) + eps), where g has a place."""
    if weight_decay:
        raise RuntimeError("weight_decay option is not compatible with sparse gradients")
    g = coalesce(-g if maximize else g)
    add_into(total, g.with_values(g.values**2))
    root = gathered(total, g.pattern)
    np.sqrt(root, out=root)
    root += eps
    np.divide(g.values, root, out=root)
    root *= -(lr / (1 + (step - 1) * lr_decay))
    add_into(p, g.with_values(root))


def sparse_adam(p: Array, g: COO, m: Array, v: Array, *, step: int, lr: float, beta1: float, beta2: float, eps: float,
                maximize: bool) -> None:  # fmt: skip
    """Adam's update where g has a place; elsewhere neither p nor the means m and v change."""
    g = coalesce(-g if maximize else g)
    if not g.values.size:
        return
    old = gathered(m, g.pattern)
    change = (g.values - old) * (1 - beta1)
    add_into(m, g.with_values(change))
    numerator = change + old
    old = gathered(v, g.pattern)
    change = (g.values**2 - old) * (1 - beta2)
    add_into(v, g.with_values(change))
    denominator = change + old
    np.sqrt(denominator, out=denominator)
    denominator += eps
    numerator /= denominator
    numerator *= -lr * math.sqrt(1 - beta2**step) / (1 - beta1**step)
    add_into(p, g.with_values(numerator))
