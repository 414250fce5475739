"""Writing into tensors inside a graph: in-place ops, views, versions, and the error for a value that changed."""

import torch

# Assignment to elements, rows and masks is part of the graph.
x = torch.arange(1.0, 7.0).reshape(2, 3).requires_grad_()
v = torch.tensor(10.0, requires_grad=True)
y = x * 2
y[0, 0] = v
y[1] = x[1] * x[0]
print(y)
(y**2).sum().backward()
print("x.grad:", x.grad)
print("v.grad:", v.grad)

# Writing through a view changes the base, and the gradient knows.
x = torch.ones(4, requires_grad=True)
base = x * 1
view = base.view(2, 2)
view[0].mul_(5)
view.t()[1, 1] = 0
print("base:", base)
base.sum().backward()
print("x.grad:", x.grad)

# The other way round: writing into the base changes the view.
x = torch.ones(3, requires_grad=True)
base = x * 2
head = base[:2]
base.add_(1).mul_(3)
print("head:", head.detach())
head.sum().backward()
print("x.grad:", x.grad)

# In-place ops return the tensor itself and count versions.
t = torch.zeros(3)
same = t.add_(1)
print("same object:", same is t, "version:", t._version)
t[0] = 5
t.view(3, 1).mul_(2)
print("version after two more writes:", t._version, t)

# In-place activations on a value that nobody saved.
a = torch.linspace(-1, 1, 5, requires_grad=True)
b = (a * 3).relu_()
c = (a + 1).sigmoid_()
(b * c).sum().backward()
print("a.grad:", a.grad)

# masked_fill_, copy_, clamp_, zero_ in a graph.
s = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
scores = s * 1
scores.masked_fill_(torch.tensor([False, True, False, False]), float("-inf"))
torch.softmax(scores, 0)[0].backward()
print("s.grad:", s.grad)
s.grad = None
buffer = torch.zeros(4)
buffer[1:3].copy_(s[:2] * 7)
buffer[3:] = s[3:].clamp(max=2.5)
print("buffer:", buffer)
buffer.sum().backward()
print("s.grad:", s.grad)


def attempt(what, f):
    try:
        f()
        print(f"{what}: fine")
    except RuntimeError as error:
        print(f"{what}: RuntimeError, in-place named: {'modified by an inplace operation' in str(error)}")


def change_saved(function, change):
    x = torch.ones(3, requires_grad=True)
    h = x * 1
    out = function(h)
    change(h, out)
    out.sum().backward()


attempt("change the input of sin", lambda: change_saved(torch.sin, lambda h, out: h.add_(1)))
attempt("change the input of exp (it saves its output)", lambda: change_saved(torch.exp, lambda h, out: h.add_(1)))
attempt("change the output of exp", lambda: change_saved(torch.exp, lambda h, out: out.add_(1)))
attempt("change it through a view", lambda: change_saved(torch.sin, lambda h, out: h.view(3, 1)[0].zero_()))
attempt("change the input of a sum", lambda: change_saved(torch.sum, lambda h, out: h.add_(1)))
attempt("write into a leaf", lambda: torch.ones(3, requires_grad=True).mul_(2))
attempt("write into a leaf through a view", lambda: torch.ones(3, requires_grad=True)[0].zero_())
