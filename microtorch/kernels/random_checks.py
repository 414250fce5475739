"""PyTorch's refusals of random arguments: the same classes and words, with its C++ names for dtypes."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from microtorch.kernels.bfloat16 import BF16, cast

Dtype = np.dtype[Any]

_FEW = 64  # weights up to which NumPy's calls take longer than to look at each

# NumPy's name: PyTorch's name, the C++ name in messages about bounds
_NAMES = {
    "float16": ("Half", "c10::Half"),
    "bfloat16": ("BFloat16", "c10::BFloat16"),
    "float32": ("Float", "float"),
    "float64": ("Double", "double"),
    "complex64": ("ComplexFloat", "c10::complex<float>"),
    "complex128": ("ComplexDouble", "c10::complex<double>"),
    "bool": ("Bool", "bool"),
    "uint8": ("Byte", "unsigned char"),
    "int8": ("Char", "signed char"),
    "int16": ("Short", "short int"),
    "int32": ("Int", "int"),
    "int64": ("Long", "long int"),
    "uint16": ("UInt16", "short unsigned int"),
    "uint32": ("UInt32", "unsigned int"),
    "uint64": ("UInt64", "long unsigned int"),
}

# floating dtype: bits of the significand, largest number. Keys are dtypes, since the name of a dtype is slow to get.
_BFLOAT16 = (8, 3.3895313892515355e38)
_FLOATS = {
    np.dtype(np.float16): (11, 65504.0),
    BF16: _BFLOAT16,
    np.dtype(np.float32): (24, 3.4028234663852886e38),
    np.dtype(np.float64): (53, 1.7976931348623157e308),
}
_INT64 = np.dtype(np.int64)
_INT64_MIN, _INT64_MAX = -(1 << 63), (1 << 63) - 1


def _digits_and_limit(dtype: Dtype) -> tuple[int, float] | None:
    """(bits of the significand, largest number) of a real floating dtype, None for another."""
    return _FLOATS.get(dtype)


def is_floating(dtype: Dtype) -> bool:
    """Whether dtype is a real floating one: float16, bfloat16, float32, float64."""
    return _digits_and_limit(dtype) is not None


def significand_bits(dtype: Dtype) -> int:
    """The number of significant bits of a floating dtype: 24 for float32."""
    found = _digits_and_limit(dtype)
    assert found is not None
    return found[0]


def _limit(dtype: Dtype) -> float:
    found = _digits_and_limit(dtype)
    assert found is not None
    return found[1]


def not_implemented(kernel: str, dtype: Dtype) -> NotImplementedError:
    """PyTorch's error for a dtype that a kernel does not take."""
    return NotImplementedError(f"\"{kernel}\" not implemented for '{_NAMES[dtype.name][0]}'")


def require_floating(kernel: str, dtype: Dtype) -> None:
    """Raise unless the dtype is a real floating one."""
    if not is_floating(dtype):
        raise not_implemented(kernel, dtype)


def require_single_or_double(kernel: str, dtype: Dtype) -> None:
    """Raise unless the dtype is float32 or float64."""
    if dtype.kind != "f" or dtype.itemsize not in (4, 8):
        raise not_implemented(kernel, dtype)


def require_continuous(distribution: str, dtype: Dtype, cpp_name: bool) -> None:
    """Raise unless the dtype can hold a continuous distribution."""
    if not is_floating(dtype):
        raise RuntimeError(
            f"{distribution} distribution is a continuous probability distribution. "
            f"dtype must be a floating point but you specified {_NAMES[dtype.name][cpp_name]}"
        )


def check_uniform(low: float, high: float, dtype: Dtype) -> None:
    """The bounds of uniform_, which must be in the range of the dtype, and so must their difference."""
    require_floating("check_uniform_bounds", dtype)
    limit = _limit(dtype)
    if -limit <= low <= high <= limit and high - low <= limit:
        return
    name, cpp_name = _NAMES[dtype.name]
    for what, bound in (("from", low), ("to", high)):
        if not -limit <= bound <= limit:
            raise RuntimeError(f"{what} is out of bounds for {cpp_name}")
    if not low <= high:
        raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}")
    raise RuntimeError(
        f"uniform_ expects to-from <= std::numeric_limits<{name}>::max(), but found to={high:g} and from={low:g} "
        "which result in to-from to exceed the limit"
    )


