"""Attention in pieces, with compiled and NumPy's passes: as PyTorch, and the same as all scores at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from microtorch.kernels import attention as K, threads

torch.set_num_threads(1)


@pytest.fixture(params=["whole", "pieces", "runs"])
def cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """All scores at once; some heads at a time; some queries of one head at a time."""
    monkeypatch.setattr(K, "BLOCK", {"whole": 1 << 17, "pieces": 260, "runs": 30}[request.param])
    monkeypatch.setattr(K, "QUERIES", 2)
    monkeypatch.setattr(K, "SHARED", 0)
    return request.param


def run(T: Any, case: dict[str, Any], dtype: str, numbers: list[Any]) -> list[Any]:
    """The result and all gradients in framework T, as arrays."""
    q, k, v = (T.tensor(a).to(getattr(T, dtype)).requires_grad_() for a in numbers[:3])
    leaves = [q, k, v]
    mask = numbers[3]
    if mask is not None:
        mask = T.tensor(mask)
        if mask.dtype != T.bool:
            mask = mask.to(getattr(T, dtype)).requires_grad_(case.get("learned", False))
            leaves += [mask] if case.get("learned") else []
    views = [t.transpose(1, 2) for t in (q, k, v)] if case.get("transposed") else [q, k, v]
    T.manual_seed(5)
    options = {key: case[key] for key in ("dropout_p", "is_causal", "scale", "enable_gqa") if key in case}
    out = T.nn.functional.scaled_dot_product_attention(*views, mask, **options)
    T.manual_seed(5)
    with T.no_grad():
        alone = T.nn.functional.scaled_dot_product_attention(*views, mask, **options)
    (out * T.tensor(numbers[4]).to(out.dtype)).sum().backward()
    layouts = [np.array(t.stride()) for t in (out, alone)]
    return [out.detach().numpy(), alone.numpy(), *layouts, *(t.grad.numpy() for t in leaves)]


CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "causal": {"is_causal": True},
    "causal, fewer keys": {"is_causal": True, "keys": 6},
    "causal, more keys": {"is_causal": True, "keys": 13},
    "transposed": {"transposed": True, "is_causal": True},
    "bool mask": {"mask": "bool", "keys": 7},
    "padding": {"mask": "padding", "keys": 7},
    "numbers added": {"mask": "float", "scale": 0.3},
    "learned": {"mask": "float", "learned": True},
    "negative scale": {"scale": -0.5},
    "dropout": {"dropout_p": 0.4},
    "dropout, causal": {"dropout_p": 0.4, "is_causal": True},
    "three dimensions": {"lead": (4,)},
    "two dimensions": {"lead": (), "is_causal": True},
    "five dimensions": {"lead": (2, 3, 2), "keys": 5},
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_as_torch(twin: str, cut: str, name: str, dtype: str) -> None:
    """Result, its strides, and all gradients; with masks that hide all keys from one query."""
    case = CASES[name]
    rng = np.random.default_rng(0)
    lead, length, keys, size = case.get("lead", (3, 4)), 9, case.get("keys", 9), 5
    shapes = [(*lead, n, size) for n in (length, keys, keys)]
    if case.get("transposed"):
        shapes = [(s[0], s[2], s[1], s[3]) for s in shapes]
    mask: Any = {"bool": (length, keys), "padding": (lead[0] if lead else 1, 1, 1, keys), "float": (length, keys)}
    mask = mask.get(case.get("mask"))
    if mask is not None:
        mask = rng.standard_normal(mask)
        if case["mask"] != "float":
            mask = mask > -0.5
            mask[0] = False
        elif not case.get("learned"):
            mask[2] = -np.inf
    numbers = [*(rng.standard_normal(s) for s in shapes), mask, rng.standard_normal((*lead, length, size))]
    theirs, ours = (run(T, case, dtype, numbers) for T in (torch, microtorch))
    for a, b in zip(theirs, ours):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(b, a, rtol=1e-4 if dtype == "float32" else 1e-11, atol=2e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_a_number_in_hidden_and_seen_keys(twin: str, cut: str, value: float) -> None:
    """A NaN or infinity among the keys reaches the queries that see it, as in PyTorch, and no others."""
    rng = np.random.default_rng(1)
    numbers = [rng.standard_normal((2, 2, 8, 4)) for _ in range(3)]
    numbers[1][0, 1, 5, 2] = value
    results = []
    for T in (torch, microtorch):
        q, k, v = (T.tensor(a, dtype=T.float32) for a in numbers)
        results.append(T.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).numpy())
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5, atol=1e-6)


def test_on_two_threads(twin: str, cut: str) -> None:
    """The pieces on two threads give the same numbers as on one."""
    rng = np.random.default_rng(2)
    q, k, v, g = (rng.standard_normal((3, 2, 12, 4)).astype(np.float32) for _ in range(4))
    before, found = threads.count(), []
    for count in (1, 2):
        threads.set_count(count)
        try:
            out, p, sums = K.flash_attention(q, k, v, None, None, 0.5, True)
            grads = K.attention_backward(g, [True] * 3 + [False] * 2, q, k, v, None, None, 0.5, True, p, sums)
        finally:
            threads.set_count(before)
        found.append([out, *grads[:3]])
    for a, b in zip(*found):
        np.testing.assert_array_equal(a, b)


def test_memory_of_a_long_sequence() -> None:
    """Of 4,096 positions no matrix of all scores (64 MB a head) is made."""
    import tracemalloc

    q = np.ones((1, 2, 4096, 16), np.float32)
    tracemalloc.start()
    out, p, sums = K.flash_attention(q, q, q, None, None, 0.25, True)
    K.attention_backward(out, [True] * 3 + [False] * 2, q, q, q, None, None, 0.25, True, p, sums)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6
