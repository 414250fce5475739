"""Recurrent layers: one layer in one direction over whole sequences, forwards and backwards.

The rows of all time steps lie one after another in x (total, features): `sizes[t]` rows of step t, never more than of
step t - 1. So sequences of one length are `sizes = (batch,) * length`, and those of several lengths, longest first,
are a PackedSequence. (x may also be (length, batch, features), and the result is then shaped alike.) What does not
depend on the step before (the product with the input weights, the gradients of all weights) is one big matrix product;
the loop over time does the rest.

`gates` are the values after their nonlinearities, as PyTorch orders their weights: i, f, g, o for the LSTM, r, z, n
for the GRU.
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
    return x if x is None or x.ndim == 2 else x.reshape(x.shape[0] * x.shape[1], x.shape[2])


def _activate(z: Array, scale: Array, shift: Array) -> None:
    """Sigmoid where scale and shift are 1/2, tanh where they are 1 and 0, in place.

    sigmoid(z) = tanh(z / 2) / 2 + 1 / 2.
    """
    z *= scale
    np.tanh(z, out=z)
    z *= scale
    z += shift


def _replaced(state: Array, new: Array) -> Array:
    """The state with its first rows replaced: the other sequences have ended, or not yet begun."""
    return new if len(new) == len(state) else np.concatenate([new, state[len(new) :]])


def _affine(x: Array, weight: Array, *biases: Array | None) -> Array:
    """x W^T + the biases, in a new array."""
    result = np.matmul(x, weight.T)
    given = [b for b in biases if b is not None]
    if given:
        result += given[0] if len(given) == 1 else given[0] + given[1]
    return result


# plain: h' = tanh or relu of (W_ih x + b_ih + W_hh h + b_hh) ---------------------------------------------------------


def rnn_layer(
    x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, sizes: Sequence[int], reverse: bool, relu: bool
) -> tuple[Array, Array]:  # fmt: skip
    """All hidden states (total, H), and the last of each sequence (batch, H)."""
    out = _affine(_rows(x), w_ih, b_ih, b_hh)
    state, product, weight = h, np.empty_like(h), w_hh.T
    for rows, n in steps(sizes, reverse):
        z = out[rows]
        z += np.matmul(state[:n], weight, out=product[:n])
        if relu:
            np.maximum(z, 0, out=z)
        else:
            np.tanh(z, out=z)
        state = _replaced(state, z)
    return out.reshape(*x.shape[:-1], h.shape[1]), state.copy()


def rnn_layer_backward(
    g: Sequence[Any], needs: Sequence[bool], x: Array, h: Array, w_ih: Array, w_hh: Array, out: Array,
    sizes: Sequence[int],
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


# LSTM: Hochreiter and Schmidhuber (1997), with forget gates; projections: https://arxiv.org/abs/1402.1128 ------------


def lstm_layer(
    x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, w_hr: Any, sizes: Sequence[int],
    reverse: bool,
) -> tuple[Array, Array, Array, Array, Array]:  # fmt: skip
    """All hidden states (total, P), the last ones (batch, P), the last cells (batch, H); and all gates and cells."""
    size = c.shape[1]
    gates = _affine(_rows(x), w_ih, b_ih, b_hh)
    cells, out = np.empty((len(gates), size), x.dtype), np.empty((len(gates), h.shape[1]), x.dtype)
    state, cell, weight = h, c, w_hh.T
    product, scratch = np.empty((len(h), 4 * size), x.dtype), np.empty_like(c)
    copies = len(h) if len(h) * size <= 1 << 14 else 1  # NumPy is faster with no broadcasting, if all is in the cache
    scale = np.tile(np.repeat(np.array([0.5, 0.5, 1, 0.5], x.dtype), size), (copies, 1))
    shift = np.tile(np.repeat(np.array([0.5, 0.5, 0, 0.5], x.dtype), size), (copies, 1))
    for rows, n in steps(sizes, reverse):
        z, new, t, hidden = gates[rows], cells[rows], scratch[:n], out[rows]
        z += np.matmul(state[:n], weight, out=product[:n])
        _activate(z, scale[:n], shift[:n])
        i, f, candidate, o = (z[:, k * size : (k + 1) * size] for k in range(4))
        np.multiply(f, cell[:n], out=new)
        new += np.multiply(i, candidate, out=t)
        np.tanh(new, out=t)
        if w_hr is None:
            np.multiply(o, t, out=hidden)
        else:
            t *= o
            np.matmul(t, w_hr.T, out=hidden)
        state, cell = _replaced(state, hidden), _replaced(cell, new)
    return out.reshape(*x.shape[:-1], h.shape[1]), state.copy(), cell.copy(), gates, cells


def lstm_layer_backward(
    g: Sequence[Any], needs: Sequence[bool], x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, w_hr: Any,
    out: Array, gates: Array, cells: Array, sizes: Sequence[int], reverse: bool,
) -> list[Any]:  # fmt: skip
    """The gradients of x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, given those of the three results (None: zeros)."""
    g_out, g_last, g_cell = _rows(g[0]), g[1], g[2]
    size, out = c.shape[1], _rows(out)
    gz, previous_cells = np.empty_like(gates), before(cells, c, sizes, reverse)
    gh = np.zeros_like(h) if g_last is None else g_last.copy()
    gc = np.zeros_like(c) if g_cell is None else g_cell.copy()
    g_out_projected = None if w_hr is None else np.empty_like(out)
    hidden = None if w_hr is None else np.empty_like(cells)
    scratch = np.empty_like(c)
    for block in _blocks(steps(sizes, not reverse), gates[:1].nbytes):
        part = slice(min(rows.start for rows, _ in block), max(rows.stop for rows, _ in block))
        slopes, cell_slope, squashed = _lstm_slopes(gates[part], np.tanh(cells[part]), previous_cells[part])
        if hidden is not None:
            np.multiply(gates[part, 3 * size :], squashed, out=hidden[part])
        for rows, n in block:
            state, cell, t = gh[:n], gc[:n], scratch[:n]
            local = slice(rows.start - part.start, rows.stop - part.start)
            if g_out is not None:
                state += g_out[rows]
            g_hidden = state
            if g_out_projected is not None:
                g_out_projected[rows] = state
                g_hidden = state @ w_hr
            cell += np.multiply(g_hidden, cell_slope[local], out=t)
            g_gates, slope = gz[rows].reshape(n, 4, size), slopes[local]
            np.multiply(slope[:, :3], cell[:, None], out=g_gates[:, :3])
            np.multiply(slope[:, 3], g_hidden, out=g_gates[:, 3])
            cell *= gates[rows, size : 2 * size]
            np.matmul(gz[rows], w_hh, out=state)
    previous = before(out, h, sizes, reverse) if needs[4] else None
    grads = [_input_grad(needs, gz, w_ih, x), gh, gc, *_weight_grads(needs[3:7], gz, gz, x, previous)]
    return [*grads, g_out_projected.T @ hidden if g_out_projected is not None and needs[7] else None]


def _lstm_slopes(gates: Array, squashed: Array, previous_cells: Array) -> tuple[Array, Array, Array]:
    """By how much c' changes with each gate before its nonlinearity, and h' with o (rows, 4, H); and h' with c'."""
    rows = len(gates)
    z = gates.reshape(rows, 4, -1)
    i, candidate, o = z[:, 0], z[:, 2], z[:, 3]
    slopes = np.subtract(1, z)
    slopes *= z  # of a sigmoid s: s (1 - s)
    slopes[:, 0] *= candidate
    slopes[:, 1] *= previous_cells
    slopes[:, 3] *= squashed
    tanh_slope = slopes[:, 2]
    np.multiply(candidate, candidate, out=tanh_slope)
    np.subtract(1, tanh_slope, out=tanh_slope)
    tanh_slope *= i
    cell_slope = squashed * squashed
    np.subtract(1, cell_slope, out=cell_slope)
    cell_slope *= o
    return slopes, cell_slope, squashed


def _gru_slopes(gates: Array, previous: Array, inner: Array) -> Array:
    """By how much h' changes with each of r, z, n before its nonlinearity (rows, 3, H)."""
    z = gates.reshape(len(gates), 3, -1)
    update, candidate = z[:, 1], z[:, 2]
    slopes = np.subtract(1, z)
    slopes *= z  # of a sigmoid s: s (1 - s)
    slopes[:, 1] *= previous - candidate
    tanh_slope = slopes[:, 2]
    np.multiply(candidate, candidate, out=tanh_slope)
    np.subtract(1, tanh_slope, out=tanh_slope)
    tanh_slope *= 1 - update
    slopes[:, 0] *= inner  # r reaches n through r (W_hn h + b_hn)
    slopes[:, 0] *= tanh_slope
    return slopes


