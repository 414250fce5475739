"""nn.utils: clipping, packed sequences, normalizations, parametrizations, pruning, stateless calls."""

from __future__ import annotations

import pytest

import microtorch
from microtorch.ops.weight_norm import weight_norm
from tests.nn.cases import check, programs

BEFORE = """
import copy
nn = torch.nn
U = nn.utils
R = nn.utils.rnn
P = nn.utils.parametrize
Z = nn.utils.parametrizations
m = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 2))
x = torch.tensor([[1.0, -2.0], [0.5, 4.0]])
def grads(model=m, scale=1):
    model(x).pow(2).mul(scale).sum().backward()
    return [p.grad for p in model.parameters()]
"""

CLIPPING = """
grads(); U.clip_grad_norm_(m.parameters(), 1.0), grads(scale=0)
grads(); U.clip_grad_norm_(m.parameters(), 1000.0), grads(scale=0)
grads(); U.clip_grad_norm_(m.parameters(), 0.5, norm_type=1), grads(scale=0)
grads(); U.clip_grad_norm_(list(m.parameters()), 0.5, float('inf')), grads(scale=0)
grads(); U.clip_grad_norm_(m[0].weight, 0.5, norm_type=3.0), grads(scale=0)
grads(); U.clip_grad_norm_(m[0].weight, 0.5, norm_type=0), U.clip_grad_norm_(m[0].weight, 0.5, norm_type=-float('inf'))
U.clip_grad_norm_(m.parameters(), 1.0)
U.clip_grad_norm_([], 1.0)
m[0].weight.grad = torch.full((3, 2), float('inf')); U.clip_grad_norm_(m.parameters(), 1.0, error_if_nonfinite=True)
m[0].weight.grad = torch.full((3, 2), float('inf')); U.clip_grad_norm_(m.parameters(), 1.0), m[0].weight.grad
grads(); U.clip_grad_value_(m.parameters(), 0.25), grads(scale=0)
grads(); U.clip_grad_value_(m[0].bias, 0.25), grads(scale=0)
grads(); U.get_total_norm([p.grad for p in m.parameters()]), U.get_total_norm([]), U.get_total_norm(x, 1)
grads(); U.clip_grads_with_norm_(m.parameters(), 1.0, torch.tensor(10.0)), grads(scale=0)
grads(); U.clip_grad_norm(m.parameters(), 1.0)
U.parameters_to_vector(m.parameters())
v = torch.arange(17.0); U.vector_to_parameters(v, m.parameters()), list(m.parameters()), [p.is_leaf for p in m.parameters()]
U.vector_to_parameters([1.0], m.parameters())
"""

