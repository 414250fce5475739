"""Linear algebra and statistics: EM for a Gaussian mixture, ridge, PCA by SVD, power iteration, conjugate gradients."""

import math

import torch

torch.manual_seed(0)
torch.set_printoptions(precision=3, sci_mode=False)

print("Gaussian mixture by EM")
true_means = torch.tensor([[0.0, 0.0], [4.0, 4.0], [-3.0, 4.0]])
X = torch.cat([m + torch.randn(60, 2) @ torch.tensor([[1.0, 0.3], [0.0, 0.7]]) for m in true_means])
n, d, k = len(X), 2, 3
mu = X[torch.randperm(n)[:k]].clone()
sigma, pi = torch.eye(d).repeat(k, 1, 1), torch.full((k,), 1 / k)
for it in range(15):
    L = torch.linalg.cholesky(sigma + 1e-6 * torch.eye(d))
    diff = X[:, None, :] - mu
    z = torch.linalg.solve_triangular(L, diff.permute(1, 2, 0), upper=False)
    log_det = 2 * L.diagonal(dim1=-2, dim2=-1).log().sum(-1)
    log_p = -0.5 * (z.square().sum(1).T + log_det + d * math.log(2 * math.pi)) + pi.log()
    ll = torch.logsumexp(log_p, dim=1)
    r = (log_p - ll[:, None]).exp()
    Nk = r.sum(0)
    mu = (r.T @ X) / Nk[:, None]
    diff = X[:, None, :] - mu
    sigma = torch.einsum("nk,nki,nkj->kij", r, diff, diff) / Nk[:, None, None]
    pi = Nk / n
    if it % 5 == 4:
        print(f"iteration {it + 1} log-likelihood {ll.mean().item():.4f}")
print(mu[mu[:, 0].argsort()], pi[mu[:, 0].argsort()])

print("least squares four ways")
A = torch.randn(50, 4, dtype=torch.float64)
b = A @ torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64) + 0.1 * torch.randn(50, dtype=torch.float64)
by_lstsq = torch.linalg.lstsq(A, b.unsqueeze(1)).solution.squeeze()
by_normal = torch.linalg.solve(A.T @ A, A.T @ b)
Q, R = torch.linalg.qr(A)
by_qr = torch.linalg.solve_triangular(R, (Q.T @ b).unsqueeze(1), upper=True).squeeze()
by_pinv = torch.linalg.pinv(A) @ b
print(by_lstsq, *[torch.allclose(by_lstsq, other) for other in (by_normal, by_qr, by_pinv)])
print("ridge", torch.linalg.solve(A.T @ A + 10 * torch.eye(4, dtype=A.dtype), A.T @ b))

print("PCA")
data = torch.randn(100, 5) @ torch.diag(torch.tensor([5.0, 3.0, 1.0, 0.5, 0.1]))
centred = data - data.mean(0, keepdim=True)
U, S, Vh = torch.linalg.svd(centred, full_matrices=False)
explained = S.square() / (len(data) - 1)
print("explained", explained / explained.sum())
print(
    "same as the covariance's eigenvalues:",
    torch.allclose(torch.linalg.eigvalsh(torch.cov(centred.T)).flip(0), explained, rtol=1e-3),
)
reconstruction = (U[:, :2] * S[:2]) @ Vh[:2]
print(f"two components: error {torch.linalg.norm(centred - reconstruction).item():.3f} = {S[2:].norm().item():.3f}")
print("rank", torch.linalg.matrix_rank(reconstruction).item(), f"condition {torch.linalg.cond(A).item():.3f}")

print("power iteration")
M = torch.tensor([[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]])
v = torch.ones(3)
for _ in range(50):
    v = torch.mv(M, v)
    v /= v.norm()
print(
    (v @ M @ v).item().__format__(".4f"),
    torch.linalg.eigh(M).eigenvalues,
    torch.linalg.eigvals(torch.tensor([[0.0, -1.0], [1.0, 0.0]])),
)

print("conjugate gradients")
x, r = torch.zeros(3), torch.tensor([1.0, 2.0, 3.0])
p, target = r.clone(), r.clone()
for i in range(3):
    Mp = M @ p
    alpha = r.dot(r) / p.dot(Mp)
    x, r_new = x + alpha * p, r - alpha * Mp
    p, r = r_new + r_new.dot(r_new) / r.dot(r) * p, r_new
    print(f"residual {r.norm().item():.4f}" if i < 2 else "residual below 1e-4: " + str(bool(r.norm() < 1e-4)))
print(
    torch.allclose(M @ x, target, atol=1e-4), torch.linalg.det(M), torch.logdet(M), torch.trace(M), torch.linalg.inv(M)
)

print("k nearest neighbours and a kernel")
train, test = torch.rand(30, 2), torch.rand(5, 2)
labels = (train.sum(1) > 1).long()
dist = torch.cdist(test, train)
votes = labels[dist.topk(5, largest=False).indices]
print(votes.mode(dim=1).values, (test.sum(1) > 1).long())
K = torch.exp(-torch.cdist(train, train).square() / 0.1)
Ks = torch.exp(-dist.square() / 0.1)
f = torch.sin(3 * train[:, 0])
gp = Ks @ torch.linalg.solve(K + 1e-2 * torch.eye(30), f)
print("Gaussian process error below 0.2:", bool((gp - torch.sin(3 * test[:, 0])).abs().max() < 0.2))

print("gradients through a decomposition")
B = torch.tensor([[2.0, 0.5], [0.5, 1.0]], requires_grad=True)
torch.linalg.eigvalsh(B)[-1].backward()
w = torch.linalg.eigh(B.detach()).eigenvectors[:, -1]
print(B.grad, torch.allclose(B.grad, torch.outer(w, w), atol=1e-5))
B.grad = None
torch.linalg.slogdet(B).logabsdet.backward()
print(B.grad)
print(
    torch.kron(torch.eye(2), torch.tensor([[1.0, 2.0]])),
    torch.block_diag(torch.ones(1, 2), torch.ones(2, 1)),
    torch.matrix_exp(torch.zeros(2, 2)),
)
