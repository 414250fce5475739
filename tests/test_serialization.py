"""torch.save and torch.load: files exchanged with PyTorch both ways, damaged and hostile files."""

import io
import os
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch

import microtorch

SAMPLES = {
    "dtypes": "[torch.arange(4).to(d) for d in (torch.float16, torch.float32, torch.float64, torch.int8, torch.int16, torch.int32,"
    " torch.int64, torch.uint8, torch.bool, torch.complex64, torch.complex128)]",
    "shapes": "[torch.tensor(3.5), torch.zeros(0, 3), torch.arange(24.).reshape(2, 3, 4)]",
    "strided": "[torch.arange(6.).reshape(2, 3).t(), torch.arange(10.)[2:8:2], torch.ones(1, 3).expand(2, 3)]",
    "plain": "{'a': 1, 'b': [1.5, None, True, 'text'], 3: (1, 2), 'c': 1 + 2j, 's': {1, 2}, 'bytes': b'xy', 'big': 2**70}",
    "names": "[torch.float32, torch.int64, torch.Size([2, 3]), torch.device('cpu')]",
    "grad": "[torch.ones(2, requires_grad=True), torch.nn.Parameter(torch.ones(3)), torch.ones(2, requires_grad=True) * 2]",
    "model": "torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).state_dict()",
}


def make(framework, code):
    framework.manual_seed(0)
    return eval(code, {"torch": framework})


def same(a, b):
    if isinstance(a, (torch.Tensor, microtorch.Tensor)):
        assert isinstance(b, (torch.Tensor, microtorch.Tensor))
        assert str(a.dtype) == str(b.dtype) and tuple(a.shape) == tuple(b.shape) and a.stride() == b.stride()
        assert a.requires_grad == b.requires_grad and a.is_leaf == b.is_leaf or not a.is_leaf
        assert type(a).__name__ == type(b).__name__
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    elif isinstance(a, dict):
        assert type(a) is type(b) and list(a) == list(b)
        for k in a:
            same(a[k], b[k])
        if hasattr(a, "_metadata"):
            assert a._metadata == b._metadata
    elif isinstance(a, (list, tuple)):
        assert type(a).__name__ == type(b).__name__ and len(a) == len(b)
        for x, y in zip(a, b):
            same(x, y)
    else:
        assert a == b or str(a) == str(b)


@pytest.mark.parametrize("name", SAMPLES)
def test_exchange(name, tmp_path):
    ours, theirs = make(microtorch, SAMPLES[name]), make(torch, SAMPLES[name])
    microtorch.save(ours, tmp_path / "ours.pt")
    torch.save(theirs, tmp_path / "theirs.pt")
    same(ours, microtorch.load(tmp_path / "ours.pt"))
    same(theirs, microtorch.load(tmp_path / "theirs.pt"))
    same(ours, torch.load(tmp_path / "ours.pt", weights_only=True))
    same(ours, torch.load(tmp_path / "ours.pt", weights_only=True, mmap=True))


def test_shared_memory_stays_shared(tmp_path):
    a = microtorch.arange(6.0)
    microtorch.save([a, a[2:4], a.view(2, 3), a], tmp_path / "f.pt")
    for load in (microtorch.load, torch.load):
        x, part, view, again = load(tmp_path / "f.pt")
        x[2] = 100.0
        assert part[0] == 100 and view[0, 2] == 100 and again is x
    assert os.path.getsize(tmp_path / "f.pt") < 3000


def test_optimizer_states(tmp_path):
    for framework, other in ((microtorch, torch), (torch, microtorch)):
        w = framework.ones(3, requires_grad=True)
        optimizer = framework.optim.Adam([w], lr=0.1)
        (w * w).sum().backward()
        optimizer.step()
        framework.save({"optimizer": optimizer.state_dict(), "w": w, "epoch": 3}, tmp_path / "f.pt")
        loaded = other.load(tmp_path / "f.pt")
        w2 = loaded["w"].detach().requires_grad_()
        optimizer2 = other.optim.Adam([w2], lr=0.5)
        optimizer2.load_state_dict(loaded["optimizer"])
        for x, o in ((w, optimizer), (w2, optimizer2)):
            o.zero_grad()
            (x * x).sum().backward()
            o.step()
        np.testing.assert_allclose(w.detach().numpy(), w2.detach().numpy(), 1e-6)