def _blocks(all_steps: list[tuple[slice, int]], row_bytes: int) -> list[list[tuple[slice, int]]]:
    """The steps in runs whose rows fill about 128 KB, so that what is computed for a run at once stays in the cache."""
    blocks: list[list[tuple[slice, int]]] = []
    filled = 0
    for step in all_steps:
        if not blocks or filled + step[1] * row_bytes > 1 << 17:
            blocks.append([])
            filled = 0
        blocks[-1].append(step)
        filled += step[1] * row_bytes
    return blocks


# GRU: Cho et al., https://arxiv.org/abs/1406.1078, the reset gate after the product as in cuDNN ----------------------


def gru_layer(
    x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, sizes: Sequence[int], reverse: bool
) -> tuple[Array, Array, Array, Array]:
    """All hidden states (total, H), the last ones (batch, H); all gates, and W_hn h + b_hn."""
    size = h.shape[1]
    gates = _affine(_rows(x), w_ih, b_ih)
    out, inner = np.empty((len(gates), size), x.dtype), np.empty((len(gates), size), x.dtype)
    state, weight, product = h, w_hh.T, np.empty((len(h), 3 * size), x.dtype)
    half = x.dtype.type(0.5)
    for rows, n in steps(sizes, reverse):
        z, old, new = gates[rows], state[:n], out[rows]
        p = np.matmul(old, weight, out=product[:n])
        if b_hh is not None:
            p += b_hh
        both, candidate, update = z[:, : 2 * size], z[:, 2 * size :], z[:, size : 2 * size]
        both += p[:, : 2 * size]
        _activate(both, half, half)
        inner[rows] = p[:, 2 * size :]
        candidate += np.multiply(z[:, :size], p[:, 2 * size :], out=new)
        np.tanh(candidate, out=candidate)
        np.subtract(old, candidate, out=new)  # h' = n + z (h - n)
        new *= update
        new += candidate
        state = _replaced(state, new)
    return out.reshape(*x.shape[:-1], h.shape[1]), state.copy(), gates, inner


