"""Training with fake quantization: values, straight-through gradients, refusals; weights of 4 bits by channel."""

import torch
from torch import nn

x = torch.tensor(
    [-2.0, -0.35, -0.05, 0.05, 0.15, 0.25, 0.74, 0.75, 3.0, float("nan"), float("inf")], requires_grad=True
)


def attempt(function, *args):
    try:
        print(function(*args))
    except Exception as error:
        print(type(error).__name__, str(error).splitlines()[0])


per_tensor, per_channel = torch.fake_quantize_per_tensor_affine, torch.fake_quantize_per_channel_affine
for scale, zero, low, high in (
    (0.1, 0, -8, 7),
    (0.1, 2, 0, 15),
    (0.1, 128, 0, 255),
    (0.25, -3, -128, 127),
    (1.0, 1, -8, 7),
):
    y = per_tensor(x, scale, zero, low, high)
    x.grad = None
    y.sum().backward()
    print(y, x.grad)
attempt(per_tensor, x, 0.1, 20, 0, 15)
attempt(per_tensor, x, 0.1, 0, 7, 3)
attempt(per_tensor, x.double(), 0.1, 0, 0, 15)
attempt(per_tensor, x.half(), 0.1, 0, 0, 15)
attempt(per_tensor, x.int(), 0.1, 0, 0, 15)
attempt(per_tensor, x, torch.tensor(0.1), torch.tensor(0, dtype=torch.int32), 0, 15)

scales, zeros = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0, 1, 2], dtype=torch.int32)
z = torch.linspace(-2, 2, 12).reshape(2, 3, 2).requires_grad_()
y = per_channel(z, scales, zeros, 1, -4, 3)
y.sum().backward()
print(y, z.grad)
attempt(per_channel, z, scales[:2], zeros[:2], 1, -4, 3)
attempt(per_channel, z, scales, zeros.long(), 1, -4, 3)
attempt(per_channel, z, scales, zeros + 9, 1, -4, 3)


class Quantized(nn.Linear):
    def forward(self, input):
        scale = self.weight.detach().abs().amax(1) / 7
        weight = per_channel(self.weight, scale, torch.zeros(len(scale), dtype=torch.int32), 0, -8, 7)
        return nn.functional.linear(input, weight, self.bias)


torch.manual_seed(0)
model = nn.Sequential(Quantized(4, 16), nn.ReLU(), Quantized(16, 1))
optimizer = torch.optim.Adam(model.parameters(), 1e-2)
data = torch.randn(64, 4)
for step in range(60):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(data), data.prod(1, keepdim=True))
    loss.backward()
    optimizer.step()
    if step % 20 == 19:
        print(step, f"{loss.item():.3f}")
