"""LeNet, shrunk to 8x8 pixels: convolution, pooling, convolution, two linear layers, on handwritten digits."""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

DATA = Path(__file__).resolve().parents[2] / "docs" / "examples" / "data" / "digits.csv.gz"


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=3)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(16 * 2 * 2, 32)
        self.fc2 = nn.Linear(32, 10)

    def forward(self, x):
        x = torch.tanh(self.conv1(x))
        x = self.pool(x)  # 8x8 -> 4x4
        x = torch.tanh(self.conv2(x))  # 4x4 -> 2x2
        x = torch.flatten(x, start_dim=1)
        x = torch.tanh(self.fc1(x))
        return self.fc2(x)


def accuracy(model, images, labels):
    model.eval()
    with torch.no_grad():
        _, predicted = torch.max(model(images), 1)
    return (predicted == labels).float().mean().item()


torch.manual_seed(0)
table = np.loadtxt(DATA, delimiter=",", dtype=np.float32)
images = torch.tensor(table[:, :64]).reshape(-1, 1, 8, 8) / 16
labels = torch.tensor(table[:, 64], dtype=torch.int64)
train_images, test_images = images[:1400], images[1400:]
train_labels, test_labels = labels[:1400], labels[1400:]
loader = DataLoader(TensorDataset(train_images, train_labels), batch_size=50, shuffle=True)

model = LeNet()
print(model)
for name, parameter in model.named_parameters():
    print(f"{name:12s} {tuple(parameter.shape)}")

x = train_images[:2]
print("shapes:", x.shape, "->", model.conv1(x).shape, "->", model.pool(model.conv1(x)).shape, "->", model(x).shape)

optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
for epoch in range(1, 6):
    model.train()
    running_loss = 0.0
    for batch_images, batch_labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(batch_images), batch_labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
    print(
        f"epoch {epoch} | loss {running_loss / len(loader):.4f} | test {accuracy(model, test_images, test_labels):.1%}"
    )

print("first predictions:", model(test_images[:10]).argmax(dim=1).tolist())
print("true labels:      ", test_labels[:10].tolist())
