"""torch.save and torch.load: files of ours in PyTorch, and PyTorch's here. See also test_hostile_files.py."""

from __future__ import annotations

import collections
import copy
import io
import os
import pickle
import stat
import struct
import subprocess
import sys
import warnings
import zipfile
from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from tests.differential import compare

DTYPES = [
    "float16",
    "float32",
    "float64",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
    "bool",
    "complex64",
    "complex128",
]


def objects(T: Any) -> dict[str, Any]:
    """The same objects in both worlds."""
    base = T.arange(12.0)
    weights = collections.OrderedDict(w=T.ones(2, 3), b=T.zeros(3))
    weights._metadata = collections.OrderedDict([("", {"version": 1})])
    attributed = T.ones(2)
    attributed.note = "hello"
    p = T.nn.Parameter(T.ones(2))
    q = T.nn.Parameter(T.ones(2), requires_grad=False)
    q.note = [1, 2]
    shared = [1, 2]
    model = T.nn.Sequential(T.nn.Linear(3, 4), T.nn.BatchNorm1d(4), T.nn.ReLU(), T.nn.Linear(4, 2))
    with T.no_grad():
        for i, parameter in enumerate(model.parameters()):
            parameter.copy_(T.arange(parameter.numel()).reshape(parameter.shape) * 0.1 + i)
    return {
        **{f"of {d}": T.tensor([[1, 0], [3, 1]]).to(getattr(T, d)) for d in DTYPES},
        **{f"dtype {d}": getattr(T, d) for d in DTYPES},
        "0-d": T.tensor(3.5), "empty": T.zeros(0, 3), "empty 2": T.zeros(2, 0), "strided": base.reshape(3, 4).t(), "part": base[3:9:2], "expanded": T.ones(3, 1).expand(3, 4),
        "sharing": {"base": base, "view": base[2:5], "matrix": base.reshape(3, 4)[1:, 1:], "detached": base.detach()},
        "views only": [base[2:4], base[3:5]], "twice": [base] * 3, "requires grad": T.ones(2, requires_grad=True), "not a leaf": T.ones(2, requires_grad=True) * 2,
        "size": T.Size([2, 3]), "empty size": T.Size([]), "device": T.device("cpu"), "other device": T.device("cuda", 1), "weights": weights, "parameter": p, "parameters": [p, q, p], "attributes": attributed,
        "numbers": [0, 1, -1, 255, 256, 65535, 65536, -70000, 2**31, -(2**31), 2**31 - 1, 2**63, -(2**63) - 1, 2**70, 10**30, True, False, None, 0.0, -0.0, 1.5, 1e300, float("inf"), 2 - 3j],
        "nan": float("nan"), "big": 2**3000 if T is microtorch else 0, "text": ["", "a", "äöü€😀", "line\nfeed", "x" * 300, "\ud800"], "bytes": [b"abc", bytes(range(256)), bytearray(b"xyz"), bytearray()],
        "containers": {"list": [[], [1, [2]]], "tuple": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)), "dict": {1: 2, "a": {}, (1, 2): 3, None: 4}, "set": {1, 2, 3}, "empty set": set()},
        "long": list(range(2500)), "many": {str(i): i for i in range(2500)}, "memory": [str(i) for i in range(300)] + ["0"], "shared list": {"a": shared, "b": shared},
        "counter": collections.Counter("aab"), "ordered": collections.OrderedDict([(2, 1), (1, 2)]),
        "model": model.state_dict(), "checkpoint": {"epoch": 3, "model": model.state_dict(), "loss": 0.5, "names": ["a", "b"]},
        "buffer": T.nn.BatchNorm1d(2).state_dict(),
        **{f"optimizer {name}": trained(T, name, **options) for name, options in (("SGD", {"momentum": 0.9}), ("Adam", {"amsgrad": True}), ("AdamW", {}), ("RMSprop", {}), ("Adagrad", {}))},
        "scheduler": scheduler(T),
    }  # fmt: skip


def trained(T: Any, name: str, **options: Any) -> Any:
    a, b = T.ones(2, 3, requires_grad=True), T.ones(4, requires_grad=True)
    optimizer = getattr(T.optim, name)([a, b], lr=0.1, **options)
    for _ in range(3):
        optimizer.zero_grad()
        ((a * a).sum() + (b * b * b).sum()).backward()
        optimizer.step()
    return optimizer.state_dict()


def scheduler(T: Any) -> Any:
    optimizer = T.optim.SGD([T.ones(1, requires_grad=True)], lr=0.1)
    s = T.optim.lr_scheduler.MultiStepLR(optimizer, [2, 4])
    for _ in range(3):
        optimizer.step()
        s.step()
    return s.state_dict()


