"""Random tensors and generators: the same numbers, state, dtypes and errors as PyTorch."""

from __future__ import annotations

import copy
import itertools
import pickle

import numpy as np
import pytest
import torch

import microtorch
from tests.differential import difference, run

SIZES = ["()", "0", "1", "2, 3", "15", "16", "17", "5, 33", "(4, 4)", "[3, 0, 2]"]
DTYPES = ["float32", "float64", "float16", "complex64", "complex128", "int64", "int32", "uint8", "bool"]

FILLS = """
uniform_() | uniform_(-1, 2.5) | uniform_(to=3.) | uniform_(a=1) | uniform_(0, 1, 2) | uniform_(1, 0) | uniform_(0, 1e300)
normal_() | normal_(3, 2) | normal_(std=.5) | normal_(0, -1) | normal_('a') | normal_(torch.tensor(1.)) | normal_(torch.ones(1))
random_() | random_(5) | random_(-3, 9) | random_(1, to=9) | random_(5, 3) | random_(2.5) | random_(10, None) | random_(2**33)
bernoulli_() | bernoulli_(.2) | bernoulli_(p=1) | bernoulli_(2) | bernoulli_(-.1) | uniform_(generator=5)
exponential_() | exponential_(.3) | exponential_(0) | exponential_(lambd=2)
cauchy_() | cauchy_(1, .5) | cauchy_(sigma=0) | geometric_(.3) | geometric_(p=.9) | geometric_(0) | geometric_()
log_normal_() | log_normal_(0, .5) | log_normal_(std=-1)
"""

