"""Linear algebra where PyTorch's operator database does not reach: shapes and dtypes that do not fit, singular matrices,
sizes beyond one block, products of integers and of half precision. Each line is evaluated by both libraries."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import microtorch
from microtorch.kernels import decompositions as D, fitted, ldl, linalg as L
from tests.differential import difference, torch

WITH_MESSAGE = """
torch.linalg.lu(torch.eye(2),pivot=False) | torch.linalg.lu_factor(torch.eye(2),pivot=False) | torch.linalg.lu_factor_ex(torch.eye(2),pivot=False) | torch.lu(torch.eye(2),pivot=False)
torch.mm(torch.ones(2,3),torch.ones(2,3)) | torch.mm(torch.ones(2,3),torch.ones(3)) | torch.mm(torch.ones(2,3),3)
torch.mm(torch.ones(2,3),torch.ones(3,2).double()) | torch.matmul(torch.ones(2,3),torch.ones(2,3))
torch.matmul(torch.ones(()),torch.ones(3)) | torch.matmul(torch.ones(3),torch.ones(4)) | torch.ones(2,3)@3
torch.matmul(torch.ones(3),torch.ones(4,2)) | torch.matmul(torch.ones(2,3),torch.ones(4))
torch.matmul(torch.ones(2,3,4),torch.ones(3,4,5)) | torch.matmul(torch.ones(2,3,4),torch.ones(5,5))
torch.matmul(torch.ones(5,4),torch.ones(2,3,4)) | torch.ones(2,3)@torch.ones(3,2).long()
torch.bmm(torch.ones(2,3,4),torch.ones(2,3,4)) | torch.bmm(torch.ones(2,3),torch.ones(2,3,4))
torch.mv(torch.ones(2,3),torch.ones(2)) | torch.mv(torch.ones(2),torch.ones(2)) | torch.dot(torch.ones(2),torch.ones(3))
torch.dot(torch.ones(2),torch.ones(2,2)) | torch.outer(torch.ones(2,2),torch.ones(3))
torch.addmm(torch.ones(5),torch.ones(2,3),torch.ones(3,4)) | torch.einsum('ij,jk',torch.ones(2,3))
torch.baddbmm(torch.ones(4),torch.ones(2,3,4),torch.ones(2,4,4)) | torch.einsum('ij->k',torch.ones(2,3))
torch.einsum('ij,jk->ik',torch.ones(2,3),torch.ones(4,3)) | torch.einsum('ij->ii',torch.ones(2,3))
torch.einsum('i1->i',torch.ones(2,3)) | torch.einsum('ijk->i',torch.ones(2,3)) | torch.einsum('ii->i',torch.ones(2,3))
torch.tensordot(torch.ones(2,3),torch.ones(4,3),dims=1) | torch.linalg.inv(torch.ones(2,3))
torch.linalg.inv(torch.ones(2,2).long()) | torch.linalg.inv(torch.ones(2)) | torch.linalg.solve(torch.eye(2),torch.ones(3))
torch.linalg.solve(torch.eye(2),torch.ones(3,1)) | torch.linalg.solve(torch.eye(2),torch.ones(3,1),left=False)
torch.linalg.solve(torch.eye(2),torch.ones(2),left=False) | torch.linalg.solve(torch.eye(2),torch.ones(2).double())
torch.linalg.solve(torch.ones(2,3),torch.ones(2)) | torch.linalg.cholesky(torch.ones(2,3)) | torch.linalg.svd(torch.ones(2))
torch.linalg.eigh(torch.ones(2,3)) | torch.linalg.eigh(torch.eye(2),UPLO='X') | torch.linalg.eig(torch.ones(2,3))
torch.linalg.eig(torch.full((2,2),float('nan'))) | torch.linalg.svd(torch.eye(2),driver='gesvd')
torch.linalg.matrix_power(torch.eye(2),2.5) | torch.linalg.cond(torch.zeros(2,2),1) | torch.linalg.cond(torch.zeros(2,2),'nuc')
torch.linalg.cond(torch.ones(2,2),'nuc') | torch.linalg.cond(torch.stack([torch.eye(2),torch.zeros(2,2)]),'fro')
torch.linalg.cond(torch.ones(2,2),-1) | torch.linalg.cond(torch.zeros(2,2),float('inf')) | torch.linalg.matrix_norm(torch.ones(0,3),2)
torch.linalg.matrix_norm(torch.ones(2,0,3),2) | torch.linalg.matrix_norm(torch.ones(3,0),-2) | torch.linalg.matrix_norm(torch.ones(0,0),1)
torch.linalg.matrix_norm(torch.ones(3,0),-1) | torch.linalg.matrix_norm(torch.ones(2,0,3),float('inf')) | torch.linalg.matrix_norm(torch.ones(0,3),float('-inf'))
torch.linalg.qr(torch.ones(3,2,requires_grad=True),mode='complete')[0].sum().backward()
torch.linalg.qr(torch.ones(2)) | torch.linalg.qr(torch.eye(2),mode='x') | torch.linalg.det(torch.ones(2,3))
torch.linalg.matrix_power(torch.ones(2,3),2) | torch.linalg.lstsq(torch.ones(3,2),torch.ones(4,1))
torch.linalg.lu_factor(torch.zeros(2,2)) | torch.linalg.lu_factor(torch.zeros(3,2,2))
torch.linalg.lu_factor_ex(torch.zeros(2,2),check_errors=True) | torch.linalg.norm(torch.ones(2,2),ord='x')
torch.linalg.norm(torch.ones(2,2,2),ord=2) | torch.linalg.norm(torch.ones(2,2),ord=3)
torch.linalg.norm(torch.ones(2,2).long()) | torch.linalg.vector_norm(torch.ones(0),ord=float('inf'))
torch.linalg.cond(torch.ones(2,3),1) | torch.linalg.cross(torch.ones(2),torch.ones(2))
torch.linalg.cross(torch.ones(3),torch.ones(2,3)) | torch.linalg.multi_dot([torch.ones(2,2)])
torch.linalg.multi_dot([torch.ones(2,3),torch.ones(2,3)]) | torch.linalg.vander(torch.arange(3.),N=1)
torch.linalg.tensorinv(torch.ones(2,3)) | torch.linalg.tensorsolve(torch.ones(2,3),torch.ones(2))
torch.linalg.householder_product(torch.ones(2,3),torch.ones(2)) | torch.linalg.matrix_exp(torch.ones(2,3))
torch.linalg.solve_triangular(torch.ones(2,3),torch.ones(2,2),upper=True) | torch.cdist(torch.ones(2),torch.ones(2,2))
torch.cdist(torch.ones(2,3),torch.ones(2,2)) | torch.cov(torch.ones(2,2,2)) | torch.trace(torch.ones(3))
torch.pca_lowrank(torch.ones(3,3),q=5) | torch.linalg.ldl_factor(torch.zeros(2,3)) | torch.linalg.ldl_factor(torch.zeros(3))
torch.linalg.ldl_factor(torch.zeros(3,3).long()) | torch.linalg.svd(torch.eye(2).half()) | torch.linalg.qr(torch.eye(2).half())
torch.linalg.eigh(torch.eye(2).half()) | torch.linalg.cholesky(torch.eye(2).half()) | torch.linalg.det(torch.eye(2).half())
torch.linalg.ldl_solve(torch.eye(3),torch.tensor([1,2],dtype=torch.int32),torch.ones(3,2))
torch.linalg.ldl_solve(torch.eye(3),torch.tensor([1,2,3],dtype=torch.int32),torch.ones(2,2))
"""

SINGULAR = """
torch.linalg.inv(torch.ones(2,2)) | torch.linalg.inv(torch.ones(3,2,2)) | torch.linalg.inv_ex(torch.ones(2,2),check_errors=True)
torch.linalg.solve(torch.ones(2,2),torch.ones(2)) | torch.linalg.solve(torch.ones(3,2,2),torch.ones(3,2,1))
torch.linalg.cholesky(-torch.eye(2)) | torch.linalg.cholesky(torch.stack([torch.eye(2),-torch.eye(2)]))
torch.cholesky(-torch.eye(2)) | torch.linalg.matrix_power(torch.ones(2,2),-1) | torch.linalg.svdvals(torch.full((2,2),float('nan')))
torch.linalg.svd(torch.stack([torch.eye(2),torch.full((2,2),float('nan'))]))
"""

VALUES = """
torch.einsum('...ij->...ji',torch.randn(2,3,4)) | torch.einsum('ij,ij->',torch.ones(2,3).long(),torch.ones(2,3).long())
torch.einsum('ik,jk->ji',torch.randn(2,3),torch.randn(2,1)) | torch.einsum('ij,ij->j',torch.ones(2,1).bool(),torch.ones(2,1).bool())
torch.einsum('ijk,ij->k',torch.ones(2,1,3).bool(),torch.ones(2,2).bool()) | torch.einsum('ijk,jl->ilk',torch.randn(1,3,3),torch.randn(1,2))
torch.einsum('b i j, b j k -> b i k',torch.randn(2,3,4),torch.randn(2,4,5))
torch.einsum(torch.randn(2,3),[0,1],torch.randn(3,4),[1,2],[0,2]) | torch.einsum('ij,jk,kl->il',*(torch.randn(3,3) for _ in 'abc'))
torch.linalg.eigvalsh(torch.eye(2)*2) | torch.linalg.eigh(torch.stack([torch.eye(2),torch.full((2,2),float('nan'))]))
torch.linalg.slogdet(torch.zeros(2,2)) | torch.logdet(-torch.eye(3)) | torch.linalg.solve_ex(torch.ones(2,2),torch.ones(2,1)).info
torch.linalg.matrix_rank(torch.ones(3,3)) | torch.linalg.pinv(torch.ones(3,2)) | torch.linalg.cond(torch.eye(2)*3)
torch.linalg.lstsq(torch.eye(3),torch.ones(3,1)) | torch.linalg.lu(torch.eye(3)) | torch.linalg.lu_factor_ex(torch.zeros(2,2))
torch.linalg.vander(torch.arange(3)) | torch.linalg.diagonal(torch.arange(9).reshape(3,3)) | torch.linalg.lu(torch.randn(70,50).double())
torch.linalg.solve_triangular(torch.ones(2,2),torch.ones(2,2),upper=True) | torch.linalg.lu_factor(torch.randn(2,70,70).double())
torch.lu_unpack(*torch.linalg.lu_factor(torch.tensor([[1.,2],[3,4]]))) | torch.geqrf(torch.tensor([[1.,2],[3,4]]))
torch.ormqr(*torch.geqrf(torch.randn(4,3)),torch.randn(4,2)) | torch.ormqr(*torch.geqrf(torch.randn(4,3)),torch.randn(2,4),False,True)
torch.linalg.ldl_factor(torch.tensor([[1.,2,3],[2,1,4],[3,4,0]])) | torch.linalg.ldl_factor_ex(torch.zeros(2,2))
torch.linalg.ldl_factor_ex(torch.zeros(2,0,0)) | torch.linalg.ldl_factor(torch.arange(49.).reshape(7,7).sin())
torch.linalg.ldl_solve(*torch.linalg.ldl_factor((torch.randn(6,6)).double()),torch.ones(6,2).double())
torch.randn(30,40).half()@torch.randn(40,20).half() | (torch.arange(1200).reshape(30,40)-600)@torch.arange(1200).reshape(40,30)
torch.arange(1200).reshape(30,40).byte()@torch.arange(1200).reshape(40,30).byte() | torch.randn(2,3,4)@torch.randn(4,5)
(torch.arange(1200).reshape(30,40)*2**40)@(torch.arange(1200).reshape(40,30)*2**22) | torch.zeros(2,0,4)@torch.ones(4,5)
torch.arange(600).reshape(1,600).int()@(torch.arange(600).reshape(600,1).int()*2**20) | torch.norm(torch.ones(2,2),p='nuc')
issubclass(torch.linalg.LinAlgError,RuntimeError) | torch.linalg.LinAlgError.__name__ | torch.cdist(torch.randn(70,9),torch.randn(50,9),p=1.)
"""


def cells(text: str) -> list[str]:
    return [c.strip() for line in text.strip().split("\n") for c in line.split(" | ")]


@pytest.mark.parametrize("code", cells(WITH_MESSAGE))
def test_refused(code):
    found = difference(code, strides=False)
    assert found is None, found


@pytest.mark.parametrize("code", cells(SINGULAR))
def test_singular(code):
    """The same text, and microtorch's own LinAlgError."""
    with pytest.raises(RuntimeError) as theirs:
        eval(code, {"torch": torch})
    with pytest.raises(microtorch.linalg.LinAlgError) as ours:
        eval(code, {"torch": microtorch})
    assert type(theirs.value).__name__ == type(ours.value).__name__
    assert str(theirs.value).split("\n")[0] == str(ours.value)


