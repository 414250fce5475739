"""How PyTorch's arguments are read: dimensions, sizes, dtypes, `out=`."""

from __future__ import annotations

import functools
import inspect
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from microtorch import dtypes
from microtorch.autograd.inplace import SHARED_MEMORY, check_castable, check_overlap
from microtorch.autograd.modes import check_update, mode
from microtorch.autograd.node import written
from microtorch.autograd.operands import type_text
from microtorch.autograd.state import TensorBase, resize
from microtorch.kernels.quiet import silence

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

F = TypeVar("F", bound=Callable[..., Any])


def axis_of(dim: Any, ndim: int) -> int:
    """A dimension as a non-negative axis.

    Raises IndexError if it is out of range (a 0-d tensor takes 0 and -1), TypeError if it is no integer.
    """
    if type(dim) is not int:
        if not _is_whole(dim) or (isinstance(dim, TensorBase) and dim._node is not None):
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
            if size and type(size[0]) is not int and not _is_whole(size[0], True):
                raise TypeError(
                    f"{name}(): argument '{argument}' (position 1) must be tuple of ints, but found element of type "
                    f"{type_text(size[0])} at pos 0"
                )
        elif not _is_whole(first):
            kind = type(first).__name__
            raise TypeError(f"{name}(): argument '{argument}' (position 1) must be tuple of ints, not {kind}")
    return tuple([n if type(n) is int else _whole(n, i, name, argument, len(size)) for i, n in enumerate(size)])


def _is_whole(n: Any, array: bool = False) -> bool:
    """True for integers, NumPy's, and integer tensors of one element (`array`: NumPy's, too); bools are none."""
    if isinstance(n, TensorBase) or (array and isinstance(n, np.ndarray)):
        data = n._data if isinstance(n, TensorBase) else n
        return data.ndim == 0 and data.dtype.kind in "iu"
    return hasattr(n, "__index__") and not isinstance(n, (bool, np.bool_, np.ndarray))


def _whole(n: Any, i: int, name: str, argument: str, given: int) -> int:
    if not _is_whole(n, True) and not (i and isinstance(n, bool)):
        if i == 0 and given > 1 and name != "view":
            raise TypeError(f"{name}() takes 1 positional argument but {given} were given")
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
                "-1 can be any value and is ambiguous"
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


def no_bools_reduced(family: str, x: Any, index: Any, reduce: str, include_self: bool) -> None:
    """Raise as PyTorch's kernels of index_reduce ("index") and scatter_reduce do, of which some lack bools."""
    if x.dtype.kind == "b" and x.size and index.size:
        kernel = None
        if family == "index" and not include_self:
            kernel = "index_reduce_func_exclude_input_init"
        elif reduce == "mean":
            kernel = "div_floor_cpu" if family == "index" else "scatter_gather_tensor_cpu_reduce_mean"
        if family == "index" and include_self and x.ndim < 2:
            kernel = "index_func_"
        if kernel is not None:
            raise NotImplementedError(f"\"{kernel}\" not implemented for 'Bool'")


