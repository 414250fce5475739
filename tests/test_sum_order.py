"""Sums of everything agree with PyTorch's to the last digit (they are added in its order), and exponentials mostly."""

import numpy as np
import pytest
import torch

import microtorch
from microtorch.kernels import ordered

COUNTS = [*range(1, 70), 100, 127, 128, 255, 500, 511, 512, 513, 1000, 1024, 2000, 4095, 5000, 8191, 8192]
LARGE = [8193, 16384, 20001, 32767]  # (from 32768 on PyTorch's threads take parts of them)


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def numbers(n: int, dtype: str) -> np.ndarray:
    return (np.random.default_rng(n).standard_normal(n) * 1000).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_order(dtype: str, twin: str) -> None:
    for n in COUNTS if twin == "numpy" else [*COUNTS, *LARGE]:
        x = numbers(n, dtype)
        assert ordered.total(x) == torch.from_numpy(x).sum().item(), n


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n", [3, 7, 11, 30, 32, 100, 2000])
def test_functions(n: int, dtype: str) -> None:
    """sum, mean, losses, and the gradient of a number that was broadcast."""
    x, y = numbers(2 * n, dtype).reshape(2, n)

    def values(lib):
        a, b = lib.from_numpy(x.copy()), lib.from_numpy(y.copy())
        w = lib.tensor(0.5, dtype=a.dtype, requires_grad=True)
        loss = ((w * a - b) ** 2).mean()
        loss.backward()
        both = lib.stack([a, b])
        return [
            v.item()
            for v in (a.sum(), a.mean(), both.sum(), both.mean(), loss, w.grad, both.mean((0, 1)), both.sum(dim=(0, 1)))
        ] + [
            getattr(lib.nn.functional, f)(a, b, reduction=r).item()
            for f in ("mse_loss", "l1_loss") for r in ("sum", "mean")
        ]  # fmt: skip

    assert values(microtorch) == values(torch)


def test_special_values() -> None:
    for values in ([], [-0.0], [np.inf, 1.0] * 9, [np.inf, -np.inf] * 9, [np.nan] + [1.0] * 40):
        x = np.array(values, np.float32)
        theirs, ours = torch.from_numpy(x).sum().item(), microtorch.from_numpy(x).sum().item()
        np.testing.assert_equal(ours, theirs)
    assert microtorch.ones(3, 0).sum().item() == 0 and np.isnan(microtorch.ones(0).mean().item())
    assert microtorch.ones(50).sum(dtype=microtorch.float64).dtype is microtorch.float64


def test_exponentials_of_few_numbers() -> None:
    """Rounded from float64: PyTorch's differ for one in a hundred, NumPy's float32 ones for four in ten."""
    x = numbers(1000, "float32") / 100
    with np.errstate(over="ignore"):
        exact = np.exp(x.astype(np.float64)).astype(np.float32)
    ours, theirs = microtorch.from_numpy(x).exp().numpy(), torch.from_numpy(x).exp().numpy()
    np.testing.assert_array_equal(ours, exact)
    assert (ours == theirs).mean() > 0.98
    for values in ([0.0, 1, 12, 88, 89, 1000, -200, np.inf, -np.inf, np.nan], []):
        x = np.array(values, np.float32)
        np.testing.assert_array_equal(microtorch.from_numpy(x).exp().numpy(), torch.from_numpy(x).exp().numpy())
    a = microtorch.arange(4.0)
    assert a.exp_() is a and a.dtype is microtorch.float32 and str(a) == str(torch.arange(4.0).exp())
    assert str(microtorch.arange(13).exp()) == str(torch.arange(13).exp())
