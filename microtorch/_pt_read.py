"""Reading PyTorch's .pt files: an interpreter of pickles that builds tensors, containers and numbers, and nothing else.

A pickle is a program for a small machine with a stack. This machine never imports a module and never calls a function
that the file names: a name is looked up in a table of what may be built (`BUILDERS`), and what is not there is an
error. So a file can at worst be refused. Classes that the user has allowed by name (`add_safe_globals`) are the one
exception. Opcodes: Python's Lib/pickletools.py.
"""

from __future__ import annotations

import pickle
import struct
import sys
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from types import FunctionType
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from microtorch import dtypes
from microtorch._missing import torch_name
from microtorch._tensor import Tensor
from microtorch.autograd.state import Storage as Memory, wrap
from microtorch.kernels.bfloat16 import BF16, BFloats
from microtorch.nn.modules.module import Module
from microtorch.nn.parameter import Parameter
from microtorch.size import Size, device, strided

Array = NDArray[Any]
Error = pickle.UnpicklingError
ReadRecord = Callable[[str], Array]  # from a storage's key to its bytes
Place = Callable[[Any, str], None]  # checks where a storage belongs

_MODERN = {"__builtin__": "builtins", "copy_reg": "copyreg", "numpy.core.multiarray": "numpy._core.multiarray"}

STORAGE_DTYPES: dict[str, Any] = {f"{d.type_name}Storage": d.numpy for d in dtypes.all_dtypes}
UNSUPPORTED = {"QInt8Storage", "QUInt8Storage", "QInt32Storage", "QUInt4x2Storage", "QUInt2x4Storage",
               "Float8_e5m2Storage", "Float8_e4m3fnStorage", "ComplexHalfStorage"}  # fmt: skip
DTYPES: dict[str, Any] = {f"torch.{d.name}": d for d in dtypes.all_dtypes}


class Storage:
    """A record of the file: raw bytes, and the dtype they are of (None: whatever a tensor takes them for)."""

    def __init__(self, raw: Array, dtype: Any) -> None:
        self.raw, self.dtype = raw, dtype


class Name:
    """A function or class that the file names, not looked up: `builder` makes what a call of it gives."""

    def __init__(self, name: str, builder: Callable[..., Any]) -> None:
        self.name, self.builder = name, builder


# what may be built ----------------------------------------------------------------------------------------------------


def _ints(values: Any, what: str) -> tuple[int, ...]:
    if not isinstance(values, tuple) or any(type(v) is not int or v < 0 for v in values):
        raise Error(f"{what} of a tensor must be numbers from 0 on, not {values!r:.80}")
    return values


def tensor(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any = False, hooks: Any = None, meta: Any = None
) -> Tensor:
    """A tensor on a storage; NumPy refuses what reaches beyond it."""
    if not isinstance(storage, Storage) or storage.dtype is None:
        raise Error("a tensor must lie on a storage with a dtype")
    return _tensor_on(storage, storage.dtype, offset, size, stride, requires_grad)


def tensor_of_dtype(
    storage: Any, offset: Any, size: Any, stride: Any, requires_grad: Any, hooks: Any, dtype: Any, meta: Any = None
) -> Tensor:
    """A tensor on a storage that has no dtype of its own."""
    if not isinstance(storage, Storage) or not isinstance(dtype, dtypes.dtype):
        raise Error("a tensor must lie on a storage and have a dtype")
    return _tensor_on(storage, dtype.numpy, offset, size, stride, requires_grad)


def _tensor_on(storage: Storage, dtype: Any, offset: Any, size: Any, stride: Any, requires_grad: Any) -> Tensor:
    (offset,) = _ints((offset,), "the offset")
    size, stride = _ints(tuple(size) if isinstance(size, Size) else size, "sizes"), _ints(stride, "strides")
    if len(size) != len(stride):
        raise Error(f"a tensor with {len(size)} sizes and {len(stride)} strides")
    step = dtype.itemsize
    kind = np.dtype(np.uint16) if dtype is BF16 else dtype
    try:
        steps = tuple([s * step for s in stride])
        array: Any = np.ndarray(size, kind, storage.raw, offset * step, steps)
    except (TypeError, ValueError, OverflowError) as error:
        raise Error(
            f"a tensor of size {list(size)}, strides {list(stride)} and offset {offset} does not fit in its storage of "
            f"{len(storage.raw) // step} elements"
        ) from error
    held: Any = BFloats(array) if dtype is BF16 else array
    t = wrap(held)
    if array.nbytes != len(storage.raw):
        t._storage = Memory(storage.raw.view(kind))  # that of the tensor alone, though others lie in the same memory
    if requires_grad:
        t.requires_grad_(True)
    return t


