"""Element-by-element kernels that are more than one NumPy call. Arrays (or a number beside an array) in, arrays out.

`quiet` marks those whose ordinary use meets infinities or NaN (log of 0, division by 0), about which PyTorch says nothing.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

quiet = np.errstate(all="ignore")

log = quiet(lambda x: np.log(x))
log2 = quiet(lambda x: np.log2(x))
log10 = quiet(lambda x: np.log10(x))
log1p = quiet(lambda x: np.log1p(x))
sqrt = quiet(lambda x: np.sqrt(x))
rsqrt = quiet(lambda x: 1 / np.sqrt(x))
reciprocal = quiet(lambda x: 1 / x)
divide = quiet(lambda x, y: np.true_divide(x, y))


def sign(x: Any) -> Any:
    """-1, 0 or 1; of a complex number its direction (0 at 0). NaN stays for floats only as PyTorch has it: 0."""
    if x.dtype.kind == "f":
        return ((x > 0).astype(np.int8) - (x < 0)).astype(x.dtype)
    return np.sign(x) if x.dtype.kind != "b" else x.copy()


def cast(x: Any, dtype: Any) -> Any:
    """The array in another dtype (a copy also when it has it already)."""
    if (x.dtype.kind in "fc" and dtype.kind not in "fc") or x.dtype.kind == "c":
        with np.errstate(all="ignore"):
            if x.dtype.kind == "c" and dtype.kind not in "cb":
                x = x.real
            if x.dtype.kind == "f" and dtype.kind == "u":
                return x.astype(np.int64).astype(dtype)  # negative numbers wrap around, as C's cast does
            return x.astype(dtype)
    return x.astype(dtype)


@quiet
def power(x: Any, y: Any) -> Any:
    """x ** y. Small whole exponents as products: NumPy's float power leaves the fast path for negative bases."""
    if not isinstance(y, np.ndarray) and x.dtype.kind in "fc":
        if y == 2:
            return x * x
        if y == 1:
            return x.copy()
        if y == 3:
            return x * x * x
        if y == 0.5:
            return np.sqrt(x)
        if y == -1:
            return 1 / x
        if y == -2:
            return 1 / (x * x)
        if y == -0.5:
            return 1 / np.sqrt(x)
    if getattr(x, "dtype", np.dtype(float)).kind in "iu" or getattr(y, "dtype", np.dtype(float)).kind in "iu":
        negative = np.less(y, 0)
        if np.any(negative) and getattr(x, "dtype", y.dtype if isinstance(y, np.ndarray) else None).kind in "iu":
            if not isinstance(y, np.ndarray):
                raise RuntimeError("Integers to negative integer powers are not allowed.")
            base = np.asarray(x)
            whole = np.power(base, np.where(negative, 0, y))  # 1/n is 0, but for 1 and -1
            odd = np.where(np.mod(y, 2) == 1, base, 1)
            return np.where(negative, np.where(base == 1, 1, np.where(base == -1, odd, 0)), whole).astype(whole.dtype)
    return np.power(x, y)


@quiet
def floor_divide(x: Any, y: Any) -> Any:
    """Rounded down; an integer division by zero is PyTorch's RuntimeError."""
    if _integers(x, y) and np.any(np.equal(y, 0)):
        raise RuntimeError("ZeroDivisionError")
    return np.floor_divide(x, y)


@quiet
def divide_trunc(x: Any, y: Any) -> Any:
    """Rounded toward zero."""
    if _integers(x, y):
        if np.any(np.equal(y, 0)):
            raise RuntimeError("ZeroDivisionError")
        quotient = np.floor_divide(x, y)
        return (quotient + ((quotient < 0) & (quotient * y != x))).astype(quotient.dtype)
    return np.trunc(np.true_divide(x, y))


@quiet
def remainder(x: Any, y: Any) -> Any:
    """Of the sign of y, as Python's %."""
    if _integers(x, y) and np.any(np.equal(y, 0)):
        raise RuntimeError("ZeroDivisionError")
    return np.remainder(x, y)


@quiet
def fmod(x: Any, y: Any) -> Any:
    """Of the sign of x, as C's fmod."""
    if _integers(x, y) and np.any(np.equal(y, 0)):
        raise RuntimeError("ZeroDivisionError")
    return np.fmod(x, y)


def _integers(x: Any, y: Any) -> bool:
    return np.asarray(x).dtype.kind in "iub" and np.asarray(y).dtype.kind in "iub"


def subtract(x: Any, y: Any) -> Any:
    """x - y; PyTorch's error for bools."""
    try:
        return np.subtract(x, y)
    except TypeError:
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. "
            "If you are trying to invert a mask, use the `~` or `logical_not()` operator instead."
        ) from None


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), without overflow: exp is only taken of what is not positive."""
    if x.dtype.kind == "c":
        return 1 / (1 + np.exp(-x))
    t = np.abs(x)
    np.negative(t, out=t) if isinstance(t, np.ndarray) else None
    if not isinstance(t, np.ndarray):
        t = -t
    e = np.exp(t)
    out = 1 / (1 + e)
    return np.where(x < 0, e * out, out)


def relu_backward(g: Any, out: Any) -> Any:
    """g where the output is positive, else 0."""
    return np.where(out > 0, g, np.zeros((), g.dtype))
