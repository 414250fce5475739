"""A tour of tensors: making them, their dtypes, indexing, shapes, views, arithmetic, and NumPy beside them."""

import numpy as np
import torch

print(torch.tensor([[1, 2], [3, 4]]))
print(torch.tensor([[1, 2], [3, 4.5]]))
print(torch.zeros(2, 3), torch.ones(2, dtype=torch.int64), torch.full((2, 2), 7.0))
print(torch.arange(10), torch.arange(1, 2, 0.25), torch.linspace(0, 1, 5))
print(torch.eye(3))
print(torch.tensor(3.5), torch.tensor(7), torch.tensor(True), torch.tensor([]))

x = torch.ones(2, 3)
print(torch.zeros_like(x), torch.ones_like(x, dtype=torch.int32), x.new_zeros(2))
print(x.shape, x.size(0), x.dim(), x.numel(), x.dtype, x.device)

torch.manual_seed(0)
print(torch.rand(2, 3))
print(torch.randn(2, 3))
print(torch.randint(0, 10, (2, 5)), torch.randperm(6))

print("dtypes")
a = torch.tensor([1, 2, 3])
print(a.dtype, a.float().dtype, a.double().dtype, (a > 1).dtype, (a / 2).dtype, (a * 2.5).dtype, (a // 2).dtype)
print((a + torch.tensor(0.5)).dtype, (a.float() + torch.tensor(0.5, dtype=torch.float64)).dtype)
print((a > 1) & (a < 3), ~(a > 1), torch.tensor([1.7, -1.7]).to(torch.int64))

print("indexing")
m = torch.arange(12).reshape(3, 4)
print(m)
print(m[1], m[1, 2], m[:, 1], m[-1, 1:3])
print(m[..., ::2], m[[0, 2]], m[m % 5 == 0])
print(m[:, None].shape, m[None, ..., 0].shape, m[[0, 1, 2], [3, 2, 1]])
m[0] = -1
m[:, 3] = torch.tensor([10, 20, 30])
m[m == 5] = 55
print(m)

print("shapes")
t = torch.arange(24.0).view(2, 3, 4)
print(
    t.permute(2, 0, 1).shape, t.transpose(0, 1).shape, t.flatten(1).shape, t.unsqueeze(0).shape, t[:1].squeeze().shape
)
print(t.transpose(1, 2).is_contiguous(), t.stride(), t.transpose(1, 2).stride())
print(
    torch.cat([m, m], dim=1).shape,
    torch.stack([m, m]).shape,
    [c.shape for c in m.split(2)],
    [c.tolist() for c in a.chunk(2)],
)
print(a.expand(2, 3), a.repeat(2), torch.ones(3, 1).expand(3, 2).shape)

print("views share memory, clones do not")
base = torch.zeros(2, 3)
view, copy = base.view(6), base.clone()
view[0] = 1
base[1, 2] = 2
print(view, copy)
array = np.arange(3.0)
shared = torch.from_numpy(array)
array[0] = 100
print(shared, shared.numpy().dtype, torch.tensor(array).dtype)

print("arithmetic and reductions")
p, q = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[0.5, -1.0], [2.0, 0.0]])
print(p + q, p * q, p @ q, p**2)
print(p.sum(), p.sum(dim=0), p.mean(dim=1, keepdim=True), p.std(), p.prod())
print(p.max(), p.max(dim=1), p.argmax(), q.abs().min(), q.clamp(min=0))
print(torch.where(p > 2, p, torch.zeros_like(p)), torch.exp(q), p.norm())
print(p.add_(1), p.mul_(2), p.zero_())
print(torch.einsum("ij,kj->ik", q, q), torch.equal(q, q.t().t()), torch.allclose(q, q + 1e-9))

print("broadcasting")
print((torch.arange(3).reshape(3, 1) + torch.arange(2)).shape, torch.arange(3).reshape(3, 1) * torch.arange(4))
for what, f in {
    "shapes that do not fit": lambda: torch.ones(2, 3) + torch.ones(2),
    "matmul of wrong shapes": lambda: torch.ones(2, 3) @ torch.ones(2, 3),
    "index out of range": lambda: torch.ones(2)[2],
    "view of a transpose": lambda: t.transpose(0, 1).view(-1),
    "item() of many": lambda: torch.ones(2).item(),
}.items():
    try:
        f()
    except Exception as error:
        print(what, "->", type(error).__name__)
