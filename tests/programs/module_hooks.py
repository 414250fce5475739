"""Hooks on modules, apply, train and eval: seeing what passes through a network, and changing it."""

import torch
from torch import nn

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Dropout(0.5), nn.Linear(8, 2))
x = torch.randn(4, 3)


def show_input(module, args):
    print(f"  before {type(module).__name__}: {tuple(args[0].shape)}, mean {args[0].mean().item():.4f}")


def show_output(module, args, output):
    print(f"  after {type(module).__name__}: {tuple(output.shape)}, norm {output.norm().item():.4f}")


def show_gradients(module, grad_input, grad_output):
    print(f"  back through {type(module).__name__}: {tuple(grad_output[0].shape)} -> {tuple(grad_input[0].shape)}")


net.eval()
print("forward and backward, watched")
handles = [layer.register_forward_hook(show_output) for layer in net]
handles.append(net[3].register_forward_pre_hook(show_input))
handles.append(net[3].register_full_backward_hook(show_gradients))
net(x).sum().backward()
for handle in handles:
    handle.remove()
print("hooks removed")
net(x).sum().backward()

print("\nkeeping what a layer put out")
activations = {}
handle = net[1].register_forward_hook(lambda module, args, output: activations.update(tanh=output.detach()))
net(x)
print(activations["tanh"].shape, activations["tanh"].requires_grad)
handle.remove()

print("\nhooks that change things")
handle = net[1].register_forward_hook(lambda module, args, output: output * 0)
print("the output is the bias:", torch.equal(net(x), net[3].bias.expand(4, 2)))
handle.remove()
handle = net[0].register_forward_pre_hook(lambda module, args: (torch.zeros_like(args[0]),))
print("every row alike:", torch.allclose(net(x)[0], net(x)[3]))
handle.remove()
net.zero_grad()
handle = net[3].weight.register_hook(lambda grad: grad * 2)
net(x).sum().backward()
doubled = net[3].weight.grad.clone()
handle.remove()
net.zero_grad()
net(x).sum().backward()
print("the gradient was doubled:", torch.equal(doubled, net[3].weight.grad * 2))

print("\ntrain and eval")
print("training:", net.training, net[2].training, "outputs alike:", torch.equal(net(x), net(x)))
net.train()
print("training:", net.training, net[2].training, "outputs alike:", torch.equal(net(x), net(x)))
net[2].eval()
print("training:", net.training, net[2].training, "outputs alike:", torch.equal(net(x), net(x)))


def initialise(module):
    """Set the weights of every linear layer to 0.1 and its bias to zero."""
    if isinstance(module, nn.Linear):
        nn.init.constant_(module.weight, 0.1)
        nn.init.zeros_(module.bias)


print("\napply")
print("returns the module itself:", net.apply(initialise) is net)
print(net[0].weight[0], net[0].bias.tolist())
