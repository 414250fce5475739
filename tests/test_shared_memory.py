"""`share_memory_`: processes that are forked write to the same tensors, as in PyTorch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import microtorch

PROGRAM = """
import warnings; warnings.simplefilter("ignore")
import torch, torch.nn as nn
import torch.multiprocessing as mp

def add(t):
    t += 1
    t[0] *= 10

def train(model, rank):
    torch.manual_seed(rank)
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        opt.zero_grad()
        model(torch.ones(2, 3)).sum().backward()
        opt.step()

if __name__ == "__main__":
    ctx = mp.get_context("fork")
    x = torch.zeros(3)
    print(x.is_shared(), x.share_memory_() is x, x.is_shared(), x.storage().is_shared(), x.untyped_storage().is_shared())
    p = ctx.Process(target=add, args=(x,)); p.start(); p.join()
    print(x, x[1:].is_shared(), x.clone().is_shared(), x.numpy().sum())
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))
    print(model.share_memory() is model)
    before = [q.clone() for q in model.parameters()]
    p = ctx.Process(target=train, args=(model, 0)); p.start(); p.join()
    print([bool((a != b).any()) for a, b in zip(before, model.parameters())], model[1].num_batches_tracked)
    counter = torch.zeros((), dtype=torch.long).share_memory_()
    for p in [ctx.Process(target=lambda c: c.add_(1), args=(counter,)) for _ in range(3)]:
        p.start(); p.join()
    y = nn.Parameter(torch.ones(2))
    y.share_memory_()
    (y * 2).sum().backward()
    print(counter, y.grad, y.requires_grad, y.is_leaf, list(model.state_dict()))

    ctx = mp.get_context("spawn")
    before = [q.clone() for q in model.parameters()]
    rows = torch.tensor([[0.0, 1, 2], [3, 4, 5]]).share_memory_()
    workers = [ctx.Process(target=train, args=(model, 1)), ctx.Process(target=add, args=(rows[1],))]
    for p in workers: p.start()
    for p in workers: p.join()
    print([p.exitcode for p in workers], [bool((a != b).any()) for a, b in zip(before, model.parameters())], rows)
"""


def test_a_program_prints_what_it_prints_under_pytorch(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(PROGRAM)
    commands = [[sys.executable, str(script)], [sys.executable, "-m", "microtorch", "run", str(script)]]
    theirs, ours = (subprocess.run(c, capture_output=True, text=True, timeout=120) for c in commands)
    assert ours.stdout == theirs.stdout and "tensor([10.,  1.,  1.])" in ours.stdout, ours.stderr


def test_what_cannot_be_moved_says_so() -> None:
    x = microtorch.ones(2, 3)
    view = x[0]
    for t in (view, microtorch.ones(2, 3).t().clone(memory_format=microtorch.preserve_format)):
        with pytest.raises(NotImplementedError, match="share_memory_"):
            t.share_memory_()
    assert x.share_memory_().is_shared() and view.is_shared()
    view[0] = 7.0
    assert x[0, 0] == 7  # its views went with it
