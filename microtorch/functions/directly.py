"""In-place operations on plain tensors, outside of any graph: the kernel computes, straight into the memory.

That is most of what programs write in place: optimizers by hand, buffers, running means. Whatever is not plain (a part
of a graph, other dtypes, operands to be converted, overlapping memory) goes the general way, `autograd.inplace`, which
also raises PyTorch's errors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.inplace import check_overlap, in_place
from microtorch.autograd.modes import check_update, mode
from microtorch.autograd.node import written
from microtorch.autograd.state import TensorBase
from microtorch.kernels.numbers import operand

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

__all__ = ["add_scaled", "arithmetic", "by_kernel", "unary"]

_NUMBERS = (float, int)


def plain(x: Any) -> Any:
    """The memory of a tensor that may be written without a record; None if the general way must look at it."""
    data = x._data
    if type(data) is not np.ndarray or data.dtype.char not in "fd" or 0 in data.strides:
        return None
    if mode.enabled and (x._node is not None or (x._base is not None and x._base._node is not None)):
        return None
    check_update(x)
    return data


def beside(x: Any, data: Any, other: Any) -> Any:
    """The operand `other` of an operation that is written into x, whose memory is `data`: a number, or the array of a
    tensor of the same dtype without a gradient; else None.

    Raises PyTorch's error if it shares a part of x's memory.
    """
    if not isinstance(other, TensorBase):
        return other if type(other) in _NUMBERS else None
    array = other._data
    if array.dtype is not data.dtype or type(array) is not np.ndarray or (other._node is not None and mode.enabled):
        return None
    if other._storage is not None and x._storage is not None and other is not x:
        check_overlap(x, other)
    return array


def unary(entry: Callable[..., Any]) -> Callable[..., Tensor]:
    """The in-place form of an entry with one tensor: `x.exp_()` from `exp`."""
    general, kernel = in_place(entry), entry.op.kernel  # type: ignore[attr-defined]
    direct = isinstance(kernel, np.ufunc)

    def call(self: Any, *args: Any) -> Tensor:
        if args or (data := plain(self)) is None:
            return general(self, *args)  # type: ignore[no-any-return]
        if direct:
            kernel(data, out=data)
        else:
            data[...] = kernel(data)
        written(self)
        return self  # type: ignore[no-any-return]

    return _named(call, general)


def arithmetic(entry: Callable[..., Any], ufunc: Any) -> Callable[..., Tensor]:
    """The in-place form of an entry with two operands that `ufunc` computes: `x.add_(y)` from `add`."""
    general = in_place(entry, ufunc)

    def call(self: Any, *args: Any, **named: Any) -> Tensor:
        if len(args) == 1 and not named and isinstance(args[0], TensorBase) and (data := plain(self)) is not None:
            y = beside(self, data, args[0])
            if y is not None:
                try:
                    ufunc(data, y, out=data)
                except ValueError:
                    pass  # shapes that do not fit: the general way raises PyTorch's error
                else:
                    written(self)
                    return self  # type: ignore[no-any-return]
        return general(self, *args, **named)  # type: ignore[no-any-return]

    return _named(call, general)


def add_scaled(ufunc: Any, x: Any, other: Any, alpha: float) -> bool:
    """x += alpha other (or -=, by another ufunc), if that is plain: whether it was done."""
    data = plain(x)
    if data is None or not isinstance(other, TensorBase) or (y := beside(x, data, other)) is None:
        return False
    try:
        ufunc(data, np.multiply(y, operand(alpha, y)), out=data)
    except ValueError:
        return False
    written(x)
    return True


def by_kernel(entry: Callable[..., Any], general: Callable[..., Any], operands: int) -> Callable[..., Tensor]:
    """The in-place form of an entry with so many operands beside the tensor; the last of three is `value=1`."""
    kernel = entry.op.kernel  # type: ignore[attr-defined]

    def call(self: Any, *args: Any, **named: Any) -> Tensor:
        given: tuple[Any, ...] = args
        if len(args) == 2 and operands == 3 and len(named) == ("value" in named):
            given = (*args, named.get("value", 1))
        elif named:
            given = ()
        if len(given) == operands and type(given[-1]) in _NUMBERS and (data := plain(self)) is not None:
            arrays = [beside(self, data, y) for y in given]
            if all(y is not None for y in arrays) and all(type(y) is np.ndarray for y in arrays[:-1]):
                try:
                    result = kernel(data, *arrays)
                except ValueError:
                    result = None
                if result is not None and result.shape == data.shape:
                    data[...] = result
                    written(self)
                    return self  # type: ignore[no-any-return]
        return general(self, *args, **named)  # type: ignore[no-any-return]

    return _named(call, general)


def _named(call: Callable[..., Any], general: Callable[..., Any]) -> Callable[..., Any]:
    call.__name__, call.__qualname__, call.__doc__ = general.__name__, general.__qualname__, general.__doc__
    return call
