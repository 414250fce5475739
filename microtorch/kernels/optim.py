"""The updates of the optimizers, on flat arrays: `p` (parameters) and the state arrays are changed in place, `g`
(gradients) is not.

All arrays of a call are one-dimensional, of one length and one real floating dtype; `s` and `t` are scratch arrays of
that kind, written over. The order of the operations is PyTorch's single-tensor one (torch/optim/*.py), so results
agree to the last bit or the one beside it (PyTorch's kernels fuse some products and sums into one rounding).

`direction` is what all have in common: the gradient to descend along, after `maximize` and L2 weight decay.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

add, subtract, multiply, divide, sqrt = np.add, np.subtract, np.multiply, np.divide, np.sqrt


def direction(p: Array, g: Array, weight_decay: float, maximize: bool, s: Array, t: Array) -> Array:
    """g (negated to maximize) + weight_decay p: `g` itself if there is nothing to do, else in `s`; `t` is written
    over.
    """
    if maximize:
        g = np.negative(g, s)
    if weight_decay != 0:
        g = add(g, multiply(p, weight_decay, t), s)
    return g


def lerp(a: Array, b: Array, weight: float, t: Array) -> None:
    """a += weight (b - a), from the nearer end, as torch.lerp does."""
    if abs(weight) < 0.5:
        add(a, multiply(subtract(b, a, t), weight, t), a)
    else:
        subtract(b, multiply(subtract(b, a, t), 1 - weight, t), a)


def decay_square(v: Array, g: Array, beta: float, t: Array) -> None:
    """v = beta v + (1 - beta) g^2."""
    multiply(v, beta, v)
    add(v, multiply(multiply(g, 1 - beta, t), g, t), v)


def sgd(
    p: Array,
    g: Array,
    buffer: Array | None,
    s: Array,
    t: Array,
    *,
    lr: float,
    momentum: float,
    dampening: float,
    weight_decay: float,
    nesterov: bool,
    maximize: bool,
    first: bool,
) -> None:
    """Stochastic gradient descent with momentum (Sutskever et al. 2013, in PyTorch's form: lr outside of the velocity).

    buffer: the velocity, None without momentum. first: it has no value yet and becomes the gradient.
    """
    g = direction(p, g, weight_decay, maximize, s, t)
    if buffer is not None:
        if first:
            np.copyto(buffer, g)
        else:
            multiply(buffer, momentum, buffer)
            add(buffer, g if dampening == 0 else multiply(g, 1 - dampening, t), buffer)
        g = add(g, multiply(buffer, momentum, t), s) if nesterov else buffer
    add(p, multiply(g, -lr, t), p)


def adam(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    largest_v: Array | None,
    s: Array,
    t: Array,
    *,
    step: float,
    lr: Any,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
    decoupled: bool,
) -> None:
    """Adam (Kingma and Ba 2015, algorithm 1); `decoupled`: AdamW (Loshchilov and Hutter 2019); `largest_v`: AMSGrad
    (Reddi 2018).

    m, v: running means of the gradient and its square. step: counted from 1.
    """
    if decoupled and weight_decay != 0:
        multiply(p, float(1 - lr * weight_decay), p)
        weight_decay = 0
    g = direction(p, g, weight_decay, maximize, s, t)
    lerp(m, g, 1 - beta1, t)
    decay_square(v, g, beta2, t)
    if largest_v is not None:
        v = np.maximum(largest_v, v, largest_v)
    step_size = float(lr / (1 - beta1**step))
    divide(sqrt(v, t), (1 - beta2**step) ** 0.5, t)
    add(t, eps, t)
    add(p, divide(multiply(m, -step_size, s), t, s), p)


def rmsprop(
    p: Array,
    g: Array,
    square_mean: Array,
    buffer: Array | None,
    mean: Array | None,
    s: Array,
    t: Array,
    *,
    lr: float,
    alpha: float,
    eps: float,
    weight_decay: float,
    momentum: float,
    maximize: bool,
) -> None:
    """RMSprop (Hinton, lecture 6e of "Neural Networks for Machine Learning"); `mean`: centered (Graves 2013, equations
    38 to 45).
    """
    g = direction(p, g, weight_decay, maximize, s, t)
    decay_square(square_mean, g, alpha, t)
    if mean is None:
        sqrt(square_mean, t)
    else:
        lerp(mean, g, 1 - alpha, t)
        sqrt(subtract(square_mean, multiply(mean, mean, t), t), t)
    add(t, eps, t)
    if buffer is None:
        add(p, divide(multiply(g, -lr, s), t, s), p)
    else:
        multiply(buffer, momentum, buffer)
        add(buffer, divide(g, t, t), buffer)
        add(p, multiply(buffer, -lr, t), p)


def adagrad(
    p: Array,
    g: Array,
    total: Array,
    s: Array,
    t: Array,
    *,
    step: float,
    lr: Any,
    lr_decay: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Adagrad (Duchi, Hazan and Singer 2011): each step divided by the root of the sum of all squared gradients so
    far.
    """
    g = direction(p, g, weight_decay, maximize, s, t)
    add(total, multiply(g, g, t), total)
    add(sqrt(total, t), eps, t)
    add(p, divide(multiply(g, -float(lr / (1 + (step - 1) * lr_decay)), s), t, s), p)
