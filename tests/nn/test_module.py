"""Module and Parameter: each case is one program, run with torch and with microtorch."""

from __future__ import annotations

import copy
import pickle
import time
from typing import Any

import pytest

import microtorch
from tests.nn.cases import check, programs

nn = microtorch.nn

MODEL = """
nn = torch.nn
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(2, 3)
        self.shared = self.a
        self.inner = nn.Sequential(nn.ReLU(), nn.Linear(3, 1, bias=False))
        self.scale = nn.Parameter(torch.tensor([2.0]))
        self.register_buffer('count', torch.zeros(2))
        self.register_buffer('hidden', torch.ones(1), persistent=False)
        self.register_buffer('none', None)
        self.register_parameter('nothing', None)
        self.log = []
    def forward(self, x, factor=1):
        return self.inner(self.a(x)) * self.scale * factor
m = Net()
x = torch.tensor([[1.0, -2.0], [0.5, 4.0]])
log = []
def note(name, value=None):
    return lambda *args, **kwargs: log.append((name, [type(a).__name__ for a in args], sorted(kwargs))) or value
"""

MEMBERS = """
[n for n, _ in m.named_parameters()]
[n for n, _ in m.named_parameters(prefix='p', recurse=False)]
[n for n, _ in m.named_parameters(remove_duplicate=False)]
[n for n, _ in m.named_buffers()]
[n for n, _ in m.named_buffers('q', recurse=False)]
[n for n, _ in m.named_children()]
[n for n, _ in m.named_modules()]
[n for n, _ in m.named_modules(prefix='z', remove_duplicate=False)]
len(list(m.parameters())), len(list(m.buffers())), len(list(m.children())), len(list(m.modules()))
[type(c).__name__ for c in m.modules()]
list(m.state_dict()), list(m.state_dict(prefix='m.')), str(m.state_dict()._metadata)
[p.requires_grad for p in m.state_dict(keep_vars=True).values()], [p.requires_grad for p in m.state_dict().values()]
type(m.state_dict()).__name__, m.state_dict()['scale'].data_ptr() == m.scale.data_ptr()
repr(m)
m.get_submodule('inner.1').in_features, m.get_parameter('inner.1.weight').shape, m.get_buffer('count')
m.get_submodule('') is m
m.get_submodule('inner.nope')
m.get_submodule('scale')
m.get_parameter('a.nope')
m.get_parameter('count')
m.get_buffer('scale')
m.get_buffer('nope.x')
m.set_submodule('inner.0', nn.Tanh()), repr(m.inner)
m.set_submodule('', nn.Tanh())
m.set_submodule('b', nn.Tanh(), strict=True)
m.set_submodule('scale', nn.Tanh())
m.set_submodule('a', 3)
[k for k in dir(m) if k in ('a', 'scale', 'count', 'forward', 'log', 'nothing', '0')]
'1' in dir(m.inner), m._get_name(), m.training, m.extra_repr()
m(x)
m(x, factor=3).shape
m.nope
m.a.weight.nope
nn.Module()(x)
nn.Module(1)
nn.Module(a=1)
m.apply(lambda s: log.append(type(s).__name__)) is m, log
m.train(False).training, m.inner[0].training, m.eval() is m
m.train('yes')
m.requires_grad_(False) is m, [p.requires_grad for p in m.parameters()]
m(x).sum().backward(), m.zero_grad(), [p.grad for p in m.parameters()]
m(x).sum().backward(), m.zero_grad(set_to_none=False), [p.grad.abs().sum() for p in m.parameters()]
m.double()(x.double()).dtype, m.count.dtype, m.half().scale.dtype, m.float().scale.dtype
m.to(torch.float64).scale.dtype, m.to(x).scale.dtype, m.to('cpu') is m, m.to(device='cpu', dtype=torch.float64).count.dtype
m.to(torch.int32)
m.to('foo')
c = nn.Conv2d(2, 3, 3).to(memory_format=torch.channels_last); c.weight.stride(), c.bias.stride(), c.reset_parameters(), c.weight
m.to(memory_format=torch.channels_last) is m
m.to(torch.float64, non_blocking=True).count.dtype
m.type(torch.float64).scale.dtype
m.to('cpu', copy=True)
m.to(copy=False)
m.to('cpu', True)
m.to(None, True)
m.to([])
m.to({}, non_blocking=True)
m.to('cpu', x)
m.to('cpu', dtype=torch.int64, non_blocking=True)
torch._C._nn._parse_to('cpu', torch.float16, True, memory_format=torch.channels_last)
torch._C._nn._parse_to(torch.ones(1).double())
torch._C._nn._parse_to(copy=True)
m.cpu() is m, m.share_memory() is m
h = m.register_forward_hook(print); h.id in h.hooks_dict_ref(), len(h.hooks_dict_ref()), h.remove(), len(h.hooks_dict_ref())
m.to_empty(device='cpu') is m
m.half().bfloat16 and m.scale.dtype
"""

