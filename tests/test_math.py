"""The mathematics of torch.*: what PyTorch's operator database does not reach, each line evaluated by both libraries.

Numbers in a tensor's place, NumPy's names of arguments, `out=`, in-place twins, printed results, errors; and the accuracy of the
special functions against mpmath.
"""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

import microtorch
from tests.differential import difference, torch

X = "x = torch.tensor([[0.3, -1.2, 2.5], [4.0, 0.0, -0.7]], requires_grad=True)\n"
Y = "y = torch.tensor([[1.5, 2.0, -0.5], [0.25, 3.0, 1.0]], requires_grad=True)\n"
P = "p = torch.tensor([[0.3, 1.2, 2.5], [4.0, 0.1, 0.7]], requires_grad=True)\n"
S = "s = torch.tensor([[2.0, 0.5, 0.1], [0.5, 3.0, -0.2], [0.1, -0.2, 1.5]], requires_grad=True)\n"


def same(code: str, **options: bool) -> None:
    found = difference(code, strides=False, exact=False, **options)
    assert found is None, found


def with_gradients(expression: str) -> str:
    """The value of an expression and the gradients of what it names."""
    names = [
        n for n in "xyps" if n in expression.replace("exp", "").replace("pos", "").replace("sp", "").replace("ax", "")
    ]
    return (
        X
        + Y
        + P
        + S
        + (
            f"r = {expression}\n"
            "r = r if isinstance(r, (tuple, list)) else (r,)\n"
            f"g = torch.autograd.grad([t.sum() for t in r if t.requires_grad], [{', '.join(names)}], allow_unused=True)\n"
            "([t.detach() for t in r], g)"
        )
    )


