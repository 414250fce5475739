"""torch.save and torch.load in PyTorch's own .pt format, without PyTorch.

The format (https://docs.pytorch.org/docs/stable/notes/serialization.html): an uncompressed zip archive. `data.pkl` is a pickle
of the object in which each tensor is a call of `torch._utils._rebuild_tensor_v2(storage, offset, size, strides, ...)` and each
storage a persistent id; `data/<key>` holds the bytes of a storage. Tensors that share memory share it in the file.

Loading never runs code from the file: the unpickler knows a short list of harmless names and refuses every other one.
"""

from __future__ import annotations

import io
import os
import pickle
import struct
import tempfile
import zipfile
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.node import require_grad
from microtorch.autograd.state import TensorBase, wrap
from microtorch.nn.parameter import Parameter
from microtorch.size import Size, device

_STORAGE_OF = {d.numpy: f"{d.type_name}Storage" for d in dtypes.all_dtypes if d.name not in ("uint16", "uint32", "uint64")}
_DTYPE_OF: dict[str, Any] = {name: dtype for dtype, name in _STORAGE_OF.items()}
_ALIGNMENT = 64  # of the storages in the file, as PyTorch writes them (so that they can be mapped into memory)


class _Name:
    """A global of torch's that a file names: `torch.float32`, `torch.FloatStorage`."""

    def __init__(self, module: str, name: str) -> None:
        self.module, self.name = module, name


class _Call:
    """A call of such a global, as a pickle writes it."""

    def __init__(self, module: str, name: str, args: tuple[Any, ...]) -> None:
        self.function, self.args = _Name(module, name), args


class _Storage:
    """The memory of one or more tensors, as the pickler meets it."""

    def __init__(self, memory: Any) -> None:
        self.memory = memory


# writing -------------------------------------------------------------------------------------------------------------------

_PLAIN = (type(None), bool, int, float, complex, str, bytes, bytearray, tuple, list, dict, set, frozenset, OrderedDict,
          defaultdict, Counter)  # fmt: skip


class _Pickler(pickle._Pickler):  # the pickler in Python: what it does with a type can be told
    def __init__(self, file: Any) -> None:
        super().__init__(file, 2)
        self.storages: dict[int, tuple[str, Any]] = {}  # by address of the owning array: (key, array)
        self.kept: list[Any] = []  # objects made here must live until the end: the memo knows them by address

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, _Storage):
            key, memory = self.storages.setdefault(id(obj.memory), (str(len(self.storages)), obj.memory))
            kind = _Name("torch", _STORAGE_OF[memory.dtype])
            self.kept.append(kind)
            super().save(("storage", kind, key, "cpu", memory.size), False)
            self.write(pickle.BINPERSID)
        elif isinstance(obj, _Name):
            self.write(pickle.GLOBAL + f"{obj.module}\n{obj.name}\n".encode())
        elif isinstance(obj, _Call):
            self.save(obj.function)
            super().save(obj.args, False)
            self.write(pickle.REDUCE)
        elif isinstance(obj, TensorBase):
            if id(obj) in self.memo:
                self.write(self.get(self.memo[id(obj)][0]))
                return
            call = _tensor_call(obj)
            self.kept += [call, obj]
            self.save(call)
            self.memoize(obj)
        elif isinstance(obj, Size):
            self._made(_Call("torch", "Size", (tuple(obj),)))
        elif isinstance(obj, device):
            self._made(_Call("torch", "device", (obj.type,) if obj.index is None else (obj.type, obj.index)))
        elif isinstance(obj, dtypes.dtype):
            self._made(_Name("torch", obj.name))
        elif isinstance(obj, np.generic):
            super().save(obj.item(), save_persistent_id)
        elif type(obj) in _PLAIN or obj in (OrderedDict, defaultdict, Counter, complex, set, frozenset, bytearray):
            super().save(obj, save_persistent_id)
        elif callable(obj) and getattr(obj, "__module__", "") in ("_codecs", "copyreg", "builtins"):
            super().save(obj, save_persistent_id)
        elif isinstance(obj, np.ndarray):
            raise TypeError("torch.save: a NumPy array can't be saved (loading it would need code); save torch.from_numpy(array)")
        else:
            raise NotImplementedError(
                f"torch.save: objects of class {type(obj).__name__} can't be saved by microtorch, since loading them would run "
                "code; save tensors, numbers, strings and containers of them, for a module its state_dict()"
            )

    def _made(self, value: Any) -> None:
        self.kept.append(value)
        self.save(value)


