"""Python numbers beside tensors, which are kept as arrays, and the silence about infinities and NaN."""

import warnings

import numpy as np
import pytest
import torch

import microtorch
from microtorch.kernels.numbers import operand
from microtorch.kernels.quiet import quiet, silence
from tests.differential import difference


@pytest.mark.parametrize(
    "number", ["0.0", "-0.0", "0", "1", "1.0", "True", "-3", "1e-8", "1e300", "float('nan')", "-float('inf')", "2**70"]
)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
def test_number_beside_a_tensor(number, dtype):
    lines = [f"n = {number}", f"x = torch.tensor([1, -2, 0], dtype=torch.{dtype})"]
    for expression in ("x * n", "x + n", "n - x", "x / n", "1 / (x * n)", "torch.maximum(x, x * n)"):
        for _ in range(2):  # the second time the number is known
            found = difference("\n".join([*lines, expression]), message=False)
            assert found is None, f"{expression}: {found}"


def test_a_kept_number_cannot_be_written():
    a = operand(0.5, np.ones(3, np.float32))
    assert a.dtype == np.float32 and a is operand(0.5, np.ones(2, np.float32)) and not a.flags.writeable
    assert operand(-0.0, np.ones(1)) == 0 and type(operand(-0.0, np.ones(1))) is float  # 0.0 and -0.0 are one key


def test_silence_is_put_back():
    before = np.geterr()
    with silence():
        with silence():
            assert np.geterr()["divide"] == "ignore"
        assert np.geterr()["divide"] == "ignore"

    @quiet
    def fails(x):
        assert np.geterr()["invalid"] == "ignore"
        raise KeyError

    with pytest.raises(KeyError):
        fails(1)
    assert np.geterr() == before
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert microtorch.log(microtorch.zeros(2)).tolist() == [-np.inf] * 2


# A number (or a 0-d tensor `s` of float64) beside 16-bit floats is one of float32 in products and quotients, and is
# rounded to their dtype first in everything else.
_EXACT = """x + 0.3; x - 0.3; 0.3 - x; x * 0.3; x / 0.3; 0.3 / x; x // 0.3; 1.7 // x; x % 0.3; 1.7 % x; x ** 0.3
0.3 ** torch.abs(x); x + s; x - s; s - x; x * s; s * x; x / s; s / x; x // s; x % s; torch.abs(x) ** s; x // y; x % y
torch.fmod(x, 0.3); torch.fmod(x, s); torch.div(x, y, rounding_mode='floor'); torch.div(x, y, rounding_mode='trunc')
torch.div(x, 0.3, rounding_mode='floor'); torch.div(x, 0.3, rounding_mode='trunc'); torch.div(x, s, rounding_mode='trunc')
x > 0.3; x == 0.3; x >= s; torch.eq(x, 0.3); torch.lerp(x, y, x); torch.addcmul(x, y, s); torch.addcdiv(x, y, s)
torch.addcdiv(x, y, b); torch.clamp(x, -0.3, 0.7); torch.clamp(x, min=0.3); torch.where(x > 0, x, 0.3)
torch.where(x > 0, x, s); torch.maximum(x, s); torch.copysign(x, -0.3); x0 * 0.3; x0 / 0.3; x0 * s; x * True; x * 70000
x * 100000.0; x * 1e-8; x.clone().mul_(0.3); x.clone().add_(0.3); x.clone().div_(0.3); x.clone().mul_(s)
x.clone().add_(s); x.clone().remainder_(0.3); x.clone().masked_fill_(x > 0, 0.3); torch.nextafter(x, y)
torch.nextafter(x, -x); torch.nextafter(x * 0, y)"""
# with PyTorch's fused multiply-add, here a product and a sum: a tie of the last place in a few of the elements
_CLOSE = """torch.add(x, y, alpha=0.3); torch.sub(x, y, alpha=0.3); torch.add(x, 0.7, alpha=0.3); torch.add(x, s, alpha=0.3)
torch.rsub(x, y, alpha=0.3); torch.rsub(x, 0.7, alpha=0.3); x.clone().add_(y, alpha=0.3); torch.lerp(x, y, 0.3)
torch.addcmul(x, y, z, value=0.3); torch.addcdiv(x, y, z, value=0.3)"""


