"""PyTorch's dtypes over NumPy's, and PyTorch's rules of type promotion.

A `dtype` here is PyTorch's object (`torch.float32`); inside kernels only NumPy dtypes occur. The two tables `of` and
`dtype.numpy` lead from one to the other.

Promotion (https://docs.pytorch.org/docs/stable/tensor_attributes.html): the category decides first (bool < integer <
float < complex), and in it tensors with dimensions outweigh 0-d tensors, which outweigh Python numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.kernels.bfloat16 import BF16
from microtorch.kernels.quiet import silence


class dtype:
    """The element type of a tensor; it prints as PyTorch prints it.

    >>> import microtorch as torch
    >>> torch.float32, torch.int64.itemsize, torch.float16.is_floating_point
    (torch.float32, 8, True)
    """

    numpy: Any
    is_floating_point: bool
    is_complex: bool
    is_signed: bool
    itemsize: int
    __slots__ = ("name", "numpy", "is_floating_point", "is_complex", "is_signed", "itemsize", "type_name")

    def __init__(self, name: str, numpy: Any, type_name: str) -> None:
        self.name, self.type_name = name, type_name
        if numpy is None:  # a dtype by name only
            self.is_complex, self.is_signed = "complex" in name, True
            self.is_floating_point = "float" in name
            self.itemsize = {"complex32": 4, "qint32": 4}.get(name, 1)
            return
        self.numpy = numpy if numpy is BF16 else np.dtype(numpy)
        kind = self.numpy.kind
        self.is_floating_point, self.is_complex, self.is_signed = kind == "f", kind == "c", kind not in "bu"
        self.itemsize = self.numpy.itemsize

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name == "numpy":
                raise NotImplementedError(f"microtorch has no tensors of {self}: NumPy has no such dtype")
            raise AttributeError(f"'torch.dtype' object has no attribute {name!r}")

    def __repr__(self) -> str:
        return f"torch.{self.name}"

    def __reduce__(self) -> str:
        return "bool_" if self.name == "bool" else self.name

    def __copy__(self) -> dtype:
        return self

    def __deepcopy__(self, memo: object) -> dtype:
        return self

    def to_real(self) -> dtype:
        """float32 for complex64, float64 for complex128, itself for the rest."""
        return {"complex64": float32, "complex128": float64}.get(self.name, self)

    def to_complex(self) -> dtype:
        """complex64 for float32, complex128 for float64, itself for complex ones."""
        return {"float32": complex64, "float64": complex128, "float16": complex64, "bfloat16": complex64}.get(
            self.name, self
        )


float16 = half = dtype("float16", np.float16, "Half")
bfloat16 = dtype("bfloat16", BF16, "BFloat16")
float32 = dtype("float32", np.float32, "Float")
float64 = double = dtype("float64", np.float64, "Double")
complex64 = cfloat = dtype("complex64", np.complex64, "ComplexFloat")
complex128 = cdouble = dtype("complex128", np.complex128, "ComplexDouble")
uint8 = dtype("uint8", np.uint8, "Byte")
int8 = dtype("int8", np.int8, "Char")
int16 = short = dtype("int16", np.int16, "Short")
int32 = dtype("int32", np.int32, "Int")
int64 = long = dtype("int64", np.int64, "Long")
uint16 = dtype("uint16", np.uint16, "UInt16")
uint32 = dtype("uint32", np.uint32, "UInt32")
uint64 = dtype("uint64", np.uint64, "UInt64")
bool_ = dtype("bool", np.bool_, "Bool")

# names that programs mention: there are no such tensors
complex32 = chalf = dtype("complex32", None, "ComplexHalf")
float8_e4m3fn = dtype("float8_e4m3fn", None, "Float8_e4m3fn")
float8_e5m2 = dtype("float8_e5m2", None, "Float8_e5m2")
qint8, quint8 = dtype("qint8", None, "QInt8"), dtype("quint8", None, "QUInt8")
qint32 = dtype("qint32", None, "QInt32")

all_dtypes = (float16, bfloat16, float32, float64, complex64, complex128, uint8, int8, int16, int32, int64,
              uint16, uint32, uint64, bool_)  # fmt: skip
of: dict[Any, dtype] = {d.numpy: d for d in all_dtypes}

F16, F32, F64 = float16.numpy, float32.numpy, float64.numpy
C64, C128 = complex64.numpy, complex128.numpy
I64, BOOL = int64.numpy, bool_.numpy


class _Default:
    """The dtype of new float tensors (`set_default_dtype`), as NumPy dtypes."""

    float: Any = F32
    complex: Any = C64


default = _Default()


def get_default_dtype() -> dtype:
    """The dtype that `torch.tensor(1.0)` and integer-to-float operations give."""
    return of[default.float]


def set_default_dtype(d: dtype) -> None:
    """Set the default floating dtype.

    Raises TypeError for a dtype that is not floating point.
    """
    if not isinstance(d, dtype) or not d.is_floating_point:
        what = "" if isinstance(d, dtype) else "invalid dtype object: "
        raise TypeError(f"{what}only floating-point types are supported as the default type")
    default.float, default.complex = d.numpy, d.to_complex().numpy


def to_numpy(d: Any) -> Any:
    """The NumPy dtype of a torch dtype, or of the Python types float, int, bool, complex."""
    if isinstance(d, dtype):
        return d.numpy
    if d is float:
        return F64
    if d is int:
        return I64
    if d is bool:
        return BOOL
    if d is complex:
        return C128
    raise TypeError(f"dtype must be a torch.dtype, not {type(d).__name__}")


_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


def _join(a: Any, b: Any) -> Any:
    """The dtype that two dtypes of equal weight give (bool < integer < float < complex decides first)."""
    if a == b:
        return a
    if a.kind in "iu" and b.kind in "iu" and any(d.kind == "u" and d.itemsize > 1 for d in (a, b)):
        raise RuntimeError(
            "Promotion for uint16, uint32, uint64 types is not supported, attempted to promote "
            f"{of[a].type_name} and {of[b].type_name}"
        )
    low, high = sorted((a, b), key=lambda d: _RANK[d.kind])
    if _RANK[low.kind] == _RANK[high.kind] or (high.kind == "c" and low.kind == "f"):
        if low is BF16 or high is BF16:
            other = low if high is BF16 else high
            return F32 if other == F16 else other
        if high == C64 and low == F16:
            return C64
        return np.promote_types(low, high)
    return high


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype both convert to: float32 and int64 give float32 (unlike NumPy)."""
    return of[_join(*_numpy_dtypes("promote_types", type1=type1, type2=type2))]


