"""Logistic regression: two clouds of points, one line between them, learned by gradient descent."""

import torch
from torch import nn

torch.manual_seed(1)
n = 200
features = torch.cat([torch.randn(n, 2) + torch.tensor([1.5, 1.5]), torch.randn(n, 2) - torch.tensor([1.0, 0.5])])
labels = torch.cat([torch.ones(n), torch.zeros(n)]).unsqueeze(1)


class LogisticRegression(nn.Module):
    def __init__(self, n_features):
        super().__init__()
        self.linear = nn.Linear(n_features, 1)

    def forward(self, x):
        return torch.sigmoid(self.linear(x))


model = LogisticRegression(2)
criterion = nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.5)

for epoch in range(200):
    probabilities = model(features)
    loss = criterion(probabilities, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if (epoch + 1) % 40 == 0:
        accuracy = ((probabilities > 0.5) == labels.bool()).float().mean()
        print(f"epoch {epoch + 1:3d}, loss {loss.item():.4f}, accuracy {accuracy.item():.4f}")

weight, bias = model.linear.weight, model.linear.bias
print("weight:", weight.data)
print("bias:", bias.data)

# The gradient has a closed form: X^T (p - y) / n. Compare it with what backward() finds.
model.zero_grad()
probabilities = model(features)
criterion(probabilities, labels).backward()
by_hand = (probabilities - labels).t() @ features / len(features)
print("gradient equals the closed form:", torch.allclose(weight.grad, by_hand.detach(), atol=1e-6))

# Numerically safer: scores in, sigmoid inside the loss.
scores = model.linear(features)
print(f"BCELoss           {criterion(torch.sigmoid(scores), labels).item():.4f}")
print(f"BCEWithLogitsLoss {nn.BCEWithLogitsLoss()(scores, labels).item():.4f}")
far = torch.tensor([[-200.0], [200.0]])
print("far off, BCE:            ", nn.BCELoss()(torch.sigmoid(far), torch.tensor([[1.0], [0.0]])))
print("far off, BCEWithLogits:  ", nn.BCEWithLogitsLoss()(far, torch.tensor([[1.0], [0.0]])))
