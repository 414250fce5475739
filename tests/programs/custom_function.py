"""One's own operations: torch.autograd.Function, checked against finite differences by gradcheck."""

import torch
from torch.autograd import Function, gradcheck, gradgradcheck


class Exp(Function):
    """exp, saving its result: the derivative is the result itself."""

    @staticmethod
    def forward(ctx, x):
        result = x.exp()
        ctx.save_for_backward(result)
        return result

    @staticmethod
    def backward(ctx, grad_output):
        (result,) = ctx.saved_tensors
        return grad_output * result


class LegendreP3(Function):
    """P3(x) = (5 x^3 - 3 x) / 2."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return 0.5 * (5 * x**3 - 3 * x)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * x**2 - 1)


class Linear(Function):
    """x @ w.T + b, a gradient only for the inputs that need one."""

    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        return x @ w.t() + b

    @staticmethod
    def backward(ctx, g):
        x, w = ctx.saved_tensors
        print("  needs_input_grad:", ctx.needs_input_grad)
        grad_x = g @ w if ctx.needs_input_grad[0] else None
        grad_w = g.t() @ x if ctx.needs_input_grad[1] else None
        return grad_x, grad_w, g.sum(0)


class Sign(Function):
    """sign(x) forward; backward pretends it was the identity between -1 and 1 (straight-through estimator)."""

    @staticmethod
    def forward(ctx, x, limit):
        ctx.limit = limit
        ctx.save_for_backward(x)
        return x.sign()

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * (x.abs() <= ctx.limit), None


x = torch.tensor([0.0, 0.5, 1.0], requires_grad=True)
y = Exp.apply(x)
print(y)
y.sum().backward()
print("equals exp's own gradient:", torch.allclose(x.grad, x.detach().exp()))

inputs = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
w, b = torch.tensor([[0.5, -1.0]], requires_grad=True), torch.zeros(1, requires_grad=True)
Linear.apply(inputs, w, b).sum().backward()
print("w.grad:", w.grad, "b.grad:", b.grad)

x = torch.tensor([-2.0, -0.5, 0.5, 2.0], requires_grad=True)
Sign.apply(x, 1.0).sum().backward()
print("straight through:", x.grad)

z = torch.linspace(-1, 1, 5, dtype=torch.float64, requires_grad=True)
for name, function in {"Exp": Exp, "LegendreP3": LegendreP3}.items():
    print(name, "gradcheck", gradcheck(function.apply, (z,)), "gradgradcheck", gradgradcheck(function.apply, (z,)))
first = torch.autograd.grad(LegendreP3.apply(z).sum(), z, create_graph=True)[0]
second = torch.autograd.grad(first.sum(), z)[0]
print("second derivative, 15 x:", second)