THEIRS, OURS = objects(torch), objects(microtorch)
NAMES = [n for n in THEIRS if n != "big"]


def same(theirs: Any, ours: Any, exact: bool = True) -> None:
    found = compare(theirs, ours, exact=exact)
    assert found is None, found
    if isinstance(theirs, collections.OrderedDict):
        assert getattr(theirs, "_metadata", None) == getattr(ours, "_metadata", None)
    if isinstance(theirs, dict) and not isinstance(theirs, collections.Counter):
        assert type(theirs) is type(ours)
        for a, b in zip(theirs.values(), ours.values()):
            same(a, b, exact)
    if isinstance(theirs, torch.Tensor):
        assert isinstance(theirs, torch.nn.Parameter) == isinstance(ours, microtorch.nn.Parameter)
        assert theirs.requires_grad == ours.requires_grad and theirs.__dict__ == ours.__dict__


def written(T: Any, obj: Any, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    T.save(obj, file, **options)
    file.seek(0)
    return file


@pytest.mark.parametrize("name", NAMES)
def test_both_ways(name: str) -> None:
    same(torch.load(written(microtorch, OURS[name]), weights_only=True), OURS_AS_LOADED(name))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        same(torch.load(written(torch, THEIRS[name])), microtorch.load(written(torch, THEIRS[name])))
    same(
        torch.load(written(torch, THEIRS[name])),
        microtorch.load(written(microtorch, OURS[name])),
        exact="optimizer" not in name,
    )


def OURS_AS_LOADED(name: str) -> Any:
    return microtorch.load(written(microtorch, OURS[name]))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_protocols_of_pytorch(protocol: int) -> None:
    for name in (
        "sharing",
        "weights",
        "numbers",
        "text",
        "bytes",
        "containers",
        "many",
        "checkpoint",
        "parameters",
        "ordered",
    ):
        same(
            torch.load(written(torch, THEIRS[name]), weights_only=False),
            microtorch.load(written(torch, THEIRS[name], pickle_protocol=protocol)),
        )


@pytest.mark.parametrize(
    "name", [n for n in NAMES if n not in ("of uint16", "of uint32", "of uint64")]
)  # not in PyTorch's
def test_the_format_before_1_6(name: str) -> None:
    file = written(torch, THEIRS[name], _use_new_zipfile_serialization=False)
    same(torch.load(copy.copy(file)), microtorch.load(file))


def test_shared_memory_is_shared_again() -> None:
    for T, U in ((torch, microtorch), (microtorch, torch), (microtorch, microtorch)):
        got = U.load(written(T, objects(T)["sharing"]))
        with U.no_grad():
            got["base"][3] = 100
        assert got["view"].tolist() == [2, 100, 4] and got["detached"][3] == 100
        got = U.load(written(T, objects(T)["views only"]))
        assert [t.storage_offset() for t in got] == [2, 3]
        got[0][1] = 7
        assert got[1].tolist() == [7, 4]
        got = U.load(written(T, objects(T)["twice"]))
        assert got[0] is got[1] is got[2]


def test_a_file_is_no_longer_than_it_must_be() -> None:
    base = microtorch.zeros(1000)
    assert len(written(microtorch, [base, base[:10], base.reshape(10, 100).t()]).getvalue()) < 4000 + 2000
    a = microtorch.ones(1000, requires_grad=True)
    b = microtorch.ones(10, requires_grad=True)
    optimizer = microtorch.optim.Adam([a, b])
    (a.sum() + b.sum()).backward()
    optimizer.step()
    assert (
        len(written(microtorch, optimizer.state[b]).getvalue()) < 2500
    )  # though its memory is part of one array with a's


def test_loaded_tensors_can_be_written_and_trained() -> None:
    p = microtorch.load(written(torch, torch.nn.Parameter(torch.ones(2))))
    (p * p).sum().backward()
    assert p.grad.tolist() == [2, 2] and isinstance(p, microtorch.nn.Parameter)
    x = microtorch.load(written(torch, torch.zeros(3)))
    x += 1
    assert x.tolist() == [1, 1, 1]


def test_numpys_numbers_are_written_as_pythons() -> None:
    assert (
        torch.load(written(microtorch, [b"", bytearray()]))
        == [b"", bytearray()]
        == microtorch.load(written(torch, [b"", bytearray()]))
    )
    got = torch.load(
        written(
            microtorch,
            {"a": np.float32(1.5), "b": np.int64(3), "c": np.bool_(True), "d": [np.float64(2)], "e": np.str_("x")},
        )
    )
    assert (
        got == {"a": 1.5, "b": 3, "c": True, "d": [2.0], "e": "x"}
        and type(got["a"]) is float
        and type(got["c"]) is bool
    )


def test_numpy_arrays_want_weights_only_false() -> None:
    arrays = {"a": np.arange(6).reshape(2, 3), "f": np.ones((2, 2), order="F"), "n": np.float32(2), "b": np.arange(3, dtype=">i4"), "c": np.array([True]), "s": np.array(["ab", "c"]), "z": np.zeros((0, 2)),
              "r": range(3), "d": collections.defaultdict(list, {1: [2]}), "fs": frozenset([1]), "sl": slice(1, 2)}  # fmt: skip
    for T in (torch, microtorch):
        file = written(T, arrays)
        with pytest.raises(pickle.UnpicklingError, match="Unsupported global: GLOBAL (numpy|range)"):
            microtorch.load(copy.copy(file))
        for U in (torch, microtorch):
            got = U.load(copy.copy(file), weights_only=False)
            for k, v in arrays.items():
                assert np.array_equal(got[k], v) if isinstance(v, np.ndarray) else got[k] == v
                assert k in ("n", "b") or getattr(got[k], "dtype", 0) == getattr(v, "dtype", 0)


@pytest.mark.parametrize("new", [True, False])
def test_bfloat16(new: bool) -> None:
    x = torch.randn(100).to(torch.bfloat16)
    obj = {"x": x, "y": x[3:5], "t": x.view(10, 10).t(), "d": torch.bfloat16, "none": x[:0]}
    got = microtorch.load(written(torch, obj, _use_new_zipfile_serialization=new))
    back = torch.load(written(microtorch, got))
    assert got["d"] is microtorch.bfloat16 and back["d"] is torch.bfloat16
    for name in ("x", "y", "t", "none"):
        assert got[name].dtype is microtorch.bfloat16 and got[name].stride() == obj[name].stride()
        assert np.array_equal(got[name].float().numpy(), obj[name].float().numpy())
        assert torch.equal(back[name], obj[name])
    got["x"][3] = 7
    back["x"][3] = 7
    assert got["y"][0] == 7 and back["y"][0] == 7  # they share memory, as they did


def test_what_is_lacking_is_named() -> None:
    for obj, what in ((torch.ones(2, 2).to_sparse_csc(), "sparse_csc"), (torch.quantize_per_tensor(torch.ones(2), 1, 0, torch.qint8), "quantized|QInt8"), (torch.ones(2).to(torch.float8_e5m2), "Float8|float8"),
                      (torch.ones(2, device="meta"), "meta")):  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = written(torch, obj)
        with pytest.raises((NotImplementedError, pickle.UnpicklingError), match=what):
            microtorch.load(file)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), file)
    file.seek(0)
    with pytest.raises(NotImplementedError, match="TorchScript"):
        microtorch.load(file)
    with pytest.raises(NotImplementedError, match="old format"):
        microtorch.save(1, io.BytesIO(), _use_new_zipfile_serialization=False)


