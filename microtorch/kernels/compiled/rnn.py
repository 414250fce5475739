"""Recurrent layers: all time steps of some sequences of the batch, and what lies between a step's two matrix products.

`gates` (gates, rows, size) and its like hold all steps; a step is the rows from `start` on, as many as its other arrays
have. Loops read few arrays each: LLVM vectorises no loop for which it would have to check many pairs for overlap.

The functions of whole layers (`lstm_layer`, ...) take the first row and the number of sequences of each step, in the
order of computation (`starts`, `counts`), and do the sequences `low` to `high`, so that threads can share the batch.
States and their gradients are in place: where a sequence has ended or not yet begun, they stay what they are.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numpy as np

from microtorch.kernels.compiled import jit
from microtorch.kernels.compiled.math import sigmoid, tanh
from microtorch.kernels.compiled.product import address, by_packed, pack_whole, packed_room


@jit
def _lstm_gates(gates, cells, cell, hidden, start):
    """The nonlinearities of a step's gates, in place; the new cells, from `cell`, and o tanh(c') into `hidden`."""
    n = len(cell)
    for k in range(4):
        x = gates[k, start : start + n].ravel()
        if k == 2:
            for j in range(x.size):
                x[j] = tanh(x[j])
        else:
            for j in range(x.size):
                x[j] = sigmoid(x[j])
    i, f = gates[0, start : start + n].ravel(), gates[1, start : start + n].ravel()
    g, o = gates[2, start : start + n].ravel(), gates[3, start : start + n].ravel()
    new, old, out = cells[start : start + n].ravel(), cell.ravel(), hidden.ravel()
    for j in range(new.size):
        new[j] = f[j] * old[j] + i[j] * g[j]
    for j in range(new.size):
        out[j] = o[j] * tanh(new[j])


@jit
def _lstm_step_backward(gates, cells, previous, g_hidden, g_cell, scratch, gz, start):
    """The gradients of a step's gates before their nonlinearities, into gz (rows, gates * size), and of its cells,
    from that of the next cells, in place."""
    n, size = g_cell.shape
    one = cells.dtype.type(1)
    g_h, g_c, new, g_o = g_hidden.ravel(), g_cell.ravel(), cells[start : start + n].ravel(), scratch[0].ravel()
    o = gates[3, start : start + n].ravel()
    for j in range(new.size):
        t = tanh(new[j])
        g_o[j] = g_h[j] * t * ((one - o[j]) * o[j])
        g_c[j] += g_h[j] * o[j] * (one - t * t)
    for r in range(n):
        i, f, g = gates[0, start + r], gates[1, start + r], gates[2, start + r]
        c, old, z = g_cell[r], previous[r], gz[start + r]
        out = z[:size]
        for j in range(size):
            out[j] = c[j] * g[j] * ((one - i[j]) * i[j])
        out = z[size : 2 * size]
        for j in range(size):
            out[j] = c[j] * old[j] * ((one - f[j]) * f[j])
        out = z[2 * size : 3 * size]
        for j in range(size):
            out[j] = c[j] * i[j] * (one - g[j] * g[j])
        out, up = z[3 * size :], scratch[0, r]
        for j in range(size):
            out[j] = up[j]
    f = gates[1, start : start + n].ravel()
    for j in range(f.size):
        g_c[j] *= f[j]


@jit
def _gru_gates(gates, inner, state, out, start):
    """The nonlinearities of a step's gates, in place; the new states."""
    n = len(state)
    for k in range(2):
        x = gates[k, start : start + n].ravel()
        for j in range(x.size):
            x[j] = sigmoid(x[j])
    r, u = gates[0, start : start + n].ravel(), gates[1, start : start + n].ravel()
    c, hidden = gates[2, start : start + n].ravel(), inner[start : start + n].ravel()
    old, new = state.ravel(), out[start : start + n].ravel()
    for j in range(c.size):
        c[j] = tanh(c[j] + r[j] * hidden[j])
    for j in range(new.size):
        new[j] = c[j] + u[j] * (old[j] - c[j])


