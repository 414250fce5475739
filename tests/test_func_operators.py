"""vmap of PyTorch's operators: all examples at once give what each example gives alone, and so do their gradients."""

import warnings

import numpy as np
import pytest

import microtorch
from tests.conformance import harness

torch = harness.torch

SAMPLES = 2
SIZE = 3
QUICK = "^(add|mul|div|exp|sum|mean|amax|cat|stack|matmul|linalg.solve|where|gather|index_select|sort|cumsum|var)$"

# What cannot agree: memory that nobody wrote, places counted from the start of a whole batch, numbers for Python.
EXCEPT = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided", "as_strided"}
EXCEPT |= {"as_strided.partial_views", "as_strided_copy", "as_strided_scatter", "item"}


def replaced(value, new):
    """A sample's argument with other tensors, by identity."""
    if isinstance(value, microtorch.Tensor):
        return new.get(id(value), value)
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return type(value)(replaced(v, new) for v in value)
    if isinstance(value, dict):
        return {k: replaced(v, new) for k, v in value.items()}
    return value


def batched(t):
    """Some examples like this one."""
    a = t.detach().numpy()
    return microtorch.from_numpy(np.stack([a, a * 0.9 + 0.01, a[..., ::-1] if a.ndim else a * 0.5]).copy())


def each(function, inputs):
    """The function of each example, stacked."""
    results = []
    for i in range(SIZE):
        microtorch.manual_seed(harness.SEED)
        results.append(function(*[x[i] for x in inputs]))
    return [microtorch.stack([r[k] for r in results]) for k in range(len(results[0]))]


def together(function, inputs):
    """The function of all examples, by vmap."""
    microtorch.manual_seed(harness.SEED)
    return microtorch.vmap(function, randomness="same")(*inputs)


def same(a, b, what):
    assert a.dtype == b.dtype and a.shape == b.shape, what
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), 1e-6, 1e-9, equal_nan=True, err_msg=what)


def check(op):
    try:
        operator = harness.micro_function(op)
    except harness.Missing:
        pytest.skip("microtorch has no such function: listed in tests/conformance")
    for sample in harness.samples_of(op, torch.float64, SAMPLES, False):
        memo: dict = {}
        try:
            args, kwargs = harness.to_micro(((sample.input, *sample.args), sample.kwargs), memo)
        except harness.Unsupported:
            continue
        tensors = [t for t in memo.values() if t.is_floating_point() and t.numel()]
        if not tensors:
            continue

        def function(*xs, tensors=tensors, args=args, kwargs=kwargs):
            new = {id(t): x for t, x in zip(tensors, xs)}
            return tuple(harness.tensors_in(operator(*replaced(args, new), **replaced(kwargs, new)), microtorch.Tensor))

        inputs = [batched(t) for t in tensors]
        try:
            want = each(function, inputs)
        except Exception:  # a sample that fails for one of the examples: nothing to compare with
            continue
        got = together(function, inputs)
        assert len(got) == len(want)
        for a, b in zip(got, want):
            same(a, b, op.name)
        check_gradients(function, inputs, op.name)


def check_gradients(function, inputs, name):
    tracked = [x.clone().requires_grad_() for x in inputs]
    try:
        want = [t for t in each(function, tracked) if t.requires_grad]
        seeds = [torch.randn(t.shape, dtype=torch.float64).numpy().astype(t._data.dtype) for t in want]
        seeds = [microtorch.from_numpy(np.asarray(s)) for s in seeds]
        expected = microtorch.autograd.grad(want, tracked, seeds, allow_unused=True) if want else ()
    except Exception:  # it has no gradient for one of the inputs, or writes to its input
        return
    got = [t for t in together(function, tracked) if t.requires_grad]
    found = microtorch.autograd.grad(got, tracked, seeds, allow_unused=True) if got else ()
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert (a is None) == (b is None), name
        if a is not None:
            same(a, b, f"gradient of {name}")


def operators(quick):
    import re

    return [
        name
        for name, op in harness.in_scope().items()
        if torch.float64 in op.supported_dtypes("cpu") and name not in EXCEPT and bool(re.match(QUICK, name)) == quick
    ]


@pytest.mark.parametrize("name", operators(True))
def test_operator(name):
    with warnings.catch_warnings(action="ignore"):
        check(harness.in_scope()[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", operators(False))
def test_other_operator(name):
    with warnings.catch_warnings(action="ignore"):
        check(harness.in_scope()[name])