def parameter(data: Any, requires_grad: Any = True, hooks: Any = None) -> Parameter:
    """A Parameter."""
    if not isinstance(data, Tensor):
        raise Error("a Parameter must be made of a tensor")
    return Parameter(data.detach(), bool(requires_grad))


def parameter_with_state(data: Any, requires_grad: Any, hooks: Any, state: Any) -> Parameter:
    """A Parameter with attributes."""
    p = parameter(data, requires_grad)
    _set_attributes(p, state)
    return p


def tensor_with_state(function: Any, kind: Any, args: Any, state: Any) -> Tensor:
    """A tensor with attributes."""
    if not isinstance(function, Name) or function.name not in _REBUILDERS or not isinstance(args, tuple):
        raise Error(f"a tensor rebuilt by {getattr(function, 'name', function)!r:.80}")
    t: Tensor = _REBUILDERS[function.name](*args)
    if isinstance(kind, Name) and kind.name == "torch.nn.parameter.Parameter":
        t = parameter(t, t.requires_grad)
    elif isinstance(kind, type) and issubclass(kind, Tensor):
        t = t.as_subclass(kind)
    _set_attributes(t, state)
    return t


def _set_attributes(t: Any, state: Any) -> None:
    """Give a tensor the attributes that it was saved with; none of those that make it work."""
    state = state[0] if isinstance(state, tuple) and state else state
    if not isinstance(state, dict):
        raise Error("the attributes of a tensor must be a dictionary")
    for name, value in state.items():
        if not isinstance(name, str) or name.startswith("_") or hasattr(type(t), name):
            raise Error(f"{name!r:.80} cannot be an attribute of a tensor")
        t.__dict__[name] = value


def refused(what: str) -> Callable[..., Any]:
    """A builder of what we do not have."""

    def build(*args: Any) -> Any:
        raise NotImplementedError(f"microtorch.load does not read {what}")

    return build


