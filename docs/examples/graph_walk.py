"""Look at the graph that backward() follows: its nodes, what they lead to, which gradients flow, and a picture of it.

A network of two layers, written out in matrix products, computes a loss; then we walk from the loss along
`grad_fn.next_functions`, as backward() does, watch the gradients by hooks, and write the graph as graph.dot, for
`dot -Tsvg graph.dot`.

Plain PyTorch: `python graph_walk.py`, or `python -m microtorch run graph_walk.py`; both print the same. With
`python -m microtorch run --graph graph.svg graph_walk.py` microtorch draws a picture by itself, and needs no `dot`.
"""

import torch

torch.manual_seed(0)
W1, b1 = torch.randn(2, 3, requires_grad=True), torch.zeros(3, requires_grad=True)
W2, b2 = torch.randn(3, 1, requires_grad=True), torch.zeros(1, requires_grad=True)
parameters = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
x, y = torch.tensor([[0.5, -1.0], [2.0, 0.0]]), torch.tensor([[1.0], [0.0]])
prediction = torch.tanh(x @ W1 + b1) @ W2 + b2
loss = (prediction - y).pow(2).mean()
names = {id(p): name for name, p in parameters.items()}


def label(node):
    """A parameter by its name, another node by its own."""
    variable = getattr(node, "variable", None)
    return node.name() if variable is None else f"{names[id(variable)]} {tuple(variable.shape)}"


def show(node, depth=0):
    """The tree below a node; inputs that need no gradient are None."""
    print("  " * depth + label(node))
    for child, _ in node.next_functions:
        if child is not None:
            show(child, depth + 1)


print("from the loss down to the parameters")
show(loss.grad_fn)

print("\nin the order of backward(), with the norm of the gradient that arrives")


def watch(node, seen):
    """Hooks on every node; each is called when all of the gradient of its output is there."""
    if node in seen:
        return
    seen.add(node)
    if getattr(node, "variable", None) is None:
        node.register_prehook(
            lambda grads: print(f"  {node.name():18s} {grads[0].norm():.4f}  {tuple(grads[0].shape)}")
        )
    for child, _ in node.next_functions:
        if child is not None:
            watch(child, seen)


nodes = set()
watch(loss.grad_fn, nodes)
loss.backward()
for name, p in parameters.items():
    print(f"  {name:18s} {p.grad.norm():.4f}  {tuple(p.grad.shape)}")

print("\nby hand: the chain rule, the same numbers")
with torch.no_grad():
    h = torch.tanh(x @ W1 + b1)
    d_prediction = 2 * (prediction - y) / y.numel()  # of the mean of squares
    d_before = (d_prediction @ W2.T) * (1 - h**2)  # tanh' = 1 - tanh^2
    by_hand = [x.T @ d_before, d_before.sum(0), h.T @ d_prediction, d_prediction.sum(0)]
for (name, p), gradient in zip(parameters.items(), by_hand):
    print(f"  {name:18s} {torch.allclose(p.grad, gradient, atol=1e-6)}")

number = {node: i for i, node in enumerate(sorted(nodes, key=label))}
with open("graph.dot", "w", encoding="utf-8") as file:
    file.write("digraph {\n")
    for node, i in number.items():
        file.write(f'  {i} [label="{label(node)}"]\n')
    for node, i in number.items():
        for child, _ in node.next_functions:
            if child is not None:
                file.write(f"  {number[child]} -> {i}\n")
    file.write("}\n")
print(f"\n{len(nodes)} nodes -> graph.dot")
