"""Recurrent layers: one layer in one direction over whole sequences, as one entry each.

What an entry computes is said by its definition here (`rnn_steps`, `lstm_steps`, `gru_steps`), step by step in
operations of the table. The kernels do the same at speed (kernels/rnn.py); where the backward pass is itself recorded,
its formula is the derivative of the definition.

`sizes[t]` is the number of rows of step t, as in a PackedSequence: see kernels/rnn.py.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from microtorch.autograd import engine
from microtorch.autograd.table import Call, op, view
from microtorch.kernels import rnn as K

# what is computed ----------------------------------------------------------------------------------------------------


def _linear(xp: Any, x: Any, weight: Any, bias: Any) -> Any:
    product = xp.matmul(x, xp.t(weight))
    return product if bias is None else product + bias


def _replaced(xp: Any, state: Any, new: Any) -> Any:
    """The state with its first rows replaced: the other sequences have ended, or not yet begun."""
    n = new.shape[0]
    return new if n == state.shape[0] else xp.cat([new, xp.slice(state, (slice(n, None),))], 0)


def _rows(xp: Any, x: Any) -> Any:
    """(length, batch, features) as (total, features)."""
    return x if len(x.shape) == 2 else xp.reshape(x, (x.shape[0] * x.shape[1], x.shape[2]))


def _joined(xp: Any, outs: list[Any], reverse: bool, x: Any) -> Any:
    """The results of all steps, in the order of time, shaped as x is."""
    out = xp.cat(outs[::-1] if reverse else outs, 0)
    return out if len(x.shape) == 2 else xp.reshape(out, (*x.shape[:-1], out.shape[1]))


def rnn_steps(
    xp: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, sizes: Sequence[int], reverse: bool, relu: bool
) -> tuple[Any, ...]:  # fmt: skip
    """h' = tanh or relu of (W_ih x + b_ih + W_hh h + b_hh): all hidden states, and the last ones."""
    nonlinearity = xp.relu if relu else xp.tanh
    outs: list[Any] = []
    inputs = _rows(xp, x)
    for rows, n in K.steps(sizes, reverse):
        z = _linear(xp, xp.slice(inputs, (rows,)), w_ih, b_ih)
        outs.append(nonlinearity(z + _linear(xp, xp.slice(h, (slice(n),)), w_hh, b_hh)))
        h = _replaced(xp, h, outs[-1])
    return _joined(xp, outs, reverse, x), h


