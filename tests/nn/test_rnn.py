"""Recurrent networks: against torch, and the kernels against the definitions in ops/rnn.py."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from microtorch.autograd.table import arrays
from microtorch.kernels import rnn as K
from microtorch.ops import rnn as R
from tests.nn.cases import check, programs

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *itertools.product(
        ("RNN", "GRU", "LSTM"),
        (
            {},
            {"num_layers": 2, "bidirectional": True},
            {"batch_first": True, "bias": False},
            {"num_layers": 3, "dropout": 0.3},
            {"bidirectional": True, "batch_first": True, "num_layers": 2, "dropout": 1.0},
        ),
    ),
    ("RNN", {"nonlinearity": "relu", "bidirectional": True}),
    ("LSTM", {"proj_size": 2, "num_layers": 2, "bidirectional": True}),
]
INPUTS = ("batched", "unbatched", "packed")


def micro(t: torch.Tensor) -> Any:
    return microtorch.from_numpy(t.detach().numpy().copy()).requires_grad_(t.requires_grad)


def given(kind: str, options: dict[str, Any], dtype: torch.dtype) -> tuple[torch.Tensor, int]:
    """An input (for "packed" the data of a PackedSequence), and how many sequences it has."""
    shape = (6, 2, 3) if not options.get("batch_first") else (2, 6, 3)
    shape = {"batched": shape, "unbatched": (4, 3), "packed": (11, 3)}[kind]
    return torch.randn(shape, dtype=dtype, requires_grad=True), 4 if kind == "packed" else 2


@pytest.mark.parametrize("with_states", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", INPUTS)
@pytest.mark.parametrize("name, options", VARIANTS, ids=str)
def test_same_as_torch(name: str, options: dict[str, Any], kind: str, dtype: torch.dtype, with_states: bool) -> None:
    """Results, grad_fn names, and the gradients of inputs, states and parameters."""
    warnings.simplefilter("ignore")
    torch.manual_seed(1)
    microtorch.manual_seed(1)
    theirs = getattr(torch.nn, name)(3, 5, **options, dtype=dtype)
    ours = getattr(microtorch.nn, name)(3, 5, **options, dtype=getattr(microtorch, str(dtype)[6:]))
    x, batch = given(kind, options, dtype)
    states: list[torch.Tensor] = []
    if with_states:
        layers = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
        lead = (layers,) if kind == "unbatched" else (layers, batch)
        sizes = [options.get("proj_size", 5), 5][: 2 if name == "LSTM" else 1]
        states = [torch.randn(*lead, n, dtype=dtype, requires_grad=True) for n in sizes]
    x_, states_ = micro(x), [micro(s) for s in states]

    def results(library: Any, module: Any, x: Any, states: list[Any], array: Any) -> list[Any]:
        if kind == "packed":
            order, sizes = array([1, 0, 3, 2]), array([4, 4, 2, 1])
            x = library.nn.utils.rnn.PackedSequence(x, sizes, order)
        library.manual_seed(2)
        hx = None if not states else tuple(states) if len(states) == 2 else states[0]
        out, last = module(x, hx)
        return [out.data if kind == "packed" else out, *(last if isinstance(last, tuple) else [last])]

    want = results(torch, theirs, x, states, torch.tensor)
    got = results(microtorch, ours, x_, states_, microtorch.tensor)
    assert [t.grad_fn.name() for t in want] == [t.grad_fn.name() for t in got]
    seeds = [torch.randn_like(t) for t in want]
    grads = torch.autograd.grad(want, [x, *states, *theirs.parameters()], seeds)
    grads_ = microtorch.autograd.grad(got, [x_, *states_, *ours.parameters()], [micro(s) for s in seeds])
    rtol, atol = (2e-5, 3e-6) if dtype == torch.float32 else (1e-10, 1e-12)
    for a, b in zip([*want, *grads], [*got, *grads_]):
        assert str(a.dtype) == str(b.dtype)
        np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol, atol)


@pytest.mark.parametrize("name", ["RNNCell", "GRUCell", "LSTMCell"])
@pytest.mark.parametrize("options", [{}, {"bias": False}])
def test_cells(name: str, options: dict[str, Any]) -> None:
    check("", f"c = torch.nn.{name}(2, 3, **{options}); x = torch.ones(4, 2); c(x), c(x, c(x)), c(x[0])", exact=False)


@pytest.mark.parametrize("sizes, reverse", itertools.product([(3, 3, 3), (3, 2, 2, 1), (2,)], [False, True]))
def test_kernels_do_what_the_definitions_say(sizes: tuple[int, ...], reverse: bool) -> None:
    """On arrays, without a PyTorch to compare with: the fused loops against the steps in operations of the table."""
    rng = np.random.default_rng(0)

    def draw(*shape: int) -> Any:
        return rng.standard_normal(shape)

    x = draw(sum(sizes), 2)
    for gates, kernel, definition, states, constants in (
        (1, K.rnn_layer, R.rnn_steps, 1, (sizes, reverse, False)),
        (1, K.rnn_layer, R.rnn_steps, 1, (sizes, reverse, True)),
        (3, K.gru_layer, R.gru_steps, 1, (sizes, reverse)),
        (3, K.gru_states, R.gru_steps, 1, (sizes, reverse)),
        (4, K.lstm_layer, R.lstm_steps, 2, (None, sizes, reverse)),
        (4, K.lstm_states, R.lstm_steps, 2, (None, sizes, reverse)),
    ):
        inputs = [x, *[draw(sizes[0], 4) for _ in range(states)]]
        inputs += [draw(4 * gates, 2), draw(4 * gates, 4), draw(4 * gates), draw(4 * gates)]
        for a, b in zip(definition(arrays, *inputs, *constants), kernel(*inputs, *constants)):
            np.testing.assert_allclose(a, b, 1e-12, 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, options",
    [("RNN", {}), ("RNN", {"nonlinearity": "relu"}), ("GRU", {"bidirectional": True}), ("GRU", {"num_layers": 2}),
     ("LSTM", {"bidirectional": True}), ("LSTM", {"proj_size": 1}), ("LSTM", {"bias": False})],
    ids=str,
)  # fmt: skip
def test_gradients_by_differences(name: str, options: dict[str, Any]) -> None:
    """First and second derivatives; these go through the definitions, so that both are checked against each other."""
    warnings.simplefilter("ignore")
    microtorch.manual_seed(0)
    m = getattr(microtorch.nn, name)(1, 2, dtype=microtorch.float64, **options).eval()
    x = microtorch.randn(2, 1, 1, dtype=microtorch.float64, requires_grad=True)

    def function(x: Any, *params: Any) -> Any:
        out, last = m(x)
        return (out, *(last if isinstance(last, tuple) else [last]))

    inputs = (x, *m.parameters())
    assert microtorch.autograd.gradcheck(function, inputs)
    assert microtorch.autograd.gradgradcheck(function, inputs)


def test_a_shared_weight_gets_its_gradient_once() -> None:
    """The second derivative where the input depends on a weight of the layer: the two ways must not be mixed up."""
    program = """