def test_bfloat16_comes_as_float32(tmp_path):
    t = torch.randn(5).to(torch.bfloat16)
    torch.save(t, tmp_path / "f.pt")
    loaded = microtorch.load(tmp_path / "f.pt")
    assert loaded.dtype is microtorch.float32
    np.testing.assert_array_equal(loaded.numpy(), t.float().numpy())


def test_file_objects_and_paths(tmp_path):
    file = io.BytesIO()
    microtorch.save(microtorch.ones(2), file)
    file.seek(0)
    assert microtorch.load(file).tolist() == [1, 1]
    microtorch.save(microtorch.ones(2), str(tmp_path / "a.pt"))
    assert microtorch.load(str(tmp_path / "a.pt"), map_location="cpu", weights_only=True).tolist() == [1, 1]
    with pytest.raises(FileNotFoundError):
        microtorch.load(tmp_path / "none.pt")
    with pytest.raises(RuntimeError, match=r"Parent directory .* does not exist"):
        microtorch.save(1, tmp_path / "none" / "a.pt")


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "f.pt"
    microtorch.save(microtorch.ones(2), path)
    before = path.read_bytes()
    with pytest.raises(NotImplementedError, match="objects of class Linear can't be saved"):
        microtorch.save({"a": microtorch.ones(3), "m": microtorch.nn.Linear(1, 1)}, path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["f.pt"]


class Evil:
    def __reduce__(self):
        return os.system, ("touch EXECUTED",)


@pytest.mark.parametrize("protocol", [0, 1, 2, 4])
@pytest.mark.parametrize("payload", ["reduce", "eval", "subclass"])
def test_hostile_files_execute_nothing(payload, protocol, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = {
        "reduce": pickle.dumps({"w": Evil()}, protocol),
        "eval": b"cbuiltins\neval\n(S'open(\"EXECUTED\", \"w\")'\ntR.",
        "subclass": b"cbuiltins\ngetattr\n(cos\nsystem\nS'x'\ntR.",
    }[payload]
    with zipfile.ZipFile("evil.pt", "w") as z:
        z.writestr("evil/data.pkl", code)
        z.writestr("evil/version", "3\n")
    for weights_only in (True, False, None):
        with pytest.raises(pickle.UnpicklingError, match="not allowed"):
            microtorch.load("evil.pt", weights_only=weights_only)
    assert not os.path.exists("EXECUTED")


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "f.pt"
    microtorch.save({"w": microtorch.arange(100.0), "n": [1, "two"]}, path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for cut in [0, 1, 10, len(whole) // 2, len(whole) - 1]:
        path.write_bytes(whole[:cut])
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            microtorch.load(path)
    refused = 0
    for _ in range(300):  # a flipped bit is noticed, or falls where nothing is read
        damaged = bytearray(whole)
        damaged[rng.integers(len(whole))] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            loaded = microtorch.load(path)
        except (RuntimeError, pickle.UnpicklingError):
            refused += 1
        else:
            assert loaded["w"].tolist() == list(range(100)) and loaded["n"] == [1, "two"]
    assert refused > 100


def test_a_tensor_outside_of_its_storage_is_refused(tmp_path):
    path = tmp_path / "f.pt"
    microtorch.save(microtorch.arange(4.0), path)
    with zipfile.ZipFile(path) as z:
        records = {n: z.read(n) for n in z.namelist()}
    pkl = next(n for n in records if n.endswith("data.pkl"))
    changed = records[pkl].replace(b"K\x04\x85", b"K\x40\x85")  # the size (4,) as (64,)
    assert changed != records[pkl]
    with zipfile.ZipFile(path, "w") as z:
        for name, data in records.items():
            z.writestr(name, changed if name == pkl else data)
    with pytest.raises(pickle.UnpicklingError):
        microtorch.load(path)


def test_the_old_format_is_refused_by_name(tmp_path):
    torch.save(torch.ones(2), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match="before"):
        microtorch.load(tmp_path / "old.pt")


class Config(OrderedDict):
    pass


def test_safe_globals(tmp_path):
    torch.save(Config(a=1), tmp_path / "f.pt")
    with pytest.raises(pickle.UnpicklingError, match="Config"):
        microtorch.load(tmp_path / "f.pt")
    with microtorch.serialization.safe_globals([Config]):
        assert microtorch.load(tmp_path / "f.pt") == Config(a=1)
