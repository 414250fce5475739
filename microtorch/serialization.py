"""`torch.save` and `torch.load`: objects made of tensors, containers and numbers, in PyTorch's own .pt files.

What is written here is read by PyTorch (`weights_only=True`), and the other way round. Reading never runs code that a
file names: see `microtorch/_pt_read.py`. Writing to a path is atomic: the file is there whole, or as it was before.
"""

from __future__ import annotations

import mmap as memory_map
import os
import pickle
import pickletools
import re
import stat
import struct
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from microtorch._missing import missing_name as _missing_name, torch_name
from microtorch._pt_read import BUILDERS, DTYPES, STORAGE_DTYPES, Reader, Storage
from microtorch._pt_write import LOCAL_HEADER, write_file
from microtorch.size import device

__all__ = [
    "save",
    "load",
    "add_safe_globals",
    "clear_safe_globals",
    "get_safe_globals",
    "get_unsafe_globals_in_checkpoint",
    "safe_globals",
]

DEFAULT_PROTOCOL = 2

Array = NDArray[Any]
MAP_LOCATION: TypeAlias = Callable[[Any, str], Any] | device | str | dict[str, str] | None
File = str | os.PathLike[str] | IO[bytes]

# what the user has allowed --------------------------------------------------------------------------------------------

_allowed: list[Any] = []


def add_safe_globals(safe_globals: list[Any]) -> None:
    """Let `load` make objects of these classes and call these functions: each itself, or (it, "its.full.name").

    They are called with what the file holds: only allow what does no harm whatever it is given.
    """
    _allowed.extend(g for g in safe_globals if g not in _allowed)


def get_safe_globals() -> list[Any]:
    """The classes and functions that were allowed."""
    return list(_allowed)


def clear_safe_globals() -> None:
    """Forget what was allowed."""
    _allowed.clear()


class safe_globals:
    """Allow classes and functions within a `with` block (see `add_safe_globals`)."""

    def __init__(self, safe_globals: list[Any]) -> None:
        self.safe_globals = safe_globals

    def __enter__(self) -> None:
        self.added = [g for g in self.safe_globals if g not in _allowed]
        add_safe_globals(self.added)

    def __exit__(self, *exc: object) -> None:
        for g in self.added:
            if g in _allowed:
                _allowed.remove(g)


def _allowed_by_name() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for item in _allowed:
        if isinstance(item, tuple):
            if len(item) != 2:
                raise ValueError(
                    "Expected tuple of length 2 (global, str of callable full path), but got tuple of length: "
                    f"{len(item)}"
                )
            if type(item[1]) is not str:
                raise TypeError(
                    f"Expected second item in tuple to be str of callable full path, but got: {type(item[1])}"
                )
            found[item[1]] = item[0]
        else:
            found[f"{torch_name(item.__module__)}.{item.__qualname__}"] = item
    return {name: value for name, value in found.items() if name.split(".")[0] not in ("os", "sys", "posix", "nt")}


# saving ---------------------------------------------------------------------------------------------------------------


def save(
    obj: Any,
    f: File,
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write an object to a file: a path, or a file that is open for writing bytes.

    Tensors that share memory share it again when loaded; NumPy's numbers are written as Python's. At a path the file
    appears only when all of it is written: a program that is ended meanwhile leaves the old file as it was. Raises
    RuntimeError if the folder is missing, PicklingError for what has no name to be found by (lambdas).

    >>> import io
    >>> import microtorch as torch
    >>> file = io.BytesIO()
    >>> torch.save({"weight": torch.ones(2), "epoch": 3}, file)
    >>> _ = file.seek(0)
    >>> torch.load(file)
    {'weight': tensor([1., 1.]), 'epoch': 3}
    """
    if not _use_new_zipfile_serialization:
        raise NotImplementedError(
            "microtorch.save writes no files in the old format (_use_new_zipfile_serialization=False)"
        )
    if isinstance(f, (str, os.PathLike)):
        path = Path(os.path.realpath(os.fspath(f)))
        root = Path(f).name.split(".")[0]
        with _replacing(path) as file:
            write_file(obj, file, root if root.isascii() and root else "archive", sys.byteorder)
    elif hasattr(f, "write"):
        write_file(obj, f, "archive", sys.byteorder)
    else:
        raise AttributeError(
            f"expected 'f' to be string, path, or a file-like object with a 'write' attribute: {type(f)}"
        )


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write that takes the path's place when it is whole."""
    if not path.parent.is_dir():
        raise RuntimeError(f"Parent directory {path.parent} does not exist.")
    exists = path.exists()
    if exists and not path.is_file():  # a device, or a pipe: nothing to put in its place
        with open(path, "wb") as file:
            yield file
        return
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:50]}.", suffix=".tmp")
    except PermissionError:  # the file may be written, its folder not
        with open(path, "wb") as file:
            yield file
        return
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, stat.S_IMODE(path.stat().st_mode) if exists else 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# loading --------------------------------------------------------------------------------------------------------------


