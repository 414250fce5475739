"""torch.nn.functional's names, and the names and defaults of their parameters."""

import inspect
import types

import pytest
import torch.nn.functional as theirs

import microtorch.nn.functional as ours

# Names of torch.nn.functional that are no functions of its public interface.
HELPERS = {
    "Optional", "assert_int_or_pair", "boolean_dispatch", "handle_torch_function", "has_torch_function",
    "has_torch_function_unary", "has_torch_function_variadic",
}  # fmt: skip
LACKING = {"grouped_mm", "scaled_grouped_mm", "scaled_mm"}  # products of low-precision blocks, for GPUs

# Functions made in C: their parameters as their documentation gives them.
BUILTIN = {
    "adaptive_avg_pool1d": "input output_size",
    "avg_pool1d": "input kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True",
    "avg_pool2d": "input kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True divisor_override=None",
    "avg_pool3d": "input kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True divisor_override=None",
    "bilinear": "input1 input2 weight bias=None",
    "channel_shuffle": "input groups",
    "conv1d": "input weight bias=None stride=1 padding=0 dilation=1 groups=1",
    "conv2d": "input weight bias=None stride=1 padding=0 dilation=1 groups=1",
    "conv3d": "input weight bias=None stride=1 padding=0 dilation=1 groups=1",
    "conv_tbc": "input weight bias pad=0",
    "conv_transpose1d": "input weight bias=None stride=1 padding=0 output_padding=0 groups=1 dilation=1",
    "conv_transpose2d": "input weight bias=None stride=1 padding=0 output_padding=0 groups=1 dilation=1",
    "conv_transpose3d": "input weight bias=None stride=1 padding=0 output_padding=0 groups=1 dilation=1",
    "cosine_similarity": "x1 x2 dim=1 eps=1e-08",
    "celu_": "input alpha=1.0", "elu_": "input alpha=1.0", "relu_": "input", "selu_": "input",
    "gelu": "input approximate='none'",
    "hardshrink": "input lambd=0.5", "softshrink": "input lambd=0.5",
    "hardtanh_": "input min_val=-1.0 max_val=1.0",
    "leaky_relu_": "input negative_slope=0.01",
    "linear": "input weight bias=None",
    "logsigmoid": "input",
    "native_channel_shuffle": "input groups",
    "one_hot": "tensor num_classes=-1",
    "pairwise_distance": "x1 x2 p=2.0 eps=1e-06 keepdim=False",
    "pdist": "input p=2",
    "pixel_shuffle": "input upscale_factor", "pixel_unshuffle": "input downscale_factor",
    "prelu": "input weight",
    "rrelu_": "input lower=0.125 upper=0.3333333333333333 training=False",
    "scaled_dot_product_attention":
        "query key value attn_mask=None dropout_p=0.0 is_causal=False scale=None enable_gqa=False",
    "softplus": "input beta=1 threshold=20",
    "threshold_": "input threshold value",
}  # fmt: skip


def public(module):
    return {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(value) and not inspect.isclass(value) and not inspect.ismodule(value)
    }


def test_names():
    missing = set(public(theirs)) - HELPERS - LACKING - set(public(ours))
    assert not missing


def described(function):
    parameters = inspect.signature(function).parameters.values()
    return [p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in parameters]


@pytest.mark.parametrize("name", sorted(set(public(theirs)) - HELPERS - LACKING))
def test_parameters(name):
    function = getattr(theirs, name)
    if name in BUILTIN:
        expected = BUILTIN[name].split()
    else:
        # max_pool2d and its like are chosen at the call: their form with indices has the parameters
        plain = isinstance(function, types.FunctionType) and "boolean_dispatch" not in function.__qualname__
        expected = described(function if plain else getattr(theirs, f"{name}_with_indices"))
    assert [p.replace("=1.0", "=1").replace("=20.0", "=20") for p in described(getattr(ours, name))] == [
        p.replace("=1.0", "=1").replace("=20.0", "=20") for p in expected
    ]
