"""Products of matrices, by BLAS and by the compiled twin: every layout, every edge of tiles, threads, PyTorch's rows."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from microtorch.kernels import blas, products, threads, twins

torch.set_num_threads(1)

EDGES = [(1, 1, 1), (7, 0, 9), (3, 1, 6), (4, 5, 15), (5, 16, 16), (8, 17, 17), (9, 33, 47), (12, 3, 48), (13, 400, 49), (16, 15, 64),
         (17, 7, 65), (23, 385, 96), (24, 64, 113), (1030, 9, 20)]  # fmt: skip


def made(rng: Any, shape: tuple[int, ...], layout: str, dtype: Any) -> Any:
    """Numbers in an array of that layout: by rows, by columns, of every second and third, turned round, repeated."""
    *lead, m, n = shape
    if layout == "rows":
        return rng.standard_normal(shape).astype(dtype)
    if layout == "columns":
        return rng.standard_normal((*lead, n, m)).astype(dtype).swapaxes(-1, -2)
    if layout == "steps":
        return rng.standard_normal((*lead, 2 * m, 3 * n)).astype(dtype)[..., ::2, 1::3]
    if layout == "reversed":
        return rng.standard_normal(shape).astype(dtype)[..., ::-1, ::-1]
    if layout == "odd":  # at an address that no float has
        raw = np.empty(4 * np.dtype(dtype).itemsize + rng.standard_normal(shape).astype(dtype).nbytes + 1, np.uint8)
        odd = raw[1 : 1 + int(np.prod(shape)) * np.dtype(dtype).itemsize].view(dtype).reshape(shape)
        odd[...] = rng.standard_normal(shape)
        return odd
    return np.broadcast_to(rng.standard_normal((*lead, 1, n)).astype(dtype), shape)


LAYOUTS = ["rows", "columns", "steps", "reversed", "odd", "repeated"]


def bound(x: Any, y: Any) -> Any:
    """What sums of k products may be wrong by: Higham, Accuracy and stability of numerical algorithms, section 3.1."""
    k = x.shape[-1]
    return (k + 2) * np.finfo(x.dtype).eps * (np.abs(x).astype(np.float64) @ np.abs(y).astype(np.float64)) + 1e-300


def check(x: Any, y: Any, result: Any, added: Any = 0.0) -> None:
    want = x.astype(np.float64) @ y.astype(np.float64) + added
    assert result.dtype == x.dtype and result.shape == want.shape
    assert (np.abs(result - want) <= bound(x, y) + 2 * np.finfo(x.dtype).eps * np.abs(added)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("left", LAYOUTS)
@pytest.mark.parametrize("right", LAYOUTS)
def test_layouts_and_edges(twin: str, left: str, right: str, dtype: Any) -> None:
    """Nothing but the result is written, whatever lies around it."""
    rng = np.random.default_rng(0)
    for m, k, n in EDGES:
        x, y = made(rng, (m, k), left, dtype), made(rng, (k, n), right, dtype)
        check(x, y, products.matmul(x, y))
        around = np.full((m + 2, n + 40), 7, dtype)
        out = around[1:-1, 3:-37]
        assert products.matmul(x, y, out=out) is out
        check(x, y, out)
        out[...] = 7
        assert (around == 7).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bias(twin: str, dtype: Any) -> None:
    rng = np.random.default_rng(1)
    for m, k, n in EDGES:
        x, y, bias = made(rng, (m, k), "rows", dtype), made(rng, (k, n), "columns", dtype), rng.standard_normal(n)
        bias = bias.astype(dtype)
        result = products.affine(x, y, bias)
        if twin == "numba" and m > 2 and n > 5 and k:
            assert result is not None
        if result is not None:
            check(x, y, result, bias.astype(np.float64))


@pytest.mark.parametrize(
    ("left", "right"),
    [((5, 6, 7), (5, 7, 8)), ((5, 6, 7), (1, 7, 8)), ((2, 3, 6, 40), (2, 3, 40, 20)), ((2, 1, 6, 7), (1, 3, 7, 17)),
     ((3, 6, 7), (2, 3, 7, 8)), ((6, 7), (3, 7, 8)), ((2, 1, 2, 6, 7), (2, 3, 1, 7, 8)), ((0, 6, 7), (0, 7, 8)),
     ((3, 6, 0), (3, 0, 8)), ((0, 1, 6, 7), (1, 2, 7, 8))],
)  # fmt: skip
@pytest.mark.parametrize("layout", ["rows", "columns", "steps"])
def test_stacks(twin: str, left: tuple[int, ...], right: tuple[int, ...], layout: str) -> None:
    rng = np.random.default_rng(2)
    x, y = made(rng, left, layout, np.float32), made(rng, right, "columns", np.float32)
    result = products.matmul(x, y)
    assert result.flags.c_contiguous
    check(x, y, result)
    out = np.empty(result.shape[:-1] + (result.shape[-1] + 2,), np.float32)[..., 1:-1]
    assert products.matmul(x, y, out=out) is out
    np.testing.assert_array_equal(out, result)


def test_misfits_raise(twin: str) -> None:
    for left, right in [((4, 7), (8, 9)), ((2, 4, 7), (3, 7, 9)), ((2, 4, 7), (2, 8, 9)), ((2, 2, 4, 7), (2, 3, 7, 9))]:
        with pytest.raises(ValueError):
            products.matmul(np.ones(left, np.float32), np.ones(right, np.float32))


def test_nan_and_infinity(twin: str) -> None:
    x, y = np.ones((9, 20), np.float32), np.ones((20, 33), np.float32)
    x[2, 3], y[4, 5], x[7, 8], y[8, 9] = np.nan, np.inf, np.inf, 0
    with np.errstate(invalid="ignore"):
        result, want = products.matmul(x, y), torch.mm(torch.from_numpy(x), torch.from_numpy(y)).numpy()
    np.testing.assert_array_equal(result, want)


def test_a_row_is_the_same_in_any_company() -> None:
    """The compiled twin sums in one order, whatever the shapes: a batch's rows are those of the single examples."""
    pytest.importorskip("numba")
    least = twins.least
    twins.choose("numba")
    try:
        rng = np.random.default_rng(3)
        x, y = rng.standard_normal((50, 500)).astype(np.float32), rng.standard_normal((500, 70)).astype(np.float32)
        whole = products.matmul(x, y)
        for start, stop, width in [(0, 3, 70), (7, 20, 11), (13, 50, 49)]:
            part = products.matmul(x[start:stop], np.ascontiguousarray(y[:, :width]))
            np.testing.assert_array_equal(part, whole[start:stop, :width])
    finally:
        twins.least = least


