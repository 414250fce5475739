"""The random streams against PyTorch's: every bit of every number, and the whole state after each call.

A row of CASES is one line: the same draw from PyTorch's default generator and from a Stream. Each runs with several
seeds and sizes, half of them begun mid-stream, with the second normal of a pair waiting in the generator.
"""

from __future__ import annotations

import copy
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from microtorch import random as mt_random
from microtorch.kernels.random import Stream
from microtorch.kernels.random_boxmuller import box_muller32
from microtorch.kernels.random_libm import fma64, fma64_as_float32
from microtorch.random import Generator, default_generator, fork_rng

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:(from|to - 1) is out of bounds:UserWarning")

F16, F32, F64, C64, C128 = np.float16, np.float32, np.float64, np.complex64, np.complex128
SEEDS = [0, 1, 42, 2**32 + 7, -1]
MORE_SEEDS = [*range(20), 123, 1234, 2**31, 2**32 - 1, 2**63 + 11, -12345, 67280421310721, 42, 2**32 + 7, -1]
SIZES = [*range(1, 18), 31, 33, 100, 1000, 4095]
BIG_SIZES = [32768, 32769, 65535, 100_000, 1_000_003]

Case = tuple[Callable[[int], Any], Callable[[Stream, int], Any]]
_TORCH_DTYPES = {
    np.dtype(F16): torch.float16,
    np.dtype(F32): torch.float32,
    np.dtype(F64): torch.float64,
    np.dtype(C64): torch.complex64,
    np.dtype(C128): torch.complex128,
    np.dtype(bool): torch.bool,
    **{np.dtype(name): getattr(torch, name) for name in ("uint8", "int8", "int16", "int32", "int64")},
    **{np.dtype(name): getattr(torch, name) for name in ("uint16", "uint32")},
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        yield
    torch.set_num_threads(threads)


def inplace(method: str, *args: Any, dtype: Any = F32, ours: str | None = None, ours_args: Any = None) -> Case:
    """torch.empty(n).method_(*args) against stream.method(n, *args, dtype=dtype)."""

    def theirs(n: int) -> Any:
        return getattr(torch.empty(n, dtype=_TORCH_DTYPES[np.dtype(dtype)]), method + "_")(*args)

    def mine(s: Stream, n: int) -> Any:
        return getattr(s, ours or method)(n, *(args if ours_args is None else ours_args), dtype=dtype)

    return theirs, mine


def integers(low: int, high: int, dtype: Any = np.int64) -> Case:
    def theirs(n: int) -> Any:
        return torch.randint(low, high, (n,), dtype=_TORCH_DTYPES[np.dtype(dtype)])

    return theirs, lambda s, n: s.randint(n, low, high, dtype)


def ramp(n: int, low: float, high: float, dtype: Any = F32) -> tuple[Any, Any]:
    values = torch.linspace(low, high, n, dtype=torch.float64).to(_TORCH_DTYPES[np.dtype(dtype)])
    return values, values.numpy()


def of_ramp(theirs: Callable[..., Any], method: str, low: float, high: float, dtype: Any = F32) -> Case:
    """theirs(p) against stream.method(p), p rising from low to high."""
    return (
        lambda n: theirs(ramp(n, low, high, dtype)[0]),
        lambda s, n: getattr(s, method)(ramp(n, low, high, dtype)[1]),
    )


def chosen(rows: int, samples: Callable[[int], int], replacement: bool, dtype: Any = F32) -> Case:
    """multinomial with random weights of shape (n,), or (rows, n)."""
    shape: Callable[[int], tuple[int, ...]] = lambda n: (rows, n) if rows else (n,)  # noqa: E731
    return (
        lambda n: torch.multinomial(
            torch.rand(shape(n), dtype=_TORCH_DTYPES[np.dtype(dtype)]) + 1e-3, samples(n), replacement
        ),
        lambda s, n: s.multinomial(s.uniform(shape(n), dtype=dtype) + dtype(1e-3), samples(n), replacement),
    )


CASES: dict[str, Case] = {
    "rand float32": inplace("uniform"),
    "rand float64": inplace("uniform", dtype=F64),
    "rand float16": inplace("uniform", dtype=F16),
    "rand complex64": inplace("uniform", dtype=C64),
    "uniform symmetric": inplace("uniform", -0.123, 0.123),
    "uniform symmetric float64": inplace("uniform", -0.123, 0.123, dtype=F64),
    "uniform symmetric float16": inplace("uniform", -0.123, 0.123, dtype=F16),
    "uniform from 0": inplace("uniform", 0, 0.7),
    "uniform from 0 float64": inplace("uniform", 0, 0.7, dtype=F64),
    "uniform": inplace("uniform", -0.123, 0.456),
    "uniform float64": inplace("uniform", -0.123, 0.456, dtype=F64),
    "uniform float16": inplace("uniform", -0.123, 0.456, dtype=F16),
    "uniform float16 narrow": inplace("uniform", 1.0, 1.01, dtype=F16),
    "uniform complex128": inplace("uniform", -0.123, 0.456, dtype=C128),
    "uniform far": inplace("uniform", 3, 1000),
    "uniform narrow": inplace("uniform", 1.0, 1.000001),
    "uniform of width 0": inplace("uniform", 0.5, 0.5),
    "uniform from 0 to 0": inplace("uniform", 0, 0),
    "uniform tiny": inplace("uniform", -1e-40, 1e-40),
    "uniform huge": inplace("uniform", -1e38, 2e38),
    "randn float32": inplace("normal"),
    "randn float64": inplace("normal", dtype=F64),
    "randn float16": inplace("normal", dtype=F16),
    "randn complex64": inplace("normal", dtype=C64),
    "randn complex128": inplace("normal", dtype=C128),
    "normal": inplace("normal", 0.3, 1.7),
    "normal float64": inplace("normal", 0.3, 1.7, dtype=F64),
    "normal float16": inplace("normal", 0.3, 1.7, dtype=F16),
    "normal complex64": inplace("normal", 0.3, 1.7, dtype=C64),
    "normal(0, 0.02)": inplace("normal", 0, 0.02),
    "normal(0, 0.02) float64": inplace("normal", 0, 0.02, dtype=F64),
    "normal(2, 0)": inplace("normal", 2, 0),
    "normal(0, 0)": inplace("normal", 0, 0),
    "normal tiny": inplace("normal", 0, 1e-43),
    "normal infinite": inplace("normal", 0, float("inf")),
    "randint 10": integers(0, 10),
    "randint 1": integers(5, 6),
    "randint odd": integers(-7, 1000003),
    "randint 2**28 - 1": integers(0, 2**28 - 1),
    "randint 2**28": integers(0, 2**28),
    "randint 2**63": integers(-(2**62), 2**62),
    "randint 2**64 - 1": integers(-(2**63), 2**63 - 1),
    "randint int32": integers(-(2**31), 2**31 - 1, np.int32),
    "randint uint8": integers(0, 256, np.uint8),
    "randint int8": integers(-128, 127, np.int8),
    "randint bool": integers(0, 2, bool),
    "randint uint16": integers(0, 60000, np.uint16),
    "randint uint32": integers(0, 2**32 - 1, np.uint32),
    "randint float32": integers(-3, 10, F32),
    "randint float32 wide": integers(-(2**62), 2**62, F32),
    "randint float32 full": integers(-(2**63), 2**63 - 1, F32),
    "randint float64 wide": integers(2**63 - 1025, 2**63 - 1, F64),
    "randint float16": integers(-5003, 5003, F16),
    "randint float16 inwards": integers(2049, 2051, F16),
    "random int64": inplace("random", dtype=np.int64),
    "random int32": inplace("random", dtype=np.int32),
    "random int16": inplace("random", dtype=np.int16),
    "random int8": inplace("random", dtype=np.int8),
    "random uint8": inplace("random", dtype=np.uint8),
    "random bool": inplace("random", dtype=bool),
    "random float16": inplace("random", dtype=F16),
    "random float32": inplace("random", dtype=F32),
    "random float64": inplace("random", dtype=F64),
    "random from": inplace("random", 5, None, dtype=np.uint8, ours="randint"),
    "random from float32": inplace("random", 5, None, dtype=F32, ours="randint"),
    "random from the least": inplace("random", -(2**63), None, dtype=np.int64, ours="randint"),
    "random from the least float32": inplace("random", -(2**63), None, dtype=F32, ours="randint"),
    "randperm": (torch.randperm, lambda s, n: s.randperm(n)),
    "randperm int16": (lambda n: torch.randperm(n, dtype=torch.int16), lambda s, n: s.randperm(n, np.int16)),
    "bernoulli": inplace("bernoulli", 0.3),
    "bernoulli 0": inplace("bernoulli", 0.0),
    "bernoulli 1": inplace("bernoulli", 1.0),
    "bernoulli bool": inplace("bernoulli", 0.3, dtype=bool),
    "bernoulli int64": inplace("bernoulli", 0.3, dtype=np.int64),
    "bernoulli float16": inplace("bernoulli", 0.3, dtype=F16),
    "bernoulli array float32": of_ramp(torch.bernoulli, "bernoulli_array", 0, 1),
    "bernoulli array float64": of_ramp(torch.bernoulli, "bernoulli_array", 0, 1, F64),
    "bernoulli array float16": of_ramp(torch.bernoulli, "bernoulli_array", 0, 0.99, F16),
    "dropout": (
        lambda n: torch.nn.functional.dropout(torch.ones(n), 0.3),
        lambda s, n: s.dropout_mask(n, 0.3),
    ),
    "dropout float64": (
        lambda n: torch.nn.functional.dropout(torch.ones(n, dtype=torch.float64), 0.1),
        lambda s, n: s.dropout_mask(n, 0.1, F64),
    ),
    "dropout float16": (
        lambda n: torch.nn.functional.dropout(torch.ones(n, dtype=torch.float16), 0.9),
        lambda s, n: s.dropout_mask(n, 0.9, F16),
    ),
    "rrelu": (
        lambda n: torch.nn.functional.rrelu(ramp(n, -3, 2)[0], training=True),
        lambda s, n: (x := ramp(n, -3, 2)[1]) * s.rrelu_noise(x, 1 / 8, 1 / 3),
    ),
    "rrelu float64": (
        lambda n: torch.nn.functional.rrelu(-torch.ones(n, dtype=torch.float64), 0.1, 0.7, True),
        lambda s, n: -s.rrelu_noise(-np.ones(n), 0.1, 0.7),
    ),
    "exponential": inplace("exponential"),
    "exponential(1.3)": inplace("exponential", 1.3),
    "exponential float64": inplace("exponential", 1.3, dtype=F64),
    "exponential float16": inplace("exponential", 1.3, dtype=F16),
    "cauchy": inplace("cauchy"),
    "cauchy(0.2, 1.3)": inplace("cauchy", 0.2, 1.3),
    "cauchy float64": inplace("cauchy", 0.2, 1.3, dtype=F64),
    "cauchy float16": inplace("cauchy", 0.2, 1.3, dtype=F16),
    "geometric": inplace("geometric", 0.2),
    "geometric half": inplace("geometric", 0.5),
    "geometric float16": inplace("geometric", 1e-5, dtype=F16),
    "geometric int64": inplace("geometric", 0.2, dtype=np.int64),
    "geometric uint8": inplace("geometric", 0.2, dtype=np.uint8),
    "log_normal": inplace("log_normal"),
    "log_normal standard": inplace("log_normal", 0, 1),
    "log_normal float64": inplace("log_normal", 0.2, 1.3, dtype=F64),
    "log_normal overflow": inplace("log_normal", 700, 30, dtype=F64),
    "log_normal float16": inplace("log_normal", 0.2, 1.3, dtype=F16),
    "multinomial, replacement": chosen(0, lambda n: n + 1, True),
    "multinomial, replacement, float64": chosen(0, lambda n: n + 1, True, F64),
    "multinomial, replacement, float16": chosen(0, lambda n: n + 1, True, F16),
    "multinomial, replacement, rows": chosen(3, lambda n: 5, True),
    "multinomial, replacement, one": chosen(0, lambda n: 1, True),
    "multinomial, replacement, one of rows": chosen(4, lambda n: 1, True),
    "multinomial, one": chosen(0, lambda n: 1, False),
    "multinomial, one, float64": chosen(0, lambda n: 1, False, F64),
    "multinomial, one of rows": chosen(4, lambda n: 1, False),
    "multinomial, some": chosen(0, lambda n: n // 2 + 1, False, F64),
    "multinomial, all of rows": chosen(2, lambda n: n, False, F64),
    "poisson below 10": of_ramp(torch.poisson, "poisson", 0, 9.9),
    "poisson": of_ramp(torch.poisson, "poisson", 0.5, 60),
    "poisson float64": of_ramp(torch.poisson, "poisson", 9, 3000, F64),
    "poisson float16": of_ramp(torch.poisson, "poisson", 0.5, 60, F16),
    "gamma": of_ramp(torch._standard_gamma, "gamma", 0, 5),
    "gamma float64": of_ramp(torch._standard_gamma, "gamma", 0.1, 5, F64),
    "gamma negative": of_ramp(torch._standard_gamma, "gamma", -2, -1),
    "binomial": (
        lambda n: torch.binomial(ramp(n, 0, 99)[0].floor(), ramp(n, -0.1, 1.1)[0]),
        lambda s, n: s.binomial(np.floor(ramp(n, 0, 99)[1]), ramp(n, -0.1, 1.1)[1]),
    ),
    "binomial float64": (
        lambda n: torch.binomial(ramp(n, 30, 5000, F64)[0].floor(), ramp(n, 0.9, 0.02, F64)[0]),
        lambda s, n: s.binomial(np.floor(ramp(n, 30, 5000, F64)[1]), ramp(n, 0.9, 0.02, F64)[1]),
    ),
    "dirichlet": (
        lambda n: torch._sample_dirichlet(ramp(7 * n, 0.1, 5)[0].reshape(n, 7)),
        lambda s, n: s.dirichlet(ramp(7 * n, 0.1, 5)[1].reshape(n, 7)),
    ),
    "dirichlet of many": (
        lambda n: torch._sample_dirichlet(ramp(n, 0.1, 5)[0]),
        lambda s, n: s.dirichlet(ramp(n, 0.1, 5)[1]),
    ),
    "dirichlet float64": (
        lambda n: torch._sample_dirichlet(ramp(3 * n, 0.1, 5, F64)[0].reshape(n, 3)),
        lambda s, n: s.dirichlet(ramp(3 * n, 0.1, 5, F64)[1].reshape(n, 3)),
    ),
    "random_scalar63": (
        lambda n: torch.empty(1, dtype=torch.int64).random_(),
        lambda s, n: np.array([s.random_scalar63()]),
    ),
}
# made one element at a time: long arrays would only repeat themselves
SLOW_CASES = ("poisson", "gamma", "binomial", "dirichlet", "multinomial, all", "multinomial, some")


def same_bits(ours: Any, theirs: Any) -> bool:
    ours, theirs = np.asarray(ours), theirs.numpy()
    return ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()


def same_state(s: Stream) -> bool:
    return bool((s.get_state() == torch.get_rng_state().numpy()).all())


def seeded(seed: int) -> Stream:
    """A Stream in step with PyTorch's default generator; odd seeds have drawn, and a normal waits."""
    torch.manual_seed(seed)
    s = Stream(seed)
    if seed % 2:
        torch.randn(3)
        s.normal((3,))
    return s


def run(name: str, seeds: list[int], sizes: list[int]) -> None:
    theirs, ours = CASES[name]
    for seed in seeds:
        for n in sizes:
            s = seeded(seed)
            expected, got = theirs(n), ours(s, n)
            assert same_bits(got, expected), f"seed {seed}, n {n}: {got} is not {expected}"
            assert same_state(s), f"seed {seed}, n {n}: the streams went out of step"


@pytest.mark.parametrize("name", CASES)
def test_same_numbers_and_state(name: str) -> None:
    sizes = [n for n in SIZES if n < 1000] if name.startswith(SLOW_CASES) else SIZES
    run(name, SEEDS[:3] if name.startswith(SLOW_CASES) else SEEDS, sizes)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_same_numbers_and_state_more(name: str) -> None:
    run(name, MORE_SEEDS, SIZES)
    if "int16" not in name and not name.startswith(SLOW_CASES):
        run(name, [0, 1], BIG_SIZES)


@pytest.mark.parametrize("name", ["rand float32", "uniform", "randn float32", "randn float16", "bernoulli", "randperm"])
def test_more_than_one_block(name: str) -> None:
    run(name, [1], [32768, 32769, 70001])


def test_draws_follow_each_other() -> None:
    names = list(CASES)
    picks = np.random.default_rng(0)
    s = seeded(5)
    for name in picks.choice(names, 300):
        n = int(picks.integers(1, 40))
        theirs, ours = CASES[name]
        assert same_bits(ours(s, n), theirs(n)), name
    assert same_state(s)


# ---- in place, in the order of memory ----

LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda a: a[:24].reshape(4, 6).T,
    "steps": lambda a: a[::2],
    "steps of columns": lambda a: a[:36].reshape(4, 9)[:, ::2],
    "few": lambda a: a[:6].reshape(2, 3).T,
    "transposed steps": lambda a: a.reshape(8, 15)[::2, ::3].T,
    "channels last": lambda a: a.reshape(2, 3, 4, 5).transpose(0, 3, 1, 2),
    "three axes": lambda a: a.reshape(4, 5, 6).transpose(2, 0, 1)[1:, :, ::2],
    "size 1": lambda a: a[:20].reshape(1, 4, 5).transpose(2, 0, 1),
    "contiguous": lambda a: a.reshape(4, 30),
    "one number": lambda a: a[7:8].reshape(()),
    "none": lambda a: a[:0].reshape(0, 3).T,
}
FILLS: list[tuple[str, str, tuple[Any, ...], Any]] = [
    ("uniform", "uniform_", (), F32),
    ("uniform", "uniform_", (-0.3, 0.4), F64),
    ("uniform", "uniform_", (), C64),
    ("normal", "normal_", (), F32),
    ("normal", "normal_", (0.3, 1.7), F32),
    ("normal", "normal_", (0.3, 1.7), F16),
    ("normal", "normal_", (0.3, 1.7), F64),
    ("normal", "normal_", (), C64),
    ("randint", "random_", (3, 77), np.int64),
    ("random", "random_", (), np.int32),
    ("bernoulli", "bernoulli_", (0.3,), F32),
    ("exponential", "exponential_", (), F32),
    ("cauchy", "cauchy_", (), F32),
    ("geometric", "geometric_", (0.2,), F32),
    ("log_normal", "log_normal_", (), F32),
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("kind", "method", "args", "dtype"), FILLS)
def test_fill_of_any_strides(layout: str, kind: Any, method: str, args: tuple[Any, ...], dtype: Any) -> None:
    for seed in (0, 1, 2, 3):
        ours, theirs = np.zeros(120, dtype), np.zeros(120, dtype)
        s = seeded(seed)
        s.fill(LAYOUTS[layout](ours), kind, *args)
        getattr(torch.from_numpy(LAYOUTS[layout](theirs)), method)(*args)
        assert ours.tobytes() == theirs.tobytes()
        assert same_state(s)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_fill_bernoulli_array_and_dropout(layout: str) -> None:
    for p in (F32(0.3), np.linspace(0, 1, 120), np.linspace(0, 1, 120).astype(F32)):
        ours, theirs = np.zeros(120, F32), np.zeros(120, F32)
        view, their_view = LAYOUTS[layout](ours), torch.from_numpy(LAYOUTS[layout](theirs))
        chances = np.broadcast_to(p, 120)[: view.size].reshape(view.shape)
        s = seeded(3)
        s.fill(view, "bernoulli_array", chances)
        their_view.bernoulli_(torch.from_numpy(chances.copy()))
        assert ours.tobytes() == theirs.tobytes()
        assert same_state(s)
        s.fill(view, "dropout", 0.3)
        dropped = torch.nn.functional.dropout(torch.ones_like(their_view), 0.3)
        assert (view == dropped.numpy()).all()
        assert same_state(s)


def test_multinomial_of_columns() -> None:
    s = seeded(3)
    p = np.ascontiguousarray(s.uniform((5, 4))).T
    assert same_bits(s.multinomial(p, 1), torch.multinomial(torch.rand(5, 4).t(), 1))
    assert same_bits(s.multinomial(p, 3, True), torch.multinomial(torch.from_numpy(p), 3, True))
    assert same_state(s)


def test_fill_refuses_memory_shared_by_elements() -> None:
    with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
        Stream(0).fill(np.lib.stride_tricks.as_strided(np.zeros(3), (4, 3), (0, 8)), "uniform")


def test_shapes() -> None:
    for shape in ((), (0,), (3, 0, 2), (2, 3), (4, 4, 4)):
        s = seeded(1)
        assert same_bits(s.uniform(shape), torch.rand(shape))
        assert same_bits(s.normal(shape), torch.randn(shape))
        assert same_bits(s.randint(shape, 0, 5), torch.randint(0, 5, shape))
        assert same_bits(s.bernoulli(shape), torch.empty(shape).bernoulli_())
        assert same_bits(s.poisson(np.ones(shape, F32)), torch.poisson(torch.ones(shape)))
        assert same_state(s)
        out = s.normal(shape)
        assert out.flags.c_contiguous
        assert out.flags.owndata


# ---- seeds and states ----


def test_state_goes_both_ways() -> None:
    for seed in SEEDS:
        for before in (0, 1, 2, 17, 311, 312, 623, 624, 625, 1247, 1248, 5000):
            s = seeded(seed)
            s.words32(before)
            torch.empty(before, dtype=torch.int32).random_()
            assert same_state(s)
            theirs = torch.get_rng_state().numpy().copy()
            expected = [torch.randn(5), torch.rand(700), torch.randperm(50)]
            torch.manual_seed(99)
            torch.set_rng_state(torch.from_numpy(s.get_state()))
            assert (torch.get_rng_state().numpy() == theirs).all()
            again = [torch.randn(5), torch.rand(700), torch.randperm(50)]
            other = Stream(99).set_state(theirs)
            assert (other.get_state() == theirs).all()
            got = [other.normal(5), other.uniform(700), other.randperm(50)]
            for ours, one, two in zip(got, expected, again, strict=True):
                assert same_bits(ours, one)
                assert same_bits(ours, two)


def test_many_small_draws() -> None:
    """Draws of all kinds in turn, so that words made ahead and normals made ahead are met at every place."""
    rng = np.random.default_rng(0)
    s = seeded(5)
    sizes = (1, 3, 16, 17, 30, 48, 64, 64, 64, 100, 624, 640, 1024, 1040, 2500)
    for _ in range(400):
        n = int(rng.choice(sizes))
        match int(rng.integers(12)):
            case 0:
                got, expected = s.uniform(n), torch.rand(n)
            case 1:
                got, expected = s.uniform(n, -2, 2, F64), torch.empty(n, dtype=torch.float64).uniform_(-2, 2)
            case 2:
                p = float(rng.choice([0.0, 0.3, 0.5, 1.0]))
                got, expected = s.bernoulli(n, p), torch.empty(n).bernoulli_(p)
            case 3:
                got, expected = s.randint(n, -3, 9), torch.randint(-3, 9, (n,))
            case 4:
                got, expected = s.randint(n, 0, 1 << 40), torch.randint(0, 1 << 40, (n,))
            case 5:
                got, expected = s.normal(n, 1.0, 0.02), torch.empty(n).normal_(1.0, 0.02)
            case 6:
                got, expected = s.normal(n, 0.0, 0.02, np.float16), torch.empty(n, dtype=torch.float16).normal_(0, 0.02)
            case 7:
                got, expected = s.poisson(np.full(n, 2.0)), torch.poisson(torch.full((n,), 2.0, dtype=torch.float64))
            case _:
                got, expected = s.normal(n), torch.randn(n)
        assert same_bits(got, expected)
        if not rng.integers(8):
            assert same_state(s)
    assert same_state(s)


def test_threads_draw_from_one_generator_without_harm() -> None:
    """No word is given twice, and none is left out."""
    s, drawn = Stream(3), []

    def draw() -> None:
        drawn.extend([s.words32(n % 50 + 1).tolist() for n in range(400)])

    workers = [threading.Thread(target=draw) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    words = [word for draw in drawn for word in draw]
    assert sorted(words) == sorted(Stream(3).words32(len(words)).tolist())


def test_seeds() -> None:
    for seed in MORE_SEEDS:
        torch.manual_seed(seed)
        s = Stream(123).seed(seed)
        assert s.initial_seed == torch.initial_seed()
        assert same_state(s)
    assert Stream().initial_seed == torch.Generator().initial_seed()
    assert (Stream().get_state() == torch.Generator().get_state().numpy()).all()
    for seed in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match="Overflow when unpacking long long"):
            Stream().seed(seed)


def test_seeding_drops_the_waiting_normal() -> None:
    s = Stream(3)
    s.normal(1)
    assert (s.seed(3).get_state() == Stream(3).get_state()).all()


def test_bad_states() -> None:
    good = Stream(0).get_state()
    with pytest.raises(RuntimeError, match="size 5056 but found the input RNG state size to be 10"):
        Stream().set_state(good[:10])
    with pytest.raises(TypeError, match="RNG state must be a torch.ByteTensor"):
        Stream().set_state(good.astype(np.float32))
    with pytest.raises(RuntimeError, match="Invalid mt19937 state"):
        Stream().set_state(np.zeros_like(good))


def test_clone_goes_its_own_way() -> None:
    s = Stream(5)
    s.normal(3)
    other = s.clone()
    assert (other.normal(20) == s.normal(20)).all()
    other.words32(1)
    assert (other.get_state() != s.get_state()).any()


def test_uniforms_one_by_one_gives_back_what_is_not_used() -> None:
    for expected in (1, 99, 100, 5000):
        for used in (0, 1, 99, 100, 4096, 4097):
            s, plain = Stream(4), Stream(4)
            with s.uniforms_one_by_one(expected) as uniform:
                values = [uniform() for _ in range(used)]
            assert values == plain.uniform64(used).tolist()
            assert (s.get_state() == plain.get_state()).all()


def test_generator_like_torch() -> None:
    ours, theirs = Generator(), torch.Generator()
    for seed in MORE_SEEDS:
        assert ours.manual_seed(seed) is ours
        theirs.manual_seed(seed)
        assert ours.initial_seed() == theirs.initial_seed()
        assert same_bits(ours.stream.normal(20), torch.randn(20, generator=theirs))
        assert (ours._state_array() == theirs.get_state().numpy()).all()
    assert ours.manual_seed(np.int64(4)).initial_seed() == 4
    for bad in (1.7, "5", None, True, np.uint64(4), 2**64):
        with pytest.raises(Exception) as expected:  # noqa: PT011, B017
            theirs.manual_seed(bad)
        with pytest.raises(expected.type) as got:
            ours.manual_seed(bad)
        assert str(got.value) == str(expected.value)
    clone = ours.clone_state()
    assert (clone.stream.uniform(3) == ours.stream.uniform(3)).all()
    for copied in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert type(copied) is Generator
        assert str(copied.device) == "cpu"
        assert (copied._state_array() == ours._state_array()).all()
    assert ours._set_state_array(theirs.get_state().numpy()) is ours
    assert (ours._state_array() == theirs.get_state().numpy()).all()
    assert ours.seed() == ours.initial_seed() != ours.seed()
    with pytest.raises(RuntimeError, match="CPU Generator does not use offset"):
        ours.get_offset()


def test_default_generator() -> None:
    torch.manual_seed("7")
    assert mt_random.manual_seed("7") is default_generator
    assert mt_random.initial_seed() == 7
    with fork_rng():
        default_generator.stream.normal(5)
        mt_random.manual_seed(1)
    assert same_state(default_generator.stream)
    assert mt_random.initial_seed() == 7
    with fork_rng(devices=[], enabled=False):
        default_generator.stream.normal(5)
    torch.randn(5)
    assert same_state(default_generator.stream)
    with pytest.raises(RuntimeError, match="lambda"), fork_rng():
        default_generator.stream.exponential(5, -1.0 + 0 * default_generator.stream.normal(5)[0])
    assert same_state(default_generator.stream)
    assert mt_random.seed() == mt_random.initial_seed()


# ---- what is refused ----

INF, NAN = float("inf"), float("nan")
REFUSED: list[tuple[str, tuple[Any, ...], Any]] = [
    ("uniform", (1, 0), F32),
    ("uniform", (0.1234567891, -1), F32),
    ("uniform", (0, INF), F32),
    ("uniform", (0, NAN), F32),
    ("uniform", (0, 1e6), F16),
    ("uniform", (-3e38, 3e38), F32),
    ("uniform", (-1e308, 1e308), F64),
    ("uniform", (-65504, 65504), F16),
    ("uniform", (1, 0), C64),
    ("uniform", (), np.int64),
    ("uniform", (), bool),
    ("normal", (0, -1), F32),
    ("normal", (0, NAN), F32),
    ("normal", (0, -12345678), F64),
    ("normal", (), np.int64),
    ("randint", (5, 5), np.int64),
    ("randint", (0, 300), np.uint8),
    ("randint", (-1, 3), np.uint8),
    ("randint", (0, 3), bool),
    ("randint", (0, 70000), F16),
    ("randint", (0, 3), C64),
    ("randint", (2**24, None), F32),
    ("randint", (-(2**63), None), np.uint8),
    ("randint", (-(2**63), None), F16),
    ("randint", (0, None), C64),
    ("randint", (0, 2**63), np.int64),
    ("random", (), np.uint16),
    ("random", (), C64),
    ("bernoulli", (1.5,), F32),
    ("bernoulli", (-0.1,), F32),
    ("bernoulli", (NAN,), F32),
    ("bernoulli", (0.5,), C64),
    ("bernoulli", (0.5,), np.uint16),
    ("exponential", (0,), F32),
    ("exponential", (NAN,), F32),
    ("exponential", (), np.int64),
    ("cauchy", (0, 0), F32),
    ("cauchy", (), np.int64),
    ("geometric", (0,), F32),
    ("geometric", (1,), F32),
    ("geometric", (NAN,), F32),
    ("geometric", (0.5,), bool),
    ("log_normal", (0, 0), F32),
    ("log_normal", (), np.int64),
]


@pytest.mark.parametrize(("kind", "args", "dtype"), REFUSED)
def test_same_refusals(kind: Any, args: tuple[Any, ...], dtype: Any) -> None:
    method = {"randint": "random"}.get(kind, kind) + "_"
    with pytest.raises(Exception) as expected:  # noqa: PT011, B017
        getattr(torch.empty(20, dtype=_TORCH_DTYPES[np.dtype(dtype)]), method)(*args)
    with pytest.raises(expected.type) as got:
        getattr(Stream(0), kind)((20,), *args, dtype=dtype)
    assert str(got.value) == str(expected.value)


WEIGHTS_REFUSED: list[tuple[Any, int, bool]] = [
    ([0.0, 0.0], 1, False),
    ([0.0, 0.0], 2, False),
    ([0.0, 0.0], 2, True),
    ([-1.0, 2.0], 1, True),
    ([-1.0, 2.0], 2, True),
    ([-1.0, 2.0], 2, False),
    ([NAN, 2.0], 1, False),
    ([NAN, 2.0], 2, True),
    ([INF, 2.0], 1, False),
    ([INF, 2.0], 2, True),
    ([1.0, 2.0], 3, False),
    ([1.0, 2.0], 0, False),
    ([1.0, 2.0], 0, True),
    (1.0, 1, False),
    ([[[1.0]]], 1, False),
    ([1, 2], 1, False),
    ([True], 1, False),
    ([[0.0, 0.0], [1.0, 1.0]], 1, False),
    ([[0.0, 0.0], [1.0, 1.0]], 2, True),
]


@pytest.mark.parametrize(("weights", "samples", "replacement"), WEIGHTS_REFUSED)
def test_same_refusals_of_multinomial(weights: Any, samples: int, replacement: bool) -> None:
    p = torch.tensor(weights)
    with pytest.raises(RuntimeError) as expected:
        torch.multinomial(p, samples, replacement)
    with pytest.raises(RuntimeError) as got:
        Stream(0).multinomial(p.numpy(), samples, replacement)
    assert str(got.value) == str(expected.value)


@pytest.mark.parametrize(
    ("theirs", "method", "values"),
    [
        (torch.bernoulli, "bernoulli_array", F32([1.5])),
        (torch.bernoulli, "bernoulli_array", F32([NAN])),
        (torch.bernoulli, "bernoulli_array", np.int64([1])),
        (torch.poisson, "poisson", F32([-1])),
        (torch.poisson, "poisson", F32([NAN])),
        (torch.poisson, "poisson", np.int64([1])),
        (torch._standard_gamma, "gamma", np.int64([1])),
        (torch._standard_gamma, "gamma", F16([1])),
        (torch._sample_dirichlet, "dirichlet", F16([1, 2])),
    ],
)
def test_same_refusals_of_arrays(theirs: Callable[..., Any], method: str, values: Any) -> None:
    with pytest.raises(Exception) as expected:  # noqa: PT011, B017
        theirs(torch.from_numpy(values))
    with pytest.raises(expected.type) as got:
        getattr(Stream(0), method)(values)
    assert str(got.value) == str(expected.value).split("\nException raised")[0]


@pytest.mark.parametrize(
    ("n", "dtype"),
    [(-1, np.int64), (300, np.uint8), (200, np.int8), (5, bool), (5, C64), (2050, F16), (2**24 + 2, F32)],
)
def test_same_refusals_of_randperm(n: int, dtype: Any) -> None:
    with pytest.raises(Exception) as expected:  # noqa: PT011, B017
        torch.randperm(n, dtype=_TORCH_DTYPES[np.dtype(dtype)])
    with pytest.raises(expected.type) as got:
        Stream(0).randperm(n, dtype)
    assert str(got.value).split("\n")[0] == str(expected.value).split("\n")[0]


def test_randint_warns_of_imprecise_floats() -> None:
    with pytest.warns(UserWarning, match="to - 1 is out of bounds"):
        Stream(0).randint((3,), 0, 2**25, F32)


# ---- arithmetic ----


def test_fma64_rounds_once() -> None:
    from fractions import Fraction

    rng = np.random.default_rng(0)
    for scale in (1.0, 1e-3, 2.0**-53, 1e5):
        x = rng.standard_normal(300)
        y, z = float(rng.standard_normal()), float(rng.standard_normal()) * scale
        exact = [Fraction(v) * Fraction(y) + Fraction(z) for v in x.tolist()]
        assert fma64(x, y, z).tolist() == [float(v) for v in exact]  # float(Fraction) rounds correctly, once
        assert (fma64_as_float32(x, y, z) == fma64(x, y, z).astype(F32)).all()


def _state_with_words(words: Any) -> Any:
    """A state of PyTorch's generator whose next 623 words are these."""
    y = words ^ (words >> np.uint32(18))
    y ^= (y << np.uint32(15)) & np.uint32(0xEFC60000)
    t = y.copy()
    for _ in range(4):
        t = y ^ ((t << np.uint32(7)) & np.uint32(0x9D2C5680))
    y = t.copy()
    for _ in range(2):
        y = t ^ (y >> np.uint32(11))
    state = Stream(0).get_state()
    state[8:12] = np.frombuffer(np.int32(624).tobytes(), np.uint8)
    state[16:24] = np.frombuffer(np.uint64(1).tobytes(), np.uint8)
    state[24 + 8 : 24 + 8 * 624] = np.frombuffer(y.astype("<u8").tobytes(), np.uint8)
    return state


def _all_pairs(first: Any, second: Any) -> Iterator[tuple[Any, Any]]:
    """PyTorch's and our normals of given pairs of 24-bit integers, 304 pairs at a time."""
    words = np.zeros(623, np.uint32)
    for start in range(0, first.size, 304):
        pairs = words[:608].reshape(38, 2, 8)
        chunk = slice(start, start + 304)
        pairs[:, 0] = np.resize(first[chunk], 304).reshape(38, 8)
        pairs[:, 1] = np.resize(second[chunk], 304).reshape(38, 8)
        torch.set_rng_state(torch.from_numpy(_state_with_words(words)))
        yield torch.randn(608).numpy(), box_muller32(words[:608].view(np.int32))


def _check_pairs(first: Any, second: Any) -> None:
    for theirs, ours in _all_pairs(first, second):
        assert theirs.tobytes() == ours.tobytes()


def _unit_radius() -> int:
    """An integer k for which sqrt(-2 log(1 - k / 2**24)) is 1 in float32, so that a pair is (cos, sin) itself."""
    near = np.arange(6600000, 6602624, dtype=np.int32)
    bits = np.zeros((near.size // 8, 16), np.int32)
    bits[:, :8] = near.reshape(-1, 8)
    out = box_muller32(bits.reshape(-1)).reshape(bits.shape)
    return int(near[np.flatnonzero(out[:, :8].reshape(-1) == 1)[0]])


def test_box_muller_at_the_edges() -> None:
    """Around each eighth of a turn, each power of two, and the ends: where reductions and signs change."""
    spots = [0, *(k << 21 for k in range(1, 9)), *(2**24 - (1 << k) for k in range(24)), *(1 << k for k in range(24))]
    spots += [round((1 - 0.5**0.5 * 2.0**-k) * 2**24) for k in range(24)]
    near = np.unique(np.clip(np.add.outer(spots, np.arange(-8, 9)), 0, 2**24 - 1)).astype(np.uint32)
    _check_pairs(near, np.zeros_like(near))
    _check_pairs(np.full_like(near, _unit_radius()), near)
    _check_pairs(np.full_like(near, 2**24 - 1), near)


@pytest.mark.slow
def test_box_muller_for_all_radii_and_angles() -> None:
    """Each of the 2**24 radii and each of the 2**24 angles: with IEEE products that is every float32 normal."""
    every = np.arange(1 << 24, dtype=np.uint32)
    _check_pairs(every, np.zeros_like(every))
    _check_pairs(np.full_like(every, _unit_radius()), every)
