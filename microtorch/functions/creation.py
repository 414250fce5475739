"""New tensors: from data, filled, like others. Ranges are in ranges.py, random ones in random.py."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes, size
from microtorch.autograd.modes import mode
from microtorch.autograd.node import require_grad, written
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions.arguments import bad_call, need_tensor, number_of, size_of
from microtorch.kernels import bfloat16 as B, shape as K
from microtorch.kernels.layouts import is_sparse
from microtorch.kernels.meta import Meta, stand_in, without_numbers
from microtorch.kernels.quiet import silence
from microtorch.size import chosen, cpu, on_meta, require_cpu, require_strided
from microtorch.storage import UntypedStorage

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def finish(data: Any, requires_grad: bool = False, device: Any = cpu) -> Tensor:
    """A new leaf tensor around an array (or the tensor given), that wants a gradient if `requires_grad`.

    device: None for the one chosen.

    Raises RuntimeError for a gradient of integers or bools.
    """
    if device is not cpu and (device is not None or chosen) and on_meta(device):
        data = without_numbers(data)
    t = data if isinstance(data, TensorBase) else wrap(data)
    if requires_grad:
        if t._data.dtype.kind not in "fc":
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        if t._node is None:
            require_grad(t)
    return t  # type: ignore[return-value]


# from data -----------------------------------------------------------------------------------------------------------

_NUMBERS = {bool, int, float, complex}
_UNSUPPORTED = (
    "can't convert np.ndarray of type numpy.{}. The only supported types are: float64, float32, float16, complex64, "
    "complex128, "
    "int64, int32, int16, int8, uint64, uint32, uint16, uint8, and bool."
)
_NEGATIVE = (
    "At least one stride in the given numpy array is negative, and tensors with negative strides are not currently "
    "supported. (You can probably work around this by making a copy of your array  with array.copy().) "
)


def array_from(data: Any, dtype: Any = None, name: str = "tensor") -> Any:
    """Data (number, nested sequences, array, tensor) as a new array in PyTorch's dtype for it.

    Raises what PyTorch raises: ValueError for sequences of unequal lengths, RuntimeError for objects that are no
    numbers or do not fit the dtype, TypeError for text.
    """
    want = dtype_argument(name, dtype)
    kind = type(data)
    if kind in _NUMBERS:
        return _stored(np.array(data, object if kind is int else None), kind is float, {kind}, want)
    if isinstance(data, TensorBase):
        return B.cast(data._data, want or data._data.dtype)
    if isinstance(data, (np.ndarray, np.generic)):
        if isinstance(data, np.ndarray):
            check_numpy(data)
        elif data.dtype not in dtypes.of:
            raise RuntimeError(f"Could not infer dtype of {type(data).__name__}")
        with silence():
            return B.cast(np.asarray(data), want or data.dtype)
    if not _is_sequence(data):
        if isinstance(data, (str, bytes)):
            raise TypeError(f"new(): invalid data type '{kind.__name__}'")
        raise RuntimeError(f"Could not infer dtype of {kind.__name__}")
    if kind is not list and kind is not tuple:
        data = list(data)
    kinds: set[Any] = set()
    plain = _leaf_types(data, kinds)
    if not plain:  # sequences of tensors or of arrays, or mixed depths: taken apart
        data, kinds = _taken_apart(data)
    shape = _sizes(data)
    if 0 in shape:
        return B.zeros(shape, want or dtypes.default.float)
    try:
        found = np.array(data)
    except (ValueError, OverflowError):
        _check_lengths(data, shape, 0)
        found = np.array(data, object)
    if found.shape != shape:
        _check_lengths(data, shape, 0)
    return _stored(found, False, kinds, want)


def _is_sequence(data: Any) -> bool:
    return hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, (str, bytes, dict, set))


def _leaf_types(data: Any, kinds: set[Any]) -> bool:
    """Collect the types of all leaves of nested lists and tuples; False if some are no Python or NumPy numbers."""
    here = set(map(type, data))
    if here <= _NUMBERS:
        kinds |= here
        return True
    if here <= {list, tuple}:
        for d in data:
            if not _leaf_types(d, kinds):
                return False
        return True
    if all(issubclass(k, np.generic) or k in _NUMBERS for k in here):
        kinds |= here
        return True
    return False


def _taken_apart(data: Any) -> tuple[Any, set[Any]]:
    """Nested lists of plain numbers with the types (of tensors and arrays: NumPy scalars') that were among them."""
    kinds: set[Any] = set()

    def plain(d: Any) -> Any:
        kind = type(d)
        if kind in _NUMBERS:
            kinds.add(kind)
            return d
        if isinstance(d, TensorBase):
            if d._data.size != 1:
                raise ValueError("only one element tensors can be converted to Python scalars")
            kinds.add(d._data.dtype.type)
            return d._data.item()
        if isinstance(d, np.ndarray):
            check_numpy(d)
            kinds.add(d.dtype.type)
            return d.tolist()
        if isinstance(d, np.generic):
            kinds.add(kind)
            return d.item()
        if isinstance(d, (str, bytes)):
            first = data
            while isinstance(first, (list, tuple)) and first:
                first = first[0]
            if isinstance(first, str) and first:  # whose first element is a text again
                raise ValueError("too many dimensions 'str'")
            raise TypeError(f"new(): invalid data type '{kind.__name__}'")
        if _is_sequence(d):
            return [plain(e) for e in d]
        if isinstance(d, (int, float)):  # enumerations and other subclasses
            kinds.add(int if isinstance(d, int) else float)
            return d
        raise RuntimeError(f"Could not infer dtype of {kind.__name__}")

    return [plain(d) for d in data], kinds


def _sizes(data: Any) -> tuple[int, ...]:
    """The lengths along the first elements."""
    shape = []
    while isinstance(data, (list, tuple)):
        shape.append(len(data))
        if not data:
            break
        data = data[0]
    return tuple(shape)


def _check_lengths(data: Any, shape: tuple[int, ...], dim: int) -> None:
    """Raise PyTorch's error where nested sequences do not have the lengths of the first ones."""
    if dim == len(shape):
        if isinstance(data, (list, tuple)):
            raise TypeError(f"'{type(data).__name__}' object cannot be interpreted as an integer")
        return
    if not isinstance(data, (list, tuple)):
        raise TypeError("not a sequence")
    if len(data) != shape[dim]:
        raise ValueError(f"expected sequence of length {shape[dim]} at dim {dim} (got {len(data)})")
    for d in data:
        _check_lengths(d, shape, dim + 1)


def _stored(found: Any, is_float: bool, kinds: set[Any], want: Any) -> Any:
    """An array of plain numbers in the dtype that their types give, or in the one wanted."""
    if want is None:
        if is_float:
            return B.cast(found, dtypes.default.float)
        want = dtypes.BOOL
        for kind in kinds:
            want = dtypes._join(want, _dtype_of_kind(kind))
        if want.kind in "iu" and np.bool_ in kinds:
            raise TypeError("'numpy.bool' object cannot be interpreted as an integer")
    if found.dtype == want:
        return found
    if found.dtype.kind == "c" and want.kind not in "cb":
        raise TypeError("must be real number, not complex")
    if want.kind in "iu" and found.dtype.kind in "Oiuf" and found.size:
        limits = np.iinfo(want)
        low, high = found.min(), found.max()
        least = limits.min
        if want.kind == "u" and not (float in kinds and int not in kinds):
            least = -limits.max  # negative integers wrap around
        if want == dtypes.I64 and found.dtype.kind in "Ou" and not least <= int(low) <= int(high) <= limits.max:
            raise ValueError("Overflow when unpacking long long")
        if low != low or not least <= low <= high <= limits.max:
            raise RuntimeError(f"value cannot be converted to type {dtypes.of[want].name} without overflow")
        if found.dtype.kind == "O" and want.kind == "u" and low < 0:
            found = found.astype(np.int64)
    with silence():
        return B.cast(found, want)


def _dtype_of_kind(kind: Any) -> Any:
    if kind is float:
        return dtypes.default.float
    if kind is int:
        return dtypes.I64
    if kind is bool:
        return dtypes.BOOL
    if kind is complex:
        return dtypes.default.complex
    return np.dtype(kind)


def check_numpy(array: Any) -> None:
    """Raise PyTorch's errors for arrays that tensors cannot share or copy."""
    if not array.dtype.isnative:
        raise ValueError(
            "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
            "currently not supported."
        )
    if array.dtype not in dtypes.of:
        raise TypeError(_UNSUPPORTED.format(array.dtype.type.__name__))
    for s in array.strides:
        if s < 0:
            raise ValueError(_NEGATIVE)


def dtype_argument(name: str, dtype: Any) -> Any:
    """The NumPy dtype of `dtype=`, None for None.

    Raises TypeError for what is no dtype.
    """
    if dtype is None:
        return None
    if isinstance(dtype, dtypes.dtype):
        return dtype.numpy
    if dtype in (float, int, bool, complex):
        return dtypes.to_numpy(dtype)
    raise TypeError(f"{name}(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}")


def tensor(
    data: Any, *, dtype: Any = None, device: Any = None, requires_grad: bool = False, pin_memory: bool = False
) -> Tensor:
    """A new tensor with a copy of the data: a number, nested lists, a NumPy array, a tensor.

    Python floats take the default dtype, integers int64, bools bool; NumPy arrays keep theirs.

    >>> import microtorch as torch
    >>> torch.tensor([[1, 2], [3, 4]]).dtype, torch.tensor(0.5).dtype
    (torch.int64, torch.float32)
    """
    if isinstance(data, TensorBase):
        warn_of_copy("torch.tensor")
    return finish(array_from(data, dtype), requires_grad, device)


def warn_of_copy(name: str) -> None:
    """PyTorch's advice to those who make a tensor of a tensor."""
    warnings.warn(
        "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
        f"sourceTensor.detach().clone().requires_grad_(True), rather than {name}(sourceTensor).",
        UserWarning,
        stacklevel=3,
    )


def scalar_tensor(s: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
                  pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A 0-d tensor of the default dtype (unlike `tensor`, also for an integer)."""
    return finish(filled(s, dtype_argument("scalar_tensor", dtype) or dtypes.default.float, ()), requires_grad, device)


def as_tensor(data: Any, dtype: Any = None, device: Any = None) -> Tensor:
    """The data as a tensor, sharing memory with a tensor or NumPy array where it can."""
    if (device is not None or chosen) and on_meta(device):
        return wrap(without_numbers(as_tensor(data, dtype, size.cpu)._data))
    want = dtype_argument("as_tensor", dtype)
    if isinstance(data, TensorBase):
        return data if want is None or data._data.dtype == want else data.to(dtype)  # type: ignore[attr-defined,return-value]
    if isinstance(data, np.ndarray):
        t = from_numpy(data)
        return t if want is None or data.dtype == want else t.to(dtype)
    return wrap(array_from(data, dtype, "as_tensor"))


def asarray(
    obj: Any, *, dtype: Any = None, device: Any = None, copy: bool | None = None, requires_grad: bool | None = None
) -> Tensor:
    """The object (tensor, NumPy array, buffer, nested sequences) as a tensor.

    copy: True makes a copy, False raises ValueError where one is needed, None shares memory if it can. A tensor
    stays in its graph (with a warning, unless requires_grad=True says so); with requires_grad=False it is taken out.
    """
    if device is not None:
        require_cpu(device)
    want = dtype_argument("asarray", dtype)
    t: Any
    if isinstance(obj, TensorBase):
        t = obj
    elif isinstance(obj, np.ndarray):
        t = from_numpy(obj)
    elif isinstance(obj, UntypedStorage):
        t = wrap(obj._bytes)
    elif isinstance(obj, (bytes, bytearray, memoryview)):
        t = frombuffer(obj, dtype=dtype or dtypes.get_default_dtype())
    elif hasattr(obj, "__dlpack__"):
        t = wrap(np.from_dlpack(obj))
    else:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        return finish(array_from(obj, dtype), bool(requires_grad))
    if want is not None and t._data.dtype != want:
        if copy is False:
            names = dtypes.of[t._data.dtype].type_name, dtypes.of[want].type_name
            raise ValueError(f"can't alias tensor with dtype '{names[0]}' into dtype '{names[1]}'.")
        t = t.to(dtype)
    elif copy:
        t = t.clone()
    if t._node is None:
        return finish(t, bool(requires_grad))
    if requires_grad is None:
        warnings.warn(
            "torch.asarray: unspecified requires_grad now defaults to obj.requires_grad instead of False. Pass "
            "requires_grad=False explicitly to get the old behavior and silence this warning.",
            UserWarning,
            stacklevel=2,
        )
    elif not requires_grad:
        return t.requires_grad_(False) if t.is_leaf else t.detach()
    return t  # type: ignore[no-any-return]


def from_numpy(ndarray: Any) -> Tensor:
    """A tensor that shares the array's memory.

    Raises TypeError for what is no array or has a dtype that PyTorch lacks, ValueError for negative strides.
    """
    if not isinstance(ndarray, np.ndarray):
        kind = type(ndarray)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        raise TypeError(f"expected np.ndarray (got {name})")
    check_numpy(ndarray)
    return wrap(ndarray.view(np.ndarray))


def frombuffer(buffer: Any, *, dtype: Any, count: int = -1, offset: int = 0, requires_grad: bool = False) -> Tensor:
    """A 1-d tensor on the memory of an object with Python's buffer protocol: `count` elements from byte `offset`.

    Raises ValueError if the buffer is too short, or does not hold whole elements.
    """
    want = dtype_argument("frombuffer", dtype)
    try:
        memory = memoryview(buffer)
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    length, step = memory.nbytes, want.itemsize
    if length == 0 or count == 0:
        raise ValueError(f"both buffer length ({length}) and count ({count}) must not be 0")
    if not 0 <= offset < length:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({length} bytes) minus 1"
        )
    if count > 0 and offset + count * step > length:
        raise ValueError(
            f"requested buffer length ({count} * {step} bytes) after offset ({offset} bytes) must not be greater than "
            f"actual buffer length ({length} bytes)"
        )
    if count < 0 and (length - offset) % step:
        raise ValueError(
            f"buffer length ({length - offset} bytes) after offset ({offset} bytes) must be a multiple of element size "
            f"({step})"
        )
    if want is B.BF16:
        return finish(B.BFloats(np.frombuffer(memory, np.uint16, count, offset)), requires_grad)
    return finish(np.frombuffer(memory, want, count, offset), requires_grad)


def from_dlpack(ext_tensor: Any, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor on the memory of another library's array, through the DLPack protocol.

    Raises RuntimeError for an object without `__dlpack__`.
    """
    require_cpu(device)
    if not hasattr(ext_tensor, "__dlpack__"):
        raise RuntimeError(
            "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so you "
            "might have already constructed a tensor from it once."
        )
    array = np.from_dlpack(ext_tensor, copy=copy)
    check_numpy(array)
    return wrap(array)


# filled --------------------------------------------------------------------------------------------------------------


def _sized(name: str, given: tuple[Any, ...], named: dict[str, Any]) -> tuple[int, ...]:
    """The sizes of zeros, ones, empty: as numbers, as one sequence, or as `size=`."""
    if "size" in named:
        if given:
            raise TypeError(f"{name}() got multiple values for argument 'size'")
        given = (named.pop("size"),)
    if named:
        raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(named))}'")
    if not given:
        raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
    return size_of(given, name)