@pytest.mark.parametrize("code", cells(VALUES))
def test_values(code):
    found = difference(code, strides=False, exact=False)
    assert found is None, found


NODES = """
torch.linalg.solve(s,torch.ones(3)) | torch.linalg.solve(s,s,left=False) | torch.linalg.lu_solve(*torch.linalg.lu_factor(s.detach()),s)
torch.linalg.cholesky(s@s.T,upper=True) | torch.cholesky(s@s.T) | torch.triangular_solve(s,s).solution | torch.linalg.svdvals(s)
torch.lu_unpack(*torch.linalg.lu_factor(s))[1] | torch.linalg.householder_product(s,s[0]) | torch.kron(s,s) | s[0]@s
torch.ormqr(s,s[0],s) | torch.mvlgamma(s+5,2) | torch.linalg.multi_dot([s,s,s]) | torch.linalg.vecdot(s[0],s[1]) | torch.ones(2,4,3)@s
"""


@pytest.mark.parametrize("code", cells(NODES))
def test_nodes_and_gradients(code):
    """The node's name, and the gradient."""
    s = "s = torch.tensor([[2.0, 0.5, 0.1], [0.5, 3.0, -0.2], [0.1, -0.2, 1.5]], requires_grad=True)\n"
    found = difference(f"{s}r = {code}\nr.grad_fn.name(), r, torch.autograd.grad((r * r).sum(), s)[0]", strides=False, exact=False)  # fmt: skip
    assert found is None, found


