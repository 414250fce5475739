"""Recurrent layers: one layer in one direction over whole sequences, forwards and backwards.

The rows of all time steps lie one after another in x (total, features): `sizes[t]` rows of step t, never more than of
step t - 1. So sequences of one length are `sizes = (batch,) * length`, and those of several lengths, longest first,
are a PackedSequence. (x may also be (length, batch, features), and the result is then shaped alike.) What does not
depend on the step before (the product with the input weights, the gradients of all weights) is one big matrix product;
the loop over time does the rest.

`gates` (gates, total, hidden) are the values after their nonlinearities, as PyTorch orders their weights: i, f, g, o
for the LSTM, r, z, n for the GRU. Each gate is one block, so that what is done to it in a step is done to one run of
memory. The loop over time has a compiled twin, with its products in it: compiled/rnn.py.

In NumPy a call costs as much as a thousand elements, so the loop has as few of them as can be: a sigmoid is
(1 + tanh(z / 2)) / 2, whose halves are taken of the weights, and what the backward pass can know before it begins (the
slopes of all gates) is computed for many steps at once.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microtorch.kernels import products, rnn_even, threads, twins
from microtorch.kernels.linalg import linear

Array = NDArray[Any]

_SEQUENCES = 8
"""Sequences that are worth a thread: the rows of a tile of `compiled.product`."""
_WORK = 1 << 23
"""Multiply-adds of a compiled layer from which the threads share them: 80 us on one."""


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


def _product(x: Array, y: Array, out: Array | None = None) -> Array:
    """x @ y beside a loop in NumPy: BLAS's own threads do it, which are awake from the loop's products."""
    return np.matmul(x, y, order="C") if out is None else np.matmul(x, y, out=out)


def _affine(matmul: Any, x: Array, weight: Array, *biases: Array | None) -> Array:
    """x W^T + the biases, in a new array."""
    result: Array = matmul(x, weight.T)
    given = [b for b in biases if b is not None]
    if given:
        result += given[0] if len(given) == 1 else given[0] + given[1]
    return result


def _by_gate(weight: Array, gates: int) -> Array:
    """W^T of each gate: (gates * hidden, features) as (gates, features, hidden)."""
    return weight.reshape(gates, weight.shape[0] // gates, weight.shape[1]).transpose(0, 2, 1)


def _input_part(x: Array, weight: Array, bias: Array | None, scale: Array | None) -> Array:
    """x (total, features) times the weight of each gate (gates, features, hidden), plus bias (gates, 1, hidden); all
    times a factor for each gate. With a factor, the bias is the weight of one more feature, which is 1 everywhere: that
    costs less than another pass over the gates."""
    if scale is None or bias is None:
        gates = _product(x, weight if scale is None else weight * scale)
        if bias is not None:
            gates += bias
        return gates
    (total, features), (gate, _, size) = x.shape, weight.shape
    with_one, both = np.empty((total, features + 1), x.dtype), np.empty((gate, features + 1, size), x.dtype)
    with_one[:, :-1], with_one[:, -1] = x, 1
    both[:, :-1], both[:, -1:] = weight, bias
    both *= scale
    return _product(with_one, both)


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


_CHUNK = 1 << 15
"""Elements of gates of which the slopes are computed at a time: they stay in the processor's cache until they are
used."""


def _chunks(order: list[tuple[slice, int]], width: int) -> list[tuple[list[int], int, int]]:
    """The steps from the last computed to the first, in groups of about `_CHUNK / width` rows: (steps, begin, end), the
    rows of a group being those from begin to end."""
    groups: list[tuple[list[int], int, int]] = []
    most = _CHUNK // max(width, 1)
    for k in reversed(range(len(order))):
        rows, n = order[k]
        if groups and groups[-1][2] - groups[-1][1] + n <= most:
            group, begin, end = groups[-1]
            group.append(k)
            groups[-1] = group, min(begin, rows.start), max(end, rows.stop)
        else:
            groups.append(([k], rows.start, rows.stop))
    return groups


def _all_previous(states: Array, initial: Array, order: list[tuple[slice, int]], group: list[int]) -> Array:
    """The states before the steps of a group, in the order of memory."""
    if len(group) == 1:
        return _previous(states, initial, order, group[0])
    parts = [_previous(states, initial, order, k) for k in group]
    return np.concatenate(parts if order[group[0]][0].start < order[group[1]][0].start else parts[::-1])


def _compiled(work: int, weight: Array) -> Any:
    """The twins for that many gates; they pay for fewer elements than others, as a step in NumPy has many calls."""
    return twins.of("rnn") if 8 * work >= twins.least and twins.takes(weight) else None


def _share_batch(layer: Any, weight: Array, sizes: Sequence[int], reverse: bool, *arguments: Any) -> None:
    """`layer(*arguments, starts, counts, low, high)` of all sequences: the threads share them."""
    counts = np.array(sizes)
    starts = counts.cumsum() - counts
    if reverse:
        starts, counts = starts[::-1].copy(), counts[::-1].copy()
    few = sum(sizes) * weight.size < _WORK
    parts = [(0, max(sizes))] if few else threads.shares(max(sizes), _SEQUENCES)
    threads.run([functools.partial(layer, *arguments, starts, counts, low, high) for low, high in parts])


def _given(g: Array | None, like: Array) -> Array:
    """A gradient's rows side by side; an empty array if there is none."""
    return np.empty((0, like.shape[1]), like.dtype) if g is None else np.ascontiguousarray(g)


