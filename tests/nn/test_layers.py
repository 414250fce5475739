"""Layers: text, state, arguments and errors; attention, transformers, lazy modules, the adaptive softmax."""

from __future__ import annotations

import pytest

from tests.nn.cases import check, programs

BEFORE = """
nn = torch.nn
x = torch.linspace(-1, 2, 40).reshape(5, 1, 8)
y = torch.linspace(2, -1, 80).reshape(5, 2, 8)
pad = torch.tensor([[False] * 5, [False] * 3 + [True] * 2])
causal = nn.Transformer.generate_square_subsequent_mask(5)
def layer(**options):
    return nn.TransformerEncoderLayer(8, 2, 16, **options)
"""

TRANSFORMERS = """
nn.MultiheadAttention(8, 2)(x, x, x)
nn.MultiheadAttention(8, 2, dropout=.5)(y, y, y)
nn.MultiheadAttention(8, 2, dropout=.5)(y, y, y, need_weights=False)
nn.MultiheadAttention(8, 2, batch_first=True)(y, y, y, average_attn_weights=False)[1].shape
nn.MultiheadAttention(8, 2)(y, y, y, key_padding_mask=pad)
nn.MultiheadAttention(8, 2)(y, y, y, key_padding_mask=pad, attn_mask=causal, is_causal=True)
nn.MultiheadAttention(8, 2)(y, y, y, attn_mask=causal, is_causal=True, need_weights=False)
nn.MultiheadAttention(8, 2)(y, y, y, is_causal=True)
nn.MultiheadAttention(8, 2)(y[:0], y, y)
nn.MultiheadAttention(8, 2)(y[:, :0], y[:, :0], y[:, :0])
nn.EmbeddingBag(5, 3, include_last_offset=True)(torch.tensor([[0, 1], [4, 4]]))
nn.MultiheadAttention(8, 2)(x[:, 0], x[:, 0], x[:, 0])
nn.MultiheadAttention(8, 2, kdim=4, vdim=3, add_bias_kv=True, add_zero_attn=True)(y, y[..., :4], y[..., :3])
nn.MultiheadAttention(8, 2, bias=False)(y[:2], y, y)
nn.MultiheadAttention(8, 3)
nn.MultiheadAttention(0, 3)
nn.MultiheadAttention(8, 2)(y, y, y, key_padding_mask=pad.long())
nn.MultiheadAttention(8, 2)(y, y, y, key_padding_mask=pad.T)
nn.MultiheadAttention(8, 2)(y, y, y, attn_mask=causal[:3])
nn.MultiheadAttention(8, 2)(y[..., :4], y, y)
nn.MultiheadAttention(8, 2)(y, y[:, :1], y)
nn.MultiheadAttention(8, 2)(x[0, 0], x[0, 0], x[0, 0])
repr(layer()), layer()(y), layer(norm_first=True, activation='gelu', bias=False)(y)
layer(dropout=.5, dtype=torch.float64)(y.double()), layer(batch_first=True)(y, src_key_padding_mask=None)
layer(activation='x')
layer(activation=torch.tanh)(y), layer(activation=nn.GELU()).activation_relu_or_gelu, layer(dtype=torch.float64)(y.double())
layer()(y, src_mask=causal, src_key_padding_mask=pad)
layer()(y, src_mask=causal, is_causal=True)
repr(nn.TransformerEncoder(layer(), 2)), nn.TransformerEncoder(layer(), 2, nn.LayerNorm(8))(y)
e = nn.TransformerEncoder(layer(), 2); [torch.equal(p, q) for p, q in zip(e.layers[0].parameters(), e.layers[1].parameters())]
e = nn.TransformerEncoder(layer(), 2).eval(); e(y, mask=causal), e(y, mask=causal, is_causal=True), e(y, src_key_padding_mask=pad)
e = nn.TransformerEncoder(layer(batch_first=True), 2).eval(); z = y.transpose(0, 1); e(z, src_key_padding_mask=pad)
with torch.no_grad(): r = nn.TransformerEncoder(layer(batch_first=True), 2).eval()(y.transpose(0, 1), src_key_padding_mask=pad); r
with torch.no_grad(): r = nn.TransformerEncoder(layer(batch_first=True), 1, nn.LayerNorm(8)).eval()(y.transpose(0, 1), src_key_padding_mask=pad); r
with torch.no_grad(): r = nn.TransformerEncoder(layer(batch_first=True), 1, enable_nested_tensor=False).eval()(y.transpose(0, 1), src_key_padding_mask=pad); r
with torch.no_grad(): r = nn.TransformerEncoder(layer(batch_first=True, norm_first=True), 1).eval()(y.transpose(0, 1), src_key_padding_mask=pad); r
with torch.no_grad(): r = nn.TransformerEncoder(layer(batch_first=True), 1).eval()(y.transpose(0, 1), src_key_padding_mask=pad.flip(1)); r
with torch.no_grad(): r = nn.MultiheadAttention(8, 2, batch_first=True).eval()(*[y.transpose(0, 1)] * 3); r
with torch.no_grad(): z = y.transpose(0, 1); r = nn.MultiheadAttention(8, 2, batch_first=True).eval()(z, z, z, key_padding_mask=pad, need_weights=False); r
repr(nn.TransformerDecoderLayer(8, 2, 16)), nn.TransformerDecoderLayer(8, 2, 16)(y[:3], y), nn.TransformerDecoderLayer(8, 2, 16, norm_first=True)(y[:3], y)
d = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2, nn.LayerNorm(8)); d(y, y, tgt_mask=causal, memory_key_padding_mask=pad), repr(d)
repr(nn.Transformer(8, 2, 1, 1, 16)), nn.Transformer(8, 2, 1, 1, 16)(y, y[:3])
nn.Transformer(8, 2, 1, 1, 16, batch_first=True, dropout=0.)(y, y, tgt_mask=nn.Transformer.generate_square_subsequent_mask(2))
nn.Transformer(8, 2, 1, 1, 16)(y, x)
nn.Transformer(8, 2, 1, 1, 16)(y[..., :4], y)
nn.Transformer(8, 2, 1, 1, 16, batch_first=True)(y, y[:3])
causal, nn.Transformer.generate_square_subsequent_mask(2, dtype=torch.float64)
nn.TransformerEncoder(nn.Linear(2, 2), 2)
"""