def _tensor_call(t: TensorBase) -> _Call:
    """How a file says that tensor: its storage and where in it the tensor lies."""
    if t._node is not None and t._node.edges:
        t = _leaf_of(t)
    a = t._data
    memory = a
    while isinstance(memory.base, np.ndarray):
        memory = memory.base
    if not memory.flags.c_contiguous or memory.dtype != a.dtype or a.dtype not in _STORAGE_OF:
        if a.dtype not in _STORAGE_OF:
            raise NotImplementedError(f"torch.save: tensors of dtype {dtypes.of[a.dtype]} are not supported by microtorch")
        a = memory = np.ascontiguousarray(a).reshape(a.shape)
    offset = (a.__array_interface__["data"][0] - memory.__array_interface__["data"][0]) // a.itemsize if a.size else 0
    strides = tuple(s // a.itemsize for s in a.strides) if a.size else _dense_strides(a.shape)
    flat = _Storage(memory)
    requires_grad = t._node is not None
    plain = isinstance(t, Parameter)
    rebuilt = _Call(
        "torch._utils", "_rebuild_tensor_v2",
        (flat, offset, tuple(a.shape), strides, requires_grad and not plain, OrderedDict()),
    )  # fmt: skip
    return _Call("torch._utils", "_rebuild_parameter", (rebuilt, requires_grad, OrderedDict())) if plain else rebuilt


def _leaf_of(t: TensorBase) -> TensorBase:
    """A computed tensor is saved as a leaf that requires a gradient, as PyTorch does."""
    leaf = wrap(t._data)
    require_grad(leaf)
    return leaf


def _dense_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


def save(
    obj: Any, f: Any, pickle_module: Any = None, pickle_protocol: int = 2, _use_new_zipfile_serialization: bool = True
) -> None:
    """Write tensors, or containers of tensors, numbers and strings, to a file that PyTorch reads too.

    f: a path or a binary file. A path is written atomically: the file is there whole, or as it was before.
    Raises NotImplementedError for objects whose loading would run code (whole modules, own classes).

    >>> import io, microtorch as torch
    >>> file = io.BytesIO()
    >>> torch.save({"weights": torch.ones(2), "epoch": 3}, file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    {'weights': tensor([1., 1.]), 'epoch': 3}
    """
    if hasattr(f, "write"):
        _write(obj, f, "archive")
        return
    path = os.fspath(f)
    folder, name = os.path.split(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {os.path.dirname(path)} does not exist.")
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            _write(obj, file, os.path.splitext(name)[0] or "archive")
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _write(obj: Any, file: Any, root: str) -> None:
    pickled = io.BytesIO()
    pickler = _Pickler(pickled)
    pickler.dump(obj)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        start = 0

        def put(name: str, data: Any) -> None:
            nonlocal start
            info = zipfile.ZipInfo(f"{root}/{name}")
            header = start + 30 + len(info.filename.encode())  # a local file header is 30 bytes and the name
            padding = -header % _ALIGNMENT
            if padding:
                padding += _ALIGNMENT if padding < 4 else 0
                info.extra = b"FB" + struct.pack("<H", padding - 4) + b"Z" * (padding - 4)
            archive.writestr(info, data)
            start = header + padding + memoryview(data).nbytes

        put("data.pkl", pickled.getvalue())
        put("byteorder", b"little")
        for key, memory in pickler.storages.values():
            little = memory.astype(memory.dtype.newbyteorder("<"), copy=False)
            put(f"data/{key}", little.reshape(-1).view(np.uint8).data if memory.size else b"")
        put("version", b"3\n")


# reading -------------------------------------------------------------------------------------------------------------------


def _rebuild_tensor(storage: Any, offset: int, size: Any, strides: Any, requires_grad: bool = False, *ignored: Any) -> Any:
    if not isinstance(storage, np.ndarray):
        raise pickle.UnpicklingError("a tensor of the file has no storage")
    step = storage.itemsize
    if offset < 0 or any(s < 0 for s in strides) or any(n < 0 for n in size):
        raise pickle.UnpicklingError("a tensor of the file has a negative offset, size or stride")
    if 0 in size:
        t = wrap(np.empty(tuple(size), storage.dtype))
    else:
        # NumPy refuses a tensor that reaches outside of its storage.
        t = wrap(np.ndarray(tuple(size), storage.dtype, storage, offset * step, [s * step for s in strides]))
    if requires_grad:
        require_grad(t)
    return t


def _rebuild_parameter(data: Any, requires_grad: bool, hooks: Any, state: Any = None) -> Any:
    if not isinstance(data, TensorBase):
        raise pickle.UnpicklingError("a parameter of the file is no tensor")
    return Parameter(data, requires_grad)


def _encode(text: str, encoding: str) -> bytes:
    """Bytes as protocol 2 writes them."""
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"bytes in encoding {encoding!r} are not allowed in a weights file")
    return text.encode("latin1")


_ALLOWED: dict[tuple[str, str], Any] = {
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch._utils", "_rebuild_tensor"): _rebuild_tensor,
    ("torch._utils", "_rebuild_parameter"): _rebuild_parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _rebuild_parameter,
    ("torch.nn.parameter", "Parameter"): Parameter,
    ("torch", "Size"): Size,
    ("torch", "device"): device,
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "Counter"): Counter,
    ("collections", "defaultdict"): defaultdict,
    ("_codecs", "encode"): _encode,
    **{(module, kind.__name__): kind for module in ("builtins", "__builtin__")
       for kind in (set, frozenset, complex, bytearray, dict, list, tuple, int, float, bool, str)},
    **{("torch", d.name): d for d in dtypes.all_dtypes},
    **{("torch", name): _Name("torch", name) for name in (*_DTYPE_OF, "BFloat16Storage")},
}  # fmt: skip
_safe: dict[tuple[str, str], Any] = {}