def load(
    f: File,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """Read an object from a file: a path, or a file that is open for reading bytes (and can seek).

    map_location: "cpu" (or a function or dictionary that says so) for files with tensors of other devices.
    weights_only: True (the default) builds tensors, containers, numbers and text, and what `add_safe_globals` allows;
    False also NumPy's arrays, and Modules of classes that the program has, without calling them. Code that a file names
    never runs. mmap: map the tensors' memory to the file (a path) instead of reading it.

    Raises UnpicklingError for what may not be built, naming it, and for a broken pickle; RuntimeError for a file that
    is no archive, or damaged, or has tensors of other devices; NotImplementedError for kinds of tensors that
    microtorch has not.
    """
    if pickle_module is not None and weights_only:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    trusted = weights_only is False
    place = _placer(map_location)
    if isinstance(f, (str, os.PathLike)):
        with open(f, "rb") as file:
            return _load(file, os.fspath(f) if mmap else None, place, trusted)
    if mmap:
        raise ValueError("f must be a file path in order to use the mmap argument")
    if not (hasattr(f, "seek") and hasattr(f, "read")):
        raise AttributeError(
            f"'{type(f).__name__}' object has no attribute 'seek'. You can only torch.load from a file that is "
            "seekable. Please pre-load the data into a buffer like io.BytesIO and try to load from it instead."
        )
    return _load(f, None, place, trusted)


def _load(file: IO[bytes], mapped: str | None, place: Callable[[Any, str], None], trusted: bool) -> Any:
    start = file.tell()
    beginning = file.read(4)
    file.seek(start)
    try:
        if beginning != b"PK\x03\x04":
            if mapped is not None:
                raise RuntimeError(
                    "mmap can only be used with files saved with `torch.save(_use_new_zipfile_serialization=True), "
                    "please torch.save your checkpoint with this option in order to use mmap."
                )
            return _load_old(file, beginning, place, trusted)
        with _opened(file) as archive:
            return _load_archive(archive, mapped, place, trusted)
    except pickle.UnpicklingError as error:
        text = f"{'Load' if trusted else 'Weights only load'} failed. {error}"
        if "was not an allowed global by default" in str(error):
            text = _REFUSED.format(error)
        raise pickle.UnpicklingError(text) from error.__cause__


_REFUSED = (
    "Weights only load failed. This file can still be loaded, to do so you have two options, \033[1mdo those steps "
    "only if you trust the source of the checkpoint\033[0m. \n\t(1) In PyTorch 2.6, we changed the default value "
    "of the `weights_only` argument in `torch.load` from `False` to `True`. Re-running `torch.load` with "
    "`weights_only` set to `False` will likely succeed, but it can result in arbitrary code execution. Do it only "
    "if you got the file from a trusted source.\n\t(2) Alternatively, to load with `weights_only=True` please "
    "check the recommended steps in the following error message.\n\tWeightsUnpickler error: {}\n\nCheck the "
    "documentation of torch.load to learn more about types accepted by default with weights_only "
    "https://pytorch.org/docs/stable/generated/torch.load.html."
)


@contextmanager
def _opened(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """The archive; whatever is wrong with it is a RuntimeError."""
    what = "PytorchStreamReader failed reading zip archive"
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError, EOFError, struct.error, IndexError) as error:
        raise RuntimeError(f"{what}: {error}. The file is damaged, or was not written to its end.") from error
    with archive:
        yield archive


def _load_archive(
    archive: zipfile.ZipFile, mapped: str | None, place: Callable[[Any, str], None], trusted: bool
) -> Any:
    infos = {info.filename: info for info in archive.infolist()}
    pickles = [name for name in infos if name.endswith("/data.pkl") and name.count("/") == 1]
    if not pickles:
        raise RuntimeError(
            "PytorchStreamReader failed locating file data.pkl: file not found (this is a zip archive, but not one of "
            "torch.save; torch.jit's archives are not read)"
        )
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}constants.pkl" in infos:
        raise NotImplementedError("microtorch.load does not read TorchScript archives (torch.jit.save)")

    def record(name: str) -> bytes:
        info = infos.get(root + name)
        if info is None:
            raise RuntimeError(f"PytorchStreamReader failed locating file {name}: file not found")
        if info.compress_type != zipfile.ZIP_STORED:
            raise RuntimeError(
                f"PytorchStreamReader failed reading file {name}: it is compressed, as no file of torch.save is"
            )
        try:
            return archive.read(info)
        except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, RuntimeError, struct.error) as error:
            raise RuntimeError(
                f"PytorchStreamReader failed reading file {name}: {error}. The file is damaged."
            ) from error

    def storage(key: str) -> Array:
        if not re.fullmatch(r"[\w.-]+", key):
            raise pickle.UnpicklingError(f"{key!r:.80} is no name of a storage")
        if mapped is not None:
            return _map_record(mapped, infos.get(f"{root}data/{key}"), key)
        return _writable(record(f"data/{key}"))

    order = record("byteorder").decode("latin1") if f"{root}byteorder" in infos else "little"
    if order not in ("little", "big"):
        raise ValueError("Unknown endianness type: " + order)
    swap = order != sys.byteorder
    return Reader(record("data.pkl"), storage, place, _allowed_by_name(), trusted, swap).load()