# plain: h' = tanh or relu of (W_ih x + b_ih + W_hh h + b_hh) ---------------------------------------------------------


def rnn_layer(
    x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, sizes: Sequence[int], reverse: bool, relu: bool
) -> tuple[Array, Array]:  # fmt: skip
    """All hidden states (total, H), and the last of each sequence (batch, H)."""
    fast = _compiled(4 * sum(sizes) * h.shape[1], w_hh)
    out = _affine(_product if fast is None else products.matmul, _rows(x), w_ih, b_ih, b_hh)
    if fast is not None:
        state = h.copy("C")
        _share_batch(fast.rnn_layer, w_hh, sizes, reverse, out, w_hh, state, relu)
        return out.reshape(*x.shape[:-1], h.shape[1]), state
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
    sizes: Sequence[int], reverse: bool, relu: bool,
) -> list[Any]:  # fmt: skip
    """The gradients of x, h, w_ih, w_hh, b_ih, b_hh, given those of the two results (None: zeros)."""
    g_out, g_last = _rows(g[0]), g[1]
    out = _rows(out)
    gz = np.empty_like(out)
    slope = (out > 0).astype(gz.dtype) if relu else 1 - out * out
    gh = np.zeros(h.shape, h.dtype) if g_last is None else g_last.copy("C")
    matmul = _product
    if (fast := _compiled(4 * out.size, w_hh)) is not None:
        matmul = products.matmul
        _share_batch(fast.rnn_layer_backward, w_hh, sizes, reverse, slope, w_hh, gh, _given(g_out, gz), gz)
    else:
        for rows, n in steps(sizes, not reverse):
            state = gh[:n]
            if g_out is not None:
                state += g_out[rows]
            np.multiply(state, slope[rows], out=gz[rows])
            np.matmul(gz[rows], w_hh, out=state)
    bias = gz.sum(0) if needs[4] or needs[5] else None
    return [
        matmul(gz, w_ih).reshape(x.shape) if needs[0] else None,
        gh,
        matmul(gz.T, _rows(x)) if needs[2] else None,
        _recurrent_grad(matmul, gz, out, h, sizes, reverse) if needs[3] else None,
        bias if needs[4] else None,
        _own(bias, needs[4]) if needs[5] else None,
    ]


def _recurrent_grad(
    matmul: Any, gz: Array, out: Array, h: Array, sizes: Sequence[int], reverse: bool
) -> Array:  # fmt: skip
    """The gradient of w_hh: gz^T times the states before."""
    result: Array
    if len(sizes) == 1:
        result = matmul(gz.T, h)
    elif not len(sizes) or sizes[0] != sizes[-1]:
        result = matmul(gz.T, before(out, h, sizes, reverse))
    else:
        n = sizes[0]
        first, later, earlier = (gz[-n:], gz[:-n], out[n:]) if reverse else (gz[:n], gz[n:], out[:-n])
        result = matmul(later.T, earlier)
        result += matmul(first.T, h)
    return result