def _numpy_dtypes(name: str, **given: Any) -> list[Any]:
    """The NumPy dtypes of two arguments, which may be Python's types, too."""
    for place, (argument, value) in enumerate(given.items(), 1):
        if not isinstance(value, dtype) and value not in (float, int, bool, complex):
            kind = type(value).__name__
            raise TypeError(f"{name}(): argument '{argument}' (position {place}) must be torch.dtype, not {kind}")
    return [to_numpy(value) for value in given.values()]


def can_cast(from_: dtype, to: dtype) -> bool:
    """Whether a result of dtype `from_` may be written into a tensor of dtype `to` (not float into integer, say).

    >>> import microtorch as torch
    >>> torch.can_cast(torch.double, torch.float), torch.can_cast(torch.float, torch.int)
    (True, False)
    """
    have, want = _numpy_dtypes("can_cast", from_=from_, to=to)
    return _RANK[have.kind] <= _RANK[want.kind]


_cache: dict[Any, Any] = {}


def promoted(a: Any, a_is_0d: bool, b: Any, b_is_0d: bool) -> Any:
    """The NumPy dtype of an operation on two tensors of dtypes a and b, either of which may be 0-d."""
    key = (a, a_is_0d, b, b_is_0d)
    found = _cache.get(key)
    if found is None:
        if a_is_0d == b_is_0d:
            found = _join(a, b)
        else:
            many, one = (b, a) if a_is_0d else (a, b)
            found = many if _RANK[one.kind] <= _RANK[many.kind] else _join(many, one)
            if one.kind == "c" and many.kind == "f":
                found = {F16: C64, BF16: C64, F32: C64, F64: C128}[many]
        _cache[key] = found
    return found


def promoted_with_number(a: Any, number: Any) -> Any:
    """The NumPy dtype of an operation on a tensor of dtype a and a Python number (which widens no kind)."""
    kind = a.kind
    if kind == "c":
        return a
    if isinstance(number, complex):
        return {F64: C128, F32: C64, F16: C64, BF16: C64}.get(a, default.complex)
    if kind == "f":
        return a
    if isinstance(number, bool):
        return a
    if isinstance(number, float):
        return default.float
    return I64 if kind == "b" else a