def check_sizes(shape: tuple[int, ...]) -> None:
    """Raise RuntimeError if a size is negative."""
    if shape and min(shape) < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}")


def filled_later(name: str, given: tuple[Any, ...], dtype: Any, layout: Any, device: Any, out: Any) -> Tensor:
    """A tensor to be filled by the caller: `out`, resized, or a new one."""
    shape = size_of(given, name)
    check_sizes(shape)
    if dtype is layout is device is out is None and not chosen:
        return wrap(B.empty(shape, dtypes.default.float))
    if layout is not None:
        require_strided(layout)
    without = (device is not None or bool(chosen)) and on_meta(device)
    want = None if dtype is None else dtype_argument(name, dtype)
    if out is None and without:
        return wrap(without_numbers(Meta(shape, want or dtypes.default.float)))
    if out is None:
        return wrap(B.empty(shape, want or dtypes.default.float))
    check_out(name, out, want)
    if out._data.shape != shape:
        out._data = B.empty(shape, out._data.dtype)
    written(out)
    return out


def check_out(name: str, out: Any, want: Any) -> None:
    """Raise PyTorch's errors for an `out=` that cannot be written."""
    need_tensor(name, out, "out")
    if want is not None and out._data.dtype != want:
        names = dtypes.of[want].type_name, dtypes.of[out._data.dtype].type_name
        raise RuntimeError(f"dtype {names[0]} does not match dtype of out parameter ({names[1]})")
    if out._node is not None and mode.enabled:
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )


