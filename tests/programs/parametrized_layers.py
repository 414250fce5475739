"""Weight and spectral norm, orthogonal maps, one's own parametrizations, pruning; what they print and refuse."""

import copy
import warnings

import torch
import torch.nn as nn
import torch.nn.utils.parametrize as parametrize
import torch.nn.utils.prune as prune
from torch.nn.utils import (
    parameters_to_vector,
    parametrizations,
    vector_to_parameters,
    clip_grad_value_,
    get_total_norm,
)

torch.manual_seed(3)
lin = parametrizations.weight_norm(nn.Linear(4, 3), name="weight", dim=0)
print(lin)
print([n for n, _ in lin.named_parameters()], type(lin).__name__, isinstance(lin, nn.Linear))
print(list(lin.state_dict()))
g, v = lin.parametrizations.weight.original0, lin.parametrizations.weight.original1
print(torch.allclose(lin.weight, g * v / v.norm(dim=1, keepdim=True)), g.shape)
lin(torch.ones(2, 4)).sum().backward()
print(f"{g.grad.norm():.4f} {v.grad.norm():.4f}")
print(parametrize.is_parametrized(lin), parametrize.is_parametrized(lin, "bias"))
parametrize.remove_parametrizations(lin, "weight")
print(lin, type(lin.weight).__name__)
sn = parametrizations.spectral_norm(nn.Linear(5, 4), n_power_iterations=3)
print(sn)
for _ in range(20):
    sn.weight
print(f"{torch.linalg.matrix_norm(sn.weight, 2):.3f}", [n for n, _ in sn.named_buffers()])
orth = parametrizations.orthogonal(nn.Linear(4, 4), orthogonal_map="householder")
print(f"{(orth.weight @ orth.weight.T - torch.eye(4)).abs().max() < 1e-5}")
orth2 = parametrizations.orthogonal(nn.Linear(3, 3, bias=False), orthogonal_map="matrix_exp")
print(orth2)


class Symmetric(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).transpose(-1, -2)

    def right_inverse(self, A):
        return A.triu()


class Scaled(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s

    def forward(self, X):
        return X * self.s

    def right_inverse(self, X):
        return X / self.s

    def extra_repr(self):
        return f"s={self.s}"


layer = nn.Linear(3, 3)
parametrize.register_parametrization(layer, "weight", Symmetric())
parametrize.register_parametrization(layer, "weight", Scaled(2.0))
print(layer)
print(torch.equal(layer.weight, layer.weight.T), layer.parametrizations.weight[0], len(layer.parametrizations.weight))
layer.weight = torch.arange(9.0).reshape(3, 3)
print(layer.weight)
print(layer.parametrizations.weight.original)
with parametrize.cached():
    print(layer.weight is layer.weight)
print(layer.weight is layer.weight)
c = copy.deepcopy(layer)
print(torch.equal(c.weight, layer.weight), type(c).__name__)
try:
    layer.weight = torch.ones(2)
except Exception as e:
    print(type(e).__name__, e)


class Grow(nn.Module):
    def forward(self, X):
        return torch.cat([X, X])


for f in (
    lambda: parametrize.register_parametrization(nn.Linear(2, 2), "weight", Grow()),
    lambda: parametrize.register_parametrization(nn.Linear(2, 2), "nope", Grow()),
    lambda: parametrize.remove_parametrizations(nn.Linear(2, 2), "weight"),
    lambda: parametrizations.orthogonal(nn.Linear(2, 2), "other"),
    lambda: parametrizations.weight_norm(nn.ReLU()),
    lambda: nn.utils.remove_weight_norm(nn.Linear(1, 1)),
    lambda: nn.utils.remove_spectral_norm(nn.Linear(1, 1)),
):
    try:
        print(f())
    except Exception as e:
        print(type(e).__name__, e)
with warnings.catch_warnings(record=True) as ws:
    warnings.simplefilter("always")
    old = nn.utils.weight_norm(nn.Linear(2, 2))
    nn.utils.remove_weight_norm(old)
print([(w.category.__name__, str(w.message)) for w in ws], old)

# pruning
net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 2))
prune.l1_unstructured(net[0], "weight", amount=0.5)
prune.ln_structured(net[2], "weight", amount=2, n=2, dim=1)
prune.random_unstructured(net[0], "bias", amount=2)
print([n for n, _ in net.named_parameters()], [n for n, _ in net.named_buffers()])
print(net[0].weight_mask, net[2].weight_mask, net[0].bias_mask.sum())
print(prune.is_pruned(net), len(net[0]._forward_pre_hooks))
prune.l1_unstructured(net[0], "weight", amount=0.5)
hook = [h for h in net[0]._forward_pre_hooks.values() if h._tensor_name == "weight"][0]
print(type(hook).__name__, [type(h).__name__ for h in hook])
print(f"sparsity {100 * float((net[0].weight == 0).sum()) / net[0].weight.nelement():.1f}%")
prune.remove(net[0], "weight")
prune.remove(net[0], "bias")
print(list(net.state_dict()))
prune.global_unstructured([(net[0], "weight"), (net[0], "bias")], pruning_method=prune.L1Unstructured, amount=0.8)
print((net[0].weight == 0).sum(), (net[0].bias == 0).sum())


class Threshold(prune.BasePruningMethod):
    PRUNING_TYPE = "unstructured"

    def __init__(self, t):
        self.t = t

    def compute_mask(self, t, default_mask):
        return default_mask * (t.abs() > self.t)


Threshold.apply(net[2], "bias", t=0.1)
print(net[2].bias_mask)
for f in (
    lambda: prune.l1_unstructured(nn.Linear(2, 2), "weight", amount=1.5),
    lambda: prune.l1_unstructured(nn.Linear(2, 2), "weight", amount=99),
    lambda: prune.remove(nn.Linear(2, 2), "weight"),
    lambda: prune.random_structured(nn.Linear(2, 2), "weight", 0.5, dim=4),
    lambda: prune.custom_from_mask(nn.Linear(1, 2), "weight", torch.tensor([[1], [0]])).weight_mask,
    lambda: prune.identity(nn.Linear(2, 2), "weight"),
    lambda: prune.l1_unstructured(nn.Linear(2, 2), "weight", amount="x"),
):
    try:
        print(f())
    except Exception as e:
        print(type(e).__name__, e)
vec = parameters_to_vector(nn.Linear(2, 1, bias=False).parameters())
print(vec.shape, vec.requires_grad)
target = nn.Linear(2, 2)
vector_to_parameters(torch.arange(6.0), target.parameters())
print(target.weight, target.bias)
target(torch.ones(1, 2)).sum().backward()
print(
    nn.utils.clip_grad_norm_(target.parameters(), 1.0, norm_type=float("inf")),
    get_total_norm([p.grad for p in target.parameters()]),
)
clip_grad_value_(target.parameters(), 0.5)
print(target.weight.grad, nn.utils.clip_grad_norm_([], 1.0))
