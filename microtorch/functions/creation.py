"""New tensors: from data, filled, ranges. Random ones are in functions/random.py."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.node import require_grad
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions.arguments import numpy_dtype, size_of, takes_out
from microtorch.size import require_cpu

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def finish(data: Any, requires_grad: bool = False, device: Any = None) -> Tensor:
    """A new leaf tensor around an array."""
    if device is not None:
        require_cpu(device)
    t = wrap(data)
    if requires_grad:
        if data.dtype.kind not in "fc":
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        require_grad(t)
    return t


def array_from(data: Any, dtype: Any = None) -> Any:
    """Data (number, nested sequences, array, tensor) as a new array in PyTorch's dtype for it: floats in the default one."""
    want = numpy_dtype(dtype)
    if isinstance(data, TensorBase):
        return np.array(data._data, want or data._data.dtype)
    if isinstance(data, (np.ndarray, np.generic)):
        if want is None and data.dtype not in dtypes.of:
            raise TypeError(
                f"can't convert np.ndarray of type numpy.{data.dtype}. The only supported types are: float64, float32, float16, "
                "complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
            )
        return np.array(data, want or data.dtype.newbyteorder("="))
    if isinstance(data, (list, tuple)):
        data = _plain(data)
    elif not isinstance(data, (int, float, complex)) and not hasattr(data, "__array__") and not hasattr(data, "__len__"):
        raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
    elif isinstance(data, str):
        raise TypeError("new(): invalid data type 'str'")
    try:
        found = np.array(data)
    except ValueError as error:
        raise _ragged(data) or error from None
    if found.dtype.kind in "OUSV":
        raise _ragged(data) or RuntimeError(f"Could not infer dtype of {_first_odd(data)}")
    if want is None:
        numbers = not hasattr(data, "dtype")
        if found.dtype.kind == "f" and (numbers or found.size == 0):
            kinds = _numpy_float(data)
            want = kinds if kinds is not None else dtypes.default.float
        elif found.dtype.kind == "c" and numbers:
            want = dtypes.default.complex
        elif found.dtype == np.uint64 and numbers:
            raise RuntimeError("Overflow when unpacking long long")
        else:
            want = found.dtype if found.dtype.kind != "i" else (np.dtype(np.int64) if numbers else found.dtype)
    if want.kind in "iu" and found.dtype.kind in "iu":
        limits = np.iinfo(want)
        if found.size and (found.min() < limits.min or found.max() > limits.max) and want != np.dtype(np.uint8):
            raise RuntimeError(f"value cannot be converted to type {dtypes.of[want].name} without overflow")
    with np.errstate(all="ignore"):
        return found.astype(want)


def _numpy_float(data: Any) -> Any:
    """The dtype of the NumPy scalars or arrays in a list of them; None for Python numbers."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    if isinstance(data, (np.ndarray, np.generic)):
        return data.dtype
    return None


def _plain(data: Any) -> Any:
    """Nested sequences with tensors replaced by their arrays or numbers."""
    if isinstance(data, TensorBase):
        return data._data if data._data.ndim else data._data[()]
    if isinstance(data, (list, tuple)) and any(isinstance(d, (TensorBase, list, tuple)) for d in data):
        return [_plain(d) for d in data]
    return data


def _ragged(data: Any, depth: int = 0) -> ValueError | None:
    """PyTorch's error for nested sequences of unequal lengths."""
    if not isinstance(data, (list, tuple)):
        return None
    lengths = [len(d) if isinstance(d, (list, tuple)) else -1 for d in data]
    for n in lengths:
        if n != lengths[0]:
            if -1 in (n, lengths[0]):
                return None
            return ValueError(f"expected sequence of length {lengths[0]} at dim {depth + 1} (got {n})")
    for d in data:
        found = _ragged(d, depth + 1)
        if found:
            return found
    return None


def _first_odd(data: Any) -> str:
    while isinstance(data, (list, tuple)) and data:
        data = next((d for d in data if isinstance(d, (list, tuple)) or not isinstance(d, (int, float, complex))), data[0])
    return type(data).__name__


def tensor(data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """A new tensor with a copy of the data: a number, nested lists, a NumPy array, a tensor.

    Python floats take the default dtype, integers int64, bools bool; NumPy arrays keep theirs.

    >>> import microtorch as torch
    >>> torch.tensor([[1, 2], [3, 4]]).dtype, torch.tensor(0.5).dtype
    (torch.int64, torch.float32)
    """
    return finish(array_from(data, dtype), requires_grad, device)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """The data as a tensor, sharing memory with a tensor or NumPy array where it can."""
    if device is not None:
        require_cpu(device)
    want = numpy_dtype(dtype)
    if isinstance(data, TensorBase):
        return data if want is None or data._data.dtype == want else data.to(dtype)  # type: ignore[attr-defined,no-any-return]
    if isinstance(data, np.ndarray) and (want is None or data.dtype == want):
        return from_numpy(data)
    return tensor(data, dtype=dtype)


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor that shares the array's memory.

    Raises TypeError for what is no array or has a dtype that PyTorch lacks, ValueError for negative strides.
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    if ndarray.dtype not in dtypes.of:
        raise TypeError(
            f"can't convert np.ndarray of type numpy.{ndarray.dtype}. The only supported types are: float64, float32, float16, "
            "complex64, complex128, int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
        )
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently "
            "supported. (You can probably work around this by making a copy of your array  with array.copy().)"
        )
    return wrap(ndarray.view(np.ndarray))