def _constant(name: str, fill: Callable[..., Any], number: Any) -> Callable[..., Tensor]:
    def call(*size: Any, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False, pin_memory: bool = False, **named: Any) -> Tensor:  # fmt: skip
        shape = _sized(name, size, named) if named or not size else size_of(size, name)
        if shape and min(shape) < 0:
            if number == 0:
                raise RuntimeError(f"{name}: Dimension size must be non-negative.")
            check_sizes(shape)
        if layout is not None:
            require_strided(layout)
        if out is not None:
            out = filled_later(name, (shape,), dtype, layout, device, out)
            out._data[...] = number
            return finish(out, requires_grad)
        want = dtypes.default.float if dtype is None else dtype_argument(name, dtype)
        return finish(fill(shape, want), requires_grad, device)

    call.__name__ = call.__qualname__ = name
    return call


zeros = _constant("zeros", B.zeros, 0)
zeros.__doc__ = "A tensor of zeros; the size as numbers or one sequence."
ones = _constant("ones", B.ones, 1)
ones.__doc__ = "A tensor of ones; the size as numbers or one sequence."


def empty(
    *size: Any,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    memory_format: Any = None,
    **named: Any,
) -> Tensor:
    """A tensor whose values are not set (here: zeros, which cost the same); the size as numbers or one sequence."""
    shape = _sized("empty", size, named) if named or not size else size_of(size, "empty")
    check_sizes(shape)
    if out is not None:
        return finish(filled_later("empty", (shape,), dtype, layout, device, out), requires_grad)
    require_strided(layout)
    data = B.zeros(shape, dtype_argument("empty", dtype) or dtypes.default.float)
    return finish(in_format(data, memory_format), requires_grad, device)