def _half_run(T, expression, dtype):
    """The value and the gradients of an expression of random 16-bit floats, as float64."""
    r, dtype = np.random.default_rng(3), getattr(T, dtype)
    x, y, z = (T.tensor(r.normal(0, 2, 500).tolist()).to(dtype).requires_grad_() for _ in range(3))
    z = (z.detach().abs() + 0.5).requires_grad_()  # a divisor whose square is no tiny number, which halves round to 0
    s, b = (T.tensor(v, dtype=T.float64, requires_grad=True) for v in (0.3, 1e6))
    x0 = T.tensor(1.7).to(dtype).requires_grad_()
    out = eval(expression, {"torch": T, "x": x, "y": y, "z": z, "s": s, "b": b, "x0": x0})
    grads = {}
    if out.requires_grad and "//" not in expression and "1.7 %" not in expression and "floor" not in expression:
        out.backward(T.linspace(-1, 1, 500).to(dtype).reshape(-1)[: out.numel()].reshape(out.shape).to(out.dtype))
        # (those of s and b are sums of 500 terms, which PyTorch rounds one by one)
        grads = {n: None if t.grad is None else t.grad.double().numpy() for n, t in zip("xyz0", (x, y, z, x0))}
    return str(out.dtype).split(".")[1], out.detach().double().numpy(), grads


def _expressions(text):
    return [e.strip() for line in text.splitlines() for e in line.split("; ")]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_beside_numbers(dtype):
    wrong = []
    step = 2.0**-10 if dtype == "float16" else 2.0**-7
    for exact, text in ((True, _EXACT), (False, _CLOSE)):
        for e in _expressions(text):
            (kind, want, want_grads), (found, have, have_grads) = (_half_run(T, e, dtype) for T in (torch, microtorch))
            differ = ~((want == have) | (np.isnan(want) & np.isnan(have)))
            if kind != found or differ.sum() > (0 if exact else want.size // 50):
                wrong.append(f"{e}: {found} {differ.sum()} of {want.size} elements")
            for name, p in want_grads.items():
                q = have_grads[name]
                if (p is None) != (q is None) or (p is not None and not np.allclose(p, q, 4 * step, 2 * step, True)):
                    wrong.append(f"{e}: gradient of {name}")
    assert not wrong, "\n".join(wrong)


def test_gradient_of_halves_beside_large_numbers():
    """A factor of float64 beyond float16's range: the gradient is of the number itself."""
    code = """
x = torch.tensor([1.5, -2.0], dtype=torch.float16, requires_grad=True)
y = torch.tensor([0.5, 3.0], dtype=torch.float16, requires_grad=True)
b = torch.tensor(1e6, dtype=torch.float64)
torch.addcdiv(x, y, b).sum().backward()
(y * 70000).sum().backward()
y.grad.tolist(), torch.autograd.grad((x * 0.3).sum(), x, create_graph=True)[0].tolist()
"""
    assert difference(code) is None


def test_sums_with_alpha():
    x, y = (microtorch.randn(shape, dtype=microtorch.float64, requires_grad=True) for shape in ((2, 3), (3,)))
    for f in (microtorch.add, microtorch.sub):
        assert microtorch.autograd.gradcheck(lambda a, b, f=f: f(a, b, alpha=0.3), (x, y))
        assert microtorch.autograd.gradgradcheck(lambda a, b, f=f: f(a, b, alpha=0.3), (x, y))
    assert (
        difference(
            "x = torch.ones(2, requires_grad=True)\ntorch.add(x, x, alpha=2).grad_fn.next_functions[1][0].name()"
        )
        is None
    )