# a number beside a tensor, on either side; NumPy's names of arguments; defaults
EXPRESSIONS = """
x + 2 | 2 + x | x - 2 | 2 - x | x * 3 | 3 * x | x / 4 | 4 / x | x ** 2 | x ** 3 | x ** -1 | p ** 0.5 | p ** -0.5 | p ** 2.5 | 2 ** x | 0 ** p
x ** 0 | x % 2 | x % -1.5 | torch.fmod(x, 2) | torch.fmod(x, y) | torch.remainder(x, 1.5)
torch.rsub(x, 2) | torch.rsub(x, y) | torch.rsub(x, y, alpha=3) | torch.add(x, y, alpha=2) | torch.sub(x, 1, alpha=0.5) | abs(x) | -x | +x
torch.clamp(x, min=0) | torch.clamp(x, max=1) | torch.clamp(x, -1, 1) | torch.clamp(x, y, None) | torch.clamp_max(x, 0.5) | torch.clamp_min(x, 0.5)
torch.clamp(x, min=y, max=2 * y) | torch.clamp_min(x, y) | torch.clamp_max(x, y) | x.clip(0, 1)
torch.xlogy(p, 2) | torch.xlogy(2, p) | torch.xlogy(p, p) | torch.special.xlog1py(2, p) | torch.special.zeta(2.5, p) | torch.special.zeta(3, p)
torch.copysign(x, -1) | torch.copysign(x, y) | torch.float_power(p, 2) | torch.float_power(2, x) | torch.where(x > 0, x, 0.0) | torch.where(x > 0, 1.0, x)
torch.lerp(x, y, 0.3) | torch.lerp(x, y, 0.9) | torch.lerp(x, y, p) | torch.addcmul(x, y, p, value=2) | torch.addcdiv(x, y, p, value=0.5)
torch.round(x, decimals=1) | torch.frexp(x)[0] | torch.ldexp(x, torch.tensor([1, 2, 3])) | torch.logit(torch.sigmoid(x)) | torch.nan_to_num(x / 0)
x.sum(axis=0) | x.sum(axis=(0, 1), keepdims=True) | x.mean(axis=1) | torch.sum(x, axis=1) | x.max(axis=1)[0] | x.std(axis=1) | x.sum(dim=[0]) | x.sum(0, True)
x.var(unbiased=False) | x.var(0, False) | x.std(1, correction=0) | torch.var_mean(x, 1) | torch.std_mean(x) | torch.std_mean(x, dim=0, keepdim=True)
x.prod() | x.prod(1) | torch.prod(x, 0, True) | x.cumsum(1) | x.cumprod(0) | x.cummax(1)[0] | x.cummin(0)[0] | x.logcumsumexp(1) | x.logsumexp((0, 1))
x.max() | x.min() | x.amax() | x.amin(1) | torch.aminmax(x) | torch.aminmax(x, dim=1) | torch.max(x, y) | torch.min(x, y) | x.max(1)[0]
x.norm() | x.norm(1) | x.norm(dim=1) | x.norm(p=3, dim=0) | torch.norm(x, 'fro', dim=(0, 1)) | torch.norm(x, float('inf')) | s.norm('nuc')
torch.dist(x, y) | torch.dist(x, y, 1) | torch.dist(x, y, 3) | torch.cdist(x, y) | torch.cdist(x, y, p=1) | torch.cdist(x, y, p=3.5)
x.median() | x.median(1)[0] | x.nanmedian() | torch.quantile(x, 0.4) | torch.quantile(x, torch.tensor([0.1, 0.9]), dim=1) | x.mode(1)[0]
torch.quantile(x, 0.3, dim=0, keepdim=True, interpolation='midpoint') | x.sort(1)[0] | x.sort(0, True)[0] | x.topk(2)[0] | x.topk(2, largest=False)[0]
x.kthvalue(2, 1)[0] | torch.msort(x) | torch.diff(x) | torch.trapezoid(x) | torch.cumulative_trapezoid(x, dx=2) | torch.gradient(x)[0] | x.nansum()
x @ s | torch.matmul(x, s[0]) | torch.mv(s, x[0]) | torch.dot(x[0], y[0]) | torch.vdot(x[0], y[0]) | torch.outer(x[0], y[1]) | torch.inner(x, y)
torch.addmm(x, y, s, beta=0.5, alpha=2) | torch.addmv(x[0], s, y[0], alpha=3) | torch.addr(s, x[0], y[0], beta=2) | torch.kron(x, y)
torch.baddbmm(x[None], y[None], s[None], alpha=2) | torch.addbmm(x, y[None], s[None], beta=3) | torch.tensordot(x, y, dims=([0, 1], [0, 1]))
torch.chain_matmul(x, s, s) | torch.linalg.multi_dot([x, s, s, x[0]]) | torch.trace(s) | torch.linalg.cross(x, y) | torch.cov(x) | torch.corrcoef(x)
torch.linalg.inv(s) | torch.det(s) | torch.logdet(s) | torch.slogdet(s)[1] | torch.linalg.solve(s, x[0]) | torch.linalg.cholesky(s) | s.inverse()
torch.linalg.qr(s)[1] | torch.linalg.svdvals(s) | torch.linalg.eigvalsh(s) | torch.linalg.eigh(s)[0] | torch.linalg.pinv(s) | s.matrix_power(3)
torch.linalg.matrix_norm(s, 1) | torch.linalg.matrix_norm(s, 2) | torch.linalg.cond(s) | torch.matrix_exp(s) | torch.linalg.lstsq(s, x.T).solution
torch.linalg.lu(s)[1] | torch.linalg.lu(s)[2] | torch.linalg.vecdot(x, y) | torch.linalg.vector_norm(x, 3, dim=1) | torch.vander(x[0].detach(), 4) + x[0, 0]
torch.erf(x) | torch.erfc(x) | torch.erfinv(torch.tanh(x / 4)) | torch.lgamma(p) | torch.digamma(p) | torch.polygamma(2, p) | p.polygamma(1) | torch.mvlgamma(p + 2, 3)
torch.igamma(y.abs(), p.detach()).detach() | torch.igamma(y.abs().detach(), p) | torch.igammac(y.abs().detach(), p) | torch.i0(x) | torch.special.i1e(x)
torch.special.ndtr(x) | torch.special.ndtri(torch.sigmoid(x)) | torch.special.log_ndtr(x) | torch.special.entr(p) | torch.special.erfcx(x)
torch.fft.rfft(x).abs() | torch.fft.irfft(torch.fft.rfft(x), n=3) | torch.fft.fft2(x).real | torch.view_as_real(torch.complex(x, y)) | torch.polar(p, y).real
torch.linalg.householder_product(s, s[0, :0]) | torch.linalg.matrix_power(s, 0) | torch.complex(x, y).conj_physical().imag | torch.complex(x, y).angle()
torch.special.logsumexp(x, 1) | torch.special.softmax(x, 0) | torch.special.expit(x) | torch.nextafter(x, y) | torch.hypot(x, y) | torch.atan2(x, y)
"""