def in_format(data: Any, memory_format: Any) -> Any:
    """An array of the same shape in that order in memory (None, contiguous_format: as it is); values are lost.

    Raises RuntimeError if the format needs another number of dimensions.
    """
    if memory_format is None or memory_format is size.contiguous_format:
        return data
    if memory_format is size.preserve_format:
        raise RuntimeError("unsupported memory format Preserve")
    last = K.channels_last_axes(data.ndim, memory_format.name)
    if last is None:
        rank = 4 if memory_format is size.channels_last else 5
        raise RuntimeError(f"required rank {rank} tensor to use {memory_format.name} format")
    return B.zeros([data.shape[i] for i in last], data.dtype).transpose(np.argsort(last))


def empty_strided(size: Any, stride: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
                  requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A tensor whose values are not set, with the strides given (in elements)."""
    shape, steps = size_of((size,), "empty_strided"), size_of((stride,), "empty_strided", "stride")
    if len(shape) != len(steps):
        raise RuntimeError(
            f"dimensionality of sizes ({len(shape)}) must match dimensionality of strides ({len(steps)})"
        )
    check_sizes(shape)
    want = dtype_argument("empty_strided", dtype) or dtypes.default.float
    _, data = K.like_memory(shape, tuple(s * want.itemsize for s in steps), want)
    return finish(data, requires_grad, device)


def empty_permuted(size: Any, physical_layout: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
                   requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A tensor whose values are not set and whose dimensions lie in memory in the order `physical_layout`."""
    shape, order = size_of((size,), "empty_permuted"), size_of((physical_layout,), "empty_permuted", "physical_layout")
    check_sizes(shape)
    if len(order) != len(shape):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = "
            f"{len(shape)} is not equal to len(physical_layout) = {len(order)}"
        )
    if sorted(order) != list(range(len(shape))):
        raise RuntimeError("Duplicate dim not allowed")
    want = dtype_argument("empty_permuted", dtype) or dtypes.default.float
    return finish(B.zeros([shape[i] for i in order], want).transpose(np.argsort(order)), requires_grad, device)


