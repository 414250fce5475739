"""Recurrent layers: one layer in one direction over whole sequences, forwards and backwards.

The rows of all time steps lie one after another in x (total, features): `sizes[t]` rows of step t, never more than of
step t - 1. So sequences of one length are `sizes = (batch,) * length`, and those of several lengths, longest first,
are a PackedSequence. (x may also be (length, batch, features), and the result is then shaped alike.) What does not
depend on the step before (the product with the input weights, the gradients of all weights) is one big matrix product;
the loop over time does the rest.

`gates` (gates, total, hidden) are the values after their nonlinearities, as PyTorch orders their weights: i, f, g, o
for the LSTM, r, z, n for the GRU. Each gate is one block, so that what is done to it in a step is done to one run of
memory. The loop over time has a compiled twin, with its products in it: compiled/rnn.py.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microtorch.kernels import products, threads, twins

Array = NDArray[Any]

_SEQUENCES = 8
"""Sequences that are worth a thread: the rows of a tile of `compiled.product`."""


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


def _replaced(state: Array, new: Array) -> Array:
    """The state with its first rows replaced: the other sequences have ended, or not yet begun."""
    return new if len(new) == len(state) else np.concatenate([new, state[len(new) :]])


def _affine(x: Array, weight: Array, *biases: Array | None) -> Array:
    """x W^T + the biases, in a new array."""
    result = products.matmul(x, weight.T)
    given = [b for b in biases if b is not None]
    if given:
        result += given[0] if len(given) == 1 else given[0] + given[1]
    return result


def _by_gate(weight: Array, gates: int) -> Array:
    """W^T of each gate: (gates * hidden, features) as (gates, features, hidden)."""
    return weight.reshape(gates, -1, weight.shape[1]).transpose(0, 2, 1)


def _first_rows(product: Array, n: int) -> Array:
    """The beginning of a buffer (gates, batch, hidden) as a whole one of n rows (gates, n, hidden)."""
    gates, batch, size = product.shape
    return product if n == batch else product.reshape(-1)[: gates * n * size].reshape(gates, n, size)


def _previous(states: Array, initial: Array, order: list[tuple[slice, int]], k: int) -> Array:
    """The states before the k-th step in the order of computation: those of the step before, where that has them."""
    n = order[k][1]
    if not k:
        return initial[:n]
    rows, m = order[k - 1]
    if m >= n:
        return states[rows.start : rows.start + n]
    return np.concatenate([states[rows], initial[m:n]])


def _compiled(work: int, *arrays: Array) -> Any:
    """The twins for that many gates; they pay for fewer elements than others, as a step in NumPy has many calls."""
    return twins.of("rnn") if 8 * work >= twins.least and twins.takes(*arrays) else None


def _share_batch(layer: Any, sizes: Sequence[int], reverse: bool, *arguments: Any) -> None:
    """`layer(*arguments, starts, counts, low, high)` of all sequences: the threads share them."""
    order = steps(sizes, reverse)
    starts, counts = np.array([rows.start for rows, _ in order]), np.array([n for _, n in order])
    parts = threads.shares(max(sizes, default=0), _SEQUENCES)
    threads.run([functools.partial(layer, *arguments, starts, counts, low, high) for low, high in parts])


def _given(g: Array | None, like: Array) -> Array:
    """A gradient's rows side by side; an empty array if there is none."""
    return np.empty((0, like.shape[1]), like.dtype) if g is None else np.ascontiguousarray(g)


# plain: h' = tanh or relu of (W_ih x + b_ih + W_hh h + b_hh) ---------------------------------------------------------


