"""Parameters that are exchanged, compiled modules, and who sees what: the optimizer, the state_dict, the text."""

import copy

import torch
from torch import nn

torch.manual_seed(0)

# two tensors exchange all they have
a, b = torch.arange(2), torch.arange(3.0).requires_grad_()
(b * b).sum().backward()
torch.utils.swap_tensors(a, b)
print(a, a.grad, a.is_leaf, b, b.grad)
(a * a).sum().backward()
print(a.grad)

# a new parameter is not seen by the optimizer, an exchanged one is
layer = nn.Linear(3, 2)
opt = torch.optim.SGD(layer.parameters(), lr=0.1)
layer.weight = nn.Parameter(2 * layer.weight)
print(layer.weight is opt.param_groups[0]["params"][0])
for swap, overwrite in ((False, False), (True, False), (False, True)):
    torch.__future__.set_swap_module_params_on_conversion(swap)
    torch.__future__.set_overwrite_module_params_on_conversion(overwrite)
    layer = nn.Linear(3, 2)
    weight, data = layer.weight, layer.weight.data_ptr()
    layer(torch.ones(1, 3)).sum().backward()
    layer.double()
    print(swap, overwrite, weight is layer.weight, weight.dtype, layer.weight.grad.dtype, layer.weight.requires_grad)
    state = {name: torch.full_like(value, 2) for name, value in layer.state_dict().items()}
    print(layer.load_state_dict(state), layer.weight.sum().item(), weight.sum().item() == 12)
    layer(torch.ones(1, 3, dtype=torch.float64)).sum().backward()
    print(layer.weight.grad)
torch.__future__.set_overwrite_module_params_on_conversion(False)
print(torch.__future__.get_swap_module_params_on_conversion())


# torch.compile wraps a module: its name shows in the state_dict
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.drop, self.size = nn.Linear(2, 2), nn.Dropout(), 3

    def forward(self, x):
        return self.drop(self.layer(x))

    def area(self):
        return self.size**2


net = Net()
compiled = torch.compile(net, backend="eager")
print(compiled)
print(list(compiled.state_dict()), [name for name, _ in compiled.named_modules()])
print(compiled.size, compiled.area(), type(compiled).__name__, isinstance(compiled, Net), hasattr(compiled, "missing"))
compiled.eval()
print(net.training, net.drop.training, compiled.training)
compiled.size = 5
print(net.size, compiled._orig_mod is net, len(list(compiled.parameters())))
compiled(torch.ones(1, 2)).sum().backward()
print(net.layer.weight.grad, list(copy.deepcopy(compiled).state_dict()))
net.load_state_dict({name.removeprefix("_orig_mod."): value for name, value in compiled.state_dict().items()})
compiled.requires_grad_(False).double()
print(net.layer.weight.requires_grad, net.layer.weight.dtype)
print(len(torch.compile(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), backend="eager")))
try:
    torch.compile(3)
except AssertionError:
    print("AssertionError")

# a parametrized layer has a class of its own
print(type(nn.utils.parametrizations.weight_norm(nn.Linear(2, 2))))