def add_safe_globals(safe_globals: Sequence[Any]) -> None:
    """Let files that are loaded from now on name these classes and functions: they will be called with what the file says."""
    for entry in safe_globals:
        if isinstance(entry, tuple):
            entry, name = entry
            module, _, attribute = name.rpartition(".")
        else:
            module, attribute = entry.__module__, entry.__qualname__
        _safe[module, attribute] = entry


def get_safe_globals() -> list[Any]:
    """What `add_safe_globals` has added."""
    return list(_safe.values())


def clear_safe_globals() -> None:
    """Take back all that `add_safe_globals` has added."""
    _safe.clear()


@contextmanager
def safe_globals(names: Sequence[Any]) -> Iterator[None]:
    """`add_safe_globals` for a `with` block."""
    before = dict(_safe)
    add_safe_globals(names)
    try:
        yield
    finally:
        _safe.clear()
        _safe.update(before)


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, read: Callable[[str], bytes], big_endian: bool) -> None:
        super().__init__(io.BytesIO(data))
        self.read_record, self.big_endian = read, big_endian
        self.storages: dict[str, Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        found = _ALLOWED.get((module, name), _safe.get((module, name)))
        if found is None:
            raise pickle.UnpicklingError(
                f"Weights only load failed: the file names {module}.{name}, which is not allowed, since it could run code. If you "
                "trust it, allow it with torch.serialization.add_safe_globals."
            )
        return found

    def persistent_load(self, pid: Any) -> Any:
        if not (isinstance(pid, tuple) and len(pid) == 5 and pid[0] == "storage" and isinstance(pid[1], _Name)):
            raise pickle.UnpicklingError("the file names a storage in a way that is not known")
        _, kind, key, _, count = pid
        if key not in self.storages:
            raw = self.read_record(f"data/{key}")
            if kind.name == "BFloat16Storage":  # widened to float32, which holds every bfloat16 exactly
                short = np.frombuffer(raw, ">u2" if self.big_endian else "<u2")
                memory = (short.astype(np.uint32) << 16).view(np.float32)
            else:
                dtype = _DTYPE_OF[kind.name]
                memory = np.frombuffer(bytearray(raw), dtype.newbyteorder(">" if self.big_endian else "<")).astype(dtype, copy=False)
            if memory.size < count:
                raise pickle.UnpicklingError(f"storage {key} of the file has {memory.size} elements, not {count}")
            self.storages[key] = memory
        return self.storages[key]


def load(
    f: Any, map_location: Any = None, pickle_module: Any = None, *, weights_only: bool | None = None, mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:  # fmt: skip
    """Read what `torch.save` wrote, here or in PyTorch.

    f: a path or a binary file that can seek. map_location: only the CPU. weights_only: always so here, code is never run.
    bfloat16 tensors come as float32, which holds their values exactly.
    Raises FileNotFoundError, RuntimeError for a file that is no such archive or a damaged one, pickle.UnpicklingError for one that
    names what is not allowed.
    """
    if not hasattr(f, "read"):
        with open(f, "rb") as file:
            return _read(file)
    return _read(f)


def _read(file: Any) -> Any:
    try:
        archive = zipfile.ZipFile(file)
        names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise RuntimeError(
            f"PytorchStreamReader failed reading zip archive: {error} (a damaged file, or one in the format that PyTorch wrote before "
            "1.6, which microtorch does not read: load it in PyTorch and save it again)"
        ) from None
    with archive:
        pickles = [n for n in names if n.endswith("/data.pkl") and n.count("/") == 1]
        if len(pickles) != 1:
            raise RuntimeError("PytorchStreamReader failed locating file data.pkl: this is no file of torch.save")
        root = pickles[0].removesuffix("data.pkl")

        def read(name: str) -> bytes:
            try:
                return archive.read(root + name)
            except KeyError:
                raise RuntimeError(f"PytorchStreamReader failed locating file {name}: file not found") from None

        try:
            big = f"{root}byteorder" in names and read("byteorder") == b"big"
            return _Unpickler(read("data.pkl"), read, big).load()
        except (zipfile.BadZipFile, OSError, EOFError, struct.error, NotImplementedError) as error:
            raise RuntimeError(f"PytorchStreamReader failed reading a record: {error or 'it ends too early'}") from None
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError, MemoryError) as error:
            raise pickle.UnpicklingError(f"the file is damaged: {type(error).__name__}: {error}") from None