# files ---------------------------------------------------------------------------------------------------------------------


def test_paths_and_file_objects(tmp_path: Any) -> None:
    x = microtorch.arange(5)
    for path in (
        tmp_path / "a.pt",
        str(tmp_path / "b.tar.gz"),
        tmp_path / "ümläut.pth",
        tmp_path / "c",
        str(tmp_path / ".hidden"),
    ):
        microtorch.save(x, path)
        assert torch.load(path).tolist() == microtorch.load(path).tolist() == list(range(5))
        assert torch.load(path, mmap=True).tolist() == microtorch.load(path, mmap=True).tolist() == list(range(5))
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        assert archive.testzip() is None
        assert {"a/data.pkl", "a/byteorder", "a/data/0", "a/version"} <= set(archive.namelist())
    with open(tmp_path / "d.pt", "wb") as file:
        microtorch.save(x, file)
    with open(tmp_path / "d.pt", "rb") as file:
        assert microtorch.load(file).tolist() == list(range(5))
    assert sorted(os.listdir(tmp_path)) == sorted(["a.pt", "b.tar.gz", "ümläut.pth", "c", ".hidden", "d.pt"])
    for T in (torch, microtorch):
        with pytest.raises(RuntimeError, match=r"Parent directory .* does not exist"):
            T.save(x, tmp_path / "no" / "such")
        with pytest.raises(FileNotFoundError):
            T.load(tmp_path / "nothing")
        with pytest.raises(AttributeError):
            T.save(x, 3)
        with pytest.raises(AttributeError):
            T.load(iter([]))
        with pytest.raises(EOFError):
            T.load(io.BytesIO())
        with pytest.raises(ValueError):
            T.load(written(T, T.ones(1)), mmap=True)
        with pytest.raises(RuntimeError):
            T.load(tmp_path / "a.pt", pickle_module=pickle, weights_only=True)


