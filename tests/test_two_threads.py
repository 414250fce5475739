"""What the kernels share among threads gives what PyTorch gives."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from microtorch.kernels import threads, twins


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """Two threads, NumPy alone."""
    before, kernels = threads.count(), "auto" if twins.active() else "numpy"
    twins.choose("numpy")
    threads.set_count(2)
    yield
    threads.set_count(before)
    twins.choose(kernels)


def masks(xp: Any) -> list[Any]:
    """Draws of which later ones use words that were made meanwhile."""
    drop, found = xp.nn.functional.dropout, []
    xp.manual_seed(5)
    ones = xp.ones(70_000)
    found += [drop(ones, 0.1), drop(ones[:40_000], 0.5), xp.rand(3), drop(ones, 0.3)]
    state = xp.get_rng_state()
    found += [state, xp.randn(20), drop(ones, 0.3), xp.randint(0, 1000, (50_000,)), xp.rand(5, dtype=xp.float64)]
    xp.set_rng_state(state)
    found += [drop(ones, 0.3), xp.rand(1), drop(ones, 0.9), xp.randperm(50), xp.empty(90_000).bernoulli_(0.25)]
    xp.manual_seed(6)
    return [*found, drop(ones, 0.1), xp.rand(40_000), drop(ones, 0.1)]


@pytest.mark.parametrize("kernels", ["numpy", "auto"])
def test_words_made_meanwhile(kernels: str) -> None:
    twins.choose(kernels)
    for ours, theirs in zip(masks(microtorch), masks(torch), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_words_made_meanwhile_after_a_fork() -> None:
    """The child goes on with the same stream, and starts a thread of its own."""
    ones = microtorch.ones(100_000)

    def sums() -> str:
        return " ".join(str(microtorch.nn.functional.dropout(ones, 0.5).sum().item()) for _ in range(4))

    microtorch.manual_seed(1)
    sums()
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.write(write, sums().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 1000).decode() == sums()


def test_an_error_beside() -> None:
    with pytest.raises(ZeroDivisionError):
        threads.beside(lambda: 1 / 0)()
    assert threads.beside(lambda: 7)() == 7


@pytest.mark.parametrize("shape", [(300, 257), (5000, 33), (3, 70_000), (70, 10, 128)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("norm", ["layer_norm", "rms_norm"])
def test_norms_by_pieces(shape: tuple[int, ...], dtype: str, affine: bool, norm: str) -> None:
    rng = np.random.default_rng(0)
    x, g = (rng.standard_normal(shape).astype(dtype) for _ in range(2))
    x[1, 3], x[2, 5], g[2, 7] = np.inf, np.nan, np.inf
    weights = rng.standard_normal((2, shape[-1])).astype(dtype)
    found = []
    for xp in (torch, microtorch):
        leaves = [xp.tensor(a, requires_grad=True) for a in (x, *weights)]
        leaves = leaves[: 1 if not affine else 3 if norm == "layer_norm" else 2]
        out = getattr(xp.nn.functional, norm)(leaves[0], (shape[-1],), *leaves[1:])
        out.backward(xp.tensor(g))
        found.append([out.detach().numpy(), *[a.grad.numpy() for a in leaves]])
    single = dtype == "float32"
    for expected, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=2e-4 if single else 1e-10, atol=5e-4 if single else 1e-10)


@pytest.mark.parametrize("reduction", ["none", "mean", "sum"])
@pytest.mark.parametrize("shape", [(70_000, 3), (40, 5000), (3, 70_000)])
def test_cross_entropy_by_pieces(shape: tuple[int, int], reduction: str) -> None:
    rng = np.random.default_rng(0)
    x, target = 5 * rng.standard_normal(shape).astype(np.float32), rng.integers(0, shape[1], shape[0])
    x[1, 2], x[2, 0] = np.nan, np.inf
    found = []
    for xp in (torch, microtorch):
        leaf = xp.tensor(x, requires_grad=True)
        out = xp.nn.functional.cross_entropy(leaf, xp.tensor(target), reduction=reduction)
        out.sum().backward()
        found.append([out.detach().numpy(), leaf.grad.numpy()])
    for expected, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("rows", "inner", "columns"), [(300, 100, 90), (90, 100, 300), (1, 2000, 2000), (40, 300, 7)])
def test_linear_in_parts(rows: int, inner: int, columns: int) -> None:
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(shape).astype(np.float32) for shape in ((rows, inner), (columns, inner), (columns,))]
    found = []
    for xp in (torch, microtorch):
        leaves = [xp.tensor(a, requires_grad=True) for a in arrays]
        out = xp.nn.functional.linear(*leaves)
        out.backward(out.detach())
        found.append([out.detach().numpy(), *[a.grad.numpy() for a in leaves]])
    for expected, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-3 * abs(expected).max())
