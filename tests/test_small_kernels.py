"""Kernels that take another way for small arrays: the ways agree, with PyTorch and with each other."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import microtorch as mt
from microtorch.kernels import (
    batch_norm as KB,
    pointwise as KE,
    pool as KP,
    reduce as KR,
    softmax as KSM,
    sorting as KS,
    twins,
)
from microtorch.kernels.pool import output_size

torch = pytest.importorskip("torch")

F32, F64 = np.float32, np.float64
SPECIAL = np.array([-np.inf, np.inf, np.nan, 0, 1, 1, 2, -3.5], F32)


def windows(rng: Any, dims: int) -> tuple[Any, ...]:
    """A size, and kernel, stride, padding, dilation and ceil_mode that fit it."""
    while True:
        size, kernel, stride, dilation = (
            tuple(int(n) for n in rng.integers(1, most, dims)) for most in (7, 4, 4, 3)
        )  # fmt: skip
        padding = tuple(int(rng.integers(0, k // 2 + 1)) for k in kernel)
        ceil_mode = bool(rng.integers(2))
        if min(output_size(size, kernel, stride, padding, dilation, ceil_mode)) > 0:
            return size, kernel, stride, padding, dilation, ceil_mode


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_max_pool_picks_and_compares_alike(dims: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(dims)
    for i in range(60):
        size, *geometry = windows(rng, dims)
        x = rng.integers(-2, 3, (2, 2, *size)).astype(F32)
        if i % 3 == 0:
            x[rng.random(x.shape) < 0.2] = rng.choice(SPECIAL)
        few = KP.max_pool(x, *geometry)
        monkeypatch.setattr(KP, "_GATHERED", 0)
        many = KP.max_pool(x, *geometry)
        monkeypatch.undo()
        for a, b in zip(few, many, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b, err_msg=f"{size} {geometry}")


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_avg_pool_picks_and_adds_alike(dims: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(dims)
    for override in (None, None, -3):
        size, kernel, stride, padding, _, ceil_mode = windows(rng, dims)
        x = rng.standard_normal((2, 3, *size))
        few = KP.avg_pool(x, kernel, stride, padding, ceil_mode, True, override)
        monkeypatch.setattr(KP, "_GATHERED", 0)
        many = KP.avg_pool(x, kernel, stride, padding, ceil_mode, True, override)
        monkeypatch.undo()
        np.testing.assert_allclose(few, many, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize(
    "shape", [(3, 5), (40, 60), (300, 30), (2, 2, 600), (1, 20000), (20000, 1), (5, 7000), (9000,)]
)
@pytest.mark.parametrize("dtype", [F32, F64])
def test_sums_and_extremes(shape: tuple[int, ...], dtype: Any) -> None:
    """Of arrays small and larger, as exact as NumPy's; extremes with NaN and infinities as they are."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(dtype)
    wide, scale = x.astype(np.longdouble), np.abs(x).astype(np.longdouble)
    axes: list[Any] = [None, (x.ndim - 1,), (0,), tuple(range(x.ndim))]
    for axis in axes:
        for keepdims in (False, True):
            expected = wide.sum(axis, keepdims=keepdims)
            bound = 16 * np.finfo(dtype).eps * scale.sum(axis, keepdims=keepdims)
            for found, exact in (
                (KR.sum(x, axis, keepdims), expected),
                (KR.mean(x, axis, keepdims) * KR.count(shape, axis), expected),
            ):
                assert found.dtype == dtype
                assert np.shape(found) == expected.shape
                assert (np.abs(found - exact) <= bound).all()
            y = x.copy()
            y.reshape(-1)[:: max(y.size // 7, 1)] = rng.choice(SPECIAL, len(y.reshape(-1)[:: max(y.size // 7, 1)]))
            np.testing.assert_array_equal(KR.amax(y, axis, keepdims), np.max(y, axis, keepdims=keepdims))


@pytest.mark.parametrize("largest", [True, False])
def test_first_few(largest: bool) -> None:
    rng = np.random.default_rng(1)
    refused = 0
    for i in range(200):
        n = int(rng.integers(2, 30))
        k = int(rng.integers(1, min(n, 8) + 1))
        x = rng.choice(SPECIAL, (4, n)) if i % 2 else rng.standard_normal((4, n)).astype(F32)
        found = KS._first_few(x, k, largest)
        if found is None:
            refused += 1
            continue
        places = KS.argsort(x, 1, largest)[:, :k]
        np.testing.assert_array_equal(found[1], places)
        np.testing.assert_array_equal(found[0], np.take_along_axis(x, places, 1))
    assert 0 < refused <= 100
    x = rng.integers(-5, 5, (70, 30))
    ours, theirs = mt.tensor(x).topk(4, 1, largest), torch.tensor(x).topk(4, 1, largest)
    assert ours[0].tolist() == theirs[0].tolist()


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize("dtype", [F32, F64])
def test_running_sums_have_pytorchs_bits(name: str, dtype: Any, twin: str) -> None:
    """By either twin, of few rows and many (which are taken side by side), with infinities and NaN."""
    rng = np.random.default_rng(0)
    for shape in [(7,), (1, 50), (3, 4), (6, 700), (130, 300), (2, 3, 5), (0, 3), (3, 0), ()]:
        x = (rng.random(shape) + 0.5).astype(dtype)
        theirs = torch.tensor(x)
        for axis in range(-1, max(x.ndim - 1, 0)):
            ours = getattr(mt.tensor(x), name)(axis).numpy()
            np.testing.assert_array_equal(ours, getattr(theirs, name)(axis).numpy(), err_msg=f"{shape} {axis}")
            assert ours.flags.c_contiguous
    y = rng.choice(SPECIAL, (9, 40)).astype(dtype)
    np.testing.assert_array_equal(getattr(mt.tensor(y), name)(1).numpy(), getattr(torch.tensor(y), name)(1).numpy())
    z = mt.tensor(y.T)
    np.testing.assert_array_equal(getattr(z, name)(1).numpy(), getattr(torch.tensor(y.T), name)(1).numpy())


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 5), (2000, 3), (3, 4, 2, 2)])
@pytest.mark.parametrize("affine", [True, False])
def test_batch_norm_whole_and_by_channels(shape: Any, affine: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, g = rng.standard_normal((2, *shape))
    c = shape[1]
    weight, bias = (rng.standard_normal(c) if affine else None for _ in range(2))
    needs = [True, affine, affine]
    for training in (True, False):
        results = []
        for block in (1 << 17, 1):
            monkeypatch.setattr(KB, "_BLOCK", block)
            running = [np.full(c, 0.5), np.full(c, 2.0)]
            out, mean, rstd = KB.batch_norm(x, weight, bias, *running, training, 0.1, 1e-5)
            if not training:
                mean, rstd = running[0], KB.reciprocal_deviation(running[1], 1e-5)
            back = KB.batch_norm_backward(g, needs, x, weight, training, mean, rstd)
            results.append([out, mean, rstd, *running, *[b for b in back if b is not None]])
        for a, b in zip(*results, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13)
        theirs = [torch.full((c,), 0.5, dtype=torch.float64), torch.full((c,), 2.0, dtype=torch.float64)]
        expected = torch.nn.functional.batch_norm(
            torch.tensor(x), *theirs, *(None if v is None else torch.tensor(v) for v in (weight, bias)), training
        )
        np.testing.assert_allclose(results[0][0], expected.numpy(), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(results[0][3], theirs[0].numpy(), rtol=1e-10)
        np.testing.assert_allclose(results[0][4], theirs[1].numpy(), rtol=1e-10)


def test_batch_norm_of_shared_memory() -> None:
    """A weight that is the running mean itself, or a view of its memory."""
    x = np.random.default_rng(0).standard_normal((5, 3)).astype(F32)
    for view in (False, True):
        got = []
        for framework in (torch, mt):
            mean, var = framework.zeros(6), framework.ones(3)
            weight = mean[:3] if view else mean[:3].clone()
            mean = mean[:3] if view else weight
            got.append(framework.nn.functional.batch_norm(framework.tensor(x), mean, var, weight, None, True).numpy())
        np.testing.assert_allclose(got[0], got[1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("shape", [(4, 8), (2, 2, 8), (5, 1), (0, 8), (30, 34)])
@pytest.mark.parametrize("special", [False, True])
def test_few_rows(shape: tuple[int, ...], dtype: Any, special: bool) -> None:
    """softmax, its logarithm and layer norm of few numbers in several rows, and of infinities and NaN: no warning."""
    x = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    if special and x.size > 8:
        rows = x.reshape(-1, shape[-1])
        rows[0, 0], rows[1, -1], rows[2], rows[3] = np.inf, np.nan, -np.inf, rows[3] * 1e4
    n = shape[-1]

    def values(lib: Any) -> list[Any]:
        t = lib.from_numpy(x.copy())
        w, b = lib.arange(n, dtype=t.dtype), lib.ones(n, dtype=t.dtype)
        norm = lib.nn.functional.layer_norm
        return [t.softmax(-1), t.log_softmax(-1), norm(t, (n,)), norm(t, (n,), w, b), norm(t, (n,), w)]

    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        ours = values(mt)
    for a, b in zip(ours, values(torch)):
        assert a.numpy().dtype == dtype
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=2e-5 if dtype == F32 else 1e-12, atol=2e-6)


# the compiled twins as ufuncs ----------------------------------------------------------------------------------------

needs_numba = pytest.mark.skipif(not twins._installed(), reason="numba is not installed")


@pytest.fixture
def which() -> Iterator[Callable[[str], None]]:
    """Chooses twins; the choice of before comes back."""
    before = twins.least, twins._ufuncs, twins._wait
    yield twins.choose
    twins.least, twins._ufuncs, twins._wait = before


OF_ELEMENTS = [
    *(f"F.{name}(x)" for name in "sigmoid tanh silu logsigmoid mish gelu relu hardsigmoid hardswish".split()),
    *(f"F.{name}(x)" for name in "softplus elu leaky_relu hardtanh hardshrink softshrink".split()),
    "F.gelu(x, approximate='tanh')",
    "F.elu(x, 2)",
    "F.huber_loss(x, x.detach() * 0)",
]
OF_ROWS = [
    *("F.softmax(x, -1)", "F.log_softmax(x, -1)", "F.softmax(x, 0)", "x.sum()", "x.mean()"),
    *(
        "F.layer_norm(x, x.shape[-1:])",
        "F.layer_norm(x, x.shape[-1:], torch.arange(x.shape[-1]).to(x.dtype) / 70)",
    ),
]
SHAPES: list[tuple[int, ...]] = [(), (1,), (7,), (5, 3), (6, 1, 40), (3, 0), (70, 70)]


def both(text: str, values: Any, out: Any = None) -> tuple[Any, Any]:
    """(result, gradient) of PyTorch and of microtorch."""
    results = []
    for lib in (torch, mt):
        x = (torch.from_numpy(values.copy()) if lib is torch else mt.from_numpy(values.copy())).requires_grad_()
        y = eval(text, {"F": lib.nn.functional, "x": x, "torch": lib})
        weights = np.linspace(-1, 2, y.numel()).astype(values.dtype).reshape(tuple(y.shape))
        y.backward(lib.from_numpy(weights))
        results.append((y.detach().numpy(), x.grad.numpy()))
    return results[0], results[1]


@needs_numba
@pytest.mark.parametrize("dtype", [F32, F64])
@pytest.mark.parametrize("text", [*OF_ELEMENTS, *OF_ROWS])
def test_ufuncs(text: str, dtype: Any, which: Any) -> None:
    """For every shape and layout as PyTorch's; NaN and infinities as NumPy's way has them."""
    which("numba")
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        if text in OF_ROWS and ("norm" in text or "0)" in text) and len(shape) < 2:
            continue
        x = np.asarray(3 * rng.standard_normal(shape), dtype)
        for values in (x, x.T):
            for a, b in zip(*both(text, values), strict=True):
                assert a.dtype == b.dtype and a.shape == b.shape and (a.strides == b.strides or not a.size)
                close = {"rtol": 3e-5, "atol": 3e-6} if dtype is F32 else {"rtol": 1e-11, "atol": 1e-12}
                np.testing.assert_allclose(b, a, **close, err_msg=f"{shape}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        special = np.array([[np.nan, 1, 2], [np.inf, 0, -1], [-np.inf, -0.0, 3], [1e30, -1e30, 100]], dtype)
        for values in special[:, None] if text in OF_ROWS else (special, special.T):  # (PyTorch has two ways, too)
            _, compiled = both(text, values)
            which("numpy")
            for a, b in zip(both(text, values)[1], compiled, strict=True):
                np.testing.assert_allclose(b, a, rtol=3e-5, atol=3e-6)
            which("numba")


@needs_numba
@pytest.mark.parametrize("name", ["sigmoid_backward", "tanh_backward", "relu_backward"])
@pytest.mark.parametrize("dtype", [F32, F64])
def test_ufuncs_of_arithmetic_have_the_bits_of_numpy(name: str, dtype: Any, which: Any) -> None:
    rng = np.random.default_rng(1)
    for shape in ((1,), (33,), (4, 130)):
        g, y = rng.standard_normal((2, *shape)).astype(dtype)
        which("numpy")
        expected = getattr(KE, name)(g, y)
        which("numba")
        np.testing.assert_array_equal(getattr(KE, name)(g, y), expected)


@needs_numba
@pytest.mark.parametrize("dtype", [F32, F64])
def test_sums_have_the_same_bits_either_way(dtype: Any, which: Any) -> None:
    rng = np.random.default_rng(2)
    for n in [*range(1, 70), 1000, 8192]:
        x = rng.standard_normal(n).astype(dtype)
        which("numpy")
        expected = KR.sum(x, None)
        which("numba")
        found = KR.sum(x, None)
        assert found == expected and type(found) is type(expected) is dtype


@needs_numba
def test_cross_entropy_and_attention_of_few(which: Any) -> None:
    which("numba")
    rng = np.random.default_rng(3)
    x = rng.standard_normal((5, 3)).astype(F32)
    for reduction in ("mean", "sum", "none"):
        text = f"F.cross_entropy(x, torch.tensor([0, 2, 1, 1, 0]), reduction='{reduction}')"
        for a, b in zip(*both(text, x), strict=True):
            np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)
    with pytest.raises(IndexError, match="Target 3 is out of bounds"):
        mt.nn.functional.cross_entropy(mt.from_numpy(x), mt.tensor([0, 2, 3, 1, 0]))
    for heads, keys, width in ((1, 1, 1), (4, 9, 8), (2, 30, 5)):
        x = rng.standard_normal((2, heads, keys, width)).astype(F32)
        for text in (
            "F.scaled_dot_product_attention(x[:, :, :1], x, 2 * x)",
            "F.scaled_dot_product_attention(x[:, :, -1:].contiguous(), x, x[..., :1])",
            "F.scaled_dot_product_attention(x[:, :, :1].contiguous(), x.flip(2), x, scale=0.3)",
            "F.scaled_dot_product_attention(x[:, :, :1], x, x, is_causal=True)",
        ):
            for a, b in zip(*both(text, x), strict=True):
                np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-6, err_msg=text)


@needs_numba
def test_numpy_computes_the_first_small_arrays(which: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    which("auto")
    monkeypatch.setattr(twins, "_families", {})
    x = np.ones((2, 3), F32)
    for _ in range(twins.PATIENCE - 1):
        assert twins.few(x) is None
    assert twins.few(x) is not None
    assert twins.few(x.astype(np.float16)) is None and twins.few(x.T) is None and twins.few(x[:0]) is None
    which("numpy")
    assert twins.few(x) is None


@needs_numba
def test_exp_has_the_same_bits_either_way(which: Any) -> None:
    rng = np.random.default_rng(4)
    special = np.array([np.nan, np.inf, -np.inf, 0, -0.0, 88.7, 88.8, -87.4, -103.9, -104.1, 1e30, -1e30], F32)
    for x in (special, *(20 * rng.standard_normal((100, 1000))).astype(F32)):
        which("numpy")
        expected = KE.exp(x)
        which("numba")
        found = KE.exp(x)
        assert found.dtype == F32
        np.testing.assert_array_equal(found, expected)


LATER = """
import numpy as np
from microtorch.kernels import norm, pointwise, softmax, twins
twins.choose("numba")
x = np.arange(6, dtype=np.float32).reshape(2, 3)
print(softmax.softmax(x, 1)[0, 2], pointwise.tanh_backward(x, x)[1, 0], norm.layer_norm(x, None, None, (3,), 1e-5)[1][1, 0])
"""


@needs_numba
def test_ufuncs_are_read_from_disk_by_later_processes(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(Path(mt.__file__).parents[1])}
    printed = []
    for _ in range(2):
        run = subprocess.run([sys.executable, "-c", LATER], env=environment, capture_output=True, text=True, check=True)
        printed.append(run.stdout)
        made = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*few*.nbc")}
        if len(printed) == 1:
            first = made
    assert len(first) >= 5 and made == first and printed[0] == printed[1] == "0.66524094 -24.0 4.0\n"


TOGETHER = """
import sys
import microtorch as torch
from microtorch.kernels import twins
twins.choose("numba")
x = torch.arange(8.0).reshape(2, 4)
softmax = torch.softmax, torch.log_softmax
for call in softmax[::int(sys.argv[1])]:
    print(call(x, 1)[0, 0].item())
"""


def _softmax_of_few(cache: Path, order: int = 1) -> subprocess.Popen[str]:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(Path(mt.__file__).parents[1])}
    return subprocess.Popen(
        [sys.executable, "-c", TOGETHER, str(order)], env=environment, stdout=subprocess.PIPE, text=True
    )


@needs_numba
def test_ufuncs_made_by_two_processes_at_once(tmp_path: Path) -> None:
    runs = [_softmax_of_few(tmp_path) for _ in range(2)]
    printed = [run.communicate()[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert printed[0] == printed[1] != ""


@needs_numba
def test_ufuncs_whose_files_on_disk_do_not_belong_together(tmp_path: Path) -> None:
    printed = []
    for cache, order in ((tmp_path / "a", 1), (tmp_path / "b", -1)):
        printed.append(_softmax_of_few(cache, order).communicate()[0])
    loops = list((tmp_path / "b").rglob("guf-*few*"))
    for file in loops:
        shutil.copy(file, tmp_path / "a" / file.relative_to(tmp_path / "b"))
    run = _softmax_of_few(tmp_path / "a")
    assert len(loops) == 4 and run.communicate()[0] == printed[0] and run.returncode == 0


def numbers_with_ties(rng: Any, shape: tuple[int, ...], dtype: Any, special: bool) -> Any:
    """Numbers many of which are equal; with infinities, NaN and both zeros if `special`."""
    x = np.round(rng.normal(size=shape) * 20)
    if np.dtype(dtype).kind == "f" and special:
        x[rng.random(shape) < 0.2] = rng.choice(np.array([-np.inf, np.inf, np.nan, -0.0]))
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", [F32, F64, np.float16, np.int64, np.int32, np.int8, bool])
@pytest.mark.parametrize("shape", [(300,), (1, 200), (3, 130), (2, 90, 2), (1, 40), (5, 1)])
def test_equal_elements_keep_their_order_whichever_sort_is_taken(shape: tuple[int, ...], dtype: Any) -> None:
    rng = np.random.default_rng(len(shape))
    for special in (False, True):
        x = numbers_with_ties(rng, shape, dtype, special)
        for axis in range(x.ndim):
            ascending = np.argsort(x, axis, kind="stable")
            back = np.flip(np.argsort(np.flip(x, axis), axis, kind="stable"), axis)
            for descending, places in ((False, ascending), (True, x.shape[axis] - 1 - back)):
                values = np.take_along_axis(x, places, axis)
                ordered, found = KS.sort(x, axis, descending)
                np.testing.assert_array_equal(found, places)
                np.testing.assert_array_equal(ordered, values)
                for k in {0, 1, min(6, x.shape[axis]), x.shape[axis] // 5, x.shape[axis]}:
                    top, at = KS.topk(x, k, axis, descending, True)
                    np.testing.assert_array_equal(top, values.take(range(k), axis))
                    np.testing.assert_array_equal(np.take_along_axis(x, at, axis), top)


@pytest.mark.parametrize("dtype", [F32, F64])
def test_softmax_of_numbers_that_are_not_shifted_first(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for spread, offset, hidden in ((1, 0, 0.0), (1, 59, 0.0), (1, 70, 0.0), (1, -30, 0.0), (30, 0, 0.3), (1, 0, 1.0)):
        x = (rng.normal(size=(60, 33)) * spread + offset).astype(dtype)
        x[rng.random(x.shape) < hidden] = -np.inf
        x[3, 4], x[5] = np.nan, x[5, 0]
        expected = torch.softmax(torch.tensor(x), 1)
        np.testing.assert_allclose(KSM.softmax(x, 1), expected, rtol=2e-6 if dtype is F32 else 1e-14, atol=1e-37)


@pytest.mark.parametrize("shape", [(40, 33), (3, 5, 64), (2, 1100), (4, 0), (0, 4)])
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_short_rows_both_ways(name: str, shape: tuple[int, ...], which: Any) -> None:
    which("numpy")
    rng = np.random.default_rng(0)
    for offset in (0.0, 90.0):
        x = (rng.normal(size=shape) * 3 + offset).astype(F32)
        g = rng.normal(size=shape).astype(F32)
        if x.size > 2000:
            x[1, 3], x[0, :5] = np.nan, -np.inf
        t = torch.tensor(x, requires_grad=True)
        expected = getattr(torch, name)(t, -1)
        expected.backward(torch.tensor(g))
        out = getattr(KSM, name)(x, -1)
        np.testing.assert_allclose(out, expected.detach(), rtol=1e-5, atol=2e-5 if offset else 2e-6)
        back = getattr(KSM, f"{name}_backward")(g, expected.detach().numpy(), -1)
        np.testing.assert_allclose(back, t.grad, rtol=1e-4, atol=1e-6)