_EXPECTED = "Expected out tensor to have dtype {0}, but got {1} instead"
_FOUND = "Found dtype {3} but expected {2}"
_EXACT = {
    **dict.fromkeys("max min argmax argmin aminmax cummax cummin median nanmedian mode".split(), _EXPECTED),
    **dict.fromkeys("sort msort topk kthvalue norm isin mm bmm addmm addbmm baddbmm tril triu".split(), _EXPECTED),
    **dict.fromkeys(("softmax", "log_softmax"), _EXPECTED),
    **dict.fromkeys(("dot", "vdot"), "result dtype {3} does not match input dtype {2}"),
    **dict.fromkeys(("mv", "addmv"), "addmv input tensors must have the same dtype, but got {3}, {2}, and {2}"),
    **dict.fromkeys("abs neg clamp clamp_min clamp_max round floor ceil trunc frac".split(), _FOUND),
    **dict.fromkeys("sign sgn bitwise_not conj_physical".split(), _FOUND),
    **dict.fromkeys(
        ("amax", "amin"),
        "Expected the dtype for input and out to match, but got {2} for input's dtype and {3} for out's dtype.",
    ),
    **dict.fromkeys(("quantile", "nanquantile"), "quantile() out tensor must be same dtype as the input tensor"),
    **dict.fromkeys(("gather", "diag", "det", "linalg_det", "linalg_inv", "inverse"), _EXPECTED),
    "take": "take(): self and out expected to have the same dtype, but got self.dtype = {2} and out.dtype = {3}",
    "masked_select": "masked_select(): self and result must have the same scalar type",
    "logcumsumexp": "expected scalar_type {2} but found {3}",
    "where": "Expected out type to be {2} but got {3}",
    "index_select": "index_select(): self and result must have the same scalar type",
    "nonzero": "nonzero: Expected out tensor to have scalar type Long but got scalar type{3}",
    "histc": "torch.histogram: input tensor and hist tensor should have the same dtype, but got input {0} and hist {1}",
    "nan_to_num": "nan_to_num: dtype of out: {3} should be same as input: {2}",
    "float_power": "the output given to float_power has dtype {3} but the operation's result requires dtype {2}",
    "isposinf": "isposinf does not support non-boolean outputs.",
    "isneginf": "isneginf does not support non-boolean outputs.",
    **dict.fromkeys(
        ("searchsorted", "bucketize"),
        "torch.searchsorted(): output tensor's dtype is wrong, it can only be Int(int32) or Long(int64) depending on "
        "whether out_int32 flag is True, but we got output tensor's dtype {3}",
    ),
}  # fmt: skip
"""What functions say whose `out=` must have the very dtype of the result (others cast it, if that loses no kind)."""
_MAY_OVERLAP = frozenset(
    """sum nansum mean nanmean prod amax amin logsumexp var std norm vector_norm matrix_norm linalg_norm quantile
    nanquantile cummax cummin sort diff det dot vdot inner tensordot mv addmv mm bmm baddbmm matmul vecdot multi_dot
    chain_matmul softmax log_softmax tril triu diag histc narrow_copy""".split()
)
"""What PyTorch computes although `out=` shares memory with an input.

(In part from what it has just written there, if it reads and writes in turns: that alone is not imitated.)
"""
_NOT_ITSELF = frozenset("scatter scatter_add index_add index_copy cross linalg_cross".split())
"""What must not be written where an input lies even if the two are the same memory."""


