"""Recurrent layers with their compiled steps: as with NumPy's, and as PyTorch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from microtorch.kernels import rnn as K, threads, twins

torch.set_num_threads(1)


def run(T: Any, kind: str, dtype: str, options: dict[str, Any], lengths: list[int] | None, change: Any) -> list[Any]:
    """Results and gradients of a recurrent module on the same numbers in framework T, as arrays."""
    options, dt = dict(options), getattr(T, dtype)
    T.manual_seed(3)
    net = getattr(T.nn, kind)(5, 7, **options).to(dt)
    rng = np.random.default_rng(0)
    x = T.tensor(change(rng.standard_normal((6, 4, 5))), dtype=dt, requires_grad=True)
    inputs: Any = x
    if lengths is not None:
        inputs = T.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
    out, state = net(inputs)
    out = out.data if lengths is not None else out
    states = state if isinstance(state, tuple) else (state,)
    seeds = [T.tensor(rng.standard_normal(tuple(r.shape)), dtype=dt) for r in (out, *states)]
    loss = sum((r * s).sum() for r, s in zip((out, *states), seeds))
    loss.backward()
    return [t.detach().numpy() for t in (out, *states, x.grad, *(p.grad for p in net.parameters()))]


CASES = [
    ("LSTM", {}, None),
    ("LSTM", {"bias": False, "num_layers": 2}, None),
    ("LSTM", {"bidirectional": True}, [3, 6, 1, 5]),
    ("LSTM", {"proj_size": 3, "bidirectional": True}, None),
    ("LSTM", {"proj_size": 3}, [3, 6, 1, 5]),
    ("GRU", {}, None),
    ("GRU", {"bias": False, "num_layers": 2}, None),
    ("GRU", {"bidirectional": True}, [3, 6, 1, 5]),
    ("RNN", {"bidirectional": True}, [2, 2, 4, 1]),
    ("RNN", {"nonlinearity": "relu", "num_layers": 2}, None),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("kind", "options", "lengths"), CASES, ids=[f"{k}-{o}-{n}" for k, o, n in CASES])
def test_layers_as_torch(twin: str, kind: str, options: dict[str, Any], lengths: Any, dtype: str) -> None:
    """All results and gradients, sequences of one length and of several, both directions, projections."""
    theirs, ours = (run(T, kind, dtype, options, lengths, lambda x: x) for T in (torch, microtorch))
    tolerance = 2e-6 if dtype == "float32" else 1e-13
    for a, b in zip(theirs, ours):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(b, a, rtol=10 * tolerance, atol=10 * tolerance)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e30])
def test_extreme_inputs_as_torch(twin: str, kind: str, value: float) -> None:
    """One NaN, infinity or huge number in the input reaches the same results and gradients."""

    def change(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        x[2, 1, 3] = value
        return x

    theirs, ours = (run(T, kind, "float32", {}, None, change) for T in (torch, microtorch))
    for a, b in zip(theirs, ours):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-5)


@pytest.mark.skipif(not twins._installed(), reason="numba is not installed")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_equal_numpys(dtype: Any) -> None:
    """Each step on larger arrays, with saturated gates, against the NumPy kernel of the same name."""
    fast = twins.of("rnn")
    rng = np.random.default_rng(1)
    n, size, total, start = 9, 37, 30, 9

    def made(*shape: int, scale: float = 1.0) -> Any:
        return (rng.standard_normal(shape) * scale).astype(dtype)

    calls: dict[str, list[Any]] = {
        "lstm_step": [made(4, total, size, scale=8), made(4, n, size, scale=8), made(total, size), made(n, size),
                      made(n, size), start],
        "lstm_step_backward": [abs(made(4, total, size)) % 1, made(total, size), made(n, size), made(n, size),
                               made(n, size), made(4, n, size), made(total, 4 * size), start],
        "gru_step_backward": [abs(made(3, total, size)) % 1, made(total, size), made(n, size), made(n, size),
                              made(3, n, size), made(total, 3 * size), made(total, size), start],
    }  # fmt: skip
    scratch = {"lstm_step": 1, "lstm_step_backward": 5, "gru_step_backward": 4}
    for name, given in calls.items():
        both = [[a.copy() if isinstance(a, np.ndarray) else a for a in given] for _ in range(2)]
        getattr(K, name)(*both[0])
        getattr(fast, name)(*both[1])
        for i, (a, b) in enumerate(zip(*both)):
            if i != scratch[name]:
                np.testing.assert_allclose(b, a, rtol=64 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("lengths", [None, [9, 2, 7, 7, 4, 9, 1, 3, 5, 5, 6, 8, 2, 9, 9, 1, 3, 3, 2]])
def test_threads_share_the_batch(twin: str, kind: str, lengths: list[int] | None) -> None:
    """Results and gradients are those of one thread, with sequences of one length and of several."""
    found = []
    before = threads.count()
    for count in (1, 2):
        threads.set_count(count)
        try:
            microtorch.manual_seed(2)
            net = getattr(microtorch.nn, kind)(5, 70, bidirectional=True)
            x = microtorch.randn(9, 19, 5, requires_grad=True)
            given = (
                x if lengths is None else microtorch.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
            )
            out, _ = net(given)
            out = out if lengths is None else out.data
            (out * out).sum().backward()
            found.append([out.detach().numpy(), x.grad.numpy(), *(p.grad.numpy() for p in net.parameters())])
        finally:
            threads.set_count(before)
    for one, two in zip(*found):
        np.testing.assert_allclose(two, one, rtol=1e-5, atol=1e-5)


def test_several_threads_at_once(twin: str) -> None:
    """Layers called from several threads give what they give alone."""
    net = microtorch.nn.LSTM(8, 16)
    inputs = [microtorch.randn(12, 3, 8) for _ in range(8)]
    alone = [net(x)[0].detach().numpy() for x in inputs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda x: net(x)[0].detach().numpy(), inputs))
    for a, b in zip(alone, together):
        np.testing.assert_array_equal(a, b)