SETTING = """
m.w = nn.Parameter(torch.ones(2)); [n for n, _ in m.named_parameters(recurse=False)]
m.scale = None; m.scale, list(m._parameters)
m.scale = torch.ones(1)
m.scale = 'a'
m.a = None; m.a, list(m._modules)
m.a = torch.ones(1)
m.a = nn.Parameter(torch.ones(1)); sorted(m._modules), sorted(m._parameters)
m.scale = nn.ReLU(); sorted(m._modules), sorted(m._parameters)
m.count = torch.full((3,), 4.0); m.count, list(m.state_dict())
m.count = nn.Parameter(torch.ones(1)); sorted(m._buffers), sorted(m._parameters)
m.count = 'a'
m.count = None; list(m.state_dict())
m.hidden = torch.zeros(5); 'hidden' in m.state_dict(), m.hidden
m.t = torch.ones(1); 't' in m._buffers, 't' in m.__dict__
m.b = nn.Buffer(torch.ones(2)); list(m._buffers), list(m.state_dict())
m.b = nn.Buffer(torch.ones(2), persistent=False); list(m._buffers), 'b' in m.state_dict()
m.log = nn.Parameter(torch.ones(1)); 'log' in m.__dict__, 'log' in m._parameters
del m.scale; hasattr(m, 'scale')
del m.a; hasattr(m, 'a'), hasattr(m, 'shared')
del m.count; hasattr(m, 'count')
del m.log; hasattr(m, 'log')
del m.nope
m.register_buffer('a.b', torch.ones(1))
m.register_buffer('', torch.ones(1))
m.register_buffer('log', torch.ones(1))
m.register_buffer(3, torch.ones(1))
m.register_buffer('z', 3)
m.register_buffer('z', nn.Linear(1, 1))
m.register_parameter('a.b', nn.Parameter(torch.ones(1)))
m.register_parameter('', nn.Parameter(torch.ones(1)))
m.register_parameter('log', nn.Parameter(torch.ones(1)))
m.register_parameter(3, nn.Parameter(torch.ones(1)))
m.register_parameter('z', torch.ones(1))
m.register_parameter('z', nn.Parameter(torch.ones(1)) * 2)
m.register_parameter('z', 'x')
m.add_module('a.b', nn.ReLU())
m.add_module('', nn.ReLU())
m.add_module('log', nn.ReLU())
m.add_module(3, nn.ReLU())
m.add_module('z', 3)
m.add_module('z', None); m.z, [n for n, _ in m.named_children()]
m.register_module('z', nn.Tanh()); repr(m.z)
nn.Module.__new__(nn.Linear).x
setattr(nn.Module.__new__(nn.Linear), 'x', nn.Parameter(torch.ones(1)))
setattr(nn.Module.__new__(nn.Linear), 'x', nn.ReLU())
nn.Module.__new__(nn.Linear).register_buffer('x', None)
nn.Module.__new__(nn.Linear).register_parameter('x', None)
nn.Module.__new__(nn.Linear)(x)
"""