def rnn_layer(
    x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, sizes: Sequence[int], reverse: bool, relu: bool
) -> tuple[Array, Array]:  # fmt: skip
    """All hidden states (total, H), and the last of each sequence (batch, H)."""
    out = _affine(_rows(x), w_ih, b_ih, b_hh)
    if (fast := _compiled(4 * out.size, out, w_hh)) is not None:
        state = h.copy("C")
        _share_batch(fast.rnn_layer, sizes, reverse, out, w_hh, state, relu)
        return out.reshape(*x.shape[:-1], h.shape[1]), state
    state, product, weight = h, np.empty_like(h), w_hh.T
    for rows, n in steps(sizes, reverse):
        z = out[rows]
        z += products.matmul(state[:n], weight, out=product[:n])
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
    slope = (out > 0).astype(gz.dtype) if relu else 1 - out * out
    gh = np.zeros(h.shape, h.dtype) if g_last is None else g_last.copy("C")
    if (fast := _compiled(4 * out.size, gz, slope, w_hh)) is not None:
        _share_batch(fast.rnn_layer_backward, sizes, reverse, slope, w_hh, gh, _given(g_out, gz), gz)
    else:
        for rows, n in steps(sizes, not reverse):
            state = gh[:n]
            if g_out is not None:
                state += g_out[rows]
            np.multiply(state, slope[rows], out=gz[rows])
            products.matmul(gz[rows], w_hh, out=state)
    bias = gz.sum(0) if needs[4] or needs[5] else None
    return [
        products.matmul(gz, w_ih).reshape(x.shape) if needs[0] else None,
        gh,
        products.matmul(gz.T, _rows(x)) if needs[2] else None,
        _recurrent_grad(gz, out, h, sizes, reverse) if needs[3] else None,
        bias if needs[4] else None,
        _own(bias, needs[4]) if needs[5] else None,
    ]


def _recurrent_grad(gz: Array, out: Array, h: Array, sizes: Sequence[int], reverse: bool) -> Array:
    """The gradient of w_hh: gz^T times the states before."""
    if len(sizes) == 1:
        return products.matmul(gz.T, h)
    if not len(sizes) or sizes[0] != sizes[-1]:
        return products.matmul(gz.T, before(out, h, sizes, reverse))
    n = sizes[0]
    first, later, earlier = (gz[-n:], gz[:-n], out[n:]) if reverse else (gz[:n], gz[n:], out[:-n])
    result = products.matmul(later.T, earlier)
    result += products.matmul(first.T, h)
    return result


def _own(bias: Any, given: bool) -> Any:
    """The gradient of the second bias: each leaf owns its gradient, so a copy if the first one has got the array."""
    return bias.copy() if given else bias


# LSTM: Hochreiter and Schmidhuber (1997), with forget gates; projections: https://arxiv.org/abs/1402.1128 ------------


def lstm_layer(
    x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, w_hr: Any, sizes: Sequence[int],
    reverse: bool,
) -> tuple[Array, Array, Array, Array, Array]:  # fmt: skip
    """All hidden states (total, P), the last ones (batch, P), the last cells (batch, H); and all gates and cells."""
    batch, size = c.shape
    gates = products.matmul(_rows(x), _by_gate(w_ih, 4))
    if b_ih is not None:
        gates += (b_ih + b_hh).reshape(4, 1, size)
    cells, out = np.empty((gates.shape[1], size), x.dtype), np.empty((gates.shape[1], h.shape[1]), x.dtype)
    fast = _compiled(gates.size, gates, w_hh)
    if fast is not None and w_hr is None:
        state, cell = h.copy("C"), c.copy("C")
        _share_batch(fast.lstm_layer, sizes, reverse, gates, w_hh, state, cell, cells, out)
        return out.reshape(*x.shape[:-1], size), state, cell, gates, cells
    state, cell, weight, product = h, np.ascontiguousarray(c), _by_gate(w_hh, 4), np.empty((4, batch, size), x.dtype)
    step = lstm_step if fast is None else fast.lstm_step
    for rows, n in steps(sizes, reverse):
        p = _first_rows(product, n)
        products.matmul(state[:n], weight, out=p)
        hidden = out[rows] if w_hr is None else np.empty_like(cell[:n])
        step(gates, p, cells, cell[:n], hidden, rows.start)
        if w_hr is not None:
            products.matmul(hidden, w_hr.T, out=out[rows])
        state, cell = _replaced(state, out[rows]), _replaced(cell, cells[rows])
    return out.reshape(*x.shape[:-1], h.shape[1]), state.copy(), cell.copy(), gates, cells