def encoded(text: Any, encoding: Any = "latin1") -> bytes:
    """Bytes, as protocol 2 writes them: text of one byte each."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise Error(f"bytes encoded by {encoding!r:.80}")
    return text.encode("latin1")


def _no_bytes(*args: Any) -> bytes:
    """Empty bytes, as protocol 2 writes them."""
    if args:
        raise Error(f"bytes made of {args!r:.80}")
    return b""


def _bytearray(*args: Any) -> bytearray:
    """A bytearray of bytes (a number would be a way to fill the memory)."""
    if args and not isinstance(args[0], bytes):
        return bytearray(encoded(*args))
    return bytearray(*args)


def _complex(real: Any, imag: Any) -> complex:
    if not isinstance(real, (int, float)) or not isinstance(imag, (int, float)):
        raise Error("a complex number must be made of two numbers")
    return complex(real, imag)


def _dictionary(cls: Any) -> Callable[..., Any]:
    """A builder of a kind of dictionary, from nothing, a dictionary, or pairs."""

    def build(*args: Any) -> Any:
        if len(args) > 1 or (args and not isinstance(args[0], (dict, list, tuple))):
            raise Error(f"{cls.__name__} made of {args!r:.80}")
        return cls(*args)

    return build


def _collection(cls: Any) -> Callable[..., Any]:
    """A builder of a kind of set, or of a Size, from a list or tuple."""

    def build(items: Any = ()) -> Any:
        if not isinstance(items, (list, tuple)):
            raise Error(f"{cls.__name__} made of {items!r:.80}")
        return cls(hashable(items) if cls is not Size else _ints(tuple(items), "sizes"))

    return build


def hashable(items: Any) -> Any:
    """The items, once it is sure that hashing them ends soon (not tuples of tuples of ... of the same)."""
    for item in items:
        if type(item) is tuple:
            open_, seen = [item], 0
            while open_:
                part = open_.pop()
                seen += len(part)
                if seen > 1000:
                    raise Error("a tuple of more than 1000 parts as a key")
                open_ += [x for x in part if type(x) is tuple]
    return items


def _layout(name: Any) -> Any:
    if name not in ("torch.strided", "torch.sparse_coo", "torch.sparse_csr"):
        raise NotImplementedError(f"microtorch.load does not read tensors of layout {name!r:.80}")
    return name


def sparse_tensor(layout: Any, parts: Any) -> Tensor:
    """A sparse tensor of its parts, which must fit each other."""
    from microtorch.functions.sparse import sparse_coo_tensor, sparse_csr_tensor  # only for files that hold one

    counts = {"torch.sparse_coo": (2, 3, 4), "torch.sparse_csr": (3, 4)}
    if not isinstance(layout, str) or not isinstance(parts, tuple) or len(parts) not in counts.get(layout, ()):
        raise Error(f"a sparse tensor of layout {layout!r:.80}")
    tensors, size = parts[: counts[layout][0]], tuple(parts[counts[layout][0] :][:1])
    if not all(isinstance(t, Tensor) and t.layout is strided for t in tensors):
        raise Error("a sparse tensor must be made of tensors")
    if any(t._data.dtype.kind != "i" for t in tensors[:-1]):
        raise Error("the places of a sparse tensor must be integers")
    sizes = [_ints(tuple(s), "sizes") for s in size if isinstance(s, (tuple, list))]
    try:
        if layout == "torch.sparse_csr":
            return sparse_csr_tensor(*tensors, *sizes, check_invariants=True)
        coalesced = bool(parts[3]) if len(parts) == 4 else None
        return sparse_coo_tensor(*tensors, *sizes, check_invariants=True, is_coalesced=coalesced)
    except RuntimeError as error:
        raise Error(f"a sparse tensor whose parts do not fit: {error}") from error


_REBUILDERS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": tensor,
    "torch._utils._rebuild_tensor_v2": tensor,
    "torch._utils._rebuild_tensor_v3": tensor_of_dtype,
    "torch._utils._rebuild_sparse_tensor": sparse_tensor,
    "torch._utils._rebuild_parameter": parameter,
    "torch._utils._rebuild_parameter_with_state": parameter_with_state,
}

BUILDERS: dict[str, Callable[..., Any]] = {
    **_REBUILDERS,
    "torch._tensor._rebuild_from_type_v2": tensor_with_state,
    "torch.nn.parameter.Parameter": parameter,
    "torch._utils._rebuild_qtensor": refused("quantized tensors"),
    "torch._utils._rebuild_meta_tensor_no_storage": refused("tensors on the meta device"),
    "torch._utils._rebuild_nested_tensor": refused("nested tensors"),
    "torch._utils._rebuild_wrapper_subclass": refused("tensor subclasses"),
    "torch._utils._rebuild_device_tensor_from_numpy": refused("tensors of other devices"),
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": refused("tensors of other devices"),
    "torch.serialization._get_layout": _layout,
    "torch.Tensor": refused("tensors of very old files"),
    "torch.Size": _collection(Size),
    "torch.device": device,
    "collections.OrderedDict": _dictionary(OrderedDict),
    "collections.Counter": _dictionary(Counter),
    "_codecs.encode": encoded,
    "builtins.bytes": _no_bytes,
    "builtins.bytearray": _bytearray,
    "builtins.set": _collection(set),
    "builtins.complex": _complex,
}
"""What any file may hold, by the name that it has in the pickle."""


# what files that are trusted to hold more may hold (weights_only=False) -----------------------------------------------


class NumpyDtype:
    """A NumPy dtype as it is read: its code, and the byte order that follows."""

    def __init__(self, code: Any, *flags: Any) -> None:
        if not isinstance(code, str) or not code[:1].isalpha() or not code[1:].isdigit() or code[0] in "OV":
            raise Error(f"a NumPy array of {code!r:.80}")
        self.dtype: Any = np.dtype(code)

    def build(self, state: Any) -> None:
        if isinstance(state, tuple) and len(state) > 1 and state[1] in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(state[1])


def _numpy_array(cls: Any, shape: Any, code: Any) -> Array:
    if type(cls) is not Name or cls.name != "numpy.ndarray":
        raise Error("a NumPy array of another class")
    return np.empty(0)


def _fill_numpy_array(a: Array, state: Any) -> None:
    """The state of a NumPy array: version, shape, dtype, order, bytes."""
    if not isinstance(state, tuple) or len(state) != 5 or not isinstance(state[2], NumpyDtype):
        raise Error("a NumPy array in a form that is not known")
    _, shape, dtype, fortran, data = state
    if not isinstance(data, bytes):
        raise Error("a NumPy array without its bytes")
    try:
        a.__setstate__((1, _ints(shape, "sizes"), dtype.dtype, bool(fortran), data))  # type: ignore[arg-type]
    except ValueError as error:
        raise Error(f"a NumPy array of size {shape!r:.80}: {error}") from error


def _numpy_scalar(dtype: Any, data: Any) -> Any:
    if not isinstance(dtype, NumpyDtype) or not isinstance(data, bytes) or len(data) != dtype.dtype.itemsize:
        raise Error("a NumPy number in a form that is not known")
    return np.frombuffer(data, dtype.dtype)[0]


def _slice(*args: Any) -> slice:
    return slice(*args)


def _defaultdict(factory: Any = None, *args: Any) -> defaultdict[Any, Any]:
    if factory is not None and (not isinstance(factory, Name) or factory.name not in _FACTORIES):
        raise Error(f"a defaultdict of {getattr(factory, 'name', factory)!r:.80}")
    return defaultdict(None if factory is None else _FACTORIES[factory.name])


_FACTORIES: dict[str, Any] = {f"builtins.{t.__name__}": t for t in (int, float, str, list, dict, set, tuple, bool)}

MORE_BUILDERS: dict[str, Callable[..., Any]] = {
    "numpy._core.multiarray._reconstruct": _numpy_array,
    "numpy._core.multiarray.scalar": _numpy_scalar,
    "numpy.dtype": NumpyDtype,
    "numpy.ndarray": refused("NumPy arrays of very old files"),
    "collections.defaultdict": _defaultdict,
    "builtins.frozenset": _collection(frozenset),
    "builtins.slice": _slice,
    "builtins.range": range,
    **{name: refused(f"a call of {name}") for name in _FACTORIES if name != "builtins.set"},
}


def _in_program(name: str) -> Any:
    """What the running program has under that name; nothing is imported, and nothing called. None if it has nothing."""
    path = name.split(".")
    for i in range(len(path) - 1, 0, -1):
        head = ".".join(path[:i])
        home = sys.modules.get("microtorch" + head[5:] if head.split(".")[0] == "torch" else head)
        if home is not None:
            found: Any = home
            for part in path[i:]:
                found = vars(found).get(part) if hasattr(found, "__dict__") else None
            return found
    return None


def _set_module_state(module: Module, state: Any) -> None:
    """The attributes of a Module. A `__setstate__` of the program's own is not called: it may do anything."""
    if not isinstance(state, dict) or any(type(k) is not str for k in state):
        raise Error("the state of a Module must be a dictionary")
    owner = next(c for c in type(module).__mro__ if "__setstate__" in vars(c) or c is object)
    if owner is not object and not vars(owner)["__setstate__"].__module__.startswith("microtorch."):
        raise Error(
            f"{torch_name(owner.__module__)}.{owner.__qualname__} defines __setstate__, which load does not call"
        )
    if owner is object:
        module.__dict__.update(state)
    else:
        module.__setstate__(state)


