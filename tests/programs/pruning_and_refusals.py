"""Pruned and parametrized layers, state dicts that do not fit, and what PyTorch refuses to do."""

import torch
import torch.nn as nn
import torch.nn.functional as F
import copy
import torch.nn.utils.prune as prune
import torch.nn.utils.parametrize as P

torch.manual_seed(0)
net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))
prune.l1_unstructured(net[0], name="weight", amount=0.3)
prune.random_unstructured(net[2], name="bias", amount=1)
print(list(net[0].named_buffers())[0][1].sum(), [n for n, _ in net[0].named_parameters()])
prune.ln_structured(net[0], "weight", amount=0.5, n=2, dim=0)
print(torch.sum(net[0].weight == 0).item(), prune.is_pruned(net))
for h in net[0]._forward_pre_hooks.values():
    print(type(h).__name__, h._tensor_name)
prune.remove(net[0], "weight")
print(prune.is_pruned(net[0]), list(net[0].state_dict()))
prune.global_unstructured([(net[0], "weight"), (net[2], "weight")], pruning_method=prune.L1Unstructured, amount=0.2)
print({n: round((m.weight == 0).float().mean().item(), 3) for n, m in net.named_modules() if isinstance(m, nn.Linear)})


class Sym(nn.Module):
    def forward(s, X):
        return X.triu() + X.triu(1).transpose(-1, -2)

    def right_inverse(s, A):
        return A.triu()


class Scale(nn.Module):
    def forward(s, x):
        return 2 * x


l = nn.Linear(3, 3)
P.register_parametrization(l, "weight", Sym())
print(l, torch.allclose(l.weight, l.weight.T))
P.register_parametrization(l, "weight", Scale()) if False else None
with P.cached():
    print(l(torch.ones(1, 3)).shape, P.is_parametrized(l, "weight"))
l.weight = torch.eye(3)
print(l.weight, [n for n, _ in l.named_parameters()])
P.remove_parametrizations(l, "weight")
print(type(l).__name__, l)
sn = nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4))
o = nn.utils.parametrizations.orthogonal(nn.Linear(4, 4))
wn = nn.utils.parametrizations.weight_norm(nn.Linear(4, 2))
print(sn)
print((o.weight @ o.weight.T - torch.eye(4)).abs().max() < 1e-5, sorted(wn.state_dict()))
print(torch.linalg.matrix_norm(sn.weight, 2) < 1.6)
# state dict surgery
src = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
sd = {"module." + k: v for k, v in src.state_dict().items()}
dst = copy.deepcopy(src)
try:
    dst.load_state_dict(sd)
except RuntimeError as e:
    print(e)
print(dst.load_state_dict({k.removeprefix("module."): v for k, v in sd.items() if "running" not in k}, strict=False))
try:
    dst.load_state_dict({"0.weight": torch.zeros(3, 2)}, strict=False)
except RuntimeError as e:
    print(e)
for bad in (
    lambda: nn.Linear(2, 2)(torch.ones(3, 5)),
    lambda: nn.Conv2d(1, 1, 3)(torch.ones(1, 2, 5, 5)),
    lambda: torch.cat([torch.ones(2, 2), torch.ones(3, 3)]),
    lambda: torch.ones(2, 3) @ torch.ones(2, 3),
    lambda: torch.zeros(3)[5],
    lambda: nn.CrossEntropyLoss()(torch.ones(2, 3), torch.tensor([0, 7])),
    lambda: F.nll_loss(torch.ones(2, 3), torch.ones(2)),
    lambda: nn.Embedding(3, 2)(torch.tensor([5])),
    lambda: nn.BatchNorm1d(3)(torch.ones(1, 3)),
    lambda: torch.tensor([1, 2]).mean(),
    lambda: torch.ones(2, requires_grad=True).numpy(),
    lambda: torch.ones(3).view(2, 2),
    lambda: nn.LSTM(3, 4)(torch.ones(2, 2, 5)),
    lambda: torch.stack([torch.ones(1), torch.ones(2)]),
    lambda: torch.ones(2).backward(),
    lambda: torch.randint(0, 1, (2,)).requires_grad_(),
    lambda: net.nothing,
    lambda: torch.ones(3).to("cuda"),
    lambda: nn.MultiheadAttention(5, 2),
    lambda: F.softmax(torch.ones(2), dim=3),
    lambda: torch.tensor([[1, 2], [3]]),
    lambda: nn.Transformer(d_model=6, nhead=4),
    lambda: torch.einsum("ij,jk", torch.ones(2, 3), torch.ones(2, 3)),
    lambda: torch.optim.SGD([], lr=0.1),
    lambda: torch.optim.Adam(net.parameters(), lr=-1),
    lambda: torch.utils.data.DataLoader([1], batch_size=0),
):
    try:
        print(bad())
    except Exception as e:
        print(type(e).__name__, "|", e)
print(
    type(torch.ones(1)),
    type(nn.Parameter(torch.ones(1))),
    isinstance(nn.Parameter(torch.ones(1)), torch.Tensor),
    type(torch.float32),
    type(torch.Size([1])),
    type(net),
    torch.ones(1).type(),
    isinstance(torch.ones(1), torch.FloatTensor),
    type(torch.device("cpu")),
    torch.ones(2).is_leaf,
    repr(torch.device("cpu")),
    type(net.parameters()),
    type(net.state_dict()),
    type(torch.Generator()),
    torch.is_tensor(3),
)