def integer_range(low: int, high: int | None, dtype: Dtype) -> tuple[int, int]:
    """(first, count) of the integers that random_(low, high) draws from; high None is the greatest of the dtype.

    A floating dtype moves the bounds inwards to integers which it can hold.
    """
    if dtype is _INT64 and high is not None and _INT64_MIN <= low < high <= _INT64_MAX:
        return low, high - low  # nothing to find fault with
    for bound in (low, high):
        if bound is not None and not _INT64_MIN <= bound <= _INT64_MAX:
            raise ValueError("Overflow when unpacking long long")
    if high is None and low == _INT64_MIN:
        kernel = "random_full_64_bits_range_kernel_cpu"
        if dtype in (np.float16, np.bool_) or dtype.kind == "c" or (dtype.kind == "u" and dtype.itemsize > 1):
            raise not_implemented(kernel, dtype)
        if dtype != np.int64 and not is_floating(dtype):
            raise RuntimeError(f"{kernel} handles only int64, double, float and bfloat16")
        return low, 1 << 64
    floating = is_floating(dtype)
    if not floating and dtype.kind not in "iub":
        if high is None:
            raise RuntimeError("random_from_to_impl handles only integral, floating-point and boolean types")
        if low >= high:
            raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
        raise RuntimeError("check_random_bounds handles only integral, floating-point and boolean types")
    if high is None:
        last = 1 << significand_bits(dtype) if floating else -1 if dtype == np.uint64 else _largest(dtype)
        if floating:
            low = _inwards_from(low, dtype)
            if low >= last:
                raise RuntimeError(
                    "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, "
                    f"but got from={low} > to_inc={last}"
                )
    else:
        if low >= high:
            raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}")
        if floating:
            low, high = _inwards_from(low, dtype), _inwards_to(high, dtype)
            if low >= high:
                raise RuntimeError(
                    "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
                    f"but got from={low} >= to={high}"
                )
        last = high - 1
    for what, bound in (("from", low), ("to - 1", last)):
        _check_integer_bound(what, bound, dtype, floating)
    return low, last - low + 1


def _largest(dtype: Dtype) -> int:
    # uint64 is bounded by int64, in which PyTorch passes the bounds
    return 1 if dtype.kind == "b" else min(int(np.iinfo(dtype).max), _INT64_MAX)


def _check_integer_bound(what: str, bound: int, dtype: Dtype, floating: bool) -> None:
    if floating:
        fits = abs(bound) <= _limit(dtype)
    else:
        fits = (0 if dtype.kind in "bu" else int(np.iinfo(dtype).min)) <= bound <= _largest(dtype)
    if not fits:
        raise RuntimeError(f"{what} is out of bounds for {_NAMES[dtype.name][1]}")
    digits = significand_bits(dtype) if floating else 64
    if abs(bound) > 1 << digits:
        name = _NAMES[dtype.name][1]
        warnings.warn(
            f"{what} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision limitations {name} can support "
            "discrete uniform distribution only within this range. This warning will become an error in version 1.7 "
            "release, please fix the code in advance",
            stacklevel=5,
        )


def _inwards_from(low: int, dtype: Dtype) -> int:
    after = _held(low + 1, dtype)
    if after is None or after >= low:
        return low
    return after + (1 << max(abs(low + 1).bit_length() - significand_bits(dtype), 0))


def _inwards_to(high: int, dtype: Dtype) -> int:
    before = _held(high - 1, dtype)
    if before is None or before < high:
        return high
    return before - (1 << max(abs(high - 1).bit_length() - significand_bits(dtype), 0))


def _held(value: int, dtype: Dtype) -> int | None:
    """value as the dtype holds it; None where it is beyond the range."""
    if abs(value) > _limit(dtype):
        return None
    held = int(cast(np.array(value, np.int64).astype(np.float64 if dtype.itemsize == 8 else np.float32), dtype))
    return held if held <= _INT64_MAX else _INT64_MIN  # the C cast of what int64 cannot hold


def check_permutation(n: int, dtype: Dtype) -> None:
    """The length of randperm, whose last number the dtype must hold."""
    if dtype is _INT64 and n >= 0:
        return
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if is_floating(dtype):
        digits = significand_bits(dtype)
        if n > (1 << digits) + 1 and digits != _BFLOAT16[0]:
            most = "2049" if digits == 11 else f"2^{digits}+1"
            raise RuntimeError(f"n cannot be greater than {most} for {_NAMES[dtype.name][0]} type.")
    elif dtype.kind not in "iu" or (dtype.kind == "u" and dtype.itemsize > 1):
        raise not_implemented("randperm", dtype)
    elif n - 1 > _largest(dtype):
        raise RuntimeError(f"value cannot be converted to type {dtype.name}_t without overflow")


def check_distribution(p: Any, replacement: bool) -> None:
    """The weights of multinomial: not negative, finite, and some of them above zero in each row."""
    if replacement:
        if not (p >= 0).all():
            raise RuntimeError("invalid multinomial distribution (encountering probability entry < 0)")
        if not np.isfinite(p).all():
            raise RuntimeError("invalid multinomial distribution (encountering probability entry = infinity or NaN)")
        empty = not (p.max(axis=-1, initial=0) > 0).all()
    elif 0 < p.size <= _FEW:  # as Python's numbers, with NaN and negative ones in no order
        rows = p.tolist() if p.ndim > 1 else [p.tolist()]
        if not all(0 <= v < math.inf for row in rows for v in row):
            raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
        empty = not all(map(any, rows))
    else:
        largest = p.max(axis=-1)
        if not (p.min() >= 0 and largest.max() < np.inf):
            raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
        empty = not largest.min() > 0
    if empty:
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