w, h, x = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in ([[.3]], [[.2]], [[.7]])]
y = torch.rnn_tanh_cell(x @ w, h, w, w)
(g,) = torch.autograd.grad(y.sum(), w, create_graph=True)
"""
    check(program, "torch.autograd.grad(g.sum(), [w, h, x])", exact=False)


ERRORS = """
nn.RNN(0, 3)
nn.RNN(2, 0)
nn.RNN(2.5, 3)
nn.RNN(2, 'a')
nn.RNN(2, 3, 0)
nn.RNN(2, 3, nonlinearity='x')
nn.RNN(2, 3, 1, 'relu').nonlinearity, repr(nn.RNN(2, 3, 2, 'relu', False))
nn.RNN(2, 3, bias=1)
nn.RNN(2, 3, batch_first='a')
nn.RNN(2, 3, dropout=2)
nn.RNN(2, 3, dropout='a')
nn.RNN(2, 3, proj_size=1)
nn.GRU(2, 3, proj_size=1)
nn.LSTM(2, 3, proj_size=3)
nn.LSTM(2, 3, proj_size=-1)
nn.RNNBase('X', 2, 3)
m(torch.ones(5, 3))
m(torch.ones(2))
m(torch.ones(1, 2, 3, 4))
m(torch.ones(5, 4, 3))
m(torch.ones(5, 4, 2, dtype=torch.float64))
m(x, h[:, :1])
m(x, h[0])
m(x[0], h)
m(torch.ones(0, 4, 2))
m(torch.ones(5, 0, 2))[0].shape
g(torch.ones(1, 2, 3, 4))
g(x, h[0])
l(torch.ones(1, 2, 3, 4))
l(x, (h, h[:, :1]))
l(x, (h[:, :1], h))
l(x, (h[0], h))
l(x[0], (h, h))
l(x, h)
[n for n, _ in l.named_parameters()], [len(w) for w in l.all_weights], l._flat_weights_names
m.flatten_parameters(), m.double()(x.double())[0].dtype
import copy; repr(copy.deepcopy(l)), [torch.equal(a, b) for a, b in zip(copy.deepcopy(l)(x)[0], l(x)[0])]
import pickle; pickle.loads(pickle.dumps(l))(x)[0].shape
m.weight_ih_l0 = nn.Parameter(torch.zeros(3, 2)); m(x)[0]
nn.RNNCell(2, 3)(torch.ones(1, 1, 2))
nn.RNNCell(2, 3)(torch.ones(4, 2), torch.ones(1, 1, 3))
nn.RNNCell(2, 3)(torch.ones(4, 1))
nn.RNNCell(2, 3)(torch.ones(4, 2), torch.ones(3, 3))
nn.RNNCell(2, 3)(torch.ones(4, 2), torch.ones(4, 2))
nn.RNNCell(2, 3, nonlinearity='x')(torch.ones(4, 2))
nn.GRUCell(2, 3)(torch.ones(1, 1, 2))
nn.LSTMCell(2, 3)(torch.ones(1, 1, 2))
nn.LSTMCell(2, 3)(torch.ones(4, 2), (torch.ones(1, 1, 3), torch.ones(4, 3)))
nn.LSTMCell(2, 3)(torch.ones(4, 2), (torch.ones(3, 3), torch.ones(4, 3)))
nn.LSTMCell(2, 3)(torch.ones(4, 2), (torch.ones(4, 3), torch.ones(4, 1)))
nn.LSTMCell(2, 3)(torch.ones(4, 2), (torch.ones(4, 3), torch.ones(3, 3)))
nn.GRUCell(2, 0)(torch.ones(4, 2)).shape, nn.LSTMCell(2, 0)(torch.ones(4, 2))[1].shape
repr(nn.RNNCell(2, 3, False, 'relu')), repr(nn.LSTMCell(2, 3, bias=False))
torch.gru(x, h, g._flat_weights, True, 1, 0.0, False, False, False)
torch.lstm(x, (h, h), l._flat_weights, True, 1, 0.0, False, False, False)
torch.lstm(x, (h,), l._flat_weights, True, 1, 0.0, False, False, False)
torch.rnn_tanh(torch.ones(3, 2), torch.tensor([2, 1]), h[:, :2], m._flat_weights, True, 1, 0.0, False, False)
torch.lstm_cell(x[0], (h[0], h[0]), *l._flat_weights), torch.gru_cell(x[0], h[0], *g._flat_weights)
torch.rnn_relu_cell(x[0], h[0], *m._flat_weights), torch.rnn_tanh_cell(x[0], h[0], *m._flat_weights[:2])
"""
BEFORE = """
nn = torch.nn
m, g, l = nn.RNN(2, 3), nn.GRU(2, 3), nn.LSTM(2, 3)
x, h = torch.ones(5, 4, 2), torch.ones(1, 4, 3)
"""


@pytest.mark.parametrize("before, line", programs(ERRORS, BEFORE))
def test_arguments(before: str, line: str) -> None:
    check(before, line, exact=False)
