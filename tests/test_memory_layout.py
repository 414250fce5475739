"""How results lie in memory: the strides of what operations make of tensors that lie in many ways, as PyTorch's."""

from __future__ import annotations

import math
import random

import pytest

import microtorch
from tests.differential import difference, run, torch

SOURCES = {
    "C order": "t",
    "channels last": "t.contiguous(memory_format=torch.channels_last)",
    "rows turned": "t.transpose(2, 3).clone()",
    "batch inside": "t.permute(1, 0, 2, 3)",
    "expanded": "t[:1].expand(2, 4, 4, 6)",
    "every second": "t[:, ::2]",
    "cut from channels last": "t.contiguous(memory_format=torch.channels_last)[:, :, 1:]",
    "backwards": "t.permute(3, 2, 1, 0).clone()",
    "one channel": "t[:, :1].contiguous(memory_format=torch.channels_last)",
    "three dimensions": "t[0].transpose(1, 2)",
    "seen from behind": "t.permute(0, 3, 1, 2)",
}
OPERATIONS = """
F.max_pool2d(x, 2) | F.max_pool2d(x, 2, return_indices=True)[1] | F.avg_pool2d(x, 2) | F.adaptive_avg_pool2d(x, 1) | F.adaptive_avg_pool2d(x, 2)
F.adaptive_max_pool2d(x, 2) | F.lp_pool2d(x, 2, 2) | F.batch_norm(x, None, None, training=True) | F.group_norm(x, 1) | F.instance_norm(x)
F.layer_norm(x, x.shape[-1:]) | F.interpolate(x, scale_factor=2) | F.interpolate(x, scale_factor=2, mode='bilinear')
F.conv2d(x, torch.ones(3, x.shape[1], 2, 2)) | F.conv2d(x, torch.ones(3, x.shape[1], 1, 1)) | F.conv_transpose2d(x, torch.ones(x.shape[1], 3, 2, 2))
F.conv2d(x, torch.ones(x.shape[1], 1, 2, 2), groups=x.shape[1]) | F.pad(x, (1, 1)) | F.pad(x, (1, 1, 1, 1), mode='reflect')
F.pad(x, (1, 1, 1, 1), mode='replicate') | F.pad(x, (1, 1, 1, 1), mode='circular') | F.pixel_shuffle(x, 2) | F.pixel_unshuffle(x, 2)
F.channel_shuffle(x, 2) | F.unfold(x, 2) | F.rrelu(x) | F.gelu(x) | F.gelu(x, approximate='tanh') | F.logsigmoid(x) | F.silu(x) | F.mish(x) | F.elu(x)
F.softplus(x) | F.hardswish(x) | F.prelu(x, torch.tensor([.2])) | F.softmax(x, 1) | F.log_softmax(x, 1) | F.glu(x, 1) | F.pairwise_distance(x, x)
F.linear(x, torch.ones(3, x.shape[-1])) | x @ x.mT | x @ x[0, 0, 0] | torch.cdist(x, x) | torch.einsum('abcd->dcba', x)
torch.sort(x, 1)[0] | torch.sort(x, 1)[1] | torch.argsort(x, 1) | torch.topk(x, 1, 1)[0] | x.median(1)[0] | x.mode(1)[0] | x.kthvalue(1, 1)[0]
x.quantile(.5, 1) | torch.std_mean(x, 1)[0] | torch.var_mean(x, 1)[1] | x.aminmax(dim=1)[0] | torch.count_nonzero(x, 1) | x.sum(1) | x.logsumexp(1)
torch.cumsum(x, 1) | torch.cummax(x, 1)[1] | torch.cat([x, x], 1) | torch.stack([x, x], 1) | torch.stack([x, x], x.ndim) | torch.stack([x, x])
torch.hstack([x, x]) | torch.dstack([x, x]) | x.flip(1) | x.roll(1, 1) | x.roll(1) | x.rot90() | x.repeat(2, 1, 1, 1) | x.repeat_interleave(2, 1)
x[:, [0]] | x[[0]] | x[..., [0, 1]] | x[:, [0], [0]] | x[[0, 0], :, [0, 1]] | x[x > 0] | x.index_select(1, torch.tensor([0])) | torch.diff(x)
x.gather(1, torch.zeros(x.shape, dtype=torch.int64)) | x.masked_fill(x > 1, 0) | x.index_fill(1, torch.tensor([0]), 2) | x.isreal() | x.isnan()
(x > 0).square() | (x > 0).exp() | x % 2 | torch.fmod(x, 2) | torch.polygamma(1, x + 1) | torch.complex(x, x) | torch.polar(x, x) | x.double() | x.clone() | x.byte() | (x > 0).float()
torch.linalg.vector_norm(x, dim=1) | torch.linalg.det(x[..., :2, :2]) | torch.slogdet(x[..., :2, :2] + 9 * torch.eye(2))[1]
torch.select_scatter(x, x[0], 0, 0) | torch.diagonal_scatter(x, x.diagonal())
"""
ROWS = [e.strip() for line in OPERATIONS.strip().splitlines() for e in line.split(" | ")]
THIN = """
F.max_pool1d(x, 2, 1) | F.max_pool1d(x.clone().requires_grad_(), 2, 1) | F.avg_pool1d(x, 2, 1) | F.adaptive_avg_pool1d(x, 2)
F.adaptive_avg_pool1d(x, 1) | F.adaptive_max_pool1d(x, 2) | F.lp_pool1d(x, 2, 2, 1) | F.conv1d(x, torch.ones(4, 2, 2)) | F.rms_norm(x, (3,))
F.interpolate(x, scale_factor=2) | F.batch_norm(x, None, None, training=True) | F.max_pool1d(x, 2, 1, return_indices=True)[1]
"""
THIN_ROWS = [e.strip() for line in THIN.strip().splitlines() for e in line.split(" | ")]


