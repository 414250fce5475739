"""Orthogonal polynomials of degree n at x, both arrays: by their recurrences, in x's precision, as PyTorch has them.

M. Abramowitz and I. A. Stegun, "Handbook of Mathematical Functions" (1964), chapter 22: the recurrences are its table
22.7, the special values its table 22.2. Between -1 and 1 Chebyshev's polynomials of higher degree are PyTorch's cosines
and sines (22.3.15 and 22.3.16). A degree is cut to a whole number; of a negative one the value is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch.kernels.quiet import quiet


def _prepared(x: Any, n: Any) -> tuple[Any, Any]:
    """The two broadcast, of one floating dtype; the degrees as whole numbers (of NaN a negative one)."""
    dtype = (x if isinstance(x, np.ndarray) else n).dtype
    x, n = np.broadcast_arrays(np.asarray(x, dtype), np.asarray(n, dtype))
    return x, np.where(np.isnan(n), -1, n).clip(-1, 2.0**62).astype(np.int64)


def _by_recurrence(x: Any, n: Any, first: Any, following: Callable[[int, Any, Any], Any]) -> Any:
    """The polynomials with P0 = 1, P1 = first and P(k + 1) = following(k, P(k - 1), P(k)); a NaN ends them."""
    out = np.where(n == 0, np.ones((), x.dtype), first)
    before, last = np.ones_like(x), first
    for k in range(1, max(int(n.max(initial=0)), 0)):
        running = (n > k) & ~np.isnan(last)
        if not running.any():
            break
        before, last = last, following(k, before, last)
        out = np.where(running, last, out)
    return np.where(n < 0, np.zeros((), x.dtype), out)


def _signed(n: Any, value: Any) -> Any:
    """value for even n, else -value."""
    return np.where(n % 2 == 0, value, -value)


Values = Callable[[Any], Any]


def _chebyshev(
    x: Any, n: Any, first: Any, at_1: Values, at_minus_1: Values, beyond: int, formula: Callable[[Any, Any, Any], Any]
) -> Any:
    """One of Chebyshev's four kinds: all have P(k + 1) = 2 x P(k) - P(k - 1).

    at_1, at_minus_1: the values there, of n; formula: of (x, n, arccos x), for -1 < x < 1 and degrees beyond `beyond`.
    """
    inside = np.abs(x) < 1
    by_angle = inside & (n > beyond)
    out = _by_recurrence(x, np.where(by_angle | ((np.abs(x) == 1) & (n > 1)), 0, n), first,
                         lambda k, before, last: (x + x) * last - before)  # fmt: skip
    if by_angle.any():
        out = np.where(by_angle, formula(x, n, np.arccos(np.where(inside, x, 0))), out)
    out = np.where((x == 1) & (n >= 0), at_1(n), out)
    return np.where((x == -1) & (n >= 0), at_minus_1(n), out).astype(x.dtype)


def _one(n: Any) -> Any:
    return 1.0


def _t(x: Any, n: Any) -> Any:
    return _chebyshev(x, n, x, _one, lambda n: _signed(n, 1.0), 6, lambda x, n, a: np.cos(n.astype(x.dtype) * a))


def _u_of(beyond: int) -> Callable[[Any, Any], Any]:
    def formula(x: Any, n: Any, a: Any) -> Any:
        turned = (n + 1).astype(x.dtype) * a
        sine = np.sin(a)
        return np.where(sine != 0, np.sin(turned) / sine, (n + 1) * np.cos(turned) / x)

    return lambda x, n: _chebyshev(x, n, x + x, lambda n: n + 1.0, lambda n: _signed(n, n + 1.0), beyond, formula)


def _v_of(beyond: int) -> Callable[[Any, Any], Any]:
    def formula(x: Any, n: Any, a: Any) -> Any:
        turned = (n + 0.5).astype(x.dtype) * a
        return np.where(np.sin(a / 2) != 1, np.cos(turned) / np.cos(a / 2), _signed(n, n + n + 1))

    return lambda x, n: _chebyshev(x, n, x + x - 1, _one, lambda n: _signed(n, n + n + 1.0), beyond, formula)


def _w_of(beyond: int) -> Callable[[Any, Any], Any]:
    def formula(x: Any, n: Any, a: Any) -> Any:
        turned = (n + 0.5).astype(x.dtype) * a
        at_end = np.where(x > 0, n + n + 1, _signed(n, 1))
        return np.where(np.cos(a / 2) != 1, np.sin(turned) / np.sin(a / 2), at_end)

    return lambda x, n: _chebyshev(x, n, x + x + 1, lambda n: n + n + 1.0, lambda n: _signed(n, 1.0), beyond, formula)


def _of(polynomial: Callable[[Any, Any], Any], shifted: bool = False) -> Callable[[Any, Any], Any]:
    """The kernel of a polynomial; shifted: of 2 x - 1, so that its interval is from 0 to 1."""

    @quiet
    def kernel(x: Any, n: Any) -> Any:
        x, n = _prepared(x, n)
        return polynomial(x + x - 1 if shifted else x, n)

    return kernel


chebyshev_t, chebyshev_u, chebyshev_v, chebyshev_w = _of(_t), _of(_u_of(8)), _of(_v_of(8)), _of(_w_of(8))
shifted_chebyshev_t, shifted_chebyshev_u = _of(_t, True), _of(_u_of(6), True)
shifted_chebyshev_v, shifted_chebyshev_w = _of(_v_of(6), True), _of(_w_of(4), True)

_HIGHEST = {"f": 128, "d": 512}  # PyTorch's getHermitianLimit: beyond it the values overflow


def _hermite(x: Any, n: Any, first: Any, following: Callable[[int, Any, Any], Any]) -> Any:
    beyond = n > _HIGHEST[x.dtype.char]
    out = _by_recurrence(x, np.where(beyond, 0, n), first, following)
    return np.where(beyond, np.asarray(np.nan, x.dtype), out)


@_of
def hermite_h(x: Any, n: Any) -> Any:
    """The physicists': H(k + 1) = 2 x H(k) - 2 k H(k - 1)."""
    return _hermite(x, n, x + x, lambda k, before, last: (x + x) * last - 2 * k * before)


@_of
def hermite_he(x: Any, n: Any) -> Any:
    """The probabilists': He(k + 1) = x He(k) - k He(k - 1)."""
    return _hermite(x, n, x, lambda k, before, last: x * last - k * before)


@_of
def laguerre_l(x: Any, n: Any) -> Any:
    """(k + 1) L(k + 1) = (2 k + 1 - x) L(k) - k L(k - 1)."""
    return _by_recurrence(x, n, 1 - x, lambda k, before, last: ((2 * k + (1 - x)) * last - k * before) / (k + 1))


@_of
def legendre_p(x: Any, n: Any) -> Any:
    """(k + 1) P(k + 1) = (2 k + 1) x P(k) - k P(k - 1)."""
    end = np.abs(x) == 1
    out = _by_recurrence(
        x, np.where(end & (n > 1), 0, n), x, lambda k, before, last: ((2 * k + 1) * x * last - k * before) / (k + 1)
    )
    return np.where(end & (n >= 0), np.where(x > 0, 1.0, _signed(n, 1.0)), out).astype(x.dtype)
