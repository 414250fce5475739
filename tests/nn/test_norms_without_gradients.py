"""Normalisation where no backward pass will come: other kernels than recorded, so both against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import microtorch

torch.set_num_threads(1)

CASES = {
    "layer": ("LayerNorm", (12,), (2, 3, 12)),
    "layer, one row": ("LayerNorm", (12,), (1, 12)),
    "layer, two dimensions": ("LayerNorm", ((3, 12),), (2, 3, 12)),
    "layer, large": ("LayerNorm", (600,), (30, 600)),
    "groups": ("GroupNorm", (2, 6), (3, 6, 4, 5)),
    "groups, no places": ("GroupNorm", (3, 6), (2, 6)),
    "groups, large": ("GroupNorm", (4, 16), (2, 16, 20, 20)),
    "batch": ("BatchNorm1d", (12,), (4, 12)),
    "batch, one": ("BatchNorm2d", (3,), (1, 3, 4, 4)),
    "batch, lines": ("BatchNorm1d", (3,), (2, 3, 7)),
    "batch, large": ("BatchNorm2d", (16,), (2, 16, 20, 20)),
}


def run(T: Any, name: str, dtype: str, change: str) -> list[Any]:
    """The results without and with a graph in framework T, and their strides, by a module with and without weights."""
    kind, arguments, shape = CASES[name]
    found = []
    for weighted in (True, False):
        rng = np.random.default_rng(0)
        option = {"affine" if kind != "LayerNorm" else "elementwise_affine": weighted}
        net = getattr(T.nn, kind)(*arguments, **option).to(getattr(T, dtype)).eval()
        with T.no_grad():
            for v in net.state_dict().values():
                if v.dtype.is_floating_point:
                    v.copy_(T.tensor(rng.uniform(0.5, 2, tuple(v.shape))))
        numbers = rng.standard_normal(shape) * 3 + 1
        if change == "equal":
            numbers[:] = 7.25
        elif change != "plain":
            numbers[(0,) * len(shape)] = float(change)
        x = T.tensor(numbers).to(getattr(T, dtype))
        if change == "plain" and len(shape) == 4:
            x = x.to(memory_format=T.channels_last)
        with T.no_grad():
            alone = net(x)
        both = alone, net(x.requires_grad_()).detach()
        found += [t.float().numpy() if dtype == "float16" else t.numpy() for t in both]
        found += [np.array(t.stride()) for t in both]
    return found


@pytest.mark.parametrize("change", ["plain", "equal", "nan", "inf"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("name", CASES)
def test_as_torch(twin: str, name: str, dtype: str, change: str) -> None:
    """Values and strides; equal numbers, NaN, infinity, channels last."""
    theirs, ours = (run(T, name, dtype, change) for T in (torch, microtorch))
    tolerance = {"float16": 4e-3, "float32": 1e-5, "float64": 1e-13}[dtype]
    if change == "equal":
        tolerance *= 100  # PyTorch's rounding errors of the mean, divided by the root of eps; ours is exact
    for a, b in zip(theirs, ours):
        np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance)