def same_strides(code: str, operation: str) -> str | None:
    """How the strides of the dimensions longer than 1 differ (the others say nothing)."""
    relevant = "[s for s, n in zip(r.stride(), r.shape) if n != 1]"
    return difference(f"F = torch.nn.functional\n{code}\nr = {operation}\n{relevant}", message=False)


@pytest.mark.parametrize("operation", ROWS)
def test_layout(operation: str) -> None:
    for name, source in SOURCES.items():
        found = same_strides(f"t = torch.arange(2 * 4 * 4 * 6.).reshape(2, 4, 4, 6) / 50\nx = {source}", operation)
        assert found is None, f"{name}: {found}"


@pytest.mark.parametrize("operation", THIN_ROWS)
def test_images_of_height_one(operation: str) -> None:
    assert same_strides("x = torch.arange(12.).reshape(2, 3, 2).transpose(1, 2)", operation) is None


@pytest.mark.parametrize("shape", ["2, 3, 2", "3, 1, 2", "1, 3, 2", "2, 3, 1"])
@pytest.mark.parametrize("name", ["conv1d", "conv_transpose1d"])
def test_rows_convolved(name: str, shape: str) -> None:
    weight = "torch.ones(3, x.shape[1], 1)" if name == "conv1d" else "torch.ones(x.shape[1], 3, 2)"
    for order in ("transpose(1, 2)", "reshape(-1, 1, 2)", "contiguous()"):
        code = f"x = torch.arange(12.)[:{shape.replace(chr(44), chr(42))}].reshape({shape}).{order}"
        found = same_strides(code, f"F.{name}(x, {weight})")
        assert found is None, found


KEYS = """
[0, 1] | :, [0, 1] | ..., [0, 1] | [0, 1], :, [1, 0] | [[0], [1]] | :, [[0, 1], [1, 0]] | torch.tensor([[0, 1], [1, 1]]).T | :, torch.tensor([[0, 1], [1, 1]]).T
None, [0, 1] | 0, :, [0, 1] | torch.tensor([True, False]), :, 1 | :, torch.tensor([True, True]), [0, 1] | [0, 1], None, :, [1, 1]
"""