@jit
def _gru_step_backward(gates, inner, previous, g, scratch, gz, g_candidate, start):
    """The gradients of W_hh h + b_hh into gz (rows, gates * size), of the candidate before its tanh, and of the state
    before by way of z h, in place."""
    n, size = g.shape
    one = g.dtype.type(1)
    for row in range(n):
        r, u, c = gates[0, start + row], gates[1, start + row], gates[2, start + row]
        h, gh, old, z = inner[start + row], g[row], previous[row], gz[start + row]
        gc = g_candidate[start + row]
        for j in range(size):
            gc[j] = gh[j] * (one - u[j]) * (one - c[j] * c[j])
        out = z[:size]
        for j in range(size):
            out[j] = gc[j] * h[j] * ((one - r[j]) * r[j])
        out = z[size : 2 * size]
        for j in range(size):
            out[j] = gh[j] * (old[j] - c[j]) * ((one - u[j]) * u[j])
        out = z[2 * size : 3 * size]
        for j in range(size):
            out[j] = gc[j] * r[j]
        for j in range(size):
            gh[j] *= u[j]


@jit
def _packed_by_gate(weight, gates):
    """W^T of each gate, packed, from (gates * hidden, features)."""
    size, features = weight.shape[0] // gates, weight.shape[1]
    one = packed_room(weight, features, size)
    packed = np.empty((gates, one.size), weight.dtype)
    for k in range(gates):
        pack_whole(
            packed[k], features, size, address(weight) + k * size * weight.strides[0], weight.strides[1],
            weight.strides[0],
        )  # fmt: skip
    return packed


@jit
def _state_to_gates(packed, state, low, gates, k, first, rows):
    """gates[k, first : first + rows] += state[low : low + rows] @ the packed weight of that gate."""
    size, row = gates.shape[2], gates.strides[1]
    out = address(gates) + k * gates.strides[0] + first * row
    by_packed(
        packed, rows, state.shape[1], size, address(state) + low * state.strides[0], state.strides[0], state.itemsize,
        out, row, out, row,
    )  # fmt: skip


@jit
def _gates_to_state(packed, gz, first, rows, gh, low, more):
    """gh[low : low + rows] = (or, if more, +=) gz[first : first + rows] @ the packed weight."""
    out, row = address(gh) + low * gh.strides[0], gh.strides[0]
    by_packed(
        packed, rows, gz.shape[1], gh.shape[1], address(gz) + first * gz.strides[0], gz.strides[0], gz.itemsize,
        out if more else 0, row, out, row,
    )  # fmt: skip


@jit
def _packed(weight):
    """A weight as the right factor of products, packed."""
    packed = packed_room(weight, weight.shape[0], weight.shape[1])
    pack_whole(packed, weight.shape[0], weight.shape[1], address(weight), weight.strides[0], weight.strides[1])
    return packed


@jit
def _copy_rows(source, start, target, at, rows):
    """target[at : at + rows] = source[start : start + rows]"""
    a, b = source[start : start + rows].ravel(), target[at : at + rows].ravel()
    for j in range(a.size):
        b[j] = a[j]


@jit
def _add_rows(source, start, target, at, rows):
    """target[at : at + rows] += source[start : start + rows], unless the source is empty"""
    if source.size:
        a, b = source[start : start + rows].ravel(), target[at : at + rows].ravel()
        for j in range(a.size):
            b[j] += a[j]


@jit
def _before(states, initial, starts, counts, s, low, rows, into):
    """The states before the s-th step of `rows` sequences from `low` on: the last ones of each, or the initial ones."""
    seen = min(max(counts[s - 1] - low, 0), rows) if s else 0
    if seen:
        _copy_rows(states, starts[s - 1] + low, into, 0, seen)
    _copy_rows(initial, low + seen, into, seen, rows - seen)