LOADING = """
m.load_state_dict(Net().state_dict())
repr(m.load_state_dict(Net().state_dict())), m.load_state_dict({}, strict=False)
m.load_state_dict({})
m.load_state_dict({'zzz': x, 'scale': x, 'a.weight': torch.ones(3, 2), 'inner.1.what': x, 'a.x.y': x})
m.load_state_dict({'zzz': x, 'scale': torch.ones(1)}, strict=False)
m.load_state_dict({'scale': 3.0}, strict=False)
m.load_state_dict({'scale': torch.tensor(5.0)}, strict=False)
m.load_state_dict([1])
m.scale = nn.Parameter(torch.tensor(1.0)); m.load_state_dict({'scale': torch.ones(1) * 7}, strict=False); m.scale
o = Net(); m.load_state_dict(o.state_dict()); torch.equal(o.a.weight, m.a.weight), m.a.weight is o.a.weight
s = Net().state_dict(); m.load_state_dict(s, assign=True); m.a.weight.data_ptr() == s['a.weight'].data_ptr(), m.scale, m.count.requires_grad
s = Net().double().state_dict(); m.load_state_dict(s); m.a.weight.dtype
s = Net().double().state_dict(); m.load_state_dict(s, assign=True); m.a.weight.dtype, m.a.weight.requires_grad
m.get_extra_state = None; list(m.state_dict())
m.register_state_dict_pre_hook(note('pre')); m.state_dict(); log
m.register_state_dict_post_hook(note('post')); m.state_dict(); log
m.register_state_dict_post_hook(note('post', 3)); m.state_dict()
m._register_state_dict_hook(lambda mod, sd, prefix, meta: {'all': 1}); m.state_dict()
m.a._register_state_dict_hook(lambda mod, sd, prefix, meta: sd.pop(prefix + 'bias') and None); list(m.state_dict())
m.register_load_state_dict_pre_hook(note('pre')); m.load_state_dict(Net().state_dict()); log
m._register_load_state_dict_pre_hook(note('pre')); m.load_state_dict(Net().state_dict()); log
m.register_load_state_dict_post_hook(lambda mod, keys: keys.missing_keys.clear()); m.load_state_dict({})
m.register_load_state_dict_post_hook(note('post', 3)); m.load_state_dict({})
d = {}; m.state_dict(destination=d, prefix='x.'); list(d)
list(m.state_dict({}, 'y.', True))
bn = nn.BatchNorm1d(2); s = bn.state_dict(); del s['num_batches_tracked']; bn.load_state_dict(s)
bn = nn.BatchNorm1d(2); s = bn.state_dict(); s._metadata.clear(); del s['num_batches_tracked']; bn.load_state_dict(s)
"""

EXTRA = """
class E(nn.Module):
    def __init__(self, value):
        super().__init__()
        self.value = value
    def get_extra_state(self):
        return {'value': self.value}
    def set_extra_state(self, state):
        self.value = state['value']
e = E(1)
"""

