"""Recurrent layers: one layer in one direction over whole sequences, forwards and backwards.

The rows of all time steps lie one after another in x (total, features): `sizes[t]` rows of step t, never more than of step
t - 1. So sequences of one length are `sizes = (batch,) * length`, and those of several lengths, longest first, are a
PackedSequence. (x may also be (length, batch, features), and the result is then shaped alike.) What does not depend on the step before (the product with the input weights, the gradients of all weights) is
one big matrix product; the loop over time does the rest.

`gates` are the values after their nonlinearities, as PyTorch orders their weights: i, f, g, o for the LSTM, r, z, n for the GRU.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def steps(sizes: Sequence[int], reverse: bool) -> list[tuple[slice, int]]:
    """For each time step, in the order of computation: its rows, and their number.

    >>> steps((2, 1), reverse=True)
    [(slice(2, 3, None), 1), (slice(0, 2, None), 2)]
    """
    rows = [(slice(end - n, end), n) for n, end in zip(sizes, accumulate(sizes))]
    return rows[::-1] if reverse else rows


def before(states: Array, initial: Array, sizes: Sequence[int], reverse: bool) -> Array:
    """For each row the state before its step: that of the step before, or the initial one."""
    if len(sizes) and sizes[0] == sizes[-1]:
        n = sizes[0]
        return np.concatenate([states[n:], initial] if reverse else [initial, states[: len(states) - n]])
    result, state = np.empty_like(states), initial.copy()
    for rows, n in steps(sizes, reverse):
        result[rows] = state[:n]
        state[:n] = states[rows]
    return result


def _rows(x: Any) -> Any:
    """(length, batch, features) as (total, features); None as None."""
    return x if x is None or x.ndim == 2 else x.reshape(-1, x.shape[-1])


def _sigmoid(z: Array) -> None:
    """1 / (1 + exp(-z)), in place."""
    np.negative(z, out=z)
    np.exp(z, out=z)
    z += 1
    np.reciprocal(z, out=z)


def _affine(x: Array, weight: Array, *biases: Array | None) -> Array:
    """x W^T + the biases, in a new array."""
    result = np.matmul(x, weight.T)
    given = [b for b in biases if b is not None]
    if given:
        result += given[0] if len(given) == 1 else given[0] + given[1]
    return result


# plain: h' = tanh or relu of (W_ih x + b_ih + W_hh h + b_hh) -----------------------------------------------------------


def rnn_layer(
    x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, sizes: Sequence[int], reverse: bool, relu: bool
) -> tuple[Array, Array]:  # fmt: skip
    """All hidden states (total, H), and the last of each sequence (batch, H)."""
    out = _affine(_rows(x), w_ih, b_ih, b_hh)
    state, product, weight = h.copy(), np.empty_like(h), w_hh.T
    for rows, n in steps(sizes, reverse):
        z = out[rows]
        z += np.matmul(state[:n], weight, out=product[:n])
        if relu:
            np.maximum(z, 0, out=z)
        else:
            np.tanh(z, out=z)
        state[:n] = z
    return out.reshape(*x.shape[:-1], -1), state


def rnn_layer_backward(
    g: Sequence[Any], needs: Sequence[bool], x: Array, h: Array, w_ih: Array, w_hh: Array, out: Array, sizes: Sequence[int],
    reverse: bool, relu: bool,
) -> list[Any]:  # fmt: skip
    """The gradients of x, h, w_ih, w_hh, b_ih, b_hh, given those of the two results (None: zeros)."""
    g_out, g_last = _rows(g[0]), g[1]
    out = _rows(out)
    gz = np.empty_like(out)
    slope = (out > 0) if relu else 1 - out * out
    gh = np.zeros_like(h) if g_last is None else g_last.copy()
    for rows, n in steps(sizes, not reverse):
        state = gh[:n]
        if g_out is not None:
            state += g_out[rows]
        np.multiply(state, slope[rows], out=gz[rows])
        np.matmul(gz[rows], w_hh, out=state)
    previous = before(out, h, sizes, reverse) if needs[3] else None
    return [_input_grad(needs, gz, w_ih, x), gh, *_weight_grads(needs[2:], gz, gz, x, previous)]


def _input_grad(needs: Sequence[bool], gz: Array, w_ih: Array, x: Array) -> Any:
    return np.matmul(gz, w_ih).reshape(x.shape) if needs[0] else None


def _weight_grads(needs: Sequence[bool], gz_x: Array, gz_h: Array, x: Array, previous: Any) -> list[Any]:
    """The gradients of w_ih, w_hh, b_ih, b_hh, given those of the input's and the state's products."""
    bias = gz_x.sum(0) if needs[2] or (needs[3] and gz_h is gz_x) else None
    bias_h = bias if gz_h is gz_x else gz_h.sum(0) if needs[3] else None
    return [
        gz_x.T @ _rows(x) if needs[0] else None,
        gz_h.T @ previous if needs[1] else None,
        bias if needs[2] else None,
        # each leaf owns its gradient, so the second bias gets an array of its own
        (bias_h.copy() if bias_h is bias and needs[2] else bias_h) if needs[3] else None,  # type: ignore[union-attr]
    ]


# LSTM: Hochreiter and Schmidhuber (1997), with forget gates; projections: https://arxiv.org/abs/1402.1128 ----------------


def lstm_layer(
    x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, w_hr: Any, sizes: Sequence[int],
    reverse: bool,
) -> tuple[Array, Array, Array, Array, Array]:  # fmt: skip
    """All hidden states (total, P), the last ones (batch, P), the last cells (batch, H); and all gates and cells."""
    size = c.shape[1]
    gates = _affine(_rows(x), w_ih, b_ih, b_hh)
    cells, out = np.empty((len(gates), size), x.dtype), np.empty((len(gates), h.shape[1]), x.dtype)
    state, cell, weight = h.copy(), c.copy(), w_hh.T
    product, scratch = np.empty((len(h), 4 * size), x.dtype), np.empty_like(c)
    with np.errstate(over="ignore"):  # exp of a very negative gate is infinite, the gate then 0
        for rows, n in steps(sizes, reverse):
            z, new, t = gates[rows], cells[rows], scratch[:n]
            z += np.matmul(state[:n], weight, out=product[:n])
            _sigmoid(z[:, : 2 * size])
            np.tanh(z[:, 2 * size : 3 * size], out=z[:, 2 * size : 3 * size])
            _sigmoid(z[:, 3 * size :])
            np.multiply(z[:, size : 2 * size], cell[:n], out=new)
            new += np.multiply(z[:, :size], z[:, 2 * size : 3 * size], out=t)
            cell[:n] = new
            np.tanh(new, out=t)
            if w_hr is None:
                np.multiply(z[:, 3 * size :], t, out=out[rows])
            else:
                t *= z[:, 3 * size :]
                np.matmul(t, w_hr.T, out=out[rows])
            state[:n] = out[rows]
    return out.reshape(*x.shape[:-1], -1), state, cell, gates, cells


def lstm_layer_backward(
    g: Sequence[Any], needs: Sequence[bool], x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, w_hr: Any, out: Array,
    gates: Array, cells: Array, sizes: Sequence[int], reverse: bool,
) -> list[Any]:  # fmt: skip
    """The gradients of x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, given those of the three results (None: zeros)."""
    g_out, g_last, g_cell = _rows(g[0]), g[1], g[2]
    size, out = c.shape[1], _rows(out)
    gz, squashed, previous_cells = np.empty_like(gates), np.tanh(cells), before(cells, c, sizes, reverse)
    gh = np.zeros_like(h) if g_last is None else g_last.copy()
    gc = np.zeros_like(c) if g_cell is None else g_cell.copy()
    g_projected = None if w_hr is None else np.empty_like(out)
    scratch = np.empty_like(c)
    for rows, n in steps(sizes, not reverse):
        state, cell, t, tanh_c = gh[:n], gc[:n], scratch[:n], squashed[rows]
        i, f, candidate, o = np.split(gates[rows], 4, axis=1)
        g_i, g_f, g_candidate, g_o = np.split(gz[rows], 4, axis=1)
        if g_out is not None:
            state += g_out[rows]
        if g_projected is None:
            g_hidden = state
        else:
            g_projected[rows] = state
            g_hidden = state @ w_hr
        # c' reaches the output through h' = o tanh(c'), and the next step
        np.multiply(tanh_c, tanh_c, out=t)
        np.subtract(1, t, out=t)
        t *= o
        t *= g_hidden
        cell += t
        np.multiply(g_hidden, tanh_c, out=g_o)
        np.multiply(cell, candidate, out=g_i)
        np.multiply(cell, previous_cells[rows], out=g_f)
        np.multiply(cell, i, out=g_candidate)
        for g_gate, gate in ((g_i, i), (g_f, f), (g_o, o)):  # the derivative of a sigmoid s is s (1 - s)
            g_gate *= gate
            g_gate *= np.subtract(1, gate, out=t)
        np.multiply(candidate, candidate, out=t)
        g_candidate *= np.subtract(1, t, out=t)
        cell *= f
        np.matmul(gz[rows], w_hh, out=state)
    previous = before(out, h, sizes, reverse) if needs[4] else None
    grads = [_input_grad(needs, gz, w_ih, x), gh, gc, *_weight_grads(needs[3:7], gz, gz, x, previous)]
    if g_projected is None:
        return [*grads, None]
    return [*grads, g_projected.T @ (gates[:, 3 * size :] * squashed) if needs[7] else None]


# GRU: Cho et al., https://arxiv.org/abs/1406.1078, the reset gate after the product as in cuDNN ---------------------------


def gru_layer(
    x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, sizes: Sequence[int], reverse: bool
) -> tuple[Array, Array, Array, Array]:
    """All hidden states (total, H), the last ones (batch, H); all gates, and W_hn h + b_hn."""
    size = h.shape[1]
    gates = _affine(_rows(x), w_ih, b_ih)
    out, inner = np.empty((len(gates), size), x.dtype), np.empty((len(gates), size), x.dtype)
    state, weight, product = h.copy(), w_hh.T, np.empty((len(h), 3 * size), x.dtype)
    with np.errstate(over="ignore"):  # exp of a very negative gate is infinite, the gate then 0
        for rows, n in steps(sizes, reverse):
            z, old, new = gates[rows], state[:n], out[rows]
            p = np.matmul(old, weight, out=product[:n])
            if b_hh is not None:
                p += b_hh
            z[:, : 2 * size] += p[:, : 2 * size]
            _sigmoid(z[:, : 2 * size])
            inner[rows] = p[:, 2 * size :]
            candidate = z[:, 2 * size :]
            candidate += np.multiply(z[:, :size], p[:, 2 * size :], out=new)
            np.tanh(candidate, out=candidate)
            np.subtract(old, candidate, out=new)  # h' = n + z (h - n)
            new *= z[:, size : 2 * size]
            new += candidate
            state[:n] = new
    return out.reshape(*x.shape[:-1], -1), state, gates, inner


def gru_layer_backward(
    g: Sequence[Any], needs: Sequence[bool], x: Array, h: Array, w_ih: Array, w_hh: Array, out: Array, gates: Array,
    inner: Array, sizes: Sequence[int], reverse: bool,
) -> list[Any]:  # fmt: skip
    """The gradients of x, h, w_ih, w_hh, b_ih, b_hh, given those of the two results (None: zeros)."""
    g_out, g_last = _rows(g[0]), g[1]
    size, out = h.shape[1], _rows(out)
    gz_x, gz_h, previous = np.empty_like(gates), np.empty_like(gates), before(out, h, sizes, reverse)
    gh = np.zeros_like(h) if g_last is None else g_last.copy()
    scratch, product = np.empty_like(h), np.empty_like(h)
    for rows, n in steps(sizes, not reverse):
        state, t = gh[:n], scratch[:n]
        r, z, candidate = np.split(gates[rows], 3, axis=1)
        g_r, g_z, g_candidate = np.split(gz_x[rows], 3, axis=1)
        if g_out is not None:
            state += g_out[rows]
        np.subtract(previous[rows], candidate, out=g_z)
        g_z *= state
        np.subtract(1, z, out=t)
        np.multiply(state, t, out=g_candidate)
        g_z *= z
        g_z *= t
        np.multiply(candidate, candidate, out=t)
        g_candidate *= np.subtract(1, t, out=t)
        np.multiply(g_candidate, inner[rows], out=g_r)
        g_r *= r
        g_r *= np.subtract(1, r, out=t)
        own = gz_h[rows]
        own[:, : 2 * size] = gz_x[rows, : 2 * size]
        np.multiply(g_candidate, r, out=own[:, 2 * size :])
        state *= z
        state += np.matmul(own, w_hh, out=product[:n])
    return [_input_grad(needs, gz_x, w_ih, x), gh, *_weight_grads(needs[2:], gz_x, gz_h, x, previous)]
