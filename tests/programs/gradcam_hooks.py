"""Looking into a network: Grad-CAM, saliency, guided backpropagation by hooks, activations, integrated gradients, FGSM."""

from collections import defaultdict

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 12, 3, padding=1), nn.ReLU()
        )
        self.pool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(12, 3)

    def forward(self, x):
        return self.fc(self.pool(self.features(x)).flatten(1))


class GradCAM:
    def __init__(self, model, layer):
        self.model = model
        self.handles = [
            layer.register_forward_hook(self.save_activation),
            layer.register_full_backward_hook(self.save_gradient),
        ]

    def save_activation(self, module, inputs, output):
        self.activation = output.detach()

    def save_gradient(self, module, grad_input, grad_output):
        self.gradient = grad_output[0].detach()

    def __call__(self, x, index=None):
        scores = self.model(x)
        index = scores.argmax(1) if index is None else index
        self.model.zero_grad()
        scores.gather(1, index[:, None]).sum().backward()
        weights = self.gradient.mean(dim=(2, 3), keepdim=True)
        cam = F.relu((weights * self.activation).sum(1, keepdim=True))
        cam = F.interpolate(cam, size=x.shape[2:], mode="bilinear", align_corners=False)
        low, high = cam.amin((2, 3), keepdim=True), cam.amax((2, 3), keepdim=True)
        return (cam - low) / (high - low + 1e-8), index

    def remove(self):
        for handle in self.handles:
            handle.remove()


def images(n):
    """A bright bar, a bright square or nothing but noise."""
    x, y = torch.rand(n, 1, 12, 12) * 0.3, torch.arange(n) % 3
    x[y == 0, :, 2:4, :] += 0.7
    x[y == 1, :, 6:10, 6:10] += 0.7
    return x, y


model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for step in range(41):
    x, y = images(30)
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 20 == 0:
        print(f"step {step} loss {loss.item():.3f}")
model.eval()
x, y = images(3)
cam = GradCAM(model, model.features[3])
heat, index = cam(x)
print("classes", index.tolist(), "heat", heat.shape, [f"{v:.2f}" for v in heat.mean((1, 2, 3)).tolist()])
cam.remove()
print("hooks left:", len(model.features[3]._forward_hooks), len(model.features[3]._backward_hooks))

x.requires_grad_()
model(x).max(1).values.sum().backward()
saliency, _ = x.grad.data.abs().max(dim=1)
print("saliency", saliency.shape, [f"{s.flatten().argmax().item()}" for s in saliency])

activations = {}


def get_activation(name):
    def hook(model, input, output):
        activations[name] = output.detach()

    return hook


handles = [
    m.register_forward_hook(get_activation(n))
    for n, m in model.named_modules()
    if isinstance(m, (nn.Conv2d, nn.Linear))
]
model(x)
for name, value in activations.items():
    print(name, tuple(value.shape), f"mean {value.mean().item():.3f} std {value.std().item():.3f}")
for h in handles:
    h.remove()


def guided(module, grad_in, grad_out):
    return (torch.clamp(grad_in[0], min=0.0),)


handles = [m.register_full_backward_hook(guided) for m in model.modules() if isinstance(m, nn.ReLU)]
guided_x = x.detach().clone().requires_grad_()
model(guided_x)[:, 1].sum().backward()
print("guided", f"{guided_x.grad.abs().sum().item():.2f}")
for h in handles:
    h.remove()

baseline = torch.zeros_like(x)
alphas = torch.linspace(0, 1, 21).view(-1, 1, 1, 1)
path = (baseline[:1] + alphas * (x[:1] - baseline[:1])).detach().requires_grad_()
grads = torch.autograd.grad(model(path)[:, 0].sum(), path)[0]
attribution = (x[:1] - baseline[:1]) * ((grads[:-1] + grads[1:]) / 2).mean(0, keepdim=True)
difference = model(x[:1])[0, 0] - model(baseline[:1])[0, 0]
print("completeness:", f"{attribution.sum().item():.2f} {difference.item():.2f}")

for epsilon in (0.0, 0.1, 0.3):
    adv = x.detach().clone().requires_grad_()
    F.nll_loss(F.log_softmax(model(adv), 1), y).backward()
    perturbed = torch.clamp(adv + epsilon * adv.grad.sign(), 0, 1)
    print(f"epsilon {epsilon}: {(model(perturbed).argmax(1) == y).sum().item()} of 3 right")

norms = defaultdict(list)
for name, p in model.named_parameters():
    p.register_hook(lambda grad, name=name: norms[name].append(grad.norm().item()))
F.cross_entropy(model(x.detach()), y).backward()
print(sorted(norms), all(v[0] >= 0 for v in norms.values()))
h = model.features(x)
h.retain_grad()
model.fc(h.mean((2, 3))).sum().backward()
print(h.is_leaf, h.grad.shape, h.grad_fn.name(), x.grad_fn)
with torch.no_grad():
    pre = model.fc.register_forward_pre_hook(lambda m, args: (args[0] * 0,))
    print(torch.equal(model(x), model.fc.bias.expand(3, 3)))