@jit
def rnn_layer(out, w_hh, state, relu, starts, counts, low, high):
    """The states, in place of the input's part in `out`, and the last ones."""
    packed, zero = _packed_by_gate(w_hh, 1), out.dtype.type(0)
    gates = out.reshape((1, out.shape[0], out.shape[1]))
    for s in range(starts.size):
        rows = min(high, counts[s]) - low
        if rows <= 0:
            continue
        first = starts[s] + low
        _state_to_gates(packed[0], state, low, gates, 0, first, rows)
        new, last = out[first : first + rows].ravel(), state[low : low + rows].ravel()
        if relu:
            for j in range(new.size):
                new[j] = new[j] if new[j] > zero or new[j] != new[j] else zero
        else:
            for j in range(new.size):
                new[j] = tanh(new[j])
        for j in range(new.size):
            last[j] = new[j]


@jit
def rnn_layer_backward(slope, w_hh, gh, g_out, gz, starts, counts, low, high):
    """gz, and the gradient of the initial states, from that of the last ones, in place. g_out: of the states, or
    empty."""
    packed = _packed(w_hh)
    for s in range(starts.size - 1, -1, -1):
        rows = min(high, counts[s]) - low
        if rows <= 0:
            continue
        first = starts[s] + low
        g, z, d = gh[low : low + rows].ravel(), gz[first : first + rows].ravel(), slope[first : first + rows].ravel()
        _add_rows(g_out, first, gh, low, rows)
        for j in range(g.size):
            z[j] = g[j] * d[j]
        _gates_to_state(packed, gz, first, rows, gh, low, False)


@jit
def lstm_layer(gates, w_hh, state, cell, cells, out, starts, counts, low, high):
    """Gates from the input's part, in place; cells and states of all steps, and the last ones."""
    packed = _packed_by_gate(w_hh, 4)
    for s in range(starts.size):
        rows = min(high, counts[s]) - low
        if rows <= 0:
            continue
        first = starts[s] + low
        for k in range(4):
            _state_to_gates(packed[k], state, low, gates, k, first, rows)
        _lstm_gates(gates, cells, cell[low : low + rows], out[first : first + rows], first)
        _copy_rows(out, first, state, low, rows)
        _copy_rows(cells, first, cell, low, rows)


_STEPS = 64
"""Rows of gates of which the inputs' part is computed at a time, where a step alone has few."""
_WHOLE = 64
"""Elements that loops of several vectors at a time do at once: fewer would be done one by one."""


@jit
def _copied(source, target, count):
    a, b = source[:count], target[:count]
    for j in range(a.size):
        b[j] = a[j]


@jit
def _lstm_state(gates, apart, hidden, cells, new, count):
    """The next hidden states and cells, in place, from the sums of i, f, g, o, which are `apart` from each other."""
    i, f, g = gates[:count], gates[apart : apart + count], gates[2 * apart : 2 * apart + count]
    o, c, h, part = gates[3 * apart : 3 * apart + count], cells[:count], hidden[:count], new[:count]
    for j in range(part.size):
        part[j] = sigmoid(i[j])
    for j in range(part.size):
        part[j] *= tanh(g[j])
    for j in range(c.size):
        c[j] = sigmoid(f[j]) * c[j] + part[j]
    for j in range(h.size):
        h[j] = sigmoid(o[j])
    for j in range(h.size):
        h[j] *= tanh(c[j])


