"""LU factors of one small matrix, of larger ones and of batches, with both twins: PyTorch's, pivots included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import microtorch

SHAPES = [
    (1, 1),
    (3, 3),
    (2, 5),
    (5, 2),
    (8, 8),
    (9, 9),
    (1, 6, 6),
    (2, 4, 4),
    (30, 30),
    (40, 33),
    (33, 70),
    (3, 40, 40),
]
CALLS = ["torch.linalg.lu(x)", "torch.linalg.lu_factor_ex(x)", "torch.lu_unpack(*torch.linalg.lu_factor_ex(x)[:2])"]


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("shape", SHAPES)
def test_as_in_pytorch(twin: str, shape: tuple[int, ...], dtype: str) -> None:
    rng = np.random.default_rng(len(shape) + shape[-1])
    a: Any = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if "complex" in dtype else 0)
    if shape == (8, 8):  # ties, and columns of zeros
        a = np.round(a)
        a[:, 1], a[2] = 0, a[0]
    tolerance = 2e-4 if dtype in ("float32", "complex64") else 1e-10
    for call in CALLS:
        theirs, ours = (eval(call, {"torch": T, "x": T.tensor(a).to(getattr(T, dtype))}) for T in (torch, microtorch))
        for p, q in zip(theirs, ours):
            assert str(p.dtype) == str(q.dtype) and p.stride() == tuple(q.stride())
            np.testing.assert_allclose(q.numpy(), p.numpy(), rtol=tolerance, atol=tolerance)


def test_infinities_and_nan_stay(twin: str) -> None:
    for bad in (np.inf, np.nan):
        for n in (3, 12):
            a = np.eye(n, dtype=np.float32)
            a[1, 1] = bad
            found = microtorch.linalg.lu_factor_ex(microtorch.tensor(a))[0].numpy()
            assert not np.isfinite(found).all() and found.shape == (n, n)