SEQUENCES = """
R.pad_sequence([torch.ones(2, 3), torch.ones(4, 3)])
R.pad_sequence([torch.ones(2), torch.ones(4)], batch_first=True, padding_value=-1.0)
R.pad_sequence((torch.tensor([1, 2]), torch.tensor([3])), True, 9, 'left')
R.pad_sequence([torch.ones(2), torch.ones(4)], padding_side='up')
R.pad_sequence(torch.ones(2, 3), batch_first=True)
R.pad_sequence(5)
R.pad_sequence([])
a = torch.ones(2, requires_grad=True); R.pad_sequence([a, a[:1]]).sum().backward(), a.grad
R.pack_sequence([torch.tensor([1, 2, 3]), torch.tensor([4, 5]), torch.tensor([6])])
R.pack_sequence([torch.tensor([1]), torch.tensor([4, 5])])
R.pack_sequence([torch.tensor([1]), torch.tensor([4, 5]), torch.tensor([6, 7, 8])], enforce_sorted=False)
R.unpack_sequence(R.pack_sequence([torch.tensor([1]), torch.tensor([4, 5]), torch.tensor([6, 7, 8])], enforce_sorted=False))
R.pack_padded_sequence(torch.arange(12.0).reshape(3, 4), [4, 2, 1], batch_first=True)
R.pack_padded_sequence(torch.arange(12.0).reshape(4, 3), torch.tensor([4, 2, 2]))
R.pack_padded_sequence(torch.arange(12.0).reshape(4, 3), [1, 2, 4])
R.pack_padded_sequence(torch.arange(12.0).reshape(4, 3), [4, 2, 0])
R.pack_padded_sequence(torch.arange(12.0).reshape(4, 3), [4, 2])
R.pack_padded_sequence(torch.arange(24.0).reshape(4, 3, 2), [1, 3, 2], enforce_sorted=False)
p = R.pack_padded_sequence(torch.arange(24.0).reshape(4, 3, 2), [1, 3, 2], enforce_sorted=False); R.pad_packed_sequence(p)
p = R.pack_padded_sequence(torch.arange(24.0).reshape(4, 3, 2), [4, 3, 2]); R.pad_packed_sequence(p, True, -1.0, total_length=6)
p = R.pack_padded_sequence(torch.arange(24.0).reshape(4, 3, 2), [4, 3, 2]); R.pad_packed_sequence(p, total_length=3)
p = R.pack_sequence([torch.ones(3), torch.ones(2)]); p.double().data.dtype, p.to(torch.float32) is p, p.cpu() is p, p.is_cuda, p.is_pinned()
p = R.pack_sequence([torch.ones(3), torch.ones(2)]); data, sizes, i, j = p; type(p).__name__, sizes, i, j, p[0]
R.PackedSequence(torch.ones(3), torch.tensor([2, 1])), R.PackedSequence((torch.ones(3), torch.tensor([2, 1])))
R.PackedSequence(torch.ones(3))
R.pack_padded_sequence(torch.ones(4, 3), [6, 2, 1])
R.pack_padded_sequence(torch.ones(4, 3), 3)
R.pack_padded_sequence(torch.ones(4, 3), [[4, 2, 1]])
R.pack_padded_sequence(torch.ones(0, 3), [1, 1, 1])
R.invert_permutation(torch.tensor([2, 0, 1])), R.invert_permutation(None)
R.unpad_sequence(torch.arange(6).reshape(2, 3), torch.tensor([3, 1]), batch_first=True)
R.unpad_sequence(torch.arange(6).reshape(2, 3), torch.tensor([1, 2, 1]))
a = torch.ones(3, 2, requires_grad=True); p = R.pack_padded_sequence(a, [3, 1]); (p.data * torch.arange(4.0)).sum().backward(); a.grad
"""