@pytest.mark.parametrize(
    "expression", [e.strip() for line in EXPRESSIONS.strip().splitlines() for e in line.split("|") if e.strip()]
)
def test_value_and_gradients(expression: str) -> None:
    same(with_gradients(expression))


UNARY = """abs absolute acos acosh arccos arccosh arcsin arcsinh arctan arctanh asin asinh atan atanh ceil clip cos cosh deg2rad digamma
erf erfc erfinv exp exp2 expm1 fix floor frac i0 lgamma log log10 log1p log2 logit nan_to_num neg negative rad2deg reciprocal relu
round rsqrt sgn sigmoid sign sin sinc sinh sqrt square tan tanh trunc conj_physical""".split()


@pytest.mark.parametrize("name", UNARY)
def test_in_place_twins(name: str) -> None:
    """x.f_() and torch.f_(x): the same values and gradients as x.f(), written into the same memory."""
    arguments = "min=0.4" if name == "clip" else ""
    exact_names = f"{name}_" in dir(torch)
    code = "x = torch.tensor([0.3, 0.5, 0.9], requires_grad=True)\n"
    if name != "sgn" and not name.endswith(
        ("acosh", "asinh", "atanh", "arccosh", "arcsinh", "arctanh")
    ):  # in place they have none
        same(
            code
            + f"y = x * 1\nz = y.{name}_({arguments})\n(z is y, y.detach(), y._version, torch.autograd.grad(y.sum(), x))"
        )
    if exact_names:
        same(code + f"y = x.detach().clone()\nz = torch.{name}_(y{', ' + arguments if arguments else ''})\n(z is y, y)")
    if name != "relu":
        same(f"torch.{name}(input=torch.tensor([0.3, 0.5]){', ' + arguments if arguments else ''}, out=torch.empty(2))")
    same(
        f"x = torch.tensor([1, 2])\nx.{name}_({arguments})", message=name != "clip"
    )  # of integers: PyTorch's error where the result is no integer


BINARY = """add sub subtract mul multiply div divide true_divide floor_divide pow float_power remainder fmod atan2 arctan2 hypot copysign
nextafter xlogy eq ne lt le gt ge not_equal less less_equal greater greater_equal logical_and logical_or logical_xor""".split()


@pytest.mark.parametrize("name", BINARY)
def test_in_place_twins_of_two(name: str) -> None:
    same(f"x = torch.tensor([0.3, 2.5])\ny = torch.tensor([1.5, 0.5])\n(x.{name}_(y), x)", message=False)
    same(f"x = torch.tensor([0.3, 2.5], dtype=torch.float64)\nx.{name}_(torch.tensor(2.0))", message=False)
    same(f"x = torch.tensor([3, 2])\nx.{name}_(torch.tensor([2, 2]))", message=False)
    same(f"x = torch.tensor([0.3, 2.5])\nx.{name}_(torch.ones(3))")


PRINTED = """
torch.max(torch.tensor([[1., 5.], [7., 2.]]), dim=1) | torch.sort(torch.tensor([3, 1, 2])) | torch.topk(torch.tensor([1., 4., 2.]), 2)
torch.linalg.qr(torch.eye(2)) | torch.linalg.eigh(torch.eye(2)) | torch.linalg.svd(torch.eye(2)) | torch.frexp(torch.tensor([8.]))
torch.aminmax(torch.tensor([1., 2.])) | torch.slogdet(torch.eye(2)) | torch.linalg.slogdet(torch.eye(2)) | torch.median(torch.tensor([[1., 2.]]), 1)
torch.mode(torch.tensor([1, 1, 2])) | torch.kthvalue(torch.tensor([3., 1.]), 1) | torch.cummax(torch.tensor([1., 3., 2.]), 0)
torch.histogram(torch.tensor([1., 2.]), 2) | torch.linalg.lstsq(torch.eye(2), torch.ones(2, 1)) | torch.linalg.lu_factor(torch.eye(2))
"""


