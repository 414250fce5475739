"""Large arrays take other ways through the kernels than the operator database's small samples: pieces, blocks, flat
places. Each line is evaluated by both libraries, with gradients, NaN, infinities, ties and zeros of both signs among
the data."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import microtorch
from tests.differential import difference

DATA = """
rng = np.random.default_rng(0)
def made(*shape): return rng.standard_normal(shape, np.float32)
n = made(400, 400)
a, b = made(400, 400), made(400, 400) * 10 ** rng.uniform(-3, 2, (400, 400)).astype(np.float32)
ties = torch.tensor(rng.integers(-20, 20, (400, 400)).astype(np.float32))
holes = a.copy(); holes[rng.random(a.shape) < 0.003] = np.nan
ends = a.copy(); ends.reshape(-1)[:6] = [np.inf, -np.inf, 0.0, -0.0, 1e-40, 3e38]
x, y = torch.tensor(a, requires_grad=True), torch.tensor(b, requires_grad=True)
holes, ends = torch.tensor(holes), torch.tensor(ends)
images = torch.tensor(made(3, 4, 50, 60), requires_grad=True)
rows = torch.tensor(rng.integers(0, 400, (300, 200)))
orders = torch.tensor(np.stack([rng.permutation(400) for _ in range(400)]))
whole = ties.clone().requires_grad_()  # its sums are exact
F = torch.nn.functional
def grads(out, *inputs):
    w = torch.tensor(np.rint(4 * np.random.default_rng(1).standard_normal(tuple(out.shape))).astype(np.float32))
    return (out.detach(), *torch.autograd.grad(out, inputs, w, allow_unused=True))
""".strip()

PAIRS = "fmod remainder hypot logaddexp logaddexp2".split()
ACTIVATIONS = "elu selu celu gelu silu mish softplus hardswish hardsigmoid leaky_relu logsigmoid hardshrink".split()
LINES = [
    *[f"grads(torch.{f}(x, y), x)" for f in PAIRS],
    *[f"torch.{f}(ends, holes)" for f in PAIRS[2:]],
    *[f"torch.{f}(x.detach(), holes)" for f in PAIRS[:2]],
    *[f"torch.{f}(x.detach(), {k})" for f in ("fmod", "remainder") for k in (0.7, -3, 1e-9)],
    *[f"grads(F.{f}(x), x)" for f in ACTIVATIONS],
    *[f"torch.autograd.grad(F.{f}(x).sum(), x)" for f in ACTIVATIONS],
    *[f"grads(F.{f}(x.t()), x)" for f in ("elu", "silu")],
    *[f"tuple(torch.{f}({t}, {d}))" for f in ("cummax", "cummin") for t in ("ties", "holes", "ends") for d in (0, 1)],
    *[f"torch.{f}({t}, {d})[0]" for f in ("median", "nanmedian") for t in ("ties", "holes") for d in (0, 1)],
    *[f"tuple(torch.{f}(x, {k}))" for f, k in (("median", 0), ("median", 1), ("kthvalue", 7), ("nanmedian", 1))],
    *[f"torch.{f}({t})" for f in ("median", "nanmedian", "nan_to_num") for t in ("ties", "holes", "ends")],
    *[f"torch.cumsum({t}.double(), {d})" for t in ("x", "holes") for d in (0, 1)],
    "torch.nansum(holes.double(), 1)",
    *[f"grads(F.pad(images, {p}, mode='{m}'), images)" for p in ((2, 2, 2, 2), (1, 3, 0, 2))
      for m in ("reflect", "replicate", "circular")],
    *[f"grads(F.{f}(x, y, reduction='{r}', {k}=0.3), x, y)" for f, k in (("smooth_l1_loss", "beta"), ("huber_loss", "delta"))
      for r in ("none", "mean")],
    *[f"grads(torch.gather(x, {d}, rows), x)" for d in (0, 1)],
    *[f"grads(x.{f}(1, orders, y), x, y)" for f in ("scatter", "scatter_add")],
    *[f"x.detach().scatter_reduce({d}, rows, y.detach(), '{r}')" for d in (0, 1) for r in ("amax", "mean")],
    *[f"grads(F.embedding_bag(rows, whole, mode='{m}'), whole)" for m in ("sum", "mean", "max")],
    "grads(torch.index_add(x, 0, rows[0], y[:200]), x, y)",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_as_pytorch(line: str) -> None:
    found = difference(f"{DATA}\n{line}", strides=False, exact=False)
    assert found is None, found[len(DATA) :][:300]


GRADIENTS = """
x, y, s = torch.ones(3, 4, requires_grad=True), torch.ones(3, 4, requires_grad=True), torch.ones(3, 4)
a, b = torch.autograd.grad(x + y, [x, y], s)
c, d = torch.autograd.grad((x + y) * 2, [x, y], s)
f, = torch.autograd.grad(x * 3, x, s)
f.add_(1)
(a is s, b is s, c is d, c is s, c.data_ptr() == s.data_ptr(), s.tolist(), x.tolist(), f.tolist())
""".strip()


def test_grad_hands_out_what_it_made_without_a_copy() -> None:
    """Which gradients are the seed itself or share a tensor, and that writing to one changes no other."""
    found = difference(GRADIENTS)
    assert found is None, found


@pytest.mark.parametrize(
    "expression", ["a + b", "a - b", "a * b", "a / b", "1 - a", "a * 2.5", "a < b", "lib.maximum(a, b)"]
)
def test_arithmetic_of_many_halves(expression: str) -> None:
    """Computed in float32 and rounded once: the bits are those of each number by itself (any NaN is one)."""
    rng = np.random.default_rng(0)
    pair = [rng.integers(0, 2**16, (100, 90)).astype(np.uint16).view(np.float16) for _ in range(2)]
    ours, theirs = (
        eval(expression, {"a": lib.from_numpy(pair[0]), "b": lib.from_numpy(pair[1]), "lib": lib}).numpy()
        for lib in (microtorch, torch)
    )
    assert ours.dtype == theirs.dtype
    assert np.array_equal(ours == ours, theirs == theirs) and np.array_equal(
        ours[ours == ours], theirs[theirs == theirs]
    )