def _own(bias: Any, given: bool) -> Any:
    """The gradient of the second bias: each leaf owns its gradient, so a copy if the first one has got the array."""
    return bias.copy() if given else bias


# LSTM: Hochreiter and Schmidhuber (1997), with forget gates; projections: https://arxiv.org/abs/1402.1128 ------------


def lstm_layer(
    x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, w_hr: Any, sizes: Sequence[int],
    reverse: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """All hidden states (total, P), the last ones (batch, P), the last cells (batch, H). And for the backward pass: all
    gates and cells, and a copy of the states, as the program may write into those that it gets; or what `rnn_even`
    keeps, with None for the cells."""
    batch, size = c.shape
    total = sum(sizes)
    cells, out = np.empty((total, size), x.dtype), np.empty((total, h.shape[1]), x.dtype)
    if w_hr is None and (fast := _compiled(4 * cells.size, w_hh)) is not None:
        gates = products.matmul(_rows(x), _by_gate(w_ih, 4))
        if b_ih is not None:
            gates += (b_ih + b_hh).reshape(4, 1, size)
        state, cell = h.copy("C"), c.copy("C")
        _share_batch(fast.lstm_layer, w_hh, sizes, reverse, gates, w_hh, state, cell, cells, out)
        return out.reshape(*x.shape[:-1], size), state, cell, gates, cells, out.copy()
    if (even := _even(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse, True)) is not None:
        return *even[:4], None, even[4]
    scale, _ = _SCALES[x.dtype]
    few = len(sizes) < _FEW_STEPS  # then it is less work to halve the sums than the weights
    bias = None if b_ih is None else (b_ih + b_hh).reshape(4, 1, size)
    gates = _input_part(_rows(x), _by_gate(w_ih, 4), bias, None if few else scale)
    from_state = _by_gate(w_hh, 4)
    if not few:
        from_state = from_state * scale
    state, cell, product = h, np.ascontiguousarray(c), np.empty((4, batch, size), x.dtype)
    for rows, n in steps(sizes, reverse):
        z, p, new = gates[:, rows], _first_rows(product, n), cells[rows]
        z += np.matmul(state[:n], from_state, out=p)
        if few:
            z *= scale
        hidden = out[rows] if w_hr is None else np.empty_like(new)
        _lstm_step(z, cell[:n], new, hidden, p[0])
        if w_hr is not None:
            np.matmul(hidden, w_hr.T, out=out[rows])
        state, cell = _replaced(state, out[rows]), _replaced(cell, new)
    return out.reshape(*x.shape[:-1], h.shape[1]), state.copy(), cell.copy(), gates, cells, out.copy()


def lstm_states(
    x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, w_hr: Any, sizes: Sequence[int],
    reverse: bool,
) -> tuple[Any, ...]:  # fmt: skip
    """The results of `lstm_layer` without what its backward pass needs."""
    if len(sizes) == 1 and w_hr is None and (fast := _of_few(x, c)) is not None:
        state, cell = fast.lstm_step(*_one_step(x, h, w_ih, w_hh, b_ih, b_hh), c)
        return state.reshape(*x.shape[:-1], c.shape[1]).copy(), state, cell
    if w_hr is None and len(sizes) > 1 and x.size and w_hh.size:
        bias = np.zeros(len(w_hh), x.dtype) if b_ih is None else b_ih + b_hh
        if (fast := _compiled(4 * sum(sizes) * c.shape[1], w_hh)) is not None and twins.takes(w_ih, w_hh, bias):
            out, state, cell = np.empty((sum(sizes), c.shape[1]), x.dtype), h.copy("C"), c.copy("C")
            rows = np.ascontiguousarray(_rows(x))
            _share_batch(fast.lstm_states, w_hh, sizes, reverse, rows, w_ih, w_hh, bias, state, cell, out)
            return out.reshape(*x.shape[:-1], c.shape[1]), state, cell
        if (even := _even(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse, False)) is not None:
            return even[:3]
    return lstm_layer(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, sizes, reverse)[:3]


def _of_few(x: Array, state: Array) -> Any:
    """The ufuncs, if they are in use and take the one step from these states."""
    return twins.few(state) if x.dtype is state.dtype and 0 < x.size <= twins.FEW else None


def _one_step(x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any) -> tuple[Array, Array]:
    """The input's and the state's part of the sums of all gates, (batch, gates * hidden) each."""
    return linear(_rows(x), w_ih, b_ih), linear(h, w_hh, b_hh)


def _even(
    x: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, w_hr: Any, sizes: Sequence[int],
    reverse: bool, keep: bool,
) -> tuple[Array, Array, Array, Array, Array] | None:  # fmt: skip
    """What `rnn_even.lstm` gives, for sequences of one length that it is made for; else None."""
    if w_hr is not None or len(sizes) < _FEW_STEPS or sizes[0] != sizes[-1] or x.dtype.char not in "fd":
        return None
    if not type(x) is type(h) is type(w_hh) is np.ndarray or not x.size or w_ih.shape[1] > 4 * w_hh.shape[1]:
        return None
    bias = np.zeros(len(w_hh), x.dtype) if b_ih is None else b_ih + b_hh
    steps = x.reshape(len(sizes), sizes[0], w_ih.shape[1])
    out, state, cell, values, inputs = rnn_even.lstm(steps, h, c, w_ih, w_hh, bias, reverse, keep)
    return out.reshape(*x.shape[:-1], c.shape[1]), state, cell, values, inputs


_FEW_STEPS = 5
"""Steps below which a sigmoid's argument is halved in each step, from which the weights are."""


def _lstm_step(z: Array, cell: Array, new: Array, hidden: Array, room: Array) -> None:
    """A step's gates (4, n, H), in place, from their sums (those of sigmoids halved); then the new cells, from those
    before, and o tanh(c') into `hidden`."""
    scale, shift = _SCALES[z.dtype]
    np.tanh(z, out=z)
    z *= scale  # sigmoid(z) = tanh(z / 2) / 2 + 1 / 2
    z += shift
    i, f, g, o = z
    np.multiply(f, cell, out=new)
    new += np.multiply(i, g, out=room)
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
    out: Array, gates: Array, cells: Array | None, sizes: Sequence[int], reverse: bool,
) -> list[Any]:  # fmt: skip
    """The gradients of x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, given those of the three results (None: zeros)."""
    if cells is None:
        seeds = [None if g[0] is None else g[0].reshape(len(sizes), sizes[0], -1), g[1], g[2]]
        g_x, *grads = rnn_even.lstm_backward(seeds, needs, w_ih, w_hh, gates, out, reverse)
        return [None if g_x is None else g_x.reshape(x.shape), *grads, None]
    g_out, g_last, g_cell = _rows(g[0]), g[1], g[2]
    size, out = c.shape[1], _rows(out)
    gz = np.empty((len(cells), 4 * size), x.dtype)
    gh = np.zeros(h.shape, h.dtype) if g_last is None else g_last.copy("C")
    gc = np.zeros(c.shape, c.dtype) if g_cell is None else g_cell.copy("C")
    c = np.ascontiguousarray(c)
    g_out_projected = None if w_hr is None else np.empty_like(out)
    matmul = _product
    if w_hr is None and (fast := _compiled(gates.size, w_hh)) is not None:
        matmul = products.matmul
        _share_batch(
            fast.lstm_layer_backward, w_hh, sizes, reverse, gates, cells, w_hh, c, gh, gc, _given(g_out, out), gz
        )  # fmt: skip
    else:
        order, by_gate = steps(sizes, reverse), gz.reshape(len(gz), 4, size)
        for group, begin, end in _chunks(order, 4 * size):
            previous = _all_previous(cells, c, order, group)
            of_cells = _lstm_slopes(gates[:, begin:end], cells[begin:end], previous, by_gate[begin:end])
            for k in group:
                rows, n = order[k]
                g_hidden = state = gh[:n]
                if g_out is not None:
                    state += g_out[rows]
                if g_out_projected is not None:
                    g_out_projected[rows] = state
                    g_hidden = np.matmul(state, w_hr)
                cell, z, slope = gc[:n], by_gate[rows], of_cells[rows.start - begin : rows.stop - begin]
                slope *= g_hidden
                cell += slope
                z[:, :3] *= cell[:, None]
                z[:, 3] *= g_hidden
                cell *= gates[1, rows]
                np.matmul(gz[rows], w_hh, out=state)
    bias = gz.sum(0) if needs[5] or needs[6] else None
    projection = None
    if g_out_projected is not None and needs[7]:
        projection = matmul(g_out_projected.T, gates[3] * np.tanh(cells))
    return [
        matmul(gz, w_ih).reshape(x.shape) if needs[0] else None,
        gh,
        gc,
        matmul(gz.T, _rows(x)) if needs[3] else None,
        _recurrent_grad(matmul, gz, out, h, sizes, reverse) if needs[4] else None,
        bias if needs[5] else None,
        _own(bias, needs[5]) if needs[6] else None,
        projection,
    ]


