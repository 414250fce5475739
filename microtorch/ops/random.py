"""Random numbers in the graph: what is drawn has the derivative 0 by what stood there, or by its parameters.

The numbers come from kernels/random.py, and are written into memory before the node is made (functions/random.py); an
entry here says what the node is called and what runs backwards. Its kernel fills an array, so that a step can be
recorded by name.
"""

from __future__ import annotations

from typing import Any

from microtorch.autograd.table import op, unary
from microtorch.kernels.random_gradients import (
    dirichlet_grad as dirichlet_grad_kernel,
    standard_gamma_grad as standard_gamma_grad_kernel,
)
from microtorch.ops.pointwise import not_implemented, underivable


def _fill(x: Any, stream: Any, kind: str, *args: Any) -> Any:
    """Fill x with what the stream draws, and return it."""
    stream.fill(x, kind, *args)
    return x


def _zeros(xp: Any, g: Any) -> Any:
    return xp.zeros_like(g)


# in place: Tensor.uniform_ and its like ------------------------------------------------------------------------------
uniform = unary("uniform", _fill, x=_zeros)
normal = unary("normal", _fill, x=_zeros)
random_between = unary("random_between", _fill, x=_zeros, grad_name="RandomBackward0")
random_below = unary("random_below", _fill, x=_zeros, grad_name="RandomBackward1")
random_any = unary("random_any", _fill, x=_zeros, grad_name="RandomBackward2")
bernoulli_fill = unary("bernoulli_fill", _fill, x=_zeros, grad_name="BernoulliBackward2")
bernoulli_fill_by = op(
    "bernoulli_fill_by",
    lambda x, p, stream: _fill(x, stream, "bernoulli_array", p),
    inputs="x p",
    grad_name="BernoulliBackward1",
    x=_zeros,
    p=_zeros,
)
exponential = unary("exponential", _fill, x=_zeros)
cauchy = unary("cauchy", _fill, x=_zeros)
geometric = unary("geometric", _fill, x=_zeros)
log_normal = unary("log_normal", _fill, x=_zeros)


# from parameters: torch.normal(mean, std), torch.bernoulli(p), torch.poisson(rate) -----------------------------------


def _normal(mean: Any, std: Any, stream: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """mean + std * standard normal numbers; a number as `std` goes into the draw itself, as in PyTorch."""
    if isinstance(std, (int, float)):
        out = stream.normal(shape, 0.0, std, dtype)
    else:
        out = stream.normal(shape, 0.0, 1.0, dtype)
        out *= std.astype(dtype, copy=False)
    out += mean if isinstance(mean, (int, float)) else mean.astype(dtype, copy=False)
    return out


normal_by_mean = op("normal_by_mean", _normal, inputs="mean std", grad_name="NormalBackward1", mean=_zeros)
normal_by_std = op("normal_by_std", _normal, inputs="mean std", grad_name="NormalBackward2", std=_zeros)
normal_by_both = op("normal_by_both", _normal, inputs="mean std", grad_name="NormalBackward3", mean=_zeros, std=_zeros)
bernoulli = unary("bernoulli", lambda x, stream: stream.bernoulli_array(x), x=_zeros)
bernoulli_p = unary(
    "bernoulli_p",
    lambda x, stream, p: stream.bernoulli(x.shape, p, x.dtype),
    grad_name="NotImplemented",
    x=underivable("bernoulli"),
)
poisson = unary("poisson", lambda x, stream: stream.poisson(x), x=_zeros)
binomial = op(
    "binomial",
    lambda count, prob, stream: stream.binomial(count, prob),
    inputs="count prob",
    grad_name="NotImplemented",
    count=underivable("binomial"),
    prob=underivable("binomial"),
)
multinomial = unary(
    "multinomial", lambda x, stream, num_samples, replacement: stream.multinomial(x, num_samples, replacement)
)


# by their parameters, for fixed uniform numbers: see kernels/random_gradients.py
standard_gamma_grad = op("standard_gamma_grad", standard_gamma_grad_kernel, inputs="alpha x",
                         alpha=not_implemented("_standard_gamma_grad"),
                         x=not_implemented("_standard_gamma_grad"))  # fmt: skip
dirichlet_grad = op("dirichlet_grad", dirichlet_grad_kernel, inputs="x alpha total",
                    x=not_implemented("_dirichlet_grad"), alpha=not_implemented("_dirichlet_grad"),
                    total=not_implemented("_dirichlet_grad"))  # fmt: skip
standard_gamma = unary("standard_gamma", lambda x, stream: stream.gamma(x),
                       x=lambda xp, g, x, out: g * xp.standard_gamma_grad(x, out))  # fmt: skip


def _dirichlet_x(xp: Any, g: Any, x: Any, out: Any) -> Any:
    """Each coordinate is a beta sample, and what it gains the others lose."""
    last = (len(x.shape) - 1,)
    return xp.dirichlet_grad(out, x, xp.sum(x, last, True)) * (g - xp.sum(out * g, last, True))


sample_dirichlet = unary("sample_dirichlet", lambda x, stream: stream.dirichlet(x), x=_dirichlet_x,
                        grad_name="_DirichletBackward")  # fmt: skip