def _writable(data: bytes) -> Array:
    """The bytes as an array that can be written to."""
    return np.frombuffer(bytearray(data), np.uint8)


def _map_record(path: str, info: zipfile.ZipInfo | None, key: str) -> Array:
    """A record's bytes as they lie in the file; what is written to them stays in memory."""
    if info is None:
        raise RuntimeError(f"PytorchStreamReader failed locating file data/{key}: file not found")
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(info.header_offset)
        header = file.read(LOCAL_HEADER)
        if len(header) < LOCAL_HEADER or info.compress_type != zipfile.ZIP_STORED:
            raise RuntimeError(f"PytorchStreamReader failed reading file data/{key}: the file is damaged")
        name_length, extra_length = struct.unpack("<HH", header[26:30])
        start = info.header_offset + LOCAL_HEADER + name_length + extra_length
        if start + info.file_size > size:
            raise RuntimeError(f"PytorchStreamReader failed reading file data/{key}: the file is damaged")
        if not info.file_size:
            return np.empty(0, np.uint8)
        whole = memory_map.mmap(file.fileno(), 0, access=memory_map.ACCESS_COPY)
    return np.frombuffer(whole, np.uint8, info.file_size, start)


def _placer(map_location: Any) -> Callable[[Any, str], None]:
    """What checks that each storage comes to lie on the CPU, as `map_location` has it. Raises RuntimeError if not."""

    def check(location: str) -> None:
        name = str(location)
        if name == "cpu":
            return
        if name.startswith("cuda"):
            raise RuntimeError(
                "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you are "
                "running on a CPU-only machine, please use torch.load with map_location=torch.device('cpu') to map "
                "your storages to the CPU."
            )
        raise RuntimeError(
            f"don't know how to restore data location of torch.storage.UntypedStorage (tagged with {name!r:.80}): "
            "microtorch has the CPU only, use map_location='cpu'"
        )

    def place(storage: Storage, location: str) -> None:
        if map_location is None:
            check(location)
        elif isinstance(map_location, dict):
            check(map_location.get(location, location))
        elif isinstance(map_location, (str, device)):
            check(str(map_location))
        elif callable(map_location):
            if map_location(storage, location) is None:
                check(location)
        else:
            raise TypeError(
                f"map_location must be None, a device, a string, a dictionary or a function: {type(map_location)}"
            )

    return place


