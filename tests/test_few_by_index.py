"""Reading, writing, gathering and ordering a few numbers by index, which takes shorter ways: as PyTorch, with NumPy and
compiled."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import microtorch as mt
from microtorch.kernels import index as KI, select as KSEL, sorting as KS, twins

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

SIZES = ((5,), (4, 6), (3, 4, 5), (1, 3), (6, 1), (40, 30))
Key = tuple[str, list[tuple[str, Any]]]


@pytest.fixture(params=["numpy", "numba"])
def twin(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each test with NumPy's kernels and with the compiled ones."""
    try:
        twins.choose(request.param)
    except twins.MissingCompiler:
        pytest.skip("numba is not installed")
    if request.param == "numba":
        twins.few(np.ones(1, np.float32))
    yield request.param
    twins.choose("auto")


def a_key(rng: random.Random, shape: tuple[int, ...]) -> list[Any]:
    """Items of a key: a number, a slice, (the nested list of) a tensor, None or ..."""
    items: list[Any] = []
    at = 0
    for _ in range(rng.randint(1, len(shape))):
        n, kind = shape[at], rng.randrange(8)
        far = n + (rng.random() < 0.02)
        if kind == 0:
            items.append(rng.randrange(-n, far))
        elif kind == 1:
            items.append(slice(rng.choice([None, 0, 1, -2]), rng.choice([None, n, 2, -1]), rng.choice([None, None, 2])))
        elif kind == 2:
            items.append(("tensor", rng.randrange(-n, far)))
        elif kind == 3:
            items.append(("tensor", [rng.random() < 0.5 for _ in range(n)]))
        elif kind == 4:
            items.append(("tensor", [[rng.randrange(0, far) for _ in range(3)] for _ in range(2)]))
        elif kind == 5:
            items.append(slice(None))
        else:
            items.append(("tensor", [rng.randrange(-n if rng.random() < 0.3 else 0, far) for _ in range(3)]))
        at += 1
    if rng.random() < 0.1:
        items.insert(rng.randrange(len(items) + 1), rng.choice([None, ...]))
    return items


def made(lib: Any, items: list[Any]) -> Any:
    key = tuple([lib.tensor(k[1]) if isinstance(k, tuple) else k for k in items])
    return key[0] if len(key) == 1 else key


