"""Every formula of the table, in both worlds: on plain arrays, and on Tensors with create_graph=True.

PyTorch's operator database supplies the calls. First gradients are taken both ways and compared; then gradients of those
gradients, which reaches the entries that only formulas call. An entry that no sample reaches fails the last test.
"""

import warnings
from pathlib import Path

import numpy as np
import pytest

import microtorch
from microtorch.autograd.engine import topological_order
from microtorch.autograd.node import OpNode
from microtorch.autograd.table import arrays, table, tensors
from tests.conformance import harness

torch = harness.torch

SAMPLES = 4
reached: set[str] = set()

# Entries that no sample of the database reaches yet: a debt, to be paid by samples of our own. None may be added.
UNREACHED = set(Path(__file__).with_name("two_worlds_unreached.txt").read_text().split())


def note(outputs):
    for node in topological_order([t._node for t in outputs if t._node is not None])[0]:
        if isinstance(node, OpNode):
            reached.add(node.op.name)


def both_worlds(outputs, inputs, seeds, what):
    """The gradients on plain arrays and on Tensors: equal; returns the recorded ones."""
    note(outputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plain = microtorch.autograd.grad(outputs, inputs, seeds, retain_graph=True, allow_unused=True)
        recorded = microtorch.autograd.grad(outputs, inputs, seeds, create_graph=True, allow_unused=True)
    for i, (p, r) in enumerate(zip(plain, recorded)):
        assert (p is None) == (r is None), f"{what}: input {i} has a gradient in one world only"
        if p is not None:
            assert p.dtype == r.dtype and p.shape == r.shape, what
            np.testing.assert_allclose(r.detach().numpy(), p.numpy(), 1e-7, 1e-10, equal_nan=True, err_msg=what)
    return recorded


def differentiable_operators():
    return [
        name
        for name, op in harness.in_scope().items()
        if torch.float64 in op.supported_backward_dtypes("cpu") and op.supports_autograd
    ]


@pytest.mark.parametrize("name", differentiable_operators())
def test_operator(name):
    op = harness.in_scope()[name]
    try:
        function = harness.micro_function(op)
    except harness.Missing:
        pytest.skip("microtorch has no such function: listed in tests/conformance")
    rng = np.random.default_rng(0)
    for sample in harness.samples_of(op, torch.float64, SAMPLES, True):
        memo: dict = {}
        try:
            args, kwargs = harness.to_micro(((sample.input, *sample.args), sample.kwargs), memo)
            microtorch.manual_seed(harness.SEED)
            result = function(*args, **kwargs)
        except (harness.Unsupported, NotImplementedError):
            continue
        except Exception as error:  # what fails here fails in tests/conformance too, where it is listed
            pytest.skip(f"forward fails: {error}")
        inputs = [t for t in memo.values() if t.requires_grad and t.is_leaf]
        outputs = [t for t in harness.tensors_in(result, microtorch.Tensor) if t.requires_grad]
        if not outputs or not inputs:
            continue
        seeds = [microtorch.from_numpy(np.asarray(rng.standard_normal(t.shape), t._data.dtype)) for t in outputs]
        try:
            first = both_worlds(outputs, inputs, seeds, name)
            again = [g for g in first if g is not None and g.requires_grad]
            if again:
                seeds = [microtorch.from_numpy(np.asarray(rng.standard_normal(t.shape), t._data.dtype)) for t in again]
                both_worlds(again, inputs, seeds, f"gradient of {name}")
        except NotImplementedError:
            continue


def test_every_entry_was_reached():
    """Runs after the operators above (in one process)."""
    if len(reached) < 50:
        pytest.skip("needs the tests above in the same process: run without -n, or with --dist loadfile")
    missing = {name for name, op in table.items() if op.differentiable} - reached - UNREACHED
    assert not missing, f"no sample reaches these entries: {sorted(missing)}"
    assert not UNREACHED & reached, f"reached now, take them out of the list: {sorted(UNREACHED & reached)}"


def test_the_namespaces_have_the_same_names():
    assert set(vars(arrays)) == set(vars(tensors))
    assert set(table) <= set(vars(arrays))