@pytest.mark.parametrize("expression", [e.strip() for line in PRINTED.strip().splitlines() for e in line.split("|")])
def test_printed(expression: str) -> None:
    same(f"repr({expression})")


NODES = """
x.sum() | x.sum(0) | x.mean() | x.mean(0) | x.prod() | x.prod(0) | x.var() | x.std() | x.max() | x.max(0)[0] | x.amax() | x.norm() | x ** 2 | x ** p
2 ** x | 2 - x | 2 / x | x / 2 | x % 2 | torch.remainder(x, y) | x.clamp(0) | x.clamp(min=y) | x.clamp_min(0) | x.lerp(y, 0.5) | x.lerp(y, p) | x.sort()[0]
x.cumsum(0) | x.logsumexp(0) | torch.einsum('ij,kj->ik', x, y) | x @ s | x.abs() | x.square() | torch.rsub(x, y) | torch.addcmul(x, y, p) | x.median()
torch.linalg.inv(s) | torch.det(s) | torch.linalg.cholesky(s) | torch.linalg.solve(s, s) | torch.linalg.svdvals(s) | torch.trace(s) | torch.outer(x[0], y[0])
torch.round(x) | torch.div(x, y, rounding_mode='floor') | torch.maximum(x, y) | x.topk(1)[0] | torch.erf(x) | torch.kron(x, y).sum() | torch.fft.fft(x)
"""


@pytest.mark.parametrize("expression", [e.strip() for line in NODES.strip().splitlines() for e in line.split("|")])
def test_names_of_nodes(expression: str) -> None:
    same(X + Y + P + S + f"({expression}).grad_fn.name()")


ERRORS = """
torch.ones(2) + torch.ones(3) | torch.exp(2) | torch.maximum(torch.ones(2), 1) | torch.clamp(torch.ones(2)) | torch.ones(2) @ torch.ones(3)
torch.mm(torch.ones(2), torch.ones(2, 2)) | torch.ones(2, 3) @ torch.ones(2, 3) | torch.bmm(torch.ones(2, 3), torch.ones(2, 3, 4))
torch.tensor([2]) ** -1 | torch.tensor([True]) - torch.tensor([True]) | -torch.tensor([True]) | torch.tensor([1]) // 0 | torch.tensor([1]).mean()
torch.tensor([1]).std() | torch.ones(0).max() | torch.ones(2, 0).max(1) | torch.ones(2, 0).argmax(dim=1) | torch.ones(2).sum(2) | torch.ones(2).sum((0, 0))
torch.topk(torch.ones(2), 3) | torch.kthvalue(torch.ones(2), 3) | torch.quantile(torch.ones(2), 1.5) | torch.quantile(torch.tensor([1]), 0.5)
torch.linalg.inv(torch.ones(2, 3)) | torch.linalg.solve(torch.eye(2), torch.ones(3)) | torch.det(torch.ones(2, 3)) | torch.linalg.qr(torch.ones(2))
torch.einsum('ij,jk', torch.ones(2, 3), torch.ones(4, 5)) | torch.einsum('ij,jk->il', torch.ones(2, 3), torch.ones(3, 5)) | torch.einsum('ii', torch.ones(2, 3))
torch.complex(torch.ones(2), torch.ones(2).double()) | torch.ones(2).imag | torch.bitwise_and(torch.ones(2), torch.ones(2)) | torch.frac(torch.tensor([1]))
torch.add(torch.tensor([1]), 1, alpha=1.5) | torch.div(torch.ones(2), 2, rounding_mode='x') | torch.addcdiv(*3 * [torch.tensor([1])]) | ~torch.ones(2)
torch.bincount(torch.tensor([-1])) | torch.allclose(torch.ones(2), torch.ones(2).double()) | torch.exp(torch.ones(2), out=torch.ones(2, dtype=torch.int64))
torch.cross(torch.ones(2, 4), torch.ones(2, 4), dim=1) | torch.trace(torch.ones(2)) | torch.fft.fft(torch.ones(0)) | torch.tensor([True]) - 1 | 1 - torch.tensor([True]) | torch.ones(2) - torch.tensor([True, False])
(torch.ones(2, requires_grad=True) // 2).sum().backward()
"""


