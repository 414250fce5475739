"""Writing PyTorch's .pt files: a zip archive with a pickle of the object and one record of raw numbers for each
storage.

The pickle is protocol 2, made opcode by opcode, so that it can name PyTorch's own functions
(`torch._utils._rebuild_tensor_v2`) with no PyTorch there, and holds nothing that `torch.load(weights_only=True)`
refuses, unless the object itself does.
Format: https://github.com/pytorch/pytorch/blob/main/docs/source/notes/serialization.rst and torch/serialization.py.
"""

from __future__ import annotations

import copyreg
import pickle
import struct
import types
import zipfile
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterable
from io import BytesIO
from itertools import islice
from typing import IO, Any, ClassVar

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.typing import NDArray

from microtorch import dtypes
from microtorch._missing import torch_name
from microtorch._tensor import Tensor
from microtorch.autograd.state import whole_storage, wrap
from microtorch.kernels.bfloat16 import address, bits_of
from microtorch.kernels.layouts import is_sparse
from microtorch.nn.parameter import Parameter
from microtorch.size import Size, device

Array = NDArray[Any]

LOCAL_HEADER = 30  # bytes that stand before a record, less its name and comment
ALIGNMENT = 64  # bytes; records begin at multiples, so that they can be mapped into memory
_BATCH = 1000  # items of a list or dictionary that are written at once, as pickle does
_RENAMED = {"builtins": "__builtin__", "copyreg": "copy_reg"}  # protocol 2 uses Python 2's names


class Storage:
    """A stretch of memory that one or more tensors lie in: a record of the file."""

    __slots__ = ("dtype", "key", "raw", "start")

    def __init__(self, start: int, raw: Array, dtype: Any) -> None:
        self.start, self.raw, self.dtype = start, raw, dtype
        self.key = ""  # its number in the file, once a tensor of it has been written


def _extent(a: Array) -> tuple[int, int]:
    """The addresses where an array's memory begins and ends."""
    low, high = byte_bounds(a)
    return int(low), int(high)


def _memory(a: Array, low: int, high: int) -> Array | None:
    """The bytes from address `low` to `high`, through the array that owns `a`'s memory; None if there is none."""
    owner = a
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    if not (owner.flags.c_contiguous or owner.flags.f_contiguous):
        return None
    start, end = _extent(owner)
    if low < start or high > end:
        return None
    return owner.ravel(order="K").view(np.uint8)[low - start : high - start]


class Storages:
    """Which memory the tensors to be saved lie in: tensors that overlap share a storage, as they do in memory.

    Of a view all of its storage is saved, as in PyTorch.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        extents: list[tuple[int, int, Array]] = []
        for t in tensors:
            for a in (t._data,) if t._storage is None else (t._data, whole_storage(t)):
                if a.size:
                    a = bits_of(a)
                    extents.append((*_extent(a), a))
        extents.sort(key=lambda e: e[:2])
        self.merged: list[tuple[int, int, Array]] = []
        for low, high, a in extents:
            if self.merged and low < self.merged[-1][1]:
                before = self.merged[-1]
                self.merged[-1] = (before[0], max(before[1], high), before[2])
            else:
                self.merged.append((low, high, a))
        self.starts = [low for low, _, _ in self.merged]
        self.made: dict[int, Storage] = {}
        self.order: list[Storage] = []

    def place(self, a: Array) -> tuple[Storage, int, tuple[int, ...]]:
        """An array's storage, its offset there and its strides, in elements."""
        size, dtype, a = a.itemsize, a.dtype, bits_of(a)
        if a.size:
            at = address(a)
            i = bisect_right(self.starts, at) - 1
            low, high, whole = self.merged[i]
            storage = self.made.get(i)
            if storage is None:
                raw = _memory(whole, low, high)
                if raw is not None:
                    storage = self.made[i] = Storage(low, raw, dtype)
            if storage is not None and (at - low) % size == 0 and all(s % size == 0 for s in a.strides):
                if storage.dtype != dtype:
                    raise RuntimeError(
                        "Cannot save multiple tensors or storages that view the same data as different types"
                    )
                return self._numbered(storage), (at - low) // size, tuple([s // size for s in a.strides])
            a = a.copy()
        strides, step = [], 1
        for n in reversed(a.shape):
            strides.append(step)
            step *= max(n, 1)
        storage = Storage(0, a.reshape(-1).view(np.uint8) if a.size else np.empty(0, np.uint8), dtype)
        return self._numbered(storage), 0, tuple(reversed(strides))

    def _numbered(self, storage: Storage) -> Storage:
        if not storage.key:
            storage.key = str(len(self.order))
            self.order.append(storage)
        return storage