_CLASSES = ("torch.nn.parameter.Parameter", "collections.OrderedDict", "collections.Counter", "builtins.set")


# the machine ----------------------------------------------------------------------------------------------------------


class Reader:
    """Reads one pickle from bytes.

    read_record: the bytes of a storage by its key. place: called with each storage and its device.
    allowed: the user's classes and functions by name. trusted: more kinds of objects are built (weights_only=False).
    """

    def __init__(
        self, data: bytes, read_record: ReadRecord, place: Place, allowed: dict[str, Any], trusted: bool, swap: bool
    ) -> None:
        self.data, self.at = data, 0
        self.read_record, self.place, self.allowed, self.trusted, self.swap = read_record, place, allowed, trusted, swap
        self.storages: dict[str, Storage] = {}
        self.granted: dict[int, str] = {}  # classes and functions that may be called or made objects of, by their id
        self.loose = 0  # names on the stack, less those that were used: they must not get into the result

    def load(self) -> Any:
        """The object. Raises UnpicklingError for a pickle that is broken or asks for what may not be built."""
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []  # the stacks under each mark
        self.memo: dict[int, Any] = {}
        operations = self._operations
        try:
            while True:
                opcode = self.take(1)
                if opcode == pickle.STOP:
                    if self.loose:
                        raise NotImplementedError("microtorch.load does not read classes and functions as values")
                    return self.stack.pop()
                operation = operations.get(opcode)
                if operation is None:
                    raise Error(f"Unsupported operand {opcode[0]}")
                operation(self)
        except (IndexError, KeyError, TypeError, ValueError, AttributeError, struct.error, OverflowError) as error:
            raise Error(f"the file is damaged: its pickle is not valid ({type(error).__name__}: {error})") from error
        except (RecursionError, MemoryError) as error:
            raise Error(f"the file is damaged: its pickle is not valid ({type(error).__name__})") from error

    # the bytes

    def take(self, n: int) -> bytes:
        """The next n bytes."""
        start, self.at = self.at, self.at + n
        if n < 0 or self.at > len(self.data):
            raise Error("the file is damaged: its pickle ends too early")
        return self.data[start : self.at]

    def number(self, form: str) -> int:
        """A number of that format."""
        (n,) = struct.unpack(form, self.take(struct.calcsize(form)))
        return n

    def line(self) -> str:
        """Text up to the end of the line."""
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise Error("the file is damaged: its pickle ends too early")
        start, self.at = self.at, end + 1
        return self.data[start:end].decode()

    def text(self, form: str) -> str:
        """Text with its length before it."""
        return self.take(self.number(form)).decode("utf-8", "surrogatepass")

    # the stack

    def push(self, value: Any) -> None:
        self.stack.append(value)
        if type(value) is Name:
            self.loose += 1

    def use(self, name: Name) -> None:
        """Note that a name on the stack was put to its use."""
        self.loose -= 1

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def above_mark(self) -> list[Any]:
        """Take what lies above the last mark."""
        items, self.stack = self.stack, self.below.pop()
        return items

    def pack(self, n: int) -> None:
        items = self.stack[-n:]
        if len(items) < n:
            raise IndexError("stack")
        self.stack[-n:] = [tuple(items)]

    def extend(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not list:
            raise Error(f"Can only extend lists, but got {type(target)}")
        target.extend(items)

    def add(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) is not set:
            raise Error(f"Can only add to sets, but got {type(target)}")
        target.update(hashable(items))

    def set_items(self, items: list[Any]) -> None:
        target = self.stack[-1]
        if type(target) not in (dict, OrderedDict, Counter, defaultdict):
            raise Error(
                f"Can only SETITEMS for dict, collections.OrderedDict, collections.Counter, but got {type(target)}"
            )
        if len(items) % 2:
            raise IndexError("stack")
        for key, value in zip(hashable(items[::2]), items[1::2]):
            target[key] = value

    def remember(self, n: int) -> None:
        self.memo[n] = self.stack[-1]

    # names and calls

    def name(self, module: Any, name: Any) -> None:
        """Push what a name stands for."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise Error("a name must be text")
        full = f"{_MODERN.get(module, module)}.{name}"
        full = "builtins.range" if full == "builtins.xrange" else full
        builder = BUILDERS.get(full)
        if builder is not None:
            self.push(Name(full, builder))
        elif full in DTYPES:
            self.push(DTYPES[full])
        elif full.startswith("torch.") and full.endswith("Storage"):
            self.push(Name(full, refused("storages of very old files")))
        elif full in self.allowed:
            self.grant(full, self.allowed[full])
        elif self.trusted and full in MORE_BUILDERS:
            self.push(Name(full, MORE_BUILDERS[full]))
        elif self.trusted and full == "builtins.Ellipsis":
            self.push(...)
        elif self.trusted and isinstance(found := _in_program(full), type) and issubclass(found, Module):
            self.grant(full, found)
        elif self.trusted and full.startswith("torch.nn.functional.") and isinstance(found, FunctionType):
            self.push(found)  # such as a layer's activation: it is not called here
        else:
            self.refuse(full)

    def grant(self, full: str, value: Any) -> None:
        """Push a class or function that may be called, or made objects of."""
        self.granted[id(value)] = full
        self.push(value)

    def refuse(self, full: str) -> None:
        shown = full.removeprefix("builtins.")
        if self.trusted:
            raise Error(
                f"Unsupported global: GLOBAL {shown} is not something that microtorch.load builds: it never runs code "
                f"that a file names. Use `torch.serialization.add_safe_globals([{shown}])` or the "
                f"`torch.serialization.safe_globals([{shown}])` context manager to allow it if you trust this "
                "class/function."
            )
        raise Error(
            f"Unsupported global: GLOBAL {shown} was not an allowed global by default. Please use "
            f"`torch.serialization.add_safe_globals([{shown}])` or the `torch.serialization.safe_globals([{shown}])` "
            "context manager to allowlist this global if you trust this class/function."
        )

    def reduce(self) -> None:
        """A call: of a builder, or of what the user has allowed."""
        args, function = self.stack.pop(), self.stack.pop()
        if not isinstance(args, tuple):
            raise Error("the arguments of a call must be a tuple")
        if type(function) is Name:
            self.use(function)
            for arg in args:
                if type(arg) is Name:  # a dtype's, an array's or a tensor's class
                    self.use(arg)
            self.push(function.builder(*args))
        elif self.granted.get(id(function)) in self.allowed:
            self.push(function(*args))
        else:
            raise Error(f"Trying to call reduce for unrecognized function {function!r:.80}")

    def new_object(self) -> None:
        """A new object of an allowed class, not initialised."""
        args, cls = self.stack.pop(), self.stack.pop()
        if not isinstance(args, tuple):
            raise Error("the arguments of a class must be a tuple")
        if type(cls) is Name and cls.name in _CLASSES:
            self.use(cls)
            self.push(cls.builder(*args))
        elif isinstance(cls, type) and id(cls) in self.granted:
            self.push(cls.__new__(cls, *args) if self.granted[id(cls)] in self.allowed else object.__new__(cls))
        else:
            raise Error(
                "Can only create new object for nn.Parameter or classes allowlisted via `add_safe_globals` but got "
                f"{getattr(cls, 'name', cls)!r:.80}"
            )

    def build(self) -> None:
        """Give an object its state."""
        state = self.stack.pop()
        target = self.stack[-1]
        if type(target) is OrderedDict:
            if not isinstance(state, dict) or any(type(k) is not str for k in state):
                raise Error("the attributes of an OrderedDict must be a dictionary")
            target.__dict__.update(state)
        elif type(target) in (Tensor, Parameter):
            _set_attributes(target, state)
        elif type(target) in self.allowed.values():
            if hasattr(target, "__setstate__"):
                target.__setstate__(state)
            else:
                attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
                if attributes:
                    target.__dict__.update(attributes)
                for name, value in (slots or {}).items():
                    setattr(target, name, value)
        elif self.trusted and isinstance(target, Module):
            _set_module_state(target, state)
        elif self.trusted and type(target) is np.ndarray:
            _fill_numpy_array(target, state)
        elif self.trusted and type(target) is NumpyDtype:
            target.build(state)
        else:
            raise Error(
                "Can only build Tensor, Parameter, OrderedDict or types allowlisted via `add_safe_globals`, but got "
                f"{type(target)}"
            )

    def storage(self) -> None:
        """Push the storage that a persistent id stands for."""
        pid = self.stack.pop()
        if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage":
            raise Error(f"Only persistent_load of storage is allowed, but got {pid!r:.80}")
        _, kind, key, location, count = pid[:5]
        if type(kind) is Name:
            self.use(kind)
        if not isinstance(kind, Name) or not isinstance(key, str) or not isinstance(location, str):
            raise Error("a storage in a form that is not known")
        found = self.storages.get(key)
        if found is None:
            (count,) = _ints((count,), "the number of elements")
            found = self.storages[key] = self._make_storage(kind.name.rsplit(".", 1)[-1], key, count)
            self.place(found, location)
        if len(pid) > 5 and pid[5] is not None:  # old files: a view of a storage, in elements
            _, start, count = pid[5]
            start, count = _ints((start, count), "the view")
            step = found.dtype.itemsize
            found = Storage(found.raw[start * step : (start + count) * step], found.dtype)
        self.push(found)

    def _make_storage(self, kind: str, key: str, count: int) -> Storage:
        dtype = STORAGE_DTYPES.get(kind)
        size = 1 if dtype is None else dtype.itemsize
        if dtype is None and kind != "UntypedStorage":
            if kind in UNSUPPORTED:
                raise NotImplementedError(f"microtorch.load does not read a {kind}")
            raise Error(f"{kind!r:.80} is no kind of storage")
        raw = self.read_record(key)
        if len(raw) < count * size:
            raise Error(f"the file is damaged: storage {key!r:.80} has {len(raw)} bytes, not {count * size}")
        raw = raw[: count * size]
        if self.swap and dtype is not None and size > 1:
            part = dtype.itemsize // 2 if dtype.kind == "c" else dtype.itemsize
            raw = raw.view(f"u{part}").byteswap().view(np.uint8)
        return Storage(raw, dtype)

    def protocol(self) -> None:
        n = self.number("B")
        if n > 5:
            raise Error(f"unsupported pickle protocol: {n}")

    def frozen(self) -> None:
        if not self.trusted:
            self.refuse("builtins.frozenset")
        self.push(frozenset(self.above_mark()))

    def stack_global(self) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.name(module, name)

    def pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.above_mark()

    def pairs(self) -> None:
        items = self.above_mark()
        self.push({})
        self.set_items(items)

    _operations: ClassVar[dict[bytes, Callable[[Any], Any]]] = {
        pickle.PROTO: protocol,
        pickle.FRAME: lambda self: self.number("<Q"),
        pickle.MARK: mark,
        pickle.POP: pop,
        pickle.POP_MARK: lambda self: self.above_mark(),
        pickle.DUP: lambda self: self.push(self.stack[-1]),
        pickle.NONE: lambda self: self.push(None),
        pickle.NEWTRUE: lambda self: self.push(True),
        pickle.NEWFALSE: lambda self: self.push(False),
        pickle.BININT: lambda self: self.push(self.number("<i")),
        pickle.BININT1: lambda self: self.push(self.number("B")),
        pickle.BININT2: lambda self: self.push(self.number("<H")),
        pickle.LONG1: lambda self: self.push(pickle.decode_long(self.take(self.number("B")))),
        pickle.LONG4: lambda self: self.push(pickle.decode_long(self.take(self.number("<i")))),
        pickle.BINFLOAT: lambda self: self.push(struct.unpack(">d", self.take(8))[0]),
        pickle.BINUNICODE: lambda self: self.push(self.text("<I")),
        pickle.SHORT_BINUNICODE: lambda self: self.push(self.text("B")),
        pickle.BINUNICODE8: lambda self: self.push(self.text("<Q")),
        pickle.SHORT_BINSTRING: lambda self: self.push(self.take(self.number("B")).decode("ascii")),
        pickle.BINSTRING: lambda self: self.push(self.take(self.number("<i")).decode("ascii")),
        pickle.SHORT_BINBYTES: lambda self: self.push(self.take(self.number("B"))),
        pickle.BINBYTES: lambda self: self.push(self.take(self.number("<I"))),
        pickle.BINBYTES8: lambda self: self.push(self.take(self.number("<Q"))),
        pickle.BYTEARRAY8: lambda self: self.push(bytearray(self.take(self.number("<Q")))),
        pickle.EMPTY_TUPLE: lambda self: self.push(()),
        pickle.TUPLE1: lambda self: self.pack(1),
        pickle.TUPLE2: lambda self: self.pack(2),
        pickle.TUPLE3: lambda self: self.pack(3),
        pickle.TUPLE: lambda self: self.push(tuple(self.above_mark())),
        pickle.EMPTY_LIST: lambda self: self.push([]),
        pickle.LIST: lambda self: self.push(self.above_mark()),
        pickle.APPEND: lambda self: self.extend([self.stack.pop()]),
        pickle.APPENDS: lambda self: self.extend(self.above_mark()),
        pickle.EMPTY_DICT: lambda self: self.push({}),
        pickle.DICT: pairs,
        pickle.SETITEM: lambda self: self.set_items([self.stack.pop(), self.stack.pop()][::-1]),
        pickle.SETITEMS: lambda self: self.set_items(self.above_mark()),
        pickle.EMPTY_SET: lambda self: self.push(set()),
        pickle.ADDITEMS: lambda self: self.add(self.above_mark()),
        pickle.FROZENSET: frozen,
        pickle.GLOBAL: lambda self: self.name(self.line(), self.line()),
        pickle.STACK_GLOBAL: stack_global,
        pickle.REDUCE: reduce,
        pickle.NEWOBJ: new_object,
        pickle.BUILD: build,
        pickle.BINPERSID: storage,
        pickle.BINPUT: lambda self: self.remember(self.number("B")),
        pickle.LONG_BINPUT: lambda self: self.remember(self.number("<I")),
        pickle.MEMOIZE: lambda self: self.remember(len(self.memo)),
        pickle.BINGET: lambda self: self.push(self.memo[self.number("B")]),
        pickle.LONG_BINGET: lambda self: self.push(self.memo[self.number("<I")]),
    }
