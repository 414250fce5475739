"""Ranges, grids and index lists: arange, linspace, meshgrid, tril_indices and their like."""

from __future__ import annotations

import functools
import itertools
import math
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions.arguments import bad_call, number_of, size_of
from microtorch.functions.creation import dtype_argument, filled_later, finish, number_argument
from microtorch.functions.index import index_select
from microtorch.functions.join import stack, unbind
from microtorch.functions.shape import expand, flip, in_shape, reshape, unsqueeze
from microtorch.kernels import ranges as K
from microtorch.kernels.bfloat16 import cast, empty
from microtorch.ops import pointwise as P
from microtorch.size import require_cpu

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

_OPTIONS = (
    "Tensor out = None, torch.dtype dtype = None, torch.layout layout = None, torch.device device = None, "
    "bool pin_memory = False, bool requires_grad = False"
)
_ARANGE = (f"Number end, *, {_OPTIONS}", f"Number start, Number end, *, {_OPTIONS}",
           f"Number start, Number end, Number step = 1, *, {_OPTIONS}")  # fmt: skip


def arange(
    *args: Any,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    **named: Any,
) -> Tensor:
    """arange(start=0, end, step=1): numbers from start up to but not including end; int64 if all three are integers.

    Raises RuntimeError for a step of 0 or of the wrong sign.

    >>> import microtorch as torch
    >>> torch.arange(3), torch.arange(1, 2.5, 0.5)
    (tensor([0, 1, 2]), tensor([1.0000, 1.5000, 2.0000]))
    """
    if not named and len(args) == 1:
        start, end, step = 0, args[0], 1
    elif not named and len(args) == 2:
        (start, end), step = args, 1
    else:
        names = ["end"] if len(args) == 1 and "end" not in named else ["start", "end", "step"]
        given = {**dict(zip(names, args)), **named}
        if (
            len(args) > 3
            or "end" not in given
            or set(given) - {"start", "end", "step"}
            or len(given) != len(args) + len(named)
        ):
            raise bad_call("arange", args, named, _ARANGE)
        start, end, step = given.get("start", 0), given["end"], given.get("step", 1)
    values = []
    for v in (start, end, step):
        if type(v) is not int and type(v) is not float:
            if len(args) > 1 and not isinstance(v, (int, float, np.number, TensorBase)):
                raise bad_call("arange", args, named, _ARANGE)
            v = number_argument("arange", v, "end", 1)
        values.append(v)
    start, end, step = values  # type: ignore[assignment]
    if dtype is None:
        whole = isinstance(start, int) and isinstance(end, int) and isinstance(step, int)
        want = out._data.dtype if out is not None else dtypes.I64 if whole else dtypes.default.float
    else:
        want = dtype_argument("arange", dtype)
    check_range(start, end, step)
    if want.kind in "bc":
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{dtypes.of[want].type_name}'")
    if want == dtypes.I64:
        start, end, step = int(start), int(end), int(step)
        if step == 0:
            raise ValueError("step must be nonzero")
        n = -((start - end) // step)
    else:
        n = math.ceil((end - start) / step)
    if not 0 <= n < 2**63:
        raise RuntimeError("invalid size, possible overflow?")
    data = np.arange(start, start + n * step, step) if want == dtypes.I64 else K.arange(start, step, n, want)
    if out is None and layout is None:
        return finish(data, requires_grad, device)
    t = filled_later("arange", ((n,),), dtypes.of[want], layout, device, out)
    t._data[...] = data
    return finish(t, requires_grad)


def check_range(start: Any, end: Any, step: Any) -> None:
    """Raise PyTorch's errors for bounds and a step that make no range."""
    if step == 0:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(start) and math.isfinite(end)):
        raise RuntimeError(f"unsupported range: {start:g} -> {end:g}")
    if (end - start) * (1 if step > 0 else -1) < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")


