"""Gradients of gradients, by create_graph: derivatives of any order, Hessians, Newton's method, a gradient penalty."""

import torch
from torch import autograd, nn

# Every derivative of x^5 at 2.
x = torch.tensor(2.0, requires_grad=True)
derivative = x**5
for order in range(1, 6):
    (derivative,) = autograd.grad(derivative, x, create_graph=True)
    print(f"derivative {order} of x^5 at 2: {derivative.item():.1f}")

# tanh'' = -2 tanh (1 - tanh^2), with the gradient itself part of a graph.
x = torch.tensor([-1.0, -0.5, 0.25, 1.0], requires_grad=True)
y = torch.tanh(x)
(first,) = autograd.grad(y.sum(), x, create_graph=True)
(second,) = autograd.grad(first.sum(), x)
print("tanh'': ", second)
print("formula:", -2 * y.detach() * (1 - y.detach() ** 2))
print("first requires grad:", first.requires_grad, "second:", second.requires_grad)


# A Hessian, row by row, and its product with a vector without ever making it.
def rosenbrock(p):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


p = torch.tensor([-1.0, 2.0], requires_grad=True)
(gradient,) = autograd.grad(rosenbrock(p), p, create_graph=True)
hessian = torch.stack([autograd.grad(g, p, retain_graph=True)[0] for g in gradient])
v = torch.tensor([1.0, -1.0])
(product,) = autograd.grad(gradient @ v, p)
print("gradient:", gradient.detach(), "\nHessian:", hessian, "\nHessian @ v:", product, hessian @ v)

# Newton's method in one dimension: the minimum of cosh(x - 1) + x^2 / 4.
x = torch.tensor(3.0, requires_grad=True)
for step in range(4):
    value = torch.cosh(x - 1) + x**2 / 4
    (g,) = autograd.grad(value, x, create_graph=True)
    (h,) = autograd.grad(g, x)
    with torch.no_grad():
        x -= g / h
    print(f"Newton {step}: x {x.item():.4f}, f {value.item():.4f}, f' {g.item():.4f}, f'' {h.item():.4f}")

# A critic whose slope is pulled towards 1 (WGAN-GP): the loss contains a gradient.
torch.manual_seed(0)
critic = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Softplus(), nn.Linear(16, 1))
optimizer = torch.optim.Adam(critic.parameters(), lr=5e-3)
real = torch.randn(64, 2) * 0.3 + torch.tensor([1.0, 0.0])
fake = torch.randn(64, 2) * 0.3 - torch.tensor([1.0, 0.0])
for step in range(101):
    mix = torch.rand(64, 1)
    between = (mix * real + (1 - mix) * fake).requires_grad_()
    (slope,) = autograd.grad(critic(between).sum(), between, create_graph=True)
    penalty = ((slope.norm(2, dim=1) - 1) ** 2).mean()
    distance = critic(real).mean() - critic(fake).mean()
    loss = -distance + 10 * penalty
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 25 == 0:
        print(f"step {step:3d}  distance {distance.item():.3f}  penalty {penalty.item():.4f}  loss {loss.item():.3f}")

# The gradient of a gradient's norm reaches every layer.
image = torch.randn(2, 1, 6, 6, requires_grad=True)
conv = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(12, 1))
(g,) = autograd.grad(conv(image).sum(), image, create_graph=True)
g.pow(2).sum().backward()
for name, parameter in conv.named_parameters():
    grad = parameter.grad
    print(f"{name:9s}", "no gradient" if grad is None else f"gradient norm {grad.norm().item():.4f}")