def lstm_step(gates: Array, product: Array, cells: Array, cell: Array, hidden: Array, start: int) -> None:
    """The step at those rows: its gates, in place, from the input's part and the state's (which is overwritten); then
    the new cells, and o tanh(c') into `hidden`. cell: the cells before."""
    rows = slice(start, start + len(cell))
    z, new = gates[:, rows], cells[rows]
    scale, shift = _SCALES[z.dtype]
    z += product
    z *= scale  # sigmoid(z) = tanh(z / 2) / 2 + 1 / 2
    np.tanh(z, out=z)
    z *= scale
    z += shift
    i, f, g, o = z
    np.multiply(f, cell, out=new)
    new += np.multiply(i, g, out=product[0])
    np.tanh(new, out=hidden)
    hidden *= o


class _Scales(dict[Any, tuple[Array, Array]]):
    """For each dtype the factors and shifts that make of tanh a sigmoid, for the gates i, f, o, and leave g alone."""

    def __missing__(self, dtype: Any) -> tuple[Array, Array]:
        column = np.array([0.5, 0.5, 1, 0.5]).reshape(4, 1, 1), np.array([0.5, 0.5, 0, 0.5]).reshape(4, 1, 1)
        self[dtype] = column[0].astype(dtype), column[1].astype(dtype)
        return self[dtype]


_SCALES = _Scales()


def lstm_layer_backward(
    g: Sequence[Any], needs: Sequence[bool], x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, w_hr: Any,
    out: Array, gates: Array, cells: Array, sizes: Sequence[int], reverse: bool,
) -> list[Any]:  # fmt: skip
    """The gradients of x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, given those of the three results (None: zeros)."""
    g_out, g_last, g_cell = _rows(g[0]), g[1], g[2]
    (batch, size), out, order = c.shape, _rows(out), steps(sizes, reverse)
    gz, scratch = np.empty((len(cells), 4 * size), x.dtype), np.empty((4, batch, size), x.dtype)
    gh = np.zeros(h.shape, h.dtype) if g_last is None else g_last.copy("C")
    gc = np.zeros(c.shape, c.dtype) if g_cell is None else g_cell.copy("C")
    c = np.ascontiguousarray(c)
    g_out_projected = None if w_hr is None else np.empty_like(out)
    fast = _compiled(gates.size, gates, cells, w_hh)
    if fast is not None and w_hr is None:
        _share_batch(
            fast.lstm_layer_backward, sizes, reverse, gates, cells, w_hh, c, gh, gc, _given(g_out, out), gz
        )  # fmt: skip
    else:
        step = lstm_step_backward if fast is None else fast.lstm_step_backward
        for k in reversed(range(len(order))):
            rows, n = order[k]
            g_hidden = state = gh[:n]
            if g_out is not None:
                state += g_out[rows]
            if g_out_projected is not None:
                g_out_projected[rows] = state
                g_hidden = products.matmul(state, w_hr)
            step(gates, cells, _previous(cells, c, order, k), g_hidden, gc[:n], _first_rows(scratch, n), gz, rows.start)
            products.matmul(gz[rows], w_hh, out=state)
    bias = gz.sum(0) if needs[5] or needs[6] else None
    projection = None
    if g_out_projected is not None and needs[7]:
        projection = products.matmul(g_out_projected.T, gates[3] * np.tanh(cells))
    return [
        products.matmul(gz, w_ih).reshape(x.shape) if needs[0] else None,
        gh,
        gc,
        products.matmul(gz.T, _rows(x)) if needs[3] else None,
        _recurrent_grad(gz, out, h, sizes, reverse) if needs[4] else None,
        bias if needs[5] else None,
        _own(bias, needs[5]) if needs[6] else None,
        projection,
    ]