def range(start: Any = 0, end: Any = None, step: Any = 1, *, out: Any = None, dtype: Any = None, layout: Any = None,
          device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """Numbers from start to end, both included (deprecated by PyTorch in favour of arange)."""
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is inconsistent with "
        "Python's range builtin. Instead, use torch.arange, which produces values in [start, end).",
        UserWarning,
        stacklevel=2,
    )
    if end is None:
        raise TypeError('range() missing 1 required positional arguments: "end"')
    start, end, step = (number_argument("range", v, "start", 1) for v in (start, end, step))
    check_range(start, end, step)
    n = int((end - start) / step) + 1
    t = filled_later("range", ((n,),), dtype, layout, device, out)
    want = t._data.dtype
    if want.kind == "b":
        raise NotImplementedError("\"range_cpu\" not implemented for 'Bool'")
    if want.kind in "iu":
        t._data[...] = (start + np.arange(n) * step).astype(want)
    else:
        wide: Any = np.float64 if want.itemsize > 2 else np.float32
        t._data[...] = cast(wide(start) + np.arange(n).astype(wide) * wide(step), want)
    return finish(t, requires_grad)


def _bound(name: str, value: Any, what: str, args: tuple[Any, ...]) -> Any:
    if isinstance(value, TensorBase):
        if value._data.ndim:
            raise RuntimeError(
                f"{name} only supports 0-dimensional start and end tensors, but got {what} with {value._data.ndim} "
                "dimension(s)."
            )
        return value._data.item()
    if isinstance(value, np.number):
        return value.item()
    if not isinstance(value, (int, float, complex)):
        raise bad_call(name, args, {}, [f"Number start, Number end, int steps, *, {_OPTIONS}"])
    return value


def _spaced(
    name: str, start: Any, end: Any, steps: Any, dtype: Any, layout: Any, device: Any, out: Any
) -> tuple[Any, Any, int, Any]:
    """(start, end, steps, the tensor to fill) of linspace and logspace."""
    given = (start, end, steps)
    if steps is None or isinstance(steps, (float, bool)):
        raise bad_call(
            name, [g for g in given if g is not None], {}, [f"Number start, Number end, int steps, *, {_OPTIONS}"]
        )
    steps = number_of(name, steps, "steps", 3, "int")
    start, end = _bound(name, start, "start", given), _bound(name, end, "end", given)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    is_complex = isinstance(start, complex) or isinstance(end, complex)
    if dtype is None and out is None and is_complex:
        dtype = dtypes.of[dtypes.default.complex]
    t = filled_later(name, ((steps,),), dtype, layout, device, out)
    kind = t._data.dtype.kind
    if is_complex and kind != "c":
        names = "c10::complex<float>", dtypes.of[t._data.dtype].type_name
        raise RuntimeError(f"torch.{name}(): inferred dtype {names[0]} can't be safely cast to passed dtype {names[1]}")
    if kind == "b":
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for 'Bool'")
    if kind == "c":
        start, end = complex(start), complex(end)
    return start, end, steps, t