def test_threads_share_a_product(twin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By rows, by columns, by matrices of a stack; several threads calling at once."""
    monkeypatch.setattr(products, "POOLED", 0)
    for limit in ("POOLED", "SERIAL"):
        monkeypatch.setattr(blas, limit, 0)
    before = threads.count()
    rng = np.random.default_rng(4)
    try:
        for count in (1, 2, 3):
            threads.set_count(count)
            for left, right in [
                ((70, 30), (30, 20)),
                ((20, 30), (30, 170)),
                ((5, 9, 8), (5, 8, 7)),
                ((1, 3, 9, 8), (1, 3, 8, 7)),
            ]:
                x, y = made(rng, left, "rows", np.float32), made(rng, right, "columns", np.float32)
                results: list[Any] = []
                workers = [threading.Thread(target=lambda: results.append(products.matmul(x, y))) for _ in range(3)]
                for worker in workers:
                    worker.start()
                for worker in workers:
                    worker.join()
                assert len(results) == 3
                for result in results:
                    check(x, y, result)
    finally:
        threads.set_count(before)


def test_first_products_of_several_threads_at_once() -> None:
    """In a process of its own: the code is made once, and no thread meets it half made."""
    pytest.importorskip("numba")
    program = """
import os, threading
os.environ["MICROTORCH_KERNELS"] = "numba"
import numpy as np
from microtorch.kernels import products
x, found = np.ones((16, 16), np.float32), []
go = threading.Barrier(4)
def work():
    go.wait()
    found.append(float(products.matmul(x, x).sum()))
workers = [threading.Thread(target=work) for _ in range(4)]
for worker in workers: worker.start()
for worker in workers: worker.join()
print(found)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "[4096.0, 4096.0, 4096.0, 4096.0]\n", done.stderr


@pytest.mark.parametrize("shape", [(4, 6), (2, 4, 6), (3, 2, 4, 6), (40, 6)])
def test_linear_as_torch(twin: str, shape: tuple[int, ...]) -> None:
    """Values and gradients of a layer with a bias, of matrices and of stacks."""
    rng = np.random.default_rng(5)
    numbers = [rng.standard_normal(s).astype(np.float32) for s in (shape, (9, 6), (9,))]
    found = []
    for T in (torch, microtorch):
        leaves = [T.tensor(a).requires_grad_() for a in numbers]
        out = T.nn.functional.linear(*leaves)
        (out * out).sum().backward()
        found.append([out.detach().numpy(), *[leaf.grad.numpy() for leaf in leaves]])
    for theirs, ours in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_small_products_do_not_import_the_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are BLAS's, before a large one and after it: the same product has the same bits throughout."""
    pytest.importorskip("numba")
    monkeypatch.setattr(products, "_ready", {})
    monkeypatch.setattr(twins, "_families", {})
    monkeypatch.setattr(twins, "least", twins.LEAST)
    rng = np.random.default_rng(6)
    x, large = (rng.standard_normal((n, n)).astype(np.float32) for n in (50, 70))
    before = products.matmul(x, x)
    assert products._ready == {} and twins._families == {}
    products.matmul(large, large)
    assert list(products._ready) == [np.dtype(np.float32)]
    np.testing.assert_array_equal(products.matmul(x, x), before)


def _mkl_for_avx2() -> bool:
    """Whether PyTorch multiplies by MKL's kernels for AVX2, as on processors that are not Intel's."""
    rng = np.random.default_rng(7)
    x, y = (torch.from_numpy(rng.standard_normal((32, 32)).astype(np.float32)) for _ in range(2))
    total = np.zeros((32, 32))
    for k in range(32):  # one sum in the order of k, of which each step is rounded once
        total = (x[:, k : k + 1].double() * y[k].double() + torch.from_numpy(total)).float().double().numpy()
    return bool((total == torch.mm(x, y).numpy()).all())


@pytest.mark.parametrize("k", [1, 50, 192, 193, 250, 300, 384, 385, 1000])
def test_bits_as_torch(k: int) -> None:
    """Compiled products of 4 rows and 12 columns or more, plain, with a bias and in stacks."""
    pytest.importorskip("numba")
    if not _mkl_for_avx2():
        pytest.skip("another BLAS, or another processor")
    least = twins.least
    twins.choose("numba")
    try:
        rng = np.random.default_rng(8)
        for m, n, layout in [(4, 12, "rows"), (33, 70, "columns"), (64, 48, "rows")]:
            x, y, bias = (made(rng, shape, layout, np.float32) for shape in ((m, k), (k, n), (1, n)))
            theirs = torch.mm(torch.from_numpy(x), torch.from_numpy(y))
            np.testing.assert_array_equal(products.matmul(x, y), theirs.numpy())
            weight, added = np.ascontiguousarray(y.T), np.ascontiguousarray(bias[0])
            theirs = torch.nn.functional.linear(*(torch.from_numpy(a) for a in (x, weight, added)))
            np.testing.assert_array_equal(products.affine(x, weight.T, added), theirs.numpy())
        x, y = (made(rng, shape, "rows", np.float32) for shape in ((3, 16, k), (3, k, 20)))
        np.testing.assert_array_equal(
            products.matmul(x, y), torch.bmm(torch.from_numpy(x), torch.from_numpy(y)).numpy()
        )
    finally:
        twins.least = least
