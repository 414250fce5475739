"""Dropout and its like: PyTorch's numbers for the same seed, and its stream afterwards."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import microtorch
import microtorch.nn.functional as MF

torch.set_num_threads(1)


def same_stream():
    np.testing.assert_array_equal(microtorch.get_rng_state().numpy(), torch.get_rng_state().numpy())


def both(shape, dtype, call, transposed=False):
    """call(F, x) in both libraries from the same seed: results, gradients and generator states are equal, every bit."""
    a = np.random.default_rng(0).normal(size=shape).astype(dtype)
    if transposed:
        a = a.T
    t, m = torch.tensor(a), microtorch.from_numpy(a.copy())
    if transposed:
        t, m = torch.from_numpy(a), microtorch.from_numpy(a)
    t.requires_grad_()
    m.requires_grad_()
    torch.manual_seed(3)
    microtorch.manual_seed(3)
    theirs, ours = call(F, t), call(MF, m)
    assert ours.dtype.name == str(theirs.dtype)[6:]
    np.testing.assert_array_equal(ours.detach().numpy(), theirs.detach().numpy())
    same_stream()
    theirs.sum().backward()
    ours.sum().backward()
    np.testing.assert_array_equal(m.grad.numpy(), t.grad.numpy())


@pytest.mark.parametrize("p", [0.1, 0.25, 0.5, 0.8, 0.0, 1.0])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dropout(p, dtype):
    both((7, 11), dtype, lambda F, x: F.dropout(x, p) * 1)
    both((7, 11), dtype, lambda F, x: F.dropout(x * 1, p, inplace=True) * 1)
    both((3, 40, 50), dtype, lambda F, x: F.dropout(x, p) * 1)


def test_dropout_of_a_transposed_tensor_draws_in_the_order_of_memory():
    both((9, 5), np.float32, lambda F, x: F.dropout(x, 0.4) * 1, transposed=True)


@pytest.mark.parametrize(
    "name, shape",
    [("dropout1d", (4, 6, 5)), ("dropout1d", (6, 5)), ("dropout2d", (4, 6, 5, 3)), ("dropout3d", (2, 6, 5, 3, 2)),
     ("dropout3d", (6, 5, 3, 2)), ("alpha_dropout", (7, 9)), ("feature_alpha_dropout", (4, 6, 5))],
)  # fmt: skip
@pytest.mark.parametrize("inplace", [False, True])
def test_forms(name, shape, inplace):
    both(shape, np.float32, lambda F, x: getattr(F, name)(x * 1, 0.3, True, inplace) * 1)


def test_without_training_it_is_the_input_itself():
    x = microtorch.ones(3)
    for name in ("dropout", "alpha_dropout", "feature_alpha_dropout"):
        assert getattr(MF, name)(x, 0.5, False) is x
    assert MF.dropout(x, 0.0) is x


def test_other_noise():
    both((6, 5), np.float32, lambda F, x: F.rrelu(x, training=True))
    both((6, 5), np.float32, lambda F, x: F.rrelu(x * 1, 0.2, 0.9, True, True) * 1)
    both((2, 3, 9, 9), np.float32, lambda F, x: F.fractional_max_pool2d(x, 2, output_ratio=(0.6, 0.6)))
    both((1, 3, 7, 6, 7), np.float32, lambda F, x: F.fractional_max_pool3d(x, (2, 3, 4), output_size=3))


def test_gumbel_softmax():
    a = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    for hard in (False, True):
        torch.manual_seed(1)
        microtorch.manual_seed(1)
        theirs = F.gumbel_softmax(torch.tensor(a), 0.7, hard)
        ours = MF.gumbel_softmax(microtorch.from_numpy(a), 0.7, hard)
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), 2e-6, 1e-7)
        same_stream()


def test_attention_dropout():
    q = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype(np.float32)
    torch.manual_seed(1)
    microtorch.manual_seed(1)
    theirs = F.scaled_dot_product_attention(*[torch.tensor(q)] * 3, dropout_p=0.4)
    ours = MF.scaled_dot_product_attention(*[microtorch.from_numpy(q)] * 3, dropout_p=0.4)
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), 2e-6, 1e-6)
    same_stream()
