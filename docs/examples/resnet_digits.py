"""A small residual network reads handwritten digits of 8x8 pixels.

Two stages of basic blocks (convolution, batch norm, a shortcut past them), SGD with Nesterov's momentum, a learning
rate that falls in steps, label smoothing. After K. He et al., "Deep Residual Learning for Image Recognition", 2016.

Plain PyTorch: `python resnet_digits.py`, or `python -m microtorch run resnet_digits.py`; both print the same.
"""

import csv
import gzip
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

DATA = Path(__file__).resolve().parent / "data" / "digits.csv.gz"


def conv3x3(in_planes, out_planes, stride=1):
    return nn.Conv2d(in_planes, out_planes, kernel_size=3, stride=stride, padding=1, bias=False)


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inplanes, planes, stride=1, downsample=None):
        super().__init__()
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, block, layers, num_classes=10):
        super().__init__()
        self.inplanes = 8
        self.conv1 = conv3x3(1, 8)
        self.bn1 = nn.BatchNorm2d(8)
        self.layer1 = self._make_layer(block, 8, layers[0])
        self.layer2 = self._make_layer(block, 16, layers[1], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(16 * block.expansion, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.constant_(m.weight, 1)
                nn.init.constant_(m.bias, 0)
        for m in self.modules():
            if isinstance(m, BasicBlock):
                nn.init.constant_(m.bn2.weight, 0)

    def _make_layer(self, block, planes, blocks, stride=1):
        downsample = None
        if stride != 1 or self.inplanes != planes * block.expansion:
            downsample = nn.Sequential(
                nn.Conv2d(self.inplanes, planes * block.expansion, 1, stride, bias=False),
                nn.BatchNorm2d(planes * block.expansion),
            )
        layers = [block(self.inplanes, planes, stride, downsample)]
        self.inplanes = planes * block.expansion
        for _ in range(1, blocks):
            layers.append(block(self.inplanes, planes))
        return nn.Sequential(*layers)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer2(self.layer1(x))
        x = torch.flatten(self.avgpool(x), 1)
        return self.fc(x)


def accuracy(output, target, topk=(1,)):
    """The share of samples whose class is among the k best, for each k, in percent."""
    with torch.no_grad():
        maxk = max(topk)
        _, pred = output.topk(maxk, 1, True, True)
        correct = pred.t().eq(target.view(1, -1).expand_as(pred.t()))
        return [correct[:k].reshape(-1).float().sum(0).mul_(100.0 / target.size(0)).item() for k in topk]


device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.manual_seed(0)
with gzip.open(DATA, "rt") as f:
    rows = torch.tensor([[float(v) for v in row] for row in csv.reader(f)])
images, labels = (rows[:, :64] / 16).view(-1, 1, 8, 8), rows[:, 64].long()
order = torch.randperm(len(images))
images, labels = images[order], labels[order]
train = DataLoader(TensorDataset(images[:1024], labels[:1024]), batch_size=64, shuffle=True)
test_x, test_y = images[1500:].to(device), labels[1500:].to(device)

model = ResNet(BasicBlock, [1, 1]).to(device)
print(model)
print("Total params: %.2fK" % (sum(p.numel() for p in model.parameters()) / 1e3))
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True)
scheduler = optim.lr_scheduler.MultiStepLR(optimizer, milestones=[2, 3], gamma=0.1)
for epoch in range(4):
    model.train()
    running = 0.0
    for inputs, targets in train:
        inputs, targets = inputs.to(device, non_blocking=True), targets.to(device)
        optimizer.zero_grad()
        loss = criterion(model(inputs), targets)
        loss.backward()
        optimizer.step()
        running += loss.item()
    scheduler.step()
    model.eval()
    with torch.no_grad():
        top1, top5 = accuracy(model(test_x), test_y, topk=(1, 5))
    print(f"epoch {epoch + 1} loss {running / len(train):.3f} top1 {top1:.1f} top5 {top5:.1f}")
print({k: tuple(v.shape) for k, v in model.state_dict().items() if "bn" in k})
