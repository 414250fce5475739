"""Every formula of the table, in both worlds: on plain arrays, and on Tensors with create_graph=True.

PyTorch's operator database supplies the calls. First gradients are taken both ways and compared; then gradients of those
gradients, which reaches the entries that only formulas call. An entry that no sample reaches fails the last test.
"""

import warnings

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

# Entries that no sample of the database reaches with a gradient, each with the reason (they have tests of their own).
FUNCTIONAL = """
    affine_grid bag_max bag_max_backward celu_in_place elu_in_place flash_attention
    leaky_relu_in_place mean_of_axes mean_of_axis native_dropout nll_loss2d reflection_pad2d reflection_pad3d
    replication_pad3d rrelu_in_place
    rrelu_mean_in_place threshold_in_place upsample_bicubic2d_aa upsample_bilinear2d_aa
    upsample_lanczos2d_aa upsample_nearest2d upsample_nearest3d upsample_nearest_exact2d upsample_nearest_exact3d
""".split()
MATH = "clamp_max conj_physical floor_divide fmod_number heaviside igamma igammac remainder_number zeta".split()
ELSEWHERE: dict[str, str] = {
    **dict.fromkeys(FUNCTIONAL, "tests/functional/test_details.py"),
    **dict.fromkeys(MATH, "tests/test_math.py"),
    "number_remainder": "tests/test_edges.py",
}
ELSEWHERE |= dict.fromkeys(
    "copy fill_by region_write region_write_pairs unsqueezed roll_flat t_in_place squeeze_in_place "
    "squeeze_several_in_place unsqueeze_in_place as_strided_in_place uniform normal random_between random_below random_any "
    "bernoulli_fill bernoulli_fill_by exponential cauchy geometric log_normal normal_by_std poisson".split(),
    "tests/test_inplace.py",
)
# no derivative in PyTorch (zeros), or none yet (an error that names it)
ELSEWHERE |= dict.fromkeys("bernoulli_p binomial standard_gamma sample_dirichlet".split(), "tests/test_random.py")
NOT_IMPLEMENTED = "standard_gamma_grad dirichlet_grad unique unique_dim unique_consecutive".split()
ELSEWHERE |= dict.fromkeys(NOT_IMPLEMENTED, "their derivatives raise NotImplementedError, as in PyTorch")

ELSEWHERE |= dict.fromkeys(["ldl_factor", "ldl_solve"], "no derivative in PyTorch either: tests/test_linalg.py")
ELSEWHERE |= dict.fromkeys(["segment_reduce", "segment_reduce_backward"], "tests/test_segments.py")
ELSEWHERE |= dict.fromkeys(["add_scaled", "sub_scaled"], "tests/test_numbers.py")
ELSEWHERE |= dict.fromkeys(
    "asinh_in_place acosh_in_place atanh_in_place".split(), "no derivative in PyTorch: tests/test_edges.py"
)
ELSEWHERE |= dict.fromkeys(
    "fake_quantize fake_quantize_by_tensors fake_quantize_by_channel".split(), "tests/programs/fake_quantize.py"
)
ELSEWHERE |= dict.fromkeys(
    ["geqrf", "scatter_combine", "scatter_combine_in_place"], "no derivative in PyTorch: tests/fuzz/test_found.py"
)
ELSEWHERE["clone_in_order"] = "tests/fuzz/test_found.py"
ELSEWHERE["lobpcg"] = "tests/test_linalg.py"
ELSEWHERE["matmul_viewed"] = "tests/test_linalg.py"
ELSEWHERE["lstm_layer"] = "float32 only; in float64 the same formula is reached as lstm_layer_unfused"
ELSEWHERE["grad_copy"] = "tests/test_autograd.py"  # what backward(create_graph=True) leaves in .grad
ELSEWHERE |= dict.fromkeys("batch unbatch batch_sum batch_spread".split(), "tests/test_func.py")
# (loaded with the first sparse tensor)
ELSEWHERE |= dict.fromkeys(
    """sparse_coo sparse_csr sparse_pick sparse_take sparse_values coalesce sparse_dense sparse_dense_whole to_sparse
    to_sparse_dims to_sparse_csr csr_to_coo sparse_mask sparse_sampled sparse_mm sparse_addmm sparse_sparse_mm sparse_sum
    sparse_softmax sparse_log_softmax embedding_rows embedding_sparse bag_sum_sparse""".split(),
    "tests/test_sparse.py",
)


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
            np.testing.assert_allclose(
                r.detach().numpy(), p.detach().numpy(), 1e-7, 1e-10, equal_nan=True, err_msg=what
            )
    return recorded