@pytest.mark.parametrize("expression", [e.strip() for line in ERRORS.strip().splitlines() for e in line.split("|")])
def test_errors(expression: str) -> None:
    same(expression)


def test_singular_matrices() -> None:
    """torch.linalg.LinAlgError, a RuntimeError, with PyTorch's message."""
    calls = {
        "inv": lambda m: m.linalg.inv(m.zeros(2, 2)),
        "batch": lambda m: m.linalg.inv(m.stack([m.eye(2), m.ones(2, 2)])),
        "solve": lambda m: m.linalg.solve(m.zeros(2, 2), m.ones(2)),
        "cholesky": lambda m: m.linalg.cholesky(-m.eye(2)),
        "minor": lambda m: m.linalg.cholesky(m.tensor([[1.0, 2.0], [2.0, 1.0]])),
    }
    for name, call in calls.items():
        with pytest.raises(torch.linalg.LinAlgError) as theirs:
            call(torch)
        with pytest.raises(microtorch.linalg.LinAlgError) as ours:
            call(microtorch)
        assert str(theirs.value) == str(ours.value), name
    assert issubclass(microtorch.linalg.LinAlgError, RuntimeError)


def test_random_einsums() -> None:
    """Random equations of one to three operands, with repeated subscripts, ellipses and sizes of 1: values and gradients."""
    rng = random.Random(0)
    for number in range(100):
        sizes = {c: rng.choice([1, 2, 3]) for c in "abcde"}
        terms, shapes = [], []
        for _ in range(rng.randint(1, 3)):
            letters = [rng.choice("abcde") for _ in range(rng.randint(0, 3))]
            dots = rng.random() < 0.3
            at = rng.randint(0, len(letters))
            terms.append("".join(letters[:at]) + ("..." if dots else "") + "".join(letters[at:]))
            shapes.append([sizes[c] for c in letters[:at]] + ([2] if dots else []) + [sizes[c] for c in letters[at:]])
        seen = sorted({c for t in terms for c in t if c != "."})
        rng.shuffle(seen)
        dots = any("..." in t for t in terms)
        out = ("..." if dots else "") + "".join(seen[: rng.randint(0, len(seen))])
        equation = ",".join(terms) + (f"->{out}" if rng.random() < 0.8 else "")
        arrays = [np.random.default_rng(number + i).standard_normal(s) for i, s in enumerate(shapes)]
        same(
            f"t = [torch.tensor(a).requires_grad_() for a in {[a.tolist() for a in arrays]!r}]\n"
            f"r = torch.einsum({equation!r}, *t)\n"
            "(r.detach(), torch.autograd.grad(r.square().sum(), t, allow_unused=True))",
            message=False,
        )


def test_products_with_zeros() -> None:
    """First and second derivatives of products that contain no, one and two zeros."""
    for zeros in itertools.product([0, 1], repeat=3):
        values = [v * (not z) for v, z in zip([2.0, 3.0, 5.0], zeros)]
        for call in ("x.prod()", "x.prod(0)", "x.cumprod(0).sum()"):
            same(
                f"x = torch.tensor({values}, requires_grad=True)\n"
                f"g, = torch.autograd.grad({call}, x, create_graph=True)\n"
                "(g.detach(), torch.autograd.grad((g * torch.tensor([1., 2., 3.])).sum(), x))"
            )