NORMS = """
w = U.weight_norm(m[0]); repr(m), list(m.state_dict()), m(x), w.weight_g
U.weight_norm(m[0], 'bias'); list(m.state_dict()), grads()
U.weight_norm(m[0], dim=None); m[0].weight_g, m(x), grads()
U.weight_norm(m[0], dim=1); m[0].weight_g, grads()
U.weight_norm(m[0]); U.weight_norm(m[0])
U.weight_norm(m[0]); U.remove_weight_norm(m[0]), list(m.state_dict()), m(x)
U.remove_weight_norm(m[0])
U.weight_norm(nn.LazyLinear(3))
U.weight_norm(m[0]); copy.deepcopy(m)
U.spectral_norm(m[0]); list(m.state_dict()), m(x), m[0].weight_u, str(m.state_dict()._metadata)
U.spectral_norm(m[0], n_power_iterations=3); m(x); grads()
U.spectral_norm(m[0]); m.eval(); m(x), m(x)
U.spectral_norm(m[0]); U.spectral_norm(m[0])
U.spectral_norm(m[0], n_power_iterations=0)
U.spectral_norm(m[0]); U.remove_spectral_norm(m[0]), list(m.state_dict()), m(x)
U.remove_spectral_norm(m[0])
U.spectral_norm(m[0]); s = m.state_dict(); n = nn.Sequential(U.spectral_norm(nn.Linear(2, 3)), nn.Tanh(), nn.Linear(3, 2)); n.load_state_dict(s)
U.spectral_norm(nn.ConvTranspose2d(2, 3, 2)).weight_u.shape, U.spectral_norm(nn.Conv2d(2, 3, 2)).weight_u.shape
Z.weight_norm(m[0]); repr(m), list(m.state_dict()), m(x), m[0].weight
Z.weight_norm(m[0], dim=None); m(x), grads()
n = copy.deepcopy(m); U.weight_norm(n[0]); Z.weight_norm(m[0]); m.load_state_dict(n.state_dict()), m(x)
Z.spectral_norm(m[0]); repr(m), list(m.state_dict()), m(x), m[0].weight
Z.spectral_norm(m[0]); m.eval(); m(x), m(x), grads()
Z.spectral_norm(m[0], 'bias'); m(x)
Z.spectral_norm(m[0], 'nope')
Z.spectral_norm(m[0], dim=5)
Z.spectral_norm(m[0], n_power_iterations=0)
Z.orthogonal(m[0]); repr(m), list(m.state_dict()), m(x).shape, (m[0].weight.T @ m[0].weight - torch.eye(2)).abs().max() < 1e-5
n = Z.orthogonal(nn.Linear(3, 3), orthogonal_map='matrix_exp'); (n.weight @ n.weight.T - torch.eye(3)).abs().max() < 1e-5, list(n.state_dict())
n = Z.orthogonal(nn.Linear(4, 3), orthogonal_map='cayley'); (n.weight @ n.weight.T - torch.eye(3)).abs().max() < 1e-5, n.weight.requires_grad
n = Z.orthogonal(nn.Linear(4, 3), use_trivialization=False); (n.weight @ n.weight.T - torch.eye(3)).abs().max() < 1e-5
n = Z.orthogonal(nn.Linear(3, 3), use_trivialization=False); n.weight = torch.eye(3)
n = Z.orthogonal(nn.Linear(3, 3)); n.weight = torch.eye(3); (n.weight - torch.eye(3)).abs().max() < 1e-5
n = Z.orthogonal(nn.Linear(3, 3)); n.weight = torch.eye(2)
Z.orthogonal(nn.Linear(3, 3), 'bias')
Z.orthogonal(nn.Linear(3, 3), 'nope')
Z.orthogonal(nn.Linear(3, 3), orthogonal_map='nope')
"""

PARAMETRIZE = """
P.register_parametrization(m[0], 'weight', S()) is m[0], repr(m), list(m.state_dict()), m[0].weight, grads()
P.register_parametrization(m[0], 'weight', S()); type(m[0]).__name__, isinstance(m[0], nn.Linear), P.is_parametrized(m[0]), P.is_parametrized(m[0], 'bias')
P.register_parametrization(m[0], 'weight', S()); m[0].weight = torch.ones(3, 2); m[0].weight, m[0].parametrizations.weight.original
P.register_parametrization(m[0], 'weight', S()); P.register_parametrization(m[0], 'weight', S()); m[0].weight, len(m[0].parametrizations.weight)
P.register_parametrization(m[0], 'nope', S())
P.register_parametrization(m[0], 'weight', S()); p = m[0].parametrizations.weight; P.register_parametrization(p, 'original', S()); m[0].weight, p.original, repr(m), list(m.state_dict()), P.remove_parametrizations(p, 'original', leave_parametrized=False), repr(m), m[0].weight
P.register_parametrization(m[0], 'weight', nn.Flatten(0))
P.register_parametrization(m[0], 'weight', nn.Flatten(0), unsafe=True); m[0].weight.shape
P.register_parametrization(m[0], 'weight', D())
P.register_parametrization(m[0], 'weight', S()); P.register_parametrization(m[0], 'weight', nn.Flatten(0))
P.register_parametrization(m[0], 'weight', nn.Tanh()); m[0].weight = torch.ones(3, 2)
P.register_parametrization(m[0], 'weight', T()); list(m.state_dict()), m[0].weight, grads()
P.register_parametrization(m[0], 'weight', T()); m[0].weight = torch.ones(3, 2); m[0].weight
P.register_parametrization(m[0], 'weight', S()); P.remove_parametrizations(m[0], 'weight'), m[0].weight, type(m[0]).__name__, list(m.state_dict())
P.register_parametrization(m[0], 'weight', S()); P.remove_parametrizations(m[0], 'weight', False), m[0].weight, type(m[0].weight).__name__
P.register_parametrization(m[0], 'weight', T()); P.remove_parametrizations(m[0], 'weight'), m[0].weight, m[0].weight.requires_grad
P.register_parametrization(m[0], 'weight', T()); P.remove_parametrizations(m[0], 'weight', leave_parametrized=False)
P.remove_parametrizations(m[0], 'weight')
P.register_parametrization(m[0], 'weight', S()); n = copy.deepcopy(m); n[0].weight, n[0].weight is m[0].weight, list(n.state_dict())
import pickle; P.register_parametrization(m[0], 'weight', S()); pickle.dumps(m)
P.register_parametrization(m[0], 'weight', S()); P.type_before_parametrizations(m[0]).__name__, P.type_before_parametrizations(m[2]).__name__
P.register_parametrization(m[0], 'weight', S()); n = P.transfer_parametrizations_and_params(m[0], nn.Linear(2, 3)); n.weight, repr(n)
b = nn.BatchNorm1d(2); P.register_parametrization(b, 'running_mean', S()); list(b.state_dict()), b.running_mean
P.register_parametrization(m[0], 'weight', S()); m.train(False); m[0].parametrizations.weight[0].training
P.ParametrizationList([], torch.ones(1))
P.register_parametrization(m[0], 'weight', S()); n = copy.deepcopy(m); n.load_state_dict(m.state_dict())
"""