LAZY = """
m = nn.LazyLinear(3); (repr(m), m.weight, m(x).shape, repr(m), type(m).__name__, m.weight)
m = nn.LazyLinear(3, bias=False); m(x), list(m.state_dict())
m = nn.LazyLinear(3); list(m.state_dict()), m.has_uninitialized_params(), m.double().weight.dtype
m = nn.LazyConv1d(3, 2).to(torch.float64).to('cpu'); m.weight.dtype, m.bias.dtype, m.to(device='cpu', dtype=torch.float32)(x).dtype
m = nn.LazyLinear(3); m.load_state_dict(nn.Linear(4, 3).state_dict()), m.weight.shape, repr(m)
m = nn.Linear(4, 3); m.load_state_dict(nn.LazyLinear(3).state_dict())
m = nn.LazyLinear(3); m.load_state_dict(nn.LazyLinear(3).state_dict()), m.has_uninitialized_params()
m = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2)); repr(m), m(torch.ones(2, 3, 5, 5)).shape, repr(m)
m = nn.LazyConv1d(4, 3); m(torch.ones(2, 3))
m = nn.LazyConv1d(4, 3); m(torch.ones(2))
m = nn.LazyConv2d(4, 3, groups=2); m(torch.ones(1, 3, 5, 5))
m = nn.LazyConvTranspose2d(4, 3, stride=2, bias=False); m(torch.ones(1, 3, 5, 5)).shape, repr(m), m.weight
m = nn.LazyBatchNorm1d(affine=False); m(torch.ones(2, 3)), repr(m), list(m.state_dict())
m = nn.LazyInstanceNorm2d(affine=True, track_running_stats=True); m(torch.ones(2, 3, 4, 4)).shape, repr(m), list(m.state_dict())
import copy; m = copy.deepcopy(nn.LazyLinear(3)); m(x).shape
import pickle; m = pickle.loads(pickle.dumps(nn.LazyLinear(3))); m(x).shape
m = nn.LazyLinear(3); m.share_memory()
m = nn.LazyLinear(3); m.initialize_parameters(x), m.in_features, m.weight.shape
class L(nn.modules.lazy.LazyModuleMixin, nn.Module): pass; L()(x)
"""