def test_singular_determinants() -> None:
    """The gradient of det is the matrix of cofactors, also where det is 0 (of rank 2, 1 and 0)."""
    for rows in ([[1, 2, 3], [2, 4, 6], [1, 0, 1]], [[1, 2, 3], [2, 4, 6], [3, 6, 9]], [[0, 0, 0]] * 3):
        x = microtorch.tensor(rows, dtype=microtorch.float64, requires_grad=True)
        (g,) = microtorch.autograd.grad(microtorch.det(x), x)
        a = np.array(rows, float)
        cofactors = [
            [(-1) ** (i + j) * np.linalg.det(np.delete(np.delete(a, i, 0), j, 1)) for j in range(3)] for i in range(3)
        ]
        np.testing.assert_allclose(g.numpy(), cofactors, atol=1e-12)


def test_sort_is_stable_and_puts_nan_last() -> None:
    values = [3.0, float("nan"), 1.0, 3.0, 1.0, -0.0, 0.0, float("inf"), float("nan"), float("-inf")] * 4
    for dtype in ("float32", "float64", "float16"):
        for descending in (False, True):
            same(
                f"torch.sort(torch.tensor({values!r}, dtype=torch.{dtype}), stable=True, descending={descending})".replace(
                    "nan", "float('nan')"
                ).replace("inf", "float('inf')")
            )
    same("torch.sort(torch.tensor([2, 1, 2, 1, 3] * 8), stable=True, descending=True)")


def test_batched_searchsorted() -> None:
    rng = np.random.default_rng(0)
    for right in (False, True):
        edges = np.sort(rng.integers(0, 20, (4, 3, 9)), -1).tolist()
        points = rng.integers(-2, 22, (4, 3, 30)).tolist()
        same(f"torch.searchsorted(torch.tensor({edges}), torch.tensor({points}), right={right})")


# the accuracy of special functions: (name, arguments, greatest error in units of the last place of a float64 and of a float32)
# (PyTorch's own: at most 7 in float64 and 7.2 in float32, both for i1; the polynomials here were chosen for speed)
ACCURACY = [
    ("erf", (-6, 6), 4, 2), ("erfc", (-6, 25), 8, 3), ("erfinv", (-1, 1), 8, 3), ("lgamma", (0.01, 30), 33, 0.6),
    ("digamma", (2, 30), 20, 0.6), ("i0", (-25, 25), 18, 3), ("special.i1", (0.01, 25), 12, 6), ("special.erfcx", (-3, 50), 10, 2),
    ("special.ndtri", (0.001, 0.999), 8, 4),
]  # fmt: skip


@pytest.mark.parametrize("name,interval,wide,narrow", ACCURACY, ids=[a[0] for a in ACCURACY])
def test_accuracy(name: str, interval: tuple[float, float], wide: float, narrow: float) -> None:
    mpmath = pytest.importorskip("mpmath")  # torch brings it
    references = {
        "erf": mpmath.erf, "erfc": mpmath.erfc, "erfinv": mpmath.erfinv, "lgamma": mpmath.loggamma, "digamma": mpmath.digamma,
        "i0": lambda x: mpmath.besseli(0, x), "special.i1": lambda x: mpmath.besseli(1, x),
        "special.erfcx": lambda x: mpmath.exp(x * x) * mpmath.erfc(x),
        "special.ndtri": lambda p: mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1),
    }  # fmt: skip
    function = microtorch
    for part in name.split("."):
        function = getattr(function, part)
    points = np.random.default_rng(0).uniform(*interval, 150)
    with mpmath.workdps(60):
        for dtype, limit in ((np.float64, wide), (np.float32, narrow)):
            x = points.astype(dtype)
            got = function(microtorch.from_numpy(x)).numpy()
            assert got.dtype == dtype
            for xi, gi in zip(x, got):
                exact = references[name](mpmath.mpf(float(xi)))
                error = abs(mpmath.mpf(float(gi)) - exact) / mpmath.mpf(float(np.spacing(dtype(abs(float(exact))))))
                assert error <= limit, f"{name}({xi}): {gi}, off by {float(error):.1f} units of the last place"


def test_special_values() -> None:
    values = (
        "torch.tensor([float('nan'), float('inf'), -float('inf'), 0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -2.0, 1e-30, 1e30])"
    )
    for name in ("erf", "erfc", "erfinv", "lgamma", "digamma", "special.ndtr", "special.ndtri", "special.entr", "special.erfcx",
                 "special.log_ndtr", "sinc", "logit", "sign", "frac", "expm1", "log1p", "sigmoid", "nan_to_num", "special.i0e"):  # fmt: skip
        same(f"torch.{name}({values})")


