"""Arrays of few numbers, which kernels compute by other calls than larger ones: the same results as PyTorch's."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import microtorch
from microtorch.kernels import small

VALUES = {
    "plain": [0.5, -1.25, 3.0, 0.0, 2.0, -0.75],
    "large": [90.0, -200.0, 88.0, 1e4, 0.0, 5.0],
    "small": [-90.0, -200.0, -88.0, -1e4, -95.0, -300.0],
    "nan": [0.5, float("nan"), 3.0, 0.0, 2.0, 1.0],
    "inf": [0.5, float("inf"), 3.0, 0.0, 2.0, 1.0],
    "hidden": [0.5, float("-inf"), 3.0, float("-inf"), 2.0, 1.0],
    "all hidden": [float("-inf")] * 6,
}


def alike(ours: object, theirs: torch.Tensor, tolerance: float = 1e-6) -> None:
    """The same shape and dtype, and values within the tolerance."""
    assert tuple(ours.shape) == tuple(theirs.shape) and str(ours.dtype) == str(theirs.dtype)  # type: ignore[attr-defined]
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), tolerance, tolerance)  # type: ignore[attr-defined]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(6,), (1, 6), (1, 1, 6), (2, 3), (3, 1, 2)])
@pytest.mark.parametrize("name", VALUES)
def test_softmax(name: str, shape: tuple[int, ...], dtype: str) -> None:
    for function in ("softmax", "log_softmax"):
        for dim in range(len(shape)):
            results = []
            for lib in (microtorch, torch):
                x = lib.tensor(VALUES[name], dtype=getattr(lib, dtype)).reshape(shape).requires_grad_()
                y = getattr(lib, function)(x, dim)
                (y * lib.arange(6.0, dtype=x.dtype).reshape(shape)).sum().backward()
                results.append((y, x.grad))
            for ours, theirs in zip(*results):
                alike(ours, theirs, 1e-5 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("shape", [(16,), (1, 16), (1, 1, 16), (2, 16), (1, 4, 4)])
@pytest.mark.parametrize("affine", ["", "weight", "weight bias"])
def test_layer_norm_of_one_row(shape: tuple[int, ...], affine: str, dtype: str) -> None:
    data, results = np.random.default_rng(0).normal(3, 2, shape), []
    inner = shape[1:] if shape == (1, 4, 4) else shape[-1:]
    for lib in (microtorch, torch):
        kind = getattr(lib, dtype)
        x = lib.tensor(data, dtype=kind).requires_grad_()
        parts = [lib.linspace(-1, 2, 16).to(kind).reshape(inner).requires_grad_() for _ in affine.split()]
        y = lib.nn.functional.layer_norm(x, inner, *parts)
        (y * lib.tensor(np.cos(data), dtype=kind)).sum().backward()
        results.append((y, x.grad, *[p.grad for p in parts]))
    for ours, theirs in zip(*results):
        alike(ours, theirs, {"float16": 1e-2, "float32": 1e-5, "float64": 1e-12}[dtype])


@pytest.mark.parametrize("columns", [1, 3, 7])
@pytest.mark.parametrize("shape", [(5,), (1, 5), (1, 1, 5), (2, 5)])
def test_linear_of_one_row(shape: tuple[int, ...], columns: int) -> None:
    random = np.random.default_rng(1)
    data, weights, offsets = random.normal(size=shape), random.normal(size=(columns, 5)), random.normal(size=columns)
    for bias in (True, False):
        for turned in (False, True):
            results = []
            for lib in (microtorch, torch):
                x, b = lib.tensor(data).requires_grad_(), lib.tensor(offsets).requires_grad_()
                w = lib.tensor(weights.T.copy()).t() if turned else lib.tensor(weights)
                w = w.detach().requires_grad_()
                y = lib.nn.functional.linear(x, w, b if bias else None)
                (y * y).sum().backward()
                results.append((y, x.grad, w.grad, *([b.grad] if bias else [])))
            for ours, theirs in zip(*results):
                alike(ours, theirs, 1e-12)


@pytest.mark.parametrize("scale", [None, 0.3, -0.5, 40.0])
@pytest.mark.parametrize("keys", [1, 9])
def test_attention_of_one_query(keys: int, scale: float | None) -> None:
    random, results = np.random.default_rng(2), []
    q, k, v = (random.normal(size=(2, 3, n, 4)).astype(np.float32) for n in (1, keys, keys))
    for lib in (microtorch, torch):
        parts = [lib.tensor(a).requires_grad_() for a in (q, k, v)]
        y = lib.nn.functional.scaled_dot_product_attention(*parts, scale=scale)
        (y * y).sum().backward()
        results.append((y, *[p.grad for p in parts]))
    for ours, theirs in zip(*results):
        alike(ours, theirs, 1e-4 if scale == 40 else 1e-5)


def test_within() -> None:
    numbers = np.array([0, 3, 2])
    assert small.within(numbers, 4) and not small.within(numbers, 3)
    assert not small.within(np.array([0, -1]), 4)
    assert small.within(np.arange(6)[::2], 5) and not small.within(np.arange(6)[::2], 4)
    assert not small.within(np.array([-1], np.int32), 4) and small.within(np.array([], np.int64), 0)


def test_may_exp() -> None:
    assert small.may_exp(np.array([79.0, 1.0], np.float32)) and small.may_exp(np.array([-79.0], np.float32))
    for values in ([81.0], [-81.0], [np.nan], [np.inf], [-np.inf]):
        assert not small.may_exp(np.array(values, np.float32))


def test_largest_of_few() -> None:
    for values in VALUES.values():
        alike(microtorch.tensor(values).max(), torch.tensor(values).max())
    assert microtorch.tensor([[1, 5], [7, 2]]).t().max().item() == 7
    x = microtorch.tensor([1.0, 2.0])
    top = x.max()
    x.zero_()
    assert top.item() == 2  # no view


VIEWS = """
x = torch.arange(6.0).reshape(3, 2).requires_grad_()
y = x * 1
a, b, c = y.{0}
print(a.grad_fn, a._version, a._base is y, a.is_leaf, b.stride())
(a.sum() + 2 * b.sum() + (c * c).sum()).backward()
print(x.grad)
try:
    b.add_(1)
