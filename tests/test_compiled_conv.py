"""Convolution, max pooling and the norms of images: NumPy's and the compiled kernels give what PyTorch gives."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from microtorch.kernels import (
    blas,
    conv as K,
    conv_flat,
    conv_planes,
    conv_shifts,
    pool as KP,
    scratch,
    threads,
    twins,
    winograd,
)

TOLERANCE = {"float32": 2e-5, "float64": 1e-12, "float16": 2e-3}  # relative to the largest element
torch.set_num_threads(1)


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Kernels split their work, however little it is and whatever the machine has."""
    monkeypatch.setattr(conv_planes, "_PART", 1)
    monkeypatch.setattr(K, "_PART", 1)
    monkeypatch.setattr(conv_flat, "_PART", 1)
    monkeypatch.setattr(twins, "PART", 1)
    before = threads.count()
    threads.set_count(2)
    yield
    threads.set_count(before)


def close(ours: Any, theirs: Any, dtype: str) -> None:
    """Same shape and dtype, values within the tolerance."""
    a, b = np.asarray(ours), np.asarray(theirs)
    assert a.shape == b.shape
    assert a.dtype == b.dtype
    if a.size:
        scale = max(np.abs(b[np.isfinite(b)]).max(initial=0), 1e-3)
        np.testing.assert_allclose(a, b, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale)


def poison() -> None:
    """What earlier calls left in the memory that is kept becomes NaN."""
    for held in vars(scratch._memory).values():
        held[...] = 255


