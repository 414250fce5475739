"""Reductions of segments: PyTorch's values, gradients and errors."""

import numpy as np
import pytest
import torch

import microtorch
from tests.conformance import harness
from tests.differential import difference


@pytest.mark.parametrize("which", ["lengths", "offsets"])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_samples_of_the_database(which, dtype):
    from torch.testing._internal.common_methods_invocations import op_db

    op = next(op for op in op_db if op.name == "_segment_reduce" and op.variant_test_name == which)
    for i, sample in enumerate(op.sample_inputs("cpu", getattr(torch, dtype), requires_grad=True)):
        memo: dict = {}
        args, kwargs = harness.to_micro(((sample.input, *sample.args), sample.kwargs), memo)
        want = torch.segment_reduce(sample.input, *sample.args, **sample.kwargs)
        have = microtorch.segment_reduce(*args, **kwargs)
        assert want.shape == have.shape and want.stride() == have.stride()
        rtol = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-7}[dtype]
        np.testing.assert_allclose(have.detach().numpy(), want.detach().numpy(), rtol, rtol, err_msg=str(sample))
        seed = np.random.default_rng(i).standard_normal(tuple(want.shape)).astype(dtype)
        (grad,) = torch.autograd.grad(want, sample.input, torch.from_numpy(seed))
        (grad_,) = microtorch.autograd.grad(have, args[0], microtorch.from_numpy(seed))
        np.testing.assert_allclose(grad_.numpy(), grad.numpy(), 2 * rtol, 2 * rtol, err_msg=str(sample))


@pytest.mark.parametrize("reduce", ["sum", "mean", "max", "min", "prod"])
def test_ties_zeros_nan_and_empty_segments(reduce):
    for data in ("3, 1, 3, 0, 5, 0, 7", "3, 1, 2, 0, 5, 2, float('nan')", "0, 0, 2, 0, 5, 2, 3"):
        for initial in (None, 3.0, 0.0):
            code = (
                f"x = torch.tensor([{data}], dtype=torch.float64, requires_grad=True)\n"
                f"y = torch.segment_reduce(x, {reduce!r}, lengths=torch.tensor([3, 2, 0, 2]), initial={initial})\n"
                "y.backward(torch.tensor([1.0, 2, 3, 4]).double())\n"
                "y, x.grad, y.grad_fn.name()"
            )
            found = difference(code)
            assert found is None, found


REFUSED = """
S(x, "sum") | S(x, "foo", lengths=n) | S(x, "sum", lengths=n[:2]) | S(x, "sum", lengths=n[:2], unsafe=True) | S(x, "sum", lengths=-n) | S(x, "sum", lengths=n, offsets=n)
S(x, "sum", indices=n) | S(x, "sum", lengths=n, axis=1) | S(x.long(), "sum", lengths=n) | S(x, "sum", lengths=n.float()) | S(x, "sum", offsets=torch.tensor([1, 2, 6]))
S(x, "sum", offsets=torch.tensor([0, 4, 2, 6])) | S(x, "sum", lengths=n, initial="a") | S([1], "sum", lengths=n) | S(x, "sum", lengths=[1]) | S(x[0, 0], "mean", lengths=n)
S(x[:0], "mean", lengths=n[:0]) | S(x[:0], "mean", lengths=n * 0) | S(x.bfloat16(), "sum", lengths=n).float() | S(x.t(), "max", lengths=n.expand(2, 3), axis=-1)
second("sum") | second("max")
"""


@pytest.mark.parametrize("call", [c.strip() for line in REFUSED.strip().splitlines() for c in line.split(" | ")])
def test_calls(call):
    code = f"""
S, x, n = torch.segment_reduce, torch.arange(12.0).reshape(6, 2), torch.tensor([2, 0, 4])
def second(reduce):
    v = torch.tensor([1.0, 2.0], requires_grad=True)
    (g,) = torch.autograd.grad(S(v, reduce, lengths=torch.tensor([2])).sum(), v, create_graph=True)
    return torch.autograd.grad(g.sum(), v)
{call}"""
    found = difference(code)
    assert found is None, found