CALLS = """
torch.rand(size=(2,)) | torch.rand(-1) | torch.rand(2, -1) | torch.rand(2.) | torch.rand('a') | torch.rand(2, 'a') | torch.rand((2, 2.))
torch.rand() | torch.rand(True) | torch.rand(torch.tensor(2)) | torch.rand(2, torch.tensor(3)) | torch.randn(torch.Size([2]))
torch.rand(2, names=None) | torch.rand(2, layout=torch.strided) | torch.rand(2, device='cpu') | torch.rand(2, device='foo')
torch.rand(2, dtype=float) | torch.rand(3, requires_grad=True) | torch.rand(3, out=torch.zeros(2, dtype=torch.float64))
torch.rand(3, out=torch.zeros(3, dtype=torch.float64), dtype=torch.float32) | torch.rand(2, 3, out=torch.zeros(3, 2).t())
torch.randn(20, generator=torch.Generator().manual_seed(5)) | torch.rand(3, generator=None)
torch.randint(5) | torch.randint(5, (2,)) | torch.randint(5, 3) | torch.randint(1, 5, (2,)) | torch.randint(high=5, size=(2,))
torch.randint(low=1, high=5, size=(2,)) | torch.randint(1, 11, size=(9,)) | torch.randint(3, high=9, size=(9,)) | torch.randint(5.5, (2,)) | torch.randint(0, 5., (2,)) | torch.randint(0, 0, (2,))
torch.randint(5, (2,), dtype=torch.float32) | torch.randint(0, torch.tensor(5), (2,)) | torch.randint(5, size=[2, 3])
torch.randint(0, 5, (2,), requires_grad=True) | torch.randint(True, (2,)) | torch.randint(-2**62, 2**62, (5,)) | torch.randint(0, 2, (9,), dtype=torch.bool)
torch.randint(300, (4,), dtype=torch.uint8) | torch.randint(3, (2, 2), out=torch.zeros(4)) | torch.randint(2**40, (3,), dtype=torch.int64)
torch.randperm(4.) | torch.randperm(10) | torch.randperm(4, dtype=torch.float) | torch.randperm(4, out=torch.zeros(4)) | torch.randperm(n=4)
torch.randperm(0) | torch.randperm(1) | torch.randperm(-1) | torch.randperm(1000) | torch.randperm(300, dtype=torch.uint8)
torch.rand_like(torch.zeros(2, dtype=torch.int)) | torch.rand_like(3) | torch.rand_like(torch.zeros(5, 4).t()) | torch.randn_like(torch.zeros(5, 4).t())
torch.rand_like(torch.zeros(2, 4)[:, ::2]) | torch.rand_like(torch.zeros(2, 1, 4).expand(2, 3, 4)) | torch.rand_like(torch.zeros(3, 2).t(), memory_format=torch.contiguous_format)
torch.rand_like(torch.zeros(2), dtype=torch.float64) | torch.randn_like(torch.zeros(20), requires_grad=True)
torch.randint_like(torch.zeros(3), 5) | torch.randint_like(torch.zeros(3), 1, 5) | torch.randint_like(torch.zeros(3), low=1, high=5)
torch.randint_like(torch.zeros(3), high=5) | torch.randint_like(torch.zeros(3), torch.tensor(5)) | torch.randint_like(torch.zeros(3, dtype=torch.int8), 5)
torch.normal(0, 1) | torch.normal(0., 1., (2,)) | torch.normal(0, 1, size=(2,)) | torch.normal(mean=torch.zeros(2)) | torch.normal(torch.zeros(20), 2)
torch.normal(torch.zeros(2), std=torch.ones(3, 2)) | torch.normal(torch.zeros(2), std=-torch.ones(2)) | torch.normal(torch.zeros(2), -1.)
torch.normal(1., torch.ones(2)) | torch.normal(torch.zeros(2, dtype=torch.int64), 1.) | torch.normal(torch.zeros(2), torch.ones(2, dtype=torch.float64))
torch.normal(torch.zeros(3), torch.ones(2)) | torch.normal(torch.zeros(2, requires_grad=True), 1.) | torch.normal(torch.arange(20.), torch.rand(20) + .1)
torch.normal(torch.zeros(2, requires_grad=True), torch.ones(2, requires_grad=True)) | torch.normal(0., torch.ones(2, requires_grad=True))
torch.normal(0., 1., (20,), dtype=torch.float64) | torch.normal(0., 1., 3) | torch.normal('a', 1., (3,)) | torch.normal(torch.zeros(2), 1., (3,))
torch.normal(torch.zeros(2, 2).t(), torch.ones(2, 2)) | torch.normal(torch.zeros(2), 1., out=torch.zeros(3)) | torch.normal(torch.zeros(2), 1., out=torch.zeros(2))
torch.bernoulli(torch.tensor([.5, .2])) | torch.bernoulli(torch.tensor([.5, .2]), .9) | torch.bernoulli(torch.tensor([.5, .2]), p=.9)
torch.bernoulli(torch.tensor([5, 2])) | torch.bernoulli(torch.tensor([5., 2])) | torch.bernoulli(torch.tensor([.5, .2], requires_grad=True))
torch.bernoulli(torch.rand(3, 4).t()) | torch.bernoulli(torch.rand(4, 4), out=torch.zeros(3)) | torch.zeros(2).bernoulli() | torch.zeros(4).bernoulli_(torch.rand(4))
torch.zeros(3, 4).bernoulli_(torch.rand(4)) | torch.zeros(3, 4).t().bernoulli_(torch.rand(4, 3))
torch.multinomial(torch.tensor([.5, .2]), 3) | torch.multinomial(torch.tensor([.5, .2]), 3, True) | torch.multinomial(torch.rand(4, 6), 1)
torch.multinomial(torch.rand(4, 6), 3) | torch.multinomial(torch.rand(4, 6), 9, replacement=True) | torch.multinomial(torch.tensor([1, 2]), 1)
torch.multinomial(torch.zeros(2, 2), 1) | torch.tensor([.5, .5]).multinomial(1) | torch.multinomial(torch.tensor([-1., 2]), 1) | torch.multinomial(torch.rand(2, 2, 2), 1)
torch.poisson(torch.tensor([.5, 20.])) | torch.poisson(torch.tensor([5, 2])) | torch.poisson(torch.tensor([-1.])) | torch.poisson(torch.tensor([.5], requires_grad=True))
torch.binomial(torch.tensor([5., 200]), torch.tensor([.5, .3])) | torch._standard_gamma(torch.tensor([.5, 3.])) | torch._sample_dirichlet(torch.tensor([.5, 3.]))
torch.bernoulli(torch.ones(2, requires_grad=True), .5) | torch.binomial(torch.ones(2, requires_grad=True), torch.tensor([.5, .5]))
torch.bernoulli(torch.ones(2, requires_grad=True), .5).sum().backward() | torch.binomial(torch.ones(2), torch.ones(2, requires_grad=True)).sum().backward()
torch.zeros(2, requires_grad=True).uniform_() | torch.zeros(2, requires_grad=True)[0].normal_() | torch.zeros(1).expand(3).uniform_()
(torch.zeros(2, requires_grad=True) * 2).normal_() | (torch.zeros(2, requires_grad=True) * 2).uniform_() | (torch.zeros(2, requires_grad=True) * 2).bernoulli_()
(torch.zeros(2, requires_grad=True) * 2).bernoulli_(torch.tensor([.5, .5])) | (torch.zeros(2, requires_grad=True) * 2).exponential_()
(torch.zeros(2, requires_grad=True) * 2).cauchy_() | (torch.zeros(2, requires_grad=True) * 2).geometric_(.5) | (torch.zeros(2, requires_grad=True) * 2).log_normal_()
(torch.zeros(2, requires_grad=True) * 2).random_() | (torch.zeros(2, requires_grad=True) * 2).random_(3, 5) | (torch.zeros(2, requires_grad=True) * 2).random_(5)
torch.manual_seed('a') | torch.manual_seed(1.5).initial_seed() | torch.manual_seed(2**64) | torch.manual_seed(-1).initial_seed() | torch.manual_seed(torch.tensor(3)).initial_seed()
torch.Generator().manual_seed(True) | torch.Generator().manual_seed(1.) | torch.Generator().initial_seed() | torch.Generator().device | torch.Generator('cpu').device
torch.Generator().get_state() | torch.get_rng_state() | torch.set_rng_state(3) | torch.set_rng_state(torch.zeros(3)) | torch.set_rng_state(torch.zeros(3, dtype=torch.uint8))
torch.initial_seed() | torch.random.initial_seed() | torch.random.get_rng_state().sum() | torch.random.__all__ | torch.default_generator is torch.random.default_generator
"""