class Global:
    """A function or class by its name, for the pickle."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


_ORDERED_DICT = Global("collections", "OrderedDict")
_REBUILD = Global("torch._utils", "_rebuild_tensor_v2")
_REBUILD_UNTYPED = Global("torch._utils", "_rebuild_tensor_v3")  # for dtypes that never had a storage class
_REBUILD_PARAMETER = Global("torch._utils", "_rebuild_parameter")
_REBUILD_PARAMETER_WITH_STATE = Global("torch._utils", "_rebuild_parameter_with_state")
_REBUILD_SPARSE = Global("torch._utils", "_rebuild_sparse_tensor")
_REBUILD_WITH_STATE = Global("torch._tensor", "_rebuild_from_type_v2")
_UNTYPED = (dtypes.uint16, dtypes.uint32, dtypes.uint64)


class Reduced:
    """An object as pickle sees it: a function's call, then attributes, items of a list, items of a dictionary."""

    def __init__(self, function: Any, args: Any, state: Any = None, items: Any = None, pairs: Any = None) -> None:
        self.function, self.args, self.state, self.items, self.pairs = function, args, state, items, pairs


class Writer:
    """Writes one pickle. `storages` None: a dry run that only finds the tensors."""

    def __init__(self, storages: Storages | None) -> None:
        self.storages = storages
        self.tensors: list[Tensor] = []
        self.out = BytesIO()
        self.write = self.out.write
        self.memo: dict[
            Any, tuple[int, Any]
        ] = {}  # what was written before; the objects are kept, so that ids stay unique

    def dump(self, obj: Any) -> bytes:
        """The pickle of the object."""
        self.write(pickle.PROTO + b"\x02")
        self.save(obj)
        self.write(pickle.STOP)
        return self.out.getvalue()

    def save(self, obj: Any) -> None:
        """Write one object, or a reference to it if it was written before."""
        if obj is None or obj is True or obj is False:
            self.write(pickle.NONE if obj is None else pickle.NEWTRUE if obj else pickle.NEWFALSE)
            return
        key = (obj.module, obj.name) if type(obj) is Global else id(obj)
        known = self.memo.get(key)
        if known is not None:
            n = known[0]
            self.write(pickle.BINGET + bytes([n]) if n < 256 else pickle.LONG_BINGET + struct.pack("<I", n))
            return
        kind = type(obj)
        method = self._methods.get(kind)
        if method is not None:
            method(self, obj)
        elif isinstance(obj, Tensor):
            self.save_tensor(obj)
        elif isinstance(obj, np.generic):
            self.save(obj.item())
        elif isinstance(obj, (type, types.FunctionType, types.BuiltinFunctionType)):
            self.save_global(Global(*_name_of(obj)), obj)
        else:
            self.save_reduced(_reduced(obj), obj)

    def remember(self, obj: Any) -> None:
        """Give the object just written a number, for references to it."""
        n = len(self.memo)
        key = (obj.module, obj.name) if type(obj) is Global else id(obj)
        self.memo[key] = (n, obj)
        self.write(pickle.BINPUT + bytes([n]) if n < 256 else pickle.LONG_BINPUT + struct.pack("<I", n))

    # numbers and text ------------------------------------------------------------------------------------------------

    def save_int(self, n: int) -> None:
        if 0 <= n < 256:
            self.write(pickle.BININT1 + bytes([n]))
        elif 0 <= n < 65536:
            self.write(pickle.BININT2 + struct.pack("<H", n))
        elif -(2**31) <= n < 2**31:
            self.write(pickle.BININT + struct.pack("<i", n))
        else:
            encoded = pickle.encode_long(n)
            long = len(encoded) > 255
            self.write(pickle.LONG4 + struct.pack("<i", len(encoded)) if long else pickle.LONG1 + bytes([len(encoded)]))
            self.write(encoded)

    def save_float(self, x: float) -> None:
        self.write(pickle.BINFLOAT + struct.pack(">d", x))

    def save_str(self, text: str) -> None:
        encoded = text.encode("utf-8", "surrogatepass")
        self.write(pickle.BINUNICODE + struct.pack("<I", len(encoded)) + encoded)
        self.remember(text)

    def save_bytes(self, b: bytes) -> None:
        self.save_reduced(Reduced(Global("_codecs", "encode"), (b.decode("latin1"), "latin1")), b)

    def save_bytearray(self, b: bytearray) -> None:
        self.save_reduced(Reduced(Global("builtins", "bytearray"), (bytes(b),)), b)

    def save_complex(self, z: complex) -> None:
        self.save_reduced(Reduced(Global("builtins", "complex"), (z.real, z.imag)), z)

    # containers ------------------------------------------------------------------------------------------------------

    def save_tuple(self, items: tuple[Any, ...]) -> None:
        if not items:
            self.write(pickle.EMPTY_TUPLE)
            return
        if len(items) > 3:
            self.write(pickle.MARK)
        for item in items:
            self.save(item)
        if id(items) in self.memo:  # it contains itself, by way of a list: take the one that is written already
            raise NotImplementedError("microtorch.save cannot write a tuple that contains itself")
        self.write((pickle.TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3)[len(items) if len(items) < 4 else 0])
        self.remember(items)

    def save_list(self, items: list[Any]) -> None:
        self.write(pickle.EMPTY_LIST)
        self.remember(items)
        self.append(items)

    def save_dict(self, pairs: dict[Any, Any]) -> None:
        self.write(pickle.EMPTY_DICT)
        self.remember(pairs)
        self.set_items(pairs.items())

    def save_set(self, members: set[Any]) -> None:
        self.save_reduced(Reduced(Global("builtins", "set"), (list(members),)), members)

    def save_frozenset(self, members: frozenset[Any]) -> None:
        self.save_reduced(Reduced(Global("builtins", "frozenset"), (list(members),)), members)

    def save_ordered_dict(self, pairs: OrderedDict[Any, Any]) -> None:
        self.save_reduced(Reduced(_ORDERED_DICT, (), dict(pairs.__dict__) or None, pairs=pairs.items()), pairs)

    def append(self, items: Iterable[Any]) -> None:
        """Add the items to the list on the stack."""
        iterator = iter(items)
        while part := list(islice(iterator, _BATCH)):
            self.write(pickle.MARK)
            for item in part:
                self.save(item)
            self.write(pickle.APPENDS)

    def set_items(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        """Set the items of the dictionary on the stack."""
        iterator = iter(pairs)
        while part := list(islice(iterator, _BATCH)):
            self.write(pickle.MARK)
            for key, value in part:
                self.save(key)
                self.save(value)
            self.write(pickle.SETITEMS)

    # objects ---------------------------------------------------------------------------------------------------------

    def save_global(self, name: Global, obj: Any = None) -> None:
        module = _RENAMED.get(name.module, name.module)
        self.write(pickle.GLOBAL + f"{module}\n{name.name}\n".encode())
        self.remember(name if obj is None else obj)

    def save_reduced(self, r: Reduced, obj: Any) -> None:
        if r.function is copyreg.__newobj__:  # type: ignore[attr-defined]
            cls, *args = r.args
            self.save(cls)
            self.save(tuple(args))
            self.write(pickle.NEWOBJ)
        else:
            self.save(r.function)
            self.save(r.args)
            self.write(pickle.REDUCE)
        self.remember(obj)
        if r.items is not None:
            self.append(r.items)
        if r.pairs is not None:
            self.set_items(r.pairs)
        if r.state is not None:
            self.save(r.state)
            self.write(pickle.BUILD)

    def save_size(self, size: Size) -> None:
        self.save_reduced(Reduced(Global("torch", "Size"), (tuple(size),)), size)

    def save_device(self, d: device) -> None:
        self.save_reduced(Reduced(Global("torch", "device"), (d.type,) if d.index is None else (d.type, d.index)), d)

    def save_dtype(self, d: dtypes.dtype) -> None:
        self.save_global(Global("torch", d.name), d)

    def save_tensor(self, t: Tensor) -> None:
        attributes = {k: v for k, v in t.__dict__.items() if not k.startswith("_")}
        plain = self.plain_tensor(t, t.requires_grad and not isinstance(t, Parameter))
        hooks = Reduced(_ORDERED_DICT, ())
        if isinstance(t, Parameter):
            if attributes:
                reduced = Reduced(_REBUILD_PARAMETER_WITH_STATE, (plain, t.requires_grad, hooks, attributes))
            else:
                reduced = Reduced(_REBUILD_PARAMETER, (plain, t.requires_grad, hooks))
        elif attributes or "_printed" not in vars(type(t)):  # (a class of the user's)
            kind = Global("torch", "Tensor") if "_printed" in vars(type(t)) else type(t)
            reduced = Reduced(_REBUILD_WITH_STATE, (plain.function, kind, plain.args, attributes))
        else:
            reduced = plain
        self.save_reduced(reduced, t)

    def plain_tensor(self, t: Tensor, requires_grad: bool) -> Reduced:
        """How the tensor is rebuilt from its storage."""
        if is_sparse(t._data):
            return self.sparse_tensor(t)
        self.tensors.append(t)
        if self.storages is None:
            return Reduced(_REBUILD, ())
        storage, offset, strides = self.storages.place(t._data)
        dtype = dtypes.of[t._data.dtype]
        untyped = dtype in _UNTYPED
        kind = Global("torch.storage", "UntypedStorage") if untyped else Global("torch", dtype.type_name + "Storage")
        count = len(storage.raw) if untyped else len(storage.raw) // t._data.itemsize
        pid = PersistentId(("storage", kind, storage.key, "cpu", count))
        args = (pid, offset, tuple(t._data.shape), strides, requires_grad, Reduced(_ORDERED_DICT, ()))
        return Reduced(_REBUILD_UNTYPED, (*args, dtype)) if untyped else Reduced(_REBUILD, args)

    def sparse_tensor(self, t: Tensor) -> Reduced:
        """How a sparse tensor is rebuilt from its parts."""
        held: Any = t._data
        layout = Reduced(Global("torch.serialization", "_get_layout"), (repr(t.layout),))
        if t.is_sparse:
            parts: Any = (wrap(held.indices), wrap(held.values), t.shape, held.coalesced)
        else:
            parts = wrap(held.starts), wrap(held.columns), wrap(held.values), t.shape
        return Reduced(_REBUILD_SPARSE, (layout, parts))

    def save_persistent_id(self, pid: PersistentId) -> None:
        self.save(pid.value)
        self.write(pickle.BINPERSID)

    def save_inner(self, r: Reduced) -> None:
        self.save_reduced(r, r)

    _methods: ClassVar[dict[Any, Callable[[Any, Any], None]]] = {
        int: save_int,
        float: save_float,
        str: save_str,
        bytes: save_bytes,
        bytearray: save_bytearray,
        complex: save_complex,
        tuple: save_tuple,
        list: save_list,
        dict: save_dict,
        set: save_set,
        frozenset: save_frozenset,
        OrderedDict: save_ordered_dict,
        Global: save_global,
        Reduced: save_inner,
        Size: save_size,
        device: save_device,
        dtypes.dtype: save_dtype,
    }


class PersistentId:
    """What stands for a storage in the pickle."""

    def __init__(self, value: tuple[Any, ...]) -> None:
        self.value = value


Writer._methods[PersistentId] = Writer.save_persistent_id


def _name_of(obj: Any) -> tuple[str, str]:
    """The module and name under which a class or function is found again; microtorch's under PyTorch's names.

    Raises PicklingError for what has no such name: lambdas, and what is defined in a function.
    """
    module, name = getattr(obj, "__module__", None), obj.__qualname__
    if not isinstance(module, str) or "<" in name:
        raise pickle.PicklingError(f"Can't pickle {obj!r}: it has no name at the top of a module")
    return torch_name(module), name


def _reduced(obj: Any) -> Reduced:
    """Any other object, by its own `__reduce_ex__`."""
    custom = copyreg.dispatch_table.get(type(obj))
    reduced = custom(obj) if custom else obj.__reduce_ex__(2)
    if isinstance(reduced, str):
        return Reduced(Global(torch_name(type(obj).__module__), reduced), ())
    return Reduced(*reduced)


def write_file(obj: Any, file: IO[bytes], root: str, byteorder: str) -> None:
    """Write the archive: all records lie in a folder `root`."""
    dry = Writer(None)
    dry.dump(obj)
    storages = Storages(dry.tensors)
    pickled = Writer(storages).dump(obj)
    stream = _Counting(file)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:  # type: ignore[call-overload]

        def put(name: str, data: Any) -> None:
            info = zipfile.ZipInfo(f"{root}/{name}")
            # A comment of that length in the header ("FB", its length, Z...) moves the data to a multiple of 64.
            padding = -(stream.count + LOCAL_HEADER + len(info.filename.encode())) % ALIGNMENT
            padding += ALIGNMENT if padding < 4 else 0
            info.extra = b"FB" + struct.pack("<H", padding - 4) + b"Z" * (padding - 4)
            archive.writestr(info, data)

        put("data.pkl", pickled)
        put(".format_version", b"1")
        put(".storage_alignment", str(ALIGNMENT).encode())
        put("byteorder", byteorder.encode())
        for storage in storages.order:
            put(f"data/{storage.key}", memoryview(storage.raw))  # type: ignore[arg-type]
        put("version", b"3\n")


class _Counting:
    """A file that is only written to, and counts from where we began."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.count = file, 0

    def write(self, data: Any) -> int:
        self.file.write(data)
        n = memoryview(data).nbytes
        self.count += n
        return n

    def tell(self) -> int:
        return self.count

    def flush(self) -> None:
        if hasattr(self.file, "flush"):
            self.file.flush()

    def seekable(self) -> bool:
        return False