PARAMETRIZATIONS = (
    BEFORE
    + """
class S(nn.Module):
    def forward(self, x):
        return x * 2
    def right_inverse(self, x):
        return x / 2
class D(nn.Module):
    def forward(self, x):
        return x.double()
class T(nn.Module):
    def forward(self, a, b):
        return a + b
    def right_inverse(self, x):
        return x * 2, -x
"""
)

PRUNING = """
W.l1_unstructured(m[0], 'weight', 2), m[0].weight, list(m.state_dict()), m[0].weight_mask, W.is_pruned(m), grads()
W.l1_unstructured(m[0], 'weight', .5, importance_scores=torch.arange(6.0).reshape(3, 2)); m[0].weight_mask
W.l1_unstructured(m[0], 'weight', .5, importance_scores=torch.ones(2))
W.random_unstructured(m[0], 'weight', 3); m[0].weight_mask
W.random_structured(m[2], 'weight', 1, 0); m[2].weight_mask
W.random_structured(m[2], 'weight', .4, dim=-1); m[2].weight_mask
W.ln_structured(m[2], 'weight', 1, n=2, dim=1); m[2].weight_mask
W.ln_structured(m[2], 'bias', 1, n=2, dim=0)
W.ln_structured(m[2], 'weight', 1, n=2, dim=3)
W.identity(m[0], 'bias'); m[0].bias_mask, m(x)
W.custom_from_mask(m[0], 'bias', torch.tensor([1, 0, 1])); m[0].bias, m[0].bias_mask
W.l1_unstructured(m[0], 'weight', 2); W.random_unstructured(m[0], 'weight', 2); m[0].weight_mask, len(m[0]._forward_pre_hooks)
W.l1_unstructured(m[0], 'weight', 2); W.ln_structured(m[0], 'weight', 1, 2, 0); m[0].weight_mask
W.l1_unstructured(m[0], 'weight', 2); W.remove(m[0], 'weight'), m[0].weight, list(m.state_dict()), W.is_pruned(m)
W.remove(m[0], 'weight')
W.l1_unstructured(m[0], 'weight', 20)
W.l1_unstructured(m[0], 'weight', -1)
W.l1_unstructured(m[0], 'weight', 1.5)
W.l1_unstructured(m[0], 'weight', 'a')
W.l1_unstructured(m[0], 'weight', 0); m[0].weight_mask
W.global_unstructured([(m[0], 'weight'), (m[2], 'weight')], W.L1Unstructured, amount=.5), m[0].weight_mask, m[2].weight_mask
W.global_unstructured([(m[0], 'weight')], W.LnStructured, amount=.5, n=2)
W.global_unstructured(3, W.L1Unstructured, amount=.5)
W.L1Unstructured(2).prune(torch.tensor([1.0, -3.0, 2.0]))
W.PruningContainer(3)
"""

