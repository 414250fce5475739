"""Knowledge distillation: a teacher's soft labels, KL divergence with temperature, a feature loss, pruning, counting."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.nn.utils import prune
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(42)
x = torch.randn(512, 12)
y = (x[:, :4].pow(2).sum(1) - x[:, 4:8].abs().sum(1) + x[:, 8]).div(2).round().clamp(-1, 2).long() + 1
train_loader = DataLoader(TensorDataset(x[:384], y[:384]), batch_size=64, shuffle=True)
test_loader = DataLoader(TensorDataset(x[384:], y[384:]), batch_size=64)


class DeepNN(nn.Module):
    def __init__(self, num_classes=4):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.classifier = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, num_classes))

    def forward(self, x):
        h = self.features(x)
        return self.classifier(h), h


class LightNN(nn.Module):
    def __init__(self, num_classes=4):
        super().__init__()
        self.features = nn.Sequential(nn.Linear(12, 8), nn.ELU())
        self.regressor = nn.Linear(8, 32)
        self.classifier = nn.Linear(8, num_classes)

    def forward(self, x):
        h = self.features(x)
        return self.classifier(h), self.regressor(h)


def train(model, train_loader, epochs, learning_rate):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.Adam(model.parameters(), lr=learning_rate)
    model.train()
    for epoch in range(epochs):
        running_loss = 0.0
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            outputs, _ = model(inputs)
            loss = criterion(outputs, labels)
            loss.backward()
            optimizer.step()
            running_loss += loss.item()
        if epoch % 5 == 4:
            print(f"Epoch {epoch + 1}/{epochs}, Loss: {running_loss / len(train_loader):.4f}")


@torch.no_grad()
def test(model, test_loader):
    model.eval()
    correct = total = 0
    for inputs, labels in test_loader:
        outputs, _ = model(inputs)
        _, predicted = torch.max(outputs.data, 1)
        total += labels.size(0)
        correct += (predicted == labels).sum().item()
    accuracy = 100 * correct / total
    print(f"Test Accuracy: {accuracy:.2f}%")
    return accuracy


def train_knowledge_distillation(teacher, student, epochs, T, soft_weight, ce_weight, feature_weight):
    ce_loss, mse, cosine = nn.CrossEntropyLoss(), nn.MSELoss(), nn.CosineEmbeddingLoss()
    optimizer = optim.Adam(student.parameters(), lr=0.01)
    teacher.eval()
    student.train()
    for epoch in range(epochs):
        running = [0.0, 0.0, 0.0]
        for inputs, labels in train_loader:
            optimizer.zero_grad()
            with torch.no_grad():
                teacher_logits, teacher_h = teacher(inputs)
            logits, h = student(inputs)
            soft_targets = nn.functional.softmax(teacher_logits / T, dim=-1)
            soft_prob = nn.functional.log_softmax(logits / T, dim=-1)
            by_hand = torch.sum(soft_targets * (soft_targets.log() - soft_prob)) / soft_prob.size()[0] * (T**2)
            kl = F.kl_div(soft_prob, soft_targets, reduction="batchmean") * T**2
            assert torch.allclose(by_hand, kl, atol=1e-5)
            feature = mse(h, teacher_h) + cosine(h, teacher_h, torch.ones(len(h)))
            label_loss = ce_loss(logits, labels)
            loss = soft_weight * kl + ce_weight * label_loss + feature_weight * feature
            loss.backward()
            optimizer.step()
            running = [r + v.item() for r, v in zip(running, (kl, label_loss, feature))]
        if epoch % 5 == 4:
            print(f"Epoch {epoch + 1}/{epochs}", [f"{r / len(train_loader):.4f}" for r in running])


torch.manual_seed(42)
teacher = DeepNN()
print(f"DeepNN parameters: {sum(p.numel() for p in teacher.parameters()):,}")
train(teacher, train_loader, 15, 0.005)
test_accuracy_deep = test(teacher, test_loader)
torch.manual_seed(42)
light = LightNN()
train(light, train_loader, 10, 0.01)
test(light, test_loader)
torch.manual_seed(42)
student = LightNN()
print("Norm of 1st layer:", f"{torch.norm(student.features[0].weight).item():.5f}")
train_knowledge_distillation(teacher, student, 10, 2, 0.25, 0.75, 0.1)
test(student, test_loader)

print("pruning")
module = teacher.features[0]
prune.l1_unstructured(module, name="weight", amount=0.4)
prune.ln_structured(teacher.features[2], name="weight", amount=0.25, n=2, dim=0)
print([name for name, _ in module.named_parameters()], [name for name, _ in module.named_buffers()])
print("sparsity", f"{100.0 * float(torch.sum(module.weight == 0)) / float(module.weight.nelement()):.2f}%")
test(teacher, test_loader)
prune.remove(module, "weight")
print(prune.is_pruned(teacher), sorted(teacher.state_dict())[:3], "...")
