"""The compiled core (autograd/compiled): the same as Python's own way, to the bit and to the word, and nothing leaks."""

from __future__ import annotations

import gc
import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch as oracle

import microtorch as torch
from microtorch.autograd import engine
from microtorch.autograd.node import OpNode
from microtorch.kernels import twins
from tests.conftest import needs_numba

pytestmark = needs_numba

core: Any = pytest.importorskip("microtorch.autograd.compiled")


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    before = engine.compiled
    core.install()
    assert engine.compiled is not None, "this interpreter's objects are not as expected"
    yield
    if before is None:
        core.remove()


def both_ways(program: Callable[[], Any]) -> tuple[Any, Any]:
    """What a program returns without the compiled core, and with it."""
    core.remove()
    plain = program()
    core.install()
    return plain, program()


def identical(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal in dtype, shape, strides and bits (any NaN is one)."""
    x, y = a.detach().numpy(), b.detach().numpy()
    same = (a.dtype, a.shape, a.stride(), a.requires_grad) == (b.dtype, b.shape, b.stride(), b.requires_grad)
    return bool(same and np.array_equal(np.isnan(x), np.isnan(y)) and np.array_equal(x[x == x], y[y == y]))


SHAPES = [(), (1,), (5,), (1, 5), (3, 1), (3, 5), (0, 5), (2, 3, 5), (40, 50)]
SPECIAL = [0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1e-45, 3e38]


def operand(shape: tuple[int, ...], dtype: str, form: str) -> torch.Tensor:
    """Random numbers and special ones, in a layout."""
    numbers = np.random.default_rng(len(shape)).standard_normal(shape or 1) * 3
    numbers.reshape(-1)[: len(SPECIAL)] = SPECIAL[: numbers.size]
    t = torch.from_numpy(numbers.reshape(shape)).to(getattr(torch, dtype))
    if form == "turned" and len(shape) == 2:
        t = t.t().contiguous().t()
    elif form == "stretched" and len(shape) == 2:
        t = t[:, :1].expand(shape)
    return t


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool", "float16", "complex64"])
@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "<", "=="])
def test_operators(sign: str, dtype: str) -> None:
    """Results and gradients of operators, for all pairs of shapes, layouts, and with numbers."""
    if dtype in ("int64", "bool"):
        others: list[Any] = [2, -1, 0.5, True]
        operands = [torch.ones(shape, dtype=getattr(torch, dtype)) for shape in SHAPES]
    else:
        others = [2, -1, 0, 0.5, 1e300, 2**60, float("nan"), True]
        operands = [operand(s, dtype, f) for s in SHAPES for f in ("plain", "turned", "stretched")]
    others += operands

    def program() -> list[Any]:
        results: list[Any] = []
        for x, y in itertools.product(operands, others):
            for left, right in ((x, y), (y, x)):
                leaves = [
                    t.detach().requires_grad_() if isinstance(t, torch.Tensor) and t.is_floating_point() else t
                    for t in (left, right)
                ]
                for a, b in ((left, right), leaves):
                    try:
                        z = eval(f"a {sign} b", {"a": a, "b": b})
                    except Exception as error:
                        results.append(f"{type(error).__name__}: {error}")
                        continue
                    results.append(z)
                    if z.requires_grad and z.dtype != torch.complex64:
                        results.append(type(z.grad_fn).__name__)
                        (z * z).sum().backward()
                        results += [t.grad for t in leaves if isinstance(t, torch.Tensor)]
        return results

    plain, compiled = both_ways(program)
    assert len(plain) == len(compiled) > 400
    for a, b in zip(plain, compiled):
        assert identical(a, b) if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) else a == b, (a, b)


TEXT = """
import warnings; warnings.simplefilter("ignore")
F = torch.nn.functional
def error(f):
    try: print(f())
    except Exception as e: print(type(e).__name__, str(e)[:60])
torch.manual_seed(0)
x = torch.randn(4, 5, requires_grad=True); w = torch.nn.Parameter(torch.randn(5, 3)); i = torch.tensor([0, 1, 1, 0])
y = (x * 2 + 1 - x / 3) * x
z = torch.tanh(y) @ w
v, _ = z.max(1)
a, b = z.split([1, 2], 1)
loss = F.cross_entropy(z, i) + v.sum() + (a * b).sum() + F.layer_norm(y, (5,)).pow(2).mean() + x[0].sum() + x[i].sum()
loss.backward(retain_graph=True); loss.backward(); print(x.grad.round(), w.grad.round()); error(loss.backward)
error(lambda: x + torch.ones(7, 7)); error(lambda: torch.tanh("a")); error(lambda: x.sum(5)); error(lambda: x * 10**400)
s = torch.tensor(1.5, requires_grad=True); r = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
o = s
for k in range(5): o = o * 2 + s - 1 / o
(o * r).backward(); print(s.grad, r.grad, o)
h = x * 3; h.register_hook(lambda g: g * 2); h.retain_grad(); h.sum().backward(); print(h.grad, x.grad)
u = torch.ones(3, requires_grad=True); t = u * u; t.mul_(2); t[0] = 0; t.sum().backward(); print(u.grad)
p = torch.ones(3, requires_grad=True); q = p.exp(); q.add_(1); error(lambda: q.sum().backward())
p = torch.ones(3, requires_grad=True); m = p * 1; n = m * m; m.add_(1); error(lambda: n.sum().backward())
g, = torch.autograd.grad((p * p * p).sum(), p, create_graph=True); g.sum().backward(); print(p.grad)
with torch.no_grad(): print((p * 2).requires_grad, p.view(3, 1).t().requires_grad)
with torch.inference_mode(): k = p * 2; print(k.is_inference())
error(lambda: p * k); print((k + k).requires_grad)
with torch.autograd.set_detect_anomaly(True):
    d = torch.zeros(2, requires_grad=True); error(lambda: (d / d).sum().backward())
with torch.autograd.graph.saved_tensors_hooks(lambda t: t * 10, lambda t: t):
    e = torch.ones(2, requires_grad=True); (e * e).sum().backward(); print(e.grad)
class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x): return x * 2
    @staticmethod
    def backward(ctx, g): return g * 2