# x, weight, stride, padding, dilation, groups
GEOMETRIES: list[Any] = [
    ((2, 3, 9, 11), (5, 3, 3, 3), 1, 1, 1, 1),
    ((3, 1, 28, 28), (4, 1, 3, 3), 1, 0, 1, 1),
    ((2, 16, 13, 17), (20, 16, 3, 3), 1, 1, 1, 1),
    ((2, 8, 12, 12), (13, 8, 3, 3), 2, 1, 1, 1),
    ((2, 8, 11, 14), (16, 8, 1, 1), 2, 0, 1, 1),
    ((2, 8, 11, 14), (16, 8, 1, 1), 1, 0, 1, 1),
    ((3, 8, 9, 10), (12, 4, 1, 1), 1, 0, 1, 2),
    ((3, 6, 70), (9, 2, 1), 1, 0, 1, 3),
    ((2, 3, 33, 35), (8, 3, 7, 7), 2, 3, 1, 1),
    ((2, 3, 20, 21), (6, 3, 5, 5), 3, 2, 1, 1),
    ((1, 6, 24, 24), (7, 6, 3, 3), 1, 2, 2, 1),
    ((2, 8, 16, 16), (12, 4, 3, 3), 1, 1, 1, 2),
    ((2, 12, 9, 9), (12, 1, 3, 3), 1, 1, 1, 12),
    ((2, 12, 19, 18), (12, 1, 3, 3), 2, 1, 1, 12),
    ((2, 6, 17, 40), (12, 1, 5, 5), 1, 2, 1, 6),
    ((2, 6, 17, 21), (6, 1, 7, 7), 1, 3, 1, 6),
    ((2, 6, 15, 21), (6, 1, 3, 4), (2, 1), (0, 2), (1, 3), 6),
    ((2, 6, 15, 21), (18, 1, 3, 3), 1, 1, 1, 6),
    ((2, 5, 64), (6, 5, 9), 1, 4, 1, 1),
    ((2, 5, 4100), (6, 5, 3), 2, 1, 1, 1),
    ((2, 8, 100), (8, 1, 4), 1, 3, 1, 8),
    ((2, 3, 5, 37), (8, 3, 7, 3), (2, 2), (2, 3), (1, 3), 1),
    ((2, 3, 6, 7, 9), (4, 3, 3, 3, 3), 1, 1, 1, 1),
    ((2, 4, 7, 8, 9), (6, 2, 2, 3, 1), (2, 1, 2), (1, 0, 0), (1, 2, 1), 2),
    ((1, 64, 40, 41), (9, 64, 3, 3), 1, 1, 1, 1),
    ((5, 16, 4, 4), (32, 16, 3, 3), 1, 1, 1, 1),
    ((7, 16, 4, 4), (64, 16, 3, 3), 1, 1, 1, 1),
    ((5, 40, 5, 4), (100, 20, 3, 3), 2, 1, 1, 2),
    ((3, 64, 5, 4), (40, 64, 3, 3), 2, 1, 1, 1),
    ((5, 12, 6, 7), (99, 4, 3, 3), 1, 1, 1, 3),
    ((9, 9, 3, 3, 3), (17, 9, 2, 2, 2), 1, 1, 1, 1),
    ((5, 16, 2, 2, 3), (48, 16, 2, 2, 2), 1, 1, 1, 1),
    ((3, 4, 1, 1), (3, 4, 3, 3), 1, 1, 1, 1),
    ((6, 7, 4, 3), (9, 7, 4, 3), 1, 0, 1, 1),
    ((6, 7, 4), (9, 7, 4), 3, 0, 1, 1),
    ((2, 3, 2, 2), (4, 3, 1, 1), 1, 2, 1, 1),
    ((1, 3, 9, 9), (3, 3, 2, 2), 5, 0, 1, 1),
]
GEOMETRIES += (FEWER_PRODUCTS := [
    ((3, 32, 18, 19), (48, 32, 3, 3), 1, 1, 1, 1),
    ((24, 64, 4, 4), (80, 64, 3, 3), 1, 1, 1, 1),
    ((9, 64, 7, 8), (80, 64, 3, 3), 1, 1, 1, 1),
    ((2, 64, 31, 9), (64, 64, 3, 3), 1, (0, 2), 1, 1),
    ((1, 128, 70, 33), (32, 128, 3, 3), 1, 1, 1, 1),
])  # fmt: skip
GEOMETRIES += (BANDS := [
    ((9, 6, 8, 8), (6, 1, 3, 3), 1, 1, 1, 6),
    ((17, 5, 7, 9), (10, 1, 3, 3), 1, (1, 0), 1, 5),
    ((12, 4, 14, 13), (4, 1, 5, 5), 1, 2, 1, 4),
    ((8, 4, 14, 14), (4, 1, 7, 7), 1, 3, 1, 4),
    ((11, 3, 9, 8), (6, 1, 3, 2), (2, 1), (0, 2), (1, 2), 3),
    ((10, 3, 13, 14), (3, 1, 3, 3), 2, 1, 1, 3),
    ((8, 2, 9, 3), (2, 1, 3, 3), 3, 3, 1, 2),
])  # fmt: skip
GEOMETRIES += (FLAT := [
    ((9, 12, 16, 16), (12, 4, 3, 3), 1, 1, 1, 3),
    ((3, 6, 40, 24), (6, 1, 3, 3), 1, 1, 1, 6),
    ((13, 5, 9, 10), (7, 5, 5, 5), 1, 2, 1, 1),
    ((7, 3, 8, 8, 8), (4, 3, 3, 3, 3), 1, 1, 1, 1),
    ((5, 8, 12, 11), (6, 4, 3, 3), 2, (1, 2), 1, 2),
    ((5, 4, 10, 9), (6, 4, 3, 3), 1, (2, 3), 2, 1),
    ((3, 4, 30), (4, 1, 25), 1, 12, 1, 4),
])  # fmt: skip
GEOMETRIES += (FEW_PLACES := [
    ((6, 20, 5, 7), (9, 20, 1, 1), 1, 0, 1, 1),
    ((3, 4, 2, 2, 3), (40, 4, 1, 1, 1), 1, 0, 1, 1),
])  # fmt: skip
GEOMETRIES += (BY_PLACE := [
    ((33, 32, 4, 4), (40, 32, 3, 3), 1, 1, 1, 1),
    ((32, 40, 2, 3), (32, 40, 3, 3), 1, (1, 2), 1, 1),
    ((32, 32, 7, 5), (33, 32, 3, 3), (2, 3), 1, 1, 1),
    ((35, 32, 3, 7), (32, 32, 5, 7), 1, (2, 3), 1, 1),
    ((64, 32, 7, 6), (64, 32, 3, 3), 1, 1, 1, 1),
])  # fmt: skip


def plan_of(case: Any) -> Any:
    """NumPy's geometry of a case."""
    x_shape, w_shape, *steps, groups = case
    return K._plan(x_shape, w_shape, *(each(v, len(x_shape) - 2) for v in steps), groups, None)


def test_each_layout_has_its_cases() -> None:
    assert all(plan_of(case).bands is not None for case in BANDS)
    assert all(plan_of(case).flat is not None for case in FLAT)
    assert all(plan_of(case).by_place is not None for case in BY_PLACE)
    assert all(plan_of(case).few for case in FEW_PLACES)