@pytest.mark.parametrize("key", [e.strip() for line in KEYS.strip().splitlines() for e in line.split(" | ")])
@pytest.mark.parametrize("order", ["0, 1, 2", "0, 2, 1", "1, 0, 2", "1, 2, 0", "2, 0, 1", "2, 1, 0"])
def test_indexed(key: str, order: str) -> None:
    for source in (f"permute({order})", f"permute({order})[:1].expand(2, 2, 2)"):
        found = difference(f"torch.arange(8).reshape(2, 2, 2).{source}[{key}]")
        assert found is None, found


ELEMENTWISE = """
a + b | a / b | a // b | a ** b | a > b | torch.maximum(a, b) | torch.fmin(a, b) | torch.where(a > 0, b, c) | torch.where(b > 0, a, 0) | a.clamp(b)
torch.lerp(a, b, .5) | torch.lerp(a, b, c) | torch.addcmul(a, b, c) | torch.addcdiv(a, b, c) | a.clamp(b, c) | torch.add(a, b, alpha=2) | a.double() * b
torch.sub(a, b, alpha=.5) | torch.div(a, b, rounding_mode='trunc') | torch.rsub(a, b) | torch.isclose(a, b) | torch.polar(a, b) | a.long() + b
F.mse_loss(a, b, reduction='none') | F.smooth_l1_loss(a, b, reduction='none') | F.huber_loss(a, b, reduction='none') | torch.special.zeta(a, b)
F.binary_cross_entropy_with_logits(a, b, reduction='none') | F.soft_margin_loss(a, b, reduction='none') | torch.gather(a, 0, (b > c).long() + c.long() * 0)
"""


@pytest.mark.parametrize(
    "operation", [e.strip() for line in ELEMENTWISE.strip().splitlines() for e in line.split(" | ")]
)
def test_operands_that_lie_in_different_orders(operation: str) -> None:
    """The first operand decides, where it is broadcast the next one; some are cut from larger tensors."""
    rng = random.Random(0)
    for _ in range(25):
        shape = [2, *rng.choices([1, 2, 3], k=rng.choice([1, 1, 2, 3]))]
        lines = ["F = torch.nn.functional"]
        for name in "abc":
            order = rng.sample(range(len(shape)), len(shape))
            back = [order.index(i) for i in range(len(shape))]
            step = rng.choice([1, 1, 2])
            whole = [shape[i] * (step if k == 0 else 1) for k, i in enumerate(order)]
            cut = (
                "[:, :1]" if name == "b" and rng.random() < 0.3 else "[0]" if name == "c" and rng.random() < 0.2 else ""
            )
            made = f"torch.arange({math.prod(whole)}.).reshape({whole})[::{step}].permute({back}){cut}"
            lines.append(f"{name} = {made} / 99 + 1")
            lines.append(f"{name} = {made}" if rng.random() < 0.5 else f"{name} = {name}.clone()")
        code = "\n".join(lines)
        found = same_strides(code, operation)
        assert found is None, found


def test_repeat_interleave_is_a_view() -> None:
    """Of a copy of the expanded tensor: what retains its gradient there does not after a write."""
    code = "x = torch.tensor([[1., 2, 3], [4, 5, 6]], requires_grad=True)\ny = x.repeat_interleave(2, 1)\n"
    for more in ("(y, y._is_view(), y._base)", "x.repeat_interleave(2)", "x.repeat_interleave(0, 0)"):
        assert (found := difference(code + more)) is None, found
    code += "y.retain_grad()\nz = y.unsqueeze(-1)\ny.fill_diagonal_(1)\n(z * z).sum().backward()\n"
    assert (found := difference(code + "(y.retains_grad, y.grad, x.grad)")) is None, found


# LAPACK's and FFT's: by columns, and the transformed axes innermost --------------------------------------------------------

