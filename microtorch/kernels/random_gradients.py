"""How gamma and Dirichlet samples move with their parameters: the gradients of reparametrised sampling.

A sample x of a distribution with cumulative distribution function F(x; a) and density f(x; a) moves, for a fixed
uniform number F(x; a), by dx/da = -(dF/da) / f (M. Figurnov, S. Mohamed, A. Mnih, "Implicit reparameterization
gradients", 2018). The approximations are those of PyTorch (aten/src/ATen/native/Distributions.h): Taylor series near
the ends, Rice's saddle point expansion for large parameters, a fitted rational function between. All in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.kernels.gamma import digamma
from microtorch.kernels.quiet import silence

_GAMMA_FIT = np.array([
    [[0.16009398, -0.094634809, 0.025146376, -0.0030648343], [1, 0.32668115, 0.10406089, 0.0014179084]],
    [[0.53487893, 0.1298071, 0.065735949, -0.0015649758], [0.16639465, 0.020070113, -0.0035938915, -0.00058392623]],
    [[0.040121004, -0.0065914022, -0.0026286047, -0.0013441777],
     [0.017050642, -0.0021309326, 0.00085092367, -1.5247877e-07]],
])  # fmt: skip
"""Of [power of log(x / a)] [numerator, denominator] [power of log a]."""

_BETA_FIT = np.array([
    [[[1.003668233, -0.01061107488, -0.0657888334, 0.01201642863],
      [0.6336835991, -0.3557432599, 0.05486251648, -0.001465281033],
      [-0.03276231906, 0.004474107445, 0.002429354597, -0.0001557569013]],
     [[0.221950385, -0.3187676331, 0.01799915743, 0.01074823814],
      [-0.2951249643, 0.06219954479, 0.01535556598, 0.001550077057],
      [0.02155310298, 0.004170831599, 0.001292462449, 6.976601077e-05]],
     [[-0.05980841433, 0.008441916499, 0.01085618172, 0.002319392565],
      [0.02911413504, 0.01400243777, -0.002721828457, 0.000751041181],
      [0.005900514878, -0.001936558688, -9.495446725e-06, 5.385558597e-05]]],
    [[[1, -0.02924021934, -0.04438342661, 0.007285809825],
      [0.6357567472, -0.3473456711, 0.05454656494, -0.002407477521],
      [-0.03301322327, 0.004845219414, 0.00231480583, -0.0002307248149]],
     [[0.5925320577, -0.1757678135, 0.01505928619, 0.000564515273],
      [0.1014815858, -0.06589186703, 0.01272886114, -0.0007316646956],
      [-0.007258481865, 0.001096195486, 0.0003934994223, -4.12701925e-05]],
     [[0.06469649321, -0.0236701437, 0.002902096474, -5.896963079e-05],
      [0.001925008108, -0.002869809258, 0.0008000589141, -6.063713228e-05],
      [-0.0003477407336, 6.959756487e-05, 1.097287507e-05, -1.650964693e-06]]],
])  # fmt: skip
"""Of [numerator, denominator] [power of log x] [power of log(a / x)] [power of log(total x / a)]."""


def _gamma_small(x: Any, a: Any) -> Any:
    """By the series of the incomplete gamma function, x^a sum (-x)^i / (i! (a + i))."""
    term, first, second = np.ones_like(x), 1 / a, 1 / (a * a)
    for i in range(1, 6):
        term = term * (-x / i)
        first = first + term / (a + i)
        second = second + term / (a + i) ** 2
    power = x**a
    moved = (np.log(x) - digamma(a)) * (power * first) - power * second
    return np.nan_to_num(-moved / (x ** (a - 1) * np.exp(-x)), nan=0.0, posinf=np.inf, neginf=-np.inf)


def _gamma_large(x: Any, a: Any) -> Any:
    """By Rice's expansion; near the mean, where that is 0 / 0, by its own series."""
    series = (1 + 24 * a * (1 + 12 * a)) * (
        1440 * a * a + 6 * x * (53 - 120 * x) - 65 * x * x / a + a * (107 + 3600 * x)
    ) / (1244160 * a**4)  # fmt: skip
    root = np.sqrt(8 * a)
    distance = (x - a - a * np.log(x / a)) ** -1.5
    inner = root / (a - x) + np.where(x < a, -distance, distance)
    outer = np.log(x / a) * inner - np.sqrt(2 / a) * (a + x) / (a - x) ** 2
    stirling = 1 + 1 / (12 * a) * (1 + 1 / (24 * a))
    return np.where((0.9 * a <= x) & (x <= 1.1 * a), series, -stirling * x * outer / root)


def _gamma_between(x: Any, a: Any) -> Any:
    u, v = np.log(x / a), np.log(a)
    fit = [
        [_GAMMA_FIT[0, k, j] + u * (_GAMMA_FIT[1, k, j] + u * _GAMMA_FIT[2, k, j]) for j in range(4)] for k in (0, 1)
    ]
    p, q = (c[0] + v * (c[1] + v * (c[2] + v * c[3])) for c in fit)
    return np.exp(p / q)