ADAPTIVE = """
repr(a), list(a.state_dict()), a(z, torch.tensor([0, 3, 6, 11]))
a(z, torch.tensor([0, 1, 2, 3])), a(z[0], torch.tensor(7))
a.log_prob(z), a.predict(z), a.log_prob(z).exp().sum(1)
a(z, torch.tensor([0, 3, 6, 11])).loss.backward(), [p.grad for p in a.parameters()]
a(z, torch.tensor([0, 3, 6, 12]))
a(z, torch.tensor([0, 3]))
a(z[0], torch.tensor([0]))
a(z, torch.tensor(3))
a(z, torch.zeros(4, 1, dtype=torch.int64))
nn.AdaptiveLogSoftmaxWithLoss(8, 12, [])
nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 3])
nn.AdaptiveLogSoftmaxWithLoss(8, 12, [5, 3])
nn.AdaptiveLogSoftmaxWithLoss(8, 12, [0, 3])
nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 12])
nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3], div_value=2., head_bias=True)
a.reset_parameters(), a.head.weight
"""

ERRORS = """
nn.Linear(2)
nn.Linear(2, 3)(x)
nn.Linear(0, 3).bias
nn.Linear(2, 3, device='cuda')
nn.Bilinear(0, 2, 3)
nn.Conv1d(2, 3, 2, groups=0)
nn.Conv1d(3, 2, 2, groups=2)
nn.Conv1d(2, 3, 2, groups=2)
nn.Conv2d(2, 4, 3, padding='same', stride=2)
nn.Conv2d(2, 4, 3, padding_mode='reflect', padding=1)(torch.ones(1, 2, 4, 4)).shape
nn.ConvTranspose1d(2, 4, 3, padding_mode='reflect')
nn.ConvTranspose1d(2, 4, 3, stride=2)(torch.ones(1, 2, 4), output_size=[10]).shape
nn.ConvTranspose1d(2, 4, 3, stride=2)(torch.ones(1, 2, 4), output_size=[11])
nn.ConvTranspose1d(2, 4, 3, stride=2)(torch.ones(1, 2, 4), output_size=[1, 2])
nn.ConvTranspose2d(2, 4, 3, stride=2)(torch.ones(2, 4, 4), output_size=(4, 10, 10)).shape
nn.BatchNorm1d(2)(torch.ones(1, 2, 3, 4))
nn.BatchNorm2d(2)(torch.ones(1, 2))
nn.BatchNorm3d(2)(torch.ones(1, 2))
nn.BatchNorm1d(2)(torch.ones(1, 2))
nn.SyncBatchNorm(2)(torch.ones(3))
nn.InstanceNorm1d(2)(torch.ones(1, 3, 4)).shape
nn.InstanceNorm1d(2, affine=True)(torch.ones(1, 3, 4))
nn.InstanceNorm2d(2)(torch.ones(3, 4))
nn.InstanceNorm2d(3)(torch.ones(3, 4, 4)).shape
nn.GroupNorm(3, 4)
nn.Dropout(2)
nn.Dropout(-1)
nn.Hardtanh(2, 1)
nn.Hardtanh(min_value=-2, max_value=3)
nn.Softmax2d()(torch.ones(2))
nn.CircularPad1d(1)(torch.ones(2, 3, 4, 5))
nn.Unflatten(1, 2)
nn.Unflatten(1, (2, 'a'))
nn.Embedding(3, 2, padding_idx=3)
nn.Embedding(3, 2, padding_idx=-4)
nn.Embedding(3, 2, _weight=torch.ones(2, 2))
nn.Embedding.from_pretrained(torch.ones(2))
nn.Embedding.from_pretrained(torch.ones(2, 3)).weight.requires_grad, nn.Embedding.from_pretrained(torch.ones(2, 3), freeze=False).weight
nn.EmbeddingBag.from_pretrained(torch.ones(2, 3), mode='sum').weight.requires_grad, nn.EmbeddingBag(3, 2, padding_idx=0).weight
nn.EmbeddingBag(3, 2, padding_idx=5)
nn.FractionalMaxPool2d(2)
nn.FractionalMaxPool2d(2, output_size=2, output_ratio=.5)
nn.FractionalMaxPool3d(2, output_ratio=1.5)
nn.FractionalMaxPool3d(0, output_ratio=.5)
nn.MultiMarginLoss(p=3)
nn.MultiMarginLoss(weight=torch.ones(2, 2))
nn.TripletMarginLoss(margin=-1)
nn.TripletMarginWithDistanceLoss(margin=0)
nn.HuberLoss(delta='a')
nn.MSELoss(size_average=False).reduction, nn.L1Loss(reduce=False).reduction, nn.BCELoss(size_average=True).reduction
nn.MSELoss(reduction='x')(x, x)
nn.MSELoss(reduction='x').reduction
nn.NLLLoss2d()
nn.LinearCrossEntropyLoss(3, 5, label_smoothing=2.)
repr(nn.LinearCrossEntropyLoss(3, 5, options=nn.LinearCrossEntropyOptions(batch_chunk_size=3)))
nn.LinearCrossEntropyOptions(acc_policy='x')
nn.LinearCrossEntropyOptions(chunking_method='x')
nn.LinearCrossEntropyOptions(chunking_method='aspect_ratio:2', batch_chunk_size=0)
nn.CrossMapLRN2d(3)(torch.ones(1, 2, 3))
nn.CrossMapLRN2d(3, alpha=.5)(torch.arange(60.).reshape(1, 15, 2, 2)), nn.CrossMapLRN2d(4)(torch.ones(1, 2, 1, 1))
nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.BatchNorm1d(2), nn.ReLU()))
m = nn.BatchNorm1d(2, momentum=None); m(torch.arange(6.).reshape(3, 2)), m(torch.ones(3, 2)), m.running_mean, m.running_var, m.num_batches_tracked
m = nn.BatchNorm1d(2, track_running_stats=False).eval(); m(torch.arange(6.).reshape(3, 2)), m.running_mean
m = nn.PReLU(3); m(torch.ones(2, 3, 4) * -1).shape, repr(m), m.weight
nn.Container(a=nn.ReLU())
nn.Upsample(scale_factor=2.5, mode='linear'), nn.Upsample(size=(2, 3)), nn.UpsamplingNearest2d(scale_factor=2), nn.UpsamplingBilinear2d(size=3)
nn.MaxPool2d(2, return_indices=True)(torch.arange(16.).reshape(1, 4, 4))
p, i = nn.MaxPool1d(2, return_indices=True)(torch.arange(8.).reshape(1, 1, 8)); nn.MaxUnpool1d(2)(p, i), nn.MaxUnpool1d(2)(p, i, output_size=(1, 1, 9))
"""

CASES = [
    *programs(TRANSFORMERS, BEFORE), *programs(LAZY, BEFORE), *programs(ERRORS, BEFORE),
    *programs(ADAPTIVE, BEFORE + "a = nn.AdaptiveLogSoftmaxWithLoss(8, 12, [3, 6], div_value=2.)\nz = y[:2].reshape(4, 8)"),
]  # fmt: skip


@pytest.mark.parametrize("before, line", CASES)
def test_same_as_torch(before: str, line: str) -> None:
    check(before, line, exact=False)
