"""Gaussian elimination (see kernels/decompositions.py)."""

from __future__ import annotations

from microtorch.kernels.compiled import jit


@jit
def _take_off(row, factor, head):
    for c in range(row.size):
        row[c] -= factor * head[c]


@jit
def eliminate(flat, pivots, start, stop):
    count, m, n = flat.shape
    for b in range(count):
        a = flat[b]
        for j in range(start, stop):
            at = j
            for i in range(j, m):
                if abs(a[i, j]) > abs(a[at, j]) or a[i, j] != a[i, j]:
                    at = i
                    if a[i, j] != a[i, j]:
                        break
            pivots[b, j] = at + 1
            if at != j:
                for c in range(n):
                    a[j, c], a[at, c] = a[at, c], a[j, c]
            head = a[j, j]
            for i in range(j + 1, m):
                if head != 0:
                    a[i, j] /= head
                _take_off(a[i, j + 1 : stop], a[i, j], a[j, j + 1 : stop])