def outcome(run: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return run()
        except Exception as error:
            text = re.sub(r"expand\([^{]*", "expand(", str(error).split("\n")[0])  # (which names the dtype in C++)
            return type(error).__name__, text


def agree(a: Any, b: Any, what: Any) -> None:
    if isinstance(a, tuple) or isinstance(b, tuple):
        assert a == b, what
        return
    x, y = a.detach().numpy(), b.detach().numpy()
    assert (x.dtype, x.shape) == (y.dtype, y.shape), what
    np.testing.assert_array_equal(x, y, str(what))
    assert a.stride() == b.stride() or 1 in x.shape or not x.size, (what, a.stride(), b.stride())


@pytest.mark.parametrize("seed", range(3))
def test_reading(seed: int, twin: str) -> None:
    rng = random.Random(seed)
    for _ in range(150):
        shape = rng.choice(SIZES)
        values = np.arange(np.prod(shape), dtype=rng.choice([np.float32, np.float64, np.int64])).reshape(shape)
        items = a_key(rng, shape)
        a, b = (outcome(lambda: lib.tensor(values)[made(lib, items)]) for lib in (torch, mt))
        agree(a, b, (shape, items))


@pytest.mark.parametrize("seed", range(3))
def test_gradients(seed: int, twin: str) -> None:
    """Repeated places add up, in PyTorch's order of them."""
    rng = random.Random(seed)
    for _ in range(100):
        shape = rng.choice(SIZES)
        values = np.random.default_rng(rng.randrange(1000)).standard_normal(shape).astype(np.float32)
        items = a_key(rng, shape)

        def run(lib: Any) -> Any:
            x = lib.tensor(values, requires_grad=True)
            y = x[made(lib, items)]
            (y * lib.arange(1.0, 1 + y.numel()).reshape(y.shape)).sum().backward()
            return x.grad

        a, b = outcome(lambda: run(torch)), outcome(lambda: run(mt))
        if isinstance(a, tuple):
            assert a == b, (shape, items)
        else:
            torch.testing.assert_close(a, torch.from_numpy(b.numpy()), msg=str((shape, items)))


@pytest.mark.parametrize("seed", range(4))
def test_writing(seed: int, twin: str) -> None:
    rng = random.Random(seed)
    for _ in range(150):
        shape = rng.choice(SIZES)
        kind = rng.choice([np.float32, np.float32, np.float64, np.int64, np.bool_])
        values = np.arange(np.prod(shape)).reshape(shape).astype(kind)
        items, way = a_key(rng, shape), rng.randrange(9)

        def run(lib: Any) -> Any:
            x = lib.tensor(values)
            if rng_view:
                x = x.T if x.ndim == 2 else x[:-1]
            key = made(lib, items)
            if way == 0:
                x[key] = 1.5
            elif way == 1:
                x[key] = 3
            elif way == 2:
                x[key] = lib.tensor(7.0).to(x.dtype)
            elif way == 3:
                x[key] = x[key].clone() * 2
            elif way == 4:
                x[key] += 1
            elif way == 5:
                x[key] = x.reshape(-1)[:1]
            elif way == 6:
                x[key] = x.reshape(-1)[1]
            elif way == 7:
                x[key] = lib.tensor(float("inf"))
            else:
                x[key] = lib.arange(3).to(x.dtype)
            return lib.tensor([x._version]), x

        rng_view = rng.random() < 0.2
        a, b = outcome(lambda: run(torch)), outcome(lambda: run(mt))
        what = (shape, kind, items, way, rng_view, a, b)
        if isinstance(a[0], str) or isinstance(b[0], str):
            assert a == b, what
        else:
            agree(a[1], b[1], what)


def test_writing_is_noticed(twin: str) -> None:
    """What a backward pass needs must not have been written since; nothing is written to what needs a gradient."""

    def run(lib: Any, key: Any, value: Any) -> Any:
        w, x = lib.ones(3, requires_grad=True), lib.ones(3)
        y = w * x
        x[key(lib)] = value(lib)
        y.sum().backward()
        return w.grad

    def leaf(lib: Any, key: Any, value: Any) -> Any:
        w = lib.ones(3, requires_grad=True)
        w[key(lib)] = value(lib)
        return w

    for key in (
        lambda t: 1,
        lambda t: slice(1, 2),
        lambda t: t.tensor([0, 1]),
        lambda t: t.ones(3) > 0,
        lambda t: (0,),
    ):
        for value in (lambda t: 2.0, lambda t: t.tensor(2.0), lambda t: t.tensor(2.0, requires_grad=True)):
            for program in (run, leaf):
                a, b = (outcome(lambda: program(lib, key, value)) for lib in (torch, mt))
                assert isinstance(a, tuple) == isinstance(b, tuple), (a, b)
                if isinstance(a, tuple):
                    assert a[0] == b[0]


@pytest.mark.parametrize("seed", range(3))
def test_gathering_and_scattering(seed: int, twin: str) -> None:
    rng = np.random.default_rng(seed)
    names = ["gather", "scatter", "scatter_number", "scatter_add", "take_along_dim", "index_select", "index_add"]
    names += ["index_copy", "index_fill", "masked_fill"]
    for turn in range(150):
        name = names[turn % len(names)]
        shape = tuple(int(n) for n in rng.integers(1, 6, rng.integers(1, 4)))
        if turn % 15 == 0:
            shape = (70, 30)
        dim = int(rng.integers(-len(shape), len(shape)))
        kind = [np.float32, np.float64, np.int64][rng.integers(3)]
        x = rng.integers(-9, 9, shape).astype(kind)
        n = shape[dim] + (rng.random() < 0.03)
        sizes = [int(rng.integers(1, m + 1)) if rng.random() < 0.3 else m for m in shape]
        sizes[dim] = int(rng.integers(1, 5))
        places = rng.integers(0, n, sizes)
        source = rng.integers(-9, 9, [m + 1 if rng.random() < 0.2 else m for m in sizes]).astype(kind)
        expanded, in_place = rng.random() < 0.3, rng.random() < 0.5
        listed = rng.integers(0, n, sizes[dim])
        slices = rng.integers(-9, 9, [sizes[dim] if d == dim % len(shape) else m for d, m in enumerate(shape)])
        mask = rng.random(shape) < 0.5

        def run(lib: Any) -> Any:
            t, i, s, v = lib.tensor(x), lib.tensor(places), lib.tensor(source), lib.tensor(listed)
            many = lib.tensor(slices.astype(kind))
            if expanded:
                first = tuple([slice(None) if d == dim % len(shape) else slice(1) for d in range(len(shape))])
                i = i[first].expand(sizes)
            end = "_" if in_place else ""
            if name == "gather":
                return t.gather(dim, i)
            if name == "scatter":
                return getattr(t, "scatter" + end)(dim, i[tuple([slice(1)] * i.ndim)], s)  # no place twice
            if name == "scatter_number":
                return getattr(t, "scatter" + end)(dim, i, 5)
            if name == "scatter_add":
                return getattr(t, name + end)(dim, i, s)
            if name == "take_along_dim":
                return lib.take_along_dim(t, i, dim)
            if name == "index_select":
                return t.index_select(dim, v)
            if name == "index_fill":
                return getattr(t, name + end)(dim, v, 4)
            if name == "masked_fill":
                return getattr(t, name + end)(lib.tensor(mask), float(rest) if kind != np.int64 else 3)
            one = slice(1) if name == "index_copy" else slice(None)
            where = tuple([one if d == dim % len(shape) else slice(None) for d in range(len(shape))])
            return getattr(t, name + end)(dim, v[one], many[where])

        rest = rng.choice([0.0, 1.5, -np.inf, np.nan])
        a, b = outcome(lambda: run(torch)), outcome(lambda: run(mt))
        agree(a, b, (name, shape, dim, kind, sizes, expanded, in_place, n))


def test_masks_of_many(twin: str) -> None:
    rng = np.random.default_rng(0)
    for kind in (np.float32, np.float64, np.int64, np.float16, np.bool_):
        for n in (1, 5, 4095, 4096, 70001):
            x, mask = rng.standard_normal(n).astype(kind), rng.random(n) < 0.3
            if kind == np.float32:
                x[::7] = np.nan
            for value in (0, 1, np.inf, -np.inf, np.nan) if np.dtype(kind).kind == "f" else (0, 1):
                out, want = x.copy(), x.copy()
                want[mask] = value
                KSEL.fill(out, mask, np.dtype(kind).type(value))
                np.testing.assert_array_equal(out, want)


def test_topk_and_mode_of_rows(twin: str) -> None:
    rng = np.random.default_rng(1)
    for turn in range(200):
        shape = tuple(int(n) for n in rng.integers(1, 7, rng.integers(1, 4)))
        if turn % 20 == 0:
            shape = (3, 900)
        kind = [np.float32, np.float64, np.int64][turn % 3]
        x = rng.integers(-3, 4, shape).astype(kind) if turn % 2 else (rng.standard_normal(shape) * 99).astype(kind)
        if turn % 3 < 2 and turn % 5 == 0:
            x[rng.random(shape) < 0.3] = np.nan
        k, largest = int(rng.integers(1, shape[-1] + 1)), bool(rng.integers(2))
        values, places = KS.topk(x, k, len(shape) - 1, largest, True)
        np.testing.assert_array_equal(values, torch.topk(torch.tensor(x), k, -1, largest)[0].numpy())
        np.testing.assert_array_equal(values, np.take_along_axis(x, places, -1))
        assert all(len(set(row)) == k for row in places.reshape(-1, k).tolist())
        axis, keepdims = int(rng.integers(len(shape))), bool(rng.integers(2))
        if not np.isnan(x).any():
            ours, theirs = KS.mode(x, axis, keepdims), torch.mode(torch.tensor(x), axis, keepdims)
            for a, b in zip(ours, theirs, strict=True):
                if a is ours[0] or x.shape[axis] < 20:  # (places in long rows are PyTorch's sort's own)
                    np.testing.assert_array_equal(a, b.numpy())


def test_numbers_that_are_near_are_counted() -> None:
    rng = np.random.default_rng(2)
    for kind in (np.int8, np.int16, np.int32, np.int64):
        for low, high in ((0, 5), (-128, 128), (3, 4)):
            x = rng.integers(low, high, (7, 9)).astype(kind)
            ours = mt.unique(mt.tensor(x), return_inverse=True, return_counts=True)
            theirs = torch.unique(torch.tensor(x), return_inverse=True, return_counts=True)
            for a, b in zip(ours, theirs, strict=True):
                assert a.numpy().dtype == b.numpy().dtype
                np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_rows_are_added_alike() -> None:
    """The compiled twin's sums of rows are NumPy's, also for numbers below 0 and those out of range."""
    rng = np.random.default_rng(3)
    found: dict[str, list[Any]] = {}
    for which in ("numpy", "numba") if twins._installed() else ("numpy",):
        twins.choose(which)
        rng = np.random.default_rng(3)
        for _ in range(60):
            shape = tuple(int(n) for n in rng.integers(1, 6, rng.integers(1, 4)))
            axis = int(rng.integers(len(shape)))
            rows = rng.integers(-shape[axis], shape[axis], rng.integers(0, 9))
            values = rng.standard_normal((*shape[:axis], len(rows), *shape[axis + 1 :])).astype(np.float32)
            out = np.ones(shape, np.float32)
            want = out.copy()
            np.add.at(want, (slice(None),) * axis + (rows,), values)
            np.testing.assert_array_equal(KI.add_along(out, rows, values, axis), want)
            found.setdefault(which, []).append(out)
        for wide in ((5,), (5, 3)):
            with pytest.raises(IndexError):
                KI.add_along(np.ones(wide, np.float32), np.array([5]), np.ones((1, *wide[1:]), np.float32), 0)
    twins.choose("auto")
