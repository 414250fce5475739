"""bfloat16 and autocast against PyTorch. (Operators by dtype: tests/conformance, mode bfloat16.)"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import microtorch
from microtorch.kernels.bfloat16 import BFloats, Widen, rounded
from tests.differential import difference

torch = pytest.importorskip("torch")
harness = pytest.importorskip("tests.conformance.harness")


def bits(t: Any) -> Any:
    return t.view(torch.int16).numpy().view(np.uint16)


def test_rounding_is_torchs() -> None:
    rng = np.random.default_rng(0)
    x = (rng.standard_normal(20000) * 10.0 ** rng.integers(-42, 39, 20000)).astype(np.float32)
    halfway = (rng.integers(0, 2**15, 1000, dtype=np.uint32) << 16 | 0x8000).view(np.float32)  # ties go to even
    x = np.concatenate([x, halfway, np.float32([np.inf, -np.inf, 3.4e38, -0.0, 1e-45])])
    x = x[~np.isnan(x)]
    assert np.array_equal(rounded(x).bits, bits(torch.from_numpy(x).bfloat16()))
    assert np.array_equal(rounded(x).wide(), torch.from_numpy(x).bfloat16().float().numpy())
    assert np.isnan(rounded(np.float32([np.nan])).wide()).all()


def test_numpy_never_sees_the_bits() -> None:
    """Whatever NumPy could do to the bits by mistake raises."""
    a = rounded(np.arange(6.0).reshape(2, 3))
    for call in (
        np.asarray, np.array, np.sum, np.sort, np.exp, np.argsort, np.cumsum, np.unique, np.linalg.norm, np.mean,
        lambda x: x + 1, lambda x: x.sum(), lambda x: x.argsort(), lambda x: x.dot(x), np.empty_like,
        lambda x: np.zeros(2, x.dtype), lambda x: np.zeros(2).astype(x.dtype), lambda x: np.einsum("ij->i", x),
    ):  # fmt: skip
        with pytest.raises((Widen, TypeError)):
            call(a)
    plain = np.zeros((2, 3), np.float32)
    with pytest.raises(Widen):
        plain[...] = a
    with pytest.raises(Widen):
        plain += a
    np.copyto(plain, a)
    assert np.array_equal(plain, np.arange(6.0).reshape(2, 3))


def test_views_share_memory() -> None:
    x = microtorch.arange(12, dtype=microtorch.bfloat16).view(3, 4)
    part = x.t()[1:, ::2]
    part.mul_(10)
    assert type(x._data) is BFloats and x.untyped_storage().nbytes() == 24 and part.stride() == (1, 8)
    assert x.tolist() == [[0, 10, 20, 30], [4, 5, 6, 7], [8, 90, 100, 110]] and part.storage_offset() == 1
    x.view(microtorch.int16).zero_()
    assert part.sum() == 0 and x._version == 2


def test_large_networks_learn_alike() -> None:
    """A convolutional network in bfloat16: the gradients are as near to the exact ones as PyTorch's."""

    def gradients(T: Any, kind: Any) -> Any:
        T.manual_seed(0)
        net = T.nn.Sequential(
            T.nn.Conv2d(3, 8, 3, padding=1), T.nn.BatchNorm2d(8), T.nn.ReLU(), T.nn.MaxPool2d(2), T.nn.Conv2d(8, 8, 3),
            T.nn.GroupNorm(2, 8), T.nn.SiLU(), T.nn.AdaptiveAvgPool2d(1), T.nn.Flatten(), T.nn.Dropout(0.0), T.nn.Linear(8, 5),
        ).to(kind)  # fmt: skip
        loss = T.nn.functional.cross_entropy(net(T.randn(4, 3, 12, 12).to(kind)), T.arange(4))
        loss.backward()
        return [p.grad.double().numpy() for p in net.parameters()], net[1].running_var.double().numpy()

    exact, mine, theirs = gradients(torch, torch.float64), gradients(microtorch, microtorch.bfloat16), gradients(torch, torch.bfloat16)  # fmt: skip
    for want, got, other in zip(exact[0], mine[0], theirs[0]):
        scale = np.abs(want).max() + 1e-3
        assert np.abs(got - want).max() <= 2 * np.abs(other - want).max() + 0.02 * scale
    np.testing.assert_allclose(mine[1], theirs[1], rtol=0.01)