c = torch.ones(2, requires_grad=True); (Twice.apply(c) * c).sum().backward(); print(c.grad)
f = torch.ones(2, dtype=torch.complex64, requires_grad=True); (f * f * 1j).abs().sum().backward(); print(f.grad.real)
l = torch.ones(2, requires_grad=True); l.register_hook(lambda g: g * 5); (l * l).sum().backward(); print(l.grad)
l.register_post_accumulate_grad_hook(lambda t: print("after", t.grad)); (l + l).sum().backward()
j = torch.ones(2, 3, requires_grad=True); j.sum(0).expand(4, 3).sum().backward(); print(j.grad, j.grad.stride())
A = torch.ones(2, requires_grad=True); B = A * 2; C = B * A; print(C.grad_fn.next_functions[0][0].name())
C.sum().backward(); print(A.grad)
print(torch.func.grad(lambda x: (x * x).sum())(torch.ones(2)), torch.func.vmap(lambda x: x * 2 + x)(torch.ones(2, 2)))
print(torch.ones(2, dtype=torch.bfloat16) * 3 + 1, torch.float16 == (torch.ones(1).half() * 2).dtype)
"""


def test_against_pytorch() -> None:
    """Ordinary and unusual programs print what PyTorch prints."""
    texts = []
    for lib in (oracle, torch):
        lines: list[str] = []
        exec(TEXT, {"torch": lib, "print": lambda *a, lines=lines: lines.append(" ".join(map(str, a)))})
        texts.append("\n".join(lines))
    assert len(texts[0].splitlines()) > 40
    assert texts[1] == texts[0]


def test_subclasses_go_their_own_way() -> None:
    class Logged(torch.Tensor):
        seen: list[str] = []

        @classmethod
        def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            cls.seen.append(torch.overrides.resolve_name(func) or func.__name__)
            return super().__torch_function__(func, types, args, kwargs or {})

    x = torch.ones(2).as_subclass(Logged)
    assert type(x * 2) is Logged and type(torch.ones(2) + x) is Logged and len(Logged.seen) == 2


def test_nothing_leaks() -> None:
    """Neither objects nor references, in success, in errors and where Python takes over."""
    watched = [None, True, False, torch.Tensor, torch.nn.Parameter, OpNode, np.dtype(np.float32), (), "shape"]

    def program() -> None:
        exec(TEXT, {"torch": torch, "print": lambda *a: None})

    for _ in range(3):
        program()
    gc.collect()
    objects, counts = len(gc.get_objects()), [sys.getrefcount(o) for o in watched]
    for _ in range(20):
        program()
    gc.collect()
    assert len(gc.get_objects()) - objects < 60
    assert all(abs(sys.getrefcount(o) - n) < 60 for o, n in zip(watched, counts))


def test_memory_is_given_back() -> None:
    x = torch.ones(16, requires_grad=True)
    y = x * 2
    data, node = sys.getrefcount(y._data), sys.getrefcount(y._node)
    z = (y * y).sum()
    z.backward()
    del z
    assert (sys.getrefcount(y._data), sys.getrefcount(y._node)) == (data, node)


def test_an_entry_made_later() -> None:
    """An operation that is declared after the core came into use."""

    @torch.library.custom_op("compiled_core::triple", mutates_args=())
    def triple(x: torch.Tensor) -> torch.Tensor:
        return x * 3

    triple.register_autograd(lambda ctx, g: g * 3)
    x = torch.ones(2, requires_grad=True)
    (triple(x) * x).sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]


def test_many_threads() -> None:
    results: list[Any] = []

    def work(seed: int) -> None:
        x = torch.full((8,), float(seed), requires_grad=True)
        for _ in range(200):
            x.grad = None
            y = x
            for _ in range(10):
                y = y * 0.5 + x
            y.sum().backward()
        with torch.no_grad():
            assert not (x * 2).requires_grad
        results.append((seed, x.grad.tolist()))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 4 and all(g == results[0][1] for _, g in results)


def test_long_chains_and_wide_sums() -> None:
    """Graphs of many nodes, of which some are reached by many ways."""

    def program() -> list[Any]:
        x = torch.ones(3, requires_grad=True)
        y = x
        for k in range(3000):
            y = y * 0.999 + x * (k % 7)
        total = sum((y * k for k in range(600)), x)
        torch.stack([total, y, x]).sum().backward()
        return x.grad.tolist()

    plain, compiled = both_ways(program)
    assert plain == compiled


@pytest.mark.parametrize("kind", ["auto", "numpy"])
def test_when_it_comes_into_use(kind: str) -> None:
    """After enough small arrays; never with NumPy alone."""
    program = (
        "import sys, microtorch as torch\nfrom microtorch.autograd import engine\n"
        "x = torch.ones(3, requires_grad=True)\n(x * x).sum().backward()\n"
        "print(engine.compiled is None, 'numba' in sys.modules)\n"
        "for _ in range(2000): (x * x).sum().backward()\nprint(engine.compiled is None)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True,
        env={**os.environ, "MICROTORCH_KERNELS": kind},
    )  # fmt: skip
    assert result.stdout.split() == ["True", "False", str(kind == "numpy")]


def test_chosen_kernels_decide() -> None:
    least = twins.least
    twins.choose("numba")
    torch.softmax(torch.ones(4), 0)
    assert engine.compiled is not None
    twins.choose("numpy")
    assert engine.compiled is None
    twins.choose("auto")
    twins.least = least


def test_tensors_that_are_not_whole() -> None:
    """An object without some of its slots (as copying and loading make it) meets an error, not a crash."""
    slots = {"_data", "_node", "_grad", "_base", "_storage"}

    def program() -> list[str]:
        outcomes = []
        for missing in sorted(slots):
            x: Any = object.__new__(torch.Tensor)
            for name in slots - {missing}:
                setattr(x, name, np.ones(3, np.float32) if name == "_data" else None)
            calls: list[Callable[[], Any]] = [
                lambda: x * 2,
                lambda: x.view(3, 1),
                lambda: x.exp(),
                lambda: torch.ones(3) + x,
            ]
            for call in calls:
                try:
                    outcomes.append(str(call()))
                except (AttributeError, TypeError) as error:
                    outcomes.append(f"{missing}: {error}")
        return outcomes

    plain, compiled = both_ways(program)
    assert compiled == plain and sum(text.startswith("_data") for text in plain) == 4
