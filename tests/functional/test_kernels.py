"""Kernels against PyTorch on random geometries, and against exact references."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import microtorch
import microtorch.nn.functional as MF
from microtorch.kernels import batch_norm, conv as KC, conv_last, pool as KP, special, threads, twins, vision as KV

torch.set_num_threads(1)


def close(ours, theirs, rtol=1e-10, atol=1e-11):
    scale = max(1.0, float(np.abs(theirs).max(initial=0)))
    np.testing.assert_allclose(ours, theirs, rtol, atol * scale)


# the error function ------------------------------------------------------------------------------------------------------


def ulps(ours, exact, dtype):
    return np.abs(ours.astype(np.float64) - exact) / np.spacing(np.abs(exact).astype(dtype)).astype(np.float64)


def test_erf_within_two_last_places():
    x = np.concatenate([np.random.default_rng(0).normal(size=20000) * 2, np.linspace(-7, 7, 20001), [0.477, 4.0]])
    exact = np.array([math.erf(v) for v in x])
    assert ulps(special.erf(x), exact, np.float64).max() <= 2
    single = x.astype(np.float32)
    exact = np.array([math.erf(v) for v in single.astype(np.float64)])
    assert ulps(special.erf(single), exact, np.float32).max() <= 2


def test_erf_at_the_ends():
    for dtype in (np.float32, np.float64):
        ends = special.erf(np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-30, 30.0], dtype))
        assert ends.dtype == dtype
        np.testing.assert_array_equal(ends[:4], np.array([0, -0.0, 1, -1], dtype))
        assert np.signbit(ends[1]) and np.isnan(ends[4]) and ends[6] == 1
        assert ulps(ends[5:6], np.array([math.erf(float(dtype(1e-30)))]), dtype) <= 2


def test_erfc():
    x = np.linspace(-6, 26, 30001)
    exact = np.array([math.erfc(v) for v in x])
    assert ulps(special.erfc(x), exact, np.float64).max() <= 10


# convolution -------------------------------------------------------------------------------------------------------------


def geometries(count, dims, seed):
    rng = np.random.default_rng(seed)
    while count:
        groups = int(rng.choice([1, 1, 2, 3]))
        kernel = tuple(int(k) for k in rng.integers(1, 5, dims))
        stride, dilation = (tuple(int(v) for v in rng.integers(1, 4, dims)) for _ in range(2))
        padding = tuple(int(p) for p in rng.integers(0, 4, dims))
        size = tuple(int(n) for n in rng.integers(3, 14 if dims < 3 else 8, dims))
        out = KC.output_size(size, kernel, stride, padding, dilation)
        if min(out) < 1:
            continue
        channels, outputs = (int(v) * groups for v in rng.integers(1, 5, 2))
        yield rng, (int(rng.integers(1, 4)), channels, *size), (outputs, channels // groups, *kernel), (
            stride, padding, dilation, groups,
        )  # fmt: skip
        count -= 1


@pytest.mark.parametrize("block", [KC._BLOCK_BYTES, 2000], ids=["whole", "many blocks"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_convolution(dims, block, monkeypatch):
    """Value and both gradients; with small blocks, so that images and rows are split."""
    monkeypatch.setattr(KC, "_BLOCK_BYTES", block)
    monkeypatch.setattr(KC, "_plan", KC._Plan)
    monkeypatch.setattr(KC, "scratch", lambda use, count, dtype: np.full(count, np.nan, dtype))  # as it may be found
    for rng, x_shape, w_shape, (stride, padding, dilation, groups) in geometries(60, dims, dims):
        x, w, b = rng.normal(size=x_shape), rng.normal(size=w_shape), rng.normal(size=w_shape[:1])
        tx, tw, tb = (torch.tensor(a, requires_grad=True) for a in (x, w, b))
        expected = (F.conv1d, F.conv2d, F.conv3d)[dims - 1](tx, tw, tb, stride, padding, dilation, groups)
        g = rng.normal(size=expected.shape)
        expected.backward(torch.tensor(g))
        close(KC.conv(x, w, b, stride, padding, dilation, groups), expected.detach().numpy())
        close(KC.conv_input(g, w, x_shape, stride, padding, dilation, groups), tx.grad.numpy())
        close(KC.conv_weight(g, x, w_shape, stride, padding, dilation, groups), tw.grad.numpy())


@pytest.mark.parametrize("few", [4, 64])
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_convolution_channels_last(dims, count, few, monkeypatch):
    """As above, by `conv_last` wherever it is possible."""
    monkeypatch.setattr(KC, "_plan", KC._Plan)
    monkeypatch.setattr(threads, "_count", count)
    for name, value in {
        "product_time": lambda *size: -1e9,  # so that it is thought to be the fastest way
        "scratch": lambda use, count, dtype: np.full(count, np.nan, dtype),
        "_BLOCK_BYTES": 2000,
        "_PART": 1,
        "_FEW": few,
    }.items():
        monkeypatch.setattr(conv_last, name, value)
    taken = 0
    for rng, x_shape, w_shape, (stride, padding, dilation, _) in geometries(60, dims, 10 + dims):
        x, w, b = (rng.normal(size=s) for s in (x_shape, (w_shape[0], x_shape[1], *w_shape[2:]), w_shape[:1]))
        tx, tw, tb = (torch.tensor(a, requires_grad=True) for a in (x, w, b))
        expected = (F.conv1d, F.conv2d, F.conv3d)[dims - 1](tx, tw, tb, stride, padding, dilation)
        g = rng.normal(size=expected.shape)
        expected.backward(torch.tensor(g))
        geometry = (stride, padding, dilation, 1)
        taken += KC._plan(x_shape, w.shape, *geometry, None).last is not None
        close(KC.conv(x, w, b, *geometry), expected.detach().numpy())
        close(KC.conv_input(g, w, x_shape, *geometry), tx.grad.numpy())
        close(KC.conv_weight(g, x, w.shape, *geometry), tw.grad.numpy())
    assert taken > 30


@pytest.mark.parametrize("turned", [False, True], ids=["folded", "turned"])
def test_the_two_ways_to_the_input_gradient(turned, monkeypatch):
    monkeypatch.setattr(KC, "_turning_is_faster", lambda *arguments: turned)
    for rng, x_shape, w_shape, (_, padding, dilation, groups) in geometries(40, 2, 9):
        x, w = rng.normal(size=x_shape), rng.normal(size=w_shape)
        stride = (1, 1)
        tx = torch.tensor(x, requires_grad=True)
        expected = F.conv2d(tx, torch.tensor(w), None, stride, padding, dilation, groups)
        g = rng.normal(size=expected.shape)
        expected.backward(torch.tensor(g))
        close(KC.conv_input(g, w, x_shape, stride, padding, dilation, groups), tx.grad.numpy())


def test_large_images_and_many_channels_in_single_precision():
    rng = np.random.default_rng(3)
    for x_shape, w_shape, stride, padding, groups in [
        ((3, 3, 65, 67), (8, 3, 7, 7), (2, 2), (3, 3), 1),
        ((2, 32, 26, 26), (64, 32, 3, 3), (1, 1), (0, 0), 1),
        ((2, 64, 17, 17), (32, 64, 1, 1), (1, 1), (0, 0), 1),
        ((2, 64, 17, 17), (32, 64, 1, 1), (2, 2), (0, 0), 1),
        ((2, 48, 20, 20), (48, 1, 3, 3), (1, 1), (1, 1), 48),
        ((8, 96, 5, 5), (64, 96, 3, 3), (1, 1), (1, 1), 1),
    ]:
        x, w, b = (rng.normal(size=s).astype(np.float32) for s in (x_shape, w_shape, w_shape[:1]))
        tx, tw = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
        expected = F.conv2d(tx, tw, torch.tensor(b), stride, padding, 1, groups)
        g = rng.normal(size=expected.shape).astype(np.float32)
        expected.backward(torch.tensor(g))
        geometry = (stride, padding, (1, 1), groups)
        close(KC.conv(x, w, b, *geometry), expected.detach().numpy(), 1e-4, 1e-5)
        close(KC.conv_input(g, w, x_shape, *geometry), tx.grad.numpy(), 1e-4, 1e-5)
        close(KC.conv_weight(g, x, w_shape, *geometry), tw.grad.numpy(), 1e-4, 1e-5)


def test_a_transposed_input():
    x = np.random.default_rng(0).normal(size=(9, 8, 3, 2)).transpose(3, 2, 1, 0)
    w = np.random.default_rng(1).normal(size=(4, 3, 3, 3))
    expected = F.conv2d(torch.tensor(x), torch.tensor(w), padding=1).numpy()
    close(KC.conv(x, w, None, (1, 1), (1, 1), (1, 1), 1), expected)


def test_scratch_memory_does_not_leak_into_results():
    """The same convolution gives the same bits whatever was computed before, NaN in particular."""
    rng = np.random.default_rng(5)
    x, w = rng.normal(size=(4, 8, 9, 9)).astype(np.float32), rng.normal(size=(8, 8, 3, 3)).astype(np.float32)
    geometry = ((1, 1), (1, 1), (1, 1), 1)
    g = rng.normal(size=(4, 8, 9, 9)).astype(np.float32)

    def results():
        return (
            KC.conv(x, w, None, *geometry), KC.conv_input(g, w, x.shape, *geometry), KC.conv_weight(g, x, w.shape, *geometry)
        )  # fmt: skip

    before = results()
    poison = np.full((4, 8, 17, 17), np.nan, np.float32)
    KC.conv(poison, w, None, *geometry)
    KC.conv_weight(np.full((4, 8, 17, 17), np.nan, np.float32), poison, w.shape, *geometry)
    for a, b in zip(before, results()):
        np.testing.assert_array_equal(a, b)


# pooling -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ties", "nan", "-inf", "-inf and nan", "integers"])
def test_max_pool_places(kind):
    """Which of equal elements counts, what NaN does, and windows that hold nothing but -inf and padding."""
    rng = np.random.default_rng(11)
    tried = 0
    while tried < 60:
        a = rng.integers(-3, 3, (1, 2, 7, 8)).astype(np.int64 if kind == "integers" else np.float32)
        chance = rng.random(a.shape)
        if "-inf" in kind:
            a[chance < rng.choice([0.2, 0.9, 1.0])] = -np.inf
        if "nan" in kind:
            a[rng.random(a.shape) < 0.1] = np.nan
        kernel, stride = (tuple(int(v) for v in rng.integers(1, 4, 2)) for _ in range(2))
        padding, dilation = (
            tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel),
            tuple(int(v) for v in rng.integers(1, 3, 2)),
        )
        ceil_mode = bool(rng.integers(0, 2))
        try:
            values, places = F.max_pool2d(torch.tensor(a), kernel, stride, padding, dilation, ceil_mode, True)
        except RuntimeError:
            continue
        tried += 1
        ours = MF.max_pool2d(microtorch.from_numpy(a), kernel, stride, padding, dilation, ceil_mode, True)
        np.testing.assert_array_equal(ours[0].numpy(), values.numpy())
        np.testing.assert_array_equal(ours[1].numpy(), places.numpy())


def test_max_pool_with_more_than_256_taps():
    x = np.random.default_rng(0).normal(size=(1, 1, 40, 40))
    t = torch.tensor(x, requires_grad=True)
    values, places = F.max_pool2d(t, 20, 5, return_indices=True)
    m = microtorch.from_numpy(x).requires_grad_()
    ours = MF.max_pool2d(m, 20, 5, return_indices=True)
    np.testing.assert_array_equal(ours[1].numpy(), places.numpy())
    values.sum().backward()
    ours[0].sum().backward()
    np.testing.assert_array_equal(m.grad.numpy(), t.grad.numpy())


# running along rows, and filling columns ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(200, 1000), (3, 70, 500), (1, 40000), (1500, 64), (9000, 4)])
@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummax", "cummin"])
def test_running_results_of_many_numbers(twin, name, shape):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    x.reshape(-1)[[700, 12345]] = np.nan, np.inf
    for dim in range(-1, len(shape) - 1):
        theirs, ours = (getattr(T.tensor(x), name)(dim) for T in (torch, microtorch))
        for a, b in zip(*((r if isinstance(r, tuple) else (r,)) for r in (theirs, ours))):
            np.testing.assert_array_equal(b.numpy(), a.numpy())


@pytest.mark.parametrize("dim", [0, 1, 2])
@pytest.mark.parametrize("count", [1, 5, 40])
def test_filled_slices(dim, count):
    index = np.random.default_rng(1).integers(0, 6, count)
    theirs, ours = (
        T.arange(210.0).reshape(6, 7, 5).transpose(0, 1).index_fill(dim, T.tensor(index % 5), -1.5)
        for T in (torch, microtorch)
    )
    assert ours.stride() == theirs.stride()
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


@pytest.mark.parametrize("dtype", ["f", "d", "l"])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_max_pool_without_places(dims, dtype):
    """Where nothing is recorded the values are computed alone: the same ones."""
    rng = np.random.default_rng(dims)
    for images in [(2, 3), (40, 70)]:
        for _ in range(20):
            size = tuple(int(n) for n in rng.integers(4, 9, dims))
            kernel, stride, dilation = (tuple(int(n) for n in rng.integers(1, most, dims)) for most in (4, 4, 3))
            padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
            ceil_mode = bool(rng.integers(2))
            if min(KP.output_size(size, kernel, stride, padding, dilation, ceil_mode)) < 1:
                continue
            x = rng.normal(size=(*images, *size)).astype(dtype)
            if dtype != "l":
                x[0, 1], x[1, 2].flat[3] = -np.inf, np.nan
            geometry = (kernel, stride, padding, dilation, ceil_mode)
            np.testing.assert_array_equal(KP.max_pool_values(x, *geometry), KP.max_pool(x, *geometry)[0])


# sampling at points ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_the_two_ways_to_the_gradient_of_a_grid(mode, padding):
    """What is computed at once for plain arrays is what the formula says, and what PyTorch finds."""
    rng = np.random.default_rng(5)
    x, grid, g = rng.normal(size=(3, 4, 6, 7)), 1.3 * rng.normal(size=(3, 5, 8, 2)), rng.normal(size=(3, 4, 5, 8))
    tx, tgrid = (torch.tensor(a, requires_grad=True) for a in (x, grid))
    F.grid_sample(tx, tgrid, mode, padding, False).backward(torch.tensor(g))
    close(KV.grid_sample_grid(g, x, grid, mode, padding, False), tgrid.grad.numpy())
    mx, mgrid = (microtorch.tensor(a, requires_grad=True) for a in (x, grid))
    found = [
        microtorch.autograd.grad(
            MF.grid_sample(mx, mgrid, mode, padding, False), mgrid, microtorch.tensor(g), create_graph=recorded
        )[0]
        for recorded in (False, True)
    ]
    close(found[0].numpy(), found[1].detach().numpy())
    close(found[0].numpy(), tgrid.grad.numpy())


# group norm --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("level", [0.0, 5.0, math.nan])
@pytest.mark.parametrize("affine", [True, False])
def test_group_norm_of_many_numbers(affine, level, count, monkeypatch):
    """Sums by BLAS, a few groups at a time; a level far from 0 takes the way by deviations, NaN stay in their rows."""
    monkeypatch.setattr(threads, "_count", count)
    monkeypatch.setattr(twins, "least", twins.NEVER)
    rng = np.random.default_rng(4)
    x, g = rng.normal(size=(2, 3, 8, 70, 71))
    x[1] += 0 if math.isnan(level) else level
    x[2, 3, 0, 0] = level
    g[0, 5, 1, 1] = level
    w, b = rng.normal(size=(2, 8)) if affine else (None, None)
    tx, tw, tb = (None if a is None else torch.tensor(a, requires_grad=True) for a in (x, w, b))
    expected = F.group_norm(tx, 4, tw, tb)
    expected.backward(torch.tensor(g))
    out, mean, rstd = batch_norm.group_norm(x, w, b, 4, 1e-5)
    close(out, expected.detach().numpy(), 1e-9)
    for ours, theirs in zip(batch_norm.group_norm_backward(g, (True, affine, affine), x, w, mean, rstd), (tx, tw, tb)):
        if ours is not None:
            close(ours, theirs.grad.numpy(), 1e-9, 1e-10)