def test_second_derivatives_and_functions() -> None:
    def told(T: Any) -> Any:
        x = T.tensor([1.5, -0.5], dtype=T.bfloat16, requires_grad=True)
        (g,) = T.autograd.grad((x**3).sum(), x, create_graph=True)
        g.sum().backward()
        jac = T.func.jacrev(lambda v: v * v.sum())(x.detach())
        seen: list[Any] = []
        y = x * 2
        y.register_hook(lambda grad: seen.append((str(grad.dtype), grad.tolist())))
        y.retain_grad()
        (y[0] * y).sum().backward()
        return g.tolist(), x.grad.tolist(), str(jac.dtype), jac.tolist(), seen, y.grad.tolist()

    assert told(microtorch) == told(torch)


AUTOCAST = {
    "nn.functional.linear_cross_entropy.chunked", "nn.functional.linear_cross_entropy.chunked_none", "svd_lowrank",
    "pca_lowrank", "histogram", "histogramdd", "linalg.pinv", "linalg.pinv.hermitian", "linalg.det",
    "linalg.matrix_power", "tensordot", "inner", "nn.functional.max_pool3d",
}  # fmt: skip
"""Operators whose dtype under autocast differs: decompositions in PyTorch of which some steps are cast, others not."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
def test_dtypes_under_autocast(kind: str) -> None:
    """Each operator of PyTorch's database gives PyTorch's dtypes under autocast."""
    warnings.simplefilter("ignore")

    def cast(v: Any) -> Any:
        if isinstance(v, torch.Tensor) and v.dtype == torch.float32:
            return v.to(getattr(torch, kind))
        return type(v)(cast(x) for x in v) if type(v) in (tuple, list) else v

    wrong, compared = set(), 0
    for name, op in harness.in_scope().items():
        if not op.supports_dtype(torch.float32, "cpu") or name in AUTOCAST:
            continue
        function = harness.micro_function(op)
        for sample in harness.samples_of(op, torch.float32, 2, False):
            args, named = (cast(sample.input), *map(cast, sample.args)), {k: cast(v) for k, v in sample.kwargs.items()}
            try:
                args_, named_ = harness.to_micro((args, named), {})
                with torch.autocast("cpu"):
                    want = [str(t.dtype) for t in harness.tensors_in(op.op(*args, **named), torch.Tensor)]
            except Exception:  # PyTorch itself refuses it
                continue
            with microtorch.autocast("cpu"):
                got = [str(t.dtype) for t in harness.tensors_in(function(*args_, **named_), microtorch.Tensor)]
            compared += 1
            if got != want:
                wrong.add(name)
    assert not wrong and compared > 900


P = "torch.manual_seed(3)\np = torch.tensor([[0.1, 0.5, 0.3, 0.9, 0.2], [0.3, 0.2, 0.6, 0.1, 0.7]]).to(torch.%s)\n"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize(
    "call",
    [
        "torch.multinomial(p, 3)",
        "torch.multinomial(p, 1)",
        "torch.multinomial(p, 4, True)",
        "torch.bernoulli(p)",
        "torch.poisson(p * 9)",
        "torch.binomial(p * 10 // 1, p)",
        "torch.normal(p, 2.0)",
        "torch.rrelu(-torch.ones_like(p), 0.1, 0.5, True)",
        "torch.nn.functional.gumbel_softmax(p, hard=True)",
        "torch.nn.functional.alpha_dropout(p, 0.4, True)",
        "p.clone().bernoulli_(p)",
        "p.clone().cauchy_()",
        "torch.nn.init.orthogonal_(p.clone())",
        "torch.nn.init.trunc_normal_(p.clone())",
        "torch.distributions.Gamma(p, p).sample()",
    ],
)
def test_random_numbers_are_drawn_once(call: str, dtype: str) -> None:
    """What comes after them tells whether a kernel that NumPy refused has drawn them before."""
    assert not (found := difference(f"{P % dtype}r = {call}\n(r.float(), r.dtype, torch.rand(1))")), found


@pytest.mark.parametrize("call", ["x.relu()", "-x", "x.abs()", "x.sign()", "x.floor()", "torch.maximum(x, x.flip(0))"])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_every_number_of_16_bits(dtype: str, call: str) -> None:
    """What is computed on the bits, or in float32 and not rounded: all 65,536 numbers, zeros' signs included."""
    found = []
    for framework in (torch, microtorch):
        x = framework.arange(-(1 << 15), 1 << 15).to(framework.int16).view(getattr(framework, dtype))
        result = eval(call, {"torch": framework, "x": x})
        none = framework.isnan(result)
        found.append((none.numpy(), result.view(framework.int16).masked_fill(none, 0).numpy()))
    for theirs, ours in zip(*found):
        assert np.array_equal(theirs, ours)
