"""Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

from __future__ import annotations

import pytest

from tests.nn.cases import check, programs

BEFORE = """
from collections import OrderedDict
nn = torch.nn
s = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
l = nn.ModuleList([nn.Linear(2, 2), nn.ReLU(), nn.ReLU(), nn.Tanh()])
d = nn.ModuleDict({'b': nn.ReLU(), 'a': nn.Linear(1, 1)})
p = nn.ParameterList([torch.zeros(2, 3), nn.Parameter(torch.ones(1)), 'x'])
q = nn.ParameterDict({'b': torch.zeros(2), 'a': nn.Parameter(torch.ones(1, 2)), 'z': 5})
"""

SEQUENTIAL = """
repr(s), repr(s[1:]), repr(s[-1]), len(s), [type(m).__name__ for m in s]
repr(nn.Sequential(OrderedDict(one=nn.ReLU(), two=nn.Tanh()))), repr(nn.Sequential())
repr(nn.Sequential(OrderedDict(one=nn.ReLU(), two=nn.Tanh()))[:1])
nn.Sequential(3)
nn.Sequential([nn.ReLU()])
s[3]
s[-4]
s['a']
s[0] = nn.Tanh(); repr(s)
s[5] = nn.Tanh()
s[0] = 5
del s[0]; repr(s)
del s[0:2]; repr(s), list(s.state_dict())
del s[7]
repr(s + s), repr(nn.Sequential(nn.ReLU()) * 2), repr(2 * nn.Sequential(nn.ReLU()))
s + [nn.ReLU()]
s * 0
s * 'a'
s *= 2; repr(s), s[3] is s[0]
s += nn.Sequential(nn.Tanh()); repr(s)
s += 3
s.append(nn.Tanh()) is s, repr(s)
s.append(5)
s.insert(1, nn.Tanh()) is s, repr(s)
s.insert(-1, nn.Tanh()); repr(s)
s.insert(9, nn.Tanh())
s.insert(0, 5)
s.extend([nn.Tanh(), nn.GELU()]); repr(s)
s.extend(5)
repr(s.pop(0)), repr(s)
s.pop(9)
s(torch.ones(1, 2)).shape
nn.Sequential()(3)
dir(s).count('0'), s.training
"""

LISTS = """
repr(l), repr(l[1:]), len(l), repr(l[-1]), repr(nn.ModuleList()), repr(nn.ModuleList([nn.Sequential(nn.ReLU())] * 3))
l[4]
l[-5]
l['a']
l[0] = nn.Tanh(); repr(l)
l[0] = 5
del l[0]; repr(l)
del l[1:3]; repr(l)
l += [nn.GELU()]; repr(l)
repr(l + [nn.GELU()]), len(l)
l + 3
l += 3
nn.ModuleList(3)
nn.ModuleList([3])
nn.ModuleList([None])[0]
l.append(nn.GELU()) is l, repr(l)
l.append('a')
l.insert(0, nn.GELU()); repr(l)
l.extend((nn.GELU(),)) is l, len(l)
l.extend(5)
repr(l.pop(0)), len(l), repr(l.pop(-1))
l(3)
[n for n, _ in l.named_parameters()], nn.Linear in [type(m) for m in l]
repr(d), len(d), list(d), list(d.keys()), 'a' in d, 'z' in d, repr(d['b']), repr(nn.ModuleDict())
d['z']
d['c'] = nn.Tanh(); repr(d)
d['c'] = 5
d[5] = nn.Tanh()
d['x.y'] = nn.Tanh()
del d['a']; list(d)
del d['q']
repr(d.pop('a')), list(d)
d.pop('q')
d.clear(); len(d)
[(k, repr(v)) for k, v in d.items()], [repr(v) for v in d.values()]
d.update({'c': nn.Tanh()}); list(d)
d.update([('c', nn.Tanh()), ['e', nn.GELU()]]); list(d)
d.update(5)
d.update([5])
d.update([('a', 'b', 'c')])
nn.ModuleDict([('x', nn.ReLU())]), repr(nn.ModuleDict(OrderedDict(z=nn.ReLU(), y=nn.Tanh())))
d['keys'] = nn.ReLU()
d(3)
"""

PARAMETERS = """
repr(p), len(p), p[1], [type(v).__name__ for v in p], p[-1], list(p.state_dict()), repr(nn.ParameterList())
repr(p[:2]), len(p[1:]), [n for n, _ in p.named_parameters()]
p[3]
p[0] = torch.ones(1); p[0], type(p[0]).__name__
p[0] = 'a'
p[9] = 3
p.append(torch.ones(1)) is p, repr(p)
p.extend([1, 2]); repr(p)
p.extend(5)
p.extend(torch.ones(2))
p += [torch.ones(1)]; len(p)
p(3)
repr(q), len(q), list(q), q['a'], q['z'], list(q.state_dict()), 'a' in q, repr(nn.ParameterDict())
q['nope']
q[5]
q[5] = 3
q['c'] = torch.ones(1); list(q), type(q['c']).__name__
del q['a']; list(q), list(q.state_dict())
del q['nope']
q.pop('a'), list(q)
q.popitem(), list(q)
q.get('a') is q['a'], q.get('nope'), q.get('nope', 3)
q.setdefault('a', 3), q.setdefault('n', torch.ones(1)), list(q)
list(q.fromkeys(['x', 'y'], torch.ones(1)).values())
list(q.keys()), [k for k, _ in q.items()], list(reversed(q))
q.update({'y': torch.ones(1), 'x': 3}); list(q)
q.update(OrderedDict(y=1, x=2)); list(q)
q.update([('w', 1)]); list(q)
q.update(5)
q.update([5])
q.update([(1, 2, 3)])
list(q | {'w': 3}), list({'w': 3} | q), list(q.copy())
q |= {'w': 3}; list(q)
q.clear(); len(q), list(q.state_dict())
q(3)
nn.ParameterDict([('a', torch.ones(1))])['a']
"""

CASES = programs(SEQUENTIAL, BEFORE) + programs(LISTS, BEFORE) + programs(PARAMETERS, BEFORE)


@pytest.mark.parametrize("before, line", CASES)
def test_same_as_torch(before: str, line: str) -> None:
    check(before, line)
