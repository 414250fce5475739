"""torch.from_file: tensors whose memory is a file's."""

import os

import numpy as np
import pytest

from tests.differential import difference

CALLS = """
torch.from_file("a", size=6) | torch.from_file("a", size=4, dtype=torch.float64) | torch.from_file("a") | torch.from_file("a", size=100)
torch.from_file("nowhere", size=3) | torch.from_file("a", shared=True, size=0) | torch.from_file("a", size=-3) | torch.from_file(3)
torch.from_file("a", "x", 3) | torch.from_file("a", False, 2.5) | torch.from_file("a", size=3, dtype=torch.bfloat16).float()
torch.from_file("a", size=3, dtype=torch.bool) | torch.from_file("a", size=3, requires_grad=True) | torch.from_file("new", True, 3), os.path.getsize("new")
written(False, 6) | written(True, 6) | written(True, 10) | written(None, 3)
"""


@pytest.mark.parametrize("call", [c.strip() for line in CALLS.strip().splitlines() for c in line.split(" | ")])
def test_from_file(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = f"""
import os
import numpy as np
np.arange(6, dtype=np.float32).tofile("a")
if os.path.exists("new"): os.remove("new")
def written(shared, size):
    x = torch.from_file("a", shared=shared, size=size)
    x[0] = 42
    x.add_(1)
    y = (x.requires_grad_() * 2).sum()
    y.backward()
    return np.fromfile("a", np.float32).tolist(), x.tolist(), x.grad
{call}"""
    found = difference(code)
    assert found is None, found
    assert os.path.getsize("a") >= 6 * np.dtype(np.float32).itemsize
