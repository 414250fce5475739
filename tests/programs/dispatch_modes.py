"""Modes that see ATen's operations: names of the commonest ones, changed results, modes in modes; counts of operations."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode


class Log(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        print(func, end="; ")
        return func(*args, **(kwargs or {}))


torch.manual_seed(0)
x, x3, image = torch.randn(4, 3), torch.randn(2, 4, 3), torch.randn(2, 2, 6, 6)
W = torch.randn(3, 5, requires_grad=True)
linear, conv = nn.Linear(3, 5), nn.Conv2d(2, 3, 3)
calls = """
x + x | x + 1 | 1 + x | 1 - x | x / 2 | 1 / x | x ** 2 | x @ W | linear(x) | linear(x3) | conv(image) | F.relu(x) | nn.ReLU(inplace=True)(x.clone())
x.sum() | x.sum(1) | x.mean() | x.mean(0) | x.view(-1) | x.reshape(2, 6) | x.t().reshape(-1) | image.flatten(1) | F.softmax(x, -1)
F.cross_entropy(x, torch.tensor([0, 1, 2, 0])) | F.mse_loss(x, x) | F.l1_loss(x, x) | F.max_pool2d(image, 2) | F.adaptive_avg_pool2d(image, 1)
nn.LayerNorm(3)(x) | F.dropout(x, 0.5) | nn.Embedding(4, 3)(torch.tensor([1])) | F.gelu(x) | torch.cat([x, x]) | x.chunk(2) | x.split(2) | x[0]
x[:, 1] | x[1:3] | x[torch.tensor([0])] | x[x > 0] | x.clone().__setitem__(0, 1.0) | x.T | x.transpose(0, 1) | x.permute(1, 0) | x.exp() | x.detach()
torch.zeros(2) | torch.ones(2) | torch.arange(3) | torch.tensor([1.0, 2]) | x.sum().item() | x.to(torch.float64) | x.double() | x.t().contiguous()
x.clone().mul_(2) | x == x | x < 1 | x.max() | x.max(1) | x.argmax(1) | torch.bmm(x3, x3.transpose(1, 2)) | x3[None] @ x3[None].transpose(2, 3) | x @ x[0]
F.scaled_dot_product_attention(x3[None], x3[None], x3[None]) | torch.where(x > 0, x, 0.0) | x.clamp(min=0) | x.norm() | x.std() | x.unsqueeze(0)
x[None].squeeze(0) | x.expand(2, 4, 3) | torch.stack([x, x]) | torch.outer(x[0], x[1]) | torch.tanh(x) | torch.sigmoid(x) | F.log_softmax(x, 1)
F.binary_cross_entropy_with_logits(x, x) | nn.ConvTranspose2d(2, 1, 2)(image) | x.any() | -x | x.abs() | x.cumsum(0) | x.sort() | x.topk(1) | x.tril()
x.masked_fill(x > 0, 0.0) | F.silu(x) | F.leaky_relu(x) | bool(x.sum() > 0) | x.size(0) | x.shape | x.masked_fill(x > 0, 0.0)
""".replace("\n", " | ").split(" | ")
for call in filter(None, calls):
    print(call, end=": ")
    with Log():
        value = eval(call)
    print()


class Doubled(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        return out * 2 if func is torch.ops.aten.mm.default else out


class Counted(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.seen = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.seen[func.overloadpacket] = self.seen.get(func.overloadpacket, 0) + 1
        return func(*args, **(kwargs or {}))


with torch.no_grad():
    plain = x @ W
    with Doubled():
        print(torch.equal(x @ W, 2 * plain))
    with Counted() as counted, Log():
        torch.ops.aten.mm(x, W).relu()
    print(counted.seen)
    with Counted() as counted:
        with Doubled():
            y = x @ W
    print(torch.equal(y, 2 * plain), counted.seen)

# floating point operations ----------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.act = nn.Linear(8, 16), nn.ReLU()
        self.seq = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))

    def forward(self, x):
        return self.seq(self.act(self.fc1(x)))


class Images(nn.Module):
    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(2, 4, 3, groups=2, stride=2, padding=1)
        self.c2, self.fc = nn.ConvTranspose2d(4, 3, 2, stride=2), nn.Linear(3, 2, bias=False)

    def forward(self, x):
        return self.fc(self.c2(self.c1(x)).mean((2, 3)))


def counts(name, call):
    with FlopCounterMode(display=False) as counter:
        call()
    print(name, counter.get_total_flops())
    for module, ops in sorted(counter.get_flop_counts().items()):
        print("  ", module, sorted((str(op), n) for op, n in ops.items()))


q = torch.randn(2, 4, 6, 8, requires_grad=True)
z = torch.randn(2, 5, 8, requires_grad=True)
net, images = Net(), Images()
attention, encoder = (
    nn.MultiheadAttention(8, 2, batch_first=True),
    nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
)
counts("forward", lambda: net(torch.randn(5, 8)))
counts("both", lambda: net(torch.randn(5, 8)).sum().backward())
counts("images", lambda: images(image).sum().backward())
counts("flash", lambda: F.scaled_dot_product_attention(q, q, q).sum().backward())
counts("dropout", lambda: F.scaled_dot_product_attention(q, q, q, dropout_p=0.1).sum().backward())
counts("attention", lambda: attention(z, z, z)[0].sum().backward())
counts("encoder", lambda: encoder(z).sum().backward())
counts("gru", lambda: nn.GRU(3, 4, 2, bidirectional=True)(x3)[0].sum().backward())
counts("lstm", lambda: nn.LSTM(3, 4)(x3)[0].sum().backward())
counts("einsum", lambda: torch.einsum("bij,bkj->bik", x3, x3))
counts(
    "several",
    lambda: (
        torch.baddbmm(torch.zeros(4, 4), x3, x3.mT),
        torch.addmm(torch.zeros(4), x, x.t()),
        x3 @ W,
        torch.linalg.multi_dot([x, W, W.t()]),
    ),
)
net.zero_grad()
net(torch.ones(5, 8)).sum().backward()
before = [p.grad.clone() for p in net.parameters()]
net.zero_grad()
with FlopCounterMode(display=False):
    net(torch.ones(5, 8)).sum().backward()
print(all(torch.allclose(a, p.grad) for a, p in zip(before, net.parameters())))
