"""bfloat16: numbers with float32's range and 8 significant bits, alone and where autocast chooses them."""

import copy
import io
import pickle
import warnings

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
x = torch.randn(3, 4).to(torch.bfloat16)
print(x, x.dtype, x.element_size(), x.type(), x.is_floating_point())
print(x + x, x * 2.5, x @ x.T, x.sum(), x.softmax(-1), x.sort(), x == x.clone(), sep="\n")
for other in (
    torch.ones(4),
    torch.ones(4).half(),
    torch.ones(4).double(),
    torch.arange(4),
    torch.tensor(2.0),
    1,
    1.5,
    1j,
):
    print((x + other).dtype, end=" ")
print()
print(x.float(), x.int(), x.tolist()[0], x[0, 0].item(), x.view(torch.int16), sep="\n")
for bad in (lambda: x.numpy(), lambda: x @ torch.ones(4, 2), lambda: torch.linalg.inv(x[:, :3])):
    try:
        bad()
    except (TypeError, RuntimeError) as error:
        print(type(error).__name__, error)
y = x.clone().requires_grad_()
(y.exp() * y).sum().backward()
print(y.grad, y.grad.dtype)
x[0] = 1.5
x.add_(1).mul_(x)
x[x > 2] = 0
print(x, x.t()[1:, 1:], torch.cat([x, x[:1]]), torch.where(x > 0.5, x, -1.0), x.as_strided((2, 2), (1, 4), 4), sep="\n")
for t in (
    torch.zeros(2, dtype=torch.bfloat16), torch.full((2,), 1.1, dtype=torch.bfloat16), torch.eye(2).bfloat16(),
    torch.tensor([1.1, 2], dtype=torch.bfloat16), torch.arange(0, 2, 0.3, dtype=torch.bfloat16),
    torch.linspace(0, 1, 7, dtype=torch.bfloat16), torch.rand(3, dtype=torch.bfloat16),
    torch.randn(3, dtype=torch.bfloat16), torch.randn(17, dtype=torch.bfloat16), torch.tensor([1e39, 1e38, 3e-39, float("nan")]).bfloat16(),
):  # fmt: skip
    print(t)
print(torch.finfo(torch.bfloat16), torch.equal(pickle.loads(pickle.dumps(x)), x), torch.allclose(x, x + 0.001))

model = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 2)).to(torch.bfloat16)
for make in (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), lambda p: torch.optim.AdamW(p, lr=0.01)):
    trained = copy.deepcopy(model)
    optimizer = make(trained.parameters())
    for step in range(4):
        optimizer.zero_grad()
        loss = (trained(x) ** 2).mean()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimizer.step()
        print(step, loss.dtype, norm.dtype, trained[0].weight.grad.dtype, f"{loss.item():.1f}")
file = io.BytesIO()
torch.save({"model": model.state_dict(), "view": x[1:]}, file)
file.seek(0)
loaded = torch.load(file)
print(loaded["view"], loaded["view"].storage_offset(), nn.Linear(4, 8).load_state_dict(loaded["model"], strict=False))

print("autocast")
a, w = torch.randn(4, 6), torch.randn(6, 3, requires_grad=True)
with torch.autocast("cpu"):
    p = a @ w
    print(
        p.dtype,
        p.grad_fn.name(),
        torch.is_autocast_enabled("cpu"),
        torch.is_autocast_enabled(),
        torch.get_autocast_dtype("cpu"),
    )
    print(
        F.mse_loss(p, torch.zeros(4, 3)).dtype,
        F.cross_entropy(p, torch.tensor([0, 1, 2, 0])).dtype,
        torch.cat([a.bfloat16(), a]).dtype,
    )
    print(
        (p + a[:, :3]).dtype,
        p.softmax(-1).dtype,
        torch.relu(p).dtype,
        torch.einsum("ij,jk->ik", a, w).dtype,
        torch.mv(a, a[0]).dtype,
    )
    print(
        (a.double() @ w.double()).dtype,
        torch.addmm(torch.zeros(3), a, w).dtype,
        torch.bmm(a[None], w[None]).dtype,
        p.prod().dtype,
    )
    with torch.autocast("cpu", enabled=False):
        print((a @ w).dtype)
    with torch.autocast("cpu", dtype=torch.float16):
        print((a @ a.t()).dtype)
    print((a @ w).dtype)
print((a @ w).dtype, torch.is_autocast_enabled("cpu"))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.norm, self.act = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.PReLU()
        self.out, self.last = nn.Linear(4 * 16, 10), nn.LayerNorm(10)

    def forward(self, x):
        h = F.max_pool2d(self.act(self.norm(self.conv(x))), 2)
        return self.last(self.out(h.flatten(1)))


net, images, labels = Net(), torch.randn(16, 1, 8, 8), torch.randint(0, 10, (16,))
optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2)
for step in range(4):
    optimizer.zero_grad()
    with torch.autocast(device_type="cpu", dtype=torch.bfloat16):
        scores = net(images)
        loss = F.cross_entropy(scores, labels)
    loss.backward()
    optimizer.step()
    print(step, scores.dtype, loss.dtype, f"{loss.item():.1f}", net.out.weight.grad.dtype, net.conv.weight.dtype)
z = torch.randn(2, 5, 8)
with torch.autocast("cpu"):
    for module in (
        nn.TransformerEncoderLayer(8, 2, 16, batch_first=True),
        nn.LSTM(8, 5),
        nn.GRU(8, 5),
        nn.GRUCell(8, 3),
        nn.RNN(8, 3),
    ):
        result = module(z[0] if isinstance(module, nn.GRUCell) else z)
        result = result[0] if isinstance(result, tuple) else result
        print(type(module).__name__, result.dtype, result.requires_grad)


class Product(torch.autograd.Function):
    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu")
    def forward(ctx, a, b):
        ctx.save_for_backward(a, b)
        return a.mm(b)

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx, g):
        a, b = ctx.saved_tensors
        return g.mm(b.t()), a.t().mm(g)


class Wide(torch.autograd.Function):
    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)
    def forward(ctx, a):
        return a.exp() @ torch.ones(3, 3)

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")
    def backward(ctx, g):
        return g


@torch.autocast("cpu")
def squared(x):
    return x @ x


m = torch.randn(3, 3, requires_grad=True)
with torch.autocast("cpu"):
    r = Product.apply(m, m)
    s = Wide.apply(r)
print(r.dtype, s.dtype, squared(m).dtype)
s.sum().backward()
print(m.grad.dtype)
scaler = torch.amp.GradScaler("cpu")
with torch.autocast("cpu", dtype=torch.float16):
    loss = squared(m).float().sum()
scaler.scale(loss).backward()
scaler.step(torch.optim.SGD([m], lr=0.1))
scaler.update()
print(scaler.get_scale())
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    with torch.autocast("cpu", dtype=torch.float64):
        print((m @ m).dtype)
    with torch.autocast("cuda"):
        print((m @ m).dtype)
print([str(w.message) for w in caught])