def each(value: Any, n: int) -> tuple[int, ...]:
    """One number for each dimension."""
    return tuple(value) if isinstance(value, tuple) else (value,) * n


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", range(len(GEOMETRIES)))
def test_convolution_and_its_transposes(twin: str, dtype: str, case: int, two_threads: None) -> None:
    x_shape, w_shape, *steps, groups = GEOMETRIES[case]
    n = len(x_shape) - 2
    stride, padding, dilation = (each(v, n) for v in steps)
    rng = np.random.default_rng(case)
    x, w = rng.standard_normal(x_shape).astype(dtype), rng.standard_normal(w_shape).astype(dtype)
    bias = rng.standard_normal(w_shape[0]).astype(dtype) if case % 2 else None
    tx, tw, tb = torch.tensor(x), torch.tensor(w), None if bias is None else torch.tensor(bias)
    expected = torch.convolution(tx, tw, tb, stride, padding, dilation, False, (0,) * n, groups)
    g = rng.standard_normal(tuple(expected.shape)).astype(dtype)
    back = torch.ops.aten.convolution_backward(
        torch.tensor(g), tx, tw, None, stride, padding, dilation, False, (0,) * n, groups, (True, True, False)
    )
    for _ in range(2):  # the second time with the memory of the first
        close(K.conv(x, w, bias, stride, padding, dilation, groups), expected, dtype)
        poison()
        close(K.conv_input(g, w, x_shape, stride, padding, dilation, groups), back[0], dtype)
        poison()
        close(K.conv_weight(g, x, w_shape, stride, padding, dilation, groups), back[1], dtype)
        poison()