def write_out(out: Any, result: Any, name: str = "", inputs: Sequence[Any] = ()) -> Any:
    """Write a result of the function `name` into `out=`, resizing it as PyTorch does; returns `out`.

    inputs: what it was computed from, which must not overlap with `out`.
    """
    if isinstance(result, (tuple, list)):
        if not isinstance(out, (tuple, list)) or len(out) != len(result):
            raise TypeError(f"{name}(): argument 'out' must be a tuple of {len(result)} Tensors, not {type_text(out)}")
        for o, r in zip(out, result):
            write_out(o, r, name, inputs)
        return type(result)(out) if not hasattr(result, "_fields") else type(result)(*out)
    call = f"{name}(): " if name else ""
    if not isinstance(out, TensorBase):
        raise TypeError(f"{call}argument 'out' must be Tensor, not {type_text(out)}")
    if mode.enabled and any(isinstance(t, TensorBase) and t._node is not None for t in (out, result, *inputs)):
        raise RuntimeError(
            f"{call}functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    free = name in _MAY_OVERLAP
    if name == "matmul":  # one of these
        name = "dot" if not result._data.ndim else "mv" if [a._data.ndim for a in inputs] == [2, 1] else "mm"
    if name in _EXACT and result._data.dtype != out._data.dtype:
        kinds = [dtypes.of[t._data.dtype] for t in (result, out)]
        raise RuntimeError(
            _EXACT[name].format(*(C_TYPES.get(k.name, k.name) for k in kinds), *(k.type_name for k in kinds))
        )
    if name in ("all", "any"):
        if out._data.dtype.char not in "?B":
            kind = dtypes.of[out._data.dtype].type_name
            raise RuntimeError(f"{name} only supports bool tensor for result, got: {kind}")
    else:
        check_castable(result._data.dtype, out._data.dtype)
    if not free:
        for a in inputs:
            if isinstance(a, TensorBase):
                if a is out and (name == "kthvalue" or name in _NOT_ITSELF):
                    raise RuntimeError(SHARED_MEMORY)
                check_overlap(out, a, name in _NOT_ITSELF)
    check_update(out)
    if 0 in out._data.strides and out._data.size > 1:
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. "
            "Please clone() the tensor before performing the operation."
        )
    if out._data.shape != result._data.shape:
        if out._data.size:
            _warn_of_resize(out._data.shape, result._data.shape)
        order = result._data.strides
        steps = tuple([s // result._data.itemsize * out._data.itemsize for s in order])
        resize(out, result._data.shape, None if 0 in order else steps)
        for a in () if free else inputs:
            if isinstance(a, TensorBase):
                check_overlap(out, a)  # with what it grew over
    with silence():
        np.copyto(out._data, result._data, casting="unsafe")
    written(out)
    return out


C_TYPES = {"float32": "float", "float64": "double", "float16": "c10::Half",
           "bfloat16": "c10::BFloat16", "int64": "long int", "int32": "int",
           "int16": "short int", "int8": "signed char", "uint8": "unsigned char", "complex64": "c10::complex<float>",
           "complex128": "c10::complex<double>"}  # fmt: skip
"""dtypes' names as C++ has them, which some messages show."""


def _warn_of_resize(have: tuple[int, ...], want: tuple[int, ...]) -> None:
    warnings.warn(
        f"An output with one or more elements was resized since it had shape {list(have)}, which does not match the "
        f"required output shape {list(want)}. This behavior is deprecated, and in a future PyTorch release outputs "
        "will not be resized unless they have zero elements. You can explicitly reuse an out tensor t by resizing it, "
        "inplace, to zero elements with t.resize_(0).",
        stacklevel=4,
    )


_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim", "x": "input", "x2": "other"}


_FACTORS = {  # the factors of functions that once took them before the tensors that they multiply
    **dict.fromkeys(("add", "sub"), ("alpha",)),
    **dict.fromkeys(("addcmul", "addcdiv"), ("value",)),
    **dict.fromkeys(("addmm", "addmv", "addr", "addbmm", "baddbmm"), ("beta", "alpha")),
}
_told = False


def old_order(name: str, args: Any) -> tuple[list[Any], dict[str, Any]]:
    """Arguments in today's order, from the order of old: `x.add(2, y)` is `x.add(y, alpha=2)`.

    `addcmul(x, value, y, z)`, `addmm(beta, x, alpha, y, z)` and `x.addmm(beta, alpha, y, z)`, also without alpha, are
    the others; optimizers of years ago are written in it. PyTorch still takes it, with a warning the first time.
    Raises TypeError if they are not in that order either.
    """
    global _told
    factors = _FACTORS[name]
    if len(factors) == 1:
        numbers, rest = [args[1]], [args[0], *args[2:]]
        known = len(rest) == (2 if name in ("add", "sub") else 3) and not getattr(numbers[0], "ndim", 0)
    else:
        numbers = [a for a in args if not isinstance(a, TensorBase)]
        rest = [a for a in args if isinstance(a, TensorBase)]
        known = len(rest) == 3 and 1 <= len(numbers) <= 2 and not isinstance(args[-1], (int, float))
    if not known:
        most = len(rest) - 1 if len(factors) == 1 else 2
        were = f"{most} positional argument{'s' * (most > 1)} but {len(args) - 1} were given"
        raise TypeError(f"{name}() takes {were}")
    if not _told:
        _told = True
        named = " and ".join(factors)
        warnings.warn(f"This overload of {name} is deprecated: give {named} by name, after the tensors", stacklevel=4)
    return rest, dict(zip(factors, numbers))


def named(call: F, name: str, doc: str | None) -> F:
    """A function made by another, with a name and a docstring of its own."""
    call.__name__ = call.__qualname__ = name
    call.__doc__ = doc
    return call


def takes_out(function: F) -> F:
    """Give a function PyTorch's `out=` argument, and NumPy's names for those it has: axis, keepdims, x, x2."""
    own = inspect.signature(function).parameters
    name = function.__name__
    most = sum(p.default is p.empty for p in own.values()) if name in _FACTORS else sys.maxsize
    final = list(own)[most - 1] if name in _FACTORS else ""
    takes_dtype_of_out = name in ("sum", "nansum", "prod", "cumsum", "cumprod")
    numpy_names = {n: t for n, t in _NUMPY_NAMES.items() if t in own and n not in own}

    @functools.wraps(function)
    def call(*args: Any, out: Any = None, **kwargs: Any) -> Tensor:
        if out is None and not kwargs and len(args) <= most:
            return function(*args)  # type: ignore[no-any-return]
        if len(args) >= most and final in kwargs:  # in the order of old, the last tensor by its name
            args = (*args, kwargs.pop(final))
        if len(args) > most:
            rest, factors = old_order(name, args)
            args, kwargs = tuple(rest), {**kwargs, **factors}
        for key in kwargs:
            if key in numpy_names:
                kwargs = {numpy_names.get(k, k): v for k, v in kwargs.items()}
                break
        if takes_dtype_of_out and isinstance(out, TensorBase) and kwargs.get("dtype") is None:
            kwargs["dtype"] = dtypes.of[out._data.dtype]
        result = function(*args, **kwargs)
        return result if out is None else write_out(out, result, name, args)

    return call  # type: ignore[return-value]
