"""torch.fx: tracing, graphs and their text, code, rewriting, running step by step."""

import operator
import torch
import torch.fx
import torch.nn as nn
import torch.nn.functional as F
from torch.fx import symbolic_trace, Graph, GraphModule, Interpreter, Tracer, Transformer, replace_pattern


def told(call):
    try:
        print(call())
    except Exception as error:
        print(type(error).__module__, type(error).__name__, str(error)[:200])


torch.manual_seed(0)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3, 4)
        self.scale = nn.Parameter(torch.ones(4))
        self.register_buffer("shift", torch.zeros(4))
        self.blocks = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.drop = nn.Dropout(0.5)

    def forward(self, x, y: torch.Tensor = None, k: int = 2):
        h = torch.relu(self.linear(x))
        h = h * self.scale + self.shift
        h = self.blocks(h)
        h = F.relu(h)
        h = F.dropout(h, 0.2, self.training)
        h = h.view(-1, 4).clamp(min=0.0).t()
        a = h[0:2, 1]
        b = torch.cat([h, h], dim=1)
        c = -h / 2
        h.shape
        s = h.size(0)
        e = (h > 0) & (h < 1)
        return {
            "a": a.sum(),
            "b": b @ b.t(),
            "c": (c, e),
            "d": h.reshape(s, -1),
            "f": F.softmax(h, dim=-1),
            "g": 1 - h,
            "k": h**k,
        }


gm = symbolic_trace(Net())
print(gm.graph)
print(gm.code)
print(gm)
for n in gm.graph.nodes:
    print(
        n.op,
        n.name,
        n.target if isinstance(n.target, str) else getattr(n.target, "__name__", "?"),
        n.args,
        n.kwargs,
        [u.name for u in n.users],
        n.all_input_nodes,
    )
x = torch.randn(2, 3)
gm.eval()


class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x):
        return torch.add(self.fc(x), x).relu()


m = M()
g = symbolic_trace(m)
print(torch.equal(g(x), m(x)))
for n in g.graph.nodes:
    if n.target is torch.add:
        n.target = torch.mul
g.recompile()
print(g.code)
print(torch.equal(g(x), torch.relu(m.fc(x) * x)))
with g.graph.inserting_after(list(g.graph.nodes)[1]):
    new = g.graph.call_function(torch.sigmoid, (list(g.graph.nodes)[1],))
    print(new, new.op, new.format_node())
g.graph.lint()
print(g.graph)
g.graph.eliminate_dead_code()
print(g.graph)
gr = Graph()
a = gr.placeholder("x")
b = gr.call_function(operator.add, (a, 1))
c = gr.call_method("neg", (b,))
d = gr.get_attr("w")
gr.output((c, b))
print(gr)
told(lambda: gr.lint())


class Shapes(Interpreter):
    def run_node(self, n):
        r = super().run_node(n)
        print(n.op, n.name, tuple(r.shape) if isinstance(r, torch.Tensor) else type(r))
        return r


Shapes(symbolic_trace(m)).run(x)


class Swap(Transformer):
    def call_function(self, target, args, kwargs):
        if target is torch.add:
            return torch.sub(*args, **kwargs)
        return super().call_function(target, args, kwargs)


print(Swap(symbolic_trace(m)).transform().code)
g = symbolic_trace(lambda x: torch.relu(x + 1) * 2 + torch.relu(x + 1))
print(g.code)
ms = replace_pattern(g, lambda x: torch.relu(x + 1), lambda x: torch.sigmoid(x))
print(len(ms), g.code)
told(lambda: symbolic_trace(lambda x: x if x.sum() > 0 else -x))
told(lambda: symbolic_trace(lambda x: [i for i in x]))
told(lambda: symbolic_trace(lambda x: len(x)))
told(lambda: symbolic_trace(lambda x: int(x)))
told(lambda: symbolic_trace(lambda *a: a[0]).code)
told(lambda: symbolic_trace(lambda x, f: x + 1 if f else x, concrete_args={"f": True}).code)
told(lambda: symbolic_trace(lambda x: torch.zeros(2) + x).code)
told(lambda: symbolic_trace(lambda x: (lambda a, b: a + b)(*x.split(2))).code)
told(lambda: symbolic_trace(lambda x: x + torch.ones(2)).code)
from torch.fx.passes.shape_prop import ShapeProp

g = symbolic_trace(m)
ShapeProp(g).propagate(x)
for n in g.graph.nodes:
    print(n.name, n.meta["tensor_meta"].shape, n.meta["tensor_meta"].dtype)


@torch.fx.wrap
def helper(x, n):
    return x * n if n > 1 else x


print(symbolic_trace(lambda x: helper(x, 3)).code)


class Custom(Tracer):
    def is_leaf_module(self, m, qualname):
        return not isinstance(m, nn.Sequential) and super().is_leaf_module(m, qualname) and not isinstance(m, M)


outer = nn.Sequential(M(), nn.ReLU())
t = Custom()
print(t.trace(outer))
print(symbolic_trace(outer).code)
told(lambda: symbolic_trace(outer).get_submodule("0.fc"))
g = symbolic_trace(m)
print(type(g).__name__, type(g), list(g.state_dict()), g.training, [n for n, _ in g.named_modules()])
import copy

