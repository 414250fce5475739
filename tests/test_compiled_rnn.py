"""Recurrent layers with their compiled steps: as with NumPy's, and as PyTorch."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from microtorch.kernels import rnn as K, rnn_even, threads, twins

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


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("frozen", ["", "weight_ih", "weight_hh", "weight", "bias_ih", "bias"])
@pytest.mark.parametrize("used", [0, 1, 2])
def test_parts_of_the_gradients_as_torch(twin: str, used: int, frozen: str, batch: int) -> None:
    """One of an LSTM's results is used, and some of its parameters need no gradient; both directions."""
    found = []
    for T in (torch, microtorch):
        T.manual_seed(3)
        net, x = T.nn.LSTM(5, 7, bidirectional=True), T.randn(8, batch, 5)
        states = [T.randn(2, batch, 7, requires_grad=True) for _ in range(2)]
        for name, p in net.named_parameters():
            p.requires_grad_(not frozen or not name.startswith(frozen))
        out, (h, c) = net(x, states)
        (out, h, c)[used].sin().sum().backward()
        found.append([None if t.grad is None else t.grad.numpy() for t in (*states, *net.parameters())])
    for a, b in zip(*found):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-5)


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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("value", [0.5, 30, np.nan, np.inf, -np.inf, 1e30])
@pytest.mark.parametrize(("length", "batch"), [(1, 4), (2, 3), (9, 1), (9, 70), (150, 1)])
@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "bias": False}, {"num_layers": 2}], ids=str)
@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_without_gradients_as_torch(
    twin: str, kind: str, dtype: str, value: float, length: int, batch: int, options: dict[str, Any]
) -> None:
    """Where no backward pass will come: outputs and last states, as PyTorch's and those of a recorded call."""
    found = []
    for T in (torch, microtorch):
        T.manual_seed(3)
        dt = getattr(T, dtype)
        net, rng = getattr(T.nn, kind)(5, 7, batch_first=True, **options).to(dt), np.random.default_rng(0)
        numbers = rng.standard_normal((batch, length, 5))
        numbers[0, -1, 3] = value
        x, (h, c) = T.tensor(numbers, dtype=dt), rng.standard_normal((2, len(net.all_weights), batch, 7))
        states: Any = T.tensor(h, dtype=dt), T.tensor(c, dtype=dt)
        states = states if kind == "LSTM" else states[0]
        with T.no_grad():
            found.append([net(x, states)[0], *net(x, states)[1]])
        found.append([net(x, states)[0], *net(x, states)[1]])
    tolerance = 2e-6 if dtype == "float32" else 1e-13
    for unrecorded in (found[2], found[3]):
        for a, b in zip(found[0], unrecorded):
            assert a.shape == b.shape and a.stride() == b.stride()
            np.testing.assert_allclose(b.detach().numpy(), a.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("lengths", [[6], [6, 6, 6], [3, 6, 1, 5], [6] * 20 + [2] * 3])
@pytest.mark.parametrize("count", [1, 2])
def test_packed_without_gradients_as_torch(twin: str, count: int, lengths: list[int]) -> None:
    """The last states of sequences that end sooner stay what they are; the threads share them."""
    found, before = [], threads.count()
    threads.set_count(count)
    try:
        for T in (torch, microtorch):
            T.manual_seed(3)
            net, x = T.nn.LSTM(5, 70, bidirectional=True), T.randn(6, len(lengths), 5)
            states = T.randn(2, len(lengths), 70), T.randn(2, len(lengths), 70)
            with T.no_grad():
                packed = T.nn.utils.rnn.pack_padded_sequence(x, lengths, enforce_sorted=False)
                out, (h, c) = net(packed, states)
                padded, _ = T.nn.utils.rnn.pad_packed_sequence(out)  # (equally long ones are packed in any order)
            found.append([padded.numpy(), h.numpy(), c.numpy()])
    finally:
        threads.set_count(before)
    for a, b in zip(*found):
        np.testing.assert_allclose(b, a, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(not twins._installed(), reason="numba is not installed")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("sizes", [(9,) * 7, (9, 9, 8, 8, 8, 3, 1), (5,)])
@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
def test_layers_equal_numpys(
    kind: str, sizes: tuple[int, ...], reverse: bool, dtype: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both twins on the same numbers, some gates saturated, when NumPy's takes the slopes of two or three steps at a
    time."""
    rng = np.random.default_rng(1)
    batch, size, gates = max(sizes), 37, {"lstm": 4, "gru": 3, "rnn": 1}[kind]
    for module in (K, rnn_even):
        monkeypatch.setattr(module, "_CHUNK", 20 * gates * size)

    def made(*shape: int, scale: float = 1.0) -> Any:
        return (rng.standard_normal(shape) * scale).astype(dtype)

    x, h, c = made(sum(sizes), 6, scale=4), made(batch, size), made(batch, size)
    weights = [made(gates * size, n, scale=0.2) for n in (6, size)] + [made(gates * size) for _ in range(2)]
    given = [sum(sizes), batch, batch]
    seeds = [made(n, size) for n in given]
    found = []
    for twin in ("numpy", "numba"):
        twins.choose(twin)
        try:
            if kind == "lstm":
                out, *last, values, cells, states = K.lstm_layer(x, h, c, *weights, None, sizes, reverse)
                grads = K.lstm_layer_backward(
                    seeds, [True] * 7 + [False], x, h, c, *weights[:2], None, states, values, cells, sizes, reverse
                )
            elif kind == "gru":
                out, *last, values, inner = K.gru_layer(x, h, *weights, sizes, reverse)
                grads = K.gru_layer_backward(
                    seeds[:2], [True] * 6, x, h, *weights[:2], out, values, inner, sizes, reverse
                )  # fmt: skip
            else:
                out, *last = K.rnn_layer(x, h, *weights, sizes, reverse, False)
                grads = K.rnn_layer_backward(
                    seeds[:2], [True] * 6, x, h, *weights[:2], out, sizes, reverse, False
                )  # fmt: skip
        finally:
            twins.choose("auto")
        found.append([out, *last, *[g for g in grads if g is not None]])
    eps = np.finfo(dtype).eps
    for one, other in zip(*found):
        assert one.dtype == other.dtype == dtype
        np.testing.assert_allclose(other, one, rtol=256 * eps, atol=256 * eps * max(np.abs(one).max(initial=1), 1))


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
