"""safetensors files: its own library, under `python -m microtorch run`, reads what PyTorch wrote and the other way."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("safetensors")
pytest.importorskip("torch")

ROOT = Path(__file__).resolve().parents[1]
DTYPES = [
    "bool",
    "uint8",
    "int8",
    "int16",
    "int32",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "uint16",
    "bfloat16",
]

WRITE = f"""
import sys, torch
from safetensors.torch import save, save_file, save_model
torch.manual_seed(0)
tensors = {{name: torch.arange(6).view(2, 3).to(getattr(torch, name)) for name in {DTYPES}}}
tensors |= {{"empty": torch.zeros(0, 2), "scalar": torch.tensor(1.5), "strided": torch.randn(4, 6)[::2, 1:3].contiguous()}}
save_file(tensors, sys.argv[1] + ".safetensors", metadata={{"format": "pt"}})
assert open(sys.argv[1] + ".safetensors", "rb").read() == save(tensors, {{"format": "pt"}})
model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
model[3].weight = model[2].weight
save_model(model, sys.argv[1] + ".model")
"""

READ = """
import sys, torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, load_file, load_model, save_file
for file in sys.argv[1:]:
    tensors = load_file(file + ".safetensors")
    for name in sorted(tensors):
        print(name, tensors[name].dtype, tensors[name])
    again = load(open(file + ".safetensors", "rb").read())
    print(all(torch.equal(again[name], tensors[name]) for name in tensors), len(again) == len(tensors))
    with safe_open(file + ".safetensors", framework="pt", device="cpu") as f:
        print(sorted(f.keys()), f.metadata(), f.get_slice("float32")[1:, :2], f.get_slice("int64").get_shape())
    tensors["float32"].add_(1)  # a copy of its own: the file stays as it is
    print(load_file(file + ".safetensors")["float32"])
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    model[3].weight = model[2].weight
    print(load_model(model, file + ".model"), model(torch.ones(2, 2)).sum().item().__round__(4))
w = torch.zeros(2, 3)
for bad in ({"a": w, "b": w}, {"a": w.t()}, {"a": 1}, [w]):
    try:
        save_file(bad, "bad")
    except Exception as error:
        print(type(error).__name__, "share memory" in str(error), "contiguous" in str(error))
for content in (b"", b"\\xff" * 100, b"\\x08\\0\\0\\0\\0\\0\\0\\0notjson!", open(file + ".safetensors", "rb").read()[:-1]):
    with open("bad", "wb") as f:
        f.write(content)
    try:
        load_file("bad")
    except SafetensorError as error:
        print("SafetensorError")
"""


def run(command: list[str], folder: Path) -> str:
    """What a command prints."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_files_go_both_ways(tmp_path: Path) -> None:
    """Both read both files, print the same of them, and have the same to say of bad ones."""
    (tmp_path / "write.py").write_text(WRITE)
    (tmp_path / "read.py").write_text(READ)
    run(["write.py", "theirs"], tmp_path)
    run(["-m", "microtorch", "run", "write.py", "ours"], tmp_path)
    assert (tmp_path / "theirs.safetensors").read_bytes() == (tmp_path / "ours.safetensors").read_bytes()
    theirs = run(["read.py", "theirs", "ours"], tmp_path)
    ours = run(["-m", "microtorch", "run", "read.py", "theirs", "ours"], tmp_path)
    assert ours == theirs
    assert theirs.count("SafetensorError") == 4


def test_bytes_of_a_file(tmp_path: Path) -> None:
    """UntypedStorage.from_file, which safetensors reads by, is PyTorch's."""
    (tmp_path / "data").write_bytes(bytes(range(16)))
    (tmp_path / "bytes.py").write_text("""
import torch
s = torch.UntypedStorage.from_file("data", shared=False, nbytes=12)
print(s.nbytes(), s[3], s[4:8].nbytes(), torch.asarray(s[4:8], dtype=torch.uint8))
t = torch.asarray(s, dtype=torch.uint8).view(torch.int32)
t[0] = -1
print(t, open("data", "rb").read()[:4])
s = torch.UntypedStorage.from_file("data", shared=True, nbytes=4)
torch.asarray(s, dtype=torch.uint8).fill_(7)
print(open("data", "rb").read()[:6])
for nbytes in (4, 100):
    try:
        torch.UntypedStorage.from_file("nowhere" if nbytes == 4 else "data", shared=False, nbytes=nbytes)
    except RuntimeError:
        print("RuntimeError")
""")
    theirs = run(["bytes.py"], tmp_path)
    (tmp_path / "data").write_bytes(bytes(range(16)))
    assert run(["-m", "microtorch", "run", "bytes.py"], tmp_path) == theirs