h = copy.deepcopy(g)
print(torch.equal(h(x), g(x)))
g.add_submodule("extra", nn.ReLU())
print(g.delete_submodule("extra"), g.delete_all_unused_submodules())
print(g.graph.find_nodes(op="call_module"), [n.name for n in reversed(g.graph.nodes)], len(g.graph.nodes))
n = list(g.graph.nodes)[1]
n.replace_all_uses_with(list(g.graph.nodes)[0])
g.graph.erase_node(n)
g.recompile()
print(g.code)
told(lambda: g.graph.erase_node(list(g.graph.nodes)[0]))
gg = GraphModule(m, g.graph, "Mine")
print(gg)
print(torch.fx.Graph().create_node("placeholder", "a").name)


# larger programs ------------------------------------------------------------------------------------------------------
import math


class Block(nn.Module):
    def __init__(s, i, o, stride=1):
        super().__init__()
        s.conv1 = nn.Conv2d(i, o, 3, stride, 1, bias=False)
        s.bn1 = nn.BatchNorm2d(o)
        s.relu = nn.ReLU(inplace=True)
        s.conv2 = nn.Conv2d(o, o, 3, 1, 1)
        s.down = nn.Sequential(nn.Conv2d(i, o, 1, stride), nn.BatchNorm2d(o)) if stride != 1 else None

    def forward(s, x):
        identity = x
        out = s.relu(s.bn1(s.conv1(x)))
        out = s.conv2(out)
        if s.down is not None:
            identity = s.down(x)
        out += identity
        return s.relu(out)


class Res(nn.Module):
    def __init__(s):
        super().__init__()
        s.layer1 = (
            nn.Sequential(Block(3, 4), Block(4, 8, 2))
            if 0
            else nn.Sequential(nn.Conv2d(3, 4, 1), Block(4, 4), Block(4, 8, 2))
        )
        s.avgpool = nn.AdaptiveAvgPool2d(1)
        s.fc = nn.Linear(8, 5)

    def forward(s, x):
        x = s.layer1(x)
        x = s.avgpool(x)
        x = torch.flatten(x, 1)
        return s.fc(x)


torch.manual_seed(0)
m = Res().eval()
g = symbolic_trace(m)
print(g.code)
print(g.graph)
x = torch.randn(2, 3, 8, 8)
print(torch.equal(g(x), m(x)))


def f(x, w, i):
    a = F.linear(x, w)
    b = F.gelu(a)
    c = F.layer_norm(b, (4,))
    d = F.log_softmax(c, -1)
    e = torch.einsum("ij,kj->ik", d, d)
    y = x.unsqueeze(1).expand(-1, 2, -1).permute(0, 2, 1).contiguous()
    z = torch.where(x > 0, x, torch.zeros_like(x))
    q, k = x.chunk(2, dim=-1)
    u = math.sqrt(2) * x
    n = F.max_pool2d(x[None], 2)
    p = F.pad(x, (1, 1))
    r = F.interpolate(x[None, None], scale_factor=2.0)
    s = F.conv2d(x[None, None], w[None, None])
    t = F.cross_entropy(x, i)
    v = F.embedding(i, w)
    h = torch.stack([x, x]).mean(0)
    l = torch.bmm(x[None], x[None].transpose(1, 2))
    o = F.scaled_dot_product_attention(x[None], x[None], x[None])
    aa = x.masked_fill(x > 0, float("-inf"))
    ab = torch.matmul(x, w.T)
    ac = x.data
    ae = torch.arange(4) + x
    af = x.to(torch.float64)
    ag = torch.ones(4, device=x.device) * x
    ah = x.norm(dim=1, keepdim=True)
    ai = F.normalize(x, dim=1)
    aj = F.adaptive_avg_pool2d(x[None], 1)
    x.shape[0]
    al = x.view(x.shape[0], -1)
    am = F.softplus(x)
    an = F.leaky_relu(x, 0.1)
    ao = F.batch_norm(x, None, None, training=True)
    ap = torch.sigmoid(x) ** 2
    aq = ~(x > 0)
    ar = abs(x)
    at = x.float().abs().max(dim=1)[0]
    x -= 1
    return (
        a,
        b,
        c,
        d,
        e,
        y,
        z,
        q,
        k,
        u,
        n,
        p,
        r,
        s,
        t,
        v,
        h,
        l,
        o,
        aa,
        ab,
        ac,
        ae,
        af,
        ag,
        ah,
        ai,
        aj,
        al,
        am,
        an,
        ao,
        ap,
        aq,
        ar,
        at,
        x,
    )


told(lambda: symbolic_trace(f).code)
told(lambda: symbolic_trace(f).graph)


class T(nn.Module):
    def __init__(s):
        super().__init__()
        s.enc = nn.TransformerEncoderLayer(8, 2, 16)
        s.emb = nn.Embedding(5, 8)
        s.lstm = nn.LSTM(8, 4)
        s.layers = nn.ModuleList([nn.Linear(4, 4) for _ in range(2)])
        s.w = nn.ParameterList([nn.Parameter(torch.ones(4))])
        s.d = nn.ModuleDict({"a": nn.Tanh()})

    def forward(s, x):
        h, _ = s.lstm(s.enc(s.emb(x)))
        for l in s.layers:
            h = l(h)
        return s.d["a"](h * s.w[0])


told(lambda: symbolic_trace(T()).code)
told(lambda: symbolic_trace(nn.Sequential(nn.Linear(1, 1))).print_readable())