HOOKS = """
m.register_forward_hook(note('f')); m(x, factor=2); log
m.register_forward_hook(note('f', x)); m(x, factor=2)
m.register_forward_hook(note('f'), with_kwargs=True); m(x, factor=2); log
m.register_forward_pre_hook(note('p')); m(x, factor=2); log
m.register_forward_pre_hook(note('p', x * 2)); m(x, factor=2)
m.register_forward_pre_hook(note('p', (x * 2, 3))); m(x)
m.register_forward_pre_hook(note('p', ((x,), {'factor': 0})), with_kwargs=True); m(x, factor=2)
m.register_forward_pre_hook(note('p', 3), with_kwargs=True); m(x, factor=2)
h = m.register_forward_hook(note('f')); h.remove(); h.remove(); m(x); log
m.register_forward_hook(note('1')); m.register_forward_hook(note('2'), prepend=True); m(x); log
m.register_forward_pre_hook(note('1')); m.register_forward_pre_hook(note('2'), prepend=True); m(x); log
m.register_forward_hook(note('f'), always_call=True); m('wrong')
m.register_forward_hook(note('f'), always_call=True); exec('try: m("wrong")\\nexcept Exception: pass'); log
m.register_full_backward_hook(note('b')); m(x.requires_grad_()).sum().backward(); log, x.grad
m.register_full_backward_hook(note('b')); m(x).sum().backward(); log
m.register_full_backward_hook(lambda mod, gi, go: (gi[0] * 10,)); m(x.requires_grad_()).sum().backward(); x.grad
m.register_full_backward_hook(lambda mod, gi, go: (gi[0], gi[0])); m(x.requires_grad_()).sum().backward(); x.grad
m.register_full_backward_pre_hook(note('q')); m(x.requires_grad_()).sum().backward(); log
m.register_full_backward_pre_hook(lambda mod, go: (go[0] * 3,)); m(x.requires_grad_()).sum().backward(); x.grad
m.register_full_backward_pre_hook(lambda mod, go: (go[0] * 3,) * 2); m(x.requires_grad_()).sum().backward()
m.inner[0].register_full_backward_hook(lambda mod, gi, go: log.append((gi, go))); m(x).sum().backward(); log
m.register_backward_hook(note('b')); m(x.requires_grad_()).sum().backward(); log
m.register_backward_hook(note('b')); m.register_full_backward_hook(note('b'))
m.register_full_backward_hook(note('b')); m.register_backward_hook(note('b'))
m.register_full_backward_hook(note('b')); m(x.requires_grad_())
m.register_full_backward_hook(note('b')); m(x.requires_grad_()).add_(1)
m.register_full_backward_hook(note('b')); torch.autograd.grad(m(x.requires_grad_()).sum(), x); log
m.register_full_backward_hook(note('b')); y, = torch.autograd.grad((m(x.requires_grad_())**2).sum(), x, create_graph=True); y.sum().backward(); log
i = nn.Identity(); i.register_full_backward_hook(lambda *a: log.append(a[1:])); y = i(x); log
h = nn.modules.module.register_module_forward_hook(note('g')); m(x); h.remove(); m(x); log
h = nn.modules.module.register_module_forward_pre_hook(note('g')); m(x); h.remove(); m(x); log
h = nn.modules.module.register_module_full_backward_hook(note('g')); m(x).sum().backward(); h.remove(); m(x).sum().backward(); log
h = nn.modules.module.register_module_full_backward_pre_hook(note('g')); m(x).sum().backward(); h.remove(); log
h = nn.modules.module.register_module_parameter_registration_hook(note('g')); Net(); h.remove(); log
h = nn.modules.module.register_module_buffer_registration_hook(note('g')); Net(); h.remove(); log
h = nn.modules.module.register_module_module_registration_hook(note('g')); Net(); h.remove(); log
"""