def lstm_step_backward(
    gates: Array, cells: Array, previous: Array, g_hidden: Array, g_cell: Array, scratch: Array, gz: Array, start: int
) -> None:
    """The gradients of the gates before their nonlinearities into gz (total, 4 H), and of the cells before, from that
    of the cells, in place. scratch: (4, n, H)."""
    n, size = g_cell.shape
    rows = slice(start, start + n)
    z, result = gates[:, rows], gz[rows].reshape(n, 4, size).transpose(1, 0, 2)
    i, f, g, o = z
    t = np.tanh(cells[rows])
    slopes = np.subtract(1, z, out=scratch)
    slopes *= z  # of a sigmoid s: s (1 - s)
    slopes[0] *= g
    slopes[1] *= previous
    slopes[3] *= t
    np.multiply(g, g, out=slopes[2])
    np.subtract(1, slopes[2], out=slopes[2])  # of a tanh t: 1 - t^2
    slopes[2] *= i
    t *= t
    np.subtract(1, t, out=t)
    t *= o
    t *= g_hidden
    g_cell += t
    np.multiply(slopes[:3], g_cell, out=result[:3])
    np.multiply(slopes[3], g_hidden, out=result[3])
    g_cell *= f


# GRU: Cho et al., https://arxiv.org/abs/1406.1078, the reset gate after the product as in cuDNN ----------------------


def gru_layer(
    x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, sizes: Sequence[int], reverse: bool
) -> tuple[Array, Array, Array, Array]:
    """All hidden states (total, H), the last ones (batch, H); all gates, and W_hn h + b_hn."""
    batch, size = h.shape
    gates = products.matmul(_rows(x), _by_gate(w_ih, 3))
    bias = np.zeros(h.shape, x.dtype)
    if b_ih is not None:
        gates += b_ih.reshape(3, 1, size)
        gates[:2] += b_hh[: 2 * size].reshape(2, 1, size)
        bias += b_hh[2 * size :]
    out, inner = np.empty(gates.shape[1:], x.dtype), np.empty(gates.shape[1:], x.dtype)
    if (fast := _compiled(gates.size, gates, w_hh)) is not None:
        state = h.copy("C")
        of_candidate = np.zeros(size, x.dtype) if b_hh is None else np.ascontiguousarray(b_hh[2 * size :])
        _share_batch(fast.gru_layer, sizes, reverse, gates, inner, w_hh, of_candidate, state, out)
        return out.reshape(*x.shape[:-1], size), state, gates, inner
    state, weight, product = np.ascontiguousarray(h), _by_gate(w_hh, 3), np.empty((3, batch, size), x.dtype)
    for rows, n in steps(sizes, reverse):
        p = _first_rows(product, n)
        products.matmul(state[:n], weight, out=p)
        gru_step(gates, p, inner, bias[:n], state[:n], out, rows.start)
        state = _replaced(state, out[rows])
    return out.reshape(*x.shape[:-1], size), state.copy(), gates, inner


def gru_step(
    gates: Array, product: Array, inner: Array, bias: Array, state: Array, out: Array, start: int
) -> None:  # fmt: skip
    """The step at those rows: its gates, in place, from the input's part and the state's; W_hn h + b_hn into `inner`;
    and the new states into `out`. bias: b_hn for each row."""
    rows = slice(start, start + len(state))
    z, new, hidden = gates[:, rows], out[rows], inner[rows]
    both, candidate = z[:2], z[2]
    half = z.dtype.type(0.5)
    both += product[:2]
    both *= half  # sigmoid(z) = tanh(z / 2) / 2 + 1 / 2
    np.tanh(both, out=both)
    both *= half
    both += half
    np.add(product[2], bias, out=hidden)
    candidate += np.multiply(z[0], hidden, out=new)
    np.tanh(candidate, out=candidate)
    np.subtract(state, candidate, out=new)  # h' = n + z (h - n)
    new *= z[1]
    new += candidate


