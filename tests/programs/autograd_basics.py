"""What autograd does: leaves, gradients, the graph, what stops it, and the mistakes it catches."""

import torch

x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = x**2 + 2 * x
print("x:", x, "leaf:", x.is_leaf, "grad_fn:", x.grad_fn)
print("y:", y, "leaf:", y.is_leaf)
print("grad_fn of y:", y.grad_fn.name(), "after", [f.name() for f, _ in y.grad_fn.next_functions])

out = y.sum()
out.backward()
print("dy/dx = 2x + 2:", x.grad)

# Gradients add up until they are set to zero.
(3 * x).sum().backward()
print("accumulated:", x.grad)
x.grad.zero_()
(3 * x).sum().backward()
print("after zero_:", x.grad)

# Which tensors require a gradient?
a = torch.randn(2, 2)
b = torch.randn(2, 2, requires_grad=True)
print(
    "a, b, a + b:", a.requires_grad, b.requires_grad, (a + b).requires_grad, "detached:", (a + b).detach().requires_grad
)
with torch.no_grad():
    print("in no_grad:", (a + b).requires_grad, torch.is_grad_enabled())
    with torch.enable_grad():
        print("in enable_grad inside it:", (a + b).requires_grad)
a.requires_grad_()
print("after requires_grad_():", a.requires_grad, (a * 2).requires_grad)

# A vector output needs a vector to multiply with.
x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
(x**3).backward(torch.tensor([1.0, 0.1, 0.01]))
print("vector-Jacobian product:", x.grad)

# Gradients of inner nodes are kept only when asked for.
x = torch.tensor(2.0, requires_grad=True)
h = x * 3
h.retain_grad()
z = h**2
z.backward()
print("x.grad, h.grad:", x.grad, h.grad)

# autograd.grad returns gradients and leaves .grad alone.
u, v = torch.tensor(2.0, requires_grad=True), torch.tensor(5.0, requires_grad=True)
print("grad of u*v + v:", torch.autograd.grad(u * v + v, (u, v)), u.grad)
print("unused input:", torch.autograd.grad(u * 2, (u, v), allow_unused=True))

# A hook sees (and may change) a gradient on its way.
x = torch.ones(2, requires_grad=True)
handle = x.register_hook(lambda g: g * 10)
(x * 2).sum().backward()
print("hooked:", x.grad)
handle.remove()

# The same leaf used twice, and broadcasting.
w = torch.ones(3, requires_grad=True)
(torch.arange(6.0).reshape(2, 3) * w + w).sum().backward()
print("summed over the broadcast rows:", w.grad)


def attempt(what, f):
    """Run f, which is expected to fail; print the class of its error."""
    try:
        f()
        print(f"{what}: no error")
    except Exception as error:
        print(f"{what}: {type(error).__name__}")


def backward_twice(retain_graph):
    x = torch.tensor(3.0, requires_grad=True)
    y = x.exp()
    y.backward(retain_graph=retain_graph)
    y.backward()


attempt("backward twice", lambda: backward_twice(retain_graph=False))
attempt("backward twice, graph retained", lambda: backward_twice(retain_graph=True))
attempt("backward of a vector", lambda: (w * 2).backward())
attempt("backward without a graph", lambda: torch.ones(1).backward())
attempt("gradient of integers", lambda: torch.tensor([1, 2], requires_grad=True))
attempt("in-place on a leaf", lambda: w.add_(1))
attempt("numpy() of a leaf", lambda: w.numpy())
attempt("unused input", lambda: torch.autograd.grad(u * 2, (u, v)))
