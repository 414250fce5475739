"""How PyTorch's arguments are read: dimensions, sizes, dtypes, `out=`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from microtorch import dtypes
from microtorch.autograd.inplace import check_castable
from microtorch.autograd.node import written
from microtorch.autograd.state import TensorBase, resize
from microtorch.autograd.table import type_text

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])


def axis_of(dim: Any, ndim: int) -> int:
    """A dimension as a non-negative axis.

    Raises IndexError if it is out of range (a 0-d tensor takes 0 and -1), TypeError if it is no integer.
    """
    if type(dim) is not int:
        if isinstance(dim, TensorBase) or not hasattr(dim, "__index__") or isinstance(dim, bool):
            raise TypeError(f"dim must be an int, not {type(dim).__name__}")
        dim = int(dim)
    n = ndim or 1
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim + n if dim < 0 else dim


def axes_of(dim: Any, ndim: int) -> tuple[int, ...] | None:
    """`dim` of a reduction (None, a number, a sequence) as None or a tuple of axes; an empty sequence means all."""
    if dim is None:
        return None
    if type(dim) is int:
        axis = axis_of(dim, ndim)
        return (axis,) if ndim else None
    if isinstance(dim, (tuple, list)):
        if not dim:
            return None
        axes = tuple([axis_of(d, ndim) for d in dim])
        if len(set(axes)) != len(axes):
            double = next(a for a in axes if axes.count(a) > 1)
            raise RuntimeError(f"dim {double} appears multiple times in the list of dims")
        return axes if ndim else None
    axis = axis_of(dim, ndim)
    return (axis,) if ndim else None


def size_of(size: Sequence[Any], name: str = "", argument: str = "size") -> tuple[int, ...]:
    """Sizes given as numbers or as one sequence: `(2, 3)` for both f(2, 3) and f((2, 3)).

    Raises TypeError, naming the function `name`, for anything else.
    """
    if len(size) == 1 and type(size[0]) is not int:
        first = size[0]
        if isinstance(first, (tuple, list)):
            size = first
        elif not _is_whole(first):
            kind = type(first).__name__
            raise TypeError(f"{name}(): argument '{argument}' (position 1) must be tuple of ints, not {kind}")
    return tuple([n if type(n) is int else _whole(n, i, name, argument) for i, n in enumerate(size)])


def _is_whole(n: Any) -> bool:
    """True for integers, NumPy's, and integer tensors of one element; bools are none."""
    if isinstance(n, TensorBase):
        return n._data.ndim == 0 and n._data.dtype.kind in "iu"
    return hasattr(n, "__index__") and not isinstance(n, (bool, np.bool_, np.ndarray))


def _whole(n: Any, i: int, name: str, argument: str) -> int:
    if not _is_whole(n):
        raise TypeError(
            f"{name}(): argument '{argument}' failed to unpack the object at pos {i + 1} with error "
            f'"type must be tuple of ints,but got {type(n).__name__}"'
        )
    return int(n)


def number_of(name: str, value: Any, argument: str, position: int | None = None, kind: str = "float") -> Any:
    """A number (or a 0-d tensor's value) given for a `float` or `int` argument.

    Raises TypeError for anything else.
    """
    if (type(value) is float and kind == "float") or type(value) is int:
        return value
    if isinstance(value, TensorBase):
        if value._data.ndim == 0 and value._node is None and (kind == "float" or value._data.dtype.kind in "iu"):
            return value._data.item()
    elif kind == "float":
        if isinstance(value, (int, float, np.integer, np.floating)):
            return value if isinstance(value, (int, float)) else value.item()
    elif hasattr(value, "__index__") and not isinstance(value, (bool, np.bool_)):
        return int(value)
    where = "" if position is None else f" (position {position})"
    raise TypeError(f"{name}(): argument '{argument}'{where} must be {kind}, not {type_text(value)}")


def bad_call(name: str, args: Sequence[Any], kwargs: dict[str, Any], signatures: Sequence[str]) -> TypeError:
    """PyTorch's error for arguments that fit none of a function's signatures."""
    got = [type_text(a) for a in args] + [f"{k}={type_text(v)}" for k, v in kwargs.items()]
    lines = "\n".join(f" * ({s})" for s in signatures)
    return TypeError(
        f"{name}() received an invalid combination of arguments - got ({', '.join(got)}), but expected one "
        f"of:\n{lines}\n"
    )


def infer_size(shape: tuple[int, ...], numel: int) -> tuple[int, ...]:
    """A shape with its -1 filled in.

    Raises RuntimeError if the shape does not hold that many elements.
    """
    known, unknown = 1, -1
    for i, n in enumerate(shape):
        if n >= 0:
            known *= n
        elif n == -1:
            if unknown >= 0:
                raise RuntimeError("only one dimension can be inferred")
            unknown = i
        else:
            raise RuntimeError(f"invalid shape dimension {n} at index {i} of shape {list(shape)}")
    if unknown >= 0:
        if known == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size "
                "-1 can "
                "be any value and is ambiguous"
            )
        if numel % known == 0:
            return (*shape[:unknown], numel // known, *shape[unknown + 1 :])
    elif known == numel:
        return shape
    raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")


def numpy_dtype(dtype: Any) -> Any:
    """The NumPy dtype of a `dtype=` argument; None for None."""
    return None if dtype is None else dtypes.to_numpy(dtype)


def need_tensor(name: str, value: Any, argument: str = "input", position: int = 1) -> None:
    """Raise PyTorch's TypeError if `value` is no tensor."""
    if not isinstance(value, TensorBase):
        kind = type_text(value)
        raise TypeError(f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {kind}")


def write_out(out: Any, result: Any) -> Any:
    """Write a result into `out=`, resizing it as PyTorch does; returns `out`."""
    if isinstance(out, (tuple, list)):
        for o, r in zip(out, result):
            write_out(o, r)
        return type(result)(out) if not hasattr(result, "_fields") else type(result)(*out)
    if not isinstance(out, TensorBase):
        raise TypeError(f"argument 'out' must be Tensor, not {type(out).__name__}")
    if out._node is not None or result._node is not None:
        from microtorch.autograd.modes import mode

        if mode.enabled:
            raise RuntimeError(
                "functions with out=... arguments don't support automatic differentiation, but one of the arguments "
                "requires grad."
            )
    check_castable(result._data.dtype, out._data.dtype)
    if 0 in out._data.strides and out._data.size > 1:
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please "
            "clone() the tensor before performing the operation."
        )
    if out._data.shape != result._data.shape:
        resize(out, result._data.shape)
    with np.errstate(all="ignore"):
        np.copyto(out._data, result._data, casting="unsafe")
    written(out)
    return out


_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "x2": "other"}


def takes_out(function: F) -> F:
    """Give a function PyTorch's `out=` argument, and NumPy's names for those it has: axis, keepdims, x, x2."""
    own = inspect.signature(function).parameters
    takes_dtype_of_out = function.__name__ in ("sum", "nansum", "prod", "cumsum", "cumprod")
    numpy_names = {n: t for n, t in _NUMPY_NAMES.items() if t in own and n not in own}

    @functools.wraps(function)
    def call(*args: Any, out: Any = None, **kwargs: Any) -> Tensor:
        for name in kwargs:
            if name in numpy_names:
                kwargs = {numpy_names.get(k, k): v for k, v in kwargs.items()}
                break
        if takes_dtype_of_out and isinstance(out, TensorBase) and kwargs.get("dtype") is None:
            kwargs["dtype"] = dtypes.of[out._data.dtype]
        result = function(*args, **kwargs)
        return result if out is None else write_out(out, result)

    return call  # type: ignore[return-value]
