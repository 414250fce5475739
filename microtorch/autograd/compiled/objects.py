"""Python's objects as compiled code sees them: addresses, counted by hand.

numba compiles these functions as it compiles loops over arrays. An object is its address (`id`), an integer; what is
done with it is done by the functions of Python's C interface (https://docs.python.org/3/c-api), which the interpreter
itself is made of, or by reading a field where it stands: a type's slots (`offsets`), and NumPy's arrays, whose layout
is part of NumPy's C interface (https://numpy.org/doc/stable/reference/c-api/types-and-structures.html).

Who owns a reference is said at each function: "new" is the caller's to give away or to drop, "borrowed" is not.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"
from __future__ import annotations

import ctypes
import hashlib
import sys
import sysconfig
from pathlib import Path
from types import FunctionType
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from microtorch.kernels.compiled import _sources as sources
from microtorch.kernels.compiled.ufuncs import alone

Address = types.intp

_emitted: Any = intrinsic


def usable() -> bool:
    """Whether this interpreter's objects are laid out as these functions expect: CPython of 64 bits with its lock."""
    plain = sys.implementation.name == "cpython" and sys.maxsize > 2**32 and not hasattr(sys, "gettotalrefcount")
    return plain and not sysconfig.get_config_var("Py_GIL_DISABLED")


def _c(name: str, *arguments: Any, result: Any = Address) -> Any:
    """A function of Python's C interface."""
    return types.ExternalFunction(name, result(*arguments))


add_reference = _c("Py_IncRef", Address, result=types.void)
drop = _c("Py_DecRef", Address, result=types.void)
allocate = _c("PyType_GenericAlloc", Address, Address)  # (type, 0) -> new, all of its slots not set
call = _c("PyObject_Vectorcall", Address, Address, Address, Address)  # (callable, arguments, count, 0) -> new
get_attribute = _c("PyObject_GetAttr", Address, Address)  # new
sequence_item = _c("PySequence_GetItem", Address, Address)  # new
tuple_of = _c("PyTuple_New", Address)  # new, to be filled at once
tuple_set = _c("PyTuple_SetItem", Address, Address, Address)  # takes the reference
tuple_item = _c("PyTuple_GetItem", Address, Address)  # borrowed
tuple_size = _c("PyTuple_Size", Address)
list_item = _c("PyList_GetItem", Address, Address)  # borrowed
list_set = _c("PyList_SetItem", Address, Address, Address)  # takes the reference; 0, or -1 with an error set
list_append = _c("PyList_Append", Address, Address)
list_of = _c("PyList_New", Address)  # new, to be filled at once
set_attribute = _c("PyObject_SetAttr", Address, Address, Address)
weak_reference = _c("PyWeakref_NewRef", Address, Address)  # new
list_size = _c("PyList_Size", Address)
from_integer = _c("PyLong_FromSsize_t", Address)  # new
to_integer = _c("PyLong_AsSsize_t", Address)
to_float = _c("PyFloat_AsDouble", Address, result=types.float64)
dict_item = _c("PyDict_GetItem", Address, Address)  # borrowed; 0 if it is not there
add = _c("PyNumber_Add", Address, Address)  # new
memory = _c("PyMem_RawMalloc", Address)
grown = _c("PyMem_RawRealloc", Address, Address)
release = _c("PyMem_RawFree", Address, result=types.void)
error = _c("PyErr_Occurred")  # borrowed; 0 if there is none
forget_error = _c("PyErr_Clear", result=types.void)


@_emitted
def load(typing_context, address):
    """The 64 bits at an address."""

    def generate(context, builder, signature, arguments):
        return builder.load(builder.inttoptr(arguments[0], ir.IntType(64).as_pointer()))

    return Address(Address), generate


@_emitted
def store(typing_context, address, value):
    """Write 64 bits to an address."""

    def generate(context, builder, signature, arguments):
        builder.store(arguments[1], builder.inttoptr(arguments[0], ir.IntType(64).as_pointer()))
        return context.get_dummy_value()

    return types.void(Address, Address), generate


@_emitted
def room(typing_context):
    """The address of memory for ROOM addresses, until the function that asks returns."""

    def generate(context, builder, signature, arguments):
        memory = cgutils.alloca_once(builder, ir.IntType(64), size=ROOM)
        return builder.ptrtoint(memory, ir.IntType(64))

    return Address(), generate


ROOM = 24


