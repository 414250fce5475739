"""An LSTM layer with NumPy over sequences of one length: states stand in columns, (hidden, batch).

In each step the states before, the inputs and ones for the bias are one matrix (H + features + 1, n), and its product
with all weights is all gates (4 H, n): BLAS does few columns faster than few rows, and each group of gates is one run
of memory. What is twice a sigmoid is 1 + tanh, so sigmoids and states are kept doubled; powers of two change no digit.

The gates are in the order o, i, f, g, and the cell before the step follows, so that neighbours are done in one call:
the sigmoids o, i, f; the products i g and f c; the slopes of c' by the sums of i, f, g.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microtorch.kernels import products

Array = NDArray[Any]

_ORDER = 3, 0, 1, 2
"""Where PyTorch's weights i, f, g, o have the gates o, i, f, g."""

_CHUNK = 1 << 16
"""Elements of gates of which the slopes are computed at a time: they stay in the processor's cache until they are
used."""


def _rows(gate: int, size: int) -> slice:
    """The rows of one gate."""
    return slice(gate * size, (gate + 1) * size)


def lstm(
    x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, bias: Array, reverse: bool, keep: bool
) -> tuple[Array, Array, Array, Array, Array]:  # fmt: skip
    """x (length, n, features) -> states (length, n, H), the last ones and the last cells (n, H). And, to keep for the
    backward pass: gates and cells (length + 1, 5 H, n) and the inputs of all steps (length + 1, H + features + 1, n),
    in the order of computation."""
    (length, n, features), size, dtype = x.shape, w_hh.shape[1], x.dtype
    half, one, backwards = np.array(0.5, dtype), np.array(1, dtype), -1 if reverse else 1
    weight = np.empty((4, size, size + features + 1), dtype)
    for place, gate in enumerate(_ORDER):
        rows = _rows(gate, size)
        np.multiply(w_hh[rows], half, out=weight[place, :, :size])
        weight[place, :, size:-1], weight[place, :, -1] = w_ih[rows], bias[rows]
    weight[:3] *= half
    weight = weight.reshape(4 * size, -1)
    inputs = np.empty((length + 1, size + features + 1, n), dtype)
    given, states = inputs[:-1], inputs[1:, :size]
    inputs[:, -1] = 1
    given[:, size:-1] = x[::backwards].transpose(0, 2, 1)
    np.multiply(h.T, 2, out=inputs[0, :size])
    values = np.empty((length + 1 if keep else 1, 5 * size, n), dtype)
    values[0, 4 * size :] = c.T

    def each(start: int, stop: int, ahead: int = 0) -> Iterable[Array]:
        """These rows of the values of each step."""
        part = values[:, start * size : stop * size]
        return part[ahead:] if keep else repeat(part[0])

    both, of_cell = np.empty((2 * size, n), dtype), np.empty((size, n), dtype)
    new, kept = both[:size], both[size:]
    blocks = each(0, 4), each(0, 3), each(0, 1), each(1, 3), each(3, 5), each(4, 5, 1)
    for step, state, gates, sigmoids, o, input_forget, candidate_cell, cell in zip(given, states, *blocks):
        np.dot(weight, step, gates)
        np.tanh(gates, gates)
        np.add(sigmoids, one, sigmoids)
        np.multiply(input_forget, candidate_cell, both)
        np.add(new, kept, cell)
        np.multiply(cell, half, cell)
        np.tanh(cell, of_cell)
        np.multiply(o, of_cell, state)
    out = np.empty((length, n, size), dtype)
    np.multiply(states.transpose(0, 2, 1), half, out=out[::backwards])
    return out, (states[-1].T * half).copy("C"), values[-1, 4 * size :].T.copy("C"), values, inputs