PARAMETERS = """
nn.Parameter(torch.ones(2))
repr(nn.Parameter(torch.ones(2), requires_grad=False)), str(nn.Parameter()), f'{nn.Parameter(torch.ones(2))}'
nn.Parameter(torch.tensor([1, 2]))
nn.Parameter(torch.tensor([1, 2]), requires_grad=False).dtype
nn.Parameter([1.0])
isinstance(nn.Parameter(), torch.Tensor), isinstance(torch.ones(1), nn.Parameter), type(nn.Parameter().data).__name__
type(nn.Parameter(torch.ones(1)) * 2).__name__, type(nn.Parameter(torch.ones(1)).detach()).__name__
p = nn.Parameter(torch.ones(2)); p.sum().backward(); p.grad, p.is_leaf, p.grad_fn
t = torch.ones(2); p = nn.Parameter(t); t[0] = 5; p.data
p = nn.Parameter(torch.ones(2)); p.data = torch.zeros(3); p
p = nn.Parameter(torch.ones(2)); p.data = torch.zeros(3).double(); p.dtype
p = nn.Parameter(torch.ones(2)); p.add_(1)
p = nn.Parameter(torch.ones(2))[0]; type(p).__name__, p
import copy; p = nn.Parameter(torch.ones(2)); p.grad = torch.ones(2); q = copy.deepcopy(p); q, q.grad, type(q).__name__
import copy; p = nn.Parameter(torch.ones(2), requires_grad=False); copy.deepcopy([p, p])[0] is p, copy.deepcopy(p).requires_grad
import pickle; p = nn.Parameter(torch.ones(2)); q = pickle.loads(pickle.dumps(p)); q, type(q).__name__
isinstance(nn.Buffer(torch.ones(1)), nn.Buffer), isinstance(torch.ones(1), nn.Buffer), type(nn.Buffer(torch.ones(1))).__name__, nn.Buffer().persistent
p = nn.parameter.UninitializedParameter(); repr(p), nn.parameter.is_lazy(p)
p = nn.parameter.UninitializedParameter(); p.shape
p = nn.parameter.UninitializedParameter(); p.materialize((2, 3)); type(p).__name__, p.shape, p.requires_grad, nn.parameter.is_lazy(p)
p = nn.parameter.UninitializedParameter(dtype=torch.float64); p.materialize((1,), dtype=torch.float32); p.dtype
p = nn.parameter.UninitializedBuffer(); p.materialize((2,)); p.shape, p.requires_grad
with torch.no_grad(): p = nn.Parameter(torch.ones(1)); p.requires_grad
class P(nn.Parameter): pass; P(torch.ones(1))
sorted(nn.factory_kwargs({'device': 'cpu', 'dtype': torch.float64}))
nn.factory_kwargs({'a': 1})
nn.factory_kwargs(None), nn.factory_kwargs({'factory_kwargs': {'dtype': 3}})
nn.factory_kwargs({'factory_kwargs': {'dtype': 3}, 'dtype': 4})
"""


CASES = [
    *programs(MEMBERS, MODEL), *programs(SETTING, MODEL), *programs(LOADING, MODEL), *programs(HOOKS, MODEL),
    *programs(PARAMETERS, MODEL), *programs("""
e.state_dict()
e.load_state_dict(E(5).state_dict()); e.value
e.load_state_dict({})
nn.ReLU().load_state_dict(e.state_dict())
nn.Sequential(e, nn.ReLU()).state_dict()
""", MODEL + EXTRA),
]  # fmt: skip


@pytest.mark.parametrize("before, line", CASES)
def test_same_as_torch(before: str, line: str) -> None:
    check(before, line)


# what has no counterpart to compare with ---------------------------------------------------------------------------------


def test_copies_are_independent() -> None:
    m = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    m.register_forward_hook(print)
    for again in (copy.deepcopy(m), pickle.loads(pickle.dumps(m))):
        assert repr(again) == repr(m) and list(again._forward_hooks.values()) == [print]
        for p, q in zip(m.state_dict().values(), again.state_dict().values()):
            assert microtorch.equal(p, q) and p.data_ptr() != q.data_ptr()
        again[0].weight.data.fill_(7)
        assert not microtorch.equal(m[0].weight, again[0].weight)


def test_uninitialized_parameters_have_no_values() -> None:
    """PyTorch's message names the function as well."""
    p = nn.parameter.UninitializedParameter()
    for use in (lambda: p + 1, lambda: p.sum(), lambda: microtorch.exp(p), lambda: p.numel()):
        with pytest.raises(ValueError, match="Attempted to use an uninitialized parameter"):
            use()
    assert p.double().dtype is microtorch.float64 and copy.deepcopy(p).requires_grad


def test_handle_is_a_context_manager() -> None:
    m = nn.Identity()
    with m.register_forward_hook(lambda *_: 3):
        assert m(1) == 3
    assert m(1) == 1


@pytest.mark.slow
def test_calling_costs_little() -> None:
    """A call of a module without hooks costs less than half a microsecond over its forward."""

    class Nothing(nn.Module):
        def forward(self, x: Any) -> Any:
            return x

    def best(function: Any) -> float:
        times = []
        for _ in range(20):
            start = time.perf_counter()
            for _ in range(1000):
                function(1)
            times.append(time.perf_counter() - start)
        return min(times) * 1e3

    m = Nothing()
    assert best(m) - best(m.forward) < 0.5
