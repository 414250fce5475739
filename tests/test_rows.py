"""Rows brought together by index: as ufunc.at, bit for bit, and as PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from microtorch.kernels import index as K, rows as R

torch.set_num_threads(1)


def numbers(kind: str, n: int, count: int) -> Any:
    """`count` row numbers below n: evenly spread, some far more frequent than others, or all the same."""
    rng = np.random.default_rng(0)
    if kind == "even":
        return rng.integers(0, n, count)
    return np.minimum(rng.zipf(1.3, count) - 1, n - 1) if kind == "uneven" else np.full(count, n - 1)


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.minimum], ids=lambda u: u.__name__)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.complex64])
@pytest.mark.parametrize("kind", ["even", "uneven", "same"])
def test_reduced_rows_have_the_bits_of_ufunc_at(ufunc: Any, dtype: Any, kind: str) -> None:
    """With rows that get none, one and very many, NaN among them."""
    rng = np.random.default_rng(1)
    out, values = ((rng.standard_normal((n, 40)) * 3).astype(dtype) for n in (700, 5000))
    if np.dtype(dtype).kind == "f":
        values[17, 3] = np.nan
    rows = numbers(kind, 700, 5000)
    expected = out.copy()
    ufunc.at(expected, rows, values)
    assert R.reduce_rows(ufunc, out, rows, values)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("kind", ["even", "uneven", "same"])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("in_order", [False, True])
def test_picked_rows_have_the_bits_of_ufunc_at(kind: str, scaled: bool, in_order: bool) -> None:
    """Rows of a table, each times its factor, added to those of another."""
    rng = np.random.default_rng(2)
    out, source = (rng.standard_normal((n, 48)).astype(np.float32) for n in (300, 900))
    to, rows = numbers(kind, 300, 4000), rng.integers(0, 900, 4000)
    if in_order:
        to.sort()
    scale = rng.standard_normal(4000).astype(np.float32) if scaled else None
    expected = out.copy()
    np.add.at(expected, to, source[rows] if scale is None else source[rows] * scale[:, None])
    assert R.add_picked(out, to, source, rows, scale)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize(("width", "count"), [(4, 30000), (64, 40), (30, 20000)])
def test_what_does_not_pay_is_left_alone(width: int, count: int) -> None:
    """Narrow rows, few rows, rows of half precision: nothing is done and the answer is False."""
    out, values = np.zeros((9, width), np.float16 if width == 30 else np.float32), np.ones((count, width), np.float32)
    assert not R.reduce_rows(np.add, out, np.arange(count) % 9, values.astype(out.dtype))
    assert not out.any()


@pytest.mark.parametrize("shape", [(900,), (300, 40), (30, 200, 3), (3, 900, 30), (4, 50, 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
def test_slices_added_along_each_axis(twin: str, shape: tuple[int, ...], dtype: Any) -> None:
    """Indices from the end among them, arrays in C order and not."""
    rng = np.random.default_rng(3)
    for axis in range(len(shape)):
        x = (rng.standard_normal(shape) * 4).astype(dtype)
        rows = rng.integers(-shape[axis], shape[axis], 2500)
        values = (rng.standard_normal((*shape[:axis], 2500, *shape[axis + 1 :])) * 4).astype(dtype)
        expected = x.copy()
        np.add.at(expected, (slice(None),) * axis + (rows,), values)
        for given in (x.copy(), np.asfortranarray(x)):
            K.add_along(given, rows, values, axis)
            np.testing.assert_array_equal(given, expected)
        with pytest.raises(IndexError):
            K.add_along(x, np.append(rows[1:], shape[axis]), values, axis)


@pytest.mark.parametrize("name", ["scatter_add", "scatter", "sum", "prod", "mean", "amax", "amin"])
@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("dim", [0, 1])
def test_expanded_indices_as_torch(twin: str, name: str, include_self: bool, dim: int) -> None:
    """An index that was expanded names whole rows (or columns); results and gradients are those of PyTorch."""
    results = []
    for T in (torch, microtorch):
        T.manual_seed(0)
        size, other = 2000, 50
        index = T.randperm(size) % 60 if name == "scatter" else T.randint(0, 90, (size,))
        if name == "scatter":  # whose result depends on the order where a place is named twice
            index = T.arange(size)
        shape = (size, other) if dim == 0 else (other, size)
        table = [other, other]
        table[dim] = size if name == "scatter" else 90
        x, src = T.randn(*table, requires_grad=True), T.randn(*shape, requires_grad=True)
        at = index.unsqueeze(1 - dim).expand(shape)
        if name in ("scatter_add", "scatter"):
            out = getattr(x, name)(dim, at, src)
        else:
            out = x.scatter_reduce(dim, at, src, name, include_self=include_self)
        picked = out.gather(dim, at)
        (picked * T.linspace(-1, 1, picked.numel()).reshape(shape)).sum().backward()
        results.append([t.detach().numpy() for t in (out, picked, x.grad, src.grad)])
    for theirs, ours in zip(*results):
        assert theirs.dtype == ours.dtype
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("mode", ["sum", "mean", "weights"])
@pytest.mark.parametrize("lengths", ["equal", "several", "some empty"])
def test_bags_as_torch(twin: str, mode: str, lengths: str) -> None:
    """Bags with many words in all: results, and the gradients of the table and the weights."""
    rng = np.random.default_rng(4)
    sizes = {"equal": [40] * 50, "several": rng.integers(1, 90, 50), "some empty": rng.integers(0, 3, 50) * 40}[lengths]
    total, offsets = int(np.sum(sizes)), np.append(0, np.cumsum(sizes)[:-1])
    words, factors = rng.integers(0, 500, total), rng.standard_normal(total).astype(np.float32)
    results = []
    for T in (torch, microtorch):
        T.manual_seed(0)
        table, scale = T.randn(500, 64, requires_grad=True), T.tensor(factors, requires_grad=True)
        out = T.nn.functional.embedding_bag(
            T.tensor(words), table, T.tensor(offsets), mode="sum" if mode == "weights" else mode,
            per_sample_weights=scale if mode == "weights" else None,
        )  # fmt: skip
        (out * T.linspace(-1, 1, out.numel()).reshape(out.shape)).sum().backward()
        results.append([out.detach().numpy(), table.grad.numpy(), *([scale.grad.numpy()] if mode == "weights" else [])])
        if T is microtorch and mode == "mean":  # the recorded backward pass is the same
            grad, = T.autograd.grad(
                (T.nn.functional.embedding_bag(T.tensor(words), table, T.tensor(offsets)) ** 2).sum(), table,
                create_graph=True,
            )  # fmt: skip
            (plain,) = T.autograd.grad(
                (T.nn.functional.embedding_bag(T.tensor(words), table, T.tensor(offsets)) ** 2).sum(), table
            )
            np.testing.assert_allclose(grad.detach().numpy(), plain.numpy(), rtol=1e-5, atol=1e-6)
    for theirs, ours in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sizes", [[40] * 60, [0, 3, 90, 1, 0, 17, 0], [5, 5]])
def test_the_largest_of_bags_as_torch(twin: str, sizes: list[int]) -> None:
    """Ties (the first one gets the gradient), NaN at the beginning and later, empty bags."""
    rng = np.random.default_rng(5)
    table = np.round(rng.standard_normal((200, 70)) * 2).astype(np.float32)
    table[7], table[8, ::2] = np.nan, np.inf
    words = rng.integers(0, 200, sum(sizes))
    words[[0, 4]] = 7, 7
    offsets = np.append(0, np.cumsum(sizes)[:-1])
    results = []
    for T in (torch, microtorch):
        weight = T.tensor(table, requires_grad=True)
        out = T.nn.functional.embedding_bag(T.tensor(words), weight, T.tensor(offsets), mode="max")
        (out * T.linspace(-1, 1, out.numel()).reshape(out.shape)).sum().backward()
        results.append([out.detach().numpy(), weight.grad.numpy()])
    for theirs, ours in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