def linspace(start: Any, end: Any, steps: Any = None, *, out: Any = None, dtype: Any = None, layout: Any = None,
             device: Any = None, requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """`steps` numbers evenly spaced from start to end, both included.

    >>> import microtorch as torch
    >>> torch.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    start, end, steps, t = _spaced("linspace", start, end, steps, dtype, layout, device, out)
    t._data[...] = K.linspace(start, end, steps, t._data.dtype)
    return finish(t, requires_grad)


def logspace(
    start: Any,
    end: Any,
    steps: Any = None,
    base: float = 10.0,
    *,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """`steps` powers of base, with exponents evenly spaced from start to end."""
    start, end, steps, t = _spaced("logspace", start, end, steps, dtype, layout, device, out)
    t._data[...] = K.logspace(start, end, steps, number_of("logspace", base, "base", 4), t._data.dtype)
    return finish(t, requires_grad)


# grids and indices ---------------------------------------------------------------------------------------------------


def _triangle(name: str, row: Any, col: Any, offset: Any, dtype: Any, device: Any, lower: bool) -> Tensor:
    for what, n in (("row", row), ("col", col)):
        if n < 0:
            raise RuntimeError(f"{what} must be non-negative, got{n}")
    require_cpu(device)
    want = dtypes.I64 if dtype is None else dtype_argument(name, dtype)
    if want.kind not in "iu":
        raise NotImplementedError(f"\"{name}\" not implemented for '{dtypes.of[want].type_name}'")
    places = np.tri(row, col, offset if lower else offset - 1, bool)
    return wrap(np.array(np.nonzero(places if lower else ~places)).astype(want).reshape(2, -1))


def tril_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None
) -> Tensor:
    """Rows and columns (2, n) of the lower triangle of a row x col matrix."""
    return _triangle("tril_indices", row, col, offset, dtype, device, True)


def triu_indices(
    row: int, col: int, offset: int = 0, *, dtype: Any = None, device: Any = None, layout: Any = None
) -> Tensor:
    """Rows and columns (2, n) of the upper triangle of a row x col matrix."""
    return _triangle("triu_indices", row, col, offset, dtype, device, False)


def vander(x: Any, N: int | None = None, *, increasing: bool = False) -> Tensor:
    """The powers of a vector's elements as columns, N - 1 down to 0 (or 0 up to N - 1)."""
    if x._data.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x._data.size if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    powers = wrap(np.arange(n)[None, :])
    out = P.pow(unsqueeze(x, 1), powers)
    return out if increasing else flip(out, 1)


def unravel_index(indices: Any, shape: Any) -> tuple[Tensor, ...]:
    """Places in the flattened array as one index for each dimension of `shape`.

    Raises ValueError for places that the shape does not have.
    """
    if not isinstance(indices, TensorBase):
        raise TypeError(f"torch.unravel_index() expected 'indices' to be a tensor but got {type(indices).__name__}")
    if isinstance(shape, TensorBase) or not isinstance(shape, (int, Sequence)):
        raise TypeError(f"expected 'shape' to be int or sequence of ints, but got {type(shape)}")
    if not isinstance(shape, int):
        for n in shape:
            if not isinstance(n, int):
                raise TypeError(f"expected 'shape' sequence to only contain ints, but got {type(n)}")
    sizes = size_of((shape,), "unravel_index", "shape")
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {tuple(sizes)}")
    if indices._data.dtype.kind not in "iu":
        raise TypeError(f"expected 'indices' to be integer dtype, but got {dtypes.of[indices._data.dtype]}")
    places = indices._data.astype(np.int64)
    out = np.empty((*places.shape, len(sizes)), np.int64)
    for i, n in reversed(list(enumerate(sizes))):
        places, out[..., i] = np.divmod(places, n)
    return unbind(wrap(out), -1)


@functools.lru_cache(1)
def _advise_indexing() -> None:
    warnings.warn(
        "torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.",
        UserWarning,
        stacklevel=3,
    )


def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Vectors as the coordinates of a grid: each expanded to all of their lengths ("xy": the first two exchanged).

    Raises RuntimeError for tensors of different dtypes or of more than one dimension.
    """
    parts = tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    if not parts:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing is None:
        indexing = "ij"
        _advise_indexing()
    for p in parts:
        if p._data.dtype != parts[0]._data.dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    for p in parts:
        if p._data.ndim > 1:
            raise RuntimeError(
                f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {list(p._data.shape)}"
            )
    if indexing not in ("xy", "ij"):
        raise RuntimeError(f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    swap = indexing == "xy" and len(parts) >= 2
    if swap:
        parts = (parts[1], parts[0], *parts[2:])
    shape = tuple(p._data.size for p in parts)
    grids = [expand(reshape(p, (1,) * i + (-1,) + (1,) * (len(parts) - i - 1)), shape) for i, p in enumerate(parts)]
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def cartesian_prod(*tensors: Any) -> Tensor:
    """All combinations of one element of each vector, as rows."""
    parts = tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors
    for p in parts:
        if p._data.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(p._data.shape)}")
    if len(parts) == 1:
        return parts[0]
    return stack([reshape(g, -1) for g in meshgrid(*parts, indexing="ij")], 1)


def combinations(input: Any, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All choices of r elements of a vector, in order, as rows."""
    if input._data.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input._data.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return wrap(empty((0,), input._data.dtype))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    n = input._data.size
    chosen = np.fromiter(itertools.chain.from_iterable(choose(list(np.arange(n).tolist()), r)), np.int64).reshape(-1, r)
    return in_shape(index_select(input, 0, wrap(chosen.reshape(-1))), chosen.shape)