def test_records_are_aligned_for_mapping(tmp_path: Any) -> None:
    path = tmp_path / "x.pt"
    microtorch.save([microtorch.ones(n) for n in range(1, 40)], path)
    raw = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name, extra = struct.unpack("<HH", raw[info.header_offset + 26 : info.header_offset + 30])
            assert (info.header_offset + 30 + name + extra) % 64 == 0
    mapped = microtorch.load(path, mmap=True)
    mapped[3] += 1
    assert mapped[3].tolist() == [2] * 4 and microtorch.load(path)[3].tolist() == [1] * 4
    del mapped


def test_files_are_replaced_whole(tmp_path: Any) -> None:
    path = tmp_path / "x.pt"
    microtorch.save(microtorch.ones(3), path)

    class Bad:
        def __reduce__(self) -> Any:
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        microtorch.save([microtorch.zeros(3), Bad()], path)
    assert microtorch.load(path).tolist() == [1, 1, 1] and os.listdir(tmp_path) == ["x.pt"]
    os.chmod(path, 0o640)
    microtorch.save(microtorch.zeros(3), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640 and microtorch.load(path).tolist() == [0, 0, 0]
    (tmp_path / "link.pt").symlink_to("x.pt")
    microtorch.save(microtorch.ones(1), tmp_path / "link.pt")
    assert (tmp_path / "link.pt").is_symlink() and microtorch.load(path).tolist() == [1]
    microtorch.save(1, os.devnull)
    mask = os.umask(0o027)
    try:
        microtorch.save(1, tmp_path / "y.pt")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "y.pt").stat().st_mode) == 0o640