def standard_gamma_grad(alpha: Any, x: Any) -> Any:
    """dx / d alpha for samples x of the gamma distribution of shape alpha and scale 1."""
    a, s = np.broadcast_arrays(alpha.astype(np.float64), x.astype(np.float64))
    with silence():
        result = np.select([s < 0.8, a > 8], [_gamma_small(s, a), _gamma_large(s, a)], _gamma_between(s, a))
    return result.astype(x.dtype)


def _beta_low(x: Any, a: Any, b: Any) -> Any:
    """d/da of a beta sample near 0, over 1 - x: by the series of the incomplete beta function."""
    factor = digamma(a) - digamma(a + b) - np.log(x)
    term: Any = 1.0
    series = term / a * (factor + 1 / a)
    for i in range(1, 11):
        term = term * ((i - b) * x / i)
        series = series + term / (a + i) * (factor + 1 / (a + i))
    return np.nan_to_num(x * (1 - x) ** -b * series, nan=0.0, posinf=np.inf, neginf=-np.inf)


def _beta_high(x: Any, a: Any, b: Any) -> Any:
    """d/db of a beta sample x near 0, over 1 - x."""
    factor = digamma(a + b) - digamma(b)
    term, products, slopes, series = 1.0, 1.0, 0.0, factor / a  # type: Any, Any, Any, Any
    for i in range(1, 9):
        term = term * (-x / i)
        slopes = slopes * (b - i) + products
        products = products * (b - i)
        series = series + term / (a + i) * (slopes + factor * products)
    return np.nan_to_num(-((1 - x) ** (1 - b)) * series, nan=0.0, posinf=np.inf, neginf=-np.inf)


def _beta_large(x: Any, a: Any, b: Any) -> Any:
    """By Rice's expansion for large a and b; near the mean by its own series."""
    total = a + b
    mean, deviation = a / total, np.sqrt(a * b / (total + 1)) / total
    series = 47 * x * b**4 + a * (
        (43 + 20 * (16 + 27 * b) * x) * b**3
        + a * (3 * (59 + 180 * b - 90 * x) * b**2
               + a * ((453 + 1620 * b * (1 - x) - 455 * x) * b + a * (8 * (1 - x) * (135 * b - 11))))
    )  # fmt: skip
    near = (1 + 12 * a) * (1 + 12 * b) / (total * total) / (1 - x) * series / (12960 * a**3 * b * b * (1 + 12 * total))
    stirling = (1 + 1 / (12 * a) + 1 / (288 * a * a)) * (1 + 1 / (12 * b) + 1 / (288 * b * b))
    stirling = stirling / (1 + 1 / (12 * total) + 1 / (288 * total * total))
    off = a * (x - 1) + b * x
    first = (2 * a * a * (x - 1) + a * b * (x - 1) - x * b * b) / (np.sqrt(2 * a / b) * total**1.5 * off * off)
    distance = (b * np.log(b / (total * (1 - x))) + a * np.log(a / (total * x))) ** -1.5
    second = 0.5 * np.log(a / (total * x)) * (
        np.sqrt(8 * a * b / total) / off + np.where(x < mean, distance, -distance)
    )  # fmt: skip
    far = stirling * (-x / np.sqrt(2 * a * b / total)) * (first + second)
    return np.where(np.abs(x - mean) <= 0.1 * deviation, near, far)


def _beta_between(x: Any, a: Any, total: Any) -> Any:
    u = np.log(x)
    v = np.log(a) - u
    w = np.log(total) - v
    fit = [0.0, 0.0]
    for k in (0, 1):
        for i in range(3):
            for j in range(3):
                c = _BETA_FIT[k, i, j]
                fit[k] = fit[k] + u**i * v**j * (c[0] + w * (c[1] + w * (c[2] + w * c[3])))
    return fit[0] / fit[1] * (x * (digamma(total) - digamma(a)) / (total - a))


def dirichlet_grad(x: Any, alpha: Any, total: Any) -> Any:
    """-(dF/d alpha) / f / (1 - x) for coordinates x of Dirichlet samples, which are Beta(alpha, total - alpha)."""
    s, a, t = np.broadcast_arrays(*(v.astype(np.float64) for v in (x, alpha, total)))
    b, edge = t - a, t * s * (1 - s)
    with silence():
        result = np.select(
            [(s <= 0.5) & (edge < 2.5), (s >= 0.5) & (edge < 0.75), (a > 6) & (b > 6)],
            [_beta_low(s, a, b), -_beta_high(1 - s, b, a), _beta_large(s, a, b)],
            _beta_between(s, a, t),
        )
    return result.astype(x.dtype)
