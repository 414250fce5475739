"""Recurrent networks of several layers and directions, and single steps, with PyTorch's signatures.

The layers themselves are entries of the table: ops/rnn.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions.shape import cat, stack, transpose, unbind
from microtorch.kernels.bfloat16 import zeros
from microtorch.kernels.shape import empty_like
from microtorch.ops import pointwise as P, rnn as R
from microtorch.random import default_generator

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

Layer = Callable[..., Any]


def _arguments(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """(input, sizes or None, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first).

    The second argument is `batch_sizes`, of a packed sequence, if the fourth is the list of parameters.
    """
    if isinstance(args[3], (list, tuple)) and not isinstance(args[3], TensorBase):
        data, batch_sizes, hx, *rest = args
        return (data, tuple(batch_sizes._data.tolist()), hx, *rest, False)
    x, hx, *rest = args
    return (x, None, hx, *rest)


def _dropped(x: Any, p: float) -> Any:
    """Dropout of a layer's output (see functional.dropout)."""
    noise = zeros((), x._data.dtype) if p == 1 else empty_like(x._data, x._data.dtype)
    if p != 1:
        default_generator.stream.fill(noise, "dropout", p)
    return P.mul(x, wrap(noise))


def _weights(params: Sequence[Any], has_biases: bool, count: int) -> list[tuple[Any, ...]]:
    """For each layer and direction w_ih, w_hh, b_ih, b_hh (None without biases), and w_hr if there is one."""
    each = len(params) // count
    groups = [list(params[k * each : (k + 1) * each]) for k in range(count)]
    return [tuple(group if has_biases else [*group[:2], None, None, *group[2:]]) for group in groups]


def _layers(
    layer: Layer, x: Any, sizes: Any, states: Sequence[Any], weights: Sequence[tuple[Any, ...]], num_layers: int,
    dropout: float, train: bool, bidirectional: bool, batch_first: bool, *constants: Any,
) -> tuple[Any, ...]:  # fmt: skip
    """Call `layer(x, *states, *weights, sizes, reverse, *constants)` for each layer and direction.

    states: one tensor (num_layers * directions, batch, size) for each kind of state. Returns the output of the last
    layer, and the last states shaped as the given ones.
    """
    if batch_first:
        x = transpose(x, 0, 1)
    if sizes is None:
        if not x._data.shape[0]:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        sizes = (x._data.shape[1],) * x._data.shape[0]
    directions = 2 if bidirectional else 1
    each = [unbind(s, 0) if s._node is not None else [wrap(part) for part in s._data] for s in states]
    finals: list[Sequence[Any]] = []
    for i in range(num_layers):
        outs = []
        for d in range(directions):
            k = i * directions + d
            out, *last = layer(x, *[parts[k] for parts in each], *weights[k], sizes, d == 1, *constants)
            outs.append(out)
            finals.append(last)
        x = outs[0] if directions == 1 else cat(outs, outs[0]._data.ndim - 1)
        if train and dropout and i < num_layers - 1:
            x = _dropped(x, dropout)
    if batch_first:
        x = transpose(x, 0, 1) if len(states) == 2 else R.batch_first(x)  # as PyTorch names the two
    return (x, *[_stacked(parts) for parts in zip(*finals)])


def _stacked(states: tuple[Any, ...]) -> Any:
    """The last states of all layers and directions as one tensor; of one, unrecorded, no copy."""
    first = states[0]
    if len(states) == 1 and first._node is None and type(first._data) is np.ndarray:
        return wrap(first._data[None])
    return stack(list(states), 0)


def lstm(*args: Any) -> tuple[Any, Any, Any]:
    """lstm(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first).

    Or lstm(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional) for a packed sequence.
    hx is (h, c); params are the parameters of `nn.LSTM`, in order. Returns the output, the last h and the last c.
    """
    x, sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first = _arguments(args)
    if len(hx) != 2:
        raise RuntimeError("lstm expects two hidden states")
    count = num_layers * (2 if bidirectional else 1)
    weights = _weights(params, has_biases, count)
    projected = len(weights[0]) == 5
    if sizes is not None:
        layer = R.lstm_layer_packed
    else:
        layer = R.lstm_layer if x._data.dtype == np.float32 and not projected else R.lstm_layer_unfused
    if not projected:
        weights = [(*group, None) for group in weights]
    return _layers(layer, x, sizes, hx, weights, num_layers, dropout, train, bidirectional, batch_first)


