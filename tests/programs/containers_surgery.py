"""Containers, routing, state_dict surgery, deepcopy and pickle of models, buffers, errors of load_state_dict."""

import copy
import io
import pickle
from collections import OrderedDict

import torch
import torch.nn as nn

torch.manual_seed(0)


class Experts(nn.Module):
    def __init__(self, dim=4, names=("relu", "tanh")):
        super().__init__()
        self.blocks = nn.ModuleDict(
            {n: nn.Sequential(nn.Linear(dim, dim), getattr(nn, {"relu": "ReLU", "tanh": "Tanh"}[n])()) for n in names}
        )
        self.scales = nn.ParameterDict({n: nn.Parameter(torch.full((1,), float(i + 1))) for i, n in enumerate(names)})
        self.biases = nn.ParameterList([nn.Parameter(torch.zeros(dim)) for _ in names])
        self.heads = nn.ModuleList(nn.Linear(dim, 2, bias=i % 2 == 0) for i in range(2))
        self.register_buffer("steps", torch.tensor(0))
        self.register_buffer("cache", torch.zeros(3), persistent=False)
        self.register_parameter("missing", None)
        self.name = "experts"

    def forward(self, x, route):
        self.steps += 1
        h = self.blocks[route](x) * self.scales[route] + self.biases[0]
        return torch.stack([head(h) for head in self.heads]).mean(0)

    def extra_repr(self):
        return f"name={self.name}, steps={self.steps.item()}"


m = Experts()
print(m)
print(m.scales)
print(m.biases)
print(list(m.blocks.keys()), "relu" in m.blocks, len(m.heads), len(m.scales), [k for k, v in m.blocks.items()])
print([n for n, _ in m.named_parameters()])
print([n for n, _ in m.named_buffers()], [n for n, _ in m.named_modules()][:6])
print(list(m.state_dict()))
x = torch.randn(3, 4)
print(m(x, "relu"))
print(m(x, "tanh").shape, m.steps)
try:
    m(x, "gelu")
except KeyError as e:
    print("KeyError:", e)
sd = m.state_dict()
sd2 = OrderedDict((k.replace("blocks.", "layers."), v) for k, v in sd.items())
try:
    m.load_state_dict(sd2)
except RuntimeError as e:
    print(e)
print(m.load_state_dict(sd2, strict=False))
sd3 = dict(sd)
sd3["heads.0.weight"] = torch.zeros(5, 4)
sd3["steps"] = 3
try:
    m.load_state_dict(sd3, strict=False)
except RuntimeError as e:
    print(e)
try:
    m.load_state_dict([1, 2])
except TypeError as e:
    print("TypeError:", e)
partial = {k: v for k, v in sd.items() if k.startswith("heads")}
r = m.load_state_dict(partial, strict=False)
print(len(r.missing_keys), r.unexpected_keys, r.missing_keys[0])
c = copy.deepcopy(m)
with torch.no_grad():
    c.scales["relu"].mul_(10)
print(m.scales["relu"].item(), c.scales["relu"].item(), c.steps is m.steps)
b = io.BytesIO(pickle.dumps(m.heads))
h = pickle.load(b)
print(h, torch.equal(h[0].weight, m.heads[0].weight), h[0].weight.requires_grad)
m.heads.append(nn.Linear(4, 2))
m.heads.insert(1, nn.Identity())
print(m.heads[:2], m.heads[-1])
m.heads[1] = nn.Linear(4, 2, bias=False)
del m.heads[0]
print(m.heads)
m.blocks.update({"id": nn.Identity()})
print(m.blocks.pop("tanh"), list(m.blocks))
m.scales["new"] = torch.ones(2)
m.scales.update({"b": nn.Parameter(torch.zeros(1))})
print(m.scales, m.biases[-1:], type(m.scales["new"]).__name__)
m.biases.extend([torch.ones(2)])
print(m.biases, len(m.biases))
for f in (
    lambda: m.register_buffer("steps", torch.zeros(1)),
    lambda: m.register_parameter("a.b", None),
    lambda: m.register_buffer("", None),
    lambda: m.add_module("x", 3),
    lambda: setattr(m, "steps", 3),
    lambda: setattr(m, "missing", torch.ones(1)),
    lambda: m.undefined,
    lambda: m.heads[10],
    lambda: nn.Sequential(nn.ReLU(), "relu"),
    lambda: m.get_submodule("blocks.nope"),
    lambda: m.get_parameter("steps"),
    lambda: m.register_parameter("p", torch.ones(1)),
    lambda: nn.ModuleList([1]),
    lambda: m.get_parameter("heads.0.weight").shape,
    lambda: nn.Linear(2, 2)(torch.ones(3)),
    lambda: m.to(torch.int32),
    lambda: m.requires_grad_(False).training,
    lambda: m.half().heads[0].weight.dtype,
    lambda: nn.Module().forward(1),
    lambda: nn.Module()(1),
):
    try:
        print(f())
    except Exception as e:
        print(type(e).__name__, e)
seq = nn.Sequential(nn.Linear(2, 3), nn.ReLU()) + nn.Sequential(nn.Linear(3, 1))
seq.append(nn.Sigmoid())
print(seq, len(seq), seq[-2:], seq[0] in list(seq))
seq.pop(1)
print([type(l).__name__ for l in seq * 2])


class Old(nn.Module):
    _version = 2

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.ones(2))
        self.register_load_state_dict_post_hook(lambda mod, keys: print("post", keys))
        self._register_state_dict_hook(lambda mod, d, prefix, meta: d.update({prefix + "tag": torch.tensor(7)}))

    def _load_from_state_dict(self, d, prefix, meta, strict, missing, unexpected, errors):
        print("version", meta.get("version"), "keys", sorted(d))
        if prefix + "old_w" in d:
            d[prefix + "w"] = d.pop(prefix + "old_w")
        d.pop(prefix + "tag", None)
        super()._load_from_state_dict(d, prefix, meta, strict, missing, unexpected, errors)


o = nn.Sequential(Old())
s = o.state_dict()
print(s, s._metadata)
s["0.old_w"] = s.pop("0.w") * 3
print(o.load_state_dict(s), o[0].w)
print(sum(p.numel() for p in m.parameters()), sum(p.numel() for p in m.parameters() if p.requires_grad))
