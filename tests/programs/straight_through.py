"""One's own autograd functions: straight-through estimators, gradient reversal, swish, a loss, checks, several outputs."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.autograd import Function, gradcheck
from torch.autograd.function import once_differentiable

torch.manual_seed(0)


class GradReverse(Function):
    @staticmethod
    def forward(ctx, x, alpha):
        ctx.alpha = alpha
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad_output):
        return grad_output.neg() * ctx.alpha, None


class BinarizeSTE(Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return input.sign()

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        grad_input = grad_output.clone()
        grad_input[input.abs() > 1] = 0
        return grad_input


class Swish(Function):
    @staticmethod
    def forward(i):
        return i * torch.sigmoid(i)

    @staticmethod
    def setup_context(ctx, inputs, output):
        (i,) = inputs
        ctx.save_for_backward(i)

    @staticmethod
    def backward(ctx, grad_output):
        (i,) = ctx.saved_tensors
        s = torch.sigmoid(i)
        return grad_output * (s * (1 + i * (1 - s)))


class LinearFunction(Function):
    @staticmethod
    def forward(ctx, input, weight, bias=None):
        ctx.save_for_backward(input, weight, bias)
        output = input.mm(weight.t())
        if bias is not None:
            output += bias.unsqueeze(0).expand_as(output)
        return output

    @staticmethod
    def backward(ctx, grad_output):
        input, weight, bias = ctx.saved_tensors
        grad_input = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_input = grad_output.mm(weight)
        if ctx.needs_input_grad[1]:
            grad_weight = grad_output.t().mm(input)
        if bias is not None and ctx.needs_input_grad[2]:
            grad_bias = grad_output.sum(0)
        return grad_input, grad_weight, grad_bias


class SortWithIndex(Function):
    @staticmethod
    def forward(ctx, x):
        values, index = x.sort()
        ctx.mark_non_differentiable(index)
        ctx.save_for_backward(index)
        ctx.set_materialize_grads(False)
        return values, index

    @staticmethod
    @once_differentiable
    def backward(ctx, g, _):
        if g is None:
            return None
        (index,) = ctx.saved_tensors
        return torch.empty_like(g).scatter_(-1, index, g)


class AddInPlace(Function):
    @staticmethod
    def forward(ctx, a, b):
        a.add_(b)
        ctx.mark_dirty(a)
        return a

    @staticmethod
    def backward(ctx, g):
        return g, g


x = torch.randn(4, 3, dtype=torch.double, requires_grad=True)
w = torch.randn(2, 3, dtype=torch.double, requires_grad=True)
b = torch.randn(2, dtype=torch.double, requires_grad=True)
print(gradcheck(LinearFunction.apply, (x, w, b), eps=1e-6, atol=1e-4), gradcheck(Swish.apply, (x,)))
print(torch.autograd.gradgradcheck(Swish.apply, (x,)))
values, index = SortWithIndex.apply(torch.tensor([3.0, 1.0, 2.0], requires_grad=True))
print(values, index, index.requires_grad)
t = torch.zeros(2, requires_grad=True)
out = AddInPlace.apply(t * 1, torch.ones(2, requires_grad=True))
print(out, out.grad_fn.name())
for bad in (lambda: SortWithIndex.apply(x)[0].sum().backward(create_graph=True), lambda: Swish.forward("no")):
    try:
        bad()
        print("no error")
    except Exception as error:
        print(type(error).__name__)


class BinaryNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1, self.l2 = nn.Linear(6, 16), nn.Linear(16, 2)

    def forward(self, x):
        return self.l2(BinarizeSTE.apply(self.l1(x)))


data = torch.randn(96, 6)
label = (data[:, 0] + data[:, 1] > 0).long()
net = BinaryNet()
opt = torch.optim.Adam(net.parameters(), lr=0.02)
for step in range(41):
    loss = F.cross_entropy(net(data), label)
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 20 == 0:
        print(f"binary step {step} loss {loss.item():.4f}")


class DANN(nn.Module):
    def __init__(self):
        super().__init__()
        self.feature = nn.Sequential(nn.Linear(6, 12), nn.Tanh())
        self.label, self.domain = nn.Linear(12, 2), nn.Linear(12, 2)

    def forward(self, x, alpha):
        f = self.feature(x)
        return self.label(f), self.domain(GradReverse.apply(f, alpha))


source, target = data[:48], data[48:] + torch.tensor([0.0, 0, 2, 0, 0, 0])
dann = DANN()
opt = torch.optim.SGD(dann.parameters(), lr=0.2, momentum=0.5)
for step in range(41):
    alpha = 2.0 / (1.0 + torch.exp(torch.tensor(-10.0 * step / 40))) - 1
    y, ds = dann(source, alpha)
    _, dt = dann(target, alpha)
    loss = F.cross_entropy(y, label[:48])
    domain = F.cross_entropy(ds, torch.zeros(48).long()) + F.cross_entropy(dt, torch.ones(48).long())
    opt.zero_grad()
    (loss + domain).backward()
    opt.step()
    if step % 10 == 0:
        print(f"DANN step {step} label {loss.item():.4f} domain {domain.item():.4f}")


class VectorQuantizer(nn.Module):
    def __init__(self, n, d, beta=0.25):
        super().__init__()
        self.embedding, self.beta = nn.Embedding(n, d), beta
        self.embedding.weight.data.uniform_(-1 / n, 1 / n)

    def forward(self, z):
        distance = (
            z.pow(2).sum(1, keepdim=True) - 2 * z @ self.embedding.weight.t() + self.embedding.weight.pow(2).sum(1)
        )
        index = distance.argmin(1)
        q = self.embedding(index)
        loss = F.mse_loss(q, z.detach()) + self.beta * F.mse_loss(q.detach(), z)
        return z + (q - z).detach(), loss, index


encoder, vq, decoder = nn.Linear(6, 3), VectorQuantizer(8, 3), nn.Linear(3, 6)
opt = torch.optim.Adam([*encoder.parameters(), *vq.parameters(), *decoder.parameters()], lr=0.01)
for step in range(61):
    q, vq_loss, index = vq(encoder(data))
    recon = F.mse_loss(decoder(q), data)
    opt.zero_grad()
    (recon + vq_loss).backward()
    opt.step()
    if step % 20 == 0:
        print(f"VQ step {step} reconstruction {recon.item():.3f} codes used {index.unique().numel()}")
logits = torch.randn(3, 4, requires_grad=True)
hard = F.gumbel_softmax(logits, tau=0.5, hard=True)
(hard * torch.arange(4.0)).sum().backward()
print(hard.sum(1), hard.argmax(1), logits.grad.sum(1).abs().max() < 1e-5)