def test_no_derivative_is_said():
    a = microtorch.eye(3).requires_grad_()
    with pytest.raises(NotImplementedError, match="linalg_ldl_factor_ex"):
        microtorch.linalg.ldl_factor(a).LD.sum().backward()


def test_integer_products_are_exact_at_the_limit():
    """Sums just below 2^53 go through float64, those above do not: both are right."""
    for most in (2**21, 2**24, 2**28):
        x = np.full((32, 32), most, np.int64)
        x[0, 0] -= 1
        wanted = x.astype(object) @ x.astype(object)
        assert (L.matmul(x, x).astype(object) == wanted).all()


@pytest.mark.parametrize("m, n", [(1, 1), (31, 33), (32, 32), (65, 40), (40, 65), (0, 3)])
def test_lu_by_blocks(m, n):
    a = np.random.default_rng(0).standard_normal((2, m, n))
    factor, pivots, info = D.lu_factor(a)
    k = min(m, n)
    lower, upper = np.tril(factor[..., :k], -1) + np.eye(m, k), np.triu(factor[..., :k, :])
    np.testing.assert_allclose(D.permutation(pivots, m, a.dtype) @ lower @ upper, a, atol=1e-12)
    assert not info.any() and (np.abs(lower) <= 1 + 1e-12).all()


