"""Is this derivative right? Formulas of one's own against finite differences, once and twice, and a wrong one caught.

`torch.autograd.gradcheck` moves every input a little to both sides and compares; `gradgradcheck` does so with the
derivatives themselves. With PyTorch and microtorch side by side the same script checks one against the other: both
print the same.

Plain PyTorch: `python gradient_check.py`, or `python -m microtorch run gradient_check.py`.
"""

import torch
from torch.autograd import Function, gradcheck, gradgradcheck

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)  # finite differences want digits to spare


class Softplus(Function):
    """log(1 + exp(x)), whose derivative is the logistic function."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return torch.log1p(torch.exp(-x.abs())) + x.clamp(min=0)

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * torch.sigmoid(x)


class WrongSquare(Function):
    """x * x, with a derivative that lacks its 2."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, grad):
        (x,) = ctx.saved_tensors
        return grad * x


def by_differences(f, x, eps=1e-6):
    """The gradient of a sum of f's results, element by element: (f(x + eps) - f(x - eps)) / (2 eps)."""
    gradient = torch.zeros_like(x)
    for i in range(x.numel()):
        step = torch.zeros_like(x)
        step.view(-1)[i] = eps
        gradient.view(-1)[i] = (f(x + step).sum() - f(x - step).sum()) / (2 * eps)
    return gradient


print("one's own softplus")
x = torch.randn(4, requires_grad=True)
Softplus.apply(x).sum().backward()
print("  formula    ", x.grad)
print("  differences", by_differences(Softplus.apply, x.detach()))
print("  gradcheck", gradcheck(Softplus.apply, (x,)), " gradgradcheck", gradgradcheck(Softplus.apply, (x,)))

print("the wrong square")
print("  formula    ", torch.autograd.grad(WrongSquare.apply(x).sum(), x)[0])
print("  differences", by_differences(WrongSquare.apply, x.detach()))
print("  gradcheck", gradcheck(WrongSquare.apply, (x,), raise_exception=False))

print("built-in operations, first and second derivatives")
a, b = torch.randn(3, 4, requires_grad=True), torch.randn(4, 2, requires_grad=True)
image, kernel = torch.randn(1, 2, 5, 5, requires_grad=True), torch.randn(3, 2, 3, 3, requires_grad=True)
square = (torch.randn(3, 3) + 3 * torch.eye(3)).requires_grad_()
cases = {
    "matmul": (torch.matmul, (a, b)),
    "softmax": (lambda t: torch.softmax(t, dim=1), (a,)),
    "logsumexp": (lambda t: torch.logsumexp(t, dim=0), (a,)),
    "layer_norm": (lambda t: torch.nn.functional.layer_norm(t, (4,)), (a,)),
    "conv2d": (lambda i, k: torch.nn.functional.conv2d(i, k, padding=1), (image, kernel)),
    "max_pool2d": (lambda i: torch.nn.functional.max_pool2d(i, 2), (image,)),
    "inverse": (torch.linalg.inv, (square,)),
    "logdet": (lambda t: torch.linalg.slogdet(t).logabsdet, (square,)),
}
for name, (function, inputs) in cases.items():
    print(f"  {name:10s}", gradcheck(function, inputs), gradgradcheck(function, inputs))

print("one derivative after the other")
t = torch.tensor(0.5, requires_grad=True)
value = torch.sin(t) * torch.exp(t)
for order in range(1, 5):
    (value,) = torch.autograd.grad(value, t, create_graph=True)
    print(f"  order {order}: {value.item():.6f}")