MATRICES = """
linalg.inv(a) | inverse(a) | linalg.inv_ex(a)[0] | linalg.solve(a, b) | linalg.solve(a, b.mT, left=False) | linalg.solve(a, b[..., 0]) | linalg.cholesky(a) | linalg.cholesky(a, upper=True)
linalg.cholesky_ex(a)[0] | cholesky_solve(b, a) | cholesky_inverse(a) | linalg.lu_factor(w)[0] | linalg.lu(w)[1] | linalg.lu_solve(*torch.linalg.lu_factor(a), b) | linalg.lu_solve(*torch.linalg.lu_factor(a), b, adjoint=True)
linalg.lu_solve(*torch.linalg.lu_factor(a), b.mT, left=False) | linalg.qr(w)[0] | linalg.qr(w)[1] | linalg.qr(w, "complete")[0] | linalg.qr(w, "r")[1] | geqrf(w)[0] | linalg.eigh(a)[1] | linalg.eig(a)[1]
linalg.svd(w)[0] | linalg.svd(w)[2] | linalg.svd(w, full_matrices=False)[0] | linalg.solve_triangular(a, b, upper=True) | linalg.solve_triangular(a, b.mT, upper=True, left=False) | triangular_solve(b, a)[1]
linalg.lstsq(w, b)[0] | linalg.lstsq(w.mT, b[..., :3, :])[0] | linalg.pinv(w) | linalg.matrix_power(a, -1) | linalg.householder_product(w, w[..., 0, :]) | linalg.ldl_factor(a)[0] | ormqr(*torch.geqrf(a), b)
ormqr(*torch.geqrf(a), b.mT, left=False) | linalg.matrix_exp(a) | addr(f, a.reshape(-1)[:5], b.reshape(-1)[:3]) | kron(a.reshape(-1, 5)[:2], b.reshape(-1, 2)[:3])
fft.fft(w) | fft.fft(w, dim=-2) | fft.ifft(w, dim=0) | fft.rfft(w, dim=-2) | fft.irfft(w, dim=-2) | fft.fftn(w) | fft.fft2(w, dim=(0, -1)) | fft.rfftn(w, dim=(-1, -2)) | fft.ihfft(w, dim=0) | fft.hfft2(w) | fft.fft(f, dim=0)
"""


@pytest.mark.parametrize("operation", [o.strip() for line in MATRICES.strip().splitlines() for o in line.split(" | ")])
@pytest.mark.parametrize("batch", ["", "3, ", "2, 3, "])
def test_matrices(operation, batch):
    for source in ("", ".mT.contiguous().mT"):
        lines = [
            f"w = (torch.arange({batch.replace(', ', ' * ')}15.0) * 1.7).sin().reshape({batch}5, 3){source}",
            f"a = (torch.eye(5) * 8 + (torch.arange(25.0).reshape(5, 5) * 1.3).sin()).expand({batch}5, 5)",
            f"a = (a @ a.mT).clone(){source}",
            f"b = torch.arange({batch.replace(', ', ' * ')}10.0).cos().reshape({batch}5, 2){source}",
            "f = torch.ones(3, 5).t()",
        ]
        code = "\n".join(lines)
        assert not isinstance(run(f"{code}\ntorch.{operation}", torch, {}), Exception)
        found = same_strides(code, f"torch.{operation}")
        assert found is None, found


@pytest.mark.parametrize("shape", [(2, 1, 3, 2), (1, 2, 1, 3), (2, 1, 1, 1), (3, 1), (1, 1, 2)])
def test_clones_keep_the_strides_of_axes_of_size_one(shape: tuple[int, ...]) -> None:
    code = f"""
import itertools
x = torch.arange({math.prod(shape)}.).reshape({shape})
ways = [x.permute(p) for p in itertools.permutations(range(x.ndim))]
[(t.clone().stride(), t.clone().tolist(), (t.clone() + 1).tolist(), t.clone().flatten().tolist()) for t in ways]"""
    assert (found := difference(code)) is None, found


PRODUCTS = """ij,kj->ik ij,jk->ki ji,jk->ik ij,ij->i ij,kj->ki bij,bjk->bik bij,bkj->ibk bji,bjk->bik i,j->ji ij,j->i bij,bj->bi
ij,kl->ikjl ijk,jl->ikl ij,jk-> ij,k->ikj j,ij->i ij,jkl->ikl bij,jk->bik ij,jk ij,ij->ji ij->ij ij->ji ij,j,jk->ik"""