def gru_layer_backward(
    g: Sequence[Any], needs: Sequence[bool], x: Array, h: Array, w_ih: Array, w_hh: Array, out: Array, gates: Array,
    inner: Array, sizes: Sequence[int], reverse: bool,
) -> list[Any]:  # fmt: skip
    """The gradients of x, h, w_ih, w_hh, b_ih, b_hh, given those of the two results (None: zeros)."""
    g_out, g_last, x_rows = _rows(g[0]), g[1], _rows(x)
    (batch, size), out, order = h.shape, _rows(out), steps(sizes, reverse)
    # of W_hh h + b_hh; it is also that of W_ih x + b_ih but for the candidate n, whose state's part r multiplies
    gz, g_candidate = np.empty((len(out), 3 * size), x.dtype), np.empty_like(out)
    gh = np.zeros(h.shape, h.dtype) if g_last is None else g_last.copy("C")
    h, product, scratch = np.ascontiguousarray(h), np.empty_like(gh), np.empty((3, batch, size), x.dtype)
    if (fast := _compiled(gates.size, gates, inner, w_hh)) is not None:
        _share_batch(
            fast.gru_layer_backward, sizes, reverse, gates, inner, out, w_hh, h, gh, _given(g_out, out), gz,
            g_candidate,
        )  # fmt: skip
    else:
        for k in reversed(range(len(order))):
            rows, n = order[k]
            state = gh[:n]
            if g_out is not None:
                state += g_out[rows]
            previous, room = _previous(out, h, order, k), _first_rows(scratch, n)
            gru_step_backward(gates, inner, previous, state, room, gz, g_candidate, rows.start)
            state += products.matmul(gz[rows], w_hh, out=product[:n])
    both = gz[:, : 2 * size]
    g_x = g_w = g_b = g_bh = None
    if needs[0]:
        g_x = products.matmul(both, w_ih[: 2 * size])
        g_x += products.matmul(g_candidate, w_ih[2 * size :])
        g_x = g_x.reshape(x.shape)
    if needs[2]:
        g_w = np.empty((3 * size, x_rows.shape[1]), x.dtype)
        products.matmul(both.T, x_rows, out=g_w[: 2 * size])
        products.matmul(g_candidate.T, x_rows, out=g_w[2 * size :])
    if needs[4] or needs[5]:
        g_bh = gz.sum(0)
        g_b = np.concatenate([g_bh[: 2 * size], g_candidate.sum(0)])
    recurrent = _recurrent_grad(gz, out, h, sizes, reverse) if needs[3] else None
    return [g_x, gh, g_w, recurrent, g_b if needs[4] else None, g_bh if needs[5] else None]


def gru_step_backward(
    gates: Array, inner: Array, previous: Array, g: Array, scratch: Array, gz: Array, g_candidate: Array, start: int
) -> None:
    """The gradients of W_hh h + b_hh into gz (total, 3 H), of the candidate before its tanh into `g_candidate`, and of
    the state before by way of z h, from that of the state, in place. scratch: (3, n, H)."""
    n, size = g.shape
    rows = slice(start, start + n)
    z, result, candidate = gates[:, rows], gz[rows].reshape(n, 3, size).transpose(1, 0, 2), g_candidate[rows]
    reset, update, new = z
    slopes = np.subtract(1, z, out=scratch)
    np.multiply(slopes[1], g, out=candidate)  # h' = (1 - z) n + z h
    np.multiply(slopes[:2], z[:2], out=slopes[:2])  # of a sigmoid s: s (1 - s)
    np.multiply(new, new, out=slopes[2])
    np.subtract(1, slopes[2], out=slopes[2])  # of a tanh t: 1 - t^2
    candidate *= slopes[2]
    np.subtract(previous, new, out=slopes[2])
    slopes[1] *= slopes[2]
    np.multiply(slopes[1], g, out=result[1])
    slopes[0] *= inner[rows]
    np.multiply(slopes[0], candidate, out=result[0])
    np.multiply(candidate, reset, out=result[2])
    g *= update
