"""Updates of optimizers in one pass over flat arrays: see `microtorch.kernels.optim` for the formulas and names.

Numbers have the arrays' dtype. `sign` is -1 to maximize; a `weight_decay` of 0 leaves out its term, which an infinite
parameter would make NaN; so do the other flags.
"""

from __future__ import annotations

import math

from microtorch.kernels.compiled import jit, jit_scalar


@jit_scalar
def _direction(p, g, weight_decay, sign):
    g = g * sign
    with_decay = g + p * weight_decay
    return with_decay if weight_decay != 0 else g


@jit_scalar
def _lerp(a, b, weight, rest):
    """From a to b by that weight, from the nearer end; rest = 1 - weight."""
    return a + (b - a) * weight if weight < rest else b - (b - a) * rest


@jit
def sgd(p, g, lr, weight_decay, sign):
    for i in range(p.size):
        p[i] -= lr * _direction(p[i], g[i], weight_decay, sign)


@jit
def sgd_momentum(p, g, buffer, lr, momentum, rest, weight_decay, sign, nesterov, first):
    """rest: 1 - dampening."""
    for i in range(p.size):
        d = _direction(p[i], g[i], weight_decay, sign)
        b = d if first else buffer[i] * momentum + d * rest
        buffer[i] = b
        p[i] -= lr * (d + b * momentum if nesterov else b)


@jit
def adam(p, g, m, v, step_size, shrink, weight1, beta1, beta2, weight2, correction, eps, weight_decay, sign):
    """weight1, weight2: 1 - beta1 and 1 - beta2; correction: the root of 1 - beta2^step; shrink: of p, before all."""
    for i in range(p.size):
        q = p[i] * shrink
        d = _direction(q, g[i], weight_decay, sign)
        m[i] = _lerp(m[i], d, weight1, beta1)
        v[i] = v[i] * beta2 + (d * weight2) * d
        p[i] = q - (m[i] * step_size) / (math.sqrt(v[i]) / correction + eps)


@jit
def rmsprop(p, g, v, lr, alpha, weight, eps, weight_decay, sign):
    for i in range(p.size):
        d = _direction(p[i], g[i], weight_decay, sign)
        v[i] = v[i] * alpha + (d * weight) * d
        p[i] -= (d * lr) / (math.sqrt(v[i]) + eps)


@jit
def adagrad(p, g, total, step_size, eps, weight_decay, sign):
    for i in range(p.size):
        d = _direction(p[i], g[i], weight_decay, sign)
        total[i] += d * d
        p[i] -= (d * step_size) / (math.sqrt(total[i]) + eps)