def lstm_steps(
    xp: Any, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any, sizes: Sequence[int],
    reverse: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """c' = f c + i g, h' = o tanh(c') (times W_hr, if it is given): all hidden states, the last ones, the last cells.

    i, f, o are sigmoids and g the tanh of the four parts of W_ih x + b_ih + W_hh h + b_hh.
    """
    outs: list[Any] = []
    inputs = _rows(xp, x)
    for rows, n in K.steps(sizes, reverse):
        z = _linear(xp, xp.slice(inputs, (rows,)), w_ih, b_ih) + _linear(xp, xp.slice(h, (slice(n),)), w_hh, b_hh)
        i, f, g, o = _parts(xp, z, 4)
        new = xp.sigmoid(f) * xp.slice(c, (slice(n),)) + xp.sigmoid(i) * xp.tanh(g)
        hidden = xp.sigmoid(o) * xp.tanh(new)
        outs.append(hidden if w_hr is None else xp.matmul(hidden, xp.t(w_hr)))
        h, c = _replaced(xp, h, outs[-1]), _replaced(xp, c, new)
    return _joined(xp, outs, reverse, x), h, c


def gru_steps(
    xp: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, sizes: Sequence[int], reverse: bool
) -> tuple[Any, ...]:
    """h' = (1 - z) n + z h, n = tanh(W_in x + b_in + r (W_hn h + b_hn)): all hidden states, and the last ones.

    r and z are sigmoids of the first two parts of W_ih x + b_ih + W_hh h + b_hh.
    """
    outs: list[Any] = []
    inputs = _rows(xp, x)
    for rows, n in K.steps(sizes, reverse):
        old = xp.slice(h, (slice(n),))
        x_r, x_z, x_n = _parts(xp, _linear(xp, xp.slice(inputs, (rows,)), w_ih, b_ih), 3)
        h_r, h_z, h_n = _parts(xp, _linear(xp, old, w_hh, b_hh), 3)
        candidate = xp.tanh(x_n + xp.sigmoid(x_r + h_r) * h_n)
        outs.append(candidate + xp.sigmoid(x_z + h_z) * (old - candidate))
        h = _replaced(xp, h, outs[-1])
    return _joined(xp, outs, reverse, x), h


def _parts(xp: Any, z: Any, count: int) -> list[Any]:
    size = z.shape[1] // count
    return [xp.slice(z, (slice(None), slice(k * size, (k + 1) * size))) for k in range(count)]


# the entries ---------------------------------------------------------------------------------------------------------


def _recorded(
    xp: Any, definition: Callable[..., Any], g: Sequence[Any], needs: Sequence[bool], inputs: Sequence[Any],
    *constants: Any,
) -> list[Any]:  # fmt: skip
    """The gradients of the inputs as Tensors, by differentiating the definition."""
    # each input is cut off by a node of its own, so that a weight on which x depends gets its direct gradient only
    cut = [None if t is None else xp.alias(t) for t in inputs]
    results = definition(xp, *cut, *constants)
    outs = [(result, seed) for result, seed in zip(results, g) if seed is not None]
    wanted = [t for t, need in zip(cut, needs) if need]
    grads = iter(engine.grad(*_unzipped(outs, wanted), create_graph=True, allow_unused=True))
    return [next(grads) if need else None for need in needs]


def _unzipped(outs: list[tuple[Any, Any]], wanted: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
    return [result for result, _ in outs], wanted, [seed for _, seed in outs]


def _rnn_joint(
    xp: Any, g: Any, needs: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, sizes: Any, reverse: Any,
    relu: Any, states: Any,
) -> Any:  # fmt: skip
    if xp.recorded:
        return _recorded(xp, rnn_steps, g, needs, (x, h, w_ih, w_hh, b_ih, b_hh), sizes, reverse, relu)
    return K.rnn_layer_backward(g, needs, x, h, w_ih, w_hh, states, sizes, reverse, relu)


def _lstm_joint(
    xp: Any, g: Any, needs: Any, x: Any, h: Any, c: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, w_hr: Any,
    sizes: Any, reverse: Any, gates: Any, cells: Any, states: Any,
) -> Any:  # fmt: skip
    if xp.recorded:
        return _recorded(xp, lstm_steps, g, needs, (x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr), sizes, reverse)
    return K.lstm_layer_backward(g, needs, x, h, c, w_ih, w_hh, w_hr, states, gates, cells, sizes, reverse)


def _gru_joint(
    xp: Any, g: Any, needs: Any, x: Any, h: Any, w_ih: Any, w_hh: Any, b_ih: Any, b_hh: Any, sizes: Any, reverse: Any,
    gates: Any, inner: Any, states: Any,
) -> Any:  # fmt: skip
    if xp.recorded:
        return _recorded(xp, gru_steps, g, needs, (x, h, w_ih, w_hh, b_ih, b_hh), sizes, reverse)
    return K.gru_layer_backward(g, needs, x, h, w_ih, w_hh, states, gates, inner, sizes, reverse)


def _no_residual(xp: Any) -> tuple[None]:
    """The definition, by which the recorded backward goes, needs none."""
    return (None,)


def _no_residuals(xp: Any) -> tuple[None, None, None]:
    return None, None, None


def _keeping_states(kernel: Callable[..., tuple[Any, ...]]) -> Callable[..., tuple[Any, ...]]:
    """The kernel with a copy of its states as another residual: the program may write into what it gets."""

    @functools.wraps(kernel)
    def call(*args: Any) -> tuple[Any, ...]:
        results = kernel(*args)
        return (*results, results[0].copy())

    return call


# PyTorch's output is a stack, or for packed sequences a concatenation, of steps; that of its fused LSTM has its own
# name.
# Each entry is there under the names that PyTorch prints.


def _rnn(name: str, grad_name: str) -> Call:
    inputs = "x h w_ih w_hh b_ih b_hh"
    return op(name, _keeping_states(K.rnn_layer), inputs=inputs, outputs=2, joint=_rnn_joint, residuals=("states",),
              again=_no_residual, unrecorded=K.rnn_layer, grad_name=grad_name)  # fmt: skip


def _lstm(name: str, grad_name: str) -> Call:
    inputs, residuals = "x h c w_ih w_hh b_ih b_hh w_hr", ("gates", "cells", "states")
    return op(name, K.lstm_layer, inputs=inputs, outputs=3, joint=_lstm_joint, residuals=residuals,
              again=_no_residuals, unrecorded=K.lstm_states, grad_name=grad_name)  # fmt: skip


def _gru(name: str, grad_name: str) -> Call:
    inputs, residuals = "x h w_ih w_hh b_ih b_hh", ("gates", "inner", "states")
    return op(name, _keeping_states(K.gru_layer), inputs=inputs, outputs=2, joint=_gru_joint, residuals=residuals,
              again=_no_residuals, unrecorded=K.gru_states, grad_name=grad_name)  # fmt: skip


rnn_layer = _rnn("rnn_layer", "StackBackward0")
rnn_layer_packed = _rnn("rnn_layer_packed", "CatBackward0")
rnn_tanh_cell = _rnn("rnn_tanh_cell", "TanhBackward0")
rnn_relu_cell = _rnn("rnn_relu_cell", "ReluBackward0")
lstm_layer = _lstm("lstm_layer", "MkldnnRnnLayerBackward0")
lstm_layer_unfused = _lstm("lstm_layer_unfused", "StackBackward0")
lstm_layer_packed = _lstm("lstm_layer_packed", "CatBackward0")
lstm_cell = _lstm("lstm_cell", "MulBackward0")
gru_layer = _gru("gru_layer", "StackBackward0")
gru_layer_packed = _gru("gru_layer_packed", "CatBackward0")
gru_cell = _gru("gru_cell", "AddBackward0")

cell_state = view("cell_state", lambda x: x.view(), x=lambda xp, g: g, grad_name="AddBackward0")
batch_first = view("batch_first", lambda x: x.swapaxes(0, 1), x=lambda xp, g: xp.transpose(g, 0, 1),
                   grad_name="TransposeBackward1")  # fmt: skip
