"""Subclasses of Tensor: what makes them, what keeps them, what prints them."""

import copy
import io
import pickle

import torch
from torch import nn


class My(torch.Tensor):
    pass


class Named(torch.Tensor):
    @staticmethod
    def __new__(cls, data, names, *args, **kwargs):
        return super().__new__(cls, data, *args, **kwargs)

    def __init__(self, data, names):
        super().__init__()
        self.column_names = names

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        result = super().__torch_function__(func, types, args, kwargs or {})
        if isinstance(result, Named):
            result.column_names = next((a.column_names for a in args if hasattr(a, "column_names")), None)
        return result


class MyParameter(nn.Parameter):
    pass


a = My([1.0, 2.0])
a.note = 7
print(a, type(a).__name__, torch.ones(2).as_subclass(My), torch.Tensor._make_subclass(My, torch.ones(2), True))
t = Named([[1.0, 2.0]], ["a", "b"])
print(t, t.column_names, (t + 1).column_names, (1 + t).column_names, torch.relu(t).column_names)

w = torch.ones(3, requires_grad=True)
s = w.as_subclass(My)
print(s, s.is_leaf, (s * 2).grad_fn.name())
(s * 2).sum().backward()
print(w.grad, type(torch.autograd.grad((s * s).sum(), w)[0]).__name__)

b = pickle.loads(pickle.dumps(a))
print(type(b).__name__, b, b.note)
file = io.BytesIO()
torch.save({"a": a}, file)
file.seek(0)
with torch.serialization.safe_globals([My]):
    b = torch.load(file)["a"]
print(type(b).__name__, b, b.note)
file.seek(0)
try:
    torch.load(file)
except pickle.UnpicklingError as error:
    print(str(error).split(".")[0])
b = copy.copy(a)
print(type(b).__name__, b, b.note)

p = MyParameter(torch.ones(2))
print(p, type(copy.deepcopy(p)).__name__, type(p * 2).__name__)
p = nn.Parameter(My([3.0]))
print(type(p).__name__, p, isinstance(p, nn.Parameter), type(p * 2).__name__)


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(My([1.0, 2.0]))

    def forward(self, x):
        return (self.w * x).sum()


scale = Scale()
optimizer = torch.optim.SGD(scale.parameters(), 0.1)
loss = scale(torch.ones(2))
loss.backward()
optimizer.step()
print(scale.w, type(scale.w.grad).__name__, type(loss).__name__, scale.state_dict(), scale.w.data)
print([type(x).__name__ for x in torch.utils.data.DataLoader([My([1.0]), My([2.0])], batch_size=2)])

x = My([[1.0, 2.0], [3.0, 4.0]])
for program in """
x.mean(dim=0)
x.view(-1)
x[:, 0]
x.max()
x.max(1).values
x.chunk(2)
torch.split(x, 1)
x.unbind()
torch.where(x > 1, x, 0.)
x.T @ x
torch.nn.functional.softmax(x, 0)
torch.nn.functional.cross_entropy(x, torch.tensor([0, 1]))
x.std()
x.numpy()
torch.tensor(x)
torch.as_tensor(x)
x.to(torch.int64)
x.type(torch.float64)
x.masked_fill(x > 2, 0)
x.expand(2, 2, 2)
x.permute(1, 0)
x.unsqueeze(0).squeeze(0)
x.reshape(4)
x.flatten()
torch.empty_like(x).zero_()
torch.rand_like(x) * 0
x.new_tensor([1.])
x.repeat(1, 2)
x.gather(0, torch.tensor([[0, 1]]))
x.argmax()
x.cumsum(0)
x.float() + x.double()
x.pow(2)
x ** 2
2 ** x
1 / x
x // 2
x % 2
(x > 1) & (x < 3)
~(x > 1)
x.any()
x.all()
torch.allclose(x, x)
torch.equal(x, x)
x.nonzero()
x[x > 1]
x.tolist()
x.fill_(2.)
x.copy_(torch.ones(2, 2))
torch.stack([x, torch.ones(2, 2)])
torch.add(torch.ones(2, 2), x)
torch.ones(2, 2).add_(x)
torch.ones(2,2).mul(x)
x.norm()
torch.linalg.svd(x)[1]
torch.fft.rfft(x).real
torch.special.expit(x)
x.requires_grad_().sum().backward()
x.grad
type(x.grad).__name__
(x * x).grad_fn.name()
torch.dot(x[0], x[1])
x.is_leaf
x.dim()
x.ndim
x.size(0)
x.new_zeros(1)
torch.broadcast_tensors(x, torch.ones(2))
torch.meshgrid(x[0], x[1], indexing='ij')[0]
torch.unique(x)
x.unique(return_counts=True)
torch.sort(x)
x.sort(descending=True)
x.topk(1)
x.median(0)
x.clamp(0, 1)
x.abs()
x.neg()
x.round()
x.__class__.__name__
x.detach().__class__.__name__
x.eq(x)
(x == x).__class__.__name__
1. in x
list(x)[0].__class__.__name__
torch.is_tensor(x)
torch.numel(x)
torch.argsort(x)
torch.vstack([x, x])
torch.triu(x)
torch.outer(x[0], x[1])
torch.einsum('ij,ij->i', x, x)
torch.nn.functional.one_hot(x.long().detach() * 0)
torch.nn.functional.pad(x, (1, 0))
torch.nn.functional.linear(x, x)
torch.nn.functional.layer_norm(x, (2,))
torch.nn.functional.dropout(x, 0.5, training=False)
torch.nn.functional.mse_loss(x, x)
torch.nn.functional.normalize(x)
torch.func.grad(lambda v: v.sum())(x.detach())
""".strip().split("\n"):
    r = eval(program)
    print(program, "->", type(r).__name__, [type(i).__name__ for i in r] if isinstance(r, (tuple, list)) else "", r)
