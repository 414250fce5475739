"""torch.load and files that nobody should have written: a clear error, and nothing of them is ever run."""

from __future__ import annotations

import collections
import io
import os
import pickle
import random
import struct
import subprocess
import sys
import textwrap
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from tests.test_serialization import THEIRS, written


def of_pickle(data: bytes) -> io.BytesIO:
    """An archive with that pickle, and one storage of 8 bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in (("data.pkl", data), ("byteorder", b"little"), ("data/0", bytes(8)), ("version", b"3\n")):
            archive.writestr(f"archive/{name}", content)
    out.seek(0)
    return out


def hostile(function: Any, *args: Any, protocol: int = 2) -> io.BytesIO:
    class Payload:
        def __reduce__(self) -> Any:
            return function, args

    return of_pickle(pickle.dumps(Payload(), protocol))


MARKER = "/tmp/microtorch-was-here"
CALLS = [
    (os.system, f"touch {MARKER}"), (eval, f"open({MARKER!r}, 'w')"), (exec, f"open({MARKER!r}, 'w')"), (open, MARKER, "w"), (__import__, "antigravity"), (getattr, 1, "real"),
    (subprocess.Popen, ["touch", MARKER]), (pickle.loads, b"x"), (print, "x"), (os.remove, "x"), (type, "X", (), {}), (object,), (map, print, [1]), (bytes, 10), (list, (1,)), (dict,), (microtorch.load, "x"), (microtorch.save, 1, MARKER),
    (microtorch.optim.SGD, [], 1), (np.load, "x"), (np.fromfile, "x"), (microtorch.tensor, [1]), (collections.defaultdict, list),
]  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("trusted", [False, True])
def test_calls_are_refused_and_named(protocol: int, trusted: bool) -> None:
    for function, *args in CALLS:
        if trusted and function is collections.defaultdict:
            continue
        file = hostile(function, *args, protocol=protocol)
        with pytest.raises((pickle.UnpicklingError, NotImplementedError)) as caught:
            microtorch.load(file, weights_only=not trusted)
        assert function.__name__.split(".")[-1] in str(caught.value) or "getattr" in str(caught.value), str(
            caught.value
        )
    assert not os.path.exists(MARKER)


def test_what_runs_commands_is_never_allowed() -> None:
    S = microtorch.serialization
    with (
        S.safe_globals([os.system, (os.system, "posix.system")]),
        pytest.raises(pickle.UnpicklingError, match=r"posix\.system"),
    ):
        microtorch.load(hostile(os.system, "echo"))


def g(module: str, name: str) -> bytes:
    return b"c" + f"{module}\n{name}\n".encode()


def u(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


OD = g("collections", "OrderedDict")
STORAGE = b"(" + u("storage") + g("torch", "FloatStorage") + u("0") + u("cpu") + b"K\x02tQ"
REBUILD = g("torch._utils", "_rebuild_tensor_v2")


def rebuilt(size: bytes, stride: bytes, offset: bytes = b"K\x00", storage: bytes = STORAGE) -> bytes:
    return REBUILD + b"(" + storage + offset + size + stride + b"\x89" + OD + b")RtR"


PICKLES = {
    "state on a function": REBUILD + b"}" + u("x") + b"K\x01sb",
    "state on a class": OD + b"}" + u("x") + b"K\x01sb",
    "slots on a class": OD + b"N}" + u("__init__") + b"K\x01s\x86b",
    "slots on a dtype": g("torch", "float32") + b"N}" + u("name") + u("x") + b"s\x86b",
    "slots on a tensor": rebuilt(b"K\x02\x85", b"K\x01\x85") + b"N}" + u("data") + b"K\x01s\x86b",
    "attributes that hide a tensor's own": rebuilt(b"K\x02\x85", b"K\x01\x85") + b"}" + u("backward") + b"K\x01sb",
    "private attributes": rebuilt(b"K\x02\x85", b"K\x01\x85") + b"}" + u("_node") + b"K\x01sb",
    "items of a class": OD + b"K\x01K\x02s",
    "append to a dictionary": b"}K\x01a",
    "append to a class": OD + b"K\x01a",
    "set items of a list": b"]K\x00K\x01s",
    "unhashable key": b"}]K\x01s",
    "beyond the storage": rebuilt(b"K\x03\x85", b"K\x01\x85"),
    "offset beyond": rebuilt(b"K\x02\x85", b"K\x01\x85", b"K\x01"),
    "strides beyond": rebuilt(b"K\x02\x85", b"K\x02\x85"),
    "negative size": rebuilt(b"J\xff\xff\xff\xff\x85", b"K\x01\x85"),
    "negative stride": rebuilt(b"K\x02\x85", b"J\xff\xff\xff\xff\x85", b"K\x01"),
    "negative offset": rebuilt(b"K\x01\x85", b"K\x01\x85", b"J\xff\xff\xff\xff"),
    "enormous size": rebuilt(b"\x8a\x08" + b"\xff" * 7 + b"\x7f\x85", b"K\x01\x85"),
    "enormous product": rebuilt(b"(" + b"\x8a\x05\x00\x00\x00\x00\x01" * 3 + b"t", b"K\x00K\x00K\x00\x87"),
    "sizes and strides of different length": rebuilt(b"K\x01K\x02\x86", b"K\x01\x85"),
    "sizes of text": rebuilt(u("ab") + b"\x85", b"K\x01\x85"),
    "size is a list": rebuilt(b"]", b"K\x01\x85"),
    "a boolean size": rebuilt(b"\x88\x85", b"K\x01\x85"),
    "no storage": rebuilt(b"K\x02\x85", b"K\x01\x85", storage=b"N"),
    "storage that is too long": rebuilt(b"K\x02\x85", b"K\x01\x85", storage=STORAGE.replace(b"K\x02tQ", b"K\x09tQ")),
    "negative storage": rebuilt(b"K\x02\x85", b"K\x01\x85", storage=STORAGE.replace(b"K\x02tQ", b"J\xff\xff\xff\xfftQ")),
    "another record": rebuilt(b"K\x02\x85", b"K\x01\x85", storage=STORAGE.replace(u("0"), u("../version"))),
    "a path": rebuilt(b"K\x02\x85", b"K\x01\x85", storage=STORAGE.replace(u("0"), u("/etc/passwd"))),
    "a record that is missing": rebuilt(b"K\x02\x85", b"K\x01\x85", storage=STORAGE.replace(u("0"), u("7"))),
    "a key that is a number": rebuilt(b"K\x02\x85", b"K\x01\x85", storage=STORAGE.replace(u("0"), b"K\x00")),
    "an unknown storage": rebuilt(b"K\x02\x85", b"K\x01\x85", storage=STORAGE.replace(b"FloatStorage", b"EvilStorage")),
    "persistent id of another kind": u("x") + b"Q",
    "persistent id of an other tuple": u("x") + b"\x85Q",
    "empty persistent id": b")Q",
    "text persistent id": b"P0\n",
    "call of a number": b"K\x01)R",
    "call of a tensor": rebuilt(b"K\x02\x85", b"K\x01\x85") + b")R",
    "call of a result": OD + b")R)R",
    "call with a list": OD + b"]R",
    "too many arguments": OD + b"K\x01K\x02K\x03\x87R",
    "new object of a dtype": g("torch", "float32") + b")\x81",
    "new object of a function": REBUILD + b")\x81",
    "new object of a list": b"])\x81",
    "new object with keywords": OD + b")}\x92",
    "instance": b"(" + b"ios\nsystem\n",
    "obj": b"(" + g("os", "system") + b"o",
    "extension": b"\x82\x01",
    "a class as a value": b"]" + OD + b"a",
    "a function as a value": b"]" + REBUILD + b"a",
    "bytearray of a number": g("__builtin__", "bytearray") + b"\x8a\x06\x00\x00\x00\x00\x00\x10\x85R",
    "set of a number": g("__builtin__", "set") + b"K\x05\x85R",
    "another codec": g("_codecs", "encode") + u("x") + u("zip") + b"\x86R",
    "complex of text": g("__builtin__", "complex") + u("1j") + b"\x85R",
    "empty": b"", "nothing": b".", "unknown opcode": b"\xff.", "stack": b"\x85.", "no mark": b"e.", "unknown memo": b"h\x07.", "half a number": b"J\x01", "half a text": b"X\xff\xff\xff\xff" + b"a",
    "half a name": b"cos", "bad utf-8": b"X\x01\x00\x00\x00\xff", "newer protocol": b"\x80\x09K\x01", "negative length": b"\x8b\xff\xff\xff\xff", "text number": b"I1\n", "name of numbers": b"K\x01K\x02\x93", "buffer": b"\x97",
    "tuples in tuples": b")" + b"2\x86" * 60 + b"0}" .replace(b"0", b"q\x00}h\x00K\x01s")[:-1],
}  # fmt: skip


@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize("name", list(PICKLES))
def test_pickles_that_nobody_should_write(name: str, trusted: bool) -> None:
    before = (dict(vars(collections.OrderedDict)), microtorch.float32.name, dict(vars(microtorch.Tensor)))
    with pytest.raises((pickle.UnpicklingError, NotImplementedError, RuntimeError)) as caught:
        microtorch.load(of_pickle(b"\x80\x02" + PICKLES[name] + b"."), weights_only=not trusted)
    assert str(caught.value)
    assert before == (dict(vars(collections.OrderedDict)), microtorch.float32.name, dict(vars(microtorch.Tensor)))


def test_a_pickle_without_an_end() -> None:
    with pytest.raises(pickle.UnpicklingError, match="ends too early"):
        microtorch.load(of_pickle(b"\x80\x02K\x01"))


def test_the_pickles_above_are_good_but_for_what_is_bad() -> None:
    assert microtorch.load(of_pickle(b"\x80\x02" + rebuilt(b"K\x02\x85", b"K\x01\x85") + b".")).tolist() == [0, 0]
    assert (
        microtorch.load(
            of_pickle(b"\x80\x02" + rebuilt(b"K\x02\x85", b"K\x01\x85") + b"}" + u("note") + b"K\x01sb.")
        ).note
        == 1
    )
    assert microtorch.load(of_pickle(b"\x80\x02" + g("_codecs", "encode") + u("x") + u("latin1") + b"\x86R.")) == b"x"


@pytest.mark.parametrize("old", [False, True])
def test_truncated_files(old: bool) -> None:
    data = written(torch, THEIRS["checkpoint"], _use_new_zipfile_serialization=not old).getvalue()
    for n in [*range(1, 64), *range(64, len(data), max(1, len(data) // 150))]:
        with pytest.raises((RuntimeError, pickle.UnpicklingError, EOFError)):
            microtorch.load(io.BytesIO(data[:n]))


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_flipped_bits(old: bool, seed: int) -> None:
    """A flipped bit gives an error, or the object with a changed number; nothing else ever happens."""
    data = written(
        torch,
        {"a": torch.arange(20.0), "b": [1, "x", (2, 3)], "c": torch.nn.Parameter(torch.ones(2, 2))},
        _use_new_zipfile_serialization=not old,
    ).getvalue()
    generator = random.Random(seed)
    errors = 0
    for _ in range(400):
        damaged = bytearray(data)
        for _ in range(generator.choice([1, 1, 3])):
            damaged[generator.randrange(len(data))] ^= 1 << generator.randrange(8)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                microtorch.load(io.BytesIO(bytes(damaged)), weights_only=generator.random() < 0.5)
        except (RuntimeError, pickle.UnpicklingError, EOFError, NotImplementedError, ValueError) as error:
            assert str(error)
            errors += 1
    assert errors > 50


def test_damaged_numbers_are_noticed() -> None:
    data = bytearray(written(microtorch, microtorch.ones(1000)).getvalue())
    data[len(data) // 2] ^= 1
    with pytest.raises(RuntimeError, match="Bad CRC-32"):
        microtorch.load(io.BytesIO(bytes(data)))


def test_archives_of_other_kinds() -> None:
    for name, compress in (
        ("x/data.pkl", zipfile.ZIP_DEFLATED),
        ("x/other", zipfile.ZIP_STORED),
        ("data.pkl", zipfile.ZIP_STORED),
    ):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", compress) as archive:
            archive.writestr(name, b"\x80\x02K\x01." + bytes(1000))
        out.seek(0)
        with pytest.raises(RuntimeError, match="PytorchStreamReader failed"):
            microtorch.load(out)
    for data in (b"abcd" * 10, b"PK\x03\x04" + bytes(40), b"{}", b"\x93NUMPY\x01\x00"):
        with pytest.raises(RuntimeError, match="PytorchStreamReader failed"):
            microtorch.load(io.BytesIO(data))
    with pytest.raises((RuntimeError, pickle.UnpicklingError)):
        microtorch.load(io.BytesIO(pickle.dumps({"a": 1})))


# archives ------------------------------------------------------------------------------------------------------------


def archive(*records: tuple[str, bytes], compress: int = zipfile.ZIP_STORED) -> io.BytesIO:
    """A ZIP archive of these records, as they are."""
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        with zipfile.ZipFile(out, "w", compress) as target:
            for name, content in records:
                target.writestr(name, content)
    out.seek(0)
    return out


GOOD = b"\x80\x02" + rebuilt(b"K\x02\x85", b"K\x01\x85") + b"."


def test_bombs_are_not_unpacked() -> None:
    """Compressed records, which can be a thousand times longer than the file, are refused unread."""
    zeros = bytes(1 << 24)
    small = archive(("x/data.pkl", GOOD), ("x/data/0", zeros), ("x/version", b"3"), compress=zipfile.ZIP_DEFLATED)
    assert len(small.getvalue()) < 1 << 16
    with pytest.raises(RuntimeError, match="compressed"):
        microtorch.load(small)
    # references to references: 2 to the 60 elements in a few hundred bytes, as one object that is never copied
    memo = b"]q\x00" + b"".join(
        b"]q" + bytes([i + 1]) + b"(h" + bytes([i]) + b"h" + bytes([i]) + b"e" for i in range(60)
    )
    loaded = microtorch.load(of_pickle(b"\x80\x02" + memo + b"."))
    assert loaded[0] is loaded[1] and len(loaded) == 2
    for count in (b"\x8a\x08" + b"\xff" * 7 + b"\x7f", b"J\xff\xff\xff\x7f"):  # a storage far longer than its record
        storage = STORAGE.replace(b"K\x02tQ", count + b"tQ")
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            microtorch.load(of_pickle(b"\x80\x02" + rebuilt(b"K\x02\x85", b"K\x01\x85", storage=storage) + b"."))


def test_deep_nesting_is_an_error_or_a_result() -> None:
    """Lists in lists in lists: no crash of the interpreter."""
    for depth in (1000, 100_000):
        data = b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."
        try:
            loaded = microtorch.load(of_pickle(data))
        except (pickle.UnpicklingError, RuntimeError):
            continue
        for _ in range(depth - 1):
            (loaded,) = loaded
        assert loaded == []


@pytest.mark.parametrize(
    "name", ["../../escape", "/tmp/escape", "..\\escape", "x/../../escape", "C:escape", "x/data/../0"]
)
def test_names_of_records_are_no_paths(name: str, tmp_path: Path) -> None:
    """Records are read from the archive alone and nothing is unpacked to disk, whatever they are called."""
    file = tmp_path / "x.pt"
    file.write_bytes(archive(("x/data.pkl", GOOD), ("x/version", b"3"), (name, bytes(8))).getvalue())
    before = sorted(tmp_path.rglob("*"))
    for mmap in (False, True):
        with pytest.raises(RuntimeError, match="data/0: file not found"):
            microtorch.load(file, mmap=mmap)
    assert sorted(tmp_path.rglob("*")) == before


def test_records_that_are_there_twice_or_too_short() -> None:
    twice = archive(("x/data.pkl", GOOD), ("x/data/0", bytes(8)), ("x/data/0", b"\0\0\x80?" * 2), ("x/version", b"3"))
    assert microtorch.load(twice).tolist() == [1, 1]  # the last, as Python's zipfile has it
    for n in (0, 7):
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            microtorch.load(archive(("x/data.pkl", GOOD), ("x/data/0", bytes(n)), ("x/version", b"3")))


@pytest.mark.parametrize("field", ["size", "offset", "method", "name length"])
@pytest.mark.parametrize("mmap", [False, True])
def test_wrong_sizes_in_the_archive(field: str, mmap: bool, tmp_path: Path) -> None:
    """The table at the archive's end says something else than what is there."""
    data = bytearray(written(torch, {"a": torch.arange(20.0)}).getvalue())
    at = data.index(b"PK\x01\x02", data.rindex(b"data/0") - 60)  # the entry of data/0
    place, kind, value = {
        "size": (24, "<I", 1 << 30), "offset": (42, "<I", len(data) * 2), "method": (10, "<H", 99), "name length": (28, "<H", 60000),
    }[field]  # fmt: skip
    struct.pack_into(kind, data, at + place, value)
    if field == "size":
        struct.pack_into(kind, data, at + 20, value)
    file = tmp_path / "x.pt"
    file.write_bytes(data)
    with pytest.raises((RuntimeError, pickle.UnpicklingError)):
        microtorch.load(file, mmap=mmap)