@pytest.mark.parametrize("case", range(len(GEOMETRIES)))
def test_every_geometry_in_the_flat_layouts(case: int, two_threads: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever they cost, and however the taps are divided among outer and inner ones."""
    x_shape, w_shape, *steps, groups = GEOMETRIES[case]
    n = len(x_shape) - 2
    stride, padding, dilation = (each(v, n) for v in steps)
    rng = np.random.default_rng(case)
    x, w, bias = (rng.standard_normal(shape).astype(np.float32) for shape in (x_shape, w_shape, w_shape[:1]))
    tx, tw, tb = torch.tensor(x), torch.tensor(w), torch.tensor(bias)
    expected = torch.convolution(tx, tw, tb, stride, padding, dilation, False, (0,) * n, groups)
    g = rng.standard_normal(tuple(expected.shape)).astype(np.float32)
    gx, gw, _ = torch.ops.aten.convolution_backward(
        torch.tensor(g), tx, tw, None, stride, padding, dilation, False, (0,) * n, groups, (True, True, False)
    )
    kinds = [conv_flat.Flat] * (n + 1) + [conv_shifts.Shifts] * (w_shape[1] == 1)
    for cut, kind in enumerate(kinds):
        monkeypatch.setattr(conv_flat.Flat, "_time", lambda self, at, cut=cut: abs(at - cut))
        flat = kind(x_shape, w_shape, stride, padding, dilation, groups, tuple(g.shape[2:]))
        for _ in range(2):
            out: Any = np.empty(g.shape, np.float32)
            flat.share(flat.forward(x, w, bias, out))
            close(out, expected, "float32")
            poison()
            out = np.zeros(x_shape, np.float32)
            flat.share(flat.backward(g, w, out))
            close(out, gx, "float32")
            poison()
            sums: dict[Any, Any] = {}
            flat.share(flat.weight(g, x, sums))
            close(flat.weight_of(K._total(sums), w_shape), gw, "float32")
            poison()


def test_fewer_products_where_they_pay() -> None:
    for x_shape, w_shape, _, padding, *_ in FEWER_PRODUCTS:
        out = K.output_size(x_shape[2:], (3, 3), (1, 1), each(padding, 2), (1, 1))
        assert winograd.pays(x_shape, w_shape, (1, 1), (1, 1), 1, out)
        assert not winograd.pays(x_shape, w_shape, (2, 1), (1, 1), 1, out)
        assert not winograd.pays(x_shape, (w_shape[0], 3, 3, 3), (1, 1), (1, 1), 1, out)


def test_products_shared_by_threads(two_threads: None) -> None:
    rng = np.random.default_rng(0)
    for x_shape, y_shape in (
        ((300, 70), (70, 200)), ((40, 170), (170, 900)), ((3, 90, 80), (80, 90)), ((80, 90), (5, 90, 80)),
        ((1, 90, 80), (4, 80, 90)), ((3, 1, 90, 40), (2, 40, 90)), ((1, 300, 70), (1, 70, 200)),
    ):  # fmt: skip
        for dtype in (np.float32, np.float64, np.complex64):
            x, y = (rng.standard_normal(s).astype(dtype) for s in (x_shape, y_shape))
            expected = np.matmul(x, y)
            ours = blas.matmul(x, y)
            assert ours.dtype == expected.dtype
            np.testing.assert_allclose(ours, expected, rtol=2e-5, atol=2e-4)
            np.testing.assert_array_equal(blas.matmul(x, y, out=np.empty_like(expected)), ours)
            turned = np.ascontiguousarray(y.swapaxes(-1, -2)).swapaxes(-1, -2)
            np.testing.assert_allclose(blas.matmul(x, turned), expected, rtol=2e-5, atol=2e-4)


def test_blas_has_its_threads_back_when_the_last_one_leaves(two_threads: None) -> None:
    functions = threads.blas()
    if functions is None:
        pytest.skip("NumPy's BLAS is none whose threads can be set")
    with threads.with_serial_blas():
        with threads.with_serial_blas():
            assert functions[0]() == 1
        assert functions[0]() == 1
    assert functions[0]() == 2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_gradient_of_the_bias(two_threads: None, dtype: str) -> None:
    rng = np.random.default_rng(0)
    for shape in ((3, 4, 5, 6), (64, 64, 8, 8), (40, 70, 2, 5, 6), (300, 700, 1), (3, 1, 200, 300)):
        g = rng.standard_normal(shape).astype(dtype)
        g[0, 0, 0] = np.inf
        for order in (g, np.asfortranarray(g)):
            sums = np.sum(g, (0, *range(2, g.ndim)), np.float64)
            np.testing.assert_allclose(K.conv_bias(order), sums, 1e-5, 1e-3 if dtype == "float32" else 1e-10)


PROGRAMS = {
    "same": ("conv2d(x, w, padding='same')", (2, 3, 9, 10), (4, 3, 4, 3)),
    "same dilated": ("conv1d(x, w, padding='same', dilation=3)", (2, 3, 30), (4, 3, 4)),
    "no batch": ("conv2d(x, w, None, 1, 1)", (3, 9, 10), (4, 3, 3, 3)),
    "empty batch": ("conv2d(x, w, None, 1, 1)", (0, 3, 9, 10), (4, 3, 3, 3)),
    "transposed input": ("conv2d(x.transpose(2, 3), w, None, 1, 1)", (2, 3, 9, 10), (4, 3, 3, 3)),
    "every second": ("conv2d(x[:, ::2, :, ::2], w, None, 1, 1)", (2, 6, 9, 20), (4, 3, 3, 3)),
    "expanded": ("conv2d(x.expand(3, 4, 9, 10), w.expand(5, 4, 3, 3), None, 1, 1)", (3, 1, 9, 10), (5, 1, 3, 3)),
    "transposed": ("conv_transpose2d(x, w, None, 2, 1)", (2, 8, 7, 9), (8, 5, 4, 4)),
    "output padding": ("conv_transpose2d(x, w, None, 3, 1, 2)", (2, 4, 5, 6), (4, 5, 3, 3)),
    "transposed groups": ("conv_transpose2d(x, w, None, 2, 1, 1, 4)", (2, 4, 7, 9), (4, 1, 3, 3)),
    "transposed 1d": ("conv_transpose1d(x, w, None, 4, 2)", (2, 8, 33), (8, 3, 8)),
    "transposed 3d": ("conv_transpose3d(x, w, None, 2)", (1, 4, 3, 4, 5), (4, 2, 2, 2, 2)),
    "max": ("max_pool2d(x, 2) * w", (2, 3, 9, 11), (1,)),
    "max overlapping": ("max_pool2d(x, 3, 2, 1) * w", (2, 3, 13, 40), (1,)),
    "max everywhere": ("max_pool2d(x, 3, 1, 1) * w", (2, 3, 13, 17), (1,)),
    "max dilated": ("max_pool2d(x, (2, 3), (1, 2), (1, 1), (2, 1)) * w", (2, 3, 13, 17), (1,)),
    "max ceil": ("max_pool2d(x, 3, 2, 1, ceil_mode=True) * w", (2, 3, 14, 15), (1,)),
    "max wide steps": ("max_pool2d(x, 4, 3) * w", (2, 3, 14, 15), (1,)),
    "max 1d": ("max_pool1d(x, 3) * w", (2, 3, 50), (1,)),
    "max 3d": ("max_pool3d(x, 2) * w", (2, 3, 4, 6, 8), (1,)),
    "max large": ("max_pool2d(x, 17, 2) * w", (2, 3, 20, 21), (1,)),
    "max not contiguous": ("max_pool2d(x.transpose(2, 3), 2) * w", (2, 3, 9, 11), (1,)),
    "adaptive max": ("adaptive_max_pool2d(x, (3, 2)) * w", (2, 3, 9, 10), (1,)),
    "adaptive max of all": ("adaptive_max_pool2d(x, 1) * w", (2, 3, 9, 10), (1,)),
    "adaptive max uneven": ("adaptive_max_pool2d(x, (4, 3)) * w", (2, 3, 9, 10), (1,)),
    "batch norm": ("batch_norm(x, None, None, w, w + 1, True)", (3, 4, 9, 11), (4,)),
    "batch norm without weight": ("batch_norm(x, None, None, None, None, True) * w", (3, 4, 9, 11), (1,)),
    "batch norm 1d": ("batch_norm(x, None, None, w, None, True)", (30, 4), (4,)),
    "batch norm evaluating": (
        "batch_norm(x, torch.arange(4).to(x), torch.arange(1, 5).to(x), w, w, False)", (3, 4, 9, 11), (4,)
    ),
    "batch norm not contiguous": ("batch_norm(x.transpose(0, 1), None, None, w, w, True)", (4, 3, 9, 11), (4,)),
    "group norm": ("group_norm(x, 2, w, w * 2)", (3, 4, 9, 11), (4,)),
    "group norm without weight": ("group_norm(x, 2) * w", (3, 4, 9, 11), (1,)),
    "instance norm": ("instance_norm(x, None, None, w, w)", (3, 4, 9, 11), (4,)),
}  # fmt: skip


def evaluated(T: Any, program: str, dtype: str, shapes: tuple[Any, ...]) -> list[Any]:
    """The value of a call in nn.functional and the gradients of x and w."""
    rng = np.random.default_rng(1)
    x, w = (T.tensor(rng.standard_normal(s).astype(dtype)).requires_grad_() for s in shapes)
    out = eval("F." + program, {"F": T.nn.functional, "torch": T, "x": x, "w": w})
    out.backward(T.tensor(rng.standard_normal(tuple(out.shape)).astype(dtype)))
    return [t.detach().numpy() for t in (out, x.grad, w.grad)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_functions_of_images(twin: str, dtype: str, name: str, two_threads: None) -> None:
    program, *shapes = PROGRAMS[name]
    expected = evaluated(torch, program, dtype, tuple(shapes))
    for _ in range(2):
        for ours, theirs in zip(evaluated(microtorch, program, dtype, tuple(shapes)), expected):
            close(ours, theirs, dtype)
        poison()


@pytest.mark.parametrize("program", ["conv2d(x, w, None, 1, 1)", "max_pool2d(x, 2) * w.sum()"])
def test_half_precision(twin: str, program: str) -> None:
    shapes = ((2, 3, 16, 16), (4, 3, 3, 3))
    for ours, theirs in zip(
        evaluated(microtorch, program, "float16", shapes), evaluated(torch, program, "float16", shapes)
    ):
        close(ours, theirs, "float16")


def test_integers(twin: str) -> None:
    x = np.random.default_rng(0).integers(-9, 9, (2, 3, 12, 12))
    ours, theirs = microtorch.nn.functional.max_pool2d, torch.nn.functional.max_pool2d
    np.testing.assert_array_equal(ours(microtorch.tensor(x), 3, 2).numpy(), theirs(torch.tensor(x), 3, 2).numpy())


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("window", [(2, 2, 0), (3, 2, 1), (3, 1, 1), (4, 3, 2)])
def test_maxima_of_what_is_not_finite(twin: str, value: float, window: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 2, 13, 14)).astype("float32")
    x[rng.random(x.shape) < 0.5] = value
    ours = microtorch.nn.functional.max_pool2d(microtorch.tensor(x), *window, return_indices=True)
    theirs = torch.nn.functional.max_pool2d(torch.tensor(x), *window, return_indices=True)
    for a, b in zip(ours, theirs):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


@pytest.mark.parametrize("kind", ["conv2d", "conv1d"])
def test_what_is_not_finite_stays_where_it_is(twin: str, kind: str) -> None:
    rng = np.random.default_rng(0)
    shape, kernel = ((1, 8, 12, 12), (8, 8, 3, 3)) if kind == "conv2d" else ((1, 8, 60), (8, 8, 3))
    x, w = rng.standard_normal(shape).astype("float32"), rng.standard_normal(kernel).astype("float32")
    x.reshape(-1)[40] = np.inf
    found = [getattr(T.nn.functional, kind)(T.tensor(x), T.tensor(w), padding=1).numpy() for T in (microtorch, torch)]
    np.testing.assert_array_equal(np.isfinite(found[0]), np.isfinite(found[1]))


@pytest.mark.parametrize("place", [0, 12, 13, 77, 14 * 13 - 1])
@pytest.mark.parametrize("channels", [1, 8])
def test_infinities_in_the_gradient_of_the_weight(twin: str, place: int, channels: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, channels, 14, 13)).astype("float32")
    x[0, 0].reshape(-1)[place] = np.inf
    found = []
    for T in (microtorch, torch):
        w = T.ones((8, channels, 3, 3), requires_grad=True)
        T.nn.functional.conv2d(T.tensor(x), w).backward(T.ones((2, 8, 12, 11)))
        found.append(w.grad.numpy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-4, atol=1e-4)


def test_running_statistics(twin: str) -> None:
    made = []
    for T in (microtorch, torch):
        T.manual_seed(0)
        layer = T.nn.BatchNorm2d(5)
        for i in range(3):
            layer(T.tensor(np.random.default_rng(i).standard_normal((4, 5, 8, 9)).astype("float32")))
        made.append([layer.running_mean.numpy(), layer.running_var.numpy(), layer.num_batches_tracked.numpy()])
    for ours, theirs in zip(*made):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_weight_that_is_the_running_variance(twin: str) -> None:
    x = np.random.default_rng(0).standard_normal((3, 4, 8, 9)).astype("float32")
    found = []
    for T in (microtorch, torch):
        v = T.ones(4)
        found.append([T.nn.functional.batch_norm(T.tensor(x), T.zeros(4), v, v, None, True).numpy(), v.numpy()])
    for ours, theirs in zip(*found):
        close(ours, theirs, "float32")


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
@pytest.mark.parametrize("given", [0, 1])
def test_one_running_statistic_alone_is_refused(name: str, given: int) -> None:
    raised = []
    for T in (microtorch, torch):
        statistics = [None, None]
        statistics[given] = T.ones(4)
        with pytest.raises(ValueError) as error:
            getattr(T.nn.functional, name)(T.ones(2, 4, 3, 3), *statistics, None, None, True)
        raised.append(str(error.value))
    assert raised[0] == raised[1]


def test_several_threads_at_once(twin: str, two_threads: None) -> None:
    rng = np.random.default_rng(0)
    cases = []
    for channels in (4, 12, 20, 33):
        x = rng.standard_normal((3, channels, 20, 21)).astype("float32")
        w = rng.standard_normal((16, channels, 3, 3)).astype("float32")
        cases.append((x, w))

    def work(k: int) -> list[Any]:
        x, w = cases[k % 4]
        one = (1, 1)
        y = K.conv(x, w, None, one, one, one, 1)
        best, tap = KP.max_pool(y, (2, 2), (2, 2), (0, 0), one, False)
        g = KP.max_pool_backward(best, y.shape, tap, (2, 2), (2, 2), (0, 0), one)
        return [y, g, K.conv_input(g, w, x.shape, one, one, one, 1), K.conv_weight(g, x, w.shape, one, one, one, 1)]

    expected = [work(k) for k in range(4)]
    with ThreadPoolExecutor(4) as pool:
        for k, found in enumerate(pool.map(work, range(40))):
            for a, b in zip(found, expected[k % 4]):
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("groups", [1, 4])
def test_derivatives_of_derivatives(twin: str, groups: int) -> None:
    rng = np.random.default_rng(0)
    x = microtorch.tensor(rng.standard_normal((2, 4, 6, 5))).requires_grad_()
    w = microtorch.tensor(rng.standard_normal((4, 4 // groups, 3, 3))).requires_grad_()
    function = microtorch.nn.functional.conv2d
    check = microtorch.autograd.gradgradcheck
    assert check(lambda x, w: function(x, w, None, 2, 1, 1, groups), (x, w))