except RuntimeError as error:
    print(error)
with torch.no_grad():
    z = torch.zeros(3, 2)
    a, b, c = z.{0}
    b.add_(1)
    a, b, c = x.{0}
    print(b.requires_grad, b.is_leaf)
print(z, z._version, a._version)
z = torch.zeros(3, 2)
a, b, c = z.detach().{0}
z[1] = 5
print(b, b._version)
w = torch.zeros(3, 2)
a, b, c = w.{0}
w.mul_(x)
try:
    print(b.requires_grad, b.grad_fn)
except RuntimeError as error:
    print(error)
"""


@pytest.mark.parametrize("call", ["unbind(0)", "split(1)", "chunk(3)", "split([1, 1, 1])", "unbind()"])
def test_views_made_together(call: str, capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for lib in (microtorch, torch):
        exec(VIEWS.format(call), {"torch": lib})  # the same program with both
        text = capsys.readouterr().out
        texts.append([line.split(" object at ")[0] + line.partition(">")[2] for line in text.splitlines()])
    assert texts[0] == texts[1]


def test_a_module_without_init_says_so() -> None:
    messages = []
    for lib in (microtorch, torch):

        class Bare(lib.nn.Module):  # type: ignore[name-defined, misc]
            def __init__(self) -> None:
                pass

        with pytest.raises(AttributeError) as caught:
            Bare()(1)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_weights_that_are_no_parameters() -> None:
    for lib in (microtorch, torch):
        for make in (lambda nn: nn.Linear(2, 2), lambda nn: nn.LayerNorm(2), lambda nn: nn.Embedding(2, 2)):
            layer = make(lib.nn)
            value = layer.weight.detach() * 2
            del layer.weight
            layer.weight = value
            x = lib.tensor([1, 0]) if "Embedding" in str(layer) else lib.ones(2)
            before = layer(x)
            layer.weight = value * 0
            assert not lib.equal(before, layer(x)) or "LayerNorm" in str(layer)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8"])
@pytest.mark.parametrize("name", ["real", "positive", "unit_interval", "boolean", "simplex", "nonnegative_integer"])
def test_constraints_of_few_numbers_hold_where_their_checks_are_true(name: str, dtype: str) -> None:
    kind = getattr(microtorch.distributions.constraints, name)
    rows = [
        [0, 1],
        [1, 1],
        [3, 0],
        [-1, 2],
        [0.5, 0.5],
        [0.25, 0.75 + 1e-5],
        [math.nan, 1],
        [1, math.nan],
        [math.inf, 0],
    ]
    for row in rows:
        if dtype[0] != "f" and not (all(math.isfinite(v) and v == int(v) for v in row)):
            continue
        if dtype == "uint8" and min(row) < 0:
            continue
        t = microtorch.tensor([row, rows[0]], dtype=getattr(microtorch, dtype))
        assert kind.holds(t) == bool(kind.check(t).all()), row


@pytest.mark.parametrize("values", [[0.0, 1.0], [0.5], [-0.1, 0.5], [0.5, 1.1], [math.nan, 0.5], [0.5, math.nan]])
def test_numbers_within_one(values: list[float]) -> None:
    x = np.float32(values)
    assert small.within_one(x) == all(0 <= v <= 1 for v in values) == small.within_one(np.tile(x, 2000))


@pytest.mark.parametrize(
    "text",
    [
        "w = torch.ones(3, requires_grad=True); v = w._version; w.data += 2; (w, w._version - v)",
        "w = torch.ones(3, requires_grad=True); y = (w * w).sum(); w.data -= 0.5; y.backward(); (w, w.grad)",
        "w = torch.ones(2, 3, requires_grad=True); (w.reshape(6, 1)[:1] @ w[:1]).norm().backward(); w.grad",
        "w = torch.zeros(2, 3, requires_grad=True); w.norm().backward(); w.grad",
        "w = torch.ones(2, 3, requires_grad=True); w.t().norm(dim=(0, 1), keepdim=True).sum().backward(); w.grad",
        "w = torch.ones(2, 3, requires_grad=True); (w.permute(1, 0)[None].permute(2, 0, 1) ** 2).sum().backward(); w.grad",
        "w = torch.ones(3, requires_grad=True); x = torch.ones(2, 3)\n"
        "(g,) = torch.autograd.grad((x.t() * w[:, None]).sum(), w, create_graph=True); (g.stride(), g)",
        "w = torch.ones(1, 3, requires_grad=True); b = torch.ones(2, requires_grad=True)\n"
        "torch.nn.functional.linear(w, torch.ones(2, 3), b).sum().backward(); (b.grad, w.grad)",
        "torch.stack([torch.ones(2), torch.zeros(2)], -1), torch.stack((torch.tensor(1), torch.tensor(2)))",
        "x = torch.tensor([2.0, -1.0, 3.0]); (x.min(), x.clamp(max=1), x.clamp(min=0, max=None), torch.where(x > 0, x, -x))",
    ],
)
def test_shortcuts_of_small_steps(text: str) -> None:
    *before, last = text.replace("\n", "; ").split("; ")
    results = []
    for library in (torch, microtorch):
        world = {"torch": library}
        exec("\n".join(before), world)
        results.append(str(eval(last, world)))
    assert results[0] == results[1]