def listed(text: str) -> list[str]:
    return [c.strip() for line in text.strip().split("\n") for c in line.split(" | ")]


def same_state() -> bool:
    return torch.get_rng_state().numpy().tolist() == microtorch.get_rng_state().numpy().tolist()


@pytest.mark.parametrize("call", listed(CALLS))
def test_call(call: str) -> None:
    assert difference(call) is None
    assert same_state()


@pytest.mark.parametrize("dtype", DTYPES)
def test_sized(dtype: str) -> None:
    for name, size in itertools.product(("rand", "randn", "randint"), SIZES):
        size = size if name != "randint" or size[:1] in "([" else f"({size},)"
        code = f"torch.{name}({'7, ' if name == 'randint' else ''}{size}, dtype=torch.{dtype})"
        for again in (f"torch.{name}({'2, ' if name == 'randint' else ''}(3,))\n", ""):  # in the middle of a stream
            assert difference(again + code) is None
            assert same_state()


@pytest.mark.parametrize(
    "layout", ["torch.zeros(3, 7)", "torch.zeros(7, 3).t()", "torch.zeros(4, 9)[:, 1::2]", "torch.zeros(())"]
)
def test_fills(layout: str) -> None:
    found = []
    for fill, dtype in itertools.product(listed(FILLS), DTYPES):
        code = f"x = {layout}.to(torch.{dtype})\n(x.{fill}, x._version)"
        found.append(difference(code) or (None if same_state() else f"{code}: states differ"))
    assert not [f for f in found if f is not None]


