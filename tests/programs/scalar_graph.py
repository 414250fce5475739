"""Backpropagation number by number: 0-d tensors, one neuron, a tiny network made of Python lists, and a long chain."""

import torch


def scalar(value):
    return torch.tensor(value, dtype=torch.float64, requires_grad=True)


# An expression with everything in it.
a, b = scalar(-4.0), scalar(2.0)
c = a + b
d = a * b + b**3
c = c + c + 1
c = c + 1 + c + (-a)
d = d + d * 2 + (b + a).relu()
d = d + 3 * d + (b - a).relu()
e = c - d
f = e**2
g = f / 2.0
g = g + 10.0 / f
print(f"{g.item():.4f}")
g.backward()
print(f"dg/da {a.grad.item():.4f}")
print(f"dg/db {b.grad.item():.4f}")

# A neuron: tanh(w . x + b), every derivative shown.
x1, x2, w1, w2, bias = scalar(2.0), scalar(0.0), scalar(-3.0), scalar(1.0), scalar(6.8813735870195432)
n = x1 * w1 + x2 * w2 + bias
out = n.tanh()
out.backward()
print(
    f"neuron {out.item():.4f}",
    *(f"{name}.grad {v.grad.item():.4f}" for name, v in zip("x1 x2 w1 w2 b".split(), (x1, x2, w1, w2, bias))),
)

# tanh in pieces gives the same.
n = scalar(0.8814)
e = (2 * n).exp()
((e - 1) / (e + 1)).backward()
print(f"tanh in pieces: {n.grad.item():.4f} = {1 - torch.tanh(n).item() ** 2:.4f}")

# One node used many times.
v = scalar(3.0)
w = v + v
(w * w + w).backward()
print("d((2v)^2 + 2v)/dv at 3:", v.grad.item())

# A network of lists: 3 inputs, 4 and 4 tanh neurons, 1 output; four examples.
generator = torch.Generator().manual_seed(1337)


def neuron_weights(n):
    return [scalar(v) for v in (torch.rand(n + 1, generator=generator) * 2 - 1).tolist()]


layers = [[neuron_weights(3) for _ in range(4)], [neuron_weights(4) for _ in range(4)], [neuron_weights(4)]]
parameters = [p for layer in layers for neuron in layer for p in neuron]


def network(x):
    for layer in layers:
        x = [sum((wi * xi for wi, xi in zip(neuron, x)), neuron[-1]).tanh() for neuron in layer]
    return x[0]


examples = [[2.0, 3.0, -1.0], [3.0, -1.0, 0.5], [0.5, 1.0, 1.0], [1.0, 1.0, -1.0]]
wanted = [1.0, -1.0, -1.0, 1.0]
print(len(parameters), "parameters")
for k in range(21):
    outputs = [network(x) for x in examples]
    loss = sum((output - y) ** 2 for output, y in zip(outputs, wanted))
    for p in parameters:
        p.grad = None
    loss.backward()
    for p in parameters:
        p.data -= 0.05 * p.grad
    if k % 5 == 0:
        print(f"step {k:2d}  loss {loss.item():.4f}")
print("outputs:", [round(o.item(), 3) for o in outputs])

# A chain of 20,000 nodes: built, run backward and freed without recursion.
x = scalar(1.0)
y = x
for _ in range(10_000):
    y = y * 1.0001 - 0.0001
y.backward()
print(f"long chain: value {y.item():.4f}, gradient {x.grad.item():.4f} = {1.0001**10_000:.4f}")
