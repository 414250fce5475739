"""The product of a sparse matrix and a dense one, row by row."""

from __future__ import annotations

from microtorch.kernels.compiled import jit


@jit
def rows_times(begins, ends, columns, values, dense, out):
    """out[i] = the sum of values[j] * dense[columns[j]] over the j from begins[i] to ends[i]."""
    width = dense.shape[1]
    for i in range(out.shape[0]):
        to = out[i]
        to[:] = 0
        for j in range(begins[i], ends[i]):
            value, row = values[j], dense[columns[j]]
            for k in range(width):
                to[k] += value * row[k]