def test_gradient_is_zero() -> None:
    for fill in ("uniform_()", "bernoulli_(torch.rand(3))", "normal_()", "geometric_(.5)"):
        code = f"x = torch.ones(3, requires_grad=True)\ny = x * 2\ny.{fill}\ny.sum().backward()\nx.grad"
        assert difference(code) is None


def test_state_goes_both_ways() -> None:
    for lead in ("torch.rand(3)", "torch.randn(3)", "torch.randperm(700)", "None"):
        code = f"{lead}\nstate = torch.get_rng_state()\na = torch.randn(5)\ntorch.set_rng_state(state)\nb = torch.randn(5)\n(a, b, state)"
        assert difference(code) is None
        theirs, ours = run(code, torch, {}), run(code, microtorch, {})
        microtorch.set_rng_state(microtorch.from_numpy(theirs[2].numpy()))
        torch.set_rng_state(torch.from_numpy(ours[2].numpy()))
        assert np.array_equal(microtorch.rand(4).numpy(), torch.rand(4).numpy())


def test_fork_rng() -> None:
    for kwargs in ("", "enabled=False", "devices=[]"):
        assert difference(f"with torch.random.fork_rng({kwargs}):\n    a = torch.rand(9)\n(a, torch.rand(2))") is None


def test_generators_are_apart() -> None:
    g = microtorch.Generator()
    h = g.clone_state()
    assert np.array_equal(microtorch.rand(5, generator=g).numpy(), microtorch.rand(5, generator=h).numpy())
    k = pickle.loads(pickle.dumps(g))
    assert np.array_equal(microtorch.randn(5, generator=g).numpy(), microtorch.randn(5, generator=k).numpy())
    microtorch.manual_seed(3)
    a = microtorch.rand(2)
    microtorch.manual_seed(3)
    microtorch.rand(100, generator=g)
    assert np.array_equal(a.numpy(), microtorch.rand(2).numpy())
    assert microtorch.seed() == microtorch.initial_seed() != microtorch.seed()
    copy.copy(g)


@pytest.mark.parametrize("spread", [0.5, 1.0, 2.0, 4.0])
def test_gradients_of_gamma_and_dirichlet_samples(spread: float) -> None:
    """All branches of the approximations, beside PyTorch's own on the same samples."""
    from microtorch.kernels.random_gradients import dirichlet_grad, standard_gamma_grad

    torch.manual_seed(0)
    alpha = torch.exp(torch.randn(2000, 4, dtype=torch.float64) * spread)
    x = torch._standard_gamma(alpha)
    assert np.allclose(standard_gamma_grad(alpha.numpy(), x.numpy()), torch._standard_gamma_grad(alpha, x), 1e-10, 0)
    x, total = torch._sample_dirichlet(alpha), alpha.sum(-1, True).expand_as(alpha).contiguous()
    want = torch._dirichlet_grad(x, alpha, total).numpy()
    assert np.allclose(dirichlet_grad(x.numpy(), alpha.numpy(), total.numpy()), want, 1e-6, 0, equal_nan=True)


def test_gradients_of_samples_by_their_parameters() -> None:
    grads = []
    for library in (torch, microtorch):
        library.manual_seed(0)
        alpha = library.tensor([[0.5, 2.0, 9.0], [20.0, 8.0, 7.5]], requires_grad=True)
        weights = library.arange(6.0).reshape(2, 3)
        gamma = library.autograd.grad((library._standard_gamma(alpha) * weights).sum(), alpha)[0]
        sample = library.distributions.Dirichlet(alpha).rsample()
        grads.append((gamma.numpy(), library.autograd.grad((sample * weights).sum(), alpha)[0].numpy()))
    assert np.allclose(grads[0][0], grads[1][0], 1e-5) and np.allclose(grads[0][1], grads[1][1], 1e-4, 1e-6)