def gru_layer_backward(
    g: Sequence[Any], needs: Sequence[bool], x: Array, h: Array, w_ih: Array, w_hh: Array, out: Array, gates: Array,
    inner: Array, sizes: Sequence[int], reverse: bool,
) -> list[Any]:  # fmt: skip
    """The gradients of x, h, w_ih, w_hh, b_ih, b_hh, given those of the two results (None: zeros)."""
    g_out, g_last = _rows(g[0]), g[1]
    size, out = h.shape[1], _rows(out)
    gz_x, gz_h, previous = np.empty_like(gates), np.empty_like(gates), before(out, h, sizes, reverse)
    gh = np.zeros_like(h) if g_last is None else g_last.copy()
    product, kept = np.empty_like(h), np.empty_like(h)
    for block in _blocks(steps(sizes, not reverse), gates[:1].nbytes):
        part = slice(min(rows.start for rows, _ in block), max(rows.stop for rows, _ in block))
        slopes = _gru_slopes(gates[part], previous[part], inner[part])
        for rows, n in block:
            state = gh[:n]
            local = slice(rows.start - part.start, rows.stop - part.start)
            if g_out is not None:
                state += g_out[rows]
            own = gz_h[rows]
            np.multiply(slopes[local], state[:, None], out=gz_x[rows].reshape(n, 3, size))
            own[:, : 2 * size] = gz_x[rows, : 2 * size]
            np.multiply(gz_x[rows, 2 * size :], gates[rows, :size], out=own[:, 2 * size :])
            np.multiply(state, gates[rows, size : 2 * size], out=kept[:n])
            np.matmul(own, w_hh, out=product[:n])
            np.add(kept[:n], product[:n], out=state)
    return [_input_grad(needs, gz_x, w_ih, x), gh, *_weight_grads(needs[2:], gz_x, gz_h, x, previous)]