# PyTorch's format before version 1.6 ----------------------------------------------------------------------------------

_MAGIC = 0x1950A86A20F9469CFC6C


def _load_old(file: IO[bytes], beginning: bytes, place: Callable[[Any, str], None], trusted: bool) -> Any:
    """Read the old format: five pickles (magic number, version, system, object, keys), then the storages' bytes."""
    if not beginning:
        raise EOFError("Ran out of input")
    if beginning[:1] != pickle.PROTO:
        raise RuntimeError(
            "PytorchStreamReader failed reading zip archive: not a ZIP archive, and no file of older versions of "
            "torch.save. The file is damaged, or was not written by torch.save."
        )
    data = file.read()
    sizes = {name: dtype.itemsize for name, dtype in STORAGE_DTYPES.items()}
    at = 0

    def part(read: Callable[[str], Array]) -> Reader:
        nonlocal at
        reader = Reader(data, read, place, _allowed_by_name(), trusted, sys.byteorder == "big")
        reader.at = at
        return reader

    def no_storage(key: str) -> Array:
        raise pickle.UnpicklingError("a storage out of place")

    def simple() -> Any:
        nonlocal at
        reader = part(no_storage)
        value = reader.load()
        at = reader.at
        return value

    if simple() != _MAGIC:
        raise RuntimeError("Invalid magic number; corrupt file?")
    if simple() != 1001:
        raise RuntimeError("Invalid protocol version")
    simple()  # the writer's system
    # The storages' sizes are in the object's pickle, their bytes behind it: read it once for the sizes, once for the
    # tensors.
    found: dict[str, int] = {}

    class Sizes(Reader):
        def _make_storage(self, kind: str, key: str, count: int) -> Storage:
            if kind not in sizes:
                raise NotImplementedError(f"microtorch.load does not read a {kind:.80}")
            found[key] = sizes[kind]
            if count * sizes[kind] > len(data):
                raise pickle.UnpicklingError("the file is damaged: a storage is longer than the file")
            dtype = STORAGE_DTYPES[kind]
            return Storage(np.zeros(count * dtype.itemsize, np.uint8), dtype)

    first = Sizes(data, no_storage, place, _allowed_by_name(), trusted, False)
    first.at = object_at = at
    first.load()
    at = first.at
    keys = simple()
    records: dict[str, Array] = {}
    if not isinstance(keys, list) or any(key not in found for key in keys):
        raise pickle.UnpicklingError("the file is damaged: its list of storages is not that of the object")
    for key in keys:
        (count,) = struct.unpack("<q", data[at : at + 8].ljust(8, b"\xff"))
        end = at + 8 + count * found[key]
        if count < 0 or end > len(data):
            raise RuntimeError(
                f"unexpected EOF, expected {count * found[key]} more bytes. The file might be corrupted."
            )
        records[key] = _writable(data[at + 8 : end])
        at = end

    def read(key: str) -> Array:
        if key not in records:
            raise pickle.UnpicklingError(f"the file is damaged: storage {key!r:.80} is missing")
        return records[key]

    at = object_at
    return part(read).load()


def get_unsafe_globals_in_checkpoint(f: File) -> list[str]:
    """The names in a file that `load` refuses as long as they are not allowed by `add_safe_globals`. Nothing is built.

    Raises RuntimeError for what is no archive.
    """
    with _opened(open(f, "rb") if isinstance(f, (str, os.PathLike)) else f) as archive:
        name = next((n for n in archive.namelist() if n.endswith("data.pkl")), None)
        if name is None:
            raise RuntimeError("PytorchStreamReader failed locating file data.pkl: file not found")
        data = archive.read(name)
    names = {
        str(argument).replace(" ", ".") for opcode, argument, _ in pickletools.genops(data) if opcode.name == "GLOBAL"
    }
    known = {*BUILDERS, *DTYPES, *_allowed_by_name()}
    modern = {n.replace("__builtin__.", "builtins.").replace("numpy.core.", "numpy._core.") for n in names}
    return sorted(
        n for n in modern if n not in known and not re.fullmatch(r"torch\.(\w+Storage|storage\.UntypedStorage)", n)
    )


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