@pytest.mark.parametrize("hermitian, kind", itertools.product([False, True], [np.float64, np.complex128]))
def test_ldl_solves(hermitian, kind):
    rng = np.random.default_rng(0)
    for n in range(1, 9):
        a = rng.standard_normal((3, n, n)).astype(kind)
        if kind is np.complex128:
            a = a + 1j * rng.standard_normal(a.shape)
        a = a + (D.adjoint(a) if hermitian else np.swapaxes(a, -1, -2))
        a[:, range(n), range(n)] *= 0.01  # so that blocks of two are needed
        b = rng.standard_normal((3, n, 2)).astype(kind)
        factor, pivots, info = ldl.ldl_factor(a, hermitian)
        assert not info.any()
        np.testing.assert_allclose(a @ ldl.ldl_solve(factor, pivots, b, hermitian), b, atol=1e-9)


def test_fitted_polynomials_interpolate():
    """Of the function's own degree, it is found again."""
    found = fitted.polynomial(lambda t: 3 - 2 * t + 5 * t**4, 6)
    np.testing.assert_allclose(found, [0, 0, 5, 0, 0, -2, 3], atol=1e-11)  # 2^5 times the rounding of the values


def test_addbmm_takes_on_the_shape_of_the_result():
    code = "a = torch.ones(1, requires_grad=True)\nx = a.clone()\nx.addbmm_(torch.ones(2, 3, 4), torch.ones(2, 4, 5))\nx.sum().backward()\n"
    found = difference(code + "x.shape, x, a.grad", strides=False)
    assert found is None, found