def _lstm_slopes(gates: Array, cells: Array, previous: Array, result: Array) -> Array:
    """Into result (rows, 4, H) the slopes of c' by the sums of i, f, g and of h' by that of o; returned (rows, H): that
    of h' by c'."""
    i, _, g, o = gates
    t = np.tanh(cells)
    slopes = np.subtract(1, gates)
    slopes *= gates  # of a sigmoid s: s (1 - s)
    np.multiply(slopes[0], g, out=result[:, 0])
    np.multiply(slopes[1], previous, out=result[:, 1])
    np.multiply(slopes[3], t, out=result[:, 3])
    of_tanh = np.multiply(g, g, out=slopes[2])
    np.subtract(1, of_tanh, out=of_tanh)  # of a tanh t: 1 - t^2
    np.multiply(of_tanh, i, out=result[:, 2])
    t *= t
    np.subtract(1, t, out=t)
    t *= o
    return t


# GRU: Cho et al., https://arxiv.org/abs/1406.1078, the reset gate after the product as in cuDNN ----------------------


def gru_layer(
    x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, sizes: Sequence[int], reverse: bool
) -> tuple[Array, Array, Array, Array]:
    """All hidden states (total, H), the last ones (batch, H); all gates, and W_hn h + b_hn."""
    batch, size = h.shape
    total = sum(sizes)
    out, inner = np.empty((total, size), x.dtype), np.empty((total, size), x.dtype)
    bias = None
    if b_ih is not None:
        bias = b_ih.reshape(3, 1, size).copy()
        bias[:2] += b_hh[: 2 * size].reshape(2, 1, size)
    of_candidate = np.zeros(size, x.dtype) if b_hh is None else np.ascontiguousarray(b_hh[2 * size :])
    if (fast := _compiled(3 * out.size, w_hh)) is not None:
        gates = products.matmul(_rows(x), _by_gate(w_ih, 3))
        if bias is not None:
            gates += bias
        state = h.copy("C")
        _share_batch(fast.gru_layer, w_hh, sizes, reverse, gates, inner, w_hh, of_candidate, state, out)
        return out.reshape(*x.shape[:-1], size), state, gates, inner
    half, scale = x.dtype.type(0.5), _SCALES[x.dtype][0][:3]
    few = len(sizes) < _FEW_STEPS  # then it is less work to halve the sums than the weights
    gates = _input_part(_rows(x), _by_gate(w_ih, 3), bias, None if few else scale)
    from_state = _by_gate(w_hh, 3)
    if not few:
        from_state = from_state * scale
    state, product = np.ascontiguousarray(h), np.empty((3, batch, size), x.dtype)
    for rows, n in steps(sizes, reverse):
        z, p, new, hidden = gates[:, rows], _first_rows(product, n), out[rows], inner[rows]
        both, candidate, old = z[:2], z[2], state[:n]
        np.matmul(old, from_state, out=p)
        both += p[:2]
        if few:
            both *= half
        np.tanh(both, out=both)
        both *= half  # sigmoid(z) = tanh(z / 2) / 2 + 1 / 2
        both += half
        np.add(p[2], of_candidate, out=hidden)
        candidate += np.multiply(z[0], hidden, out=new)
        np.tanh(candidate, out=candidate)
        np.subtract(old, candidate, out=new)  # h' = n + z (h - n)
        new *= z[1]
        new += candidate
        state = _replaced(state, new)
    return out.reshape(*x.shape[:-1], size), state.copy(), gates, inner