def number_argument(name: str, value: Any, argument: str = "fill_value", position: int = 2) -> Any:
    """A Python number given for a `Number` argument (a number or a 0-d tensor)."""
    if type(value) is float or type(value) is int:
        return value
    if isinstance(value, TensorBase) and value._data.ndim == 0:
        return value._data.item()
    if isinstance(value, np.generic) and value.dtype.kind in "biufc":
        return value.item()
    if not isinstance(value, (bool, int, float, complex)):
        raise TypeError(
            f"{name}(): argument '{argument}' (position {position}) must be Number, not {type(value).__name__}"
        )
    return value


def filled(number: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    """An array filled with one Python number."""
    return B.full(shape, dtypes.fill_number(number_argument("full", number), dtype), dtype)


def full(size: Any, fill_value: Any, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
         requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A tensor filled with one number; its dtype follows the number's kind (float: the default one)."""
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {type(size).__name__}")
    shape = size_of((size,), "full")
    check_sizes(shape)
    number = number_argument("full", fill_value)
    if layout is not None:
        require_strided(layout)
    if out is not None:
        out = filled_later("full", (shape,), dtype, layout, device, out)
        out._data[...] = dtypes.fill_number(number, out._data.dtype)
        return finish(out, requires_grad)
    want = dtype_argument("full", dtype) or _dtype_of_kind(type(number))
    return finish(B.full(shape, dtypes.fill_number(number, want), want), requires_grad, device)


def like(name: str, input: Any, dtype: Any, layout: Any, device: Any, memory_format: Any) -> Tensor:
    """A tensor to be filled by the caller, in the shape, dtype and order in memory of another."""
    if not isinstance(input, TensorBase):
        raise TypeError(f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    data: Any = input._data
    if type(data) is Meta if device is None else on_meta(device):
        want = data.dtype if dtype is None else dtype_argument(name, dtype)
        return wrap(without_numbers(K.empty_like(stand_in(data), want)))
    data = stand_in(data)
    sparse = is_sparse(data) and (layout is None or layout.name == data.layout)  # type: ignore[attr-defined]
    if layout is not None and not sparse:
        require_strided(layout)
    want = data.dtype if dtype is None else dtype_argument(name, dtype)
    if sparse:
        return wrap(data.cleared(want))  # type: ignore[attr-defined]
    if memory_format is None or memory_format is size.preserve_format:
        return wrap(K.empty_like(data, want))
    return wrap(in_format(B.empty(data.shape, want), memory_format))


def zeros_like(input: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
               memory_format: Any = None, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """Zeros of the same shape, dtype and order in memory."""
    t = like("zeros_like", input, dtype, layout, device, memory_format)
    t._data.fill(0)
    return finish(t, requires_grad)


def ones_like(input: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
              memory_format: Any = None, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """Ones of the same shape, dtype and order in memory."""
    t = like("ones_like", input, dtype, layout, device, memory_format)
    t._data.fill(1)
    return finish(t, requires_grad)


def empty_like(input: Any, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False,
               memory_format: Any = None, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A tensor of the same shape, dtype and order in memory whose values are not set."""
    return finish(like("empty_like", input, dtype, layout, device, memory_format), requires_grad)


def full_like(input: Any, fill_value: Any, *, dtype: Any = None, layout: Any = None, device: Any = None,
              requires_grad: bool = False, memory_format: Any = None, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """A tensor of the same shape, dtype and order in memory filled with one number."""
    t = like("full_like", input, dtype, layout, device, memory_format)
    t._data.fill(dtypes.fill_number(number_argument("full_like", fill_value), t._data.dtype))
    return finish(t, requires_grad)


def eye(n: Any, m: Any = None, *, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
        requires_grad: bool = False, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """Ones on the diagonal of an n x m matrix (m = n unless given), zeros elsewhere."""
    rows = number_of("eye", n, "n", 1, "int")
    columns = rows if m is None else number_of("eye", m, "m", 2, "int")
    for what, k in (("n", rows), ("m", columns)):
        if k < 0:
            raise RuntimeError(f"{what} must be greater or equal to 0, got {k}")
    t = filled_later("eye", ((rows, columns),), dtype, layout, device, out)
    t._data[...] = 0
    np.fill_diagonal(t._data[:columns], 1)
    return finish(t, requires_grad)


# older constructors: torch.Tensor(2, 3), torch.FloatTensor([1, 2]) ---------------------------------------------------

_NEW = ("*, torch.device device = None", "Tensor other", "tuple of ints size, *, torch.device device = None",
        "object data, *, torch.device device = None")  # fmt: skip


_OPTIONS = (
    "TensorOptions(dtype={}, device=cpu, layout=Strided, requires_grad=false (default), pinned_memory=false (default), "
    "memory_format=(nullopt))"
)
_TYPES = {
    "bool": "bool",
    "uint8": "unsigned char",
    "int8": "signed char",
    "int16": "short int",
    "int32": "int",
    "int64": "long int",
    "uint16": "short unsigned int",
    "uint32": "unsigned int",
    "uint64": "long unsigned int",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "float32": "float",
    "float64": "double",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}
"""The names of the element types in PyTorch's C++."""


def new_array(args: tuple[Any, ...], dtype: Any, device: Any, named: dict[str, Any], strict: bool) -> Any:
    """The array of Tensor(*args): sizes, a Size, or data. `strict`: a tensor must have the dtype already."""
    if device is not None:
        require_cpu(device)
    if "data" in named and not args:
        args = (named.pop("data"),)
    if named:
        raise bad_call("new", args, named, _NEW)
    if not args:
        return B.zeros((0,), dtype)
    first = args[0]
    if isinstance(first, size.Size) or len(args) > 1:
        shape = size_of(args, "new")
        check_sizes(shape)
        return B.zeros(shape, dtype)
    if isinstance(first, TensorBase):
        if strict and first._data.dtype != dtype:
            wanted, got = (_OPTIONS.format(_TYPES[dtypes.of[d].name]) for d in (dtype, first._data.dtype))
            raise TypeError(f"expected {wanted} (got {got})")
        return first._data
    if not isinstance(first, (bool, np.bool_, np.ndarray)) and hasattr(first, "__index__"):
        shape = (int(first),)
        check_sizes(shape)
        return B.zeros(shape, dtype)
    if isinstance(first, str):
        raise TypeError("new(): invalid data type 'str'")
    if not _is_sequence(first):
        raise TypeError(f"new(): data must be a sequence (got {type(first).__name__})")
    return array_from(first, dtypes.of[dtype])


class tensortype(type):
    """The class of torch.FloatTensor and its like: callable, and what isinstance and `Tensor.type` understand."""

    dtype: dtypes.dtype

    def __call__(cls, *args: Any, device: Any = None, **named: Any) -> Tensor:
        return wrap(new_array(args, cls.dtype.numpy, device, named, strict=True))

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TensorBase) and instance._data.dtype == cls.dtype.numpy

    def __repr__(cls) -> str:
        return f"<class 'torch.{cls.__name__}'>"


tensortype.__module__ = "torch"


def _tensor_type(d: dtypes.dtype) -> Any:
    name = d.type_name + "Tensor"
    return tensortype(
        name, (), {"__module__": "torch", "dtype": d, "is_cuda": False, "__doc__": f"A tensor of {d.name}."}
    )


FloatTensor, DoubleTensor, HalfTensor = (
    _tensor_type(dtypes.float32),
    _tensor_type(dtypes.float64),
    _tensor_type(dtypes.float16),
)
BFloat16Tensor = _tensor_type(dtypes.bfloat16)
LongTensor, IntTensor, ShortTensor = _tensor_type(dtypes.int64), _tensor_type(dtypes.int32), _tensor_type(dtypes.int16)
CharTensor, ByteTensor, BoolTensor = _tensor_type(dtypes.int8), _tensor_type(dtypes.uint8), _tensor_type(dtypes.bool_)


def type_named(name: Any) -> dtypes.dtype:
    """The dtype of a type's name ("torch.FloatTensor"), of a type (torch.FloatTensor) or of itself.

    Raises ValueError for another name, TypeError for another object.
    """
    if isinstance(name, dtypes.dtype):
        return name
    if isinstance(name, tensortype):
        return name.dtype
    if not isinstance(name, str):
        raise TypeError("dtype must be a type, str, or dtype object")
    for d in dtypes.all_dtypes:
        if name == f"torch.{d.type_name}Tensor":
            return d
    raise ValueError(f"invalid type: '{name}'")


def set_default_tensor_type(t: Any) -> None:
    """Set the default floating dtype by a tensor type (torch.DoubleTensor or its name)."""
    if not isinstance(t, (str, tensortype)):
        raise TypeError("invalid type object: only floating-point types are supported as the default type")
    if isinstance(t, str) and t.startswith("torch.cuda."):
        raise TypeError(f"type {t} not available. Torch not compiled with CUDA enabled.")
    dtypes.set_default_dtype(type_named(t))


def set_default_device(device: Any) -> None:
    """Where new tensors are made: the CPU (or None), or "meta"."""
    if device is not None:
        on_meta(device)
    chosen[:] = [] if device is None else [size.device(device)]


def get_default_device() -> Any:
    """The CPU, unless another was set or is chosen by an open block."""
    return chosen[-1] if chosen else size.cpu
