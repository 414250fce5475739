"""Compiled twins of kernels (numba) against PyTorch and against NumPy's, with the same tests for both."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from microtorch.cli import main as cli, warmup
from microtorch.kernels import index as KI, optim as KO, threads, twins
from microtorch.kernels.random import Stream

ROOT = Path(microtorch.__file__).parents[1]
needs_numba = pytest.mark.skipif(not twins._installed(), reason="numba is not installed")


@pytest.fixture(params=[1, 2])
def count(request: pytest.FixtureRequest) -> Iterator[int]:
    before = threads.count()
    threads.set_count(request.param)
    yield request.param
    threads.set_count(before)


# against PyTorch -----------------------------------------------------------------------------------------------------

ELEMENTWISE = [
    *(
        f"F.{name}(x)"
        for name in """sigmoid tanh silu logsigmoid softplus mish elu selu celu gelu relu relu6 leaky_relu
        hardtanh hardsigmoid hardswish hardshrink softshrink glu softsign tanhshrink""".split()
    ),
    "F.gelu(x, approximate='tanh')",
    "F.elu(x, 0.7)",
    "F.softplus(x, 2.0, 3.0)",
    "F.leaky_relu(x, -0.3)",
    "F.leaky_relu(x, 1.5)",
    "F.hardtanh(x, -0.3, 0.8)",
    "F.threshold(x, 0.1, 7.0)",
    "F.hardshrink(x, 0.2)",
    "F.softshrink(x, 0.2)",
    "F.glu(x, 0)",
]
ROWS = [
    "F.softmax(x, -1)",
    "F.softmax(x, 0)",
    "F.log_softmax(x, 1)",
    "F.log_softmax(x, 0)",
    "F.layer_norm(x, x.shape[1:])",
    "F.layer_norm(x, x.shape[1:], w, v)",
    "F.layer_norm(x, x.shape[1:], w)",
    "F.layer_norm(x, x.shape[1:], None, v)",
    "F.layer_norm(x, x.shape)",
    "F.rms_norm(x, x.shape[1:], w)",
    "F.rms_norm(x, x.shape[1:])",
    "F.rms_norm(x, x.shape, eps=0.1)",
    "F.cross_entropy(x, t)",
    "F.cross_entropy(x, t, w.detach().abs())",
    "F.cross_entropy(x, t, ignore_index=1)",
    "F.cross_entropy(x, t, reduction='sum')",
    "F.cross_entropy(x, t, reduction='none')",
    "F.cross_entropy(x, t, w.detach().abs(), ignore_index=2, reduction='none')",
    "F.cross_entropy(x, t, label_smoothing=0.1)",
    "F.nll_loss(x, t)",
    "F.huber_loss(x, y, delta=0.7)",
    "F.smooth_l1_loss(x, y, beta=0.7)",
    "F.smooth_l1_loss(x, y, reduction='none')",
    "torch.gather(x, 1, i)",
    "torch.gather(x, 0, i)",
    "torch.scatter(x, 1, i, y)",
    "torch.scatter_add(x, 0, i, y)",
    "torch.scatter_add(x, 1, i[:, :1], y[:, :1])",
    "torch.index_add(x, 0, t, y)",
    "x[t]",
    "F.embedding(t, x)",
    "F.embedding(t[:8], x, padding_idx=1)",
]
SHAPES = [(6, 7), (130, 600), (65, 2)]


def _compared(expression: str, make: Any, dtype: str, tolerance: float, nan: bool = False) -> None:
    """Value and gradients by both frameworks; nan: but gradients where x is NaN."""
    found = []
    for T in (torch, microtorch):
        rng = np.random.default_rng(0)
        names: dict[str, Any] = {
            n: T.tensor(a.astype(dtype) if a.dtype.kind == "f" else a) for n, a in make(rng).items()
        }
        leaves = [t.requires_grad_() for t in names.values() if t.is_floating_point()]
        names["x"] = names["x"].t() if names.pop("turned", None) is not None else names["x"]
        out = eval(expression, {"torch": T, "F": T.nn.functional, **names})
        g = T.tensor(rng.standard_normal(tuple(out.shape)).astype(dtype))
        grads = T.autograd.grad(out, leaves, g, allow_unused=True)
        if nan:
            grads = [T.where(T.isnan(names["x"]), 0.0, grads[0])]
        found.append([out.detach().numpy()] + [None if a is None else a.numpy() for a in grads])
    for ours, theirs in zip(found[1], found[0]):
        if theirs is None:
            assert ours is None or not ours.any()
            continue
        assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, tolerance, 2.5 * tolerance, err_msg=expression)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 4e-6), ("float64", 1e-12), ("float16", 2e-3)])
@pytest.mark.parametrize("expression", ELEMENTWISE)
def test_elementwise(twin: str, expression: str, dtype: str, tolerance: float) -> None:
    def make(shape: tuple[int, ...]) -> Any:
        return lambda rng: {"x": 3 * rng.standard_normal(shape)}

    for shape in ((4, 6), (200, 400), (0, 4)):
        _compared(expression, make(shape), dtype, tolerance)
    _compared(expression, lambda rng: {"x": rng.standard_normal((40, 30)), "turned": np.ones(1, int)}, dtype, tolerance)
    if "glu" not in expression:
        _compared(expression, make(()), dtype, tolerance)


@pytest.mark.parametrize("expression", ELEMENTWISE)
def test_elementwise_at_the_ends(twin: str, expression: str) -> None:
    """Values, and gradients but at NaN, where PyTorch's differ from one element to the next (its last ones are not
    computed as vectors); its float32 gelu is NaN at inf and inf at 3e38."""
    ends = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-42, -1e-42, 1e-30, 200.0, -200.0, 3e38, -3e38] * 4
    ends = [x for x in ends if "gelu(x)" not in expression or not x > 1e9]
    for dtype in ("float32", "float64"):
        with np.errstate(all="ignore"):
            _compared(expression, lambda rng: {"x": np.array(ends)}, dtype, 2e-6, nan=True)


@pytest.mark.parametrize("dtype, tolerance", [("float32", 2e-5), ("float64", 1e-11)])
@pytest.mark.parametrize("expression", ROWS)
def test_rows(twin: str, count: int, expression: str, dtype: str, tolerance: float) -> None:
    for n, k in SHAPES:
        if "ignore_index" in expression and k < 3:
            continue  # PyTorch refuses targets beyond the classes

        def make(rng: Any, n: int = n, k: int = k) -> Any:
            return {
                "x": rng.standard_normal((n, k)) * 3,
                "y": rng.standard_normal((n, k)),
                "w": rng.standard_normal(k),
                "v": rng.standard_normal(k),
                "t": rng.integers(0, min(n, k), n),
                "i": rng.integers(0, min(n, k), (n, k)),
            }

        _compared(expression, make, dtype, tolerance)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_rows_with_infinities_and_nan(twin: str, name: str) -> None:
    x = np.zeros((6, 70), np.float32)
    x[0, 3], x[1, 3], x[2, 3], x[3] = np.nan, np.inf, -np.inf, -np.inf
    x[4, 69], x[5, 0] = -np.nan, 3e38
    ours = getattr(microtorch, name)(microtorch.tensor(x), 1).numpy()
    np.testing.assert_allclose(ours, getattr(torch, name)(torch.tensor(x), 1).numpy(), 1e-6)


def test_bad_indices_are_refused(twin: str) -> None:
    x, bad = np.ones((50, 60), np.float32), np.full((50, 60), 60)
    for kernel in (
        KI.gather,
        lambda x, i, axis: KI.scatter(x, i, x, axis),
        lambda x, i, axis: KI.scatter_add(x, i, x, axis),
    ):
        with pytest.raises(IndexError):
            kernel(x, bad, 1)
    with pytest.raises(IndexError):
        KI.add_rows(x.copy(), np.full(50, 50), x)
    with pytest.raises(IndexError, match=r"Target 60 is out of bounds\."):
        microtorch.nn.functional.cross_entropy(microtorch.tensor(x), microtorch.tensor(bad[:, 0]))


# against NumPy's twins -----------------------------------------------------------------------------------------------


@needs_numba
@pytest.mark.parametrize("size", [17, 1000, 20_000, 33_001])
def test_random_numbers_are_the_same_bits(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    for least in (twins.NEVER, 0):
        monkeypatch.setattr(twins, "least", least)
        s = Stream(7)
        drawn.append(
            [s.normal((size,)), s.normal((size,), 0.3, 1.7), s.normal((size,), 0.0, 1e-25), s.uniform((size,), -1, 3)]
            + [s.uniform((size,), dtype=np.float64), s.randint((size,), -5, 1000), s.randint((size,), 0, 1 << 28)]
            + [s.randint((size,), 0, 1 << 40), s.randperm(size), s.dropout_mask((size,), 0.3), s.get_state()]
        )
    for plain, compiled in zip(*drawn):
        assert plain.dtype == compiled.dtype and plain.tobytes() == compiled.tobytes()


UPDATES: dict[str, dict[str, Any]] = {
    "sgd": {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "nesterov": True, "first": False},
    "adam": {"step": 3.0, "lr": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "decoupled": False},
    "rmsprop": {"lr": 0.1, "alpha": 0.9, "eps": 1e-8, "momentum": 0.0},
    "adagrad": {"step": 3.0, "lr": 0.1, "lr_decay": 0.1, "eps": 1e-8},
}


@needs_numba
@pytest.mark.parametrize("dtype, tolerance", [("float32", 1e-6), ("float64", 1e-14)])
@pytest.mark.parametrize(
    "name, more",
    [
        ("sgd", {}), ("sgd", {"first": True}), ("sgd", {"nesterov": False}), ("sgd", {"momentum": None}),
        ("adam", {}), ("adam", {"decoupled": True}), ("adam", {"beta1": 0.2}), ("rmsprop", {}), ("adagrad", {}),
    ],
)  # fmt: skip
def test_updates(name: str, more: dict[str, Any], dtype: str, tolerance: float, monkeypatch: Any) -> None:
    rng = np.random.default_rng(0)
    for decay, maximize in ((0.0, False), (0.1, True)):
        p, g, a, b = rng.standard_normal((4, 500)).astype(dtype)
        p[0], b = (np.inf, abs(b)) if decay == 0 else (1.0, abs(b))
        results = []
        for least in (twins.NEVER, 0):
            monkeypatch.setattr(twins, "least", least)
            arrays = [p.copy(), g, a.copy(), b.copy()]
            state = {"sgd": arrays[2:3], "adam": [*arrays[2:], None], "rmsprop": [arrays[3], None, None]}
            own: list[Any] = state.get(name, [arrays[3]])  # type: ignore[assignment]
            options = {**UPDATES[name], **more, "weight_decay": decay, "maximize": maximize}
            if options.get("momentum", 0) is None:
                own, options["momentum"] = [None], 0.0
            getattr(KO, name)(arrays[0], g, *own, np.empty_like(p), np.empty_like(p), **options)
            results.append(arrays)
        for plain, compiled in zip(*results):
            np.testing.assert_allclose(compiled, plain, tolerance, tolerance)


# the functions of compiled.math --------------------------------------------------------------------------------------


def _units(found: Any, right: Any) -> Any:
    """Errors in units of the last place."""
    least = np.finfo(found.dtype).tiny
    unit = np.spacing(np.maximum(np.abs(right), least).astype(found.dtype)).astype(right.dtype)
    return np.abs(found.astype(right.dtype) - right) / unit


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _erf(x: Any) -> Any:
    return torch.erf(torch.tensor(x.astype("f8"))).numpy().astype(x.dtype)


BOUNDS = {"exp": (np.exp, 1), "expm1": (np.expm1, 2), "log": (np.log, 1), "log1p": (np.log1p, 2),
          "tanh": (np.tanh, 2), "sigmoid": (_sigmoid, 2.5), "erf": (_erf, 2)}  # fmt: skip


@needs_numba
@pytest.mark.parametrize("dtype, wide", [("float32", "float64"), ("float64", "longdouble")])
@pytest.mark.parametrize("name", BOUNDS)
def test_error_bounds(name: str, dtype: str, wide: str) -> None:
    from tests import compiled_loops

    rng = np.random.default_rng(0)
    x = np.concatenate(
        [rng.standard_normal(60_000) * s for s in (1e-3, 1, 10)]
        + [np.exp(rng.uniform(-80, 80, 60_000)) * rng.choice([-1, 1], 60_000)]
    ).astype(dtype)
    x = abs(x) if name == "log" else np.where(x < -1, -1 - 1 / x, x).astype(dtype) if name == "log1p" else x
    if name == "sigmoid":
        x = x[x > (-88 if dtype == "float32" else -709)]  # beyond, exp(-x) is infinite, and the result 0, as PyTorch's
    out = np.empty_like(x)
    compiled_loops.LOOPS[name](x, out)
    with np.errstate(all="ignore"):
        right = BOUNDS[name][0](x.astype(wide))
    finite = np.abs(right) <= np.finfo(dtype).max
    assert _units(out[finite], right[finite]).max() <= BOUNDS[name][1]

    ends = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 1e-45, -1e-45, 89.0, -89.0, -103.0, 3e38, -3e38, -30.0]
    x = np.array(ends, dtype)
    out = np.empty_like(x)
    compiled_loops.LOOPS[name](x, out)
    with np.errstate(all="ignore"):
        right = BOUNDS[name][0](x.astype(wide)).astype(dtype)
    right = np.where((x == 0) & (right == 0), x, right)
    np.testing.assert_allclose(out, right, 4e-7 if dtype == "float32" else 1e-15, np.finfo(dtype).tiny)
    assert np.array_equal(np.signbit(out[3:5]), np.signbit(right[3:5]))


# threads, processes, the command -------------------------------------------------------------------------------------


def test_threads_at_once(twin: str, count: int) -> None:
    """Calls from several threads, each of which may want the pool."""
    F = microtorch.nn.functional
    x = microtorch.rand(300, 400)
    right = [F.softmax(x, 1), F.gelu(x), F.layer_norm(x, (400,))]
    wrong: list[str] = []

    def work() -> None:
        for _ in range(10):
            for found, expected in zip((F.softmax(x, 1), F.gelu(x), F.layer_norm(x, (400,))), right):
                if not microtorch.equal(found, expected):
                    wrong.append("differs")

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def _python(code: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_import_leaves_numba_alone() -> None:
    code = (
        "import sys, microtorch as t; t.nn.Linear(3, 3)(t.rand(2, 3)).sum().backward(); print('numba' in sys.modules)"
    )
    assert _python(code, MICROTORCH_KERNELS="auto") == "False"


COUNTED = """
import microtorch as torch
from microtorch.cli import warmup
torch.nn.functional.silu(torch.rand(100, 100, requires_grad=True)).sum().backward()
compiled, loaded, places = warmup.counts()
print(compiled, loaded, *places)
"""


@needs_numba
def test_later_processes_do_not_compile(tmp_path: Path) -> None:
    environment = {"NUMBA_CACHE_DIR": str(tmp_path), "MICROTORCH_KERNELS": "numba"}
    compiled, loaded, place = _python(COUNTED, **environment).split()
    assert int(compiled) >= 2 and loaded == "0" and place.startswith(str(tmp_path))
    again = _python(COUNTED, **environment).split()
    assert again == ["0", compiled, place]


@needs_numba
def test_code_on_disk_is_stale_when_any_source_has_changed() -> None:
    from microtorch.kernels import compiled

    kernels = warmup.compiled_kernels()
    assert kernels and all(k._cache._cache_file._source_stamp == compiled._sources() for k in kernels.values())


def test_warmup_without_numba(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(twins, "_installed", lambda: False)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["warmup"])
    assert stopped.value.code == 1
    assert "pip install microtorch[fast]" in capsys.readouterr().err


@needs_numba
def test_warmup_says_where_and_how_long(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(warmup, "STEPS", {"some": ["F.silu(x)", "F.softmax(x, 1)"]})
    monkeypatch.setattr(twins, "least", twins.least)
    assert cli.main(["warmup"]) == 0
    out = capsys.readouterr().out
    assert "The code is kept in" in out and "kernels compiled" in out and " s." in out


@needs_numba
@pytest.mark.slow
def test_warmup_reaches_every_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twins, "least", 0)
    for dtype in ("float32", "float64"):
        for step in warmup._flat(warmup.STEPS):
            warmup._compute(step, dtype)
        for step in warmup.FEW:
            warmup._compute(step, dtype, warmup.A_FEW)
    kernels = warmup.compiled_kernels()
    inside = {  # those that other kernels call, of which each is compiled with its caller
        id(k.py_func.__globals__.get(name)) for k in kernels.values() for name in k.py_func.__code__.co_names
    }
    made = {
        f"ufuncs.{name}" for name in vars(importlib.import_module("microtorch.kernels.compiled.ufuncs").of_dtype["f"])
    }
    missed = [name for name, k in kernels.items() if not k.signatures and id(k) not in inside and name not in made]
    assert not missed


@needs_numba
def test_code_read_from_disk_can_still_be_linked(tmp_path: Path) -> None:
    """A function read from disk keeps no LLVM code in memory, and one that calls it can be compiled all the same."""
    (tmp_path / "loops.py").write_text(
        "from microtorch.kernels.compiled import jit\n"
        "@jit\ndef inner(x):\n    return x[0] + 1\n"
        "@jit\ndef outer(x):\n    return inner(x) * 2\n"
    )
    first = "import numpy, loops; x = numpy.ones(3); loops.inner(x)"
    second = (
        f"{first}; made, = loops.inner.overloads.values(); "
        "print(sum(loops.inner.stats.cache_hits.values()), made.library._shared_module, loops.outer(x))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    for program, expected in ((first, ""), (second, "1 None 4.0")):
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == expected