LOBPCG = """
torch.lobpcg(A, k=2)
torch.lobpcg(A, k=3, largest=False)
torch.lobpcg(A, X=torch.ones(20, 2, dtype=A.dtype).tril(), tol=1e-9)
torch.lobpcg(A, k=2, n=4, method="basic")
torch.lobpcg(torch.stack([A, A + B]), k=2)
torch.lobpcg(A, k=2, B=B)
torch.lobpcg(A, iK=torch.linalg.inv(A), largest=False)
torch.lobpcg(A[:6, :6], k=3)
torch.lobpcg(A[:5])
"""


@pytest.mark.parametrize("code", LOBPCG.strip().split("\n"))
def test_lobpcg(code):
    before = (
        "torch.manual_seed(1); A = torch.randn(20, 20, dtype=torch.float64); A = A @ A.mT + torch.eye(20, dtype=A.dtype); "
        "B = torch.diag(torch.arange(1.0, 21, dtype=A.dtype))\n"
    )
    found = f"[t.abs().round(decimals=5) for t in {code}]"
    assert difference(before + found) is None


def test_gradients_of_lobpcg():
    found = []
    for lib in (torch, microtorch):
        lib.manual_seed(0)
        a = lib.randn(12, 12, dtype=lib.float64).requires_grad_()
        start, weights = lib.randn(12, 2, dtype=lib.float64), lib.randn(12, 2, dtype=lib.float64)
        e, v = lib.lobpcg(a @ a.mT, X=start, tol=1e-12)
        found.append(lib.autograd.grad(e.exp().log1p().sum() + ((v * weights).sum(0) ** 2).sum(), a)[0].numpy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-6, atol=1e-8)
    with pytest.raises(ValueError, match="B != I"):
        microtorch.lobpcg(a @ a.mT, k=2, B=microtorch.eye(12, dtype=a.dtype))
    with pytest.raises(NotImplementedError, match="tracker"):
        microtorch.lobpcg(a, tracker=print)


@pytest.mark.parametrize(
    "call", ["svdvals(a)", "cond(a)", "norm(a, 'nuc')", "norm(a, 2)", "pinv(a)", "matrix_rank(a)", "svd(a)[1]"]
)
@pytest.mark.parametrize("value", ["inf", "nan"])
@pytest.mark.parametrize("shape", ["5, 5", "2, 3, 4, 4"])
def test_singular_values_of_what_is_not_finite(call, value, shape):
    """LAPACK may never end with an infinity; PyTorch says NaN, and of a NaN that it did not converge."""
    code = f"""
a = torch.randn({shape}, generator=torch.Generator().manual_seed(0))
a[..., 0, 1] = float("{value}")
try:
    r = torch.linalg.{call}
except RuntimeError as error:
    r = type(error).__name__, str(error)
r"""
    found = difference(code, strides=False, exact=False)
    assert found is None, found
