"""What objects say they are: classes, names, pickles and errors that name them."""

import torch
import torch.nn as nn
import pickle
import copy
import inspect
import typing
import torch.nn.utils.prune
import torch.optim.swa_utils
from torch.utils.data import DataLoader, RandomSampler, Subset

m = nn.Sequential(nn.Linear(2, 2))
for o in (
    torch.optim.lr_scheduler.StepLR,
    torch.device("cpu"),
    torch.Size,
    torch.float32,
    torch.Size([1]),
    torch.max(torch.ones(2, 2), 0),
    torch.nn.Linear,
    torch.distributions.Normal,
    DataLoader,
    Subset,
    RandomSampler,
    torch.optim.Adam,
    nn.utils.rnn.PackedSequence,
    torch.autograd.Function,
    torch.optim.swa_utils.AveragedModel,
    nn.Parameter,
    torch.nn.utils.prune.L1Unstructured,
    nn.Module,
    torch.ones(2),
    m,
    m[0],
    m.parameters(),
    m.state_dict(),
    nn.ModuleList(),
    nn.ParameterList(),
    torch.optim.SGD(m.parameters()),
    torch.sort(torch.ones(2)),
    nn.Transformer,
    nn.LSTM,
    nn.CrossEntropyLoss(),
    nn.init,
    torch.optim.lr_scheduler.ReduceLROnPlateau,
    torch.optim.lr_scheduler.OneCycleLR,
    torch.Generator(),
):
    print(o if isinstance(o, type) or "module" in str(type(o)) and "nn.init" in str(o)[:20] else type(o))
for k in (m, torch.ones(2), torch.optim.SGD(m.parameters()), torch.float32, torch.device("cpu"), torch.Size([1])):
    print(type(k).__module__, type(k).__name__, type(k).__qualname__)
x = pickle.loads(
    pickle.dumps((m, torch.float32, torch.bfloat16, torch.Size([2]), torch.device("cpu"), nn.Parameter(torch.ones(2))))
)
print(x)
print(copy.deepcopy(m), isinstance(x[0], nn.Sequential), type(x[0]) is nn.Sequential)
torch.save(m, "m.pt")
print(torch.load("m.pt", weights_only=False))
print({type(k).__name__: k for k in m.modules()}, [str(type(k)) for k in m.modules()])
try:
    m.add_module("x", 3)
except TypeError as e:
    print(e)
try:
    m[0].weight = torch.ones(2)
except TypeError as e:
    print(e)
try:
    nn.ModuleList([3])
except TypeError as e:
    print(e)
try:
    torch.optim.SGD(torch.ones(2), lr=1)
except TypeError as e:
    print(e)
print("def forward" in inspect.getsource(nn.Linear), inspect.getfile(nn.Linear).endswith("linear.py"))


class Typed(nn.Module):
    width: "int"


print(typing.get_type_hints(Typed)["width"], typing.get_type_hints(nn.Linear)["in_features"])
for dtype in (None, torch.int):
    try:
        torch.arange(3).mean(dtype=dtype)
    except RuntimeError as e:
        print(e)