_C_NAMES = {"bool": "bool", "float32": "float", "float64": "double", "float16": "c10::Half",
            "bfloat16": "c10::BFloat16", "complex64": "c10::complex<float>",
            "complex128": "c10::complex<double>"}  # fmt: skip


def fill_number(number: Any, dtype: Any) -> Any:
    """A Python number as a NumPy scalar of the dtype.

    Raises RuntimeError if it does not fit.
    """
    kind = dtype.kind
    if kind == "f" and (type(number) is float or type(number) is int) and -65504 <= number <= 65504:
        return dtype.type(number)  # too small to overflow in any of them: nothing need be silenced
    if kind in "iu":
        info = np.iinfo(dtype)
        if isinstance(number, complex):
            if number.imag:
                raise _overflow(dtype)
            number = number.real
        least = info.min if kind == "i" or not isinstance(number, int) else -info.max
        if number != number or not least <= number <= info.max:
            raise _overflow(dtype)
        return np.array(int(number)).astype(dtype)[()]
    if isinstance(number, complex) and kind in "fb" and number.imag:
        raise _overflow(dtype)
    if isinstance(number, complex) and kind in "fb":
        number = number.real
    with silence():
        return dtype.type(number)


def c_name(dtype: Any) -> str:
    """The name of a NumPy dtype in PyTorch's C++ sources, which some of its messages show."""
    name = of[dtype].name
    return _C_NAMES.get(name, name + "_t")


def _overflow(dtype: Any) -> RuntimeError:
    return RuntimeError(f"value cannot be converted to type {c_name(dtype)} without overflow")


def result_type(tensor: Any, other: Any) -> dtype:
    """The dtype of an operation on two tensors or numbers.

    >>> import microtorch as torch
    >>> torch.result_type(torch.tensor([1, 2]), 1.0)
    torch.float32
    """
    a: Any = getattr(tensor, "_data", None)
    b: Any = getattr(other, "_data", None)
    if a is None and b is None:
        return of[_join(_number_dtype(tensor), _number_dtype(other))]
    if a is None:
        return of[promoted_with_number(b.dtype, tensor)]
    if b is None:
        return of[promoted_with_number(a.dtype, other)]
    return of[promoted(a.dtype, a.ndim == 0, b.dtype, b.ndim == 0)]


def _number_dtype(number: Any) -> Any:
    if isinstance(number, bool):
        return BOOL
    return I64 if isinstance(number, int) else default.complex if isinstance(number, complex) else default.float


class finfo:
    """Machine limits of a floating dtype: eps, max, min, tiny, resolution, bits.

    >>> import microtorch as torch
    >>> torch.finfo(torch.float32).eps
    1.1920928955078125e-07
    """

    def __init__(self, type: dtype | None = None) -> None:
        kind = get_default_dtype() if type is None else type
        if not isinstance(kind, dtype):
            name = kind.__class__.__name__
            raise TypeError(f"finfo(): argument 'type' (position 1) must be torch.dtype, not {name}")
        if not (kind.is_floating_point or kind.is_complex):
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'"
            )
        if kind is bfloat16:
            self.bits, self.dtype, self.eps, self.resolution = 16, "bfloat16", 2.0**-7, 0.01
            self.max, self.min, self.tiny = 3.3895313892515355e38, -3.3895313892515355e38, 2.0**-126
            self.smallest_normal = self.tiny
            return
        info = np.finfo(kind.numpy)
        self.bits = int(info.bits)
        self.dtype = kind.to_real().name
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.tiny)
        self.resolution = 10.0**-info.precision

    def __repr__(self) -> str:
        return (f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, eps={self.eps:g}, "
                f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})")  # fmt: skip


class iinfo:
    """Limits of an integer dtype: bits, min, max.

    >>> import microtorch as torch
    >>> torch.iinfo(torch.int8).max
    127
    """

    def __init__(self, type: dtype) -> None:
        if not isinstance(type, dtype):
            kind = type.__class__.__name__
            raise TypeError(f"iinfo(): argument 'type' (position 1) must be torch.dtype, not {kind}")
        if type is bool_:
            raise TypeError("torch.bool is not supported by torch.iinfo")
        if type.is_floating_point or type.is_complex:
            raise TypeError("torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'")
        info = np.iinfo(type.numpy)
        self.bits, self.min, self.max, self.dtype = int(info.bits), int(info.min), int(info.max), type.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min:g}, max={self.max:g}, dtype={self.dtype})"