def pointer(kind: Any) -> Any:
    """A compiled function that makes an address a pointer to numbers of a type."""

    def cast(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(Address), generate

    return _emitted(cast)


@numba.njit
def type_of(o):
    return load(o + 8)


@numba.njit
def kept(o):
    """The object, one reference more: new."""
    add_reference(o)
    return o


@numba.njit
def put(o, at, value):
    """Set an empty slot; the value gets one reference more."""
    add_reference(value)
    store(o + at, value)


def offsets(cls: type) -> dict[str, int]:
    """Where the slots of a class and its bases stand in an object, by their names."""
    found = {}
    for base in cls.__mro__:
        for name in base.__dict__.get("__slots__", ()):
            if not name.startswith("__"):
                member = ctypes.c_ssize_t.from_address(
                    id(base.__dict__[name]) + 40
                ).value  # PyMemberDescrObject.d_member
                found[name] = ctypes.c_ssize_t.from_address(member + 16).value  # PyMemberDef.offset
    return found


# arrays (PyArrayObject_fields) ---------------------------------------------------------------------------------------


@numba.njit
def array_data(a):
    return load(a + 16)


@numba.njit
def rank(a):
    return load(a + 24) & 0x7FFFFFFF


@numba.njit
def size_along(a, axis):
    return load(load(a + 32) + 8 * axis)


@numba.njit
def array_base(a):
    """What the array is a view of: borrowed; 0 if nothing."""
    return load(a + 48)


@numba.njit
def array_dtype(a):
    """Borrowed."""
    return load(a + 56)


@numba.njit
def is_contiguous(a):
    return load(a + 64) & 1 != 0


@numba.njit
def is_dense(a, item):
    """Whether the strides are those of C order also along axes of one element; item: bytes of a number."""
    step = item
    for i in range(rank(a)):
        axis = rank(a) - 1 - i
        if load(load(a + 40) + 8 * axis) != step:
            return False
        step *= size_along(a, axis)
    return True


@numba.njit
def size_of(a):
    n = 1
    for i in range(rank(a)):
        n *= size_along(a, i)
    return n


@numba.njit
def alike(a, b):
    """Whether two arrays have one shape."""
    if rank(a) != rank(b):
        return False
    for i in range(rank(a)):
        if size_along(a, i) != size_along(b, i):
            return False
    return True


@numba.njit
def shape_of(a):
    """The array's shape: new."""
    n = rank(a)
    shape = tuple_of(n)
    for i in range(n):
        tuple_set(shape, i, from_integer(size_along(a, i)))
    return shape


@numba.njit
def has_shape(a, shape):
    """Whether the array's shape is that tuple."""
    n = rank(a)
    if tuple_size(shape) != n:
        return False
    for i in range(n):
        if to_integer(tuple_item(shape, i)) != size_along(a, i):
            return False
    return True


@_emitted
def _new_array(typing_context, make, cls, dtype, rank, sizes):
    def generate(context, builder, signature, arguments):
        word, short = ir.IntType(64), ir.IntType(32)
        kind = ir.FunctionType(word, [word, word, short, word, word, word, short, word])
        make, cls, dtype, rank, sizes = arguments
        zero = word(0)
        function = builder.inttoptr(make, kind.as_pointer())
        return builder.call(function, [cls, dtype, builder.trunc(rank, short), sizes, zero, zero, short(0), zero])

    return Address(Address, Address, Address, Address, Address), generate


@numba.njit
def new_array(make, cls, dtype, rank, sizes):
    """An array in C order whose numbers are not set: new. make: `array_maker()`; cls: np.ndarray; sizes: an address."""
    add_reference(dtype)
    return _new_array(make, cls, dtype, rank, sizes)


def array_maker() -> int:
    """The address of NumPy's PyArray_NewFromDescr, the 94th of its C functions."""
    pointer: Any = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = pointer(np._core._multiarray_umath._ARRAY_API, None)  # type: ignore[attr-defined]
    return ctypes.c_ssize_t.from_address(table + 8 * 94).value


# compiled functions as Python's --------------------------------------------------------------------------------------


def compiled(function: Any) -> Any:
    """The machine code of `function(facts, arguments, count)`, kept on disk under a name of its sources."""
    digest = hashlib.sha256(sources().encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    named: Any = FunctionType(function.__code__, function.__globals__, function.__name__)
    named.__module__, named.__qualname__ = function.__module__, f"{function.__name__}_{digest.hexdigest()[:12]}"
    signature = Address(Address, Address, Address)
    with alone():
        try:
            return numba.cfunc(signature, cache=True)(named)
        except RuntimeError:  # numba found no place to write
            return numba.cfunc(signature)(named)


class _Method(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


def keep(*objects: Any) -> None:
    """Never free them: compiled code has their addresses, and may be called when Python, at its end, drops modules."""
    for o in objects:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(o))


def callable_of(function: Any, name: str, facts: np.ndarray[Any, Any]) -> Any:
    """A Python function that calls `function(facts' address, arguments' address, their count)`."""
    method = _Method(name.encode(), function.address, 0x80, None)  # METH_FASTCALL
    keep(method, function, facts)
    make: Any = ctypes.pythonapi.PyCMethod_New
    make.restype, make.argtypes = (
        ctypes.py_object,
        [ctypes.c_void_p, ctypes.py_object, ctypes.py_object, ctypes.c_void_p],
    )
    return make(ctypes.addressof(method), facts, None, None)
