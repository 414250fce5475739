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

from microtorch.kernels import twins
from microtorch.kernels.bfloat16 import rounded

Array = NDArray[Any]

add, subtract, multiply, divide, sqrt = np.add, np.subtract, np.multiply, np.divide, np.sqrt


def direction(p: Array, g: Array, weight_decay: float, maximize: bool, s: Array, t: Array) -> Array:
    """g (negated to maximize) + weight_decay p: `g` itself if nothing is to do, else in `s`; `t` is written over."""
    if maximize:
        g = np.negative(g, s)
    if weight_decay != 0:
        g = add(g, multiply(p, weight_decay, t), s)
    return g


def _compiled(name: str, arrays: tuple[Array, ...], *numbers: Any) -> bool:
    """Whether a compiled twin has made the update: on large arrays that it takes, with numbers in their dtype."""
    p = arrays[0]
    if type(p) is not np.ndarray or p.size < twins.least or not twins.takes(*arrays):
        return False
    fast = twins.of("optim")
    if fast is None:
        return False
    number = p.dtype.type
    getattr(fast, name)(*arrays, *[n if type(n) is bool else number(n) for n in numbers])
    return True


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
    sign = -1 if maximize else 1
    if buffer is None:
        if _compiled("sgd", (p, g), lr, weight_decay, sign):
            return
    elif _compiled(
        "sgd_momentum", (p, g, buffer), lr, momentum, 1 - dampening, weight_decay, sign, bool(nesterov), bool(first)
    ):
        return
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
    step_size, correction = float(lr / (1 - beta1**step)), (1 - beta2**step) ** 0.5
    shrink = float(1 - lr * weight_decay) if decoupled else 1.0
    weight_decay = 0 if decoupled else weight_decay
    if largest_v is None and _compiled(
        "adam", (p, g, m, v), step_size, shrink, 1 - beta1, beta1, beta2, 1 - beta2, correction, eps, weight_decay,
        -1 if maximize else 1,
    ):  # fmt: skip
        return
    if shrink != 1:
        multiply(p, shrink, p)
    g = direction(p, g, weight_decay, maximize, s, t)
    lerp(m, g, 1 - beta1, t)
    decay_square(v, g, beta2, t)
    if largest_v is not None:
        v = np.maximum(largest_v, v, out=largest_v)
    divide(sqrt(v, t), correction, t)
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
    sign = -1 if maximize else 1
    if buffer is mean is None and _compiled(
        "rmsprop", (p, g, square_mean), lr, alpha, 1 - alpha, eps, weight_decay, sign
    ):
        return
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
    """Adagrad (Duchi, Hazan and Singer 2011): steps divided by the root of the sum of all squared gradients so far."""
    step_size = float(lr / (1 + (step - 1) * lr_decay))
    if _compiled("adagrad", (p, g, total), step_size, eps, weight_decay, -1 if maximize else 1):
        return
    g = direction(p, g, weight_decay, maximize, s, t)
    add(total, multiply(g, g, t), total)
    add(sqrt(total, t), eps, t)
    add(p, divide(multiply(g, -step_size, s), t, s), p)