def differentiable_operators():
    return [
        name
        for name, op in harness.in_scope().items()
        if torch.float64 in op.supported_backward_dtypes("cpu")
        and op.supports_autograd
        and name != "bfloat16"  # NumPy has no such numbers: tests/test_bfloat16.py
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
        for seed in seeds:  # so that formulas that are linear in g, and constant in the inputs, are differentiated, too
            seed.requires_grad_()
        try:
            first = both_worlds(outputs, inputs, seeds, name)
            again = [g for g in first if g is not None and g.requires_grad]
            if again:
                second = [microtorch.from_numpy(np.asarray(rng.standard_normal(t.shape), t._data.dtype)) for t in again]
                for seed in second:
                    seed.requires_grad_()
                note([g for g in both_worlds(again, inputs + seeds, second, f"gradient of {name}") if g is not None])
        except NotImplementedError:
            continue


def module_calls():
    """Entries that only modules use: recurrent layers and cells (fused, packed, with projections), weight norm."""
    nn, make = microtorch.nn, {"dtype": microtorch.float64}
    for kind in (nn.RNN, nn.LSTM, nn.GRU):
        yield kind.__name__, kind(3, 4, **make), lambda m, x: m(x)
        yield f"{kind.__name__} batch_first", kind(3, 4, batch_first=True, **make), lambda m, x: m(x)
        yield (
            f"{kind.__name__} packed",
            kind(3, 4, **make),
            lambda m, x: m(nn.utils.rnn.pack_padded_sequence(x, [5, 2]))[0].data,
        )
    yield "LSTM projected", nn.LSTM(3, 4, proj_size=2, **make), lambda m, x: m(x)
    yield "RNN relu", nn.RNN(3, 4, nonlinearity="relu", **make), lambda m, x: m(x)
    for cell in (nn.RNNCell, nn.LSTMCell, nn.GRUCell):
        yield cell.__name__, cell(3, 4, **make), lambda m, x: m(x[0])
    yield "RNNCell relu", nn.RNNCell(3, 4, nonlinearity="relu", **make), lambda m, x: m(x[0])
    yield "weight_norm", nn.utils.weight_norm(nn.Linear(3, 4, **make)), lambda m, x: m(x)
    yield "Linear without bias", nn.Linear(3, 4, bias=False, **make), lambda m, x: m(x)


@pytest.mark.parametrize("name, module, call", [pytest.param(*c, id=c[0]) for c in module_calls()])
def test_module(name, module, call):
    rng = np.random.default_rng(0)
    x = microtorch.from_numpy(rng.standard_normal((5, 2, 3))).requires_grad_()
    inputs = [x, *module.parameters()]
    outputs = [t for t in harness.tensors_in(call(module, x), microtorch.Tensor) if t.requires_grad]
    seeds = [microtorch.from_numpy(rng.standard_normal(t.shape)).requires_grad_() for t in outputs]
    first = both_worlds(outputs, inputs, seeds, name)
    again = [g for g in first if g is not None and g.requires_grad]
    second = [microtorch.from_numpy(rng.standard_normal(t.shape)) for t in again]
    both_worlds(again, inputs + seeds, second, f"gradient of {name}")


def test_every_entry_was_reached():
    """Runs after the operators above (in one process)."""
    if len(reached) < 50:
        pytest.skip("needs the tests above in the same process: run without -n, or with --dist loadfile")
    missing = {name for name, op in table.items() if op.differentiable} - reached - set(ELSEWHERE)
    assert not missing, f"no sample reaches these entries: {sorted(missing)}"
    assert not set(ELSEWHERE) & reached, f"reached now, take them out of the list: {sorted(set(ELSEWHERE) & reached)}"


def test_the_namespaces_have_the_same_names():
    assert set(vars(arrays)) == set(vars(tensors))
    assert set(table) <= set(vars(arrays))
