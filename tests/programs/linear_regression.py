"""Linear regression from scratch and by nn: minibatches by hand, the closed form, and a learned scale and shift."""

import random

import torch
from torch import nn

torch.manual_seed(0)
random.seed(0)
true_w, true_b = torch.tensor([2.0, -3.4]), 4.2
features = torch.normal(0, 1, (500, 2))
labels = features @ true_w + true_b + torch.normal(0, 0.1, (500,))
print("first rows:", features[:2].tolist(), "labels", [round(v, 4) for v in labels[:2].tolist()])


def minibatches(size):
    """The examples in a new order each time, `size` at once."""
    indices = list(range(len(features)))
    random.shuffle(indices)
    for i in range(0, len(indices), size):
        chosen = torch.tensor(indices[i : i + size])
        yield features[chosen], labels[chosen]


def squared_loss(predicted, y):
    return (predicted - y.reshape(predicted.shape)) ** 2 / 2


print("\nfrom scratch")
w = torch.normal(0, 0.01, size=(2,), requires_grad=True)
b = torch.zeros(1, requires_grad=True)
for epoch in range(3):
    for x, y in minibatches(20):
        loss = squared_loss(x @ w + b, y).mean()
        loss.backward()
        with torch.no_grad():
            for parameter in (w, b):
                parameter -= 0.1 * parameter.grad
                parameter.grad.zero_()
    with torch.no_grad():
        print(f"epoch {epoch + 1}  loss {squared_loss(features @ w + b, labels).mean():.5f}")
print("error in w:", [round(v, 3) for v in (true_w - w).tolist()], "in b:", round((true_b - b).item(), 3))

print("\nby nn")
net = nn.Linear(2, 1)
net.weight.data.normal_(0, 0.01)
net.bias.data.fill_(0)
trainer = torch.optim.SGD(net.parameters(), lr=0.1)
loss_fn = nn.MSELoss()
for epoch in range(3):
    for x, y in minibatches(20):
        trainer.zero_grad()
        loss_fn(net(x), y.unsqueeze(1)).backward()
        trainer.step()
    print(f"epoch {epoch + 1}  loss {loss_fn(net(features).squeeze(1), labels).item():.5f}")
print("w", [round(v, 3) for v in net.weight[0].tolist()], "b", round(net.bias.item(), 3))

print("\nclosed form: X^T X w = X^T y, solved by Gauss-Jordan elimination")
X = torch.cat([features, torch.ones(500, 1)], dim=1)
system = torch.cat([X.t() @ X, (X.t() @ labels).unsqueeze(1)], dim=1)
for i in range(3):
    system[i] /= system[i, i].clone()
    for j in range(3):
        if j != i:
            system[j] -= system[j, i].clone() * system[i]
print("w, b:", [round(v, 3) for v in system[:, 3].tolist()])
residual = labels - X @ system[:, 3]
print(f"R^2 {1 - (residual.var() / labels.var()).item():.5f}, largest residual {residual.abs().max().item():.3f}")

print("\nridge: the larger the penalty, the smaller the weights")
for penalty in (0.0, 0.1, 1.0, 10.0):
    net = nn.Linear(2, 1)
    trainer = torch.optim.SGD([{"params": [net.weight], "weight_decay": penalty}, {"params": [net.bias]}], lr=0.05)
    for _ in range(200):
        trainer.zero_grad()
        loss_fn(net(features), labels.unsqueeze(1)).backward()
        trainer.step()
    w, norm = net.weight[0].tolist(), net.weight.norm().item()
    print(f"penalty {penalty:4.1f}  w {[round(v, 3) for v in w]}  norm {norm:.3f}")