def test_names() -> None:
    """Every function of these modules that is public in PyTorch, but those out of scope (tests/conformance/out_of_scope.txt)."""
    lacking = {n for n in torch.linalg.__dict__ if not n.startswith("_") and n not in dir(microtorch.linalg)}
    assert lacking <= {"common_notes", "ldl_factor", "ldl_factor_ex", "ldl_solve"}
    lacking = {n for n in torch.fft.__all__ if n != "Tensor" and n not in dir(microtorch.fft)}
    assert lacking == set()
    lacking = {n for n in torch.special.__all__ if n != "Tensor" and n not in dir(microtorch.special)}
    assert lacking == set()


@pytest.mark.parametrize(
    "dtype", ["float16", "float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64"]
)
def test_promotion(dtype: str) -> None:
    """Arithmetic with every other dtype, 0-d tensors and numbers: PyTorch's dtypes and values."""
    others = ["torch.tensor([1, 2], dtype=torch.int8)", "torch.tensor([1, 2])", "torch.tensor([1.5, 2.5])", "torch.tensor(2.5)", "torch.tensor(3)",
              "torch.tensor([True, False])", "torch.tensor([1.5, 2.5], dtype=torch.float64)", "torch.tensor([1.5, 2.5], dtype=torch.float16)", "2", "2.5",
              "True", "1j", "torch.tensor(1j)", "torch.tensor([1j, 2j])"]  # fmt: skip
    for other, op in itertools.product(others, ["+", "*", "/", "-", "**", "=="]):
        if dtype == "float16" and "j" in other:
            continue  # complex32 in PyTorch, a dtype that NumPy lacks
        same(f"x = torch.tensor([1, 2], dtype=torch.{dtype})\ny = {other}\nx {op} y", message=False)
        if op != "**":
            same(f"x = torch.tensor([1, 2], dtype=torch.{dtype})\ny = {other}\ny {op} x", message=False)


SPECIAL = [n for n in torch.special.__all__ if "bessel" in n or "polynomial" in n or n == "airy_ai"]


@pytest.mark.parametrize("name", SPECIAL)
def test_bessel_functions_and_polynomials(name: str) -> None:
    """PyTorch's values (which it leaves unset for a polynomial of NaN), dtypes and errors; no gradient, as there."""
    ends = [-1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0, -2.0, 1e-8, 3.7, 8.0, 15.0]
    ends += np.random.default_rng(0).uniform(-3, 3, 40).tolist()
    degrees = [-1, 0, 1, 2, 3, 5, 9, 2.7, 30] if "polynomial" in name else [None]
    for degree in degrees:
        rest = "" if degree is None else f", {degree}"
        for dtype, rtol in (("float64", 1e-8), ("float32", 2e-4)):
            if degree is None:
                rtol = max(rtol, 2e-5)  # PyTorch's are off by as much in float64, too: see tests/conformance/harness.py
            call = f"torch.special.{name}(torch.tensor({ends}, dtype=torch.{dtype}){rest}).numpy()"
            want, have = (eval(call, {"torch": world}) for world in (torch, microtorch))
            assert want.dtype == have.dtype
            np.testing.assert_allclose(have, want, rtol, rtol * 1e-2, err_msg=call)
    second = "" if degrees == [None] else ", 3"
    for x in (
        "torch.tensor([1, 2])",
        "torch.ones(2).half()",
        "torch.ones(2).bfloat16()",
        "torch.ones(2) * 1j",
        "torch.zeros(0, 3)",
    ):
        same(f"torch.special.{name}({x}{second})")
    same(f"torch.special.{name}(torch.ones(2, requires_grad=True){second}).requires_grad")
    if second:
        same(f"torch.special.{name}(torch.tensor([0.5, 2.0]), torch.tensor([[1], [2], [7]]))")
        same(f"torch.special.{name}(0.5, torch.tensor([1, 2]))")
        same(f"torch.special.{name}(2, 3)", message=False)