OTHERS = """
n = nn.BatchNorm2d(3).eval(); c = nn.Conv2d(2, 3, 2).eval(); n(torch.ones(1, 3, 1, 1)); f = U.fuse_conv_bn_eval(c, n); repr(f), f.weight, f.bias
n = nn.BatchNorm1d(3).eval(); c = nn.Linear(2, 3).eval(); n.running_mean += 1; f = U.fuse_linear_bn_eval(c, n); f(x), n(c(x))
U.fuse_conv_bn_eval(nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3))
U.fuse_linear_bn_eval(nn.Linear(2, 3).eval(), nn.BatchNorm1d(2).eval())
repr(U.skip_init(nn.Linear, 2, 3)), U.skip_init(nn.Linear, 2, 3, dtype=torch.float64).weight.dtype
U.skip_init(nn.ReLU)
U.skip_init(nn.Linear, 2, 3); torch.rand(1)
U.stateless.functional_call(m[0], {'weight': torch.ones(3, 2)}, x), m[0].weight.sum() < 6
U.stateless.functional_call(m, {'0.weight': torch.ones(3, 2), '2.bias': torch.zeros(2)}, (x,), {})
U.stateless.functional_call(m, {'0.nope.x': torch.ones(3, 2)}, x)
U.stateless.functional_call(m[0], {'weight': torch.ones(3, 2)}, x, strict=True)
U.stateless.functional_call(m[0], {'weight': torch.ones(3, 2), 'bias': torch.zeros(3), 'z': x}, x, strict=True)
w = torch.ones(3, 2, requires_grad=True); U.stateless.functional_call(m[0], {'weight': w}, x).sum().backward(); w.grad
m[2].weight = nn.Parameter(torch.ones(2, 3)); m[2].again = m[2].weight; U.stateless.functional_call(m, {'2.weight': torch.zeros(2, 3)}, x)
U.stateless.functional_call(m[0], {'weight': 3}, x)
U.stateless.functional_call(m, {'0': torch.ones(3, 2)}, x)
U.stateless.functional_call(m, {'0.in_features.x': torch.ones(3, 2)}, x)
U.stateless.functional_call(m[0], {'': torch.ones(3, 2)}, x)
U.stateless.functional_call(m[0], {'out_features': torch.ones(3, 2)}, x)
m[2].again = m[2].weight; U.stateless.functional_call(m, {'2.weight': torch.zeros(2, 3), '2.again': torch.ones(2, 3)}, x)
nn.modules.utils.consume_prefix_in_state_dict_if_present(s := nn.Sequential(m).state_dict(), '0.'), list(s), list(s._metadata)
"""

CASES = [
    *programs(CLIPPING, BEFORE), *programs(SEQUENCES, BEFORE), *programs(NORMS, BEFORE), *programs(PARAMETRIZE, PARAMETRIZATIONS),
    *programs(PRUNING, BEFORE + "import importlib\nW = importlib.import_module(torch.__name__ + '.nn.utils.prune')"), *programs(OTHERS, BEFORE),
]  # fmt: skip


@pytest.mark.parametrize("before, line", CASES)
def test_same_as_torch(before: str, line: str) -> None:
    check(before, line, exact=False)


@pytest.mark.parametrize("shape, dim, lengths", [((3, 2), 0, (3, 1)), ((3, 2), 1, (1, 2)), ((2, 2, 2), -1, ())])
def test_weight_norm_derivatives(shape: tuple[int, ...], dim: int, lengths: tuple[int, ...]) -> None:
    microtorch.manual_seed(0)
    v = microtorch.randn(*shape, dtype=microtorch.float64, requires_grad=True)
    g = microtorch.randn(lengths, dtype=microtorch.float64, requires_grad=True)
    assert microtorch.autograd.gradcheck(lambda v, g: weight_norm(v, g, dim), (v, g))
    assert microtorch.autograd.gradgradcheck(lambda v, g: weight_norm(v, g, dim), (v, g))