@jit
def lstm_states(x, w_ih, w_hh, bias, state, cell, out, starts, counts, low, high):
    """States of all steps, and the last ones and cells in place, from the inputs x (rows, features)."""
    size, features, most, item = out.shape[1], x.shape[1], high - low, x.itemsize
    parts = 1 if most == 1 else 4  # of one sequence the gates lie side by side, and are one product
    columns = 4 * size // parts
    from_input, from_state = _packed_by_gate(w_ih, parts), _packed_by_gate(w_hh, parts)
    together = 1  # steps whose rows lie one after the other, and are done in the order of memory
    if low == 0 and high == counts[0] and counts[0] == counts[-1] and (len(starts) == 1 or starts[1] > starts[0]):
        together = max(1, _STEPS // max(high, 1))
    room = max(most, _STEPS) + 8
    apart, row = (size, 4 * size) if parts == 1 else (room * size, size)
    gates, filled = np.empty(4 * room * size + _WHOLE, x.dtype), 0
    # what lies behind the last sequence is computed with it, and used by nobody
    extent = most * size + _WHOLE
    hidden, cells, new = np.zeros(extent, x.dtype), np.zeros(extent, x.dtype), np.empty(extent, x.dtype)
    _copied(state[low:high].ravel(), hidden, most * size)
    _copied(cell[low:high].ravel(), cells, most * size)
    for s in range(starts.size):
        rows = min(high, counts[s]) - low
        if rows <= 0:
            continue
        first = starts[s] + low
        if s % together == 0:
            filled = rows * min(together, starts.size - s)
            for k in range(parts):
                by_packed(
                    from_input[k], filled, features, columns, address(x) + first * x.strides[0], x.strides[0], item,
                    address(bias) + k * columns * item, 0, address(gates) + k * apart * item, row * item,
                )  # fmt: skip
        at = s % together * rows * row
        for k in range(parts):
            place = address(gates) + (k * apart + at) * item
            by_packed(
                from_state[k], rows, size, columns, address(hidden), size * item, item, place, row * item, place,
                row * item,
            )  # fmt: skip
        count = rows * size
        _lstm_state(
            gates[at:], apart, hidden, cells, new, (count + _WHOLE - 1) // _WHOLE * _WHOLE if rows == most else count
        )  # fmt: skip
        _copied(hidden, out[first : first + rows].ravel(), count)
    _copied(hidden, state[low:high].ravel(), most * size)
    _copied(cells, cell[low:high].ravel(), most * size)


@jit
def lstm_layer_backward(gates, cells, w_hh, c, gh, gc, g_out, gz, starts, counts, low, high):
    """gz (rows, gates * size), and the gradients of the initial states and cells, from those of the last ones, in
    place. g_out: of the states, or empty; c: the initial cells."""
    packed, scratch, previous = _packed(w_hh), np.empty((1, *c.shape), c.dtype), np.empty(c.shape, c.dtype)
    for s in range(starts.size - 1, -1, -1):
        rows = min(high, counts[s]) - low
        if rows <= 0:
            continue
        first, g = starts[s] + low, gh[low : low + rows]
        _add_rows(g_out, first, gh, low, rows)
        _before(cells, c, starts, counts, s, low, rows, previous)
        _lstm_step_backward(gates, cells, previous, g, gc[low : low + rows], scratch, gz, first)
        _gates_to_state(packed, gz, first, rows, gh, low, False)


@jit
def gru_layer(gates, inner, w_hh, bias, state, out, starts, counts, low, high):
    """Gates from the input's part, in place; W_hn h + bias; states of all steps, and the last ones."""
    packed, row = _packed_by_gate(w_hh, 3), inner.strides[0]
    for s in range(starts.size):
        rows = min(high, counts[s]) - low
        if rows <= 0:
            continue
        first = starts[s] + low
        for k in range(2):
            _state_to_gates(packed[k], state, low, gates, k, first, rows)
        by_packed(
            packed[2], rows, state.shape[1], state.shape[1], address(state) + low * row, row, inner.itemsize,
            address(bias), 0, address(inner) + first * row, row,
        )  # fmt: skip
        _gru_gates(gates, inner, state[low : low + rows], out, first)
        _copy_rows(out, first, state, low, rows)


@jit
def gru_layer_backward(gates, inner, out, w_hh, h, gh, g_out, gz, g_candidate, starts, counts, low, high):
    """gz (rows, gates * size), the gradient of the candidates before their tanh, and that of the initial states from
    that of the last ones, in place. g_out: of the states, or empty; h: the initial states."""
    packed, scratch, previous = _packed(w_hh), np.empty((1, *h.shape), h.dtype), np.empty(h.shape, h.dtype)
    for s in range(starts.size - 1, -1, -1):
        rows = min(high, counts[s]) - low
        if rows <= 0:
            continue
        first, g = starts[s] + low, gh[low : low + rows]
        _add_rows(g_out, first, gh, low, rows)
        _before(out, h, starts, counts, s, low, rows, previous)
        _gru_step_backward(gates, inner, previous, g, scratch, gz, g_candidate, first)
        _gates_to_state(packed, gz, first, rows, gh, low, True)