def gru_states(
    x: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Any, b_hh: Any, sizes: Sequence[int], reverse: bool
) -> tuple[Array, Array]:
    """The results of `gru_layer` without what its backward pass needs."""
    if len(sizes) == 1 and (fast := _of_few(x, h)) is not None:
        state = fast.gru_step(*_one_step(x, h, w_ih, w_hh, b_ih, b_hh), h)
        return state.reshape(*x.shape[:-1], h.shape[1]).copy(), state
    return gru_layer(x, h, w_ih, w_hh, b_ih, b_hh, sizes, reverse)[:2]


def gru_layer_backward(
    g: Sequence[Any], needs: Sequence[bool], x: Array, h: Array, w_ih: Array, w_hh: Array, out: Array, gates: Array,
    inner: Array, sizes: Sequence[int], reverse: bool,
) -> list[Any]:  # fmt: skip
    """The gradients of x, h, w_ih, w_hh, b_ih, b_hh, given those of the two results (None: zeros)."""
    g_out, g_last, x_rows = _rows(g[0]), g[1], _rows(x)
    size, out = h.shape[1], _rows(out)
    # of W_hh h + b_hh; it is also that of W_ih x + b_ih but for the candidate n, whose state's part r multiplies
    gz, g_candidate = np.empty((len(out), 3 * size), x.dtype), np.empty_like(out)
    gh = np.zeros(h.shape, h.dtype) if g_last is None else g_last.copy("C")
    h, matmul = np.ascontiguousarray(h), _product
    if (fast := _compiled(gates.size, w_hh)) is not None:
        matmul = products.matmul
        _share_batch(
            fast.gru_layer_backward, w_hh, sizes, reverse, gates, inner, out, w_hh, h, gh, _given(g_out, out), gz,
            g_candidate,
        )  # fmt: skip
    else:
        order, by_gate, product = steps(sizes, reverse), gz.reshape(len(gz), 3, size), np.empty_like(gh)
        for group, begin, end in _chunks(order, 3 * size):
            previous = _all_previous(out, h, order, group)
            _gru_slopes(
                gates[:, begin:end], inner[begin:end], previous, by_gate[begin:end], g_candidate[begin:end]
            )  # fmt: skip
            for k in group:
                rows, n = order[k]
                state, z, candidate = gh[:n], by_gate[rows], g_candidate[rows]
                if g_out is not None:
                    state += g_out[rows]
                z *= state[:, None]
                candidate *= state
                state *= gates[1, rows]
                state += np.matmul(gz[rows], w_hh, out=product[:n])
    both = gz[:, : 2 * size]
    g_x = g_w = g_b = g_bh = None
    if needs[0]:
        g_x = matmul(both, w_ih[: 2 * size])
        g_x += matmul(g_candidate, w_ih[2 * size :])
        g_x = g_x.reshape(x.shape)
    if needs[2]:
        g_w = np.empty((3 * size, x_rows.shape[1]), x.dtype)
        matmul(both.T, x_rows, out=g_w[: 2 * size])
        matmul(g_candidate.T, x_rows, out=g_w[2 * size :])
    if needs[4] or needs[5]:
        g_bh = gz.sum(0)
        g_b = np.concatenate([g_bh[: 2 * size], g_candidate.sum(0)])
    recurrent = _recurrent_grad(matmul, gz, out, h, sizes, reverse) if needs[3] else None
    return [g_x, gh, g_w, recurrent, g_b if needs[4] else None, g_bh if needs[5] else None]


def _gru_slopes(gates: Array, inner: Array, previous: Array, result: Array, of_candidate: Array) -> None:
    """The slopes of h' by W_hh h + b_hh into result (rows, 3, H), and by the candidate before its tanh."""
    reset, _, new = gates
    slopes = np.subtract(1, gates)
    np.multiply(new, new, out=of_candidate)
    np.subtract(1, of_candidate, out=of_candidate)  # of a tanh t: 1 - t^2
    of_candidate *= slopes[1]  # h' = (1 - z) n + z h
    slopes[:2] *= gates[:2]  # of a sigmoid s: s (1 - s)
    slopes[0] *= inner
    np.multiply(slopes[0], of_candidate, out=result[:, 0])
    np.subtract(previous, new, out=slopes[2])
    np.multiply(slopes[1], slopes[2], out=result[:, 1])
    np.multiply(of_candidate, reset, out=result[:, 2])