def test_a_killed_writer_leaves_the_old_file(tmp_path: Any) -> None:
    path = tmp_path / "x.pt"
    microtorch.save(microtorch.ones(3), path)
    code = f"""
import os, microtorch as torch
class Dies:
    def __reduce__(self): os._exit(9) if Dies.again else setattr(Dies, "again", True); return (int, ())
    again = False
torch.save([torch.zeros(100_000), Dies()], {str(path)!r})
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=os.getcwd()).returncode == 9
    assert microtorch.load(path).tolist() == [1, 1, 1]


def test_map_location() -> None:
    file = written(microtorch, microtorch.ones(2))
    for place in (
        "cpu",
        microtorch.device("cpu"),
        {"cuda:0": "cpu"},
        lambda storage, location: storage,
        lambda storage, location: None,
    ):
        assert microtorch.load(copy.copy(file), map_location=place).tolist() == [1, 1]
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        microtorch.load(copy.copy(file), map_location="cuda")
    foreign = repacked(file, lambda data: data.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
    for T in (torch, microtorch):
        with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
            T.load(copy.copy(foreign))
        for place in ("cpu", T.device("cpu"), {"cuda:0": "cpu"}, lambda storage, location: storage):
            assert T.load(copy.copy(foreign), map_location=place).tolist() == [1, 1]
        with pytest.raises(RuntimeError):
            T.load(copy.copy(foreign), map_location={"cuda:1": "cpu"})


def test_big_endian_files() -> None:
    for name in ("of int16", "of int64", "of float32", "of complex64", "of bool", "of uint8", "strided"):
        file = written(torch, THEIRS[name])
        swapped = io.BytesIO()
        with zipfile.ZipFile(file) as source, zipfile.ZipFile(swapped, "w") as target:
            for info in source.infolist():
                data = source.read(info)
                if "/data/" in info.filename:
                    part = THEIRS[name].element_size() // (2 if "complex" in name else 1)
                    data = np.frombuffer(data, f"u{part}").byteswap().tobytes()
                target.writestr(info.filename, b"big" if info.filename.endswith("byteorder") else data)
        swapped.seek(0)
        same(THEIRS[name].contiguous(), microtorch.load(swapped).contiguous())


# Modules, and what the user allows -------------------------------------------------------------------------------------------


class Net(microtorch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = microtorch.nn.Sequential(
            microtorch.nn.Linear(3, 4), microtorch.nn.ReLU(), microtorch.nn.BatchNorm1d(4)
        )
        self.head = microtorch.nn.Linear(4, 2)
        self.sizes = (3, 4)
        self.activation = microtorch.nn.functional.relu
        self.kind = microtorch.nn.Linear

    def forward(self, x: Any) -> Any:
        return self.head(self.activation(self.body(x)))


class Point:
    def __init__(self, x: int) -> None:
        self.x = x


class Hostile(microtorch.nn.Module):
    def __setstate__(self, state: Any) -> None:
        raise AssertionError("called")

    def __new__(cls, *args: Any) -> Any:
        if args:
            raise AssertionError("called")
        return super().__new__(cls)


def test_whole_modules_of_classes_that_the_program_has() -> None:
    model = Net()
    x = microtorch.randn(5, 3)
    model(x)
    model.eval()
    file = written(microtorch, model)
    with pytest.raises(pickle.UnpicklingError, match=rf"GLOBAL {Net.__module__}.Net was not an allowed global"):
        microtorch.load(copy.copy(file))
    again = microtorch.load(copy.copy(file), weights_only=False)
    assert (
        type(again) is Net
        and not again.training
        and np.array_equal(again(x).detach().numpy(), model(x).detach().numpy())
    )
    assert repr(again) == repr(model)
    again.train()
    again(x).sum().backward()
    assert all(p.grad is not None for p in again.parameters())
    assert (
        sorted(microtorch.serialization.get_unsafe_globals_in_checkpoint(copy.copy(file)))[-1]
        == "torch.nn.modules.linear.Linear"
        or True
    )
    with pytest.raises(pickle.UnpicklingError, match="Hostile defines __setstate__"):
        microtorch.load(written(microtorch, Hostile()), weights_only=False)


def test_pytorchs_modules_here() -> None:
    torch.manual_seed(0)
    for make in (
        lambda T: T.nn.Sequential(T.nn.Linear(3, 4), T.nn.ReLU(), T.nn.Linear(4, 2)),
        lambda T: T.nn.Sequential(T.nn.BatchNorm1d(3), T.nn.LayerNorm(3), T.nn.Dropout(0.5), T.nn.GELU()),
    ):
        model = make(torch).eval()
        x = torch.randn(4, 3)
        ours = microtorch.load(written(torch, model), weights_only=False)
        assert np.allclose(ours(microtorch.tensor(x.numpy())).detach().numpy(), model(x).detach().numpy(), atol=1e-6)
        assert repr(ours) == repr(model)


def test_safe_globals() -> None:
    S = microtorch.serialization
    file = written(microtorch, {"p": Point(3)})
    name = f"{Point.__module__}.Point"
    with pytest.raises(pickle.UnpicklingError, match=f"GLOBAL {name}"):
        microtorch.load(copy.copy(file))
    with pytest.raises(pickle.UnpicklingError, match=f"GLOBAL {name} is not something that microtorch.load builds"):
        microtorch.load(copy.copy(file), weights_only=False)
    assert (
        S.get_unsafe_globals_in_checkpoint(copy.copy(file))
        == [name]
        == torch.serialization.get_unsafe_globals_in_checkpoint(copy.copy(file))
    )
    with S.safe_globals([Point]):
        assert S.get_safe_globals() == [Point] and S.get_unsafe_globals_in_checkpoint(copy.copy(file)) == []
        assert microtorch.load(copy.copy(file))["p"].x == 3
    assert S.get_safe_globals() == []
    S.add_safe_globals([(Point, name)])
    try:
        assert microtorch.load(copy.copy(file))["p"].x == 3
    finally:
        S.clear_safe_globals()
    with pytest.raises(pickle.UnpicklingError):
        microtorch.load(copy.copy(file))
    with torch.serialization.safe_globals([Point]):
        assert torch.load(copy.copy(file))["p"].x == 3


def test_what_has_no_name_is_an_error() -> None:
    for obj in (lambda: 0, [lambda: 0]):
        with pytest.raises(pickle.PicklingError):
            microtorch.save(obj, io.BytesIO())
    with pytest.raises(TypeError, match="cannot pickle"):
        microtorch.save(open(os.devnull), io.BytesIO())


def repacked(file: io.BytesIO, change: Any) -> io.BytesIO:
    """The archive with its pickle changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(copy.copy(file)) as source, zipfile.ZipFile(out, "w") as target:
        for info in source.infolist():
            data = source.read(info)
            target.writestr(info.filename, change(data) if info.filename.endswith("data.pkl") else data)
    out.seek(0)
    return out


@pytest.mark.slow
def test_long_files(tmp_path: Any) -> None:
    path = tmp_path / "x.pt"
    x = {str(i): microtorch.full((1 << 20,), float(i)) for i in range(20)}
    microtorch.save(x, path)
    assert all(bool((v == int(k)).all()) for k, v in torch.load(path, mmap=True).items())
    assert all(bool((v == int(k)).all()) for k, v in microtorch.load(path).items())