def _filled(size: Any, value: Any, dtype: Any, requires_grad: bool, device: Any) -> Tensor:
    shape = size_of(size)
    if shape and min(shape) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")
    return finish(value(shape, numpy_dtype(dtype) or dtypes.default.float), requires_grad, device)


@takes_out
def zeros(*size: Any, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """A tensor of zeros; the size as numbers or one sequence."""
    return _filled(size, np.zeros, dtype, requires_grad, device)


@takes_out
def ones(*size: Any, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:
    """A tensor of ones; the size as numbers or one sequence."""
    return _filled(size, np.ones, dtype, requires_grad, device)


@takes_out
def empty(*size: Any, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
          pin_memory: bool = False, memory_format: Any = None) -> Tensor:  # fmt: skip
    """A tensor whose values are not set (here: zeros, which cost the same)."""
    return _filled(size, np.zeros, dtype, requires_grad, device)


@takes_out
def full(size: Any, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
         pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A tensor filled with one number; its dtype follows the number (float: the default one)."""
    if isinstance(fill_value, TensorBase):
        fill_value = fill_value.item()  # type: ignore[attr-defined]
    want = numpy_dtype(dtype) or array_from(fill_value).dtype
    return finish(np.full(size_of((size,)), fill_value, want), requires_grad, device)


def _like(fill: Any) -> Any:
    def call(input: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
             memory_format: Any = None, pin_memory: bool = False) -> Tensor:  # fmt: skip
        if not isinstance(input, TensorBase):
            raise TypeError(f"{call.__name__}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
        return finish(fill(input._data, numpy_dtype(dtype)), requires_grad, device)

    return call


zeros_like = _like(np.zeros_like)
zeros_like.__name__, zeros_like.__doc__ = "zeros_like", "Zeros of the same shape and dtype."
ones_like = _like(np.ones_like)
ones_like.__name__, ones_like.__doc__ = "ones_like", "Ones of the same shape and dtype."
empty_like = _like(np.zeros_like)
empty_like.__name__, empty_like.__doc__ = "empty_like", "A tensor of the same shape and dtype whose values are not set."


def full_like(input: Any, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
              memory_format: Any = None, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A tensor of the same shape and dtype filled with one number."""
    return finish(np.full_like(input._data, fill_value, numpy_dtype(dtype)), requires_grad, device)


@takes_out
def arange(start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, layout: Any = None, device: Any = None,
           requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """Numbers from start (default 0) up to but not including end; int64 if all three are integers.

    Raises RuntimeError for a step of 0 or of the wrong sign.
    """
    if end is None:
        start, end = 0, start
    start, end, step = (v.item() if isinstance(v, (TensorBase, np.generic)) else v for v in (start, end, step))  # type: ignore[attr-defined]
    want = numpy_dtype(dtype)
    if want is None:
        want = dtypes.I64 if all(isinstance(v, int) for v in (start, end, step)) else dtypes.default.float
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    n = math.ceil((end - start) / step)
    if want.kind in "iu" and all(isinstance(v, int) for v in (start, end, step)):
        data = np.arange(start, end, step).astype(want)
    else:
        data = (start + np.arange(n) * step).astype(want)
    return finish(data, requires_grad, device)


@takes_out
def range(start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Numbers from start to end, both included (deprecated by PyTorch in favour of arange)."""
    if end is None:
        start, end = 0, start
    n = int((end - start) / step) + 1
    data = (start + np.arange(n) * step).astype(numpy_dtype(dtype) or dtypes.default.float)
    return finish(data, requires_grad, device)


@takes_out
def linspace(start: Any, end: Any, steps: int, *, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """`steps` numbers evenly spaced from start to end, both included."""
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    start, end = (v.item() if isinstance(v, TensorBase) else v for v in (start, end))  # type: ignore[attr-defined]
    want = numpy_dtype(dtype) or (dtypes.default.complex if isinstance(start + end, complex) else dtypes.default.float)
    kind = want.type if want.kind in "fc" else np.float64
    if steps == 1:
        return finish(np.array([start]).astype(want), requires_grad, device)
    low, high = kind(start), kind(end)  # both halves are counted from their own end, so that the ends are exact
    step = (high - low) / kind(steps - 1) if steps > 1 else kind(0)
    i = np.arange(steps)
    data = np.where(i < steps // 2, low + step * i.astype(kind), high - step * (steps - 1 - i).astype(kind))
    return finish(data.astype(want), requires_grad, device)


@takes_out
def logspace(start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False) -> Tensor:  # fmt: skip
    """`steps` powers of base, with exponents evenly spaced from start to end."""
    want = numpy_dtype(dtype) or dtypes.default.float
    return finish(np.power(base, linspace(start, end, steps, dtype=dtypes.float64)._data).astype(want), requires_grad, device)


@takes_out
def eye(n: int, m: int | None = None, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:
    """Ones on the diagonal of an n x m matrix, zeros elsewhere."""
    return finish(np.eye(n, m, dtype=numpy_dtype(dtype) or dtypes.default.float), requires_grad, device)