# nothing runs ---------------------------------------------------------------------------------------------------------

WATCHED = """
import io, os, pickle, sys, warnings
import microtorch
from tests import test_hostile_files as hostile

warnings.simplefilter("ignore")
files = [hostile.of_pickle(b"\\x80\\x02" + data + b".") for data in hostile.PICKLES.values()]
files += [hostile.hostile(f, *args, protocol=p) for p in (2, 4) for f, *args in hostile.CALLS]
for file in files:  # once before, so that what is imported at first use is there
    for trusted in (False, True):
        try:
            microtorch.load(file, weights_only=not trusted)
        except Exception:
            pass
        file.seek(0)
seen = []
sys.addaudithook(lambda event, args: seen.append((event, args)) if on else None)
on = True
for file in files:
    for trusted in (False, True):
        try:
            microtorch.load(file, weights_only=not trusted)
        except Exception:
            pass
on = False
harmless = ("builtins.id", "object.__getattr__", "object.__setattr__", "marshal.loads")
print(len(files), sorted({str((e, a))[:200] for e, a in seen if e not in harmless}))
"""


def test_nothing_that_a_file_names_runs() -> None:
    """Python's own audit hook sees no open, exec, compile, import, process or socket while hostile files are loaded."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
    command = [sys.executable, "-c", textwrap.dedent(WATCHED)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    count, events = done.stdout.split(" ", 1)
    assert int(count) > 100
    assert events.strip() == "[]"