def adadelta(
    p: Array,
    g: Array,
    square_mean: Array,
    delta_mean: Array,
    s: Array,
    t: Array,
    u: Array,
    *,
    lr: float,
    rho: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Adadelta (Zeiler 2012, algorithm 1): steps as large as the running mean of the steps before."""
    g = direction(p, g, weight_decay, maximize, s, t)
    decay_square(square_mean, g, rho, t)
    sqrt(add(square_mean, eps, t), t)
    sqrt(add(delta_mean, eps, u), u)
    delta = multiply(divide(u, t, u), g, u)
    decay_square(delta_mean, delta, rho, t)
    add(p, multiply(delta, -lr, t), p)


def adamax(
    p: Array,
    g: Array,
    m: Array,
    largest: Array,
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
) -> None:
    """Adamax (Kingma and Ba 2015, algorithm 2): Adam with a decaying maximum in place of the root mean square."""
    g = direction(p, g, weight_decay, maximize, s, t)
    lerp(m, g, 1 - beta1, t)
    multiply(largest, beta2, largest)
    np.maximum(largest, add(np.abs(g, t), eps, t), out=largest)
    add(p, divide(multiply(m, -float(lr / (1 - beta1**step)), t), largest, t), p)


def asgd(
    p: Array,
    g: Array,
    mean: Array,
    s: Array,
    t: Array,
    *,
    eta: float,
    mu: float,
    lambd: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Averaged SGD (Polyak and Juditsky 1992, in the form of Bottou's): steps of eta with decay lambd, and their mean.

    mu: the weight of the new parameters in the mean.
    """
    g = direction(p, g, weight_decay, maximize, s, t)
    multiply(p, 1 - lambd * eta, p)
    add(p, multiply(g, -eta, t), p)
    if mu == 1:
        np.copyto(mean, p)
    else:
        add(mean, multiply(subtract(p, mean, t), mu, t), mean)


def nadam(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
    s: Array,
    t: Array,
    u: Array,
    *,
    step: float,
    mu: float,
    mu_next: float,
    mu_product: float,
    lr: Any,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float,
    maximize: bool,
    decoupled: bool,
) -> None:
    """NAdam (Dozat 2016): Adam that looks one step of its momentum ahead.

    mu, mu_next: the momentum of this step and the next; mu_product: of all so far.
    """
    if decoupled and weight_decay != 0:
        multiply(p, float(1 - lr * weight_decay), p)
        weight_decay = 0
    g = direction(p, g, weight_decay, maximize, s, t)
    lerp(m, g, 1 - beta1, t)
    decay_square(v, g, beta2, t)
    add(sqrt(divide(v, 1 - beta2**step, t), t), eps, t)
    add(p, divide(multiply(g, float(-lr * (1.0 - mu) / (1.0 - mu_product)), u), t, u), p)
    add(p, divide(multiply(m, float(-lr * mu_next / (1.0 - mu_product * mu_next)), u), t, u), p)


def radam(
    p: Array,
    g: Array,
    m: Array,
    v: Array,
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
    """RAdam (Liu et al. 2020, algorithm 2): Adam that trusts v only as far as the number of steps warrants.

    rho: the length of the simple moving average that v amounts to so far; up to 5 its variance is too large to divide
    by.
    """
    if decoupled and weight_decay != 0:
        multiply(p, float(1 - lr * weight_decay), p)
        weight_decay = 0
    g = direction(p, g, weight_decay, maximize, s, t)
    lerp(m, g, 1 - beta1, t)
    decay_square(v, g, beta2, t)
    correction2 = 1 - beta2**step
    longest = 2 / (1 - beta2) - 1
    rho = longest - 2 * step * (beta2**step) / correction2
    multiply(divide(m, 1 - beta1**step, t), float(lr), t)
    if rho > 5.0:
        rectification = ((rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho)) ** 0.5
        divide(correction2**0.5, add(sqrt(v, s), eps, s), s)
        multiply(multiply(t, s, t), rectification, t)
    subtract(p, t, p)


def rprop(
    p: Array,
    g: Array,
    before: Array,
    step_size: Array,
    s: Array,
    t: Array,
    *,
    smallest: float,
    largest: float,
    shrink: float,
    grow: float,
    maximize: bool,
) -> None:
    """Rprop (Riedmiller and Braun 1993): each parameter has a step size of its own, of which only the gradient's sign
    decides: it grows as long as the sign stays, shrinks when it changes, and that step is left out.
    """
    if maximize:
        g = np.negative(g, s)
    product = multiply(g, before, t)
    changed = product < 0
    multiply(step_size, grow, step_size, where=product > 0)
    multiply(step_size, shrink, step_size, where=changed)
    np.clip(step_size, smallest, largest, out=step_size)
    np.copyto(before, g)
    np.copyto(before, 0, where=changed)
    sign = subtract(np.greater(before, 0, out=t), before < 0, t)  # 0 for NaN, unlike np.sign
    subtract(p, multiply(sign, step_size, t), p)


# matrices ------------------------------------------------------------------------------------------------------------


def adafactor(
    p: Array,
    g: Array,
    rows: Array | None,
    columns: Array | None,
    squares: Array | None,
    *,
    step: float,
    lr: Any,
    beta2_decay: float,
    eps1: float,
    eps2: float,
    d: float,
    weight_decay: float,
    maximize: bool,
) -> None:
    """Adafactor (Shazeer and Stern 2018, algorithms 4 and 5), for one parameter of any shape.

    rows (..., n, 1), columns (..., 1, k): running means of the squared gradients of a matrix (..., n, k) over its
    columns and rows; squares: of each element, for vectors. d: the update is scaled down to that root mean square.
    """
    if maximize:
        g = -g
    fresh = step**beta2_decay
    rate = max(eps2, float(np.linalg.norm(p.reshape(-1))) / p.size**0.5) * min(lr, 1 / (step**0.5))
    if weight_decay != 0:
        multiply(p, float(1 - lr * weight_decay), p)
    if rows is not None and columns is not None:
        for means, axis in ((rows, -1), (columns, -2)):
            square = np.square(np.sqrt(np.square(g).sum(axis, keepdims=True))) / g.shape[axis]
            lerp(means, square, fresh, np.empty_like(means))
        estimate = np.matmul(rows, columns)
        divide(estimate, np.maximum(rows.mean(-2, keepdims=True), eps1), estimate)
    else:
        assert squares is not None
        lerp(squares, g * g, fresh, np.empty_like(squares))
        estimate = squares.copy()
    update = divide(1, sqrt(np.maximum(estimate, eps1 * eps1, out=estimate), out=estimate), out=estimate)
    multiply(update, g, out=update)
    norm = max(1.0, float(np.linalg.norm(update.reshape(-1))) / (update.size**0.5 * d))
    add(p, multiply(update, float(-rate / norm), out=update), p)


def to_bfloat16(x: Array) -> Array:
    """Each number rounded to the nearest with 8 significant bits (ties to even), as float32."""
    return rounded(x).wide()


def orthogonalized(g: Array, coefficients: tuple[float, float, float], steps: int, eps: float) -> Array:
    """The matrix with g's singular vectors and singular values near 1, by Newton-Schulz iterations of degree 5.

    X = a X + (b X X^T + c (X X^T)^2) X, beginning with g of norm 1; rounded to bfloat16 after each operation, as in
    PyTorch.
    """
    a, b, c = coefficients
    tall = g.shape[0] > g.shape[1]
    x = to_bfloat16(g.T if tall else g)
    norm = to_bfloat16(np.sqrt(np.square(x).sum(dtype=np.float32)))
    x = to_bfloat16(x / np.maximum(norm, to_bfloat16(np.array(eps))))
    for _ in range(steps):
        gram = to_bfloat16(x @ x.T)
        polynomial = to_bfloat16(np.float32(b) * gram + np.float32(c) * (gram @ gram))
        x = to_bfloat16(np.float32(a) * x + polynomial @ x)
    return x.T if tall else x


def muon(
    p: Array,
    g: Array,
    buffer: Array,
    *,
    lr: float,
    weight_decay: float,
    momentum: float,
    nesterov: bool,
    coefficients: tuple[float, float, float],
    steps: int,
    eps: float,
    rate: float,
) -> None:
    """Muon (Jordan 2024), for one matrix: momentum whose singular values are all made 1. rate: lr times the shape's
    factor.
    """
    t = np.empty_like(buffer)
    lerp(buffer, g, 1 - momentum, t)
    update = buffer
    if nesterov:
        update = g.copy()
        lerp(update, buffer, momentum, t)
    multiply(p, 1 - lr * weight_decay, p)
    add(p, (orthogonalized(update, coefficients, steps, eps) * np.float32(-rate)).astype(p.dtype, copy=False), p)
