"""Samplers that draw until they accept: Poisson, gamma and binomial, one element at a time as PyTorch does it.

Each takes `uniform`, a function giving the next float64 uniform in [0, 1).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Draw = Callable[[], float]


def poisson(rate: float, uniform: Draw) -> int:
    """A Poisson number: products of uniforms below rate 10, from there PTRS.

    Reference: W. Hoermann, "The transformed rejection method for generating Poisson random variables" (1993),
    https://doi.org/10.1016/0167-6687(93)90997-4.
    """
    if not rate >= 0:
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    if rate == 0:
        return 0
    if rate < 10:
        limit, count, product = math.exp(-rate), 0, uniform()
        while product > limit:
            count += 1
            product *= uniform()
        return count
    if math.isinf(rate):
        return -(1 << 63)  # what the C cast of infinity to int64 gives
    root, log_rate = math.sqrt(rate), math.log(rate)
    b = 0.931 + 2.53 * root
    a = -0.059 + 0.02483 * b
    log_inverse_alpha = math.log(1.1239 + 1.1328 / (b - 3.4))
    v_r = 0.9277 - 3.6224 / (b - 2)
    while True:
        u = uniform() - 0.5
        v = uniform()
        us = 0.5 - abs(u)
        if us == 0.0:  # u = -1/2: k is minus infinity
            continue
        k = math.floor((2 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= v_r:
            return k
        if k < 0 or (us < 0.013 and v > us):
            continue
        if _log(v) + log_inverse_alpha - math.log(a / (us * us) + b) <= -rate + k * log_rate - math.lgamma(k + 1):
            return k


def gamma_constants(alpha: NDArray[Any]) -> Iterator[tuple[float, float, float]]:
    """(alpha, 1 / alpha, d) for each alpha, with the arithmetic of its own precision, as `gamma` wants them."""
    one = alpha.dtype.type(1)
    d = np.where(alpha < 1, alpha + one, alpha) - alpha.dtype.type(_THIRD)
    return zip(alpha.tolist(), (one / alpha).tolist(), d.tolist(), strict=True)


def gamma(alpha: float, inverse: float, d: float, uniform: Draw, normal: Draw) -> float:
    """A gamma(alpha, 1) number, where d = alpha - 1/3, or alpha + 2/3 if alpha < 1, which is then corrected by a power.

    Reference: Marsaglia and Tsang, "A simple method for generating gamma variables" (2000),
    https://doi.org/10.1145/358407.358414.
    """
    scale = 1.0
    if alpha < 1:
        if alpha == 0:
            return 0.0
        scale = _power(1 - uniform(), inverse)
    c = 1.0 / math.sqrt(9.0 * d) if d > 0 else math.nan  # as C's sqrt of a negative number: the result is NaN then
    while True:
        while True:
            x = normal()
            y = 1.0 + c * x
            if not y <= 0:
                break
        v = y * y * y
        u = 1 - uniform()
        xx = x * x
        if u < 1.0 - _SQUEEZE * xx * xx or math.log(u) < 0.5 * xx + d * (1.0 - v + math.log(v)):
            return scale * d * v


_THIRD, _SQUEEZE = np.float32(1) / np.float32(3), float(np.float32(0.0331))


def binomial(count: float, probability: float, uniform: Draw) -> float:
    """A binomial number: sums of geometric ones while count * p < 10, from there BTRS.

    Reference: W. Hoermann, "The generation of binomial random variates" (1993),
    https://doi.org/10.1080/00949659308811496.
    """
    if count <= 0 or probability <= 0:
        return 0.0
    if probability >= 1:
        return count
    if math.isnan(probability):
        return math.nan
    if probability > 0.5:
        return count - binomial(count, 1.0 - probability, uniform)
    if count * probability >= 10:
        return _btrs(count, probability, uniform)
    log_failure = math.log1p(-probability)
    number, total = 0.0, 0.0
    while True:
        total += math.ceil(_log(uniform()) / log_failure)
        if total > count:
            return number
        number += 1


def _btrs(count: float, probability: float, uniform: Draw) -> float:
    spread = math.sqrt(count * probability * (1 - probability))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * probability
    c = count * probability + 0.5
    v_r = 0.92 - 4.2 / b
    r = probability / (1 - probability)
    alpha = (2.83 + 5.1 / b) * spread
    m = math.floor((count + 1) * probability)
    while True:
        u = uniform() - 0.5
        v = uniform()
        us = 0.5 - abs(u)
        if us == 0.0:
            continue
        k = math.floor((2 * a / us + b) * u + c)
        if k < 0 or k > count:
            continue
        if us >= 0.07 and v <= v_r:
            return float(k)
        bound = (
            (m + 0.5) * math.log((m + 1) / (r * (count - m + 1)))
            + (count + 1) * math.log((count - m + 1) / (count - k + 1))
            + (k + 0.5) * math.log(r * (count - k + 1) / (k + 1))
            + _stirling_tail(m)
            + _stirling_tail(count - m)
            - _stirling_tail(k)
            - _stirling_tail(count - k)
        )
        if _log(v * alpha / (a / (us * us) + b)) <= bound:
            return float(k)


# fmt: off
_TAILS = (0.0810614667953272, 0.0413406959554092, 0.0276779256849983, 0.02079067210376509, 0.0166446911898211,
          0.0138761288230707, 0.0118967099458917, 0.0104112652619720, 0.00925546218271273, 0.00833056343336287)
# fmt: on


def _stirling_tail(k: float) -> float:
    """log(k!) less Stirling's approximation of it."""
    if k < len(_TAILS):
        return _TAILS[int(k)]
    square = (k + 1) * (k + 1)
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1)


def _log(x: float) -> float:
    """log(x), minus infinity at 0, as in C."""
    return math.log(x) if x else -math.inf


def _power(x: float, y: float) -> float:
    """x ** y for x > 0, infinite where it overflows, as in C."""
    try:
        return math.pow(x, y)
    except OverflowError:
        return math.inf
