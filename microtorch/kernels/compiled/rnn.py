"""One time step of a recurrent layer in one pass: what lies between the two matrix products.

`gates` (gates, rows, size) and its like hold all steps; a step is the rows from `start` on, as many as its other arrays
have. Loops read few arrays each: LLVM vectorises no loop for which it would have to check many pairs for overlap.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

from microtorch.kernels.compiled import jit
from microtorch.kernels.compiled.math import sigmoid, tanh


@jit
def lstm_step(gates, product, cells, cell, hidden, start):
    """Gates from the input's part, in place, and the state's; then the new cells, and o tanh(c') into `hidden`."""
    n = len(cell)
    for k in range(4):
        x, y = gates[k, start : start + n].ravel(), product[k].ravel()
        if k == 2:
            for j in range(x.size):
                x[j] = tanh(x[j] + y[j])
        else:
            for j in range(x.size):
                x[j] = sigmoid(x[j] + y[j])
    i, f = gates[0, start : start + n].ravel(), gates[1, start : start + n].ravel()
    g, o = gates[2, start : start + n].ravel(), gates[3, start : start + n].ravel()
    new, old, out = cells[start : start + n].ravel(), cell.ravel(), hidden.ravel()
    for j in range(new.size):
        new[j] = f[j] * old[j] + i[j] * g[j]
    for j in range(new.size):
        out[j] = o[j] * tanh(new[j])


@jit
def lstm_step_backward(gates, cells, previous, g_hidden, g_cell, scratch, gz, start):
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
        z[3 * size :] = scratch[0, r]
    f = gates[1, start : start + n].ravel()
    for j in range(f.size):
        g_c[j] *= f[j]


@jit
def gru_step(gates, product, inner, bias, state, out, start):
    """Gates from the input's part, in place, and the state's; W_hn h + b_hn; the new states."""
    n = len(state)
    for k in range(2):
        x, y = gates[k, start : start + n].ravel(), product[k].ravel()
        for j in range(x.size):
            x[j] = sigmoid(x[j] + y[j])
    r, u = gates[0, start : start + n].ravel(), gates[1, start : start + n].ravel()
    c = gates[2, start : start + n].ravel()
    p, b, hidden = product[2].ravel(), bias.ravel(), inner[start : start + n].ravel()
    old, new = state.ravel(), out[start : start + n].ravel()
    for j in range(hidden.size):
        hidden[j] = p[j] + b[j]
    for j in range(c.size):
        c[j] = tanh(c[j] + r[j] * hidden[j])
    for j in range(new.size):
        new[j] = c[j] + u[j] * (old[j] - c[j])


@jit
def gru_step_backward(gates, inner, previous, g, scratch, gz, g_candidate, start):
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