@pytest.mark.parametrize("equation", PRODUCTS.split())
def test_sums_of_products(equation: str) -> None:
    """Of operands in C order and turned around, of all sizes 1, 2 and 3; and which results are views."""
    code = f"""
import itertools
equation = {equation!r}
terms = equation.split('->')[0].split(',')
letters = sorted(set(''.join(terms)))
found = []
for sizes in itertools.product((1, 2, 3), repeat=len(letters)) if len(terms) < 3 else ((2, 3, 4),):
    for turned in itertools.product((False, True), repeat=len(terms)):
        shapes = [[sizes[letters.index(c)] for c in term] for term in terms]
        xs = [torch.ones(s[::-1]).permute(*range(len(s))[::-1]) if t else torch.ones(s) for s, t in zip(shapes, turned)]
        r = torch.einsum(equation, *xs)
        found.append((sizes, turned, r._is_view(), [s for s, n in zip(r.stride(), r.shape) if n != 1]))
found"""
    assert (result := difference(code)) is None, result


@pytest.mark.parametrize(
    "call", ["tensordot(x, x, 2)", "tensordot(x, x, ([0], [0]))", "einsum('ij,ij->', x, x)", "einsum('ij->ij', x)"]
)
def test_views_of_products(call: str) -> None:
    """What was taken of a product before a write in place hangs on the product, of which the result is a view."""
    code = f"x = torch.tensor([[1., 2.], [3., 4.]], requires_grad=True)\ny = torch.{call}\nv = y.reshape(-1)\n"
    code += "try:\n    y *= 3\nexcept RuntimeError:\n    pass\ny.retain_grad()\n(y.sum() + 2 * v.sum()).backward()\n"
    assert (found := difference(code + "x.grad, y.grad, y._is_view()")) is None, found


@pytest.mark.parametrize("equation", ["i,j->ij", "i,j->ji", "ij,j->ij", "ij,jk->ik", "i,i->i", "ij,k->ikj"])
def test_products_of_expanded_tensors(equation: str) -> None:
    code = f"""
terms = {equation!r}.split('->')[0].split(',')
x, y = [torch.arange(1., 4).reshape(3, *[1] * (len(t) - 1))[1].expand([3] * len(t)) for t in terms]
p, q = [torch.arange(3. ** len(t)).reshape([3] * len(t)) for t in terms]
[torch.einsum({equation!r}, a, b) for a in (x, p) for b in (y, q)]"""
    assert (found := difference(code)) is None, found


@pytest.mark.parametrize("name", ["exp", "sin", "sigmoid", "sqrt", "abs", "neg"])
@pytest.mark.parametrize(
    "source", ["x.expand(4, 2, 3)", "x.t().expand(4, 3, 2)", "x[:, :1].expand(2, 3)", "x.expand(4, 2, 3)[::2]"]
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_unary_operations_of_expanded_tensors(name: str, source: str, dtype: str) -> None:
    """Few numbers, too, for which exp goes by way of float64."""
    found = []
    for lib in (torch, microtorch):
        x = lib.arange(1.0, 7.0, dtype=getattr(lib, dtype)).reshape(2, 3)
        found.append(tuple(getattr(lib, name)(eval(source, {"x": x})).stride()))
    assert found[0] == found[1]


@pytest.mark.parametrize("make", ["torch.ones(2, 3).T", "torch.ones(2, 3, 4, 4).to(memory_format=torch.channels_last)", "torch.ones(6)[::2]",
                                  "torch.ones(2, 3, 4).permute(2, 0, 1)", "torch.ones(4, 3).T[::2]"])  # fmt: skip
@pytest.mark.parametrize(
    "use", ["x * 2", "x * torch.ones(x.shape)", "x.contiguous().exp()", "x.transpose(0, -1).contiguous()"]
)
def test_gradients_lie_as_their_leaves(make: str, use: str) -> None:
    grads = []
    for library in (torch, microtorch):
        x = eval(make, {"torch": library}).detach().requires_grad_()
        for _ in range(2):
            eval(use, {"torch": library, "x": x}).sum().backward()
        grads.append((x.grad.stride(), x.grad.tolist()))
    assert grads[0] == grads[1]