def _simple(layer: Layer, packed: Layer, args: tuple[Any, ...], *constants: Any) -> tuple[Any, Any]:
    """A network with one kind of state."""
    x, sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first = _arguments(args)
    weights = _weights(params, has_biases, num_layers * (2 if bidirectional else 1))
    entry = layer if sizes is None else packed
    options = num_layers, dropout, train, bidirectional, batch_first
    return _layers(entry, x, sizes, (hx,), weights, *options, *constants)


def gru(*args: Any) -> tuple[Any, Any]:
    """gru(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first).

    Or gru(data, batch_sizes, hx, params, has_biases, num_layers, dropout, train, bidirectional) for a packed sequence.
    params are the parameters of `nn.GRU`, in order. Returns the output and the last h.
    """
    return _simple(R.gru_layer, R.gru_layer_packed, args)


def rnn_tanh(*args: Any) -> tuple[Any, Any]:
    """rnn_tanh(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first). See gru."""
    return _simple(R.rnn_layer, R.rnn_layer_packed, args, False)


def rnn_relu(*args: Any) -> tuple[Any, Any]:
    """rnn_relu(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first). See gru."""
    return _simple(R.rnn_layer, R.rnn_layer_packed, args, True)


# one step ------------------------------------------------------------------------------------------------------------


def _check_cell(input: Any, w_ih: Any, w_hh: Any, *states: Any) -> tuple[int]:
    """Raise PyTorch's errors for shapes that do not fit; returns the sizes of the one step."""
    batch, features = input._data.shape
    hidden = w_hh._data.shape[1]
    if features != w_ih._data.shape[1]:
        raise RuntimeError(f"input has inconsistent input_size: got {features} expected {w_ih._data.shape[1]}")
    for i, hx in enumerate(states):
        if hx._data.shape[0] != batch:
            raise RuntimeError(f"Input batch size {batch} doesn't match hidden{i} batch size {hx._data.shape[0]}")
        if hx._data.shape[1] != hidden:
            raise RuntimeError(f"hidden{i} has inconsistent hidden_size: got {hx._data.shape[1]}, expected {hidden}")
    return (batch,)


def rnn_tanh_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Tensor:
    """tanh(W_ih x + b_ih + W_hh h + b_hh): (N, I), (N, H) -> (N, H)."""
    sizes = _check_cell(input, w_ih, w_hh, hx)
    return R.rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih, b_hh, sizes, False, False)[0]


def rnn_relu_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Tensor:
    """relu(W_ih x + b_ih + W_hh h + b_hh): (N, I), (N, H) -> (N, H)."""
    sizes = _check_cell(input, w_ih, w_hh, hx)
    return R.rnn_relu_cell(input, hx, w_ih, w_hh, b_ih, b_hh, sizes, False, True)[0]


def gru_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Tensor:
    """One step of a GRU: (N, I), (N, H) -> (N, H)."""
    sizes = _check_cell(input, w_ih, w_hh, hx)
    return R.gru_cell(input, hx, w_ih, w_hh, b_ih, b_hh, sizes, False)[0]


def lstm_cell(input: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> tuple[Any, Any]:
    """One step of an LSTM: (N, I), (h, c) each (N, H) -> the new (h, c)."""
    if not isinstance(hx, (tuple, list)):
        raise TypeError(f"lstm_cell(): argument 'hx' (position 2) must be tuple of Tensors, not {type(hx).__name__}")
    if len(hx) != 2:
        raise RuntimeError("lstm_cell expects two hidden states")
    sizes = _check_cell(input, w_ih, w_hh, *hx)
    _, h, c = R.lstm_cell(input, *hx, w_ih, w_hh, b_ih, b_hh, None, sizes, False)
    return h, R.cell_state(c)