def lstm_backward(
    g: Sequence[Any], needs: Sequence[bool], w_ih: Array, w_hh: Array, values: Array, inputs: Array, reverse: bool
) -> list[Any]:  # fmt: skip
    """The gradients of x, h, c, w_ih, w_hh, b_ih, b_hh, given those of the three results (None: zeros), g[0] shaped
    (length, n, H)."""
    (length, _, n), size, features, dtype = values.shape, w_hh.shape[1], w_ih.shape[1], values.dtype
    length -= 1
    half, quarter, backwards = dtype.type(0.5), dtype.type(0.25), -1 if reverse else 1
    # gz has 4 times the gradients of the sums of sigmoids, as those are doubled, and twice those of g
    factors = quarter, quarter, quarter, half
    from_state, from_input = np.empty((4, size, size), dtype), np.empty((4, size, features), dtype)
    for place, (gate, factor) in enumerate(zip(_ORDER, factors)):
        np.multiply(w_hh[_rows(gate, size)], factor, out=from_state[place])
        np.multiply(w_ih[_rows(gate, size)], factor, out=from_input[place])
    to_state = from_state.reshape(4 * size, size).T.copy("C")
    g_out = None if g[0] is None else g[0][::backwards].transpose(0, 2, 1)
    gh, gc = (np.zeros((size, n), dtype) if s is None else s.T.copy("C") for s in g[1:])
    gz = np.empty((length, 4 * size, n), dtype)
    most = max(1, _CHUNK // max(4 * size * n, 1))
    for stop in range(length, 0, -most):
        part = slice(max(stop - most, 0), stop)
        count = stop - part.start
        z = gz[part]
        of_cells, forget = _slopes(values[part], values[part.start + 1 : stop + 1, 4 * size :], z, size)
        seeds: Iterable[Any] = repeat(None) if g_out is None else g_out[part][::-1]
        by_cell = z[:, size:].reshape(count, 3, size, n)
        for seed, whole, o, rest, of_cell, f in zip(
            seeds, z[::-1], z[::-1, :size], by_cell[::-1], of_cells[::-1], forget[::-1]
        ):  # fmt: skip
            if seed is not None:
                np.add(gh, seed, gh)
            np.multiply(of_cell, gh, of_cell)
            np.add(gc, of_cell, gc)
            np.multiply(o, gh, o)
            np.multiply(rest, gc, rest)
            np.multiply(gc, f, gc)
            np.dot(to_state, whole, gh)
    columns = _columns(gz, reverse)
    g_x = None
    if needs[0]:
        g_x = products.matmul(columns.T, from_input.reshape(4 * size, features)).reshape(length, n, features)
    g_ih = g_hh = bias = None
    if any(needs[3:7]):
        total = products.matmul(columns, _columns(inputs[:-1], reverse).T).reshape(4, size, -1)
        g_ih, g_hh, bias = (np.empty((4, size, k), dtype) for k in (features, size, 1))
        for place, (gate, factor) in enumerate(zip(_ORDER, factors)):
            np.multiply(total[place, :, :size], factor * half, out=g_hh[gate])  # (the states are doubled)
            np.multiply(total[place, :, size:-1], factor, out=g_ih[gate])
            np.multiply(total[place, :, -1:], factor, out=bias[gate])
    return [
        g_x,
        gh.T.copy("C"),
        gc.T.copy("C"),
        g_ih.reshape(4 * size, features) if needs[3] and g_ih is not None else None,
        g_hh.reshape(4 * size, size) if needs[4] and g_hh is not None else None,
        bias.reshape(4 * size) if needs[5] and bias is not None else None,
        bias.reshape(4 * size).copy() if needs[6] and bias is not None else None,
    ]


def _slopes(values: Array, cells: Array, result: Array, size: int) -> tuple[Array, Array]:
    """Into result (steps, 4 H, n) four times the slopes of h' by the sum of o and of c' by those of i and f, twice that
    of c' by that of g; returned: the slopes of h' by c', and f."""
    sigmoids, g = values[:, : 3 * size], values[:, 3 * size : 4 * size]
    t = np.tanh(cells)
    slopes, of_g = result[:, : 3 * size], result[:, 3 * size :]
    np.subtract(2, sigmoids, out=slopes)
    slopes *= sigmoids  # of a sigmoid s: s (1 - s)
    slopes[:, :size] *= t
    slopes[:, size:] *= values[:, 3 * size :]  # c' = i g + f c
    np.multiply(g, g, out=of_g)
    np.subtract(1, of_g, out=of_g)  # of a tanh t: 1 - t^2
    of_g *= sigmoids[:, size : 2 * size]
    t *= t
    np.subtract(1, t, out=t)
    t *= sigmoids[:, :size]
    t *= 0.5
    return t, sigmoids[:, 2 * size :] * result.dtype.type(0.5)


def _columns(steps: Array, reverse: bool) -> Array:
    """(length, rows, n) as (rows, length * n), in the order of time."""
    length, rows, n = steps.shape
    if n == 1 and not reverse:
        return steps.reshape(length, rows).T
    result = np.empty((rows, length, n), steps.dtype)
    result[:, :: -1 if reverse else 1] = steps.transpose(1, 0, 2)
    return result.reshape(rows, length * n)
