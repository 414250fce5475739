"""Operations that NumPy has slow loops for: the other ways they are computed, against PyTorch, with both twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import microtorch

SAME_BITS = """
    x.sign() x.sgn() x.frac() torch.fmod(x,y) torch.remainder(x,y) torch.floor_divide(x,y) x%2 x//-1.5 torch.fmod(x,0.3)
    torch.fmod(x,inf) x%y[:1] x.cumsum(0) x.cummax(0)[0] x.cummax(0)[1] x.cummin(0)[0] x.cummin(0)[1]
    torch.cat([x.cummax(1)[1],x.cummin(1)[1]]) x.cumsum(1) x.cumprod(1) x.half() x.half().float() x.bfloat16().float()
    x.t().contiguous() x.flip(1) x.flip(0,1) x.rot90() i.flip(-1) x[1].outer(y[:,0]) torch.nextafter(x,y)
    torch.copysign(x,y) torch.nn.functional.hardshrink(x) torch.nn.functional.hardswish(x)
    torch.nn.functional.threshold(x,0.1,0.0) torch.nn.functional.threshold(x,0.1,2.0) torch.gather(x,1,i.abs())
    torch.gather(x,0,i[:3].abs().clamp(max=2)) torch.nn.functional.prelu(x,y[0])
    torch.nn.functional.prelu(x,y[0,:1]) torch.nn.functional.prelu(x[None],y[:,0]) i.cumsum(1) i.cummax(1)[1] i.cummin(1)[0] i.cumprod(1)
""".split()
CLOSE = """torch.nn.functional.softshrink(x,0.3) torch.hypot(x,y) x.erf() x.erfc() torch.special.ndtr(x) x.prod(1) x.prod()
    x.prod(0)""".split()
SHAPES = [(3, 5), (7, 1000), (300, 70), (1030, 37)]


def _both(expression: str, dtype: str, shape: tuple[int, int], special: bool) -> tuple[Any, Any]:
    found = []
    for T in (torch, microtorch):
        rng = np.random.default_rng(0)
        x = (rng.standard_normal(shape) * 10.0 ** rng.uniform(-3, 3, shape)).astype(dtype)
        y = rng.standard_normal(shape).astype(dtype)
        if expression.startswith("x.prod"):
            x = (1 + 0.1 * rng.standard_normal(shape)).astype(dtype)
        if special:
            ends = np.array([np.nan, np.inf, -np.inf, 0, -0.0, 1e30, -1e-30, 3], dtype)
            x.reshape(-1)[:: x.size // 11 + 1] = rng.choice(ends, 11)[: -(-x.size // (x.size // 11 + 1))]
            y.reshape(-1)[:: x.size // 12 + 1] = rng.choice(ends, 12)[: -(-x.size // (x.size // 12 + 1))]
        i = rng.integers(-3, 4, shape)
        names = {"x": T.from_numpy(x), "y": T.from_numpy(y), "i": T.from_numpy(i), "torch": T, "inf": float("inf")}
        found.append(eval(expression, names))
    assert found[0].shape == tuple(found[1].shape) and str(found[0].dtype) == str(found[1].dtype)
    return found[0].numpy(), found[1].numpy()


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("expression", SAME_BITS)
def test_same_bits(twin: str, expression: str, dtype: str, special: bool) -> None:
    for shape in SHAPES:
        theirs, ours = _both(expression, dtype, shape, special)
        assert np.array_equal(theirs, ours, equal_nan=theirs.dtype.kind == "f")
        if theirs.dtype.kind == "f" and "cumsum" not in expression:  # (-0 is NumPy's first sum of -0, PyTorch's is 0)
            known = ~np.isnan(theirs)
            assert np.array_equal(np.signbit(theirs[known]), np.signbit(ours[known]))


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("dtype, tolerance", [("float32", 2e-6), ("float64", 1e-13)])
@pytest.mark.parametrize("expression", CLOSE)
def test_close(twin: str, expression: str, dtype: str, tolerance: float, special: bool) -> None:
    for shape in SHAPES:
        theirs, ours = _both(expression, dtype, shape, special)
        least = tolerance / 10 if "ndtr" in expression else 1e-37  # (both are 1 + erf there)
        np.testing.assert_allclose(ours, theirs, tolerance * (10 if "prod" in expression else 1), least)


def test_all_halves(twin: str) -> None:
    """Each number of 16 bits, those between two of them, and those beside the middle."""
    with np.errstate(all="ignore"):
        known = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
        wide = known.astype(np.float32)
        assert np.array_equal(microtorch.from_numpy(known).float().numpy(), wide, equal_nan=True)
        numbers = np.sort(wide[np.isfinite(wide)])
        middle = (numbers[1:] + numbers[:-1]) / 2
        x = np.concatenate(
            [numbers, middle, np.nextafter(middle, np.float32(np.inf)), np.float32([65519, 65520, 1e38])]
        )
        x = np.concatenate([x, np.nextafter(middle, np.float32(-np.inf)), np.float32([np.inf, -np.inf, np.nan, 1e-40])])
    for dtype in ("float16", "bfloat16"):
        theirs = torch.from_numpy(x).to(getattr(torch, dtype)).view(torch.int16).numpy()
        ours = microtorch.from_numpy(x).to(getattr(microtorch, dtype)).view(microtorch.int16).numpy()
        assert np.array_equal(theirs[~np.isnan(x)], ours[~np.isnan(x)])


@pytest.mark.parametrize("axes", [(1, 0, 2, 3), (0, 2, 3, 1), (0, 3, 1, 2), (3, 2, 1, 0), (2, 3, 0, 1), (0, 1, 3, 2)])
def test_contiguous(axes: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).standard_normal((6, 5, 40, 41))
    for y in (x, x[:, :, ::2], x[:, :1], x.astype(np.int16)):
        ours = microtorch.from_numpy(y).permute(*axes).contiguous()
        assert ours.is_contiguous() and np.array_equal(ours.numpy(), y.transpose(axes))
